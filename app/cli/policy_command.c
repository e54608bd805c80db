// policy: the box's policy in the words of another engine. Reads beside a running server.
#include <string.h>

#include "allocation/policy_export.h"
#include "base/file.h"
#include "cli/cli_private.h"
#include "store/store.h"

enum { TEXT_BYTES_MAX = 64 << 20, ARENA_BYTES = 64 << 20 };

static enum err export_write(struct store *store, const struct arguments *arguments,
                             struct buf *out, struct fault *fault) {
    struct arena *arena;
    struct store_txn *txn;
    struct policy policy;
    struct policy_export how = {
        .cluster = str_of(argument_or(arguments, "--cluster", "courtyard")),
        .user = str_of(argument_or(arguments, "--user", "courtyard")),
        .space = str_of(argument_or(arguments, "--namespace", "courtyard")),
    };
    bool slurm = strcmp(argument_or(arguments, "--format", ""), "slurm") == 0;
    enum err err = arena_open(ARENA_BYTES, &arena);
    if (err != OK) return err;
    err = store_explain(store_read_begin(store, &txn), fault);
    if (err == OK) {
        err = policy_load(txn, arena, &policy);
        store_read_end(txn);
    }
    if (err == OK && slurm) policy_export_slurm(&policy, &how, out);
    if (err == OK && !slurm) policy_export_kueue(&policy, &how, out);
    arena_close(arena);
    return err == OK ? buf_err(out) : err;
}

enum err command_policy(const struct command *command, const struct arguments *arguments,
                        struct fault *fault) {
    (void)command;
    const char *dir, *format, *output = argument(arguments, "-o");
    struct store *store = NULL;
    struct buf text;
    enum err err = argument_needed(arguments, "--data", &dir, fault);
    if (err == OK) err = argument_needed(arguments, "--format", &format, fault);
    if (err == OK && (strcmp(arguments->positional[0], "export") != 0 ||
                      (strcmp(format, "slurm") != 0 && strcmp(format, "kueue") != 0))) {
        err = fault_set(fault, ERR_INPUT, "cli.policy_verbs", STR_NONE);
    }
    if (err == OK) err = store_open(dir, &(struct store_options){.read_only = true}, &store, fault);
    if (err != OK) return err;
    buf_open(&text, TEXT_BYTES_MAX);
    err = export_write(store, arguments, &text, fault);
    store_close(store);
    if (err == OK) {
        err = output ? file_write(output, buf_str(&text), fault)
                     : file_write_all(1, text.data, text.size, fault);
    }
    buf_close(&text);
    if (err == OK && output) SAY("cli.written", {"path", str_of(output)});
    return err;
}
