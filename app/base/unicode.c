#include "base/unicode.h"

#include <stddef.h>

#include "base/unicode_private.h"

enum {
    HANGUL_FIRST = 0xAC00,
    HANGUL_LAST = 0xD7A3,
    HANGUL_L = 0x1100,
    HANGUL_V = 0x1161,
    HANGUL_T = 0x11A7,
    HANGUL_T_COUNT = 28,
    HANGUL_VT_COUNT = 588
};

uint8_t unicode_value(uint32_t character) {
    if (character > 0x10FFFF) return UNICODE_CN;
    uint32_t page = unicode_page_of[character >> UNICODE_PAGE_BITS];
    return unicode_pages[page * UNICODE_PAGE + (character & (UNICODE_PAGE - 1))];
}

enum unicode_category unicode_category(uint32_t character) {
    return (enum unicode_category)(unicode_value(character) & (UNICODE_SPACE - 1));
}

bool unicode_space(uint32_t character) {
    return unicode_value(character) & UNICODE_SPACE;
}

const uint32_t *unicode_row(const uint32_t *rows, uint32_t count, uint32_t width,
                            uint32_t character) {
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const uint32_t *row = rows + (size_t)middle * width;
        if (row[0] == character) return row;
        if (row[0] < character) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

uint32_t unicode_lower(uint32_t character) {
    if (character < 0x80) return character - 'A' < 26 ? character + 32 : character;
    const uint32_t *row = unicode_row(unicode_lowers[0], unicode_lower_count, 2, character);
    return row ? row[1] : character;
}

uint32_t unicode_decompose(uint32_t character, uint32_t parts[2]) {
    if (character < 0xC0) return 0;
    const uint32_t *row =
        unicode_row(unicode_decompositions[0], unicode_decomposition_count, 3, character);
    if (!row) return 0;
    parts[0] = row[1];
    parts[1] = row[2];
    return row[2] ? 2 : 1;
}

static bool is_mark(uint32_t character) {
    return unicode_category(character) == UNICODE_MN;
}

uint32_t unicode_without_marks(uint32_t character, uint32_t out[3]) {
    uint32_t parts[2], tail[2], tails = 0, count = 0;
    if (character >= HANGUL_FIRST && character <= HANGUL_LAST) {
        uint32_t index = character - HANGUL_FIRST, last = index % HANGUL_T_COUNT;
        out[0] = HANGUL_L + index / HANGUL_VT_COUNT;
        out[1] = HANGUL_V + index % HANGUL_VT_COUNT / HANGUL_T_COUNT;
        out[2] = HANGUL_T + last;
        return last ? 3 : 2;
    }
    for (uint32_t n; (n = unicode_decompose(character, parts)) > 0; character = parts[0]) {
        if (n == 2 && !is_mark(parts[1]) && tails < 2) tail[tails++] = parts[1];
    }
    if (!is_mark(character)) out[count++] = character;
    while (tails > 0) out[count++] = tail[--tails];
    return count;
}
