// See schedule.h.
#include "flow/jobs/schedule.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "allocation/explain.h"
#include "allocation/journal.h"
#include "allocation/policy_core.h"
#include "base/assert.h"
#include "base/log.h"
#include "base/memory.h"
#include "flow/flow_private.h"

enum {
    // The policy's, and persons who have asked for something since the start. Persons beyond that
    // stand for themselves no more, only for their tenant.
    TENANTS_MOST = 4095,
    PROMISES_MOST = 512,           // deadlines to be kept at once
    RUNNING_MOST = ACTIVE_MAX / 2, // as many again may wait for the committer
    STEP_ROOM = 64,                // decisions of one step
    ROW_FIRST = 256,               // decisions not yet taken; more if need be
    ROW_MANY = 4096,               // no more of them are asked for while so many wait
    REMEMBERED = 1024,             // explanations
    INDEX_ROOM = 8192,             // a power of two, twice the tenants
    GUARD_LEAD_MS = 5 * 60 * 1000,
    GUARD_AGAIN_MS = 48 * 3600 * 1000, // of one that ran before
};

struct schedule {
    pthread_mutex_t lock; // of the core
    struct core *core;
    void *memory;
    size_t core_bytes;
    struct core_limits limits;
    struct journal *journal; // of what the core is told; NULL: none
    struct core_tenant tenants[TENANTS_MOST];
    uint32_t tenant_count, policy_count;    // those of the policy come first
    uint16_t index[INDEX_ROOM];             // of an id: where among the tenants it stands, and one
    struct core_tenant spare[TENANTS_MOST]; // a tree that is being made
    void *scratch;                          // a fork of the core: what is asked is tried out there
    uint64_t steps;                         // so far
    struct remembered {
        uint64_t job, steps; // when the answer was found
        struct schedule_why why;
    } remembered[REMEMBERED];
    struct core_reservation asked[SLOTS_MAX];
    struct core_decision step[STEP_ROOM];
    struct core_decision *row;   // (room): decisions not yet taken
    uint32_t first, count, room; // a power of two
    bool more;                   // the core has more to say
    bool people_changed;         // and the core has not been told
};

// What a submission would tell the core.
struct submission {
    struct core_job job;
    struct core_policy policy;
    struct core_event events[2];
    struct core_tenant tenants[TENANTS_MOST];
};

// ---- events ------------------------------------------------------------------------------------

static void row_grow(struct schedule *schedule) {
    uint32_t room = schedule->room ? 2 * schedule->room : ROW_FIRST;
    struct core_decision *row = memory_take(room * sizeof *row);
    cy_assert(row); // a decision of the core must not be lost: the records know how to go on
    for (uint32_t i = 0; i < schedule->count; i++) {
        row[i] = schedule->row[(schedule->first + i) & (schedule->room - 1)];
    }
    memory_give(schedule->row);
    schedule->row = row;
    schedule->room = room;
    schedule->first = 0;
}

static void row_add(struct schedule *schedule, const struct core_decision *decision) {
    if (schedule->count == schedule->room) row_grow(schedule);
    uint32_t at = (schedule->first + schedule->count++) & (schedule->room - 1);
    schedule->row[at] = *decision;
}

// What is more than many is said at the next tick, once some of them have been taken.
static void step(struct schedule *schedule, const struct core_event *event) {
    struct core_event next = *event;
    pthread_mutex_lock(&schedule->lock);
    do {
        uint32_t count = core_step(schedule->core, &next, schedule->step, STEP_ROOM);
        journal_event(schedule->journal, schedule->core, &next);
        schedule->steps++;
        for (uint32_t i = 0; i < count; i++) row_add(schedule, &schedule->step[i]);
        next = (struct core_event){.kind = EVENT_TICK, .now_ms = event->now_ms};
        schedule->more = count == STEP_ROOM;
    } while (schedule->more && schedule->count < ROW_MANY);
    pthread_mutex_unlock(&schedule->lock);
}

bool schedule_take(struct schedule *schedule, struct core_decision *out) {
    if (schedule->count == 0) return false;
    *out = schedule->row[schedule->first];
    schedule->first = (schedule->first + 1) & (schedule->room - 1);
    schedule->count--;
    return true;
}

