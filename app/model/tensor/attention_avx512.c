// Attention over keys and values in halves on AVX-512, of queries enough to pay for turning keys:
// 32 keys become a panel of floats, a vector of 16 keys for each element, that tiles of queries
// pass.
#include <immintrin.h>

#include "model/tensor/avx512_private.h"

enum {
    LANES = 16,
    QUERIES_LEAST = 4,  // for fewer the keys are taken as they lie
    SCORE_QUERIES = 12, // with two vectors of keys
    MIX_QUERIES = 6,    // with four vectors of a value
    MIX_LANES = 4 * LANES,
};

struct side { // rows of floats
    const float *at;
    size_t stride;
};

// Q queries against the keys of two panels; `keys` tells which of each are there.
static INLINE void score_tile(size_t Q, const struct float_panel panels[2], struct side query,
                              size_t n, float factor, const __mmask16 keys[2], float *out,
                              size_t out_stride) {
    __m512 sums[SCORE_QUERIES][2], by = _mm512_set1_ps(factor);
#pragma GCC unroll 12
    for (size_t q = 0; q < Q; q++) sums[q][0] = sums[q][1] = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i++) {
        __m512 a = _mm512_load_ps(panels[0].weights[i]), b = _mm512_load_ps(panels[1].weights[i]);
#pragma GCC unroll 12
        for (size_t q = 0; q < Q; q++) {
            __m512 own = _mm512_set1_ps(query.at[q * query.stride + i]);
            sums[q][0] = _mm512_fmadd_ps(a, own, sums[q][0]);
            sums[q][1] = _mm512_fmadd_ps(b, own, sums[q][1]);
        }
    }
#pragma GCC unroll 12
    for (size_t q = 0; q < Q; q++) {
        float *to = out + q * out_stride;
        _mm512_mask_storeu_ps(to, keys[0], _mm512_mul_ps(sums[q][0], by));
        if (keys[1]) _mm512_mask_storeu_ps(to + LANES, keys[1], _mm512_mul_ps(sums[q][1], by));
    }
}

static __mmask16 mask_of(uint32_t count) {
    return (__mmask16)(count >= LANES ? 0xFFFF : (1u << count) - 1);
}

void scores_avx512(float *out, size_t out_stride, const float *query, size_t query_stride,
                   uint32_t queries, const uint16_t *keys, size_t key_stride, uint32_t count,
                   uint32_t n, float factor) {
    if (queries < QUERIES_LEAST || n > FLOAT_CHUNK) {
        scores_avx2(out, out_stride, query, query_stride, queries, keys, key_stride, count, n,
                    factor);
        return;
    }
    struct matrix rows = {TENSOR_F16, count, (uint32_t)key_stride, keys, NULL};
    for (uint32_t k = 0; k < count; k += 2 * LANES) {
        struct float_panel panels[2];
        uint32_t left = count - k, beyond = left > LANES ? left - LANES : 0;
        const __mmask16 there[2] = {mask_of(left), mask_of(beyond)};
        turn_panel_avx2(&rows, k / LANES, 0, n, &panels[0]);
        turn_panel_avx2(&rows, k / LANES + 1, 0, n, &panels[1]); // beyond all: the last one again
        uint32_t q = 0;
        for (; q + SCORE_QUERIES <= queries; q += SCORE_QUERIES) {
            score_tile(SCORE_QUERIES, panels, (struct side){query + q * query_stride, query_stride},
                       n, factor, there, out + q * out_stride + k, out_stride);
        }
        for (; q + 4 <= queries; q += 4) {
            score_tile(4, panels, (struct side){query + q * query_stride, query_stride}, n, factor,
                       there, out + q * out_stride + k, out_stride);
        }
        for (; q < queries; q++) {
            score_tile(1, panels, (struct side){query + q * query_stride, query_stride}, n, factor,
                       there, out + q * out_stride + k, out_stride);
        }
    }
}

// Q rows of 64 outputs, over all values.
static INLINE void mix_tile(size_t Q, float *out, size_t out_stride, struct side weight,
                            const uint16_t *values, size_t value_stride, uint32_t count) {
    __m512 sums[MIX_QUERIES][4], value[4];
#pragma GCC unroll 6
    for (size_t q = 0; q < Q; q++) {
#pragma GCC unroll 4
        for (size_t i = 0; i < 4; i++) {
            sums[q][i] = _mm512_loadu_ps(out + q * out_stride + i * LANES);
        }
    }
    for (size_t k = 0; k < count; k++) {
        const __m256i *at = (const __m256i *)(values + k * value_stride);
#pragma GCC unroll 4
        for (size_t i = 0; i < 4; i++) value[i] = _mm512_cvtph_ps(_mm256_loadu_si256(at + i));
#pragma GCC unroll 6
        for (size_t q = 0; q < Q; q++) {
            __m512 own = _mm512_set1_ps(weight.at[q * weight.stride + k]);
#pragma GCC unroll 4
            for (size_t i = 0; i < 4; i++) sums[q][i] = _mm512_fmadd_ps(own, value[i], sums[q][i]);
        }
    }
#pragma GCC unroll 6
    for (size_t q = 0; q < Q; q++) {
#pragma GCC unroll 4
        for (size_t i = 0; i < 4; i++) {
            _mm512_storeu_ps(out + q * out_stride + i * LANES, sums[q][i]);
        }
    }
}

void mix_avx512(float *out, size_t out_stride, const float *weight, size_t weight_stride,
                uint32_t queries, const uint16_t *values, size_t value_stride, uint32_t count,
                uint32_t n) {
    uint32_t whole = n / MIX_LANES * MIX_LANES;
    for (uint32_t i = 0; i < whole; i += MIX_LANES) {
        uint32_t q = 0;
        for (; q + MIX_QUERIES <= queries; q += MIX_QUERIES) {
            mix_tile(MIX_QUERIES, out + q * out_stride + i, out_stride,
                     (struct side){weight + q * weight_stride, weight_stride}, values + i,
                     value_stride, count);
        }
        for (; q < queries; q++) {
            mix_tile(1, out + q * out_stride + i, out_stride,
                     (struct side){weight + q * weight_stride, weight_stride}, values + i,
                     value_stride, count);
        }
    }
    if (whole < n) {
        mix_avx2(out + whole, out_stride, weight, weight_stride, queries, values + whole,
                 value_stride, count, n - whole);
    }
}
