#include <string.h>

#include "base/text.h"
#include "server/http_private.h"

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool http_decode(struct str in, bool plus, char *out, size_t *out_size) {
    size_t size = 0;
    bool high = false;
    for (size_t i = 0; i < in.size; i++) {
        char c = in.data[i];
        if (c == '%') {
            int upper = i + 2 < in.size ? hex_digit(in.data[i + 1]) : -1;
            int under = i + 2 < in.size ? hex_digit(in.data[i + 2]) : -1;
            if (upper < 0 || under < 0) return false;
            c = (char)(upper * 16 + under);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if ((unsigned char)c < 0x20 || c == 0x7F) return false;
        if ((unsigned char)c >= 0x80) high = true;
        out[size++] = c;
    }
    if (high && !utf8_valid((struct str){out, size})) return false;
    *out_size = size;
    return true;
}

bool http_query_parse(struct str query, char *room, struct call_query out[static HTTP_QUERY_MAX],
                      uint32_t *out_count) {
    uint32_t count = 0;
    while (query.data) {
        struct str value, pair = str_cut(query, '&', &query);
        if (pair.size == 0) continue;
        if (count == HTTP_QUERY_MAX) return false;
        struct str name = str_cut(pair, '=', &value);
        size_t size;
        if (!http_decode(name, true, room, &size)) return false;
        out[count].name = (struct str){room, size};
        room += size;
        if (!http_decode(value, true, room, &size)) return false;
        out[count++].value = (struct str){room, size};
        room += size;
    }
    *out_count = count;
    return true;
}

struct str http_cookie(struct str field, const char *name) {
    while (field.data) {
        struct str value, pair = str_trim(str_cut(field, ';', &field));
        if (str_is(str_cut(pair, '=', &value), name) && value.data) return value;
    }
    return STR_NONE;
}

enum http_range http_range_parse(struct str field, uint64_t size, uint64_t *out_first,
                                 uint64_t *out_count) {
    struct str bytes = STR("bytes="), last_text;
    if (!str_starts(field, bytes)) return HTTP_RANGE_NONE;
    field.data += bytes.size;
    field.size -= bytes.size;
    if (memchr(field.data, ',', field.size)) return HTTP_RANGE_NONE;
    struct str first_text = str_trim(str_cut(field, '-', &last_text));
    last_text = str_trim(last_text);
    uint64_t first = 0, last = UINT64_MAX;
    if (first_text.size == 0) { // the last N bytes
        uint64_t tail;
        if (!str_to_u64(last_text, &tail)) return HTTP_RANGE_NONE;
        if (tail == 0 || size == 0) return HTTP_RANGE_OUTSIDE;
        first = tail < size ? size - tail : 0;
    } else {
        if (!last_text.data || !str_to_u64(first_text, &first)) return HTTP_RANGE_NONE;
        if (last_text.size && (!str_to_u64(last_text, &last) || last < first)) {
            return HTTP_RANGE_NONE;
        }
    }
    if (first >= size) return HTTP_RANGE_OUTSIDE;
    if (last >= size) last = size - 1;
    *out_first = first;
    *out_count = last - first + 1;
    return HTTP_RANGE_PART;
}
