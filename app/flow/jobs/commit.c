// The committer: what an attempt made goes into the blobs, and then dataset, model, lineage, job
// and audit change in one transaction. It may be done again at any point and doubles nothing: a
// made file is linked before it is taken, so the folder keeps it until the end, and inside the
// transaction the job's state decides whether there is still something to do.
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocation/usage.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "flow/jobs/commit_private.h"
#include "flow/jobs/executor.h"
#include "flow/models/pilots.h"

enum { RETRY_MS = 5000, BATCH_MAX = 512, BATCH_BYTES = 256 << 20 };

// ---- what came of it ----------------------------------------------------------------------------

static enum err result_read(struct commit *commit, const char *folder) {
    char path[LIMIT_PATH_BYTES];
    struct json *result = NULL;
    enum err err = path_join(path, sizeof path, folder, "result.json");
    if (err != OK || !file_exists(path)) return err;
    err = json_parse_file(path, &result, NULL);
    if (err == ERR_INPUT || err == ERR_LIMIT) return OK; // not ours: as if there were none
    if (err != OK) return err;
    if (json_member_u64(result, "attempt", 0) != commit->job.attempt) {
        json_close(result);
        return OK;
    }
    commit->result = result;
    return OK;
}

static void outcome_lost(struct commit *commit) {
    char detail[64];
    int status = commit->active->wait_status;
    struct fault *fault = &commit->fault;
    bool own = status != -1;
    int number = own && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    commit->outcome = OUTCOME_FAILED;
    if (number && number != SIGKILL && number != SIGTERM && number != SIGHUP) {
        snprintf(detail, sizeof detail, "%d", number);
        (void)!fault_set(fault, ERR_IO, "job.crashed", str_of(detail));
    } else if (own && WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        (void)!fault_set(fault, ERR_IO, "job.no_program", STR_NONE);
    } else if (commit->job.lost + 1 >= LOST_MAX) {
        snprintf(detail, sizeof detail, "%d", LOST_MAX);
        (void)!fault_set(fault, ERR_IO, "job.lost", str_of(detail));
    } else {
        commit->outcome = OUTCOME_AGAIN;
    }
}

static void outcome_stopped(struct commit *commit, const char *code, uint64_t amount) {
    char detail[32];
    snprintf(detail, sizeof detail, "%" PRIu64, amount);
    commit->outcome = OUTCOME_FAILED;
    (void)!fault_set(&commit->fault, ERR_LIMIT, code, str_of(detail));
}

static void outcome_find(struct commit *commit) {
    const struct active *active = commit->active;
    const struct json *result = commit->result;
    if (active->well || (result && json_member_bool(result, "ok", false))) {
        commit->outcome = OUTCOME_DONE;
    } else if (active->start_fault.code[0]) {
        commit->outcome = OUTCOME_FAILED;
        commit->fault = active->start_fault;
    } else if (active->stop == STOP_CANCEL || active->stop == STOP_CLOSE || commit->job.cancel) {
        commit->outcome = OUTCOME_CANCELLED;
    } else if (active->stop == STOP_MEMORY || active->memory_ran_out) {
        outcome_stopped(commit, "job.memory_limit", commit->job.memory_bytes >> 20);
    } else if (active->stop == STOP_TIME) {
        outcome_stopped(commit, "job.time_limit", commit->job.time_limit_ms / 1000);
    } else if (active->stop == STOP_GIVE_WAY ||
               (result && str_is(json_member_text(result, "err"), "paused"))) {
        commit->outcome = OUTCOME_PAUSED;
    } else if (result && !str_is(json_member_text(result, "err"), "cancelled")) {
        commit->outcome = OUTCOME_FAILED;
        json_read_fault(json_member(result, "fault"), &commit->fault);
        (void)!fault_set(&commit->fault, ERR_IO, "job.failed", STR_NONE);
    } else {
        outcome_lost(commit); // told to stop by somebody else: the machine going down, say
    }
}

// ---- files into blobs -------------------------------------------------------------------------

