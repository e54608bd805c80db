// A conversation as a model was taught to read it, and what it answers: messages become tokens by
// the template in the model's file, and calls of tools are found in answers.
//
//   form      what a model writes                                        of
//   hermes    <tool_call>{"name":…,"arguments":{…}}</tool_call>          Qwen, Hermes
//   llama     {"name":…,"parameters":{…}}, the whole answer              Llama 3
//   mistral   [TOOL_CALLS][{"name":…,"arguments":{…}}]                   Mistral
//
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

// Calls of tools in an answer: appended to `out` as OpenAI's tool_calls, an array of {"id","type",
// "function":{"name","arguments"}} (arguments as a text); false: there are none, nothing is
// appended. *rest_size: how much of the answer stands before the first call.
bool chat_calls(struct str answer, uint64_t first_id, struct buf *out, size_t *rest_size);
// How much of an answer that is not whole is sure to be text, and no beginning of a call.
size_t chat_sure(struct str answer);

// How a model writes calls: `begin`, objects with `between` between them, `end`.
struct chat_form {
    struct str begin, between, end;
    struct str arguments; // the member's name
};
// False: the template knows no tools.
bool chat_form(const struct chat *chat, struct chat_form *out);
