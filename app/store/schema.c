// The tables' names and numbers on the disk, the schema's version, and the steps from one version
// to the next. A step runs in the transaction that raises the version: all of it or nothing.
#include "base/assert.h"
#include "store/store_private.h"

// A number is never given to another table, even after one is gone. When you raise the version of a
// record, raise it here too: store_put insists, and an older program will leave the state alone.
static const struct {
    const char *name;
    uint16_t kind;
    bool ids;        // keys are ids
    uint16_t newest; // version of records that is written
} TABLES[TABLE_COUNT] = {
    [TABLE_META] = {"meta", 1, false, 1},
    [TABLE_PERSON] = {"person", 2, true, 1},
    [TABLE_SESSION] = {"session", 3, false, 1},
    [TABLE_TOKEN] = {"token", 4, true, 1},
    [TABLE_UPLOAD] = {"upload", 5, true, RECORD_VERSION},
    [TABLE_DATASET] = {"dataset", 6, true, RECORD_VERSION},
    [TABLE_RECIPE] = {"recipe", 7, true, RECORD_VERSION},
    [TABLE_RELEASE] = {"release", 8, true, RECORD_VERSION},
    [TABLE_MODEL] = {"model", 9, true, RECORD_VERSION},
    [TABLE_JOB] = {"job", 10, true, RECORD_VERSION},
    [TABLE_LINEAGE] = {"lineage", 11, true, RECORD_VERSION},
    [TABLE_BLOB] = {"blob", 12, false, 1},
    [TABLE_AUDIT] = {"audit", 13, true, 1},
    [TABLE_SETTING] = {"setting", 14, false, 1},
    [TABLE_INDEX] = {"index", 15, false, 1},
    [TABLE_REVISION] = {"revision", 16, false, RECORD_VERSION},
    [TABLE_KEY] = {"key", 17, true, RECORD_VERSION},
    [TABLE_POLICY] = {"policy", 18, true, 3},
    [TABLE_MEMBER] = {"member", 19, true, 1},
    [TABLE_LEDGER] = {"ledger", 20, true, 1},
    [TABLE_USAGE] = {"usage", 21, false, 1},
    [TABLE_VOUCHER] = {"voucher", 22, true, 1},
    [TABLE_RESERVATION] = {"reservation", 23, true, RECORD_VERSION},
    [TABLE_ENDPOINT] = {"endpoint", 24, true, RECORD_VERSION},
    [TABLE_SERVED] = {"served", 25, false, RECORD_VERSION},
    [TABLE_SEARCH] = {"search", 26, true, RECORD_VERSION},
    [TABLE_PILOT] = {"pilot", 27, true, RECORD_VERSION},
    [TABLE_LANGUAGE] = {"language", 28, true, RECORD_VERSION},
    [TABLE_LANGUAGE_USE] = {"language_use", 29, false, 1},
};

const char *store_table_name(enum store_table table) {
    cy_assert(table < TABLE_COUNT);
    return TABLES[table].name;
}

uint16_t table_kind(enum store_table table) {
    cy_assert(table < TABLE_COUNT);
    return TABLES[table].kind;
}

uint16_t table_newest(enum store_table table) {
    cy_assert(table < TABLE_COUNT);
    return TABLES[table].newest;
}

bool table_keys_are_ids(enum store_table table) {
    cy_assert(table < TABLE_COUNT);
    return TABLES[table].ids;
}

bool table_of_name(struct str name, enum store_table *out) {
    for (int i = 0; i < TABLE_COUNT; i++) {
        if (!str_is(name, TABLES[i].name)) continue;
        *out = (enum store_table)i;
        return true;
    }
    return false;
}

enum err schema_read(struct store_txn *txn, uint64_t *out) {
    struct record_reader record;
    enum err err = store_get(txn, TABLE_META, key_of_str(STR("schema")), &record);
    if (err != OK) return err;
    uint64_t version = record_get_u64(&record);
    err = record_end(&record);
    if (err == OK) *out = version;
    return err;
}

enum err schema_write(struct store_txn *txn, uint64_t version) {
    struct buf fields;
    buf_open(&fields, 64);
    record_put_u64(&(struct record_writer){&fields}, version);
    enum err err = store_put(txn, TABLE_META, key_of_str(STR("schema")), 1, &fields);
    buf_close(&fields);
    return err;
}

enum err schema_migrate(struct store_txn *txn, const struct migration *steps, size_t count,
                        uint64_t target) {
    uint64_t version;
    enum err err = schema_read(txn, &version);
    if (err != OK) return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    for (size_t i = 0; i < count && version < target; i++) {
        if (steps[i].to != version + 1) continue;
        err = steps[i].run(txn);
        if (err != OK) return err;
        version++;
    }
    return version == target ? schema_write(txn, version) : ERR_CORRUPT;
}

// The tables themselves are made when they are opened.
static enum err tables_are_enough(struct store_txn *txn) {
    (void)txn;
    return OK;
}

enum err schema_bring_up(struct store_txn *txn) {
    // Version 1 is the first; each later version adds its line here, in order.
    static const struct migration steps[] = {
        {2, tables_are_enough}, // policy, members, ledger, usage, vouchers; people_open fills them
    };
    return schema_migrate(txn, steps, sizeof steps / sizeof steps[0], SCHEMA_VERSION);
}
