// Verifying everything: pages, records, index, audit chain, blobs, the modes of secrets. Each part
// goes on after a finding, except that nothing is read through LMDB once a page of its is damaged.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/file.h"
#include "store/store_private.h"

enum { PAGE_ATTEMPTS_MAX = 1000, FOLDER_DEPTH_MAX = 8 };

struct check {
    struct store *store;
    struct progress *progress;
    void (*tell)(void *ctx, const struct fault *finding);
    void *ctx;
    uint64_t findings;
    uint64_t blob_bytes;
};

static void found(struct check *check, enum err err, const char *code, struct str detail) {
    struct fault fault = {0};
    enum err same = fault_set(&fault, err, code, detail);
    cy_assert(same == err);
    check->findings++;
    check->tell(check->ctx, &fault);
}

// ---- pages -----------------------------------------------------------------------------------

static enum err check_pages(struct check *check) {
    char path[LIMIT_PATH_BYTES];
    enum err err = store_path(check->store, "state/data.mdb", path, sizeof path);
    if (err != OK) return err;
    // A busy writer may overwrite the head page of our transaction before we have read it.
    for (int attempt = 0; attempt < PAGE_ATTEMPTS_MAX; attempt++) {
        struct store_txn *txn;
        err = store_read_begin(check->store, &txn);
        if (err != OK) return err;
        err = pages_check(path, mdb_txn_id(txn->mdb), check->progress, check->tell, check->ctx,
                          &check->findings);
        store_read_end(txn);
        if (err != ERR_CONFLICT) break;
    }
    return err == ERR_CORRUPT ? OK : err;
}

// ---- records ---------------------------------------------------------------------------------

static void found_record(struct check *check, enum store_table table, struct str key,
                         const char *code) {
    struct buf detail;
    buf_open(&detail, 1024);
    buf_add_text(&detail, store_table_name(table));
    buf_add_char(&detail, '/');
    bool text = key.size > 0;
    for (size_t i = 0; i < key.size; i++) text = text && (uint8_t)key.data[i] >= 0x20;
    if (table_keys_are_ids(table) && key.size == 8)
        buf_add_u64(&detail, key_id(key));
    else if (text && table != TABLE_BLOB && table != TABLE_SESSION)
        buf_add_str(&detail, key);
    else
        for (size_t i = 0; i < key.size; i++) buf_printf(&detail, "%02x", (uint8_t)key.data[i]);
    found(check, ERR_CORRUPT, code, buf_str(&detail));
    buf_close(&detail);
}

// An index entry must lead to a record. Looked at without reading that record.
static bool index_leads(struct check *check, MDB_txn *mdb, struct str name,
                        struct record_reader *record) {
    enum store_table table;
    struct str rest;
    uint64_t id = record_get_u64(record);
    if (record_end(record) != OK) return false;
    if (!table_of_name(str_cut(name, '/', &rest), &table) || !table_keys_are_ids(table)) {
        return false;
    }
    struct key key = key_of_id(id);
    MDB_val wanted = {.mv_size = key.size, .mv_data = key.bytes}, value;
    return mdb_get(mdb, check->store->tables[table], &wanted, &value) == 0;
}

static void check_record(struct check *check, MDB_txn *mdb, enum store_table table, struct str key,
                         struct str value) {
    struct record_reader record;
    // An id, or an id and a number below it (a dataset's revisions).
    bool key_fits = !table_keys_are_ids(table) || key.size == 8 || key.size == 16;
    if (!key_fits || record_open(table_kind(table), key, value, &record) != OK) {
        found_record(check, table, key, "store.record_damaged");
        return;
    }
    if (table == TABLE_INDEX && !index_leads(check, mdb, key, &record)) {
        found_record(check, table, key, "store.index_dangling");
    }
    if (table == TABLE_BLOB) {
        uint64_t size, references;
        if (key.size != SHA256_BYTES || blob_read_record(&record, &size, &references) != OK) {
            found_record(check, table, key, "store.record_damaged");
        } else {
            check->blob_bytes += size;
        }
    }
}

