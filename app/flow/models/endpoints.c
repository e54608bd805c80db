// Endpoints as records: made, shown, changed, rolled back. Researchers of the department that owns
// one may change it; who may use models may ask it, or only those of its department.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "flow/models/serving.h"

static enum err name_key(struct str name, char out[static 200], struct fault *fault) {
    bool digits = true, good = name.size > 0 && name.size <= ENDPOINT_NAME_BYTES;
    for (size_t i = 0; i < name.size && good; i++) {
        unsigned char c = (unsigned char)name.data[i];
        digits = digits && c >= '0' && c <= '9';
        good = c >= ' ' && c != 0x7F && c != '/';
    }
    if (!good || digits) return fault_set(fault, ERR_INPUT, "endpoint.bad_name", name);
    snprintf(out, 200, "endpoint/name/%.*s", STR_ARG(name));
    return OK;
}

enum err endpoint_name_check(struct str name, struct fault *fault) {
    char key[200];
    return name_key(name, key, fault);
}

// The name leads to this endpoint and no other.
static enum err name_take(struct store_txn *txn, const struct endpoint *endpoint,
                          struct fault *fault) {
    char key[200];
    uint64_t other;
    enum err err = name_key(endpoint->name, key, fault);
    if (err != OK) return err;
    err = index_get(txn, str_of(key), &other);
    if (err == OK && other != endpoint->id) {
        return fault_set(fault, ERR_CONFLICT, "endpoint.name_taken", endpoint->name);
    }
    if (err == OK || err != ERR_NOT_FOUND) return err;
    return index_put(txn, str_of(key), endpoint->id);
}

static enum err name_give(struct store_txn *txn, struct str name) {
    char key[200];
    enum err err = name_key(name, key, NULL);
    return err == OK ? index_delete(txn, str_of(key)) : err;
}

enum err endpoint_model(struct store_txn *txn, struct arena *arena, uint64_t id, struct model *out,
                        struct fault *fault) {
    enum err err = model_load(txn, arena, id, out);
    if (err == OK && out->deleted) err = ERR_NOT_FOUND;
    if (err == ERR_NOT_FOUND) return fault_set(fault, err, "model.not_found", STR_NONE);
    if (err != OK) return err;
    if (out->state == MODEL_READY) return OK;
    return fault_set(fault, ERR_CONFLICT, "predict.not_ready", out->name);
}

static enum err note_put(struct store_txn *txn, struct str actor, const char *action,
                         const struct endpoint *endpoint) {
    char detail[96];
    snprintf(detail, sizeof detail, "version=%" PRIu64 " model=%" PRIu64 " shadow=%" PRIu64 " %s",
             endpoint->version, endpoint->versions[endpoint->version - 1].model, endpoint->shadow,
             endpoint->on ? "on" : "off");
    return audit_put(txn, actor, action, "endpoint", endpoint->id, "ok", str_of(detail));
}

enum err endpoint_make(struct store_txn *txn, struct arena *arena, const struct endpoint_wish *wish,
                       struct endpoint *out, struct fault *fault) {
    struct model model;
    struct member member;
    enum err err = endpoint_model(txn, arena, wish->model, &model, fault);
    if (err == OK) err = member_load(txn, wish->owner.id, &member);
    struct endpoint_version *first = ARENA_NEW(arena, struct endpoint_version);
    if (err == OK && !first) err = ERR_MEMORY;
    if (err != OK) return err;
    int64_t now = clock_now_ms();
    *first = (struct endpoint_version){.model = model.id, .actor = wish->owner, .put_ms = now};
    *out = (struct endpoint){
        .tenant = wish->tenant ? wish->tenant : member.tenant,
        .name = wish->name,
        .note = wish->note,
        .owner = wish->owner,
        .created_ms = now,
        .changed_ms = now,
        .on = true,
        .audience = wish->audience,
        .version = 1,
        .versions = first,
        .version_count = 1,
    };
    err = store_next_id(txn, TABLE_ENDPOINT, &out->id);
    if (err == OK) err = name_take(txn, out, fault);
    if (err == OK) err = endpoint_save(txn, out);
    return err == OK ? note_put(txn, wish->owner.name, "endpoint.create", out) : err;
}

