// Jobs as records and as operations. What runs them is the runner.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "allocation/usage.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/tar.h"
#include "flow/flow_private.h"

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

enum err job_count(struct store_txn *txn, const struct job *job, int change) {
    return usage_jobs(txn, job->actor.id, job->tenant, change);
}

// A department that may hold few processors still runs everything, on as many as it may.
static enum err job_fit(struct store_txn *txn, struct job *job) {
    const struct policy *policy;
    enum err err = policy_borrow(txn, &policy);
    const struct tenant *up = err == OK ? policy_tenant_or_default(policy, job->tenant) : NULL;
    for (; up; up = policy_parent(policy, up)) {
        int64_t most = up->limit[SHARE_CPU];
        if (most > 0) job->cpu_milli = least(job->cpu_milli, (uint64_t)most);
    }
    policy_return(policy);
    return err;
}

enum err job_declare(struct flow *flow, struct store_txn *txn, struct job *job) {
    const struct step *step = step_find(job->step);
    if (!step) return ERR_INPUT;
    uint64_t memory = job->memory_bytes ? job->memory_bytes : step->memory_bytes;
    job->state = JOB_QUEUED;
    job->created_ms = clock_now_ms();
    // A small machine still runs everything, one by one. A person's own program has said what it
    // needs (commands.c) and gets no less.
    bool asked = job->cpu_milli > 0;
    if (!asked) {
        job->cpu_milli = least(step->cpu_milli, flow->largest.cpu_milli);
        job->memory_bytes = least(memory, flow->largest.memory_bytes);
        if (!job->time_limit_ms) job->time_limit_ms = step->time_limit_ms;
    }
    if (!job->options.size) job->options = STR("{}");
    struct member member;
    enum err err = member_load(txn, job->actor.id, &member);
    job->tenant = member.tenant;
    if (err == OK && !asked) err = job_fit(txn, job);
    return err == OK && !asked ? when_estimate(txn, job) : err;
}

enum err job_create(struct flow *flow, struct store_txn *txn, struct job *job) {
    enum err err = job_declare(flow, txn, job);
    if (err == OK) err = store_next_id(txn, TABLE_JOB, &job->id);
    if (err == OK) err = job_count(txn, job, 1);
    return err == OK ? job_save(txn, job) : err;
}

enum err job_request(struct flow *flow, struct store_txn *txn, const struct call *call,
                     struct job *job) {
    enum err err = jobs_allowed(txn, call, job->step, job->ask.count ? job->ask.count : 1);
    if (err == OK) err = job_create(flow, txn, job);
    if (err == OK) err = approval_ask(txn, call, job);
    return err == OK ? when_admit(flow, txn, call, job) : err;
}

struct job job_check_of(const struct revision *revision, const struct dataset *dataset,
                        const struct who *actor) {
    return (struct job){
        .step = STR("check"),
        .actor = *actor,
        .subject_kind = STR("dataset"),
        .subject = dataset->id,
        .subject_name = dataset->name,
        .revision = revision->number,
        .when.rows = revision->rows,
        .inputs = {job_input_blob("table", &revision->table)},
        .input_count = 1,
    };
}

enum err job_create_check(struct flow *flow, struct store_txn *txn, const struct revision *revision,
                          const struct dataset *dataset, const struct who *actor, struct job *out) {
    *out = job_check_of(revision, dataset, actor);
    return job_create(flow, txn, out);
}

enum err job_audit(struct store_txn *txn, const struct job *job, const char *result) {
    char action[64], kind[32];
    snprintf(action, sizeof action, "%.*s.%.*s", STR_ARG(job->subject_kind), STR_ARG(job->step));
    snprintf(kind, sizeof kind, "%.*s", STR_ARG(job->subject_kind));
    char detail[32];
    snprintf(detail, sizeof detail, "job/%" PRIu64, job->id);
    return audit_put(txn, job->actor.name, action, kind, job->subject, result, str_of(detail));
}

