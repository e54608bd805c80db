// Explanations held against the public events alone: who is named is taken away in a fork of our
// own, and the job starts there.
#include "allocation/explain.h"
#include "base/memory.h"
#include "check.h"
#include "support/core_world.h"

static struct world world;
static struct core_decision decisions[64];

static void tell(struct core *fork, struct core_event event) {
    event.now_ms = core_now_ms(fork);
    while (core_step(fork, &event, decisions, 64) == 64) {
        event = (struct core_event){.kind = EVENT_TICK, .now_ms = core_now_ms(fork)};
    }
}

static enum core_state state_of(const struct core *core, uint64_t id) {
    struct core_job_view view;
    core_job_look(core, id, &view);
    return view.state;
}

// It runs, or waits for those who were told to leave its place (unless it did so before), or has
// been told to give way to a right in the same step.
static bool started(const struct core *core, const struct core *fork, uint64_t id) {
    enum core_state state = state_of(fork, id);
    if (state == CORE_STARTING) return state_of(core, id) != CORE_STARTING;
    return state == CORE_RUNNING || state == CORE_STOPPING;
}

static void take_away(struct core *fork, uint64_t id) {
    struct core_job_view view;
    core_job_look(fork, id, &view);
    struct core_event event = {.kind = EVENT_CANCEL, .job = id, .attempt = view.attempt};
    tell(fork, event);
    event.kind = EVENT_EXITED;
    event.outcome = ATTEMPT_BOX_FAULT; // nobody pays
    if (view.state == CORE_RUNNING || view.state == CORE_STOPPING) tell(fork, event);
}

// Holding the others back is many events, between which one or the other slips in: it goes again.
static void others_wait(const struct core *core, struct core *fork, uint64_t id) {
    for (uint64_t other = core_job_next(fork, 0); other;) {
        uint64_t next = core_job_next(fork, other);
        bool slipped =
            state_of(core, other) == CORE_WAITING && state_of(fork, other) != CORE_WAITING;
        if (other != id && slipped) take_away(fork, other);
        other = next;
    }
}

static bool starts_without(const struct core *core, void *copy, uint64_t id,
                           const struct explanation *answer) {
    struct core *fork = core_fork(copy, core);
    for (uint64_t other = core_job_next(fork, 0); other; other = core_job_next(fork, other)) {
        if (!answer->ahead || other == id || state_of(fork, other) != CORE_WAITING) continue;
        tell(fork, (struct core_event){.kind = EVENT_HOLD, .job = other});
    }
    if (answer->ahead) others_wait(core, fork, id);
    for (uint32_t i = 0; i < answer->blocker_count; i++) {
        if (started(core, fork, id)) break;
        if (answer->slots >> i & 1) {
            tell(fork, (struct core_event){.kind = EVENT_UNRESERVE, .id = answer->blockers[i]});
        } else {
            take_away(fork, answer->blockers[i]);
        }
        if (answer->ahead) others_wait(core, fork, id);
    }
    for (uint64_t slot = 1; answer->hopeless && slot <= 8; slot++) {
        tell(fork, (struct core_event){.kind = EVENT_UNRESERVE, .id = slot});
    }
    for (uint64_t other = core_job_next(fork, 0); answer->hopeless && other;) {
        uint64_t next = core_job_next(fork, other);
        if (other != id) take_away(fork, other);
        other = next;
    }
    return started(core, fork, id) != answer->hopeless;
}

static bool held_back(enum core_why why) {
    return why == WHY_HELD || why == WHY_APPROVAL || why == WHY_AFTER || why == WHY_ARRAY ||
           why == WHY_NOT_BEFORE || why == WHY_RESERVATION || why == WHY_BUDGET;
}

static void whom_it_names_is_in_the_way(void) {
    void *memory = memory_take(world_core_size()), *scratch = memory_take(world_core_size()),
         *copy = memory_take(world_core_size());
    const char *told = getenv("COURTYARD_EXPLANATIONS");
    uint64_t wanted = told ? strtoull(told, NULL, 10) : 600, asked = 0, proven = 0, whys = 0;
    REQUIRE(memory && scratch && copy);
    while (asked < wanted) {
        uint64_t seed = check_random(), random = seed;
        world_open(&world, memory, seed);
        for (int i = 0; i < 150 && !world.wrong; i++) {
            struct action action = world_action(&random);
            world_do(&world, &action);
        }
        uint64_t hash = core_hash(world.core);
        for (uint64_t id = core_job_next(world.core, 0); id; id = core_job_next(world.core, id)) {
            struct explanation answer;
            core_explain(world.core, scratch, id, &answer);
            if (answer.why == WHY_NONE) continue;
            asked++;
            whys |= (uint64_t)1 << answer.why;
            bool good = held_back(answer.why) ? answer.proven
                                              : starts_without(world.core, copy, id, &answer);
            proven += good;
            if (!good && getenv("COURTYARD_VERBOSE")) {
                fprintf(stderr, "seed %llu job %llu why %s proven %d blockers %u ahead %u\n",
                        (unsigned long long)seed, (unsigned long long)id, core_why_name(answer.why),
                        answer.proven, answer.blocker_count, answer.ahead);
            }
        }
        CHECK(core_hash(world.core) == hash);
    }
    CHECK_EQ(proven, asked);
    CHECK(__builtin_popcountll(whys) >= 8); // many kinds of reasons were met
    memory_give(memory);
    memory_give(scratch);
    memory_give(copy);
}

