// The writer: one thread that takes all changes that wait and commits them together. While it
// waits for the disk, the next ones gather; so the cost of a sync is shared by as many as there
// are.
//
//   store_write ──> queue ──> writer: begin ─┬─ change in a nested transaction ─ keep or drop
//        ^                                   ├─ change …
//        └── finished, with its own result ──┴─ commit (write, fdatasync, meta page)
//
// Each waiting request has its own condition: a commit wakes those it served and nobody else.
#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/assert.h"
#include "base/file.h"
#include "store/store_private.h"

// ---- the gate --------------------------------------------------------------------------------

enum { GATE_PATIENCE_NS = 5000000 };

void gate_open(struct gate *gate) {
    *gate = (struct gate){0};
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_cond_init(&gate->changed, NULL);
}

void gate_close(struct gate *gate) {
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->mutex);
}

void gate_read_begin(struct gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    if (gate->writer_waits) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += GATE_PATIENCE_NS;
        if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
        while (gate->writer_waits &&
               pthread_cond_timedwait(&gate->changed, &gate->mutex, &until) == 0) {
        }
    }
    while (gate->writing) pthread_cond_wait(&gate->changed, &gate->mutex);
    gate->readers++;
    pthread_mutex_unlock(&gate->mutex);
}

void gate_read_end(struct gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    cy_assert(gate->readers > 0);
    if (--gate->readers == 0) pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

void gate_write_begin(struct gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    gate->writer_waits = true;
    while (gate->readers > 0) pthread_cond_wait(&gate->changed, &gate->mutex);
    gate->writer_waits = false;
    gate->writing = true;
    pthread_mutex_unlock(&gate->mutex);
}

void gate_write_end(struct gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    gate->writing = false;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

// ---- errors ----------------------------------------------------------------------------------

enum err store_err(int lmdb_code) {
    switch (lmdb_code) {
    case MDB_SUCCESS: return OK;
    case MDB_NOTFOUND: return ERR_NOT_FOUND;
    case MDB_KEYEXIST: return ERR_CONFLICT;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ERR_FULL;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH: return ERR_CORRUPT;
    case MDB_READERS_FULL:
    case MDB_TXN_FULL: return ERR_LIMIT;
    case ENOMEM: return ERR_MEMORY;
    default: return ERR_IO;
    }
}

// LMDB reports a short write as EIO. It is a full disk if no space is left, or if the process may
// not make files as big as the next page would.
static bool disk_is_full(const struct store *store) {
    enum { LITTLE_BYTES = 1 << 20 };
    uint64_t free_bytes;
    if (disk_free(store->dir, &free_bytes, NULL) == OK && free_bytes < LITTLE_BYTES) return true;
    struct rlimit limit;
    mdb_filehandle_t fd;
    struct stat info;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return false;
    if (mdb_env_get_fd(store->env, &fd) != 0 || fstat(fd, &info) != 0) return false;
    return (uint64_t)info.st_size + LITTLE_BYTES > limit.rlim_cur;
}

enum err store_commit_err(const struct store *store, int lmdb_code) {
    if (lmdb_code == EIO && disk_is_full(store)) return ERR_FULL;
    return store_err(lmdb_code);
}

enum err store_explain(enum err err, struct fault *fault) {
    switch (err) {
    case ERR_FULL: return fault_set(fault, err, "store.full", STR_NONE);
    case ERR_CORRUPT: return fault_set(fault, err, "store.record_damaged", STR_NONE);
    case ERR_MEMORY: return fault_set(fault, err, "base.no_memory", STR_NONE);
    case ERR_LIMIT: return fault_set(fault, err, "store.limit", STR_NONE);
    case ERR_IO: return fault_set(fault, err, "store.failed", STR_NONE);
    default: return err;
    }
}

// ---- one change ------------------------------------------------------------------------------

// Runs the change in `mdb`, which the caller then commits or aborts.
static enum err run_change(struct store *store, MDB_txn *mdb, struct change_request *request) {
    struct store_txn txn = {
        .store = store, .mdb = mdb, .arena = store->arena, .notes = &request->notes};
    enum err err = request->change(&txn, request->ctx);
    arena_reset(store->arena);
    // A change that overlooked a failed put must not be kept.
    return err == OK ? txn.err : err;
}

static enum err run_nested(struct store *store, MDB_txn *parent, struct change_request *request) {
    MDB_txn *nested;
    int code = mdb_txn_begin(store->env, parent, 0, &nested);
    if (code != 0) return store_err(code);
    enum err err = run_change(store, nested, request);
    if (err != OK) {
        mdb_txn_abort(nested);
        return err;
    }
    return store_commit_err(store, mdb_txn_commit(nested));
}

// Ordinary changes leave the last room to those that free some.
static bool is_refused(struct store *store, const struct change_request *first) {
    const struct change_request *request = first;
    while (request && request->freeing) request = request->next;
    return request && room_is_short(store);
}

// One transaction for the whole list. A single change needs no nesting.
static void run_group(struct store *store, struct change_request *first) {
    MDB_txn *parent;
    bool refused = is_refused(store, first);
    if (store->alone) gate_write_begin(&store->gate);
    int code = mdb_txn_begin(store->env, NULL, 0, &parent);
    enum err err = store_err(code);
    uint32_t kept = 0;
    for (struct change_request *request = first; request; request = request->next) {
        if (code != 0)
            request->err = err;
        else if (refused && !request->freeing)
            request->err = ERR_FULL;
        else if (!first->next)
            request->err = run_change(store, parent, request);
        else
            request->err = run_nested(store, parent, request);
        if (request->err == OK) kept++;
    }
    if (code == 0 && kept == 0) mdb_txn_abort(parent);
    if (code == 0 && kept > 0) err = store_commit_err(store, mdb_txn_commit(parent));
    if (store->alone) gate_write_end(&store->gate);
    room_keep(store);
    for (struct change_request *request = first; request; request = request->next) {
        if (request->err == OK) request->err = err;
    }
}

enum err write_directly(struct store *store, enum err (*change)(struct store_txn *txn, void *ctx),
                        void *ctx) {
    struct change_request request = {.change = change, .ctx = ctx, .freeing = true};
    run_group(store, &request);
    return request.err;
}

// ---- the thread ------------------------------------------------------------------------------

// Takes up to GROUP_CHANGES_MAX requests off the queue, in order. The mutex is held.
static struct change_request *take_group(struct store *store) {
    struct change_request *first = store->first, *last = first;
    for (int i = 1; last && last->next && i < GROUP_CHANGES_MAX; i++) last = last->next;
    if (!last) return NULL;
    store->first = last->next;
    if (!store->first) store->last = NULL;
    last->next = NULL;
    return first;
}

static void *writer_main(void *argument) {
    struct store *store = argument;
    pthread_mutex_lock(&store->mutex);
    for (;;) {
        struct change_request *group = take_group(store);
        if (!group && store->stopping) break;
        if (!group) {
            pthread_cond_wait(&store->arrived, &store->mutex);
            continue;
        }
        pthread_mutex_unlock(&store->mutex);
        run_group(store, group);
        pthread_mutex_lock(&store->mutex);
        while (group) {
            // The request is gone as soon as its caller wakes.
            struct change_request *next = group->next;
            group->done = true;
            pthread_cond_signal(&group->finished);
            group = next;
        }
    }
    pthread_mutex_unlock(&store->mutex);
    return NULL;
}

enum err writer_start(struct store *store) {
    enum { STACK_BYTES = 1 << 20 };
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0) return ERR_MEMORY;
    int code = pthread_attr_setstacksize(&attr, STACK_BYTES);
    if (code == 0) code = pthread_create(&store->writer, &attr, writer_main, store);
    pthread_attr_destroy(&attr);
    store->writer_runs = code == 0;
    return code == 0 ? OK : ERR_MEMORY;
}

void writer_stop(struct store *store) {
    if (!store->writer_runs) return;
    pthread_mutex_lock(&store->mutex);
    store->stopping = true;
    pthread_cond_signal(&store->arrived);
    pthread_mutex_unlock(&store->mutex);
    pthread_join(store->writer, NULL);
    store->writer_runs = false;
}

static enum err hand_over(struct store *store, struct change_request *request) {
    if (store->read_only) return ERR_DENIED;
    cy_assert(!pthread_equal(pthread_self(), store->writer));
    pthread_cond_init(&request->finished, NULL);
    pthread_mutex_lock(&store->mutex);
    cy_assert(!store->stopping);
    if (store->last)
        store->last->next = request;
    else
        store->first = request;
    store->last = request;
    pthread_cond_signal(&store->arrived);
    while (!request->done) pthread_cond_wait(&request->finished, &store->mutex);
    pthread_mutex_unlock(&store->mutex);
    pthread_cond_destroy(&request->finished);
    if (request->err == OK) blob_notes_settle(store, &request->notes);
    return request->err;
}

enum err store_write(struct store *store, enum err (*change)(struct store_txn *txn, void *ctx),
                     void *ctx) {
    return hand_over(store, &(struct change_request){.change = change, .ctx = ctx});
}

enum err store_write_freeing(struct store *store,
                             enum err (*change)(struct store_txn *txn, void *ctx), void *ctx) {
    return hand_over(store,
                     &(struct change_request){.change = change, .ctx = ctx, .freeing = true});
}
