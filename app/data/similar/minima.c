// The minima in plain C, and which kernel this processor runs.
#include "data/similar/similar_private.h"

void minima_reference(const uint64_t *hashes, size_t count, uint32_t out[SIMILAR_PERMUTATIONS]) {
    for (int j = 0; j < SIMILAR_PERMUTATIONS; j++) out[j] = UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        uint32_t x = (uint32_t)(hashes[i] >> 32);
        for (int j = 0; j < SIMILAR_PERMUTATIONS; j++) {
            uint32_t permuted = (x ^ permutations.flip[j]) * permutations.factor[j];
            if (permuted < out[j]) out[j] = permuted;
        }
    }
}

minima_kernel *minima_best(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return minima_avx512;
    if (__builtin_cpu_supports("avx2")) return minima_avx2;
    return minima_reference;
#elif defined(__aarch64__)
    return minima_neon;
#else
    return minima_reference;
#endif
}
