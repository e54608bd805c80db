// The two passes of explain_private.h, four points at a time: a file defines KERNELS, the name of
// the table, and includes this.
#pragma once

#include <string.h>

#include "model/tabular/explain_private.h"

#ifndef KERNELS // compiled alone, to check that it can be
#define KERNELS explain_lanes
extern const struct explain_kernels explain_lanes;
#endif

typedef double four __attribute__((vector_size(32), aligned(8), may_alias));

static inline __attribute__((always_inline)) void passes(const struct explain_tree *tree,
                                                         const struct explain_room *room,
                                                         size_t fours) {
    const struct explain_edge *edges = tree->edges;
    four *product = (four *)(void *)room->product, *sum = (four *)(void *)room->sum;
    four *part = (four *)(void *)room->part;
    const four *factor = (const four *)(const void *)tree->factor;
    const four *weight = (const four *)(const void *)tree->weight;
    for (size_t q = 0; q < fours; q++) product[q] = (four){1, 1, 1, 1};
    // Children stand in pairs from node 1 on.
    for (size_t e = 1; e + 1 < tree->node_count; e += 2) {
        const four *from = product + edges[e].parent * fours;
        const four *left = factor + (e * EDGE_STATES + room->state[e]) * fours;
        const four *right = factor + ((e + 1) * EDGE_STATES + room->state[e + 1]) * fours;
        for (size_t q = 0; q < fours; q++) {
            product[e * fours + q] = from[q] * left[q];
            product[(e + 1) * fours + q] = from[q] * right[q];
        }
    }
    for (size_t e = tree->node_count - 1; e > 1; e -= 2) {
        const four *left = weight + ((e - 1) * EDGE_STATES + room->state[e - 1]) * fours;
        const four *right = weight + (e * EDGE_STATES + room->state[e]) * fours;
        const struct node *nodes = tree->nodes + e - 1;
        four *to = part + edges[e].feature * fours, *up = sum + edges[e].parent * fours;
        // A leaf gives its value to the rows that come to it, a node what is below it.
        bool left_leaf = nodes[0].left == 0, right_leaf = nodes[1].left == 0;
        const four *a_from = (left_leaf ? product : sum) + (e - 1) * fours;
        const four *b_from = (right_leaf ? product : sum) + e * fours;
        double a_by = left_leaf ? (double)nodes[0].value : 1;
        double b_by = right_leaf ? (double)nodes[1].value : 1;
        for (size_t q = 0; q < fours; q++) {
            four a = a_from[q] * a_by, b = b_from[q] * b_by;
            to[q] += a * left[q] + b * right[q];
            up[q] = a + b;
        }
    }
}

static void walk(const struct explain_tree *tree, const struct explain_room *room) {
    switch (tree->points / 4) {
    case 1: passes(tree, room, 1); break;
    case 2: passes(tree, room, 2); break;
    default: passes(tree, room, tree->points / 4); break;
    }
}

const struct explain_kernels KERNELS = {walk};
