// Drift of a forecasting model: how the values of newer steps are spread beside those of training,
// and whether forecasts of them err more than those of the backtest did. One thread.
#pragma once

#include "flow/steps/series_data.h"

// Errors that grow by less are not worth a word.
static const double drift_error_least = 1.1;

struct step_context;
// Of a table of the same series whose later steps training has not seen; what lies before them is
// taken as their history. Without times all of it is new. Into the open object:
//   "rows","task","without":[],"columns":[P], P as of tabular_drift_write and
//     "kind":"target"|"column"|"series","mean"?:{"before","now"}, "usual"? (the largest index a
//     stretch of so many steps had in training; what lies below is stable);
//   "judged_rows" forecasts, and of them "metrics" (RMSE, MAE) where there are any;
//   "forecast":{"trained_to","from","to" (times),"steps","left_out" (parts that found no room),
//     "verdict", "judged"?:E, "horizons":[{"horizon",…E}]}
//   E: {"rows","verdict","before","now","ratio" (mean absolute error),"rule_ratio" (of the rule it
//     is added to),"relative" (ratio / rule_ratio),"bias" (now: forecast - truth),
//     "coverage":[{"level","before","now"}]}, each an interval {"value","low","high"}
// Verdicts. "worse": forecasts err more than in the backtest, by a tenth at least and beyond
// chance, and so in relation to the rule; "harder": they err more, and so does the rule; "behind":
// they err no more, yet have lost to the rule (the level has fallen, say); "better"; "same";
// "few": the new steps are too few to tell; "none": no forecast could be held against its truth.
// The model has a profile. ERR_INPUT "drift.not_later" (detail: the last time of training), what
// series_history_read gives.
enum err series_drift(struct step_context *context, const struct tabular_model *model,
                      struct series_data *data, const char *table,
                      struct json_writer *out) MUST_USE;
