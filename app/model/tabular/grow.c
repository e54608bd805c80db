// See grow_private.h. The rows of every node stand together in one of two arrays of entries; a
// split moves them from one array to the other. A leaf's rows stay where they are to the end of the
// tree, because later levels only write the ranges of nodes that are still being split.

#include "model/tabular/grow_private.h"

#include <math.h>
#include <string.h>

#include "model/measure/measure.h"
#include "model/tabular/grower_private.h"

// All threads' partial histograms together.
static const size_t partial_bytes_max = 64u << 20;

void pieces_add(struct grower *grower, uint32_t owner, uint64_t first, uint64_t count) {
    uint64_t at = 0;
    do {
        uint64_t size = count - at < PIECE_ROWS ? count - at : PIECE_ROWS;
        grower->pieces[grower->piece_count++] =
            (struct piece){.owner = owner, .count = (uint32_t)size, .first = first + at};
        at += PIECE_ROWS;
    } while (at < count);
}

// ---- histograms: taken as needed, kept for the next tree ------------------------------

static uint64_t *hist_take(struct grower *grower) {
    if (grower->free_count > 0) return grower->free_hists[--grower->free_count];
    cy_assert(grower->hist_count < grower->hist_room);
    uint64_t *hist = memory_take(hist_cells(grower) * sizeof(*hist));
    if (hist) grower->hist_count++;
    return hist;
}

static void hist_give(struct grower *grower, uint64_t *hist) {
    if (hist) grower->free_hists[grower->free_count++] = hist;
}

static void hists_give_all(struct grower *grower) {
    for (uint32_t i = 0; i < grower->level_count; i++) {
        hist_give(grower, grower->level[i].hist);
        grower->level[i].hist = NULL;
    }
    for (uint32_t i = 0; i < grower->next_count; i++) {
        hist_give(grower, grower->next[i].hist);
        grower->next[i].hist = NULL;
    }
}

// ---- rows in ------------------------------

static uint64_t rows_of_piece(const struct grower *grower, size_t index) {
    uint64_t left = grower->bins->rows - (uint64_t)index * PIECE_ROWS;
    return left < PIECE_ROWS ? left : PIECE_ROWS;
}

static void sum_piece(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    size_t first = index * PIECE_ROWS;
    grower->piece_sums[index] =
        gradient_sum(grower->g + first, grower->h + first, rows_of_piece(grower, index));
}

static void quantise_piece(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    size_t first = index * PIECE_ROWS;
    gradient_kernels()->quantise(grower->g + first, grower->h + first, rows_of_piece(grower, index),
                                 grower->scale, (uint32_t)seed_mix(grower->seed), (uint32_t)first,
                                 grower->entries[0] + first);
}

static void quantise(struct grower *grower) {
    uint32_t pieces = pieces_of(grower->bins->rows);
    pool_run(grower->pool, pieces, sum_piece, grower);
    struct gradient_sums sums = {0};
    for (uint32_t i = 0; i < pieces; i++) {
        const struct gradient_sums *piece = &grower->piece_sums[i];
        sums.absolute += piece->absolute;
        sums.hessian += piece->hessian;
        sums.largest = fmax(sums.largest, piece->largest);
        sums.hessian_largest = fmax(sums.hessian_largest, piece->hessian_largest);
    }
    grower->scale = gradient_scale_of(&sums, grower->bins->rows);
    double g = (double)grower->scale.gradient, h = (double)grower->scale.hessian;
    grower->limits = (struct search_limits){.per_gradient = g > 0 ? 1 / g : 0,
                                            .per_hessian = h > 0 ? 1 / h : 0,
                                            .l2 = grower->options.l2,
                                            .min_child_weight = grower->options.min_child_weight};
    pool_run(grower->pool, pieces, quantise_piece, grower);
}

