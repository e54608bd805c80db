// See series_drift.h. Errors are drawn in blocks of origins (series_block_count), those of the
// backtest and the new ones in one bootstrap, so that their ratios have intervals.
#include "flow/steps/series_drift.h"

#include <math.h>
#include <string.h>

#include "flow/steps/series_profile.h"
#include "flow/steps/steps_private.h"

enum {
    NOW,
    BEFORE,
    RATIO,
    RULE_RATIO,
    RELATIVE,
    BIAS,
    RMSE,
    COVER_BEFORE,
    COVER_NOW = COVER_BEFORE + SERIES_LEVELS,
    FIGURES = COVER_NOW + SERIES_LEVELS
};
enum { RESAMPLES = 1000 };

struct series_drifting {
    struct step_context *context;
    const struct tabular_model *model;
    struct series_data *data;
    const struct series_profile *profile;
    struct json_writer *out;
    uint32_t first, end, from; // the new steps; the first origin
    struct series_rows rows;
    struct series_backtest test;
    struct series_block *blocks; // (H, count)
    uint32_t count;
    struct pool *pool;
};

// ---- errors -----------------------------------------------------------------------------------

// Blocks of some horizons, those of the backtest first.
struct erring {
    const struct series_block *before, *now;
    uint32_t before_count, now_count, horizons; // each (horizons, count)
};

static struct series_block added(const struct series_block *blocks, uint32_t count,
                                 uint32_t horizons, const uint8_t *weight) {
    struct series_block all = {0};
    for (uint32_t i = 0; i < horizons * count; i++) {
        const struct series_block *block = &blocks[i];
        double w = weight[i % count];
        all.rows += w * block->rows;
        all.absolute += w * block->absolute;
        all.square += w * block->square;
        all.signed_error += w * block->signed_error;
        all.rule += w * block->rule;
        for (uint32_t l = 0; l < SERIES_LEVELS; l++) all.inside[l] += w * block->inside[l];
    }
    return all;
}

static double ratio(double above, double below) {
    return below > 0 ? above / below : (double)NAN;
}

static void figures(const void *ctx, const uint8_t *weight, uint64_t count, double *out) {
    const struct erring *e = ctx;
    struct series_block before = added(e->before, e->before_count, e->horizons, weight);
    struct series_block now = added(e->now, e->now_count, e->horizons, weight + e->before_count);
    cy_assert(count == e->before_count + e->now_count);
    out[NOW] = ratio(now.absolute, now.rows);
    out[BEFORE] = ratio(before.absolute, before.rows);
    out[RATIO] = ratio(out[NOW], out[BEFORE]);
    out[RULE_RATIO] = ratio(ratio(now.rule, now.rows), ratio(before.rule, before.rows));
    out[RELATIVE] = ratio(out[RATIO], out[RULE_RATIO]);
    out[BIAS] = ratio(now.signed_error, now.rows);
    out[RMSE] = sqrt(ratio(now.square, now.rows));
    for (uint32_t l = 0; l < SERIES_LEVELS; l++) {
        out[COVER_BEFORE + l] = ratio(before.inside[l], before.rows);
        out[COVER_NOW + l] = ratio(now.inside[l], now.rows);
    }
}

static bool beyond(const struct interval *of) {
    return of->low > 1 && of->value >= drift_error_least;
}

static const char *verdict_of(const struct interval *of, uint32_t blocks) {
    if (isnan(of[NOW].value)) return "none";
    if (blocks < SERIES_BLOCKS_LEAST) return "few";
    bool more = beyond(&of[RATIO]), behind = beyond(&of[RELATIVE]);
    if (more) return behind || isnan(of[RELATIVE].value) ? "worse" : "harder";
    return behind ? "behind" : of[RATIO].high < 1 ? "better" : "same";
}

static void interval_write(struct json_writer *out, const char *name, const struct interval *of) {
    if (isnan(of->value)) return;
    json_put_name(out, name);
    json_open_object(out);
    json_set_number(out, "value", of->value);
    json_set_number(out, "low", of->low);
    json_set_number(out, "high", of->high);
    json_close_object(out);
}

// The members of E; of one horizon, or of all (horizon H).
static enum err errors_find(const struct series_drifting *d, uint32_t horizon,
                            struct interval of[static FIGURES]) {
    const struct series_profile *profile = d->profile;
    bool all = horizon == d->data->plan.horizon_count;
    uint32_t at = all ? 0 : horizon;
    struct erring erring = {.before = profile->blocks + (size_t)at * profile->block_count,
                            .now = d->blocks + (size_t)at * d->count,
                            .before_count = profile->block_count,
                            .now_count = d->count,
                            .horizons = all ? d->data->plan.horizon_count : 1};
    struct bootstrap_metric metric = {figures, &erring, FIGURES};
    return bootstrap(&metric, erring.before_count + erring.now_count, RESAMPLES, 1, d->pool,
                     d->context->progress, of);
}

