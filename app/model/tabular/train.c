// Training from end to end: check, split, fit, judge, scorecard.

#include <math.h>
#include <string.h>

#include "model/tabular/judge_private.h"

static const uint64_t rows_least = 10;
// Below this many cells threads cost more than they save (measured: 569 x 30 is faster on one).
static const uint64_t cells_worth_threads = 200 * 1000;

struct training {
    const struct frame *frame;
    const struct tabular_target *target;
    const struct tabular_options *options;
    struct pool *pool;
    struct progress *progress;
    struct fault *fault;
    uint8_t *side;      // (N)
    uint32_t *rows;     // (N): train, then validate, then test
    uint64_t counts[3]; // by split_side
    struct train_rows input;
    struct tabular_model *model;
    struct boosted boosted;
    struct side_rows test;
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

static enum err check_target(const struct training *t) {
    const struct tabular_target *target = t->target;
    uint64_t seen[TABULAR_CLASSES_MAX] = {0};
    if (target->task == TASK_REGRESSION) {
        for (uint64_t i = 0; i < t->frame->rows; i++) {
            if (!isfinite(target->values[i])) {
                return fault_at(t->fault, ERR_INPUT, "train.target_not_finite", i + 1, 0,
                                target->name);
            }
        }
        return OK;
    }
    if (target->class_count > TABULAR_CLASSES_MAX) {
        return fault_set(t->fault, ERR_INPUT, "train.too_many_classes", target->name);
    }
    cy_assert(target->task == TASK_BINARY ? target->class_count == 2 : target->class_count > 2);
    for (uint64_t i = 0; i < t->frame->rows; i++) {
        double k = target->values[i];
        cy_assert(k >= 0 && k < target->class_count);
        seen[(uint32_t)k]++;
    }
    uint32_t present = 0;
    for (uint32_t k = 0; k < target->class_count; k++) present += seen[k] > 0;
    if (present < 2) return fault_set(t->fault, ERR_INPUT, "train.one_class", target->name);
    return OK;
}

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
        if (frame->features[f].category_count > TABULAR_CATEGORIES_MAX) {
            return fault_set(t->fault, ERR_LIMIT, "train.too_many_categories",
                             frame->features[f].name);
        }
    }
    return check_target(t);
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

static enum err split(struct training *t) {
    uint64_t rows = t->frame->rows, at[3];
    uint64_t *keys = t->options->group ? NULL : memory_take(rows * sizeof(*keys));
    uint32_t *stratum = memory_take(rows * sizeof(*stratum));
    enum err err = ERR_MEMORY;
    if (!stratum || (!keys && !t->options->group)) goto done;
    if (keys) keys_of_rows(t->frame, keys);
    for (uint64_t i = 0; t->target->task != TASK_REGRESSION && i < rows; i++) {
        stratum[i] = (uint32_t)t->target->values[i];
    }
    err = split_groups(keys ? keys : t->options->group, stratum, rows, t->options->test_milli,
                       t->options->validate_milli, t->options->seed, t->side);
    if (err != OK) goto done;
    for (uint64_t i = 0; i < rows; i++) t->counts[t->side[i]]++;
    at[SIDE_TRAIN] = 0;
    at[SIDE_VALIDATE] = t->counts[SIDE_TRAIN];
    at[SIDE_TEST] = at[SIDE_VALIDATE] + t->counts[SIDE_VALIDATE];
    for (uint64_t i = 0; i < rows; i++) t->rows[at[t->side[i]]++] = (uint32_t)i;
    t->input = (struct train_rows){.frame = t->frame,
                                   .target = t->target,
                                   .train = rows_of(t, SIDE_TRAIN),
                                   .validate = rows_of(t, SIDE_VALIDATE),
                                   .train_count = t->counts[SIDE_TRAIN],
                                   .validate_count = t->counts[SIDE_VALIDATE]};
    bool varies = t->target->task == TASK_REGRESSION;
    for (uint64_t i = 1; !varies && i < t->counts[SIDE_TRAIN]; i++) {
        varies = t->target->values[t->rows[i]] != t->target->values[t->rows[0]];
    }
    if (t->counts[SIDE_TRAIN] < 2 || !varies) {
        err = fault_set(t->fault, ERR_INPUT, "train.split_leaves_too_few", STR_NONE);
    }
done:
    memory_give(stratum);
    memory_give(keys);
    return err;
}

// ---- fit ------------------------------

// The value a form starts from: the mean (whole where the column is), or the commonest category.
static float typical_of(const struct training *t, uint32_t f, uint64_t *seen) {
    const struct feature *feature = &t->frame->features[f];
    double sum = 0;
    uint64_t count = 0;
    memset(seen, 0, TABULAR_CATEGORIES_MAX * sizeof(*seen));
    for (uint64_t i = 0; i < t->counts[SIDE_TRAIN]; i++) {
        float value = t->frame->values[f][t->rows[i]];
        if (!isfinite(value)) continue;
        count++;
        sum += (double)value;
        if (feature->kind == FEATURE_CATEGORY && value >= 0 &&
            value < (float)feature->category_count) {
            seen[(uint32_t)value]++;
        }
    }
    if (count == 0) return NAN;
    if (feature->kind == FEATURE_CATEGORY) {
        uint32_t best = 0;
        for (uint32_t c = 1; c < feature->category_count; c++)
            best = seen[c] > seen[best] ? c : best;
        return feature->category_count > 0 ? (float)best : NAN;
    }
    double mean = sum / (double)count;
    return (float)(str_is(feature->type, "number") ? mean : round(mean));
}

