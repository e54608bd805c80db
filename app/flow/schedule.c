// See schedule.h.
#include "flow/schedule.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "allocation/explain.h"
#include "allocation/policy_core.h"
#include "base/assert.h"
#include "base/log.h"
#include "base/memory.h"
#include "flow/flow_private.h"

enum {
    // The policy's, and persons who have asked for something since the start. Persons beyond that
    // stand for themselves no more, only for their tenant.
    TENANTS_MOST = 4095,
    RUNNING_MOST = 512,
    STEP_ROOM = 64,            // decisions of one step
    ROW_ROOM = 4 * ACTIVE_MAX, // decisions not yet taken
    GUARD_LEAD_MS = 5 * 60 * 1000,
};

struct schedule {
    pthread_mutex_t lock; // of the core
    struct core *core;
    void *memory;
    struct core_tenant tenants[TENANTS_MOST];
    uint32_t tenant_count, policy_count; // those of the policy come first
    void *scratch;                       // a fork of the core: what is asked is tried out there
    uint64_t steps;                      // so far
    struct remembered {
        uint64_t job, steps; // when the answer was found
        struct schedule_why why;
    } remembered[ACTIVE_MAX];
    struct core_decision step[STEP_ROOM], row[ROW_ROOM];
    uint32_t first, count; // of the row
};

// ---- events ------------------------------------------------------------------------------------

static void row_add(struct schedule *schedule, const struct core_decision *decision) {
    cy_assert(schedule->count < ROW_ROOM); // a few for each active job at most
    schedule->row[(schedule->first + schedule->count++) % ROW_ROOM] = *decision;
}

static void step(struct schedule *schedule, const struct core_event *event) {
    struct core_event next = *event;
    uint32_t count;
    pthread_mutex_lock(&schedule->lock);
    do {
        count = core_step(schedule->core, &next, schedule->step, STEP_ROOM);
        schedule->steps++;
        for (uint32_t i = 0; i < count; i++) row_add(schedule, &schedule->step[i]);
        next = (struct core_event){.kind = EVENT_TICK, .now_ms = event->now_ms};
    } while (count == STEP_ROOM); // it had more to say
    pthread_mutex_unlock(&schedule->lock);
}

bool schedule_take(struct schedule *schedule, struct core_decision *out) {
    if (schedule->count == 0) return false;
    *out = schedule->row[schedule->first];
    schedule->first = (schedule->first + 1) % ROW_ROOM;
    schedule->count--;
    return true;
}

static void policy_tell(struct schedule *schedule, int64_t now_ms) {
    struct core_policy policy;
    core_policy_default(&policy);
    policy.tenants = schedule->tenants;
    policy.tenant_count = schedule->tenant_count;
    policy.guard_ms = GUARD_MS + GUARD_LEAD_MS;
    policy.guard_lead_ms = GUARD_LEAD_MS;
    policy.grace_ms = PAUSE_GRACE_MS;
    // The core ignores as a whole what it cannot take; the former policy then stays in force.
    if (!core_policy_check(schedule->core, &policy)) {
        log_event(LOG_ERROR, "policy.not_taken", "tenants=%" PRIu32, policy.tenant_count);
    }
    step(schedule, &(struct core_event){.kind = EVENT_POLICY, .now_ms = now_ms, .policy = &policy});
}

static bool is_tenant(const struct schedule *schedule, uint64_t tenant) {
    for (uint32_t i = 0; i < schedule->policy_count; i++) {
        if (schedule->tenants[i].id == tenant) return true;
    }
    return false;
}

void schedule_policy(struct schedule *schedule, const struct policy *policy, int64_t now_ms) {
    uint32_t persons = schedule->tenant_count - schedule->policy_count;
    uint32_t count = policy->count < TENANTS_MOST ? policy->count : TENANTS_MOST;
    if (persons > TENANTS_MOST - count) persons = TENANTS_MOST - count;
    memmove(schedule->tenants + count, schedule->tenants + schedule->policy_count,
            persons * sizeof *schedule->tenants);
    schedule->policy_count = policy_core_tenants(policy, schedule->tenants, count);
    schedule->tenant_count = count + persons;
    for (uint32_t i = count; i < schedule->tenant_count; i++) {
        struct core_tenant *person = &schedule->tenants[i];
        if (!is_tenant(schedule, person->parent)) person->parent = TENANT_DEFAULT;
    }
    policy_tell(schedule, now_ms);
}

