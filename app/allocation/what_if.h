// "If I submit this now?": the answer to a submission that is not made. The events that would make
// it are told to a fork of the core, which says what it decides at once; then both, the fork and
// the core as it is, are looked ahead of by the same rule (explain.h), so that what others would
// lose by it shows. Nothing here changes the core that is asked. Depends on the core; any thread
// that owns the fork it hands over.
#pragma once

#include "allocation/explain.h"

enum {
    WHAT_IF_STARTS_MAX = 2048, // starts that are remembered of each of the two ways
    WHAT_IF_STEPS_MAX = 4096,  // that are looked ahead in each
    WHAT_IF_DELAYS_MAX = 32,
    WHAT_IF_STOPS_MAX = 16,
};
struct what_if_start { // the first that was seen of a job
    uint64_t job;
    int64_t at_ms;
};
struct what_if_way {
    struct what_if_start starts[WHAT_IF_STARTS_MAX];
    uint32_t count;
    bool whole; // looked ahead until nothing waited or moved any more
};
struct what_if_delay {
    uint64_t job;
    int64_t before_ms, after_ms;
};
struct what_if {
    enum core_why refused;  // WHY_NONE: it would be taken
    int64_t promised_ms;    // what its deadline would be answered with; 0: nothing
    bool at_once;           // it starts in the very step of its submission
    int64_t start_ms;       // when it is likely to start; CORE_TIME_MAX: not to be said
    int64_t end_ms;         // and to have ended for good, by its estimate; CORE_TIME_MAX likewise
    struct explanation why; // why it would wait, proven as for a job that does
    uint64_t stops[WHAT_IF_STOPS_MAX]; // running jobs told at once to give way to it
    uint32_t stop_count;
    // Waiting jobs that are likely to start later than without it: the most delayed first.
    struct what_if_delay delays[WHAT_IF_DELAYS_MAX];
    uint32_t delay_count; // in the list
    uint32_t delayed;     // in all
    bool whole;           // everybody who waits now was looked at
    struct what_if_way with, without;
};
// Adds the starts that are seen when one looks ahead from now. Uses the fork up.
void core_look(struct core *fork, struct what_if_way *out);
// `base` is a fork of the core in question, used up by this; `fork` and `scratch` are memory of
// core_size of the same limits. `events` make the submission (a policy with the person's node,
// say, and the submit of `job`); their times are the present.
void core_try_submit(struct core *base, void *fork, void *scratch, const struct core_event *events,
                     uint32_t count, uint64_t job, struct what_if *out);
