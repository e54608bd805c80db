// What each step's result means for the records, inside the committer's transaction.
#include <string.h>

#include "allocation/usage.h"
#include "base/clock.h"
#include "flow/jobs/commit_private.h"

static const struct json *summary_of(const struct commit *commit) {
    return json_member(commit->result, "summary");
}

static void job_summary(struct commit *commit) {
    commit->job.summary = arena_json(commit->arena, summary_of(commit));
}

static enum err lineage_put(struct store_txn *txn, struct commit *commit, struct lineage *lineage) {
    enum err err = store_next_id(txn, TABLE_LINEAGE, &lineage->id);
    if (err != OK) return err;
    lineage->step = commit->job.step;
    lineage->time_ms = clock_now_ms();
    lineage->actor = commit->job.actor;
    if (!lineage->options.size) lineage->options = commit->job.options;
    commit->job.lineage = lineage->id;
    return lineage_save(txn, lineage);
}

static enum err columns_make(struct commit *commit, struct revision *revision) {
    uint32_t count = commit->schema.count;
    revision->columns = ARENA_ARRAY(commit->arena, struct revision_column, count);
    if (!revision->columns) return ERR_MEMORY;
    revision->column_count = count;
    for (uint32_t i = 0; i < count; i++) {
        const struct field *field = &commit->schema.fields[i];
        revision->columns[i] =
            (struct revision_column){.name = field->name, .type = field->type, .role = field->role};
    }
    return OK;
}

static struct revision_column *column_named(struct revision *revision, struct str name) {
    for (uint32_t i = 0; i < revision->column_count; i++) {
        if (str_equal(revision->columns[i].name, name)) return &revision->columns[i];
    }
    return NULL;
}

// The next number of the dataset, its table, and the check that follows it.
static enum err revision_begin(struct store_txn *txn, struct commit *commit,
                               struct dataset *dataset, struct revision *revision) {
    enum err err = dataset_load(txn, commit->arena, commit->job.subject, dataset);
    if (err != OK) return err;
    if (dataset->revision >= REVISIONS_MAX) {
        return fault_set(&commit->fault, ERR_LIMIT, "dataset.too_many_revisions", STR_NONE);
    }
    const struct made *table = commit_made(commit, "table");
    *revision = (struct revision){
        .dataset = dataset->id,
        .number = dataset->revision + 1,
        .rows = commit->rows,
        .bytes = table->size,
        .table = table->hash,
        .created_ms = clock_now_ms(),
        .actor = commit->job.actor,
    };
    return columns_make(commit, revision);
}

static enum err revision_end(struct store_txn *txn, struct commit *commit, struct dataset *dataset,
                             struct revision *revision) {
    enum err err =
        job_create_check(commit->flow, txn, revision, dataset, &commit->job.actor, &commit->follow);
    if (err != OK) return err;
    commit->has_follow = true;
    revision->lineage = commit->job.lineage;
    dataset->state = DATASET_READY;
    dataset->revision = revision->number;
    dataset->rows = revision->rows;
    dataset->columns = revision->column_count;
    dataset->changed_ms = clock_now_ms();
    dataset->job = commit->follow.id;
    err = revision_save(txn, revision);
    return err == OK ? dataset_save(txn, dataset) : err;
}

static enum err commit_import(struct store_txn *txn, struct commit *commit) {
    struct dataset dataset;
    struct revision revision;
    const struct json *summary = summary_of(commit);
    enum err err = revision_begin(txn, commit, &dataset, &revision);
    if (err != OK) return err;
    const struct json *source = json_member(summary, "source");
    revision.kind = REVISION_IMPORT;
    revision.faults = commit_made(commit, "faults.jsonl")->hash;
    revision.fault_count = json_member_u64(summary, "fault_count", 0);
    revision.source_name = commit->job.source_name;
    revision.source_bytes = json_member_u64(source, "bytes", 0);
    if (!hash_from_hex(json_member_text(source, "hash"), &revision.source_hash)) return ERR_CORRUPT;
    const struct json *item = json_first(json_member(summary, "faults"));
    for (; item; item = json_next(item)) {
        struct revision_column *column = column_named(&revision, json_member_text(item, "column"));
        if (column) column->fault_count = json_member_u64(item, "count", 0);
    }
    struct lineage lineage = {
        .inputs = {{STR("source"), 0, revision.source_hash}},
        .input_count = 1,
        .outputs = {{STR("revision"), dataset.id, revision.table}},
        .output_count = 1,
        .options = arena_json(commit->arena, json_member(summary, "options")),
    };
    err = lineage_put(txn, commit, &lineage);
    return err == OK ? revision_end(txn, commit, &dataset, &revision) : err;
}

