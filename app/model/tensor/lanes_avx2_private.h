// Products with quantised weights on AVX2, the parts: groups of 16 rows as two halves of 8, four
// bytes of each row in a vector's lane, against the same four bytes of activations in every lane.
// Inside model/tensor/ only.
#pragma once

#ifdef __AVX2__ // compiled without, to check that it can be, there is nothing in it

#include <immintrin.h>

#include "model/tensor/avx2_private.h"
#include "model/tensor/pack_private.h"
#include "model/tensor/tile_private.h"

enum {
    TILE = TENSOR_TILE
}; // rows of activations at once: 8 accumulators, and what they are made of, fit

// How a block's products add up in 16 bits: unsigned 4-bit weights over the whole block, 5-bit ones
// and signed ones up to 32 over half a block, whole bytes two at a time.
enum kind { NIBBLES, SMALL, BYTES };

static INLINE __m256i four_of(const struct tile *x, size_t t, size_t v) {
    int32_t four;
    memcpy(&four, x->quants + t * TENSOR_BLOCK + 4 * v, sizeof four);
    return _mm256_set1_epi32(four);
}

static INLINE __m256i load(const uint8_t *at) {
    return _mm256_loadu_si256((const __m256i *)at);
}

// ---- sums of a block ---------------------------------------------------------------------------
// Each adds the products of vector v to sums (T, 2 halves).

// Takes a sum as it is: else the compiler adds in trees, whose leaves do not fit in registers.
static INLINE __m256i in_order(__m256i sum) {
    __asm__("" : "+x"(sum));
    return sum;
}

static INLINE void add_nibbles(size_t T, const struct tile *x, size_t v, const __m256i w[2],
                               __m256i sums[][2]) {
#pragma GCC unroll 4
    for (size_t t = 0; t < T; t++) {
        __m256i four = four_of(x, t, v);
        sums[t][0] = in_order(_mm256_add_epi16(sums[t][0], _mm256_maddubs_epi16(w[0], four)));
        sums[t][1] = in_order(_mm256_add_epi16(sums[t][1], _mm256_maddubs_epi16(w[1], four)));
    }
}

static INLINE __m256i products(__m256i w, __m256i size, __m256i four) {
    return _mm256_maddubs_epi16(size, _mm256_sign_epi8(four, w));
}

static INLINE void add_signed(enum kind kind, size_t T, const struct tile *x, size_t v,
                              const __m256i w[2], __m256i sums[][2]) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i size[2] = {_mm256_abs_epi8(w[0]), _mm256_abs_epi8(w[1])};
#pragma GCC unroll 4
    for (size_t t = 0; t < T; t++) {
        __m256i four = four_of(x, t, v);
#pragma GCC unroll 2
        for (size_t h = 0; h < 2; h++) {
            __m256i p = products(w[h], size[h], four);
            if (kind == BYTES) p = _mm256_madd_epi16(p, ones);
            sums[t][h] =
                kind == BYTES ? _mm256_add_epi32(sums[t][h], p) : _mm256_add_epi16(sums[t][h], p);
            sums[t][h] = in_order(sums[t][h]);
        }
    }
}

static INLINE __m256 floats_of(enum kind kind, __m256i sums) {
    if (kind != BYTES) sums = _mm256_madd_epi16(sums, _mm256_set1_epi16(1));
    return _mm256_cvtepi32_ps(sums);
}

static INLINE void clear(size_t T, __m256i sums[][2]) {
#pragma GCC unroll 4
    for (size_t t = 0; t < T; t++) sums[t][0] = sums[t][1] = _mm256_setzero_si256();
}

// total += scale * activations' scale * sums
static INLINE void add_scaled(enum kind kind, size_t T, const struct tile *x, const __m256 scale[2],
                              __m256i sums[][2], __m256 total[][2]) {
#pragma GCC unroll 4
    for (size_t t = 0; t < T; t++) {
        __m256 own = _mm256_broadcast_ss(x->scales + t);
#pragma GCC unroll 2
        for (size_t h = 0; h < 2; h++) {
            __m256 f = _mm256_mul_ps(floats_of(kind, sums[t][h]), own);
            total[t][h] = _mm256_fmadd_ps(f, scale[h], total[t][h]);
        }
    }
}

// The same for weights that stand 8 too high.
static INLINE void add_scaled_8(size_t T, const struct tile *x, const __m256 scale[2],
                                __m256i sums[][2], __m256 total[][2]) {
#pragma GCC unroll 4
    for (size_t t = 0; t < T; t++) {
        __m256 own = _mm256_broadcast_ss(x->scales + t);
        __m256 eight = _mm256_mul_ps(_mm256_broadcast_ss(x->sums + t), _mm256_set1_ps(-8));
#pragma GCC unroll 2
        for (size_t h = 0; h < 2; h++) {
            __m256 f = _mm256_fmadd_ps(floats_of(NIBBLES, sums[t][h]), own, eight);
            total[t][h] = _mm256_fmadd_ps(f, scale[h], total[t][h]);
        }
    }
}

