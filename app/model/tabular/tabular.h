// Tabular models: gradient-boosted trees and (logistic or linear) regression over a frame of
// columns; training, judgement, prediction with each column's contribution, and the model's file.
// Knows nothing of tables or the store: flow/ turns a table into a frame.
// Same frame, options and seed give the same model bytes on any number of threads.
// Shapes: N rows, F features, K outputs (1, or the number of classes when over 2).
// Depends on base/ and model/measure.
#pragma once

#include <stdint.h>

#include "base/assert.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/thread.h"

enum {
    TABULAR_CLASSES_MAX = 100,
    TABULAR_CATEGORIES_MAX = 4096,
    TABULAR_WIDTH_MAX = 1 << 20,
    TABULAR_TIMES_MAX = 16, // at which survival is told
};

enum feature_kind {
    FEATURE_NUMBER,
    FEATURE_CATEGORY, // the value is the index into `categories`
    FEATURE_TEXT,     // buckets of grams: sparse, for the linear learner only; `values` are NaN
};
struct feature {
    struct str name;
    enum feature_kind kind;
    struct str *categories; // (category_count), sorted by bytes
    uint32_t category_count;
    uint32_t width; // of a text: buckets, at most TABULAR_WIDTH_MAX
    struct str type; // the column's type name, so that a form can ask for it ("date", "integer", …)
    bool made;       // one of many made from a column: that it never varies is not worth telling
};
// Rows of one text: row i has bucket[from[i]…] with their weights, count[i] of them, rising.
struct sparse {
    const uint64_t *from;  // (N)
    const uint32_t *count; // (N)
    const uint32_t *bucket;
    const float *weight;
};
// Column-major. A missing value, and a category never seen in training, is NaN.
struct frame {
    uint64_t rows;          // N
    uint32_t feature_count; // F
    const struct feature *features;
    const float *const *values;  // (F)(N)
    const struct sparse *sparse; // (F), used of texts; NULL: there is none
};

enum tabular_task { TASK_BINARY, TASK_CLASSES, TASK_REGRESSION, TASK_SURVIVAL };
// "binary", "classes", "regression", "survival"
const char *tabular_task_name(enum tabular_task task);
static inline bool task_has_classes(enum tabular_task task) {
    return task == TASK_BINARY || task == TASK_CLASSES;
}
// What regression lowers: squares; the pinball loss of a quantile (the answer is then the value
// that so large a share of the truth lies below); the Poisson deviance of counts, by a log link.
enum tabular_loss { LOSS_SQUARED, LOSS_QUANTILE, LOSS_POISSON };
const char *tabular_loss_name(enum tabular_loss loss); // "squared", "quantile", "poisson"
enum tabular_learner { LEARNER_BOOST, LEARNER_LINEAR, LEARNER_POINTS };
const char *tabular_learner_name(enum tabular_learner learner); // "boost", "linear", "points"
enum tabular_grow { GROW_DEPTH, GROW_LEAF }; // level by level; the leaf with most to gain first

