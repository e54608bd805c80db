// An endpoint asked: rows that come with the call, or a file as a job.
#include "allocation/usage.h"
#include "base/clock.h"
#include "flow/models/serving.h"

struct question {
    struct flow *flow;
    struct call *call;
    struct endpoint endpoint;
    struct model model, shadow; // shadow.id 0: none
    struct member member;
    uint64_t version;
};

// The version asked for, or the pinned one; its model must still be there.
static enum err version_find(struct store_txn *txn, struct question *asked) {
    const struct call *call = asked->call;
    const struct endpoint *endpoint = &asked->endpoint;
    asked->version = json_member_u64(call->body, "version", endpoint->version);
    if (asked->version == 0 || asked->version > endpoint->version_count) {
        return fault_set(call->fault, ERR_NOT_FOUND, "endpoint.no_version", STR_NONE);
    }
    uint64_t model = endpoint->versions[asked->version - 1].model;
    enum err err = endpoint_model(txn, call->arena, model, &asked->model, NULL);
    if (err != ERR_NOT_FOUND && err != ERR_CONFLICT) return err;
    return fault_set(call->fault, ERR_CONFLICT, "endpoint.version_gone", STR_NONE);
}

static enum err allowed(struct store_txn *txn, const struct question *asked) {
    const struct call *call = asked->call;
    struct usage_wish wish = {
        .question = {.person = call->actor.person_id, .now_ms = clock_now_ms()},
        .requests = 1 + serving_pending(asked->flow, call->actor.person_id),
        .served = true,
    };
    return usage_allowed(txn, call->arena, &wish, call->fault);
}

static enum err asked_find(struct question *asked) {
    const struct call *call = asked->call;
    struct store_txn *txn;
    enum err err = allow(call, ROLES_FLOW);
    if (err == OK) err = store_read_begin(asked->flow->store, &txn);
    if (err != OK) return err;
    err = endpoint_find(txn, call, &asked->endpoint);
    if (err == OK && !asked->endpoint.on) {
        err = fault_set(call->fault, ERR_CONFLICT, "endpoint.off", asked->endpoint.name);
    }
    if (err == OK) err = version_find(txn, asked);
    if (err == OK) err = member_load(txn, call->actor.person_id, &asked->member);
    if (err == OK) err = allowed(txn, asked);
    if (err == OK && asked->endpoint.shadow && asked->version == asked->endpoint.version) {
        enum err gone =
            endpoint_model(txn, call->arena, asked->endpoint.shadow, &asked->shadow, NULL);
        if (gone != OK) asked->shadow.id = 0; // it answers nobody: no reason to fail
    }
    store_read_end(txn);
    return err;
}

// ---- rows --------------------------------------------------------------------------------------
static enum err answer_write(const struct question *asked, struct rows_in *rows) {
    const struct call *call = asked->call;
    json_open_object(call->out);
    json_set_u64(call->out, "endpoint", asked->endpoint.id);
    json_set_text(call->out, "name", asked->endpoint.name);
    json_set_u64(call->out, "version", asked->version);
    json_set_u64(call->out, "model", asked->model.id);
    enum err err = rows_tell(rows, call->body, call->out, call->fault);
    json_close_object(call->out);
    return err == OK ? answer_end(call) : err;
}

static enum err answer(const struct question *asked, struct rows_in *rows,
                       const struct loaded *loaded) {
    struct flow *flow = asked->flow;
    struct call *call = asked->call;
    struct served_call served = {
        .endpoint = asked->endpoint.id,
        .version = asked->version,
        .tenant = asked->member.tenant,
        .person = who_of(&call->actor),
    };
    uint64_t start_us = clock_monotonic_us();
    enum err err = rows_read(rows, loaded_model(loaded), loaded_asking(loaded), call->arena,
                             json_member(call->body, "rows"), call->fault);
    served.failed = err == ERR_INPUT || err == ERR_LIMIT;
    if (err == ERR_INPUT) call->findings = rows_findings(rows);
    if (err == OK) err = rows_predict(rows, call->fault);
    served.pinned_us = clock_monotonic_us() - start_us;
    served.rows = rows->count;
    if (err == OK) err = answer_write(asked, rows);
    if (err == OK || served.failed) serving_count(flow, &served);
    if (err == OK && asked->shadow.id) {
        shadow_offer(flow, call, rows, &served, &asked->model.file, &asked->shadow);
    }
    return err;
}

enum err flow_endpoint_predict(struct flow *flow, struct call *call) {
    struct question asked = {.flow = flow, .call = call};
    struct rows_in rows;
    struct loaded *loaded;
    enum err err = asked_find(&asked);
    if (err == OK) err = models_take(flow, &asked.model.file, &loaded, call->fault);
    if (err != OK) return err;
    err = answer(&asked, &rows, loaded);
    rows_in_close(&rows);
    models_give(flow->models, loaded);
    return err;
}

// ---- a file, as a job ---------------------------------------------------------------------------
enum err flow_endpoint_file(struct flow *flow, struct call *call) {
    struct question asked = {.flow = flow, .call = call};
    enum err err = asked_find(&asked);
    if (err != OK) return err;
    struct prediction_asked prediction = {
        .model = &asked.model, .endpoint = asked.endpoint.id, .version = asked.version};
    return prediction_queue(flow, call, &prediction);
}
