// The best split of a node by one column of its histogram.
// Gain is the drop of the regularised loss (Chen and Guestrin 2016, equation 7, without its half):
// GL²/(HL+λ) + GR²/(HR+λ) − G²/(H+λ). A pure function of its arguments.
#pragma once

#include "model/tabular/histogram_private.h"

struct search_limits {
    double per_gradient, per_hessian; // one over the scales: from whole numbers to units
    double l2, min_child_weight;
    // Monotone columns: a node's weight (value before the learning rate) stays within bounds, and
    // of this column's two sides the one of larger numbers weighs at least (1) or at most (-1) as
    // much. Gains are then those of the bounded weights.
    bool bounded;
    int way;
    double lower, upper;
};
struct split {
    double gain;     // 0: no split
    uint64_t left;   // the left side's cell sum
    uint32_t column; // of the bins
    uint32_t bin;    // numbers: bins up to this one go left
    bool is_set;     // categories: the bins in `set` go left
    bool missing_left;
    uint32_t set[BINS_CELLS / 32];
    double middle; // bounded: halfway between the two sides' weights
};
// cells (BINS_CELLS) of the column; total: the node's sum.
struct split search_column(const uint64_t *cells, uint64_t total,
                           const struct feature_bins *feature, uint32_t column,
                           const struct search_limits *limits);
void split_sides(const struct split *split, const struct feature_bins *feature,
                 struct side_table *out);
