// Inside of allocation/: confinement in parts. confine.c opens, limits and ends attempts;
// confine_tree.c finds and arranges the cgroup tree; confine_launch.c starts children;
// confine_device.c filters devices; confine_process.c watches by /proc where there is no cgroup.
#pragma once

#include "allocation/allocation_private.h"
#include "allocation/confine.h"
#include "base/buf.h"

enum {
    LEADERS_MAX = 1024,    // first processes of running attempts
    WEIGHT_MAX = 10000,    // of the kernel
    CONTROLLERS = 5,       // the first parts of enum confine_part
    CONTROLLERS_TEXT = 64, // "+cpu +memory +pids +cpuset +io"
    TREE_DEPTH_MAX = 8,    // folders a job made below its own are removed to this depth
    MARK_SIZE = 64,        // "COURTYARD_JOB=JOB.ATTEMPT"
    FINISH_WAIT_US = 500,  // between two tries to remove a folder
    FINISH_TRIES = 20,
    PROCESSES_SEEN_MAX = 1 << 16,
    LOOK_AGE_US = 100000, // what was read of /proc serves that long
    TICK_EVERY_US = 1000000,
};

struct process {
    int pid, parent, session;
    bool zombie, member; // member: of the job just asked for
    uint64_t start;
};

// Processors go to tenants by what runs for them now, unless a tenant has a weight of its own.
struct share {
    uint64_t tenant;
    uint32_t attempts, weight;
};

struct confine {
    enum confine_level level;
    uint32_t parts;
    struct confine_setup setup;
    // the tree; "" without cgroups
    char base[CGROUP_PATH_SIZE], jobs[CGROUP_PATH_SIZE];
    char controllers[CONTROLLERS_TEXT]; // what is enabled below base and jobs
    bool in_core_before;                // we stood in `core` when we came
    bool leftover;                      // a folder that holds nobody or a zombie may be there
    int base_filter;                    // a loaded filter that allows the base devices; -1: none
    bool subreaper;                     // orphans of jobs come to us
    uint64_t ticked_us;
    int leaders[LEADERS_MAX]; // never reaped as orphans
    uint32_t leader_count;
    struct share shares[LEADERS_MAX]; // of tenants with attempts that add to their weight
    uint32_t share_count;
    struct process *processes; // what was last read of /proc
    size_t process_count, process_room;
    uint64_t looked_us; // 0: never
};

// confine.c
void leader_put(struct confine *confine, int pid);
void events_open(const struct confine *confine, struct confine_attempt *attempt);

// confine_tree.c
bool value_write(int folder_fd, const char *name, const char *value); // in one write, or false
bool tree_arrange(struct confine *confine);
void tree_return(struct confine *confine); // as it was before, if nothing runs
// Removes what holds nobody below jobs; true if nothing is left there.
bool tree_sweep(struct confine *confine);
// An attempt's weight comes or goes, and with it that of its tenant.
void share_put(struct confine *confine, const struct confine_attempt *attempt);
void share_drop(struct confine *confine, const struct confine_attempt *attempt);
bool tree_remove(const char *folder); // and the folders in it, none of which may hold a process
// Paths of the tree; false without cgroups.
bool tenant_folder(const struct confine *confine, uint64_t tenant,
                   char out[static CGROUP_PATH_SIZE]);
bool attempt_folder(const struct confine *confine, const struct confine_attempt *attempt,
                    const char *member, char out[static CGROUP_PATH_SIZE]);

// confine_launch.c
void cpus_text(const struct confine_cpus *cpus, struct buf *out); // "0-3,7", with its NUL
bool birth_probe(int folder_fd);                                  // clone3 into a cgroup

// confine_device.c: file descriptors of programs; -1 with errno.
int filter_load(const struct confine_device *devices, uint32_t count);
bool filter_attach(int filter_fd, int folder_fd);

// confine_process.c
void processes_look(struct confine *confine, uint64_t oldest_us); // reads /proc if it is older
uint64_t process_start(int pid);                                  // 0: there is none
uint64_t processes_memory(struct confine *confine, const struct confine_attempt *attempt);
// Kills until none is left, or some tries are over; true if none is left.
bool processes_kill(struct confine *confine, const struct confine_attempt *attempt);
// Each thread of each process.
void processes_move(struct confine *confine, const struct confine_attempt *attempt,
                    const struct confine_cpus *cpus);
// May something of a job still be there whose first process has been reaped? Cheap where orphans
// come to us.
bool orphans_there(const struct confine *confine, const struct confine_attempt *attempt);
void orphans_reap(struct confine *confine);
void attempt_mark(const struct confine_attempt *attempt, char out[static MARK_SIZE]);
