// Language models as records: taken in, listed, shown, switched off, put away.
#include "flow/models/language.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "model/language/model_quantise.h"

enum { CACHE_TEXTS = 4, CACHE_TEXT_TOKENS = 8192 };
#define SERVE_BYTES ((uint64_t)256 << 20) // of the process itself, constraints (96 MiB) among it

// ---- views --------------------------------------------------------------------------------------

uint64_t language_memory(const struct language_model *model, uint64_t *out_cache) {
    // The file is mapped or packed, what is made besides is `work_bytes`; some texts of usual
    // length fit, or one of the greatest.
    uint64_t usual = model->context < CACHE_TEXT_TOKENS ? model->context : CACHE_TEXT_TOKENS;
    uint64_t tokens = CACHE_TEXTS * usual;
    if (tokens < model->context) tokens = model->context;
    *out_cache = model->embeds ? 0 : (tokens + 64) * model->token_bytes;
    return model->bytes + model->work_bytes + *out_cache + SERVE_BYTES;
}

// `txn` NULL: of one that has just been taken in, which nobody serves yet.
static void view_language(struct flow *flow, struct store_txn *txn, struct arena *arena,
                          struct json_writer *out, const struct language_model *model) {
    uint64_t cache, memory = language_memory(model, &cache);
    bool ready = model->state == MODEL_READY;
    json_open_object(out);
    json_set_u64(out, "id", model->id);
    json_set_text(out, "name", model->name);
    json_set_text(out, "file", model->source_name);
    json_set_text(out, "state", str_of(model_state_name(model->state)));
    json_set_u64(out, "job", model->job);
    json_set_i64(out, "created_ms", model->created_ms);
    json_set_text(out, "actor", model->actor.name);
    view_hash(out, "hash", &model->file);
    json_set_u64(out, "bytes", model->bytes);
    json_set_text(out, "architecture", model->architecture);
    json_set_text(out, "weights", model->weights);
    json_set_u64(out, "parameters", model->parameters);
    json_set_u64(out, "context", model->context);
    json_set_u64(out, "vocabulary", model->vocabulary);
    json_set_bool(out, "embeds", model->embeds);
    json_set_bool(out, "chats", model->chats);
    json_set_bool(out, "on", model->on);
    json_set_u64(out, "memory_bytes", ready ? memory : 0);
    json_set_u64(out, "cache_bytes", ready ? cache : 0);
    json_set_u64(out, "memory_most_bytes", flow->largest.memory_bytes);
    json_set_bool(out, "fits", ready && memory <= flow->largest.memory_bytes);
    json_put_name(out, "serving");
    if (model->serving) {
        json_put_u64(out, model->serving);
    } else {
        json_put_null(out);
    }
    json_put_name(out, "service");
    view_service(flow, txn, arena, out, model);
    json_close_object(out);
}

static enum err language_item(struct list *list, struct store_txn *txn,
                              struct record_reader *record, bool show, bool *out_wanted) {
    struct language_model model;
    enum err err = language_model_read(record, list->scratch, &model);
    if (err != OK) return err;
    *out_wanted = !model.deleted;
    if (*out_wanted && show) {
        view_language(list->flow, txn, list->scratch, list->call->out, &model);
    }
    return OK;
}

enum err flow_language_list(struct flow *flow, struct call *call) {
    enum err err = allow(call, ROLES_FLOW | ROLE_SYSTEM);
    if (err != OK) return err;
    struct list list = {.flow = flow, .call = call, .table = TABLE_LANGUAGE, .item = language_item};
    return list_write(&list);
}

enum err language_load(struct store_txn *txn, const struct call *call, struct language_model *out) {
    enum err err = language_model_load(txn, call->arena, call->id, out);
    return err == OK && out->deleted ? ERR_NOT_FOUND : err;
}

enum err language_answer(struct flow *flow, struct call *call) {
    struct language_model model;
    struct store_txn *txn;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = language_load(txn, call, &model);
    if (err == OK) view_language(flow, txn, call->arena, call->out, &model);
    store_read_end(txn);
    return err == OK ? answer_end(call) : missing(call, err, "language.not_found");
}

enum err flow_language_show(struct flow *flow, struct call *call) {
    enum err err = allow(call, ROLES_FLOW | ROLE_SYSTEM);
    return err == OK ? language_answer(flow, call) : err;
}

// ---- by name ------------------------------------------------------------------------------------

