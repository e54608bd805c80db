// The policy as the scheduler's core takes it: tenants as nodes of its tree, and a node for each
// person below the tenant they belong to. Pure. Depends on base/ only. Any thread.
#pragma once

#include "allocation/core.h"
#include "allocation/policy.h"

// The nodes of the policy's tenants, parents first, ids as in the policy. Fills up to `room` and
// returns how many there are.
uint32_t policy_core_tenants(const struct policy *policy, struct core_tenant *out, uint32_t room);
// A person's node: no right and no limit of its own, as heavy as every other person.
struct core_tenant policy_core_person(uint64_t person, uint64_t tenant);
uint64_t policy_core_person_id(uint64_t person); // apart from every tenant's
