// Import: a messy file, or many with the same columns, becomes a table and a list of faults.
//   inputs  source; source_name: what people call it
//   sources [{"path","name"}] instead, where there are many
//   options the intake's
//   out     table, faults.jsonl
#include <string.h>

#include "base/file.h"
#include "data/intake/intake.h"
#include "flow/steps/steps_private.h"

struct import_source {
    struct intake_input input;
    struct hash hash;
    uint64_t bytes, rows;
};

static void source_write(struct json_writer *out, const struct hash *hash, uint64_t bytes) {
    char hex[SHA256_HEX_SIZE];
    hash_hex(hash, hex);
    json_put_name(out, "source");
    json_open_object(out);
    json_set_text(out, "hash", str_of(hex));
    json_set_u64(out, "bytes", bytes);
    json_close_object(out);
}

// Faults by the name the column has in the table; skipped columns have none.
static void faults_write(struct json_writer *out, const struct intake_result *result) {
    json_set_u64(out, "fault_count", result->fault_count);
    json_put_name(out, "faults");
    json_open_array(out);
    for (uint32_t i = 0; i < result->options.column_count; i++) {
        const struct intake_column *column = &result->options.columns[i];
        if (!result->fault_per_column || result->fault_per_column[i] == 0 || column->skip) continue;
        json_open_object(out);
        json_set_text(out, "column", column->rename.size ? column->rename : column->name);
        json_set_u64(out, "count", result->fault_per_column[i]);
        json_close_object(out);
    }
    json_close_array(out);
}

static void inputs_write(struct json_writer *out, const struct import_source *sources,
                         uint32_t count) {
    json_put_name(out, "inputs");
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) {
        char hex[SHA256_HEX_SIZE];
        hash_hex(&sources[i].hash, hex);
        json_open_object(out);
        json_set_text(out, "name", sources[i].input.name);
        json_set_text(out, "hash", str_of(hex));
        json_set_u64(out, "bytes", sources[i].bytes);
        json_set_u64(out, "rows", sources[i].rows);
        json_close_object(out);
    }
    json_close_array(out);
}

static enum err source_read(struct step_context *context, const struct json *node,
                            struct import_source *out) {
    struct str path = json_member_text(node, "path");
    char *copy = arena_take(context->arena, path.size + 1);
    if (!copy) return ERR_MEMORY;
    if (path.size) memcpy(copy, path.data, path.size);
    out->input = (struct intake_input){copy, json_member_text(node, "name"), STR_NONE};
    return OK;
}

static enum err source_hash(struct step_context *context, struct import_source *source) {
    return file_hash(source->input.path, context->progress, &source->hash, &source->bytes,
                     context->fault);
}

// Many sources: read one by one and put together.
static enum err import_many(struct step_context *context, const struct json *list,
                            const struct intake_options *told, const char *table,
                            const char *faults, struct intake_result *result) {
    uint32_t count = (uint32_t)json_count(list), at = 0;
    struct import_source *sources = ARENA_ARRAY(context->arena, struct import_source, count);
    struct intake_input *inputs = ARENA_ARRAY(context->arena, struct intake_input, count);
    uint64_t *rows = ARENA_ARRAY(context->arena, uint64_t, count);
    if (!sources || !inputs || !rows) return ERR_MEMORY;
    enum err err = OK;
    for (const struct json *node = json_first(list); node && !err; node = json_next(node), at++) {
        err = source_read(context, node, &sources[at]);
        inputs[at] = sources[at].input;
    }
    if (!err) {
        err = intake_gather(inputs, count, told, false, table, faults, context->progress,
                            context->arena, result, rows, context->fault);
    }
    for (uint32_t i = 0; i < count && !err; i++) {
        sources[i].rows = rows[i];
        err = source_hash(context, &sources[i]);
    }
    if (err) return err;
    inputs_write(context->summary, sources, count);
    return OK;
}

static enum err import_one(struct step_context *context, const struct intake_options *told,
                           const char *table, const char *faults, struct intake_result *result) {
    const char *path;
    struct import_source source = {0};
    enum err err = step_input(context, "source", &path);
    if (!err) {
        err = intake_run(path, told, table, faults, context->progress, context->arena, result,
                         context->fault);
    }
    // Behind the import: what cannot be read is told at once.
    source.input.path = path;
    if (!err) err = source_hash(context, &source);
    if (!err) source_write(context->summary, &source.hash, source.bytes);
    return err;
}

enum err step_import(struct step_context *context) {
    char table[LIMIT_PATH_BYTES], faults[LIMIT_PATH_BYTES];
    struct intake_options told;
    struct intake_result result = {0};
    const struct json *list = json_member(context->spec, "sources");
    enum err err = step_output(context, "table", table);
    if (err == OK) err = step_output(context, "faults.jsonl", faults);
    if (err == OK) {
        err = intake_options_read(step_options(context), context->arena, &told, context->fault);
    }
    if (err != OK) return err;
    told.threads = step_threads(context);
    if (told.file_name.size == 0) {
        told.file_name = json_member_text(context->spec, "source_name");
    }
    err = list ? import_many(context, list, &told, table, faults, &result)
               : import_one(context, &told, table, faults, &result);
    if (err != OK) return err;
    struct json_writer *out = context->summary;
    json_set_u64(out, "rows", result.rows);
    json_set_u64(out, "bytes_read", result.bytes_read);
    faults_write(out, &result);
    intake_notes_write(out, result.notes, result.note_count);
    json_put_name(out, "options");
    intake_options_write(out, &result.options);
    return OK;
}
