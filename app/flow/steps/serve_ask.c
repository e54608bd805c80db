// Questions of the box, made into what the responder answers: the prompt by the model's template,
// how tokens are chosen, what the answer may be.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "flow/steps/serving.h"
#include "model/language/fill.h"
#include "model/language/stream.h"

enum { BIASES_MAX = 1024 };

// ---- questions ----------------------------------------------------------------------------------

struct question *question_find(struct serving_child *child, uint64_t id) {
    for (uint32_t i = 0; i < QUESTIONS_MAX; i++) {
        if (child->questions[i].id == id) return &child->questions[i];
    }
    return NULL;
}

void question_count(struct question *question, struct str bytes) {
    for (size_t i = 0; i < bytes.size; i++) {
        question->characters += ((uint8_t)bytes.data[i] & 0xC0) != 0x80;
    }
}

void question_close(struct question *question) {
    if (!question) return;
    if (question->calls && !question->read) (void)!calls_end(&question->reader);
    buf_close(&question->said);
    buf_close(&question->told);
    buf_close(&question->deltas);
    *question = (struct question){.id = 0};
}

void questions_close(struct serving_child *child) {
    for (uint32_t i = 0; i < QUESTIONS_MAX; i++) question_close(&child->questions[i]);
}

// ---- sampling -----------------------------------------------------------------------------------

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

// ---- the prompt ---------------------------------------------------------------------------------

struct asking {
    struct serving_child *child;
    const struct json *frame;
    const struct json *tools;     // NULL: none, or none may be called
    bool must_call, may_call;     // may_call: beside free text
    const struct call_form *form; // where there are tools
    struct hold_form held;        // of one that may call
    struct responder_request request;
    struct token_bias biases[BIASES_MAX];
    struct buf prompt, tokens, key; // tokens: the prompt's, where it is told so
    struct constraint_wish wish;
};

static const struct json *prompt_told(const struct asking *asking) {
    const struct json *one = json_first(json_member(asking->frame, "prompts"));
    uint64_t each = json_member_u64(asking->frame, "each", 1);
    uint64_t skip = json_member_u64(asking->frame, "part", 0) / (each ? each : 1);
    for (; one && skip > 0; skip--) one = json_next(one);
    return one;
}

// A text that is gone on with, or filled in.
static enum err text_make(struct asking *asking, struct fault *fault) {
    const struct json *prompt = prompt_told(asking), *after = json_member(asking->frame, "suffix");
    const struct tokenizer *tokenizer = asking->child->tokenizer;
    struct fill_tokens fill;
    if (after && !fill_tokens_of(asking->child->file, tokenizer, &fill)) {
        return fault_set(fault, ERR_INPUT, "language.no_fill", STR_NONE);
    }
    if (after && !json_is_string(prompt)) {
        return fault_set(fault, ERR_INPUT, "language.bad_parameter", STR("suffix"));
    }
    if (after) {
        return fill_encode(tokenizer, &fill, json_text(prompt), json_text(after), &asking->tokens,
                           fault);
    }
    if (json_is_string(prompt)) {
        buf_add_str(&asking->prompt, json_text(prompt));
        return buf_err(&asking->prompt);
    }
    for (const struct json *i = json_first(prompt); i; i = json_next(i)) {
        double told = json_number(i, 0);
        uint32_t token = told < TOKEN_NONE ? (uint32_t)told : TOKEN_NONE;
        buf_add(&asking->tokens, &token, sizeof token);
        if (token < tokenizer_count(tokenizer)) {
            tokenizer_decode(tokenizer, token, false, &asking->prompt);
        }
    }
    return buf_err(&asking->tokens);
}

// Of a model without a template: what was said, one after the other.
static void messages_plain(const struct json *messages, struct buf *out) {
    for (const struct json *one = json_first(messages); one; one = json_next(one)) {
        if (out->size) buf_add_char(out, '\n');
        buf_add_str(out, json_member_text(one, "content"));
    }
}

static enum err tools_read(struct asking *asking, struct fault *fault) {
    const struct json *call = json_member(asking->frame, "call");
    asking->tools = json_member(asking->frame, "tools");
    if (!asking->tools) return OK;
    asking->form = asking->child->chat ? chat_call_form(asking->child->chat) : NULL;
    if (!asking->form) {
        return fault_set(fault, ERR_INPUT, "language.no_tools", STR_NONE);
    }
    if (str_is(json_text(call), "none")) asking->tools = NULL;
    asking->must_call = json_is_object(call) || str_is(json_text(call), "required");
    return OK;
}

