// The tenant tree: who holds how much, whose right something is, whose turn it is. A share is what
// a node holds beyond its quota of the resource where that is most, divided by its weight; shares
// are compared as fractions, by 128-bit products. The turn goes down the tree: at each node to the
// child with the least share that has something waiting that fits.
#include <string.h>

#include "allocation/core_private.h"

// ---- shares ------------------------------------------------------------------------------------
// over / of of the dominant resource. What the box has nothing of counts as all of it.
static void share_find(const struct core *core, const struct core_amount *used,
                       const struct core_amount *quota, int64_t *out_over, int64_t *out_of) {
    int64_t over = 0, of = 1;
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        int64_t mine = used->of[r] - (quota && quota->of[r] > 0 ? quota->of[r] : 0);
        int64_t all = core->total.of[r] > 0 ? core->total.of[r] : 1;
        if (mine > 0 && (__int128)mine * of > (__int128)over * all) {
            over = mine;
            of = all;
        }
    }
    *out_over = over;
    *out_of = of;
}

static void share_renew(const struct core *core, struct node *node) {
    share_find(core, &node->used, node->has_quota ? &node->quota : NULL, &node->share_over,
               &node->share_of);
}

static int fractions_compare(int64_t over_a, int64_t of_a, uint32_t weight_a, int64_t over_b,
                             int64_t of_b, uint32_t weight_b) {
    __int128 a = (__int128)over_a * of_b * weight_b, b = (__int128)over_b * of_a * weight_a;
    return a < b ? -1 : a > b;
}

int share_compare(const struct core *core, uint32_t a, uint32_t b) {
    const struct node *left = node_at(core, a), *right = node_at(core, b);
    return fractions_compare(left->share_over, left->share_of, left->weight, right->share_over,
                             right->share_of, right->weight);
}

void shares_renew(struct core *core) {
    for (uint32_t i = 0; i < core->node_count; i++) share_renew(core, node_at(core, i));
}

// ---- what is held ------------------------------------------------------------------------------
// What a node and those below keep to themselves of what they do not use.
static struct core_amount kept_of(const struct node *node) {
    if (!node->keeps_unused || !node->has_quota) return node->kept;
    struct core_amount kept;
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        int64_t left = node->quota.of[r] - node->used.of[r];
        kept.of[r] = left > 0 ? left : 0;
    }
    return kept;
}

void node_hold(struct core *core, uint32_t index, const struct core_amount *what, int sign) {
    struct core_amount change = *what;
    if (sign < 0) {
        for (int r = 0; r < RESOURCE_COUNT; r++) change.of[r] = -change.of[r];
    }
    amount_add(&node_at(core, index)->own, &change);
    for (uint32_t at = index;; at = node_at(core, at)->parent) {
        struct node *node = node_at(core, at);
        struct core_amount before = kept_of(node);
        amount_add(&node->used, &change);
        share_renew(core, node);
        if (at == NODE_ROOT) break;
        if (!core->has_kept) continue;
        struct core_amount after = kept_of(node);
        amount_add(&node_at(core, node->parent)->kept, &after);
        amount_take(&node_at(core, node->parent)->kept, &before);
    }
}

void node_count_jobs(struct core *core, uint32_t index, int waiting, int running) {
    for (uint32_t at = index;; at = node_at(core, at)->parent) {
        struct node *node = node_at(core, at);
        node->waiting += (uint32_t)waiting;
        node->running += (uint32_t)running;
        if (at == NODE_ROOT) break;
    }
    core->waiting += (uint32_t)waiting;
    core->running += (uint32_t)running;
}

static bool within_sum(const struct core_amount *used, const struct core_amount *what,
                       const struct core_amount *bound) {
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (what->of[r] > 0 && bound->of[r] >= 0 && used->of[r] + what->of[r] > bound->of[r]) {
            return false;
        }
    }
    return true;
}

