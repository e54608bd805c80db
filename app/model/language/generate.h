// One text from one prompt, by one network: prompt in pieces, then token by token until the model
// ends it, a stop text is met or there are enough. What serves many at once has a loop of its own.
// One thread.
#pragma once

#include "base/thread.h"
#include "model/language/grammar/hold.h"
#include "model/language/network.h"
#include "model/language/sampler.h"
#include "model/language/tokenizer/tokenizer.h"

// Tokens with which a model ends its answer: what the file says, and those of known chat forms.
enum { ENDINGS_MAX = 32 };
struct endings {
    uint32_t tokens[ENDINGS_MAX];
    uint32_t count;
};
void endings_of(const struct gguf *file, const struct tokenizer *tokenizer, struct endings *out);
bool endings_hold(const struct endings *endings, uint32_t token);

struct generating {
    struct network *network;
    const struct tokenizer *tokenizer;
    const struct endings *endings;
    struct sampling sampling;
    const struct str *stops;
    uint32_t stop_count;
    struct constraint *constraint;             // what it may be; or NULL
    const struct hold_form *held;              // when it is held to that; NULL: from the beginning
    bool control;                              // control tokens are part of the text
    struct cache *cache;                       // that remembers beginnings of texts; NULL: none
    uint32_t tokens_most;                      // fewer where the context is full
    bool no_drafts;                            // one row a step (draft.h); the text is the same
    struct progress *progress;                 // or NULL
    void (*text)(void *ctx, struct str piece); // whole characters, as they come
    void (*token)(void *ctx, const struct choice *choice); // each of the answer; NULL: nobody asks
    void *ctx;
};
enum finish { FINISH_END, FINISH_STOP, FINISH_LENGTH };
struct generated {
    uint32_t prompt_tokens, tokens; // computed; given
    uint32_t steps;                 // of the network, behind the prompt
    uint32_t drafted, held;         // tokens of drafts; those of them that came true
    enum finish finish;
    double prompt_s, tokens_s; // what both took
};
// Tokens of the prompt with those the model wants around it, a uint32_t each; `flags` as those of
// tokenizer_encode. What that gives; ERR_INPUT "generate.empty", "network.words"
// (the vocabulary and the network do not belong together).
enum err prompt_encode(const struct network *network, const struct tokenizer *tokenizer,
                       struct str prompt, uint32_t flags, struct buf *out,
                       struct fault *fault) MUST_USE;
// `prompt`: (count) tokens. ERR_INPUT "generate.empty", "generate.encodes" (the network gives
// vectors, not logits); what constraint_mask gives; ERR_LIMIT "network.too_long": the prompt;
// ERR_MEMORY; ERR_CANCELLED.
enum err text_generate(const struct generating *generating, const uint32_t *prompt, uint32_t count,
                       struct generated *out, struct fault *fault) MUST_USE;

// How surprised a network is by a text: exp of the mean of -log p, over the second half of each
// window of `context` tokens, whose first half is what it knows (as llama.cpp's perplexity does).
// `windows_most` 0: all. ERR_INPUT "perplexity.short": less than two windows; "generate.encodes";
// ERR_LIMIT "network.too_long": a context that is too short, or longer than the network's; what
// prompt_encode gives; ERR_MEMORY; ERR_CANCELLED.
struct perplexity {
    double perplexity, deviation; // and its standard error
    uint32_t windows;
    uint64_t tokens; // predicted
};
enum err perplexity_of(struct network *network, const struct tokenizer *tokenizer, struct str text,
                       uint32_t context, uint32_t windows_most, struct progress *progress,
                       struct perplexity *out, struct fault *fault) MUST_USE;
