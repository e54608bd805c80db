// Opening and closing the box's flow.
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "flow/jobs/places.h"
#include "flow/models/language.h"
#include "flow/models/language_usage.h"
#include "flow/models/pilots.h"
#include "flow/models/serving.h"

static enum err folders_make(struct flow *flow, struct fault *fault) {
    static const char *const names[] = {"jobs", "uploads", "keys", "exports"};
    enum err err = OK;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && err == OK; i++) {
        char path[LIMIT_PATH_BYTES];
        err = path_join(path, sizeof path, store_dir(flow->store), names[i]);
        if (err == OK) err = folder_make(path, fault);
    }
    return err;
}

static enum err flow_start(struct flow *flow, const struct flow_options *options,
                           struct fault *fault) {
    const char *program = options->program ? options->program : "/proc/self/exe";
    if (!str_copy(flow->program, sizeof flow->program, str_of(program))) {
        return fault_set(fault, ERR_LIMIT, "flow.path_too_long", STR_NONE);
    }
    if (strlen(store_dir(flow->store)) + PATH_BELOW_BYTES > LIMIT_PATH_BYTES) {
        return fault_set(fault, ERR_LIMIT, "flow.path_too_long", str_of(store_dir(flow->store)));
    }
    flow->job_changed = options->job_changed;
    flow->ctx = options->ctx;
    flow->roles_of = options->roles_of;
    flow->started_ms = clock_now_ms();
    allocation_capacity_read(KEPT_BYTES, &flow->capacity);
    enum err err = folders_make(flow, fault);
    if (err == OK && models_open(&flow->models) != OK) {
        err = fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    }
    if (err != OK) return err;
    flow->largest = flow->capacity;
    commands_begin(flow, options);
    flow->executor = executor_of_name(options->executor ? str_of(options->executor) : STR("local"));
    if (!flow->executor) {
        return fault_set(fault, ERR_INPUT, "flow.no_executor", str_of(options->executor));
    }
    if (flow->executor == &executor_slurm) {
        err = slurm_begin(flow, options->slurm_partition, options->slurm_socket, fault);
        if (err != OK) return err;
    }
    flow->confine = confine_open(&(struct confine_setup){.core_memory_bytes = CORE_BYTES});
    places_open(flow);
    err = language_usage_open(flow);
    if (err == OK) err = serving_open(flow);
    if (err != OK) return fault_set(fault, err, "base.no_memory", STR_NONE);
    err = pilots_open(flow, fault);
    if (err == OK) err = runner_open(flow, fault);
    if (err == OK && language_open(flow) != OK) {
        err = fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    }
    return err == OK ? pilots_begin(flow, fault) : err;
}

enum err flow_open(struct store *store, const struct flow_options *options, struct flow **out,
                   struct fault *fault) {
    struct flow *flow = memory_take(sizeof *flow);
    if (!flow) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    flow->store = store;
    flow->wake_fd = flow->watch_fd = -1;
    pthread_mutex_init(&flow->lock, NULL);
    pthread_cond_init(&flow->work, NULL);
    enum err err = flow_start(flow, options, fault);
    if (err != OK) {
        flow_close(flow, false);
        return err;
    }
    *out = flow;
    return OK;
}

void flow_close(struct flow *flow, bool stop_children) {
    if (!flow) return;
    language_close(flow);
    serving_close(flow);
    language_usage_close(flow);
    pilots_stop(flow); // it asks the runner for jobs
    runner_close(flow, stop_children);
    pilots_close(flow);
    models_close(flow->models);
    confine_close(flow->confine);
    slurm_end(flow);
    pthread_cond_destroy(&flow->work);
    pthread_mutex_destroy(&flow->lock);
    memory_give(flow);
}

struct store *flow_store(struct flow *flow) {
    return flow->store;
}
