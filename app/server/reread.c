#include "server/reread_private.h"

#include <inttypes.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "flow/flow.h"

enum { FINDINGS_KEPT = 20, SCRATCH_BYTES = 64 << 20, NICE = 19, IO_IDLE = 3 << 13 };

struct reread {
    struct store *store;
    struct progress progress;
    struct arena *scratch; // the thread's own
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; // protects what follows
    bool ended;
    uint64_t count;
    struct fault findings[FINDINGS_KEPT];
};

static bool fits(void *ctx, enum store_table table, struct str key, struct record_reader *record) {
    struct reread *reread = ctx;
    arena_reset(reread->scratch);
    return flow_record_fits(table, key, record, reread->scratch);
}

static void tell(void *ctx, const struct fault *finding) {
    struct reread *reread = ctx;
    log_event(LOG_ERROR, "store.reread", "code=%s record=%s row=%" PRIu64, finding->code,
              finding->detail, finding->row);
    pthread_mutex_lock(&reread->lock);
    // Where the chain breaks comes last, and must not be lost behind many records.
    uint64_t at = reread->count < FINDINGS_KEPT ? reread->count : FINDINGS_KEPT - 1;
    if (reread->count < FINDINGS_KEPT || finding->row) reread->findings[at] = *finding;
    reread->count++;
    pthread_mutex_unlock(&reread->lock);
}

static void *reread_main(void *argument) {
    struct reread *reread = argument;
    struct store_reread how = {
        .fits = fits, .tell = tell, .ctx = reread, .progress = &reread->progress};
    uint64_t records = 0, findings = 0, begun_us = clock_monotonic_us();
    // Of this thread alone. Where it may not, it takes its share like others.
    (void)!setpriority(PRIO_PROCESS, 0, NICE);
    (void)!syscall(SYS_ioprio_set, 1, 0, IO_IDLE);
    enum err err = store_reread(reread->store, &how, &records, &findings);
    log_event(findings ? LOG_ERROR : LOG_INFO, "store.reread_done",
              "records=%" PRIu64 " damaged=%" PRIu64 " ms=%" PRIu64 " result=%s", records, findings,
              (clock_monotonic_us() - begun_us) / 1000, err_name(err));
    pthread_mutex_lock(&reread->lock);
    reread->ended = true;
    pthread_mutex_unlock(&reread->lock);
    return NULL;
}

enum err reread_start(struct store *store, struct reread **out, struct fault *fault) {
    struct reread *reread = memory_take(sizeof *reread);
    if (!reread) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    reread->store = store;
    pthread_mutex_init(&reread->lock, NULL);
    *out = reread;
    if (store_was_closed(store)) return OK;
    if (arena_open(SCRATCH_BYTES, &reread->scratch) != OK) {
        return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    }
    int error = pthread_create(&reread->thread, NULL, reread_main, reread);
    if (error) return fault_errno(fault, error, STR_NONE);
    reread->started = true;
    return OK;
}

void reread_stop(struct reread *reread) {
    if (!reread) return;
    atomic_store(&reread->progress.cancel, 1);
    if (reread->started) pthread_join(reread->thread, NULL);
    arena_close(reread->scratch);
    pthread_mutex_destroy(&reread->lock);
    memory_give(reread);
}

void reread_write(struct reread *reread, struct json_writer *out) {
    pthread_mutex_lock(&reread->lock);
    json_put_name(out, "records");
    json_open_object(out);
    json_set_text(out, "state",
                  !reread->started ? STR("clean")
                  : reread->ended  ? STR("read")
                                   : STR("reading"));
    json_set_u64(out, "read", atomic_load(&reread->progress.done));
    json_set_u64(out, "finding_count", reread->count);
    json_put_name(out, "findings");
    json_open_array(out);
    for (uint64_t i = 0; i < reread->count && i < FINDINGS_KEPT; i++) {
        json_put_fault(out, &reread->findings[i]);
    }
    json_close_array(out);
    json_close_object(out);
    pthread_mutex_unlock(&reread->lock);
}
