// Explanations by trial: on a fork, whoever stands in the way is taken away until the job starts.
#include "allocation/explain.h"

#include <string.h>

#include "allocation/core_private.h"

enum { ROOM = 32, FORECAST_STEPS = 200, EASY_BLOCKERS = 8 };
#define LEAST_LEFT_MS 60000

// ---- trying things on a fork -------------------------------------------------------------------
static void fork_step(struct core *fork, struct core_event event, struct core_decision *decisions) {
    event.now_ms = fork->now_ms;
    uint32_t count = core_step(fork, &event, decisions, ROOM);
    while (count == ROOM) {
        event = (struct core_event){.kind = EVENT_TICK, .now_ms = fork->now_ms};
        count = core_step(fork, &event, decisions, ROOM);
    }
}

// As if it had never been: nobody pays, and what depends on it does not come in its stead.
static void job_remove(struct core *fork, uint32_t index) {
    struct core_decision decisions[ROOM];
    const struct job *job = job_at(fork, index);
    bool runs = job->run && run_at(fork, job->run)->in_now;
    struct core_event event = {.kind = EVENT_CANCEL, .job = job->id, .attempt = job->attempt};
    fork_step(fork, event, decisions);
    event.kind = EVENT_EXITED;
    event.outcome = ATTEMPT_BOX_FAULT;
    if (runs) fork_step(fork, event, decisions);
}

static bool has_started(const struct core *fork, uint64_t id) {
    uint32_t index = job_find(fork, id);
    return index && job_at(fork, index)->run && run_at(fork, job_at(fork, index)->run)->in_now;
}

// ---- what is lacking ---------------------------------------------------------------------------
static const enum core_why lacking[RESOURCE_COUNT] = {WHY_CPU, WHY_MEMORY, WHY_DISK, WHY_DEVICE};

static enum core_why block_why(const struct job *job) {
    static const struct {
        enum block block;
        enum core_why why;
    } names[] = {{BLOCK_HELD, WHY_HELD},
                 {BLOCK_APPROVAL, WHY_APPROVAL},
                 {BLOCK_AFTER, WHY_AFTER},
                 {BLOCK_ARRAY, WHY_ARRAY},
                 {BLOCK_NOT_BEFORE, WHY_NOT_BEFORE},
                 {BLOCK_RESERVATION, WHY_RESERVATION},
                 {BLOCK_BUDGET, WHY_BUDGET}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (job->blocks & names[i].block) return names[i].why;
    }
    return WHY_NONE;
}

static enum core_why why_of(const struct core *core, const struct job *job) {
    const struct shape *shape = shape_at(core, job->shape);
    if (job->run) return run_at(core, job->run)->in_now ? WHY_NONE : WHY_STOPPING;
    if (job->blocks) return block_why(job);
    enum core_why allowed = node_allows(core, job->node, &shape->total);
    if (allowed == WHY_LIMIT) return WHY_LIMIT;
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (shape->total.of[r] > 0 && shape->total.of[r] > core->plan.free.of[r]) return lacking[r];
    }
    if (!place_find(core, &core->plan, shape, UINT64_MAX, NULL)) {
        return shape->need.of[RESOURCE_DEVICE] ? WHY_DEVICE : WHY_CPU;
    }
    if (!edges_place(core, shape, NULL)) return WHY_RESERVED;
    return allowed != WHY_NONE ? allowed : WHY_TURN;
}

static bool below_limited(const struct core *core, const struct job *waits, uint32_t node) {
    const struct core_amount *total = &shape_at(core, waits->shape)->total;
    for (uint32_t at = waits->node;; at = node_at(core, at)->parent) {
        if (node_limited(core, at, total)) {
            for (uint32_t up = node;; up = node_at(core, up)->parent) {
                if (up == at) return true;
                if (up == NODE_ROOT) return false;
            }
        }
        if (at == NODE_ROOT) return false;
    }
}

static int64_t holding_of(const struct core *core, const struct job *waits, const struct run *run,
                          enum core_why why) {
    const struct job *job = job_at(core, run->job);
    const struct core_amount *total = &shape_at(core, job->shape)->total;
    const struct core_amount *wanted = &shape_at(core, waits->shape)->total;
    if (why == WHY_LIMIT && !below_limited(core, waits, job->node)) return 0;
    if (why == WHY_STOPPING && !run->stopping) return 0;
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (why == lacking[r]) return total->of[r];
    }
    int64_t sum = 0; // thousandths of what is wanted
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (wanted->of[r] > 0) sum += (int64_t)((__int128)total->of[r] * 1000 / wanted->of[r]);
    }
    return sum + 1;
}

