// Reservations and the calendar as the API shows them: the slots of a span of time, and beside them
// the jobs that run into it, are promised a start in it or wait for a time of it.
#include <stdlib.h>

#include "base/clock.h"
#include "flow/jobs/executor.h"

enum {
    SPAN_DAYS_MAX = 62,
    WAITING_LOOKED = 2000, // of the jobs that wait, the first so many
    JOBS_SHOWN_MAX = 500,
};
#define DAY_MS ((int64_t)24 * 3600 * 1000)

// ---- reservations ------------------------------------------------------------------------------
static void amount_write(struct json_writer *out, const int64_t amount[static SHARE_COUNT]) {
    json_put_name(out, "amount");
    json_open_object(out);
    for (int i = 0; i < SHARE_COUNT; i++) json_set_i64(out, share_name((enum share)i), amount[i]);
    json_close_object(out);
}

static void path_write(struct json_writer *out, const struct policy *policy, uint64_t tenant) {
    char path[TENANT_PATH_BYTES];
    policy_path(policy, policy_tenant_or_default(policy, tenant), path);
    json_set_text(out, "path", str_of(path));
}

// What each slot of it shares; leaves the object open.
static void reservation_write(struct json_writer *out, const struct policy *policy,
                              const struct reservation *r) {
    json_open_object(out);
    json_set_u64(out, "id", r->id);
    json_set_text(out, "title", r->title);
    json_set_u64(out, "tenant", r->tenant);
    path_write(out, policy, r->tenant);
    json_set_text(out, "actor", r->actor.name);
    amount_write(out, r->amount);
    view_time(out, "weekly_until_ms", r->weekly_until_ms);
}

static void view_reservation(struct flow *flow, struct json_writer *out,
                             const struct policy *policy, const struct reservation *r) {
    int64_t now_ms = clock_now_ms();
    enum core_why why = WHY_NONE;
    bool over = reservation_is_over(r, now_ms);
    for (uint32_t n = 0; n < slots_count(r) && !over && why == WHY_NONE; n++) {
        why = calendar_why(flow, slot_of(r, n).id);
    }
    reservation_write(out, policy, r);
    json_set_i64(out, "from_ms", r->from_ms);
    json_set_i64(out, "until_ms", r->until_ms);
    json_set_i64(out, "created_ms", r->created_ms);
    json_set_i64(out, "changed_ms", r->changed_ms);
    json_set_text(out, "state",
                  over              ? STR("over")
                  : why == WHY_NONE ? STR("kept")
                                    : STR("refused"));
    json_set_text(out, "why", why == WHY_NONE ? STR_NONE : str_of(core_why_name(why)));
    json_close_object(out);
}

enum err reservation_answer(struct flow *flow, struct call *call,
                            const struct reservation *reservation) {
    struct store_txn *txn;
    const struct policy *policy;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = policy_borrow(txn, &policy);
    store_read_end(txn);
    if (err == OK) view_reservation(flow, call->out, policy, reservation);
    policy_return(policy);
    return err == OK ? answer_end(call) : err;
}

enum err flow_reservation_show(struct flow *flow, struct call *call) {
    struct reservation reservation;
    struct store_txn *txn;
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = reservation_load(txn, call->arena, call->id, &reservation);
    store_read_end(txn);
    if (err != OK) return missing(call, err, "reservation.not_found");
    return reservation_answer(flow, call, &reservation);
}

struct reservation_filter {
    const struct policy *policy;
    bool open;       // those that are over are left out
    uint64_t inside; // of this tenant and those above it; 0: all
};

static enum err reservation_item(struct list *list, struct store_txn *txn,
                                 struct record_reader *record, bool show, bool *out_wanted) {
    const struct reservation_filter *filter = list->filter;
    struct reservation r;
    (void)txn;
    enum err err = reservation_read(record, list->scratch, &r);
    if (err != OK) return err;
    *out_wanted = (!filter->open || !reservation_is_over(&r, clock_now_ms())) &&
                  (!filter->inside || tenant_below(filter->policy, filter->inside, r.tenant));
    if (*out_wanted && show) view_reservation(list->flow, list->call->out, filter->policy, &r);
    return OK;
}

// ?open=true: those that are not over. ?inside=true: those that a job of one's own may run in.
enum err flow_reservation_list(struct flow *flow, struct call *call) {
    struct reservation_filter filter = {.open = str_is(call_query(call, "open"), "true")};
    struct store_txn *txn;
    struct member member;
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = member_load(txn, call->actor.person_id, &member);
    if (err == OK) err = policy_borrow(txn, &filter.policy);
    store_read_end(txn);
    if (err != OK) return missing(call, err, "flow.not_found");
    if (str_is(call_query(call, "inside"), "true")) filter.inside = member.tenant;
    struct list list = {.flow = flow,
                        .call = call,
                        .table = TABLE_RESERVATION,
                        .item = reservation_item,
                        .filter = &filter};
    err = list_write(&list);
    policy_return(filter.policy);
    return err;
}

// ---- the calendar ------------------------------------------------------------------------------
struct span {
    struct flow *flow;
    struct call *call;
    struct store_txn *txn;
    const struct policy *policy;
    int64_t from_ms, until_ms, now_ms;
    uint32_t shown;
    struct arena *scratch;
    enum err err;
};

