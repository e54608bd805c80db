// Searches for the best options of a learner: asked for, shown with their tries, stopped. Each try
// is a task of one array; they train on the same split and are compared on the validation side
// alone, so that the scorecard of the one that is kept, made on the test side, still holds.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "flow/flow_private.h"
#include "flow/steps/draws.h"
#include "model/tabular/tabular.h"

enum { TRIES_USUAL = 20 };
#define TRY_MS_USUAL ((uint64_t)10 * 60 * 1000)
#define TRY_MS_LEAST ((uint64_t)1000)
#define TRY_MS_MOST ((uint64_t)24 * 3600 * 1000)

// ---- asking ------------------------------------------------------------------------------------
struct searching {
    struct flow *flow;
    const struct call *call;
    struct training training;
    struct search search;
    struct draws draws;
};

static enum err number_read(const struct call *call, const char *name, uint64_t least,
                            uint64_t most, uint64_t otherwise, uint64_t *out) {
    const struct json *node = json_member(call->body, name);
    *out = otherwise;
    if (!node || json_is_null(node)) return OK;
    if (json_u64(node, out) && *out >= least && *out <= most) return OK;
    return fault_set(call->fault, ERR_INPUT, "search.bad_number", str_of(name));
}

// Every try is tried on the learner's own bounds now rather than one by one later.
static enum err tries_check(const struct searching *s) {
    struct tabular_options options;
    const struct call *call = s->call;
    struct buf text;
    enum err err = OK;
    buf_open(&text, LIMIT_JSON_BYTES);
    for (uint64_t i = 0; i < s->search.tries && err == OK; i++) {
        struct json *node;
        buf_clear(&text);
        struct json_writer out = json_writer_of(&text);
        draws_options_write(&s->draws, i, json_member(call->body, "options"), &out);
        err = json_parse(buf_str(&text), &node, call->fault);
        if (err != OK) break;
        err = tabular_options_read(node, &options, call->fault);
        json_close(node);
    }
    buf_close(&text);
    return err;
}

static struct str options_make(const struct searching *s) {
    const struct json *ranges = json_member(s->call->body, "ranges");
    struct buf text;
    buf_open(&text, 2 * LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    json_open_object(&out);
    json_set_raw(&out, "train", s->training.job.options);
    json_set_raw(&out, "ranges", arena_json(s->call->arena, ranges));
    json_set_u64(&out, "seed", s->search.seed);
    json_close_object(&out);
    struct str copy = buf_err(&text) == OK ? arena_text(s->call->arena, buf_str(&text)) : STR_NONE;
    buf_close(&text);
    return copy;
}

static enum err searching_read(struct searching *s) {
    const struct call *call = s->call;
    struct search *search = &s->search;
    struct training *training = &s->training;
    uint64_t release = json_member_u64(call->body, "release", 0), limit = 0, at_once = 0;
    enum err err = training_read(s->flow, call, release, training);
    if (err == OK) {
        err = number_read(call, "tries", 1, SEARCH_TRIES_MAX, TRIES_USUAL, &search->tries);
    }
    if (err == OK) {
        err = number_read(call, "try_limit_ms", TRY_MS_LEAST, TRY_MS_MOST, TRY_MS_USUAL, &limit);
    }
    if (err == OK) err = number_read(call, "at_once", 0, search->tries, 0, &at_once);
    if (err == OK) err = number_read(call, "seed", 0, UINT64_MAX, 1, &search->seed);
    if (err == OK) {
        err = draws_read(json_member(call->body, "ranges"), json_member(call->body, "options"),
                         search->seed, &s->draws, call->fault);
    }
    if (err == OK) err = tries_check(s);
    if (err != OK) return err;
    search->name = training->model.name;
    search->actor = training->model.actor;
    search->created_ms = training->model.created_ms;
    search->release = training->release.id;
    search->release_title = training->model.release_title;
    search->target = training->model.target;
    search->learner = training->model.learner;
    search->try_limit_ms = (int64_t)limit;
    search->options = options_make(s);
    struct job *job = &training->job;
    job->step = STR("search");
    job->subject_kind = STR("search");
    job->options = search->options;
    job->time_limit_ms = limit;
    job->ask.count = search->tries;
    job->ask.at_once = at_once;
    return search->options.size ? OK : ERR_MEMORY;
}

static enum err search_change(struct store_txn *txn, void *ctx) {
    struct searching *s = ctx;
    const struct call *call = s->call;
    struct job *job = &s->training.job;
    struct release now;
    enum err err = release_load(txn, call->arena, s->search.release, &now);
    if (err == OK && now.state != RELEASE_RELEASED) {
        return fault_set(call->fault, ERR_CONFLICT, "release.not_released", STR_NONE);
    }
    if (err == OK) err = store_next_id(txn, TABLE_SEARCH, &s->search.id);
    job->subject = s->search.id;
    if (err == OK) err = job_request(s->flow, txn, call, job);
    if (err == OK) err = array_begin(txn, job);
    s->search.first = job->id;
    s->search.tenant = job->tenant;
    if (err == OK) err = search_save(txn, &s->search);
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, "search.create", "search", s->search.id, "ok",
                     STR_NONE);
}

