// From what happened to what is decided. Each part goes on until nothing more is to be done or the
// room for decisions is full; then the caller ticks again.
#include "allocation/core_private.h"

// ---- service -----------------------------------------------------------------------------------
uint32_t level_of(const struct core *core, int64_t served_milli) {
    uint32_t level = 0;
    while (level < CORE_LEVELS - 1 && served_milli / 1000 >= core->policy.level_units[level]) {
        level++;
    }
    return level;
}

int64_t served_now(const struct core *core, const struct job *job) {
    if (!job->run) return job->served_milli;
    const struct run *run = run_at(core, job->run);
    if (!run->in_now) return job->served_milli;
    return job->served_milli +
           (int64_t)((__int128)job->rate_milli * (core->now_ms - run->started_ms) / 1000);
}

// ---- runs --------------------------------------------------------------------------------------
uint32_t attempt_begin(struct core *core, uint32_t index, const struct core_place *place) {
    uint32_t run_index = pool_take(core, PART_RUNS);
    if (!run_index) return 0;
    struct job *job = job_at(core, index);
    if (job->queue) queue_take(core, index);
    line_take(core, index);
    struct run *run = run_at(core, run_index);
    *run = (struct run){.place = *place, .job = index, .before = core->runs_last};
    if (core->runs_last) run_at(core, core->runs_last)->after = run_index;
    core->runs_last = run_index;
    if (!core->runs_first) core->runs_first = run_index;
    const struct shape *shape = shape_at(core, job->shape);
    run->end_ms =
        shape->length_ms == CORE_TIME_MAX ? CORE_TIME_MAX : core->now_ms + shape->length_ms;
    job->run = run_index;
    job->state = CORE_STARTING;
    core->starting++;
    room_take(&core->plan, &shape->total, place);
    node_hold(core, job->node, &shape->total, 1);
    node_count_jobs(core, job->node, -1, 1);
    edges_run_begin(core, run);
    return run_index;
}

void attempt_start(struct core *core, uint32_t run_index, int64_t started_ms) {
    struct run *run = run_at(core, run_index);
    struct job *job = job_at(core, run->job);
    room_take(&core->now, &shape_at(core, job->shape)->total, &run->place);
    run->in_now = true;
    run->started_ms = started_ms;
    job->state = CORE_RUNNING;
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
    core->released = true;
}

void attempt_end(struct core *core, uint32_t run_index) {
    struct run *run = run_at(core, run_index);
    struct job *job = job_at(core, run->job);
    if (!run->stopping) plan_leave(core, run);
    if (run->in_now) {
        room_give(&core->now, &shape_at(core, job->shape)->total, &run->place);
    } else {
        core->starting--;
    }
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
    uint32_t level = level_of(core, served_now(core, job));
    if (level >= CORE_LEVELS - 1 || job->rate_milli <= 0) return CORE_TIME_MAX;
    __int128 left = (__int128)core->policy.level_units[level] * 1000 - job->served_milli;
    left = (left * 1000 + job->rate_milli - 1) / job->rate_milli;
    return left >= CORE_TIME_MAX / 2 ? CORE_TIME_MAX : run->started_ms + (int64_t)left;
}

void attempt_timer(struct core *core, uint32_t run_index) {
    struct run *run = run_at(core, run_index);
    struct job *job = job_at(core, run->job);
    if (!run->in_now) return;
    int64_t at = run->stopping ? run->kill_ms : limit_end_ms(job, run);
    if (!run->stopping && job->checkpoint_ms > 0) {
        int64_t least = run->started_ms + minimum_run_ms(core, job);
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
// Those whose place is chosen start as soon as it is free.
static void starting_start(struct core *core) {
    uint32_t left = core->starting;
    for (uint32_t at = core->runs_last; at && left; at = run_at(core, at)->before) {
        struct run *run = run_at(core, at);
        if (run->in_now) continue;
        left--;
        struct job *job = job_at(core, run->job);
        if (!room_has(core, &core->now, shape_at(core, job->shape), &run->place)) continue;
        if (!decision_room(core, 1)) return;
        job->attempt++;
        attempt_start(core, at, core->now_ms);
        decide(core, DECISION_START, WHY_NONE, job)->place = run->place;
    }
}

bool start_job(struct core *core, uint32_t index, const struct core_place *place) {
    struct job *job = job_at(core, index);
    uint32_t run = attempt_begin(core, index, place);
    if (!run) return false;
    if (!room_has(core, &core->now, shape_at(core, job->shape), place)) return true;
    job->attempt++;
    attempt_start(core, run, core->now_ms);
    decide(core, DECISION_START, WHY_NONE, job)->place = *place;
    return true;
}

// Starts what the turn says until nothing that waits fits. True if it may go on elsewhere.
static void turns_start(struct core *core, bool right) {
    uint32_t level = 0;
    while (level < CORE_LEVELS && decision_room(core, 1)) {
        uint32_t queue = turn_find(core, level, right);
        if (!queue) {
            level++;
            continue;
        }
        uint32_t index = queue_at(core, queue)->top;
        if (!bill_payable(core, job_at(core, index))) {
            job_block(core, index, BLOCK_BUDGET);
            continue;
        }
        struct core_place place;
        const struct shape *shape = shape_at(core, job_at(core, index)->shape);
        if (!edges_place(core, shape, &place) || !start_job(core, index, &place)) break;
        fits_look(core, false);
    }
}

void schedule(struct core *core) {
    timers_run(core);
    failed_dependents_refuse(core);
    edges_open(core);
    starting_start(core);
    if (core->released) fits_look(core, true);
    core->released = false;
    if (core->has_quota) turns_start(core, true);
    turns_start(core, false);
}
