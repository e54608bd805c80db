// From a file's values and tensors to a network's shape and weights. Two tables say all there is to
// know about an architecture: what it does, and which tensors of which shape it is made of. A
// tensor that is missing, of a wrong shape, or not understood is refused by its name: a guess would
// make answers worse without a sign of it.
#include <stdio.h>

#include "base/buf.h"
#include "model/language/network_private.h"
#include "model/language/tokenizer/tokenizer.h"

enum { LLAMA = 1, QWEN2 = 2, QWEN3 = 4, BERT = 8, DECODERS = LLAMA | QWEN2 | QWEN3, ALL = 15 };
enum { KINDS_MAX = 16 };

static const struct architecture {
    const char *name; // in the file, and in front of the names of its values
    uint8_t bit;
    bool halves; // how it rotates
    bool encodes;
    const char *epsilon;
} architectures[] = {
    {"llama", LLAMA, false, false, "attention.layer_norm_rms_epsilon"},
    {"qwen2", QWEN2, true, false, "attention.layer_norm_rms_epsilon"},
    {"qwen3", QWEN3, true, false, "attention.layer_norm_rms_epsilon"},
    {"bert", BERT, false, true, "attention.layer_norm_epsilon"},
};

enum dimension { ONE, WIDTH, INNER, QUERIES, KEYS, HEAD, VOCABULARY, CONTEXT, KINDS, ROPE_PAIRS };
struct part {
    const char *name;
    size_t at;                    // in struct layer or struct weights
    enum dimension rows, columns; // rows ONE: a vector of floats, or else a matrix
    uint8_t needed, may;          // by which architectures
    bool floats;                  // a table that is looked up, not multiplied
};
#define OF_LAYER(member) offsetof(struct layer, member)
#define OF_ALL(member) offsetof(struct weights, member)

static const struct part all_parts[] = {
    {"token_embd.weight", OF_ALL(embedding), VOCABULARY, WIDTH, ALL, 0, false},
    {"output.weight", OF_ALL(head), VOCABULARY, WIDTH, 0, DECODERS, false},
    {"output_norm.weight", OF_ALL(norm), ONE, WIDTH, DECODERS, 0, false},
    {"token_embd_norm.weight", OF_ALL(norm), ONE, WIDTH, BERT, 0, false},
    {"token_embd_norm.bias", OF_ALL(norm_bias), ONE, WIDTH, BERT, 0, false},
    {"position_embd.weight", OF_ALL(positions), CONTEXT, WIDTH, BERT, 0, true},
    {"token_types.weight", OF_ALL(kinds), KINDS, WIDTH, 0, BERT, true},
    {"rope_freqs.weight", OF_ALL(rope_factors), ONE, ROPE_PAIRS, 0, DECODERS, false},
};
static const struct part layer_parts[] = {
    {"attn_norm.weight", OF_LAYER(attention_norm), ONE, WIDTH, DECODERS, 0, false},
    {"attn_q.weight", OF_LAYER(query), QUERIES, WIDTH, ALL, 0, false},
    {"attn_k.weight", OF_LAYER(key), KEYS, WIDTH, ALL, 0, false},
    {"attn_v.weight", OF_LAYER(value), KEYS, WIDTH, ALL, 0, false},
    {"attn_output.weight", OF_LAYER(output), WIDTH, QUERIES, ALL, 0, false},
    {"attn_q.bias", OF_LAYER(query_bias), ONE, QUERIES, QWEN2 | BERT, LLAMA | QWEN3, false},
    {"attn_k.bias", OF_LAYER(key_bias), ONE, KEYS, QWEN2 | BERT, LLAMA | QWEN3, false},
    {"attn_v.bias", OF_LAYER(value_bias), ONE, KEYS, QWEN2 | BERT, LLAMA | QWEN3, false},
    {"attn_output.bias", OF_LAYER(output_bias), ONE, WIDTH, BERT, DECODERS, false},
    {"attn_q_norm.weight", OF_LAYER(query_norm), ONE, HEAD, QWEN3, 0, false},
    {"attn_k_norm.weight", OF_LAYER(key_norm), ONE, HEAD, QWEN3, 0, false},
    {"ffn_norm.weight", OF_LAYER(inner_norm), ONE, WIDTH, DECODERS, 0, false},
    {"ffn_gate.weight", OF_LAYER(gate), INNER, WIDTH, DECODERS, 0, false},
    {"ffn_up.weight", OF_LAYER(up), INNER, WIDTH, ALL, 0, false},
    {"ffn_down.weight", OF_LAYER(down), WIDTH, INNER, ALL, 0, false},
    {"ffn_gate.bias", OF_LAYER(gate_bias), ONE, INNER, 0, DECODERS, false},
    {"ffn_up.bias", OF_LAYER(up_bias), ONE, INNER, BERT, DECODERS, false},
    {"ffn_down.bias", OF_LAYER(down_bias), ONE, WIDTH, BERT, DECODERS, false},
    {"attn_output_norm.weight", OF_LAYER(attention_norm), ONE, WIDTH, BERT, 0, false},
    {"attn_output_norm.bias", OF_LAYER(attention_norm_bias), ONE, WIDTH, BERT, 0, false},
    {"layer_output_norm.weight", OF_LAYER(inner_norm), ONE, WIDTH, BERT, 0, false},
    {"layer_output_norm.bias", OF_LAYER(inner_norm_bias), ONE, WIDTH, BERT, 0, false},
};
enum {
    ALL_PARTS = sizeof all_parts / sizeof all_parts[0],
    LAYER_PARTS = sizeof layer_parts / sizeof layer_parts[0]
};

