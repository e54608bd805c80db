// What the core is told, and what is done with its decisions. Whatever changes a job leaves a short
// piece of news behind; the runner's thread reads the job's record and tells the core:
//
//   operations, committer ──> news ──> record ──> core (schedule.h) ──> decisions ──> runner.c
//
// News may be lost (no memory) or told twice: then the records are gone through again, and the core
// ignores what it knows. A job whose others have not ended is told as one on hold.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "flow/jobs/executor.h"

enum {
    PIECE = 256, // news told in one go, before the core's decisions are looked at
    START_AGAIN_MS = 5000,
    NEWS_ROOM_FIRST = 1024,
    PIECE_BYTES = 256 << 20,
    WAITERS_FIRST = 64,
};

// ---- news --------------------------------------------------------------------------------------
static bool brings_one(enum news_kind kind) {
    return kind <= NEWS_LATE;
}

// Under the lock.
static bool news_room(struct news_list *list) {
    if (list->first + list->count < list->room) return true;
    if (list->first > list->room / 2) { // the front has been told
        memmove(list->items, list->items + list->first, list->count * sizeof *list->items);
        list->first = 0;
        return true;
    }
    uint32_t room = list->room ? 2 * list->room : NEWS_ROOM_FIRST;
    size_t each = sizeof *list->items;
    struct news *items = list->room ? memory_resize(list->items, list->room * each, room * each)
                                    : memory_take(room * each);
    if (!items) return false;
    list->items = items;
    list->room = room;
    return true;
}

void news_put(struct flow *flow, enum news_kind kind, uint64_t job) {
    struct news_list *list = &flow->news;
    pthread_mutex_lock(&flow->lock);
    if (news_room(list)) {
        list->items[list->first + list->count++] = (struct news){kind, job};
        list->waiting += brings_one(kind);
    } else {
        flow->rescan = true;
    }
    pthread_mutex_unlock(&flow->lock);
    runner_wake(flow);
}

static uint32_t news_take(struct flow *flow, struct news out[static PIECE]) {
    struct news_list *list = &flow->news;
    pthread_mutex_lock(&flow->lock);
    uint32_t count = list->count < PIECE ? list->count : PIECE;
    if (count) memcpy(out, list->items + list->first, count * sizeof *out);
    list->first += count;
    list->count -= count;
    if (list->count == 0) list->first = 0;
    if (list->count == 0 && list->room > NEWS_ROOM_FIRST) { // as many come only now and then
        memory_give(list->items);
        list->items = NULL;
        list->room = 0;
    }
    pthread_mutex_unlock(&flow->lock);
    return count;
}

// The core counts them now.
static void news_told(struct flow *flow, const struct news *news, uint32_t count) {
    pthread_mutex_lock(&flow->lock);
    for (uint32_t i = 0; i < count; i++) flow->news.waiting -= brings_one(news[i].kind);
    pthread_mutex_unlock(&flow->lock);
}

void runner_add(struct flow *flow, const struct job *job) {
    news_put(flow, NEWS_SUBMIT, job->id);
    job_tell(flow, job->id);
}

void runner_change(struct flow *flow, const struct job *job, bool priority) {
    if (priority) news_put(flow, NEWS_PRIORITY, job->id);
    news_put(flow, NEWS_HOLD, job->id);
    job_tell(flow, job->id);
}

void runner_approve(struct flow *flow, uint64_t job) {
    news_put(flow, NEWS_APPROVED, job);
    job_tell(flow, job);
}

void runner_cancel(struct flow *flow, uint64_t job) {
    pthread_mutex_lock(&flow->lock);
    struct active *active = active_find(flow, job);
    if (active) {
        active->cancel = true;
        flow->look_now = true;
    }
    pthread_mutex_unlock(&flow->lock);
    if (!active) news_put(flow, NEWS_CANCEL, job);
    job_tell(flow, job);
    runner_wake(flow);
}

void runner_counts(struct flow *flow, uint64_t *out_running, uint64_t *out_queued) {
    struct core_usage usage;
    schedule_usage(flow->schedule, &usage);
    pthread_mutex_lock(&flow->lock);
    *out_running = ACTIVE_MAX - active_room(flow);
    *out_queued = (uint64_t)usage.waiting + flow->news.waiting;
    pthread_mutex_unlock(&flow->lock);
}