static enum err check_table(struct check *check, MDB_txn *mdb, enum store_table table) {
    MDB_cursor *cursor;
    MDB_val key, value;
    int code = mdb_cursor_open(mdb, check->store->tables[table], &cursor);
    if (code != 0) return store_err(code);
    code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    while (code == 0 && !progress_cancelled(check->progress)) {
        check_record(check, mdb, table, (struct str){key.mv_data, key.mv_size},
                     (struct str){value.mv_data, value.mv_size});
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (progress_cancelled(check->progress)) return ERR_CANCELLED;
    return code == MDB_NOTFOUND ? OK : store_err(code);
}

static enum err check_records(struct check *check) {
    struct store_txn *txn;
    enum err err = store_read_begin(check->store, &txn);
    if (err != OK) return err;
    for (int i = 0; i < TABLE_COUNT && err == OK; i++) {
        err = check_table(check, txn->mdb, (enum store_table)i);
    }
    if (err == OK) {
        uint64_t count;
        struct hash head;
        struct fault fault = {0};
        err = audit_verify(txn, &count, &head, &fault);
        if (err == ERR_CORRUPT) {
            check->findings++;
            check->tell(check->ctx, &fault);
            err = OK;
        }
    }
    store_read_end(txn);
    return err;
}

// ---- blobs -----------------------------------------------------------------------------------

// Still named by a record? It may have been forgotten and swept since the batch was read.
static bool still_wanted(struct check *check, const struct hash *hash) {
    struct store_txn *txn;
    struct record_reader record;
    if (store_read_begin(check->store, &txn) != OK) return true;
    struct key key = key_of_str((struct str){(const char *)hash->bytes, sizeof hash->bytes});
    enum err err = store_get(txn, TABLE_BLOB, key, &record);
    store_read_end(txn);
    return err != ERR_NOT_FOUND;
}

static enum err check_blob(struct check *check, const struct blob_entry *entry) {
    char name[BLOB_NAME_SIZE], path[LIMIT_PATH_BYTES], hex[SHA256_HEX_SIZE];
    blob_name(&entry->hash, name);
    hash_hex(&entry->hash, hex);
    enum err err = store_path(check->store, name, path, sizeof path);
    if (err != OK) return err;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        if (still_wanted(check, &entry->hash)) {
            found(check, ERR_NOT_FOUND, "blob.missing", str_of(hex));
        }
        return OK;
    }
    struct hash hash;
    uint64_t size;
    err = file_hash_rest(fd, path, check->progress, &hash, &size, NULL);
    close(fd);
    if (err == ERR_CANCELLED || err == ERR_MEMORY) return err;
    if (err != OK || size != entry->size || !hash_equal(&hash, &entry->hash)) {
        found(check, ERR_CORRUPT, "blob.wrong_content", str_of(hex));
    }
    return OK;
}

static enum err check_blobs(struct check *check) {
    struct blob_batch *batch = memory_take(sizeof *batch);
    if (!batch) return ERR_MEMORY;
    progress_set(check->progress, PHASE_HASH, 0, check->blob_bytes);
    enum err err;
    do {
        err = blob_batch_read(check->store, batch);
        for (size_t i = 0; i < batch->count && err == OK; i++) {
            err = check_blob(check, &batch->entries[i]);
        }
    } while (err == OK && batch->next.size > 0);
    memory_give(batch);
    // A damaged record has been told of; what stands behind it could not be looked at.
    return err == ERR_CORRUPT ? OK : err;
}

// ---- secrets ---------------------------------------------------------------------------------

// Everything below `path` (named `name` for people) must be its owner's alone. Takes `folder`.
static void check_modes(struct check *check, int folder, const char *name, int depth) {
    struct stat about;
    if (fstat(folder, &about) == 0 && (about.st_mode & 077)) {
        found(check, ERR_INPUT, "store.mode_open", str_of(name));
    }
    DIR *list = fdopendir(folder);
    if (!list) {
        close(folder);
        return;
    }
    for (struct dirent *entry; (entry = readdir(list));) {
        char below[LIMIT_PATH_BYTES];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (path_join(below, sizeof below, name, entry->d_name) != OK) continue;
        if (fstatat(folder, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (S_ISDIR(about.st_mode) && depth < FOLDER_DEPTH_MAX) {
            int inner =
                openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (inner >= 0) check_modes(check, inner, below, depth + 1);
        } else if (!S_ISREG(about.st_mode) || (about.st_mode & 077)) {
            found(check, ERR_INPUT, "store.mode_open", str_of(below));
        }
    }
    closedir(list);
}

static enum err check_secrets(struct check *check) {
    static const char *const names[] = {"keys", "tls"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[LIMIT_PATH_BYTES];
        enum err err = store_path(check->store, names[i], path, sizeof path);
        if (err != OK) return err;
        int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder >= 0)
            check_modes(check, folder, names[i], 0);
        else if (errno != ENOENT)
            return ERR_IO;
    }
    return OK;
}

enum err store_check(struct store *store, struct progress *progress,
                     void (*tell)(void *ctx, const struct fault *finding), void *ctx,
                     uint64_t *out_findings) {
    struct check check = {.store = store, .progress = progress, .tell = tell, .ctx = ctx};
    enum err err = check_pages(&check);
    bool readable = check.findings == 0;
    if (err == OK && readable) err = check_records(&check);
    if (err == OK && readable) err = check_blobs(&check);
    if (err == OK) err = check_secrets(&check);
    if (err == OK) *out_findings = check.findings;
    return err;
}
