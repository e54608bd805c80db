// A language model of random weights in the shape of a known one, as an F16 file: what is measured
// is speed, and how much of an answer survives a kernel, for which no model needs to make sense.
//
//   random_model SHAPE FILE [SCALING] [words]    SHAPE: qwen05b, qwen15b, llama1b, tiny, story
// SCALING says how a context of an eighth of the shape's was stretched to it: linear, yarn, or
// frequencies (of each pair, as Llama 3 has them).
// Its vocabulary is the bytes, one merged pair, and filling up to the shape's size. `words`: real
// words instead of filling (support/large_words.h), for answers with a form,
// whose cost is the vocabulary's; its texts are still read byte by byte.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/language/model_file.h"
#include "model/language/tokenizer/tokenizer.h"
#include "support/large_words.h"

enum { PIECE = 1 << 20 };
static const struct shape {
    const char *name, *architecture;
    uint32_t vocabulary, width, inner, layers, heads, kv_heads, head_size, context;
    float base;
    bool biases;
} shapes[] = {
    {"qwen05b", "qwen2", 151936, 896, 4864, 24, 14, 2, 64, 32768, 1e6f, true},
    {"qwen15b", "qwen2", 151936, 1536, 8960, 28, 12, 2, 128, 32768, 1e6f, true},
    {"llama1b", "llama", 128256, 2048, 8192, 16, 32, 8, 64, 8192, 5e5f, false},
    {"tiny", "qwen2", 1024, 256, 768, 4, 4, 2, 64, 2048, 1e6f, true},
    {"story", "llama", 1024, 256, 768, 4, 4, 2, 64, 2048, 1e4f, false},
};
enum { STRETCHED = 8 };
static const char *scaling = ""; // or linear, yarn, frequencies
static struct large_words words; // none: filling

static struct fault fault;
static void must(enum err err) {
    if (err == OK) return;
    fprintf(stderr, "random_model: %s %s\n", fault.code, fault.detail);
    exit(1);
}

// ---- values ------------------------------------------------------------------------------------

static void whole(struct model_file *file, const struct shape *s, const char *name,
                  uint32_t value) {
    char text[96];
    snprintf(text, sizeof text, "%s.%s", s->architecture, name);
    gguf_head_whole(model_file_head(file), text, value);
}

static void real(struct model_file *file, const struct shape *s, const char *name, float value) {
    char text[96];
    snprintf(text, sizeof text, "%s.%s", s->architecture, name);
    gguf_head_real(model_file_head(file), text, value);
}

static void text_add(struct buf *out, const char *text, size_t size) {
    uint64_t length = size;
    buf_add(out, &length, sizeof length);
    buf_add(out, text, size);
}

// The character that stands for a byte in vocabularies of byte pairs: printable ones for
// themselves, the others are counted up from 256.
static size_t byte_text(uint32_t byte, char *out) {
    uint32_t code = byte, next = 256;
    for (uint32_t b = 0; b <= byte; b++) {
        bool own = (b > 0x20 && b < 0x7F) || (b > 0xA0 && b != 0xAD);
        if (b == byte && !own) code = next;
        if (!own) next++;
    }
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    out[0] = (char)(0xC0 | code >> 6);
    out[1] = (char)(0x80 | (code & 63));
    return 2;
}

enum { TOKEN_MERGED = 256, TOKEN_END, TOKEN_FIRST, TOKEN_TEXT_MAX = 256 };

static bool token_is_word(uint32_t token) {
    return token >= TOKEN_FIRST && token - TOKEN_FIRST < words.count;
}

static size_t token_text(uint32_t token, char out[TOKEN_TEXT_MAX]) {
    if (token < TOKEN_MERGED) return byte_text(token, out);
    if (token_is_word(token)) {
        struct str word = large_words_at(&words, token - TOKEN_FIRST);
        size_t size = 0;
        for (size_t i = 0; i < word.size; i++) size += byte_text((uint8_t)word.data[i], out + size);
        return size;
    }
    const char *form = token == TOKEN_MERGED ? "th" : token == TOKEN_END ? "<|end|>" : NULL;
    return (size_t)(form ? snprintf(out, TOKEN_TEXT_MAX, "%s", form)
                         : snprintf(out, TOKEN_TEXT_MAX, "<|pad%u|>", token));
}

