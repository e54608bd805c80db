// Models: trained on a release, listed, shown with their scorecard, put away.
#include <string.h>

#include "base/clock.h"
#include "flow/models/pilots.h"
#include "flow/models/serving.h"
#include "flow/steps/dates_target.h"
#include "flow/steps/series_data.h"

static enum err model_find(struct flow *flow, const struct call *call, struct model *out) {
    struct store_txn *txn;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = model_load(txn, call->arena, call->id, out);
    store_read_end(txn);
    return missing(call, err, "model.not_found");
}

// ---- training -----------------------------------------------------------------------------------

static enum err train_change(struct store_txn *txn, void *ctx) {
    struct training *training = ctx;
    const struct call *call = training->call;
    struct model *model = &training->model;
    struct release now;
    enum err err = release_load(txn, call->arena, call->id, &now);
    if (err != OK) return err;
    if (now.state != RELEASE_RELEASED) {
        return fault_set(call->fault, ERR_CONFLICT, "release.not_released", STR_NONE);
    }
    err = store_next_id(txn, TABLE_MODEL, &model->id);
    training->job.subject = model->id;
    if (err == OK) err = job_request(training->flow, txn, call, &training->job);
    model->job = training->job.id;
    if (err == OK) err = model_save(txn, model);
    if (err == OK) err = pilot_moved(txn, call, PILOT_TRAIN, model->id, model->job);
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, "model.create", "model", model->id, "ok", STR_NONE);
}

static bool has_column(const struct release *release, struct str name) {
    for (uint32_t i = 0; i < release->column_count; i++) {
        if (str_equal(release->columns[i].name, name)) return true;
    }
    return false;
}

// In a wide table of series the target is only what the values are called.
static bool series_is_wide(const struct call *call) {
    const struct json *wish = json_member(call->body, "series");
    return json_member_bool(wish, "wide", false) || json_first(json_member(wish, "values"));
}

static enum err series_check(const struct call *call, const struct release *release) {
    const struct json *wish = json_member(call->body, "series");
    struct series_data data = {0};
    if (!wish || json_is_null(wish)) return OK;
    enum err err = series_wish_read(wish, call->arena, &data, call->fault);
    if (err != OK) return err;
    for (uint32_t i = 0; i < data.time_count; i++) {
        if (has_column(release, data.time[i])) continue;
        return fault_set(call->fault, ERR_INPUT, "train.unknown_column", data.time[i]);
    }
    if (!data.id.size || has_column(release, data.id)) return OK;
    return fault_set(call->fault, ERR_INPUT, "train.unknown_column", data.id);
}

// A target out of two dates is none of the columns.
static enum err dates_check(const struct call *call, const struct release *release,
                            bool *out_dated) {
    struct dates_target dates;
    struct schema schema = {ARENA_ARRAY(call->arena, struct field, release->column_count), 0};
    const struct json *prepare = json_member(call->body, "prepare");
    enum err err = dates_target_read(prepare, &dates, out_dated, call->fault);
    if (err != OK || !*out_dated) return err;
    if (!schema.fields) return ERR_MEMORY;
    for (; schema.count < release->column_count; schema.count++) {
        const struct revision_column *column = &release->columns[schema.count];
        schema.fields[schema.count] = (struct field){column->name, column->type, column->role};
    }
    return dates_target_check(&dates, call->body, &schema, call->fault);
}

