// What the what-if says is what then happens: at random moments of random worlds a job is asked
// about, then really submitted, and time goes on as it is thought to. Every word of the answer is
// held against what the core really decided.
#include "allocation/what_if.h"

#include "base/clock.h"
#include "base/memory.h"
#include "check.h"
#include "support/core_world.h"

enum { ROOM = 64 };

static struct world world;
static struct what_if answer;

struct seen {
    struct core *core;
    uint64_t job, preempted;
    enum core_why refused;
    int64_t start_ms, end_ms, promised_ms;
    struct {
        uint64_t job;
        int64_t at_ms;
    } starts[4096];
    uint32_t start_count, stops;
};
static struct seen with, without;

static void see(void *ctx, const struct core_decision *decision) {
    struct seen *seen = ctx;
    int64_t now_ms = core_now_ms(seen->core);
    bool own = decision->job == seen->job;
    if (own && decision->kind == DECISION_REFUSE) seen->refused = decision->why;
    if (own && decision->kind == DECISION_PROMISE) seen->promised_ms = decision->at_ms;
    if (own && decision->kind == DECISION_END) seen->end_ms = now_ms;
    if (decision->kind == DECISION_PREEMPT && decision->other == seen->job) seen->stops++;
    if (decision->kind != DECISION_START) return;
    if (own && seen->start_ms == CORE_TIME_MAX) seen->start_ms = now_ms;
    for (uint32_t i = 0; !own && i < seen->start_count; i++) {
        if (seen->starts[i].job == decision->job) return;
    }
    if (own || seen->start_count == 4096) return;
    seen->starts[seen->start_count].job = decision->job;
    seen->starts[seen->start_count++].at_ms = now_ms;
}

static void tell(struct seen *seen, struct core_event event) {
    struct core_decision decisions[ROOM];
    uint32_t count;
    do {
        count = core_step(seen->core, &event, decisions, ROOM);
        for (uint32_t i = 0; i < count; i++) see(seen, &decisions[i]);
        event = (struct core_event){.kind = EVENT_TICK, .now_ms = event.now_ms};
    } while (count == ROOM);
}

static void seen_open(struct seen *seen, struct core *core, uint64_t job) {
    seen->core = core;
    seen->job = job;
    seen->refused = WHY_NONE;
    seen->start_ms = seen->end_ms = CORE_TIME_MAX;
    seen->promised_ms = 0;
    seen->start_count = seen->stops = 0;
}

static int64_t start_of(const struct seen *seen, uint64_t job) {
    for (uint32_t i = 0; i < seen->start_count; i++) {
        if (seen->starts[i].job == job) return seen->starts[i].at_ms;
    }
    return CORE_TIME_MAX;
}

static uint32_t delayed(void) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < without.start_count; i++) {
        int64_t after = start_of(&with, without.starts[i].job);
        struct core_job_view view;
        core_job_look(world.core, without.starts[i].job, &view);
        if (view.state == CORE_RUNNING || view.state == CORE_STOPPING) continue;
        count += after < CORE_TIME_MAX && after > without.starts[i].at_ms;
    }
    return count;
}

static bool delays_true(void) {
    for (uint32_t i = 0; i < answer.delay_count; i++) {
        const struct what_if_delay *delay = &answer.delays[i];
        if (start_of(&without, delay->job) != delay->before_ms) return false;
        if (start_of(&with, delay->job) != delay->after_ms) return false;
    }
    return answer.delayed == delayed();
}

// False, and said, where the answer and what happened differ.
static bool happened(void) {
    bool at_once = with.start_ms == core_now_ms(world.core);
    if (answer.refused != with.refused || answer.promised_ms != with.promised_ms) return false;
    if (answer.refused != WHY_NONE) return true;
    if (answer.at_once && !at_once) return false;
    for (int i = 0; i < 20000 && core_look_ahead(with.core, see, &with); i++) {
    }
    for (int i = 0; i < 20000 && core_look_ahead(without.core, see, &without); i++) {
    }
    if (!answer.whole) return answer.start_ms == CORE_TIME_MAX || answer.start_ms == with.start_ms;
    return answer.start_ms == with.start_ms && answer.end_ms == with.end_ms && delays_true();
}

struct counts {
    uint64_t asked, good, at_once, waits, refused, delays, stops, whole;
};

