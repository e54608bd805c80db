// A past week from the box's own records: what was submitted, when, how large it was and how long
// it really ran, collected in one short reading of the store, then played by allocation/replay.h
// under the present policy and, if somebody asks, under another one or on another box. The live
// scheduler is not touched. One at a time for each person; another asked for ends the first.
#include "allocation/replay.h"

#include <inttypes.h>
#include <stdio.h>

#include "allocation/devices.h"
#include "base/clock.h"
#include "flow/jobs/places.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define SPAN_MS_MAX (92 * DAY_MS)
#define LOOK_BACK_MS (14 * DAY_MS) // submitted so long before and still there: not found
#define OFFICERS (ROLE_SYSTEM | ROLE_SECURITY | ROLE_AUDIT)
enum { WAYS = 3 };
static const char *const way_names[WAYS] = {"recorded", "present", "changed"};

// ---- collecting --------------------------------------------------------------------------------
struct collecting {
    struct store_txn *txn;
    struct arena *scratch;
    struct replay *replay;
    enum err err;
};

// From when on it could have started: not before its time, a decision on it, those it waited for.
// How long it was on hold is not recorded.
static enum err ready_find(struct collecting *c, const struct job *job, int64_t *out) {
    int64_t ready_ms = job->created_ms;
    if (job->when.not_before_ms > ready_ms) ready_ms = job->when.not_before_ms;
    if (job->approval.decided_ms > ready_ms) ready_ms = job->approval.decided_ms;
    for (uint32_t i = 0; i < job->when.after_count; i++) {
        struct job other;
        enum err err = job_load(c->txn, c->scratch, job->when.after[i], &other);
        if (err == ERR_NOT_FOUND) continue;
        if (err != OK) return err;
        if (other.ended_ms > ready_ms) ready_ms = other.ended_ms;
    }
    *out = ready_ms;
    return OK;
}

static enum err job_take(struct collecting *c, const struct job *job) {
    const struct replay *replay = c->replay;
    struct schedule_job told = schedule_job_of(job);
    struct replay_job made = {
        .id = job->id,
        .person = job->actor.id,
        .tenant = job->tenant,
        .end_ms = job->ended_ms,
        .run_ms = job->ran_ms > 0 ? job->ran_ms : job->ended_ms - job->started_ms,
        .estimate_ms = told.estimate_ms ? told.estimate_ms : (int64_t)told.time_limit_ms,
        .checkpoint_ms = told.checkpoint_ms,
        .priority = told.priority,
        .paused = (uint32_t)job->paused,
        .members = told.members ? told.members : 1,
        .need = {{(int64_t)told.cpu_milli, (int64_t)(told.memory_bytes >> 20),
                  (int64_t)(told.disk_bytes >> 20), (int64_t)told.device_milli}},
    };
    enum err err = ready_find(c, job, &made.ready_ms);
    if (err != OK) return err;
    if (made.ready_ms < replay->from_ms) { // only what was left of it then
        made.carried = true;
        made.ready_ms = replay->from_ms;
        if (made.run_ms > made.end_ms - replay->from_ms)
            made.run_ms = made.end_ms - replay->from_ms;
    }
    if (made.run_ms < 1) made.run_ms = 1;
    return replay_add(c->replay, &made);
}

static bool job_visit(void *ctx, struct str key, struct record_reader *record) {
    struct collecting *c = ctx;
    struct job job;
    (void)key;
    arena_reset(c->scratch);
    c->err = job_read(record, c->scratch, &job);
    if (c->err != OK) return false;
    if (job.created_ms < c->replay->from_ms - LOOK_BACK_MS) return false;
    if (job.created_ms >= c->replay->until_ms) return true;
    if (!job_is_over(&job)) {
        c->replay->open++;
    } else if (job.started_ms > 0 && job.ended_ms > c->replay->from_ms) {
        c->err = job_take(c, &job);
    }
    return c->err == OK;
}

static enum err collect(struct store *store, struct replay *replay, struct fault *fault) {
    struct collecting c = {.replay = replay};
    enum err err = arena_open(SCRATCH_BYTES, &c.scratch);
    if (err != OK) return err;
    err = store_explain(store_read_begin(store, &c.txn), fault);
    if (err == OK) {
        err = store_scan(c.txn, TABLE_JOB, (struct key){.size = 0}, true, job_visit, &c);
        store_read_end(c.txn);
        if (err == OK) err = c.err;
    }
    arena_close(c.scratch);
    replay_settle(replay);
    if (err == ERR_LIMIT) return fault_set(fault, err, "replay.too_many", STR_NONE);
    return store_explain(err, fault);
}

// ---- what is asked -----------------------------------------------------------------------------
struct asked {
    struct replay replay;
    struct policy present, changed;
    struct core_policy rules;
    struct core_capacity capacity, other; // other: of the changed way
    bool change;                          // there is one
};

