// Metrics and curves of the scorecard.

#include "model/tabular/judge_private.h"

#include <math.h>
#include <string.h>

enum err side_take(const struct train_rows *from, const uint32_t *rows, uint64_t count,
                   struct side_rows *out) {
    uint32_t features = from->frame->feature_count;
    struct side_rows side = {.rows = count};
    side.columns = memory_take(features * sizeof(*side.columns) + 1);
    side.values = memory_take(count * features * sizeof(float) + 1);
    side.truth = memory_take(count * sizeof(double) + 1);
    if (from->target->weight) side.weight = memory_take(count * sizeof(double) + 1);
    if (from->target->event) side.event = memory_take(count + 1);
    enum err err = sparse_take(from->frame, rows, count, &side.sparse);
    if (!side.columns || !side.values || !side.truth || (from->target->weight && !side.weight) ||
        (from->target->event && !side.event) || err != OK) {
        side_close(&side);
        return ERR_MEMORY;
    }
    for (uint32_t f = 0; f < features; f++) {
        float *values = side.values + f * count;
        side.columns[f] = values;
        for (uint64_t i = 0; i < count; i++) values[i] = from->frame->values[f][rows[i]];
    }
    for (uint64_t i = 0; i < count; i++) {
        side.truth[i] = from->target->values[rows[i]];
        if (side.weight) side.weight[i] = from->target->weight[rows[i]];
        if (side.event) side.event[i] = from->target->event[rows[i]];
    }
    side.frame = (struct frame){count, features, from->frame->features, side.columns, side.sparse};
    *out = side;
    return OK;
}

void side_close(struct side_rows *side) {
    memory_give(side->columns);
    memory_give(side->values);
    memory_give(side->truth);
    memory_give(side->sparse);
    memory_give(side->weight);
    memory_give(side->event);
    *side = (struct side_rows){0};
}

// ---- arrays a judgement needs ------------------------------

struct sorted_rows { // binary, by rising score
    uint32_t *order;
    double *score, *loss, *weight; // weight NULL: all 1
    uint8_t *truth, *truth_by_row;
};

static void sorted_close(struct sorted_rows *s) {
    memory_give(s->order);
    memory_give(s->score);
    memory_give(s->loss);
    memory_give(s->weight);
    memory_give(s->truth);
    memory_give(s->truth_by_row);
}

static enum err sorted_make(const struct side_rows *side, const double *score,
                            struct sorted_rows *out) {
    uint64_t rows = side->rows;
    const double *truth = side->truth;
    struct sorted_rows s = {.order = memory_take(rows * sizeof(uint32_t) + 1),
                            .score = memory_take(rows * sizeof(double) + 1),
                            .loss = memory_take(rows * sizeof(double) + 1),
                            .truth = memory_take(rows + 1),
                            .truth_by_row = memory_take(rows + 1)};
    if (side->weight) s.weight = memory_take(rows * sizeof(double) + 1);
    bool whole = s.order && s.score && s.loss && s.truth && s.truth_by_row;
    enum err err = whole && (s.weight || !side->weight) ? OK : ERR_MEMORY;
    if (err == OK) err = order_by_score(score, rows, s.order);
    for (uint64_t i = 0; err == OK && i < rows; i++) {
        uint32_t row = s.order[i];
        s.score[i] = score[row];
        if (s.weight) s.weight[i] = side->weight[row];
        s.truth[i] = truth[row] > 0;
        s.truth_by_row[i] = truth[i] > 0;
        s.loss[i] = metric_log_loss_of(s.truth[i] ? s.score[i] : 1 - s.score[i]);
    }
    if (err != OK)
        sorted_close(&s);
    else
        *out = s;
    return err;
}

static uint32_t most_probable(const double *row, uint32_t classes) {
    uint32_t best = 0;
    for (uint32_t k = 1; k < classes; k++) best = row[k] > row[best] ? k : best;
    return best;
}

// ---- metrics ------------------------------