static const struct {
    const char *step;
    const char *files[MADE_MAX], *maybe[MADE_MAX]; // maybe: where the step was asked for it
} step_files[] = {
    {"import", {"table", "faults.jsonl"}, {NULL}},
    {"check", {"profile.json"}, {NULL}},
    {"cleanse",
     {"table", "report.json"},
     {"bundle.tar", "sampling.csv", "sampling_technical.csv", "words.csv"}},
    {"train", {"model", "scorecard.json"}, {NULL}},
    {"search", {"model", "scorecard.json"}, {NULL}},
    {"predict", {"predictions"}, {NULL}},
    {"drift", {"drift.json"}, {NULL}},
    {"command", {NULL}, {"output.tar"}},
    {"language", {"model"}, {NULL}},
    {"serve", {NULL}, {NULL}},
};

static enum err file_take(struct commit *commit, const char *folder, const char *name,
                          struct made *out) {
    char from[LIMIT_PATH_BYTES], keep[LIMIT_PATH_BYTES];
    struct flow *flow = commit->flow;
    path_of(from, "%s/out/%s", folder, name);
    path_of(keep, "%s/out/%s.keep", folder, name);
    if (!file_exists(from)) {
        return fault_set(&commit->fault, ERR_NOT_FOUND, "job.output_missing", str_of(name));
    }
    enum err err = file_remove(keep, &commit->fault);
    if (err == OK && link(from, keep) != 0) err = file_copy(from, keep, &commit->fault);
    if (err != OK) return err;
    out->name = name;
    // Without the job's progress: a cancel that comes now is too late, the work is done.
    return blob_take_file(flow->store, keep, NULL, &out->hash, &out->size, &commit->fault);
}

// Columns and rows from the table itself, not from what was said about it.
static enum err table_look(struct commit *commit, const struct made *made) {
    char path[LIMIT_PATH_BYTES];
    struct table *table;
    enum err err = blob_path(commit->flow->store, &made->hash, path, sizeof path, &commit->fault);
    if (err == OK) err = table_open(path, &table, &commit->fault);
    if (err != OK) return err;
    commit->rows = table_rows(table);
    err = schema_copy(commit->arena, table_schema(table), &commit->schema);
    table_close(table);
    return err;
}

static enum err maybe_take(struct commit *commit, const char *folder, const char *name) {
    char path[LIMIT_PATH_BYTES];
    path_of(path, "%s/out/%s", folder, name);
    if (!file_exists(path)) return OK;
    enum err err = file_take(commit, folder, name, &commit->made[commit->made_count]);
    commit->made_count += err == OK;
    return err;
}

static enum err files_take(struct commit *commit, const char *folder) {
    for (size_t i = 0; i < sizeof step_files / sizeof step_files[0]; i++) {
        if (!str_is(commit->job.step, step_files[i].step)) continue;
        for (uint32_t k = 0; k < MADE_MAX && step_files[i].files[k]; k++) {
            struct made *made = &commit->made[commit->made_count];
            enum err err = file_take(commit, folder, step_files[i].files[k], made);
            if (err == OK && strcmp(made->name, "table") == 0) err = table_look(commit, made);
            if (err != OK) return err;
            commit->made_count++;
        }
        for (uint32_t k = 0; k < MADE_MAX && step_files[i].maybe[k]; k++) {
            enum err err = maybe_take(commit, folder, step_files[i].maybe[k]);
            if (err != OK) return err;
        }
    }
    return OK;
}

const struct made *commit_made_maybe(const struct commit *commit, const char *name) {
    for (uint32_t i = 0; i < commit->made_count; i++) {
        if (strcmp(commit->made[i].name, name) == 0) return &commit->made[i];
    }
    return NULL;
}

const struct made *commit_made(const struct commit *commit, const char *name) {
    const struct made *made = commit_made_maybe(commit, name);
    cy_assert(made); // step_files names what the step's commit asks for
    return made;
}

// ---- the transaction --------------------------------------------------------------------------

