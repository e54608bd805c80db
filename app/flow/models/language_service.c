// Whether a language model is served: how the job stands that serves it, and that job begun by hand
// before anybody asks.
#include "flow/models/language.h"
#include "flow/steps/talk.h"

enum service_state {
    SERVICE_OFF,     // nobody serves it; the next question begins that
    SERVICE_WAITS,   // its job waits for a place
    SERVICE_LOADING, // its job reads the file
    SERVICE_IDLE,    // it is loaded, and nobody asks
    SERVICE_SERVES,
};
static const char *const state_names[] = {"off", "waiting", "loading", "idle", "serving"};

static enum service_state state_of(struct flow *flow, const struct job *job, uint32_t requests) {
    char folder[LIMIT_PATH_BYTES];
    if (job->state == JOB_QUEUED) return SERVICE_WAITS;
    if (job->state != JOB_RUNNING) return SERVICE_OFF;
    job_folder(flow, job->id, folder);
    if (!talk_listens(folder)) return SERVICE_LOADING;
    return requests ? SERVICE_SERVES : SERVICE_IDLE;
}

static void why_write(struct flow *flow, struct json_writer *out, const struct job *job,
                      bool waits) {
    struct schedule_why why = {0};
    if (waits) schedule_explain(flow->schedule, job->id, &why);
    json_set_text(out, "reason", waits ? str_of(core_why_name(why.why)) : STR_NONE);
    json_set_u64(out, "blocker", why.blocker);
    view_time(out, "expected_ms", why.expected_ms);
}

void view_service(struct flow *flow, struct store_txn *txn, struct arena *arena,
                  struct json_writer *out, const struct language_model *model) {
    struct job job = {0};
    struct active active = {0};
    struct active_now now = {0};
    bool has = txn && model->serving && job_load(txn, arena, model->serving, &job) == OK;
    uint32_t requests = language_requests(flow, model->id);
    enum service_state state = has ? state_of(flow, &job, requests) : SERVICE_OFF;
    bool lives = state != SERVICE_OFF, waits = state == SERVICE_WAITS;
    if (lives) active_look(flow, job.id, &active, &now);
    json_open_object(out);
    json_set_text(out, "state", str_of(state_names[state]));
    json_put_name(out, "job");
    if (lives) {
        json_put_u64(out, job.id);
    } else {
        json_put_null(out);
    }
    view_time(out, "since_ms", !lives ? 0 : waits ? job.created_ms : job.started_ms);
    why_write(flow, out, &job, waits);
    json_set_u64(out, "memory_bytes", active.memory_used_bytes);
    json_set_u64(out, "requests", requests);
    json_set_u64(out, "tokens", lives ? now.rows : 0);
    json_set_u64(out, "idle_ms", LANGUAGE_IDLE_MS);
    json_put_name(out, "fault"); // of the last one, if it ended badly
    if (job.state == JOB_FAILED && job.fault.code[0]) {
        json_put_fault(out, &job.fault);
    } else {
        json_put_null(out);
    }
    json_close_object(out);
}

// What asking it would do, without a question.
enum err flow_language_serve(struct flow *flow, struct call *call) {
    struct language_model model;
    struct store_txn *txn;
    uint64_t cache, job;
    enum err err = allow(call, ROLES_FLOW | ROLE_SYSTEM);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = language_load(txn, call, &model);
    store_read_end(txn);
    if (err != OK) return missing(call, err, "language.not_found");
    if (language_memory(&model, &cache) > flow->largest.memory_bytes) {
        return fault_set(call->fault, ERR_CONFLICT, "language.does_not_fit", model.name);
    }
    err = language_serve(flow, call->arena, model.id, &job, call->fault);
    if (err == OK) err = audit_note(flow, call, "language.serve", "language", model.id, STR_NONE);
    return err == OK ? language_answer(flow, call) : err;
}
