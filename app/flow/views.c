// Records as the API's description shows them.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "flow/jobs/executor.h"

void view_tenant_path(const struct policy *policy, uint64_t id,
                      char out[static TENANT_PATH_BYTES]) {
    const struct tenant *tenant = policy_tenant(policy, id);
    if (tenant) {
        policy_path(policy, tenant, out);
    } else {
        snprintf(out, TENANT_PATH_BYTES, "#%" PRIu64, id); // removed since
    }
}

void view_csv_cell(struct buf *out, struct str text) {
    buf_add_char(out, '"');
    if (text.size && strchr("=+-@\t\r", text.data[0])) buf_add_char(out, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"') buf_add_char(out, '"');
        buf_add_char(out, text.data[i]);
    }
    buf_add_char(out, '"');
}

void view_hash(struct json_writer *out, const char *name, const struct hash *hash) {
    char hex[SHA256_HEX_SIZE];
    if (hash_none(hash)) {
        json_set_null(out, name);
        return;
    }
    hash_hex(hash, hex);
    json_set_text(out, name, str_of(hex));
}

void view_time(struct json_writer *out, const char *name, int64_t time_ms) {
    if (time_ms) {
        json_set_i64(out, name, time_ms);
    } else {
        json_set_null(out, name);
    }
}

static void view_id(struct json_writer *out, const char *name, uint64_t id) {
    if (id) {
        json_set_u64(out, name, id);
    } else {
        json_set_null(out, name);
    }
}

static void view_raw(struct json_writer *out, const char *name, struct str json) {
    json_set_raw(out, name, json.size ? json : STR("{}"));
}

void view_upload(struct json_writer *out, const struct upload_record *upload) {
    json_open_object(out);
    json_set_u64(out, "id", upload->id);
    json_set_text(out, "name", upload->name);
    json_set_u64(out, "size", upload->size);
    json_set_u64(out, "received", upload->received);
    json_set_i64(out, "created_ms", upload->created_ms);
    json_set_bool(out, "complete", upload->received == upload->size);
    json_set_text(out, "origin", upload->origin);
    json_close_object(out);
}

void view_dataset(struct json_writer *out, const struct dataset *dataset) {
    json_open_object(out);
    json_set_u64(out, "id", dataset->id);
    json_set_text(out, "name", dataset->name);
    json_set_text(out, "note", dataset->note);
    json_set_text(out, "owner", dataset->owner.name);
    json_set_i64(out, "created_ms", dataset->created_ms);
    json_set_i64(out, "changed_ms", dataset->changed_ms);
    json_set_text(out, "state", str_of(dataset_state_name(dataset->state)));
    json_set_u64(out, "rows", dataset->rows);
    json_set_u64(out, "columns", dataset->columns);
    view_id(out, "revision", dataset->revision);
    view_id(out, "job", dataset->job);
    json_set_bool(out, "deleted", dataset->deleted);
    json_set_number(out, "epsilon_spent", budget_spent(dataset));
}

void view_columns(struct json_writer *out, const struct revision_column *columns, uint32_t count) {
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) {
        json_open_object(out);
        json_set_text(out, "name", columns[i].name);
        json_set_text(out, "type", str_of(column_type_name(columns[i].type)));
        json_set_text(out, "role", str_of(column_role_name(columns[i].role)));
        json_set_text(out, "treatment", columns[i].treatment);
        json_close_object(out);
    }
    json_close_array(out);
}

void view_revision(struct json_writer *out, const struct revision *revision) {
    json_open_object(out);
    json_set_u64(out, "number", revision->number);
    json_set_text(out, "kind", str_of(revision_kind_name(revision->kind)));
    view_id(out, "parent", revision->parent);
    json_set_u64(out, "rows", revision->rows);
    json_put_name(out, "columns");
    view_columns(out, revision->columns, revision->column_count);
    view_hash(out, "table", &revision->table);
    json_set_u64(out, "bytes", revision->bytes);
    json_set_i64(out, "created_ms", revision->created_ms);
    json_set_text(out, "actor", revision->actor.name);
    if (revision->kind == REVISION_IMPORT) {
        json_put_name(out, "source");
        json_open_object(out);
        json_set_text(out, "name", revision->source_name);
        view_hash(out, "hash", &revision->source_hash);
        json_set_u64(out, "bytes", revision->source_bytes);
        json_close_object(out);
    }
    view_hash(out, "recipe", &revision->recipe);
    json_set_u64(out, "fault_count", revision->fault_count);
    json_set_bool(out, "profile", !hash_none(&revision->profile));
    json_set_bool(out, "report", !hash_none(&revision->report));
    view_id(out, "lineage", revision->lineage);
    view_time(out, "deleted_ms", revision->deleted_ms);
    json_set_text(out, "deleted_by", revision->deleted_by.name);
    json_close_object(out);
}

