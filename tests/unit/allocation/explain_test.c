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

int main(void) {
    CHECK_RUN(whom_it_names_is_in_the_way);
    return check_done();
}
