// The core, its explanations and its promises of speed, by figures. One line each:
// what | bound | measured.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "allocation/explain.h"
#include "allocation/simulate.h"
#include "base/memory.h"

enum { ROOM = 512, TENANTS = 32, SHAPES = 24, BUCKETS = 8192, BUCKET_NS = 100 };

static uint64_t chance = 88172645463325252u;
static uint64_t draw(void) {
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return chance;
}
static int64_t below(int64_t bound) {
    return (int64_t)(draw() % (uint64_t)bound);
}
static double cpu_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

struct load {
    struct core *core;
    struct core_decision decisions[ROOM];
    struct end {
        int64_t at_ms;
        uint64_t job;
        uint32_t attempt;
    } * ends; // heap
    uint32_t end_count;
    uint64_t next_id, events, decided, buckets[BUCKETS], waiting_most;
    double worst_us, spent_s;
    int64_t now_ms;
    size_t size;            // of the core
    bool measured, untimed; // untimed: asking for the time costs as much as a step
};

static void ends_push(struct load *load, struct end end) {
    uint32_t at = ++load->end_count;
    for (; at > 1 && end.at_ms < load->ends[at / 2].at_ms; at /= 2) {
        load->ends[at] = load->ends[at / 2];
    }
    load->ends[at] = end;
}

static struct end ends_pop(struct load *load) {
    struct end top = load->ends[1], last = load->ends[load->end_count--];
    uint32_t at = 1;
    for (uint32_t next; (next = at * 2) <= load->end_count; at = next) {
        if (next < load->end_count && load->ends[next + 1].at_ms < load->ends[next].at_ms) next++;
        if (load->ends[next].at_ms >= last.at_ms) break;
        load->ends[at] = load->ends[next];
    }
    load->ends[at] = last;
    return top;
}

