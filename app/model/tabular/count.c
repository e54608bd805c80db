// Histograms of one level. Small nodes are one task each. Pieces of big nodes go into a histogram
// of the thread's own; these are then added up column by column, and taken away from the sibling's.

#include <string.h>

#include "model/tabular/grower_private.h"

static void subtract(const struct grower *grower, uint32_t counted, uint32_t from, uint32_t to) {
    const struct growing_node *node = &grower->level[counted];
    if (!node->leaves_rest) return;
    struct growing_node *sibling = &grower->level[counted ^ 1];
    for (uint32_t u = from; u < to; u++) {
        const struct feature_bins *feature = &grower->bins->features[u];
        uint64_t *rest = sibling->hist + feature->cell;
        const uint64_t *mine = node->hist + feature->cell;
        for (uint32_t c = 0; c <= feature->value_bins; c++) rest[c] -= mine[c];
    }
}

static void count_small(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    if (progress_cancelled(grower->progress)) return;
    const struct piece *piece = &grower->pieces[index];
    struct growing_node *node = &grower->level[piece->owner];
    histogram_clear(node->hist, grower->bins);
    histogram_add(node->hist, grower->bins, grower->entries[node->side] + piece->first,
                  piece->count);
    histogram_settle(node->hist, grower->bins, 0, grower->bins->count, node->total);
    subtract(grower, piece->owner, 0, grower->bins->count);
}

static uint64_t *partial_of(const struct grower *grower, uint32_t worker, uint32_t at) {
    size_t cells = grower->bins->hist_cells;
    return grower->partial + ((size_t)worker * grower->partial_nodes + at) * cells;
}

// `owner` of a piece is the node's place in `counting` here.
static void count_piece(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    if (progress_cancelled(grower->progress)) return;
    const struct piece *piece = &grower->pieces[index];
    uint32_t side = grower->level[grower->counting[piece->owner]].side;
    uint64_t *hist = partial_of(grower, worker, piece->owner);
    uint8_t *used = &grower->partial_used[worker * grower->partial_nodes + piece->owner];
    if (!*used) histogram_clear(hist, grower->bins);
    *used = 1;
    histogram_add(hist, grower->bins, grower->entries[side] + piece->first, piece->count);
}

static void merge_columns(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    uint32_t at = (uint32_t)index / grower->column_groups;
    uint32_t from = (uint32_t)index % grower->column_groups * grower->group_columns;
    uint32_t left = grower->bins->count - from;
    uint32_t to = from + (left < grower->group_columns ? left : grower->group_columns);
    struct growing_node *node = &grower->level[grower->counting[at]];
    for (uint32_t u = from; u < to; u++) {
        const struct feature_bins *feature = &grower->bins->features[u];
        uint32_t cells = feature->value_bins + 1;
        uint64_t *sum = node->hist + feature->cell;
        memset(sum, 0, cells * sizeof(*sum));
        for (uint32_t w = 0; w < pool_threads(grower->pool); w++) {
            if (!grower->partial_used[w * grower->partial_nodes + at]) continue;
            const uint64_t *part = partial_of(grower, w, at) + feature->cell;
            for (uint32_t c = 0; c < cells; c++) sum[c] += part[c];
        }
    }
    histogram_settle(node->hist, grower->bins, from, to, node->total);
    subtract(grower, grower->counting[at], from, to);
}

static void count_big(struct grower *grower) {
    grower->piece_count = 0;
    for (uint32_t at = 0; at < grower->counting_count; at++) {
        const struct growing_node *node = &grower->level[grower->counting[at]];
        pieces_add(grower, at, node->first, node->count);
    }
    memset(grower->partial_used, 0, pool_threads(grower->pool) * grower->partial_nodes);
    pool_run(grower->pool, grower->piece_count, count_piece, grower);
    pool_run(grower->pool, (size_t)grower->counting_count * grower->column_groups, merge_columns,
             grower);
    grower->counting_count = 0;
}

enum err count_level(struct grower *grower) {
    grower->counting_count = 0;
    for (uint32_t i = 0; i < grower->level_count; i++) {
        if (grower->level[i].count <= PIECE_ROWS || !grower->level[i].counted) continue;
        grower->counting[grower->counting_count++] = i;
        if (grower->counting_count == grower->partial_nodes) count_big(grower);
    }
    if (grower->counting_count > 0) count_big(grower);
    grower->piece_count = 0;
    for (uint32_t i = 0; i < grower->level_count; i++) {
        const struct growing_node *node = &grower->level[i];
        if (node->count <= PIECE_ROWS && node->counted) {
            pieces_add(grower, i, node->first, node->count);
        }
    }
    pool_run(grower->pool, grower->piece_count, count_small, grower);
    return progress_cancelled(grower->progress) ? ERR_CANCELLED : OK;
}
