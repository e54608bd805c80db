// The decision against a second, slower writing of the policy, and its promises under random loads.
#include "allocation/allocation.h"
#include "check.h"

enum { JOBS_MAX = 24 };
#define GIB ((uint64_t)1 << 30)

struct load {
    struct allocation_capacity capacity;
    struct allocation_job jobs[JOBS_MAX];
    struct allocation_answer answers[JOBS_MAX];
    uint32_t count;
    int64_t now_ms, guard_ms;
};

static void load_decide(struct load *load) {
    allocation_decide(&load->capacity, load->jobs, load->count, load->now_ms, load->guard_ms,
                      load->answers);
}

static void load_random(struct load *load, uint64_t owners) {
    *load = (struct load){.capacity = {1000 + check_below(8) * 1000, (1 + check_below(16)) * GIB},
                          .now_ms = 100000,
                          .guard_ms = (int64_t)(1 + check_below(100000))};
    uint64_t cpu = load->capacity.cpu_milli, memory = load->capacity.memory_bytes;
    load->count = (uint32_t)check_below(JOBS_MAX + 1);
    for (uint32_t i = 0; i < load->count; i++) {
        struct allocation_job *job = &load->jobs[i];
        *job = (struct allocation_job){.id = 1000 - i * 7,
                                       .owner = check_below(owners),
                                       .cpu_milli = check_below(10) * 500,
                                       .memory_bytes = check_below(12) * (GIB / 2),
                                       .submitted_ms = (int64_t)check_below(100000)};
        // What runs was started by the same rules, so it fits.
        job->running = check_below(4) == 0 && job->cpu_milli <= cpu && job->memory_bytes <= memory;
        if (!job->running) continue;
        cpu -= job->cpu_milli;
        memory -= job->memory_bytes;
    }
}

// ---- the oracle: the policy's words, with exact fractions and no cleverness -------------------
struct oracle {
    const struct load *load;
    bool start[JOBS_MAX];
};

static bool oracle_holds(const struct oracle *o, uint32_t i) {
    return o->load->jobs[i].running || o->start[i];
}

static void oracle_used(const struct oracle *o, int64_t owner, uint64_t *cpu, uint64_t *memory) {
    *cpu = *memory = 0;
    for (uint32_t i = 0; i < o->load->count; i++) {
        if (!oracle_holds(o, i)) continue;
        if (owner >= 0 && o->load->jobs[i].owner != (uint64_t)owner) continue;
        *cpu += o->load->jobs[i].cpu_milli;
        *memory += o->load->jobs[i].memory_bytes;
    }
}

static bool oracle_fits(const struct oracle *o, uint32_t i, const struct allocation_job *beside) {
    uint64_t cpu, memory;
    oracle_used(o, -1, &cpu, &memory);
    cpu += o->load->jobs[i].cpu_milli + (beside ? beside->cpu_milli : 0);
    memory += o->load->jobs[i].memory_bytes + (beside ? beside->memory_bytes : 0);
    return cpu <= o->load->capacity.cpu_milli && memory <= o->load->capacity.memory_bytes;
}

static double oracle_share(const struct oracle *o, uint64_t owner) {
    uint64_t cpu, memory;
    oracle_used(o, (int64_t)owner, &cpu, &memory);
    return fmax((double)cpu / (double)o->load->capacity.cpu_milli,
                (double)memory / (double)o->load->capacity.memory_bytes);
}

static bool oracle_before(const struct allocation_job *a, const struct allocation_job *b) {
    return a->submitted_ms < b->submitted_ms ||
           (a->submitted_ms == b->submitted_ms && a->id < b->id);
}

// May it run beside the reserved job's claim? Per resource: it takes none, or enough stays.
static bool oracle_spares(const struct oracle *o, uint32_t i, int reserved) {
    if (reserved < 0) return true;
    const struct allocation_job *job = &o->load->jobs[i], *kept = &o->load->jobs[reserved];
    uint64_t cpu, memory;
    oracle_used(o, -1, &cpu, &memory);
    bool cpu_ok = job->cpu_milli == 0 ||
                  cpu + job->cpu_milli + kept->cpu_milli <= o->load->capacity.cpu_milli;
    bool memory_ok = job->memory_bytes == 0 || memory + job->memory_bytes + kept->memory_bytes <=
                                                   o->load->capacity.memory_bytes;
    return cpu_ok && memory_ok;
}

static bool oracle_possible(const struct oracle *o, uint32_t i) {
    return !oracle_holds(o, i) && o->load->jobs[i].cpu_milli <= o->load->capacity.cpu_milli &&
           o->load->jobs[i].memory_bytes <= o->load->capacity.memory_bytes;
}

