// What a request wishes of its answer: calls of tools, a schema, a grammar, a regular expression,
// choices. Sources: OpenAI's API reference of chat completions; the guided_* members and
// structured_outputs are vLLM's, `grammar` is llama.cpp's.
#include <stdio.h>

#include "flow/models/language.h"

enum { TOOLS_MAX = 128, CHOICES_MAX = 1024, SWITCH_BYTES_MAX = 32 };

// Of one of a list.
static enum err bad_item(const struct call *call, const char *code, const char *list, size_t index,
                         const char *member) {
    char where[64];
    snprintf(where, sizeof where, "%s[%zu]%s", list, index, member);
    return fault_set(call->fault, ERR_INPUT, code, str_of(where));
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
        const struct json *node = parameter(message, texts[i]);
        if (node && !json_is_string(node)) return parameter_bad(call, "messages");
        if (node) json_set_text(out, texts[i], json_text(node));
    }
    enum err err = answer_check(call, message);
    const struct json *calls = parameter(message, "tool_calls");
    if (err != OK || !calls) return err;
    if (!json_is_array(calls) || json_count(calls) > TOOLS_MAX)
        return parameter_bad(call, "messages");
    for (const struct json *i = json_first(calls); i; i = json_next(i)) {
        if (!is_named(i)) return parameter_bad(call, "messages");
    }
    if (json_first(calls)) json_set_node(out, "tool_calls", calls);
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
    const struct json *choice = parameter(call->body, "tool_choice");
    if (!choice) return OK;
    struct str word = json_text(choice);
    if (str_is(word, "none") || str_is(word, "auto") || str_is(word, "required")) {
        json_set_text(out, "call", word);
        return OK;
    }
    struct str name = json_member_text(json_member(choice, "function"), "name");
    if (!is_named(choice)) return parameter_bad(call, "tool_choice");
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
        const struct json *parameters = parameter(function, "parameters");
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
    const struct json *tools = parameter(call->body, "tools");
    bool named = json_is_object(json_member(call->body, "tool_choice"));
    if (!tools || (json_is_array(tools) && !json_first(tools))) {
        bool must = named || str_is(json_member_text(call->body, "tool_choice"), "required");
        return must ? parameter_bad(call, "tools") : OK;
    }
    if (!json_is_array(tools) || json_count(tools) > TOOLS_MAX) return parameter_bad(call, "tools");
    enum err err = tools_check(call, tools);
    if (err != OK) return err;
    json_set_node(out, "tools", tools);
    if (json_member_bool(call->body, "parallel_tool_calls", true) && !named) {
        json_set_bool(out, "several", true);
    }
    *out_any = !str_is(json_member_text(call->body, "tool_choice"), "none");
    return tool_choice_write(call, out, tools);
}

// ---- what the answer may be ---------------------------------------------------------------------

// A parameter that says what the answer may be; a request has one of them at the most.
struct guide {
    const char *name;
    const char *within; // its name in "structured_outputs"; NULL: it does not stand there
    const char *member; // of the frame, where that does not depend on the parameter
    // NULL: it is an object that holds one of the others.
    enum err (*write)(const struct call *call, struct json_writer *out, const struct guide *guide,
                      const struct json *node);
};

static enum err format_write(const struct call *call, struct json_writer *out,
                             const struct guide *guide, const struct json *node) {
    struct str type = json_member_text(node, "type");
    if (str_is(type, "json_object")) {
        json_set_bool(out, "json", true);
        return OK;
    }
    if (str_is(type, "regex") && json_member_text(node, "regex").size) {
        json_set_text(out, "regex", json_member_text(node, "regex"));
        return OK;
    }
    if (!str_is(type, "json_schema")) return parameter_unsupported(call, guide->name);
    const struct json *schema = json_member(json_member(node, "json_schema"), "schema");
    if (!json_is_object(schema)) return parameter_bad(call, guide->name);
    json_set_node(out, "schema", schema);
    return OK;
}

static enum err schema_write(const struct call *call, struct json_writer *out,
                             const struct guide *guide, const struct json *node) {
    if (!json_is_object(node)) return parameter_bad(call, guide->name);
    json_set_node(out, guide->member, node);
    return OK;
}

