// The order of choice said as plainly as can be, to hold the core against: one list of jobs, one of
// tenants, and everything counted anew each time it is asked. What fits starts in this order:
//   inside of a guaranteed quota → overdue, oldest first; what the first that does not fit needs is
//   kept → borrowing: level, weighted dominant share from the root down, priority with ageing →
//   and so on with whatever fits beside what is kept (backfill).
// For boxes of processors, memory and disk, and jobs that run to their end: no devices, and nobody
// gives way. It shares no code with the core.
#pragma once

#include "allocation/core.h"

enum { REFERENCE_JOBS = 256, REFERENCE_TENANTS = 16 };
struct reference_job {
    uint64_t id;
    int tenant; // index, 0: the root
    int64_t need[RESOURCE_COUNT], limit_ms;
    int64_t key, waits_since_ms, started_ms;
    int level;
    bool known, running, past_guard;
};
struct reference {
    int64_t now_ms, total[RESOURCE_COUNT];
    struct core_policy policy;
    struct {
        struct core_tenant told;
        int parent;
    } tenants[REFERENCE_TENANTS + 1]; // [0]: the root
    int tenant_count;                 // with the root
    struct reference_job jobs[REFERENCE_JOBS];
    int guarded;                      // the job something is kept for, −1: none
    int64_t guarded_ms;               // when it can start at the latest; CORE_TIME_MAX: not known
    uint64_t started[REFERENCE_JOBS]; // by the last step, in order
    int started_count;
};
void reference_open(struct reference *r, const struct core_capacity *capacity,
                    const struct core_policy *policy);
void reference_submit(struct reference *r, const struct core_job *job, int64_t now_ms);
void reference_leave(struct reference *r, uint64_t id, int64_t now_ms); // exited or cancelled
void reference_tick(struct reference *r, int64_t now_ms);
