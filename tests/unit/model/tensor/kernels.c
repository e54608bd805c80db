// Every table of kernels this processor can run, against the plain one.
#include "base/memory.h"
#include "check.h"
#include "model/tensor/team.h"
#include "model/tensor/tensor.h"

static const enum tensor_type types[] = {
    TENSOR_F32,  TENSOR_F16,  TENSOR_BF16, TENSOR_Q8_0, TENSOR_Q4_0, TENSOR_Q4_1, TENSOR_Q5_0,
    TENSOR_Q5_1, TENSOR_Q2_K, TENSOR_Q3_K, TENSOR_Q4_K, TENSOR_Q5_K, TENSOR_Q6_K, TENSOR_IQ4_NL,
};
enum { TYPES = sizeof types / sizeof *types, VECTOR_MAX = 300, ROWS_MAX = 70 };

static const struct kernels *reference;

static const char *const table_names[] = {"avx512bf16", "avx512", "avx2", "dotprod", "neon"};

// Runs the test for each table there is beside the plain one.
static void for_each_table(void (*test)(const struct kernels *table)) {
    for (size_t i = 0; i < sizeof table_names / sizeof *table_names; i++) {
        const struct kernels *table = kernels_named(table_names[i]);
        if (table) test(table);
    }
}

static float random_float(void) {
    return (float)(check_uniform() * 2 - 1);
}

static void fill(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = random_float() * (check_below(20) == 0 ? 8 : 1);
}

// ---- products --------------------------------------------------------------------------------

// Where the halves that scale a block stand.
static void scales_at(enum tensor_type type, size_t at[2]) {
    size_t bytes = tensor_form_of(type)->block_bytes;
    at[0] = type == TENSOR_Q2_K ? 80 : type == TENSOR_Q3_K || type == TENSOR_Q6_K ? bytes - 2 : 0;
    at[1] = type == TENSOR_Q2_K ? 82 : at[0];
    if (type == TENSOR_Q4_1 || type == TENSOR_Q5_1 || type == TENSOR_Q4_K || type == TENSOR_Q5_K) {
        at[1] = 2;
    }
}

// Random weights: any bytes for quants, scales between 2^-8 and 2^-6.
static void fill_weights(enum tensor_type type, uint8_t *data, size_t count) {
    const struct tensor_form *form = tensor_form_of(type);
    for (size_t b = 0; b < count / form->block; b++, data += form->block_bytes) {
        for (size_t i = 0; i < form->block_bytes; i++) data[i] = (uint8_t)check_random();
        if (form->block == 1) {
            float value = random_float();
            uint16_t half = type == TENSOR_F16 ? tensor_to_f16(value) : tensor_to_bf16(value);
            memcpy(data, type == TENSOR_F32 ? (void *)&value : &half, form->block_bytes);
            continue;
        }
        size_t at[2];
        scales_at(type, at);
        for (int i = 0; i < 2; i++) {
            uint16_t half = (uint16_t)(0x1C00 + check_below(0x800) + check_below(2) * 0x8000);
            memcpy(data + at[i], &half, 2);
        }
    }
}

static void random_shape(enum tensor_type type, uint32_t *rows, uint32_t *columns) {
    uint32_t block = tensor_form_of(type)->block;
    *rows = 1 + (uint32_t)check_below(70);
    *columns = block == 1    ? 1 + (uint32_t)check_below(700)
               : block == 32 ? 32 * (1 + (uint32_t)check_below(60))
                             : 256 * (1 + (uint32_t)check_below(7));
}

struct sharing {
    const struct kernels *table;
    const struct matrix *w;
    const struct rows *x;
    float *y;
    size_t stride;
    void *packed;
};

static void pack_share(void *ctx, struct member *me) {
    struct sharing *s = ctx;
    uint32_t first, last;
    while (team_next(me, matrix_groups(s->w), 1, &first, &last)) {
        s->table->pack(s->w, s->packed, first, last);
    }
}

static void product_share(void *ctx, struct member *me) {
    struct sharing *s = ctx;
    uint32_t first, last;
    while (team_next(me, matrix_groups(s->w), 1, &first, &last)) {
        s->table->product(s->w, s->x, s->y, s->stride, first, last);
    }
}

// The size that the terms of a sum have: what rounding is measured by.
static double bound_of(const struct matrix *w, const struct rows *x, size_t row, size_t b,
                       float *weights) {
    size_t bytes = tensor_bytes(w->type, w->columns);
    tensor_dequantise(w->type, (const uint8_t *)w->data + row * bytes, w->columns, weights);
    double sum = 0;
    for (size_t c = 0; c < w->columns; c++) {
        sum += fabs((double)weights[c] * x->values[b * x->stride + c]);
    }
    // A block's weights may cancel where it has a least, its two sums do not.
    return sum * 4e-6 + 2e-5;
}