static void job_numbers(struct commit *commit) {
    struct job *job = &commit->job;
    struct progress *progress = commit->active->progress;
    if (progress) {
        uint32_t phase = atomic_load(&progress->phase);
        job->phase = phase < PHASE_COUNT ? str_of(phase_name((enum phase)phase)) : STR_NONE;
        job->done = atomic_load(&progress->done);
        job->total = atomic_load(&progress->total);
        job->rows = atomic_load(&progress->rows);
    }
    job->started_ms = commit->active->started_ms; // a cluster may have begun it later
    job->served_milli = commit->active->served_milli;
    job->memory_used_bytes = commit->active->memory_used_bytes;
    job->ended_ms = commit->active->ended_ms;
    job->ran_ms += job->ended_ms - job->started_ms;
}

// What cut the attempt short was the box: its process, its disk or its going down.
static bool box_at_fault(const struct commit *commit) {
    static const char *const codes[] = {
        "job.crashed",    "job.no_program", "job.lost",   "job.not_started", "job.not_committed",
        "base.disk_full", "base.no_memory", "store.full", "blob.missing",    "model_file.no_room"};
    if (commit->outcome == OUTCOME_AGAIN) return true;
    if (commit->outcome == OUTCOME_CANCELLED) return commit->active->stop == STOP_CLOSE;
    if (commit->outcome != OUTCOME_FAILED) return false;
    if (commit->active->start_fault.code[0]) return true;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (strcmp(commit->fault.code, codes[i]) == 0) return true;
    }
    return false;
}

static enum err attempt_book(struct store_txn *txn, struct commit *commit) {
    const struct job *job = &commit->job;
    int64_t members = (int64_t)job_members(job);
    struct usage_attempt attempt = {
        .job = job->id,
        .attempt = job->attempt,
        .step = job->step,
        .person = job->actor.id,
        .person_name = job->actor.name,
        .tenant = job->tenant,
        .started_ms = job->started_ms,
        .ended_ms = job->ended_ms,
        .amount = {members * (int64_t)job->cpu_milli, members * (int64_t)(job->memory_bytes >> 20),
                   members * (int64_t)(job->ask.disk_bytes >> 20),
                   members * (int64_t)job->ask.device_milli},
        .box_fault = box_at_fault(commit),
    };
    return usage_record(txn, commit->arena, &attempt);
}

static enum err change_done(struct store_txn *txn, struct commit *commit) {
    struct job *job = &commit->job;
    job->state = JOB_DONE;
    job->phase = str_of(phase_name(PHASE_DONE));
    if (!job->rows) job->rows = commit->rows; // of one that had ended before we came to count
    for (uint32_t i = 0; i < commit->made_count; i++) {
        enum err err = blob_register(txn, &commit->made[i].hash, commit->made[i].size);
        if (err != OK) return err;
    }
    enum err err = commit_step(txn, commit);
    if (err == OK) err = job_save(txn, job);
    if (err == OK) err = when_ran(txn, job);
    if (err == OK) err = job_count(txn, job, -1);
    return err != OK ? err : job_audit(txn, job, "ok");
}

// As if its begin had been recorded; that may have had no time yet.
static enum err record_load(struct store_txn *txn, struct commit *commit) {
    const struct active *active = commit->active;
    struct job *job = &commit->job;
    enum err err = job_load(txn, commit->arena, active->job, job);
    bool begins = err == OK && active->unrecorded && job->state == JOB_QUEUED &&
                  job->attempt + 1 == active->attempt;
    if (begins) {
        job_begun(job, active->started_ms, &active->place,
                  active->executor->confinement(commit->flow));
    }
    return err;
}

// Stale: it was cancelled just before.
static enum err begin_change(struct store_txn *txn, void *ctx) {
    struct commit *commit = ctx;
    const struct job *job = &commit->job;
    enum err err = record_load(txn, commit);
    if (err != OK) return err;
    bool begun = job->state == JOB_RUNNING && job->attempt == commit->active->attempt;
    commit->stale = !begun || job->when.hold;
    return commit->stale ? OK : job_save(txn, job);
}

