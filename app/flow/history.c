// A dataset's history: the recipe behind a revision, to be used again elsewhere, and the way back
// to an earlier revision. Nothing is taken away: going back makes a new revision of the same table,
// so that numbers, releases and lineage keep their meaning.
#include "base/clock.h"
#include "base/file.h"
#include "flow/flow_private.h"

// ---- the recipe --------------------------------------------------------------------------------

// The revision whose step made the table: a restored one goes back to what it restored.
static enum err revision_origin(struct store_txn *txn, struct arena *arena,
                                struct revision *revision) {
    while (revision->kind == REVISION_RESTORE) {
        if (revision->parent == 0 || revision->parent >= revision->number) return ERR_CORRUPT;
        enum err err = revision_load(txn, arena, revision->dataset, revision->parent, revision);
        if (err != OK) return err;
    }
    return OK;
}

static enum err recipe_text(struct store_txn *txn, const struct call *call, struct str *out) {
    struct revision revision;
    struct lineage lineage = {0};
    struct json *options = NULL;
    enum err err = revision_load(txn, call->arena, call->id, call->number, &revision);
    if (err == ERR_NOT_FOUND) {
        return fault_set(call->fault, err, "dataset.revision_missing", STR_NONE);
    }
    if (err == OK) err = revision_origin(txn, call->arena, &revision);
    if (err == OK && revision.kind != REVISION_CLEANSE) {
        return fault_set(call->fault, ERR_NOT_FOUND, "dataset.no_recipe", STR_NONE);
    }
    if (err == OK) err = lineage_load(txn, call->arena, revision.lineage, &lineage);
    if (err == OK) err = json_parse(lineage.options, &options, call->fault);
    if (err != OK) return err;
    *out = arena_text(call->arena, json_member_text(options, "recipe"));
    json_close(options);
    return out->data ? OK : ERR_MEMORY;
}

enum err flow_revision_recipe(struct flow *flow, struct call *call) {
    struct store_txn *txn;
    struct str text = STR_NONE;
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = recipe_text(txn, call, &text);
    store_read_end(txn);
    if (err != OK) return call->fault->code[0] ? err : missing(call, err, "dataset.not_found");
    json_open_object(call->out);
    json_set_text(call->out, "text", text);
    json_close_object(call->out);
    return answer_end(call);
}

// ---- the way back ------------------------------------------------------------------------------

enum { KEPT_BLOBS = 4 + EXTRACT_COUNT };
struct restoring {
    const struct call *call;
    struct revision revision; // what is restored
    struct hash blobs[KEPT_BLOBS];
    uint64_t sizes[KEPT_BLOBS];
    uint32_t blob_count;
};

// The new revision holds references of its own to what the old one is made of.
static enum err blobs_find(struct flow *flow, struct restoring *restoring) {
    const struct revision *old = &restoring->revision;
    struct hash all[KEPT_BLOBS] = {old->table, old->faults, old->profile, old->report};
    for (uint32_t i = 0; i < EXTRACT_COUNT; i++) all[KEPT_BLOBS - 1 - i] = old->extracts[i];
    for (uint32_t i = 0; i < KEPT_BLOBS; i++) {
        char path[LIMIT_PATH_BYTES];
        if (hash_none(&all[i])) continue;
        enum err err = blob_path(flow->store, &all[i], path, sizeof path, restoring->call->fault);
        uint64_t *size = &restoring->sizes[restoring->blob_count];
        if (err == OK) err = file_size(path, size, restoring->call->fault);
        if (err != OK) return err;
        restoring->blobs[restoring->blob_count++] = all[i];
    }
    return OK;
}

