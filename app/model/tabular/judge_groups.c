// How good a model is for each group of rows: rates, errors and the named differences, each with an
// interval from the same resamples, so that groups can be compared.

#include <math.h>
#include <string.h>

#include "model/tabular/judge_parts_private.h"

enum { GROUP_RATE, GROUP_SELECTED, GROUP_TPR, GROUP_FPR, GROUP_GAP, GROUP_AUC, GROUP_BINARY };
enum { GROUP_RIGHT, GROUP_CLASSES };
enum { GROUP_FIRST, GROUP_SECOND, GROUP_BIAS, GROUP_NUMBER }; // of numbers: two metrics, the bias
enum { GROUP_C_INDEX, GROUP_EVENTS, GROUP_EXPECTED, GROUP_OFF, GROUP_SURVIVAL };
enum { MEASURES_MAX = GROUP_BINARY, DIFFERENCES_MAX = 3 };

struct grouped;
typedef void measure_group(const struct grouped *g, uint32_t value, const uint8_t *weight,
                           double *out);

// What is compared between the groups where it is largest and smallest.
struct difference {
    const char *name;
    uint32_t measure;
    bool of_positives, of_negatives; // only groups with enough of them are compared
};
struct kind {
    const char *const *names; // (measures)
    measure_group *measure;
    const struct difference *differences;
    uint32_t measures, difference_count;
};

// The rows of the side by value, within one by rising prediction: those of value v are starts[v] to
// starts[v + 1] - 1 of every array, and draws count rows by that place.
struct grouped {
    const struct judging *judging;
    const struct kind *kind;
    double *score, *truth, *weight; // (N); classes: score 1 where right; weight NULL: all 1
    double *expected;               // (N), survival: events that the model expects of the row
    uint8_t *event;                 // (N), survival; the truth is the time
    struct survival_rows *lasting;  // (values), survival
    double threshold;
    uint32_t values;
    uint64_t *starts;                                       // (values + 1)
    uint32_t most[DIFFERENCES_MAX], least[DIFFERENCES_MAX]; // values; UINT32_MAX: not compared
};

static double weight_of(const struct grouped *g, const uint8_t *weight, uint64_t i) {
    return weight[i] * (g->weight ? g->weight[i] : 1);
}

static double share_of(double part, double whole) {
    return whole > 0 ? part / whole : NAN;
}

static void measure_binary(const struct grouped *g, uint32_t value, const uint8_t *weight,
                           double *out) {
    double positives = 0, negatives = 0, called_right = 0, called_wrong = 0, predicted = 0, won = 0;
    for (uint64_t i = g->starts[value]; i < g->starts[value + 1];) {
        double tie = g->score[i], tied_positive = 0, tied_negative = 0;
        for (; i < g->starts[value + 1] && g->score[i] == tie; i++) {
            double w = weight_of(g, weight, i);
            tied_positive += g->truth[i] > 0 ? w : 0;
            tied_negative += g->truth[i] > 0 ? 0 : w;
        }
        won += tied_positive * (negatives + tied_negative / 2);
        positives += tied_positive;
        negatives += tied_negative;
        predicted += tie * (tied_positive + tied_negative);
        if (tie < g->threshold) continue;
        called_right += tied_positive;
        called_wrong += tied_negative;
    }
    double rows = positives + negatives;
    out[GROUP_RATE] = share_of(positives, rows);
    out[GROUP_SELECTED] = share_of(called_right + called_wrong, rows);
    out[GROUP_TPR] = share_of(called_right, positives);
    out[GROUP_FPR] = share_of(called_wrong, negatives);
    out[GROUP_GAP] = share_of(predicted - positives, rows);
    out[GROUP_AUC] = share_of(won, positives * negatives);
}

static void measure_classes(const struct grouped *g, uint32_t value, const uint8_t *weight,
                            double *out) {
    double rows = 0, right = 0;
    for (uint64_t i = g->starts[value]; i < g->starts[value + 1]; i++) {
        double w = weight_of(g, weight, i);
        rows += w;
        right += w * g->score[i];
    }
    out[GROUP_RIGHT] = share_of(right, rows);
}

// The metrics of one value's rows of numbers, and how much too high the predictions are.
static double number_set(const struct grouped *g, uint32_t value, const uint8_t *weight,
                         void (*compute)(const void *number_rows, const uint8_t *weight,
                                         uint64_t rows, double *out),
                         double *out) {
    uint64_t first = g->starts[value], rows = g->starts[value + 1] - first;
    const double *own = g->weight ? g->weight + first : NULL;
    struct number_rows in = {g->score + first, g->truth + first, own, g->judging->quantile};
    double sum = 0, total = 0;
    compute(&in, weight + first, rows, out);
    for (uint64_t i = first; i < first + rows; i++) {
        double w = weight_of(g, weight, i);
        sum += w * (g->score[i] - g->truth[i]);
        total += w;
    }
    return share_of(sum, total);
}

