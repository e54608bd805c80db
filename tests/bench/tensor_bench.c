// The tensor core's products beside what the machine can do, interleaved in one run:
//   tensor_bench [threads [type]]
// decode: one and four rows of activations against 192 MiB of weights, in GB/s of weights as they
// are packed, beside a plain read of the same memory. prefill: 512 rows against 4864 x 896 weights,
// in GOP/s, beside the peak of float multiplication and addition in registers.
// Medians of several rounds, in each of which everything is measured once.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"
#include "model/tensor/team.h"
#include "model/tensor/tensor.h"

enum {
    COLUMNS = 896,
    PREFILL_ROWS = 4864,
    TOKENS = 512,
    WEIGHT_BYTES = 192 << 20,
    ROUNDS = 7,
    MEASURES = 4, // decode of 1, of 4, prefill, probe
};

static const enum tensor_type types[] = {
    TENSOR_Q4_0, TENSOR_Q8_0, TENSOR_Q4_K, TENSOR_Q6_K, TENSOR_F16,  TENSOR_BF16, TENSOR_F32,
    TENSOR_Q4_1, TENSOR_Q5_0, TENSOR_Q5_1, TENSOR_Q5_K, TENSOR_Q3_K, TENSOR_Q2_K,
};
enum { TYPES = sizeof types / sizeof *types };

static const struct kernels *kernels;

struct work {
    const struct matrix *w;
    const struct rows *x;
    float *y;
    void *packed;
    const uint8_t *bytes; // what the probe reads
    size_t size;
    _Atomic uint64_t sum;
};

static void pack_step(void *ctx, struct member *me) {
    struct work *work = ctx;
    uint32_t first, last;
    while (team_next(me, matrix_groups(work->w), 8, &first, &last)) {
        kernels->pack(work->w, work->packed, first, last);
    }
}

static void product_step(void *ctx, struct member *me) {
    struct work *work = ctx;
    uint32_t first, last;
    while (team_next(me, matrix_groups(work->w), 2, &first, &last)) {
        kernels->product(work->w, work->x, work->y, work->w->rows, first, last);
    }
}

typedef uint64_t words __attribute__((vector_size(64), aligned(64)));

// Four streams, as fast as loads go.
static void read_step(void *ctx, struct member *me) {
    struct work *work = ctx;
    uint32_t first, last;
    words sums[4] = {{0}};
    while (team_next(me, (uint32_t)(work->size >> 16), 16, &first, &last)) {
        size_t quarter = ((size_t)(last - first) << 16) / 4;
        const uint8_t *at = work->bytes + ((size_t)first << 16);
        for (size_t i = 0; i < quarter; i += sizeof(words)) {
            for (size_t k = 0; k < 4; k++) sums[k] += *(const words *)(at + k * quarter + i);
        }
    }
    words all = sums[0] + sums[1] + sums[2] + sums[3];
    atomic_fetch_add(&work->sum, all[0] + all[7]);
}

static double seconds_of(struct team *team, void (*step)(void *, struct member *), void *ctx) {
    uint64_t start = clock_monotonic_us();
    team_run(team, step, ctx);
    return (double)(clock_monotonic_us() - start + 1) / 1e6;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values) {
    qsort(values, ROUNDS, sizeof *values, by_size);
    return values[ROUNDS / 2];
}

// Any bytes but for the scales, which are small: no infinities in the sums.
static void fill(struct matrix *w, uint8_t *data, size_t bytes) {
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i + 8 <= bytes; i += 8) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        uint64_t word = state & 0xBFFFBFFFBFFFBFFFu; // no half has an exponent of all ones
        if (w->type == TENSOR_F32) word = (state & 0x00FFFFFF00FFFFFFu) | 0x3C0000003C000000u;
        if (w->type == TENSOR_BF16) word = (state & 0x00FF00FF00FF00FFu) | 0x3C003C003C003C00u;
        memcpy(data + i, &word, 8);
    }
    w->data = data;
}

