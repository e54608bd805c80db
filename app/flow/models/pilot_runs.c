// The runs that are under way: one thread looks at each whenever something may have happened, and
// asks for what comes next, until it waits again or has come to its end.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "flow/models/pilots.h"
#include "flow/models/serving.h"

enum {
    LOOK_S = 5, // at the latest, where nobody said that something has happened
    ARENA_BYTES = 64 << 20,
    MOVES_MAX = 2 * PILOT_STEP_COUNT, // of one run in one go
    NAMES_TRIED = 100,
};

// The lock is for the list of runs and the two signs; no transaction is begun while it is held.
struct pilots {
    struct flow *flow;
    struct templates *templates;
    pthread_mutex_t lock;
    pthread_cond_t work;
    uint64_t runs[PILOT_RUNS_MAX];
    uint32_t count;
    bool look, closing, runs_thread;
    pthread_t thread;
    struct arena *arena; // the thread's
    struct buf body, answer;
};

const struct templates *pilots_templates(const struct flow *flow) {
    return flow->pilots->templates;
}

void pilots_wake(struct flow *flow) {
    struct pilots *pilots = flow->pilots;
    if (!pilots) return;
    pthread_mutex_lock(&pilots->lock);
    pilots->look = true;
    if (pilots->count > 0) pthread_cond_signal(&pilots->work);
    pthread_mutex_unlock(&pilots->lock);
}

bool pilots_room(struct flow *flow) {
    pthread_mutex_lock(&flow->pilots->lock);
    bool room = flow->pilots->count < PILOT_RUNS_MAX;
    pthread_mutex_unlock(&flow->pilots->lock);
    return room;
}

static void list_put(struct pilots *pilots, uint64_t run) {
    if (pilots->count < PILOT_RUNS_MAX) pilots->runs[pilots->count++] = run;
}

void pilots_add(struct flow *flow, uint64_t run) {
    pthread_mutex_lock(&flow->pilots->lock);
    list_put(flow->pilots, run);
    pthread_mutex_unlock(&flow->pilots->lock);
    pilots_wake(flow);
}

// ---- the record ---------------------------------------------------------------------------------

static void run_at(struct pilot_run *run, enum pilot_step step, uint64_t subject, uint64_t job) {
    run->step = step;
    run->job = job;
    run->fault = (struct fault){0};
    run->changed_ms = clock_now_ms();
    if (step == PILOT_IMPORT) run->dataset = subject;
    if (step == PILOT_PUBLISH) run->release = subject;
    if (step == PILOT_TRAIN) run->model = subject;
}

enum err pilot_moved(struct store_txn *txn, const struct call *call, enum pilot_step step,
                     uint64_t subject, uint64_t job) {
    struct pilot_run run;
    if (call->pilot_run == 0) return OK;
    enum err err = pilot_run_load(txn, call->arena, call->pilot_run, &run);
    if (err != OK) return err;
    if (run.state != PILOT_RUNNING || run.cancel) {
        return fault_set(call->fault, ERR_CANCELLED, "pilot.cancelled", STR_NONE);
    }
    run_at(&run, step, subject, job);
    return pilot_run_save(txn, &run);
}

// One look at a run: what the thread knows of it.
struct look {
    struct pilots *pilots;
    struct pilot_run run;
    const struct template *one;
    struct json *mapping;
    enum pilot_step step;   // where it goes without asking for anything,
    uint64_t job, revision; // and what it waits for there
    enum pilot_state state; // how it ends
    struct fault fault;
};

static enum err step_change(struct store_txn *txn, void *ctx) {
    const struct look *look = ctx;
    struct pilot_run run;
    enum err err = pilot_run_load(txn, look->pilots->arena, look->run.id, &run);
    if (err != OK) return err;
    run_at(&run, look->step, 0, look->job);
    run.revision = look->revision;
    return pilot_run_save(txn, &run);
}

