// How easily somebody is recognised by some columns of a dataset, and what it would cost to hide
// them: answered while a person ticks boxes, so it is measured in the request.
#include <stdio.h>

#include "data/anonymity/anonymity.h"
#include "flow/flow_private.h"

enum {
    // Cells that the risk is measured of, rows from the first: 64 MB, and about a second.
    RISK_CELLS = 16 * 1000 * 1000,
    // Cells that the suggestions recode, over all k that are tried.
    SUGGEST_CELLS = 2 * 1000 * 1000,
    HIERARCHY_ROWS_SHOWN = 8,
    RISK_ARENA_BYTES = 512 << 20,
};
#define RISK_THRESHOLD .05 // of a row's risk; the rule file's risk.highest_most is the site's

struct asked_risk {
    struct call *call;
    struct table *table;
    uint32_t places[LIMIT_QUASI + LIMIT_SENSITIVE];
    struct str names[LIMIT_QUASI + LIMIT_SENSITIVE];
    uint32_t quasi_count, sensitive_count;
    struct coder *coders[LIMIT_QUASI + LIMIT_SENSITIVE];
    struct arena *arena;
    struct hierarchy trees[LIMIT_QUASI];
    struct hierarchy_rule rules[LIMIT_QUASI];
    struct coded_table coded;
    struct risk risk;
};

// ---- what is asked ------------------------------------------------------------------------------

static enum err read_columns(struct asked_risk *asked, const char *member, uint32_t most,
                             uint32_t *count) {
    const struct schema *schema = table_schema(asked->table);
    const struct json *name = json_first(json_member(asked->call->body, member));
    for (; name; name = json_next(name)) {
        uint32_t at = asked->quasi_count + asked->sensitive_count;
        int32_t place = schema_find(schema, json_text(name));
        if (*count == most) {
            return fault_set(asked->call->fault, ERR_LIMIT, "anonymity.too_many_columns", STR_NONE);
        }
        if (place < 0) {
            return fault_set(asked->call->fault, ERR_INPUT, "recipe.no_such_column",
                             json_text(name));
        }
        for (uint32_t i = 0; i < at; i++) {
            if (asked->places[i] != (uint32_t)place) continue;
            return fault_set(asked->call->fault, ERR_INPUT, "recipe.two_roles", json_text(name));
        }
        asked->places[at] = (uint32_t)place;
        asked->names[at] = schema->fields[place].name;
        ++*count;
    }
    return OK;
}

static enum err read_question(struct asked_risk *asked) {
    enum err err = read_columns(asked, "quasi", LIMIT_QUASI, &asked->quasi_count);
    if (err == OK) {
        err = read_columns(asked, "sensitive", LIMIT_SENSITIVE, &asked->sensitive_count);
    }
    if (err == OK && asked->quasi_count == 0) {
        err = fault_set(asked->call->fault, ERR_INPUT, "anonymity.no_quasi", STR_NONE);
    }
    return err;
}

// "hierarchies": {"age": "age,10,20"}; what is not told is guessed.
static enum err read_rule(struct asked_risk *asked, uint32_t index, const struct str *values,
                          uint32_t count) {
    const struct json *told = json_first(json_member(asked->call->body, "hierarchies"));
    while (told && !str_equal(json_name(told), asked->names[index])) told = json_next(told);
    if (!told) {
        const struct field *field = &table_schema(asked->table)->fields[asked->places[index]];
        asked->rules[index] = hierarchy_guess(field->name, field->type, values, count);
        return OK;
    }
    struct str words[LIMIT_HIERARCHY_LEVELS], rest = json_text(told);
    uint32_t word_count = 0;
    while (rest.size && word_count < LIMIT_HIERARCHY_LEVELS) {
        words[word_count++] = str_trim(str_cut(rest, ',', &rest));
    }
    return hierarchy_rule_read(words, word_count, &asked->rules[index], asked->call->fault);
}

// ---- measuring ----------------------------------------------------------------------------------

static enum err make_tree(struct asked_risk *asked, uint32_t index) {
    uint32_t count;
    const struct str *values = coder_values(asked->coders[index], &count);
    enum err err = read_rule(asked, index, values, count);
    uint32_t *leaf_of = ARENA_ARRAY(asked->arena, uint32_t, count + 1);
    if (err == OK && !leaf_of) err = ERR_MEMORY;
    if (err == OK) {
        err = hierarchy_make(asked->arena, &asked->rules[index], values, count, leaf_of,
                             &asked->trees[index], asked->call->fault);
    }
    if (err != OK) return err;
    coder_renumber(asked->coders[index], leaf_of);
    asked->coded.quasi[index] =
        (struct quasi){coder_codes(asked->coders[index]), &asked->trees[index]};
    return OK;
}

static enum err measure(struct asked_risk *asked) {
    uint32_t count = asked->quasi_count + asked->sensitive_count;
    enum err err = coders_open(asked->coders, count);
    if (err == OK) {
        err = coders_fill(asked->table, asked->places, asked->coders, count, RISK_CELLS / count,
                          asked->call->fault);
    }
    asked->coded = (struct coded_table){.quasi_count = asked->quasi_count,
                                        .sensitive_count = asked->sensitive_count};
    if (err == OK) asked->coded.rows = coder_rows(asked->coders[0]);
    for (uint32_t i = 0; i < asked->quasi_count && err == OK; i++) err = make_tree(asked, i);
    for (uint32_t i = 0; i < asked->sensitive_count && err == OK; i++) {
        struct coder *coder = asked->coders[asked->quasi_count + i];
        struct sensitive *sensitive = &asked->coded.sensitive[i];
        err = coder_sort(coder, &sensitive->ordered);
        sensitive->codes = coder_codes(coder);
        (void)coder_values(coder, &sensitive->value_count);
    }
    if (err == OK) err = risk_measure(&asked->coded, NULL, RISK_THRESHOLD, &asked->risk);
    return err;
}

