// Text character by character, folded: full-width ASCII reads as ASCII and the ideographic
// space as a space, so that every finder sees both ways of writing alike. Positions stay bytes
// of the text. Depends on base/ only; pure, any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

// The character at `at` and its bytes; 0 and 0 at the end; U+FFFD and 1 for a byte that begins no
// character.
static inline uint32_t fold_at(struct str text, size_t at, uint32_t *bytes) {
    *bytes = 0;
    if (at >= text.size) return 0;
    const uint8_t *byte = (const uint8_t *)text.data + at;
    *bytes = 1;
    if (byte[0] < 0x80) return byte[0];
    uint32_t size = byte[0] >= 0xF0 ? 4 : byte[0] >= 0xE0 ? 3 : byte[0] >= 0xC2 ? 2 : 0;
    if (size == 0 || byte[0] > 0xF4 || text.size - at < size) return 0xFFFD;
    uint32_t character = byte[0] & (0x7Fu >> size);
    for (uint32_t i = 1; i < size; i++) {
        if ((byte[i] & 0xC0) != 0x80) return 0xFFFD;
        character = character << 6 | (byte[i] & 0x3Fu);
    }
    *bytes = size;
    if (character >= 0xFF01 && character <= 0xFF5E) return character - 0xFEE0;
    return character == 0x3000 || character == 0xA0 ? ' ' : character;
}

// The character that ends at `at`, not reaching before `least`.
static inline uint32_t fold_before(struct str text, size_t least, size_t at, uint32_t *bytes) {
    *bytes = 0;
    if (at <= least) return 0;
    size_t start = at - 1;
    while (start > least && at - start < 4 && ((uint8_t)text.data[start] & 0xC0) == 0x80) start--;
    uint32_t character = fold_at(text, start, bytes);
    if (start + *bytes == at) return character;
    *bytes = 1;
    return 0xFFFD;
}

static inline bool fold_letter(uint32_t c) {
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}
static inline bool fold_digit(uint32_t c) {
    return c >= '0' && c <= '9';
}
static inline bool fold_alnum(uint32_t c) {
    return fold_letter(c) || fold_digit(c);
}
static inline bool fold_hex(uint32_t c) {
    return fold_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}
// Hyphens, dashes and the minus.
static inline bool fold_dash(uint32_t c) {
    return c == '-' || (c >= 0x2010 && c <= 0x2015) || c == 0x2212;
}
static inline bool fold_blank(uint32_t c) {
    return c == ' ' || c == '\t' || (c >= 0x2000 && c <= 0x200D) || c == 0x2060 || c == 0xFEFF;
}
static inline bool fold_line(uint32_t c) {
    return c == '\n' || c == '\r' || c == '\v' || c == '\f' || c == 0x85 || c == 0x2028;
}
static inline uint32_t fold_lower(uint32_t c) {
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}
// Skips blanks from `at`, `most` characters at most.
static inline size_t fold_skip(struct str text, size_t at, uint32_t most) {
    uint32_t bytes;
    for (; most > 0 && fold_blank(fold_at(text, at, &bytes)); most--) at += bytes;
    return at;
}
// Whether these characters (UTF-8, lower case) stand at `at`; moves *at behind them.
static inline bool fold_takes(struct str text, size_t *at, const char *word) {
    size_t place = *at;
    for (uint32_t size, bytes; *word; word += size, place += bytes) {
        uint32_t want = (uint8_t)*word, have = fold_at(text, place, &bytes);
        size = 1;
        if (want >= 0x80) {
            if (have < 0x80 && want != 0xEF) return false; // only what is full-width reads as ASCII
            want = fold_at(str_of(word), 0, &size);
        }
        if (bytes == 0 || fold_lower(have) != want) return false;
    }
    *at = place;
    return true;
}
