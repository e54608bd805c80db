// Check: what is in a table.
//   inputs  table
//   out     profile.json
#include "base/file.h"
#include "data/cleanse/cleanse.h"
#include "flow/steps/steps_private.h"

// How many columns hold personal data, for a job's line on a page.
static void summary_write(struct json_writer *out, const struct json *profile) {
    uint64_t personal = 0, columns = 0;
    const struct json *column = json_first(json_member(profile, "columns"));
    for (; column; column = json_next(column)) {
        columns++;
        if (json_first(json_member(column, "personal"))) personal++;
    }
    json_set_u64(out, "rows", json_member_u64(profile, "rows", 0));
    json_set_u64(out, "columns", columns);
    json_set_u64(out, "personal_columns", personal);
    const struct json *duplicates = json_member(profile, "duplicates");
    json_set_u64(out, "duplicate_rows", json_member_u64(duplicates, "rows", 0));
}

enum err step_check(struct step_context *context) {
    const char *table;
    char profile[LIMIT_PATH_BYTES];
    enum err err = step_input(context, "table", &table);
    if (err == OK) err = step_output(context, "profile.json", profile);
    if (err == OK) {
        err = check_run(table, profile, step_threads(context), context->progress, context->fault);
    }
    struct json *read = NULL;
    if (err == OK) err = json_parse_file(profile, &read, context->fault);
    if (err == OK) summary_write(context->summary, read);
    json_close(read);
    return err;
}
