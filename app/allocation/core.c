// The block, the step, the hash, and looking in.
#include <string.h>

#include "allocation/core_private.h"

// ---- the block -------------------------------------------------------------------------------
static uint32_t power_of_two(uint32_t least) {
    uint32_t size = 16;
    while (size < least) size *= 2;
    return size;
}

static uint32_t clamp(uint32_t value, uint32_t least, uint32_t most) {
    return value < least ? least : value > most ? most : value;
}

static struct core_limits limits_sane(const struct core_limits *limits) {
    return (struct core_limits){
        .jobs = clamp(limits->jobs, 16, 1u << 26),
        .running = clamp(limits->running, 1, 1u << 24),
        .tenants = clamp(limits->tenants, 1, 4096),
        .shapes = clamp((limits->shapes + 63) / 64 * 64, 64, SHAPE_WORDS_MAX * 64),
        .edges = clamp(limits->edges, 4, 4096),
        .vouchers = clamp(limits->vouchers, 1, 65536),
    };
}

// How many and how large; index 0 of a pool is nobody, so there is one more.
static void parts_lay_out(const struct core_limits *limits, struct pool pools[PART_COUNT]) {
    const uint32_t counts[PART_COUNT][2] = {
        [PART_JOBS] = {limits->jobs + 1, sizeof(struct job)},
        [PART_SLOTS] = {power_of_two(limits->jobs * 2), sizeof(uint32_t)},
        [PART_TIMERS] = {limits->jobs + 1, sizeof(uint32_t)},
        [PART_LINKS] = {limits->jobs + 1, sizeof(struct link)},
        [PART_ARRAYS] = {limits->jobs / 8 + 2, sizeof(struct array)},
        [PART_ARRAY_SLOTS] = {power_of_two(limits->jobs / 8), sizeof(uint32_t)},
        [PART_QUEUES] = {limits->jobs + 1, sizeof(struct queue)},
        [PART_SHAPES] = {limits->shapes, sizeof(struct shape)},
        [PART_SHAPE_SLOTS] = {power_of_two(limits->shapes * 2), sizeof(uint32_t)},
        [PART_NODES] = {limits->tenants + 1, sizeof(struct node)},
        [PART_NODE_ORDER] = {limits->tenants + 1, sizeof(uint32_t)},
        [PART_BITS] = {(limits->tenants + 1) * CORE_LEVELS, limits->shapes / 8},
        [PART_RUNS] = {limits->running + 1, sizeof(struct run)},
        [PART_EDGES] = {limits->edges + 1, sizeof(struct edge)},
        [PART_VOUCHERS] = {limits->vouchers + 1, sizeof(struct voucher)},
        [PART_SCRATCH] = {limits->running + 1, sizeof(uint32_t)},
    };
    size_t at = (sizeof(struct core) + 63) / 64 * 64;
    for (int part = 0; part < PART_COUNT; part++) {
        pools[part] =
            (struct pool){.at = at, .room = counts[part][0], .each = counts[part][1], .used = 1};
        at += ((size_t)counts[part][0] * counts[part][1] + 63) / 64 * 64;
    }
}

static size_t block_size(const struct pool pools[PART_COUNT]) {
    const struct pool *last = &pools[PART_COUNT - 1];
    return last->at + ((size_t)last->room * last->each + 63) / 64 * 64;
}

void core_limits_default(struct core_limits *out) {
    *out = (struct core_limits){.jobs = 100000,
                                .running = 4096,
                                .tenants = 1024,
                                .shapes = 1024,
                                .edges = 256,
                                .vouchers = 4096};
}

size_t core_size(const struct core_limits *limits) {
    struct pool pools[PART_COUNT];
    struct core_limits sane = limits_sane(limits);
    parts_lay_out(&sane, pools);
    return block_size(pools);
}

static void part_zero(struct core *core, enum part part) {
    const struct pool *pool = &core->pools[part];
    memset((char *)core + pool->at, 0, (size_t)pool->room * pool->each);
}

