// Training from end to end: check, split, fit, judge, scorecard.

#include <math.h>
#include <string.h>

#include "model/tabular/judge_parts_private.h"
#include "model/tabular/target_private.h"

enum { FOLD_METRICS_MAX = 16, LIMIT_FOLD_BYTES = 64 * 1024 };
static const uint64_t rows_least = 10;
// Up to so many rows the model is fitted again, before it is judged with the rows that validated,
// and after with those that tested: few rows teach much, and fitting them is quick (in cells, too).
static const uint64_t rows_refitted = 20 * 1000, cells_refitted = 2 * 1000 * 1000;
static const uint64_t equals_that_part = 20; // rows for each distinct one, on average
// Below this many cells threads cost more than they save (measured: 569 x 30 is faster on one).
static const uint64_t cells_worth_threads = 200 * 1000;

struct training {
    const struct frame *frame;
    const struct tabular_target *target;
    const struct tabular_options *options;
    struct pool *pool;
    struct progress *progress;
    struct fault *fault;
    uint64_t *keys;     // (N) of the features: equal rows have equal ones
    uint64_t *alone;    // (N) or NULL: each row's own, where so few differ that equal ones part
    uint32_t *stratum;  // (N)
    uint8_t *side;      // (N)
    uint32_t *rows;     // (N): train, then validate, then test, then what weighs nothing
    uint64_t counts[4]; // by split_side, and of SIDE_NONE
    double *weight;     // (N) or NULL
    struct train_rows input;
    struct tabular_model *model;
    struct boosted boosted;
    struct side_rows test, held; // held: the validation side
    double *held_predicted;      // (held rows, K)
    struct column_rule rule;
    uint8_t *leaks;    // (F)
    double *predicted; // (test rows, K)
    double threshold, validation;
};

static const uint32_t *rows_of(const struct training *t, enum split_side side) {
    uint64_t first = side == SIDE_TRAIN ? 0 : t->counts[SIDE_TRAIN];
    return t->rows + first + (side == SIDE_TEST ? t->counts[SIDE_VALIDATE] : 0);
}

// ---- check ------------------------------

static enum err check_input(const struct training *t) {
    const struct frame *frame = t->frame;
    if (frame->rows < rows_least) {
        return fault_set(t->fault, ERR_INPUT, "train.too_few_rows", STR("10"));
    }
    if (frame->rows > (uint64_t)1 << 28) {
        return fault_set(t->fault, ERR_LIMIT, "train.too_many_rows", STR("268435456"));
    }
    if (frame->feature_count == 0) {
        return fault_set(t->fault, ERR_INPUT, "train.no_columns", STR_NONE);
    }
    if (frame->feature_count > MODEL_FEATURES_MAX) {
        return fault_set(t->fault, ERR_LIMIT, "train.too_wide", STR("65536"));
    }
    for (uint32_t f = 0; f < frame->feature_count; f++) {
        bool text = frame->features[f].kind == FEATURE_TEXT;
        if (text && t->options->learner != LEARNER_LINEAR) {
            return fault_set(t->fault, ERR_INPUT, "train.text_needs_linear",
                             frame->features[f].name);
        }
        if (frame->features[f].category_count > TABULAR_CATEGORIES_MAX) {
            return fault_set(t->fault, ERR_LIMIT, "train.too_many_categories",
                             frame->features[f].name);
        }
    }
    return target_check(t->target, t->options, frame->rows, t->fault);
}

// ---- split ------------------------------

// Equal rows get equal keys; all missing values are the same.
static void keys_of_rows(const struct frame *frame, uint64_t *keys) {
    for (uint32_t f = 0; f < frame->feature_count; f++) {
        const float *values = frame->values[f];
        for (uint64_t i = 0; i < frame->rows; i++) {
            uint32_t bits = 0x7FC00000u;
            float value = values[i] == 0 ? 0 : values[i];
            if (!isnan(value)) memcpy(&bits, &value, sizeof(bits));
            keys[i] = seed_mix(keys[i] + bits + 0x9E3779B97F4A7C15u);
        }
    }
}

static void keys_of_text(const struct sparse *text, uint64_t rows, uint64_t *keys) {
    for (uint64_t i = 0; i < rows; i++) {
        for (uint32_t at = 0; at < text->count[i]; at++) {
            uint64_t bucket = text->bucket[text->from[i] + at];
            keys[i] = seed_mix(keys[i] + bucket + 0x9E3779B97F4A7C15u);
        }
    }
}

