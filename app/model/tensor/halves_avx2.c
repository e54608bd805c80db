// 16-bit floats packed, and their products with few rows of activations on AVX2: a column of a
// group's 16 rows is two vectors.
#include <immintrin.h>

#include "model/tensor/avx2_private.h"

enum { LANES = 8, ROWS = 4, UNROLL = 4 };

size_t halves_group_bytes(const struct matrix *w) {
    bool halves = w->type == TENSOR_F16 || w->type == TENSOR_BF16;
    return halves ? (size_t)w->columns * HALVES_COLUMN : 0;
}

// Turns 8 columns of 16 rows, `stride` elements apart: lanes of 128 bits hold rows r and r + 8.
static INLINE void turn_halves(const uint16_t *rows, size_t stride, uint16_t *out) {
    __m256i a[LANES], b[LANES];
#pragma GCC unroll 8
    for (size_t r = 0; r < LANES; r++) {
        a[r] = _mm256_loadu2_m128i((const __m128i *)(rows + (r + LANES) * stride),
                                   (const __m128i *)(rows + r * stride));
    }
    // Each round interleaves rows whose numbers differ in one bit.
#pragma GCC unroll 4
    for (size_t r = 0; r < 4; r++) {
        b[2 * r] = _mm256_unpacklo_epi16(a[r], a[r + 4]);
        b[2 * r + 1] = _mm256_unpackhi_epi16(a[r], a[r + 4]);
    }
#pragma GCC unroll 4
    for (size_t r = 0; r < 4; r++) {
        a[2 * r] = _mm256_unpacklo_epi16(b[r], b[r + 4]);
        a[2 * r + 1] = _mm256_unpackhi_epi16(b[r], b[r + 4]);
    }
#pragma GCC unroll 4
    for (size_t r = 0; r < 4; r++) {
        _mm256_store_si256((__m256i *)(out + 2 * r * TENSOR_GROUP),
                           _mm256_unpacklo_epi16(a[r], a[r + 4]));
        _mm256_store_si256((__m256i *)(out + (2 * r + 1) * TENSOR_GROUP),
                           _mm256_unpackhi_epi16(a[r], a[r + 4]));
    }
}

// Rows beyond the last are zero.
void halves_pack(const struct matrix *w, void *packed, uint32_t first, uint32_t last) {
    for (uint32_t g = first; g < last; g++) {
        uint16_t *out = (uint16_t *)packed + (size_t)g * w->columns * TENSOR_GROUP;
        uint32_t row = g * TENSOR_GROUP, rows = w->rows - row;
        size_t columns = w->columns, c = 0;
        const uint16_t *data = (const uint16_t *)w->data + row * columns;
        if (rows >= TENSOR_GROUP) {
            rows = TENSOR_GROUP;
            for (; c + LANES <= columns; c += LANES) {
                turn_halves(data + c, columns, out + c * TENSOR_GROUP);
            }
        } else {
            memset(out, 0, halves_group_bytes(w));
        }
        for (; c < columns; c++) {
            for (size_t r = 0; r < rows; r++) out[c * TENSOR_GROUP + r] = data[r * columns + c];
        }
    }
}

