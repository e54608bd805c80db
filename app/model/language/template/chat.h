// A conversation as a model was taught to read it: messages become tokens by the template in the
// model's file, which also tells how the model writes calls of tools (calls.h finds them).
//
//   of                  what a model writes
//   Qwen, Hermes        <tool_call>{"name":…,"arguments":{…}}</tool_call>
//   Llama 3             {"name":…,"parameters":{…}}, the whole answer, or behind <|python_tag|>
//   Mistral             [TOOL_CALLS][{"name":…,"arguments":{…}}]
//   Mistral Small 3.2   [TOOL_CALLS]NAME[CALL_ID]NUMBER[ARGS]{…}, once for each call; Ministral 3
//                       and Devstral 2 the same without [CALL_ID]
//   DeepSeek V3.1       <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>NAME<｜tool▁sep｜>{…}<｜tool▁call▁end｜>
//                       … <｜tool▁calls▁end｜>
//   DeepSeek V3, R1     the same with "function<｜tool▁sep｜>NAME", and the object between ```json
//                       and ```
//
// Sources: the chat templates that these models are published with.
// Which of them a model writes is told by its template. One chat may be used by any number of
// threads; it owns copies.
#pragma once

#include "model/language/gguf.h"
#include "model/language/template/template.h"
#include "model/language/tokenizer/tokenizer.h"

struct chat;
// `text`: a template other than the file's; size 0: the file's own. ERR_INPUT "chat.no_template";
// what template_open gives.
enum err chat_open(const struct gguf *file, const struct tokenizer *tokenizer, struct str text,
                   struct chat **out, struct fault *fault) MUST_USE;
void chat_close(struct chat *chat); // NULL is fine
// Appends the prompt of a conversation whose next word is the model's. `input`: its begin, end and
// add_generation_prompt are filled here. What calls in the messages were given may be a text, as in
// OpenAI's form, or an object: the template is shown objects first, and texts where it fails so.
enum err chat_prompt(const struct chat *chat, struct template_input input, struct buf *out,
                     struct fault *fault) MUST_USE;

// How a model writes calls. A call that must come begins with `begin`, which stands in the prompt,
// and several have `between` between them; one that the model makes of its own accord stands behind
// `mark`, between `open` and `shut` with white space around; several stand there with `join`
// between them where it is a `list`, else each behind a mark of its own.
struct chat_form {
    struct str begin, between, end;
    // The name of the member that a call is given; size 0: a call is `lead`, its name as it is,
    // `after`, the object, `behind`. `lead` stands in `begin` and `between` too.
    struct str arguments;
    const char *lead, *after, *behind;
    bool numbered; // [CALL_ID] and nine letters or digits stand before `after`
    const char *mark, *open, *join, *shut;
    bool list;
    const char *close; // what of `shut` is a mark too
    bool bare;         // a call may be the whole answer, without a mark
};
// False: the template knows no tools.
bool chat_form(const struct chat *chat, struct chat_form *out);
