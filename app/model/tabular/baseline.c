// Single columns: what the best of them can say alone, and which ones know the answer. Both look at
// a sample of the training side in bins.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/tabular/judge_private.h"

enum { RULE_GROUPS = 16 }; // ranges of a number in the rule

struct looking {
    const struct judging *judging;
    const struct train_rows *rows;
    const uint32_t *sample; // rows of the frame
    uint32_t count;
    uint32_t outputs, slots; // slots: K, or 2 for binary (negatives, positives), 1 for numbers
    double *sums;            // (BINS_CELLS, slots)
    double weight[BINS_CELLS];
    double total, prior; // of all weight; what the mean weighs in every group
    double *risk;        // (count), survival: scratch, times and events
    double *time;
    uint8_t *event;
};

static bool is_survival(const struct looking *l) {
    return l->judging->target->task == TASK_SURVIVAL;
}

// Answers are rates or counts: a Poisson likelihood chooses among columns.
static bool by_rate(const struct looking *l) {
    return is_survival(l) || (l->slots == 1 && l->judging->loss == LOSS_POISSON);
}

// What a row adds: its weight and, to a slot, its class or its number. Of survival the time it was
// watched and the event, so that their quotient is a rate.
struct share {
    double weight, amount;
    uint32_t slot;
};
static struct share share_of(const struct looking *l, uint32_t row) {
    const struct tabular_target *target = l->judging->target;
    double w = target->weight ? target->weight[row] : 1, y = target->values[row];
    if (is_survival(l)) return (struct share){w * y, w * target->event[row], 0};
    if (l->slots == 1) return (struct share){w, w * y, 0};
    return (struct share){w, w, (uint32_t)y};
}

// A bin's weight and slots.
static void gather(struct looking *l, const struct bins *bins, uint32_t column) {
    memset(l->sums, 0, (size_t)BINS_CELLS * l->slots * sizeof(double));
    memset(l->weight, 0, sizeof(l->weight));
    const uint8_t *cells = bins->columns + (size_t)column * bins->rows;
    for (uint32_t i = 0; i < l->count; i++) {
        struct share share = share_of(l, l->sample[i]);
        l->weight[cells[i]] += share.weight;
        l->sums[(size_t)cells[i] * l->slots + share.slot] += share.amount;
    }
}

struct ranked_bin {
    double rate;
    uint32_t bin;
};

static int compare_bins(const void *a, const void *b) {
    const struct ranked_bin *x = a, *y = b;
    if (x->rate != y->rate) return x->rate < y->rate ? -1 : 1;
    return x->bin < y->bin ? -1 : x->bin > y->bin;
}

// AUC of a column alone, either way round: numbers by their order with missing last; categories by
// their rate, which only counts where categories are large enough for it to mean something.
static double column_auc(const struct looking *l, const struct feature_bins *feature) {
    struct ranked_bin ranked[BINS_CELLS];
    uint32_t bins = feature->value_bins + 1u;
    if (feature->is_category && l->count < 20 * bins) return 0.5;
    for (uint32_t b = 0; b < bins; b++) {
        double rate = l->weight[b] > 0 ? l->sums[b * 2 + 1] / l->weight[b] : 0;
        ranked[b] = (struct ranked_bin){feature->is_category ? rate : b, b};
    }
    qsort(ranked, bins, sizeof(*ranked), compare_bins);
    double below = 0, won = 0, positives = 0;
    for (uint32_t i = 0; i < bins; i++) {
        const double *sums = l->sums + (size_t)ranked[i].bin * 2;
        won += sums[1] * (below + sums[0] / 2);
        below += sums[0];
        positives += sums[1];
    }
    if (below == 0 || positives == 0) return 0.5;
    double auc = won / (below * positives);
    return auc < 0.5 ? 1 - auc : auc;
}

// C-index of a column of numbers alone, either way round.
static bool knows_time(const struct looking *l, const struct feature_bins *feature,
                       const uint8_t *cells) {
    if (feature->is_category) return false;
    for (uint32_t i = 0; i < l->count; i++) l->risk[i] = cells[i];
    double c = metric_c_index(l->risk, l->time, l->event, l->count);
    return c >= judge_leak_auc || c <= 1 - judge_leak_auc;
}

// R² of the mean per bin, for regression; majority per bin for classes: 1 when bins are pure.
static bool knows_answer(const struct looking *l, const struct feature_bins *feature,
                         const uint8_t *cells) {
    uint32_t bins = feature->value_bins + 1u;
    enum tabular_task task = l->judging->target->task;
    if (task == TASK_SURVIVAL) return knows_time(l, feature, cells);
    if (task == TASK_BINARY) return column_auc(l, feature) >= judge_leak_auc;
    // With few rows in each bin anything looks known.
    if (l->count < 20 * bins) return false;
    if (task == TASK_CLASSES) {
        double right = 0;
        for (uint32_t b = 0; b < bins; b++) {
            double most = 0;
            for (uint32_t k = 0; k < l->slots; k++) most = fmax(most, l->sums[b * l->slots + k]);
            right += most;
        }
        return right >= judge_leak_auc * l->total;
    }
    double sum = 0, square = 0, between = 0;
    for (uint32_t i = 0; i < l->count; i++) {
        struct share share = share_of(l, l->sample[i]);
        sum += share.amount;
        square += share.weight > 0 ? share.amount * share.amount / share.weight : 0;
    }
    double mean = sum / l->total, spread = square - sum * mean;
    for (uint32_t b = 0; b < bins; b++) {
        if (l->weight[b] == 0) continue;
        double off = l->sums[b] / l->weight[b] - mean;
        between += l->weight[b] * off * off;
    }
    return spread > 0 && between >= judge_leak_r2 * spread;
}

