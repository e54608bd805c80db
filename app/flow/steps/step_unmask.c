// Unmask: opens what a recipe sealed with a key, in columns and inside text.
//   inputs  table, key
//   out     table
//   summary rows, opened, foreign (sealed by other keys: left as it is), mark of such a key
#include <stdio.h>

#include "data/cleanse/cleanse.h"
#include "flow/flow_private.h"
#include "flow/steps/steps_private.h"

enum err step_unmask(struct step_context *context) {
    const char *table, *key_file;
    char output[LIMIT_PATH_BYTES], mark[2 * SEAL_MARK_BYTES + 1];
    struct unmask_counts counts = {0};
    struct hash key = {0};
    enum err err = step_input(context, "table", &table);
    if (err == OK) err = step_input(context, "key", &key_file);
    if (err == OK) err = dataset_key_read(key_file, &key, context->fault);
    if (err == OK) err = step_output(context, "table", output);
    if (err == OK) {
        err = unmask_run(table, &key, output, &counts, context->progress, context->fault);
    }
    bytes_wipe(&key, sizeof key);
    if (err != OK) return err;
    for (int i = 0; i < SEAL_MARK_BYTES; i++) {
        snprintf(mark + 2 * i, 3, "%02x", counts.foreign_mark[i]);
    }
    json_set_u64(context->summary, "opened", counts.opened);
    json_set_u64(context->summary, "foreign", counts.foreign);
    json_set_text(context->summary, "mark", str_of(mark));
    return OK;
}
