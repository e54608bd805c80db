// Splitting the rows of a batch of nodes, piece by piece: each piece in place and aside, then, when
// all know where they go, to the other array of entries. The order of the rows is kept.

#include <string.h>

#include "model/tabular/grower_private.h"

static void split_piece(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    struct piece *piece = &grower->pieces[index];
    const struct growing_node *node = &grower->batch[piece->owner];
    const struct split *split = &node->split;
    struct side_table table;
    split_sides(split, &grower->bins->features[split->column], &table);
    piece->left = entries_split(grower->entries[node->side] + piece->first, piece->count,
                                grower->bins, &table, grower->aside + piece->first);
}

static void move_piece(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    const struct piece *piece = &grower->pieces[index];
    uint32_t side = grower->batch[piece->owner].side;
    struct entry *to = grower->entries[side ^ 1];
    memcpy(to + piece->left_to, grower->entries[side] + piece->first, piece->left * sizeof(*to));
    memcpy(to + piece->right_to, grower->aside + piece->first,
           (piece->count - piece->left) * sizeof(*to));
}

void partition_batch(struct grower *grower) {
    grower->piece_count = 0;
    for (uint32_t i = 0; i < grower->batch_count; i++) {
        struct growing_node *node = &grower->batch[i];
        node->left_count = 0;
        pieces_add(grower, i, node->first, node->count);
    }
    pool_run(grower->pool, grower->piece_count, split_piece, grower);
    for (uint32_t p = 0; p < grower->piece_count; p++) {
        struct piece *piece = &grower->pieces[p];
        struct growing_node *node = &grower->batch[piece->owner];
        piece->left_to = node->first + node->left_count;
        node->left_count += piece->left;
    }
    for (uint32_t p = 0; p < grower->piece_count; p++) {
        struct piece *piece = &grower->pieces[p];
        const struct growing_node *node = &grower->batch[piece->owner];
        uint64_t lefts_before = piece->left_to - node->first;
        piece->right_to =
            node->first + node->left_count + (piece->first - node->first) - lefts_before;
    }
    pool_run(grower->pool, grower->piece_count, move_piece, grower);
}
