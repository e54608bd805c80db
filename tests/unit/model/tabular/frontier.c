// The best leaf first: the tree is the one that splitting a leaf at a time makes.
#include "model/tabular/grow_private.h"

#include "model/measure/measure.h"
#include "support/samples.h"

// More rows than one piece, so that pieces are put together; sparse columns beside the dense.
enum { ROWS = 17000, FEATURES = 7, SPARSE = 40, PADDED = 17008, SEED = 11 };

struct setting {
    struct sample sample;
    struct pool *pool;
    struct bins bins;
    float g[PADDED], h[PADDED], score[PADDED];
};

// Nearly always 0, or missing: bits, and numbers of many values, which say something.
static void make_sparse(struct sample *s, uint32_t first) {
    for (uint32_t f = first; f < s->frame.feature_count; f++) {
        for (int i = 0; i < ROWS; i++) {
            bool usual = check_below(6) > 0;
            bool bit = f % 3 || s->features[f].kind == FEATURE_CATEGORY;
            float other = bit ? 1 : (float)check_uniform();
            s->columns[f][i] = !usual ? other : f % 5 ? 0 : NAN;
            if (!usual) s->truth[i] += 0.3 * (f % 4) * other;
        }
    }
}

static struct setting *setting_open(uint32_t sparse) {
    struct setting *s = memory_take(sizeof(*s));
    s->sample = sample_make(ROWS, FEATURES + sparse, TASK_REGRESSION, 0);
    make_sparse(&s->sample, FEATURES);
    for (int i = 0; i < ROWS; i++) {
        s->g[i] = (float)(100 - s->sample.truth[i]);
        s->h[i] = (float)check_uniform();
    }
    CHECK_EQ(pool_open(2, &s->pool), OK);
    CHECK_EQ(bins_make(&s->sample.frame, NULL, ROWS, 255, s->pool, NULL, &s->bins), OK);
    CHECK_EQ(s->bins.count - s->bins.dense, sparse);
    return s;
}

static void setting_close(struct setting *s) {
    bins_close(&s->bins);
    pool_close(s->pool);
    sample_close(&s->sample);
    memory_give(s);
}

static struct forest grow_one(struct setting *s, const struct grow_options *options) {
    struct grower *grower;
    struct forest forest = {.outputs = 1};
    CHECK_EQ(grower_open(&s->bins, options, s->pool, NULL, &grower), OK);
    for (int i = 0; i < ROWS; i++) s->score[i] = 0;
    CHECK_EQ(grow_tree(grower, s->g, s->h, SEED, s->score, &forest), OK);
    float *other = memory_take(PADDED * sizeof(*other));
    grower_score(grower, &s->bins, other);
    CHECK(memcmp(other, s->score, ROWS * sizeof(*other)) == 0);
    memory_give(other);
    grower_close(grower);
    return forest;
}

// ---- one leaf at a time, from the definition ------------------------------

struct plain_node {
    uint32_t left, depth, count;
    uint32_t rows[ROWS];
    struct split split;
};

static void plain_search(const struct setting *s, const struct entry *entries,
                         const struct search_limits *limits, struct plain_node *node) {
    uint64_t total = 0;
    node->split.gain = 0;
    for (uint32_t i = 0; i < node->count; i++) total += cell_of(entries[node->rows[i]].packed);
    for (uint32_t u = 0; u < s->bins.count; u++) {
        uint64_t cells[BINS_CELLS] = {0};
        for (uint32_t i = 0; i < node->count; i++) {
            uint32_t row = node->rows[i];
            cells[s->bins.columns[(size_t)u * ROWS + row]] += cell_of(entries[row].packed);
        }
        struct split split = search_column(cells, total, &s->bins.features[u], u, limits);
        if (split.gain > node->split.gain) node->split = split;
    }
}

static void plain_split(const struct setting *s, struct plain_node *nodes, uint32_t at,
                        uint32_t left) {
    struct side_table table;
    const struct split *split = &nodes[at].split;
    split_sides(split, &s->bins.features[split->column], &table);
    nodes[at].left = left;
    for (uint32_t i = 0; i < nodes[at].count; i++) {
        uint32_t row = nodes[at].rows[i];
        bool goes_left = table.left[s->bins.columns[(size_t)split->column * ROWS + row]];
        struct plain_node *child = &nodes[left + !goes_left];
        child->rows[child->count++] = row;
    }
    nodes[left].depth = nodes[left + 1].depth = nodes[at].depth + 1;
}