// ---- who may -----------------------------------------------------------------------------------
static enum err inside(struct store_txn *txn, const struct call *call,
                       const struct endpoint *endpoint, bool *out) {
    struct member member;
    const struct policy *policy;
    enum err err = member_load(txn, call->actor.person_id, &member);
    if (err == OK) err = policy_borrow(txn, &policy);
    if (err != OK) return err;
    *out = tenant_below(policy, member.tenant, endpoint->tenant);
    policy_return(policy);
    return OK;
}

enum err endpoint_find(struct store_txn *txn, const struct call *call, struct endpoint *out) {
    uint64_t id = call->id;
    bool may = true;
    enum err err = OK;
    if (call->word.size && !str_to_u64(call->word, &id)) {
        char key[200];
        err = name_key(call->word, key, NULL);
        if (err == OK) err = index_get(txn, str_of(key), &id);
        if (err == ERR_INPUT) err = ERR_NOT_FOUND;
    }
    if (err == OK) err = endpoint_load(txn, call->arena, id, out);
    if (err == OK && out->deleted) err = ERR_NOT_FOUND;
    if (err == OK && out->audience == AUDIENCE_DEPARTMENT) err = inside(txn, call, out, &may);
    if (err == OK && !may && !(call->actor.roles & (ROLE_SYSTEM | ROLE_AUDIT))) {
        err = ERR_NOT_FOUND;
    }
    return missing(call, err, "endpoint.not_found");
}

static enum err may_change(struct store_txn *txn, const struct call *call,
                           const struct endpoint *endpoint) {
    bool may = endpoint->owner.id == call->actor.person_id;
    enum err err = may ? OK : inside(txn, call, endpoint, &may);
    if (err != OK || may || (call->actor.roles & ROLE_SYSTEM)) return err;
    return fault_set(call->fault, ERR_DENIED, "endpoint.denied", STR_NONE);
}

// ---- the models it keeps -----------------------------------------------------------------------
struct keeping {
    struct arena *arena;
    uint64_t model;
    struct fault *fault;
    enum err err;
};

static bool keep_visit(void *ctx, struct str key, struct record_reader *record) {
    struct keeping *keeping = ctx;
    struct endpoint endpoint;
    (void)key;
    keeping->err = endpoint_read(record, keeping->arena, &endpoint);
    if (keeping->err != OK || endpoint.deleted) return keeping->err == OK;
    struct fault *fault = keeping->fault;
    if (endpoint.versions[endpoint.version - 1].model == keeping->model) {
        keeping->err = fault_set(fault, ERR_CONFLICT, "model.serves", endpoint.name);
    } else if (endpoint.shadow == keeping->model) {
        keeping->err = fault_set(fault, ERR_CONFLICT, "model.shadows", endpoint.name);
    }
    return keeping->err == OK;
}

enum err endpoint_keeps(struct store_txn *txn, struct arena *arena, uint64_t model,
                        struct fault *fault) {
    struct keeping keeping = {arena, model, fault, OK};
    enum err err =
        store_scan(txn, TABLE_ENDPOINT, (struct key){.size = 0}, false, keep_visit, &keeping);
    return err == OK ? keeping.err : err;
}

// ---- changing ----------------------------------------------------------------------------------
struct endpoint_change {
    const struct call *call;
    const char *action;
    enum err (*apply)(struct store_txn *txn, struct endpoint_change *change);
    struct endpoint endpoint;
};

static enum err change_run(struct store_txn *txn, void *ctx) {
    struct endpoint_change *change = ctx;
    const struct call *call = change->call;
    enum err err = endpoint_find(txn, call, &change->endpoint);
    if (err == OK) err = may_change(txn, call, &change->endpoint);
    if (err == OK) err = change->apply(txn, change);
    if (err != OK) return err;
    change->endpoint.changed_ms = clock_now_ms();
    err = endpoint_save(txn, &change->endpoint);
    return err == OK ? note_put(txn, call->actor.name, change->action, &change->endpoint) : err;
}

static enum err endpoint_answer(struct flow *flow, struct call *call,
                                const struct endpoint *endpoint) {
    struct store_txn *txn;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    view_endpoint(txn, call->arena, call->out, endpoint);
    json_close_object(call->out);
    store_read_end(txn);
    return answer_end(call);
}

