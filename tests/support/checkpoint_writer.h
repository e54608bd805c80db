// Checkpoints made for tests: safetensors files, right or wrong, and a whole folder with the
// weights of a small language model (small_language.h) as Hugging Face's libraries would save them.
#pragma once

#include "base/buf.h"
#include "support/small_language.h"

enum { CHECKPOINT_TENSORS = 64 };
struct checkpoint_tensor {
    char name[96];
    const char *type; // "F32"
    uint32_t dimensions;
    uint64_t size[4]; // the slowest running first, as the file has it
    struct buf bytes;
};
struct checkpoint {
    struct checkpoint_tensor tensors[CHECKPOINT_TENSORS];
    uint32_t count;
};
// The weights of a small model under the names, and in the order of rows, of a checkpoint.
void checkpoint_take(const struct gguf *file, struct checkpoint *out);
void checkpoint_close(struct checkpoint *checkpoint);
// Tensors [first, last) as one safetensors file.
void checkpoint_write(const struct checkpoint *checkpoint, uint32_t first, uint32_t last,
                      struct buf *out);
// config.json, tokenizer.json and the weights in `shards` files into a folder; `more`: further
// members of config.json, beginning with a comma, or "".
void checkpoint_save(const struct small_language *model, const struct checkpoint *checkpoint,
                     uint32_t shards, const char *more, const char *folder);
