// simulate: a trace through the scheduler, beside plain policies.
#include <stdio.h>
#include <string.h>

#include "allocation/simulate.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/number.h"
#include "cli/cli_private.h"

enum { TENANTS_ROOM = 4096 };

struct run {
    struct trace trace;
    struct simulate_options options;
    struct core_policy policy;
    struct core_tenant *tenants;
    struct json *json;
    bool policies[SIMULATE_COUNT];
};

static enum err number_of(const struct arguments *arguments, const char *option, double otherwise,
                          double *out, struct fault *fault) {
    const char *text = argument(arguments, option);
    *out = otherwise;
    if (!text) return OK;
    if (number_parse(str_of(text), out) && *out >= 0 && *out < 1e12) return OK;
    return fault_set(fault, ERR_INPUT, "cli.bad_number", str_of(option));
}

static enum err policies_read(const struct arguments *arguments, bool *out, struct fault *fault) {
    struct str rest = str_of(argument_or(arguments, "--compare", "ours,fifo,easy,srtf"));
    while (rest.size) {
        struct str name = str_trim(str_cut(rest, ',', &rest));
        int policy = 0;
        while (policy < SIMULATE_COUNT &&
               !str_is(name, simulate_policy_name((enum simulate_policy)policy))) {
            policy++;
        }
        if (policy == SIMULATE_COUNT) {
            return fault_set(fault, ERR_INPUT, "simulate.no_such_policy", name);
        }
        out[policy] = true;
    }
    return OK;
}

// Several traces become one, each with tenants of its own.
static enum err traces_read(const struct arguments *arguments, struct trace *out,
                            struct fault *fault) {
    enum err err = OK;
    for (uint32_t i = 0; err == OK && i < arguments->positional_count; i++) {
        struct trace trace = {0};
        const char *name = arguments->positional[i];
        if (!trace_generate(name, &trace)) {
            err = trace_read(name, argument(arguments, "--format"), &trace, fault);
        }
        for (uint32_t job = 0; err == OK && job < trace.count; job++) {
            trace.jobs[job].tenant += out->tenants;
            err = trace_add(out, &trace.jobs[job]);
        }
        out->tenants += trace.tenants;
        out->skipped += trace.skipped;
        trace_close(&trace);
    }
    if (err == OK && out->tenants > TENANTS_ROOM) {
        err = fault_set(fault, ERR_LIMIT, "simulate.too_many_tenants", STR_NONE);
    }
    if (err == OK) trace_settle(out);
    return err;
}

static enum err sample_take(const struct arguments *arguments, struct run *run,
                            struct fault *fault) {
    double load, seed;
    if (!argument(arguments, "--load")) return OK;
    enum err err = number_of(arguments, "--load", 0, &load, fault);
    if (err == OK) err = number_of(arguments, "--seed", 1, &seed, fault);
    if (err != OK) return err;
    uint32_t devices = (uint32_t)__builtin_popcountll(run->options.capacity.devices);
    trace_sample(&run->trace, load, devices, (uint64_t)seed);
    if (run->trace.count) return OK;
    return fault_set(fault, ERR_INPUT, "trace.no_jobs", str_of(arguments->positional[0]));
}

static enum err policy_load(const struct arguments *arguments, struct run *run,
                            struct fault *fault) {
    const char *path = argument(arguments, "--policy");
    core_policy_default(&run->policy);
    run->options.policy = &run->policy;
    if (!path) return OK;
    run->tenants = memory_take(sizeof *run->tenants * TENANTS_ROOM);
    if (!run->tenants) return ERR_MEMORY;
    enum err err = json_parse_file(path, &run->json, fault);
    if (err != OK) return err;
    return simulate_policy_read(run->json, &run->policy, run->tenants, TENANTS_ROOM, fault);
}

