// The tables' names and numbers on the disk, the schema's version, and the steps from one version
// to the next. A step runs in the transaction that raises the version: all of it or nothing.
#include "base/assert.h"
#include "store/store_private.h"

// A number is never given to another table, even after one is gone.
static const struct {
    const char *name;
    uint16_t kind;
    bool ids; // keys are ids
} TABLES[TABLE_COUNT] = {
    [TABLE_META] = {"meta", 1, false},
    [TABLE_PERSON] = {"person", 2, true},
    [TABLE_SESSION] = {"session", 3, false},
    [TABLE_TOKEN] = {"token", 4, true},
    [TABLE_UPLOAD] = {"upload", 5, true},
    [TABLE_DATASET] = {"dataset", 6, true},
    [TABLE_RECIPE] = {"recipe", 7, true},
    [TABLE_RELEASE] = {"release", 8, true},
    [TABLE_MODEL] = {"model", 9, true},
    [TABLE_JOB] = {"job", 10, true},
    [TABLE_LINEAGE] = {"lineage", 11, true},
    [TABLE_BLOB] = {"blob", 12, false},
    [TABLE_AUDIT] = {"audit", 13, true},
    [TABLE_SETTING] = {"setting", 14, false},
    [TABLE_INDEX] = {"index", 15, false},
    [TABLE_REVISION] = {"revision", 16, false},
    [TABLE_KEY] = {"key", 17, true},
    [TABLE_POLICY] = {"policy", 18, true},
    [TABLE_MEMBER] = {"member", 19, true},
    [TABLE_LEDGER] = {"ledger", 20, true},
    [TABLE_USAGE] = {"usage", 21, false},
    [TABLE_VOUCHER] = {"voucher", 22, true},
    [TABLE_RESERVATION] = {"reservation", 23, true},
    [TABLE_ENDPOINT] = {"endpoint", 24, true},
    [TABLE_SERVED] = {"served", 25, false},
    [TABLE_SEARCH] = {"search", 26, true},
    [TABLE_PILOT] = {"pilot", 27, true},
    [TABLE_LANGUAGE] = {"language", 28, true},
    [TABLE_LANGUAGE_USE] = {"language_use", 29, false},
};

const char *store_table_name(enum store_table table) {
    cy_assert(table < TABLE_COUNT);
    return TABLES[table].name;
}

uint16_t table_kind(enum store_table table) {
    cy_assert(table < TABLE_COUNT);
    return TABLES[table].kind;
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
