// Traces: what was submitted when, and how long it really ran, as the simulator wants it. Reads
//   own      CSV with a line of names: submit_s, run_s and any of tenant, cpu_milli, memory_mib,
//            disk_mib, device_milli, members, priority, limit_s, estimate_s, checkpoint_s,
//            deadline_s (after the submit)
//   sample   lines "submit duration gpus tenant" in seconds, without a line of names
//   philly   timestamp,duration,num_gpus,gpu_time,cluster (Jeon et al. 2019)
//   swf      Standard Workload Format 2.2; processors become cpu
//   alibaba  pods of the 2023 GPU trace: cpu_milli, memory_mib, num_gpu, gpu_milli, times
// Jobs come sorted by time, beginning at 0. What cannot run (no duration, a job larger than any
// box) is left out and counted. Depends on base/ only; any thread.
#pragma once

#include "allocation/core.h"
#include "base/fault.h"

struct trace_job {
    int64_t submit_ms, run_ms;
    int64_t limit_ms, estimate_ms; // 0: none told
    int64_t checkpoint_ms;         // −1: as the simulation says; 0: cannot be preempted
    int64_t deadline_ms;           // after the submit; 0: none
    uint32_t tenant;               // 1, 2, … in the order of their appearance
    uint32_t members;
    int32_t priority;
    struct core_amount need;
};
struct trace {
    struct trace_job *jobs;
    uint32_t count, room;
    uint32_t tenants;
    uint64_t skipped;
    struct core_amount largest; // of one job, all members
    int64_t span_ms;            // from the first submit to the last
};
// `format` NULL: told by the content. ERR_INPUT "trace.unknown_format", "trace.bad_line" (row),
// "trace.no_jobs"; ERR_MEMORY; errors of reading. *out is closed with trace_close.
enum err trace_read(const char *path, const char *format, struct trace *out,
                    struct fault *fault) MUST_USE;
void trace_close(struct trace *trace);
enum err trace_add(struct trace *trace, const struct trace_job *job) MUST_USE; // ERR_MEMORY
// Sorts, begins at 0, finds the largest and the span.
void trace_settle(struct trace *trace);
// Keeps a random part of the jobs (of those with up to `devices` devices), so that what is offered
// comes to about `load` devices on average. The same seed keeps the same jobs.
void trace_sample(struct trace *trace, double load, uint32_t devices, uint64_t seed);
// Kueue's own load generators: `name` "kueue-baseline" or "kueue-large". False: no such.
bool trace_generate(const char *name, struct trace *out);
