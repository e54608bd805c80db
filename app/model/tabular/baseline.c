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
};

// What a row adds to its bin's slots: a count per class, or the number.
static void gather(struct looking *l, const struct bins *bins, uint32_t column) {
    memset(l->sums, 0, (size_t)BINS_CELLS * l->slots * sizeof(double));
    memset(l->weight, 0, sizeof(l->weight));
    const uint8_t *cells = bins->columns + (size_t)column * bins->rows;
    for (uint32_t i = 0; i < l->count; i++) {
        double y = l->rows->target->values[l->sample[i]];
        double *sums = l->sums + (size_t)cells[i] * l->slots;
        l->weight[cells[i]]++;
        if (l->slots == 1)
            sums[0] += y;
        else
            sums[(uint32_t)y]++;
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

// R² of the mean per bin, for regression; majority per bin for classes: 1 when bins are pure.
static bool knows_answer(const struct looking *l, const struct feature_bins *feature) {
    uint32_t bins = feature->value_bins + 1u;
    enum tabular_task task = l->judging->target->task;
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
        return right >= judge_leak_auc * l->count;
    }
    double total = 0, square = 0, between = 0;
    for (uint32_t i = 0; i < l->count; i++) {
        double y = l->rows->target->values[l->sample[i]];
        total += y;
        square += y * y;
    }
    double mean = total / l->count, spread = square - total * mean;
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
    double held = 0, share = (double)l->count / RULE_GROUPS;
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
    for (uint32_t g = 0; g < groups; g++)
        memcpy(answer + g * outputs, mean, outputs * sizeof(double));
    for (uint32_t b = 0; b < bins; b++) {
        weight[group[b]] += l->weight[b];
        for (uint32_t k = 0; k < outputs; k++) {
            uint32_t slot = l->slots == 2 ? 1 : k;
            answer[group[b] * outputs + k] += l->sums[b * l->slots + slot];
        }
    }
    for (uint32_t g = 0; g < groups; g++) {
        for (uint32_t k = 0; k < outputs; k++) answer[g * outputs + k] /= weight[g] + 1;
    }
}

// Loss of the rule on the sample, by log loss or squares.
static double loss_of(const struct looking *l, const uint8_t *group, uint32_t bins,
                      const double *answer) {
    double loss = 0;
    for (uint32_t b = 0; b < bins; b++) {
        const double *a = answer + group[b] * l->outputs, *sums = l->sums + b * l->slots;
        if (l->slots == 1) {
            loss += l->weight[b] * a[0] * a[0] - 2 * a[0] * sums[0];
        } else if (l->slots == 2) {
            loss += sums[1] * metric_log_loss_of(a[0]) + sums[0] * metric_log_loss_of(1 - a[0]);
        } else {
            for (uint32_t k = 0; k < l->slots; k++) loss += sums[k] * metric_log_loss_of(a[k]);
        }
    }
    return loss;
}

static void set_mean(const struct looking *l, double *mean) {
    for (uint32_t i = 0; i < l->count; i++) {
        double y = l->rows->target->values[l->sample[i]];
        if (l->slots == 1)
            mean[0] += y / l->count;
        else if (l->slots == 2)
            mean[0] += (y > 0) / (double)l->count;
        else
            mean[(uint32_t)y] += 1 / (double)l->count;
    }
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
        leaks[feature->feature] = knows_answer(l, feature);
        uint32_t groups = group_bins(l, feature, group);
        answers(l, group, bins, groups, rule->mean, answer);
        // Each group costs as much as it could gain by chance (Akaike).
        double loss = loss_of(l, group, bins, answer) + (l->slots == 1 ? 0 : groups);
        if (loss >= best) continue;
        best = loss;
        rule->feature = feature->feature;
        rule->column = u;
        rule->groups = groups;
        memcpy(rule->group, group, bins);
        memcpy(rule->answer, answer, groups * l->outputs * sizeof(double));
    }
    memory_give(answer);
    return progress_cancelled(l->judging->progress) ? ERR_CANCELLED : OK;
}

enum err column_rule_fit(const struct judging *judging, const struct train_rows *rows,
                         struct column_rule *out, uint8_t *leaks) {
    struct column_rule rule = {.feature = UINT32_MAX};
    struct looking l = {.judging = judging, .rows = rows, .outputs = judging_outputs(judging)};
    enum tabular_task task = judging->target->task;
    l.slots = task == TASK_REGRESSION ? 1 : task == TASK_BINARY ? 2 : l.outputs;
    l.count = rows->train_count < JUDGE_SAMPLE ? (uint32_t)rows->train_count : JUDGE_SAMPLE;
    uint32_t *sample = memory_take(l.count * sizeof(*sample) + 1);
    l.sample = sample;
    l.sums = memory_take((size_t)BINS_CELLS * l.slots * sizeof(double));
    rule.answer = memory_take((size_t)BINS_CELLS * l.outputs * sizeof(double));
    rule.mean = memory_take(l.outputs * sizeof(double));
    enum err err = ERR_MEMORY;
    if (!sample || !l.sums || !rule.answer || !rule.mean) goto done;
    for (uint32_t i = 0; i < l.count; i++) {
        sample[i] = rows->train[rows->train_count * i / l.count];
    }
    err = bins_make(rows->frame, sample, l.count, BINS_MAX, judging->pool, judging->progress,
                    &rule.bins);
    if (err == OK) err = look(&l, &rule, leaks);
done:
    memory_give(l.sums);
    memory_give(sample);
    if (err != OK)
        column_rule_close(&rule);
    else
        *out = rule;
    return err;
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