struct reading {
    struct network *network;
    const struct gguf *file;
    const struct architecture *architecture;
    struct fault *fault;
    uint32_t used; // tensors
    uint64_t bytes_by_type[64];
};

struct str network_value_name(const struct network *network, const char *name, char out[96]) {
    snprintf(out, 96, "%s.%s", network->about.architecture, name);
    return str_of(out);
}

// ---- values ------------------------------------------------------------------------------------

static enum err architecture_find(struct reading *r) {
    struct str name = gguf_text(r->file, "general.architecture", STR_NONE);
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++) {
        if (!str_is(name, architectures[i].name)) continue;
        r->architecture = &architectures[i];
        r->network->about.architecture = architectures[i].name;
        r->network->about.encodes = architectures[i].encodes;
        r->network->halves = architectures[i].halves;
        return OK;
    }
    return fault_set(r->fault, ERR_INPUT, "network.architecture", name);
}

static enum err value_wrong(struct reading *r, const char *name) {
    char text[96];
    return fault_set(r->fault, ERR_INPUT, "network.value",
                     network_value_name(r->network, name, text));
}

// A whole number of 1 … most; absent: `otherwise` (0: it is needed).
static enum err whole(struct reading *r, const char *name, uint64_t otherwise, uint64_t most,
                      uint32_t *out) {
    char text[96];
    struct str key = network_value_name(r->network, name, text);
    const struct gguf_value *value = gguf_find(r->file, text);
    uint64_t number = value ? gguf_whole(r->file, text, 0) : otherwise;
    if (number < 1 || number > most) return fault_set(r->fault, ERR_INPUT, "network.value", key);
    *out = (uint32_t)number;
    return OK;
}

static enum err heads_read(struct reading *r) {
    struct network_about *about = &r->network->about;
    uint32_t values, rope;
    enum err err = whole(r, "attention.head_count", 0, NETWORK_HEADS_MAX, &about->heads);
    if (err != OK) return err;
    err = whole(r, "attention.head_count_kv", about->heads, about->heads, &about->kv_heads);
    if (err == OK && about->heads % about->kv_heads != 0) {
        err = value_wrong(r, "attention.head_count_kv");
    }
    uint32_t even = about->width % about->heads == 0 ? about->width / about->heads : 0;
    if (err == OK) {
        err = whole(r, "attention.key_length", even, NETWORK_HEAD_SIZE_MAX, &about->head_size);
    }
    if (err == OK) {
        err = whole(r, "attention.value_length", about->head_size, NETWORK_HEAD_SIZE_MAX, &values);
    }
    if (err != OK) return err;
    if (values != about->head_size || about->head_size % 2 != 0) {
        return value_wrong(r, "attention.value_length");
    }
    if (about->encodes) return OK;
    err = whole(r, "rope.dimension_count", about->head_size, about->head_size, &rope);
    if (err == OK && rope % 2 != 0) {
        err = value_wrong(r, "rope.dimension_count");
    }
    if (err == OK) r->network->rope_size = rope;
    return err;
}

// How an encoder's rows become one vector.
static enum err pooling_read(struct reading *r) {
    char name[96];
    struct str key = network_value_name(r->network, "pooling_type", name);
    uint64_t pooling = gguf_whole(r->file, name, POOLING_MEAN);
    if (pooling < POOLING_MEAN || pooling > POOLING_LAST) {
        return fault_set(r->fault, ERR_INPUT, "network.value", key);
    }
    r->network->pooling = (enum pooling)pooling;
    return OK;
}

