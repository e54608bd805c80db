// Bins, gradients, histograms, splits and trees against plain versions of the same.
#include "model/tabular/grow_private.h"

#include "model/measure/measure.h"
#include "support/samples.h"

static struct pool *pool_of(uint32_t threads) {
    struct pool *pool = NULL;
    CHECK_EQ(pool_open(threads, &pool), OK);
    return pool;
}

// ---- bins ------------------------------

static uint32_t bin_by_definition(const struct feature_bins *feature, float value) {
    if (isnan(value)) return feature->value_bins;
    uint32_t bin = 0;
    for (uint32_t c = 0; c + 1 < feature->value_bins; c++) bin += feature->cuts[c] <= value;
    return bin;
}

static void cells_follow_cuts(void) {
    struct sample s = sample_make(5000, 8, TASK_BINARY, 2);
    struct pool *pool = pool_of(2);
    struct bins bins;
    for (uint64_t i = 0; i < 5000; i += 100) s.columns[1][i] = i % 200 ? INFINITY : -INFINITY;
    REQUIRE(bins_make(&s.frame, NULL, 5000, 255, pool, NULL, &bins) == OK);
    CHECK_EQ(bins.count, 8);
    for (uint32_t u = 0; u < bins.count; u++) {
        const struct feature_bins *feature = &bins.features[u];
        CHECK(feature->value_bins <= 255);
        if (!feature->is_category) CHECK(feature->value_bins > 200); // 5000 different values
        uint64_t largest = 0, seen[256] = {0};
        for (uint64_t i = 0; i < 5000; i++) {
            uint8_t cell = bins.cells[i * bins.stride + u];
            float value = s.columns[feature->feature][i];
            CHECK_EQ(cell, bins.columns[u * 5000 + i]);
            if (!feature->is_category)
                CHECK_EQ(cell, bin_by_definition(feature, value));
            else
                CHECK_EQ(cell, (uint8_t)value);
            if (cell != feature->value_bins && ++seen[cell] > largest) largest = seen[cell];
        }
        if (!feature->is_category && u != 1) CHECK(largest < 60); // 5000 / 255 is 20
    }
    bins_close(&bins);
    pool_close(pool);
    sample_close(&s);
}

static void few_values_get_own_bins(void) {
    struct sample s = sample_take(1000, 2, TASK_BINARY, 2);
    struct pool *pool = pool_of(1);
    struct bins bins;
    for (uint64_t i = 0; i < 1000; i++) s.columns[0][i] = (float)(i % 7) * 0.1f;
    REQUIRE(bins_make(&s.frame, NULL, 1000, 255, pool, NULL, &bins) == OK);
    CHECK_EQ(bins.count, 1); // the other column is constant
    CHECK_EQ(bins.features[0].value_bins, 7);
    for (uint64_t i = 0; i < 7; i++) CHECK_EQ(bins.columns[i], i);
    bins_close(&bins);
    // With fewer bins than values the weights are even.
    REQUIRE(bins_make(&s.frame, NULL, 1000, 4, pool, NULL, &bins) == OK);
    CHECK(bins.features[0].value_bins >= 3 && bins.features[0].value_bins <= 4);
    bins_close(&bins);
    pool_close(pool);
    sample_close(&s);
}

// More categories than bins: the frequent keep one each, the rare share one, the unseen are
// missing.
static void rare_categories_share(void) {
    struct sample s = sample_take(20000, 1, TASK_BINARY, 2);
    struct pool *pool = pool_of(1);
    struct bins bins;
    s.features[0] =
        (struct feature){.name = STR("c"), .kind = FEATURE_CATEGORY, .category_count = 1000};
    for (uint64_t i = 0; i < 20000; i++) {
        s.columns[0][i] = (float)(i % 2 ? check_below(200) : check_below(999));
    }
    REQUIRE(bins_make(&s.frame, NULL, 20000, 255, pool, NULL, &bins) == OK);
    const struct feature_bins *feature = &bins.features[0];
    CHECK_EQ(feature->value_bins, 255);
    uint32_t own[256] = {0};
    for (uint32_t k = 0; k < 1000; k++) own[feature->category_bin[k]]++;
    for (uint32_t b = 0; b < 254; b++) CHECK_EQ(own[b], 1);
    CHECK(own[254] > 700);
    CHECK_EQ(feature->category_bin[999], 255); // never seen
    bins_close(&bins);
    pool_close(pool);
    sample_close(&s);
}

