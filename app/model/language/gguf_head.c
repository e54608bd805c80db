#include "model/language/gguf_head.h"

#include <string.h>

#include "base/assert.h"

void gguf_head_open(struct gguf_head *head, size_t bytes_max) {
    *head = (struct gguf_head){0};
    buf_open(&head->values, bytes_max);
    buf_open(&head->tensors, bytes_max);
}

void gguf_head_close(struct gguf_head *head) {
    buf_close(&head->values);
    buf_close(&head->tensors);
}

// ---- values ------------------------------------------------------------------------------------

static void put(struct buf *out, uint64_t value, uint32_t bytes) {
    buf_add(out, &value, bytes);
}

static void text_put(struct buf *out, struct str text) {
    put(out, text.size, 8);
    buf_add_str(out, text);
}

static struct buf *value_put(struct gguf_head *head, struct str name, enum gguf_type type) {
    head->value_count++;
    text_put(&head->values, name);
    put(&head->values, type, 4);
    return &head->values;
}

// Bytes of a value's elements.
static uint64_t bytes_of(const struct gguf_value *value) {
    static const uint8_t bytes[GGUF_TYPE_COUNT] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    if (value->item != GGUF_TEXT) return value->count * bytes[value->item];
    const uint8_t *at = value->bytes;
    for (uint64_t i = 0; i < value->count; i++) {
        uint64_t size;
        memcpy(&size, at, sizeof size);
        at += sizeof size + size;
    }
    return (uint64_t)(at - value->bytes);
}

void gguf_head_copy(struct gguf_head *head, const struct gguf_value *value) {
    struct buf *out = value_put(head, value->name, value->type);
    if (value->type == GGUF_ARRAY) {
        put(out, value->item, 4);
        put(out, value->count, 8);
    }
    buf_add(out, value->bytes, (size_t)bytes_of(value));
}

void gguf_head_text(struct gguf_head *head, const char *name, struct str value) {
    text_put(value_put(head, str_of(name), GGUF_TEXT), value);
}

void gguf_head_whole(struct gguf_head *head, const char *name, uint32_t value) {
    put(value_put(head, str_of(name), GGUF_U32), value, 4);
}

void gguf_head_real(struct gguf_head *head, const char *name, float value) {
    buf_add(value_put(head, str_of(name), GGUF_F32), &value, sizeof value);
}

void gguf_head_bool(struct gguf_head *head, const char *name, bool value) {
    put(value_put(head, str_of(name), GGUF_BOOL), value, 1);
}

void gguf_head_array(struct gguf_head *head, const char *name, enum gguf_type item, uint64_t count,
                     struct str bytes) {
    struct buf *out = value_put(head, str_of(name), GGUF_ARRAY);
    put(out, item, 4);
    put(out, count, 8);
    buf_add_str(out, bytes);
}

// ---- tensors -----------------------------------------------------------------------------------

void gguf_head_tensor(struct gguf_head *head, struct str name, uint32_t type, uint32_t dimensions,
                      const uint64_t size[GGUF_DIMENSIONS], uint64_t offset) {
    cy_assert(dimensions <= GGUF_DIMENSIONS);
    head->tensor_count++;
    text_put(&head->tensors, name);
    put(&head->tensors, dimensions, 4);
    for (uint32_t d = 0; d < dimensions; d++) put(&head->tensors, size[d], 8);
    put(&head->tensors, type, 4);
    put(&head->tensors, offset, 8);
}

// ---- the bytes ---------------------------------------------------------------------------------

enum err gguf_head_err(const struct gguf_head *head) {
    enum err err = buf_err(&head->values);
    return err == OK ? buf_err(&head->tensors) : err;
}

void gguf_head_begin(const struct gguf_head *head, uint8_t out[static GGUF_HEAD_BYTES]) {
    memcpy(out, "GGUF\3\0\0", 8);
    memcpy(out + 8, &head->tensor_count, 8);
    memcpy(out + 16, &head->value_count, 8);
}

void gguf_head_write(const struct gguf_head *head, struct buf *out) {
    uint8_t begin[GGUF_HEAD_BYTES];
    gguf_head_begin(head, begin);
    buf_add(out, begin, sizeof begin);
    buf_add_str(out, buf_str(&head->values));
    buf_add_str(out, buf_str(&head->tensors));
}
