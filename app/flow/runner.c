// The runner: one thread that starts and stops what the allocation's core decides and watches what
// runs. It sleeps until a child ends, a job comes, the core wants to be asked or, while something
// runs, a quarter of a second has passed. A second thread, the committer (commit.c), takes what
// children made, so that hashing a large file never delays a limit.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "flow/executor.h"

enum {
    CLEAN_EVERY_S = 3600,
    TIME_GRACE_MS = 3000,
    START_AGAIN_MS = 5000,
    IDLE_MS = 3600 * 1000,
    WAITING_MS = 1000
}; // a new policy may let go what waits, and nobody tells of it
#define SWEEP_AGE_MS ((int64_t)24 * 3600 * 1000)

void job_tell(struct flow *flow, uint64_t job) {
    if (flow->job_changed) flow->job_changed(flow->ctx, job);
}

void runner_wake(struct flow *flow) {
    uint64_t one = 1;
    ssize_t written = write(flow->wake_fd, &one, sizeof one);
    (void)written; // full means: it is awake anyway
}

// ---- the list; callers hold the lock ---------------------------------------------------------
static struct active *active_find(struct flow *flow, uint64_t job) {
    for (uint32_t i = 0; i < ACTIVE_MAX; i++) {
        struct active *active = &flow->active[i];
        if (active->state != ACTIVE_FREE && active->job == job) return active;
    }
    return NULL;
}

static struct active *active_put(struct flow *flow, const struct job *job) {
    for (uint32_t i = 0; i < ACTIVE_MAX; i++) {
        struct active *active = &flow->active[i];
        if (active->state != ACTIVE_FREE) continue;
        const struct step *step = step_find(job->step);
        *active = (struct active){
            .state = ACTIVE_WAITING,
            .job = job->id,
            .owner = job->actor.id,
            .tenant = job->tenant,
            .not_before_ms = job->when.not_before_ms,
            .when = job->when,
            .after_open = job->when.after_count > 0,
            .cpu_milli = job->cpu_milli,
            .memory_bytes = job->memory_bytes,
            .time_limit_ms = job->time_limit_ms,
            .checkpoint_ms = step ? step->checkpoint_ms : 0,
            .submitted_ms = job->created_ms,
            .attempt = (uint32_t)job->attempt,
            .cancel = job->cancel,
            .pidfd = -1,
            .wait_status = -1,
        };
        return active;
    }
    return NULL;
}

void runner_add(struct flow *flow, const struct job *job) {
    pthread_mutex_lock(&flow->lock);
    struct active *active = active_find(flow, job->id) ? NULL : active_put(flow, job);
    if (active) active->fresh = job->when.deadline_ms != 0;
    if (!active && !active_find(flow, job->id)) flow->rescan = true;
    pthread_mutex_unlock(&flow->lock);
    job_tell(flow, job->id);
    runner_wake(flow);
}

bool runner_has_room(struct flow *flow) {
    uint32_t count = 0;
    pthread_mutex_lock(&flow->lock);
    for (uint32_t i = 0; i < ACTIVE_MAX; i++) count += flow->active[i].state != ACTIVE_FREE;
    pthread_mutex_unlock(&flow->lock);
    return count < ACTIVE_ASKED_MAX;
}

bool runner_look(struct flow *flow, uint64_t job, struct active *out, struct active_now *now) {
    pthread_mutex_lock(&flow->lock);
    const struct active *active = active_find(flow, job);
    if (active) *out = *active;
    if (active && active->progress) {
        *now = (struct active_now){
            .phase = atomic_load_explicit(&active->progress->phase, memory_order_relaxed),
            .done = atomic_load_explicit(&active->progress->done, memory_order_relaxed),
            .total = atomic_load_explicit(&active->progress->total, memory_order_relaxed),
            .rows = atomic_load_explicit(&active->progress->rows, memory_order_relaxed),
        };
    } else {
        *now = (struct active_now){0};
    }
    pthread_mutex_unlock(&flow->lock);
    return active != NULL;
}

