// The end of a tree: leaves' values from exact sums of their rows, covers of the nodes above, the
// scores of the rows, and the tree's place in the forest. Also other rows' scores.

#include <math.h>
#include <string.h>

#include "model/tabular/grower_private.h"

static void sum_leaf_piece(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    struct piece *piece = &grower->pieces[index];
    const struct place *place = &grower->leaves[piece->owner];
    const struct entry *entries = grower->entries[place->side] + piece->first;
    double g[4] = {0}, h[4] = {0}; // four chains hide the latency of addition
    for (uint32_t i = 0; i < piece->count; i++) {
        g[i & 3] += (double)grower->g[entries[i].row];
        h[i & 3] += (double)grower->h[entries[i].row];
    }
    piece->total.gradient = (g[0] + g[1]) + (g[2] + g[3]);
    piece->total.hessian = (h[0] + h[1]) + (h[2] + h[3]);
}

static void gather_piece(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    const struct piece *piece = &grower->pieces[index];
    const struct place *place = &grower->leaves[piece->owner];
    const struct leaf_value *how = &grower->options.leaf;
    how->gather(how->ctx, grower->entries[place->side] + piece->first, piece->count, piece->first);
}

// A node's rows stand in one range of both arrays of entries, whichever places they make up: the
// leaf's first place and those behind it are all of it.
static void value_place(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    const struct leaf_value *how = &grower->options.leaf;
    uint32_t leaf = grower->leaves[index].leaf;
    uint64_t first = grower->leaves[index].first, count = 0;
    for (uint32_t i = 0; i < grower->leaf_count; i++) {
        if (grower->leaves[i].leaf != leaf) continue;
        if (grower->leaves[i].first < first) return; // another place speaks for the leaf
        count += grower->leaves[i].count;
    }
    const struct bounds *bounds = &grower->bounds[leaf];
    double value = fmin(fmax(how->value(how->ctx, first, count), bounds->lower), bounds->upper);
    grower->tree[leaf].value = (float)(value * grower->options.learning_rate);
}

static void score_piece(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    const struct piece *piece = &grower->pieces[index];
    const struct place *place = &grower->leaves[piece->owner];
    const struct entry *entries = grower->entries[place->side] + piece->first;
    float value = grower->tree[place->leaf].value;
    for (uint32_t i = 0; i < piece->count; i++) grower->score[entries[i].row] += value;
}

// Values from exact sums, in the order of the rows; the cover of inner nodes is their children's.
static void value_leaves(struct grower *grower) {
    grower->piece_count = 0;
    for (uint32_t i = 0; i < grower->leaf_count; i++) {
        pieces_add(grower, i, grower->leaves[i].first, grower->leaves[i].count);
    }
    pool_run(grower->pool, grower->piece_count, sum_leaf_piece, grower);
    memset(grower->totals, 0, grower->tree_nodes * sizeof(*grower->totals));
    for (uint32_t p = 0; p < grower->piece_count; p++) {
        const struct piece *piece = &grower->pieces[p];
        struct gradient_total *total = &grower->totals[grower->leaves[piece->owner].leaf];
        total->gradient += piece->total.gradient;
        total->hessian += piece->total.hessian;
    }
    for (uint32_t n = 0; n < grower->tree_nodes; n++) {
        const struct gradient_total *total = &grower->totals[n];
        struct node *node = &grower->tree[n];
        if (node->left) continue;
        double below = total->hessian + grower->options.l2;
        double weight = below > 0 ? -total->gradient / below : 0;
        weight = fmin(fmax(weight, grower->bounds[n].lower), grower->bounds[n].upper);
        node->value = (float)(weight * grower->options.learning_rate);
        node->cover = (float)total->hessian;
    }
    if (grower->options.leaf.gather) {
        pool_run(grower->pool, grower->piece_count, gather_piece, grower);
        pool_run(grower->pool, grower->leaf_count, value_place, grower);
    }
    for (uint32_t n = grower->tree_nodes; n-- > 0;) {
        struct node *node = &grower->tree[n];
        if (node->left) node->cover = node[node->left - n].cover + node[node->left + 1 - n].cover;
    }
    pool_run(grower->pool, grower->piece_count, score_piece, grower);
}

enum err leaves_finish(struct grower *grower) {
    struct forest *forest = grower->forest;
    enum err err = forest_reserve(forest, grower->tree_nodes + 1);
    if (err != OK) return err;
    value_leaves(grower);
    for (uint32_t n = 0; n < grower->tree_nodes; n++) {
        if (grower->steps[n].set == 0) continue;
        memcpy(forest->sets + (size_t)forest->set_count * FOREST_SET_WORDS, grower->sets[n],
               sizeof(*grower->sets));
        grower->steps[n].set = grower->tree[n].set = ++forest->set_count;
    }
    memcpy(forest->nodes + forest->node_count, grower->tree,
           grower->tree_nodes * sizeof(*grower->tree));
    forest->node_count += grower->tree_nodes;
    forest->starts[++forest->tree_count] = forest->node_count;
    return OK;
}

// ---- other rows ------------------------------

struct scoring {
    const struct grower *grower;
    const struct bins *bins;
    float *score;
};

static void score_other(void *ctx, size_t index, uint32_t worker) {
    const struct scoring *s = ctx;
    (void)worker;
    const struct step *steps = s->grower->steps;
    const uint32_t *sets = s->grower->forest->sets;
    uint64_t first = (uint64_t)index * PIECE_ROWS, end = first + PIECE_ROWS;
    if (end > s->bins->rows) end = s->bins->rows;
    for (uint64_t row = first; row < end; row++) {
        uint32_t at = 0;
        while (steps[at].left) {
            const struct step *step = &steps[at];
            uint32_t bin = s->bins->columns[step->column * s->bins->rows + row];
            bool left = bin <= step->bin;
            if (step->set) {
                left = sets[(size_t)(step->set - 1) * FOREST_SET_WORDS + bin / 32] >> bin % 32 & 1;
            }
            if (bin == step->missing_bin) left = step->missing_left;
            at = step->left + (left ? 0 : 1);
        }
        s->score[row] += s->grower->tree[at].value;
    }
}

void grower_score(struct grower *grower, const struct bins *other, float *score) {
    struct scoring scoring = {grower, other, score};
    pool_run(grower->pool, pieces_of(other->rows), score_other, &scoring);
}
