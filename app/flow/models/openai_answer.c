// What children say, made into answers of OpenAI's API, whole or streamed. Source: OpenAI's API
// reference of chat completions, completions, embeddings.
#include <inttypes.h>
#include <stdio.h>

#include "flow/models/language.h"

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