uint32_t runner_copy(struct flow *flow, struct active *out) {
    uint32_t count = 0;
    pthread_mutex_lock(&flow->lock);
    for (uint32_t i = 0; i < ACTIVE_MAX; i++) {
        const struct active *active = &flow->active[i];
        if (active->state == ACTIVE_FREE || active->state == ACTIVE_LEAVING) continue;
        out[count] = *active;
        out[count++].progress = NULL;
    }
    pthread_mutex_unlock(&flow->lock);
    return count;
}

void runner_cancel(struct flow *flow, uint64_t job) {
    pthread_mutex_lock(&flow->lock);
    struct active *active = active_find(flow, job);
    if (active && active->state == ACTIVE_WAITING) {
        active->state = active->known ? ACTIVE_LEAVING : ACTIVE_FREE;
    } else if (active) {
        active->cancel = true;
    }
    pthread_mutex_unlock(&flow->lock);
    job_tell(flow, job);
    runner_wake(flow);
}

void runner_change(struct flow *flow, const struct job *job) {
    pthread_mutex_lock(&flow->lock);
    struct active *active = active_find(flow, job->id);
    if (active) active->when = job->when;
    pthread_mutex_unlock(&flow->lock);
    job_tell(flow, job->id);
    runner_wake(flow);
}

void runner_counts(struct flow *flow, uint64_t *out_running, uint64_t *out_queued) {
    uint64_t running = 0, queued = 0;
    pthread_mutex_lock(&flow->lock);
    for (uint32_t i = 0; i < ACTIVE_MAX; i++) {
        queued += flow->active[i].state == ACTIVE_WAITING;
        running += flow->active[i].state > ACTIVE_LEAVING;
    }
    pthread_mutex_unlock(&flow->lock);
    *out_running = running;
    *out_queued = queued;
}

uint64_t runner_ended(struct flow *flow) {
    pthread_mutex_lock(&flow->lock);
    uint64_t ended = flow->ended;
    pthread_mutex_unlock(&flow->lock);
    return ended;
}

// ---- what the store knows: at the start, and when the list had been full ------------------------
struct rescan {
    struct flow *flow;
    struct arena *scratch;
    enum err err;
};

static struct schedule_job told_of(const struct active *active) {
    bool promise = active->attempt == 0 && !active->late; // to have started: only once
    return (struct schedule_job){
        .id = active->job,
        .person = active->owner,
        .tenant = active->tenant,
        .cpu_milli = active->cpu_milli,
        .memory_bytes = active->memory_bytes,
        .submitted_ms = active->submitted_ms,
        .not_before_ms = active->not_before_ms,
        .deadline_ms = promise ? active->when.deadline_ms : 0,
        .estimate_ms = active->when.estimate_ms,
        .priority = (int32_t)active->when.priority,
        .hold = active->when.hold || active->after_open,
        .checkpoint_ms = active->checkpoint_ms,
        .attempts = active->attempt,
        .served_milli = active->served_milli,
        .ran_ms = active->ran_ms,
    };
}

// Under the lock: what ran before this process began.
static void core_adopt(struct flow *flow, struct active *active) {
    int64_t now_ms = clock_now_ms();
    struct schedule_job told = told_of(active);
    told.attempts = active->attempt - 1;
    schedule_submit(flow->schedule, &told, now_ms);
    schedule_adopt(flow->schedule, active->job, active->attempt, active->started_ms, now_ms);
    active->known = true;
}

static void job_take_up(struct flow *flow, const struct job *job) {
    pthread_mutex_lock(&flow->lock);
    bool known = active_find(flow, job->id) != NULL;
    struct active *active = known ? NULL : active_put(flow, job);
    // The slot is this thread's alone while it is neither waiting nor free.
    if (active && job->state == JOB_RUNNING) active->state = ACTIVE_STARTING;
    if (!known && !active) flow->rescan = true;
    pthread_mutex_unlock(&flow->lock);
    if (!active || job->state != JOB_RUNNING) return;
    active->started_ms = job->started_ms;
    active->executor = executor_of_job(job);
    bool alive = active->executor->adopt(flow, job, active);
    log_event(LOG_INFO, alive ? "job.adopted" : "job.found_ended", "job=%" PRIu64, job->id);
    pthread_mutex_lock(&flow->lock);
    active->state = alive ? ACTIVE_RUNNING : ACTIVE_ENDED;
    if (alive) core_adopt(flow, active);
    pthread_mutex_unlock(&flow->lock);
}

