// Adding up a forest fast. Trees are laid out complete, level after level, so that a step is
// "2 i + 1 + not (value < threshold)" and never asks whether a node is a leaf. Each feature stands
// twice beside the row, once with missing values below everything and once above, so that the side
// missing values take is part of which one a node looks at and comparing needs no exception.
// Trees that are deep or have sets of categories go the plain way. Sums are of doubles in the order
// of the trees: the result is the plain way's, bit for bit, on any processor and threads.
// Shapes: N rows, F features, K outputs.
#pragma once

#include "model/tabular/forest_private.h"

enum {
    FAST_DEPTH_MAX = 8,
    FAST_ROWS = 16,      // rows that walk together
    PREDICT_ROWS = 1024, // rows of one task
};

struct fast_tree {
    uint32_t depth;
    uint32_t first; // of its nodes in `feature` and `threshold`: 2^depth - 1 of them
    uint32_t leaf;  // of its leaves in `leaf`: 2^depth of them
    bool plain;     // goes the plain way
};
struct forest_fast {
    struct fast_tree *trees; // (tree_count)
    uint32_t *feature;       // 2 f if missing goes left, 2 f + 1 if right
    float *threshold;
    float *leaf;
    uint32_t tree_count, features, outputs;
};
// ERR_MEMORY. Lives by itself, but describes the forest it was made from.
enum err forest_fast_make(const struct forest *forest, uint32_t features,
                          struct forest_fast **out) MUST_USE;
void forest_fast_close(struct forest_fast *fast);

// Walks one complete tree for FAST_ROWS rows and adds its leaves to sum (FAST_ROWS).
//   values (2 F, FAST_ROWS)
struct walk_kernels {
    void (*walk)(const struct forest_fast *fast, const struct fast_tree *tree, const float *values,
                 double *sum);
};
extern const struct walk_kernels walk_reference;
#if defined(__x86_64__)
extern const struct walk_kernels walk_avx2, walk_avx512;
#endif
const struct walk_kernels *walk_kernels(void);

// out (N, K): base and all trees, before the link. ERR_MEMORY.
enum err forest_predict(const struct forest *forest, const struct forest_fast *fast,
                        const struct frame *frame, struct pool *pool, double *out) MUST_USE;
