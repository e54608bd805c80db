// Inside of near duplicates: a text as units (units.c), units as shingles and their minima
// (shingles.c, kernels), the texts that were kept (similar.c). Depends on similar.h.
//
// Units are characters, or words with a blank between them, in UTF-8; letters and digits alone.
#pragma once

#include "base/buf.h"
#include "data/similar/similar.h"

// Grows, never shrinks; content is not kept.
enum err room_need(void **memory, size_t *room_bytes, size_t wanted_bytes) MUST_USE;

// ---- units --------------------------------------------------------------------------------------

// Appends the units of a text to `out`, which must be empty. Returns whether they are words.
bool units_write(struct str text, enum similar_unit unit, struct buf *out);

// ---- shingles -----------------------------------------------------------------------------------

struct shingles {
    uint64_t *hashes; // of every five units in a row, or of all if they are fewer
    size_t count, room_bytes;
};
enum err shingles_make(struct shingles *shingles, struct str units, bool words) MUST_USE;
void shingles_close(struct shingles *shingles);

// A set of shingles that another text's are compared with.
struct shingle_set {
    uint64_t *slots;  // (room): 0 where free
    uint32_t *stamps; // (room): which comparison met it last
    size_t room, count;
    size_t slots_bytes, stamps_bytes;
    uint32_t stamp;
    uint64_t *others; // those of the other text alone
    size_t others_bytes;
};
enum err shingle_set_fill(struct shingle_set *set, const struct shingles *shingles) MUST_USE;
// The exact index; both sides have a shingle at least.
enum err shingle_set_jaccard(struct shingle_set *set, const struct shingles *shingles,
                             double *out) MUST_USE;
void shingle_set_close(struct shingle_set *set);

// ---- minima -------------------------------------------------------------------------------------

// The permutations: x becomes (x ^ flip) * factor, modulo 2^32.
struct permutations {
    uint32_t flip[SIMILAR_PERMUTATIONS], factor[SIMILAR_PERMUTATIONS]; // factors are odd
};
extern const struct permutations permutations;

// out[j] = the least of the permuted upper halves of the hashes. Exact: all kernels give the same.
typedef void minima_kernel(const uint64_t *hashes, size_t count,
                           uint32_t out[SIMILAR_PERMUTATIONS]);
minima_kernel minima_reference, minima_avx2, minima_avx512, minima_neon;
minima_kernel *minima_best(void); // for this processor
