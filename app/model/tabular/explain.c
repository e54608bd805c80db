// What each column adds to a prediction. Trees: TreeSHAP, path-dependent (Lundberg et al. 2020,
// algorithm 2): exact Shapley values where a subset's expectation follows both branches of an
// absent feature by their cover. O(leaves * depth²) per tree and row. Linear: the part minus its
// mean.

#include <math.h>
#include <string.h>

#include "model/tabular/model_private.h"

enum {
    EXPLAIN_ROWS = 16,
    PATH_MAX_SIZE = FOREST_DEPTH_MAX + 2,
};

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

static double share_of(const struct node *tree, const struct node *node, uint32_t child) {
    double left = (double)tree[node->left].cover, right = (double)tree[node->left + 1].cover;
    double sum = left + right;
    return sum > 0 ? (double)tree[child].cover / sum : 0.5;
}

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

// Cover-weighted mean of the leaves below a node.
static double expectation(const struct node *tree, uint32_t at) {
    const struct node *node = &tree[at];
    if (node->left == 0) return (double)node->value;
    return share_of(tree, node, node->left) * expectation(tree, node->left) +
           share_of(tree, node, node->left + 1) * expectation(tree, node->left + 1);
}

struct explaining_rows {
    const struct tabular_model *model;
    const struct frame *frame;
    const double *base; // (K)
    float *ready;       // (threads, EXPLAIN_ROWS, F)
    double *out;
};

static void explain_trees(void *ctx, size_t index, uint32_t worker) {
    const struct explaining_rows *r = ctx;
    const struct forest *forest = &r->model->forest;
    uint32_t features = r->frame->feature_count, outputs = r->model->outputs;
    uint64_t first = (uint64_t)index * EXPLAIN_ROWS, left = r->frame->rows - first;
    uint32_t rows = left < EXPLAIN_ROWS ? (uint32_t)left : EXPLAIN_ROWS;
    float *ready = r->ready + (size_t)worker * EXPLAIN_ROWS * features;
    forest_ready(forest, r->frame, first, rows, ready);
    for (uint32_t i = 0; i < rows; i++) {
        double *out = r->out + (first + i) * outputs * (features + 1);
        for (uint32_t k = 0; k < outputs; k++)
            out[(size_t)k * (features + 1) + features] = r->base[k];
        for (uint32_t t = 0; t < forest->tree_count; t++) {
            struct explaining e = {forest, forest_tree(forest, t), ready + (size_t)i * features,
                                   out + (size_t)(t % outputs) * (features + 1)};
            if (e.tree->left) walk(&e, 0, NULL, 0, 1, 1, 0);
        }
    }
}

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
                out[f] = linear_part(linear, f, r->frame->values[f][i], k) -
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
    size_t features = frame->feature_count;
    double *base = memory_take(model->outputs * sizeof(*base));
    float *ready = memory_take(pool_threads(pool) * EXPLAIN_ROWS * features * sizeof(*ready) + 1);
    enum err err = base && ready ? OK : ERR_MEMORY;
    struct explaining_rows r = {model, frame, base, ready, out};
    size_t tasks = (frame->rows + EXPLAIN_ROWS - 1) / EXPLAIN_ROWS;
    if (err == OK && model->learner == LEARNER_BOOST) {
        const struct forest *forest = &model->forest;
        memset(out, 0, frame->rows * model->outputs * (features + 1) * sizeof(*out));
        for (uint32_t k = 0; k < model->outputs; k++) base[k] = forest->base[k];
        for (uint32_t t = 0; t < forest->tree_count; t++) {
            base[t % model->outputs] += expectation(forest_tree(forest, t), 0);
        }
        pool_run(pool, tasks, explain_trees, &r);
    } else if (err == OK && model->learner == LEARNER_POINTS) {
        base[0] = base_of_points(&model->points);
        pool_run(pool, tasks, explain_points, &r);
    } else if (err == OK) {
        memcpy(base, model->linear.base, model->outputs * sizeof(*base));
        pool_run(pool, tasks, explain_parts, &r);
    }
    memory_give(ready);
    memory_give(base);
    return err;
}