static enum err take_rows(struct training *t) {
    uint64_t rows = t->frame->rows;
    t->keys = memory_take(rows * sizeof(*t->keys) + 1);
    t->stratum = memory_take(rows * sizeof(*t->stratum) + 1);
    t->side = memory_take(rows + 1);
    t->rows = memory_take(rows * sizeof(*t->rows) + 1);
    if (!t->keys || !t->stratum || !t->side || !t->rows) return ERR_MEMORY;
    keys_of_rows(t->frame, t->keys);
    for (uint32_t f = 0; t->frame->sparse && f < t->frame->feature_count; f++) {
        if (t->frame->features[f].kind != FEATURE_TEXT) continue;
        keys_of_text(&t->frame->sparse[f], t->frame->rows, t->keys);
    }
    const struct tabular_target *target = t->target;
    for (uint64_t i = 0; i < rows; i++) {
        if (task_has_classes(target->task)) t->stratum[i] = (uint32_t)target->values[i];
        if (target->event) t->stratum[i] = target->event[i];
    }
    return OK;
}

static const uint64_t *keys_to_split(const struct training *t) {
    if (t->options->group) return t->options->group;
    return t->alone ? t->alone : t->keys;
}

// Are there more than `most` distinct keys? A table of the keys met, left as soon as it is known.
static enum err more_distinct(const uint64_t *keys, uint64_t rows, uint64_t most, bool *out) {
    uint64_t room = 64, count = 0;
    while (room < 2 * most) room *= 2;
    uint64_t *met = memory_take(room * sizeof(*met));
    if (!met) return ERR_MEMORY;
    for (uint64_t i = 0; i < rows && count <= most; i++) {
        uint64_t key = keys[i] ? keys[i] : 1, at = seed_mix(key) & (room - 1);
        while (met[at] && met[at] != key) at = (at + 1) & (room - 1);
        count += met[at] == 0;
        met[at] = key;
    }
    memory_give(met);
    *out = count > most;
    return OK;
}

// Equal rows stay together, so that none is known before it tests. Where nearly every row has many
// equals (a few columns of few values) they would leave whole kinds of rows unseen: there each goes
// its own way.
static enum err part_equal_rows(struct training *t) {
    uint64_t rows = t->frame->rows;
    bool differ = true;
    if (t->options->group || t->options->side || t->options->judge.time_splits) return OK;
    enum err err = more_distinct(t->keys, rows, rows / equals_that_part, &differ);
    if (err != OK || differ) return err;
    t->alone = memory_take(rows * sizeof(*t->alone) + 1);
    if (!t->alone) return ERR_MEMORY;
    for (uint64_t i = 0; i < rows; i++) t->alone[i] = i;
    return OK;
}

static enum err choose_sides(struct training *t) {
    const struct tabular_options *o = t->options;
    uint64_t rows = t->frame->rows;
    if (o->side) {
        memcpy(t->side, o->side, rows);
        return OK;
    }
    if (o->judge.time_splits) {
        return split_time(o->judge.time, rows, o->test_milli, o->validate_milli, t->side);
    }
    return split_groups(keys_to_split(t), t->stratum, rows, o->test_milli, o->validate_milli,
                        o->seed, t->side);
}

// Two classes, or an event, are on the training side.
static bool training_side_tells(const struct training *t) {
    const struct tabular_target *target = t->target;
    bool tells = target->task == TASK_REGRESSION;
    for (uint64_t i = 0; !tells && i < t->counts[SIDE_TRAIN]; i++) {
        tells = target->event ? target->event[t->rows[i]] != 0
                              : target->values[t->rows[i]] != target->values[t->rows[0]];
    }
    return tells;
}

