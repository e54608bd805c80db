// Transactions: reading, scanning and changing records. What a change reads is copied into its
// arena, because LMDB moves a page's records when the same transaction writes to it.
#include <string.h>

#include "base/assert.h"
#include "store/store_private.h"

enum { RECORD_BYTES_MAX = 64 << 20 };

static MDB_val val_of(const void *data, size_t size) {
    return (MDB_val){.mv_size = size, .mv_data = (void *)(uintptr_t)data};
}

static struct str str_of_val(MDB_val val) {
    return (struct str){val.mv_data, val.mv_size};
}

// ---- reading ---------------------------------------------------------------------------------

enum err store_read_begin(struct store *store, struct store_txn **out) {
    struct store_txn *txn = memory_take(sizeof *txn);
    if (!txn) return ERR_MEMORY;
    txn->store = store;
    if (store->alone) gate_read_begin(&store->gate);
    int code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn->mdb);
    if (code == MDB_READERS_FULL) {
        // Slots of processes that were killed can be taken back.
        int dead;
        if (mdb_reader_check(store->env, &dead) == 0) {
            code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn->mdb);
        }
    }
    if (code != 0) {
        if (store->alone) gate_read_end(&store->gate);
        memory_give(txn);
        return store_err(code);
    }
    *out = txn;
    return OK;
}

void store_read_end(struct store_txn *txn) {
    if (!txn) return;
    cy_assert(!txn->arena);
    mdb_txn_abort(txn->mdb);
    if (txn->store->alone) gate_read_end(&txn->store->gate);
    memory_give(txn);
}

enum err store_get(struct store_txn *txn, enum store_table table, struct key key,
                   struct record_reader *out) {
    MDB_val name = val_of(key.bytes, key.size), value;
    if (key.size == 0) return ERR_NOT_FOUND;
    int code = mdb_get(txn->mdb, txn->store->tables[table], &name, &value);
    if (code != 0) return store_err(code);
    struct str record = str_of_val(value);
    if (txn->arena) {
        char *copy = arena_take(txn->arena, record.size + 1);
        if (!copy) return ERR_MEMORY;
        if (record.size > 0) memcpy(copy, record.data, record.size);
        record.data = copy;
    }
    return record_open(table_kind(table), str_of_val(name), record, out);
}

enum err store_last(struct store_txn *txn, enum store_table table, struct key *out) {
    MDB_cursor *cursor;
    MDB_val key, value;
    int code = mdb_cursor_open(txn->mdb, txn->store->tables[table], &cursor);
    if (code != 0) return store_err(code);
    code = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    if (code == 0) {
        cy_assert(key.mv_size <= sizeof out->bytes);
        memcpy(out->bytes, key.mv_data, key.mv_size);
        out->size = key.mv_size;
    }
    mdb_cursor_close(cursor);
    return store_err(code);
}

uint64_t store_life(const struct store_txn *txn) {
    return txn->store->life;
}

uint64_t store_count(struct store_txn *txn, enum store_table table) {
    MDB_stat stat;
    int code = mdb_stat(txn->mdb, txn->store->tables[table], &stat);
    return code == 0 ? stat.ms_entries : 0;
}

// ---- scanning --------------------------------------------------------------------------------

// Puts the cursor on the first key at or after (downwards: at or before) `from`; `beyond` leaves
// the key itself out. An empty `from` is the very start or end.
static int scan_seek(MDB_cursor *cursor, struct str from, bool downwards, bool beyond, MDB_val *key,
                     MDB_val *value) {
    if (from.size == 0) return mdb_cursor_get(cursor, key, value, downwards ? MDB_LAST : MDB_FIRST);
    *key = val_of(from.data, from.size);
    int code = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (code == MDB_NOTFOUND && downwards) return mdb_cursor_get(cursor, key, value, MDB_LAST);
    if (code != 0) return code;
    bool same = str_equal(str_of_val(*key), from);
    if (same && !beyond) return 0;
    if (downwards) return mdb_cursor_get(cursor, key, value, MDB_PREV);
    return same ? mdb_cursor_get(cursor, key, value, MDB_NEXT) : 0;
}

// One record after the other, straight from the pages.
static enum err scan_reading(MDB_cursor *cursor, uint16_t kind, struct str from, bool downwards,
                             bool (*visit)(void *ctx, struct str key, struct record_reader *record),
                             void *ctx) {
    MDB_val key, value;
    int code = scan_seek(cursor, from, downwards, false, &key, &value);
    while (code == 0) {
        struct record_reader record;
        enum err err = record_open(kind, str_of_val(key), str_of_val(value), &record);
        if (err != OK) return err;
        if (!visit(ctx, str_of_val(key), &record)) return OK;
        code = mdb_cursor_get(cursor, &key, &value, downwards ? MDB_PREV : MDB_NEXT);
    }
    return code == MDB_NOTFOUND ? OK : store_err(code);
}

