// Any bytes in any of their normal forms (the first two bytes choose): valid UTF-8, and doing it
// twice is doing it once. Then simplified and traditional, which must be valid UTF-8 too.
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/language/language.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct chinese *chinese[CHINESE_DIRECTION_COUNT];
    if (size < 2) return 0;
    uint32_t flags = (data[0] | (uint32_t)data[1] << 8) & 0x7FF;
    int direction = data[1] >> 3 & 7;
    if (flags & (1 << 2)) flags |= NORMALISE_WIDTH;
    struct str text = {(const char *)data + 2, size - 2};
    struct buf once, twice, other;
    uint64_t counts[CHANGE_COUNT] = {0}, again[CHANGE_COUNT] = {0}, changed = 0;
    buf_open(&once, size * 4 + 64);
    buf_open(&twice, size * 4 + 64);
    buf_open(&other, size * 8 + 1024);
    if (text_normalise(text, flags, &once, counts) != OK) abort();
    if (!utf8_valid(buf_str(&once))) abort();
    if (text_normalise(buf_str(&once), flags, &twice, again) != OK) abort();
    if (!str_equal(buf_str(&once), buf_str(&twice))) abort();
    if (direction < CHINESE_DIRECTION_COUNT) {
        struct chinese **table = &chinese[direction];
        if (!*table && chinese_open((enum chinese_direction)direction, table) != OK) abort();
        if (chinese_convert(*table, text, &other, &changed) != OK) abort();
        if (!utf8_valid(buf_str(&other))) abort();
    }
    struct text_shares shares;
    double confidence;
    text_measure(text, &shares);
    (void)language_guess(text, &confidence);
    buf_close(&once);
    buf_close(&twice);
    buf_close(&other);
    return 0;
}
