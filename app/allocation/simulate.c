// A run of the simulator around whichever policy, and the figures.
#include "allocation/simulate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "allocation/simulate_private.h"
#include "base/memory.h"
#include "base/number.h"

enum { TENANT_JOBS_LEAST = 20 };
#define SLOWDOWN_BOUND_S 10.0

const char *simulate_policy_name(enum simulate_policy policy) {
    static const char *const names[SIMULATE_COUNT] = {"ours", "fifo", "easy", "srtf"};
    return (unsigned)policy < SIMULATE_COUNT ? names[policy] : "";
}

// ---- while it runs -----------------------------------------------------------------------------
struct core_amount need_of(const struct trace_job *job) {
    struct core_amount need = job->need;
    for (int r = 0; r < RESOURCE_COUNT; r++) need.of[r] *= (int64_t)job->members;
    return need;
}

int64_t checkpoint_of(const struct play *play, uint32_t job) {
    int64_t told = play->trace->jobs[job].checkpoint_ms;
    return told >= 0 ? told : play->options->checkpoint_ms;
}

void play_until(struct play *play, int64_t now_ms) {
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        play->area[r] += (double)play->busy.of[r] * (double)(now_ms - play->now_ms);
    }
    play->now_ms = now_ms;
}

void play_hold(struct play *play, uint32_t job, int sign) {
    struct core_amount need = need_of(&play->trace->jobs[job]);
    for (int r = 0; r < RESOURCE_COUNT; r++) play->busy.of[r] += sign * need.of[r];
}

// ---- figures -----------------------------------------------------------------------------------
static int by_size(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

struct tenant_sum {
    double slowdown;
    uint32_t jobs;
};

static double jain_of(const struct tenant_sum *sums, uint32_t count) {
    double sum = 0, squares = 0, tenants = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (sums[i].jobs <= TENANT_JOBS_LEAST) continue;
        double quick = sums[i].jobs / sums[i].slowdown;
        sum += quick;
        squares += quick * quick;
        tenants++;
    }
    return tenants > 0 ? sum * sum / (tenants * squares) : 1;
}

static double second_of(int64_t ms) {
    return (double)ms / 1000;
}

static void figures_of_job(const struct play *play, uint32_t i, struct tenant_sum *sums,
                           double *completion) {
    const struct trace_job *job = &play->trace->jobs[i];
    struct simulate_figures *figures = play->figures;
    double wait = second_of(play->jobs[i].started_ms - job->submit_ms);
    double took = second_of(play->jobs[i].end_ms - job->submit_ms), run = second_of(job->run_ms);
    double slowdown = took / (run > SLOWDOWN_BOUND_S ? run : SLOWDOWN_BOUND_S);
    if (slowdown < 1) slowdown = 1;
    figures->completion_mean_s += took;
    figures->wait_mean_s += wait;
    if (wait > figures->wait_max_s) figures->wait_max_s = wait;
    figures->slowdown_mean += slowdown;
    sums[job->tenant - 1].slowdown += slowdown;
    sums[job->tenant - 1].jobs++;
    *completion = took;
}

static enum err figures_find(struct play *play) {
    struct simulate_figures *figures = play->figures;
    const struct trace *trace = play->trace;
    double *completions = memory_take(sizeof *completions * (trace->count + 1));
    struct tenant_sum *sums = memory_take(sizeof *sums * (trace->tenants + 1));
    enum err err = completions && sums ? OK : ERR_MEMORY;
    uint32_t count = 0;
    for (uint32_t i = 0; err == OK && i < trace->count; i++) {
        if (!play->jobs[i].out) figures_of_job(play, i, sums, &completions[count++]);
    }
    if (err == OK && count > 0) {
        qsort(completions, count, sizeof *completions, by_size);
        figures->jobs = count;
        figures->completion_mean_s /= count;
        figures->wait_mean_s /= count;
        figures->slowdown_mean /= count;
        figures->completion_p50_s = completions[count / 2];
        figures->completion_p95_s = completions[(size_t)(0.95 * count)];
        figures->completion_p99_s = completions[(size_t)(0.99 * count)];
        figures->jain = jain_of(sums, trace->tenants);
        figures->makespan_s = second_of(play->last_end_ms);
    }
    memory_give(completions);
    memory_give(sums);
    return err;
}