// Columns the tree may use: those with the lowest draws, so that the number is exact.
static void sample_columns(struct grower *grower) {
    uint32_t columns = grower->bins->count;
    double want = ceil(grower->options.column_share * columns);
    uint32_t keep = want >= 1 ? (uint32_t)want : 1;
    memset(grower->sampled, keep >= columns, columns);
    struct draw draw = {grower->seed ^ 0x636F6C756D6E73u};
    for (uint32_t seen = 0, kept = 0; keep < columns && seen < columns; seen++) {
        // Knuth's selection sampling: each subset of the size is equally likely.
        bool take = draw_below(&draw, columns - seen) < keep - kept;
        grower->sampled[seen] = take;
        kept += take;
    }
}

// ---- a level: search, split, next ------------------------------

static void search_group(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    uint32_t groups = grower->column_groups, from = (uint32_t)(index % groups) * SEARCH_COLUMNS;
    const struct growing_node *node = &grower->level[index / groups];
    struct split *best = &grower->found[index];
    best->gain = 0;
    for (uint32_t u = from; u < grower->bins->count && u < from + SEARCH_COLUMNS; u++) {
        if (!grower->sampled[u]) continue;
        struct split split = search_column(node->hist + (size_t)u * BINS_CELLS, node->total,
                                           &grower->bins->features[u], u, &grower->limits);
        if (split.gain > best->gain) *best = split;
    }
}

static void search_level(struct grower *grower) {
    uint32_t groups = grower->column_groups;
    pool_run(grower->pool, (size_t)grower->level_count * groups, search_group, grower);
    for (uint32_t i = 0; i < grower->level_count; i++) {
        struct growing_node *node = &grower->level[i];
        node->split.gain = 0;
        for (uint32_t k = 0; k < groups; k++) {
            const struct split *found = &grower->found[(size_t)i * groups + k];
            if (found->gain > node->split.gain) node->split = *found;
        }
    }
}

static void split_piece(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    struct piece *piece = &grower->pieces[index];
    const struct split *split = &grower->level[piece->owner].split;
    struct side_table table;
    split_sides(split, &grower->bins->features[split->column], &table);
    piece->left = entries_split(grower->entries[grower->side] + piece->first, piece->count,
                                grower->bins, &table, grower->aside + piece->first);
}

static void move_piece(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    const struct piece *piece = &grower->pieces[index];
    struct entry *to = grower->entries[grower->side ^ 1];
    memcpy(to + piece->left_to, grower->entries[grower->side] + piece->first,
           piece->left * sizeof(*to));
    memcpy(to + piece->right_to, grower->aside + piece->first,
           (piece->count - piece->left) * sizeof(*to));
}

// Moves the entries of all nodes that split to the other array, lefts before rights.
static void split_level(struct grower *grower) {
    grower->piece_count = 0;
    for (uint32_t i = 0; i < grower->level_count; i++) {
        struct growing_node *node = &grower->level[i];
        if (node->split.gain > 0) pieces_add(grower, i, node->first, node->count);
    }
    pool_run(grower->pool, grower->piece_count, split_piece, grower);
    for (uint32_t i = 0; i < grower->level_count; i++) grower->level[i].left_count = 0;
    for (uint32_t p = 0; p < grower->piece_count; p++) {
        struct piece *piece = &grower->pieces[p];
        struct growing_node *node = &grower->level[piece->owner];
        piece->left_to = node->first + node->left_count;
        node->left_count += piece->left;
    }
    for (uint32_t p = 0; p < grower->piece_count; p++) {
        struct piece *piece = &grower->pieces[p];
        const struct growing_node *node = &grower->level[piece->owner];
        uint64_t lefts_before = piece->left_to - node->first;
        piece->right_to =
            node->first + node->left_count + (piece->first - node->first) - lefts_before;
    }
    pool_run(grower->pool, grower->piece_count, move_piece, grower);
}

static void add_leaf(struct grower *grower, const struct growing_node *node, uint32_t side) {
    grower->leaves[grower->leaf_count++] =
        (struct leaf){.first = node->first, .count = node->count, .node = node->node, .side = side};
}

