// What fair sharing promises (Ghodsi et al. 2011, section 3) and what the guard and the calendar
// promise, each in random small boxes. Tasks are whole, so a share may be off by one task.
#include "base/memory.h"
#include "check.h"

#include "allocation/core.h"

enum { USERS_MAX = 4, TASKS = 400, ROOM = 1024, JOBS_MAX = 4096 };
#define SECOND 1000

static const struct core_limits limits = {
    .jobs = JOBS_MAX, .running = JOBS_MAX, .tenants = 8, .shapes = 512, .edges = 8, .vouchers = 1};
static struct core_decision got[ROOM];
static void *memory;

static int64_t below(int64_t bound) {
    return (int64_t)(check_random() % (uint64_t)bound);
}

// ---- sharing -----------------------------------------------------------------------------------
struct market { // two resources: processors and memory
    int users;
    int64_t total[2], need[USERS_MAX][2];
};

static void market_draw(struct market *m) {
    m->users = 2 + (int)below(USERS_MAX - 1);
    for (int r = 0; r < 2; r++) m->total[r] = 20000 + below(20000);
    for (int u = 0; u < m->users; u++) {
        for (int r = 0; r < 2; r++) m->need[u][r] = 100 + below(900);
    }
}

// How many tasks of each run once everybody has asked for more than there is.
static void market_run(const struct market *m, int tasks[USERS_MAX]) {
    struct core *core = core_open(memory, &limits);
    struct core_capacity capacity = {.amount = {{m->total[0], m->total[1], 0, 0}}};
    struct core_tenant tenants[USERS_MAX];
    struct core_policy policy;
    core_policy_default(&policy);
    for (int u = 0; u < m->users; u++) {
        tenants[u] = (struct core_tenant){
            .id = (uint64_t)u + 1, .limit = {{-1, -1, -1, -1}}, .weight = 1, .budget_milli = -1};
    }
    policy.tenants = tenants;
    policy.tenant_count = (uint32_t)m->users;
    struct core_event event = {.kind = EVENT_CAPACITY, .capacity = &capacity};
    (void)!core_step(core, &event, got, ROOM);
    event = (struct core_event){.kind = EVENT_POLICY, .policy = &policy};
    (void)!core_step(core, &event, got, ROOM);
    struct core_job job = {.id = 1, .members = 1, .need = capacity.amount}; // holds all meanwhile
    event = (struct core_event){.kind = EVENT_SUBMIT, .submit = &job};
    (void)!core_step(core, &event, got, ROOM);
    for (int i = 0; i < TASKS * m->users; i++) {
        int u = i % m->users;
        job = (struct core_job){.id = (uint64_t)i + 2, .tenant = (uint64_t)u + 1, .members = 1};
        job.need = (struct core_amount){{m->need[u][0], m->need[u][1], 0, 0}};
        (void)!core_step(core, &event, got, ROOM);
    }
    event = (struct core_event){.kind = EVENT_EXITED, .job = 1, .attempt = 1};
    uint32_t count = core_step(core, &event, got, ROOM);
    memset(tasks, 0, USERS_MAX * sizeof *tasks);
    for (uint32_t i = 0; i < count; i++) {
        if (got[i].kind == DECISION_START) tasks[got[i].tenant - 1]++;
    }
}

static double share_of(const struct market *m, int user, double tasks) {
    double most = 0;
    for (int r = 0; r < 2; r++) {
        double share = tasks * (double)m->need[user][r] / (double)m->total[r];
        if (share > most) most = share;
    }
    return most;
}

// Of one task of anybody.
static double largest_share(const struct market *m) {
    double one = 0;
    for (int u = 0; u < m->users; u++) {
        if (share_of(m, u, 1) > one) one = share_of(m, u, 1);
    }
    return one;
}

static bool one_more_fits(const struct market *m, const int tasks[USERS_MAX], int user) {
    for (int r = 0; r < 2; r++) {
        int64_t left = m->total[r] - m->need[user][r];
        for (int u = 0; u < m->users; u++) left -= tasks[u] * m->need[u][r];
        if (left < 0) return false;
    }
    return true;
}

