// Splitting a node's entries with AVX2: eight bins by gather; four entries at a time are moved
// together by a permutation looked up by which of them go.

#include <immintrin.h>

#include "model/tabular/histogram_private.h"

// For each choice of four entries the order of their eight halves: the chosen first.
#define PAIR(k) 2 * (k), 2 * (k) + 1
static const int together[16][8] = {
    {PAIR(0), PAIR(1), PAIR(2), PAIR(3)}, {PAIR(0), PAIR(1), PAIR(2), PAIR(3)},
    {PAIR(1), PAIR(0), PAIR(2), PAIR(3)}, {PAIR(0), PAIR(1), PAIR(2), PAIR(3)},
    {PAIR(2), PAIR(0), PAIR(1), PAIR(3)}, {PAIR(0), PAIR(2), PAIR(1), PAIR(3)},
    {PAIR(1), PAIR(2), PAIR(0), PAIR(3)}, {PAIR(0), PAIR(1), PAIR(2), PAIR(3)},
    {PAIR(3), PAIR(0), PAIR(1), PAIR(2)}, {PAIR(0), PAIR(3), PAIR(1), PAIR(2)},
    {PAIR(1), PAIR(3), PAIR(0), PAIR(2)}, {PAIR(0), PAIR(1), PAIR(3), PAIR(2)},
    {PAIR(2), PAIR(3), PAIR(0), PAIR(1)}, {PAIR(0), PAIR(2), PAIR(3), PAIR(1)},
    {PAIR(1), PAIR(2), PAIR(3), PAIR(0)}, {PAIR(0), PAIR(1), PAIR(2), PAIR(3)},
};

// Writes the chosen of four entries at *to; four are stored, the caller knows they fit.
static inline void put(struct entry *entries, size_t *to, __m256i four, unsigned chosen) {
    __m256i order = _mm256_loadu_si256((const __m256i *)(const void *)together[chosen]);
    __m256i moved = _mm256_permutevar8x32_epi32(four, order);
    _mm256_storeu_si256((__m256i *)(void *)(entries + *to), moved);
    *to += (unsigned)__builtin_popcount(chosen);
}

// Neither side can have more entries than have been read, so storing four at a time stays within
// what has been read already.
static size_t split(struct entry *entries, size_t count, const uint8_t *column,
                    const struct side_table *table, struct entry *right) {
    const __m256i byte = _mm256_set1_epi32(255), bin = _mm256_set1_epi32(table->bin);
    const __m256i missing = _mm256_set1_epi32(table->missing);
    size_t to_left = 0, to_right = 0, i = 0;
    for (; i + 8 <= count; i += 8) {
        __m256i first = _mm256_loadu_si256((const __m256i *)(const void *)(entries + i));
        __m256i second = _mm256_loadu_si256((const __m256i *)(const void *)(entries + i + 4));
        // The rows of both, 0 1 4 5 2 3 6 7, then in order.
        __m256i row = _mm256_castps_si256(
            _mm256_shuffle_ps(_mm256_castsi256_ps(first), _mm256_castsi256_ps(second), 0x88));
        row = _mm256_permute4x64_epi64(row, 0xD8);
        // Four bytes from each place; the array has room behind its end.
        __m256i cell = _mm256_i32gather_epi32((const int *)(const void *)column, row, 1);
        cell = _mm256_and_si256(cell, byte);
        __m256i right_of = _mm256_cmpgt_epi32(cell, bin);
        __m256i absent = _mm256_cmpeq_epi32(cell, missing);
        unsigned goes_right = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(right_of));
        unsigned lacks = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(absent));
        goes_right = table->missing_left ? goes_right & ~lacks : goes_right | lacks;
        unsigned left = ~goes_right & 255;
        put(entries, &to_left, first, left & 15);
        put(entries, &to_left, second, left >> 4);
        put(right, &to_right, first, goes_right & 15);
        put(right, &to_right, second, goes_right >> 4);
    }
    for (; i < count; i++) {
        struct entry entry = entries[i];
        size_t one = table->left[column[entry.row]];
        entries[to_left] = entry;
        right[to_right] = entry;
        to_left += one;
        to_right += 1 - one;
    }
    return to_left;
}

const struct split_kernels split_avx2 = {split};
