// chat: a conversation with a language model, line by line; or one answer to messages in JSON.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/language_private.h"
#include "model/language/template/calls.h"
#include "model/language/template/chat.h"

enum { LINE_BYTES_MOST = 1 << 20, MESSAGES_BYTES_MOST = 4 << 20, CACHE_TOKENS_MOST = 1 << 16 };

struct chatting {
    struct language_model model;
    struct answering answering;
    struct chat *chat;
    struct cache *cache;
    struct json *tools;
    struct buf messages; // a JSON array without its closing bracket
    struct buf prompt, tokens, out;
    uint64_t calls;
};

static void message_add(struct chatting *c, const char *role, struct str content) {
    struct json_writer writer = json_writer_of(&c->messages);
    buf_add_char(&c->messages, c->messages.size ? ',' : '[');
    json_open_object(&writer);
    json_set_text(&writer, "role", str_of(role));
    json_set_text(&writer, "content", content);
    json_close_object(&writer);
}

static enum err prompt_tokens(struct chatting *c, const struct json *messages,
                              struct fault *fault) {
    struct template_input input = {
        .messages = messages, .tools = c->tools, .now_ms = clock_now_ms()};
    buf_clear(&c->prompt);
    buf_clear(&c->tokens);
    enum err err = chat_prompt(c->chat, input, &c->prompt, fault);
    if (err != OK) return err;
    return prompt_encode(c->model.network, c->model.tokenizer, buf_str(&c->prompt),
                         TOKENIZE_CONTROL, &c->tokens, fault);
}

// The model's answer to the messages; it stands in answering.all.
static enum err answer(struct chatting *c, const struct json *messages, struct generated *out,
                       struct fault *fault) {
    answering_clear(&c->answering);
    enum err err = prompt_tokens(c, messages, fault);
    if (err != OK) return err;
    return text_generate(&c->answering.generating, (const uint32_t *)(const void *)c->tokens.data,
                         (uint32_t)(c->tokens.size / sizeof(uint32_t)), out, fault);
}

// ---- messages in JSON --------------------------------------------------------------------------

static void answer_write(struct chatting *c, const struct generated *generated) {
    static const char *const finishes[] = {"stop", "stop", "length"};
    struct json_writer writer = json_writer_of(&c->out);
    struct str text = buf_str(&c->answering.all);
    struct buf calls, said;
    buf_open(&calls, MESSAGES_BYTES_MOST);
    buf_open(&said, MESSAGES_BYTES_MOST);
    bool called = c->tools && calls_of(c->answering.form, c->tools, text, c->calls, &said, &calls);
    if (called) text = buf_str(&said);
    c->calls += generated->tokens; // an id is given once
    json_open_object(&writer);
    json_set_text(&writer, "role", STR("assistant"));
    json_set_text(&writer, "content", text);
    if (called) json_set_raw(&writer, "tool_calls", buf_str(&calls));
    answering_logprobs_put(&c->answering, &writer);
    json_set_text(&writer, "finish", str_of(called ? "tool_calls" : finishes[generated->finish]));
    json_set_u64(&writer, "prompt_tokens", generated->prompt_tokens);
    json_set_u64(&writer, "tokens", generated->tokens);
    json_close_object(&writer);
    buf_add_char(&c->out, '\n');
    buf_close(&calls);
    buf_close(&said);
}

static enum err input_read(struct buf *out, struct fault *fault) {
    for (;;) {
        char *to = buf_reserve(out, 1 << 16);
        if (!to) return fault_set(fault, buf_err(out), "json.too_large", STR_NONE);
        ssize_t got = read(STDIN_FILENO, to, 1 << 16);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fault_set(fault, ERR_IO, "cli.input_read", STR_NONE);
        if (got == 0) return OK;
        out->size += (size_t)got;
    }
}

static enum err messages_answer(struct chatting *c, const char *path, struct fault *fault) {
    struct buf text;
    struct json *json = NULL;
    struct generated generated;
    buf_open(&text, MESSAGES_BYTES_MOST);
    bool input = strcmp(path, "-") == 0;
    enum err err = input ? input_read(&text, fault) : file_read(path, &text, fault);
    if (err == OK) err = json_parse(buf_str(&text), &json, fault);
    if (err == OK && !json_is_array(json)) {
        err = fault_set(fault, ERR_INPUT, "chat.not_messages", STR_NONE);
    }
    if (err == OK) err = answer(c, json, &generated, fault);
    if (err == OK && c->answering.json) {
        answer_write(c, &generated);
        err = file_write_all(STDOUT_FILENO, c->out.data, c->out.size, fault);
    }
    json_close(json);
    buf_close(&text);
    return err;
}

