// Making the training profile, and holding new data against it.

#include "model/tabular/profile_private.h"

#include <math.h>
#include <string.h>

#include "model/tabular/judge_parts_private.h"

bool profile_is_category(const struct tabular_model *model, uint32_t part) {
    if (part == model->feature_count) return model->task == TASK_CLASSES;
    return model->features[part].kind == FEATURE_CATEGORY;
}

// ---- making ------------------------------

static enum err part_take(struct tabular_model *model, struct distribution *part, uint32_t bins) {
    part->bins = bins;
    part->edges = ARENA_ARRAY(model->arena, float, DISTRIBUTION_RANGES);
    part->counts = ARENA_ARRAY(model->arena, uint64_t, (size_t)bins + 1);
    return part->edges && part->counts ? OK : ERR_MEMORY;
}

// The part's ranges from a sample of its values (room for PROFILE_SAMPLE).
static enum err part_open(struct tabular_model *model, uint32_t at, float *sample, uint64_t count) {
    struct distribution *part = &model->profile.parts[at];
    if (profile_is_category(model, at)) {
        bool prediction = at == model->feature_count;
        return part_take(model, part,
                         prediction ? model->class_count : model->features[at].category_count);
    }
    float edges[DISTRIBUTION_RANGES];
    uint32_t found = distribution_edges(sample, count, edges);
    enum err err = part_take(model, part, count > 0 ? found + 1 : 0);
    if (err == OK) memcpy(part->edges, edges, found * sizeof(*edges));
    return err;
}

static uint64_t step_of(uint64_t rows) {
    return rows / PROFILE_SAMPLE + 1;
}

static enum err profile_features(struct tabular_model *model, const struct train_rows *rows,
                                 float *sample) {
    enum err err = OK;
    uint64_t step = step_of(rows->train_count);
    for (uint32_t f = 0; err == OK && f < model->feature_count; f++) {
        const float *values = rows->frame->values[f];
        uint64_t count = 0;
        for (uint64_t i = 0; i < rows->train_count; i += step) {
            float value = values[rows->train[i]];
            if (!isnan(value)) sample[count++] = value;
        }
        err = part_open(model, f, sample, count);
        bool category = profile_is_category(model, f);
        for (uint64_t i = 0; err == OK && i < rows->train_count; i++) {
            distribution_count(&model->profile.parts[f], category, (double)values[rows->train[i]]);
        }
    }
    return err;
}

static double prediction_of(const struct tabular_model *model, const double *row) {
    return model->outputs == 1 ? row[0] : judge_most_probable(row, model->outputs);
}

static enum err profile_prediction(struct tabular_model *model, const double *predicted,
                                   uint64_t tested, float *sample) {
    uint64_t step = step_of(tested), count = 0;
    uint32_t at = model->feature_count;
    for (uint64_t i = 0; i < tested; i += step) {
        sample[count++] = (float)prediction_of(model, predicted + i * model->outputs);
    }
    enum err err = part_open(model, at, sample, count);
    bool category = profile_is_category(model, at);
    for (uint64_t i = 0; err == OK && i < tested; i++) {
        double value = prediction_of(model, predicted + i * model->outputs);
        distribution_count(&model->profile.parts[at], category, value);
    }
    return err;
}

enum err profile_make(struct tabular_model *model, const struct train_rows *rows,
                      const double *predicted, uint64_t tested) {
    float *sample = memory_take((PROFILE_SAMPLE + 1) * sizeof(*sample));
    model->profile.parts =
        ARENA_ARRAY(model->arena, struct distribution, (size_t)model->feature_count + 1);
    enum err err = sample && model->profile.parts ? OK : ERR_MEMORY;
    if (err == OK) err = profile_features(model, rows, sample);
    if (err == OK) err = profile_prediction(model, predicted, tested, sample);
    if (err == OK) model->profile.count = model->feature_count + 1;
    memory_give(sample);
    return err;
}

// ---- drift ------------------------------

struct tabular_drift {
    const struct tabular_model *model;
    struct arena *arena;
    struct distribution *now; // (F + 1): counts and missing of the new rows
    uint64_t rows;
    struct buf predicted, truth; // doubles, of the rows whose answer is known
    struct buf event;            // bytes, of survival
};

// Rows whose answers are kept for the metrics; what comes after them only counts in the shares.
enum { DRIFT_JUDGED_MAX = 4 * 1000 * 1000 };