static enum err choices_write(const struct call *call, struct json_writer *out,
                              const struct guide *guide, const struct json *node) {
    bool good = json_is_array(node) && json_first(node) && json_count(node) <= CHOICES_MAX;
    for (const struct json *i = json_first(node); i && good; i = json_next(i)) {
        good = json_text(i).size > 0;
    }
    if (!good) return parameter_bad(call, guide->name);
    json_set_node(out, guide->member, node);
    return OK;
}

static enum err text_write(const struct call *call, struct json_writer *out,
                           const struct guide *guide, const struct json *node) {
    if (!json_text(node).size) return parameter_bad(call, guide->name);
    json_set_text(out, guide->member, json_text(node));
    return OK;
}

enum { GUIDE_COUNT = 7 };
static const struct guide guides[GUIDE_COUNT] = {
    {"response_format", NULL, NULL, format_write},
    {"guided_json", "json", "schema", schema_write},
    {"guided_choice", "choice", "choices", choices_write},
    {"guided_grammar", "grammar", "grammar", text_write},
    {"guided_regex", "regex", "regex", text_write},
    {"structured_outputs", NULL, NULL, NULL}, // the newer form of the guided_* parameters
    {"grammar", NULL, "grammar", text_write},
};

static const struct guide *guide_within(struct str name) {
    for (size_t i = 0; i < GUIDE_COUNT; i++) {
        if (guides[i].within && str_is(name, guides[i].within)) return &guides[i];
    }
    return NULL;
}

// The one that stands in an object.
static enum err outputs_write(const struct call *call, struct json_writer *out, const char *name,
                              const struct json *outputs) {
    const struct json *found = NULL;
    const struct guide *guide = NULL;
    for (const struct json *i = json_first(outputs); i; i = json_next(i)) {
        if (json_is_null(i)) continue;
        if (found) return parameter_bad(call, name);
        guide = guide_within(json_name(i));
        if (!guide) return parameter_unsupported(call, name);
        found = i;
    }
    if (!found || !json_is_object(outputs)) return parameter_bad(call, name);
    return guide->write(call, out, guide, found);
}

// Beside tools an answer may be what can be told from a call: JSON.
static bool is_told_from_calls(const struct guide *guide, const struct json *node) {
    if (guide->write == format_write) return !str_is(json_member_text(node, "type"), "regex");
    return guide->write == schema_write;
}

static enum err guides_write(const struct call *call, struct json_writer *out, bool tools) {
    bool any = false;
    enum err err = OK;
    for (size_t i = 0; i < GUIDE_COUNT && err == OK; i++) {
        const struct guide *guide = &guides[i];
        const struct json *node = parameter(call->body, guide->name);
        bool any_text =
            guide->write == format_write && str_is(json_member_text(node, "type"), "text");
        if (!node || any_text) continue;
        if (any || (tools && !is_told_from_calls(guide, node))) {
            return parameter_bad(call, guide->name);
        }
        any = true;
        err = guide->write ? guide->write(call, out, guide, node)
                           : outputs_write(call, out, guide->name, node);
    }
    return err;
}

// Switches of the template, such as enable_thinking; nothing that could stand for what is said.
static enum err switches_write(const struct call *call, struct json_writer *out) {
    const struct json *more = parameter(call->body, "chat_template_kwargs");
    if (!more) return OK;
    bool good = json_is_object(more);
    for (const struct json *i = json_first(more); i && good; i = json_next(i)) {
        good = json_is_bool(i) || json_is_number(i) || json_is_null(i) ||
               (json_is_string(i) && json_text(i).size <= SWITCH_BYTES_MAX);
    }
    if (!good) return parameter_bad(call, "chat_template_kwargs");
    json_set_node(out, "more", more);
    return OK;
}

enum err wish_write(const struct call *call, struct json_writer *out, bool chat) {
    bool tools = false;
    enum err err = chat ? tools_write(call, out, &tools) : OK;
    if (err == OK) err = guides_write(call, out, tools);
    return err == OK && chat ? switches_write(call, out) : err;
}
