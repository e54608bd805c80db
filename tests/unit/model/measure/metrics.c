// Metrics, curves and the bootstrap against their plain definitions.
#include "check.h"
#include "model/measure/measure.h"

// AUC by comparing all pairs.
static double auc_by_pairs(const double *score, const uint8_t *truth, uint64_t rows) {
    double won = 0, pairs = 0;
    for (uint64_t i = 0; i < rows; i++) {
        for (uint64_t j = 0; j < rows; j++) {
            if (!truth[i] || truth[j]) continue;
            pairs++;
            won += score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0;
        }
    }
    return pairs > 0 ? won / pairs : NAN;
}

static void auc_equals_pairs(void) {
    double score[300];
    uint8_t truth[300];
    for (int round = 0; round < 50; round++) {
        uint64_t rows = 2 + check_below(299), ties = 1 + check_below(50);
        for (uint64_t i = 0; i < rows; i++) {
            score[i] = (double)check_below(ties) - 3; // many ties, negative scores too
            truth[i] = check_below(3) == 0;
        }
        CHECK_NEAR(metric_auc(score, truth, rows), auc_by_pairs(score, truth, rows), 1e-12);
    }
    double same[2] = {0.0, -0.0}; // equal numbers with different bits are a tie
    uint8_t both[2] = {0, 1};
    CHECK_NEAR(metric_auc(same, both, 2), 0.5, 0);
    uint8_t one_class[2] = {1, 1};
    CHECK(isnan(metric_auc(same, one_class, 2)));
}

static void known_values(void) {
    double score[] = {0.9, 0.2, 0.6, 0.4}, number[] = {1, 2, 3, 4}, guess[] = {1, 2, 3, 6};
    uint8_t truth[] = {1, 0, 0, 1};
    uint32_t classes[] = {0, 1, 2, 1}, said[] = {0, 1, 1, 1};
    CHECK_NEAR(metric_log_loss(score, truth, 4), -(log(0.9) + log(0.8) + log(0.4) + log(0.4)) / 4,
               1e-12);
    CHECK_NEAR(metric_brier(score, truth, 4), (0.01 + 0.04 + 0.36 + 0.36) / 4, 1e-12);
    CHECK_NEAR(metric_accuracy(said, classes, 4), 0.75, 0);
    CHECK_NEAR(metric_rmse(guess, number, 4), 1, 1e-12);
    CHECK_NEAR(metric_mae(guess, number, 4), 0.5, 1e-12);
    CHECK_NEAR(metric_r2(guess, number, 4), 1 - 4.0 / 5, 1e-12);
    CHECK(isnan(metric_rmse(guess, number, 0)));
    CHECK(isfinite(metric_log_loss((double[]){0}, (uint8_t[]){1}, 1)));
}

static void order_is_stable(void) {
    double score[1000];
    uint32_t order[1000];
    for (int i = 0; i < 1000; i++) score[i] = (double)check_below(20) / 7 - 1;
    REQUIRE(order_by_score(score, 1000, order) == OK);
    for (int i = 1; i < 1000; i++) {
        double before = score[order[i - 1]], here = score[order[i]];
        CHECK(before < here || (before == here && order[i - 1] < order[i]));
    }
}

struct scored {
    double score[5000], sorted[5000], loss[5000];
    uint8_t truth[5000], truth_sorted[5000];
    uint32_t order[5000];
};
static struct scored data;

static void make_scored(uint64_t rows) {
    for (uint64_t i = 0; i < rows; i++) {
        double p = check_uniform();
        data.score[i] = floor(p * 100) / 100;
        data.truth[i] = check_uniform() < p;
    }
    CHECK_EQ(order_by_score(data.score, rows, data.order), OK);
    for (uint64_t i = 0; i < rows; i++) {
        data.sorted[i] = data.score[data.order[i]];
        data.truth_sorted[i] = data.truth[data.order[i]];
        data.loss[i] =
            metric_log_loss_of(data.truth_sorted[i] ? data.sorted[i] : 1 - data.sorted[i]);
    }
}

