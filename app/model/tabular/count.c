// Histograms of one level. Small nodes are one task each. Pieces of big nodes go into a histogram
// of the thread's own; these are then added up column by column, and taken away from the sibling's.

#include <string.h>

#include "model/tabular/grower_private.h"

static void subtract(const struct grower *grower, uint32_t counted, uint32_t from, uint32_t to) {
    const struct growing_node *node = &grower->level[counted];
    if (!node->leaves_rest) return;
    struct growing_node *sibling = &grower->level[counted ^ 1];
    for (uint32_t u = from; u < to; u++) {
        uint32_t cells = grower->bins->features[u].value_bins + 1;
        uint64_t *rest = sibling->hist + (size_t)u * BINS_CELLS;
        const uint64_t *mine = node->hist + (size_t)u * BINS_CELLS;
        for (uint32_t c = 0; c < cells; c++) rest[c] -= mine[c];
    }
}

static void count_small(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    if (progress_cancelled(grower->progress)) return;
    const struct piece *piece = &grower->pieces[index];
    struct growing_node *node = &grower->level[piece->owner];
    for (uint32_t u = 0; u < grower->bins->stride; u++) {
        uint32_t cells = u < grower->bins->count ? grower->bins->features[u].value_bins + 1 : 1;
        memset(node->hist + (size_t)u * BINS_CELLS, 0, cells * sizeof(*node->hist));
    }
    histogram_add(node->hist, grower->bins, grower->entries[node->side] + piece->first,
                  piece->count);
    subtract(grower, piece->owner, 0, grower->bins->count);
}

static uint64_t *partial_of(const struct grower *grower, uint32_t worker, uint32_t at) {
    return grower->partial + ((size_t)worker * grower->partial_nodes + at) * hist_cells(grower);
}

// `owner` of a piece is the node's place in `counting` here.
static void count_piece(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    if (progress_cancelled(grower->progress)) return;
    const struct piece *piece = &grower->pieces[index];
    uint32_t side = grower->level[grower->counting[piece->owner]].side;
    uint64_t *hist = partial_of(grower, worker, piece->owner);
    uint8_t *used = &grower->partial_used[worker * grower->partial_nodes + piece->owner];
    if (!*used) memset(hist, 0, hist_cells(grower) * sizeof(*hist));
    *used = 1;
    histogram_add(hist, grower->bins, grower->entries[side] + piece->first, piece->count);
}

static void merge_columns(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    uint32_t at = (uint32_t)index / grower->column_groups;
    uint32_t from = (uint32_t)index % grower->column_groups * SEARCH_COLUMNS;
    uint32_t left = grower->bins->count - from;
    uint32_t to = from + (left < SEARCH_COLUMNS ? left : SEARCH_COLUMNS);
    struct growing_node *node = &grower->level[grower->counting[at]];
    for (uint32_t u = from; u < to; u++) {
        uint32_t cells = grower->bins->features[u].value_bins + 1;
        uint64_t *sum = node->hist + (size_t)u * BINS_CELLS;
        memset(sum, 0, cells * sizeof(*sum));
        for (uint32_t w = 0; w < pool_threads(grower->pool); w++) {
            if (!grower->partial_used[w * grower->partial_nodes + at]) continue;
            const uint64_t *part = partial_of(grower, w, at) + (size_t)u * BINS_CELLS;
            for (uint32_t c = 0; c < cells; c++) sum[c] += part[c];
        }
    }
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
