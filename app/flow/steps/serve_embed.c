// Texts as vectors: one text at a time, dealt fairly among departments by their tokens, as the
// rows of answers are (batch.h).
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "flow/steps/serving.h"
#include "model/language/batch.h"

enum { EMBEDDINGS_MAX = 64, TOKENS_BYTES_MAX = 4 << 20 };

struct embedding {              // texts of which vectors are made
    uint64_t id, tenant, spent; // spent: tokens
    double weight;
    uint32_t dimensions, index;
    struct json *frame;
    const struct json *text; // of the frame: the next
    struct buf tokens;       // of it, a uint32_t each
};
struct embeddings {
    struct embedding *list[EMBEDDINGS_MAX]; // the oldest first
    uint32_t count;
    struct batch batch;
};

// ---- life ---------------------------------------------------------------------------------------

static void embedding_close(struct embedding *embedding) {
    json_close(embedding->frame);
    buf_close(&embedding->tokens);
    memory_give(embedding);
}

void embeddings_end(struct serving_child *child) {
    struct embeddings *all = child->embeddings;
    while (all && all->count) embedding_close(all->list[--all->count]);
}

void embeddings_close(struct serving_child *child) {
    embeddings_end(child);
    memory_give(child->embeddings);
    child->embeddings = NULL;
}

uint32_t embeddings_count(const struct serving_child *child) {
    return child->embeddings ? child->embeddings->count : 0;
}

static void forget(struct embeddings *all, uint32_t at) {
    embedding_close(all->list[at]);
    all->count--;
    memmove(&all->list[at], &all->list[at + 1], (all->count - at) * sizeof all->list[0]);
}

void embedding_cancel(struct serving_child *child, uint64_t id) {
    for (uint32_t i = 0; i < embeddings_count(child); i++) {
        if (child->embeddings->list[i]->id != id) continue;
        forget(child->embeddings, i);
        return;
    }
}

// ---- asking -------------------------------------------------------------------------------------

// Tokens as they are told, or of a text.
static enum err tokens_read(struct serving_child *child, struct embedding *embedding,
                            struct fault *fault) {
    const struct json *text = embedding->text;
    uint64_t token, count = responder_about(child->responder)->vocabulary;
    buf_clear(&embedding->tokens);
    if (json_is_string(text)) {
        return tokenizer_encode(child->tokenizer, json_text(text), TOKENIZE_ENDS,
                                &embedding->tokens, fault);
    }
    for (const struct json *i = json_first(text); i; i = json_next(i)) {
        if (!json_u64(i, &token) || token >= count) {
            return fault_set(fault, ERR_INPUT, "language.bad_parameter", STR("input"));
        }
        buf_add(&embedding->tokens, &(uint32_t){(uint32_t)token}, sizeof(uint32_t));
    }
    return buf_err(&embedding->tokens);
}

enum err embedding_add(struct serving_child *child, uint64_t id, struct json *frame,
                       struct fault *fault) {
    const struct json *texts = json_member(frame, "texts");
    uint64_t width = responder_about(child->responder)->width;
    uint64_t dimensions = json_member_u64(frame, "dimensions", width);
    if (!responder_about(child->responder)->encodes) {
        return fault_set(fault, ERR_INPUT, "language.embeds_not", STR_NONE);
    }
    if (dimensions == 0 || dimensions > width) {
        return fault_set(fault, ERR_INPUT, "language.bad_parameter", STR("dimensions"));
    }
    if (embeddings_count(child) == EMBEDDINGS_MAX) {
        return fault_set(fault, ERR_BUSY, "language.queue_full", STR_NONE);
    }
    if (!child->embeddings) child->embeddings = memory_take(sizeof *child->embeddings);
    struct embedding *embedding = child->embeddings ? memory_take(sizeof *embedding) : NULL;
    if (!embedding) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    embedding->id = id;
    embedding->tenant = json_member_u64(frame, "tenant", 0);
    embedding->weight = json_member_number(frame, "weight", 1);
    if (!(embedding->weight > 0)) embedding->weight = 1;
    embedding->dimensions = (uint32_t)dimensions;
    embedding->text = json_first(texts);
    buf_open(&embedding->tokens, TOKENS_BYTES_MAX);
    enum err err = tokens_read(child, embedding, fault);
    if (err != OK) {
        embedding_close(embedding);
        return err;
    }
    embedding->frame = frame;
    child->embeddings->list[child->embeddings->count++] = embedding;
    return OK;
}

// ---- saying -------------------------------------------------------------------------------------

