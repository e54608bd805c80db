// Pilots and their runs as the API shows them; and the runs' list and end as a person asks for it.
#include <string.h>

#include "base/clock.h"
#include "flow/models/pilots.h"
#include "pilot/synthetic.h"

static void demonstration_write(const struct flow *flow, struct json_writer *out,
                                const struct template *one) {
    char path[LIMIT_PATH_BYTES];
    const struct json *demo = json_member(one->node, "demonstration");
    bool package = pilot_demonstration_path(flow, one, path);
    bool synthetic = !package && synthetic_of(one);
    if (synthetic) demo = synthetic_of(one);
    json_put_name(out, "demonstration");
    json_open_object(out);
    json_set_text(out, "kind", package ? STR("package") : synthetic ? STR("synthetic") : STR(""));
    json_set_text(out, "package", json_member_text(demo, "package"));
    const struct json *member = json_first(demo);
    for (; member; member = json_next(member)) {
        if (str_is(json_name(member), "source")) json_put_member(out, member);
    }
    json_close_object(out);
}

void view_pilot(struct flow *flow, struct json_writer *out, const struct template *one,
                bool whole) {
    static const char *const heads[] = {"id", "field", "title", "summary", "needs", "row"};
    json_open_object(out);
    const struct json *member = json_first(one->node);
    for (; member; member = json_next(member)) {
        bool wanted = whole && !str_is(json_name(member), "demonstration");
        for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
            wanted = wanted || str_is(json_name(member), heads[i]);
        }
        if (wanted) json_put_member(out, member);
    }
    demonstration_write(flow, out, one);
    json_close_object(out);
}

// ---- a run --------------------------------------------------------------------------------------

static void put_id(struct json_writer *out, const char *name, uint64_t id) {
    if (id) {
        json_set_u64(out, name, id);
    } else {
        json_set_null(out, name);
    }
}

// The job that runs now: how far it is.
static double job_share(struct flow *flow, const struct job *job) {
    struct active active;
    struct active_now now;
    if (job->state == JOB_DONE) return 1;
    if (job->state != JOB_RUNNING || !active_look(flow, job->id, &active, &now)) return 0;
    if (now.total == 0) return 0;
    double share = (double)now.done / (double)now.total;
    return share < 1 ? share : 1;
}

struct run_now {
    bool has_job;
    struct job job;
    bool release_pending;
    double share; // of the step
};

static enum err now_read(struct flow *flow, struct store_txn *txn, struct arena *arena,
                         const struct pilot_run *run, struct run_now *out) {
    struct release release;
    enum err err = OK;
    if (run->job) {
        err = job_load(txn, arena, run->job, &out->job);
        out->has_job = err == OK;
    }
    if (err == OK && run->release && run->step == PILOT_PUBLISH) {
        err = release_load(txn, arena, run->release, &release);
        out->release_pending = err == OK && release.state == RELEASE_PENDING;
    }
    if (out->has_job) out->share = job_share(flow, &out->job);
    return err;
}

static const char *step_state(const struct pilot_run *run, enum pilot_step step) {
    if (run->released && step <= PILOT_PUBLISH) return "skipped";
    if (run->state == PILOT_DONE || step < run->step) return "done";
    if (step > run->step) return run->state == PILOT_RUNNING ? "waiting" : "skipped";
    return run->state == PILOT_RUNNING ? "running" : pilot_state_name(run->state);
}

// Why it waits, as a message's key: "pilot.waits.WHY".
static const char *waits_for(const struct pilot_run *run, const struct run_now *now) {
    if (run->state != PILOT_RUNNING) return "";
    if (run->fault.code[0]) return "room";
    if (now->release_pending) return "release";
    if (now->has_job && now->job.state == JOB_QUEUED) {
        return now->job.approval.state == APPROVAL_WAITING ? "approval" : "queue";
    }
    return "";
}

static void steps_write(struct json_writer *out, const struct pilot_run *run) {
    json_put_name(out, "steps");
    json_open_array(out);
    for (int i = 0; i < PILOT_STEP_COUNT; i++) {
        enum pilot_step step = (enum pilot_step)i;
        json_open_object(out);
        json_set_text(out, "step", str_of(pilot_step_name(step)));
        json_set_text(out, "state", str_of(step_state(run, step)));
        json_close_object(out);
    }
    json_close_array(out);
}