struct tabular_target {
    struct str name;
    enum tabular_task task;
    const double *values; // (N): class index, number, or survival's time; never NaN
    struct str *classes;  // (class_count); binary: classes[1] is the positive one
    uint32_t class_count; // 0 for numbers
    const uint8_t *event; // (N), survival: 1 seen at its time, 0 not seen until then
    // Survival: the column that tells it, and the value that means seen ("": 1, true, …); the model
    // keeps them for who judges it on other rows.
    struct str event_name, event_value;
    // (N) >= 0 and finite, or NULL: all 1. Only their ratios count: training scales them to a mean
    // of 1, so that l2 and min_child_weight mean the same. Rows of weight 0 are left out. They
    // count in training, in early stopping and in all that the scorecard tells but what it calls
    // rows, a calibration's groups (its means are weighted) and the dependence.
    const double *weight;
    // (class_count) > 0, or NULL. They count in training and early stopping only; what the
    // scorecard measures is the data as it is.
    const double *class_weight;
    bool balanced; // class weights that give every class the same total
    // Survival: where the scorecard and predictions tell the probability, or NULL: the quartiles
    // of the times of events.
    const double *times; // (time_count), rising
    uint32_t time_count;
};
// What a person wants judged beyond the split, by row of the frame. it belongs to the caller.
struct judge_column { // groups to tell errors by; the column need not be a feature
    struct str name;
    const struct str *values; // (value_count), at most 24; "": the cell was empty
    uint32_t value_count;
    const uint32_t *value; // (N) index into values
};
struct tabular_judge {
    const struct judge_column *by; // (by_count)
    uint32_t by_count;
    // When each row was (any unit, NaN: unknown), or NULL. time_splits: train on the oldest rows,
    // validate on the next, test on the newest; else a split that mixes times is only warned of.
    const double *time;
    struct str time_name;
    bool time_splits;
    // Whom each row is about (any key), or NULL: the same one on both sides is warned of.
    const uint64_t *entity;
    struct str entity_name;
};
struct tabular_options {
    enum tabular_learner learner;
    uint64_t seed;
    uint32_t threads; // 0: all usable
    // of regression
    enum tabular_loss loss; // LOSS_SQUARED
    double quantile;        // 0.5
    // boosting
    uint32_t trees;         // 1000, at most
    enum tabular_grow grow; // "depth"
    uint32_t depth;         // 6; "leaf": none (0)
    uint32_t leaves;        // 31; "leaf": of a tree, at most
    // {"column":1|-1|0}: the answer never falls (1) or rises (-1) as the column grows, all else
    // equal. Not of categories, nor of several classes. NULL: none. The node must outlive training.
    const struct json *monotone;
    // [["column",…],…], 64 at most: columns that act together lie in one of these; a column in none
    // acts alone. NULL: all may. The node must outlive training.
    const struct json *interactions;
    double learning_rate;    // 0.1
    double l2;               // 1
    double min_child_weight; // 1
    double row_share;        // 1; per tree
    double column_share;     // 1; per tree
    uint32_t early_stop;     // 30 rounds without gain on the validation side; 0: never
    uint32_t bins;           // 255
    // linear: elastic net
    double alpha, l1_share; // strength 1e-4, share 0
    // points scorecard (points_private.h); alpha and l1_share apply to its regression
    double points_base, points_odds; // 600 points stand for 20 negatives to one positive
    double points_double;            // 20 more for twice the odds; negative: points rise with risk
    bool points_monotone;            // true: the weight of evidence of a number rises or falls
    // split, parts of 1000
    uint32_t test_milli, validate_milli; // 200, 160
    const uint64_t *group;               // (N), or NULL: equal rows stay together
    const uint8_t *side; // (N) enum split_side, chosen by the caller; NULL: by the shares
    uint8_t *side_told;  // (N), or NULL: gets the side each row came to
    double *judged;      // (N, outputs), or NULL: gets what the model that was judged says of it
    bool keep_test;      // false; true: the model in the file is the one that was judged
    // 0, or 2 to 20: validation by so many folds beside the split the model comes from
    uint32_t folds;
    // What a mistake costs, in any unit: the threshold of least cost is told. 1, 1
    double cost_false_alarm, cost_miss;
    struct tabular_judge judge;
    // How the features are made of a table's columns, kept in the model's file for who predicts:
    // any text, copied. Empty: the features are columns.
    struct str preparation;
    // Boosting keeps its state in this file every minute and when it is asked to pause, and goes on
    // from it if it is there; the model is the same to the bit. NULL: nothing is kept.
    const char *checkpoint;
};
void tabular_options_default(struct tabular_options *options);
// {"learner":"boost"|"linear"|"points","grow":"depth"|"leaf","seed","trees","depth",…}; absent
// members keep the defaults; bounds are checked: ERR_INPUT "train.bad_option" (detail: the
// member and, of a number, its bounds).
enum err tabular_options_read(const struct json *node, struct tabular_options *out,
                              struct fault *fault) MUST_USE;
void tabular_options_write(struct json_writer *out, const struct tabular_options *options);