static bool slots_visit(void *ctx, struct str key, struct record_reader *record) {
    struct span *span = ctx;
    struct json_writer *out = span->call->out;
    struct reservation r;
    (void)key;
    arena_reset(span->scratch);
    span->err = reservation_read(record, span->scratch, &r);
    if (span->err != OK) return false;
    for (uint32_t n = 0; n < slots_count(&r); n++) {
        struct core_reservation slot = slot_of(&r, n);
        if (slot.until_ms <= span->from_ms || slot.from_ms >= span->until_ms) continue;
        enum core_why why = calendar_why(span->flow, slot.id);
        reservation_write(out, span->policy, &r);
        json_set_u64(out, "number", n + 1);
        json_set_i64(out, "from_ms", slot.from_ms);
        json_set_i64(out, "until_ms", slot.until_ms);
        json_set_text(out, "why", why == WHY_NONE ? STR_NONE : str_of(core_why_name(why)));
        json_close_object(out);
    }
    return true;
}

// How long it is thought to run, or may.
static int64_t length_ms(const struct job *job) {
    return job->when.estimate_ms ? job->when.estimate_ms : (int64_t)job->time_limit_ms;
}

static void job_write(struct span *span, const struct job *job, const char *what, int64_t from_ms,
                      int64_t until_ms) {
    struct json_writer *out = span->call->out;
    bool seen = job_seen(span->call, job);
    if (until_ms <= span->from_ms || from_ms >= span->until_ms) return;
    if (span->shown++ >= JOBS_SHOWN_MAX) return;
    json_open_object(out);
    json_set_u64(out, "id", job->id);
    json_set_text(out, "what", str_of(what));
    json_set_bool(out, "seen", seen);
    json_set_text(out, "step", job->step);
    json_set_text(out, "subject", seen ? job->subject_name : STR_NONE);
    json_set_text(out, "actor", seen ? job->actor.name : STR_NONE);
    path_write(out, span->policy, job->tenant);
    json_set_u64(out, "cpu_milli", job->cpu_milli);
    json_set_u64(out, "memory_mib", job->memory_bytes >> 20);
    json_set_i64(out, "from_ms", from_ms);
    json_set_i64(out, "until_ms", until_ms);
    json_close_object(out);
}

// What runs goes on from now at least; what is promised has started by then at the latest.
static enum err job_look_at(struct span *span, uint64_t id) {
    struct job job;
    arena_reset(span->scratch);
    enum err err = job_load(span->txn, span->scratch, id, &job);
    if (err != OK) return err == ERR_NOT_FOUND ? OK : err;
    const struct job_when *when = &job.when;
    if (job.state == JOB_RUNNING) {
        int64_t end_ms = job.started_ms + length_ms(&job);
        if (end_ms <= span->now_ms) end_ms = span->now_ms + 1;
        job_write(span, &job, "running", job.started_ms, end_ms);
    } else if (job.state == JOB_QUEUED && when->promised_ms && job.attempt == 0) {
        job_write(span, &job, "promised", when->promised_ms, when->deadline_ms);
    } else if (job.state == JOB_QUEUED && when->not_before_ms > span->now_ms) {
        int64_t from_ms = when->not_before_ms;
        job_write(span, &job, "not_before", from_ms, from_ms + length_ms(&job));
    }
    return OK;
}

static int by_id(const void *a, const void *b) {
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return one < other ? -1 : one > other;
}

static enum err jobs_write(struct span *span) {
    struct active *active = ARENA_ARRAY(span->call->arena, struct active, JOBS_SHOWN_MAX);
    uint64_t *waiting = ARENA_ARRAY(span->call->arena, uint64_t, WAITING_LOOKED);
    enum err err = OK;
    if (!active || !waiting) return ERR_MEMORY;
    uint32_t running = active_copy(span->flow, active, JOBS_SHOWN_MAX);
    uint32_t count = schedule_waiting(span->flow->schedule, waiting, WAITING_LOOKED);
    qsort(waiting, count, sizeof *waiting, by_id);
    for (uint32_t i = 0; err == OK && i < running; i++) err = job_look_at(span, active[i].job);
    for (uint32_t i = 0; err == OK && i < count; i++) err = job_look_at(span, waiting[i]);
    return err;
}

static enum err calendar_write(struct span *span) {
    struct json_writer *out = span->call->out;
    json_open_object(out);
    json_set_i64(out, "from_ms", span->from_ms);
    json_set_i64(out, "until_ms", span->until_ms);
    json_put_name(out, "slots");
    json_open_array(out);
    enum err err =
        store_scan(span->txn, TABLE_RESERVATION, (struct key){.size = 0}, false, slots_visit, span);
    if (err == OK) err = span->err;
    json_close_array(out);
    json_put_name(out, "jobs");
    json_open_array(out);
    if (err == OK) err = jobs_write(span);
    json_close_array(out);
    json_close_object(out);
    return err;
}

enum err flow_calendar(struct flow *flow, struct call *call) {
    struct span span = {.flow = flow, .call = call, .now_ms = clock_now_ms()};
    uint64_t from_ms, until_ms, now_ms = (uint64_t)span.now_ms;
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    if (err == OK) err = call_query_u64(call, "from_ms", 0, UINT64_MAX / 4, now_ms, &from_ms);
    if (err != OK) return err;
    uint64_t most = from_ms + SPAN_DAYS_MAX * (uint64_t)DAY_MS;
    err =
        call_query_u64(call, "until_ms", from_ms, most, from_ms + 7 * (uint64_t)DAY_MS, &until_ms);
    if (err == OK) err = arena_open(SCRATCH_BYTES, &span.scratch);
    if (err != OK) return err;
    span.from_ms = (int64_t)from_ms;
    span.until_ms = (int64_t)until_ms;
    err = store_read_begin(flow->store, &span.txn);
    if (err == OK) {
        err = policy_borrow(span.txn, &span.policy);
        if (err == OK) err = calendar_write(&span);
        policy_return(span.policy);
        store_read_end(span.txn);
    }
    arena_close(span.scratch);
    return err == OK ? answer_end(call) : missing(call, err, "flow.not_found");
}
