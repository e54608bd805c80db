// Recipes: the operators, checking and proposing one, and those people keep.
#include <string.h>

#include "base/clock.h"
#include "data/cleanse/cleanse.h"
#include "flow/flow_private.h"

enum err flow_recipe_operators(struct flow *flow, struct call *call) {
    (void)flow;
    enum err err = allow(call, ROLE_DATA);
    if (err != OK) return err;
    recipe_operators_write(call->out);
    return answer_end(call);
}

// The revision that `dataset` and `revision` of the body name, if they do; else OK and *named
// false.
static enum err named_revision(struct flow *flow, struct call *call, bool *named,
                               struct revision *out) {
    struct dataset dataset;
    uint64_t id = json_member_u64(call->body, "dataset", 0);
    *named = id != 0;
    if (!*named) return OK;
    struct call inner = *call;
    inner.id = id;
    return revision_find(flow, &inner, json_member_u64(call->body, "revision", 0), &dataset, out);
}

struct telling {
    struct json_writer *out;
    uint32_t count;
};

static void tell_fault(void *ctx, const struct fault *fault) {
    struct telling *telling = ctx;
    if (telling->count++ < LIMIT_FAULTS_KEPT) json_put_fault(telling->out, fault);
}

// Faults of the text are an answer here, not a failure.
static enum err check_write(struct call *call, struct str text, const struct schema *schema) {
    struct recipe *recipe = NULL;
    struct fault first = {0};
    struct json_writer *out = call->out;
    struct telling telling = {.out = out};
    json_open_object(out);
    json_put_name(out, "errors");
    json_open_array(out);
    enum err err = recipe_parse(text, schema, tell_fault, &telling, &recipe, &first);
    if (err == ERR_INPUT && telling.count == 0) json_put_fault(out, &first);
    json_close_array(out);
    json_set_bool(out, "ok", err == OK);
    if (err == OK) {
        struct hash hash = recipe_hash(recipe);
        view_hash(out, "hash", &hash);
        recipe_close(recipe);
    }
    json_close_object(out);
    if (err == OK || err == ERR_INPUT || err == ERR_LIMIT) return answer_end(call);
    *call->fault = first;
    return err;
}

enum err flow_recipe_check(struct flow *flow, struct call *call) {
    struct revision revision;
    struct table *table = NULL;
    char path[LIMIT_PATH_BYTES];
    struct str text;
    bool named = false;
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = call_text(call, "text", 0, RECIPE_BYTES_MAX, &text);
    if (err == OK) err = named_revision(flow, call, &named, &revision);
    if (err == OK && named) {
        err = blob_path(flow->store, &revision.table, path, sizeof path, call->fault);
        if (err == OK) err = table_open(path, &table, call->fault);
    }
    if (err != OK) return err;
    err = check_write(call, text, table ? table_schema(table) : NULL);
    if (table) table_close(table);
    return err;
}

// The profile with the roles people have confirmed since: they decide over what the check guessed.
static enum err profile_current(struct flow *flow, struct call *call,
                                const struct revision *revision, struct json **out) {
    struct json *profile;
    enum err err = blob_json(flow, &revision->profile, &profile, call->fault);
    if (err != OK) return err;
    struct buf text, member_text;
    buf_open(&text, 2 * LIMIT_JSON_BYTES);
    buf_open(&member_text, LIMIT_JSON_BYTES);
    struct json_writer writer = json_writer_of(&text);
    json_open_object(&writer);
    json_put_name(&writer, "columns");
    json_open_array(&writer);
    uint32_t at = 0;
    const struct json *column = json_first(json_member(profile, "columns"));
    for (; column && at < revision->column_count; column = json_next(column), at++) {
        json_open_object(&writer);
        for (const struct json *item = json_first(column); item; item = json_next(item)) {
            if (str_is(json_name(item), "role")) continue;
            buf_clear(&member_text);
            json_write(&member_text, item);
            json_put_name_str(&writer, json_name(item));
            json_put_raw(&writer, buf_str(&member_text));
        }
        json_set_text(&writer, "role", str_of(column_role_name(revision->columns[at].role)));
        json_close_object(&writer);
    }
    json_close_array(&writer);
    json_set_u64(&writer, "rows", json_member_u64(profile, "rows", 0));
    json_close_object(&writer);
    json_close(profile);
    err = buf_err(&text) != OK ? buf_err(&text) : buf_err(&member_text);
    if (err == OK) err = json_parse(buf_str(&text), out, call->fault);
    buf_close(&text);
    buf_close(&member_text);
    return err;
}

