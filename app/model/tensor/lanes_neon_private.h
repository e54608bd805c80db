// Products with quantised weights on NEON, with the dot instruction of ARMv8.2 or without: a vector
// is four bytes of four rows, a group four of them. Compiled twice, see quant_neon.c and
// quant_dotprod.c, which say how four bytes are multiplied. Inside model/tensor/ only.
#pragma once

#ifdef __aarch64__ // compiled without, to check that it can be, there is nothing in it

#include <arm_neon.h>

#include "model/tensor/neon_private.h"
#include "model/tensor/unpack_private.h"

enum { TILE = TENSOR_TILE, QUARTERS = TENSOR_GROUP / 4, CHUNK = 16 };

// sums += scale * activations' scale * products of the vectors from `from` to `to`
static INLINE void meet_part(bool half, size_t k, size_t T, const struct signed_block *block,
                             const struct tile *x, float32x4_t total[][QUARTERS]) {
    size_t from = 4 * k, to = half ? from + 4 : 8;
    int32x4_t sums[TILE][QUARTERS];
#pragma GCC unroll 4
    for (size_t t = 0; t < T; t++) {
        for (size_t q = 0; q < QUARTERS; q++) sums[t][q] = vdupq_n_s32(0);
    }
    for (size_t v = from; v < to; v++) {
        int8x16_t w[QUARTERS];
#pragma GCC unroll 4
        for (size_t q = 0; q < QUARTERS; q++) w[q] = vld1q_s8(block->quants + 64 * v + 16 * q);
#pragma GCC unroll 4
        for (size_t t = 0; t < T; t++) {
            int32_t four;
            memcpy(&four, x->quants + t * TENSOR_BLOCK + 4 * v, sizeof four);
            int8x16_t own = vreinterpretq_s8_s32(vdupq_n_s32(four));
#pragma GCC unroll 4
            for (size_t q = 0; q < QUARTERS; q++) sums[t][q] = dot_of(sums[t][q], w[q], own);
        }
    }
#pragma GCC unroll 4
    for (size_t t = 0; t < T; t++) {
        float scale = x->scales[t], sum = half ? x->half_sums[2 * t + k] : x->sums[t];
        for (size_t q = 0; q < QUARTERS; q++) {
            float32x4_t f = vmulq_n_f32(vcvtq_f32_s32(sums[t][q]), scale);
            total[t][q] = vfmaq_f32(total[t][q], f, vld1q_f32(block->scale[k] + 4 * q));
            total[t][q] = vfmaq_n_f32(total[t][q], vld1q_f32(block->least[k] + 4 * q), sum);
        }
    }
}

// Adds to y (T, 16) where there is `more` than this chunk.
static INLINE void meet(size_t T, bool halves, const struct signed_block *panel, size_t blocks,
                        struct tile x, float *y, size_t y_stride, bool more) {
    float32x4_t total[TILE][QUARTERS];
    for (size_t t = 0; t < T; t++) {
        for (size_t q = 0; q < QUARTERS; q++) {
            total[t][q] = more ? vld1q_f32(y + t * y_stride + 4 * q) : vdupq_n_f32(0);
        }
    }
    for (size_t b = 0; b < blocks; b++, tile_step(&x, T)) {
        meet_part(halves, 0, T, panel + b, &x, total);
        if (halves) meet_part(true, 1, T, panel + b, &x, total);
    }
    for (size_t t = 0; t < T; t++) {
        for (size_t q = 0; q < QUARTERS; q++) vst1q_f32(y + t * y_stride + 4 * q, total[t][q]);
    }
}

static void meet_tile(size_t T, bool halves, const struct signed_block *panel, size_t blocks,
                      struct tile x, float *y, size_t y_stride, bool more) {
    switch (T) {
    case 1: meet(1, halves, panel, blocks, x, y, y_stride, more); break;
    case 2: meet(2, halves, panel, blocks, x, y, y_stride, more); break;
    case 3: meet(3, halves, panel, blocks, x, y, y_stride, more); break;
    default: meet(4, halves, panel, blocks, x, y, y_stride, more);
    }
}

static void quant_product(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                          uint32_t first, uint32_t last) {
    size_t blocks = w->columns / TENSOR_BLOCK, chunks = (blocks + CHUNK - 1) / CHUNK;
    struct signed_block panel[CHUNK];
    for (size_t c = 0; c < chunks; c++) {
        size_t from = blocks * c / chunks, count = blocks * (c + 1) / chunks - from;
        for (uint32_t g = first; g < last; g++) {
            uint32_t row = g * TENSOR_GROUP, rows = w->rows - row;
            signed_unpack(w, g, from, count, panel);
            for (uint32_t t = 0; t < x->count; t += TILE) {
                uint32_t T = x->count - t < TILE ? x->count - t : TILE;
                struct tile tile = tile_of(x, t, from);
                float *to = y + t * y_stride + row, some[TILE][TENSOR_GROUP] = {{0}};
                if (rows >= TENSOR_GROUP) {
                    meet_tile(T, signed_halves(w), panel, count, tile, to, y_stride, from > 0);
                    continue;
                }
                if (from > 0) part_copy(to, y_stride, rows, T, some[0], TENSOR_GROUP);
                meet_tile(T, signed_halves(w), panel, count, tile, some[0], TENSOR_GROUP, from > 0);
                part_copy(some[0], TENSOR_GROUP, rows, T, to, y_stride);
            }
        }
    }
}

#endif
