// A copy takes the state's place. The way there:
//
//   copy DIR/backups/NAME -> DIR/state.coming, looked at and synced
//   write DIR/recovering: from here on it will be done, by the next start if not by us
//   state, jobs, uploads, exports -> DIR/quarantine/Q     (each that is there and not yet in Q)
//   state.coming -> state
//   blobs that the state does not name -> DIR/quarantine/Q/blobs
//   recovering -> recovered, which the server notes in the audit chain and removes
//
// Every step may be done again.
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "store/archive_private.h"
#include "store/keep_private.h"

#define COMING "state.coming"
enum { LINES_BYTES_MAX = 4096 };

// ---- what is written down --------------------------------------------------------------------

static enum err lines_write(const char *dir, const char *file, const struct recovery *recovery,
                            struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    struct buf text;
    buf_open(&text, LINES_BYTES_MAX);
    buf_printf(&text,
               "copy %s\nquarantine %s\nwhy %s\nblobs_moved %" PRIu64 "\nblobs_missing %" PRIu64
               "\n",
               recovery->copy, recovery->quarantine, recovery->why, recovery->blobs_moved,
               recovery->blobs_missing);
    enum err err = path_join(path, sizeof path, dir, file);
    if (err == OK) err = buf_err(&text);
    if (err != OK) err = fault_set(fault, err, "base.path_too_long", str_of(dir));
    if (err == OK) err = file_write(path, buf_str(&text), fault);
    buf_close(&text);
    return err;
}

static enum err lines_read(const char *dir, const char *file, struct recovery *out) {
    char path[LIMIT_PATH_BYTES];
    struct buf text;
    struct recovery recovery = {0};
    enum err err = path_join(path, sizeof path, dir, file);
    if (err != OK) return err;
    if (!file_exists(path)) return ERR_NOT_FOUND;
    buf_open(&text, LINES_BYTES_MAX);
    err = file_read(path, &text, NULL);
    struct str lines = buf_str(&text), quarantine = keep_line(lines, "quarantine");
    bool fits = str_copy(recovery.copy, sizeof recovery.copy, keep_line(lines, "copy")) &&
                str_copy(recovery.quarantine, sizeof recovery.quarantine, quarantine) &&
                str_copy(recovery.why, sizeof recovery.why, keep_line(lines, "why")) &&
                str_to_u64(keep_line(lines, "blobs_moved"), &recovery.blobs_moved) &&
                str_to_u64(keep_line(lines, "blobs_missing"), &recovery.blobs_missing);
    fits = fits && quarantine.size > 0 && quarantine.data[0] != '.' &&
           !memchr(quarantine.data, '/', quarantine.size);
    buf_close(&text);
    if (err == OK && !fits) err = ERR_CORRUPT;
    if (err == OK) *out = recovery;
    return err;
}

enum err recovery_read(const char *dir, struct recovery *out) {
    return lines_read(dir, RECOVERED, out);
}

enum err recovery_forget(const char *dir, struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    enum err err = path_join(path, sizeof path, dir, RECOVERED);
    if (err != OK) return fault_set(fault, err, "base.path_too_long", str_of(dir));
    err = file_remove(path, fault);
    return err == OK ? folder_sync(dir, fault) : err;
}

// ---- aside -----------------------------------------------------------------------------------

// DIR/name to the same name in the quarantine, unless it went there before.
static enum err move_aside(const char *dir, const char *quarantine, const char *name,
                           struct fault *fault) {
    char from[LIMIT_PATH_BYTES], to[LIMIT_PATH_BYTES];
    enum err err = path_join(from, sizeof from, dir, name);
    if (err == OK) err = path_join(to, sizeof to, quarantine, name);
    if (err != OK) return fault_set(fault, err, "base.path_too_long", str_of(dir));
    if (!file_exists(from) || file_exists(to)) return OK;
    err = file_rename(from, to, fault);
    return err == OK ? folder_sync(dir, fault) : err;
}

