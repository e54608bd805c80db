// Arrays: one program, many tasks. Their jobs have ids in a row, the first of which names the
// array; they are made, and cancelled, some hundred to a transaction.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "flow/flow_private.h"

enum { TASKS_A_TIME = 512 };
#define OPTIONS_BYTES_MOST ((uint64_t)64 << 20) // of all tasks together

// ---- making ------------------------------------------------------------------------------------
struct making {
    const struct call *call;
    struct job *job; // the task that was made last
    uint64_t from, to;
};

enum err array_read(const struct call *call, struct job *job) {
    const struct json *node = json_member(call->body, "array");
    uint64_t count = 0, at_once = 0;
    if (!node || json_is_null(node)) return OK;
    const struct json *most = json_member(node, "at_once");
    bool good = json_u64(json_member(node, "count"), &count) && count > 0 && count <= TASKS_MAX &&
                (!most || json_is_null(most) || (json_u64(most, &at_once) && at_once <= count));
    bool alone =
        !job->ask.lease && !json_member(json_member(call->body, "schedule"), "deadline_ms");
    if (!good || !alone || job->options.size * count > OPTIONS_BYTES_MOST) {
        return fault_set(call->fault, ERR_INPUT, "command.bad", STR("array"));
    }
    job->ask.count = count;
    job->ask.at_once = at_once;
    return OK;
}

enum err array_begin(struct store_txn *txn, struct job *first) {
    if (first->ask.count == 0) return OK;
    first->ask.array = first->id;
    enum err err = job_save(txn, first);
    for (uint64_t i = 1; i < first->ask.count && err == OK; i++) {
        uint64_t id = 0; // nobody else can have one in between
        err = store_next_id(txn, TABLE_JOB, &id);
    }
    return err;
}

static enum err tasks_make(struct store_txn *txn, void *ctx) {
    struct making *making = ctx;
    struct job first, task = *making->job;
    enum err err = job_load(txn, making->call->arena, task.ask.array, &first);
    bool approved = err == OK && first.approval.state == APPROVAL_APPROVED;
    if (approved) task.approval = first.approval; // meanwhile
    for (uint64_t i = making->from; i < making->to && err == OK; i++) {
        task.id = task.ask.array + i;
        task.ask.index = i;
        err = job_save(txn, &task);
    }
    return err == OK ? job_count(txn, &task, (int)(making->to - making->from)) : err;
}

enum err array_make(struct flow *flow, const struct call *call, struct job *first) {
    enum err err = OK;
    for (uint64_t at = 1; at < first->ask.count && err == OK; at += TASKS_A_TIME) {
        uint64_t to = at + TASKS_A_TIME < first->ask.count ? at + TASKS_A_TIME : first->ask.count;
        struct making making = {call, first, at, to};
        err = store_write(flow->store, tasks_make, &making);
        for (uint64_t i = at; i < to && err == OK; i++) {
            news_put(flow, NEWS_SUBMIT, first->ask.array + i);
        }
    }
    if (err == OK) return OK;
    (void)!array_cancel(flow, call, first); // what was made of it does not run
    return fault_set(call->fault, err, "job.not_committed", str_of(err_name(err)));
}

// ---- cancelling, holding, deciding -------------------------------------------------------------
struct walking {
    struct arena *arena;
    uint64_t from, to;
    enum err (*change)(struct store_txn *txn, struct walking *w, struct job *task);
    bool hold;                           // what array_hold gives them
    const struct job_approval *approval; // what array_decide gives them
    uint64_t ids[TASKS_A_TIME];          // those that were changed
    uint32_t count;
    int ended; // of them, while they waited
};

static enum err tasks_change(struct store_txn *txn, void *ctx) {
    struct walking *w = ctx;
    struct job whose = {.id = 0};
    enum err err = OK;
    w->count = 0;
    w->ended = 0;
    for (uint64_t id = w->from; id < w->to && err == OK; id++) {
        struct job task;
        arena_reset(w->arena);
        err = job_load(txn, w->arena, id, &task);
        if (err == OK) {
            err = w->change(txn, w, &task);
            whose.actor.id = task.actor.id;
            whose.tenant = task.tenant;
        } else if (err == ERR_NOT_FOUND) { // it was never made
            err = OK;
        }
    }
    return err == OK && w->ended ? job_count(txn, &whose, -w->ended) : err;
}