struct core *core_open(void *memory, const struct core_limits *limits) {
    struct core *core = memory;
    memset(core, 0, sizeof *core);
    core->limits = limits_sane(limits);
    parts_lay_out(&core->limits, core->pools);
    core->slot_mask = SLOTS_LEAST - 1;
    core->shape_mask = core->pools[PART_SHAPE_SLOTS].room - 1;
    core->array_mask = core->pools[PART_ARRAY_SLOTS].room - 1;
    core->words = core->limits.shapes / 64;
    core->hash = 0xCBF29CE484222325u;
    memset(words_at(core, PART_SLOTS, 0), 0, SLOTS_LEAST * sizeof(uint32_t));
    part_zero(core, PART_SHAPE_SLOTS);
    core->edge_end = 1;
    core_policy_default(&core->policy);
    tree_open(core);
    return core;
}

uint32_t pool_take(struct core *core, enum part part) {
    struct pool *pool = &core->pools[part];
    if (pool->free) {
        uint32_t index = pool->free;
        memcpy(&pool->free, (char *)core + pool->at + (size_t)index * pool->each, sizeof index);
        return index;
    }
    return pool->used < pool->room ? pool->used++ : 0;
}

void pool_give(struct core *core, enum part part, uint32_t index) {
    struct pool *pool = &core->pools[part];
    memcpy((char *)core + pool->at + (size_t)index * pool->each, &pool->free, sizeof index);
    pool->free = index;
}

// ---- decisions and their hash ------------------------------------------------------------------
static void hash_add(struct core *core, uint64_t value) {
    uint64_t z = (core->hash ^ value) * 0x9E3779B97F4A7C15u;
    core->hash = z ^ (z >> 29);
}

bool decision_room(struct core *core, uint32_t count) {
    if (core->count + count <= core->max) return true;
    core->more = true;
    return false;
}

struct core_decision *decide(struct core *core, enum core_decision_kind kind, enum core_why why,
                             const struct job *job) {
    cy_assert(core->count < core->max);
    struct core_decision *decision = &core->decisions[core->count++];
    *decision = (struct core_decision){.kind = kind, .why = why};
    if (job) {
        decision->job = job->id;
        decision->attempt = job->attempt;
        decision->tenant = node_at(core, job->node)->id;
    }
    return decision;
}

static void hash_decision(struct core *core, const struct core_decision *decision) {
    hash_add(core, (uint64_t)core->now_ms);
    hash_add(core, (uint64_t)decision->kind << 8 | (uint64_t)decision->why |
                       (uint64_t)decision->attempt << 32);
    hash_add(core, decision->job);
    hash_add(core, decision->other);
    hash_add(core, (uint64_t)decision->at_ms ^ (uint64_t)decision->units_milli << 20);
    if (decision->kind != DECISION_START) return;
    hash_add(core, decision->place.devices);
    for (int word = 0; word < CORE_CPUS_MAX / 64; word++) {
        if (decision->place.cpus[word]) hash_add(core, decision->place.cpus[word]);
    }
    for (uint64_t left = decision->place.devices; left; left &= left - 1) {
        hash_add(core, decision->place.device_milli[__builtin_ctzll(left)]);
    }
}

uint32_t core_step(struct core *core, const struct core_event *event,
                   struct core_decision *decisions, uint32_t max) {
    cy_assert(max >= CORE_DECISIONS_LEAST);
    if (event->now_ms > core->now_ms) core->now_ms = event->now_ms;
    core->decisions = decisions;
    core->count = 0;
    core->max = max;
    core->more = false;
    event_apply(core, event);
    schedule(core);
    for (uint32_t i = 0; i < core->count; i++) hash_decision(core, &decisions[i]);
    core->decisions = NULL; // a fork must not remember the caller's memory
    return core->count;
}

int64_t core_now_ms(const struct core *core) {
    return core->now_ms;
}

uint64_t core_hash(const struct core *core) {
    return core->hash;
}

int64_t core_wake_ms(const struct core *core) {
    if (core->more) return core->now_ms;
    int64_t at = timer_first_ms(core);
    int64_t edge = edges_wake_ms(core);
    if (edge < at) at = edge;
    for (int line = 0; line < 2 && !guard_edge(core); line++) {
        if (!core->lines[line].first) continue;
        int64_t due = guard_due_ms(core, job_at(core, core->lines[line].first));
        if (due > core->now_ms && due < at) at = due;
    }
    return at;
}