void schedule_rules(struct core_policy *out) {
    core_policy_default(out);
    out->guard_ms = GUARD_MS + GUARD_LEAD_MS;
    out->guard_lead_ms = GUARD_LEAD_MS;
    out->guard_again_ms = GUARD_AGAIN_MS;
    out->grace_ms = PAUSE_GRACE_MS;
}

static struct core_policy policy_of(const struct core_tenant *tenants, uint32_t count) {
    struct core_policy policy;
    schedule_rules(&policy);
    policy.tenants = tenants;
    policy.tenant_count = count;
    return policy;
}

static void policy_tell(struct schedule *schedule, int64_t now_ms) {
    struct core_policy policy = policy_of(schedule->tenants, schedule->tenant_count);
    // The core ignores as a whole what it cannot take; the former policy then stays in force.
    if (!core_policy_check(schedule->core, &policy)) {
        log_event(LOG_ERROR, "policy.not_taken", "tenants=%" PRIu32, policy.tenant_count);
    }
    step(schedule, &(struct core_event){.kind = EVENT_POLICY, .now_ms = now_ms, .policy = &policy});
}

// The place in the index where the id stands or would stand.
static uint16_t *index_slot(struct schedule *schedule, uint64_t id) {
    uint32_t at = (uint32_t)((id * 0x9e3779b97f4a7c15u) >> 40) & (INDEX_ROOM - 1);
    while (schedule->index[at] && schedule->tenants[schedule->index[at] - 1].id != id) {
        at = (at + 1) & (INDEX_ROOM - 1);
    }
    return &schedule->index[at];
}

static void index_make(struct schedule *schedule) {
    memset(schedule->index, 0, sizeof schedule->index);
    for (uint32_t i = 0; i < schedule->tenant_count; i++) {
        *index_slot(schedule, schedule->tenants[i].id) = (uint16_t)(i + 1);
    }
}

// Where it stands among the tenants; tenant_count: nowhere.
static uint32_t tenant_at(struct schedule *schedule, uint64_t id) {
    uint16_t slot = *index_slot(schedule, id);
    return slot ? slot - 1u : schedule->tenant_count;
}

static bool is_tenant(struct schedule *schedule, uint64_t tenant) {
    return tenant_at(schedule, tenant) < schedule->policy_count;
}

// The policy's tenants, and behind them the persons who are known now. Returns how many in all.
static uint32_t tree_make(const struct schedule *schedule, const struct policy *policy,
                          struct core_tenant out[static TENANTS_MOST], uint32_t *out_of_policy) {
    uint32_t room = policy->count < TENANTS_MOST ? policy->count : TENANTS_MOST;
    uint32_t of_policy = policy_core_tenants(policy, out, room), count = of_policy;
    for (uint32_t i = schedule->policy_count; i < schedule->tenant_count; i++) {
        if (count == TENANTS_MOST) break;
        struct core_tenant *person = &out[count++];
        *person = schedule->tenants[i];
        bool stays = false;
        for (uint32_t k = 0; k < of_policy && !stays; k++) stays = out[k].id == person->parent;
        if (!stays) person->parent = TENANT_DEFAULT;
    }
    *out_of_policy = of_policy;
    return count;
}

void schedule_policy(struct schedule *schedule, const struct policy *policy, int64_t now_ms) {
    pthread_mutex_lock(&schedule->lock);
    schedule->tenant_count = tree_make(schedule, policy, schedule->spare, &schedule->policy_count);
    memcpy(schedule->tenants, schedule->spare, schedule->tenant_count * sizeof *schedule->tenants);
    index_make(schedule);
    pthread_mutex_unlock(&schedule->lock);
    policy_tell(schedule, now_ms);
}

// Where the tenant of a job is in the tree.
static uint64_t tenant_known(struct schedule *schedule, uint64_t tenant) {
    if (is_tenant(schedule, tenant)) return tenant;
    return schedule->policy_count ? TENANT_DEFAULT : 0;
}

