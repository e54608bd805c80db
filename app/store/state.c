// A state at rest, looked at as a whole before anything relies on it.
#include <errno.h>

#include "base/file.h"
#include "store/keep_private.h"

struct first_finding {
    struct fault fault;
};

static void keep_first(void *ctx, const struct fault *finding) {
    struct first_finding *first = ctx;
    if (first->fault.code[0] == '\0') first->fault = *finding;
}

enum err state_open(const char *folder, MDB_env **out, struct fault *fault) {
    MDB_env *env;
    int code = mdb_env_create(&env);
    if (code != 0) return store_explain(store_err(code), fault);
    code = mdb_env_set_maxdbs(env, TABLE_COUNT);
    if (code == 0) code = mdb_env_open(env, folder, MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS, 0600);
    if (code == 0) {
        *out = env;
        return OK;
    }
    mdb_env_close(env);
    if (store_err(code) == ERR_CORRUPT || code == ENOENT) {
        return fault_set(fault, ERR_CORRUPT, "store.damaged", str_of(folder));
    }
    return code > 0 ? fault_errno(fault, code, str_of(folder))
                    : store_explain(store_err(code), fault);
}

// ERR_CORRUPT: an envelope does not fit. A table that is not there yet has nothing wrong.
static enum err table_check(MDB_txn *txn, enum store_table table, struct progress *progress) {
    MDB_dbi dbi;
    MDB_cursor *cursor;
    MDB_val key, value;
    int code = mdb_dbi_open(txn, store_table_name(table), 0, &dbi);
    if (code == MDB_NOTFOUND) return OK;
    if (code == 0) code = mdb_cursor_open(txn, dbi, &cursor);
    if (code != 0) return store_err(code);
    code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    enum err err = OK;
    while (code == 0 && err == OK && !progress_cancelled(progress)) {
        struct record_reader record;
        err = record_open(table_kind(table), (struct str){key.mv_data, key.mv_size},
                          (struct str){value.mv_data, value.mv_size}, &record);
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (err != OK) return err;
    if (progress_cancelled(progress)) return ERR_CANCELLED;
    return code == MDB_NOTFOUND ? OK : store_err(code);
}

static enum err records_check(const char *folder, struct progress *progress, struct fault *fault) {
    MDB_env *env;
    MDB_txn *txn;
    enum err err = state_open(folder, &env, fault);
    if (err != OK) return err;
    int code = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (code != 0) err = store_explain(store_err(code), fault);
    for (int i = 0; i < TABLE_COUNT && err == OK; i++) {
        err = table_check(txn, (enum store_table)i, progress);
        if (err == ERR_CORRUPT) {
            err = fault_set(fault, err, "store.damaged",
                            str_of(store_table_name((enum store_table)i)));
        }
    }
    if (code == 0) mdb_txn_abort(txn);
    mdb_env_close(env);
    return err == ERR_CANCELLED ? err : store_explain(err, fault);
}

enum err state_check(const char *folder, struct progress *progress, struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    struct first_finding first = {0};
    uint64_t findings = 0;
    enum err err = path_join(path, sizeof path, folder, "data.mdb");
    if (err != OK) return fault_set(fault, err, "base.path_too_long", str_of(folder));
    if (!file_exists(path)) return fault_set(fault, ERR_CORRUPT, "store.damaged", str_of(path));
    err = pages_check(path, 0, progress, keep_first, &first, &findings);
    if (err == ERR_CORRUPT || (err == OK && findings > 0)) {
        return fault_set(fault, ERR_CORRUPT, "store.damaged", str_of(first.fault.detail));
    }
    if (err == ERR_CANCELLED) return err;
    if (err != OK) return store_explain(err, fault);
    return records_check(folder, progress, fault);
}
