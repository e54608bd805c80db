// The world of core_world.h.
#include "support/core_world.h"

#include <string.h>

// ---- chance ------------------------------------------------------------------------------------
static uint64_t draw(uint64_t *random) { // splitmix64
    uint64_t z = *random += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static int64_t below(uint64_t *random, int64_t bound) {
    return (int64_t)(draw(random) % (uint64_t)bound);
}

struct action world_action(uint64_t *random) {
    static const enum action_kind kinds[] = {
        ACT_SUBMIT,  ACT_SUBMIT,  ACT_SUBMIT,       ACT_SUBMIT,   ACT_SUBMIT,  ACT_ADVANCE,
        ACT_ADVANCE, ACT_ADVANCE, ACT_ADVANCE,      ACT_ADVANCE,  ACT_ADVANCE, ACT_ADVANCE,
        ACT_ADVANCE, ACT_CANCEL,  ACT_HOLD,         ACT_RELEASE,  ACT_RELEASE, ACT_APPROVE,
        ACT_APPROVE, ACT_REJECT,  ACT_CHECKPOINTED, ACT_NONSENSE, ACT_RELEASE, ACT_ADVANCE};
    static const enum action_kind rare[] = {ACT_FAULT,     ACT_DEVICE,  ACT_POLICY,  ACT_CAPACITY,
                                            ACT_RESERVE,   ACT_RESERVE, ACT_VOUCHER, ACT_PRESSURE,
                                            ACT_UNRESERVE, ACT_DEVICE};
    struct action action;
    uint64_t which = draw(random);
    action.kind = which % 16 == 0 ? rare[(which >> 8) % (sizeof rare / sizeof *rare)]
                                  : kinds[(which >> 8) % (sizeof kinds / sizeof *kinds)];
    action.random = draw(random);
    return action;
}

// ---- books -------------------------------------------------------------------------------------
static struct world_job *job_of(struct world *world, uint64_t id) {
    return &world->jobs[id % WORLD_JOBS];
}

static bool broke(struct world *world, const char *what) {
    if (!world->wrong) world->wrong = what;
    return false;
}

static bool keeps(struct world *world, bool holds, const char *what) {
    return holds || broke(world, what);
}

static int64_t total_of(const struct world *world, int r) {
    if (r == RESOURCE_DEVICE) return __builtin_popcountll(world->capacity.devices) * 1000;
    return world->capacity.amount.of[r];
}

// Never more than there is, device by device, processor by processor, by the executor's own books.
// `started`: only what starts now may be blamed when the box became smaller.
static void check_room(struct world *world, const struct world_job *started) {
    int64_t used[RESOURCE_COUNT] = {0}, device[CORE_DEVICES_MAX] = {0};
    uint64_t cpus[CORE_CPUS_MAX / 64] = {0};
    for (int i = 0; i < WORLD_JOBS; i++) {
        const struct world_job *job = &world->jobs[i];
        if (!job->running) continue;
        for (int r = 0; r < RESOURCE_COUNT; r++) used[r] += job->total.of[r];
        for (int d = 0; d < CORE_DEVICES_MAX; d++) device[d] += job->place.device_milli[d];
        for (int w = 0; w < CORE_CPUS_MAX / 64; w++) {
            if (cpus[w] & job->place.cpus[w]) broke(world, "a processor given twice");
            cpus[w] |= job->place.cpus[w];
        }
    }
    int64_t devices = 0;
    for (int d = 0; d < CORE_DEVICES_MAX; d++) {
        if (device[d] > 1000) broke(world, "a device given twice");
        if (started->place.device_milli[d] && !(world->capacity.devices >> d & 1)) {
            broke(world, "a device given that is down");
        }
        devices += started->place.device_milli[d];
    }
    keeps(world, devices == started->total.of[RESOURCE_DEVICE], "not the devices asked for");
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (started->total.of[r] > 0 && used[r] > total_of(world, r))
            broke(world, "too much given");
    }
}