// Said at once rather than by a job that fails.
static enum err names_check(const struct call *call, const struct release *release,
                            struct str target, struct str group,
                            const struct preparation *preparation) {
    struct fault *fault = call->fault;
    bool dated = false;
    enum err err = dates_check(call, release, &dated);
    if (err != OK) return err;
    for (uint32_t i = 0; i < preparation->step_count; i++) {
        if (has_column(release, preparation->steps[i].column)) continue;
        return fault_set(fault, ERR_INPUT, "train.unknown_column", preparation->steps[i].column);
    }
    if (!dated && !has_column(release, target) && !series_is_wide(call)) {
        return fault_set(fault, ERR_INPUT, "train.unknown_column", target);
    }
    bool by_scaffold;
    if (group.size && !has_column(release, group_column(group, &by_scaffold))) {
        return fault_set(fault, ERR_INPUT, "train.unknown_column", group);
    }
    static const char *const told[] = {"time", "entity", "weight", "event"};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        struct str name = json_member_text(call->body, told[i]);
        if (name.size == 0 || has_column(release, name)) continue;
        return fault_set(fault, ERR_INPUT, "train.unknown_column", name);
    }
    const struct json *by = json_member(call->body, "judge_by");
    for (const struct json *item = json_first(by); item; item = json_next(item)) {
        bool text = json_is_string(item);
        struct str name = text ? json_text(item) : json_member_text(item, "column");
        if (has_column(release, name)) continue;
        return fault_set(fault, ERR_INPUT, "train.unknown_column", name);
    }
    const struct json *features = json_member(call->body, "features");
    for (const struct json *item = json_first(features); item; item = json_next(item)) {
        if (has_column(release, json_text(item))) continue;
        return fault_set(fault, ERR_INPUT, "train.unknown_column", json_text(item));
    }
    return OK;
}

// The body's part that the step reads.
static struct str train_options(const struct call *call) {
    static const char *const names[] = {"target",  "features",      "group", "task",    "positive",
                                        "prepare", "judge_by",      "time",  "entity",  "weight",
                                        "event",   "class_weights", "times", "options", "series"};
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    json_open_object(&out);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct json *member = json_member(call->body, names[i]);
        if (member && !json_is_null(member)) json_set_node(&out, names[i], member);
    }
    json_close_object(&out);
    bool whole = buf_err(&text) == OK;
    struct str copy = whole ? arena_text(call->arena, buf_str(&text)) : STR_NONE;
    buf_close(&text);
    return copy;
}

// The frame, the learner's bins and histograms, and the table's batches; at least the step's own.
uint64_t train_memory(const struct release *release) {
    uint64_t cells = release->rows * (release->column_count + 1);
    uint64_t wanted = cells * 16 + ((uint64_t)1 << 30);
    uint64_t declared = step_find(STR("train"))->memory_bytes;
    return wanted > declared ? wanted : declared;
}

enum err training_read(struct flow *flow, const struct call *call, uint64_t release_id,
                       struct training *training) {
    struct model *model = &training->model;
    struct tabular_options options;
    struct preparation preparation;
    struct str group;
    const struct json *node = json_member(call->body, "options");
    enum err err = call_text(call, "name", 1, LIMIT_NAME_BYTES, &model->name);
    if (err == OK) err = call_text(call, "target", 1, LIMIT_NAME_BYTES, &model->target);
    if (err == OK) err = call_text(call, "group", 0, LIMIT_NAME_BYTES, &group);
    if (err == OK) err = tabular_options_read(node, &options, call->fault);
    if (err == OK) {
        node = json_member(call->body, "prepare");
        err = preparation_read(node, call->arena, &preparation, call->fault);
    }
    if (err != OK) return err;
    struct store_txn *txn;
    err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = release_load(txn, call->arena, release_id, &training->release);
    store_read_end(txn);
    if (err != OK) return missing(call, err, "release.not_found");
    const struct release *release = &training->release;
    err = names_check(call, release, model->target, group, &preparation);
    if (err == OK) err = series_check(call, release);
    if (err != OK) return err;
    model->release = release->id;
    model->release_title = release->sheet.title;
    model->learner = str_of(tabular_learner_name(options.learner));
    model->created_ms = clock_now_ms();
    model->actor = who_of(&call->actor);
    model->pilot_run = call->pilot_run;
    training->job = (struct job){
        .step = STR("train"),
        .actor = model->actor,
        .subject_kind = STR("model"),
        .subject_name = model->name,
        .inputs = {job_input_blob("table", &release->table)},
        .input_count = 1,
        .options = train_options(call),
        .memory_bytes = train_memory(release),
        .when.rows = release->rows,
    };
    return training->job.options.size ? OK : ERR_MEMORY;
}

