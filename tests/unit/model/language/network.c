// Networks: the logits of every architecture and type beside what llama.cpp computes from the same
// bytes, batches beside single rows, prompts beside single tokens, shared beginnings; and files in
// which one thing is wrong.
#include "model/language/network.h"

#include "base/memory.h"
#include "check.h"
#include "support/small_language.h"

enum { V = SMALL_VOCABULARY, T = SMALL_TOKENS };

struct opened {
    struct buf bytes;
    struct gguf *file;
    struct network *network;
    struct cache *cache;
};

static bool model_open(struct opened *o, const struct small_language *model) {
    struct fault fault = {0};
    *o = (struct opened){0};
    buf_open(&o->bytes, 1 << 28);
    small_language_write(model, &o->bytes);
    if (gguf_view(o->bytes.data, o->bytes.size, &o->file, &fault) != OK ||
        network_open(o->file, 2, &o->network, &fault) != OK) {
        return check_that(false, __FILE__, __LINE__, "%s: %s %s", model->name, fault.code,
                          fault.detail);
    }
    if (network_about(o->network)->encodes) return true;
    return cache_open(network_cache_shape(o->network), 16, &o->cache) == OK;
}

static void model_close(struct opened *o) {
    cache_close(o->cache);
    network_close(o->network);
    gguf_close(o->file);
    buf_close(&o->bytes);
}

// Tokens [from, to) of a text as one step, with the logits of all.
static void text_step(struct opened *o, struct sequence *sequence, const uint32_t *tokens,
                      uint32_t from, uint32_t to, float *logits) {
    struct batch_row rows[T];
    for (uint32_t i = from; i < to; i++) {
        rows[i - from] = (struct batch_row){sequence, i, tokens[i], true};
    }
    CHECK(network_step(o->network, rows, to - from, logits) == OK);
}

// Mean square of the difference over that of what is wanted.
static double nmse(const float *got, const float *want, size_t count) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        size += (double)want[i] * want[i];
    }
    return difference / size;
}

static uint32_t likeliest(const float *logits) {
    uint32_t most = 0;
    for (uint32_t i = 1; i < V; i++) {
        if (logits[i] > logits[most]) most = i;
    }
    return most;
}

// ---- beside another implementation -------------------------------------------------------------

static double tolerance_of(const struct small_language *model) {
    return tensor_form_of(model->type)->block > 1 ? 1e-3 : 1e-5;
}

static void near(const struct small_language *model, const char *what, const float *got,
                 const float *want, size_t count) {
    double error = nmse(got, want, count), most = tolerance_of(model);
    if (getenv("COURTYARD_SHOW")) printf("%-20s %-6s %.2e\n", model->name, what, error);
    check_that(error <= most, __FILE__, __LINE__, "%s %s: nmse %g, at most %g", model->name, what,
               error, most);
}

static void decoder_check(struct opened *o, const struct small_language *model,
                          const struct small_expected *expected) {
    static float logits[T * V];
    uint32_t tokens[T];
    struct sequence sequence;
    small_language_tokens(tokens);
    sequence_open(o->cache, &sequence);
    text_step(o, &sequence, tokens, 0, T, logits);
    near(model, "early", logits + SMALL_EARLY * V, expected->logits, V);
    near(model, "late", logits + (T - 1) * V, expected->logits + V, V);
    memcpy(logits, logits + (T - 1) * V, V * sizeof *logits);
    for (uint32_t i = 0; i < SMALL_ON && expected->on[i] < V; i++) {
        struct batch_row row = {&sequence, T + i, likeliest(logits), true};
        check_that(row.token == expected->on[i], __FILE__, __LINE__, "%s: token %u is %u, not %u",
                   model->name, i, row.token, expected->on[i]);
        if (row.token != expected->on[i]) break;
        CHECK(network_step(o->network, &row, 1, logits) == OK);
    }
    sequence_close(&sequence);
}

static void computes_what_others_do(void) {
    uint32_t tokens[T];
    float vector[SMALL_WIDTH];
    struct fault fault = {0};
    struct opened o;
    small_language_tokens(tokens);
    for (uint32_t i = 0; i < small_language_count; i++) {
        const struct small_language *model = &small_languages[i];
        if (model_open(&o, model) && o.cache) decoder_check(&o, model, &small_expected[i]);
        if (o.network && network_about(o.network)->encodes) {
            CHECK(network_embed(o.network, tokens, T, vector, &fault) == OK);
            near(model, "vector", vector, small_expected[i].logits, 2 * V);
        }
        model_close(&o);
    }
}

// ---- one text, computed in different ways ------------------------------------------------------

static const char *const ways[] = {"llama-F32", "llama-Q4_K", "qwen2-Q8_0", "qwen3-F32"};
enum { WAYS = sizeof ways / sizeof ways[0] };

