// A week that the same core made itself: replayed under the same policy it comes out as it was
// recorded, to the millisecond; another policy and a larger box change what they should change.
#include "allocation/replay.h"

#include "allocation/policy_core.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"
#include "check.h"

#define WEEK_MS ((int64_t)7 * 24 * 3600 * 1000)
#define MONDAY_MS ((int64_t)1795564800000)
enum { JOBS = 20000, DEPARTMENTS = 4, PERSONS = 24, ABOVE = 2049 };

static struct tenant tenants[DEPARTMENTS];
static struct policy policy = {
    .tenants = tenants, .count = DEPARTMENTS, .rate_micro = {MICRO, 0, 0, 0}};
static struct core_policy rules;
static struct core_capacity capacity = {.amount = {{16000, 65536, 0, 0}}};
static struct replay_figures recorded, present, changed;

static uint64_t draw(uint64_t *random, uint64_t below) {
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (*random >> 33) % below;
}

static void policy_make(void) {
    for (uint32_t i = 0; i < DEPARTMENTS; i++) {
        tenants[i] = (struct tenant){.id = i + 1,
                                     .name = STR("d"),
                                     .weight = 1,
                                     .may_lend = true,
                                     .may_borrow = true,
                                     .billing_permille = 1000,
                                     .limit = {-1, -1, -1, -1}};
    }
    core_policy_default(&rules);
}

static void week_make(struct replay *replay, uint64_t seed, uint32_t count) {
    *replay = (struct replay){.from_ms = MONDAY_MS, .until_ms = MONDAY_MS + WEEK_MS};
    for (uint32_t i = 0; i < count; i++) {
        uint64_t person = draw(&seed, PERSONS);
        struct replay_job job = {
            .id = i + 1,
            .members = 1,
            .person = person + 1,
            .tenant = 1 + person % DEPARTMENTS,
            .ready_ms = MONDAY_MS + (int64_t)draw(&seed, (uint64_t)WEEK_MS / 1000) * 1000,
            .run_ms = 1000 + (int64_t)draw(&seed, 600000),
            .checkpoint_ms = draw(&seed, 2) ? 3000 : 0,
            .need = {{1000 * (1 + (int64_t)draw(&seed, 8)), 1024, 0, 0}},
        };
        if (draw(&seed, 3)) job.estimate_ms = job.run_ms + (int64_t)draw(&seed, 100000);
        job.end_ms = job.ready_ms + job.run_ms;
        REQUIRE(replay_add(replay, &job) == OK);
    }
    replay_settle(replay);
}

// The week's ends as the core itself makes them: by the simulator, each person a tenant below a
// department of the policy.
static void week_record(struct replay *replay) {
    struct trace trace = {0};
    struct core_tenant nodes[DEPARTMENTS + PERSONS];
    struct simulate_figures figures;
    struct fault fault = {0};
    struct simulate_outcome *outcomes = memory_take(replay->count * sizeof *outcomes);
    REQUIRE(outcomes);
    policy_core_tenants(&policy, nodes, DEPARTMENTS);
    for (uint32_t i = 0; i < DEPARTMENTS; i++) nodes[i].id = ABOVE + i;
    uint64_t seen[PERSONS] = {0};
    uint32_t persons = 0;
    for (uint32_t i = 0; i < replay->count; i++) {
        const struct replay_job *job = &replay->jobs[i];
        bool ends = job->estimate_ms > 0 && !job->checkpoint_ms;
        uint32_t at = 0;
        while (at < persons && seen[at] != job->person) at++;
        if (at == persons) { // in the order of their first job
            seen[persons++] = job->person;
            nodes[DEPARTMENTS + at] =
                policy_core_person(job->person, ABOVE + (uint32_t)job->tenant - 1);
            nodes[DEPARTMENTS + at].id = at + 1;
        }
        struct trace_job made = {
            .submit_ms = job->ready_ms,
            .run_ms = job->run_ms,
            .limit_ms =
                ends ? job->estimate_ms > job->run_ms ? job->estimate_ms : job->run_ms + 1 : 0,
            .estimate_ms = job->estimate_ms,
            .members = 1,
            .checkpoint_ms = job->checkpoint_ms,
            .tenant = at + 1,
            .need = job->need};
        REQUIRE(trace_add(&trace, &made) == OK);
    }
    trace.tenants = ABOVE + DEPARTMENTS;
    trace_settle(&trace);
    struct core_policy told = rules;
    told.tenants = nodes;
    told.tenant_count = DEPARTMENTS + persons;
    struct simulate_options options = {.capacity = capacity, .policy = &told, .outcomes = outcomes};
    REQUIRE(simulate(&trace, &options, SIMULATE_OURS, &figures, &fault) == OK);
    int64_t first_ms = replay->jobs[0].ready_ms;
    for (uint32_t i = 0; i < replay->count; i++)
        replay->jobs[i].end_ms = outcomes[i].end_ms + first_ms;
    trace_close(&trace);
    memory_give(outcomes);
}

static struct replay_way way_of(const struct policy *under) {
    return (struct replay_way){
        .policy = under, .home = &policy, .capacity = capacity, .rules = &rules};
}

