// What the child of a job and its runner share: the folder's small files. Any thread.
#pragma once

#include "base/thread.h"

enum {
    CHILD_IDENTITY_SIZE = 128,
    CHILD_LOCK_FD = 3, // the folder's lock, open in the child
    PROGRESS_PAGE_BYTES = 4096,
};
// FOLDER/checkpoint: what a step kept to go on from. It outlives the attempt, not the job.
#define CHILD_CHECKPOINT "checkpoint"
// FOLDER/slurm: "ID ATTEMPT", by whom a cluster knows the attempt (executor_slurm.c).
#define CHILD_SLURM "slurm"
_Static_assert(sizeof(struct progress) <= PROGRESS_PAGE_BYTES, "a page holds the progress");

// "attempt" of FOLDER/NAME, which is spec.json or result.json; 0: there is none.
uint64_t folder_attempt(const char *folder, const char *name);
// "PID START BOOT": the same for as long as that process is that process. False if it is gone.
bool process_identity(int pid, char *out, size_t out_size);
// Maps FOLDER/progress, made if absent; NULL where that fails (the job goes on unseen).
struct progress *progress_map(const char *folder);
void progress_unmap(struct progress *progress);
