// What a model's score is worth as a decision: thresholds by rules and by cost, chosen where it was
// validated and told where it is tested; the decision curve; gains; a table for a slider.

#include <math.h>
#include <string.h>

#include "model/tabular/judge_parts_private.h"

// ---- shared by the parts ------------------------------

void scored_rows_close(struct scored_rows *rows) {
    memory_give(rows->order);
    memory_give(rows->score);
    memory_give(rows->weight);
    memory_give(rows->truth);
    *rows = (struct scored_rows){0};
}

enum err scored_rows_open(const struct side_rows *side, const double *predicted,
                          struct scored_rows *out) {
    uint64_t rows = side->rows;
    struct scored_rows s = {.order = memory_take(rows * sizeof(uint32_t) + 1),
                            .score = memory_take(rows * sizeof(double) + 1),
                            .truth = memory_take(rows + 1)};
    if (side->weight) s.weight = memory_take(rows * sizeof(double) + 1);
    bool whole = s.order && s.score && s.truth && (s.weight || !side->weight);
    enum err err = whole ? order_by_score(predicted, rows, s.order) : ERR_MEMORY;
    for (uint64_t i = 0; err == OK && i < rows; i++) {
        uint32_t row = s.order[i];
        s.score[i] = predicted[row];
        s.truth[i] = side->truth[row] > 0;
        if (s.weight) s.weight[i] = side->weight[row];
    }
    s.ranked = (struct ranked){s.score, s.truth, s.weight, rows};
    if (err == OK)
        *out = s;
    else
        scored_rows_close(&s);
    return err;
}

void put_interval(struct json_writer *out, const char *name, struct interval interval) {
    json_put_name(out, name);
    json_open_object(out);
    json_set_number(out, "value", interval.value);
    json_set_number(out, "low", interval.low);
    json_set_number(out, "high", interval.high);
    json_close_object(out);
}

enum err judge_resample(const struct judging *j, const struct bootstrap_metric *metric,
                        uint64_t rows, uint32_t passes, struct interval *out) {
    return bootstrap(metric, rows, bootstrap_resamples(rows * passes),
                     seed_mix(j->seed ^ 0x70617274u), j->pool, j->progress, out);
}

uint32_t judge_most_probable(const double *row, uint32_t classes) {
    uint32_t best = 0;
    for (uint32_t k = 1; k < classes; k++) best = row[k] > row[best] ? k : best;
    return best;
}

// ---- choices ------------------------------

static const double levels[] = {0.8, 0.9, 0.95};
enum { LEVELS = sizeof(levels) / sizeof(*levels), CHOICES_MAX = 3 + 2 * LEVELS };

struct choice {
    const char *rule; // "half", "youden", "cost", "specificity", "sensitivity"
    double least;     // of the last two
    double threshold;
};

static uint32_t choices_make(const struct ranked *validate, struct costs costs, double youden,
                             struct choice *out) {
    uint32_t count = 0;
    out[count++] = (struct choice){"half", 0, 0.5};
    if (!validate) return count;
    out[count++] = (struct choice){"youden", 0, youden};
    out[count++] = (struct choice){"cost", 0, threshold_by_cost(validate, costs)};
    for (uint32_t l = 0; l < LEVELS; l++) {
        double at = threshold_at_specificity(validate, levels[l]);
        out[count++] = (struct choice){"specificity", levels[l], at};
    }
    for (uint32_t l = 0; l < LEVELS; l++) {
        double at = threshold_at_sensitivity(validate, levels[l]);
        out[count++] = (struct choice){"sensitivity", levels[l], at};
    }
    return count;
}

static void write_choices(struct json_writer *out, const struct choice *choices, uint32_t count,
                          const struct interval *values) {
    json_put_name(out, "choices");
    json_open_array(out);
    for (uint32_t c = 0; c < count; c++, values += DECISIONS) {
        json_open_object(out);
        json_set_text(out, "rule", str_of(choices[c].rule));
        if (choices[c].least > 0) json_set_number(out, "least", choices[c].least);
        json_set_number(out, "threshold", choices[c].threshold);
        put_interval(out, "sensitivity", values[DECISION_SENSITIVITY]);
        put_interval(out, "specificity", values[DECISION_SPECIFICITY]);
        put_interval(out, "precision", values[DECISION_PRECISION]);
        put_interval(out, "cost", values[DECISION_COST]);
        json_close_object(out);
    }
    json_close_array(out);
}

static void write_reading(struct json_writer *out, const struct interval *values) {
    json_put_name(out, "reading");
    json_open_array(out);
    for (uint32_t l = 0; l < LEVELS; l++) {
        json_open_object(out);
        json_set_number(out, "level", levels[l]);
        put_interval(out, "sensitivity", values[l]);
        put_interval(out, "specificity", values[LEVELS + l]);
        json_close_object(out);
    }
    json_close_array(out);
}

static void write_benefit(struct json_writer *out, const double *chances,
                          const struct interval *values, const struct ranked *test) {
    struct decided all = decided_at(test, -INFINITY);
    json_put_name(out, "benefit");
    json_open_array(out);
    for (uint32_t p = 0; p < JUDGE_CHANCES; p++) {
        json_open_object(out);
        json_set_number(out, "chance", chances[p]);
        json_set_number(out, "model", values[p].value);
        json_set_number(out, "low", values[p].low);
        json_set_number(out, "high", values[p].high);
        json_set_number(out, "all", net_benefit(all, chances[p]));
        json_close_object(out);
    }
    json_close_array(out);
}

