// Every kernel in plain C: what the others are held against, and what runs where they cannot.
#include <math.h>

#include "base/assert.h"
#include "model/tensor/tensor_private.h"
#if defined(__aarch64__)
#include "model/tensor/neon_private.h"
#include "model/tensor/pack_private.h"
#endif

static size_t packed_bytes(const struct matrix *w) {
    (void)w;
    return 0;
}

static void pack(const struct matrix *w, void *packed, uint32_t first, uint32_t last) {
    (void)w, (void)packed, (void)first, (void)last;
}

// ---- products --------------------------------------------------------------------------------

static void quantise_block(const float values[TENSOR_BLOCK], struct rows *x, size_t place) {
    int8_t *quants = x->quants + place * TENSOR_BLOCK;
    float most = 0;
    for (int i = 0; i < TENSOR_BLOCK; i++) most = fmaxf(most, fabsf(values[i]));
    float scale = most / 127, factor = most > 0 ? 127 / most : 0;
    if (factor > 0x1p126f) scale = factor = 0; // too small to matter, and its inverse overflows
    int sums[2] = {0, 0};
    for (int i = 0; i < TENSOR_BLOCK; i++) {
        quants[i] = (int8_t)lrintf(values[i] * factor);
        sums[i / 16] += quants[i];
    }
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

static float dot_values(const struct matrix *w, const uint8_t *row, const float *x) {
    double sum = 0;
    for (size_t c = 0; c < w->columns; c++) {
        float weight;
        if (w->type == TENSOR_F32) {
            memcpy(&weight, row + 4 * c, sizeof weight);
        } else {
            uint16_t half = half_at(row + 2 * c);
            weight = w->type == TENSOR_F16 ? tensor_from_f16(half) : tensor_from_bf16(half);
        }
        sum += (double)weight * (double)x[c];
    }
    return (float)sum;
}

// The product of one block with all rows of x is added to sums (B).
static void dot_block(const struct plain_block *w, const struct rows *x, size_t block,
                      double *sums) {
    for (size_t b = 0; b < x->count; b++) {
        size_t place = rows_place(x, b, block);
        const int8_t *quants = x->quants + place * TENSOR_BLOCK;
        for (size_t h = 0; h < 2; h++) {
            int dot = 0;
            for (size_t i = h * 16; i < h * 16 + 16; i++) dot += w->quants[i] * quants[i];
            sums[b] += (double)w->scale[h] * (double)x->scales[place] * dot;
            sums[b] += (double)w->least[h] * (double)x->half_sums[2 * place + h];
        }
    }
}

enum { ROWS_AT_ONCE = 64 };

static void product_of_row(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                           uint32_t r) {
    const uint8_t *row = (const uint8_t *)w->data + r * tensor_bytes(w->type, w->columns);
    if (tensor_form_of(w->type)->block == 1) {
        for (size_t b = 0; b < x->count; b++) {
            y[b * y_stride + r] = dot_values(w, row, x->values + b * x->stride);
        }
        return;
    }
    double sums[ROWS_AT_ONCE] = {0};
    for (size_t block = 0; block < w->columns / TENSOR_BLOCK; block++) {
        struct plain_block plain;
        block_unpack(w->type, row, block, &plain);
        dot_block(&plain, x, block, sums);
    }
    for (size_t b = 0; b < x->count; b++) y[b * y_stride + r] = (float)sums[b];
}

static void product(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                    uint32_t first, uint32_t last) {
    cy_assert(w->columns == x->columns && tensor_computes(w->type));
    for (uint32_t from = 0; from < x->count; from += ROWS_AT_ONCE) {
        uint32_t count = x->count - from < ROWS_AT_ONCE ? x->count - from : ROWS_AT_ONCE;
        struct rows part = rows_part(x, from, count);
        for (uint32_t r = first * TENSOR_GROUP; r < last * TENSOR_GROUP && r < w->rows; r++) {
            product_of_row(w, &part, y + from * y_stride, y_stride, r);
        }
    }
}

// ---- vectors ---------------------------------------------------------------------------------

static void rms_norm(float *out, const float *x, const float *weight, size_t n, float epsilon) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    float factor = (float)(1 / sqrt(sum / (double)n + (double)epsilon));
    for (size_t i = 0; i < n; i++) out[i] = x[i] * factor * weight[i];
}