// Sums of many rows may be in another order: where activations are quantised, a rounding then falls
// to the other side now and then.
static double apart_most(const struct small_language *model) {
    return tensor_form_of(model->type)->block > 1 ? 1e-3 : 1e-9;
}

static void pieces_are_as_the_whole(void) {
    static float whole[T * V], pieces[T * V];
    uint32_t tokens[T];
    struct sequence sequence;
    struct opened o;
    small_language_tokens(tokens);
    for (uint32_t i = 0; i < WAYS; i++) {
        const struct small_language *model = small_language_find(ways[i]);
        REQUIRE(model_open(&o, model));
        sequence_open(o.cache, &sequence);
        text_step(&o, &sequence, tokens, 0, T, whole);
        CHECK_EQ(sequence.length, T);
        for (uint32_t size = 1; size <= 17; size += 8) {
            sequence_cut(&sequence, 0);
            for (uint32_t at = 0; at < T; at += size) {
                uint32_t end = at + size < T ? at + size : T;
                text_step(&o, &sequence, tokens, at, end, pieces + at * V);
            }
            CHECK_NEAR(nmse(pieces, whole, T * V), 0, apart_most(model));
        }
        sequence_cut(&sequence, 20); // as if the rest had been a guess
        text_step(&o, &sequence, tokens, 20, 30, pieces);
        CHECK_NEAR(nmse(pieces, whole + 20 * V, 10 * V), 0, apart_most(model));
        sequence_close(&sequence);
        sequence_open(o.cache, &sequence);
        sequence_share(&sequence, tokens, T);
        CHECK_EQ(sequence.length, 32);
        text_step(&o, &sequence, tokens, 32, T, pieces);
        CHECK_NEAR(nmse(pieces, whole + 32 * V, (T - 32) * V), 0, apart_most(model));
        sequence_close(&sequence);
        model_close(&o);
    }
}

// Some sequences in one step, some rows each, beside each of them alone.
static void many_are_as_each_alone(void) {
    enum { COUNT = 5 };
    static float alone[COUNT][T * V], together[COUNT * T * V];
    static const uint32_t steps[][COUNT] = {{3, 1, 0, 9, 2}, {1, 1, 1, 1, 1}, {0, 7, 20, 1, 1}};
    uint32_t tokens[T], count[COUNT] = {0};
    struct sequence sequences[COUNT], single;
    struct batch_row rows[COUNT * T];
    struct opened o;
    small_language_tokens(tokens);
    for (uint32_t w = 0; w < WAYS; w++) {
        const struct small_language *model = small_language_find(ways[w]);
        REQUIRE(model_open(&o, model));
        for (uint32_t s = 0; s < COUNT; s++) {
            count[s] = 0;
            sequence_open(o.cache, &single);
            text_step(&o, &single, tokens + s, 0, T - COUNT, alone[s]);
            sequence_close(&single);
            sequence_open(o.cache, &sequences[s]);
        }
        for (uint32_t step = 0; step < 3; step++) {
            uint32_t row_count = 0, at = 0;
            for (uint32_t s = 0; s < COUNT; s++) {
                for (uint32_t i = 0; i < steps[step][s]; i++, row_count++) {
                    uint32_t place = count[s] + i;
                    rows[row_count] = (struct batch_row){&sequences[s], place, tokens[s + place],
                                                         i + 1 == steps[step][s]};
                }
            }
            CHECK(network_step(o.network, rows, row_count, together) == OK);
            for (uint32_t s = 0; s < COUNT; s++) {
                count[s] += steps[step][s];
                CHECK_EQ(sequences[s].length, count[s]);
                if (!steps[step][s]) continue;
                CHECK_NEAR(nmse(together + at++ * V, alone[s] + (count[s] - 1) * V, V), 0,
                           apart_most(model));
            }
        }
        for (uint32_t s = 0; s < COUNT; s++) sequence_close(&sequences[s]);
        model_close(&o);
    }
}

static void teams_of_any_size_agree(void) {
    static float one[T * V], more[T * V];
    uint32_t tokens[T];
    struct sequence sequence;
    struct fault fault = {0};
    struct opened o;
    small_language_tokens(tokens);
    REQUIRE(model_open(&o, small_language_find("llama-Q4_K")));
    for (uint32_t threads = 1; threads <= 5; threads += 2) {
        network_close(o.network);
        REQUIRE(network_open(o.file, threads, &o.network, &fault) == OK);
        sequence_open(o.cache, &sequence);
        text_step(&o, &sequence, tokens, 0, 30, threads == 1 ? one : more);
        for (uint32_t i = 30; i < T; i++) {
            text_step(&o, &sequence, tokens, i, i + 1, (threads == 1 ? one : more) + i * V);
        }
        sequence_close(&sequence);
        if (threads > 1) CHECK(memcmp(one, more, sizeof one) == 0);
    }
    model_close(&o);
}

