// Monotone columns and interactions hold everywhere, whatever the data; names are checked.
#include "model/tabular/constraints_private.h"

#include "model/tabular/boost_private.h"
#include "model/tabular/predict_private.h"
#include "support/samples.h"

enum { ROWS = 4000, FEATURES = 6, PROBES = 150, STEPS = 61 };

static struct json *json_of(const char *text) {
    struct json *node = NULL;
    struct fault fault = {0};
    CHECK_EQ(json_parse(str_of(text), &node, &fault), OK);
    return node;
}

// An answer that rises and falls along every column, with missing values and a category.
static struct sample wavy(enum tabular_task task) {
    struct sample s = sample_make(ROWS, FEATURES, task, task == TASK_BINARY ? 2 : 0);
    for (uint64_t i = 0; i < ROWS; i++) {
        double answer = sample_normal() * 0.3;
        for (uint32_t f = 0; f < FEATURES; f++) {
            double x = (double)s.columns[f][i], y = (double)s.columns[(f + 1) % FEATURES][i];
            answer += isnan(x) ? 0.7 : sin(2.5 * x) + (isnan(y) ? 0 : 0.4 * x * y);
        }
        s.truth[i] = task == TASK_BINARY ? answer > 0 : answer;
    }
    return s;
}

static struct boosted train(const struct sample *s, const struct tabular_options *options,
                            struct pool *pool) {
    struct train_rows rows = {.frame = &s->frame, .target = &s->target, .train_count = ROWS};
    struct boosted boosted = {0};
    struct fault fault = {0};
    CHECK_EQ(boost_train(&rows, options, pool, NULL, &boosted, &fault), OK);
    return boosted;
}

// ---- monotone ------------------------------

// The margins of a row as one of its columns goes from low to high.
static void probe(const struct sample *s, const struct boosted *boosted, struct pool *pool,
                  uint64_t row, uint32_t column, double out[STEPS]) {
    static float values[FEATURES][STEPS];
    const float *columns[FEATURES];
    for (uint32_t f = 0; f < FEATURES; f++) {
        for (int k = 0; k < STEPS; k++) {
            values[f][k] = f == column ? (float)(k - STEPS / 2) * 0.11f : s->columns[f][row];
        }
        columns[f] = values[f];
    }
    struct frame frame = {STEPS, FEATURES, s->features, columns, NULL};
    struct forest_fast *fast;
    CHECK_EQ(forest_fast_make(&boosted->forest, s->features, FEATURES, &fast), OK);
    CHECK_EQ(forest_predict(&boosted->forest, fast, &frame, pool, out), OK);
    forest_fast_close(fast);
}

static uint32_t turns(const struct sample *s, const struct boosted *boosted, struct pool *pool,
                      uint32_t column, int way) {
    uint32_t wrong = 0;
    for (uint32_t p = 0; p < PROBES; p++) {
        double out[STEPS];
        probe(s, boosted, pool, check_below(ROWS), column, out);
        for (int k = 1; k < STEPS; k++) wrong += way * (out[k] - out[k - 1]) < 0;
    }
    return wrong;
}

static void monotone_everywhere(void) {
    struct pool *pool;
    CHECK_EQ(pool_open(2, &pool), OK);
    struct json *node = json_of("{\"x0\":1,\"x1\":-1,\"x3\":1,\"x4\":0}");
    for (int round = 0; round < 4; round++) {
        struct sample s = wavy(round % 2 ? TASK_BINARY : TASK_REGRESSION);
        struct tabular_options options;
        tabular_options_default(&options);
        options.trees = 25;
        options.early_stop = 0;
        options.grow = round < 2 ? GROW_DEPTH : GROW_LEAF;
        options.depth = round < 2 ? 5 : 0;
        struct boosted free = train(&s, &options, pool);
        options.monotone = node;
        struct boosted bound = train(&s, &options, pool);
        static const int ways[] = {1, -1, 0, 1};
        for (uint32_t f = 0; f < 4; f++) {
            if (ways[f] == 0) continue;
            CHECK(turns(&s, &free, pool, f, ways[f]) > 0); // or the data would not show anything
            CHECK_EQ(turns(&s, &bound, pool, f, ways[f]), 0);
        }
        // It still learns, and columns that are free still turn.
        CHECK(turns(&s, &bound, pool, 4, 1) > 0);
        CHECK(bound.curve[24].train < bound.curve[0].train);
        boosted_close(&free);
        boosted_close(&bound);
        sample_close(&s);
    }
    json_close(node);
    pool_close(pool);
}

// ---- interactions ------------------------------

