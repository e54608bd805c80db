// The runner: one thread that tells the allocation's core what is new (news.c), starts and stops
// what it decides and watches what runs. It sleeps until a child ends, there is news, the core
// wants to be asked or, while something runs, a quarter of a second has passed. A second thread,
// the committer (commit.c), takes what children made, so that hashing a large file never delays a
// limit.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "flow/jobs/executor.h"
#include "flow/jobs/places.h"

enum {
    CLEAN_EVERY_S = 3600,
    TRIM_EVERY_S = 2,
    TIME_GRACE_MS = 3000,
    IDLE_MS = 3600 * 1000,
    WAITING_MS = 1000, // a new policy may let go what waits, and nobody tells of it
};
#define WATCH_WAKE UINT64_MAX // of wake_fd; of others: slot and what spoke
#define SWEEP_AGE_MS ((int64_t)24 * 3600 * 1000)

void job_tell(struct flow *flow, uint64_t job) {
    if (flow->job_changed) flow->job_changed(flow->ctx, job);
}

void runner_wake(struct flow *flow) {
    uint64_t one = 1;
    ssize_t written = write(flow->wake_fd, &one, sizeof one);
    (void)written; // full means: it is awake anyway
}

uint64_t runner_ended(struct flow *flow) {
    pthread_mutex_lock(&flow->lock);
    uint64_t ended = flow->ended;
    pthread_mutex_unlock(&flow->lock);
    return ended;
}

// ---- what the store knows: at the start, and when news were lost --------------------------------
struct rescan {
    struct flow *flow;
    struct arena *scratch;
    enum err err;
};

// What ran before this process began: its attempt is found again, or has ended meanwhile.
static void job_take_up(struct flow *flow, const struct job *job) {
    pthread_mutex_lock(&flow->lock);
    bool known = active_find(flow, job->id) != NULL;
    struct active *active = known ? NULL : active_put(flow, job->id);
    if (active) active_fill(active, job);
    if (!known && !active) flow->rescan = true;
    pthread_mutex_unlock(&flow->lock);
    if (!active) return;
    active->executor = executor_of_job(job);
    bool alive = active->executor->adopt(flow, job, active);
    active->ended_ms = alive ? 0 : clock_now_ms(); // or before: while we were not there to see it
    if (alive) attempt_watch(flow, active);
    log_event(LOG_INFO, alive ? "job.adopted" : "job.found_ended", "job=%" PRIu64, job->id);
    if (alive) {
        int64_t now_ms = clock_now_ms();
        struct schedule_job told = schedule_job_of(job);
        told.attempts--;
        told.deadline_ms = 0;
        told.reservation = calendar_slot(flow, job->when.reservation, now_ms);
        if (told.reservation) calendar_join(flow, job);
        struct core_place place = place_told(job);
        schedule_adopt(flow->schedule, &told, (uint32_t)job->attempt, &place, job->started_ms,
                       now_ms);
    }
    pthread_mutex_lock(&flow->lock);
    active->state = alive ? ACTIVE_RUNNING : ACTIVE_ENDED;
    pthread_mutex_unlock(&flow->lock);
}

static bool rescan_visit(void *ctx, struct str key, struct record_reader *record) {
    struct rescan *rescan = ctx;
    struct job job;
    (void)key;
    arena_reset(rescan->scratch);
    rescan->err = job_read(record, rescan->scratch, &job);
    if (rescan->err != OK) return false;
    if (job.state == JOB_RUNNING) job_take_up(rescan->flow, &job);
    if (job.state == JOB_QUEUED) news_put(rescan->flow, NEWS_AGAIN, job.id);
    return true;
}

