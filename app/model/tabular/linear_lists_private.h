// Sparse columns of the linear learner: numbers that three quarters of the rows or more have the
// same value of, where there are many such columns (bits of a fingerprint, indicators). That value
// adds the same to every row; a row lists only what differs from it. Depends on linear_private.h;
// one training owns it, pool threads read.
// A value adds w scale (x - mean); with x = usual + off that is `base` for all rows, and off times
// the scaled weight. What is missing counts as the mean, and in its indicator's weight.
// Shapes: N rows that train, F features, K outputs, W weights per output.
#pragma once

#include "model/tabular/linear_private.h"

struct linear_odd {
    uint32_t weight; // of W
    float off;
};
struct linear_lists {
    float *usual;      // (F): NaN where the column is not sparse
    uint32_t *columns; // (count): those that are
    uint32_t count;    // 0: there are too few; nothing else is there then
    uint64_t *first;   // (N + 1) into entries, by the row's place among those that train
    struct linear_odd *entries;
    double *scaled, *base; // (K, W), (K): at the weights last told
};
// Needs the terms' mean and scale. ERR_MEMORY.
enum err linear_lists_make(const struct train_rows *rows, const struct linear *linear,
                           struct pool *pool, struct linear_lists *out) MUST_USE;
void linear_lists_close(struct linear_lists *lists);
static inline bool linear_is_listed(const struct linear_lists *lists, uint32_t f) {
    return lists->count > 0 && lists->usual[f] == lists->usual[f];
}

// Before rows are added at weights x (K, W).
void linear_lists_at(struct linear_lists *lists, const struct linear *linear, const double *x);
// What rows first to first + count add to one output's margins, less base; scaled: that output's.
void linear_lists_add(const struct linear_lists *lists, const double *scaled, uint64_t first,
                      uint32_t count, double *margin);
// The rows' residuals by what they list, into one output's gradient (W) …
void linear_lists_gather(const struct linear_lists *lists, const double *residual, uint64_t first,
                         uint32_t count, double *gradient);
// … which becomes the gradient once all rows are gathered, whose residuals add up to `residuals`.
void linear_lists_settle(const struct linear_lists *lists, const struct linear *linear,
                         double residuals, double *gradient);