struct metric_name {
    const char *name, *better; // "higher", "lower", or "target": the nearer to the quantile
};
static const struct metric_name binary_names[BINARY_METRICS] = {
    [BINARY_AUC] = {"auc", "higher"},    [BINARY_AVERAGE_PRECISION] = {"pr_auc", "higher"},
    [BINARY_KS] = {"ks", "higher"},      [BINARY_LOG_LOSS] = {"log_loss", "lower"},
    [BINARY_BRIER] = {"brier", "lower"}, [BINARY_ACCURACY] = {"accuracy", "higher"},
};
static const struct metric_name class_names[CLASSES_METRICS] = {
    [CLASSES_LOG_LOSS] = {"log_loss", "lower"},
    [CLASSES_ACCURACY] = {"accuracy", "higher"},
};
static const struct metric_name number_names[NUMBER_METRICS] = {
    [NUMBER_RMSE] = {"rmse", "lower"},
    [NUMBER_MAE] = {"mae", "lower"},
    [NUMBER_R2] = {"r2", "higher"},
    [NUMBER_MAPE] = {"mape", "lower"},
};
static const struct metric_name quantile_names[QUANTILE_METRICS] = {
    [QUANTILE_PINBALL] = {"pinball", "lower"},
    [QUANTILE_COVERAGE] = {"coverage", "target"},
    [QUANTILE_MAE] = {"mae", "lower"},
};
static const struct metric_name count_names[COUNT_METRICS] = {
    [COUNT_DEVIANCE] = {"poisson_deviance", "lower"},
    [COUNT_RMSE] = {"rmse", "lower"},
    [COUNT_MAE] = {"mae", "lower"},
};
static const struct metric_name survival_names[SURVIVAL_METRICS] = {
    [SURVIVAL_C_INDEX] = {"c_index", "higher"},
};

static void write_metrics(const struct judging *j, const struct metric_name *names,
                          const struct interval *values, uint32_t count, uint32_t headline) {
    struct json_writer *out = j->out;
    json_put_name(out, "metrics");
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t m = i == 0 ? headline : i <= headline ? i - 1 : i;
        json_open_object(out);
        json_set_text(out, "name", str_of(names[m].name));
        json_set_number(out, "value", values[m].value);
        json_set_number(out, "low", values[m].low);
        json_set_number(out, "high", values[m].high);
        json_set_text(out, "better", str_of(names[m].better));
        if (strcmp(names[m].better, "target") == 0) json_set_number(out, "target", j->quantile);
        json_close_object(out);
    }
    json_close_array(out);
}

static enum err resample(const struct judging *j, const struct bootstrap_metric *metric,
                         uint64_t rows, struct interval *out) {
    return bootstrap(metric, rows, bootstrap_resamples(rows), seed_mix(j->seed ^ 0x626F6F74u),
                     j->pool, j->progress, out);
}

static enum err binary_list(const struct judging *j, const struct side_rows *side,
                            const double *predicted, double threshold) {
    struct sorted_rows s;
    enum err err = sorted_make(side, predicted, &s);
    if (err != OK) return err;
    struct binary_rows rows = {s.score, s.truth, s.loss, threshold, s.weight};
    struct bootstrap_metric metric = {binary_metrics, &rows, BINARY_METRICS};
    struct interval values[BINARY_METRICS];
    err = resample(j, &metric, side->rows, values);
    if (err == OK) write_metrics(j, binary_names, values, BINARY_METRICS, BINARY_AUC);
    sorted_close(&s);
    return err;
}

