// Average precision, KS and decisions by threshold against scikit-learn's saved answers; the same
// with rows counted by weight against rows repeated.
#include "check.h"
#include "model/measure/measure.h"
#include "sklearn_answers.h"

enum { ROWS_MAX = 2000 };
static const struct costs costs = {1, 7};
static const double levels[] = {0.8, 0.9, 0.95}, chances[] = {0.05, 0.2, 0.5, 0.8};

struct sorted {
    double score[ROWS_MAX], loss[ROWS_MAX];
    uint8_t truth[ROWS_MAX];
    uint64_t rows;
};
static struct sorted sorted;

static void sort_into(const double *score, const uint8_t *truth, uint64_t rows) {
    static uint32_t order[ROWS_MAX];
    CHECK_EQ(order_by_score(score, rows, order), OK);
    sorted.rows = rows;
    for (uint64_t i = 0; i < rows; i++) {
        sorted.score[i] = score[order[i]];
        sorted.truth[i] = truth[order[i]];
        double p = sorted.score[i];
        sorted.loss[i] = metric_log_loss_of(sorted.truth[i] ? p : 1 - p);
    }
}

static double answer_of(const double *answers, const char *name) {
    size_t count = sizeof sklearn_names / sizeof *sklearn_names;
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(sklearn_names[i], name)) return answers[i];
    }
    CHECK(false);
    return NAN;
}

static double answer_at(const double *answers, const char *name, double at) {
    char whole[64];
    snprintf(whole, sizeof whole, "%s.%g", name, at);
    return answer_of(answers, whole);
}

static void same_as_sklearn(const double *score, const uint8_t *truth, uint64_t rows,
                            const double *said) {
    const double close = 1e-12;
    CHECK_NEAR(metric_auc(score, truth, rows), answer_of(said, "auc"), close);
    CHECK_NEAR(metric_average_precision(score, truth, rows), answer_of(said, "average_precision"),
               close);
    CHECK_NEAR(metric_ks(score, truth, rows), answer_of(said, "ks"), close);
    CHECK_NEAR(metric_log_loss(score, truth, rows), answer_of(said, "log_loss"), close);
    CHECK_NEAR(metric_brier(score, truth, rows), answer_of(said, "brier"), close);
    sort_into(score, truth, rows);
    const struct ranked in = {sorted.score, sorted.truth, NULL, rows}, *s = &in;
    double threshold = threshold_by_cost(s, costs);
    uint64_t called = 0; // scikit-learn names the lowest score that is called positive
    while (called < rows && sorted.score[called] < threshold) called++;
    CHECK_NEAR(called < rows ? sorted.score[called] : 2, answer_of(said, "least_cost_threshold"),
               close);
    if (called > 0 && called < rows) {
        CHECK_NEAR(threshold, (sorted.score[called] + sorted.score[called - 1]) / 2, close);
    }
    CHECK_NEAR(cost_of(decided_at(s, threshold), costs), answer_of(said, "least_cost"), close);
    for (int l = 0; l < 3; l++) {
        struct decided at = decided_at(s, threshold_at_specificity(s, levels[l]));
        CHECK(decided_specificity(at) >= levels[l]);
        CHECK_NEAR(decided_sensitivity(at), answer_at(said, "sensitivity_at", levels[l]), close);
        at = decided_at(s, threshold_at_sensitivity(s, levels[l]));
        CHECK(decided_sensitivity(at) >= levels[l]);
        CHECK_NEAR(decided_specificity(at), answer_at(said, "specificity_at", levels[l]), close);
    }
    for (int p = 0; p < 4; p++) {
        struct decided at = decided_at(s, chances[p]);
        CHECK_NEAR(net_benefit(at, chances[p]), answer_at(said, "net_benefit", chances[p]), close);
        CHECK_NEAR(decided_sensitivity(at), answer_at(said, "sensitivity", chances[p]), close);
        CHECK_NEAR(decided_specificity(at), answer_at(said, "specificity", chances[p]), close);
        CHECK_NEAR(decided_precision(at), answer_at(said, "precision", chances[p]), close);
    }
    CHECK_NEAR(gain_at(s, 0.1), answer_at(said, "gain", 0.1), close);
    CHECK_NEAR(gain_at(s, 0.3), answer_at(said, "gain", 0.3), close);
    CHECK_NEAR(gain_at(s, 1), 1, close);
}

static void sklearn_agrees(void) {
#define COUNT(array) (sizeof(array) / sizeof *(array))
    same_as_sklearn(sklearn_score_0, sklearn_truth_0, COUNT(sklearn_truth_0), sklearn_answer_0);
    same_as_sklearn(sklearn_score_1, sklearn_truth_1, COUNT(sklearn_truth_1), sklearn_answer_1);
    same_as_sklearn(sklearn_score_2, sklearn_truth_2, COUNT(sklearn_truth_2), sklearn_answer_2);
}

