// Keeps the core's tenants as the newest policy says, and tells what another one would do. The
// policy is changed by people/, which knows nothing of a runner; so the runner looks whether there
// is a new version whenever it looks at all.
#include "allocation/policy.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/jobs/places.h"

static enum err policy_take(struct flow *flow, struct store_txn *txn) {
    struct arena *arena;
    struct policy policy;
    enum err err = arena_open(SCRATCH_BYTES, &arena);
    if (err != OK) return err;
    err = policy_load(txn, arena, &policy);
    if (err == OK) schedule_policy(flow->schedule, &policy, clock_now_ms());
    arena_close(arena);
    return err;
}

void policy_follow(struct flow *flow) {
    struct store_txn *txn;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return; // at the next look
    uint64_t versions = store_count(txn, TABLE_POLICY);
    if (versions + 1 != flow->policy_seen) {
        err = policy_take(flow, txn);
        log_event(LOG_INFO, "policy.followed", "version=%" PRIu64 " result=%s", versions,
                  err_name(err));
        if (err == OK) flow->policy_seen = versions + 1;
    }
    store_read_end(txn);
}

// ---- what another policy would do ---------------------------------------------------------------

static enum err body_policy(struct flow *flow, const struct call *call, struct policy *out) {
    struct store_txn *txn;
    struct policy now;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = policy_load(txn, call->arena, &now);
    store_read_end(txn);
    if (err != OK) return err;
    return policy_read_json(call->body, call->arena, now.last_tenant, out, call->fault);
}

static enum err job_named(const struct call *call, struct store_txn *txn, uint64_t id) {
    struct job job;
    enum err err = job_load(txn, call->arena, id, &job);
    if (err != OK) return err;
    json_set_u64(call->out, "job", id);
    json_set_text(call->out, "step", job.step);
    json_set_text(call->out, "subject", job.subject_name);
    json_set_text(call->out, "actor", job.actor.name);
    return OK;
}

static enum err decision_write(const struct call *call, struct store_txn *txn,
                               const struct core_decision *decision) {
    bool starts = decision->kind == DECISION_START, gives = decision->kind == DECISION_PREEMPT;
    bool refused = decision->kind == DECISION_REFUSE;
    if (!starts && !gives && !refused) return OK;
    json_open_object(call->out);
    enum err err = job_named(call, txn, decision->job);
    json_set_text(call->out, "what",
                  starts  ? STR("starts")
                  : gives ? STR("gives_way")
                          : STR("refused"));
    json_set_text(call->out, "why", str_of(core_why_name(decision->why)));
    json_set_u64(call->out, "for", gives ? decision->other : 0);
    json_close_object(call->out);
    return err;
}

static int64_t told_ms(int64_t ms) {
    return ms >= CORE_TIME_MAX ? 0 : ms;
}

static enum err preview_write(const struct call *call, struct store_txn *txn,
                              const struct schedule_preview *preview) {
    struct json_writer *out = call->out;
    enum err err = OK;
    json_open_object(out);
    json_put_name(out, "at_once");
    json_open_array(out);
    for (uint32_t i = 0; err == OK && i < preview->decision_count; i++) {
        err = decision_write(call, txn, &preview->decisions[i]);
    }
    json_close_array(out);
    json_put_name(out, "waiting");
    json_open_array(out);
    for (uint32_t i = 0; err == OK && i < preview->wait_count; i++) {
        json_open_object(out);
        err = job_named(call, txn, preview->waits[i].job);
        view_time(out, "before_ms", told_ms(preview->waits[i].before_ms));
        view_time(out, "after_ms", told_ms(preview->waits[i].after_ms));
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
    return err;
}

// What is absent stays as it is.
enum err capacity_read(const struct json *node, struct core_capacity *out, struct fault *fault) {
    static const char *const names[] = {"cpu_milli", "memory_bytes"};
    for (int r = RESOURCE_CPU; r <= RESOURCE_MEMORY; r++) {
        const struct json *member = json_member(node, names[r]);
        uint64_t value;
        if (!member || json_is_null(member)) continue;
        if (!json_u64(member, &value) || value == 0 || value > (uint64_t)POLICY_AMOUNT_MAX << 8) {
            return fault_set(fault, ERR_INPUT, "what_if.bad_amount", str_of(names[r]));
        }
        out->amount.of[r] = (int64_t)(r == RESOURCE_CPU ? value : value >> 20);
    }
    return OK;
}

enum err flow_policy_preview(struct flow *flow, struct call *call) {
    struct policy policy;
    struct store_txn *txn;
    struct core_capacity capacity = places_capacity(flow);
    const struct json *box = json_member(call->body, "capacity");
    bool grown = json_is_object(box), drafted = !grown || json_member(call->body, "tenants");
    enum err err = allow(call, ROLE_SYSTEM);
    if (err == OK && drafted) err = body_policy(flow, call, &policy);
    if (err == OK && grown) err = capacity_read(box, &capacity, call->fault);
    if (err != OK) return err;
    struct schedule_preview *preview = arena_take(call->arena, sizeof *preview);
    if (!preview) return ERR_MEMORY;
    err = schedule_preview(flow->schedule, drafted ? &policy : NULL, grown ? &capacity : NULL,
                           clock_now_ms(), preview);
    if (err == ERR_LIMIT) return fault_set(call->fault, err, "policy.not_taken", STR_NONE);
    if (err != OK) return err;
    err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = preview_write(call, txn, preview);
    store_read_end(txn);
    return err == OK ? answer_end(call) : err;
}
