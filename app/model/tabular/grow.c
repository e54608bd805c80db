// See grow_private.h and grower_private.h. The rows of every node stand together in one of two
// arrays of entries; a split moves them from one array to the other. A leaf's rows stay where they
// are to the end of the tree, because later splits only write the ranges of their own nodes.

#include "model/tabular/grow_private.h"

#include <math.h>
#include <string.h>

#include "model/measure/measure.h"
#include "model/tabular/grower_private.h"

// All threads' partial histograms together, and those of nodes.
static const size_t partial_bytes_max = 64u << 20, hist_bytes_max = 256u << 20;

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

uint64_t *hist_take(struct grower *grower) {
    if (grower->free_count > 0) return grower->free_hists[--grower->free_count];
    cy_assert(grower->hist_count < grower->hist_room);
    uint64_t *hist = memory_take(grower->bins->hist_cells * sizeof(*hist));
    if (hist) grower->hist_count++;
    return hist;
}

void hist_give(struct grower *grower, uint64_t *hist) {
    if (hist) grower->free_hists[grower->free_count++] = hist;
}

static void hists_give_all(struct grower *grower, struct growing_node *nodes, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        hist_give(grower, nodes[i].hist);
        nodes[i].hist = NULL;
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
    grower->piece_totals[index] = gradient_kernels()->quantise(
        grower->g + first, grower->h + first, rows_of_piece(grower, index), grower->scale,
        (uint32_t)seed_mix(grower->seed), (uint32_t)first, grower->entries[0] + first);
}

