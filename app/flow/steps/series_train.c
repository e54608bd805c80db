// Training a forecast: one model for all series and horizons, a backtest from several origins, and
// at the end a model of all rows, whose file keeps the plan and how far forecasts have erred.
//   1. with early stopping up to the first origin: how many rounds are right, the scorecard
//   2. for each origin anew on all that was known then: the backtest
//   3. on everything: the model that is kept
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "flow/steps/child.h"
#include "flow/steps/forecast.h"
#include "flow/steps/judged_rows.h"
#include "flow/steps/series_profile.h"

enum {
    ORIGINS = 4,
    SERIES_TREES = 300, // of each origin's model, unless a person says how many
    TEST_MILLI_MIN = 50,
    PREPARATION_BYTES = 2 << 20,
    AHEAD_SERIES = 12, // whose next steps the scorecard shows, after so many known ones
    AHEAD_POINTS_LEAST = 72,
    AHEAD_POINTS_MOST = 336,
};

struct series_training {
    struct step_context *context;
    const struct json *wish;
    bool predictions; // are to be written
    struct series_data data;
    struct series_rows rows;
    struct table_frame warnings;
    struct tabular_options options;
    struct tabular_target target;
    struct series_backtest backtest;
    uint8_t *side;                // (rows)
    struct series_spread *spread; // (H) of the errors so far
    struct buf scorecard, ahead;
    struct series_judged judged;
    struct series_profile profile;
};

static void warn(struct series_training *t, const char *code, uint64_t count) {
    if (count == 0 || t->warnings.warning_count == FRAME_WARNINGS_MAX) return;
    struct buf text;
    buf_open(&text, 32);
    buf_add_u64(&text, count);
    char *copy = arena_take(t->context->arena, text.size + 1);
    if (copy) memcpy(copy, text.data, text.size);
    struct frame_warning warning = {code, copy ? (struct str){copy, text.size} : STR_NONE};
    t->warnings.warnings[t->warnings.warning_count++] = warning;
    buf_close(&text);
}

// ---- cuts -------------------------------------------------------------------------------------

static enum err cuts_choose(struct series_training *t) {
    uint64_t origins = json_member_u64(t->wish, "origins", ORIGINS);
    uint32_t steps = t->data.grid.clock.steps;
    if (origins < 1 || origins > SERIES_ORIGINS_MAX) {
        return fault_set(t->context->fault, ERR_INPUT, "series.bad_wish", STR("origins"));
    }
    if (t->options.test_milli < TEST_MILLI_MIN) {
        return fault_set(t->context->fault, ERR_INPUT, "train.bad_option", STR("test_milli"));
    }
    uint32_t test = (uint32_t)(((uint64_t)steps * t->options.test_milli + 999) / 1000);
    uint32_t first = steps - 1 - test;
    if (origins > test) origins = test;
    for (uint32_t i = 0; i < origins; i++) {
        t->backtest.cuts[i] = first + (uint32_t)((uint64_t)test * i / origins);
    }
    t->backtest.cut_count = (uint32_t)origins;
    series_rules_choose(&t->data.plan, &t->data.grid, first);
    return OK;
}

// Rows whose target is known at `known` teach; those between `known` and `cut` decide when to
// stop, those from the cut on judge. What begins on one side and ends on another counts nowhere.
static void sides_set(struct series_training *t, uint32_t known, uint32_t cut) {
    for (uint64_t i = 0; i < t->rows.frame.rows; i++) {
        uint32_t origin = t->rows.origin[i];
        uint64_t target = series_target_step(&t->data, &t->rows, i);
        t->side[i] = target <= known                    ? SIDE_TRAIN
                     : origin >= cut                    ? SIDE_TEST
                     : origin >= known && target <= cut ? SIDE_VALIDATE
                                                        : SIDE_NONE;
    }
}

// ---- forecasts of the backtest ----------------------------------------------------------------

static enum err rows_predict(struct series_training *t, const struct tabular_model *model,
                             uint64_t first, uint64_t end) {
    return series_rows_predict(&t->data, &t->rows, model, t->options.threads, first, end,
                               &t->backtest);
}

// The errors of [first, end), or of its validation side alone, become the spread.
static enum err spread_learn(struct series_training *t, uint64_t first, uint64_t end,
                             bool validation) {
    double *predicted = memory_take((end - first) * sizeof *predicted + 1);
    double *truth = memory_take((end - first) * sizeof *truth + 1);
    enum err err = predicted && truth ? OK : ERR_MEMORY;
    for (uint32_t h = 0; h < t->data.plan.horizon_count && err == OK; h++) {
        uint64_t count = 0;
        for (uint64_t i = first; i < end; i++) {
            if (t->rows.horizon[i] != h || isnan(t->backtest.predicted[i])) continue;
            if (validation && t->side[i] != SIDE_VALIDATE) continue;
            predicted[count] = t->backtest.predicted[i];
            truth[count++] = t->rows.truth[i];
        }
        err = series_spread_fit(predicted, truth, count, &t->spread[h]);
    }
    memory_give(predicted);
    memory_give(truth);
    return err;
}

