// A model's headline metric, and whether it is better than another's beyond chance: the difference
// over the same resamples (paired bootstrap).

#include <math.h>
#include <string.h>

#include "model/tabular/judge_parts_private.h"

// One or two models' predictions of a side, as their task's metric wants them.
struct compared {
    const struct headline *headline;
    const double *weight;         // of each row, or NULL: all 1
    struct scored_rows sorted[2]; // two classes
    uint8_t *right[2];            // several (N)
    struct number_rows numbers[2];
    struct survival_rows lasting[2];
};
struct headline {
    const char *name;
    bool higher; // is better
    double (*value)(const struct compared *c, int model, const uint8_t *drawn, uint64_t rows);
    void (*compute)(const void *number_rows, const uint8_t *drawn, uint64_t rows, double *out);
};

static double auc_of(const struct compared *c, int model, const uint8_t *drawn, uint64_t rows) {
    const struct scored_rows *s = &c->sorted[model];
    double positives = 0, negatives = 0, won = 0;
    for (uint64_t i = 0; i < rows;) {
        double tie = s->score[i], tied_positive = 0, tied_negative = 0;
        for (; i < rows && s->score[i] == tie; i++) {
            double w = drawn[s->order[i]] * (s->weight ? s->weight[i] : 1);
            tied_positive += s->truth[i] ? w : 0;
            tied_negative += s->truth[i] ? 0 : w;
        }
        won += tied_positive * (negatives + tied_negative / 2);
        positives += tied_positive;
        negatives += tied_negative;
    }
    return positives > 0 && negatives > 0 ? won / (positives * negatives) : NAN;
}

static double accuracy_of(const struct compared *c, int model, const uint8_t *drawn,
                          uint64_t rows) {
    double right = 0, total = 0;
    for (uint64_t i = 0; i < rows; i++) {
        double w = drawn[i] * (c->weight ? c->weight[i] : 1);
        right += w * c->right[model][i];
        total += w;
    }
    return total > 0 ? right / total : NAN;
}

static double c_index_of(const struct compared *c, int model, const uint8_t *drawn, uint64_t rows) {
    double all[SURVIVAL_METRICS];
    survival_metrics(&c->lasting[model], drawn, rows, all);
    return all[SURVIVAL_C_INDEX];
}

_Static_assert(NUMBER_RMSE == 0 && QUANTILE_PINBALL == 0 && COUNT_DEVIANCE == 0, "headlines first");
static double error_of(const struct compared *c, int model, const uint8_t *drawn, uint64_t rows) {
    double all[BOOTSTRAP_METRICS_MAX];
    c->headline->compute(&c->numbers[model], drawn, rows, all);
    return all[0];
}

static const struct headline headlines[] = {
    [TASK_BINARY] = {"auc", true, auc_of, NULL},
    [TASK_CLASSES] = {"accuracy", true, accuracy_of, NULL},
    [TASK_SURVIVAL] = {"c_index", true, c_index_of, NULL},
};
static const struct headline errors[] = {
    [LOSS_SQUARED] = {"rmse", false, error_of, number_metrics},
    [LOSS_QUANTILE] = {"pinball", false, error_of, quantile_metrics},
    [LOSS_POISSON] = {"poisson_deviance", false, error_of, count_metrics},
};

static enum err right_fill(const struct side_rows *side, const double *predicted, uint32_t classes,
                           uint8_t **out) {
    uint8_t *right = memory_take(side->rows + 1);
    if (!right) return ERR_MEMORY;
    for (uint64_t i = 0; i < side->rows; i++) {
        uint32_t said = judge_most_probable(predicted + i * classes, classes);
        right[i] = said == (uint32_t)side->truth[i];
    }
    *out = right;
    return OK;
}

static enum err predicted_take(const struct judging *judging, const struct side_rows *side,
                               const double *predicted, int model, struct compared *c) {
    switch (judging->target->task) {
    case TASK_BINARY: return scored_rows_open(side, predicted, &c->sorted[model]);
    case TASK_CLASSES:
        return right_fill(side, predicted, judging->target->class_count, &c->right[model]);
    case TASK_SURVIVAL:
        return survival_rows_open(predicted, side->truth, side->event, side->weight, side->rows,
                                  &c->lasting[model]);
    case TASK_REGRESSION: break;
    }
    c->numbers[model] =
        (struct number_rows){predicted, side->truth, side->weight, judging->quantile};
    return OK;
}

static struct compared compared_open(const struct judging *judging, const struct side_rows *side) {
    enum tabular_task task = judging->target->task;
    const struct headline *headline =
        task == TASK_REGRESSION ? &errors[judging->loss] : &headlines[task];
    return (struct compared){.headline = headline, .weight = side->weight};
}

static void compared_close(struct compared *c) {
    for (int m = 0; m < 2; m++) {
        scored_rows_close(&c->sorted[m]);
        survival_rows_close(&c->lasting[m]);
        memory_give(c->right[m]);
    }
}

double judge_headline(const struct judging *judging, const struct side_rows *side,
                      const double *predicted, uint64_t rows) {
    if (rows == 0) return NAN;
    struct side_rows first = *side;
    first.rows = rows;
    struct compared c = compared_open(judging, &first);
    double value = NAN;
    uint8_t *once = memory_take(rows);
    if (once && predicted_take(judging, &first, predicted, 0, &c) == OK) {
        memset(once, 1, rows);
        value = c.headline->value(&c, 0, once, rows);
    }
    memory_give(once);
    bool higher = c.headline->higher;
    compared_close(&c);
    return higher ? value : -value;
}

static void difference(const void *ctx, const uint8_t *drawn, uint64_t rows, double *out) {
    const struct compared *c = ctx;
    *out = c->headline->value(c, 0, drawn, rows) - c->headline->value(c, 1, drawn, rows);
}

enum err judge_difference(const struct judging *judging, const struct side_rows *side,
                          const double *predicted, const double *other) {
    struct compared c = compared_open(judging, side);
    struct bootstrap_metric metric = {difference, &c, 1};
    struct interval value;
    enum err err = predicted_take(judging, side, predicted, 0, &c);
    if (err == OK) err = predicted_take(judging, side, other, 1, &c);
    if (err == OK) err = judge_resample(judging, &metric, side->rows, 4, &value);
    if (err == OK) {
        json_put_name(judging->out, "difference");
        json_open_object(judging->out);
        json_set_text(judging->out, "name", str_of(c.headline->name));
        json_set_text(judging->out, "better", c.headline->higher ? STR("higher") : STR("lower"));
        json_set_number(judging->out, "value", value.value);
        json_set_number(judging->out, "low", value.low);
        json_set_number(judging->out, "high", value.high);
        json_close_object(judging->out);
    }
    compared_close(&c);
    return err;
}
