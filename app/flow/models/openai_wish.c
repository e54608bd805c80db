// What a request wishes of its answer: calls of tools, a schema, a grammar, a regular expression,
// choices. Sources: OpenAI's API reference of chat completions; the guided_* members and
// structured_outputs are vLLM's, `grammar` is llama.cpp's.
#include <stdio.h>

#include "flow/models/language.h"

enum { TOOLS_MAX = 128, CHOICES_MAX = 1024, SWITCH_BYTES_MAX = 32 };

static enum err bad(const struct call *call, const char *name) {
    return fault_set(call->fault, ERR_INPUT, "language.bad_parameter", str_of(name));
}

// Of one of a list.
static enum err bad_item(const struct call *call, const char *code, const char *list, size_t index,
                         const char *member) {
    char where[64];
    snprintf(where, sizeof where, "%s[%zu]%s", list, index, member);
    return fault_set(call->fault, ERR_INPUT, code, str_of(where));
}

static enum err unsupported(const struct call *call, const char *name) {
    return fault_set(call->fault, ERR_INPUT, "language.unsupported", str_of(name));
}

static const struct json *wanted(const struct json *object, const char *name) {
    const struct json *node = json_member(object, name);
    return node && !json_is_null(node) ? node : NULL;
}

static void copy(struct json_writer *out, const char *name, const struct json *node) {
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    json_write(&text, node);
    json_set_raw(out, name, buf_str(&text));
    buf_close(&text);
}

// ---- messages -----------------------------------------------------------------------------------

static bool is_named(const struct json *object) {
    struct str name = json_member_text(json_member(object, "function"), "name");
    return json_is_object(object) && name.size > 0 && name.size <= 256;
}

// A call of that id stands in a message before this one.
static bool was_called(const struct call *call, const struct json *message, struct str id) {
    const struct json *messages = json_member(call->body, "messages");
    for (const struct json *i = json_first(messages); i && i != message; i = json_next(i)) {
        const struct json *calls = json_member(i, "tool_calls");
        for (const struct json *k = json_first(calls); k; k = json_next(k)) {
            if (str_equal(json_member_text(k, "id"), id)) return true;
        }
    }
    return false;
}

// What a tool has answered belongs to a call of it.
static enum err answer_check(const struct call *call, const struct json *message) {
    size_t index = 0;
    struct str id = json_member_text(message, "tool_call_id");
    if (!str_is(json_member_text(message, "role"), "tool") || was_called(call, message, id)) {
        return OK;
    }
    const struct json *i = json_first(json_member(call->body, "messages"));
    for (; i && i != message; i = json_next(i)) index++;
    return bad_item(call, "language.bad_parameter", "messages", index, ".tool_call_id");
}

enum err message_more_write(const struct call *call, struct json_writer *out,
                            const struct json *message) {
    static const char *const texts[] = {"name", "tool_call_id", "reasoning_content"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct json *node = wanted(message, texts[i]);
        if (node && !json_is_string(node)) return bad(call, "messages");
        if (node) json_set_text(out, texts[i], json_text(node));
    }
    enum err err = answer_check(call, message);
    const struct json *calls = wanted(message, "tool_calls");
    if (err != OK || !calls) return err;
    if (!json_is_array(calls) || json_count(calls) > TOOLS_MAX) return bad(call, "messages");
    for (const struct json *i = json_first(calls); i; i = json_next(i)) {
        if (!is_named(i)) return bad(call, "messages");
    }
    if (json_first(calls)) copy(out, "tool_calls", calls);
    return OK;
}

// ---- tools --------------------------------------------------------------------------------------

// From that one on.
static bool holds_tool(const struct json *tool, struct str name) {
    for (const struct json *i = tool; i; i = json_next(i)) {
        if (str_equal(json_member_text(json_member(i, "function"), "name"), name)) return true;
    }
    return false;
}

static enum err tool_choice_write(const struct call *call, struct json_writer *out,
                                  const struct json *tools) {
    const struct json *choice = wanted(call->body, "tool_choice");
    if (!choice) return OK;
    struct str word = json_text(choice);
    if (str_is(word, "none") || str_is(word, "auto") || str_is(word, "required")) {
        json_set_text(out, "call", word);
        return OK;
    }
    struct str name = json_member_text(json_member(choice, "function"), "name");
    if (!is_named(choice)) return bad(call, "tool_choice");
    if (!holds_tool(json_first(tools), name)) {
        return fault_set(call->fault, ERR_INPUT, "language.tool_unknown", name);
    }
    json_put_name(out, "call");
    json_open_object(out);
    json_set_text(out, "name", name);
    json_close_object(out);
    return OK;
}

static enum err tools_check(const struct call *call, const struct json *tools) {
    size_t index = 0;
    for (const struct json *i = json_first(tools); i; i = json_next(i), index++) {
        const struct json *function = json_member(i, "function");
        const struct json *parameters = wanted(function, "parameters");
        struct str name = json_member_text(function, "name");
        if (!str_is(json_member_text(i, "type"), "function")) {
            return bad_item(call, "language.unsupported", "tools", index, ".type");
        }
        if (!is_named(i)) {
            return bad_item(call, "language.bad_parameter", "tools", index, ".function.name");
        }
        if (parameters && !json_is_object(parameters)) {
            return bad_item(call, "language.bad_parameter", "tools", index, ".function.parameters");
        }
        if (holds_tool(json_next(i), name)) {
            return fault_set(call->fault, ERR_INPUT, "language.tool_twice", name);
        }
    }
    return OK;
}