// The rows by side, ready to train.
static enum err arrange(struct training *t) {
    uint64_t at[4], rows = t->frame->rows;
    const struct tabular_target *target = t->target;
    for (uint64_t i = 0; i < rows; i++) {
        if (target->weight && target->weight[i] == 0) t->side[i] = SIDE_NONE;
        t->counts[t->side[i]]++;
    }
    at[SIDE_TRAIN] = 0;
    at[SIDE_VALIDATE] = t->counts[SIDE_TRAIN];
    at[SIDE_TEST] = at[SIDE_VALIDATE] + t->counts[SIDE_VALIDATE];
    at[SIDE_NONE] = at[SIDE_TEST] + t->counts[SIDE_TEST];
    for (uint64_t i = 0; i < rows; i++) t->rows[at[t->side[i]]++] = (uint32_t)i;
    enum err err = target_weights(target, rows, t->rows, t->counts[SIDE_TRAIN], &t->weight);
    if (err != OK) return err;
    t->input = (struct train_rows){.frame = t->frame,
                                   .target = t->target,
                                   .train = rows_of(t, SIDE_TRAIN),
                                   .validate = rows_of(t, SIDE_VALIDATE),
                                   .train_count = t->counts[SIDE_TRAIN],
                                   .validate_count = t->counts[SIDE_VALIDATE],
                                   .weight = t->weight};
    bool untested = t->options->test_milli > 0 && !t->options->side && t->counts[SIDE_TEST] == 0;
    if (t->counts[SIDE_TRAIN] < 2 || untested || !training_side_tells(t)) {
        return fault_set(t->fault, ERR_INPUT, "train.split_leaves_too_few", STR_NONE);
    }
    return OK;
}

static bool column_varies(const struct training *t, uint32_t f) {
    const float *values = t->frame->values[f];
    float first = values[t->rows[0]];
    for (uint64_t i = 1; i < t->counts[SIDE_TRAIN]; i++) {
        float value = values[t->rows[i]];
        if (value != first && !(isnan(value) && isnan(first))) return true;
    }
    return false;
}

static enum err check_columns(const struct training *t) {
    for (uint32_t f = 0; f < t->frame->feature_count; f++) {
        if (t->frame->features[f].kind == FEATURE_TEXT || column_varies(t, f)) return OK;
    }
    return fault_set(t->fault, ERR_INPUT, "train.nothing_varies", STR_NONE);
}

// ---- fit ------------------------------

static enum err fit_learner(struct training *t, const struct train_rows *rows,
                            const struct tabular_options *options, struct boosted *boosted) {
    struct progress *progress = rows == &t->input ? t->progress : NULL;
    struct tabular_model *model = t->model;
    if (t->options->learner == LEARNER_POINTS) {
        return points_train(rows, options, t->pool, progress, &model->points, t->fault);
    }
    if (t->options->learner == LEARNER_LINEAR) {
        return linear_train(rows, options, t->pool, progress, &model->linear, t->fault);
    }
    enum err err = boost_train(rows, options, t->pool, progress, boosted, t->fault);
    if (err != OK) return err;
    model->forest = boosted->forest;
    boosted->forest = (struct forest){0};
    return forest_fast_make(&model->forest, model->features, t->frame->feature_count, &model->fast);
}

static enum err predict_side(const struct training *t, const struct tabular_model *model,
                             const struct side_rows *side, double **out) {
    double *predicted = memory_take(side->rows * model->outputs * sizeof(*predicted) + 1);
    if (!predicted) return ERR_MEMORY;
    enum err err = model_margin(model, &side->frame, t->pool, predicted);
    for (uint64_t i = 0; err == OK && i < side->rows; i++) {
        model_link(model, predicted + i * model->outputs);
    }
    if (err == OK)
        *out = predicted;
    else
        memory_give(predicted);
    return err;
}

// What the model says of the validation side before it has seen it.
static enum err hold_validation(struct training *t) {
    if (t->counts[SIDE_VALIDATE] == 0 || t->held_predicted) return OK;
    enum err err = side_take(&t->input, t->input.validate, t->input.validate_count, &t->held);
    return err == OK ? predict_side(t, t->model, &t->held, &t->held_predicted) : err;
}

static uint64_t rows_until(const struct training *t, enum split_side last) {
    uint64_t rows = 0;
    for (uint32_t side = 0; side <= last; side++) rows += t->counts[side];
    return rows;
}

// A caller who chose the sides himself means those that train.
static bool few_rows(const struct training *t, enum split_side last) {
    uint64_t rows = rows_until(t, last);
    return !t->options->side && rows <= rows_refitted &&
           rows * t->frame->feature_count <= cells_refitted;
}

static bool refits(const struct training *t) {
    return t->counts[SIDE_VALIDATE] > 0 && few_rows(t, SIDE_VALIDATE);
}

// The points of a scorecard are what people look at and approve: they stay as they were judged.
static bool fits_all(const struct training *t) {
    return t->counts[SIDE_TEST] > 0 && !t->options->keep_test && few_rows(t, SIDE_TEST) &&
           t->options->learner != LEARNER_POINTS;
}