static enum err commit_check(struct store_txn *txn, struct commit *commit) {
    struct revision revision;
    enum err err =
        revision_load(txn, commit->arena, commit->job.subject, commit->job.revision, &revision);
    if (err != OK) return err;
    // The profile of an earlier check goes.
    if (!hash_none(&revision.profile)) err = blob_forget(txn, &revision.profile);
    if (err != OK) return err;
    revision.profile = commit_made(commit, "profile.json")->hash;
    struct lineage lineage = {
        .inputs = {{STR("revision"), revision.dataset, revision.table}},
        .input_count = 1,
        .outputs = {{STR("profile"), revision.dataset, revision.profile}},
        .output_count = 1,
        .parents = {revision.lineage},
        .parent_count = 1,
    };
    err = lineage_put(txn, commit, &lineage);
    return err == OK ? revision_save(txn, &revision) : err;
}

// What the report says was done to a column; a column left alone keeps what was done to it before,
// and the role a person has given it since the table was written.
static void treatments_take(struct commit *commit, struct revision *parent,
                            struct revision *revision) {
    const struct json *item = json_first(json_member(summary_of(commit), "columns"));
    for (; item; item = json_next(item)) {
        struct str treatment = json_member_text(item, "treatment");
        struct revision_column *column = column_named(revision, json_member_text(item, "name"));
        if (column && !str_is(treatment, "none")) column->treatment = treatment;
    }
    for (uint32_t i = 0; i < revision->column_count; i++) {
        struct revision_column *column = &revision->columns[i];
        const struct revision_column *before = column_named(parent, column->name);
        if (!before) continue;
        bool concealed = treatment_conceals(column->treatment);
        if (column->role == COLUMN_PLAIN && !concealed) column->role = before->role;
        if (column->treatment.size == 0) column->treatment = before->treatment;
    }
}

static enum err commit_cleanse(struct store_txn *txn, struct commit *commit) {
    struct dataset dataset;
    struct revision revision, parent;
    const struct json *summary = summary_of(commit);
    enum err err = revision_begin(txn, commit, &dataset, &revision);
    if (err == OK) {
        err = revision_load(txn, commit->arena, dataset.id, commit->job.revision, &parent);
    }
    if (err != OK) return err;
    revision.kind = REVISION_CLEANSE;
    revision.parent = parent.number;
    revision.report = commit_made(commit, "report.json")->hash;
    if (!hash_from_hex(json_member_text(summary, "recipe_hash"), &revision.recipe)) {
        return ERR_CORRUPT;
    }
    treatments_take(commit, &parent, &revision);
    const struct made *bundle = commit_made_maybe(commit, "bundle.tar");
    if (bundle) commit->job.output = bundle->hash;
    for (uint32_t i = 0; i < EXTRACT_COUNT; i++) {
        const struct made *extract = commit_made_maybe(commit, extract_file((enum extract_kind)i));
        if (extract) revision.extracts[i] = extract->hash;
    }
    struct lineage lineage = {
        .inputs = {{STR("revision"), dataset.id, parent.table},
                   {STR("recipe"), 0, revision.recipe}},
        .input_count = 2,
        .outputs = {{STR("revision"), dataset.id, revision.table},
                    {STR("report"), dataset.id, revision.report}},
        .output_count = 2,
        .parents = {parent.lineage},
        .parent_count = 1,
    };
    err = lineage_put(txn, commit, &lineage);
    return err == OK ? revision_end(txn, commit, &dataset, &revision) : err;
}

static enum err commit_train(struct store_txn *txn, struct commit *commit) {
    struct model model;
    struct release release;
    const struct json *summary = summary_of(commit);
    enum err err = model_load(txn, commit->arena, commit->job.subject, &model);
    if (err == OK) err = release_load(txn, commit->arena, model.release, &release);
    if (err != OK) return err;
    const struct json *headline = json_member(summary, "headline");
    model.state = MODEL_READY;
    model.file = commit_made(commit, "model")->hash;
    model.scorecard = commit_made(commit, "scorecard.json")->hash;
    model.task = json_member_text(summary, "task");
    model.learner = json_member_text(summary, "learner");
    model.headline = json_member_text(headline, "name");
    model.value = json_member_number(headline, "value", 0);
    model.low = json_member_number(headline, "low", 0);
    model.high = json_member_number(headline, "high", 0);
    struct lineage lineage = {
        .inputs = {{STR("release"), release.id, release.manifest},
                   {STR("table"), release.dataset, release.table}},
        .input_count = 2,
        .outputs = {{STR("model"), model.id, model.file},
                    {STR("scorecard"), model.id, model.scorecard}},
        .output_count = 2,
        .parents = {release.lineage},
        .parent_count = 1,
    };
    err = lineage_put(txn, commit, &lineage);
    model.lineage = lineage.id;
    return err == OK ? model_save(txn, &model) : err;
}

// The search keeps the best of what its tries made.
static enum err commit_search(struct store_txn *txn, struct commit *commit) {
    struct search_made made = {.model = commit_made(commit, "model")->hash,
                               .scorecard = commit_made(commit, "scorecard.json")->hash,
                               .summary = summary_of(commit)};
    return search_try_ended(txn, commit->arena, &commit->job, &made);
}

