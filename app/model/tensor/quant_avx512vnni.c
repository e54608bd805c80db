// Products with quantised weights on AVX-512 with VNNI: a vector is four bytes of each of a group's
// 16 rows, unsigned, and meets the same four signed bytes of activations in every lane; 32
// registers hold 12 rows of activations. What makes weights unsigned is taken off by way of the
// activations' sums. As on AVX2, few rows take packed weights straight, many meet a panel.
#include <immintrin.h>

#include "model/tensor/avx512_private.h"
#include "model/tensor/pack_private.h"

enum {
    TILES = 3,
    ROWS = TILES * TENSOR_TILE,
    STRAIGHT_ROWS = 2 * TENSOR_TILE, // that share registers
    STRAIGHT_MOST = 16,              // up to which a panel does not pay
    CHUNK = 14,                      // blocks of columns that panels hold: 24 KB of three groups
};

// ---- activations -------------------------------------------------------------------------------

struct tiles {
    struct tile at[TILES];
};

static struct tiles tiles_of(const struct rows *x, size_t row, size_t block) {
    struct tiles tiles = {0};
    for (size_t k = 0; k < TILES && row + k * TENSOR_TILE < x->count; k++) {
        tiles.at[k] = tile_of(x, row + k * TENSOR_TILE, block);
    }
    return tiles;
}

// Rows of tile k where there are T in all.
static INLINE size_t rows_in(size_t T, size_t k) {
    return T >= (k + 1) * TENSOR_TILE ? TENSOR_TILE : T - k * TENSOR_TILE;
}

static INLINE void tiles_step(struct tiles *x, size_t T) {
#pragma GCC unroll 3
    for (size_t k = 0; k * TENSOR_TILE < T; k++) tile_step(&x->at[k], rows_in(T, k));
}

static INLINE void add_products(size_t T, const struct tiles *x, size_t v, __m512i w,
                                __m512i sums[]) {
#pragma GCC unroll 12
    for (size_t t = 0; t < T; t++) {
        const int8_t *quants = x->at[t / TENSOR_TILE].quants + t % TENSOR_TILE * TENSOR_BLOCK;
        int32_t four;
        memcpy(&four, quants + 4 * v, sizeof four);
        sums[t] = _mm512_dpbusd_epi32(sums[t], w, _mm512_set1_epi32(four));
    }
}

static INLINE void clear(size_t T, __m512i sums[]) {
#pragma GCC unroll 12
    for (size_t t = 0; t < T; t++) sums[t] = _mm512_setzero_si512();
}

enum part { WHOLE, FIRST_HALF, SECOND_HALF };

// total += scale * activations' scale * sums + least * the activations' sum
static INLINE void add_scaled(enum part part, size_t T, const struct tiles *x, __m512 scale,
                              __m512 least, __m512i sums[], __m512 total[]) {
#pragma GCC unroll 12
    for (size_t t = 0; t < T; t++) {
        const struct tile *tile = &x->at[t / TENSOR_TILE];
        size_t row = t % TENSOR_TILE;
        float sum = part == WHOLE ? tile->sums[row] : tile->half_sums[2 * row + part - FIRST_HALF];
        __m512 f = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[t]), _mm512_set1_ps(tile->scales[row]));
        total[t] = _mm512_fmadd_ps(f, scale, total[t]);
        total[t] = _mm512_fmadd_ps(least, _mm512_set1_ps(sum), total[t]);
    }
}

static INLINE void store(size_t T, const __m512 total[], float *y, size_t y_stride, __mmask16 rows,
                         bool more) {
#pragma GCC unroll 12
    for (size_t t = 0; t < T; t++) {
        float *at = y + t * y_stride;
        __m512 sum = total[t];
        if (more) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(rows, at));
        _mm512_mask_storeu_ps(at, rows, sum);
    }
}

// ---- blocks of packed weights ------------------------------------------------------------------

// Where block b of a group begins, and its scales, those of half blocks or the first alone.
struct head {
    const uint8_t *quants;
    __m512 scale[2], least[2];
};

