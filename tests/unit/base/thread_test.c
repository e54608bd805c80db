#include "base/thread.h"

#include "base/memory.h"
#include "check.h"

struct tally {
    _Atomic uint32_t times[5000];
    _Atomic uint32_t worker_wrong;
    uint32_t threads;
};

static void count_one(void *ctx, size_t index, uint32_t worker) {
    struct tally *tally = ctx;
    atomic_fetch_add(&tally->times[index], 1);
    if (worker >= tally->threads) atomic_fetch_add(&tally->worker_wrong, 1);
}

static void every_index_runs_once(void) {
    static struct tally tally;
    for (uint32_t threads = 1; threads <= 5; threads++) {
        struct pool *pool;
        REQUIRE(pool_open(threads, &pool) == OK);
        tally.threads = pool_threads(pool);
        CHECK_EQ(tally.threads, threads);
        for (int round = 0; round < 200; round++) {
            size_t count = check_below(round % 10 ? 20 : 5000);
            for (size_t i = 0; i < 5000; i++) tally.times[i] = 0;
            pool_run(pool, count, count_one, &tally);
            size_t wrong = 0;
            for (size_t i = 0; i < 5000; i++) wrong += tally.times[i] != (i < count);
            CHECK_EQ(wrong, 0);
        }
        pool_close(pool);
    }
    CHECK_EQ(tally.worker_wrong, 0);
}

static int open_pool(void *ctx) {
    (void)ctx;
    struct pool *pool;
    if (pool_open(3, &pool) != OK) return 1;
    pool_close(pool);
    return 0;
}

static void fails_cleanly_when_memory_does(void) {
    CHECK_EQ(check_faults(memory_fail_after, open_pool, NULL), 2);
}

static void tells_progress_and_cancel(void) {
    struct progress progress = {0};
    progress_set(&progress, PHASE_TRAIN, 3, 10);
    CHECK_EQ(progress.phase, PHASE_TRAIN);
    CHECK_EQ(progress.done, 3);
    CHECK_EQ(progress.total, 10);
    CHECK(!progress_cancelled(&progress));
    CHECK(!progress_cancelled(NULL));
    progress.cancel = 1;
    CHECK(progress_cancelled(&progress));
    progress_set(NULL, PHASE_READ, 0, 0);
    CHECK_STR(phase_name(PHASE_DONE), "done");
    CHECK_STR(phase_name(PHASE_COUNT), "unknown");
    CHECK(thread_count_usable() >= 1);
}

int main(void) {
    CHECK_RUN(every_index_runs_once);
    CHECK_RUN(fails_cleanly_when_memory_does);
    CHECK_RUN(tells_progress_and_cancel);
    return check_done();
}
