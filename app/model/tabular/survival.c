// The baseline hazard of a survival model, and the probability that follows from it.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/measure/measure.h"
#include "model/tabular/cox_private.h"
#include "model/tabular/model_private.h"

static void centre(struct tabular_model *model, double mean) {
    if (model->learner == LEARNER_BOOST) {
        model->forest.base[0] -= mean;
        return;
    }
    model->linear.intercept[0] -= mean;
    model->linear.base[0] -= mean;
}

// Quartiles of the times of events; equal ones once.
static enum err quartiles(struct tabular_model *model, const struct truth *truth) {
    struct weighed_value *rows = memory_take(truth->count * sizeof *rows + 1);
    if (!rows) return ERR_MEMORY;
    uint64_t count = 0;
    for (uint64_t i = 0; i < truth->count; i++) {
        if (!truth->event[truth_row(truth, i)]) continue;
        rows[count++] = (struct weighed_value){truth_value(truth, i), truth_weight(truth, i)};
    }
    for (int q = 1; count > 0 && q <= 3; q++) {
        double time = quantile_weighed(rows, count, q / 4.0);
        bool again = model->time_count > 0 && model->times[model->time_count - 1] >= time;
        if (!again) model->times[model->time_count++] = time;
    }
    memory_give(rows);
    return OK;
}

static enum err arrays_take(struct tabular_model *model) {
    model->hazard_times = ARENA_ARRAY(model->arena, double, MODEL_HAZARD_MAX);
    model->hazard = ARENA_ARRAY(model->arena, double, MODEL_HAZARD_MAX);
    model->times = ARENA_ARRAY(model->arena, double, TABULAR_TIMES_MAX);
    return model->hazard_times && model->hazard && model->times ? OK : ERR_MEMORY;
}

// The margins of all rows once the model is centred on those of `truth`.
static enum err margins_centred(struct tabular_model *model, const struct frame *frame,
                                const struct truth *truth, struct pool *pool, double *margin) {
    double mean = 0, total = 0;
    enum err err = model_margin(model, frame, pool, margin);
    if (err != OK) return err;
    for (uint64_t i = 0; i < truth->count; i++) {
        double weight = truth_weight(truth, i);
        mean += weight * margin[truth_row(truth, i)];
        total += weight;
    }
    mean /= total > 0 ? total : 1;
    centre(model, mean);
    for (uint64_t i = 0; i < frame->rows; i++) margin[i] -= mean;
    return OK;
}

enum err model_centre(struct tabular_model *model, const struct frame *frame,
                      const struct truth *truth, struct pool *pool) {
    double *margin = memory_take(frame->rows * sizeof *margin + 1);
    enum err err = margin ? margins_centred(model, frame, truth, pool, margin) : ERR_MEMORY;
    memory_give(margin);
    return err;
}

enum err model_set_hazard(struct tabular_model *model, const struct frame *frame,
                          const struct truth *truth, const double *times, uint32_t time_count,
                          struct pool *pool) {
    struct cox *cox = NULL;
    double *margin = memory_take(frame->rows * sizeof *margin + 1);
    enum err err = margin ? arrays_take(model) : ERR_MEMORY;
    if (err == OK) err = margins_centred(model, frame, truth, pool, margin);
    if (err == OK) err = cox_open(truth, &cox);
    if (err != OK) goto done;
    for (uint64_t i = 0; i < truth->count; i++) {
        cox_margins(cox)[i] = margin[truth_row(truth, i)];
    }
    cox_run(cox, pool);
    model->hazard_count = cox_hazard(cox, model->hazard_times, model->hazard, MODEL_HAZARD_MAX);
    if (time_count > 0) {
        cy_assert(time_count <= TABULAR_TIMES_MAX);
        memcpy(model->times, times, time_count * sizeof *times);
        model->time_count = time_count;
    } else {
        err = quartiles(model, truth);
    }
done:
    cox_close(cox);
    memory_give(margin);
    return err;
}

double tabular_survival(const struct tabular_model *model, double risk, double time) {
    uint32_t low = 0, high = model->hazard_count; // steps up to and with `time` lie before low
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (model->hazard_times[middle] <= time)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? exp(-model->hazard[low - 1] * risk) : 1;
}