static void the_same_policy_makes_the_same_week(void) {
    struct replay replay;
    struct fault fault = {0};
    policy_make();
    week_make(&replay, check_random(), 3000);
    week_record(&replay);
    struct replay_way way = way_of(&policy);
    REQUIRE(replay_recorded(&replay, &way, &recorded) == OK);
    REQUIRE(replay_play(&replay, &way, &present, &fault) == OK);
    CHECK(present.jobs == 3000 && recorded.jobs == 3000);
    CHECK(present.hash != 0 && present.decisions >= 6000);
    CHECK(recorded.wait_mean_s > 1); // there was something to wait for
    CHECK(present.wait_mean_s == recorded.wait_mean_s);
    CHECK(present.wait_p95_s == recorded.wait_p95_s && present.wait_max_s == recorded.wait_max_s);
    CHECK(present.department_count == DEPARTMENTS);
    int64_t units = 0;
    for (uint32_t i = 0; i < DEPARTMENTS; i++) {
        CHECK(present.departments[i].units == recorded.departments[i].units);
        CHECK(present.departments[i].wait_p95_s >= present.departments[i].wait_mean_s / 20);
        CHECK(present.departments[i].wait_max_s <= present.wait_max_s);
        units += present.departments[i].units;
    }
    double hours = 0, busy = 0;
    for (uint32_t i = 0; i < replay.count; i++) {
        hours += (double)replay.jobs[i].need.of[0] / 1000 * (double)replay.jobs[i].run_ms / 3600000;
    }
    CHECK((double)units / MICRO / hours > 0.999 && (double)units / MICRO / hours < 1.001);
    for (int i = 0; i < REPLAY_BUCKETS; i++)
        busy += recorded.busy[i] * 16; // hours of 16 processors
    CHECK(busy > hours * 0.98 && busy < hours * 1.001);
    replay_close(&replay);
}

static void another_policy_and_another_box_differ(void) {
    struct replay replay;
    struct fault fault = {0};
    policy_make();
    week_make(&replay, check_random(), 6000);
    struct replay_way way = way_of(&policy);
    REQUIRE(replay_play(&replay, &way, &present, &fault) == OK);
    uint64_t hash = present.hash;
    REQUIRE(replay_play(&replay, &way, &present, &fault) == OK);
    CHECK(present.hash == hash); // the same again
    struct tenant others[DEPARTMENTS];
    memcpy(others, tenants, sizeof others);
    others[0].limit[SHARE_CPU] = 8000;
    struct policy other = policy;
    other.tenants = others;
    struct replay_way changes = way_of(&other);
    REQUIRE(replay_play(&replay, &changes, &changed, &fault) == OK);
    CHECK(changed.hash != hash);
    double before = 0, after = 0;
    for (uint32_t i = 0; i < DEPARTMENTS; i++) {
        if (present.departments[i].tenant == 1) before = present.departments[i].wait_mean_s;
        if (changed.departments[i].tenant == 1) after = changed.departments[i].wait_mean_s;
    }
    CHECK(after > before); // who may hold less waits more
    changes = way_of(&policy);
    changes.capacity.amount.of[RESOURCE_CPU] *= 2;
    REQUIRE(replay_play(&replay, &changes, &changed, &fault) == OK);
    CHECK(changed.wait_mean_s < present.wait_mean_s && changed.use < present.use);
    changes.capacity.amount.of[RESOURCE_CPU] = 500;
    CHECK(replay_play(&replay, &changes, &changed, &fault) == ERR_INPUT);
    CHECK_STR(fault.code, "simulate.no_job_fits");
    changes.capacity.amount.of[RESOURCE_CPU] = 2000; // most never run there
    REQUIRE(replay_play(&replay, &changes, &changed, &fault) == OK);
    CHECK(changed.left_out > 3000 && changed.left_out + changed.jobs == 6000);
    replay_close(&replay);
}

static void can_be_cancelled_and_is_quick(void) {
    struct replay replay;
    struct fault fault = {0};
    struct progress progress = {0};
    policy_make();
    week_make(&replay, check_random(), JOBS);
    struct replay_way way = way_of(&policy);
    way.progress = &progress;
    uint64_t began = clock_monotonic_us();
    REQUIRE(replay_play(&replay, &way, &present, &fault) == OK);
    printf("    %u jobs of a week in %.3f s\n", replay.count,
           (double)(clock_monotonic_us() - began) / 1e6);
    atomic_store(&progress.cancel, 1);
    CHECK(replay_play(&replay, &way, &present, &fault) == ERR_CANCELLED);
    replay_close(&replay);
}

static void nothing_is_nothing(void) {
    struct replay replay = {.from_ms = MONDAY_MS, .until_ms = MONDAY_MS + WEEK_MS};
    struct fault fault = {0};
    policy_make();
    struct replay_way way = way_of(&policy);
    REQUIRE(replay_recorded(&replay, &way, &recorded) == OK);
    REQUIRE(replay_play(&replay, &way, &present, &fault) == OK);
    CHECK(recorded.jobs == 0 && present.jobs == 0 && present.jain == 1 && present.use == 0);
}

static void fails_at_any_memory(void) {
    struct replay replay;
    struct fault fault = {0};
    struct replay_way way = way_of(&policy);
    policy_make();
    week_make(&replay, 7, 20);
    enum err err = ERR_MEMORY;
    for (uint64_t n = 0; err == ERR_MEMORY && n < 200; n++) {
        memory_fail_after(n);
        err = replay_play(&replay, &way, &present, &fault);
        memory_fail_after(UINT64_MAX);
    }
    CHECK(err == OK);
    replay_close(&replay);
}

int main(void) {
    CHECK_RUN(the_same_policy_makes_the_same_week);
    CHECK_RUN(another_policy_and_another_box_differ);
    CHECK_RUN(can_be_cancelled_and_is_quick);
    CHECK_RUN(nothing_is_nothing);
    CHECK_RUN(fails_at_any_memory);
    return check_done();
}
