// The core against the plain reference (tests/support/core_reference.h): in random small worlds
// both start the same jobs in the same order after every event. A failing list of actions is made
// smaller and printed. COURTYARD_WORLDS makes it long.
#include "base/memory.h"
#include "check.h"
#include "support/core_reference.h"

enum { ACTIONS = 120, ROOM = 256 };

struct action {
    uint32_t kind; // below 5: submit; 5: something ends; 6: cancelled; else time goes on
    uint64_t random;
};
struct pair {
    struct core *core;
    struct reference reference;
    struct core_capacity capacity;
    struct core_tenant tenants[REFERENCE_TENANTS];
    struct core_policy policy;
    struct core_decision got[ROOM];
    uint32_t attempts[REFERENCE_JOBS];
    uint64_t next_id, live[REFERENCE_JOBS];
    int64_t now_ms;
    uint64_t starts, backfilled;
};
static const struct core_limits limits = {
    .jobs = 300, .running = 300, .tenants = 20, .shapes = 512, .edges = 8, .vouchers = 1};

static uint64_t draw(uint64_t *random) {
    uint64_t z = *random += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}
static int64_t below(uint64_t *random, int64_t bound) {
    return (int64_t)(draw(random) % (uint64_t)bound);
}

// The core's starts are the reference's.
static bool same(struct pair *pair, struct core_event event) {
    event.now_ms = pair->now_ms;
    uint32_t count = core_step(pair->core, &event, pair->got, ROOM);
    int at = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct core_decision *one = &pair->got[i];
        if (one->kind == DECISION_END || one->kind == DECISION_BILL) continue;
        if (one->kind != DECISION_START) return false;
        if (at == pair->reference.started_count || pair->reference.started[at++] != one->job) {
            return false;
        }
        pair->attempts[one->job % REFERENCE_JOBS] = one->attempt;
        pair->starts++;
        pair->backfilled += pair->reference.guarded >= 0;
    }
    return at == pair->reference.started_count;
}

static void pair_open(struct pair *pair, void *memory, uint64_t seed) {
    memset(pair, 0, sizeof *pair);
    pair->core = core_open(memory, &limits);
    pair->now_ms = 1000000;
    pair->next_id = 1;
    int64_t *total = pair->capacity.amount.of;
    total[RESOURCE_CPU] = 1000 * (2 + below(&seed, 15));
    total[RESOURCE_MEMORY] = 256 * (4 + below(&seed, 29));
    total[RESOURCE_DISK] = 500 * below(&seed, 3);
    core_policy_default(&pair->policy);
    pair->policy.tenant_count = (uint32_t)below(&seed, 7);
    for (uint32_t i = 0; i < pair->policy.tenant_count; i++) {
        struct core_tenant *tenant = &pair->tenants[i];
        *tenant = (struct core_tenant){.id = 10 + i,
                                       .weight = 1 + (uint32_t)below(&seed, 4),
                                       .limit = {{-1, -1, -1, -1}},
                                       .budget_milli = -1};
        if (i > 0 && below(&seed, 2)) tenant->parent = 10 + (uint64_t)below(&seed, i < 3 ? i : 3);
        tenant->has_quota = below(&seed, 2);
        for (int r = 0; tenant->has_quota && r < RESOURCE_COUNT; r++) {
            tenant->quota.of[r] = below(&seed, total[r] / 2 + 1);
        }
        tenant->never_borrows = below(&seed, 5) == 0;
        if (below(&seed, 4) == 0) tenant->limit.of[0] = 500 * below(&seed, 20);
    }
    pair->policy.tenants = pair->tenants;
    pair->policy.guard_ms = below(&seed, 4) ? 1000 * below(&seed, 300) : 0;
    pair->policy.guard_lead_ms = pair->policy.guard_ms / 4;
    for (int i = 0; i < CORE_LEVELS - 1; i++) pair->policy.level_s[i] = 10 << (2 * i);
    struct core_event event = {.kind = EVENT_CAPACITY, .capacity = &pair->capacity};
    (void)!core_step(pair->core, &event, pair->got, ROOM);
    event = (struct core_event){.kind = EVENT_POLICY, .policy = &pair->policy};
    (void)!core_step(pair->core, &event, pair->got, ROOM);
    reference_open(&pair->reference, &pair->capacity, &pair->policy);
}

