// What a character counts as when keywords are looked for.
#include <string.h>

#include "base/text.h"
#include "data/match/keyword_private.h"

// Signs, marks and characters that are not seen. Letters and digits among them (circled ones, say)
// come back by fold_pairs.
static const struct {
    uint16_t from, to;
} noise[] = {
    {0x00, 0x08},     {0x0B, 0x0C},     {0x0E, 0x1F},     {'"', '+'},       {'-', '/'},
    {'<', '>'},       {'@', '@'},       {'[', '`'},       {'{', 0x84},      {0x86, 0x9F},
    {0xA1, 0xA9},     {0xAB, 0xB1},     {0xB4, 0xB4},     {0xB6, 0xB8},     {0xBB, 0xBF},
    {0xD7, 0xD7},     {0xF7, 0xF7},     {0x2B9, 0x36F},   {0x483, 0x489},   {0x591, 0x5C7},
    {0x61C, 0x61C},   {0x115F, 0x1160}, {0x17B4, 0x17B5}, {0x180B, 0x180F}, {0x1AB0, 0x1AFF},
    {0x1DC0, 0x1DFF}, {0x200B, 0x2025}, {0x2027, 0x2027}, {0x202A, 0x202E}, {0x2030, 0x205E},
    {0x2060, 0x2070}, {0x207A, 0x207E}, {0x208A, 0x208E}, {0x20A0, 0x214F}, {0x2190, 0x2BFF},
    {0x2E00, 0x2E7F}, {0x2FF0, 0x2FFF}, {0x3003, 0x3004}, {0x3008, 0x3020}, {0x302A, 0x3030},
    {0x3036, 0x3037}, {0x303D, 0x303F}, {0x3099, 0x309C}, {0x30A0, 0x30A0}, {0x30FB, 0x30FB},
    {0x3164, 0x3164}, {0x3190, 0x3191}, {0x4DC0, 0x4DFF}, {0xE000, 0xF8FF}, {0xFE00, 0xFE0F},
    {0xFE20, 0xFE4F}, {0xFE58, 0xFE6F}, {0xFEFF, 0xFEFF}, {0xFFE0, 0xFFFD},
};
static const uint16_t spaces[] = {' ',    '\t',   0x85,   0xA0,   0x1680, 0x2000, 0x2001,
                                  0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008,
                                  0x2009, 0x200A, 0x202F, 0x205F, 0x3000};

void fold_table_fill(uint16_t *table) {
    for (uint32_t c = 0; c < 0x10000; c++) table[c] = (uint16_t)c;
    for (size_t i = 0; i < sizeof noise / sizeof *noise; i++) {
        for (uint32_t c = noise[i].from; c <= noise[i].to; c++) table[c] = FOLD_NOISE;
    }
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) table[spaces[i]] = FOLD_SPACE;
    for (uint32_t c = 'A'; c <= 'Z'; c++) table[c] = (uint16_t)(c + 32);
    for (uint32_t c = 0x2028; c <= 0x2029; c++) table[c] = '\n';
    table['\r'] = '\n';
    for (uint32_t c = 0; c < fold_pair_count; c++) table[fold_pairs[c].from] = fold_pairs[c].to;
    // Full-width and small forms of signs count as the ASCII ones.
    for (uint32_t c = 0xFF01; c <= 0xFF5E; c++) table[c] = table[c - 0xFEE0];
    table[0x3001] = table[0xFF64] = ','; // the enumeration comma
}

// Emoji, invisible tags, letters for mathematics, letters in squares.
static uint32_t fold_high(uint32_t c) {
    if (c >= 0x1D400 && c < 0x1D6A4) return 'a' + (c - 0x1D400) % 26;
    if (c >= 0x1D7CE && c < 0x1D800) return '0' + (c - 0x1D7CE) % 10;
    if (c >= 0x1F130 && c < 0x1F18A) return 'a' + (c - 0x1F130) % 32 % 26;
    bool unseen = (c >= 0x1F000 && c < 0x1FB00) || (c >= 0xE0000 && c < 0xF0000) || c >= 0xF0000;
    return unseen ? FOLD_NOISE : c;
}

bool is_latin(uint32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

static size_t put_between(struct folder *folder, uint32_t next, char *out, size_t size) {
    if (folder->skipped > LIMIT_KEYWORD_GAP) {
        out[size++] = FOLD_GAP;
    } else if (folder->space && is_latin(folder->last) && is_latin(next)) {
        out[size++] = ' ';
    }
    folder->skipped = 0;
    folder->space = false;
    return size;
}

// The character at bytes[i] of what is not ASCII; moves *next behind it.
static inline uint32_t next_wide(struct str text, size_t i, size_t *next) {
    const uint8_t *bytes = (const uint8_t *)text.data + i;
    // E1 to EC followed by anything that continues is always one character.
    if (bytes[0] >= 0xE1 && bytes[0] <= 0xEC && text.size - i > 2 && (bytes[1] & 0xC0) == 0x80 &&
        (bytes[2] & 0xC0) == 0x80) {
        *next = i + 3;
        return (bytes[0] & 15u) << 12 | (bytes[1] & 63u) << 6 | (bytes[2] & 63u);
    }
    *next = i;
    return utf8_next(text, next);
}

// Most characters are Chinese: three bytes, of which four may be written.
static inline size_t put_wide(char *out, uint32_t c) {
    if (c < 0x800 || c >= 0x10000) return utf8_put(out, c);
    out[0] = (char)(0xE0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 63));
    out[2] = (char)(0x80 | (c & 63));
    return 3;
}

size_t fold_text(struct folder *folder, struct str text, size_t *at, size_t end, char *out,
                 uint32_t *from, size_t size) {
    const uint16_t *table = folder->table;
    uint32_t last = folder->last;
    size_t i = *at, next;
    for (; i < end; i = next) {
        uint32_t c = (uint8_t)text.data[i];
        next = i + 1;
        if (c >= 0x80) c = next_wide(text, i, &next);
        uint32_t to = c < 0x10000 ? table[c] : fold_high(c);
        if (__builtin_expect(to <= FOLD_SPACE, 0)) {
            folder->skipped++;
            folder->space |= to == FOLD_SPACE;
            continue;
        }
        from[size] = (uint32_t)i;
        if (__builtin_expect(folder->skipped, 0)) {
            folder->last = last;
            size = put_between(folder, to, out, size);
            from[size] = (uint32_t)i;
        }
        last = to;
        if (to < 0x80) {
            out[size++] = (char)to;
        } else {
            size += put_wide(out + size, to);
        }
    }
    folder->last = last;
    *at = i;
    return size;
}
