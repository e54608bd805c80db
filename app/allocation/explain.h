// Why a job waits, who stands before it, when it is likely to start; and what would be if. Every
// answer is tried out on a fork of the core: those it names are taken away there, and the job
// starts. Nothing here changes the core that is asked. `scratch` is memory of core_size(limits) of
// the same limits, aligned to 64 bytes, free again afterwards. Depends on the core; the thread that
// owns the core calls it.
#pragma once

#include "allocation/core.h"

enum { EXPLAIN_BLOCKERS_MAX = 64 };
struct explanation {
    enum core_why why; // WHY_NONE: it does not wait (or there is no such job)
    uint32_t blocker_count;
    // Who holds its place or would take it; the first is the one to name. Once they are gone, in
    // this order (cancelled, nobody paying), it starts, provided that those `ahead` wait:
    uint64_t blockers[EXPLAIN_BLOCKERS_MAX];
    uint32_t ahead; // waiting jobs that may go first; 0: the blockers alone are in its way
    uint64_t slots; // bit i: blockers[i] is no job but a calendar slot that keeps the place
    // Not even an empty box would take it: the box became smaller, or limits or kept quotas forbid
    // it. Then `why` says what lacks and `proven` that it was tried.
    bool hopeless;
    bool proven;      // the fork did start it
    int64_t start_ms; // when it is likely to start; CORE_TIME_MAX: not to be said
};
// A job held back by a person, by others it waits for, by its time, array or budget is told so, and
// `proven` says that this goes away when its cause does. Cost: one to three forks and some hundred
// steps at most. Of more than some 6,000 jobs the forks hold only those that run and the first of
// each queue: what is named is in the way all the same; a job deep in its queue is told no time.
void core_explain(const struct core *core, void *scratch, uint64_t job, struct explanation *out);
// Slots of the calendar asked for one after the other, once those `gone` are given up.
struct slots_wanted {
    const uint64_t *gone;
    const struct core_reservation *slots;
    uint32_t gone_count, count;
    uint32_t before; // so many of the slots are asked for first, and may be refused
};
struct slots_answer {
    enum core_why why; // WHY_NONE: all of them would be kept
    uint32_t at;       // else the first that would not
    uint64_t blocker;  // WHY_RESERVED: the slot or job without which it would be; 0: no single one
    bool slot;         // it is a slot
};
void core_slots_try(const struct core *core, void *scratch, const struct slots_wanted *wanted,
                    struct slots_answer *out);
// When the job is likely to start if all goes on: who runs ends at the estimate, else at the limit,
// else after as long again as it has run. Steps the core it is given: give it a fork.
// CORE_TIME_MAX: not within the steps that are looked ahead.
int64_t core_forecast(struct core *fork, uint64_t job);
// The same after one more event: another policy, another capacity, a submit of that very job.
int64_t core_what_if(const struct core *core, void *scratch, const struct core_event *event,
                     uint64_t job);
// One step of looking ahead as core_forecast does it: the next that is thought to end ends, or the
// core is told the time it asked for. Every decision is handed to `told`. False: nothing more will
// happen by itself.
bool core_look_ahead(struct core *fork,
                     void (*told)(void *ctx, const struct core_decision *decision), void *ctx);