bool runner_has_room(struct flow *flow, uint64_t jobs) {
    uint64_t running, queued;
    runner_counts(flow, &running, &queued);
    return queued + jobs <= ASKED_MAX;
}

// ---- the teller --------------------------------------------------------------------------------
struct waiter { // for others to end
    uint64_t job;
    uint64_t others[WHEN_AFTER_MAX];
    uint32_t count;
};
struct refused {
    uint64_t job;
    const char *code;
    char detail[32];
};
struct teller {
    struct flow *flow;
    struct waiter *waiters;
    uint32_t waiter_count, waiter_room;
    // of the piece that is being told
    struct store_txn *txn;
    struct arena *arena;
    int64_t now_ms;
    struct job jobs[PIECE]; // of news that brings one; id 0: it no longer waits
    uint64_t fresh[PIECE];  // submitted now by people who have been told nothing else yet
    uint32_t fresh_count;
    struct refused refused[PIECE]; // written once the reading is done
    uint32_t refused_count;
};

enum err news_open(struct flow *flow) {
    struct teller *teller = memory_take(sizeof *teller);
    if (!teller) return ERR_MEMORY;
    teller->flow = flow;
    flow->teller = teller;
    return arena_open(PIECE_BYTES, &teller->arena);
}

void news_close(struct flow *flow) {
    memory_give(flow->news.items);
    if (!flow->teller) return;
    arena_close(flow->teller->arena);
    memory_give(flow->teller->waiters);
    memory_give(flow->teller);
}

static void rescan(struct flow *flow) {
    pthread_mutex_lock(&flow->lock);
    flow->rescan = true;
    pthread_mutex_unlock(&flow->lock);
}

// ---- those that wait for others ----------------------------------------------------------------
static bool waiter_has(const struct teller *teller, uint64_t job) {
    for (uint32_t i = 0; i < teller->waiter_count; i++) {
        if (teller->waiters[i].job == job) return true;
    }
    return false;
}

static void waiter_drop(struct teller *teller, uint64_t job) {
    for (uint32_t i = 0; i < teller->waiter_count; i++) {
        if (teller->waiters[i].job != job) continue;
        teller->waiters[i] = teller->waiters[--teller->waiter_count];
        return;
    }
}

static enum err waiter_put(struct teller *teller, const struct job *job) {
    if (waiter_has(teller, job->id)) return OK;
    if (teller->waiter_count == teller->waiter_room) {
        size_t each = sizeof *teller->waiters, room = teller->waiter_room;
        void *grown = room ? memory_resize(teller->waiters, room * each, 2 * room * each)
                           : memory_take(WAITERS_FIRST * each);
        if (!grown) return ERR_MEMORY;
        teller->waiters = grown;
        teller->waiter_room = room ? 2 * (uint32_t)room : WAITERS_FIRST;
    }
    struct waiter *waiter = &teller->waiters[teller->waiter_count++];
    waiter->job = job->id;
    waiter->count = job->when.after_count;
    memcpy(waiter->others, job->when.after, sizeof waiter->others);
    return OK;
}

// The next of those that wait for `other`.
static struct waiter *waiter_of(struct teller *teller, uint64_t other, uint32_t *at) {
    for (; *at < teller->waiter_count; (*at)++) {
        struct waiter *waiter = &teller->waiters[*at];
        for (uint32_t k = 0; k < waiter->count; k++) {
            if (waiter->others[k] == other) return waiter;
        }
    }
    return NULL;
}