static void compare(const struct sharing *s, const float *want) {
    float *weights = memory_take(s->w->columns * sizeof *weights);
    for (size_t b = 0; b < s->x->count; b++) {
        for (size_t r = 0; r < s->stride; r++) {
            float got = s->y[b * s->stride + r];
            if (r >= s->w->rows) {
                CHECK_EQ(got, 7);
                continue;
            }
            double bound = bound_of(s->w, s->x, r, b, weights);
            if (!CHECK_NEAR(got, want[b * s->w->rows + r], bound)) {
                printf("  %s %s: row %zu of %u, %u columns, activations %zu of %u\n",
                       s->table->name, tensor_form_of(s->w->type)->name, r, s->w->rows,
                       s->w->columns, b, s->x->count);
                goto done;
            }
        }
    }
done:
    memory_give(weights);
}

// What avx512bf16 makes of many rows' activations where the weights are BF16.
static void round_as(const struct kernels *table, enum tensor_type type, struct rows *x) {
    enum { FEW_ROWS = 16 };
    bool rounds = type == TENSOR_BF16 && x->count > FEW_ROWS;
    if (!rounds || strcmp(table->name, "avx512bf16") != 0) return;
    for (size_t i = 0; i < (size_t)x->count * x->stride; i++) {
        x->values[i] = tensor_from_bf16(tensor_to_bf16(x->values[i]));
    }
}

static void product_of(const struct kernels *table, enum tensor_type type, uint32_t count,
                       uint32_t threads) {
    struct matrix w = {.type = type};
    struct team *team;
    struct rows x;
    random_shape(type, &w.rows, &w.columns);
    size_t bytes = tensor_bytes(type, (uint64_t)w.rows * w.columns);
    uint8_t *data = memory_take(bytes);
    REQUIRE(team_open(threads, &team) == OK && rows_open(ROWS_MAX, w.columns + 64, &x) == OK);
    fill_weights(type, data, (size_t)w.rows * w.columns);
    w.data = data;
    rows_shape(&x, count, w.columns);
    for (size_t b = 0; b < count; b++) fill(x.values + b * x.stride, w.columns);
    reference->quantise(&x, 0, count);

    float *want = memory_take((size_t)count * w.rows * sizeof *want);
    size_t value_bytes = (size_t)count * x.stride * sizeof *x.values;
    float *values = memory_take(value_bytes);
    memcpy(values, x.values, value_bytes);
    round_as(table, type, &x);
    reference->product(&w, &x, want, w.rows, 0, matrix_groups(&w));
    memcpy(x.values, values, value_bytes);
    struct sharing s = {.table = table, .w = &w, .x = &x, .stride = w.rows + 3};
    size_t packed_bytes = table->packed_bytes(&w);
    s.packed = packed_bytes ? tensor_area_take(packed_bytes) : NULL;
    if (packed_bytes) team_run(team, pack_share, &s);
    w.packed = s.packed;
    s.y = memory_take(count * s.stride * sizeof *s.y);
    for (size_t i = 0; i < count * s.stride; i++) s.y[i] = 7;
    team_run(team, product_share, &s);
    compare(&s, want);

    memory_give(s.y);
    tensor_area_give(s.packed, packed_bytes);
    memory_give(values);
    memory_give(want);
    rows_close(&x);
    memory_give(data);
    team_close(team);
}

static void products_equal(const struct kernels *table) {
    for (size_t i = 0; i < TYPES; i++) {
        for (uint32_t count = 1; count <= 17; count++) {
            product_of(table, types[i], count, 1 + count % 3);
        }
        for (uint32_t threads = 1; threads <= 3; threads++) {
            product_of(table, types[i], 18 + (uint32_t)check_below(ROWS_MAX - 17), threads);
        }
    }
}