static enum err class_list(const struct judging *j, const struct side_rows *side,
                           const double *predicted) {
    uint32_t classes = j->target->class_count;
    double *loss = memory_take(side->rows * sizeof(double) + 1);
    uint8_t *right = memory_take(side->rows + 1);
    enum err err = loss && right ? OK : ERR_MEMORY;
    for (uint64_t i = 0; err == OK && i < side->rows; i++) {
        const double *row = predicted + i * classes;
        loss[i] = metric_log_loss_of(row[(uint32_t)side->truth[i]]);
        right[i] = most_probable(row, classes) == (uint32_t)side->truth[i];
    }
    struct class_rows rows = {loss, right, side->weight};
    struct bootstrap_metric metric = {class_metrics, &rows, CLASSES_METRICS};
    struct interval values[CLASSES_METRICS];
    if (err == OK) err = resample(j, &metric, side->rows, values);
    if (err == OK) write_metrics(j, class_names, values, CLASSES_METRICS, CLASSES_ACCURACY);
    memory_give(right);
    memory_give(loss);
    return err;
}

static enum err number_list(const struct judging *j, const struct side_rows *side,
                            const double *predicted) {
    struct number_rows rows = {predicted, side->truth, side->weight, j->quantile};
    static const struct number_set {
        void (*compute)(const void *number_rows, const uint8_t *weight, uint64_t rows, double *out);
        const struct metric_name *names;
        uint32_t count, headline;
    } sets[] = {
        [LOSS_SQUARED] = {number_metrics, number_names, NUMBER_METRICS, NUMBER_RMSE},
        [LOSS_QUANTILE] = {quantile_metrics, quantile_names, QUANTILE_METRICS, QUANTILE_PINBALL},
        [LOSS_POISSON] = {count_metrics, count_names, COUNT_METRICS, COUNT_DEVIANCE},
    };
    const struct number_set *set = &sets[j->loss];
    struct bootstrap_metric metric = {set->compute, &rows, set->count};
    struct interval values[BOOTSTRAP_METRICS_MAX];
    enum err err = resample(j, &metric, side->rows, values);
    if (err == OK) write_metrics(j, set->names, values, set->count, set->headline);
    return err;
}

static enum err survival_list(const struct judging *j, const struct side_rows *side,
                              const double *predicted) {
    struct survival_rows rows;
    struct interval values[SURVIVAL_METRICS];
    enum err err =
        survival_rows_open(predicted, side->truth, side->event, side->weight, side->rows, &rows);
    if (err != OK) return err;
    struct bootstrap_metric metric = {survival_metrics, &rows, SURVIVAL_METRICS};
    err = resample(j, &metric, side->rows, values);
    if (err == OK) {
        write_metrics(j, survival_names, values, SURVIVAL_METRICS, SURVIVAL_C_INDEX);
    }
    survival_rows_close(&rows);
    return err;
}

enum err judge_metrics(const struct judging *judging, const struct side_rows *side,
                       const double *predicted, double threshold) {
    switch (judging->target->task) {
    case TASK_BINARY: return binary_list(judging, side, predicted, threshold);
    case TASK_CLASSES: return class_list(judging, side, predicted);
    case TASK_SURVIVAL: return survival_list(judging, side, predicted);
    case TASK_REGRESSION: break;
    }
    return number_list(judging, side, predicted);
}

double judge_headline(const struct judging *judging, const struct side_rows *side,
                      const double *predicted, uint64_t rows) {
    const double *truth = side->truth;
    if (rows == 0) return NAN;
    if (judging->target->task == TASK_REGRESSION) {
        if (judging->loss == LOSS_POISSON) return -metric_poisson_deviance(predicted, truth, rows);
        if (judging->loss == LOSS_SQUARED) return -metric_rmse(predicted, truth, rows);
        return -metric_pinball(predicted, truth, rows, judging->quantile);
    }
    if (judging->target->task == TASK_SURVIVAL) {
        return metric_c_index(predicted, truth, side->event, rows);
    }
    if (judging->target->task == TASK_CLASSES) {
        uint32_t classes = judging->target->class_count;
        uint64_t right = 0;
        for (uint64_t i = 0; i < rows; i++) {
            right += most_probable(predicted + i * classes, classes) == (uint32_t)truth[i];
        }
        return (double)right / (double)rows;
    }
    uint8_t *bytes = memory_take(rows);
    if (!bytes) return NAN;
    for (uint64_t i = 0; i < rows; i++) bytes[i] = truth[i] > 0;
    double auc = metric_auc(predicted, bytes, rows);
    memory_give(bytes);
    return auc;
}