// ---- one piece of news -------------------------------------------------------------------------
struct schedule_job schedule_job_of(const struct job *job) {
    const struct step *step = step_find(job->step);
    return (struct schedule_job){
        .id = job->id,
        .person = job->actor.id,
        .tenant = job->tenant,
        .cpu_milli = job->cpu_milli,
        .memory_bytes = job->memory_bytes,
        .time_limit_ms = job->time_limit_ms,
        .submitted_ms = job->created_ms,
        .not_before_ms = job->when.not_before_ms,
        .deadline_ms = job->attempt == 0 ? job->when.deadline_ms : 0, // of its first start
        .estimate_ms = job->when.estimate_ms,
        .priority = (int32_t)job->when.priority,
        .hold = job->when.hold,
        .approval = job->approval.state == APPROVAL_WAITING,
        .checkpoint_ms = step && step->checkpoint_ms ? step->checkpoint_ms : job->ask.checkpoint_ms,
        .redoable = (step && step->redoable) || (job->ask.restartable && !job->ask.checkpoint_ms),
        .disk_bytes = job->ask.disk_bytes,
        .device_milli = job->ask.device_milli,
        .members = (uint32_t)job->ask.members,
        .own_cpus = job->ask.own_cpus,
        .lease = job->ask.lease,
        .array = job->ask.array,
        .array_most = (uint32_t)job->ask.at_once,
        .attempts = (uint32_t)job->attempt,
        .paused = (uint32_t)job->paused,
        .served_milli = job->served_milli,
        .ran_ms = job->ran_ms,
    };
}

static void refused_put(struct teller *t, uint64_t job, const char *code, uint64_t other) {
    if (t->refused_count == PIECE) { // seen again with the records
        rescan(t->flow);
        return;
    }
    struct refused *refused = &t->refused[t->refused_count++];
    refused->job = job;
    refused->code = code;
    snprintf(refused->detail, sizeof refused->detail, "%" PRIu64, other);
}

// Whether one of its others has not ended; one that failed refuses it.
static enum after_state after_state_of(struct teller *t, const struct job *job) {
    enum after_state state;
    uint64_t other = 0;
    if (job->when.after_count == 0) return AFTER_ENDED;
    enum err err = when_after_look(t->txn, t->arena, &job->when, &state, &other);
    if (err != OK) return AFTER_OPEN; // until something ends
    if (state == AFTER_FAILED) refused_put(t, job->id, "schedule.after_failed", other);
    return state;
}

static bool waits_still(struct teller *t, uint64_t id, struct job *out) {
    enum err err = job_load(t->txn, t->arena, id, out);
    if (err != OK && err != ERR_NOT_FOUND) {
        log_event(LOG_ERROR, "job.unreadable", "job=%" PRIu64 " error=%s", id, err_name(err));
    }
    return err == OK && out->state == JOB_QUEUED;
}

static bool has_attempt(struct flow *flow, uint64_t job) {
    pthread_mutex_lock(&flow->lock);
    bool has = active_find(flow, job) != NULL;
    pthread_mutex_unlock(&flow->lock);
    return has;
}

static void submit(struct teller *t, enum news_kind kind, const struct job *job) {
    struct schedule *schedule = t->flow->schedule;
    uint64_t id = job->id;
    if (has_attempt(t->flow, id) || schedule_state(schedule, id) != CORE_NONE) return;
    enum after_state state = after_state_of(t, job);
    if (state == AFTER_FAILED) return;
    if (state == AFTER_OPEN && waiter_put(t, job) != OK) return;
    struct schedule_job told = schedule_job_of(job);
    told.hold = told.hold || state == AFTER_OPEN;
    told.reservation = calendar_slot(t->flow, job->when.reservation, t->now_ms);
    if (told.reservation) calendar_join(t->flow, job);
    if (kind == NEWS_LATER) told.not_before_ms = t->now_ms + START_AGAIN_MS;
    if (kind == NEWS_LATE) told.deadline_ms = 0;
    if (kind == NEWS_SUBMIT && told.deadline_ms) t->fresh[t->fresh_count++] = id;
    schedule_submit(schedule, &told, t->now_ms);
}

// One whose start has been decided is seen to be gone by attempts_begin.
static void withdraw(struct teller *t, uint64_t id) {
    struct schedule *schedule = t->flow->schedule;
    if (schedule_state(schedule, id) == CORE_WAITING) schedule_cancel(schedule, id, t->now_ms);
}

static void hold(struct teller *t, uint64_t id) {
    struct job job;
    if (schedule_state(t->flow->schedule, id) != CORE_WAITING) return;
    if (!waits_still(t, id, &job)) return;
    bool held = job.when.hold || waiter_has(t, id);
    schedule_hold(t->flow->schedule, id, held, t->now_ms);
}

