// What slurmrestd is asked and how its answers read (data parsers v0.0.40 and later): pure, and
// safe on any bytes. Lists of jobs are read by slurm_read_queue_json, as squeue prints the same.
// Depends on allocation/slurm.h.
#pragma once

#include "allocation/slurm.h"

// Of the versions that /openapi/v3 names that nearest to the one this was written for; 0: none.
enum { SLURM_REST_OLDEST = 40, SLURM_REST_OURS = 42 };
uint32_t slurm_rest_version(struct str text);

// The body of job/submit; `line` is what its script runs. `account` "": the user's own.
struct slurm_rest_job {
    const struct slurm_task *task;
    const char *partition, *account;
    struct str line;
    uint64_t limit_minutes;
};
void slurm_rest_job_write(const struct slurm_rest_job *job, struct buf *out);

// Its answer: OK with the number; a refusal as slurm_refusal; ERR_IO without a code where neither
// can be read, so that it may have been taken.
enum err slurm_read_submitted(struct str text, uint64_t *out_id, bool *out_later,
                              struct fault *fault) MUST_USE;
// The error that an answer names, as slurm_refusal; OK: it names none. ERR_INPUT without a code: no
// such answer.
enum err slurm_read_errors(struct str text, bool *out_later, struct fault *fault) MUST_USE;
// The partitions, then the nodes: fill *pool, whose partition says which ("": the only one).
// ERR_NOT_FOUND "slurm.no_partition".
enum err slurm_read_partitions(struct str text, struct slurm_pool *pool,
                               struct fault *fault) MUST_USE;
enum err slurm_read_nodes(struct str text, struct slurm_pool *pool, struct fault *fault) MUST_USE;
// slurmdb's record of one job: false if it is not there.
bool slurm_read_account_json(struct str text, uint64_t id, struct slurm_seen *out);
// How many associations an answer holds; false: it is none.
bool slurm_read_associations(struct str text, uint64_t *out_count);
// Of a signal or a cancel: true unless it names an error other than that the job has ended.
bool slurm_read_signalled(struct str text);
