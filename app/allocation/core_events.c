// One handler an event: changes jobs, rooms and tree; what follows from it is decided by schedule.
#include <string.h>

#include "allocation/core_private.h"

// ---- the box -----------------------------------------------------------------------------------
static void totals_renew(struct core *core) {
    core->total = core->capacity.amount;
    core->total.of[RESOURCE_DEVICE] =
        (int64_t)__builtin_popcountll(core->capacity.devices) * CORE_DEVICE_MILLI;
    core->devices_lost = true;
    room_reset(core);
    shares_renew(core);
    rates_renew(core);
    edges_renew(core);
    core->released = true;
}

static void capacity_set(struct core *core, const struct core_capacity *capacity) {
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (capacity->amount.of[r] < 0 || capacity->amount.of[r] > CORE_AMOUNT_MAX) return;
    }
    core->capacity = *capacity;
    totals_renew(core);
}

static void device_set(struct core *core, uint32_t device, bool up) {
    if (device >= CORE_DEVICES_MAX) return;
    uint64_t bit = (uint64_t)1 << device;
    core->capacity.devices = up ? core->capacity.devices | bit : core->capacity.devices & ~bit;
    totals_renew(core);
}

static void pressure_set(struct core *core, const struct core_amount *amount) {
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (amount->of[r] < 0 || amount->of[r] > CORE_AMOUNT_MAX) return;
    }
    core->pressure = *amount;
    room_reset(core);
    edges_renew(core);
    core->released = true;
}

// ---- what happens to an attempt ----------------------------------------------------------------
static uint32_t run_of(const struct core *core, const struct core_event *event) {
    uint32_t index = job_find(core, event->job);
    if (!index || !job_at(core, index)->run) return 0;
    uint32_t run = job_at(core, index)->run;
    bool same = run_at(core, run)->in_now && job_at(core, index)->attempt == event->attempt;
    return same ? run : 0;
}

static void started(struct core *core, uint32_t run_index) {
    struct run *run = run_at(core, run_index);
    if (!run->in_now || run->stopping) return;
    run->started_ms = core->now_ms;
    attempt_timer(core, run_index);
}

// What the attempt was served is counted for the levels and billed, unless the box was at fault.
static void attempt_settle(struct core *core, struct job *job, enum core_outcome outcome) {
    if (outcome == ATTEMPT_BOX_FAULT) return;
    int64_t served = served_now(core, job);
    int64_t units = served - job->served_milli;
    bool anew = outcome == ATTEMPT_PREEMPTED && job_redoable(job);
    if (!anew) job->ran_ms += core->now_ms - run_at(core, job->run)->started_ms;
    job->served_milli = served;
    if (units > 0) bill(core, job, units);
}

static void exited(struct core *core, const struct core_event *event) {
    uint32_t run = run_of(core, event);
    if (!run || !run_at(core, run)->in_now) return;
    uint32_t index = run_at(core, run)->job;
    struct job *job = job_at(core, index);
    enum core_outcome outcome = event->outcome;
    // Killed for the box's sake: it waits again. Killed for its own: it is over.
    bool over = job->why == WHY_TIME_LIMIT || job->why == WHY_CANCELLED;
    if (job->why == WHY_DEVICE_LOST && outcome == ATTEMPT_FAILED) outcome = ATTEMPT_BOX_FAULT;
    if ((job->why == WHY_GRACE || job->why == WHY_RESERVATION) && outcome == ATTEMPT_FAILED) {
        outcome = ATTEMPT_PREEMPTED;
    }
    attempt_settle(core, job, outcome);
    attempt_end(core, run);
    bool again = outcome == ATTEMPT_PREEMPTED || outcome == ATTEMPT_BOX_FAULT;
    if (again && !over) {
        job->why = WHY_NONE;
        job_wait(core, index);
        return;
    }
    enum core_why why = over ? job->why : outcome == ATTEMPT_DONE ? WHY_NONE : WHY_FAILED;
    if (outcome == ATTEMPT_DONE) why = WHY_NONE;
    decide(core, DECISION_END, why, job);
    job_leave(core, index, why == WHY_NONE);
}

