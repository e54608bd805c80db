// What each column adds to a prediction. Trees: TreeSHAP, path-dependent: exact Shapley values
// where a subset's expectation follows both branches of an absent feature by their cover. For many
// rows by tables (explain_private.h), O(nodes * points) per tree and row; the reference is
// algorithm 2 of Lundberg et al. 2020, O(leaves * depth²). Linear: the part minus its mean.

#include <math.h>
#include <string.h>

#include "model/tabular/explain_private.h"
#include "model/tabular/model_private.h"

enum {
    PATH_MAX_SIZE = FOREST_DEPTH_MAX + 2,
    TREES_AT_ONCE = 256,   // whose tables stand together
    TABLE_BYTES = 1 << 25, // of those tables, unless a single tree's are more
};
// The tables of the largest tree that a forest may have, and more.
static const size_t arena_bytes = (size_t)1 << 31;

const struct explain_kernels *explain_kernels(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return &explain_avx2;
#endif
    return &explain_plain;
}

// ---- the reference ------------------------------

struct link { // one feature on the path from the root
    uint32_t feature;
    double zero;   // share of rows that come this way when the feature is absent
    double one;    // 1 if the row itself comes this way
    double weight; // of subsets of this size
};

static void extend(struct link *path, uint32_t size, double zero, double one, uint32_t feature) {
    path[size] = (struct link){feature, zero, one, size == 0 ? 1 : 0};
    for (uint32_t i = size; i-- > 0;) {
        path[i + 1].weight += one * path[i].weight * (i + 1) / (size + 1);
        path[i].weight = zero * path[i].weight * (size - i) / (size + 1);
    }
}

// Takes link `at` out of a path whose last link is `last`.
static void unwind(struct link *path, uint32_t last, uint32_t at) {
    double one = path[at].one, zero = path[at].zero, next = path[last].weight;
    for (uint32_t i = last; i-- > 0;) {
        if (one != 0) {
            double held = path[i].weight;
            path[i].weight = next * (last + 1) / ((i + 1) * one);
            next = held - path[i].weight * zero * (last - i) / (last + 1);
        } else {
            path[i].weight = path[i].weight * (last + 1) / (zero * (last - i));
        }
    }
    for (uint32_t i = at; i < last; i++) {
        path[i].feature = path[i + 1].feature;
        path[i].zero = path[i + 1].zero;
        path[i].one = path[i + 1].one;
    }
}

// The sum of weights a path would have without link `at`.
static double unwound_sum(const struct link *path, uint32_t last, uint32_t at) {
    double one = path[at].one, zero = path[at].zero, next = path[last].weight, sum = 0;
    for (uint32_t i = last; i-- > 0;) {
        if (one != 0) {
            double weight = next * (last + 1) / ((i + 1) * one);
            sum += weight;
            next = path[i].weight - weight * zero * (last - i) / (last + 1);
        } else if (zero != 0) {
            sum += path[i].weight / zero * (last + 1) / (last - i);
        }
    }
    return sum;
}

struct explaining {
    const struct forest *forest;
    const struct node *tree;
    const float *row;
    double *out; // (F + 1)
};

// `path` holds `size` links already; the new one is appended behind a copy.
static void walk(const struct explaining *e, uint32_t at, const struct link *parent, uint32_t size,
                 double zero, double one, uint32_t feature) {
    const struct node *node = &e->tree[at];
    if (zero == 0 && one == 0) return; // neither the row nor any subset comes here
    // A copy for each depth: both branches below start from the same path.
    struct link path[PATH_MAX_SIZE];
    if (size > 0) memcpy(path, parent, size * sizeof(*path));
    extend(path, size, zero, one, feature);
    if (node->left == 0) {
        for (uint32_t i = 1; i <= size; i++) {
            double weight = unwound_sum(path, size, i);
            e->out[path[i].feature] += weight * (path[i].one - path[i].zero) * (double)node->value;
        }
        return;
    }
    bool left = node_goes_left(e->forest, node, e->row[node->feature]);
    uint32_t hot = node->left + (left ? 0 : 1), cold = node->left + (left ? 1 : 0);
    double seen_zero = 1, seen_one = 1;
    for (uint32_t i = 1; i <= size; i++) {
        if (path[i].feature != node->feature) continue;
        seen_zero = path[i].zero;
        seen_one = path[i].one;
        unwind(path, size, i);
        size--;
        break;
    }
    double hot_share = share_of(e->tree, node, hot), cold_share = share_of(e->tree, node, cold);
    walk(e, hot, path, size + 1, seen_zero * hot_share, seen_one, node->feature);
    walk(e, cold, path, size + 1, seen_zero * cold_share, 0, node->feature);
}

void explain_reference(const struct forest *forest, const float *ready, uint32_t features,
                       double *out) {
    for (uint32_t t = 0; t < forest->tree_count; t++) {
        struct explaining e = {forest, forest_tree(forest, t), ready,
                               out + (size_t)(t % forest->outputs) * (features + 1)};
        if (e.tree->left) walk(&e, 0, NULL, 0, 1, 1, 0);
    }
}

