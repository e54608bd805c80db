// From what happened to what is decided. Each part goes on until nothing more is to be done or the
// room for decisions is full; then the caller ticks again.
#include <string.h>

#include "allocation/core_private.h"

// ---- service -----------------------------------------------------------------------------------
uint32_t level_of(const struct core *core, const struct job *job, int64_t served_milli) {
    uint32_t rate_milli = shape_at(core, job->shape)->rate_milli, level = 0;
    int64_t served_s = rate_milli ? served_milli / rate_milli : 0;
    while (level < CORE_LEVELS - 1 && served_s >= core->policy.level_s[level]) level++;
    return level;
}

int64_t served_now(const struct core *core, const struct job *job) {
    if (!job->run) return job->served_milli;
    const struct run *run = run_at(core, job->run);
    if (!run->in_now) return job->served_milli;
    return job->served_milli + (int64_t)((__int128)shape_at(core, job->shape)->rate_milli *
                                         (core->now_ms - run->started_ms) / 1000);
}

// ---- runs --------------------------------------------------------------------------------------
static int64_t later(int64_t ms, int64_t by_ms) {
    return by_ms >= CORE_TIME_MAX / 4 ? CORE_TIME_MAX : ms + by_ms;
}

// How long it may hold its place if it starts at `from_ms`.
static void end_set(const struct core *core, struct run *run, int64_t from_ms) {
    const struct job *job = job_at(core, run->job);
    const struct shape *shape = shape_at(core, job->shape);
    bool exact = job->limit_ms && !shape->preemptible;
    int64_t left = job->limit_ms > job->ran_ms ? job->limit_ms - job->ran_ms : 0;
    run->end_ms = later(from_ms, exact ? left : shape->length_ms);
    run->keep_until_ms = run->lease_ms ? later(from_ms, run->lease_ms) : 0;
    int64_t kept = later(run->keep_until_ms, core->policy.grace_ms);
    if (run->lease_ms && kept > run->end_ms) run->end_ms = kept;
}

uint32_t attempt_begin(struct core *core, uint32_t index, const struct core_place *place,
                       int64_t lease_ms, bool at_once) {
    uint32_t run_index = pool_take(core, PART_RUNS);
    if (!run_index) return 0;
    struct job *job = job_at(core, index);
    if (job->last_known) core->beyond = true;
    edges_forget(core, job->id);
    if (job->queue) queue_take(core, index);
    line_take(core, index);
    struct run *run = run_at(core, run_index);
    *run = (struct run){.place = *place,
                        .job = index,
                        .before = core->runs_last,
                        .lease_ms = job->checkpoint_ms ? lease_ms : 0,
                        .inside = core->inside,
                        .redoable = job_redoable(job)};
    if (core->runs_last) run_at(core, core->runs_last)->after = run_index;
    core->runs_last = run_index;
    if (!core->runs_first) core->runs_first = run_index;
    const struct shape *shape = shape_at(core, job->shape);
    job->run = run_index;
    job->state = CORE_STARTING;
    core->starting++;
    core->preemptible_runs += shape->preemptible;
    core->redoable_runs += run->redoable;
    room_take(&core->plan, &shape->total, place);
    node_hold(core, job->node, &shape->total, 1);
    node_count_jobs(core, job->node, -1, 1);
    end_set(core, run, later(core->now_ms, at_once ? 0 : core->policy.grace_ms));
    edges_run_begin(core, run);
    return run_index;
}

void attempt_start(struct core *core, uint32_t run_index, int64_t started_ms) {
    struct run *run = run_at(core, run_index);
    struct job *job = job_at(core, run->job);
    room_take(&core->now, &shape_at(core, job->shape)->total, &run->place);
    edges_run_end(core, run);
    end_set(core, run, started_ms);
    edges_run_begin(core, run);
    run->in_now = true;
    run->started_ms = started_ms;
    job->state = CORE_RUNNING;
    job->why = WHY_NONE;
    core->starting--;
    attempt_timer(core, run_index);
}

// Of a run in the plan: its place there, its part of the tree, its part of the edges.
static void plan_leave(struct core *core, struct run *run) {
    struct job *job = job_at(core, run->job);
    const struct core_amount *total = &shape_at(core, job->shape)->total;
    room_give(&core->plan, total, &run->place);
    node_hold(core, job->node, total, -1);
    edges_run_end(core, run);
    if (run->inside) reservation_take_back(core, run);
    core->released = true;
}

