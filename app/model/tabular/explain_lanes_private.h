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
    for (size_t e = 1; e < tree->node_count; e++) {
        const four *from = product + edges[e].parent * fours;
        const four *by = factor + (e * EDGE_STATES + room->state[e]) * fours;
        for (size_t q = 0; q < fours; q++) {
            product[e * fours + q] = from[q] * by[q];
            sum[e * fours + q] = (four){0};
        }
    }
    for (size_t e = tree->node_count; e-- > 1;) {
        const four *by = weight + (e * EDGE_STATES + room->state[e]) * fours;
        bool leaf = tree->nodes[e].left == 0;
        double value = (double)tree->nodes[e].value;
        four *to = part + edges[e].feature * fours, *up = sum + edges[e].parent * fours;
        for (size_t q = 0; q < fours; q++) {
            four below = sum[e * fours + q];
            if (leaf) below = product[e * fours + q] * value;
            to[q] += below * by[q];
            up[q] += below;
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
