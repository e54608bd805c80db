// The inside of normal forms: where to look closer, which character becomes which, and the tables
// that normalise_table.py made. Any thread.
#pragma once

#include "data/language/language.h"

// ---- where to look closer ----------------------------------------------------------------------
// Nearly every byte of a text is copied as it is. A byte is looked at if its class says so, by
// itself or together with the byte before it.
enum {
    LOOK_ALWAYS = 1 << 0,
    LOOK_REPEATED = 1 << 1,    // the byte before is the same
    LOOK_BLANK = 1 << 2,       // the byte before is one of this class too: blanks, line ends
    LOOK_BEHIND_HIGH = 1 << 3, // the byte before is not ASCII
    LOOK_COUNT = 4,
};
struct look {
    uint8_t classes[256];
    // The same for 16 bytes at once: bit h of low[k][l] tells that byte 16 h + l has class k,
    // h < 8; high: h >= 8, for LOOK_ALWAYS alone.
    uint8_t low[LOOK_COUNT][16], high[16];
};
void look_prepare(struct look *look); // fills low and high from classes
// The first place from `at` on (at >= 1) to look at; size if there is none.
size_t look_next(const struct look *look, const uint8_t *data, size_t at, size_t size);
size_t look_next_plain(const struct look *look, const uint8_t *data, size_t at, size_t size);
size_t look_next_avx2(const struct look *look, const uint8_t *data, size_t at, size_t size);

// ---- characters --------------------------------------------------------------------------------

// How a character counts for its neighbours, whatever flags are set: the same before and after.
enum around {
    AROUND_OTHER,
    AROUND_END, // of the line or the text
    AROUND_BLANK,
    AROUND_DIGIT,
    AROUND_LATIN,
    AROUND_HAN,
    AROUND_OPEN, // Chinese brackets and quotes
    AROUND_CLOSE,
    AROUND_SIGN, // ASCII signs that a full-width one becomes
};
enum around around_of(uint32_t c);
bool wide_script(uint32_t c); // Han or kana: a line with one is Chinese or Japanese
// What is taken away: 1 a control character, 2 an invisible one, 0 neither. `before`: the character
// before it, 0 at the start.
int removable(uint32_t c, uint32_t before);
// A blank of Unicode but for the tab.
bool is_blank(uint32_t c);
bool ends_line(uint32_t c, uint32_t flags);
// The most of one mark in a row; 0 for no limit.
uint32_t repeat_limit(uint32_t c);
// The single character that c becomes by `flags`, whatever stands around it; c if it stays.
uint32_t mapped(uint32_t c, uint32_t flags, enum normalise_change *change);
// Several characters in place of one, as UTF-8 in `out`: their bytes, 0 if there are none.
size_t mapped_many(uint32_t c, uint32_t flags, char out[static 16]);
// The narrow form of a full-width sign; 0 if it is none. *strict: a mark of Chinese punctuation.
uint32_t narrow_sign(uint32_t c, bool *strict);
uint32_t wide_mark(uint32_t c); // , ; : ? ! to their Chinese form, 0 for others

// ---- composition -------------------------------------------------------------------------------

// Whether a character may change together with those before it (marks, the second of a pair), or
// by itself.
bool composes_back(uint32_t c);
bool decomposes_alone(uint32_t c);
enum { SEGMENT_MAX = 32 };
// The canonical composition of a segment (one starter and its marks); returns its new length, at
// most SEGMENT_MAX * 2.
size_t compose(uint32_t segment[static SEGMENT_MAX * 2], size_t count);
uint8_t mark_class(uint32_t c);

extern const uint32_t normalise_mark_count, normalise_form_count;
extern const uint16_t normalise_marks[][2]; // character, canonical class; ascending
extern const uint32_t normalise_forms[][2]; // character, its plain form; ascending