// Two layers that look back eight tokens each see fifteen in all.
static void a_window_ends_what_is_seen(void) {
    static float logits[2][T * V];
    uint32_t tokens[T];
    struct sequence sequence;
    struct opened o;
    struct small_language model = {.name = "window", .architecture = "llama", .window = 8};
    REQUIRE(model_open(&o, &model));
    CHECK_EQ(network_about(o.network)->window, 8);
    for (uint32_t i = 0; i < 2; i++) {
        small_language_tokens(tokens);
        tokens[20] = i;
        sequence_open(o.cache, &sequence);
        text_step(&o, &sequence, tokens, 0, 36, logits[i]); // in one piece, then one by one
        for (uint32_t t = 36; t < T; t++) {
            text_step(&o, &sequence, tokens, t, t + 1, logits[i] + t * V);
        }
        sequence_close(&sequence);
    }
    CHECK(nmse(logits[0] + 34 * V, logits[1] + 34 * V, V) > 1e-6);
    CHECK(memcmp(logits[0] + 35 * V, logits[1] + 35 * V, (T - 35) * V * sizeof(float)) == 0);
    CHECK(memcmp(logits[0], logits[1], 20 * V * sizeof(float)) == 0);
    model_close(&o);
}

static void a_full_cache_changes_nothing(void) {
    static float logits[T * V];
    uint32_t tokens[T];
    struct sequence a, b;
    struct opened o;
    small_language_tokens(tokens);
    REQUIRE(model_open(&o, small_language_find("llama-F32")));
    cache_close(o.cache);
    REQUIRE(cache_open(network_cache_shape(o.network), 2, &o.cache) == OK);
    sequence_open(o.cache, &a);
    sequence_open(o.cache, &b);
    text_step(&o, &a, tokens, 0, 31, logits);
    text_step(&o, &b, tokens + 3, 0, 5, logits);
    struct batch_row rows[3] = {
        {&b, 5, 1, true}, {&a, 31, 1, true}, {&a, 32, 1, true}}; // the last has no page
    CHECK(network_step(o.network, rows, 3, logits) == ERR_LIMIT);
    CHECK(a.length == 31 && b.length == 5);
    CHECK(network_step(o.network, rows, 2, logits) == OK);
    CHECK(a.length == 32 && b.length == 6);
    sequence_close(&a);
    sequence_close(&b);
    model_close(&o);
}

// ---- files with something wrong ----------------------------------------------------------------

static void refused(struct small_language model, const char *code, const char *detail) {
    struct network *network;
    struct network_about about;
    struct gguf *file;
    struct fault fault = {0};
    struct buf bytes;
    buf_open(&bytes, 1 << 28);
    small_language_write(&model, &bytes);
    REQUIRE(gguf_view(bytes.data, bytes.size, &file, &fault) == OK);
    enum err err = network_open(file, 1, &network, &fault);
    CHECK(err != OK && !network);
    CHECK_STR(fault.code, code);
    CHECK_STR(fault.detail, detail);
    CHECK(network_look(file, &about, &fault) == err);
    gguf_close(file);
    buf_close(&bytes);
}

static void names_the_tensor_that_is_wrong(void) {
    static const char *const needed[] = {
        "token_embd.weight",      "output_norm.weight",    "blk.0.attn_q.weight",
        "blk.1.attn_k.weight",    "blk.1.attn_v.weight",   "blk.0.attn_output.weight",
        "blk.1.attn_norm.weight", "blk.0.ffn_norm.weight", "blk.0.ffn_gate.weight",
        "blk.1.ffn_up.weight",    "blk.1.ffn_down.weight"};
    static const char *const biases[] = {"blk.0.attn_q.bias", "blk.1.attn_v.bias"};
    struct small_language model = {.name = "wrong", .architecture = "llama", .tied = true};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        model.without = needed[i];
        refused(model, "network.missing", needed[i]);
        model.without = NULL;
        model.narrow = needed[i];
        refused(model, "network.shape", needed[i]);
        model.narrow = NULL;
    }
    model.strange = "blk.0.attn_gate.weight";
    refused(model, "network.unknown", model.strange);
    model.strange = "blk.2.attn_q.weight";
    refused(model, "network.unknown", model.strange);
    for (size_t i = 0; i < 2; i++) {
        struct small_language qwen = {.architecture = "qwen2", .without = biases[i]};
        refused(qwen, "network.missing", biases[i]);
    }
    refused((struct small_language){.architecture = "qwen3", .without = "blk.1.attn_k_norm.weight"},
            "network.missing", "blk.1.attn_k_norm.weight");
    refused((struct small_language){.architecture = "bert",
                                    .pooling = 1,
                                    .narrow = "position_embd.weight"},
            "network.shape", "position_embd.weight");
    refused((struct small_language){.architecture = "mamba"}, "network.architecture", "mamba");
    refused((struct small_language){.architecture = "llama", .type = TENSOR_I32}, "network.type",
            "token_embd.weight");
}