static enum err broken_change(struct store_txn *txn, void *ctx) {
    struct searching *s = ctx;
    struct search search;
    enum err err = search_load(txn, s->call->arena, s->search.id, &search);
    if (err != OK || search.state != SEARCH_RUNNING) return err;
    search.state = SEARCH_FAILED;
    search.ended_ms = clock_now_ms();
    return search_save(txn, &search);
}

// ---- shown -------------------------------------------------------------------------------------
static void view_search(struct json_writer *out, const struct search *search) { // leaves it open
    json_open_object(out);
    json_set_u64(out, "id", search->id);
    json_set_text(out, "name", search->name);
    json_set_text(out, "state", str_of(search_state_name(search->state)));
    json_set_text(out, "actor", search->actor.name);
    json_set_i64(out, "created_ms", search->created_ms);
    view_time(out, "ended_ms", search->ended_ms);
    json_set_u64(out, "release", search->release);
    json_set_text(out, "release_title", search->release_title);
    json_set_text(out, "target", search->target);
    json_set_text(out, "learner", search->learner);
    json_set_text(out, "task", search->task);
    json_set_u64(out, "seed", search->seed);
    json_set_u64(out, "tries", search->tries);
    json_set_i64(out, "try_limit_ms", search->try_limit_ms);
    json_set_u64(out, "job", search->first);
    json_set_u64(out, "done", search->done);
    json_set_u64(out, "failed", search->failed);
    json_set_u64(out, "cancelled", search->cancelled);
    json_set_u64(out, "best", search->best ? search->best - search->first + 1 : 0);
    json_set_u64(out, "model", search->model);
    json_put_name(out, "headline");
    if (search->headline.size && search->model) { // of the test side: told when it is over
        json_open_object(out);
        json_set_text(out, "name", search->headline);
        json_set_number(out, "value", search->value);
        json_set_number(out, "low", search->low);
        json_set_number(out, "high", search->high);
        json_close_object(out);
    } else {
        json_put_null(out);
    }
}

static enum err search_item(struct list *list, struct store_txn *txn, struct record_reader *record,
                            bool show, bool *out_wanted) {
    struct search search;
    (void)txn;
    enum err err = search_read(record, list->scratch, &search);
    *out_wanted = err == OK;
    if (err != OK || !show) return err;
    view_search(list->call->out, &search);
    json_close_object(list->call->out);
    return OK;
}

enum err flow_search_list(struct flow *flow, struct call *call) {
    enum err err = allow(call, ROLE_RESEARCH);
    struct list list = {.flow = flow, .call = call, .table = TABLE_SEARCH, .item = search_item};
    return err == OK ? list_write(&list) : err;
}

// The metric by which tries are compared, as people read it: the sign of one where lower is better
// is turned back.
static void result_write(struct json_writer *out, const struct job *job) {
    struct json *summary = NULL;
    json_put_name(out, "validation");
    if (job->state != JOB_DONE || json_parse(job->summary, &summary, NULL) != OK) {
        json_put_null(out);
        return;
    }
    const struct json *headline = json_member(summary, "headline");
    double score = json_member_number(summary, "validation", NAN);
    bool lower = str_is(json_member_text(headline, "better"), "lower");
    if (isfinite(score)) {
        json_open_object(out);
        json_set_text(out, "name", json_member_text(headline, "name"));
        json_set_number(out, "value", lower ? -score : score);
        json_set_text(out, "better", lower ? STR("lower") : STR("higher"));
        json_close_object(out);
    } else {
        json_put_null(out);
    }
    json_close(summary);
}

