// Forecasts: a model of series and the recent past give, for each series and horizon, a time, a
// value and its intervals. One thread; everything lives in the arena given.
#pragma once

#include "flow/steps/series_data.h"

enum { FORECAST_ROWS_MAX = 10000 }; // of one call

struct forecast {
    struct str series;
    uint64_t step; // of the grid
    uint32_t horizon;
    double value, low[SERIES_LEVELS], high[SERIES_LEVELS];
};
// Series without a value at the origin or the step before it are left out (*silent counts them): an
// old value is no news. ERR_INPUT "series.all_silent"; ERR_MEMORY "predict.no_memory".
enum err forecast_make(const struct tabular_model *model, const struct series_data *data,
                       uint32_t threads, struct arena *arena, struct forecast **out,
                       uint32_t *count, uint32_t *silent, struct fault *fault) MUST_USE;
// The members "origin", "step_s", "silent", "forecasts" of an open object.
void forecast_write(struct json_writer *out, const struct series_data *data,
                    const struct forecast *forecasts, uint32_t count, uint32_t silent);
// The history as JSON rows: a batch of texts with the columns that the plan asks for. The builder
// owns the batch. ERR_INPUT "call.missing", "predict.not_a_row"; ERR_LIMIT "predict.too_many_rows".
struct forecast_rows {
    struct schema schema;
    struct batch_builder *builder;
    struct batch batch;
};
enum err forecast_rows_read(const struct json *list, const struct series_data *data,
                            struct arena *arena, struct forecast_rows *out,
                            struct fault *fault) MUST_USE;
void forecast_rows_close(struct forecast_rows *rows);
// step_predict's way where the model is one of series: writes the forecasts as a table to `work`,
// or, *lines, where the options ask for JSON lines, to out/predictions.
struct step_context;
enum err forecast_table(struct step_context *context, const struct tabular_model *model,
                        struct series_data *data, const char *table, const char *work,
                        bool *lines) MUST_USE;
// The columns as intake should read them.
enum err forecast_asking(const struct series_data *data, struct arena *arena,
                         struct asking *out) MUST_USE;
