// The tables of kernels for AVX2 with FMA and F16C, and for AVX-512, which has products of its own,
// without and with those of BF16.
#include <immintrin.h>
#include <math.h>

#include "base/assert.h"
#include "model/tensor/avx512_private.h"
#include "model/tensor/pack_private.h"

enum { LANES = 8, STRAIGHT_ROWS = 8, DOT_ROWS = 4, HALVES_ROWS = 16 };

static INLINE float sum_of(__m256 v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static INLINE float most_of(__m256 v) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

// ---- packing ---------------------------------------------------------------------------------

static size_t packed_bytes(const struct matrix *w) {
    size_t halves = halves_group_bytes(w);
    return halves ? (halves * matrix_groups(w) + 63) / 64 * 64 : pack_bytes(w);
}

static void pack(const struct matrix *w, void *packed, uint32_t first, uint32_t last) {
    if (halves_group_bytes(w)) {
        halves_pack(w, packed, first, last);
    } else {
        pack_groups(w, packed, first, last);
    }
}

// ---- products --------------------------------------------------------------------------------

static void product(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                    uint32_t first, uint32_t last) {
    cy_assert(w->columns == x->columns && tensor_computes(w->type));
    if (w->packed && halves_group_bytes(w) && x->count <= STRAIGHT_ROWS) {
        halves_product_avx2(w, x, y, y_stride, first, last);
    } else if (tensor_form_of(w->type)->block == 1) {
        float_product_avx2(w, x, y, y_stride, first, last);
    } else if (w->packed && x->count <= STRAIGHT_ROWS) {
        straight_product_avx2(w, x, y, y_stride, first, last);
    } else {
        panel_product_avx2(w, x, y, y_stride, first, last);
    }
}

static void product_512(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                        uint32_t first, uint32_t last) {
    cy_assert(w->columns == x->columns && tensor_computes(w->type));
    if (tensor_form_of(w->type)->block > 1) {
        quant_product_avx512(w, x, y, y_stride, first, last);
    } else if (w->packed && x->count <= HALVES_ROWS) {
        halves_product_avx512(w, x, y, y_stride, first, last);
    } else if (x->count <= DOT_ROWS) {
        float_product_avx2(w, x, y, y_stride, first, last);
    } else {
        float_product_avx512(w, x, y, y_stride, first, last);
    }
}

static void product_512_bf16(const struct matrix *w, const struct rows *x, float *y,
                             size_t y_stride, uint32_t first, uint32_t last) {
    if (w->type == TENSOR_BF16 && w->packed && x->count > HALVES_ROWS) {
        cy_assert(w->columns == x->columns);
        pairs_product_avx512bf16(w, x, y, y_stride, first, last);
    } else {
        product_512(w, x, y, y_stride, first, last);
    }
}

static INLINE __m256i rounded(const float *at, __m256 factor) {
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(at), factor));
}

static INLINE int sum_of_whole(__m256i v) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1)));
}

static void quantise_block(const float values[TENSOR_BLOCK], struct rows *x, size_t place) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    __m256 most = _mm256_setzero_ps();
    for (size_t i = 0; i < TENSOR_BLOCK; i += LANES) {
        most = _mm256_max_ps(most, _mm256_andnot_ps(sign, _mm256_loadu_ps(values + i)));
    }
    float top = most_of(most), scale = top / 127, factor = top > 0 ? 127 / top : 0;
    if (factor > 0x1p126f) scale = factor = 0;
    __m256 by = _mm256_set1_ps(factor);
    __m256i a = rounded(values, by), b = rounded(values + 8, by);
    __m256i c = rounded(values + 16, by), d = rounded(values + 24, by);
    int sums[2] = {sum_of_whole(_mm256_add_epi32(a, b)), sum_of_whole(_mm256_add_epi32(c, d))};
    // Packing works in halves of 128 bits; the permutation puts the words in their order.
    __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256((__m256i *)(x->quants + place * TENSOR_BLOCK), bytes);
    x->scales[place] = scale;
    x->sums[place] = scale * ((float)sums[0] + (float)sums[1]);
    for (size_t h = 0; h < 2; h++) x->half_sums[2 * place + h] = scale * (float)sums[h];
    x->lifts[place] = -128 * (sums[0] + sums[1]);
    for (size_t h = 0; h < 2; h++) x->half_lifts[2 * place + h] = -128 * sums[h];
}

static void quantise_blocks(struct rows *x, uint32_t row, uint32_t first, uint32_t last) {
    const float *values = x->values + (size_t)row * x->stride;
    for (size_t b = first; b < last; b++) {
        quantise_block(values + b * TENSOR_BLOCK, x, rows_place(x, row, b));
    }
}

