// The tensor core of language models: weights as matrices in any of GGUF's types, rows of
// activations, and a table of kernels that the processor chooses. Knows nothing of models; depends
// on base/ alone. Nothing here takes memory but the functions named _open; kernels never fail and
// never wait, so a team of threads (team.h) may call them on parts of one result.
//
// Products see weights in groups of TENSOR_GROUP output rows: a group is what threads share out.
// The result does not depend on how groups are shared.
// Shapes: B rows of activations, C columns (inputs), R rows of weights (outputs), G groups.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

// The types of a tensor's elements, as numbered in GGUF; some of the numbers are out of use.
enum tensor_type {
    TENSOR_F32 = 0,
    TENSOR_F16 = 1,
    TENSOR_Q4_0 = 2,
    TENSOR_Q4_1 = 3,
    TENSOR_Q5_0 = 6,
    TENSOR_Q5_1 = 7,
    TENSOR_Q8_0 = 8,
    TENSOR_Q2_K = 10,
    TENSOR_Q3_K = 11,
    TENSOR_Q4_K = 12,
    TENSOR_Q5_K = 13,
    TENSOR_Q6_K = 14,
    TENSOR_IQ4_NL = 20,
    TENSOR_I8 = 24,
    TENSOR_I16 = 25,
    TENSOR_I32 = 26,
    TENSOR_I64 = 27,
    TENSOR_F64 = 28,
    TENSOR_BF16 = 30,
};
struct tensor_form {
    const char *name;     // "Q4_K"; NULL: a number we do not know
    uint32_t block;       // elements of one block
    uint32_t block_bytes; // bytes of one block
};
const struct tensor_form *tensor_form_of(uint32_t type); // never NULL
bool tensor_computes(uint32_t type); // whether a matrix may be of it: F32, F16, BF16, Q*, IQ4_NL
uint64_t tensor_bytes(uint32_t type, uint64_t count); // of `count` elements, whole blocks

enum {
    TENSOR_GROUP = 16, // rows of weights that are packed, and shared out, together
    TENSOR_BLOCK = 32, // activations that share a scale
    TENSOR_TILE = 4,   // rows of activations whose quants stand together
};

// `count` elements that begin at a block's start, as floats. Only types that compute.
void tensor_dequantise(enum tensor_type type, const void *data, size_t count, float *out);

// The other way, for the types that files are made in: F32, F16, BF16, Q8_0, Q4_0, Q5_0, Q4_K,
// Q6_K.
// `count` is a multiple of the type's block, the values are finite. Q4_K and Q6_K take some
// microseconds a block of 256.
bool tensor_quantises(uint32_t type);
void tensor_quantise(enum tensor_type type, const float *x, size_t count, void *out);

float tensor_from_f16(uint16_t value);
uint16_t tensor_to_f16(float value); // to the nearest, ties to even
float tensor_from_bf16(uint16_t value);
uint16_t tensor_to_bf16(float value);

// Weights (R, C): the file's rows of blocks where they lie, and the same in groups of 16 rows as
// the kernels like it, or NULL where they take the file's. `data` must outlive it, `packed` too.
struct matrix {
    enum tensor_type type;
    uint32_t rows, columns; // columns: a multiple of the type's block
    const void *data;
    const void *packed;
};
static inline uint32_t matrix_groups(const struct matrix *w) {
    return (w->rows + TENSOR_GROUP - 1) / TENSOR_GROUP;
}

// Rows of activations (B, C), row-major with `stride` columns from one to the next (a multiple of
// 32; what is beyond C is zero). A product with quantised weights reads what kernels->quantise made
// of `values`, once for all products they feed; one with float weights reads `values`.
//
// The quants stand in tiles of 4 rows, the last of as many as are left: a tile of T rows has, block
// of 32 columns by block, 32 bytes of each row; so for the scales and sums. One row is row-major.
struct rows {
    uint32_t count, columns, stride;
    float *values;    // (B, stride)
    int8_t *quants;   // (B / 4, stride / 32, T, 32): values / scale, -127 to 127
    float *scales;    // (B / 4, stride / 32, T)
    float *sums;      // (B / 4, stride / 32, T): scale x the quants' sum, of each block
    float *half_sums; // (B / 4, stride / 32, T, 2): the same, of each half block
    // What sums of weights raised by 128 begin with: -128 x the quants' sum, of each block and of
    // each half.
    int32_t *lifts, *half_lifts;
};
// Room for `count_max` rows of up to `columns_max`; ERR_MEMORY. Zeroed.
enum err rows_open(uint32_t count_max, uint32_t columns_max, struct rows *out) MUST_USE;
void rows_close(struct rows *rows);
// Another shape within the room of rows_open; what `values` held is void. The caller fills whole
// rows; zeroes beyond `columns` are set here.
void rows_shape(struct rows *rows, uint32_t count, uint32_t columns);

