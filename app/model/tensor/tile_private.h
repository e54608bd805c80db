// Tiles of quantised activations, as the kernels walk through them. Inside model/tensor/ only.
#pragma once

#include "model/tensor/tensor_private.h"

#define INLINE inline __attribute__((always_inline))

// A tile of activations at a block, as struct rows has them.
struct tile {
    const int8_t *quants;
    const float *scales, *sums, *half_sums;
    const int32_t *lifts, *half_lifts;
};

static inline struct tile tile_of(const struct rows *x, size_t row, size_t block) {
    size_t at = rows_place(x, row, block);
    return (struct tile){x->quants + at * TENSOR_BLOCK, x->scales + at, x->sums + at,
                         x->half_sums + 2 * at,         x->lifts + at,  x->half_lifts + 2 * at};
}

// On to the next block.
static INLINE void tile_step(struct tile *x, size_t T) {
    x->quants += T * TENSOR_BLOCK;
    x->scales += T;
    x->sums += T;
    x->half_sums += 2 * T;
    x->lifts += T;
    x->half_lifts += 2 * T;
}