// The weighted metrics with every weight 1 are the plain ones; with other weights they are the
// plain ones of rows repeated.
static void weights_repeat_rows(void) {
    make_scored(400);
    uint8_t weight[400], truth[2000];
    double score[2000], out[BINARY_METRICS];
    uint64_t rows = 0;
    for (int i = 0; i < 400; i++) {
        weight[i] = (uint8_t)check_below(4);
        for (int w = 0; w < weight[i]; w++) {
            score[rows] = data.sorted[i];
            truth[rows++] = data.truth_sorted[i];
        }
    }
    struct binary_rows in = {{data.sorted, data.truth_sorted, NULL, 400}, data.loss, 0.5};
    binary_metrics(&in, weight, 400, out);
    CHECK_NEAR(out[BINARY_AUC], auc_by_pairs(score, truth, rows), 1e-12);
    CHECK_NEAR(out[BINARY_LOG_LOSS], metric_log_loss(score, truth, rows), 1e-9);
    CHECK_NEAR(out[BINARY_BRIER], metric_brier(score, truth, rows), 1e-12);
}

static void roc_encloses_auc(void) {
    make_scored(5000);
    struct curve_point points[101];
    uint32_t count;
    struct ranked ranked = {data.sorted, data.truth_sorted, NULL, 5000};
    curve_roc(&ranked, points, 101, &count);
    REQUIRE(count >= 2 && count <= 101);
    double area = 0;
    for (uint32_t i = 1; i < count; i++) {
        CHECK(points[i].x >= points[i - 1].x && points[i].y >= points[i - 1].y);
        area += (points[i].x - points[i - 1].x) * (points[i].y + points[i - 1].y) / 2;
    }
    CHECK_NEAR(points[count - 1].x + points[count - 1].y, 2, 0);
    CHECK_NEAR(area, metric_auc(data.score, data.truth, 5000), 0.005);
    double threshold = threshold_youden(&ranked);
    CHECK(threshold > 0.35 && threshold < 0.65); // scores are true probabilities
}

static void calibration_is_small_when_true(void) {
    make_scored(5000);
    struct calibration_bin bins[10];
    uint32_t count;
    double error;
    uint64_t total = 0;
    struct ranked ranked = {data.sorted, data.truth_sorted, NULL, 5000};
    calibration(&ranked, 10, bins, &count, &error);
    CHECK(count >= 9 && count <= 10);
    for (uint32_t i = 0; i < count; i++) {
        total += bins[i].count;
        CHECK_NEAR(bins[i].predicted, bins[i].observed, 0.1);
    }
    CHECK_EQ(total, 5000);
    CHECK(error < 0.04);
    for (int i = 0; i < 5000; i++) data.sorted[i] = 0.99; // all in one tie, and wrong
    calibration(&ranked, 10, bins, &count, &error);
    CHECK_EQ(count, 1);
    CHECK(error > 0.4);
    // Weights that leave the negatives next to nothing make it right again.
    static double weight[5000];
    for (int i = 0; i < 5000; i++) weight[i] = data.truth_sorted[i] ? 1 : 0.01;
    ranked.weight = weight;
    calibration(&ranked, 10, bins, &count, &error);
    CHECK_EQ(bins[0].count, 5000);
    CHECK(error < 0.02);
}

static void bootstrap_covers(void) {
    struct interval first[BINARY_METRICS] = {0};
    make_scored(2000);
    struct binary_rows in = {{data.sorted, data.truth_sorted, NULL, 2000}, data.loss, 0.5};
    struct bootstrap_metric metric = {binary_metrics, &in, BINARY_METRICS};
    for (uint32_t threads = 1; threads <= 3; threads++) {
        struct interval out[BINARY_METRICS];
        struct pool *pool;
        REQUIRE(pool_open(threads, &pool) == OK);
        REQUIRE(bootstrap(&metric, 2000, 1000, 42, pool, NULL, out) == OK);
        pool_close(pool);
        if (threads == 1) memcpy(first, out, sizeof(out));
        CHECK(memcmp(first, out, sizeof(out)) == 0);
    }
    // The width of an AUC's interval follows Hanley and McNeil's error to a fifth.
    double auc = first[BINARY_AUC].value, q1 = auc / (2 - auc), q2 = 2 * auc * auc / (1 + auc);
    double positives = 0;
    for (int i = 0; i < 2000; i++) positives += data.truth[i];
    double negatives = 2000 - positives;
    double error = sqrt((auc * (1 - auc) + (positives - 1) * (q1 - auc * auc) +
                         (negatives - 1) * (q2 - auc * auc)) /
                        (positives * negatives));
    double width = first[BINARY_AUC].high - first[BINARY_AUC].low;
    CHECK_NEAR(width / (2 * 1.96 * error), 1, 0.2);
    CHECK(first[BINARY_AUC].low < auc && first[BINARY_AUC].high > auc);
}

// ---- split ------------------------------

