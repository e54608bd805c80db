// Gradient boosting: rounds of trees on the gradients of the loss, with early stopping.
// Losses: see loss_private.h. A quantile's leaves take the quantile of their rows' residuals, times
// the learning rate; l2 then only takes part in choosing splits. Shapes: N rows that train, K
// outputs.
#pragma once

#include "model/tabular/forest_private.h"

// Rows of the training side whose loss the curve shows, evenly taken; the validation side counts
// all.
enum { CURVE_ROWS = 64 * 1024 };

struct train_rows {
    const struct frame *frame;
    const struct tabular_target *target;
    const uint32_t *train, *validate; // rows of the frame, rising; train NULL: the first of them
    uint64_t train_count, validate_count;
    const double *weight; // by row of the frame, mean about 1 over those that train; NULL: all 1
};
struct round_loss {
    double train, validate; // as the loss is shown; validate NaN without a validation side
};
struct boosted {
    struct forest forest;
    uint32_t rounds, best_round; // best_round <= rounds trees per output are kept
    struct round_loss *curve;    // (rounds)
};
// ERR_MEMORY, ERR_CANCELLED, ERR_PAUSED, ERR_LIMIT "train.too_many_rows".
enum err boost_train(const struct train_rows *rows, const struct tabular_options *options,
                     struct pool *pool, struct progress *progress, struct boosted *out,
                     struct fault *fault) MUST_USE;
void boosted_close(struct boosted *boosted);
