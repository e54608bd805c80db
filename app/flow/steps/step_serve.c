// A language model that answers: maps its file and talks to the box over FOLDER/serve (talk.h)
// until it is told to end, or nobody has asked for a while.
//   inputs  model
//   options cache_bytes: of keys and values; idle_ms: ends after so long without a question
//
//   box     {"ask":ID,"tenant":N,"weight":W, "prompts":["…" or [token, …], …] of which the one of
//            "part" / "each" is meant, "suffix":"…", "echo":B, "no_answer":B; or
//            "messages":[…], "tools":[…],
//            "call":"none"|"auto"|"required"|{"name":"…"}, "several":B, "more":{…},
//            "json":true or "schema":{…} or "grammar":"…" or "regex":"…" or
//            "choices":[…],
//            "tokens_most":N, "stops":[…], "sampling":{…}, "part":N}
//           {"embed":ID,"tenant":N,"weight":W,"texts":["…" or [token, …], …],"dimensions":N,
//            "base64":B}
//           {"cancel":ID}
//           {"end":true}                         once nothing is asked any more
//   child   {"id":ID,"echo":"…"}                 the prompt, where it is wanted
//           {"id":ID,"judged":{…}}               a token of it, as "logprob" tells one
//           {"id":ID,"queue":N}                   so many go before it; when that changes
//           {"id":ID,"text":"…","calls":[…],"logprob":{…}}
//                                                 a token; its text may be held back; the first
//                                                 with "prompt_tokens" and "shared_tokens" too
//           {"id":ID,"finish":"stop"|"length"|"tool_calls","text":"…","calls":[…],
//            "prompt_tokens":N,"shared_tokens":N,"tokens":N,"drafted":N,"held":N}
//                                                 "calls": what has come of calls of tools, each
//                                                 {"index":N,"id":"…","name":"…"} where one begins,
//                                                 then {"index":N,"arguments":"…"}, any number
//           {"id":ID,"vector":[…],"index":N}      one for each text, then a finish
//           {"id":ID,"err":"input","fault":{…}}
// One box at a time; whoever comes newly takes the place of the one before, whose questions go.
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/steps/serving.h"
#include "flow/steps/steps_private.h"

enum { QUEUE_TELL_MS = 1000, IDLE_POLL_MS = 250 };

// ---- saying -------------------------------------------------------------------------------------

struct json_writer frame_begin(struct serving_child *child, uint64_t id) {
    buf_clear(&child->frame);
    struct json_writer out = json_writer_of(&child->frame);
    json_open_object(&out);
    json_set_u64(&out, "id", id);
    return out;
}

void frame_end(struct serving_child *child, struct json_writer *out) {
    json_close_object(out);
    if (child->talk.fd >= 0 && buf_err(&child->frame) == OK) {
        talk_put(&child->talk, buf_str(&child->frame));
    }
}

void frame_fault(struct serving_child *child, uint64_t id, enum err err,
                 const struct fault *fault) {
    struct json_writer out = frame_begin(child, id);
    json_set_text(&out, "err", str_of(err_name(err)));
    json_put_name(&out, "fault");
    json_put_fault(&out, fault);
    frame_end(child, &out);
}

// An object of a token that its caller closes, with more in it or not.
static void token_begin(struct serving_child *child, struct json_writer *out,
                        const struct token_probability *one) {
    struct buf bytes;
    buf_open(&bytes, 64 << 10);
    tokenizer_decode(child->tokenizer, one->token, true, &bytes);
    json_open_object(out);
    json_set_text(out, "token", buf_str(&bytes)); // a part of a character becomes U+FFFD
    if (one->log_probability <= 0) {
        json_set_number(out, "logprob", (double)one->log_probability);
    } else {
        json_set_null(out, "logprob"); // of the first of a prompt
    }
    json_put_name(out, "bytes");
    json_open_array(out);
    for (size_t i = 0; i < bytes.size; i++) json_put_u64(out, (uint8_t)bytes.data[i]);
    json_close_array(out);
    buf_close(&bytes);
}

