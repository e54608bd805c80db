// Shapes, the heaps of waiting jobs, and the line. A queue holds the jobs of one (node, level,
// shape) in a leftist heap inside the jobs: putting, taking the first and taking any one cost
// O(log n) at worst. What fits is asked once a shape, not once a job.
#include <string.h>

#include "allocation/core_private.h"

// ---- shapes ------------------------------------------------------------------------------------
static uint32_t shape_slot(const struct core *core, const struct shape *shape) {
    uint64_t hash = shape->members * 0x9E3779B97F4A7C15u;
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        hash = (hash ^ (uint64_t)shape->need.of[r]) * 0xBF58476D1CE4E5B9u;
        hash ^= hash >> 31;
    }
    hash = (hash ^ (uint64_t)shape->length_ms ^ (shape->own_cpus ? 77u : 0u)) * 0x94D049BB133111EBu;
    return (uint32_t)(hash >> 32) & core->shape_mask;
}

static bool shape_same(const struct shape *a, const struct shape *b) {
    return a->members == b->members && a->own_cpus == b->own_cpus &&
           a->preemptible == b->preemptible && a->length_ms == b->length_ms &&
           memcmp(&a->need, &b->need, sizeof a->need) == 0;
}

uint32_t shape_take(struct core *core, const struct shape *wanted) {
    uint32_t *slot = words_at(core, PART_SHAPE_SLOTS, shape_slot(core, wanted));
    for (uint32_t at = *slot; at; at = shape_at(core, at)->next) {
        if (!shape_same(shape_at(core, at), wanted)) continue;
        shape_at(core, at)->users++;
        return at;
    }
    uint32_t index = pool_take(core, PART_SHAPES);
    if (!index) return 0;
    struct shape *shape = shape_at(core, index);
    *shape = *wanted;
    shape->users = 1;
    shape->waiting = 0;
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        shape->total.of[r] = shape->need.of[r] * (int64_t)shape->members;
    }
    shape->rate_milli = rate_of(core, &shape->total);
    shape->next = *slot;
    *slot = index;
    return index;
}

void shape_give(struct core *core, uint32_t index) {
    struct shape *shape = shape_at(core, index);
    if (--shape->users > 0) return;
    uint32_t *at = words_at(core, PART_SHAPE_SLOTS, shape_slot(core, shape));
    while (*at != index) at = &shape_at(core, *at)->next;
    *at = shape->next;
    pool_give(core, PART_SHAPES, index);
}

static bool shape_fits(const struct core *core, const struct shape *shape) {
    return edges_place(core, shape, NULL);
}

static void fits_set(struct core *core, uint32_t shape, bool fits) {
    uint64_t bit = (uint64_t)1 << (shape & 63);
    core->fits[shape >> 6] = fits ? core->fits[shape >> 6] | bit : core->fits[shape >> 6] & ~bit;
}

void fits_look(struct core *core, bool all) {
    const struct pool *pool = &core->pools[PART_SHAPES];
    for (uint32_t word = 0; word * 64 < pool->used; word++) {
        uint64_t look = all ? UINT64_MAX : core->fits[word];
        if (all && word * 64 + 64 > pool->used) look = ((uint64_t)1 << (pool->used & 63)) - 1;
        if (all && word == 0) look &= ~(uint64_t)1;
        uint64_t fits = 0;
        for (; look; look &= look - 1) {
            uint32_t bit = (uint32_t)__builtin_ctzll(look);
            const struct shape *shape = shape_at(core, word * 64 + bit);
            // One given back has users 0 and nobody waiting.
            if (shape->users && shape->waiting && shape_fits(core, shape)) {
                fits |= (uint64_t)1 << bit;
            }
        }
        core->fits[word] = fits;
    }
}

// ---- the heap ----------------------------------------------------------------------------------
// Submitted, less what priority is worth. Waiting is worth the same to all, so it never changes.
int64_t job_key(const struct core *core, const struct job *job) {
    int64_t key = job->submitted_ms - job->priority * core->policy.ageing_ms;
    return job->flags & CORE_LEASE ? key - CORE_TIME_MAX : key; // someone sits before it
}

bool job_before(const struct core *core, uint32_t a, uint32_t b) {
    const struct job *left = job_at(core, a), *right = job_at(core, b);
    int64_t key_left = job_key(core, left), key_right = job_key(core, right);
    return key_left != key_right ? key_left < key_right : left->id < right->id;
}

static uint32_t rank_of(const struct core *core, uint32_t index) {
    return index ? job_at(core, index)->rank : 0;
}