// Once more with the rows of all sides up to `last`, for as many rounds as validation found best.
// The rows that validated still tell the threshold, by what the model said of them before.
static enum err fit_again(struct training *t, enum split_side last) {
    struct tabular_options options = *t->options;
    struct train_rows all = t->input;
    struct boosted second = {0};
    uint32_t *rows = memory_take(t->frame->rows * sizeof(*rows));
    enum err err = rows ? hold_validation(t) : ERR_MEMORY;
    all.train = rows;
    all.train_count = 0;
    for (uint64_t i = 0; err == OK && i < t->frame->rows; i++) {
        if (t->side[i] <= last) rows[all.train_count++] = (uint32_t)i;
    }
    all.validate = NULL;
    all.validate_count = 0;
    options.trees = t->boosted.best_round;
    options.early_stop = 0;
    options.checkpoint = NULL;
    if (err == OK && (t->options->learner != LEARNER_BOOST || options.trees > 0)) {
        model_unfit(t->model);
        err = fit_learner(t, &all, &options, &second);
    }
    boosted_close(&second);
    memory_give(rows);
    return err;
}

// The margins of a second fit have a middle of their own; the hazard is the first fit's. `last` as
// in fit_again.
static enum err centre(struct training *t, enum split_side last) {
    const struct tabular_target *target = t->target;
    if (target->task != TASK_SURVIVAL) return OK;
    struct truth known = {target->values, t->weight, target->event, t->rows, rows_until(t, last)};
    return model_centre(t->model, t->frame, &known, t->pool);
}

// The baseline hazard is of every row that isn't for testing, as the first fit tells them apart:
// rows that a model has trained on look better told apart than others will be.
static enum err fit(struct training *t) {
    const struct tabular_target *target = t->target;
    struct truth known = {target->values, t->weight, target->event, t->rows,
                          rows_until(t, SIDE_VALIDATE)};
    enum err err = model_open(&t->model);
    if (err == OK) {
        err = model_describe(t->model, &t->input, t->options);
    }
    if (err == OK) err = fit_learner(t, &t->input, t->options, &t->boosted);
    if (err == OK && target->task == TASK_SURVIVAL) {
        err = model_set_hazard(t->model, t->frame, &known, target->times, target->time_count,
                               t->pool);
    }
    if (err != OK || !refits(t)) return err;
    err = fit_again(t, SIDE_VALIDATE);
    return err == OK ? centre(t, SIDE_VALIDATE) : err;
}

// What the model that was judged says of every row, for who asked.
static enum err tell_judged(const struct training *t) {
    if (!t->options->judged) return OK;
    enum err err = model_margin(t->model, t->frame, t->pool, t->options->judged);
    for (uint64_t i = 0; err == OK && i < t->frame->rows; i++) {
        model_link(t->model, t->options->judged + i * t->model->outputs);
    }
    return err;
}

// The judged model has done its work: the one that answers learns from all rows.
static enum err fit_all(struct training *t) {
    enum err err = tell_judged(t);
    if (err != OK || !fits_all(t)) return err;
    err = fit_again(t, SIDE_TEST);
    return err == OK ? centre(t, SIDE_TEST) : err;
}

// The threshold comes from the validation side, as does what models are chosen by: tuned on the
// test side they would flatter.
static enum err judge_validation(struct training *t, const struct judging *judging) {
    t->threshold = 0.5;
    t->validation = NAN;
    enum err err = hold_validation(t);
    if (err != OK || !t->held_predicted) return err;
    t->threshold = judge_threshold(judging, &t->held, t->held_predicted);
    t->validation = judge_headline(judging, &t->held, t->held_predicted, t->held.rows);
    return OK;
}

// ---- scorecard ------------------------------

static void write_rows(const struct training *t, struct json_writer *out) {
    json_put_name(out, "rows");
    json_open_object(out);
    json_set_u64(out, "train", t->counts[SIDE_TRAIN]);
    json_set_u64(out, "validate", t->counts[SIDE_VALIDATE]);
    json_set_u64(out, "test", t->counts[SIDE_TEST]);
    json_close_object(out);
}

