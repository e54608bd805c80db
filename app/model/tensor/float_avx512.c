// Products of float weights with many rows of activations on AVX-512: a group's 16 rows in one
// vector, 14 rows of activations at once, each a broadcast within its multiplication.
#include <immintrin.h>

#include "model/tensor/avx512_private.h"

enum {
    TILE = 14,
    TURNED = 196, // rows of activations that one turning of weights serves
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

static void panel_product(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                          uint32_t group, size_t from) {
    struct float_panel panel;
    uint32_t row = group * TENSOR_GROUP, left = w->rows - row;
    size_t count = w->columns - from < FLOAT_CHUNK ? w->columns - from : FLOAT_CHUNK;
    __mmask16 rows = (__mmask16)(left >= TENSOR_GROUP ? 0xFFFF : (1u << left) - 1);
    turn_panel_avx2(w, group, from, count, &panel);
    for (uint32_t t = 0; t < x->count;) {
        t += meet_rows(x->count - t, &panel, count, x->values + t * x->stride + from, x->stride,
                       y + t * y_stride + row, y_stride, rows, from > 0);
    }
}

void float_product_avx512(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                          uint32_t first, uint32_t last) {
    for (uint32_t t = 0; t < x->count; t += TURNED) {
        struct rows part = *x;
        part.count = x->count - t < TURNED ? x->count - t : TURNED;
        part.values += (size_t)t * x->stride;
        for (size_t from = 0; from < w->columns; from += FLOAT_CHUNK) {
            for (uint32_t g = first; g < last; g++) {
                panel_product(w, &part, y + t * y_stride, y_stride, g, from);
            }
        }
    }
}
