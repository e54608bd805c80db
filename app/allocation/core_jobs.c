// Jobs from submit to their leaving: what they need, what keeps them out of the queues, who waits
// for whom, arrays, and the timer that each of them may have.
#include <string.h>

#include "allocation/core_private.h"

// ---- by id -------------------------------------------------------------------------------------
static uint32_t slot_of(const struct core *core, uint64_t id) {
    return (uint32_t)((id * 0x9E3779B97F4A7C15u) >> 32) & core->slot_mask;
}

uint32_t job_find(const struct core *core, uint64_t id) {
    const uint32_t *slots = words_at(core, PART_SLOTS, 0);
    for (uint32_t at = slot_of(core, id); slots[at]; at = (at + 1) & core->slot_mask) {
        if (job_at(core, slots[at])->id == id) return slots[at];
    }
    return 0;
}

// Twice as many slots as jobs; when they are too few, all jobs are put anew into twice as many.
static void slots_grow(struct core *core) {
    core->slot_mask = core->slot_mask * 2 + 1;
    memset(words_at(core, PART_SLOTS, 0), 0, (core->slot_mask + (size_t)1) * sizeof(uint32_t));
    core->job_count = 0;
    for (uint32_t i = 1; i < core->pools[PART_JOBS].used; i++) {
        if (job_at(core, i)->id) slot_put(core, i);
    }
}

void slot_put(struct core *core, uint32_t index) {
    if (++core->job_count * 2 > core->slot_mask + 1) {
        slots_grow(core); // itself among them
        return;
    }
    uint32_t *slots = words_at(core, PART_SLOTS, 0);
    uint32_t at = slot_of(core, job_at(core, index)->id);
    while (slots[at]) at = (at + 1) & core->slot_mask;
    slots[at] = index;
}

static void slot_take(struct core *core, uint64_t id) {
    uint32_t *slots = words_at(core, PART_SLOTS, 0), hole = slot_of(core, id);
    core->job_count--;
    while (job_at(core, slots[hole])->id != id) hole = (hole + 1) & core->slot_mask;
    for (uint32_t at = hole;;) { // those behind move up, so that no search ends too early
        slots[hole] = 0;
        for (;;) {
            at = (at + 1) & core->slot_mask;
            if (!slots[at]) return;
            uint32_t home = slot_of(core, job_at(core, slots[at])->id);
            if (((at - home) & core->slot_mask) >= ((at - hole) & core->slot_mask)) break;
        }
        slots[hole] = slots[at];
        hole = at;
    }
}

// ---- timers: a heap of jobs by (time, id); a job has one at most -------------------------------
static int64_t *timer_time(const struct core *core, uint32_t index) {
    return &job_at(core, index)->timer_ms;
}

static bool timer_before(const struct core *core, uint32_t a, uint32_t b) {
    int64_t left = *timer_time(core, a), right = *timer_time(core, b);
    return left != right ? left < right : job_at(core, a)->id < job_at(core, b)->id;
}

static void timer_lay(struct core *core, uint32_t at, uint32_t index) {
    *words_at(core, PART_TIMERS, at) = index;
    job_at(core, index)->timer = at;
}

static void timer_settle(struct core *core, uint32_t at, uint32_t index) {
    const uint32_t *heap = words_at(core, PART_TIMERS, 0);
    for (; at > 1 && timer_before(core, index, heap[at / 2]); at /= 2) {
        timer_lay(core, at, heap[at / 2]);
    }
    for (uint32_t next; (next = at * 2) <= core->timer_count; at = next) {
        if (next < core->timer_count && timer_before(core, heap[next + 1], heap[next])) next++;
        if (!timer_before(core, heap[next], index)) break;
        timer_lay(core, at, heap[next]);
    }
    timer_lay(core, at, index);
}

void timer_set(struct core *core, uint32_t index, int64_t at_ms) {
    struct job *job = job_at(core, index);
    uint32_t at = job->timer;
    if (at_ms < CORE_TIME_MAX) {
        cy_assert(!job->in_line);
        job->timer_ms = at_ms;
        timer_settle(core, at ? at : ++core->timer_count, index);
    } else if (at) {
        job->timer = 0;
        uint32_t last = *words_at(core, PART_TIMERS, core->timer_count--);
        if (last != index) timer_settle(core, at, last);
    }
}

