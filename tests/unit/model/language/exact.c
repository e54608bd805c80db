// What rounding costs: every model of quantised or half weights beside the same weights as F32,
// which are computed in floats throughout. What is left is activations of 8 bits with a scale for
// each 32, and keys and values in halves; a rounding that is worse (cut off instead of to the
// nearest, one scale for 256) costs more than is allowed here.
#include <stdlib.h>

#include "check.h"
#include "model/language/model_quantise.h"
#include "model/language/network.h"
#include "support/scratch.h"
#include "support/small_language.h"

enum { V = SMALL_VOCABULARY, T = SMALL_TOKENS };

// Logits (T, V) of the tokens, in steps of `rows`.
static bool logits_of(const struct gguf *file, uint32_t rows, float *out) {
    struct fault fault = {0};
    struct network *network;
    struct cache *cache;
    struct sequence sequence;
    uint32_t tokens[T];
    if (network_open(file, 2, &network, &fault) != OK) return false;
    if (cache_open(network_cache_shape(network), 16, &cache) != OK) {
        network_close(network);
        return false;
    }
    bool well = true;
    small_language_tokens(tokens);
    sequence_open(cache, &sequence);
    for (uint32_t at = 0; at < T; at += rows) {
        struct batch_row step[T];
        uint32_t count = T - at < rows ? T - at : rows;
        for (uint32_t i = 0; i < count; i++) {
            step[i] = (struct batch_row){&sequence, at + i, tokens[at + i], true};
        }
        well &= network_step(network, step, count, out + (size_t)at * V) == OK;
    }
    sequence_close(&sequence);
    cache_close(cache);
    network_close(network);
    return well;
}

// Of a text: the mean of its rows' normalised mean squares.
static double apart(const float *got, const float *want) {
    double all = 0;
    for (size_t row = 0; row < T; row++) {
        double rest = 0, size = 0;
        for (size_t i = row * V; i < (row + 1) * V; i++) {
            rest += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
            size += (double)want[i] * want[i];
        }
        all += rest / size;
    }
    return all / T;
}

// A third above the most that any kernel was seen to cost; models of F32 weights are not listed.
static const struct {
    const char *name;
    double most;
} costs[] = {
    {"llama-F16", 6e-09},      {"llama-BF16", 5.4e-09}, {"llama-Q8_0", 0.00011},
    {"llama-Q4_0", 1.9e-05},   {"llama-Q4_1", 9.7e-05}, {"llama-Q5_0", 0.0001},
    {"llama-Q5_1", 5.7e-06},   {"llama-Q2_K", 0.00014}, {"llama-Q3_K", 0.00014},
    {"llama-Q4_K", 7.6e-05},   {"llama-Q5_K", 0.00012}, {"llama-Q6_K", 0.00012},
    {"llama-IQ4_NL", 6.3e-05}, {"qwen2-Q8_0", 0.00012}, {"qwen3-Q4_K", 0.00015},
};

static double apart_most(const struct small_language *model, const char *cpu) {
    bool rounds = strcmp(cpu, "avx512bf16") == 0 && strcmp(model->name, "llama-BF16") == 0;
    if (rounds) return 6.2e-06; // activations of many rows
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
        if (strcmp(costs[i].name, model->name) == 0) return costs[i].most;
    }
    return 1e-11;
}

static void model_check(const struct small_language *model, const char *path, const char *cpu) {
    static float got[T * V], want[T * V];
    struct quantised done;
    struct fault fault = {0};
    struct gguf *file, *floats;
    struct buf bytes;
    buf_open(&bytes, 1 << 28);
    small_language_write(model, &bytes);
    REQUIRE(gguf_view(bytes.data, bytes.size, &file, &fault) == OK);
    REQUIRE(model_quantise(file, path, TENSOR_F32, 2, NULL, &done, &fault) == OK);
    REQUIRE(gguf_open(path, &floats, &fault) == OK);
    CHECK_EQ(gguf_tensor_find(floats, STR("blk.1.ffn_down.weight"))->type, TENSOR_F32);
    REQUIRE(logits_of(floats, T, want));
    for (uint32_t rows = 1; rows <= T; rows += T - 1) {
        REQUIRE(logits_of(file, rows, got));
        double found = apart(got, want);
        if (getenv("COURTYARD_SHOW")) {
            printf("%-10s %-14s %2u %.2e\n", cpu, model->name, rows, found);
        }
        check_that(found <= apart_most(model, cpu), __FILE__, __LINE__,
                   "%s %s by %u: %g, at most %g", cpu, model->name, rows, found,
                   apart_most(model, cpu));
    }
    gguf_close(floats);
    gguf_close(file);
    buf_close(&bytes);
}

static void rounding_costs_what_its_bits_do(void) {
    static const char *const cpus[] = {"reference", "avx2", "avx512", "avx512bf16", "neon"};
    const char *before = getenv("COURTYARD_CPU");
    const char *path = scratch_path(scratch_folder(), "floats.gguf");
    for (size_t c = 0; c < sizeof cpus / sizeof *cpus; c++) {
        if (!kernels_named(cpus[c]) || (before && strcmp(before, cpus[c]) != 0)) continue;
        setenv("COURTYARD_CPU", cpus[c], 1);
        for (uint32_t i = 0; i < small_language_count; i++) {
            const struct small_language *model = &small_languages[i];
            if (strcmp(model->architecture, "bert") != 0) model_check(model, path, cpus[c]);
        }
    }
}

int main(void) {
    CHECK_RUN(rounding_costs_what_its_bits_do);
    return check_done();
}