static void errors_write(const struct series_drifting *d, uint32_t horizon,
                         const struct interval of[static FIGURES]) {
    static const struct {
        const char *name;
        int at;
    } told[] = {{"before", BEFORE},         {"now", NOW},           {"ratio", RATIO},
                {"rule_ratio", RULE_RATIO}, {"relative", RELATIVE}, {"bias", BIAS}};
    struct json_writer *out = d->out;
    uint32_t horizons = d->data->plan.horizon_count;
    double rows = 0;
    for (uint32_t i = 0; i < horizons * d->count; i++) {
        if (horizon == horizons || i / d->count == horizon) rows += d->blocks[i].rows;
    }
    json_set_u64(out, "rows", (uint64_t)rows);
    json_set_text(out, "verdict", str_of(verdict_of(of, d->count)));
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        interval_write(out, told[i].name, &of[told[i].at]);
    }
    json_put_name(out, "coverage");
    json_open_array(out);
    for (uint32_t l = 0; l < SERIES_LEVELS; l++) {
        json_open_object(out);
        json_set_number(out, "level", series_levels[l]);
        interval_write(out, "before", &of[COVER_BEFORE + l]);
        interval_write(out, "now", &of[COVER_NOW + l]);
        json_close_object(out);
    }
    json_close_array(out);
}

static void metric_write(struct json_writer *out, const char *name, const struct interval *of) {
    json_open_object(out);
    json_set_text(out, "name", str_of(name));
    json_set_number(out, "value", of->value);
    json_set_number(out, "low", of->low);
    json_set_number(out, "high", of->high);
    json_set_text(out, "better", STR("lower"));
    json_close_object(out);
}

// ---- parts ------------------------------------------------------------------------------------

static enum err part_write(const struct series_drifting *d, const struct series_part *before) {
    static const char *const kinds[] = {"target", "column", "series"};
    struct series_part now = *before;
    struct json_writer *out = d->out;
    const struct series_data *data = d->data;
    now.of.missing = 0;
    now.of.counts = memory_take(((size_t)now.of.bins + 1) * sizeof *now.of.counts);
    if (!now.of.counts) return ERR_MEMORY;
    double mean = series_part_count(data, &now, d->first, d->end);
    double psi = distribution_psi(&before->of, &now.of);
    double usual = series_part_usual(d->profile, before, d->end - d->first);
    const char *level = psi <= usual ? "stable" : distribution_level(psi);
    bool category = series_part_is_category(data, before);
    json_open_object(out);
    json_set_text(out, "name", series_part_name(data, before));
    json_set_text(out, "kind", str_of(kinds[before->kind]));
    json_set_number(out, "psi", psi);
    if (!isnan(psi)) json_set_text(out, "level", str_of(level));
    if (!isnan(usual)) json_set_number(out, "usual", usual);
    if (!isnan(mean) && !isnan(before->mean)) {
        json_put_name(out, "mean");
        json_open_object(out);
        json_set_number(out, "before", before->mean);
        json_set_number(out, "now", mean);
        json_close_object(out);
    }
    const struct str *names = category ? data->columns[before->at].categories : NULL;
    distribution_write(out, &before->of, &now.of, names);
    json_close_object(out);
    memory_give(now.of.counts);
    return OK;
}

static enum err parts_write(const struct series_drifting *d) {
    enum err err = OK;
    json_put_name(d->out, "columns");
    json_open_array(d->out);
    for (uint32_t i = 0; i < d->profile->part_count && err == OK; i++) {
        err = part_write(d, &d->profile->parts[i]);
    }
    json_close_array(d->out);
    return err;
}

// ---- the new steps ----------------------------------------------------------------------------

// Those after training's last; without times all of them.
static enum err steps_find(struct series_drifting *d) {
    struct series_data last = *d->data;
    const struct series_clock *clock = &d->data->grid.clock;
    d->end = (uint32_t)(series_last(&d->data->grid) + 1);
    if (d->data->time_count && d->profile->last_s >= clock->start_s) {
        int64_t seen = (d->profile->last_s - clock->start_s) / clock->step_s + 1;
        d->first = seen > (int64_t)clock->steps ? clock->steps : (uint32_t)seen;
    }
    // A forecast is judged only where everything it asks for is known.
    d->from = series_history(&d->data->plan) - 1;
    if (d->first > 0 && d->from < d->first - 1) d->from = d->first - 1;
    if (d->first < d->end) return OK;
    char text[24];
    last.grid.clock.start_s = d->profile->last_s;
    series_time_write(&last, 0, text);
    return fault_set(d->context->fault, ERR_INPUT, "drift.not_later", str_of(text));
}

