// Any bytes as a zip archive: a workbook, tables, texts.
#include "support/fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct intake_options options = {.packing = PACKING_ZIP};
    if (size > 0 && data[size - 1] == 'p') options.rows = ROWS_FILE;
    fuzz_import(data, size, &options);
    return 0;
}
