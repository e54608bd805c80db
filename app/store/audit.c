// The audit chain: chain.h with an audit's fields.
#include "store/chain.h"
#include "store/store_private.h"

enum { AUDIT_TEXT_BYTES_MAX = 1024 }; // each; a detail is short

static const struct chain chain = {
    .table = TABLE_AUDIT,
    .head = {"audit/head", sizeof "audit/head" - 1},
    .code = "audit.broken",
    .version = 1,
    .bytes_max = 16 * AUDIT_TEXT_BYTES_MAX,
};

static void put_short(struct record_writer *writer, struct str text) {
    if (text.size > AUDIT_TEXT_BYTES_MAX) text.size = AUDIT_TEXT_BYTES_MAX;
    record_put_str(writer, text);
}

static void put_entry(struct record_writer *writer, const void *what) {
    const struct audit_entry *entry = what;
    put_short(writer, entry->actor);
    put_short(writer, entry->action);
    put_short(writer, entry->object);
    put_short(writer, entry->result);
    put_short(writer, entry->detail);
}

static enum err get_entry(struct record_reader *record, struct audit_entry *out,
                          struct chain_link *link, bool *out_fits) {
    struct str hashed = chain_begin(record, link);
    struct audit_entry entry = {.actor = record_get_str(record)};
    entry.action = record_get_str(record);
    entry.object = record_get_str(record);
    entry.result = record_get_str(record);
    entry.detail = record_get_str(record);
    enum err err = chain_end(record, hashed, link, out_fits);
    if (err != OK) return err;
    entry.sequence = link->sequence;
    entry.time_ms = link->time_ms;
    entry.previous = link->previous;
    entry.own = link->own;
    *out = entry;
    return OK;
}

enum err audit_append(struct store_txn *txn, const struct audit_entry *entry) {
    return chain_append(txn, &chain, put_entry, entry);
}

struct scan {
    bool (*visit)(void *ctx, const struct audit_entry *entry);
    void *ctx;
    enum err err;
};

static bool scan_one(void *ctx, struct str key, struct record_reader *record) {
    struct scan *scan = ctx;
    struct audit_entry entry;
    struct chain_link link;
    bool fits;
    (void)key;
    scan->err = get_entry(record, &entry, &link, &fits);
    return scan->err == OK && scan->visit(scan->ctx, &entry);
}

enum err audit_scan(struct store_txn *txn, uint64_t before,
                    bool (*visit)(void *ctx, const struct audit_entry *entry), void *ctx) {
    struct scan scan = {visit, ctx, OK};
    enum err err = chain_scan(txn, &chain, before, scan_one, &scan);
    return err == OK ? scan.err : err;
}

static enum err verify_read(void *ctx, struct record_reader *record, struct chain_link *out,
                            bool *out_fits) {
    struct audit_entry entry;
    (void)ctx;
    return get_entry(record, &entry, out, out_fits);
}

enum err audit_verify(struct store_txn *txn, uint64_t *out_count, struct hash *out_head,
                      struct fault *fault) {
    struct chain_link last;
    enum err err = chain_verify(txn, &chain, verify_read, NULL, &last, fault);
    if (err != OK) return err;
    *out_count = last.sequence;
    *out_head = last.own;
    return OK;
}

enum err audit_walk(struct store_txn *txn, uint64_t most, struct chain_walk *walk,
                    struct fault *fault) {
    return chain_walk(txn, &chain, verify_read, NULL, most, walk, fault);
}