static void check_limits(struct world *world, const struct world_job *started) {
    uint64_t at = started->tenant;
    while (at) {
        const struct core_tenant *tenant = NULL;
        for (uint32_t i = 0; i < world->tenant_count; i++) {
            if (world->tenants[i].id == at) tenant = &world->tenants[i];
        }
        if (!tenant) return;
        struct core_amount used;
        uint32_t waiting, running;
        if (!core_tenant_look(world->core, at, &used, &waiting, &running)) return;
        for (int r = 0; r < RESOURCE_COUNT; r++) {
            if (!started->total.of[r]) continue;
            if (tenant->limit.of[r] >= 0 && used.of[r] > tenant->limit.of[r]) {
                broke(world, "more than the tenant's limit");
            }
            if (tenant->never_borrows && tenant->has_quota && used.of[r] > tenant->quota.of[r]) {
                broke(world, "borrowed though it may not");
            }
        }
        at = tenant->parent;
    }
}

// What the core says of itself and what the executor knows are the same.
static void check_conservation(struct world *world) {
    struct core_usage usage;
    core_usage_look(world->core, &usage);
    uint32_t known = 0;
    for (int i = 0; i < WORLD_JOBS; i++) {
        const struct world_job *job = &world->jobs[i];
        struct core_job_view view;
        if (!job->known) continue;
        known++;
        core_job_look(world->core, job->id, &view);
        if (view.state == CORE_NONE) broke(world, "a job was lost");
        bool runs = view.state == CORE_RUNNING || view.state == CORE_STOPPING;
        if (runs != job->running) broke(world, "core and executor do not agree on what runs");
        if (runs && view.attempt != job->attempt) broke(world, "not the attempt that runs");
    }
    keeps(world, usage.waiting + usage.running == known, "jobs do not add up");
}

// A promise is as good as what those promised before it said of themselves.
static void overrun_see(struct world *world) {
    for (int i = 0; i < WORLD_JOBS; i++) {
        const struct world_job *job = &world->jobs[i];
        bool long_ago = job->running && world->now_ms - job->since_ms > job->booked_ms;
        if (job->booked_ms && long_ago) world->overran = true;
    }
}

// ---- what the core decides ---------------------------------------------------------------------
static void on_start(struct world *world, const struct core_decision *decision) {
    struct world_job *job = job_of(world, decision->job);
    world->starts++;
    if (!keeps(world, job->known && job->id == decision->job, "an unknown job was started")) return;
    if (!keeps(world, !job->running, "a running job was started")) return;
    keeps(world, decision->attempt == job->attempt + 1, "attempts do not count up");
    overrun_see(world);
    bool sure = job->promised && !world->disturbed && !world->overran;
    keeps(world, !sure || world->now_ms <= job->promised_ms, "a promise was not kept");
    job->promised = false;
    job->running = true;
    job->stopping = job->killed = false;
    job->attempt = decision->attempt;
    job->place = decision->place;
    job->since_ms = world->now_ms;
    check_room(world, job);
    check_limits(world, job);
}

static void on_stop(struct world *world, const struct core_decision *decision) {
    struct world_job *job = job_of(world, decision->job);
    bool kill = decision->kind == DECISION_KILL;
    *(kill ? &world->kills : &world->preempts) += 1;
    if (!keeps(world, job->known && job->running, "told to stop what does not run")) return;
    keeps(world, decision->attempt == job->attempt, "told another attempt to stop");
    if (kill) {
        job->killed = true;
        job->kill_why = decision->why;
        return;
    }
    keeps(world, !job->stopping, "preempted twice");
    bool right =
        decision->why == WHY_RIGHT || (decision->why == WHY_RESERVATION && !decision->other);
    bool redo = job->flags & CORE_RESTARTABLE && !(job->flags & CORE_LEASE);
    keeps(world, job->checkpoint_ms > 0 || (redo && right), "preempted what cannot be");
    job->stopping = true;
    if (job->checkpoint_ms == 0) {
        world->restarts++;
        keeps(world, ++job->restarts <= world->policy.restarts_most, "begun again too often");
    }
    int64_t least = job->checkpoint_ms * world->policy.minimum_checkpoints;
    if (least < world->policy.minimum_run_ms) least = world->policy.minimum_run_ms;
    bool soon = world->now_ms - job->since_ms < least;
    keeps(world, !soon || (decision->why != WHY_LEVEL && decision->why != WHY_GUARD),
          "preempted before its minimum run");
}