static void measure_number(const struct grouped *g, uint32_t value, const uint8_t *weight,
                           double *out) {
    double all[NUMBER_METRICS];
    out[GROUP_BIAS] = number_set(g, value, weight, number_metrics, all);
    out[GROUP_FIRST] = all[NUMBER_RMSE];
    out[GROUP_SECOND] = all[NUMBER_MAE];
}

static void measure_quantile(const struct grouped *g, uint32_t value, const uint8_t *weight,
                             double *out) {
    double all[QUANTILE_METRICS];
    out[GROUP_BIAS] = number_set(g, value, weight, quantile_metrics, all);
    out[GROUP_FIRST] = all[QUANTILE_PINBALL];
    out[GROUP_SECOND] = all[QUANTILE_COVERAGE];
}

static void measure_count(const struct grouped *g, uint32_t value, const uint8_t *weight,
                          double *out) {
    double all[COUNT_METRICS];
    out[GROUP_BIAS] = number_set(g, value, weight, count_metrics, all);
    out[GROUP_FIRST] = all[COUNT_DEVIANCE];
    out[GROUP_SECOND] = all[COUNT_MAE];
}

static void measure_survival(const struct grouped *g, uint32_t value, const uint8_t *weight,
                             double *out) {
    uint64_t first = g->starts[value], rows = g->starts[value + 1] - first;
    double events = 0, expected = 0, total = 0;
    survival_metrics(&g->lasting[value], weight + first, rows, &out[GROUP_C_INDEX]);
    for (uint64_t i = first; i < first + rows; i++) {
        double w = weight_of(g, weight, i);
        events += g->event[i] ? w : 0;
        expected += w * g->expected[i];
        total += w;
    }
    out[GROUP_EVENTS] = share_of(events, total);
    out[GROUP_EXPECTED] = share_of(expected, total);
    out[GROUP_OFF] = share_of(expected - events, total);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))
static const char *const binary_measures[] = {"rate", "selected",        "tpr",
                                              "fpr",  "calibration_gap", "auc"};
static const char *const number_measures[] = {"rmse", "mae", "bias"};
static const char *const quantile_measures[] = {"pinball", "coverage", "bias"};
static const char *const count_measures[] = {"poisson_deviance", "mae", "bias"};
static const char *const class_measures[] = {"accuracy"};
static const char *const survival_measures[] = {"c_index", "events", "expected", "calibration_gap"};
static const struct difference binary_differences[] = {
    {"demographic_parity", GROUP_SELECTED, false, false},
    {"equal_opportunity", GROUP_TPR, true, false},
    {"false_alarms", GROUP_FPR, false, true},
};
static const struct difference number_differences[] = {{"rmse", GROUP_FIRST, false, false}};
static const struct difference quantile_differences[] = {
    {"pinball", GROUP_FIRST, false, false},
    {"coverage", GROUP_SECOND, false, false},
};
static const struct difference count_differences[] = {
    {"poisson_deviance", GROUP_FIRST, false, false},
    {"bias", GROUP_BIAS, false, false},
};
static const struct difference class_differences[] = {{"accuracy", GROUP_RIGHT, false, false}};
static const struct difference survival_differences[] = {
    {"c_index", GROUP_C_INDEX, true, false},
    {"calibration_gap", GROUP_OFF, false, false},
};
#define KIND(names, measure, differences) \
    { names, measure, differences, COUNT(names), COUNT(differences) }
static const struct kind binary = KIND(binary_measures, measure_binary, binary_differences);
static const struct kind classes = KIND(class_measures, measure_classes, class_differences);
static const struct kind survival = KIND(survival_measures, measure_survival, survival_differences);
static const struct kind numbers[] = {
    [LOSS_SQUARED] = KIND(number_measures, measure_number, number_differences),
    [LOSS_QUANTILE] = KIND(quantile_measures, measure_quantile, quantile_differences),
    [LOSS_POISSON] = KIND(count_measures, measure_count, count_differences),
};

static const struct kind *kind_of(const struct judging *judging) {
    switch (judging->target->task) {
    case TASK_BINARY: return &binary;
    case TASK_CLASSES: return &classes;
    case TASK_SURVIVAL: return &survival;
    case TASK_REGRESSION: break;
    }
    return &numbers[judging->loss];
}

