// Ranks and trees with AVX2: 32 rows a vector, four vectors a split.

#include <float.h>
#include <immintrin.h>
#include <string.h>

#include "model/tabular/predict_private.h"

// Twice how many of 16 cuts are not above the value.
static inline uint32_t count_of(const float *cuts, __m256 value) {
    __m256 low = _mm256_cmp_ps(_mm256_load_ps(cuts), value, _CMP_LE_OQ);
    __m256 high = _mm256_cmp_ps(_mm256_load_ps(cuts + 8), value, _CMP_LE_OQ);
    __m256i both = _mm256_packs_epi32(_mm256_castps_si256(low), _mm256_castps_si256(high));
    return (uint32_t)_mm_popcnt_u32((uint32_t)_mm256_movemask_epi8(both));
}

// Every sixteenth cut tells which sixteen to look at.
static void rank(const float *cuts, const float *values, uint32_t rows, uint8_t *low,
                 uint8_t *high) {
    const float *pivots = cuts;
    cuts += FAST_PIVOTS;
    for (uint32_t r = 0; r < rows; r++) {
        // The smaller of the two, and a value that is no number stays one.
        __m128 bounded = _mm_min_ss(_mm_set_ss(FLT_MAX), _mm_load_ss(values + r));
        __m256 value = _mm256_broadcastss_ps(bounded);
        uint32_t place = 8 * count_of(pivots, value);
        uint8_t code = (uint8_t)(place + count_of(cuts + place, value) / 2 - 128);
        low[r] = code;
        high[r] = values[r] != values[r] ? INT8_MAX : code;
    }
}

// ---- trees ------------------------------

enum { VECTOR = 32 };

static inline __m256i load(const uint8_t *from) {
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

static inline void store(uint8_t *to, __m256i value) {
    _mm256_storeu_si256((__m256i *)(void *)to, value);
}

// 255 where the code is in the set.
static inline __m256i in_set(const uint8_t *set, __m256i code) {
    __m128i half_low = _mm_loadu_si128((const __m128i *)(const void *)set);
    __m128i half_high = _mm_loadu_si128((const __m128i *)(const void *)(set + 16));
    const __m256i bits =
        _mm256_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16,
                         32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
    __m256i place = _mm256_and_si256(_mm256_srli_epi16(code, 3), _mm256_set1_epi8(15));
    __m256i low = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(half_low), place);
    __m256i high = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(half_high), place);
    __m256i byte = _mm256_blendv_epi8(low, high, code); // codes from 128 on: the upper half
    __m256i bit = _mm256_shuffle_epi8(bits, _mm256_and_si256(code, _mm256_set1_epi8(7)));
    return _mm256_cmpeq_epi8(_mm256_and_si256(byte, bit), bit);
}

static void step_set(const uint8_t *set, const uint8_t *code, const uint8_t *left,
                     const uint8_t *right, uint8_t *out) {
    for (unsigned i = 0; i < FAST_ROWS; i += VECTOR) {
        __m256i is_in = in_set(set, load(code + i));
        store(out + i, _mm256_blendv_epi8(load(right + i), load(left + i), is_in));
    }
}

static void walk(const struct forest_fast *fast, const struct fast_tree *tree, const uint8_t *codes,
                 uint8_t *room, uint8_t *out) {
    const struct fast_step *step = fast->steps + tree->first, *end = step + tree->count;
    for (; step < end; step++) {
        const uint8_t *code = codes + step->code, *left = room + step->left;
        const uint8_t *right = room + step->right;
        uint8_t *to = room + step->out;
        if (__builtin_expect(step->set != 0, 0)) {
            step_set(fast->sets + (size_t)(step->set - 1) * FAST_SET_BYTES, code, left, right, to);
            continue;
        }
        __m256i cut = _mm256_set1_epi8(step->cut);
        _Static_assert(FAST_ROWS == 4 * VECTOR, "four vectors a step");
        __m256i a = _mm256_cmpgt_epi8(cut, load(code));
        __m256i b = _mm256_cmpgt_epi8(cut, load(code + VECTOR));
        __m256i c = _mm256_cmpgt_epi8(cut, load(code + 2 * VECTOR));
        __m256i d = _mm256_cmpgt_epi8(cut, load(code + 3 * VECTOR));
        store(to, _mm256_blendv_epi8(load(right), load(left), a));
        store(to + VECTOR, _mm256_blendv_epi8(load(right + VECTOR), load(left + VECTOR), b));
        store(to + 2 * VECTOR,
              _mm256_blendv_epi8(load(right + 2 * VECTOR), load(left + 2 * VECTOR), c));
        store(to + 3 * VECTOR,
              _mm256_blendv_epi8(load(right + 3 * VECTOR), load(left + 3 * VECTOR), d));
    }
    memcpy(out, room + (tree->count ? FAST_LEAVES * FAST_ROWS : 0), FAST_ROWS);
}

const struct fast_kernels fast_avx2 = {rank, walk};