static void quantise(struct rows *x, uint32_t first, uint32_t last) {
    for (uint32_t row = first; row < last; row++) {
        quantise_blocks(x, row, 0, x->stride / TENSOR_BLOCK);
    }
}

// ---- vectors ---------------------------------------------------------------------------------
// What does not fill a vector at the end goes through one that is filled up with zeroes.

static INLINE __m256 load_some(const float *at, size_t count) {
    float some[LANES] = {0};
    memcpy(some, at, count * sizeof *some);
    return _mm256_loadu_ps(some);
}

static INLINE void store_some(float *at, __m256 v, size_t count) {
    float some[LANES];
    _mm256_storeu_ps(some, v);
    memcpy(at, some, count * sizeof *some);
}

static INLINE __m256 load_at(const float *at, size_t left) {
    return left >= LANES ? _mm256_loadu_ps(at) : load_some(at, left);
}

static INLINE void store_at(float *at, __m256 v, size_t left) {
    if (left >= LANES) {
        _mm256_storeu_ps(at, v);
    } else {
        store_some(at, v, left);
    }
}

// e^x within two units of the last place; 0 below the smallest normal number.
// Source: range reduction by ln 2 in two parts, and the polynomial of Cephes' expf.
static INLINE __m256 exp_of(__m256 x) {
    const __m256 least = _mm256_set1_ps(-87.33654f), most = _mm256_set1_ps(88.37626f);
    __m256 kept = _mm256_cmp_ps(x, least, _CMP_NLT_UQ); // keeps what is no number, too
    __m256 clamped = _mm256_max_ps(least, _mm256_min_ps(most, x));
    __m256 n = _mm256_round_ps(_mm256_mul_ps(clamped, _mm256_set1_ps(1.44269504088896341f)),
                               _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), clamped);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
    __m256 p = _mm256_set1_ps(1.9875691500e-4f);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.3981999507e-3f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(8.3334519073e-3f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(4.1665795894e-2f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.6666665459e-1f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(5.0000001201e-1f));
    p = _mm256_fmadd_ps(p, _mm256_mul_ps(r, r), _mm256_add_ps(r, _mm256_set1_ps(1)));
    __m256i power = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    p = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), power));
    return _mm256_and_ps(p, kept);
}

static float squares_of(const float *x, size_t n, float mean) {
    __m256 sums[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()}, m = _mm256_set1_ps(mean);
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        __m256 a = _mm256_sub_ps(_mm256_loadu_ps(x + i), m);
        __m256 b = _mm256_sub_ps(_mm256_loadu_ps(x + i + LANES), m);
        sums[0] = _mm256_fmadd_ps(a, a, sums[0]);
        sums[1] = _mm256_fmadd_ps(b, b, sums[1]);
    }
    float sum = sum_of(_mm256_add_ps(sums[0], sums[1]));
    for (; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sum;
}

static void rms_norm(float *out, const float *x, const float *weight, size_t n, float epsilon) {
    __m256 factor = _mm256_set1_ps(1 / sqrtf(squares_of(x, n, 0) / (float)n + epsilon));
    for (size_t i = 0; i < n; i += LANES) {
        __m256 v = _mm256_mul_ps(load_at(x + i, n - i), factor);
        store_at(out + i, _mm256_mul_ps(v, load_at(weight + i, n - i)), n - i);
    }
}

static float sum_all(const float *x, size_t n) {
    __m256 sum = _mm256_setzero_ps();
    for (size_t i = 0; i < n; i += LANES) sum = _mm256_add_ps(sum, load_at(x + i, n - i));
    return sum_of(sum);
}

static void layer_norm(float *out, const float *x, const float *weight, const float *bias, size_t n,
                       float epsilon) {
    float mean = sum_all(x, n) / (float)n;
    __m256 factor = _mm256_set1_ps(1 / sqrtf(squares_of(x, n, mean) / (float)n + epsilon));
    __m256 m = _mm256_set1_ps(mean);
    for (size_t i = 0; i < n; i += LANES) {
        __m256 v = _mm256_mul_ps(_mm256_sub_ps(load_at(x + i, n - i), m), factor);
        v = _mm256_fmadd_ps(v, load_at(weight + i, n - i), load_at(bias + i, n - i));
        store_at(out + i, v, n - i);
    }
}

static void add(float *out, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i += LANES) {
        store_at(out + i, _mm256_add_ps(load_at(a + i, n - i), load_at(b + i, n - i)), n - i);
    }
}

