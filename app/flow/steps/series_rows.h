// A series' training rows: every origin, series and horizon that has a target, in the order of
// the origins, with the features as columns. Owns what it took (series_rows_close). One thread.
#pragma once

#include "flow/steps/series_data.h"
#include "model/measure/measure.h"

// Cells of a frame at most (256 MB); beyond it only every second, third … origin is taken.
static const uint64_t series_frame_cells_max = (uint64_t)64 << 20;

struct series_rows {
    struct frame frame;       // (F)(rows)
    struct feature *features; // (F), of the arena
    float **values;           // (F)(rows)
    double *truth;            // (rows) the value
    double *anchor;           // (rows) what a simple rule says of it (series_anchor)
    double *target;           // their difference over plan.scales, learnt:           // (rows)
    uint32_t *origin;         // (rows)
    uint16_t *series;         // (rows)
    uint8_t *horizon;         // (rows) its index
    uint32_t stride;          // 1: every origin
};
// Of the origins from `from` on. ERR_MEMORY.
enum err series_rows_make(const struct series_data *data, uint32_t from, struct arena *arena,
                          struct progress *progress, struct series_rows *out) MUST_USE;
void series_rows_close(struct series_rows *rows);
// The first row whose origin is at least so much.
uint64_t series_rows_from(const struct series_rows *rows, uint64_t origin);
static inline uint64_t series_target_step(const struct series_data *data,
                                          const struct series_rows *rows, uint64_t row) {
    return (uint64_t)rows->origin[row] + data->plan.horizons[rows->horizon[row]];
}

// ---- the backtest -----------------------------------------------------------------------------
enum { SERIES_ORIGINS_MAX = 20 };
// Forecasts of the rows [first, rows), each made by a model that has seen no step beyond the cut
// before it. NaN before `first`.
struct series_backtest {
    uint64_t first;
    double *predicted;                               // (rows)
    float *low[SERIES_LEVELS], *high[SERIES_LEVELS]; // (rows)
    uint32_t cuts[SERIES_ORIGINS_MAX];               // the last steps known to each model
    uint32_t cut_count;
};
// Room for so many rows; all forecasts NaN. ERR_MEMORY; closed either way.
enum err series_backtest_take(struct series_backtest *test, uint64_t rows) MUST_USE;
void series_backtest_close(struct series_backtest *test);
// A model's forecasts of the rows [first, end). ERR_MEMORY.
enum err series_rows_predict(const struct series_data *data, const struct series_rows *rows,
                             const struct tabular_model *model, uint32_t threads, uint64_t first,
                             uint64_t end, struct series_backtest *test) MUST_USE;
// Their intervals; spread (H).
void series_rows_intervals(const struct series_rows *rows, const struct series_spread *spread,
                           uint64_t first, uint64_t end, struct series_backtest *test);
struct series_judged {                    // what the scorecard says of it
    struct buf series, metrics, baseline; // JSON: an object, an array, an object
};
enum err series_judge(const struct series_data *data, const struct series_rows *rows,
                      const struct series_backtest *backtest, struct arena *arena,
                      struct progress *progress, uint64_t seed, struct series_judged *out) MUST_USE;
void series_judged_close(struct series_judged *judged);
