// Any bytes as text by lines, paragraphs or as one row, as JSON, and as whatever it is guessed to
// be: the last byte decides.
#include "support/fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct intake_options options = {.format = FORMAT_TEXT};
    switch (size ? data[size - 1] % 5 : 0) {
    case 0: options.rows = ROWS_LINE; break;
    case 1: options.rows = ROWS_PARAGRAPH; break;
    case 2: options.rows = ROWS_FILE; break;
    case 3: options.format = FORMAT_JSON; break;
    default: options.format = FORMAT_GUESS; break;
    }
    fuzz_import(data, size, &options);
    return 0;
}
