// A table as a learner sees it: which columns are features, what the target is, and the values.
// Everything lives in the arena given. One thread.
#pragma once

#include "data/table.h"
#include "flow/steps/prepare.h"

enum { FRAME_WARNINGS_MAX = LIMIT_COLUMNS + 16 };

struct frame_warning {
    const char *code; // "train.column_left_out", …
    struct str detail;
};
// What a person asked for.
struct frame_wish {
    struct str target;
    const struct json *features; // names; NULL or empty: all that may be used
    struct str group;            // "": none; a column, or "COLUMN:scaffold" (prepare.h)
    struct str task;             // "": by the target's values
    struct str positive;         // "": the last class; of survival the event's value, "": 1 or true
    enum tabular_loss loss;      // other than squares: the target is a number
    // Columns that are no features. A row without a value there is left out.
    struct str weight;                // "": all rows weigh the same
    struct str event;                 // "": not survival; else the target is a time
    const struct json *class_weights; // NULL, "balanced" or {class: weight}
    const struct json *times;         // survival: where to tell it, rising; NULL: quartiles
    const struct json *prepare;       // a preparation (prepare.h); NULL: none
};
struct frame_needs { // columns a row must have a value in; weight and event -1: none
    int32_t target, weight, event;
};
struct table_frame {
    struct frame_needs needs;
    struct frame frame;
    struct tabular_target target;
    uint64_t *group;        // (rows) or NULL
    struct str preparation; // as the model keeps it; "": none
    struct frame_warning *warnings;
    uint32_t warning_count;
};
// ERR_INPUT "train.unknown_column" (detail: the name), "train.direct_column",
// "train.no_feature_left", "train.one_class", "train.too_many_classes", "train.bad_target",
// "train.target_not_numbers" (with the row), "train.not_two_classes", "train.no_rows",
// "train.bad_event" and "train.bad_weight" (with the row), "train.no_events", "train.event_needed",
// "train.no_such_class", "train.bad_option" ("class_weights", "times", "task"), a preparation's;
// ERR_MEMORY "train.no_memory".
enum err frame_of_table(struct table *table, const struct frame_wish *wish, struct arena *arena,
                        struct progress *progress, struct table_frame *out,
                        struct fault *fault) MUST_USE;
// Does a row count: is all there that it needs? `out_missing` (or NULL) gets the column that isn't.
bool frame_row_counts(const struct frame_needs *needs, const struct batch *batch, uint32_t row,
                      int32_t *out_missing);
// One more warning for the scorecard.
void frame_warn(struct table_frame *frame, const char *code, struct str detail);
void frame_unwarn(struct table_frame *frame, const char *code, struct str detail); // one fewer