static enum err state_change(const char *dir, const char *quarantine, const char *coming,
                             struct fault *fault) {
    static const char *const names[] = {"jobs", "uploads", "exports", "state"};
    char state[LIMIT_PATH_BYTES];
    enum err err = path_join(state, sizeof state, dir, "state");
    if (err != OK) return fault_set(fault, err, "base.path_too_long", str_of(dir));
    for (size_t i = 0; i < sizeof names / sizeof names[0] && err == OK; i++) {
        err = move_aside(dir, quarantine, names[i], fault);
    }
    return err == OK ? file_rename(coming, state, fault) : err;
}

// ---- blobs -----------------------------------------------------------------------------------

struct blobs {
    MDB_txn *txn;
    MDB_dbi dbi;
    const char *dir, *quarantine;
    struct recovery *recovery;
    struct fault *fault;
};

// One folder "ab" of DIR/blobs: what no record names goes to the quarantine.
static enum err blobs_sort(struct blobs *blobs, const char *two) {
    char name[64], folder[LIMIT_PATH_BYTES], from[LIMIT_PATH_BYTES], to[LIMIT_PATH_BYTES];
    snprintf(name, sizeof name, "blobs/%.8s", two);
    enum err err = path_join(folder, sizeof folder, blobs->dir, name);
    if (err == OK) err = path_join(to, sizeof to, blobs->quarantine, name);
    if (err != OK) return fault_set(blobs->fault, err, "base.path_too_long", str_of(blobs->dir));
    DIR *list = opendir(folder);
    if (!list) return errno == ENOTDIR ? OK : fault_errno(blobs->fault, errno, str_of(folder));
    bool moved = false;
    for (const struct dirent *entry; err == OK && (entry = readdir(list));) {
        char path[LIMIT_PATH_BYTES];
        struct hash hash;
        snprintf(path, sizeof path, "%s/%.80s", name, entry->d_name);
        if (!archive_blob_hash(str_of(path), &hash)) continue;
        MDB_val key = {.mv_size = sizeof hash.bytes, .mv_data = hash.bytes}, value;
        if (mdb_get(blobs->txn, blobs->dbi, &key, &value) == 0) continue;
        err = folder_make(to, blobs->fault);
        if (err == OK && (path_join(from, sizeof from, blobs->dir, path) != OK ||
                          path_join(to, sizeof to, blobs->quarantine, path) != OK)) {
            err = fault_set(blobs->fault, ERR_LIMIT, "base.path_too_long", str_of(blobs->dir));
        }
        if (err == OK) err = file_rename(from, to, blobs->fault);
        if (err == OK) err = path_join(to, sizeof to, blobs->quarantine, name);
        if (err == OK) blobs->recovery->blobs_moved++;
        moved = true;
    }
    closedir(list);
    return err == OK && moved ? folder_sync(folder, blobs->fault) : err;
}

static enum err blobs_move(struct blobs *blobs) {
    char path[LIMIT_PATH_BYTES];
    enum err err = path_join(path, sizeof path, blobs->dir, "blobs");
    if (err != OK) return fault_set(blobs->fault, err, "base.path_too_long", str_of(blobs->dir));
    DIR *list = opendir(path);
    if (!list) return errno == ENOENT ? OK : fault_errno(blobs->fault, errno, str_of(path));
    for (const struct dirent *entry; err == OK && (entry = readdir(list));) {
        if (entry->d_name[0] != '.') err = blobs_sort(blobs, entry->d_name);
    }
    closedir(list);
    return err;
}

static enum err blobs_count_missing(struct blobs *blobs) {
    MDB_cursor *cursor;
    MDB_val key, value;
    int code = mdb_cursor_open(blobs->txn, blobs->dbi, &cursor);
    if (code != 0) return store_explain(store_err(code), blobs->fault);
    blobs->recovery->blobs_missing = 0;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        char name[BLOB_NAME_SIZE], path[LIMIT_PATH_BYTES];
        struct hash hash;
        if (key.mv_size != sizeof hash.bytes) continue;
        memcpy(hash.bytes, key.mv_data, sizeof hash.bytes);
        blob_name(&hash, name);
        if (path_join(path, sizeof path, blobs->dir, name) == OK && !file_exists(path)) {
            blobs->recovery->blobs_missing++;
        }
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? OK : store_explain(store_err(code), blobs->fault);
}

