// Splitting a node's entries with AVX-512: sixteen bins by gather, both sides by compression.

#include <immintrin.h>

#include "model/tabular/histogram_private.h"

// Writes the chosen of eight entries at *to; eight are stored, the caller knows they fit.
static inline void put(struct entry *entries, size_t *to, __m512i eight, __mmask8 chosen) {
    _mm512_storeu_si512(entries + *to, _mm512_maskz_compress_epi64(chosen, eight));
    *to += (unsigned)__builtin_popcount(chosen);
}

// Neither side can have more entries than have been read, so storing eight at a time stays within
// what has been read already.
static size_t split(struct entry *entries, size_t count, const uint8_t *column,
                    const struct side_table *table, struct entry *right) {
    const __m512i rows =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i byte = _mm512_set1_epi32(255), bin = _mm512_set1_epi32(table->bin);
    const __m512i missing = _mm512_set1_epi32(table->missing);
    size_t to_left = 0, to_right = 0, i = 0;
    for (; i + 16 <= count; i += 16) {
        __m512i first = _mm512_loadu_si512(entries + i);
        __m512i second = _mm512_loadu_si512(entries + i + 8);
        __m512i row = _mm512_permutex2var_epi32(first, rows, second);
        // Four bytes from each place; the array has room behind its end.
        __m512i cell = _mm512_i32gather_epi32(row, column, 1);
        cell = _mm512_and_si512(cell, byte);
        __mmask16 left = _mm512_cmple_epu32_mask(cell, bin);
        __mmask16 absent = _mm512_cmpeq_epu32_mask(cell, missing);
        left = (__mmask16)(table->missing_left ? left | absent : left & ~absent);
        put(entries, &to_left, first, (__mmask8)left);
        put(entries, &to_left, second, (__mmask8)(left >> 8));
        put(right, &to_right, first, (__mmask8)~left);
        put(right, &to_right, second, (__mmask8)(~left >> 8));
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

const struct split_kernels split_avx512 = {split};