enum err flow_model_train(struct flow *flow, struct call *call) {
    struct training training = {.flow = flow, .call = call};
    enum err err = allow(call, ROLE_RESEARCH);
    if (err == OK) err = training_read(flow, call, call->id, &training);
    if (err == OK && !runner_has_room(flow, 1)) {
        err = fault_set(call->fault, ERR_LIMIT, "job.queue_full", STR_NONE);
    }
    if (err == OK) err = store_write(flow->store, train_change, &training);
    if (err != OK) return missing(call, err, "release.not_found");
    runner_add(flow, &training.job);
    json_open_object(call->out);
    json_put_name(call->out, "model");
    view_model(call->out, &training.model);
    json_close_object(call->out);
    json_put_name(call->out, "job");
    view_job(flow, call->out, &training.job);
    json_close_object(call->out);
    return answer_end(call);
}

// ---- reading ------------------------------------------------------------------------------------

static enum err model_item(struct list *list, struct store_txn *txn, struct record_reader *record,
                           bool show, bool *out_wanted) {
    const bool *deleted = list->filter;
    struct model model;
    (void)txn;
    enum err err = model_read(record, list->scratch, &model);
    if (err != OK) return err;
    *out_wanted = model.deleted == *deleted;
    if (!*out_wanted || !show) return OK;
    view_model(list->call->out, &model);
    json_close_object(list->call->out);
    return OK;
}

enum err flow_model_list(struct flow *flow, struct call *call) {
    uint64_t deleted = 0;
    enum err err = allow(call, ROLES_FLOW);
    if (err == OK) err = call_query_u64(call, "deleted", 0, 1, 0, &deleted);
    if (err != OK) return err;
    bool filter = deleted == 1;
    struct list list = {
        .flow = flow, .call = call, .table = TABLE_MODEL, .item = model_item, .filter = &filter};
    return list_write(&list);
}

void features_write(struct json_writer *out, const struct loaded *loaded) {
    const struct tabular_model *model = loaded_model(loaded);
    const struct asking *asking = loaded_asking(loaded);
    struct tabular_about about = tabular_about(model);
    const float *typical = tabular_typical(model);
    json_put_name(out, "features");
    json_open_array(out);
    for (uint32_t a = 0; a < asking->count; a++) {
        const struct asked *asked = &asking->items[a];
        bool number = asked->feature->kind == FEATURE_NUMBER;
        json_open_object(out);
        json_set_text(out, "name", asked->name);
        json_set_text(out, "kind",
                      asked->step ? STR("prepared")
                      : number    ? STR("number")
                                  : STR("category"));
        json_set_text(out, "type", asked->type);
        json_put_name(out, "categories");
        json_open_array(out);
        for (uint32_t i = 0; !asked->step && i < asked->feature->category_count; i++) {
            json_put_text(out, asked->feature->categories[i]);
        }
        json_close_array(out);
        json_put_name(out, "typical");
        if (asked->step) {
            json_put_null(out);
        } else {
            feature_put(out, asked->feature, typical[asked->first]);
        }
        json_close_object(out);
    }
    json_close_array(out);
    json_put_name(out, "classes");
    json_open_array(out);
    for (uint32_t i = 0; i < about.class_count; i++) json_put_text(out, about.classes[i]);
    json_close_array(out);
    json_set_bool(out, "forecasts", preparation_is_series(about.preparation));
}

// null of a model that was imported: nobody here has judged it.
static enum err scorecard_write(struct flow *flow, struct call *call, const struct model *model) {
    struct json *scorecard;
    if (hash_none(&model->scorecard)) {
        json_set_null(call->out, "scorecard");
        return OK;
    }
    enum err err = blob_json(flow, &model->scorecard, &scorecard, call->fault);
    if (err != OK) return err;
    json_set_node(call->out, "scorecard", scorecard);
    json_close(scorecard);
    return OK;
}

static enum err ready_write(struct flow *flow, struct call *call, const struct model *model) {
    struct loaded *loaded;
    struct store_txn *txn;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = view_model_pilot(flow, txn, call->arena, call->out, model);
    store_read_end(txn);
    if (err == OK) err = scorecard_write(flow, call, model);
    if (err == OK) err = models_take(flow, &model->file, &loaded, call->fault);
    if (err != OK) return err;
    features_write(call->out, loaded);
    models_give(flow->models, loaded);
    return OK;
}

// What people have written on its card.
static void card_write(struct json_writer *out, const struct model *model) {
    json_set_text(out, "purpose", model->purpose);
    json_set_text(out, "not_for", model->not_for);
}

