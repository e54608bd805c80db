// A sketch of how numbers from 0 up are distributed: how many lie in each of 256 buckets whose
// borders grow by a fifth, so that a quantile is told to within a tenth of itself from 1e-9 to
// 1e11. Two sketches add up to that of both, in any order. A plain value without pointers. Any
// thread, one at a time. After Masson, Rim, Lee: DDSketch, VLDB 2019.
#pragma once

#include <stdint.h>

enum { SKETCH_BUCKETS = 256 };
struct sketch {
    uint64_t count;
    double sum, most;
    uint64_t buckets[SKETCH_BUCKETS]; // the first: below 1e-9
};

void sketch_add(struct sketch *sketch, double value); // what is no number, or below 0: as 0
void sketch_merge(struct sketch *into, const struct sketch *from);
// 0 <= share <= 1; 0 of an empty one. Never above the greatest that was added.
double sketch_quantile(const struct sketch *sketch, double share);
double sketch_mean(const struct sketch *sketch); // 0 of an empty one
