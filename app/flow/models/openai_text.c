// Texts that are gone on with (/v1/completions): several prompts, as texts or as tokens, and the
// older form of log-probabilities. Source: OpenAI's API reference of completions.
#include "base/text.h"
#include "flow/models/language.h"

enum { SUFFIX_BYTES_MAX = 1 << 20 };

// ---- what is asked ------------------------------------------------------------------------------

static enum err prompts_write(const struct call *call, struct flow_answer *answer,
                              struct json_writer *out) {
    const struct json *prompt = json_member(call->body, "prompt");
    bool one = json_is_string(prompt) || parameter_is_tokens(prompt);
    if (!one && (!json_is_array(prompt) || !json_first(prompt)))
        return parameter_bad(call, "prompt");
    size_t count = one ? 1 : json_count(prompt);
    for (const struct json *i = one ? NULL : json_first(prompt); i; i = json_next(i)) {
        if (!json_is_string(i) && !parameter_is_tokens(i)) return parameter_bad(call, "prompt");
    }
    if (count > ANSWER_PARTS_MAX / answer->each) {
        return fault_set(call->fault, ERR_INPUT, "language.choices_many", STR_NONE);
    }
    answer->parts_count = (uint32_t)count * answer->each;
    parameter_list_write(out, "prompts", prompt, one);
    json_set_u64(out, "each", answer->each);
    return OK;
}

enum err text_asked_write(const struct call *call, struct flow_answer *answer,
                          struct json_writer *out) {
    const struct json *suffix = parameter(call->body, "suffix"),
                      *best = parameter(call->body, "best_of");
    bool echoes = json_member_bool(call->body, "echo", false);
    uint64_t best_of = answer->each;
    if (best && !json_u64(best, &best_of)) return parameter_bad(call, "best_of");
    if (best_of < answer->each) return parameter_bad(call, "best_of");
    if (best_of > answer->each) { // who chooses among them would have to see them all
        return parameter_unsupported(call, "best_of");
    }
    if (suffix) {
        struct str text = json_text(suffix);
        if (!json_is_string(suffix) || text.size > SUFFIX_BYTES_MAX || (text.size && echoes)) {
            return parameter_bad(call, "suffix");
        }
        if (text.size) json_set_text(out, "suffix", text);
    }
    if (echoes) json_set_bool(out, "echo", true);
    return prompts_write(call, answer, out);
}

// ---- log-probabilities --------------------------------------------------------------------------

// A token as a name; a part of a character as its bytes.
static void token_name(const struct json *token, struct buf *out) {
    struct buf bytes;
    buf_clear(out);
    buf_open(&bytes, 64 << 10);
    for (const struct json *i = json_first(json_member(token, "bytes")); i; i = json_next(i)) {
        buf_add_char(&bytes, (char)(uint8_t)json_number(i, 0));
    }
    if (utf8_valid(buf_str(&bytes))) {
        buf_add_str(out, buf_str(&bytes));
    } else {
        buf_add_text(out, "bytes:");
        for (size_t i = 0; i < bytes.size; i++) {
            buf_printf(out, "\\x%02x", (unsigned)(uint8_t)bytes.data[i]);
        }
    }
    buf_close(&bytes);
}

// The best ones by their names, and with them the one that stands there.
static void tops_write(const struct json *token, struct buf *name, struct json_writer *out) {
    const struct json *top = json_first(json_member(token, "top_logprobs"));
    if (!top) {
        json_put_null(out);
        return;
    }
    struct buf own;
    bool there = false;
    buf_open(&own, 64 << 10);
    token_name(token, &own);
    json_open_object(out);
    for (; top; top = json_next(top)) {
        token_name(top, name);
        there = there || str_equal(buf_str(name), buf_str(&own));
        json_put_name_str(out, buf_str(name));
        json_put_number(out, json_member_number(top, "logprob", 0));
    }
    if (!there) {
        json_put_name_str(out, buf_str(&own));
        json_put_number(out, json_member_number(token, "logprob", 0));
    }
    json_close_object(out);
    buf_close(&own);
}

static void name_write(const struct json *token, struct buf *name, struct json_writer *out) {
    token_name(token, name);
    json_put_text(out, buf_str(name));
}

static void logprob_write(const struct json *token, struct buf *name, struct json_writer *out) {
    const struct json *node = json_member(token, "logprob");
    (void)name;
    json_put_node(out, json_is_number(node) ? node : NULL);
}

static void offset_write(const struct json *token, struct buf *name, struct json_writer *out) {
    (void)name;
    json_put_u64(out, json_member_u64(token, "offset", 0));
}

void text_logprobs_write(struct json_writer *out, struct str list) {
    static const struct {
        const char *name;
        void (*write)(const struct json *token, struct buf *name, struct json_writer *out);
    } columns[] = {{"tokens", name_write},
                   {"token_logprobs", logprob_write},
                   {"top_logprobs", tops_write},
                   {"text_offset", offset_write}};
    struct buf text, name;
    struct json *tokens = NULL;
    buf_open(&text, ANSWER_BYTES_MAX + 2);
    buf_open(&name, 64 << 10);
    buf_add_char(&text, '[');
    buf_add_str(&text, list);
    buf_add_char(&text, ']');
    json_put_name(out, "logprobs");
    if (!list.size || json_parse(buf_str(&text), &tokens, NULL) != OK) {
        json_put_null(out);
    } else {
        json_open_object(out);
        for (size_t k = 0; k < sizeof columns / sizeof *columns; k++) {
            json_put_name(out, columns[k].name);
            json_open_array(out);
            for (const struct json *i = json_first(tokens); i; i = json_next(i)) {
                columns[k].write(i, &name, out);
            }
            json_close_array(out);
        }
        json_close_object(out);
    }
    json_close(tokens);
    buf_close(&text);
    buf_close(&name);
}
