// Any bytes as the parts of a workbook: sheet, shared strings, styles and workbook, divided by
// bytes FE, which no UTF-8 has.
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "support/fuzz_import.h"
#include "support/zip_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1), *pieces[4] = {NULL}, *rest = text;
    cy_assert(text);
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    for (int i = 0; i < 4 && rest; i++) {
        pieces[i] = rest;
        rest = memchr(rest, 0xFE, size - (size_t)(rest - text));
        if (rest) *rest++ = '\0';
    }
    struct zip_writer zip;
    struct xlsx_parts parts = {pieces[0], NULL, pieces[1], pieces[2], pieces[3], 0};
    if (pieces[3] && pieces[3][0] == '\0') parts.workbook = NULL;
    zip_writer_open(&zip);
    zip_writer_workbook(&zip, &parts);
    zip_writer_finish(&zip);
    fuzz_import(zip.data, zip.size, &(struct intake_options){0});
    zip_writer_close(&zip);
    free(text);
    return 0;
}