static void try_write(struct json_writer *out, const struct search *search,
                      const struct draws *draws, const struct job *job) {
    uint64_t at = job->id - search->first;
    json_open_object(out);
    json_set_u64(out, "number", at + 1);
    json_set_u64(out, "job", job->id);
    json_set_text(out, "state", str_of(job_state_name(job->state)));
    json_put_name(out, "drawn");
    draws_write(draws, at, out);
    result_write(out, job);
    json_set_i64(out, "ran_ms", job->ran_ms);
    json_set_bool(out, "best", job->id == search->best);
    json_put_name(out, "fault");
    if (job->fault.code[0]) {
        json_put_fault(out, &job->fault);
    } else {
        json_put_null(out);
    }
    json_close_object(out);
}

static enum err tries_write(struct store_txn *txn, const struct call *call,
                            const struct search *search) {
    struct json *options;
    struct draws draws;
    struct arena *scratch;
    enum err err = json_parse(search->options, &options, NULL);
    if (err == OK) err = arena_open(SCRATCH_BYTES, &scratch);
    if (err != OK) return err;
    err = draws_read(json_member(options, "ranges"),
                     json_member(json_member(options, "train"), "options"), search->seed, &draws,
                     call->fault);
    json_put_name(call->out, "list");
    json_open_array(call->out);
    for (uint64_t i = 0; i < search->tries && err == OK; i++) {
        struct job job;
        arena_reset(scratch);
        err = job_load(txn, scratch, search->first + i, &job);
        if (err == OK) try_write(call->out, search, &draws, &job);
        if (err == ERR_NOT_FOUND) err = OK; // was never made
    }
    json_close_array(call->out);
    json_set_raw(call->out, "options", search->options);
    arena_close(scratch);
    json_close(options);
    return err;
}

static enum err search_answer(struct flow *flow, struct call *call, uint64_t id) {
    struct search search;
    struct store_txn *txn;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = search_load(txn, call->arena, id, &search);
    if (err == OK) {
        view_search(call->out, &search);
        err = tries_write(txn, call, &search);
        json_close_object(call->out);
    }
    store_read_end(txn);
    return err == OK ? answer_end(call) : missing(call, err, "search.not_found");
}

enum err flow_search_show(struct flow *flow, struct call *call) {
    enum err err = allow(call, ROLE_RESEARCH);
    return err == OK ? search_answer(flow, call, call->id) : err;
}

enum err flow_search_create(struct flow *flow, struct call *call) {
    struct searching searching = {.flow = flow, .call = call};
    struct job *job = &searching.training.job;
    enum err err = allow(call, ROLE_RESEARCH);
    if (err == OK) err = searching_read(&searching);
    if (err == OK && !runner_has_room(flow, searching.search.tries)) {
        err = fault_set(call->fault, ERR_LIMIT, "job.queue_full", STR_NONE);
    }
    if (err == OK) err = store_write(flow->store, search_change, &searching);
    if (err != OK) return missing(call, err, "release.not_found");
    runner_add(flow, job);
    err = array_make(flow, call, job);
    if (err != OK) {
        (void)!store_write(flow->store, broken_change, &searching);
        return err;
    }
    return search_answer(flow, call, searching.search.id);
}

// What has been found is kept.
enum err flow_search_stop(struct flow *flow, struct call *call) {
    struct store_txn *txn;
    struct search search;
    struct job first;
    enum err err = allow(call, ROLE_RESEARCH);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = search_load(txn, call->arena, call->id, &search);
    if (err == OK) err = job_load(txn, call->arena, search.first, &first);
    store_read_end(txn);
    if (err != OK) return missing(call, err, "search.not_found");
    if (search.actor.id != call->actor.person_id && !(call->actor.roles & ROLE_SYSTEM)) {
        return fault_set(call->fault, ERR_DENIED, "search.denied", STR_NONE);
    }
    if (search.state != SEARCH_RUNNING) {
        return fault_set(call->fault, ERR_CONFLICT, "job.already_ended", STR_NONE);
    }
    err = array_cancel(flow, call, &first);
    return err == OK ? search_answer(flow, call, call->id) : err;
}