static enum err forecasts_make(struct series_drifting *d) {
    struct step_context *context = d->context;
    uint32_t threads = step_threads(context), horizons = d->data->plan.horizon_count;
    d->count = series_block_count(&d->data->plan, d->from, d->end);
    d->blocks = ARENA_ARRAY(context->arena, struct series_block, (size_t)horizons * d->count);
    if (!d->blocks) return ERR_MEMORY;
    enum err err = series_rows_make(d->data, d->from, context->arena, context->progress, &d->rows);
    uint64_t rows = d->rows.frame.rows;
    if (err == OK) err = series_backtest_take(&d->test, rows);
    if (err == OK) {
        err = series_rows_predict(d->data, &d->rows, d->model, threads, 0, rows, &d->test);
    }
    if (err != OK || rows == 0) return err;
    series_rows_intervals(&d->rows, d->data->spread, 0, rows, &d->test);
    series_blocks_add(&d->rows, &d->test, d->from, d->end, d->blocks, d->count);
    return OK;
}

static void head_write(const struct series_drifting *d) {
    struct json_writer *out = d->out;
    struct series_data last = *d->data;
    char text[24];
    last.grid.clock.start_s = d->profile->last_s;
    series_time_write(&last, d->data->plan.timed ? 0 : d->profile->steps - 1, text);
    json_set_text(out, "trained_to", str_of(text));
    series_time_write(d->data, d->first, text);
    json_set_text(out, "from", str_of(text));
    series_time_write(d->data, d->end - 1, text);
    json_set_text(out, "to", str_of(text));
    json_set_u64(out, "steps", d->end - d->first);
    json_set_u64(out, "left_out", d->profile->left_out);
}

static enum err forecast_part_write(const struct series_drifting *d) {
    struct json_writer *out = d->out;
    uint32_t horizons = d->data->plan.horizon_count;
    struct interval of[FIGURES];
    enum err err = errors_find(d, horizons, of);
    if (err != OK) return err;
    bool judged = !isnan(of[NOW].value);
    json_set_u64(out, "judged_rows", d->rows.frame.rows);
    if (judged) {
        json_put_name(out, "metrics");
        json_open_array(out);
        metric_write(out, "rmse", &of[RMSE]);
        metric_write(out, "mae", &of[NOW]);
        json_close_array(out);
    }
    json_put_name(out, "forecast");
    json_open_object(out);
    head_write(d);
    json_set_text(out, "verdict", str_of(verdict_of(of, d->count)));
    if (judged) {
        json_put_name(out, "judged");
        json_open_object(out);
        errors_write(d, horizons, of);
        json_close_object(out);
    }
    json_put_name(out, "horizons");
    json_open_array(out);
    for (uint32_t h = 0; judged && h < horizons && err == OK; h++) {
        err = errors_find(d, h, of);
        if (err != OK || isnan(of[NOW].value)) continue;
        json_open_object(out);
        json_set_u64(out, "horizon", d->data->plan.horizons[h]);
        errors_write(d, h, of);
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
    return err;
}

static enum err report(struct series_drifting *d) {
    enum err err = steps_find(d);
    if (err == OK) err = forecasts_make(d);
    if (err == OK) err = pool_open(1, &d->pool);
    if (err != OK) return err;
    json_set_u64(d->out, "rows", d->data->rows);
    json_set_text(d->out, "task", STR("regression"));
    json_put_name(d->out, "without"); // all that the model asks for must be there
    json_open_array(d->out);
    json_close_array(d->out);
    err = parts_write(d);
    if (err == OK) err = forecast_part_write(d);
    pool_close(d->pool);
    return err;
}

enum err series_drift(struct step_context *context, const struct tabular_model *model,
                      struct series_data *data, const char *path, struct json_writer *out) {
    struct series_drifting d = {
        .context = context, .model = model, .data = data, .profile = data->profile, .out = out};
    struct table *table;
    cy_assert(data->profile != NULL);
    enum err err = table_open(path, &table, context->fault);
    if (err != OK) return err;
    struct series_source source = {.schema = table_schema(table), .table = table};
    err = series_history_read(&source, data, context->arena, context->progress, context->fault);
    if (err == OK) err = report(&d);
    series_backtest_close(&d.test);
    series_rows_close(&d.rows);
    table_close(table);
    return err == ERR_MEMORY ? fault_set(context->fault, err, "predict.no_memory", STR_NONE) : err;
}