static void oracle_run(struct oracle *o) {
    const struct load *load = o->load;
    int reserved = -1;
    for (bool again = true; again;) {
        int first = -1;
        again = false;
        for (uint32_t i = 0; i < load->count; i++) {
            if (!oracle_possible(o, i)) continue;
            if (load->now_ms - load->jobs[i].submitted_ms < load->guard_ms) continue;
            if (first < 0 || oracle_before(&load->jobs[i], &load->jobs[first])) first = (int)i;
        }
        if (first >= 0 && oracle_fits(o, (uint32_t)first, NULL)) {
            o->start[first] = again = true;
        } else {
            reserved = first;
        }
    }
    for (;;) {
        int best = -1;
        for (uint32_t i = 0; i < load->count; i++) {
            if (!oracle_possible(o, i) || !oracle_fits(o, i, NULL)) continue;
            if (!oracle_spares(o, i, reserved)) continue;
            if (best < 0) {
                best = (int)i;
                continue;
            }
            double a = oracle_share(o, load->jobs[i].owner);
            double b = oracle_share(o, load->jobs[best].owner);
            bool before = oracle_before(&load->jobs[i], &load->jobs[best]);
            // Shares are counted in parts of 2^32 there: equal up to that is equal.
            if (fabs(a - b) < 1e-9 ? before : a < b) best = (int)i;
        }
        if (best < 0) return;
        o->start[best] = true;
    }
}

static void decides_as_the_oracle(void) {
    uint64_t starts = 0;
    for (int round = 0; round < 20000; round++) {
        struct load load;
        load_random(&load, 1 + check_below(5));
        load_decide(&load);
        struct oracle oracle = {.load = &load};
        oracle_run(&oracle);
        for (uint32_t i = 0; i < load.count; i++) {
            starts += oracle.start[i];
            if (!CHECK_EQ(load.answers[i].start, oracle.start[i])) return;
        }
    }
    CHECK(starts > 10000); // the loads were worth deciding about
}

static void never_gives_more_than_there_is(void) {
    for (int round = 0; round < 20000; round++) {
        struct load load;
        load_random(&load, 4);
        load_decide(&load);
        uint64_t cpu = 0, memory = 0;
        for (uint32_t i = 0; i < load.count; i++) {
            CHECK(!(load.jobs[i].running && load.answers[i].start));
            if (!load.jobs[i].running && !load.answers[i].start) continue;
            cpu += load.jobs[i].cpu_milli;
            memory += load.jobs[i].memory_bytes;
        }
        CHECK(cpu <= load.capacity.cpu_milli && memory <= load.capacity.memory_bytes);
    }
}

static void leaves_nothing_idle_without_a_reservation(void) {
    for (int round = 0; round < 20000; round++) {
        struct load load;
        load_random(&load, 1 + check_below(4));
        load.guard_ms = INT64_MAX;
        load_decide(&load);
        uint64_t cpu = load.capacity.cpu_milli, memory = load.capacity.memory_bytes;
        for (uint32_t i = 0; i < load.count; i++) {
            if (!load.jobs[i].running && !load.answers[i].start) continue;
            cpu -= load.jobs[i].cpu_milli;
            memory -= load.jobs[i].memory_bytes;
        }
        for (uint32_t i = 0; i < load.count; i++) {
            if (load.jobs[i].running || load.answers[i].start) continue;
            CHECK(load.jobs[i].cpu_milli > cpu || load.jobs[i].memory_bytes > memory);
        }
    }
}

static void says_why_and_names_a_blocker(void) {
    for (int round = 0; round < 20000; round++) {
        struct load load;
        load_random(&load, 3);
        load_decide(&load);
        for (uint32_t i = 0; i < load.count; i++) {
            const struct allocation_answer *answer = &load.answers[i];
            bool holds = load.jobs[i].running || answer->start;
            CHECK_EQ(holds, answer->reason == REASON_NONE);
            if (holds) CHECK_EQ(answer->blocker, 0);
            if (holds || answer->reason == REASON_NEVER) continue;
            bool found = false;
            for (uint32_t k = 0; k < load.count; k++) {
                found = found || (k != i && load.jobs[k].id == answer->blocker);
            }
            CHECK(found);
        }
    }
}

static void order_of_the_list_does_not_matter(void) {
    for (int round = 0; round < 5000; round++) {
        struct load load, turned;
        load_random(&load, 3);
        turned = load;
        for (uint32_t i = 0; i < load.count; i++) turned.jobs[i] = load.jobs[load.count - 1 - i];
        load_decide(&load);
        load_decide(&turned);
        for (uint32_t i = 0; i < load.count; i++) {
            const struct allocation_answer *other = &turned.answers[load.count - 1 - i];
            CHECK_EQ(load.answers[i].start, other->start);
            CHECK_EQ(load.answers[i].reason, other->reason);
            CHECK_EQ(load.answers[i].blocker, other->blocker);
        }
    }
}