static void layer_norm(float *out, const float *x, const float *weight, const float *bias, size_t n,
                       float epsilon) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i];
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    double factor = 1 / sqrt(squares / (double)n + (double)epsilon);
    for (size_t i = 0; i < n; i++) {
        out[i] = (float)(((double)x[i] - mean) * factor) * weight[i] + bias[i];
    }
}

static void add(float *out, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = a[i] + b[i];
}

static void silu_mul(float *out, const float *gate, const float *up, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

static void gelu(float *out, const float *x, size_t n) {
    const float root = 0.79788456080286535588f; // sqrt(2 / pi)
    for (size_t i = 0; i < n; i++) {
        float inner = root * x[i] * (1 + 0.044715f * x[i] * x[i]);
        out[i] = 0.5f * x[i] * (1 + tanhf(inner));
    }
}

static float exp_sum(float *x, size_t n, float max) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        x[i] = expf(x[i] - max);
        sum += (double)x[i];
    }
    return (float)sum;
}

static float max_of(const float *x, size_t n) {
    float most = x[0];
    for (size_t i = 1; i < n; i++) most = x[i] > most ? x[i] : most;
    return most;
}

static void scale(float *x, size_t n, float factor) {
    for (size_t i = 0; i < n; i++) x[i] *= factor;
}

static void rope(float *x, const float *cosines, const float *sines, size_t n, bool halves) {
    size_t step = halves ? 1 : 2, away = halves ? n / 2 : 1;
    for (size_t i = 0; i < n / 2; i++) {
        float a = x[i * step], b = x[i * step + away];
        x[i * step] = a * cosines[i] - b * sines[i];
        x[i * step + away] = a * sines[i] + b * cosines[i];
    }
}

static void to_f16(uint16_t *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = tensor_to_f16(x[i]);
}

static void from_f16(float *out, const uint16_t *x, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = tensor_from_f16(x[i]);
}

// ---- attention -------------------------------------------------------------------------------

static void scores(float *out, size_t out_stride, const float *query, size_t query_stride,
                   uint32_t queries, const uint16_t *keys, size_t key_stride, uint32_t count,
                   uint32_t n, float factor) {
    for (size_t k = 0; k < count; k++) {
        for (size_t q = 0; q < queries; q++) {
            double sum = 0;
            for (size_t i = 0; i < n; i++) {
                float key = tensor_from_f16(keys[k * key_stride + i]);
                sum += (double)query[q * query_stride + i] * (double)key;
            }
            out[q * out_stride + k] = factor * (float)sum;
        }
    }
}

static void mix(float *out, size_t out_stride, const float *weight, size_t weight_stride,
                uint32_t queries, const uint16_t *values, size_t value_stride, uint32_t count,
                uint32_t n) {
    for (size_t k = 0; k < count; k++) {
        for (size_t i = 0; i < n; i++) {
            float value = tensor_from_f16(values[k * value_stride + i]);
            for (size_t q = 0; q < queries; q++) {
                out[q * out_stride + i] += weight[q * weight_stride + k] * value;
            }
        }
    }
}

// The vector functions of ARMv8's tables are these too: compilers turn them into NEON.
#define TABLE(name_, packed_bytes_, pack_, product_, isa)                                        \
    {                                                                                            \
        .name = (name_), .packed_bytes = (packed_bytes_), .pack = (pack_), .quantise = quantise, \
        .quantise_blocks = quantise_blocks, .product = (product_), .rms_norm = rms_norm,         \
        .layer_norm = layer_norm, .add = add, .silu_mul = silu_mul, .gelu = gelu,                \
        .exp_sum = exp_sum, .max = max_of, .scale = scale, .rope = rope, .to_f16 = to_f16##isa,  \
        .from_f16 = from_f16##isa, .scores = scores##isa, .mix = mix##isa,                       \
    }
const struct kernels kernels_reference = TABLE("reference", packed_bytes, pack, product, );
#if defined(__aarch64__)
const struct kernels kernels_neon = TABLE("neon", pack_bytes, pack_groups, product_neon, _neon);
const struct kernels kernels_dotprod =
    TABLE("dotprod", pack_bytes, pack_groups, product_dotprod, _neon);
#endif
