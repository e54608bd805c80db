// Products of float weights with many rows of activations on AVX-512: three groups of 16 rows each
// in a vector, 8 rows of activations at once, each spread over a vector once for the three groups.
// Where fewer groups or rows are left, one group and 14 rows, each a broadcast within its
// multiplication.
#include <immintrin.h>

#include "model/tensor/avx512_private.h"

enum {
    GROUPS = 3,
    TILE_THREE = 8, // rows of activations that meet three groups
    TILE = 14,      // that meet one
    CHUNK = 256,    // columns: three panels stream from the second-level cache
    AHEAD = 16,     // columns in a line of the cache
    TURNED = 512,   // rows of activations that one turning of weights serves
};

static INLINE void meet(size_t T, const struct float_panel *panel, size_t count, const float *x,
                        size_t x_stride, float *y, size_t y_stride, __mmask16 rows, bool more) {
    __m512 sums[TILE];
#pragma GCC unroll 14
    for (size_t t = 0; t < T; t++) {
        sums[t] = more ? _mm512_maskz_loadu_ps(rows, y + t * y_stride) : _mm512_setzero_ps();
    }
    for (size_t c = 0; c < count; c++) {
        __m512 w = _mm512_load_ps(panel->weights[c]);
#pragma GCC unroll 14
        for (size_t t = 0; t < T; t++) {
            sums[t] = _mm512_fmadd_ps(w, _mm512_set1_ps(x[t * x_stride + c]), sums[t]);
        }
    }
#pragma GCC unroll 14
    for (size_t t = 0; t < T; t++) _mm512_mask_storeu_ps(y + t * y_stride, rows, sums[t]);
}

// Meets as many rows as it has a form for; returns how many.
static uint32_t meet_rows(uint32_t left, const struct float_panel *panel, size_t count,
                          const float *x, size_t x_stride, float *y, size_t y_stride,
                          __mmask16 rows, bool more) {
    if (left >= TILE) {
        meet(TILE, panel, count, x, x_stride, y, y_stride, rows, more);
        return TILE;
    }
    if (left >= 8) {
        meet(8, panel, count, x, x_stride, y, y_stride, rows, more);
        return 8;
    }
    if (left >= 4) {
        meet(4, panel, count, x, x_stride, y, y_stride, rows, more);
        return 4;
    }
    meet(1, panel, count, x, x_stride, y, y_stride, rows, more);
    return 1;
}

// Columns [first, last) of 8 rows of activations and three panels.
static INLINE void add_columns(const struct float_panel *panels, size_t first, size_t last,
                               const float *x, size_t x_stride, __m512 sums[]) {
    for (size_t c = first; c < last; c++) {
        __m512 w[GROUPS];
#pragma GCC unroll 3
        for (size_t g = 0; g < GROUPS; g++) w[g] = _mm512_load_ps(panels[g].weights[c]);
#pragma GCC unroll 8
        for (size_t t = 0; t < TILE_THREE; t++) {
            __m512 own = _mm512_set1_ps(x[t * x_stride + c]);
#pragma GCC unroll 3
            for (size_t g = 0; g < GROUPS; g++) {
                __m512 *sum = &sums[GROUPS * t + g];
                *sum = _mm512_fmadd_ps(w[g], own, *sum);
            }
        }
    }
}

// 8 rows of activations against three panels; `rows` of the last. The lines of the 8 rows behind
// them are fetched meanwhile.
static void meet_three(const struct float_panel *panels, size_t count, const float *x,
                       size_t x_stride, float *y, size_t y_stride, __mmask16 rows, bool more) {
    __m512 sums[GROUPS * TILE_THREE];
    const __mmask16 all = 0xFFFF;
#pragma GCC unroll 8
    for (size_t t = 0; t < TILE_THREE; t++) {
#pragma GCC unroll 3
        for (size_t g = 0; g < GROUPS; g++) {
            __builtin_prefetch(y + t * y_stride + g * TENSOR_GROUP, 1);
            sums[GROUPS * t + g] = _mm512_setzero_ps();
        }
    }
    size_t c = 0;
    for (; c + AHEAD <= count; c += AHEAD) {
        for (size_t t = 0; t < TILE_THREE; t++) {
            __builtin_prefetch(x + (TILE_THREE + t) * x_stride + c);
        }
        add_columns(panels, c, c + AHEAD, x, x_stride, sums);
    }
    add_columns(panels, c, count, x, x_stride, sums);
#pragma GCC unroll 8
    for (size_t t = 0; t < TILE_THREE; t++) {
#pragma GCC unroll 3
        for (size_t g = 0; g < GROUPS; g++) {
            __mmask16 own = g + 1 == GROUPS ? rows : all;
            float *at = y + t * y_stride + g * TENSOR_GROUP;
            __m512 sum = sums[GROUPS * t + g];
            if (more) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(own, at));
            _mm512_mask_storeu_ps(at, own, sum);
        }
    }
}

static __mmask16 rows_of(const struct matrix *w, uint32_t group) {
    uint32_t left = w->rows - group * TENSOR_GROUP;
    return (__mmask16)(left >= TENSOR_GROUP ? 0xFFFF : (1u << left) - 1);
}

// G groups, 1 or GROUPS, from `group` on, a chunk of columns.
static void panel_product(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                          uint32_t group, uint32_t G, size_t from) {
    struct float_panel panels[GROUPS];
    size_t count = w->columns - from < CHUNK ? w->columns - from : CHUNK;
    for (uint32_t g = 0; g < G; g++) turn_panel_avx2(w, group + g, from, count, &panels[g]);
    uint32_t done = 0;
    const float *values = x->values + from;
    y += group * TENSOR_GROUP;
    for (; G == GROUPS && done + TILE_THREE <= x->count; done += TILE_THREE) {
        meet_three(panels, count, values + (size_t)done * x->stride, x->stride, y + done * y_stride,
                   y_stride, rows_of(w, group + G - 1), from > 0);
    }
    for (uint32_t g = 0; g < G; g++) {
        for (uint32_t t = done; t < x->count;) {
            t += meet_rows(x->count - t, &panels[g], count, values + (size_t)t * x->stride,
                           x->stride, y + t * y_stride + g * TENSOR_GROUP, y_stride,
                           rows_of(w, group + g), from > 0);
        }
    }
}

void float_product_avx512(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                          uint32_t first, uint32_t last) {
    for (uint32_t t = 0; t < x->count; t += TURNED) {
        struct rows part = *x;
        part.count = x->count - t < TURNED ? x->count - t : TURNED;
        part.values += (size_t)t * x->stride;
        for (size_t from = 0; from < w->columns; from += CHUNK) {
            for (uint32_t g = first, G; g < last; g += G) {
                G = last - g >= GROUPS && part.count >= TILE_THREE ? GROUPS : 1;
                panel_product(w, &part, y + t * y_stride, y_stride, g, G, from);
            }
        }
    }
}
