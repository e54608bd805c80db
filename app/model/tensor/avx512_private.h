// What AVX-512 does better than AVX2 in the tensor core. Inside model/tensor/ only.
#pragma once

#include "model/tensor/avx2_private.h"

product_part quant_product_avx512;  // quantised weights
product_part float_product_avx512;  // float weights, many rows of activations
product_part halves_product_avx512; // packed floats of 16 bits, few rows
// Packed BF16, many rows of activations, which it rounds to BF16.
product_part pairs_product_avx512bf16;

// As in struct kernels.
void scores_avx512(float *out, size_t out_stride, const float *query, size_t query_stride,
                   uint32_t queries, const uint16_t *keys, size_t key_stride, uint32_t count,
                   uint32_t n, float factor);
void mix_avx512(float *out, size_t out_stride, const float *weight, size_t weight_stride,
                uint32_t queries, const uint16_t *values, size_t value_stride, uint32_t count,
                uint32_t n);