// The extremes that 16-bit sums must hold.
static void extremes_do_not_overflow(const struct kernels *table) {
    static const enum tensor_type some[] = {TENSOR_Q8_0, TENSOR_Q4_0, TENSOR_Q4_1, TENSOR_Q4_K,
                                            TENSOR_Q6_K, TENSOR_Q5_1, TENSOR_Q2_K, TENSOR_IQ4_NL,
                                            TENSOR_Q5_K, TENSOR_Q3_K};
    enum { ROWS = 16, COLUMNS = 256 };
    for (size_t i = 0; i < 3 * sizeof some / sizeof *some; i++) {
        static const uint8_t patterns[3] = {0x80, 0xFF, 0x00};
        enum tensor_type type = some[i / 3];
        const struct tensor_form *form = tensor_form_of(type);
        uint8_t data[ROWS * 280];
        memset(data, patterns[i % 3], sizeof data);
        for (uint8_t *at = data; at < data + tensor_bytes(type, ROWS * COLUMNS);
             at += form->block_bytes) {
            size_t scales[2];
            scales_at(type, scales);
            for (int k = 0; k < 2; k++) memcpy(at + scales[k], &(uint16_t){0x2000}, 2);
        }
        struct matrix w = {.type = type, .rows = ROWS, .columns = COLUMNS, .data = data};
        for (uint32_t count = 1; count <= 8; count += 7) {
            struct rows x;
            float want[8 * ROWS], got[8 * ROWS];
            REQUIRE(rows_open(count, COLUMNS, &x) == OK);
            for (size_t k = 0; k < count * COLUMNS; k++) x.values[k] = k / 256 % 2 ? -3 : 3;
            table->quantise(&x, 0, count);
            reference->product(&w, &x, want, ROWS, 0, 1);
            size_t bytes = table->packed_bytes(&w);
            void *packed = bytes ? tensor_area_take(bytes) : NULL;
            if (packed) table->pack(&w, packed, 0, 1);
            w.packed = packed;
            table->product(&w, &x, got, ROWS, 0, 1);
            w.packed = NULL;
            for (size_t k = 0; k < count * ROWS; k++) {
                CHECK_NEAR(got[k], want[k], fabs(want[k]) * 1e-5 + 0.02);
            }
            tensor_area_give(packed, bytes);
            rows_close(&x);
        }
    }
}

static void activations_are_quantised_alike(const struct kernels *table) {
    struct rows a, b;
    REQUIRE(rows_open(5, 200, &a) == OK && rows_open(5, 200, &b) == OK);
    size_t all = 5 * (size_t)a.stride;
    for (size_t i = 0; i < all; i++) a.values[i] = i % 224 < 32 ? 0 : random_float();
    a.values[40] = 1e-42f; // its block's other values are as large as ever
    for (size_t i = 64; i < 96; i++) a.values[i] *= 1e-40f;
    memcpy(b.values, a.values, all * sizeof *a.values);
    reference->quantise(&a, 0, 5);
    table->quantise(&b, 0, 2);
    table->quantise(&b, 3, 5);
    uint32_t blocks = b.stride / TENSOR_BLOCK; // and one row in two parts
    table->quantise_blocks(&b, 2, 0, blocks / 2);
    table->quantise_blocks(&b, 2, blocks / 2, blocks);
    CHECK_BYTES(b.quants, all, a.quants, all);
    CHECK_BYTES(b.scales, all / 8, a.scales, all / 8);
    for (size_t i = 0; i < all / 32; i++) CHECK_NEAR(b.sums[i], a.sums[i], 1e-5);
    for (size_t i = 0; i < all / 16; i++) CHECK_NEAR(b.half_sums[i], a.half_sums[i], 1e-6);
    CHECK_BYTES(b.lifts, all / 8, a.lifts, all / 8);
    CHECK_BYTES(b.half_lifts, all / 4, a.half_lifts, all / 4);
    rows_close(&a);
    rows_close(&b);
}

// ---- vectors ---------------------------------------------------------------------------------

static void check_vectors(const char *what, const float *got, const float *want, size_t n,
                          double tolerance) {
    for (size_t i = 0; i < n; i++) {
        if (!CHECK_NEAR(got[i], want[i], tolerance * (1 + fabs(want[i])))) {
            printf("  %s: element %zu of %zu\n", what, i, n);
            return;
        }
    }
}

static void vectors_equal(const struct kernels *table) {
    float x[VECTOR_MAX], w[VECTOR_MAX], b[VECTOR_MAX], got[VECTOR_MAX], want[VECTOR_MAX];
    for (size_t n = 1; n < VECTOR_MAX; n += 1 + n / 17) {
        fill(x, n);
        fill(w, n);
        fill(b, n);
        table->rms_norm(got, x, w, n, 1e-5f);
        reference->rms_norm(want, x, w, n, 1e-5f);
        check_vectors("rms_norm", got, want, n, 2e-6);
        table->layer_norm(got, x, w, b, n, 1e-5f);
        reference->layer_norm(want, x, w, b, n, 1e-5f);
        check_vectors("layer_norm", got, want, n, 2e-5);
        table->add(got, x, w, n);
        reference->add(want, x, w, n);
        check_vectors("add", got, want, n, 0);
        for (size_t i = 0; i < n; i++) b[i] *= 40;
        table->silu_mul(got, b, x, n);
        reference->silu_mul(want, b, x, n);
        check_vectors("silu_mul", got, want, n, 2e-6);
        table->gelu(got, w, n);
        reference->gelu(want, w, n);
        check_vectors("gelu", got, want, n, 2e-6);
        CHECK_EQ(table->max(b, n) == reference->max(b, n), 1);
        memcpy(got, b, sizeof b);
        memcpy(want, b, sizeof b);
        float top = reference->max(b, n);
        CHECK_NEAR(table->exp_sum(got, n, top), reference->exp_sum(want, n, top), 1e-5);
        check_vectors("exp_sum", got, want, n, 1e-6);
        table->scale(got, n, 0.7f);
        reference->scale(want, n, 0.7f);
        check_vectors("scale", got, want, n, 1e-6);
        memcpy(got, x, sizeof x);
        memcpy(want, x, sizeof x);
        table->rope(got, w, b, n / 2 * 2, n % 3 == 0);
        reference->rope(want, w, b, n / 2 * 2, n % 3 == 0);
        check_vectors("rope", got, want, n, 2e-5);
    }
}

