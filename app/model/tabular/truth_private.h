// The truth of one side of the rows, as it stands in the frame: targets, weights, and for survival
// whether the event was seen. Points into arrays of others. Depends on nothing but base/.
// Shapes: N rows of the side.
#pragma once

#include <stdint.h>

struct truth {
    const double *values; // of the target, by row of the frame; survival: the time
    const double *weight; // by row of the frame, mean about 1; NULL: all 1
    const uint8_t *event; // survival, by row of the frame: 1 seen, 0 censored
    const uint32_t *rows; // (N) rows of the frame; NULL: the first of them
    uint64_t count;       // N
};
static inline uint64_t truth_row(const struct truth *truth, uint64_t i) {
    return truth->rows ? truth->rows[i] : i;
}
static inline double truth_value(const struct truth *truth, uint64_t i) {
    return truth->values[truth_row(truth, i)];
}
static inline double truth_weight(const struct truth *truth, uint64_t i) {
    return truth->weight ? truth->weight[truth_row(truth, i)] : 1;
}
