// JSON at the border: whatever is read is within its bounds, and what the writer makes of it reads
// back as the same text again.
#include "base/json.h"
#include "base/assert.h"
#include "base/limits.h"

static void walk(const struct json *node, uint32_t depth) {
    cy_assert(depth <= LIMIT_JSON_DEPTH + 1);
    for (const struct json *child = json_first(node); child; child = json_next(child)) {
        struct str name = json_name(child);
        if (json_is_object(node) && name.size) {
            cy_assert(json_member(node, name.data) == child);
        }
        walk(child, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct json *root = NULL, *again = NULL;
    struct fault fault = {0};
    if (json_parse((struct str){(const char *)data, size}, &root, &fault) != OK) {
        cy_assert(root == NULL && fault.code[0] != '\0');
        return 0;
    }
    walk(root, 0);
    struct buf once, twice;
    buf_open(&once, 16 * (size_t)LIMIT_JSON_BYTES);
    buf_open(&twice, 16 * (size_t)LIMIT_JSON_BYTES);
    json_write(&once, root);
    if (once.size <= LIMIT_JSON_BYTES && json_parse(buf_str(&once), &again, NULL) == OK) {
        json_write(&twice, again);
        cy_assert(str_equal(buf_str(&once), buf_str(&twice)));
        json_close(again);
    } else {
        // Numbers may grow when they are written; nothing else may make it unreadable.
        cy_assert(once.size > LIMIT_JSON_BYTES);
    }
    buf_close(&once);
    buf_close(&twice);
    json_close(root);
    return 0;
}
