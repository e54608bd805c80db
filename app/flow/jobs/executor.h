// Inside of flow/: who carries the runner's attempts out. `executor_local` makes each a process of
// this machine (launch.c, allocation/confine.h); `executor_slurm` hands it to a cluster. An attempt
// stays with the executor that started it, across restarts of the box and whatever the box is told
// to use since. All calls come from the runner's thread, without the lock; what an executor changes
// of an attempt that people look at, it changes under the lock. Every call may be repeated.
//
// To add one: fill a struct executor, name it in executor_of_name, and in the messages
// ("confine.NAME", "executor.NAME").
#pragma once

#include "flow/flow_private.h"

struct executor {
    const char *name;
    // Its attempts live on another machine: it keeps their limits of time and memory itself, and
    // the end of this process does not end them.
    bool away;
    // As the job's record says what holds it within its limits ("cgroup", "limits", "slurm").
    const char *(*confinement)(const struct flow *flow);
    // Starts it from its committed record. What is not known to have failed counts as started.
    enum err (*start)(struct flow *flow, const struct job *job, struct active *active,
                      struct fault *fault);
    // Takes up an attempt of an earlier life of this process; false if it has ended.
    bool (*adopt)(struct flow *flow, const struct job *job, struct active *active);
    // Looks: true once it has ended and fills how. `spoken`: its pidfd became readable.
    bool (*ended)(struct flow *flow, struct active *active, bool spoken);
    // Once after that: gives back all it held.
    void (*finish)(struct flow *flow, struct active *active);
    // What it uses now; 0: not known.
    uint64_t (*memory_bytes)(struct flow *flow, const struct active *active);
    // Its events_fd has spoken.
    void (*memory_news)(struct flow *flow, struct active *active);
    // Carries a stop on: asked to give way, told to end, killed. True once all has been done.
    bool (*stop)(struct flow *flow, const struct active *active, struct confine_stop *stopping);
};
extern const struct executor executor_local, executor_slurm;
const struct executor *executor_of_name(struct str name); // NULL: none such
// Of an attempt that a record tells of.
const struct executor *executor_of_job(const struct job *job);

// ---- executor_slurm.c --------------------------------------------------------------------------
// Asks Slurm what there is, and makes that the box's capacity.
enum err slurm_begin(struct flow *flow, const char *partition, const char *socket,
                     struct fault *fault) MUST_USE;
void slurm_end(struct flow *flow);
// What to show of where an attempt is: members of an open object. Under the lock.
void slurm_view(struct json_writer *out, const struct active *active);
void slurm_view_pool(struct json_writer *out, const struct flow *flow);
