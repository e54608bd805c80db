// Features of a forecast: one walk names them, one fills them, in the same order. What stands
// before the horizon is the same for all horizons of an origin.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "pilot/series.h"

enum { DAY_S = 86400, HOUR_S = 3600 };

static uint32_t most(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

static uint32_t longest_season(const struct series_plan *plan) {
    return plan->cycle ? plan->cycle : plan->season;
}

// An hour of a day, a quarter of it, all of it; three, six, twelve steps without a season.
static void windows_of(const struct series_plan *plan, uint32_t out[SERIES_WINDOWS]) {
    bool season = plan->season > 1;
    out[0] = most(3, season ? plan->season / 24 : 0);
    out[1] = most(6, season ? plan->season / 4 : 0);
    out[2] = season ? most(plan->season, out[1] + 1) : 12;
}

uint32_t series_history(const struct series_plan *plan) {
    uint32_t windows[SERIES_WINDOWS];
    windows_of(plan, windows);
    uint32_t seasons = plan->season > 1 ? 2 * longest_season(plan) : 0;
    return most(most(seasons, windows[SERIES_WINDOWS - 1]), SERIES_LAGS) + 1;
}

uint32_t series_least(const struct series_plan *plan) {
    uint32_t ahead = plan->horizons[plan->horizon_count - 1];
    return series_history(plan) + ahead + most(ahead, most(longest_season(plan), 20));
}

static int edge_order(const void *a, const void *b) {
    const struct series_edge *x = a, *y = b;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    return x->to < y->to ? -1 : x->to > y->to;
}

enum err series_edges_settle(struct series_plan *plan, struct arena *arena) {
    uint32_t *start = ARENA_ARRAY(arena, uint32_t, plan->series_count + 1);
    if (!start) return ERR_MEMORY;
    qsort(plan->edges, plan->edge_count, sizeof *plan->edges, edge_order);
    for (uint32_t i = 0; i < plan->edge_count; i++) start[plan->edges[i].from + 1]++;
    for (uint32_t s = 0; s < plan->series_count; s++) start[s + 1] += start[s];
    plan->edge_start = start;
    return OK;
}

int64_t series_last(const struct series_grid *grid) {
    for (int64_t t = (int64_t)grid->clock.steps - 1; t >= 0; t--) {
        for (uint32_t s = 0; s < grid->series; s++) {
            if (!isnan(series_value(grid, s, t))) return t;
        }
    }
    return -1;
}

// ---- names ------------------------------------------------------------------------------------

struct naming {
    struct series_feature *out; // NULL: count only
    uint32_t count;
};

static struct series_feature *name_add(struct naming *naming) {
    static _Thread_local struct series_feature unseen;
    struct series_feature *feature = naming->out ? &naming->out[naming->count] : &unseen;
    naming->count++;
    feature->kind = SERIES_NUMBER;
    feature->column = 0;
    return feature;
}

static void name_put(struct naming *naming, const char *name) {
    struct series_feature *feature = name_add(naming);
    snprintf(feature->name, sizeof feature->name, "%s", name);
}

static void name_steps(struct naming *naming, const char *name, uint32_t steps) {
    struct series_feature *feature = name_add(naming);
    snprintf(feature->name, sizeof feature->name, "%s:%u", name, steps);
}

static void name_column(struct naming *naming, const struct series_plan *plan, uint32_t column,
                        const char *prefix) {
    struct series_feature *feature = name_add(naming);
    struct str name = plan->columns[column].name;
    snprintf(feature->name, sizeof feature->name, "%s%.*s", prefix, STR_ARG(name));
    feature->kind = SERIES_COLUMN;
    feature->column = column;
}

static void names_of_origin(struct naming *naming, const struct series_plan *plan) {
    uint32_t windows[SERIES_WINDOWS];
    windows_of(plan, windows);
    for (uint32_t i = 0; i < SERIES_LAGS; i++) name_steps(naming, "lag", i);
    name_steps(naming, "change", 1);
    if (plan->season > 1) name_steps(naming, "change", plan->season);
    if (plan->cycle) name_steps(naming, "change", plan->cycle);
    for (uint32_t w = 0; w < SERIES_WINDOWS; w++) {
        name_steps(naming, "mean", windows[w]);
        name_steps(naming, "least", windows[w]);
        name_steps(naming, "largest", windows[w]);
        name_steps(naming, "spread", windows[w]);
    }
    if (plan->edge_count) {
        name_steps(naming, "neighbours", 0);
        name_steps(naming, "neighbours", 1);
        name_steps(naming, "neighbours_mean", windows[0]);
    }
    for (uint32_t c = 0; c < plan->column_count; c++) {
        if (plan->columns[c].known) continue;
        name_column(naming, plan, c, "now:");
        if (plan->columns[c].category) continue;
        name_column(naming, plan, c, "mean:");
    }
    if (!plan->by_series) return;
    name_put(naming, "series");
    if (naming->out) naming->out[naming->count - 1].kind = SERIES_WHICH;
}

static void names_of_horizon(struct naming *naming, const struct series_plan *plan) {
    name_put(naming, "horizon");
    if (plan->timed) {
        if (plan->step_s < DAY_S) name_put(naming, "hour");
        if (plan->weekly) name_put(naming, "weekday");
        if (plan->weekly) name_put(naming, "weekend");
        if (plan->yearly) name_put(naming, "month");
    }
    if (plan->holiday) name_put(naming, "holiday");
    if (plan->season > 1) {
        name_steps(naming, "season", 1);
        name_steps(naming, "season", 2);
    }
    if (plan->cycle) {
        name_steps(naming, "cycle", 1);
        name_steps(naming, "cycle", 2);
    }
    if (plan->season > 1) name_put(naming, "season_shifted");
    for (uint32_t c = 0; c < plan->column_count; c++) {
        if (plan->columns[c].known) name_column(naming, plan, c, "then:");
    }
}

uint32_t series_features(const struct series_plan *plan, struct series_feature *out) {
    struct naming naming = {.out = out};
    names_of_origin(&naming, plan);
    names_of_horizon(&naming, plan);
    return naming.count;
}

// ---- values -----------------------------------------------------------------------------------

struct filling {
    const struct series_plan *plan;
    const struct series_grid *grid;
    uint32_t series, origin;
    float *at; // the next feature
};

static float past(const struct filling *f, uint32_t series, uint64_t back) {
    return series_value(f->grid, series, (int64_t)f->origin - (int64_t)back);
}

static void window_put(struct filling *f, uint32_t window) {
    double sum = 0, squares = 0;
    float least = NAN, largest = NAN;
    uint32_t count = 0;
    for (uint32_t i = 0; i < window; i++) {
        float value = past(f, f->series, i);
        if (isnan(value)) continue;
        sum += (double)value;
        squares += (double)value * (double)value;
        least = count == 0 || value < least ? value : least;
        largest = count == 0 || value > largest ? value : largest;
        count++;
    }
    double mean = count ? sum / count : (double)NAN;
    double variance = count ? squares / count - mean * mean : (double)NAN;
    *f->at++ = (float)mean;
    *f->at++ = least;
    *f->at++ = largest;
    *f->at++ = (float)sqrt(variance > 0 || isnan(variance) ? variance : 0);
}

static float neighbours_mean(const struct filling *f, uint32_t back) {
    double sum = 0, weight = 0;
    for (uint32_t e = f->plan->edge_start[f->series]; e < f->plan->edge_start[f->series + 1]; e++) {
        const struct series_edge *edge = &f->plan->edges[e];
        float value = past(f, edge->to, back);
        if (isnan(value)) continue;
        sum += edge->weight * (double)value;
        weight += edge->weight;
    }
    return weight > 0 ? (float)(sum / weight) : NAN;
}

static void neighbours_put(struct filling *f, uint32_t window) {
    double sum = 0;
    uint32_t count = 0;
    for (uint32_t back = 0; back < window; back++) {
        float mean = neighbours_mean(f, back);
        if (back < 2) *f->at++ = mean;
        if (isnan(mean)) continue;
        sum += (double)mean;
        count++;
    }
    *f->at++ = count ? (float)(sum / count) : NAN;
}

static float column_value(const struct filling *f, uint32_t column, uint64_t step) {
    const struct series_grid *grid = f->grid;
    if (step >= grid->clock.steps) return NAN;
    uint64_t row = grid->shared ? 0 : f->series;
    return grid->columns[column][row * grid->clock.steps + step];
}

static void column_put(struct filling *f, uint32_t column, uint32_t window) {
    *f->at++ = column_value(f, column, f->origin);
    if (f->plan->columns[column].category) return;
    double sum = 0;
    uint32_t count = 0;
    for (uint32_t back = 0; back < window && back <= f->origin; back++) {
        float value = column_value(f, column, f->origin - back);
        if (isnan(value)) continue;
        sum += (double)value;
        count++;
    }
    *f->at++ = count ? (float)(sum / count) : NAN;
}

static void fill_origin(struct filling *f) {
    const struct series_plan *plan = f->plan;
    uint32_t windows[SERIES_WINDOWS];
    windows_of(plan, windows);
    float now = past(f, f->series, 0);
    for (uint32_t i = 0; i < SERIES_LAGS; i++) *f->at++ = past(f, f->series, i);
    *f->at++ = now - past(f, f->series, 1);
    if (plan->season > 1) *f->at++ = now - past(f, f->series, plan->season);
    if (plan->cycle) *f->at++ = now - past(f, f->series, plan->cycle);
    for (uint32_t w = 0; w < SERIES_WINDOWS; w++) window_put(f, windows[w]);
    if (plan->edge_count) neighbours_put(f, windows[0]);
    for (uint32_t c = 0; c < plan->column_count; c++) {
        if (!plan->columns[c].known) column_put(f, c, windows[1]);
    }
    if (plan->by_series) *f->at++ = (float)f->series;
}

// The newest value that lies whole periods before the target, `again` periods earlier than that.
static float same_place(const struct filling *f, uint32_t period, uint32_t horizon,
                        uint32_t again) {
    uint64_t periods = (horizon + period - 1) / period + again;
    return past(f, f->series, periods * period - horizon);
}

// Days since 1970-01-01, a Thursday; the month by the civil calendar (Hinnant).
static uint32_t month_of(int64_t days) {
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    uint32_t day_of_era = (uint32_t)(z - era * 146097);
    uint32_t year =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    uint32_t from_march = (5 * day_of_year + 2) / 153;
    return from_march < 10 ? from_march + 3 : from_march - 9;
}

static void calendar_put(struct filling *f, uint64_t target) {
    int64_t time = series_time_of(&f->grid->clock, target), step = f->plan->step_s;
    int64_t days = (time - (time % DAY_S + DAY_S) % DAY_S) / DAY_S;
    uint32_t weekday = (uint32_t)(((days + 3) % 7 + 7) % 7); // Monday 0
    if (step < DAY_S) *f->at++ = (float)(time - days * DAY_S) / HOUR_S;
    if (f->plan->weekly) *f->at++ = (float)weekday;
    if (f->plan->weekly) *f->at++ = weekday >= 5 ? 1 : 0;
    if (f->plan->yearly) *f->at++ = (float)month_of(days);
}

static float holiday_at(const struct series_grid *grid, uint64_t step) {
    return step < grid->clock.steps && grid->holiday && grid->holiday[step] ? 1 : 0;
}

static void fill_horizon(struct filling *f, uint32_t horizon) {
    const struct series_plan *plan = f->plan;
    uint64_t target = (uint64_t)f->origin + horizon;
    *f->at++ = (float)horizon;
    if (plan->timed) calendar_put(f, target);
    if (plan->holiday) *f->at++ = holiday_at(f->grid, target);
    if (plan->season > 1) {
        *f->at++ = same_place(f, plan->season, horizon, 0);
        *f->at++ = same_place(f, plan->season, horizon, 1);
    }
    if (plan->cycle) {
        *f->at++ = same_place(f, plan->cycle, horizon, 0);
        *f->at++ = same_place(f, plan->cycle, horizon, 1);
    }
    if (plan->season > 1) { // the same place before, moved as the present differs from then
        uint32_t period = longest_season(plan);
        *f->at++ = same_place(f, period, horizon, 0) + past(f, f->series, 0) -
                   past(f, f->series, (uint64_t)((horizon + period - 1) / period) * period);
    }
    for (uint32_t c = 0; c < plan->column_count; c++) {
        if (plan->columns[c].known) *f->at++ = column_value(f, c, target);
    }
}

void series_fill(const struct series_plan *plan, const struct series_grid *grid, uint32_t series,
                 uint32_t origin, float *out) {
    uint32_t width = series_features(plan, NULL);
    struct filling f = {plan, grid, series, origin, out};
    fill_origin(&f);
    uint32_t common = (uint32_t)(f.at - out);
    for (uint32_t h = 0; h < plan->horizon_count; h++) {
        float *row = out + (size_t)h * width;
        if (h > 0) memcpy(row, out, common * sizeof *row);
        f.at = row + common;
        fill_horizon(&f, plan->horizons[h]);
        cy_assert(f.at == row + width);
    }
}

// ---- simple rules -----------------------------------------------------------------------------

const char *series_rule_name(enum series_rule rule) {
    static const char *const names[] = {"last", "season", "cycle"};
    cy_assert(rule < SERIES_RULE_COUNT);
    return names[rule];
}

bool series_has_rule(const struct series_plan *plan, enum series_rule rule) {
    if (rule == SERIES_RULE_SEASON) return plan->season > 1;
    return rule == SERIES_RULE_LAST || plan->cycle > 0;
}

float series_rule(const struct series_plan *plan, const struct series_grid *grid,
                  enum series_rule rule, uint32_t series, uint32_t origin, uint32_t horizon) {
    struct filling f = {plan, grid, series, origin, NULL};
    if (rule == SERIES_RULE_SEASON) return same_place(&f, plan->season, horizon, 0);
    if (rule == SERIES_RULE_CYCLE) return same_place(&f, plan->cycle, horizon, 0);
    return past(&f, series, 0);
}

enum { CHOICE_ORIGINS = 500 }; // looked at, evenly spread

static void rule_choose(struct series_plan *plan, const struct series_grid *grid, uint32_t h,
                        uint32_t known) {
    double error[SERIES_RULE_COUNT] = {0};
    uint64_t count = 0;
    uint32_t horizon = plan->horizons[h], stride = known / CHOICE_ORIGINS + 1;
    for (uint32_t s = 0; s < plan->series_count; s++) {
        for (uint32_t t = longest_season(plan); t + horizon <= known; t += stride) {
            float truth = series_value(grid, s, (int64_t)t + horizon);
            float told[SERIES_RULE_COUNT];
            bool all = !isnan(truth);
            for (int r = 0; r < SERIES_RULE_COUNT; r++) {
                if (!series_has_rule(plan, r)) continue;
                told[r] = series_rule(plan, grid, r, s, t, horizon);
                all = all && !isnan(told[r]);
            }
            count += all;
            for (int r = 0; r < SERIES_RULE_COUNT && all; r++) {
                if (series_has_rule(plan, r)) error[r] += fabs((double)told[r] - (double)truth);
            }
        }
    }
    enum series_rule best = SERIES_RULE_LAST;
    for (int r = 1; r < SERIES_RULE_COUNT; r++) {
        if (series_has_rule(plan, r) && error[r] < error[best]) best = r;
    }
    plan->rules[h] = (uint8_t)best;
    plan->scales[h] = count && error[best] > 0 ? error[best] / (double)count : 1;
}

void series_rules_choose(struct series_plan *plan, const struct series_grid *grid, uint32_t known) {
    for (uint32_t h = 0; h < plan->horizon_count; h++) rule_choose(plan, grid, h, known);
}

float series_anchor(const struct series_plan *plan, const struct series_grid *grid, uint32_t series,
                    uint32_t origin, uint32_t h) {
    static const enum series_rule others[] = {SERIES_RULE_SEASON, SERIES_RULE_CYCLE};
    float value = series_rule(plan, grid, plan->rules[h], series, origin, plan->horizons[h]);
    for (int i = 0; i < 2 && isnan(value); i++) {
        if (!series_has_rule(plan, others[i]) || plan->rules[h] == SERIES_RULE_LAST) continue;
        value = series_rule(plan, grid, others[i], series, origin, plan->horizons[h]);
    }
    for (int64_t back = 0; back < SERIES_LAGS && isnan(value); back++) {
        value = series_value(grid, series, (int64_t)origin - back);
    }
    return value;
}