// Whom a job counts for: the person's own node, or the tenant for a person who has none (yet).
static uint64_t tenant_of(struct schedule *schedule, const struct schedule_job *job) {
    uint64_t id = policy_core_person_id(job->person);
    bool known = tenant_at(schedule, id) < schedule->tenant_count;
    return known ? id : tenant_known(schedule, job->tenant);
}

void schedule_person(struct schedule *schedule, uint64_t person, uint64_t tenant) {
    uint64_t id = policy_core_person_id(person);
    if (person == 0) return;
    pthread_mutex_lock(&schedule->lock);
    uint64_t parent = tenant_known(schedule, tenant);
    uint32_t at = tenant_at(schedule, id);
    bool new = at == schedule->tenant_count &&at < TENANTS_MOST;
    if (new) {
        *index_slot(schedule, id) = (uint16_t)(at + 1);
        schedule->tenants[schedule->tenant_count++] = policy_core_person(person, parent);
    }
    bool moved = !new &&at < schedule->tenant_count && schedule->tenants[at].parent != parent;
    if (moved) schedule->tenants[at].parent = parent;
    schedule->people_changed = schedule->people_changed || new || moved;
    pthread_mutex_unlock(&schedule->lock);
}

void schedule_people_tell(struct schedule *schedule, int64_t now_ms) {
    if (schedule->people_changed) policy_tell(schedule, now_ms);
    schedule->people_changed = false;
}

// What cannot give way is thought to end with its estimate, or its time limit where there is none,
// so that it may run before what is promised or reserved for later. That is no limit of its own:
// schedule.h's caller keeps the real one and lets it run on when the core would kill it for that.
static struct core_job core_job_of(const struct schedule_job *job, uint64_t tenant) {
    int64_t length_ms = job->estimate_ms ? job->estimate_ms : (int64_t)job->time_limit_ms;
    bool ends = length_ms > 0 && !job->checkpoint_ms;
    return (struct core_job){
        .id = job->id,
        .tenant = tenant,
        .need.of[RESOURCE_CPU] = (int64_t)job->cpu_milli,
        .need.of[RESOURCE_MEMORY] = (int64_t)(job->memory_bytes >> 20),
        .need.of[RESOURCE_DISK] = (int64_t)(job->disk_bytes >> 20),
        .need.of[RESOURCE_DEVICE] = (int64_t)job->device_milli,
        .members = job->members ? job->members : 1,
        .priority = job->priority,
        .flags = (job->hold ? CORE_HELD : 0u) | (job->approval ? CORE_APPROVAL : 0u) |
                 (job->redoable ? CORE_RESTARTABLE : 0u) | (job->own_cpus ? CORE_OWN_CPUS : 0u) |
                 (job->lease ? CORE_LEASE : 0u),
        .array = job->array,
        .array_most = job->array_most,
        .checkpoint_ms = job->checkpoint_ms,
        .reservation = job->reservation,
        .not_before_ms = job->not_before_ms,
        .limit_ms = ends ? job->ran_ms + length_ms : 0,
        .deadline_ms = job->deadline_ms,
        .estimate_ms = job->estimate_ms,
        .submitted_ms = job->submitted_ms,
        .attempts = job->attempts,
        .restarts = job->paused,
        .served_milli = job->served_milli,
        .ran_ms = job->ran_ms,
    };
}

void schedule_submit(struct schedule *schedule, const struct schedule_job *job, int64_t now_ms) {
    schedule_person(schedule, job->person, job->tenant);
    schedule_people_tell(schedule, now_ms);
    struct core_job told = core_job_of(job, tenant_of(schedule, job));
    step(schedule, &(struct core_event){
                       .kind = EVENT_SUBMIT, .now_ms = now_ms, .job = job->id, .submit = &told});
}

enum core_why schedule_try(struct schedule *schedule, const struct schedule_job *job,
                           int64_t now_ms, int64_t *out_promised_ms) {
    struct core_decision decisions[STEP_ROOM];
    enum core_why why = WHY_NONE;
    pthread_mutex_lock(&schedule->lock);
    struct core_job told = core_job_of(job, tenant_of(schedule, job));
    struct core_event event = {
        .kind = EVENT_SUBMIT, .now_ms = now_ms, .job = job->id, .submit = &told};
    struct core *fork = core_fork(schedule->scratch, schedule->core);
    uint32_t count = core_step(fork, &event, decisions, STEP_ROOM); // of the submit itself: first
    pthread_mutex_unlock(&schedule->lock);
    for (uint32_t i = 0; i < count; i++) {
        if (decisions[i].job != job->id) continue;
        if (decisions[i].kind == DECISION_PROMISE) *out_promised_ms = decisions[i].at_ms;
        if (decisions[i].kind == DECISION_REFUSE) why = decisions[i].why;
    }
    return why;
}