static void utilisation_find(struct play *play) {
    double work[RESOURCE_COUNT] = {0};
    for (uint32_t i = 0; i < play->trace->count; i++) {
        if (play->jobs[i].out) continue;
        struct core_amount need = need_of(&play->trace->jobs[i]);
        for (int r = 0; r < RESOURCE_COUNT; r++) {
            work[r] += (double)need.of[r] * (double)play->trace->jobs[i].run_ms;
        }
    }
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        double capacity = (double)play->capacity.of[r];
        if (capacity <= 0) continue;
        double used = play->last_end_ms ? play->area[r] / capacity / (double)play->last_end_ms : 0;
        double offered =
            play->trace->span_ms ? work[r] / capacity / (double)play->trace->span_ms : 0;
        if (used > play->figures->utilisation) play->figures->utilisation = used;
        if (offered > play->figures->offered) play->figures->offered = offered;
    }
}

// Larger than the box: no policy can run it.
static bool fits_box(const struct core_amount *capacity, const struct trace_job *job) {
    struct core_amount need = need_of(job);
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (need.of[r] > capacity->of[r]) return false;
    }
    int64_t device = job->need.of[RESOURCE_DEVICE];
    return device <= CORE_DEVICE_MILLI || device % CORE_DEVICE_MILLI == 0;
}

static double cpu_seconds(void) {
    struct timespec time = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

enum err simulate(const struct trace *trace, const struct simulate_options *options,
                  enum simulate_policy policy, struct simulate_figures *out, struct fault *fault) {
    *out = (struct simulate_figures){0};
    struct play play = {.trace = trace, .options = options, .figures = out};
    play.capacity = options->capacity.amount;
    play.capacity.of[RESOURCE_DEVICE] =
        (int64_t)__builtin_popcountll(options->capacity.devices) * CORE_DEVICE_MILLI;
    play.jobs = memory_take(sizeof *play.jobs * (trace->count + 1));
    if (!play.jobs) return ERR_MEMORY;
    for (uint32_t i = 0; i < trace->count; i++) {
        play.jobs[i] = (struct played){.left_ms = trace->jobs[i].run_ms,
                                       .started_ms = -1,
                                       .end_ms = -1,
                                       .out = !fits_box(&play.capacity, &trace->jobs[i])};
        out->left_out += play.jobs[i].out;
    }
    double began = cpu_seconds();
    enum err err = OK;
    if (out->left_out == trace->count) {
        err = fault_set(fault, ERR_INPUT, "simulate.no_job_fits", STR_NONE);
    }
    if (err == OK) err = policy == SIMULATE_OURS ? play_ours(&play) : play_peer(&play, policy);
    out->cpu_s = cpu_seconds() - began;
    if (err == OK) err = figures_find(&play);
    if (err == OK) utilisation_find(&play);
    for (uint32_t i = 0; err == OK && options->outcomes && i < trace->count; i++) {
        const struct played *job = &play.jobs[i];
        options->outcomes[i] = (struct simulate_outcome){job->started_ms, job->end_ms, job->out};
    }
    memory_give(play.jobs);
    return err;
}

// ---- JSON --------------------------------------------------------------------------------------
void simulate_write(struct json_writer *out, enum simulate_policy policy,
                    const struct simulate_figures *figures) {
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"completion_mean_s", figures->completion_mean_s},
        {"completion_p50_s", figures->completion_p50_s},
        {"completion_p95_s", figures->completion_p95_s},
        {"completion_p99_s", figures->completion_p99_s},
        {"first_wait_mean_s", figures->wait_mean_s},
        {"first_wait_max_s", figures->wait_max_s},
        {"slowdown_mean", figures->slowdown_mean},
        {"jain", figures->jain},
        {"utilisation", figures->utilisation},
        {"offered", figures->offered},
        {"makespan_s", figures->makespan_s},
        {"cpu_s", figures->cpu_s},
    };
    json_open_object(out);
    json_set_text(out, "policy", str_of(simulate_policy_name(policy)));
    json_set_u64(out, "jobs", figures->jobs);
    json_set_u64(out, "left_out", figures->left_out);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        json_set_number(out, numbers[i].name, numbers[i].value);
    }
    json_set_u64(out, "preemptions", figures->preemptions);
    if (policy == SIMULATE_OURS) {
        char hash[24];
        snprintf(hash, sizeof hash, "%016llx", (unsigned long long)figures->hash);
        json_set_u64(out, "events", figures->events);
        json_set_u64(out, "decisions", figures->decisions);
        json_set_number(out, "step_us_max", figures->step_us_max);
        json_set_number(out, "step_us_p999", figures->step_us_p999);
        json_set_text(out, "hash", str_of(hash));
    }
    json_close_object(out);
}