static void write_split(struct grower *grower, const struct growing_node *node, uint32_t left) {
    const struct split *split = &node->split;
    const struct feature_bins *feature = &grower->bins->features[split->column];
    struct forest *forest = grower->forest;
    struct node *out = &grower->tree[node->node];
    out->left = left;
    out->feature = feature->feature;
    out->gain = (float)split->gain;
    out->missing_left = split->missing_left;
    struct step *step = &grower->steps[node->node];
    *step = (struct step){.left = left,
                          .column = split->column,
                          .bin = (uint8_t)split->bin,
                          .missing_bin = (uint8_t)feature->value_bins,
                          .missing_left = split->missing_left};
    if (split->is_set) {
        memcpy(forest->sets + (size_t)forest->set_count * FOREST_SET_WORDS, split->set,
               sizeof(split->set));
        out->set = step->set = ++forest->set_count;
    } else {
        out->threshold = feature->cuts[split->bin];
    }
}

static bool may_split(const struct grower *grower, const struct growing_node *node) {
    double weight = cell_hessian(node->total) * grower->limits.per_hessian;
    return node->count >= 2 && weight >= 2 * grower->limits.min_child_weight;
}

// The two children of a split: into the next level, or leaves. The larger child takes over the
// parent's histogram. ERR_MEMORY.
static enum err add_children(struct grower *grower, struct growing_node *node, bool last_level) {
    uint32_t left_node = grower->tree_nodes;
    grower->tree_nodes += 2;
    write_split(grower, node, left_node);
    struct growing_node left = {.first = node->first,
                                .count = node->left_count,
                                .total = node->split.left,
                                .node = left_node};
    struct growing_node right = {.first = node->first + node->left_count,
                                 .count = node->count - node->left_count,
                                 .total = node->total - node->split.left,
                                 .node = left_node + 1};
    if (last_level || (!may_split(grower, &left) && !may_split(grower, &right))) {
        add_leaf(grower, &left, grower->side ^ 1);
        add_leaf(grower, &right, grower->side ^ 1);
        hist_give(grower, node->hist);
        node->hist = NULL;
        return OK;
    }
    uint64_t *hist = hist_take(grower);
    if (!hist) return ERR_MEMORY;
    bool count_left = left.count <= right.count;
    left.hist = count_left ? hist : node->hist;
    right.hist = count_left ? node->hist : hist;
    node->hist = NULL;
    grower->next[grower->next_count++] = left;
    grower->next[grower->next_count++] = right;
    return OK;
}

static enum err next_level(struct grower *grower, bool last_level) {
    grower->next_count = 0;
    for (uint32_t i = 0; i < grower->level_count; i++) {
        struct growing_node *node = &grower->level[i];
        if (node->split.gain > 0) {
            enum err err = add_children(grower, node, last_level);
            if (err != OK) return err;
        } else {
            add_leaf(grower, node, grower->side);
            hist_give(grower, node->hist);
            node->hist = NULL;
        }
    }
    struct growing_node *swap = grower->level;
    grower->level = grower->next;
    grower->next = swap;
    grower->level_count = grower->next_count;
    grower->next_count = 0;
    grower->side ^= 1;
    return OK;
}

// ---- leaves ------------------------------

static void sum_leaf_piece(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    struct piece *piece = &grower->pieces[index];
    const struct entry *entries = grower->entries[grower->leaves[piece->owner].side] + piece->first;
    double g[4] = {0}, h[4] = {0}; // four chains hide the latency of addition
    for (uint32_t i = 0; i < piece->count; i++) {
        g[i & 3] += (double)grower->g[entries[i].row];
        h[i & 3] += (double)grower->h[entries[i].row];
    }
    piece->gradient = (g[0] + g[1]) + (g[2] + g[3]);
    piece->hessian = (h[0] + h[1]) + (h[2] + h[3]);
}