static void on_leave(struct world *world, const struct core_decision *decision) {
    struct world_job *job = job_of(world, decision->job);
    if (decision->kind == DECISION_REFUSE && decision->why == WHY_INVALID) return;
    *(decision->kind == DECISION_END ? &world->ends : &world->refusals) += 1;
    keeps(world, job->known && !job->running, "left while it ran");
    job->known = false;
}

static void decisions_take(struct world *world, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const struct core_decision *decision = &world->decisions[i];
        struct world_job *job = job_of(world, decision->job);
        switch (decision->kind) {
        case DECISION_START: on_start(world, decision); break;
        case DECISION_PREEMPT:
        case DECISION_KILL: on_stop(world, decision); break;
        case DECISION_REFUSE:
        case DECISION_END: on_leave(world, decision); break;
        case DECISION_PROMISE:
            // Parts of a device may lie so that no device has room when the time has come.
            job->promised =
                !job->own_matter && job->total.of[RESOURCE_DEVICE] % CORE_DEVICE_MILLI == 0;
            job->promised_ms = decision->at_ms;
            world->promises++;
            break;
        case DECISION_BILL:
            world->bills++;
            keeps(world, decision->units_milli > 0, "a bill of nothing");
            job->billed_milli += decision->units_milli;
            break;
        default: break;
        }
    }
}

static void step(struct world *world, struct core_event event) {
    uint32_t count;
    int rounds = 0;
    event.now_ms = world->now_ms;
    do {
        count = core_step(world->core, &event, world->decisions, WORLD_DECISIONS);
        if (world->told) world->told(world, &event);
        decisions_take(world, count);
        event = (struct core_event){.kind = EVENT_TICK, .now_ms = world->now_ms};
        if (++rounds > 1000) broke(world, "a step does not come to its end");
    } while (!world->wrong && count == WORLD_DECISIONS);
    if (!world->wrong) check_conservation(world);
}

// ---- the executor ------------------------------------------------------------------------------
// What an attempt of so long costs: by the resource of which it has the largest part of the box, a
// unit being a second of a device or, where there is none, of a processor.
static int64_t cost_of(const struct world *world, const struct world_job *job, int64_t ran_ms) {
    int64_t device = total_of(world, RESOURCE_DEVICE), most = 0;
    int64_t box = device ? device : total_of(world, RESOURCE_CPU);
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        int64_t total = total_of(world, r);
        int64_t rate = total > 0 ? job->total.of[r] * box / total : 0;
        if (rate > most) most = rate;
    }
    return most * ran_ms / 1000;
}

static void exit_tell(struct world *world, struct world_job *job, enum core_outcome outcome) {
    overrun_see(world);
    uint64_t id = job->id;
    bool faulty = outcome == ATTEMPT_BOX_FAULT ||
                  (outcome == ATTEMPT_FAILED && job->killed && job->kill_why == WHY_DEVICE_LOST);
    int64_t cost = faulty ? 0 : cost_of(world, job, world->now_ms - job->since_ms);
    job->billed_milli = 0;
    job->running = false;
    job->ran_ms += world->now_ms - job->since_ms;
    job->left_ms -= world->now_ms - job->since_ms;
    if (job->stopping && job->checkpoint_ms == 0) job->left_ms = job->run_ms; // from its start
    if (job->left_ms < 1) job->left_ms = 1;
    step(world,
         (struct core_event){
             .kind = EVENT_EXITED, .job = job->id, .attempt = job->attempt, .outcome = outcome});
    // The bills are the integral of what was held, but for the box's own faults.
    if (job->id == id) keeps(world, job->billed_milli == cost, "the bills are not what was held");
}

// What was killed is gone at once; what was asked to stop takes its time, some longer than allowed.
static void stops_happen(struct world *world, uint64_t *random) {
    for (int i = 0; i < WORLD_JOBS && !world->wrong; i++) {
        struct world_job *job = &world->jobs[i];
        if (!job->running) continue;
        if (job->killed) {
            exit_tell(world, job, ATTEMPT_FAILED);
        } else if (job->stopping && below(random, 3) > 0) {
            exit_tell(world, job, ATTEMPT_PREEMPTED);
        }
    }
}

