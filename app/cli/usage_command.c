// usage: the ledger added up anew, and a month's usage as CSV. Both read beside a running server.
#include <string.h>

#include "allocation/ledger.h"
#include "base/file.h"
#include "cli/cli_private.h"
#include "flow/flow.h"
#include "store/store.h"

enum { CSV_BYTES_MAX = 256 << 20, ARENA_BYTES = 64 << 20 };

static enum err usage_verify(struct store *store, struct fault *fault) {
    struct arena *arena;
    struct store_txn *txn;
    struct ledger_state state = {0};
    enum err err = arena_open(ARENA_BYTES, &arena);
    if (err != OK) return err;
    err = store_explain(store_read_begin(store, &txn), fault);
    if (err == OK) {
        err = ledger_verify(txn, arena, &state, fault);
        store_read_end(txn);
    }
    arena_close(arena);
    if (err != OK) return err;
    char hex[SHA256_HEX_SIZE];
    hash_hex(&state.head, hex);
    SAY("cli.ledger_whole", {"count", count_text(state.count)},
        {"units", number_text((double)state.units / MICRO)},
        {"vouchers", number_text((double)state.voucher_units / MICRO)}, {"hash", str_of(hex)});
    return OK;
}

static enum err usage_export(struct store *store, const struct arguments *arguments,
                             struct fault *fault) {
    const char *month_text = argument(arguments, "--month"), *output = argument(arguments, "-o");
    uint64_t month = 0;
    struct buf csv;
    bool good = !month_text ||
                (str_to_u64(str_of(month_text), &month) && month >= 190001 && month <= 999912);
    if (!good) return fault_set(fault, ERR_INPUT, "call.bad_number", STR("--month"));
    buf_open(&csv, CSV_BYTES_MAX);
    enum err err =
        flow_usage_csv(store, month, str_of(argument(arguments, "--department")), &csv, fault);
    if (err == OK) {
        err = output ? file_write(output, buf_str(&csv), fault)
                     : file_write_all(1, csv.data, csv.size, fault);
    }
    buf_close(&csv);
    if (err == OK && output) SAY("cli.written", {"path", str_of(output)});
    return err;
}

enum err command_usage(const struct command *command, const struct arguments *arguments,
                       struct fault *fault) {
    (void)command;
    const char *dir, *verb = arguments->positional[0];
    struct store *store = NULL;
    enum err err = argument_needed(arguments, "--data", &dir, fault);
    bool verify = strcmp(verb, "verify") == 0;
    if (err == OK && !verify && strcmp(verb, "export") != 0) {
        err = fault_set(fault, ERR_INPUT, "cli.usage_verbs", STR_NONE);
    }
    if (err == OK) err = store_open(dir, &(struct store_options){.read_only = true}, &store, fault);
    if (err != OK) return err;
    err = verify ? usage_verify(store, fault) : usage_export(store, arguments, fault);
    store_close(store);
    return err;
}
