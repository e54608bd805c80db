// The core by example: what one event after another leads to.
#include "allocation/core.h"
#include "base/memory.h"
#include "check.h"

enum { ROOM = 64 };
#define HOUR_MS 3600000

struct bench {
    struct core *core;
    struct core_decision got[ROOM];
    uint32_t count;
    int64_t now_ms;
};

static void step(struct bench *b, struct core_event event) {
    event.now_ms = b->now_ms;
    b->count = core_step(b->core, &event, b->got, ROOM);
}

static void bench_open(struct bench *b, int64_t cpus, int64_t memory_mib, uint64_t devices) {
    struct core_limits limits = {
        .jobs = 1000, .running = 100, .tenants = 64, .shapes = 64, .edges = 16, .vouchers = 16};
    *b = (struct bench){.now_ms = 1000};
    b->core = core_open(memory_take(core_size(&limits)), &limits);
    struct core_capacity capacity = {.amount = {{cpus * 1000, memory_mib, 1 << 20, 0}},
                                     .devices = devices,
                                     .cpus = {((uint64_t)1 << cpus) - 1}};
    step(b, (struct core_event){.kind = EVENT_CAPACITY, .capacity = &capacity});
}

static void bench_close(struct bench *b) {
    memory_give(b->core);
}

static void policy_of(struct bench *b, const struct core_tenant *tenants, uint32_t count) {
    struct core_policy policy;
    core_policy_default(&policy);
    policy.tenants = tenants;
    policy.tenant_count = count;
    CHECK(core_policy_check(b->core, &policy));
    step(b, (struct core_event){.kind = EVENT_POLICY, .policy = &policy});
}

#define NO_LIMIT           \
    {                      \
        { -1, -1, -1, -1 } \
    }

static struct core_job job_of(uint64_t id, uint64_t tenant, int64_t cpus, int64_t memory_mib,
                              int64_t device_milli) {
    return (struct core_job){.id = id,
                             .tenant = tenant,
                             .need = {{cpus * 1000, memory_mib, 0, device_milli}},
                             .members = 1};
}

static void submit(struct bench *b, struct core_job job) {
    step(b, (struct core_event){.kind = EVENT_SUBMIT, .submit = &job});
}

static void exit_of(struct bench *b, uint64_t job, uint32_t attempt, enum core_outcome outcome) {
    step(b, (struct core_event){
                .kind = EVENT_EXITED, .job = job, .attempt = attempt, .outcome = outcome});
}

static enum core_state state_of(const struct bench *b, uint64_t job) {
    struct core_job_view view;
    core_job_look(b->core, job, &view);
    return view.state;
}

static const struct core_decision *found(const struct bench *b, enum core_decision_kind kind,
                                         uint64_t job) {
    for (uint32_t i = 0; i < b->count; i++) {
        if (b->got[i].kind == kind && b->got[i].job == job) return &b->got[i];
    }
    return NULL;
}

static void starts_what_fits_and_then_the_next(void) {
    struct bench b;
    bench_open(&b, 4, 8192, 0);
    submit(&b, job_of(1, 0, 3, 100, 0));
    CHECK(found(&b, DECISION_START, 1));
    submit(&b, job_of(2, 0, 2, 100, 0));
    CHECK_EQ(b.count, 0);
    CHECK_EQ(state_of(&b, 2), CORE_WAITING);
    b.now_ms += 5000;
    exit_of(&b, 1, 1, ATTEMPT_DONE);
    CHECK(found(&b, DECISION_END, 1));
    CHECK(found(&b, DECISION_START, 2));
    const struct core_decision *bill = found(&b, DECISION_BILL, 1);
    REQUIRE(bill);
    CHECK_EQ(bill->units_milli, 3 * 5000); // three processors for five seconds
    CHECK_EQ(state_of(&b, 1), CORE_NONE);
    bench_close(&b);
}

// 9 CPUs and 18 GB; A's jobs need <1, 4>, B's <3, 1>: 3 and 2 run (Ghodsi et al. 2011, 4.1).
static void dominant_shares_of_the_paper(void) {
    struct bench b;
    bench_open(&b, 9, 18, 0);
    struct core_tenant tenants[] = {{.id = 1, .limit = NO_LIMIT, .weight = 1, .budget_milli = -1},
                                    {.id = 2, .limit = NO_LIMIT, .weight = 1, .budget_milli = -1}};
    policy_of(&b, tenants, 2);
    submit(&b, job_of(99, 0, 9, 18, 0)); // holds all until everybody is there
    for (uint64_t i = 0; i < 6; i++) {
        submit(&b, job_of(10 + i, 1, 1, 4, 0));
        submit(&b, job_of(20 + i, 2, 3, 1, 0));
    }
    exit_of(&b, 99, 1, ATTEMPT_DONE);
    int a = 0, c = 0;
    for (uint32_t i = 0; i < b.count; i++) {
        if (b.got[i].kind != DECISION_START) continue;
        *(b.got[i].job < 20 ? &a : &c) += 1;
    }
    CHECK_EQ(a, 3);
    CHECK_EQ(c, 2);
    bench_close(&b);
}