static void exponents_reach_their_ends(const struct kernels *table) {
    float x[] = {0, -1, -80, -87, -88, -200, -INFINITY, 1e-20f, 5, 88}, want[10];
    memcpy(want, x, sizeof x);
    reference->exp_sum(want, 10, 0);
    CHECK(table->exp_sum(x, 10, 0) > 1e38f);
    for (int i = 0; i < 10; i++) CHECK_NEAR(x[i], want[i], 2e-7 * (double)want[i] + 1.2e-38);
    CHECK(x[6] == 0);
    float none[9] = {0, 0, 0, NAN};
    CHECK(isnan(table->exp_sum(none, 9, 0)));
}

static void halves_equal(const struct kernels *table) {
    float x[VECTOR_MAX], got[VECTOR_MAX], want[VECTOR_MAX];
    uint16_t a[VECTOR_MAX], b[VECTOR_MAX];
    for (size_t n = 1; n < VECTOR_MAX; n += 13) {
        fill(x, n);
        x[n / 2] *= 1e-6f;
        x[n - 1] = 1e6f;
        table->to_f16(a, x, n);
        reference->to_f16(b, x, n);
        CHECK_BYTES(a, n * 2, b, n * 2);
        table->from_f16(got, a, n);
        reference->from_f16(want, a, n);
        CHECK_BYTES(got, n * 4, want, n * 4);
    }
}

enum { KEYS = 40, QUERIES = 27, HEAD = 130 };

static void attention_equals(const struct kernels *table) {
    static float q[QUERIES * HEAD], want[QUERIES * HEAD], got[QUERIES * HEAD];
    static uint16_t keys[KEYS * HEAD];
    float x[HEAD];
    for (uint32_t queries = 1; queries <= QUERIES; queries++) {
        uint32_t n = 1 + (uint32_t)check_below(HEAD), count = 1 + (uint32_t)check_below(KEYS);
        if (check_below(2)) n = n < 64 ? 64 : 128;
        for (size_t k = 0; k < KEYS; k++) {
            fill(x, HEAD);
            reference->to_f16(keys + k * HEAD, x, HEAD);
        }
        fill(q, QUERIES * HEAD);
        table->scores(got, KEYS, q, HEAD, queries, keys, HEAD, count, n, 0.125f);
        reference->scores(want, KEYS, q, HEAD, queries, keys, HEAD, count, n, 0.125f);
        for (size_t i = 0; i < queries; i++) {
            check_vectors("scores", got + i * KEYS, want + i * KEYS, count, 1e-5);
        }
        fill(got, QUERIES * HEAD);
        memcpy(want, got, sizeof got);
        table->mix(got, HEAD, q, HEAD, queries, keys, HEAD, count, n);
        reference->mix(want, HEAD, q, HEAD, queries, keys, HEAD, count, n);
        check_vectors("mix", got, want, QUERIES * HEAD, 2e-5);
    }
}

// ---- tests -----------------------------------------------------------------------------------

#define EACH_TABLE(name, test) \
    static void name(void) {   \
        for_each_table(test);  \
    }
EACH_TABLE(products_equal_the_plain_ones, products_equal)
EACH_TABLE(sums_of_16_bits_hold_the_extremes, extremes_do_not_overflow)
EACH_TABLE(activations_equal_the_plain_ones, activations_are_quantised_alike)
EACH_TABLE(vectors_equal_the_plain_ones, vectors_equal)
EACH_TABLE(exponents_equal_at_their_ends, exponents_reach_their_ends)
EACH_TABLE(halves_equal_the_plain_ones, halves_equal)
EACH_TABLE(attention_equals_the_plain_one, attention_equals)

int main(void) {
    reference = kernels_named("reference");
    CHECK_RUN(products_equal_the_plain_ones);
    CHECK_RUN(sums_of_16_bits_hold_the_extremes);
    CHECK_RUN(activations_equal_the_plain_ones);
    CHECK_RUN(vectors_equal_the_plain_ones);
    CHECK_RUN(exponents_equal_at_their_ends);
    CHECK_RUN(halves_equal_the_plain_ones);
    CHECK_RUN(attention_equals_the_plain_one);
    return check_done();
}
