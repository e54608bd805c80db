// When a job may run, as a person said it: read from the body's "schedule", checked against what
// runs and what there was, kept in the job's record. A deadline is answered here and now, tried out
// on a copy of the scheduler's core: a promised start, or the reason why it cannot be kept.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "flow/flow_private.h"
#include "store/codec.h"

#define AHEAD_MS_MAX ((int64_t)366 * 24 * 3600 * 1000) // nothing is said for later than that
#define MINUTE_MS ((int64_t)60 * 1000)

// ---- how long it will run ----------------------------------------------------------------------
// How long the last jobs of each step that ended well ran, and for how many rows.
enum { HISTORY_MAX = 30, HISTORY_VERSION = 1 };
struct history {
    uint32_t count;
    struct past {
        uint64_t rows; // 0: not known
        int64_t ran_ms;
    } past[HISTORY_MAX]; // the oldest first
};

static struct key history_key(struct str step) {
    char name[64];
    snprintf(name, sizeof name, "history/%.*s", STR_ARG(step));
    return key_of_str(str_of(name));
}

static void history_fields(struct codec *c, struct history *history) {
    codec_count(c, &history->count, HISTORY_MAX);
    for (uint32_t i = 0; i < history->count; i++) {
        codec_u64(c, &history->past[i].rows);
        codec_i64(c, &history->past[i].ran_ms);
    }
}

static enum err history_load(struct store_txn *txn, struct str step, struct history *out) {
    struct record_reader record;
    *out = (struct history){0};
    enum err err = store_get(txn, TABLE_SETTING, history_key(step), &record);
    if (err == ERR_NOT_FOUND) return OK;
    if (err != OK) return err;
    struct codec codec = {.reader = &record};
    history_fields(&codec, out);
    return codec_end(&codec);
}

enum err when_ran(struct store_txn *txn, const struct job *job) {
    struct history history;
    if (str_is(job->step, "command")) return OK; // people's own programs tell nothing of others
    enum err err = history_load(txn, job->step, &history);
    if (err != OK) return err;
    if (history.count == HISTORY_MAX) {
        memmove(history.past, history.past + 1, (HISTORY_MAX - 1) * sizeof history.past[0]);
        history.count--;
    }
    history.past[history.count++] = (struct past){job->rows, job->ended_ms - job->started_ms};
    struct buf fields;
    buf_open(&fields, 4096);
    struct codec codec = {.writer = &(struct record_writer){&fields}};
    history_fields(&codec, &history);
    err = buf_err(&fields);
    if (err == OK) {
        err = store_put(txn, TABLE_SETTING, history_key(job->step), HISTORY_VERSION, &fields);
    }
    buf_close(&fields);
    return err;
}

// What another of its kind would have taken for `rows`. Fewer rows are not taken to be faster: much
// of a short job is its start.
static int64_t length_scaled(const struct past *past, uint64_t rows) {
    if (rows == 0 || past->rows == 0 || rows <= past->rows) return past->ran_ms;
    double scaled = (double)past->ran_ms * ((double)rows / (double)past->rows);
    return scaled < (double)AHEAD_MS_MAX ? (int64_t)scaled : AHEAD_MS_MAX;
}

// One with far more rows tells nothing of a small one.
static bool comparable(const struct past *past, uint64_t rows) {
    return rows == 0 || past->rows == 0 || past->rows / 4 <= rows;
}

enum err when_estimate(struct store_txn *txn, struct job *job) {
    struct history history;
    int64_t longest_ms = 0;
    if (job->when.estimate_ms) return OK; // known by other ways
    enum err err = history_load(txn, job->step, &history);
    if (err != OK) return err;
    for (uint32_t i = 0; i < history.count; i++) {
        if (!comparable(&history.past[i], job->when.rows)) continue;
        int64_t length_ms = length_scaled(&history.past[i], job->when.rows);
        if (length_ms > longest_ms) longest_ms = length_ms;
    }
    if (longest_ms == 0) return OK;
    int64_t thought_ms = longest_ms + longest_ms / 2 + 1000;
    int64_t limit_ms = (int64_t)job->time_limit_ms;
    job->when.estimate_ms = thought_ms < limit_ms ? thought_ms : limit_ms;
    return OK;
}

// ---- reading -----------------------------------------------------------------------------------
// A point in time that lies ahead; absent or null: 0.
static enum err time_read(const struct call *call, const struct json *node, const char *name,
                          int64_t now_ms, int64_t *out) {
    const struct json *member = json_member(node, name);
    int64_t value;
    if (!member || json_is_null(member)) return OK;
    if (!json_i64(member, &value) || value < 0 || value - now_ms > AHEAD_MS_MAX) {
        return fault_set(call->fault, ERR_INPUT, "schedule.bad_time", str_of(name));
    }
    *out = value;
    return OK;
}