// Bins merged to groups of about equal weight; categories and missing values stay by themselves.
static uint32_t group_bins(const struct looking *l, const struct feature_bins *feature,
                           uint8_t *group) {
    uint32_t groups = 0;
    double held = 0, share = l->total / RULE_GROUPS;
    for (uint32_t b = 0; b < feature->value_bins; b++) {
        group[b] = (uint8_t)groups;
        held += l->weight[b];
        if (feature->is_category || held >= share) {
            groups++;
            held = 0;
        }
    }
    if (held > 0) groups++;
    group[feature->value_bins] = (uint8_t)groups;
    return groups + 1;
}

// The answer per group, drawn towards the mean by one row's weight.
static void answers(const struct looking *l, const uint8_t *group, uint32_t bins, uint32_t groups,
                    const double *mean, double *answer) {
    double weight[BINS_CELLS] = {0};
    uint32_t outputs = l->outputs;
    for (uint32_t g = 0; g < groups * outputs; g++) answer[g] = mean[g % outputs] * l->prior;
    for (uint32_t b = 0; b < bins; b++) {
        weight[group[b]] += l->weight[b];
        for (uint32_t k = 0; k < outputs; k++) {
            uint32_t slot = l->slots == 2 ? 1 : k;
            answer[group[b] * outputs + k] += l->sums[b * l->slots + slot];
        }
    }
    for (uint32_t g = 0; g < groups; g++) {
        for (uint32_t k = 0; k < outputs; k++) answer[g * outputs + k] /= weight[g] + l->prior;
    }
}

// Loss of the rule on the sample, by log loss, rates or squares.
static double loss_of(const struct looking *l, const uint8_t *group, uint32_t bins,
                      const double *answer) {
    double loss = 0;
    for (uint32_t b = 0; b < bins; b++) {
        const double *a = answer + group[b] * l->outputs, *sums = l->sums + b * l->slots;
        if (by_rate(l)) {
            loss += l->weight[b] * a[0] - sums[0] * log(fmax(a[0], 1e-300));
        } else if (l->slots == 1) {
            loss += l->weight[b] * a[0] * a[0] - 2 * a[0] * sums[0];
        } else if (l->slots == 2) {
            loss += sums[1] * metric_log_loss_of(a[0]) + sums[0] * metric_log_loss_of(1 - a[0]);
        } else {
            for (uint32_t k = 0; k < l->slots; k++) loss += sums[k] * metric_log_loss_of(a[k]);
        }
    }
    return loss;
}

static void set_mean(struct looking *l, double *mean) {
    for (uint32_t i = 0; i < l->count; i++) {
        struct share share = share_of(l, l->sample[i]);
        l->total += share.weight;
        if (l->slots == 2)
            mean[0] += share.slot * share.amount;
        else
            mean[share.slot] += share.amount;
    }
    if (l->total == 0) l->total = 1;
    for (uint32_t k = 0; k < l->outputs; k++) mean[k] /= l->total;
    l->prior = is_survival(l) ? l->total / (l->count ? l->count : 1) : 1;
}

// The quantile of each group's rows in place of the mean; of all rows where a group has none.
static enum err set_quantiles(const struct looking *l, struct column_rule *rule) {
    struct weighed_value *rows = memory_take(l->count * sizeof(*rows) + 1);
    if (!rows) return ERR_MEMORY;
    bool column = rule->feature != UINT32_MAX;
    const uint8_t *cells = rule->bins.columns + (size_t)rule->column * rule->bins.rows;
    double quantile = l->judging->quantile;
    for (uint32_t g = 0; g <= (column ? rule->groups : 0); g++) { // the last: all
        uint32_t count = 0;
        bool all = !column || g == rule->groups;
        for (uint32_t i = 0; i < l->count; i++) {
            struct share share = share_of(l, l->sample[i]);
            if (share.weight == 0 || (!all && rule->group[cells[i]] != g)) continue;
            rows[count++] = (struct weighed_value){share.amount / share.weight, share.weight};
        }
        double *answer = all ? rule->mean : &rule->answer[g];
        *answer = count > 0 ? quantile_weighed(rows, count, quantile) : NAN;
    }
    for (uint32_t g = 0; column && g < rule->groups; g++) {
        if (isnan(rule->answer[g])) rule->answer[g] = rule->mean[0];
    }
    memory_give(rows);
    return OK;
}