// Entries of all rows; returns their sum.
static uint64_t quantise(struct grower *grower) {
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
    uint64_t total = 0;
    for (uint32_t i = 0; i < pieces; i++) total += grower->piece_totals[i];
    return total;
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

// ---- a level: search, then open or leaf ------------------------------

// Whether the interactions let a column stand below the columns above a node.
static bool may_use(const struct grower *grower, const struct growing_node *node,
                    uint32_t feature) {
    const struct constraints *constraints = grower->options.constraints;
    if (!constraints || !constraints->sets || node->depth == 0) return true;
    if (node->path.sets == 0) return feature == node->path.alone;
    return (constraints->sets[feature] & node->path.sets) != 0;
}

static void search_group(void *ctx, size_t index, uint32_t worker) {
    struct grower *grower = ctx;
    (void)worker;
    uint32_t groups = grower->column_groups;
    uint32_t from = (uint32_t)(index % groups) * grower->group_columns;
    const struct growing_node *node = &grower->level[index / groups];
    struct split *best = &grower->found[index];
    best->gain = 0;
    struct search_limits limits = grower->limits;
    const int8_t *ways = grower->options.constraints ? grower->options.constraints->monotone : NULL;
    limits.bounded = ways != NULL;
    limits.lower = node->bounds.lower;
    limits.upper = node->bounds.upper;
    for (uint32_t u = from; u < grower->bins->count && u < from + grower->group_columns; u++) {
        const struct feature_bins *feature = &grower->bins->features[u];
        if (!grower->sampled[u] || !may_use(grower, node, feature->feature)) continue;
        limits.way = ways ? ways[feature->feature] : 0;
        struct split split =
            search_column(node->hist + feature->cell, node->total, feature, u, &limits);
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

// A node that has nothing to gain gives its histogram back and is a leaf.
static void open_level(struct grower *grower) {
    for (uint32_t i = 0; i < grower->level_count; i++) {
        struct growing_node *node = &grower->level[i];
        grower->gains[node->node] = node->split.gain;
        if (node->split.gain > 0) {
            grower->open[grower->open_count++] = *node;
        } else {
            hist_give(grower, node->hist);
        }
    }
    grower->level_count = 0;
}

// ---- a batch: split, then the children ------------------------------

static void write_split(struct grower *grower, const struct growing_node *node, uint32_t left) {
    const struct split *split = &node->split;
    const struct feature_bins *feature = &grower->bins->features[split->column];
    struct node *out = &grower->tree[node->node];
    out->left = left;
    out->feature = feature->feature;
    out->gain = (float)split->gain;
    out->missing_left = split->missing_left;
    if (!split->is_set) out->threshold = feature->cuts[split->bin];
    memcpy(grower->sets[node->node], split->set, sizeof(split->set));
    grower->steps[node->node] = (struct step){.left = left,
                                              .column = split->column,
                                              .set = split->is_set,
                                              .bin = (uint8_t)split->bin,
                                              .missing_bin = (uint8_t)feature->value_bins,
                                              .missing_left = split->missing_left};
}

static bool may_split(const struct grower *grower, const struct growing_node *node) {
    // The last split of all, which is never ahead of its time: no need to look further.
    if (grower->leaves_staying + 1 == grower->options.leaves) return false;
    double weight = cell_hessian(node->total) * grower->limits.per_hessian;
    return node->count >= 2 && weight >= 2 * grower->limits.min_child_weight &&
           node->depth < grower->options.depth;
}

static void place_child(struct grower *grower, const struct growing_node *child) {
    grower->tree[child->node] = (struct node){0};
    grower->steps[child->node] = (struct step){0};
    grower->gains[child->node] = 0;
    grower->bounds[child->node] = child->bounds;
    grower->places[child->node] = (struct place){child->first, child->count, child->side, 0};
}

// What the constraints say of the children: of a monotone column the side of smaller numbers, which
// is the left, stays on its side of the middle between the two. `right` is the right one's bounds.
static void constrain(const struct grower *grower, const struct growing_node *node,
                      struct growing_node *left, struct bounds *right) {
    const struct constraints *constraints = grower->options.constraints;
    uint32_t feature = grower->bins->features[node->split.column].feature;
    left->path = node->path;
    left->bounds = *right = node->bounds;
    if (constraints && constraints->sets) {
        left->path.sets &= constraints->sets[feature];
        left->path.alone = feature;
    }
    int way = constraints && constraints->monotone ? constraints->monotone[feature] : 0;
    if (way > 0) left->bounds.upper = right->lower = node->split.middle;
    if (way < 0) left->bounds.lower = right->upper = node->split.middle;
}

// The two children of a split: into the level, or leaves. The larger child takes over the parent's
// histogram; where that is forgotten both are counted. ERR_MEMORY.
static enum err add_children(struct grower *grower, struct growing_node *node) {
    struct bounds bounds;
    struct growing_node left = {.first = node->first,
                                .count = node->left_count,
                                .total = node->split.left,
                                .node = grower->tree_nodes,
                                .depth = node->depth + 1,
                                .side = node->side ^ 1};
    constrain(grower, node, &left, &bounds);
    struct growing_node right = left;
    right.bounds = bounds;
    right.first += left.count;
    right.count = node->count - left.count;
    right.total = node->total - left.total;
    right.node = left.node + 1;
    write_split(grower, node, left.node);
    grower->tree_nodes += 2;
    place_child(grower, &left);
    place_child(grower, &right);
    uint64_t *hist = node->hist;
    node->hist = NULL;
    if (!may_split(grower, &left) && !may_split(grower, &right)) {
        hist_give(grower, hist);
        return OK;
    }
    struct growing_node *small = left.count <= right.count ? &left : &right;
    struct growing_node *large = small == &left ? &right : &left;
    small->counted = true;
    small->leaves_rest = hist != NULL;
    large->counted = hist == NULL;
    large->hist = hist ? hist : hist_take(grower);
    small->hist = hist_take(grower);
    grower->level[grower->level_count++] = left;
    grower->level[grower->level_count++] = right;
    return small->hist && large->hist ? OK : ERR_MEMORY;
}

// ---- the tree ------------------------------

static enum err start_root(struct grower *grower) {
    struct growing_node root = {.total = quantise(grower),
                                .count = grower->bins->rows,
                                .counted = true,
                                .bounds = {-INFINITY, INFINITY},
                                .path = {UINT64_MAX, 0}};
    sample_columns(grower);
    grower->level_count = 0;
    grower->tree_nodes = 1;
    place_child(grower, &root);
    frontier_start(grower);
    if (grower->bins->count == 0) return OK;
    root.hist = hist_take(grower);
    grower->level[grower->level_count++] = root;
    return root.hist ? count_level(grower) : ERR_MEMORY;
}

static enum err split_all(struct grower *grower) {
    enum err err = start_root(grower);
    while (err == OK) {
        search_level(grower);
        open_level(grower);
        frontier_choose(grower);
        if (grower->batch_count == 0) break;
        partition_batch(grower);
        for (uint32_t i = 0; err == OK && i < grower->batch_count; i++) {
            err = add_children(grower, &grower->batch[i]);
        }
        if (err == OK) err = count_level(grower);
    }
    return err;
}

enum err grow_tree(struct grower *grower, const float *g, const float *h, uint64_t seed,
                   float *score, struct forest *forest) {
    grower->g = g;
    grower->h = h;
    grower->seed = seed;
    grower->score = score;
    grower->forest = forest;
    enum err err = split_all(grower);
    hists_give_all(grower, grower->level, grower->level_count);
    hists_give_all(grower, grower->batch, grower->batch_count);
    hists_give_all(grower, grower->open, grower->open_count);
    if (err != OK) return err;
    frontier_prune(grower);
    return leaves_finish(grower);
}

// ---- open and close ------------------------------

// How many nodes split in one tree at most, and how many of them at once.
static void bound_nodes(struct grower *grower) {
    uint64_t splits = grower->bins->rows, at_once;
    size_t hist_bytes = grower->bins->hist_cells * sizeof(uint64_t) + 8;
    if (grower->options.leaves > 0) {
        // Those that stay and as many in vain.
        uint64_t most = 2 * (uint64_t)grower->options.leaves;
        splits = splits < most ? splits : most;
        at_once = grower->options.leaves / 4;
    } else {
        uint64_t most = (uint64_t)1 << grower->options.depth;
        splits = splits < most ? splits : most;
        at_once = splits / 2;
    }
    size_t bytes = grower->options.histogram_bytes;
    uint64_t fit = (bytes > 0 ? bytes : hist_bytes_max) / hist_bytes;
    uint64_t room = fit < 2 ? 2 : fit < splits + 2 ? fit : splits + 2;
    grower->node_room = (uint32_t)(2 * splits + 3);
    grower->hist_room = (uint32_t)room;
    at_once = at_once < room / 2 ? at_once : room / 2;
    grower->batch_room = at_once > 0 ? (uint32_t)at_once : 1;
    fit = partial_bytes_max / hist_bytes / pool_threads(grower->pool);
    grower->partial_nodes = fit > grower->batch_room ? grower->batch_room
                            : fit < 1                ? 1
                                                     : (uint32_t)fit;
}

static bool take_rows(struct grower *grower) {
    size_t rows = (grower->bins->rows + 15) / 16 * 16, threads = pool_threads(grower->pool);
    uint32_t pieces = pieces_of(grower->bins->rows) + 1;
    size_t hist_bytes = grower->bins->hist_cells * sizeof(uint64_t) + 8;
    for (int i = 0; i < 2; i++) {
        grower->entries[i] = memory_resize(NULL, 0, rows * sizeof(struct entry) + 1);
    }
    grower->aside = memory_resize(NULL, 0, rows * sizeof(struct entry) + 1);
    grower->pieces = memory_take((pieces + grower->node_room) * sizeof(*grower->pieces));
    grower->piece_sums = memory_take(pieces * sizeof(*grower->piece_sums));
    grower->piece_totals = memory_take(pieces * sizeof(*grower->piece_totals));
    bool big = grower->bins->rows > PIECE_ROWS;
    if (big) {
        grower->partial = memory_resize(NULL, 0, threads * grower->partial_nodes * hist_bytes);
        grower->partial_used = memory_take(threads * grower->partial_nodes);
    }
    return grower->entries[0] && grower->entries[1] && grower->aside && grower->pieces &&
           grower->piece_sums && grower->piece_totals &&
           (!big || (grower->partial && grower->partial_used));
}

static bool take_nodes(struct grower *grower) {
    size_t level = 2 * (size_t)grower->batch_room, nodes = grower->node_room;
    grower->free_hists = memory_take((grower->hist_room + 1) * sizeof(uint64_t *));
    grower->level = memory_take(level * sizeof(*grower->level));
    grower->batch = memory_take(grower->batch_room * sizeof(*grower->batch));
    grower->open = memory_take(nodes * sizeof(*grower->open));
    grower->counting = memory_take(level * sizeof(*grower->counting));
    grower->found = memory_take(level * grower->column_groups * sizeof(*grower->found) + 1);
    grower->sampled = memory_take(grower->bins->count + 1);
    grower->tree = memory_take(nodes * sizeof(*grower->tree));
    grower->steps = memory_take(nodes * sizeof(*grower->steps));
    grower->places = memory_take(nodes * sizeof(*grower->places));
    grower->totals = memory_take(nodes * sizeof(*grower->totals));
    grower->bounds = memory_take(nodes * sizeof(*grower->bounds));
    grower->gains = memory_take(nodes * sizeof(*grower->gains));
    grower->sets = memory_take(nodes * sizeof(*grower->sets));
    grower->stays = memory_take(nodes);
    grower->heap = memory_take(nodes * sizeof(*grower->heap));
    grower->leaves = memory_take(nodes * sizeof(*grower->leaves));
    return grower->free_hists && grower->level && grower->batch && grower->open &&
           grower->counting && grower->found && grower->sampled && grower->tree && grower->steps &&
           grower->places && grower->totals && grower->bounds && grower->gains && grower->sets &&
           grower->stays && grower->heap && grower->leaves;
}

enum err grower_open(const struct bins *bins, const struct grow_options *options, struct pool *pool,
                     struct progress *progress, struct grower **out) {
    cy_assert(options->depth >= 1 && options->depth <= FOREST_DEPTH_MAX);
    cy_assert(options->leaves > 0 ? options->leaves >= 2 && options->leaves <= GROW_LEAVES_MAX
                                  : options->depth <= GROW_DEPTH_MAX);
    struct grower *grower = memory_take(sizeof(*grower));
    if (!grower) return ERR_MEMORY;
    *grower =
        (struct grower){.bins = bins, .options = *options, .pool = pool, .progress = progress};
    uint32_t share = (bins->count + SEARCH_GROUPS - 1) / SEARCH_GROUPS;
    grower->group_columns = share > SEARCH_COLUMNS ? share : SEARCH_COLUMNS;
    grower->column_groups = (bins->count + grower->group_columns - 1) / grower->group_columns;
    bound_nodes(grower);
    bool whole = take_rows(grower);
    if (!take_nodes(grower) || !whole) {
        grower_close(grower);
        return ERR_MEMORY;
    }
    *out = grower;
    return OK;
}

void grower_close(struct grower *grower) {
    if (!grower) return;
    for (uint32_t i = 0; i < grower->free_count; i++) memory_give(grower->free_hists[i]);
    void *const all[] = {
        grower->leaves,      grower->heap,         grower->stays,      grower->sets,
        grower->gains,       grower->bounds,       grower->totals,     grower->places,
        grower->steps,       grower->tree,         grower->sampled,    grower->found,
        grower->counting,    grower->open,         grower->batch,      grower->level,
        grower->free_hists,  grower->partial_used, grower->partial,    grower->piece_sums,
        grower->pieces,      grower->aside,        grower->entries[1], grower->entries[0],
        grower->piece_totals};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) memory_give(all[i]);
    memory_give(grower);
}
