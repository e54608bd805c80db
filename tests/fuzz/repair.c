// Any bytes as text that may have been read in a wrong encoding: what comes out is valid UTF-8, no
// longer than bytes can become, and the text itself where nothing is told.
#include <stdlib.h>

#include "base/text.h"
#include "data/language/language.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct repair *repair;
    if (!repair && repair_open(&repair) != OK) abort();
    struct str text = {(const char *)data, size};
    uint64_t counts[REPAIR_KIND_COUNT] = {0}, again[REPAIR_KIND_COUNT] = {0}, told = 0;
    struct buf out, small;
    buf_open(&out, size * 4 + 64);
    buf_open(&small, size / 2 + 1);
    if (text_repair(repair, text, &out, counts) != OK) abort();
    for (int i = 0; i < REPAIR_KIND_COUNT; i++) told += counts[i];
    if (!utf8_valid(buf_str(&out))) abort();
    if (told == 0 && utf8_valid(text) && !str_equal(buf_str(&out), text)) abort();
    // A buffer that is too small is an answer, no crash.
    enum err err = text_repair(repair, text, &small, again);
    if (err != OK && err != ERR_LIMIT) abort();
    buf_close(&small);
    buf_close(&out);
    return 0;
}
