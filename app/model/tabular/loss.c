// See loss_private.h.

#include "model/tabular/loss_private.h"

#include <math.h>

#include "model/measure/measure.h"
#include "model/tabular/gradient_private.h"
#include "model/tabular/linear_kernel_private.h"

static double shown_as_is(double mean, double unit) {
    (void)unit;
    return mean;
}

// ---- logistic: two classes ------------------------------

// Half a row more for each class keeps the logarithm finite.
static void class_shares(const struct truth *truth, uint32_t classes, double *share) {
    double total = 0;
    for (uint32_t k = 0; k < classes; k++) share[k] = 0;
    for (uint64_t i = 0; i < truth->count; i++) {
        double weight = truth_weight(truth, i);
        share[(uint32_t)truth_value(truth, i)] += weight;
        total += weight;
    }
    for (uint32_t k = 0; k < classes; k++) share[k] = (share[k] + 0.5) / (total + 1);
}

static enum err logistic_start(const struct loss_shape *shape, const struct truth *truth,
                               struct loss_start *out) {
    double share[2];
    (void)shape;
    class_shares(truth, 2, share);
    out->base[0] = log(share[1] / share[0]);
    out->unit = 1;
    return OK;
}

static void logistic_gradient(const struct loss_side *side, size_t first, size_t count, float *g,
                              float *h) {
    gradient_kernels()->logistic(side->score + first, side->target + first, count, g, h);
}

static double logistic_row(const struct loss_shape *shape, double target, double *margin,
                           size_t stride) {
    (void)shape, (void)stride;
    double m = margin[0], e = exp(-fabs(m)), p = m > 0 ? 1 / (1 + e) : e / (1 + e);
    margin[0] = p - target;
    return log1p(e) + ((m > 0) == (target > 0) ? 0 : fabs(m));
}

static double logistic_rows(const double *target, double *margin, size_t count) {
    size_t whole = count / 8 * 8;
    double sum = linear_kernels()->logistic(margin, target, whole);
    for (size_t i = whole; i < count; i++) sum += logistic_row(NULL, target[i], margin + i, 1);
    return sum;
}

static void logistic_link(double *row, uint32_t outputs) {
    (void)outputs;
    double e = exp(-fabs(row[0]));
    row[0] = row[0] > 0 ? 1 / (1 + e) : e / (1 + e);
}

// ---- softmax: more classes ------------------------------

static enum err softmax_start(const struct loss_shape *shape, const struct truth *truth,
                              struct loss_start *out) {
    class_shares(truth, shape->outputs, out->base);
    for (uint32_t k = 0; k < shape->outputs; k++) out->base[k] = log(out->base[k]);
    out->unit = 1;
    return OK;
}

static void softmax_gradient(const struct loss_side *side, size_t first, size_t count, float *g,
                             float *h) {
    gradient_kernels()->softmax(side->score + first, side->target + first, side->shape.outputs,
                                side->stride, count, g, h);
}

static double softmax_row(const struct loss_shape *shape, double target, double *margin,
                          size_t stride) {
    uint32_t outputs = shape->outputs;
    double top = margin[0], sum = 0, own = margin[(size_t)target * stride];
    for (uint32_t k = 1; k < outputs; k++) top = fmax(top, margin[k * stride]);
    for (uint32_t k = 0; k < outputs; k++) sum += exp(margin[k * stride] - top);
    for (uint32_t k = 0; k < outputs; k++) {
        margin[k * stride] = exp(margin[k * stride] - top) / sum - (k == (uint32_t)target);
    }
    return log(sum) + top - own;
}

static void softmax_link(double *row, uint32_t outputs) {
    double top = row[0], sum = 0;
    for (uint32_t k = 1; k < outputs; k++) top = fmax(top, row[k]);
    for (uint32_t k = 0; k < outputs; k++) sum += row[k] = exp(row[k] - top);
    for (uint32_t k = 0; k < outputs; k++) row[k] /= sum;
}

// ---- squared: numbers ------------------------------

static enum err squared_start(const struct loss_shape *shape, const struct truth *truth,
                              struct loss_start *out) {
    double mean = 0, spread = 0, total = 0;
    (void)shape;
    for (uint64_t i = 0; i < truth->count; i++) {
        double weight = truth_weight(truth, i);
        if (weight == 0) continue;
        total += weight;
        double value = truth_value(truth, i), delta = value - mean;
        mean += delta * weight / total;
        spread += weight * delta * (value - mean);
    }
    double deviation = total > 0 ? sqrt(spread / total) : 0;
    out->base[0] = mean;
    out->unit = deviation > 0 && isfinite(deviation) ? deviation : 1;
    return OK;
}

static void squared_gradient(const struct loss_side *side, size_t first, size_t count, float *g,
                             float *h) {
    const float *score = side->score + first, *target = side->target + first;
    for (size_t i = 0; i < count; i++) {
        g[i] = score[i] - target[i];
        h[i] = 1;
    }
}

static double squared_row(const struct loss_shape *shape, double target, double *margin,
                          size_t stride) {
    (void)shape, (void)stride;
    margin[0] -= target;
    return 0.5 * margin[0] * margin[0];
}

static double squared_shown(double mean, double unit) {
    return sqrt(2 * mean) * unit;
}

