// The tables of unicode.c, made by unicode_table.py. Read only; any thread.
#pragma once

#include <stdint.h>

enum { UNICODE_PAGE_BITS = 7, UNICODE_PAGE = 1 << UNICODE_PAGE_BITS, UNICODE_SPACE = 32 };
// A character's category, with UNICODE_SPACE for White_Space:
// unicode_pages[unicode_page_of[c >> 7] * 128 + (c & 127)].
extern const uint8_t unicode_page_of[0x110000 >> UNICODE_PAGE_BITS];
extern const uint8_t unicode_pages[];
// {from, to}, by from. `plain` may have several rows for one character, in the order of its parts.
extern const uint32_t unicode_lowers[][2];
extern const uint32_t unicode_lower_count;
extern const uint32_t unicode_plains[][2];
extern const uint32_t unicode_plain_count;