// Under the lock: the events of a submission, as schedule_submit would tell them. A person who is
// new, or has moved, comes first, in a policy of its own. *tenants: copied there, (TENANTS_MOST).
static uint32_t submit_events(struct schedule *schedule, const struct schedule_job *job,
                              int64_t now_ms, struct submission *out) {
    uint64_t id = policy_core_person_id(job->person), tenant = tenant_known(schedule, job->tenant);
    uint32_t count = schedule->tenant_count, at = tenant_at(schedule, id);
    bool known = at < count, stays = known && schedule->tenants[at].parent == tenant;
    bool own = known || (count < TENANTS_MOST && job->person != 0);
    out->job = core_job_of(job, own ? id : tenant);
    out->events[0] = out->events[1] = (struct core_event){
        .kind = EVENT_SUBMIT, .now_ms = now_ms, .job = job->id, .submit = &out->job};
    if (stays || !own) return 1;
    memcpy(out->tenants, schedule->tenants, count * sizeof *out->tenants);
    out->tenants[at] = policy_core_person(job->person, tenant);
    out->policy = policy_of(out->tenants, known ? count : count + 1);
    out->events[0] =
        (struct core_event){.kind = EVENT_POLICY, .now_ms = now_ms, .policy = &out->policy};
    return 2;
}

enum err schedule_what_if(struct schedule *schedule, const struct schedule_job *job, int64_t now_ms,
                          struct what_if *out) {
    struct submission *submission = memory_take(sizeof *submission);
    void *base = memory_take_unset(schedule->core_bytes),
         *fork = memory_take_unset(schedule->core_bytes),
         *scratch = memory_take_unset(schedule->core_bytes);
    enum err err = submission && base && fork && scratch ? OK : ERR_MEMORY;
    if (err == OK) {
        pthread_mutex_lock(&schedule->lock);
        uint32_t count = submit_events(schedule, job, now_ms, submission);
        struct core *copy = core_fork(base, schedule->core);
        pthread_mutex_unlock(&schedule->lock);
        core_try_submit(copy, fork, scratch, submission->events, count, job->id, out);
    }
    memory_give(submission);
    memory_give(base);
    memory_give(fork);
    memory_give(scratch);
    return err;
}

void schedule_hold(struct schedule *schedule, uint64_t job, bool hold, int64_t now_ms) {
    enum core_event_kind kind = hold ? EVENT_HOLD : EVENT_RELEASE;
    step(schedule, &(struct core_event){.kind = kind, .now_ms = now_ms, .job = job});
}

void schedule_approve(struct schedule *schedule, uint64_t job, int64_t now_ms) {
    step(schedule, &(struct core_event){.kind = EVENT_APPROVE, .now_ms = now_ms, .job = job});
}

int64_t schedule_if_approved(struct schedule *schedule, uint64_t job, int64_t now_ms) {
    struct core_event event = {.kind = EVENT_APPROVE, .now_ms = now_ms, .job = job};
    pthread_mutex_lock(&schedule->lock);
    int64_t start_ms = core_what_if(schedule->core, schedule->scratch, &event, job);
    pthread_mutex_unlock(&schedule->lock);
    return start_ms < CORE_TIME_MAX ? start_ms : 0;
}

void schedule_capacity(struct schedule *schedule, const struct core_capacity *capacity) {
    step(schedule, &(struct core_event){.kind = EVENT_CAPACITY, .capacity = capacity});
}