// ---- gradients ------------------------------

enum { PIECE = 1003, PADDED = 1008 };

static void kernels_follow_definition(void) {
    static float score[3 * PADDED], target[PADDED], g[3 * PADDED], h[3 * PADDED];
    for (int i = 0; i < 3 * PADDED; i++) score[i] = (float)(sample_normal() * 20);
    for (int i = 0; i < PADDED; i++) target[i] = (float)check_below(2);
    gradient_reference.logistic(score, target, PIECE, g, h);
    for (int i = 0; i < PIECE; i++) {
        double p = 1 / (1 + exp(-(double)score[i]));
        CHECK_NEAR(g[i], p - target[i], 2e-7);
        CHECK_NEAR(h[i], fmax(p * (1 - p), 1e-16), 2e-7);
    }
    for (int i = 0; i < PADDED; i++) target[i] = (float)check_below(3);
    gradient_reference.softmax(score, target, 3, PADDED, PIECE, g, h);
    for (int i = 0; i < PIECE; i++) {
        double sum = 0, top = fmax(score[i], fmax(score[PADDED + i], score[2 * PADDED + i]));
        for (int k = 0; k < 3; k++) sum += exp(score[k * PADDED + i] - top);
        for (int k = 0; k < 3; k++) {
            double p = exp(score[k * PADDED + i] - top) / sum;
            CHECK_NEAR(g[k * PADDED + i], p - (target[i] == k), 3e-7);
            CHECK_NEAR(h[k * PADDED + i], 1.5 * p * (1 - p), 4e-7);
        }
    }
}

static void fast_kernels_same_bits(void) {
    static float score[3 * PADDED], target[PADDED], g[2][3 * PADDED], h[2][3 * PADDED];
    static struct entry entries[2][PADDED];
    const struct gradient_kernels *kernels[2] = {&gradient_reference, gradient_kernels()};
    if (kernels[0] == kernels[1]) CHECK_SKIP("this processor has only the plain kernels");
    for (int i = 0; i < 3 * PADDED; i++) score[i] = (float)(sample_normal() * 9);
    for (int i = 0; i < PADDED; i++) target[i] = (float)check_below(2);
    for (int k = 0; k < 2; k++) kernels[k]->logistic(score, target, PIECE, g[k], h[k]);
    CHECK(memcmp(g[0], g[1], PIECE * 4) == 0 && memcmp(h[0], h[1], PIECE * 4) == 0);
    struct gradient_sums sums = gradient_sum(g[0], h[0], PIECE);
    struct gradient_scale scale = gradient_scale_of(&sums, PIECE);
    uint64_t totals[2];
    for (int k = 0; k < 2; k++) {
        totals[k] = kernels[k]->quantise(g[0], h[0], PIECE, scale, 17, 32000, entries[k]);
    }
    CHECK(totals[0] == totals[1]);
    CHECK(memcmp(entries[0], entries[1], PIECE * sizeof(entries[0][0])) == 0);
    for (int k = 0; k < 2; k++) kernels[k]->softmax(score, target, 3, PADDED, PIECE, g[k], h[k]);
    for (int k = 0; k < 3; k++) {
        CHECK(memcmp(g[0] + k * PADDED, g[1] + k * PADDED, PIECE * 4) == 0);
        CHECK(memcmp(h[0] + k * PADDED, h[1] + k * PADDED, PIECE * 4) == 0);
    }
}