static void vocabulary_write(struct model_file *file, const struct shape *s) {
    struct buf tokens, kinds, merges;
    buf_open(&tokens, 1 << 26);
    buf_open(&kinds, 1 << 24);
    buf_open(&merges, 1 << 10);
    for (uint32_t i = 0; i < s->vocabulary; i++) {
        char text[TOKEN_TEXT_MAX];
        bool normal = i < TOKEN_END || token_is_word(i);
        int32_t kind = normal ? TOKEN_NORMAL : i == TOKEN_END ? TOKEN_CONTROL : TOKEN_UNUSED;
        text_add(&tokens, text, token_text(i, text));
        buf_add(&kinds, &kind, sizeof kind);
    }
    text_add(&merges, "t h", 3);
    gguf_head_text(model_file_head(file), "tokenizer.ggml.model", STR("gpt2"));
    gguf_head_text(model_file_head(file), "tokenizer.ggml.pre", STR("gpt-2"));
    gguf_head_array(model_file_head(file), "tokenizer.ggml.tokens", GGUF_TEXT, s->vocabulary,
                    buf_str(&tokens));
    gguf_head_array(model_file_head(file), "tokenizer.ggml.token_type", GGUF_I32, s->vocabulary,
                    buf_str(&kinds));
    gguf_head_array(model_file_head(file), "tokenizer.ggml.merges", GGUF_TEXT, 1, buf_str(&merges));
    gguf_head_whole(model_file_head(file), "tokenizer.ggml.bos_token_id", TOKEN_END);
    gguf_head_whole(model_file_head(file), "tokenizer.ggml.eos_token_id", TOKEN_END);
    gguf_head_bool(model_file_head(file), "tokenizer.ggml.add_bos_token", false);
    buf_close(&tokens);
    buf_close(&kinds);
    buf_close(&merges);
}

static void values_write(struct model_file *file, const struct shape *s) {
    gguf_head_text(model_file_head(file), "general.architecture", str_of(s->architecture));
    gguf_head_text(model_file_head(file), "general.name", str_of(s->name));
    gguf_head_whole(model_file_head(file), "general.file_type", 1);
    whole(file, s, "vocab_size", s->vocabulary);
    whole(file, s, "context_length", s->context);
    whole(file, s, "embedding_length", s->width);
    whole(file, s, "feed_forward_length", s->inner);
    whole(file, s, "block_count", s->layers);
    whole(file, s, "attention.head_count", s->heads);
    whole(file, s, "attention.head_count_kv", s->kv_heads);
    if (!s->biases) whole(file, s, "rope.dimension_count", s->head_size);
    real(file, s, "rope.freq_base", s->base);
    real(file, s, "attention.layer_norm_rms_epsilon", 1e-6f);
    if (strcmp(scaling, "linear") == 0 || strcmp(scaling, "yarn") == 0) {
        char name[96];
        snprintf(name, sizeof name, "%s.rope.scaling.type", s->architecture);
        gguf_head_text(model_file_head(file), name, str_of(scaling));
        real(file, s, "rope.scaling.factor", STRETCHED);
        whole(file, s, "rope.scaling.original_context_length", s->context / STRETCHED);
    }
    vocabulary_write(file, s);
}

// ---- tensors -----------------------------------------------------------------------------------

struct random_tensor {
    char name[64];
    uint64_t rows, columns; // rows 0: a vector of floats
    float size, centre;
};
struct tensors {
    struct random_tensor *list;
    uint32_t count;
};

static void add(struct tensors *t, int layer, const char *name, uint64_t rows, uint64_t columns,
                float size, float centre) {
    struct random_tensor *tensor = &t->list[t->count++];
    *tensor = (struct random_tensor){{0}, rows, columns, size, centre};
    if (layer < 0) {
        snprintf(tensor->name, sizeof tensor->name, "%s", name);
    } else {
        snprintf(tensor->name, sizeof tensor->name, "blk.%d.%s", layer, name);
    }
}

static void matrix(struct tensors *t, int layer, const char *name, uint64_t rows,
                   uint64_t columns) {
    add(t, layer, name, rows, columns, 1 / sqrtf((float)columns), 0);
}

static void layer_add(struct tensors *t, const struct shape *s, int layer) {
    uint64_t queries = (uint64_t)s->heads * s->head_size;
    uint64_t keys = (uint64_t)s->kv_heads * s->head_size;
    add(t, layer, "attn_norm.weight", 0, s->width, 0, 1);
    add(t, layer, "ffn_norm.weight", 0, s->width, 0, 1);
    matrix(t, layer, "attn_q.weight", queries, s->width);
    matrix(t, layer, "attn_k.weight", keys, s->width);
    matrix(t, layer, "attn_v.weight", keys, s->width);
    matrix(t, layer, "attn_output.weight", s->width, queries);
    if (s->biases) {
        add(t, layer, "attn_q.bias", 0, queries, .02f, 0);
        add(t, layer, "attn_k.bias", 0, keys, .02f, 0);
        add(t, layer, "attn_v.bias", 0, keys, .02f, 0);
    }
    matrix(t, layer, "ffn_gate.weight", s->inner, s->width);
    matrix(t, layer, "ffn_up.weight", s->inner, s->width);
    matrix(t, layer, "ffn_down.weight", s->width, s->inner);
}