static bool rescan_visit(void *ctx, struct str key, struct record_reader *record) {
    struct rescan *rescan = ctx;
    struct job job;
    (void)key;
    arena_reset(rescan->scratch);
    rescan->err = job_read(record, rescan->scratch, &job);
    if (rescan->err != OK) return false;
    if (job.state == JOB_QUEUED || job.state == JOB_RUNNING) job_take_up(rescan->flow, &job);
    return true;
}

static enum err active_load(struct flow *flow) {
    struct rescan rescan = {.flow = flow};
    struct store_txn *txn;
    enum err err = arena_open(SCRATCH_BYTES, &rescan.scratch);
    if (err != OK) return err;
    err = store_read_begin(flow->store, &txn);
    if (err == OK) {
        err = store_scan(txn, TABLE_JOB, (struct key){.size = 0}, false, rescan_visit, &rescan);
        store_read_end(txn);
        if (err == OK) err = rescan.err;
    }
    arena_close(rescan.scratch);
    return err;
}

// ---- starting ----------------------------------------------------------------------------------
struct begin {
    struct flow *flow;
    struct arena *arena;
    uint64_t id;
    struct job job;
    bool gone; // no longer queued: somebody cancelled it
    bool held; // somebody put it on hold
};

static enum err begin_change(struct store_txn *txn, void *ctx) {
    struct begin *begin = ctx;
    enum err err = job_load(txn, begin->arena, begin->id, &begin->job);
    if (err != OK) return err;
    begin->gone = begin->job.state != JOB_QUEUED;
    begin->held = !begin->gone && begin->job.when.hold;
    if (begin->gone || begin->held) return OK;
    begin->job.state = JOB_RUNNING;
    begin->job.attempt++;
    begin->job.started_ms = clock_now_ms();
    begin->job.confine = str_of(begin->flow->executor->confinement(begin->flow));
    return job_save(txn, &begin->job);
}

static void attempt_running(struct flow *flow, struct active *active, const struct job *job,
                            const struct active *running) {
    active->attempt = (uint32_t)job->attempt;
    active->started_ms = job->started_ms;
    active->executor = running->executor;
    active->engine = running->engine;
    active->pid = running->pid;
    active->pidfd = running->pidfd;
    active->confined = running->confined;
    active->own_child = running->own_child;
    active->progress = running->progress;
    active->memory_used_bytes = 0;
    active->stop = STOP_NONE;
    active->stopping = (struct confine_stop){.grace_ms = GRACE_MS};
    active->told_done = 0;
    active->killed = active->memory_ran_out = false;
    active->wait_status = -1;
    active->give_way = active->give_way_now = false;
    bool failed = running->start_fault.code[0] != '\0';
    active->start_fault = running->start_fault;
    active->state = failed ? ACTIVE_ENDED : ACTIVE_RUNNING;
    if (failed) pthread_cond_signal(&flow->work);
}

// Under the lock: the attempt holds nothing any more.
static void attempt_left(struct flow *flow, struct active *active, uint32_t attempt) {
    active->served_milli = schedule_exit(flow->schedule, active->job, attempt, clock_now_ms());
    active->known = false;
}