enum err job_end_badly(struct store_txn *txn, struct arena *arena, struct job *job,
                       enum job_state state, const struct fault *fault) {
    job->state = state;
    job->ended_ms = clock_now_ms();
    if (fault) job->fault = *fault;
    enum err err = job_save(txn, job);
    if (err == OK) err = job_count(txn, job, -1);
    if (err == OK) err = approval_forget(txn, job);
    if (err == OK && str_is(job->step, "import")) {
        struct dataset dataset;
        err = dataset_load(txn, arena, job->subject, &dataset);
        if (err == OK && dataset.revision == 0) {
            dataset.state = DATASET_FAILED;
            dataset.changed_ms = job->ended_ms;
            err = dataset_save(txn, &dataset);
        }
    }
    if (err == OK && str_is(job->step, "cleanse")) err = budget_give_back(txn, arena, job);
    if (err == OK && str_is(job->step, "train")) {
        struct model model;
        err = model_load(txn, arena, job->subject, &model);
        if (err == OK) {
            model.state = MODEL_FAILED;
            err = model_save(txn, &model);
        }
    }
    if (err == OK && str_is(job->step, "language")) {
        struct language_model model;
        err = language_model_load(txn, arena, job->subject, &model);
        if (err == OK) {
            model.state = MODEL_FAILED;
            err = language_model_save(txn, &model);
        }
    }
    if (err == OK && str_is(job->step, "search")) err = search_try_ended(txn, arena, job, NULL);
    return err == OK ? job_audit(txn, job, job_state_name(state)) : err;
}

// ---- operations -------------------------------------------------------------------------------

bool job_seen(const struct call *call, const struct job *job) {
    return job->actor.id == call->actor.person_id ||
           (call->actor.roles & (ROLE_SYSTEM | ROLE_AUDIT)) != 0;
}

// Who may open a dataset or a model may also see how it came to be.
static bool may_see_state(const struct call *call, const struct job *job) {
    bool dataset = str_is(job->subject_kind, "dataset") && (call->actor.roles & ROLE_DATA);
    bool of_model = str_is(job->subject_kind, "model") || str_is(job->subject_kind, "search") ||
                    str_is(job->subject_kind, "language");
    bool model = of_model && (call->actor.roles & ROLE_RESEARCH);
    return job_seen(call, job) || dataset || model;
}

static enum err job_find(struct flow *flow, const struct call *call,
                         bool (*allowed)(const struct call *call, const struct job *job),
                         struct job *out) {
    struct store_txn *txn;
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = job_load(txn, call->arena, call->id, out);
    store_read_end(txn);
    if (err == OK && !allowed(call, out)) err = ERR_NOT_FOUND;
    return missing(call, err, "job.not_found");
}

enum err job_look(struct flow *flow, const struct call *call, struct job *out) {
    return job_find(flow, call, job_seen, out);
}

struct job_filter {
    bool any_state, unapproved;
    enum job_state state;
    uint64_t array;              // its tasks one by one; 0: an array is one row, that of its first
    struct array_counts *counts; // of the array that is being walked, from its last task down
};

static bool job_fits(const struct job_filter *filter, const struct job *job) {
    bool unapproved = job->state == JOB_QUEUED && job->approval.state == APPROVAL_WAITING;
    if (filter->unapproved && !unapproved) return false;
    if (filter->array) {
        return job->ask.array == filter->array &&
               (filter->any_state || job->state == filter->state);
    }
    if (job->ask.array) {
        return job->ask.index == 0 && (filter->any_state || filter->counts->of[filter->state] > 0);
    }
    return filter->any_state || job->state == filter->state;
}

static enum err job_item(struct list *list, struct store_txn *txn, struct record_reader *record,
                         bool show, bool *out_wanted) {
    const struct job_filter *filter = list->filter;
    struct job job;
    (void)txn;
    enum err err = job_read(record, list->scratch, &job);
    if (err != OK) return err;
    bool row = job.ask.array && !filter->array;
    if (row) array_count(filter->counts, &job);
    *out_wanted = job_seen(list->call, &job) && job_fits(filter, &job);
    if (*out_wanted && show) {
        view_job_counted(list->flow, list->call->out, &job, row ? filter->counts : NULL);
    }
    return OK;
}