static enum err tools_write(const struct call *call, struct json_writer *out, bool *out_any) {
    const struct json *tools = wanted(call->body, "tools");
    bool named = json_is_object(json_member(call->body, "tool_choice"));
    if (!tools || (json_is_array(tools) && !json_first(tools))) {
        bool must = named || str_is(json_member_text(call->body, "tool_choice"), "required");
        return must ? bad(call, "tools") : OK;
    }
    if (!json_is_array(tools) || json_count(tools) > TOOLS_MAX) return bad(call, "tools");
    enum err err = tools_check(call, tools);
    if (err != OK) return err;
    copy(out, "tools", tools);
    if (json_member_bool(call->body, "parallel_tool_calls", true) && !named) {
        json_set_bool(out, "several", true);
    }
    *out_any = !str_is(json_member_text(call->body, "tool_choice"), "none");
    return tool_choice_write(call, out, tools);
}

// ---- what the answer may be ---------------------------------------------------------------------

static enum err format_write(const struct call *call, struct json_writer *out,
                             const struct json *format) {
    struct str type = json_member_text(format, "type");
    if (str_is(type, "json_object")) {
        json_set_bool(out, "json", true);
        return OK;
    }
    if (str_is(type, "regex") && json_member_text(format, "regex").size) {
        json_set_text(out, "regex", json_member_text(format, "regex"));
        return OK;
    }
    if (!str_is(type, "json_schema")) return unsupported(call, "response_format");
    const struct json *schema = json_member(json_member(format, "json_schema"), "schema");
    if (!json_is_object(schema)) return bad(call, "response_format");
    copy(out, "schema", schema);
    return OK;
}

static enum err choices_write(const struct call *call, struct json_writer *out,
                              const struct json *choices) {
    bool good = json_is_array(choices) && json_first(choices) && json_count(choices) <= CHOICES_MAX;
    for (const struct json *i = json_first(choices); i && good; i = json_next(i)) {
        good = json_text(i).size > 0;
    }
    if (!good) return bad(call, "guided_choice");
    copy(out, "choices", choices);
    return OK;
}

static enum err guide_write(const struct call *call, struct json_writer *out, const char *name,
                            const struct json *guide);

// The newer form of the guided_* members: one of them in an object.
static enum err outputs_write(const struct call *call, struct json_writer *out,
                              const struct json *outputs) {
    static const struct {
        const char *name, *guide;
    } known[] = {{"json", "guided_json"},
                 {"regex", "guided_regex"},
                 {"choice", "guided_choice"},
                 {"grammar", "guided_grammar"}};
    const struct json *found = NULL;
    const char *guide = NULL;
    for (const struct json *i = json_first(outputs); i; i = json_next(i)) {
        bool named = false;
        if (json_is_null(i)) continue;
        if (found) return bad(call, "structured_outputs");
        for (size_t k = 0; k < sizeof known / sizeof *known && !named; k++) {
            named = str_is(json_name(i), known[k].name);
            guide = known[k].guide;
        }
        if (!named) return unsupported(call, "structured_outputs");
        found = i;
    }
    if (!found || !json_is_object(outputs)) return bad(call, "structured_outputs");
    return guide_write(call, out, guide, found);
}

static enum err guide_write(const struct call *call, struct json_writer *out, const char *name,
                            const struct json *guide) {
    struct str word = str_of(name);
    if (str_is(word, "response_format")) return format_write(call, out, guide);
    if (str_is(word, "structured_outputs")) return outputs_write(call, out, guide);
    if (str_is(word, "guided_choice")) return choices_write(call, out, guide);
    if (str_is(word, "guided_json")) {
        if (!json_is_object(guide)) return bad(call, name);
        copy(out, "schema", guide);
        return OK;
    }
    if (!json_text(guide).size) return bad(call, name);
    json_set_text(out, str_is(word, "guided_regex") ? "regex" : "grammar", json_text(guide));
    return OK;
}

// Switches of the template, such as enable_thinking; nothing that could stand for what is said.
static enum err switches_write(const struct call *call, struct json_writer *out) {
    const struct json *more = wanted(call->body, "chat_template_kwargs");
    if (!more) return OK;
    bool good = json_is_object(more);
    for (const struct json *i = json_first(more); i && good; i = json_next(i)) {
        good = json_is_bool(i) || json_is_number(i) || json_is_null(i) ||
               (json_is_string(i) && json_text(i).size <= SWITCH_BYTES_MAX);
    }
    if (!good) return bad(call, "chat_template_kwargs");
    copy(out, "more", more);
    return OK;
}

enum err wish_write(const struct call *call, struct json_writer *out, bool chat) {
    static const char *const guides[] = {"response_format", "guided_json",  "guided_choice",
                                         "guided_grammar",  "guided_regex", "structured_outputs",
                                         "grammar"};
    const struct json *guide = NULL;
    bool tools = false;
    enum err err = chat ? tools_write(call, out, &tools) : OK;
    for (size_t i = 0; i < sizeof guides / sizeof *guides && err == OK; i++) {
        const struct json *node = wanted(call->body, guides[i]);
        if (!node || (i == 0 && str_is(json_member_text(node, "type"), "text"))) continue;
        // One constraint; beside tools only what can be told from a call.
        bool told = i == 1 || (i == 0 && !str_is(json_member_text(node, "type"), "regex"));
        if (guide || (tools && !told)) return bad(call, guides[i]);
        guide = node;
        err = guide_write(call, out, guides[i], node);
    }
    return err == OK && chat ? switches_write(call, out) : err;
}
