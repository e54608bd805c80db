// Few rows of activations against packed weights: each block goes straight into registers.
#include "model/tensor/lanes_avx2_private.h"

static INLINE void block_nibbles(enum pack_form form, size_t T, const struct head *head,
                                 const struct tile *x, __m256 total[][2]) {
    __m256i sums[TILE][2];
    clear(T, sums);
#pragma GCC unroll 4
    for (size_t v = 0; v < 4; v++) {
        __m256i w[2] = {load(head->quants + 64 * v), load(head->quants + 64 * v + 32)};
        __m256i low[2] = {low_nibbles(w[0]), low_nibbles(w[1])};
        add_nibbles(T, x, v, low, sums);
        __m256i high[2] = {high_nibbles(w[0]), high_nibbles(w[1])};
        add_nibbles(T, x, v + 4, high, sums);
    }
    if (form == PACK_Q4) {
        add_scaled_8(T, x, head->scale[0], sums, total);
    } else {
        add_scaled(NIBBLES, T, x, head->scale[0], sums, total);
        add_least(T, x->sums, 1, head->least[0], total);
    }
}

// Unsigned 5-bit weights: the halves of a block add up apart.
static INLINE void block_five(size_t T, const struct head *head, const struct tile *x,
                              __m256 total[][2]) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i first[TILE][2], second[TILE][2];
    clear(T, first);
    clear(T, second);
#pragma GCC unroll 4
    for (size_t v = 0; v < 4; v++) {
        __m256i low[2], high[2];
        five_at(head->quants, v, 0, &low[0], &high[0]);
        five_at(head->quants, v, 1, &low[1], &high[1]);
        add_nibbles(T, x, v, low, first);
        add_nibbles(T, x, v + 4, high, second);
    }
#pragma GCC unroll 4
    for (size_t t = 0; t < T; t++) {
#pragma GCC unroll 2
        for (size_t h = 0; h < 2; h++) {
            first[t][h] = _mm256_add_epi32(_mm256_madd_epi16(first[t][h], ones),
                                           _mm256_madd_epi16(second[t][h], ones));
        }
    }
    add_scaled(BYTES, T, x, head->scale[0], first, total);
    add_least(T, x->sums, 1, head->least[0], total);
}

// Signed weights of 6 or 3 bits, whose half blocks have scales of their own.
static INLINE void block_signed(enum pack_form form, size_t T, const struct head *head,
                                const struct tile *x, __m256 total[][2]) {
    __m256i first[TILE][2], second[TILE][2];
    clear(T, first);
    clear(T, second);
#pragma GCC unroll 4
    for (size_t v = 0; v < 4; v++) {
        __m256i low[2], high[2];
#pragma GCC unroll 2
        for (size_t h = 0; h < 2; h++) {
            if (form == PACK_Q6K) {
                six_at(head->quants, v, h, &low[h], &high[h]);
            } else {
                three_at(head->quants, v, h, &low[h], &high[h]);
            }
        }
        add_signed(SMALL, T, x, v, low, first);
        add_signed(SMALL, T, x, v + 4, high, second);
    }
    add_scaled(SMALL, T, x, head->scale[0], first, total);
    add_scaled(SMALL, T, x, head->scale[1], second, total);
}

static INLINE void block_two(size_t T, const struct head *head, const struct tile *x,
                             __m256 total[][2]) {
    __m256i first[TILE][2], second[TILE][2];
    clear(T, first);
    clear(T, second);
#pragma GCC unroll 4
    for (size_t v = 0; v < 4; v++) {
        __m256i low[2], high[2];
        two_at(head->quants, v, 0, &low[0], &high[0]);
        two_at(head->quants, v, 1, &low[1], &high[1]);
        add_nibbles(T, x, v, low, first);
        add_nibbles(T, x, v + 4, high, second);
    }
    add_scaled(NIBBLES, T, x, head->scale[0], first, total);
    add_scaled(NIBBLES, T, x, head->scale[1], second, total);
    add_least(T, x->half_sums, 2, head->least[0], total);
    add_least(T, x->half_sums + 1, 2, head->least[1], total);
}

