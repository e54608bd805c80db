// See chain.h.
#include "store/chain.h"

#include "base/clock.h"

struct head {
    uint64_t sequence;
    struct hash hash;
};

static enum err head_read(struct store_txn *txn, const struct chain *chain, struct head *out) {
    struct record_reader record;
    enum err err = store_get(txn, TABLE_META, key_of_str(chain->head), &record);
    *out = (struct head){0};
    if (err == ERR_NOT_FOUND) return OK;
    if (err != OK) return err;
    struct head head = {.sequence = record_get_u64(&record)};
    head.hash = record_get_hash(&record);
    err = record_end(&record);
    if (err == OK) *out = head;
    return err;
}

enum err chain_append(struct store_txn *txn, const struct chain *chain,
                      void (*put)(struct record_writer *writer, const void *entry),
                      const void *entry) {
    struct head head;
    enum err err = head_read(txn, chain, &head);
    if (err != OK) return err;
    struct buf fields;
    buf_open(&fields, chain->bytes_max);
    struct record_writer writer = {&fields};
    record_put_hash(&writer, &head.hash);
    record_put_u64(&writer, ++head.sequence);
    record_put_i64(&writer, clock_now_ms());
    put(&writer, entry);
    err = buf_err(&fields);
    if (err == OK) {
        head.hash = sha256_of(fields.data, fields.size);
        record_put_hash(&writer, &head.hash);
        err = store_put(txn, chain->table, key_of_id(head.sequence), chain->version, &fields);
    }
    if (err == OK) {
        buf_clear(&fields);
        record_put_u64(&writer, head.sequence);
        record_put_hash(&writer, &head.hash);
        err = store_put(txn, TABLE_META, key_of_str(chain->head), chain->version, &fields);
    }
    buf_close(&fields);
    return err;
}

// ---- reading ---------------------------------------------------------------------------------

struct str chain_begin(struct record_reader *record, struct chain_link *out) {
    struct str hashed = record->rest;
    *out = (struct chain_link){.previous = record_get_hash(record)};
    out->sequence = record_get_u64(record);
    out->time_ms = record_get_i64(record);
    return hashed;
}

enum err chain_end(struct record_reader *record, struct str hashed, struct chain_link *link,
                   bool *out_fits) {
    hashed.size -= record->rest.size;
    link->own = record_get_hash(record);
    enum err err = record_end(record);
    if (err != OK) return err;
    struct hash hash = sha256_of(hashed.data, hashed.size);
    *out_fits = hash_equal(&hash, &link->own);
    return OK;
}

enum err chain_scan(struct store_txn *txn, const struct chain *chain, uint64_t before,
                    bool (*visit)(void *ctx, struct str key, struct record_reader *record),
                    void *ctx) {
    if (before == 1) return OK;
    struct key from = before ? key_of_id(before - 1) : (struct key){0};
    return store_scan(txn, chain->table, from, true, visit, ctx);
}

// ---- verifying -------------------------------------------------------------------------------

struct verify {
    enum err (*read)(void *ctx, struct record_reader *record, struct chain_link *out,
                     bool *out_fits);
    void *ctx;
    struct chain_link last;
    uint64_t broken_at; // 0 while all fits
    uint64_t left;      // to read; 0 from the start: all
    bool enough;
};

static bool verify_one(void *ctx, struct str key, struct record_reader *record) {
    struct verify *verify = ctx;
    struct chain_link link;
    bool fits = false;
    uint64_t wanted = verify->last.sequence + 1;
    enum err err = key.size == 8 ? verify->read(verify->ctx, record, &link, &fits) : ERR_CORRUPT;
    if (err != OK || !fits || key_id(key) != wanted || link.sequence != wanted ||
        !hash_equal(&link.previous, &verify->last.own)) {
        verify->broken_at = wanted;
        return false;
    }
    verify->last = link;
    verify->enough = verify->left > 0 && --verify->left == 0;
    return !verify->enough;
}

// A head that is further on: the end was cut off. One that stays behind: entries were added.
static enum err head_fits(struct store_txn *txn, const struct chain *chain,
                          const struct chain_link *last, bool *out) {
    struct head head;
    enum err err = head_read(txn, chain, &head);
    if (err != OK && err != ERR_CORRUPT) return err;
    *out = err == OK && head.sequence == last->sequence && hash_equal(&head.hash, &last->own);
    return OK;
}

enum err chain_walk(struct store_txn *txn, const struct chain *chain,
                    enum err (*read)(void *ctx, struct record_reader *record,
                                     struct chain_link *out, bool *out_fits),
                    void *ctx, uint64_t most, struct chain_walk *walk, struct fault *fault) {
    struct verify verify = {.read = read, .ctx = ctx, .last = walk->last, .left = most};
    struct key from = {.size = 0};
    if (walk->last.sequence > 0) from = key_of_id(walk->last.sequence + 1);
    enum err err = store_scan(txn, chain->table, from, false, verify_one, &verify);
    if (err != OK && err != ERR_CORRUPT) return store_explain(err, fault);
    uint64_t next = verify.last.sequence + 1;
    if (err == ERR_CORRUPT) verify.broken_at = next;
    if (!verify.broken_at && !verify.enough) {
        bool fits;
        err = head_fits(txn, chain, &verify.last, &fits);
        if (err != OK) return store_explain(err, fault);
        if (!fits) verify.broken_at = next;
    }
    if (verify.broken_at) {
        return fault_at(fault, ERR_CORRUPT, chain->code, verify.broken_at, 0, STR_NONE);
    }
    *walk = (struct chain_walk){.last = verify.last, .ended = !verify.enough};
    return OK;
}

enum err chain_verify(struct store_txn *txn, const struct chain *chain,
                      enum err (*read)(void *ctx, struct record_reader *record,
                                       struct chain_link *out, bool *out_fits),
                      void *ctx, struct chain_link *out, struct fault *fault) {
    struct chain_walk walk = {0};
    enum err err = chain_walk(txn, chain, read, ctx, 0, &walk, fault);
    if (err == OK) *out = walk.last;
    return err;
}
