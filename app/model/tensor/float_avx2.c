// Products with float weights on AVX2. Few rows of activations: dot products with the weights as
// they lie, bound by memory. Many: a group of 16 rows is turned into a panel, a chunk of columns at
// a time, that tiles of 6 rows of activations pass: 12 sums, 2 vectors of weights, 1 activation.
#include <immintrin.h>

#include "model/tensor/avx2_private.h"

enum {
    LANES = 8,
    AHEAD_BYTES = 2048,
    DOT_ROWS = 4, // rows of activations up to which dots are the faster
    TILE = 6,
    TURNED = 192, // rows of activations that one turning of weights serves: 192 KB of a chunk
};

static INLINE size_t width_of(enum tensor_type type) {
    return type == TENSOR_F32 ? 4 : 2;
}

// 8 weights as floats.
static INLINE __m256 load_weights(enum tensor_type type, const uint8_t *at) {
    if (type == TENSOR_F32) return _mm256_loadu_ps((const float *)at);
    __m128i halves = _mm_loadu_si128((const __m128i *)at);
    if (type == TENSOR_F16) return _mm256_cvtph_ps(halves);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

static float weight_at(enum tensor_type type, const uint8_t *at) {
    float value;
    if (type == TENSOR_F32) {
        memcpy(&value, at, sizeof value);
        return value;
    }
    return type == TENSOR_F16 ? tensor_from_f16(half_at(at)) : tensor_from_bf16(half_at(at));
}

static INLINE float sum_of(__m256 v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

// ---- dots --------------------------------------------------------------------------------------

// One row of weights against T of activations, four vectors of columns at a time. One row and not
// two: processors fetch ahead for one stream in a page of memory.
static INLINE void dot_row(enum tensor_type type, size_t T, const uint8_t *w, const struct rows *x,
                           float *y, size_t y_stride) {
    enum { STEP = 4 * LANES };
    __m256 sums[DOT_ROWS][2];
    size_t width = width_of(type), whole = x->columns / STEP * STEP;
#pragma GCC unroll 4
    for (size_t t = 0; t < T; t++) sums[t][0] = sums[t][1] = _mm256_setzero_ps();
    for (size_t c = 0; c < whole; c += STEP) {
        const uint8_t *ahead = w + c * width + AHEAD_BYTES;
        for (size_t i = 0; T > 1 && i < STEP * width; i += 64) __builtin_prefetch(ahead + i);
#pragma GCC unroll 4
        for (size_t k = 0; k < 4; k++) {
            __m256 a = load_weights(type, w + (c + k * LANES) * width);
#pragma GCC unroll 4
            for (size_t t = 0; t < T; t++) {
                __m256 v = _mm256_loadu_ps(x->values + t * x->stride + c + k * LANES);
                sums[t][k % 2] = _mm256_fmadd_ps(a, v, sums[t][k % 2]);
            }
        }
    }
#pragma GCC unroll 4
    for (size_t t = 0; t < T; t++) {
        float sum = sum_of(_mm256_add_ps(sums[t][0], sums[t][1]));
        for (size_t c = whole; c < x->columns; c++) {
            sum += weight_at(type, w + c * width) * x->values[t * x->stride + c];
        }
        y[t * y_stride] = sum;
    }
}

static INLINE void dot_rows(enum tensor_type type, size_t T, const struct matrix *w,
                            const struct rows *x, float *y, size_t y_stride, uint32_t first,
                            uint32_t last) {
    size_t bytes = w->columns * width_of(type);
    for (uint32_t r = first; r < last; r++) {
        dot_row(type, T, (const uint8_t *)w->data + r * bytes, x, y + r, y_stride);
    }
}

#define DOTS(name, type)                                                                      \
    static void name(const struct matrix *w, const struct rows *x, float *y, size_t y_stride, \
                     uint32_t first, uint32_t last) {                                         \
        switch (x->count) {                                                                   \
        case 1: dot_rows(type, 1, w, x, y, y_stride, first, last); break;                     \
        case 2: dot_rows(type, 2, w, x, y, y_stride, first, last); break;                     \
        case 3: dot_rows(type, 3, w, x, y, y_stride, first, last); break;                     \
        default: dot_rows(type, 4, w, x, y, y_stride, first, last);                           \
        }                                                                                     \
    }
DOTS(dots_f32, TENSOR_F32)
DOTS(dots_f16, TENSOR_F16)
DOTS(dots_bf16, TENSOR_BF16)

static void dot_product(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                        uint32_t first, uint32_t last) {
    uint32_t from = first * TENSOR_GROUP, to = last * TENSOR_GROUP;
    if (to > w->rows) to = w->rows;
    if (w->type == TENSOR_F32) {
        dots_f32(w, x, y, y_stride, from, to);
    } else if (w->type == TENSOR_F16) {
        dots_f16(w, x, y, y_stride, from, to);
    } else {
        dots_bf16(w, x, y, y_stride, from, to);
    }
}

// ---- panels ------------------------------------------------------------------------------------

static INLINE void transpose(__m256 v[LANES]) {
    __m256 a[LANES], b[LANES];
#pragma GCC unroll 4
    for (size_t i = 0; i < LANES; i += 2) {
        a[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
        a[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
    }
#pragma GCC unroll 2
    for (size_t i = 0; i < LANES; i += 4) {
        b[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xEE);
        b[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xEE);
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        v[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        v[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
}

static INLINE void turn_8(enum tensor_type type, const uint8_t *const rows[TENSOR_GROUP],
                          size_t column, float (*to)[TENSOR_GROUP]) {
    for (size_t h = 0; h < TENSOR_GROUP; h += LANES) {
        __m256 v[LANES];
#pragma GCC unroll 8
        for (size_t r = 0; r < LANES; r++) {
            v[r] = load_weights(type, rows[h + r] + column * width_of(type));
        }
        transpose(v);
#pragma GCC unroll 8
        for (size_t c = 0; c < LANES; c++) _mm256_store_ps(to[c] + h, v[c]);
    }
}

static INLINE void turn(enum tensor_type type, const uint8_t *const rows[TENSOR_GROUP],
                        size_t first, size_t count, struct float_panel *out) {
    size_t whole = count / LANES * LANES;
    for (size_t c = 0; c < whole; c += LANES) turn_8(type, rows, first + c, out->weights + c);
    for (size_t c = whole; c < count; c++) {
        for (size_t r = 0; r < TENSOR_GROUP; r++) {
            out->weights[c][r] = weight_at(type, rows[r] + (first + c) * width_of(type));
        }
    }
}

// Rows beyond the last are taken as the last; nobody reads what comes of it.
void turn_panel_avx2(const struct matrix *w, uint32_t group, size_t first, size_t count,
                     struct float_panel *out) {
    if (w->packed) {
        halves_turn(w, group, first, count, out);
        return;
    }
    const uint8_t *rows[TENSOR_GROUP];
    for (uint32_t r = 0; r < TENSOR_GROUP; r++) {
        uint32_t row = group * TENSOR_GROUP + r;
        if (row >= w->rows) row = w->rows - 1;
        rows[r] = (const uint8_t *)w->data + row * tensor_bytes(w->type, w->columns);
    }
    switch (w->type) {
    case TENSOR_F32: turn(TENSOR_F32, rows, first, count, out); break;
    case TENSOR_F16: turn(TENSOR_F16, rows, first, count, out); break;
    default: turn(TENSOR_BF16, rows, first, count, out);
    }
}

static INLINE void meet(size_t T, const struct float_panel *panel, size_t count, const float *x,
                        size_t x_stride, float *y, size_t y_stride, bool more) {
    __m256 sums[TILE][2];
#pragma GCC unroll 6
    for (size_t t = 0; t < T; t++) {
        sums[t][0] = more ? _mm256_loadu_ps(y + t * y_stride) : _mm256_setzero_ps();
        sums[t][1] = more ? _mm256_loadu_ps(y + t * y_stride + LANES) : _mm256_setzero_ps();
    }
#pragma GCC unroll 4
    for (size_t c = 0; c < count; c++) {
        __m256 a = _mm256_load_ps(panel->weights[c]);
        __m256 b = _mm256_load_ps(panel->weights[c] + LANES);
#pragma GCC unroll 6
        for (size_t t = 0; t < T; t++) {
            __m256 own = _mm256_broadcast_ss(x + t * x_stride + c);
            sums[t][0] = _mm256_fmadd_ps(a, own, sums[t][0]);
            sums[t][1] = _mm256_fmadd_ps(b, own, sums[t][1]);
        }
    }
#pragma GCC unroll 6
    for (size_t t = 0; t < T; t++) {
        _mm256_storeu_ps(y + t * y_stride, sums[t][0]);
        _mm256_storeu_ps(y + t * y_stride + LANES, sums[t][1]);
    }
}

static void meet_rows(uint32_t T, const struct float_panel *panel, size_t count, const float *x,
                      size_t x_stride, float *y, size_t y_stride, bool more) {
    switch (T) {
    case 1: meet(1, panel, count, x, x_stride, y, y_stride, more); break;
    case 2: meet(2, panel, count, x, x_stride, y, y_stride, more); break;
    case 3: meet(3, panel, count, x, x_stride, y, y_stride, more); break;
    case 4: meet(4, panel, count, x, x_stride, y, y_stride, more); break;
    case 5: meet(5, panel, count, x, x_stride, y, y_stride, more); break;
    default: meet(TILE, panel, count, x, x_stride, y, y_stride, more);
    }
}

static void panel_product(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                          uint32_t group, size_t from) {
    struct float_panel panel;
    uint32_t row = group * TENSOR_GROUP, rows = w->rows - row;
    size_t count = w->columns - from < FLOAT_CHUNK ? w->columns - from : FLOAT_CHUNK;
    y += row;
    turn_panel_avx2(w, group, from, count, &panel);
    for (uint32_t t = 0; t < x->count; t += TILE) {
        uint32_t T = x->count - t < TILE ? x->count - t : TILE;
        const float *values = x->values + t * x->stride + from;
        float *to = y + t * y_stride, some[TILE][TENSOR_GROUP] = {0};
        if (rows >= TENSOR_GROUP) {
            meet_rows(T, &panel, count, values, x->stride, to, y_stride, from > 0);
            continue;
        }
        if (from > 0) part_copy(to, y_stride, rows, T, some[0], TENSOR_GROUP);
        meet_rows(T, &panel, count, values, x->stride, some[0], TENSOR_GROUP, from > 0);
        part_copy(some[0], TENSOR_GROUP, rows, T, to, y_stride);
    }
}

void float_product_avx2(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                        uint32_t first, uint32_t last) {
    if (x->count <= DOT_ROWS && !w->packed) {
        dot_product(w, x, y, y_stride, first, last);
        return;
    }
    // All groups meet a chunk of some activations before the next one: it stays in the second-level
    // cache.
    for (uint32_t t = 0; t < x->count; t += TURNED) {
        struct rows part = *x;
        part.count = x->count - t < TURNED ? x->count - t : TURNED;
        part.values += (size_t)t * x->stride;
        for (size_t from = 0; from < w->columns; from += FLOAT_CHUNK) {
            for (uint32_t g = first; g < last; g++) {
                panel_product(w, &part, y + t * y_stride, y_stride, g, from);
            }
        }
    }
}
