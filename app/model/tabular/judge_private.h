// Judging a trained model on the test side, and writing the scorecard's parts. Every part writes
// members into the open object of the scorecard.
// Shapes: N rows of the side, F features, K outputs.
#pragma once

#include "model/measure/measure.h"
#include "model/tabular/model_private.h"

enum {
    JUDGE_ROC_POINTS = 101,
    JUDGE_CALIBRATION_BINS = 10,
    JUDGE_SAMPLE = 50 * 1000,       // training rows single columns are looked at with
    JUDGE_LINEAR_ROWS = 200 * 1000, // training rows the comparing linear model gets
    JUDGE_SHUFFLE_ROWS = 10 * 1000, // test rows per shuffled column
    JUDGE_SHUFFLED_MAX = 100,       // columns that are shuffled, by gain
    JUDGE_DEPENDENCE = 12,          // columns whose dependence is shown
    JUDGE_FEW_ROWS = 200,
    JUDGE_SMALL_GROUP = 10,
};
// One column alone that reaches this knows the answer.
static const double judge_leak_auc = 0.999, judge_leak_r2 = 0.9999;

// Some rows of the frame by themselves.
struct side_rows {
    struct frame frame; // owns its values
    const float **columns;
    float *values;
    struct sparse *sparse; // (F), or NULL
    double *truth;         // (N)
    double *weight;        // (N) or NULL: the target's
    uint8_t *event;        // (N), survival
    uint64_t rows;
};
// The texts of the rows listed, in their order: (F), or NULL where the frame has none. One piece of
// memory, for memory_give; buckets and weights are the frame's.
enum err sparse_take(const struct frame *frame, const uint32_t *rows, uint64_t count,
                     struct sparse **out) MUST_USE;
enum err side_take(const struct train_rows *from, const uint32_t *rows, uint64_t count,
                   struct side_rows *out) MUST_USE;
void side_close(struct side_rows *side);

struct judging {
    const struct tabular_target *target;
    enum tabular_loss loss; // of regression
    double quantile;
    struct pool *pool;
    struct progress *progress;
    uint64_t seed;
    struct json_writer *out;
};
static inline uint32_t judging_outputs(const struct judging *j) {
    return j->target->task == TASK_CLASSES ? j->target->class_count : 1;
}

// "metrics": the list with intervals. `predicted` (N, K) are probabilities or numbers.
enum err judge_metrics(const struct judging *judging, const struct side_rows *side,
                       const double *predicted, double threshold) MUST_USE;
// "roc", "calibration" (binary) and "confusion" (classes).
enum err judge_curves(const struct judging *judging, const struct side_rows *side,
                      const double *predicted, double threshold) MUST_USE;
// The headline number of predictions of the side's first rows, higher is better: AUC, accuracy,
// minus RMSE, pinball loss or deviance, C-index. NaN if undefined or no memory is left.
double judge_headline(const struct judging *judging, const struct side_rows *side,
                      const double *predicted, uint64_t rows);
// Youden's threshold on a side; 0.5 where it says nothing.
double judge_threshold(const struct judging *judging, const struct side_rows *side,
                       const double *predicted);

// Single columns on the training side (baseline.c): the best rule "mean of the answer (quantile,
// rate of events) per range or category of one column", and columns that know the answer.
struct column_rule {
    uint32_t feature; // UINT32_MAX: no column is better than the mean
    struct bins bins; // of the sample
    uint32_t column;  // of the bins
    uint32_t groups;
    uint8_t group[BINS_CELLS]; // of each bin
    double *answer;            // (groups, K)
    double *mean;              // (K): without a column
};
enum err column_rule_fit(const struct judging *judging, const struct train_rows *rows,
                         struct column_rule *out, uint8_t *leaks) MUST_USE; // leaks (F)
void column_rule_close(struct column_rule *rule);
// The rule without a column: "majority", "mean", "quantile", "same_risk".
const char *column_rule_plain_name(const struct judging *judging);
enum err column_rule_predict(const struct judging *judging, const struct column_rule *rule,
                             const struct side_rows *side, double *out) MUST_USE;

// "dependence": the mean answer along each of these columns (dependence.c).
enum err judge_dependence(const struct judging *judging, const struct tabular_model *model,
                          const struct side_rows *side, const uint32_t *features,
                          uint32_t count) MUST_USE;
// "importance": gain and what shuffling a column of the test side costs (importance.c); then the
// dependence of the first.
enum err judge_importance(const struct judging *judging, const struct tabular_model *model,
                          const struct side_rows *side) MUST_USE;
