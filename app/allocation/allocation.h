// Allocation: which waiting job starts now. A pure function: no clock, no I/O, no allocation, ties
// broken by job id, so that the daemon and the tests run the same object. The policy: what fits of
// declared CPU and memory; among owners the one with the least dominant share of what runs now goes
// first (dominant-resource fairness), inside an owner first come first served; a job that has
// waited beyond `guard_ms` is given a reservation: nothing that would delay it starts any more.
// Depends on base/ only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct allocation_capacity {
    uint64_t cpu_milli;
    uint64_t memory_bytes;
};
struct allocation_job {
    uint64_t id;
    uint64_t owner;
    uint64_t cpu_milli, memory_bytes; // declared
    int64_t submitted_ms;
    bool running;
};
enum allocation_reason {
    REASON_NONE,     // it starts
    REASON_CPU,      // not enough CPU free
    REASON_MEMORY,   // not enough memory free
    REASON_TURN,     // would fit, but another owner's turn comes first
    REASON_RESERVED, // would fit, but a job that waited too long comes first
    REASON_NEVER,    // larger than the whole box
};
struct allocation_answer {
    enum allocation_reason reason; // per job; running jobs get REASON_NONE
    uint64_t blocker;              // the job that stands before it; 0: none
    bool start;
};
// Answers one per job, in the order given. Cost O(n²) at worst for n waiting jobs.
void allocation_decide(const struct allocation_capacity *capacity,
                       const struct allocation_job *jobs, uint32_t count, int64_t now_ms,
                       int64_t guard_ms, struct allocation_answer *answers);
const char *allocation_reason_name(enum allocation_reason reason); // "cpu", "memory", "turn", …
// What this machine has: usable processors and memory (cgroup limits respected), less `kept_bytes`.
void allocation_capacity_read(uint64_t kept_bytes, struct allocation_capacity *out);
