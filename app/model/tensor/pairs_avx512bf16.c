// Products of packed BF16 weights with many rows of activations, which are rounded to BF16 for it:
// a vector is two columns of a group's 16 rows, and one instruction multiplies both by an
// activation's two and adds them up in 32-bit floats. Nearly twice as fast as floats. What the
// rounding costs the logits is a twentieth of what 8-bit weights cost (nmse 5e-6 beside 8e-5,
// tests/unit/model/language/exact.c); a few rows are multiplied as floats, with no loss.
#include <immintrin.h>

#include "model/tensor/avx512_private.h"

enum {
    GROUPS = 3,
    TILE = 8,      // rows of activations at once
    PAIRS = 128,   // of columns: three panels stay in the first-level cache
    ROUNDED = 128, // rows of activations that one turning of weights serves
    STEP = 16,     // pairs in a vector
};

struct pair_panel {
    _Alignas(64) uint32_t weights[PAIRS][TENSOR_GROUP];
};
// Rows of activations, two columns in a word; those beyond the last are zero.
struct pair_rows {
    _Alignas(64) uint32_t values[ROUNDED][PAIRS];
};

static INLINE __m512i words_of(const uint8_t *column) {
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)column));
}

static void panel_turn(const struct matrix *w, uint32_t group, size_t from, size_t pairs,
                       struct pair_panel *out) {
    const uint8_t *at = (const uint8_t *)w->packed + group * halves_group_bytes(w);
    for (size_t p = 0, c = from; p < pairs; p++, c += 2) {
        __m512i both = words_of(at + c * HALVES_COLUMN);
        if (c + 1 < w->columns) {
            __m512i second = words_of(at + (c + 1) * HALVES_COLUMN);
            both = _mm512_or_si512(both, _mm512_slli_epi32(second, 16));
        }
        _mm512_store_si512(out->weights[p], both);
    }
}

// What is beyond the columns is zero in struct rows up to a whole block, which is a vector here.
static void rows_round(const struct rows *x, size_t row, size_t count, size_t from, size_t pairs,
                       struct pair_rows *out) {
    size_t t = 0;
    for (; t < count; t++) {
        const float *values = x->values + (row + t) * x->stride + from;
        for (size_t p = 0; p < pairs; p += STEP) {
            __m512 low = _mm512_loadu_ps(values + 2 * p);
            __m512 high = _mm512_loadu_ps(values + 2 * p + STEP);
            __m512i both = (__m512i)_mm512_cvtne2ps_pbh(high, low);
            _mm512_store_si512(out->values[t] + p, both);
        }
    }
    for (; t % TILE != 0; t++) memset(out->values[t], 0, sizeof out->values[t]);
}

// A tile against G panels; the first `count` of its rows and the rows of weights in `last` count.
static INLINE void meet(size_t G, const struct pair_panel *panels, size_t pairs,
                        const uint32_t (*x)[PAIRS], size_t count, float *y, size_t y_stride,
                        __mmask16 last, bool more) {
    __m512 sums[GROUPS * TILE];
#pragma GCC unroll 24
    for (size_t i = 0; i < G * TILE; i++) sums[i] = _mm512_setzero_ps();
    for (size_t p = 0; p < pairs; p++) {
        __m512bh w[GROUPS];
#pragma GCC unroll 3
        for (size_t g = 0; g < G; g++) w[g] = (__m512bh)_mm512_load_si512(panels[g].weights[p]);
#pragma GCC unroll 8
        for (size_t t = 0; t < TILE; t++) {
            __m512bh own = (__m512bh)_mm512_set1_epi32((int)x[t][p]);
#pragma GCC unroll 3
            for (size_t g = 0; g < G; g++) {
                sums[G * t + g] = _mm512_dpbf16_ps(sums[G * t + g], w[g], own);
            }
        }
    }
#pragma GCC unroll 8
    for (size_t t = 0; t < TILE; t++) {
        if (t >= count) break;
#pragma GCC unroll 3
        for (size_t g = 0; g < G; g++) {
            __mmask16 rows = g + 1 == G ? last : (__mmask16)0xFFFF;
            float *at = y + t * y_stride + g * TENSOR_GROUP;
            __m512 sum = sums[G * t + g];
            if (more) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(rows, at));
            _mm512_mask_storeu_ps(at, rows, sum);
        }
    }
}

// `count` rounded rows against G panels, tile by tile.
static INLINE void meet_all(size_t G, const struct pair_panel *panels, size_t pairs,
                            const struct pair_rows *x, size_t count, float *y, size_t y_stride,
                            __mmask16 last, bool more) {
    for (size_t t = 0; t < count; t += TILE) {
        size_t rows = count - t < TILE ? count - t : TILE;
        meet(G, panels, pairs, x->values + t, rows, y + t * y_stride, y_stride, last, more);
    }
}

// Groups [first, last), a chunk of columns and of rows that are rounded.
static void chunk_product(const struct matrix *w, const struct pair_rows *x, size_t count, float *y,
                          size_t y_stride, uint32_t first, uint32_t last, size_t from,
                          size_t pairs) {
    struct pair_panel panels[GROUPS];
    for (uint32_t g = first, G; g < last; g += G) {
        G = last - g < GROUPS ? last - g : GROUPS;
        for (uint32_t k = 0; k < G; k++) panel_turn(w, g + k, from, pairs, &panels[k]);
        uint32_t left = w->rows - (g + G - 1) * TENSOR_GROUP;
        __mmask16 rows = (__mmask16)(left >= TENSOR_GROUP ? 0xFFFF : (1u << left) - 1);
        float *to = y + g * TENSOR_GROUP;
        bool more = from > 0;
        switch (G) {
        case 1: meet_all(1, panels, pairs, x, count, to, y_stride, rows, more); break;
        case 2: meet_all(2, panels, pairs, x, count, to, y_stride, rows, more); break;
        default: meet_all(GROUPS, panels, pairs, x, count, to, y_stride, rows, more);
        }
    }
}

void pairs_product_avx512bf16(const struct matrix *w, const struct rows *x, float *y,
                              size_t y_stride, uint32_t first, uint32_t last) {
    struct pair_rows rounded;
    for (uint32_t t = 0; t < x->count; t += ROUNDED) {
        size_t count = x->count - t < ROUNDED ? x->count - t : ROUNDED;
        for (size_t from = 0; from < w->columns; from += 2 * PAIRS) {
            size_t pairs = (w->columns - from + 1) / 2;
            if (pairs > PAIRS) pairs = PAIRS;
            rows_round(x, t, count, from, pairs, &rounded);
            chunk_product(w, &rounded, count, y + t * y_stride, y_stride, first, last, from, pairs);
        }
    }
}
