// How good the backtest's forecasts are: each horizon beside the simple rules, with intervals that
// draw whole stretches of time (errors of neighbouring origins go together), and how much of the
// truth the intervals held.
#include <math.h>
#include <string.h>

#include "flow/steps/series_rows.h"

enum {
    BLOCKS_WANTED = 30, // at least, that resamples differ
    RECENT_SERIES = 3,
    RECENT_HORIZONS = 3,
    RECENT_POINTS = 336, // two weeks of hours
};

// Sums over the rows of a block, of one way to forecast.
struct sums {
    double rows, absolute, square, shared, share, scaled, scale;
    double inside[SERIES_LEVELS], width[SERIES_LEVELS];
    double best; // absolute errors of the best rule
};
enum { MAE, RMSE, MAPE, MASE, COVER, SKILL = COVER + SERIES_LEVELS, METRICS };
_Static_assert((int)METRICS <= (int)BOOTSTRAP_METRICS_MAX, "one bootstrap does for all");

struct judging {
    const struct series_data *data;
    const struct series_rows *rows;
    const struct series_backtest *backtest;
    double *scale;     // (S) mean step of the seasonal rule before the first cut; MASE's unit
    struct sums *sums; // (rules + 1, blocks); the last is the model
    double *rule_value[SERIES_RULE_COUNT]; // (rows of the test), NaN where there is none
    uint32_t blocks, block_steps;
    uint64_t left_out;
    struct pool *pool;
    struct progress *progress;
    uint64_t seed;
};
enum { MODEL = SERIES_RULE_COUNT, FORECASTERS };

static double ratio(double above, double below) {
    return below > 0 ? above / below : (double)NAN;
}

static void metrics_compute(const void *ctx, const uint8_t *weight, uint64_t blocks, double *out) {
    const struct sums *sums = ctx;
    struct sums all = {0};
    for (uint64_t b = 0; b < blocks; b++) {
        double w = weight[b];
        all.rows += w * sums[b].rows;
        all.absolute += w * sums[b].absolute;
        all.square += w * sums[b].square;
        all.shared += w * sums[b].shared;
        all.share += w * sums[b].share;
        all.scaled += w * sums[b].scaled;
        all.scale += w * sums[b].scale;
        all.best += w * sums[b].best;
        for (uint32_t l = 0; l < SERIES_LEVELS; l++) all.inside[l] += w * sums[b].inside[l];
    }
    out[MAE] = ratio(all.absolute, all.rows);
    out[RMSE] = sqrt(ratio(all.square, all.rows));
    out[MAPE] = 100 * ratio(all.share, all.shared);
    out[MASE] = ratio(all.scaled, all.scale);
    for (uint32_t l = 0; l < SERIES_LEVELS; l++) out[COVER + l] = ratio(all.inside[l], all.rows);
    out[SKILL] = 1 - ratio(all.absolute, all.best);
}

static enum err measure(const struct judging *j, uint32_t which, struct interval *out) {
    struct bootstrap_metric metric = {metrics_compute, j->sums + (size_t)which * j->blocks,
                                      METRICS};
    return bootstrap(&metric, j->blocks, bootstrap_resamples(j->blocks), j->seed, j->pool,
                     j->progress, out);
}

// ---- counting ---------------------------------------------------------------------------------

static void error_count(const struct judging *j, struct sums *to, uint64_t row, double forecast) {
    double truth = j->rows->truth[row], error = fabs(forecast - truth);
    double scale = j->scale[j->rows->series[row]];
    to->rows++;
    to->absolute += error;
    to->square += error * error;
    if (truth != 0) {
        to->shared++;
        to->share += error / fabs(truth);
    }
    if (scale > 0) {
        to->scale++;
        to->scaled += error / scale;
    }
}

static struct sums *block_of(const struct judging *j, uint32_t which, uint64_t row) {
    uint32_t block = (j->rows->origin[row] - j->backtest->cuts[0]) / j->block_steps;
    if (block >= j->blocks) block = j->blocks - 1;
    return &j->sums[(size_t)which * j->blocks + block];
}

// Only rows for which every rule has a value: all are judged on the same.
static bool comparable(const struct judging *j, uint64_t row) {
    for (int rule = 0; rule < SERIES_RULE_COUNT; rule++) {
        if (!series_has_rule(&j->data->plan, rule)) continue;
        if (isnan(j->rule_value[rule][row - j->backtest->first])) return false;
    }
    return true;
}