static void write_head(const struct training *t, struct json_writer *out) {
    const struct tabular_options *o = t->options;
    json_set_text(out, "task", str_of(tabular_task_name(t->target->task)));
    json_set_text(out, "target", t->target->name);
    json_set_text(out, "learner", str_of(tabular_learner_name(o->learner)));
    json_put_name(out, "classes");
    json_open_array(out);
    for (uint32_t k = 0; k < t->target->class_count; k++) json_put_text(out, t->target->classes[k]);
    json_close_array(out);
    write_rows(t, out);
    json_put_name(out, "split");
    json_open_object(out);
    json_set_u64(out, "test_milli", o->test_milli);
    json_set_u64(out, "validate_milli", o->validate_milli);
    bool timed = o->judge.time_splits;
    json_set_text(out, "groups",
                  timed      ? STR("time")
                  : o->group ? STR("given")
                  : t->alone ? STR("none")
                             : STR("equal_rows"));
    if (timed) json_set_text(out, "time", o->judge.time_name);
    json_set_bool(out, "stratified", !timed && t->target->task != TASK_REGRESSION);
    json_set_bool(out, "weighted", t->target->weight != NULL);
    json_set_bool(out, "refitted", refits(t));
    json_set_bool(out, "all_rows", fits_all(t));
    json_close_object(out);
    json_set_u64(out, "seed", o->seed);
    json_put_name(out, "options");
    tabular_options_write(out, o);
}

static void write_curve(const struct training *t, struct json_writer *out) {
    uint32_t rounds = t->boosted.rounds;
    if (t->options->learner == LEARNER_LINEAR) rounds = t->model->linear.iterations;
    json_set_u64(out, "rounds", rounds);
    json_set_u64(out, "best_round",
                 t->options->learner == LEARNER_BOOST ? t->boosted.best_round : rounds);
    json_put_name(out, "curve");
    json_open_array(out);
    for (uint32_t r = 0; r < t->boosted.rounds; r++) {
        json_open_object(out);
        json_set_u64(out, "round", r + 1);
        json_set_number(out, "train", t->boosted.curve[r].train);
        json_set_number(out, "validate", t->boosted.curve[r].validate);
        json_close_object(out);
    }
    json_close_array(out);
}

static enum err write_baseline(struct training *t, const struct judging *judging) {
    uint64_t cells = t->test.rows * judging_outputs(judging);
    double *predicted = memory_take(cells * sizeof(*predicted) + 1);
    if (!predicted) return ERR_MEMORY;
    enum err err = column_rule_predict(judging, &t->rule, &t->test, predicted);
    struct json_writer *out = judging->out;
    json_put_name(out, "baseline");
    json_open_object(out);
    if (t->rule.feature != UINT32_MAX) {
        json_set_text(out, "rule", STR("best_column"));
        json_set_text(out, "column", t->frame->features[t->rule.feature].name);
    } else {
        json_set_text(out, "rule", str_of(column_rule_plain_name(judging)));
    }
    if (err == OK) err = judge_metrics(judging, &t->test, predicted, 0.5);
    if (err == OK) err = judge_difference(judging, &t->test, t->predicted, predicted);
    json_close_object(out);
    memory_give(predicted);
    return err;
}

// What lies as far above a squared loss' answer as the quantile asks for: that of its residuals.
static enum err residual_quantile(const struct training *t, const struct tabular_model *model,
                                  const struct train_rows *rows, double *out) {
    double *predicted = memory_take(t->frame->rows * sizeof(*predicted) + 1);
    struct weighed_value *off = memory_take(rows->train_count * sizeof(*off) + 1);
    enum err err = predicted && off ? OK : ERR_MEMORY;
    if (err == OK) err = model_margin(model, t->frame, t->pool, predicted);
    for (uint64_t i = 0; err == OK && i < rows->train_count; i++) {
        uint32_t row = rows->train[i];
        double weight = t->weight ? t->weight[row] : 1;
        off[i] = (struct weighed_value){t->target->values[row] - predicted[row], weight};
    }
    if (err == OK) *out = quantile_weighed(off, rows->train_count, t->options->quantile);
    memory_give(off);
    memory_give(predicted);
    return err;
}