static enum err asked_read(const struct json *body, const struct core_capacity *capacity,
                           struct arena *arena, struct asked *asked, struct fault *fault) {
    struct replay *replay = &asked->replay;
    const struct json *draft = json_member(body, "policy");
    int64_t now_ms = clock_now_ms();
    replay->until_ms = now_ms;
    json_i64(json_member(body, "until_ms"), &replay->until_ms);
    replay->from_ms = replay->until_ms - 7 * DAY_MS;
    json_i64(json_member(body, "from_ms"), &replay->from_ms);
    int64_t span_ms = replay->until_ms - replay->from_ms;
    if (replay->from_ms < 0 || replay->until_ms > now_ms + DAY_MS || span_ms < 1000 ||
        span_ms > SPAN_MS_MAX) {
        return fault_set(fault, ERR_INPUT, "replay.bad_time", STR_NONE);
    }
    asked->changed = asked->present;
    if (draft && !json_is_null(draft)) {
        enum err err =
            policy_read_json(draft, arena, asked->present.last_tenant, &asked->changed, fault);
        if (err != OK) return err;
        asked->change = true;
    }
    const struct json *box = json_member(body, "capacity");
    asked->capacity = asked->other = *capacity;
    asked->change = asked->change || json_is_object(box);
    return capacity_read(box, &asked->other, fault);
}

// ---- the answer --------------------------------------------------------------------------------
static void curve_write(struct json_writer *out, const char *name, const double *values) {
    json_put_name(out, name);
    json_open_array(out);
    for (int i = 0; i < REPLAY_BUCKETS; i++) {
        json_put_number(out, (double)(int64_t)(values[i] * 10000 + 0.5) / 10000);
    }
    json_close_array(out);
}

static void departments_write(struct json_writer *out, const struct asked *asked,
                              const struct replay_figures *figures) {
    json_put_name(out, "departments");
    json_open_array(out);
    for (uint32_t i = 0; i < figures->department_count; i++) {
        const struct replay_department *one = &figures->departments[i];
        const struct tenant *tenant = policy_tenant_or_default(&asked->present, one->tenant);
        json_open_object(out);
        json_set_u64(out, "tenant", one->tenant);
        json_set_text(out, "name", tenant->name);
        json_set_u64(out, "jobs", one->jobs);
        json_set_number(out, "wait_mean_s", one->wait_mean_s);
        json_set_number(out, "wait_p95_s", one->wait_p95_s);
        json_set_number(out, "wait_max_s", one->wait_max_s);
        json_set_i64(out, "units", one->units);
        json_close_object(out);
    }
    json_close_array(out);
}

static void way_write(struct json_writer *out, const struct asked *asked, int way,
                      const struct replay_figures *figures) {
    char hash[24] = "";
    if (way > 0) snprintf(hash, sizeof hash, "%016" PRIx64, figures->hash);
    json_open_object(out);
    json_set_text(out, "way", str_of(way_names[way]));
    json_set_u64(out, "jobs", figures->jobs);
    json_set_u64(out, "left_out", figures->left_out);
    json_set_number(out, "wait_mean_s", figures->wait_mean_s);
    json_set_number(out, "wait_p95_s", figures->wait_p95_s);
    json_set_number(out, "wait_max_s", figures->wait_max_s);
    json_set_number(out, "use", figures->use);
    json_set_number(out, "jain", figures->jain);
    json_set_u64(out, "preemptions", figures->preemptions);
    json_set_u64(out, "decisions", figures->decisions);
    json_set_text(out, "hash", str_of(hash));
    departments_write(out, asked, figures);
    curve_write(out, "busy", figures->busy);
    curve_write(out, "waiting", figures->waiting);
    json_close_object(out);
}

static void capacity_write(struct json_writer *out, const char *name,
                           const struct core_capacity *capacity) {
    json_put_name(out, name);
    json_open_object(out);
    json_set_i64(out, "cpu_milli", capacity->amount.of[RESOURCE_CPU]);
    json_set_i64(out, "memory_bytes", capacity->amount.of[RESOURCE_MEMORY] << 20);
    json_close_object(out);
}

static enum err ways_run(const struct asked *asked, const struct progress *progress,
                         struct json_writer *out, struct fault *fault) {
    struct replay_figures *figures = memory_take(sizeof *figures);
    enum err err = figures ? OK : ERR_MEMORY;
    json_put_name(out, "ways");
    json_open_array(out);
    for (int way = 0; err == OK && way < (asked->change ? WAYS : WAYS - 1); way++) {
        const struct replay_way how = {
            .policy = way == 2 ? &asked->changed : &asked->present,
            .home = &asked->present,
            .capacity = way == 2 ? asked->other : asked->capacity,
            .rules = &asked->rules,
            .progress = progress,
        };
        err = way == 0 ? replay_recorded(&asked->replay, &how, figures)
                       : replay_play(&asked->replay, &how, figures, fault);
        if (err == ERR_INPUT && str_is(str_of(fault->code), "simulate.no_job_fits")) {
            err = fault_set(fault, err, "replay.no_job_fits", STR_NONE);
        }
        if (err == OK) way_write(out, asked, way, figures);
    }
    json_close_array(out);
    memory_give(figures);
    return err;
}