struct tabular_model;
// Splits, trains with early stopping, judges on the test side. Of at most 20,000 rows (2,000,000
// cells) the model is fitted again before it is judged, the rows that validated with those that
// trained, for as many rounds as they found best ("refitted" in "split"); and once it is judged,
// unless keep_test, the model that is handed out is fitted in the same way on all rows, those that
// tested too ("all_rows"; points scorecards stay as judged). The scorecard is JSON:
// {"task","target","learner","classes","rows":{"train","validate","test"},"split":{…},"seed",
//  "options":{…},"rounds","best_round","curve":[{"round","train","validate"}],
//  "metrics":[{"name":"auc","value","low","high","better":"higher"}…],   first one is the headline
//  "validation":x?,    the headline on the validation side, higher is better: minus the RMSE, say
//  "baseline":{"rule":"majority"|"mean"|"best_column","metrics":[…],"difference":{…}},
//  "baseline_linear":{…}?,   difference: {"name","better","value","low","high"}, the model's
//                               headline less the other's, from the same resamples
//  "roc":[{"x","y"}], "calibration":{"bins":[{"predicted","observed","count"}],"error"},
//  "confusion":{"threshold","labels":[…],"counts":[[…]]},
//  "survival": of survival, counting test rows:
//    {"groups":[{"risk":"low"|"middle"|"high","rows","events","curve":[{"x":time,"y":share}]}],
//     "calibration":[{"time","bins":[{"predicted","observed","count"}]}]},  thirds, fifths by risk
//  "points":{…}?       of the points scorecard, as points_write gives it
//  "decisions": of two classes, where an interval I is {"value","low","high"}:
//    {"costs":{"false_alarm","miss","all","none"},   per row of calling everybody, nobody positive
//     "choices":[{"rule":"half"|"youden"|"cost"|"specificity"|"sensitivity","least"?,"threshold",
//       "sensitivity":I,"specificity":I,"precision":I,"cost":I}],  threshold of the validation side
//     "reading":[{"level","sensitivity":I,"specificity":I}],  the best of one the ROC curve has at
//                                                              this level of the other
//     "benefit":[{"chance","model","low","high","all"}],       the decision curve; nobody: 0
//     "gains":[{"share","found","lift"}], "precision_curve":[{"x":recall,"y"}],
//     "thresholds":[{"threshold","validate"?:[tp,fp,fn,tn],"test":[…]}]},
//  "groups":[{"column","threshold"?,"values":[{"value"|null,"rows","positives"?, then I of
//      "rate","selected","tpr","fpr","calibration_gap","auc" | "accuracy" | "rmse","mae","bias" |
//      "pinball","coverage","bias" | "poisson_deviance","mae","bias" | "c_index","events",
//      "expected","calibration_gap"}],   events per row; expected: what the model's hazard sums to
//    "differences":[{"name":"demographic_parity"|"equal_opportunity"|"false_alarms" | "accuracy" |
//      "rmse" | "pinball"|"coverage" | "poisson_deviance"|"bias" | "c_index"|"calibration_gap",
//      "most","least","value","low","high"}]}],   of options' judge.by
//  "importance":[{"feature","gain","share","permutation"}],
//  "dependence":[{"feature","class"?,"points":[{"x"|"category","y","low","high"}]}],   mean answer
//    along each of the 12 columns of most gain, and 10 % and 90 % of the rows' own (2,000 rows)
//  "warnings":[{"code","detail"}],
//  "folds":[{"rows","rounds","metrics":[…]}], "folds_summary":[{"name","mean","spread","least",
//    "most"}]}                                           with `folds`; spread: standard deviation
// Warnings: "train.column_knows_answer" (AUC of one column >= .999), "train.few_rows",
// "train.column_ignored", "train.group_small", "train.same_entity_both_sides",
// "train.duplicates_both_sides", "train.time_backwards", "train.filled_after" (a cell being filled
// tells the answer).
// Headline metric: "auc" (binary), "accuracy" (classes), "c_index" (survival), "rmse", "pinball" or
// "poisson_deviance" (regression by its loss). A metric that is best at a value has "better":
// "target" and "target" (the coverage of a quantile). "auc_ovr" of classes: measure.h. "baseline"
// of survival has the rule "same_risk", of a quantile "quantile"; there "baseline_linear" is linear
// regression and the quantile of its residuals on the training side. The threshold is tuned on the
// validation side; "baseline_linear" learns from at most 200,000 rows, shuffling ("permutation":
// loss of the headline) looks at 10,000 test rows and the 100 columns of most gain, null for the
// others; the curve's training loss at 65,536 rows; resamples: bootstrap_resamples(). Infinities
// count as the largest numbers (boost) or as missing (linear).
// scorecard NULL: nothing is judged.
// ERR_INPUT with a fault "train.*"; ERR_MEMORY, ERR_CANCELLED, ERR_PAUSED (with a checkpoint,
// between two rounds). *out and scorecard only count on OK.
// progress: PHASE_TRAIN counts rounds, then PHASE_EVALUATE. Memory: the frame plus about
// (2 F + 40) N bytes and the test side's values; a node's histogram takes 2 KB per feature.
enum err tabular_train(const struct frame *frame, const struct tabular_target *target,
                       const struct tabular_options *options, struct progress *progress,
                       struct tabular_model **out, struct buf *scorecard,
                       struct fault *fault) MUST_USE;
void tabular_close(struct tabular_model *model);

// The model's file: versioned, checked; a hostile one gives ERR_CORRUPT "model.damaged", one with
// parts this version does not know ERR_INPUT "model.newer".
void tabular_save(const struct tabular_model *model, struct buf *out);
enum err tabular_load(struct str bytes, struct tabular_model **out, struct fault *fault) MUST_USE;

