// Many rows of activations against quantised weights: a group of rows is unpacked, a chunk of
// columns at a time, into a panel that stays in the first-level cache while all tiles of
// activations pass it.
#include "model/tensor/lanes_avx2_private.h"

enum { CHUNK = 24 }; // blocks of columns that a panel holds: 18 KB

// 16 rows of a block of columns; a panel is an array of them.
struct panel_block {
    _Alignas(64) uint8_t quants[512]; // vectors as in pack_private.h, 8 of a block
    float scale[2][TENSOR_GROUP];     // of each half block; whole blocks use the first
    float least[2][TENSOR_GROUP];     // where the form has them
};

// What a panel's blocks are, and so how a tile meets them.
enum panel_kind { PANEL_Q4, PANEL_Q4M, PANEL_BYTES, PANEL_SMALL, PANEL_SMALL_M };

static enum panel_kind panel_kind_of(const struct matrix *w) {
    if (!w->packed) return PANEL_SMALL_M;
    switch (pack_form_of(w->type)) {
    case PACK_Q4: return PANEL_Q4;
    case PACK_Q4M:
    case PACK_Q4K: return PANEL_Q4M;
    case PACK_Q5M:
    case PACK_Q5K:
    case PACK_Q2K: return PANEL_SMALL_M;
    case PACK_Q8: return PANEL_BYTES;
    default: return PANEL_SMALL;
    }
}

// ---- unpacking ---------------------------------------------------------------------------------

static INLINE void put(uint8_t *at, __m256i w) {
    _mm256_store_si256((__m256i *)at, w);
}

static INLINE void put_quants(enum pack_form form, const uint8_t *from, uint8_t *to) {
    for (size_t v = 0; v < 4; v++) {
        for (size_t h = 0; h < 2; h++) {
            __m256i low, high;
            if (form == PACK_Q8) {
                low = load(from + 64 * v + 32 * h);
                high = load(from + 256 + 64 * v + 32 * h);
            } else if (form == PACK_Q6K) {
                six_at(from, v, h, &low, &high);
            } else if (form == PACK_Q3K) {
                three_at(from, v, h, &low, &high);
            } else if (form == PACK_Q2K) {
                two_at(from, v, h, &low, &high);
            } else if (form == PACK_Q5K || form == PACK_Q5M) {
                five_at(from, v, h, &low, &high);
            } else {
                __m256i w = load(from + 64 * v + 32 * h);
                low = low_nibbles(w);
                high = high_nibbles(w);
            }
            put(to + 64 * v + 32 * h, low);
            put(to + 256 + 64 * v + 32 * h, high);
        }
    }
}

static INLINE void unpack(enum pack_form form, const uint8_t *group, size_t first, size_t count,
                          struct panel_block *out) {
    bool five = form == PACK_Q5M || form == PACK_Q5K; // has halves, if only for its sums
    bool halves = pack_halves(form);
    bool least = form == PACK_Q4M || form == PACK_Q4K || form == PACK_Q2K || five;
    for (size_t b = 0; b < count; b++) {
        struct head head;
        head_of(form, group, first + b, &head);
        put_quants(form, head.quants, out[b].quants);
        for (size_t h = 0; h < 2; h++) {
            _mm256_store_ps(out[b].scale[0] + 8 * h, head.scale[0][h]);
            if (least) _mm256_store_ps(out[b].least[0] + 8 * h, head.least[0][h]);
            if (!halves && !five) continue;
            _mm256_store_ps(out[b].scale[1] + 8 * h, head.scale[halves][h]);
            if (least) _mm256_store_ps(out[b].least[1] + 8 * h, head.least[halves][h]);
        }
    }
}

// Types that are taken as the file has them.
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
            for (size_t v = 0; v < 8; v++) {
                memcpy(out[b].quants + 64 * v + 4 * r, plain.quants + 4 * v, 4);
            }
            for (size_t half = 0; half < 2; half++) {
                out[b].scale[half][r] = plain.scale[half];
                out[b].least[half][r] = plain.least[half];
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
    case PACK_Q4K: unpack(PACK_Q4K, packed, first, count, out); break;
    case PACK_Q5M: unpack(PACK_Q5M, packed, first, count, out); break;
    case PACK_Q5K: unpack(PACK_Q5K, packed, first, count, out); break;
    case PACK_Q8: unpack(PACK_Q8, packed, first, count, out); break;
    case PACK_Q6K: unpack(PACK_Q6K, packed, first, count, out); break;
    case PACK_Q3K: unpack(PACK_Q3K, packed, first, count, out); break;
    case PACK_Q2K: unpack(PACK_Q2K, packed, first, count, out); break;
    case PACK_NONE: break;
    }
}

// ---- a tile of activations against a panel -----------------------------------------------------

static INLINE void load_16(const float *from, __m256 to[2]) {
    to[0] = _mm256_load_ps(from);
    to[1] = _mm256_load_ps(from + 8);
}

static INLINE void load_vector(const struct panel_block *panel, size_t v, __m256i to[2]) {
    to[0] = load(panel->quants + 64 * v);
    to[1] = load(panel->quants + 64 * v + 32);
}

static INLINE void meet_block(enum panel_kind kind, size_t T, const struct panel_block *panel,
                              const struct tile *x, __m256 total[][2]) {
    __m256i sums[TILE][2], w[2];
    __m256 scale[2], least[2];
    clear(T, sums);
#pragma GCC unroll 8
    for (size_t v = 0; v < 8; v++) {
        load_vector(panel, v, w);
        if (kind == PANEL_BYTES) {
            add_signed(BYTES, T, x, v, w, sums);
        } else {
            add_nibbles(T, x, v, w, sums);
        }
    }
    load_16(panel->scale[0], scale);
    if (kind == PANEL_Q4) {
        add_scaled_8(T, x, scale, sums, total);
        return;
    }
    add_scaled(kind == PANEL_BYTES ? BYTES : NIBBLES, T, x, scale, sums, total);
    if (kind == PANEL_BYTES) return;
    load_16(panel->least[0], least);
    add_least(T, x->sums, 1, least, total);
}

