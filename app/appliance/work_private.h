// One long piece of work in a child of PID 1, so that the loop goes on: its progress is seen while
// it runs, it can be asked to stop, and what came of it is there when the child has ended.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/fault.h"
#include "base/thread.h"

struct work_shared {
    struct progress progress;
    enum err err;
    struct fault fault;
};
struct work {
    const char *name; // of the last one: "update"; NULL: none yet
    pid_t child;      // 0: none runs
    struct work_shared *shared;
};

// Runs `run` in a child. ERR_BUSY "appliance.busy" while another one runs.
enum err work_start(struct work *work, const char *name,
                    enum err (*run)(void *ctx, struct progress *progress, struct fault *fault),
                    void *ctx, struct fault *fault) MUST_USE;
void work_cancel(struct work *work);
// A child of PID 1 ended. True if it was this one; *err and *fault say what came of it.
bool work_ended(struct work *work, pid_t pid, int status);