// 9 CPUs and 18 GB; A's jobs need <1, 4>, B's <3, 1>: 3 and 2 run (Ghodsi et al. 2011, section
// 4.1).
static void dominant_shares_of_the_paper(void) {
    struct load load = {.capacity = {9000, 18 * GIB}, .count = 12, .guard_ms = INT64_MAX};
    for (uint32_t i = 0; i < 12; i++) {
        bool a = i < 6;
        load.jobs[i] = (struct allocation_job){.id = i + 1,
                                               .owner = a ? 1 : 2,
                                               .cpu_milli = a ? 1000 : 3000,
                                               .memory_bytes = (a ? 4 : 1) * GIB};
    }
    load_decide(&load);
    int a = 0, b = 0;
    for (uint32_t i = 0; i < 12; i++)
        (i < 6 ? (a += load.answers[i].start) : (b += load.answers[i].start));
    CHECK_EQ(a, 3);
    CHECK_EQ(b, 2);
}

// Small jobs keep coming; a large one still starts within a bound of time.
static void a_large_job_is_not_starved(void) {
    enum { SMALL_MS = 1000, GUARD = 10000, STEP = 100 };
    struct load load = {.capacity = {4000, 8 * GIB}, .guard_ms = GUARD};
    struct allocation_job large = {.id = 1, .owner = 1, .cpu_milli = 4000, .memory_bytes = GIB};
    int64_t ends[JOBS_MAX] = {0};
    uint64_t next_id = 2;
    load.jobs[load.count++] = large;
    for (load.now_ms = 0; load.now_ms < 60000; load.now_ms += STEP) {
        for (uint32_t i = load.count; i-- > 1;) { // small ones end after their second
            if (!load.jobs[i].running || ends[i] > load.now_ms) continue;
            load.jobs[i] = load.jobs[--load.count];
            ends[i] = ends[load.count];
        }
        while (load.count < 10) {
            load.jobs[load.count++] = (struct allocation_job){.id = next_id++,
                                                              .owner = 2,
                                                              .cpu_milli = 1000,
                                                              .memory_bytes = GIB,
                                                              .submitted_ms = load.now_ms};
        }
        load_decide(&load);
        if (load.answers[0].start) break;
        for (uint32_t i = 1; i < load.count; i++) {
            if (!load.answers[i].start) continue;
            load.jobs[i].running = true;
            ends[i] = load.now_ms + SMALL_MS - (int64_t)check_below(400);
        }
    }
    CHECK(load.answers[0].start);
    CHECK(load.now_ms <= GUARD + 2 * SMALL_MS);
}

static void too_large_for_the_box_is_told(void) {
    struct load load = {.capacity = {2000, GIB}, .count = 2, .now_ms = 50, .guard_ms = 10};
    load.jobs[0] = (struct allocation_job){.id = 5, .cpu_milli = 3000};
    load.jobs[1] = (struct allocation_job){.id = 6, .cpu_milli = 1000};
    load_decide(&load);
    CHECK_EQ(load.answers[0].reason, REASON_NEVER);
    CHECK(load.answers[1].start); // and does not stand in anyone's way
    CHECK_STR(allocation_reason_name(REASON_NEVER), "never");
}

static void a_smaller_machine_than_before_starts_nothing(void) {
    struct load load = {.capacity = {1000, GIB}, .count = 2};
    load.jobs[0] = (struct allocation_job){.id = 1, .cpu_milli = 4000, .running = true};
    load.jobs[1] = (struct allocation_job){.id = 2, .cpu_milli = 500};
    load_decide(&load);
    CHECK_EQ(load.answers[1].reason, REASON_CPU);
    CHECK_EQ(load.answers[1].blocker, 1);
}

int main(void) {
    CHECK_RUN(decides_as_the_oracle);
    CHECK_RUN(never_gives_more_than_there_is);
    CHECK_RUN(leaves_nothing_idle_without_a_reservation);
    CHECK_RUN(says_why_and_names_a_blocker);
    CHECK_RUN(order_of_the_list_does_not_matter);
    CHECK_RUN(dominant_shares_of_the_paper);
    CHECK_RUN(a_large_job_is_not_starved);
    CHECK_RUN(too_large_for_the_box_is_told);
    CHECK_RUN(a_smaller_machine_than_before_starts_nothing);
    return check_done();
}