static enum err commit_change(struct store_txn *txn, void *ctx) {
    struct commit *commit = ctx;
    uint64_t attempt = commit->active->attempt;
    enum err err = record_load(txn, commit);
    if (err != OK) return err;
    commit->has_follow = false;
    if (commit->job.state != JOB_RUNNING || commit->job.attempt != attempt) {
        commit->stale = true;
        return OK;
    }
    job_numbers(commit);
    err = attempt_book(txn, commit);
    if (err != OK) return err;
    switch (commit->outcome) {
    case OUTCOME_DONE: return change_done(txn, commit);
    case OUTCOME_AGAIN:
    case OUTCOME_PAUSED:
        commit->job.lost += commit->outcome == OUTCOME_AGAIN;
        commit->job.paused += commit->outcome == OUTCOME_PAUSED;
        if (commit->outcome == OUTCOME_PAUSED && commit->active->give_way) {
            commit->job.gave_way = str_of(core_why_name(commit->active->give_why));
        }
        commit->job.state = JOB_QUEUED;
        commit->job.ended_ms = 0;
        return job_save(txn, &commit->job);
    case OUTCOME_FAILED:
        return job_end_badly(txn, commit->arena, &commit->job, JOB_FAILED, &commit->fault);
    case OUTCOME_CANCELLED:
        return job_end_badly(txn, commit->arena, &commit->job, JOB_CANCELLED, NULL);
    }
    return OK;
}

// ---- the whole --------------------------------------------------------------------------------

// What it wrote to its log stays; of a job that wrote nothing, nothing does.
static void folder_tidy(const char *folder) {
    static const char *const files[] = {"spec.json", "result.json",    "progress",
                                        "pid",       CHILD_CHECKPOINT, CHILD_SLURM};
    char path[LIMIT_PATH_BYTES];
    uint64_t size = 1;
    if (path_join(path, sizeof path, folder, "log") == OK) (void)!file_size(path, &size, NULL);
    if (size == 0) {
        (void)!folder_remove(folder, NULL);
        return;
    }
    if (path_join(path, sizeof path, folder, "out") == OK) (void)!folder_remove(path, NULL);
    if (path_join(path, sizeof path, folder, "work") == OK) (void)!folder_remove(path, NULL);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (path_join(path, sizeof path, folder, files[i]) == OK) (void)!file_remove(path, NULL);
    }
}

static enum err job_now(struct commit *commit) {
    struct store_txn *txn;
    enum err err = store_read_begin(commit->flow->store, &txn);
    if (err != OK) return err;
    err = record_load(txn, commit);
    store_read_end(txn);
    return err;
}

// Reads what the attempt left and finds what came of it. Stale: there is nothing to commit.
static enum err commit_prepare(struct commit *commit) {
    char folder[LIMIT_PATH_BYTES];
    if (commit->begin) return OK;
    enum err err = job_now(commit);
    if (err != OK) return err;
    commit->stale = commit->active->unwanted || commit->job.state != JOB_RUNNING;
    if (commit->stale) return OK;
    job_folder(commit->flow, commit->active->job, folder);
    err = result_read(commit, folder);
    if (err == OK) outcome_find(commit);
    return err;
}

static bool made_any(const char *folder, const char *const *names) {
    for (uint32_t i = 0; i < MADE_MAX && names[i]; i++) {
        char path[LIMIT_PATH_BYTES];
        path_of(path, "%s/out/%s", folder, names[i]);
        if (file_exists(path)) return true;
    }
    return false;
}

// Whether there is anything to take: a step that need not leave files often leaves none.
static bool makes_files(const struct commit *commit) {
    char folder[LIMIT_PATH_BYTES];
    if (commit->begin || commit->outcome != OUTCOME_DONE) return false;
    job_folder(commit->flow, commit->active->job, folder);
    for (size_t i = 0; i < sizeof step_files / sizeof step_files[0]; i++) {
        if (!str_is(commit->job.step, step_files[i].step)) continue;
        return step_files[i].files[0] || made_any(folder, step_files[i].maybe);
    }
    return false;
}

