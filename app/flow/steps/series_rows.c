// Rows for the learner: counted first, then filled.
#include "flow/steps/series_rows.h"

#include <math.h>

static uint32_t first_origin(const struct series_data *data) {
    uint32_t history = series_history(&data->plan) - 1, quarter = data->grid.clock.steps / 4;
    return history < quarter ? history : quarter;
}

static bool has_target(const struct series_data *data, uint32_t series, uint32_t origin,
                       uint32_t h) {
    int64_t step = (int64_t)origin + data->plan.horizons[h];
    return !isnan(series_value(&data->grid, series, step)) &&
           !isnan(series_anchor(&data->plan, &data->grid, series, origin, h));
}

static uint64_t rows_count(const struct series_data *data, uint32_t first, uint32_t stride) {
    uint64_t rows = 0;
    for (uint32_t t = first; t < data->grid.clock.steps; t += stride) {
        for (uint32_t s = 0; s < data->plan.series_count; s++) {
            for (uint32_t h = 0; h < data->plan.horizon_count; h++) {
                rows += has_target(data, s, t, h);
            }
        }
    }
    return rows;
}

static enum err rows_take(struct series_rows *out, uint64_t rows) {
    uint32_t features = out->frame.feature_count;
    out->values = memory_take(features * sizeof *out->values);
    out->target = memory_take(rows * sizeof *out->target + 1);
    out->truth = memory_take(rows * sizeof *out->truth + 1);
    out->anchor = memory_take(rows * sizeof *out->anchor + 1);
    out->origin = memory_take(rows * sizeof *out->origin + 1);
    out->series = memory_take(rows * sizeof *out->series + 1);
    out->horizon = memory_take(rows + 1);
    if (!out->truth || !out->anchor || !out->values || !out->target || !out->origin ||
        !out->series || !out->horizon) {
        return ERR_MEMORY;
    }
    for (uint32_t f = 0; f < features; f++) {
        out->values[f] = memory_take_unset(rows * sizeof(float) + 1);
        if (!out->values[f]) return ERR_MEMORY;
    }
    out->frame.features = out->features;
    out->frame.values = (const float *const *)out->values;
    return OK;
}

static void origin_put(const struct series_data *data, struct series_rows *out, uint32_t origin,
                       uint32_t series, float *scratch) {
    uint32_t features = out->frame.feature_count;
    bool filled = false;
    for (uint32_t h = 0; h < data->plan.horizon_count; h++) {
        if (!has_target(data, series, origin, h)) continue;
        if (!filled) series_fill(&data->plan, &data->grid, series, origin, scratch);
        filled = true;
        uint64_t row = out->frame.rows++;
        const float *from = scratch + (size_t)h * features;
        for (uint32_t f = 0; f < features; f++) out->values[f][row] = from[f];
        int64_t step = (int64_t)origin + data->plan.horizons[h];
        out->truth[row] = (double)series_value(&data->grid, series, step);
        out->anchor[row] = (double)series_anchor(&data->plan, &data->grid, series, origin, h);
        out->target[row] = (out->truth[row] - out->anchor[row]) / data->plan.scales[h];
        out->origin[row] = origin;
        out->series[row] = (uint16_t)series;
        out->horizon[row] = (uint8_t)h;
    }
}

enum err series_rows_make(const struct series_data *data, uint32_t from, struct arena *arena,
                          struct progress *progress, struct series_rows *out) {
    *out = (struct series_rows){.stride = 1};
    out->features = series_frame_features(data, arena, &out->frame.feature_count);
    float *scratch =
        ARENA_ARRAY(arena, float, (size_t)out->frame.feature_count * data->plan.horizon_count);
    if (!out->features || !scratch) return ERR_MEMORY;
    uint64_t room = series_frame_cells_max / out->frame.feature_count;
    uint32_t first = first_origin(data);
    if (first < from) first = from;
    uint64_t rows = rows_count(data, first, 1);
    while (rows > room) rows = rows_count(data, first, ++out->stride);
    enum err err = rows_take(out, rows);
    uint32_t steps = data->grid.clock.steps;
    for (uint32_t t = first; t < steps && err == OK; t += out->stride) {
        if (progress_cancelled(progress)) err = ERR_CANCELLED;
        for (uint32_t s = 0; s < data->plan.series_count; s++) {
            origin_put(data, out, t, s, scratch);
        }
    }
    if (err != OK) series_rows_close(out);
    return err;
}

void series_rows_close(struct series_rows *rows) {
    for (uint32_t f = 0; rows->values && f < rows->frame.feature_count; f++) {
        memory_give(rows->values[f]);
    }
    memory_give(rows->values);
    memory_give(rows->target);
    memory_give(rows->truth);
    memory_give(rows->anchor);
    memory_give(rows->origin);
    memory_give(rows->series);
    memory_give(rows->horizon);
    *rows = (struct series_rows){0};
}

uint64_t series_rows_from(const struct series_rows *rows, uint64_t origin) {
    uint64_t low = 0, high = rows->frame.rows;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (rows->origin[middle] < origin)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// ---- forecasts of rows ------------------------------------------------------------------------

enum err series_backtest_take(struct series_backtest *test, uint64_t rows) {
    test->predicted = memory_take(rows * sizeof *test->predicted + 1);
    bool whole = test->predicted != NULL;
    for (uint32_t l = 0; l < SERIES_LEVELS; l++) {
        test->low[l] = memory_take(rows * sizeof(float) + 1);
        test->high[l] = memory_take(rows * sizeof(float) + 1);
        whole = whole && test->low[l] && test->high[l];
    }
    for (uint64_t i = 0; i < rows && whole; i++) test->predicted[i] = NAN;
    return whole ? OK : ERR_MEMORY;
}

void series_backtest_close(struct series_backtest *test) {
    memory_give(test->predicted);
    for (uint32_t l = 0; l < SERIES_LEVELS; l++) {
        memory_give(test->low[l]);
        memory_give(test->high[l]);
    }
    *test = (struct series_backtest){0};
}

enum err series_rows_predict(const struct series_data *data, const struct series_rows *rows,
                             const struct tabular_model *model, uint32_t threads, uint64_t first,
                             uint64_t end, struct series_backtest *test) {
    const struct frame *whole = &rows->frame;
    const float **values = memory_take(whole->feature_count * sizeof *values);
    if (!values) return ERR_MEMORY;
    for (uint32_t f = 0; f < whole->feature_count; f++) values[f] = whole->values[f] + first;
    struct frame part = {end - first, whole->feature_count, whole->features, values, NULL};
    enum err err = OK;
    if (end > first) err = tabular_predict(model, &part, threads, test->predicted + first, NULL);
    for (uint64_t i = first; i < end && err == OK; i++) {
        double scaled = test->predicted[i] * data->plan.scales[rows->horizon[i]];
        test->predicted[i] = rows->anchor[i] + scaled;
    }
    memory_give(values);
    return err;
}

void series_rows_intervals(const struct series_rows *rows, const struct series_spread *spread,
                           uint64_t first, uint64_t end, struct series_backtest *test) {
    for (uint64_t i = first; i < end; i++) {
        const struct series_spread *of = &spread[rows->horizon[i]];
        uint32_t band = series_band(of, test->predicted[i]);
        for (uint32_t l = 0; l < SERIES_LEVELS; l++) {
            test->low[l][i] = (float)(test->predicted[i] + of->low[band][l]);
            test->high[l][i] = (float)(test->predicted[i] + of->high[band][l]);
        }
    }
}