// On hold until then: what could start at once would be started once more.
void schedule_adopt(struct schedule *schedule, const struct schedule_job *job, uint32_t attempt,
                    const struct core_place *place, int64_t started_ms, int64_t now_ms) {
    struct schedule_job held = *job;
    held.hold = true;
    schedule_submit(schedule, &held, now_ms);
    step(schedule, &(struct core_event){.kind = EVENT_ADOPT,
                                        .now_ms = now_ms,
                                        .job = job->id,
                                        .attempt = attempt,
                                        .started_ms = started_ms,
                                        .place = place});
}

enum core_why schedule_reserve(struct schedule *schedule, const struct core_reservation *slot,
                               int64_t now_ms) {
    uint32_t before = schedule->count;
    step(schedule,
         &(struct core_event){.kind = EVENT_RESERVE, .now_ms = now_ms, .reservation = slot});
    for (uint32_t i = before; i < schedule->count; i++) {
        const struct core_decision *decision =
            &schedule->row[(schedule->first + i) & (schedule->room - 1)];
        bool own = decision->kind == DECISION_RESERVE && decision->other == slot->id;
        if (own) return decision->why;
    }
    return WHY_INVALID;
}

void schedule_unreserve(struct schedule *schedule, uint64_t slot, int64_t now_ms) {
    step(schedule, &(struct core_event){.kind = EVENT_UNRESERVE, .now_ms = now_ms, .id = slot});
}

void schedule_slots_try(struct schedule *schedule, const struct slots_wanted *wanted,
                        struct slots_answer *out) {
    struct slots_wanted known = *wanted;
    cy_assert(wanted->count <= SLOTS_MAX);
    pthread_mutex_lock(&schedule->lock);
    for (uint32_t i = 0; i < wanted->count; i++) {
        schedule->asked[i] = wanted->slots[i];
        if (is_tenant(schedule, schedule->asked[i].tenant)) continue;
        schedule->asked[i].tenant = schedule->policy_count ? TENANT_DEFAULT : 0;
    }
    known.slots = schedule->asked;
    core_slots_try(schedule->core, schedule->scratch, &known, out);
    pthread_mutex_unlock(&schedule->lock);
}

void schedule_cancel(struct schedule *schedule, uint64_t job, int64_t now_ms) {
    step(schedule, &(struct core_event){.kind = EVENT_CANCEL, .now_ms = now_ms, .job = job});
}

int64_t schedule_exit(struct schedule *schedule, uint64_t job, uint32_t attempt, int64_t now_ms) {
    struct core_job_view view;
    pthread_mutex_lock(&schedule->lock);
    core_job_look(schedule->core, job, &view);
    pthread_mutex_unlock(&schedule->lock);
    step(schedule, &(struct core_event){.kind = EVENT_EXITED,
                                        .now_ms = now_ms,
                                        .job = job,
                                        .attempt = attempt,
                                        .outcome = ATTEMPT_DONE});
    return view.state == CORE_NONE ? 0 : view.served_milli;
}

void schedule_tick(struct schedule *schedule, int64_t now_ms) {
    step(schedule, &(struct core_event){.kind = EVENT_TICK, .now_ms = now_ms});
}

int64_t schedule_wake_ms(struct schedule *schedule) {
    pthread_mutex_lock(&schedule->lock);
    int64_t wake_ms = schedule->more ? 0 : core_wake_ms(schedule->core);
    journal_flush(schedule->journal); // its caller is about to sleep
    pthread_mutex_unlock(&schedule->lock);
    return wake_ms;
}

// ---- the whole ---------------------------------------------------------------------------------

enum err schedule_open(const struct allocation_capacity *capacity, struct schedule **out) {
    struct core_limits limits;
    core_limits_default(&limits);
    limits.jobs = WAITING_MAX;
    limits.running = RUNNING_MOST;
    limits.tenants = TENANTS_MOST + 1;
    limits.edges = SLOTS_MAX + PROMISES_MOST;
    struct schedule *schedule = memory_take(sizeof *schedule);
    if (!schedule) return ERR_MEMORY;
    pthread_mutex_init(&schedule->lock, NULL);
    schedule->core_bytes = core_size(&limits);
    schedule->memory = memory_take_unset(schedule->core_bytes);
    schedule->scratch = memory_take_unset(schedule->core_bytes);
    if (!schedule->memory || !schedule->scratch) {
        schedule_close(schedule);
        return ERR_MEMORY;
    }
    schedule->limits = limits;
    schedule->core = core_open(schedule->memory, &limits);
    struct core_capacity told = {
        .amount.of[RESOURCE_CPU] = (int64_t)capacity->cpu_milli,
        .amount.of[RESOURCE_MEMORY] = (int64_t)(capacity->memory_bytes >> 20),
    };
    schedule_capacity(schedule, &told);
    policy_tell(schedule, 0);
    *out = schedule;
    return OK;
}