// ---- the three trainings ----------------------------------------------------------------------

static enum err fit(struct series_training *t, struct buf *scorecard, struct tabular_model **out) {
    return tabular_train(&t->rows.frame, &t->target, &t->options, t->context->progress, out,
                         scorecard, t->context->fault);
}

// With early stopping; its validation side gives the first spread.
static enum err first_train(struct series_training *t) {
    uint32_t cut = t->backtest.cuts[0], steps = t->data.grid.clock.steps;
    uint32_t held = (uint32_t)((uint64_t)steps * t->options.validate_milli / 1000);
    uint32_t known = held < cut ? cut - held : cut;
    struct tabular_model *model = NULL;
    sides_set(t, known, cut);
    enum err err = fit(t, &t->scorecard, &model);
    uint64_t first = series_rows_from(&t->rows, known), end = series_rows_from(&t->rows, cut);
    if (err == OK) err = rows_predict(t, model, first, end);
    if (err == OK) err = spread_learn(t, first, end, true);
    if (model) tabular_close(model);
    if (err != OK) return err;
    struct json *card = NULL;
    err = json_parse(buf_str(&t->scorecard), &card, t->context->fault);
    if (err != OK) return err;
    uint64_t best = json_member_u64(card, "best_round", t->options.trees);
    json_close(card);
    if (t->options.learner == LEARNER_BOOST) t->options.trees = best > 0 ? (uint32_t)best : 1;
    t->options.early_stop = 0;
    return OK;
}

static enum err origin_test(struct series_training *t, uint32_t index) {
    struct series_backtest *test = &t->backtest;
    bool last = index + 1 == test->cut_count;
    uint64_t first = series_rows_from(&t->rows, test->cuts[index]);
    uint64_t end = last ? t->rows.frame.rows : series_rows_from(&t->rows, test->cuts[index + 1]);
    struct tabular_model *model = NULL;
    sides_set(t, test->cuts[index], test->cuts[index]);
    for (uint64_t i = 0; i < t->rows.frame.rows; i++) {
        if (t->side[i] != SIDE_TRAIN) t->side[i] = SIDE_NONE;
    }
    enum err err = fit(t, NULL, &model);
    if (err == OK) err = rows_predict(t, model, first, end);
    if (model) tabular_close(model);
    if (err != OK) return err;
    series_rows_intervals(&t->rows, t->spread, first, end, &t->backtest);
    return spread_learn(t, test->first, end, false);
}

static enum err preparation_make(struct series_training *t) {
    struct buf text;
    buf_open(&text, PREPARATION_BYTES);
    struct json_writer out = json_writer_of(&text);
    t->data.spread = t->spread;
    t->data.profile = &t->profile;
    json_open_object(&out);
    json_put_name(&out, "series");
    series_write(&out, &t->data);
    json_close_object(&out);
    enum err err = buf_err(&text);
    char *copy = err == OK ? arena_take(t->context->arena, text.size + 1) : NULL;
    if (copy) memcpy(copy, text.data, text.size);
    t->options.preparation = (struct str){copy, copy ? text.size : 0};
    buf_close(&text);
    if (err != OK) return fault_set(t->context->fault, err, "train.model_too_large", STR_NONE);
    return copy ? OK : ERR_MEMORY;
}

// ---- what follows the rows ----------------------------------------------------------------------

// The known steps before it, of one series.
static void history_write(struct json_writer *out, const struct series_data *data,
                          uint32_t series) {
    const struct series_plan *plan = &data->plan;
    uint32_t end = (uint32_t)(series_last(&data->grid) + 1);
    uint32_t points = 3 * plan->horizons[plan->horizon_count - 1];
    if (points < AHEAD_POINTS_LEAST) points = AHEAD_POINTS_LEAST;
    if (points > AHEAD_POINTS_MOST) points = AHEAD_POINTS_MOST;
    if (points > end) points = end;
    json_open_object(out);
    json_set_text(out, "series", plan->names[series]);
    json_put_name(out, "time");
    json_open_array(out);
    for (uint32_t step = end - points; step < end; step++) {
        char text[24];
        series_time_write(data, step, text);
        json_put_text(out, str_of(text));
    }
    json_close_array(out);
    json_put_name(out, "truth");
    json_open_array(out);
    for (uint32_t step = end - points; step < end; step++) {
        json_put_number(out, (double)series_value(&data->grid, series, step));
    }
    json_close_array(out);
    json_close_object(out);
}

