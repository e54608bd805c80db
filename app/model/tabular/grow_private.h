// Growing one tree from quantised gradients, level by level or the best leaf first. Of two children
// the one with fewer rows is counted, the other is what is left of the parent. All loops are cut
// into pieces that threads share; sums are of whole numbers, or of doubles in a fixed order: the
// tree does not depend on the number of threads.
// Shapes: N rows, U columns of the bins.
#pragma once

#include "model/tabular/constraints_private.h"
#include "model/tabular/forest_private.h"
#include "model/tabular/search_private.h"

enum {
    GROW_DEPTH_MAX = 16, // level by level: a level may have 2^depth nodes
    GROW_LEAVES_MAX = 4096,
};

struct grower; // scratch for one training; one tree at a time

// Leaf values of a loss that wants others than the Newton step, from any thread: `gather` takes
// some rows into scratch of (N) from `first` on; `value` then finds a leaf's rows together there.
struct leaf_value {
    void (*gather)(void *ctx, const struct entry *entries, uint64_t count, uint64_t first);
    double (*value)(void *ctx, uint64_t first, uint64_t count);
    void *ctx;
};
struct grow_options {
    uint32_t depth;  // at most FOREST_DEPTH_MAX
    uint32_t leaves; // 0: level by level; else the leaf whose split gains most is split next, until
                     // the tree has so many
    double learning_rate, l2, min_child_weight, column_share;
    const struct constraints *constraints; // NULL: none
    size_t histogram_bytes;                // of nodes, at most, but for two nodes'; 0: 256 MB
    struct leaf_value leaf;                // gather NULL: -G / (H + l2)
};
// `bins` and `pool` must outlive it. Takes about 28 bytes per row. Where histograms find no room
// those of the least promising nodes are forgotten and their children's counted anew.
enum err grower_open(const struct bins *bins, const struct grow_options *options, struct pool *pool,
                     struct progress *progress, struct grower **out) MUST_USE;
void grower_close(struct grower *grower);

// Adds one tree to the forest and its leaves' values to score (N).
//   g, h (N, padded to 16) gradients; exact sums of them make the leaves' values
// ERR_MEMORY, ERR_CANCELLED, ERR_LIMIT: the forest is as it was, the score may be anything.
enum err grow_tree(struct grower *grower, const float *g, const float *h, uint64_t seed,
                   float *score, struct forest *forest) MUST_USE;
// Adds the values of the tree grown last to other rows' score; `other` are rows in the same bins.
void grower_score(struct grower *grower, const struct bins *other, float *score);