// x0 x1 | x1 x2 x3 | x4 alone, as it is named nowhere | x5.
static const uint32_t sets[] = {1 << 0 | 1 << 1, 1 << 1 | 1 << 2 | 1 << 3, 1 << 4, 1 << 5};

static uint32_t mixed_paths(const struct node *tree, uint32_t at, uint32_t above, uint32_t *seen) {
    const struct node *node = &tree[at];
    if (node->left == 0) {
        bool within = false;
        for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) within |= (above & ~sets[i]) == 0;
        *seen |= above;
        return !within;
    }
    above |= (uint32_t)1 << node->feature;
    return mixed_paths(tree, node->left, above, seen) +
           mixed_paths(tree, node->left + 1, above, seen);
}

static void paths_keep_to_a_set(void) {
    struct pool *pool;
    CHECK_EQ(pool_open(2, &pool), OK);
    struct json *node = json_of("[[\"x0\",\"x1\"],[\"x1\",\"x2\",\"x3\"],[\"x5\"]]");
    for (int round = 0; round < 2; round++) {
        struct sample s = wavy(TASK_REGRESSION);
        struct tabular_options options;
        tabular_options_default(&options);
        options.trees = 30;
        options.grow = round ? GROW_LEAF : GROW_DEPTH;
        for (int bound = 0; bound < 2; bound++) {
            uint32_t mixed = 0, seen = 0;
            options.interactions = bound ? node : NULL;
            struct boosted boosted = train(&s, &options, pool);
            for (uint32_t t = 0; t < boosted.forest.tree_count; t++) {
                mixed += mixed_paths(forest_tree(&boosted.forest, t), 0, 0, &seen);
            }
            CHECK(bound ? mixed == 0 : mixed > 100);
            CHECK_EQ(seen, (1 << FEATURES) - 1);
            boosted_close(&boosted);
        }
        sample_close(&s);
    }
    json_close(node);
    pool_close(pool);
}

// ---- options ------------------------------

static void names_are_checked(void) {
    struct sample s = wavy(TASK_REGRESSION);
    static const struct {
        const char *options, *code, *detail;
        enum tabular_task task;
    } cases[] = {
        {"{\"monotone\":{\"x0\":1,\"nobody\":1}}", "train.unknown_column", "nobody",
         TASK_REGRESSION},
        {"{\"interactions\":[[\"x0\"],[\"who\"]]}", "train.unknown_column", "who", TASK_REGRESSION},
        {"{\"monotone\":{\"x2\":1}}", "train.monotone_category", "x2", TASK_REGRESSION},
        {"{\"monotone\":{\"x1\":1}}", "train.monotone_classes", "x1", TASK_CLASSES},
        {"{\"monotone\":{\"x2\":0},\"interactions\":[]}", "", "", TASK_CLASSES},
        {"{\"monotone\":{\"x0\":2}}", "train.bad_option", "monotone", TASK_REGRESSION},
        {"{\"monotone\":[1]}", "train.bad_option", "monotone", TASK_REGRESSION},
        {"{\"interactions\":{}}", "train.bad_option", "interactions", TASK_REGRESSION},
        {"{\"interactions\":[[1]]}", "train.bad_option", "interactions", TASK_REGRESSION},
        {"{\"learner\":\"linear\",\"monotone\":{\"x0\":1}}", "train.bad_option", "monotone",
         TASK_REGRESSION},
        {"{\"grow\":\"leaf\",\"leaves\":1}", "train.bad_option", "leaves (2 – 4096)",
         TASK_REGRESSION},
        {"{\"depth\":17}", "train.bad_option", "depth (1 – 16)", TASK_REGRESSION},
        {"{\"grow\":\"leaf\",\"depth\":17}", "", "", TASK_REGRESSION},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json *node = json_of(cases[i].options);
        struct tabular_options options;
        struct constraints constraints = {0};
        struct fault fault = {0};
        enum err err = tabular_options_read(node, &options, &fault);
        if (err == OK) {
            err = constraints_take(&s.frame, &options, cases[i].task, &constraints, &fault);
        }
        CHECK_EQ(err, cases[i].code[0] ? ERR_INPUT : OK);
        CHECK_STR(fault.code, cases[i].code);
        CHECK_STR(fault.detail, cases[i].detail);
        constraints_close(&constraints);
        json_close(node);
    }
    sample_close(&s);
}

int main(void) {
    CHECK_RUN(monotone_everywhere);
    CHECK_RUN(paths_keep_to_a_set);
    CHECK_RUN(names_are_checked);
    return check_done();
}
