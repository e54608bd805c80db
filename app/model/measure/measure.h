// Measure: splitting without leakage, and how good predictions are, with intervals.
// Depends on base/. All functions are deterministic for a seed and do not depend on the number of
// threads. Arrays are (rows) and belong to the caller; any thread may call.
#pragma once

#include <stdint.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/thread.h"

// ---- seeded draws ------------------------------
// splitmix64 (Steele, Lea, Flood 2014): a good mix of 64 bits, and a stream of draws from a seed.
static inline uint64_t seed_mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}
struct draw {
    uint64_t state;
};
static inline uint64_t draw_next(struct draw *draw) {
    return seed_mix(draw->state += 0x9E3779B97F4A7C15u);
}
// 0 to bound - 1; bound is at least 1. The bias is below bound / 2^64.
static inline uint64_t draw_below(struct draw *draw, uint64_t bound) {
    return (uint64_t)(((unsigned __int128)draw_next(draw) * bound) >> 64);
}

// ---- quantiles ------------------------------
struct weighed_value {
    double value, weight;
};
// The least value at or below which lies at least `share` of the weight: a minimum of the pinball
// loss. Rows are put in another order. Expected O(rows); rows >= 1, weights >= 0, not all 0.
double quantile_weighed(struct weighed_value *rows, uint64_t count, double share);

// ---- split ------------------------------
enum split_side { SIDE_TRAIN, SIDE_VALIDATE, SIDE_TEST, SIDE_NONE };
// Fills side (rows). Rows with the same group (any 64-bit key: a patient, or the hash of the row's
// features, so that duplicates stay together) land on one side; stratified by `stratum` (class) as
// far as groups allow. Shares are parts of 1000: test, validate; the rest trains.
// `stratum` may be NULL: one stratum. A group counts as of the stratum of its first row. Which side
// a group lands on depends on its key, not on the order of the groups. ERR_MEMORY; ERR_INPUT
// "measure.bad_share" when the shares leave nothing to train on.
enum err split_groups(const uint64_t *group, const uint32_t *stratum, uint64_t rows,
                      uint32_t test_milli, uint32_t validate_milli, uint64_t seed,
                      uint8_t *side) MUST_USE;

// In order of time (N; NaN, unknown, counts as the oldest): the last test_milli rows test, the
// ones before them validate, the rest trains. Rows of one time stay together, on the earlier side,
// so that what tests is later than all that trained. Errors as of split_groups.
enum err split_time(const double *time, uint64_t rows, uint32_t test_milli, uint32_t validate_milli,
                    uint8_t *side) MUST_USE;
// Rolling origin: the rows in order of time are cut in folds + 1 blocks; fold i (0-based) tests on
// block i + 1 and learns from all before it, of which the last validate_milli validate; what is
// later is on no side.
enum err split_rolling(const double *time, uint64_t rows, uint32_t folds, uint32_t fold,
                       uint32_t validate_milli, uint8_t *side) MUST_USE;
// k folds of about equal size: fold (rows) gets 0 to folds - 1. Groups, strata as of split_groups.
enum err split_folds(const uint64_t *group, const uint32_t *stratum, uint64_t rows, uint32_t folds,
                     uint64_t seed, uint32_t *fold) MUST_USE;

