#include "base/unicode.h"

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

static uint8_t value_of(uint32_t character) {
    if (character > 0x10FFFF) return UNICODE_CN;
    uint32_t page = unicode_page_of[character >> UNICODE_PAGE_BITS];
    return unicode_pages[page * UNICODE_PAGE + (character & (UNICODE_PAGE - 1))];
}

enum unicode_category unicode_category(uint32_t character) {
    return (enum unicode_category)(value_of(character) & (UNICODE_SPACE - 1));
}

bool unicode_space(uint32_t character) {
    return value_of(character) & UNICODE_SPACE;
}

// The first row whose character is not below the one looked for.
static uint32_t row_find(const uint32_t (*rows)[2], uint32_t count, uint32_t character) {
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (rows[middle][0] < character) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t unicode_lower(uint32_t character) {
    if (character < 0x80) return character - 'A' < 26 ? character + 32 : character;
    uint32_t row = row_find(unicode_lowers, unicode_lower_count, character);
    bool found = row < unicode_lower_count && unicode_lowers[row][0] == character;
    return found ? unicode_lowers[row][1] : character;
}

uint32_t unicode_without_marks(uint32_t character, uint32_t out[3]) {
    out[0] = character;
    if (character < 0x80) return 1;
    if (unicode_category(character) == UNICODE_MN) return 0;
    if (character >= HANGUL_FIRST && character <= HANGUL_LAST) {
        uint32_t index = character - HANGUL_FIRST, last = index % HANGUL_T_COUNT;
        out[0] = HANGUL_L + index / HANGUL_VT_COUNT;
        out[1] = HANGUL_V + index % HANGUL_VT_COUNT / HANGUL_T_COUNT;
        out[2] = HANGUL_T + last;
        return last ? 3 : 2;
    }
    uint32_t row = row_find(unicode_plains, unicode_plain_count, character), count = 0;
    for (; row < unicode_plain_count && unicode_plains[row][0] == character && count < 3; row++) {
        out[count++] = unicode_plains[row][1];
    }
    return count ? count : 1;
}
