// The live scheduler: Kueue's own loads (trace.h) through the operations of the box, durable, with
// everything a job costs (limits, records, ledger, audit) and an executor that only lets time pass.
// 128 threads submit as people would, one job a call. PART: baseline, large; none: both.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "allocation/policy.h"
#include "allocation/trace.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "flow/jobs/executor.h"
#include "support/box.h"

enum { THREADS = 128, PERSON_FIRST = 1000 };

static struct box_test box;
static struct trace trace;
static int64_t begin_ms;

// ---- an executor that lets time pass -----------------------------------------------------------
static int64_t run_ms_of(uint64_t cpu_milli) {
    for (uint32_t i = 0; i < trace.count && i < 1000; i++) {
        if ((uint64_t)trace.jobs[i].need.of[RESOURCE_CPU] == cpu_milli) return trace.jobs[i].run_ms;
    }
    return 1000;
}

static const char *pass_confinement(const struct flow *flow) {
    (void)flow;
    return "none";
}

static enum err pass_start(struct flow *flow, const struct job *job, struct active *active,
                           struct fault *fault) {
    int64_t run_ms = run_ms_of(job->cpu_milli);
    struct itimerspec time = {
        .it_value = {.tv_sec = run_ms / 1000, .tv_nsec = run_ms % 1000 * 1000000}};
    (void)flow;
    active->pidfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (active->pidfd < 0 || timerfd_settime(active->pidfd, 0, &time, NULL) != 0) {
        return fault_set(fault, ERR_IO, "job.not_started", STR_NONE);
    }
    return OK;
}

static bool pass_adopt(struct flow *flow, const struct job *job, struct active *active) {
    (void)flow, (void)job, (void)active;
    return false;
}

static bool pass_ended(struct flow *flow, struct active *active, bool spoken) {
    (void)flow;
    active->well = spoken;
    return spoken;
}

static void pass_finish(struct flow *flow, struct active *active) {
    (void)flow;
    close(active->pidfd);
    active->pidfd = -1;
}

static uint64_t pass_memory(struct flow *flow, const struct active *active) {
    (void)flow, (void)active;
    return 0;
}

static void pass_news(struct flow *flow, struct active *active) {
    (void)flow, (void)active;
}

static bool pass_stop(struct flow *flow, const struct active *active,
                      struct confine_stop *stopping) {
    (void)flow, (void)active, (void)stopping;
    return true;
}

static const struct executor executor_pass = {
    .name = "pass",
    .away = true,
    .confinement = pass_confinement,
    .start = pass_start,
    .adopt = pass_adopt,
    .ended = pass_ended,
    .finish = pass_finish,
    .memory_bytes = pass_memory,
    .memory_news = pass_news,
    .stop = pass_stop,
};

// ---- the box -----------------------------------------------------------------------------------
struct world {
    uint32_t cohorts, queues; // queues of each cohort
};

static struct tenant tenant_make(uint64_t id, uint64_t parent, int64_t cpus, struct str name) {
    struct tenant tenant = tenant_plain(id, name);
    tenant.parent = parent;
    tenant.kind = parent ? TENANT_PROJECT : TENANT_DEPARTMENT;
    tenant.has_quota = true;
    tenant.quota[SHARE_CPU] = cpus * 1000;
    return tenant;
}

static struct str name_of(struct arena *arena, const char *kind, uint32_t number) {
    char *name = arena_take(arena, 32);
    snprintf(name, 32, "%s%u", kind, number);
    return str_of(name);
}

static enum err world_make(struct store_txn *txn, void *ctx) {
    const struct world *world = ctx;
    struct arena *arena;
    struct policy policy;
    enum err err = arena_open(64 << 20, &arena);
    if (err == OK) err = policy_load(txn, arena, &policy);
    if (err != OK) return err;
    uint32_t all = 1 + world->cohorts * (1 + world->queues), person = PERSON_FIRST;
    struct tenant *tenants = ARENA_ARRAY(arena, struct tenant, all);
    policy.count = 0;
    tenants[policy.count++] = policy.tenants[0];
    policy.tenants = tenants;
    uint64_t id = policy.last_tenant;
    for (uint32_t c = 0; c < world->cohorts && err == OK; c++) {
        uint64_t cohort = ++id;
        tenants[policy.count++] =
            tenant_make(cohort, 0, 20 * (int64_t)world->queues, name_of(arena, "cohort", c));
        for (uint32_t q = 0; q < world->queues && err == OK; q++) {
            tenants[policy.count++] = tenant_make(++id, cohort, 20, name_of(arena, "queue", q));
            struct member member = {.person = person++, .tenant = id, .caps = caps_none};
            err = member_save(txn, &member);
        }
    }
    policy.last_tenant = id;
    policy.actor = STR("bench");
    policy.note = STR_NONE;
    if (err == OK) err = policy_save(txn, arena, &policy);
    arena_close(arena);
    return err;
}