static enum err priority_read(const struct call *call, const struct json *node, int64_t *out) {
    const struct json *member = json_member(node, "priority");
    int64_t value;
    if (!member || json_is_null(member)) return OK;
    if (!json_i64(member, &value) || value < -WHEN_PRIORITY_MAX || value > WHEN_PRIORITY_MAX) {
        return fault_set(call->fault, ERR_INPUT, "schedule.bad_priority", STR_NONE);
    }
    if (value > 0 && value > *out && !(call->actor.roles & ROLE_SYSTEM)) {
        return fault_set(call->fault, ERR_DENIED, "schedule.priority_denied", STR_NONE);
    }
    *out = value;
    return OK;
}

static enum err after_read(const struct call *call, const struct json *node,
                           struct job_when *when) {
    const struct json *list = json_member(node, "after");
    if (!list || json_is_null(list)) return OK;
    if (!json_is_array(list) || json_count(list) > WHEN_AFTER_MAX) {
        return fault_set(call->fault, ERR_INPUT, "schedule.bad_after", STR_NONE);
    }
    for (const struct json *item = json_first(list); item; item = json_next(item)) {
        uint64_t id;
        if (!json_u64(item, &id) || id == 0) {
            return fault_set(call->fault, ERR_INPUT, "schedule.bad_after", STR_NONE);
        }
        when->after[when->after_count++] = id;
    }
    return OK;
}

static enum err when_read(const struct call *call, const struct json *node, int64_t now_ms,
                          struct job_when *out) {
    if (!json_is_object(node)) {
        return fault_set(call->fault, ERR_INPUT, "schedule.bad_time", STR("schedule"));
    }
    enum err err = priority_read(call, node, &out->priority);
    if (err == OK) err = time_read(call, node, "not_before_ms", now_ms, &out->not_before_ms);
    if (err == OK) err = time_read(call, node, "deadline_ms", now_ms, &out->deadline_ms);
    if (err == OK) err = after_read(call, node, out);
    if (err != OK) return err;
    out->hold = json_member_bool(node, "hold", false);
    out->after_any = json_member_bool(node, "after_any", false);
    const struct json *inside = json_member(node, "reservation");
    if (inside && !json_is_null(inside) && !json_u64(inside, &out->reservation)) {
        return fault_set(call->fault, ERR_INPUT, "schedule.no_such_reservation", STR_NONE);
    }
    if (out->deadline_ms && (out->hold || out->after_count || out->reservation)) {
        return fault_set(call->fault, ERR_INPUT, "schedule.deadline_alone", STR_NONE);
    }
    return OK;
}

// ---- what it waits for -------------------------------------------------------------------------
enum err when_after_look(struct store_txn *txn, struct arena *arena, const struct job_when *when,
                         enum after_state *out, uint64_t *out_job) {
    *out = AFTER_ENDED;
    for (uint32_t i = 0; i < when->after_count; i++) {
        struct job job;
        enum err err = job_load(txn, arena, when->after[i], &job);
        if (err != OK) return err;
        bool ended = job_is_over(&job);
        bool failed = ended && job.state != JOB_DONE && !when->after_any;
        if (ended && !failed) continue;
        if (failed || *out == AFTER_ENDED) *out_job = job.id;
        *out = failed ? AFTER_FAILED : AFTER_OPEN;
        if (failed) return OK;
    }
    return OK;
}

// Others must be there, be the person's to see, and not have failed already.
static enum err after_check(struct store_txn *txn, const struct call *call,
                            const struct job_when *when, uint64_t own) {
    char detail[32];
    for (uint32_t i = 0; i < when->after_count; i++) {
        struct job job;
        snprintf(detail, sizeof detail, "%" PRIu64, when->after[i]);
        enum err err = when->after[i] == own ? ERR_NOT_FOUND
                                             : job_load(txn, call->arena, when->after[i], &job);
        if (err == ERR_NOT_FOUND || (err == OK && !job_seen(call, &job))) {
            return fault_set(call->fault, ERR_INPUT, "schedule.no_such_job", str_of(detail));
        }
        if (err != OK) return err;
    }
    enum after_state state;
    uint64_t job = 0;
    enum err err = when_after_look(txn, call->arena, when, &state, &job);
    if (err != OK || state != AFTER_FAILED) return err;
    snprintf(detail, sizeof detail, "%" PRIu64, job);
    return fault_set(call->fault, ERR_CONFLICT, "schedule.after_failed", str_of(detail));
}

// ---- the deadline ------------------------------------------------------------------------------
static enum err deadline_refused(const struct call *call, const struct job *job, int64_t now_ms,
                                 enum core_why why) {
    const struct job_when *when = &job->when;
    char minutes[32];
    if (why == WHY_NEVER) return fault_set(call->fault, ERR_LIMIT, "job.too_large", STR_NONE);
    if (why != WHY_DEADLINE) {
        return fault_set(call->fault, ERR_LIMIT, "job.refused", str_of(core_why_name(why)));
    }
    int64_t from_ms = when->not_before_ms > now_ms ? when->not_before_ms : now_ms;
    bool soon = when->deadline_ms - when->estimate_ms - PAUSE_GRACE_MS <= from_ms;
    snprintf(minutes, sizeof minutes, "%" PRId64, (when->estimate_ms + MINUTE_MS - 1) / MINUTE_MS);
    const char *code = soon ? "schedule.deadline_too_soon" : "schedule.deadline_taken";
    return fault_set(call->fault, ERR_CONFLICT, code, str_of(minutes));
}