// Rounding is off by less than one unit a row, without drift, and sums never leave their halves.
static void quantising_is_fair(void) {
    static float g[PADDED], h[PADDED];
    static struct entry entries[PADDED];
    for (int i = 0; i < PIECE; i++) {
        g[i] = (float)sample_normal() * (i % 50 == 0 ? 300.0f : 1.0f);
        h[i] = (float)check_uniform();
    }
    struct gradient_sums sums = gradient_sum(g, h, PIECE);
    struct gradient_scale scale = gradient_scale_of(&sums, PIECE);
    double drift_g = 0, drift_h = 0;
    for (uint32_t seed = 0; seed < 200; seed++) {
        uint64_t sum = 0;
        double exact_g = 0, exact_h = 0;
        uint64_t total = gradient_reference.quantise(g, h, PIECE, scale, seed * 77777u, 0, entries);
        for (int i = 0; i < PIECE; i++) {
            uint64_t cell = cell_of(entries[i].packed);
            CHECK_EQ(entries[i].row, i);
            CHECK_NEAR(cell_gradient(cell), g[i] * scale.gradient, 1.01);
            CHECK_NEAR(cell_hessian(cell), h[i] * scale.hessian, 1.01);
            sum += cell;
            exact_g += (double)g[i] * scale.gradient;
            exact_h += (double)h[i] * scale.hessian;
        }
        CHECK(total == sum);
        drift_g += (cell_gradient(sum) - exact_g) / 200;
        drift_h += (cell_hessian(sum) - exact_h) / 200;
    }
    // Of one row the deviation is at most .5, of 200 means of 1003 rows about 1.1.
    CHECK_NEAR(drift_g, 0, 6);
    CHECK_NEAR(drift_h, 0, 6);
    for (int i = 0; i < PIECE; i++) h[i] = 1;
    sums = gradient_sum(g, h, PIECE);
    scale = gradient_scale_of(&sums, PIECE);
    gradient_reference.quantise(g, h, PIECE, scale, 5, 0, entries);
    for (int i = 0; i < PIECE; i++) {
        CHECK_NEAR(cell_hessian(cell_of(entries[i].packed)) / scale.hessian, 1, 0); // counts rows
    }
}

// ---- histograms ------------------------------

static void histogram_is_the_sum(void) {
    enum { ROWS = 3000, FEATURES = 70 }; // wide enough for blocks of columns
    struct sample s = sample_make(ROWS, FEATURES, TASK_BINARY, 2);
    struct pool *pool = pool_of(1);
    struct bins bins;
    REQUIRE(bins_make(&s.frame, NULL, ROWS, 255, pool, NULL, &bins) == OK);
    struct entry *entries = memory_take(ROWS * sizeof(*entries));
    uint64_t *hist = memory_take((size_t)bins.stride * BINS_CELLS * 8), count = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        if (check_below(3)) entries[count++] = (struct entry){i, (uint32_t)check_random()};
    }
    histogram_add(hist, &bins, entries, count);
    for (uint32_t u = 0; u < bins.count; u++) {
        int64_t g[256] = {0}, h[256] = {0};
        for (uint64_t i = 0; i < count; i++) {
            uint8_t bin = bins.columns[(size_t)u * ROWS + entries[i].row];
            g[bin] += (int16_t)(entries[i].packed >> 16);
            h[bin] += entries[i].packed & 0xFFFF;
        }
        for (uint32_t b = 0; b < 256; b++) {
            CHECK_NEAR(cell_gradient(hist[u * BINS_CELLS + b]), (double)g[b], 0);
            CHECK_NEAR(cell_hessian(hist[u * BINS_CELLS + b]), (double)h[b], 0);
        }
    }
    // Splitting keeps the order on both sides.
    struct side_table table = {.column = 5, .is_set = true};
    for (int b = 0; b < 256; b++) table.left[b] = (uint8_t)check_below(2);
    struct entry *copy = memory_take(ROWS * sizeof(*copy));
    struct entry *right = memory_take(ROWS * sizeof(*right));
    memcpy(copy, entries, count * sizeof(*copy));
    size_t lefts = entries_split(copy, count, &bins, &table, right), l = 0, r = 0;
    for (uint64_t i = 0; i < count; i++) {
        bool left = table.left[bins.columns[5 * ROWS + entries[i].row]];
        const struct entry *got = left ? &copy[l++] : &right[r++];
        CHECK(got->row == entries[i].row && got->packed == entries[i].packed);
    }
    CHECK_EQ(l, lefts);
    memory_give(right);
    memory_give(copy);
    memory_give(hist);
    memory_give(entries);
    bins_close(&bins);
    pool_close(pool);
    sample_close(&s);
}

// Bits, numbers and categories that are nearly always the same, or missing, beside others.
static struct sample sample_sparse(uint32_t rows, uint32_t features) {
    struct sample s = sample_make(rows, features, TASK_BINARY, 2);
    for (uint32_t f = 5; f < features; f++) {
        bool is_category = s.features[f].kind == FEATURE_CATEGORY;
        for (uint32_t i = 0; i < rows; i++) {
            float other = is_category ? (float)check_below(6) : f % 2 ? 1 : (float)check_uniform();
            s.columns[f][i] = check_below(7) ? (f % 6 ? 0 : NAN) : other;
        }
    }
    return s;
}

