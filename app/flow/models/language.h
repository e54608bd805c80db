// Inside of flow's language models. Who calls what: operations and the beginning of an answer
// (language.c, openai.c, openai_asked.c) run on the caller's thread; one thread (language_relay.c)
// talks to the children that serve models and fills answers; whoever holds an answer is woken,
// takes what has come and closes it, from any thread. The lock of struct language protects its
// answers and all they hold, and what is said to be; no transaction is begun and nothing is awaited
// under it.
#pragma once

#include <pthread.h>

#include "flow/flow_private.h"
#include "flow/models/language_guard.h"

enum {
    ANSWERS_MAX = 256,      // under way or waiting, of the whole box
    ANSWERS_PERSON_MAX = 8, // of one person
    ANSWER_PARTS_MAX = 16,  // choices of all prompts of one request
    ANSWER_TRIES = 2,       // an answer that was not begun is asked again of the next child
    LANGUAGE_NAME_BYTES = 100,
    LANGUAGE_IDLE_MS = 10 * 60 * 1000, // nobody asks: its job ends
};
#define ANSWER_BYTES_MAX ((size_t)32 << 20)

enum answer_kind { ANSWER_CHAT, ANSWER_TEXT, ANSWER_VECTORS };
struct answer_part {           // one of the choices
    struct buf text, logprobs; // of a whole answer
    struct buf calls;          // of tools: OpenAI's tool_calls in JSON, without the brackets
    struct buf given;          // what the last of them is given so far, which stands there then
    bool calling;              // there is such a one
    bool ended, stopped;
    bool filtered; // the guard has ended it
    uint64_t tokens, prompt_tokens, shared_tokens;
    uint64_t drafted, held; // of drafts; those of them that came true. Known at its end
    struct screen *screen;  // what it says goes through; NULL: nobody looks
};
struct flow_answer {
    struct flow_answer *next;
    struct flow *flow;
    struct flow_waker waker;
    uint64_t id; // parts: id, id + 1, …
    uint64_t model;
    char name[LANGUAGE_NAME_BYTES + 1]; // of the model
    uint64_t person, tenant;
    char person_name[LIMIT_NAME_BYTES + 1];
    enum answer_kind kind;
    bool streams, tells_usage;
    uint32_t parts_count, each, tries; // each: choices of one prompt, which stand side by side
    struct answer_part parts[ANSWER_PARTS_MAX];
    struct buf asked;   // JSON members of the frame
    struct buf out;     // for the client, not taken yet
    bool sent, begun;   // to the child; something came of it
    bool ended, failed; // failed: `err` and `fault` are the answer
    enum err err;
    struct fault fault;
    int64_t created_s;
    uint64_t prompt_tokens, shared_tokens;
    struct language_guard guard;
};

// ---- language.c --------------------------------------------------------------------------------
// The call's model; ERR_NOT_FOUND also for one that is put away.
enum err language_load(struct store_txn *txn, const struct call *call,
                       struct language_model *out) MUST_USE;
enum err language_answer(struct flow *flow, struct call *call) MUST_USE; // answers with that model
// What serving it asks of the machine, and of that the cache's part.
uint64_t language_memory(const struct language_model *model, uint64_t *out_cache);
// The model of that name, or id as a name, ready and on: ERR_NOT_FOUND "language.not_found".
enum err language_named(struct store_txn *txn, struct arena *arena, struct str name,
                        struct language_model *out, struct fault *fault) MUST_USE;
// The job that serves it, made if there is none that waits or runs. ERR_NOT_FOUND
// "language.not_found" where the model is gone or off.
enum err language_serve(struct flow *flow, struct arena *arena, uint64_t model, uint64_t *out_job,
                        struct fault *fault) MUST_USE;

// ---- language_service.c ------------------------------------------------------------------------
// Whether somebody serves it now, since when, and for how many. `txn` may be NULL where it has
// never been served.
void view_service(struct flow *flow, struct store_txn *txn, struct arena *arena,
                  struct json_writer *out, const struct language_model *model);

// ---- openai_asked.c: members of the frame that the child is asked with, of every route ----------
// All that is asked, into answer->asked, with the choices and streaming of `answer`. `weight`: of
// the department. ERR_INPUT "language.bad_parameter", "language.unsupported" (detail: which), and
// what the parts below give; ERR_LIMIT.
struct json;
struct json_writer;
enum err asked_write(const struct call *call, struct flow_answer *answer, double weight) MUST_USE;
// What a child is sent of one part; under the lock.
void answer_frame(const struct flow_answer *answer, uint32_t part, struct buf *out);
// A member that is there and not null; or NULL.
const struct json *parameter(const struct json *object, const char *name);
// ERR_INPUT "language.bad_parameter", "language.unsupported", with the parameter's name.
enum err parameter_bad(const struct call *call, const char *name) MUST_USE;
enum err parameter_unsupported(const struct call *call, const char *name) MUST_USE;
// A text as its tokens, whole numbers; the child knows which there are.
bool parameter_is_tokens(const struct json *node);
// As a list: the only item of it (`one`), or a list already.
void parameter_list_write(struct json_writer *out, const char *name, const struct json *node,
                          bool one);

// ---- openai_wish.c: what the answer may be, the tools it may call -------------------------------
// ERR_INPUT "language.bad_parameter", "language.unsupported", "language.tool_unknown",
// "language.tool_twice".
enum err wish_write(const struct call *call, struct json_writer *out, bool chat) MUST_USE;
// Of a message, what is beside its role and its text.
enum err message_more_write(const struct call *call, struct json_writer *out,
                            const struct json *message) MUST_USE;

// ---- openai_text.c: of /v1/completions ----------------------------------------------------------
// The prompts and what is asked of them; parts_count becomes that of all. ERR_INPUT
// "language.bad_parameter", "language.unsupported", "language.choices_many".
enum err text_asked_write(const struct call *call, struct flow_answer *answer,
                          struct json_writer *out) MUST_USE;
void text_logprobs_write(struct json_writer *out, struct str list); // of a child's, with commas

// ---- openai_calls.c: of /v1/chat/completions ----------------------------------------------------
void calls_hear(struct answer_part *part, const struct json *calls); // of a frame of the child
void calls_over(struct answer_part *part);                           // nothing more comes of them
// Members of a message, and of a delta: of one that calls_hear takes.
void calls_whole_write(struct json_writer *out, const struct answer_part *part);
void call_delta_write(struct json_writer *out, const struct json *told);
// The whole calls as calls_hear takes them: for a stream that was not told of them before.
enum err calls_told(const struct answer_part *part, struct json **out) MUST_USE;

// ---- openai_answer.c: under the lock ------------------------------------------------------------
// A frame of the child about one part; answer->ended: it was the last.
void answer_hear(struct flow_answer *answer, uint32_t part, const struct json *frame);
void answer_waits(struct flow_answer *answer, uint64_t place); // tells the client, if it streams
void answer_fail(struct flow_answer *answer, enum err err, const struct fault *fault);

// ---- language_relay.c --------------------------------------------------------------------------
enum err language_open(struct flow *flow) MUST_USE;
void language_close(struct flow *flow);
// Takes it over if there is room: ERR_BUSY "language.queue_full", "language.too_many".
enum err language_put(struct flow *flow, struct flow_answer *answer, struct fault *fault) MUST_USE;
void answer_free(struct flow_answer *answer);
// Questions to that model that are not answered yet, those included that wait.
uint32_t language_requests(struct flow *flow, uint64_t model);
