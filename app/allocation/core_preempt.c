// Who gives way. Victims are taken out of the plan and the tree one by one on trial, worst first,
// until there is a place; then those that turn out not to be needed are put back, and only the rest
// is told to stop. So what counts as beyond a right is always asked of the state as it would be.
#include "allocation/core_private.h"

enum { VICTIMS_MAX = 256 };

int64_t minimum_run_ms(const struct core *core, const struct job *job) {
    int64_t least = job->checkpoint_ms * core->policy.minimum_checkpoints;
    return least > core->policy.minimum_run_ms ? least : core->policy.minimum_run_ms;
}

bool job_redoable(const struct job *job) {
    return job->checkpoint_ms == 0 && job->flags & CORE_RESTARTABLE && !(job->flags & CORE_LEASE);
}

// So often and no more: what others begin may push it aside for ever otherwise.
bool may_restart(const struct core *core, const struct run *run) {
    const struct job *job = job_at(core, run->job);
    return run->redoable && job->restarts < core->policy.restarts_most;
}

// Rights and what was promised do not wait for a minimum run: whoever takes by right cannot lose it
// again to those who gave way, so nothing goes back and forth.
bool may_give_way(const struct core *core, const struct run *run, enum core_why why, bool slot) {
    const struct job *job = job_at(core, run->job);
    if (!run->in_now || run->stopping || run->inside || job->flags & CORE_LEASE) return false;
    if (job->checkpoint_ms == 0) return (why == WHY_RIGHT || slot) && may_restart(core, run);
    if (why == WHY_RIGHT || why == WHY_RESERVATION) return true;
    return core->now_ms >= run->started_ms + minimum_run_ms(core, job) &&
           core->now_ms >= run->keep_until_ms;
}

// The two branches of the tree below the node where the ways of a and b meet; equal if one lies on
// the other's way.
static void branches(const struct core *core, uint32_t *a, uint32_t *b) {
    uint32_t left = *a, right = *b;
    while (left != right) {
        *a = left;
        *b = right;
        uint32_t deep_left = node_at(core, left)->depth, deep_right = node_at(core, right)->depth;
        if (deep_left >= deep_right) left = node_at(core, left)->parent;
        if (deep_right >= deep_left) right = node_at(core, right)->parent;
    }
}

static bool quota_exceeded(const struct node *node) {
    if (!node->has_quota) return true;
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (node->used.of[r] > node->quota.of[r]) return true;
    }
    return false;
}

struct wish {
    const struct shape *shape;
    uint32_t node, level;
    uint64_t job, devices; // for whom, 0: a slot; devices it may use
    enum core_why why;
};

static bool yields_to(const struct core *core, const struct run *run, const struct wish *wish) {
    const struct job *job = job_at(core, run->job);
    uint32_t mine = wish->node, theirs = job->node;
    if (mine != theirs) branches(core, &mine, &theirs);
    bool same = mine == theirs;
    switch (wish->why) {
    case WHY_RIGHT:
        // Mine was within its quota when this was asked; theirs must be beyond its own.
        return !same && node_at(core, mine)->has_quota && quota_exceeded(node_at(core, theirs));
    case WHY_LEVEL:
        if (level_of(core, job, served_now(core, job)) <= wish->level) return false;
        return same || quota_exceeded(node_at(core, theirs));
    case WHY_GUARD: return same || quota_exceeded(node_at(core, theirs));
    default: return true; // what was promised
    }
}

// Does it hold something of what lacks?
static bool helps(const struct core *core, const struct run *run, const struct wish *wish) {
    const struct core_amount *total = &shape_at(core, job_at(core, run->job)->shape)->total;
    if (wish->devices != UINT64_MAX && (run->place.devices & wish->devices)) return true;
    bool lacks = false;
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (wish->shape->total.of[r] <= core->plan.free.of[r]) continue;
        lacks = true;
        if (total->of[r] > 0) return true;
    }
    // Enough of each and no place: it is the devices or the processors that are cut up.
    return !lacks && (run->place.devices != 0 || wish->shape->own_cpus ||
                      shape_at(core, job_at(core, run->job)->shape)->own_cpus);
}

