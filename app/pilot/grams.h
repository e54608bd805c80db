// Grams: a text as weights of hashed pieces, for a linear model that routes or rates it. Chinese
// needs no word list this way: pieces are one to three characters of what is not Latin; of Latin
// runs the word and its three-letter pieces. Letters are folded to lower case and half width,
// digits to 0, so that numbers count as numbers. A piece lands in the bucket its hash says
// (Weinberger et al. 2009, without the sign); a bucket's weight is 1 + ln of how often, over the
// row's length, so that long texts weigh as much as short ones.
// The same text gives the same buckets on any machine and in any version: models depend on it.
// Depends on base/. Any thread.
#pragma once

#include "base/memory.h"
#include "base/str.h"

enum {
    GRAMS_TEXT_BYTES = 64 * 1024, // of a text that are looked at; what follows is left out
    GRAMS_MAX = 256 * 1024,       // pieces of so long a text, at most
};

struct gram {
    uint32_t bucket;
    float weight;
};
// The pieces of a text in buckets 0 .. width - 1 (a power of two), rising, each once.
//   out (GRAMS_MAX at most, in the arena); none of an empty text. ERR_MEMORY.
enum err grams_of(struct str text, uint32_t width, struct arena *arena, struct gram **out,
                  uint32_t *out_count) MUST_USE;
