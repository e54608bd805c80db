// Copies of the core. A plain fork copies of each part what is in use, so a small queue in a large
// core costs little.
#include <string.h>

#include "allocation/core_private.h"

// What was ever taken of a pool, counts, the living part of a hash.
size_t part_used(const struct core *core, enum part part) {
    const struct pool *pool = &core->pools[part];
    switch (part) {
    case PART_SLOTS: return (size_t)core->slot_mask + 1;
    case PART_ARRAY_SLOTS: return core->pools[PART_ARRAYS].used > 1 ? pool->room : 0;
    case PART_TIMERS: return (size_t)core->timer_count + 1;
    case PART_SHAPE_SLOTS: return pool->room;
    case PART_NODES:
    case PART_NODE_ORDER: return core->node_count;
    case PART_BITS: return (size_t)core->node_count * CORE_LEVELS;
    case PART_VOUCHERS: return (size_t)core->voucher_count + 1;
    case PART_EDGES: return core->edge_end;
    case PART_SCRATCH: return 0;
    default: return pool->used;
    }
}

static void part_copy(struct core *fork, const struct core *core, enum part part) {
    const struct pool *pool = &core->pools[part];
    memcpy((char *)fork + pool->at, (const char *)core + pool->at,
           part_used(core, part) * pool->each);
}

struct core *core_fork(void *memory, const struct core *core) {
    struct core *fork = memory;
    memcpy(fork, core, sizeof *core);
    for (int part = 0; part < PART_COUNT; part++) part_copy(fork, core, (enum part)part);
    return fork;
}

// ---- a fork of what is near --------------------------------------------------------------------
// Of very many jobs only those are copied that can matter soon: all that run, the job that is
// asked about, those that are booked, and of those that wait the first of each queue, of each array
// and of the lines. They get new numbers, so all that names a job is made anew.
enum {
    NEAR_JOBS = 6144,   // fewer: a plain fork does
    NEAR_OWN = 256,     // of the asked job's own queue
    NEAR_QUEUE = 64,    // of another
    NEAR_QUEUES = 2048, // shared by all the others
    NEAR_LINE = 128,
    NEAR_PARKED = 32,
    NEAR_TIMERS = 256,
};

struct near {
    const struct core *from;
    struct core *to;
};

// Its new number; 0: there are too many.
static uint32_t near_take(struct near *near, uint32_t index) {
    const struct job *job = job_at(near->from, index);
    uint32_t known = job_find(near->to, job->id);
    struct pool *pool = &near->to->pools[PART_JOBS];
    bool full = pool->used > NEAR_JOBS && job->state == CORE_WAITING;
    if (known || full || pool->used >= pool->room) return known;
    uint32_t fresh = pool->used++;
    struct job *copy = job_at(near->to, fresh);
    *copy = *job;
    copy->left = copy->right = copy->parent = copy->queue = 0;
    copy->line_before = copy->line_after = copy->timer = copy->links = 0;
    copy->in_line = copy->doomed = copy->last_known = 0;
    slot_put(near->to, fresh);
    if (job->timer) timer_set(near->to, fresh, job->timer_ms);
    if (job->queue) queue_put(near->to, fresh);
    return fresh;
}

static void first_sink(const struct core *core, uint32_t *heap, uint32_t count) {
    for (uint32_t at = 0, next; (next = at * 2 + 1) < count; at = next) {
        if (next + 1 < count && job_before(core, heap[next + 1], heap[next])) next++;
        if (!job_before(core, heap[next], heap[at])) return;
        uint32_t other = heap[at];
        heap[at] = heap[next];
        heap[next] = other;
    }
}

static void first_add(const struct core *core, uint32_t *heap, uint32_t *count, uint32_t index) {
    if (!index) return;
    uint32_t at = (*count)++;
    for (; at > 0 && job_before(core, index, heap[(at - 1) / 2]); at = (at - 1) / 2) {
        heap[at] = heap[(at - 1) / 2];
    }
    heap[at] = index;
}

// The first `most` of a queue, in order. The last of them is marked if there are more.
static void near_queue(struct near *near, const struct queue *queue, uint32_t most) {
    uint32_t heap[NEAR_OWN + 2], count = 0, last = 0;
    first_add(near->from, heap, &count, queue->top);
    for (uint32_t taken = 0; count && taken < most; taken++) {
        uint32_t index = heap[0];
        last = near_take(near, index);
        heap[0] = heap[--count];
        first_sink(near->from, heap, count);
        first_add(near->from, heap, &count, job_at(near->from, index)->left);
        first_add(near->from, heap, &count, job_at(near->from, index)->right);
        if (!last) break;
    }
    if (count && last) job_at(near->to, last)->last_known = 1;
    if (count && !last) near->to->beyond = true;
}

static uint32_t queues_count(const struct core *core) {
    uint32_t given = 0;
    const struct pool *pool = &core->pools[PART_QUEUES];
    for (uint32_t at = pool->free; at && given < NEAR_QUEUES; given++) at = queue_at(core, at)->top;
    return pool->used - 1 - given;
}