static INLINE __m512i load(const uint8_t *at) {
    return _mm512_loadu_si512(at);
}

static INLINE __m512 halves_at(const uint8_t *at) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)at));
}

static INLINE void head_k(const uint8_t *super, size_t sub, size_t bytes, struct head *out) {
    const __m128i *at = (const __m128i *)(super + 64 + sub / 2 * 48);
    __m128i first = _mm_loadu_si128(at + sub % 2), high = _mm_loadu_si128(at + 2);
    if (sub % 2) high = _mm_srli_epi16(high, 4);
    __m128i scale = _mm_and_si128(first, _mm_set1_epi8(63));
    __m128i least = _mm_and_si128(_mm_srli_epi16(first, 6), _mm_set1_epi8(3));
    least = _mm_or_si128(least, _mm_slli_epi16(_mm_and_si128(high, _mm_set1_epi8(15)), 2));
    __m512 scales = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(scale));
    __m512 leasts = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(least));
    out->scale[0] = _mm512_mul_ps(scales, halves_at(super));
    out->least[0] =
        _mm512_sub_ps(_mm512_setzero_ps(), _mm512_mul_ps(leasts, halves_at(super + 32)));
    out->quants = super + 256 + bytes * sub;
}

// Of Q6_K and Q3_K, whose weights stand `offset` too high; a block's quants take `block_bytes`.
static INLINE void head_signed(const uint8_t *super, size_t sub, size_t block_bytes, float offset,
                               struct head *out) {
    for (size_t k = 0; k < 2; k++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(super + 32 + 16 * (2 * sub + k)));
        __m512 scales = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
        out->scale[k] = _mm512_mul_ps(scales, halves_at(super));
        out->least[k] = _mm512_mul_ps(out->scale[k], _mm512_set1_ps(-offset));
    }
    out->quants = super + 288 + block_bytes * sub;
}

static INLINE void head_q2k(const uint8_t *super, size_t sub, struct head *out) {
    for (size_t k = 0; k < 2; k++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(super + 64 + 16 * (2 * sub + k)));
        const __m128i nibble = _mm_set1_epi8(15);
        __m128i least = _mm_and_si128(_mm_srli_epi16(bytes, 4), nibble);
        __m512 scales = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_and_si128(bytes, nibble)));
        __m512 leasts = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(least));
        out->scale[k] = _mm512_mul_ps(scales, halves_at(super));
        out->least[k] =
            _mm512_sub_ps(_mm512_setzero_ps(), _mm512_mul_ps(leasts, halves_at(super + 32)));
    }
    out->quants = super + 320 + 128 * sub;
}

static INLINE void head_simple(const uint8_t *at, bool least, float offset, struct head *out) {
    out->scale[0] = halves_at(at);
    out->least[0] =
        least ? halves_at(at + 32) : _mm512_mul_ps(out->scale[0], _mm512_set1_ps(offset));
    out->quants = at + (least ? 64 : 32);
}

static INLINE void head_of(enum pack_form form, const uint8_t *group, size_t b, struct head *out) {
    size_t super = b / PACK_SUPER, sub = b % PACK_SUPER;
    switch (form) {
    case PACK_Q4K: head_k(group + super * PACK_Q4K_BYTES, sub, 256, out); break;
    case PACK_Q5K: head_k(group + super * PACK_Q5K_BYTES, sub, 320, out); break;
    case PACK_Q6K: head_signed(group + super * PACK_Q6K_BYTES, sub, 384, 32, out); break;
    case PACK_Q3K: head_signed(group + super * PACK_Q3K_BYTES, sub, 192, 4, out); break;
    case PACK_Q2K: head_q2k(group + super * PACK_Q2K_BYTES, sub, out); break;
    case PACK_Q4: head_simple(group + b * PACK_Q4_BYTES, false, -8, out); break;
    case PACK_Q4M: head_simple(group + b * PACK_Q4M_BYTES, true, 0, out); break;
    case PACK_Q5M: head_simple(group + b * PACK_Q5M_BYTES, true, 0, out); break;
    default: head_simple(group + b * PACK_Q8_BYTES, false, -128, out);
    }
}

