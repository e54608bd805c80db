// The training profile: how each feature was distributed among the rows that trained, and the
// prediction among those that tested. It goes with the model, so that new data can be held against
// it. Lives in the model's arena.
#pragma once

#include "model/measure/measure.h"
#include "model/tabular/boost_private.h"

enum { PROFILE_SAMPLE = 100 * 1000, PROFILE_BINS_MAX = TABULAR_CATEGORIES_MAX };

#define PROFILE_COUNT_MAX ((uint64_t)1 << 40) // rows; more is damage

struct profile {
    struct distribution *parts; // (F + 1); the last is the prediction, the class of several
    uint32_t count;             // F + 1; 0: the model has no profile
};

struct tabular_model;
// Of the training side's rows; predicted (tested, K) of the test side. ERR_MEMORY.
enum err profile_make(struct tabular_model *model, const struct train_rows *rows,
                      const double *predicted, uint64_t tested) MUST_USE;
// Is the part one of categories?
bool profile_is_category(const struct tabular_model *model, uint32_t part);