struct seeking {
    struct arena *arena;
    struct str name;
    uint64_t id;
    struct language_model *out;
    enum err err;
    bool found;
};

static bool seek_visit(void *ctx, struct str key, struct record_reader *record) {
    struct seeking *seeking = ctx;
    struct language_model model;
    (void)key;
    seeking->err = language_model_read(record, seeking->arena, &model);
    if (seeking->err != OK) return false;
    if (model.deleted || model.state == MODEL_FAILED) return true;
    seeking->found =
        seeking->name.size ? str_equal(model.name, seeking->name) : model.id == seeking->id;
    if (seeking->found) *seeking->out = model;
    return !seeking->found;
}

// There are few: looked through, the newest first.
static enum err seek(struct store_txn *txn, struct seeking *seeking) {
    enum err err =
        store_scan(txn, TABLE_LANGUAGE, (struct key){.size = 0}, true, seek_visit, seeking);
    return err == OK ? seeking->err : err;
}

enum err language_named(struct store_txn *txn, struct arena *arena, struct str name,
                        struct language_model *out, struct fault *fault) {
    struct seeking seeking = {.arena = arena, .name = name, .out = out};
    enum err err = seek(txn, &seeking);
    if (err == OK && !seeking.found && str_to_u64(name, &seeking.id)) {
        seeking.name = STR_NONE;
        err = seek(txn, &seeking);
    }
    if (err != OK) return err;
    if (!seeking.found || !out->on || out->state != MODEL_READY) {
        return fault_set(fault, ERR_NOT_FOUND, "language.not_found", name);
    }
    return OK;
}

// ---- taking in ----------------------------------------------------------------------------------

struct language_import {
    struct flow *flow;
    struct call *call;
    struct language_model model;
    struct job job;
    uint64_t new_bytes; // that come into the box with it; of an upload they are here already
};

static enum err name_free(struct store_txn *txn, const struct call *call,
                          const struct language_model *model) {
    struct language_model other;
    struct seeking seeking = {.arena = call->arena, .name = model->name, .out = &other};
    enum err err = seek(txn, &seeking);
    if (err != OK || !seeking.found || other.id == model->id) return err;
    return fault_set(call->fault, ERR_CONFLICT, "language.name_taken", model->name);
}

static enum err import_change(struct store_txn *txn, void *ctx) {
    struct language_import *import = ctx;
    const struct call *call = import->call;
    struct language_model *model = &import->model;
    enum err err = name_free(txn, call, model);
    if (err == OK) err = bytes_allowed(txn, call, import->new_bytes);
    if (err == OK) err = store_next_id(txn, TABLE_LANGUAGE, &model->id);
    import->job.subject = model->id;
    if (err == OK) err = job_request(import->flow, txn, call, &import->job);
    model->job = import->job.id;
    if (err == OK) err = language_model_save(txn, model);
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, "language.import", "language", model->id, "ok",
                     model->source_name);
}

// Where its file comes from: an upload, or a file in DIR/incoming.
static enum err import_source(struct language_import *import, struct job_input *out) {
    const struct call *call = import->call;
    struct upload_record upload;
    if (json_member(call->body, "incoming")) {
        struct str name;
        enum err err = call_text(call, "incoming", 1, LIMIT_NAME_BYTES, &name);
        if (err == OK) err = incoming_ready(import->flow, call, name, &import->new_bytes);
        *out = (struct job_input){.name = STR("incoming"), .kind = INPUT_INCOMING};
        import->model.source_name = name;
        return err;
    }
    uint64_t id = json_member_u64(call->body, "upload", 0);
    enum err err = upload_ready(import->flow, call, id, &upload);
    *out = (struct job_input){.name = STR("source"), .kind = INPUT_UPLOAD, .id = id};
    if (err == OK) import->model.source_name = upload.name;
    return err;
}

// Its record and the job that reads it (or makes it) from `source`; answers with both.
static enum err import_begin(struct language_import *import, const struct job_input *source,
                             struct str options) {
    struct call *call = import->call;
    struct language_model *model = &import->model;
    if (!runner_has_room(import->flow, 1)) {
        return fault_set(call->fault, ERR_LIMIT, "job.queue_full", STR_NONE);
    }
    model->created_ms = clock_now_ms();
    model->actor = who_of(&call->actor);
    model->on = true;
    import->job = (struct job){
        .step = STR("language"),
        .actor = model->actor,
        .subject_kind = STR("language"),
        .subject_name = model->name,
        .inputs = {*source},
        .input_count = 1,
        .options = options,
        .source_name = model->source_name,
    };
    enum err err = store_write(import->flow->store, import_change, import);
    if (err != OK) return err;
    runner_add(import->flow, &import->job);
    json_open_object(call->out);
    json_put_name(call->out, "model");
    view_language(import->flow, NULL, call->arena, call->out, model);
    json_put_name(call->out, "job");
    view_job(import->flow, call->out, &import->job);
    json_close_object(call->out);
    return answer_end(call);
}

