// "If I submit this now?": what a submission would ask for is declared as a real one would declare
// it, held against the same limits and told to copies of the scheduler's core. Nothing is changed,
// and the live core is held only while it is copied.
#include "allocation/what_if.h"

#include "allocation/policy.h"
#include "base/clock.h"
#include "flow/flow_private.h"

enum { BLOCKERS_TOLD_MAX = 5, MEMORY_LEAST_MIB = 1 };
#define ASKED_MS_MAX ((int64_t)366 * 24 * 3600 * 1000)

struct asked {
    struct flow *flow;
    struct call *call;
    struct store_txn *txn;
    const struct policy *policy; // borrowed
    struct job job;
    int64_t now_ms;
    enum after_state after;
    struct what_if *answer;
};

// ---- what is asked for -------------------------------------------------------------------------

static enum err asked_train(struct asked *asked, uint64_t id) {
    struct release release;
    enum err err = release_load(asked->txn, asked->call->arena, id, &release);
    if (err == OK && !release_visible(asked->call, &release)) err = ERR_NOT_FOUND;
    if (err != OK) return missing(asked->call, err, "release.not_found");
    asked->job.memory_bytes = train_memory(&release);
    asked->job.when.rows = release.rows;
    return OK;
}

static enum err asked_rows(struct asked *asked, uint64_t id) {
    struct dataset dataset;
    struct revision revision;
    enum err err = dataset_load(asked->txn, asked->call->arena, id, &dataset);
    if (err == OK && dataset.deleted) err = ERR_NOT_FOUND;
    uint64_t number = json_member_u64(asked->call->body, "revision", dataset.revision);
    if (err == OK) err = revision_load(asked->txn, asked->call->arena, id, number, &revision);
    if (err != OK) return missing(asked->call, err, "dataset.not_found");
    asked->job.when.rows = revision.rows;
    return OK;
}

// A step of the data's way, on what it would read if that is named.
static enum err asked_step(struct asked *asked, struct str name) {
    const struct call *call = asked->call;
    const struct step *step = step_find(name);
    bool research = str_is(name, "train") || str_is(name, "predict");
    bool rows = str_is(name, "check") || str_is(name, "cleanse");
    if (!step || !(research || rows || str_is(name, "import"))) {
        return fault_set(call->fault, ERR_INPUT, "what_if.no_such_step", name);
    }
    enum err err = allow(call, research ? ROLE_RESEARCH : ROLE_DATA);
    asked->job.step = str_of(step->name);
    uint64_t release = json_member_u64(call->body, "release", 0);
    uint64_t dataset = json_member_u64(call->body, "dataset", 0);
    if (err == OK && release && str_is(name, "train")) err = asked_train(asked, release);
    if (err == OK && dataset && rows) err = asked_rows(asked, dataset);
    if (err == OK) err = job_declare(asked->flow, asked->txn, &asked->job);
    return err;
}

static enum err number_ask(const struct call *call, const char *name, uint64_t most,
                           uint64_t *out) {
    const struct json *member = json_member(call->body, name);
    *out = 0;
    if (!member || json_is_null(member)) return OK;
    if (json_u64(member, out) && *out <= most) return OK;
    return fault_set(call->fault, ERR_INPUT, "what_if.bad_amount", str_of(name));
}

// Plain amounts, as a program of one's own would ask for them.
static enum err asked_plain(struct asked *asked) {
    const struct call *call = asked->call;
    const uint64_t bytes_most = (uint64_t)POLICY_AMOUNT_MAX << 8;
    struct job *job = &asked->job;
    struct member member;
    uint64_t device, disk, estimate, checkpoint;
    enum err err = number_ask(call, "cpu_milli", (uint64_t)POLICY_AMOUNT_MAX, &job->cpu_milli);
    if (err == OK) err = number_ask(call, "memory_bytes", bytes_most, &job->memory_bytes);
    if (err == OK) err = number_ask(call, "device_milli", CORE_DEVICES_MAX * 1000, &device);
    if (err == OK) err = number_ask(call, "disk_bytes", bytes_most, &disk);
    if (err == OK) err = number_ask(call, "estimate_ms", (uint64_t)ASKED_MS_MAX, &estimate);
    if (err == OK) err = number_ask(call, "checkpoint_ms", (uint64_t)ASKED_MS_MAX, &checkpoint);
    if (err == OK) err = member_load(asked->txn, call->actor.person_id, &member);
    if (err != OK) return err;
    if (job->cpu_milli == 0)
        return fault_set(call->fault, ERR_INPUT, "call.missing", STR("cpu_milli"));
    if (job->memory_bytes >> 20 == 0) job->memory_bytes = (uint64_t)MEMORY_LEAST_MIB << 20;
    job->tenant = member.tenant;
    job->created_ms = asked->now_ms;
    job->time_limit_ms = estimate;
    job->when.estimate_ms = (int64_t)estimate;
    job->ask = (struct job_ask){
        .disk_bytes = disk, .device_milli = device, .checkpoint_ms = (int64_t)checkpoint};
    return OK;
}

