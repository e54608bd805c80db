// GGUF files made in memory, for tests: values and tensors as told, right or wrong.
#pragma once

#include <string.h>

#include "base/buf.h"
#include "model/language/gguf.h"

static inline void gguf_put(struct buf *out, uint64_t value, uint32_t bytes) {
    buf_add(out, &value, bytes);
}

static inline void gguf_put_text(struct buf *out, const char *text) {
    gguf_put(out, strlen(text), 8);
    buf_add_text(out, text);
}

static inline void gguf_put_head(struct buf *out, uint64_t tensors, uint64_t values) {
    buf_add_text(out, "GGUF");
    gguf_put(out, 3, 4);
    gguf_put(out, tensors, 8);
    gguf_put(out, values, 8);
}

static inline void gguf_value_text(struct buf *out, const char *name, const char *text) {
    gguf_put_text(out, name);
    gguf_put(out, GGUF_TEXT, 4);
    gguf_put_text(out, text);
}

static inline void gguf_value_whole(struct buf *out, const char *name, uint32_t value) {
    gguf_put_text(out, name);
    gguf_put(out, GGUF_U32, 4);
    gguf_put(out, value, 4);
}

static inline void gguf_value_texts(struct buf *out, const char *name, const char *const *texts,
                                    uint64_t count) {
    gguf_put_text(out, name);
    gguf_put(out, GGUF_ARRAY, 4);
    gguf_put(out, GGUF_TEXT, 4);
    gguf_put(out, count, 8);
    for (uint64_t i = 0; i < count; i++) gguf_put_text(out, texts[i]);
}

static inline void gguf_value_reals(struct buf *out, const char *name, const float *values,
                                    uint64_t count) {
    gguf_put_text(out, name);
    gguf_put(out, GGUF_ARRAY, 4);
    gguf_put(out, GGUF_F32, 4);
    gguf_put(out, count, 8);
    buf_add(out, values, count * sizeof *values);
}

static inline void gguf_value_kinds(struct buf *out, const char *name, const int32_t *values,
                                    uint64_t count) {
    gguf_put_text(out, name);
    gguf_put(out, GGUF_ARRAY, 4);
    gguf_put(out, GGUF_I32, 4);
    gguf_put(out, count, 8);
    buf_add(out, values, count * sizeof *values);
}

static inline void gguf_put_tensor(struct buf *out, const char *name, uint64_t columns,
                                   uint64_t rows, uint32_t type, uint64_t offset) {
    gguf_put_text(out, name);
    gguf_put(out, 2, 4);
    gguf_put(out, columns, 8);
    gguf_put(out, rows, 8);
    gguf_put(out, type, 4);
    gguf_put(out, offset, 8);
}

static inline void gguf_align(struct buf *out, uint32_t alignment) {
    while (out->size % alignment) buf_add_char(out, 0);
}
