#include "model/language/llama2c.h"

#include <stdio.h>
#include <string.h>

#include "model/language/gguf_head.h"

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
    struct gguf_head head;
    uint64_t offset; // bytes of tensors so far
};

// Where there are layers, one tensor of each lies behind the other; `rows` 0: a vector.
static void tensors_put(struct writing *w, const char *name, uint64_t layers, uint64_t rows,
                        uint64_t columns) {
    char full[64];
    for (uint64_t layer = 0; layer < (layers ? layers : 1); layer++) {
        snprintf(full, sizeof full, "blk.%u.%s", (unsigned)layer, name);
        gguf_head_tensor(&w->head, str_of(layers ? full : name), TENSOR_F32, rows ? 2 : 1,
                         (uint64_t[GGUF_DIMENSIONS]){columns, rows}, w->offset);
        w->offset += (rows ? rows : 1) * columns * sizeof(float);
    }
}

static void values_put(struct gguf_head *out, const struct head *head) {
    gguf_head_text(out, "general.architecture", STR("llama"));
    gguf_head_whole(out, "general.alignment", sizeof(float));
    gguf_head_whole(out, "llama.context_length", (uint32_t)head->context);
    gguf_head_whole(out, "llama.embedding_length", (uint32_t)head->width);
    gguf_head_whole(out, "llama.feed_forward_length", (uint32_t)head->inner);
    gguf_head_whole(out, "llama.block_count", (uint32_t)head->layers);
    gguf_head_whole(out, "llama.attention.head_count", (uint32_t)head->heads);
    gguf_head_whole(out, "llama.attention.head_count_kv", (uint32_t)head->kv_heads);
    gguf_head_real(out, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    gguf_head_real(out, "llama.rope.freq_base", 10000);
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
    struct writing w = {0};
    struct head head;
    if (!head_read(bytes, size, &head)) {
        return fault_set(fault, ERR_INPUT, "llama2c.not_one", STR_NONE);
    }
    gguf_head_open(&w.head, HEAD_MAX);
    values_put(&w.head, &head);
    all_put(&w, &head);
    gguf_head_write(&w.head, out);
    enum err err = gguf_head_err(&w.head);
    if (err == OK) err = buf_err(out);
    gguf_head_close(&w.head);
    if (err != OK) return fault_set(fault, err, "predict.no_memory", STR_NONE);
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
