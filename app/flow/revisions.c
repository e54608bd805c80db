// One revision of a dataset: its rows, its faults, its profile and report, and the jobs on it.
#include <string.h>

#include "base/file.h"
#include "data/cleanse/cleanse.h"
#include "flow/models/pilots.h"

#define HIDDEN STR("•••")

enum err reveal_ask(struct flow *flow, const struct call *call, const char *kind, struct str what,
                    bool *out) {
    uint64_t reveal = 0;
    enum err err = call_query_u64(call, "reveal", 0, 1, 0, &reveal);
    if (err == OK && reveal) err = audit_note(flow, call, "dataset.reveal", kind, call->id, what);
    if (err == OK) *out = reveal == 1;
    return err;
}

enum err flow_revision_rows(struct flow *flow, struct call *call) {
    struct dataset dataset;
    struct revision revision;
    struct rows_page page = {0};
    char path[LIMIT_PATH_BYTES];
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = call_query_u64(call, "offset", 0, UINT64_MAX / 2, 0, &page.first);
    if (err == OK) err = call_query_u64(call, "size", 1, ROWS_PAGE_MAX, 50, &page.size);
    if (err == OK) err = revision_find(flow, call, call->number, &dataset, &revision);
    if (err == OK) {
        err = blob_path(flow->store, &revision.table, path, sizeof path, call->fault);
    }
    if (err == OK) err = reveal_ask(flow, call, "dataset", STR("rows"), &page.reveal);
    if (err != OK) return err;
    page.columns = revision.columns;
    page.column_count = revision.column_count;
    return rows_write(call, path, &page);
}

// ---- faults -----------------------------------------------------------------------------------

static void fault_counts_write(struct json_writer *out, const struct revision *revision) {
    json_put_name(out, "counts");
    json_open_array(out);
    for (uint32_t i = 0; i < revision->column_count; i++) {
        if (revision->columns[i].fault_count == 0) continue;
        json_open_object(out);
        json_set_text(out, "column", revision->columns[i].name);
        json_set_u64(out, "count", revision->columns[i].fault_count);
        json_close_object(out);
    }
    json_close_array(out);
}

// JSON Lines, one fault each, as the import wrote them. Returns how many there are.
static enum err fault_lines_write(struct json_writer *out, struct str lines, uint64_t first,
                                  uint64_t size, uint64_t *out_kept, struct fault *fault) {
    uint64_t at = 0;
    while (lines.size > 0) {
        struct str line = str_trim(str_cut(lines, '\n', &lines));
        if (line.size == 0) continue;
        if (at >= first && at - first < size) {
            struct json *node;
            enum err err = json_parse(line, &node, fault);
            if (err != OK) return err;
            struct fault one = {0};
            json_read_fault(node, &one);
            json_put_fault(out, &one);
            json_close(node);
        }
        at++;
    }
    *out_kept = at;
    return OK;
}

static enum err faults_write(struct flow *flow, struct call *call, const struct revision *revision,
                             uint64_t page, uint64_t size) {
    char path[LIMIT_PATH_BYTES];
    struct buf text;
    struct json_writer *out = call->out;
    uint64_t kept = 0;
    buf_open(&text, (size_t)LIMIT_FAULTS_KEPT * 1024);
    enum err err = OK;
    if (!hash_none(&revision->faults)) {
        err = blob_path(flow->store, &revision->faults, path, sizeof path, call->fault);
        if (err == OK) err = file_read(path, &text, call->fault);
    }
    json_open_object(out);
    json_put_name(out, "items");
    json_open_array(out);
    if (err == OK) {
        err = fault_lines_write(out, buf_str(&text), (page - 1) * size, size, &kept, call->fault);
    }
    json_close_array(out);
    json_set_u64(out, "total", kept);
    json_set_u64(out, "page", page);
    json_set_u64(out, "size", size);
    json_set_u64(out, "fault_count", revision->fault_count);
    fault_counts_write(out, revision);
    json_close_object(out);
    buf_close(&text);
    return err == OK ? answer_end(call) : err;
}

