// Opening and closing: folders, the lock, the environment, the first transaction.
//
// The state is made in DIR/state.new and renamed when it is whole. So a DIR/state that LMDB cannot
// read, or an absent one beside blobs, is always damage and never mistaken for a first start.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/file.h"
#include "base/log.h"
#include "base/version.h"
#include "store/keep_private.h"

// LMDB allows one environment of a folder in a process (its locks are the process'), so whoever
// wants a second one must find the first. Protected by open_mutex.
static pthread_mutex_t open_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct store *open_stores;

static const uint64_t MAP_BYTES = (uint64_t)16 << 30;
// A state up to this size has its pages looked at before LMDB reads them.
static const uint64_t CHECK_AT_OPEN_BYTES = (uint64_t)32 << 20;

enum err store_path(const struct store *store, const char *name, char *out, size_t out_size) {
    return path_join(out, out_size, store->dir, name);
}

const char *store_dir(const struct store *store) {
    return store->dir;
}

// ---- folders and the lock --------------------------------------------------------------------

static bool folder_is_empty(const char *path) {
    DIR *list = opendir(path);
    if (!list) return true;
    bool empty = true;
    for (struct dirent *entry; empty && (entry = readdir(list));) {
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    closedir(list);
    return empty;
}

static enum err make_folders(struct store *store, struct fault *fault) {
    static const char *const names[] = {"blobs", "temp", "jobs", "keys", "tls"};
    char path[LIMIT_PATH_BYTES];
    enum err err = store_path(store, "temp", path, sizeof path);
    if (err != OK) return fault_set(fault, err, "base.path_too_long", str_of(store->dir));
    if (!folder_is_empty(path)) err = folder_remove(path, fault);
    for (size_t i = 0; i < sizeof names / sizeof names[0] && err == OK; i++) {
        err = store_path(store, names[i], path, sizeof path);
        if (err == OK) err = folder_make(path, fault);
    }
    return err;
}

enum err lock_take(const char *dir, int *out_fd, struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    enum err err = path_join(path, sizeof path, dir, "lock");
    if (err != OK) return fault_set(fault, err, "base.path_too_long", str_of(dir));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return fault_errno(fault, errno, str_of(path));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int failed = errno;
        close(fd);
        if (failed == EWOULDBLOCK) {
            return fault_set(fault, ERR_BUSY, "store.in_use", str_of(dir));
        }
        return fault_errno(fault, failed, str_of(path));
    }
    *out_fd = fd;
    return OK;
}

// ---- the environment -------------------------------------------------------------------------

// Opens LMDB on `folder`. Where robust mutexes are missing (an emulated user space) it does without
// its lock file; then our own lock and the gate keep order, see store_private.h.
static enum err env_open(struct store *store, const char *folder, uint64_t map_bytes,
                         struct fault *fault) {
    for (int attempt = 0; attempt < 2; attempt++) {
        MDB_env *env;
        unsigned flags =
            MDB_NOTLS | (store->read_only ? MDB_RDONLY : 0) | (store->alone ? MDB_NOLOCK : 0);
        int code = mdb_env_create(&env);
        if (code != 0) return store_explain(store_err(code), fault);
        code = mdb_env_set_maxdbs(env, TABLE_COUNT);
        if (code == 0) code = mdb_env_set_mapsize(env, map_bytes ? map_bytes : MAP_BYTES);
        if (code == 0) code = mdb_env_set_maxreaders(env, READERS_MAX);
        if (code == 0) code = mdb_env_open(env, folder, flags, 0600);
        if (code == 0) {
            store->env = env;
            return OK;
        }
        mdb_env_close(env);
        bool no_robust_mutex = code == ENOSYS || code == ENOTSUP;
        if (no_robust_mutex && !store->alone) {
            store->alone = true;
            if (store->read_only) {
                enum err err = lock_take(store->dir, &store->lock_fd, fault);
                if (err != OK) return err;
            }
            continue;
        }
        enum err err = store_err(code);
        if (err == ERR_CORRUPT) return fault_set(fault, err, "store.damaged", str_of(folder));
        if (code > 0) return fault_errno(fault, code, str_of(folder));
        return store_explain(err, fault);
    }
    return fault_set(fault, ERR_IO, "store.failed", str_of(folder));
}

// Opens all tables, making them if `make`. ERR_NOT_FOUND if one is absent.
static enum err tables_open(struct store *store, bool make) {
    MDB_txn *txn;
    int code = mdb_txn_begin(store->env, NULL, make ? 0 : MDB_RDONLY, &txn);
    if (code != 0) return store_err(code);
    for (int i = 0; i < TABLE_COUNT && code == 0; i++) {
        code = mdb_dbi_open(txn, store_table_name((enum store_table)i), make ? MDB_CREATE : 0,
                            &store->tables[i]);
    }
    if (code != 0) {
        mdb_txn_abort(txn);
        return store_err(code);
    }
    return store_err(mdb_txn_commit(txn));
}

