// The inside of repair: what each character was as a byte, and how plausible it is. Read-only once
// open.
#pragma once

#include "base/text.h"
#include "data/language/language.h"

struct repair {
    uint16_t gbk[65536], big5[65536]; // the two-byte code of a character; 0: none
    int8_t plausible[65536];          // see plausibility() in repair.c
    uint8_t starts[65536];            // STARTS_...
};
enum {
    STARTS_UTF8_AS_GBK = 1, // its first byte may begin a Chinese character in UTF-8
    STARTS_LATIN = 2,       // it is a byte from A1 on in Windows-1252
    STARTS_ODD = 4,         // rare enough to make a line suspicious
    STARTS_LOST = 8,        // 锟
};
// The byte above 7F that a character is in Windows-1252 (or Latin-1 where that has none); 0: none.
uint8_t latin_byte(uint32_t c);

// A stretch of a text and what it becomes.
struct stretch {
    size_t end;            // behind it
    int32_t before, after; // sums of plausibility
    uint32_t characters;   // of the result
    uint32_t han, wide;    // of them: Han, and three bytes and more
    uint32_t lost;         // of them: U+FFFD
    uint32_t soft;         // source characters that are not just quotes and dashes
};
// The text from `at` on as bytes of GBK (else of Windows-1252), read as UTF-8 as far as that goes.
// The result is appended to `out`. False if not one character comes of it.
bool stretch_utf8(const struct repair *repair, bool gbk, struct str text, size_t at,
                  struct buf *out, struct stretch *stretch);
// A run of Windows-1252 read as GBK or Big5 in pairs.
bool stretch_pairs(const struct repair *repair, enum encoding encoding, struct str text, size_t at,
                   struct buf *out, struct stretch *stretch);
// A whole line, once read as `wrong`, read as `right`.
bool stretch_line(const struct repair *repair, enum encoding wrong, enum encoding right,
                  struct str line, struct buf *out, struct stretch *stretch);
