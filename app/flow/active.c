// The list of attempts: a fixed number of slots, filled by the runner's thread and emptied by
// whoever has brought an attempt to its end. Jobs that wait are in the core alone.
#include <string.h>

#include "base/assert.h"
#include "flow/executor.h"

struct active *active_find(struct flow *flow, uint64_t job) {
    for (uint32_t i = 0; i < ACTIVE_MAX; i++) {
        if (flow->active_job[i] == job) return &flow->active[i];
    }
    return NULL;
}

struct active *active_put(struct flow *flow, uint64_t job) {
    for (uint32_t i = 0; i < ACTIVE_MAX; i++) {
        if (flow->active_job[i] != 0) continue;
        flow->active_job[i] = job;
        flow->active[i] =
            (struct active){.state = ACTIVE_STARTING, .job = job, .pidfd = -1, .wait_status = -1};
        return &flow->active[i];
    }
    return NULL;
}

void active_fill(struct active *active, const struct job *job) {
    active->owner = job->actor.id;
    active->tenant = job->tenant;
    active->cpu_milli = job->cpu_milli * job_members(job);
    active->memory_bytes = job->memory_bytes * job_members(job);
    active->time_limit_ms = job->time_limit_ms;
    active->submitted_ms = job->created_ms;
    active->started_ms = job->started_ms;
    active->attempt = (uint32_t)job->attempt;
    active->served_milli = job->served_milli;
    active->place = job->place;
    active->cancel = active->cancel || job->cancel;
    active->keeps = schedule_job_of(job).checkpoint_ms > 0;
}

void active_free(struct flow *flow, struct active *active) {
    active->state = ACTIVE_FREE;
    flow->active_job[active - flow->active] = 0;
}

bool runner_look(struct flow *flow, uint64_t job, struct active *out, struct active_now *now) {
    pthread_mutex_lock(&flow->lock);
    const struct active *active = active_find(flow, job);
    *now = (struct active_now){0};
    if (active) *out = *active;
    if (active && active->progress) {
        *now = (struct active_now){
            .phase = atomic_load_explicit(&active->progress->phase, memory_order_relaxed),
            .done = atomic_load_explicit(&active->progress->done, memory_order_relaxed),
            .total = atomic_load_explicit(&active->progress->total, memory_order_relaxed),
            .rows = atomic_load_explicit(&active->progress->rows, memory_order_relaxed),
        };
    }
    pthread_mutex_unlock(&flow->lock);
    return active != NULL;
}

uint32_t runner_copy(struct flow *flow, struct active *out, uint32_t room) {
    uint32_t count = 0;
    pthread_mutex_lock(&flow->lock);
    for (uint32_t i = 0; i < ACTIVE_MAX && count < room; i++) {
        if (flow->active_job[i] == 0) continue;
        out[count] = flow->active[i];
        out[count++].progress = NULL;
    }
    pthread_mutex_unlock(&flow->lock);
    return count;
}
