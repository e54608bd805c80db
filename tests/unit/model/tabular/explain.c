// Contributions against Shapley's definition over all subsets, and prediction's fast way against
// the plain one.
#include "model/tabular/predict_private.h"

#include "model/tabular/explain_private.h"
#include "model/tabular/model_private.h"
#include "support/samples.h"

enum { FEATURES = 6 };

static struct tabular_model *train(const struct sample *s, enum tabular_learner learner,
                                   uint32_t trees, uint32_t depth) {
    struct tabular_options options;
    struct tabular_model *model = NULL;
    struct buf text;
    struct fault fault = {0};
    tabular_options_default(&options);
    options.learner = learner;
    options.trees = trees;
    options.depth = depth;
    options.min_child_weight = 0.1;
    buf_open(&text, 4 << 20);
    CHECK_EQ(tabular_train(&s->frame, &s->target, &options, NULL, &model, &text, &fault), OK);
    buf_close(&text);
    return model;
}

// Expectation of a tree when only the features in `known` are known.
static double expect(const struct forest *forest, const struct node *tree, uint32_t at,
                     const float *row, uint32_t known) {
    const struct node *node = &tree[at];
    if (node->left == 0) return node->value;
    if (known >> node->feature & 1) {
        bool left = node_goes_left(forest, node, row[node->feature]);
        return expect(forest, tree, node->left + (left ? 0 : 1), row, known);
    }
    double left = tree[node->left].cover, right = tree[node->left + 1].cover;
    return (left * expect(forest, tree, node->left, row, known) +
            right * expect(forest, tree, node->left + 1, row, known)) /
           (left + right);
}

static double shapley(const struct forest *forest, uint32_t output, const float *row,
                      uint32_t feature) {
    static const double factorial[] = {1, 1, 2, 6, 24, 120, 720};
    double sum = 0;
    for (uint32_t known = 0; known < 1u << FEATURES; known++) {
        if (known >> feature & 1) continue;
        int size = __builtin_popcount(known);
        double weight = factorial[size] * factorial[FEATURES - size - 1] / factorial[FEATURES];
        for (uint32_t t = output; t < forest->tree_count; t += forest->outputs) {
            const struct node *tree = forest_tree(forest, t);
            sum += weight * (expect(forest, tree, 0, row, known | 1u << feature) -
                             expect(forest, tree, 0, row, known));
        }
    }
    return sum;
}

static void tree_contributions(enum tabular_task task, uint32_t classes) {
    struct sample s = sample_make(1500, FEATURES, task, classes);
    struct tabular_model *model = train(&s, LEARNER_BOOST, 8, 5);
    REQUIRE(model != NULL);
    uint32_t outputs = model->outputs, width = FEATURES + 1;
    double *out = memory_take(1500 * outputs * 8), *parts = memory_take(1500 * outputs * width * 8);
    REQUIRE(tabular_predict(model, &s.frame, 2, out, parts) == OK);
    struct pool *pool;
    REQUIRE(pool_open(1, &pool) == OK);
    REQUIRE(model_margin(model, &s.frame, pool, out) == OK);
    double largest = 0;
    for (uint64_t i = 0; i < 1500; i++) {
        float row[FEATURES];
        forest_ready(&model->forest, &s.frame, i, 1, row);
        for (uint32_t k = 0; k < outputs; k++) {
            const double *mine = parts + (i * outputs + k) * width;
            double sum = mine[FEATURES];
            for (uint32_t f = 0; f < FEATURES; f++) {
                sum += mine[f];
                largest = fmax(largest, fabs(mine[f]));
                if (i < 25) {
                    double want = shapley(&model->forest, k, row, f);
                    CHECK_NEAR(mine[f], want, 1e-9 * (1 + fabs(want)));
                }
            }
            CHECK_NEAR(sum, out[i * outputs + k], 1e-6 * (1 + fabs(sum)));
        }
    }
    CHECK(largest > 0.1);
    pool_close(pool);
    memory_give(parts);
    memory_give(out);
    tabular_close(model);
    sample_close(&s);
}