static void near_queues(struct near *near, uint32_t own) {
    const struct core *core = near->from;
    uint32_t count = queues_count(core), most = count ? NEAR_QUEUES / count : 0;
    if (most < 2) most = 2;
    if (most > NEAR_QUEUE) most = NEAR_QUEUE;
    if (own) near_queue(near, queue_at(core, own), NEAR_OWN);
    for (uint32_t node = 0; node < core->node_count; node++) {
        for (uint32_t at = node_at(core, node)->queues; at; at = queue_at(core, at)->next) {
            if (at != own) near_queue(near, queue_at(core, at), most);
            if (near->to->beyond) return; // more queues than there is room for
        }
    }
}

static void near_line(struct near *near, uint32_t line) {
    uint32_t left = NEAR_LINE;
    for (uint32_t at = near->from->lines[line].first; at && left > 0; left--) {
        uint32_t fresh = near_take(near, at);
        if (fresh) line_put(near->to, fresh);
        at = job_at(near->from, at)->line_after;
    }
}

static void near_parked(struct near *near, uint32_t asked) {
    for (uint32_t i = 1; i < near->from->pools[PART_ARRAYS].used; i++) {
        struct array *array = array_at(near->to, i);
        uint32_t at = array->parked, left = NEAR_PARKED, last = 0;
        array->parked = array->parked_last = 0;
        for (; at; at = job_at(near->from, at)->array_next) {
            bool own = at == asked;
            if (left == 0 && !(job_at(near->from, asked)->array == i)) break;
            uint32_t fresh = left > 0 || own ? near_take(near, at) : 0;
            left -= left > 0;
            if (!fresh) continue;
            job_at(near->to, fresh)->array_next = 0;
            *(last ? &job_at(near->to, last)->array_next : &array->parked) = fresh;
            array->parked_last = last = fresh;
            if (own) break;
        }
    }
}

// Who waits for what was taken, in the same order.
static void near_links(struct near *near) {
    for (uint32_t fresh = 1; fresh < near->to->pools[PART_JOBS].used; fresh++) {
        uint32_t last = 0, index = job_find(near->from, job_at(near->to, fresh)->id);
        uint32_t at = job_at(near->from, index)->links;
        for (; at; at = link_at(near->from, at)->next) {
            uint32_t waits = near_take(near, link_at(near->from, at)->job);
            uint32_t link = waits ? pool_take(near->to, PART_LINKS) : 0;
            if (!link) break;
            *link_at(near->to, link) = (struct link){.job = waits};
            *(last ? &link_at(near->to, last)->next : &job_at(near->to, fresh)->links) = link;
            last = link;
        }
    }
}

static void near_clear(struct core *fork, const struct core *core) {
    memcpy(fork, core, sizeof *core);
    static const enum part anew[] = {PART_JOBS, PART_SLOTS, PART_TIMERS, PART_LINKS, PART_QUEUES};
    for (int part = 0; part < PART_COUNT; part++) {
        bool copied = true;
        for (size_t i = 0; i < sizeof anew / sizeof *anew; i++)
            copied &= (enum part)part != anew[i];
        if (copied) part_copy(fork, core, (enum part)part);
        if (copied) continue;
        fork->pools[part].used = 1;
        fork->pools[part].free = 0;
    }
    fork->slot_mask = SLOTS_LEAST - 1;
    memset(words_at(fork, PART_SLOTS, 0), 0, SLOTS_LEAST * sizeof(uint32_t));
    fork->job_count = fork->timer_count = fork->eligible = fork->doomed = 0;
    memset(fork->lines, 0, sizeof fork->lines);
    for (uint32_t i = 0; i < fork->node_count; i++) node_at(fork, i)->queues = 0;
    for (uint32_t i = 1; i < fork->pools[PART_SHAPES].used; i++) shape_at(fork, i)->waiting = 0;
}

struct core *core_fork_near(void *memory, const struct core *core, uint64_t job) {
    if (core->job_count <= NEAR_JOBS) return core_fork(memory, core);
    struct near near = {core, memory};
    uint32_t asked = job_find(core, job);
    near_clear(near.to, core);
    for (uint32_t at = core->runs_first; at; at = run_at(core, at)->after) {
        run_at(near.to, at)->job = near_take(&near, run_at(core, at)->job);
    }
    for (uint32_t at = 1; at < core->edge_end; at++) {
        const struct edge *edge = edge_at(core, at);
        bool booked = edge->kind == EDGE_PROMISE || edge->kind == EDGE_GUARD;
        if (booked) near_take(&near, job_find(core, edge->id));
    }
    near_line(&near, 0);
    near_line(&near, 1);
    near_queues(&near, asked ? job_at(core, asked)->queue : 0);
    // Of its queue nothing but the first is known: when its turn comes, nobody can say.
    near.to->asked_beyond = asked && !job_find(near.to, job);
    uint32_t fresh = asked ? near_take(&near, asked) : 0;
    if (fresh && job_at(core, asked)->in_line && !job_at(near.to, fresh)->in_line) {
        line_put(near.to, fresh);
    }
    near_parked(&near, asked);
    for (uint32_t i = 1; i <= core->timer_count && i <= NEAR_TIMERS; i++) {
        near_take(&near, *words_at(core, PART_TIMERS, i));
    }
    near_links(&near);
    return near.to;
}