static void base64_add(struct buf *out, const uint8_t *data, size_t size) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t bits = (uint32_t)data[i] << 16;
        if (left > 1) bits |= (uint32_t)data[i + 1] << 8;
        if (left > 2) bits |= data[i + 2];
        for (size_t k = 0; k < 4; k++) {
            buf_add_char(out, k > left ? '=' : letters[bits >> (18 - 6 * k) & 63]);
        }
    }
}

// As OpenAI's base64: floats of four bytes, little-endian.
static void vector_base64(struct buf *out, const float *vector, uint32_t count) {
    struct buf bytes;
    buf_open(&bytes, (size_t)count * 4);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &vector[i], sizeof bits);
        for (int shift = 0; shift < 32; shift += 8) {
            buf_add_char(&bytes, (char)(uint8_t)(bits >> shift));
        }
    }
    buf_add_char(out, '"');
    base64_add(out, (const uint8_t *)bytes.data, bytes.size);
    buf_add_char(out, '"');
    buf_close(&bytes);
}

static void vector_numbers(struct buf *out, const float *vector, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        buf_add_char(out, i ? ',' : '[');
        buf_printf(out, "%.9g",
                   (double)(isfinite(vector[i]) ? vector[i] : 0)); // reads back the same
    }
    buf_add_char(out, ']');
}

// Of fewer dimensions: the first ones, made of length 1 again.
static void vector_cut(float *vector, uint32_t count) {
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) sum += (double)vector[i] * (double)vector[i];
    float scale = sum > 0 ? (float)(1 / sqrt(sum)) : 0;
    for (uint32_t i = 0; i < count; i++) vector[i] *= scale;
}

static void vector_say(struct serving_child *child, const struct embedding *embedding,
                       const float *vector) {
    struct buf text;
    buf_open(&text, 4 << 20);
    if (json_member_bool(embedding->frame, "base64", false)) {
        vector_base64(&text, vector, embedding->dimensions);
    } else {
        vector_numbers(&text, vector, embedding->dimensions);
    }
    struct json_writer out = frame_begin(child, embedding->id);
    json_set_u64(&out, "index", embedding->index);
    json_set_raw(&out, "vector", buf_str(&text));
    frame_end(child, &out);
    buf_close(&text);
}

static void end_say(struct serving_child *child, const struct embedding *embedding) {
    struct json_writer out = frame_begin(child, embedding->id);
    child->answers++;
    json_set_text(&out, "finish", STR("stop"));
    json_set_u64(&out, "prompt_tokens", embedding->spent);
    json_set_u64(&out, "tokens", 0);
    frame_end(child, &out);
}

// ---- computing ----------------------------------------------------------------------------------

// Its next text; true: it has another.
static enum err embedding_go_on(struct serving_child *child, struct embedding *embedding,
                                bool *out_more, struct fault *fault) {
    uint32_t width = responder_about(child->responder)->width;
    uint32_t count = (uint32_t)(embedding->tokens.size / sizeof(uint32_t));
    float *vector = memory_take(width * sizeof *vector);
    if (!vector) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    enum err err =
        responder_embed(child->responder, (const uint32_t *)(const void *)embedding->tokens.data,
                        count, vector, fault);
    if (err == OK) {
        if (embedding->dimensions < width) vector_cut(vector, embedding->dimensions);
        vector_say(child, embedding, vector);
        embedding->index++;
        embedding->spent += count;
        child->tokens += count;
        embedding->text = json_next(embedding->text);
    }
    memory_give(vector);
    *out_more = err == OK && embedding->text;
    return *out_more ? tokens_read(child, embedding, fault) : err;
}

bool embeddings_step(struct serving_child *child) {
    struct embeddings *all = child->embeddings;
    struct batch_item items[EMBEDDINGS_MAX];
    struct fault fault = {0};
    uint32_t at = 0;
    bool more = false;
    if (embeddings_count(child) == 0) return false;
    for (uint32_t i = 0; i < all->count; i++) {
        const struct embedding *one = all->list[i];
        double tokens = (double)(one->tokens.size / sizeof(uint32_t)) + 1;
        items[i] = (struct batch_item){
            .tenant = one->tenant, .weight = one->weight / tokens, .decode = true};
    }
    batch_deal(&all->batch, items, all->count, 1);
    while (at + 1 < all->count && !items[at].dealt) at++;
    struct embedding *embedding = all->list[at];
    enum err err = embedding_go_on(child, embedding, &more, &fault);
    if (err != OK) {
        frame_fault(child, embedding->id, err, &fault);
    } else if (!more) {
        end_say(child, embedding);
    }
    if (err != OK || !more) forget(all, at);
    return true;
}
