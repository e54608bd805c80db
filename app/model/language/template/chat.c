#include "model/language/template/chat.h"

#include <string.h>

#include "base/memory.h"

struct chat {
    struct template *template;
    const struct call_form *form; // of calls
    bool tools;                   // the template speaks of them
    struct buf begin, end;        // the texts of these tokens
    bool adds_begin;              // the tokenizer puts the first one before every text
};

enum { CHAT_BYTES_MAX = 64 << 20, ID_SIZE = 9 };

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
        chat->tools = memmem(text.data, text.size, "tools", 5) != NULL;
        chat->form = call_form_of(text);
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

const struct call_form *chat_call_form(const struct chat *chat) {
    return chat->tools ? chat->form : NULL;
}

// An id as the template takes it. Mistral's refuse any that is not nine letters and digits: a hash
// of it stands for it, so that a call and its answer stay together. Source: FNV-1a.
static void id_show(struct json_writer *out, const struct json *id, bool *changed) {
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    struct str text = json_text(id);
    uint64_t hash = 0xCBF29CE484222325;
    char nine[ID_SIZE];
    bool fits = text.size == ID_SIZE;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = (uint8_t)text.data[i];
        fits = fits && ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'));
        hash = (hash ^ c) * 0x100000001B3;
    }
    for (size_t i = 0; i < ID_SIZE; i++, hash /= 36) nine[i] = digits[hash % 36];
    json_put_text(out, fits ? text : (struct str){nine, ID_SIZE});
    *changed |= !fits;
}

// A call in a message; *changed: its arguments were a text and are an object now, or its id is
// another one.
static void call_show(const struct chat *chat, struct json_writer *out, const struct json *call,
                      bool *changed) {
    json_open_object(out);
    for (const struct json *i = json_first(call); i; i = json_next(i)) {
        struct json *given = NULL;
        json_put_name_str(out, json_name(i));
        if (str_is(json_name(i), "function") && json_is_object(i)) {
            call_show(chat, out, i, changed);
        } else if (chat->form->short_ids && str_is(json_name(i), "id") && json_is_string(i)) {
            id_show(out, i, changed);
        } else if (str_is(json_name(i), "arguments") && json_is_string(i) &&
                   json_parse(json_text(i), &given, NULL) == OK && json_is_object(given)) {
            json_put_node(out, given);
            *changed = true;
        } else {
            json_put_node(out, i);
        }
        json_close(given);
    }
    json_close_object(out);
}

// The messages with what calls were given as objects, and with ids as the template takes them.
// False: nothing is to be changed.
static bool messages_show(const struct chat *chat, const struct json *messages, struct buf *out) {
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
                    call_show(chat, &writer, call, &changed);
                }
                json_close_array(&writer);
                continue;
            }
            if (chat->form->short_ids && str_is(json_name(i), "tool_call_id") &&
                json_is_string(i)) {
                id_show(&writer, i, &changed);
                continue;
            }
            json_put_node(&writer, i);
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
    if (messages_show(chat, messages, &text) && json_parse(buf_str(&text), &shown, NULL) == OK) {
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