static void ended(struct teller *t, uint64_t other) {
    struct schedule *schedule = t->flow->schedule;
    struct waiter *waiter;
    for (uint32_t at = 0; (waiter = waiter_of(t, other, &at));) {
        uint64_t id = waiter->job;
        struct job job;
        bool waits = waits_still(t, id, &job);
        enum after_state state = waits ? after_state_of(t, &job) : AFTER_ENDED;
        if (state == AFTER_OPEN) {
            at++;
            continue;
        }
        waiter_drop(t, id); // another has taken its place in the list
        if (state == AFTER_FAILED) {
            withdraw(t, id);
        } else if (waits) {
            schedule_hold(schedule, id, job.when.hold, t->now_ms);
        }
    }
}

// `job`: what brings_one.
static void news_tell_of(struct teller *t, const struct news *news, const struct job *job) {
    struct schedule *schedule = t->flow->schedule;
    struct job again;
    switch (news->kind) {
    case NEWS_SUBMIT:
    case NEWS_AGAIN:
    case NEWS_LATER:
    case NEWS_LATE:
        if (job->id) submit(t, news->kind, job);
        break;
    case NEWS_PRIORITY: // told by a submit of its own; the time it was submitted stays
        if (!schedule_waits(schedule, news->job)) break;
        schedule_cancel(schedule, news->job, t->now_ms);
        if (waits_still(t, news->job, &again)) submit(t, NEWS_AGAIN, &again);
        break;
    case NEWS_HOLD: hold(t, news->job); break;
    case NEWS_APPROVED: schedule_approve(schedule, news->job, t->now_ms); break;
    case NEWS_CANCEL:
        waiter_drop(t, news->job);
        withdraw(t, news->job);
        ended(t, news->job);
        break;
    case NEWS_ENDED: ended(t, news->job); break;
    }
}

// ---- decisions ---------------------------------------------------------------------------------
static enum err refuse_change(struct store_txn *txn, void *ctx) {
    const struct refused *refused = ctx;
    struct arena *arena;
    struct fault fault = {0};
    struct job job;
    (void)!fault_set(&fault, ERR_LIMIT, refused->code, str_of(refused->detail));
    enum err err = arena_open(SCRATCH_BYTES, &arena);
    if (err != OK) return err;
    err = job_load(txn, arena, refused->job, &job);
    if (err == OK && job.state == JOB_QUEUED) {
        err = job_end_badly(txn, arena, &job, JOB_FAILED, &fault);
    }
    arena_close(arena);
    return err;
}

// A waiting job that will never start has failed, and says why.
static void refuse(struct flow *flow, struct refused *refused) {
    enum err err = store_write_freeing(flow->store, refuse_change, refused);
    log_event(LOG_WARN, "job.refused", "job=%" PRIu64 " code=%s result=%s", refused->job,
              refused->code, err_name(err));
    news_put(flow, NEWS_ENDED, refused->job);
    job_tell(flow, refused->job);
}

// It is asked first, and killed once the core says that its time is over: stop_check.
static void decided_stop(struct flow *flow, const struct core_decision *decision) {
    if (decision->why == WHY_TIME_LIMIT) return; // only longer than thought: stop_wanted knows
    pthread_mutex_lock(&flow->lock);
    struct active *active = active_find(flow, decision->job);
    if (active && active->state == ACTIVE_RUNNING && active->attempt == decision->attempt) {
        active->give_way = true;
        if (decision->kind == DECISION_PREEMPT || decision->why != WHY_GRACE) {
            active->give_why = decision->why;
        }
        active->give_way_now = decision->kind == DECISION_KILL;
        flow->look_now = true;
    }
    pthread_mutex_unlock(&flow->lock);
    log_event(LOG_INFO, "job.give_way", "job=%" PRIu64 " for=%" PRIu64 " why=%s", decision->job,
              decision->other, core_why_name(decision->why));
}

static bool is_fresh(const struct teller *t, uint64_t job) {
    for (uint32_t i = 0; i < t->fresh_count; i++) {
        if (t->fresh[i] == job) return true;
    }
    return false;
}