static bool limit_allows(const struct node *node, const struct core_amount *what) {
    if (node->has_limit && !within_sum(&node->used, what, &node->limit)) return false;
    return !node->never_borrows || !node->has_quota || within_sum(&node->used, what, &node->quota);
}

static bool quota_covers(const struct node *node, const struct core_amount *what) {
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (what->of[r] > 0 && node->used.of[r] + what->of[r] > node->quota.of[r]) return false;
    }
    return true;
}

// What other branches keep to themselves beside the child `at` of its parent.
static void kept_by_others(const struct core *core, uint32_t at, struct core_amount *sum) {
    struct core_amount own = kept_of(node_at(core, at));
    amount_add(sum, &node_at(core, node_at(core, at)->parent)->kept);
    amount_take(sum, &own);
}

bool node_limited(const struct core *core, uint32_t index, const struct core_amount *what) {
    return !limit_allows(node_at(core, index), what);
}

bool node_within_limits(const struct core *core, uint32_t index, const struct core_amount *what) {
    for (uint32_t at = index;; at = node_at(core, at)->parent) {
        if (!limit_allows(node_at(core, at), what)) return false;
        if (at == NODE_ROOT) return true;
    }
}

enum core_why node_allows(const struct core *core, uint32_t index, const struct core_amount *what) {
    struct core_amount kept = {0};
    for (uint32_t at = index;; at = node_at(core, at)->parent) {
        if (!limit_allows(node_at(core, at), what)) return WHY_LIMIT;
        if (at == NODE_ROOT) break;
        if (core->has_kept) kept_by_others(core, at, &kept);
    }
    if (!core->has_kept) return WHY_NONE;
    struct core_amount rest = core->plan.free;
    amount_take(&rest, &kept);
    if (index == NODE_ROOT) amount_take(&rest, &node_at(core, NODE_ROOT)->kept);
    return amount_within(what, &rest) ? WHY_NONE : WHY_KEPT;
}

bool inside_right(const struct core *core, uint32_t index, const struct core_amount *what) {
    bool right = false;
    for (uint32_t at = index; at != NODE_ROOT; at = node_at(core, at)->parent) {
        const struct node *node = node_at(core, at);
        if (!node->has_quota) continue;
        if (!quota_covers(node, what)) return false;
        right = true;
    }
    return right;
}

// ---- whose turn it is --------------------------------------------------------------------------
struct search {
    struct core *core;
    uint32_t level, words;
    bool right;
};

static uint32_t own_first(const struct search *search, const struct node *node,
                          const uint64_t *mask) {
    const struct core *core = search->core;
    uint32_t best = 0;
    uint64_t best_id = 0;
    int64_t best_key = 0;
    for (uint32_t at = node->queues; at; at = queue_at(core, at)->next) {
        const struct queue *queue = queue_at(core, at);
        if (queue->level != search->level) continue;
        if (!(mask[queue->shape >> 6] >> (queue->shape & 63) & 1)) continue;
        const struct job *job = job_at(core, queue->top);
        int64_t key = job_key(core, job);
        if (best && (key > best_key || (key == best_key && job->id > best_id))) continue;
        best = at;
        best_key = key;
        best_id = job->id;
    }
    return best;
}

static bool bits_meet(const uint64_t *a, const uint64_t *b, uint32_t words) {
    for (uint32_t i = 0; i < words; i++) {
        if (a[i] & b[i]) return true;
    }
    return false;
}