// A full disk or short memory passes; what the child left out never comes.
static enum err commit_files(struct commit *commit) {
    char folder[LIMIT_PATH_BYTES];
    job_folder(commit->flow, commit->active->job, folder);
    enum err err = files_take(commit, folder);
    if (err == ERR_FULL || err == ERR_MEMORY) return err;
    if (err != OK) commit->outcome = OUTCOME_FAILED;
    return OK;
}

static bool passes(enum err err) {
    return err == OK || err == ERR_FULL || err == ERR_MEMORY;
}

// The records refuse it: the job has failed, and says so.
static enum err commit_refused(struct commit *commit, enum err err) {
    if (passes(err) || commit->begin || commit->outcome != OUTCOME_DONE) return err;
    commit->outcome = OUTCOME_FAILED;
    (void)!fault_set(&commit->fault, err, "job.not_committed", str_of(err_name(err)));
    return store_write_freeing(commit->flow->store, commit_change, commit);
}

static enum err commit_one(struct store_txn *txn, void *ctx) {
    struct commit *commit = ctx;
    return commit->begin ? begin_change(txn, commit) : commit_change(txn, commit);
}

struct together {
    struct commit **commits;
    uint32_t count;
};

static enum err commit_all(struct store_txn *txn, void *ctx) {
    const struct together *together = ctx;
    enum err err = OK;
    for (uint32_t i = 0; i < together->count && err == OK; i++) {
        err = commit_one(txn, together->commits[i]);
    }
    return err;
}

// In one transaction; where one of them cannot be written, each in its own.
static void commits_write(struct flow *flow, struct commit **commits, uint32_t count) {
    struct together together = {commits, count};
    enum err err = count > 1 ? store_write_freeing(flow->store, commit_all, &together) : ERR_BUSY;
    if (err != OK && count > 1) {
        log_event(LOG_WARN, "job.not_together", "jobs=%" PRIu32 " error=%s", count, err_name(err));
    }
    for (uint32_t i = 0; i < count; i++) {
        struct commit *commit = commits[i];
        commit->written = true;
        commit->err = OK;
        if (err == OK) continue;
        commit->err = commit_refused(commit, store_write_freeing(flow->store, commit_one, commit));
    }
}

static bool runs_again(const struct commit *commit) {
    return commit->outcome == OUTCOME_AGAIN || commit->outcome == OUTCOME_PAUSED;
}

struct commits {
    struct arena *arena; // what they read, until all are settled
    struct commit list[BATCH_MAX], *light[BATCH_MAX];
    struct active copies[BATCH_MAX], *slots[BATCH_MAX];
    uint32_t count;
};

// Begins, and ends without files, share a transaction; a large file delays nobody but those that
// come after.
static void commits_run(struct flow *flow, struct commits *batch) {
    uint32_t light = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct commit *commit = &batch->list[i];
        commit->err = commit_prepare(commit);
        bool now = commit->err == OK && !commit->stale;
        if (now && !makes_files(commit)) batch->light[light++] = commit;
    }
    commits_write(flow, batch->light, light);
    for (uint32_t i = 0; i < batch->count; i++) {
        struct commit *commit = &batch->list[i];
        if (commit->err != OK || commit->stale || commit->written) continue;
        commit->err = commit_files(commit);
        if (commit->err == OK) commits_write(flow, &commit, 1);
    }
}

static void commit_close(struct commit *commit) {
    char folder[LIMIT_PATH_BYTES];
    if (commit->begin) return;
    job_folder(commit->flow, commit->active->job, folder);
    if (commit->err == OK && !runs_again(commit)) folder_tidy(folder);
    log_event(commit->err == OK ? LOG_INFO : LOG_WARN, "job.committed",
              "job=%" PRIu64 " outcome=%d code=%s result=%s", commit->active->job,
              (int)commit->outcome, commit->fault.code, err_name(commit->err));
    json_close(commit->result);
}

