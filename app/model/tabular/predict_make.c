// A forest made ready for predict.c: byte columns, trees as steps, one row's nodes.

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/tabular/predict_private.h"

// ---- columns ------------------------------

struct making {
    const struct forest *forest;
    const struct feature *features;
    struct forest_fast *fast;
    uint32_t *first_column; // (F)
    uint32_t *cut_first;    // (F + 1): where a feature's cuts begin
    float *cuts;            // of all features, each one's sorted and distinct
    uint32_t *cut_count;    // (F)
    uint32_t *height;       // of the tree being laid out: (nodes) slots a side needs
    uint8_t *odd_bins;      // (F): a category has the code of what is missing
    uint32_t set_count;
};

static bool is_number_split(const struct node *node) {
    return node->left && node->set == 0;
}

// Values are bounded to finite ones, so these never part them as a byte's rank could say.
static bool odd_threshold(float threshold) {
    return !(threshold > -FLT_MAX && threshold <= FLT_MAX);
}

static int float_order(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

// How many splits each feature has, then their thresholds, sorted, each once.
static enum err cuts_collect(struct making *m) {
    const struct forest *forest = m->forest;
    uint32_t features = m->fast->features;
    m->cut_first = memory_take((features + 2) * sizeof(*m->cut_first));
    m->cut_count = memory_take((features + 1) * sizeof(*m->cut_count));
    m->first_column = memory_take((features + 1) * sizeof(*m->first_column));
    m->cuts = memory_take((forest->node_count + 1) * sizeof(*m->cuts));
    if (!m->cut_first || !m->cut_count || !m->first_column || !m->cuts) return ERR_MEMORY;
    for (uint32_t n = 0; n < forest->node_count; n++) {
        const struct node *node = &forest->nodes[n];
        if (is_number_split(node)) m->cut_first[node->feature + 1]++;
    }
    for (uint32_t f = 0; f < features; f++) m->cut_first[f + 1] += m->cut_first[f];
    for (uint32_t n = 0; n < forest->node_count; n++) {
        const struct node *node = &forest->nodes[n];
        if (!is_number_split(node) || odd_threshold(node->threshold)) continue;
        m->cuts[m->cut_first[node->feature] + m->cut_count[node->feature]++] = node->threshold;
    }
    for (uint32_t f = 0; f < features; f++) {
        float *cuts = m->cuts + m->cut_first[f];
        uint32_t count = m->cut_count[f], kept = 0;
        qsort(cuts, count, sizeof(*cuts), float_order);
        for (uint32_t i = 0; i < count; i++) {
            if (kept == 0 || cuts[i] > cuts[kept - 1]) cuts[kept++] = cuts[i];
        }
        m->cut_count[f] = kept;
    }
    return OK;
}

static uint32_t columns_of(const struct making *m, uint32_t f) {
    if (m->features[f].kind == FEATURE_CATEGORY) return 1;
    return (m->cut_count[f] + FAST_CUTS_USED - 1) / FAST_CUTS_USED;
}

// A feature that no split looks at has no column; a category has one if it might be looked at.
static enum err columns_make(struct making *m) {
    struct forest_fast *fast = m->fast;
    for (uint32_t f = 0; f < fast->features; f++) {
        m->first_column[f] = fast->column_count;
        fast->column_count += columns_of(m, f);
    }
    fast->columns = memory_take(fast->column_count * sizeof(*fast->columns) + 1);
    fast->cuts = memory_take((size_t)fast->column_count * FAST_CUTS_ROOM * sizeof(*fast->cuts) + 1);
    if (!fast->columns || !fast->cuts) return ERR_MEMORY;
    for (uint32_t f = 0; f < fast->features; f++) {
        const float *cuts = m->cuts + m->cut_first[f];
        for (uint32_t c = 0; c < columns_of(m, f); c++) {
            uint32_t number = m->first_column[f] + c;
            float *pivots = fast->cuts + (size_t)number * FAST_CUTS_ROOM;
            float *out = pivots + FAST_PIVOTS;
            fast->columns[number] = (struct fast_column){
                .feature = f, .is_category = m->features[f].kind == FEATURE_CATEGORY};
            for (uint32_t i = 0; i < FAST_CUTS; i++) {
                uint32_t at = c * FAST_CUTS_USED + i;
                bool used = i < FAST_CUTS_USED && at < m->cut_count[f];
                out[i] = used ? cuts[at] : INFINITY;
            }
            for (uint32_t i = 0; i < FAST_PIVOTS; i++) {
                pivots[i] = out[FAST_CUTS / FAST_PIVOTS * (i + 1) - 1];
            }
        }
    }
    return OK;
}

// The place of a threshold among its feature's cuts.
static uint32_t cut_place(const struct making *m, const struct node *node) {
    const float *cuts = m->cuts + m->cut_first[node->feature];
    uint32_t low = 0, high = m->cut_count[node->feature];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (cuts[middle] < node->threshold)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// ---- trees as steps ------------------------------

static bool goes_plain(const struct making *m, const struct node *tree, uint32_t nodes) {
    bool odd = false;
    for (uint32_t n = 0; n < nodes; n++) {
        odd |= is_number_split(&tree[n]) && odd_threshold(tree[n].threshold);
        odd |= tree[n].left && tree[n].set && m->odd_bins[tree[n].feature];
    }
    return odd || nodes / 2 + 1 > FAST_LEAVES;
}

// Code 255 says missing, so no category may have that bin.
static enum err odd_bins_find(struct making *m) {
    const struct forest *forest = m->forest;
    m->odd_bins = memory_take(m->fast->features + 1);
    if (!m->odd_bins) return ERR_MEMORY;
    for (uint32_t f = 0; f < m->fast->features; f++) {
        if (m->features[f].kind != FEATURE_CATEGORY || forest->missing_bin[f] == FAST_MISSING) {
            continue;
        }
        for (uint32_t c = 0; c < m->features[f].category_count; c++) {
            m->odd_bins[f] |= forest->category_bin[f][c] == FAST_MISSING;
        }
    }
    return OK;
}

// Slots that the evaluation of each node needs when the side that needs more goes first.
static void heights_fill(struct making *m, const struct node *tree, uint32_t nodes) {
    for (uint32_t n = nodes; n-- > 0;) {
        if (tree[n].left == 0) {
            m->height[n] = 0;
            continue;
        }
        uint32_t a = m->height[tree[n].left], b = m->height[tree[n].left + 1];
        m->height[n] = a == b ? a + 1 : a > b ? a : b;
    }
}

// A split's own copy of its set, with the bit of what is missing.
static uint32_t lay_set(struct making *m, const struct node *node) {
    const uint32_t *words = m->forest->sets + (size_t)(node->set - 1) * FOREST_SET_WORDS;
    uint8_t *bits = m->fast->sets + (size_t)m->set_count * FAST_SET_BYTES;
    for (uint32_t b = 0; b < 256; b++) {
        bool left = b == FAST_MISSING ? node->missing_left : words[b / 32] >> b % 32 & 1;
        if (left) bits[b / 8] |= (uint8_t)(1u << b % 8);
    }
    return ++m->set_count;
}

static uint32_t lay_leaf(struct forest_fast *fast, const struct fast_tree *out, float value) {
    uint32_t number = fast->leaf_count - out->leaf;
    fast->leaves[fast->leaf_count++] = (double)value;
    return number * FAST_ROWS;
}

// Where a split's code stands in the codes of one row, and its cut.
struct looks_at {
    uint32_t code;
    int8_t cut;
};
static struct looks_at looks_at(const struct making *m, const struct node *node) {
    uint32_t column = m->first_column[node->feature];
    if (node->set) return (struct looks_at){2 * column, 0};
    uint32_t place = cut_place(m, node);
    column += place / FAST_CUTS_USED;
    return (struct looks_at){2 * column + !node->missing_left,
                             (int8_t)((int32_t)(place % FAST_CUTS_USED) + 1 - 128)};
}

// Lays out the splits below node n; slots from `slot` on are free. Returns where the result stands.
static uint32_t lay_node(struct making *m, struct fast_tree *out, const struct node *tree,
                         uint32_t n, uint32_t slot) {
    struct forest_fast *fast = m->fast;
    const struct node *node = &tree[n];
    if (node->left == 0) return lay_leaf(fast, out, node->value);
    uint32_t left = node->left, right = left + 1;
    bool right_first = m->height[right] > m->height[left];
    uint32_t first = right_first ? right : left, second = right_first ? left : right;
    uint32_t a = lay_node(m, out, tree, first, slot);
    uint32_t b = lay_node(m, out, tree, second, slot + (a >= FAST_LEAVES * FAST_ROWS));
    struct looks_at looks = looks_at(m, node);
    uint32_t result = (FAST_LEAVES + slot) * FAST_ROWS;
    cy_assert(slot < FAST_SLOTS);
    fast->steps[fast->step_count++] = (struct fast_step){.code = looks.code * FAST_ROWS,
                                                         .left = right_first ? b : a,
                                                         .right = right_first ? a : b,
                                                         .out = result,
                                                         .set = node->set ? lay_set(m, node) : 0,
                                                         .cut = looks.cut};
    return result;
}

// ---- one row's nodes ------------------------------

// The last code is a leaf's: below every cut.
static uint32_t row_node_of(const struct making *m, const struct node *node, uint32_t n) {
    uint32_t code = 2 * m->fast->column_count, left = n;
    int8_t cut = 0;
    if (node->left) {
        struct looks_at looks = looks_at(m, node);
        code = looks.code;
        left = node->left;
        cut = node->set ? ROW_SET : looks.cut;
    }
    return code << 17 | (uint32_t)(uint8_t)cut << 9 | left;
}

// Beside the steps, for trees that have them, where the codes of a row are few enough.
static void row_lay(struct making *m, uint32_t t) {
    const struct forest *forest = m->forest;
    struct forest_fast *fast = m->fast;
    const struct node *tree = forest_tree(forest, t);
    struct row_tree *out = &fast->rows[t];
    uint32_t nodes = forest->starts[t + 1] - forest->starts[t], start = forest->starts[t];
    *out = (struct row_tree){.first = start};
    if (2 * (uint64_t)fast->column_count + 1 > ROW_CODES_MAX) return;
    for (uint32_t n = 0; n < nodes; n++) {
        const struct node *node = &tree[n];
        uint32_t depth = m->height[n]; // left there by the parent
        if (depth > out->depth) out->depth = depth;
        fast->row_nodes[start + n] = row_node_of(m, node, n);
        fast->row_values[start + n] = node->value;
        if (node->left == 0) continue;
        m->height[node->left] = m->height[node->left + 1] = depth + 1;
    }
}

// Trees of a window by depth, of equals in their order; the plain ones, which have none, last.
static void row_order(struct forest_fast *fast) {
    for (uint32_t t = 0; t < fast->tree_count; t++) {
        uint32_t first = t / ROW_WINDOW * ROW_WINDOW, at = t;
        uint64_t depth = fast->trees[t].plain ? UINT64_MAX : fast->rows[t].depth;
        for (; at > first; at--) {
            uint32_t before = fast->row_order[at - 1];
            uint64_t other = fast->trees[before].plain ? UINT64_MAX : fast->rows[before].depth;
            if (other <= depth) break;
            fast->row_order[at] = before;
        }
        fast->row_order[at] = t;
    }
}

// ---- together ------------------------------

static enum err trees_lay(struct making *m) {
    const struct forest *forest = m->forest;
    struct forest_fast *fast = m->fast;
    uint32_t most = 1;
    for (uint32_t t = 0; t < forest->tree_count; t++) {
        uint32_t nodes = forest->starts[t + 1] - forest->starts[t];
        if (nodes > most) most = nodes;
    }
    m->height = memory_take(most * sizeof(*m->height));
    if (!m->height) return ERR_MEMORY;
    for (uint32_t t = 0; t < forest->tree_count; t++) {
        const struct node *tree = forest_tree(forest, t);
        uint32_t nodes = forest->starts[t + 1] - forest->starts[t];
        struct fast_tree *out = &fast->trees[t];
        out->plain = goes_plain(m, tree, nodes);
        fast->has_plain |= out->plain;
        if (out->plain) continue;
        out->first = fast->step_count;
        out->leaf = fast->leaf_count;
        heights_fill(m, tree, nodes);
        (void)lay_node(m, out, tree, 0, 0);
        out->count = fast->step_count - out->first;
        m->height[0] = 0;
        row_lay(m, t);
    }
    fast->has_sets = m->set_count > 0;
    row_order(fast);
    return OK;
}

static enum err arrays_take(struct forest_fast *fast, const struct forest *forest) {
    size_t trees = forest->tree_count, nodes = forest->node_count;
    fast->trees = memory_take(trees * sizeof(*fast->trees) + 1);
    fast->steps = memory_take((nodes / 2 + 1) * sizeof(*fast->steps));
    fast->leaves = memory_take((nodes / 2 + trees + 1) * sizeof(*fast->leaves));
    fast->rows = memory_take(trees * sizeof(*fast->rows) + 1);
    fast->row_order = memory_take(trees * sizeof(*fast->row_order) + 1);
    fast->row_nodes = memory_take(nodes * sizeof(*fast->row_nodes) + 1);
    fast->row_values = memory_take(nodes * sizeof(*fast->row_values) + 1);
    size_t sets = 0;
    for (size_t n = 0; n < nodes; n++) sets += forest->nodes[n].left && forest->nodes[n].set;
    fast->sets = memory_take(sets * FAST_SET_BYTES + 1);
    bool whole = fast->trees && fast->steps && fast->leaves && fast->rows && fast->row_nodes &&
                 fast->row_order && fast->row_values && fast->sets;
    return whole ? OK : ERR_MEMORY;
}

enum err forest_fast_make(const struct forest *forest, const struct feature *features,
                          uint32_t count, struct forest_fast **out) {
    struct forest_fast *fast = memory_take(sizeof(*fast));
    if (!fast) return ERR_MEMORY;
    fast->tree_count = forest->tree_count;
    fast->features = count;
    fast->outputs = forest->outputs;
    struct making m = {.forest = forest, .features = features, .fast = fast};
    enum err err = arrays_take(fast, forest);
    if (err == OK) err = cuts_collect(&m);
    if (err == OK) err = columns_make(&m);
    if (err == OK) err = odd_bins_find(&m);
    if (err == OK) err = trees_lay(&m);
    memory_give(m.odd_bins);
    memory_give(m.height);
    memory_give(m.cuts);
    memory_give(m.cut_count);
    memory_give(m.cut_first);
    memory_give(m.first_column);
    if (err != OK)
        forest_fast_close(fast);
    else
        *out = fast;
    return err;
}

void forest_fast_close(struct forest_fast *fast) {
    if (!fast) return;
    memory_give(fast->sets);
    memory_give(fast->row_values);
    memory_give(fast->row_nodes);
    memory_give(fast->row_order);
    memory_give(fast->rows);
    memory_give(fast->cuts);
    memory_give(fast->columns);
    memory_give(fast->leaves);
    memory_give(fast->steps);
    memory_give(fast->trees);
    memory_give(fast);
}