static void refuses_absurd_numbers(void) {
    static const struct {
        const char *name;
        uint32_t whole;
        const char *code, *detail;
    } cases[] = {
        {"attention.head_count", 0, "network.value", "llama.attention.head_count"},
        {"attention.head_count", 4000000000u, "network.value", "llama.attention.head_count"},
        {"attention.head_count_kv", 3, "network.value", "llama.attention.head_count_kv"},
        {"attention.head_count_kv", 8, "network.value", "llama.attention.head_count_kv"},
        {"attention.head_count", 3, "network.value", "llama.attention.head_count_kv"},
        {"attention.head_count", 2, "network.shape", "blk.0.attn_k.weight"},
        {"attention.key_length", 63, "network.value", "llama.attention.value_length"},
        {"attention.value_length", 32, "network.value", "llama.attention.value_length"},
        {"attention.key_length", 1 << 20, "network.value", "llama.attention.key_length"},
        {"block_count", 0, "network.value", "llama.block_count"},
        {"block_count", 3, "network.missing", "blk.2.attn_norm.weight"},
        {"block_count", 1 << 30, "network.value", "llama.block_count"},
        {"embedding_length", 128, "network.shape", "token_embd.weight"},
        {"feed_forward_length", 0, "network.value", "llama.feed_forward_length"},
        {"context_length", 0, "network.value", "llama.context_length"},
        {"rope.dimension_count", 65, "network.value", "llama.rope.dimension_count"},
        {"rope.dimension_count", 33, "network.value", "llama.rope.dimension_count"},
        {"rope.freq_base", 0, "network.value", "llama.rope.freq_base"},
        {"attention.layer_norm_rms_epsilon", 7, "network.value",
         "llama.attention.layer_norm_rms_epsilon"},
        {"expert_count", 8, "network.experts", "llama.expert_count"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct small_language model = {
            .architecture = "llama", .value = cases[i].name, .whole = cases[i].whole};
        refused(model, cases[i].code, cases[i].detail);
    }
}

static void lack_of_memory_is_told(void) {
    struct network *network;
    struct gguf *file;
    struct fault fault = {0};
    struct buf bytes;
    buf_open(&bytes, 1 << 28);
    small_language_write(small_language_find("qwen2-Q8_0"), &bytes);
    REQUIRE(gguf_view(bytes.data, bytes.size, &file, &fault) == OK);
    uint32_t n = 0;
    for (; n < 200; n++) {
        fault = (struct fault){0};
        memory_fail_after(n);
        enum err err = network_open(file, 2, &network, &fault);
        memory_fail_after(UINT64_MAX);
        if (err == OK) break;
        CHECK(err == ERR_MEMORY && !network);
        CHECK_STR(fault.code, "predict.no_memory");
    }
    CHECK(n > 5 && n < 200);
    network_close(network);
    gguf_close(file);
    buf_close(&bytes);
}

static void encoders_and_decoders_differ(void) {
    uint32_t tokens[T];
    float vector[SMALL_WIDTH];
    struct fault fault = {0};
    struct opened o;
    small_language_tokens(tokens);
    REQUIRE(model_open(&o, small_language_find("llama-F32")));
    CHECK(network_embed(o.network, tokens, 3, vector, &fault) == ERR_INPUT);
    CHECK_STR(fault.code, "network.embeds_not");
    model_close(&o);
    REQUIRE(model_open(&o, small_language_find("bert-mean")));
    fault = (struct fault){0};
    CHECK(network_embed(o.network, tokens, SMALL_CONTEXT + 1, vector, &fault) == ERR_LIMIT);
    CHECK_STR(fault.code, "network.too_long");
    CHECK(network_embed(o.network, tokens, 1, vector, &fault) == OK);
    double square = 0;
    for (uint32_t i = 0; i < SMALL_WIDTH; i++) square += (double)vector[i] * vector[i];
    CHECK_NEAR(square, 1, 1e-5);
    model_close(&o);
}

int main(void) {
    CHECK_RUN(computes_what_others_do);
    CHECK_RUN(pieces_are_as_the_whole);
    CHECK_RUN(many_are_as_each_alone);
    CHECK_RUN(teams_of_any_size_agree);
    CHECK_RUN(a_window_ends_what_is_seen);
    CHECK_RUN(a_full_cache_changes_nothing);
    CHECK_RUN(names_the_tensor_that_is_wrong);
    CHECK_RUN(refuses_absurd_numbers);
    CHECK_RUN(lack_of_memory_is_told);
    CHECK_RUN(encoders_and_decoders_differ);
    return check_done();
}
