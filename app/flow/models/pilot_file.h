// A pilot on a file in place, without a box: the parts of the same steps that a run in the box
// (pilot_runs.c) asks for. The caller runs import, cleanse and train with them, one after another;
// check, release and serving are the box's alone. One thread.
#pragma once

#include "flow/models/pilot_source.h"

struct pilot_wish {
    const char *path;
    struct intake_options intake; // what is known of how the file is read
    const struct json *columns;   // {"glucose":"血糖"}, over what is found; NULL: as found
    struct str name, positive;    // of the file; "": as found
    struct str language;          // "zh-CN", "en"
    struct str graph;             // JSON: edges between series; "": none
    const uint64_t *seed;         // of the split and the learner; NULL: the template's
};
struct pilot_file {
    const struct template *one;
    struct pilot_source source;
    struct match *match;
    struct pilot_run run; // as the box would record it: run.intake is step import's options
    struct json *mapping;
};
// Looks at the file and finds the columns. The faults of an import's look, "pilot.bad_mapping".
// out is to be closed in any case; the arena outlives it.
enum err pilot_file_look(const struct template *one, const struct pilot_wish *wish,
                         struct arena *arena, struct pilot_file *out, struct fault *fault) MUST_USE;
// Whether all that is needed is there (pilot_source_settle).
enum err pilot_file_settle(struct pilot_file *file, const struct pilot_wish *wish,
                           struct fault *fault) MUST_USE;
void pilot_file_close(struct pilot_file *file);
// Step cleanse's recipe; step train's options. Appended.
enum err pilot_file_recipe(const struct pilot_file *file, struct buf *out) MUST_USE;
enum err pilot_file_train(const struct pilot_file *file, const struct pilot_wish *wish,
                          struct json_writer *out, struct fault *fault) MUST_USE;
