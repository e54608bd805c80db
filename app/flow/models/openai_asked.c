// Requests of OpenAI's API, made into what a child is asked (step_serve.c tells its frames).
// Source: OpenAI's API reference of chat completions, completions, embeddings.
#include <inttypes.h>
#include <math.h>

#include "flow/models/language.h"
#include "flow/steps/talk.h"

enum { CHOICES_MAX = 8, MESSAGES_MAX = 4096, STOPS_MAX = 4, TEXTS_MAX = 2048, TOP_MAX = 20 };

// ---- parameters ---------------------------------------------------------------------------------

enum err parameter_bad(const struct call *call, const char *name) {
    return fault_set(call->fault, ERR_INPUT, "language.bad_parameter", str_of(name));
}

enum err parameter_unsupported(const struct call *call, const char *name) {
    return fault_set(call->fault, ERR_INPUT, "language.unsupported", str_of(name));
}

const struct json *parameter(const struct json *object, const char *name) {
    const struct json *node = json_member(object, name);
    return node && !json_is_null(node) ? node : NULL;
}

bool parameter_is_tokens(const struct json *node) {
    if (!json_is_array(node) || !json_first(node)) return false;
    for (const struct json *i = json_first(node); i; i = json_next(i)) {
        double token = json_number(i, -1);
        if (token < 0 || token != floor(token)) return false;
    }
    return true;
}

void parameter_list_write(struct json_writer *out, const char *name, const struct json *node,
                          bool one) {
    json_put_name(out, name);
    if (one) json_open_array(out);
    json_put_node(out, node);
    if (one) json_close_array(out);
}

// ---- of chat and completions --------------------------------------------------------------------

struct number_rule {
    const char *name; // of the request and of the child's "sampling"
    double least, most;
    bool whole;
};
static const struct number_rule number_rules[] = {
    {"temperature", 0, 2, false},
    {"top_p", 0, 1, false},
    {"min_p", 0, 1, false}, // these three are not OpenAI's, but usual
    {"top_k", 0, 1 << 20, true},
    {"repeat_penalty", 0.1, 10, false},
    {"frequency_penalty", -2, 2, false},
    {"presence_penalty", -2, 2, false},
    {"seed", 0, 9007199254740991, true},
};

static enum err sampling_write(const struct call *call, struct json_writer *out, bool chat) {
    json_put_name(out, "sampling");
    json_open_object(out);
    for (size_t i = 0; i < sizeof number_rules / sizeof *number_rules; i++) {
        const struct number_rule *rule = &number_rules[i];
        const struct json *node = parameter(call->body, rule->name);
        if (!node) continue;
        double value = json_number(node, NAN);
        bool good = value >= rule->least && value <= rule->most;
        if (!good || (rule->whole && value != floor(value))) return parameter_bad(call, rule->name);
        json_set_number(out, rule->name, value);
    }
    const struct json *bias = parameter(call->body, "logit_bias");
    if (bias && !json_is_object(bias)) return parameter_bad(call, "logit_bias");
    if (bias) json_set_node(out, "logit_bias", bias);
    // Of chat: logprobs true and top_logprobs; of completions: logprobs is the number.
    const struct json *wish = json_member(call->body, "logprobs");
    uint64_t top = 0;
    bool wanted = chat ? json_bool(wish, false) : json_u64(wish, &top);
    if (chat && wanted) top = json_member_u64(call->body, "top_logprobs", 0);
    if (top > TOP_MAX) return parameter_bad(call, chat ? "top_logprobs" : "logprobs");
    if (wanted) json_set_u64(out, "top", top);
    json_close_object(out);
    return OK;
}

static enum err stops_write(const struct call *call, struct json_writer *out) {
    const struct json *stop = parameter(call->body, "stop");
    if (!stop) return OK;
    bool one = json_is_string(stop);
    if ((!one && !json_is_array(stop)) || json_count(stop) > STOPS_MAX)
        return parameter_bad(call, "stop");
    json_put_name(out, "stops");
    json_open_array(out);
    for (const struct json *item = one ? stop : json_first(stop); item;
         item = one ? NULL : json_next(item)) {
        struct str text = json_text(item);
        if (text.size == 0 || text.size > 256) return parameter_bad(call, "stop");
        json_put_text(out, text);
    }
    json_close_array(out);
    return OK;
}

// The text of a message: a text, or a list of parts that are texts.
static enum err content_write(const struct call *call, struct json_writer *out,
                              const struct json *content) {
    struct buf text;
    if (!content || json_is_null(content) || json_is_string(content)) {
        json_set_text(out, "content", json_text(content));
        return OK;
    }
    if (!json_is_array(content)) return parameter_bad(call, "messages");
    buf_open(&text, LIMIT_JSON_BYTES);
    enum err err = OK;
    for (const struct json *part = json_first(content); part && err == OK; part = json_next(part)) {
        if (!str_is(json_member_text(part, "type"), "text")) err = parameter_bad(call, "messages");
        buf_add_str(&text, json_member_text(part, "text"));
    }
    if (err == OK) json_set_text(out, "content", buf_str(&text));
    buf_close(&text);
    return err;
}

