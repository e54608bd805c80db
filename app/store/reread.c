// Every record read once while the store is at work, after an unclean shutdown. Opening has looked
// at the pages already (check_file in open.c); this finds what only shows inside them: an envelope
// whose checksum does not fit, fields that do not decode, an audit chain that does not hold
// together. In short read transactions, so that the writer can use pages again, with a pause after
// each: nobody waits for it.
#include <string.h>
#include <time.h>

#include "store/chain.h"
#include "store/store_private.h"

enum {
    REREAD_BATCH = 256, // records of one transaction, and
    REREAD_BATCH_BYTES = 4 << 20,
    REREAD_PAUSE_NS = 1000000, // after it
};

struct walk {
    struct store *store;
    const struct store_reread *how;
    enum store_table table;
    struct key last; // size 0: none yet
    uint64_t records, findings;
    bool ended; // of the table
};

// "job/12"; of a key that may be a name or a secret the beginning of its SHA-256.
static void found(struct walk *walk, const char *code, struct str key) {
    struct fault fault = {0};
    char hex[SHA256_HEX_SIZE];
    struct buf detail;
    buf_open(&detail, 256);
    buf_add_text(&detail, store_table_name(walk->table));
    if (key.size == 8 && table_keys_are_ids(walk->table)) {
        buf_add_char(&detail, '/');
        buf_add_u64(&detail, key_id(key));
    } else if (key.size > 0) {
        struct hash hash = sha256_of(key.data, key.size);
        hash_hex(&hash, hex);
        buf_printf(&detail, "/#%.16s", hex);
    }
    (void)!fault_set(&fault, ERR_CORRUPT, code, buf_str(&detail));
    buf_close(&detail);
    walk->findings++;
    walk->how->tell(walk->how->ctx, &fault);
}

static void look(struct walk *walk, struct str key, struct str value) {
    struct record_reader record;
    bool fits = record_open(table_kind(walk->table), key, value, &record) == OK &&
                walk->how->fits(walk->how->ctx, walk->table, key, &record);
    if (!fits) found(walk, "store.record_damaged", key);
    walk->records++;
    walk->last.size = 0;
    if (key.size > sizeof walk->last.bytes) return;
    memcpy(walk->last.bytes, key.data, key.size);
    walk->last.size = key.size;
}

static int seek(const struct walk *walk, MDB_cursor *cursor, MDB_val *key, MDB_val *value) {
    if (walk->last.size == 0) return mdb_cursor_get(cursor, key, value, MDB_FIRST);
    struct key from = walk->last;
    *key = (MDB_val){.mv_size = from.size, .mv_data = from.bytes};
    int code = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    bool same =
        code == 0 && key->mv_size == from.size && memcmp(key->mv_data, from.bytes, from.size) == 0;
    return same ? mdb_cursor_get(cursor, key, value, MDB_NEXT) : code;
}

static enum err batch(struct walk *walk) {
    struct store_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    size_t bytes = 0;
    enum err err = store_read_begin(walk->store, &txn);
    if (err != OK) return err;
    int code = mdb_cursor_open(txn->mdb, walk->store->tables[walk->table], &cursor);
    if (code == 0) {
        code = seek(walk, cursor, &key, &value);
        for (int i = 0; code == 0 && i < REREAD_BATCH && bytes < REREAD_BATCH_BYTES; i++) {
            bytes += value.mv_size;
            look(walk, (struct str){key.mv_data, key.mv_size},
                 (struct str){value.mv_data, value.mv_size});
            code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        }
        mdb_cursor_close(cursor);
    }
    store_read_end(txn);
    walk->ended = code != 0;
    // What lies behind a page that cannot be read is not reached; the other tables are.
    if (code != 0 && code != MDB_NOTFOUND) found(walk, "store.damaged", STR_NONE);
    return OK;
}

static enum err pause_or_end(const struct walk *walk, bool ended) {
    if (walk->how->progress) atomic_store(&walk->how->progress->done, walk->records);
    if (!ended) nanosleep(&(struct timespec){.tv_nsec = REREAD_PAUSE_NS}, NULL);
    return progress_cancelled(walk->how->progress) ? ERR_CANCELLED : OK;
}

// Up to where it breaks: what follows fits nothing any more.
static enum err audit_read(struct walk *walk) {
    struct chain_walk chain = {0};
    enum err err = OK;
    while (err == OK && !chain.ended) {
        struct store_txn *txn;
        struct fault fault = {0};
        err = store_read_begin(walk->store, &txn);
        if (err != OK) return err;
        err = audit_walk(txn, REREAD_BATCH, &chain, &fault);
        store_read_end(txn);
        if (err == ERR_CORRUPT) {
            walk->findings++;
            walk->how->tell(walk->how->ctx, &fault);
            return OK;
        }
        if (err == OK) err = pause_or_end(walk, chain.ended);
    }
    return err;
}

static enum err table_read(struct walk *walk, enum store_table table) {
    enum err err = OK;
    walk->table = table;
    walk->last.size = 0;
    walk->ended = false;
    while (err == OK && !walk->ended) {
        err = batch(walk);
        if (err == OK) err = pause_or_end(walk, walk->ended);
    }
    return err;
}

enum err store_reread(struct store *store, const struct store_reread *how, uint64_t *out_records,
                      uint64_t *out_findings) {
    struct walk walk = {.store = store, .how = how};
    enum err err = progress_cancelled(how->progress) ? ERR_CANCELLED : OK;
    for (int i = 0; i < TABLE_COUNT && err == OK; i++) {
        err = table_read(&walk, (enum store_table)i);
    }
    if (err == OK) err = audit_read(&walk);
    *out_records = walk.records;
    *out_findings = walk.findings;
    return err;
}

bool store_was_closed(const struct store *store) {
    return store->was_closed;
}