static enum err change(struct flow *flow, struct call *call, const char *action,
                       enum err (*apply)(struct store_txn *txn, struct endpoint_change *change)) {
    struct endpoint_change change = {.call = call, .action = action, .apply = apply};
    enum err err = allow(call, ROLE_RESEARCH);
    if (err == OK) err = store_write(flow->store, change_run, &change);
    return err == OK ? endpoint_answer(flow, call, &change.endpoint) : err;
}

// The answers must stay of the kind that callers know.
static enum err same_question(struct store_txn *txn, const struct endpoint_change *change,
                              const struct model *model) {
    struct model pinned;
    const struct endpoint *endpoint = &change->endpoint;
    enum err err = model_load(txn, change->call->arena,
                              endpoint->versions[endpoint->version - 1].model, &pinned);
    if (err != OK) return err;
    if (str_equal(pinned.task, model->task) && str_equal(pinned.target, model->target)) return OK;
    return fault_set(change->call->fault, ERR_CONFLICT, "endpoint.other_question", model->name);
}

static enum err version_add(struct endpoint_change *change, uint64_t model, struct str note) {
    struct endpoint *endpoint = &change->endpoint;
    const struct call *call = change->call;
    uint32_t count = endpoint->version_count;
    if (count == VERSIONS_MAX) {
        return fault_set(call->fault, ERR_LIMIT, "endpoint.too_many_versions", STR_NONE);
    }
    struct endpoint_version *versions =
        ARENA_ARRAY(call->arena, struct endpoint_version, count + 1);
    if (!versions) return ERR_MEMORY;
    memcpy(versions, endpoint->versions, count * sizeof *versions);
    versions[count] = (struct endpoint_version){.model = model,
                                                .actor = who_of(&call->actor),
                                                .put_ms = clock_now_ms(),
                                                .before = endpoint->version,
                                                .note = note};
    endpoint->versions = versions;
    endpoint->version = endpoint->version_count = count + 1;
    if (endpoint->shadow == model) endpoint->shadow = 0;
    return OK;
}

static enum err version_apply(struct store_txn *txn, struct endpoint_change *change) {
    const struct call *call = change->call;
    struct model model;
    struct str note;
    enum err err = call_text(call, "note", 0, LIMIT_NOTE_BYTES, &note);
    if (err == OK) {
        err = endpoint_model(txn, call->arena, json_member_u64(call->body, "model", 0), &model,
                             call->fault);
    }
    if (err == OK) err = same_question(txn, change, &model);
    return err == OK ? version_add(change, model.id, note) : err;
}

enum err flow_endpoint_version(struct flow *flow, struct call *call) {
    return change(flow, call, "endpoint.version", version_apply);
}

// To the version named, or to the one that was pinned when this one was put in.
static enum err rollback_apply(struct store_txn *txn, struct endpoint_change *change) {
    const struct call *call = change->call;
    struct endpoint *endpoint = &change->endpoint;
    struct model model;
    uint64_t before = endpoint->versions[endpoint->version - 1].before;
    uint64_t to = json_member_u64(call->body, "version", before);
    if (to == 0) return fault_set(call->fault, ERR_CONFLICT, "endpoint.no_earlier", STR_NONE);
    if (to > endpoint->version_count) {
        return fault_set(call->fault, ERR_NOT_FOUND, "endpoint.no_version", STR_NONE);
    }
    enum err err = endpoint_model(txn, call->arena, endpoint->versions[to - 1].model, &model, NULL);
    if (err == ERR_NOT_FOUND || err == ERR_CONFLICT) {
        return fault_set(call->fault, ERR_CONFLICT, "endpoint.version_gone", STR_NONE);
    }
    if (err == OK) endpoint->version = to;
    return err;
}

enum err flow_endpoint_rollback(struct flow *flow, struct call *call) {
    return change(flow, call, "endpoint.rollback", rollback_apply);
}

static enum err promote_apply(struct store_txn *txn, struct endpoint_change *change) {
    const struct call *call = change->call;
    struct model model;
    uint64_t shadow = change->endpoint.shadow;
    if (!shadow) return fault_set(call->fault, ERR_CONFLICT, "endpoint.no_shadow", STR_NONE);
    enum err err = endpoint_model(txn, call->arena, shadow, &model, call->fault);
    return err == OK ? version_add(change, shadow, STR_NONE) : err;
}