static enum err jobs_load(struct flow *flow) {
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

// ---- watching ---------------------------------------------------------------------------------
// What it held is free; the committer takes what it made.
void attempt_leaves(struct flow *flow, struct active *active, uint32_t attempt) {
    int64_t ended_ms = clock_now_ms();
    int64_t served_milli = schedule_exit(flow->schedule, active->job, attempt, ended_ms);
    pthread_mutex_lock(&flow->lock);
    active->served_milli = served_milli;
    active->ended_ms = ended_ms;
    active->state = ACTIVE_ENDED;
    pthread_cond_signal(&flow->work);
    pthread_mutex_unlock(&flow->lock);
}

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
        bool keep = active->stop == STOP_GIVE_WAY && active->keeps;
        active->stopping = (struct confine_stop){
            .asked_us = clock_monotonic_us(),
            .checkpoint_ms = keep ? PAUSE_GRACE_MS : 0,
            .grace_ms = active->stop == STOP_MEMORY ? 0 : GRACE_MS,
        };
        log_event(LOG_INFO, "job.stop", "job=%" PRIu64 " cause=%d", active->job, active->stop);
        if (active->progress && keep) {
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

// Its limits. The runner alone changes what runs; the lock is for those who look.
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
    bool own_cpus = active->place.cpu_words > 0;
    attempt_leaves(flow, active, active->attempt);
    if (own_cpus) places_changed(flow);
    job_tell(flow, active->job);
}

// What speaks to epoll of an attempt: its end, and what happens to its memory.
enum spoken { SPOKEN_END, SPOKEN_MEMORY };

static void watch_fd(struct flow *flow, const struct active *active, int fd, enum spoken spoken) {
    uint64_t slot = (uint64_t)(active - flow->active);
    struct epoll_event event = {.events = spoken == SPOKEN_END ? EPOLLIN : EPOLLPRI,
                                .data.u64 = 2 * slot + spoken};
    if (fd < 0 || epoll_ctl(flow->watch_fd, EPOLL_CTL_ADD, fd, &event) == 0) return;
    if (errno != EEXIST) log_event(LOG_WARN, "job.not_watched", "errno=%d", errno); // but looked at
}

void attempt_watch(struct flow *flow, const struct active *active) {
    watch_fd(flow, active, active->pidfd, SPOKEN_END);
    watch_fd(flow, active, active->confined.events_fd, SPOKEN_MEMORY);
}

static void unwatch(struct flow *flow, const struct active *active) {
    int fds[] = {active->pidfd, active->confined.events_fd};
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0) epoll_ctl(flow->watch_fd, EPOLL_CTL_DEL, fds[i], NULL);
    }
}

static void attempt_look(struct flow *flow, struct active *active, bool spoken) {
    int known = active->pidfd;
    struct active before = *active;
    if (active->executor->ended(flow, active, spoken)) {
        unwatch(flow, &before);
        attempt_ended(flow, active);
    } else if (active->pidfd != known) { // an adopted one that has written who it is
        attempt_watch(flow, active);
    }
}

// Those that run; what runs stays the runner's until it has ended. The committer takes the others.
static uint32_t running_slots(struct flow *flow, uint16_t out[static ACTIVE_MAX]) {
    uint32_t count = 0;
    pthread_mutex_lock(&flow->lock);
    for (uint32_t i = 0; i < ACTIVE_MAX; i++) {
        bool runs = flow->active_job[i] != 0 && flow->active[i].state == ACTIVE_RUNNING;
        if (runs) out[count++] = (uint16_t)i;
    }
    pthread_mutex_unlock(&flow->lock);
    return count;
}

static bool is_running(struct flow *flow, uint32_t slot) {
    pthread_mutex_lock(&flow->lock);
    bool runs = flow->active_job[slot] != 0 && flow->active[slot].state == ACTIVE_RUNNING;
    pthread_mutex_unlock(&flow->lock);
    return runs;
}

static void heard(struct flow *flow, const struct epoll_event *event) {
    uint32_t slot = (uint32_t)(event->data.u64 / 2);
    struct active *active = &flow->active[slot];
    if (!is_running(flow, slot)) return;
    if (event->data.u64 % 2 == SPOKEN_MEMORY) {
        active->executor->memory_news(flow, active);
    } else {
        attempt_look(flow, active, true);
    }
}

// Everything that runs, now and then and when something is to be stopped.
static void look_at_all(struct flow *flow) {
    uint16_t slots[ACTIVE_MAX];
    uint32_t count = running_slots(flow, slots);
    for (uint32_t i = 0; i < count; i++) {
        attempt_look(flow, &flow->active[slots[i]], false);
        if (is_running(flow, slots[i])) running_tick(flow, &flow->active[slots[i]]);
    }
}

// Those whose end is to be waited for when the box closes.
static uint32_t running_here(struct flow *flow) {
    uint16_t slots[ACTIVE_MAX];
    uint32_t here = 0, count = running_slots(flow, slots);
    for (uint32_t i = 0; i < count; i++) here += !flow->active[slots[i]].executor->away;
    return here;
}

