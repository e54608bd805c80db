// What the AVX2 kernels of the tensor core share. Inside model/tensor/ only.
#pragma once

#include "model/tensor/tensor_private.h"

#define INLINE inline __attribute__((always_inline))

typedef void product_part(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                          uint32_t first, uint32_t last);
product_part straight_product_avx2; // packed weights, 1 to 4 rows of activations
product_part panel_product_avx2;    // quantised weights, packed or not, any number of rows
product_part float_product_avx2;    // float weights

// As in struct kernels.
void scores_avx2(float *out, size_t out_stride, const float *query, size_t query_stride,
                 uint32_t queries, const uint16_t *keys, size_t key_stride, uint32_t count,
                 uint32_t n, float factor);
void mix_avx2(float *out, size_t out_stride, const float *weight, size_t weight_stride,
              uint32_t queries, const uint16_t *values, size_t value_stride, uint32_t count,
              uint32_t n);