// Cover-weighted mean of the leaves below a node.
static double expectation(const struct node *tree, uint32_t at) {
    const struct node *node = &tree[at];
    if (node->left == 0) return (double)node->value;
    return share_of(tree, node, node->left) * expectation(tree, node->left) +
           share_of(tree, node, node->left + 1) * expectation(tree, node->left + 1);
}

// ---- many rows ------------------------------

struct explaining_rows {
    const struct tabular_model *model;
    const struct frame *frame;
    const double *base; // (K)
    const struct explain_kernels *kernels;
    const struct explain_tree *trees; // (tree_count): those whose tables stand now
    uint32_t tree_count;
    uint32_t nodes_most, points_most, features_most; // of them
    float *ready;                                    // (threads, EXPLAIN_ROWS, F)
    double *rooms;                                   // (threads, room_cells)
    uint8_t *states;                                 // (threads, nodes_most)
    size_t room_cells;
    double *out;
};

// Which way a row goes at each split says what each edge is to it.
static void states_fill(const struct forest *forest, const struct explain_tree *tree,
                        const float *row, uint8_t *state) {
    state[0] = EDGE_ALONG;
    for (uint32_t n = 0; n < tree->node_count; n++) {
        const struct node *node = &tree->nodes[n];
        if (node->left == 0) continue;
        // Arithmetic: which way a row goes is nothing that a branch could foretell.
        float value = row[node->feature];
        unsigned left = node->set == 0
                            ? (value < node->threshold) | ((value != value) & node->missing_left)
                            : node_goes_left(forest, node, value);
        unsigned along = state[tree->edges[node->left].same] == EDGE_ALONG;
        _Static_assert(EDGE_LOST == 0 && EDGE_ASIDE == 1 && EDGE_ALONG == 2, "as states");
        state[node->left] = (uint8_t)(along * (1 + left));
        state[node->left + 1] = (uint8_t)(along * (2 - left));
    }
}

static void explain_tree(const struct explaining_rows *r, const struct explain_tree *tree,
                         const float *row, const struct explain_room *room, double *out) {
    memset(room->part, 0, (size_t)tree->feature_count * tree->points * sizeof(double));
    states_fill(&r->model->forest, tree, row, room->state);
    r->kernels->walk(tree, room);
    for (uint32_t i = 0; i < tree->feature_count; i++) {
        double sum = 0;
        const double *part = room->part + (size_t)i * tree->points;
        for (uint32_t q = 0; q < tree->points; q++) sum += part[q];
        out[tree->features[i]] += sum;
    }
}

static void explain_task(void *ctx, size_t index, uint32_t worker) {
    const struct explaining_rows *r = ctx;
    size_t features = r->frame->feature_count, outputs = r->model->outputs;
    uint64_t first = (uint64_t)index * EXPLAIN_ROWS, left = r->frame->rows - first;
    uint32_t rows = left < EXPLAIN_ROWS ? (uint32_t)left : EXPLAIN_ROWS;
    float *ready = r->ready + (size_t)worker * EXPLAIN_ROWS * features;
    double *cells = r->rooms + worker * r->room_cells;
    size_t nodes = (size_t)r->nodes_most * r->points_most;
    struct explain_room room = {.product = cells,
                                .sum = cells + nodes,
                                .part = cells + 2 * nodes,
                                .state = r->states + (size_t)worker * r->nodes_most};
    forest_ready(&r->model->forest, r->frame, first, rows, ready);
    for (uint32_t t = 0; t < r->tree_count; t++) {
        const struct explain_tree *tree = &r->trees[t];
        for (uint32_t i = 0; i < rows; i++) {
            double *out = r->out + ((first + i) * outputs + tree->output) * (features + 1);
            explain_tree(r, tree, ready + i * features, &room, out);
        }
    }
}

// Tables of as many trees as fit, from tree *next on.
static enum err trees_make(const struct forest *forest, uint32_t *scratch, struct arena *arena,
                           struct explain_tree *trees, uint32_t *next, struct explaining_rows *r) {
    uint64_t bytes = 0;
    r->tree_count = r->nodes_most = r->points_most = r->features_most = 0;
    for (; *next < forest->tree_count; (*next)++) {
        uint32_t nodes = forest->starts[*next + 1] - forest->starts[*next];
        if (nodes < 3) continue; // a leaf alone says nothing of any feature
        bytes += explain_tree_bytes(nodes);
        if (r->tree_count == TREES_AT_ONCE || (r->tree_count > 0 && bytes > TABLE_BYTES)) break;
        struct explain_tree *tree = &trees[r->tree_count];
        enum err err = explain_tree_make(forest, *next, scratch, arena, tree);
        if (err != OK) return err;
        r->tree_count++;
        if (nodes > r->nodes_most) r->nodes_most = nodes;
        if (tree->points > r->points_most) r->points_most = tree->points;
        if (tree->feature_count > r->features_most) r->features_most = tree->feature_count;
    }
    return OK;
}

