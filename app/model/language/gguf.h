// GGUF, the file form of language models: named values, and tensors mapped where they lie. Every
// length in a file is a claim that is checked before it is used. Open one and read it from any
// number of threads; what the functions hand out lives until gguf_close.
// Source: the specification of GGUF version 3 (ggml's docs/gguf.md).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/str.h"
#include "model/tensor/tensor.h"

enum {
    GGUF_VALUES_MAX = 1 << 16,
    GGUF_TENSORS_MAX = 1 << 16,
    GGUF_DIMENSIONS = 4,
    GGUF_NAME_BYTES = 1 << 16
};

// As numbered in the file.
enum gguf_type {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_TEXT,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_TYPE_COUNT
};

struct gguf_value {
    struct str name;
    enum gguf_type type;
    enum gguf_type item;  // of an array's elements, else the same as type
    uint64_t count;       // elements of an array; 1
    const uint8_t *bytes; // the first element
};
struct gguf_tensor {
    struct str name;
    uint32_t type; // enum tensor_type, or a number we do not know of
    uint32_t dimensions;
    uint64_t size[GGUF_DIMENSIONS]; // elements, the fastest running first; 1 beyond `dimensions`
    uint64_t bytes;                 // 0 where the type is not known
    const uint8_t *data;            // aligned as the file says, 32 usually; NULL likewise
};

// ERR_INPUT "gguf.…" with what is wrong and where (a byte's position, or a name); ERR_MEMORY.
struct gguf;
enum err gguf_open(const char *path, struct gguf **out, struct fault *fault) MUST_USE;
// The same of bytes in memory, which must outlive it.
enum err gguf_view(const void *bytes, size_t size, struct gguf **out, struct fault *fault) MUST_USE;
// The same of values and descriptions of tensors in memory and tensors in a file of another form,
// where they begin at `data_at`. Both become the gguf's own, in failure too.
enum err gguf_join(struct buf *head, struct file_map *data, size_t data_at, struct gguf **out,
                   struct fault *fault) MUST_USE;
// The same of values and descriptions in memory, which become its own, in failure too, and tensors
// that lie anywhere: `places` has the first byte of each, and all of them outlive it.
enum err gguf_assemble(struct buf *head, const uint8_t *const *places, struct gguf **out,
                       struct fault *fault) MUST_USE;
void gguf_close(struct gguf *file); // NULL is fine
// Bytes of tensors that need not be kept in memory: a file's are read again when they are wanted.
void gguf_forget(const struct gguf *file, const void *data, size_t bytes);

uint32_t gguf_value_count(const struct gguf *file);
const struct gguf_value *gguf_value_at(const struct gguf *file, uint32_t index);
const struct gguf_value *gguf_find(const struct gguf *file, const char *name); // or NULL
uint32_t gguf_tensor_count(const struct gguf *file);
const struct gguf_tensor *gguf_tensor_at(const struct gguf *file, uint32_t index);
const struct gguf_tensor *gguf_tensor_find(const struct gguf *file, struct str name); // or NULL

// A value as what is wanted; `otherwise` where it is absent or of another kind.
struct str gguf_text(const struct gguf *file, const char *name, struct str otherwise);
double gguf_number(const struct gguf *file, const char *name, double otherwise);
bool gguf_bool(const struct gguf *file, const char *name, bool otherwise);
// A whole number that is not negative: any of the integer types.
uint64_t gguf_whole(const struct gguf *file, const char *name, uint64_t otherwise);
// Element `index` of an array of numbers.
double gguf_item(const struct gguf_value *array, uint64_t index);
// The next text of an array of texts: *at starts at 0 and is moved. False at the end.
bool gguf_next_text(const struct gguf_value *array, uint64_t *index, const uint8_t **at,
                    struct str *out);