enum err tabular_drift_open(const struct tabular_model *model, struct tabular_drift **out) {
    struct tabular_drift *drift = memory_take(sizeof(*drift));
    if (!drift) return ERR_MEMORY;
    drift->model = model;
    enum err err = arena_open(model_arena_bytes, &drift->arena);
    uint32_t count = model->profile.count;
    if (err == OK) drift->now = ARENA_ARRAY(drift->arena, struct distribution, count + 1);
    if (err == OK && !drift->now) err = ERR_MEMORY;
    for (uint32_t p = 0; err == OK && p < count; p++) {
        drift->now[p] = model->profile.parts[p];
        drift->now[p].missing = 0;
        drift->now[p].counts = ARENA_ARRAY(drift->arena, uint64_t, (size_t)drift->now[p].bins + 1);
        if (!drift->now[p].counts) err = ERR_MEMORY;
    }
    buf_open(&drift->predicted, (size_t)1 << 32);
    buf_open(&drift->truth, (size_t)1 << 32);
    buf_open(&drift->event, (size_t)1 << 32);
    if (err == OK)
        *out = drift;
    else
        tabular_drift_close(drift);
    return err;
}

void tabular_drift_close(struct tabular_drift *drift) {
    if (!drift) return;
    buf_close(&drift->predicted);
    buf_close(&drift->truth);
    buf_close(&drift->event);
    arena_close(drift->arena);
    memory_give(drift);
}

enum err tabular_drift_add(struct tabular_drift *drift, const struct frame *frame,
                           const double *predicted, const double *truth, const uint8_t *event) {
    const struct tabular_model *model = drift->model;
    size_t width = model->outputs * sizeof(double);
    for (uint32_t p = 0; p < model->profile.count; p++) {
        bool category = profile_is_category(model, p), prediction = p == model->feature_count;
        for (uint64_t i = 0; i < frame->rows; i++) {
            double value = prediction ? prediction_of(model, predicted + i * model->outputs)
                                      : (double)frame->values[p][i];
            distribution_count(&drift->now[p], category, value);
        }
    }
    drift->rows += frame->rows;
    if (model->task == TASK_SURVIVAL && !event) truth = NULL;
    for (uint64_t i = 0; truth && i < frame->rows; i++) {
        bool full = drift->truth.size / sizeof(double) >= DRIFT_JUDGED_MAX;
        if (isnan(truth[i]) || full) continue;
        buf_add(&drift->truth, &truth[i], sizeof(double));
        if (event) buf_add(&drift->event, &event[i], 1);
        buf_add(&drift->predicted, predicted + i * model->outputs, width);
    }
    enum err err = buf_err(&drift->truth);
    if (err == OK) err = buf_err(&drift->event);
    return err == OK ? buf_err(&drift->predicted) : err;
}

static void write_part(const struct tabular_drift *drift, uint32_t part, struct json_writer *out) {
    const struct tabular_model *model = drift->model;
    const struct distribution *before = &model->profile.parts[part], *now = &drift->now[part];
    double psi = distribution_psi(before, now);
    bool prediction = part == model->feature_count;
    json_open_object(out);
    json_set_text(out, "name", prediction ? model->target : model->features[part].name);
    json_set_number(out, "psi", psi);
    if (!isnan(psi)) json_set_text(out, "level", str_of(distribution_level(psi)));
    bool category = profile_is_category(model, part);
    const struct str *names = prediction ? model->classes : model->features[part].categories;
    distribution_write(out, before, now, category ? names : NULL);
    json_close_object(out);
}

static enum err write_judged(const struct tabular_drift *drift, struct pool *pool,
                             struct json_writer *out) {
    const struct tabular_model *model = drift->model;
    struct tabular_target target = {.name = model->target,
                                    .task = model->task,
                                    .classes = model->classes,
                                    .class_count = model->class_count};
    struct judging judging = {.target = &target,
                              .loss = model->loss,
                              .quantile = model->quantile,
                              .pool = pool,
                              .seed = 1,
                              .out = out};
    struct side_rows side = {.rows = drift->truth.size / sizeof(double),
                             .truth = (double *)(void *)drift->truth.data,
                             .event = (uint8_t *)drift->event.data};
    json_set_u64(out, "judged_rows", side.rows);
    if (side.rows == 0) return OK;
    return judge_metrics(&judging, &side, (const double *)(const void *)drift->predicted.data, 0.5);
}

enum err tabular_drift_write(const struct tabular_drift *drift, uint32_t threads,
                             struct json_writer *out) {
    const struct tabular_model *model = drift->model;
    struct pool *pool;
    enum err err = pool_open(threads ? threads : thread_count_usable(), &pool);
    if (err != OK) return err;
    json_set_u64(out, "rows", drift->rows);
    json_set_text(out, "task", str_of(tabular_task_name(model->task)));
    json_put_name(out, "columns");
    json_open_array(out);
    for (uint32_t f = 0; f < model->feature_count; f++) write_part(drift, f, out);
    json_close_array(out);
    json_put_name(out, "prediction");
    write_part(drift, model->feature_count, out);
    err = write_judged(drift, pool, out);
    pool_close(pool);
    return err;
}

bool tabular_has_profile(const struct tabular_model *model) {
    return model->profile.count > 0;
}
