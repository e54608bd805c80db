// Cleanse: a recipe makes a new table of an old one, with a report.
//   inputs  table, key (32 bytes: the secret of the pseudonyms), key:NAME for each project the
//           recipe names (without any of them, key is theirs too); if there is one: rules (a rule
//           file), words (the folder of the files that a recipe names)
//   options recipe (its text); sources: what the table was made from, for the report, else the
//           table itself, named by `name`; epsilon_spent: of the dataset's privacy budget, before
//   out     table, report.json; bundle.tar where the recipe has a line `pack` (input sign: its key)
//           and what operators add: sampling.csv, words.csv
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "data/cleanse/cleanse.h"
#include "flow/flow_private.h"
#include "flow/steps/steps_private.h"

// "key-7 (zhang, 2026-11-25)" of what is left of a destroyed key.
static enum err tell_destroyed(const char *path, struct fault *fault) {
    char tombstone[LIMIT_PATH_BYTES], detail[FAULT_DETAIL_SIZE];
    struct json *read = NULL;
    int size = snprintf(tombstone, sizeof tombstone, "%s.destroyed", path);
    if (size < 0 || (size_t)size >= sizeof tombstone || !file_exists(tombstone)) {
        return fault_set(fault, ERR_NOT_FOUND, "key.gone", STR_NONE);
    }
    enum err err = json_parse_file(tombstone, &read, fault);
    if (err != OK) return err;
    int64_t year;
    unsigned month, day;
    uint64_t time_ms = json_member_u64(read, "destroyed_ms", 0);
    civil_from_days((int64_t)(time_ms / 86400000), &year, &month, &day);
    snprintf(detail, sizeof detail, "%.*s, %.*s, %04lld-%02u-%02u",
             STR_ARG(json_member_text(read, "name")),
             STR_ARG(json_member_text(read, "destroyed_by")), (long long)year, month, day);
    json_close(read);
    return fault_set(fault, ERR_NOT_FOUND, "key.destroyed", str_of(detail));
}

enum err dataset_key_read(const char *path, struct hash *out, struct fault *fault) {
    struct buf bytes;
    if (!file_exists(path)) return tell_destroyed(path, fault);
    buf_open(&bytes, 4096);
    enum err err = file_read(path, &bytes, fault);
    if (err == OK && bytes.size < SHA256_BYTES) {
        err = fault_set(fault, ERR_INPUT, "job.key_short", str_of(path));
    }
    // A file given by a person may be longer than a key: its hash is the key then.
    if (err == OK && bytes.size == SHA256_BYTES) memcpy(out->bytes, bytes.data, SHA256_BYTES);
    if (err == OK && bytes.size > SHA256_BYTES) *out = sha256_of(bytes.data, bytes.size);
    if (bytes.size) bytes_wipe(bytes.data, bytes.size);
    buf_close(&bytes);
    return err;
}

// Those that the recipe names and that were given.
static enum err projects_read(struct step_context *context, const struct recipe *recipe,
                              struct cleanse_options *options) {
    struct str names[INPUTS_MAX];
    uint32_t count = recipe_projects(recipe, names, INPUTS_MAX);
    struct project_key *projects = ARENA_ARRAY(context->arena, struct project_key, INPUTS_MAX);
    if (!projects) return ERR_MEMORY;
    options->projects = projects;
    enum err err = OK;
    for (uint32_t i = 0; i < count && i < INPUTS_MAX && err == OK; i++) {
        char name[FAULT_DETAIL_SIZE];
        const char *path;
        struct project_key *project = &projects[options->project_count];
        snprintf(name, sizeof name, "key:%.*s", STR_ARG(names[i]));
        if (!json_member(json_member(context->spec, "inputs"), name)) continue;
        err = step_input(context, name, &path);
        if (err == OK) err = dataset_key_read(path, &project->key, context->fault);
        project->name = names[i];
        options->project_count++;
    }
    return err;
}

static enum err recipe_open(struct step_context *context, const char *table_path,
                            struct recipe **out) {
    struct table *table;
    enum err err = table_open(table_path, &table, context->fault);
    if (err != OK) return err;
    struct str text = json_member_text(step_options(context), "recipe");
    err = recipe_parse(text, table_schema(table), NULL, NULL, out, context->fault);
    table_close(table);
    return err;
}