void view_recipe(struct json_writer *out, const struct recipe_record *recipe) {
    json_open_object(out);
    json_set_u64(out, "id", recipe->id);
    json_set_text(out, "name", recipe->name);
    json_set_text(out, "text", recipe->text);
    view_hash(out, "hash", &recipe->hash);
    json_set_text(out, "actor", recipe->actor.name);
    json_set_i64(out, "changed_ms", recipe->changed_ms);
    view_id(out, "previous", recipe->previous);
    json_set_u64(out, "version", recipe->version);
    json_set_text(out, "visibility", recipe->shared ? STR("everybody") : STR("mine"));
    json_close_object(out);
}

void view_sheet(struct json_writer *out, const struct sheet *sheet) {
    json_open_object(out); // sorted by name: the manifest holds it too
    json_set_text(out, "contact", sheet->contact);
    json_set_text(out, "licence", sheet->licence);
    json_set_text(out, "limits", sheet->limits);
    json_set_text(out, "purpose", sheet->purpose);
    json_set_text(out, "sensitivity", sheet->sensitivity);
    json_set_text(out, "source", sheet->source);
    json_set_text(out, "title", sheet->title);
    json_close_object(out);
}

static void view_warnings(struct json_writer *out, const struct release *release) {
    json_put_name(out, "warnings");
    json_open_array(out);
    for (uint32_t i = 0; i < release->warning_count; i++) {
        json_open_object(out);
        json_set_text(out, "code", release->warnings[i].code);
        json_set_text(out, "detail", release->warnings[i].detail);
        json_close_object(out);
    }
    json_close_array(out);
}

void view_release(struct json_writer *out, const struct release *release) {
    json_open_object(out);
    json_set_u64(out, "id", release->id);
    json_set_text(out, "name", release->name);
    json_set_text(out, "title", release->sheet.title);
    json_set_text(out, "state", str_of(release_state_name(release->state)));
    json_set_u64(out, "dataset", release->dataset);
    json_set_u64(out, "revision", release->revision);
    json_set_u64(out, "rows", release->rows);
    json_put_name(out, "columns");
    view_columns(out, release->columns, release->column_count);
    view_hash(out, "hash", &release->manifest);
    view_hash(out, "table", &release->table);
    json_set_u64(out, "bytes", release->bytes);
    json_put_name(out, "sheet");
    view_sheet(out, &release->sheet);
    json_set_text(out, "requested_by", release->requested_by.name);
    json_set_i64(out, "requested_ms", release->requested_ms);
    if (release->decided_ms) {
        json_set_text(out, "decided_by", release->decided_by.name);
    } else {
        json_set_null(out, "decided_by");
    }
    view_time(out, "decided_ms", release->decided_ms);
    json_set_text(out, "reason", release->reason);
    view_warnings(out, release);
    view_id(out, "lineage", release->lineage);
}

void view_model(struct json_writer *out, const struct model *model) {
    json_open_object(out);
    json_set_u64(out, "id", model->id);
    json_set_text(out, "name", model->name);
    view_id(out, "release", model->release);
    json_set_text(out, "release_title", model->release_title);
    json_set_text(out, "target", model->target);
    json_set_text(out, "task", model->task);
    json_set_text(out, "learner", model->learner);
    json_set_text(out, "state", str_of(model_state_name(model->state)));
    view_id(out, "job", model->job);
    json_set_i64(out, "created_ms", model->created_ms);
    json_set_text(out, "actor", model->actor.name);
    view_hash(out, "hash", &model->file);
    if (model->headline.size) {
        json_put_name(out, "headline");
        json_open_object(out);
        json_set_text(out, "name", model->headline);
        json_set_number(out, "value", model->value);
        json_set_number(out, "low", model->low);
        json_set_number(out, "high", model->high);
        json_close_object(out);
    } else {
        json_set_null(out, "headline");
    }
    json_set_bool(out, "deleted", model->deleted);
    view_id(out, "lineage", model->lineage);
}