static enum err shape_read(struct reading *r) {
    struct network_about *about = &r->network->about;
    char name[96];
    enum err err = whole(r, "embedding_length", 0, NETWORK_WIDTH_MAX, &about->width);
    if (err == OK) err = whole(r, "block_count", 0, NETWORK_LAYERS_MAX, &about->layers);
    if (err == OK) err = whole(r, "feed_forward_length", 0, NETWORK_INNER_MAX, &about->inner);
    if (err == OK) err = whole(r, "context_length", 0, NETWORK_CONTEXT_MAX, &about->context);
    if (err == OK) err = heads_read(r);
    if (err != OK) return err;
    struct str experts = network_value_name(r->network, "expert_count", name);
    if (gguf_whole(r->file, experts.data, 0) > 0) {
        return fault_set(r->fault, ERR_INPUT, "network.experts", experts);
    }
    network_value_name(r->network, "attention.sliding_window", name);
    uint64_t window = gguf_whole(r->file, name, 0);
    about->window = window < about->context ? (uint32_t)window : 0;
    struct str epsilon = network_value_name(r->network, r->architecture->epsilon, name);
    r->network->epsilon = (float)gguf_number(r->file, name, -1);
    if (!(r->network->epsilon > 0 && r->network->epsilon < 1)) {
        return fault_set(r->fault, ERR_INPUT, "network.value", epsilon);
    }
    return about->encodes ? pooling_read(r) : OK;
}

// ---- tensors -----------------------------------------------------------------------------------

static uint64_t size_of(const struct reading *r, enum dimension dimension) {
    const struct network_about *about = &r->network->about;
    switch (dimension) {
    case WIDTH: return about->width;
    case INNER: return about->inner;
    case QUERIES: return (uint64_t)about->heads * about->head_size;
    case KEYS: return (uint64_t)about->kv_heads * about->head_size;
    case HEAD: return about->head_size;
    case VOCABULARY: return about->vocabulary;
    case CONTEXT: return about->context;
    case ROPE_PAIRS: return r->network->rope_size / 2;
    default: return 1;
    }
}

static enum err matrix_take(struct reading *r, const struct gguf_tensor *tensor,
                            struct matrix *out) {
    // Floats are read where they lie.
    if (!tensor_computes(tensor->type) || (uintptr_t)tensor->data % 4 != 0) {
        return fault_set(r->fault, ERR_INPUT, "network.type", tensor->name);
    }
    *out = (struct matrix){.type = (enum tensor_type)tensor->type,
                           .rows = (uint32_t)tensor->size[1],
                           .columns = (uint32_t)tensor->size[0],
                           .data = tensor->data};
    if (tensor_form_of(tensor->type)->block > 1) r->network->quantised = true;
    return OK;
}

// As floats of our own: vectors are small, and lie in the file as it likes.
static enum err floats_take(struct reading *r, const struct gguf_tensor *tensor, float **out) {
    if (!tensor_computes(tensor->type) || (uintptr_t)tensor->data % 4 != 0) {
        return fault_set(r->fault, ERR_INPUT, "network.type", tensor->name);
    }
    size_t count = (size_t)(tensor->size[0] * tensor->size[1]);
    *out = ARENA_ARRAY(r->network->arena, float, count);
    if (!*out) return ERR_MEMORY;
    tensor_dequantise((enum tensor_type)tensor->type, tensor->data, count, *out);
    return OK;
}

static bool shape_fits(struct reading *r, const struct part *part,
                       const struct gguf_tensor *tensor) {
    uint64_t rows = size_of(r, part->rows);
    if (part->rows == KINDS) rows = tensor->size[1] <= KINDS_MAX ? tensor->size[1] : 0;
    return tensor->size[0] == size_of(r, part->columns) && tensor->size[1] == rows &&
           tensor->size[2] == 1 && tensor->size[3] == 1;
}

static enum err part_take(struct reading *r, const struct part *part, struct str name, void *into) {
    uint8_t bit = r->architecture->bit;
    if (!((part->needed | part->may) & bit)) return OK;
    const struct gguf_tensor *tensor = gguf_tensor_find(r->file, name);
    if (!tensor) {
        return part->needed & bit ? fault_set(r->fault, ERR_INPUT, "network.missing", name) : OK;
    }
    r->used++;
    if (!tensor->data) return fault_set(r->fault, ERR_INPUT, "network.type", name);
    if (!shape_fits(r, part, tensor)) return fault_set(r->fault, ERR_INPUT, "network.shape", name);
    r->network->about.parameters += tensor->size[0] * tensor->size[1];
    r->network->about.weight_bytes += tensor->bytes;
    r->bytes_by_type[tensor->type] += tensor->bytes;
    void *place = (char *)into + part->at;
    if (part->rows == ONE || part->floats) return floats_take(r, tensor, place);
    return matrix_take(r, tensor, place);
}