// A linear model on at most JUDGE_LINEAR_ROWS rows of the training side, to compare with. One that
// would be too wide is left out.
static enum err write_linear(struct training *t, const struct judging *judging) {
    struct train_rows some = t->input;
    uint64_t step = (some.train_count + JUDGE_LINEAR_ROWS - 1) / JUDGE_LINEAR_ROWS;
    uint32_t *rows = memory_take((some.train_count / step + 1) * sizeof(*rows));
    if (!rows) return ERR_MEMORY;
    some.train_count = 0;
    for (uint64_t i = 0; i < t->input.train_count; i += step) {
        rows[some.train_count++] = t->input.train[i];
    }
    some.train = rows;
    struct tabular_model linear = *t->model;
    linear.learner = LEARNER_LINEAR;
    linear.linear = (struct linear){0};
    struct tabular_options options = *t->options;
    bool quantile = options.loss == LOSS_QUANTILE;
    if (quantile) options.loss = LOSS_SQUARED;
    enum err err = linear_train(&some, &options, t->pool, t->progress, &linear.linear, NULL);
    double *predicted, above = 0;
    bool fitted = err == OK;
    if (err == ERR_LIMIT) err = OK;
    if (fitted && quantile) err = residual_quantile(t, &linear, &some, &above);
    if (fitted && err == OK) err = predict_side(t, &linear, &t->test, &predicted);
    if (fitted && err == OK) {
        for (uint64_t i = 0; quantile && i < t->test.rows; i++) predicted[i] += above;
        json_put_name(judging->out, "baseline_linear");
        json_open_object(judging->out);
        json_set_u64(judging->out, "rows", some.train_count);
        err = judge_metrics(judging, &t->test, predicted, 0.5);
        if (err == OK) err = judge_difference(judging, &t->test, t->predicted, predicted);
        json_close_object(judging->out);
        memory_give(predicted);
    }
    linear_close(&linear.linear);
    memory_give(rows);
    return err;
}

static enum err write_warnings(const struct training *t, const struct judging *judging) {
    struct json_writer *out = judging->out;
    json_put_name(out, "warnings");
    json_open_array(out);
    if (t->frame->rows < JUDGE_FEW_ROWS) put_warning(out, "train.few_rows", STR_NONE);
    for (uint32_t f = 0; f < t->frame->feature_count; f++) {
        struct str name = t->frame->features[f].name;
        if (t->leaks[f]) put_warning(out, "train.column_knows_answer", name);
        if (t->frame->features[f].made || t->frame->features[f].kind == FEATURE_TEXT) continue;
        if (column_varies(t, f)) continue;
        bool empty = isnan(t->frame->values[f][t->rows[0]]);
        put_warning(out, empty ? "train.column_empty" : "train.column_ignored", name);
    }
    uint64_t seen[TABULAR_CLASSES_MAX] = {0};
    for (uint64_t i = 0; i < t->test.rows && task_has_classes(t->target->task); i++) {
        seen[(uint32_t)t->test.truth[i]]++;
    }
    for (uint32_t k = 0; k < t->target->class_count && t->test.rows > 0; k++) {
        if (seen[k] < JUDGE_SMALL_GROUP) {
            put_warning(out, "train.group_small", t->target->classes[k]);
        }
    }
    if (t->alone) put_warning(out, "train.few_rows_differ", STR_NONE);
    enum err err =
        judge_leaks(judging, t->frame, &t->options->judge, t->side, t->alone ? t->alone : t->keys);
    json_close_array(out);
    return err;
}

// ---- folds ------------------------------

// Sums of a metric over folds.
struct fold_sum {
    char name[32];
    double sum, square, least, most;
    uint32_t count;
};

static void fold_count(struct fold_sum *sums, const struct json *metrics) {
    for (const struct json *m = json_first(metrics); m; m = json_next(m)) {
        double value = json_member_number(m, "value", NAN);
        struct str name = json_member_text(m, "name");
        if (!isfinite(value)) continue;
        for (uint32_t i = 0; i < FOLD_METRICS_MAX; i++) {
            struct fold_sum *sum = &sums[i];
            if (sum->count == 0) {
                *sum = (struct fold_sum){.least = value, .most = value};
                if (!str_copy(sum->name, sizeof sum->name, name)) break;
            } else if (!str_is(name, sum->name)) {
                continue;
            }
            sum->sum += value;
            sum->square += value * value;
            sum->least = fmin(sum->least, value);
            sum->most = fmax(sum->most, value);
            sum->count++;
            break;
        }
    }
}

static void write_fold_sums(struct json_writer *out, const struct fold_sum *sums) {
    json_put_name(out, "folds_summary");
    json_open_array(out);
    for (uint32_t i = 0; i < FOLD_METRICS_MAX && sums[i].count > 0; i++) {
        double n = sums[i].count, mean = sums[i].sum / n;
        double spread = n > 1 ? sqrt(fmax(0, sums[i].square - n * mean * mean) / (n - 1)) : NAN;
        json_open_object(out);
        json_set_text(out, "name", str_of(sums[i].name));
        json_set_number(out, "mean", mean);
        json_set_number(out, "spread", spread);
        json_set_number(out, "least", sums[i].least);
        json_set_number(out, "most", sums[i].most);
        json_close_object(out);
    }
    json_close_array(out);
}