static void attempt_begin(struct flow *flow, uint64_t id, uint32_t attempt) {
    struct begin begin = {.flow = flow, .id = id};
    struct active running = {.pidfd = -1, .job = id, .executor = flow->executor};
    struct fault *fault = &running.start_fault;
    enum err err = arena_open(SCRATCH_BYTES, &begin.arena);
    if (err == OK) err = store_write(flow->store, begin_change, &begin);
    bool recorded = err == OK && !begin.gone && !begin.held;
    if (recorded) err = flow->executor->start(flow, &begin.job, &running, fault);
    if (err != OK) {
        err = fault_set(fault, err, "job.not_started", STR_NONE);
        log_event(LOG_WARN, "job.not_started", "job=%" PRIu64 " error=%s code=%s", id,
                  err_name(err), fault->code);
    }
    pthread_mutex_lock(&flow->lock);
    struct active *active = active_find(flow, id);
    cy_assert(active && active->state == ACTIVE_STARTING);
    if (!recorded) {
        active->state = begin.gone ? ACTIVE_FREE : ACTIVE_WAITING;
        if (!begin.held) active->not_before_ms = clock_now_ms() + START_AGAIN_MS;
    } else {
        attempt_running(flow, active, &begin.job, &running);
    }
    // What did not begin holds nothing; what waits is submitted once more.
    if (active->state != ACTIVE_RUNNING) attempt_left(flow, active, attempt);
    pthread_mutex_unlock(&flow->lock);
    arena_close(begin.arena);
    job_tell(flow, id);
}

// ---- the core: what it is told, and what it decides ---------------------------------------------
struct refusing {
    struct arena *arena;
    uint64_t id;
    struct fault fault;
};

static enum err refuse_change(struct store_txn *txn, void *ctx) {
    struct refusing *refusing = ctx;
    struct job job;
    enum err err = job_load(txn, refusing->arena, refusing->id, &job);
    if (err != OK || job.state != JOB_QUEUED) return err;
    return job_end_badly(txn, refusing->arena, &job, JOB_FAILED, &refusing->fault);
}

// A waiting job that will never start has failed, and says why.
static void refuse(struct flow *flow, uint64_t job, const char *code, struct str detail) {
    struct refusing refusing = {.id = job};
    (void)!fault_set(&refusing.fault, ERR_LIMIT, code, detail);
    enum err err = arena_open(SCRATCH_BYTES, &refusing.arena);
    if (err == OK) err = store_write(flow->store, refuse_change, &refusing);
    log_event(LOG_WARN, "job.refused", "job=%" PRIu64 " code=%s result=%s", job, code,
              err_name(err));
    arena_close(refusing.arena);
    job_tell(flow, job);
}

// Under the lock: the next that waits for others, none of whom is on the list any more.
static struct active *after_next(struct flow *flow, uint32_t *at) {
    for (; *at < ACTIVE_MAX; (*at)++) {
        struct active *active = &flow->active[*at];
        if (active->state != ACTIVE_WAITING || !active->after_open) continue;
        bool open = false;
        for (uint32_t i = 0; i < active->when.after_count && !open; i++) {
            open = active_find(flow, active->when.after[i]) != NULL;
        }
        if (!open) return active;
    }
    return NULL;
}

static enum after_state after_look(struct flow *flow, const struct job_when *when,
                                   uint64_t *out_job) {
    enum after_state state = AFTER_OPEN;
    struct arena *arena;
    struct store_txn *txn;
    enum err err = arena_open(SCRATCH_BYTES, &arena);
    if (err != OK) return state;
    err = store_read_begin(flow->store, &txn);
    if (err == OK) {
        err = when_after_look(txn, arena, when, &state, out_job);
        store_read_end(txn);
    }
    arena_close(arena);
    return err == OK ? state : AFTER_OPEN;
}

// Jobs whose others have ended, by the records: they are let go, or have failed with them. The core
// sees an attempt end before it is known how, so it is not asked.
static void after_settle(struct flow *flow) {
    for (uint32_t at = 0;; at++) {
        uint64_t failed = 0;
        pthread_mutex_lock(&flow->lock);
        struct active *active = after_next(flow, &at);
        struct job_when when = active ? active->when : (struct job_when){0};
        uint64_t job = active ? active->job : 0;
        pthread_mutex_unlock(&flow->lock);
        if (!active) return;
        enum after_state state = after_look(flow, &when, &failed);
        if (state == AFTER_OPEN) continue;
        char detail[32];
        snprintf(detail, sizeof detail, "%" PRIu64, failed);
        if (state == AFTER_FAILED) refuse(flow, job, "schedule.after_failed", str_of(detail));
        pthread_mutex_lock(&flow->lock);
        if (active->job == job && active->state == ACTIVE_WAITING) {
            active->after_open = false;
            bool leaves = state == AFTER_FAILED;
            if (leaves) active->state = active->known ? ACTIVE_LEAVING : ACTIVE_FREE;
        }
        pthread_mutex_unlock(&flow->lock);
    }
}

