// A language model that answers: maps its file and talks to the box over FOLDER/serve (talk.h)
// until it is told to end, or nobody has asked for a while.
//   inputs  model
//   options cache_bytes: of keys and values; idle_ms: ends after so long without a question
//
//   box     {"ask":ID,"tenant":N,"weight":W, "prompt":"…" or "messages":[…], "tools":[…],
//            "tokens_most":N, "stops":[…], "sampling":{…}, "part":N}
//           {"embed":ID,"texts":[…]}
//           {"cancel":ID}
//           {"end":true}                         once nothing is asked any more
//   child   {"id":ID,"queue":N}                   so many go before it; when that changes
//           {"id":ID,"text":"…","logprob":{…}}    a token; its text may be held back; the first
//                                                 with "prompt_tokens" and "shared_tokens" too
//           {"id":ID,"finish":"stop"|"length","text":"…","prompt_tokens":N,"shared_tokens":N,
//            "tokens":N}
//           {"id":ID,"vector":[…],"index":N}      one for each text, then a finish
//           {"id":ID,"err":"input","fault":{…}}
// One box at a time; whoever comes newly takes the place of the one before, whose questions go.
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/steps/steps_private.h"
#include "flow/steps/talk.h"
#include "model/language/responder.h"
#include "model/language/template/chat.h"

enum { QUEUE_TELL_MS = 1000, IDLE_POLL_MS = 250, BIASES_MAX = 1024 };

struct place_told {
    uint64_t id;
    uint32_t place;
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
    struct place_told waiting[RESPONDER_WAITING];
    uint32_t waiting_count;
    uint64_t asked_us, told_us, tokens, answers;
    struct buf frame;
};

// ---- saying -------------------------------------------------------------------------------------

static struct json_writer frame_begin(struct serving_child *child, uint64_t id) {
    buf_clear(&child->frame);
    struct json_writer out = json_writer_of(&child->frame);
    json_open_object(&out);
    json_set_u64(&out, "id", id);
    return out;
}

static void frame_end(struct serving_child *child, struct json_writer *out) {
    json_close_object(out);
    if (child->talk.fd >= 0 && buf_err(&child->frame) == OK) {
        talk_put(&child->talk, buf_str(&child->frame));
    }
}

static void say_fault(struct serving_child *child, uint64_t id, enum err err,
                      const struct fault *fault) {
    struct json_writer out = frame_begin(child, id);
    json_set_text(&out, "err", str_of(err_name(err)));
    json_put_name(&out, "fault");
    json_put_fault(&out, fault);
    frame_end(child, &out);
}

static void token_write(struct serving_child *child, struct json_writer *out,
                        const struct token_probability *one) {
    struct buf bytes;
    buf_open(&bytes, 64 << 10);
    tokenizer_decode(child->tokenizer, one->token, true, &bytes);
    json_open_object(out);
    json_set_text(out, "token", buf_str(&bytes)); // a part of a character becomes U+FFFD
    json_set_number(out, "logprob", (double)one->log_probability);
    json_put_name(out, "bytes");
    json_open_array(out);
    for (size_t i = 0; i < bytes.size; i++) json_put_u64(out, (uint8_t)bytes.data[i]);
    json_close_array(out);
    buf_close(&bytes);
}

