// courtyard model quantise, model import: a language model's file written anew.
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "cli/language_private.h"
#include "model/language/import/import.h"
#include "model/language/llama2c.h"
#include "model/language/model_quantise.h"

static bool same_file(const char *path, const char *other) {
    struct stat a, b;
    return stat(path, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

// The third positional argument, or -o: another file than the second, which would be lost.
static enum err target_of(const struct arguments *arguments, const char **out,
                          struct fault *fault) {
    enum err err = OK;
    if (arguments->positional_count < 3) {
        err = argument_needed(arguments, "-o", out, fault);
    } else {
        *out = arguments->positional[2];
    }
    if (err == OK && same_file(arguments->positional[1], *out)) {
        return fault_set(fault, ERR_INPUT, "quantise.itself", str_of(*out));
    }
    return err;
}

// The file is written from `source`, and said to be.
static enum err rewrite(const struct arguments *arguments, const struct model_source *source,
                        const char *to, uint32_t type, const char *sentence, struct fault *fault) {
    uint64_t threads;
    struct quantised done = {0};
    enum err err = argument_whole(arguments, "--threads", thread_count_usable(), 1, LIMIT_THREADS,
                                  &threads, fault);
    if (err == OK) err = progress_show_open();
    if (err != OK) return err;
    err = model_rewrite(source, to, type, (uint32_t)threads, progress_of_process(), &done, fault);
    progress_show_close();
    if (err == OK) {
        SAY(sentence, {"path", str_of(to)}, {"before", bytes_text(done.bytes_before)},
            {"after", bytes_text(done.bytes_after)});
    }
    return err;
}

static enum err type_of(const char *name, uint32_t *out, struct fault *fault) {
    enum tensor_type type;
    if (!quantise_type_of(str_of(name), &type)) {
        return fault_set(fault, ERR_INPUT, "quantise.bad_type", str_of(name));
    }
    *out = type;
    return OK;
}

enum err model_quantise_command(const struct arguments *arguments, struct fault *fault) {
    const char *to, *name;
    uint32_t type;
    struct gguf *from = NULL;
    enum err err = target_of(arguments, &to, fault);
    if (err == OK) err = argument_needed(arguments, "--type", &name, fault);
    if (err == OK) err = type_of(name, &type, fault);
    if (err == OK) err = language_file_open(arguments->positional[1], &from, fault);
    const struct model_source source = {.file = from};
    if (err == OK) err = rewrite(arguments, &source, to, type, "quantise.done", fault);
    gguf_close(from);
    return err;
}

bool model_is_checkpoint(const char *path) {
    struct stat about;
    bool folder = stat(path, &about) == 0 && S_ISDIR(about.st_mode);
    return folder || str_ends(str_of(path), STR(".bin"));
}

struct opened { // what an import reads from
    struct gguf *file;
    struct tokenizer *words;
    struct language_import *import;
};

// A folder with a checkpoint, or a file of llama2.c.
static enum err import_open(const struct arguments *arguments, struct opened *out,
                            struct fault *fault) {
    const char *path = arguments->positional[1], *slash = strrchr(path, '/');
    if (!str_ends(str_of(path), STR(".bin"))) {
        return language_import_open(path, &out->import, fault);
    }
    enum err err = language_file_open(path, &out->file, fault);
    if (err == OK) err = language_words_open(path, arguments, out->file, &out->words, fault);
    if (err != OK) return err;
    struct str name = str_of(slash ? slash + 1 : path);
    return language_import_llama2c(out->file, out->words, name, &out->import, fault);
}

enum err model_import_command(const struct arguments *arguments, struct fault *fault) {
    const char *to, *name = argument(arguments, "--type");
    uint32_t type = MODEL_AS_STORED;
    struct opened from = {0};
    enum err err = target_of(arguments, &to, fault);
    if (err == OK && name) err = type_of(name, &type, fault);
    if (err == OK) err = import_open(arguments, &from, fault);
    if (err == OK) {
        const struct model_source *source = language_import_source(from.import);
        err = rewrite(arguments, source, to, type, "import.done", fault);
    }
    language_import_close(from.import);
    tokenizer_close(from.words);
    gguf_close(from.file);
    return err;
}
