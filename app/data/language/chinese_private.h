// The inside of traditional and simplified Chinese: dictionaries as they lie in memory. Read-only
// once loaded.
#pragma once

#include "data/language/language.h"

enum {
    CHARACTER_MASK = 0xFFFF, // of an entry: what the character becomes, 0: itself
    ENTRY_STARTS = 1 << 16,  // a word begins with it
    ENTRY_WIDE = 1 << 17,    // it becomes a character beyond FFFF: the low half; plane 2
    PAIR_BITS = 1 << 19,     // of the filter of words' first two characters
    WORD_BYTES_MAX = 64,
};
// One group of words and characters. Words win over characters, longer words over shorter ones.
struct dictionary {
    uint32_t *entries; // (65536): by character
    // Characters beyond FFFF: sorted pairs.
    uint32_t *wide_from, *wide_to;
    uint32_t wide_count;
    // Words, as a tree: an edge leads from a node by a character to a node. A node below 0x110000
    // is a word's first character. An edge is node << 42 | character << 21 | next, 0 where there is
    // none.
    uint64_t *edges; // (edge_mask + 1), open addressing
    uint32_t edge_mask;
    uint32_t *values; // (node_count): of node 0x110000 + i, offset << 8 | bytes; 0: no word ends
    uint32_t node_count, node_room;
    uint8_t *pairs; // (PAIR_BITS / 8)
    const char *text;
};
#define NODE_FIRST 0x110000u

static inline uint64_t edge_hash(uint64_t key) {
    key *= UINT64_C(0x9E3779B97F4A7C15);
    return key ^ key >> 29;
}
static inline uint32_t pair_bit(uint32_t a, uint32_t b) {
    return (a * 0x9E3779B1u ^ b * 0x85EBCA77u) >> 13;
}

enum { STEPS_MAX = 2 };
struct chinese {
    enum chinese_direction direction;
    char *text; // the dictionaries, unpacked: values point into it
    size_t text_bytes;
    struct dictionary steps[STEPS_MAX];
    uint32_t step_count;
    // The first step's text is cut into words of this step, and both steps stay within a cut.
    bool cut_by_last;
};
// The longest word of the dictionary at text.data[at], whose first character is `c` (behind which
// `next` stands): its bytes, 0 if there is none; *out its value.
size_t dictionary_word(const struct dictionary *dictionary, struct str text, uint32_t c,
                       size_t next, struct str *out);
// What one character becomes.
uint32_t dictionary_character(const struct dictionary *dictionary, uint32_t c);
