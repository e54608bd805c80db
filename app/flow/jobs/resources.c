// Who has what now: the machine, what each department and project holds of it, what runs and what
// waits. Everybody sees the amounts; whose job it is and what it works on, only those who may see
// the job itself.
#include <stdlib.h>

#include "allocation/policy.h"
#include "flow/flow_private.h"

enum { JOBS_SHOWN_MAX = 200 };

struct resources {
    struct flow *flow;
    struct call *call;
    struct store_txn *txn;
    struct policy policy;
    struct active *active; // copies
    uint64_t *waiting;     // ids
    uint32_t active_count, waiting_count;
    struct core_usage usage;
};

static void amount_write(struct json_writer *out, const char *name,
                         const struct core_amount *amount) {
    json_put_name(out, name);
    json_open_object(out);
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        json_set_i64(out, share_name((enum share)r), amount->of[r]);
    }
    json_close_object(out);
}

// ---- departments and projects ------------------------------------------------------------------

static bool above(const struct policy *policy, uint64_t id, uint64_t below) {
    const struct tenant *at = policy_tenant_or_default(policy, below);
    while (at && at->id != id) at = policy_parent(policy, at);
    return at != NULL;
}

static void tenants_write(const struct resources *r, uint64_t own) {
    struct json_writer *out = r->call->out;
    json_put_name(out, "tenants");
    json_open_array(out);
    for (uint32_t i = 0; i < r->policy.count; i++) {
        const struct tenant *tenant = &r->policy.tenants[i];
        struct schedule_use use;
        schedule_tenant(r->flow->schedule, tenant->id, &use);
        char path[TENANT_PATH_BYTES];
        policy_path(&r->policy, tenant, path);
        json_open_object(out);
        json_set_u64(out, "id", tenant->id);
        json_set_u64(out, "parent", tenant->parent);
        json_set_text(out, "path", str_of(path));
        json_set_bool(out, "own", above(&r->policy, tenant->id, own));
        amount_write(out, "used", &use.used);
        json_put_name(out, "quota");
        if (tenant->has_quota) {
            json_open_object(out);
            for (int k = 0; k < SHARE_COUNT; k++) {
                json_set_i64(out, share_name((enum share)k), tenant->quota[k]);
            }
            json_close_object(out);
        } else {
            json_put_null(out);
        }
        json_set_u64(out, "running", use.running);
        json_set_u64(out, "waiting", use.waiting);
        json_close_object(out);
    }
    json_close_array(out);
}

// ---- jobs --------------------------------------------------------------------------------------

static const char *state_name(const struct active *active) {
    switch (active->state) {
    case ACTIVE_STARTING: return "starting";
    case ACTIVE_RUNNING: return active->stop == STOP_NONE ? "running" : "stopping";
    case ACTIVE_ENDED:
    case ACTIVE_COMMITTING: return "ending";
    case ACTIVE_FREE: break;
    }
    return NULL;
}

// active NULL: it waits.
static enum err job_write(const struct resources *r, uint64_t id, const struct active *active) {
    struct json_writer *out = r->call->out;
    struct job job;
    struct schedule_why why = {0};
    char path[TENANT_PATH_BYTES];
    enum err err = job_load(r->txn, r->call->arena, id, &job);
    if (err == ERR_NOT_FOUND || (!active && job.state != JOB_QUEUED)) return OK;
    if (err != OK) return err;
    bool seen = job_seen(r->call, &job);
    if (!active) schedule_explain(r->flow->schedule, id, &why);
    policy_path(&r->policy, policy_tenant_or_default(&r->policy, job.tenant), path);
    json_open_object(out);
    json_set_u64(out, "id", id);
    json_set_text(out, "state", active ? str_of(state_name(active)) : STR("waiting"));
    json_set_bool(out, "seen", seen);
    json_set_text(out, "step", job.step);
    json_set_text(out, "subject", seen ? job.subject_name : STR_NONE);
    json_set_text(out, "actor", seen ? job.actor.name : STR_NONE);
    json_set_text(out, "tenant", str_of(path));
    json_set_u64(out, "cpu_milli", job.cpu_milli);
    json_set_u64(out, "memory_mib", job.memory_bytes >> 20);
    json_set_u64(out, "memory_used_bytes", active ? active->memory_used_bytes : 0);
    json_set_i64(out, "since_ms", active ? active->started_ms : job.created_ms);
    json_set_text(out, "reason", active ? STR_NONE : str_of(core_why_name(why.why)));
    json_set_u64(out, "blocker", why.blocker);
    json_set_u64(out, "reservation", slot_reservation(why.slot));
    view_time(out, "expected_ms", why.expected_ms);
    json_close_object(out);
    return OK;
}

static int by_submission(const void *a, const void *b) {
    const struct active *one = a, *other = b;
    if (one->submitted_ms != other->submitted_ms) {
        return one->submitted_ms < other->submitted_ms ? -1 : 1;
    }
    return one->job < other->job ? -1 : one->job > other->job;
}

static int by_id(const void *a, const void *b) {
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return one < other ? -1 : one > other;
}

// What runs first, then what waits, each in the order of submission.
static enum err jobs_write(struct resources *r) {
    enum err err = OK;
    uint32_t shown = 0;
    qsort(r->active, r->active_count, sizeof *r->active, by_submission);
    qsort(r->waiting, r->waiting_count, sizeof *r->waiting, by_id);
    json_put_name(r->call->out, "jobs");
    json_open_array(r->call->out);
    for (uint32_t i = 0; err == OK && i < r->active_count && shown++ < JOBS_SHOWN_MAX; i++) {
        err = job_write(r, r->active[i].job, &r->active[i]);
    }
    for (uint32_t i = 0; err == OK && i < r->waiting_count && shown++ < JOBS_SHOWN_MAX; i++) {
        err = job_write(r, r->waiting[i], NULL);
    }
    json_close_array(r->call->out);
    return err;
}

// ---- the whole ---------------------------------------------------------------------------------

static enum err answer(struct resources *r) {
    struct json_writer *out = r->call->out;
    struct member member;
    enum err err = policy_load(r->txn, r->call->arena, &r->policy);
    if (err == OK) err = member_load(r->txn, r->call->actor.person_id, &member);
    if (err != OK) return err;
    json_open_object(out);
    amount_write(out, "capacity", &r->usage.capacity);
    amount_write(out, "used", &r->usage.used);
    json_set_u64(out, "running", r->usage.running);
    json_set_u64(out, "waiting", r->usage.waiting);
    view_commands(out, r->flow);
    tenants_write(r, member.tenant);
    err = jobs_write(r);
    json_close_object(out);
    return err;
}

enum err flow_resources(struct flow *flow, struct call *call) {
    struct resources r = {.flow = flow, .call = call};
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    if (err != OK) return err;
    schedule_usage(flow->schedule, &r.usage);
    r.active = ARENA_ARRAY(call->arena, struct active, JOBS_SHOWN_MAX);
    r.waiting = ARENA_ARRAY(call->arena, uint64_t, r.usage.waiting + 1);
    if (!r.active || !r.waiting) return ERR_MEMORY;
    r.waiting_count = schedule_waiting(flow->schedule, r.waiting, r.usage.waiting);
    r.active_count = active_copy(flow, r.active, JOBS_SHOWN_MAX);
    err = store_read_begin(flow->store, &r.txn);
    if (err != OK) return err;
    err = answer(&r);
    store_read_end(r.txn);
    return err == OK ? answer_end(call) : err;
}