// ---- capacity ----------------------------------------------------------------------------------
static void devices_set(struct core_capacity *capacity, uint64_t count) {
    capacity->devices = count >= 64 ? UINT64_MAX : ((uint64_t)1 << count) - 1;
}

enum err simulate_capacity_read(struct str text, struct core_capacity *out, struct fault *fault) {
    struct core_capacity capacity = *out;
    struct str rest = text;
    while (rest.size) {
        struct str value, part = str_trim(str_cut(rest, ',', &rest));
        struct str name = str_cut(part, '=', &value);
        int64_t number;
        bool good = str_to_i64(value, &number) && number >= 0 && number <= CORE_AMOUNT_MAX / 1000;
        if (good && str_is(name, "cpu")) {
            capacity.amount.of[RESOURCE_CPU] = number * 1000;
        } else if (good && str_is(name, "memory")) {
            capacity.amount.of[RESOURCE_MEMORY] = number;
        } else if (good && str_is(name, "disk")) {
            capacity.amount.of[RESOURCE_DISK] = number;
        } else if (good && str_is(name, "devices") && number <= CORE_DEVICES_MAX) {
            devices_set(&capacity, (uint64_t)number);
        } else {
            return fault_set(fault, ERR_INPUT, "simulate.bad_capacity", part);
        }
    }
    *out = capacity;
    return OK;
}

void simulate_capacity_guess(const struct trace *trace, struct core_capacity *out) {
    *out = (struct core_capacity){.amount = trace->largest};
    int64_t devices = trace->largest.of[RESOURCE_DEVICE] / CORE_DEVICE_MILLI;
    if (trace->largest.of[RESOURCE_DEVICE] % CORE_DEVICE_MILLI) devices++;
    devices_set(out, devices > CORE_DEVICES_MAX ? CORE_DEVICES_MAX : (uint64_t)devices);
    out->amount.of[RESOURCE_DEVICE] = 0;
}

// ---- policy ------------------------------------------------------------------------------------
static enum err bad_policy(struct fault *fault, struct str member) {
    return fault_set(fault, ERR_INPUT, "simulate.bad_policy", member);
}

static enum err amount_read(const struct json *json, struct core_amount *out, struct fault *fault) {
    static const char *const names[RESOURCE_COUNT] = {"cpu_milli", "memory_mib", "disk_mib",
                                                      "device_milli"};
    for (const struct json *at = json_first(json); at; at = json_next(at)) {
        int r = 0;
        while (r < RESOURCE_COUNT && !str_is(json_name(at), names[r])) r++;
        if (r == RESOURCE_COUNT || !json_i64(at, &out->of[r])) {
            return bad_policy(fault, json_name(at));
        }
    }
    return OK;
}

