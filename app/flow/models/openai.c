// The operations of OpenAI's API: who asks, of which model, and what models there are. What is
// asked is read in openai_asked.c, what is answered is written in openai_answer.c. Source:
// OpenAI's API reference of models.
#include "allocation/usage.h"
#include "base/clock.h"
#include "flow/models/language.h"
#include "flow/steps/talk.h"

// The model that is asked and what its department is allowed, into `answer`.
static enum err asked_of(struct flow_answer *answer, const struct call *call, double *out_weight) {
    struct store_txn *txn;
    struct language_model model;
    struct member member;
    const struct policy *policy;
    uint64_t cache;
    struct usage_wish wish = {
        .question = {.person = call->actor.person_id, .now_ms = clock_now_ms()}, .served = true};
    enum err err = store_read_begin(answer->flow->store, &txn);
    if (err != OK) return err;
    err = language_named(txn, call->arena, json_member_text(call->body, "model"), &model,
                         call->fault);
    if (err == OK) err = member_load(txn, call->actor.person_id, &member);
    if (err == OK) err = usage_allowed(txn, call->arena, &wish, call->fault);
    if (err == OK) err = policy_borrow(txn, &policy);
    if (err == OK) {
        const struct tenant *tenant = policy_tenant_or_default(policy, member.tenant);
        *out_weight = tenant && tenant->weight ? tenant->weight : 1;
        guard_rules_take(&answer->guard, policy, tenant);
        policy_return(policy);
    }
    store_read_end(txn);
    if (err != OK) return err;
    answer->model = model.id;
    answer->tenant = member.tenant;
    answer->person = call->actor.person_id;
    (void)!str_copy(answer->name, sizeof answer->name, model.name);
    (void)!str_copy(answer->person_name, sizeof answer->person_name, call->actor.name);
    if (model.embeds != (answer->kind == ANSWER_VECTORS)) {
        return fault_set(call->fault, ERR_INPUT,
                         model.embeds ? "language.embeds" : "language.embeds_not", model.name);
    }
    if (language_memory(&model, &cache) > answer->flow->largest.memory_bytes) {
        return fault_set(call->fault, ERR_CONFLICT, "language.does_not_fit", model.name);
    }
    return OK;
}

static enum err answer_begin(struct flow *flow, struct call *call, enum answer_kind kind,
                             const struct flow_waker *waker, struct flow_answer **out) {
    double weight = 1;
    enum err err = allow(call, ROLES_FLOW);
    if (err != OK) return err;
    struct flow_answer *answer = memory_take(sizeof *answer);
    if (!answer) return fault_set(call->fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    answer->flow = flow;
    answer->waker = *waker;
    answer->kind = kind;
    answer->created_s = clock_now_ms() / 1000;
    buf_open(&answer->asked, TALK_BYTES_MAX);
    buf_open(&answer->out, ANSWER_BYTES_MAX);
    for (uint32_t i = 0; i < ANSWER_PARTS_MAX; i++) {
        buf_open(&answer->parts[i].text, ANSWER_BYTES_MAX);
        buf_open(&answer->parts[i].logprobs, ANSWER_BYTES_MAX);
        buf_open(&answer->parts[i].calls, ANSWER_BYTES_MAX);
        buf_open(&answer->parts[i].given, ANSWER_BYTES_MAX);
    }
    err = asked_of(answer, call, &weight);
    if (err == OK) err = asked_write(call, answer, weight);
    if (err == OK) err = guard_asked(answer, call);
    if (err == OK) err = language_put(flow, answer, call->fault);
    if (err != OK) {
        answer_free(answer);
        return err;
    }
    *out = answer;
    return OK;
}

enum err flow_answer_chat(struct flow *flow, struct call *call, const struct flow_waker *waker,
                          struct flow_answer **out) {
    return answer_begin(flow, call, ANSWER_CHAT, waker, out);
}

enum err flow_answer_text(struct flow *flow, struct call *call, const struct flow_waker *waker,
                          struct flow_answer **out) {
    return answer_begin(flow, call, ANSWER_TEXT, waker, out);
}

enum err flow_answer_vectors(struct flow *flow, struct call *call, const struct flow_waker *waker,
                             struct flow_answer **out) {
    return answer_begin(flow, call, ANSWER_VECTORS, waker, out);
}

// ---- the list -----------------------------------------------------------------------------------

struct naming {
    struct arena *arena;
    struct json_writer *out;
    enum err err;
};

static void name_write(struct json_writer *out, const struct language_model *model) {
    json_open_object(out);
    json_set_text(out, "id", model->name);
    json_set_text(out, "object", STR("model"));
    json_set_i64(out, "created", model->created_ms / 1000);
    json_set_text(out, "owned_by", model->actor.name);
    json_close_object(out);
}

static bool name_visit(void *ctx, struct str key, struct record_reader *record) {
    struct naming *naming = ctx;
    struct language_model model;
    (void)key;
    naming->err = language_model_read(record, naming->arena, &model);
    if (naming->err != OK) return false;
    if (!model.deleted && model.on && model.state == MODEL_READY) name_write(naming->out, &model);
    return true;
}

enum err flow_openai_models(struct flow *flow, struct call *call) {
    struct store_txn *txn;
    struct naming naming = {.arena = call->arena, .out = call->out};
    enum err err = allow(call, ROLES_FLOW);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    json_open_object(call->out);
    json_set_text(call->out, "object", STR("list"));
    json_put_name(call->out, "data");
    json_open_array(call->out);
    err = store_scan(txn, TABLE_LANGUAGE, (struct key){.size = 0}, true, name_visit, &naming);
    store_read_end(txn);
    json_close_array(call->out);
    json_close_object(call->out);
    if (err == OK) err = naming.err;
    return err == OK ? answer_end(call) : missing(call, err, "language.not_found");
}

enum err flow_openai_model(struct flow *flow, struct call *call) {
    struct store_txn *txn;
    struct language_model model;
    enum err err = allow(call, ROLES_FLOW);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = language_named(txn, call->arena, call->word, &model, call->fault);
    store_read_end(txn);
    if (err != OK) return err;
    name_write(call->out, &model);
    return answer_end(call);
}