// Those that keep their work before those that lose it, of these the one that loses least.
static bool worse(const struct core *core, const struct run *a, const struct run *b) {
    const struct job *left = job_at(core, a->job), *right = job_at(core, b->job);
    if (a->redoable != b->redoable) return b->redoable;
    if (a->redoable) {
        int64_t lost_a = served_now(core, left) - left->served_milli;
        int64_t lost_b = served_now(core, right) - right->served_milli;
        if (lost_a != lost_b) return lost_a < lost_b;
    }
    uint32_t level_a = level_of(core, left, served_now(core, left));
    uint32_t level_b = level_of(core, right, served_now(core, right));
    if (level_a != level_b) return level_a > level_b;
    int shares = left->node == right->node ? 0 : share_compare(core, left->node, right->node);
    if (shares) return shares > 0;
    int64_t key_left = job_key(core, left), key_right = job_key(core, right);
    if (key_left != key_right) return key_left > key_right;
    return left->id > right->id;
}

static uint32_t victim_next(const struct core *core, const struct wish *wish) {
    uint32_t best = 0;
    for (uint32_t at = core->runs_first; at; at = run_at(core, at)->after) {
        const struct run *run = run_at(core, at);
        if (run->on_trial || !may_give_way(core, run, wish->why, wish->job == 0) ||
            !helps(core, run, wish))
            continue;
        if (best && !worse(core, run, run_at(core, best))) continue;
        if (yields_to(core, run, wish)) best = at;
    }
    return best;
}

static void trial(struct core *core, uint32_t index, bool out) {
    struct run *run = run_at(core, index);
    const struct job *job = job_at(core, run->job);
    const struct core_amount *total = &shape_at(core, job->shape)->total;
    run->on_trial = out;
    if (out) {
        room_give(&core->plan, total, &run->place);
    } else {
        room_take(&core->plan, total, &run->place);
    }
    node_hold(core, job->node, total, out ? -1 : 1);
}

static bool has_place(const struct core *core, const struct wish *wish, struct core_place *out) {
    if (wish->why == WHY_LEVEL || wish->why == WHY_RIGHT) {
        return node_allows(core, wish->node, &wish->shape->total) == WHY_NONE &&
               edges_place(core, wish->shape, out);
    }
    if (wish->devices != UINT64_MAX) {
        return place_find(core, &core->plan, wish->shape, wish->devices, out);
    }
    const struct edge *later = wish->why == WHY_GUARD ? guard_find(core) : NULL;
    return edges_place_but(core, wish->shape, wish->job, later, out);
}

bool room_make(struct core *core, const struct shape *shape, uint32_t node, uint64_t devices,
               enum core_why why, uint64_t for_job, struct core_place *out) {
    struct wish wish = {shape, node, 0, for_job, devices, why};
    uint32_t for_index = for_job ? job_find(core, for_job) : 0;
    if (for_index) wish.level = job_at(core, for_index)->level;
    uint32_t victims[VICTIMS_MAX], count = 0;
    bool found = false;
    while (!found && count < VICTIMS_MAX) {
        uint32_t victim = victim_next(core, &wish);
        if (!victim) break;
        trial(core, victim, true);
        victims[count++] = victim;
        found = has_place(core, &wish, out);
    }
    for (uint32_t i = count; found && i-- > 0;) { // the best of them first: is it needed?
        trial(core, victims[i], false);
        if (has_place(core, &wish, out)) {
            victims[i] = victims[--count];
        } else {
            trial(core, victims[i], true);
        }
    }
    found = found && has_place(core, &wish, out) && decision_room(core, count + 1);
    for (uint32_t i = count; i-- > 0;) trial(core, victims[i], false);
    if (!found) return false;
    for (uint32_t i = 0; i < count; i++) preempt_run(core, victims[i], why, for_job);
    return true;
}