static enum err deadline_ask(struct flow *flow, const struct call *call, struct job *job) {
    struct job_when *when = &job->when;
    int64_t now_ms = clock_now_ms();
    if (!when->estimate_ms) when->estimate_ms = (int64_t)job->time_limit_ms;
    struct schedule_job told = schedule_job_of(job);
    enum core_why why = schedule_try(flow->schedule, &told, now_ms, &when->promised_ms);
    return why == WHY_NONE ? OK : deadline_refused(call, job, now_ms, why);
}

static enum err when_audit(struct store_txn *txn, const struct call *call, const struct job *job) {
    const struct job_when *when = &job->when;
    char detail[160];
    snprintf(detail, sizeof detail,
             "priority=%" PRId64 " hold=%d not_before=%" PRId64 " deadline=%" PRId64
             " after=%" PRIu32,
             when->priority, when->hold, when->not_before_ms, when->deadline_ms, when->after_count);
    return audit_put(txn, call->actor.name, "job.schedule", "job", job->id, "ok", str_of(detail));
}

enum err when_take(struct store_txn *txn, const struct call *call, struct job *job) {
    const struct json *node = json_member(call->body, "schedule");
    if (!node || json_is_null(node)) return OK;
    enum err err = when_read(call, node, clock_now_ms(), &job->when);
    if (err == OK && job->when.deadline_ms && job->approval.state == APPROVAL_WAITING) {
        return fault_set(call->fault, ERR_CONFLICT, "schedule.deadline_unapproved", STR_NONE);
    }
    if (err == OK) err = after_check(txn, call, &job->when, job->id);
    if (err == OK && job->when.reservation) err = reservation_admit(txn, call, job);
    return err;
}

enum err when_admit(struct flow *flow, struct store_txn *txn, const struct call *call,
                    struct job *job) {
    const struct json *node = json_member(call->body, "schedule");
    if (!node || json_is_null(node)) return OK;
    enum err err = when_take(txn, call, job);
    if (err == OK && job->when.deadline_ms) err = deadline_ask(flow, call, job);
    if (err == OK) err = job_save(txn, job);
    return err == OK ? when_audit(txn, call, job) : err;
}

// ---- changed while it waits --------------------------------------------------------------------
struct change {
    const struct call *call;
    struct job job;
    bool priority; // is another
};

static enum err when_change(struct store_txn *txn, void *ctx) {
    struct change *change = ctx;
    const struct call *call = change->call;
    struct job *job = &change->job;
    enum err err = job_load(txn, call->arena, call->id, job);
    if (err != OK) return err;
    if (job->state != JOB_QUEUED) {
        return fault_set(call->fault, ERR_CONFLICT, "job.not_waiting", STR_NONE);
    }
    int64_t before = job->when.priority;
    err = priority_read(call, call->body, &job->when.priority);
    if (err != OK) return err;
    change->priority = job->when.priority != before;
    if (job->when.promised_ms && change->priority) {
        return fault_set(call->fault, ERR_CONFLICT, "schedule.promised", STR_NONE);
    }
    job->when.hold = json_member_bool(call->body, "hold", job->when.hold);
    err = job_save(txn, job);
    return err == OK ? when_audit(txn, call, job) : err;
}

enum err flow_job_change(struct flow *flow, struct call *call) {
    struct change change = {.call = call};
    if (json_member(call->body, "time_limit_ms")) return lease_extend(flow, call);
    enum err err = job_look(flow, call, &change.job);
    bool own = err == OK && change.job.actor.id == call->actor.person_id;
    if (err == OK && !own) err = allow(call, ROLE_SYSTEM); // audit reads, and only reads
    bool whole = json_member_bool(call->body, "array", false) && change.job.ask.array;
    if (err == OK && whole) err = array_hold(flow, call, &change.job);
    if (err == OK && whole) err = job_look(flow, call, &change.job); // as it is now
    if (err == OK && !whole) err = store_write(flow->store, when_change, &change);
    if (err != OK) return missing(call, err, "job.not_found");
    if (!whole) runner_change(flow, &change.job, change.priority);
    view_job(flow, call->out, &change.job);
    return answer_end(call);
}

// ---- shown -------------------------------------------------------------------------------------
void view_when(struct json_writer *out, const struct job_when *when) {
    json_put_name(out, "schedule");
    json_open_object(out);
    json_set_i64(out, "priority", when->priority);
    view_time(out, "not_before_ms", when->not_before_ms);
    view_time(out, "deadline_ms", when->deadline_ms);
    view_time(out, "promised_ms", when->promised_ms);
    json_set_bool(out, "hold", when->hold);
    if (when->reservation) {
        json_set_u64(out, "reservation", when->reservation);
    } else {
        json_set_null(out, "reservation");
    }
    json_put_name(out, "after");
    json_open_array(out);
    for (uint32_t i = 0; i < when->after_count; i++) json_put_u64(out, when->after[i]);
    json_close_array(out);
    json_set_bool(out, "after_any", when->after_any);
    json_close_object(out);
}