static enum err write_first_version(struct store_txn *txn, void *ctx) {
    (void)ctx;
    enum err err = schema_write(txn, SCHEMA_VERSION);
    return err == OK ? formats_write(txn) : err;
}

static enum err bring_up(struct store_txn *txn, void *ctx) {
    (void)ctx;
    enum err err = schema_bring_up(txn);
    return err == OK ? formats_write(txn) : err;
}

// Whose state it is, before anything is written to it.
static enum err formats_look(struct store *store, struct formats *out, struct fault *fault) {
    MDB_txn *txn;
    MDB_dbi meta;
    int code = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (code != 0) return store_explain(store_err(code), fault);
    code = mdb_dbi_open(txn, store_table_name(TABLE_META), 0, &meta);
    enum err err = code == MDB_NOTFOUND ? ERR_CORRUPT : store_err(code);
    if (err == OK) err = formats_read(txn, meta, out);
    mdb_txn_abort(txn);
    if (err == ERR_CORRUPT) return fault_set(fault, err, "store.damaged", STR("schema"));
    if (err != OK || out->fit != FORMATS_NEWER) return store_explain(err, fault);
    (void)str_copy(store->newer, sizeof store->newer, str_of(out->version));
    return fault_set(fault, ERR_INPUT, "store.too_new", str_of(out->version));
}

// What only a newer program than the last one does: a copy first, then all of it in one
// transaction.
static enum err state_bring_up(struct store *store, const struct formats *formats,
                               struct fault *fault) {
    if (formats->fit == FORMATS_SAME || store->read_only) return OK;
    enum err err = store_explain(write_directly(store, bring_up, NULL), fault);
    if (err == OK && formats->fit == FORMATS_OLDER) {
        log_event(LOG_INFO, "store.migrated", "from=%s to=%s", formats->version, COURTYARD_VERSION);
    }
    return err;
}

// A state that was closed cleanly says so in DIR/closed by its newest transaction; a later
// commit makes the mark void without anything being written to it.
#define CLOSED "closed"

static void mark_closed(const struct store *store) {
    char path[LIMIT_PATH_BYTES], text[24];
    MDB_envinfo info;
    if (store_path(store, CLOSED, path, sizeof path) != OK) return;
    if (mdb_env_info(store->env, &info) != 0) return;
    int size = snprintf(text, sizeof text, "%zu\n", info.me_last_txnid);
    // Without it the next start only looks longer.
    (void)!file_write_quick(path, (struct str){text, (size_t)size}, NULL);
}

static bool was_closed(const struct store *store, const char *data_path) {
    char path[LIMIT_PATH_BYTES];
    struct buf text;
    uint64_t marked = 0, newest = 1;
    buf_open(&text, 64);
    bool fits = store_path(store, CLOSED, path, sizeof path) == OK &&
                file_read(path, &text, NULL) == OK &&
                str_to_u64(str_trim(buf_str(&text)), &marked) &&
                pages_newest_txn(data_path, &newest) && marked == newest;
    buf_close(&text);
    return fits;
}

struct first_finding {
    struct fault fault;
};

static void keep_first(void *ctx, const struct fault *finding) {
    struct first_finding *first = ctx;
    if (first->fault.code[0] == '\0') first->fault = *finding;
}

// LMDB trusts its pages, and a file cut short kills the reader by a signal; so a file is looked at
// first that is shorter than it says, or was not closed cleanly, or is small enough for it to be
// quick.
static enum err check_file(const struct store *store, const char *folder, struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    enum err err = path_join(path, sizeof path, folder, "data.mdb");
    uint64_t bytes = 0, findings = 0;
    if (err == OK) err = file_size(path, &bytes, NULL);
    if (err != OK) return fault_set(fault, ERR_CORRUPT, "store.damaged", str_of(path));
    if (bytes > CHECK_AT_OPEN_BYTES && was_closed(store, path) && pages_file_is_whole(path)) {
        return OK;
    }
    struct first_finding first = {0};
    err = pages_check(path, 0, NULL, keep_first, &first, &findings);
    if (err == ERR_MEMORY || err == ERR_IO) return store_explain(err, fault);
    if (err != OK || findings > 0) {
        return fault_set(fault, ERR_CORRUPT, "store.damaged", str_of(first.fault.detail));
    }
    return OK;
}