// Under the lock: one that waits is told of, or what has changed about it. Another priority is told
// by a submit of its own; the time it was submitted stays.
static void waiting_feed(struct flow *flow, struct active *active, int64_t now_ms) {
    bool hold = active->when.hold || active->after_open;
    if (active->known && active->told_priority != active->when.priority) {
        schedule_cancel(flow->schedule, active->job, now_ms);
        active->known = false;
    }
    if (!active->known) {
        struct schedule_job told = told_of(active);
        schedule_submit(flow->schedule, &told, now_ms);
    } else if (active->told_hold != hold) {
        schedule_hold(flow->schedule, active->job, hold, now_ms);
    }
    active->known = true;
    active->told_hold = hold;
    active->told_priority = active->when.priority;
}

// Who is new, who has changed and who has left since the last time.
static void core_feed(struct flow *flow) {
    after_settle(flow);
    int64_t now_ms = clock_now_ms();
    pthread_mutex_lock(&flow->lock);
    for (uint32_t i = 0; i < ACTIVE_MAX; i++) {
        struct active *active = &flow->active[i];
        if (active->state == ACTIVE_LEAVING) {
            schedule_cancel(flow->schedule, active->job, now_ms);
            active->state = ACTIVE_FREE;
        } else if (active->state == ACTIVE_WAITING) {
            waiting_feed(flow, active, now_ms);
        }
    }
    pthread_mutex_unlock(&flow->lock);
    if (now_ms >= schedule_wake_ms(flow->schedule)) schedule_tick(flow->schedule, now_ms);
}

static void decided_start(struct flow *flow, const struct core_decision *decision) {
    pthread_mutex_lock(&flow->lock);
    struct active *active = active_find(flow, decision->job);
    bool waits = active && active->state == ACTIVE_WAITING && !flow->closing;
    if (waits) active->state = ACTIVE_STARTING;
    pthread_mutex_unlock(&flow->lock);
    if (waits) {
        attempt_begin(flow, decision->job, decision->attempt);
    } else { // it was cancelled meanwhile
        schedule_exit(flow->schedule, decision->job, decision->attempt, clock_now_ms());
    }
}

// It is asked first, and killed once the core says that its time is over: stop_check.
static void decided_stop(struct flow *flow, const struct core_decision *decision) {
    if (decision->why == WHY_TIME_LIMIT) return; // only longer than thought: stop_wanted knows
    pthread_mutex_lock(&flow->lock);
    struct active *active = active_find(flow, decision->job);
    if (active && active->state == ACTIVE_RUNNING && active->attempt == decision->attempt) {
        active->give_way = true;
        active->give_way_now = decision->kind == DECISION_KILL;
    }
    pthread_mutex_unlock(&flow->lock);
    log_event(LOG_INFO, "job.give_way", "job=%" PRIu64 " for=%" PRIu64 " why=%s", decision->job,
              decision->other, core_why_name(decision->why));
}

// Its start was promised before the box went down, and can no longer be: it waits as any other.
static bool promise_missed(struct flow *flow, const struct core_decision *decision) {
    pthread_mutex_lock(&flow->lock);
    struct active *active = active_find(flow, decision->job);
    bool missed = decision->why == WHY_DEADLINE && active && !active->fresh && !active->late;
    if (missed) {
        active->late = true;
        active->known = false;
    }
    pthread_mutex_unlock(&flow->lock);
    if (missed) runner_wake(flow);
    return missed;
}