static bool submit(struct pair *pair, uint64_t *random) {
    uint64_t id = pair->next_id;
    if (pair->reference.jobs[id % REFERENCE_JOBS].known) return true;
    const int64_t *total = pair->capacity.amount.of;
    struct core_job job = {.id = id, .members = below(random, 6) ? 1 : 2};
    job.need.of[RESOURCE_CPU] = 500 * (1 + below(random, total[0] / 500 / 2));
    job.need.of[RESOURCE_MEMORY] = 256 * below(random, total[1] / 256 / 2);
    if (below(random, 4) == 0) job.need.of[RESOURCE_DISK] = total[2] / 4;
    if (below(random, 8) == 0) { // it needs all that there is of something
        job.need.of[below(random, 2)] = total[0];
        job.need.of[RESOURCE_CPU] = total[0];
        job.need.of[RESOURCE_MEMORY] = 256;
        job.members = 1;
    }
    if (pair->policy.tenant_count && below(random, 8)) {
        job.tenant = 10 + (uint64_t)below(random, pair->policy.tenant_count);
    }
    job.priority = (int32_t)below(random, 7) - 3;
    if (below(random, 3)) job.limit_ms = (int64_t)1000 << below(random, 9); // no rounding
    if (job.limit_ms && below(random, 12) == 0) job.flags = CORE_LEASE;
    if (below(random, 3) == 0) job.served_milli = below(random, 20000000);
    // What can never run is refused by the core; the reference is not asked.
    struct core_event event = {.kind = EVENT_SUBMIT, .now_ms = pair->now_ms, .submit = &job};
    struct core_job probe = job;
    pair->next_id++;
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (job.need.of[r] * job.members > total[r]) return true;
    }
    for (uint64_t at = job.tenant; at;) {
        const struct core_tenant *tenant = &pair->tenants[at - 10];
        for (int r = 0; r < RESOURCE_COUNT; r++) {
            int64_t need = job.need.of[r] * job.members, most = tenant->limit.of[r];
            bool bound = tenant->has_quota && tenant->never_borrows;
            if (bound && (most < 0 || tenant->quota.of[r] < most)) most = tenant->quota.of[r];
            if (need > 0 && most >= 0 && need > most) return true;
        }
        at = tenant->parent;
    }
    reference_submit(&pair->reference, &probe, pair->now_ms);
    return same(pair, event);
}

static bool leave(struct pair *pair, uint64_t *random, bool cancel) {
    uint64_t ids[REFERENCE_JOBS];
    int count = 0;
    for (int i = 0; i < REFERENCE_JOBS; i++) {
        const struct reference_job *job = &pair->reference.jobs[i];
        if (job->known && job->running != cancel) ids[count++] = job->id;
    }
    if (!count) return true;
    uint64_t id = ids[below(random, count)];
    reference_leave(&pair->reference, id, pair->now_ms);
    return same(pair, (struct core_event){.kind = cancel ? EVENT_CANCEL : EVENT_EXITED,
                                          .job = id,
                                          .attempt = pair->attempts[id % REFERENCE_JOBS]});
}

