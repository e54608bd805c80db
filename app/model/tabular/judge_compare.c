// Is a model better than another, beyond chance: the difference of their headlines over the same
// resamples (paired bootstrap).

#include <math.h>

#include "model/tabular/judge_parts_private.h"

struct compared {
    uint64_t rows;
    struct scored_rows sorted[2]; // binary
    const double *predicted[2], *truth;
    uint8_t *right[2]; // classes (N)
};

static double weighted_auc(const struct scored_rows *s, const uint8_t *weight) {
    double positives = 0, negatives = 0, won = 0;
    for (uint64_t i = 0; i < s->rows;) {
        double tie = s->score[i], tied_positive = 0, tied_negative = 0;
        for (; i < s->rows && s->score[i] == tie; i++) {
            uint32_t w = weight[s->order[i]];
            tied_positive += s->truth[i] ? w : 0;
            tied_negative += s->truth[i] ? 0 : w;
        }
        won += tied_positive * (negatives + tied_negative / 2);
        positives += tied_positive;
        negatives += tied_negative;
    }
    return positives > 0 && negatives > 0 ? won / (positives * negatives) : NAN;
}

static void auc_difference(const void *ctx, const uint8_t *weight, uint64_t rows, double *out) {
    const struct compared *c = ctx;
    (void)rows;
    *out = weighted_auc(&c->sorted[0], weight) - weighted_auc(&c->sorted[1], weight);
}

static void right_difference(const void *ctx, const uint8_t *weight, uint64_t rows, double *out) {
    const struct compared *c = ctx;
    double sum = 0, total = 0;
    for (uint64_t i = 0; i < rows; i++) {
        sum += weight[i] * ((double)c->right[0][i] - c->right[1][i]);
        total += weight[i];
    }
    *out = total > 0 ? sum / total : NAN;
}

static void rmse_difference(const void *ctx, const uint8_t *weight, uint64_t rows, double *out) {
    const struct compared *c = ctx;
    double square[2] = {0}, total = 0;
    for (uint64_t i = 0; i < rows; i++) {
        for (int m = 0; m < 2; m++) {
            double off = c->predicted[m][i] - c->truth[i];
            square[m] += weight[i] * off * off;
        }
        total += weight[i];
    }
    *out = total > 0 ? sqrt(square[0] / total) - sqrt(square[1] / total) : NAN;
}

static enum err fill_right(struct compared *c, uint32_t classes) {
    for (int m = 0; m < 2; m++) {
        c->right[m] = memory_take(c->rows + 1);
        if (!c->right[m]) return ERR_MEMORY;
        for (uint64_t i = 0; i < c->rows; i++) {
            const double *row = c->predicted[m] + i * classes;
            c->right[m][i] = judge_most_probable(row, classes) == (uint32_t)c->truth[i];
        }
    }
    return OK;
}

enum err judge_difference(const struct judging *judging, const struct side_rows *side,
                          const double *predicted, const double *other) {
    enum tabular_task task = judging->target->task;
    struct compared c = {.rows = side->rows, .predicted = {predicted, other}, .truth = side->truth};
    struct bootstrap_metric metric = {NULL, &c, 1};
    const char *name = NULL;
    enum err err = OK;
    if (task == TASK_BINARY) {
        name = "auc";
        metric.compute = auc_difference;
        for (int m = 0; err == OK && m < 2; m++) {
            err = scored_rows_open(side->truth, c.predicted[m], side->rows, &c.sorted[m]);
        }
    } else if (task == TASK_CLASSES) {
        name = "accuracy";
        metric.compute = right_difference;
        err = fill_right(&c, judging->target->class_count);
    } else if (task == TASK_REGRESSION && judging->loss == LOSS_SQUARED) {
        name = "rmse";
        metric.compute = rmse_difference;
    }
    struct interval difference;
    if (err == OK && name) err = judge_resample(judging, &metric, side->rows, 4, &difference);
    if (err == OK && name) {
        json_put_name(judging->out, "difference");
        json_open_object(judging->out);
        json_set_text(judging->out, "name", str_of(name));
        json_set_number(judging->out, "value", difference.value);
        json_set_number(judging->out, "low", difference.low);
        json_set_number(judging->out, "high", difference.high);
        json_close_object(judging->out);
    }
    for (int m = 0; m < 2; m++) {
        scored_rows_close(&c.sorted[m]);
        memory_give(c.right[m]);
    }
    return err;
}