static int64_t next_end(const struct world *world, struct world_job **out, struct world *mutable) {
    int64_t first = INT64_MAX;
    for (int i = 0; i < WORLD_JOBS; i++) {
        const struct world_job *job = &world->jobs[i];
        if (!job->running || job->stopping || job->killed) continue;
        if (job->since_ms + job->left_ms < first) {
            first = job->since_ms + job->left_ms;
            *out = &mutable->jobs[i];
        }
    }
    return first;
}

static void advance(struct world *world, uint64_t *random) {
    static const int64_t spans[] = {1, 50, 1000, 20000, 400000, 4000000};
    int64_t until = world->now_ms + 1 + below(random, spans[below(random, 6)]);
    stops_happen(world, random); // a kill is obeyed before time goes on
    for (int rounds = 0; !world->wrong; rounds++) {
        struct world_job *job = NULL;
        int64_t end = next_end(world, &job, world), wake = core_wake_ms(world->core);
        if (end > until && wake > until) break;
        if (rounds > 20000) {
            broke(world, "wakes without end");
            return;
        }
        int64_t at = end < wake ? end : wake;
        if (at > world->now_ms) world->now_ms = at;
        if (end <= world->now_ms) {
            exit_tell(world, job, below(random, 8) ? ATTEMPT_DONE : ATTEMPT_FAILED);
        } else {
            step(world, (struct core_event){.kind = EVENT_TICK});
        }
        stops_happen(world, random);
    }
    if (until > world->now_ms) world->now_ms = until;
    if (!world->wrong) step(world, (struct core_event){.kind = EVENT_TICK});
    stops_happen(world, random);
}

// ---- what people do ----------------------------------------------------------------------------
static uint64_t any_tenant(const struct world *world, uint64_t *random) {
    int64_t which = below(random, (int64_t)world->tenant_count + 1);
    return which == (int64_t)world->tenant_count ? 0 : world->tenants[which].id;
}

static void need_draw(const struct world *world, struct core_job *job, uint64_t *random) {
    int64_t cpus = world->capacity.amount.of[RESOURCE_CPU] / 1000;
    job->need.of[RESOURCE_CPU] = below(random, 2) ? 1000 : 500 * below(random, 2 * cpus + 2);
    job->need.of[RESOURCE_MEMORY] = 256 * below(random, 8);
    job->need.of[RESOURCE_DISK] = below(random, 4) ? 0 : 100 * below(random, 8);
    int64_t devices = __builtin_popcountll(world->capacity.devices);
    switch (below(random, 5)) {
    case 0: job->need.of[RESOURCE_DEVICE] = 250 * (1 + below(random, 3)); break;
    case 1: job->need.of[RESOURCE_DEVICE] = 1000; break;
    case 2: job->need.of[RESOURCE_DEVICE] = 1000 * below(random, devices + 2); break;
    default: break;
    }
    job->members = below(random, 6) ? 1 : 1 + (uint32_t)below(random, 4);
    if (below(random, 10) == 0) {
        job->flags |= CORE_OWN_CPUS;
        job->need.of[RESOURCE_CPU] = 1000 * (1 + below(random, 3));
    }
}

struct core_job world_job_draw(const struct world *world, uint64_t id, uint64_t *random) {
    struct core_job job = {.id = id, .tenant = any_tenant(world, random)};
    need_draw(world, &job, random);
    job.priority = (int32_t)below(random, 21) - 10;
    if (below(random, 2)) job.limit_ms = 1000 * (1 + below(random, 2000));
    if (below(random, 2)) job.checkpoint_ms = 1 + below(random, 5000);
    if (below(random, 8) == 0) job.not_before_ms = world->now_ms + below(random, 100000);
    if (below(random, 10) == 0) job.flags |= CORE_HELD;
    if (below(random, 10) == 0) job.flags |= CORE_APPROVAL;
    if (below(random, 16) == 0 && job.limit_ms) job.flags |= CORE_LEASE;
    if (below(random, 4) == 0) job.flags |= CORE_AFTER_ANY;
    if (job.id % 3 == 0) job.flags |= CORE_RESTARTABLE; // drawing would change all that follows
    if (below(random, 6) == 0) {
        job.after_count = 1 + (uint32_t)below(random, 3);
        for (uint32_t i = 0; i < job.after_count; i++) {
            job.after[i] = id - (uint64_t)below(random, id < 20 ? (int64_t)id : 20);
        }
    }
    if (below(random, 5) == 0) {
        job.array = 1 + (uint64_t)below(random, 4);
        job.array_most = (uint32_t)below(random, 4);
    }
    if (below(random, 12) == 0) {
        if (!job.limit_ms) job.estimate_ms = 1000 * (1 + below(random, 100));
        job.deadline_ms = world->now_ms + 1 + below(random, 4000000);
    }
    if (below(random, 10) == 0) job.reservation = 1 + (uint64_t)below(random, 8);
    job.use_class = (uint32_t)below(random, 3);
    return job;
}