static enum err layer_take(struct reading *r, uint32_t index) {
    struct layer *layer = &r->network->weights.layers[index];
    struct buf name;
    enum err err = OK;
    buf_open(&name, 256);
    for (uint32_t i = 0; i < LAYER_PARTS && err == OK; i++) {
        buf_clear(&name);
        buf_printf(&name, "blk.%u.%s", index, layer_parts[i].name);
        err = buf_err(&name);
        if (err == OK) err = part_take(r, &layer_parts[i], buf_str(&name), layer);
    }
    buf_close(&name);
    return err;
}

// Tensors that change nothing of what is computed here: tables of old files that follow from its
// values, and the heads of classifiers.
static bool is_idle(const struct reading *r, struct str name) {
    if (r->architecture->bit == BERT && str_starts(name, STR("cls."))) return true;
    return str_ends(name, STR(".attn_rot_embd")) || str_ends(name, STR(".rotary_emb.inv_freq"));
}

static bool is_known(const struct reading *r, struct str name) {
    uint8_t bit = r->architecture->bit;
    for (uint32_t i = 0; i < ALL_PARTS; i++) {
        if (((all_parts[i].needed | all_parts[i].may) & bit) && str_is(name, all_parts[i].name)) {
            return true;
        }
    }
    struct str rest, index;
    uint64_t layer;
    if (!str_starts(name, STR("blk."))) return false;
    str_cut(name, '.', &rest);
    index = str_cut(rest, '.', &rest);
    if (!str_to_u64(index, &layer) || layer >= r->network->about.layers) return false;
    for (uint32_t i = 0; i < LAYER_PARTS; i++) {
        const struct part *part = &layer_parts[i];
        if (((part->needed | part->may) & bit) && str_is(rest, part->name)) return true;
    }
    return false;
}

static enum err rest_check(struct reading *r) {
    for (uint32_t i = 0; i < gguf_tensor_count(r->file); i++) {
        struct str name = gguf_tensor_at(r->file, i)->name;
        if (is_known(r, name) || is_idle(r, name)) continue;
        return fault_set(r->fault, ERR_INPUT, "network.unknown", name);
    }
    return OK;
}

static enum err tensors_read(struct reading *r) {
    struct network *network = r->network;
    struct network_about *about = &network->about;
    const struct gguf_tensor *embedding = gguf_tensor_find(r->file, STR("token_embd.weight"));
    if (embedding && embedding->size[1] <= TOKENS_MAX) {
        about->vocabulary = (uint32_t)embedding->size[1];
    }
    network->weights.layers = ARENA_ARRAY(network->arena, struct layer, about->layers);
    if (!network->weights.layers) return ERR_MEMORY;
    enum err err = OK;
    for (uint32_t i = 0; i < ALL_PARTS && err == OK; i++) {
        err = part_take(r, &all_parts[i], str_of(all_parts[i].name), &network->weights);
    }
    for (uint32_t i = 0; i < about->layers && err == OK; i++) err = layer_take(r, i);
    if (err == OK) err = rest_check(r);
    if (err != OK) return err;
    if (!network->weights.head.data) network->weights.head = network->weights.embedding;
    for (uint32_t i = 0; i < 64; i++) {
        if (r->bytes_by_type[i] > r->bytes_by_type[about->type]) about->type = i;
    }
    return OK;
}

// ---- all of it ---------------------------------------------------------------------------------

enum err network_read(struct network *network, const struct gguf *file, struct fault *fault) {
    struct reading r = {.network = network, .file = file, .fault = fault};
    enum err err = architecture_find(&r);
    if (err == OK) err = shape_read(&r);
    if (err == OK) err = tensors_read(&r);
    if (err == OK) err = rope_read(network, file, fault);
    if (err == ERR_MEMORY) err = fault_set(fault, err, "predict.no_memory", STR_NONE);
    if (err != OK) return err;
    struct network_about *about = &network->about;
    // Where nothing else rounds, halves would be what tells this model from the one it should be.
    const struct matrix *matrix;
    network->cache_parts = about->encodes ? 1 : 2;
    for (uint32_t at = 0; (matrix = network_next_matrix(network, &at));) {
        if (matrix->type != TENSOR_F32) network->cache_parts = 1;
    }
    if (!about->encodes) {
        about->token_bytes = cache_page_bytes(network_cache_shape(network)) / CACHE_PAGE_TOKENS;
    }
    return OK;
}

struct matrix *network_next_matrix(struct network *network, uint32_t *at) {
    while (*at < 1 + 7 * network->about.layers) {
        uint32_t index = (*at)++;
        if (index == 0) {
            if (network->about.encodes) continue;
            return &network->weights.head;
        }
        struct layer *layer = &network->weights.layers[(index - 1) / 7];
        struct matrix *all[] = {&layer->query, &layer->key, &layer->value, &layer->output,
                                &layer->gate,  &layer->up,  &layer->down};
        struct matrix *matrix = all[(index - 1) % 7];
        if (matrix->data) return matrix;
    }
    return NULL;
}