static enum err prompt_make(struct asking *asking, struct fault *fault) {
    struct serving_child *child = asking->child;
    const struct json *messages = json_member(asking->frame, "messages");
    struct buf *out = &asking->prompt;
    asking->request.flags = TOKENIZE_ENDS;
    if (!messages) return text_make(asking, fault);
    if (child->chat) {
        struct template_input input = {.messages = messages,
                                       .tools = asking->tools,
                                       .more = json_member(asking->frame, "more"),
                                       .now_ms = clock_now_ms()};
        asking->request.flags |= TOKENIZE_CONTROL;
        enum err err = chat_prompt(child->chat, input, out, fault);
        if (err == OK && asking->must_call) buf_add_text(out, asking->form->begin);
        return err == OK ? buf_err(out) : err;
    }
    if (child->chat_fault.code[0]) {
        *fault = child->chat_fault;
        return ERR_INPUT;
    }
    messages_plain(messages, out);
    return buf_err(out);
}

// ---- what the answer may be ---------------------------------------------------------------------

static enum err choices_make(const struct json *choices, struct grammar **out,
                             struct fault *fault) {
    uint32_t count = (uint32_t)json_count(choices), at = 0;
    struct str *texts = memory_take((count + 1) * sizeof *texts);
    if (!texts) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    for (const struct json *i = json_first(choices); i; i = json_next(i))
        texts[at++] = json_text(i);
    enum err err = grammar_of_choices(texts, count, out, fault);
    memory_give(texts);
    return err;
}

static enum call_way way_of(const struct asking *asking) {
    if (asking->must_call) return CALL_MUST;
    return asking->may_call ? CALL_MAY : CALL_EITHER;
}

static enum err calls_make(const struct asking *asking, struct grammar **out, struct fault *fault) {
    bool several = json_member_bool(asking->frame, "several", false);
    enum call_way way = way_of(asking);
    struct grammar_calls calls = call_grammar(asking->form, way, several);
    struct json *any = NULL;
    enum err err = OK;
    if (json_member(asking->frame, "json")) {
        err = json_parse(STR("{\"type\":\"object\"}"), &any, fault);
    }
    calls.tools = asking->tools;
    calls.only = json_member_text(json_member(asking->frame, "call"), "name");
    if (way == CALL_EITHER) calls.otherwise = any ? any : json_member(asking->frame, "schema");
    if (err == OK) err = grammar_of_calls(&calls, out, fault);
    json_close(any);
    return err;
}

static enum err grammar_make(void *ctx, struct grammar **out, struct fault *fault) {
    const struct asking *asking = ctx;
    const struct json *schema = json_member(asking->frame, "schema"),
                      *text = json_member(asking->frame, "grammar"),
                      *regex = json_member(asking->frame, "regex"),
                      *choices = json_member(asking->frame, "choices");
    if (asking->tools) return calls_make(asking, out, fault);
    if (schema) return grammar_of_schema(schema, out, fault);
    if (text) return grammar_of_text(json_text(text), out, fault);
    if (regex) return grammar_of_regex(json_text(regex), out, fault);
    if (choices) return choices_make(choices, out, fault);
    return grammar_of_json(out, fault);
}

// Members of the frame become part of the key; whether there is one.
static bool key_add(struct asking *asking, const char *const *names) {
    bool any = false;
    for (; *names; names++) {
        const struct json *node = json_member(asking->frame, *names);
        if (!node) continue;
        any = true;
        buf_add_text(&asking->key, *names);
        json_write(&asking->key, node);
    }
    return any;
}

// The key is all that grammar_make looks at.
static enum err constraint_wish_make(struct asking *asking) {
    static const char *const forms[] = {"json", "schema", "grammar", "regex", "choices", NULL},
                             *const of_calls[] = {"call", "several", NULL};
    buf_open(&asking->key, TALK_BYTES_MAX);
    bool any = key_add(asking, forms);
    (void)key_add(asking, of_calls);
    if (asking->tools) json_write(&asking->key, asking->tools);
    asking->may_call = asking->tools && !any && !asking->must_call;
    if (asking->may_call) {
        bool several = json_member_bool(asking->frame, "several", false);
        buf_add_text(&asking->key, "may");
        asking->held = call_hold(asking->form, several ? CALL_IDS : 1);
        asking->request.held = &asking->held;
    } else if (!any && !asking->must_call) {
        return OK;
    }
    asking->wish = (struct constraint_wish){buf_str(&asking->key), grammar_make, asking};
    asking->request.constraint = &asking->wish;
    return buf_err(&asking->key);
}

