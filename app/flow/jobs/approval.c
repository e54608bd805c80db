// Large requests wait for a word of somebody else. How large is large, a department's policy says;
// who may give the word is the system role, and nobody for a job of their own. A job that waits so
// stands in an index, "job/approval/ID", so that those who decide are told without a look at every
// job there ever was.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "flow/flow_private.h"

enum { REASON_BYTES_MAX = 2000 };
#define HOUR_MILLI_MS ((uint64_t)1000 * 3600 * 1000) // thousandths of a processor by ms, an hour
#define INDEX_APPROVAL "job/approval/"

// ---- asked for ---------------------------------------------------------------------------------
// What the job asks for, all its members and of hours all tasks of its array, as the policy counts
// it; hours are rounded up.
static int64_t asks(const struct job *job, enum threshold threshold) {
    uint64_t members = job_members(job), tasks = job->ask.count ? job->ask.count : 1;
    uint64_t hours = job->cpu_milli * members * tasks * job->time_limit_ms;
    switch (threshold) {
    case THRESHOLD_CPU: return (int64_t)(job->cpu_milli * members);
    case THRESHOLD_MEMORY: return (int64_t)((job->memory_bytes >> 20) * members);
    case THRESHOLD_CPU_HOURS: return (int64_t)((hours + HOUR_MILLI_MS - 1) / HOUR_MILLI_MS);
    case THRESHOLD_DEVICE: return (int64_t)(job->ask.device_milli * members);
    case THRESHOLD_COUNT: break;
    }
    return 0;
}

static struct str index_name(const struct job *job, char out[static 64]) {
    snprintf(out, 64, INDEX_APPROVAL "%" PRIu64, job->id);
    return str_of(out);
}

void approval_weigh(const struct policy *policy, struct job *job) {
    const struct tenant *tenant = policy_tenant_or_default(policy, job->tenant);
    for (int i = 0; i < THRESHOLD_COUNT; i++) {
        int64_t most = policy_threshold(policy, tenant, (enum threshold)i);
        bool over = most >= 0 && asks(job, (enum threshold)i) > most;
        job->approval.most[i] = over ? most : -1;
        if (over) job->approval.state = APPROVAL_WAITING;
    }
}

enum err approval_ask(struct store_txn *txn, const struct call *call, struct job *job) {
    const struct policy *policy;
    char name[64];
    enum err err = policy_borrow(txn, &policy);
    if (err != OK) return err;
    approval_weigh(policy, job);
    policy_return(policy);
    if (job->approval.state == APPROVAL_NONE) return OK;
    err = index_put(txn, index_name(job, name), job->id);
    if (err == OK) err = job_save(txn, job);
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, "job.approval", "job", job->id, "asked", STR_NONE);
}

enum err approval_forget(struct store_txn *txn, const struct job *job) {
    char name[64];
    uint64_t id;
    enum err err = index_get(txn, index_name(job, name), &id);
    if (err == ERR_NOT_FOUND) return OK;
    return err == OK ? index_delete(txn, str_of(name)) : err;
}

// What it is over stays as it was.
void approval_give(struct job *job, const struct job_approval *approval) {
    job->approval.state = approval->state;
    job->approval.by = approval->by;
    job->approval.decided_ms = approval->decided_ms;
    job->approval.reason = approval->reason;
}

struct counting {
    struct store_txn *txn;
    const struct call *call;
    uint64_t count;
    enum err err;
};

static bool count_visit(void *ctx, struct str key, struct record_reader *record) {
    struct counting *counting = ctx;
    struct job job;
    if (!str_starts(key, STR(INDEX_APPROVAL))) return false;
    counting->err = job_load(counting->txn, counting->call->arena, record_get_u64(record), &job);
    if (counting->err != OK) return false;
    counting->count += job.actor.id != counting->call->actor.person_id;
    return true;
}

enum err approval_count(struct store_txn *txn, const struct call *call, uint64_t *out) {
    struct counting counting = {.txn = txn, .call = call};
    *out = 0;
    if (!(call->actor.roles & ROLE_SYSTEM)) return OK;
    enum err err = store_scan(txn, TABLE_INDEX, key_of_str(STR(INDEX_APPROVAL)), false, count_visit,
                              &counting);
    *out = counting.count;
    return err == OK ? counting.err : err;
}

// ---- decided -----------------------------------------------------------------------------------
struct decision {
    const struct call *call;
    uint64_t id;
    struct job_approval approval; // as it is to be
    struct job job;
};

