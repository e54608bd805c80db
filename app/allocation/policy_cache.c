// The newest policy, decoded once. Whoever books or admits a job asks for it several times, and a
// box may have a thousand tenants. A kept policy is as good as the record while the store, the
// newest version in the transaction and the number of policies written so far are the same; the
// last of these makes one that was read inside a change that failed be forgotten.
#include <pthread.h>
#include <stdatomic.h>

#include "allocation/policy.h"
#include "base/assert.h"

enum { KEPT_BYTES_MAX = 64 << 20 };

struct kept {
    struct policy policy; // first: policy_return finds the rest by it
    struct arena *arena;
    uint64_t store, version, saves;
    uint32_t users; // under the mutex; the list itself counts as one
};
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct kept *newest;
static atomic_uint_fast64_t saves;

void policy_saved(void) {
    atomic_fetch_add(&saves, 1);
}

static void kept_leave(struct kept *kept) {
    cy_assert(kept->users > 0);
    if (--kept->users > 0) return;
    arena_close(kept->arena);
    memory_give(kept);
}

static enum err kept_load(struct store_txn *txn, struct kept **out) {
    struct kept *kept = memory_take(sizeof *kept);
    if (!kept) return ERR_MEMORY;
    enum err err = arena_open(KEPT_BYTES_MAX, &kept->arena);
    if (err == OK) err = policy_load(txn, kept->arena, &kept->policy);
    if (err != OK) {
        arena_close(kept->arena);
        memory_give(kept);
        return err;
    }
    *out = kept;
    return OK;
}

enum err policy_borrow(struct store_txn *txn, const struct policy **out) {
    uint64_t now = atomic_load(&saves), store = store_life(txn), version = 0;
    *out = NULL;
    struct key last;
    enum err err = store_last(txn, TABLE_POLICY, &last);
    if (err != OK && err != ERR_NOT_FOUND) return err;
    if (err == OK) version = key_id((struct str){(const char *)last.bytes, last.size});
    pthread_mutex_lock(&mutex);
    struct kept *kept = newest;
    bool same = kept && kept->store == store && kept->version == version && kept->saves == now;
    if (same) kept->users++;
    pthread_mutex_unlock(&mutex);
    if (!same) {
        err = kept_load(txn, &kept);
        if (err != OK) return err;
        kept->store = store;
        kept->version = version;
        kept->saves = now;
        kept->users = 2;
        pthread_mutex_lock(&mutex);
        if (newest) kept_leave(newest);
        newest = kept;
        pthread_mutex_unlock(&mutex);
    }
    *out = &kept->policy;
    return OK;
}

void policy_return(const struct policy *policy) {
    if (!policy) return;
    pthread_mutex_lock(&mutex);
    kept_leave((struct kept *)(uintptr_t)policy);
    pthread_mutex_unlock(&mutex);
}
