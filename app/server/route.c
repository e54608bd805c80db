#include <string.h>

#include "server/server_private.h"

// "{id}" and "{number}" take a number from 1, "{word}" any one segment.
static bool part_take(struct str pattern, struct str part, struct route_match *match) {
    if (str_is(pattern, "{word}")) {
        match->word = part;
        return part.size > 0;
    }
    bool id = str_is(pattern, "{id}"), number = str_is(pattern, "{number}");
    if (!id && !number) return str_equal(pattern, part);
    // No sign, no leading zero: one thing has one address.
    return part.size > 0 && part.data[0] != '0' &&
           str_to_u64(part, id ? &match->id : &match->number);
}

static bool path_fits(const char *pattern_text, struct str path, struct route_match *match) {
    size_t plain = 0; // up to the first variable both are the same bytes
    while (pattern_text[plain] && pattern_text[plain] != '{') plain++;
    if (path.size < plain || memcmp(pattern_text, path.data, plain) != 0) return false;
    struct str pattern = str_of(pattern_text + plain);
    struct str rest = {path.data + plain, path.size - plain};
    if (pattern.size == 0) return rest.size == 0;
    while (pattern.data && rest.data) {
        if (!part_take(str_cut(pattern, '/', &pattern), str_cut(rest, '/', &rest), match)) {
            return false;
        }
    }
    return !pattern.data && !rest.data;
}

struct route_match route_find(const struct route *table, size_t count, enum http_method method,
                              struct str path) {
    bool known = false;
    if (method == HTTP_HEAD) method = HTTP_GET;
    for (size_t i = 0; i < count; i++) {
        struct route_match match = {.route = &table[i], .path_known = true};
        if (!path_fits(table[i].path, path, &match)) continue;
        known = true;
        if (table[i].method == method) return match;
    }
    return (struct route_match){.path_known = known};
}

void route_allow(const struct route *table, size_t count, struct str path, struct buf *out) {
    struct route_match match;
    size_t start = out->size;
    for (size_t i = 0; i < count; i++) {
        if (!path_fits(table[i].path, path, &match)) continue;
        if (out->size > start) buf_add_text(out, ", ");
        buf_add_text(out, http_method_name(table[i].method));
        if (table[i].method == HTTP_GET) buf_add_text(out, ", HEAD");
    }
}
