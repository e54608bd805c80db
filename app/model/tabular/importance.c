// Importance of columns: the gain of the splits they made (or how far their part of a linear model
// swings, or its information value), and how much worse the headline gets on test rows when the
// column is shuffled.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/tabular/judge_private.h"

struct weighed {
    double gain, permutation; // permutation NaN: not tried
    uint32_t feature;
};

static void gains_of_forest(const struct forest *forest, struct weighed *list) {
    for (uint32_t n = 0; n < forest->node_count; n++) {
        const struct node *node = &forest->nodes[n];
        if (node->left) list[node->feature].gain += (double)node->gain;
    }
}

static void gains_of_linear(const struct linear *linear, const struct side_rows *side,
                            struct weighed *list) {
    uint64_t rows = side->rows < 2000 ? side->rows : 2000;
    for (uint32_t f = 0; f < linear->features; f++) {
        for (uint32_t k = 0; k < linear->outputs; k++) {
            double mean = linear->average[(size_t)f * linear->outputs + k];
            for (uint64_t i = 0; i < rows; i++) {
                double part = linear_part(linear, &side->frame, f, i, k);
                list[f].gain += fabs(part - mean) / (double)rows;
            }
        }
    }
}

static void gains_of_points(const struct points *points, struct weighed *list) {
    for (uint32_t f = 0; f < points->count; f++) {
        if (points->features[f].bin_count) list[f].gain = points->features[f].information;
    }
}

static int compare_weighed(const void *a, const void *b) {
    const struct weighed *x = a, *y = b;
    if (x->gain != y->gain) return x->gain > y->gain ? -1 : 1;
    return x->feature < y->feature ? -1 : x->feature > y->feature;
}

// Fisher and Yates; the same shuffle for every column.
static void shuffle(const float *from, float *to, uint64_t rows, uint64_t seed) {
    struct draw draw = {seed};
    memcpy(to, from, rows * sizeof(*to));
    for (uint64_t i = rows; i > 1; i--) {
        uint64_t j = draw_below(&draw, i);
        float swap = to[i - 1];
        to[i - 1] = to[j];
        to[j] = swap;
    }
}

// The texts of a frame with those of column f in another order.
static enum err shuffle_text(const struct frame *frame, uint32_t f, uint64_t seed,
                             struct sparse **out) {
    struct draw draw = {seed};
    uint32_t *order = memory_take(frame->rows * sizeof(*order) + 1);
    if (!order) return ERR_MEMORY;
    for (uint32_t i = 0; i < frame->rows; i++) order[i] = i;
    for (uint64_t i = frame->rows; i > 1; i--) {
        uint64_t j = draw_below(&draw, i);
        uint32_t swap = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swap;
    }
    enum err err = sparse_take(frame, order, frame->rows, out);
    memory_give(order);
    for (uint32_t c = 0; err == OK && *out && c < frame->feature_count; c++) {
        if (c != f) (*out)[c] = frame->sparse[c];
    }
    return err;
}

static enum err headline(const struct judging *j, const struct tabular_model *model,
                         const struct side_rows *side, const struct frame *frame, double *predicted,
                         double *out) {
    enum err err = model_margin(model, frame, j->pool, predicted);
    if (err != OK) return err;
    for (uint64_t i = 0; i < frame->rows; i++) model_link(model, predicted + i * model->outputs);
    *out = judge_headline(j, side, predicted, frame->rows);
    return OK;
}

static enum err try_columns(const struct judging *j, const struct tabular_model *model,
                            const struct side_rows *side, struct weighed *list) {
    struct frame frame = side->frame;
    frame.rows = side->rows < JUDGE_SHUFFLE_ROWS ? side->rows : JUDGE_SHUFFLE_ROWS;
    const float **columns = memory_take(frame.feature_count * sizeof(*columns) + 1);
    float *shuffled = memory_take(frame.rows * sizeof(*shuffled) + 1);
    double *predicted = memory_take(frame.rows * model->outputs * sizeof(*predicted) + 1);
    enum err err = columns && shuffled && predicted ? OK : ERR_MEMORY;
    double whole = NAN;
    if (err != OK) goto done;
    memcpy(columns, side->columns, frame.feature_count * sizeof(*columns));
    frame.values = columns;
    err = headline(j, model, side, &frame, predicted, &whole);
    for (uint32_t i = 0; err == OK && i < frame.feature_count && i < JUDGE_SHUFFLED_MAX; i++) {
        uint32_t f = list[i].feature;
        list[i].permutation = 0;
        if (list[i].gain == 0) continue; // the model does not look at it
        double without = NAN;
        uint64_t seed = seed_mix(j->seed ^ 0x7368756666u);
        struct sparse *mixed = NULL;
        shuffle(side->columns[f], shuffled, frame.rows, seed);
        columns[f] = shuffled;
        if (model->features[f].kind == FEATURE_TEXT) err = shuffle_text(&frame, f, seed, &mixed);
        if (mixed) frame.sparse = mixed;
        if (err == OK) err = headline(j, model, side, &frame, predicted, &without);
        frame.sparse = side->sparse;
        memory_give(mixed);
        columns[f] = side->columns[f];
        list[i].permutation = whole - without;
        if (progress_cancelled(j->progress)) err = ERR_CANCELLED;
    }
done:
    memory_give(predicted);
    memory_give(shuffled);
    memory_give(columns);
    return err;
}

enum err judge_importance(const struct judging *judging, const struct tabular_model *model,
                          const struct side_rows *side) {
    uint32_t count = model->feature_count;
    struct weighed *list = memory_take(count * sizeof(*list) + 1);
    if (!list) return ERR_MEMORY;
    double total = 0;
    for (uint32_t f = 0; f < count; f++) list[f] = (struct weighed){0, NAN, f};
    if (model->learner == LEARNER_BOOST)
        gains_of_forest(&model->forest, list);
    else if (model->learner == LEARNER_POINTS)
        gains_of_points(&model->points, list);
    else
        gains_of_linear(&model->linear, side, list);
    for (uint32_t f = 0; f < count; f++) total += list[f].gain;
    qsort(list, count, sizeof(*list), compare_weighed);
    enum err err = try_columns(judging, model, side, list);
    struct json_writer *out = judging->out;
    json_put_name(out, "importance");
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) {
        json_open_object(out);
        json_set_text(out, "feature", model->features[list[i].feature].name);
        json_set_number(out, "gain", list[i].gain);
        json_set_number(out, "share", total > 0 ? list[i].gain / total : 0);
        json_set_number(out, "permutation", list[i].permutation);
        json_close_object(out);
    }
    json_close_array(out);
    uint32_t first[JUDGE_DEPENDENCE], shown = 0;
    while (shown < JUDGE_DEPENDENCE && shown < count && list[shown].gain > 0) {
        first[shown] = list[shown].feature;
        shown++;
    }
    if (err == OK) err = judge_dependence(judging, model, side, first, shown);
    memory_give(list);
    return err;
}