// ---- looking in --------------------------------------------------------------------------------
void core_job_look(const struct core *core, uint64_t id, struct core_job_view *out) {
    *out = (struct core_job_view){.state = CORE_NONE};
    uint32_t index = job_find(core, id);
    if (!index) return;
    const struct job *job = job_at(core, index);
    *out = (struct core_job_view){
        .state = job->state,
        .id = id,
        .tenant = node_at(core, job->node)->id,
        .need = shape_at(core, job->shape)->total,
        .attempt = job->attempt,
        .level = job->level,
        .submitted_ms = job->submitted_ms,
        .waits_since_ms = job->waits_since_ms,
        .started_ms = job->run ? run_at(core, job->run)->started_ms : 0,
        .served_milli = served_now(core, job),
        .overdue = job->in_line && guard_due_ms(core, job) <= core->now_ms,
    };
}

void core_usage_look(const struct core *core, struct core_usage *out) {
    *out = (struct core_usage){.capacity = core->total,
                               .used = node_at(core, NODE_ROOT)->used,
                               .free = core->plan.free,
                               .waiting = core->waiting,
                               .running = core->running};
}

bool core_tenant_look(const struct core *core, uint64_t tenant, struct core_amount *used,
                      uint32_t *waiting, uint32_t *running) {
    bool found;
    const struct node *node = node_at(core, node_find(core, tenant, &found));
    if (!found) return false;
    *used = node->used;
    *waiting = node->waiting;
    *running = node->running;
    return true;
}

uint64_t core_job_next(const struct core *core, uint64_t id) {
    uint32_t index = id ? job_find(core, id) + 1 : 1;
    for (; index < core->pools[PART_JOBS].used; index++) {
        if (job_at(core, index)->state != CORE_NONE) return job_at(core, index)->id;
    }
    return 0;
}

// ---- names -------------------------------------------------------------------------------------
const char *core_why_name(enum core_why why) {
    static const char *const names[WHY_COUNT] = {
        [WHY_NONE] = "",
        [WHY_CPU] = "cpu",
        [WHY_MEMORY] = "memory",
        [WHY_DISK] = "disk",
        [WHY_DEVICE] = "device",
        [WHY_TURN] = "turn",
        [WHY_RESERVED] = "reserved",
        [WHY_LIMIT] = "limit",
        [WHY_KEPT] = "kept",
        [WHY_BUDGET] = "budget",
        [WHY_HELD] = "held",
        [WHY_APPROVAL] = "approval",
        [WHY_AFTER] = "after",
        [WHY_ARRAY] = "array",
        [WHY_NOT_BEFORE] = "not_before",
        [WHY_STOPPING] = "stopping",
        [WHY_RIGHT] = "right",
        [WHY_GUARD] = "guard",
        [WHY_LEVEL] = "level",
        [WHY_RESERVATION] = "reservation",
        [WHY_TIME_LIMIT] = "time_limit",
        [WHY_GRACE] = "grace",
        [WHY_DEVICE_LOST] = "device_lost",
        [WHY_CANCELLED] = "cancelled",
        [WHY_NEVER] = "never",
        [WHY_DEADLINE] = "deadline",
        [WHY_FAILED] = "failed",
        [WHY_REJECTED] = "rejected",
        [WHY_INVALID] = "invalid",
        [WHY_FULL] = "full",
    };
    return (unsigned)why < WHY_COUNT ? names[why] : "";
}

const char *core_decision_name(enum core_decision_kind kind) {
    static const char *const names[DECISION_COUNT] = {
        [DECISION_START] = "start",     [DECISION_PREEMPT] = "preempt", [DECISION_KILL] = "kill",
        [DECISION_REFUSE] = "refuse",   [DECISION_END] = "end",         [DECISION_BILL] = "bill",
        [DECISION_PROMISE] = "promise", [DECISION_RESERVE] = "reserve",
    };
    return (unsigned)kind < DECISION_COUNT ? names[kind] : "";
}
