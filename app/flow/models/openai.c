// The forms of OpenAI's API: requests into what a child is asked, what it says into answers, whole
// or streamed. Source: OpenAI's API reference of chat completions, completions, embeddings, models.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "allocation/usage.h"
#include "base/clock.h"
#include "flow/models/language.h"
#include "flow/steps/talk.h"

enum { CHOICES_MAX = 8, MESSAGES_MAX = 4096, STOPS_MAX = 4, TEXTS_MAX = 2048, TOP_MAX = 20 };

// ---- what is asked ------------------------------------------------------------------------------

static enum err bad(const struct call *call, const char *name) {
    return fault_set(call->fault, ERR_INPUT, "language.bad_parameter", str_of(name));
}

struct number_rule {
    const char *name, *as; // of the request; of the child's "sampling"
    double least, most;
    bool whole;
};
static const struct number_rule number_rules[] = {
    {"temperature", "temperature", 0, 2, false},
    {"top_p", "top_p", 0, 1, false},
    {"min_p", "min_p", 0, 1, false}, // these three are not OpenAI's, but usual
    {"top_k", "top_k", 0, 1 << 20, true},
    {"repeat_penalty", "repeat_penalty", 0.1, 10, false},
    {"frequency_penalty", "frequency_penalty", -2, 2, false},
    {"presence_penalty", "presence_penalty", -2, 2, false},
    {"seed", "seed", 0, 9007199254740991, true},
};

static enum err sampling_write(const struct call *call, struct json_writer *out, bool chat) {
    json_put_name(out, "sampling");
    json_open_object(out);
    for (size_t i = 0; i < sizeof number_rules / sizeof *number_rules; i++) {
        const struct number_rule *rule = &number_rules[i];
        const struct json *node = json_member(call->body, rule->name);
        if (!node || json_is_null(node)) continue;
        double value = json_number(node, NAN);
        bool good = value >= rule->least && value <= rule->most;
        if (!good || (rule->whole && value != floor(value))) return bad(call, rule->name);
        json_set_number(out, rule->as, value);
    }
    const struct json *bias = json_member(call->body, "logit_bias");
    if (json_is_object(bias)) {
        struct buf text;
        buf_open(&text, LIMIT_JSON_BYTES);
        json_write(&text, bias);
        json_set_raw(out, "logit_bias", buf_str(&text));
        buf_close(&text);
    } else if (bias && !json_is_null(bias)) {
        return bad(call, "logit_bias");
    }
    // Of chat: logprobs true and top_logprobs; of completions: logprobs is the number.
    const struct json *wish = json_member(call->body, "logprobs");
    uint64_t top = 0;
    bool wanted = chat ? json_bool(wish, false) : json_u64(wish, &top);
    if (chat && wanted) top = json_member_u64(call->body, "top_logprobs", 0);
    if (top > TOP_MAX) return bad(call, chat ? "top_logprobs" : "logprobs");
    if (wanted) json_set_u64(out, "top", top);
    json_close_object(out);
    return OK;
}