void attempt_end(struct core *core, uint32_t run_index) {
    struct run *run = run_at(core, run_index);
    struct job *job = job_at(core, run->job);
    const struct shape *shape = shape_at(core, job->shape);
    if (!run->stopping) plan_leave(core, run);
    if (run->in_now) {
        room_give(&core->now, &shape->total, &run->place);
    } else {
        core->starting--;
    }
    core->preemptible_runs -= shape->preemptible;
    core->redoable_runs -= run->redoable;
    if (run->before) run_at(core, run->before)->after = run->after;
    if (run->after) run_at(core, run->after)->before = run->before;
    if (core->runs_first == run_index) core->runs_first = run->after;
    if (core->runs_last == run_index) core->runs_last = run->before;
    job->run = 0;
    timer_set(core, run->job, CORE_TIME_MAX);
    pool_give(core, PART_RUNS, run_index);
}

void preempt_run(struct core *core, uint32_t run_index, enum core_why why, uint64_t for_job) {
    struct run *run = run_at(core, run_index);
    struct job *job = job_at(core, run->job);
    cy_assert(run->in_now && !run->stopping);
    plan_leave(core, run);
    run->stopping = true;
    run->for_job = for_job;
    run->kill_ms = core->now_ms + core->policy.grace_ms;
    job->state = CORE_STOPPING;
    job->why = (uint8_t)why;
    if (run->redoable && job->restarts < 255) job->restarts++;
    struct core_decision *decision = decide(core, DECISION_PREEMPT, why, job);
    decision->other = for_job;
    decision->at_ms = run->kill_ms;
    attempt_timer(core, run_index);
}

void kill_run(struct core *core, uint32_t run_index, enum core_why why) {
    struct run *run = run_at(core, run_index);
    struct job *job = job_at(core, run->job);
    cy_assert(run->in_now);
    if (!run->stopping) plan_leave(core, run);
    run->stopping = true;
    run->kill_ms = CORE_TIME_MAX;
    job->state = CORE_STOPPING;
    job->why = (uint8_t)why;
    decide(core, DECISION_KILL, why, job);
    timer_set(core, run->job, CORE_TIME_MAX);
}

// ---- timers ------------------------------------------------------------------------------------
static int64_t limit_end_ms(const struct job *job, const struct run *run) {
    return job->limit_ms ? run->started_ms + job->limit_ms - job->ran_ms : CORE_TIME_MAX;
}

// When its service reaches the next level: others may then take its place.
static int64_t level_end_ms(const struct core *core, const struct job *job, const struct run *run) {
    uint32_t level = level_of(core, job, served_now(core, job));
    uint32_t rate_milli = shape_at(core, job->shape)->rate_milli;
    if (level >= CORE_LEVELS - 1 || rate_milli == 0) return CORE_TIME_MAX;
    __int128 left = (__int128)core->policy.level_s[level] * rate_milli - job->served_milli;
    left = (left * 1000 + rate_milli - 1) / rate_milli;
    return left >= CORE_TIME_MAX / 2 ? CORE_TIME_MAX : run->started_ms + (int64_t)left;
}

void attempt_timer(struct core *core, uint32_t run_index) {
    struct run *run = run_at(core, run_index);
    struct job *job = job_at(core, run->job);
    if (!run->in_now) return;
    int64_t at = run->stopping ? run->kill_ms : limit_end_ms(job, run);
    if (!run->stopping && job->checkpoint_ms > 0) {
        int64_t least = later(run->started_ms, minimum_run_ms(core, job));
        if (run->keep_until_ms > least) least = run->keep_until_ms;
        if (least > core->now_ms && least < at) at = least;
        int64_t level =
            core->policy.no_level_preemption ? CORE_TIME_MAX : level_end_ms(core, job, run);
        if (level > core->now_ms && level < at) at = level;
    }
    timer_set(core, run->job, at);
}

static void timer_due(struct core *core, uint32_t index) {
    struct job *job = job_at(core, index);
    if (!job->run) {
        timer_set(core, index, CORE_TIME_MAX);
        job_unblock(core, index, BLOCK_NOT_BEFORE);
        return;
    }
    struct run *run = run_at(core, job->run);
    if (run->stopping) {
        kill_run(core, job->run, WHY_GRACE);
    } else if (limit_end_ms(job, run) <= core->now_ms) {
        kill_run(core, job->run, WHY_TIME_LIMIT);
    } else {
        attempt_timer(core, job->run);
    }
}