static void act_submit(struct world *world, uint64_t *random) {
    uint64_t id = world->next_id;
    struct world_job *book = job_of(world, id);
    if (book->known) return; // the books are full there
    world->next_id++;
    struct core_job job = world_job_draw(world, id, random);
    *book = (struct world_job){.id = id,
                               .tenant = job.tenant,
                               .members = job.members,
                               .flags = job.flags,
                               .limit_ms = job.limit_ms,
                               .checkpoint_ms = job.checkpoint_ms,
                               .submitted_ms = world->now_ms,
                               .known = true};
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        book->total.of[r] = job.need.of[r] * (int64_t)job.members;
    }
    if (job.deadline_ms && !job.limit_ms) book->booked_ms = job.estimate_ms;
    static const int64_t spans[] = {2000, 60000, 3000000, 30000000};
    book->run_ms = book->left_ms = 1 + below(random, spans[below(random, 4)]);
    bool limited = world->limited && job.tenant;
    book->own_matter = limited || job.flags & (CORE_HELD | CORE_APPROVAL) || job.after_count ||
                       job.array || job.reservation;
    step(world, (struct core_event){.kind = EVENT_SUBMIT, .submit = &job});
}

static void policy_draw(struct world *world, uint64_t *random) {
    core_policy_default(&world->policy);
    world->tenant_count = (uint32_t)below(random, WORLD_TENANTS + 1);
    bool quotas = below(random, 2);
    for (uint32_t i = 0; i < world->tenant_count; i++) {
        struct core_tenant *tenant = &world->tenants[i];
        *tenant = (struct core_tenant){.id = 10 + i,
                                       .weight = 1 + (uint32_t)below(random, 4),
                                       .limit = {{-1, -1, -1, -1}},
                                       .budget_milli = -1};
        if (i > 0 && i < 9 && below(random, 2))
            tenant->parent = 10 + (uint64_t)below(random, i < 3 ? i : 3);
        if (quotas && below(random, 2)) {
            tenant->has_quota = true;
            for (int r = 0; r < RESOURCE_COUNT; r++) {
                tenant->quota.of[r] = below(random, total_of(world, r) / 2 + 1);
            }
            tenant->keeps_unused = below(random, 4) == 0;
            tenant->never_borrows = below(random, 4) == 0;
        }
        if (below(random, 4) == 0) {
            int r = (int)below(random, RESOURCE_COUNT);
            tenant->limit.of[r] = below(random, total_of(world, r) + 1);
        }
        if (below(random, 8) == 0) tenant->budget_milli = 1000 * below(random, 100000);
    }
    world->limited = world->tenant_count > 0;
    world->policy.tenants = world->tenants;
    world->policy.tenant_count = world->tenant_count;
    if (below(random, 3) == 0) world->policy.guard_ms = 1000 * below(random, 20000);
    if (below(random, 3) == 0) world->policy.guard_again_ms = 1000 * below(random, 50000);
    world->policy.guard_lead_ms = world->policy.guard_ms / 8;
    if (below(random, 3) == 0) world->policy.no_level_preemption = true;
    if (below(random, 2)) {
        for (int i = 0; i < CORE_LEVELS - 1; i++) world->policy.level_s[i] = 10 << (2 * i);
    }
    if (below(random, 2)) world->policy.minimum_checkpoints = below(random, 5);
    world->policy.restarts_most = world->policy.guard_ms / 1000 % 4 + 1;
    world->grace_ms = world->policy.grace_ms;
}

static void policy_give(struct world *world) {
    if (!core_policy_check(world->core, &world->policy)) broke(world, "a good policy refused");
    step(world, (struct core_event){.kind = EVENT_POLICY, .policy = &world->policy});
}

