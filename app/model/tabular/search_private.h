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
struct search_node { // a node's sums, as the search of one column takes them
    const struct search_limits *limits;
    uint64_t total;
    double gradient, hessian; // in units
    double least;             // Hessian a side must have, in the cells' whole numbers
    double l2, parent;        // parent: what the unsplit node is worth
};
// Kernels for one column of numbers whose node is not bounded.
struct search_kernels {
    // Which of `count` left sides (padded with 0 to a multiple of 4) gains most, of equals the
    // first; gain 0 if none does.
    uint32_t (*best)(const struct search_node *n, const uint64_t *left, uint32_t count,
                     double *out_gain);
};
extern const struct search_kernels search_reference;
#if defined(__x86_64__)
extern const struct search_kernels search_avx2;
#endif
const struct search_kernels *search_kernels(void);

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
