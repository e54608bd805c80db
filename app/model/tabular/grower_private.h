// The inside of growing a tree: grow.c drives, frontier.c says which nodes split next and which
// splits stay, count.c fills their children's histograms, partition.c moves rows to them, leaves.c
// ends the tree. See grow_private.h. One thread drives; pool threads only work on their own piece.
//
//   level (children) -> counted, searched -> open (a split is known) -> batch -> split -> level
//
// Level by level a batch is all that is open. The best leaf first would be one node at a time; a
// batch is the most promising nodes instead, and splits that turn out to come too late for the
// number of leaves are taken back at the end: the tree is the same, with less waiting.
#pragma once

#include "model/tabular/grow_private.h"

enum {
    PIECE_ROWS = GRADIENT_ROWS, // rows of one task
    SEARCH_COLUMNS = 8,         // columns of one search or merge task, at least
    SEARCH_GROUPS = 64,         // such tasks for one node, at most
};

struct bounds { // monotone columns above: what a leaf's weight must lie in
    double lower, upper;
};
struct path { // interactions: which sets hold all columns above
    uint64_t sets;
    uint32_t alone; // the one column above that is in no set, if `sets` is empty
};
struct growing_node {
    uint64_t first, count; // its entries
    uint64_t total;        // cell sum
    uint64_t *hist;        // (hist_cells); NULL: forgotten
    uint32_t node;         // of the tree
    uint32_t depth;        // the root's is 0
    uint32_t side;         // which array of entries
    bool counted;          // in a level: its histogram is filled from its rows
    bool leaves_rest;      // and the other of its pair holds the parent's, from which it is taken
    uint64_t left_count;   // entries that go left, once split
    struct bounds bounds;
    struct path path;
    struct split split;
};
struct place { // where a node's rows stand
    uint64_t first, count;
    uint32_t side;
    uint32_t leaf; // at the end: the node they make up, alone or with others
};
struct step {      // a node as rows of bins see it
    uint32_t left; // 0: a leaf
    uint32_t column;
    uint32_t set; // 1 + index of the forest's set; 0: a number
    uint8_t bin, missing_bin, missing_left;
};
struct gradient_total {
    double gradient, hessian;
};
struct piece { // some rows of one node or leaf
    uint32_t owner;
    uint32_t count;
    uint64_t first;
    uint64_t left;               // of a split: rows that went left
    uint64_t left_to, right_to;  // and where the two parts go
    struct gradient_total total; // of a leaf: exact sums
};

struct grower {
    const struct bins *bins;
    struct grow_options options;
    struct pool *pool;
    struct progress *progress;
    struct entry *entries[2], *aside; // (N) each
    uint64_t **free_hists;            // histograms not in use, (hist_room)
    uint32_t free_count, hist_count, hist_room;
    uint64_t *partial;          // (threads, partial_nodes, hist_cells)
    uint8_t *partial_used;      // (threads, partial_nodes)
    uint32_t partial_nodes;     // big nodes counted at once
    struct growing_node *level; // (2 batch_room); in pairs, but for the root
    struct growing_node *batch; // (batch_room): being split
    struct growing_node *open;  // (node_room)
    uint32_t level_count, batch_count, open_count, batch_room;
    uint32_t *counting; // (2 batch_room): nodes of the level counted together
    uint32_t counting_count;
    struct split *found; // (2 batch_room, column_groups)
    uint32_t column_groups, group_columns;
    struct piece *pieces; // (piece_room)
    uint32_t piece_count;
    uint8_t *sampled;                 // (U): the tree may use the column
    struct gradient_sums *piece_sums; // (pieces of N)
    uint64_t *piece_totals;           // (pieces of N): cell sums
    struct search_limits limits;
    // of the tree being grown; (node_room) each
    struct node *tree;
    struct step *steps;
    struct place *places;
    struct gradient_total *totals; // leaves' exact sums
    struct bounds *bounds;
    double *gains;                      // 0: may not split
    uint32_t (*sets)[FOREST_SET_WORDS]; // of nodes that split by a category
    uint8_t *stays;                     // best leaf first: the split is one of the tree's
    uint32_t *heap;                     // leaves of the tree as it stays, the best on top
    struct place *leaves;               // (node_room): all rows
    uint32_t node_room, tree_nodes, heap_count, leaf_count;
    uint32_t leaves_staying, splits_made;
    const float *g, *h;
    float *score;
    struct gradient_scale scale;
    uint64_t seed;
    struct forest *forest;
};

static inline uint32_t pieces_of(uint64_t rows) {
    return (uint32_t)((rows + PIECE_ROWS - 1) / PIECE_ROWS);
}
// Cuts a range of entries into pieces.
void pieces_add(struct grower *grower, uint32_t owner, uint64_t first, uint64_t count);
// NULL: no memory. At most hist_room are in use at once.
uint64_t *hist_take(struct grower *grower);
void hist_give(struct grower *grower, uint64_t *hist);

// frontier.c
void frontier_start(struct grower *grower);
// Moves the nodes to split next from `open` to `batch`; none when the tree is whole. Sees to it
// that there are histograms for their children.
void frontier_choose(struct grower *grower);
// Takes back the splits that do not stay, so that the tree's nodes stand without gaps, and lists
// where the leaves' rows are.
void frontier_prune(struct grower *grower);

// Fills the histograms of the level's nodes. ERR_CANCELLED.
enum err count_level(struct grower *grower) MUST_USE;
// Moves the entries of the batch's nodes to the other array, lefts before rights.
void partition_batch(struct grower *grower);
// Values of the leaves, covers, scores; the tree into the forest. ERR_MEMORY, ERR_LIMIT.
enum err leaves_finish(struct grower *grower) MUST_USE;