static enum err blobs_settle(const char *dir, const char *quarantine, struct recovery *recovery,
                             struct fault *fault) {
    struct blobs blobs = {
        .dir = dir, .quarantine = quarantine, .recovery = recovery, .fault = fault};
    char state[LIMIT_PATH_BYTES];
    MDB_env *env;
    enum err err = path_join(state, sizeof state, dir, "state");
    if (err != OK) return fault_set(fault, err, "base.path_too_long", str_of(dir));
    err = state_open(state, &env, fault);
    if (err != OK) return err;
    int code = mdb_txn_begin(env, NULL, MDB_RDONLY, &blobs.txn);
    bool begun = code == 0;
    if (begun) code = mdb_dbi_open(blobs.txn, store_table_name(TABLE_BLOB), 0, &blobs.dbi);
    err = store_explain(store_err(code), fault);
    if (err == OK) err = blobs_move(&blobs);
    if (err == OK) err = blobs_count_missing(&blobs);
    if (begun) mdb_txn_abort(blobs.txn);
    mdb_env_close(env);
    return err;
}

// ---- the whole -------------------------------------------------------------------------------

// From DIR/recovering on.
static enum err finish(const char *dir, struct recovery *recovery, struct fault *fault) {
    char folder[LIMIT_PATH_BYTES], quarantine[LIMIT_PATH_BYTES], coming[LIMIT_PATH_BYTES];
    char path[LIMIT_PATH_BYTES];
    enum err err = path_join(folder, sizeof folder, dir, QUARANTINE_FOLDER);
    if (err == OK) err = path_join(quarantine, sizeof quarantine, folder, recovery->quarantine);
    if (err == OK) err = path_join(coming, sizeof coming, dir, COMING);
    if (err == OK) err = path_join(path, sizeof path, dir, RECOVERING);
    if (err != OK) return fault_set(fault, err, "base.path_too_long", str_of(dir));
    err = folder_make(quarantine, fault);
    if (err == OK) err = folder_sync(folder, fault);
    if (err == OK) err = folder_sync(dir, fault);
    if (err == OK && file_exists(coming)) err = state_change(dir, quarantine, coming, fault);
    if (err == OK) err = blobs_settle(dir, quarantine, recovery, fault);
    if (err == OK) err = lines_write(dir, RECOVERED, recovery, fault);
    if (err == OK) err = file_remove(path, fault);
    if (err == OK) err = folder_sync(dir, fault);
    if (err == OK) {
        log_event(LOG_WARN, "store.recovered", "copy=%s quarantine=%s why=%s", recovery->copy,
                  recovery->quarantine, recovery->why);
    }
    return err;
}

enum err recovery_settle(const char *dir, struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    struct recovery recovery;
    enum err err = lines_read(dir, RECOVERING, &recovery);
    if (err == OK) return finish(dir, &recovery, fault);
    if (err != ERR_NOT_FOUND) return fault_set(fault, err, "store.damaged", STR(RECOVERING));
    err = path_join(path, sizeof path, dir, COMING);
    if (err != OK) return fault_set(fault, err, "base.path_too_long", str_of(dir));
    return file_exists(path) ? folder_remove(path, fault) : OK;
}

// "20261127-043000", with a number if that is taken.
static enum err quarantine_name(const char *dir, char out[static KEEP_NAME_BYTES],
                                struct fault *fault) {
    char folder[LIMIT_PATH_BYTES], path[LIMIT_PATH_BYTES];
    enum err err = path_join(folder, sizeof folder, dir, QUARANTINE_FOLDER);
    for (int i = 1; err == OK; i++) {
        char stamp[KEEP_STAMP_BYTES];
        keep_stamp(clock_now_ms(), stamp);
        snprintf(out, KEEP_NAME_BYTES, i == 1 ? "%s" : "%s-%d", stamp, i);
        err = path_join(path, sizeof path, folder, out);
        if (err == OK && !file_exists(path)) return OK;
    }
    return fault_set(fault, err, "base.path_too_long", str_of(dir));
}