// ---- its tries end -----------------------------------------------------------------------------
static enum err best_forget(struct store_txn *txn, const struct hash *model,
                            const struct hash *scorecard) {
    enum err err = blob_forget(txn, model);
    return err == OK ? blob_forget(txn, scorecard) : err;
}

// Ties go to the earlier number, whichever ended first.
static bool better(const struct search *search, double score, uint64_t job) {
    if (!search->best) return true;
    bool same = score == search->score || (isnan(score) && isnan(search->score));
    if (same) return job < search->best;
    return score > search->score || isnan(search->score);
}

static enum err made_take(struct store_txn *txn, struct search *search, const struct job *job,
                          const struct search_made *made) {
    const struct json *headline = json_member(made->summary, "headline");
    double score = json_member_number(made->summary, "validation", NAN);
    if (!better(search, score, job->id)) return best_forget(txn, &made->model, &made->scorecard);
    enum err err = search->best ? best_forget(txn, &search->file, &search->scorecard) : OK;
    search->best = job->id;
    search->score = score;
    search->file = made->model;
    search->scorecard = made->scorecard;
    search->task = json_member_text(made->summary, "task");
    search->learner = json_member_text(made->summary, "learner");
    search->headline = json_member_text(headline, "name");
    search->value = json_member_number(headline, "value", 0);
    search->low = json_member_number(headline, "low", 0);
    search->high = json_member_number(headline, "high", 0);
    return err;
}

static enum err model_make(struct store_txn *txn, struct arena *arena, struct search *search) {
    struct release release;
    struct model model = {
        .name = search->name,
        .release = search->release,
        .release_title = search->release_title,
        .target = search->target,
        .task = search->task,
        .learner = search->learner,
        .state = MODEL_READY,
        .job = search->best,
        .created_ms = clock_now_ms(),
        .actor = search->actor,
        .file = search->file,
        .scorecard = search->scorecard,
        .headline = search->headline,
        .value = search->value,
        .low = search->low,
        .high = search->high,
    };
    enum err err = release_load(txn, arena, search->release, &release);
    if (err == OK) err = store_next_id(txn, TABLE_MODEL, &model.id);
    if (err == OK) err = store_next_id(txn, TABLE_LINEAGE, &model.lineage);
    if (err != OK) return err;
    struct lineage lineage = {
        .id = model.lineage,
        .step = STR("search"),
        .time_ms = model.created_ms,
        .actor = search->actor,
        .options = search->options,
        .inputs = {{STR("release"), release.id, release.manifest},
                   {STR("table"), release.dataset, release.table}},
        .input_count = 2,
        .outputs = {{STR("model"), model.id, model.file},
                    {STR("scorecard"), model.id, model.scorecard}},
        .output_count = 2,
        .parents = {release.lineage},
        .parent_count = 1,
    };
    search->model = model.id;
    err = lineage_save(txn, &lineage);
    if (err == OK) err = model_save(txn, &model);
    if (err != OK) return err;
    return audit_put(txn, search->actor.name, "model.create", "model", model.id, "ok", STR_NONE);
}

enum err search_try_ended(struct store_txn *txn, struct arena *arena, const struct job *job,
                          const struct search_made *made) {
    struct search search;
    enum err err = search_load(txn, arena, job->subject, &search);
    if (err != OK) return err;
    if (search.state != SEARCH_RUNNING) { // it was given up before all were made
        return made ? best_forget(txn, &made->model, &made->scorecard) : OK;
    }
    if (made) {
        search.done++;
        err = made_take(txn, &search, job, made);
    } else if (job->state == JOB_CANCELLED) {
        search.cancelled++;
    } else {
        search.failed++;
    }
    if (err == OK && search.done + search.failed + search.cancelled == search.tries) {
        search.ended_ms = clock_now_ms();
        search.state = !search.best       ? SEARCH_FAILED
                       : search.cancelled ? SEARCH_STOPPED
                                          : SEARCH_DONE;
        if (search.best) err = model_make(txn, arena, &search);
    }
    return err == OK ? search_save(txn, &search) : err;
}
