// A regular expression up to the first NUL, a text behind it: it is refused with a sentence that
// tells the place, or the text can be walked through it, and along any way that it leaves open.
#include <stdlib.h>
#include <string.h>

#include "model/language/grammar/constraint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct grammar *grammar = NULL;
    struct constraint *constraint;
    struct fault fault = {0};
    const uint8_t *end = memchr(data, 0, size);
    size_t cut = end ? (size_t)(end - data) : size;
    struct str text = {(const char *)data + cut, size - cut};
    if (grammar_of_regex((struct str){(const char *)data, cut}, &grammar, &fault) != OK) {
        bool placed = strncmp(fault.code, "grammar.regex", 13) == 0;
        if (!*fault.code || (placed && (fault.column == 0 || fault.column > cut + 1))) abort();
        return 0;
    }
    if (constraint_open(grammar, NULL, NULL, 0, &constraint) != OK) abort();
    uint32_t place = constraint_start(constraint);
    (void)constraint_next_bytes(constraint, place, text);
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