static void dependencies_holds_and_approvals(void) {
    struct bench b;
    bench_open(&b, 4, 8192, 0);
    submit(&b, job_of(1, 0, 1, 1, 0));
    struct core_job second = job_of(2, 0, 1, 1, 0), third = job_of(3, 0, 1, 1, 0);
    second.after[0] = 1;
    second.after_count = 1;
    third.after[0] = 2;
    third.after_count = 1;
    submit(&b, second);
    submit(&b, third);
    CHECK_EQ(b.count, 0);
    exit_of(&b, 1, 1, ATTEMPT_DONE);
    CHECK(found(&b, DECISION_START, 2));
    exit_of(&b, 2, 1, ATTEMPT_FAILED);
    CHECK(found(&b, DECISION_REFUSE, 3));
    struct core_job fourth = job_of(4, 0, 1, 1, 0);
    fourth.flags = CORE_APPROVAL | CORE_HELD;
    submit(&b, fourth);
    CHECK_EQ(b.count, 0);
    step(&b, (struct core_event){.kind = EVENT_APPROVE, .job = 4});
    CHECK_EQ(b.count, 0);
    step(&b, (struct core_event){.kind = EVENT_RELEASE, .job = 4});
    CHECK(found(&b, DECISION_START, 4));
    bench_close(&b);
}

static void parts_of_devices_and_gangs(void) {
    struct bench b;
    bench_open(&b, 32, 8192, 3);
    submit(&b, job_of(1, 0, 1, 1, 400));
    submit(&b, job_of(2, 0, 1, 1, 600));
    const struct core_decision *start = found(&b, DECISION_START, 2);
    REQUIRE(start);
    CHECK_EQ(start->place.devices, 1); // beside the first
    submit(&b, job_of(3, 0, 1, 1, 2000));
    CHECK_EQ(b.count, 0);
    struct core_job gang = job_of(4, 0, 1, 1, 500);
    gang.members = 3;
    submit(&b, gang);
    CHECK_EQ(b.count, 0);
    exit_of(&b, 2, 1, ATTEMPT_DONE);
    start = found(&b, DECISION_START, 4);
    REQUIRE(start);
    CHECK_EQ(start->place.device_milli[0], 500);
    CHECK_EQ(start->place.device_milli[1], 1000);
    bench_close(&b);
}

// Two departments; the second has a right to two of four processors. The first lent them to three
// jobs: two that can only be begun again, and one that can be saved.
static void a_lender(struct bench *b) {
    bench_open(b, 4, 8192, 0);
    struct core_tenant tenants[] = {{.id = 1, .limit = NO_LIMIT, .weight = 1, .budget_milli = -1},
                                    {.id = 2,
                                     .limit = NO_LIMIT,
                                     .weight = 1,
                                     .budget_milli = -1,
                                     .has_quota = true,
                                     .quota = {{2000, 8192, 0, 0}}}};
    policy_of(b, tenants, 2);
    for (uint64_t id = 1; id <= 3; id++) {
        struct core_job job = job_of(id, 1, id == 1 ? 2 : 1, 1, 0);
        job.flags = CORE_RESTARTABLE;
        if (id == 3) job.checkpoint_ms = 1000;
        submit(b, job);
        CHECK_EQ(state_of(b, id), CORE_RUNNING);
        b->now_ms += 1000;
    }
}

static void a_right_takes_from_what_can_only_be_begun_again(void) {
    struct bench b;
    a_lender(&b);
    submit(&b, job_of(10, 2, 1, 1, 0));
    CHECK_EQ(b.count, 1);
    CHECK(found(&b, DECISION_PREEMPT, 3)); // it keeps its work
    exit_of(&b, 3, 1, ATTEMPT_PREEMPTED);
    CHECK(found(&b, DECISION_START, 10));
    submit(&b, job_of(11, 2, 1, 1, 0));
    CHECK_EQ(b.count, 1);
    const struct core_decision *stop = found(&b, DECISION_PREEMPT, 2); // of two it loses less
    REQUIRE(stop);
    CHECK_EQ(stop->why, WHY_RIGHT);
    b.now_ms = stop->at_ms; // it does not listen
    step(&b, (struct core_event){.kind = EVENT_TICK});
    CHECK(found(&b, DECISION_KILL, 2));
    exit_of(&b, 2, 1, ATTEMPT_FAILED);
    CHECK(found(&b, DECISION_START, 11));
    CHECK(found(&b, DECISION_BILL, 2));
    CHECK_EQ(state_of(&b, 2), CORE_WAITING); // begun again when there is room
    exit_of(&b, 11, 1, ATTEMPT_DONE);
    CHECK_EQ(state_of(&b, 2), CORE_RUNNING);
    bench_close(&b);
}