static void world_open(struct world world, uint64_t cpus) {
    char dir[128];
    struct flow *flow;
    if (!box_folder(dir) || box_test_open(&box, dir) != OK ||
        store_write(box.store, world_make, &world) != OK) {
        fprintf(stderr, "no box: %s\n", box.fault.code);
        exit(1);
    }
    flow = box.flow;
    pthread_mutex_lock(&flow->lock);
    flow->executor = &executor_pass;
    flow->commands = true;
    flow->fence_lacks = NULL;
    flow->capacity.cpu_milli = flow->largest.cpu_milli = cpus * 1000;
    flow->capacity.memory_bytes = flow->largest.memory_bytes = (uint64_t)1 << 44;
    pthread_mutex_unlock(&flow->lock);
    schedule_capacity(flow->schedule,
                      &(struct core_capacity){
                          .amount.of = {(int64_t)cpus * 1000, (int64_t)1 << 24, (int64_t)1 << 40}});
    runner_wake(flow); // it follows the policy
    while (flow->policy_seen < 2) usleep(1000);
}

static void world_close(void) {
    char dir[128];
    memcpy(dir, box.dir, sizeof dir);
    box_test_close(&box, true);
    box_folder_remove(dir);
}

// ---- submitting --------------------------------------------------------------------------------
struct caller {
    uint32_t number;
    uint32_t refused;
};

static bool submit(const struct trace_job *job, struct arena *arena, struct buf *answer) {
    char text[512], name[32];
    struct json *body = NULL;
    struct fault fault = {0};
    snprintf(text, sizeof text,
             "{\"name\":\"w\",\"command\":[\"/bin/true\"],\"time_limit_ms\":3600000,"
             "\"resources\":{\"cpu_milli\":%lld,\"memory_bytes\":67108864},"
             "\"schedule\":{\"priority\":%d}}",
             (long long)job->need.of[RESOURCE_CPU], job->priority / 2);
    snprintf(name, sizeof name, "queue%u", job->tenant);
    arena_reset(arena);
    buf_clear(answer);
    if (json_parse(str_of(text), &body, &fault) != OK) return false;
    struct json_writer out = json_writer_of(answer);
    struct call call = {
        .actor = {.person_id = PERSON_FIRST + job->tenant - 1,
                  .name = str_of(name),
                  .roles = ROLE_RESEARCH | ROLE_SYSTEM},
        .body = body,
        .arena = arena,
        .out = &out,
        .fault = &fault,
    };
    enum err err = flow_command_create(box.flow, &call);
    json_close(body);
    static bool told;
    if (err != OK && !told) fprintf(stderr, "refused: %s %s\n", fault.code, fault.detail);
    told = told || err != OK;
    return err == OK;
}

static void *caller_main(void *argument) {
    struct caller *caller = argument;
    struct arena *arena;
    struct buf answer;
    if (arena_open(16 << 20, &arena) != OK) return NULL;
    buf_open(&answer, 1 << 20);
    for (uint32_t i = 0; i < trace.count; i++) {
        const struct trace_job *job = &trace.jobs[i];
        if (i % THREADS != caller->number) continue;
        int64_t early_ms = begin_ms + job->submit_ms - clock_now_ms();
        if (early_ms > 0) usleep((useconds_t)early_ms * 1000);
        caller->refused += !submit(job, arena, &answer);
    }
    buf_close(&answer);
    arena_close(arena);
    return NULL;
}

static uint32_t submit_all(void) {
    pthread_t threads[THREADS];
    struct caller callers[THREADS];
    uint32_t refused = 0;
    begin_ms = clock_now_ms();
    for (uint32_t i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){.number = i};
        if (pthread_create(&threads[i], NULL, caller_main, &callers[i]) != 0) exit(1);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        refused += callers[i].refused;
    }
    return refused;
}

// ---- measuring ---------------------------------------------------------------------------------
static uint64_t status_kib(const char *name) {
    struct buf text;
    uint64_t value = 0;
    buf_open(&text, 1 << 16);
    if (file_read("/proc/self/status", &text, NULL) == OK) {
        const char *at = strstr(buf_str(&text).data, name);
        if (at) value = strtoull(at + strlen(name) + 1, NULL, 10);
    }
    buf_close(&text);
    return value;
}

static double seconds(void) {
    return (double)clock_monotonic_us() / 1e6;
}

static void kueue(const char *name, struct world world, double needs_s, double most_s) {
    if (!trace_generate(name, &trace)) exit(1);
    world_open(world, 20 * (uint64_t)world.cohorts * world.queues);
    double begin = seconds(), cpu = (double)clock() / CLOCKS_PER_SEC;
    uint32_t refused = submit_all();
    double submitted = seconds() - begin;
    while (runner_ended(box.flow) + refused < trace.count) usleep(5000);
    double took = seconds() - begin;
    cpu = (double)clock() / CLOCKS_PER_SEC - cpu;
    printf("%s | %u jobs, %u refused | all submitted %.1f s | all ended %.1f s (at most %.0f; the "
           "work itself %.1f) | %.0f jobs/s | %.0f us of CPU a job | rss %.1f MB\n",
           name, trace.count, refused, submitted, took, most_s, needs_s, trace.count / took,
           cpu / trace.count * 1e6, (double)status_kib("VmRSS:") / 1024);
    fflush(stdout);
    world_close();
    trace_close(&trace);
}

int main(int argc, char **argv) {
    BOX_MAIN
    const char *part = argc > 1 ? argv[1] : "";
    log_level_set(LOG_ERROR);
    if (!*part || strcmp(part, "large") == 0) {
        kueue("kueue-large", (struct world){10, 100}, 4.6, 15);
    }
    if (!*part || strcmp(part, "baseline") == 0) {
        kueue("kueue-baseline", (struct world){5, 6}, 67.0, 75);
    }
    return 0;
}