static int wait_ms(struct flow *flow, uint64_t look_us) {
    uint64_t running, waiting;
    runner_counts(flow, &running, &waiting);
    int64_t most_ms = waiting ? WAITING_MS : IDLE_MS;
    int64_t wake_ms = schedule_wake_ms(flow->schedule) - clock_now_ms();
    int64_t look_ms = ((int64_t)look_us - (int64_t)clock_monotonic_us() + 999) / 1000;
    if (wake_ms < most_ms) most_ms = wake_ms;
    bool often = running > 0 || confine_wants_tick(flow->confine);
    if (often && look_ms < most_ms) most_ms = look_ms;
    return most_ms > 0 ? (int)most_ms : 0;
}

static void watch(struct flow *flow, uint64_t *look_us) {
    enum { EVENTS = 256 };
    struct epoll_event events[EVENTS];
    int count = epoll_wait(flow->watch_fd, events, EVENTS, wait_ms(flow, *look_us));
    for (int i = 0; i < count; i++) {
        if (events[i].data.u64 == WATCH_WAKE) {
            uint64_t value;
            ssize_t got = read(flow->wake_fd, &value, sizeof value);
            (void)got;
        } else {
            heard(flow, &events[i]);
        }
    }
    pthread_mutex_lock(&flow->lock);
    bool now = flow->look_now;
    flow->look_now = false;
    pthread_mutex_unlock(&flow->lock);
    uint64_t now_us = clock_monotonic_us();
    if (!now && now_us < *look_us) return;
    look_at_all(flow);
    *look_us = now_us + (uint64_t)TICK_MS * 1000;
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

static void trim(struct flow *flow, uint64_t *last_us) {
    uint64_t now_us = clock_monotonic_us();
    if (now_us - *last_us < (uint64_t)TRIM_EVERY_S * 1000000) return;
    *last_us = now_us;
    store_trim(flow->store);
}

static bool keep_running(struct flow *flow) {
    pthread_mutex_lock(&flow->lock);
    bool closing = flow->closing, stop = flow->stop_children;
    pthread_mutex_unlock(&flow->lock);
    return !closing || (stop && running_here(flow) > 0);
}

static void *runner_main(void *argument) {
    struct flow *flow = argument;
    uint64_t cleaned_us = clock_monotonic_us(), look_us = 0, trimmed_us = 0;
    while (keep_running(flow)) {
        pthread_mutex_lock(&flow->lock);
        bool rescan = flow->rescan;
        flow->rescan = false;
        pthread_mutex_unlock(&flow->lock);
        if (rescan && jobs_load(flow) != OK) log_event(LOG_ERROR, "flow.rescan_failed", " ");
        policy_follow(flow);
        news_run(flow);
        watch(flow, &look_us);
        confine_tick(flow->confine);
        housekeeping(flow, &cleaned_us);
        trim(flow, &trimmed_us);
    }
    return NULL;
}

// A box that cannot keep its journal still runs.
static void journal_begin(struct flow *flow) {
    char folder[LIMIT_PATH_BYTES];
    struct fault fault = {0};
    enum err err = path_join(folder, sizeof folder, store_dir(flow->store), "journal");
    if (err == OK) err = schedule_journal(flow->schedule, folder, &fault);
    if (err != OK) log_event(LOG_WARN, "journal.not_begun", "code=%s", fault.code);
}

enum err runner_open(struct flow *flow, struct fault *fault) {
    enum err err = schedule_open(&flow->capacity, &flow->schedule);
    if (err == OK) journal_begin(flow);
    if (err == OK) places_tell(flow);
    if (err == OK) err = active_open(flow);
    if (err == OK) err = news_open(flow);
    if (err == OK) err = committer_open(flow);
    if (err == OK) err = calendar_open(flow);
    if (err != OK) {
        return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    }
    flow->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    flow->watch_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event wake = {.events = EPOLLIN, .data.u64 = WATCH_WAKE};
    if (flow->wake_fd < 0 || flow->watch_fd < 0 ||
        epoll_ctl(flow->watch_fd, EPOLL_CTL_ADD, flow->wake_fd, &wake) != 0) {
        return fault_errno(fault, errno, STR("epoll"));
    }
    policy_follow(flow);
    calendar_follow(flow); // before the jobs: some run inside a slot
    err = jobs_load(flow);
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
    if (flow->watch_fd >= 0) close(flow->watch_fd);
    schedule_close(flow->schedule);
    news_close(flow);
    calendar_close(flow);
    active_close(flow);
    committer_close(flow);
}