static enum err restored_save(struct store_txn *txn, struct restoring *restoring,
                              struct dataset *dataset) {
    const struct call *call = restoring->call;
    struct revision next = restoring->revision;
    struct lineage lineage = {
        .step = STR("restore"),
        .time_ms = clock_now_ms(),
        .actor = who_of(&call->actor),
        .inputs = {{STR("revision"), dataset->id, next.table}},
        .input_count = 1,
        .outputs = {{STR("revision"), dataset->id, next.table}},
        .output_count = 1,
        .options = STR("{}"),
        .parents = {next.lineage},
        .parent_count = 1,
    };
    enum err err = store_next_id(txn, TABLE_LINEAGE, &lineage.id);
    if (err == OK) err = lineage_save(txn, &lineage);
    next.kind = REVISION_RESTORE;
    next.parent = next.number;
    next.number = dataset->revision + 1;
    next.created_ms = lineage.time_ms;
    next.actor = lineage.actor;
    next.lineage = lineage.id;
    for (uint32_t i = 0; i < restoring->blob_count && err == OK; i++) {
        err = blob_register(txn, &restoring->blobs[i], restoring->sizes[i]);
    }
    if (err == OK) err = revision_save(txn, &next);
    dataset->revision = next.number;
    dataset->rows = next.rows;
    dataset->columns = next.column_count;
    dataset->changed_ms = lineage.time_ms;
    return err == OK ? dataset_save(txn, dataset) : err;
}

static enum err restore_change(struct store_txn *txn, void *ctx) {
    struct restoring *restoring = ctx;
    const struct call *call = restoring->call;
    struct dataset dataset;
    enum err err = dataset_load(txn, call->arena, call->id, &dataset);
    if (err != OK) return err;
    if (dataset.revision == restoring->revision.number) {
        return fault_set(call->fault, ERR_CONFLICT, "dataset.revision_newest", STR_NONE);
    }
    if (dataset.revision >= REVISIONS_MAX) {
        return fault_set(call->fault, ERR_LIMIT, "dataset.too_many_revisions", STR_NONE);
    }
    err = restored_save(txn, restoring, &dataset);
    if (err != OK) return err;
    char number[24];
    struct buf detail = {.data = number, .room = sizeof number, .cap_bytes = sizeof number};
    buf_add_u64(&detail, restoring->revision.number);
    return audit_put(txn, call->actor.name, "dataset.restore", "dataset", dataset.id, "ok",
                     buf_str(&detail));
}

enum err flow_revision_restore(struct flow *flow, struct call *call) {
    struct restoring restoring = {.call = call};
    struct dataset dataset;
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = revision_use(flow, call, call->number, &dataset, &restoring.revision);
    if (err == OK) err = blobs_find(flow, &restoring);
    if (err == OK) err = store_write(flow->store, restore_change, &restoring);
    return err == OK ? flow_dataset_show(flow, call) : missing(call, err, "dataset.not_found");
}

// ---- deleted for good --------------------------------------------------------------------------

struct release_search {
    struct arena *arena;
    uint64_t dataset, number;
    enum err err;
    bool found;
};

static bool release_look(void *ctx, struct str key, struct record_reader *record) {
    struct release_search *search = ctx;
    struct release release;
    (void)key;
    arena_reset(search->arena);
    search->err = release_read(record, search->arena, &release);
    if (search->err != OK) return false;
    search->found = release.dataset == search->dataset && release.revision == search->number &&
                    release.state != RELEASE_REJECTED;
    return !search->found;
}

// What was released lives on the revision's table.
static enum err not_released(struct store_txn *txn, const struct call *call, uint64_t number) {
    struct release_search search = {.dataset = call->id, .number = number};
    enum err err = arena_open(SCRATCH_BYTES, &search.arena);
    if (err != OK) return err;
    err = store_scan(txn, TABLE_RELEASE, (struct key){.size = 0}, false, release_look, &search);
    arena_close(search.arena);
    if (err == OK) err = search.err;
    if (err != OK || !search.found) return err;
    return fault_set(call->fault, ERR_CONFLICT, "dataset.revision_released", STR_NONE);
}

// A job that runs may be reading it.
static enum err not_busy(struct store_txn *txn, const struct call *call, uint64_t id) {
    struct job job;
    enum err err = id ? job_load(txn, call->arena, id, &job) : ERR_NOT_FOUND;
    if (err == ERR_NOT_FOUND) return OK;
    if (err != OK || job_is_over(&job)) return err;
    return fault_set(call->fault, ERR_CONFLICT, "dataset.revision_busy", STR_NONE);
}

