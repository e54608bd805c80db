// Decisions by a threshold: what it finds and misses, what that costs, which one to take. Rows come
// sorted by rising score, so that a threshold is a place in them.

#include <math.h>

#include "model/measure/measure.h"

static double share_of(double part, double whole) {
    return whole > 0 ? part / whole : NAN;
}

double decided_sensitivity(struct decided d) {
    return share_of(d.true_positives, d.true_positives + d.false_negatives);
}

double decided_specificity(struct decided d) {
    return share_of(d.true_negatives, d.true_negatives + d.false_positives);
}

double decided_precision(struct decided d) {
    return share_of(d.true_positives, d.true_positives + d.false_positives);
}

static double decided_rows(struct decided d) {
    return d.true_positives + d.false_positives + d.false_negatives + d.true_negatives;
}

static double weight_of(const struct ranked *in, uint64_t i) {
    return in->weight ? in->weight[i] : 1;
}

struct decided decided_at(const struct ranked *ranked, double threshold) {
    struct decided d = {0};
    for (uint64_t i = 0; i < ranked->rows; i++) {
        double weight = weight_of(ranked, i);
        bool called = ranked->score[i] >= threshold, positive = ranked->truth[i] != 0;
        d.true_positives += called && positive ? weight : 0;
        d.false_positives += called && !positive ? weight : 0;
        d.false_negatives += !called && positive ? weight : 0;
        d.true_negatives += !called && !positive ? weight : 0;
    }
    return d;
}

double cost_of(struct decided d, struct costs costs) {
    double sum = costs.false_alarm * d.false_positives + costs.miss * d.false_negatives;
    return share_of(sum, decided_rows(d));
}

double net_benefit(struct decided d, double p) {
    double lost = d.false_positives * p / (1 - p);
    return share_of(d.true_positives - lost, decided_rows(d));
}

// Half way between the row at `i`, the last one called positive, and the next below it.
static double threshold_below(const struct ranked *in, uint64_t i) {
    if (i == 0) return in->score[0];
    double half = in->score[i - 1] + (in->score[i] - in->score[i - 1]) / 2;
    return half > in->score[i - 1] ? half : in->score[i];
}

// Tries the threshold above every score, then below each distinct score from the highest down, and
// takes the first of the highest worth.
struct wanted {
    double (*worth)(const struct wanted *wanted, struct decided decided);
    double least;
    struct costs costs;
};

static double best_threshold(const struct ranked *in, struct wanted wanted) {
    if (in->rows == 0) return 0.5;
    const double *score = in->score;
    struct decided none = decided_at(in, INFINITY), d = none;
    double threshold = nextafter(score[in->rows - 1], INFINITY), best = wanted.worth(&wanted, d);
    for (uint64_t i = in->rows; i > 0;) {
        double tie = score[i - 1];
        do {
            double weight = weight_of(in, --i);
            d.true_positives += in->truth[i] ? weight : 0;
            d.false_positives += in->truth[i] ? 0 : weight;
        } while (i > 0 && score[i - 1] == tie);
        d.false_negatives = fmax(0, none.false_negatives - d.true_positives);
        d.true_negatives = fmax(0, none.true_negatives - d.false_positives);
        double worth = wanted.worth(&wanted, d);
        if (!(worth > best)) continue;
        best = worth;
        threshold = threshold_below(in, i);
    }
    return threshold;
}

static double youden(const struct wanted *wanted, struct decided d) {
    (void)wanted;
    return decided_sensitivity(d) + decided_specificity(d) - 1;
}

double threshold_youden(const struct ranked *ranked) {
    struct decided none = decided_at(ranked, INFINITY);
    if (none.false_negatives == 0 || none.true_negatives == 0) return 0.5;
    return best_threshold(ranked, (struct wanted){.worth = youden});
}

// What is not allowed is worth less than anything that is.
static double sensitivity_if_specific(const struct wanted *wanted, struct decided d) {
    bool allowed = decided_specificity(d) >= wanted->least;
    return allowed ? decided_sensitivity(d) : -INFINITY;
}

static double specificity_if_sensitive(const struct wanted *wanted, struct decided d) {
    bool allowed = decided_sensitivity(d) >= wanted->least;
    return allowed ? decided_specificity(d) : -INFINITY;
}

static double saving(const struct wanted *wanted, struct decided d) {
    return -cost_of(d, wanted->costs);
}

double threshold_at_specificity(const struct ranked *ranked, double least) {
    struct wanted wanted = {.worth = sensitivity_if_specific, .least = least};
    return best_threshold(ranked, wanted);
}