enum err view_pilot_run(struct flow *flow, struct store_txn *txn, struct arena *arena,
                        struct json_writer *out, const struct pilot_run *run) {
    struct run_now now = {0};
    const struct template *one = template_find(pilots_templates(flow), run->pilot);
    enum err err = now_read(flow, txn, arena, run, &now);
    if (err != OK && err != ERR_NOT_FOUND) return err;
    double first = run->released ? PILOT_TRAIN : 0;
    double done = run->state == PILOT_DONE ? PILOT_STEP_COUNT : (double)run->step + now.share;
    double whole = (double)PILOT_STEP_COUNT - first;
    json_open_object(out);
    json_set_u64(out, "id", run->id);
    json_set_text(out, "pilot", run->pilot);
    json_set_text(out, "field", one ? one->field : STR(""));
    json_set_text(out, "name", run->name);
    json_set_text(out, "owner", run->actor.name);
    json_set_i64(out, "created_ms", run->created_ms);
    view_time(out, "ended_ms", run->ended_ms);
    json_set_text(out, "state", str_of(pilot_state_name(run->state)));
    json_set_text(out, "step", str_of(pilot_step_name(run->step)));
    json_set_text(out, "waits_for", str_of(waits_for(run, &now)));
    json_set_number(out, "progress", done > first ? (done - first) / whole : 0);
    steps_write(out, run);
    json_set_bool(out, "cancelling", run->cancel && run->state == PILOT_RUNNING);
    json_set_text(out, "source", run->source);
    json_set_text(out, "origin", run->origin);
    json_set_text(out, "positive", run->positive);
    json_set_raw(out, "mapping", run->mapping);
    json_set_bool(out, "graph", run->graph.size > 0);
    put_id(out, "job", run->job);
    put_id(out, "dataset", run->dataset);
    put_id(out, "release", run->release);
    put_id(out, "model", run->model);
    put_id(out, "endpoint", run->endpoint);
    json_put_name(out, "fault");
    if (run->fault.code[0]) {
        json_put_fault(out, &run->fault);
    } else {
        json_put_null(out);
    }
    json_close_object(out);
    return OK;
}

enum err view_model_pilot(struct flow *flow, struct store_txn *txn, struct arena *arena,
                          struct json_writer *out, const struct model *model) {
    struct pilot_run run = {0};
    enum err err = OK;
    if (model->pilot_run) err = pilot_run_load(txn, arena, model->pilot_run, &run);
    if (err != OK && err != ERR_NOT_FOUND) return err;
    if (err != OK || !template_find(pilots_templates(flow), run.pilot)) {
        json_set_null(out, "pilot");
        return OK;
    }
    json_put_name(out, "pilot");
    json_open_object(out);
    json_set_text(out, "id", run.pilot);
    json_set_raw(out, "mapping", run.released ? run.mapping : STR("{}"));
    json_close_object(out);
    return OK;
}

// ---- as a person asks for it --------------------------------------------------------------------

static bool run_seen(const struct call *call, const struct pilot_run *run) {
    return run->actor.id == call->actor.person_id ||
           (call->actor.roles & (ROLE_SYSTEM | ROLE_AUDIT)) != 0;
}

static enum err run_item(struct list *list, struct store_txn *txn, struct record_reader *record,
                         bool show, bool *out_wanted) {
    struct pilot_run run;
    enum err err = pilot_run_read(record, list->scratch, &run);
    if (err != OK) return err;
    *out_wanted = run_seen(list->call, &run);
    if (!*out_wanted || !show) return OK;
    return view_pilot_run(list->flow, txn, list->scratch, list->call->out, &run);
}

enum err flow_pilot_run_list(struct flow *flow, struct call *call) {
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    if (err != OK) return err;
    struct list list = {.flow = flow, .call = call, .table = TABLE_PILOT, .item = run_item};
    return list_write(&list);
}

static enum err run_answer(struct flow *flow, struct call *call) {
    struct pilot_run run;
    struct store_txn *txn;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = pilot_run_load(txn, call->arena, call->id, &run);
    if (err == OK && !run_seen(call, &run)) err = ERR_NOT_FOUND;
    if (err == OK) err = view_pilot_run(flow, txn, call->arena, call->out, &run);
    store_read_end(txn);
    return err == OK ? answer_end(call) : missing(call, err, "pilot.run_not_found");
}

enum err flow_pilot_run_show(struct flow *flow, struct call *call) {
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    return err == OK ? run_answer(flow, call) : err;
}

static enum err cancel_change(struct store_txn *txn, void *ctx) {
    const struct call *call = ctx;
    struct pilot_run run;
    enum err err = pilot_run_load(txn, call->arena, call->id, &run);
    if (err == OK && !run_seen(call, &run)) err = ERR_NOT_FOUND;
    if (err != OK) return err;
    if (run.actor.id != call->actor.person_id && !(call->actor.roles & ROLE_SYSTEM)) {
        return fault_set(call->fault, ERR_DENIED, "flow.denied", STR_NONE);
    }
    if (run.state != PILOT_RUNNING) {
        return fault_set(call->fault, ERR_CONFLICT, "pilot.ended", STR_NONE);
    }
    run.cancel = true;
    err = pilot_run_save(txn, &run);
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, "pilot.cancel", "pilot", run.id, "ok", STR_NONE);
}

enum err flow_pilot_run_cancel(struct flow *flow, struct call *call) {
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    if (err == OK) err = store_write_freeing(flow->store, cancel_change, call);
    if (err != OK) return missing(call, err, "pilot.run_not_found");
    pilots_wake(flow);
    return run_answer(flow, call);
}