static enum err step_to(struct look *look, enum pilot_step step, uint64_t job, uint64_t revision) {
    look->step = step;
    look->job = job;
    look->revision = revision;
    return store_write(look->pilots->flow->store, step_change, look);
}

// ---- its end: nothing half-made stays -----------------------------------------------------------

static enum err release_drop(struct store_txn *txn, struct arena *arena,
                             const struct pilot_run *run, bool *out_released) {
    struct release release;
    if (!run->release) return OK;
    enum err err = release_load(txn, arena, run->release, &release);
    if (err != OK) return err;
    *out_released = release.state == RELEASE_RELEASED;
    if (release.state != RELEASE_PENDING || run->released) return OK;
    release.state = RELEASE_REJECTED;
    release.decided_by = run->actor;
    release.decided_ms = clock_now_ms();
    err = release_save(txn, &release);
    if (err != OK) return err;
    return audit_put(txn, run->actor.name, "release.reject", "release", release.id, "ok",
                     STR("pilot"));
}

static enum err model_drop(struct store_txn *txn, struct arena *arena,
                           const struct pilot_run *run) {
    struct model model;
    if (!run->model) return OK;
    enum err err = model_load(txn, arena, run->model, &model);
    if (err != OK || model.state == MODEL_READY || model.deleted) return err;
    model.deleted = true;
    return model_save(txn, &model);
}

// Into the bin, where people can still find it.
static enum err dataset_drop(struct store_txn *txn, struct arena *arena,
                             const struct pilot_run *run) {
    struct dataset dataset;
    if (!run->dataset) return OK;
    enum err err = dataset_load(txn, arena, run->dataset, &dataset);
    if (err != OK || dataset.deleted) return err;
    dataset.deleted = true;
    dataset.changed_ms = clock_now_ms();
    err = dataset_save(txn, &dataset);
    if (err != OK) return err;
    return audit_put(txn, run->actor.name, "dataset.delete", "dataset", dataset.id, "ok",
                     STR("pilot"));
}

static enum err end_change(struct store_txn *txn, void *ctx) {
    const struct look *look = ctx;
    struct arena *arena = look->pilots->arena;
    struct pilot_run run;
    bool released = false;
    enum err err = pilot_run_load(txn, arena, look->run.id, &run);
    if (err != OK) return err;
    err = release_drop(txn, arena, &run, &released);
    if (err == OK) err = model_drop(txn, arena, &run);
    if (err == OK && !released) err = dataset_drop(txn, arena, &run);
    run.state = look->state;
    run.fault = look->fault;
    run.ended_ms = run.changed_ms = clock_now_ms();
    if (err == OK) err = pilot_run_save(txn, &run);
    if (err != OK) return err;
    return audit_put(txn, run.actor.name, "pilot.end", "pilot", run.id,
                     look->state == PILOT_CANCELLED ? "ok" : "failed", str_of(look->fault.code));
}

static enum err end(struct look *look, enum pilot_state state, const struct fault *fault) {
    look->state = state;
    look->fault = fault ? *fault : (struct fault){0};
    return store_write_freeing(look->pilots->flow->store, end_change, look);
}

// ---- asking -------------------------------------------------------------------------------------

static struct actor actor_now(const struct flow *flow, const struct pilot_run *run) {
    uint32_t roles = (uint32_t)run->roles;
    if (flow->roles_of) roles &= flow->roles_of(flow->ctx, run->actor.id);
    return (struct actor){.person_id = run->actor.id, .name = run->actor.name, .roles = roles};
}

// What passes by itself: the run waits and asks again.
static bool passes(enum err err, const struct fault *fault) {
    return err == ERR_BUSY || err == ERR_FULL || err == ERR_MEMORY || err == ERR_CANCELLED ||
           strcmp(fault->code, "job.queue_full") == 0 || strncmp(fault->code, "limit.", 6) == 0;
}