static void split_keeps_groups(void) {
    enum { ROWS = 6000 };
    static uint64_t group[ROWS];
    static uint32_t stratum[ROWS];
    static uint8_t side[ROWS], again[ROWS];
    for (int i = 0; i < ROWS; i++) {
        group[i] = check_below(2000);
        stratum[i] = seed_mix(group[i]) % 10 == 0; // one in ten groups is of the rare class
    }
    REQUIRE(split_groups(group, stratum, ROWS, 200, 160, 7, side) == OK);
    uint8_t of_group[2000];
    memset(of_group, 255, sizeof(of_group));
    uint64_t counts[3] = {0}, rare[3] = {0}, rare_total = 0;
    for (int i = 0; i < ROWS; i++) {
        CHECK(of_group[group[i]] == 255 || of_group[group[i]] == side[i]);
        of_group[group[i]] = side[i];
        counts[side[i]]++;
        rare[side[i]] += stratum[i];
        rare_total += stratum[i];
    }
    CHECK_NEAR(counts[SIDE_TEST], ROWS * 0.2, 10);
    CHECK_NEAR(counts[SIDE_VALIDATE], ROWS * 0.16, 10);
    CHECK_NEAR(rare[SIDE_TEST], rare_total * 0.2, 6);
    CHECK_NEAR(rare[SIDE_VALIDATE], rare_total * 0.16, 6);
    REQUIRE(split_groups(group, stratum, ROWS, 200, 160, 7, again) == OK);
    CHECK(memcmp(side, again, ROWS) == 0);
    REQUIRE(split_groups(group, stratum, ROWS, 200, 160, 8, again) == OK);
    CHECK(memcmp(side, again, ROWS) != 0);
    CHECK_EQ(split_groups(group, stratum, ROWS, 600, 400, 7, side), ERR_INPUT);
}

// Harrell's C by comparing all pairs, rows counted `weight` times.
static double c_by_pairs(const double *risk, const double *time, const uint8_t *event,
                         const double *weight, uint64_t rows) {
    double won = 0, pairs = 0;
    for (uint64_t i = 0; i < rows; i++) {
        for (uint64_t j = 0; j < rows; j++) {
            bool earlier = time[i] < time[j] || (time[i] == time[j] && !event[j]);
            if (i == j || !event[i] || !earlier) continue;
            pairs += weight[i] * weight[j];
            won += weight[i] * weight[j] * (risk[i] > risk[j] ? 1 : risk[i] == risk[j] ? 0.5 : 0);
        }
    }
    return pairs > 0 ? won / pairs : NAN;
}

static void c_index_equals_pairs(void) {
    double risk[200], time[200], weight[200], own[200];
    uint8_t event[200], count[200];
    for (int round = 0; round < 60; round++) {
        uint64_t rows = 2 + check_below(199), ties = 1 + check_below(60);
        for (uint64_t i = 0; i < rows; i++) {
            risk[i] = (double)check_below(ties);
            time[i] = (double)check_below(1 + check_below(100));
            event[i] = check_below(3) > 0;
            count[i] = (uint8_t)check_below(4);
            own[i] = 0.5 + check_uniform();
            weight[i] = 1;
        }
        double want = c_by_pairs(risk, time, event, weight, rows), got;
        got = metric_c_index(risk, time, event, rows);
        if (isnan(want))
            CHECK(isnan(got));
        else
            CHECK_NEAR(got, want, 1e-12);
        struct survival_rows s;
        double out[SURVIVAL_METRICS];
        for (uint64_t i = 0; i < rows; i++) weight[i] = count[i] * own[i];
        REQUIRE(survival_rows_open(risk, time, event, own, rows, &s) == OK);
        survival_metrics(&s, count, rows, out);
        survival_rows_close(&s);
        want = c_by_pairs(risk, time, event, weight, rows);
        if (!isnan(want)) CHECK_NEAR(out[SURVIVAL_C_INDEX], want, 1e-12);
    }
}

