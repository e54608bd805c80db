// Sixteen permutations a register: all 128 minima, flips and factors fit.
#include <immintrin.h>

#include "data/similar/similar_private.h"

enum { LANES = 16, GROUP = 8 };

void minima_avx512(const uint64_t *hashes, size_t count, uint32_t out[SIMILAR_PERMUTATIONS]) {
    __m512i least[GROUP], flip[GROUP], factor[GROUP];
#pragma GCC unroll 8
    for (int k = 0; k < GROUP; k++) {
        least[k] = _mm512_set1_epi32(-1);
        flip[k] = _mm512_loadu_si512(permutations.flip + LANES * k);
        factor[k] = _mm512_loadu_si512(permutations.factor + LANES * k);
    }
    for (size_t i = 0; i < count; i++) {
        __m512i x = _mm512_set1_epi32((int)(uint32_t)(hashes[i] >> 32));
#pragma GCC unroll 8
        for (int k = 0; k < GROUP; k++) {
            __m512i permuted = _mm512_mullo_epi32(_mm512_xor_si512(x, flip[k]), factor[k]);
            least[k] = _mm512_min_epu32(least[k], permuted);
        }
    }
#pragma GCC unroll 8
    for (int k = 0; k < GROUP; k++) _mm512_storeu_si512(out + LANES * k, least[k]);
}