enum err flow_revision_faults(struct flow *flow, struct call *call) {
    struct dataset dataset;
    struct revision revision;
    uint64_t page = 1, size = 50;
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = call_query_u64(call, "page", 1, 1u << 20, 1, &page);
    if (err == OK) err = call_query_u64(call, "size", 1, 200, 50, &size);
    if (err == OK) err = revision_find(flow, call, call->number, &dataset, &revision);
    return err == OK ? faults_write(flow, call, &revision, page, size) : err;
}

// ---- profile and report -----------------------------------------------------------------------

static void top_hidden(struct json_writer *out, const struct json *top) {
    json_open_array(out);
    for (const struct json *item = json_first(top); item; item = json_next(item)) {
        json_open_object(out);
        json_set_text(out, "value", HIDDEN);
        json_set_u64(out, "count", json_member_u64(item, "count", 0));
        json_close_object(out);
    }
    json_close_array(out);
}

static void examples_hidden(struct json_writer *out, const struct json *examples) {
    json_open_array(out);
    for (size_t i = json_count(examples); i > 0; i--) json_put_text(out, HIDDEN);
    json_close_array(out);
}

static bool is_any(struct str name, const char *const *names) {
    for (; *names; names++) {
        if (str_is(name, *names)) return true;
    }
    return false;
}

// Real values never; of a column that names people not their range and shape either.
static void profile_column_hidden(struct json_writer *out, const struct json *column) {
    static const char *const shape[] = {"minimum",   "maximum",   "mean", "deviation",
                                        "quantiles", "histogram", NULL};
    bool direct = str_is(json_member_text(column, "role"), "direct") ||
                  str_is(json_member_text(column, "role_proposed"), "direct");
    json_open_object(out);
    for (const struct json *member = json_first(column); member; member = json_next(member)) {
        struct str name = json_name(member);
        if (str_is(name, "top")) {
            json_put_name_str(out, name);
            top_hidden(out, member);
        } else if (str_is(name, "examples")) {
            json_put_name_str(out, name);
            examples_hidden(out, member);
        } else if (direct && is_any(name, shape)) {
            json_put_name_str(out, name);
            json_put_null(out);
        } else {
            json_put_member(out, member);
        }
    }
    json_close_object(out);
}

static void profile_write(struct json_writer *out, const struct json *profile, bool reveal) {
    json_open_object(out);
    for (const struct json *member = json_first(profile); member; member = json_next(member)) {
        if (reveal || !str_is(json_name(member), "columns")) {
            json_put_member(out, member);
            continue;
        }
        json_put_name(out, "columns");
        json_open_array(out);
        for (const struct json *item = json_first(member); item; item = json_next(item)) {
            profile_column_hidden(out, item);
        }
        json_close_array(out);
    }
    json_set_bool(out, "hidden", !reveal);
    json_close_object(out);
}

enum err flow_revision_profile(struct flow *flow, struct call *call) {
    struct dataset dataset;
    struct revision revision;
    struct json *profile;
    bool reveal = false;
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = revision_find(flow, call, call->number, &dataset, &revision);
    if (err != OK) return err;
    if (hash_none(&revision.profile)) {
        return fault_set(call->fault, ERR_NOT_FOUND, "dataset.not_checked", STR_NONE);
    }
    err = blob_json(flow, &revision.profile, &profile, call->fault);
    if (err != OK) return err;
    err = reveal_ask(flow, call, "dataset", STR("profile"), &reveal);
    if (err == OK) profile_write(call->out, profile, reveal);
    json_close(profile);
    return err == OK ? answer_end(call) : err;
}

