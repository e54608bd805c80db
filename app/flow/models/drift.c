// Holding a release or an uploaded file against the rows a model was trained on, as a job.
#include <string.h>

#include "flow/models/serving.h"

struct drifting {
    struct flow *flow;
    const struct call *call;
    struct job job;
};

static enum err drift_change(struct store_txn *txn, void *ctx) {
    struct drifting *drifting = ctx;
    enum err err = job_request(drifting->flow, txn, drifting->call, &drifting->job);
    return err == OK ? job_audit(txn, &drifting->job, "queued") : err;
}

// A released table, or a file; exactly one of them.
static enum err input_take(struct drifting *drifting, struct call *call) {
    struct job *job = &drifting->job;
    uint64_t release_id = json_member_u64(call->body, "release", 0);
    uint64_t upload_id = json_member_u64(call->body, "upload", 0);
    if ((release_id == 0) == (upload_id == 0)) {
        return fault_set(call->fault, ERR_INPUT, "drift.one_input", STR_NONE);
    }
    if (upload_id) {
        struct upload_record upload;
        enum err err = upload_ready(drifting->flow, call, upload_id, &upload);
        if (err != OK) return err;
        job->source_name = upload.name;
        job->inputs[1] =
            (struct job_input){.name = STR("source"), .kind = INPUT_UPLOAD, .id = upload_id};
        return OK;
    }
    struct release release;
    struct store_txn *txn;
    enum err err = store_read_begin(drifting->flow->store, &txn);
    if (err != OK) return err;
    err = release_load(txn, call->arena, release_id, &release);
    store_read_end(txn);
    if (err != OK) return missing(call, err, "release.not_found");
    if (release.state != RELEASE_RELEASED) {
        return fault_set(call->fault, ERR_CONFLICT, "release.not_released", STR_NONE);
    }
    job->source_name = release.sheet.title;
    job->inputs[1] = job_input_blob("table", &release.table);
    return OK;
}

static struct str intake_options(const struct call *call) {
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    const struct json *node = json_member(call->body, "options");
    json_open_object(&out);
    if (json_is_object(node)) json_set_node(&out, "intake", node);
    json_close_object(&out);
    bool whole = buf_err(&text) == OK;
    struct str copy = whole ? arena_text(call->arena, buf_str(&text)) : STR_NONE;
    buf_close(&text);
    return copy;
}

enum err flow_drift_create(struct flow *flow, struct call *call) {
    struct drifting drifting = {.flow = flow, .call = call};
    struct model model;
    enum err err = model_ready(flow, call, &model);
    if (err != OK) return err;
    drifting.job = (struct job){
        .step = STR("drift"),
        .actor = who_of(&call->actor),
        .subject_kind = STR("model"),
        .subject = model.id,
        .subject_name = model.name,
        .inputs = {job_input_blob("model", &model.file)},
        .input_count = 2,
        .options = intake_options(call),
    };
    err = input_take(&drifting, call);
    if (err == OK && !runner_has_room(flow, 1)) {
        err = fault_set(call->fault, ERR_LIMIT, "job.queue_full", STR_NONE);
    }
    if (err != OK) return err;
    if (!drifting.job.options.size) return ERR_MEMORY;
    err = store_write(flow->store, drift_change, &drifting);
    if (err != OK) return err;
    runner_add(flow, &drifting.job);
    view_job(flow, call->out, &drifting.job);
    return answer_end(call);
}