enum err flow_model_show(struct flow *flow, struct call *call) {
    struct model model;
    enum err err = allow(call, ROLES_FLOW);
    if (err == OK) err = model_find(flow, call, &model);
    if (err != OK) return err;
    view_model(call->out, &model);
    card_write(call->out, &model);
    if (model.state == MODEL_READY && !hash_none(&model.file))
        err = ready_write(flow, call, &model);
    json_close_object(call->out);
    return err == OK ? answer_end(call) : err;
}

// ---- changing -----------------------------------------------------------------------------------

struct model_change {
    const struct call *call;
    const char *action;
    struct str name, purpose, not_for;
    bool has_name, has_deleted, deleted, has_purpose, has_not_for;
    bool empty; // one that is in the bin already loses its file
    struct model model;
};

// Of one in the bin: back from there while its file is there, or its file goes for good.
static enum err bin_change(struct store_txn *txn, struct model_change *change) {
    struct hash *const files[] = {&change->model.file, &change->model.scorecard};
    bool back = change->has_deleted && !change->deleted;
    if (back && change->model.state == MODEL_READY && hash_none(&change->model.file)) {
        return fault_set(change->call->fault, ERR_CONFLICT, "model.emptied", STR_NONE);
    }
    enum err err = OK;
    for (size_t i = 0; i < 2 && change->empty && err == OK; i++) {
        if (!hash_none(files[i])) err = blob_drop(txn, files[i]);
        *files[i] = (struct hash){0};
    }
    if (change->empty) change->action = "model.empty";
    return err;
}

static enum err alter_change(struct store_txn *txn, void *ctx) {
    struct model_change *change = ctx;
    const struct call *call = change->call;
    enum err err = model_load(txn, call->arena, call->id, &change->model);
    if (err != OK) return err;
    if (change->has_deleted && change->deleted) {
        err = endpoint_keeps(txn, call->arena, call->id, call->fault);
        if (err != OK) return err;
    }
    err = change->model.deleted ? bin_change(txn, change) : OK;
    if (err != OK) return err;
    if (change->has_name) change->model.name = change->name;
    if (change->has_deleted) change->model.deleted = change->deleted;
    if (change->has_purpose) change->model.purpose = change->purpose;
    if (change->has_not_for) change->model.not_for = change->not_for;
    err = model_save(txn, &change->model);
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, change->action, "model", call->id, "ok", STR_NONE);
}

static enum err card_read(struct model_change *change) {
    const struct call *call = change->call;
    enum err err = OK;
    change->has_purpose = json_member(call->body, "purpose") != NULL;
    change->has_not_for = json_member(call->body, "not_for") != NULL;
    if (change->has_purpose)
        err = call_text(call, "purpose", 0, LIMIT_NOTE_BYTES, &change->purpose);
    if (err == OK && change->has_not_for) {
        err = call_text(call, "not_for", 0, LIMIT_NOTE_BYTES, &change->not_for);
    }
    if (change->has_purpose || change->has_not_for) change->action = "model.card";
    return err;
}

enum err flow_model_change(struct flow *flow, struct call *call) {
    struct model_change change = {.call = call, .action = "model.change"};
    const struct json *deleted = json_member(call->body, "deleted");
    enum err err = allow(call, ROLE_RESEARCH);
    if (err != OK) return err;
    change.has_name = json_member(call->body, "name") != NULL;
    change.has_deleted = json_is_bool(deleted);
    change.deleted = json_bool(deleted, false);
    if (change.has_name) err = call_text(call, "name", 1, LIMIT_NAME_BYTES, &change.name);
    if (err == OK) err = card_read(&change);
    if (err == OK) err = store_write(flow->store, alter_change, &change);
    if (err != OK) return missing(call, err, "model.not_found");
    view_model(call->out, &change.model);
    card_write(call->out, &change.model);
    json_close_object(call->out);
    return answer_end(call);
}

// Into the bin; what is in it already, for good.
enum err flow_model_delete(struct flow *flow, struct call *call) {
    struct model_change change = {.call = call,
                                  .action = "model.delete",
                                  .has_deleted = true,
                                  .deleted = true,
                                  .empty = true};
    enum err err = allow(call, ROLE_RESEARCH);
    if (err == OK) err = store_write_freeing(flow->store, alter_change, &change);
    return missing(call, err, "model.not_found");
}
