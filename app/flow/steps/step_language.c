// A language model's file is read, for the first time and by a child: nothing of it is believed
// before. What it holds and what it will need is told; the file itself is taken over as it is.
//   inputs  source, an upload; or incoming, a file of others that is copied first; or model, one of
//           the box, of which another is made
//   options weights: of that other one, as quantise_type_of knows them
//   out     model
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "flow/steps/steps_private.h"
#include "model/language/model_file.h"
#include "model/language/model_quantise.h"
#include "model/language/responder.h"

enum { PIECE_BYTES = 1 << 20 };

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

static enum err piece_copy(struct step_context *context, int from, int to, char *piece,
                           uint64_t total) {
    for (uint64_t done = 0;;) {
        if (progress_cancelled(context->progress)) return ERR_CANCELLED;
        ssize_t size = read(from, piece, PIECE_BYTES);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return fault_errno(context->fault, errno, STR("incoming"));
        if (size == 0) return OK;
        enum err err = file_write_all(to, piece, (size_t)size, context->fault);
        if (err != OK) return err;
        done += (uint64_t)size;
        progress_set(context->progress, PHASE_COPY, done, total);
    }
}

// From a stick, say, which may be slow: with progress.
static enum err incoming_copy(struct step_context *context, const char *path, const char *out) {
    struct file_stream target;
    uint64_t total = 0;
    enum err err = file_size(path, &total, context->fault);
    char *piece = arena_take(context->arena, PIECE_BYTES);
    if (err != OK || !piece) return err == OK ? ERR_MEMORY : err;
    int from = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (from < 0) return fault_errno(context->fault, errno, STR("incoming"));
    err = file_stream_open(out, &target, context->fault);
    if (err == OK) err = piece_copy(context, from, target.fd, piece, total);
    close(from);
    if (err == OK) err = file_stream_keep(&target, context->fault);
    file_stream_drop(&target);
    return err;
}

// A copy that the disk had no room for: how much of it the model takes.
static enum err room_tell(struct step_context *context, const char *path, enum err err) {
    uint64_t bytes = 0;
    if (err != ERR_FULL || file_size(path, &bytes, NULL) != OK) return err;
    *context->fault = (struct fault){0}; // the first one told stays
    return model_file_no_room(bytes, context->fault);
}

static enum err incoming_take(struct step_context *context, const char *path, const char *out) {
    struct gguf *file;
    // What is no such file is not copied; what is believed is the copy.
    enum err err = gguf_open(path, &file, context->fault);
    if (err != OK) return err;
    gguf_close(file);
    err = room_tell(context, path, incoming_copy(context, path, out));
    return err == OK ? file_look(context, out) : err;
}

static enum err quantised_make(struct step_context *context, const char *path, const char *out) {
    struct str weights = json_member_text(step_options(context), "weights");
    struct gguf *from;
    struct quantised done;
    enum tensor_type type;
    if (!quantise_type_of(weights, &type)) {
        return fault_set(context->fault, ERR_INPUT, "quantise.bad_type", weights);
    }
    enum err err = gguf_open(path, &from, context->fault);
    if (err != OK) return err;
    err = model_quantise(from, out, type, step_threads(context), context->progress, &done,
                         context->fault);
    gguf_close(from);
    return err == OK ? file_look(context, out) : err;
}

static enum err upload_take(struct step_context *context, const char *path, const char *out) {
    enum err err = file_look(context, path);
    if (err != OK) return err;
    // An upload that is whole is never written again.
    if (link(path, out) == 0) return OK;
    return room_tell(context, path, file_copy(path, out, context->fault));
}

enum err step_language(struct step_context *context) {
    static const struct {
        const char *input;
        enum err (*take)(struct step_context *context, const char *path, const char *out);
    } ways[] = {{"incoming", incoming_take}, {"model", quantised_make}, {"source", upload_take}};
    const struct json *inputs = json_member(context->spec, "inputs");
    const char *path;
    char out[LIMIT_PATH_BYTES];
    size_t way = 0;
    while (way < 2 && !json_member(inputs, ways[way].input)) way++;
    enum err err = step_input(context, ways[way].input, &path);
    if (err == OK) err = step_output(context, "model", out);
    return err == OK ? ways[way].take(context, path, out) : err;
}
