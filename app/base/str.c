#include "base/str.h"

#include <string.h>

struct str str_of(const char *c_string) {
    if (!c_string) return STR_NONE;
    return (struct str){c_string, strlen(c_string)};
}

bool str_equal(struct str a, struct str b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool str_is(struct str a, const char *c_string) {
    return str_equal(a, str_of(c_string));
}

bool str_starts(struct str s, struct str prefix) {
    return s.size >= prefix.size && str_equal((struct str){s.data, prefix.size}, prefix);
}

bool str_ends(struct str s, struct str suffix) {
    if (s.size < suffix.size) return false;
    return str_equal((struct str){s.data + s.size - suffix.size, suffix.size}, suffix);
}

uint64_t str_hash(struct str s) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.size; i++) hash = (hash ^ (uint8_t)s.data[i]) * 0x100000001b3u;
    return hash;
}

int str_compare(struct str a, struct str b) {
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared ? memcmp(a.data, b.data, shared) : 0;
    if (order != 0) return order;
    return (a.size > b.size) - (a.size < b.size);
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s) {
    while (s.size > 0 && is_space(s.data[0])) s.data++, s.size--;
    while (s.size > 0 && is_space(s.data[s.size - 1])) s.size--;
    return s;
}

struct str str_cut(struct str s, char separator, struct str *rest) {
    const char *at = s.size ? memchr(s.data, separator, s.size) : NULL;
    if (!at) {
        *rest = STR_NONE;
        return s;
    }
    size_t before = (size_t)(at - s.data);
    *rest = (struct str){at + 1, s.size - before - 1};
    return (struct str){s.data, before};
}

bool str_to_u64(struct str s, uint64_t *out) {
    if (s.size == 0 || s.size > 20) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < s.size; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') return false;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value)) return false;
        if (__builtin_add_overflow(value, (uint64_t)(s.data[i] - '0'), &value)) return false;
    }
    *out = value;
    return true;
}

bool str_to_i64(struct str s, int64_t *out) {
    bool negative = s.size > 0 && s.data[0] == '-';
    if (negative) s.data++, s.size--;
    uint64_t magnitude;
    if (!str_to_u64(s, &magnitude)) return false;
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) return false;
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool str_copy(char *out, size_t out_size, struct str s) {
    if (out_size == 0) return false;
    out[0] = '\0';
    if (s.size >= out_size) return false;
    if (s.size) memcpy(out, s.data, s.size);
    out[s.size] = '\0';
    return true;
}