static void capacity_draw(struct world *world, uint64_t *random) {
    int64_t cpus = 1 + below(random, 12);
    world->capacity = (struct core_capacity){
        .amount = {{cpus * 1000, 512 * (1 + below(random, 16)), 1000, 0}},
        .devices = below(random, 4) ? ((uint64_t)1 << below(random, 9)) - 1 : 0,
        .cpus = {((uint64_t)1 << cpus) - 1}};
}

static void act_reserve(struct world *world, uint64_t *random) {
    struct core_reservation slot = {.id = 1 + (uint64_t)below(random, 8),
                                    .tenant = any_tenant(world, random)};
    slot.from_ms = world->now_ms + below(random, 2000000);
    slot.until_ms = slot.from_ms + 1 + below(random, 1000000);
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        slot.amount.of[r] = below(random, total_of(world, r) / 2 + 1);
    }
    slot.amount.of[RESOURCE_DEVICE] = slot.amount.of[RESOURCE_DEVICE] / 1000 * 1000;
    step(world, (struct core_event){.kind = EVENT_RESERVE, .reservation = &slot});
}

static struct world_job *any_job(struct world *world, uint64_t *random) {
    struct world_job *job = &world->jobs[below(random, WORLD_JOBS)];
    for (int i = 0; i < WORLD_JOBS && !job->known; i++) {
        job = &world->jobs[(job - world->jobs + 1) % WORLD_JOBS];
    }
    return job;
}

static void act_nonsense(struct world *world, uint64_t *random) {
    struct core_event event = {.kind = (enum core_event_kind)below(random, EVENT_COUNT + 1),
                               .job = draw(random) >> below(random, 64),
                               .attempt = (uint32_t)below(random, 3),
                               .outcome = (enum core_outcome)below(random, 5),
                               .cost_ms = below(random, 1000) - 500,
                               .device = 64 + (uint32_t)below(random, 100),
                               .id = draw(random)};
    if (event.kind == EVENT_PRESSURE) event.amount.of[0] = -1;
    event.job |= (uint64_t)1 << 62; // of nobody
    step(world, event);
}

static void act_on_job(struct world *world, const struct action *action, uint64_t *random) {
    struct world_job *job = any_job(world, random);
    struct core_event event = {.job = job->id, .attempt = job->attempt};
    if (!job->known) return;
    switch (action->kind) {
    case ACT_CANCEL: event.kind = EVENT_CANCEL; break;
    case ACT_HOLD:
        event.kind = EVENT_HOLD;
        job->promised = false;
        break;
    case ACT_RELEASE: event.kind = EVENT_RELEASE; break;
    case ACT_APPROVE: event.kind = EVENT_APPROVE; break;
    case ACT_REJECT: event.kind = EVENT_REJECT; break;
    case ACT_CHECKPOINTED:
        event.kind = EVENT_CHECKPOINTED;
        event.cost_ms = 1 + below(random, 5000);
        // From now on the core knows this cost; only where it could be preempted before.
        if (job->running && job->checkpoint_ms > 0) job->checkpoint_ms = event.cost_ms;
        break;
    default:
        if (job->running) exit_tell(world, job, ATTEMPT_BOX_FAULT);
        return;
    }
    step(world, event);
}

