#include "base/sketch.h"

#include <math.h>

#define LEAST 1e-9
#define GROWTH 1.2

static uint32_t bucket_of(double value) {
    if (!(value >= LEAST)) return 0;
    double at = 1 + floor(log(value / LEAST) / log(GROWTH));
    return at < SKETCH_BUCKETS ? (uint32_t)at : SKETCH_BUCKETS - 1;
}

void sketch_add(struct sketch *sketch, double value) {
    if (!(value > 0)) value = 0;
    sketch->count++;
    sketch->sum += value;
    if (value > sketch->most) sketch->most = value;
    sketch->buckets[bucket_of(value)]++;
}

void sketch_merge(struct sketch *into, const struct sketch *from) {
    into->count += from->count;
    into->sum += from->sum;
    if (from->most > into->most) into->most = from->most;
    for (uint32_t i = 0; i < SKETCH_BUCKETS; i++) into->buckets[i] += from->buckets[i];
}

double sketch_quantile(const struct sketch *sketch, double share) {
    double wanted = share * (double)sketch->count;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < SKETCH_BUCKETS; i++) {
        seen += sketch->buckets[i];
        if (sketch->buckets[i] == 0 || (double)seen < wanted) continue;
        if (i == 0) return 0;
        double middle = LEAST * pow(GROWTH, (double)i - 0.5);
        return middle < sketch->most ? middle : sketch->most;
    }
    return sketch->most;
}

double sketch_mean(const struct sketch *sketch) {
    return sketch->count ? sketch->sum / (double)sketch->count : 0;
}