// Deep and narrow, wide and shallow, with repeated features, missing values and categories: what
// the tables say is what algorithm 2 says.
static void tables_equal_reference(void) {
    static const struct {
        uint32_t features, depth, classes;
    } shapes[] = {{2, 12, 2}, {FEATURES, 1, 2}, {FEATURES, 9, 3}, {24, 6, 2}, {24, 14, 2}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        uint32_t features = shapes[i].features, classes = shapes[i].classes, rows = 700;
        enum tabular_task task = classes > 2 ? TASK_CLASSES : TASK_BINARY;
        struct sample s = sample_make(rows, features, task, classes);
        for (uint32_t f = 0; f < features; f++) s.columns[f][3] = NAN;
        struct tabular_model *model = train(&s, LEARNER_BOOST, 6, shapes[i].depth);
        REQUIRE(model != NULL);
        size_t cells = (size_t)model->outputs * (features + 1);
        double *parts = memory_take(2 * rows * cells * 8), *want = memory_take(cells * 8);
        float *ready = memory_take(features * sizeof(float));
        struct pool *pool;
        REQUIRE(pool_open(2, &pool) == OK);
        REQUIRE(model_explain(model, &s.frame, pool, parts) == OK);
        for (uint32_t r = 0; r < rows; r += 7) {
            memset(want, 0, cells * 8);
            forest_ready(&model->forest, &s.frame, r, 1, ready);
            explain_reference(&model->forest, ready, features, want);
            double largest = 1e-3;
            for (size_t c = 0; c < cells; c++) largest = fmax(largest, fabs(want[c]));
            for (size_t c = 0; c < cells; c++) {
                if (c % (features + 1) == features) continue; // the base
                if (!CHECK_NEAR(parts[r * cells + c], want[c], 1e-9 * largest)) break;
            }
        }
        // Alone or among others, by one thread or two, a row gets the same bits.
        struct frame one = s.frame;
        const float *columns[24];
        for (uint32_t f = 0; f < features; f++) columns[f] = s.columns[f] + 40;
        one.rows = 1;
        one.values = columns;
        CHECK(model_explain(model, &one, pool, want) == OK);
        CHECK(memcmp(want, parts + 40 * cells, cells * 8) == 0);
        pool_close(pool);
        memory_give(ready);
        memory_give(want);
        memory_give(parts);
        tabular_close(model);
        sample_close(&s);
    }
}

static void explain_kernels_agree(void) {
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2")) CHECK_SKIP("no AVX2 here");
    struct sample s = sample_make(300, 12, TASK_BINARY, 2);
    struct tabular_model *model = train(&s, LEARNER_BOOST, 3, 10);
    struct arena *arena;
    REQUIRE(model != NULL && arena_open(64 << 20, &arena) == OK);
    uint32_t scratch[12] = {0};
    for (uint32_t t = 0; t < model->forest.tree_count; t++) {
        struct explain_tree tree;
        REQUIRE(explain_tree_make(&model->forest, t, scratch, arena, &tree) == OK);
        size_t cells = (size_t)tree.node_count * tree.points;
        double *room = memory_take(4 * cells * 8), *part = memory_take(2 * 12 * tree.points * 8);
        uint8_t *state = memory_take(tree.node_count);
        for (uint32_t e = 1; e < tree.node_count; e++) state[e] = (uint8_t)check_below(3);
        struct explain_room a = {room, room + cells, part, state};
        struct explain_room b = {room + 2 * cells, room + 3 * cells, part + 12 * tree.points,
                                 state};
        explain_plain.walk(&tree, &a);
        explain_avx2.walk(&tree, &b);
        CHECK(memcmp(a.part, b.part, 12 * tree.points * 8) == 0);
        memory_give(state);
        memory_give(part);
        memory_give(room);
    }
    arena_close(arena);
    tabular_close(model);
    sample_close(&s);
#else
    CHECK_SKIP("only the plain kernel here");
#endif
}

static void trees_equal_shapley(void) {
    tree_contributions(TASK_BINARY, 2);
    tree_contributions(TASK_CLASSES, 3);
    tree_contributions(TASK_REGRESSION, 0);
}

