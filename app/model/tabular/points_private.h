// A points scorecard, as credit officers use it: each column is cut into a few bins, each bin gives
// whole points, and the sum of points stands for the odds of the answer. What is printed is what
// is computed with: the model's margin comes from the rounded points.
//   score  = base + Σ points = offset - factor · margin,  margin = ln odds of the positive class
//   factor = points_double / ln 2;  offset = points_base - factor · ln points_odds
// so that points_base points stand for points_odds negatives to one positive, and points_double
// more for twice as many. A negative points_double makes points rise with the positive class.
// A bin's points come from its weight of evidence WoE = ln (share of positives / share of
// negatives) and a logistic regression on the columns' WoE in which all weights are positive: a
// column whose weight turns negative beside the others is left out. Numbers are binned so that the
// WoE rises or falls throughout (unless told otherwise); neighbours that do not differ (χ² of 1
// degree of freedom below 3.84) are merged, and those under 5 % of the rows.
// Source: Siddiqi 2006, "Credit risk scorecards"; Kerber 1992 (ChiMerge).
// Shapes: N rows, F features. Binary targets only.
#pragma once

#include "model/tabular/linear_private.h"

enum { POINTS_BINS_MAX = 16, POINTS_FINE_BINS = 64 };

struct points_bin {
    double negative, positive; // rows of the training side
    double woe;
    int32_t points;
};
struct points_feature {
    uint32_t bin_count;          // 0: the column gives no points
    float cuts[POINTS_BINS_MAX]; // (bin_count - 1) of a number, rising: in bin count(cuts <= value)
    uint8_t *group;              // (category_count): the bin of a category; bin_count: as missing
    struct points_bin bins[POINTS_BINS_MAX + 1]; // the last is for what is missing
    double average;                              // points, over the training side
    double information;                          // IV
    double weight;                               // of the WoE in the regression
};
struct points {
    struct points_feature *features; // (F)
    uint8_t *groups;                 // what group points into
    uint32_t count;                  // F
    double factor, offset;
    int32_t base;
};

// ERR_INPUT "train.points_binary" (task), "train.points_none" (no column says anything); else as
// linear_train.
enum err points_train(const struct train_rows *rows, const struct tabular_options *options,
                      struct pool *pool, struct progress *progress, struct points *out,
                      struct fault *fault) MUST_USE;
// Room for a scorecard of these features, all without points.
enum err points_take(const struct feature *features, uint32_t count, struct points *out) MUST_USE;
void points_close(struct points *points);

// The bin of a value; bin_count where it is missing.
uint32_t points_bin_of(const struct points_feature *feature, const struct feature *about,
                       float value);
// out (N): margins.
void points_predict(const struct points *points, const struct frame *frame, struct pool *pool,
                    double *out);
// The same of one row (F); bit for bit.
double points_predict_row(const struct points *points, const struct feature *about,
                          const float *values);
// "points": the card as JSON, a member of the open object.
void points_write(const struct points *points, const struct feature *features,
                  const struct tabular_options *options, struct json_writer *out);

// ---- binning (points_bins.c) ------------------------------
// Coarse bins of one column. cell (N) is the fine bin of each training row, of `fine` values and
// one more for missing; positive (N).
struct points_counts { // of a fine bin
    double negative, positive;
};
// Fills bin_count, cuts or group, the bins' counts and WoE, and the information.
void points_coarse(const struct points_counts *fine, const struct feature_bins *bins,
                   uint32_t category_count, bool monotone, struct points_feature *out);
