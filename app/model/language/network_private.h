// Inside of the network: what a file's tensors become, and the memory of a step.
// network_file.c reads and checks a file, network_rope.c its rotations, network.c opens and closes,
// network_step.c computes, network_attention.c is the part of it that looks at other tokens.
#pragma once

#include "base/memory.h"
#include "model/language/network.h"
#include "model/tensor/team.h"
#include "model/tensor/tensor.h"

enum pooling { POOLING_NONE, POOLING_MEAN, POOLING_FIRST, POOLING_LAST };

// D head size, Q = heads x D, K = kv heads x D, F inner.
struct layer {
    struct matrix query, key, value; // (Q, C), (K, C), (K, C)
    struct matrix output;            // (C, Q)
    struct matrix gate, up, down;    // (F, C), (F, C), (C, F); gate.data NULL: none
    float *query_bias, *key_bias, *value_bias, *output_bias;
    float *gate_bias, *up_bias, *down_bias; // each NULL where the file has none
    float *query_norm, *key_norm;           // (D) or NULL
    // Before attention and before the inner layer; of an encoder behind them, with biases.
    float *attention_norm, *attention_norm_bias, *inner_norm, *inner_norm_bias; // (C)
};

struct weights {
    struct matrix embedding, head; // (V, C); the head may be the embedding
    float *norm, *norm_bias;       // (C): at the end; of an encoder behind the embedding
    float *positions, *kinds;      // (context, C), (kinds, C): encoders
    float *rope_factors;           // (rope size / 2) or NULL
    struct layer *layers;          // (layers)
};

// The residual stream and what its norms make of it. Of few rows each member keeps its own: to
// compute a norm again takes less time than to wait for the one who does it.
struct stream {
    float *x;           // (B, C)
    struct rows normed; // (B, C)
};
enum { FLOAT_ROWS_ALIKE = 2, ROWS_ALIKE = 4 }; // network_rows_alike
enum { STREAM_ROWS = 4 };                      // few

struct network {
    struct network_about about;
    struct weights weights;
    struct arena *arena; // vectors and layers
    float epsilon;
    enum pooling pooling;
    bool halves;          // rotates x[i] with x[i + n / 2], else neighbours
    uint32_t cache_parts; // of keys and values: 2 where all weights are floats
    bool quantised;       // some matrix is
    uint32_t rope_size;   // of each head, how many are rotated; 0: none
    float rope_scale;     // of cosines and sines
    double *rope_speeds;  // (rope_size / 2) radians per token
    const struct gguf *file;
    // From here on only of an open one.
    const struct kernels *kernels;
    struct team *team;
    void *area; // packed weights
    size_t area_bytes;
    uint32_t rows_max;
    float *memory;                      // all below but `rows`
    struct stream *streams;             // (members): where a step has few rows
    struct stream stream;               // where it has many
    float *delta;                       // (B, C) what the last product adds to it
    float *heads;                       // (B, Q + 2K) queries, keys, values
    float *inner, *inner_gate;          // (B, F)
    float *cosines, *sines;             // (B, rope_size / 2)
    uint16_t *halves_kept;              // (B, 2K) keys, then values: encoders
    struct attention_work *works;       // (members)
    struct rows attended, hidden, last; // inputs of products
};

// Rows of one sequence that look at the same tokens: attention takes them together.
struct block {
    uint32_t first, count; // rows
};
struct step {
    struct network *network;
    const struct batch_row *rows;
    uint32_t count;
    const struct block *blocks;
    uint32_t block_count;
    bool alone;             // no row looks at another row of this step
    bool few;               // rows: members keep streams of their own
    const uint32_t *wanted; // (wanted_count) rows whose logits are
    uint32_t wanted_count;
    float *logits;
};

struct attention_work {
    float *queries, *mixed; // (queries_max, D)
    float *scores, *rest;   // (queries_max, CACHE_PAGE_TOKENS)
    float *most, *sum;      // (queries_max): of the scores so far
};
enum { ATTENTION_QUERIES = 64 }; // that share keys, at most, unless more heads do

// network_file.c: about, weights, epsilon, rope_size … of a network; vectors into its arena.
enum err network_read(struct network *network, const struct gguf *file, struct fault *fault);
// Every matrix that is multiplied with, one after the other; NULL at the end. *at starts at 0.
struct matrix *network_next_matrix(struct network *network, uint32_t *at);
// network_rope.c: rope_speeds and rope_scale from the file's values.
enum err rope_read(struct network *network, const struct gguf *file, struct fault *fault);
void rope_angles(const struct network *network, uint32_t position, float *cosines, float *sines);
// A value of the architecture's own: "llama.rope.freq_base".
struct str network_value_name(const struct network *network, const char *name, char out[96]);

// network_attention.c
uint32_t attention_rows(const struct network *network);      // of a block, at most
size_t attention_work_floats(const struct network *network); // of each member
void attention_work_place(const struct network *network, float *memory, struct attention_work *out);
void attention_put(const struct step *step, struct member *me, uint32_t layer);
void attention_run(const struct step *step, struct member *me, uint32_t layer);
// network_step.c
void network_run(struct step *step);