// What is decided on may wait no more, and is not the person's own.
static enum err decide_load(struct store_txn *txn, const struct decision *decision,
                            struct job *out) {
    const struct call *call = decision->call;
    enum err err = job_load(txn, call->arena, decision->id, out);
    if (err != OK) return err;
    if (out->state != JOB_QUEUED || out->approval.state != APPROVAL_WAITING) {
        return fault_set(call->fault, ERR_CONFLICT, "approval.not_waiting", STR_NONE);
    }
    if (out->actor.id == call->actor.person_id) {
        return fault_set(call->fault, ERR_DENIED, "approval.same_person", STR_NONE);
    }
    return OK;
}

static enum err decide_change(struct store_txn *txn, void *ctx) {
    struct decision *decision = ctx;
    const struct call *call = decision->call;
    struct job *job = &decision->job;
    struct fault rejected = {0};
    enum err err = decide_load(txn, decision, job);
    if (err != OK) return err;
    approval_give(job, &decision->approval);
    bool approved = job->approval.state == APPROVAL_APPROVED;
    (void)!fault_set(&rejected, ERR_DENIED, "approval.rejected", job->approval.reason);
    if (approved) {
        err = job_save(txn, job);
        if (err == OK) err = approval_forget(txn, job);
    } else {
        err = job_end_badly(txn, call->arena, job, JOB_FAILED, &rejected);
    }
    if (err != OK) return err;
    const char *action = approved ? "job.approve" : "job.reject";
    return audit_put(txn, call->actor.name, action, "job", job->id, "ok", STR_NONE);
}

// An array is decided on as one, by whichever of its tasks: its first one last, so that it is seen
// to wait until all others have been told.
static enum err decide_array(struct flow *flow, struct decision *decision) {
    struct store_txn *txn;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = decide_load(txn, decision, &decision->job);
    uint64_t first = err == OK ? decision->job.ask.array : 0;
    if (first) decision->id = first;
    if (first) err = decide_load(txn, decision, &decision->job);
    store_read_end(txn);
    return first && err == OK ? array_decide(flow, &decision->job, &decision->approval) : err;
}

static enum err decide(struct flow *flow, struct call *call, enum approval_state to) {
    struct decision decision = {.call = call, .id = call->id};
    struct job_approval *approval = &decision.approval;
    bool rejected = to == APPROVAL_REJECTED;
    enum err err = allow(call, ROLE_SYSTEM);
    if (err == OK) err = call_text(call, "reason", rejected, REASON_BYTES_MAX, &approval->reason);
    if (err != OK) return err;
    approval->state = to;
    approval->by = who_of(&call->actor);
    approval->decided_ms = clock_now_ms();
    err = decide_array(flow, &decision);
    if (err == OK) err = store_write(flow->store, decide_change, &decision);
    if (err == ERR_DENIED) { // a refusal is part of the story too
        struct call inner = *call;
        inner.fault = NULL;
        (void)!audit_note(flow, &inner, "job.refused", "job", call->id,
                          STR("approval.same_person"));
    }
    if (err != OK) return missing(call, err, "job.not_found");
    if (rejected) {
        runner_cancel(flow, decision.job.id);
    } else {
        runner_approve(flow, decision.job.id);
    }
    view_job(flow, call->out, &decision.job);
    return answer_end(call);
}

enum err flow_job_approve(struct flow *flow, struct call *call) {
    return decide(flow, call, APPROVAL_APPROVED);
}

enum err flow_job_reject(struct flow *flow, struct call *call) {
    return decide(flow, call, APPROVAL_REJECTED);
}

// ---- shown -------------------------------------------------------------------------------------
void view_approval(struct flow *flow, struct json_writer *out, const struct job *job) {
    const struct job_approval *approval = &job->approval;
    json_put_name(out, "approval");
    if (approval->state == APPROVAL_NONE) {
        json_put_null(out);
        return;
    }
    bool waits = approval->state == APPROVAL_WAITING && job->state == JOB_QUEUED;
    json_open_object(out);
    json_set_text(out, "state", str_of(approval_state_name(approval->state)));
    json_put_name(out, "over");
    json_open_array(out);
    for (int i = 0; i < THRESHOLD_COUNT; i++) {
        if (approval->most[i] < 0) continue;
        json_open_object(out);
        json_set_text(out, "threshold", str_of(threshold_name((enum threshold)i)));
        json_set_i64(out, "asks", asks(job, (enum threshold)i));
        json_set_i64(out, "most", approval->most[i]);
        json_close_object(out);
    }
    json_close_array(out);
    // When it would start if it were approved now.
    view_time(out, "start_ms",
              waits ? schedule_if_approved(flow->schedule, job->id, clock_now_ms()) : 0);
    json_set_text(out, "decided_by", approval->by.name);
    view_time(out, "decided_ms", approval->decided_ms);
    json_set_text(out, "reason", approval->reason);
    json_close_object(out);
}