// What makes no sense to ask is an error of the call. What would keep the submission from being
// taken is an answer: left in the fault, with *out_refused.
static enum err asked_read(struct asked *asked, bool *out_refused) {
    const struct call *call = asked->call;
    struct job *job = &asked->job;
    struct str step = json_member_text(call->body, "step");
    *job = (struct job){.actor = who_of(&call->actor)};
    asked->now_ms = clock_now_ms();
    enum err err = step.size ? asked_step(asked, step) : asked_plain(asked);
    if (err != OK) return err;
    approval_weigh(asked->policy, job);
    err = when_take(asked->txn, call, job);
    *out_refused = err == ERR_INPUT || err == ERR_DENIED || err == ERR_CONFLICT;
    if (err != OK) return err;
    if (job->when.deadline_ms && !job->when.estimate_ms) {
        job->when.estimate_ms = (int64_t)job->time_limit_ms;
    }
    uint64_t first;
    err = when_after_look(asked->txn, call->arena, &job->when, &asked->after, &first);
    if (err != OK) return err;
    *out_refused = !runner_has_room(asked->flow, 1);
    if (*out_refused) return fault_set(call->fault, ERR_LIMIT, "job.queue_full", STR_NONE);
    err = jobs_allowed(asked->txn, call, step.size ? step : STR("command"), 1);
    *out_refused = err == ERR_LIMIT;
    return err;
}

static enum err asked_try(struct asked *asked) {
    struct schedule_job told = schedule_job_of(&asked->job);
    told.id = INT64_MAX;
    told.reservation = calendar_slot(asked->flow, asked->job.when.reservation, asked->now_ms);
    told.hold = told.hold || asked->after == AFTER_OPEN;
    told.reservation = calendar_slot(asked->flow, asked->job.when.reservation, asked->now_ms);
    return schedule_what_if(asked->flow->schedule, &told, asked->now_ms, asked->answer);
}

// ---- the answer --------------------------------------------------------------------------------

static void put_time(struct json_writer *out, const char *name, int64_t ms) {
    view_time(out, name, ms >= CORE_TIME_MAX ? 0 : ms);
}

// The members of another job: what it is, as far as the person may see it. One that is gone
// meanwhile has only its number.
static enum err other_write(const struct asked *asked, uint64_t id) {
    struct json_writer *out = asked->call->out;
    char path[TENANT_PATH_BYTES] = "";
    struct job job = {.state = JOB_DONE};
    enum err err = job_load(asked->txn, asked->call->arena, id, &job);
    if (err != OK && err != ERR_NOT_FOUND) return err;
    bool seen = err == OK && job_seen(asked->call, &job);
    if (err == OK) {
        policy_path(asked->policy, policy_tenant_or_default(asked->policy, job.tenant), path);
    }
    json_set_u64(out, "job", id);
    json_set_bool(out, "seen", seen);
    json_set_text(out, "step", job.step);
    json_set_text(out, "subject", seen ? job.subject_name : STR_NONE);
    json_set_text(out, "actor", seen ? job.actor.name : STR_NONE);
    json_set_text(out, "tenant", str_of(path));
    json_set_bool(out, "running", job.state == JOB_RUNNING);
    return OK;
}

static enum err blockers_write(const struct asked *asked) {
    struct json_writer *out = asked->call->out;
    const struct explanation *why = &asked->answer->why;
    const struct job_when *when = &asked->job.when;
    bool after = asked->after == AFTER_OPEN && !when->hold;
    uint32_t count = after ? when->after_count : why->blocker_count;
    enum err err = OK;
    json_put_name(out, "blockers");
    json_open_array(out);
    for (uint32_t i = 0; err == OK && i < count && i < BLOCKERS_TOLD_MAX; i++) {
        if (!after && why->slots >> i & 1) continue; // of the calendar, no job
        json_open_object(out);
        err = other_write(asked, after ? when->after[i] : why->blockers[i]);
        json_close_object(out);
    }
    json_close_array(out);
    json_set_u64(out, "blocker_count", count);
    json_set_bool(out, "reserved", !after && why->slots != 0);
    json_set_u64(out, "ahead", after ? 0 : why->ahead);
    return err;
}

