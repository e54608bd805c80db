// The simulator: a trace played through the same core that the daemon runs, with an executor that
// only keeps time, and the figures that come out. Beside it plain policies to compare with: fifo,
// easy (backfill that knows the exact run times), srtf (an oracle: shortest remaining work first,
// preempting at will). Figures are exact for the same trace and policy; the hash of decisions
// proves it. Depends on base/ and the core; any thread; memory is taken for the run and given back.
#pragma once

#include "allocation/core.h"
#include "allocation/trace.h"
#include "base/json.h"

enum simulate_policy { SIMULATE_OURS, SIMULATE_FIFO, SIMULATE_EASY, SIMULATE_SRTF, SIMULATE_COUNT };
const char *simulate_policy_name(enum simulate_policy policy); // "ours", "fifo", …

struct simulate_outcome { // of one job; −1: did not happen
    int64_t start_ms, end_ms;
    bool out; // it would never have run
};
struct progress;
struct simulate_options {
    struct core_capacity capacity;
    // Tenants NULL: each of the trace directly below the root, weight 1, without quota.
    const struct core_policy *policy;
    int64_t checkpoint_ms; // of jobs whose trace says nothing; 0: they cannot be preempted
    struct simulate_outcome *outcomes; // (jobs of the trace): filled; may be NULL
    const struct progress *progress;   // cancel is looked at by our own policy; may be NULL
};
struct simulate_figures {
    uint32_t jobs, left_out; // those the box can never run are left out
    double completion_mean_s, completion_p50_s, completion_p95_s, completion_p99_s;
    double wait_mean_s, wait_max_s; // until the first start
    double slowdown_mean;           // bounded: run times below 10 s count as 10 s
    double jain;                    // of 1 / mean slowdown a tenant; tenants of more than 20 jobs
    double utilisation;             // of the resource used most, from first submit to last end
    double makespan_s;
    uint64_t preemptions, events, decisions; // the latter two: ours only
    uint64_t hash;                           // ours only
    double offered;                          // load: work / (capacity × time of submitting)
    double cpu_s, step_us_max, step_us_p999; // what the run cost; steps: ours only
};
// ERR_MEMORY; ERR_CANCELLED; ERR_INPUT "simulate.no_job_fits", or without a fault: the policy is
// none that the core takes.
enum err simulate(const struct trace *trace, const struct simulate_options *options,
                  enum simulate_policy policy, struct simulate_figures *out,
                  struct fault *fault) MUST_USE;
void simulate_write(struct json_writer *out, enum simulate_policy policy,
                    const struct simulate_figures *figures);
// A policy as JSON, see `courtyard help` of simulate. Tenants go to `tenants` (room for
// `room`), policy->tenants points there. ERR_INPUT "simulate.bad_policy" (detail: the member).
enum err simulate_policy_read(const struct json *json, struct core_policy *policy,
                              struct core_tenant *tenants, uint32_t room,
                              struct fault *fault) MUST_USE;
// "cpu=64,memory=256000,disk=0,devices=8" over what stands in *out. ERR_INPUT
// "simulate.bad_capacity".
enum err simulate_capacity_read(struct str text, struct core_capacity *out,
                                struct fault *fault) MUST_USE;
// A box that the trace's jobs fit in: what the largest needs, or the devices told.
void simulate_capacity_guess(const struct trace *trace, struct core_capacity *out);
