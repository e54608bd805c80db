// See loss_private.h.

#include "model/tabular/loss_private.h"

#include <math.h>

#include "model/tabular/gradient_private.h"

static double shown_as_is(double mean, double unit) {
    (void)unit;
    return mean;
}

// ---- logistic: two classes ------------------------------

// Half a row more for each class keeps the logarithm finite.
static void class_shares(const struct loss_truth *truth, uint32_t classes, double *share) {
    double total = (double)truth->count;
    for (uint32_t k = 0; k < classes; k++) share[k] = 0;
    for (uint64_t i = 0; i < truth->count; i++) share[(uint32_t)truth_at(truth, i)]++;
    for (uint32_t k = 0; k < classes; k++) share[k] = (share[k] + 0.5) / (total + 1);
}

static void logistic_start(const struct loss_truth *truth, struct loss_start *out) {
    double share[2];
    class_shares(truth, 2, share);
    out->base[0] = log(share[1] / share[0]);
    out->unit = 1;
}

static void logistic_gradient(const struct loss_side *side, size_t first, size_t count, float *g,
                              float *h) {
    gradient_kernels()->logistic(side->score + first, side->target + first, count, g, h);
}

static double logistic_row(double target, double *margin, uint32_t outputs, size_t stride) {
    (void)outputs, (void)stride;
    double m = margin[0], e = exp(-fabs(m)), p = m > 0 ? 1 / (1 + e) : e / (1 + e);
    margin[0] = p - target;
    return log1p(e) + ((m > 0) == (target > 0) ? 0 : fabs(m));
}

static void logistic_link(double *row, uint32_t outputs) {
    (void)outputs;
    double e = exp(-fabs(row[0]));
    row[0] = row[0] > 0 ? 1 / (1 + e) : e / (1 + e);
}

// ---- softmax: more classes ------------------------------

static void softmax_start(const struct loss_truth *truth, struct loss_start *out) {
    class_shares(truth, truth->outputs, out->base);
    for (uint32_t k = 0; k < truth->outputs; k++) out->base[k] = log(out->base[k]);
    out->unit = 1;
}

static void softmax_gradient(const struct loss_side *side, size_t first, size_t count, float *g,
                             float *h) {
    gradient_kernels()->softmax(side->score + first, side->target + first, side->outputs,
                                side->stride, count, g, h);
}

static double softmax_row(double target, double *margin, uint32_t outputs, size_t stride) {
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

static void squared_start(const struct loss_truth *truth, struct loss_start *out) {
    double mean = 0, spread = 0, total = (double)truth->count;
    for (uint64_t i = 0; i < truth->count; i++) {
        double value = truth_at(truth, i), delta = value - mean;
        mean += delta / (double)(i + 1);
        spread += delta * (value - mean);
    }
    double deviation = total > 0 ? sqrt(spread / total) : 0;
    out->base[0] = mean;
    out->unit = deviation > 0 && isfinite(deviation) ? deviation : 1;
}

static void squared_gradient(const struct loss_side *side, size_t first, size_t count, float *g,
                             float *h) {
    const float *score = side->score + first, *target = side->target + first;
    for (size_t i = 0; i < count; i++) {
        g[i] = score[i] - target[i];
        h[i] = 1;
    }
}

static double squared_row(double target, double *margin, uint32_t outputs, size_t stride) {
    (void)outputs, (void)stride;
    margin[0] -= target;
    return 0.5 * margin[0] * margin[0];
}

static double squared_shown(double mean, double unit) {
    return sqrt(2 * mean) * unit;
}

static void identity_link(double *row, uint32_t outputs) {
    (void)row, (void)outputs;
}

// ---- the table ------------------------------

static const struct loss losses[] = {
    [TASK_BINARY] = {.name = "logistic",
                     .start = logistic_start,
                     .gradient = logistic_gradient,
                     .row = logistic_row,
                     .shown = shown_as_is,
                     .link = logistic_link},
    [TASK_CLASSES] = {.name = "softmax",
                      .start = softmax_start,
                      .gradient = softmax_gradient,
                      .row = softmax_row,
                      .shown = shown_as_is,
                      .link = softmax_link},
    [TASK_REGRESSION] = {.name = "squared",
                         .standardised = true,
                         .start = squared_start,
                         .gradient = squared_gradient,
                         .row = squared_row,
                         .shown = squared_shown,
                         .link = identity_link},
};

const struct loss *loss_of(enum tabular_task task) {
    return &losses[task];
}
