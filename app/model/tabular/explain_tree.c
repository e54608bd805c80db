// The tables of a tree for TreeSHAP. See explain_private.h.

#include <math.h>
#include <string.h>

#include "model/tabular/explain_private.h"

// Gauss-Legendre on (0, 1): the roots of Legendre's polynomial by Newton's steps.
static void quadrature(uint32_t points, double *at, double *weight) {
    for (uint32_t i = 0; i < points; i++) {
        double x = cos(M_PI * (i + 0.75) / (points + 0.5)), slope = 1;
        for (int step = 0; step < 50; step++) {
            double before = 1, here = x;
            for (uint32_t k = 2; k <= points; k++) {
                double next = ((2 * k - 1) * x * here - (k - 1) * before) / k;
                before = here;
                here = next;
            }
            slope = points * (x * here - before) / (x * x - 1);
            double change = here / slope;
            x -= change;
            if (fabs(change) < 1e-16) break;
        }
        at[i] = (1 - x) / 2;
        weight[i] = 1 / ((1 - x * x) * slope * slope);
    }
}

uint64_t explain_tree_bytes(uint32_t nodes) {
    uint64_t each = 2 * EDGE_STATES * EXPLAIN_POINTS_MAX * sizeof(double) + 64;
    return nodes * each + 1024;
}

// Each edge's parent, feature, and the edge above that asks the same. Returns the most different
// features on a path; `zero` (E): the share of training that the edge's feature lets through.
static uint32_t edges_fill(struct explain_tree *tree, uint32_t *number, double *zero,
                           uint8_t *different) {
    const struct node *nodes = tree->nodes;
    uint32_t most = 1;
    for (uint32_t n = 0; n < tree->node_count; n++) {
        if (nodes[n].left == 0) continue;
        uint32_t feature = nodes[n].feature, same = n;
        if (number[feature] == 0) {
            tree->features[tree->feature_count++] = feature;
            number[feature] = tree->feature_count;
        }
        while (same != 0 && nodes[tree->edges[same].parent].feature != feature) {
            same = tree->edges[same].parent;
        }
        for (uint32_t e = nodes[n].left; e <= nodes[n].left + 1; e++) {
            tree->edges[e] = (struct explain_edge){n, same, number[feature] - 1};
            zero[e] = (same ? zero[same] : 1) * share_of(nodes, &nodes[n], e);
            different[e] = (uint8_t)(different[n] + (same == 0));
            if (different[e] > most) most = different[e];
        }
    }
    for (uint32_t i = 0; i < tree->feature_count; i++) number[tree->features[i]] = 0;
    return most;
}

// Along: the feature's factor t + (1 - t) zero, and its weight (1 - zero) over that; aside: without
// the t, and 0 - zero over it. Where an edge above asks the same, that one's part is taken back.
static void tables_fill(const struct explain_tree *tree, const double *zero) {
    double at[EXPLAIN_POINTS_MAX], weight[EXPLAIN_POINTS_MAX];
    size_t points = tree->points;
    quadrature(tree->points, at, weight);
    for (size_t e = 1; e < tree->node_count; e++) {
        double *factor = tree->factor + e * EDGE_STATES * points;
        double *share = tree->weight + e * EDGE_STATES * points;
        uint32_t same = tree->edges[e].same;
        double z = zero[e], before = same ? zero[same] : 0;
        for (size_t q = 0; q < points; q++) {
            double t = at[q], along = t + (1 - t) * z, aside = (1 - t) * z;
            double above = same ? t + (1 - t) * before : 1;
            double taken = same ? weight[q] * (1 - before) / above : 0;
            factor[EDGE_LOST * points + q] = before > 0 ? z / before : 0;
            factor[EDGE_ASIDE * points + q] = aside / above;
            factor[EDGE_ALONG * points + q] = along / above;
            share[EDGE_LOST * points + q] = 0;
            share[EDGE_ASIDE * points + q] = -weight[q] / (1 - t) - taken;
            share[EDGE_ALONG * points + q] = weight[q] * (1 - z) / along - taken;
        }
    }
}

enum err explain_tree_make(const struct forest *forest, uint32_t t, uint32_t *scratch,
                           struct arena *arena, struct explain_tree *out) {
    uint32_t nodes = forest->starts[t + 1] - forest->starts[t];
    struct explain_tree tree = {
        .nodes = forest_tree(forest, t), .node_count = nodes, .output = t % forest->outputs};
    tree.edges = ARENA_ARRAY(arena, struct explain_edge, nodes);
    tree.features = ARENA_ARRAY(arena, uint32_t, nodes / 2 + 1);
    double *zero = memory_take(nodes * sizeof(*zero));
    uint8_t *different = memory_take(nodes);
    enum err err = ERR_MEMORY;
    if (!tree.edges || !tree.features || !zero || !different) goto done;
    uint32_t most = edges_fill(&tree, scratch, zero, different);
    tree.points = (most + 7) / 8 * 4;
    cy_assert(tree.points <= EXPLAIN_POINTS_MAX);
    size_t cells = (size_t)nodes * EDGE_STATES * tree.points;
    tree.factor = ARENA_ARRAY(arena, double, cells);
    tree.weight = ARENA_ARRAY(arena, double, cells);
    if (!tree.factor || !tree.weight) goto done;
    tables_fill(&tree, zero);
    *out = tree;
    err = OK;
done:
    memory_give(different);
    memory_give(zero);
    return err;
}