static void linear_parts_add_up(void) {
    struct sample s = sample_make(1500, FEATURES, TASK_BINARY, 2);
    struct tabular_model *model = train(&s, LEARNER_LINEAR, 1, 1);
    REQUIRE(model != NULL);
    double *out = memory_take(1500 * 8), *parts = memory_take(1500 * (FEATURES + 1) * 8);
    double mean[FEATURES] = {0};
    REQUIRE(tabular_predict(model, &s.frame, 1, out, parts) == OK);
    for (uint64_t i = 0; i < 1500; i++) {
        double sum = parts[i * 7 + 6];
        for (uint32_t f = 0; f < FEATURES; f++) {
            sum += parts[i * 7 + f];
            mean[f] += parts[i * 7 + f] / 1500;
        }
        CHECK_NEAR(1 / (1 + exp(-sum)), out[i], 1e-12);
    }
    for (uint32_t f = 0; f < FEATURES; f++) CHECK_NEAR(mean[f], 0, 0.1); // train side, not all
    memory_give(parts);
    memory_give(out);
    tabular_close(model);
    sample_close(&s);
}

// ---- the fast way ------------------------------

static void fast_equals_plain(uint32_t depth, uint32_t features, enum tabular_task task,
                              uint32_t classes) {
    struct sample s = sample_make(3001, features, task, classes);
    struct tabular_model *model = train(&s, LEARNER_BOOST, 20, depth);
    REQUIRE(model != NULL);
    const struct forest *forest = &model->forest;
    uint32_t outputs = model->outputs;
    double *fast = memory_take(3001 * outputs * 8), *plain = memory_take(3001 * outputs * 8);
    float *ready = memory_take(3001 * (size_t)features * 4);
    struct pool *pool;
    s.columns[0][5] = INFINITY;
    s.columns[1][6] = -INFINITY;
    for (uint32_t f = 0; f < features; f++) s.columns[f][9] = NAN;
    REQUIRE(pool_open(2, &pool) == OK);
    REQUIRE(forest_predict(forest, model->fast, &s.frame, pool, fast) == OK);
    forest_ready(forest, &s.frame, 0, 3001, ready);
    for (uint64_t i = 0; i < 3001 * outputs; i++) plain[i] = forest->base[i % outputs];
    forest_add_reference(forest, ready, features, 3001, plain);
    CHECK(memcmp(fast, plain, 3001 * outputs * 8) == 0);
    for (uint64_t i = 0; i < 3001; i++) {
        float row[16];
        double one[8];
        for (uint32_t f = 0; f < features; f++) row[f] = s.columns[f][i];
        model_margin_row(model, row, one);
        if (!CHECK(memcmp(one, plain + i * outputs, outputs * 8) == 0)) break;
    }
    pool_close(pool);
    memory_give(ready);
    memory_give(plain);
    memory_give(fast);
    tabular_close(model);
    sample_close(&s);
}

// Of every learner: a row alone gets what it gets among others, to the bit.
static void one_row_same_bits(void) {
    static const enum tabular_learner learners[] = {LEARNER_BOOST, LEARNER_LINEAR, LEARNER_POINTS};
    for (size_t k = 0; k < sizeof learners / sizeof learners[0]; k++) {
        struct sample s = sample_make(900, FEATURES, TASK_BINARY, 2);
        struct tabular_model *model = train(&s, learners[k], 5, 4);
        REQUIRE(model != NULL);
        double *all = memory_take(900 * 8), one, row;
        CHECK_EQ(tabular_predict(model, &s.frame, 2, all, NULL), OK);
        for (uint64_t i = 0; i < 900; i++) {
            const float *columns[FEATURES];
            float values[FEATURES];
            for (uint32_t f = 0; f < FEATURES; f++) {
                columns[f] = s.columns[f] + i;
                values[f] = s.columns[f][i];
            }
            struct frame frame = {1, FEATURES, s.features, columns, NULL};
            CHECK_EQ(tabular_predict(model, &frame, 1, &one, NULL), OK);
            tabular_predict_row(model, values, &row);
            if (!CHECK(one == all[i] && row == all[i])) break;
        }
        memory_give(all);
        tabular_close(model);
        sample_close(&s);
    }
}

