// A table as a learner sees it: which columns are features, what the target is, and the values.
// Everything lives in the arena given. One thread.
#pragma once

#include "data/table.h"
#include "flow/prepare.h"

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
    struct str positive;         // "": the last class
    const struct json *prepare;  // a preparation (prepare.h); NULL: none
};
struct table_frame {
    struct frame frame;
    struct tabular_target target;
    uint64_t *group;        // (rows) or NULL
    struct str preparation; // as the model keeps it; "": none
    struct frame_warning *warnings;
    uint32_t warning_count;
};
// ERR_INPUT "train.unknown_column" (detail: the name), "train.direct_column",
// "train.no_feature_left", "train.one_class", "train.too_many_classes", "train.bad_target",
// "train.no_rows", a preparation's; ERR_MEMORY "train.no_memory".
enum err frame_of_table(struct table *table, const struct frame_wish *wish, struct arena *arena,
                        struct progress *progress, struct table_frame *out,
                        struct fault *fault) MUST_USE;
// Does a row count: is its target there?
bool frame_row_counts(const struct column *target, uint32_t row);
// One more warning for the scorecard.
void frame_warn(struct table_frame *frame, const char *code, struct str detail);