static enum err blobs_drop(struct store_txn *txn, struct revision *revision) {
    struct hash *const all[] = {&revision->table, &revision->faults, &revision->profile};
    enum err err = OK;
    for (size_t i = 0; i < sizeof all / sizeof all[0] && err == OK; i++) {
        if (!hash_none(all[i])) err = blob_drop(txn, all[i]);
    }
    for (uint32_t i = 0; i < EXTRACT_COUNT && err == OK; i++) {
        if (!hash_none(&revision->extracts[i])) err = blob_drop(txn, &revision->extracts[i]);
        revision->extracts[i] = (struct hash){0};
    }
    // The table's hash stays: it names what releases and reports speak of.
    revision->faults = revision->profile = (struct hash){0};
    return err;
}

// Its rows, profile, faults and extracts; what tells of them stays.
static enum err rows_delete(struct store_txn *txn, const struct call *call,
                            struct revision *revision) {
    char number[24];
    struct buf detail = {.data = number, .room = sizeof number, .cap_bytes = sizeof number};
    enum err err = blobs_drop(txn, revision);
    revision->deleted_ms = clock_now_ms();
    revision->deleted_by = who_of(&call->actor);
    if (err == OK) err = revision_save(txn, revision);
    if (err != OK) return err;
    buf_add_u64(&detail, revision->number);
    return audit_put(txn, call->actor.name, "dataset.revision_delete", "dataset", call->id, "ok",
                     buf_str(&detail));
}

static enum err delete_change(struct store_txn *txn, void *ctx) {
    const struct call *call = *(struct call *const *)ctx;
    struct dataset dataset;
    struct revision revision;
    enum err err = dataset_load(txn, call->arena, call->id, &dataset);
    if (err == OK) err = revision_load(txn, call->arena, call->id, call->number, &revision);
    if (err != OK || revision.deleted_ms) return err;
    if (dataset.revision == call->number) {
        return fault_set(call->fault, ERR_CONFLICT, "dataset.revision_in_use", STR_NONE);
    }
    err = not_busy(txn, call, dataset.job);
    if (err == OK) err = not_released(txn, call, call->number);
    return err == OK ? rows_delete(txn, call, &revision) : err;
}

enum err flow_revision_delete(struct flow *flow, struct call *call) {
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = store_write_freeing(flow->store, delete_change, &call);
    return missing(call, err, "dataset.revision_missing");
}

// ---- from the bin, for good ---------------------------------------------------------------------

struct emptying {
    const struct call *call;
    uint64_t number; // of the revision
};

static enum err empty_change(struct store_txn *txn, void *ctx) {
    struct emptying *emptying = ctx;
    const struct call *call = emptying->call;
    struct dataset dataset;
    struct revision revision;
    enum err err = dataset_load(txn, call->arena, call->id, &dataset);
    if (err == OK && !dataset.deleted) {
        return fault_set(call->fault, ERR_CONFLICT, "dataset.not_binned", STR_NONE);
    }
    if (err == OK) err = not_busy(txn, call, dataset.job);
    if (err != OK) return err;
    err = revision_load(txn, call->arena, call->id, emptying->number, &revision);
    if (err == ERR_NOT_FOUND || (err == OK && revision.deleted_ms)) return OK;
    if (err == OK) err = not_released(txn, call, emptying->number);
    if (err == ERR_CONFLICT) { // that one stays
        *call->fault = (struct fault){0};
        return OK;
    }
    return err == OK ? rows_delete(txn, call, &revision) : err;
}

enum err revisions_empty(struct flow *flow, const struct call *call, uint64_t newest) {
    struct emptying emptying = {.call = call};
    enum err err = OK;
    while (err == OK && emptying.number < newest) {
        emptying.number++;
        err = store_write_freeing(flow->store, empty_change, &emptying);
    }
    return err;
}