// roc_auc_score(multi_class="ovr", average="macro"), also with weights.
static void classes_agree_with_sklearn(void) {
    enum { ROWS = COUNT(sklearn_class_truth), CLASSES = COUNT(sklearn_class_score) / ROWS };
    static uint32_t order[ROWS * CLASSES];
    static double loss[ROWS];
    static uint8_t right[ROWS], once[ROWS];
    double got[CLASSES_METRICS];
    memset(once, 1, sizeof once);
    REQUIRE(class_order(sklearn_class_score, ROWS, CLASSES, order) == OK);
    struct class_rows in = {loss, NULL, right, sklearn_class_truth, order, CLASSES};
    class_metrics(&in, once, ROWS, got);
    CHECK_NEAR(got[CLASSES_AUC], sklearn_class_auc, 1e-12);
    in.weight = sklearn_class_weight;
    class_metrics(&in, once, ROWS, got);
    CHECK_NEAR(got[CLASSES_AUC], sklearn_class_auc_weighted, 1e-12);
}

// Counting a row w times is having it w times.
static void weights_repeat_rows(void) {
    enum { ROWS = 300, METRICS = 4 * DECISIONS + 6 + 4 };
    static double score[ROWS], repeated[ROWS_MAX];
    static uint8_t truth[ROWS], weight[ROWS], labels[ROWS_MAX];
    uint64_t rows = 0;
    for (int i = 0; i < ROWS; i++) {
        score[i] = (double)check_below(40) / 40;
        truth[i] = check_uniform() < score[i];
    }
    sort_into(score, truth, ROWS);
    static struct sorted once;
    once = sorted;
    for (int i = 0; i < ROWS; i++) {
        weight[i] = (uint8_t)check_below(4);
        for (int w = 0; w < weight[i]; w++) {
            repeated[rows] = once.score[i];
            labels[rows++] = once.truth[i];
        }
    }
    struct decision_rows in = {
        {once.score, once.truth, NULL, ROWS}, costs, chances, levels, chances, 4, 3, 4};
    double got[METRICS], said[BINARY_METRICS];
    CHECK_EQ(decision_metric_count(&in), METRICS);
    decision_metrics(&in, weight, ROWS, got);
    struct binary_rows binary = {{once.score, once.truth, NULL, ROWS}, once.loss, 0.5};
    binary_metrics(&binary, weight, ROWS, said);
    CHECK_NEAR(said[BINARY_AVERAGE_PRECISION], metric_average_precision(repeated, labels, rows),
               1e-12);
    CHECK_NEAR(said[BINARY_KS], metric_ks(repeated, labels, rows), 1e-12);
    sort_into(repeated, labels, rows);
    const struct ranked all = {sorted.score, sorted.truth, NULL, rows}, *s = &all;
    for (int p = 0; p < 4; p++) {
        struct decided at = decided_at(s, chances[p]);
        CHECK_NEAR(got[p * DECISIONS + DECISION_SENSITIVITY], decided_sensitivity(at), 1e-12);
        CHECK_NEAR(got[p * DECISIONS + DECISION_SPECIFICITY], decided_specificity(at), 1e-12);
        CHECK_NEAR(got[p * DECISIONS + DECISION_PRECISION], decided_precision(at), 1e-12);
        CHECK_NEAR(got[p * DECISIONS + DECISION_COST], cost_of(at, costs), 1e-12);
        CHECK_NEAR(got[4 * DECISIONS + 6 + p], net_benefit(at, chances[p]), 1e-12);
    }
    for (int l = 0; l < 3; l++) {
        struct decided at = decided_at(s, threshold_at_specificity(s, levels[l]));
        CHECK_NEAR(got[4 * DECISIONS + l], decided_sensitivity(at), 1e-12);
        at = decided_at(s, threshold_at_sensitivity(s, levels[l]));
        CHECK_NEAR(got[4 * DECISIONS + 3 + l], decided_specificity(at), 1e-12);
    }
}

