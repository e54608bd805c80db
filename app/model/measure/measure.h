// Measure: splitting without leakage, and how good predictions are, with intervals.
// Depends on base/. All functions are deterministic for a seed. Arrays are (rows).
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/thread.h"

// ---- split ---------------------------------------------------------------------------------
enum split_side { SIDE_TRAIN, SIDE_VALIDATE, SIDE_TEST };
// Fills side (rows). Rows with the same group (any 64-bit key: a patient, or the hash of the row's
// features, so that duplicates stay together) land on one side; stratified by `stratum` (class) as
// far as groups allow. Shares are parts of 1000: test, validate; the rest trains.
enum err split_groups(const uint64_t *group, const uint32_t *stratum, uint64_t rows,
                      uint32_t test_milli, uint32_t validate_milli, uint64_t seed,
                      uint8_t *side) MUST_USE;

// ---- metrics -------------------------------------------------------------------------------
struct interval {
    double value, low, high; // 95 %, percentile bootstrap
};
struct curve_point {
    double x, y;
};
// Binary: score is the probability of class 1, truth 0/1.
double metric_auc(const double *score, const uint8_t *truth, uint64_t rows); // ties count half
double metric_log_loss(const double *score, const uint8_t *truth, uint64_t rows);
double metric_brier(const double *score, const uint8_t *truth, uint64_t rows);
// Any task.
double metric_accuracy(const uint32_t *predicted, const uint32_t *truth, uint64_t rows);
double metric_rmse(const double *predicted, const double *truth, uint64_t rows);
double metric_mae(const double *predicted, const double *truth, uint64_t rows);
double metric_r2(const double *predicted, const double *truth, uint64_t rows);
// (the implementer adds: ROC curve, calibration bins with expected calibration error, confusion at
// a threshold, bootstrap of any metric by callback over resampled row indices)
