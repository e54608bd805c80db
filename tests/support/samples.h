// Frames for the model tests: generated ones and CSV files of numbers. Depends on base/ and the
// model; everything is taken with memory_take and given back by sample_close.
#pragma once

#include <math.h>

#include "base/file.h"
#include "base/number.h"
#include "check.h"
#include "model/tabular/tabular.h"

struct sample {
    struct frame frame;
    struct tabular_target target;
    struct feature *features;
    float **columns;
    double *truth;
    uint8_t *event; // survival
    struct str *classes;
    char *names; // (features, 16)
};

static inline struct sample sample_take(uint64_t rows, uint32_t features, enum tabular_task task,
                                        uint32_t classes) {
    struct sample s = {.features = memory_take(features * sizeof(struct feature)),
                       .columns = memory_take(features * sizeof(float *)),
                       .truth = memory_take(rows * sizeof(double)),
                       .event = memory_take(rows),
                       .classes = memory_take((classes + 1) * sizeof(struct str)),
                       .names = memory_take((size_t)features * 16)};
    static const char *const class_names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    for (uint32_t f = 0; f < features; f++) {
        s.columns[f] = memory_take(rows * sizeof(float));
        snprintf(s.names + f * 16, 16, "x%u", f);
        s.features[f] = (struct feature){.name = str_of(s.names + f * 16), .type = STR("number")};
    }
    for (uint32_t k = 0; k < classes; k++) s.classes[k] = str_of(class_names[k % 8]);
    s.frame = (struct frame){rows, features, s.features, (const float *const *)s.columns, NULL};
    s.target = (struct tabular_target){.name = STR("y"),
                                       .task = task,
                                       .values = s.truth,
                                       .event = task == TASK_SURVIVAL ? s.event : NULL,
                                       .classes = s.classes,
                                       .class_count = classes};
    return s;
}

static inline void sample_close(struct sample *s) {
    for (uint32_t f = 0; f < s->frame.feature_count; f++) memory_give(s->columns[f]);
    memory_give(s->features);
    memory_give(s->columns);
    memory_give(s->truth);
    memory_give(s->event);
    memory_give(s->classes);
    memory_give(s->names);
}

static inline double sample_normal(void) {
    double u = check_uniform() + 1e-300;
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * check_uniform());
}

// Column 2 of every 4 is a category (of 6), every 4th has missing values; the answer depends on
// products, on the category and on being missing. Survival: exponential times in hundredths, so
// that some are equal; a third of them is cut off.
static inline struct sample sample_make(uint64_t rows, uint32_t features, enum tabular_task task,
                                        uint32_t classes) {
    static struct str categories[] = {STR("k0"), STR("k1"), STR("k2"),
                                      STR("k3"), STR("k4"), STR("k5")};
    static const double effect[] = {1, -1.5, 0, 2, -0.5, 0.7};
    struct sample s = sample_take(rows, features, task, classes);
    for (uint64_t i = 0; i < rows; i++) {
        double answer = 0;
        for (uint32_t f = 0; f < features; f++) {
            float value = (float)sample_normal();
            if (f % 4 == 2) value = (float)check_below(6);
            if (f % 4 == 3 && check_below(4) == 0) value = NAN;
            s.columns[f][i] = value;
            if (f % 4 == 2)
                answer += effect[(int)value];
            else if (isnan(value))
                answer += 0.8;
            else
                answer += f % 4 == 0 ? value : 0.5 * value * value;
        }
        double noise = 0.3 * sample_normal();
        if (task == TASK_REGRESSION)
            s.truth[i] = 100 + 10 * (answer + noise);
        else if (task == TASK_SURVIVAL) {
            double lasts = -log(check_uniform() + 1e-12) * exp(-answer / 2);
            double watched = -2 * log(check_uniform() + 1e-12);
            s.event[i] = lasts <= watched;
            s.truth[i] = ceil(100 * fmin(lasts, watched)) / 100;
        } else if (task == TASK_BINARY)
            s.truth[i] = answer - features * 0.25 + noise > 0;
        else
            s.truth[i] = fmin(classes - 1, fmax(0, floor(answer + noise + classes / 2.0)));
    }
    for (uint32_t f = 2; f < features; f += 4) {
        s.features[f].kind = FEATURE_CATEGORY;
        s.features[f].categories = categories;
        s.features[f].category_count = 6;
        s.features[f].type = STR("text");
    }
    return s;
}