// As OpenAI's "logprobs" tells a token.
static void choice_write(struct serving_child *child, struct json_writer *out,
                         const struct choice *choice) {
    if (choice->log_probability == 0 && choice->top_count == 0) return; // not asked for
    json_put_name(out, "logprob");
    token_write(child, out, &(struct token_probability){choice->token, choice->log_probability});
    json_put_name(out, "top_logprobs");
    json_open_array(out);
    for (uint32_t i = 0; i < choice->top_count; i++) {
        token_write(child, out, &choice->top[i]);
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
}

static void prompt_write(struct json_writer *out, const struct responder_event *event) {
    json_set_u64(out, "prompt_tokens", event->prompt_tokens);
    json_set_u64(out, "shared_tokens", event->shared_tokens);
}

static void on_event(void *ctx, const struct responder_event *event) {
    struct serving_child *child = ctx;
    if (event->kind == RESPONDER_FAILED) {
        say_fault(child, event->id, ERR_LIMIT, event->fault);
        return;
    }
    struct json_writer out = frame_begin(child, event->id);
    json_set_text(&out, "text", event->text);
    if (event->kind == RESPONDER_TOKEN) {
        child->tokens++;
        choice_write(child, &out, event->choice);
        if (event->tokens <= 1) prompt_write(&out, event); // it may be cancelled before its finish
    } else {
        child->answers++;
        json_set_text(&out, "finish",
                      event->finish == RESPONDER_STOP ? STR("stop") : STR("length"));
        prompt_write(&out, event);
        json_set_u64(&out, "tokens", event->tokens);
    }
    frame_end(child, &out);
}

static void places_tell(struct serving_child *child) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < child->waiting_count; i++) {
        struct place_told told = child->waiting[i];
        uint32_t place = responder_place(child->responder, told.id);
        if (place != told.place) {
            struct json_writer out = frame_begin(child, told.id);
            json_set_u64(&out, "queue", place);
            frame_end(child, &out);
        }
        told.place = place;
        if (place) child->waiting[kept++] = told;
    }
    child->waiting_count = kept;
    child->told_us = clock_monotonic_us();
}

// ---- asked --------------------------------------------------------------------------------------

static void biases_read(const struct json *node, struct sampling *sampling,
                        struct token_bias biases[static BIASES_MAX]) {
    uint64_t token;
    for (const struct json *one = json_first(node); one; one = json_next(one)) {
        if (sampling->bias_count == BIASES_MAX || !str_to_u64(json_name(one), &token)) continue;
        if (token > TOKENS_MAX) continue;
        double bias = json_number(one, 0);
        biases[sampling->bias_count++] = (struct token_bias){
            (uint32_t)token, bias <= -100 ? -INFINITY : (float)bias}; // OpenAI: -100 forbids
    }
}

static struct sampling sampling_read(const struct json *node,
                                     struct token_bias biases[static BIASES_MAX]) {
    struct sampling sampling = sampling_default();
    sampling.temperature = json_member_number(node, "temperature", 1);
    sampling.top_k = (uint32_t)json_member_u64(node, "top_k", 0);
    sampling.top_p = json_member_number(node, "top_p", 1);
    sampling.min_p = json_member_number(node, "min_p", 0);
    sampling.repeat_penalty = json_member_number(node, "repeat_penalty", 1);
    sampling.frequency_penalty = json_member_number(node, "frequency_penalty", 0);
    sampling.presence_penalty = json_member_number(node, "presence_penalty", 0);
    sampling.seed = json_member_u64(node, "seed", clock_monotonic_us());
    sampling.log_probabilities = json_member(node, "top") != NULL;
    sampling.top = (uint32_t)json_member_u64(node, "top", 0);
    sampling.biases = biases;
    biases_read(json_member(node, "logit_bias"), &sampling, biases);
    return sampling;
}

// Of a model without a template: what was said, one after the other.
static void messages_plain(const struct json *messages, struct buf *out) {
    for (const struct json *one = json_first(messages); one; one = json_next(one)) {
        if (out->size) buf_add_char(out, '\n');
        buf_add_str(out, json_member_text(one, "content"));
    }
}

static enum err prompt_make(struct serving_child *child, const struct json *frame, struct buf *out,
                            uint32_t *out_flags, struct fault *fault) {
    const struct json *messages = json_member(frame, "messages");
    *out_flags = TOKENIZE_ENDS;
    if (!messages) {
        buf_add_str(out, json_member_text(frame, "prompt"));
        return buf_err(out);
    }
    if (child->chat) {
        struct template_input input = {.messages = messages, .now_ms = clock_now_ms()};
        *out_flags = TOKENIZE_ENDS | TOKENIZE_CONTROL;
        return chat_prompt(child->chat, input, out, fault);
    }
    if (child->chat_fault.code[0]) {
        *fault = child->chat_fault;
        return ERR_INPUT;
    }
    messages_plain(messages, out);
    return buf_err(out);
}