static uint64_t state = 1;
// Nearly normal: the sum of four even ones, of variance 1.
static float random_real(void) {
    uint64_t x = state += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    x ^= x >> 31;
    int64_t sum = (int64_t)(x & 0xFFFF) + (int64_t)(x >> 16 & 0xFFFF) +
                  (int64_t)(x >> 32 & 0xFFFF) + (int64_t)(x >> 48);
    return (float)(sum - 2 * 0xFFFF) * (1.7320508f / 0xFFFF);
}

// What each pair's speed is divided by. Source: Llama 3.1's config.json, "rope_type": "llama3",
// with low_freq_factor 1 and high_freq_factor 4.
static void factors_write(struct model_file *file, const struct shape *s) {
    float factors[512];
    double context = (double)s->context / STRETCHED;
    uint32_t pairs = s->head_size / 2;
    for (uint32_t i = 0; i < pairs; i++) {
        double turns = context * pow((double)s->base, -1.0 * i / pairs) / (2 * 3.14159265358979);
        double kept = turns < 1 ? 0 : turns > 4 ? 1 : (turns - 1) / 3;
        factors[i] = (float)(1 / ((1 - kept) / STRETCHED + kept));
    }
    must(model_file_bytes_put(file, factors, pairs * sizeof *factors, &fault));
}

static void tensor_write(struct model_file *file, const struct random_tensor *tensor) {
    static uint8_t bytes[PIECE * sizeof(float)];
    uint64_t left = tensor->columns * (tensor->rows ? tensor->rows : 1);
    size_t each = tensor->rows ? 2 : 4;
    while (left > 0) {
        size_t count = left < PIECE ? (size_t)left : PIECE;
        for (size_t i = 0; i < count; i++) {
            float value = tensor->centre + (tensor->size > 0 ? tensor->size * random_real() : 0);
            uint16_t half = tensor_to_f16(value);
            memcpy(bytes + i * each, tensor->rows ? (void *)&half : (void *)&value, each);
        }
        must(model_file_bytes_put(file, bytes, count * each, &fault));
        left -= count;
    }
}

static void model_write(const struct shape *s, struct tensors *t, const char *path) {
    struct model_file *file;
    must(model_file_open(path, &file, &fault));
    values_write(file, s);
    for (uint32_t i = 0; i < t->count; i++) {
        const struct random_tensor *tensor = &t->list[i];
        uint64_t size[GGUF_DIMENSIONS] = {tensor->columns, tensor->rows, 1, 1};
        model_file_tensor(file, str_of(tensor->name), tensor->rows ? TENSOR_F16 : TENSOR_F32,
                          tensor->rows ? 2 : 1, size);
    }
    bool factors = strcmp(scaling, "frequencies") == 0;
    uint64_t pairs[GGUF_DIMENSIONS] = {s->head_size / 2, 1, 1, 1};
    if (factors) model_file_tensor(file, STR("rope_freqs.weight"), TENSOR_F32, 1, pairs);
    must(model_file_begin(file, &fault));
    for (uint32_t i = 0; i < t->count; i++) tensor_write(file, &t->list[i]);
    if (factors) factors_write(file, s);
    must(model_file_keep(file, &fault));
    model_file_close(file);
}

int main(int argc, char **argv) {
    const struct shape *s = NULL;
    bool wordy = argc > 3 && strcmp(argv[argc - 1], "words") == 0;
    argc -= wordy;
    if (argc == 4) scaling = argv[3];
    for (size_t i = 0; argc >= 3 && i < sizeof shapes / sizeof *shapes; i++) {
        if (strcmp(shapes[i].name, argv[1]) == 0) s = &shapes[i];
    }
    if (!s) {
        fprintf(stderr, "usage: random_model SHAPE FILE [SCALING] [words]\n");
        return 2;
    }
    if (wordy && !large_words_open(&words)) {
        fprintf(stderr, "random_model: the vocabularies are not there\n");
        return 1;
    }
    struct tensors t = {calloc(2 + 16 * (size_t)s->layers, sizeof *t.list), 0};
    if (!t.list) return 1;
    add(&t, -1, "token_embd.weight", s->vocabulary, s->width, .02f, 0);
    add(&t, -1, "output_norm.weight", 0, s->width, 0, 1);
    for (uint32_t layer = 0; layer < s->layers; layer++) layer_add(&t, s, (int)layer);
    model_write(s, &t, argv[2]);
    free(t.list);
    if (wordy) large_words_close(&words);
    return 0;
}
