// Datasets: made by an import, changed by people, put into the bin and taken out again.
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "flow/models/pilots.h"

static enum err dataset_item(struct list *list, struct store_txn *txn, struct record_reader *record,
                             bool show, bool *out_wanted) {
    const bool *deleted = list->filter;
    struct dataset dataset;
    (void)txn;
    enum err err = dataset_read(record, list->scratch, &dataset);
    if (err != OK) return err;
    *out_wanted = dataset.deleted == *deleted;
    if (!*out_wanted || !show) return OK;
    view_dataset(list->call->out, &dataset);
    json_close_object(list->call->out);
    return OK;
}

enum err flow_dataset_list(struct flow *flow, struct call *call) {
    uint64_t deleted = 0;
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = call_query_u64(call, "deleted", 0, 1, 0, &deleted);
    if (err != OK) return err;
    bool filter = deleted == 1;
    struct list list = {.flow = flow,
                        .call = call,
                        .table = TABLE_DATASET,
                        .item = dataset_item,
                        .filter = &filter};
    return list_write(&list);
}

// With all its revisions, newest last.
static enum err dataset_answer(struct flow *flow, struct call *call, uint64_t id) {
    struct dataset dataset;
    struct arena *scratch = NULL;
    struct store_txn *txn;
    enum err err = arena_open(SCRATCH_BYTES, &scratch);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) {
        arena_close(scratch);
        return err;
    }
    err = dataset_load(txn, call->arena, id, &dataset);
    if (err == OK) {
        view_dataset(call->out, &dataset);
        json_put_name(call->out, "revisions");
        json_open_array(call->out);
        for (uint64_t number = 1; number <= dataset.revision && err == OK; number++) {
            struct revision revision;
            arena_reset(scratch);
            err = revision_load(txn, scratch, id, number, &revision);
            if (err == OK) view_revision(call->out, &revision);
        }
        json_close_array(call->out);
        json_close_object(call->out);
    }
    store_read_end(txn);
    arena_close(scratch);
    return err == OK ? answer_end(call) : missing(call, err, "dataset.not_found");
}

enum err flow_dataset_show(struct flow *flow, struct call *call) {
    enum err err = allow(call, ROLE_DATA);
    return err == OK ? dataset_answer(flow, call, call->id) : err;
}

// ---- made by an import ------------------------------------------------------------------------

struct creation {
    struct flow *flow;
    const struct call *call;
    struct dataset dataset;
    struct job job;
};

static enum err create_change(struct store_txn *txn, void *ctx) {
    struct creation *creation = ctx;
    struct dataset *dataset = &creation->dataset;
    struct job *job = &creation->job;
    enum err err = store_next_id(txn, TABLE_DATASET, &dataset->id);
    job->subject = dataset->id;
    if (err == OK) err = job_request(creation->flow, txn, creation->call, job);
    dataset->job = job->id;
    if (err == OK) err = dataset_save(txn, dataset);
    if (err == OK) err = pilot_moved(txn, creation->call, PILOT_IMPORT, dataset->id, job->id);
    if (err != OK) return err;
    return audit_put(txn, creation->call->actor.name, "dataset.create", "dataset", dataset->id,
                     "ok", STR_NONE);
}

static enum err creation_read(struct flow *flow, struct call *call, struct creation *creation) {
    struct upload_record upload;
    struct dataset *dataset = &creation->dataset;
    uint64_t upload_id = 0;
    enum err err = call_text(call, "name", 1, LIMIT_NAME_BYTES, &dataset->name);
    if (err == OK) err = call_text(call, "note", 0, LIMIT_NOTE_BYTES, &dataset->note);
    if (err != OK) return err;
    if (!json_u64(json_member(call->body, "upload"), &upload_id)) {
        return fault_set(call->fault, ERR_INPUT, "call.missing", STR("upload"));
    }
    err = upload_ready(flow, call, upload_id, &upload);
    if (err != OK) return err;
    dataset->owner = who_of(&call->actor);
    dataset->created_ms = dataset->changed_ms = clock_now_ms();
    creation->job = (struct job){
        .step = STR("import"),
        .actor = dataset->owner,
        .subject_kind = STR("dataset"),
        .subject_name = dataset->name,
        .source_name = upload.name,
        .inputs = {{.name = STR("source"), .kind = INPUT_UPLOAD, .id = upload_id}},
        .input_count = 1,
        .options = arena_json(call->arena, json_member(call->body, "options")),
    };
    return OK;
}

enum err flow_dataset_create(struct flow *flow, struct call *call) {
    struct creation creation = {.flow = flow, .call = call};
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = creation_read(flow, call, &creation);
    if (err == OK && !runner_has_room(flow, 1)) {
        err = fault_set(call->fault, ERR_LIMIT, "job.queue_full", STR_NONE);
    }
    if (err == OK) err = store_write(flow->store, create_change, &creation);
    if (err != OK) return err;
    runner_add(flow, &creation.job);
    json_open_object(call->out);
    json_put_name(call->out, "dataset");
    view_dataset(call->out, &creation.dataset);
    json_close_object(call->out);
    json_put_name(call->out, "job");
    view_job(flow, call->out, &creation.job);
    json_close_object(call->out);
    return answer_end(call);
}