// How far it is: from the page it shares with its process while it runs, from the record after.
// Where it is in a cluster's hands; null while it is in ours.
static void view_engine(struct json_writer *out, const struct active *active) {
    json_put_name(out, "engine");
    if (!active->executor || active->executor != &executor_slurm ||
        active->state != ACTIVE_RUNNING) {
        json_put_null(out);
        return;
    }
    json_open_object(out);
    slurm_view(out, active);
    json_close_object(out);
}

// The first of those it waits for that has not ended.
static uint64_t after_first(struct flow *flow, const struct job_when *when) {
    struct active active;
    struct active_now now;
    for (uint32_t i = 0; i < when->after_count; i++) {
        bool open = schedule_state(flow->schedule, when->after[i]) != CORE_NONE ||
                    active_look(flow, when->after[i], &active, &now);
        if (open) return when->after[i];
    }
    return 0;
}

static void view_job_now(struct flow *flow, struct json_writer *out, const struct job *job) {
    struct active active = {0};
    struct active_now now = {0};
    bool lively = !job_is_over(job);
    bool found = lively && active_look(flow, job->id, &active, &now);
    if (found && job->state == JOB_RUNNING) {
        uint32_t phase = now.phase < PHASE_COUNT ? now.phase : 0;
        json_set_text(out, "phase", str_of(phase_name((enum phase)phase)));
        json_set_u64(out, "done", now.done);
        json_set_u64(out, "total", now.total);
        json_set_u64(out, "rows", now.rows);
    } else {
        json_set_text(out, "phase", job->phase);
        json_set_u64(out, "done", job->done);
        json_set_u64(out, "total", job->total);
        json_set_u64(out, "rows", job->rows);
    }
    bool waits = job->state == JOB_QUEUED;
    struct schedule_why why = {0};
    if (waits) schedule_explain(flow->schedule, job->id, &why);
    if (why.why == WHY_HELD && !job->when.hold) {
        why = (struct schedule_why){.why = WHY_AFTER, .blocker = after_first(flow, &job->when)};
    }
    json_set_text(out, "reason", waits ? str_of(core_why_name(why.why)) : STR_NONE);
    json_set_u64(out, "blocker", why.blocker);
    json_set_u64(out, "reservation", slot_reservation(why.slot));
    view_engine(out, &active);
    view_time(out, "expected_ms", why.expected_ms);
    json_set_u64(out, "memory_used_bytes",
                 found ? active.memory_used_bytes : job->memory_used_bytes);
}

void view_job(struct flow *flow, struct json_writer *out, const struct job *job) {
    view_job_counted(flow, out, job, NULL);
}

void view_job_counted(struct flow *flow, struct json_writer *out, const struct job *job,
                      const struct array_counts *counts) {
    json_open_object(out);
    json_set_u64(out, "id", job->id);
    json_set_text(out, "step", job->step);
    json_set_text(out, "state", str_of(job_state_name(job->state)));
    json_set_text(out, "actor", job->actor.name);
    json_set_i64(out, "created_ms", job->created_ms);
    view_time(out, "started_ms", job->started_ms);
    view_time(out, "ended_ms", job->ended_ms);
    json_set_u64(out, "attempt", job->attempt);
    json_set_u64(out, "paused", job->paused);
    json_set_text(out, "gave_way", job->gave_way);
    view_job_now(flow, out, job);
    json_put_name(out, "fault");
    if (job->fault.code[0]) {
        json_put_fault(out, &job->fault);
    } else {
        json_put_null(out);
    }
    json_put_name(out, "subject");
    json_open_object(out);
    json_set_text(out, "kind", job->subject_kind);
    json_set_u64(out, "id", job->subject);
    json_set_text(out, "name", job->subject_name);
    json_close_object(out);
    if (job->revision) json_set_u64(out, "revision", job->revision);
    view_when(out, &job->when);
    view_approval(flow, out, job);
    json_set_u64(out, "cpu_milli", job->cpu_milli);
    json_set_u64(out, "memory_bytes", job->memory_bytes);
    json_set_text(out, "confine", job->confine);
    json_set_u64(out, "time_limit_ms", job->time_limit_ms);
    json_set_bool(out, "download", !hash_none(&job->output));
    view_id(out, "lineage", job->lineage);
    view_array(out, job, counts);
    if (str_is(job->step, "command")) view_raw(out, "program", job->options);
    view_raw(out, "summary", job->summary);
    json_close_object(out);
}