uint32_t timer_first(const struct core *core) {
    return core->timer_count ? *words_at(core, PART_TIMERS, 1) : 0;
}

int64_t timer_first_ms(const struct core *core) {
    uint32_t first = timer_first(core);
    return first ? job_at(core, first)->timer_ms : CORE_TIME_MAX;
}

// ---- arrays ------------------------------------------------------------------------------------
static uint32_t *array_slot(struct core *core, uint64_t id) {
    return words_at(core, PART_ARRAY_SLOTS,
                    (uint32_t)((id * 0xBF58476D1CE4E5B9u) >> 32) & core->array_mask);
}

// The array of this id, made if need be; 0 when there are too many.
static uint32_t array_of(struct core *core, uint64_t id) {
    if (core->pools[PART_ARRAYS].used == 1) { // the first one ever
        memset(words_at(core, PART_ARRAY_SLOTS, 0), 0,
               (core->array_mask + (size_t)1) * sizeof(uint32_t));
    }
    uint32_t *slot = array_slot(core, id);
    for (uint32_t at = *slot; at; at = array_at(core, at)->next) {
        if (array_at(core, at)->id == id) return at;
    }
    uint32_t index = pool_take(core, PART_ARRAYS);
    if (!index) return 0;
    *array_at(core, index) = (struct array){.id = id, .next = *slot};
    *slot = index;
    return index;
}

static void array_drop(struct core *core, uint32_t index) {
    uint32_t *at = array_slot(core, array_at(core, index)->id);
    while (*at != index) at = &array_at(core, *at)->next;
    *at = array_at(core, index)->next;
    pool_give(core, PART_ARRAYS, index);
}

// A task beyond its array's number is parked; each that leaves lets the next one in.
static bool array_join(struct core *core, uint32_t index, const struct core_job *what) {
    struct job *job = job_at(core, index);
    if (!what->array) return true;
    job->array = array_of(core, what->array);
    if (!job->array) return false;
    struct array *array = array_at(core, job->array);
    array->members++;
    if (!what->array_most || array->out < what->array_most) {
        array->out++;
        return true;
    }
    job->blocks |= BLOCK_ARRAY;
    job->array_next = 0;
    if (array->parked) {
        job_at(core, array->parked_last)->array_next = index;
    } else {
        array->parked = index;
    }
    array->parked_last = index;
    return true;
}

static void array_unpark(struct core *core, struct array *array, uint32_t index) {
    uint32_t before = 0;
    for (uint32_t at = array->parked; at != index; at = job_at(core, at)->array_next) before = at;
    uint32_t after = job_at(core, index)->array_next;
    *(before ? &job_at(core, before)->array_next : &array->parked) = after;
    if (array->parked_last == index) array->parked_last = before;
}

static void array_leave(struct core *core, uint32_t index) {
    struct job *job = job_at(core, index);
    if (!job->array) return;
    struct array *array = array_at(core, job->array);
    uint32_t next = 0;
    if (job->blocks & BLOCK_ARRAY) {
        array_unpark(core, array, index);
    } else if (array->parked) {
        next = array->parked;
        array_unpark(core, array, next);
    } else {
        array->out--;
    }
    if (--array->members == 0) array_drop(core, job->array);
    if (next) job_unblock(core, next, BLOCK_ARRAY);
}

// ---- what keeps a job from waiting -------------------------------------------------------------
static void enqueue(struct core *core, uint32_t index) {
    job_at(core, index)->waits_since_ms = core->now_ms;
    queue_put(core, index);
    line_put(core, index);
}

static void dequeue(struct core *core, uint32_t index) {
    if (!job_at(core, index)->queue) return;
    queue_take(core, index);
    line_take(core, index);
    guard_forget(core, job_at(core, index)->id);
}

void job_block(struct core *core, uint32_t index, enum block block) {
    job_at(core, index)->blocks |= (uint8_t)block;
    dequeue(core, index);
}

void job_unblock(struct core *core, uint32_t index, enum block block) {
    struct job *job = job_at(core, index);
    if (!(job->blocks & block)) return;
    job->blocks &= (uint8_t)~block;
    if (!job->blocks && job->state == CORE_WAITING && !job->queue) enqueue(core, index);
}

