// Packed weights: groups of 16 rows, interleaved so that one vector holds 4 columns of each row.
// The same bytes serve halves of 8 rows (AVX2) and whole groups (AVX-512). Inside model/tensor/.
//
// A vector v of a block of 32 columns is 64 bytes: byte 4 r + j belongs to row r, column 4 v + j.
// Where weights have 4 bits, the low nibbles are vector v and the high ones vector v + 4, so that
// 4 vectors are a block; the third and fourth pair of bits of 6-bit weights stand in 2 vectors
// more, of which vector h holds steps 4 h to 4 h + 3, two bits each.
// For each group, form by form, block by block:
//   PACK_Q4    16 scales f16 | 4 vectors                                     288 bytes
//   PACK_Q4M   16 scales f16, 16 leasts f16 | 4 vectors                      320 bytes
//   PACK_Q5M   16 scales f16, 16 leasts f16 | 4 vectors, 1 of fifth bits: bit v is vector v's   384
//              (Q5_0 too, whose least is -16 scales)
//   PACK_Q8    16 scales f16 | 8 vectors of signed bytes                     544 bytes
// and super-block of 256 columns by super-block:
//   PACK_Q4K   16 d f16, 16 dmin f16 | 4 x 48 bytes of scales | 8 x 4 vectors            2304 bytes
//              scales of two blocks: 16 x (scale, two low bits of least), the same for the second,
//              16 x (four high bits of least; the second's in the high nibble)
//   PACK_Q5K   the same with 8 x (4 vectors, 1 of fifth bits)                            2816 bytes
//   PACK_Q6K   16 d f16 | 16 x 16 scales, signed bytes | 8 x (4 vectors, 2 of pairs)     3360 bytes
//   PACK_Q3K   16 d f16 | 16 x 16 scales, signed bytes | 8 x (2 vectors of pairs, of which vector h
//              holds steps 4 h to 4 h + 3; 1 of third bits: bit v is vector v's)         1824 bytes
//   PACK_Q2K   16 d f16, 16 dmin f16 | 16 x 16 (scale, least in the high nibble) | 8 x 2 vectors of
//              pairs                                                                     1344 bytes
#pragma once

#include "model/tensor/tensor_private.h"

enum pack_form {
    PACK_NONE,
    PACK_Q4,
    PACK_Q4M,
    PACK_Q5M,
    PACK_Q8,
    PACK_Q4K,
    PACK_Q5K,
    PACK_Q6K,
    PACK_Q3K,
    PACK_Q2K
};
enum {
    PACK_Q4_BYTES = 288,
    PACK_Q4M_BYTES = 320,
    PACK_Q5M_BYTES = 384,
    PACK_Q8_BYTES = 544,
    PACK_Q4K_BYTES = 2304,
    PACK_Q5K_BYTES = 2816,
    PACK_Q6K_BYTES = 3360,
    PACK_Q3K_BYTES = 1824,
    PACK_Q2K_BYTES = 1344,
    PACK_SUPER = 256 / TENSOR_BLOCK, // blocks of a super-block
};

enum pack_form pack_form_of(enum tensor_type type); // PACK_NONE: taken as the file has it
// Whether halves of a block have scales of their own.
static inline bool pack_halves(enum pack_form form) {
    return form == PACK_Q6K || form == PACK_Q3K || form == PACK_Q2K;
}
size_t pack_group_bytes(const struct matrix *w); // 0 where there is none
size_t pack_bytes(const struct matrix *w);
void pack_groups(const struct matrix *w, void *packed, uint32_t first, uint32_t last);