// The copy's data.mdb as DIR/state.coming/data.mdb.
static enum err bring(const char *dir, const struct kept *kept, struct fault *fault) {
    char from[LIMIT_PATH_BYTES], coming[LIMIT_PATH_BYTES], to[LIMIT_PATH_BYTES];
    enum err err = keep_path(dir, kept->name, "data.mdb", from, sizeof from, fault);
    if (err != OK) return err;
    err = path_join(coming, sizeof coming, dir, COMING);
    if (err == OK) err = path_join(to, sizeof to, coming, "data.mdb");
    if (err != OK) return fault_set(fault, err, "base.path_too_long", str_of(dir));
    err = folder_remove(coming, fault);
    if (err == OK) err = keep_room(dir, kept->bytes, 0, fault);
    if (err == OK) err = folder_make(coming, fault);
    if (err == OK) err = file_copy(from, to, fault);
    if (err == OK) err = state_check(coming, NULL, fault);
    if (err == OK) err = folder_sync(coming, fault);
    return err == OK ? folder_sync(dir, fault) : err;
}

enum err keep_newest_good(const char *dir, struct kept *out, struct fault *fault) {
    struct kept *list = memory_take(KEEP_LIST_MAX * sizeof *list);
    size_t count = 0;
    if (!list) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    enum err err = keep_list(dir, list, KEEP_LIST_MAX, &count, fault);
    bool found = false;
    for (size_t i = 0; err == OK && i < count && !found; i++) {
        // Not one of before an update: the data of an older version is nobody's first choice.
        if (str_starts(str_of(list[i].name), STR(KEEP_BEFORE))) continue;
        found = list[i].whole && keep_verify(dir, list[i].name, out, NULL) == OK;
    }
    memory_give(list);
    if (err != OK || found) return err;
    return fault_set(fault, ERR_NOT_FOUND, "backup.no_copy", str_of(dir));
}

static enum err choose(const char *dir, const char *name, struct kept *out, struct fault *fault) {
    if (!name || strcmp(name, "newest") == 0) return keep_newest_good(dir, out, fault);
    return keep_verify(dir, name, out, fault);
}

static enum err recover_locked(const char *dir, const char *name, const char *why,
                               struct recovery *recovery, struct fault *fault) {
    struct kept kept;
    enum err err = recovery_settle(dir, fault);
    if (err == OK) err = choose(dir, name, &kept, fault);
    if (err == OK) err = quarantine_name(dir, recovery->quarantine, fault);
    if (err == OK) err = bring(dir, &kept, fault);
    if (err != OK) return err;
    (void)str_copy(recovery->copy, sizeof recovery->copy, str_of(kept.name));
    (void)str_copy(recovery->why, sizeof recovery->why, str_of(why));
    err = lines_write(dir, RECOVERING, recovery, fault);
    return err == OK ? finish(dir, recovery, fault) : err;
}

enum err recovery_take_back(const char *dir, const char *version, struct fault *fault) {
    char name[KEEP_NAME_BYTES], path[LIMIT_PATH_BYTES];
    struct recovery recovery = {0};
    struct kept kept;
    int size = snprintf(name, sizeof name, KEEP_BEFORE "%s", version);
    if (size < 0 || (size_t)size >= sizeof name) return ERR_NOT_FOUND;
    enum err err = keep_path(dir, name, KEEP_CONFIRMED, path, sizeof path, NULL);
    if (err != OK || file_exists(path)) return ERR_NOT_FOUND;
    if (keep_verify(dir, name, &kept, NULL) != OK) return ERR_NOT_FOUND;
    return recover_locked(dir, name, "trial", &recovery, fault);
}

enum err keep_recover(const char *dir, const char *name, const char *why, struct recovery *out,
                      struct fault *fault) {
    struct recovery recovery = {0};
    int lock = -1;
    if (!file_exists(dir)) return fault_set(fault, ERR_NOT_FOUND, "store.absent", str_of(dir));
    enum err err = lock_take(dir, &lock, fault);
    if (err == OK) err = recover_locked(dir, name, why, &recovery, fault);
    if (lock >= 0) close(lock);
    if (err == OK) *out = recovery;
    return err;
}