// All tasks, some at a time; `told` is called for each that has been changed.
static enum err array_walk(struct flow *flow, const struct job *task, struct walking *w,
                           void (*told)(struct flow *flow, uint64_t id)) {
    uint64_t end = task->ask.array + task->ask.count;
    enum err err = arena_open(SCRATCH_BYTES, &w->arena);
    for (uint64_t at = task->ask.array; at < end && err == OK; at += TASKS_A_TIME) {
        w->from = at;
        w->to = at + TASKS_A_TIME < end ? at + TASKS_A_TIME : end;
        err = store_write_freeing(flow->store, tasks_change, w);
        for (uint32_t i = 0; i < w->count && err == OK; i++) told(flow, w->ids[i]);
    }
    arena_close(w->arena);
    return err;
}

struct noting {
    const struct call *call;
    const struct job *task;
    const char *action;
};

static enum err array_note(struct store_txn *txn, void *ctx) {
    const struct noting *noting = ctx;
    char detail[48];
    snprintf(detail, sizeof detail, "array of %" PRIu64, noting->task->ask.count);
    return audit_put(txn, noting->call->actor.name, noting->action, "job", noting->task->ask.array,
                     "ok", str_of(detail));
}

static enum err task_cancel(struct store_txn *txn, struct walking *w, struct job *task) {
    if (job_is_over(task)) return OK;
    w->ids[w->count++] = task->id;
    task->cancel = true;
    if (task->state == JOB_RUNNING) return job_save(txn, task);
    task->state = JOB_CANCELLED;
    task->ended_ms = clock_now_ms();
    w->ended++;
    enum err err = approval_forget(txn, task);
    if (err == OK) err = job_save(txn, task);
    bool searches = str_is(task->step, "search");
    return err == OK && searches ? search_try_ended(txn, w->arena, task, NULL) : err;
}

enum err array_cancel(struct flow *flow, const struct call *call, const struct job *task) {
    struct walking w = {.change = task_cancel};
    struct noting noting = {call, task, "job.cancel"};
    enum err err = array_walk(flow, task, &w, runner_cancel);
    return err == OK ? store_write_freeing(flow->store, array_note, &noting) : err;
}

static enum err task_hold(struct store_txn *txn, struct walking *w, struct job *task) {
    if (task->state != JOB_QUEUED || task->when.hold == w->hold) return OK;
    task->when.hold = w->hold;
    w->ids[w->count++] = task->id;
    return job_save(txn, task);
}

static void hold_tell(struct flow *flow, uint64_t id) {
    news_put(flow, NEWS_HOLD, id);
}

enum err array_hold(struct flow *flow, const struct call *call, const struct job *task) {
    struct walking w = {.change = task_hold,
                        .hold = json_member_bool(call->body, "hold", task->when.hold)};
    struct noting noting = {call, task, "job.schedule"};
    enum err err = array_walk(flow, task, &w, hold_tell);
    return err == OK ? store_write(flow->store, array_note, &noting) : err;
}

// All but the first, which whoever decides writes last: until then the array is seen to wait.
static enum err task_decide(struct store_txn *txn, struct walking *w, struct job *task) {
    bool waits = task->state == JOB_QUEUED && task->approval.state == APPROVAL_WAITING;
    if (!waits || task->id == task->ask.array) return OK;
    struct fault rejected = {0};
    w->ids[w->count++] = task->id;
    approval_give(task, w->approval);
    if (task->approval.state == APPROVAL_APPROVED) return job_save(txn, task);
    (void)!fault_set(&rejected, ERR_DENIED, "approval.rejected", w->approval->reason);
    return job_end_badly(txn, w->arena, task, JOB_FAILED, &rejected);
}

enum err array_decide(struct flow *flow, const struct job *first,
                      const struct job_approval *approval) {
    struct walking w = {.change = task_decide, .approval = approval};
    bool approved = approval->state == APPROVAL_APPROVED;
    return array_walk(flow, first, &w, approved ? runner_approve : runner_cancel);
}

// ---- shown -------------------------------------------------------------------------------------
void array_count(struct array_counts *counts, const struct job *task) {
    if (counts->array != task->ask.array) {
        *counts = (struct array_counts){.array = task->ask.array};
    }
    counts->of[task->state]++;
}

void view_array(struct json_writer *out, const struct job *job, const struct array_counts *counts) {
    json_put_name(out, "array");
    if (!job->ask.array) {
        json_put_null(out);
        return;
    }
    json_open_object(out);
    json_set_u64(out, "id", job->ask.array);
    json_set_u64(out, "index", job->ask.index);
    json_set_u64(out, "count", job->ask.count);
    json_set_u64(out, "at_once", job->ask.at_once);
    if (counts) {
        json_put_name(out, "counts");
        json_open_object(out);
        for (int i = 0; i < JOB_STATE_COUNT; i++) {
            json_set_u64(out, job_state_name((enum job_state)i), counts->of[i]);
        }
        json_close_object(out);
    }
    json_close_object(out);
}
