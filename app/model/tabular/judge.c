// Metrics and curves of the scorecard.

#include "model/tabular/judge_parts_private.h"

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
    [CLASSES_AUC] = {"auc_ovr", "higher"},
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

// Rows are looked at `passes` times.
static enum err resample(const struct judging *j, const struct bootstrap_metric *metric,
                         uint64_t rows, uint32_t passes, struct interval *out) {
    return bootstrap(metric, rows, bootstrap_resamples(rows * passes),
                     seed_mix(j->seed ^ 0x626F6F74u), j->pool, j->progress, out);
}

static enum err binary_list(const struct judging *j, const struct side_rows *side,
                            const double *predicted, double threshold) {
    struct scored_rows s;
    enum err err = scored_rows_open(side, predicted, &s);
    if (err != OK) return err;
    double *loss = memory_take(side->rows * sizeof(*loss) + 1);
    if (!loss) err = ERR_MEMORY;
    for (uint64_t i = 0; err == OK && i < side->rows; i++) {
        loss[i] = metric_log_loss_of(s.truth[i] ? s.score[i] : 1 - s.score[i]);
    }
    struct binary_rows rows = {s.ranked, loss, threshold};
    struct bootstrap_metric metric = {binary_metrics, &rows, BINARY_METRICS};
    struct interval values[BINARY_METRICS];
    if (err == OK) err = resample(j, &metric, side->rows, 1, values);
    if (err == OK) write_metrics(j, binary_names, values, BINARY_METRICS, BINARY_AUC);
    memory_give(loss);
    scored_rows_close(&s);
    return err;
}

// What the metrics of classes are computed from; class_arrays_close gives it back.
struct class_arrays {
    double *loss;
    uint8_t *right, *truth;
    uint32_t *order;
};

static void class_arrays_close(struct class_arrays *arrays) {
    memory_give(arrays->loss);
    memory_give(arrays->right);
    memory_give(arrays->truth);
    memory_give(arrays->order);
}

static enum err class_arrays_open(const struct side_rows *side, const double *predicted,
                                  uint32_t classes, struct class_arrays *out) {
    struct class_arrays a = {.loss = memory_take(side->rows * sizeof(double) + 1),
                             .right = memory_take(side->rows + 1),
                             .truth = memory_take(side->rows + 1),
                             .order = memory_take(classes * side->rows * sizeof(uint32_t) + 1)};
    enum err err = a.loss && a.right && a.truth && a.order ? OK : ERR_MEMORY;
    for (uint64_t i = 0; err == OK && i < side->rows; i++) {
        const double *row = predicted + i * classes;
        a.truth[i] = (uint8_t)side->truth[i];
        a.loss[i] = metric_log_loss_of(row[a.truth[i]]);
        a.right[i] = judge_most_probable(row, classes) == a.truth[i];
    }
    if (err == OK) err = class_order(predicted, side->rows, classes, a.order);
    if (err == OK)
        *out = a;
    else
        class_arrays_close(&a);
    return err;
}

static enum err class_list(const struct judging *j, const struct side_rows *side,
                           const double *predicted) {
    uint32_t classes = j->target->class_count;
    struct class_arrays a;
    enum err err = class_arrays_open(side, predicted, classes, &a);
    if (err != OK) return err;
    struct class_rows rows = {a.loss, side->weight, a.right, a.truth, a.order, classes};
    struct bootstrap_metric metric = {class_metrics, &rows, CLASSES_METRICS};
    struct interval values[CLASSES_METRICS];
    err = resample(j, &metric, side->rows, classes, values);
    if (err == OK) write_metrics(j, class_names, values, CLASSES_METRICS, CLASSES_ACCURACY);
    class_arrays_close(&a);
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
    enum err err = resample(j, &metric, side->rows, 1, values);
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
    err = resample(j, &metric, side->rows, 1, values);
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

double judge_threshold(const struct judging *judging, const struct side_rows *side,
                       const double *predicted) {
    struct scored_rows s;
    if (judging->target->task != TASK_BINARY) return 0.5;
    if (scored_rows_open(side, predicted, &s) != OK) return 0.5;
    double threshold = threshold_youden(&s.ranked);
    scored_rows_close(&s);
    return threshold;
}

// ---- curves ------------------------------

static void write_roc(struct json_writer *out, const struct ranked *ranked) {
    struct curve_point points[JUDGE_ROC_POINTS];
    uint32_t count;
    curve_roc(ranked, points, JUDGE_ROC_POINTS, &count);
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

static void write_calibration(struct json_writer *out, const struct ranked *ranked) {
    struct calibration_bin bins[JUDGE_CALIBRATION_BINS];
    uint32_t count;
    double error;
    calibration(ranked, JUDGE_CALIBRATION_BINS, bins, &count, &error);
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
    double *counts = memory_take((size_t)classes * classes * sizeof(*counts));
    enum err err = got && counts ? OK : ERR_MEMORY;
    if (err != OK) goto done;
    for (uint64_t i = 0; i < side->rows; i++) {
        truth[i] = (uint32_t)side->truth[i];
        got[i] = classes == 2 ? predicted[i] >= threshold
                              : judge_most_probable(predicted + i * classes, classes);
    }
    confusion(got, truth, side->weight, side->rows, classes, counts);
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
        for (uint32_t c = 0; c < classes; c++) json_put_number(j->out, counts[k * classes + c]);
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
        struct scored_rows s;
        enum err err = scored_rows_open(side, predicted, &s);
        if (err != OK) return err;
        write_roc(judging->out, &s.ranked);
        write_calibration(judging->out, &s.ranked);
        scored_rows_close(&s);
    }
    return write_confusion(judging, side, predicted, threshold);
}
