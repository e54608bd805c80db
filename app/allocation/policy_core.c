// Budgets are not handed on: units are booked by the month and held against the limits when a job
// is submitted (usage.h), so the core's own budgets stay open.
#include "allocation/policy_core.h"

#include "base/assert.h"

#define PERSON_BIT ((uint64_t)1 << 62)

_Static_assert((int)SHARE_COUNT == (int)RESOURCE_COUNT && (int)SHARE_CPU == (int)RESOURCE_CPU &&
                   (int)SHARE_MEMORY == (int)RESOURCE_MEMORY &&
                   (int)SHARE_DISK == (int)RESOURCE_DISK &&
                   (int)SHARE_DEVICE == (int)RESOURCE_DEVICE,
               "the same order of resources");

uint64_t policy_core_person_id(uint64_t person) {
    return person | PERSON_BIT;
}

struct core_tenant policy_core_person(uint64_t person, uint64_t tenant) {
    return (struct core_tenant){
        .id = policy_core_person_id(person),
        .parent = tenant,
        .limit = {{-1, -1, -1, -1}},
        .weight = 1,
        .budget_milli = -1,
    };
}

uint32_t policy_core_tenants(const struct policy *policy, struct core_tenant *out, uint32_t room) {
    uint32_t count = 0;
    for (; count < policy->count && count < room; count++) {
        const struct tenant *tenant = &policy->tenants[count];
        cy_assert(tenant->id < PERSON_BIT);
        out[count] = (struct core_tenant){
            .id = tenant->id,
            .parent = tenant->parent,
            .has_quota = tenant->has_quota,
            .weight = tenant->weight,
            .keeps_unused = !tenant->may_lend,
            .never_borrows = !tenant->may_borrow,
            .budget_milli = -1,
        };
        for (int i = 0; i < SHARE_COUNT; i++) {
            out[count].quota.of[i] = tenant->quota[i];
            out[count].limit.of[i] = tenant->limit[i];
        }
    }
    return count;
}