static void decided_refuse(struct flow *flow, const struct core_decision *decision) {
    if (promise_missed(flow, decision)) return;
    const char *code = decision->why == WHY_NEVER      ? "job.too_large"
                       : decision->why == WHY_DEADLINE ? "schedule.deadline_taken"
                                                       : "job.refused";
    refuse(flow, decision->job, code, str_of(core_why_name(decision->why)));
    pthread_mutex_lock(&flow->lock);
    struct active *active = active_find(flow, decision->job);
    if (active && active->state == ACTIVE_WAITING) active->state = ACTIVE_FREE;
    pthread_mutex_unlock(&flow->lock);
}

static void decided_promise(struct flow *flow, const struct core_decision *decision) {
    pthread_mutex_lock(&flow->lock);
    struct active *active = active_find(flow, decision->job);
    if (active) active->fresh = false;
    pthread_mutex_unlock(&flow->lock);
}

static void core_carry_out(struct flow *flow) {
    struct core_decision decision;
    while (schedule_take(flow->schedule, &decision)) {
        switch (decision.kind) {
        case DECISION_START: decided_start(flow, &decision); break;
        case DECISION_PREEMPT:
        case DECISION_KILL: decided_stop(flow, &decision); break;
        case DECISION_REFUSE: decided_refuse(flow, &decision); break;
        case DECISION_PROMISE: decided_promise(flow, &decision); break;
        // What runs and ends is known here already, and what it costs is booked with the commit.
        case DECISION_END:
        case DECISION_BILL:
        case DECISION_RESERVE:
        case DECISION_COUNT: break;
        }
    }
}

// ---- watching ---------------------------------------------------------------------------------
// Why it should stop now, if at all.
static enum stop_cause stop_wanted(const struct flow *flow, const struct active *active) {
    if (active->cancel) return STOP_CANCEL;
    if (active->give_way) return STOP_GIVE_WAY;
    if (active->executor->away) return STOP_NONE;
    if (flow->closing && flow->stop_children) return STOP_CLOSE;
    if (active->memory_used_bytes > active->memory_bytes &&
        active->confined.level != CONFINE_CGROUP) {
        return STOP_MEMORY; // a cgroup's limit is the kernel's to keep
    }
    int64_t ran_ms = clock_now_ms() - active->started_ms;
    if (active->time_limit_ms && ran_ms > (int64_t)active->time_limit_ms + TIME_GRACE_MS) {
        return STOP_TIME;
    }
    return STOP_NONE;
}

// Under the lock: true if it is to stop; *stopping: how far that is. SIGTERM first and the kill
// after the grace; memory cannot wait. Who is to give way may keep a checkpoint before.
static bool stop_check(const struct flow *flow, struct active *active,
                       struct confine_stop *stopping) {
    if (active->stop == STOP_NONE) {
        active->stop = stop_wanted(flow, active);
        if (active->stop == STOP_NONE) return false;
        active->stopping = (struct confine_stop){
            .asked_us = clock_monotonic_us(),
            .checkpoint_ms = active->stop == STOP_GIVE_WAY ? PAUSE_GRACE_MS : 0,
            .grace_ms = active->stop == STOP_MEMORY ? 0 : GRACE_MS,
        };
        log_event(LOG_INFO, "job.stop", "job=%" PRIu64 " cause=%d", active->job, active->stop);
        if (active->progress && active->stop == STOP_GIVE_WAY) {
            atomic_store(&active->progress->pause, 1);
        } else if (active->progress) {
            atomic_store(&active->progress->cancel, 1);
        }
    }
    bool late = active->stop == STOP_GIVE_WAY && active->give_way_now;
    if (late) active->stopping.checkpoint_ms = active->stopping.grace_ms = 0;
    *stopping = active->stopping;
    return !active->killed;
}

static void log_bound(struct flow *flow, uint64_t job) {
    char folder[LIMIT_PATH_BYTES], path[LIMIT_PATH_BYTES];
    struct stat info;
    job_folder(flow, job, folder);
    if (path_join(path, sizeof path, folder, "log") != OK || stat(path, &info) != 0) return;
    if (info.st_size > JOB_LOG_BYTES_MAX && truncate(path, JOB_LOG_BYTES_MAX) != 0) {
        log_event(LOG_WARN, "job.log_not_cut", "job=%" PRIu64, job);
    }
}