// ---- the thread -------------------------------------------------------------------------------
static void wait_for_work(struct flow *flow, bool later) {
    if (!later) {
        pthread_cond_wait(&flow->work, &flow->lock);
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    pthread_cond_timedwait(&flow->work, &flow->lock, &until);
}

// Under the lock: those that have begun or ended. *out_later: one is to be tried again later.
static void batch_take(struct flow *flow, struct commits *batch, bool *out_later) {
    uint64_t now_us = clock_monotonic_us();
    batch->count = 0;
    for (uint32_t i = 0; i < ACTIVE_MAX && batch->count < BATCH_MAX; i++) {
        struct active *active = &flow->active[i];
        if (flow->active_job[i] == 0) continue;
        bool begin = active->state == ACTIVE_RUNNING && active->unrecorded && !active->unwanted;
        if (!begin && active->state != ACTIVE_ENDED) continue;
        if (active->retry_us > now_us) {
            *out_later = true;
            continue;
        }
        if (!begin) active->state = ACTIVE_COMMITTING;
        uint32_t at = batch->count++;
        batch->slots[at] = active;
        batch->copies[at] = *active;
        batch->list[at] = (struct commit){
            .flow = flow, .active = &batch->copies[at], .arena = batch->arena, .begin = begin};
    }
}

// Under the lock, after the commit.
static void active_settle(struct flow *flow, struct active *active, const struct commit *commit) {
    if (commit->begin && commit->err == OK) {
        active->unrecorded = active->unwanted = commit->stale;
        active->cancel = active->cancel || commit->stale;
        flow->look_now = flow->look_now || commit->stale;
        return;
    }
    if (commit->err != OK) {
        if (!commit->begin) active->state = ACTIVE_ENDED;
        active->retry_us = clock_monotonic_us() + (uint64_t)RETRY_MS * 1000;
        return;
    }
    progress_unmap(active->progress);
    active->progress = NULL;
    active_free(flow, active);
    flow->ended += !runs_again(commit);
}

static void batch_settle(struct flow *flow, struct commits *batch) {
    pthread_mutex_lock(&flow->lock);
    for (uint32_t i = 0; i < batch->count; i++) {
        active_settle(flow, batch->slots[i], &batch->list[i]);
    }
    pthread_mutex_unlock(&flow->lock);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct commit *commit = &batch->list[i];
        uint64_t job = commit->active->job;
        bool ended = commit->err == OK && !commit->begin;
        bool again = commit->active->unwanted || (runs_again(commit) && !commit->stale);
        if (ended && again) news_put(flow, NEWS_AGAIN, job); // one that was cancelled is not
        if (ended && !runs_again(commit)) news_put(flow, NEWS_ENDED, job);
        if (commit->begin && commit->stale) runner_wake(flow);
        if (ended && commit->has_follow) runner_add(flow, &commit->follow);
        job_tell(flow, job);
    }
    pilots_wake(flow);
    for (uint32_t i = 0; i < batch->count; i++) commit_close(&batch->list[i]);
    arena_reset(batch->arena);
}

void *committer_main(void *argument) {
    struct flow *flow = argument;
    struct commits *batch = flow->committer_memory;
    pthread_mutex_lock(&flow->lock);
    for (;;) {
        bool later = false;
        batch_take(flow, batch, &later);
        if (batch->count == 0 && flow->committer_may_end) break;
        if (batch->count == 0) {
            wait_for_work(flow, later);
            continue;
        }
        pthread_mutex_unlock(&flow->lock);
        commits_run(flow, batch);
        batch_settle(flow, batch);
        pthread_mutex_lock(&flow->lock);
    }
    pthread_mutex_unlock(&flow->lock);
    return NULL;
}

enum err committer_open(struct flow *flow) {
    struct commits *batch = memory_take(sizeof *batch);
    if (!batch) return ERR_MEMORY;
    flow->committer_memory = batch;
    return arena_open(BATCH_BYTES, &batch->arena);
}

void committer_close(struct flow *flow) {
    struct commits *batch = flow->committer_memory;
    if (batch) arena_close(batch->arena);
    memory_give(batch);
}
