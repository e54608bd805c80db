// Confinement: each attempt of a job runs apart, within its limits, and ends as a whole. Depends on
// base/ only. Where cgroup v2 may be used the tree below our own cgroup is
//   core                       this process (memory.min, cpu.weight 1000)
//   jobs/TENANT/JOB.ATTEMPT    one folder for each attempt, made at its start, removed at its end
// Our own cgroup is ours to arrange when we are PID 1 (cgroup2 is mounted if it is not), when we
// are alone in it (a service with Delegate=yes), or when we stand in its leaf `core` already
// (DelegateSubgroup=core, or the child of a process that arranged it). Elsewhere, and for every
// attempt whose folder cannot be made: rlimits, nice and affinity in the child, and /proc, by
// which memory is watched and a job's processes are found. Caveat: after one cgroup.kill the
// kernel kills every later process at birth that starts in the same folder. Hence an attempt's
// folder is never used again. A struct confine and its attempts belong to one thread (the runner)
// after confine_open; the level and the parts never change and may be read by any.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

enum {
    CONFINE_CPUS_MAX = 1024,   // processors a set can name
    CONFINE_DEVICES_MAX = 128, // device nodes of one attempt; an accelerator has two or three
    CONFINE_EXIT_FAILED = 126, // status of a child that could not be confined
    CONFINE_EXIT_NO_EXEC = 127,
    CONFINE_EXIT_NO_MEMORY = 125, // its limit does not hold even its program
};

enum confine_level {
    CONFINE_NONE,   // not even processes could be watched
    CONFINE_LIMITS, // rlimits, nice, affinity; the parent watches time and memory
    CONFINE_CGROUP, // cgroup v2: memory.max, cpu.weight, pids.max, killed as a whole
};
const char *confine_level_name(enum confine_level level); // "none", "limits", "cgroup"

// What the machine allows, each probed by doing it.
enum confine_part {
    CONFINE_PART_CPU = 1 << 0, // controllers of cgroup v2
    CONFINE_PART_MEMORY = 1 << 1,
    CONFINE_PART_PIDS = 1 << 2,
    CONFINE_PART_CPUSET = 1 << 3,
    CONFINE_PART_IO = 1 << 4,
    CONFINE_PART_KILL = 1 << 5,    // cgroup.kill, Linux 5.14
    CONFINE_PART_BIRTH = 1 << 6,   // clone3 into the cgroup, Linux 5.7
    CONFINE_PART_DEVICES = 1 << 7, // a filter of devices for each attempt
};
enum { CONFINE_PARTS = 8 };
const char *confine_part_name(enum confine_part part); // "cpu", …, "kill", "birth", "devices"

struct confine_setup {
    uint64_t core_memory_bytes; // kept for this process when memory is short: memory.min
    uint32_t job_uid, job_gid;  // jobs run as these where we are root; 0: as we do
};
struct confine;
// Probes and arranges, and removes folders of earlier attempts that hold nobody any more. `setup`
// may be NULL (all 0). NULL (allowed everywhere below) without memory.
struct confine *confine_open(const struct confine_setup *setup);
void confine_close(struct confine *confine); // removes what is empty; what runs on stays
enum confine_level confine_level(const struct confine *confine);
uint32_t confine_parts(const struct confine *confine); // bits of enum confine_part

struct confine_cpus {
    uint64_t bits[CONFINE_CPUS_MAX / 64];
};
struct confine_device {
    bool block; // else a character device
    uint32_t major, minor;
};
// False unless `path` is a device.
bool confine_device_of(const char *path, struct confine_device *out);

struct confine_limits {
    uint64_t memory_bytes;
    uint32_t processes;       // threads included
    uint32_t cpu_weight;      // 1..10000, among the attempts of its tenant
    uint32_t tenant_weight;   // 1..10000, among tenants; 0: the sum of its attempts'
    uint32_t cpu_max_milli;   // never more than this, idle processors or not; 0: no such bound
    uint32_t io_weight;       // 1..10000; 0: as the kernel has it
    uint64_t cpu_seconds;     // RLIMIT_CPU, counts even if this process is gone; 0: none
    uint64_t file_bytes;      // RLIMIT_FSIZE, the longest file it may write; 0: none
    bool exclusive;           // runs on `cpus` alone (that others keep off is the caller's part)
    struct confine_cpus cpus; // if exclusive
    bool devices_apart;       // sees the base devices (null, zero, random, …) and those below
    const struct confine_device *devices; // (device_count), read during confine_launch only
    uint32_t device_count;
};