static bool progress_moved(struct active *active) {
    if (!active->progress) return false;
    uint64_t done = atomic_load_explicit(&active->progress->done, memory_order_relaxed);
    uint32_t phase = atomic_load_explicit(&active->progress->phase, memory_order_relaxed);
    bool moved = done != active->told_done || phase != active->told_phase;
    active->told_done = done;
    active->told_phase = phase;
    return moved;
}

// The runner alone changes what runs; the lock is for those who look.
static void running_tick(struct flow *flow, struct active *active) {
    uint64_t job = active->job;
    uint64_t used = active->executor->memory_bytes(flow, active);
    struct confine_stop stopping;
    log_bound(flow, job);
    pthread_mutex_lock(&flow->lock);
    if (used > active->memory_used_bytes) active->memory_used_bytes = used;
    bool stop = stop_check(flow, active, &stopping);
    bool moved = progress_moved(active);
    pthread_mutex_unlock(&flow->lock);
    if (stop) {
        bool killed = active->executor->stop(flow, active, &stopping);
        pthread_mutex_lock(&flow->lock);
        active->stopping = stopping;
        active->killed = killed;
        pthread_mutex_unlock(&flow->lock);
    }
    if (moved) job_tell(flow, job);
}

static void attempt_ended(struct flow *flow, struct active *active) {
    active->executor->finish(flow, active);
    pthread_mutex_lock(&flow->lock);
    attempt_left(flow, active, active->attempt);
    active->ran_ms += clock_now_ms() - active->started_ms;
    active->state = ACTIVE_ENDED;
    pthread_cond_signal(&flow->work);
    pthread_mutex_unlock(&flow->lock);
    job_tell(flow, active->job);
}

struct watching {
    struct pollfd
        fds[2 * ACTIVE_MAX + 1]; // wake_fd; of each its end, and what happens to its memory
    uint32_t slots[ACTIVE_MAX];
    uint32_t count;
};

// True if any runs whose end is to be waited for when the box closes.
static bool any_running(struct flow *flow, struct watching *w) {
    bool here = false;
    w->count = 0;
    pthread_mutex_lock(&flow->lock);
    for (uint32_t i = 0; i < ACTIVE_MAX; i++) {
        if (flow->active[i].state != ACTIVE_RUNNING) continue;
        const struct active *active = &flow->active[i];
        w->fds[2 * w->count + 1] = (struct pollfd){.fd = active->pidfd, .events = POLLIN};
        w->fds[2 * w->count + 2] =
            (struct pollfd){.fd = active->confined.events_fd, .events = POLLPRI};
        w->slots[w->count++] = i;
        here = here || !active->executor->away;
    }
    pthread_mutex_unlock(&flow->lock);
    return here;
}

static int wait_ms(struct flow *flow, bool running) {
    uint64_t started, waiting;
    runner_counts(flow, &started, &waiting);
    int64_t most_ms = running ? TICK_MS : waiting ? WAITING_MS : IDLE_MS;
    int64_t wake_ms = schedule_wake_ms(flow->schedule) - clock_now_ms();
    return wake_ms >= most_ms ? (int)most_ms : wake_ms > 0 ? (int)wake_ms : 0;
}

static void watch(struct flow *flow, struct watching *w) {
    any_running(flow, w);
    w->fds[0] = (struct pollfd){.fd = flow->wake_fd, .events = POLLIN};
    bool often = w->count > 0 || confine_wants_tick(flow->confine);
    poll(w->fds, 2 * w->count + 1, wait_ms(flow, often));
    if (w->fds[0].revents & POLLIN) {
        uint64_t count;
        ssize_t got = read(flow->wake_fd, &count, sizeof count);
        (void)got;
    }
    for (uint32_t i = 0; i < w->count; i++) {
        struct active *active = &flow->active[w->slots[i]];
        if (active->executor->ended(flow, active, w->fds[2 * i + 1].revents != 0)) {
            attempt_ended(flow, active);
        } else {
            if (w->fds[2 * i + 2].revents != 0) active->executor->memory_news(flow, active);
            running_tick(flow, active);
        }
    }
}