static void fast_prediction_same_bits(void) {
    for (uint32_t depth = 1; depth <= 10; depth++) fast_equals_plain(depth, 2, TASK_BINARY, 2);
    fast_equals_plain(6, 8, TASK_REGRESSION, 0); // categories: some trees go the plain way
    fast_equals_plain(4, 2, TASK_CLASSES, 4);
}

// Ranks and leaves by every kernel of this processor, over trees as training never makes them.
static void kernels_agree(void) {
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2")) CHECK_SKIP("no AVX2 here");
    static uint8_t room[2][FAST_ROOM], codes[20 * FAST_ROWS], leaf[2][FAST_ROWS];
    for (int round = 0; round < 200; round++) {
        static float room_of_cuts[FAST_CUTS_ROOM] __attribute__((aligned(32)));
        float *cuts = room_of_cuts + FAST_PIVOTS;
        float values[FAST_ROWS];
        uint32_t used = (uint32_t)check_below(FAST_CUTS);
        for (uint32_t i = 0; i < FAST_CUTS; i++) cuts[i] = i < used ? (float)i / 3 : INFINITY;
        for (uint32_t i = 0; i < FAST_PIVOTS; i++) room_of_cuts[i] = cuts[16 * i + 15];
        for (int r = 0; r < FAST_ROWS; r++) {
            values[r] = check_below(10) ? (float)check_below(270) / 3 - 1
                                        : (float[]){NAN, INFINITY, -INFINITY}[check_below(3)];
        }
        uint8_t rank[4][FAST_ROWS];
        fast_reference.rank(room_of_cuts, values, FAST_ROWS, rank[0], rank[1]);
        fast_avx2.rank(room_of_cuts, values, FAST_ROWS, rank[2], rank[3]);
        CHECK(memcmp(rank[0], rank[2], 2 * FAST_ROWS) == 0);
        // A chain or a bush: each step may take results of those before it.
        struct fast_step steps[200];
        uint8_t sets[8 * FAST_SET_BYTES];
        uint32_t count = 1 + (uint32_t)check_below(200);
        for (size_t i = 0; i < sizeof sets; i++) sets[i] = (uint8_t)check_below(256);
        for (size_t i = 0; i < sizeof codes; i++) codes[i] = (uint8_t)check_below(256);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t side[2];
            for (int k = 0; k < 2; k++) {
                side[k] = (uint32_t)check_below(FAST_LEAVES) * FAST_ROWS;
                if (check_below(2)) side[k] = (FAST_LEAVES + (uint32_t)check_below(3)) * FAST_ROWS;
            }
            steps[i] =
                (struct fast_step){.code = (uint32_t)check_below(20) * FAST_ROWS,
                                   .set = check_below(4) ? 0 : 1 + (uint32_t)check_below(8),
                                   .left = side[0],
                                   .right = side[1],
                                   .cut = (int8_t)(check_below(255) - 127),
                                   .out = (FAST_LEAVES + (uint32_t)check_below(3)) * FAST_ROWS};
        }
        steps[count - 1].out = FAST_LEAVES * FAST_ROWS;
        struct forest_fast fast = {.steps = steps, .sets = sets};
        struct fast_tree tree = {.count = count};
        for (int k = 0; k < 2; k++) {
            memset(room[k], 7, FAST_ROOM);
            fast_room_fill(room[k]);
        }
        fast_reference.walk(&fast, &tree, codes, room[0], leaf[0]);
        fast_avx2.walk(&fast, &tree, codes, room[1], leaf[1]);
        CHECK(memcmp(leaf[0], leaf[1], FAST_ROWS) == 0);
    }
#else
    CHECK_SKIP("only the reference here");
#endif
}

int main(void) {
    CHECK_RUN(trees_equal_shapley);
    CHECK_RUN(tables_equal_reference);
    CHECK_RUN(explain_kernels_agree);
    CHECK_RUN(linear_parts_add_up);
    CHECK_RUN(one_row_same_bits);
    CHECK_RUN(fast_prediction_same_bits);
    CHECK_RUN(kernels_agree);
    return check_done();
}