// One table for each kind of processor; the plain C one is the truth the others are tested against.
struct kernels {
    const char *name; // "reference", "avx2" ...

    // Bytes of a packed matrix (a multiple of 64); 0: this table wants the file's form.
    size_t (*packed_bytes)(const struct matrix *w);
    // Writes groups [first, last) of w into `packed`, which is aligned to 64 bytes.
    void (*pack)(const struct matrix *w, void *packed, uint32_t first, uint32_t last);

    // Fills quants, scales and sums of rows [first, last) from their values.
    void (*quantise)(struct rows *x, uint32_t first, uint32_t last);
    // The same of blocks [first, last) of one row.
    void (*quantise_blocks)(struct rows *x, uint32_t row, uint32_t first, uint32_t last);

    // y[b * y_stride + r] = sum over c of w[r][c] * x[b][c], for the rows r of groups
    // [first, last) and all B rows of x. Cost 2 B R C operations.
    void (*product)(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                    uint32_t first, uint32_t last);

    // ---- vectors of n elements; out may be the same as an input ----
    // out = x / sqrt(mean(x^2) + epsilon) * weight
    void (*rms_norm)(float *out, const float *x, const float *weight, size_t n, float epsilon);
    // out = (x - mean) / sqrt(variance + epsilon) * weight + bias
    void (*layer_norm)(float *out, const float *x, const float *weight, const float *bias, size_t n,
                       float epsilon);
    void (*add)(float *out, const float *a, const float *b, size_t n);          // out = a + b
    void (*silu_mul)(float *out, const float *gate, const float *up, size_t n); // silu(gate) * up
    void (*gelu)(float *out, const float *x, size_t n);                         // the tanh form
    // x = exp(x - max); returns the sum. For softmax in parts, with the parts' own max.
    float (*exp_sum)(float *x, size_t n, float max);
    float (*max)(const float *x, size_t n); // n at least 1
    void (*scale)(float *x, size_t n, float factor);
    // Turns pairs by angles whose cosines and sines are given (n / 2 each): x[i] with x[i + n / 2]
    // where `halves` (NeoX), else x[2i] with x[2i + 1].
    void (*rope)(float *x, const float *cosines, const float *sines, size_t n, bool halves);
    void (*to_f16)(uint16_t *out, const float *x, size_t n);
    void (*from_f16)(float *out, const uint16_t *x, size_t n);

    // ---- attention over `count` keys or values in f16, for `queries` rows that share them ----
    // out[q * out_stride + k] = factor * dot(query[q], key[k]), n elements each.
    void (*scores)(float *out, size_t out_stride, const float *query, size_t query_stride,
                   uint32_t queries, const uint16_t *keys, size_t key_stride, uint32_t count,
                   uint32_t n, float factor);
    // out[q] += sum over k of weight[q * weight_stride + k] * value[k], n elements each.
    void (*mix)(float *out, size_t out_stride, const float *weight, size_t weight_stride,
                uint32_t queries, const uint16_t *values, size_t value_stride, uint32_t count,
                uint32_t n);
};

// The best table this processor can run; COURTYARD_CPU=reference|avx2|... takes a
// lesser one (one it cannot run is passed over).
const struct kernels *kernels_for_cpu(void);
// By its name, or NULL where this processor cannot run it. For tests and measurements.
const struct kernels *kernels_named(const char *name);

// Memory for packed weights: zeroed, in huge pages where the machine gives them. NULL: none left.
void *tensor_area_take(size_t bytes) MUST_USE;
void tensor_area_give(void *area, size_t bytes);
