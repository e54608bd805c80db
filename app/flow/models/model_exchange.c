// Models that come from elsewhere and go there: an upload becomes one of the list, a model comes
// down as XGBoost's JSON. What is taken in is a model file of ours or XGBoost's JSON; it was not
// judged here, so it has no scorecard, release or lineage, and the upload's name says whence.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "flow/flow_private.h"
#include "model/tabular/tabular.h"

// Read in the service itself, so bounded; what is larger goes through the command line.
#define IMPORT_BYTES_MAX ((size_t)64 << 20)
#define MODEL_BYTES_MAX ((size_t)1 << 30)

// ---- in -----------------------------------------------------------------------------------------

struct importing {
    struct flow *flow;
    const struct call *call;
    struct model model;
    uint64_t file_bytes;
};

static enum err model_of_text(struct str text, struct tabular_model **out, struct fault *fault) {
    if (str_starts(text, STR("CYTAB"))) return tabular_load(text, out, fault);
    return tabular_xgboost_read(text, out, fault);
}

static enum err upload_read(struct flow *flow, const struct call *call, uint64_t upload,
                            struct tabular_model **out) {
    char path[LIMIT_PATH_BYTES];
    struct file_map map;
    upload_path(flow, upload, path);
    enum err err = file_map(path, &map, call->fault);
    if (err != OK) return err;
    if (map.size > IMPORT_BYTES_MAX) {
        err = fault_set(call->fault, ERR_LIMIT, "model.import_too_large", STR("64"));
    } else {
        err = model_of_text((struct str){(const char *)map.data, map.size}, out, call->fault);
    }
    file_unmap(&map);
    // Of a file that a person gave, not of what is stored here: no fault of the box.
    return err == ERR_CORRUPT ? ERR_INPUT : err;
}

// The model's file as a blob, and what the list shows of it.
static enum err model_keep(struct importing *importing, const struct tabular_model *read) {
    const struct call *call = importing->call;
    struct tabular_about about = tabular_about(read);
    struct model *model = &importing->model;
    struct buf bytes;
    buf_open(&bytes, MODEL_BYTES_MAX);
    tabular_save(read, &bytes);
    enum err err = buf_err(&bytes);
    if (err == OK) {
        err = blob_put(importing->flow, buf_str(&bytes), &model->file, &importing->file_bytes,
                       call->fault);
    }
    buf_close(&bytes);
    model->target = arena_text(call->arena, about.target);
    model->task = str_of(tabular_task_name(about.task));
    model->learner = about.learner == LEARNER_LINEAR ? STR("linear") : STR("boost");
    model->state = MODEL_READY;
    return err == OK && !model->target.data ? ERR_MEMORY : err;
}

static enum err import_change(struct store_txn *txn, void *ctx) {
    struct importing *importing = ctx;
    const struct call *call = importing->call;
    struct model *model = &importing->model;
    enum err err = bytes_allowed(txn, call, importing->file_bytes);
    if (err == OK) err = blob_register(txn, &model->file, importing->file_bytes);
    if (err == OK) err = store_next_id(txn, TABLE_MODEL, &model->id);
    if (err == OK) err = model_save(txn, model);
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, "model.import", "model", model->id, "ok",
                     model->release_title);
}

enum err flow_model_import(struct flow *flow, struct call *call) {
    struct importing importing = {.flow = flow, .call = call};
    struct model *model = &importing.model;
    struct upload_record upload;
    struct tabular_model *read = NULL;
    enum err err = allow(call, ROLE_RESEARCH);
    if (err == OK) err = call_text(call, "name", 1, LIMIT_NAME_BYTES, &model->name);
    uint64_t id = json_member_u64(call->body, "upload", 0);
    if (err == OK) err = upload_ready(flow, call, id, &upload);
    if (err == OK) err = upload_read(flow, call, id, &read);
    if (err != OK) return err;
    model->release_title = upload.name;
    model->created_ms = clock_now_ms();
    model->actor = who_of(&call->actor);
    err = model_keep(&importing, read);
    tabular_close(read);
    if (err == OK) err = store_write(flow->store, import_change, &importing);
    if (err != OK) return err;
    view_model(call->out, model);
    json_close_object(call->out);
    return answer_end(call);
}

// ---- out ----------------------------------------------------------------------------------------

static enum err export_write(struct flow *flow, const struct call *call, const struct model *model,
                             const char *path) {
    struct loaded *loaded;
    enum err err = models_take(flow, &model->file, &loaded, call->fault);
    if (err != OK) return err;
    struct buf text;
    buf_open(&text, MODEL_BYTES_MAX);
    err = tabular_xgboost_write(loaded_model(loaded), &text, call->fault);
    if (err == OK) err = file_write(path, buf_str(&text), call->fault);
    buf_close(&text);
    models_give(flow->models, loaded);
    return err;
}

// Made at the first download and named by the model's hash, as the CSV of a release is.
enum err flow_model_export(struct flow *flow, struct call *call, struct flow_download *out) {
    char hex[SHA256_HEX_SIZE];
    struct model model;
    struct store_txn *txn;
    struct flow_download download = {.content_type = "application/json"};
    enum err err = allow(call, ROLE_RESEARCH);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = model_load(txn, call->arena, call->id, &model);
    store_read_end(txn);
    if (err == OK && model.deleted) err = ERR_NOT_FOUND;
    if (err != OK) return missing(call, err, "model.not_found");
    if (model.state != MODEL_READY) {
        return fault_set(call->fault, ERR_CONFLICT, "predict.not_ready", model.name);
    }
    hash_hex(&model.file, hex);
    path_of(download.path, "%s/exports/%s.json", store_dir(flow->store), hex);
    if (!file_exists(download.path)) err = export_write(flow, call, &model, download.path);
    if (err == OK) err = audit_note(flow, call, "model.export", "model", model.id, STR_NONE);
    if (err != OK) return err;
    snprintf(download.name, sizeof download.name, "model-%" PRIu64 ".json", model.id);
    *out = download;
    return OK;
}
