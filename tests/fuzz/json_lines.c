// Any bytes as one line of JSON Lines: what the scanner takes, the parser of whole documents takes,
// too (but for what only documents refuse), and no member reaches outside the line.
#include <string.h>

#include "base/assert.h"
#include "data/intake/intake_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct line {
    const char *start, *end;
};

static void member(void *ctx, struct str name, struct cell value) {
    const struct line *line = ctx;
    cy_assert(name.data > line->start && name.data + name.size <= line->end);
    cy_assert(value.text.data > line->start && value.text.data + value.text.size <= line->end);
    if (value.kind == CELL_STRING) cy_assert(utf8_valid(name) && utf8_valid(value.text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = memory_take(size + 1);
    cy_assert(text);
    memcpy(text, data, size);
    if (utf8_valid((struct str){text, size})) {
        struct json *tree = NULL;
        struct fault fault = {0};
        enum err err = json_parse((struct str){text, size}, &tree, &fault);
        bool object = err == OK && json_is_object(tree);
        json_close(tree);
        // Half a surrogate is replaced in a line and refused in a document.
        bool half = memmem(text, size, "\\u", 2) != NULL;
        struct line line = {text, text + size};
        size_t wrong = json_line_read(text, size, member, &line);
        cy_assert(wrong <= size + 1);
        bool only_documents = str_is(str_of(fault.code), "json.name_twice") ||
                              str_is(str_of(fault.code), "json.too_deep") ||
                              str_is(str_of(fault.code), "json.too_large") ||
                              str_is(str_of(fault.code), "json.has_nul");
        if (wrong == 0) cy_assert(object || only_documents || half);
    }
    memory_give(text);
    return 0;
}