enum err schedule_journal(struct schedule *schedule, const char *folder, struct fault *fault) {
    pthread_mutex_lock(&schedule->lock);
    enum err err = journal_open(folder, &schedule->limits, STEP_ROOM, schedule->core,
                                &schedule->journal, fault);
    pthread_mutex_unlock(&schedule->lock);
    return err;
}

void schedule_close(struct schedule *schedule) {
    if (!schedule) return;
    journal_close(schedule->journal);
    pthread_mutex_destroy(&schedule->lock);
    memory_give(schedule->row);
    memory_give(schedule->scratch);
    memory_give(schedule->memory);
    memory_give(schedule);
}

// ---- what a change would do --------------------------------------------------------------------

struct changing {
    struct submission change; // its policy, tenants and events
    struct what_if_way before, after;
};

// Under the lock: the events of the change. 0: the core would not take the policy.
static uint32_t change_events(struct schedule *schedule, const struct policy *policy,
                              const struct core_capacity *capacity, int64_t now_ms,
                              struct changing *c) {
    struct submission *change = &c->change;
    uint32_t count = 0, of_policy;
    if (policy) {
        uint32_t tenants = tree_make(schedule, policy, change->tenants, &of_policy);
        change->policy = policy_of(change->tenants, tenants);
        if (!core_policy_check(schedule->core, &change->policy)) return 0;
        change->events[count++] =
            (struct core_event){.kind = EVENT_POLICY, .now_ms = now_ms, .policy = &change->policy};
    }
    if (capacity) {
        change->events[count++] =
            (struct core_event){.kind = EVENT_CAPACITY, .now_ms = now_ms, .capacity = capacity};
    }
    return count;
}

static void way_add(struct what_if_way *way, const struct core_decision *decision, int64_t now_ms) {
    if (decision->kind != DECISION_START || way->count == WHAT_IF_STARTS_MAX) return;
    way->starts[way->count++] = (struct what_if_start){decision->job, now_ms};
}

// Tells the fork of the events, keeps what it decides at once, and looks ahead.
static void change_look(struct core *fork, const struct core_event *events, uint32_t count,
                        struct what_if_way *way, struct schedule_preview *out) {
    struct core_decision decisions[STEP_ROOM];
    for (uint32_t i = 0; i < count; i++) {
        struct core_event next = events[i];
        uint32_t made;
        do {
            made = core_step(fork, &next, decisions, STEP_ROOM);
            for (uint32_t k = 0; k < made; k++) {
                way_add(way, &decisions[k], core_now_ms(fork));
                if (!out || out->decision_count == PREVIEW_DECISIONS_MAX) continue;
                out->decisions[out->decision_count++] = decisions[k];
            }
            next = (struct core_event){.kind = EVENT_TICK, .now_ms = next.now_ms};
        } while (made == STEP_ROOM);
    }
    core_look(fork, way);
}

static int64_t start_in(const struct what_if_way *way, uint64_t job) {
    for (uint32_t i = 0; i < way->count; i++) {
        if (way->starts[i].job == job) return way->starts[i].at_ms;
    }
    return CORE_TIME_MAX;
}

static void waits_find(const struct core *now, const struct changing *c,
                       struct schedule_preview *out) {
    uint64_t job = core_job_next(now, 0);
    for (; job && out->wait_count < PREVIEW_WAITS_MAX; job = core_job_next(now, job)) {
        struct core_job_view view;
        core_job_look(now, job, &view);
        if (view.state != CORE_WAITING) continue;
        out->waits[out->wait_count++] =
            (struct schedule_wait){job, start_in(&c->before, job), start_in(&c->after, job)};
    }
}