static enum err tenant_read(const struct json *json, struct core_tenant *out, struct fault *fault) {
    const struct json *quota = json_member(json, "quota");
    *out = (struct core_tenant){
        .id = json_member_u64(json, "id", 0),
        .parent = json_member_u64(json, "parent", 0),
        .weight = (uint32_t)json_member_u64(json, "weight", 1),
        .has_quota = json_is_object(quota),
        .limit = {{-1, -1, -1, -1}},
        .keeps_unused = !json_member_bool(json, "lend", true),
        .never_borrows = !json_member_bool(json, "borrow", true),
        .budget_milli = -1,
    };
    uint64_t budget;
    if (json_u64(json_member(json, "budget_units"), &budget)) {
        out->budget_milli = (int64_t)(budget % ((uint64_t)1 << 50)) * 1000;
    }
    if (out->id == 0) return bad_policy(fault, STR("id"));
    enum err err = amount_read(quota, &out->quota, fault);
    if (err == OK) err = amount_read(json_member(json, "limit"), &out->limit, fault);
    return err;
}

static enum err number_read(const struct json *at, int64_t unit, int64_t *out,
                            struct fault *fault) {
    double value = json_number(at, -1);
    if (!json_is_number(at) || value < 0 || value > 1e9) return bad_policy(fault, json_name(at));
    *out = (int64_t)(value * (double)unit + 0.5);
    return OK;
}

static enum err levels_read(const struct json *at, struct core_policy *policy,
                            struct fault *fault) {
    int level = 0;
    enum err err = OK;
    for (const struct json *value = json_first(at); err == OK && value; value = json_next(value)) {
        if (level == CORE_LEVELS - 1) return bad_policy(fault, json_name(at));
        err = number_read(value, 1, &policy->level_s[level++], fault);
    }
    return err;
}

static enum err tenants_read(const struct json *at, struct core_policy *policy,
                             struct core_tenant *tenants, uint32_t room, struct fault *fault) {
    enum err err = OK;
    policy->tenants = tenants;
    policy->tenant_count = 0;
    for (const struct json *one = json_first(at); err == OK && one; one = json_next(one)) {
        if (policy->tenant_count == room) return bad_policy(fault, json_name(at));
        err = tenant_read(one, &tenants[policy->tenant_count++], fault);
    }
    return err;
}

enum err simulate_policy_read(const struct json *json, struct core_policy *policy,
                              struct core_tenant *tenants, uint32_t room, struct fault *fault) {
    enum err err = OK;
    core_policy_default(policy);
    const struct {
        const char *name;
        int64_t *out, unit;
    } numbers[] = {
        {"guard_s", &policy->guard_ms, 1000},
        {"guard_again_s", &policy->guard_again_ms, 1000},
        {"guard_lead_s", &policy->guard_lead_ms, 1000},
        {"overdue_lease_s", &policy->overdue_lease_ms, 1000},
        {"minimum_run_s", &policy->minimum_run_ms, 1000},
        {"minimum_checkpoints", &policy->minimum_checkpoints, 1},
        {"grace_s", &policy->grace_ms, 1000},
        {"restarts_most", &policy->restarts_most, 1},
        {"ageing_s", &policy->ageing_ms, 1000},
    };
    for (const struct json *at = json_first(json); err == OK && at; at = json_next(at)) {
        struct str name = json_name(at);
        size_t i = 0;
        while (i < sizeof numbers / sizeof *numbers && !str_is(name, numbers[i].name)) i++;
        if (i < sizeof numbers / sizeof *numbers) {
            err = number_read(at, numbers[i].unit, numbers[i].out, fault);
        } else if (str_is(name, "level_s")) {
            err = levels_read(at, policy, fault);
        } else if (str_is(name, "preempt_by_level")) {
            policy->no_level_preemption = !json_bool(at, true);
        } else if (str_is(name, "tenants")) {
            err = tenants_read(at, policy, tenants, room, fault);
        } else {
            err = bad_policy(fault, name);
        }
    }
    if (err == OK && !json_is_object(json)) err = bad_policy(fault, STR_NONE);
    if (err == OK && policy->guard_lead_ms > policy->guard_ms) {
        policy->guard_lead_ms = policy->guard_ms;
    }
    return err;
}
