// Slots of a reservation: once or each week at the same hour of the same day, across the ends of
// months and years. And in the core: kept or refused with who is in the way; what ran inside before
// a restart is inside after it, and nothing that runs is started once more.
#include <time.h>

#include "allocation/explain.h"
#include "allocation/policy_core.h"
#include "check.h"
#include "flow/flow_private.h"

enum { MIB = 1 << 20, CHINA_MINUTES = 480 };
#define HOUR_MS ((int64_t)3600 * 1000)
#define DAY_MS (24 * HOUR_MS)

// ---- slots -------------------------------------------------------------------------------------
// Of a local time in China.
static int64_t at(int year, int month, int day, int hour) {
    struct tm parts = {
        .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour};
    return ((int64_t)timegm(&parts) - CHINA_MINUTES * 60) * 1000;
}

static struct tm local(int64_t ms) {
    struct tm parts;
    time_t seconds = (time_t)(ms / 1000 + CHINA_MINUTES * 60);
    CHECK(gmtime_r(&seconds, &parts) != NULL);
    return parts;
}

static struct reservation weekly(int64_t from_ms, int64_t weekly_until_ms) {
    return (struct reservation){.id = 7,
                                .tenant = 3,
                                .from_ms = from_ms,
                                .until_ms = from_ms + 2 * HOUR_MS,
                                .weekly_until_ms = weekly_until_ms,
                                .amount = {1000, 64, 0, 0}};
}

static void once_is_one_slot(void) {
    struct reservation one = weekly(at(2026, 3, 31, 23), 0);
    CHECK_EQ(slots_count(&one), 1);
    struct core_reservation slot = slot_of(&one, 0);
    CHECK_EQ(slot.from_ms, one.from_ms);
    CHECK_EQ(slot.until_ms, one.until_ms);
    CHECK_EQ(slot.tenant, 3);
    CHECK_EQ(slot.amount.of[RESOURCE_MEMORY], 64);
    CHECK_EQ(slot_reservation(slot.id), 7);
    CHECK(!reservation_is_over(&one, one.until_ms - 1));
    CHECK(reservation_is_over(&one, one.until_ms));
}

// Each on the same weekday at the same hour; the days of the month follow the calendar.
static void weeks_cross_the_ends_of_months(void) {
    static const struct {
        int year, month, day;
        int days[6];
    } starts[] = {
        {2026, 1, 29, {29, 5, 12, 19, 26, 5}},   // a February of 28 days
        {2028, 2, 1, {1, 8, 15, 22, 29, 7}},     // one of 29
        {2026, 12, 24, {24, 31, 7, 14, 21, 28}}, // another year
        {2026, 8, 31, {31, 7, 14, 21, 28, 5}},   // months of 31 and of 30 days
    };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        int64_t from_ms = at(starts[i].year, starts[i].month, starts[i].day, 22);
        struct reservation r = weekly(from_ms, from_ms + 36 * DAY_MS);
        CHECK_EQ(slots_count(&r), 6);
        for (uint32_t n = 0; n < 6; n++) {
            struct core_reservation slot = slot_of(&r, n);
            struct tm parts = local(slot.from_ms), first = local(from_ms);
            CHECK_EQ(parts.tm_mday, starts[i].days[n]);
            CHECK_EQ(parts.tm_hour, 22);
            CHECK_EQ(parts.tm_wday, first.tm_wday);
            CHECK_EQ(slot.until_ms - slot.from_ms, 2 * HOUR_MS);
            CHECK_EQ(slot_reservation(slot.id), 7);
        }
    }
}

static void the_last_week_begins_before_the_end(void) {
    int64_t from_ms = at(2026, 5, 4, 8);
    struct reservation r = weekly(from_ms, from_ms + 7 * DAY_MS);
    CHECK_EQ(slots_count(&r), 1); // the second would begin at the end
    r.weekly_until_ms++;
    CHECK_EQ(slots_count(&r), 2);
    CHECK(!reservation_is_over(&r, r.until_ms));
    CHECK(reservation_is_over(&r, r.until_ms + 7 * DAY_MS));
    r.weekly_until_ms = from_ms + 366 * DAY_MS;
    CHECK_EQ(slots_count(&r), 53);
    CHECK(slots_count(&r) <= SLOTS_OF_ONE);
    r.weekly_until_ms = INT64_MAX; // never more than it has numbers for
    CHECK_EQ(slots_count(&r), SLOTS_OF_ONE);
}

// ---- in the core -------------------------------------------------------------------------------
static struct schedule *schedule;

static bool begin(void) {
    static struct tenant tenants[2];
    struct allocation_capacity capacity = {.cpu_milli = 4000, .memory_bytes = (uint64_t)8192 * MIB};
    for (uint64_t i = 0; i < 2; i++) {
        tenants[i] = (struct tenant){.id = i + 1,
                                     .limit = {-1, -1, -1, -1},
                                     .weight = 1,
                                     .may_lend = true,
                                     .may_borrow = true};
    }
    struct policy policy = {.tenants = tenants, .count = 2};
    if (schedule_open(&capacity, &schedule) != OK) return false;
    schedule_policy(schedule, &policy, 1000);
    return true;
}

