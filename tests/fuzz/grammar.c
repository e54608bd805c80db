// Any bytes as a grammar, first byte even: a text, odd: a JSON Schema. It is refused with a
// sentence, or can be walked by bytes.
#include <stdlib.h>

#include "model/language/grammar/constraint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct grammar *grammar = NULL;
    struct constraint *constraint;
    struct json *json = NULL;
    struct fault fault = {0};
    if (size == 0) return 0;
    struct str text = {(const char *)data + 1, size - 1};
    enum err err = ERR_INPUT;
    if (*data & 1) {
        if (json_parse(text, &json, NULL) != OK) return 0;
        err = grammar_of_schema(json, &grammar, &fault);
        json_close(json);
    } else {
        err = grammar_of_text(text, &grammar, &fault);
    }
    if (err != OK) {
        if (!*fault.code) abort();
        return 0;
    }
    if (constraint_open(grammar, NULL, NULL, 0, &constraint) != OK) abort();
    // Along the first byte that may come, some way, and beside it.
    uint32_t place = constraint_start(constraint);
    for (uint32_t i = 0; i < 64 && place != PLACE_NONE; i++) {
        uint32_t next = PLACE_NONE;
        for (uint32_t byte = 0; byte < 256; byte++) {
            char one = (char)(byte + i * 37);
            uint32_t there = constraint_next_bytes(constraint, place, (struct str){&one, 1});
            if (there != PLACE_NONE) next = there;
        }
        place = next;
    }
    constraint_close(constraint);
    grammar_close(grammar);
    return 0;
}
