// Endpoints as the API shows them: one, the list, and what each has done.
#include <string.h>

#include "allocation/policy.h"
#include "base/clock.h"
#include "flow/models/pilots.h"
#include "flow/models/serving.h"

static void department_write(struct store_txn *txn, struct json_writer *out, uint64_t tenant) {
    const struct policy *policy;
    char path[TENANT_PATH_BYTES] = "";
    if (policy_borrow(txn, &policy) == OK) {
        policy_path(policy, policy_tenant_or_default(policy, tenant), path);
        policy_return(policy);
    }
    json_set_text(out, "department", str_of(path));
}

static void model_write(struct store_txn *txn, struct arena *arena, struct json_writer *out,
                        const char *name, uint64_t id) {
    struct model model;
    json_put_name(out, name);
    if (id == 0 || model_load(txn, arena, id, &model) != OK) {
        json_put_null(out);
        return;
    }
    view_model(out, &model);
    json_close_object(out);
}

void view_endpoint(struct store_txn *txn, struct arena *arena, struct json_writer *out,
                   const struct endpoint *endpoint) {
    json_open_object(out);
    json_set_u64(out, "id", endpoint->id);
    json_set_text(out, "name", endpoint->name);
    json_set_text(out, "note", endpoint->note);
    json_set_u64(out, "tenant", endpoint->tenant);
    department_write(txn, out, endpoint->tenant);
    json_set_text(out, "owner", endpoint->owner.name);
    json_set_i64(out, "created_ms", endpoint->created_ms);
    json_set_i64(out, "changed_ms", endpoint->changed_ms);
    json_set_bool(out, "on", endpoint->on);
    json_set_text(out, "audience", str_of(endpoint_audience_name(endpoint->audience)));
    json_set_u64(out, "version", endpoint->version);
    json_set_u64(out, "version_count", endpoint->version_count);
    model_write(txn, arena, out, "model", endpoint->versions[endpoint->version - 1].model);
    model_write(txn, arena, out, "shadow", endpoint->shadow);
}

// ---- the list ----------------------------------------------------------------------------------
static enum err endpoint_item(struct list *list, struct store_txn *txn,
                              struct record_reader *record, bool show, bool *out_wanted) {
    struct endpoint endpoint;
    struct fault fault = {0};
    struct call call = *list->call;
    enum err err = endpoint_read(record, list->scratch, &endpoint);
    if (err != OK) return err;
    call.id = endpoint.id;
    call.arena = list->scratch;
    call.fault = &fault;
    err = endpoint_find(txn, &call, &endpoint); // as if asked for one by one
    *out_wanted = err == OK;
    if (err != OK) return err == ERR_NOT_FOUND ? OK : err;
    if (!show) return OK;
    view_endpoint(txn, list->scratch, list->call->out, &endpoint);
    json_close_object(list->call->out);
    return OK;
}

enum err flow_endpoint_list(struct flow *flow, struct call *call) {
    enum err err = allow(call, ROLES_FLOW | ROLE_SYSTEM | ROLE_AUDIT);
    if (err != OK) return err;
    struct list list = {.flow = flow, .call = call, .table = TABLE_ENDPOINT, .item = endpoint_item};
    return list_write(&list);
}

// ---- one ---------------------------------------------------------------------------------------
static void versions_write(struct store_txn *txn, const struct call *call,
                           const struct endpoint *endpoint) {
    struct json_writer *out = call->out;
    json_put_name(out, "versions");
    json_open_array(out);
    for (uint32_t i = endpoint->version_count; i-- > 0;) { // newest first
        const struct endpoint_version *version = &endpoint->versions[i];
        struct model model = {.name = STR_NONE};
        bool usable = endpoint_model(txn, call->arena, version->model, &model, NULL) == OK;
        json_open_object(out);
        json_set_u64(out, "version", i + 1);
        json_set_u64(out, "model", version->model);
        json_set_text(out, "model_name", model.name);
        json_set_bool(out, "usable", usable);
        json_set_text(out, "actor", version->actor.name);
        json_set_i64(out, "put_ms", version->put_ms);
        json_set_u64(out, "before", version->before);
        json_set_text(out, "note", version->note);
        json_close_object(out);
    }
    json_close_array(out);
}

enum err flow_endpoint_show(struct flow *flow, struct call *call) {
    struct endpoint endpoint;
    struct store_txn *txn;
    struct model model;
    struct loaded *loaded;
    enum err err = allow(call, ROLES_FLOW | ROLE_SYSTEM | ROLE_AUDIT);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = endpoint_find(txn, call, &endpoint);
    if (err == OK) {
        err = model_load(txn, call->arena, endpoint.versions[endpoint.version - 1].model, &model);
    }
    if (err == OK) {
        view_endpoint(txn, call->arena, call->out, &endpoint);
        versions_write(txn, call, &endpoint);
        err = view_model_pilot(flow, txn, call->arena, call->out, &model);
    }
    store_read_end(txn);
    if (err == OK) err = models_take(flow, &model.file, &loaded, call->fault);
    if (err != OK) return err;
    features_write(call->out, loaded);
    models_give(flow->models, loaded);
    json_close_object(call->out);
    return answer_end(call);
}

