#include "model/language/template/chat.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

struct chat {
    struct template *template;
    bool tools, hermes, mistral; // what the template speaks of
    struct buf begin, end;       // the texts of these tokens
    bool adds_begin;             // the tokenizer puts the first one before every text
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
    if (err == OK) {
        chat->tools = memmem(text.data, text.size, "tools", 5);
        chat->hermes = memmem(text.data, text.size, "<tool_call>", 11);
        chat->mistral = memmem(text.data, text.size, "[TOOL_CALLS]", 12);
    }
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

// A call in a message; *changed: its arguments were a text, and are an object now.
static void call_show(struct json_writer *out, const struct json *call, bool *changed) {
    json_open_object(out);
    for (const struct json *i = json_first(call); i; i = json_next(i)) {
        struct json *given = NULL;
        struct buf raw;
        buf_open(&raw, CHAT_BYTES_MAX);
        json_put_name_str(out, json_name(i));
        if (str_is(json_name(i), "function") && json_is_object(i)) {
            call_show(out, i, changed);
        } else if (str_is(json_name(i), "arguments") && json_is_string(i) &&
                   json_parse(json_text(i), &given, NULL) == OK && json_is_object(given)) {
            json_write(&raw, given);
            json_put_raw(out, buf_str(&raw));
            *changed = true;
        } else {
            json_write(&raw, i);
            json_put_raw(out, buf_str(&raw));
        }
        json_close(given);
        buf_close(&raw);
    }
    json_close_object(out);
}

// The messages with what calls were given as objects. False: nothing is to be changed.
static bool messages_show(const struct json *messages, struct buf *out) {
    struct json_writer writer = json_writer_of(out);
    bool changed = false;
    json_open_array(&writer);
    for (const struct json *message = json_first(messages); message; message = json_next(message)) {
        json_open_object(&writer);
        for (const struct json *i = json_first(message); i; i = json_next(i)) {
            json_put_name_str(&writer, json_name(i));
            bool calls = str_is(json_name(i), "tool_calls") && json_is_array(i);
            if (calls) {
                json_open_array(&writer);
                for (const struct json *call = json_first(i); call; call = json_next(call)) {
                    call_show(&writer, call, &changed);
                }
                json_close_array(&writer);
                continue;
            }
            struct buf raw;
            buf_open(&raw, CHAT_BYTES_MAX);
            json_write(&raw, i);
            json_put_raw(&writer, buf_str(&raw));
            buf_close(&raw);
        }
        json_close_object(&writer);
    }
    json_close_array(&writer);
    return changed && buf_err(out) == OK;
}

static enum err prompt_render(const struct chat *chat, struct template_input *input,
                              struct buf *out, struct fault *fault) {
    struct buf text;
    struct json *shown = NULL;
    const struct json *messages = input->messages;
    enum err err = ERR_INPUT;
    buf_open(&text, CHAT_BYTES_MAX);
    if (messages_show(messages, &text) && json_parse(buf_str(&text), &shown, NULL) == OK) {
        input->messages = shown;
        err = template_render(chat->template, input, out, fault);
        input->messages = messages;
    }
    if (err != OK) {
        buf_clear(out);
        *fault = (struct fault){0};
        err = template_render(chat->template, input, out, fault);
    }
    json_close(shown);
    buf_close(&text);
    return err;
}

enum err chat_prompt(const struct chat *chat, struct template_input input, struct buf *out,
                     struct fault *fault) {
    struct buf text;
    buf_open(&text, CHAT_BYTES_MAX);
    input.begin = buf_str(&chat->begin);
    input.end = buf_str(&chat->end);
    input.add_generation_prompt = true;
    enum err err = prompt_render(chat, &input, &text, fault);
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

// `mark` at the end of the answer, in part: where it begins, or the answer's size.
static size_t begun_mark(struct str answer, const char *mark) {
    size_t size = strlen(mark), most = answer.size < size - 1 ? answer.size : size - 1;
    for (size_t part = most; part > 0; part--) {
        if (memcmp(answer.data + answer.size - part, mark, part) == 0) return answer.size - part;
    }
    return answer.size;
}

size_t chat_sure(struct str answer) {
    static const char *const marks[] = {"<tool_call>", "[TOOL_CALLS]"};
    struct str whole = str_trim(answer), python = STR("<|python_tag|>");
    size_t sure = answer.size;
    if (!whole.size || *whole.data == '{' || str_starts(whole, python) ||
        str_starts(python, whole)) {
        return 0;
    }
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const char *at = memmem(answer.data, answer.size, marks[i], strlen(marks[i]));
        size_t before = at ? (size_t)(at - answer.data) : begun_mark(answer, marks[i]);
        if (before < sure) sure = before;
    }
    return sure;
}

bool chat_form(const struct chat *chat, struct chat_form *out) {
    static const struct chat_form hermes = {{"<tool_call>\n", 12},
                                            {"\n</tool_call>\n<tool_call>\n", 26},
                                            {"\n</tool_call>", 13},
                                            {"arguments", 9}},
                                  mistral = {{"[TOOL_CALLS][", 13},
                                             {", ", 2},
                                             {"]", 1},
                                             {"arguments", 9}},
                                  llama = {{"", 0}, {"", 0}, {"", 0}, {"parameters", 10}};
    *out = chat->hermes ? hermes : chat->mistral ? mistral : llama;
    return chat->tools;
}
