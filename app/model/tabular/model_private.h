// What a trained model is, inside the folder: its description, and a forest or a linear model.
// All strings and the description live in the arena; forest and linear own their arrays.
#pragma once

#include "model/tabular/points_private.h"
#include "model/tabular/predict_private.h"
#include "model/tabular/profile_private.h"
#include "model/tabular/truth_private.h"

enum {
    MODEL_FEATURES_MAX = 64 * 1024,
    MODEL_NAME_BYTES = 64 * 1024, // of a feature, category or class
    MODEL_HAZARD_MAX = 2000,      // steps of the baseline hazard that are kept
};
// Descriptions of the widest model with long category names stay far below.
static const size_t model_arena_bytes = (size_t)1 << 30;

struct tabular_model {
    struct arena *arena;
    struct feature *features; // (feature_count)
    float *typical;           // (feature_count)
    float *ranges;            // (feature_count, 2): least, greatest; NULL: not known
    struct str *classes;      // (class_count)
    struct str target, preparation, event_name, event_value;
    uint32_t feature_count, class_count, outputs;
    enum tabular_task task;
    enum tabular_learner learner;
    struct forest forest; // LEARNER_BOOST
    struct forest_fast *fast;
    struct linear linear; // LEARNER_LINEAR
    struct points points; // LEARNER_POINTS
    struct profile profile;
    enum tabular_loss loss; // regression
    double quantile;
    // Survival: the cumulative baseline hazard after each of some times, and where to tell it.
    double *hazard_times, *hazard; // (hazard_count), rising
    uint32_t hazard_count;
    double *times; // (time_count)
    uint32_t time_count;
};

// An empty model with an arena. ERR_MEMORY.
enum err model_open(struct tabular_model **out) MUST_USE;
// Describes the model to be trained: features, classes, target, task, and of each feature what is
// typical and between which values training has seen it. ERR_MEMORY.
enum err model_describe(struct tabular_model *model, const struct train_rows *rows,
                        const struct tabular_options *options) MUST_USE;
// Gives back what a learner made, so that it can be made anew.
void model_unfit(struct tabular_model *model);
// Copies text into the model; *bad is set when there is no memory.
struct str model_text(struct tabular_model *model, struct str text, bool *bad);

// out (N, K) before the link. ERR_MEMORY.
enum err model_margin(const struct tabular_model *model, const struct frame *frame,
                      struct pool *pool, double *out) MUST_USE;
// The same of one row: values (F), out (K). Takes no memory.
void model_margin_row(const struct tabular_model *model, const float *values, double *out);
// Margins of one row (K) to outputs, in place.
void model_link(const struct tabular_model *model, double *row);

// Sets the baseline hazard from rows of the frame, centring the model so that their mean margin is
// 0, and the times: those given or the quartiles of the times of events. ERR_MEMORY.
enum err model_set_hazard(struct tabular_model *model, const struct frame *frame,
                          const struct truth *truth, const double *times, uint32_t time_count,
                          struct pool *pool) MUST_USE;
// The centring alone: of a model that takes over another's hazard. ERR_MEMORY.
enum err model_centre(struct tabular_model *model, const struct frame *frame,
                      const struct truth *truth, struct pool *pool) MUST_USE;

// TreeSHAP and the linear parts: out (N, K, F + 1). ERR_MEMORY.
enum err model_explain(const struct tabular_model *model, const struct frame *frame,
                       struct pool *pool, double *out) MUST_USE;
