// The linear model itself: its arrays, what a value adds, prediction.

#include <math.h>
#include <string.h>

#include "model/tabular/linear_private.h"

enum { TASK_ROWS = 1024 };
static const size_t weights_max = (size_t)1 << 24;

static uint32_t weights_of(const struct feature *feature) {
    if (feature->kind == FEATURE_TEXT) return feature->width;
    return feature->kind == FEATURE_CATEGORY ? feature->category_count + 1 : 2;
}

enum err linear_take(const struct feature *features, uint32_t count, uint32_t outputs,
                     struct linear *out) {
    struct linear linear = {.features = count, .outputs = outputs};
    uint64_t width = 0;
    for (uint32_t f = 0; f < count; f++) {
        width += weights_of(&features[f]);
    }
    if (width * outputs > weights_max) return ERR_LIMIT;
    linear.width = (uint32_t)width;
    linear.terms = memory_take(count * sizeof(*linear.terms) + 1);
    linear.weights = memory_take(width * outputs * sizeof(double) + 1);
    linear.intercept = memory_take(outputs * sizeof(double));
    linear.base = memory_take(outputs * sizeof(double));
    linear.average = memory_take((size_t)count * outputs * sizeof(double) + 1);
    if (!linear.terms || !linear.weights || !linear.intercept || !linear.base || !linear.average) {
        linear_close(&linear);
        return ERR_MEMORY;
    }
    uint32_t first = 0;
    for (uint32_t f = 0; f < count; f++) {
        bool is_category = features[f].kind == FEATURE_CATEGORY;
        linear.terms[f] =
            (struct linear_term){.first = first,
                                 .is_category = is_category,
                                 .categories = features[f].category_count,
                                 .width = features[f].kind == FEATURE_TEXT ? features[f].width : 0};
        first += weights_of(&features[f]);
    }
    *out = linear;
    return OK;
}

void linear_close(struct linear *linear) {
    memory_give(linear->terms);
    memory_give(linear->weights);
    memory_give(linear->intercept);
    memory_give(linear->base);
    memory_give(linear->average);
    *linear = (struct linear){0};
}

static double text_part(const struct sparse *text, uint64_t i, const double *weights) {
    const uint32_t *bucket = text->bucket + text->from[i];
    const float *weight = text->weight + text->from[i];
    double sum = 0;
    for (uint32_t at = 0; at < text->count[i]; at++)
        sum += weights[bucket[at]] * (double)weight[at];
    return sum;
}

double linear_part(const struct linear *linear, const struct frame *frame, uint32_t f, uint64_t i,
                   uint32_t k) {
    const struct linear_term *term = &linear->terms[f];
    const double *weights = linear->weights + (size_t)k * linear->width + term->first;
    if (term->width) return frame->sparse ? text_part(&frame->sparse[f], i, weights) : 0;
    return linear_value_part(linear, f, frame->values[f][i], k);
}

double linear_value_part(const struct linear *linear, uint32_t f, float value, uint32_t k) {
    const struct linear_term *term = &linear->terms[f];
    const double *weights = linear->weights + (size_t)k * linear->width + term->first;
    if (term->is_category) {
        bool known = value >= 0 && value < (float)term->categories;
        return weights[known ? (uint32_t)value : term->categories];
    }
    if (!isfinite(value)) return weights[1];
    return weights[0] * (((double)value - term->mean) * term->scale);
}

void linear_set_base(struct linear *linear, const double *category_share) {
    for (uint32_t k = 0; k < linear->outputs; k++) {
        linear->base[k] = linear->intercept[k];
        for (uint32_t f = 0; f < linear->features; f++) {
            const struct linear_term *term = &linear->terms[f];
            const double *weights = linear->weights + (size_t)k * linear->width + term->first;
            // A number's mean part is its indicator's: the standardised value has mean 0.
            bool shared = term->is_category || term->width;
            uint32_t size = term->width ? term->width : term->categories + 1;
            double mean = shared ? 0 : weights[1] * term->missing_share;
            for (uint32_t c = 0; shared && c < size; c++) {
                mean += weights[c] * category_share[term->first + c];
            }
            linear->average[(size_t)f * linear->outputs + k] = mean;
            linear->base[k] += mean;
        }
    }
}

struct predicting {
    const struct linear *linear;
    const struct frame *frame;
    double *out;
};

static void predict_task(void *ctx, size_t index, uint32_t worker) {
    const struct predicting *p = ctx;
    const struct linear *linear = p->linear;
    (void)worker;
    uint64_t first = (uint64_t)index * TASK_ROWS, end = first + TASK_ROWS;
    if (end > p->frame->rows) end = p->frame->rows;
    uint32_t outputs = linear->outputs;
    for (uint64_t i = first; i < end; i++) {
        memcpy(p->out + i * outputs, linear->intercept, outputs * sizeof(double));
    }
    for (uint32_t f = 0; f < linear->features; f++) {
        for (uint32_t k = 0; k < outputs; k++) {
            for (uint64_t i = first; i < end; i++) {
                p->out[i * outputs + k] += linear_part(linear, p->frame, f, i, k);
            }
        }
    }
}

void linear_predict(const struct linear *linear, const struct frame *frame, struct pool *pool,
                    double *out) {
    struct predicting p = {linear, frame, out};
    pool_run(pool, (frame->rows + TASK_ROWS - 1) / TASK_ROWS, predict_task, &p);
}