static void row_count(const struct judging *j, uint64_t row) {
    const struct series_backtest *test = j->backtest;
    double forecast = test->predicted[row], truth = j->rows->truth[row];
    struct sums *model = block_of(j, MODEL, row);
    error_count(j, model, row, forecast);
    for (uint32_t l = 0; l < SERIES_LEVELS; l++) {
        double low = (double)test->low[l][row], high = (double)test->high[l][row];
        model->inside[l] += truth >= low && truth <= high;
        model->width[l] += high - low;
    }
    for (int rule = 0; rule < SERIES_RULE_COUNT; rule++) {
        if (!series_has_rule(&j->data->plan, rule)) continue;
        error_count(j, block_of(j, (uint32_t)rule, row), row,
                    j->rule_value[rule][row - test->first]);
    }
}

static double all_of(const struct judging *j, uint32_t which, double *rows) {
    double absolute = 0;
    *rows = 0;
    for (uint32_t b = 0; b < j->blocks; b++) {
        absolute += j->sums[(size_t)which * j->blocks + b].absolute;
        *rows += j->sums[(size_t)which * j->blocks + b].rows;
    }
    return absolute;
}

// Sums of one horizon, or of all (horizon < 0); which rule is the best.
static enum series_rule count(struct judging *j, int horizon, uint64_t *rows) {
    memset(j->sums, 0, sizeof *j->sums * FORECASTERS * j->blocks);
    j->left_out = *rows = 0;
    for (uint64_t i = j->backtest->first; i < j->rows->frame.rows; i++) {
        if (horizon >= 0 && j->rows->horizon[i] != horizon) continue;
        if (isnan(j->backtest->predicted[i]) || !comparable(j, i)) {
            j->left_out++;
            continue;
        }
        row_count(j, i);
        ++*rows;
    }
    enum series_rule best = SERIES_RULE_LAST;
    double ignored;
    for (int rule = 1; rule < SERIES_RULE_COUNT; rule++) {
        if (!series_has_rule(&j->data->plan, rule)) continue;
        if (all_of(j, (uint32_t)rule, &ignored) < all_of(j, best, &ignored)) best = rule;
    }
    for (uint32_t b = 0; b < j->blocks; b++) {
        j->sums[(size_t)MODEL * j->blocks + b].best =
            j->sums[(size_t)best * j->blocks + b].absolute;
    }
    return best;
}

// ---- telling ----------------------------------------------------------------------------------

static void interval_write(struct json_writer *out, const struct interval *interval) {
    json_set_number(out, "value", interval->value);
    json_set_number(out, "low", interval->low);
    json_set_number(out, "high", interval->high);
}

static void metrics_write(struct json_writer *out, const struct interval *of) {
    static const struct {
        const char *name;
        int at;
    } names[] = {{"rmse", RMSE}, {"mae", MAE}, {"mape", MAPE}, {"mase", MASE}};
    json_open_array(out);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!isfinite(of[names[i].at].value)) continue;
        json_open_object(out);
        json_set_text(out, "name", str_of(names[i].name));
        interval_write(out, &of[names[i].at]);
        json_set_text(out, "better", STR("lower"));
        json_close_object(out);
    }
    json_close_array(out);
}

static void coverage_write(const struct judging *j, struct json_writer *out,
                           const struct interval *of) {
    json_put_name(out, "coverage");
    json_open_array(out);
    for (uint32_t l = 0; l < SERIES_LEVELS; l++) {
        double width = 0, rows = 0;
        for (uint32_t b = 0; b < j->blocks; b++) {
            width += j->sums[(size_t)MODEL * j->blocks + b].width[l];
            rows += j->sums[(size_t)MODEL * j->blocks + b].rows;
        }
        json_open_object(out);
        json_set_number(out, "level", series_levels[l]);
        interval_write(out, &of[COVER + l]);
        json_set_number(out, "width", ratio(width, rows));
        json_close_object(out);
    }
    json_close_array(out);
}

static enum err horizon_write(struct judging *j, struct json_writer *out, uint32_t horizon) {
    struct interval of[METRICS], rule_of[METRICS];
    uint64_t rows;
    enum series_rule best = count(j, (int)horizon, &rows);
    if (rows == 0) return OK; // nothing to compare with
    enum err err = measure(j, MODEL, of);
    if (err != OK) return err;
    json_open_object(out);
    json_set_u64(out, "horizon", j->data->plan.horizons[horizon]);
    json_set_u64(out, "rows", rows);
    json_set_u64(out, "left_out", j->left_out);
    json_put_name(out, "metrics");
    metrics_write(out, of);
    json_put_name(out, "skill");
    json_open_object(out);
    interval_write(out, &of[SKILL]);
    json_set_text(out, "rule", str_of(series_rule_name(best)));
    json_close_object(out);
    coverage_write(j, out, of);
    json_put_name(out, "rules");
    json_open_array(out);
    for (int rule = 0; rule < SERIES_RULE_COUNT && err == OK; rule++) {
        if (!series_has_rule(&j->data->plan, rule)) continue;
        err = measure(j, (uint32_t)rule, rule_of);
        json_open_object(out);
        json_set_text(out, "rule", str_of(series_rule_name(rule)));
        json_put_name(out, "metrics");
        if (err == OK) metrics_write(out, rule_of);
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
    return err;
}

static void values_write(struct json_writer *out, const char *name, const double *values,
                         uint32_t count) {
    json_put_name(out, name);
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) json_put_number(out, values[i]);
    json_close_array(out);
}