static INLINE void meet_half(bool with_least, size_t T, const struct panel_block *panel,
                             const struct tile *x, size_t half, __m256 total[][2]) {
    __m256i sums[TILE][2], w[2];
    __m256 scale[2], least[2];
    clear(T, sums);
#pragma GCC unroll 4
    for (size_t v = 0; v < 4; v++) {
        load_vector(panel, 4 * half + v, w);
        add_signed(SMALL, T, x, 4 * half + v, w, sums);
    }
    load_16(panel->scale[half], scale);
    add_scaled(SMALL, T, x, scale, sums, total);
    if (!with_least) return;
    load_16(panel->least[half], least);
    add_least(T, x->half_sums + half, 2, least, total);
}

static INLINE void meet(enum panel_kind kind, size_t T, const struct panel_block *panel,
                        size_t blocks, const struct tile *x, float *y, size_t y_stride, bool more) {
    __m256 total[TILE][2];
    for (size_t t = 0; t < T; t++) total[t][0] = total[t][1] = _mm256_setzero_ps();
    struct tile at = *x;
    for (size_t b = 0; b < blocks; b++, panel++, tile_step(&at, T)) {
        if (kind == PANEL_SMALL || kind == PANEL_SMALL_M) {
            meet_half(kind == PANEL_SMALL_M, T, panel, &at, 0, total);
            meet_half(kind == PANEL_SMALL_M, T, panel, &at, 1, total);
        } else {
            meet_block(kind, T, panel, &at, total);
        }
    }
    store(T, total, y, y_stride, more);
}

typedef void meeting(const struct panel_block *panel, size_t blocks, const struct tile *x, float *y,
                     size_t y_stride, bool more);
#define MEET(name, kind, T)                                                                \
    static void name(const struct panel_block *panel, size_t blocks, const struct tile *x, \
                     float *y, size_t y_stride, bool more) {                               \
        meet(kind, T, panel, blocks, x, y, y_stride, more);                                \
    }
#define MEET_TO_4(name, kind) \
    MEET(name##_1, kind, 1)   \
    MEET(name##_2, kind, 2)   \
    MEET(name##_3, kind, 3)   \
    MEET(name##_4, kind, 4)   \
    static meeting *const name[TILE] = {name##_1, name##_2, name##_3, name##_4};
MEET_TO_4(meet_q4, PANEL_Q4)
MEET_TO_4(meet_q4m, PANEL_Q4M)
MEET_TO_4(meet_bytes, PANEL_BYTES)
MEET_TO_4(meet_small, PANEL_SMALL)
MEET_TO_4(meet_small_m, PANEL_SMALL_M)

static meeting *const *const meetings[] = {
    [PANEL_Q4] = meet_q4,       [PANEL_Q4M] = meet_q4m,         [PANEL_BYTES] = meet_bytes,
    [PANEL_SMALL] = meet_small, [PANEL_SMALL_M] = meet_small_m,
};

// ---- the product -------------------------------------------------------------------------------

static void meet_all(meeting *const *tiles, const struct panel_block *panel, size_t first,
                     size_t blocks, const struct rows *x, float *y, size_t y_stride) {
    for (size_t t = 0; t < x->count; t += TILE) {
        struct tile tile = tile_of(x, t, first);
        size_t T = x->count - t < TILE ? x->count - t : TILE;
        tiles[T - 1](panel, blocks, &tile, y + t * y_stride, y_stride, first > 0);
    }
}

// The last group of a matrix, where it is not whole: the same into room of its own.
static void meet_some(meeting *const *tiles, const struct panel_block *panel, size_t first,
                      size_t blocks, const struct rows *x, float *y, size_t y_stride,
                      uint32_t rows) {
    for (uint32_t t = 0; t < x->count; t += TILE) {
        struct tile tile = tile_of(x, t, first);
        uint32_t T = x->count - t < TILE ? x->count - t : TILE;
        float some[TILE][TENSOR_GROUP] = {0};
        if (first > 0) part_copy(y + t * y_stride, y_stride, rows, T, some[0], TENSOR_GROUP);
        tiles[T - 1](panel, blocks, &tile, some[0], TENSOR_GROUP, first > 0);
        part_copy(some[0], TENSOR_GROUP, rows, T, y + t * y_stride, y_stride);
    }
}

void panel_product_avx2(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                        uint32_t first, uint32_t last) {
    meeting *const *tiles = meetings[panel_kind_of(w)];
    size_t blocks = w->columns / TENSOR_BLOCK, chunks = (blocks + CHUNK - 1) / CHUNK;
    struct panel_block panel[CHUNK];
    // All groups meet a chunk of the activations before the next one: it stays in the second-level
    // cache.
    for (size_t c = 0; c < chunks; c++) {
        size_t from = blocks * c / chunks, count = blocks * (c + 1) / chunks - from;
        for (uint32_t g = first; g < last; g++) {
            uint32_t row = g * TENSOR_GROUP, rows = w->rows - row;
            unpack_panel(w, g, from, count, panel);
            if (rows >= TENSOR_GROUP) {
                meet_all(tiles, panel, from, count, x, y + row, y_stride);
            } else {
                meet_some(tiles, panel, from, count, x, y + row, y_stride, rows);
            }
        }
    }
}
