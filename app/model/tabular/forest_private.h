// A forest of decision trees and what is computed with it. A number goes left when it is below the
// node's threshold; a category goes left when its bin is in the node's set; what is missing goes
// where training learned. The two children of a node stand side by side, after their parent.
// Shapes: N rows, F features of the model, K outputs; tree t belongs to output t % K.
#pragma once

#include "model/tabular/bins_private.h"

enum {
    FOREST_DEPTH_MAX = 32,
    FOREST_TREES_MAX = 100 * 1000,
    FOREST_NODES_MAX = 1 << 28,
    FOREST_SET_WORDS = BINS_CELLS / 32,
};

struct node {
    uint32_t left;    // of this tree's nodes; right is left + 1; 0: a leaf
    uint32_t feature; // of the model
    uint32_t set;     // 1 + index of the set of bins that go left; 0: a number
    float threshold;  // left when below
    float value;      // leaf: what it adds
    float gain;       // of the split
    float cover;      // sum of Hessians in training
    bool missing_left;
};
struct forest {
    struct node *nodes; // all trees' in a row
    uint32_t *starts;   // (tree_count + 1) into nodes
    uint32_t *sets;     // (set_count, FOREST_SET_WORDS)
    uint32_t node_count, node_room, tree_count, start_room, set_count, set_room;
    uint32_t outputs;        // K
    double *base;            // (K) what the sum starts from
    uint8_t **category_bin;  // (F)(category_count), NULL for numbers
    uint8_t *category_bytes; // what they point into
    uint8_t *missing_bin;    // (F): the bin that stands for missing
};

// Room for one more tree of at most `nodes` nodes and as many sets.
enum err forest_reserve(struct forest *forest, uint32_t nodes) MUST_USE;
// Takes category_bin and missing_bin; every category is missing until told otherwise.
enum err forest_categories_take(struct forest *forest, const struct feature *features,
                                uint32_t count) MUST_USE;
void forest_close(struct forest *forest);
static inline const struct node *forest_tree(const struct forest *forest, uint32_t tree) {
    return forest->nodes + forest->starts[tree];
}

// The values of some rows, made ready: (rows, F) row-major; numbers bounded, categories as bins,
// missing as NaN.
void forest_ready(const struct forest *forest, const struct frame *frame, uint64_t first,
                  uint32_t rows, float *out);
// Adds every tree to out (rows, K), which starts from base. The plain way, row by row.
void forest_add_reference(const struct forest *forest, const float *ready, uint32_t features,
                          uint32_t rows, double *out);
// Which way a ready value goes.
static inline bool node_goes_left(const struct forest *forest, const struct node *node,
                                  float value) {
    if (value != value) return node->missing_left;
    if (node->set == 0) return value < node->threshold;
    const uint32_t *set = forest->sets + (size_t)(node->set - 1) * FOREST_SET_WORDS;
    uint32_t bin = (uint32_t)value;
    return set[bin / 32] >> bin % 32 & 1;
}
