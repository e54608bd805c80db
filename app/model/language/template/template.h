// Chat templates: from messages to the text a model was taught to continue. They are Jinja programs
// inside the model's file; understood is what such templates use, with the meaning that Hugging
// Face's transformers give it (blocks trimmed, an immutable sandbox, tojson without escapes).
//
//   statements    for (with if, else, break, continue), if, set (blocks, namespaces), macro, call,
//                 raw, generation
//   expressions   all of Jinja's; slices, methods of texts and objects
//   not           include, import, extends, block, filter, do, recursive loops: refused
//
// A template comes from a stranger's file: its steps, depth, memory and output are bounded. Open
// one and render it from any number of threads; it owns copies.
#pragma once

#include "base/buf.h"
#include "base/fault.h"
#include "base/json.h"

enum {
    TEMPLATE_BYTES_MAX = 1 << 20,
    TEMPLATE_NODES_BYTES_MAX = 64 << 20,
    TEMPLATE_MEMORY_BYTES_MAX = 64 << 20, // of one rendering
    TEMPLATE_STEPS_MAX = 20 << 20,        // about a second
    TEMPLATE_DEPTH_MAX = 200
};

struct template;
// ERR_INPUT "template.syntax", "template.unsupported" (row: the line, detail: what); ERR_LIMIT
// "template.too_large", "template.too_deep"; ERR_MEMORY.
enum err template_open(struct str text, struct template **out, struct fault *fault) MUST_USE;
void template_close(struct template *template); // NULL is fine

struct template_input {
    const struct json *messages; // an array of objects: role, content, tool_calls …
    const struct json *tools;    // NULL: none
    const struct json *more;     // an object of further variables, which go first; NULL: none
    struct str begin, end;       // bos_token, eos_token; a size of 0: not defined
    bool add_generation_prompt;
    int64_t now_ms; // what strftime_now shows, UTC
};
// Appends the text. Besides the above: "template.raised" (detail: the template's own words),
// "template.undefined", "template.wrong_type", "template.too_long". What was appended before a
// fault stays.
enum err template_render(const struct template *template, const struct template_input *input,
                         struct buf *out, struct fault *fault) MUST_USE;