static enum err run_open(const struct arguments *arguments, struct run *run, struct fault *fault) {
    double checkpoint;
    enum err err = policies_read(arguments, run->policies, fault);
    if (err == OK) err = number_of(arguments, "--checkpoint", 30, &checkpoint, fault);
    if (err == OK) err = traces_read(arguments, &run->trace, fault);
    if (err != OK) return err;
    run->options.checkpoint_ms = (int64_t)(checkpoint * 1000);
    simulate_capacity_guess(&run->trace, &run->options.capacity);
    const char *capacity = argument(arguments, "--capacity");
    if (capacity) err = simulate_capacity_read(str_of(capacity), &run->options.capacity, fault);
    if (err == OK) err = sample_take(arguments, run, fault);
    if (err == OK) err = policy_load(arguments, run, fault);
    return err;
}

static struct str text_of(char out[static 32], double value, int digits) {
    int size = snprintf(out, 32, "%.*f", digits, value);
    return (struct str){out, size > 0 ? (size_t)size : 0};
}

static void say_figures(enum simulate_policy policy, const struct simulate_figures *figures) {
    char texts[10][32];
    SAY("simulate.line", {"policy", str_of(simulate_policy_name(policy))},
        {"mean", text_of(texts[0], figures->completion_mean_s, 0)},
        {"half", text_of(texts[1], figures->completion_p50_s, 0)},
        {"most", text_of(texts[2], figures->completion_p95_s, 0)},
        {"nearly", text_of(texts[3], figures->completion_p99_s, 0)},
        {"wait", text_of(texts[4], figures->wait_mean_s, 0)},
        {"longest", text_of(texts[5], figures->wait_max_s, 0)},
        {"slowdown", text_of(texts[6], figures->slowdown_mean, 1)},
        {"jain", text_of(texts[7], figures->jain, 3)},
        {"used", text_of(texts[8], figures->utilisation, 3)},
        {"preemptions", count_text(figures->preemptions)});
    if (policy != SIMULATE_OURS) return;
    char hash[24];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)figures->hash);
    SAY("simulate.core", {"events", count_text(figures->events)},
        {"decisions", count_text(figures->decisions)},
        {"seconds", text_of(texts[9], figures->cpu_s, 2)}, {"hash", str_of(hash)});
}

static enum err policies_run(const struct run *run, struct json_writer *json, struct fault *fault) {
    for (int policy = 0; policy < SIMULATE_COUNT; policy++) {
        if (!run->policies[policy]) continue;
        struct simulate_figures figures;
        enum err err =
            simulate(&run->trace, &run->options, (enum simulate_policy)policy, &figures, fault);
        if (err == ERR_INPUT) err = fault_set(fault, err, "simulate.bad_policy", STR_NONE);
        if (err != OK) return err;
        if (json) {
            simulate_write(json, (enum simulate_policy)policy, &figures);
        } else {
            say_figures((enum simulate_policy)policy, &figures);
        }
    }
    return OK;
}

static enum err answer_json(const struct run *run, struct fault *fault) {
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer json = json_writer_of(&text);
    json_open_object(&json);
    json_set_u64(&json, "jobs", run->trace.count);
    json_set_u64(&json, "tenants", run->trace.tenants);
    json_set_u64(&json, "skipped", run->trace.skipped);
    json_put_name(&json, "policies");
    json_open_array(&json);
    enum err err = policies_run(run, &json, fault);
    json_close_array(&json);
    json_close_object(&json);
    if (err == OK) err = buf_err(&text);
    if (err == OK) printf("%.*s\n", STR_ARG(buf_str(&text)));
    buf_close(&text);
    return err;
}

enum err command_simulate(const struct command *command, const struct arguments *arguments,
                          struct fault *fault) {
    (void)command;
    struct run run = {0};
    if (strcmp(arguments->positional[0], "box") == 0) return command_simulate_box(arguments, fault);
    enum err err = run_open(arguments, &run, fault);
    if (err == OK && argument(arguments, "--json")) {
        err = answer_json(&run, fault);
    } else if (err == OK) {
        SAY("simulate.trace", {"jobs", count_text(run.trace.count)},
            {"tenants", count_text(run.trace.tenants)}, {"skipped", count_text(run.trace.skipped)});
        err = policies_run(&run, NULL, fault);
    }
    trace_close(&run.trace);
    json_close(run.json);
    memory_give(run.tenants);
    return err;
}
