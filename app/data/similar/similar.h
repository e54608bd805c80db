// Near duplicates: texts that share most of their pieces. A text is a set of shingles: five
// characters in a row after normalisation (width, case, no white space, no punctuation), or five
// words for text in Latin letters. Two texts are as similar as the Jaccard index of their sets.
//
// Texts come one after another. From the set 128 minima are taken (MinHash); these are cut into 25
// bands of 5 (LSH), and earlier texts that agree in a whole band are candidates. Every candidate is
// checked by the exact Jaccard index of its shingles, so what is called a duplicate is one. Only
// texts that were kept are compared with: each duplicate is close to a text that stays, never to
// another duplicate alone (no chains).
//
// How much is found: a pair of Jaccard index J is a candidate with chance 1 - (1 - J^5)^25:
//   J   .50 .60 .70 .75 .80  .85   .90     (a text with one edit in 100 characters has about .90)
//   %   55  87  99  99.9 99.995 99.9999+ 100
//
// Memory: about 600 bytes for each text that is kept (its bands, 128 bytes of its minima, where its
// characters stand), plus the characters of kept texts, two or three bytes each: in memory up to a
// bound, then in a scratch file that has no name. Depends on base/. A signature may be made by any
// thread; the set belongs to one thread at a time. Same texts in the same order give the same
// answers on any machine.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/memory.h"
#include "base/str.h"

enum {
    SIMILAR_PERMUTATIONS = 128,
    SIMILAR_BANDS = 25,
    SIMILAR_BAND_ROWS = 5,
    SIMILAR_SHINGLE = 5,
    // Candidates of one text that are looked at, the closest first by their minima; more count.
    LIMIT_SIMILAR_CANDIDATES = 1000,
    // Characters of kept texts that stay in memory before the scratch file is used.
    LIMIT_SIMILAR_MEMORY_BYTES = 64 << 20,
};
enum similar_unit {
    SIMILAR_AUTO, // words where nearly all letters are Latin, else characters
    SIMILAR_CHARACTERS,
    SIMILAR_WORDS,
};

// ---- a text -------------------------------------------------------------------------------------

// Scratch of one thread; grows with the longest text.
struct similar_maker;
enum err similar_maker_open(enum similar_unit unit, struct similar_maker **out) MUST_USE;
void similar_maker_close(struct similar_maker *maker); // NULL is fine

struct similar_text {
    const char *units; // the normalised text; valid until the next similar_make of the maker
    uint32_t size;     // bytes of it; 0: nothing but blanks and signs, similar to nothing
    bool words;        // its shingles are of words
    uint32_t bands[SIMILAR_BANDS];
    uint8_t minima[SIMILAR_PERMUTATIONS]; // their lowest bytes
};
// ERR_MEMORY.
enum err similar_make(struct similar_maker *maker, struct str text,
                      struct similar_text *out) MUST_USE;
// The exact Jaccard index of two texts' shingles, 0 if one has none. ERR_MEMORY.
enum err similar_jaccard(struct similar_maker *maker, struct str a, struct str b,
                         double *out) MUST_USE;

// ---- the texts so far ---------------------------------------------------------------------------

struct similar_set;
// `folder`: where the scratch file is made; NULL: all stays in memory. Texts are duplicates from
// `jaccard` on, .5 to 1.
enum err similar_open(double jaccard, const char *folder, struct similar_set **out,
                      struct fault *fault) MUST_USE;
void similar_close(struct similar_set *set); // NULL is fine
struct similar_match {
    uint64_t of; // the number of the text that was kept before
    double jaccard;
};
// Looks the text up; if no kept text is a duplicate of it, it is kept under `number`. Of several
// the closest by minima that passes is told. ERR_MEMORY, ERR_FULL, ERR_IO; ERR_LIMIT after four
// billion texts.
enum err similar_add(struct similar_set *set, const struct similar_text *text, uint64_t number,
                     bool *duplicate, struct similar_match *match) MUST_USE;
struct similar_counts {
    uint64_t kept, duplicates;
    uint64_t candidates, verified; // looked at; of these, compared shingle by shingle
    uint64_t left_out;             // candidates over the limit
    uint64_t memory_bytes;         // without the characters
    uint64_t text_bytes;           // characters of kept texts; of these
    uint64_t file_bytes;           // in the scratch file
};
struct similar_counts similar_counts_of(const struct similar_set *set);