static enum err ask(struct serving_child *child, uint64_t id, const struct json *frame,
                    struct fault *fault) {
    struct token_bias biases[BIASES_MAX];
    struct buf prompt;
    struct responder_request request = {
        .id = id,
        .tenant = json_member_u64(frame, "tenant", 0),
        .weight = json_member_number(frame, "weight", 1),
        .sampling = sampling_read(json_member(frame, "sampling"), biases),
        .tokens_most = (uint32_t)json_member_u64(frame, "tokens_most", 0),
    };
    request.sampling.seed += json_member_u64(frame, "part", 0); // choices differ
    const struct json *stops = json_member(frame, "stops");
    for (const struct json *one = json_first(stops); one; one = json_next(one)) {
        if (request.stop_count < RESPONDER_STOPS_MAX) {
            request.stops[request.stop_count++] = json_text(one);
        }
    }
    buf_open(&prompt, TALK_BYTES_MAX);
    enum err err = prompt_make(child, frame, &prompt, &request.flags, fault);
    request.prompt = buf_str(&prompt);
    if (err == OK) err = responder_ask(child->responder, &request, fault);
    buf_close(&prompt);
    if (err == OK && child->waiting_count < RESPONDER_WAITING) {
        child->waiting[child->waiting_count++] = (struct place_told){id, 0};
    }
    return err;
}

static enum err embed(struct serving_child *child, uint64_t id, const struct json *frame,
                      struct fault *fault) {
    uint32_t width = responder_about(child->responder)->width, tokens = 0, all = 0, index = 0;
    float *vector = memory_take(width * sizeof *vector);
    enum err err = vector ? OK : ERR_MEMORY;
    const struct json *text = json_first(json_member(frame, "texts"));
    for (; text && err == OK; text = json_next(text), index++) {
        err = responder_embed(child->responder, json_text(text), vector, &tokens, fault);
        if (err != OK) break;
        all += tokens;
        struct json_writer out = frame_begin(child, id);
        json_set_u64(&out, "index", index);
        json_put_name(&out, "vector");
        json_open_array(&out);
        for (uint32_t i = 0; i < width; i++) json_put_number(&out, (double)vector[i]);
        json_close_array(&out);
        frame_end(child, &out);
    }
    memory_give(vector);
    if (err != OK) return err;
    struct json_writer out = frame_begin(child, id);
    json_set_text(&out, "finish", STR("stop"));
    json_set_u64(&out, "prompt_tokens", all);
    json_set_u64(&out, "tokens", 0);
    frame_end(child, &out);
    return OK;
}

static void hear(struct serving_child *child, struct str text) {
    struct json *frame;
    struct fault fault = {0};
    if (json_parse(text, &frame, &fault) != OK) return;
    uint64_t id = json_member_u64(frame, "ask", 0), cancelled = json_member_u64(frame, "cancel", 0);
    uint64_t embeds = json_member_u64(frame, "embed", 0);
    enum err err = OK;
    child->asked_us = clock_monotonic_us();
    child->ending = child->ending || json_member_bool(frame, "end", false);
    if (cancelled) responder_cancel(child->responder, cancelled);
    if (id) err = ask(child, id, frame, &fault);
    if (embeds) err = embed(child, embeds, frame, &fault);
    if (err != OK) say_fault(child, id ? id : embeds, err, &fault);
    json_close(frame);
}

// ---- the loop -----------------------------------------------------------------------------------

// Nobody waits for these answers any more.
static void part(struct serving_child *child) {
    talk_close(&child->talk);
    responder_cancel_all(child->responder);
    child->waiting_count = 0;
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

static bool idle(const struct serving_child *child, uint64_t idle_ms) {
    if (responder_count(child->responder) > 0) return false;
    return child->ending || clock_monotonic_us() - child->asked_us > idle_ms * 1000;
}

// Until it is told to end: ERR_CANCELLED; or has been idle.
static enum err serve(struct serving_child *child) {
    struct progress *progress = child->context->progress;
    uint64_t idle_ms = json_member_u64(step_options(child->context), "idle_ms", 600000);
    child->asked_us = clock_monotonic_us();
    while (!progress_cancelled(progress) && !idle(child, idle_ms)) {
        listen_to(child, responder_count(child->responder) ? 0 : IDLE_POLL_MS);
        bool worked = responder_step(child->responder);
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
    responder_close(child->responder);
    chat_close(child->chat);
    tokenizer_close(child->tokenizer);
    gguf_close(child->file);
    buf_close(&child->frame);
    return err;
}