enum err flow_endpoint_promote(struct flow *flow, struct call *call) {
    return change(flow, call, "endpoint.promote", promote_apply);
}

static enum err audience_read(const struct call *call, enum endpoint_audience *out) {
    struct str text = json_member_text(call->body, "audience");
    for (int i = 0; i < AUDIENCE_COUNT; i++) {
        if (!str_is(text, endpoint_audience_name((enum endpoint_audience)i))) continue;
        *out = (enum endpoint_audience)i;
        return OK;
    }
    if (!json_member(call->body, "audience")) return OK;
    return fault_set(call->fault, ERR_INPUT, "endpoint.bad_audience", text);
}

static enum err shadow_read(struct store_txn *txn, struct endpoint_change *change) {
    const struct call *call = change->call;
    const struct json *node = json_member(call->body, "shadow");
    struct model model;
    uint64_t id = 0;
    if (!node) return OK;
    if (json_is_null(node)) {
        change->endpoint.shadow = 0;
        return OK;
    }
    if (!json_u64(node, &id)) id = 0;
    enum err err = endpoint_model(txn, call->arena, id, &model, call->fault);
    if (err == OK) err = same_question(txn, change, &model);
    if (err == OK) change->endpoint.shadow = id;
    return err;
}

static enum err edit_apply(struct store_txn *txn, struct endpoint_change *change) {
    const struct call *call = change->call;
    struct endpoint *endpoint = &change->endpoint;
    struct str name = endpoint->name;
    enum err err = OK;
    endpoint->on = json_member_bool(call->body, "on", endpoint->on);
    if (json_member(call->body, "name")) {
        err = call_text(call, "name", 1, ENDPOINT_NAME_BYTES, &endpoint->name);
    }
    if (err == OK && json_member(call->body, "note")) {
        err = call_text(call, "note", 0, LIMIT_NOTE_BYTES, &endpoint->note);
    }
    if (err == OK) err = audience_read(call, &endpoint->audience);
    if (err == OK) err = shadow_read(txn, change);
    if (err != OK || str_equal(name, endpoint->name)) return err;
    err = name_take(txn, endpoint, call->fault);
    return err == OK ? name_give(txn, name) : err;
}

enum err flow_endpoint_change(struct flow *flow, struct call *call) {
    return change(flow, call, "endpoint.change", edit_apply);
}

// The record stays, for what it has counted; its name is free again.
static enum err delete_apply(struct store_txn *txn, struct endpoint_change *change) {
    change->endpoint.deleted = true;
    change->endpoint.on = false;
    return name_give(txn, change->endpoint.name);
}

enum err flow_endpoint_delete(struct flow *flow, struct call *call) {
    struct endpoint_change change = {
        .call = call, .action = "endpoint.delete", .apply = delete_apply};
    enum err err = allow(call, ROLE_RESEARCH);
    return err == OK ? store_write_freeing(flow->store, change_run, &change) : err;
}

// ---- making ------------------------------------------------------------------------------------
struct endpoint_making {
    const struct call *call;
    struct endpoint_wish wish;
    struct endpoint endpoint;
};

static enum err create_change(struct store_txn *txn, void *ctx) {
    struct endpoint_making *making = ctx;
    return endpoint_make(txn, making->call->arena, &making->wish, &making->endpoint,
                         making->call->fault);
}

enum err flow_endpoint_create(struct flow *flow, struct call *call) {
    struct endpoint_making making = {.call = call, .wish = {.owner = who_of(&call->actor)}};
    struct endpoint_wish *wish = &making.wish;
    enum err err = allow(call, ROLE_RESEARCH);
    if (err == OK) err = call_text(call, "name", 1, ENDPOINT_NAME_BYTES, &wish->name);
    if (err == OK) err = call_text(call, "note", 0, LIMIT_NOTE_BYTES, &wish->note);
    if (err == OK) err = audience_read(call, &wish->audience);
    wish->model = json_member_u64(call->body, "model", 0);
    if (err == OK) err = store_write(flow->store, create_change, &making);
    return err == OK ? endpoint_answer(flow, call, &making.endpoint) : err;
}
