// Losses: what training lowers, and how a model's sum becomes its answer. One struct per loss; the
// learners ask it and know no task. Boosting takes gradients of float scores in pieces; `row` is
// the reference in double: the linear learner's residuals, and both learners' held-out loss.
// Derivatives and losses here are of rows of weight 1; learners multiply.
// Shapes: N rows of one side, K outputs. Any thread.
#pragma once

#include "model/tabular/cox_private.h"
#include "model/tabular/tabular.h"

struct loss_shape {
    uint32_t outputs; // K
    double quantile;  // of the quantile loss
};
// What a score means: value = base + unit * score where targets are learnt standardised; elsewhere
// scores start from base, and unit is 1.
struct loss_start {
    double base[TABULAR_CLASSES_MAX]; // (K)
    double unit;
};
// A side as boosting learns it. Rows are padded to a multiple of 16.
struct loss_side {
    struct loss_shape shape;
    uint64_t rows;         // N
    size_t stride;         // N padded
    float *target, *score; // (stride), (K, stride)
    float *weight;         // (N) or NULL: all 1
    struct cox *cox;       // of a loss over whole sides, else NULL
};

struct loss {
    const char *name;
    bool standardised; // the target is learnt as (value - base) / unit
    bool whole;        // a row's loss depends on all rows of the side: cox_private.h instead of row
    // ERR_MEMORY.
    enum err (*start)(const struct loss_shape *shape, const struct truth *truth,
                      struct loss_start *out);
    // Rows first to first + count, at most GRADIENT_ROWS: g and h point at the first row's, K
    // arrays `stride` floats apart, and may be written up to the next multiple of 16.
    void (*gradient)(const struct loss_side *side, size_t first, size_t count, float *g, float *h);
    // The loss of one row from its margins (K, `stride` doubles apart), which become the loss's
    // derivatives by them. Target as it is learnt.
    double (*row)(const struct loss_shape *shape, double target, double *margin, size_t stride);
    // The same of many rows of weight 1 and one output: the sum of their losses; NULL: row by row.
    // At most LINEAR_LOGISTIC_ROWS; to about 1e-15 of each.
    double (*rows)(const double *target, double *margin, size_t count);
    // A good step along the gradient by a standardised column's weight: 1 over the loss's largest
    // second derivative by a margin; 0: it has none.
    double step;
    // A mean loss as people read it, in the target's units.
    double (*shown)(double mean, double unit);
    // The value of a leaf comes from its residuals (leaf_quantile) instead of a Newton step.
    bool leaf_is_quantile;
    void (*link)(double *row, uint32_t outputs); // margins (K) to the answer, in place
};
// The loss of a task; `number_loss` counts for regression.
const struct loss *loss_of(enum tabular_task task, enum tabular_loss number_loss);
