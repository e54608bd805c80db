// Inside of the child that serves a language model: what its loop (step_serve.c) and its questions
// (serve_ask.c, serve_embed.c) share. One thread.
#pragma once

#include "flow/flow.h"
#include "flow/steps/talk.h"
#include "model/language/responder.h"
#include "model/language/template/calls.h"
#include "model/language/template/chat.h"

enum { QUESTIONS_MAX = RESPONDER_SLOTS + RESPONDER_WAITING, CALL_IDS = 64 };

struct question {        // that the responder has
    uint64_t id;         // 0: the place is free
    uint32_t place;      // in the queue, as told last
    bool begun;          // it waits no longer
    bool calls;          // its answer may call tools: `reader` parts it
    bool echoes;         // its prompt, in `said`, is told first
    bool places;         // log-probabilities tell where in the text the token stands
    bool logprobs;       // of each token
    bool leads;          // its first piece has a blank that the prompt has not
    uint64_t characters; // that began before the next token
    struct buf said;     // of one that echoes, its prompt
    // Of one whose answer may call tools: what of it is text and what calls, not told yet.
    struct calls reader;
    bool read, called; // to its end; a call has begun
    struct buf told, deltas;
};

struct serving_child {
    struct step_context *context;
    struct gguf *file;
    struct tokenizer *tokenizer;
    struct responder *responder;
    struct chat *chat;       // NULL: its template cannot be used, or there is none
    struct fault chat_fault; // why; no code: there is none
    int listener;
    struct talk talk;
    bool ending; // the box has told it to
    struct question questions[QUESTIONS_MAX];
    struct embeddings *embeddings; // NULL: none were asked for yet
    uint64_t asked_us, told_us, tokens, answers;
    struct buf frame;
};

// step_serve.c: a frame to the box, about one question.
struct json_writer frame_begin(struct serving_child *child, uint64_t id);
void frame_end(struct serving_child *child, struct json_writer *out);
void frame_fault(struct serving_child *child, uint64_t id, enum err err, const struct fault *fault);

// ---- serve_ask.c -------------------------------------------------------------------------------
struct question *question_find(struct serving_child *child, uint64_t id); // or NULL
// A token's characters come behind those before.
void question_count(struct question *question, struct str bytes);
void question_close(struct question *question); // NULL is fine
void questions_close(struct serving_child *child);
// Asks the responder what a frame asks. What responder_ask and chat_prompt give; ERR_INPUT
// "language.no_tools": the model's template knows none.
enum err serving_ask(struct serving_child *child, uint64_t id, const struct json *frame,
                     struct fault *fault) MUST_USE;

// ---- serve_embed.c -----------------------------------------------------------------------------
// Takes the frame over unless it fails: ERR_INPUT "language.embeds_not", "language.bad_parameter"
// (dimensions, input); ERR_BUSY "language.queue_full"; what tokenizer_encode gives.
enum err embedding_add(struct serving_child *child, uint64_t id, struct json *frame,
                       struct fault *fault) MUST_USE;
void embedding_cancel(struct serving_child *child, uint64_t id); // one that is not there is fine
void embeddings_end(struct serving_child *child);                // all that are under way
void embeddings_close(struct serving_child *child);
uint32_t embeddings_count(const struct serving_child *child);
bool embeddings_step(struct serving_child *child); // one text; false: there is none