static enum err others_write(const struct asked *asked) {
    struct json_writer *out = asked->call->out;
    const struct what_if *answer = asked->answer;
    enum err err = OK;
    json_put_name(out, "gives_way");
    json_open_array(out);
    for (uint32_t i = 0; err == OK && i < answer->stop_count; i++) {
        json_open_object(out);
        err = other_write(asked, answer->stops[i]);
        json_close_object(out);
    }
    json_close_array(out);
    json_put_name(out, "delays");
    json_open_array(out);
    for (uint32_t i = 0; err == OK && i < answer->delay_count; i++) {
        json_open_object(out);
        err = other_write(asked, answer->delays[i].job);
        put_time(out, "before_ms", answer->delays[i].before_ms);
        put_time(out, "after_ms", answer->delays[i].after_ms);
        json_close_object(out);
    }
    json_close_array(out);
    json_set_u64(out, "delayed", answer->delayed);
    json_set_bool(out, "whole", answer->whole);
    return err;
}

static const char *refusal_code(enum core_why why) {
    return why == WHY_NEVER      ? "job.too_large"
           : why == WHY_DEADLINE ? "schedule.deadline_taken"
                                 : "job.refused";
}

static void need_write(const struct asked *asked) {
    struct json_writer *out = asked->call->out;
    const struct job *job = &asked->job;
    json_put_name(out, "need");
    json_open_object(out);
    json_set_u64(out, "cpu_milli", job->cpu_milli);
    json_set_u64(out, "memory_bytes", job->memory_bytes);
    json_set_u64(out, "device_milli", job->ask.device_milli);
    json_set_u64(out, "disk_bytes", job->ask.disk_bytes);
    json_close_object(out);
}

static enum err answer_write(const struct asked *asked, const struct fault *refused) {
    struct json_writer *out = asked->call->out;
    const struct what_if *answer = asked->answer;
    bool later = !refused && !answer->at_once;
    bool after = later && asked->after == AFTER_OPEN && !asked->job.when.hold;
    enum core_why why = !later ? WHY_NONE : after ? WHY_AFTER : answer->why.why;
    json_open_object(out);
    json_set_text(out, "would", refused ? STR("refuse") : later ? STR("wait") : STR("start"));
    json_put_name(out, "fault");
    if (refused) {
        json_put_fault(out, refused);
    } else {
        json_put_null(out);
    }
    json_set_text(out, "reason", str_of(core_why_name(why)));
    enum err err = blockers_write(asked);
    json_set_bool(out, "proven", !later || answer->why.proven);
    json_set_bool(out, "hopeless", later && answer->why.hopeless);
    view_time(out, "at_ms", asked->now_ms);
    bool known = !refused && asked->after == AFTER_ENDED;
    put_time(out, "start_ms", known ? answer->start_ms : 0);
    put_time(out, "end_ms", known && asked->job.when.estimate_ms ? answer->end_ms : 0);
    view_time(out, "promised_ms", refused ? 0 : answer->promised_ms);
    view_time(out, "estimate_ms", asked->job.when.estimate_ms);
    need_write(asked);
    if (err == OK) err = others_write(asked);
    json_close_object(out);
    return err;
}

static enum err asked_answer(struct asked *asked) {
    struct fault *fault = asked->call->fault, refused;
    bool is_refused = false;
    enum err err = asked_read(asked, &is_refused);
    if (err == OK) err = asked_try(asked);
    if (err == OK && asked->answer->refused != WHY_NONE) {
        is_refused = true;
        enum core_why why = asked->answer->refused;
        err = fault_set(fault, ERR_LIMIT, refusal_code(why), str_of(core_why_name(why)));
    }
    if (err != OK && !is_refused) return err;
    refused = *fault;
    *fault = (struct fault){0};
    return answer_write(asked, is_refused ? &refused : NULL);
}

enum err flow_what_if(struct flow *flow, struct call *call) {
    struct asked asked = {.flow = flow, .call = call};
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    if (err != OK) return err;
    asked.answer = arena_take(call->arena, sizeof *asked.answer);
    if (!asked.answer) return ERR_MEMORY;
    err = store_read_begin(flow->store, &asked.txn);
    if (err != OK) return err;
    err = policy_borrow(asked.txn, &asked.policy);
    if (err == OK) {
        err = asked_answer(&asked);
        policy_return(asked.policy);
    }
    store_read_end(asked.txn);
    return err == OK ? answer_end(call) : err;
}