// Least and greatest, that whoever asks may be told of a value that training has not seen.
static void range_of(const struct training *t, uint32_t f, float out[static 2]) {
    const float *values = t->frame->values[f];
    out[0] = out[1] = NAN;
    if (t->frame->features[f].kind == FEATURE_CATEGORY) return;
    for (uint64_t i = 0; i < t->counts[SIDE_TRAIN]; i++) {
        float value = values[t->rows[i]];
        if (!isfinite(value)) continue;
        out[0] = fminf(out[0], value); // the other where one is NaN
        out[1] = fmaxf(out[1], value);
    }
}

static enum err describe(struct training *t) {
    struct tabular_model *model = t->model;
    bool bad = false;
    uint32_t features = t->frame->feature_count, classes = t->target->class_count;
    model->features = ARENA_ARRAY(model->arena, struct feature, features);
    model->typical = ARENA_ARRAY(model->arena, float, features);
    model->ranges = ARENA_ARRAY(model->arena, float, 2 * (size_t)features);
    model->classes = ARENA_ARRAY(model->arena, struct str, classes + 1);
    uint64_t *seen = memory_take(TABULAR_CATEGORIES_MAX * sizeof(*seen));
    if (!model->features || !model->typical || !model->ranges || !model->classes || !seen) {
        bad = true;
    }
    for (uint32_t f = 0; !bad && f < features; f++) {
        const struct feature *from = &t->frame->features[f];
        struct feature *to = &model->features[f];
        *to = *from;
        to->name = model_text(model, from->name, &bad);
        to->type = model_text(model, from->type, &bad);
        to->categories = ARENA_ARRAY(model->arena, struct str, from->category_count + 1);
        if (!to->categories) bad = true;
        for (uint32_t c = 0; !bad && c < from->category_count; c++) {
            to->categories[c] = model_text(model, from->categories[c], &bad);
        }
        if (!bad) model->typical[f] = typical_of(t, f, seen);
        if (!bad) range_of(t, f, model->ranges + 2 * (size_t)f);
    }
    for (uint32_t k = 0; !bad && k < classes; k++) {
        model->classes[k] = model_text(model, t->target->classes[k], &bad);
    }
    model->target = model_text(model, t->target->name, &bad);
    model->preparation = model_text(model, t->options->preparation, &bad);
    memory_give(seen);
    model->feature_count = features;
    model->class_count = classes;
    model->task = t->target->task;
    model->learner = t->options->learner;
    model->outputs = t->target->task == TASK_CLASSES ? classes : 1;
    return bad ? ERR_MEMORY : OK;
}

static enum err fit(struct training *t) {
    enum err err = model_open(&t->model);
    if (err == OK) err = describe(t);
    if (err != OK) return err;
    if (t->options->learner == LEARNER_POINTS) {
        return points_train(&t->input, t->options, t->pool, t->progress, &t->model->points,
                            t->fault);
    }
    if (t->options->learner == LEARNER_LINEAR) {
        return linear_train(&t->input, t->options, t->pool, t->progress, &t->model->linear,
                            t->fault);
    }
    err = boost_train(&t->input, t->options, t->pool, t->progress, &t->boosted, t->fault);
    if (err != OK) return err;
    t->model->forest = t->boosted.forest;
    t->boosted.forest = (struct forest){0};
    return forest_fast_make(&t->model->forest, t->frame->feature_count, &t->model->fast);
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

// The threshold comes from the validation side, as does what models are chosen by: tuned on the
// test side they would flatter.
static enum err judge_validation(struct training *t, const struct judging *judging) {
    struct side_rows validate;
    double *predicted;
    t->threshold = 0.5;
    t->validation = NAN;
    if (t->counts[SIDE_VALIDATE] == 0) return OK;
    enum err err = side_take(&t->input, t->input.validate, t->input.validate_count, &validate);
    if (err != OK) return err;
    err = predict_side(t, t->model, &validate, &predicted);
    if (err == OK) {
        t->threshold = judge_threshold(judging, &validate, predicted);
        t->validation = judge_headline(judging, validate.truth, predicted, validate.rows);
        memory_give(predicted);
    }
    side_close(&validate);
    return err;
}

// ---- scorecard ------------------------------

static void write_head(const struct training *t, struct json_writer *out) {
    const struct tabular_options *o = t->options;
    json_set_text(out, "task", str_of(tabular_task_name(t->target->task)));
    json_set_text(out, "target", t->target->name);
    json_set_text(out, "learner", str_of(tabular_learner_name(o->learner)));
    json_put_name(out, "classes");
    json_open_array(out);
    for (uint32_t k = 0; k < t->target->class_count; k++) json_put_text(out, t->target->classes[k]);
    json_close_array(out);
    json_put_name(out, "rows");
    json_open_object(out);
    json_set_u64(out, "train", t->counts[SIDE_TRAIN]);
    json_set_u64(out, "validate", t->counts[SIDE_VALIDATE]);
    json_set_u64(out, "test", t->counts[SIDE_TEST]);
    json_close_object(out);
    json_put_name(out, "split");
    json_open_object(out);
    json_set_u64(out, "test_milli", o->test_milli);
    json_set_u64(out, "validate_milli", o->validate_milli);
    json_set_text(out, "groups", o->group ? STR("given") : STR("equal_rows"));
    json_set_bool(out, "stratified", t->target->task != TASK_REGRESSION);
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
        json_set_text(out, "rule",
                      t->target->task == TASK_REGRESSION ? STR("mean") : STR("majority"));
    }
    if (err == OK) err = judge_metrics(judging, &t->test, predicted, 0.5);
    json_close_object(out);
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
    enum err err = linear_train(&some, t->options, t->pool, t->progress, &linear.linear, NULL);
    double *predicted;
    bool fitted = err == OK;
    if (err == ERR_LIMIT) err = OK;
    if (fitted) err = predict_side(t, &linear, &t->test, &predicted);
    if (fitted && err == OK) {
        json_put_name(judging->out, "baseline_linear");
        json_open_object(judging->out);
        json_set_u64(judging->out, "rows", some.train_count);
        err = judge_metrics(judging, &t->test, predicted, 0.5);
        json_close_object(judging->out);
        memory_give(predicted);
    }
    linear_close(&linear.linear);
    memory_give(rows);
    return err;
}

