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
    enum err err = sparse_take(from->frame, rows, count, &side.sparse);
    if (!side.columns || !side.values || !side.truth || err != OK) {
        side_close(&side);
        return ERR_MEMORY;
    }
    for (uint32_t f = 0; f < features; f++) {
        float *values = side.values + f * count;
        side.columns[f] = values;
        for (uint64_t i = 0; i < count; i++) values[i] = from->frame->values[f][rows[i]];
    }
    for (uint64_t i = 0; i < count; i++) side.truth[i] = from->target->values[rows[i]];
    side.frame = (struct frame){count, features, from->frame->features, side.columns, side.sparse};
    *out = side;
    return OK;
}

void side_close(struct side_rows *side) {
    memory_give(side->columns);
    memory_give(side->values);
    memory_give(side->truth);
    memory_give(side->sparse);
    *side = (struct side_rows){0};
}

// ---- arrays a judgement needs ------------------------------

struct sorted_rows { // binary, by rising score
    uint32_t *order;
    double *score, *loss;
    uint8_t *truth, *truth_by_row;
};

static void sorted_close(struct sorted_rows *s) {
    memory_give(s->order);
    memory_give(s->score);
    memory_give(s->loss);
    memory_give(s->truth);
    memory_give(s->truth_by_row);
}

static enum err sorted_make(const double *truth, const double *score, uint64_t rows,
                            struct sorted_rows *out) {
    struct sorted_rows s = {.order = memory_take(rows * sizeof(uint32_t) + 1),
                            .score = memory_take(rows * sizeof(double) + 1),
                            .loss = memory_take(rows * sizeof(double) + 1),
                            .truth = memory_take(rows + 1),
                            .truth_by_row = memory_take(rows + 1)};
    enum err err = s.order && s.score && s.loss && s.truth && s.truth_by_row ? OK : ERR_MEMORY;
    if (err == OK) err = order_by_score(score, rows, s.order);
    for (uint64_t i = 0; err == OK && i < rows; i++) {
        uint32_t row = s.order[i];
        s.score[i] = score[row];
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
    const char *name;
    bool higher;
};
static const struct metric_name binary_names[BINARY_METRICS] = {
    [BINARY_AUC] = {"auc", true},      [BINARY_AVERAGE_PRECISION] = {"pr_auc", true},
    [BINARY_KS] = {"ks", true},        [BINARY_LOG_LOSS] = {"log_loss", false},
    [BINARY_BRIER] = {"brier", false}, [BINARY_ACCURACY] = {"accuracy", true},
};
static const struct metric_name class_names[CLASSES_METRICS] = {
    [CLASSES_LOG_LOSS] = {"log_loss", false},
    [CLASSES_ACCURACY] = {"accuracy", true},
};
static const struct metric_name number_names[NUMBER_METRICS] = {
    [NUMBER_RMSE] = {"rmse", false},
    [NUMBER_MAE] = {"mae", false},
    [NUMBER_R2] = {"r2", true},
};

static void write_metrics(struct json_writer *out, const struct metric_name *names,
                          const struct interval *values, uint32_t count, uint32_t headline) {
    json_put_name(out, "metrics");
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t m = i == 0 ? headline : i <= headline ? i - 1 : i;
        json_open_object(out);
        json_set_text(out, "name", str_of(names[m].name));
        json_set_number(out, "value", values[m].value);
        json_set_number(out, "low", values[m].low);
        json_set_number(out, "high", values[m].high);
        json_set_text(out, "better", names[m].higher ? STR("higher") : STR("lower"));
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
    enum err err = sorted_make(side->truth, predicted, side->rows, &s);
    if (err != OK) return err;
    struct binary_rows rows = {s.score, s.truth, s.loss, threshold};
    struct bootstrap_metric metric = {binary_metrics, &rows, BINARY_METRICS};
    struct interval values[BINARY_METRICS];
    err = resample(j, &metric, side->rows, values);
    if (err == OK) write_metrics(j->out, binary_names, values, BINARY_METRICS, BINARY_AUC);
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
    struct class_rows rows = {loss, right};
    struct bootstrap_metric metric = {class_metrics, &rows, CLASSES_METRICS};
    struct interval values[CLASSES_METRICS];
    if (err == OK) err = resample(j, &metric, side->rows, values);
    if (err == OK) write_metrics(j->out, class_names, values, CLASSES_METRICS, CLASSES_ACCURACY);
    memory_give(right);
    memory_give(loss);
    return err;
}

enum err judge_metrics(const struct judging *judging, const struct side_rows *side,
                       const double *predicted, double threshold) {
    if (judging->target->task == TASK_BINARY) {
        return binary_list(judging, side, predicted, threshold);
    }
    if (judging->target->task == TASK_CLASSES) return class_list(judging, side, predicted);
    struct number_rows rows = {predicted, side->truth};
    struct bootstrap_metric metric = {number_metrics, &rows, NUMBER_METRICS};
    struct interval values[NUMBER_METRICS];
    enum err err = resample(judging, &metric, side->rows, values);
    if (err == OK) write_metrics(judging->out, number_names, values, NUMBER_METRICS, NUMBER_RMSE);
    return err;
}

double judge_headline(const struct judging *judging, const double *truth, const double *predicted,
                      uint64_t rows) {
    if (rows == 0) return NAN;
    if (judging->target->task == TASK_REGRESSION) return -metric_rmse(predicted, truth, rows);
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
    if (sorted_make(side->truth, predicted, side->rows, &s) != OK) return 0.5;
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
    if (judging->target->task == TASK_REGRESSION) return OK;
    if (judging->target->task == TASK_BINARY) {
        struct sorted_rows s;
        enum err err = sorted_make(side->truth, predicted, side->rows, &s);
        if (err != OK) return err;
        write_roc(judging->out, predicted, &s, side->rows);
        write_calibration(judging->out, predicted, &s, side->rows);
        sorted_close(&s);
    }
    return write_confusion(judging, side, predicted, threshold);
}
