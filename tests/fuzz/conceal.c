// Any bytes as a value: concealed in every way as every kind, sealed and opened again, its dates
// shifted; and as a text that somebody says we have sealed.
#include <stdlib.h>
#include <string.h>

#include "data/cleanse/conceal_private.h"
#include "data/cleanse/date_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seal_and_open(const struct conceal *conceal, struct str text) {
    struct buf token, back;
    struct seal_found found;
    uint8_t type = 9;
    buf_open(&token, 1 << 22);
    buf_open(&back, 1 << 20);
    seal_write(&conceal->seal, NULL, 3, text, &token);
    if (!seal_find(buf_str(&token), 0, &found) || found.size != token.size) abort();
    if (seal_open(&conceal->seal, buf_str(&token), &type, &back) != OK || type != 3) abort();
    if (!str_equal(buf_str(&back), text)) abort();
    buf_close(&token);
    buf_close(&back);
}

static void open_garbage(struct str text) {
    struct unmask_counts counts = {0};
    struct hash key = {{1}};
    struct buf out;
    buf_open(&out, 1 << 22);
    if (unmask_text(&key, text, &out, &counts) != OK) abort();
    // Without the key nothing changes.
    if (counts.opened == 0 && !str_equal(buf_str(&out), text)) abort();
    buf_close(&out);
}

static void shift_dates(struct str text) {
    struct date_found found;
    struct buf out;
    buf_open(&out, 1 << 22);
    for (size_t at = 0; date_find(text, at, 2023, &found);) {
        if (found.start < at || found.start + found.size > text.size || !found.size) abort();
        date_write_shifted(text, &found, 100, &out);
        at = found.start + found.size;
    }
    buf_close(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size > 4096) return 0;
    struct str text = {(const char *)data + 2, size - 2};
    struct conceal conceal = {.broader = {.width = data[1] % 3, .level = REGION_CITY}};
    struct hash key = {{7}};
    struct buf out;
    buf_open(&out, 1 << 20);
    conceal_start(&conceal, (enum how)(data[0] % HOW_COUNT), &key);
    struct piece piece = {.kind = data[1] % (KIND_UNKNOWN + 1), .text = text};
    conceal_write(&conceal, &piece, &out);
    if (buf_err(&out) != OK) abort();
    (void)kind_of_value(kind_of_column(text), text);
    buf_close(&out);
    seal_and_open(&conceal, text);
    open_garbage(text);
    shift_dates(text);
    return 0;
}