static enum err waits_change(struct store_txn *txn, void *ctx) {
    const struct look *look = ctx;
    struct pilot_run run;
    enum err err = pilot_run_load(txn, look->pilots->arena, look->run.id, &run);
    if (err != OK) return err;
    run.fault = look->fault;
    return pilot_run_save(txn, &run);
}

// After an operation was refused: waits, or ends the run with the reason.
static enum err refused(struct look *look, enum err err, struct fault *fault) {
    struct fault wrong = *fault;
    if (!wrong.code[0]) (void)!fault_set(&wrong, err, "pilot.not_done", str_of(err_name(err)));
    if (!passes(err, fault)) return end(look, PILOT_FAILED, &wrong);
    if (err != ERR_CANCELLED && strcmp(look->run.fault.code, wrong.code) != 0) {
        look->fault = wrong;
        enum err written = store_write(look->pilots->flow->store, waits_change, look);
        if (written != OK) return written;
    }
    return ERR_BUSY; // looked at again later
}

static struct json_writer body_start(struct look *look) {
    buf_clear(&look->pilots->body);
    return json_writer_of(&look->pilots->body);
}

static enum err ask(struct look *look, uint64_t id,
                    enum err (*operation)(struct flow *flow, struct call *call)) {
    struct pilots *pilots = look->pilots;
    struct json *body = NULL;
    struct fault fault = {0};
    buf_clear(&pilots->answer);
    struct json_writer out = json_writer_of(&pilots->answer);
    enum err err = buf_err(&pilots->body);
    if (err == OK && pilots->body.size) err = json_parse(buf_str(&pilots->body), &body, &fault);
    struct call call = {.actor = actor_now(pilots->flow, &look->run),
                        .id = id,
                        .body = body,
                        .arena = pilots->arena,
                        .out = &out,
                        .fault = &fault,
                        .pilot_run = look->run.id};
    if (err == OK) err = operation(pilots->flow, &call);
    json_close(body);
    return err == OK ? OK : refused(look, err, &fault);
}

// ---- what comes next ----------------------------------------------------------------------------

static struct pilot_parts parts_of(const struct look *look) {
    return (struct pilot_parts){look->one, look->mapping, look->run.released};
}

static enum err ask_import(struct look *look) {
    struct json_writer out = body_start(look);
    pilot_import_body(&out, look->one, &look->run);
    return ask(look, 0, flow_dataset_create);
}

static enum err ask_cleanse(struct look *look) {
    struct pilot_parts parts = parts_of(look);
    struct json_writer out = body_start(look);
    pilot_cleanse_body(&out, &parts, look->run.revision);
    return ask(look, look->run.dataset, flow_dataset_cleanse);
}

static enum err ask_release(struct look *look) {
    struct json_writer out = body_start(look);
    pilot_release_body(&out, look->one, &look->run);
    return ask(look, look->run.dataset, flow_release_request);
}

static enum err ask_train(struct look *look) {
    struct pilot_parts parts = parts_of(look);
    struct json_writer out = body_start(look);
    pilot_train_body(&out, &parts, &look->run);
    return ask(look, look->run.release, flow_model_train);
}

// The check that follows an import or a cleansing of ours, which has made the dataset's newest
// revision. Where somebody has begun something else meanwhile, it is not waited for.
static enum err to_check(struct look *look, struct store_txn *txn, enum pilot_step step) {
    struct dataset dataset;
    struct job job;
    struct arena *arena = look->pilots->arena;
    enum err err = dataset_load(txn, arena, look->run.dataset, &dataset);
    if (err == OK) err = job_load(txn, arena, dataset.job, &job);
    store_read_end(txn);
    if (err != OK) return err;
    return step_to(look, step, str_is(job.step, "check") ? job.id : 0, dataset.revision);
}