// The run that holds most of what is lacking; of equal ones the one with the lowest id.
static uint32_t holder_of(const struct core *core, const struct job *waits, enum core_why why) {
    uint32_t best = 0;
    int64_t most = 0;
    for (uint32_t at = core->runs_first; at; at = run_at(core, at)->after) {
        const struct run *run = run_at(core, at);
        const struct job *job = job_at(core, run->job);
        if (job == waits) continue;
        int64_t held = holding_of(core, waits, run, why);
        if (held <= 0 || held < most) continue;
        if (held == most && job_at(core, run_at(core, best)->job)->id < job->id) continue;
        most = held;
        best = at;
    }
    return best ? run_at(core, best)->job : 0;
}

// The job or slot for which the place is kept; another one's if none alone is in the way.
static const struct edge *edge_in_way(const struct core *core, const struct job *job) {
    const struct edge *any = NULL;
    for (uint32_t at = 1; at < core->edge_end; at++) {
        const struct edge *edge = edge_at(core, at);
        bool own = edge->kind != EDGE_CALENDAR && edge->id == job->id;
        if (edge->kind == EDGE_NONE || own) continue;
        if (edges_place_but(core, shape_at(core, job->shape), 0, edge, NULL)) return edge;
        if (!any) any = edge;
    }
    return any;
}

// ---- taking away until it starts ---------------------------------------------------------------
static bool blocker_add(struct explanation *out, uint64_t id) {
    if (out->blocker_count == EXPLAIN_BLOCKERS_MAX) return false;
    out->blockers[out->blocker_count++] = id;
    return true;
}

static bool edge_away(struct core *fork, const struct edge *edge, struct explanation *out) {
    struct core_decision decisions[ROOM];
    if (edge->kind != EDGE_CALENDAR) {
        if (!blocker_add(out, edge->id)) return false;
        job_remove(fork, job_find(fork, edge->id));
        return true;
    }
    if (!blocker_add(out, edge->id)) return false;
    out->slots |= (uint64_t)1 << (out->blocker_count - 1);
    fork_step(fork, (struct core_event){.kind = EVENT_UNRESERVE, .id = edge->id}, decisions);
    return true;
}

static bool one_away(struct core *fork, uint64_t id, struct explanation *out) {
    const struct job *job = job_at(fork, job_find(fork, id));
    enum core_why why = why_of(fork, job);
    const struct edge *edge = edge_in_way(fork, job);
    if (why == WHY_RESERVED && edge) return edge_away(fork, edge, out);
    uint32_t blocker = holder_of(fork, job, why);
    if (!blocker) return edge && edge_away(fork, edge, out);
    if (!blocker_add(out, job_at(fork, blocker)->id)) return false;
    job_remove(fork, blocker);
    return true;
}

static bool taken_away(struct core *fork, uint64_t id, uint32_t most, struct explanation *out) {
    out->blocker_count = 0;
    out->slots = 0;
    for (uint32_t i = 0; i < most && !has_started(fork, id); i++) {
        if (!one_away(fork, id, out)) break;
    }
    return has_started(fork, id);
}

// The last resort: everybody goes, the newest first. If it does not start even then, it never will.
static bool emptied(struct core *fork, uint64_t id, struct explanation *out) {
    out->blocker_count = 0;
    out->slots = 0;
    bool named = true;
    while (!has_started(fork, id)) {
        const struct job *job = job_at(fork, job_find(fork, id));
        const struct edge *edge = edge_in_way(fork, job);
        uint32_t run = fork->runs_last;
        if (run && job_at(fork, run_at(fork, run)->job) == job) run = run_at(fork, run)->before;
        if (edge) {
            if (!edge_away(fork, edge, out)) return false;
        } else if (run) {
            uint32_t index = run_at(fork, run)->job;
            named = blocker_add(out, job_at(fork, index)->id) && named;
            job_remove(fork, index);
        } else {
            out->hopeless = true;
            out->blocker_count = 0;
            out->slots = 0;
            return true;
        }
    }
    return named;
}

static void others_hold(struct core *fork, uint64_t id) {
    for (uint32_t index = 1; index < fork->pools[PART_JOBS].used; index++) {
        const struct job *job = job_at(fork, index);
        if (job->state != CORE_WAITING || job->id == id) continue;
        job_block(fork, index, BLOCK_HELD);
    }
    struct core_decision decisions[ROOM];
    fork->released = true;
    fork_step(fork, (struct core_event){.kind = EVENT_TICK}, decisions);
}

