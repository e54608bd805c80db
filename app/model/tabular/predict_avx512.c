// Walking a complete tree with AVX-512: sixteen rows a vector. The first 31 nodes are looked up in
// registers by a permutation of two vectors; deeper ones and the values by gather.

#include <immintrin.h>

#include "model/tabular/predict_private.h"

static inline __m512i step(__m512i at, __m512i feature, __m512 threshold, __m512i lane,
                           const float *values) {
    __m512i place = _mm512_add_epi32(_mm512_slli_epi32(feature, 4), lane);
    __m512 value = _mm512_i32gather_ps(place, values, 4);
    __mmask16 below = _mm512_cmp_ps_mask(value, threshold, _CMP_LT_OQ);
    __m512i right = _mm512_add_epi32(_mm512_slli_epi32(at, 1), _mm512_set1_epi32(2));
    return _mm512_mask_sub_epi32(right, below, right, _mm512_set1_epi32(1));
}

static void walk(const struct forest_fast *fast, const struct fast_tree *tree, const float *values,
                 double *sum) {
    _Static_assert(FAST_ROWS == 16, "lanes are computed with a shift by 4");
    const uint32_t *feature = fast->feature + tree->first;
    const float *threshold = fast->threshold + tree->first, *leaf = fast->leaf + tree->leaf;
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i at = _mm512_setzero_si512();
    __m512i feature_low = _mm512_loadu_si512(feature),
            feature_high = _mm512_loadu_si512(feature + 16);
    __m512 threshold_low = _mm512_loadu_ps(threshold),
           threshold_high = _mm512_loadu_ps(threshold + 16);
    uint32_t depth = 0;
    for (; depth < tree->depth && depth < 5; depth++) {
        __m512i f = _mm512_permutex2var_epi32(feature_low, at, feature_high);
        __m512 t = _mm512_permutex2var_ps(threshold_low, at, threshold_high);
        at = step(at, f, t, lane, values);
    }
    for (; depth < tree->depth; depth++) {
        __m512i f = _mm512_i32gather_epi32(at, feature, 4);
        __m512 t = _mm512_i32gather_ps(at, threshold, 4);
        at = step(at, f, t, lane, values);
    }
    __m512i inner = _mm512_set1_epi32((1 << tree->depth) - 1);
    __m512 add = _mm512_i32gather_ps(_mm512_sub_epi32(at, inner), leaf, 4);
    __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(add));
    __m256i upper = _mm512_extracti64x4_epi64(_mm512_castps_si512(add), 1);
    __m512d high = _mm512_cvtps_pd(_mm256_castsi256_ps(upper));
    _mm512_storeu_pd(sum, _mm512_add_pd(_mm512_loadu_pd(sum), low));
    _mm512_storeu_pd(sum + 8, _mm512_add_pd(_mm512_loadu_pd(sum + 8), high));
}

const struct walk_kernels walk_avx512 = {walk};