enum err flow_revision_report(struct flow *flow, struct call *call) {
    struct dataset dataset;
    struct revision revision;
    char path[LIMIT_PATH_BYTES];
    struct buf text;
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = revision_look(flow, call, call->number, &dataset, &revision);
    if (err != OK) return err;
    if (hash_none(&revision.report)) {
        return fault_set(call->fault, ERR_NOT_FOUND, "dataset.no_report", STR_NONE);
    }
    buf_open(&text, LIMIT_JSON_BYTES);
    err = blob_path(flow->store, &revision.report, path, sizeof path, call->fault);
    if (err == OK) err = file_read(path, &text, call->fault);
    if (err == OK) json_put_raw(call->out, buf_str(&text));
    buf_close(&text);
    return err == OK ? answer_end(call) : err;
}

// ---- jobs on a revision -----------------------------------------------------------------------

struct dataset_job {
    struct flow *flow;
    const struct call *call;
    struct dataset dataset;
    struct revision revision;
    struct job job;
    bool check;
    struct str recipe;
    struct budget budget;
};

static enum err dataset_job_change(struct store_txn *txn, void *ctx) {
    struct dataset_job *asked = ctx;
    struct dataset now;
    struct who actor = who_of(&asked->call->actor);
    enum err err = dataset_load(txn, asked->call->arena, asked->dataset.id, &now);
    if (err == OK) err = budget_take(asked->call, &asked->budget, &now, asked->recipe, &asked->job);
    if (err != OK) return err;
    if (asked->check) asked->job = job_check_of(&asked->revision, &now, &actor);
    err = job_request(asked->flow, txn, asked->call, &asked->job);
    now.job = asked->job.id;
    if (err == OK) err = dataset_save(txn, &now);
    if (err == OK) err = pilot_moved(txn, asked->call, PILOT_CLEANSE, now.id, now.job);
    return err == OK ? job_audit(txn, &asked->job, "queued") : err;
}

static enum err dataset_job_start(struct dataset_job *asked, struct call *call) {
    struct flow *flow = asked->flow;
    if (!runner_has_room(flow, 1)) {
        return fault_set(call->fault, ERR_LIMIT, "job.queue_full", STR_NONE);
    }
    enum err err = store_write(flow->store, dataset_job_change, asked);
    if (err != OK) return call->fault->code[0] ? err : missing(call, err, "dataset.not_found");
    runner_add(flow, &asked->job);
    view_job(flow, call->out, &asked->job);
    return answer_end(call);
}

static enum err asked_revision(struct dataset_job *asked, const struct call *call) {
    uint64_t number = json_member_u64(call->body, "revision", 0);
    return revision_use(asked->flow, call, number, &asked->dataset, &asked->revision);
}

enum err flow_dataset_check(struct flow *flow, struct call *call) {
    struct dataset_job asked = {.flow = flow, .call = call, .check = true};
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = asked_revision(&asked, call);
    return err == OK ? dataset_job_start(&asked, call) : err;
}

// Parsed against the revision's columns, so that a job never starts with a recipe that cannot run.
static enum err recipe_read(struct flow *flow, const struct call *call,
                            const struct revision *revision, struct recipe **out,
                            char table_path[static LIMIT_PATH_BYTES]) {
    struct str text;
    struct table *table;
    enum err err = call_text(call, "recipe", 1, RECIPE_BYTES_MAX, &text);
    if (err == OK) {
        err = blob_path(flow->store, &revision->table, table_path, LIMIT_PATH_BYTES, call->fault);
    }
    if (err == OK) err = table_open(table_path, &table, call->fault);
    if (err != OK) return err;
    err = recipe_parse(text, table_schema(table), NULL, NULL, out, call->fault);
    table_close(table);
    return err;
}

static struct str recipe_options(struct call *call, struct str text) {
    struct buf json;
    buf_open(&json, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&json);
    json_open_object(&out);
    json_set_text(&out, "recipe", text);
    json_close_object(&out);
    struct str copy = buf_err(&json) == OK ? arena_text(call->arena, buf_str(&json)) : STR_NONE;
    buf_close(&json);
    return copy;
}