// ---- what it has done --------------------------------------------------------------------------
struct using {
    struct store_txn *txn;
    const struct call *call;
    uint64_t endpoint;
    struct arena *scratch; // of one record
    struct served_sum all;
    enum err err;
};

static bool sum_visit(void *ctx, struct str key, struct record_reader *record) {
    struct using *use = ctx;
    struct served_sum sum;
    struct json_writer *out = use->call->out;
    if (!served_key_of(key, 'p', use->endpoint)) return false;
    arena_reset(use->scratch);
    use->err = served_sum_read(record, use->scratch, &sum);
    if (use->err != OK) return false;
    use->all.calls += sum.calls;
    use->all.rows += sum.rows;
    use->all.failed += sum.failed;
    json_open_object(out);
    json_set_u64(out, "month", sum.month);
    json_set_u64(out, "tenant", sum.tenant);
    department_write(use->txn, out, sum.tenant);
    json_set_text(out, "person", sum.person.name);
    json_set_u64(out, "calls", sum.calls);
    json_set_u64(out, "rows", sum.rows);
    json_set_u64(out, "failed", sum.failed);
    view_time(out, "last_ms", sum.last_ms);
    json_close_object(out);
    return true;
}

static void sketch_write(struct json_writer *out, const char *name, const struct sketch *sketch,
                         double scale) {
    json_put_name(out, name);
    json_open_object(out);
    json_set_u64(out, "count", sketch->count);
    json_set_number(out, "mean", scale * sketch_mean(sketch));
    json_set_number(out, "p50", scale * sketch_quantile(sketch, 0.5));
    json_set_number(out, "p90", scale * sketch_quantile(sketch, 0.9));
    json_set_number(out, "p99", scale * sketch_quantile(sketch, 0.99));
    json_set_number(out, "most", scale * sketch->most);
    json_close_object(out);
}

static void tally_write(struct using *use, const struct served_tally *tally) {
    const double ms = 0.001;
    struct json_writer *out = use->call->out;
    struct model model;
    bool shadow = tally->shadow != 0;
    bool known = shadow && model_load(use->txn, use->scratch, tally->shadow, &model) == OK;
    json_open_object(out);
    json_set_u64(out, "version", tally->version);
    json_set_u64(out, "shadow", tally->shadow);
    json_set_text(out, "shadow_name", known ? model.name : STR_NONE);
    view_time(out, "first_ms", tally->first_ms);
    view_time(out, "last_ms", tally->last_ms);
    json_set_u64(out, "calls", tally->calls);
    json_set_u64(out, "rows", tally->rows);
    json_set_u64(out, "failed", tally->failed);
    json_set_u64(out, "skipped", tally->skipped);
    json_set_u64(out, "differ", tally->differ);
    json_set_number(out, "mean_difference",
                    tally->distance.count ? tally->sum / (double)tally->distance.count : 0);
    sketch_write(out, "distance", &tally->distance, 1);
    sketch_write(out, "pinned_ms", &tally->pinned_us, ms);
    sketch_write(out, "shadow_ms", &tally->shadow_us, ms);
    json_close_object(out);
}

static bool tally_visit(void *ctx, struct str key, struct record_reader *record) {
    struct using *use = ctx;
    struct served_tally tally;
    if (!served_key_of(key, 's', use->endpoint)) return false;
    arena_reset(use->scratch);
    use->err = served_tally_read(record, use->scratch, &tally);
    if (use->err == OK) tally_write(use, &tally);
    return use->err == OK;
}

static enum err usage_write(struct using *use) {
    struct json_writer *out = use->call->out;
    json_open_object(out);
    json_put_name(out, "people");
    json_open_array(out);
    enum err err = store_scan(use->txn, TABLE_SERVED, served_key_begin('p', use->endpoint), false,
                              sum_visit, use);
    json_close_array(out);
    json_set_u64(out, "calls", use->all.calls);
    json_set_u64(out, "rows", use->all.rows);
    json_set_u64(out, "failed", use->all.failed);
    json_put_name(out, "versions");
    json_open_array(out);
    if (err == OK && use->err == OK) {
        err = store_scan(use->txn, TABLE_SERVED, served_key_begin('s', use->endpoint), false,
                         tally_visit, use);
    }
    json_close_array(out);
    json_close_object(out);
    return err == OK ? use->err : err;
}

enum err flow_endpoint_usage(struct flow *flow, struct call *call) {
    struct endpoint endpoint;
    struct using use = {.call = call};
    enum err err = allow(call, ROLES_FLOW | ROLE_SYSTEM | ROLE_AUDIT);
    if (err == OK) err = serving_flush(flow);
    if (err == OK) err = arena_open(SCRATCH_BYTES, &use.scratch);
    if (err != OK) return err;
    err = store_read_begin(flow->store, &use.txn);
    if (err == OK) {
        err = endpoint_find(use.txn, call, &endpoint);
        use.endpoint = endpoint.id;
        if (err == OK) err = usage_write(&use);
        store_read_end(use.txn);
    }
    arena_close(use.scratch);
    return err == OK ? answer_end(call) : err;
}