static enum err look_release(struct look *look, struct store_txn *txn) {
    struct release release;
    struct fault fault = {0};
    enum err err = release_load(txn, look->pilots->arena, look->run.release, &release);
    store_read_end(txn);
    if (err != OK) return err;
    switch (release.state) {
    case RELEASE_PENDING: return ERR_BUSY;
    case RELEASE_RELEASED: return ask_train(look);
    case RELEASE_REJECTED:
        (void)!fault_set(&fault, ERR_DENIED, "pilot.release_rejected", release.reason);
        break;
    default: (void)!fault_set(&fault, ERR_CONFLICT, "release.not_released", STR_NONE); break;
    }
    return end(look, PILOT_FAILED, &fault);
}

struct serve {
    struct look *look;
    struct endpoint endpoint;
    struct fault fault;
};

// The model's name, or with a number behind it where an endpoint is already called so.
static enum err endpoint_of(struct store_txn *txn, struct serve *serve) {
    const struct pilot_run *run = &serve->look->run;
    char name[ENDPOINT_NAME_BYTES + 1];
    enum err err = ERR_CONFLICT;
    for (int i = 1; i <= NAMES_TRIED && err == ERR_CONFLICT; i++) {
        int room = ENDPOINT_NAME_BYTES - 8;
        struct str base = run->name;
        if ((int)base.size > room) base.size = (size_t)room;
        while (base.size > 0 && !utf8_valid(base)) base.size--;
        if (i == 1) snprintf(name, sizeof name, "%.*s", STR_ARG(base));
        if (i > 1) snprintf(name, sizeof name, "%.*s %d", STR_ARG(base), i);
        serve->fault = (struct fault){0};
        struct endpoint_wish wish = {
            .name = str_of(name), .note = run->pilot, .owner = run->actor, .model = run->model};
        err =
            endpoint_make(txn, serve->look->pilots->arena, &wish, &serve->endpoint, &serve->fault);
        if (strcmp(serve->fault.code, "endpoint.name_taken") != 0) break;
    }
    return err;
}

static enum err serve_change(struct store_txn *txn, void *ctx) {
    struct serve *serve = ctx;
    struct arena *arena = serve->look->pilots->arena;
    struct pilot_run run;
    enum err err = pilot_run_load(txn, arena, serve->look->run.id, &run);
    if (err == OK && run.cancel) err = ERR_CANCELLED;
    if (err == OK) err = endpoint_of(txn, serve);
    if (err != OK) return err;
    run_at(&run, PILOT_SERVE, 0, 0);
    run.endpoint = serve->endpoint.id;
    run.state = PILOT_DONE;
    run.ended_ms = run.changed_ms;
    err = pilot_run_save(txn, &run);
    if (err != OK) return err;
    return audit_put(txn, run.actor.name, "pilot.end", "pilot", run.id, "ok", STR_NONE);
}

static enum err do_serve(struct look *look) {
    struct serve serve = {.look = look};
    struct actor actor = actor_now(look->pilots->flow, &look->run);
    if (!(actor.roles & ROLE_RESEARCH)) {
        (void)!fault_set(&serve.fault, ERR_DENIED, "flow.denied", STR_NONE);
        return refused(look, ERR_DENIED, &serve.fault);
    }
    enum err err = store_write(look->pilots->flow->store, serve_change, &serve);
    return err == OK ? OK : refused(look, err, &serve.fault);
}

// The step's job has ended well, or there was none: `txn` is ended.
static enum err next(struct look *look, struct store_txn *txn) {
    const struct pilot_run *run = &look->run;
    switch (run->step) {
    case PILOT_IMPORT:
        if (run->job) return to_check(look, txn, PILOT_CHECK);
        store_read_end(txn);
        return ask_import(look);
    case PILOT_CLEANSE: return to_check(look, txn, PILOT_RECHECK);
    case PILOT_PUBLISH: return look_release(look, txn);
    default: break;
    }
    store_read_end(txn);
    switch (run->step) {
    case PILOT_CHECK: return ask_cleanse(look);
    case PILOT_RECHECK: return ask_release(look);
    case PILOT_TRAIN: return step_to(look, PILOT_SERVE, 0, run->revision);
    default: return do_serve(look);
    }
}