// What tests in a fold; of the rest, groups kept together, a part validates.
static enum err fold_sides(struct training *fold, const uint32_t *dealt, uint32_t which) {
    const struct tabular_options *o = fold->options;
    uint64_t rows = fold->frame->rows;
    if (o->judge.time_splits) {
        return split_rolling(o->judge.time, rows, o->folds, which, o->validate_milli, fold->side);
    }
    enum err err = split_groups(keys_to_split(fold), fold->stratum, rows, 0, o->validate_milli,
                                o->seed + which + 1, fold->side);
    for (uint64_t i = 0; err == OK && i < rows; i++) {
        if (dealt[i] == which) fold->side[i] = SIDE_TEST;
    }
    return err;
}

static enum err fold_judge(struct training *fold, struct judging *judging) {
    struct json_writer *out = judging->out;
    const uint32_t *tests = rows_of(fold, SIDE_TEST);
    enum err err = side_take(&fold->input, tests, fold->counts[SIDE_TEST], &fold->test);
    if (err == OK) err = predict_side(fold, fold->model, &fold->test, &fold->predicted);
    if (err == OK) err = judge_validation(fold, judging);
    if (err != OK) return err;
    json_open_object(out);
    write_rows(fold, out);
    json_set_u64(out, "rounds",
                 fold->options->learner != LEARNER_BOOST ? fold->model->linear.iterations
                                                         : fold->boosted.best_round);
    err = judge_metrics(judging, &fold->test, fold->predicted, fold->threshold);
    json_close_object(out);
    return err;
}

static void training_close(struct training *t) {
    memory_give(t->predicted);
    memory_give(t->held_predicted);
    column_rule_close(&t->rule);
    side_close(&t->test);
    side_close(&t->held);
    boosted_close(&t->boosted);
    memory_give(t->weight);
    memory_give(t->leaks);
    memory_give(t->rows);
    memory_give(t->side);
}

// One fold: into the list and the sums. One that leaves too little to train on is left out.
static enum err run_fold(const struct training *whole, const struct judging *judging,
                         const uint32_t *dealt, uint32_t which, struct fold_sum *sums) {
    struct tabular_options options = *whole->options;
    options.checkpoint = NULL;
    struct training fold = {.frame = whole->frame,
                            .target = whole->target,
                            .options = &options,
                            .pool = whole->pool,
                            .progress = whole->progress,
                            .keys = whole->keys,
                            .alone = whole->alone,
                            .stratum = whole->stratum};
    fold.side = memory_take(whole->frame->rows + 1);
    fold.rows = memory_take(whole->frame->rows * sizeof(*fold.rows) + 1);
    enum err err = fold.side && fold.rows ? fold_sides(&fold, dealt, which) : ERR_MEMORY;
    if (err == OK) err = arrange(&fold);
    bool fits = err == OK && fold.counts[SIDE_TEST] > 0;
    if (err == ERR_INPUT) err = OK;
    if (fits) err = fit(&fold);
    struct buf text;
    buf_open(&text, LIMIT_FOLD_BYTES);
    struct json_writer out = json_writer_of(&text);
    struct judging inner = *judging;
    inner.out = &out;
    struct json *told = NULL;
    if (fits && err == OK) err = fold_judge(&fold, &inner);
    if (fits && err == OK) err = json_parse(buf_str(&text), &told, NULL);
    if (fits && err == OK) {
        json_put_raw(judging->out, buf_str(&text));
        fold_count(sums, json_member(told, "metrics"));
    }
    json_close(told);
    buf_close(&text);
    tabular_close(fold.model);
    training_close(&fold);
    return err;
}

static enum err write_folds(const struct training *t, const struct judging *judging) {
    const struct tabular_options *o = t->options;
    uint64_t rows = t->frame->rows;
    if (o->folds == 0) return OK;
    struct fold_sum sums[FOLD_METRICS_MAX] = {{.count = 0}};
    uint32_t *dealt = memory_take(rows * sizeof(*dealt) + 1);
    enum err err = dealt ? OK : ERR_MEMORY;
    if (err == OK && !o->judge.time_splits) {
        err = split_folds(keys_to_split(t), t->stratum, rows, o->folds, o->seed, dealt);
    }
    json_put_name(judging->out, "folds");
    json_open_array(judging->out);
    for (uint32_t k = 0; err == OK && k < o->folds; k++) {
        err = run_fold(t, judging, dealt, k, sums);
    }
    json_close_array(judging->out);
    write_fold_sums(judging->out, sums);
    memory_give(dealt);
    return err;
}

