// The plain metrics: each is its textbook definition in double precision, summed in row order.

#include "model/measure/measure.h"

#include <math.h>
#include <string.h>

double metric_log_loss_of(double p) {
    return -log(p < 1e-15 ? 1e-15 : p > 1 ? 1 : p);
}

double metric_log_loss(const double *score, const uint8_t *truth, uint64_t rows) {
    double sum = 0;
    for (uint64_t i = 0; i < rows; i++) {
        sum += metric_log_loss_of(truth[i] ? score[i] : 1 - score[i]);
    }
    return rows ? sum / (double)rows : NAN;
}

double metric_brier(const double *score, const uint8_t *truth, uint64_t rows) {
    double sum = 0;
    for (uint64_t i = 0; i < rows; i++) {
        double off = score[i] - truth[i];
        sum += off * off;
    }
    return rows ? sum / (double)rows : NAN;
}

double metric_accuracy(const uint32_t *predicted, const uint32_t *truth, uint64_t rows) {
    uint64_t right = 0;
    for (uint64_t i = 0; i < rows; i++) right += predicted[i] == truth[i];
    return rows ? (double)right / (double)rows : NAN;
}

double metric_rmse(const double *predicted, const double *truth, uint64_t rows) {
    double sum = 0;
    for (uint64_t i = 0; i < rows; i++) {
        double off = predicted[i] - truth[i];
        sum += off * off;
    }
    return rows ? sqrt(sum / (double)rows) : NAN;
}

double metric_mae(const double *predicted, const double *truth, uint64_t rows) {
    double sum = 0;
    for (uint64_t i = 0; i < rows; i++) sum += fabs(predicted[i] - truth[i]);
    return rows ? sum / (double)rows : NAN;
}

double metric_r2(const double *predicted, const double *truth, uint64_t rows) {
    double mean = 0, spread = 0, off = 0;
    for (uint64_t i = 0; i < rows; i++) mean += truth[i] / (double)rows;
    for (uint64_t i = 0; i < rows; i++) {
        spread += (truth[i] - mean) * (truth[i] - mean);
        off += (truth[i] - predicted[i]) * (truth[i] - predicted[i]);
    }
    return spread > 0 ? 1 - off / spread : NAN;
}