static void score_piece(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    const struct piece *piece = &grower->pieces[index];
    const struct leaf *leaf = &grower->leaves[piece->owner];
    const struct entry *entries = grower->entries[leaf->side] + piece->first;
    float value = grower->tree[leaf->node].value;
    for (uint32_t i = 0; i < piece->count; i++) grower->score[entries[i].row] += value;
}

// Values from exact sums, in the order of the rows; the cover of inner nodes is their children's.
static void finish_leaves(struct grower *grower) {
    grower->piece_count = 0;
    for (uint32_t i = 0; i < grower->leaf_count; i++) {
        pieces_add(grower, i, grower->leaves[i].first, grower->leaves[i].count);
    }
    pool_run(grower->pool, grower->piece_count, sum_leaf_piece, grower);
    for (uint32_t p = 0; p < grower->piece_count;) {
        uint32_t owner = grower->pieces[p].owner;
        double g = 0, h = 0;
        for (; p < grower->piece_count && grower->pieces[p].owner == owner; p++) {
            g += grower->pieces[p].gradient;
            h += grower->pieces[p].hessian;
        }
        struct node *node = &grower->tree[grower->leaves[owner].node];
        double below = h + grower->options.l2;
        node->value = below > 0 ? (float)(-g / below * grower->options.learning_rate) : 0;
        node->cover = (float)h;
    }
    for (uint32_t n = grower->tree_nodes; n-- > 0;) {
        struct node *node = &grower->tree[n];
        if (node->left) node->cover = node[node->left - n].cover + node[node->left + 1 - n].cover;
    }
    pool_run(grower->pool, grower->piece_count, score_piece, grower);
}

// ---- the tree ------------------------------

static enum err start_root(struct grower *grower) {
    quantise(grower);
    sample_columns(grower);
    grower->side = 0;
    grower->leaf_count = 0;
    grower->level_count = 1;
    grower->next_count = 0;
    grower->tree_nodes = 1;
    grower->level[0] = (struct growing_node){.count = grower->bins->rows};
    if (grower->bins->count == 0) return OK;
    grower->level[0].hist = hist_take(grower);
    if (!grower->level[0].hist) return ERR_MEMORY;
    enum err err = count_level(grower);
    for (uint32_t c = 0; err == OK && c <= grower->bins->features[0].value_bins; c++) {
        grower->level[0].total += grower->level[0].hist[c];
    }
    return err;
}

static enum err grow_levels(struct grower *grower) {
    for (uint32_t depth = 0; grower->level_count > 0; depth++) {
        if (depth > 0) {
            enum err err = count_level(grower);
            if (err != OK) return err;
        }
        search_level(grower);
        split_level(grower);
        if (progress_cancelled(grower->progress)) return ERR_CANCELLED;
        enum err err = next_level(grower, depth + 1 == grower->options.depth);
        if (err != OK) return err;
    }
    return OK;
}