// total += least * sum of the activations; the rows' sums lie `apart`.
static INLINE void add_least(size_t T, const float *sums, size_t apart, const __m256 least[2],
                             __m256 total[][2]) {
#pragma GCC unroll 4
    for (size_t t = 0; t < T; t++) {
        __m256 own = _mm256_broadcast_ss(sums + t * apart);
        total[t][0] = _mm256_fmadd_ps(least[0], own, total[t][0]);
        total[t][1] = _mm256_fmadd_ps(least[1], own, total[t][1]);
    }
}

static INLINE void store(size_t T, __m256 total[][2], float *y, size_t y_stride, bool more) {
#pragma GCC unroll 4
    for (size_t t = 0; t < T; t++) {
#pragma GCC unroll 2
        for (size_t h = 0; h < 2; h++) {
            float *at = y + t * y_stride + 8 * h;
            if (more) total[t][h] = _mm256_add_ps(total[t][h], _mm256_loadu_ps(at));
            _mm256_storeu_ps(at, total[t][h]);
        }
    }
}

// ---- blocks of packed weights ------------------------------------------------------------------

// Where block b of a group begins, and its scales.
struct head {
    const uint8_t *quants;
    __m256 scale[2][2]; // of each half block, of each half of the rows
    __m256 least[2][2];
};

static INLINE __m256 halves_at(const uint8_t *at) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)at));
}

static INLINE void floats_of_bytes(__m128i bytes, __m256 out[2]) {
    out[0] = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
    out[1] = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)));
}

// Of Q4_K and Q5_K; a block's quants take `bytes`.
static INLINE void head_k(const uint8_t *super, size_t sub, size_t bytes, struct head *out) {
    const __m128i *at = (const __m128i *)(super + 64 + sub / 2 * 48);
    __m128i first = _mm_loadu_si128(at + sub % 2), high = _mm_loadu_si128(at + 2);
    if (sub % 2) high = _mm_srli_epi16(high, 4);
    __m128i scale = _mm_and_si128(first, _mm_set1_epi8(63));
    __m128i least = _mm_and_si128(_mm_srli_epi16(first, 6), _mm_set1_epi8(3));
    high = _mm_slli_epi16(_mm_and_si128(high, _mm_set1_epi8(15)), 2);
    floats_of_bytes(scale, out->scale[0]);
    floats_of_bytes(_mm_or_si128(least, high), out->least[0]);
    const __m256 minus = _mm256_set1_ps(-0.0f);
    for (size_t h = 0; h < 2; h++) {
        __m256 dmin = _mm256_xor_ps(halves_at(super + 32 + 16 * h), minus);
        out->scale[0][h] = _mm256_mul_ps(out->scale[0][h], halves_at(super + 16 * h));
        out->least[0][h] = _mm256_mul_ps(out->least[0][h], dmin);
    }
    out->quants = super + 256 + bytes * sub;
}

// Of Q6_K and Q3_K.
static INLINE void head_signed(const uint8_t *super, size_t sub, size_t block_bytes,
                               struct head *out) {
    for (size_t h = 0; h < 2; h++) {
        __m256 d = halves_at(super + 16 * h);
        for (size_t k = 0; k < 2; k++) {
            __m128i bytes =
                _mm_loadl_epi64((const __m128i *)(super + 32 + 16 * (2 * sub + k) + 8 * h));
            out->scale[k][h] = _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)));
        }
    }
    out->quants = super + 288 + block_bytes * sub;
}

static INLINE void head_q2k(const uint8_t *super, size_t sub, struct head *out) {
    const __m256 minus = _mm256_set1_ps(-0.0f);
    for (size_t k = 0; k < 2; k++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(super + 64 + 16 * (2 * sub + k)));
        const __m128i nibble = _mm_set1_epi8(15);
        floats_of_bytes(_mm_and_si128(bytes, nibble), out->scale[k]);
        floats_of_bytes(_mm_and_si128(_mm_srli_epi16(bytes, 4), nibble), out->least[k]);
        for (size_t h = 0; h < 2; h++) {
            __m256 dmin = _mm256_xor_ps(halves_at(super + 32 + 16 * h), minus);
            out->scale[k][h] = _mm256_mul_ps(out->scale[k][h], halves_at(super + 16 * h));
            out->least[k][h] = _mm256_mul_ps(out->least[k][h], dmin);
        }
    }
    out->quants = super + 320 + 128 * sub;
}

