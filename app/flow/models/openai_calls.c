// Calls of tools in answers, in OpenAI's form: a child tells where one begins and what it is given,
// piece by piece; a stream passes that on, a whole answer has it put together.
#include "flow/models/language.h"

static void text_put(struct buf *out, struct str text) {
    struct json_writer writer = json_writer_of(out);
    json_put_text(&writer, text);
}

// The last call is whole now.
static void call_end(struct answer_part *part) {
    if (part->calling) {
        text_put(&part->calls, buf_str(&part->given));
        buf_add_text(&part->calls, "}}");
    }
    buf_clear(&part->given);
    part->calling = false;
}

static void call_begin(struct answer_part *part, const struct json *told) {
    call_end(part);
    buf_add_text(&part->calls, part->calls.size ? ",{\"id\":" : "{\"id\":");
    text_put(&part->calls, json_member_text(told, "id"));
    buf_add_text(&part->calls, ",\"type\":\"function\",\"function\":{\"name\":");
    text_put(&part->calls, json_member_text(told, "name"));
    buf_add_text(&part->calls, ",\"arguments\":");
    part->calling = true;
}

void calls_hear(struct answer_part *part, const struct json *calls) {
    for (const struct json *i = json_first(calls); i; i = json_next(i)) {
        if (json_member(i, "id")) call_begin(part, i);
        buf_add_str(&part->given, json_member_text(i, "arguments"));
    }
}

void calls_over(struct answer_part *part) {
    call_end(part);
}

void calls_whole_write(struct json_writer *out, const struct answer_part *part) {
    json_put_name(out, "tool_calls");
    json_open_array(out);
    json_put_raw(out, buf_str(&part->calls));
    json_close_array(out);
}

void call_delta_write(struct json_writer *out, const struct json *told) {
    bool begins = json_member(told, "id") != NULL;
    json_put_name(out, "tool_calls");
    json_open_array(out);
    json_open_object(out);
    json_set_u64(out, "index", json_member_u64(told, "index", 0));
    if (begins) json_set_text(out, "id", json_member_text(told, "id"));
    if (begins) json_set_text(out, "type", STR("function"));
    json_put_name(out, "function");
    json_open_object(out);
    if (begins) json_set_text(out, "name", json_member_text(told, "name"));
    json_set_text(out, "arguments", json_member_text(told, "arguments"));
    json_close_object(out);
    json_close_object(out);
    json_close_array(out);
}

// As the child would have told them, had it told each at once.
enum err calls_told(const struct answer_part *part, struct json **out) {
    struct buf text, list;
    struct json *calls;
    uint64_t index = 0;
    buf_open(&text, ANSWER_BYTES_MAX);
    buf_open(&list, ANSWER_BYTES_MAX);
    buf_add_char(&list, '[');
    buf_add_str(&list, buf_str(&part->calls));
    buf_add_char(&list, ']');
    enum err err = buf_err(&list);
    if (err == OK) err = json_parse(buf_str(&list), &calls, NULL);
    buf_close(&list);
    if (err != OK) return err;
    struct json_writer writer = json_writer_of(&text);
    json_open_array(&writer);
    for (const struct json *i = json_first(calls); i; i = json_next(i), index++) {
        const struct json *function = json_member(i, "function");
        json_open_object(&writer);
        json_set_u64(&writer, "index", index);
        json_set_text(&writer, "id", json_member_text(i, "id"));
        json_set_text(&writer, "name", json_member_text(function, "name"));
        json_close_object(&writer);
        json_open_object(&writer);
        json_set_u64(&writer, "index", index);
        json_set_text(&writer, "arguments", json_member_text(function, "arguments"));
        json_close_object(&writer);
    }
    json_close_array(&writer);
    json_close(calls);
    err = buf_err(&text);
    if (err == OK) err = json_parse(buf_str(&text), out, NULL);
    buf_close(&text);
    return err;
}