static struct schedule_job job_of(uint64_t id, uint64_t tenant, uint64_t cpu_milli,
                                  uint64_t reservation) {
    return (struct schedule_job){.id = id,
                                 .person = 10 + tenant,
                                 .tenant = tenant,
                                 .cpu_milli = cpu_milli,
                                 .memory_bytes = 64 * MIB,
                                 .estimate_ms = 60 * HOUR_MS,
                                 .submitted_ms = 1000,
                                 .reservation = reservation};
}

static uint32_t decisions(enum core_decision_kind kind, uint64_t job) {
    struct core_decision decision;
    uint32_t count = 0;
    while (schedule_take(schedule, &decision)) {
        count += decision.kind == kind && decision.job == job;
    }
    return count;
}

static struct core_reservation slot(uint64_t id, uint64_t tenant, int64_t cpu_milli,
                                    int64_t from_ms, int64_t until_ms) {
    return (struct core_reservation){id, tenant, {{cpu_milli, 256, 0, 0}}, from_ms, until_ms};
}

static void what_runs_already_is_not_started_again(void) {
    REQUIRE(begin());
    struct schedule_job job = job_of(5, 1, 3000, 0);
    schedule_adopt(schedule, &job, 1, &(struct core_place){0}, 500, 2000);
    CHECK_EQ(decisions(DECISION_START, 5), 0);
    CHECK_EQ(schedule_state(schedule, 5), CORE_RUNNING);
    struct schedule_job next = job_of(6, 2, 2000, 0); // it holds its place
    schedule_submit(schedule, &next, 2000);
    CHECK_EQ(decisions(DECISION_START, 6), 0);
    schedule_exit(schedule, 5, 1, 3000);
    CHECK_EQ(decisions(DECISION_START, 6), 1);
    schedule_close(schedule);
}

static void what_ran_inside_is_inside_again(void) {
    REQUIRE(begin());
    struct core_reservation now = slot(64, 1, 3000, 1000, 90000);
    CHECK_EQ(schedule_reserve(schedule, &now, 2000), WHY_NONE);
    struct schedule_job job = job_of(5, 1, 2000, 64);
    schedule_adopt(schedule, &job, 1, &(struct core_place){0}, 1500, 2000);
    struct schedule_job beside = job_of(6, 2, 1000, 0); // what the slot does not have
    schedule_submit(schedule, &beside, 2000);
    CHECK_EQ(decisions(DECISION_START, 6), 1);
    struct schedule_job more = job_of(7, 1, 1000, 64); // what the job has left of the slot
    schedule_submit(schedule, &more, 2000);
    CHECK_EQ(decisions(DECISION_START, 7), 1);
    schedule_tick(schedule, 90000);
    CHECK_EQ(decisions(DECISION_KILL, 5), 1); // it leaves with the slot
    schedule_close(schedule);
}

static void who_is_in_the_way_is_named(void) {
    REQUIRE(begin());
    struct core_reservation one = slot(64, 1, 3000, 100000, 200000);
    CHECK_EQ(schedule_reserve(schedule, &one, 2000), WHY_NONE);
    struct core_reservation wanted[2] = {slot(128, 2, 1000, 150000, 250000),
                                         slot(129, 2, 2000, 150000, 250000)};
    struct slots_wanted ask = {.slots = wanted, .count = 1};
    struct slots_answer answer;
    schedule_slots_try(schedule, &ask, &answer);
    CHECK_EQ(answer.why, WHY_NONE);
    ask.count = 2;
    schedule_slots_try(schedule, &ask, &answer);
    CHECK_EQ(answer.why, WHY_RESERVED);
    CHECK_EQ(answer.at, 1);
    CHECK(answer.slot);
    CHECK_EQ(answer.blocker, 64);
    uint64_t gone = 64;
    ask.gone = &gone;
    ask.gone_count = 1;
    schedule_slots_try(schedule, &ask, &answer);
    CHECK_EQ(answer.why, WHY_NONE);
    schedule_unreserve(schedule, 64, 2000);
    struct schedule_job job = job_of(5, 1, 3000, 0); // it may run beyond the slot's begin
    schedule_submit(schedule, &job, 2000);
    ask.gone_count = 0;
    wanted[0] = slot(128, 9, 4000, 150000, 250000); // of a tenant the core has not heard of
    ask.count = 1;
    schedule_slots_try(schedule, &ask, &answer);
    CHECK_EQ(answer.why, WHY_RESERVED);
    CHECK(!answer.slot);
    CHECK_EQ(answer.blocker, 5);
    wanted[0].amount.of[RESOURCE_CPU] = 5000;
    schedule_slots_try(schedule, &ask, &answer);
    CHECK_EQ(answer.why, WHY_NEVER);
    schedule_close(schedule);
}

int main(void) {
    CHECK_RUN(once_is_one_slot);
    CHECK_RUN(weeks_cross_the_ends_of_months);
    CHECK_RUN(the_last_week_begins_before_the_end);
    CHECK_RUN(what_runs_already_is_not_started_again);
    CHECK_RUN(what_ran_inside_is_inside_again);
    CHECK_RUN(who_is_in_the_way_is_named);
    return check_done();
}