// Vector v and vector v + 4 of a block of two or three bits.
static INLINE void pairs_at(enum pack_form form, const uint8_t *quants, size_t v, __m512i *low,
                            __m512i *high) {
    const __m512i pair = _mm512_set1_epi8(3), third = _mm512_set1_epi8(4);
    __m128i count = _mm_cvtsi32_si128((int)(2 * v));
    *low = _mm512_and_si512(_mm512_srl_epi16(load(quants), count), pair);
    *high = _mm512_and_si512(_mm512_srl_epi16(load(quants + 64), count), pair);
    if (form == PACK_Q2K) return;
    __m512i bits = load(quants + 128);
    __m128i up = _mm_cvtsi32_si128((int)(v < 2 ? 2 - v : v - 2));
    __m512i a = v < 2 ? _mm512_sll_epi16(bits, up) : _mm512_srl_epi16(bits, up);
    __m512i b = _mm512_srl_epi16(bits, _mm_cvtsi32_si128((int)(v + 2)));
    *low = _mm512_or_si512(*low, _mm512_and_si512(a, third));
    *high = _mm512_or_si512(*high, _mm512_and_si512(b, third));
}

// Vector v and vector v + 4 of a block, unsigned.
static INLINE void vectors_at(enum pack_form form, const uint8_t *quants, size_t v, __m512i *low,
                              __m512i *high) {
    const __m512i nibble = _mm512_set1_epi8(15), fifth = _mm512_set1_epi8(16);
    const __m512i two = _mm512_set1_epi8(0x30), top = _mm512_set1_epi8(-128);
    if (form == PACK_Q2K || form == PACK_Q3K) {
        pairs_at(form, quants, v, low, high);
        return;
    }
    __m512i w = load(quants + 64 * v);
    if (form == PACK_Q8) {
        *low = _mm512_xor_si512(w, top);
        *high = _mm512_xor_si512(load(quants + 64 * (v + 4)), top);
        return;
    }
    *low = _mm512_and_si512(w, nibble);
    *high = _mm512_and_si512(_mm512_srli_epi16(w, 4), nibble);
    if (form == PACK_Q5M || form == PACK_Q5K) {
        __m512i bits = load(quants + 256);
        __m512i a = _mm512_sll_epi16(bits, _mm_cvtsi32_si128((int)(4 - v)));
        __m512i b = _mm512_srl_epi16(bits, _mm_cvtsi32_si128((int)v));
        *low = _mm512_or_si512(*low, _mm512_and_si512(a, fifth));
        *high = _mm512_or_si512(*high, _mm512_and_si512(b, fifth));
    } else if (form == PACK_Q6K) {
        __m512i a = load(quants + 256), b = load(quants + 320);
        __m128i count = _mm_cvtsi32_si128(v < 2 ? (int)(4 - 2 * v) : (int)(2 * v - 4));
        a = v < 2 ? _mm512_sll_epi16(a, count) : _mm512_srl_epi16(a, count);
        b = v < 2 ? _mm512_sll_epi16(b, count) : _mm512_srl_epi16(b, count);
        *low = _mm512_or_si512(*low, _mm512_and_si512(a, two));
        *high = _mm512_or_si512(*high, _mm512_and_si512(b, two));
    }
}

// ---- few rows ----------------------------------------------------------------------------------

// A block whose halves have scales of their own, or one of so many rows that there are registers
// for one sum of each: the first half of its columns, then the second.
static INLINE void block_by_halves(enum pack_form form, size_t T, const struct head *head,
                                   const struct tiles *x, __m512 total[]) {
    __m512i sums[STRAIGHT_ROWS];
    clear(T, sums);
#pragma GCC unroll 2
    for (size_t k = 0; k < 2; k++) {
#pragma GCC unroll 4
        for (size_t v = 0; v < 4; v++) {
            __m512i low, high;
            vectors_at(form, head->quants, v, &low, &high);
            add_products(T, x, v + 4 * k, k ? high : low, sums);
        }
        if (!pack_halves(form)) continue;
        add_scaled(k ? SECOND_HALF : FIRST_HALF, T, x, head->scale[k], head->least[k], sums, total);
        if (k == 0) clear(T, sums);
    }
    if (!pack_halves(form)) add_scaled(WHOLE, T, x, head->scale[0], head->least[0], sums, total);
}

