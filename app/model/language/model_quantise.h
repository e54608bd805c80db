// A language model's file with its weights in fewer bits. What is written and how is decided tensor
// by tensor, as users of such files expect it: vectors, and tables that are only looked up by
// position, stay as they are; the output head, where few bits cost most, gets six (Q8_0 stays);
// Q4_K is the usual mixture "Q4_K_M" with six bits for some of the values and downs; rows that are
// no multiple of 256 get the next type with blocks of 32. All threads of a pool work; memory is a
// few MB however large the model. The file appears whole or not at all. F32 is made of any type:
// the same weights, in more room.
#pragma once

#include "base/thread.h"
#include "model/language/gguf.h"

// "q8_0", "q4_0", "q4_k", "q6_k", "f16", "bf16", "f32", in either case; false: none of these.
bool quantise_type_of(struct str name, enum tensor_type *out);

struct quantised {
    uint64_t bytes_before, bytes_after; // of the tensors
};
// ERR_INPUT "quantise.already" (a tensor that is quantised in another type, and is not to become
// F32), "quantise.unknown" (one of a type we do not know), "quantise.not_finite", each with the
// tensor's name; ERR_FULL, ERR_IO, ERR_MEMORY, ERR_CANCELLED.
enum err model_quantise(const struct gguf *from, const char *to, enum tensor_type type,
                        uint32_t threads, struct progress *progress, struct quantised *out,
                        struct fault *fault) MUST_USE;

// A model whose tensors' bytes are made as they are wanted. `read` gives `count` elements of tensor
// `tensor` from `first` on, as its type stores them; many threads call it. NULL: as they lie in the
// file. `floats`: what would stay as it is (vectors, tables) becomes F32, as GGUF files have it.
struct model_source {
    const struct gguf *file;
    void (*read)(const void *context, uint32_t tensor, uint64_t first, size_t count, void *out);
    const void *context;
    bool floats;
};
enum { MODEL_AS_STORED = 0xFFFFFF };
// As model_quantise; `type`: enum tensor_type, or MODEL_AS_STORED, which leaves matrices as they
// are.
enum err model_rewrite(const struct model_source *source, const char *to, uint32_t type,
                       uint32_t threads, struct progress *progress, struct quantised *out,
                       struct fault *fault) MUST_USE;