enum err flow_language_import(struct flow *flow, struct call *call) {
    struct language_import import = {.flow = flow, .call = call};
    struct job_input source = {0};
    enum err err = allow(call, ROLE_RESEARCH);
    if (err == OK) err = call_text(call, "name", 1, LANGUAGE_NAME_BYTES, &import.model.name);
    if (err == OK) err = import_source(&import, &source);
    return err == OK ? import_begin(&import, &source, STR_NONE) : err;
}

// ---- made smaller -------------------------------------------------------------------------------

// Of what may be asked for: a type in fewer bits than those a model is published in.
static bool weights_small(struct str name) {
    enum tensor_type type;
    if (!quantise_type_of(name, &type)) return false;
    return type != TENSOR_F32 && type != TENSOR_F16 && type != TENSOR_BF16;
}

static enum err quantise_source(struct language_import *import, struct language_model *out) {
    const struct call *call = import->call;
    struct store_txn *txn;
    enum err err = store_read_begin(import->flow->store, &txn);
    if (err != OK) return err;
    err = language_load(txn, call, out);
    store_read_end(txn);
    if (err == OK && out->state != MODEL_READY) err = ERR_NOT_FOUND;
    if (err != OK) return missing(call, err, "language.not_found");
    if (weights_small(out->weights) || !quantise_type_of(out->weights, &(enum tensor_type){0})) {
        return fault_set(call->fault, ERR_CONFLICT, "language.quantised", out->name);
    }
    return OK;
}

enum err flow_language_quantise(struct flow *flow, struct call *call) {
    struct language_import import = {.flow = flow, .call = call};
    struct language_model from;
    struct str weights;
    char options[64];
    enum err err = allow(call, ROLE_RESEARCH);
    if (err == OK) err = call_text(call, "name", 1, LANGUAGE_NAME_BYTES, &import.model.name);
    if (err == OK) err = call_text(call, "weights", 1, LIMIT_NAME_BYTES, &weights);
    if (err == OK && !weights_small(weights)) {
        err = fault_set(call->fault, ERR_INPUT, "quantise.bad_type", weights);
    }
    if (err == OK) err = quantise_source(&import, &from);
    if (err != OK) return err;
    import.model.source_name = from.source_name;
    import.new_bytes = from.bytes / 2; // about what the largest type makes of 16 bits
    snprintf(options, sizeof options, "{\"weights\":\"%.*s\"}", (int)weights.size, weights.data);
    struct job_input source = job_input_blob("model", &from.file);
    return import_begin(&import, &source, arena_text(call->arena, str_of(options)));
}

// ---- changing -----------------------------------------------------------------------------------

struct language_change {
    const struct call *call;
    const char *action;
    bool has_on, on, put_away, stop;
    struct str name;  // another one; STR_NONE: as it was
    uint64_t stopped; // a job that serves it no longer; 0: none
    struct language_model model;
};

// Whoever serves it is told to end: as a person's cancelling does.
static enum err serving_stop(struct store_txn *txn, struct language_change *change) {
    struct job job;
    const struct call *call = change->call;
    enum err err = job_load(txn, call->arena, change->model.serving, &job);
    if (err == ERR_NOT_FOUND) return OK;
    if (err != OK || job_is_over(&job)) return err;
    change->stopped = job.id;
    if (job.state == JOB_QUEUED) {
        return job_end_badly(txn, call->arena, &job, JOB_CANCELLED, NULL);
    }
    job.cancel = true;
    return job_save(txn, &job);
}