// ---- changed by people ------------------------------------------------------------------------

struct alteration {
    const struct call *call;
    const char *action;
    struct str name, note;
    bool has_name, has_note, has_deleted, deleted;
    const struct json *roles;
};

static enum err roles_change(struct store_txn *txn, struct alteration *alteration,
                             const struct dataset *dataset) {
    const struct call *call = alteration->call;
    struct revision revision;
    enum err err = revision_load(txn, call->arena, dataset->id, dataset->revision, &revision);
    if (err == ERR_NOT_FOUND) {
        return fault_set(call->fault, ERR_CONFLICT, "dataset.revision_missing", STR_NONE);
    }
    if (err != OK) return err;
    const struct json *item = json_first(alteration->roles);
    for (; item; item = json_next(item)) {
        bool found = false;
        enum column_role role;
        if (!column_role_from_name(json_text(item), &role)) {
            return fault_set(call->fault, ERR_INPUT, "dataset.bad_role", json_name(item));
        }
        for (uint32_t i = 0; i < revision.column_count; i++) {
            if (!str_equal(revision.columns[i].name, json_name(item))) continue;
            revision.columns[i].role = role;
            found = true;
        }
        if (!found) {
            return fault_set(call->fault, ERR_INPUT, "dataset.no_column", json_name(item));
        }
    }
    return revision_save(txn, &revision);
}

// The data of what comes back from the bin must not have been deleted there.
static enum err still_there(struct store_txn *txn, const struct call *call,
                            const struct dataset *dataset) {
    struct revision revision;
    enum err err = revision_load(txn, call->arena, dataset->id, dataset->revision, &revision);
    if (err != OK) return err == ERR_NOT_FOUND ? OK : err; // it never had any
    if (!revision.deleted_ms) return OK;
    return fault_set(call->fault, ERR_CONFLICT, "dataset.emptied", STR_NONE);
}

static enum err alter_change(struct store_txn *txn, void *ctx) {
    struct alteration *alteration = ctx;
    const struct call *call = alteration->call;
    struct dataset dataset;
    enum err err = dataset_load(txn, call->arena, call->id, &dataset);
    if (err != OK) return err;
    if (alteration->has_deleted && !alteration->deleted && dataset.deleted) {
        err = still_there(txn, call, &dataset);
        if (err != OK) return err;
    }
    if (alteration->has_name) dataset.name = alteration->name;
    if (alteration->has_note) dataset.note = alteration->note;
    if (alteration->has_deleted) dataset.deleted = alteration->deleted;
    dataset.changed_ms = clock_now_ms();
    if (alteration->roles) err = roles_change(txn, alteration, &dataset);
    if (err == OK) err = dataset_save(txn, &dataset);
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, alteration->action, "dataset", dataset.id, "ok",
                     STR_NONE);
}

enum err flow_dataset_change(struct flow *flow, struct call *call) {
    struct alteration alteration = {.call = call, .action = "dataset.change"};
    const struct json *deleted = json_member(call->body, "deleted");
    enum err err = allow(call, ROLE_DATA);
    if (err != OK) return err;
    alteration.has_name = json_member(call->body, "name") != NULL;
    alteration.has_note = json_member(call->body, "note") != NULL;
    alteration.has_deleted = json_is_bool(deleted);
    alteration.deleted = json_bool(deleted, false);
    alteration.roles = json_member(call->body, "roles");
    if (alteration.has_name) {
        err = call_text(call, "name", 1, LIMIT_NAME_BYTES, &alteration.name);
    }
    if (err == OK && alteration.has_note) {
        err = call_text(call, "note", 0, LIMIT_NOTE_BYTES, &alteration.note);
    }
    if (err == OK && alteration.roles && !json_is_object(alteration.roles)) {
        err = fault_set(call->fault, ERR_INPUT, "dataset.bad_role", STR("roles"));
    }
    if (err == OK) err = store_write(flow->store, alter_change, &alteration);
    if (err != OK) return missing(call, err, "dataset.not_found");
    return dataset_answer(flow, call, call->id);
}

static enum err dataset_now(struct flow *flow, const struct call *call, struct dataset *out) {
    struct store_txn *txn;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = dataset_load(txn, call->arena, call->id, out);
    store_read_end(txn);
    return err;
}

// Into the bin; what is in it already, for good.
enum err flow_dataset_delete(struct flow *flow, struct call *call) {
    struct alteration alteration = {
        .call = call, .action = "dataset.delete", .has_deleted = true, .deleted = true};
    struct dataset dataset;
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = dataset_now(flow, call, &dataset);
    if (err == OK && dataset.deleted) {
        err = revisions_empty(flow, call, dataset.revision);
        return missing(call, err, "dataset.not_found");
    }
    if (err == OK) err = store_write_freeing(flow->store, alter_change, &alteration);
    return missing(call, err, "dataset.not_found");
}
