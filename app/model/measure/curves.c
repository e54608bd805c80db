// Curves and tables over rows sorted by score: ROC, precision over recall, calibration, confusion,
// Youden's threshold.

#include "model/measure/measure.h"

#include <math.h>
#include <string.h>

// Walks groups of equal score from the highest down.
struct descent {
    const double *score;
    const uint8_t *truth;
    const uint32_t *order;
    uint64_t left; // rows not walked yet
    uint64_t true_positives, false_positives;
};

static bool descend(struct descent *d) {
    if (d->left == 0) return false;
    double tie = d->score[d->order[d->left - 1]];
    do {
        d->left--;
        if (d->truth[d->order[d->left]])
            d->true_positives++;
        else
            d->false_positives++;
    } while (d->left > 0 && d->score[d->order[d->left - 1]] == tie);
    return true;
}

static uint64_t positives_of(const uint8_t *truth, uint64_t rows) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < rows; i++) count += truth[i] != 0;
    return count;
}

// A point is kept when it has moved at least one grid step along x + y since the last one kept;
// with x + y going from 0 to 2 that is at most room points, evenly spread along the curve.
void curve_roc(const double *score, const uint8_t *truth, const uint32_t *order, uint64_t rows,
               struct curve_point *out, uint32_t room, uint32_t *out_count) {
    uint64_t positives = positives_of(truth, rows), negatives = rows - positives;
    *out_count = 0;
    if (positives == 0 || negatives == 0 || room < 2) return;
    struct descent d = {score, truth, order, rows, 0, 0};
    uint32_t count = 0;
    out[count++] = (struct curve_point){0, 0};
    double step = room > 2 ? 2.0 / (room - 2) : 2;
    while (descend(&d) && d.left > 0) {
        struct curve_point point = {(double)d.false_positives / (double)negatives,
                                    (double)d.true_positives / (double)positives};
        struct curve_point last = out[count - 1];
        if (point.x + point.y - last.x - last.y >= step && count + 1 < room) out[count++] = point;
    }
    out[count++] = (struct curve_point){1, 1};
    *out_count = count;
}

void curve_precision(const double *score, const uint8_t *truth, const uint32_t *order,
                     uint64_t rows, struct curve_point *out, uint32_t room, uint32_t *out_count) {
    uint64_t positives = positives_of(truth, rows);
    *out_count = 0;
    if (positives == 0 || room < 2) return;
    struct descent d = {score, truth, order, rows, 0, 0};
    uint32_t count = 0;
    double step = 1.0 / (room - 1);
    while (descend(&d)) {
        double called = (double)(d.true_positives + d.false_positives);
        struct curve_point point = {(double)d.true_positives / (double)positives,
                                    (double)d.true_positives / called};
        bool moved = count == 0 || point.x - out[count - 1].x >= step;
        bool last = d.true_positives == positives;
        if (last && count == room) count--;
        if ((moved || last) && count < room) out[count++] = point;
        if (last) break;
    }
    *out_count = count;
}

void calibration(const double *score, const uint8_t *truth, const uint32_t *order, uint64_t rows,
                 uint32_t bins, struct calibration_bin *out, uint32_t *out_count,
                 double *out_error) {
    uint32_t count = 0;
    double error = 0;
    for (uint64_t i = 0; i < rows && count < bins;) {
        uint64_t want = (rows - i) / (bins - count), start = i;
        double predicted = 0, observed = 0;
        if (want == 0) want = 1;
        while (i < rows && (i - start < want || score[order[i]] == score[order[i - 1]])) {
            predicted += score[order[i]];
            observed += truth[order[i]] != 0;
            i++;
        }
        double size = (double)(i - start);
        out[count++] = (struct calibration_bin){predicted / size, observed / size, i - start};
        error += fabs(predicted - observed);
    }
    *out_count = count;
    *out_error = rows ? error / (double)rows : NAN;
}

void confusion(const uint32_t *predicted, const uint32_t *truth, uint64_t rows, uint32_t classes,
               uint64_t *counts) {
    memset(counts, 0, (size_t)classes * classes * sizeof(*counts));
    for (uint64_t i = 0; i < rows; i++) {
        cy_assert(predicted[i] < classes && truth[i] < classes);
        counts[(size_t)truth[i] * classes + predicted[i]]++;
    }
}

double threshold_youden(const double *score, const uint8_t *truth, const uint32_t *order,
                        uint64_t rows) {
    uint64_t positives = positives_of(truth, rows), negatives = rows - positives;
    if (positives == 0 || negatives == 0) return 0.5;
    struct descent d = {score, truth, order, rows, 0, 0};
    double best = 0, threshold = score[order[rows - 1]];
    while (descend(&d)) {
        double j = (double)d.true_positives / (double)positives -
                   (double)d.false_positives / (double)negatives;
        if (j > best) {
            best = j;
            threshold = score[order[d.left]];
        }
    }
    return threshold;
}