// ---- tables ------------------------------

static void write_gains(struct json_writer *out, const struct ranked *test) {
    json_put_name(out, "gains");
    json_open_array(out);
    for (uint32_t i = 1; i <= JUDGE_GAINS; i++) {
        double share = (double)i / JUDGE_GAINS;
        double found = gain_at(test, share);
        json_open_object(out);
        json_set_number(out, "share", share);
        json_set_number(out, "found", found);
        json_set_number(out, "lift", found / share);
        json_close_object(out);
    }
    json_close_array(out);
}

static void put_counts(struct json_writer *out, const char *name, const struct ranked *rows,
                       double threshold) {
    struct decided d = decided_at(rows, threshold);
    const double counts[] = {d.true_positives, d.false_positives, d.false_negatives,
                             d.true_negatives};
    json_put_name(out, name);
    json_open_array(out);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) json_put_number(out, counts[i]);
    json_close_array(out);
}

// Distinct scores of the side thresholds are chosen on, evenly by rank, and one above them all.
static void write_grid(struct json_writer *out, const struct ranked *validate,
                       const struct ranked *test) {
    const struct ranked *from = validate ? validate : test;
    double before = NAN;
    json_put_name(out, "thresholds");
    json_open_array(out);
    for (uint32_t i = 0; i < JUDGE_GRID; i++) {
        double at = i + 1 < JUDGE_GRID
                        ? from->score[(from->rows - 1) * i / (JUDGE_GRID - 2)]
                        : nextafter(fmax(from->score[from->rows - 1], test->score[test->rows - 1]),
                                    INFINITY);
        if (at == before) continue;
        before = at;
        json_open_object(out);
        json_set_number(out, "threshold", at);
        if (validate) put_counts(out, "validate", validate, at);
        put_counts(out, "test", test, at);
        json_close_object(out);
    }
    json_close_array(out);
}

static void write_precision(struct json_writer *out, const struct ranked *test) {
    struct curve_point points[JUDGE_ROC_POINTS];
    uint32_t count;
    curve_precision(test, points, JUDGE_ROC_POINTS, &count);
    json_put_name(out, "precision_curve");
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) {
        json_open_object(out);
        json_set_number(out, "x", points[i].x);
        json_set_number(out, "y", points[i].y);
        json_close_object(out);
    }
    json_close_array(out);
}

static void write_costs(struct json_writer *out, struct costs costs, const struct ranked *test) {
    struct decided all = decided_at(test, -INFINITY);
    struct decided none = decided_at(test, INFINITY);
    json_put_name(out, "costs");
    json_open_object(out);
    json_set_number(out, "false_alarm", costs.false_alarm);
    json_set_number(out, "miss", costs.miss);
    json_set_number(out, "all", cost_of(all, costs));
    json_set_number(out, "none", cost_of(none, costs));
    json_close_object(out);
}

static enum err write_decisions(const struct judging *j, const struct ranked *validate,
                                const struct ranked *test, struct costs costs, double youden) {
    struct choice choices[CHOICES_MAX];
    double thresholds[CHOICES_MAX], chances[JUDGE_CHANCES];
    struct interval values[CHOICES_MAX * DECISIONS + 2 * LEVELS + JUDGE_CHANCES];
    uint32_t count = choices_make(validate, costs, youden, choices);
    for (uint32_t c = 0; c < count; c++) thresholds[c] = choices[c].threshold;
    for (uint32_t p = 0; p < JUDGE_CHANCES; p++) chances[p] = (2 * p + 1) / (2.0 * JUDGE_CHANCES);
    struct decision_rows rows = {*test,   costs, thresholds, levels,
                                 chances, count, LEVELS,     JUDGE_CHANCES};
    struct bootstrap_metric metric = {decision_metrics, &rows, decision_metric_count(&rows)};
    enum err err = judge_resample(j, &metric, test->rows, 4, values);
    if (err != OK) return err;
    json_put_name(j->out, "decisions");
    json_open_object(j->out);
    write_costs(j->out, costs, test);
    write_choices(j->out, choices, count, values);
    write_reading(j->out, values + count * DECISIONS);
    write_benefit(j->out, chances, values + count * DECISIONS + 2 * LEVELS, test);
    write_gains(j->out, test);
    write_precision(j->out, test);
    write_grid(j->out, validate, test);
    json_close_object(j->out);
    return OK;
}

enum err judge_decisions(const struct judging *judging, const struct side_rows *validate,
                         const double *validate_predicted, const struct side_rows *test,
                         const double *predicted, struct costs costs, double youden) {
    if (judging->target->task != TASK_BINARY || test->rows == 0) return OK;
    struct scored_rows chosen = {0}, tested = {0};
    bool chooses = validate && validate->rows > 0;
    enum err err = OK;
    if (chooses) err = scored_rows_open(validate, validate_predicted, &chosen);
    if (err == OK) err = scored_rows_open(test, predicted, &tested);
    if (err == OK) {
        err = write_decisions(judging, chooses ? &chosen.ranked : NULL, &tested.ranked, costs,
                              youden);
    }
    scored_rows_close(&tested);
    scored_rows_close(&chosen);
    return err;
}