static void silu_mul(float *out, const float *gate, const float *up, size_t n) {
    const __m256 one = _mm256_set1_ps(1), sign = _mm256_set1_ps(-0.0f);
    for (size_t i = 0; i < n; i += LANES) {
        __m256 g = load_at(gate + i, n - i);
        __m256 v = _mm256_div_ps(g, _mm256_add_ps(one, exp_of(_mm256_xor_ps(g, sign))));
        store_at(out + i, _mm256_mul_ps(v, load_at(up + i, n - i)), n - i);
    }
}

// 0.5 x (1 + tanh(u)) = x / (1 + e^-2u)
static void gelu(float *out, const float *x, size_t n) {
    const __m256 one = _mm256_set1_ps(1), cube = _mm256_set1_ps(0.044715f);
    const __m256 root = _mm256_set1_ps(-2 * 0.79788456080286535588f);
    for (size_t i = 0; i < n; i += LANES) {
        __m256 v = load_at(x + i, n - i);
        __m256 u = _mm256_fmadd_ps(_mm256_mul_ps(cube, v), v, one);
        u = _mm256_mul_ps(_mm256_mul_ps(root, v), u);
        store_at(out + i, _mm256_div_ps(v, _mm256_add_ps(one, exp_of(u))), n - i);
    }
}

static float exp_sum(float *x, size_t n, float max) {
    __m256 sum = _mm256_setzero_ps(), m = _mm256_set1_ps(max);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m256 v = exp_of(_mm256_sub_ps(_mm256_loadu_ps(x + i), m));
        _mm256_storeu_ps(x + i, v);
        sum = _mm256_add_ps(sum, v);
    }
    float rest[LANES] = {0}, total = sum_of(sum);
    _mm256_storeu_ps(rest, exp_of(_mm256_sub_ps(load_some(x + i, n - i), m)));
    for (size_t k = 0; i < n; i++, k++) total += x[i] = rest[k];
    return total;
}

static float max_of(const float *x, size_t n) {
    float most = x[0];
    size_t i = 0;
    if (n >= LANES) {
        __m256 v = _mm256_loadu_ps(x);
        for (i = LANES; i + LANES <= n; i += LANES) v = _mm256_max_ps(v, _mm256_loadu_ps(x + i));
        most = most_of(v);
    }
    for (; i < n; i++) most = x[i] > most ? x[i] : most;
    return most;
}

static void scale(float *x, size_t n, float factor) {
    __m256 by = _mm256_set1_ps(factor);
    for (size_t i = 0; i < n; i += LANES) {
        store_at(x + i, _mm256_mul_ps(load_at(x + i, n - i), by), n - i);
    }
}

static void rope(float *x, const float *cosines, const float *sines, size_t n, bool halves) {
    if (!halves || n / 2 % LANES != 0) {
        kernels_reference.rope(x, cosines, sines, n, halves);
        return;
    }
    for (size_t i = 0; i < n / 2; i += LANES) {
        __m256 a = _mm256_loadu_ps(x + i), b = _mm256_loadu_ps(x + n / 2 + i);
        __m256 c = _mm256_loadu_ps(cosines + i), s = _mm256_loadu_ps(sines + i);
        _mm256_storeu_ps(x + i, _mm256_fnmadd_ps(b, s, _mm256_mul_ps(a, c)));
        _mm256_storeu_ps(x + n / 2 + i, _mm256_fmadd_ps(a, s, _mm256_mul_ps(b, c)));
    }
}

static void to_f16(uint16_t *out, const float *x, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        _mm_storeu_si128((__m128i *)(out + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), 0));
    }
    for (; i < n; i++) out[i] = tensor_to_f16(x[i]);
}

static void from_f16(float *out, const uint16_t *x, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(x + i))));
    }
    for (; i < n; i++) out[i] = tensor_from_f16(x[i]);
}

#define TABLE(name_, product_, scores_, mix_)                                              \
    {                                                                                      \
        .name = (name_), .packed_bytes = packed_bytes, .pack = pack, .quantise = quantise, \
        .quantise_blocks = quantise_blocks, .product = (product_), .rms_norm = rms_norm,   \
        .layer_norm = layer_norm, .add = add, .silu_mul = silu_mul, .gelu = gelu,          \
        .exp_sum = exp_sum, .max = max_of, .scale = scale, .rope = rope, .to_f16 = to_f16, \
        .from_f16 = from_f16, .scores = (scores_), .mix = (mix_),                          \
    }
const struct kernels kernels_avx2 = TABLE("avx2", product, scores_avx2, mix_avx2);
const struct kernels kernels_avx512 = TABLE("avx512", product_512, scores_avx512, mix_avx512);
const struct kernels kernels_avx512bf16 =
    TABLE("avx512bf16", product_512_bf16, scores_avx512, mix_avx512);
