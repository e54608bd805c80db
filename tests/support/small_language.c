#include "support/small_language.h"

#include <stdio.h>
#include <string.h>

#include "support/gguf_writer.h"

const struct small_language small_languages[] = {
    {.name = "llama-F32", .architecture = "llama", .type = TENSOR_F32},
    {.name = "llama-F16", .architecture = "llama", .type = TENSOR_F16},
    {.name = "llama-BF16", .architecture = "llama", .type = TENSOR_BF16},
    {.name = "llama-Q8_0", .architecture = "llama", .type = TENSOR_Q8_0},
    {.name = "llama-Q4_0", .architecture = "llama", .type = TENSOR_Q4_0},
    {.name = "llama-Q4_1", .architecture = "llama", .type = TENSOR_Q4_1},
    {.name = "llama-Q5_0", .architecture = "llama", .type = TENSOR_Q5_0},
    {.name = "llama-Q5_1", .architecture = "llama", .type = TENSOR_Q5_1},
    {.name = "llama-Q2_K", .architecture = "llama", .type = TENSOR_Q2_K},
    {.name = "llama-Q3_K", .architecture = "llama", .type = TENSOR_Q3_K},
    {.name = "llama-Q4_K", .architecture = "llama", .type = TENSOR_Q4_K, .tied = true},
    {.name = "llama-Q5_K", .architecture = "llama", .type = TENSOR_Q5_K},
    {.name = "llama-Q6_K", .architecture = "llama", .type = TENSOR_Q6_K},
    {.name = "llama-IQ4_NL", .architecture = "llama", .type = TENSOR_IQ4_NL},
    {.name = "llama-linear",
     .architecture = "llama",
     .type = TENSOR_F32,
     .rope = SMALL_ROPE_LINEAR,
     .tied = true},
    {.name = "llama-yarn",
     .architecture = "llama",
     .type = TENSOR_F32,
     .rope = SMALL_ROPE_YARN,
     .tied = true},
    {.name = "llama-frequencies",
     .architecture = "llama",
     .type = TENSOR_F32,
     .rope = SMALL_ROPE_FREQUENCIES},
    {.name = "qwen2-F32", .architecture = "qwen2", .type = TENSOR_F32, .tied = true},
    {.name = "qwen2-Q8_0", .architecture = "qwen2", .type = TENSOR_Q8_0},
    {.name = "qwen2-yarn",
     .architecture = "qwen2",
     .type = TENSOR_F32,
     .rope = SMALL_ROPE_YARN,
     .tied = true},
    {.name = "qwen3-F32", .architecture = "qwen3", .type = TENSOR_F32, .tied = true},
    {.name = "qwen3-Q4_K", .architecture = "qwen3", .type = TENSOR_Q4_K},
    {.name = "bert-mean", .architecture = "bert", .type = TENSOR_F32, .pooling = 1},
    {.name = "bert-first", .architecture = "bert", .type = TENSOR_F16, .pooling = 2},
};
const uint32_t small_language_count = sizeof small_languages / sizeof small_languages[0];

const struct small_language *small_language_find(const char *name) {
    for (uint32_t i = 0; i < small_language_count; i++) {
        if (strcmp(small_languages[i].name, name) == 0) return &small_languages[i];
    }
    return NULL;
}

#define MATRIX_SIZE .1f // of most weights

// ---- numbers -----------------------------------------------------------------------------------

static uint64_t mixed(uint64_t x) { // splitmix64's finish
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static float real_at(uint64_t place) { // -1 … 1
    return (float)((double)(mixed(place) >> 40) / (double)(1 << 23) - 1);
}

// Of a normal half: the lower bits of the fraction are dropped.
static uint16_t half_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    int exponent = (int)(bits >> 23 & 0xFF) - 112;
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    if (exponent <= 0) {
        uint32_t fraction = (bits & 0x7FFFFF) | 0x800000;
        return exponent < -10 ? sign : (uint16_t)(sign | fraction >> (14 - exponent));
    }
    return (uint16_t)(sign | exponent << 10 | (bits >> 13 & 0x3FF));
}

