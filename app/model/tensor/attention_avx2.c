// Attention over keys and values in halves, on AVX2: queries that share keys go four at a time, so
// that a key is turned into floats once for them.
#include <immintrin.h>

#include "model/tensor/avx2_private.h"

enum { LANES = 8, QUERIES = 4 };

static INLINE __m256 floats_at(const uint16_t *at) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)at));
}

static INLINE float sum_of(__m256 v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

struct side { // rows of floats
    const float *at;
    size_t stride;
};

// Q queries against two keys.
static INLINE void score_two(size_t Q, float *out, size_t out_stride, struct side query,
                             const uint16_t *const key[2], bool both, size_t n, float factor) {
    __m256 sums[QUERIES][2];
#pragma GCC unroll 4
    for (size_t q = 0; q < Q; q++) sums[q][0] = sums[q][1] = _mm256_setzero_ps();
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m256 a = floats_at(key[0] + i), b = floats_at(key[1] + i);
#pragma GCC unroll 4
        for (size_t q = 0; q < Q; q++) {
            __m256 v = _mm256_loadu_ps(query.at + q * query.stride + i);
            sums[q][0] = _mm256_fmadd_ps(v, a, sums[q][0]);
            sums[q][1] = _mm256_fmadd_ps(v, b, sums[q][1]);
        }
    }
#pragma GCC unroll 4
    for (size_t q = 0; q < Q; q++) {
        for (size_t k = 0; k < 2 && (k == 0 || both); k++) {
            float sum = sum_of(sums[q][k]);
            for (size_t j = i; j < n; j++) {
                sum += query.at[q * query.stride + j] * tensor_from_f16(key[k][j]);
            }
            out[q * out_stride + k] = factor * sum;
        }
    }
}

static INLINE void score_some(size_t Q, float *out, size_t out_stride, struct side query,
                              const uint16_t *keys, size_t key_stride, uint32_t count, size_t n,
                              float factor) {
    for (size_t k = 0; k < count; k += 2) {
        bool both = k + 1 < count;
        const uint16_t *key = keys + k * key_stride;
        const uint16_t *const pair[2] = {key, both ? key + key_stride : key};
        score_two(Q, out + k, out_stride, query, pair, both, n, factor);
    }
}

void scores_avx2(float *out, size_t out_stride, const float *query, size_t query_stride,
                 uint32_t queries, const uint16_t *keys, size_t key_stride, uint32_t count,
                 uint32_t n, float factor) {
    for (uint32_t q = 0; q < queries; q += QUERIES) {
        struct side side = {query + q * query_stride, query_stride};
        float *to = out + q * out_stride;
        switch (queries - q) {
        case 1: score_some(1, to, out_stride, side, keys, key_stride, count, n, factor); break;
        case 2: score_some(2, to, out_stride, side, keys, key_stride, count, n, factor); break;
        case 3: score_some(3, to, out_stride, side, keys, key_stride, count, n, factor); break;
        default: score_some(QUERIES, to, out_stride, side, keys, key_stride, count, n, factor);
        }
    }
}

// Q rows of 16 outputs, over all values.
static INLINE void mix_16(size_t Q, float *out, size_t out_stride, struct side weight,
                          const uint16_t *values, size_t value_stride, uint32_t count) {
    __m256 sums[QUERIES][2];
#pragma GCC unroll 4
    for (size_t q = 0; q < Q; q++) {
        sums[q][0] = _mm256_loadu_ps(out + q * out_stride);
        sums[q][1] = _mm256_loadu_ps(out + q * out_stride + LANES);
    }
    for (size_t k = 0; k < count; k++) {
        __m256 a = floats_at(values + k * value_stride);
        __m256 b = floats_at(values + k * value_stride + LANES);
#pragma GCC unroll 4
        for (size_t q = 0; q < Q; q++) {
            __m256 own = _mm256_broadcast_ss(weight.at + q * weight.stride + k);
            sums[q][0] = _mm256_fmadd_ps(own, a, sums[q][0]);
            sums[q][1] = _mm256_fmadd_ps(own, b, sums[q][1]);
        }
    }
#pragma GCC unroll 4
    for (size_t q = 0; q < Q; q++) {
        _mm256_storeu_ps(out + q * out_stride, sums[q][0]);
        _mm256_storeu_ps(out + q * out_stride + LANES, sums[q][1]);
    }
}

void mix_avx2(float *out, size_t out_stride, const float *weight, size_t weight_stride,
              uint32_t queries, const uint16_t *values, size_t value_stride, uint32_t count,
              uint32_t n) {
    uint32_t whole = n / (2 * LANES) * 2 * LANES;
    for (uint32_t q = 0; q < queries; q += QUERIES) {
        struct side side = {weight + q * weight_stride, weight_stride};
        for (uint32_t i = 0; i < whole; i += 2 * LANES) {
            float *to = out + q * out_stride + i;
            switch (queries - q) {
            case 1: mix_16(1, to, out_stride, side, values + i, value_stride, count); break;
            case 2: mix_16(2, to, out_stride, side, values + i, value_stride, count); break;
            case 3: mix_16(3, to, out_stride, side, values + i, value_stride, count); break;
            default: mix_16(QUERIES, to, out_stride, side, values + i, value_stride, count);
            }
        }
    }
    if (whole < n) {
        kernels_reference.mix(out + whole, out_stride, weight, weight_stride, queries,
                              values + whole, value_stride, count, n - whole);
    }
}
