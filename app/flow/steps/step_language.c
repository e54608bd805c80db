// A language model's file is read, for the first time and by a child: nothing of it is believed
// before. What it holds and what it will need is told; the file itself is taken over as it is.
//   inputs  source
//   out     model
#include <unistd.h>

#include "base/file.h"
#include "flow/steps/steps_private.h"
#include "model/language/responder.h"

static void about_write(struct json_writer *out, const struct gguf *file,
                        const struct network_about *about) {
    json_set_text(out, "architecture", str_of(about->architecture));
    const char *weights = tensor_form_of(about->type)->name;
    json_set_text(out, "weights", str_of(weights ? weights : ""));
    json_set_u64(out, "parameters", about->parameters);
    json_set_u64(out, "context", about->context);
    json_set_u64(out, "vocabulary", about->vocabulary);
    json_set_u64(out, "token_bytes", about->token_bytes);
    json_set_u64(out, "work_bytes", about->memory_bytes);
    json_set_bool(out, "embeds", about->encodes);
    json_set_bool(out, "chats", gguf_text(file, "tokenizer.chat_template", STR_NONE).size > 0);
}

static enum err file_look(struct step_context *context, const char *path) {
    struct gguf *file;
    struct tokenizer *tokenizer = NULL;
    struct network_about about;
    enum err err = gguf_open(path, &file, context->fault);
    if (err != OK) return err;
    err = network_look(file, &about, context->fault);
    if (err == OK) err = tokenizer_open(file, &tokenizer, context->fault);
    if (err == OK && tokenizer_count(tokenizer) > about.vocabulary) {
        err = fault_set(context->fault, ERR_INPUT, "network.words", STR_NONE);
    }
    if (err == OK) about_write(context->summary, file, &about);
    tokenizer_close(tokenizer);
    gguf_close(file);
    return err;
}

enum err step_language(struct step_context *context) {
    const char *path;
    char out[LIMIT_PATH_BYTES];
    enum err err = step_input(context, "source", &path);
    if (err == OK) err = file_look(context, path);
    if (err == OK) err = step_output(context, "model", out);
    if (err != OK) return err;
    // An upload that is whole is never written again.
    return link(path, out) == 0 ? OK : file_copy(path, out, context->fault);
}
