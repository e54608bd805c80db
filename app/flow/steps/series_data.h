// Time series between tables and pilot/: which columns hold the time, the series and the values;
// the regular grid that comes of them; and the plan as the model's file keeps it, beside what a
// preparation (prepare.h) would be:
//   {"series":{"target","time":[…],"id","wide","step_s",…,"spread":[…],"profile":{…}}}
// Long tables have a row for each time and series, wide ones a row for each time and a column for
// each series; without times the rows stand in order. Everything lives in the arena given. One
// thread.
#pragma once

#include "flow/steps/frame.h"
#include "pilot/series.h"

enum { SERIES_TIME_PARTS = 5 }; // year, month, day, hour, minute in columns of their own

struct series_profile;
struct series_source { // a table, or rows at hand
    const struct schema *schema;
    struct table *table;       // NULL: the batch is all
    const struct batch *batch; // or NULL
};
struct series_data {
    struct series_plan plan;
    struct series_grid grid;
    // Where it stands in a table.
    struct str target, id, holiday;
    struct str time[SERIES_TIME_PARTS];
    uint32_t time_count; // 0: rows in order; 1: a column; else its parts
    bool wide;
    int64_t phase_s;                // where in a step the times lie
    struct feature *columns;        // (C) of the plan, with their categories
    struct series_spread *spread;   // (H), of a model
    struct series_profile *profile; // of a model; NULL: it was trained before there were any
    // What was met.
    uint64_t rows, duplicates, off, without_time, filled; // filled: cells without a value
};
// Of a person's wish and a table: plan and grid. wish: {"time","id","value","values","wide",
// "horizons","step","start","season","cycle","known","past","holiday","graph","origins"}; see
// README. "value" is the target once more.
// warnings: room for FRAME_WARNINGS_MAX. ERR_INPUT "series.*", "train.unknown_column",
// "train.direct_column"; ERR_LIMIT "series.too_large"; ERR_MEMORY "train.no_memory".
enum err series_learn(const struct series_source *source, const struct json *wish,
                      struct str target, struct arena *arena, struct progress *progress,
                      struct series_data *out, struct table_frame *warnings,
                      struct fault *fault) MUST_USE;
// Of a model: its plan; the grid is empty. ERR_CORRUPT "model.damaged". False in *is_series where
// the model is none.
enum err series_recall(const struct tabular_about *about, struct arena *arena,
                       struct series_data *out, bool *is_series, struct fault *fault) MUST_USE;
// The recent past for that plan. ERR_INPUT "series.too_short" (detail: steps needed),
// "series.unknown_id" (detail), "predict.missing_column", …
enum err series_history_read(const struct series_source *source, struct series_data *data,
                             struct arena *arena, struct progress *progress,
                             struct fault *fault) MUST_USE;
// The features as a learner takes them: (F) of the arena. NULL: no memory.
struct feature *series_frame_features(const struct series_data *data, struct arena *arena,
                                      uint32_t *count);
// The plan as the model's file keeps it.
void series_write(struct json_writer *out, const struct series_data *data);
// The step's time as text, or its number from 1 where there are no times.
void series_time_write(const struct series_data *data, uint64_t step, char out[static 24]);

// ---- series_plan.c, inside -------------------------------------------------------------------
enum err series_wish_read(const struct json *wish, struct arena *arena, struct series_data *out,
                          struct fault *fault) MUST_USE;
// The graph's edges, once the series are known.
enum err series_graph_read(const struct json *graph, struct arena *arena, struct series_plan *plan,
                           struct fault *fault) MUST_USE;
int64_t series_name_find(const struct series_plan *plan, struct str name); // -1: none
// ---- series_train.c ---------------------------------------------------------------------------
struct step_context;
// The whole of step train where the options' wish asks for a forecast.
enum err series_train(struct step_context *context, const struct json *options,
                      struct table *table) MUST_USE;
