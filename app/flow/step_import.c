// Import: a messy file becomes a table and a list of faults.
//   inputs  source (csv, json lines, packed or not)
//   options the intake's
//   out     table, faults.jsonl
#include "base/file.h"
#include "data/intake/intake.h"
#include "flow/steps_private.h"

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

enum err step_import(struct step_context *context) {
    const char *source;
    char table[LIMIT_PATH_BYTES], faults[LIMIT_PATH_BYTES];
    struct intake_options told;
    struct hash hash;
    uint64_t bytes = 0;
    enum err err = step_input(context, "source", &source);
    if (err == OK) err = step_output(context, "table", table);
    if (err == OK) err = step_output(context, "faults.jsonl", faults);
    if (err == OK) {
        err = intake_options_read(step_options(context), context->arena, &told, context->fault);
    }
    if (err == OK) err = file_hash(source, context->progress, &hash, &bytes, context->fault);
    if (err != OK) return err;
    told.threads = step_threads(context);
    struct intake_result result = {0};
    err = intake_run(source, &told, table, faults, context->progress, context->arena, &result,
                     context->fault);
    if (err != OK) return err;
    struct json_writer *out = context->summary;
    json_set_u64(out, "rows", result.rows);
    json_set_u64(out, "bytes_read", result.bytes_read);
    source_write(out, &hash, bytes);
    faults_write(out, &result);
    json_put_name(out, "options");
    intake_options_write(out, &result.options);
    return OK;
}