static enum err stops_write(const struct call *call, struct json_writer *out) {
    const struct json *stop = json_member(call->body, "stop");
    if (!stop || json_is_null(stop)) return OK;
    bool one = json_is_string(stop);
    if ((!one && !json_is_array(stop)) || json_count(stop) > STOPS_MAX) return bad(call, "stop");
    json_put_name(out, "stops");
    json_open_array(out);
    for (const struct json *item = one ? stop : json_first(stop); item;
         item = one ? NULL : json_next(item)) {
        struct str text = json_text(item);
        if (text.size == 0 || text.size > 256) return bad(call, "stop");
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
    if (!json_is_array(content)) return bad(call, "messages");
    buf_open(&text, LIMIT_JSON_BYTES);
    enum err err = OK;
    for (const struct json *part = json_first(content); part && err == OK; part = json_next(part)) {
        if (!str_is(json_member_text(part, "type"), "text")) err = bad(call, "messages");
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
        return bad(call, "messages");
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
        if (!known) return bad(call, "messages");
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
static enum err unsupported(const struct call *call) {
    static const char *const names[] = {"functions", "function_call", "audio"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct json *node = json_member(call->body, names[i]);
        if (!node || json_is_null(node) || (json_is_array(node) && !json_first(node))) continue;
        if (json_is_bool(node) && !json_bool(node, true)) continue;
        return fault_set(call->fault, ERR_INPUT, "language.unsupported", str_of(names[i]));
    }
    const struct json *forms = json_member(call->body, "modalities");
    for (const struct json *i = json_first(forms); i; i = json_next(i)) {
        if (str_is(json_text(i), "text")) continue;
        return fault_set(call->fault, ERR_INPUT, "language.unsupported", STR("modalities"));
    }
    return OK;
}

static enum err common_read(const struct call *call, struct flow_answer *answer,
                            struct json_writer *out) {
    const struct json *most = json_member(call->body, "max_completion_tokens");
    uint64_t tokens = 0, count = json_member_u64(call->body, "n", 1);
    if (!most || json_is_null(most)) most = json_member(call->body, "max_tokens");
    bool told = most && !json_is_null(most);
    if (told && !json_u64(most, &tokens)) return bad(call, "max_tokens");
    if (told && tokens == 0) { // of a text: what it is made of is told, and nothing more
        if (answer->kind != ANSWER_TEXT) return bad(call, "max_tokens");
        json_set_bool(out, "no_answer", true);
    }
    if (count == 0 || count > CHOICES_MAX) return bad(call, "n");
    json_set_u64(out, "tokens_most", tokens > UINT32_MAX ? UINT32_MAX : tokens);
    answer->parts_count = answer->each = (uint32_t)count;
    answer->streams = json_member_bool(call->body, "stream", false);
    const struct json *options = json_member(call->body, "stream_options");
    answer->tells_usage = json_member_bool(options, "include_usage", false);
    enum err err = unsupported(call);
    if (err == OK) err = wish_write(call, out, answer->kind == ANSWER_CHAT);
    if (err == OK) err = stops_write(call, out);
    return err == OK ? sampling_write(call, out, answer->kind == ANSWER_CHAT) : err;
}

static bool is_text(const struct json *item) {
    return json_is_string(item) && json_text(item).size > 0;
}

// A text as its tokens; the child knows which there are.
static bool is_tokens(const struct json *item) {
    if (!json_is_array(item) || !json_first(item)) return false;
    for (const struct json *i = json_first(item); i; i = json_next(i)) {
        if (!json_is_number(i)) return false;
    }
    return true;
}

static enum err texts_write(const struct call *call, const struct flow_answer *answer,
                            struct json_writer *out) {
    enum guard_rule rule = answer->guard.rule[GUARD_PROMPTS];
    bool screened = rule == GUARD_MASK || rule == GUARD_REFUSE; // which tokens cannot be
    const struct json *input = json_member(call->body, "input"),
                      *cut = json_member(call->body, "dimensions");
    bool one = is_text(input) || (is_tokens(input) && !screened);
    uint64_t dimensions = 0;
    if (!one && (!json_is_array(input) || !json_first(input) || json_count(input) > TEXTS_MAX)) {
        return bad(call, "input");
    }
    struct str form = json_member_text(call->body, "encoding_format");
    bool base64 = str_is(form, "base64");
    if (form.size && !base64 && !str_is(form, "float")) return bad(call, "encoding_format");
    if (cut && !json_is_null(cut) && (!json_u64(cut, &dimensions) || dimensions == 0)) {
        return bad(call, "dimensions");
    }
    if (dimensions) json_set_u64(out, "dimensions", dimensions);
    if (base64) json_set_bool(out, "base64", true);
    struct buf texts;
    buf_open(&texts, TALK_BYTES_MAX);
    if (one) buf_add_char(&texts, '[');
    json_write(&texts, input);
    if (one) buf_add_char(&texts, ']');
    json_set_raw(out, "texts", buf_str(&texts));
    buf_close(&texts);
    for (const struct json *i = one ? NULL : json_first(input); i; i = json_next(i)) {
        if (!is_text(i) && (screened || !is_tokens(i))) return bad(call, "input");
    }
    return OK;
}

static enum err asked_write(const struct call *call, struct flow_answer *answer, double weight) {
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

// ---- who asks, and of whom ----------------------------------------------------------------------

static enum err asked_of(struct flow_answer *answer, const struct call *call, double *out_weight) {
    struct store_txn *txn;
    struct language_model model;
    struct member member;
    const struct policy *policy;
    uint64_t cache;
    struct usage_wish wish = {
        .question = {.person = call->actor.person_id, .now_ms = clock_now_ms()}, .served = true};
    enum err err = store_read_begin(answer->flow->store, &txn);
    if (err != OK) return err;
    err = language_named(txn, call->arena, json_member_text(call->body, "model"), &model,
                         call->fault);
    if (err == OK) err = member_load(txn, call->actor.person_id, &member);
    if (err == OK) err = usage_allowed(txn, call->arena, &wish, call->fault);
    if (err == OK) err = policy_borrow(txn, &policy);
    if (err == OK) {
        const struct tenant *tenant = policy_tenant_or_default(policy, member.tenant);
        *out_weight = tenant && tenant->weight ? tenant->weight : 1;
        guard_rules_take(&answer->guard, policy, tenant);
        policy_return(policy);
    }
    store_read_end(txn);
    if (err != OK) return err;
    answer->model = model.id;
    answer->tenant = member.tenant;
    answer->person = call->actor.person_id;
    (void)!str_copy(answer->name, sizeof answer->name, model.name);
    (void)!str_copy(answer->person_name, sizeof answer->person_name, call->actor.name);
    if (model.embeds != (answer->kind == ANSWER_VECTORS)) {
        return fault_set(call->fault, ERR_INPUT,
                         model.embeds ? "language.embeds" : "language.embeds_not", model.name);
    }
    if (language_memory(&model, &cache) > answer->flow->largest.memory_bytes) {
        return fault_set(call->fault, ERR_CONFLICT, "language.does_not_fit", model.name);
    }
    return OK;
}

static enum err answer_begin(struct flow *flow, struct call *call, enum answer_kind kind,
                             const struct flow_waker *waker, struct flow_answer **out) {
    double weight = 1;
    enum err err = allow(call, ROLES_FLOW);
    if (err != OK) return err;
    struct flow_answer *answer = memory_take(sizeof *answer);
    if (!answer) return fault_set(call->fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    answer->flow = flow;
    answer->waker = *waker;
    answer->kind = kind;
    answer->created_s = clock_now_ms() / 1000;
    buf_open(&answer->asked, TALK_BYTES_MAX);
    buf_open(&answer->out, ANSWER_BYTES_MAX);
    for (uint32_t i = 0; i < ANSWER_PARTS_MAX; i++) {
        buf_open(&answer->parts[i].text, ANSWER_BYTES_MAX);
        buf_open(&answer->parts[i].logprobs, ANSWER_BYTES_MAX);
        buf_open(&answer->parts[i].calls, ANSWER_BYTES_MAX);
        buf_open(&answer->parts[i].given, ANSWER_BYTES_MAX);
    }
    err = asked_of(answer, call, &weight);
    if (err == OK) err = asked_write(call, answer, weight);
    if (err == OK) err = guard_asked(answer, call);
    if (err == OK) err = language_put(flow, answer, call->fault);
    if (err != OK) {
        answer_free(answer);
        return err;
    }
    *out = answer;
    return OK;
}

enum err flow_answer_chat(struct flow *flow, struct call *call, const struct flow_waker *waker,
                          struct flow_answer **out) {
    return answer_begin(flow, call, ANSWER_CHAT, waker, out);
}

enum err flow_answer_text(struct flow *flow, struct call *call, const struct flow_waker *waker,
                          struct flow_answer **out) {
    return answer_begin(flow, call, ANSWER_TEXT, waker, out);
}

enum err flow_answer_vectors(struct flow *flow, struct call *call, const struct flow_waker *waker,
                             struct flow_answer **out) {
    return answer_begin(flow, call, ANSWER_VECTORS, waker, out);
}

// ---- what is answered ---------------------------------------------------------------------------

// The members that each object of an answer begins with.
static void head_write(const struct flow_answer *answer, struct json_writer *out, bool chunk) {
    char id[40];
    bool chat = answer->kind == ANSWER_CHAT;
    snprintf(id, sizeof id, "%s-%" PRIx64, chat ? "chatcmpl" : "cmpl", answer->id);
    json_set_text(out, "id", str_of(id));
    const char *object = !chat   ? "text_completion"
                         : chunk ? "chat.completion.chunk"
                                 : "chat.completion";
    json_set_text(out, "object", str_of(object));
    json_set_i64(out, "created", answer->created_s);
    json_set_text(out, "model", str_of(answer->name));
}

static uint64_t tokens_of(const struct flow_answer *answer) {
    uint64_t tokens = 0;
    for (uint32_t i = 0; i < answer->parts_count; i++) tokens += answer->parts[i].tokens;
    return tokens;
}

// Drafts stand where OpenAI tells of predictions: tokens that the model checked many at a time.
static void drafts_write(const struct flow_answer *answer, struct json_writer *out) {
    uint64_t drafted = 0, held = 0;
    for (uint32_t i = 0; i < answer->parts_count; i++) {
        drafted += answer->parts[i].drafted;
        held += answer->parts[i].held;
    }
    json_put_name(out, "completion_tokens_details");
    json_open_object(out);
    json_set_u64(out, "accepted_prediction_tokens", held);
    json_set_u64(out, "rejected_prediction_tokens", drafted > held ? drafted - held : 0);
    json_close_object(out);
}

static void usage_write(const struct flow_answer *answer, struct json_writer *out) {
    uint64_t tokens = tokens_of(answer);
    json_put_name(out, "usage");
    json_open_object(out);
    json_set_u64(out, "prompt_tokens", answer->prompt_tokens);
    if (answer->kind != ANSWER_VECTORS) {
        json_set_u64(out, "completion_tokens", tokens);
        json_put_name(out, "prompt_tokens_details");
        json_open_object(out);
        json_set_u64(out, "cached_tokens", answer->shared_tokens);
        json_close_object(out);
        drafts_write(answer, out);
    }
    json_set_u64(out, "total_tokens", answer->prompt_tokens + tokens);
    json_close_object(out);
}

static void logprobs_write(const struct flow_answer *answer, struct json_writer *out,
                           struct str list) {
    if (answer->kind == ANSWER_TEXT) {
        text_logprobs_write(out, list);
        return;
    }
    json_put_name(out, "logprobs");
    if (!list.size) {
        json_put_null(out);
        return;
    }
    json_open_object(out);
    json_put_name(out, "content");
    json_open_array(out);
    json_put_raw(out, list);
    json_close_array(out);
    json_close_object(out);
}

static void finish_write(struct json_writer *out, const struct answer_part *part) {
    json_put_name(out, "finish_reason");
    if (!part->ended) {
        json_put_null(out);
        return;
    }
    bool called = part->stopped && part->calls.size;
    json_put_text(out, part->filtered  ? STR("content_filter")
                       : called        ? STR("tool_calls")
                       : part->stopped ? STR("stop")
                                       : STR("length"));
}

static bool all_ended(const struct flow_answer *answer) {
    for (uint32_t i = 0; i < answer->parts_count; i++) {
        if (!answer->parts[i].ended) return false;
    }
    return true;
}

static struct json_writer chunk_begin(struct flow_answer *answer) {
    buf_add_text(&answer->out, "data: ");
    struct json_writer out = json_writer_of(&answer->out);
    json_open_object(&out);
    head_write(answer, &out, true);
    json_put_name(&out, "choices");
    json_open_array(&out);
    return out;
}

static void chunk_end(struct flow_answer *answer, struct json_writer *out) {
    json_close_object(out);
    buf_add_text(&answer->out, "\n\n");
}

struct piece { // of a choice, as one chunk tells it
    struct str text, logprobs;
    const struct json *call; // what has come of one, or NULL
    bool first;
};

static void chunk_put(struct flow_answer *answer, uint32_t at, const struct piece *piece) {
    const struct answer_part *part = &answer->parts[at];
    struct json_writer out = chunk_begin(answer);
    json_open_object(&out);
    json_set_u64(&out, "index", at);
    if (answer->kind == ANSWER_CHAT) {
        json_put_name(&out, "delta");
        json_open_object(&out);
        if (piece->first) json_set_text(&out, "role", STR("assistant"));
        if (piece->first || piece->text.size) json_set_text(&out, "content", piece->text);
        if (piece->call) call_delta_write(&out, piece->call);
        json_close_object(&out);
    } else {
        json_set_text(&out, "text", piece->text);
    }
    logprobs_write(answer, &out, piece->logprobs);
    finish_write(&out, part);
    json_close_object(&out);
    json_close_array(&out);
    if (answer->tells_usage) json_set_null(&out, "usage");
    if (all_ended(answer)) guard_write(answer, &out);
    chunk_end(answer, &out);
}

static void stream_end(struct flow_answer *answer) {
    if (answer->tells_usage) {
        struct json_writer out = chunk_begin(answer);
        json_close_array(&out);
        usage_write(answer, &out);
        chunk_end(answer, &out);
    }
    buf_add_text(&answer->out, "data: [DONE]\n\n");
}

static void vectors_whole(struct flow_answer *answer) {
    struct json_writer writer = json_writer_of(&answer->out), *out = &writer;
    json_open_object(out);
    json_set_text(out, "object", STR("list"));
    json_set_text(out, "model", str_of(answer->name));
    json_put_name(out, "data");
    json_open_array(out);
    json_put_raw(out, buf_str(&answer->parts[0].text));
    json_close_array(out);
    usage_write(answer, out);
    guard_write(answer, out);
    json_close_object(out);
}

static void answer_whole(struct flow_answer *answer) {
    struct json_writer writer = json_writer_of(&answer->out), *out = &writer;
    json_open_object(out);
    head_write(answer, out, false);
    json_put_name(out, "choices");
    json_open_array(out);
    for (uint32_t i = 0; i < answer->parts_count; i++) {
        const struct answer_part *part = &answer->parts[i];
        json_open_object(out);
        json_set_u64(out, "index", i);
        if (answer->kind == ANSWER_CHAT) {
            json_put_name(out, "message");
            json_open_object(out);
            json_set_text(out, "role", STR("assistant"));
            if (part->calls.size && !part->text.size) {
                json_set_null(out, "content");
            } else {
                json_set_text(out, "content", buf_str(&part->text));
            }
            json_set_null(out, "refusal");
            if (part->calls.size) calls_whole_write(out, part);
            json_close_object(out);
        } else {
            json_set_text(out, "text", buf_str(&part->text));
        }
        logprobs_write(answer, out, buf_str(&part->logprobs));
        finish_write(out, part);
        json_close_object(out);
    }
    json_close_array(out);
    usage_write(answer, out);
    guard_write(answer, out);
    json_close_object(out);
}

static void answer_over(struct flow_answer *answer) {
    if (!all_ended(answer)) return;
    answer->ended = true;
    if (answer->streams) {
        stream_end(answer);
    } else if (answer->kind == ANSWER_VECTORS) {
        vectors_whole(answer);
    } else {
        answer_whole(answer);
    }
}

void answer_fail(struct flow_answer *answer, enum err err, const struct fault *fault) {
    if (answer->ended) return;
    answer->ended = answer->failed = true;
    answer->err = err;
    answer->fault = *fault;
}

void answer_waits(struct flow_answer *answer, uint64_t place) {
    if (!answer->streams || answer->ended) return;
    buf_printf(&answer->out, ": queue %" PRIu64 "\n\n", place);
}

static void vector_hear(struct flow_answer *answer, const struct json *frame) {
    struct buf *out = &answer->parts[0].text;
    if (out->size) buf_add_char(out, ',');
    buf_printf(out, "{\"object\":\"embedding\",\"index\":%" PRIu64 ",\"embedding\":",
               json_member_u64(frame, "index", 0));
    json_write(out, json_member(frame, "vector"));
    buf_add_char(out, '}');
}

// The prompt, told as the beginning of the answer: what was asked is not screened as what was
// answered, unless nothing that the rule keeps back may leave.
static void echo_hear(struct flow_answer *answer, struct answer_part *part, struct str text,
                      struct buf *out) {
    enum guard_rule rule = answer->guard.rule[GUARD_ANSWERS];
    if (rule == GUARD_MASK || rule == GUARD_REFUSE) {
        guard_hear(answer, part, text, false, out);
    } else {
        buf_add_str(out, text);
    }
}

// What all prompts are made of.
static void prompt_count(struct flow_answer *answer, struct answer_part *part,
                         const struct json *frame) {
    if (!json_member(frame, "prompt_tokens")) return;
    part->prompt_tokens = json_member_u64(frame, "prompt_tokens", 0);
    part->shared_tokens = json_member_u64(frame, "shared_tokens", 0);
    answer->prompt_tokens = answer->shared_tokens = 0;
    for (uint32_t i = 0; i < answer->parts_count; i += answer->each) {
        answer->prompt_tokens += answer->parts[i].prompt_tokens;
        answer->shared_tokens += answer->parts[i].shared_tokens;
    }
}

// A chunk for what has come of text, one for each piece of a call, one for the end.
static void part_stream(struct flow_answer *answer, uint32_t at, struct piece piece,
                        const struct json *calls) {
    struct answer_part *part = &answer->parts[at];
    bool ended = part->ended, called = json_first(calls) != NULL;
    if (called) part->ended = false;
    if (piece.text.size || piece.logprobs.size || part->ended || piece.first) {
        chunk_put(answer, at, &piece);
    }
    for (const struct json *i = json_first(calls); i; i = json_next(i)) {
        chunk_put(answer, at, &(struct piece){.call = i});
    }
    part->ended = ended;
    if (called && ended) chunk_put(answer, at, &(struct piece){.first = false});
}

// What has come of calls, screened. What the stream is told of them now; the caller closes *own.
static const struct json *part_calls(struct flow_answer *answer, struct answer_part *part,
                                     const struct json *frame, struct json **own) {
    const struct json *calls = json_member(frame, "calls");
    *own = NULL;
    calls_hear(part, calls);
    if (part->ended) calls_over(part);
    bool held = guard_keeps(answer);
    if (part->ended && part->calls.size) {
        enum err err = held || part->screen ? calls_told(part, own) : OK;
        if (err != OK || !guard_calls(answer, part, *own)) buf_clear(&part->calls);
        if (err != OK || part->filtered) return NULL;
    }
    return held ? *own : calls;
}

static void part_hear(struct flow_answer *answer, uint32_t at, const struct json *frame) {
    struct answer_part *part = &answer->parts[at];
    struct str text = json_member_text(frame, "text"), finish = json_member_text(frame, "finish");
    struct buf logprob, leaves;
    struct json *own;
    bool first = part->tokens == 0, echo = json_member(frame, "echo") != NULL;
    const struct json *judged = json_member(frame, "judged");
    buf_open(&leaves, ANSWER_BYTES_MAX);
    if (echo) echo_hear(answer, part, json_member_text(frame, "echo"), &leaves);
    if (!echo) guard_hear(answer, part, text, finish.size > 0, &leaves);
    buf_open(&logprob, 1 << 20);
    if (judged || json_member(frame, "logprob")) {
        json_write(&logprob, judged ? judged : json_member(frame, "logprob"));
    }
    if (!finish.size && !echo && !judged) part->tokens++;
    if (finish.size) {
        part->ended = true;
        part->stopped = !str_is(finish, "length");
        part->tokens = json_member_u64(frame, "tokens", part->tokens);
        part->drafted = json_member_u64(frame, "drafted", 0);
        part->held = json_member_u64(frame, "held", 0);
    }
    part->ended |= part->filtered;
    const struct json *calls = part_calls(answer, part, frame, &own);
    prompt_count(answer, part, frame);
    struct piece piece = {buf_str(&leaves), buf_str(&logprob), NULL, first};
    if (answer->streams) {
        part_stream(answer, at, piece, calls);
    } else {
        buf_add_str(&part->text, piece.text);
        if (logprob.size && part->logprobs.size) buf_add_char(&part->logprobs, ',');
        buf_add_str(&part->logprobs, piece.logprobs);
    }
    json_close(own);
    buf_close(&logprob);
    buf_close(&leaves);
}

static enum err err_of_name(struct str name) {
    for (int i = ERR_INPUT; i <= ERR_PAUSED; i++) {
        if (str_is(name, err_name((enum err)i))) return (enum err)i;
    }
    return ERR_IO;
}

void answer_hear(struct flow_answer *answer, uint32_t part, const struct json *frame) {
    struct fault fault;
    uint64_t place = 0;
    if (answer->ended || answer->parts[part].ended) return;
    if (json_member(frame, "err")) {
        json_read_fault(json_member(frame, "fault"), &fault);
        answer_fail(answer, err_of_name(json_member_text(frame, "err")), &fault);
        return;
    }
    if (json_u64(json_member(frame, "queue"), &place)) {
        if (place && part == 0) answer_waits(answer, place);
        return;
    }
    answer->begun = true;
    if (json_member(frame, "vector")) {
        vector_hear(answer, frame);
        return;
    }
    part_hear(answer, part, frame);
    answer_over(answer);
}

// ---- the list -----------------------------------------------------------------------------------

struct naming {
    struct arena *arena;
    struct json_writer *out;
    enum err err;
};

static void name_write(struct json_writer *out, const struct language_model *model) {
    json_open_object(out);
    json_set_text(out, "id", model->name);
    json_set_text(out, "object", STR("model"));
    json_set_i64(out, "created", model->created_ms / 1000);
    json_set_text(out, "owned_by", model->actor.name);
    json_close_object(out);
}

static bool name_visit(void *ctx, struct str key, struct record_reader *record) {
    struct naming *naming = ctx;
    struct language_model model;
    (void)key;
    naming->err = language_model_read(record, naming->arena, &model);
    if (naming->err != OK) return false;
    if (!model.deleted && model.on && model.state == MODEL_READY) name_write(naming->out, &model);
    return true;
}

enum err flow_openai_models(struct flow *flow, struct call *call) {
    struct store_txn *txn;
    struct naming naming = {.arena = call->arena, .out = call->out};
    enum err err = allow(call, ROLES_FLOW);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    json_open_object(call->out);
    json_set_text(call->out, "object", STR("list"));
    json_put_name(call->out, "data");
    json_open_array(call->out);
    err = store_scan(txn, TABLE_LANGUAGE, (struct key){.size = 0}, true, name_visit, &naming);
    store_read_end(txn);
    json_close_array(call->out);
    json_close_object(call->out);
    if (err == OK) err = naming.err;
    return err == OK ? answer_end(call) : missing(call, err, "language.not_found");
}

enum err flow_openai_model(struct flow *flow, struct call *call) {
    struct store_txn *txn;
    struct language_model model;
    enum err err = allow(call, ROLES_FLOW);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = language_named(txn, call->arena, call->word, &model, call->fault);
    store_read_end(txn);
    if (err != OK) return err;
    name_write(call->out, &model);
    return answer_end(call);
}