// What a row lists is what its columns say, and the usual bins' cells follow from the sum.
static void sparse_columns_are_lists(void) {
    enum { ROWS = 3001, FEATURES = 70 };
    struct sample s = sample_sparse(ROWS, FEATURES);
    struct pool *pool = pool_of(2);
    struct bins bins;
    REQUIRE(bins_make(&s.frame, NULL, ROWS, 255, pool, NULL, &bins) == OK);
    CHECK_EQ(bins.dense, 5);
    CHECK_EQ(bins.stride, 8);
    for (uint64_t row = 0; row < ROWS; row++) {
        uint64_t at = bins.unusual_first[row];
        for (uint32_t u = 0; u < bins.count; u++) {
            const struct feature_bins *feature = &bins.features[u];
            uint8_t bin = bins.columns[u * ROWS + row];
            if (!feature->is_sparse || bin == feature->usual) continue;
            CHECK_EQ(bins.unusual[at++], feature->cell + bin);
        }
        CHECK_EQ(at, bins.unusual_first[row + 1]);
    }
    struct entry *entries = memory_take(ROWS * sizeof(*entries));
    uint64_t *got = memory_take(bins.hist_cells * 8), *want = memory_take(bins.hist_cells * 8);
    uint64_t count = 0, total = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        if (check_below(3) == 0) continue;
        entries[count++] = (struct entry){i, (uint32_t)check_random()};
        total += cell_of(entries[count - 1].packed);
    }
    for (size_t i = 0; i < bins.hist_cells; i++) got[i] = check_random();
    histogram_clear(got, &bins);
    histogram_add(got, &bins, entries, count);
    histogram_settle(got, &bins, 0, bins.count, total);
    histogram_reference(want, &bins, entries, count);
    for (uint32_t u = 0; u < bins.count; u++) {
        const struct feature_bins *feature = &bins.features[u];
        for (uint32_t b = 0; b <= feature->value_bins; b++) {
            CHECK(got[feature->cell + b] == want[feature->cell + b]);
        }
    }
    memory_give(want);
    memory_give(got);
    memory_give(entries);
    bins_close(&bins);
    pool_close(pool);
    sample_close(&s);
}

// Every kernel splits like the reference, whatever the count, the bin and the missing ones' side.
static void split_kernels_agree(void) {
    enum { ROWS = 500 };
    static uint8_t column[ROWS + 64];
    static struct entry entries[2][ROWS], right[2][ROWS];
    const struct split_kernels *all[2] = {split_kernels(), &split_reference};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) {
        all[1] = &split_avx512;
    }
#endif
    for (int round = 0; round < 600; round++) {
        struct feature_bins feature = {.value_bins = 2 + (uint32_t)check_below(254)};
        struct split split = {.bin = (uint32_t)check_below(feature.value_bins),
                              .missing_left = check_below(2)};
        struct side_table table;
        size_t count = 0;
        split_sides(&split, &feature, &table);
        for (int i = 0; i < ROWS; i++) column[i] = (uint8_t)check_below(feature.value_bins + 1);
        for (uint32_t i = 0; i < ROWS; i++) {
            if (check_below(4)) entries[0][count++] = (struct entry){i, (uint32_t)check_random()};
        }
        count = check_below(count + 1);
        memcpy(entries[1], entries[0], sizeof(entries[0]));
        size_t want = split_reference.split(entries[0], count, column, &table, right[0]);
        size_t got = all[round % 2]->split(entries[1], count, column, &table, right[1]);
        CHECK_EQ(got, want);
        CHECK(memcmp(entries[0], entries[1], want * sizeof(struct entry)) == 0);
        CHECK(memcmp(right[0], right[1], (count - want) * sizeof(struct entry)) == 0);
    }
}

// ---- search ------------------------------

static double gain_by_definition(double gl, double hl, double g, double h, double l2) {
    return gl * gl / (hl + l2) + (g - gl) * (g - gl) / (h - hl + l2) - g * g / (h + l2);
}