// So many that only the first of each queue are looked at: who is named is in the way all the same.
static struct core *very_many(uint64_t *random, const struct core_limits *limits) {
    struct core *core = core_open(memory_take(core_size(limits)), limits);
    struct core_capacity capacity = {.amount = {{16000, 65536, 0, 0}}, .devices = 0xF};
    struct core_tenant tenants[6];
    struct core_policy policy;
    core_policy_default(&policy);
    for (uint32_t i = 0; i < 6; i++) {
        tenants[i] = (struct core_tenant){.id = i + 1,
                                          .has_quota = i % 2,
                                          .quota = {{3000, 8192, 0, 1000}},
                                          .limit = {{-1, -1, -1, -1}},
                                          .weight = 1 + i % 3,
                                          .budget_milli = -1};
    }
    policy.tenants = tenants;
    policy.tenant_count = 6;
    tell(core, (struct core_event){.kind = EVENT_CAPACITY, .capacity = &capacity});
    tell(core, (struct core_event){.kind = EVENT_POLICY, .policy = &policy});
    for (uint64_t id = 1; id <= 9000; id++) {
        uint64_t draw = *random = *random * 6364136223846793005u + 1442695040888963407u;
        struct core_job job = {.id = id,
                               .tenant = 1 + (draw >> 33) % 6,
                               .members = 1,
                               .priority = (int32_t)((draw >> 40) % 5),
                               .checkpoint_ms = (int64_t)((draw >> 44) % 2) * 1000,
                               .array = (draw >> 50) % 8 ? 0 : 1 + (draw >> 53) % 3,
                               .array_most = 2};
        job.need = (struct core_amount){{1000 << (draw >> 36) % 3, 1024, 0, 0}};
        if (draw >> 48 & 1) job.need.of[RESOURCE_DEVICE] = 500 << (draw >> 46) % 3;
        if (id % 400 == 0) {
            job.after[0] = id / 2;
            job.after_count = 1;
        }
        tell(core, (struct core_event){.kind = EVENT_SUBMIT, .submit = &job});
    }
    return core;
}

static void among_very_many(void) {
    struct core_limits limits;
    core_limits_default(&limits);
    limits.jobs = 10000;
    limits.tenants = 8;
    uint64_t random = check_random();
    struct core *core = very_many(&random, &limits);
    void *scratch = memory_take(core_size(&limits)), *copy = memory_take(core_size(&limits));
    REQUIRE(scratch && copy);
    uint64_t hash = core_hash(core), alone = 0;
    for (int asked = 0; asked < 40; asked++) {
        uint64_t id = 1 + (random = random * 6364136223846793005u + 1) % (asked % 2 ? 9000 : 300);
        struct explanation answer;
        core_explain(core, scratch, id, &answer);
        if (answer.why == WHY_NONE) continue;
        CHECK(answer.proven);
        alone += !answer.ahead;
        CHECK(held_back(answer.why) || starts_without(core, copy, id, &answer));
    }
    CHECK(core_hash(core) == hash);
    CHECK(alone > 0);
    memory_give(core);
    memory_give(scratch);
    memory_give(copy);
}

// More small ones stand before it than are looked at: they too would take the place.
static void behind_very_many_small_ones(void) {
    struct core_limits limits;
    core_limits_default(&limits);
    limits.jobs = 10000;
    struct core *core = core_open(memory_take(core_size(&limits)), &limits);
    void *scratch = memory_take(core_size(&limits)), *copy = memory_take(core_size(&limits));
    REQUIRE(scratch && copy);
    struct core_capacity capacity = {.amount = {{256000, 1000, 0, 0}}};
    tell(core, (struct core_event){.kind = EVENT_CAPACITY, .capacity = &capacity});
    for (uint64_t id = 1; id <= 8000; id++) {
        struct core_job job = {.id = id, .members = 1, .need = {{1000, 0, 0, 0}}};
        if (id == 1) job.need.of[RESOURCE_CPU] = 256000; // holds all
        if (id == 8000) job.need.of[RESOURCE_CPU] = 2000;
        tell(core, (struct core_event){.kind = EVENT_SUBMIT, .submit = &job});
    }
    struct explanation answer;
    core_explain(core, scratch, 8000, &answer);
    CHECK(answer.proven && answer.ahead > 0);
    CHECK(starts_without(core, copy, 8000, &answer));
    memory_give(core);
    memory_give(scratch);
    memory_give(copy);
}

int main(void) {
    CHECK_RUN(behind_very_many_small_ones);
    CHECK_RUN(whom_it_names_is_in_the_way);
    CHECK_RUN(among_very_many);
    return check_done();
}