static void write_warning(struct json_writer *out, const char *code, struct str detail) {
    json_open_object(out);
    json_set_text(out, "code", str_of(code));
    json_set_text(out, "detail", detail);
    json_close_object(out);
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

static void write_warnings(const struct training *t, struct json_writer *out) {
    json_put_name(out, "warnings");
    json_open_array(out);
    if (t->frame->rows < JUDGE_FEW_ROWS) write_warning(out, "train.few_rows", STR_NONE);
    for (uint32_t f = 0; f < t->frame->feature_count; f++) {
        struct str name = t->frame->features[f].name;
        if (t->leaks[f]) write_warning(out, "train.column_knows_answer", name);
        if (!column_varies(t, f)) write_warning(out, "train.column_ignored", name);
    }
    uint64_t seen[TABULAR_CLASSES_MAX] = {0};
    for (uint64_t i = 0; i < t->test.rows && t->target->task != TASK_REGRESSION; i++) {
        seen[(uint32_t)t->test.truth[i]]++;
    }
    for (uint32_t k = 0; k < t->target->class_count && t->test.rows > 0; k++) {
        if (seen[k] < JUDGE_SMALL_GROUP) {
            write_warning(out, "train.group_small", t->target->classes[k]);
        }
    }
    json_close_array(out);
}

static enum err write_scorecard(struct training *t, struct buf *scorecard) {
    struct json_writer out = json_writer_of(scorecard);
    struct judging judging = {.target = t->target,
                              .pool = t->pool,
                              .progress = t->progress,
                              .seed = t->options->seed,
                              .out = &out};
    enum err err = side_take(&t->input, rows_of(t, SIDE_TEST), t->counts[SIDE_TEST], &t->test);
    if (err == OK) err = predict_side(t, t->model, &t->test, &t->predicted);
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
    if (err == OK) err = judge_importance(&judging, t->model, &t->test);
    if (err == OK && t->options->learner == LEARNER_POINTS) {
        points_write(&t->model->points, t->model->features, t->options, &out);
    }
    if (err == OK) write_warnings(t, &out);
    json_close_object(&out);
    return err == OK ? buf_err(scorecard) : err;
}

// ---- all of it ------------------------------

static enum err run(struct training *t, struct buf *scorecard) {
    t->side = memory_take(t->frame->rows);
    t->rows = memory_take(t->frame->rows * sizeof(*t->rows));
    t->leaks = memory_take(t->frame->feature_count);
    if (!t->side || !t->rows || !t->leaks) return ERR_MEMORY;
    if (t->progress) progress_set(t->progress, PHASE_TRAIN, 0, t->options->trees);
    enum err err = split(t);
    if (err == OK) err = fit(t);
    if (err != OK) return err;
    if (t->progress) progress_set(t->progress, PHASE_EVALUATE, 0, 0);
    return write_scorecard(t, scorecard);
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
    memory_give(t.predicted);
    column_rule_close(&t.rule);
    side_close(&t.test);
    boosted_close(&t.boosted);
    memory_give(t.leaks);
    memory_give(t.rows);
    memory_give(t.side);
    pool_close(t.pool);
    if (err != OK)
        tabular_close(t.model);
    else
        *out = t.model;
    if (err == ERR_INPUT) return fault_set(fault, err, "train.bad_option", STR("test_milli"));
    return err;
}