// ---- dependencies ------------------------------------------------------------------------------
static bool links_put(struct core *core, uint32_t index, const struct core_job *what) {
    struct job *job = job_at(core, index);
    for (uint32_t i = 0; i < what->after_count; i++) {
        uint32_t other = job_find(core, what->after[i]);
        if (!other || other == index) continue;
        uint32_t link = pool_take(core, PART_LINKS);
        if (!link) return false;
        *link_at(core, link) = (struct link){index, job_at(core, other)->links};
        job_at(core, other)->links = link;
        job->waits_for++;
    }
    if (job->waits_for) job->blocks |= BLOCK_AFTER;
    return true;
}

// Takes the job out of the lists of those it still waits for. Only on the rare way: a waiting job
// that is cancelled while it depends on others.
static void links_drop(struct core *core, uint32_t index) {
    if (!job_at(core, index)->waits_for) return;
    for (uint32_t other = 1; other < core->pools[PART_JOBS].used; other++) {
        if (job_at(core, other)->state == CORE_NONE) continue;
        for (uint32_t *at = &job_at(core, other)->links; *at;) {
            uint32_t link = *at;
            if (link_at(core, link)->job != index) {
                at = &link_at(core, link)->next;
                continue;
            }
            *at = link_at(core, link)->next;
            pool_give(core, PART_LINKS, link);
        }
    }
}

static void dependents_tell(struct core *core, uint32_t links, bool well) {
    for (uint32_t next; links; links = next) {
        struct link link = *link_at(core, links);
        next = link.next;
        pool_give(core, PART_LINKS, links);
        struct job *job = job_at(core, link.job);
        job->waits_for--;
        if (!well && !(job->flags & CORE_AFTER_ANY) && !job->doomed && !job->run) {
            job->doomed = true; // refused when there is room for the decision
            job->doomed_next = core->doomed;
            core->doomed = link.job;
        }
        if (!job->waits_for && !job->doomed) job_unblock(core, link.job, BLOCK_AFTER);
    }
}

void failed_dependents_refuse(struct core *core) {
    while (core->doomed && decision_room(core, 1)) {
        uint32_t index = core->doomed;
        struct job *job = job_at(core, index);
        core->doomed = job->doomed_next;
        decide(core, DECISION_REFUSE, WHY_FAILED, job);
        job_leave(core, index, false);
    }
}

// ---- submit ------------------------------------------------------------------------------------
uint32_t rate_of(const struct core *core, const struct core_amount *total) {
    static const int64_t unit[RESOURCE_COUNT] = {1000, 1024, 1024, CORE_DEVICE_MILLI};
    bool told = false;
    for (int r = 0; r < RESOURCE_COUNT; r++) told |= core->policy.rate_milli[r] > 0;
    int64_t devices = core->total.of[RESOURCE_DEVICE];
    int64_t box = devices ? devices : core->total.of[RESOURCE_CPU]; // thousandths of a unit
    __int128 most = 0;
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        __int128 rate = 0;
        if (told) {
            rate = (__int128)total->of[r] * core->policy.rate_milli[r] / unit[r];
        } else if (core->total.of[r] > 0) {
            rate = (__int128)total->of[r] * box / core->total.of[r];
        }
        if (rate > most) most = rate;
    }
    const uint32_t bound = (uint32_t)1 << 30;
    return most > bound ? bound : (uint32_t)most;
}

void rates_renew(struct core *core) {
    for (uint32_t i = 1; i < core->pools[PART_SHAPES].used; i++) {
        struct shape *shape = shape_at(core, i);
        if (shape->users) shape->rate_milli = rate_of(core, &shape->total);
    }
}

static bool in_range(int64_t value, int64_t least, int64_t most) {
    return value >= least && value <= most;
}

static bool job_sane(const struct core_job *what) {
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (!in_range(what->need.of[r], 0, CORE_AMOUNT_MAX)) return false;
    }
    int64_t device = what->need.of[RESOURCE_DEVICE];
    if (device > CORE_DEVICE_MILLI && device % CORE_DEVICE_MILLI != 0) return false;
    bool own = what->flags & CORE_OWN_CPUS;
    if (own && (what->need.of[RESOURCE_CPU] % 1000 != 0 || what->need.of[RESOURCE_CPU] == 0)) {
        return false;
    }
    const int64_t most = CORE_TIME_MAX / 4, cost_most = CORE_CHECKPOINT_MS_MAX;
    return what->id && in_range(what->members, 1, 4096) && in_range(what->priority, -1000, 1000) &&
           in_range(what->limit_ms, 0, most) && in_range(what->estimate_ms, 0, most) &&
           in_range(what->deadline_ms, 0, most) && in_range(what->not_before_ms, 0, most) &&
           in_range(what->checkpoint_ms, 0, cost_most) && what->after_count <= CORE_AFTER_MAX &&
           what->use_class < 32 && in_range(what->submitted_ms, 0, most) &&
           in_range(what->served_milli, 0, most) && in_range(what->ran_ms, 0, most) &&
           (!(what->flags & CORE_LEASE) || what->limit_ms > 0);
}

