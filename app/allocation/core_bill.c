// Vouchers and budgets as numbers: what an attempt cost is taken from vouchers first, those that
// end soonest first, then from the budgets of the tenant and of all above it.
#include "allocation/core_private.h"

enum { BILL_PARTS_MAX = 4 }; // vouchers that one attempt draws on at most

static bool voucher_serves(const struct core *core, const struct voucher *voucher,
                           const struct job *job) {
    if (voucher->units_milli <= 0) return false;
    if (core->now_ms < voucher->from_ms || core->now_ms >= voucher->until_ms) return false;
    if (voucher->use_classes && !(voucher->use_classes >> job->use_class & 1)) return false;
    for (uint32_t at = job->node; at != NODE_ROOT; at = node_at(core, at)->parent) {
        if (node_at(core, at)->id == voucher->tenant) return true;
    }
    return false;
}

static struct voucher *voucher_for(const struct core *core, const struct job *job) {
    struct voucher *best = NULL;
    for (uint32_t i = 1; i <= core->voucher_count; i++) {
        struct voucher *voucher = voucher_at(core, i);
        if (!voucher_serves(core, voucher, job)) continue;
        if (!best || voucher->until_ms < best->until_ms ||
            (voucher->until_ms == best->until_ms && voucher->id < best->id)) {
            best = voucher;
        }
    }
    return best;
}

bool bill_payable(const struct core *core, const struct job *job) {
    if (!core->has_budget) return true;
    bool left = true;
    for (uint32_t at = job->node; at != NODE_ROOT; at = node_at(core, at)->parent) {
        left = left && node_at(core, at)->budget_milli != 0;
    }
    return left || voucher_for(core, job);
}

static void bill_part(struct core *core, const struct job *job, uint64_t voucher,
                      int64_t units_milli) {
    struct core_decision *decision = decide(core, DECISION_BILL, WHY_NONE, job);
    decision->other = voucher;
    decision->units_milli = units_milli;
}

void bill(struct core *core, const struct job *job, int64_t units_milli) {
    for (int part = 0; part < BILL_PARTS_MAX && units_milli > 0; part++) {
        struct voucher *voucher = voucher_for(core, job);
        if (!voucher) break;
        int64_t taken = units_milli < voucher->units_milli ? units_milli : voucher->units_milli;
        voucher->units_milli -= taken;
        units_milli -= taken;
        bill_part(core, job, voucher->id, taken);
    }
    if (units_milli <= 0) return;
    bill_part(core, job, 0, units_milli);
    for (uint32_t at = job->node; at != NODE_ROOT; at = node_at(core, at)->parent) {
        struct node *node = node_at(core, at);
        if (node->budget_milli < 0) continue; // no budget; used up is 0, never less
        node->budget_milli =
            units_milli < node->budget_milli ? node->budget_milli - units_milli : 0;
    }
}

void budget_blocks_lift(struct core *core) {
    for (uint32_t i = 1; i < core->pools[PART_JOBS].used; i++) {
        if (job_at(core, i)->state != CORE_NONE) job_unblock(core, i, BLOCK_BUDGET);
    }
}

void voucher_set(struct core *core, const struct core_voucher *what) {
    uint32_t at = 1;
    while (at <= core->voucher_count && voucher_at(core, at)->id != what->id) at++;
    if (what->units_milli <= 0) {
        if (at <= core->voucher_count)
            *voucher_at(core, at) = *voucher_at(core, core->voucher_count--);
        return;
    }
    if (at > core->limits.vouchers) return;
    if (at > core->voucher_count) core->voucher_count = at;
    *voucher_at(core, at) = (struct voucher){.id = what->id,
                                             .tenant = what->tenant,
                                             .units_milli = what->units_milli,
                                             .from_ms = what->valid_from_ms,
                                             .until_ms = what->valid_until_ms,
                                             .use_classes = what->use_classes};
    budget_blocks_lift(core);
}
