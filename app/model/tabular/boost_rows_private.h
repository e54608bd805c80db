// The rows as boosting learns them: sides with targets, weights and scores, and heavy rows laid out
// as several. Shapes: N rows of a side.
#pragma once

#include "model/tabular/boost_private.h"
#include "model/tabular/loss_private.h"

// A row weighs at most this many mean rows. Heavier ones are listed several times, each with its
// part of the weight, which is the same loss: gradients become whole numbers of 16 bits, and one
// heavy row would leave the others only the lowest of them. Adds at most N / 4 rows.
static const double row_weight_max = 4;

// `out` is `rows` with its own list of training rows where some are heavy, or as it is.
// *out_list and *out_weight own what it points into, NULL when nothing was laid out. ERR_MEMORY.
enum err rows_lay_out(const struct train_rows *rows, struct train_rows *out, uint32_t **out_list,
                      double **out_weight) MUST_USE;

static inline struct truth truth_of(const struct train_rows *rows, const uint32_t *list,
                                    uint64_t count) {
    return (struct truth){rows->target->values, rows->weight, rows->target->event, list, count};
}
// Takes a side's arrays and fills them, scores at the start. ERR_MEMORY; what was taken is given
// back by loss_side_close.
enum err loss_side_open(const struct loss *loss, const struct loss_shape *shape,
                        const struct truth *truth, const struct loss_start *start,
                        struct loss_side *out) MUST_USE;
void loss_side_close(struct loss_side *side);
// Brings what depends on all rows up to the scores; nothing for losses that are not `whole`.
void loss_side_refresh(struct loss_side *side, struct pool *pool);