// Every value's measures, then the differences.
static void measure(const void *ctx, const uint8_t *weight, uint64_t rows, double *out) {
    const struct grouped *g = ctx;
    const struct kind *kind = g->kind;
    (void)rows;
    for (uint32_t v = 0; v < g->values; v++) {
        kind->measure(g, v, weight, out + (size_t)v * kind->measures);
    }
    double *differences = out + (size_t)g->values * kind->measures;
    for (uint32_t d = 0; d < kind->difference_count; d++) {
        uint32_t at = kind->differences[d].measure;
        differences[d] = NAN;
        if (g->most[d] == UINT32_MAX) continue;
        differences[d] = out[(size_t)g->most[d] * kind->measures + at] -
                         out[(size_t)g->least[d] * kind->measures + at];
    }
}

// ---- the groups ------------------------------

static void grouped_close(struct grouped *g) {
    for (uint32_t v = 0; g->lasting && v < g->values; v++) survival_rows_close(&g->lasting[v]);
    memory_give(g->lasting);
    memory_give(g->event);
    memory_give(g->expected);
    memory_give(g->weight);
    memory_give(g->truth);
    memory_give(g->score);
    memory_give(g->starts);
}

static enum err grouped_take(struct grouped *g, const struct side_rows *side) {
    bool lasting = side->event != NULL;
    g->score = memory_take(side->rows * sizeof(*g->score) + 1);
    g->truth = memory_take(side->rows * sizeof(*g->truth) + 1);
    g->starts = memory_take((g->values + 1) * sizeof(*g->starts));
    if (side->weight) g->weight = memory_take(side->rows * sizeof(*g->weight) + 1);
    if (lasting) {
        g->event = memory_take(side->rows + 1);
        g->expected = memory_take(side->rows * sizeof(*g->expected) + 1);
        g->lasting = memory_take(g->values * sizeof(*g->lasting) + 1);
    }
    bool whole = g->score && g->truth && g->starts && (g->weight || !side->weight);
    return whole && (!lasting || (g->event && g->expected && g->lasting)) ? OK : ERR_MEMORY;
}

// Row `from` of the side at place `to`.
static void place_row(struct grouped *g, const struct tabular_model *model,
                      const struct side_rows *side, const double *score, uint32_t from,
                      uint64_t to) {
    g->score[to] = score[from];
    g->truth[to] = side->truth[from];
    if (g->weight) g->weight[to] = side->weight[from];
    if (!g->event) return;
    g->event[to] = side->event[from];
    double lasts = tabular_survival(model, score[from], side->truth[from]);
    g->expected[to] = -log(fmax(lasts, 1e-300)); // the cumulative hazard
}

static enum err arrange(struct grouped *g, const struct tabular_model *model,
                        const struct judge_column *column, const uint32_t *rows,
                        const struct side_rows *side, const double *score) {
    uint32_t *order = memory_take(side->rows * sizeof(*order) + 1);
    uint64_t *at = memory_take((g->values + 1) * sizeof(*at));
    enum err err = order && at ? order_by_score(score, side->rows, order) : ERR_MEMORY;
    for (uint64_t i = 0; err == OK && i < side->rows; i++) g->starts[column->value[rows[i]] + 1]++;
    for (uint32_t v = 0; err == OK && v < g->values; v++) {
        g->starts[v + 1] += g->starts[v];
        at[v] = g->starts[v];
    }
    for (uint64_t i = 0; err == OK && i < side->rows; i++) {
        place_row(g, model, side, score, order[i], at[column->value[rows[order[i]]]]++);
    }
    for (uint32_t v = 0; err == OK && g->lasting && v < g->values; v++) {
        uint64_t first = g->starts[v];
        err = survival_rows_open(g->score + first, g->truth + first, g->event + first,
                                 g->weight ? g->weight + first : NULL, g->starts[v + 1] - first,
                                 &g->lasting[v]);
    }
    memory_give(at);
    memory_give(order);
    return err;
}

// Positives: of survival events.
struct members {
    uint64_t rows, positives;
};

static struct members members_of(const struct grouped *g, uint32_t value) {
    struct members m = {g->starts[value + 1] - g->starts[value], 0};
    for (uint64_t i = g->starts[value]; i < g->starts[value + 1]; i++) {
        m.positives += g->event ? g->event[i] != 0 : g->truth[i] > 0;
    }
    return m;
}

static bool comparable(const struct difference *difference, struct members m) {
    if (difference->of_positives) return m.positives >= JUDGE_GROUP_LEAST;
    if (difference->of_negatives) return m.rows - m.positives >= JUDGE_GROUP_LEAST;
    return m.rows >= JUDGE_GROUP_LEAST;
}

