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

enum err flow_recipe_presets(struct flow *flow, struct call *call) {
    (void)flow;
    enum err err = allow(call, ROLE_DATA);
    if (err != OK) return err;
    recipe_presets_write(call->out);
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
    struct buf text;
    buf_open(&text, 2 * LIMIT_JSON_BYTES);
    struct json_writer writer = json_writer_of(&text);
    json_open_object(&writer);
    json_put_name(&writer, "columns");
    json_open_array(&writer);
    uint32_t at = 0;
    const struct json *column = json_first(json_member(profile, "columns"));
    for (; column && at < revision->column_count; column = json_next(column), at++) {
        json_open_object(&writer);
        for (const struct json *item = json_first(column); item; item = json_next(item)) {
            if (!str_is(json_name(item), "role")) json_put_member(&writer, item);
        }
        json_set_text(&writer, "role", str_of(column_role_name(revision->columns[at].role)));
        json_set_text(&writer, "treatment", revision->columns[at].treatment);
        json_close_object(&writer);
    }
    json_close_array(&writer);
    json_set_u64(&writer, "rows", json_member_u64(profile, "rows", 0));
    json_close_object(&writer);
    json_close(profile);
    err = buf_err(&text);
    if (err == OK) err = json_parse(buf_str(&text), out, call->fault);
    buf_close(&text);
    return err;
}