static void ask_one(void *memories[4], uint64_t *random, struct counts *counts) {
    struct core_job job = world_job_draw(&world, world.next_id, random);
    uint64_t hash = core_hash(world.core);
    int64_t now_ms = core_now_ms(world.core);
    struct core_event events[2] = {
        {.kind = EVENT_POLICY, .now_ms = now_ms, .policy = &world.policy},
        {.kind = EVENT_SUBMIT, .now_ms = now_ms, .job = job.id, .submit = &job}};
    uint32_t first = *random >> 40 & 1; // sometimes a policy comes before, as for a new person
    core_try_submit(core_fork(memories[0], world.core), memories[1], memories[2], events + first,
                    2 - first, job.id, &answer);
    CHECK(core_hash(world.core) == hash);
    seen_open(&with, core_fork(memories[3], world.core), job.id);
    for (uint32_t i = first; i < 2; i++) tell(&with, events[i]);
    uint32_t stops = with.stops;
    seen_open(&without, core_fork(memories[0], world.core), 0);
    tell(&without, (struct core_event){.kind = EVENT_TICK, .now_ms = now_ms});
    bool good = happened() && answer.stop_count <= stops;
    if (!answer.at_once && answer.refused == WHY_NONE) good = good && answer.why.why != WHY_NONE;
    counts->asked++;
    counts->good += good;
    counts->at_once += answer.at_once;
    counts->refused += answer.refused != WHY_NONE;
    counts->waits += answer.refused == WHY_NONE && !answer.at_once;
    counts->delays += answer.delayed > 0;
    counts->stops += answer.stop_count > 0;
    counts->whole += answer.whole;
    if (!good && getenv("COURTYARD_VERBOSE")) {
        fprintf(stderr,
                "why %s refused %s/%s promised %lld/%lld stops %u/%u at_once %d start %lld/%lld "
                "end %lld/%lld delayed %u/%u whole %d\n",
                core_why_name(answer.why.why), core_why_name(answer.refused),
                core_why_name(with.refused), (long long)answer.promised_ms,
                (long long)with.promised_ms, answer.stop_count, stops, answer.at_once,
                (long long)answer.start_ms, (long long)with.start_ms, (long long)answer.end_ms,
                (long long)with.end_ms, answer.delayed, delayed(), answer.whole);
    }
}

static void what_it_says_is_what_happens(void) {
    void *memories[4], *memory = memory_take(world_core_size());
    const char *told = getenv("COURTYARD_WHAT_IFS");
    uint64_t wanted = told ? strtoull(told, NULL, 10) : 10000;
    struct counts counts = {0};
    REQUIRE(memory);
    for (int i = 0; i < 4; i++) {
        memories[i] = memory_take(world_core_size());
        REQUIRE(memories[i]);
    }
    while (counts.asked < wanted) {
        uint64_t seed = check_random(), random = seed;
        world_open(&world, memory, seed);
        for (int i = 0; i < 120 && !world.wrong; i++) {
            struct action action = world_action(&random);
            world_do(&world, &action);
        }
        for (int i = 0; i < 8 && counts.asked < wanted; i++) ask_one(memories, &random, &counts);
    }
    CHECK_EQ(counts.good, counts.asked);
    printf("    %llu asked: %llu at once, %llu wait, %llu refused, %llu delay others, %llu stop "
           "others, %llu looked at whole\n",
           (unsigned long long)counts.asked, (unsigned long long)counts.at_once,
           (unsigned long long)counts.waits, (unsigned long long)counts.refused,
           (unsigned long long)counts.delays, (unsigned long long)counts.stops,
           (unsigned long long)counts.whole);
    CHECK(counts.at_once > wanted / 50 && counts.waits > wanted / 50);
    CHECK(counts.refused > 0 && counts.delays > 0);
    memory_give(memory);
    for (int i = 0; i < 4; i++) memory_give(memories[i]);
}

// Many wait: it looks as far as its steps go, says that it did not see the whole, and is quick.
static void is_quick_with_very_many_waiting(void) {
    enum { JOBS = 100000 };
    struct core_limits limits;
    struct core_decision decisions[ROOM];
    struct core_capacity capacity = {.amount = {{64000, 1 << 20, 0, 0}}};
    core_limits_default(&limits);
    void *memories[4];
    for (int i = 0; i < 4; i++) {
        memories[i] = memory_take_unset(core_size(&limits));
        REQUIRE(memories[i]);
    }
    struct core *core = core_open(memories[0], &limits);
    (void)!core_step(core, &(struct core_event){.kind = EVENT_CAPACITY, .capacity = &capacity},
                     decisions, ROOM);
    for (uint64_t id = 1; id < JOBS; id++) {
        struct core_job job = {.id = id,
                               .need = {{1000 * (1 + (int64_t)id % 8), 512, 0, 0}},
                               .members = 1,
                               .estimate_ms = 60000 + (int64_t)id % 1000};
        struct core_event event = {.kind = EVENT_SUBMIT, .now_ms = (int64_t)id, .submit = &job};
        (void)!core_step(core, &event, decisions, ROOM);
    }
    struct core_job job = {
        .id = INT64_MAX, .need = {{2000, 512, 0, 0}}, .members = 1, .estimate_ms = 1000};
    struct core_event event = {.kind = EVENT_SUBMIT, .now_ms = JOBS, .submit = &job};
    uint64_t began = clock_monotonic_us();
    struct core *base = core_fork(memories[1], core);
    uint64_t held = clock_monotonic_us();
    core_try_submit(base, memories[2], memories[3], &event, 1, job.id, &answer);
    printf("    %d waiting: %.1f ms, the core held for %.1f of them\n", JOBS,
           (double)(clock_monotonic_us() - began) / 1000, (double)(held - began) / 1000);
    CHECK(!answer.at_once && answer.refused == WHY_NONE && answer.why.why != WHY_NONE);
    CHECK(!answer.whole);
    for (int i = 0; i < 4; i++) memory_give(memories[i]);
}

int main(void) {
    CHECK_RUN(what_it_says_is_what_happens);
    CHECK_RUN(is_quick_with_very_many_waiting);
    return check_done();
}