// As OpenAI's "logprobs" tells a token; "offset": how many characters of the text begin before it.
static void choice_write(struct serving_child *child, struct question *question,
                         struct json_writer *out, const char *name, const struct choice *choice) {
    struct buf bytes;
    if (!question || !question->logprobs) return;
    json_put_name(out, name);
    token_begin(child, out, &(struct token_probability){choice->token, choice->log_probability});
    json_put_name(out, "top_logprobs");
    json_open_array(out);
    for (uint32_t i = 0; i < choice->top_count; i++) {
        token_begin(child, out, &choice->top[i]);
        json_close_object(out);
    }
    json_close_array(out);
    uint64_t at = question->characters;
    if (question->places) json_set_u64(out, "offset", at - (question->leads && at));
    json_close_object(out);
    buf_open(&bytes, 64 << 10);
    tokenizer_decode(child->tokenizer, choice->token, false, &bytes);
    question_count(question, buf_str(&bytes));
    buf_close(&bytes);
}

static void prompt_write(struct json_writer *out, const struct responder_event *event) {
    json_set_u64(out, "prompt_tokens", event->prompt_tokens);
    json_set_u64(out, "shared_tokens", event->shared_tokens);
}

// What of a question's answer may be told now: all; or what its reader is sure of, calls apart.
static void text_write(struct question *question, struct json_writer *out, struct str text) {
    if (!question || !question->calls) {
        json_set_text(out, "text", text);
        return;
    }
    calls_put(&question->reader, text);
    json_set_text(out, "text", buf_str(&question->told));
}

static void calls_write(struct question *question, struct json_writer *out) {
    if (!question || !question->calls) return;
    if (question->deltas.size) {
        json_put_name(out, "calls");
        json_open_array(out);
        json_put_raw(out, buf_str(&question->deltas));
        json_close_array(out);
    }
    buf_clear(&question->told);
    buf_clear(&question->deltas);
}

// The prompt before all else.
static void echo_tell(struct serving_child *child, struct question *question,
                      const struct responder_event *event) {
    if (!question || !question->echoes) return;
    struct json_writer out = frame_begin(child, event->id);
    question->echoes = false;
    json_set_text(&out, "echo", buf_str(&question->said));
    prompt_write(&out, event);
    frame_end(child, &out);
    if (event->kind != RESPONDER_PROMPT) question_count(question, buf_str(&question->said));
}

static void judged_tell(struct serving_child *child, const struct responder_event *event) {
    static const struct choice first = {.log_probability = 1};
    struct question *question = question_find(child, event->id);
    struct choice choice = event->choice ? *event->choice : first;
    struct buf bytes;
    choice.token = event->token;
    echo_tell(child, question, event);
    if (question && question->characters == 0) { // pieces may begin with a blank of their own
        buf_open(&bytes, 64 << 10);
        tokenizer_decode(child->tokenizer, choice.token, false, &bytes);
        question->leads = bytes.size && bytes.data[0] == ' ' &&
                          (!question->said.size || question->said.data[0] != ' ');
        buf_close(&bytes);
    }
    struct json_writer out = frame_begin(child, event->id);
    choice_write(child, question, &out, "judged", &choice);
    frame_end(child, &out);
}

static void token_tell(struct serving_child *child, const struct responder_event *event) {
    struct question *question = question_find(child, event->id);
    echo_tell(child, question, event);
    struct json_writer out = frame_begin(child, event->id);
    child->tokens++;
    text_write(question, &out, event->text);
    calls_write(question, &out);
    choice_write(child, question, &out, "logprob", event->choice);
    if (event->tokens <= 1) prompt_write(&out, event); // it may be cancelled before its finish
    frame_end(child, &out);
}

