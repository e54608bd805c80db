// Inside of keyword sets: how characters are folded (fold.c, fold_table.c), how a set is laid out
// (keyword_build.c) and how a text is gone through (keyword_scan.c). Depends on match.h. A set
// never changes once it is open.
//
// Words stand in groups by their first bytes: as many of 8, 6, 4, 3, 2, 1 as they have.
// At each character of the text these bytes are hashed into a bitmap; where its bit is set the
// group is looked up, and its words, which are sorted, are narrowed down byte by byte.
#pragma once

#include "data/match/match.h"

struct fold_pair {
    uint16_t from, to;
};
extern const struct fold_pair fold_pairs[];
extern const uint32_t fold_pair_count;

enum {
    FOLD_NOISE = 0, // left out
    FOLD_SPACE = 1, // left out but between two Latin words
    FOLD_GAP = 2,   // stands for more noise than a word may have in it
};
// (65536): what a character of the first plane counts as.
void fold_table_fill(uint16_t *table);

// Folds a text piece by piece.
struct folder {
    const uint16_t *table;
    uint32_t skipped; // characters since the last one that was kept
    bool space;       // white space among them
    uint32_t last;    // that one, folded
};
enum {
    FOLD_PIECE_BYTES = 16 << 10,                                     // of a text at once
    FOLD_ROOM = 2 * FOLD_PIECE_BYTES + 2 * LIMIT_KEYWORD_BYTES + 64, // of its folded form
};
// Folds what begins at *at, up to `end` (a character may reach over it); moves *at. Writes to
// out[size...] and, for each character's first byte there, where in the text it came from. Returns
// the new size: at most twice the bytes read and 8 more than `size`.
size_t fold_text(struct folder *folder, struct str text, size_t *at, size_t end, char *out,
                 uint32_t *from, size_t size);
bool is_latin(uint32_t character); // a letter of ASCII or a digit

enum { LEVEL_COUNT = 6, LEVEL_BITS_LEAST = 13, LEVEL_BITS_MOST = 24 };

struct group {
    uint64_t prefix; // 0: free
    uint32_t first, count;
};
// Words by their first `bytes` bytes.
struct level {
    uint32_t bytes;
    uint64_t mask;        // of these bytes in a word of 64 bits, little-endian
    uint64_t *bitmap;     // (1 << bits)
    uint32_t shift;       // 64 - bits
    struct group *groups; // (group_mask + 1): open addressing
    uint64_t group_mask;
};
struct keyword {
    const char *data;
    uint32_t size;
    uint32_t word;               // its place in the caller's array
    bool latin_start, latin_end; // stands alone there
};
struct keywords {
    struct arena *arena;
    unsigned flags;
    uint16_t *fold; // (65536); NULL for a raw set
    struct keyword *sorted;
    uint32_t count;
    uint8_t *left_out; // (words given): 1 for those that are not among the sorted ones
    // Longest first; those of eight and six bytes are always there, if empty.
    struct level levels[LEVEL_COUNT];
    uint32_t level_count;
    // (65536 bits): the first two bytes of words of less than six bytes, which are few as a rule.
    uint64_t *short_starts;
    uint32_t bytes_max; // of the longest word
};

static inline uint64_t prefix_hash(uint64_t prefix) {
    return prefix * 0x9E3779B97F4A7C15u;
}
