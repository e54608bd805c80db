// A language model as a network: from a GGUF file's tensors to logits. One table says what the
// architectures are made of; every claim of a file is held against it before anything is computed.
//
//   llama   Llama 2 and 3, Mistral, TinyLlama, DeepSeek distilled …; llama2.c's files (llama2c.h)
//   qwen2   Qwen 1.5, 2 and 2.5
//   qwen3   Qwen 3, dense
//   bert    BERT, bge: reads a whole text both ways and gives one vector
//
// A step takes rows, each a token at a place of a sequence: pieces of a prompt, the next token of
// many sequences, or both. Rows of one sequence follow one another, in order. What it computes for
// a row depends on that row's sequence alone, up to rounding.
//
// The file must outlive the network, which keeps packed copies of matrices and gives the file's own
// back (gguf_forget); rows of the embedding are read from the file.
// One thread calls; the network's own team works. B rows, C width, V vocabulary.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "model/language/cache.h"
#include "model/language/gguf.h"

enum {
    NETWORK_ROWS = 512, // of one step, at most; fewer where rows are very wide
    NETWORK_LAYERS_MAX = 1024,
    NETWORK_HEADS_MAX = 1024,
    NETWORK_HEAD_SIZE_MAX = 1024,
    NETWORK_WIDTH_MAX = 1 << 16,
    NETWORK_INNER_MAX = 1 << 20,
    NETWORK_CONTEXT_MAX = 1 << 24
};

struct network_about {
    const char *architecture; // static
    uint32_t vocabulary, context, width, inner, layers, heads, kv_heads, head_size;
    uint32_t window;       // tokens that a token looks back at; 0: all
    uint32_t type;         // enum tensor_type of most of its weights
    bool encodes;          // gives vectors, not logits
    uint64_t parameters;   // elements of all tensors
    uint64_t weight_bytes; // of the file's tensors
    uint64_t token_bytes;  // of cache, for each token
    uint64_t memory_bytes; // beyond the weights and the cache, on this processor: packing, a step
};

// What a file holds, checked as network_open does. ERR_INPUT "network.…" naming the tensor or the
// value; ERR_LIMIT; ERR_MEMORY.
enum err network_look(const struct gguf *file, struct network_about *out,
                      struct fault *fault) MUST_USE;

struct network;
enum err network_open(const struct gguf *file, uint32_t thread_count, struct network **out,
                      struct fault *fault) MUST_USE;
void network_close(struct network *network); // NULL is fine
const struct network_about *network_about(const struct network *network);
uint32_t network_rows_max(const struct network *network); // of one step
// How many rows a step may have whose logits have the same bits as those of each row alone.
uint32_t network_rows_alike(const struct network *network);
struct cache_shape network_cache_shape(const struct network *network);

struct batch_row {
    struct sequence *sequence;
    uint32_t position; // sequence->length for its first row, then one more for each
    uint32_t token;    // below the vocabulary
    bool logits;       // wanted
};
// Logits of the rows that want them, in their order, to `logits` (wanted, V), and the sequences
// grow by their rows. ERR_LIMIT or ERR_MEMORY where the cache has no page left: nothing has
// changed. Not of a network that encodes.
enum err network_step(struct network *network, const struct batch_row *rows, uint32_t count,
                      float *logits) MUST_USE;

// One text as a vector (C), of length 1. `tokens` as the tokenizer gives them with TOKENIZE_ENDS.
// ERR_INPUT "network.embeds_not" of a network that does not encode; ERR_LIMIT "network.too_long".
enum err network_embed(struct network *network, const uint32_t *tokens, uint32_t count, float *out,
                       struct fault *fault) MUST_USE;