// In a change: visit() may write, so it gets copies and the next place is looked up again.
static enum err scan_changing(MDB_cursor *cursor, uint16_t kind, struct str from, bool downwards,
                              bool (*visit)(void *ctx, struct str key,
                                            struct record_reader *record),
                              void *ctx) {
    struct buf held;
    buf_open(&held, RECORD_BYTES_MAX + RECORD_HEAD_BYTES + STORE_KEY_BYTES_MAX);
    MDB_val key, value;
    int code = scan_seek(cursor, from, downwards, false, &key, &value);
    enum err err = OK;
    while (code == 0) {
        size_t key_size = key.mv_size;
        buf_clear(&held);
        buf_add(&held, key.mv_data, key.mv_size);
        buf_add(&held, value.mv_data, value.mv_size);
        err = buf_err(&held);
        if (err != OK) break;
        struct str name = {held.data, key_size};
        struct record_reader record;
        err = record_open(kind, name, (struct str){held.data + key_size, held.size - key_size},
                          &record);
        if (err != OK || !visit(ctx, name, &record)) break;
        code = scan_seek(cursor, name, downwards, true, &key, &value);
    }
    buf_close(&held);
    if (err != OK) return err;
    return code == MDB_NOTFOUND ? OK : store_err(code);
}

enum err store_scan(struct store_txn *txn, enum store_table table, struct key from, bool downwards,
                    bool (*visit)(void *ctx, struct str key, struct record_reader *record),
                    void *ctx) {
    MDB_cursor *cursor;
    int code = mdb_cursor_open(txn->mdb, txn->store->tables[table], &cursor);
    if (code != 0) return store_err(code);
    struct str start = {(const char *)from.bytes, from.size};
    uint16_t kind = table_kind(table);
    enum err err = txn->arena ? scan_changing(cursor, kind, start, downwards, visit, ctx)
                              : scan_reading(cursor, kind, start, downwards, visit, ctx);
    mdb_cursor_close(cursor);
    return err;
}

// ---- changing --------------------------------------------------------------------------------

// Remembers what LMDB's transaction will not recover from.
static enum err spoil(struct store_txn *txn, int code) {
    enum err err = store_commit_err(txn->store, code);
    if (txn->err == OK) txn->err = err;
    return err;
}

enum err store_put(struct store_txn *txn, enum store_table table, struct key key, uint16_t version,
                   const struct buf *fields) {
    cy_assert(txn->arena && key.size > 0 && key.size <= STORE_KEY_BYTES_MAX);
    cy_assert(version <= table_newest(table)); // else older programs would misread it
    enum err err = buf_err(fields);
    if (err != OK) return err;
    if (fields->size > RECORD_BYTES_MAX) return ERR_LIMIT;
    MDB_val name = val_of(key.bytes, key.size);
    MDB_val value = {.mv_size = RECORD_HEAD_BYTES + fields->size};
    int code = mdb_put(txn->mdb, txn->store->tables[table], &name, &value, MDB_RESERVE);
    if (code != 0) return spoil(txn, code);
    uint8_t *to = value.mv_data;
    struct str key_text = {(const char *)key.bytes, key.size};
    record_seal(table_kind(table), version, key_text, buf_str(fields), to);
    if (fields->size > 0) memcpy(to + RECORD_HEAD_BYTES, fields->data, fields->size);
    return OK;
}

enum err store_delete(struct store_txn *txn, enum store_table table, struct key key) {
    cy_assert(txn->arena && key.size > 0 && key.size <= STORE_KEY_BYTES_MAX);
    MDB_val name = val_of(key.bytes, key.size);
    int code = mdb_del(txn->mdb, txn->store->tables[table], &name, NULL);
    if (code == MDB_NOTFOUND) return ERR_NOT_FOUND;
    return code == 0 ? OK : spoil(txn, code);
}

// A record of one number.
static enum err put_number(struct store_txn *txn, enum store_table table, struct key key,
                           uint64_t number) {
    struct buf fields;
    buf_open(&fields, 64);
    record_put_u64(&(struct record_writer){&fields}, number);
    enum err err = store_put(txn, table, key, 1, &fields);
    buf_close(&fields);
    return err;
}

static enum err get_number(struct store_txn *txn, enum store_table table, struct key key,
                           uint64_t *out) {
    struct record_reader record;
    enum err err = store_get(txn, table, key, &record);
    if (err != OK) return err;
    uint64_t number = record_get_u64(&record);
    err = record_end(&record);
    if (err == OK) *out = number;
    return err;
}

enum err store_next_id(struct store_txn *txn, enum store_table table, uint64_t *out) {
    struct buf name;
    buf_open(&name, 64);
    buf_add_text(&name, "next/");
    buf_add_text(&name, store_table_name(table));
    enum err err = buf_err(&name);
    uint64_t next = 1;
    if (err == OK) {
        struct key key = key_of_str(buf_str(&name));
        err = get_number(txn, TABLE_META, key, &next);
        if (err == OK || err == ERR_NOT_FOUND) err = put_number(txn, TABLE_META, key, next + 1);
    }
    buf_close(&name);
    if (err == OK) *out = next;
    return err;
}

enum err index_put(struct store_txn *txn, struct str name, uint64_t id) {
    enum store_table table;
    struct str rest;
    cy_assert(table_of_name(str_cut(name, '/', &rest), &table) && table_keys_are_ids(table));
    return put_number(txn, TABLE_INDEX, key_of_str(name), id);
}

enum err index_get(struct store_txn *txn, struct str name, uint64_t *out) {
    return get_number(txn, TABLE_INDEX, key_of_str(name), out);
}

enum err index_delete(struct store_txn *txn, struct str name) {
    return store_delete(txn, TABLE_INDEX, key_of_str(name));
}
