// See predict_private.h.

#include "model/tabular/predict_private.h"

#include <math.h>
#include <string.h>

// ---- complete trees ------------------------------

struct shape {
    uint32_t depth;
    bool has_set;
};

// Children stand after their parents, so depths are known in one pass; `depth` (node count).
static struct shape shape_of(const struct node *tree, uint32_t nodes, uint8_t *depth) {
    struct shape shape = {0};
    depth[0] = 0;
    for (uint32_t n = 0; n < nodes; n++) {
        if (depth[n] > shape.depth) shape.depth = depth[n];
        if (tree[n].left == 0) continue;
        shape.has_set |= tree[n].set != 0;
        uint8_t below = depth[n] < UINT8_MAX ? (uint8_t)(depth[n] + 1) : UINT8_MAX;
        depth[tree[n].left] = depth[tree[n].left + 1] = below;
    }
    return shape;
}

// Which node of the tree stands at each place of the complete one; a leaf stands in for all below.
static void lay_out_tree(struct forest_fast *fast, const struct fast_tree *out,
                         const struct node *tree) {
    uint32_t at[(2u << FAST_DEPTH_MAX) - 1] = {0};
    uint32_t inner = (1u << out->depth) - 1;
    for (uint32_t i = 0; i < inner; i++) {
        const struct node *node = &tree[at[i]];
        bool leaf = node->left == 0;
        at[2 * i + 1] = leaf ? at[i] : node->left;
        at[2 * i + 2] = leaf ? at[i] : node->left + 1;
        fast->feature[out->first + i] = leaf ? 0 : 2 * node->feature + !node->missing_left;
        fast->threshold[out->first + i] = leaf ? INFINITY : node->threshold;
    }
    for (uint32_t i = 0; i <= inner; i++) fast->leaf[out->leaf + i] = tree[at[inner + i]].value;
}

static enum err measure_trees(const struct forest *forest, struct forest_fast *fast,
                              uint32_t *out_inner, uint32_t *out_leaves) {
    uint8_t *depth = memory_take(forest->node_count + 1);
    if (!depth) return ERR_MEMORY;
    uint64_t inner = 0, leaves = 0;
    for (uint32_t t = 0; t < forest->tree_count; t++) {
        uint32_t nodes = forest->starts[t + 1] - forest->starts[t];
        struct shape shape = shape_of(forest_tree(forest, t), nodes, depth);
        struct fast_tree *tree = &fast->trees[t];
        tree->plain = shape.has_set || shape.depth > FAST_DEPTH_MAX;
        // A complete tree that is much larger than the real one would not pay.
        if (((uint64_t)2 << shape.depth) > 16 * (uint64_t)nodes + 64) tree->plain = true;
        if (tree->plain) continue;
        *tree = (struct fast_tree){
            .depth = shape.depth, .first = (uint32_t)inner, .leaf = (uint32_t)leaves};
        inner += (1u << shape.depth) - 1;
        leaves += 1u << shape.depth;
    }
    memory_give(depth);
    if (leaves > UINT32_MAX) return ERR_LIMIT;
    *out_inner = (uint32_t)inner;
    *out_leaves = (uint32_t)leaves;
    return OK;
}

enum err forest_fast_make(const struct forest *forest, uint32_t features,
                          struct forest_fast **out) {
    struct forest_fast *fast = memory_take(sizeof(*fast));
    if (!fast) return ERR_MEMORY;
    fast->tree_count = forest->tree_count;
    fast->features = features;
    fast->outputs = forest->outputs;
    fast->trees = memory_take(forest->tree_count * sizeof(*fast->trees) + 1);
    uint32_t inner = 0, leaves = 0;
    enum err err = fast->trees ? measure_trees(forest, fast, &inner, &leaves) : ERR_MEMORY;
    if (err != OK) goto done;
    // Vector kernels read whole tables of 64: a tail beyond the last tree.
    fast->feature = memory_take((inner + 64) * sizeof(*fast->feature));
    fast->threshold = memory_take((inner + 64) * sizeof(*fast->threshold));
    fast->leaf = memory_take((leaves + 64) * sizeof(*fast->leaf));
    err = fast->feature && fast->threshold && fast->leaf ? OK : ERR_MEMORY;
    for (uint32_t t = 0; err == OK && t < forest->tree_count; t++) {
        if (!fast->trees[t].plain) lay_out_tree(fast, &fast->trees[t], forest_tree(forest, t));
    }
done:
    if (err != OK)
        forest_fast_close(fast);
    else
        *out = fast;
    return err;
}

void forest_fast_close(struct forest_fast *fast) {
    if (!fast) return;
    memory_give(fast->leaf);
    memory_give(fast->threshold);
    memory_give(fast->feature);
    memory_give(fast->trees);
    memory_give(fast);
}

// ---- walking ------------------------------