static void housekeeping(struct flow *flow, uint64_t *last_us) {
    uint64_t now_us = clock_monotonic_us(), removed = 0;
    if (now_us - *last_us < (uint64_t)CLEAN_EVERY_S * 1000000) return;
    *last_us = now_us;
    uploads_clean(flow);
    exports_clean(flow);
    enum err err = store_sweep(flow->store, SWEEP_AGE_MS, &removed);
    log_event(LOG_INFO, "flow.swept", "result=%s blobs=%" PRIu64, err_name(err), removed);
}

static bool keep_running(struct flow *flow, struct watching *w) {
    pthread_mutex_lock(&flow->lock);
    bool closing = flow->closing, stop = flow->stop_children;
    pthread_mutex_unlock(&flow->lock);
    return !closing || (stop && any_running(flow, w));
}

static void *runner_main(void *argument) {
    struct flow *flow = argument;
    struct watching *watching = flow->runner_memory;
    uint64_t cleaned_us = clock_monotonic_us();
    while (keep_running(flow, watching)) {
        pthread_mutex_lock(&flow->lock);
        bool rescan = flow->rescan;
        flow->rescan = false;
        pthread_mutex_unlock(&flow->lock);
        if (rescan && active_load(flow) != OK) log_event(LOG_ERROR, "flow.rescan_failed", " ");
        policy_follow(flow);
        core_feed(flow);
        core_carry_out(flow);
        watch(flow, watching);
        confine_tick(flow->confine);
        housekeeping(flow, &cleaned_us);
    }
    return NULL;
}

enum err runner_open(struct flow *flow, struct fault *fault) {
    flow->active = memory_take(ACTIVE_MAX * sizeof *flow->active);
    flow->runner_memory = memory_take(sizeof(struct watching));
    enum err err = schedule_open(&flow->capacity, &flow->schedule);
    if (!flow->active || !flow->runner_memory || err != OK) {
        return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    }
    flow->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (flow->wake_fd < 0) return fault_errno(fault, errno, STR("eventfd"));
    policy_follow(flow);
    err = active_load(flow);
    if (err != OK) return fault_set(fault, err, "flow.jobs_unreadable", STR_NONE);
    if (pthread_create(&flow->committer, NULL, committer_main, flow) != 0) {
        return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("thread"));
    }
    if (pthread_create(&flow->runner, NULL, runner_main, flow) != 0) {
        pthread_mutex_lock(&flow->lock);
        flow->closing = true;
        pthread_cond_broadcast(&flow->work);
        pthread_mutex_unlock(&flow->lock);
        pthread_join(flow->committer, NULL);
        return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("thread"));
    }
    flow->threads_run = true;
    return OK;
}

static void slots_give(struct flow *flow) {
    for (uint32_t i = 0; flow->active && i < ACTIVE_MAX; i++) {
        progress_unmap(flow->active[i].progress);
        if (flow->active[i].state == ACTIVE_RUNNING && flow->active[i].pidfd >= 0) {
            close(flow->active[i].pidfd);
        }
    }
}

void runner_close(struct flow *flow, bool stop_children) {
    if (flow->threads_run) {
        pthread_mutex_lock(&flow->lock);
        flow->closing = true;
        flow->stop_children = stop_children;
        pthread_mutex_unlock(&flow->lock);
        runner_wake(flow);
        pthread_join(flow->runner, NULL);
        pthread_mutex_lock(&flow->lock);
        flow->committer_may_end = true;
        pthread_cond_broadcast(&flow->work);
        pthread_mutex_unlock(&flow->lock);
        pthread_join(flow->committer, NULL);
    }
    slots_give(flow);
    if (flow->wake_fd >= 0) close(flow->wake_fd);
    schedule_close(flow->schedule);
    memory_give(flow->active);
    memory_give(flow->runner_memory);
}
