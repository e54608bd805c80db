// Bytes as actions in a small world around the core (tests/support/core_world.h): eight choose box
// and policy, then nine an action. Whatever is asked of it, every invariant holds after each event.
#include <stdlib.h>
#include <string.h>

#include "support/core_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct world world;
    static void *memory;
    uint64_t seed;
    if (size < sizeof seed) return 0;
    if (!memory) memory = aligned_alloc(64, world_core_size());
    memcpy(&seed, data, sizeof seed);
    world_open(&world, memory, seed);
    for (size_t at = sizeof seed; at + 9 <= size && !world.wrong; at += 9) {
        struct action action = {.kind = (enum action_kind)(data[at] % ACT_COUNT)};
        memcpy(&action.random, data + at + 1, sizeof action.random);
        world_do(&world, &action);
    }
    if (world.wrong) abort();
    return 0;
}