// One attempt. Its owner fills tenant, job and attempt; all else is confine's. Copy it freely.
struct confine_attempt {
    uint64_t tenant, job;
    uint32_t attempt;
    enum confine_level level; // what holds for this one
    bool devices_apart;       // the filter is on
    bool adopted;             // not our child
    int pid;                  // of its first process; 0: not known
    int pidfd;                // -1: not known. The owner's, who closes it
    int events_fd;            // poll it for POLLPRI: memory.events has changed; -1: none
    uint64_t start;           // of the process, as in /proc/PID/stat; 0: not known
    uint64_t memory_bytes;
    uint32_t weight; // what it adds to its tenant's weight; 0: nothing
};

struct confine_spawn {
    char *const *argv; // argv[0] is the program's path
    // In the child, before exec: only what may be called there, and no function of the C library
    // that looks at other threads. May be NULL.
    void (*prepare)(void *ctx);
    void *ctx;
};
// Makes the folder, sets the limits, starts the child in a session of its own and fills pid, pidfd,
// events_fd and level. A child that cannot be confined as promised ends with CONFINE_EXIT_FAILED.
// Environment: ours and COURTYARD_JOB=JOB.ATTEMPT.
enum err confine_launch(struct confine *confine, struct confine_attempt *attempt,
                        const struct confine_limits *limits, const struct confine_spawn *spawn,
                        struct fault *fault) MUST_USE;
// Takes up an attempt that an earlier process of ours started. At first `events_fd` is -1 and
// all else of the attempt 0; while pid is 0 (not known yet) call again with the same.
void confine_adopt(struct confine *confine, struct confine_attempt *attempt, int pid,
                   uint64_t memory_bytes);

// Held to other processors from now on, all that belongs to it.
void confine_move(struct confine *confine, const struct confine_attempt *attempt,
                  const struct confine_cpus *cpus);

// Memory in use by the whole job: its cgroup's; without one the sum over its processes of what
// cannot be given back (anonymous, shared and swapped-out pages; those of mapped files do not
// count), exact where it matters: beyond the limit pages shared among them are divided. 0: unknown.
uint64_t confine_memory_bytes(struct confine *confine, const struct confine_attempt *attempt);
// True if the kernel has killed for memory there; to be asked when events_fd speaks.
bool confine_memory_ran_out(struct confine *confine, const struct confine_attempt *attempt);

// Stopping: a checkpoint's time, SIGTERM, the grace, and then the whole job is killed. The first
// process gets the signals: how its children end is its part of the contract.
enum { CONFINE_CHECKPOINT_SIGNAL = 10 }; // SIGUSR1
struct confine_stop {
    uint64_t asked_us;      // monotonic
    uint32_t checkpoint_ms; // from the checkpoint signal to SIGTERM; 0: no such signal
    uint32_t grace_ms;      // from SIGTERM to the kill; both 0: killed at once
    uint8_t stage;          // 0 at first; confine_stop_step's
};
// Sends what is due at `now_us`; to be called again and again. True once all has been killed.
bool confine_stop_step(struct confine *confine, const struct confine_attempt *attempt,
                       struct confine_stop *stop, uint64_t now_us);
void confine_kill(struct confine *confine, const struct confine_attempt *attempt); // all of it, now

struct confine_usage { // 0: not known
    uint64_t cpu_us, memory_peak_bytes;
    bool memory_ran_out;
};
// After the first process has been reaped (or is known to be gone): kills what is left of the job,
// removes the folder, closes events_fd. A folder that cannot go yet, and its tenant's, is the next
// confine_tick's to remove.
void confine_finish(struct confine *confine, struct confine_attempt *attempt,
                    struct confine_usage *out);
// From time to time (it does something once a second): removes folders that hold nobody, reaps
// orphans.
void confine_tick(struct confine *confine);
bool confine_wants_tick(const struct confine *confine); // do not sleep for hours now
