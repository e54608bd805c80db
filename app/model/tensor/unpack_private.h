// Packed weights into panels of signed bytes, in plain C that compilers turn into any processor's
// vectors. Inside model/tensor/ only.
#pragma once

#include "model/tensor/pack_private.h"

// 16 rows of a block of columns: weight = scale * quant + least, by half blocks.
struct signed_block {
    _Alignas(64) int8_t quants[512]; // vectors as in pack_private.h, 8 of a block
    float scale[2][TENSOR_GROUP];
    float least[2][TENSOR_GROUP];
};

// `count` blocks of a group from `first` on, packed or as the file has them; a row that is not
// there is zero.
void signed_unpack(const struct matrix *w, uint32_t group, size_t first, size_t count,
                   struct signed_block *out);
// Whether scales or leasts of half blocks may differ.
bool signed_halves(const struct matrix *w);