double threshold_at_sensitivity(const struct ranked *ranked, double least) {
    struct wanted wanted = {.worth = specificity_if_sensitive, .least = least};
    return best_threshold(ranked, wanted);
}

double threshold_by_cost(const struct ranked *ranked, struct costs costs) {
    return best_threshold(ranked, (struct wanted){saving, 0, costs});
}

double gain_at(const struct ranked *ranked, double share) {
    double want = 0, taken = 0, found = 0, positives = 0;
    for (uint64_t i = 0; i < ranked->rows; i++) want += share * weight_of(ranked, i);
    for (uint64_t i = ranked->rows; i > 0;) {
        double tie = ranked->score[i - 1], tied = 0, tied_positive = 0;
        do {
            double weight = weight_of(ranked, --i);
            tied_positive += ranked->truth[i] ? weight : 0;
            tied += weight;
        } while (i > 0 && ranked->score[i - 1] == tie);
        double part = tied > 0 ? fmin(1, fmax(0, (want - taken) / tied)) : 0;
        taken += tied;
        found += part * tied_positive;
        positives += tied_positive;
    }
    return share_of(found, positives);
}

// ---- with rows counted as often as they are drawn ------------------------------

struct counted {
    double positives, negatives;   // of all rows
    double true_positives, alarms; // called so far, from the top
};

static void put_decision(const struct decision_rows *in, const struct counted *c, double *out) {
    double missed = c->positives - c->true_positives;
    double cost = in->costs.false_alarm * c->alarms + in->costs.miss * missed;
    out[DECISION_SENSITIVITY] = share_of(c->true_positives, c->positives);
    out[DECISION_SPECIFICITY] = share_of(c->negatives - c->alarms, c->negatives);
    out[DECISION_PRECISION] = share_of(c->true_positives, c->true_positives + c->alarms);
    out[DECISION_COST] = share_of(cost, c->positives + c->negatives);
}

// The counts once every row of at least this score is called; rows are walked once for rising
// thresholds told in falling order.
static void call_down_to(const struct decision_rows *in, const uint8_t *weight, double threshold,
                         uint64_t *left, struct counted *c) {
    const struct ranked *ranked = &in->ranked;
    for (; *left > 0 && ranked->score[*left - 1] >= threshold; (*left)--) {
        uint64_t i = *left - 1;
        double w = weight[i] * weight_of(ranked, i);
        c->true_positives += ranked->truth[i] ? w : 0;
        c->alarms += ranked->truth[i] ? 0 : w;
    }
}

// The best of the other rate at each level, over all distinct scores and "nobody".
static void levels_fill(const struct decision_rows *in, const uint8_t *weight, uint64_t rows,
                        struct counted c, double *out) {
    uint32_t levels = in->level_count;
    for (uint32_t l = 0; l < levels; l++) {
        out[l] = c.positives > 0 ? 0 : NAN; // nobody is called: specificity 1
        out[levels + l] = NAN;
    }
    if (c.positives == 0 || c.negatives == 0) return;
    for (uint64_t left = rows; left > 0;) {
        call_down_to(in, weight, in->ranked.score[left - 1], &left, &c);
        double sensitivity = c.true_positives / c.positives;
        double specificity = (c.negatives - c.alarms) / c.negatives;
        for (uint32_t l = 0; l < levels; l++) {
            if (specificity >= in->levels[l]) out[l] = fmax(out[l], sensitivity);
            if (sensitivity >= in->levels[l]) out[levels + l] = fmax(out[levels + l], specificity);
        }
    }
}

void decision_metrics(const void *decision_rows, const uint8_t *weight, uint64_t rows,
                      double *out) {
    const struct decision_rows *in = decision_rows;
    struct counted none = {0};
    for (uint64_t i = 0; i < rows; i++) {
        double w = weight[i] * weight_of(&in->ranked, i);
        none.positives += in->ranked.truth[i] ? w : 0;
        none.negatives += in->ranked.truth[i] ? 0 : w;
    }
    for (uint32_t t = 0; t < in->threshold_count; t++, out += DECISIONS) {
        struct counted c = none;
        uint64_t left = rows;
        call_down_to(in, weight, in->thresholds[t], &left, &c);
        put_decision(in, &c, out);
    }
    if (in->level_count > 0) levels_fill(in, weight, rows, none, out);
    out += 2 * in->level_count;
    struct counted c = none;
    uint64_t left = rows;
    for (uint32_t p = in->chance_count; p > 0; p--) {
        double chance = in->chances[p - 1];
        call_down_to(in, weight, chance, &left, &c);
        double won = c.true_positives - c.alarms * chance / (1 - chance);
        out[p - 1] = share_of(won, c.positives + c.negatives);
    }
}