// ---- metrics ------------------------------
struct interval {
    double value, low, high; // 95 %, percentile bootstrap
};
struct curve_point {
    double x, y;
};
// Binary: score is the probability of class 1, truth 0/1.
// ties count half; NaN when there is no memory to sort or only one class.
double metric_auc(const double *score, const uint8_t *truth, uint64_t rows);
double metric_log_loss(const double *score, const uint8_t *truth, uint64_t rows);
double metric_brier(const double *score, const uint8_t *truth, uint64_t rows);
// Average precision: the mean of the precision at each threshold, weighted by the recall it adds;
// equal scores enter together. NaN with no positive.
double metric_average_precision(const double *score, const uint8_t *truth, uint64_t rows);
// Kolmogorov and Smirnov: the widest gap between the two classes' distributions of the score.
double metric_ks(const double *score, const uint8_t *truth, uint64_t rows);
// Any task. NaN for no rows; R² is NaN when the truth does not vary.
double metric_accuracy(const uint32_t *predicted, const uint32_t *truth, uint64_t rows);
double metric_rmse(const double *predicted, const double *truth, uint64_t rows);
double metric_mae(const double *predicted, const double *truth, uint64_t rows);
double metric_r2(const double *predicted, const double *truth, uint64_t rows);
double metric_pinball(const double *predicted, const double *truth, uint64_t rows, double quantile);
// predicted > 0, truth >= 0.
double metric_poisson_deviance(const double *predicted, const double *truth, uint64_t rows);
// Harrell's C: of the pairs of which the earlier time is known to be an event, the share where it
// has the higher risk; equal risks count half. Of equal times an event counts as earlier than what
// was not seen to happen; two events at one time are no pair. NaN without a pair or memory.
double metric_c_index(const double *risk, const double *time, const uint8_t *event, uint64_t rows);
// What one row with probability `p` of what happened adds to a log loss; p is kept off 0 by 1e-15.
double metric_log_loss_of(double p);

// Row numbers by rising score, equal scores by row: order (rows). ERR_MEMORY; rows below 2^32.
enum err order_by_score(const double *score, uint64_t rows, uint32_t *order) MUST_USE;

// ---- curves ------------------------------
// Rows of two classes by rising score: what curves and decisions are told of. Whatever they count
// is the sum of the rows' weights.
struct ranked {
    const double *score;  // (rows), rising
    const uint8_t *truth; // (rows) 0 or 1
    const double *weight; // (rows), or NULL: all 1
    uint64_t rows;
};

// The ROC curve from (0, 0) to (1, 1), at most `room` >= 2 points (false positive rate, true
// positive rate); what it leaves out lies nearest to the straight line. *out_count gets the number
// of points; 0 when only one class is there.
void curve_roc(const struct ranked *ranked, struct curve_point *out, uint32_t room,
               uint32_t *out_count);

// Precision (y) over recall (x) from the highest threshold down, at most `room` >= 2 points,
// thinned as the ROC curve is.
void curve_precision(const struct ranked *ranked, struct curve_point *out, uint32_t room,
                     uint32_t *out_count);

struct calibration_bin {
    double predicted, observed; // means
    uint64_t count;             // of rows
};
// At most `bins` groups of about equal size by rising score (equal scores stay together);
// *out_error is the expected calibration error: the mean |predicted - observed| weighted by the
// groups' weights.
void calibration(const struct ranked *ranked, uint32_t bins, struct calibration_bin *out,
                 uint32_t *out_count, double *out_error);

// counts (classes, classes), row-major: counts[truth][predicted], sums of weight (rows) or, where
// that is NULL, rows. Cleared first.
void confusion(const uint32_t *predicted, const uint32_t *truth, const double *weight,
               uint64_t rows, uint32_t classes, double *counts);

// ---- decisions (decide.c) ------------------------------
// What a threshold does: rows with score >= threshold count as positive.
struct decided {
    double true_positives, false_positives, false_negatives, true_negatives;
};
double decided_sensitivity(struct decided decided); // NaN without positives
double decided_specificity(struct decided decided); // NaN without negatives
double decided_precision(struct decided decided);   // NaN when nothing counts as positive
struct decided decided_at(const struct ranked *ranked, double threshold);

// Thresholds lie half way between two scores, so that they part the answers to other rows as well;
// the lowest one is the lowest score.
// The one that maximises Youden's J (sensitivity + specificity - 1); of several the highest. 0.5
// when only one class is there.
double threshold_youden(const struct ranked *ranked);
// The threshold of the highest sensitivity among those of at least this specificity; of several the
// highest threshold. Above every score when only calling nobody positive will do.
double threshold_at_specificity(const struct ranked *ranked, double least);
// The threshold of the highest specificity among those of at least this sensitivity.
double threshold_at_sensitivity(const struct ranked *ranked, double least);

// What mistakes cost, in any unit.
struct costs {
    double false_alarm, miss;
};
// Per row.
double cost_of(struct decided decided, struct costs costs);
// The threshold with the least cost; of several the highest.
double threshold_by_cost(const struct ranked *ranked, struct costs costs);