// Where a block keeps its scale, and its second one that is taken away (or added); -1: none.
struct scales {
    int at, second_at;
    float scale, second;
};
static struct scales scales_of(uint32_t type) {
    switch (type) {
    case TENSOR_Q8_0: return (struct scales){0, -1, 9e-4f, 0};
    case TENSOR_Q4_0: return (struct scales){0, -1, 1.4e-2f, 0};
    case TENSOR_Q4_1: return (struct scales){0, 2, 1.4e-2f, -.1f};
    case TENSOR_Q5_0: return (struct scales){0, -1, 7e-3f, 0};
    case TENSOR_Q5_1: return (struct scales){0, 2, 7e-3f, -.1f};
    case TENSOR_Q2_K: return (struct scales){80, 82, 5e-3f, 7.5e-3f};
    case TENSOR_Q3_K: return (struct scales){108, -1, 1.5e-3f, 0};
    case TENSOR_Q4_K: return (struct scales){0, 2, 2.5e-4f, 1.9e-3f};
    case TENSOR_Q5_K: return (struct scales){0, 2, 1.25e-4f, 1.9e-3f};
    case TENSOR_Q6_K: return (struct scales){208, -1, 4.5e-5f, 0};
    default: return (struct scales){0, -1, 8e-4f, 0}; // IQ4_NL
    }
}

static void block_put(struct buf *out, uint32_t type, uint64_t place, float times) {
    uint8_t block[256];
    uint32_t size = tensor_form_of(type)->block_bytes;
    struct scales scales = scales_of(type);
    for (uint32_t i = 0; i < size; i++) block[i] = (uint8_t)mixed(place + i);
    float vary = times * (1 + .3f * real_at(place + 300));
    uint16_t scale = half_of(scales.scale * vary), second = half_of(scales.second * vary);
    memcpy(block + scales.at, &scale, 2);
    if (scales.second_at >= 0) memcpy(block + scales.second_at, &second, 2);
    buf_add(out, block, size);
}

static void values_put(struct buf *out, uint32_t type, uint64_t tensor, uint64_t elements,
                       float size, float centre) {
    const struct tensor_form *form = tensor_form_of(type);
    for (uint64_t i = 0; i < elements; i += form->block) {
        uint64_t place = tensor << 32 | i;
        float value = centre + size * real_at(place);
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        if (form->block > 1) {
            block_put(out, type, tensor << 32 | i * 2, size / MATRIX_SIZE);
        } else if (type != TENSOR_F16 && type != TENSOR_BF16) {
            gguf_put(out, bits, form->block_bytes);
        } else {
            gguf_put(out, type == TENSOR_F16 ? half_of(value) : bits >> 16, 2);
        }
    }
}

// ---- the file ----------------------------------------------------------------------------------

enum { TENSORS_MAX = 64 };
struct small_tensor {
    char name[48];
    uint64_t columns, rows; // rows 0: a vector
    float size, centre;
    uint32_t type;
};
struct writing {
    const struct small_language *model;
    struct small_tensor tensors[TENSORS_MAX];
    uint32_t count;
};

static void tensor_add(struct writing *w, int layer, const char *name, uint64_t rows,
                       uint64_t columns, float size, float centre) {
    struct small_tensor *tensor = &w->tensors[w->count];
    const struct small_language *model = w->model;
    if (layer >= 0) {
        snprintf(tensor->name, sizeof tensor->name, "blk.%d.%s", layer, name);
    } else {
        snprintf(tensor->name, sizeof tensor->name, "%s", name);
    }
    if (model->without && strcmp(model->without, tensor->name) == 0) return;
    if (model->narrow && strcmp(model->narrow, tensor->name) == 0) columns /= 2;
    w->count++;
    tensor->columns = columns;
    tensor->rows = rows;
    tensor->size = size;
    tensor->centre = centre;
    tensor->type = rows ? w->model->type : TENSOR_F32;
}

static void matrix_add(struct writing *w, int layer, const char *name, uint64_t rows,
                       uint64_t columns) {
    tensor_add(w, layer, name, rows, columns, MATRIX_SIZE, 0);
}

// What is added to the stream adds little to it, as in a model that was taught: the rounding of
// activations, where implementations differ, then grows no more than there.
static void residual_add(struct writing *w, int layer, const char *name, uint64_t rows,
                         uint64_t columns) {
    tensor_add(w, layer, name, rows, columns, .3f * MATRIX_SIZE, 0);
}

static void norm_add(struct writing *w, int layer, const char *name, uint64_t columns, bool bias) {
    char text[48];
    snprintf(text, sizeof text, "%s.weight", name);
    tensor_add(w, layer, text, 0, columns, .3f, 1);
    snprintf(text, sizeof text, "%s.bias", name);
    if (bias) tensor_add(w, layer, text, 0, columns, .2f, 0);
}