enum err schedule_preview(struct schedule *schedule, const struct policy *policy,
                          const struct core_capacity *capacity, int64_t now_ms,
                          struct schedule_preview *out) {
    struct changing *c = memory_take(sizeof *c);
    void *base = memory_take_unset(schedule->core_bytes),
         *fork = memory_take_unset(schedule->core_bytes);
    enum err err = c && base && fork ? OK : ERR_MEMORY;
    *out = (struct schedule_preview){0};
    if (err == OK) {
        pthread_mutex_lock(&schedule->lock);
        uint32_t count = change_events(schedule, policy, capacity, now_ms, c);
        struct core *now = core_fork(base, schedule->core);
        pthread_mutex_unlock(&schedule->lock);
        struct core_event tick = {.kind = EVENT_TICK, .now_ms = now_ms};
        if (count) {
            change_look(core_fork(fork, now), c->change.events, count, &c->after, out);
            change_look(core_fork(fork, now), &tick, 1, &c->before, NULL);
            waits_find(now, c, out);
        } else if (policy) {
            err = ERR_LIMIT;
        }
    }
    memory_give(c);
    memory_give(base);
    memory_give(fork);
    return err;
}

static struct remembered *remembered_slot(struct schedule *schedule, uint64_t job) {
    return &schedule->remembered[job % REMEMBERED];
}

void schedule_explain(struct schedule *schedule, uint64_t job, struct schedule_why *out) {
    struct explanation told;
    pthread_mutex_lock(&schedule->lock);
    struct remembered *slot = remembered_slot(schedule, job);
    struct core_job_view view;
    core_job_look(schedule->core, job, &view);
    if (view.state == CORE_NONE) { // not yet, or no longer
        pthread_mutex_unlock(&schedule->lock);
        *out = (struct schedule_why){0};
        return;
    }
    if (slot->job != job || slot->steps != schedule->steps) {
        core_explain(schedule->core, schedule->scratch, job, &told);
        bool known = told.start_ms < CORE_TIME_MAX && told.why != WHY_NONE;
        bool named = told.blocker_count > 0;
        *slot = (struct remembered){
            .job = job,
            .steps = schedule->steps,
            .why = {.why = told.why,
                    .blocker = named && !(told.slots & 1) ? told.blockers[0] : 0,
                    .slot = named && told.slots & 1 ? told.blockers[0] : 0,
                    .blockers = told.blocker_count,
                    .expected_ms = known ? told.start_ms : 0},
        };
    }
    *out = slot->why;
    pthread_mutex_unlock(&schedule->lock);
}

void schedule_tenant(struct schedule *schedule, uint64_t tenant, struct schedule_use *out) {
    *out = (struct schedule_use){0};
    pthread_mutex_lock(&schedule->lock);
    core_tenant_look(schedule->core, tenant, &out->used, &out->waiting, &out->running);
    pthread_mutex_unlock(&schedule->lock);
}

void schedule_usage(struct schedule *schedule, struct core_usage *out) {
    pthread_mutex_lock(&schedule->lock);
    core_usage_look(schedule->core, out);
    pthread_mutex_unlock(&schedule->lock);
}

enum core_state schedule_state(struct schedule *schedule, uint64_t job) {
    struct core_job_view view;
    pthread_mutex_lock(&schedule->lock);
    core_job_look(schedule->core, job, &view);
    pthread_mutex_unlock(&schedule->lock);
    return view.state;
}

bool schedule_waits(struct schedule *schedule, uint64_t job) {
    enum core_state state = schedule_state(schedule, job);
    return state == CORE_WAITING || state == CORE_STARTING;
}

uint32_t schedule_waiting(struct schedule *schedule, uint64_t *out, uint32_t room) {
    uint32_t count = 0;
    pthread_mutex_lock(&schedule->lock);
    uint64_t job = core_job_next(schedule->core, 0);
    for (; job && count < room; job = core_job_next(schedule->core, job)) {
        struct core_job_view view;
        core_job_look(schedule->core, job, &view);
        if (view.state == CORE_WAITING || view.state == CORE_STARTING) out[count++] = job;
    }
    pthread_mutex_unlock(&schedule->lock);
    return count;
}