enum err flow_recipe_propose(struct flow *flow, struct call *call) {
    struct revision revision;
    struct json *profile;
    bool named = false;
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = named_revision(flow, call, &named, &revision);
    if (err != OK) return err;
    if (!named) return fault_set(call->fault, ERR_INPUT, "call.missing", STR("dataset"));
    if (hash_none(&revision.profile)) {
        return fault_set(call->fault, ERR_CONFLICT, "dataset.not_checked", STR_NONE);
    }
    err = profile_current(flow, call, &revision, &profile);
    if (err != OK) return err;
    struct buf text;
    buf_open(&text, RECIPE_BYTES_MAX);
    err = recipe_propose(profile, &text, call->fault);
    if (err == OK) {
        json_open_object(call->out);
        json_set_text(call->out, "text", buf_str(&text));
        json_close_object(call->out);
        err = answer_end(call);
    }
    buf_close(&text);
    json_close(profile);
    return err;
}

// ---- kept ones --------------------------------------------------------------------------------

static enum err recipe_item(struct list *list, struct store_txn *txn, struct record_reader *record,
                            bool show, bool *out_wanted) {
    struct recipe_record recipe;
    (void)txn;
    enum err err = recipe_record_read(record, list->scratch, &recipe);
    if (err != OK) return err;
    *out_wanted = true;
    if (show) view_recipe(list->call->out, &recipe);
    return OK;
}

enum err flow_recipe_list(struct flow *flow, struct call *call) {
    enum err err = allow(call, ROLE_DATA);
    if (err != OK) return err;
    struct list list = {.flow = flow, .call = call, .table = TABLE_RECIPE, .item = recipe_item};
    return list_write(&list);
}

struct recipe_change {
    const struct call *call;
    struct recipe_record record;
};

static enum err save_change(struct store_txn *txn, void *ctx) {
    struct recipe_change *change = ctx;
    enum err err = store_next_id(txn, TABLE_RECIPE, &change->record.id);
    if (err == OK) err = recipe_record_save(txn, &change->record);
    if (err != OK) return err;
    return audit_put(txn, change->call->actor.name, "recipe.save", "recipe", change->record.id,
                     "ok", STR_NONE);
}

enum err flow_recipe_save(struct flow *flow, struct call *call) {
    struct recipe_change change = {.call = call};
    struct recipe_record *record = &change.record;
    struct recipe *recipe;
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = call_text(call, "name", 1, LIMIT_NAME_BYTES, &record->name);
    if (err == OK) err = call_text(call, "text", 1, RECIPE_BYTES_MAX, &record->text);
    if (err == OK) err = recipe_parse(record->text, NULL, NULL, NULL, &recipe, call->fault);
    if (err != OK) return err;
    record->hash = recipe_hash(recipe);
    recipe_close(recipe);
    record->actor = who_of(&call->actor);
    record->changed_ms = clock_now_ms();
    err = store_write(flow->store, save_change, &change);
    if (err != OK) return err;
    view_recipe(call->out, record);
    return answer_end(call);
}

static enum err delete_change(struct store_txn *txn, void *ctx) {
    const struct recipe_change *change = ctx;
    struct recipe_record record;
    const struct call *call = change->call;
    enum err err = recipe_record_load(txn, call->arena, call->id, &record);
    if (err == OK) err = store_delete(txn, TABLE_RECIPE, key_of_id(call->id));
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, "recipe.delete", "recipe", call->id, "ok", STR_NONE);
}

enum err flow_recipe_delete(struct flow *flow, struct call *call) {
    struct recipe_change change = {.call = call};
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = store_write(flow->store, delete_change, &change);
    return missing(call, err, "recipe.not_found");
}