// Lengths are rounded up, four steps an octave, so that there are few shapes.
static int64_t length_round(int64_t ms) {
    if (ms >= CORE_TIME_MAX / 4) return CORE_TIME_MAX;
    int64_t step = 1000;
    while (step * 8 < ms) step *= 2;
    return (ms + step - 1) / step * step;
}

static bool leased(const struct job *job) {
    return job->flags & CORE_LEASE;
}

// A job that can be preempted holds its place no longer than its minimum run and the grace.
static int64_t length_of(const struct core *core, const struct job *job) {
    int64_t length = job->limit_ms ? job->limit_ms - job->ran_ms : CORE_TIME_MAX;
    if (length < 0) length = 0;
    if (!job->checkpoint_ms || leased(job)) return length_round(length);
    int64_t least = minimum_run_ms(core, job) + core->policy.grace_ms;
    return length_round(least < length ? least : length);
}

static uint32_t shape_of(struct core *core, const struct job *job, const struct core_amount *need,
                         uint32_t members) {
    struct shape wanted;
    memset(&wanted, 0, sizeof wanted);
    wanted.need = *need;
    wanted.members = members;
    wanted.own_cpus = job->flags & CORE_OWN_CPUS;
    wanted.preemptible = job->checkpoint_ms > 0 && !leased(job);
    wanted.length_ms = length_of(core, job);
    uint32_t shape = shape_take(core, &wanted);
    if (shape || wanted.length_ms == CORE_TIME_MAX) return shape;
    wanted.length_ms = CORE_TIME_MAX; // the table is full: fewer kinds, with less to promise
    return shape_take(core, &wanted);
}

static bool fits_empty_box(const struct core *core, const struct job *job) {
    const struct shape *shape = shape_at(core, job->shape);
    struct room room = {.free = core->total};
    for (int i = 0; i < CORE_DEVICES_MAX; i++) room.device_free[i] = CORE_DEVICE_MILLI;
    memcpy(room.cpus, core->capacity.cpus, sizeof room.cpus);
    if (!place_find(core, &room, shape, UINT64_MAX, NULL)) return false;
    for (uint32_t at = job->node; at != NODE_ROOT; at = node_at(core, at)->parent) {
        const struct node *node = node_at(core, at);
        for (int r = 0; r < RESOURCE_COUNT; r++) {
            int64_t limit = node->limit.of[r];
            if (node->never_borrows && node->has_quota) {
                limit = limit < 0 || node->quota.of[r] < limit ? node->quota.of[r] : limit;
            }
            if (shape->total.of[r] > 0 && limit >= 0 && shape->total.of[r] > limit) return false;
        }
    }
    return true;
}

static void refuse_unknown(struct core *core, const struct core_job *what, enum core_why why) {
    struct core_decision *decision = decide(core, DECISION_REFUSE, why, NULL);
    decision->job = what->id;
    decision->attempt = what->attempts;
    decision->tenant = what->tenant;
}

