// The hash of all decisions of some worlds (tests/support/core_world.h), the same on every machine,
// compiler and optimisation level; tests/sim/core_same compares it. One argument: how many worlds.
#include <inttypes.h>
#include <stdlib.h>

#include "support/core_world.h"

int main(int argc, char **argv) {
    static struct world world;
    uint64_t worlds = argc > 1 ? strtoull(argv[1], NULL, 10) : 60, hash = 0;
    static _Alignas(64) char memory[1 << 20]; // no allocator: it is linked with several
    if (world_core_size() > sizeof memory) return 1;
    for (uint64_t seed = 1; seed <= worlds; seed++) {
        uint64_t random = seed;
        world_open(&world, memory, seed);
        for (int i = 0; i < 500 && !world.wrong; i++) {
            struct action action = world_action(&random);
            world_do(&world, &action);
        }
        hash = (hash ^ core_hash(world.core)) * 0x9E3779B97F4A7C15u;
        if (world.wrong) printf("world %" PRIu64 ": %s\n", seed, world.wrong);
    }
    printf("decisions %016" PRIx64 "\n%d passed, %d failed\n", hash, !world.wrong, !!world.wrong);
    return world.wrong != NULL;
}