static void identity_link(double *row, uint32_t outputs) {
    (void)row, (void)outputs;
}

// ---- quantile: numbers with a share of the truth below them ------------------------------

// Starts from the quantile; the unit is the deviation, as for squares.
static enum err quantile_start(const struct loss_shape *shape, const struct truth *truth,
                               struct loss_start *out) {
    struct weighed_value *rows = memory_take(truth->count * sizeof *rows + 1);
    if (!rows) return ERR_MEMORY;
    for (uint64_t i = 0; i < truth->count; i++) {
        rows[i] = (struct weighed_value){truth_value(truth, i), truth_weight(truth, i)};
    }
    enum err err = squared_start(shape, truth, out);
    if (truth->count > 0) out->base[0] = quantile_weighed(rows, truth->count, shape->quantile);
    memory_give(rows);
    return err;
}

static void quantile_gradient(const struct loss_side *side, size_t first, size_t count, float *g,
                              float *h) {
    const float *score = side->score + first, *target = side->target + first;
    float below = (float)(1 - side->shape.quantile), above = (float)-side->shape.quantile;
    for (size_t i = 0; i < count; i++) {
        g[i] = score[i] >= target[i] ? below : above;
        h[i] = 1;
    }
}

static double quantile_row(const struct loss_shape *shape, double target, double *margin,
                           size_t stride) {
    (void)stride;
    double off = target - margin[0], q = shape->quantile;
    margin[0] = off > 0 ? -q : 1 - q;
    return off > 0 ? q * off : (q - 1) * off;
}

static double quantile_shown(double mean, double unit) {
    return mean * unit;
}

// ---- Poisson: counts, by the logarithm of their mean ------------------------------

// Half a count in all keeps the logarithm finite where nothing was counted.
static enum err poisson_start(const struct loss_shape *shape, const struct truth *truth,
                              struct loss_start *out) {
    double sum = 0, total = 0;
    (void)shape;
    for (uint64_t i = 0; i < truth->count; i++) {
        double weight = truth_weight(truth, i);
        sum += weight * truth_value(truth, i);
        total += weight;
    }
    out->base[0] = log(fmax(sum, 0.5) / fmax(total, 1));
    out->unit = 1;
    return OK;
}

static void poisson_gradient(const struct loss_side *side, size_t first, size_t count, float *g,
                             float *h) {
    gradient_kernels()->poisson(side->score + first, side->target + first, count, g, h);
}

// Half the deviance.
static double poisson_row(const struct loss_shape *shape, double target, double *margin,
                          size_t stride) {
    (void)shape, (void)stride;
    double m = margin[0], mean = exp(m);
    margin[0] = mean - target;
    return mean - target - (target > 0 ? target * (m - log(target)) : 0);
}

static double poisson_shown(double mean, double unit) {
    (void)unit;
    return 2 * mean;
}

static void exp_link(double *row, uint32_t outputs) {
    (void)outputs;
    row[0] = exp(row[0]);
}

// ---- Cox: how soon something happens ------------------------------

static enum err cox_start(const struct loss_shape *shape, const struct truth *truth,
                          struct loss_start *out) {
    (void)shape, (void)truth;
    out->base[0] = 0;
    out->unit = 1;
    return OK;
}

static void cox_gradient(const struct loss_side *side, size_t first, size_t count, float *g,
                         float *h) {
    for (size_t i = 0; i < count; i++) {
        struct cox_derivatives d = cox_derivatives(side->cox, first + i);
        g[i] = (float)d.first;
        h[i] = (float)fmax(d.second, 1e-16);
    }
}

// ---- the table ------------------------------

static const struct loss task_losses[] = {
    [TASK_BINARY] = {.name = "logistic",
                     .start = logistic_start,
                     .gradient = logistic_gradient,
                     .row = logistic_row,
                     .rows = logistic_rows,
                     .step = 4,
                     .shown = shown_as_is,
                     .link = logistic_link},
    [TASK_CLASSES] = {.name = "softmax",
                      .start = softmax_start,
                      .gradient = softmax_gradient,
                      .row = softmax_row,
                      .shown = shown_as_is,
                      .link = softmax_link},
    [TASK_SURVIVAL] = {.name = "cox",
                       .whole = true,
                       .start = cox_start,
                       .gradient = cox_gradient,
                       .shown = shown_as_is,
                       .link = exp_link},
};
static const struct loss number_losses[] = {
    [LOSS_SQUARED] = {.name = "squared",
                      .standardised = true,
                      .start = squared_start,
                      .gradient = squared_gradient,
                      .row = squared_row,
                      .shown = squared_shown,
                      .link = identity_link},
    [LOSS_QUANTILE] = {.name = "quantile",
                       .standardised = true,
                       .start = quantile_start,
                       .gradient = quantile_gradient,
                       .row = quantile_row,
                       .shown = quantile_shown,
                       .leaf_is_quantile = true,
                       .link = identity_link},
    [LOSS_POISSON] = {.name = "poisson",
                      .start = poisson_start,
                      .gradient = poisson_gradient,
                      .row = poisson_row,
                      .shown = poisson_shown,
                      .link = exp_link},
};

const struct loss *loss_of(enum tabular_task task, enum tabular_loss number_loss) {
    return task == TASK_REGRESSION ? &number_losses[number_loss] : &task_losses[task];
}