static void heap_settle(struct core *core, struct job *job) {
    if (rank_of(core, job->left) < rank_of(core, job->right)) {
        uint32_t left = job->left;
        job->left = job->right;
        job->right = left;
    }
    job->rank = (uint8_t)(rank_of(core, job->right) + 1);
}

static uint32_t heap_merge(struct core *core, uint32_t a, uint32_t b) {
    if (!a || !b) return a ? a : b;
    if (job_before(core, b, a)) {
        uint32_t other = a;
        a = b;
        b = other;
    }
    struct job *top = job_at(core, a);
    top->right = heap_merge(core, top->right, b); // as deep as log2 of the jobs
    job_at(core, top->right)->parent = a;
    heap_settle(core, top);
    return a;
}

static uint32_t heap_take(struct core *core, uint32_t top, uint32_t index) {
    struct job *job = job_at(core, index);
    uint32_t rest = heap_merge(core, job->left, job->right), parent = job->parent;
    if (rest) job_at(core, rest)->parent = parent;
    if (!parent) return rest;
    struct job *above = job_at(core, parent);
    *(above->left == index ? &above->left : &above->right) = rest;
    for (uint32_t at = parent; at; at = job_at(core, at)->parent) {
        uint8_t rank = job_at(core, at)->rank;
        heap_settle(core, job_at(core, at));
        if (job_at(core, at)->rank == rank) break;
    }
    return top;
}

// ---- queues ------------------------------------------------------------------------------------
static uint32_t queue_of(struct core *core, uint32_t node_index, uint32_t level, uint32_t shape) {
    struct node *node = node_at(core, node_index);
    for (uint32_t at = node->queues; at; at = queue_at(core, at)->next) {
        const struct queue *queue = queue_at(core, at);
        if (queue->shape == shape && queue->level == level) return at;
    }
    uint32_t index = pool_take(core, PART_QUEUES); // there are as many as jobs
    cy_assert(index);
    *queue_at(core, index) = (struct queue){.node = (uint16_t)node_index,
                                            .shape = (uint16_t)(shape & 0xFFF),
                                            .level = (uint16_t)(level & 0xF),
                                            .next = node->queues};
    node->queues = index;
    for (uint32_t at = node_index;; at = node_at(core, at)->parent) {
        bits_at(core, at, level)[shape >> 6] |= (uint64_t)1 << (shape & 63);
        if (at == NODE_ROOT) break;
    }
    return index;
}

void queue_put(struct core *core, uint32_t index) {
    struct job *job = job_at(core, index);
    cy_assert(!job->queue);
    job->queue = queue_of(core, job->node, job->level, job->shape);
    job->left = job->right = job->parent = 0;
    job->rank = 1;
    struct queue *queue = queue_at(core, job->queue);
    queue->top = heap_merge(core, queue->top, index);
    job_at(core, queue->top)->parent = 0;
    struct shape *shape = shape_at(core, job->shape);
    if (shape->waiting++ == 0) fits_set(core, job->shape, shape_fits(core, shape));
}

// The bits above stay: a search that finds nothing below clears them.
void queue_take(struct core *core, uint32_t index) {
    struct job *job = job_at(core, index);
    uint32_t queue_index = job->queue;
    struct queue *queue = queue_at(core, queue_index);
    queue->top = heap_take(core, queue->top, index);
    if (queue->top) job_at(core, queue->top)->parent = 0;
    job->queue = 0;
    if (--shape_at(core, job->shape)->waiting == 0) fits_set(core, job->shape, false);
    if (queue->top) return;
    uint32_t *at = &node_at(core, queue->node)->queues;
    while (*at != queue_index) at = &queue_at(core, *at)->next;
    *at = queue->next;
    pool_give(core, PART_QUEUES, queue_index);
}

// ---- the lines: eligible jobs in the order in which they began to wait -------------------------
void line_put(struct core *core, uint32_t index) {
    struct job *job = job_at(core, index);
    cy_assert(!job->in_line);
    job->in_line = true;
    core->eligible++;
    job->again = job->ran_ms > 0;
    struct line *line = &core->lines[job->again];
    job->line_before = line->last;
    job->line_after = 0;
    if (line->last) job_at(core, line->last)->line_after = index;
    line->last = index;
    if (!line->first) line->first = index;
}

void line_take(struct core *core, uint32_t index) {
    struct job *job = job_at(core, index);
    if (!job->in_line) return;
    job->in_line = false;
    core->eligible--;
    struct line *line = &core->lines[job->again];
    uint32_t before = job->line_before, after = job->line_after;
    if (before) job_at(core, before)->line_after = after;
    if (after) job_at(core, after)->line_before = before;
    if (line->first == index) line->first = after;
    if (line->last == index) line->last = before;
}