static INLINE void block_bytes(size_t T, const struct head *head, const struct tile *x,
                               __m256 total[][2]) {
    __m256i sums[TILE][2];
    clear(T, sums);
#pragma GCC unroll 8
    for (size_t v = 0; v < 8; v++) {
        __m256i w[2] = {load(head->quants + 64 * v), load(head->quants + 64 * v + 32)};
        add_signed(BYTES, T, x, v, w, sums);
    }
    add_scaled(BYTES, T, x, head->scale[0], sums, total);
}

static INLINE void straight(enum pack_form form, size_t T, const uint8_t *group, size_t blocks,
                            const struct tile *x, float *y, size_t y_stride) {
    __m256 total[TILE][2];
    for (size_t t = 0; t < T; t++) total[t][0] = total[t][1] = _mm256_setzero_ps();
    struct tile at = *x;
    for (size_t b = 0; b < blocks; b++, tile_step(&at, T)) {
        struct head head;
        head_of(form, group, b, &head);
        if (form == PACK_Q6K || form == PACK_Q3K) {
            block_signed(form, T, &head, &at, total);
        } else if (form == PACK_Q2K) {
            block_two(T, &head, &at, total);
        } else if (form == PACK_Q5K || form == PACK_Q5M) {
            block_five(T, &head, &at, total);
        } else if (form == PACK_Q8) {
            block_bytes(T, &head, &at, total);
        } else {
            block_nibbles(form, T, &head, &at, total);
        }
    }
    store(T, total, y, y_stride, false);
}

typedef void straight_of(const uint8_t *group, size_t blocks, const struct tile *x, float *y,
                         size_t y_stride);
#define STRAIGHT(name, form, T)                                                           \
    static void name(const uint8_t *group, size_t blocks, const struct tile *x, float *y, \
                     size_t y_stride) {                                                   \
        straight(form, T, group, blocks, x, y, y_stride);                                 \
    }
#define STRAIGHT_TO_4(name, form) \
    STRAIGHT(name##_1, form, 1)   \
    STRAIGHT(name##_2, form, 2)   \
    STRAIGHT(name##_3, form, 3)   \
    STRAIGHT(name##_4, form, 4)   \
    static straight_of *const name[TILE] = {name##_1, name##_2, name##_3, name##_4};
STRAIGHT_TO_4(straight_q4, PACK_Q4)
STRAIGHT_TO_4(straight_q4m, PACK_Q4M)
STRAIGHT_TO_4(straight_q4k, PACK_Q4K)
STRAIGHT_TO_4(straight_q5m, PACK_Q5M)
STRAIGHT_TO_4(straight_q5k, PACK_Q5K)
STRAIGHT_TO_4(straight_q8, PACK_Q8)
STRAIGHT_TO_4(straight_q6k, PACK_Q6K)
STRAIGHT_TO_4(straight_q3k, PACK_Q3K)
STRAIGHT_TO_4(straight_q2k, PACK_Q2K)

static straight_of *const *const straights[] = {
    [PACK_Q4] = straight_q4,   [PACK_Q4M] = straight_q4m, [PACK_Q8] = straight_q8,
    [PACK_Q4K] = straight_q4k, [PACK_Q5M] = straight_q5m, [PACK_Q5K] = straight_q5k,
    [PACK_Q6K] = straight_q6k, [PACK_Q3K] = straight_q3k, [PACK_Q2K] = straight_q2k,
};

void straight_product_avx2(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                           uint32_t first, uint32_t last) {
    enum pack_form form = pack_form_of(w->type);
    size_t bytes = pack_group_bytes(w), blocks = w->columns / TENSOR_BLOCK;
    for (uint32_t g = first; g < last; g++) {
        const uint8_t *packed = (const uint8_t *)w->packed + g * bytes;
        uint32_t row = g * TENSOR_GROUP;
        for (uint32_t t = 0; t < x->count; t += TILE) { // a group stays in the cache
            uint32_t T = x->count - t < TILE ? x->count - t : TILE;
            struct tile tile = tile_of(x, t, 0);
            float *to = y + t * y_stride + row, some[TILE][TENSOR_GROUP];
            if (w->rows - row >= TENSOR_GROUP) {
                straights[form][T - 1](packed, blocks, &tile, to, y_stride);
                continue;
            }
            straights[form][T - 1](packed, blocks, &tile, some[0], TENSOR_GROUP);
            part_copy(some[0], TENSOR_GROUP, w->rows - row, T, to, y_stride);
        }
    }
}