static enum err some_trees(struct explaining_rows *r, struct pool *pool) {
    size_t threads = pool_threads(pool);
    size_t vectors = 2 * (size_t)r->nodes_most + r->features_most;
    r->room_cells = vectors * r->points_most;
    r->rooms = memory_take(threads * r->room_cells * sizeof(double) + 1);
    r->states = memory_take(threads * r->nodes_most + 1);
    enum err err = r->rooms && r->states ? OK : ERR_MEMORY;
    if (err == OK) {
        pool_run(pool, (r->frame->rows + EXPLAIN_ROWS - 1) / EXPLAIN_ROWS, explain_task, r);
    }
    memory_give(r->states);
    memory_give(r->rooms);
    return err;
}

static enum err explain_forest(struct explaining_rows *r, struct pool *pool) {
    const struct forest *forest = &r->model->forest;
    size_t features = r->frame->feature_count, outputs = r->model->outputs;
    struct explain_tree *trees = memory_take(TREES_AT_ONCE * sizeof(*trees));
    uint32_t *scratch = memory_take(features * sizeof(*scratch) + 1), next = 0;
    struct arena *arena = NULL;
    r->ready = memory_take(pool_threads(pool) * EXPLAIN_ROWS * features * sizeof(float) + 1);
    enum err err = trees && scratch && r->ready ? arena_open(arena_bytes, &arena) : ERR_MEMORY;
    r->trees = trees;
    r->kernels = explain_kernels();
    memset(r->out, 0, r->frame->rows * outputs * (features + 1) * sizeof(double));
    for (uint64_t i = 0; i < r->frame->rows * outputs; i++) {
        r->out[i * (features + 1) + features] = r->base[i % outputs];
    }
    while (err == OK && next < forest->tree_count) {
        err = trees_make(forest, scratch, arena, trees, &next, r);
        if (err == OK && r->tree_count > 0) err = some_trees(r, pool);
        arena_reset(arena);
    }
    arena_close(arena);
    memory_give(r->ready);
    memory_give(scratch);
    memory_give(trees);
    return err;
}

// ---- linear ------------------------------

static void explain_parts(void *ctx, size_t index, uint32_t worker) {
    const struct explaining_rows *r = ctx;
    const struct linear *linear = &r->model->linear;
    (void)worker;
    uint32_t features = r->frame->feature_count, outputs = r->model->outputs;
    uint64_t first = (uint64_t)index * EXPLAIN_ROWS, end = first + EXPLAIN_ROWS;
    if (end > r->frame->rows) end = r->frame->rows;
    for (uint64_t i = first; i < end; i++) {
        for (uint32_t k = 0; k < outputs; k++) {
            double *out = r->out + (i * outputs + k) * (features + 1);
            for (uint32_t f = 0; f < features; f++) {
                out[f] = linear_part(linear, r->frame, f, i, k) -
                         linear->average[(size_t)f * outputs + k];
            }
            out[features] = r->base[k];
        }
    }
}

static void explain_points(void *ctx, size_t index, uint32_t worker) {
    const struct explaining_rows *r = ctx;
    const struct points *points = &r->model->points;
    (void)worker;
    uint32_t features = r->frame->feature_count;
    uint64_t first = (uint64_t)index * EXPLAIN_ROWS, end = first + EXPLAIN_ROWS;
    if (end > r->frame->rows) end = r->frame->rows;
    for (uint64_t i = first; i < end; i++) {
        double *out = r->out + i * (features + 1);
        out[features] = r->base[0];
        for (uint32_t f = 0; f < features; f++) {
            const struct points_feature *feature = &points->features[f];
            uint32_t bin = points_bin_of(feature, &r->model->features[f], r->frame->values[f][i]);
            double given = feature->bin_count ? feature->bins[bin].points : 0;
            out[f] = (feature->average - given) / points->factor;
        }
    }
}

// The margin of a row of average points.
static double base_of_points(const struct points *points) {
    double sum = points->base;
    for (uint32_t f = 0; f < points->count; f++) {
        if (points->features[f].bin_count) sum += points->features[f].average;
    }
    return (points->offset - sum) / points->factor;
}

enum err model_explain(const struct tabular_model *model, const struct frame *frame,
                       struct pool *pool, double *out) {
    double *base = memory_take(model->outputs * sizeof(*base));
    if (!base) return ERR_MEMORY;
    struct explaining_rows r = {.model = model, .frame = frame, .base = base, .out = out};
    size_t tasks = (frame->rows + EXPLAIN_ROWS - 1) / EXPLAIN_ROWS;
    enum err err = OK;
    if (model->learner == LEARNER_BOOST) {
        const struct forest *forest = &model->forest;
        memcpy(base, forest->base, model->outputs * sizeof(*base));
        for (uint32_t t = 0; t < forest->tree_count; t++) {
            base[t % model->outputs] += expectation(forest_tree(forest, t), 0);
        }
        err = explain_forest(&r, pool);
    } else if (model->learner == LEARNER_POINTS) {
        base[0] = base_of_points(&model->points);
        pool_run(pool, tasks, explain_points, &r);
    } else {
        memcpy(base, model->linear.base, model->outputs * sizeof(*base));
        pool_run(pool, tasks, explain_parts, &r);
    }
    memory_give(base);
    return err;
}