// A block of few rows: two sums of each, for their chains are what takes time.
static INLINE void block_at_once(enum pack_form form, size_t T, const struct head *head,
                                 const struct tiles *x, __m512 total[]) {
    __m512i first[TENSOR_TILE], second[TENSOR_TILE];
    clear(T, first);
    clear(T, second);
#pragma GCC unroll 4
    for (size_t v = 0; v < 4; v++) {
        __m512i low, high;
        vectors_at(form, head->quants, v, &low, &high);
        add_products(T, x, v, low, first);
        add_products(T, x, v + 4, high, second);
    }
    if (pack_halves(form)) {
        add_scaled(FIRST_HALF, T, x, head->scale[0], head->least[0], first, total);
        add_scaled(SECOND_HALF, T, x, head->scale[1], head->least[1], second, total);
        return;
    }
#pragma GCC unroll 4
    for (size_t t = 0; t < T; t++) first[t] = _mm512_add_epi32(first[t], second[t]);
    add_scaled(WHOLE, T, x, head->scale[0], head->least[0], first, total);
}

// One group; `first`: the tiles that its T rows of activations begin with.
static INLINE void straight(enum pack_form form, size_t T, const uint8_t *group, size_t blocks,
                            const struct tiles *first, float *y, size_t y_stride, __mmask16 rows) {
    __m512 total[STRAIGHT_ROWS];
    struct tiles x;
#pragma GCC unroll 2
    for (size_t k = 0; k * TENSOR_TILE < T; k++) x.at[k] = first->at[k];
#pragma GCC unroll 8
    for (size_t t = 0; t < T; t++) total[t] = _mm512_setzero_ps();
    for (size_t b = 0; b < blocks; b++, tiles_step(&x, T)) {
        struct head head;
        head_of(form, group, b, &head);
        if (T > TENSOR_TILE) {
            block_by_halves(form, T, &head, &x, total);
        } else {
            block_at_once(form, T, &head, &x, total);
        }
    }
    store(T, total, y, y_stride, rows, false);
}

typedef void straight_of(const uint8_t *group, size_t blocks, const struct tiles *x, float *y,
                         size_t y_stride, __mmask16 rows);
#define STRAIGHT(name, form, T)                                                            \
    static void name(const uint8_t *group, size_t blocks, const struct tiles *x, float *y, \
                     size_t y_stride, __mmask16 rows) {                                    \
        straight(form, T, group, blocks, x, y, y_stride, rows);                            \
    }
