// TreeSHAP for many rows. What a leaf of value v adds to feature j's Shapley value is
//   v (one_j - zero_j) ∫₀¹ Π_{i ≠ j} (t one_i + (1 - t) zero_i) dt
// over the features i of its path: one_i says whether the row itself comes this way, zero_i which
// share of training did (Shapley's weights are Beta integrals: Owen 1972). The integrand is a
// polynomial, so Gauss-Legendre quadrature with half as many points as the path has features is
// exact, and nothing large is subtracted. At each point a whole tree takes one pass down, for the
// products, and one up, for the sums below each edge (the idea of Linear TreeSHAP, Yu et al. 2022):
// an edge changes the product by one of three factors, and the sum of the leaves below it counts
// for the edge's feature with one of three weights, by whether the row goes there and whether it
// went along the edge above that asks the same feature. Factors and weights are the same for every
// row: tables of the tree. Every lane does the same operations in the same order everywhere.
// Shapes: E nodes of a tree, Q points, a multiple of 4.
#pragma once

#include "model/tabular/forest_private.h"

enum {
    EXPLAIN_ROWS = 32, // of one task
    EXPLAIN_POINTS_MAX = (FOREST_DEPTH_MAX + 7) / 8 * 4,
};
// What the edge to a node is to a row.
enum edge_state {
    EDGE_LOST,  // an edge above with the same feature already went elsewhere
    EDGE_ASIDE, // the row goes the other way here
    EDGE_ALONG, // the row comes this way
    EDGE_STATES,
};
struct explain_edge { // to a node from its parent
    uint32_t parent;
    uint32_t same;    // the node above whose edge asks the same feature; 0: none
    uint32_t feature; // among the tree's own
};
struct explain_tree {
    const struct node *nodes; // of the forest
    struct explain_edge *edges;
    double *factor, *weight; // (E, EDGE_STATES, Q)
    uint32_t *features;      // (feature_count), of the model
    uint32_t node_count, feature_count, points, output;
};
// How many bytes a tree's tables take at most.
uint64_t explain_tree_bytes(uint32_t nodes);
// `scratch` (F) of zeros, left so. ERR_MEMORY.
enum err explain_tree_make(const struct forest *forest, uint32_t t, uint32_t *scratch,
                           struct arena *arena, struct explain_tree *out) MUST_USE;

// One row in one tree.
struct explain_room {
    double *product, *sum; // (E, Q)
    double *part;          // (tree's features, Q): zeros before, the parts after
    uint8_t *state;        // (E): enum edge_state
};
struct explain_kernels {
    void (*walk)(const struct explain_tree *tree, const struct explain_room *room);
};
extern const struct explain_kernels explain_plain;
#if defined(__x86_64__)
extern const struct explain_kernels explain_avx2;
#endif
const struct explain_kernels *explain_kernels(void);

// Algorithm 2 of Lundberg et al. 2020, one row: out (K, F + 1), added to. What the tests compare
// with.
void explain_reference(const struct forest *forest, const float *ready, uint32_t features,
                       double *out);
// Share of a node's cover that goes to `child`.
static inline double share_of(const struct node *tree, const struct node *node, uint32_t child) {
    double left = (double)tree[node->left].cover, right = (double)tree[node->left + 1].cover;
    double sum = left + right;
    return sum > 0 ? (double)tree[child].cover / sum : 0.5;
}
