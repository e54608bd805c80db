#include "base/thread.h"

#include <pthread.h>
#include <sched.h>

#include "base/limits.h"
#include "base/memory.h"

uint32_t thread_count_usable(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    if (count < 1) count = 1;
    return count < LIMIT_THREADS ? (uint32_t)count : LIMIT_THREADS;
}

struct pool {
    uint32_t thread_count; // the caller's among them
    pthread_t *threads;    // (thread_count - 1)
    // The lock protects everything below but `next`; `start` wakes workers, `end` the caller.
    pthread_mutex_t lock;
    pthread_cond_t start, end;
    uint64_t generation; // counts loops
    uint32_t busy;       // workers not yet done with this loop
    uint32_t started;    // workers that have taken their number
    bool closing;
    size_t count;
    void (*work)(void *ctx, size_t index, uint32_t worker);
    void *ctx;
    _Atomic size_t next; // the next index to take
};

static void take_indices(struct pool *pool, uint32_t worker) {
    for (;;) {
        size_t index = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (index >= pool->count) return;
        pool->work(pool->ctx, index, worker);
    }
}

static void *worker_main(void *argument) {
    struct pool *pool = argument;
    uint64_t seen = 0;
    pthread_mutex_lock(&pool->lock);
    uint32_t worker = ++pool->started;
    for (;;) {
        while (!pool->closing && pool->generation == seen) {
            pthread_cond_wait(&pool->start, &pool->lock);
        }
        if (pool->closing) break;
        seen = pool->generation;
        pthread_mutex_unlock(&pool->lock);
        take_indices(pool, worker);
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0) pthread_cond_signal(&pool->end);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

enum err pool_open(uint32_t thread_count, struct pool **out) {
    if (thread_count < 1) thread_count = 1;
    if (thread_count > LIMIT_THREADS) thread_count = LIMIT_THREADS;
    struct pool *pool = memory_take(sizeof *pool);
    if (!pool) return ERR_MEMORY;
    pool->threads = memory_take(thread_count * sizeof *pool->threads);
    if (!pool->threads) {
        memory_give(pool);
        return ERR_MEMORY;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->start, NULL);
    pthread_cond_init(&pool->end, NULL);
    pool->thread_count = 1;
    // A thread that cannot be made makes the pool smaller, not impossible.
    while (pool->thread_count < thread_count) {
        pthread_t *thread = &pool->threads[pool->thread_count - 1];
        if (pthread_create(thread, NULL, worker_main, pool) != 0) break;
        pool->thread_count++;
    }
    *out = pool;
    return OK;
}

void pool_close(struct pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->start);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i + 1 < pool->thread_count; i++) pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->end);
    pthread_cond_destroy(&pool->start);
    pthread_mutex_destroy(&pool->lock);
    memory_give(pool->threads);
    memory_give(pool);
}

uint32_t pool_threads(const struct pool *pool) {
    return pool->thread_count;
}

void pool_run(struct pool *pool, size_t count,
              void (*work)(void *ctx, size_t index, uint32_t worker), void *ctx) {
    if (pool->thread_count == 1 || count <= 1) {
        for (size_t i = 0; i < count; i++) work(ctx, i, 0);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->count = count;
    pool->work = work;
    pool->ctx = ctx;
    atomic_store(&pool->next, 0);
    pool->busy = pool->thread_count - 1;
    pool->generation++;
    pthread_cond_broadcast(&pool->start);
    pthread_mutex_unlock(&pool->lock);
    take_indices(pool, 0);
    pthread_mutex_lock(&pool->lock);
    while (pool->busy > 0) pthread_cond_wait(&pool->end, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

const char *phase_name(enum phase phase) {
    static const char *const names[PHASE_COUNT] = {
        "start", "read",     "write",   "profile", "cleanse", "hash",
        "train", "evaluate", "predict", "copy",    "verify",  "done",
    };
    return (unsigned)phase < PHASE_COUNT ? names[phase] : "unknown";
}

void progress_set(struct progress *progress, enum phase phase, uint64_t done, uint64_t total) {
    if (!progress) return;
    atomic_store_explicit(&progress->phase, (uint32_t)phase, memory_order_relaxed);
    atomic_store_explicit(&progress->total, total, memory_order_relaxed);
    atomic_store_explicit(&progress->done, done, memory_order_relaxed);
}
