// The target before training: is it what its task needs, and what each row weighs.
// Shapes: N rows of the frame.
#pragma once

#include "model/tabular/tabular.h"

// ERR_INPUT "train.target_not_finite", "train.negative_count", "train.negative_time",
// "train.bad_weight" (with the row), "train.too_many_classes", "train.one_class",
// "train.no_events", "train.all_weights_zero", "train.linear_no_quantile",
// "train.points_no_weights", "train.bad_option".
enum err target_check(const struct tabular_target *target, const struct tabular_options *options,
                      uint64_t rows, struct fault *fault) MUST_USE;
// What each row weighs in training: its weight times its class's, scaled to a mean of 1 over the
// `count` rows `train`. *out (N) is NULL when all weigh the same. ERR_MEMORY.
enum err target_weights(const struct tabular_target *target, uint64_t rows, const uint32_t *train,
                        uint64_t count, double **out) MUST_USE;