static void begun_again_so_often_and_no_more(void) {
    struct bench b;
    a_lender(&b);
    exit_of(&b, 3, 1, ATTEMPT_DONE);
    submit(&b, job_of(9, 1, 1, 1, 0)); // cannot be asked at all
    uint64_t id = 20;
    for (uint32_t times = 1; times <= 5; times++, id++) {
        submit(&b, job_of(id, 2, 1, 1, 0));
        REQUIRE(found(&b, DECISION_PREEMPT, 2));
        exit_of(&b, 2, times, ATTEMPT_PREEMPTED);
        exit_of(&b, id, 1, ATTEMPT_DONE);
        CHECK_EQ(state_of(&b, 2), CORE_RUNNING);
        b.now_ms += 1000;
    }
    submit(&b, job_of(id, 2, 1, 1, 0)); // now it is the other's turn, that would lose more
    CHECK(!found(&b, DECISION_PREEMPT, 2));
    CHECK(found(&b, DECISION_PREEMPT, 1));
    bench_close(&b);
}

static void nothing_but_rights_and_the_calendar_restarts(void) {
    struct bench b;
    bench_open(&b, 4, 8192, 0);
    struct core_job job = job_of(1, 0, 4, 1, 0);
    job.flags = CORE_RESTARTABLE;
    submit(&b, job);
    b.now_ms += 10 * HOUR_MS; // of the highest level
    struct core_job other = job_of(2, 0, 1, 1, 0), promised = job_of(3, 0, 1, 1, 0);
    promised.limit_ms = HOUR_MS;
    promised.deadline_ms = b.now_ms + 3 * HOUR_MS;
    submit(&b, other);
    CHECK_EQ(b.count, 0);
    submit(&b, promised);
    CHECK(found(&b, DECISION_REFUSE, 3));
    b.now_ms += 10 * HOUR_MS; // the guard's time is over
    step(&b, (struct core_event){.kind = EVENT_TICK});
    CHECK_EQ(b.count, 0);
    struct core_reservation slot = {
        .id = 1, .amount = {{2000, 1, 0, 0}}, .from_ms = b.now_ms + HOUR_MS};
    slot.until_ms = slot.from_ms + HOUR_MS;
    step(&b, (struct core_event){.kind = EVENT_RESERVE, .reservation = &slot});
    REQUIRE(b.count == 1 && b.got[0].kind == DECISION_RESERVE);
    CHECK_EQ(b.got[0].why, WHY_NONE);
    b.now_ms = slot.from_ms;
    step(&b, (struct core_event){.kind = EVENT_TICK});
    REQUIRE(found(&b, DECISION_PREEMPT, 1));
    CHECK_EQ(found(&b, DECISION_PREEMPT, 1)->why, WHY_RESERVATION);
    bench_close(&b);
}

static void a_slot_that_ends_makes_room_for_a_promise_in_the_same_step(void) {
    struct bench b;
    bench_open(&b, 4, 8192, 0);
    struct core_job job = job_of(1, 0, 4, 1, 0), promised = job_of(2, 0, 4, 1, 0);
    job.limit_ms = promised.limit_ms = HOUR_MS;
    promised.deadline_ms = b.now_ms + 4 * HOUR_MS;
    submit(&b, job);
    submit(&b, promised);
    REQUIRE(found(&b, DECISION_PROMISE, 2));
    step(&b, (struct core_event){.kind = EVENT_HOLD, .job = 2});
    exit_of(&b, 1, 1, ATTEMPT_DONE);
    struct core_reservation slot = {
        .id = 1, .amount = {{1000, 1, 0, 0}}, .from_ms = b.now_ms + 6 * HOUR_MS};
    slot.until_ms = slot.from_ms + HOUR_MS;
    step(&b, (struct core_event){.kind = EVENT_RESERVE, .reservation = &slot});
    b.now_ms = slot.from_ms;
    step(&b, (struct core_event){.kind = EVENT_TICK});
    step(&b, (struct core_event){.kind = EVENT_RELEASE, .job = 2});
    CHECK_EQ(state_of(&b, 2), CORE_WAITING); // the slot has one of the four
    step(&b, (struct core_event){.kind = EVENT_UNRESERVE, .id = 1});
    CHECK_EQ(state_of(&b, 2), CORE_RUNNING);
    bench_close(&b);
}

int main(void) {
    CHECK_RUN(starts_what_fits_and_then_the_next);
    CHECK_RUN(dominant_shares_of_the_paper);
    CHECK_RUN(dependencies_holds_and_approvals);
    CHECK_RUN(parts_of_devices_and_gangs);
    CHECK_RUN(a_right_takes_from_what_can_only_be_begun_again);
    CHECK_RUN(begun_again_so_often_and_no_more);
    CHECK_RUN(nothing_but_rights_and_the_calendar_restarts);
    CHECK_RUN(a_slot_that_ends_makes_room_for_a_promise_in_the_same_step);
    return check_done();
}