static void bias_add(struct writing *w, int layer, const char *name, uint64_t columns) {
    tensor_add(w, layer, name, 0, columns, .5f, 0);
}

static void layer_add(struct writing *w, int layer) {
    enum { Q = SMALL_HEADS * SMALL_HEAD_SIZE, KV = SMALL_KV_HEADS * SMALL_HEAD_SIZE };
    bool bert = strcmp(w->model->architecture, "bert") == 0;
    bool biases = bert || strcmp(w->model->architecture, "qwen2") == 0;
    uint32_t kv = bert ? Q : KV;
    if (!bert) norm_add(w, layer, "attn_norm", SMALL_WIDTH, false);
    matrix_add(w, layer, "attn_q.weight", Q, SMALL_WIDTH);
    matrix_add(w, layer, "attn_k.weight", kv, SMALL_WIDTH);
    matrix_add(w, layer, "attn_v.weight", kv, SMALL_WIDTH);
    residual_add(w, layer, "attn_output.weight", SMALL_WIDTH, Q);
    if (biases) {
        bias_add(w, layer, "attn_q.bias", Q);
        bias_add(w, layer, "attn_k.bias", kv);
        bias_add(w, layer, "attn_v.bias", kv);
    }
    if (strcmp(w->model->architecture, "qwen3") == 0) {
        norm_add(w, layer, "attn_q_norm", SMALL_HEAD_SIZE, false);
        norm_add(w, layer, "attn_k_norm", SMALL_HEAD_SIZE, false);
    }
    if (bert) {
        bias_add(w, layer, "attn_output.bias", SMALL_WIDTH);
        norm_add(w, layer, "attn_output_norm", SMALL_WIDTH, true);
        norm_add(w, layer, "layer_output_norm", SMALL_WIDTH, true);
        bias_add(w, layer, "ffn_up.bias", SMALL_INNER);
        bias_add(w, layer, "ffn_down.bias", SMALL_WIDTH);
    } else {
        norm_add(w, layer, "ffn_norm", SMALL_WIDTH, false);
        matrix_add(w, layer, "ffn_gate.weight", SMALL_INNER, SMALL_WIDTH);
    }
    matrix_add(w, layer, "ffn_up.weight", SMALL_INNER, SMALL_WIDTH);
    residual_add(w, layer, "ffn_down.weight", SMALL_WIDTH, SMALL_INNER);
}

static void tensors_add(struct writing *w) {
    bool bert = strcmp(w->model->architecture, "bert") == 0;
    tensor_add(w, -1, "token_embd.weight", SMALL_VOCABULARY, SMALL_WIDTH, 1, 0);
    if (bert) {
        tensor_add(w, -1, "position_embd.weight", SMALL_CONTEXT, SMALL_WIDTH, .5f, 0);
        tensor_add(w, -1, "token_types.weight", 2, SMALL_WIDTH, .5f, 0);
        w->tensors[w->count - 1].type = w->tensors[w->count - 2].type = TENSOR_F32;
        norm_add(w, -1, "token_embd_norm", SMALL_WIDTH, true);
    } else {
        norm_add(w, -1, "output_norm", SMALL_WIDTH, false);
        if (!w->model->tied) matrix_add(w, -1, "output.weight", SMALL_VOCABULARY, SMALL_WIDTH);
    }
    for (int layer = 0; layer < SMALL_LAYERS; layer++) layer_add(w, layer);
    if (w->model->strange) bias_add(w, -1, w->model->strange, SMALL_WIDTH);
    if (w->model->rope == SMALL_ROPE_FREQUENCIES) {
        tensor_add(w, -1, "rope_freqs.weight", 0, SMALL_HEAD_SIZE / 2, 3, 4.5f);
    }
}

static void value_real(struct buf *out, const char *name, float value) {
    gguf_put_text(out, name);
    gguf_put(out, GGUF_F32, 4);
    buf_add(out, &value, sizeof value);
}

struct small_value {
    const char *name;
    uint32_t whole;
    float real; // where not 0
    const char *text;
};

