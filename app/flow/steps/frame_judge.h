// What a person wants a model judged by, out of columns that need not be features: groups, time and
// whom rows are about. Everything lives in the arena given. One thread.
#pragma once

#include "flow/steps/frame.h"

enum { JUDGE_COLUMNS_MAX = 8, JUDGE_WORDS_MAX = 23, JUDGE_EDGES_MAX = 20 };

struct judge_wish {
    // Columns: names, or {"column","edges":[…]} to cut numbers into ranges; NULL: none. Numbers of
    // many values without edges are cut at their quartiles.
    const struct json *by;
    struct str time;   // to split by; "": a time or date column only shows what runs backwards
    struct str entity; // "": a column that looks like one is taken for it
    struct str group;  // the split keeps its rows together already
};
// Reads the table once more, the rows that `frame` has. ERR_INPUT "train.unknown_column",
// "train.bad_time" (a text column), "train.bad_edges", "train.bad_option"; ERR_MEMORY
// "train.no_memory". A column with more than 23 texts is left out: "train.judge_left_out".
enum err frame_judge(struct table *table, const struct judge_wish *wish, struct arena *arena,
                     struct progress *progress, struct table_frame *frame,
                     struct tabular_judge *out, struct fault *fault) MUST_USE;
