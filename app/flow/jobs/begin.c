// Starting what the core has decided. An attempt of this machine begins at once, and the committer
// records it a moment later, together with what ends: were the box killed in between, its folder
// tells (launch.c: an attempt that is found there is taken up, and one whose result lies there is
// not run again); after a power cut nothing runs. An attempt of a cluster lives on without us: its
// record comes first. What cannot begin leaves the core and is told of once more.
#include <inttypes.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "flow/jobs/executor.h"
#include "flow/jobs/places.h"

struct begin {
    uint64_t id;
    uint32_t attempt; // as the core numbers it
    struct job_place place;
    struct active *active;
    struct job job;
    enum { BEGIN_OK, BEGIN_GONE, BEGIN_HELD, BEGIN_LATER } state;
};
struct begins {
    struct flow *flow;
    struct arena *arena; // of the jobs
    struct begin *list;
    uint32_t count;
};

void job_begun(struct job *job, int64_t started_ms, const struct job_place *place,
               const char *confinement) {
    job->state = JOB_RUNNING;
    job->attempt++;
    job->started_ms = started_ms;
    job->place = *place;
    job->confine = str_of(confinement);
}

static enum err begin_load(struct store_txn *txn, struct begins *begins, struct begin *begin) {
    struct job *job = &begin->job;
    struct flow *flow = begins->flow;
    enum err err = job_load(txn, begins->arena, begin->id, job);
    bool gone = err == ERR_NOT_FOUND || (err == OK && job->state != JOB_QUEUED);
    if (gone) begin->state = BEGIN_GONE; // cancelled meanwhile
    if (gone || err != OK) return gone ? OK : err;
    if (job->when.hold || !calendar_lets(flow, job)) {
        begin->state = BEGIN_HELD; // put on hold, or its slot has ended, meanwhile
        return OK;
    }
    job_begun(job, clock_now_ms(), &begin->place, flow->executor->confinement(flow));
    return OK;
}

static enum err begins_load(struct store_txn *txn, struct begins *begins) {
    enum err err = OK;
    for (uint32_t i = 0; i < begins->count && err == OK; i++) {
        struct begin *begin = &begins->list[i];
        if (begin->state == BEGIN_OK) err = begin_load(txn, begins, begin);
    }
    return err;
}

static enum err begins_change(struct store_txn *txn, void *ctx) {
    struct begins *begins = ctx;
    enum err err = begins_load(txn, begins);
    for (uint32_t i = 0; i < begins->count && err == OK; i++) {
        struct begin *begin = &begins->list[i];
        if (begin->state == BEGIN_OK) err = job_save(txn, &begin->job);
    }
    return err;
}

static enum err begins_read(struct begins *begins) {
    struct store_txn *txn;
    enum err err = store_read_begin(begins->flow->store, &txn);
    if (err != OK) return err;
    err = begins_load(txn, begins);
    store_read_end(txn);
    return err;
}

// It runs from here on, or has ended at once.
static void begin_process(struct flow *flow, const struct begin *begin) {
    struct active *active = begin->active;
    struct active running = *active;
    struct fault *fault = &running.start_fault;
    enum err err = flow->executor->start(flow, &begin->job, &running, fault);
    if (err != OK) {
        err = fault_set(fault, err, "job.not_started", STR_NONE);
        log_event(LOG_WARN, "job.not_started", "job=%" PRIu64 " error=%s code=%s", begin->id,
                  err_name(err), fault->code);
    }
    pthread_mutex_lock(&flow->lock);
    running.cancel = active->cancel;
    *active = running;
    active->state = ACTIVE_RUNNING;
    if (active->unrecorded) pthread_cond_signal(&flow->work);
    pthread_mutex_unlock(&flow->lock);
    if (err == OK) attempt_watch(flow, active);
    if (err != OK) attempt_leaves(flow, active, begin->attempt);
    job_tell(flow, begin->id);
}

// It holds nothing any more; what waits is told of once more.
static void begin_not(struct flow *flow, const struct begin *begin) {
    schedule_exit(flow->schedule, begin->id, begin->attempt, clock_now_ms());
    pthread_mutex_lock(&flow->lock);
    if (begin->active) active_free(flow, begin->active);
    pthread_mutex_unlock(&flow->lock);
    if (begin->state == BEGIN_GONE) return;
    news_put(flow, begin->state == BEGIN_HELD ? NEWS_AGAIN : NEWS_LATER, begin->id);
}

// A slot for each, as far as there are.
static void begins_place(struct flow *flow, struct begins *begins,
                         const struct core_decision *starts) {
    pthread_mutex_lock(&flow->lock);
    for (uint32_t i = 0; i < begins->count; i++) {
        struct begin *begin = &begins->list[i];
        *begin = (struct begin){
            .id = starts[i].job, .attempt = starts[i].attempt, .place = place_of(&starts[i].place)};
        begin->active = flow->closing ? NULL : active_put(flow, begin->id);
        if (!begin->active) begin->state = BEGIN_LATER;
    }
    pthread_mutex_unlock(&flow->lock);
}

// The slots as the records say.
static void begins_fill(struct flow *flow, struct begins *begins) {
    pthread_mutex_lock(&flow->lock);
    for (uint32_t i = 0; i < begins->count; i++) {
        struct begin *begin = &begins->list[i];
        if (begin->state != BEGIN_OK) continue;
        active_fill(begin->active, &begin->job);
        begin->active->executor = flow->executor;
        begin->active->unrecorded = !flow->executor->away;
    }
    pthread_mutex_unlock(&flow->lock);
}

void attempts_begin(struct flow *flow, const struct core_decision *starts, uint32_t count) {
    struct begin list[STARTS_MAX];
    struct begins begins = {.flow = flow, .list = list, .count = count};
    cy_assert(count <= STARTS_MAX);
    begins_place(flow, &begins, starts);
    enum err err = arena_open(SCRATCH_BYTES, &begins.arena);
    if (err == OK) {
        err = flow->executor->away ? store_write(flow->store, begins_change, &begins)
                                   : begins_read(&begins);
    }
    if (err != OK) log_event(LOG_WARN, "job.not_begun", "error=%s", err_name(err));
    for (uint32_t i = 0; i < count && err != OK; i++) list[i].state = BEGIN_LATER;
    begins_fill(flow, &begins);
    bool own_cpus = false;
    for (uint32_t i = 0; i < count; i++) own_cpus = own_cpus || list[i].place.cpu_words > 0;
    if (own_cpus) places_changed(flow);
    for (uint32_t i = 0; i < count; i++) {
        if (list[i].state == BEGIN_OK) {
            begin_process(flow, &list[i]);
        } else {
            begin_not(flow, &list[i]);
        }
    }
    arena_close(begins.arena);
}