// Leaves of `mask` what the child may start; false when that is nothing.
static bool mask_narrow(const struct search *search, uint32_t child, const uint64_t *mask,
                        const struct core_amount *kept, uint64_t *out) {
    const struct core *core = search->core;
    const struct node *node = node_at(core, child);
    const uint64_t *bits = bits_at(core, child, search->level);
    bool limited = node->has_limit || (node->never_borrows && node->has_quota);
    bool look = limited || core->has_kept || (search->right && node->has_quota);
    struct core_amount rest = core->plan.free;
    if (core->has_kept) amount_take(&rest, kept);
    uint64_t any = 0;
    for (uint32_t word = 0; word < search->words; word++) {
        out[word] = mask[word] & bits[word];
        for (uint64_t left = look ? out[word] : 0; left; left &= left - 1) {
            uint32_t bit = (uint32_t)__builtin_ctzll(left);
            const struct core_amount *what = &shape_at(core, word * 64 + bit)->total;
            bool allowed = !limited || limit_allows(node, what);
            if (search->right && node->has_quota) allowed = allowed && quota_covers(node, what);
            if (core->has_kept) allowed = allowed && amount_within(what, &rest);
            if (!allowed) out[word] &= ~((uint64_t)1 << bit);
        }
        any |= out[word];
    }
    return any != 0;
}

// The child with the least share that may start something of `mask`; what that is, and what others
// keep to themselves beside it. One that may not is not asked again in this search.
static uint32_t child_next(const struct search *search, const struct node *node,
                           const uint64_t *mask, const struct core_amount *kept,
                           uint64_t out[SHAPE_WORDS_MAX], struct core_amount *out_kept) {
    const struct core *core = search->core;
    uint32_t best = 0;
    for (uint32_t at = node->first; at < node->first + node->count; at++) {
        if (node_at(core, at)->tried == core->search) continue;
        if (!bits_meet(bits_at(core, at, search->level), mask, search->words)) continue;
        if (best && share_compare(core, at, best) >= 0) continue;
        uint64_t narrow[SHAPE_WORDS_MAX];
        struct core_amount more = *kept;
        if (core->has_kept) kept_by_others(core, at, &more);
        if (!mask_narrow(search, at, mask, &more, narrow)) {
            node_at(core, at)->tried = core->search;
            continue;
        }
        best = at;
        memcpy(out, narrow, search->words * sizeof *out);
        *out_kept = more;
    }
    return best;
}

// Bits are set when a queue begins and stay when it ends: here they are set right.
static void bits_renew(const struct search *search, uint32_t index) {
    const struct core *core = search->core;
    const struct node *node = node_at(core, index);
    uint64_t *bits = bits_at(core, index, search->level);
    memset(bits, 0, search->words * sizeof *bits);
    for (uint32_t at = node->queues; at; at = queue_at(core, at)->next) {
        const struct queue *queue = queue_at(core, at);
        if (queue->level != search->level) continue;
        bits[queue->shape >> 6] |= (uint64_t)1 << (queue->shape & 63);
    }
    for (uint32_t at = node->first; at < node->first + node->count; at++) {
        const uint64_t *below = bits_at(core, at, search->level);
        for (uint32_t word = 0; word < search->words; word++) bits[word] |= below[word];
    }
}

static uint32_t search_below(const struct search *search, uint32_t index, const uint64_t *mask,
                             const struct core_amount *kept, bool right) {
    const struct core *core = search->core;
    const struct node *node = node_at(core, index);
    uint32_t own = search->right && !right ? 0 : own_first(search, node, mask);
    for (;;) {
        uint64_t narrow[SHAPE_WORDS_MAX];
        struct core_amount more;
        uint32_t child = child_next(search, node, mask, kept, narrow, &more);
        if (own && node->count) { // jobs of the node itself stand beside its children, weight 1
            int64_t over, of;
            share_find(core, &node->own, NULL, &over, &of);
            const struct node *other = node_at(core, child);
            if (!child || fractions_compare(over, of, 1, other->share_over, other->share_of,
                                            other->weight) <= 0) {
                return own;
            }
        }
        if (!child) break;
        uint32_t found =
            search_below(search, child, narrow, &more, right || node_at(core, child)->has_quota);
        if (found) return found;
        node_at(core, child)->tried = core->search;
    }
    if (!own) bits_renew(search, index);
    return own;
}