void timers_run(struct core *core) {
    while (timer_first_ms(core) <= core->now_ms && decision_room(core, 1)) {
        timer_due(core, timer_first(core));
    }
}

// ---- starting ----------------------------------------------------------------------------------
static void start_decide(struct core *core, uint32_t run_index) {
    struct run *run = run_at(core, run_index);
    struct job *job = job_at(core, run->job);
    job->attempt++;
    attempt_start(core, run_index, core->now_ms);
    decide(core, DECISION_START, WHY_NONE, job)->place = run->place;
}

// Those whose place is chosen start as soon as it is free.
static void starting_start(struct core *core) {
    uint32_t left = core->starting;
    for (uint32_t at = core->runs_last; at && left; at = run_at(core, at)->before) {
        const struct run *run = run_at(core, at);
        if (run->in_now) continue;
        left--;
        const struct shape *shape = shape_at(core, job_at(core, run->job)->shape);
        if (!room_has(core, &core->now, shape, &run->place)) continue;
        if (!decision_room(core, 1)) return;
        start_decide(core, at);
    }
}

// Places that were chosen under another policy are given back before anything started there.
void starting_withdraw(struct core *core) {
    for (uint32_t at = core->runs_first, next; at && core->starting; at = next) {
        uint32_t index = run_at(core, at)->job;
        next = run_at(core, at)->after;
        if (run_at(core, at)->in_now) continue;
        attempt_end(core, at);
        job_wait(core, index);
    }
}

bool start_job(struct core *core, uint32_t index, const struct core_place *place,
               int64_t lease_ms) {
    const struct shape *shape = shape_at(core, job_at(core, index)->shape);
    bool at_once = room_has(core, &core->now, shape, place);
    uint32_t run = attempt_begin(core, index, place, lease_ms, at_once);
    if (!run) return false;
    if (at_once) start_decide(core, run);
    return true;
}

// A job that nobody pays for leaves its queue until there is a voucher or another policy.
static bool payable_or_blocked(struct core *core, uint32_t index) {
    if (bill_payable(core, job_at(core, index))) return true;
    job_block(core, index, BLOCK_BUDGET);
    return false;
}

// Starts what the turn says until nothing that waits fits.
static void turns_start(struct core *core, bool right) {
    uint32_t level = 0;
    while (level < CORE_LEVELS && decision_room(core, 1)) {
        uint32_t queue = turn_find(core, level, right, core->fits);
        if (!queue) {
            level++;
            continue;
        }
        uint32_t index = queue_at(core, queue)->top;
        if (!payable_or_blocked(core, index)) continue;
        struct core_place place;
        uint32_t shape_index = job_at(core, index)->shape;
        if (!edges_place(core, shape_at(core, shape_index), &place)) { // time went on since
            core->fits[shape_index >> 6] &= ~((uint64_t)1 << (shape_index & 63));
            continue;
        }
        if (!start_job(core, index, &place, 0)) return;
        fits_look(core, false);
    }
}

// ---- those who waited too long -----------------------------------------------------------------
enum { OVERDUE_LOOK_MAX = 64 }; // overdue jobs that are passed over for a limit of their tenant

// What is kept for one that is due later does not stand in its way.
static bool overdue_begin(struct core *core, uint32_t index) {
    struct job *job = job_at(core, index);
    const struct shape *shape = shape_at(core, job->shape);
    struct core_place place;
    const struct edge *guard = guard_find(core);
    if (guard && guard->id != job->id) core->guard_stale = true; // when it starts
    if (edges_place_but(core, shape, job->id, guard, &place) ||
        room_make(core, shape, job->node, UINT64_MAX, WHY_GUARD, job->id, &place)) {
        return start_job(core, index, &place, core->policy.overdue_lease_ms + job->checkpoint_ms);
    }
    return false;
}

// The one of two that is due first; 0 is nobody.
static uint32_t due_first(const struct core *core, uint32_t a, uint32_t b) {
    if (!a || !b) return a ? a : b;
    int64_t due_a = guard_due_ms(core, job_at(core, a));
    int64_t due_b = guard_due_ms(core, job_at(core, b));
    if (due_a != due_b) return due_a < due_b ? a : b;
    return job_at(core, a)->id < job_at(core, b)->id ? a : b;
}

