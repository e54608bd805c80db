// The audit chain. The hash of an entry is over the hash before it and the entry's fields in their
// record form, whose every field carries its kind and size, so that no two entries read alike.
// "audit/head" in the meta table holds the newest sequence and hash: an end cut off is found too.
#include <string.h>

#include "base/clock.h"
#include "store/store_private.h"

enum {
    AUDIT_VERSION = 1,
    AUDIT_TEXT_BYTES_MAX = 1024, // each; a detail is short
};

struct head {
    uint64_t sequence;
    struct hash hash;
};

static struct key head_key(void) {
    return key_of_str(STR("audit/head"));
}

// ---- an entry and its record -----------------------------------------------------------------

static void put_entry(struct record_writer *writer, const struct audit_entry *entry) {
    record_put_hash(writer, &entry->previous);
    record_put_u64(writer, entry->sequence);
    record_put_i64(writer, entry->time_ms);
    record_put_str(writer, entry->actor);
    record_put_str(writer, entry->action);
    record_put_str(writer, entry->object);
    record_put_str(writer, entry->result);
    record_put_str(writer, entry->detail);
}

// Reads the entry and says whether its hash is the one its fields give.
static enum err get_entry(struct record_reader *record, struct audit_entry *out, bool *out_fits) {
    struct str hashed = record->rest;
    struct audit_entry entry = {0};
    entry.previous = record_get_hash(record);
    entry.sequence = record_get_u64(record);
    entry.time_ms = record_get_i64(record);
    entry.actor = record_get_str(record);
    entry.action = record_get_str(record);
    entry.object = record_get_str(record);
    entry.result = record_get_str(record);
    entry.detail = record_get_str(record);
    hashed.size -= record->rest.size;
    entry.own = record_get_hash(record);
    enum err err = record_end(record);
    if (err != OK) return err;
    struct hash hash = sha256_of(hashed.data, hashed.size);
    *out_fits = hash_equal(&hash, &entry.own);
    *out = entry;
    return OK;
}

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

// ---- appending -------------------------------------------------------------------------------

static struct str shortened(struct str text) {
    if (text.size > AUDIT_TEXT_BYTES_MAX) text.size = AUDIT_TEXT_BYTES_MAX;
    return text;
}

enum err audit_append(struct store_txn *txn, const struct audit_entry *entry) {
    struct head head;
    enum err err = head_read(txn, &head);
    if (err != OK) return err;
    struct audit_entry whole = *entry;
    whole.sequence = head.sequence + 1;
    whole.time_ms = clock_now_ms();
    whole.previous = head.hash;
    whole.actor = shortened(entry->actor);
    whole.action = shortened(entry->action);
    whole.object = shortened(entry->object);
    whole.result = shortened(entry->result);
    whole.detail = shortened(entry->detail);

    struct buf fields;
    buf_open(&fields, 16 * AUDIT_TEXT_BYTES_MAX);
    struct record_writer writer = {&fields};
    put_entry(&writer, &whole);
    head = (struct head){whole.sequence, sha256_of(fields.data, fields.size)};
    record_put_hash(&writer, &head.hash);
    err = store_put(txn, TABLE_AUDIT, key_of_id(head.sequence), AUDIT_VERSION, &fields);
    if (err == OK) {
        buf_clear(&fields);
        record_put_u64(&writer, head.sequence);
        record_put_hash(&writer, &head.hash);
        err = store_put(txn, TABLE_META, head_key(), AUDIT_VERSION, &fields);
    }
    buf_close(&fields);
    return err;
}

// ---- reading ---------------------------------------------------------------------------------

struct scan {
    bool (*visit)(void *ctx, const struct audit_entry *entry);
    void *ctx;
    enum err err;
};

static bool scan_one(void *ctx, struct str key, struct record_reader *record) {
    struct scan *scan = ctx;
    struct audit_entry entry;
    bool fits;
    (void)key;
    scan->err = get_entry(record, &entry, &fits);
    return scan->err == OK && scan->visit(scan->ctx, &entry);
}

enum err audit_scan(struct store_txn *txn, uint64_t before,
                    bool (*visit)(void *ctx, const struct audit_entry *entry), void *ctx) {
    if (before == 1) return OK;
    struct scan scan = {visit, ctx, OK};
    struct key from = before ? key_of_id(before - 1) : (struct key){0};
    enum err err = store_scan(txn, TABLE_AUDIT, from, true, scan_one, &scan);
    return err == OK ? scan.err : err;
}

struct verify {
    struct head last;
    uint64_t broken_at; // 0 while all fits
};

static bool verify_one(void *ctx, struct str key, struct record_reader *record) {
    struct verify *verify = ctx;
    struct audit_entry entry;
    bool fits = false;
    uint64_t wanted = verify->last.sequence + 1;
    enum err err = key.size == 8 ? get_entry(record, &entry, &fits) : ERR_CORRUPT;
    if (err != OK || !fits || key_id(key) != wanted || entry.sequence != wanted ||
        !hash_equal(&entry.previous, &verify->last.hash)) {
        verify->broken_at = wanted;
        return false;
    }
    verify->last = (struct head){wanted, entry.own};
    return true;
}

enum err audit_verify(struct store_txn *txn, uint64_t *out_count, struct hash *out_head,
                      struct fault *fault) {
    struct verify verify = {0};
    enum err err = store_scan(txn, TABLE_AUDIT, (struct key){0}, false, verify_one, &verify);
    if (err == ERR_CORRUPT)
        verify.broken_at = verify.last.sequence + 1;
    else if (err != OK)
        return store_explain(err, fault);
    if (!verify.broken_at) {
        struct head head;
        err = head_read(txn, &head);
        if (err != OK && err != ERR_CORRUPT) return store_explain(err, fault);
        // A head that is further on: the end was cut off. One that stays behind: entries were
        // added.
        if (err == ERR_CORRUPT || head.sequence != verify.last.sequence ||
            !hash_equal(&head.hash, &verify.last.hash)) {
            verify.broken_at = verify.last.sequence + 1;
        }
    }
    if (verify.broken_at) {
        return fault_at(fault, ERR_CORRUPT, "audit.broken", verify.broken_at, 0, STR_NONE);
    }
    *out_count = verify.last.sequence;
    *out_head = verify.last.hash;
    return OK;
}