// The rest of the answer.
static void end_tell(struct serving_child *child, const struct responder_event *event) {
    struct question *question = question_find(child, event->id);
    struct str finish = event->finish == RESPONDER_STOP ? STR("stop") : STR("length");
    enum err err = OK;
    echo_tell(child, question, event);
    if (question && question->calls) {
        calls_put(&question->reader, event->text);
        err = calls_end(&question->reader);
        question->read = true;
        if (question->called && event->finish == RESPONDER_STOP) finish = STR("tool_calls");
        if (err == OK) err = buf_err(&question->told);
        if (err == OK) err = buf_err(&question->deltas);
    }
    if (err != OK) {
        struct fault fault = {0};
        (void)!fault_set(&fault, err, "json.too_large", STR_NONE);
        frame_fault(child, event->id, err, &fault);
        question_close(question);
        return;
    }
    struct json_writer out = frame_begin(child, event->id);
    child->answers++;
    bool parted = question && question->calls;
    json_set_text(&out, "text", parted ? buf_str(&question->told) : event->text);
    calls_write(question, &out);
    json_set_text(&out, "finish", finish);
    prompt_write(&out, event);
    json_set_u64(&out, "tokens", event->tokens);
    json_set_u64(&out, "drafted", event->drafted);
    json_set_u64(&out, "held", event->held);
    frame_end(child, &out);
    question_close(question);
}

static void on_event(void *ctx, const struct responder_event *event) {
    struct serving_child *child = ctx;
    if (event->kind == RESPONDER_PROMPT) {
        judged_tell(child, event);
    } else if (event->kind == RESPONDER_TOKEN) {
        token_tell(child, event);
    } else if (event->kind == RESPONDER_ENDED) {
        end_tell(child, event);
    } else {
        frame_fault(child, event->id, ERR_LIMIT, event->fault);
        question_close(question_find(child, event->id));
    }
}

static void places_tell(struct serving_child *child) {
    for (uint32_t i = 0; i < QUESTIONS_MAX; i++) {
        struct question *question = &child->questions[i];
        if (!question->id || question->begun) continue;
        uint32_t place = responder_place(child->responder, question->id);
        if (place != question->place) {
            struct json_writer out = frame_begin(child, question->id);
            json_set_u64(&out, "queue", place);
            frame_end(child, &out);
        }
        question->place = place;
        question->begun = place == 0;
    }
    child->told_us = clock_monotonic_us();
}

// ---- asked --------------------------------------------------------------------------------------

static void hear(struct serving_child *child, struct str text) {
    struct json *frame;
    struct fault fault = {0};
    if (json_parse(text, &frame, &fault) != OK) return;
    uint64_t id = json_member_u64(frame, "ask", 0), cancelled = json_member_u64(frame, "cancel", 0);
    uint64_t embeds = json_member_u64(frame, "embed", 0);
    enum err err = OK;
    child->asked_us = clock_monotonic_us();
    if (cancelled) {
        responder_cancel(child->responder, cancelled);
        question_close(question_find(child, cancelled));
        embedding_cancel(child, cancelled);
    }
    child->ending = child->ending || json_member_bool(frame, "end", false);
    if (id) err = serving_ask(child, id, frame, &fault);
    if (embeds) err = embedding_add(child, embeds, frame, &fault);
    if (err != OK && !fault.code[0]) {
        (void)!fault_set(&fault, err, err == ERR_MEMORY ? "base.no_memory" : "json.too_large",
                         STR_NONE);
    }
    if (err != OK) frame_fault(child, id ? id : embeds, err, &fault);
    if (!embeds || err != OK) json_close(frame);
}

// ---- the loop -----------------------------------------------------------------------------------

// Nobody waits for these answers any more.
static void part(struct serving_child *child) {
    talk_close(&child->talk);
    responder_cancel_all(child->responder);
    questions_close(child);
    embeddings_end(child);
}

