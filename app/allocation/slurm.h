// Slurm: submitting, watching and ending the attempts of jobs on a cluster that others run. By
// slurmrestd's unix socket where there is one that answers, else by sbatch, squeue, scancel and
// sinfo on PATH; sacct and sacctmgr are asked where the site keeps accounts. The data folder and
// this binary lie on a file system that all nodes share under the same path, and the box,
// slurmrestd and the jobs are the same user. An attempt is known by its comment,
// courtyard:JOB.ATTEMPT, and by its folder as working directory, so that several boxes may share a
// cluster and none submits twice. A question has 20 s; one that fails says nothing about jobs: an
// end is never concluded from it, and a submission that may have arrived is not made again by the
// other way. Depends on base/ only. One thread at a time (the runner's); every call may block.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"

struct json;

enum {
    SLURM_SEEN_MAX = 4096,    // jobs of one look
    SLURM_COMMENT_BYTES = 48, // "courtyard:JOB.ATTEMPT"
    SLURM_REASON_BYTES = 48,
    SLURM_ACCOUNT_BYTES = 32,
    SLURM_SOCKET_BYTES = 108, // the kernel's bound
};

enum slurm_state {
    SLURM_GONE, // Slurm knows nothing of it (any more)
    SLURM_PENDING,
    SLURM_RUNNING,
    SLURM_COMPLETING, // its process has ended, the node is being tidied
    SLURM_COMPLETED,
    SLURM_FAILED,
    SLURM_CANCELLED,
    SLURM_TIMEOUT,
    SLURM_OUT_OF_MEMORY,
    SLURM_LOST, // the node failed, or it had to make room
    SLURM_UNKNOWN,
    SLURM_STATE_COUNT
};
const char *slurm_state_name(enum slurm_state state); // "pending", …
bool slurm_state_ended(enum slurm_state state);       // GONE and UNKNOWN are no ends

struct slurm_seen {
    uint64_t id;
    enum slurm_state state;
    int64_t start_s;                 // since 1970, when it began (or is expected to); 0: not known
    int exit_status;                 // of one that has ended; 128 + signal; -1: not known
    char reason[SLURM_REASON_BYTES]; // why it waits; "" if it does not
    uint64_t folder_hash;            // of its working directory
    char comment[SLURM_COMMENT_BYTES];
    char account[SLURM_ACCOUNT_BYTES]; // that it counts for; "": not known
};
// What a look at the queue brought, one entry per job of ours.
struct slurm_list {
    struct slurm_seen jobs[SLURM_SEEN_MAX];
    uint32_t count;
};

// ---- reading what the commands print (slurm_text.c): pure, and safe on any bytes ---------------
// Jobs without our comment are left out; more than SLURM_SEEN_MAX are ERR_LIMIT "slurm.too_many".
enum err slurm_read_queue_json(struct str text, struct slurm_list *out,
                               struct fault *fault) MUST_USE;
// Lines of SLURM_QUEUE_FORMAT.
#define SLURM_QUEUE_FORMAT "%i|%T|%S|%r|%k|%a|%Z"
enum err slurm_read_queue_text(struct str text, struct slurm_list *out,
                               struct fault *fault) MUST_USE;
// "JobID|State|ExitCode" of one job: false if it is not among the lines.
bool slurm_read_account(struct str text, uint64_t id, struct slurm_seen *out);
enum slurm_state slurm_state_of(struct str word); // "RUNNING", "CANCELLED by 1000", …
// A time limit as sinfo prints it, in minutes: "30:00", "1:00:00", "2-00:00:00"; 0: none.
uint64_t slurm_minutes(struct str text);
// What sbatch says when it refuses, as a fault; *out_later: it may well take it later.
enum err slurm_refusal(struct str said, bool *out_later, struct fault *fault) MUST_USE;
enum slurm_state slurm_state_of_json(const struct json *node); // a word, or an array of them
int slurm_exit_of_json(const struct json *node);               // as slurm_seen.exit_status

// ---- the cluster (slurm.c) --------------------------------------------------------------------
struct slurm_pool {
    char partition[64], version[64];
    uint64_t nodes, cpus, memory_mib;    // of the whole partition
    uint64_t node_cpus, node_memory_mib; // of the largest of its nodes
    uint64_t limit_minutes;              // of one job; 0: none
};
struct slurm;
// Takes memory only. `partition` NULL or "": Slurm's default. `socket`: of slurmrestd; NULL: the
// usual places; "": none.
enum err slurm_open(const char *partition, const char *socket, struct slurm **out) MUST_USE;
void slurm_close(struct slurm *slurm);
// The version of slurmrestd's data parser (42 for v0.0.42) while it answers; 0: by commands.
uint32_t slurm_by_rest(const struct slurm *slurm);
// Asks what there is. ERR_NOT_FOUND "slurm.no_command" (detail: which), ERR_BUSY
// "slurm.not_reached", ERR_INPUT "slurm.no_partition" (detail: its name).
enum err slurm_pool_read(struct slurm *slurm, struct slurm_pool *out, struct fault *fault) MUST_USE;

struct slurm_task {
    uint64_t job;
    uint32_t attempt;
    uint64_t tenant;                          // whose account it counts for; 0: nobody's
    uint64_t cpus, memory_mib, limit_minutes; // limit 0: the partition's own
    const char *program, *folder;             // absolute
};
void slurm_comment(uint64_t job, uint32_t attempt, char out[static SLURM_COMMENT_BYTES]);
// A tenant's account, as policy_export writes it: "t7".
void slurm_account_name(uint64_t tenant, char out[static SLURM_ACCOUNT_BYTES]);
// Submits `program job folder attempt` to the account of its tenant, or, where Slurm knows no such
// account of this user, to the user's own. *out_later as slurm_refusal, also where it may have
// arrived.
enum err slurm_submit(struct slurm *slurm, const struct slurm_task *task, uint64_t *out_id,
                      bool *out_later, struct fault *fault) MUST_USE;
// One look at the queue, for all of ours.
enum err slurm_look(struct slurm *slurm, struct fault *fault) MUST_USE;
// Of the last look, valid until the next; NULL: not among them.
const struct slurm_seen *slurm_by_id(const struct slurm *slurm, uint64_t id);
const struct slurm_seen *slurm_by_comment(const struct slurm *slurm, const char *comment,
                                          const char *folder);
// How a job that the queue no longer shows has ended, where accounts are kept. ERR_NOT_FOUND: they
// are not, or have no such job.
enum err slurm_account(struct slurm *slurm, uint64_t id, struct slurm_seen *out) MUST_USE;
// SIGUSR1 to its process; and its end: SIGTERM, and SIGKILL after Slurm's KillWait.
enum err slurm_ask(struct slurm *slurm, uint64_t id) MUST_USE;
enum err slurm_cancel(struct slurm *slurm, uint64_t id) MUST_USE;
