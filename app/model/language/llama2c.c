#include "model/language/llama2c.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

enum { HEAD_BYTES = 28, HEAD_MAX = 1 << 24, DIMENSION_MAX = 1 << 24 };

struct head { // the file's first numbers
    uint64_t width, inner, layers, heads, kv_heads, vocabulary, context;
    bool own_output; // else the head is the embedding
};

static bool head_read(const uint8_t *bytes, size_t size, struct head *out) {
    int32_t numbers[7];
    if (size < HEAD_BYTES) return false;
    memcpy(numbers, bytes, sizeof numbers);
    out->own_output = numbers[5] < 0;
    if (numbers[5] < 0 && numbers[5] > INT32_MIN) numbers[5] = -numbers[5];
    for (uint32_t i = 0; i < 7; i++) {
        if (numbers[i] < 1 || numbers[i] > DIMENSION_MAX) return false;
    }
    *out = (struct head){(uint64_t)numbers[0], (uint64_t)numbers[1], (uint64_t)numbers[2],
                         (uint64_t)numbers[3], (uint64_t)numbers[4], (uint64_t)numbers[5],
                         (uint64_t)numbers[6], out->own_output};
    return out->width % out->heads == 0 && out->layers <= 1 << 12;
}

// ---- as GGUF -----------------------------------------------------------------------------------

struct writing {
    struct buf *out;
    uint64_t values, tensors;
    uint64_t offset; // bytes of tensors so far
};

static void number_put(struct writing *w, uint64_t value, size_t bytes) {
    buf_add(w->out, &value, bytes);
}

static void text_put(struct writing *w, const char *text) {
    number_put(w, strlen(text), 8);
    buf_add_text(w->out, text);
}

static void text_value(struct writing *w, const char *name, const char *value) {
    text_put(w, name);
    number_put(w, GGUF_TEXT, 4);
    text_put(w, value);
    w->values++;
}

static void whole_value(struct writing *w, const char *name, uint64_t value) {
    text_put(w, name);
    number_put(w, GGUF_U32, 4);
    number_put(w, value, 4);
    w->values++;
}

static void real_value(struct writing *w, const char *name, float value) {
    text_put(w, name);
    number_put(w, GGUF_F32, 4);
    buf_add(w->out, &value, sizeof value);
    w->values++;
}

// Where there are layers, one tensor of each lies behind the other; `rows` 0: a vector.
static void tensors_put(struct writing *w, const char *name, uint64_t layers, uint64_t rows,
                        uint64_t columns) {
    char full[64];
    for (uint64_t layer = 0; layer < (layers ? layers : 1); layer++) {
        snprintf(full, sizeof full, "blk.%u.%s", (unsigned)layer, name);
        text_put(w, layers ? full : name);
        number_put(w, rows ? 2 : 1, 4);
        number_put(w, columns, 8);
        if (rows) number_put(w, rows, 8);
        number_put(w, TENSOR_F32, 4);
        number_put(w, w->offset, 8);
        w->offset += (rows ? rows : 1) * columns * sizeof(float);
        w->tensors++;
    }
}

static void values_put(struct writing *w, const struct head *head) {
    text_value(w, "general.architecture", "llama");
    whole_value(w, "general.alignment", sizeof(float));
    whole_value(w, "llama.context_length", head->context);
    whole_value(w, "llama.embedding_length", head->width);
    whole_value(w, "llama.feed_forward_length", head->inner);
    whole_value(w, "llama.block_count", head->layers);
    whole_value(w, "llama.attention.head_count", head->heads);
    whole_value(w, "llama.attention.head_count_kv", head->kv_heads);
    real_value(w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    real_value(w, "llama.rope.freq_base", 10000);
}

// In the order in which the file has them.
static void all_put(struct writing *w, const struct head *h) {
    uint64_t head_size = h->width / h->heads, keys = head_size * h->kv_heads;
    tensors_put(w, "token_embd.weight", 0, h->vocabulary, h->width);
    tensors_put(w, "attn_norm.weight", h->layers, 0, h->width);
    tensors_put(w, "attn_q.weight", h->layers, h->width, h->width);
    tensors_put(w, "attn_k.weight", h->layers, keys, h->width);
    tensors_put(w, "attn_v.weight", h->layers, keys, h->width);
    tensors_put(w, "attn_output.weight", h->layers, h->width, h->width);
    tensors_put(w, "ffn_norm.weight", h->layers, 0, h->width);
    tensors_put(w, "ffn_gate.weight", h->layers, h->inner, h->width);
    tensors_put(w, "ffn_down.weight", h->layers, h->width, h->inner);
    tensors_put(w, "ffn_up.weight", h->layers, h->inner, h->width);
    tensors_put(w, "output_norm.weight", 0, 0, h->width);
    w->offset += h->context * head_size * sizeof(float); // cosines and sines of old
    if (h->own_output) tensors_put(w, "output.weight", 0, h->vocabulary, h->width);
}

static enum err head_write(const uint8_t *bytes, size_t size, struct buf *out,
                           struct fault *fault) {
    struct writing w = {.out = out};
    struct head head;
    if (!head_read(bytes, size, &head)) {
        return fault_set(fault, ERR_INPUT, "llama2c.not_one", STR_NONE);
    }
    buf_add_text(out, "GGUF");
    number_put(&w, 3, 4);
    number_put(&w, 0, 8);
    number_put(&w, 0, 8);
    values_put(&w, &head);
    all_put(&w, &head);
    if (buf_err(out) != OK) {
        return fault_set(fault, buf_err(out), "predict.no_memory", STR_NONE);
    }
    memcpy(out->data + 8, &w.tensors, 8);
    memcpy(out->data + 16, &w.values, 8);
    if (w.offset == size - HEAD_BYTES) return OK;
    return fault_set(fault, ERR_INPUT, "llama2c.size", STR_NONE);
}

enum err llama2c_take(struct file_map *map, struct gguf **out, struct fault *fault) {
    struct buf head;
    *out = NULL;
    buf_open(&head, HEAD_MAX);
    enum err err = head_write(map->data, map->size, &head, fault);
    if (err == OK) return gguf_join(&head, map, HEAD_BYTES, out, fault);
    buf_close(&head);
    file_unmap(map);
    return err;
}

enum err language_file_open(const char *path, struct gguf **out, struct fault *fault) {
    struct file_map map;
    struct head head;
    *out = NULL;
    enum err err = file_map(path, &map, fault);
    if (err != OK) return err;
    if (!(map.size >= 4 && memcmp(map.data, "GGUF", 4) == 0) &&
        head_read(map.data, map.size, &head)) {
        return llama2c_take(&map, out, fault);
    }
    file_unmap(&map);
    return gguf_open(path, out, fault);
}