static void meet(struct serving_child *child) {
    int fd = accept4(child->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    part(child);
    talk_open(&child->talk, fd);
    child->asked_us = clock_monotonic_us();
}

static void listen_to(struct serving_child *child, int patience_ms) {
    struct pollfd polled[] = {{.fd = child->listener, .events = POLLIN},
                              {.fd = child->talk.fd, .events = POLLIN}};
    if (talk_waits(&child->talk)) polled[1].events |= POLLOUT;
    if (poll(polled, 2, patience_ms) <= 0) return;
    if (polled[0].revents) meet(child);
    if (child->talk.fd < 0 || !polled[1].revents) return;
    bool there = talk_read(&child->talk);
    struct str text;
    enum err err;
    while ((err = talk_take(&child->talk, &text)) == OK) hear(child, text);
    if (!there || err == ERR_INPUT) part(child);
}

static bool is_busy(const struct serving_child *child) {
    return responder_count(child->responder) > 0 || embeddings_count(child) > 0;
}

static bool idle(const struct serving_child *child, uint64_t idle_ms) {
    if (is_busy(child)) return false;
    return child->ending || clock_monotonic_us() - child->asked_us > idle_ms * 1000;
}

// Until it is told to end: ERR_CANCELLED; or has been idle.
static enum err serve(struct serving_child *child) {
    struct progress *progress = child->context->progress;
    uint64_t idle_ms = json_member_u64(step_options(child->context), "idle_ms", 600000);
    child->asked_us = clock_monotonic_us();
    while (!progress_cancelled(progress) && !idle(child, idle_ms)) {
        listen_to(child, is_busy(child) ? 0 : IDLE_POLL_MS);
        bool worked = responder_step(child->responder);
        worked = embeddings_step(child) || worked;
        if (worked) child->asked_us = clock_monotonic_us();
        if (clock_monotonic_us() - child->told_us > (uint64_t)QUEUE_TELL_MS * 1000) {
            places_tell(child);
            if (progress) atomic_store(&progress->rows, child->tokens);
        }
        if (child->talk.fd >= 0 && !talk_write(&child->talk)) part(child);
    }
    // Whoever asks meanwhile sees the end, and asks another.
    while (child->talk.fd >= 0 && talk_waits(&child->talk) && talk_write(&child->talk)) continue;
    talk_close(&child->talk);
    return progress_cancelled(progress) ? ERR_CANCELLED : OK;
}

// A template that cannot be used does not keep a model from going on with texts.
static enum err chat_make(struct serving_child *child) {
    if (!gguf_text(child->file, "tokenizer.chat_template", STR_NONE).size) return OK;
    enum err err =
        chat_open(child->file, child->tokenizer, STR_NONE, &child->chat, &child->chat_fault);
    return err == ERR_MEMORY ? err : OK;
}

static enum err child_open(struct serving_child *child) {
    struct step_context *context = child->context;
    const char *path;
    enum err err = step_input(context, "model", &path);
    if (err == OK) err = gguf_open(path, &child->file, context->fault);
    if (err == OK) err = tokenizer_open(child->file, &child->tokenizer, context->fault);
    if (err == OK) err = chat_make(child);
    if (err != OK) return err;
    struct responder_setup setup = {
        .file = child->file,
        .tokenizer = child->tokenizer,
        .threads = step_threads(context),
        .cache_bytes = json_member_u64(step_options(context), "cache_bytes", 0),
        .event = on_event,
        .ctx = child,
    };
    err = responder_open(&setup, &child->responder, context->fault);
    if (err != OK) return err;
    // Only now: who can reach it is answered.
    child->listener = talk_listen(context->folder);
    return child->listener >= 0 ? OK : fault_errno(context->fault, errno, STR("serve"));
}

enum err step_serve(struct step_context *context) {
    struct serving_child *child = ARENA_NEW(context->arena, struct serving_child);
    if (!child) return ERR_MEMORY;
    *child = (struct serving_child){.context = context, .listener = -1, .talk.fd = -1};
    buf_open(&child->frame, TALK_BYTES_MAX);
    enum err err = child_open(child);
    if (err == OK) err = serve(child);
    json_set_u64(context->summary, "answers", child->answers);
    json_set_u64(context->summary, "tokens", child->tokens);
    if (child->listener >= 0) close(child->listener);
    questions_close(child);
    embeddings_close(child);
    responder_close(child->responder);
    chat_close(child->chat);
    tokenizer_close(child->tokenizer);
    gguf_close(child->file);
    buf_close(&child->frame);
    return err;
}