// One whose start was promised before the box went down, and can no longer be, waits as any other.
static void decided_refuse(struct teller *t, const struct core_decision *decision) {
    if (decision->why == WHY_DEADLINE && !is_fresh(t, decision->job)) {
        news_put(t->flow, NEWS_LATE, decision->job);
        return;
    }
    struct refused refused = {.job = decision->job};
    refused.code = decision->why == WHY_NEVER      ? "job.too_large"
                   : decision->why == WHY_DEADLINE ? "schedule.deadline_taken"
                                                   : "job.refused";
    snprintf(refused.detail, sizeof refused.detail, "%s", core_why_name(decision->why));
    waiter_drop(t, decision->job);
    refuse(t->flow, &refused);
}

// Where every slot waits for the committer, what is decided waits too.
static uint32_t starts_room(struct flow *flow) {
    pthread_mutex_lock(&flow->lock);
    uint32_t room = active_room(flow);
    pthread_mutex_unlock(&flow->lock);
    return room < STARTS_MAX ? room : STARTS_MAX;
}

static void decided(struct teller *t, const struct core_decision *decision) {
    switch (decision->kind) {
    case DECISION_PREEMPT:
    case DECISION_KILL: decided_stop(t->flow, decision); break;
    case DECISION_REFUSE: decided_refuse(t, decision); break;
    // What runs and ends is known here already, and what it costs is booked with the commit.
    case DECISION_START: // carried out together
    case DECISION_PROMISE:
    case DECISION_END:
    case DECISION_BILL:
    case DECISION_RESERVE:
    case DECISION_COUNT: break;
    }
}

// In their order, starts that follow each other together: a stop must find what began before it.
static void decisions_carry_out(struct teller *t) {
    struct core_decision decision, starts[STARTS_MAX];
    uint32_t room;
    bool more = true;
    while (more && (room = starts_room(t->flow)) > 0) {
        uint32_t count = 0;
        while (count < room && (more = schedule_take(t->flow->schedule, &decision))) {
            if (decision.kind != DECISION_START) break;
            starts[count++] = decision;
        }
        if (count) attempts_begin(t->flow, starts, count);
        if (!more)
            more = count > 0; // what could not begin may have made the core decide again
        else if (decision.kind != DECISION_START)
            decided(t, &decision);
    }
}

// ---- the whole ---------------------------------------------------------------------------------
// A thousand people may submit their first job at once: the tree of tenants is told once.
static void people_tell(struct teller *t, const struct news *news, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        struct job *job = &t->jobs[i];
        if (!brings_one(news[i].kind)) continue;
        if (!waits_still(t, news[i].job, job)) job->id = 0;
        if (job->id) schedule_person(t->flow->schedule, job->actor.id, job->tenant);
    }
    schedule_people_tell(t->flow->schedule, t->now_ms);
}

static void piece_tell(struct teller *t, const struct news *news, uint32_t count) {
    struct flow *flow = t->flow;
    enum err err = store_read_begin(flow->store, &t->txn);
    t->now_ms = clock_now_ms();
    t->fresh_count = t->refused_count = 0;
    arena_reset(t->arena);
    if (err == OK) people_tell(t, news, count);
    for (uint32_t i = 0; err == OK && i < count; i++) news_tell_of(t, &news[i], &t->jobs[i]);
    if (err == OK) store_read_end(t->txn);
    news_told(flow, news, count);
    if (err != OK) {
        log_event(LOG_ERROR, "flow.news_unread", "error=%s", err_name(err));
        rescan(flow); // what they told stands in the records
    }
    for (uint32_t i = 0; i < t->refused_count; i++) refuse(flow, &t->refused[i]);
}

void news_run(struct flow *flow) {
    struct teller *t = flow->teller;
    struct news news[PIECE];
    uint32_t count;
    do {
        count = news_take(flow, news);
        calendar_follow(flow); // what they tell of may run in a slot that is new as well
        if (count) piece_tell(t, news, count);
        if (clock_now_ms() >= schedule_wake_ms(flow->schedule)) {
            schedule_tick(flow->schedule, clock_now_ms());
        }
        decisions_carry_out(t);
    } while (count > 0);
}