// The same as XGBoost's JSON, as Booster.save_model writes and load_model reads it: one text, trees
// of any version from 1.3 on, gbtree (written and read) and gblinear (read). DART, several
// targets and objectives not listed in xgboost_read.c are refused with a sentence. All trees count,
// as in Booster.predict, whatever early stopping noted.
// Written by XGBoost, categories are those it names (since 3.1) or the codes it knew ("0", "1", …).
// Without names one beyond 32 and, where any split names a code over 16, beyond four times the
// largest, counts as missing here, where XGBoost sends it left. A survival model of its own knows
// no baseline hazard: it tells the risk, and at no times the probability.
// Predictions agree to the rounding of XGBoost's sums of floats.
// write: ERR_INPUT "model.export_not_trees"; appended to `out`, whose cap is ERR_LIMIT
// "model.too_large". read: the text is hostile; ERR_CORRUPT, ERR_INPUT "model.xgboost_*" name the
// tree (row) and the node (column) from 1, ERR_LIMIT where it is larger than what is made here.
enum err tabular_xgboost_write(const struct tabular_model *model, struct buf *out,
                               struct fault *fault) MUST_USE;
enum err tabular_xgboost_read(struct str text, struct tabular_model **out,
                              struct fault *fault) MUST_USE;

// What a model expects; strings live as long as the model.
struct tabular_about {
    const struct feature *features; // (F)
    uint32_t feature_count;
    enum tabular_task task;
    enum tabular_learner learner;
    struct str target;
    const struct str *classes;
    uint32_t class_count;
    uint32_t outputs;       // K
    enum tabular_loss loss; // of regression
    double quantile;
    struct str event_name, event_value; // of survival; "" where it isn't known
    const double *times;                // (time_count): where survival is told
    uint32_t time_count;                // survival: 0 where the baseline hazard isn't known
    struct str preparation;
};
struct tabular_about tabular_about(const struct tabular_model *model);
// Training means per feature, for a form's first filling: category index or number; (F).
const float *tabular_typical(const struct tabular_model *model);
// The least and the greatest value of each feature that training has seen, NaN where it saw none or
// of a category: (F, 2). NULL of a model that does not know.
const float *tabular_ranges(const struct tabular_model *model);

// Predicts rows of a frame whose features match the model's by position.
//   out           (N, K)  probability of class 1, of each class, the number, or the risk relative
//                 to the average of training (survival)
//   contributions (N, K, F + 1) or NULL; the last is the base value. They add up to the output
//                 before its link (log-odds for binary, softmax's scores for classes).
//                 Points: what a column's points are off its mean, in log-odds.
//                 Boosted trees: TreeSHAP (Lundberg et al. 2020, algorithm 2), path-dependent.
enum err tabular_predict(const struct tabular_model *model, const struct frame *frame,
                         uint32_t threads, double *out, double *contributions) MUST_USE;
// The same of one row, values (F), to the bit: about a microsecond, takes no memory, cannot fail.
// Not for models of texts.
void tabular_predict_row(const struct tabular_model *model, const float *values, double *out);

// A points scorecard (LEARNER_POINTS only): score = base + what each feature's value gives, at most
// `most`.
int32_t tabular_points_base(const struct tabular_model *model);
int32_t tabular_points_of(const struct tabular_model *model, uint32_t f, float value);
int32_t tabular_points_most(const struct tabular_model *model, uint32_t f);

// ---- drift ------------------------------
// New rows held against the profile that a model keeps of the rows it was trained on (and of its
// predictions for those that tested it). Rows come in batches; one thread at a time.
struct tabular_drift;
bool tabular_has_profile(const struct tabular_model *model); // a model of before has none
// The model stays the caller's and outlives the drift. ERR_MEMORY.
enum err tabular_drift_open(const struct tabular_model *model, struct tabular_drift **out) MUST_USE;
void tabular_drift_close(struct tabular_drift *drift);
// `predicted` (N, K) as tabular_predict gives it; `truth` (N): class, number or time, NaN where it
// is not known, or NULL; `event` (N) of survival, which is not judged without.
// ERR_MEMORY, ERR_LIMIT.
enum err tabular_drift_add(struct tabular_drift *drift, const struct frame *frame,
                           const double *predicted, const double *truth,
                           const uint8_t *event) MUST_USE;
// Members into the open object: "rows", "task", "columns":[P], "prediction":P, where P is {"name",
// "psi","level":"stable" (below 0.1)|"moderate" (below 0.25)|"large","bins":[{"category" |
// "from"?,"to"?,"before","now"}],"missing":{"before","now"}}, shares of rows; "judged_rows" whose
// answer is known (at most 4,000,000), and of those the scorecard's "metrics". Categories the model
// has never seen count as missing.
enum err tabular_drift_write(const struct tabular_drift *drift, uint32_t threads,
                             struct json_writer *out) MUST_USE;

// The probability that it has not happened by `time` for a row of this relative risk: the
// baseline's (Breslow's estimate, of all rows that were not for testing) to the power of the risk.
// Constant after the last event seen in training.
double tabular_survival(const struct tabular_model *model, double risk, double time);