static void step(struct load *load, struct core_event event) {
    uint32_t count;
    event.now_ms = load->now_ms;
    do {
        double before = load->untimed ? 0 : cpu_now();
        count = core_step(load->core, &event, load->decisions, ROOM);
        double took = load->untimed ? 0 : cpu_now() - before;
        load->events++;
        load->decided += count;
        load->spent_s += took;
        uint64_t bucket = (uint64_t)(took * 1e9) / BUCKET_NS;
        if (load->measured) load->buckets[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
        if (load->measured && took * 1e6 > load->worst_us) load->worst_us = took * 1e6;
        for (uint32_t i = 0; i < count; i++) {
            if (load->decisions[i].kind != DECISION_START) continue;
            int64_t run_ms = 1000 + below(2000 * 1000);
            ends_push(load, (struct end){load->now_ms + run_ms, load->decisions[i].job,
                                         load->decisions[i].attempt});
        }
        event = (struct core_event){.kind = EVENT_TICK, .now_ms = load->now_ms};
    } while (count == ROOM);
}

static void load_open(struct load *load, uint32_t jobs, bool guard) {
    memset(load, 0, sizeof *load);
    struct core_limits limits;
    core_limits_default(&limits);
    limits.jobs = jobs;
    limits.running = 4096;
    limits.tenants = 64;
    limits.shapes = 256;
    load->size = core_size(&limits);
    void *memory = memory_take_unset(load->size);
    load->ends = memory_take(sizeof *load->ends * 8192);
    if (!memory || !load->ends) abort();
    load->core = core_open(memory, &limits);
    struct core_capacity capacity = {.amount = {{128000, 1 << 20, 1 << 20, 0}}, .devices = 0xFF};
    struct core_tenant tenants[TENANTS];
    struct core_policy policy;
    core_policy_default(&policy);
    if (!guard) policy.guard_ms = policy.guard_lead_ms = 0;
    for (uint32_t i = 0; i < TENANTS; i++) {
        tenants[i] = (struct core_tenant){
            .id = i + 1,
            .has_quota = true,
            .quota = {{128000 / TENANTS, (1 << 20) / TENANTS, 0, 8000 / TENANTS}},
            .limit = {{-1, -1, -1, -1}},
            .weight = 1 + i % 4,
            .budget_milli = -1};
    }
    policy.tenants = tenants;
    policy.tenant_count = TENANTS;
    step(load, (struct core_event){.kind = EVENT_CAPACITY, .capacity = &capacity});
    step(load, (struct core_event){.kind = EVENT_POLICY, .policy = &policy});
}

static void load_close(struct load *load) {
    memory_give(load->core);
    memory_give(load->ends);
}

static void submit(struct load *load) {
    static const int64_t devices[] = {0, 250, 500, 1000, 2000, 4000};
    int shape = (int)below(SHAPES);
    struct core_job job = {
        .id = ++load->next_id,
        .tenant = 1 + (uint64_t)below(TENANTS),
        .need = {{1000 << (shape / 6), 4096 << (shape / 6), 0, devices[shape % 6]}},
        .members = 1,
        .priority = (int32_t)below(4)};
    step(load, (struct core_event){.kind = EVENT_SUBMIT, .submit = &job});
}

// As many as fill the queue to `waiting`, then one in for each that goes out.
static void load_run(struct load *load, uint32_t waiting, uint64_t jobs) {
    while (load->next_id < waiting) submit(load);
    load->events = load->decided = 0;
    load->spent_s = 0;
    load->measured = true;
    while (load->next_id < jobs) {
        struct end end = ends_pop(load);
        load->now_ms = end.at_ms;
        step(load, (struct core_event){.kind = EVENT_EXITED,
                                       .job = end.job,
                                       .attempt = end.attempt,
                                       .outcome = ATTEMPT_DONE});
        submit(load);
        struct core_usage usage;
        core_usage_look(load->core, &usage);
        while (usage.waiting < waiting && load->next_id < jobs) {
            submit(load);
            usage.waiting++;
        }
    }
}

static double percentile_us(const struct load *load, double part) {
    uint64_t all = 0, left;
    for (int i = 0; i < BUCKETS; i++) all += load->buckets[i];
    left = (uint64_t)((1 - part) * (double)all);
    for (int i = BUCKETS; i-- > 0;) {
        if (load->buckets[i] > left) return (i + 1) * BUCKET_NS / 1000.0;
        left -= load->buckets[i];
    }
    return 0;
}

static void measure_speed(uint64_t jobs, bool guard) {
    static struct load load;
    load_open(&load, 200000, guard);
    load_run(&load, 100000, jobs);
    printf("decisions/s of one core, 100,000 waiting, %s | >= 250,000 | %.0f (%.0f events/s)\n",
           guard ? "with guard" : "no guard", (double)load.decided / load.spent_s,
           (double)load.events / load.spent_s);
    printf(
        "  an event: p99, p99.9, worst (processor time) | p99.9 <= 200 us | %.1f, %.1f, %.1f us\n",
        percentile_us(&load, .99), percentile_us(&load, .999), load.worst_us);
    load_close(&load);
}

static void measure_five_million(void) {
    static struct load load;
    load_open(&load, 200000, true);
    load.untimed = true;
    double began = cpu_now();
    load_run(&load, 1000, 5000000);
    printf("5,000,000 jobs, submit to end, 1,000 waiting | <= 30 s | %.1f s\n", cpu_now() - began);
    load_close(&load);
}

static int by_size(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

// `waiting` jobs, of which each is asked about in turn while the queue goes on.
static void measure_explanations(uint32_t waiting, int asked) {
    static struct load load;
    double *took = memory_take(sizeof *took * (size_t)asked);
    load_open(&load, waiting * 2, true);
    load_run(&load, waiting, waiting + 19000);
    void *scratch = memory_take_unset(load.size);
    if (!scratch || !took) abort();
    uint64_t id = 0, proven = 0;
    uint64_t stride = waiting / 1000; // all over the queue
    for (int i = 0; i < asked;) {
        for (uint64_t skip = 0; skip < stride; skip++) id = core_job_next(load.core, id);
        struct core_job_view view;
        core_job_look(load.core, id, &view);
        if (id == 0) load_run(&load, waiting, load.next_id + 200);
        if (id == 0 || view.state != CORE_WAITING) continue;
        struct explanation answer;
        double before = cpu_now();
        core_explain(load.core, scratch, id, &answer);
        took[i++] = cpu_now() - before;
        proven += answer.proven;
    }
    qsort(took, (size_t)asked, sizeof *took, by_size);
    printf("explanations proven by the fork, %u waiting | all of %d | %llu of %d\n", waiting, asked,
           (unsigned long long)proven, asked);
    printf("  p50, p99, worst | p99 <= 5 ms | %.2f, %.2f, %.2f ms\n", took[asked / 2] * 1e3,
           took[asked * 99 / 100] * 1e3, took[asked - 1] * 1e3);
    memory_give(scratch);
    memory_give(took);
    load_close(&load);
}

static long resident_kib(void) {
    char text[256] = "";
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;
    if (file && fgets(text, sizeof text, file)) pages = strtol(strchr(text, ' ') + 1, NULL, 10);
    if (file) fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

// A few jobs in a core for many; then as many as it is for, with a fork beside it.
static void measure_memory(void) {
    static struct load load;
    long before = resident_kib();
    load_open(&load, 131072, true);
    for (int i = 0; i < 3; i++) submit(&load);
    void *scratch = memory_take_unset(load.size);
    if (!scratch) abort();
    double began = cpu_now();
    for (int i = 0; i < 10000; i++) (void)core_fork(scratch, load.core);
    printf("a fork of 3 jobs in a core for 131,072 | | %.2f us; core and fork hold %ld KiB\n",
           (cpu_now() - began) * 100, resident_kib() - before);
    load_run(&load, 100000, 100100);
    (void)core_fork(scratch, load.core);
    printf("core and fork, 100,000 waiting | < 64 MiB | %.1f MiB (%.0f bytes a job of each)\n",
           (double)(resident_kib() - before) / 1024, (double)load.size / 131072);
    memory_give(scratch);
    load_close(&load);
}

// A tenant that comes for its quota while a borrower has all: the time until it runs.
static void measure_rights(void) {
    enum { TRIALS = 10000 };
    int64_t worst = 0, kept = 0;
    struct core_limits limits = {64, 64, 8, 64, 4, 1};
    void *memory = memory_take(core_size(&limits));
    for (int trial = 0; trial < TRIALS; trial++) {
        struct core_decision got[64];
        struct core *core = core_open(memory, &limits);
        struct core_capacity capacity = {.amount = {{64000, 65536, 0, 0}}, .devices = 0xFF};
        struct core_tenant tenants[2] = {
            {.id = 1, .limit = {{-1, -1, -1, -1}}, .weight = 1, .budget_milli = -1},
            {.id = 2,
             .limit = {{-1, -1, -1, -1}},
             .weight = 1,
             .budget_milli = -1,
             .has_quota = true,
             .quota = {{32000, 32768, 0, 1000 * (1 + below(7))}}}};
        struct core_policy policy;
        core_policy_default(&policy);
        policy.tenants = tenants;
        policy.tenant_count = 2;
        struct core_event event = {.kind = EVENT_CAPACITY, .capacity = &capacity};
        (void)!core_step(core, &event, got, 64);
        event = (struct core_event){.kind = EVENT_POLICY, .policy = &policy};
        (void)!core_step(core, &event, got, 64);
        int64_t now = 1000;
        for (uint64_t id = 1; id <= 8; id++) {
            struct core_job job = {.id = id,
                                   .tenant = 1,
                                   .need = {{1000, 1000, 0, 1000}},
                                   .members = 1,
                                   .checkpoint_ms = 1 + below(60000)};
            if (trial % 2 && below(2)) { // such as can only be begun again among them
                job.checkpoint_ms = 0;
                job.flags = CORE_RESTARTABLE;
            }
            event = (struct core_event){
                .kind = EVENT_SUBMIT, .now_ms = now += below(100000), .submit = &job};
            (void)!core_step(core, &event, got, 64);
        }
        struct core_job job = {.id = 100, .tenant = 2, .members = 1, .checkpoint_ms = below(2)};
        job.need = (struct core_amount){{1000, 1000, 0, tenants[1].quota.of[RESOURCE_DEVICE]}};
        event = (struct core_event){.kind = EVENT_SUBMIT, .now_ms = now, .submit = &job};
        uint32_t count = core_step(core, &event, got, 64);
        int64_t wanted = now;
        struct {
            int64_t at;
            uint64_t job;
            uint32_t attempt;
        } stops[64];
        uint32_t stopping = 0;
        struct core_job_view view;
        for (;;) {
            for (uint32_t i = 0; i < count; i++) {
                bool kill = got[i].kind == DECISION_KILL;
                if (!kill && got[i].kind != DECISION_PREEMPT) continue;
                stops[stopping].at = now + (kill ? below(1000) : below(60000)); // some too slow
                stops[stopping].job = got[i].job;
                stops[stopping++].attempt = got[i].attempt;
            }
            core_job_look(core, 100, &view);
            if (view.state == CORE_RUNNING || now > wanted + 1000000) break;
            int64_t next = core_wake_ms(core);
            uint32_t first = stopping;
            for (uint32_t i = 0; i < stopping; i++) {
                if (stops[i].at > next) continue;
                next = stops[i].at;
                first = i;
            }
            now = next > now ? next : now;
            event = (struct core_event){.kind = EVENT_TICK, .now_ms = now};
            if (first < stopping) {
                event = (struct core_event){.kind = EVENT_EXITED,
                                            .now_ms = now,
                                            .job = stops[first].job,
                                            .attempt = stops[first].attempt,
                                            .outcome = ATTEMPT_PREEMPTED};
                stops[first] = stops[--stopping];
            }
            count = core_step(core, &event, got, 64);
        }
        if (view.state == CORE_RUNNING && now - wanted <= policy.grace_ms + 2000) kept++;
        if (now - wanted > worst) worst = now - wanted;
    }
    printf("guaranteed quota regained, half of the trials with borrowers that restart | "
           "<= grace (30 s) + 2 s in 10,000 | %lld of %d, worst %.1f s\n",
           (long long)kept, TRIALS, (double)worst / 1000);
    memory_give(memory);
}

static void measure_replay(void) {
    struct trace trace = {.tenants = TENANTS};
    for (int i = 0; i < 20000; i++) {
        struct trace_job job = {
            .submit_ms = below(7 * 86400 * 1000LL),
            .run_ms = 1000 + below(3600000),
            .checkpoint_ms = -1,
            .tenant = 1 + (uint32_t)below(TENANTS),
            .members = 1,
            .need = {{1000 << below(4), 1024 << below(5), 0, below(3) ? 0 : 1000 << below(3)}}};
        if (trace_add(&trace, &job) != OK) abort();
    }
    trace_settle(&trace);
    struct simulate_options options = {.checkpoint_ms = 30000};
    options.capacity = (struct core_capacity){.amount = {{128000, 1 << 20, 0, 0}}, .devices = 0xFF};
    struct simulate_figures figures;
    struct fault fault = {0};
    if (simulate(&trace, &options, SIMULATE_OURS, &figures, &fault) != OK) abort();
    printf("7 days of 20,000 jobs replayed | <= 1 s | %.2f s, hash %016llx\n", figures.cpu_s,
           (unsigned long long)figures.hash);
    trace_close(&trace);
}

static bool wanted(int argc, char **argv, const char *part) {
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], part) == 0) return true;
    }
    return argc <= 2;
}

// JOBS PART…: how many jobs the speed is measured with, and what; all if nothing is named.
int main(int argc, char **argv) {
    uint64_t jobs = argc > 1 ? strtoull(argv[1], NULL, 10) : 600000;
    if (wanted(argc, argv, "memory")) measure_memory();
    if (wanted(argc, argv, "speed")) measure_speed(jobs, false);
    if (wanted(argc, argv, "speed")) measure_speed(jobs, true);
    if (wanted(argc, argv, "many")) measure_five_million();
    if (wanted(argc, argv, "explain")) measure_explanations(1000, 10000);
    if (wanted(argc, argv, "explain")) measure_explanations(100000, 2000);
    if (wanted(argc, argv, "rights")) measure_rights();
    if (wanted(argc, argv, "replay")) measure_replay();
    return 0;
}