// Held back for a reason of its own: with the block lifted the reason is gone.
static void explain_block(const struct core *core, void *scratch, uint64_t id,
                          struct explanation *out) {
    uint32_t index = job_find(core, id);
    bool others = out->why == WHY_ARRAY || out->why == WHY_AFTER;
    uint32_t end = others ? core->pools[PART_JOBS].used : 0;
    for (uint32_t other = 1; other < end; other++) {
        if (out->blocker_count == EXPLAIN_BLOCKERS_MAX) break;
        const struct job *job = job_at(core, other);
        if (job->state == CORE_NONE || other == index) continue;
        bool before = out->why == WHY_ARRAY && job->array == job_at(core, index)->array &&
                      !(job->blocks & BLOCK_ARRAY);
        for (uint32_t at = out->why == WHY_AFTER ? job->links : 0; at;
             at = link_at(core, at)->next) {
            before = before || link_at(core, at)->job == index;
        }
        if (before) blocker_add(out, job->id);
    }
    struct core *fork = core_fork_near(scratch, core, id);
    index = job_find(fork, id);
    static const enum block blocks[] = {BLOCK_HELD,  BLOCK_APPROVAL,   BLOCK_AFTER,
                                        BLOCK_ARRAY, BLOCK_NOT_BEFORE, BLOCK_RESERVATION,
                                        BLOCK_BUDGET};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        if (job_at(fork, index)->blocks & blocks[i]) {
            job_unblock(fork, index, blocks[i]);
            break;
        }
    }
    out->proven = why_of(fork, job_at(fork, index)) != out->why;
}

void core_explain(const struct core *core, void *scratch, uint64_t id, struct explanation *out) {
    *out = (struct explanation){.start_ms = CORE_TIME_MAX};
    uint32_t index = job_find(core, id);
    if (!index) return;
    const struct job *job = job_at(core, index);
    out->why = why_of(core, job);
    if (out->why == WHY_NONE) return;
    if (job->blocks) {
        explain_block(core, scratch, id, out);
    } else {
        struct core *fork = core_fork_near(scratch, core, id);
        out->proven = taken_away(fork, id, EASY_BLOCKERS, out) && !fork->beyond;
        if (!out->proven) { // many others want the place as well: beside those who hold it
            fork = core_fork_near(scratch, core, id);
            out->ahead = core->eligible - job->in_line;
            others_hold(fork, id);
            out->proven = taken_away(fork, id, EXPLAIN_BLOCKERS_MAX, out);
        }
        if (!out->proven) {
            fork = core_fork_near(scratch, core, id);
            others_hold(fork, id);
            out->proven = emptied(fork, id, out);
        }
    }
    out->start_ms = core_forecast(core_fork_near(scratch, core, id), id);
}

// ---- looking ahead -----------------------------------------------------------------------------
static int64_t likely_end_ms(const struct core *core, const struct run *run) {
    const struct job *job = job_at(core, run->job);
    int64_t ran = core->now_ms - run->started_ms;
    int64_t whole = job->estimate_ms ? job->estimate_ms : job->limit_ms;
    int64_t left = whole ? whole - job->ran_ms - ran : ran;
    if (left <= 0 && job->limit_ms) left = job->limit_ms - job->ran_ms - ran;
    return core->now_ms + (left > 0 ? left : whole ? 1 : LEAST_LEFT_MS);
}

static uint32_t first_to_end(const struct core *core, int64_t *out_ms) {
    uint32_t best = 0;
    *out_ms = CORE_TIME_MAX;
    for (uint32_t at = core->runs_first; at; at = run_at(core, at)->after) {
        const struct run *run = run_at(core, at);
        if (!run->in_now) continue;
        int64_t end = run->stopping ? core->now_ms : likely_end_ms(core, run);
        if (end >= *out_ms) continue;
        *out_ms = end;
        best = at;
    }
    return best;
}

bool core_look_ahead(struct core *fork,
                     void (*told)(void *ctx, const struct core_decision *decision), void *ctx) {
    struct core_decision decisions[ROOM];
    int64_t end, wake = core_wake_ms(fork);
    uint32_t run = first_to_end(fork, &end), count;
    if (end >= CORE_TIME_MAX && wake >= CORE_TIME_MAX) return false;
    struct core_event event = {.kind = EVENT_TICK};
    if (end <= wake) {
        const struct job *job = job_at(fork, run_at(fork, run)->job);
        event.kind = EVENT_EXITED;
        event.job = job->id;
        event.attempt = job->attempt;
        event.outcome = run_at(fork, run)->stopping ? ATTEMPT_PREEMPTED : ATTEMPT_DONE;
    }
    event.now_ms = end <= wake ? end : wake;
    if (event.now_ms < fork->now_ms) event.now_ms = fork->now_ms;
    do {
        count = core_step(fork, &event, decisions, ROOM);
        for (uint32_t i = 0; told && i < count; i++) told(ctx, &decisions[i]);
        event = (struct core_event){.kind = EVENT_TICK, .now_ms = fork->now_ms};
    } while (count == ROOM);
    return true;
}

