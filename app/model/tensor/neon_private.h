// What the NEON kernels of the tensor core share. Inside model/tensor/ only.
#pragma once

#include "model/tensor/tile_private.h"

// As kernels->product, for quantised weights.
void quant_product_neon(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                        uint32_t first, uint32_t last);
void quant_product_dotprod(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                           uint32_t first, uint32_t last);

// As in struct kernels; the two products differ in how bytes are multiplied.
void product_neon(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                  uint32_t first, uint32_t last);
void product_dotprod(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                     uint32_t first, uint32_t last);
void to_f16_neon(uint16_t *out, const float *x, size_t n);
void from_f16_neon(float *out, const uint16_t *x, size_t n);
void scores_neon(float *out, size_t out_stride, const float *query, size_t query_stride,
                 uint32_t queries, const uint16_t *keys, size_t key_stride, uint32_t count,
                 uint32_t n, float factor);
void mix_neon(float *out, size_t out_stride, const float *weight, size_t weight_stride,
              uint32_t queries, const uint16_t *values, size_t value_stride, uint32_t count,
              uint32_t n);