// Asked through an endpoint: counted as if its rows had come with a call.
static enum err served_count(struct store_txn *txn, const struct commit *commit) {
    const struct policy *policy;
    const struct job *job = &commit->job;
    struct json *options;
    enum err err = json_parse(job->options, &options, NULL);
    if (err != OK) return err;
    struct served_sum sum = {.endpoint = json_member_u64(options, "endpoint", 0),
                             .tenant = job->tenant,
                             .person = job->actor,
                             .calls = 1,
                             .rows = json_member_u64(summary_of(commit), "rows", 0),
                             .last_ms = clock_now_ms()};
    struct served_tally tally = {.endpoint = sum.endpoint,
                                 .version = json_member_u64(options, "version", 0),
                                 .first_ms = sum.last_ms,
                                 .last_ms = sum.last_ms,
                                 .calls = 1,
                                 .rows = sum.rows};
    json_close(options);
    if (!sum.endpoint) return OK;
    err = policy_borrow(txn, &policy);
    if (err != OK) return err;
    sum.month = usage_month(policy, sum.last_ms);
    policy_return(policy);
    err = served_sum_add(txn, commit->arena, &sum);
    return err == OK ? served_tally_add(txn, commit->arena, &tally) : err;
}

static enum err commit_drift(struct store_txn *txn, struct commit *commit) {
    struct model model;
    enum err err = model_load(txn, commit->arena, commit->job.subject, &model);
    if (err != OK) return err;
    commit->job.output = commit_made(commit, "drift.json")->hash;
    struct lineage lineage = {
        .inputs = {{STR("model"), model.id, model.file}},
        .input_count = 1,
        .outputs = {{STR("drift"), commit->job.id, commit->job.output}},
        .output_count = 1,
        .parents = {model.lineage},
        .parent_count = model.lineage ? 1 : 0,
    };
    return lineage_put(txn, commit, &lineage);
}

static enum err commit_predict(struct store_txn *txn, struct commit *commit) {
    struct model model;
    enum err err = model_load(txn, commit->arena, commit->job.subject, &model);
    if (err != OK) return err;
    commit->job.output = commit_made(commit, "predictions")->hash;
    struct lineage lineage = {
        .inputs = {{STR("model"), model.id, model.file}},
        .input_count = 1,
        .outputs = {{STR("prediction"), commit->job.id, commit->job.output}},
        .output_count = 1,
        .parents = {model.lineage},
        .parent_count = model.lineage ? 1 : 0, // none of a model that was imported
    };
    err = lineage_put(txn, commit, &lineage);
    return err == OK ? served_count(txn, commit) : err;
}

// A program that kept nothing leaves no trace but its job.
static enum err commit_command(struct store_txn *txn, struct commit *commit) {
    const struct made *output = commit_made_maybe(commit, "output.tar");
    struct lineage lineage = {0};
    if (!output) return OK;
    commit->job.output = output->hash;
    for (uint32_t i = 0; i < commit->job.input_count; i++) {
        const struct job_input *input = &commit->job.inputs[i];
        if (input->kind != INPUT_BLOB) continue;
        lineage.inputs[lineage.input_count++] =
            (struct lineage_end){STR("table"), commit->job.subject, input->hash};
    }
    lineage.outputs[lineage.output_count++] =
        (struct lineage_end){STR("output"), commit->job.id, commit->job.output};
    return lineage_put(txn, commit, &lineage);
}

static enum err commit_language(struct store_txn *txn, struct commit *commit) {
    struct language_model model;
    const struct json *summary = summary_of(commit);
    const struct made *file = commit_made(commit, "model");
    enum err err = language_model_load(txn, commit->arena, commit->job.subject, &model);
    if (err != OK) return err;
    model.state = MODEL_READY;
    model.file = file->hash;
    model.bytes = file->size;
    model.architecture = json_member_text(summary, "architecture");
    model.weights = json_member_text(summary, "weights");
    model.parameters = json_member_u64(summary, "parameters", 0);
    model.context = json_member_u64(summary, "context", 0);
    model.vocabulary = json_member_u64(summary, "vocabulary", 0);
    model.token_bytes = json_member_u64(summary, "token_bytes", 0);
    model.work_bytes = json_member_u64(summary, "work_bytes", 0);
    model.embeds = json_member_bool(summary, "embeds", false);
    model.chats = json_member_bool(summary, "chats", false);
    return language_model_save(txn, &model);
}

// What it served was booked answer by answer.
static enum err commit_serve(struct store_txn *txn, struct commit *commit) {
    (void)txn;
    (void)commit;
    return OK;
}

enum err commit_step(struct store_txn *txn, struct commit *commit) {
    static const struct {
        const char *step;
        enum err (*commit)(struct store_txn *txn, struct commit *commit);
    } commits[] = {
        {"import", commit_import}, {"check", commit_check},     {"cleanse", commit_cleanse},
        {"train", commit_train},   {"search", commit_search},   {"predict", commit_predict},
        {"drift", commit_drift},   {"command", commit_command}, {"language", commit_language},
        {"serve", commit_serve},
    };
    job_summary(commit);
    for (size_t i = 0; i < sizeof commits / sizeof commits[0]; i++) {
        if (str_is(commit->job.step, commits[i].step)) return commits[i].commit(txn, commit);
    }
    return fault_set(&commit->fault, ERR_INPUT, "job.unknown_step", STR_NONE);
}
