// Losses: what training lowers, and how a model's sum becomes its answer. One struct per loss; the
// learners ask it and know no task. Boosting takes gradients of float scores in pieces; `row` is
// the reference in double: the linear learner's residuals, and both learners' held-out loss.
// Shapes: N rows of one side, K outputs. Any thread; nothing here takes memory.
#pragma once

#include "model/tabular/tabular.h"

// The truth of a side as it stands in the frame.
struct loss_truth {
    const double *values; // of the target, by row of the frame
    const uint32_t *rows; // (N) rows of the frame; NULL: the first of them
    uint64_t count;       // N
    uint32_t outputs;     // K
};
static inline double truth_at(const struct loss_truth *truth, uint64_t i) {
    return truth->values[truth->rows ? truth->rows[i] : i];
}
// What a score means: value = base + unit * score where targets are learnt standardised; elsewhere
// scores start from base, and unit is 1.
struct loss_start {
    double base[TABULAR_CLASSES_MAX]; // (K)
    double unit;
};
// A side as boosting learns it. Rows are padded to a multiple of 16.
struct loss_side {
    uint64_t rows;         // N
    size_t stride;         // N padded
    uint32_t outputs;      // K
    float *target, *score; // (stride), (K, stride)
};

struct loss {
    const char *name;
    bool standardised; // the target is learnt as (value - base) / unit
    void (*start)(const struct loss_truth *truth, struct loss_start *out);
    // Rows first to first + count, at most GRADIENT_ROWS: g and h point at the first row's, K
    // arrays `stride` floats apart, and may be written up to the next multiple of 16.
    void (*gradient)(const struct loss_side *side, size_t first, size_t count, float *g, float *h);
    // The loss of one row from its margins (K, `stride` doubles apart), which become the loss's
    // derivatives by them. Target as it is learnt.
    double (*row)(double target, double *margin, uint32_t outputs, size_t stride);
    // A mean loss as people read it, in the target's units.
    double (*shown)(double mean, double unit);
    void (*link)(double *row, uint32_t outputs); // margins (K) to the answer, in place
};
// The loss of a task.
const struct loss *loss_of(enum tabular_task task);