static void adopted(struct core *core, const struct core_event *event) {
    uint32_t index = job_find(core, event->job);
    if (!index || !event->place || job_at(core, index)->state != CORE_WAITING) return;
    struct job *job = job_at(core, index);
    struct core_place place = *event->place;
    core->inside = reservation_enter(core, index, &place);
    for (int device = 0; device < CORE_DEVICES_MAX; device++) { // what cannot be is not believed
        uint64_t bit = (uint64_t)1 << device;
        if (place.device_milli[device] > core->now.device_free[device] ||
            place.device_milli[device] > core->plan.device_free[device] || !(place.devices & bit)) {
            place.device_milli[device] = 0;
        }
        if (!place.device_milli[device]) place.devices &= ~bit;
    }
    for (int word = 0; word < CORE_CPUS_MAX / 64; word++) place.cpus[word] &= core->now.cpus[word];
    uint32_t run = attempt_begin(core, index, &place, 0, true);
    core->inside = false;
    if (!run) return;
    job->attempt = event->attempt;
    attempt_start(core, run, event->started_ms < core->now_ms ? event->started_ms : core->now_ms);
}

static void checkpointed(struct core *core, const struct core_event *event) {
    uint32_t run = run_of(core, event);
    if (!run || event->cost_ms <= 0 || event->cost_ms > CORE_CHECKPOINT_MS_MAX) return;
    struct job *job = job_at(core, run_at(core, run)->job);
    if (job->checkpoint_ms > 0) job->checkpoint_ms = (uint32_t)event->cost_ms;
}

// ---- what people do ----------------------------------------------------------------------------
static void cancelled(struct core *core, uint32_t index) {
    struct job *job = job_at(core, index);
    uint32_t run = job->run;
    if (run && run_at(core, run)->in_now) {
        if (job->why == WHY_CANCELLED) return;
        kill_run(core, run, WHY_CANCELLED);
        return;
    }
    if (run) attempt_end(core, run);
    decide(core, DECISION_END, WHY_CANCELLED, job);
    job_leave(core, index, false);
}

static void rejected(struct core *core, uint32_t index) {
    struct job *job = job_at(core, index);
    if (job->state != CORE_WAITING || !(job->blocks & BLOCK_APPROVAL)) return;
    decide(core, DECISION_REFUSE, WHY_REJECTED, job);
    job_leave(core, index, false);
}

static void held(struct core *core, uint32_t index) {
    struct job *job = job_at(core, index);
    uint32_t run = job->run;
    if (run && !run_at(core, run)->in_now) { // its place is given back before it started
        attempt_end(core, run);
        job_wait(core, index);
        run = 0;
    }
    job_block(core, index, BLOCK_HELD);
    if (run && job->checkpoint_ms > 0 && !run_at(core, run)->stopping) {
        preempt_run(core, run, WHY_HELD, 0);
    }
}

static void of_a_job(struct core *core, const struct core_event *event) {
    uint32_t index = job_find(core, event->job);
    if (!index) return;
    switch (event->kind) {
    case EVENT_CANCEL: cancelled(core, index); break;
    case EVENT_HOLD: held(core, index); break;
    case EVENT_RELEASE: job_unblock(core, index, BLOCK_HELD); break;
    case EVENT_APPROVE: job_unblock(core, index, BLOCK_APPROVAL); break;
    default: rejected(core, index); break;
    }
}

void event_apply(struct core *core, const struct core_event *event) {
    uint32_t run;
    switch (event->kind) {
    case EVENT_CAPACITY:
        if (event->capacity) capacity_set(core, event->capacity);
        break;
    case EVENT_POLICY:
        if (event->policy && core_policy_check(core, event->policy)) {
            starting_withdraw(core);
            policy_set(core, event->policy);
            edges_renew(core);
        }
        break;
    case EVENT_DEVICE: device_set(core, event->device, event->up); break;
    case EVENT_PRESSURE: pressure_set(core, &event->amount); break;
    case EVENT_SUBMIT:
        if (event->submit) job_submit(core, event->submit);
        break;
    case EVENT_CANCEL:
    case EVENT_HOLD:
    case EVENT_RELEASE:
    case EVENT_APPROVE:
    case EVENT_REJECT: of_a_job(core, event); break;
    case EVENT_STARTED:
        run = run_of(core, event);
        if (run) started(core, run);
        break;
    case EVENT_ADOPT: adopted(core, event); break;
    case EVENT_EXITED: exited(core, event); break;
    case EVENT_CHECKPOINTED: checkpointed(core, event); break;
    case EVENT_RESERVE:
        if (event->reservation) reservation_set(core, event->reservation);
        break;
    case EVENT_UNRESERVE: reservation_drop(core, event->id); break;
    case EVENT_VOUCHER:
        if (event->voucher) voucher_set(core, event->voucher);
        break;
    case EVENT_TICK:
    case EVENT_COUNT: break;
    }
}
