// Small language models made in memory, for tests: every weight follows from its tensor's number
// and its place, so that a test and the program that asked another implementation for its answers
// (small_language_expect) have the same bytes. Blocks of quantised types are any bits, with
// scales that make weights of the usual size.
#pragma once

#include "base/buf.h"
#include "model/language/gguf.h"

enum { // of every small model
    SMALL_WIDTH = 256,
    SMALL_INNER = 512,
    SMALL_LAYERS = 2,
    SMALL_HEADS = 4,
    SMALL_KV_HEADS = 2,
    SMALL_HEAD_SIZE = 64,
    SMALL_VOCABULARY = 64,
    SMALL_CONTEXT = 128
};

enum small_rope { SMALL_ROPE_PLAIN, SMALL_ROPE_LINEAR, SMALL_ROPE_YARN, SMALL_ROPE_FREQUENCIES };

struct small_language {
    const char *name, *architecture;
    enum tensor_type type; // of the matrices
    enum small_rope rope;
    bool tied;        // the head is the embedding
    uint32_t pooling; // bert
    uint32_t window;
    // What is wrong with the file, on purpose: a tensor that is not there, one half as wide,
    // one that nobody knows; a value that is not what it should be.
    const char *without, *narrow, *strange, *value;
    uint32_t whole;
};
// All that are looked at, by a name such as "llama-Q4_K".
extern const struct small_language small_languages[];
extern const uint32_t small_language_count;
const struct small_language *small_language_find(const char *name); // or NULL

void small_language_write(const struct small_language *model, struct buf *out);
// The tokens that every small model is asked about.
enum { SMALL_TOKENS = 40 };
void small_language_tokens(uint32_t out[SMALL_TOKENS]);

// What another implementation says of each model (small_language_table.c, made by
// small_language_expect): the logits behind token SMALL_EARLY and the last one; of an encoder
// the first elements of the text's vector. And the tokens that the likeliest ones go on with, until
// SMALL_VOCABULARY: there two are nearly as likely.
enum { SMALL_EARLY = 7, SMALL_ON = 12 };
struct small_expected {
    float logits[2 * SMALL_VOCABULARY];
    uint32_t on[SMALL_ON];
};
extern const struct small_expected small_expected[];
