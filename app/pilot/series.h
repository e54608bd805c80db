// Time series: values at regular steps, and the features a direct forecast learns from. A forecast
// is made at an origin, the last step that is known, for several horizons at once: a row is one
// origin, one series, one horizon, and holds nothing that was not known at the origin (what is
// declared as known ahead, the calendar say, is read at the target). Knows nothing of tables,
// models or files: flow/ brings the values and names the features. Depends on base/ only.
// Shapes: S series, T steps, H horizons, F features, C further columns. Values are NaN where
// missing. Any thread may call; a plan and a grid may be shared once made.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/memory.h"

enum {
    SERIES_MAX = 4096,
    SERIES_HORIZONS_MAX = 64,
    SERIES_AHEAD_MAX = 10 * 1000,  // steps of the farthest horizon
    SERIES_CYCLE_MAX = 100 * 1000, // steps of a season or a cycle
    SERIES_COLUMNS_MAX = 200,
    SERIES_EDGES_MAX = 100 * 1000,
    SERIES_LAGS = 6,       // the newest values, one by one
    SERIES_WINDOWS = 3,    // means, least, largest, spread over so many lengths
    SERIES_BAND_COUNT = 5, // of forecasts, by size: each has its own spread
};
// Cells of a grid, its columns included, at most: 256 MB.
static const uint64_t series_cells_max = (uint64_t)64 << 20;

// ---- the clock --------------------------------------------------------------------------------
struct series_clock {
    int64_t start_s; // of step 0, seconds since 1970 (wall time)
    int64_t step_s;
    uint32_t steps; // T
    bool timed;     // false: the rows came in order without times, start_s means nothing
};
// What regular times are behind these, which are sorted here; they may come more than once.
// The step is the commonest distance of two neighbours, and nearly all times (95 of 100) must lie
// on it; with told_step_s > 0 it is that, beginning at told_phase_s, and times fall into the step
// they lie in.
// ERR_INPUT "series.irregular_times", "series.one_time"; ERR_LIMIT "series.too_many_steps".
// *off: rows that were moved to their step.
enum err series_clock_find(int64_t *times_s, uint64_t count, int64_t told_step_s,
                           int64_t told_phase_s, struct series_clock *out, uint64_t *off,
                           struct fault *fault) MUST_USE;
// The step a time falls into; false if it lies outside.
bool series_step_of(const struct series_clock *clock, int64_t time_s, uint32_t *out);
int64_t series_time_of(const struct series_clock *clock, uint64_t step);

// ---- the plan: what a model is made for -------------------------------------------------------
struct series_edge {
    uint32_t from, to; // series; the value of `to` tells something of `from`
    double weight;     // over 0
};
struct series_column {
    struct str name;
    bool known;    // ahead: read at the target
    bool category; // its values are indices
};
struct series_plan {
    int64_t step_s;
    bool timed;
    uint32_t season;                   // steps; 1: none
    uint32_t cycle;                    // a longer season of whole seasons (a week of days); 0: none
    uint32_t *horizons, horizon_count; // (H) rising
    uint8_t *rules;      // (H) enum series_rule: what the model learns the deviation from
    double *scales;      // (H) how far that rule errs, so that near horizons count as far ones do
    bool weekly, yearly; // weekdays and months come often enough to learn from
    struct str *names;   // (S)
    uint32_t series_count;
    bool by_series;                // which series it is is a feature
    struct series_column *columns; // (C)
    uint32_t column_count;
    bool holiday;
    struct series_edge *edges; // sorted by `from`
    uint32_t *edge_start;      // (S + 1)
    uint32_t edge_count;
};
// A day's steps and a week's where the step divides a day, a week's for days, else none; a cycle
// only where at least four of them are there.
void series_season_guess(const struct series_clock *clock, uint32_t *season, uint32_t *cycle);
// Sorts the edges and sets edge_start (S + 1 of the arena). ERR_MEMORY.
enum err series_edges_settle(struct series_plan *plan, struct arena *arena) MUST_USE;
// Steps that must be known, the origin included, for every feature to have a value.
uint32_t series_history(const struct series_plan *plan);
// The fewest steps before training makes sense: history, the farthest horizon, and as much again.
uint32_t series_least(const struct series_plan *plan);