// Net benefit (Vickers and Elkin 2006) of acting on scores >= p: what is won by acting on a
// positive, less what is lost by acting on a negative at the odds p : 1 - p; per row, in positives.
double net_benefit(struct decided decided, double p);

// Of the `share` of rows with the highest scores: how many of all positives are among them. A group
// of equal scores that is cut counts in part.
double gain_at(const struct ranked *ranked, double share);

// Kaplan and Meier's estimate of the share to which it has not happened, of some rows listed by
// rising time. The curve has points (time, share) from (0, 1) on, at most `room` >= 3: where there
// are more, those that fall least are left out, never the last. Returns how many.
struct lasting {
    const double *time, *weight; // by row; weight NULL: all 1
    const uint8_t *event;
    const uint32_t *order; // (rows) some rows by rising time
    uint64_t rows;
};
uint32_t kaplan_meier(const struct lasting *lasting, struct curve_point *out, uint32_t room);
// The share after time `at`.
double kaplan_meier_at(const struct lasting *lasting, double at);

// ---- distributions (distribution.c) ------------------------------
// How values are spread over ranges or categories, kept so that others can be held against them.
// Below moderate: stable; below large: moderate (Siddiqi 2006).
static const double drift_moderate = 0.1, drift_large = 0.25, drift_share_least = 1e-4;
enum { DISTRIBUTION_RANGES = 10 };
struct distribution {
    uint32_t bins; // of a number: ranges; of a category: categories. 0: it had no value
    float *edges;  // (bins - 1) rising, of a number: bin b holds edges[b - 1] <= value < edges[b]
    uint64_t *counts; // (bins)
    uint64_t missing;
};
// Edges (fewer than DISTRIBUTION_RANGES) at the tenths of `count` values, which are sorted here;
// equal ones become one. Returns how many.
uint32_t distribution_edges(float *values, uint64_t count, float *edges);
// The bin of a value, or UINT32_MAX for a missing one (and an unknown category).
uint32_t distribution_bin(const struct distribution *of, bool category, double value);
void distribution_count(struct distribution *of, bool category, double value);
// Population stability index of one against the same bins now, missing values a bin of their own:
// the sum of (now - before) ln(now / before) over shares, which count as at least 1e-4. NaN where
// one of them has no rows.
double distribution_psi(const struct distribution *before, const struct distribution *now);
const char *distribution_level(double psi); // "stable", "moderate", "large"
// "bins" and "missing" into an open object; categories (bins), or NULL of a number.
void distribution_write(struct json_writer *out, const struct distribution *before,
                        const struct distribution *now, const struct str *categories);

// ---- bootstrap ------------------------------
enum { BOOTSTRAP_RESAMPLES = 1000, BOOTSTRAP_METRICS_MAX = 256 };
// Resamples that fit a budget of work: 1000 up to 200,000 rows, fewer above, never under 100.
uint32_t bootstrap_resamples(uint64_t rows);
// Computes metrics over rows where row i counts weight[i] times, into out (metric_count). NaN where
// undefined (a resample without positives); such resamples are left out of the interval.
struct bootstrap_metric {
    void (*compute)(const void *ctx, const uint8_t *weight, uint64_t rows, double *out);
    const void *ctx;
    uint32_t metric_count;
};
// Percentile bootstrap: each resample draws every row's count from Poisson(1) (Chamandy et al.
// 2012), so that nothing is gathered; value is with every count 1. out (metric_count).
// ERR_MEMORY, ERR_CANCELLED.
enum err bootstrap(const struct bootstrap_metric *metric, uint64_t rows, uint32_t resamples,
                   uint64_t seed, struct pool *pool, struct progress *progress,
                   struct interval *out) MUST_USE;