// The groups to compare are those of the whole side, so that resamples compare the same two.
static void choose_pairs(struct grouped *g, const double *plain) {
    const struct kind *kind = g->kind;
    for (uint32_t d = 0; d < kind->difference_count; d++) {
        const struct difference *difference = &kind->differences[d];
        double high = -INFINITY, low = INFINITY;
        g->most[d] = g->least[d] = UINT32_MAX;
        for (uint32_t v = 0; v < g->values; v++) {
            double here = plain[(size_t)v * kind->measures + difference->measure];
            if (!comparable(difference, members_of(g, v)) || isnan(here)) continue;
            if (here > high) high = here, g->most[d] = v;
            if (here < low) low = here, g->least[d] = v;
        }
        if (g->most[d] == g->least[d]) g->most[d] = g->least[d] = UINT32_MAX;
    }
}

static void put_value_name(struct json_writer *out, const char *name, struct str value) {
    if (value.size)
        json_set_text(out, name, value);
    else
        json_set_null(out, name); // the cell was empty
}

static void write_column(const struct judging *j, const struct judge_column *column,
                         const struct grouped *g, const struct interval *values) {
    struct json_writer *out = j->out;
    const struct kind *kind = g->kind;
    json_open_object(out);
    json_set_text(out, "column", column->name);
    if (kind == &binary) json_set_number(out, "threshold", g->threshold);
    json_put_name(out, "values");
    json_open_array(out);
    for (uint32_t v = 0; v < g->values; v++) {
        struct members m = members_of(g, v);
        if (m.rows == 0) continue;
        json_open_object(out);
        put_value_name(out, "value", column->values[v]);
        json_set_u64(out, "rows", m.rows);
        if (kind == &binary) json_set_u64(out, "positives", m.positives);
        for (uint32_t i = 0; i < kind->measures; i++) {
            put_interval(out, kind->names[i], values[(size_t)v * kind->measures + i]);
        }
        json_close_object(out);
    }
    json_close_array(out);
    json_put_name(out, "differences");
    json_open_array(out);
    for (uint32_t d = 0; d < kind->difference_count; d++) {
        if (g->most[d] == UINT32_MAX) continue;
        struct interval value = values[(size_t)g->values * kind->measures + d];
        json_open_object(out);
        json_set_text(out, "name", str_of(kind->differences[d].name));
        put_value_name(out, "most", column->values[g->most[d]]);
        put_value_name(out, "least", column->values[g->least[d]]);
        json_set_number(out, "value", value.value);
        json_set_number(out, "low", value.low);
        json_set_number(out, "high", value.high);
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
}

static enum err judge_column(const struct judging *j, const struct tabular_model *model,
                             const struct judge_column *column, const uint32_t *rows,
                             const struct side_rows *side, const double *score, double threshold) {
    cy_assert(column->value_count <= JUDGE_VALUES_MAX);
    struct grouped g = {
        .judging = j, .kind = kind_of(j), .threshold = threshold, .values = column->value_count};
    uint8_t *weight = memory_take(side->rows + 1);
    double plain[JUDGE_VALUES_MAX * MEASURES_MAX + DIFFERENCES_MAX];
    struct interval values[JUDGE_VALUES_MAX * MEASURES_MAX + DIFFERENCES_MAX];
    enum err err = weight ? grouped_take(&g, side) : ERR_MEMORY;
    if (err == OK) err = arrange(&g, model, column, rows, side, score);
    if (err == OK) {
        for (uint32_t d = 0; d < DIFFERENCES_MAX; d++) g.most[d] = UINT32_MAX;
        memset(weight, 1, side->rows);
        measure(&g, weight, side->rows, plain);
        choose_pairs(&g, plain);
        uint32_t metrics = g.values * g.kind->measures + g.kind->difference_count;
        struct bootstrap_metric metric = {measure, &g, metrics};
        err = judge_resample(j, &metric, side->rows, 2, values);
    }
    if (err == OK) write_column(j, column, &g, values);
    grouped_close(&g);
    memory_give(weight);
    return err;
}

enum err judge_groups(const struct judging *judging, const struct tabular_judge *wish,
                      const struct tabular_model *model, const uint32_t *rows,
                      const struct side_rows *side, const double *predicted, double threshold) {
    bool several = judging->target->task == TASK_CLASSES;
    if (wish->by_count == 0 || side->rows == 0) return OK;
    uint32_t count = judging->target->class_count;
    double *right = several ? memory_take(side->rows * sizeof(*right) + 1) : NULL;
    if (several && !right) return ERR_MEMORY;
    for (uint64_t i = 0; right && i < side->rows; i++) {
        right[i] = judge_most_probable(predicted + i * count, count) == side->truth[i];
    }
    json_put_name(judging->out, "groups");
    json_open_array(judging->out);
    enum err err = OK;
    for (uint32_t c = 0; err == OK && c < wish->by_count; c++) {
        err = judge_column(judging, model, &wish->by[c], rows, side, right ? right : predicted,
                           threshold);
    }
    json_close_array(judging->out);
    memory_give(right);
    return err;
}
