// courtyard model quantise: a language model's file written anew.
#include "base/limits.h"
#include "cli/cli_private.h"
#include "model/language/llama2c.h"
#include "model/language/model_quantise.h"

// The third positional argument, or -o.
static enum err target_of(const struct arguments *arguments, const char **out,
                          struct fault *fault) {
    if (arguments->positional_count < 3) return argument_needed(arguments, "-o", out, fault);
    *out = arguments->positional[2];
    return OK;
}

enum err model_quantise_command(const struct arguments *arguments, struct fault *fault) {
    const char *to, *name;
    enum tensor_type type;
    uint64_t threads;
    struct gguf *from = NULL;
    struct quantised done = {0};
    enum err err = target_of(arguments, &to, fault);
    if (err == OK) err = argument_needed(arguments, "--type", &name, fault);
    if (err == OK && !quantise_type_of(str_of(name), &type)) {
        err = fault_set(fault, ERR_INPUT, "quantise.bad_type", str_of(name));
    }
    if (err == OK) {
        err = argument_whole(arguments, "--threads", thread_count_usable(), 1, LIMIT_THREADS,
                             &threads, fault);
    }
    if (err == OK) err = language_file_open(arguments->positional[1], &from, fault);
    if (err == OK) err = progress_show_open();
    if (err == OK) {
        err =
            model_quantise(from, to, type, (uint32_t)threads, progress_of_process(), &done, fault);
        progress_show_close();
    }
    gguf_close(from);
    if (err == OK) {
        SAY("quantise.done", {"path", str_of(to)}, {"before", bytes_text(done.bytes_before)},
            {"after", bytes_text(done.bytes_after)});
    }
    return err;
}