static void search_finds_the_best(void) {
    struct search_limits limits = {
        .per_gradient = 0.01, .per_hessian = 0.02, .l2 = 1.5, .min_child_weight = 3};
    for (int round = 0; round < 300; round++) {
        struct feature_bins feature = {.value_bins = 2 + (uint32_t)check_below(30)};
        uint64_t cells[BINS_CELLS] = {0}, total = 0;
        double best = 0;
        bool with_missing = check_below(2);
        for (uint32_t b = 0; b <= feature.value_bins; b++) {
            if (b == feature.value_bins && !with_missing) break;
            if (check_below(4) == 0) continue;
            int32_t g = (int32_t)check_below(4001) - 2000;
            cells[b] = ((uint64_t)(int64_t)g << 32) + 1 + check_below(1000);
            total += cells[b];
        }
        double g = cell_gradient(total) * 0.01, h = cell_hessian(total) * 0.02;
        for (uint32_t end = 0; end < feature.value_bins; end++) {
            for (int missing_left = 0; missing_left <= with_missing; missing_left++) {
                double gl = 0, hl = 0;
                for (uint32_t b = 0; b <= end; b++) {
                    gl += cell_gradient(cells[b]) * 0.01;
                    hl += cell_hessian(cells[b]) * 0.02;
                }
                if (missing_left) {
                    gl += cell_gradient(cells[feature.value_bins]) * 0.01;
                    hl += cell_hessian(cells[feature.value_bins]) * 0.02;
                }
                if (hl < 3 - 1e-9 || h - hl < 3 - 1e-9) continue;
                best = fmax(best, gain_by_definition(gl, hl, g, h, 1.5));
            }
        }
        struct split split = search_column(cells, total, &feature, 0, &limits);
        CHECK_NEAR(split.gain, best < 1e-6 ? 0 : best, 1e-6 * (1 + best));
    }
}

// The same split to the bit, of equal ones the first, whatever the number of sides.
static void search_kernels_agree(void) {
    struct search_limits limits = {
        .per_gradient = 0.01, .per_hessian = 0.02, .l2 = 1.5, .min_child_weight = 3};
    for (int round = 0; round < 300; round++) {
        uint64_t left[260] = {0}, total = ((uint64_t)check_below(2000) << 32) + 60000;
        uint32_t count = 1 + (uint32_t)check_below(256);
        struct search_node node = {.limits = &limits,
                                   .total = total,
                                   .gradient = cell_gradient(total) * 0.01,
                                   .hessian = cell_hessian(total) * 0.02,
                                   .least = 150,
                                   .l2 = 1.5,
                                   .parent = 0.1};
        for (uint32_t i = 0; i < count; i++) {
            int64_t g = (int64_t)check_below(round % 2 ? 5 : 4001) - 2; // few values: many equal
            left[i] = ((uint64_t)g << 32) + (check_below(9) ? 200 + 59700 * check_below(2) : 0);
        }
        double want, got;
        uint32_t at = search_reference.best(&node, left, count, &want);
        CHECK_EQ(search_kernels()->best(&node, left, count, &got), at);
        CHECK(got == want);
    }
}

// Sides with exactly the least Hessian may be split off, whatever 0.02 is in binary.
static void search_takes_just_enough(void) {
    struct search_limits limits = {
        .per_gradient = 0.01, .per_hessian = 0.02, .l2 = 1.5, .min_child_weight = 3};
    for (uint64_t other = 150; other < 2000; other++) {
        struct feature_bins feature = {.value_bins = 2};
        uint64_t cells[BINS_CELLS] = {((uint64_t)500 << 32) + other,
                                      ((uint64_t)(int64_t)-500 << 32) + 150};
        CHECK(search_column(cells, cells[0] + cells[1], &feature, 0, &limits).gain > 1);
        cells[1]--;
        CHECK(search_column(cells, cells[0] + cells[1], &feature, 0, &limits).gain == 0);
    }
}