enum err flow_dataset_cleanse(struct flow *flow, struct call *call) {
    struct dataset_job asked = {.flow = flow, .call = call};
    struct recipe *recipe;
    char path[LIMIT_PATH_BYTES];
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = asked_revision(&asked, call);
    if (err == OK) err = recipe_read(flow, call, &asked.revision, &recipe, path);
    if (err != OK) return err;
    asked.recipe = json_member_text(call->body, "recipe");
    asked.job = (struct job){
        .step = STR("cleanse"),
        .actor = who_of(&call->actor),
        .subject_kind = STR("dataset"),
        .subject = asked.dataset.id,
        .subject_name = asked.dataset.name,
        .revision = asked.revision.number,
        .when.rows = asked.revision.rows,
        .input_count = 1,
        .inputs = {job_input_blob("table", &asked.revision.table)},
        .options = recipe_options(call, asked.recipe),
    };
    err = keys_of_recipe(flow, call, recipe, asked.dataset.id, asked.job.inputs,
                         &asked.job.input_count);
    if (err == OK) err = budget_ask(flow, call, recipe, &asked.budget);
    struct pack pack;
    if (err == OK && recipe_pack(recipe, &pack) && asked.job.input_count < INPUTS_MAX) {
        asked.job.inputs[asked.job.input_count++] =
            (struct job_input){.name = STR("sign"), .kind = INPUT_SIGN};
        err = sign_need(flow, call);
    }
    recipe_close(recipe);
    return err == OK ? dataset_job_start(&asked, call) : err;
}

// The keys as the job would have them.
static enum err preview_keys(struct dataset_job *asked, const struct call *call,
                             const struct recipe *recipe, struct cleanse_options *options) {
    struct job *job = &asked->job;
    struct project_key *projects = ARENA_ARRAY(call->arena, struct project_key, INPUTS_MAX);
    if (!projects) return ERR_MEMORY;
    options->projects = projects;
    enum err err = keys_of_recipe(asked->flow, call, recipe, asked->dataset.id, job->inputs,
                                  &job->input_count);
    for (uint32_t i = 0; i < job->input_count && err == OK; i++) {
        char path[LIMIT_PATH_BYTES];
        struct hash key;
        struct str name, what = str_cut(job->inputs[i].name, ':', &name);
        (void)what;
        key_path(asked->flow, job->inputs[i].id, path);
        err = dataset_key_read(path, &key, call->fault);
        if (err == OK && !name.data) options->key = key;
        if (err == OK && name.data) {
            projects[options->project_count++] = (struct project_key){name, key};
        }
        bytes_wipe(&key, sizeof key);
    }
    return err;
}

enum err flow_dataset_preview(struct flow *flow, struct call *call) {
    struct dataset_job asked = {.flow = flow, .call = call};
    struct cleanse_options options = {.threads = 1};
    struct recipe *recipe = NULL;
    char path[LIMIT_PATH_BYTES];
    uint64_t rows = json_member_u64(call->body, "rows", 20);
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = asked_revision(&asked, call);
    if (err == OK) err = recipe_read(flow, call, &asked.revision, &recipe, path);
    if (err == OK) err = preview_keys(&asked, call, recipe, &options);
    if (err == OK) {
        err = audit_note(flow, call, "dataset.reveal", "dataset", asked.dataset.id, STR("preview"));
    }
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    if (err == OK) {
        uint32_t count = rows < 1 || rows > ROWS_PAGE_MAX ? ROWS_PAGE_MAX : (uint32_t)rows;
        char rules[LIMIT_PATH_BYTES], words[LIMIT_PATH_BYTES];
        options.row_limit = count;
        options.epsilon_spent = budget_spent(&asked.dataset);
        if (site_rules_path(flow, rules)) options.rules_path = rules;
        site_words_folder(flow, words);
        options.words_folder = words;
        err = cleanse_preview(path, recipe, &options, count, &text, call->fault);
    }
    if (err == OK) json_put_raw(call->out, buf_str(&text));
    bytes_wipe(&options, sizeof options);
    buf_close(&text);
    recipe_close(recipe);
    return err == OK ? answer_end(call) : err;
}