// The last stretch of one series at one horizon, for a chart.
static void recent_one(const struct judging *j, struct json_writer *out, uint32_t series,
                       uint32_t horizon, uint64_t *picked) {
    const struct series_backtest *test = j->backtest;
    uint32_t points = 0;
    double values[RECENT_POINTS];
    for (uint64_t i = j->rows->frame.rows; i > test->first && points < RECENT_POINTS; i--) {
        bool fits = j->rows->series[i - 1] == series && j->rows->horizon[i - 1] == horizon;
        if (fits && !isnan(test->predicted[i - 1])) picked[RECENT_POINTS - ++points] = i - 1;
    }
    if (points == 0) return;
    const uint64_t *rows = picked + RECENT_POINTS - points;
    json_open_object(out);
    json_set_text(out, "series", j->data->plan.names[series]);
    json_set_u64(out, "horizon", j->data->plan.horizons[horizon]);
    json_put_name(out, "time");
    json_open_array(out);
    for (uint32_t i = 0; i < points; i++) {
        char text[24];
        series_time_write(j->data, series_target_step(j->data, j->rows, rows[i]), text);
        json_put_text(out, str_of(text));
    }
    json_close_array(out);
    for (uint32_t i = 0; i < points; i++) values[i] = j->rows->truth[rows[i]];
    values_write(out, "truth", values, points);
    for (uint32_t i = 0; i < points; i++) values[i] = test->predicted[rows[i]];
    values_write(out, "value", values, points);
    static const char *const names[][2] = {{"low_80", "high_80"}, {"low_95", "high_95"}};
    for (uint32_t l = 0; l < SERIES_LEVELS; l++) {
        for (uint32_t i = 0; i < points; i++) values[i] = (double)test->low[l][rows[i]];
        values_write(out, names[l][0], values, points);
        for (uint32_t i = 0; i < points; i++) values[i] = (double)test->high[l][rows[i]];
        values_write(out, names[l][1], values, points);
    }
    json_close_object(out);
}

static enum err recent_write(const struct judging *j, struct json_writer *out,
                             struct arena *arena) {
    uint64_t *picked = ARENA_ARRAY(arena, uint64_t, RECENT_POINTS);
    if (!picked) return ERR_MEMORY;
    uint32_t count = j->data->plan.horizon_count, last = UINT32_MAX;
    json_put_name(out, "recent");
    json_open_array(out);
    for (uint32_t s = 0; s < j->data->plan.series_count && s < RECENT_SERIES; s++) {
        last = UINT32_MAX;
        for (uint32_t i = 0; i < RECENT_HORIZONS; i++) {
            uint32_t h = (count - 1) * i / (RECENT_HORIZONS - 1);
            if (h == last) continue;
            recent_one(j, out, s, h, picked);
            last = h;
        }
    }
    json_close_array(out);
    return OK;
}

static void head_write(const struct judging *j, struct json_writer *out) {
    const struct series_data *data = j->data;
    const struct series_plan *plan = &data->plan;
    char text[24];
    json_set_i64(out, "step_s", plan->step_s);
    json_set_bool(out, "timed", plan->timed);
    json_set_u64(out, "season", plan->season);
    json_set_u64(out, "cycle", plan->cycle);
    json_set_u64(out, "series", plan->series_count);
    json_set_u64(out, "steps", data->grid.clock.steps);
    json_set_u64(out, "history", series_history(plan));
    series_time_write(data, 0, text);
    json_set_text(out, "first", str_of(text));
    series_time_write(data, data->grid.clock.steps - 1, text);
    json_set_text(out, "last", str_of(text));
    json_set_u64(out, "missing", data->filled);
    json_set_u64(out, "duplicates", data->duplicates);
    json_set_u64(out, "moved", data->off);
    json_set_u64(out, "edges", plan->edge_count);
    json_set_u64(out, "stride", j->rows->stride);
    json_put_name(out, "horizons");
    json_open_array(out);
    for (uint32_t h = 0; h < plan->horizon_count; h++) json_put_u64(out, plan->horizons[h]);
    json_close_array(out);
    json_put_name(out, "origins");
    json_open_array(out);
    for (uint32_t i = 0; i < j->backtest->cut_count; i++) {
        series_time_write(data, j->backtest->cuts[i], text);
        json_put_text(out, str_of(text));
    }
    json_close_array(out);
}

