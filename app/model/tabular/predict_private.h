// Adding up a forest fast. Many rows: each value becomes a byte, its rank among the cuts that the
// trees make of its column, and a tree is then bytes only: for 128 rows at a time every split
// compares a column's bytes with its cut and chooses between what its two sides said, from the
// leaves up to the root, where the leaf's number stands. So shape and depth do not matter, only the
// number of leaves; nothing jumps and nothing is gathered. A column stands twice, once with missing
// values below everything and once above, so that the side missing values take is part of which one
// a split looks at. Trees of over 256 leaves go the plain way, row by row.
// One row: all trees at once in small groups, node by node, without memory of its own.
// Sums are of doubles in the order of the trees: the result is the plain way's, bit for bit, on any
// processor and threads. Shapes: N rows, F features, K outputs.
#pragma once

#include "model/tabular/forest_private.h"

enum {
    FAST_ROWS = 128,   // that go through a tree together
    FAST_LEAVES = 256, // at most, so that a leaf's number is a byte
    FAST_CUTS = 256,   // of a byte column, the last always +infinity
    FAST_CUTS_USED = 255,
    FAST_PIVOTS = 16, // every sixteenth cut again, in front of them
    FAST_CUTS_ROOM = FAST_PIVOTS + FAST_CUTS,
    FAST_SLOTS = 10,    // results that wait for their sibling: log2(leaves) + 1, and one to spare
    FAST_TOGETHER = 4,  // trees whose leaves are added in one pass
    FAST_UNIT = 32,     // bytes of a vector of results: operands count in these
    FAST_MISSING = 255, // a category's code of what is missing or was not seen in training
    FAST_SET_BYTES = 32,
    PREDICT_ROWS = 1024, // rows of one task
};

// A column of bytes: ranks among at most 255 cuts of a number (one with more has several columns),
// less 128 and so signed, missing 127 in the upper copy; or a category's bins and 255 for missing,
// alike in both copies.
struct fast_column {
    uint32_t feature;
    bool is_category;
};
// A split, in the order of evaluation: both sides are known before it. All are places in bytes:
// `code` in the codes, the rest in the room, where leaf i's number stands at FAST_ROWS i.
//   result = code < cut ? left : right; with a set: its bit for the code ? left : right
struct fast_step {
    uint32_t code, left, right, out;
    uint32_t set; // 1 + index of the set; 0: a number
    int8_t cut;
};
struct fast_tree {
    uint32_t first, count; // of its steps
    uint32_t leaf;         // of its leaves, and of one row's values
    bool plain;            // goes the plain way
};
// For one row. A node is 4 bytes: where its code stands (15 bits), its cut (8), its left child (9),
// the right one behind it: at = left + (code >= cut). A leaf has itself as its left child and looks
// at a code that is below every cut. Cut ROW_SET: by a set.
struct row_tree {
    uint32_t first; // of its nodes, as in the forest
    uint32_t depth;
};
enum {
    ROW_SET = INT8_MIN,
    ROW_CODES_MAX = 1 << 12,
    ROW_WINDOW = 128, // trees whose values wait for their turn
};
struct forest_fast {
    struct fast_tree *trees; // (tree_count)
    struct fast_step *steps;
    double *leaves;
    uint8_t *sets; // one a split: the bit of a code that goes left is set
    struct fast_column *columns;
    float *cuts;           // (columns, FAST_CUTS_ROOM): pivots; cuts, rising, then +infinity
    struct row_tree *rows; // (tree_count)
    uint32_t *row_order;   // (tree_count): in each window the shallow trees first, plain ones last
    uint32_t *row_nodes;   // see row_tree
    float *row_values;     // beside row_nodes: the leaf's value
    uint32_t tree_count, features, outputs, step_count, leaf_count, column_count;
    bool has_plain, has_sets;
};
// ERR_MEMORY, ERR_LIMIT. Lives by itself, but describes the forest it was made from.
enum err forest_fast_make(const struct forest *forest, const struct feature *features,
                          uint32_t count, struct forest_fast **out) MUST_USE;
void forest_fast_close(struct forest_fast *fast);

// What the rows of one piece need: the leaves' numbers, then slots.
enum { FAST_ROOM = (FAST_LEAVES + FAST_SLOTS) * FAST_ROWS };
void fast_room_fill(uint8_t room[static FAST_ROOM]);

struct fast_kernels {
    // Codes of `rows` values by a column's pivots and cuts: low with missing below all, high above.
    void (*rank)(const float *cuts, const float *values, uint32_t rows, uint8_t *low,
                 uint8_t *high);
    // Which leaf each of FAST_ROWS rows comes to.  codes (2 columns, FAST_ROWS)
    void (*walk)(const struct forest_fast *fast, const struct fast_tree *tree, const uint8_t *codes,
                 uint8_t *room, uint8_t *out);
};
extern const struct fast_kernels fast_reference;
#if defined(__x86_64__)
extern const struct fast_kernels fast_avx2;
#endif
const struct fast_kernels *fast_kernels(void);

// out (N, K): base and all trees, before the link. ERR_MEMORY.
enum err forest_predict(const struct forest *forest, const struct forest_fast *fast,
                        const struct frame *frame, struct pool *pool, double *out) MUST_USE;
// One row: values (F) as in a frame, out (K). Takes no memory.
void forest_predict_row(const struct forest *forest, const struct forest_fast *fast,
                        const struct feature *features, const float *values, double *out);