// The scorecard's member "forecast": what the model that is kept says will follow.
static enum err ahead_write(struct series_training *t, const struct tabular_model *model) {
    struct series_data some = t->data;
    struct fault fault = {0};
    struct forecast *forecasts = NULL;
    uint32_t count = 0, silent = 0;
    if (some.plan.series_count > AHEAD_SERIES) some.plan.series_count = AHEAD_SERIES;
    enum err err = forecast_make(model, &some, t->options.threads, t->context->arena, &forecasts,
                                 &count, &silent, &fault);
    if (err == ERR_INPUT) return OK; // all of them are silent
    if (err != OK) return err;
    struct json_writer out = json_writer_of(&t->ahead);
    json_open_object(&out);
    forecast_write(&out, &some, forecasts, count, silent);
    json_put_name(&out, "history");
    json_open_array(&out);
    for (uint32_t i = 0; i < count; i += some.plan.horizon_count) {
        history_write(&out, &some, (uint32_t)series_name_find(&some.plan, forecasts[i].series));
    }
    json_close_array(&out);
    json_close_object(&out);
    return buf_err(&t->ahead);
}

// ---- files ------------------------------------------------------------------------------------

static void warnings_write(struct json_writer *out, const struct series_training *t,
                           const struct json *before) {
    json_put_name(out, "warnings");
    json_open_array(out);
    for (const struct json *w = json_first(before); w; w = json_next(w)) {
        struct str code = json_member_text(w, "code");
        json_open_object(out);
        json_set_text(out, "code", code);
        json_set_text(out, "detail", json_member_text(w, "detail"));
        json_close_object(out);
    }
    for (uint32_t i = 0; i < t->warnings.warning_count; i++) {
        json_open_object(out);
        json_set_text(out, "code", str_of(t->warnings.warnings[i].code));
        json_set_text(out, "detail", t->warnings.warnings[i].detail);
        json_close_object(out);
    }
    json_close_array(out);
}

// The learner's scorecard, with the backtest's figures in the place of its own.
static enum err scorecard_write(struct series_training *t, struct buf *text) {
    struct json *card = NULL;
    enum err err = json_parse(buf_str(&t->scorecard), &card, t->context->fault);
    if (err != OK) return err;
    struct json_writer out = json_writer_of(text);
    json_open_object(&out);
    for (const struct json *m = json_first(card); m; m = json_next(m)) {
        struct str name = json_name(m);
        if (str_is(name, "warnings")) continue;
        if (str_is(name, "metrics")) {
            json_set_raw(&out, "metrics", buf_str(&t->judged.metrics));
        } else if (str_is(name, "baseline")) {
            json_set_raw(&out, "baseline", buf_str(&t->judged.baseline));
        } else if (!str_is(name, "baseline_linear")) { // of other rows: not to be compared
            json_put_member(&out, m);
        }
    }
    json_set_raw(&out, "series", buf_str(&t->judged.series));
    if (t->ahead.size) json_set_raw(&out, "forecast", buf_str(&t->ahead));
    warnings_write(&out, t, json_member(card, "warnings"));
    json_close_object(&out);
    json_close(card);
    return buf_err(text);
}

static enum err headline_write(struct series_training *t) {
    struct json *metrics = NULL;
    struct json_writer *out = t->context->summary;
    enum err err = json_parse(buf_str(&t->judged.metrics), &metrics, t->context->fault);
    if (err != OK) return err;
    const struct json *first = json_first(metrics);
    json_set_text(out, "task", STR("regression"));
    json_set_text(out, "learner",
                  t->options.learner == LEARNER_LINEAR ? STR("linear") : STR("boost"));
    json_put_name(out, "headline");
    json_open_object(out);
    json_set_text(out, "name", json_member_text(first, "name"));
    json_set_number(out, "value", json_member_number(first, "value", 0));
    json_set_number(out, "low", json_member_number(first, "low", 0));
    json_set_number(out, "high", json_member_number(first, "high", 0));
    json_close_object(out);
    json_set_u64(out, "rows", t->data.rows);
    json_close(metrics);
    return OK;
}