static enum err cancel(struct look *look, const struct job *job) {
    bool open = job && !job_is_over(job);
    if (!open) return end(look, PILOT_CANCELLED, NULL);
    if (job->cancel) return ERR_BUSY;
    (void)body_start(look);
    struct fault fault = {0};
    buf_clear(&look->pilots->answer);
    struct json_writer out = json_writer_of(&look->pilots->answer);
    struct call call = {.actor = {.person_id = look->run.actor.id, // who began it may end it
                                  .name = look->run.actor.name,
                                  .roles = (uint32_t)look->run.roles},
                        .id = job->id,
                        .arena = look->pilots->arena,
                        .out = &out,
                        .fault = &fault};
    enum err err = flow_job_cancel(look->pilots->flow, &call);
    // It may have ended just now: the next look tells.
    return err == OK || err == ERR_CONFLICT ? OK : ERR_BUSY;
}

// OK: it has moved, or ended. ERR_BUSY: it waits.
static enum err look_on(struct look *look, struct store_txn *txn) {
    struct pilot_run *run = &look->run;
    struct job job;
    enum err err = run->job ? job_load(txn, look->pilots->arena, run->job, &job) : OK;
    bool ends = err != OK || run->cancel || (run->job && job.state != JOB_DONE);
    if (!ends) return next(look, txn);
    store_read_end(txn);
    if (err != OK) return err;
    if (run->cancel) return cancel(look, run->job ? &job : NULL);
    if (job.state == JOB_FAILED) return end(look, PILOT_FAILED, &job.fault);
    if (job.state == JOB_CANCELLED) return end(look, PILOT_CANCELLED, NULL);
    return ERR_BUSY;
}

static enum err move(struct pilots *pilots, uint64_t id, bool *out_over) {
    struct look look = {.pilots = pilots};
    struct store_txn *txn;
    arena_reset(pilots->arena);
    enum err err = store_read_begin(pilots->flow->store, &txn);
    if (err != OK) return err;
    err = pilot_run_load(txn, pilots->arena, id, &look.run);
    *out_over = err == ERR_NOT_FOUND || (err == OK && look.run.state != PILOT_RUNNING);
    if (err != OK || *out_over) {
        store_read_end(txn);
        return err;
    }
    look.one = template_find(pilots->templates, look.run.pilot);
    err = json_parse(look.run.mapping, &look.mapping, NULL);
    if (err != OK || !look.one) { // of another version of the program
        struct fault fault = {0};
        store_read_end(txn);
        (void)!fault_set(&fault, ERR_INPUT, "pilot.not_found", look.run.pilot);
        return end(&look, PILOT_FAILED, &fault);
    }
    err = look_on(&look, txn);
    json_close(look.mapping);
    return err;
}

// ---- the thread ---------------------------------------------------------------------------------

static uint32_t runs_copy(struct pilots *pilots, uint64_t out[static PILOT_RUNS_MAX]) {
    pthread_mutex_lock(&pilots->lock);
    uint32_t count = pilots->count;
    memcpy(out, pilots->runs, count * sizeof out[0]);
    pthread_mutex_unlock(&pilots->lock);
    return count;
}

static void run_forget(struct pilots *pilots, uint64_t run) {
    pthread_mutex_lock(&pilots->lock);
    for (uint32_t i = 0; i < pilots->count; i++) {
        if (pilots->runs[i] == run) pilots->runs[i--] = pilots->runs[--pilots->count];
    }
    pthread_mutex_unlock(&pilots->lock);
}

static void runs_move(struct pilots *pilots) {
    uint64_t runs[PILOT_RUNS_MAX];
    uint32_t count = runs_copy(pilots, runs);
    for (uint32_t i = 0; i < count; i++) {
        bool over = false;
        enum err err = OK;
        for (int k = 0; k < MOVES_MAX && err == OK && !over; k++) {
            err = move(pilots, runs[i], &over);
        }
        if (over) run_forget(pilots, runs[i]);
        if (err != OK && err != ERR_BUSY && !over) {
            log_event(LOG_WARN, "pilot.not_moved", "run=%" PRIu64 " error=%s", runs[i],
                      err_name(err));
        }
    }
}