// In the order in which they are due; the first that cannot start has what it needs kept.
static void overdue_start(struct core *core) {
    uint32_t fresh = core->lines[0].first, again = core->lines[1].first;
    for (uint32_t looked = 0; looked < OVERDUE_LOOK_MAX; looked++) {
        uint32_t index = due_first(core, fresh, again);
        if (!index) return;
        struct job *job = job_at(core, index);
        if (guard_due_ms(core, job) > core->now_ms || !decision_room(core, 1)) return;
        *(index == fresh ? &fresh : &again) = job->line_after;
        if (node_allows(core, job->node, &shape_at(core, job->shape)->total) == WHY_NONE &&
            payable_or_blocked(core, index) && !overdue_begin(core, index)) {
            guard_reserve(core, index);
            return;
        }
    }
}

// ---- those who may take from others ------------------------------------------------------------
// Shapes that wait and do not fit, but would if all gave way that could.
static void mask_of_hopeful(const struct core *core, const struct core_amount *most,
                            uint64_t mask[SHAPE_WORDS_MAX]) {
    const struct pool *pool = &core->pools[PART_SHAPES];
    memset(mask, 0, SHAPE_WORDS_MAX * sizeof *mask);
    for (uint32_t at = 1; at < pool->used; at++) {
        const struct shape *shape = shape_at(core, at);
        if (!shape->users || !shape->waiting || !amount_within(&shape->total, most)) continue;
        mask[at >> 6] |= (uint64_t)1 << (at & 63);
    }
}

static bool most_there_could_be(const struct core *core, uint32_t level, enum core_why why,
                                struct core_amount *out) {
    bool any = false;
    *out = core->plan.free;
    for (uint32_t at = core->runs_first; at; at = run_at(core, at)->after) {
        const struct run *run = run_at(core, at);
        const struct job *job = job_at(core, run->job);
        if (!may_give_way(core, run, why, false)) continue;
        if (why == WHY_LEVEL && level_of(core, job, served_now(core, job)) <= level) continue;
        amount_add(out, &shape_at(core, job->shape)->total);
        any = true;
    }
    return any;
}

static void take_from_others(struct core *core, uint32_t level, enum core_why why) {
    struct core_amount most;
    uint64_t mask[SHAPE_WORDS_MAX];
    if (!most_there_could_be(core, level, why, &most)) return;
    mask_of_hopeful(core, &most, mask);
    while (decision_room(core, 1)) {
        uint32_t queue = turn_find(core, level, why == WHY_RIGHT, mask);
        if (!queue) return;
        uint32_t index = queue_at(core, queue)->top;
        if (!payable_or_blocked(core, index)) continue;
        struct job *job = job_at(core, index);
        struct core_place place;
        if (room_make(core, shape_at(core, job->shape), job->node, UINT64_MAX, why, job->id,
                      &place)) {
            if (!start_job(core, index, &place, 0)) return;
        } else {
            mask[job->shape >> 6] &= ~((uint64_t)1 << (job->shape & 63));
        }
    }
}

// ---- all of it ---------------------------------------------------------------------------------
static void lost_devices_clear(struct core *core) {
    for (uint32_t at = core->runs_first, next; core->devices_lost && at; at = next) {
        struct run *run = run_at(core, at);
        next = run->after;
        if (!(run->place.devices & ~core->capacity.devices)) continue;
        uint32_t index = run->job;
        if (!run->in_now) {
            attempt_end(core, at);
            job_wait(core, index);
        } else if (job_at(core, index)->why != WHY_DEVICE_LOST &&
                   job_at(core, index)->why != WHY_CANCELLED) {
            if (!decision_room(core, 1)) return;
            kill_run(core, at, WHY_DEVICE_LOST);
        }
    }
    core->devices_lost = false;
}

void schedule(struct core *core) {
    timers_run(core);
    failed_dependents_refuse(core);
    lost_devices_clear(core);
    edges_open(core);
    starting_start(core);
    do {
        if (core->released) {
            core->released = false;
            core->guard_stale = true;
            fits_look(core, true);
        }
        bool may_take = core->preemptible_runs > 0;
        if (core->has_quota) {
            turns_start(core, true);
            bool may_regain = may_take || core->redoable_runs > 0;
            for (uint32_t level = 0; may_regain && level < CORE_LEVELS; level++) {
                take_from_others(core, level, WHY_RIGHT);
            }
        }
        overdue_start(core);
        turns_start(core, false);
        may_take = may_take && !core->policy.no_level_preemption;
        for (uint32_t level = 0; may_take && level + 1 < CORE_LEVELS; level++) {
            take_from_others(core, level, WHY_LEVEL);
        }
    } while (core->released && !core->more);
}