// ---- the whole scorecard ------------------------------

static enum err write_scorecard(struct training *t, struct buf *scorecard) {
    struct json_writer out = json_writer_of(scorecard);
    struct judging judging = {.target = t->target,
                              .loss = t->options->loss,
                              .quantile = t->options->quantile,
                              .pool = t->pool,
                              .progress = t->progress,
                              .seed = t->options->seed,
                              .out = &out};
    enum err err = side_take(&t->input, rows_of(t, SIDE_TEST), t->counts[SIDE_TEST], &t->test);
    if (err == OK) err = predict_side(t, t->model, &t->test, &t->predicted);
    if (err == OK) err = profile_make(t->model, &t->input, t->predicted, t->test.rows);
    if (err == OK) err = judge_validation(t, &judging);
    if (err == OK) err = column_rule_fit(&judging, &t->input, &t->rule, t->leaks);
    if (err != OK) return err;
    json_open_object(&out);
    write_head(t, &out);
    write_curve(t, &out);
    err = judge_metrics(&judging, &t->test, t->predicted, t->threshold);
    if (isfinite(t->validation)) json_set_number(&out, "validation", t->validation);
    if (err == OK) err = write_baseline(t, &judging);
    if (err == OK && t->options->learner != LEARNER_LINEAR) err = write_linear(t, &judging);
    if (err == OK) err = judge_curves(&judging, &t->test, t->predicted, t->threshold);
    if (err == OK) err = judge_survival(&judging, t->model, &t->test, t->predicted);
    if (err == OK) {
        struct costs costs = {t->options->cost_false_alarm, t->options->cost_miss};
        const struct side_rows *held = t->held.rows ? &t->held : NULL;
        err = judge_decisions(&judging, held, t->held_predicted, &t->test, t->predicted, costs,
                              t->threshold);
    }
    if (err == OK) {
        err = judge_groups(&judging, &t->options->judge, t->model, rows_of(t, SIDE_TEST), &t->test,
                           t->predicted, t->threshold);
    }
    if (err == OK) err = judge_importance(&judging, t->model, &t->test);
    if (err == OK && t->options->learner == LEARNER_POINTS) {
        points_write(&t->model->points, t->model->features, t->options, &out);
    }
    if (err == OK) err = write_warnings(t, &judging);
    if (err == OK) err = write_folds(t, &judging);
    json_close_object(&out);
    return err == OK ? buf_err(scorecard) : err;
}

// ---- all of it ------------------------------

static enum err run(struct training *t, struct buf *scorecard) {
    t->leaks = memory_take(t->frame->feature_count);
    if (!t->leaks) return ERR_MEMORY;
    if (t->progress) progress_set(t->progress, PHASE_TRAIN, 0, t->options->trees);
    enum err err = take_rows(t);
    if (err == OK) err = part_equal_rows(t);
    if (err == OK) err = choose_sides(t);
    if (err == OK) err = arrange(t);
    if (err == OK && t->options->side_told) {
        memcpy(t->options->side_told, t->side, t->frame->rows);
    }
    if (err == OK) err = check_columns(t);
    if (err == OK) err = fit(t);
    if (err != OK || !scorecard) return err;
    if (t->progress) progress_set(t->progress, PHASE_EVALUATE, 0, 0);
    err = write_scorecard(t, scorecard);
    return err == OK ? fit_all(t) : err;
}

enum err tabular_train(const struct frame *frame, const struct tabular_target *target,
                       const struct tabular_options *options, struct progress *progress,
                       struct tabular_model **out, struct buf *scorecard, struct fault *fault) {
    struct training t = {
        .frame = frame, .target = target, .options = options, .progress = progress, .fault = fault};
    enum err err = check_input(&t);
    if (err != OK) return err;
    uint32_t threads = options->threads ? options->threads : thread_count_usable();
    uint64_t cells = frame->rows * frame->feature_count;
    err = pool_open(cells < cells_worth_threads ? 1 : threads, &t.pool);
    if (err == OK) err = run(&t, scorecard);
    training_close(&t);
    memory_give(t.stratum);
    memory_give(t.alone);
    memory_give(t.keys);
    pool_close(t.pool);
    if (err != OK)
        tabular_close(t.model);
    else
        *out = t.model;
    if (err == ERR_INPUT) return fault_set(fault, err, "train.bad_option", STR("test_milli"));
    return err;
}
