// The list of attempts: a fixed number of slots, filled by the runner's thread and emptied by
// whoever has brought an attempt to its end. Jobs that wait are in the core alone.
#include <string.h>

#include "base/assert.h"
#include "flow/jobs/executor.h"

// Found by the job's id; both lists hold slots, NONE ends them.
enum { NONE = UINT16_MAX, BUCKETS = ACTIVE_MAX };
_Static_assert((int)ACTIVE_MAX < (int)NONE, "a slot's number fits");
struct active_index {
    uint16_t first[BUCKETS], next[ACTIVE_MAX]; // of those in use, by the id's rest
    uint16_t free[ACTIVE_MAX];
    uint32_t free_count;
};

enum err active_open(struct flow *flow) {
    struct active_index *index = memory_take(sizeof *index);
    flow->active = memory_take(ACTIVE_MAX * sizeof *flow->active);
    flow->active_job = memory_take(ACTIVE_MAX * sizeof *flow->active_job);
    flow->active_index = index;
    if (!flow->active || !flow->active_job || !index) return ERR_MEMORY;
    for (uint32_t i = 0; i < BUCKETS; i++) index->first[i] = NONE;
    while (index->free_count < ACTIVE_MAX) { // the lowest slot is taken first
        index->free[index->free_count] = (uint16_t)(ACTIVE_MAX - 1 - index->free_count);
        index->free_count++;
    }
    return OK;
}

void active_close(struct flow *flow) {
    memory_give(flow->active);
    memory_give(flow->active_job);
    memory_give(flow->active_index);
}

uint32_t active_room(const struct flow *flow) {
    return flow->active_index->free_count;
}

struct active *active_find(struct flow *flow, uint64_t job) {
    const struct active_index *index = flow->active_index;
    for (uint16_t slot = index->first[job % BUCKETS]; slot != NONE; slot = index->next[slot]) {
        if (flow->active_job[slot] == job) return &flow->active[slot];
    }
    return NULL;
}

struct active *active_put(struct flow *flow, uint64_t job) {
    struct active_index *index = flow->active_index;
    if (index->free_count == 0) return NULL;
    uint16_t slot = index->free[--index->free_count], *first = &index->first[job % BUCKETS];
    index->next[slot] = *first;
    *first = slot;
    flow->active_job[slot] = job;
    flow->active[slot] = (struct active){
        .state = ACTIVE_STARTING,
        .job = job,
        .pidfd = -1,
        .wait_status = -1,
        .confined.events_fd = -1,
    };
    return &flow->active[slot];
}

void active_free(struct flow *flow, struct active *active) {
    struct active_index *index = flow->active_index;
    uint16_t slot = (uint16_t)(active - flow->active);
    uint16_t *at = &index->first[flow->active_job[slot] % BUCKETS];
    while (*at != slot) at = &index->next[*at];
    *at = index->next[slot];
    index->free[index->free_count++] = slot;
    active->state = ACTIVE_FREE;
    flow->active_job[slot] = 0;
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

bool active_look(struct flow *flow, uint64_t job, struct active *out, struct active_now *now) {
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

uint32_t active_copy(struct flow *flow, struct active *out, uint32_t room) {
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