static INLINE __m256 half_column_at(enum tensor_type type, const uint8_t *group, size_t c,
                                    size_t h) {
    __m128i halves = _mm_loadu_si128((const __m128i *)(group + c * HALVES_COLUMN + 16 * h));
    if (type == TENSOR_F16) return _mm256_cvtph_ps(halves);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

void halves_turn(const struct matrix *w, uint32_t group, size_t first, size_t count,
                 struct float_panel *out) {
    const uint8_t *packed = (const uint8_t *)w->packed + group * halves_group_bytes(w);
    enum tensor_type type = w->type;
    for (size_t c = 0; c < count; c++) {
        for (size_t h = 0; h < 2; h++) {
            __m256 half = type == TENSOR_F16 ? half_column_at(TENSOR_F16, packed, first + c, h)
                                             : half_column_at(TENSOR_BF16, packed, first + c, h);
            _mm256_store_ps(out->weights[c] + LANES * h, half);
        }
    }
}

// T rows. Columns in turn go into sums of their own where there are registers for them: one or two
// rows have the same bits.
static INLINE void straight(enum tensor_type type, size_t T, const uint8_t *group, size_t columns,
                            const float *x, size_t x_stride, float *y, size_t y_stride) {
    const size_t chains = T > 2 ? 1 : 2, whole = columns / UNROLL * UNROLL;
    __m256 sums[ROWS][UNROLL][2];
#pragma GCC unroll 4
    for (size_t t = 0; t < T; t++) {
#pragma GCC unroll 4
        for (size_t k = 0; k < chains; k++) sums[t][k][0] = sums[t][k][1] = _mm256_setzero_ps();
    }
    for (size_t c = 0; c < whole; c += UNROLL) {
#pragma GCC unroll 4
        for (size_t k = 0; k < UNROLL; k++) {
            __m256 a = half_column_at(type, group, c + k, 0);
            __m256 b = half_column_at(type, group, c + k, 1);
#pragma GCC unroll 4
            for (size_t t = 0; t < T; t++) {
                __m256 own = _mm256_broadcast_ss(x + t * x_stride + c + k);
                sums[t][k % chains][0] = _mm256_fmadd_ps(a, own, sums[t][k % chains][0]);
                sums[t][k % chains][1] = _mm256_fmadd_ps(b, own, sums[t][k % chains][1]);
            }
        }
    }
    for (size_t c = whole; c < columns; c++) {
#pragma GCC unroll 4
        for (size_t t = 0; t < T; t++) {
            __m256 own = _mm256_broadcast_ss(x + t * x_stride + c);
            sums[t][0][0] = _mm256_fmadd_ps(half_column_at(type, group, c, 0), own, sums[t][0][0]);
            sums[t][0][1] = _mm256_fmadd_ps(half_column_at(type, group, c, 1), own, sums[t][0][1]);
        }
    }
#pragma GCC unroll 4
    for (size_t t = 0; t < T; t++) {
#pragma GCC unroll 2
        for (size_t h = 0; h < 2; h++) {
#pragma GCC unroll 4
            for (size_t k = 1; k < chains; k++) {
                sums[t][0][h] = _mm256_add_ps(sums[t][0][h], sums[t][k][h]);
            }
            _mm256_storeu_ps(y + t * y_stride + LANES * h, sums[t][0][h]);
        }
    }
}

typedef void straight_of(const uint8_t *group, size_t columns, const float *x, size_t x_stride,
                         float *y, size_t y_stride);
#define STRAIGHT(name, type, T)                                                             \
    static void name(const uint8_t *group, size_t columns, const float *x, size_t x_stride, \
                     float *y, size_t y_stride) {                                           \
        straight(type, T, group, columns, x, x_stride, y, y_stride);                        \
    }
#define STRAIGHT_TO_4(name, type) \
    STRAIGHT(name##_1, type, 1)   \
    STRAIGHT(name##_2, type, 2)   \
    STRAIGHT(name##_3, type, 3)   \
    STRAIGHT(name##_4, type, 4)   \
    static straight_of *const name[ROWS] = {name##_1, name##_2, name##_3, name##_4};
STRAIGHT_TO_4(straight_f16, TENSOR_F16)
STRAIGHT_TO_4(straight_bf16, TENSOR_BF16)

void halves_product_avx2(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                         uint32_t first, uint32_t last) {
    straight_of *const *of = w->type == TENSOR_F16 ? straight_f16 : straight_bf16;
    for (uint32_t g = first; g < last; g++) {
        const uint8_t *group = (const uint8_t *)w->packed + g * halves_group_bytes(w);
        uint32_t row = g * TENSOR_GROUP, rows = w->rows - row;
        for (uint32_t t = 0, T; t < x->count; t += T) { // a group stays in the cache
            T = x->count - t < ROWS ? x->count - t : ROWS;
            const float *values = x->values + (size_t)t * x->stride;
            float *to = y + t * y_stride + row, some[ROWS][TENSOR_GROUP];
            if (rows >= TENSOR_GROUP) {
                of[T - 1](group, w->columns, values, x->stride, to, y_stride);
                continue;
            }
            of[T - 1](group, w->columns, values, x->stride, some[0], TENSOR_GROUP);
            part_copy(some[0], TENSOR_GROUP, rows, T, to, y_stride);
        }
    }
}
