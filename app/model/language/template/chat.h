// A conversation as a model was taught to read it: messages become tokens by the template in the
// model's file, which also tells how the model writes calls of tools (call_form.h lists the ways).
// One chat may be used by any number of threads; it owns copies.
#pragma once

#include "model/language/gguf.h"
#include "model/language/template/call_form.h"
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

// How the model writes calls of tools; NULL: the template knows no tools.
const struct call_form *chat_call_form(const struct chat *chat);