static enum err answer_write(const struct asked *asked, const struct progress *progress,
                             struct json_writer *out, struct fault *fault) {
    uint64_t carried = 0;
    for (uint32_t i = 0; i < asked->replay.count; i++) carried += asked->replay.jobs[i].carried;
    json_open_object(out);
    json_set_i64(out, "from_ms", asked->replay.from_ms);
    json_set_i64(out, "until_ms", asked->replay.until_ms);
    json_set_u64(out, "jobs", asked->replay.count - carried);
    json_set_u64(out, "carried", carried);
    json_set_u64(out, "open", asked->replay.open);
    capacity_write(out, "capacity", &asked->capacity);
    capacity_write(out, "changed_capacity", &asked->other);
    enum err err = ways_run(asked, progress, out, fault);
    json_close_object(out);
    return err;
}

// This machine, of whose scratch disk nothing is known here.
static struct core_capacity machine(void) {
    struct allocation_capacity here;
    struct device devices[DEVICES_MAX];
    struct core_capacity capacity = {.amount.of[RESOURCE_DISK] = POLICY_AMOUNT_MAX};
    allocation_capacity_read(KEPT_BYTES, &here);
    uint32_t count = devices_find("/dev", devices);
    capacity.amount.of[RESOURCE_CPU] = (int64_t)here.cpu_milli;
    capacity.amount.of[RESOURCE_MEMORY] = (int64_t)(here.memory_bytes >> 20);
    if (count) capacity.devices = UINT64_MAX >> (64 - count);
    return capacity;
}

enum err flow_replay_box(struct store *store, const struct core_capacity *capacity,
                         const struct json *body, const struct progress *progress,
                         struct json_writer *out, struct fault *fault) {
    struct asked *asked = memory_take(sizeof *asked);
    struct arena *arena = NULL;
    struct store_txn *txn;
    enum err err = asked ? arena_open(SCRATCH_BYTES, &arena) : ERR_MEMORY;
    if (err == OK) err = store_explain(store_read_begin(store, &txn), fault);
    if (err == OK) {
        err = policy_load(txn, arena, &asked->present);
        store_read_end(txn);
    }
    if (err == OK) {
        struct core_capacity here = machine();
        if (!capacity) capacity = &here;
        schedule_rules(&asked->rules);
        err = asked_read(body, capacity, arena, asked, fault);
    }
    if (err == OK) err = collect(store, &asked->replay, fault);
    if (err == OK) err = answer_write(asked, progress, out, fault);
    if (asked) replay_close(&asked->replay);
    arena_close(arena);
    memory_give(asked);
    return err;
}

// ---- by the API --------------------------------------------------------------------------------
static struct replay_run *run_begin(struct flow *flow, uint64_t person) {
    struct replay_run *found = NULL;
    pthread_mutex_lock(&flow->lock);
    for (int i = 0; i < REPLAYS_MAX; i++) {
        struct replay_run *run = &flow->replays[i];
        if (run->used && run->person == person) atomic_store(&run->progress.cancel, 1);
        if (!run->used) found = run;
    }
    if (found) {
        found->used = true;
        found->person = person;
        atomic_store(&found->progress.cancel, 0);
    }
    pthread_mutex_unlock(&flow->lock);
    return found;
}

static void run_end(struct flow *flow, struct replay_run *run) {
    pthread_mutex_lock(&flow->lock);
    run->used = false;
    pthread_mutex_unlock(&flow->lock);
}

enum err flow_replay(struct flow *flow, struct call *call) {
    enum err err = allow(call, OFFICERS);
    if (err != OK) return err;
    struct replay_run *run = run_begin(flow, call->actor.person_id);
    if (!run) return fault_set(call->fault, ERR_BUSY, "replay.many", STR_NONE);
    struct core_capacity capacity = places_capacity(flow);
    err =
        flow_replay_box(flow->store, &capacity, call->body, &run->progress, call->out, call->fault);
    run_end(flow, run);
    if (err == ERR_CANCELLED) {
        return fault_set(call->fault, ERR_CONFLICT, "replay.cancelled", STR_NONE);
    }
    return err == OK ? answer_end(call) : err;
}

enum err flow_replay_cancel(struct flow *flow, struct call *call) {
    enum err err = allow(call, OFFICERS);
    if (err != OK) return err;
    pthread_mutex_lock(&flow->lock);
    for (int i = 0; i < REPLAYS_MAX; i++) {
        struct replay_run *run = &flow->replays[i];
        if (!run->used || run->person != call->actor.person_id) continue;
        atomic_store(&run->progress.cancel, 1);
    }
    pthread_mutex_unlock(&flow->lock);
    return OK;
}
