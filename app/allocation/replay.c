#include "allocation/replay.h"

#include <stdlib.h>
#include <string.h>

#include "allocation/policy_core.h"
#include "allocation/usage.h"
#include "base/memory.h"

#define SLOWDOWN_BOUND_S 10.0
enum { PERSONS_MAX = 2048 };

// ---- the jobs ----------------------------------------------------------------------------------
void replay_close(struct replay *replay) {
    memory_give(replay->jobs);
    *replay = (struct replay){0};
}

enum err replay_add(struct replay *replay, const struct replay_job *job) {
    if (replay->count == REPLAY_JOBS_MAX) return ERR_LIMIT;
    if (replay->count == replay->room) {
        uint32_t room = replay->room ? replay->room * 2 : 1024;
        struct replay_job *jobs =
            memory_resize(replay->jobs, replay->room * sizeof *jobs, room * sizeof *jobs);
        if (!jobs) return ERR_MEMORY;
        replay->jobs = jobs;
        replay->room = room;
    }
    replay->jobs[replay->count++] = *job;
    return OK;
}

static int by_time(const void *a, const void *b) {
    const struct replay_job *one = a, *other = b;
    if (one->ready_ms != other->ready_ms) return one->ready_ms < other->ready_ms ? -1 : 1;
    return one->id < other->id ? -1 : one->id > other->id;
}

void replay_settle(struct replay *replay) {
    if (replay->count) qsort(replay->jobs, replay->count, sizeof *replay->jobs, by_time);
}

// ---- figures -----------------------------------------------------------------------------------
struct ended { // how it went with a job
    int64_t end_ms;
    bool out;
};
struct measuring {
    const struct replay *replay;
    const struct replay_way *way;
    const struct ended *ended;
    struct replay_figures *out;
    double *waits, *sorted; // (count)
    uint32_t *departments;  // (count): index into the figures' list
    double slowdown[REPLAY_DEPARTMENTS_MAX];
};

static uint32_t department_find(struct replay_figures *out, uint64_t tenant) {
    for (uint32_t i = 0; i < out->department_count; i++) {
        if (out->departments[i].tenant == tenant) return i;
    }
    if (out->department_count == REPLAY_DEPARTMENTS_MAX) return REPLAY_DEPARTMENTS_MAX - 1;
    out->departments[out->department_count].tenant = tenant;
    return out->department_count++;
}

static uint64_t department_of(const struct policy *home, uint64_t tenant) {
    const struct tenant *at = policy_tenant_or_default(home, tenant), *up;
    while ((up = policy_parent(home, at)) != NULL) at = up;
    return at->id;
}

static int64_t units_of(const struct replay_way *way, const struct replay_job *job) {
    const struct tenant *tenant = policy_tenant_or_default(way->policy, job->tenant);
    int64_t amount_ms[SHARE_COUNT];
    for (int r = 0; r < SHARE_COUNT; r++)
        amount_ms[r] = job->need.of[r] * job->members * job->run_ms;
    return usage_price(way->policy, tenant, amount_ms);
}

static void measure_job(struct measuring *m, uint32_t i) {
    const struct replay_job *job = &m->replay->jobs[i];
    uint32_t at = department_find(m->out, department_of(m->way->home, job->tenant));
    struct replay_department *department = &m->out->departments[at];
    double wait = (double)(m->ended[i].end_ms - job->run_ms - job->ready_ms) / 1000;
    double run = (double)job->run_ms / 1000;
    if (wait < 0) wait = 0;
    double slowdown = (wait + run) / (run > SLOWDOWN_BOUND_S ? run : SLOWDOWN_BOUND_S);
    m->slowdown[at] += slowdown < 1 ? 1 : slowdown;
    m->waits[i] = wait;
    m->departments[i] = at;
    m->out->jobs++;
    m->out->wait_mean_s += wait;
    if (wait > m->out->wait_max_s) m->out->wait_max_s = wait;
    department->jobs++;
    department->wait_mean_s += wait;
    if (wait > department->wait_max_s) department->wait_max_s = wait;
    department->units += units_of(m->way, job);
}

static int by_size(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

// department UINT32_MAX: of all.
static double p95_of(struct measuring *m, uint32_t department) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->replay->count; i++) {
        bool counts = m->waits[i] >= 0;
        if (counts && (department == UINT32_MAX || m->departments[i] == department)) {
            m->sorted[count++] = m->waits[i];
        }
    }
    if (count == 0) return 0;
    qsort(m->sorted, count, sizeof *m->sorted, by_size);
    return m->sorted[(size_t)(0.95 * count)];
}

static void means_find(struct measuring *m) {
    struct replay_figures *out = m->out;
    double sum = 0, squares = 0;
    if (out->jobs) out->wait_mean_s /= out->jobs;
    out->wait_p95_s = p95_of(m, UINT32_MAX);
    for (uint32_t i = 0; i < out->department_count; i++) {
        struct replay_department *department = &out->departments[i];
        double quick = department->jobs / m->slowdown[i];
        department->wait_mean_s /= department->jobs;
        department->wait_p95_s = p95_of(m, i);
        sum += quick;
        squares += quick * quick;
    }
    out->jain = squares > 0 ? sum * sum / (out->department_count * squares) : 1;
}

