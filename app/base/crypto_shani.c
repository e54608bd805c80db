// SHA-256 by the SHA extensions of x86-64. Each sha256rnds2 does two rounds on the state held as
// (A,B,E,F) and (C,D,G,H); sha256msg1/2 advance the message schedule four words at a time.
// Source: Intel, "Intel SHA Extensions", 2013.
#include <cpuid.h>
#include <immintrin.h>

#include "base/crypto_private.h"

// Four rounds with the message words `words` (each already in its lane).
static inline void four_rounds(__m128i *abef, __m128i *cdgh, __m128i words, int round) {
    const void *table = &SHA256_ROUND[round];
    __m128i sum = _mm_add_epi32(words, _mm_loadu_si128((const __m128i *)table));
    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, sum);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(sum, 0x0E));
}

// w[16..19] from w[0..15], held as four vectors in order.
static inline __m128i next_words(__m128i w0, __m128i w4, __m128i w8, __m128i w12) {
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w4), _mm_alignr_epi8(w12, w8, 4));
    return _mm_sha256msg2_epu32(sum, w12);
}

static void one_block(__m128i *abef, __m128i *cdgh, const uint8_t *block) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    const __m128i saved_abef = *abef, saved_cdgh = *cdgh;
    __m128i w[4];
    for (int i = 0; i < 4; i++) {
        const void *at = block + 16 * i;
        w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)at), swap);
        four_rounds(abef, cdgh, w[i], 4 * i);
    }
#pragma GCC unroll 12
    for (int i = 4; i < 16; i++) {
        __m128i next = next_words(w[i & 3], w[(i + 1) & 3], w[(i + 2) & 3], w[(i + 3) & 3]);
        w[i & 3] = next;
        four_rounds(abef, cdgh, next, 4 * i);
    }
    *abef = _mm_add_epi32(*abef, saved_abef);
    *cdgh = _mm_add_epi32(*cdgh, saved_cdgh);
}

static void blocks_shani(uint32_t state[static 8], const uint8_t *blocks, size_t count) {
    void *low = &state[0], *high = &state[4];
    // (D,C,B,A) and (H,G,F,E) to (A,B,E,F) and (C,D,G,H), lanes named from the top.
    __m128i dcba = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)low), 0xB1);
    __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)high), 0x1B);
    __m128i abef = _mm_alignr_epi8(dcba, hgfe, 8);
    __m128i cdgh = _mm_blend_epi16(hgfe, dcba, 0xF0);
    for (; count > 0; count--, blocks += 64) one_block(&abef, &cdgh, blocks);
    __m128i feba = _mm_shuffle_epi32(abef, 0x1B);
    __m128i dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)low, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i *)high, _mm_alignr_epi8(dchg, feba, 8));
}

sha256_blocks_fn *sha256_blocks_shani(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return NULL;
    bool has_ssse3 = c & (1U << 9), has_sse41 = c & (1U << 19);
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return NULL;
    bool has_sha = b & (1U << 29);
    return has_ssse3 && has_sse41 && has_sha ? blocks_shani : NULL;
}