static void walk(const struct forest_fast *fast, const struct fast_tree *tree, const float *values,
                 double *sum) {
    const uint32_t *feature = fast->feature + tree->first;
    const float *threshold = fast->threshold + tree->first;
    const float *leaf = fast->leaf + tree->leaf;
    uint32_t at[FAST_ROWS] = {0};
    for (uint32_t d = 0; d < tree->depth; d++) {
        for (unsigned r = 0; r < FAST_ROWS; r++) {
            float value = values[(size_t)feature[at[r]] * FAST_ROWS + r];
            at[r] = 2 * at[r] + 2 - (value < threshold[at[r]]);
        }
    }
    uint32_t inner = (1u << tree->depth) - 1;
    for (unsigned r = 0; r < FAST_ROWS; r++) sum[r] += (double)leaf[at[r] - inner];
}

const struct walk_kernels walk_reference = {walk};

const struct walk_kernels *walk_kernels(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) {
        return &walk_avx512;
    }
    if (__builtin_cpu_supports("avx2")) return &walk_avx2;
#endif
    return &walk_reference;
}

struct predicting {
    const struct forest *forest;
    const struct forest_fast *fast;
    const struct frame *frame;
    float *ready;  // (threads, FAST_ROWS, F)
    float *values; // (threads, 2 F, FAST_ROWS)
    double *out;
};

static void spread(const float *ready, uint32_t features, uint32_t rows, float *values) {
    for (uint32_t f = 0; f < features; f++) {
        float *low = values + (size_t)f * 2 * FAST_ROWS, *high = low + FAST_ROWS;
        for (uint32_t r = 0; r < FAST_ROWS; r++) {
            float value = r < rows ? ready[(size_t)r * features + f] : 0;
            bool missing = value != value;
            low[r] = missing ? -INFINITY : value;
            high[r] = missing ? INFINITY : value;
        }
    }
}

static void add_plain(const struct forest *forest, uint32_t t, const float *ready,
                      uint32_t features, uint32_t rows, double *sum) {
    const struct node *tree = forest_tree(forest, t);
    for (uint32_t r = 0; r < rows; r++) {
        const struct node *node = tree;
        while (node->left) {
            float value = ready[(size_t)r * features + node->feature];
            node = tree + node->left + (node_goes_left(forest, node, value) ? 0 : 1);
        }
        sum[r] += (double)node->value;
    }
}

static void predict_few(const struct predicting *p, uint64_t first, uint32_t rows, float *ready,
                        float *values) {
    uint32_t features = p->fast->features, outputs = p->fast->outputs;
    void (*walk_tree)(const struct forest_fast *, const struct fast_tree *, const float *,
                      double *) = walk_kernels()->walk;
    double sum[FAST_ROWS];
    forest_ready(p->forest, p->frame, first, rows, ready);
    spread(ready, features, rows, values);
    for (uint32_t k = 0; k < outputs; k++) {
        for (unsigned r = 0; r < FAST_ROWS; r++) sum[r] = p->forest->base[k];
        for (uint32_t t = k; t < p->fast->tree_count; t += outputs) {
            const struct fast_tree *tree = &p->fast->trees[t];
            if (tree->plain)
                add_plain(p->forest, t, ready, features, rows, sum);
            else
                walk_tree(p->fast, tree, values, sum);
        }
        for (uint32_t r = 0; r < rows; r++) p->out[(first + r) * outputs + k] = sum[r];
    }
}

static void predict_task(void *ctx, size_t index, uint32_t worker) {
    const struct predicting *p = ctx;
    uint64_t first = (uint64_t)index * PREDICT_ROWS, end = first + PREDICT_ROWS;
    if (end > p->frame->rows) end = p->frame->rows;
    float *ready = p->ready + (size_t)worker * FAST_ROWS * p->fast->features;
    float *values = p->values + (size_t)worker * FAST_ROWS * 2 * p->fast->features;
    for (; first < end; first += FAST_ROWS) {
        uint32_t rows = end - first < FAST_ROWS ? (uint32_t)(end - first) : FAST_ROWS;
        predict_few(p, first, rows, ready, values);
    }
}

enum err forest_predict(const struct forest *forest, const struct forest_fast *fast,
                        const struct frame *frame, struct pool *pool, double *out) {
    cy_assert(frame->feature_count == fast->features);
    size_t cells = (size_t)pool_threads(pool) * FAST_ROWS * fast->features * sizeof(float);
    float *ready = memory_take(cells + 64), *values = memory_take(2 * cells + 64);
    enum err err = ready && values ? OK : ERR_MEMORY;
    struct predicting p = {forest, fast, frame, ready, values, out};
    if (err == OK) {
        pool_run(pool, (frame->rows + PREDICT_ROWS - 1) / PREDICT_ROWS, predict_task, &p);
    }
    memory_give(values);
    memory_give(ready);
    return err;
}
