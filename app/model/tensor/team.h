// A team of threads that goes through one step together: every member runs the same function and
// meets the others at barriers. A step of a language model has hundreds of barriers, each waits by
// spinning for a part of a millisecond first, then sleeps. One caller at a time; the caller is
// member 0.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct team;
struct member {
    struct team *team;
    uint32_t index, count; // this member among how many
    bool began;            // has had its even share of this phase
};

// `thread_count` with the caller; a thread that cannot be made makes the team smaller. ERR_MEMORY.
enum err team_open(uint32_t thread_count, struct team **out) MUST_USE;
void team_close(struct team *team); // NULL is fine
uint32_t team_count(const struct team *team);

// Runs step(ctx, member) on every member and returns when all are back.
void team_run(struct team *team, void (*step)(void *ctx, struct member *me), void *ctx);

// All members get here before one goes on; what they wrote before is seen by all after.
void team_barrier(struct member *me);

// The next part [*first, *last) of `count` things that this member should do in this phase; false
// when all are taken. Parts shrink towards the end, a slow member takes fewer; each but the last is
// a multiple of `grain` things (1 or more). A phase shares out one work: call team_barrier before
// the next one.
bool team_next(struct member *me, uint32_t count, uint32_t grain, uint32_t *first, uint32_t *last);
// The same for work that streams through memory, where every part costs a start: first of all an
// even share, whose place team_even tells before, then parts of what was kept back for the fast.
bool team_next_even(struct member *me, uint32_t count, uint32_t grain, uint32_t *first,
                    uint32_t *last);
void team_even(const struct member *me, uint32_t count, uint32_t *first, uint32_t *last);
