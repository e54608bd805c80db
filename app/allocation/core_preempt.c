// Who gives way.
#include "allocation/core_private.h"

int64_t minimum_run_ms(const struct core *core, const struct job *job) {
    int64_t least = job->checkpoint_ms * core->policy.minimum_checkpoints;
    return least > core->policy.minimum_run_ms ? least : core->policy.minimum_run_ms;
}