static enum err open_existing(struct store *store, const char *folder, uint64_t map_bytes,
                              struct fault *fault) {
    // A writer of another process may be at work on what a second reader opens.
    char path[LIMIT_PATH_BYTES];
    if (path_join(path, sizeof path, folder, "data.mdb") == OK) {
        store->was_closed = was_closed(store, path);
    }
    enum err err = store->read_only ? OK : check_file(store, folder, fault);
    if (err == OK) err = env_open(store, folder, map_bytes, fault);
    if (err == OK && !store->read_only) room_open(store, folder);
    struct formats formats = {.fit = FORMATS_SAME};
    struct kept kept;
    if (err == OK) err = formats_look(store, &formats, fault);
    if (err == OK && formats.fit == FORMATS_OLDER && !store->read_only) {
        err = keep_make(store, KEEP_BEFORE COURTYARD_VERSION, KEEP_BEFORE_BYTES, &kept, fault);
    }
    if (err != OK) return err;
    err = tables_open(store, false);
    if (err == ERR_NOT_FOUND && !store->read_only) err = tables_open(store, true);
    // A reader cannot make the tables that came after this folder was last written.
    if (err == ERR_NOT_FOUND && store->read_only) {
        return fault_set(fault, ERR_INPUT, "store.too_old", STR_NONE);
    }
    if (err == ERR_NOT_FOUND || err == ERR_CORRUPT) {
        return fault_set(fault, ERR_CORRUPT, "store.damaged", STR("tables"));
    }
    if (err != OK) return store_explain(err, fault);
    return state_bring_up(store, &formats, fault);
}

static enum err open_new(struct store *store, const char *folder, uint64_t map_bytes,
                         struct fault *fault) {
    char temp[LIMIT_PATH_BYTES], blobs[LIMIT_PATH_BYTES], above[LIMIT_PATH_BYTES];
    enum err err = store_path(store, "state.new", temp, sizeof temp);
    if (err == OK) err = store_path(store, "blobs", blobs, sizeof blobs);
    if (err == OK) err = store_path(store, "..", above, sizeof above);
    if (err != OK) return fault_set(fault, err, "base.path_too_long", str_of(store->dir));
    if (!folder_is_empty(blobs)) {
        return fault_set(fault, ERR_CORRUPT, "store.damaged", str_of(folder));
    }
    err = folder_remove(temp, fault);
    if (err == OK) err = folder_make(temp, fault);
    if (err == OK) err = env_open(store, temp, map_bytes, fault);
    if (err != OK) return err;
    room_open(store, temp);
    store->was_closed = true;
    err = tables_open(store, true);
    if (err == OK) err = write_directly(store, write_first_version, NULL);
    if (err != OK) return store_explain(err, fault);
    err = folder_sync(temp, fault);
    if (err == OK) err = file_rename(temp, folder, fault);
    // The data folder's own name, if it is new too.
    return err == OK ? folder_sync(above, fault) : err;
}

// ---- open and close --------------------------------------------------------------------------

// The listed store of the folder, if any. open_mutex is held.
static struct store *list_find(const char *dir) {
    struct stat wanted, about;
    if (stat(dir, &wanted) != 0) return NULL;
    for (struct store *store = open_stores; store; store = store->next_open) {
        if (stat(store->dir, &about) != 0) continue;
        if (about.st_dev == wanted.st_dev && about.st_ino == wanted.st_ino) return store;
    }
    return NULL;
}

static enum err list_add(struct store *store, struct fault *fault) {
    pthread_mutex_lock(&open_mutex);
    bool taken = list_find(store->dir) != NULL;
    if (!taken) {
        store->next_open = open_stores;
        open_stores = store;
    }
    pthread_mutex_unlock(&open_mutex);
    return taken ? fault_set(fault, ERR_BUSY, "store.in_use", str_of(store->dir)) : OK;
}

static void list_remove(struct store *store) {
    pthread_mutex_lock(&open_mutex);
    for (struct store **at = &open_stores; *at; at = &(*at)->next_open) {
        if (*at != store) continue;
        *at = store->next_open;
        break;
    }
    pthread_mutex_unlock(&open_mutex);
    // Nobody new finds it now; wait for those who have.
    pthread_mutex_lock(&store->mutex);
    while (store->users > 0) pthread_cond_wait(&store->left, &store->mutex);
    pthread_mutex_unlock(&store->mutex);
}

struct store *store_borrow(const char *dir) {
    pthread_mutex_lock(&open_mutex);
    struct store *store = list_find(dir);
    if (store && !store->usable) store = NULL;
    if (store) {
        pthread_mutex_lock(&store->mutex);
        store->users++;
        pthread_mutex_unlock(&store->mutex);
    }
    pthread_mutex_unlock(&open_mutex);
    return store;
}