#define STRAIGHT_TO_8(name, form)                                                       \
    STRAIGHT(name##_1, form, 1)                                                         \
    STRAIGHT(name##_2, form, 2)                                                         \
    STRAIGHT(name##_3, form, 3)                                                         \
    STRAIGHT(name##_4, form, 4)                                                         \
    STRAIGHT(name##_5, form, 5)                                                         \
    STRAIGHT(name##_6, form, 6)                                                         \
    STRAIGHT(name##_7, form, 7)                                                         \
    STRAIGHT(name##_8, form, 8)                                                         \
    static straight_of *const name[STRAIGHT_ROWS] = {                                   \
        name##_1, name##_2, name##_3, name##_4, name##_5, name##_6, name##_7, name##_8, \
    };
STRAIGHT_TO_8(straight_q4, PACK_Q4)
STRAIGHT_TO_8(straight_q4m, PACK_Q4M)
STRAIGHT_TO_8(straight_q5m, PACK_Q5M)
STRAIGHT_TO_8(straight_q8, PACK_Q8)
STRAIGHT_TO_8(straight_q4k, PACK_Q4K)
STRAIGHT_TO_8(straight_q5k, PACK_Q5K)
STRAIGHT_TO_8(straight_q6k, PACK_Q6K)
STRAIGHT_TO_8(straight_q3k, PACK_Q3K)
STRAIGHT_TO_8(straight_q2k, PACK_Q2K)

static straight_of *const *const straights[] = {
    [PACK_Q4] = straight_q4,   [PACK_Q4M] = straight_q4m, [PACK_Q5M] = straight_q5m,
    [PACK_Q8] = straight_q8,   [PACK_Q4K] = straight_q4k, [PACK_Q5K] = straight_q5k,
    [PACK_Q6K] = straight_q6k, [PACK_Q3K] = straight_q3k, [PACK_Q2K] = straight_q2k,
};

static __mmask16 rows_of(const struct matrix *w, uint32_t group) {
    uint32_t left = w->rows - group * TENSOR_GROUP;
    return (__mmask16)(left >= TENSOR_GROUP ? 0xFFFF : (1u << left) - 1);
}

static void straight_product(const struct matrix *w, const struct rows *x, float *y,
                             size_t y_stride, uint32_t first, uint32_t last) {
    size_t bytes = pack_group_bytes(w), blocks = w->columns / TENSOR_BLOCK;
    straight_of *const *of = straights[pack_form_of(w->type)];
    struct tiles tiles[STRAIGHT_MOST / STRAIGHT_ROWS];
    for (size_t t = 0; t < x->count; t += STRAIGHT_ROWS) {
        tiles[t / STRAIGHT_ROWS] = tiles_of(x, t, 0);
    }
    for (uint32_t g = first; g < last; g++) {
        const uint8_t *packed = (const uint8_t *)w->packed + g * bytes;
        for (size_t t = 0, T; t < x->count; t += T) { // a group stays in the cache
            T = x->count - t < STRAIGHT_ROWS ? x->count - t : STRAIGHT_ROWS;
            of[T - 1](packed, blocks, &tiles[t / STRAIGHT_ROWS],
                      y + t * y_stride + g * TENSOR_GROUP, y_stride, rows_of(w, g));
        }
    }
}

// ---- many rows: panels -------------------------------------------------------------------------
// Three groups at once: of 4 rows of activations, each is spread over a vector once for all three.

enum {
    GROUPS = 3,
    LIFT = 128, // what is added to weights of forms without a least: struct rows has its price
};

// How the blocks of a panel meet activations: whole or by halves; with a least of their own, or
// lifted all alike, which the sums begin with.
enum panel_kind { LIFTED, LIFTED_HALVES, LEAST, LEAST_HALVES };

static enum panel_kind panel_kind_of(const struct matrix *w) {
    if (!w->packed) return LEAST_HALVES;
    switch (pack_form_of(w->type)) {
    case PACK_Q4:
    case PACK_Q8: return LIFTED;
    case PACK_Q6K:
    case PACK_Q3K: return LIFTED_HALVES;
    case PACK_Q2K: return LEAST_HALVES;
    default: return LEAST;
    }
}

// 16 rows of a block of columns, unsigned; a panel is an array of them.
struct panel_block {
    _Alignas(64) uint8_t quants[512]; // vectors as in pack_private.h, 8 of a block
    float scale[2][TENSOR_GROUP];     // of each half block; whole blocks use the first
    float least[2][TENSOR_GROUP];
};

static INLINE void unpack(enum pack_form form, const uint8_t *group, size_t first, size_t count,
                          struct panel_block *out) {
    const __m512i rest = _mm512_set1_epi8(form == PACK_Q4    ? LIFT - 8
                                          : form == PACK_Q6K ? LIFT - 32
                                          : form == PACK_Q3K ? LIFT - 4
                                                             : 0);
    for (size_t b = 0; b < count; b++) {
        struct head head;
        head_of(form, group, first + b, &head);
        for (size_t v = 0; v < 4; v++) {
            __m512i low, high;
            vectors_at(form, head.quants, v, &low, &high);
            _mm512_store_si512(out[b].quants + 64 * v, _mm512_add_epi8(low, rest));
            _mm512_store_si512(out[b].quants + 64 * (v + 4), _mm512_add_epi8(high, rest));
        }
        for (size_t k = 0; k < (pack_halves(form) ? 2 : 1); k++) {
            _mm512_store_ps(out[b].scale[k], head.scale[k]);
            _mm512_store_ps(out[b].least[k], head.least[k]);
        }
    }
}

// Types that are taken as the file has them, raised by 128.
static void unpack_file(const struct matrix *w, uint32_t group, size_t first, size_t count,
                        struct panel_block *out) {
    size_t bytes = tensor_bytes(w->type, w->columns);
    for (size_t b = 0; b < count; b++) {
        for (uint32_t r = 0; r < TENSOR_GROUP; r++) {
            uint32_t row = group * TENSOR_GROUP + r;
            struct plain_block plain = {0};
            if (row < w->rows) {
                block_unpack(w->type, (const uint8_t *)w->data + row * bytes, first + b, &plain);
            }
            for (size_t c = 0; c < TENSOR_BLOCK; c++) {
                out[b].quants[c / 4 * 64 + 4 * r + c % 4] = (uint8_t)(plain.quants[c] + 128);
            }
            for (size_t half = 0; half < 2; half++) {
                out[b].scale[half][r] = plain.scale[half];
                out[b].least[half][r] = plain.least[half] - 128 * plain.scale[half];
            }
        }
    }
}

static void unpack_panel(const struct matrix *w, uint32_t group, size_t first, size_t count,
                         struct panel_block *out) {
    const uint8_t *packed = (const uint8_t *)w->packed + group * pack_group_bytes(w);
    if (!w->packed) {
        unpack_file(w, group, first, count, out);
        return;
    }
    switch (pack_form_of(w->type)) {
    case PACK_Q4: unpack(PACK_Q4, packed, first, count, out); break;
    case PACK_Q4M: unpack(PACK_Q4M, packed, first, count, out); break;
    case PACK_Q5M: unpack(PACK_Q5M, packed, first, count, out); break;
    case PACK_Q8: unpack(PACK_Q8, packed, first, count, out); break;
    case PACK_Q4K: unpack(PACK_Q4K, packed, first, count, out); break;
    case PACK_Q5K: unpack(PACK_Q5K, packed, first, count, out); break;
    case PACK_Q6K: unpack(PACK_Q6K, packed, first, count, out); break;
    case PACK_Q3K: unpack(PACK_Q3K, packed, first, count, out); break;
    case PACK_Q2K: unpack(PACK_Q2K, packed, first, count, out); break;
    case PACK_NONE: break;
    }
}

// What the sums of a row of activations begin with.
static INLINE __m512i lift_of(enum part part, const struct tile *x, size_t row) {
    int lift = part == WHOLE ? x->lifts[row] : x->half_lifts[2 * row + part - FIRST_HALF];
    return _mm512_set1_epi32(lift);
}

// A block, or half of it, of G groups whose panels follow one another `step` blocks apart.
static INLINE void meet_part(enum part part, bool lifted, size_t G, size_t T,
                             const struct panel_block *panel, size_t step, const struct tiles *x,
                             __m512 total[]) {
    size_t from = part == SECOND_HALF ? 4 : 0, to = part == FIRST_HALF ? 4 : 8;
    size_t k = part == SECOND_HALF;
    __m512i sums[ROWS], w[GROUPS];
#pragma GCC unroll 12
    for (size_t t = 0; t < T; t++) {
        __m512i start = _mm512_setzero_si512();
        if (lifted) start = lift_of(part, &x->at[t / TENSOR_TILE], t % TENSOR_TILE);
#pragma GCC unroll 3
        for (size_t g = 0; g < G; g++) sums[g * T + t] = start;
    }
#pragma GCC unroll 8
    for (size_t v = from; v < to; v++) {
#pragma GCC unroll 3
        for (size_t g = 0; g < G; g++) w[g] = load(panel[g * step].quants + 64 * v);
#pragma GCC unroll 12
        for (size_t t = 0; t < T; t++) {
            const int8_t *at = x->at[t / TENSOR_TILE].quants + t % TENSOR_TILE * TENSOR_BLOCK;
            int32_t four;
            memcpy(&four, at + 4 * v, sizeof four);
            __m512i own = _mm512_set1_epi32(four);
#pragma GCC unroll 3
            for (size_t g = 0; g < G; g++) {
                sums[g * T + t] = _mm512_dpbusd_epi32(sums[g * T + t], w[g], own);
            }
        }
    }
#pragma GCC unroll 3
    for (size_t g = 0; g < G; g++) {
        __m512 scale = _mm512_load_ps(panel[g * step].scale[k]);
        if (!lifted) {
            __m512 least = _mm512_load_ps(panel[g * step].least[k]);
            add_scaled(part, T, x, scale, least, sums + g * T, total + g * T);
            continue;
        }
#pragma GCC unroll 12
        for (size_t t = 0; t < T; t++) {
            const struct tile *tile = &x->at[t / TENSOR_TILE];
            __m512 f = _mm512_mul_ps(scale, _mm512_set1_ps(tile->scales[t % TENSOR_TILE]));
            __m512 *sum = &total[g * T + t];
            *sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[g * T + t]), f, *sum);
        }
    }
}

// `x` against G panels of `blocks` blocks each, one behind the other. The lines of the activations
// that come after them, `ahead` rows of blocks away, are fetched meanwhile.
static INLINE void meet(enum panel_kind kind, size_t G, size_t T, const struct panel_block *panel,
                        size_t blocks, struct tiles x, size_t ahead, float *y, size_t y_stride,
                        __mmask16 rows, bool more) {
    bool lifted = kind == LIFTED || kind == LIFTED_HALVES;
    __m512 total[ROWS];
#pragma GCC unroll 12
    for (size_t t = 0; t < G * T; t++) total[t] = _mm512_setzero_ps();
#pragma GCC unroll 12
    for (size_t t = 0; t < T; t++) {
        for (size_t g = 0; g < G; g++) __builtin_prefetch(y + t * y_stride + g * TENSOR_GROUP, 1);
    }
    for (size_t b = 0; b < blocks; b++, tiles_step(&x, T)) {
        if (ahead) {
            __builtin_prefetch(x.at[0].quants + ahead * TENSOR_BLOCK);
            __builtin_prefetch(x.at[0].quants + ahead * TENSOR_BLOCK + 64);
            __builtin_prefetch(x.at[0].scales + ahead);
            __builtin_prefetch(x.at[0].lifts + ahead);
        }
        if (kind == LIFTED || kind == LEAST) {
            meet_part(WHOLE, lifted, G, T, panel + b, blocks, &x, total);
        } else {
            meet_part(FIRST_HALF, lifted, G, T, panel + b, blocks, &x, total);
            meet_part(SECOND_HALF, lifted, G, T, panel + b, blocks, &x, total);
        }
    }
#pragma GCC unroll 3
    for (size_t g = 0; g < G; g++) {
        __mmask16 own = g + 1 == G ? rows : (__mmask16)0xFFFF;
        store(T, total + g * T, y + g * TENSOR_GROUP, y_stride, own, more);
    }
}

// What a panel, or three, are met by: `rows` of the last group's.
struct meeting {
    const struct panel_block *panel;
    size_t first, blocks; // of the columns' blocks
    const struct rows *x;
    float *y;
    size_t y_stride;
    __mmask16 rows;
};

// Rows of activations from `row` on against one panel.
static INLINE void meet_one(enum panel_kind kind, const struct meeting *m, size_t row) {
    for (size_t t = row, T = 1; t < m->x->count; t += T) {
        struct tiles x = tiles_of(m->x, t, m->first);
        float *y = m->y + t * m->y_stride;
        size_t left = m->x->count - t;
        bool more = m->first > 0;
#define MEET_ROWS(count)                                                                  \
    if (left >= (count)) {                                                                \
        T = (count);                                                                      \
        meet(kind, 1, (count), m->panel, m->blocks, x, 0, y, m->y_stride, m->rows, more); \
        continue;                                                                         \
    }
        MEET_ROWS(ROWS)
        MEET_ROWS(2 * TENSOR_TILE)
        MEET_ROWS(TENSOR_TILE)
        MEET_ROWS(3)
        MEET_ROWS(2)
        MEET_ROWS(1)
#undef MEET_ROWS
    }
}

// Whole tiles of activations against GROUPS panels.
static INLINE void meet_three(enum panel_kind kind, const struct meeting *m, size_t tiles) {
    size_t blocks = m->x->stride / TENSOR_BLOCK * TENSOR_TILE; // of a tile
    struct tiles x = {{tile_of(m->x, 0, m->first)}};
    for (size_t t = 0; t < tiles; t++) {
        float *y = m->y + t * TENSOR_TILE * m->y_stride;
        meet(kind, GROUPS, TENSOR_TILE, m->panel, m->blocks, x, blocks, y, m->y_stride, m->rows,
             m->first > 0);
        tile_step(&x.at[0], blocks);
    }
}

#define MEETINGS(name, kind)                                          \
    static void name##_one(const struct meeting *m, size_t row) {     \
        meet_one(kind, m, row);                                       \
    }                                                                 \
    static void name##_three(const struct meeting *m, size_t tiles) { \
        meet_three(kind, m, tiles);                                   \
    }
MEETINGS(meet_lifted, LIFTED)
MEETINGS(meet_lifted_halves, LIFTED_HALVES)
MEETINGS(meet_least, LEAST)
MEETINGS(meet_least_halves, LEAST_HALVES)
static const struct meetings {
    void (*one)(const struct meeting *m, size_t row);
    void (*three)(const struct meeting *m, size_t tiles);
} meetings[] = {
    [LIFTED] = {meet_lifted_one, meet_lifted_three},
    [LIFTED_HALVES] = {meet_lifted_halves_one, meet_lifted_halves_three},
    [LEAST] = {meet_least_one, meet_least_three},
    [LEAST_HALVES] = {meet_least_halves_one, meet_least_halves_three},
};

static void panel_product(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                          uint32_t first, uint32_t last) {
    const struct meetings *meet_by = &meetings[panel_kind_of(w)];
    size_t blocks = w->columns / TENSOR_BLOCK, chunks = (blocks + CHUNK - 1) / CHUNK;
    struct panel_block panel[GROUPS * CHUNK];
    struct meeting m = {.x = x, .y_stride = y_stride};
    // All groups meet a chunk of the activations before the next one: it stays in the second-level
    // cache.
    for (size_t c = 0; c < chunks; c++) {
        m.first = blocks * c / chunks;
        m.blocks = blocks * (c + 1) / chunks - m.first;
        for (uint32_t g = first, G; g < last; g += G) {
            size_t tiles = last - g >= GROUPS ? x->count / TENSOR_TILE : 0;
            G = tiles ? GROUPS : 1;
            for (uint32_t i = 0; i < G; i++) {
                unpack_panel(w, g + i, m.first, m.blocks, panel + i * m.blocks);
            }
            m.panel = panel;
            m.y = y + g * TENSOR_GROUP;
            m.rows = rows_of(w, g + G - 1);
            if (tiles) meet_by->three(&m, tiles);
            for (uint32_t i = 0; i < G && tiles * TENSOR_TILE < x->count; i++) {
                m.panel = panel + i * m.blocks;
                m.y = y + (g + i) * TENSOR_GROUP;
                m.rows = rows_of(w, g + i);
                meet_by->one(&m, tiles * TENSOR_TILE);
            }
        }
    }
}

void quant_product_avx512(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                          uint32_t first, uint32_t last) {
    if (w->packed && x->count <= STRAIGHT_MOST) {
        straight_product(w, x, y, y_stride, first, last);
    } else {
        panel_product(w, x, y, y_stride, first, last);
    }
}