int64_t core_forecast(struct core *fork, uint64_t id) {
    if (fork->asked_beyond) return CORE_TIME_MAX;
    for (int i = 0; i < FORECAST_STEPS; i++) {
        if (!job_find(fork, id)) return CORE_TIME_MAX;
        if (has_started(fork, id)) return fork->now_ms;
        if (!core_look_ahead(fork, NULL, NULL)) return CORE_TIME_MAX;
    }
    return CORE_TIME_MAX;
}

int64_t core_what_if(const struct core *core, void *scratch, const struct core_event *event,
                     uint64_t job) {
    struct core_decision decisions[ROOM];
    struct core *fork = core_fork_near(scratch, core, job);
    fork_step(fork, *event, decisions);
    return core_forecast(fork, job);
}

// ---- slots of the calendar ---------------------------------------------------------------------
enum { IN_WAY_MAX = 16 }; // tried out one by one, each on a fork of its own
struct in_way {
    uint64_t id;
    bool slot;
};

static enum core_why slot_ask(struct core *fork, const struct core_reservation *slot) {
    struct core_decision decisions[ROOM];
    struct core_event event = {.kind = EVENT_RESERVE, .now_ms = fork->now_ms, .reservation = slot};
    uint32_t count = core_step(fork, &event, decisions, ROOM); // of the slot itself: first
    for (uint32_t i = 0; i < count; i++) {
        bool own = decisions[i].kind == DECISION_RESERVE && decisions[i].other == slot->id;
        if (own) return decisions[i].why;
    }
    return WHY_INVALID;
}

static void slot_away(struct core *fork, uint64_t id) {
    struct core_decision decisions[ROOM];
    fork_step(fork, (struct core_event){.kind = EVENT_UNRESERVE, .id = id}, decisions);
}

// As it is once those before `upto` are kept; *why: of the first that is not, whose number is
// returned.
static uint32_t slots_fork(const struct core *core, void *scratch,
                           const struct slots_wanted *wanted, uint32_t upto, enum core_why *why) {
    struct core *fork = core_fork(scratch, core);
    *why = WHY_NONE;
    for (uint32_t i = 0; i < wanted->gone_count; i++) slot_away(fork, wanted->gone[i]);
    uint32_t at = 0;
    for (; at < upto; at++) {
        enum core_why answer = slot_ask(fork, &wanted->slots[at]);
        if (answer == WHY_NONE || at < wanted->before) continue;
        *why = answer;
        break;
    }
    return at;
}

// Whoever might be in the slot's way: other slots and promises of that time, and what may run on
// into it.
static uint32_t in_way_list(const struct core *fork, const struct core_reservation *slot,
                            struct in_way out[static IN_WAY_MAX]) {
    uint32_t count = 0;
    for (uint32_t at = 1; at < fork->edge_end; at++) {
        const struct edge *edge = edge_at(fork, at);
        bool then = edge->from_ms < slot->until_ms && slot->from_ms < edge->until_ms;
        if (edge->kind == EDGE_NONE || !then || count == IN_WAY_MAX) continue;
        out[count++] = (struct in_way){edge->id, edge->kind == EDGE_CALENDAR};
    }
    for (uint32_t at = fork->runs_first; at; at = run_at(fork, at)->after) {
        const struct run *run = run_at(fork, at);
        if (run->stopping || run->inside || run->end_ms <= slot->from_ms) continue;
        if (count == IN_WAY_MAX) break;
        out[count++] = (struct in_way){job_at(fork, run->job)->id, false};
    }
    return count;
}

void core_slots_try(const struct core *core, void *scratch, const struct slots_wanted *wanted,
                    struct slots_answer *out) {
    struct in_way list[IN_WAY_MAX];
    *out = (struct slots_answer){0};
    out->at = slots_fork(core, scratch, wanted, wanted->count, &out->why);
    if (out->why != WHY_RESERVED) return;
    const struct core_reservation *slot = &wanted->slots[out->at];
    uint32_t count = in_way_list(scratch, slot, list);
    for (uint32_t i = 0; i < count && !out->blocker; i++) {
        enum core_why why;
        (void)slots_fork(core, scratch, wanted, out->at, &why);
        struct core *fork = scratch;
        uint32_t job = list[i].slot ? 0 : job_find(fork, list[i].id);
        if (list[i].slot) slot_away(fork, list[i].id);
        if (job) job_remove(fork, job);
        if (slot_ask(fork, slot) != WHY_NONE) continue;
        out->blocker = list[i].id;
        out->slot = list[i].slot;
    }
}
