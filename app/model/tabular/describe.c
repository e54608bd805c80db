// What a model says of itself: features, classes, typical values and ranges of the rows that train.

#include <math.h>
#include <string.h>

#include "model/tabular/model_private.h"

// The value a form starts from: the mean (whole where the column is), or the commonest category.
static float typical_of(const struct train_rows *rows, uint32_t f, uint64_t *seen) {
    const struct feature *feature = &rows->frame->features[f];
    double sum = 0;
    uint64_t count = 0;
    memset(seen, 0, TABULAR_CATEGORIES_MAX * sizeof(*seen));
    for (uint64_t i = 0; i < rows->train_count; i++) {
        float value = rows->frame->values[f][rows->train[i]];
        if (!isfinite(value)) continue;
        count++;
        sum += (double)value;
        if (feature->kind == FEATURE_CATEGORY && value >= 0 &&
            value < (float)feature->category_count) {
            seen[(uint32_t)value]++;
        }
    }
    if (count == 0) return NAN;
    if (feature->kind == FEATURE_CATEGORY) {
        uint32_t best = 0;
        for (uint32_t c = 1; c < feature->category_count; c++)
            best = seen[c] > seen[best] ? c : best;
        return feature->category_count > 0 ? (float)best : NAN;
    }
    double mean = sum / (double)count;
    return (float)(str_is(feature->type, "number") ? mean : round(mean));
}

// Least and greatest, that whoever asks may be told of a value that training has not seen.
static void range_of(const struct train_rows *rows, uint32_t f, float out[static 2]) {
    const float *values = rows->frame->values[f];
    out[0] = out[1] = NAN;
    if (rows->frame->features[f].kind == FEATURE_CATEGORY) return;
    for (uint64_t i = 0; i < rows->train_count; i++) {
        float value = values[rows->train[i]];
        if (!isfinite(value)) continue;
        out[0] = fminf(out[0], value); // the other where one is NaN
        out[1] = fmaxf(out[1], value);
    }
}

enum err model_describe(struct tabular_model *model, const struct train_rows *rows,
                        const struct tabular_options *options) {
    bool bad = false;
    uint32_t features = rows->frame->feature_count, classes = rows->target->class_count;
    model->features = ARENA_ARRAY(model->arena, struct feature, features);
    model->typical = ARENA_ARRAY(model->arena, float, features);
    model->ranges = ARENA_ARRAY(model->arena, float, 2 * (size_t)features);
    model->classes = ARENA_ARRAY(model->arena, struct str, classes + 1);
    uint64_t *seen = memory_take(TABULAR_CATEGORIES_MAX * sizeof(*seen));
    if (!model->features || !model->typical || !model->ranges || !model->classes || !seen) {
        bad = true;
    }
    for (uint32_t f = 0; !bad && f < features; f++) {
        const struct feature *from = &rows->frame->features[f];
        struct feature *to = &model->features[f];
        *to = *from;
        to->name = model_text(model, from->name, &bad);
        to->type = model_text(model, from->type, &bad);
        to->categories = ARENA_ARRAY(model->arena, struct str, from->category_count + 1);
        if (!to->categories) bad = true;
        for (uint32_t c = 0; !bad && c < from->category_count; c++) {
            to->categories[c] = model_text(model, from->categories[c], &bad);
        }
        if (!bad) model->typical[f] = typical_of(rows, f, seen);
        if (!bad) range_of(rows, f, model->ranges + 2 * (size_t)f);
    }
    for (uint32_t k = 0; !bad && k < classes; k++) {
        model->classes[k] = model_text(model, rows->target->classes[k], &bad);
    }
    model->target = model_text(model, rows->target->name, &bad);
    model->event_name = model_text(model, rows->target->event_name, &bad);
    model->event_value = model_text(model, rows->target->event_value, &bad);
    model->preparation = model_text(model, options->preparation, &bad);
    memory_give(seen);
    model->feature_count = features;
    model->class_count = classes;
    model->task = rows->target->task;
    model->learner = options->learner;
    model->loss = options->loss;
    model->quantile = options->quantile;
    model->outputs = rows->target->task == TASK_CLASSES ? classes : 1;
    return bad ? ERR_MEMORY : OK;
}
