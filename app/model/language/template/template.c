#include "model/language/template/template.h"

#include <string.h>

#include "base/text.h"
#include "model/language/template/template_private.h"

// ---- opening -----------------------------------------------------------------------------------

// A copy with line ends as \n, and without the last of them: as Jinja reads a template.
static bool text_copy(struct arena *arena, struct str text, struct str *out) {
    char *copy = arena_take(arena, text.size + 1);
    size_t size = 0;
    if (!copy) return false;
    for (size_t i = 0; i < text.size; i++) {
        bool both = text.data[i] == '\r' && i + 1 < text.size && text.data[i + 1] == '\n';
        if (!both) copy[size++] = text.data[i] == '\r' ? '\n' : text.data[i];
    }
    if (size && copy[size - 1] == '\n') size--;
    *out = (struct str){copy, size};
    return true;
}

enum err template_open(struct str text, struct template **out, struct fault *fault) {
    struct arena *arena = NULL;
    if (text.size > TEMPLATE_BYTES_MAX) {
        return fault_set(fault, ERR_LIMIT, "template.too_large", STR_NONE);
    }
    if (!utf8_valid(text)) return fault_set(fault, ERR_INPUT, "template.syntax", STR("UTF-8"));
    enum err err = arena_open(TEMPLATE_NODES_BYTES_MAX, &arena);
    if (err != OK) return fault_set(fault, err, "predict.no_memory", STR_NONE);
    struct template *template = ARENA_NEW(arena, struct template);
    struct parser parser = {.arena = arena, .line = 1, .token = {.of = LEX_CLOSE}, .fault = fault};
    if (!template || !text_copy(arena, text, &parser.text)) {
        arena_close(arena);
        return fault_set(fault, ERR_MEMORY, "predict.no_memory", STR_NONE);
    }
    template->arena = arena;
    template->first = parse_body(&parser);
    // A body ends at an "endif" too: here nothing is open that it could end.
    if (parser.err == OK && parser.at < parser.text.size) {
        parser_fail(&parser, "template.syntax", parser.token.text);
    } else if (parser.err == OK && parser.token.of == LEX_NAME) {
        parser_fail(&parser, "template.syntax", parser.token.text);
    }
    if (parser.err != OK) {
        arena_close(arena);
        return parser.err;
    }
    *out = template;
    return OK;
}

void template_close(struct template *template) {
    if (template) arena_close(template->arena);
}

// ---- rendering ---------------------------------------------------------------------------------

static void variables_set(struct run *run, const struct template_input *input) {
    globals_set(run);
    scope_set(run, STR("messages"), value_of_json(run, input->messages));
    scope_set(run, STR("tools"), value_of_json(run, input->tools));
    scope_set(run, STR("documents"), value_none());
    scope_set(run, STR("add_generation_prompt"), value_bool(input->add_generation_prompt));
    if (input->begin.size) scope_set(run, STR("bos_token"), value_text(input->begin));
    if (input->end.size) scope_set(run, STR("eos_token"), value_text(input->end));
    for (const struct json *i = json_first(input->more); i; i = json_next(i)) {
        scope_set(run, json_name(i), value_of_json(run, i));
    }
}

enum err template_render(const struct template *template, const struct template_input *input,
                         struct buf *out, struct fault *fault) {
    struct run run = {.out = out, .now_ms = input->now_ms, .fault = fault};
    struct scope scope = {.above = NULL};
    enum err err = arena_open(TEMPLATE_MEMORY_BYTES_MAX, &run.arena);
    if (err != OK) return fault_set(fault, err, "predict.no_memory", STR_NONE);
    run.scope = &scope;
    variables_set(&run, input);
    run_body(&run, template->first);
    arena_close(run.arena);
    return run.err;
}
