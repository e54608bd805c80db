// Eight permutations a register, four registers a pass: minima, flips and factors stay in them.
#include <immintrin.h>

#include "data/similar/similar_private.h"

enum { LANES = 8, GROUP = 4 };

void minima_avx2(const uint64_t *hashes, size_t count, uint32_t out[SIMILAR_PERMUTATIONS]) {
    for (int first = 0; first < SIMILAR_PERMUTATIONS; first += LANES * GROUP) {
        __m256i least[GROUP], flip[GROUP], factor[GROUP];
#pragma GCC unroll 8
        for (int k = 0; k < GROUP; k++) {
            const uint32_t *flips = permutations.flip + first + LANES * k;
            const uint32_t *factors = permutations.factor + first + LANES * k;
            least[k] = _mm256_set1_epi32(-1);
            flip[k] = _mm256_loadu_si256((const __m256i *)(const void *)flips);
            factor[k] = _mm256_loadu_si256((const __m256i *)(const void *)factors);
        }
        for (size_t i = 0; i < count; i++) {
            __m256i x = _mm256_set1_epi32((int)(uint32_t)(hashes[i] >> 32));
#pragma GCC unroll 8
            for (int k = 0; k < GROUP; k++) {
                __m256i permuted = _mm256_mullo_epi32(_mm256_xor_si256(x, flip[k]), factor[k]);
                least[k] = _mm256_min_epu32(least[k], permuted);
            }
        }
#pragma GCC unroll 8
        for (int k = 0; k < GROUP; k++) {
            _mm256_storeu_si256((__m256i *)(void *)(out + first + LANES * k), least[k]);
        }
    }
}