static enum err language_change(struct store_txn *txn, void *ctx) {
    struct language_change *change = ctx;
    const struct call *call = change->call;
    struct language_model *model = &change->model;
    enum err err = language_load(txn, call, model);
    if (err != OK) return err;
    if (model->actor.id != call->actor.person_id && !(call->actor.roles & ROLE_SYSTEM)) {
        return fault_set(call->fault, ERR_DENIED, "language.not_yours", model->actor.name);
    }
    if (change->has_on) model->on = change->on;
    if (change->name.size) {
        model->name = change->name;
        err = name_free(txn, call, model);
    }
    if (err == OK && change->put_away) {
        model->deleted = true;
        if (!hash_none(&model->file)) err = blob_drop(txn, &model->file);
    }
    bool ends = !model->on || model->deleted || change->stop;
    if (err == OK && ends && model->serving) {
        err = serving_stop(txn, change);
    }
    if (err == OK) err = language_model_save(txn, model);
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, change->action, "language", model->id, "ok",
                     change->name);
}

static enum err change_run(struct flow *flow, struct language_change *change) {
    enum err err = allow(change->call, ROLE_RESEARCH | ROLE_SYSTEM);
    bool freeing = change->put_away || change->stop;
    if (err == OK) {
        err = freeing ? store_write_freeing(flow->store, language_change, change)
                      : store_write(flow->store, language_change, change);
    }
    if (err == OK && change->stopped) runner_cancel(flow, change->stopped);
    return missing(change->call, err, "language.not_found");
}

enum err flow_language_change(struct flow *flow, struct call *call) {
    const struct json *on = json_member(call->body, "on");
    struct language_change change = {.call = call,
                                     .action = "language.change",
                                     .has_on = json_is_bool(on),
                                     .on = json_bool(on, true)};
    enum err err = OK;
    if (json_member(call->body, "name")) {
        err = call_text(call, "name", 1, LANGUAGE_NAME_BYTES, &change.name);
    }
    if (err == OK) err = change_run(flow, &change);
    return err == OK ? language_answer(flow, call) : err;
}

enum err flow_language_stop(struct flow *flow, struct call *call) {
    struct language_change change = {.call = call, .action = "language.stop", .stop = true};
    enum err err = change_run(flow, &change);
    return err == OK ? language_answer(flow, call) : err;
}

enum err flow_language_delete(struct flow *flow, struct call *call) {
    struct language_change change = {.call = call, .action = "language.delete", .put_away = true};
    return change_run(flow, &change);
}

// ---- its job ------------------------------------------------------------------------------------

struct language_start {
    struct flow *flow;
    struct arena *arena;
    uint64_t model;
    struct job job;
    bool made;
    struct fault *fault;
};

static enum err start_change(struct store_txn *txn, void *ctx) {
    struct language_start *start = ctx;
    struct language_model model;
    char options[96];
    uint64_t cache;
    enum err err = language_model_load(txn, start->arena, start->model, &model);
    if (err == OK && (model.deleted || !model.on || model.state != MODEL_READY)) {
        err = ERR_NOT_FOUND;
    }
    if (err == ERR_NOT_FOUND) {
        return fault_set(start->fault, err, "language.not_found", STR_NONE);
    }
    if (err == OK && model.serving) err = job_load(txn, start->arena, model.serving, &start->job);
    if (err != OK && err != ERR_NOT_FOUND) return err;
    bool alive = !job_is_over(&start->job);
    if (model.serving && err == OK && alive) return OK;
    uint64_t memory = language_memory(&model, &cache);
    snprintf(options, sizeof options, "{\"cache_bytes\":%" PRIu64 ",\"idle_ms\":%d}", cache,
             LANGUAGE_IDLE_MS);
    start->job = (struct job){
        .step = STR("serve"),
        .actor = model.actor,
        .subject_kind = STR("language"),
        .subject = model.id,
        .subject_name = model.name,
        .inputs = {job_input_blob("model", &model.file)},
        .input_count = 1,
        .options = arena_text(start->arena, str_of(options)),
        .memory_bytes = memory,
        .when.estimate_ms = LANGUAGE_IDLE_MS, // or longer, for as long as it is asked
    };
    start->made = true;
    err = job_create(start->flow, txn, &start->job);
    model.serving = start->job.id;
    return err == OK ? language_model_save(txn, &model) : err;
}

enum err language_serve(struct flow *flow, struct arena *arena, uint64_t model, uint64_t *out_job,
                        struct fault *fault) {
    struct language_start start = {.flow = flow, .arena = arena, .model = model, .fault = fault};
    enum err err = store_write(flow->store, start_change, &start);
    if (err != OK) return err;
    if (start.made) runner_add(flow, &start.job);
    *out_job = start.job.id;
    return OK;
}
