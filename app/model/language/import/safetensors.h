// safetensors, the file form of checkpoints: a length, a JSON text that names tensors and says of
// which type and shape they are and where they lie, and then their bytes, mapped where they are.
// Every length is a claim that is checked before it is used: tensors lie one behind the other, none
// over another, and together they are the file. Open one and read it from any number of threads.
// Source: the format's description (huggingface/safetensors, README.md, "Format").
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "base/str.h"

enum {
    SAFETENSORS_HEADER_BYTES = 100000000, // as the format limits it
    SAFETENSORS_MAX = 1 << 16,            // tensors of a file
    SAFETENSOR_DIMENSIONS = 4,
    SAFETENSOR_NO_TYPE = 0xFFFFFFFF
};

struct safetensor {
    struct str name;     // as it stands in the JSON text, escapes and all
    uint32_t type;       // enum tensor_type; SAFETENSOR_NO_TYPE: GGUF has none such
    uint32_t dimensions; // 0: a single number
    uint64_t size[SAFETENSOR_DIMENSIONS]; // the fastest running first; 1 beyond `dimensions`
    uint64_t begin, bytes;                // within the tensors' part of the file
    const uint8_t *data;                  // aligned to nothing
};

// ERR_INPUT or ERR_LIMIT "safetensors.…" naming the tensor, or the file where none is known (and
// the byte of the header, as column); ERR_MEMORY. The names and data live until safetensors_close.
struct safetensors;
enum err safetensors_open(const char *path, struct safetensors **out, struct fault *fault) MUST_USE;
// The same of bytes in memory, which must outlive it; `name` is for sentences.
enum err safetensors_view(const void *bytes, size_t size, struct str name, struct safetensors **out,
                          struct fault *fault) MUST_USE;
void safetensors_close(struct safetensors *file); // NULL is fine
uint32_t safetensors_count(const struct safetensors *file);
const struct safetensor *safetensors_at(const struct safetensors *file, uint32_t index);
