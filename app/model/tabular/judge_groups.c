// How good a model is for each group of rows: rates, errors and the named differences, each with an
// interval from the same resamples, so that groups can be compared.

#include <math.h>
#include <string.h>

#include "model/tabular/judge_parts_private.h"

enum { GROUP_RATE, GROUP_SELECTED, GROUP_TPR, GROUP_FPR, GROUP_GAP, GROUP_AUC, GROUP_BINARY };
enum { GROUP_RMSE, GROUP_MAE, GROUP_BIAS, GROUP_NUMBER };
enum { GROUP_RIGHT, GROUP_CLASSES };
enum { MEASURES_MAX = GROUP_BINARY, DIFFERENCES_MAX = 3 };

// What is compared between the groups where it is largest and smallest.
struct difference {
    const char *name;
    uint32_t measure;
    bool of_positives, of_negatives; // only groups with enough of them are compared
};
static const struct difference binary_differences[] = {
    {"demographic_parity", GROUP_SELECTED, false, false},
    {"equal_opportunity", GROUP_TPR, true, false},
    {"false_alarms", GROUP_FPR, false, true},
};
static const struct difference number_differences[] = {{"rmse", GROUP_RMSE, false, false}};
static const struct difference class_differences[] = {{"accuracy", GROUP_RIGHT, false, false}};

struct kind {
    const char *const *names; // (measures)
    const struct difference *differences;
    uint32_t measures, difference_count;
};
static const char *const binary_measures[] = {"rate", "selected",        "tpr",
                                              "fpr",  "calibration_gap", "auc"};
static const char *const number_measures[] = {"rmse", "mae", "bias"};
static const char *const class_measures[] = {"accuracy"};
#define COUNT(array) (sizeof(array) / sizeof *(array))
static const struct kind kinds[] = {
    [TASK_BINARY] = {binary_measures, binary_differences, GROUP_BINARY, COUNT(binary_differences)},
    [TASK_CLASSES] = {class_measures, class_differences, GROUP_CLASSES, COUNT(class_differences)},
    [TASK_REGRESSION] = {number_measures, number_differences, GROUP_NUMBER,
                         COUNT(number_differences)},
};

struct grouped {
    enum tabular_task task;
    const struct kind *kind;
    const double *score, *truth; // by row of the side; classes: score 1 where right
    double threshold;
    uint32_t values;
    const uint32_t *index;  // (N) rows of the side by value, within one by rising score
    const uint64_t *starts; // (values + 1)
    uint32_t most[DIFFERENCES_MAX], least[DIFFERENCES_MAX]; // values; UINT32_MAX: not compared
};

