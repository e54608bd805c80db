// The tables of unicode.c, made by unicode_table.py. Read only; any thread.
#pragma once

#include <stdint.h>

enum {
    UNICODE_PAGE_BITS = 8,
    UNICODE_PAGE = 1 << UNICODE_PAGE_BITS,
    UNICODE_SPACE = 32,
    UNICODE_CHANGES = 64
};
// A character's category, with UNICODE_SPACE for White_Space and UNICODE_CHANGES for one that may
// change, or move, when a text is composed:
// unicode_pages[unicode_page_of[c >> 8] * 256 + (c & 255)].
extern const uint8_t unicode_page_of[0x110000 >> UNICODE_PAGE_BITS];
extern const uint8_t unicode_pages[];
// By character: its small letter; the one or two parts it stands for (0: no second).
extern const uint32_t unicode_lowers[][2];
extern const uint32_t unicode_lower_count;
extern const uint32_t unicode_decompositions[][3];
extern const uint32_t unicode_decomposition_count;
extern const uint32_t unicode_classes[][2]; // marks and their canonical classes
extern const uint32_t unicode_class_count;
extern const uint32_t unicode_compositions[][3]; // two that become one, rising by both
extern const uint32_t unicode_composition_count;

uint8_t unicode_value(uint32_t character); // of the pages
// The row of a character among `count` rows of `width` numbers that rise by their first; or NULL.
const uint32_t *unicode_row(const uint32_t *rows, uint32_t count, uint32_t width,
                            uint32_t character);
