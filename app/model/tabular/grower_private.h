// The inside of growing a tree, shared by grow.c (levels, splits, leaves) and count.c (histograms
// of a level). See grow_private.h. One thread drives; pool threads only work on their own piece.
#pragma once

#include "model/tabular/grow_private.h"

enum {
    PIECE_ROWS = GRADIENT_ROWS, // rows of one task
    SEARCH_COLUMNS = 8,         // columns of one search or merge task
};

struct growing_node {
    uint64_t first, count; // its entries
    uint64_t total;        // cell sum
    uint64_t *hist;        // (stride, BINS_CELLS)
    uint32_t node;         // of the tree
    uint64_t left_count;   // entries that went left, once split
    struct split split;
};
struct leaf {
    uint64_t first, count;
    uint32_t node;
    uint32_t side; // which array of entries
};
struct step {      // a node as rows of bins see it
    uint32_t left; // 0: a leaf
    uint32_t column;
    uint32_t set; // 1 + index of the forest's set; 0: a number
    uint8_t bin, missing_bin, missing_left;
};
struct piece { // some rows of one node or leaf
    uint32_t owner;
    uint32_t count;
    uint64_t first;
    uint64_t left;              // of a split: rows that went left
    uint64_t left_to, right_to; // and where the two parts go
    double gradient, hessian;   // of a leaf: exact sums
};

struct grower {
    const struct bins *bins;
    struct grow_options options;
    struct pool *pool;
    struct progress *progress;
    struct entry *entries[2], *aside; // (N) each
    uint32_t side;                    // the array of entries the level reads
    uint64_t **free_hists;            // histograms not in use, (hist_room)
    uint32_t free_count, hist_count, hist_room;
    uint64_t *partial;                 // (threads, partial_nodes, stride, BINS_CELLS)
    uint8_t *partial_used;             // (threads, partial_nodes)
    uint32_t partial_nodes;            // big nodes counted at once
    struct growing_node *level, *next; // (level_room); from the second level on in pairs
    uint32_t level_count, next_count, level_room;
    uint32_t *batch; // (level_room): nodes counted together
    uint32_t batch_count;
    struct split *found; // (level_room, column_groups)
    uint32_t column_groups;
    struct leaf *leaves; // (2 * level_room)
    uint32_t leaf_count;
    struct piece *pieces; // (piece_room)
    uint32_t piece_count;
    uint8_t *sampled;                 // (U): the tree may use the column
    struct gradient_sums *piece_sums; // (pieces of N)
    struct search_limits limits;
    // of the tree being grown
    const float *g, *h;
    float *score;
    struct gradient_scale scale;
    uint64_t seed;
    struct node *tree;
    struct step *steps; // (nodes of the tree)
    uint32_t tree_nodes;
    struct forest *forest;
};

static inline size_t hist_cells(const struct grower *grower) {
    return (size_t)grower->bins->stride * BINS_CELLS;
}
static inline uint32_t pieces_of(uint64_t rows) {
    return (uint32_t)((rows + PIECE_ROWS - 1) / PIECE_ROWS);
}
// Cuts a range of entries into pieces.
void pieces_add(struct grower *grower, uint32_t owner, uint64_t first, uint64_t count);
// Fills the histograms of the level's nodes, of which one of each pair (or the root) is counted and
// the other holds its parent's. ERR_CANCELLED.
enum err count_level(struct grower *grower) MUST_USE;
// The one of the pair that is counted: fewer rows.
bool node_is_counted(const struct grower *grower, uint32_t index);
