// Products of packed 16-bit floats with few rows of activations on AVX-512: a vector is a column of
// a group's 16 rows, each activation a broadcast within its multiplication.
#include <immintrin.h>

#include "model/tensor/avx512_private.h"

enum { ROWS = 8, UNROLL = 4 };

static INLINE __m512 column_at(enum tensor_type type, const uint8_t *group, size_t c) {
    __m256i halves = _mm256_loadu_si256((const __m256i *)(group + c * HALVES_COLUMN));
    if (type == TENSOR_F16) return _mm512_cvtph_ps(halves);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

// T rows. Columns in turn go into two sums each, lest one waits for another; two for any T, so that
// a row's bits do not depend on the rows beside it.
static INLINE void straight(enum tensor_type type, size_t T, const uint8_t *group, size_t columns,
                            const float *x, size_t x_stride, float *y, size_t y_stride,
                            __mmask16 rows) {
    const size_t chains = 2, whole = columns / UNROLL * UNROLL;
    __m512 sums[ROWS][UNROLL];
#pragma GCC unroll 8
    for (size_t t = 0; t < T; t++) {
#pragma GCC unroll 4
        for (size_t k = 0; k < chains; k++) sums[t][k] = _mm512_setzero_ps();
    }
    for (size_t c = 0; c < whole; c += UNROLL) {
#pragma GCC unroll 4
        for (size_t k = 0; k < UNROLL; k++) {
            __m512 w = column_at(type, group, c + k);
#pragma GCC unroll 8
            for (size_t t = 0; t < T; t++) {
                __m512 own = _mm512_set1_ps(x[t * x_stride + c + k]);
                sums[t][k % chains] = _mm512_fmadd_ps(w, own, sums[t][k % chains]);
            }
        }
    }
    for (size_t c = whole; c < columns; c++) {
        __m512 w = column_at(type, group, c);
#pragma GCC unroll 8
        for (size_t t = 0; t < T; t++) {
            sums[t][0] = _mm512_fmadd_ps(w, _mm512_set1_ps(x[t * x_stride + c]), sums[t][0]);
        }
    }
#pragma GCC unroll 8
    for (size_t t = 0; t < T; t++) {
#pragma GCC unroll 4
        for (size_t k = 1; k < chains; k++) sums[t][0] = _mm512_add_ps(sums[t][0], sums[t][k]);
        _mm512_mask_storeu_ps(y + t * y_stride, rows, sums[t][0]);
    }
}

typedef void straight_of(const uint8_t *group, size_t columns, const float *x, size_t x_stride,
                         float *y, size_t y_stride, __mmask16 rows);
#define STRAIGHT(name, type, T)                                                             \
    static void name(const uint8_t *group, size_t columns, const float *x, size_t x_stride, \
                     float *y, size_t y_stride, __mmask16 rows) {                           \
        straight(type, T, group, columns, x, x_stride, y, y_stride, rows);                  \
    }
#define STRAIGHT_TO_8(name, type)                                                       \
    STRAIGHT(name##_1, type, 1)                                                         \
    STRAIGHT(name##_2, type, 2)                                                         \
    STRAIGHT(name##_3, type, 3)                                                         \
    STRAIGHT(name##_4, type, 4)                                                         \
    STRAIGHT(name##_5, type, 5)                                                         \
    STRAIGHT(name##_6, type, 6)                                                         \
    STRAIGHT(name##_7, type, 7)                                                         \
    STRAIGHT(name##_8, type, 8)                                                         \
    static straight_of *const name[ROWS] = {                                            \
        name##_1, name##_2, name##_3, name##_4, name##_5, name##_6, name##_7, name##_8, \
    };
STRAIGHT_TO_8(straight_f16, TENSOR_F16)
STRAIGHT_TO_8(straight_bf16, TENSOR_BF16)

void halves_product_avx512(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                           uint32_t first, uint32_t last) {
    straight_of *const *of = w->type == TENSOR_F16 ? straight_f16 : straight_bf16;
    for (uint32_t g = first; g < last; g++) {
        const uint8_t *group = (const uint8_t *)w->packed + g * halves_group_bytes(w);
        uint32_t row = g * TENSOR_GROUP, left = w->rows - row;
        __mmask16 rows = (__mmask16)(left >= TENSOR_GROUP ? 0xFFFF : (1u << left) - 1);
        for (size_t t = 0, T; t < x->count; t += T) { // a group stays in the cache
            T = x->count - t < ROWS ? x->count - t : ROWS;
            of[T - 1](group, w->columns, x->values + t * x->stride, x->stride,
                      y + t * y_stride + row, y_stride, rows);
        }
    }
}