enum err grow_tree(struct grower *grower, const float *g, const float *h, uint64_t seed,
                   float *score, struct forest *forest) {
    enum err err = forest_reserve(forest, 4 * grower->level_room);
    if (err != OK) return err;
    uint32_t sets = forest->set_count;
    grower->g = g;
    grower->h = h;
    grower->seed = seed;
    grower->score = score;
    grower->forest = forest;
    grower->tree = forest->nodes + forest->node_count;
    memset(grower->tree, 0, 4 * (size_t)grower->level_room * sizeof(*grower->tree));
    memset(grower->steps, 0, 4 * (size_t)grower->level_room * sizeof(*grower->steps));
    err = start_root(grower);
    if (err == OK) err = grow_levels(grower);
    if (err != OK) {
        hists_give_all(grower);
        forest->set_count = sets;
        return err;
    }
    finish_leaves(grower);
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
        const uint8_t *cells = s->bins->cells + row * s->bins->stride;
        uint32_t at = 0;
        while (steps[at].left) {
            const struct step *step = &steps[at];
            uint32_t bin = cells[step->column];
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

// A level has at most 2^(depth - 1) nodes that split, and never more than there are rows.
static uint32_t level_room(const struct bins *bins, uint32_t depth) {
    uint64_t room = (uint64_t)1 << (depth > 0 ? depth - 1 : 0);
    return (uint32_t)(room < bins->rows + 1 ? room : bins->rows + 1);
}

enum err grower_open(const struct bins *bins, const struct grow_options *options, struct pool *pool,
                     struct progress *progress, struct grower **out) {
    cy_assert(options->depth >= 1 && options->depth <= FOREST_DEPTH_MAX);
    struct grower *grower = memory_take(sizeof(*grower));
    if (!grower) return ERR_MEMORY;
    *grower =
        (struct grower){.bins = bins, .options = *options, .pool = pool, .progress = progress};
    uint32_t room = (level_room(bins, options->depth) + 1) & ~1u, threads = pool_threads(pool);
    size_t padded = (bins->rows + 15) / 16 * 16, hist_bytes = hist_cells(grower) * 8 + 8;
    size_t fit = partial_bytes_max / hist_bytes / threads;
    grower->partial_nodes = fit > room ? room : fit < 1 ? 1 : (uint32_t)fit;
    grower->level_room = room;
    grower->column_groups = (bins->count + SEARCH_COLUMNS - 1) / SEARCH_COLUMNS;
    grower->hist_room = room + 1;
    uint32_t piece_room = pieces_of(bins->rows) + 2 * room + 1;
    grower->entries[0] = memory_resize(NULL, 0, padded * sizeof(struct entry) + 1);
    grower->entries[1] = memory_resize(NULL, 0, padded * sizeof(struct entry) + 1);
    grower->aside = memory_resize(NULL, 0, padded * sizeof(struct entry) + 1);
    grower->free_hists = memory_take((grower->hist_room + 1) * sizeof(uint64_t *));
    if (bins->rows > PIECE_ROWS) {
        grower->partial = memory_resize(NULL, 0, threads * grower->partial_nodes * hist_bytes);
        grower->partial_used = memory_take((size_t)threads * grower->partial_nodes);
    }
    grower->level = memory_take(room * sizeof(*grower->level));
    grower->next = memory_take(room * sizeof(*grower->next));
    grower->batch = memory_take(room * sizeof(*grower->batch));
    grower->found = memory_take((size_t)room * grower->column_groups * sizeof(*grower->found) + 1);
    grower->leaves = memory_take(2 * (size_t)room * sizeof(*grower->leaves));
    grower->pieces = memory_take(piece_room * sizeof(*grower->pieces));
    grower->sampled = memory_take(bins->count + 1);
    grower->steps = memory_take(4 * (size_t)room * sizeof(*grower->steps));
    grower->piece_sums = memory_take((pieces_of(bins->rows) + 1) * sizeof(*grower->piece_sums));
    bool big = bins->rows <= PIECE_ROWS || (grower->partial && grower->partial_used);
    if (!grower->entries[0] || !grower->entries[1] || !grower->aside || !grower->free_hists ||
        !big || !grower->level || !grower->next || !grower->batch || !grower->found ||
        !grower->leaves || !grower->pieces || !grower->sampled || !grower->steps ||
        !grower->piece_sums) {
        grower_close(grower);
        return ERR_MEMORY;
    }
    *out = grower;
    return OK;
}

void grower_close(struct grower *grower) {
    if (!grower) return;
    for (uint32_t i = 0; i < grower->free_count; i++) memory_give(grower->free_hists[i]);
    memory_give(grower->piece_sums);
    memory_give(grower->steps);
    memory_give(grower->sampled);
    memory_give(grower->pieces);
    memory_give(grower->leaves);
    memory_give(grower->found);
    memory_give(grower->batch);
    memory_give(grower->next);
    memory_give(grower->level);
    memory_give(grower->partial_used);
    memory_give(grower->partial);
    memory_give(grower->free_hists);
    memory_give(grower->aside);
    memory_give(grower->entries[1]);
    memory_give(grower->entries[0]);
    memory_give(grower);
}
