// The policy in the core: a tenant's limit holds for its persons together, a guarantee is kept free
// of borrowers who may not give way, and a new version counts for jobs that already wait.
#include "flow/jobs/schedule.h"

#include "allocation/policy_core.h"
#include "check.h"

enum { MIB = 1 << 20 };

static struct tenant tenants[3];
static struct policy policy;
static struct schedule *schedule;
static uint64_t next_job;

static struct tenant tenant_of(uint64_t id, uint64_t parent) {
    return (struct tenant){.id = id,
                           .parent = parent,
                           .limit = {-1, -1, -1, -1},
                           .weight = 1,
                           .may_lend = true,
                           .may_borrow = true};
}

// Four processors; department 2 with project 3 below it, beside the default one.
static bool begin(void) {
    struct allocation_capacity capacity = {.cpu_milli = 4000, .memory_bytes = (uint64_t)8192 * MIB};
    tenants[0] = tenant_of(1, 0);
    tenants[1] = tenant_of(2, 0);
    tenants[2] = tenant_of(3, 2);
    policy = (struct policy){.tenants = tenants, .count = 3};
    next_job = 1;
    return schedule_open(&capacity, &schedule) == OK;
}

static void submit(uint64_t person, uint64_t tenant, uint64_t cpu_milli, int64_t now_ms) {
    struct schedule_job job = {.id = next_job++,
                               .person = person,
                               .tenant = tenant,
                               .cpu_milli = cpu_milli,
                               .memory_bytes = 64 * MIB,
                               .submitted_ms = now_ms};
    schedule_submit(schedule, &job, now_ms);
}

// The jobs that start now, as bits.
static uint64_t starts(void) {
    struct core_decision decision;
    uint64_t jobs = 0;
    while (schedule_take(schedule, &decision)) {
        if (decision.kind == DECISION_START) jobs |= (uint64_t)1 << decision.job;
    }
    return jobs;
}

static void a_limit_holds_for_all_below(void) {
    REQUIRE(begin());
    tenants[1].limit[SHARE_CPU] = 2000;
    schedule_policy(schedule, &policy, 1000);
    submit(7, 2, 1000, 1000);
    submit(8, 3, 1000, 1000);
    submit(9, 3, 1000, 1000);
    CHECK_EQ(starts(), 1 << 1 | 1 << 2);
    submit(10, 1, 2000, 1000); // what they may not have is others' to use
    CHECK_EQ(starts(), 1 << 4);
    tenants[1].limit[SHARE_CPU] = -1; // and the next version takes effect at once
    schedule_exit(schedule, 4, 1, 2000);
    CHECK_EQ(starts(), 0);
    schedule_policy(schedule, &policy, 3000);
    schedule_tick(schedule, 3000);
    CHECK_EQ(starts(), 1 << 3);
    schedule_close(schedule);
}

static void what_is_not_lent_stays_free(void) {
    REQUIRE(begin());
    tenants[1].has_quota = true;
    tenants[1].quota[SHARE_CPU] = 3000;
    tenants[1].may_lend = false;
    schedule_policy(schedule, &policy, 1000);
    submit(7, 1, 2000, 1000);
    submit(7, 1, 1000, 1000);
    CHECK_EQ(starts(), 1 << 2);
    submit(8, 3, 3000, 1000); // the project lives on its department's quota
    CHECK_EQ(starts(), 1 << 3);
    schedule_close(schedule);
}

static void a_person_moves_with_their_jobs(void) {
    REQUIRE(begin());
    tenants[1].limit[SHARE_CPU] = 1000;
    schedule_policy(schedule, &policy, 1000);
    submit(7, 2, 1000, 1000);
    submit(7, 2, 1000, 1000);
    CHECK_EQ(starts(), 1 << 1);
    submit(7, 1, 1000, 2000); // now of the default department: nothing binds them there
    CHECK_EQ(starts(), 1 << 2 | 1 << 3);
    policy.count = 1; // their former department is gone
    schedule_policy(schedule, &policy, 3000);
    submit(8, 2, 1000, 3000); // and whoever still names it is of the default one
    CHECK_EQ(starts(), 1 << 4);
    schedule_close(schedule);
}

int main(void) {
    CHECK_RUN(a_limit_holds_for_all_below);
    CHECK_RUN(what_is_not_lent_stays_free);
    CHECK_RUN(a_person_moves_with_their_jobs);
    return check_done();
}