// The person's node below their tenant, made at their first job and moved when they are.
static uint64_t tenant_of(struct schedule *schedule, const struct schedule_job *job,
                          int64_t now_ms) {
    uint64_t id = policy_core_person_id(job->person), tenant = job->tenant;
    if (!is_tenant(schedule, tenant)) tenant = schedule->policy_count ? TENANT_DEFAULT : 0;
    for (uint32_t i = schedule->policy_count; i < schedule->tenant_count; i++) {
        if (schedule->tenants[i].id != id) continue;
        if (schedule->tenants[i].parent == tenant) return id;
        schedule->tenants[i].parent = tenant;
        policy_tell(schedule, now_ms);
        return id;
    }
    if (schedule->tenant_count == TENANTS_MOST || job->person == 0) return tenant;
    schedule->tenants[schedule->tenant_count++] = policy_core_person(job->person, tenant);
    policy_tell(schedule, now_ms);
    return id;
}

void schedule_submit(struct schedule *schedule, const struct schedule_job *job, int64_t now_ms) {
    struct core_job told = {
        .id = job->id,
        .tenant = tenant_of(schedule, job, now_ms),
        .need.of[RESOURCE_CPU] = (int64_t)job->cpu_milli,
        .need.of[RESOURCE_MEMORY] = (int64_t)(job->memory_bytes >> 20),
        .members = 1,
        .checkpoint_ms = job->checkpoint_ms,
        .not_before_ms = job->not_before_ms,
        .submitted_ms = job->submitted_ms,
        .attempts = job->attempts,
        .served_milli = job->served_milli,
        .ran_ms = job->ran_ms,
    };
    step(schedule, &(struct core_event){
                       .kind = EVENT_SUBMIT, .now_ms = now_ms, .job = job->id, .submit = &told});
}

void schedule_adopt(struct schedule *schedule, uint64_t job, uint32_t attempt, int64_t started_ms,
                    int64_t now_ms) {
    static const struct core_place nowhere;
    step(schedule, &(struct core_event){.kind = EVENT_ADOPT,
                                        .now_ms = now_ms,
                                        .job = job,
                                        .attempt = attempt,
                                        .started_ms = started_ms,
                                        .place = &nowhere});
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
    int64_t wake_ms = core_wake_ms(schedule->core);
    pthread_mutex_unlock(&schedule->lock);
    return wake_ms;
}

// ---- the whole ---------------------------------------------------------------------------------

enum err schedule_open(const struct allocation_capacity *capacity, struct schedule **out) {
    struct core_limits limits;
    core_limits_default(&limits);
    limits.jobs = ACTIVE_MAX;
    limits.running = RUNNING_MOST;
    limits.tenants = TENANTS_MOST + 1;
    struct schedule *schedule = memory_take(sizeof *schedule);
    if (!schedule) return ERR_MEMORY;
    pthread_mutex_init(&schedule->lock, NULL);
    schedule->memory = memory_take(core_size(&limits));
    schedule->scratch = memory_take(core_size(&limits));
    if (!schedule->memory || !schedule->scratch) {
        schedule_close(schedule);
        return ERR_MEMORY;
    }
    schedule->core = core_open(schedule->memory, &limits);
    struct core_capacity told = {
        .amount.of[RESOURCE_CPU] = (int64_t)capacity->cpu_milli,
        .amount.of[RESOURCE_MEMORY] = (int64_t)(capacity->memory_bytes >> 20),
    };
    step(schedule, &(struct core_event){.kind = EVENT_CAPACITY, .capacity = &told});
    policy_tell(schedule, 0);
    *out = schedule;
    return OK;
}

void schedule_close(struct schedule *schedule) {
    if (!schedule) return;
    pthread_mutex_destroy(&schedule->lock);
    memory_give(schedule->scratch);
    memory_give(schedule->memory);
    memory_give(schedule);
}

static struct remembered *remembered_slot(struct schedule *schedule, uint64_t job) {
    return &schedule->remembered[job % ACTIVE_MAX];
}

void schedule_explain(struct schedule *schedule, uint64_t job, struct schedule_why *out) {
    struct explanation told;
    pthread_mutex_lock(&schedule->lock);
    struct remembered *slot = remembered_slot(schedule, job);
    if (slot->job != job || slot->steps != schedule->steps) {
        core_explain(schedule->core, schedule->scratch, job, &told);
        bool known = told.start_ms < CORE_TIME_MAX && told.why != WHY_NONE;
        *slot = (struct remembered){
            .job = job,
            .steps = schedule->steps,
            .why = {.why = told.why,
                    .blocker = told.blocker_count ? told.blockers[0] : 0,
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