// ---- use and curves ----------------------------------------------------------------------------
static void spread(double *buckets, const struct replay *replay, int64_t from_ms, int64_t until_ms,
                   double amount) {
    double width = (double)(replay->until_ms - replay->from_ms) / REPLAY_BUCKETS;
    double from = (double)(from_ms - replay->from_ms) / width;
    double until = (double)(until_ms - replay->from_ms) / width;
    if (from < 0) from = 0;
    if (until > REPLAY_BUCKETS) until = REPLAY_BUCKETS;
    for (int i = (int)from; i < REPLAY_BUCKETS && i < until; i++) {
        double left = from > i ? from : i, right = until < i + 1 ? until : i + 1;
        if (right > left) buckets[i] += amount * (right - left);
    }
}

static int dominant_of(const struct measuring *m, double *out_work) {
    const struct core_amount *capacity = &m->way->capacity.amount;
    int best = RESOURCE_CPU;
    *out_work = 0;
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        double work = 0;
        if (capacity->of[r] <= 0) continue;
        for (uint32_t i = 0; i < m->replay->count; i++) {
            const struct replay_job *job = &m->replay->jobs[i];
            if (!m->ended[i].out)
                work += (double)job->need.of[r] * job->members * (double)job->run_ms;
        }
        work /= (double)capacity->of[r];
        if (work <= *out_work) continue;
        *out_work = work;
        best = r;
    }
    return best;
}

static void use_find(struct measuring *m) {
    const struct replay *replay = m->replay;
    double work;
    int r = dominant_of(m, &work);
    double capacity = (double)m->way->capacity.amount.of[r];
    int64_t first_ms = INT64_MAX, last_ms = 0;
    for (uint32_t i = 0; i < replay->count; i++) {
        const struct replay_job *job = &replay->jobs[i];
        if (m->ended[i].out) continue;
        int64_t end_ms = m->ended[i].end_ms, start_ms = end_ms - job->run_ms;
        if (job->ready_ms < first_ms) first_ms = job->ready_ms;
        if (end_ms > last_ms) last_ms = end_ms;
        if (capacity > 0) {
            spread(m->out->busy, replay, start_ms, end_ms,
                   (double)job->need.of[r] * job->members / capacity);
        }
        spread(m->out->waiting, replay, job->ready_ms, start_ms, 1);
    }
    if (last_ms > first_ms) m->out->use = work / (double)(last_ms - first_ms);
}

static enum err measure(const struct replay *replay, const struct replay_way *way,
                        const struct ended *ended, struct replay_figures *out) {
    size_t count = (size_t)replay->count + 1;
    struct measuring *m = memory_take(sizeof *m);
    double *waits = memory_take(2 * count * sizeof *waits);
    uint32_t *departments = memory_take(count * sizeof *departments);
    enum err err = m && waits && departments ? OK : ERR_MEMORY;
    if (err == OK) {
        *m = (struct measuring){.replay = replay, .way = way, .ended = ended, .out = out};
        m->waits = waits;
        m->sorted = waits + count;
        m->departments = departments;
        for (uint32_t i = 0; i < replay->count; i++) {
            waits[i] = -1; // does not count
            out->left_out += ended[i].out;
            if (!ended[i].out && !replay->jobs[i].carried) measure_job(m, i);
        }
        means_find(m);
        use_find(m);
    }
    memory_give(m);
    memory_give(waits);
    memory_give(departments);
    return err;
}

// ---- as it was recorded ------------------------------------------------------------------------
enum err replay_recorded(const struct replay *replay, const struct replay_way *way,
                         struct replay_figures *out) {
    *out = (struct replay_figures){0};
    struct ended *ended = memory_take(((size_t)replay->count + 1) * sizeof *ended);
    if (!ended) return ERR_MEMORY;
    for (uint32_t i = 0; i < replay->count; i++) {
        ended[i].end_ms = replay->jobs[i].end_ms;
        out->preemptions += replay->jobs[i].paused;
    }
    enum err err = measure(replay, way, ended, out);
    memory_give(ended);
    return err;
}

// ---- played ------------------------------------------------------------------------------------
// Tenants of the simulator are numbered from 1: first the persons, each below the tenant they
// belonged to when they submitted, then those of the policy. Persons beyond what fits stand for
// their tenant, as in the box.
struct playing {
    const struct replay *replay;
    const struct replay_way *way;
    struct trace trace;
    struct core_tenant *tenants; // (policy->count + PERSONS_MAX): the policy's come first
    struct person {
        uint64_t person, tenant;
    } * persons; // (PERSONS_MAX)
    uint32_t person_count, persons_room;
};

static uint32_t number_of(const struct playing *playing, uint64_t tenant) {
    const struct policy *policy = playing->way->policy;
    const struct tenant *found = policy_tenant_or_default(policy, tenant);
    return playing->persons_room + (uint32_t)(found - policy->tenants) + 1;
}

