// A language model that answers many at once: requests come in at any time, and each step computes
// rows of all of them (batch.h says which), so that nobody waits for another's answer to end. Cut
// off within one step. Owned by one thread; the network's team works inside a step.
//
//   responder_open(&setup, &responder, fault);
//   for (;;) {
//       responder_ask(responder, &request, fault);   // as they come
//       if (!responder_step(responder)) wait;        // tells what has come of them by `event`
//   }
#pragma once

#include "base/fault.h"
#include "model/language/grammar/constraint_store.h"
#include "model/language/grammar/hold.h"
#include "model/language/network.h"
#include "model/language/sampler.h"
#include "model/language/tokenizer/tokenizer.h"

enum {
    RESPONDER_SLOTS = 32,   // answered at one time
    RESPONDER_WAITING = 64, // that have not been begun
    RESPONDER_STOPS_MAX = 8
};

enum responder_event_kind {
    RESPONDER_PROMPT, // where `judged`: the prompt's next token; the first has no choice
    RESPONDER_TOKEN,  // `text` may be empty: held back until it is whole
    RESPONDER_ENDED,  // `finish`; with the last of the text
    RESPONDER_FAILED, // `fault`
};
enum responder_finish { RESPONDER_STOP, RESPONDER_LENGTH };
struct responder_event {
    enum responder_event_kind kind;
    uint64_t id;
    struct str text;             // valid during the call
    uint32_t token;              // of RESPONDER_PROMPT
    const struct choice *choice; // of RESPONDER_TOKEN and RESPONDER_PROMPT, or NULL
    enum responder_finish finish;
    uint32_t prompt_tokens, shared_tokens, tokens; // shared: of the prompt, not computed again
    uint32_t drafted, held; // of drafts (draft.h): tokens computed; of them those that came true
    const struct fault *fault;
};

struct responder_setup {
    const struct gguf *file;           // outlives the responder
    const struct tokenizer *tokenizer; // likewise
    uint32_t threads;
    uint64_t cache_bytes; // of keys and values; at least what one text of the full context takes
    bool no_drafts;       // draft.h; else made while only few texts are answered
    // Called by responder_step alone.
    void (*event)(void *ctx, const struct responder_event *event);
    void *ctx;
};
struct responder;
// What network_open gives. ERR_INPUT "network.words": the vocabulary is not the network's.
enum err responder_open(const struct responder_setup *setup, struct responder **out,
                        struct fault *fault) MUST_USE;
void responder_close(struct responder *responder); // NULL is fine
const struct network_about *responder_about(const struct responder *responder);
uint64_t responder_cache_bytes(const struct network_about *about, uint64_t tokens); // for so many
uint32_t responder_context(const struct responder *responder); // tokens that one text may have

struct responder_request {
    uint64_t id, tenant;
    double weight; // of the tenant
    struct str prompt;
    uint32_t flags;         // enum tokenize
    const uint32_t *tokens; // the prompt as they are, where token_count is not 0
    uint32_t token_count;
    struct sampling sampling;
    struct str stops[RESPONDER_STOPS_MAX];
    uint32_t stop_count;
    const struct constraint_wish *constraint; // what the answer may be; NULL: anything
    const struct hold_form *held;             // when it is held to that; NULL: from the beginning
    bool control;                             // control tokens are part of the text
    bool judged;          // the log-probabilities of the prompt's tokens are told too
    bool no_answer;       // it ends behind the prompt
    uint32_t tokens_most; // 0: as many as there is room for, RESPONDER_TOKENS at most
};
enum {
    RESPONDER_TOKENS = 2048, // of an answer for which no number is asked
    RESPONDER_MASK_SHARE = 20
};
// Copies what it needs. ERR_INPUT, ERR_LIMIT "generate.empty", "network.too_long" (the prompt),
// "generate.no_token" (one that the model does not have), "language.embeds" (it gives vectors);
// what tokenizer_encode and constraint_store_take give; ERR_BUSY "language.queue_full"; ERR_MEMORY.
enum err responder_ask(struct responder *responder, const struct responder_request *request,
                       struct fault *fault) MUST_USE;
// Nothing more is told of it. One that is not there is fine.
void responder_cancel(struct responder *responder, uint64_t id);
void responder_cancel_all(struct responder *responder);
// How many wait before it; 0: it has been begun, or is not there.
uint32_t responder_place(const struct responder *responder, uint64_t id);
// One step; false if there was nothing to do. Finding out which tokens a constraint allows takes a
// RESPONDER_MASK_SHARE-th of the time at most while others are answered: who is constrained waits.
bool responder_step(struct responder *responder);
uint32_t responder_count(const struct responder *responder); // of requests that have not ended
// One text as a vector (C) of length 1; what network_embed gives. ERR_INPUT "generate.empty".
enum err responder_embed(struct responder *responder, const uint32_t *tokens, uint32_t count,
                         float *out, struct fault *fault) MUST_USE;
