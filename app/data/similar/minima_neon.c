// Four permutations a register, eight registers a pass.
#include <arm_neon.h>

#include "data/similar/similar_private.h"

enum { LANES = 4, GROUP = 8 };

void minima_neon(const uint64_t *hashes, size_t count, uint32_t out[SIMILAR_PERMUTATIONS]) {
    for (int first = 0; first < SIMILAR_PERMUTATIONS; first += LANES * GROUP) {
        uint32x4_t least[GROUP], flip[GROUP], factor[GROUP];
#pragma GCC unroll 8
        for (int k = 0; k < GROUP; k++) {
            least[k] = vdupq_n_u32(UINT32_MAX);
            flip[k] = vld1q_u32(permutations.flip + first + LANES * k);
            factor[k] = vld1q_u32(permutations.factor + first + LANES * k);
        }
        for (size_t i = 0; i < count; i++) {
            uint32x4_t x = vdupq_n_u32((uint32_t)(hashes[i] >> 32));
#pragma GCC unroll 8
            for (int k = 0; k < GROUP; k++) {
                least[k] = vminq_u32(least[k], vmulq_u32(veorq_u32(x, flip[k]), factor[k]));
            }
        }
#pragma GCC unroll 8
        for (int k = 0; k < GROUP; k++) vst1q_u32(out + first + LANES * k, least[k]);
    }
}
