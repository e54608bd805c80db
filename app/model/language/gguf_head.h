// The head of a GGUF file as it is made: values and descriptions of tensors, for a file that is
// written (model_file.h) or for one of another form that is read as if it were GGUF. Errors stick:
// who takes the bytes checks once. One thread.
// Source: the specification of GGUF version 3 (ggml's docs/gguf.md).
#pragma once

#include "base/fault.h"
#include "model/language/gguf.h"

enum { GGUF_HEAD_BYTES = 24 }; // what stands before the first value

struct gguf_head {
    struct buf values, tensors; // as they stand in the file
    uint64_t value_count, tensor_count;
};
void gguf_head_open(struct gguf_head *head, size_t bytes_max);
void gguf_head_close(struct gguf_head *head);

// A name that was there before is an error of the caller's.
void gguf_head_copy(struct gguf_head *head, const struct gguf_value *value); // as it is
void gguf_head_text(struct gguf_head *head, const char *name, struct str value);
void gguf_head_whole(struct gguf_head *head, const char *name, uint32_t value);
void gguf_head_real(struct gguf_head *head, const char *name, float value);
void gguf_head_bool(struct gguf_head *head, const char *name, bool value);
// An array of numbers, or of texts as gguf keeps them: a length in 8 bytes, then the bytes.
void gguf_head_array(struct gguf_head *head, const char *name, enum gguf_type item, uint64_t count,
                     struct str bytes);
// `size` as in struct gguf_tensor; `offset`: of its bytes behind the head.
void gguf_head_tensor(struct gguf_head *head, struct str name, uint32_t type, uint32_t dimensions,
                      const uint64_t size[GGUF_DIMENSIONS], uint64_t offset);

enum err gguf_head_err(const struct gguf_head *head) MUST_USE; // ERR_LIMIT, ERR_MEMORY
void gguf_head_begin(const struct gguf_head *head, uint8_t out[static GGUF_HEAD_BYTES]);
void gguf_head_write(const struct gguf_head *head, struct buf *out); // all of it, not aligned