static void *packed_of(struct team *team, struct matrix *w, size_t *bytes, double *seconds) {
    *bytes = kernels->packed_bytes(w);
    struct work work = {.w = w, .packed = *bytes ? tensor_area_take(*bytes) : NULL};
    *seconds = *bytes ? seconds_of(team, pack_step, &work) : 0;
    w->packed = work.packed;
    return work.packed;
}

static void measure(struct team *team, enum tensor_type type) {
    const struct tensor_form *form = tensor_form_of(type);
    uint32_t columns = form->block == 256 ? 1024 : COLUMNS;
    size_t row_bytes = tensor_bytes(type, columns);
    struct matrix big = {.type = type, .columns = columns};
    big.rows = (uint32_t)(WEIGHT_BYTES / row_bytes / 16 * 16);
    size_t bytes = big.rows * row_bytes, packed_bytes;
    uint8_t *data = tensor_area_take(bytes);
    struct rows one, four, many;
    float *y = memory_take((size_t)4 * big.rows * sizeof *y + (size_t)TOKENS * PREFILL_ROWS * 4);
    if (!data || !y || rows_open(1, columns, &one) || rows_open(4, columns, &four) ||
        rows_open(TOKENS, columns, &many)) {
        puts("no memory");
        exit(1);
    }
    struct rows *all[] = {&one, &four, &many};
    for (size_t k = 0; k < 3; k++) {
        size_t count = (size_t)all[k]->count * columns;
        for (size_t i = 0; i < count; i++) all[k]->values[i] = (float)(i * 7919 % 1999) / 999 - 1;
        kernels->quantise(all[k], 0, all[k]->count);
    }
    double seconds[MEASURES][ROUNDS], packing;
    fill(&big, data, bytes);
    void *packed = packed_of(team, &big, &packed_bytes, &packing);
    struct matrix small = big;
    small.rows = PREFILL_ROWS;
    size_t size = packed_bytes ? packed_bytes : bytes;
    struct work decode = {.w = &big, .x = &one, .y = y}, batch = {.w = &big, .x = &four, .y = y};
    struct work prefill = {.w = &small, .x = &many, .y = y};
    struct work probe = {.bytes = packed_bytes ? packed : data, .size = size};
    for (int i = 0; i < ROUNDS; i++) {
        seconds[3][i] = seconds_of(team, read_step, &probe);
        seconds[0][i] = seconds_of(team, product_step, &decode);
        seconds[1][i] = seconds_of(team, product_step, &batch);
        seconds[2][i] = seconds_of(team, product_step, &prefill);
    }
    double probe_rate = (double)size / median(seconds[3]) / 1e9;
    double rate = (double)size / median(seconds[0]) / 1e9;
    double rate_4 = (double)size / median(seconds[1]) / 1e9;
    double operations = 2.0 * PREFILL_ROWS * columns * TOKENS;
    printf("%-7s decode %5.1f GB/s (%3.0f %% of %5.1f)  batch 4 %5.1f GB/s  prefill %6.1f GOP/s  "
           "pack %4.2f GB/s\n",
           form->name, rate, 100 * rate / probe_rate, probe_rate, rate_4,
           operations / median(seconds[2]) / 1e9, packing > 0 ? (double)bytes / packing / 1e9 : 0);
    fflush(stdout);
    tensor_area_give(packed, packed_bytes);
    tensor_area_give(data, bytes);
    for (size_t k = 0; k < 3; k++) rows_close(all[k]);
    memory_give(y);
}

int main(int count, char **arguments) {
    uint32_t threads = count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 0;
    struct team *team;
    if (team_open(threads ? threads : thread_count_usable(), &team) != OK) return 1;
    kernels = kernels_for_cpu();
    printf("%s, %u threads\n", kernels->name, team_count(team));
    for (size_t i = 0; i < TYPES; i++) {
        const char *name = tensor_form_of(types[i])->name;
        if (count <= 2 || strcmp(arguments[2], name) == 0) measure(team, types[i]);
    }
    team_close(team);
    return 0;
}
