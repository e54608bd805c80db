// Which programs can read a state. The record TABLE_META "formats" says who wrote it last (a
// version) and, for each table, the newest version of records that program writes. A program
// that knows an older one, or not the table, must leave the state alone; one that knows newer ones
// keeps a copy of the state before it writes: the way back for the other.
#include "base/version.h"
#include "store/keep_private.h"

enum { MARK_VERSION = 1, MARK_TABLES_MAX = 1000, MARK_BYTES_MAX = 8192 };
#define MARK "formats"

static enum err record_find(MDB_txn *txn, MDB_dbi meta, const char *name,
                            struct record_reader *out) {
    struct key key = key_of_str(str_of(name));
    MDB_val wanted = {.mv_size = key.size, .mv_data = key.bytes}, value;
    int code = mdb_get(txn, meta, &wanted, &value);
    if (code != 0) return store_err(code);
    return record_open(table_kind(TABLE_META), (struct str){(const char *)key.bytes, key.size},
                       (struct str){value.mv_data, value.mv_size}, out);
}

// The mark's tables held against ours.
static enum err mark_compare(struct record_reader *mark, struct formats *out) {
    bool same[TABLE_COUNT] = {false};
    struct str version = record_get_str(mark);
    uint64_t count = record_get_u64(mark);
    bool newer = false, older = false;
    if (count > MARK_TABLES_MAX) return ERR_CORRUPT;
    for (uint64_t i = 0; i < count && !mark->broken; i++) {
        uint64_t kind = record_get_u64(mark), newest = record_get_u64(mark);
        int table = 0;
        while (table < TABLE_COUNT && table_kind((enum store_table)table) != kind) table++;
        if (table == TABLE_COUNT || newest > table_newest((enum store_table)table))
            newer = true;
        else if (newest < table_newest((enum store_table)table))
            older = true;
        if (table < TABLE_COUNT) same[table] = true;
    }
    for (int i = 0; i < TABLE_COUNT; i++) older |= !same[i];
    enum err err = record_end(mark);
    if (err != OK) return err;
    if (!str_copy(out->version, sizeof out->version, version)) return ERR_CORRUPT;
    bool renamed = !str_is(version, COURTYARD_VERSION);
    out->fit = newer     ? FORMATS_NEWER
               : older   ? FORMATS_OLDER
               : renamed ? FORMATS_RENAMED
                         : FORMATS_SAME;
    return OK;
}

enum err formats_read(MDB_txn *txn, MDB_dbi meta, struct formats *out) {
    struct record_reader schema, mark;
    struct formats formats = {.fit = FORMATS_OLDER};
    enum err err = record_find(txn, meta, "schema", &schema);
    if (err != OK) return ERR_CORRUPT;
    uint64_t version = record_get_u64(&schema);
    err = record_end(&schema);
    if (err == OK) err = record_find(txn, meta, MARK, &mark);
    if (err == OK) err = mark_compare(&mark, &formats);
    if (err != OK && err != ERR_NOT_FOUND)
        return err; // a state from before there was a mark is old
    if (version > SCHEMA_VERSION) formats.fit = FORMATS_NEWER;
    if (version < SCHEMA_VERSION && formats.fit != FORMATS_NEWER) formats.fit = FORMATS_OLDER;
    *out = formats;
    return OK;
}

enum err formats_of_state(const char *folder, struct formats *out, struct fault *fault) {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi meta;
    enum err err = state_open(folder, &env, fault);
    if (err != OK) return err;
    int code = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    bool begun = code == 0;
    if (begun) code = mdb_dbi_open(txn, store_table_name(TABLE_META), 0, &meta);
    err = code == MDB_NOTFOUND ? ERR_CORRUPT : store_err(code);
    if (err == OK) err = formats_read(txn, meta, out);
    if (begun) mdb_txn_abort(txn);
    mdb_env_close(env);
    if (err == ERR_CORRUPT) return fault_set(fault, err, "store.damaged", STR("schema"));
    return store_explain(err, fault);
}

enum err formats_write(struct store_txn *txn) {
    struct buf fields;
    buf_open(&fields, MARK_BYTES_MAX);
    struct record_writer writer = {&fields};
    record_put_str(&writer, STR(COURTYARD_VERSION));
    record_put_u64(&writer, TABLE_COUNT);
    for (int i = 0; i < TABLE_COUNT; i++) {
        record_put_u64(&writer, table_kind((enum store_table)i));
        record_put_u64(&writer, table_newest((enum store_table)i));
    }
    enum err err = store_put(txn, TABLE_META, key_of_str(STR(MARK)), MARK_VERSION, &fields);
    buf_close(&fields);
    return err;
}
