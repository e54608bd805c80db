// Keeps the core's tenants as the newest policy says. The policy is changed by people/, which knows
// nothing of a runner; so the runner looks whether there is a new version whenever it looks at all.
#include "allocation/policy.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/flow_private.h"

static enum err policy_take(struct flow *flow, struct store_txn *txn) {
    struct arena *arena;
    struct policy policy;
    enum err err = arena_open(SCRATCH_BYTES, &arena);
    if (err != OK) return err;
    err = policy_load(txn, arena, &policy);
    if (err == OK) schedule_policy(flow->schedule, &policy, clock_now_ms());
    arena_close(arena);
    return err;
}

void policy_follow(struct flow *flow) {
    struct store_txn *txn;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return; // at the next look
    uint64_t versions = store_count(txn, TABLE_POLICY);
    if (versions + 1 != flow->policy_seen) {
        err = policy_take(flow, txn);
        log_event(LOG_INFO, "policy.followed", "version=%" PRIu64 " result=%s", versions,
                  err_name(err));
        if (err == OK) flow->policy_seen = versions + 1;
    }
    store_read_end(txn);
}
