// The rows a training was judged by, as CSV beside the model, for who wants to judge it otherwise:
//   row,side,truth,value[,probability | ,probability:CLASS…]       of every row that counted
//   series,origin,time,horizon,truth,value,low_80,high_80,low_95,high_95   of a backtest
// row: of the table, from 1. side: "train", "validate", "test", "none"; only what is said of test
// rows is not flattered. truth of survival: the time, followed by a column "event". One thread.
#pragma once

#include "flow/steps/series_rows.h"
#include "flow/steps/steps_private.h"

// side, predicted: (rows) and (rows, outputs) of the frame, as training told them
// (tabular_options). Writes out/predictions.csv.
enum err judged_rows_write(struct step_context *context, struct table *table,
                           const struct table_frame *frame, const struct tabular_model *model,
                           const uint8_t *side, const double *predicted) MUST_USE;
enum err judged_series_write(struct step_context *context, const struct series_data *data,
                             const struct series_rows *rows,
                             const struct series_backtest *backtest) MUST_USE;