static struct plain_node *plain_tree(const struct setting *s, const struct grow_options *options) {
    static struct entry entries[PADDED];
    struct gradient_sums sums = gradient_sum(s->g, s->h, ROWS);
    struct gradient_scale scale = gradient_scale_of(&sums, ROWS);
    gradient_reference.quantise(s->g, s->h, ROWS, scale, (uint32_t)seed_mix(SEED), 0, entries);
    struct search_limits limits = {.per_gradient = 1 / (double)scale.gradient,
                                   .per_hessian = 1 / (double)scale.hessian,
                                   .l2 = options->l2,
                                   .min_child_weight = options->min_child_weight};
    struct plain_node *nodes = memory_take(2 * options->leaves * sizeof(*nodes));
    uint32_t count = 1;
    for (uint32_t i = 0; i < ROWS; i++) nodes[0].rows[nodes[0].count++] = i;
    plain_search(s, entries, &limits, &nodes[0]);
    for (uint32_t leaves = 1; leaves < options->leaves; leaves++) {
        uint32_t best = UINT32_MAX;
        for (uint32_t n = 0; n < count; n++) {
            const struct plain_node *node = &nodes[n];
            if (node->left || node->split.gain == 0 || node->depth >= options->depth) continue;
            if (best == UINT32_MAX || node->split.gain > nodes[best].split.gain) best = n;
        }
        if (best == UINT32_MAX) break;
        plain_split(s, nodes, best, count);
        plain_search(s, entries, &limits, &nodes[count]);
        plain_search(s, entries, &limits, &nodes[count + 1]);
        count += 2;
    }
    return nodes;
}

static uint32_t same_tree(const struct setting *s, const struct forest *forest, uint32_t at,
                          const struct plain_node *nodes, uint32_t plain) {
    const struct node *node = &forest->nodes[at];
    const struct plain_node *want = &nodes[plain];
    CHECK((node->left != 0) == (want->left != 0));
    if (node->left == 0 || want->left == 0) return 1;
    CHECK_EQ(node->feature, s->bins.features[want->split.column].feature);
    CHECK_NEAR(node->gain, want->split.gain, 1e-5 * want->split.gain);
    CHECK_EQ(node->missing_left, want->split.missing_left);
    if (node->set) {
        CHECK(memcmp(forest->sets + (node->set - 1) * FOREST_SET_WORDS, want->split.set, 32) == 0);
    } else {
        CHECK_NEAR(node->threshold, s->bins.features[want->split.column].cuts[want->split.bin], 0);
    }
    return same_tree(s, forest, node->left, nodes, want->left) +
           same_tree(s, forest, node->left + 1, nodes, want->left + 1);
}

static void best_leaf_is_first(uint32_t sparse) {
    struct setting *s = setting_open(sparse);
    static const struct {
        uint32_t leaves, depth;
        size_t bytes;
    } cases[] = {{2, 32, 0},  {3, 32, 0},  {31, 32, 0}, {31, 5, 0},
                 {63, 32, 0}, {200, 9, 0}, {63, 32, 1}, {63, 32, 7 * 16 * 1024}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct grow_options options = {.depth = cases[i].depth,
                                       .leaves = cases[i].leaves,
                                       .histogram_bytes = cases[i].bytes,
                                       .learning_rate = 1,
                                       .l2 = 1,
                                       .min_child_weight = 3,
                                       .column_share = 1};
        if (sparse > 0 && options.leaves > 31) continue; // the plain way takes long
        struct forest forest = grow_one(s, &options);
        struct plain_node *nodes = plain_tree(s, &options);
        uint32_t leaves = same_tree(s, &forest, 0, nodes, 0);
        CHECK_EQ(forest.node_count, 2 * leaves - 1);
        CHECK(leaves <= cases[i].leaves);
        if (cases[i].depth == 32) CHECK_EQ(leaves, cases[i].leaves);
        memory_give(nodes);
        forest_close(&forest);
    }
    setting_close(s);
}

static void dense_columns(void) {
    best_leaf_is_first(0);
}
static void sparse_columns_too(void) {
    best_leaf_is_first(SPARSE);
}

// Level by level with room for two histograms: the tree is the same to the bit.
static void forgotten_is_counted_anew(void) {
    struct setting *s = setting_open(SPARSE);
    struct forest forests[2];
    for (int i = 0; i < 2; i++) {
        struct grow_options options = {.depth = 7,
                                       .histogram_bytes = (size_t)i,
                                       .learning_rate = 1,
                                       .l2 = 1,
                                       .min_child_weight = 3,
                                       .column_share = 1};
        forests[i] = grow_one(s, &options);
    }
    REQUIRE(forests[0].node_count == forests[1].node_count);
    CHECK(forests[0].node_count > 100);
    for (uint32_t n = 0; n < forests[0].node_count; n++) {
        const struct node *a = &forests[0].nodes[n], *b = &forests[1].nodes[n];
        CHECK(a->left == b->left && a->feature == b->feature && a->threshold == b->threshold);
        CHECK(a->value == b->value && a->cover == b->cover && a->set == b->set);
    }
    forest_close(&forests[0]);
    forest_close(&forests[1]);
    setting_close(s);
}

int main(void) {
    CHECK_RUN(dense_columns);
    CHECK_RUN(sparse_columns_too);
    CHECK_RUN(forgotten_is_counted_anew);
    return check_done();
}
