#include "model/language/template/chat.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

struct chat {
    struct template *template;
    struct buf begin, end; // the texts of these tokens
    bool adds_begin;       // the tokenizer puts the first one before every text
};

enum { CHAT_BYTES_MAX = 64 << 20, CALLS_MAX = 64 };

enum err chat_open(const struct gguf *file, const struct tokenizer *tokenizer, struct str text,
                   struct chat **out, struct fault *fault) {
    struct chat *chat = memory_take(sizeof *chat);
    struct buf none;
    if (!chat) return fault_set(fault, ERR_MEMORY, "predict.no_memory", STR_NONE);
    buf_open(&chat->begin, 1 << 16);
    buf_open(&chat->end, 1 << 16);
    buf_open(&none, 1 << 10);
    if (!text.size) text = gguf_text(file, "tokenizer.chat_template", STR_NONE);
    enum err err = text.size ? template_open(text, &chat->template, fault)
                             : fault_set(fault, ERR_INPUT, "chat.no_template", STR_NONE);
    struct tokenizer_ends ends = tokenizer_ends(tokenizer);
    tokenizer_decode(tokenizer, ends.begin, true, &chat->begin);
    tokenizer_decode(tokenizer, ends.end, true, &chat->end);
    if (err == OK) err = tokenizer_encode(tokenizer, STR(""), TOKENIZE_ENDS, &none, fault);
    chat->adds_begin =
        none.size >= sizeof(uint32_t) && memcmp(none.data, &ends.begin, sizeof ends.begin) == 0;
    buf_close(&none);
    if (err == OK) {
        *out = chat;
    } else {
        chat_close(chat);
    }
    return err;
}

void chat_close(struct chat *chat) {
    if (!chat) return;
    template_close(chat->template);
    buf_close(&chat->begin);
    buf_close(&chat->end);
    memory_give(chat);
}

enum err chat_prompt(const struct chat *chat, struct template_input input, struct buf *out,
                     struct fault *fault) {
    struct buf text;
    buf_open(&text, CHAT_BYTES_MAX);
    input.begin = buf_str(&chat->begin);
    input.end = buf_str(&chat->end);
    input.add_generation_prompt = true;
    enum err err = template_render(chat->template, &input, &text, fault);
    struct str prompt = buf_str(&text);
    // The first token comes once, from the template or from the tokenizer.
    if (chat->adds_begin && input.begin.size && str_starts(prompt, input.begin)) {
        prompt = (struct str){prompt.data + input.begin.size, prompt.size - input.begin.size};
    }
    if (err == OK) {
        buf_add_str(out, prompt);
        err = buf_err(out);
    }
    buf_close(&text);
    return err;
}

// ---- calls -------------------------------------------------------------------------------------

// The size of the JSON value that `text` begins with; 0: it begins with none.
static size_t value_size(struct str text) {
    size_t at = 0, depth = 0;
    bool inside = false;
    for (; at < text.size; at++) {
        char c = text.data[at];
        if (inside) {
            if (c == '\\')
                at++;
            else if (c == '"')
                inside = false;
        } else if (c == '"') {
            inside = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (depth == 0) return 0;
            if (--depth == 0) return at + 1;
        } else if (depth == 0) {
            return 0;
        }
    }
    return 0;
}

struct calls {
    struct json_writer writer;
    uint64_t next_id;
    uint32_t count;
};

static bool call_put(struct calls *calls, const struct json *call) {
    const struct json *name = json_member(call, "name");
    const struct json *arguments = json_member(call, "arguments");
    struct buf text;
    char id[32];
    if (!arguments) arguments = json_member(call, "parameters");
    if (!json_is_string(name) || !json_text(name).size || calls->count == CALLS_MAX) return false;
    if (arguments && !json_is_object(arguments) && !json_is_string(arguments)) return false;
    buf_open(&text, CHAT_BYTES_MAX);
    if (json_is_string(arguments)) {
        buf_add_str(&text, json_text(arguments));
    } else if (arguments) {
        json_write(&text, arguments);
    } else {
        buf_add_text(&text, "{}");
    }
    snprintf(id, sizeof id, "call_%llu", (unsigned long long)calls->next_id++);
    json_open_object(&calls->writer);
    json_set_text(&calls->writer, "id", str_of(id));
    json_set_text(&calls->writer, "type", STR("function"));
    json_put_name(&calls->writer, "function");
    json_open_object(&calls->writer);
    json_set_text(&calls->writer, "name", json_text(name));
    json_set_text(&calls->writer, "arguments", buf_str(&text));
    json_close_object(&calls->writer);
    json_close_object(&calls->writer);
    buf_close(&text);
    calls->count++;
    return true;
}

// One object, or an array of them.
static bool value_put(struct calls *calls, struct str text) {
    struct json *json;
    if (json_parse(text, &json, NULL) != OK) return false;
    bool fine = true;
    if (json_is_array(json)) {
        fine = json_first(json) != NULL;
        for (const struct json *i = json_first(json); i && fine; i = json_next(i)) {
            fine = call_put(calls, i);
        }
    } else {
        fine = call_put(calls, json);
    }
    json_close(json);
    return fine;
}

static struct str behind(struct str text, size_t at) {
    return (struct str){text.data + at, text.size - at};
}

static bool marked_calls(struct calls *calls, struct str answer, const char *mark,
                         size_t *rest_size) {
    bool any = false;
    for (struct str rest = answer; rest.size;) {
        const char *at = memmem(rest.data, rest.size, mark, strlen(mark));
        if (!at) break;
        if (!any) *rest_size = (size_t)(at - answer.data);
        rest = str_trim(behind(rest, (size_t)(at - rest.data) + strlen(mark)));
        size_t size = value_size(rest);
        if (!size || !value_put(calls, (struct str){rest.data, size})) return false;
        any = true;
        rest = behind(rest, size);
    }
    return any;
}

bool chat_calls(struct str answer, uint64_t first_id, struct buf *out, size_t *rest_size) {
    size_t before = out->size, rest = answer.size;
    struct calls calls = {.writer = json_writer_of(out), .next_id = first_id};
    json_open_array(&calls.writer);
    bool any = marked_calls(&calls, answer, "<tool_call>", &rest) ||
               (calls.count == 0 && marked_calls(&calls, answer, "[TOOL_CALLS]", &rest));
    struct str whole = str_trim(answer);
    if (str_starts(whole, STR("<|python_tag|>"))) whole = behind(whole, 14);
    if (!any && calls.count == 0 && whole.size && value_size(whole) == whole.size &&
        *whole.data == '{') {
        any = value_put(&calls, whole);
        rest = 0;
    }
    json_close_array(&calls.writer);
    if (any) *rest_size = rest;
    if (!any) out->size = before;
    return any;
}
