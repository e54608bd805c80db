// Work on all cores, and the one flag everything heavy looks at. Sharing only through what is named
// here; results never depend on how work is split.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

// Processors this process may use (affinity mask), at least 1, at most LIMIT_THREADS.
uint32_t thread_count_usable(void);

// A pool of threads that run one loop at a time. One caller at a time.
struct pool;
enum err pool_open(uint32_t thread_count, struct pool **out) MUST_USE; // 1: no thread is made
void pool_close(struct pool *pool);
uint32_t pool_threads(const struct pool *pool);
// Calls work(ctx, index, worker) once for every index < count, in any order, on any of the pool's
// threads, the caller's among them; returns when all are done. `worker` < pool_threads() tells
// which scratch space is free to use.
void pool_run(struct pool *pool, size_t count,
              void (*work)(void *ctx, size_t index, uint32_t worker), void *ctx);

// Progress and cancel of one heavy step. The step writes `done` and `phase`, whoever watches reads
// them, and may set `cancel`; a step looks at it at least every 50 ms and returns ERR_CANCELLED.
// It may set `pause` too: a step that can go on later keeps its state and returns ERR_PAUSED; one
// that cannot takes no notice.
// Lives in memory shared with the watching process (it is mapped from a file): fixed layout.
struct progress {
    _Atomic uint64_t done, total; // in the unit of the phase; total 0: not known
    _Atomic uint32_t cancel;
    _Atomic uint32_t phase; // index of enum phase: what is being done now
    _Atomic uint64_t rows;  // rows handled so far, where that makes sense
    _Atomic uint64_t faults;
    _Atomic uint32_t pause; // asked to give way: a step that can keeps its state and ends
};
enum phase {
    PHASE_START,
    PHASE_READ,
    PHASE_WRITE,
    PHASE_PROFILE,
    PHASE_CLEANSE,
    PHASE_HASH,
    PHASE_TRAIN,
    PHASE_EVALUATE,
    PHASE_PREDICT,
    PHASE_COPY,
    PHASE_VERIFY,
    PHASE_DONE,
    PHASE_COUNT
};
const char *phase_name(enum phase phase); // "read", "train", ...: message key "phase.NAME"
static inline bool progress_cancelled(const struct progress *progress) {
    return progress && atomic_load_explicit(&progress->cancel, memory_order_relaxed) != 0;
}
static inline bool progress_paused(const struct progress *progress) {
    return progress && atomic_load_explicit(&progress->pause, memory_order_relaxed) != 0;
}
void progress_set(struct progress *progress, enum phase phase, uint64_t done, uint64_t total);
