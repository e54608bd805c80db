// The core's block as bytes: its head and, of each part, what was ever used. Only a core of the
// same limits takes it, and only if its parts lie where they would lie there.
#include <string.h>

#include "allocation/core_private.h"
#include "allocation/journal_private.h"

void state_put(struct buf *out, const struct core *core) {
    put_number(out, sizeof *core);
    put_sparse(out, core, sizeof *core);
    for (int part = 0; part < PART_COUNT; part++) {
        const struct pool *pool = &core->pools[part];
        size_t count = part_used(core, (enum part)part);
        put_number(out, count);
        put_sparse(out, (const char *)core + pool->at, count * pool->each);
    }
}

static bool lies_as(const struct core *own, const struct core *read) {
    for (int part = 0; part < PART_COUNT; part++) {
        const struct pool *a = &own->pools[part], *b = &read->pools[part];
        if (a->at != b->at || a->each != b->each || a->room != b->room) return false;
        if (b->used > b->room || b->free >= b->room) return false;
    }
    return memcmp(&own->limits, &read->limits, sizeof own->limits) == 0;
}

struct core *state_get(struct journal_bytes *in, void *memory, const struct core_limits *limits) {
    struct core *core = core_open(memory, limits), read;
    if (get_number(in) != sizeof read || !get_sparse(in, &read, sizeof read)) return NULL;
    if (!lies_as(core, &read)) return NULL;
    memcpy(core, &read, sizeof read);
    for (int part = 0; part < PART_COUNT; part++) {
        const struct pool *pool = &core->pools[part];
        uint64_t count = get_number(in);
        if (count > pool->room) return NULL;
        if (!get_sparse(in, (char *)core + pool->at, (size_t)count * pool->each)) return NULL;
    }
    core->decisions = NULL;
    return core;
}