static uint32_t person_number(struct playing *playing, const struct replay_job *job) {
    for (uint32_t i = playing->person_count; i-- > 0;) {
        const struct person *known = &playing->persons[i];
        if (known->person == job->person && known->tenant == job->tenant) return i + 1;
    }
    uint32_t above = number_of(playing, job->tenant);
    if (playing->person_count == playing->persons_room) return above;
    uint32_t index = playing->person_count++;
    playing->persons[index] = (struct person){job->person, job->tenant};
    struct core_tenant node = policy_core_person(job->person, above);
    node.id = index + 1;
    playing->tenants[playing->way->policy->count + index] = node;
    return index + 1;
}

static void tenants_lay(struct playing *playing) {
    const struct policy *policy = playing->way->policy;
    policy_core_tenants(policy, playing->tenants, policy->count);
    for (uint32_t i = 0; i < policy->count; i++) {
        struct core_tenant *tenant = &playing->tenants[i];
        if (tenant->parent) tenant->parent = number_of(playing, tenant->parent);
        tenant->id = playing->persons_room + i + 1;
    }
}

// What cannot give way is told to end with its estimate, as the box tells its core; one that ran
// longer than thought is let run.
static enum err trace_make(struct playing *playing) {
    const struct replay *replay = playing->replay;
    enum err err = OK;
    for (uint32_t i = 0; err == OK && i < replay->count; i++) {
        const struct replay_job *from = &replay->jobs[i];
        bool ends = from->estimate_ms > 0 && !from->checkpoint_ms;
        int64_t limit_ms = from->estimate_ms > from->run_ms ? from->estimate_ms : from->run_ms + 1;
        struct trace_job job = {
            .submit_ms = from->ready_ms,
            .run_ms = from->run_ms > 0 ? from->run_ms : 1,
            .limit_ms = ends ? limit_ms : 0,
            .estimate_ms = from->estimate_ms,
            .checkpoint_ms = from->checkpoint_ms,
            .tenant = person_number(playing, from),
            .members = from->members,
            .priority = from->priority,
            .need = from->need,
        };
        err = trace_add(&playing->trace, &job);
    }
    playing->trace.tenants = playing->persons_room + playing->way->policy->count;
    if (err == OK) trace_settle(&playing->trace);
    return err;
}

static enum err trace_run(struct playing *playing, struct simulate_outcome *outcomes,
                          struct simulate_figures *figures, struct fault *fault) {
    const struct replay_way *way = playing->way;
    struct core_policy rules = *way->rules;
    rules.tenants = playing->tenants;
    rules.tenant_count = way->policy->count + playing->person_count;
    struct simulate_options options = {.capacity = way->capacity,
                                       .policy = &rules,
                                       .outcomes = outcomes,
                                       .progress = way->progress};
    enum err err = simulate(&playing->trace, &options, SIMULATE_OURS, figures, fault);
    if (err == ERR_INPUT && fault->code[0] == '\0') {
        return fault_set(fault, err, "policy.not_taken", STR_NONE);
    }
    return err;
}

static enum err play(struct playing *playing, struct simulate_outcome *outcomes,
                     struct ended *ended, struct replay_figures *out, struct fault *fault) {
    const struct replay *replay = playing->replay;
    struct simulate_figures figures;
    tenants_lay(playing);
    enum err err = trace_make(playing);
    if (err == OK) err = trace_run(playing, outcomes, &figures, fault);
    if (err != OK) return err;
    int64_t first_ms = replay->count ? replay->jobs[0].ready_ms : 0;
    for (uint32_t i = 0; i < replay->count; i++) {
        ended[i] = (struct ended){outcomes[i].end_ms + first_ms, outcomes[i].out};
    }
    out->preemptions = figures.preemptions;
    out->events = figures.events;
    out->decisions = figures.decisions;
    out->hash = figures.hash;
    out->cpu_s = figures.cpu_s;
    return measure(replay, playing->way, ended, out);
}

enum err replay_play(const struct replay *replay, const struct replay_way *way,
                     struct replay_figures *out, struct fault *fault) {
    *out = (struct replay_figures){0};
    struct playing playing = {.replay = replay, .way = way};
    uint32_t left = TENANTS_MAX > way->policy->count ? TENANTS_MAX - way->policy->count - 1 : 0;
    size_t count = (size_t)replay->count + 1;
    playing.persons_room = left < PERSONS_MAX ? left : PERSONS_MAX;
    playing.tenants = memory_take((way->policy->count + PERSONS_MAX) * sizeof *playing.tenants);
    playing.persons = memory_take(PERSONS_MAX * sizeof *playing.persons);
    struct simulate_outcome *outcomes = memory_take(count * sizeof *outcomes);
    struct ended *ended = memory_take(count * sizeof *ended);
    enum err err = playing.tenants && playing.persons && outcomes && ended ? OK : ERR_MEMORY;
    if (err == OK && replay->count) err = play(&playing, outcomes, ended, out, fault);
    if (err == OK && replay->count == 0) err = measure(replay, way, ended, out);
    trace_close(&playing.trace);
    memory_give(playing.tenants);
    memory_give(playing.persons);
    memory_give(outcomes);
    memory_give(ended);
    return err;
}
