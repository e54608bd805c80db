// The chain of the ledger. The hash of an entry is over its fields in their record form, among them
// the hash of the one before; "ledger/head" in the meta table holds the newest sequence and hash,
// so that an end cut off is found too.
#include "allocation/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "allocation/usage.h"
#include "allocation/voucher.h"
#include "base/clock.h"

enum { LEDGER_VERSION = 1, LEDGER_BYTES_MAX = 8 * 1024 };

const char *ledger_kind_name(enum ledger_kind kind) {
    static const char *const names[] = {
        "attempt",     "refund",         "voucher.issue",  "voucher.import",
        "voucher.use", "voucher.refund", "voucher.revoke", "serve",
    };
    return names[kind];
}

static struct key head_key(void) {
    return key_of_str(STR("ledger/head"));
}

struct head {
    uint64_t sequence;
    struct hash hash;
};

static enum err head_read(struct store_txn *txn, struct head *out) {
    struct record_reader record;
    enum err err = store_get(txn, TABLE_META, head_key(), &record);
    *out = (struct head){0};
    if (err == ERR_NOT_FOUND) return OK;
    if (err != OK) return err;
    struct head head = {.sequence = record_get_u64(&record)};
    head.hash = record_get_hash(&record);
    err = record_end(&record);
    if (err == OK) *out = head;
    return err;
}

// ---- an entry --------------------------------------------------------------------------------

static void put_entry(struct record_writer *writer, const struct ledger_entry *entry) {
    record_put_hash(writer, &entry->previous);
    record_put_u64(writer, entry->sequence);
    record_put_i64(writer, entry->time_ms);
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

static enum err get_entry(struct record_reader *record, struct ledger_entry *out, bool *out_fits) {
    struct str hashed = record->rest;
    struct ledger_entry entry = {0};
    entry.previous = record_get_hash(record);
    entry.sequence = record_get_u64(record);
    entry.time_ms = record_get_i64(record);
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
    hashed.size -= record->rest.size;
    entry.own = record_get_hash(record);
    enum err err = record_end(record);
    if (err != OK) return err;
    struct hash hash = sha256_of(hashed.data, hashed.size);
    *out_fits = hash_equal(&hash, &entry.own);
    *out = entry;
    return OK;
}

enum err ledger_append(struct store_txn *txn, const struct ledger_entry *entry) {
    struct head head;
    enum err err = head_read(txn, &head);
    if (err != OK) return err;
    struct ledger_entry whole = *entry;
    whole.sequence = head.sequence + 1;
    whole.time_ms = clock_now_ms();
    whole.previous = head.hash;
    struct buf fields;
    buf_open(&fields, LEDGER_BYTES_MAX);
    struct record_writer writer = {&fields};
    put_entry(&writer, &whole);
    err = buf_err(&fields);
    if (err == OK) {
        head = (struct head){whole.sequence, sha256_of(fields.data, fields.size)};
        record_put_hash(&writer, &head.hash);
        err = store_put(txn, TABLE_LEDGER, key_of_id(head.sequence), LEDGER_VERSION, &fields);
    }
    if (err == OK) {
        buf_clear(&fields);
        record_put_u64(&writer, head.sequence);
        record_put_hash(&writer, &head.hash);
        err = store_put(txn, TABLE_META, head_key(), LEDGER_VERSION, &fields);
    }
    buf_close(&fields);
    return err;
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
    bool fits;
    (void)key;
    scan->err = get_entry(record, &entry, &fits);
    return scan->err == OK && scan->visit(scan->ctx, &entry);
}

enum err ledger_scan(struct store_txn *txn, uint64_t before,
                     bool (*visit)(void *ctx, const struct ledger_entry *entry), void *ctx) {
    if (before == 1) return OK;
    struct scan scan = {visit, ctx, OK};
    struct key from = before ? key_of_id(before - 1) : (struct key){0};
    enum err err = store_scan(txn, TABLE_LEDGER, from, true, scan_one, &scan);
    return err == OK ? scan.err : err;
}

// ---- verifying -------------------------------------------------------------------------------

struct verify {
    struct head last;
    uint64_t broken_at; // 0 while all fits
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

static bool verify_one(void *ctx, struct str key, struct record_reader *record) {
    struct verify *verify = ctx;
    struct ledger_entry entry;
    bool fits = false;
    uint64_t wanted = verify->last.sequence + 1;
    enum err err = key.size == 8 ? get_entry(record, &entry, &fits) : ERR_CORRUPT;
    if (err != OK || !fits || key_id(key) != wanted || entry.sequence != wanted ||
        !hash_equal(&entry.previous, &verify->last.hash)) {
        verify->broken_at = wanted;
        return false;
    }
    verify->last = (struct head){wanted, entry.own};
    if (entry.kind == LEDGER_ATTEMPT || entry.kind == LEDGER_REFUND) {
        verify->state.units += entry.units;
        verify->state.voucher_units += entry.voucher_units;
    }
    left_add(verify, &entry);
    return true;
}

static enum err chain_verify(struct store_txn *txn, struct verify *verify, struct fault *fault) {
    enum err err = store_scan(txn, TABLE_LEDGER, (struct key){0}, false, verify_one, verify);
    if (err == ERR_CORRUPT) {
        verify->broken_at = verify->last.sequence + 1;
    } else if (err != OK) {
        return store_explain(err, fault);
    }
    struct head head = {0};
    err = head_read(txn, &head);
    if (err != OK && err != ERR_CORRUPT) return store_explain(err, fault);
    bool same = err == OK && head.sequence == verify->last.sequence &&
                hash_equal(&head.hash, &verify->last.hash);
    if (!verify->broken_at && !same) verify->broken_at = verify->last.sequence + 1;
    if (!verify->broken_at) return OK;
    return fault_at(fault, ERR_CORRUPT, "ledger.broken", verify->broken_at, 0, STR_NONE);
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
    enum err err = chain_verify(txn, &verify, fault);
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
    verify.state.count = verify.last.sequence;
    verify.state.head = verify.last.hash;
    *out = verify.state;
    return OK;
}