// ---- answering ----------------------------------------------------------------------------------

// What a k costs, over the first rows only where the table is long.
static enum err suggest_one(struct asked_risk *asked, uint32_t k, uint64_t rows) {
    struct json_writer *out = asked->call->out;
    struct coded_table part = asked->coded;
    struct anonymity_goal goal = {.k = k, .t = 1};
    struct recoding recoding;
    part.rows = rows;
    if (rows < k) return OK;
    enum err err = recode(&part, &goal, RECODE_LOCAL, NULL, NULL, &recoding, asked->call->fault);
    if (err != OK) return err;
    json_open_object(out);
    json_set_u64(out, "k", k);
    json_set_number(out, "granularity", 1 - recoding.loss);
    json_set_u64(out, "suppressed", recoding.suppressed);
    json_close_object(out);
    recoding_close(&recoding);
    return OK;
}

static enum err suggest(struct asked_risk *asked) {
    static const uint32_t usual[] = {2, 5, 10, 20, 50};
    struct json_writer *out = asked->call->out;
    uint64_t told = json_member_u64(asked->call->body, "k", 0), rows = asked->coded.rows;
    uint32_t tries = told ? 1 : sizeof usual / sizeof usual[0];
    uint64_t most = SUGGEST_CELLS / tries / asked->quasi_count;
    if (told > 1000000) told = 1000000;
    if (rows > most) rows = most;
    enum err err = OK;
    json_set_u64(out, "suggest_rows", rows);
    json_put_name(out, "suggest");
    json_open_array(out);
    for (uint32_t i = 0; i < tries && err == OK; i++) {
        err = suggest_one(asked, told ? (uint32_t)told : usual[i], rows);
    }
    json_close_array(out);
    return err;
}

// A few values with all that they become.
static void write_hierarchy(struct asked_risk *asked, uint32_t index) {
    struct json_writer *out = asked->call->out;
    const struct hierarchy *tree = &asked->trees[index];
    char room[256];
    struct buf rule = {.data = room, .room = sizeof room, .cap_bytes = sizeof room};
    hierarchy_rule_write(&rule, &asked->rules[index]);
    json_open_object(out);
    json_set_text(out, "column", asked->names[index]);
    json_set_text(out, "guessed", str_of(hierarchy_kind_name(tree->kind)));
    json_set_text(out, "rule", buf_str(&rule));
    json_put_name(out, "levels");
    json_open_array(out);
    uint32_t step = tree->leaf_count / HIERARCHY_ROWS_SHOWN + 1;
    for (uint32_t leaf = 0; leaf < tree->leaf_count; leaf += step) {
        json_open_array(out);
        // The values themselves are not shown: they are the table's.
        for (uint32_t level = 1; level < tree->level_count; level++) {
            json_put_text(out, tree->names[hierarchy_node(tree, level, leaf)]);
        }
        json_close_array(out);
    }
    json_close_array(out);
    json_close_object(out);
}

static enum err answer(struct asked_risk *asked) {
    struct json_writer *out = asked->call->out;
    struct risk_names names = {asked->names, asked->names + asked->quasi_count, asked->quasi_count,
                               asked->sensitive_count};
    json_open_object(out);
    json_put_name(out, "risk");
    risk_write(out, &asked->risk, &names);
    json_set_u64(out, "rows_of_table", table_rows(asked->table));
    enum err err = suggest(asked);
    if (err != OK) return err;
    json_put_name(out, "hierarchies");
    json_open_array(out);
    for (uint32_t i = 0; i < asked->quasi_count; i++) write_hierarchy(asked, i);
    json_close_array(out);
    json_close_object(out);
    return answer_end(asked->call);
}

enum err flow_dataset_risk(struct flow *flow, struct call *call) {
    struct dataset dataset;
    struct revision revision;
    char path[LIMIT_PATH_BYTES];
    struct asked_risk *asked = ARENA_NEW(call->arena, struct asked_risk);
    if (!asked) return ERR_MEMORY;
    asked->call = call;
    uint64_t number = json_member_u64(call->body, "revision", 0);
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = revision_use(flow, call, number, &dataset, &revision);
    if (err == OK) err = blob_path(flow->store, &revision.table, path, sizeof path, call->fault);
    if (err == OK) err = table_open(path, &asked->table, call->fault);
    if (err == OK) err = arena_open(RISK_ARENA_BYTES, &asked->arena);
    if (err == OK) err = read_question(asked);
    if (err == OK) err = measure(asked);
    if (err == OK) err = answer(asked);
    coders_close(asked->coders, asked->quasi_count + asked->sensitive_count);
    arena_close(asked->arena);
    table_close(asked->table);
    if (err == ERR_MEMORY) return fault_set(call->fault, err, "base.no_memory", STR("risk"));
    return err;
}
