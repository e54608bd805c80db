// The head of a request: whatever comes, in one piece or in two, the reader says the same, and what
// it hands out lies within what it was given.
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "server/http_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct str part, struct str whole) {
    if (part.data) cy_assert(part.data >= whole.data);
    if (part.data) cy_assert(part.data + part.size <= whole.data + whole.size);
}

static void parse(struct str head) {
    struct http_head out;
    struct http_fault fault = {0};
    if (!http_parse(head, &out, &fault)) {
        cy_assert(fault.status >= 400 && fault.status < 600 && fault.code);
        return;
    }
    const struct str parts[] = {out.target,        out.path,          out.query,    out.host,
                                out.authorization, out.cookie,        out.origin,   out.range,
                                out.if_range,      out.if_none_match, out.courtyard};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) inside(parts[i], head);
    cy_assert(out.path.size > 0 && out.path.data[0] == '/');
    cy_assert(!memchr(head.data, '\0', head.size));
    cy_assert(!out.transfer_coded && (out.has_length || out.content_length == 0));
    static char room[HTTP_HEAD_BYTES_MAX];
    struct call_query query[HTTP_QUERY_MAX];
    uint32_t count = 0;
    if (http_query_parse(out.query, room, query, &count)) {
        for (uint32_t i = 0; i < count; i++) {
            inside(query[i].name, (struct str){room, sizeof room});
            inside(query[i].value, (struct str){room, sizeof room});
        }
    }
    inside(http_cookie(out.cookie, "courtyard"), head);
    uint64_t first = 0, length = 0;
    if (http_range_parse(out.range, 1000, &first, &length) == HTTP_RANGE_PART) {
        cy_assert(first < 1000 && length >= 1 && first + length <= 1000);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    // The first byte says where the input is cut in two.
    if (size == 0) return 0;
    struct str all = {(const char *)data + 1, size - 1};
    struct http_scan whole = {0}, cut = {0};
    struct http_fault fault = {0}, cut_fault = {0};
    enum http_found found = http_scan(&whole, all, &fault);
    size_t first = all.size * data[0] / 256;
    enum http_found cut_found = http_scan(&cut, (struct str){all.data, first}, &cut_fault);
    if (cut_found == HTTP_MORE) cut_found = http_scan(&cut, all, &cut_fault);
    cy_assert(found == cut_found);
    if (found == HTTP_BAD) cy_assert(fault.status == cut_fault.status);
    if (found == HTTP_WHOLE) {
        cy_assert(whole.at == cut.at && whole.at <= all.size);
        parse((struct str){all.data, whole.at});
    }
    return 0;
}
