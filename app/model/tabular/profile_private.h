// The training profile: how each feature was distributed among the rows that trained, and the
// prediction among those that tested. It goes with the model, so that new data can be held against
// it. Lives in the model's arena.
#pragma once

#include "model/tabular/boost_private.h"

enum { PROFILE_BINS = 10, PROFILE_SAMPLE = 100 * 1000, PROFILE_BINS_MAX = TABULAR_CATEGORIES_MAX };

// Below moderate: stable; below large: moderate (Siddiqi 2006).
static const double drift_moderate = 0.1, drift_large = 0.25, drift_share_least = 1e-4;

#define PROFILE_COUNT_MAX ((uint64_t)1 << 40) // rows; more is damage

struct profile_part {
    uint32_t bins; // of a number: ranges; of a category: categories. 0: it had no value
    float *edges;  // (bins - 1) rising, of a number: bin b holds edges[b - 1] <= value < edges[b]
    uint64_t *counts; // (bins)
    uint64_t missing;
};
struct profile {
    struct profile_part *parts; // (F + 1); the last is the prediction, the class of several
    uint32_t count;             // F + 1; 0: the model has no profile
};

struct tabular_model;
// Of the training side's rows; predicted (tested, K) of the test side. ERR_MEMORY.
enum err profile_make(struct tabular_model *model, const struct train_rows *rows,
                      const double *predicted, uint64_t tested) MUST_USE;
// Is the part one of categories?
bool profile_is_category(const struct tabular_model *model, uint32_t part);
// The bin of a value, or UINT32_MAX for a missing one (and an unknown category).
uint32_t profile_bin(const struct profile_part *part, bool category, double value);
// Population stability index of one part against the same bins now, missing values a bin of their
// own: the sum of (now - before) ln(now / before) over shares, which count as at least 1e-4. NaN
// where one of them has no rows.
double profile_psi(const struct profile_part *before, const struct profile_part *now);
