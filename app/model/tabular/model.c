// The model: opening, closing, what it is about, prediction.

#include <string.h>

#include "model/tabular/loss_private.h"
#include "model/tabular/model_private.h"

// Below this many cells threads cost more than they save.
static const uint64_t cells_worth_threads = 200 * 1000;
enum { ROW_FEATURES_MAX = 4096 }; // of one row on the stack

enum err model_open(struct tabular_model **out) {
    struct tabular_model *model = memory_take(sizeof(*model));
    if (!model) return ERR_MEMORY;
    enum err err = arena_open(model_arena_bytes, &model->arena);
    if (err != OK) {
        memory_give(model);
        return err;
    }
    *out = model;
    return OK;
}

void model_unfit(struct tabular_model *model) {
    forest_fast_close(model->fast);
    forest_close(&model->forest);
    linear_close(&model->linear);
    points_close(&model->points);
    model->fast = NULL;
    model->forest = (struct forest){0};
    model->linear = (struct linear){0};
    model->points = (struct points){0};
}

void tabular_close(struct tabular_model *model) {
    if (!model) return;
    model_unfit(model);
    arena_close(model->arena);
    memory_give(model);
}

struct str model_text(struct tabular_model *model, struct str text, bool *bad) {
    char *copy = arena_take(model->arena, text.size + 1);
    if (!copy) {
        *bad = true;
        return STR_NONE;
    }
    if (text.size > 0) memcpy(copy, text.data, text.size);
    return (struct str){copy, text.size};
}

struct tabular_about tabular_about(const struct tabular_model *model) {
    return (struct tabular_about){.features = model->features,
                                  .feature_count = model->feature_count,
                                  .task = model->task,
                                  .learner = model->learner,
                                  .target = model->target,
                                  .classes = model->classes,
                                  .class_count = model->class_count,
                                  .outputs = model->outputs,
                                  .loss = model->loss,
                                  .quantile = model->quantile,
                                  .event_name = model->event_name,
                                  .event_value = model->event_value,
                                  .times = model->times,
                                  .time_count = model->time_count,
                                  .preparation = model->preparation};
}

const float *tabular_typical(const struct tabular_model *model) {
    return model->typical;
}

const float *tabular_ranges(const struct tabular_model *model) {
    return model->ranges;
}

enum err model_margin(const struct tabular_model *model, const struct frame *frame,
                      struct pool *pool, double *out) {
    if (model->learner == LEARNER_BOOST) {
        return forest_predict(&model->forest, model->fast, frame, pool, out);
    }
    if (model->learner == LEARNER_POINTS)
        points_predict(&model->points, frame, pool, out);
    else
        linear_predict(&model->linear, frame, pool, out);
    return OK;
}

void model_margin_row(const struct tabular_model *model, const float *values, double *out) {
    if (model->learner == LEARNER_BOOST) {
        forest_predict_row(&model->forest, model->fast, model->features, values, out);
        return;
    }
    if (model->learner == LEARNER_POINTS) {
        out[0] = points_predict_row(&model->points, model->features, values);
        return;
    }
    const struct linear *linear = &model->linear;
    for (uint32_t k = 0; k < model->outputs; k++) {
        out[k] = linear->intercept[k];
        for (uint32_t f = 0; f < linear->features; f++) {
            if (!linear->terms[f].width) out[k] += linear_value_part(linear, f, values[f], k);
        }
    }
}

void tabular_predict_row(const struct tabular_model *model, const float *values, double *out) {
    model_margin_row(model, values, out);
    model_link(model, out);
}

void model_link(const struct tabular_model *model, double *row) {
    loss_of(model->task, model->loss)->link(row, model->outputs);
}

enum err tabular_predict(const struct tabular_model *model, const struct frame *frame,
                         uint32_t threads, double *out, double *contributions) {
    cy_assert(frame->feature_count == model->feature_count);
    if (frame->rows == 1 && !contributions && !frame->sparse &&
        frame->feature_count <= ROW_FEATURES_MAX) {
        float row[ROW_FEATURES_MAX];
        for (uint32_t f = 0; f < frame->feature_count; f++) row[f] = frame->values[f][0];
        tabular_predict_row(model, row, out);
        return OK;
    }
    // The model's own description rules: its categories are what values index.
    struct frame rows = *frame;
    rows.features = model->features;
    uint64_t cells = frame->rows * (frame->feature_count + 1) * (contributions ? 100 : 1);
    if (threads == 0) threads = thread_count_usable();
    struct pool *pool;
    enum err err = pool_open(cells < cells_worth_threads ? 1 : threads, &pool);
    if (err != OK) return err;
    err = model_margin(model, &rows, pool, out);
    for (uint64_t i = 0; err == OK && i < frame->rows; i++)
        model_link(model, out + i * model->outputs);
    if (err == OK && contributions) err = model_explain(model, &rows, pool, contributions);
    pool_close(pool);
    return err;
}

int32_t tabular_points_base(const struct tabular_model *model) {
    cy_assert(model->learner == LEARNER_POINTS);
    return model->points.base;
}

int32_t tabular_points_of(const struct tabular_model *model, uint32_t f, float value) {
    cy_assert(model->learner == LEARNER_POINTS && f < model->feature_count);
    const struct points_feature *feature = &model->points.features[f];
    if (feature->bin_count == 0) return 0;
    return feature->bins[points_bin_of(feature, &model->features[f], value)].points;
}

int32_t tabular_points_most(const struct tabular_model *model, uint32_t f) {
    cy_assert(model->learner == LEARNER_POINTS && f < model->feature_count);
    const struct points_feature *feature = &model->points.features[f];
    int32_t most = 0;
    for (uint32_t b = 0; b <= feature->bin_count && feature->bin_count > 0; b++) {
        if (feature->bins[b].points > most) most = feature->bins[b].points;
    }
    return most;
}