static void act_on_box(struct world *world, const struct action *action, uint64_t *random) {
    uint32_t device = (uint32_t)below(random, 8);
    struct core_event event = {.kind = EVENT_DEVICE, .device = device};
    struct core_voucher voucher;
    if (action->kind != ACT_VOUCHER && action->kind != ACT_UNRESERVE) world->disturbed = true;
    switch (action->kind) {
    case ACT_DEVICE:
        event.up = below(random, 3) > 0;
        if (event.up) world->capacity.devices |= (uint64_t)1 << device;
        if (!event.up) world->capacity.devices &= ~((uint64_t)1 << device);
        step(world, event);
        break;
    case ACT_POLICY:
        policy_draw(world, random);
        policy_give(world);
        break;
    case ACT_CAPACITY:
        capacity_draw(world, random);
        step(world, (struct core_event){.kind = EVENT_CAPACITY, .capacity = &world->capacity});
        break;
    case ACT_UNRESERVE:
        step(world,
             (struct core_event){.kind = EVENT_UNRESERVE, .id = 1 + (uint64_t)below(random, 8)});
        break;
    case ACT_VOUCHER:
        voucher = (struct core_voucher){.id = 1 + (uint64_t)below(random, 5),
                                        .tenant = any_tenant(world, random),
                                        .units_milli = 1000 * below(random, 10000),
                                        .valid_until_ms = world->now_ms + below(random, 1000000),
                                        .use_classes = (uint32_t)below(random, 4)};
        step(world, (struct core_event){.kind = EVENT_VOUCHER, .voucher = &voucher});
        break;
    default:
        event = (struct core_event){.kind = EVENT_PRESSURE};
        if (below(random, 2)) event.amount.of[RESOURCE_MEMORY] = below(random, 4096);
        step(world, event);
        break;
    }
}

bool world_do(struct world *world, const struct action *action) {
    uint64_t random = action->random;
    switch (action->kind) {
    case ACT_SUBMIT: act_submit(world, &random); break;
    case ACT_ADVANCE: advance(world, &random); break;
    case ACT_RESERVE: act_reserve(world, &random); break;
    case ACT_NONSENSE: act_nonsense(world, &random); break;
    case ACT_DEVICE:
    case ACT_POLICY:
    case ACT_CAPACITY:
    case ACT_UNRESERVE:
    case ACT_VOUCHER:
    case ACT_PRESSURE: act_on_box(world, action, &random); break;
    default: act_on_job(world, action, &random); break;
    }
    return world->wrong == NULL;
}

// ---- the world ---------------------------------------------------------------------------------
static const struct core_limits own_limits = {
    .jobs = WORLD_JOBS + 8, .running = 64, .tenants = 32, .shapes = 128, .edges = 8, .vouchers = 4};

size_t world_core_size(void) {
    return core_size(&own_limits);
}

void world_limits(struct core_limits *out) {
    *out = own_limits;
}

void world_open(struct world *world, void *memory, uint64_t seed) {
    memset(world, 0, sizeof *world);
    memset(memory, 0xA5, world_core_size()); // what the core does not set it must not read
    world->core = core_open(memory, &own_limits);
    world->now_ms = 1000000;
    world->next_id = 1;
    world->random = seed;
    capacity_draw(world, &world->random);
    policy_draw(world, &world->random);
    step(world, (struct core_event){.kind = EVENT_CAPACITY, .capacity = &world->capacity});
    policy_give(world);
}

bool world_run(struct world *world, void *memory, uint64_t seed, const struct action *actions,
               uint32_t count) {
    world_open(world, memory, seed);
    for (uint32_t i = 0; i < count && !world->wrong; i++) world_do(world, &actions[i]);
    return world->wrong == NULL;
}

uint32_t world_shrink(struct world *world, void *memory, uint64_t seed, struct action *actions,
                      uint32_t count) {
    static struct action fewer[WORLD_ACTIONS];
    for (uint32_t piece = count / 2; piece > 0; piece /= 2) {
        for (uint32_t from = 0; from + piece <= count;) {
            memcpy(fewer, actions, from * sizeof *actions);
            memcpy(fewer + from, actions + from + piece, (count - from - piece) * sizeof *actions);
            if (world_run(world, memory, seed, fewer, count - piece)) {
                from += piece;
                continue;
            }
            count -= piece;
            memcpy(actions, fewer, count * sizeof *actions);
        }
    }
    world_run(world, memory, seed, actions, count);
    return count;
}

void world_print(FILE *out, uint64_t seed, const struct action *actions, uint32_t count) {
    static const char *const names[ACT_COUNT] = {
        "submit",  "advance",   "cancel",  "hold",     "release", "approve",
        "reject",  "fault",     "cost",    "device",   "policy",  "capacity",
        "reserve", "unreserve", "voucher", "pressure", "nonsense"};
    fprintf(out, "world %llu, %u actions:\n", (unsigned long long)seed, count);
    for (uint32_t i = 0; i < count; i++) {
        fprintf(out, "  %-10s 0x%016llx\n", names[actions[i].kind],
                (unsigned long long)actions[i].random);
    }
}
