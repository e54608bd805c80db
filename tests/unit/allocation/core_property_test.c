// Properties of the core under random boxes, policies and events. A failing run is made smaller and
// printed with its seed. COURTYARD_EVENTS=10000000 makes it long.
#include "base/memory.h"
#include "check.h"
#include "support/core_world.h"

enum { ACTIONS_A_WORLD = 600 };

static uint64_t actions_wanted(void) {
    const char *told = getenv("COURTYARD_EVENTS");
    return told ? strtoull(told, NULL, 10) : 60000;
}

static void report(struct world *world, void *memory, uint64_t seed, struct action *actions,
                   uint32_t count) {
    count = world_shrink(world, memory, seed, actions, count);
    fprintf(stderr, "%s\n", world->wrong ? world->wrong : "not again");
    world_print(stderr, seed, actions, count);
    CHECK(!"an invariant broke");
}

static void invariants_hold(void) {
    static struct world world;
    static struct action actions[WORLD_ACTIONS];
    void *memory = memory_take(world_core_size());
    REQUIRE(memory);
    uint64_t left = actions_wanted(), starts = 0, preempts = 0, kills = 0, promises = 0,
             restarts = 0;
    while (left > 0) {
        uint64_t seed = check_random(), random = seed;
        for (uint32_t i = 0; i < ACTIONS_A_WORLD; i++) actions[i] = world_action(&random);
        if (!world_run(&world, memory, seed, actions, ACTIONS_A_WORLD)) {
            report(&world, memory, seed, actions, ACTIONS_A_WORLD);
            break;
        }
        starts += world.starts;
        preempts += world.preempts;
        kills += world.kills;
        promises += world.promises;
        restarts += world.restarts;
        left -= left < ACTIONS_A_WORLD ? left : ACTIONS_A_WORLD;
    }
    CHECK(starts > 1000 && preempts > 50 && kills > 50 && promises > 20 &&
          restarts > 1); // it was worth it
    memory_give(memory);
}

static void a_fork_goes_the_same_way_and_leaves_no_trace(void) {
    static struct world world, other;
    void *memory = memory_take(world_core_size()), *copy = memory_take(world_core_size());
    REQUIRE(memory && copy);
    for (int round = 0; round < 20; round++) {
        uint64_t seed = check_random(), random = seed;
        world_open(&world, memory, seed);
        for (int i = 0; i < 200 && !world.wrong; i++) {
            struct action action = world_action(&random);
            world_do(&world, &action);
        }
        uint64_t before = core_hash(world.core), later = random;
        other = world;
        other.core = core_fork(copy, world.core);
        for (int i = 0; i < 100 && !other.wrong; i++) {
            struct action action = world_action(&later);
            world_do(&other, &action);
        }
        CHECK_EQ(core_hash(world.core), before);
        for (int i = 0; i < 100 && !world.wrong; i++) {
            struct action action = world_action(&random);
            world_do(&world, &action);
        }
        CHECK(core_hash(world.core) == core_hash(other.core));
    }
    memory_give(memory);
    memory_give(copy);
}

int main(void) {
    CHECK_RUN(invariants_hold);
    CHECK_RUN(a_fork_goes_the_same_way_and_leaves_no_trace);
    return check_done();
}