// ---- line by line ------------------------------------------------------------------------------

static enum err line_answer(void *ctx, struct str line, bool cut, struct fault *fault) {
    struct chatting *c = ctx;
    struct json *json = NULL;
    struct generated generated;
    if (cut) return fault_set(fault, ERR_LIMIT, "tokenizer.too_long", STR_NONE);
    if (!str_trim(line).size) return OK;
    message_add(c, "user", line);
    size_t size = c->messages.size;
    buf_add_char(&c->messages, ']');
    enum err err = json_parse(buf_str(&c->messages), &json, fault);
    c->messages.size = size;
    if (err == OK) err = answer(c, json, &generated, fault);
    json_close(json);
    if (err != OK) return err;
    message_add(c, "assistant", buf_str(&c->answering.all));
    if (c->answering.json)
        answer_write(c, &generated);
    else
        buf_add_char(&c->out, '\n');
    return buf_err(&c->messages);
}

static enum err lines_answer(struct chatting *c, struct fault *fault) {
    struct line_taker taker = {LINE_BYTES_MOST, &c->out, line_answer, c};
    if (isatty(STDIN_FILENO)) SAY("chat.begins", {"", STR_NONE});
    return lines_of_input(&taker, fault);
}

// ---- the command -------------------------------------------------------------------------------

static enum err chat_read(struct chatting *c, const struct arguments *arguments,
                          struct fault *fault) {
    const char *path = argument(arguments, "--template"), *tools = argument(arguments, "--tools");
    struct buf text;
    buf_open(&text, TEMPLATE_BYTES_MAX);
    enum err err = path ? file_read(path, &text, fault) : OK;
    if (err == OK) {
        err = chat_open(c->model.file, c->model.tokenizer, buf_str(&text), &c->chat, fault);
    }
    buf_close(&text);
    if (err == OK && tools) err = json_parse_file(tools, &c->tools, fault);
    if (err == OK && tools && !json_is_array(c->tools)) {
        err = fault_set(fault, ERR_INPUT, "chat.not_tools", STR_NONE);
    }
    if (err == OK && tools) c->answering.form = chat_call_form(c->chat);
    if (err == OK && tools && !c->answering.form) {
        err = fault_set(fault, ERR_INPUT, "language.no_tools", STR_NONE);
    }
    if (err == OK) c->answering.tools = json_first(c->tools) ? c->tools : NULL;
    return err;
}

// What was read and written stays in a cache, so that a turn costs what is new in it.
static enum err cache_make(struct chatting *c, struct fault *fault) {
    uint64_t tokens = network_about(c->model.network)->context;
    if (tokens > CACHE_TOKENS_MOST) tokens = CACHE_TOKENS_MOST;
    enum err err = cache_open(network_cache_shape(c->model.network),
                              (uint32_t)(tokens / CACHE_PAGE_TOKENS + 2), &c->cache);
    if (err != OK) return fault_set(fault, err, "predict.no_memory", STR_NONE);
    c->answering.generating.cache = c->cache;
    return OK;
}

static enum err chatting_run(struct chatting *c, const struct arguments *arguments,
                             struct fault *fault) {
    const char *system = argument(arguments, "--system");
    const char *messages = argument(arguments, "--messages");
    enum err err = language_model_open(arguments, &c->model, fault);
    if (err == OK) err = chat_read(c, arguments, fault);
    if (err == OK) err = answering_open(&c->answering, arguments, &c->model, fault);
    if (err == OK && !messages) err = cache_make(c, fault);
    if (err != OK) return err;
    if (messages) return messages_answer(c, messages, fault);
    if (system) message_add(c, "system", str_of(system));
    return lines_answer(c, fault);
}

enum err command_chat(const struct command *command, const struct arguments *arguments,
                      struct fault *fault) {
    struct chatting c = {.calls = 1};
    struct buf *bufs[] = {&c.messages, &c.prompt, &c.tokens, &c.out};
    (void)command;
    for (size_t i = 0; i < 4; i++) buf_open(bufs[i], (size_t)64 << 20);
    enum err err = chatting_run(&c, arguments, fault);
    for (size_t i = 0; i < 4; i++) buf_close(bufs[i]);
    answering_close(&c.answering);
    cache_close(c.cache);
    chat_close(c.chat);
    json_close(c.tools);
    language_model_close(&c.model);
    return err;
}