static enum err summary_write(struct step_context *context, const char *report_path) {
    struct json *report = NULL;
    enum err err = json_parse_file(report_path, &report, context->fault);
    if (err != OK) return err;
    json_set_u64(context->summary, "input_rows", json_member_u64(report, "input_rows", 0));
    json_set_u64(context->summary, "rows", json_member_u64(report, "output_rows", 0));
    static const char *const kept[] = {"columns", "personal"};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        const struct json *member = json_member(report, kept[i]);
        if (member) json_set_node(context->summary, kept[i], member);
    }
    json_close(report);
    return OK;
}

// What the rows came from, as told, or the table under its name.
static enum err inputs_read(struct step_context *context, const char *path,
                            struct cleanse_options *options) {
    const struct json *list = json_member(step_options(context), "sources");
    struct str name = json_member_text(step_options(context), "name");
    uint32_t count = list ? (uint32_t)json_count(list) : 1, at = 0;
    if (!list && name.size == 0) return OK; // cleanse_run names it
    struct cleanse_input *inputs = ARENA_ARRAY(context->arena, struct cleanse_input, count);
    if (!inputs) return ERR_MEMORY;
    options->inputs = inputs;
    options->input_count = count;
    for (const struct json *node = list ? json_first(list) : NULL; node; node = json_next(node)) {
        struct cleanse_input *input = &inputs[at++];
        *input = (struct cleanse_input){.name = json_member_text(node, "name"),
                                        .bytes = json_member_u64(node, "bytes", 0),
                                        .rows = json_member_u64(node, "rows", 0)};
        if (!hash_from_hex(json_member_text(node, "hash"), &input->hash)) return ERR_INPUT;
    }
    if (list) return OK;
    struct table *table;
    inputs[0].name = name;
    enum err err =
        file_hash(path, context->progress, &inputs[0].hash, &inputs[0].bytes, context->fault);
    if (err == OK) err = table_open(path, &table, context->fault);
    if (err != OK) return err;
    inputs[0].rows = table_rows(table);
    table_close(table);
    return OK;
}

// A path that need not be told; NULL then.
static const char *input_if_any(struct step_context *context, const char *name) {
    const char *path;
    bool told = json_member(json_member(context->spec, "inputs"), name) != NULL;
    return told && step_input(context, name, &path) == OK ? path : NULL;
}

enum err step_cleanse(struct step_context *context) {
    const char *table, *key;
    char output[LIMIT_PATH_BYTES], report[LIMIT_PATH_BYTES];
    struct cleanse_options options = {
        .threads = step_threads(context),
        .key_forgotten = json_member_bool(step_options(context), "key_forgotten", false),
        .epsilon_spent = json_member_number(step_options(context), "epsilon_spent", 0),
    };
    struct recipe *recipe = NULL;
    enum err err = step_input(context, "table", &table);
    if (err == OK) err = step_input(context, "key", &key);
    if (err == OK) err = dataset_key_read(key, &options.key, context->fault);
    if (err == OK) err = step_output(context, "table", output);
    if (err == OK) err = step_output(context, "report.json", report);
    if (err == OK) err = recipe_open(context, table, &recipe);
    if (err == OK) err = projects_read(context, recipe, &options);
    if (err == OK) err = inputs_read(context, table, &options);
    options.rules_path = input_if_any(context, "rules");
    options.words_folder = input_if_any(context, "words");
    if (err == OK) {
        err =
            cleanse_run(table, recipe, &options, output, report, context->progress, context->fault);
    }
    bytes_wipe(&options.key, sizeof options.key);
    if (err == OK) {
        char hex[SHA256_HEX_SIZE];
        struct hash hash = recipe_hash(recipe);
        hash_hex(&hash, hex);
        json_set_text(context->summary, "recipe_hash", str_of(hex));
        err = summary_write(context, report);
    }
    struct pack pack;
    if (err == OK && recipe_pack(recipe, &pack)) err = step_pack(context, &pack, output, report);
    recipe_close(recipe);
    return err;
}