uint32_t turn_find(struct core *core, uint32_t level, bool right, const uint64_t *among) {
    struct search search = {core, level, (core->pools[PART_SHAPES].used + 63) / 64, right};
    if (++core->search == 0) core->search = 1;
    struct core_amount kept = {0};
    uint64_t mask[SHAPE_WORDS_MAX];
    if (!bits_meet(bits_at(core, NODE_ROOT, level), among, search.words)) return 0;
    if (!mask_narrow(&search, NODE_ROOT, among, &kept, mask)) return 0;
    return search_below(&search, NODE_ROOT, mask, &kept, false);
}

// ---- the policy becomes a tree -----------------------------------------------------------------
void core_policy_default(struct core_policy *out) {
    *out = (struct core_policy){
        .guard_ms = 4 * 3600 * 1000,
        .guard_lead_ms = 1200 * 1000,
        .guard_again_ms = (int64_t)14 * 24 * 3600 * 1000,
        .overdue_lease_ms = 600 * 1000,
        // Most end soon; of those that do not, nobody can say more than that they may well
        // take as long again.
        .level_s = {1800, 28800, 230400, 460800, 921600},
        .minimum_run_ms = 60 * 1000,
        .minimum_checkpoints = 20,
        .grace_ms = 30 * 1000,
        .restarts_most = 5,
        .ageing_ms = 60 * 1000,
    };
}

static void bits_clear(struct core *core) {
    memset(bits_at(core, 0, 0), 0,
           (size_t)core->node_count * CORE_LEVELS * core->words * sizeof(uint64_t));
}

void tree_open(struct core *core) {
    struct node *root = node_at(core, NODE_ROOT);
    *root = (struct node){.weight = 1, .share_of = 1, .budget_milli = -1};
    core->node_count = 1;
    *words_at(core, PART_NODE_ORDER, 0) = NODE_ROOT;
    bits_clear(core);
}

uint32_t node_find(const struct core *core, uint64_t id, bool *found) {
    const uint32_t *order = words_at(core, PART_NODE_ORDER, 0);
    uint32_t low = 0, high = core->node_count;
    while (low + 1 < high) {
        uint32_t middle = (low + high) / 2;
        if (node_at(core, order[middle])->id <= id) {
            low = middle;
        } else {
            high = middle;
        }
    }
    *found = node_at(core, order[low])->id == id;
    return *found ? order[low] : NODE_ROOT;
}

static bool amount_sane(const struct core_amount *amount) {
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (amount->of[r] < -1 || amount->of[r] > CORE_AMOUNT_MAX) return false;
    }
    return true;
}

static bool tenant_sane(const struct core_policy *policy, uint32_t index) {
    const struct core_tenant *tenant = &policy->tenants[index];
    if (tenant->id == 0 || tenant->weight < 1 || tenant->weight > 1u << 20) return false;
    if (!amount_sane(&tenant->quota) || !amount_sane(&tenant->limit)) return false;
    if (tenant->budget_milli < -1 || tenant->budget_milli > (int64_t)1 << 60) return false;
    uint32_t depth = 1;
    uint64_t parent = tenant->parent;
    for (uint32_t i = index; i-- > 0;) {
        if (policy->tenants[i].id == tenant->id) return false;
        if (policy->tenants[i].id != parent || parent == 0) continue;
        parent = policy->tenants[i].parent;
        depth++;
    }
    return parent == 0 && depth <= CORE_DEPTH_MAX;
}

static bool within(int64_t value, int64_t least, int64_t most) {
    return value >= least && value <= most;
}

bool core_policy_check(const struct core *core, const struct core_policy *policy) {
    if (policy->tenant_count > core->limits.tenants) return false;
    for (uint32_t i = 0; i < policy->tenant_count; i++) {
        if (!tenant_sane(policy, i)) return false;
    }
    for (int i = 0; i < CORE_LEVELS - 1; i++) {
        if (!within(policy->level_s[i], i ? policy->level_s[i - 1] : 0, (int64_t)1 << 50)) {
            return false;
        }
    }
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (!within(policy->rate_milli[r], 0, (int64_t)1 << 30)) return false;
    }
    const int64_t most = CORE_TIME_MAX / 1024;
    return within(policy->guard_ms, 0, most) && within(policy->guard_again_ms, 0, most) &&
           within(policy->guard_lead_ms, 0, policy->guard_ms ? policy->guard_ms : most) &&
           within(policy->overdue_lease_ms, 0, most) && within(policy->minimum_run_ms, 0, most) &&
           within(policy->minimum_checkpoints, 0, 1000) && within(policy->restarts_most, 0, 255) &&
           within(policy->grace_ms, 0, most) && within(policy->ageing_ms, 0, most);
}

