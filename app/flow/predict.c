// Predicting rows that come with the call, and whole files as jobs.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "flow/flow_private.h"
#include "flow/steps_private.h"

#define ONE_HALF 0.5 // a binary class is told as positive from here on

static enum err model_ready(struct flow *flow, const struct call *call, struct model *out) {
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

// ---- rows in ----------------------------------------------------------------------------------

struct rows {
    struct call *call;
    struct tabular_about about;
    uint32_t count;
    float **values; // (F)(count)
    double *out;    // (count, K)
    double *shares; // (count, K, F + 1) or NULL
};

// A number for a category is taken as its text: 1 as "1".
static bool value_read(const struct feature *feature, const struct json *node, float *out) {
    char text[40];
    if (json_is_null(node)) {
        *out = NAN;
        return true;
    }
    if (json_is_string(node)) return feature_of_text(feature, json_text(node), out);
    if (json_is_bool(node)) {
        bool value = json_bool(node, false);
        return feature_of_text(feature, value ? STR("true") : STR("false"), out);
    }
    if (!json_is_number(node)) return false;
    struct buf number;
    buf_open(&number, sizeof text);
    buf_add_double(&number, json_number(node, NAN));
    bool read = buf_err(&number) == OK && feature_of_text(feature, buf_str(&number), out);
    buf_close(&number);
    return read;
}

static enum err row_read(struct rows *rows, const struct json *row, uint32_t at) {
    struct fault *fault = rows->call->fault;
    if (!json_is_object(row)) {
        return fault_at(fault, ERR_INPUT, "predict.not_a_row", at + 1, 0, STR_NONE);
    }
    for (uint32_t f = 0; f < rows->about.feature_count; f++) {
        const struct feature *feature = &rows->about.features[f];
        const struct json *node = NULL;
        for (const struct json *item = json_first(row); item && !node; item = json_next(item)) {
            if (str_equal(json_name(item), feature->name)) node = item;
        }
        if (!node) {
            return fault_at(fault, ERR_INPUT, "predict.missing_column", at + 1, 0, feature->name);
        }
        if (!value_read(feature, node, &rows->values[f][at])) {
            return fault_at(fault, ERR_INPUT, "predict.wrong_type", at + 1, f + 1, feature->name);
        }
    }
    return OK;
}

static enum err rows_take(struct rows *rows, bool contributions) {
    struct arena *arena = rows->call->arena;
    const struct tabular_about *about = &rows->about;
    rows->values = ARENA_ARRAY(arena, float *, about->feature_count);
    rows->out = ARENA_ARRAY(arena, double, (size_t)rows->count * about->outputs);
    if (!rows->values || !rows->out) return ERR_MEMORY;
    for (uint32_t f = 0; f < about->feature_count; f++) {
        rows->values[f] = ARENA_ARRAY(arena, float, rows->count);
        if (!rows->values[f]) return ERR_MEMORY;
    }
    if (!contributions) return OK;
    size_t each = (size_t)about->outputs * (about->feature_count + 1);
    rows->shares = ARENA_ARRAY(arena, double, (size_t)rows->count *each);
    return rows->shares ? OK : ERR_MEMORY;
}

static enum err rows_read(struct rows *rows, bool contributions) {
    const struct json *list = json_member(rows->call->body, "rows");
    struct fault *fault = rows->call->fault;
    size_t count = json_count(list);
    if (!json_is_array(list) || count == 0) {
        return fault_set(fault, ERR_INPUT, "call.missing", STR("rows"));
    }
    if (count > PREDICT_ROWS_MAX) {
        return fault_set(fault, ERR_LIMIT, "predict.too_many_rows", STR_NONE);
    }
    rows->count = (uint32_t)count;
    enum err err = rows_take(rows, contributions);
    if (err != OK) return fault_set(fault, err, "predict.no_memory", STR_NONE);
    uint32_t at = 0;
    for (const struct json *row = json_first(list); row && err == OK; row = json_next(row)) {
        err = row_read(rows, row, at++);
    }
    return err;
}

// ---- predictions out --------------------------------------------------------------------------

struct feature_share {
    uint32_t feature;
    double contribution;
};

static int share_order(const void *a, const void *b) {
    const struct feature_share *left = a, *right = b;
    double x = fabs(left->contribution), y = fabs(right->contribution);
    if (x != y) return x > y ? -1 : 1;
    return left->feature < right->feature ? -1 : left->feature > right->feature;
}

static void contributions_write(struct rows *rows, uint32_t row, uint32_t output,
                                struct feature_share *order) {
    const struct tabular_about *about = &rows->about;
    struct json_writer *out = rows->call->out;
    size_t width = about->feature_count + 1;
    const double *shares = rows->shares + ((size_t)row * about->outputs + output) * width;
    for (uint32_t f = 0; f < about->feature_count; f++)
        order[f] = (struct feature_share){f, shares[f]};
    qsort(order, about->feature_count, sizeof order[0], share_order);
    json_put_name(out, "contributions");
    json_open_array(out);
    for (uint32_t i = 0; i < about->feature_count; i++) {
        const struct feature *feature = &about->features[order[i].feature];
        json_open_object(out);
        json_set_text(out, "feature", feature->name);
        json_put_name(out, "value");
        feature_put(out, feature, rows->values[order[i].feature][row]);
        json_set_number(out, "contribution", order[i].contribution);
        json_close_object(out);
    }
    json_close_array(out);
    json_set_number(out, "base", shares[about->feature_count]);
}

static void prediction_write(struct rows *rows, uint32_t row, struct feature_share *order) {
    const struct tabular_about *about = &rows->about;
    struct json_writer *out = rows->call->out;
    const double *values = rows->out + (size_t)row * about->outputs;
    uint32_t class = predicted_class(about, values, ONE_HALF);
    json_open_object(out);
    if (about->task == TASK_REGRESSION) {
        json_set_number(out, "value", values[0]);
    } else {
        json_set_text(out, "value", about->classes[class]);
    }
    if (about->task == TASK_BINARY) json_set_number(out, "probability", values[0]);
    if (about->task == TASK_CLASSES) {
        json_put_name(out, "probabilities");
        json_open_object(out);
        for (uint32_t k = 0; k < about->outputs; k++) {
            json_put_name_str(out, about->classes[k]);
            json_put_number(out, values[k]);
        }
        json_close_object(out);
    }
    if (rows->shares) contributions_write(rows, row, about->outputs == 1 ? 0 : class, order);
    json_close_object(out);
}

static enum err rows_predict(struct rows *rows, const struct tabular_model *model, uint64_t id) {
    struct json_writer *out = rows->call->out;
    const struct tabular_about *about = &rows->about;
    struct feature_share *order =
        ARENA_ARRAY(rows->call->arena, struct feature_share, about->feature_count);
    if (!order) return fault_set(rows->call->fault, ERR_MEMORY, "predict.no_memory", STR_NONE);
    struct frame frame = {rows->count, about->feature_count, about->features,
                          (const float *const *)rows->values};
    enum err err = tabular_predict(model, &frame, 1, rows->out, rows->shares);
    if (err != OK) return fault_set(rows->call->fault, err, "predict.no_memory", STR_NONE);
    json_open_object(out);
    json_set_u64(out, "model", id);
    if (about->task == TASK_BINARY) json_set_text(out, "positive", about->classes[1]);
    json_put_name(out, "predictions");
    json_open_array(out);
    for (uint32_t row = 0; row < rows->count; row++) prediction_write(rows, row, order);
    json_close_array(out);
    json_close_object(out);
    return answer_end(rows->call);
}

enum err flow_model_predict(struct flow *flow, struct call *call) {
    struct model model;
    struct loaded *loaded;
    enum err err = model_ready(flow, call, &model);
    if (err == OK) err = models_take(flow, &model.file, &loaded, call->fault);
    if (err != OK) return err;
    struct rows rows = {.call = call, .about = tabular_about(loaded_model(loaded))};
    err = rows_read(&rows, json_member_bool(call->body, "contributions", false));
    if (err == OK) err = rows_predict(&rows, loaded_model(loaded), model.id);
    models_give(flow->models, loaded);
    return err;
}

// ---- a file, as a job -------------------------------------------------------------------------

struct prediction {
    struct flow *flow;
    const struct call *call;
    struct job job;
};

static enum err prediction_change(struct store_txn *txn, void *ctx) {
    struct prediction *prediction = ctx;
    enum err err = submission_allowed(txn, prediction->call, "predict", 0);
    if (err == OK) err = job_create(prediction->flow, txn, &prediction->job);
    if (err == OK) {
        err = job_admit(prediction->flow, txn, prediction->call, &prediction->job);
    }
    return err == OK ? job_audit(txn, &prediction->job, "queued") : err;
}

static struct str prediction_options(const struct call *call) {
    struct buf text, intake;
    buf_open(&text, LIMIT_JSON_BYTES);
    buf_open(&intake, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    const struct json *node = json_member(call->body, "options");
    json_open_object(&out);
    json_set_bool(&out, "contributions", json_member_bool(call->body, "contributions", false));
    if (json_is_object(node)) {
        json_write(&intake, node);
        json_set_raw(&out, "intake", buf_str(&intake));
    }
    json_close_object(&out);
    bool whole = buf_err(&text) == OK && buf_err(&intake) == OK;
    struct str copy = whole ? arena_text(call->arena, buf_str(&text)) : STR_NONE;
    buf_close(&text);
    buf_close(&intake);
    return copy;
}

enum err flow_prediction_create(struct flow *flow, struct call *call) {
    struct prediction prediction = {.flow = flow, .call = call};
    struct model model;
    struct upload_record upload;
    uint64_t id = json_member_u64(call->body, "upload", 0);
    enum err err = model_ready(flow, call, &model);
    if (err == OK) err = upload_ready(flow, call, id, &upload);
    if (err == OK && !runner_has_room(flow, 1)) {
        err = fault_set(call->fault, ERR_LIMIT, "job.queue_full", STR_NONE);
    }
    if (err != OK) return err;
    prediction.job = (struct job){
        .step = STR("predict"),
        .actor = who_of(&call->actor),
        .subject_kind = STR("model"),
        .subject = model.id,
        .subject_name = model.name,
        .source_name = upload.name,
        .inputs = {job_input_blob("model", &model.file),
                   {.name = STR("source"), .kind = INPUT_UPLOAD, .id = id}},
        .input_count = 2,
        .options = prediction_options(call),
    };
    if (!prediction.job.options.size) return ERR_MEMORY;
    err = store_write(flow->store, prediction_change, &prediction);
    if (err != OK) return err;
    runner_add(flow, &prediction.job);
    view_job(flow, call->out, &prediction.job);
    return answer_end(call);
}