// Progressive filling: one task after another to whoever has the least dominant share and fits.
static void oracle(const struct market *m, int tasks[USERS_MAX]) {
    memset(tasks, 0, USERS_MAX * sizeof *tasks);
    for (;;) {
        int best = -1;
        for (int u = 0; u < m->users; u++) {
            if (!one_more_fits(m, tasks, u)) continue;
            if (best < 0 || share_of(m, u, tasks[u]) < share_of(m, best, tasks[best])) best = u;
        }
        if (best < 0) return;
        tasks[best]++;
    }
}

// Tasks of `user` that fit into what `other` has.
static double useful(const int64_t need[2], const int64_t other[2], double tasks) {
    double cpu = tasks * (double)other[0] / (double)need[0];
    double memory_mib = tasks * (double)other[1] / (double)need[1];
    return cpu < memory_mib ? cpu : memory_mib;
}

static void shares_are_those_of_progressive_filling(void) {
    for (int round = 0; round < 60; round++) {
        struct market m;
        int tasks[USERS_MAX], wanted[USERS_MAX];
        market_draw(&m);
        market_run(&m, tasks);
        oracle(&m, wanted);
        for (int u = 0; u < m.users; u++) CHECK_EQ(tasks[u], wanted[u]);
    }
}

static void nobody_is_worse_off_than_alone_or_envies_or_could_have_more(void) {
    for (int round = 0; round < 60; round++) {
        struct market m;
        int tasks[USERS_MAX];
        market_draw(&m);
        market_run(&m, tasks);
        for (int u = 0; u < m.users; u++) {
            double one = largest_share(&m);
            CHECK(share_of(&m, u, tasks[u]) + 2 * one >= 1.0 / m.users); // sharing incentive
            CHECK(!one_more_fits(&m, tasks, u)); // Pareto: nothing lies idle
            for (int v = 0; v < m.users; v++) {  // envy-freeness
                CHECK(useful(m.need[u], m.need[v], tasks[v] - 1) <= tasks[u] + 2);
            }
        }
    }
}

static void a_lie_gains_nothing(void) {
    for (int round = 0; round < 60; round++) {
        struct market m, lying;
        int honest[USERS_MAX], lied[USERS_MAX];
        market_draw(&m);
        market_run(&m, honest);
        lying = m;
        for (int r = 0; r < 2; r++) lying.need[0][r] = 1 + below(2 * m.need[0][r]);
        market_run(&lying, lied);
        // One task of its own, one of others, one of the lie may round the other way; those of
        // others may be as large as several of its own.
        double gain = useful(m.need[0], lying.need[0], lied[0]) - honest[0];
        double one = largest_share(&m), told = largest_share(&lying);
        CHECK(gain <= 3 || share_of(&m, 0, gain) <= 2 * one + told);
    }
}

// ---- waiting -----------------------------------------------------------------------------------
struct line {
    struct core *core;
    int64_t now_ms, end_ms[JOBS_MAX];
    uint64_t last_id;
    int64_t started_ms[JOBS_MAX], submitted_ms[JOBS_MAX], need[JOBS_MAX];
    uint32_t attempt[JOBS_MAX];
};

static void line_step(struct line *line, struct core_event event) {
    event.now_ms = line->now_ms;
    uint32_t count = core_step(line->core, &event, got, ROOM);
    for (uint32_t i = 0; i < count; i++) {
        if (got[i].kind != DECISION_START) continue;
        line->started_ms[got[i].job] = line->now_ms;
        line->attempt[got[i].job] = got[i].attempt;
    }
}

static void line_open(struct line *line, int64_t guard_ms) {
    memset(line, 0, sizeof *line);
    line->core = core_open(memory, &limits);
    line->now_ms = SECOND;
    struct core_capacity capacity = {.amount = {{8000, 8000, 0, 0}}};
    struct core_policy policy;
    core_policy_default(&policy);
    policy.guard_ms = guard_ms;
    policy.guard_lead_ms = 0;
    line_step(line, (struct core_event){.kind = EVENT_CAPACITY, .capacity = &capacity});
    line_step(line, (struct core_event){.kind = EVENT_POLICY, .policy = &policy});
}

// A job that cannot be preempted and runs as long as it may, less a moment.
static void line_submit(struct line *line, int64_t cpu, int64_t limit_ms, uint64_t slot) {
    uint64_t id = ++line->last_id;
    struct core_job job = {.id = id,
                           .members = 1,
                           .need = {{cpu, cpu, 0, 0}},
                           .limit_ms = limit_ms,
                           .reservation = slot};
    line->started_ms[id] = -1;
    line->submitted_ms[id] = line->now_ms;
    line->end_ms[id] = limit_ms - 1;
    line->need[id] = cpu;
    line_step(line, (struct core_event){.kind = EVENT_SUBMIT, .submit = &job});
}