// The bits of a double so that unsigned order is numeric order; NaN comes last.
static uint64_t sortable(double value) {
    uint64_t bits;
    if (value == 0) value = 0; // -0 and 0 are equal scores
    memcpy(&bits, &value, sizeof(bits));
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

struct scored {
    uint64_t key;
    uint32_t row;
    uint32_t unused;
};

enum err order_by_score(const double *score, uint64_t rows, uint32_t *order) {
    cy_assert(rows <= UINT32_MAX);
    struct scored *from = memory_take(2 * rows * sizeof(*from) + 1);
    uint64_t *start = memory_take(4 * 65536 * sizeof(*start));
    if (!from || !start) {
        memory_give(start);
        memory_give(from);
        return ERR_MEMORY;
    }
    struct scored *taken = from, *to = from + rows;
    for (uint64_t i = 0; i < rows; i++) {
        from[i] = (struct scored){.key = sortable(score[i]), .row = (uint32_t)i};
        for (unsigned d = 0; d < 4; d++) start[d * 65536 + (from[i].key >> 16 * d & 65535)]++;
    }
    for (unsigned d = 0; d < 4; d++) {
        uint64_t *at = start + d * 65536, sum = 0;
        for (unsigned v = 0; v < 65536; v++) {
            uint64_t count = at[v];
            at[v] = sum;
            sum += count;
        }
        for (uint64_t i = 0; i < rows; i++) to[at[from[i].key >> 16 * d & 65535]++] = from[i];
        struct scored *swap = from;
        from = to;
        to = swap;
    }
    for (uint64_t i = 0; i < rows; i++) order[i] = from[i].row;
    memory_give(start);
    memory_give(taken);
    return OK;
}

double metric_auc(const double *score, const uint8_t *truth, uint64_t rows) {
    uint32_t *order = memory_take(rows * sizeof(*order) + 1);
    if (!order || order_by_score(score, rows, order) != OK) {
        memory_give(order);
        return NAN;
    }
    double below = 0, won = 0, positives = 0; // below: negatives with a lower score
    for (uint64_t i = 0; i < rows;) {
        double tied_positive = 0, tied_negative = 0;
        double tie = score[order[i]];
        for (; i < rows && score[order[i]] == tie; i++) {
            if (truth[order[i]])
                tied_positive++;
            else
                tied_negative++;
        }
        won += tied_positive * (below + tied_negative / 2);
        below += tied_negative;
        positives += tied_positive;
        if (isnan(tie)) i = rows;
    }
    memory_give(order);
    return positives > 0 && below > 0 ? won / (positives * below) : NAN;
}

// Both walk from the highest score down with every row counted once.
static bool walk_plain(const double *score, const uint8_t *truth, uint64_t rows, double *out) {
    uint32_t *order = memory_take(rows * sizeof(*order) + 1);
    double *sorted = memory_take(rows * sizeof(*sorted) + 1);
    double *loss = memory_take(rows * sizeof(*loss) + 1);
    uint8_t *labels = memory_take(rows + 1), *weight = memory_take(rows + 1);
    bool done = order && sorted && loss && labels && weight;
    done = done && order_by_score(score, rows, order) == OK;
    for (uint64_t i = 0; done && i < rows; i++) {
        sorted[i] = score[order[i]];
        labels[i] = truth[order[i]];
        weight[i] = 1;
    }
    struct binary_rows in = {{sorted, labels, NULL, rows}, loss, 0.5};
    if (done) binary_metrics(&in, weight, rows, out);
    memory_give(weight);
    memory_give(labels);
    memory_give(loss);
    memory_give(sorted);
    memory_give(order);
    return done;
}

double metric_average_precision(const double *score, const uint8_t *truth, uint64_t rows) {
    double all[BINARY_METRICS];
    return walk_plain(score, truth, rows, all) ? all[BINARY_AVERAGE_PRECISION] : NAN;
}

double metric_ks(const double *score, const uint8_t *truth, uint64_t rows) {
    double all[BINARY_METRICS];
    return walk_plain(score, truth, rows, all) ? all[BINARY_KS] : NAN;
}

double metric_pinball(const double *predicted, const double *truth, uint64_t rows,
                      double quantile) {
    double sum = 0;
    for (uint64_t i = 0; i < rows; i++) {
        double off = truth[i] - predicted[i];
        sum += off > 0 ? quantile * off : (quantile - 1) * off;
    }
    return rows ? sum / (double)rows : NAN;
}

static double poisson_deviance_of(double predicted, double truth) {
    double mean = fmax(predicted, 1e-300);
    return 2 * (mean - truth + (truth > 0 ? truth * log(truth / mean) : 0));
}

double metric_poisson_deviance(const double *predicted, const double *truth, uint64_t rows) {
    double sum = 0;
    for (uint64_t i = 0; i < rows; i++) sum += poisson_deviance_of(predicted[i], truth[i]);
    return rows ? sum / (double)rows : NAN;
}

// ---- sets for the bootstrap: `weight` counts rows, the rows' own weights multiply --------------

static double weight_of(const double *own, const uint8_t *weight, uint64_t i) {
    return own ? own[i] * weight[i] : weight[i];
}

// Rows of each class, counted by weight.
static void class_totals(const struct ranked *in, const uint8_t *weight, double *positives,
                         double *negatives) {
    double all[2] = {0, 0};
    for (uint64_t i = 0; i < in->rows; i++) {
        all[in->truth[i] != 0] += weight_of(in->weight, weight, i);
    }
    *positives = all[1];
    *negatives = all[0];
}

void binary_metrics(const void *binary_rows, const uint8_t *weight, uint64_t rows, double *out) {
    const struct binary_rows *binary = binary_rows;
    const struct ranked *in = &binary->ranked;
    double loss = 0, brier = 0, right = 0, positives, negatives;
    double found = 0, alarms = 0, won = 0, precision = 0, gap = 0; // so far, from the top
    class_totals(in, weight, &positives, &negatives);
    double per_positive = positives > 0 ? 1 / positives : 0;
    double per_negative = negatives > 0 ? 1 / negatives : 0;
    for (uint64_t i = rows; i > 0;) {
        double tied_positive = 0, tied_negative = 0;
        double tie = in->score[i - 1];
        do {
            uint32_t truth = in->truth[--i] != 0;
            double w = weight_of(in->weight, weight, i), off = tie - truth;
            loss += w * binary->loss[i];
            brier += w * off * off;
            tied_positive += truth ? w : 0;
            tied_negative += truth ? 0 : w;
        } while (i > 0 && in->score[i - 1] == tie);
        won += tied_negative * (found + tied_positive * 0.5);
        found += tied_positive;
        alarms += tied_negative;
        if (tied_positive > 0) precision += tied_positive * (found / (found + alarms));
        gap = fmax(gap, fabs(found * per_positive - alarms * per_negative));
        right += tie >= binary->threshold ? tied_positive : tied_negative;
    }
    double total = positives + negatives;
    bool both = positives > 0 && negatives > 0;
    out[BINARY_AUC] = both ? won / (positives * negatives) : NAN;
    out[BINARY_AVERAGE_PRECISION] = positives > 0 ? precision / positives : NAN;
    out[BINARY_KS] = both ? gap : NAN;
    out[BINARY_LOG_LOSS] = total > 0 ? loss / total : NAN;
    out[BINARY_BRIER] = total > 0 ? brier / total : NAN;
    out[BINARY_ACCURACY] = total > 0 ? right / total : NAN;
}

enum err class_order(const double *probability, uint64_t rows, uint32_t classes, uint32_t *order) {
    cy_assert(rows < class_order_rises);
    double *of_class = memory_take(rows * sizeof(*of_class) + 1);
    enum err err = of_class ? OK : ERR_MEMORY;
    for (uint32_t k = 0; err == OK && k < classes; k++, order += rows) {
        for (uint64_t i = 0; i < rows; i++) of_class[i] = probability[i * classes + k];
        err = order_by_score(of_class, rows, order);
        for (uint64_t i = rows; err == OK && i-- > 1;) {
            if (of_class[order[i]] > of_class[order[i - 1]]) order[i] |= class_order_rises;
        }
    }
    memory_give(of_class);
    return err;
}

// The AUC of one class against the others: the rows by rising probability of it.
static double class_auc(const struct class_rows *in, uint32_t class, const uint8_t *weight,
                        uint64_t rows) {
    const uint32_t *order = in->order + class * rows;
    double below = 0, positives = 0, won = 0;
    for (uint64_t i = 0; i < rows;) {
        double tied_positive = 0, tied_negative = 0;
        do {
            uint32_t row = order[i] & ~class_order_rises;
            double w = weight_of(in->weight, weight, row);
            tied_positive += in->truth[row] == class ? w : 0;
            tied_negative += in->truth[row] == class ? 0 : w;
            i++;
        } while (i < rows && !(order[i] & class_order_rises));
        won += tied_positive * (below + tied_negative / 2);
        below += tied_negative;
        positives += tied_positive;
    }
    return positives > 0 && below > 0 ? won / (positives * below) : NAN;
}

void class_metrics(const void *class_rows, const uint8_t *weight, uint64_t rows, double *out) {
    const struct class_rows *in = class_rows;
    double loss = 0, total = 0, right = 0, auc = 0;
    uint32_t told = 0;
    for (uint64_t i = 0; i < rows; i++) {
        double w = weight_of(in->weight, weight, i);
        loss += w * in->loss[i];
        total += w;
        right += w * in->right[i];
    }
    for (uint32_t k = 0; k < in->classes; k++) {
        double one = class_auc(in, k, weight, rows);
        if (isnan(one)) continue;
        auc += one;
        told++;
    }
    out[CLASSES_LOG_LOSS] = total > 0 ? loss / total : NAN;
    out[CLASSES_ACCURACY] = total > 0 ? right / total : NAN;
    out[CLASSES_AUC] = told > 0 ? auc / told : NAN;
}

void number_metrics(const void *number_rows, const uint8_t *weight, uint64_t rows, double *out) {
    const struct number_rows *in = number_rows;
    double total = 0, mean = 0, spread = 0, square = 0, absolute = 0, share = 0, shares = 0;
    // Welford's update keeps the spread right for targets far from zero.
    for (uint64_t i = 0; i < rows; i++) {
        double w = weight_of(in->weight, weight, i), off = in->predicted[i] - in->truth[i];
        if (w == 0) continue;
        total += w;
        double delta = in->truth[i] - mean;
        mean += delta * w / total;
        spread += w * delta * (in->truth[i] - mean);
        square += w * off * off;
        absolute += w * fabs(off);
        if (in->truth[i] == 0) continue;
        share += w * fabs(off / in->truth[i]);
        shares += w;
    }
    out[NUMBER_RMSE] = total > 0 ? sqrt(square / total) : NAN;
    out[NUMBER_MAE] = total > 0 ? absolute / total : NAN;
    out[NUMBER_R2] = spread > 0 ? 1 - square / spread : NAN;
    out[NUMBER_MAPE] = shares > 0 ? share / shares : NAN;
}

void quantile_metrics(const void *number_rows, const uint8_t *weight, uint64_t rows, double *out) {
    const struct number_rows *in = number_rows;
    double total = 0, pinball = 0, covered = 0, absolute = 0;
    for (uint64_t i = 0; i < rows; i++) {
        double w = weight_of(in->weight, weight, i), off = in->truth[i] - in->predicted[i];
        total += w;
        pinball += w * (off > 0 ? in->quantile * off : (in->quantile - 1) * off);
        covered += off > 0 ? 0 : w;
        absolute += w * fabs(off);
    }
    out[QUANTILE_PINBALL] = total > 0 ? pinball / total : NAN;
    out[QUANTILE_COVERAGE] = total > 0 ? covered / total : NAN;
    out[QUANTILE_MAE] = total > 0 ? absolute / total : NAN;
}

void count_metrics(const void *number_rows, const uint8_t *weight, uint64_t rows, double *out) {
    const struct number_rows *in = number_rows;
    double total = 0, deviance = 0, square = 0, absolute = 0;
    for (uint64_t i = 0; i < rows; i++) {
        double w = weight_of(in->weight, weight, i), off = in->truth[i] - in->predicted[i];
        if (w == 0) continue;
        total += w;
        deviance += w * poisson_deviance_of(in->predicted[i], in->truth[i]);
        square += w * off * off;
        absolute += w * fabs(off);
    }
    out[COUNT_DEVIANCE] = total > 0 ? deviance / total : NAN;
    out[COUNT_RMSE] = total > 0 ? sqrt(square / total) : NAN;
    out[COUNT_MAE] = total > 0 ? absolute / total : NAN;
}
