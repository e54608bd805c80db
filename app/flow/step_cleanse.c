// Cleanse: a recipe makes a new table of an old one, with a report.
//   inputs  table, key (32 bytes: the secret of the pseudonyms)
//   options recipe (its text); sources: what the table was made from, for the report, else the
//           table itself, named by `name`
//   out     table, report.json
#include <string.h>

#include "base/file.h"
#include "data/cleanse/cleanse.h"
#include "flow/flow_private.h"
#include "flow/steps_private.h"

enum err dataset_key_read(const char *path, struct hash *out, struct fault *fault) {
    struct buf bytes;
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
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    static const char *const kept[] = {"columns", "personal"};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0] && err == OK; i++) {
        const struct json *member = json_member(report, kept[i]);
        if (!member) continue;
        buf_clear(&text);
        json_write(&text, member);
        err = buf_err(&text);
        if (err == OK) json_set_raw(context->summary, kept[i], buf_str(&text));
    }
    buf_close(&text);
    json_close(report);
    return err;
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

enum err step_cleanse(struct step_context *context) {
    const char *table, *key;
    char output[LIMIT_PATH_BYTES], report[LIMIT_PATH_BYTES];
    struct cleanse_options options = {.threads = step_threads(context)};
    struct recipe *recipe = NULL;
    enum err err = step_input(context, "table", &table);
    if (err == OK) err = step_input(context, "key", &key);
    if (err == OK) err = dataset_key_read(key, &options.key, context->fault);
    if (err == OK) err = step_output(context, "table", output);
    if (err == OK) err = step_output(context, "report.json", report);
    if (err == OK) err = recipe_open(context, table, &recipe);
    if (err == OK) err = inputs_read(context, table, &options);
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
    recipe_close(recipe);
    return err;
}