enum err flow_job_list(struct flow *flow, struct call *call) {
    struct array_counts counts = {0};
    struct job_filter filter = {.any_state = true, .counts = &counts};
    struct str state = call_query(call, "state");
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    if (err != OK) return err;
    if (state.size) {
        filter.any_state = false;
        if (!job_state_from_name(state, &filter.state)) {
            return fault_set(call->fault, ERR_INPUT, "flow.bad_state", state);
        }
    }
    struct str approval = call_query(call, "approval");
    if (approval.size && !str_is(approval, "waiting")) {
        return fault_set(call->fault, ERR_INPUT, "flow.bad_state", approval);
    }
    filter.unapproved = approval.size != 0;
    err = call_query_u64(call, "array", 1, UINT64_MAX, 0, &filter.array);
    if (err != OK) return err;
    struct list list = {
        .flow = flow, .call = call, .table = TABLE_JOB, .item = job_item, .filter = &filter};
    return list_write(&list);
}

enum err flow_job_show(struct flow *flow, struct call *call) {
    struct job job;
    enum err err = job_find(flow, call, may_see_state, &job);
    if (err != OK) return err;
    view_job(flow, call->out, &job);
    return answer_end(call);
}

enum err flow_job_log(struct flow *flow, struct call *call) {
    char folder[LIMIT_PATH_BYTES], path[LIMIT_PATH_BYTES];
    struct job job;
    struct buf text;
    enum err err = job_find(flow, call, job_seen, &job);
    if (err != OK) return err;
    buf_open(&text, 2 * JOB_LOG_BYTES_MAX);
    job_folder(flow, job.id, folder);
    err = path_join(path, sizeof path, folder, "log");
    if (err == OK && file_exists(path)) err = file_read(path, &text, call->fault);
    if (err == OK) {
        json_open_object(call->out);
        json_set_text(call->out, "text", buf_str(&text));
        json_close_object(call->out);
        err = answer_end(call);
    }
    buf_close(&text);
    return err;
}

static enum err log_delete_change(struct store_txn *txn, void *ctx) {
    const struct call *call = ctx;
    struct job job;
    enum err err = job_load(txn, call->arena, call->id, &job);
    if (err != OK) return err;
    if (!job_is_over(&job)) return fault_set(call->fault, ERR_CONFLICT, "job.not_ended", STR_NONE);
    return audit_put(txn, call->actor.name, "job.log_delete", "job", job.id, "ok", STR_NONE);
}

// Of one that has ended nothing else is in its folder that anybody needs; but a process that is
// being stopped may still be there.
enum err flow_job_log_delete(struct flow *flow, struct call *call) {
    char folder[LIMIT_PATH_BYTES];
    struct job job;
    enum err err = job_find(flow, call, job_seen, &job);
    bool own = err == OK && job.actor.id == call->actor.person_id;
    if (err == OK && !own) err = allow(call, ROLE_SYSTEM); // audit reads, and only reads
    if (err != OK) return err;
    job_folder(flow, job.id, folder);
    bool there = file_exists(folder);
    if (there && job_is_over(&job) && !job_folder_free(folder)) {
        return fault_set(call->fault, ERR_BUSY, "job.folder_busy", STR_NONE);
    }
    err = store_write_freeing(flow->store, log_delete_change, call);
    if (err != OK) return missing(call, err, "job.not_found");
    return there ? folder_remove(folder, call->fault) : OK;
}

struct cancel {
    const struct call *call;
    struct job job;
};

static enum err cancel_change(struct store_txn *txn, void *ctx) {
    struct cancel *cancel = ctx;
    const struct call *call = cancel->call;
    struct job *job = &cancel->job;
    enum err err = job_load(txn, call->arena, call->id, job);
    if (err != OK) return err;
    if (job->state == JOB_QUEUED) {
        err = job_end_badly(txn, call->arena, job, JOB_CANCELLED, NULL);
    } else if (job->state == JOB_RUNNING) {
        job->cancel = true;
        err = job_save(txn, job);
    } else {
        return fault_set(call->fault, ERR_CONFLICT, "job.already_ended", STR_NONE);
    }
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, "job.cancel", "job", job->id, "ok", STR_NONE);
}

enum err flow_job_cancel(struct flow *flow, struct call *call) {
    struct cancel cancel = {.call = call};
    enum err err = job_find(flow, call, job_seen, &cancel.job);
    bool own = err == OK && cancel.job.actor.id == call->actor.person_id;
    if (err == OK && !own) err = allow(call, ROLE_SYSTEM); // audit reads, and only reads
    bool whole = json_member_bool(call->body, "array", false) && cancel.job.ask.array;
    if (err == OK && whole) err = array_cancel(flow, call, &cancel.job);
    if (err == OK && !whole) err = store_write_freeing(flow->store, cancel_change, &cancel);
    if (err != OK) return missing(call, err, "job.not_found");
    if (!whole) runner_cancel(flow, call->id);
    view_job(flow, call->out, &cancel.job);
    return answer_end(call);
}