// All horizons together: the scorecard's own metrics, and the best rule's.
static enum err whole_write(struct judging *j, struct series_judged *out) {
    struct interval of[METRICS], rule_of[METRICS];
    uint64_t rows;
    enum series_rule best = count(j, -1, &rows);
    enum err err = measure(j, MODEL, of);
    if (err == OK) err = measure(j, best, rule_of);
    if (err != OK) return err;
    struct json_writer metrics = json_writer_of(&out->metrics);
    metrics_write(&metrics, of);
    struct json_writer baseline = json_writer_of(&out->baseline);
    json_open_object(&baseline);
    json_set_text(&baseline, "rule", str_of(series_rule_name(best)));
    json_put_name(&baseline, "metrics");
    metrics_write(&baseline, rule_of);
    json_close_object(&baseline);
    return OK;
}

static enum err series_part_write(struct judging *j, struct series_judged *out,
                                  struct arena *arena) {
    struct json_writer writer = json_writer_of(&out->series);
    json_open_object(&writer);
    head_write(j, &writer);
    json_put_name(&writer, "backtest");
    json_open_array(&writer);
    enum err err = OK;
    for (uint32_t h = 0; h < j->data->plan.horizon_count && err == OK; h++) {
        err = horizon_write(j, &writer, h);
    }
    json_close_array(&writer);
    if (err == OK) err = recent_write(j, &writer, arena);
    json_close_object(&writer);
    return err == OK ? buf_err(&out->series) : err;
}

// ---- all of it --------------------------------------------------------------------------------

static void scales_find(struct judging *j) {
    const struct series_plan *plan = &j->data->plan;
    for (uint32_t s = 0; s < plan->series_count; s++) {
        double sum = 0;
        uint64_t count = 0;
        for (uint32_t t = plan->season; t <= j->backtest->cuts[0]; t++) {
            float now = series_value(&j->data->grid, s, t);
            float before = series_value(&j->data->grid, s, (int64_t)t - plan->season);
            if (isnan(now) || isnan(before)) continue;
            sum += fabs((double)now - (double)before);
            count++;
        }
        j->scale[s] = count ? sum / (double)count : 0;
    }
}

static enum err rules_find(struct judging *j) {
    uint64_t first = j->backtest->first, rows = j->rows->frame.rows - first;
    for (int rule = 0; rule < SERIES_RULE_COUNT; rule++) {
        if (!series_has_rule(&j->data->plan, rule)) continue;
        j->rule_value[rule] = memory_take(rows * sizeof(double) + 1);
        if (!j->rule_value[rule]) return ERR_MEMORY;
        for (uint64_t i = 0; i < rows; i++) {
            uint64_t row = first + i;
            j->rule_value[rule][i] = (double)series_rule(
                &j->data->plan, &j->data->grid, rule, j->rows->series[row], j->rows->origin[row],
                j->data->plan.horizons[j->rows->horizon[row]]);
        }
    }
    return OK;
}

static enum err judge(struct judging *j, struct arena *arena, struct series_judged *out) {
    uint32_t span = j->data->grid.clock.steps - j->backtest->cuts[0];
    j->block_steps = span / BLOCKS_WANTED;
    if (j->block_steps > j->data->plan.season && j->data->plan.season > 1) {
        j->block_steps = j->data->plan.season;
    }
    if (j->block_steps < 1) j->block_steps = 1;
    j->blocks = span / j->block_steps + 1;
    j->scale = ARENA_ARRAY(arena, double, j->data->plan.series_count);
    j->sums = ARENA_ARRAY(arena, struct sums, (size_t)FORECASTERS * j->blocks);
    if (!j->scale || !j->sums) return ERR_MEMORY;
    scales_find(j);
    enum err err = rules_find(j);
    if (err == OK) err = whole_write(j, out);
    if (err == OK) err = series_part_write(j, out, arena);
    return err;
}

enum err series_judge(const struct series_data *data, const struct series_rows *rows,
                      const struct series_backtest *backtest, struct arena *arena,
                      struct progress *progress, uint64_t seed, struct series_judged *out) {
    struct judging j = {
        .data = data, .rows = rows, .backtest = backtest, .progress = progress, .seed = seed};
    *out = (struct series_judged){0};
    buf_open(&out->series, LIMIT_JSON_BYTES);
    buf_open(&out->metrics, LIMIT_JSON_BYTES);
    buf_open(&out->baseline, LIMIT_JSON_BYTES);
    enum err err = pool_open(1, &j.pool);
    if (err == OK) err = judge(&j, arena, out);
    for (int rule = 0; rule < SERIES_RULE_COUNT; rule++) memory_give(j.rule_value[rule]);
    pool_close(j.pool);
    if (err != OK) series_judged_close(out);
    return err;
}

void series_judged_close(struct series_judged *judged) {
    buf_close(&judged->series);
    buf_close(&judged->metrics);
    buf_close(&judged->baseline);
}