static enum err look(struct looking *l, struct column_rule *rule, uint8_t *leaks) {
    double *answer = memory_take((size_t)BINS_CELLS * l->outputs * sizeof(double));
    if (!answer) return ERR_MEMORY;
    set_mean(l, rule->mean);
    double best = INFINITY;
    for (uint32_t u = 0; u < rule->bins.count; u++) {
        const struct feature_bins *feature = &rule->bins.features[u];
        uint32_t bins = feature->value_bins + 1u;
        uint8_t group[BINS_CELLS];
        gather(l, &rule->bins, u);
        leaks[feature->feature] =
            knows_answer(l, feature, rule->bins.columns + (size_t)u * rule->bins.rows);
        uint32_t groups = group_bins(l, feature, group);
        answers(l, group, bins, groups, rule->mean, answer);
        // Each group costs as much as it could gain by chance (Akaike).
        double loss = loss_of(l, group, bins, answer) + (l->slots == 1 && !by_rate(l) ? 0 : groups);
        if (loss >= best) continue;
        best = loss;
        rule->feature = feature->feature;
        rule->column = u;
        rule->groups = groups;
        memcpy(rule->group, group, bins);
        memcpy(rule->answer, answer, groups * l->outputs * sizeof(double));
    }
    memory_give(answer);
    if (progress_cancelled(l->judging->progress)) return ERR_CANCELLED;
    bool quantile = l->slots == 1 && !is_survival(l) && l->judging->loss == LOSS_QUANTILE;
    return quantile ? set_quantiles(l, rule) : OK;
}

enum err column_rule_fit(const struct judging *judging, const struct train_rows *rows,
                         struct column_rule *out, uint8_t *leaks) {
    struct column_rule rule = {.feature = UINT32_MAX};
    struct looking l = {.judging = judging, .rows = rows, .outputs = judging_outputs(judging)};
    enum tabular_task task = judging->target->task;
    l.slots = task == TASK_BINARY ? 2 : l.outputs;
    l.count = rows->train_count < JUDGE_SAMPLE ? (uint32_t)rows->train_count : JUDGE_SAMPLE;
    uint32_t *sample = memory_take(l.count * sizeof(*sample) + 1);
    l.sample = sample;
    l.sums = memory_take((size_t)BINS_CELLS * l.slots * sizeof(double));
    rule.answer = memory_take((size_t)BINS_CELLS * l.outputs * sizeof(double));
    rule.mean = memory_take(l.outputs * sizeof(double));
    enum err err = ERR_MEMORY;
    if (!sample || !l.sums || !rule.answer || !rule.mean) goto done;
    if (task == TASK_SURVIVAL) {
        l.risk = memory_take(l.count * sizeof(double) + 1);
        l.time = memory_take(l.count * sizeof(double) + 1);
        l.event = memory_take(l.count + 1);
        if (!l.risk || !l.time || !l.event) goto done;
    }
    for (uint32_t i = 0; i < l.count; i++) {
        sample[i] = rows->train[rows->train_count * i / l.count];
        if (!l.event) continue;
        l.time[i] = judging->target->values[sample[i]];
        l.event[i] = judging->target->event[sample[i]];
    }
    err = bins_make(rows->frame, sample, l.count, BINS_MAX, judging->pool, judging->progress,
                    &rule.bins);
    if (err == OK) err = look(&l, &rule, leaks);
done:
    memory_give(l.event);
    memory_give(l.time);
    memory_give(l.risk);
    memory_give(l.sums);
    memory_give(sample);
    if (err != OK)
        column_rule_close(&rule);
    else
        *out = rule;
    return err;
}

const char *column_rule_plain_name(const struct judging *judging) {
    switch (judging->target->task) {
    case TASK_REGRESSION: return judging->loss == LOSS_QUANTILE ? "quantile" : "mean";
    case TASK_SURVIVAL: return "same_risk";
    case TASK_BINARY:
    case TASK_CLASSES: break;
    }
    return "majority";
}

void column_rule_close(struct column_rule *rule) {
    bins_close(&rule->bins);
    memory_give(rule->answer);
    memory_give(rule->mean);
    rule->answer = rule->mean = NULL;
}

enum err column_rule_predict(const struct judging *judging, const struct column_rule *rule,
                             const struct side_rows *side, double *out) {
    size_t outputs = judging_outputs(judging);
    struct bins bins = {0};
    if (rule->feature != UINT32_MAX) {
        enum err err = bins_like(&rule->bins, &side->frame, NULL, side->rows, judging->pool,
                                 judging->progress, &bins);
        if (err != OK) return err;
    }
    for (uint64_t i = 0; i < side->rows; i++) {
        const double *answer = rule->mean;
        if (rule->feature != UINT32_MAX) {
            uint8_t bin = bins.columns[rule->column * bins.rows + i];
            answer = rule->answer + rule->group[bin] * outputs;
        }
        memcpy(out + i * outputs, answer, outputs * sizeof(*out));
    }
    if (rule->feature != UINT32_MAX) bins_close(&bins);
    return OK;
}