// Those whose limit comes end just before it, one after another.
static bool advance(struct pair *pair, uint64_t *random) {
    int64_t until = pair->now_ms + 1 + below(random, (int64_t)1 << (4 + below(random, 14)));
    for (;;) {
        const struct reference_job *first = NULL;
        int64_t end_ms = until, wake_ms = core_wake_ms(pair->core);
        for (int i = 0; i < REFERENCE_JOBS; i++) {
            const struct reference_job *job = &pair->reference.jobs[i];
            if (!job->known || !job->running || !job->limit_ms) continue;
            if (job->started_ms + job->limit_ms - 1 > end_ms) continue;
            end_ms = job->started_ms + job->limit_ms - 1;
            first = job;
        }
        if (!first && wake_ms > until) break;
        pair->now_ms = first && end_ms <= wake_ms ? end_ms : wake_ms;
        if (first && end_ms <= wake_ms) {
            uint64_t id = first->id;
            reference_leave(&pair->reference, id, pair->now_ms);
            if (!same(pair, (struct core_event){.kind = EVENT_EXITED,
                                                .job = id,
                                                .attempt = pair->attempts[id % REFERENCE_JOBS]})) {
                return false;
            }
        } else {
            reference_tick(&pair->reference, pair->now_ms);
            if (!same(pair, (struct core_event){.kind = EVENT_TICK})) return false;
        }
    }
    pair->now_ms = until;
    reference_tick(&pair->reference, pair->now_ms);
    return same(pair, (struct core_event){.kind = EVENT_TICK});
}

static bool run(struct pair *pair, void *memory, uint64_t seed, const struct action *actions,
                int count) {
    pair_open(pair, memory, seed);
    for (int i = 0; i < count; i++) {
        uint64_t random = actions[i].random;
        bool good = actions[i].kind < 5    ? submit(pair, &random)
                    : actions[i].kind == 5 ? leave(pair, &random, false)
                    : actions[i].kind == 6 ? leave(pair, &random, true)
                                           : advance(pair, &random);
        if (!good) return false;
    }
    return true;
}

static int shrink(struct pair *pair, void *memory, uint64_t seed, struct action *actions,
                  int count) {
    struct action fewer[ACTIONS];
    for (int piece = count / 2; piece > 0; piece /= 2) {
        for (int from = 0; from + piece <= count;) {
            memcpy(fewer, actions, (size_t)from * sizeof *actions);
            memcpy(fewer + from, actions + from + piece,
                   (size_t)(count - from - piece) * sizeof *actions);
            if (run(pair, memory, seed, fewer, count - piece)) {
                from += piece;
                continue;
            }
            count -= piece;
            memcpy(actions, fewer, (size_t)count * sizeof *actions);
        }
    }
    return count;
}

static void tell(struct pair *pair, uint64_t seed, const struct action *actions, int count) {
    fprintf(stderr, "seed %llu, %d actions:", (unsigned long long)seed, count);
    for (int i = 0; i < count; i++) {
        fprintf(stderr, " %u:%llx", actions[i].kind, (unsigned long long)actions[i].random);
    }
    fprintf(stderr, "\nthe reference starts:");
    for (int i = 0; i < pair->reference.started_count; i++) {
        fprintf(stderr, " %llu", (unsigned long long)pair->reference.started[i]);
    }
    fprintf(stderr, "\nthe core:");
    for (int i = 0; i < ROOM && pair->got[i].kind == DECISION_START; i++) {
        if (pair->got[i].job) fprintf(stderr, " %llu", (unsigned long long)pair->got[i].job);
    }
    fprintf(stderr, "\n");
}

static void the_core_does_what_the_reference_does(void) {
    static struct pair pair;
    struct action actions[ACTIONS];
    void *memory = memory_take(core_size(&limits));
    REQUIRE(memory);
    const char *told = getenv("COURTYARD_WORLDS");
    uint64_t starts = 0, backfilled = 0;
    for (uint64_t left = told ? strtoull(told, NULL, 10) : 150; left > 0; left--) {
        uint64_t seed = check_random(), random = seed;
        for (int i = 0; i < ACTIONS; i++) {
            actions[i].kind = (uint32_t)below(&random, 10);
            actions[i].random = draw(&random);
        }
        if (!run(&pair, memory, seed, actions, ACTIONS)) {
            int count = shrink(&pair, memory, seed, actions, ACTIONS);
            (void)run(&pair, memory, seed, actions, count);
            tell(&pair, seed, actions, count);
            CHECK(!"the core does not do what the reference does");
            break;
        }
        starts += pair.starts;
        backfilled += pair.backfilled;
    }
    CHECK(starts > 1000 && backfilled > 50); // it was worth it
    memory_give(memory);
}

int main(void) {
    CHECK_RUN(the_core_does_what_the_reference_does);
    return check_done();
}