static void measure_binary(const struct grouped *g, uint32_t value, const uint8_t *weight,
                           double *out) {
    double positives = 0, negatives = 0, called_right = 0, called_wrong = 0, predicted = 0, won = 0;
    for (uint64_t i = g->starts[value]; i < g->starts[value + 1];) {
        double tie = g->score[g->index[i]], tied_positive = 0, tied_negative = 0;
        for (; i < g->starts[value + 1] && g->score[g->index[i]] == tie; i++) {
            uint32_t row = g->index[i];
            tied_positive += g->truth[row] > 0 ? weight[row] : 0;
            tied_negative += g->truth[row] > 0 ? 0 : weight[row];
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
    out[GROUP_RATE] = rows > 0 ? positives / rows : NAN;
    out[GROUP_SELECTED] = rows > 0 ? (called_right + called_wrong) / rows : NAN;
    out[GROUP_TPR] = positives > 0 ? called_right / positives : NAN;
    out[GROUP_FPR] = negatives > 0 ? called_wrong / negatives : NAN;
    out[GROUP_GAP] = rows > 0 ? (predicted - positives) / rows : NAN;
    out[GROUP_AUC] = positives > 0 && negatives > 0 ? won / (positives * negatives) : NAN;
}

static void measure_number(const struct grouped *g, uint32_t value, const uint8_t *weight,
                           double *out) {
    double rows = 0, square = 0, absolute = 0, sum = 0;
    for (uint64_t i = g->starts[value]; i < g->starts[value + 1]; i++) {
        uint32_t row = g->index[i];
        double off = g->score[row] - g->truth[row];
        rows += weight[row];
        square += weight[row] * off * off;
        absolute += weight[row] * fabs(off);
        sum += weight[row] * off;
    }
    out[GROUP_RMSE] = rows > 0 ? sqrt(square / rows) : NAN;
    out[GROUP_MAE] = rows > 0 ? absolute / rows : NAN;
    out[GROUP_BIAS] = rows > 0 ? sum / rows : NAN;
}

static void measure_classes(const struct grouped *g, uint32_t value, const uint8_t *weight,
                            double *out) {
    double rows = 0, right = 0;
    for (uint64_t i = g->starts[value]; i < g->starts[value + 1]; i++) {
        rows += weight[g->index[i]];
        right += weight[g->index[i]] * g->score[g->index[i]];
    }
    out[GROUP_RIGHT] = rows > 0 ? right / rows : NAN;
}

// Every value's measures, then the differences.
static void measure(const void *ctx, const uint8_t *weight, uint64_t rows, double *out) {
    const struct grouped *g = ctx;
    const struct kind *kind = g->kind;
    (void)rows;
    for (uint32_t v = 0; v < g->values; v++) {
        double *to = out + (size_t)v * kind->measures;
        if (g->task == TASK_BINARY)
            measure_binary(g, v, weight, to);
        else if (g->task == TASK_CLASSES)
            measure_classes(g, v, weight, to);
        else
            measure_number(g, v, weight, to);
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

// Rows of each value, within one by rising score.
static enum err arrange(const struct judge_column *column, const uint32_t *rows,
                        const double *score, uint64_t count, uint64_t *starts, uint32_t *index) {
    uint32_t *order = memory_take(count * sizeof(*order) + 1);
    uint64_t *at = memory_take((column->value_count + 1) * sizeof(*at));
    enum err err = order && at ? order_by_score(score, count, order) : ERR_MEMORY;
    for (uint64_t i = 0; err == OK && i < count; i++) starts[column->value[rows[i]] + 1]++;
    for (uint32_t v = 0; err == OK && v < column->value_count; v++) {
        starts[v + 1] += starts[v];
        at[v] = starts[v];
    }
    for (uint64_t i = 0; err == OK && i < count; i++) {
        index[at[column->value[rows[order[i]]]]++] = order[i];
    }
    memory_give(at);
    memory_give(order);
    return err;
}

struct members {
    uint64_t rows, positives;
};

static struct members members_of(const struct grouped *g, uint32_t value) {
    struct members m = {g->starts[value + 1] - g->starts[value], 0};
    for (uint64_t i = g->starts[value]; i < g->starts[value + 1]; i++) {
        m.positives += g->truth[g->index[i]] > 0;
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
    if (g->task == TASK_BINARY) json_set_number(out, "threshold", g->threshold);
    json_put_name(out, "values");
    json_open_array(out);
    for (uint32_t v = 0; v < g->values; v++) {
        struct members m = members_of(g, v);
        if (m.rows == 0) continue;
        json_open_object(out);
        put_value_name(out, "value", column->values[v]);
        json_set_u64(out, "rows", m.rows);
        if (g->task == TASK_BINARY) json_set_u64(out, "positives", m.positives);
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

static enum err judge_column(const struct judging *j, const struct judge_column *column,
                             const uint32_t *rows, struct grouped g, uint64_t count) {
    cy_assert(column->value_count <= JUDGE_VALUES_MAX);
    uint32_t *index = memory_take(count * sizeof(*index) + 1);
    uint64_t *starts = memory_take((column->value_count + 1) * sizeof(*starts));
    uint8_t *weight = memory_take(count + 1);
    double plain[JUDGE_VALUES_MAX * MEASURES_MAX + DIFFERENCES_MAX];
    struct interval values[JUDGE_VALUES_MAX * MEASURES_MAX + DIFFERENCES_MAX];
    enum err err = index && starts && weight ? OK : ERR_MEMORY;
    if (err == OK) err = arrange(column, rows, g.score, count, starts, index);
    if (err == OK) {
        g.index = index;
        g.starts = starts;
        g.values = column->value_count;
        for (uint32_t d = 0; d < DIFFERENCES_MAX; d++) g.most[d] = UINT32_MAX;
        memset(weight, 1, count);
        measure(&g, weight, count, plain);
        choose_pairs(&g, plain);
        uint32_t metrics = g.values * g.kind->measures + g.kind->difference_count;
        struct bootstrap_metric metric = {measure, &g, metrics};
        err = judge_resample(j, &metric, count, 2, values);
    }
    if (err == OK) write_column(j, column, &g, values);
    memory_give(weight);
    memory_give(starts);
    memory_give(index);
    return err;
}

enum err judge_groups(const struct judging *judging, const struct tabular_judge *wish,
                      const uint32_t *rows, const struct side_rows *side, const double *predicted,
                      double threshold) {
    enum tabular_task task = judging->target->task;
    if (wish->by_count == 0 || task >= COUNT(kinds) || side->rows == 0) return OK;
    uint32_t classes = judging->target->class_count;
    double *right = task == TASK_CLASSES ? memory_take(side->rows * sizeof(*right) + 1) : NULL;
    if (task == TASK_CLASSES && !right) return ERR_MEMORY;
    for (uint64_t i = 0; right && i < side->rows; i++) {
        uint32_t said = judge_most_probable(predicted + i * classes, classes);
        right[i] = said == (uint32_t)side->truth[i];
    }
    struct grouped g = {.task = task,
                        .kind = &kinds[task],
                        .score = right ? right : predicted,
                        .truth = side->truth,
                        .threshold = threshold};
    json_put_name(judging->out, "groups");
    json_open_array(judging->out);
    enum err err = OK;
    for (uint32_t c = 0; err == OK && c < wish->by_count; c++) {
        err = judge_column(judging, &wish->by[c], rows, g, side->rows);
    }
    json_close_array(judging->out);
    memory_give(right);
    return err;
}