static struct job job_of(const struct core *core, const struct core_job *what, uint32_t node) {
    int64_t submitted = what->submitted_ms ? what->submitted_ms : core->now_ms;
    struct job job = {
        .id = what->id,
        .tenant = what->tenant,
        .node = (uint16_t)node,
        .state = CORE_WAITING,
        .attempt = what->attempts,
        .priority = (int16_t)what->priority,
        .flags = (uint8_t)(what->flags & CORE_FLAGS),
        .restarts = (uint8_t)(what->restarts < 255 ? what->restarts : 255),
        .use_class = (uint8_t)what->use_class,
        .reservation = reservation_find(core, what->reservation),
        .submitted_ms = submitted,
        .waits_since_ms = core->now_ms,
        .limit_ms = what->limit_ms,
        .estimate_ms = what->estimate_ms,
        // With a promise to keep it is not preempted once it runs.
        .checkpoint_ms = what->deadline_ms ? 0 : (uint32_t)what->checkpoint_ms,
        .served_milli = what->served_milli,
        .ran_ms = what->ran_ms,
    };
    if (what->deadline_ms) job.flags &= (uint8_t)~CORE_RESTARTABLE;
    if (what->flags & CORE_HELD) job.blocks |= BLOCK_HELD;
    if (what->flags & CORE_APPROVAL) job.blocks |= BLOCK_APPROVAL;
    if (what->not_before_ms > core->now_ms) job.blocks |= BLOCK_NOT_BEFORE;
    if (job.reservation) job.blocks |= BLOCK_RESERVATION;
    return job;
}

void job_submit(struct core *core, const struct core_job *what) {
    bool known;
    uint32_t node = node_find(core, what->tenant, &known);
    if (!job_sane(what) || !known || job_find(core, what->id)) {
        refuse_unknown(core, what, WHY_INVALID);
        return;
    }
    struct job fresh = job_of(core, what, node);
    uint32_t index = pool_take(core, PART_JOBS);
    uint32_t shape = index ? shape_of(core, &fresh, &what->need, what->members) : 0;
    if (!shape) {
        if (index) pool_give(core, PART_JOBS, index);
        refuse_unknown(core, what, WHY_FULL);
        return;
    }
    struct job *job = job_at(core, index);
    *job = fresh;
    job->shape = (uint16_t)shape;
    job->level = level_of(core, job, job->served_milli) & 0xF;
    slot_put(core, index);
    if (job->reservation) edge_at(core, job->reservation)->jobs++;
    node_count_jobs(core, node, 1, 0);
    enum core_why why = WHY_NONE;
    if (!array_join(core, index, what)) why = WHY_FULL;
    if (why == WHY_NONE && !fits_empty_box(core, job)) why = WHY_NEVER;
    if (why == WHY_NONE && !links_put(core, index, what)) why = WHY_FULL;
    if (why == WHY_NONE) why = deadline_promise(core, index, what);
    if (why != WHY_NONE) {
        decide(core, DECISION_REFUSE, why, job);
        job_leave(core, index, false);
        return;
    }
    if (job->blocks & BLOCK_NOT_BEFORE) timer_set(core, index, what->not_before_ms);
    if (!job->blocks && !job->queue) enqueue(core, index);
}

void job_wait(struct core *core, uint32_t index) {
    struct job *job = job_at(core, index);
    struct core_amount need = shape_at(core, job->shape)->need;
    uint32_t members = shape_at(core, job->shape)->members, old = job->shape;
    job->level = level_of(core, job, job->served_milli) & 0xF;
    // The old one is given back first only if the new one is the same or there is room for both.
    uint32_t shape = shape_of(core, job, &need, members);
    if (shape) {
        job->shape = (uint16_t)shape;
        shape_give(core, old);
    }
    job->state = CORE_WAITING;
    node_count_jobs(core, job->node, 1, -1);
    timer_set(core, index, CORE_TIME_MAX);
    if (job->reservation) reservation_join(core, index);
    if (!job->blocks && !job->queue) enqueue(core, index);
}

void job_leave(struct core *core, uint32_t index, bool well) {
    struct job *job = job_at(core, index);
    cy_assert(!job->run);
    dequeue(core, index);
    edges_forget(core, job->id);
    if (job->reservation) edge_at(core, job->reservation)->jobs--;
    timer_set(core, index, CORE_TIME_MAX);
    links_drop(core, index);
    if (job->doomed) {
        uint32_t *at = &core->doomed;
        while (*at && *at != index) at = &job_at(core, *at)->doomed_next;
        if (*at) *at = job->doomed_next;
    }
    node_count_jobs(core, job->node, job->state == CORE_WAITING ? -1 : 0,
                    job->state == CORE_WAITING ? 0 : -1);
    uint32_t links = job->links;
    job->links = 0;
    slot_take(core, job->id);
    array_leave(core, index);
    shape_give(core, job->shape);
    job->state = CORE_NONE;
    job->id = 0;
    pool_give(core, PART_JOBS, index);
    dependents_tell(core, links, well);
}
