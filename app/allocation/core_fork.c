// Copies of the core. A plain fork copies of each part what is in use, so a small queue in a large
// core costs little.
#include <string.h>

#include "allocation/core_private.h"

// How many of a part are in use: what was ever taken of a pool, counts, the living part of a hash.
static size_t part_used(const struct core *core, enum part part) {
    const struct pool *pool = &core->pools[part];
    switch (part) {
    case PART_SLOTS: return (size_t)core->slot_mask + 1;
    case PART_ARRAY_SLOTS: return core->pools[PART_ARRAYS].used > 1 ? pool->room : 0;
    case PART_TIMERS: return (size_t)core->timer_count + 1;
    case PART_SHAPE_SLOTS: return pool->room;
    case PART_NODES:
    case PART_NODE_ORDER: return core->node_count;
    case PART_BITS: return (size_t)core->node_count * CORE_LEVELS;
    case PART_VOUCHERS: return (size_t)core->voucher_count + 1;
    case PART_EDGES: return core->edge_end;
    case PART_SCRATCH: return 0;
    default: return pool->used;
    }
}

static void part_copy(struct core *fork, const struct core *core, enum part part) {
    const struct pool *pool = &core->pools[part];
    memcpy((char *)fork + pool->at, (const char *)core + pool->at,
           part_used(core, part) * pool->each);
}

struct core *core_fork(void *memory, const struct core *core) {
    struct core *fork = memory;
    memcpy(fork, core, sizeof *core);
    for (int part = 0; part < PART_COUNT; part++) part_copy(fork, core, (enum part)part);
    return fork;
}