// Ready-made metric sets for it. Each row counts by its own weight times how often it is drawn.
struct binary_rows {
    struct ranked ranked;
    const double *loss; // log loss of each row, so that no logarithm is taken twice
    double threshold;   // of the accuracy
};
enum {
    BINARY_AUC,
    BINARY_AVERAGE_PRECISION,
    BINARY_KS,
    BINARY_LOG_LOSS,
    BINARY_BRIER,
    BINARY_ACCURACY,
    BINARY_METRICS
};
void binary_metrics(const void *binary_rows, const uint8_t *weight, uint64_t rows, double *out);
// Decisions at given thresholds, rows sorted by rising score; out holds for each threshold its
// sensitivity, specificity, precision and cost per row, then for each level the sensitivity the ROC
// curve shows at that specificity, then the specificity it shows at that sensitivity, then for each
// chance p the net benefit.
enum { DECISION_SENSITIVITY, DECISION_SPECIFICITY, DECISION_PRECISION, DECISION_COST, DECISIONS };
struct decision_rows {
    struct ranked ranked;
    struct costs costs;
    const double *thresholds, *levels, *chances; // chances rise
    uint32_t threshold_count, level_count, chance_count;
};
static inline uint32_t decision_metric_count(const struct decision_rows *rows) {
    return rows->threshold_count * DECISIONS + rows->level_count * 2 + rows->chance_count;
}
void decision_metrics(const void *decision_rows, const uint8_t *weight, uint64_t rows, double *out);
// Classes: log loss of each row, whether the most probable class was right, and the AUC of each
// class against all others. `order` holds for each class the rows by rising probability of it; the
// top bit marks a row whose probability is above that of the row before.
static const uint32_t class_order_rises = (uint32_t)1 << 31;
struct class_rows {
    const double *loss, *weight; // (rows), weight NULL: all 1
    const uint8_t *right;        // (rows)
    const uint8_t *truth;        // (rows) classes; TABULAR_CLASSES_MAX is below 256
    const uint32_t *order;       // (classes, rows)
    uint32_t classes;
};
// `probability` (rows, classes) into order (classes, rows). ERR_MEMORY; rows below 2^31.
enum err class_order(const double *probability, uint64_t rows, uint32_t classes,
                     uint32_t *order) MUST_USE;
// The AUC is the macro average one against the rest (Provost and Domingos 2000): the mean over the
// classes that have a row and don't have all.
enum { CLASSES_LOG_LOSS, CLASSES_ACCURACY, CLASSES_AUC, CLASSES_METRICS };
void class_metrics(const void *class_rows, const uint8_t *weight, uint64_t rows, double *out);
// Numbers: RMSE, MAE, R², MAPE (of rows whose truth isn't 0).
struct number_rows {
    const double *predicted, *truth, *weight; // weight NULL: all 1
    double quantile;                          // quantile_metrics
};
enum { NUMBER_RMSE, NUMBER_MAE, NUMBER_R2, NUMBER_MAPE, NUMBER_METRICS };
void number_metrics(const void *number_rows, const uint8_t *weight, uint64_t rows, double *out);
// Quantiles: the pinball loss, the share of truths at or below the prediction, MAE.
enum { QUANTILE_PINBALL, QUANTILE_COVERAGE, QUANTILE_MAE, QUANTILE_METRICS };
void quantile_metrics(const void *number_rows, const uint8_t *weight, uint64_t rows, double *out);
// Counts: the mean Poisson deviance, RMSE, MAE.
enum { COUNT_DEVIANCE, COUNT_RMSE, COUNT_MAE, COUNT_METRICS };
void count_metrics(const void *number_rows, const uint8_t *weight, uint64_t rows, double *out);
// Survival: the C-index. Rows are put in order once; a resample costs O(rows log rows).
struct survival_rows {
    uint64_t rows;
    uint32_t *order; // rows by falling time; of one time what was not seen comes first
    uint32_t *rank;  // of each row's risk among the distinct risks, from 1
    uint32_t rank_count;
    const double *time, *weight;
    const uint8_t *event;
};
// Keeps time, event and weight (or NULL). ERR_MEMORY.
enum err survival_rows_open(const double *risk, const double *time, const uint8_t *event,
                            const double *weight, uint64_t rows,
                            struct survival_rows *out) MUST_USE;
void survival_rows_close(struct survival_rows *rows);
enum { SURVIVAL_C_INDEX, SURVIVAL_METRICS };
void survival_metrics(const void *survival_rows, const uint8_t *weight, uint64_t rows, double *out);
