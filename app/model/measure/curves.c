// Curves and tables over rows by rising score: ROC, precision over recall, calibration, confusion,
// Youden's threshold.

#include "model/measure/measure.h"

#include <math.h>
#include <string.h>

// Walks groups of equal score from the highest down.
struct descent {
    const struct ranked *in;
    uint64_t left; // rows not walked yet
    double true_positives, false_positives;
};

static double weight_of(const struct ranked *in, uint64_t i) {
    return in->weight ? in->weight[i] : 1;
}

static bool descend(struct descent *d) {
    if (d->left == 0) return false;
    double tie = d->in->score[d->left - 1];
    do {
        double weight = weight_of(d->in, --d->left);
        if (d->in->truth[d->left])
            d->true_positives += weight;
        else
            d->false_positives += weight;
    } while (d->left > 0 && d->in->score[d->left - 1] == tie);
    return true;
}

static void totals_of(const struct ranked *in, double *positives, double *negatives) {
    struct descent d = {.in = in, .left = in->rows};
    while (descend(&d)) continue;
    *positives = d.true_positives;
    *negatives = d.false_positives;
}

// A point is kept when it has moved at least one grid step along x + y since the last one kept;
// with x + y going from 0 to 2 that is at most room points, evenly spread along the curve.
void curve_roc(const struct ranked *ranked, struct curve_point *out, uint32_t room,
               uint32_t *out_count) {
    double positives, negatives;
    totals_of(ranked, &positives, &negatives);
    *out_count = 0;
    if (positives == 0 || negatives == 0 || room < 2) return;
    struct descent d = {.in = ranked, .left = ranked->rows};
    uint32_t count = 0;
    out[count++] = (struct curve_point){0, 0};
    double step = room > 2 ? 2.0 / (room - 2) : 2;
    while (descend(&d) && d.left > 0) {
        struct curve_point point = {d.false_positives / negatives, d.true_positives / positives};
        struct curve_point last = out[count - 1];
        if (point.x + point.y - last.x - last.y >= step && count + 1 < room) out[count++] = point;
    }
    out[count++] = (struct curve_point){1, 1};
    *out_count = count;
}

void curve_precision(const struct ranked *ranked, struct curve_point *out, uint32_t room,
                     uint32_t *out_count) {
    double positives, negatives;
    totals_of(ranked, &positives, &negatives);
    *out_count = 0;
    if (positives == 0 || room < 2) return;
    struct descent d = {.in = ranked, .left = ranked->rows};
    uint32_t count = 0;
    double step = 1.0 / (room - 1);
    while (descend(&d)) {
        double called = d.true_positives + d.false_positives;
        if (called == 0) continue; // rows of no weight
        bool last = d.true_positives == positives;
        struct curve_point point = {d.true_positives / positives, d.true_positives / called};
        bool moved = count == 0 || point.x - out[count - 1].x >= step;
        if (last && count == room) count--;
        if ((moved || last) && count < room) out[count++] = point;
        if (last) break;
    }
    *out_count = count;
}

void calibration(const struct ranked *ranked, uint32_t bins, struct calibration_bin *out,
                 uint32_t *out_count, double *out_error) {
    const double *score = ranked->score;
    uint64_t rows = ranked->rows;
    uint32_t count = 0;
    double error = 0, total = 0;
    for (uint64_t i = 0; i < rows && count < bins;) {
        uint64_t want = (rows - i) / (bins - count), start = i;
        double predicted = 0, observed = 0, size = 0;
        if (want == 0) want = 1;
        while (i < rows && (i - start < want || score[i] == score[i - 1])) {
            double weight = weight_of(ranked, i);
            predicted += weight * score[i];
            observed += ranked->truth[i] ? weight : 0;
            size += weight;
            i++;
        }
        out[count++] = (struct calibration_bin){predicted / size, observed / size, i - start};
        error += fabs(predicted - observed);
        total += size;
    }
    *out_count = count;
    *out_error = total > 0 ? error / total : NAN;
}

void confusion(const uint32_t *predicted, const uint32_t *truth, const double *weight,
               uint64_t rows, uint32_t classes, double *counts) {
    memset(counts, 0, (size_t)classes * classes * sizeof(*counts));
    for (uint64_t i = 0; i < rows; i++) {
        cy_assert(predicted[i] < classes && truth[i] < classes);
        counts[(size_t)truth[i] * classes + predicted[i]] += weight ? weight[i] : 1;
    }
}