enum err flow_recipe_propose(struct flow *flow, struct call *call) {
    struct revision revision;
    struct json *profile;
    bool named = false;
    enum recipe_preset preset = PRESET_CUSTOM;
    struct str wanted = json_member_text(call->body, "preset");
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = named_revision(flow, call, &named, &revision);
    if (err != OK) return err;
    if (wanted.size && !recipe_preset_from_name(wanted, &preset)) {
        return fault_set(call->fault, ERR_INPUT, "recipe.no_such_preset", wanted);
    }
    if (!named) return fault_set(call->fault, ERR_INPUT, "call.missing", STR("dataset"));
    if (hash_none(&revision.profile)) {
        return fault_set(call->fault, ERR_CONFLICT, "dataset.not_checked", STR_NONE);
    }
    err = profile_current(flow, call, &revision, &profile);
    if (err != OK) return err;
    struct buf text;
    buf_open(&text, RECIPE_BYTES_MAX);
    err = recipe_propose(profile, preset, &text, call->fault);
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

static bool is_owner(const struct call *call, const struct recipe_record *recipe) {
    return recipe->actor.id ? recipe->actor.id == call->actor.person_id
                            : str_equal(recipe->actor.name, call->actor.name);
}

static enum err recipe_item(struct list *list, struct store_txn *txn, struct record_reader *record,
                            bool show, bool *out_wanted) {
    struct recipe_record recipe;
    (void)txn;
    enum err err = recipe_record_read(record, list->scratch, &recipe);
    if (err != OK) return err;
    *out_wanted = !recipe.superseded && (recipe.shared || is_owner(list->call, &recipe));
    if (*out_wanted && show) view_recipe(list->call->out, &recipe);
    return OK;
}

enum err flow_recipe_list(struct flow *flow, struct call *call) {
    enum err err = allow(call, ROLE_DATA);
    if (err != OK) return err;
    struct list list = {.flow = flow, .call = call, .table = TABLE_RECIPE, .item = recipe_item};
    return list_write(&list);
}

// ERR_NOT_FOUND too where it is another person's own: nobody learns that it is there.
static enum err recipe_find(struct store_txn *txn, const struct call *call, uint64_t id,
                            struct recipe_record *out) {
    enum err err = recipe_record_load(txn, call->arena, id, out);
    if (err == OK && !out->shared && !is_owner(call, out)) err = ERR_NOT_FOUND;
    return err;
}

static enum err recipe_find_own(struct store_txn *txn, const struct call *call, uint64_t id,
                                struct recipe_record *out) {
    enum err err = recipe_find(txn, call, id, out);
    if (err != OK || is_owner(call, out)) return err;
    return fault_set(call->fault, ERR_DENIED, "recipe.not_yours", out->actor.name);
}

enum err flow_recipe_versions(struct flow *flow, struct call *call) {
    struct store_txn *txn;
    struct recipe_record recipe;
    uint64_t id = call->id;
    uint32_t told = 0;
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    json_open_array(call->out);
    while (id != 0 && told < RECIPE_VERSIONS_MAX && err == OK) {
        err = recipe_find(txn, call, id, &recipe);
        if (err != OK) break;
        view_recipe(call->out, &recipe);
        told++;
        id = recipe.previous < id ? recipe.previous : 0;
    }
    json_close_array(call->out);
    store_read_end(txn);
    // Older versions may have been their owner's own, and are not told of.
    if (err == ERR_NOT_FOUND && told > 0) err = OK;
    return err == OK ? answer_end(call) : missing(call, err, "recipe.not_found");
}

struct recipe_change {
    const struct call *call;
    struct recipe_record record;
};

// The next version of the recipe that `previous` names, which must be the newest and one's own.
static enum err supersede(struct store_txn *txn, struct recipe_change *change) {
    struct recipe_record before, *record = &change->record;
    const struct call *call = change->call;
    enum err err = recipe_find_own(txn, call, record->previous, &before);
    if (err != OK) return missing(call, err, "recipe.not_found");
    if (before.superseded) {
        return fault_set(call->fault, ERR_CONFLICT, "recipe.not_newest", before.name);
    }
    if (before.version >= RECIPE_VERSIONS_MAX) {
        return fault_set(call->fault, ERR_LIMIT, "recipe.too_many_versions", before.name);
    }
    record->version = before.version + 1;
    if (record->name.size == 0) record->name = before.name;
    if (!json_member(call->body, "visibility")) record->shared = before.shared;
    before.superseded = true;
    return recipe_record_save(txn, &before);
}

static enum err save_change(struct store_txn *txn, void *ctx) {
    struct recipe_change *change = ctx;
    change->record.version = 1;
    enum err err = change->record.previous ? supersede(txn, change) : OK;
    if (err == OK) err = store_next_id(txn, TABLE_RECIPE, &change->record.id);
    if (err == OK) err = recipe_record_save(txn, &change->record);
    if (err != OK) return err;
    return audit_put(txn, change->call->actor.name, "recipe.save", "recipe", change->record.id,
                     "ok", STR_NONE);
}

static enum err read_visibility(const struct call *call, bool *shared) {
    struct str visibility = json_member_text(call->body, "visibility");
    *shared = str_is(visibility, "everybody");
    if (visibility.size == 0 || *shared || str_is(visibility, "mine")) return OK;
    return fault_set(call->fault, ERR_INPUT, "recipe.bad_visibility", visibility);
}

enum err flow_recipe_save(struct flow *flow, struct call *call) {
    struct recipe_change change = {.call = call};
    struct recipe_record *record = &change.record;
    struct recipe *recipe;
    enum err err = allow(call, ROLE_DATA);
    record->previous = json_member_u64(call->body, "previous", 0);
    if (err == OK) {
        err = call_text(call, "name", record->previous ? 0 : 1, LIMIT_NAME_BYTES, &record->name);
    }
    if (err == OK) err = call_text(call, "text", 1, RECIPE_BYTES_MAX, &record->text);
    if (err == OK) err = read_visibility(call, &record->shared);
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

static enum err alter_change(struct store_txn *txn, void *ctx) {
    struct recipe_change *change = ctx;
    const struct call *call = change->call;
    bool shared = change->record.shared;
    enum err err = recipe_find_own(txn, call, call->id, &change->record);
    if (err != OK) return err;
    change->record.shared = shared;
    err = recipe_record_save(txn, &change->record);
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, "recipe.share", "recipe", call->id, "ok",
                     shared ? STR("everybody") : STR("mine"));
}

enum err flow_recipe_change(struct flow *flow, struct call *call) {
    struct recipe_change change = {.call = call};
    struct str visibility;
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = call_text(call, "visibility", 1, LIMIT_NAME_BYTES, &visibility);
    if (err == OK) err = read_visibility(call, &change.record.shared);
    if (err == OK) err = store_write(flow->store, alter_change, &change);
    if (err != OK) return missing(call, err, "recipe.not_found");
    view_recipe(call->out, &change.record);
    return answer_end(call);
}

// A recipe goes with all its versions.
static enum err delete_change(struct store_txn *txn, void *ctx) {
    const struct recipe_change *change = ctx;
    struct recipe_record record;
    const struct call *call = change->call;
    enum err err = recipe_find_own(txn, call, call->id, &record);
    if (err == OK && record.superseded) {
        err = fault_set(call->fault, ERR_CONFLICT, "recipe.not_newest", record.name);
    }
    for (uint64_t id = call->id; id != 0 && err == OK;) {
        err = recipe_record_load(txn, call->arena, id, &record);
        if (err == OK) err = store_delete(txn, TABLE_RECIPE, key_of_id(id));
        id = record.previous < id ? record.previous : 0;
    }
    if (err != OK) return err;
    return audit_put(txn, call->actor.name, "recipe.delete", "recipe", call->id, "ok", STR_NONE);
}

enum err flow_recipe_delete(struct flow *flow, struct call *call) {
    struct recipe_change change = {.call = call};
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = store_write_freeing(flow->store, delete_change, &change);
    return missing(call, err, "recipe.not_found");
}