static void line_until(struct line *line, int64_t until_ms) {
    for (;;) {
        uint64_t first = 0;
        int64_t at_ms = until_ms, wake_ms = core_wake_ms(line->core);
        for (uint64_t id = 1; id <= line->last_id; id++) {
            if (line->started_ms[id] < 0 || line->end_ms[id] < 0) continue;
            if (line->started_ms[id] + line->end_ms[id] > at_ms) continue;
            at_ms = line->started_ms[id] + line->end_ms[id];
            first = id;
        }
        if (wake_ms > until_ms && !first) break;
        if (first && at_ms <= wake_ms) {
            line->now_ms = at_ms;
            line->end_ms[first] = -1;
            line_step(line, (struct core_event){.kind = EVENT_EXITED,
                                                .job = first,
                                                .attempt = line->attempt[first]});
        } else {
            line->now_ms = wake_ms;
            line_step(line, (struct core_event){.kind = EVENT_TICK});
        }
    }
    line->now_ms = until_ms;
}

// Small ones without end come in; one that needs the whole box waits the guard's time, and then no
// longer than the longest of those before it runs.
static void who_waits_too_long_goes_next(void) {
    static struct line line;
    for (int round = 0; round < 20; round++) {
        const int64_t guard_ms = (20 + below(100)) * SECOND, longest_ms = 16 * SECOND;
        line_open(&line, guard_ms);
        for (int i = 0; i < 20; i++) line_submit(&line, 1000 + 500 * below(4), longest_ms, 0);
        line_submit(&line, 8000, longest_ms, 0);
        uint64_t large = line.last_id;
        int64_t asked_ms = line.now_ms;
        while (line.started_ms[large] < 0 && line.now_ms < asked_ms + 20 * guard_ms) {
            line_until(&line, line.now_ms + below(SECOND));
            line_submit(&line, 1000 + 500 * below(4), (int64_t)2000 << below(4), 0);
        }
        // The first twenty are as old, and due before it: two and more of them at a time.
        int64_t waited_ms = line.started_ms[large] - asked_ms;
        CHECK(line.started_ms[large] >= 0 && waited_ms <= guard_ms + 10 * longest_ms);
    }
}

static void what_fills_gaps_never_delays_a_slot(void) {
    static struct line line;
    for (int round = 0; round < 40; round++) {
        line_open(&line, 0);
        for (int i = 0; i < 6; i++) line_submit(&line, 1000 * (1 + below(4)), 8 * SECOND, 0);
        struct core_reservation slot = {.id = 1,
                                        .from_ms = line.now_ms + (10 + below(60)) * SECOND};
        slot.until_ms = slot.from_ms + 60 * SECOND;
        slot.amount = (struct core_amount){{1000 * (1 + below(8)), 1000, 0, 0}};
        slot.amount.of[RESOURCE_MEMORY] = slot.amount.of[RESOURCE_CPU];
        line_step(&line, (struct core_event){.kind = EVENT_RESERVE, .reservation = &slot});
        CHECK(got[0].kind == DECISION_RESERVE && got[0].why == WHY_NONE);
        line_submit(&line, slot.amount.of[RESOURCE_CPU], 30 * SECOND, 1);
        uint64_t inside = line.last_id;
        while (line.now_ms < slot.from_ms + SECOND) {
            line_until(&line, line.now_ms + below(SECOND));
            line_submit(&line, 1000 * (1 + below(4)), (int64_t)1000 << below(7), 0);
        }
        CHECK_EQ(line.started_ms[inside], slot.from_ms);
    }
}

int main(void) {
    memory = memory_take(core_size(&limits));
    if (!memory) return 1;
    CHECK_RUN(shares_are_those_of_progressive_filling);
    CHECK_RUN(nobody_is_worse_off_than_alone_or_envies_or_could_have_more);
    CHECK_RUN(a_lie_gains_nothing);
    CHECK_RUN(who_waits_too_long_goes_next);
    CHECK_RUN(what_fills_gaps_never_delays_a_slot);
    memory_give(memory);
    return check_done();
}