double judge_threshold(const struct judging *judging, const struct side_rows *side,
                       const double *predicted) {
    struct sorted_rows s;
    if (judging->target->task != TASK_BINARY) return 0.5;
    if (sorted_make(side, predicted, &s) != OK) return 0.5;
    double threshold = threshold_youden(predicted, s.truth_by_row, s.order, side->rows);
    sorted_close(&s);
    return threshold;
}

// ---- curves ------------------------------

static void write_roc(struct json_writer *out, const double *score, const struct sorted_rows *s,
                      uint64_t rows) {
    struct curve_point points[JUDGE_ROC_POINTS];
    uint32_t count;
    curve_roc(score, s->truth_by_row, s->order, rows, points, JUDGE_ROC_POINTS, &count);
    json_put_name(out, "roc");
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) {
        json_open_object(out);
        json_set_number(out, "x", points[i].x);
        json_set_number(out, "y", points[i].y);
        json_close_object(out);
    }
    json_close_array(out);
}

static void write_calibration(struct json_writer *out, const double *score,
                              const struct sorted_rows *s, uint64_t rows) {
    struct calibration_bin bins[JUDGE_CALIBRATION_BINS];
    uint32_t count;
    double error;
    calibration(score, s->truth_by_row, s->order, rows, JUDGE_CALIBRATION_BINS, bins, &count,
                &error);
    json_put_name(out, "calibration");
    json_open_object(out);
    json_put_name(out, "bins");
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) {
        json_open_object(out);
        json_set_number(out, "predicted", bins[i].predicted);
        json_set_number(out, "observed", bins[i].observed);
        json_set_u64(out, "count", bins[i].count);
        json_close_object(out);
    }
    json_close_array(out);
    json_set_number(out, "error", error);
    json_close_object(out);
}

static enum err write_confusion(const struct judging *j, const struct side_rows *side,
                                const double *predicted, double threshold) {
    uint32_t classes = j->target->class_count;
    uint32_t *got = memory_take(2 * side->rows * sizeof(*got) + 1), *truth = got + side->rows;
    uint64_t *counts = memory_take((size_t)classes * classes * sizeof(*counts));
    enum err err = got && counts ? OK : ERR_MEMORY;
    if (err != OK) goto done;
    for (uint64_t i = 0; i < side->rows; i++) {
        truth[i] = (uint32_t)side->truth[i];
        got[i] = classes == 2 ? predicted[i] >= threshold
                              : most_probable(predicted + i * classes, classes);
    }
    confusion(got, truth, side->rows, classes, counts);
    json_put_name(j->out, "confusion");
    json_open_object(j->out);
    if (classes == 2) json_set_number(j->out, "threshold", threshold);
    json_put_name(j->out, "labels");
    json_open_array(j->out);
    for (uint32_t k = 0; k < classes; k++) json_put_text(j->out, j->target->classes[k]);
    json_close_array(j->out);
    json_put_name(j->out, "counts");
    json_open_array(j->out);
    for (uint32_t k = 0; k < classes; k++) {
        json_open_array(j->out);
        for (uint32_t c = 0; c < classes; c++) json_put_u64(j->out, counts[k * classes + c]);
        json_close_array(j->out);
    }
    json_close_array(j->out);
    json_close_object(j->out);
done:
    memory_give(counts);
    memory_give(got);
    return err;
}

enum err judge_curves(const struct judging *judging, const struct side_rows *side,
                      const double *predicted, double threshold) {
    if (!task_has_classes(judging->target->task)) return OK;
    if (judging->target->task == TASK_BINARY) {
        struct sorted_rows s;
        enum err err = sorted_make(side, predicted, &s);
        if (err != OK) return err;
        write_roc(judging->out, predicted, &s, side->rows);
        write_calibration(judging->out, predicted, &s, side->rows);
        sorted_close(&s);
    }
    return write_confusion(judging, side, predicted, threshold);
}
