// Predicting rows that come with the call, and whole files as jobs.
#include "flow/models/serving.h"
#include "flow/steps/rows_in.h"

enum err model_ready(struct flow *flow, const struct call *call, struct model *out) {
    struct store_txn *txn;
    enum err err = allow(call, ROLES_FLOW);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = model_load(txn, call->arena, call->id, out);
    store_read_end(txn);
    if (err == OK && out->deleted) err = ERR_NOT_FOUND;
    if (err != OK) return missing(call, err, "model.not_found");
    if (out->state == MODEL_READY) return OK;
    return fault_set(call->fault, ERR_CONFLICT, "predict.not_ready", out->name);
}

enum err flow_model_predict(struct flow *flow, struct call *call) {
    struct model model;
    struct loaded *loaded;
    struct rows_in rows;
    enum err err = model_ready(flow, call, &model);
    if (err == OK) err = models_take(flow, &model.file, &loaded, call->fault);
    if (err != OK) return err;
    err = rows_read(&rows, loaded_model(loaded), loaded_asking(loaded), call->arena,
                    json_member(call->body, "rows"), call->fault);
    if (err == ERR_INPUT) call->findings = rows_findings(&rows);
    if (err == OK) err = rows_predict(&rows, call->fault);
    if (err == OK) {
        json_open_object(call->out);
        json_set_u64(call->out, "model", model.id);
        err = rows_tell(&rows, call->body, call->out, call->fault);
        json_close_object(call->out);
    }
    rows_in_close(&rows);
    models_give(flow->models, loaded);
    return err == OK ? answer_end(call) : err;
}

// ---- a file, as a job -------------------------------------------------------------------------

struct prediction {
    struct flow *flow;
    const struct call *call;
    struct job job;
};

static enum err prediction_change(struct store_txn *txn, void *ctx) {
    struct prediction *prediction = ctx;
    enum err err = job_request(prediction->flow, txn, prediction->call, &prediction->job);
    return err == OK ? job_audit(txn, &prediction->job, "queued") : err;
}

// "csv" where nothing is told.
static struct str format_told(const struct call *call) {
    struct str told = json_member_text(call->body, "format");
    return told.size ? told : STR("csv");
}

static struct str prediction_options(const struct call *call,
                                     const struct prediction_asked *asked) {
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    const struct json *node = json_member(call->body, "options");
    json_open_object(&out);
    json_set_bool(&out, "contributions", json_member_bool(call->body, "contributions", false));
    json_set_text(&out, "format", format_told(call));
    const struct json *times = json_member(call->body, "times");
    if (times) json_set_node(&out, "times", times);
    if (asked->endpoint) {
        json_set_u64(&out, "endpoint", asked->endpoint);
        json_set_u64(&out, "version", asked->version);
    }
    if (json_is_object(node)) json_set_node(&out, "intake", node);
    json_close_object(&out);
    bool whole = buf_err(&text) == OK;
    struct str copy = whole ? arena_text(call->arena, buf_str(&text)) : STR_NONE;
    buf_close(&text);
    return copy;
}

// The file that was uploaded, or the release that the model was trained on (what comes after it is
// what a forecast is for).
static enum err rows_find(struct flow *flow, struct call *call, const struct model *model,
                          struct job_input *out, struct str *name) {
    uint64_t id = json_member_u64(call->body, "upload", 0);
    if (!json_member_bool(call->body, "release", false)) {
        struct upload_record upload;
        enum err err = upload_ready(flow, call, id, &upload);
        if (err != OK) return err;
        *out = (struct job_input){.name = STR("source"), .kind = INPUT_UPLOAD, .id = id};
        *name = upload.name;
        return OK;
    }
    struct store_txn *txn;
    struct release release;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = release_load(txn, call->arena, model->release, &release);
    store_read_end(txn);
    if (err != OK) return missing(call, err, "release.not_found");
    if (release.state != RELEASE_RELEASED) {
        return fault_set(call->fault, ERR_CONFLICT, "release.not_released", STR_NONE);
    }
    *out = job_input_blob("table", &release.table);
    *name = release.sheet.title;
    return OK;
}

enum err prediction_queue(struct flow *flow, struct call *call,
                          const struct prediction_asked *asked) {
    struct prediction prediction = {.flow = flow, .call = call};
    const struct model *model = asked->model;
    struct job_input rows;
    struct str source_name;
    enum err err = rows_find(flow, call, model, &rows, &source_name);
    struct str format = format_told(call);
    if (err == OK && !str_is(format, "csv") && !str_is(format, "jsonl")) {
        err = fault_set(call->fault, ERR_INPUT, "predict.bad_format", format);
    }
    if (err == OK && !runner_has_room(flow, 1)) {
        err = fault_set(call->fault, ERR_LIMIT, "job.queue_full", STR_NONE);
    }
    if (err != OK) return err;
    prediction.job = (struct job){
        .step = STR("predict"),
        .actor = who_of(&call->actor),
        .subject_kind = STR("model"),
        .subject = model->id,
        .subject_name = model->name,
        .source_name = source_name,
        .inputs = {job_input_blob("model", &model->file), rows},
        .input_count = 2,
        .options = prediction_options(call, asked),
    };
    if (!prediction.job.options.size) return ERR_MEMORY;
    err = store_write(flow->store, prediction_change, &prediction);
    if (err != OK) return err;
    runner_add(flow, &prediction.job);
    view_job(flow, call->out, &prediction.job);
    return answer_end(call);
}

enum err flow_prediction_create(struct flow *flow, struct call *call) {
    struct model model;
    enum err err = model_ready(flow, call, &model);
    return err == OK ? prediction_queue(flow, call, &(struct prediction_asked){.model = &model})
                     : err;
}
