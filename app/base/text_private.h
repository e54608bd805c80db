// The inside of text: the tables text_table.py made, and single decoding steps for the guess.
#pragma once

#include "base/text.h"

enum { TEXT_NONE = 0 }; // a table's "no such character"

// (126 leads 81..FE, 190 trails 40..7E and 80..FE)
extern const uint16_t text_gb_two[126 * 190];
// Four-byte codes below plane 1: runs of consecutive characters, by linear position.
extern const uint16_t text_gb_run_linear[];
extern const uint16_t text_gb_run_character[];
extern const uint32_t text_gb_run_count;
// (126 leads 81..FE, 157 trails 40..7E and A1..FE): low 16 bits, and a bit for plane 2.
extern const uint16_t text_big5_low[126 * 157];
extern const uint32_t text_big5_plane2[];
// The most frequent Chinese characters and marks, ascending.
extern const uint16_t text_frequent[];
extern const uint32_t text_frequent_count;

// One character at `at`. Returns the bytes it takes, 0 if it may go on behind `size`, or 1 with
// *out == TEXT_INVALID. *out_mark is a second, combining character or 0.
#define TEXT_INVALID UINT32_MAX
size_t text_step(enum encoding encoding, const uint8_t *at, size_t size, uint32_t *out,
                 uint32_t *out_mark);
