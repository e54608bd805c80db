// What kind of character a code point is, and plain forms of it. The tables (unicode_table.py)
// follow the Unicode version that stands on top of unicode_table.c. Any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

// General categories, in the order of the tables.
enum unicode_category {
    UNICODE_LU,
    UNICODE_LL,
    UNICODE_LT,
    UNICODE_LM,
    UNICODE_LO,
    UNICODE_MN,
    UNICODE_MC,
    UNICODE_ME,
    UNICODE_ND,
    UNICODE_NL,
    UNICODE_NO,
    UNICODE_PC,
    UNICODE_PD,
    UNICODE_PS,
    UNICODE_PE,
    UNICODE_PI,
    UNICODE_PF,
    UNICODE_PO,
    UNICODE_SM,
    UNICODE_SC,
    UNICODE_SK,
    UNICODE_SO,
    UNICODE_ZS,
    UNICODE_ZL,
    UNICODE_ZP,
    UNICODE_CC,
    UNICODE_CF,
    UNICODE_CS,
    UNICODE_CO,
    UNICODE_CN, // not assigned; beyond U+10FFFF too
    UNICODE_CATEGORY_COUNT
};
#define UNICODE_BIT(category) (1u << (category))
// Sets of categories, one bit each: what \p{L}, \p{M} … mean in patterns.
#define UNICODE_LETTER 0x0000001Fu
#define UNICODE_MARK 0x000000E0u
#define UNICODE_NUMBER 0x00000700u
#define UNICODE_PUNCTUATION 0x0003F800u
#define UNICODE_SYMBOL 0x003C0000u
#define UNICODE_SEPARATOR 0x01C00000u
#define UNICODE_OTHER 0x3E000000u

enum unicode_category unicode_category(uint32_t character);
bool unicode_space(uint32_t character); // the property White_Space
// The single small letter of a capital one, else the character itself.
uint32_t unicode_lower(uint32_t character);
// One step of the canonical decomposition: one or two parts, the first of which may have parts of
// its own; 0: the character has none. Hangul syllables are left to who needs their jamo.
uint32_t unicode_decompose(uint32_t character, uint32_t parts[2]);
// The one character that two become in canonical composition, Hangul too; 0: none.
uint32_t unicode_pair(uint32_t first, uint32_t second);
// The whole canonical decomposition without its non-spacing marks (é gives e, 가 two jamo, a mark
// alone nothing): writes up to three characters, returns how many.
uint32_t unicode_without_marks(uint32_t character, uint32_t out[3]);

// Whether a text (UTF-8) is as unicode_compose would leave it, as nearly all are: true is sure,
// false only probable. Takes no memory.
bool unicode_is_composed(struct str text);
// Appends the canonical composition (NFC) of a text (UTF-8), at most three times as long. `scratch`
// is used as it likes, a few bytes for each character of the longest row of marks.
// Source: Unicode Standard Annex #15; Hangul by The Unicode Standard, 3.12.
void unicode_compose(struct str text, struct buf *out, struct buf *scratch);
