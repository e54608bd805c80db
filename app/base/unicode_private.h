// The tables of unicode.c, made by unicode_table.py. Read only; any thread.
#pragma once

#include <stdint.h>

enum { UNICODE_PAGE_BITS = 8, UNICODE_PAGE = 1 << UNICODE_PAGE_BITS, UNICODE_SPACE = 32 };
// A character's category, with UNICODE_SPACE for White_Space:
// unicode_pages[unicode_page_of[c >> 8] * 256 + (c & 255)].
extern const uint8_t unicode_page_of[0x110000 >> UNICODE_PAGE_BITS];
extern const uint8_t unicode_pages[];
// By character: its small letter; the one or two parts it stands for (0: no second).
extern const uint32_t unicode_lowers[][2];
extern const uint32_t unicode_lower_count;
extern const uint32_t unicode_decompositions[][3];
extern const uint32_t unicode_decomposition_count;
