// What the AVX2 kernels of the tensor core share. Inside model/tensor/ only.
#pragma once

#include "model/tensor/tile_private.h"

typedef void product_part(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                          uint32_t first, uint32_t last);
product_part straight_product_avx2; // packed weights, few rows of activations
product_part panel_product_avx2;    // quantised weights, packed or not, any number of rows
product_part float_product_avx2;    // float weights

// As in struct kernels.
void scores_avx2(float *out, size_t out_stride, const float *query, size_t query_stride,
                 uint32_t queries, const uint16_t *keys, size_t key_stride, uint32_t count,
                 uint32_t n, float factor);
void mix_avx2(float *out, size_t out_stride, const float *weight, size_t weight_stride,
              uint32_t queries, const uint16_t *values, size_t value_stride, uint32_t count,
              uint32_t n);

enum { FLOAT_CHUNK = 256 }; // columns of a panel of floats: 16 KB
struct float_panel {
    _Alignas(64) float weights[FLOAT_CHUNK][TENSOR_GROUP];
};
// Floats of 16 bits packed: column by column, those of a group's 16 rows. 0: not of 16 bits.
enum { HALVES_COLUMN = 2 * TENSOR_GROUP }; // bytes
size_t halves_group_bytes(const struct matrix *w);
void halves_pack(const struct matrix *w, void *packed, uint32_t first, uint32_t last);
void halves_turn(const struct matrix *w, uint32_t group, size_t first, size_t count,
                 struct float_panel *out);
product_part halves_product_avx2; // packed, few rows of activations

// Turns `count` columns of a group of float weights from `first` on. What stands for rows beyond
// the last is not to be read.
void turn_panel_avx2(const struct matrix *w, uint32_t group, size_t first, size_t count,
                     struct float_panel *out);
