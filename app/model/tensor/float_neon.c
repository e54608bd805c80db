// Products with float weights, halves and attention on NEON.
#include <arm_neon.h>

#include "base/assert.h"
#include "model/tensor/neon_private.h"
#include "model/tensor/pack_private.h"

enum { LANES = 4, ROWS = 4 };

// ---- float weights: dots of one row with up to four rows of activations -------------------------

static INLINE float32x4_t load_weights(enum tensor_type type, const uint8_t *at) {
    if (type == TENSOR_F32) return vreinterpretq_f32_u8(vld1q_u8(at));
    if (type == TENSOR_F16) return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(at)));
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(at)), 16));
}

static INLINE void dot_row(enum tensor_type type, size_t T, const uint8_t *row, size_t columns,
                           const float *x, size_t x_stride, float *y, size_t y_stride) {
    size_t width = type == TENSOR_F32 ? 4 : 2, whole = columns / LANES * LANES;
    float32x4_t sums[ROWS];
    float rest[LANES] = {0};
    for (size_t t = 0; t < T; t++) sums[t] = vdupq_n_f32(0);
    for (size_t c = 0; c < whole; c += LANES) {
        float32x4_t w = load_weights(type, row + c * width);
#pragma GCC unroll 4
        for (size_t t = 0; t < T; t++) {
            sums[t] = vfmaq_f32(sums[t], w, vld1q_f32(x + t * x_stride + c));
        }
    }
    tensor_dequantise(type, row + whole * width, columns - whole, rest);
    for (size_t t = 0; t < T; t++) {
        float sum = vaddvq_f32(sums[t]);
        for (size_t c = whole; c < columns; c++) sum += rest[c - whole] * x[t * x_stride + c];
        y[t * y_stride] = sum;
    }
}

static INLINE void float_rows(enum tensor_type type, const struct matrix *w, const struct rows *x,
                              float *y, size_t y_stride, uint32_t first, uint32_t last) {
    size_t bytes = tensor_bytes(type, w->columns);
    for (uint32_t r = first; r < last; r++) {
        const uint8_t *row = (const uint8_t *)w->data + r * bytes;
        uint32_t t = 0;
        for (; t + ROWS <= x->count; t += ROWS) {
            dot_row(type, ROWS, row, w->columns, x->values + t * x->stride, x->stride,
                    y + t * y_stride + r, y_stride);
        }
        for (; t < x->count; t++) {
            dot_row(type, 1, row, w->columns, x->values + t * x->stride, x->stride,
                    y + t * y_stride + r, y_stride);
        }
    }
}

static void float_product(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                          uint32_t first, uint32_t last) {
    uint32_t from = first * TENSOR_GROUP, to = last * TENSOR_GROUP;
    if (to > w->rows) to = w->rows;
    if (w->type == TENSOR_F32) {
        float_rows(TENSOR_F32, w, x, y, y_stride, from, to);
    } else if (w->type == TENSOR_F16) {
        float_rows(TENSOR_F16, w, x, y, y_stride, from, to);
    } else {
        float_rows(TENSOR_BF16, w, x, y, y_stride, from, to);
    }
}

void product_neon(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                  uint32_t first, uint32_t last) {
    cy_assert(w->columns == x->columns && tensor_computes(w->type));
    if (tensor_form_of(w->type)->block == 1) {
        float_product(w, x, y, y_stride, first, last);
    } else {
        quant_product_neon(w, x, y, y_stride, first, last);
    }
}

void product_dotprod(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                     uint32_t first, uint32_t last) {
    cy_assert(w->columns == x->columns && tensor_computes(w->type));
    if (tensor_form_of(w->type)->block == 1) {
        float_product(w, x, y, y_stride, first, last);
    } else {
        quant_product_dotprod(w, x, y, y_stride, first, last);
    }
}

// ---- halves and attention ----------------------------------------------------------------------

static INLINE float32x4_t halves_at(const uint16_t *at) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(at)));
}

void to_f16_neon(uint16_t *out, const float *x, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vst1_u16(out + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(x + i))));
    }
    for (; i < n; i++) out[i] = tensor_to_f16(x[i]);
}

void from_f16_neon(float *out, const uint16_t *x, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) vst1q_f32(out + i, halves_at(x + i));
    for (; i < n; i++) out[i] = tensor_from_f16(x[i]);
}

void scores_neon(float *out, size_t out_stride, const float *query, size_t query_stride,
                 uint32_t queries, const uint16_t *keys, size_t key_stride, uint32_t count,
                 uint32_t n, float factor) {
    for (size_t k = 0; k < count; k++) {
        const uint16_t *key = keys + k * key_stride;
        for (size_t q = 0; q < queries; q++) {
            const float *own = query + q * query_stride;
            float32x4_t sums = vdupq_n_f32(0);
            size_t i = 0;
            for (; i + LANES <= n; i += LANES) {
                sums = vfmaq_f32(sums, vld1q_f32(own + i), halves_at(key + i));
            }
            float sum = vaddvq_f32(sums);
            for (; i < n; i++) sum += own[i] * tensor_from_f16(key[i]);
            out[q * out_stride + k] = factor * sum;
        }
    }
}

void mix_neon(float *out, size_t out_stride, const float *weight, size_t weight_stride,
              uint32_t queries, const uint16_t *values, size_t value_stride, uint32_t count,
              uint32_t n) {
    uint32_t whole = n / LANES * LANES;
    for (size_t q = 0; q < queries; q++) {
        for (size_t i = 0; i < whole; i += LANES) {
            float32x4_t sum = vld1q_f32(out + q * out_stride + i);
            for (size_t k = 0; k < count; k++) {
                sum = vfmaq_n_f32(sum, halves_at(values + k * value_stride + i),
                                  weight[q * weight_stride + k]);
            }
            vst1q_f32(out + q * out_stride + i, sum);
        }
    }
    if (whole < n) {
        kernels_reference.mix(out + whole, out_stride, weight, weight_stride, queries,
                              values + whole, value_stride, count, n - whole);
    }
}