static enum err results_write(struct series_training *t, const struct tabular_model *model) {
    char model_path[LIMIT_PATH_BYTES], card_path[LIMIT_PATH_BYTES];
    struct fault *fault = t->context->fault;
    struct buf bytes, card;
    buf_open(&bytes, (size_t)1 << 30);
    buf_open(&card, 4 * (size_t)LIMIT_JSON_BYTES);
    tabular_save(model, &bytes);
    enum err err = buf_err(&bytes);
    if (err != OK) err = fault_set(fault, err, "train.model_too_large", STR_NONE);
    if (err == OK) err = scorecard_write(t, &card);
    if (err == OK) err = step_output(t->context, "model", model_path);
    if (err == OK) err = step_output(t->context, "scorecard.json", card_path);
    if (err == OK) err = file_write(model_path, buf_str(&bytes), fault);
    if (err == OK) err = file_write(card_path, buf_str(&card), fault);
    if (err == OK) err = headline_write(t);
    buf_close(&bytes);
    buf_close(&card);
    return err;
}

// ---- all of it --------------------------------------------------------------------------------

static enum err rooms_take(struct series_training *t) {
    uint64_t rows = t->rows.frame.rows;
    t->side = memory_take(rows + 1);
    t->spread = ARENA_ARRAY(t->context->arena, struct series_spread, t->data.plan.horizon_count);
    if (!t->side || !t->spread) return ERR_MEMORY;
    for (uint32_t h = 0; h < t->data.plan.horizon_count; h++) t->spread[h].bands = 1;
    t->target = (struct tabular_target){
        .name = t->data.target, .task = TASK_REGRESSION, .values = t->rows.target};
    t->options.side = t->side;
    return series_backtest_take(&t->backtest, rows);
}

static enum err go(struct series_training *t) {
    struct step_context *context = t->context;
    enum err err = cuts_choose(t);
    if (err == OK) err = series_rows_make(&t->data, 0, context->arena, context->progress, &t->rows);
    if (err == OK) t->backtest.first = series_rows_from(&t->rows, t->backtest.cuts[0]);
    if (err == OK) err = rooms_take(t);
    if (err == OK) err = first_train(t);
    for (uint32_t i = 0; i < t->backtest.cut_count && err == OK; i++) err = origin_test(t, i);
    if (err == OK) {
        err = series_judge(&t->data, &t->rows, &t->backtest, context->arena, context->progress,
                           t->options.seed, &t->judged);
    }
    if (err == OK && t->predictions) {
        err = judged_series_write(context, &t->data, &t->rows, &t->backtest);
    }
    if (err == OK) {
        err = series_profile_make(&t->data, &t->rows, &t->backtest, context->arena, &t->profile);
    }
    if (err == OK) err = preparation_make(t);
    if (err != OK) return err;
    struct tabular_model *model = NULL;
    memset(t->side, SIDE_TRAIN, t->rows.frame.rows);
    err = fit(t, NULL, &model);
    if (err == OK) err = ahead_write(t, model);
    if (err == OK) err = results_write(t, model);
    if (model) tabular_close(model);
    return err;
}

static void closed(struct series_training *t) {
    memory_give(t->side);
    series_backtest_close(&t->backtest);
    series_rows_close(&t->rows);
    series_judged_close(&t->judged);
    buf_close(&t->ahead);
    buf_close(&t->scorecard);
}

enum err series_train(struct step_context *context, const struct json *options,
                      struct table *table) {
    struct series_training t = {.context = context,
                                .wish = json_member(options, "series"),
                                .predictions = json_member_bool(options, "predictions", false)};
    t.warnings.warnings = ARENA_ARRAY(context->arena, struct frame_warning, FRAME_WARNINGS_MAX);
    if (!t.warnings.warnings) return ERR_MEMORY;
    buf_open(&t.scorecard, LIMIT_JSON_BYTES);
    buf_open(&t.ahead, LIMIT_JSON_BYTES);
    struct series_source source = {.schema = table_schema(table), .table = table};
    enum err err =
        tabular_options_read(json_member(options, "options"), &t.options, context->fault);
    const struct json *told = json_member(json_member(options, "options"), "trees");
    if (!told) t.options.trees = SERIES_TREES;
    if (err == OK) {
        err = series_learn(&source, t.wish, json_member_text(options, "target"), context->arena,
                           context->progress, &t.data, &t.warnings, context->fault);
    }
    t.options.threads = step_threads(context);
    t.options.folds = 0; // the origins are
    if (err == OK) {
        warn(&t, "series.duplicates", t.data.duplicates);
        warn(&t, "series.missing", t.data.filled);
        warn(&t, "series.moved", t.data.off);
        warn(&t, "series.without_time", t.data.without_time);
        err = go(&t);
    }
    if (err == OK && t.rows.stride > 1) json_set_u64(context->summary, "stride", t.rows.stride);
    closed(&t);
    return err == ERR_MEMORY ? fault_set(context->fault, err, "train.no_memory", STR_NONE) : err;
}