// Under the lock.
static void wait_for_work(struct pilots *pilots) {
    if (pilots->count == 0) {
        pthread_cond_wait(&pilots->work, &pilots->lock);
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LOOK_S;
    (void)!pthread_cond_timedwait(&pilots->work, &pilots->lock, &until);
}

static void *pilots_main(void *argument) {
    struct pilots *pilots = argument;
    pthread_mutex_lock(&pilots->lock);
    while (!pilots->closing) {
        if (!pilots->look || pilots->count == 0) wait_for_work(pilots);
        if (pilots->closing) break;
        pilots->look = false;
        pthread_mutex_unlock(&pilots->lock);
        runs_move(pilots);
        pthread_mutex_lock(&pilots->lock);
    }
    pthread_mutex_unlock(&pilots->lock);
    return NULL;
}

struct take_up {
    struct pilots *pilots;
    enum err err;
};

static bool take_up_visit(void *ctx, struct str key, struct record_reader *record) {
    struct take_up *take_up = ctx;
    struct pilot_run run;
    (void)key;
    arena_reset(take_up->pilots->arena);
    take_up->err = pilot_run_read(record, take_up->pilots->arena, &run);
    if (take_up->err != OK) return false;
    if (run.state == PILOT_RUNNING) list_put(take_up->pilots, run.id);
    return true;
}

static enum err runs_take_up(struct pilots *pilots) {
    struct take_up take_up = {.pilots = pilots};
    struct store_txn *txn;
    enum err err = store_read_begin(pilots->flow->store, &txn);
    if (err != OK) return err;
    err = store_scan(txn, TABLE_PILOT, (struct key){.size = 0}, false, take_up_visit, &take_up);
    store_read_end(txn);
    return err == OK ? take_up.err : err;
}

enum err pilots_open(struct flow *flow, struct fault *fault) {
    struct pilots *pilots = memory_take(sizeof *pilots);
    if (!pilots) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    pilots->flow = flow;
    pilots->look = true;
    flow->pilots = pilots;
    pthread_mutex_init(&pilots->lock, NULL);
    pthread_cond_init(&pilots->work, NULL);
    buf_open(&pilots->body, LIMIT_JSON_BYTES);
    buf_open(&pilots->answer, 4 * (size_t)LIMIT_JSON_BYTES);
    enum err err = templates_open(&pilots->templates, fault);
    if (err == OK) err = arena_open(ARENA_BYTES, &pilots->arena);
    if (err == OK) err = runs_take_up(pilots);
    return store_explain(err, fault);
}

enum err pilots_begin(struct flow *flow, struct fault *fault) {
    struct pilots *pilots = flow->pilots;
    if (pthread_create(&pilots->thread, NULL, pilots_main, pilots) != 0) {
        return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("thread"));
    }
    pilots->runs_thread = true;
    return OK;
}

void pilots_stop(struct flow *flow) {
    struct pilots *pilots = flow->pilots;
    if (!pilots || !pilots->runs_thread) return;
    pthread_mutex_lock(&pilots->lock);
    pilots->closing = true;
    pthread_cond_broadcast(&pilots->work);
    pthread_mutex_unlock(&pilots->lock);
    pthread_join(pilots->thread, NULL);
    pilots->runs_thread = false;
}

void pilots_close(struct flow *flow) {
    struct pilots *pilots = flow->pilots;
    if (!pilots) return;
    templates_close(pilots->templates);
    arena_close(pilots->arena);
    buf_close(&pilots->body);
    buf_close(&pilots->answer);
    pthread_cond_destroy(&pilots->work);
    pthread_mutex_destroy(&pilots->lock);
    memory_give(pilots);
    flow->pilots = NULL;
}