static enum err messages_write(const struct call *call, struct json_writer *out) {
    static const char *const roles[] = {"system", "developer", "user", "assistant", "tool"};
    const struct json *messages = json_member(call->body, "messages");
    if (!json_is_array(messages) || !json_first(messages) || json_count(messages) > MESSAGES_MAX) {
        return parameter_bad(call, "messages");
    }
    json_put_name(out, "messages");
    json_open_array(out);
    enum err err = OK;
    for (const struct json *one = json_first(messages); one && err == OK; one = json_next(one)) {
        struct str role = json_member_text(one, "role");
        bool known = false;
        for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
            known = known || str_is(role, roles[i]);
        }
        if (!known) return parameter_bad(call, "messages");
        json_open_object(out);
        json_set_text(out, "role", str_is(role, "developer") ? STR("system") : role);
        err = content_write(call, out, json_member(one, "content"));
        if (err == OK) err = message_more_write(call, out, one);
        json_close_object(out);
    }
    json_close_array(out);
    return err;
}

// What would change the answer and is not done must not be passed over in silence.
static enum err known_check(const struct call *call) {
    static const char *const names[] = {"functions", "function_call", "audio"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct json *node = parameter(call->body, names[i]);
        if (!node || (json_is_array(node) && !json_first(node))) continue;
        if (json_is_bool(node) && !json_bool(node, true)) continue;
        return parameter_unsupported(call, names[i]);
    }
    const struct json *forms = json_member(call->body, "modalities");
    for (const struct json *i = json_first(forms); i; i = json_next(i)) {
        if (!str_is(json_text(i), "text")) return parameter_unsupported(call, "modalities");
    }
    return OK;
}

static enum err common_read(const struct call *call, struct flow_answer *answer,
                            struct json_writer *out) {
    const struct json *most = parameter(call->body, "max_completion_tokens");
    uint64_t tokens = 0, count = json_member_u64(call->body, "n", 1);
    if (!most) most = parameter(call->body, "max_tokens");
    if (most && !json_u64(most, &tokens)) return parameter_bad(call, "max_tokens");
    if (most && tokens == 0) { // of a text: what it is made of is told, and nothing more
        if (answer->kind != ANSWER_TEXT) return parameter_bad(call, "max_tokens");
        json_set_bool(out, "no_answer", true);
    }
    if (count == 0 || count > CHOICES_MAX) return parameter_bad(call, "n");
    json_set_u64(out, "tokens_most", tokens > UINT32_MAX ? UINT32_MAX : tokens);
    answer->parts_count = answer->each = (uint32_t)count;
    answer->streams = json_member_bool(call->body, "stream", false);
    const struct json *options = json_member(call->body, "stream_options");
    answer->tells_usage = json_member_bool(options, "include_usage", false);
    enum err err = known_check(call);
    if (err == OK) err = wish_write(call, out, answer->kind == ANSWER_CHAT);
    if (err == OK) err = stops_write(call, out);
    return err == OK ? sampling_write(call, out, answer->kind == ANSWER_CHAT) : err;
}

// ---- of embeddings ------------------------------------------------------------------------------

static bool is_text(const struct json *item) {
    return json_is_string(item) && json_text(item).size > 0;
}

static enum err texts_write(const struct call *call, const struct flow_answer *answer,
                            struct json_writer *out) {
    enum guard_rule rule = answer->guard.rule[GUARD_PROMPTS];
    bool screened = rule == GUARD_MASK || rule == GUARD_REFUSE; // which tokens cannot be
    const struct json *input = json_member(call->body, "input"),
                      *cut = parameter(call->body, "dimensions");
    bool one = is_text(input) || (parameter_is_tokens(input) && !screened);
    uint64_t dimensions = 0;
    if (!one && (!json_is_array(input) || !json_first(input) || json_count(input) > TEXTS_MAX)) {
        return parameter_bad(call, "input");
    }
    struct str form = json_member_text(call->body, "encoding_format");
    bool base64 = str_is(form, "base64");
    if (form.size && !base64 && !str_is(form, "float"))
        return parameter_bad(call, "encoding_format");
    if (cut && (!json_u64(cut, &dimensions) || dimensions == 0)) {
        return parameter_bad(call, "dimensions");
    }
    if (dimensions) json_set_u64(out, "dimensions", dimensions);
    if (base64) json_set_bool(out, "base64", true);
    parameter_list_write(out, "texts", input, one);
    for (const struct json *i = one ? NULL : json_first(input); i; i = json_next(i)) {
        if (!is_text(i) && (screened || !parameter_is_tokens(i)))
            return parameter_bad(call, "input");
    }
    return OK;
}

// ---- the question -------------------------------------------------------------------------------

enum err asked_write(const struct call *call, struct flow_answer *answer, double weight) {
    struct json_writer writer = json_writer_of(&answer->asked), *out = &writer;
    json_open_object(out);
    json_set_u64(out, "tenant", answer->tenant);
    json_set_number(out, "weight", weight);
    enum err err = OK;
    if (answer->kind == ANSWER_VECTORS) {
        answer->parts_count = answer->each = 1;
        err = texts_write(call, answer, out);
    } else {
        err = common_read(call, answer, out);
    }
    if (err == OK && answer->kind == ANSWER_CHAT) err = messages_write(call, out);
    if (err == OK && answer->kind == ANSWER_TEXT) {
        err = text_asked_write(call, answer, out);
    }
    json_close_object(out);
    return err == OK ? buf_err(&answer->asked) : err;
}

void answer_frame(const struct flow_answer *answer, uint32_t part, struct buf *out) {
    const char *what = answer->kind == ANSWER_VECTORS ? "embed" : "ask";
    buf_printf(out, "{\"%s\":%" PRIu64 ",\"part\":%u,", what, answer->id + part, part);
    struct str asked = buf_str(&answer->asked);
    buf_add(out, asked.data + 1, asked.size - 1);
}
