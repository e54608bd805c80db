// The ledger: chain.h with the fields of a booking.
#include "allocation/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "allocation/usage.h"
#include "allocation/voucher.h"
#include "store/chain.h"

static const struct chain chain = {
    .table = TABLE_LEDGER,
    .head = {"ledger/head", sizeof "ledger/head" - 1},
    .code = "ledger.broken",
    .version = 1,
    .bytes_max = 8 * 1024,
};

const char *ledger_kind_name(enum ledger_kind kind) {
    static const char *const names[] = {
        "attempt",     "refund",         "voucher.issue",  "voucher.import",
        "voucher.use", "voucher.refund", "voucher.revoke", "serve",
    };
    return names[kind];
}

// ---- an entry --------------------------------------------------------------------------------

static void put_entry(struct record_writer *writer, const void *what) {
    const struct ledger_entry *entry = what;
    record_put_u64(writer, entry->kind);
    record_put_u64(writer, entry->job);
    record_put_u64(writer, entry->attempt);
    record_put_str(writer, entry->step);
    record_put_u64(writer, entry->person);
    record_put_str(writer, entry->person_name);
    record_put_str(writer, entry->tenant_path);
    record_put_u64(writer, entry->tenant);
    record_put_u64(writer, entry->voucher);
    record_put_i64(writer, entry->units);
    record_put_i64(writer, entry->voucher_units);
    for (int i = 0; i < SHARE_COUNT; i++) record_put_i64(writer, entry->amount_ms[i]);
    record_put_u64(writer, entry->tokens);
    record_put_u64(writer, entry->requests);
    record_put_u64(writer, entry->month);
}

static enum err get_entry(struct record_reader *record, struct ledger_entry *out,
                          struct chain_link *link, bool *out_fits) {
    struct str hashed = chain_begin(record, link);
    struct ledger_entry entry = {0};
    uint64_t kind = record_get_u64(record);
    if (kind >= LEDGER_KIND_COUNT) return ERR_CORRUPT;
    entry.kind = (enum ledger_kind)kind;
    entry.job = record_get_u64(record);
    entry.attempt = record_get_u64(record);
    entry.step = record_get_str(record);
    entry.person = record_get_u64(record);
    entry.person_name = record_get_str(record);
    entry.tenant_path = record_get_str(record);
    entry.tenant = record_get_u64(record);
    entry.voucher = record_get_u64(record);
    entry.units = record_get_i64(record);
    entry.voucher_units = record_get_i64(record);
    for (int i = 0; i < SHARE_COUNT; i++) entry.amount_ms[i] = record_get_i64(record);
    entry.tokens = record_get_u64(record);
    entry.requests = record_get_u64(record);
    entry.month = record_get_u64(record);
    enum err err = chain_end(record, hashed, link, out_fits);
    if (err != OK) return err;
    entry.sequence = link->sequence;
    entry.time_ms = link->time_ms;
    entry.previous = link->previous;
    entry.own = link->own;
    *out = entry;
    return OK;
}

enum err ledger_append(struct store_txn *txn, const struct ledger_entry *entry) {
    return chain_append(txn, &chain, put_entry, entry);
}

// ---- reading ---------------------------------------------------------------------------------

struct scan {
    bool (*visit)(void *ctx, const struct ledger_entry *entry);
    void *ctx;
    enum err err;
};

static bool scan_one(void *ctx, struct str key, struct record_reader *record) {
    struct scan *scan = ctx;
    struct ledger_entry entry;
    struct chain_link link;
    bool fits;
    (void)key;
    scan->err = get_entry(record, &entry, &link, &fits);
    return scan->err == OK && scan->visit(scan->ctx, &entry);
}

enum err ledger_scan(struct store_txn *txn, uint64_t before,
                     bool (*visit)(void *ctx, const struct ledger_entry *entry), void *ctx) {
    struct scan scan = {visit, ctx, OK};
    enum err err = chain_scan(txn, &chain, before, scan_one, &scan);
    return err == OK ? scan.err : err;
}

// ---- verifying -------------------------------------------------------------------------------

struct verify {
    struct ledger_state state;
    int64_t *left; // (VOUCHERS_MAX + 1) of each voucher, by id
    uint64_t voucher_wrong;
};

static void left_add(struct verify *verify, const struct ledger_entry *entry) {
    if (entry->voucher == 0) return;
    if (entry->voucher > VOUCHERS_MAX) {
        verify->voucher_wrong = entry->voucher;
        return;
    }
    int64_t *left = &verify->left[entry->voucher];
    switch (entry->kind) {
    case LEDGER_VOUCHER_ISSUE:
    case LEDGER_VOUCHER_IMPORT:
    case LEDGER_VOUCHER_REFUND: *left += entry->units; break;
    case LEDGER_VOUCHER_USE:
    case LEDGER_VOUCHER_REVOKE: *left -= entry->units; break;
    default: break;
    }
}

static enum err verify_read(void *ctx, struct record_reader *record, struct chain_link *out,
                            bool *out_fits) {
    struct verify *verify = ctx;
    struct ledger_entry entry;
    enum err err = get_entry(record, &entry, out, out_fits);
    if (err != OK || !*out_fits) return err;
    if (entry.kind == LEDGER_ATTEMPT || entry.kind == LEDGER_REFUND) {
        verify->state.units += entry.units;
        verify->state.voucher_units += entry.voucher_units;
    }
    left_add(verify, &entry);
    return OK;
}

static bool voucher_visit(void *ctx, const struct voucher *voucher) {
    struct verify *verify = ctx;
    bool fits = voucher->id <= VOUCHERS_MAX && verify->left[voucher->id] == voucher->left;
    if (!fits) verify->voucher_wrong = voucher->id;
    return fits;
}

enum err ledger_verify(struct store_txn *txn, struct arena *arena, struct ledger_state *out,
                       struct fault *fault) {
    struct verify verify = {0};
    int64_t units = 0, voucher_units = 0;
    verify.left = memory_take((VOUCHERS_MAX + 1) * sizeof *verify.left);
    if (!verify.left) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    struct chain_link last;
    enum err err = chain_verify(txn, &chain, verify_read, &verify, &last, fault);
    if (err == OK) {
        err = store_explain(usage_total(txn, &units, &voucher_units), fault);
    }
    if (err == OK && (units != verify.state.units || voucher_units != verify.state.voucher_units)) {
        err = fault_set(fault, ERR_CORRUPT, "ledger.sums_differ", STR_NONE);
    }
    if (err == OK && !verify.voucher_wrong) {
        err = store_explain(vouchers_scan(txn, arena, voucher_visit, &verify), fault);
    }
    if (err == OK && verify.voucher_wrong) {
        char id[24];
        snprintf(id, sizeof id, "%" PRIu64, verify.voucher_wrong);
        err = fault_set(fault, ERR_CORRUPT, "ledger.voucher_differs", str_of(id));
    }
    memory_give(verify.left);
    if (err != OK) return err;
    verify.state.count = last.sequence;
    verify.state.head = last.own;
    *out = verify.state;
    return OK;
}