static void node_set(struct core *core, const struct core_tenant *tenant, uint32_t parent) {
    struct node *node = node_at(core, core->node_count);
    *node = (struct node){
        .id = tenant->id,
        .parent = parent,
        .weight = tenant->weight,
        .depth = node_at(core, parent)->depth + 1,
        .has_quota = tenant->has_quota,
        .keeps_unused = tenant->keeps_unused,
        .never_borrows = tenant->never_borrows,
        .quota = tenant->quota,
        .limit = tenant->limit,
        .budget_milli = tenant->budget_milli,
        .share_of = 1,
    };
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (node->quota.of[r] < 0) node->quota.of[r] = 0;
        if (tenant->limit.of[r] >= 0) node->has_limit = true;
    }
    core->has_quota |= node->has_quota;
    core->has_kept |= node->has_quota && node->keeps_unused;
    core->has_budget |= node->budget_milli >= 0;
    // Kept in order of ids.
    uint32_t *order = words_at(core, PART_NODE_ORDER, 0), at = core->node_count++;
    for (; at > 0 && node_at(core, order[at - 1])->id > tenant->id; at--) order[at] = order[at - 1];
    order[at] = core->node_count - 1;
}

// Breadth first, so that the children of a node stand side by side, in the order given.
static void tree_build(struct core *core, const struct core_policy *policy) {
    tree_open(core);
    core->has_quota = core->has_kept = core->has_budget = false;
    for (uint32_t at = 0; at < core->node_count; at++) {
        node_at(core, at)->first = core->node_count;
        for (uint32_t i = 0; i < policy->tenant_count; i++) {
            if (policy->tenants[i].parent == node_at(core, at)->id) {
                node_set(core, &policy->tenants[i], at);
            }
        }
        node_at(core, at)->count = core->node_count - node_at(core, at)->first;
    }
    bits_clear(core);
    for (uint32_t at = core->node_count; at-- > 1;) { // from the leaves up
        struct core_amount kept = kept_of(node_at(core, at));
        amount_add(&node_at(core, node_at(core, at)->parent)->kept, &kept);
    }
}

void policy_set(struct core *core, const struct core_policy *policy) {
    core->policy = *policy;
    core->policy.tenants = NULL;
    rates_renew(core);
    // Queues hang in the tree: all are taken down and put up again.
    tree_build(core, policy);
    core->waiting = core->running = 0;
    core->pools[PART_QUEUES].used = 1;
    core->pools[PART_QUEUES].free = 0;
    for (uint32_t i = 1; i < core->pools[PART_SHAPES].used; i++) {
        shape_at(core, i)->waiting = 0;
    }
    for (uint32_t i = 1; i < core->pools[PART_JOBS].used; i++) {
        struct job *job = job_at(core, i);
        if (job->state == CORE_NONE) continue;
        bool found, queued = job->queue != 0;
        job->queue = 0;
        job->node = (uint16_t)node_find(core, job->tenant, &found);
        bool holds = job->run && !run_at(core, job->run)->stopping;
        node_count_jobs(core, job->node, job->state == CORE_WAITING, job->state != CORE_WAITING);
        if (holds) node_hold(core, job->node, &shape_at(core, job->shape)->total, 1);
        job->level = level_of(core, job, job->served_milli) & 0xF;
        if (queued) queue_put(core, i);
    }
    core->released = true;
    budget_blocks_lift(core);
}
