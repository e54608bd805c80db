// A small world around the core for property tests: random policies, boxes and events from a seed,
// an executor that keeps its own books of what runs where, and the invariants that hold after
// every event. A list of actions is data, so a failing one can be made smaller (world_shrink) and
// printed. Belongs to the test that made it. Its books share no code with the core.
#pragma once

#include <stdio.h>

#include "allocation/core.h"

enum { WORLD_JOBS = 192, WORLD_TENANTS = 12, WORLD_DECISIONS = 64, WORLD_ACTIONS = 4096 };

enum action_kind {
    ACT_SUBMIT,
    ACT_ADVANCE, // time goes on; ends that are due happen, and ticks that are asked for
    ACT_CANCEL,
    ACT_HOLD,
    ACT_RELEASE,
    ACT_APPROVE,
    ACT_REJECT,
    ACT_FAULT, // the box fails a running attempt
    ACT_CHECKPOINTED,
    ACT_DEVICE,
    ACT_POLICY,
    ACT_CAPACITY,
    ACT_RESERVE,
    ACT_UNRESERVE,
    ACT_VOUCHER,
    ACT_PRESSURE,
    ACT_NONSENSE,
    ACT_COUNT
};
struct action {
    enum action_kind kind;
    uint64_t random; // all that the action needs is drawn from it
};
struct world_job { // the executor's and the submitter's books
    uint64_t id, tenant;
    struct core_amount total;
    uint32_t members, attempt, flags;
    int64_t run_ms, left_ms, limit_ms, started_ms, since_ms, submitted_ms, checkpoint_ms;
    int64_t ran_ms, billed_milli; // billed: in the step that ended its attempt
    enum core_why kill_why;
    bool known, running, stopping, killed;
    uint32_t restarts;              // begun again for others
    bool promised, own_matter;      // own_matter: a person or a limit may hold it back
    int64_t promised_ms, booked_ms; // booked: what a promise of one without a limit counts on
    struct core_place place;
};
struct world {
    struct core *core;
    uint64_t random;
    int64_t now_ms, grace_ms;
    struct core_capacity capacity;
    struct core_tenant tenants[WORLD_TENANTS];
    uint32_t tenant_count;
    struct core_policy policy;
    struct world_job jobs[WORLD_JOBS]; // live ones, by id modulo
    uint64_t next_id;
    struct core_decision decisions[WORLD_DECISIONS];
    uint32_t reservations;
    uint64_t restarts; // of those that cannot be saved
    uint64_t starts, preempts, ends, kills, refusals, bills, promises; // how much happened
    // Called after each step of the core, if set.
    void (*told)(const struct world *world, const struct core_event *event);
    bool limited, disturbed; // tenants with limits; the box or the policy changed
    bool overran;            // a promised one ran longer than it thought, with no limit to end it
    const char *wrong;       // the invariant that broke, NULL: none
};
// `memory` of world_core_size bytes; the seed decides box and policy.
size_t world_core_size(void);
void world_limits(struct core_limits *out);
void world_open(struct world *world, void *memory, uint64_t seed);
// Does one action; false (and world->wrong) when an invariant broke.
bool world_do(struct world *world, const struct action *action);
// A random job as somebody in this world would submit it.
struct core_job world_job_draw(const struct world *world, uint64_t id, uint64_t *random);
// A random action as the seed's stream has it.
struct action world_action(uint64_t *random);
// Runs a list in a fresh world; false when an invariant broke.
bool world_run(struct world *world, void *memory, uint64_t seed, const struct action *actions,
               uint32_t count);
// Takes away what the failure does not need; returns how many actions are left.
uint32_t world_shrink(struct world *world, void *memory, uint64_t seed, struct action *actions,
                      uint32_t count);
void world_print(FILE *out, uint64_t seed, const struct action *actions, uint32_t count);