// A row's own weight counts as so many rows, in all that is told of a threshold and in the curves.
static void own_weights_repeat_rows(void) {
    enum { ROWS = 400 };
    static double score[ROWS], weight[ROWS], repeated[ROWS_MAX];
    static uint8_t truth[ROWS], labels[ROWS_MAX];
    uint64_t rows = 0;
    for (int i = 0; i < ROWS; i++) {
        score[i] = floor(check_uniform() * 60) / 60;
        truth[i] = check_uniform() < score[i];
    }
    sort_into(score, truth, ROWS);
    static struct sorted once;
    once = sorted;
    for (int i = 0; i < ROWS; i++) {
        weight[i] = (double)(1 + check_below(4));
        for (int w = 0; w < weight[i]; w++) {
            repeated[rows] = once.score[i];
            labels[rows++] = once.truth[i];
        }
    }
    struct ranked by_weight = {once.score, once.truth, weight, ROWS};
    struct ranked by_row = {repeated, labels, NULL, rows};
    CHECK_NEAR(threshold_youden(&by_weight), threshold_youden(&by_row), 0);
    CHECK_NEAR(threshold_by_cost(&by_weight, costs), threshold_by_cost(&by_row, costs), 0);
    CHECK_NEAR(threshold_at_specificity(&by_weight, 0.9), threshold_at_specificity(&by_row, 0.9),
               0);
    CHECK_NEAR(gain_at(&by_weight, 0.3), gain_at(&by_row, 0.3), 1e-12);
    struct decided a = decided_at(&by_weight, 0.4), b = decided_at(&by_row, 0.4);
    CHECK(memcmp(&a, &b, sizeof a) == 0);
    struct curve_point some[101], all[101];
    uint32_t count, want;
    curve_roc(&by_weight, some, 101, &count);
    curve_roc(&by_row, all, 101, &want);
    CHECK_EQ(count, want);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_NEAR(some[i].x, all[i].x, 1e-12);
        CHECK_NEAR(some[i].y, all[i].y, 1e-12);
    }
    uint8_t ones[ROWS_MAX];
    memset(ones, 1, sizeof ones);
    struct decision_rows in = {by_weight, costs, chances, levels, chances, 4, 3, 4};
    double got[4 * DECISIONS + 6 + 4], said[4 * DECISIONS + 6 + 4];
    decision_metrics(&in, ones, ROWS, got);
    in.ranked = by_row;
    decision_metrics(&in, ones, rows, said);
    for (size_t i = 0; i < sizeof got / sizeof *got; i++) CHECK_NEAR(got[i], said[i], 1e-12);
}

static void ends_are_told(void) {
    double score[] = {0.2, 0.4};
    uint8_t none[] = {0, 0}, all[] = {1, 1}, both[] = {1, 0};
    CHECK(isnan(metric_average_precision(score, none, 2)));
    CHECK(isnan(metric_ks(score, all, 2)));
    CHECK_NEAR(metric_average_precision(score, all, 2), 1, 0);
    CHECK_NEAR(metric_ks(score, both, 2), 1, 0);
    // Nobody is the best answer when a miss costs nothing: a threshold above every score.
    struct ranked two = {score, both, NULL, 2}, nobody = {score, both, NULL, 0};
    double threshold = threshold_by_cost(&two, (struct costs){1, 0});
    CHECK(threshold > 0.4 && isfinite(threshold));
    CHECK_NEAR(threshold_by_cost(&two, (struct costs){0, 1}), 0.2, 0);
    CHECK_NEAR(threshold_by_cost(&nobody, costs), 0.5, 0);
    CHECK(isnan(decided_precision(decided_at(&two, 1))));
    two.truth = none;
    CHECK(isnan(gain_at(&two, 0.5)));
}

static void precision_curve_holds_average(void) {
    enum { ROWS = 2000 };
    static double score[ROWS];
    static uint8_t truth[ROWS];
    for (int i = 0; i < ROWS; i++) {
        score[i] = floor(check_uniform() * 500) / 500;
        truth[i] = check_uniform() < score[i];
    }
    sort_into(score, truth, ROWS);
    struct ranked in = {sorted.score, sorted.truth, NULL, ROWS};
    struct curve_point points[101];
    uint32_t count = 0;
    curve_precision(&in, points, 101, &count);
    REQUIRE(count > 50 && count <= 101);
    double area = points[0].x * points[0].y;
    for (uint32_t i = 1; i < count; i++) {
        CHECK(points[i].x > points[i - 1].x && points[i].y <= 1);
        area += (points[i].x - points[i - 1].x) * points[i].y;
    }
    CHECK_NEAR(points[count - 1].x, 1, 0);
    CHECK_NEAR(area, metric_average_precision(score, truth, ROWS), 0.01);
    curve_precision(&in, points, 2, &count);
    CHECK_EQ(count, 2);
    CHECK_NEAR(points[1].x, 1, 0);
}

static void thresholds_part_clusters(void) {
    const double score[] = {0.1, 0.1, 0.7, 0.7}, one[] = {0.1, 0.1}, near[] = {1, nextafter(1, 2)};
    const uint8_t truth[] = {0, 0, 1, 1}, other[] = {0, 1};
    const struct ranked apart = {score, truth, NULL, 4}, tied = {one, other, NULL, 2};
    const struct ranked touching = {near, other, NULL, 2};
    CHECK_NEAR(threshold_youden(&apart), 0.4, 1e-12);
    CHECK_NEAR(threshold_at_sensitivity(&apart, 1), 0.4, 1e-12);
    CHECK_NEAR(threshold_at_sensitivity(&tied, 1), 0.1, 0); // there is none below
    CHECK_NEAR(threshold_youden(&touching), near[1], 0);    // nor one between
}

int main(void) {
    CHECK_RUN(thresholds_part_clusters);
    CHECK_RUN(sklearn_agrees);
    CHECK_RUN(classes_agree_with_sklearn);
    CHECK_RUN(weights_repeat_rows);
    CHECK_RUN(own_weights_repeat_rows);
    CHECK_RUN(ends_are_told);
    CHECK_RUN(precision_curve_holds_average);
    return check_done();
}