static INLINE void head_of(enum pack_form form, const uint8_t *group, size_t b, struct head *out) {
    if (form == PACK_Q4K) {
        head_k(group + b / PACK_SUPER * PACK_Q4K_BYTES, b % PACK_SUPER, 256, out);
    } else if (form == PACK_Q5K) {
        head_k(group + b / PACK_SUPER * PACK_Q5K_BYTES, b % PACK_SUPER, 320, out);
    } else if (form == PACK_Q6K) {
        head_signed(group + b / PACK_SUPER * PACK_Q6K_BYTES, b % PACK_SUPER, 384, out);
    } else if (form == PACK_Q3K) {
        head_signed(group + b / PACK_SUPER * PACK_Q3K_BYTES, b % PACK_SUPER, 192, out);
    } else if (form == PACK_Q2K) {
        head_q2k(group + b / PACK_SUPER * PACK_Q2K_BYTES, b % PACK_SUPER, out);
    } else {
        bool least = form == PACK_Q4M || form == PACK_Q5M;
        size_t bytes = form == PACK_Q4    ? PACK_Q4_BYTES
                       : form == PACK_Q4M ? PACK_Q4M_BYTES
                       : form == PACK_Q5M ? PACK_Q5M_BYTES
                                          : PACK_Q8_BYTES;
        const uint8_t *at = group + b * bytes;
        for (size_t h = 0; h < 2; h++) out->scale[0][h] = halves_at(at + 16 * h);
        if (least) {
            for (size_t h = 0; h < 2; h++) out->least[0][h] = halves_at(at + 32 + 16 * h);
        }
        out->quants = at + (least ? 64 : 32);
    }
}

static INLINE __m256i low_nibbles(__m256i w) {
    return _mm256_and_si256(w, _mm256_set1_epi8(15));
}

static INLINE __m256i high_nibbles(__m256i w) {
    return _mm256_and_si256(_mm256_srli_epi16(w, 4), _mm256_set1_epi8(15));
}

// Vector v, and the vector v + 4, of signed 6-bit weights, half h of the rows.
static INLINE void six_at(const uint8_t *quants, size_t v, size_t h, __m256i *low, __m256i *high) {
    const __m256i two = _mm256_set1_epi8(0x30), offset = _mm256_set1_epi8(32);
    __m256i w = load(quants + 64 * v + 32 * h);
    __m256i a = load(quants + 256 + 32 * h), b = load(quants + 320 + 32 * h);
    // Pair v of bits to the bits 4 and 5.
    a = v < 2 ? _mm256_slli_epi16(a, (int)(4 - 2 * v)) : _mm256_srli_epi16(a, (int)(2 * v - 4));
    b = v < 2 ? _mm256_slli_epi16(b, (int)(4 - 2 * v)) : _mm256_srli_epi16(b, (int)(2 * v - 4));
    *low = _mm256_sub_epi8(_mm256_or_si256(low_nibbles(w), _mm256_and_si256(a, two)), offset);
    *high = _mm256_sub_epi8(_mm256_or_si256(high_nibbles(w), _mm256_and_si256(b, two)), offset);
}

// The same of unsigned 5-bit weights.
static INLINE void five_at(const uint8_t *quants, size_t v, size_t h, __m256i *low, __m256i *high) {
    const __m256i fifth = _mm256_set1_epi8(16);
    __m256i w = load(quants + 64 * v + 32 * h), bits = load(quants + 256 + 32 * h);
    // Bit v, and bit v + 4, to bit 4.
    __m256i a = _mm256_slli_epi16(bits, (int)(4 - v)), b = _mm256_srli_epi16(bits, (int)v);
    *low = _mm256_or_si256(low_nibbles(w), _mm256_and_si256(a, fifth));
    *high = _mm256_or_si256(high_nibbles(w), _mm256_and_si256(b, fifth));
}

// The same of unsigned 2-bit weights.
static INLINE void two_at(const uint8_t *quants, size_t v, size_t h, __m256i *low, __m256i *high) {
    const __m256i pair = _mm256_set1_epi8(3);
    __m256i a = load(quants + 32 * h), b = load(quants + 64 + 32 * h);
    *low = _mm256_and_si256(_mm256_srli_epi16(a, (int)(2 * v)), pair);
    *high = _mm256_and_si256(_mm256_srli_epi16(b, (int)(2 * v)), pair);
}

// The same of signed 3-bit weights.
static INLINE void three_at(const uint8_t *quants, size_t v, size_t h, __m256i *low,
                            __m256i *high) {
    const __m256i third = _mm256_set1_epi8(4), offset = _mm256_set1_epi8(4);
    __m256i bits = load(quants + 128 + 32 * h);
    // Bit v, and bit v + 4, to bit 2.
    __m256i a =
        v < 2 ? _mm256_slli_epi16(bits, (int)(2 - v)) : _mm256_srli_epi16(bits, (int)(v - 2));
    __m256i b = _mm256_srli_epi16(bits, (int)(v + 2));
    two_at(quants, v, h, low, high);
    *low = _mm256_sub_epi8(_mm256_or_si256(*low, _mm256_and_si256(a, third)), offset);
    *high = _mm256_sub_epi8(_mm256_or_si256(*high, _mm256_and_si256(b, third)), offset);
}

#endif