// Against its definition: the product over the times of events.
static void kaplan_meier_is_the_product(void) {
    double time[120], weight[120];
    uint8_t event[120];
    uint32_t order[120];
    struct curve_point points[200];
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 120; i++) {
            time[i] = (double)check_below(round < 10 ? 15 : 500);
            event[i] = check_below(2) == 0;
            weight[i] = round % 2 ? 1 : 0.5 + check_uniform();
        }
        REQUIRE(order_by_score(time, 120, order) == OK);
        struct lasting all_rows = {time, round % 2 ? NULL : weight, event, order, 120};
        for (int at = 0; at < 15; at++) {
            double share = 1;
            for (int t = 0; t <= at; t++) {
                double there = 0, events = 0;
                for (int i = 0; i < 120; i++) {
                    there += time[i] >= t ? weight[i] : 0;
                    events += time[i] == t && event[i] ? weight[i] : 0;
                }
                if (there > 0) share *= 1 - events / there;
            }
            CHECK_NEAR(kaplan_meier_at(&all_rows, at), share, 1e-12);
        }
        uint32_t all = kaplan_meier(&all_rows, points, 200);
        double end = points[all - 1].y;
        CHECK_NEAR(end, kaplan_meier_at(&all_rows, 1e9), 1e-12);
        uint32_t few = kaplan_meier(&all_rows, points, 8);
        CHECK(few <= 8);
        CHECK_NEAR(points[few - 1].y, end, 1e-12);
    }
}

static int compare_values(const void *a, const void *b) {
    const struct weighed_value *x = a, *y = b;
    return x->value < y->value ? -1 : x->value > y->value;
}

static void quantiles_equal_sorting(void) {
    struct weighed_value rows[300], sorted[300];
    for (int round = 0; round < 200; round++) {
        uint64_t count = 1 + check_below(300), ties = 1 + check_below(400);
        double share = round % 10 ? check_uniform() : 0.5, total = 0, below = 0;
        for (uint64_t i = 0; i < count; i++) {
            rows[i].value = (double)check_below(ties) - 100;
            rows[i].weight = round % 3 ? 1 : (double)check_below(8) + (i == 0);
            total += rows[i].weight;
        }
        memcpy(sorted, rows, sizeof rows);
        qsort(sorted, count, sizeof *sorted, compare_values);
        uint64_t at = 0;
        for (below = sorted[0].weight; below < share * total; below += sorted[++at].weight) {
        }
        while (sorted[at].weight == 0 && at + 1 < count && below == 0) at++;
        CHECK_NEAR(quantile_weighed(rows, count, share), sorted[at].value, 0);
    }
}

// Against scikit-learn 1.9: mean_pinball_loss, mean_poisson_deviance.
static void number_sets_know_their_values(void) {
    double guess[] = {1.5, 2, 4, 0.5}, truth[] = {1, 3, 4, 0}, own[] = {1, 2, 1, 4};
    uint8_t once[] = {1, 1, 1, 1};
    double out[BOOTSTRAP_METRICS_MAX], half = log(1.0 / 1.5) + 0.5;
    struct number_rows in = {guess, truth, NULL, 0.9};
    quantile_metrics(&in, once, 4, out);
    CHECK_NEAR(out[QUANTILE_PINBALL], (0.1 * 0.5 + 0.9 * 1 + 0 + 0.1 * 0.5) / 4, 1e-12);
    CHECK_NEAR(out[QUANTILE_COVERAGE], 0.75, 0);
    CHECK_NEAR(metric_pinball(guess, truth, 4, 0.9), out[QUANTILE_PINBALL], 1e-15);
    count_metrics(&in, once, 4, out);
    double deviance = 2 * (half + (3 * log(1.5) - 1) + 0 + 0.5) / 4;
    CHECK_NEAR(out[COUNT_DEVIANCE], deviance, 1e-12);
    CHECK_NEAR(metric_poisson_deviance(guess, truth, 4), deviance, 1e-12);
    in.weight = own;
    count_metrics(&in, once, 4, out);
    CHECK_NEAR(out[COUNT_MAE], (0.5 + 2 * 1 + 0 + 4 * 0.5) / 8, 1e-12);
    number_metrics(&in, once, 4, out);
    CHECK_NEAR(out[NUMBER_MAPE], (0.5 + 2 * (1 / 3.0) + 0) / 4, 1e-12); // without the 0
}

int main(void) {
    CHECK_RUN(auc_equals_pairs);
    CHECK_RUN(known_values);
    CHECK_RUN(order_is_stable);
    CHECK_RUN(c_index_equals_pairs);
    CHECK_RUN(kaplan_meier_is_the_product);
    CHECK_RUN(quantiles_equal_sorting);
    CHECK_RUN(number_sets_know_their_values);
    CHECK_RUN(weights_repeat_rows);
    CHECK_RUN(roc_encloses_auc);
    CHECK_RUN(calibration_is_small_when_true);
    CHECK_RUN(bootstrap_covers);
    CHECK_RUN(split_keeps_groups);
    return check_done();
}