// ---- the question -------------------------------------------------------------------------------

static void request_read(struct asking *asking, uint64_t id) {
    const struct json *frame = asking->frame;
    struct responder_request *request = &asking->request;
    *request = (struct responder_request){
        .id = id,
        .tenant = json_member_u64(frame, "tenant", 0),
        .weight = json_member_number(frame, "weight", 1),
        .sampling = sampling_read(json_member(frame, "sampling"), asking->biases),
        .tokens_most = (uint32_t)json_member_u64(frame, "tokens_most", 0),
    };
    request->sampling.seed += json_member_u64(frame, "part", 0); // choices differ
    request->no_answer = json_member_bool(frame, "no_answer", false);
    request->judged = request->sampling.log_probabilities && json_member_bool(frame, "echo", false);
    const struct json *stops = json_member(frame, "stops");
    for (const struct json *one = json_first(stops); one; one = json_next(one)) {
        if (request->stop_count < RESPONDER_STOPS_MAX) {
            request->stops[request->stop_count++] = json_text(one);
        }
    }
}

// What the reader of an answer with calls tells, until the next frame takes it.
static void question_hear(void *ctx, const struct call_event *event) {
    struct question *question = ctx;
    char id[32];
    if (event->kind == CALL_TEXT) buf_add_str(&question->told, event->text);
    if (event->kind != CALL_BEGINS && event->kind != CALL_GIVEN) return;
    struct json_writer out = json_writer_of(&question->deltas);
    if (question->deltas.size) buf_add_char(&question->deltas, ',');
    json_open_object(&out);
    json_set_u64(&out, "index", event->index);
    if (event->kind == CALL_BEGINS) {
        question->called = true;
        snprintf(id, sizeof id, "call_%" PRIu64, question->id * CALL_IDS + event->index);
        json_set_text(&out, "id", str_of(id));
        json_set_text(&out, "name", event->text);
    } else {
        json_set_text(&out, "arguments", event->text);
    }
    json_close_object(&out);
}

static void question_open(struct asking *asking, uint64_t id) {
    struct question *question = question_find(asking->child, 0);
    if (!question) return; // there are as many as the responder takes
    *question = (struct question){.id = id,
                                  .calls = asking->tools != NULL,
                                  .echoes = json_member_bool(asking->frame, "echo", false),
                                  .places = !json_member(asking->frame, "messages"),
                                  .logprobs = asking->request.sampling.log_probabilities};
    buf_open(&question->said, TALK_BYTES_MAX);
    buf_open(&question->told, TALK_BYTES_MAX);
    buf_open(&question->deltas, TALK_BYTES_MAX);
    if (question->echoes) {
        struct text_stream whole; // parts of characters become U+FFFD
        text_stream_open(&whole, NULL, 0);
        (void)text_stream_put(&whole, buf_str(&asking->prompt), &question->said);
        text_stream_end(&whole, &question->said);
    }
    if (!question->calls) return;
    calls_open(&question->reader, asking->form, asking->tools, question_hear, question);
    if (asking->must_call) calls_put(&question->reader, str_of(asking->form->begin));
}

enum err serving_ask(struct serving_child *child, uint64_t id, const struct json *frame,
                     struct fault *fault) {
    struct asking *asking = memory_take(sizeof *asking);
    if (!asking) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    asking->child = child;
    asking->frame = frame;
    request_read(asking, id);
    buf_open(&asking->prompt, TALK_BYTES_MAX);
    buf_open(&asking->tokens, TALK_BYTES_MAX);
    enum err err = tools_read(asking, fault);
    if (err == OK) err = prompt_make(asking, fault);
    if (err == OK) err = constraint_wish_make(asking);
    asking->request.prompt = buf_str(&asking->prompt);
    asking->request.tokens = (const uint32_t *)(const void *)asking->tokens.data;
    asking->request.token_count = (uint32_t)(asking->tokens.size / sizeof(uint32_t));
    asking->request.control = asking->tools != NULL; // marks of calls may be such
    if (err == OK) err = responder_ask(child->responder, &asking->request, fault);
    if (err == OK) question_open(asking, id);
    buf_close(&asking->prompt);
    buf_close(&asking->tokens);
    buf_close(&asking->key);
    memory_give(asking);
    return err;
}