// Whether a prediction's job was asked for JSON lines.
static bool predicts_lines(const struct job *job) {
    struct json *options = NULL;
    if (json_parse(job->options, &options, NULL) != OK) return false;
    bool lines = str_is(json_member_text(options, "format"), "jsonl");
    json_close(options);
    return lines;
}

enum err flow_prediction_download(struct flow *flow, struct call *call, struct flow_download *out) {
    struct job job;
    enum err err = job_find(flow, call, job_seen, &job);
    if (err != OK) return err;
    if (hash_none(&job.output)) {
        return fault_set(call->fault, ERR_NOT_FOUND, "job.no_output", STR_NONE);
    }
    struct flow_download download = {.content_type = "text/csv; charset=utf-8"};
    err = blob_path(flow->store, &job.output, download.path, sizeof download.path, call->fault);
    if (err == OK) err = audit_note(flow, call, "job.download", "job", job.id, STR_NONE);
    if (err != OK) return err;
    if (str_is(job.step, "command")) {
        snprintf(download.content_type, sizeof download.content_type, "application/x-tar");
        snprintf(download.name, sizeof download.name, "output-%" PRIu64 ".tar", job.id);
    } else if (str_is(job.step, "cleanse")) {
        snprintf(download.content_type, sizeof download.content_type, "application/x-tar");
        snprintf(download.name, sizeof download.name, "bundle-%" PRIu64 ".tar", job.id);
    } else if (str_is(job.step, "drift")) {
        snprintf(download.content_type, sizeof download.content_type, "application/json");
        snprintf(download.name, sizeof download.name, "drift-%" PRIu64 ".json", job.id);
    } else {
        bool lines = predicts_lines(&job);
        if (lines)
            snprintf(download.content_type, sizeof download.content_type, "application/x-ndjson");
        snprintf(download.name, sizeof download.name, "predictions-%" PRIu64 ".%s", job.id,
                 lines ? "jsonl" : "csv");
    }
    *out = download;
    return OK;
}

// ---- one file of a program's output ------------------------------------------------------------
static enum err member_find(const struct call *call, struct str name, struct flow_download *out) {
    struct tar_entry entry;
    int fd = open(out->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fault_errno(call->fault, errno, str_of(out->path));
    struct tar_reader reader = {.fd = fd};
    enum err err = OK;
    do {
        err = tar_read_entry(&reader, &entry);
    } while (err == OK && !str_is(name, entry.path));
    off_t at = err == OK ? lseek(fd, 0, SEEK_CUR) : 0;
    close(fd);
    if (err == ERR_NOT_FOUND) return fault_set(call->fault, err, "job.no_output", STR_NONE);
    if (err != OK || at < 0) return fault_set(call->fault, ERR_CORRUPT, "job.no_output", STR_NONE);
    out->part = true;
    out->offset = (uint64_t)at;
    out->size = entry.size;
    return OK;
}

enum err flow_output_download(struct flow *flow, struct call *call, struct flow_download *out) {
    struct job job;
    struct str name = call_query(call, "name"), file = name;
    enum err err = job_find(flow, call, job_seen, &job);
    if (err == OK && (hash_none(&job.output) || !str_is(job.step, "command"))) {
        err = fault_set(call->fault, ERR_NOT_FOUND, "job.no_output", STR_NONE);
    }
    if (err != OK) return err;
    struct flow_download download = {.content_type = "application/octet-stream"};
    err = blob_path(flow->store, &job.output, download.path, sizeof download.path, call->fault);
    if (err == OK) err = member_find(call, name, &download);
    if (err == OK) err = audit_note(flow, call, "job.download", "job", job.id, STR_NONE);
    if (err != OK) return err;
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '/') file = (struct str){name.data + i + 1, name.size - i - 1};
    }
    if (!str_copy(download.name, sizeof download.name, file)) return ERR_LIMIT;
    *out = download;
    return OK;
}
