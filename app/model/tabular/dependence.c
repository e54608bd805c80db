// Partial dependence: what the model says on average when one column alone is set to a value, over
// some test rows that keep their other values. Beside the mean the 10th and the 90th percentile of
// the rows' own answers, which part where columns act together. Source: Friedman 2001; the rows'
// own curves are Goldstein et al.'s (2015).
// Shapes: N rows looked at, P points of a column, K outputs.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/tabular/judge_private.h"

enum {
    ROWS_MAX = 2000,
    POINTS_MAX = 21, // quantiles of a number, or its commonest categories
};

struct depending {
    const struct judging *judging;
    const struct tabular_model *model;
    struct frame frame;
    const float **columns; // (F)
    float *constant;       // (N)
    float *sorted;         // (N)
    double *answers;       // (P, N, K)
    double *scratch;       // (N)
    uint32_t *seen;        // (TABULAR_CATEGORIES_MAX)
    float points[POINTS_MAX];
};

static int float_order(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static int double_order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Evenly spaced quantiles, each value once.
static uint32_t points_of_number(struct depending *d, const float *values) {
    uint64_t count = 0;
    uint32_t points = 0;
    for (uint64_t i = 0; i < d->frame.rows; i++) {
        if (isfinite(values[i])) d->sorted[count++] = values[i];
    }
    qsort(d->sorted, count, sizeof(*d->sorted), float_order);
    for (uint32_t p = 0; count > 0 && p < POINTS_MAX; p++) {
        float value = d->sorted[(count - 1) * p / (POINTS_MAX - 1)];
        if (points == 0 || value > d->points[points - 1]) d->points[points++] = value;
    }
    return points;
}

static uint32_t points_of_category(struct depending *d, uint32_t f, const float *values) {
    uint32_t categories = d->model->features[f].category_count, points = 0;
    memset(d->seen, 0, TABULAR_CATEGORIES_MAX * sizeof(*d->seen));
    for (uint64_t i = 0; i < d->frame.rows; i++) {
        if (values[i] >= 0 && values[i] < (float)categories) d->seen[(uint32_t)values[i]]++;
    }
    while (points < POINTS_MAX) {
        uint32_t best = 0;
        for (uint32_t c = 1; c < categories; c++) best = d->seen[c] > d->seen[best] ? c : best;
        if (categories == 0 || d->seen[best] == 0) break;
        d->seen[best] = 0;
        d->points[points++] = (float)best;
    }
    qsort(d->points, points, sizeof(*d->points), float_order);
    return points;
}

static enum err answers_fill(struct depending *d, uint32_t f, uint32_t points) {
    uint32_t outputs = d->model->outputs;
    const float *own = d->columns[f];
    enum err err = OK;
    for (uint32_t p = 0; p < points && err == OK; p++) {
        double *answers = d->answers + p * d->frame.rows * outputs;
        for (uint64_t i = 0; i < d->frame.rows; i++) d->constant[i] = d->points[p];
        d->columns[f] = d->constant;
        err = model_margin(d->model, &d->frame, d->judging->pool, answers);
        d->columns[f] = own;
        for (uint64_t i = 0; i < d->frame.rows; i++) model_link(d->model, answers + i * outputs);
        if (err == OK && progress_cancelled(d->judging->progress)) err = ERR_CANCELLED;
    }
    return err;
}

static double mean_of(const struct depending *d, uint32_t p, uint32_t k) {
    uint32_t outputs = d->model->outputs;
    double sum = 0;
    for (uint64_t i = 0; i < d->frame.rows; i++) {
        sum += d->answers[(p * d->frame.rows + i) * outputs + k];
    }
    return sum / (double)d->frame.rows;
}

// Of several classes the one whose probability the column moves most.
static uint32_t output_to_show(const struct depending *d, uint32_t points) {
    uint32_t shown = 0;
    double widest = -1;
    for (uint32_t k = 0; k < d->model->outputs; k++) {
        double least = INFINITY, most = -INFINITY;
        for (uint32_t p = 0; p < points; p++) {
            double mean = mean_of(d, p, k);
            least = fmin(least, mean);
            most = fmax(most, mean);
        }
        if (!(most - least > widest)) continue;
        widest = most - least;
        shown = k;
    }
    return shown;
}

static void point_write(struct depending *d, uint32_t f, uint32_t p, uint32_t k) {
    const struct feature *feature = &d->model->features[f];
    struct json_writer *out = d->judging->out;
    uint64_t rows = d->frame.rows;
    for (uint64_t i = 0; i < rows; i++) {
        d->scratch[i] = d->answers[(p * rows + i) * d->model->outputs + k];
    }
    qsort(d->scratch, rows, sizeof(*d->scratch), double_order);
    json_open_object(out);
    if (feature->kind == FEATURE_CATEGORY)
        json_set_text(out, "category", feature->categories[(uint32_t)d->points[p]]);
    else
        json_set_number(out, "x", (double)d->points[p]);
    json_set_number(out, "y", mean_of(d, p, k));
    json_set_number(out, "low", d->scratch[(rows - 1) / 10]);
    json_set_number(out, "high", d->scratch[(rows - 1) * 9 / 10]);
    json_close_object(out);
}

static enum err column_write(struct depending *d, uint32_t f) {
    const struct feature *feature = &d->model->features[f];
    bool category = feature->kind == FEATURE_CATEGORY;
    uint32_t points =
        category ? points_of_category(d, f, d->columns[f]) : points_of_number(d, d->columns[f]);
    if (points < 2) return OK; // one value on all the rows: no curve
    enum err err = answers_fill(d, f, points);
    if (err != OK) return err;
    struct json_writer *out = d->judging->out;
    uint32_t k = output_to_show(d, points);
    json_open_object(out);
    json_set_text(out, "feature", feature->name);
    if (d->model->outputs > 1) json_set_text(out, "class", d->model->classes[k]);
    json_put_name(out, "points");
    json_open_array(out);
    for (uint32_t p = 0; p < points; p++) point_write(d, f, p, k);
    json_close_array(out);
    json_close_object(out);
    return OK;
}

enum err judge_dependence(const struct judging *judging, const struct tabular_model *model,
                          const struct side_rows *side, const uint32_t *features, uint32_t count) {
    struct depending d = {.judging = judging, .model = model, .frame = side->frame};
    uint64_t rows = side->rows < ROWS_MAX ? side->rows : ROWS_MAX;
    size_t cells = rows * model->outputs * POINTS_MAX;
    d.frame.rows = rows; // the test side stands in the order of the frame: its first rows
    d.columns = memory_take(model->feature_count * sizeof(*d.columns) + 1);
    d.constant = memory_take(rows * sizeof(*d.constant) + 1);
    d.sorted = memory_take(rows * sizeof(*d.sorted) + 1);
    d.scratch = memory_take(rows * sizeof(*d.scratch) + 1);
    d.answers = memory_take(cells * sizeof(*d.answers) + 1);
    d.seen = memory_take(TABULAR_CATEGORIES_MAX * sizeof(*d.seen));
    bool whole = d.columns && d.constant && d.sorted && d.scratch && d.answers && d.seen;
    enum err err = whole ? OK : ERR_MEMORY;
    json_put_name(judging->out, "dependence");
    json_open_array(judging->out);
    if (whole) memcpy(d.columns, side->columns, model->feature_count * sizeof(*d.columns));
    d.frame.values = d.columns;
    for (uint32_t i = 0; err == OK && rows > 0 && i < count; i++) {
        err = column_write(&d, features[i]);
    }
    json_close_array(judging->out);
    memory_give(d.seen);
    memory_give(d.answers);
    memory_give(d.scratch);
    memory_give(d.sorted);
    memory_give(d.constant);
    memory_give(d.columns);
    return err;
}
