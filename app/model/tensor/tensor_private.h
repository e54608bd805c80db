// What the kernels of the tensor core share: one plain form of any quantised block, and the plain
// C kernels that a processor's own table falls back on. Inside model/tensor/ only.
#pragma once

#include <string.h>

#include "model/tensor/tensor.h"

// 32 weights of any quantised type: weight[i] = scale[i / 16] * quants[i] + least[i / 16].
struct plain_block {
    int8_t quants[TENSOR_BLOCK];
    float scale[2], least[2];
};
// The 32 weights from 32 * `index` on of a row of blocks.
void block_unpack(enum tensor_type type, const uint8_t *row, size_t index, struct plain_block *out);

// Scales of sub-block `sub` of a super-block of Q4_K or Q5_K, and the i-th of one of Q3_K.
void k_scales(const uint8_t *super, size_t sub, int *scale, int *least);
int q3_scale(const uint8_t *super, size_t i);

static inline uint16_t half_at(const uint8_t *at) {
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

// Where block `block` of row `row` stands among the blocks: its scale's place.
static inline size_t rows_place(const struct rows *x, size_t row, size_t block) {
    size_t first = row / TENSOR_TILE * TENSOR_TILE, left = x->count - first;
    size_t tile = left < TENSOR_TILE ? left : TENSOR_TILE;
    return first * (x->stride / TENSOR_BLOCK) + block * tile + row % TENSOR_TILE;
}
// Rows [first, first + count) of x, sharing its memory; whole tiles.
struct rows rows_part(const struct rows *x, uint32_t first, uint32_t count);

// Copies (count, columns) floats between places of different strides.
static inline void part_copy(const float *from, size_t from_stride, uint32_t columns,
                             uint32_t count, float *to, size_t to_stride) {
    for (size_t i = 0; i < count; i++) {
        memcpy(to + i * to_stride, from + i * from_stride, columns * sizeof *to);
    }
}

extern const struct kernels kernels_reference, kernels_avx2, kernels_avx512, kernels_avx512bf16,
    kernels_neon, kernels_dotprod;