// ---- the values -------------------------------------------------------------------------------
struct series_grid {
    struct series_clock clock;
    uint32_t series;  // S
    float *values;    // (S, T)
    float **columns;  // (C): each (S, T), or (T) where it belongs to all series
    bool shared;      // the columns belong to all series
    uint8_t *holiday; // (T): 1 on days that are marked; NULL without
};
static inline float series_value(const struct series_grid *grid, uint32_t series, int64_t step) {
    if (step < 0 || step >= (int64_t)grid->clock.steps) return __builtin_nanf("");
    return grid->values[(uint64_t)series * grid->clock.steps + (uint64_t)step];
}
// The last step at which any series has a value; -1: none.
int64_t series_last(const struct series_grid *grid);

// ---- features ---------------------------------------------------------------------------------
enum series_feature_kind { SERIES_NUMBER, SERIES_WHICH, SERIES_COLUMN };
struct series_feature {
    char name[256];
    enum series_feature_kind kind; // WHICH: the index of the series; COLUMN: as plan->columns[]
    uint32_t column;
};
// Names in order; out NULL counts only. Returns F.
uint32_t series_features(const struct series_plan *plan, struct series_feature *out);
// All horizons at an origin: out (H, F). Reads steps up to the origin, and at the target only what
// is known ahead. Cost: the longest window and the neighbours, once for all horizons.
void series_fill(const struct series_plan *plan, const struct series_grid *grid, uint32_t series,
                 uint32_t origin, float *out);

// ---- simple rules to compare with -------------------------------------------------------------
enum series_rule { SERIES_RULE_LAST, SERIES_RULE_SEASON, SERIES_RULE_CYCLE, SERIES_RULE_COUNT };
const char *series_rule_name(enum series_rule rule); // "last", "season", "cycle"
bool series_has_rule(const struct series_plan *plan, enum series_rule rule);
// The newest value; the newest of the same place in the season, in the cycle. NaN where missing.
float series_rule(const struct series_plan *plan, const struct series_grid *grid,
                  enum series_rule rule, uint32_t series, uint32_t origin, uint32_t horizon);

// The rule that errs least (mean absolute error) for each horizon, by targets up to `known`.
void series_rules_choose(struct series_plan *plan, const struct series_grid *grid, uint32_t known);
// What the model's answer is added to: that rule's value, or where it is missing another's; the
// newest of the last values at worst. NaN where there is none.
float series_anchor(const struct series_plan *plan, const struct series_grid *grid, uint32_t series,
                    uint32_t origin, uint32_t h);

// ---- spread: intervals from residuals ---------------------------------------------------------
// Split conformal (Vovk et al. 2005; Lei et al. 2018): the quantiles of earlier forecasts' errors,
// corrected for their number, around a new forecast; one set for each horizon and band of forecast
// size, since large values err more than small ones.
enum { SERIES_LEVELS = 2 };
static const double series_levels[SERIES_LEVELS] = {0.8, 0.95};
struct series_spread {
    uint32_t bands;                  // 1..SERIES_BAND_COUNT
    double upper[SERIES_BAND_COUNT]; // (bands - 1) upper edges of the bands but the last
    double low[SERIES_BAND_COUNT][SERIES_LEVELS]; // added to the forecast
    double high[SERIES_BAND_COUNT][SERIES_LEVELS];
};
// predicted, truth (count); scratch is taken inside. Few residuals make one band. ERR_MEMORY.
enum err series_spread_fit(const double *predicted, const double *truth, uint64_t count,
                           struct series_spread *out) MUST_USE;
uint32_t series_band(const struct series_spread *spread, double predicted);