void store_return(struct store *store) {
    pthread_mutex_lock(&store->mutex);
    cy_assert(store->users > 0);
    store->users--;
    pthread_cond_broadcast(&store->left);
    pthread_mutex_unlock(&store->mutex);
}

static struct store *store_new(const struct store_options *options) {
    struct store *store = memory_take(sizeof *store);
    if (!store) return NULL;
    store->lock_fd = store->readers_fd = -1;
    static atomic_uint_fast64_t lives;
    store->life = atomic_fetch_add(&lives, 1) + 1;
    store->read_only = options->read_only;
    store->alone = options->alone;
    pthread_mutex_init(&store->mutex, NULL);
    pthread_mutex_init(&store->blob_mutex, NULL);
    pthread_cond_init(&store->arrived, NULL);
    pthread_cond_init(&store->left, NULL);
    gate_open(&store->gate);
    return store;
}

enum err snapshot_open(const char *folder, struct store **out, struct fault *fault) {
    struct store_options options = {.read_only = true, .alone = true};
    struct store *store = store_new(&options);
    if (!store) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    enum err err = env_open(store, folder, 0, fault);
    if (err == OK) err = store_explain(tables_open(store, false), fault);
    if (err != OK) {
        store_close(store);
        return err;
    }
    *out = store;
    return OK;
}

static enum err open_parts(struct store *store, const struct store_options *options,
                           struct fault *fault) {
    char state[LIMIT_PATH_BYTES];
    enum err err = store_path(store, "state", state, sizeof state);
    if (err != OK) return fault_set(fault, err, "base.path_too_long", str_of(store->dir));
    if (!store->read_only)
        err = folder_make(store->dir, fault);
    else if (!file_exists(state))
        err = fault_set(fault, ERR_NOT_FOUND, "store.absent", str_of(store->dir));
    if (err == OK) err = list_add(store, fault);
    if (err == OK && (!store->read_only || store->alone))
        err = lock_take(store->dir, &store->lock_fd, fault);
    if (err == OK && !store->read_only) err = recovery_settle(store->dir, fault);
    if (err == OK && !store->read_only) err = make_folders(store, fault);
    if (err != OK) return err;
    bool exists = file_exists(state);
    struct fault newer = {0};
    err = exists ? open_existing(store, state, options->map_bytes, &newer)
                 : open_new(store, state, options->map_bytes, &newer);
    if (err != OK && store->newer[0] && options->take_back && !store->read_only) {
        mdb_env_close(store->env);
        store->env = NULL;
        if (store->readers_fd >= 0) close(store->readers_fd);
        store->readers_fd = -1;
        enum err back = recovery_take_back(store->dir, store->newer, fault);
        if (back == OK) err = open_existing(store, state, options->map_bytes, fault);
        if (back != OK && back != ERR_NOT_FOUND) return back;
    }
    if (err != OK && newer.code[0]) err = fault_set(fault, err, newer.code, str_of(newer.detail));
    if (err == OK && !store->read_only) err = writer_start(store);
    return err == ERR_MEMORY ? fault_set(fault, err, "base.no_memory", STR_NONE) : err;
}

enum err store_open(const char *dir, const struct store_options *options, struct store **out,
                    struct fault *fault) {
    static const struct store_options defaults;
    if (!options) options = &defaults;
    struct store *store = store_new(options);
    if (!store) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    enum err err = OK;
    if (!str_copy(store->dir, sizeof store->dir - 128, str_of(dir)) || !store->dir[0]) {
        err = fault_set(fault, ERR_LIMIT, "base.path_too_long", str_of(dir));
    }
    if (err == OK && arena_open(TXN_ARENA_BYTES, &store->arena) != OK) {
        err = fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    }
    if (err == OK) err = open_parts(store, options, fault);
    if (err != OK) {
        store_close(store);
        return err;
    }
    pthread_mutex_lock(&open_mutex);
    store->usable = true;
    pthread_mutex_unlock(&open_mutex);
    *out = store;
    return OK;
}

void store_close(struct store *store) {
    if (!store) return;
    list_remove(store);
    writer_stop(store);
    if (store->usable && !store->read_only) mark_closed(store);
    if (store->env) mdb_env_close(store->env);
    if (store->readers_fd >= 0) close(store->readers_fd);
    if (store->lock_fd >= 0) close(store->lock_fd);
    arena_close(store->arena);
    gate_close(&store->gate);
    pthread_cond_destroy(&store->left);
    pthread_cond_destroy(&store->arrived);
    pthread_mutex_destroy(&store->blob_mutex);
    pthread_mutex_destroy(&store->mutex);
    memory_give(store);
}
