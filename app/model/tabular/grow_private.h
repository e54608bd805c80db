// Growing one tree level by level from quantised gradients. Of two children the one with fewer rows
// is counted, the other is what is left of the parent. All loops are cut into pieces that threads
// share; sums are of whole numbers, or of doubles in a fixed order: the tree does not depend on the
// number of threads.
// Shapes: N rows, U columns of the bins.
#pragma once

#include "model/tabular/forest_private.h"
#include "model/tabular/search_private.h"

struct grower; // scratch for one training; one tree at a time

struct grow_options {
    uint32_t depth;
    double learning_rate, l2, min_child_weight, column_share;
};
// `bins` and `pool` must outlive it. Takes about 28 bytes per row.
enum err grower_open(const struct bins *bins, const struct grow_options *options, struct pool *pool,
                     struct progress *progress, struct grower **out) MUST_USE;
void grower_close(struct grower *grower);

// Adds one tree to the forest and its leaves' values to score (N).
//   g, h (N, padded to 16) gradients; exact sums of them make the leaves' values
// ERR_MEMORY, ERR_CANCELLED: the forest is as it was, the score may be anything.
enum err grow_tree(struct grower *grower, const float *g, const float *h, uint64_t seed,
                   float *score, struct forest *forest) MUST_USE;
// Adds the values of the tree grown last to other rows' score; `other` are rows in the same bins.
void grower_score(struct grower *grower, const struct bins *other, float *score);
