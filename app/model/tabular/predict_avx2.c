// Walking a complete tree with AVX2: eight rows a vector, node tables and values by gather.

#include <immintrin.h>

#include "model/tabular/predict_private.h"

static void walk_eight(const uint32_t *feature, const float *threshold, const float *leaf,
                       uint32_t depth, const float *values, double *sum) {
    __m256i at = _mm256_setzero_si256(), lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i two = _mm256_set1_epi32(2);
    for (uint32_t d = 0; d < depth; d++) {
        __m256i f = _mm256_i32gather_epi32((const int *)(const void *)feature, at, 4);
        __m256 t = _mm256_i32gather_ps(threshold, at, 4);
        __m256i place = _mm256_add_epi32(_mm256_slli_epi32(f, 4), lane); // f * FAST_ROWS + lane
        __m256 v = _mm256_i32gather_ps(values, place, 4);
        __m256i below = _mm256_castps_si256(_mm256_cmp_ps(v, t, _CMP_LT_OQ)); // -1 where left
        at = _mm256_add_epi32(_mm256_add_epi32(_mm256_slli_epi32(at, 1), two), below);
    }
    __m256i inner = _mm256_set1_epi32((1 << depth) - 1);
    __m256 add = _mm256_i32gather_ps(leaf, _mm256_sub_epi32(at, inner), 4);
    __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(add));
    __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(add, 1));
    _mm256_storeu_pd(sum, _mm256_add_pd(_mm256_loadu_pd(sum), low));
    _mm256_storeu_pd(sum + 4, _mm256_add_pd(_mm256_loadu_pd(sum + 4), high));
}

static void walk(const struct forest_fast *fast, const struct fast_tree *tree, const float *values,
                 double *sum) {
    _Static_assert(FAST_ROWS == 16, "lanes are computed with a shift by 4");
    const uint32_t *feature = fast->feature + tree->first;
    const float *threshold = fast->threshold + tree->first, *leaf = fast->leaf + tree->leaf;
    walk_eight(feature, threshold, leaf, tree->depth, values, sum);
    walk_eight(feature, threshold, leaf, tree->depth, values + 8, sum + 8);
}

const struct walk_kernels walk_avx2 = {walk};