static uint32_t values_put_all(const struct small_language *model, struct buf *out) {
    bool bert = strcmp(model->architecture, "bert") == 0;
    const struct small_value values[] = {
        {"context_length", SMALL_CONTEXT, 0, NULL},
        {"embedding_length", SMALL_WIDTH, 0, NULL},
        {"block_count", SMALL_LAYERS, 0, NULL},
        {"feed_forward_length", SMALL_INNER, 0, NULL},
        {"attention.head_count", SMALL_HEADS, 0, NULL},
        {"vocab_size", SMALL_VOCABULARY, 0, NULL},
        {"attention.head_count_kv", bert ? SMALL_HEADS : SMALL_KV_HEADS, 0, NULL},
        {bert ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", 0, 1e-5f,
         NULL},
        {bert ? "pooling_type" : NULL, model->pooling, 0, NULL},
        {model->window ? "attention.sliding_window" : NULL, model->window, 0, NULL},
        {bert ? NULL : "rope.freq_base", 0, 5e4f, NULL},
        {model->rope == SMALL_ROPE_LINEAR ? "rope.scaling.type" : NULL, 0, 0, "linear"},
        {model->rope == SMALL_ROPE_YARN ? "rope.scaling.type" : NULL, 0, 0, "yarn"},
        {model->rope == SMALL_ROPE_LINEAR || model->rope == SMALL_ROPE_YARN ? "rope.scaling.factor"
                                                                            : NULL,
         0, 4, NULL},
        {model->rope == SMALL_ROPE_YARN ? "rope.scaling.original_context_length" : NULL, 32, 0,
         NULL},
    };
    uint32_t count = 2;
    char name[96];
    gguf_value_text(out, "general.architecture", model->architecture);
    gguf_value_text(out, "tokenizer.ggml.model", "no_vocab");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (!values[i].name) continue;
        if (model->value && strcmp(model->value, values[i].name) == 0) continue;
        count++;
        snprintf(name, sizeof name, "%s.%s", model->architecture, values[i].name);
        if (values[i].text) {
            gguf_value_text(out, name, values[i].text);
        } else if (values[i].real != 0) {
            value_real(out, name, values[i].real);
        } else {
            gguf_value_whole(out, name, values[i].whole);
        }
    }
    if (model->value) {
        snprintf(name, sizeof name, "%s.%s", model->architecture, model->value);
        gguf_value_whole(out, name, model->whole);
        count++;
    }
    if (bert) {
        gguf_value_whole(out, "tokenizer.ggml.token_type_count", 2);
        count++;
        gguf_put_text(out, "bert.attention.causal");
        gguf_put(out, GGUF_BOOL, 4);
        gguf_put(out, 0, 1);
        count++;
    }
    return count;
}

static uint64_t bytes_of(const struct small_tensor *tensor) {
    const struct tensor_form *form = tensor_form_of(tensor->type);
    uint64_t elements = tensor->columns * (tensor->rows ? tensor->rows : 1);
    return elements / form->block * form->block_bytes;
}

void small_language_write(const struct small_language *model, struct buf *out) {
    static struct writing w;
    w = (struct writing){.model = model};
    tensors_add(&w);
    size_t head = out->size;
    gguf_put_head(out, w.count, 0);
    uint64_t values = values_put_all(model, out), offset = 0;
    if (buf_err(out) != OK) return;
    memcpy(out->data + head + 16, &values, sizeof values);
    for (uint32_t i = 0; i < w.count; i++) {
        const struct small_tensor *tensor = &w.tensors[i];
        gguf_put_text(out, tensor->name);
        gguf_put(out, tensor->rows ? 2 : 1, 4);
        gguf_put(out, tensor->columns, 8);
        if (tensor->rows) gguf_put(out, tensor->rows, 8);
        gguf_put(out, tensor->type, 4);
        gguf_put(out, offset, 8);
        offset += (bytes_of(tensor) + 31) & ~(uint64_t)31;
    }
    gguf_align(out, 32);
    for (uint32_t i = 0; i < w.count; i++) {
        const struct small_tensor *tensor = &w.tensors[i];
        uint64_t elements = tensor->columns * (tensor->rows ? tensor->rows : 1);
        values_put(out, tensor->type, i + 1, elements, tensor->size, tensor->centre);
        gguf_align(out, 32);
    }
}

void small_language_tokens(uint32_t out[SMALL_TOKENS]) {
    for (uint32_t i = 0; i < SMALL_TOKENS; i++) out[i] = (uint32_t)(mixed(i) % SMALL_VOCABULARY);
}
