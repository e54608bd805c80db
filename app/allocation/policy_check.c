// What of a policy does not add up: guarantees that nobody could keep, limits that contradict.
#include "allocation/policy.h"

struct checking {
    const struct policy *policy;
    const int64_t *capacity;
    void (*tell)(void *ctx, const struct policy_finding *finding);
    void *ctx;
};

static void found(const struct checking *checking, const char *code, bool refused, uint64_t tenant,
                  enum share share, int64_t has, int64_t most) {
    struct policy_finding finding = {code, refused, tenant, share_name(share), has, most};
    checking->tell(checking->ctx, &finding);
}

// What the tenants below `parent` are guaranteed together; one without a quota of its own hands on
// what those below it have.
static int64_t guaranteed(const struct policy *policy, uint64_t parent, enum share share) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < policy->count; i++) {
        const struct tenant *tenant = &policy->tenants[i];
        if (tenant->parent != parent) continue;
        sum += tenant->has_quota ? tenant->quota[share] : guaranteed(policy, tenant->id, share);
    }
    return sum;
}

static void check_tenant(const struct checking *checking, const struct tenant *tenant,
                         enum share share) {
    int64_t quota = tenant->quota[share], limit = tenant->limit[share];
    if (tenant->has_quota) {
        int64_t below = guaranteed(checking->policy, tenant->id, share);
        if (below > quota) {
            found(checking, "policy.below_over_quota", true, tenant->id, share, below, quota);
        }
        bool works = tenant->quota[SHARE_CPU] > 0 || tenant->quota[SHARE_DEVICE] > 0;
        if (works && quota == 0 && share != SHARE_DEVICE) {
            found(checking, "policy.quota_lacks", false, tenant->id, share, 0, 0);
        }
        if (limit >= 0 && quota > limit) {
            found(checking, "policy.quota_over_limit", true, tenant->id, share, quota, limit);
        }
    }
    if (limit > checking->capacity[share]) {
        found(checking, "policy.limit_over_box", false, tenant->id, share, limit,
              checking->capacity[share]);
    }
}

void policy_check(const struct policy *policy, const int64_t capacity[static SHARE_COUNT],
                  void (*tell)(void *ctx, const struct policy_finding *finding), void *ctx) {
    struct checking checking = {policy, capacity, tell, ctx};
    for (int i = 0; i < SHARE_COUNT; i++) {
        enum share share = (enum share)i;
        int64_t sum = guaranteed(policy, 0, share);
        if (sum > capacity[i]) {
            found(&checking, "policy.quota_over_box", true, 0, share, sum, capacity[i]);
        }
        for (uint32_t k = 0; k < policy->count; k++) {
            check_tenant(&checking, &policy->tenants[k], share);
        }
    }
}

static _Atomic int64_t capacity_told[SHARE_COUNT];

void policy_capacity_tell(const int64_t capacity[static SHARE_COUNT]) {
    for (int i = 0; i < SHARE_COUNT; i++) capacity_told[i] = capacity[i];
}

void policy_capacity(int64_t out[static SHARE_COUNT]) {
    for (int i = 0; i < SHARE_COUNT; i++) out[i] = capacity_told[i];
}