// The subset in the order of the statistic is the best of all subsets (without the prior's effect:
// strong weights).
static void categories_find_the_best_subset(void) {
    struct search_limits limits = {
        .per_gradient = 1, .per_hessian = 1, .l2 = 0, .min_child_weight = 0};
    for (int round = 0; round < 100; round++) {
        struct feature_bins feature = {.value_bins = 8, .is_category = true};
        uint64_t cells[BINS_CELLS] = {0}, total = 0;
        for (uint32_t b = 0; b < 8; b++) {
            int32_t g = (int32_t)check_below(200001) - 100000;
            cells[b] = ((uint64_t)(int64_t)g << 32) + 100000 + check_below(900000);
            total += cells[b];
        }
        double best = 0;
        for (uint32_t subset = 1; subset < 255; subset++) {
            uint64_t left = 0;
            for (uint32_t b = 0; b < 8; b++) left += subset >> b & 1 ? cells[b] : 0;
            best = fmax(best, gain_by_definition(cell_gradient(left), cell_hessian(left),
                                                 cell_gradient(total), cell_hessian(total), 0));
        }
        struct split split = search_column(cells, total, &feature, 0, &limits);
        CHECK(split.gain > 0.998 * best && split.gain <= 1.001 * best);
        uint64_t left = 0;
        for (uint32_t b = 0; b < 8; b++) left += split.set[0] >> b & 1 ? cells[b] : 0;
        CHECK(left == split.left);
    }
}

// ---- trees ------------------------------

// One tree on exact gradients: leaves hold -G / (H + l2), scores follow, other rows walk the same.
static void leaves_hold_their_sums(void) {
    enum { ROWS = 20000 };
    struct sample s = sample_make(ROWS, 6, TASK_REGRESSION, 0);
    struct pool *pool = pool_of(2);
    struct bins bins;
    struct grower *grower;
    struct forest forest = {.outputs = 1};
    struct grow_options options = {
        .depth = 5, .learning_rate = 1, .l2 = 2, .min_child_weight = 20, .column_share = 1};
    float *g = memory_take(ROWS * 4), *h = memory_take(ROWS * 4);
    float *score = memory_take(ROWS * 4), *other = memory_take(ROWS * 4);
    for (int i = 0; i < ROWS; i++) {
        g[i] = (float)(100 - s.truth[i]);
        h[i] = 1;
    }
    REQUIRE(bins_make(&s.frame, NULL, ROWS, 255, pool, NULL, &bins) == OK);
    REQUIRE(grower_open(&bins, &options, pool, NULL, &grower) == OK);
    REQUIRE(grow_tree(grower, g, h, 3, score, &forest) == OK);
    grower_score(grower, &bins, other);
    CHECK(memcmp(score, other, ROWS * 4) == 0);
    REQUIRE(forest.node_count > 20 && forest.node_count <= 63);
    // Which leaf a row is in shows in its value.
    for (uint32_t n = 0; n < forest.node_count; n++) {
        const struct node *node = &forest.nodes[n];
        double sum_g = 0, sum_h = 0;
        if (node->left) {
            CHECK(node->left == 0 || node->left > n);
            CHECK_NEAR(node->cover, node[node->left - n].cover + node[node->left + 1 - n].cover, 0);
            continue;
        }
        for (int i = 0; i < ROWS; i++) {
            if (score[i] != node->value) continue;
            sum_g += g[i];
            sum_h += h[i];
        }
        CHECK(sum_h >= 20);
        CHECK_NEAR(node->cover, sum_h, 0.5);
        CHECK_NEAR(node->value, -sum_g / (sum_h + 2), 1e-4 * fabs(node->value) + 1e-5);
    }
    grower_close(grower);
    forest_close(&forest);
    memory_give(other);
    memory_give(score);
    memory_give(h);
    memory_give(g);
    bins_close(&bins);
    pool_close(pool);
    sample_close(&s);
}

int main(void) {
    CHECK_RUN(cells_follow_cuts);
    CHECK_RUN(few_values_get_own_bins);
    CHECK_RUN(rare_categories_share);
    CHECK_RUN(kernels_follow_definition);
    CHECK_RUN(fast_kernels_same_bits);
    CHECK_RUN(quantising_is_fair);
    CHECK_RUN(histogram_is_the_sum);
    CHECK_RUN(sparse_columns_are_lists);
    CHECK_RUN(split_kernels_agree);
    CHECK_RUN(search_finds_the_best);
    CHECK_RUN(search_kernels_agree);
    CHECK_RUN(search_takes_just_enough);
    CHECK_RUN(categories_find_the_best_subset);
    CHECK_RUN(leaves_hold_their_sums);
    return check_done();
}
