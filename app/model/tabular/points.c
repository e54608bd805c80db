// The points scorecard itself: learning it, adding points up, writing it down. See
// points_private.h.

#include <math.h>
#include <string.h>

#include "model/tabular/points_private.h"

enum { TASK_ROWS = 4096 };
static const double information_least = 0.02; // a column below it says nothing (Siddiqi)
static const double points_most = 1e6;        // of one bin

struct carding {
    const struct train_rows *rows;
    const struct tabular_options *options;
    struct pool *pool;
    struct progress *progress;
    struct fault *fault;
    struct points *points;
    struct bins bins;
    float **woe;    // (F)(N): of the columns in use
    float *cells;   // what woe points into
    double *target; // (N)
    uint32_t *used; // (F): features in use
    uint32_t used_count;
};

// ---- room ------------------------------

enum err points_take(const struct feature *features, uint32_t count, struct points *out) {
    size_t categories = 0;
    for (uint32_t f = 0; f < count; f++) categories += features[f].category_count;
    struct points points = {.count = count};
    points.features = memory_take(count * sizeof(*points.features) + 1);
    points.groups = memory_take(categories + 1);
    if (!points.features || !points.groups) {
        points_close(&points);
        return ERR_MEMORY;
    }
    categories = 0;
    for (uint32_t f = 0; f < count; f++) {
        points.features[f].group = points.groups + categories;
        categories += features[f].category_count;
    }
    *out = points;
    return OK;
}

void points_close(struct points *points) {
    memory_give(points->features);
    memory_give(points->groups);
    *points = (struct points){0};
}

// ---- values to bins ------------------------------

uint32_t points_bin_of(const struct points_feature *feature, const struct feature *about,
                       float value) {
    if (isnan(value)) return feature->bin_count;
    if (about->kind == FEATURE_CATEGORY) {
        bool known = value >= 0 && value < (float)about->category_count;
        return known ? feature->group[(uint32_t)value] : feature->bin_count;
    }
    uint32_t bin = 0;
    while (bin + 1 < feature->bin_count && feature->cuts[bin] <= value) bin++;
    return bin;
}

// ---- learning ------------------------------

static void coarse_column(void *ctx, size_t index, uint32_t worker) {
    struct carding *c = ctx;
    (void)worker;
    const struct feature_bins *bins = &c->bins.features[index];
    const struct feature *about = &c->rows->frame->features[bins->feature];
    struct points_counts fine[BINS_CELLS] = {{0}};
    const uint8_t *cells = c->bins.columns + index * c->bins.rows;
    for (uint64_t i = 0; i < c->bins.rows; i++) {
        struct points_counts *cell = &fine[cells[i]];
        *(c->target[i] > 0 ? &cell->positive : &cell->negative) += 1;
    }
    points_coarse(fine, bins, about->category_count, c->options->points_monotone,
                  &c->points->features[bins->feature]);
}

static enum err columns_choose(struct carding *c) {
    uint64_t rows = c->bins.rows;
    for (uint32_t u = 0; u < c->bins.count; u++) {
        uint32_t f = c->bins.features[u].feature;
        if (c->points->features[f].information >= information_least) c->used[c->used_count++] = f;
    }
    if (c->used_count == 0) {
        return fault_set(c->fault, ERR_INPUT, "train.points_none", c->rows->target->name);
    }
    c->woe = memory_take(c->used_count * sizeof(*c->woe));
    c->cells = memory_resize(NULL, 0, c->used_count * rows * sizeof(*c->cells) + 1);
    if (!c->woe || !c->cells) return ERR_MEMORY;
    for (uint32_t u = 0; u < c->used_count; u++) {
        uint32_t f = c->used[u];
        const struct points_feature *feature = &c->points->features[f];
        const struct feature *about = &c->rows->frame->features[f];
        const float *values = c->rows->frame->values[f];
        c->woe[u] = c->cells + u * rows;
        for (uint64_t i = 0; i < rows; i++) {
            float value = values[c->rows->train ? c->rows->train[i] : i];
            c->woe[u][i] = (float)feature->bins[points_bin_of(feature, about, value)].woe;
        }
    }
    return OK;
}

static void column_drop(struct carding *c, uint32_t at) {
    c->used_count--;
    for (uint32_t u = at; u < c->used_count; u++) {
        c->used[u] = c->used[u + 1];
        c->woe[u] = c->woe[u + 1];
    }
}

static enum err fit_once(struct carding *c, struct linear *out) {
    struct feature *features = memory_take(c->used_count * sizeof(*features));
    if (!features) return ERR_MEMORY;
    struct frame frame = {
        .rows = c->bins.rows,
        .feature_count = c->used_count,
        .features = features,
        .values = (const float *const *)c->woe,
    };
    struct tabular_target target = *c->rows->target;
    target.values = c->target;
    struct train_rows rows = {.frame = &frame, .target = &target, .train_count = c->bins.rows};
    enum err err = linear_train(&rows, c->options, c->pool, c->progress, out, c->fault);
    memory_give(features);
    return err;
}

// The regression on the columns' WoE, again without the column whose weight is most negative until
// there is none. *out_intercept: the margin where every WoE is 0.
static enum err weights_fit(struct carding *c, double *out_intercept) {
    for (;;) {
        struct linear linear;
        enum err err = fit_once(c, &linear);
        if (err != OK) return err;
        double least = 0;
        uint32_t worst = UINT32_MAX;
        *out_intercept = linear.intercept[0];
        for (uint32_t u = 0; u < c->used_count; u++) {
            const struct linear_term *term = &linear.terms[u];
            double weight = linear.weights[term->first] * term->scale;
            *out_intercept -= weight * term->mean;
            c->points->features[c->used[u]].weight = weight;
            if (weight > 0 || (worst != UINT32_MAX && weight >= least)) continue;
            least = weight;
            worst = u;
        }
        linear_close(&linear);
        if (worst == UINT32_MAX) return OK;
        column_drop(c, worst);
        if (c->used_count == 0) {
            return fault_set(c->fault, ERR_INPUT, "train.points_none", c->rows->target->name);
        }
    }
}

// Points from weights: whole, and such that a column's least is 0.
static void points_give(struct carding *c, double intercept) {
    struct points *points = c->points;
    const struct tabular_options *o = c->options;
    points->factor = o->points_double / log(2);
    points->offset = o->points_base - points->factor * log(o->points_odds);
    double base = points->offset - points->factor * intercept;
    uint32_t next = 0;
    for (uint32_t f = 0; f < points->count; f++) {
        struct points_feature *feature = &points->features[f];
        if (next == c->used_count || c->used[next] != f) {
            feature->bin_count = 0;
            continue;
        }
        next++;
        double least = INFINITY, rows = 0;
        for (uint32_t b = 0; b <= feature->bin_count; b++) {
            least = fmin(least, -points->factor * feature->weight * feature->bins[b].woe);
        }
        base += least;
        for (uint32_t b = 0; b <= feature->bin_count; b++) {
            struct points_bin *bin = &feature->bins[b];
            double exact = -points->factor * feature->weight * bin->woe - least;
            bin->points = (int32_t)lrint(fmin(exact, points_most));
            feature->average += (bin->negative + bin->positive) * bin->points;
            rows += bin->negative + bin->positive;
        }
        feature->average /= rows;
    }
    points->base = (int32_t)lrint(fmax(-points_most, fmin(base, points_most)));
}

static enum err card_make(struct carding *c) {
    const struct frame *frame = c->rows->frame;
    uint64_t rows = c->rows->train_count;
    double intercept = 0;
    c->target = memory_take(rows * sizeof(*c->target) + 1);
    c->used = memory_take(frame->feature_count * sizeof(*c->used) + 1);
    if (!c->target || !c->used) return ERR_MEMORY;
    for (uint64_t i = 0; i < rows; i++) {
        c->target[i] = c->rows->target->values[c->rows->train ? c->rows->train[i] : i];
    }
    enum err err =
        bins_make(frame, c->rows->train, rows, POINTS_FINE_BINS, c->pool, c->progress, &c->bins);
    if (err != OK) return err;
    pool_run(c->pool, c->bins.count, coarse_column, c);
    err = columns_choose(c);
    if (err == OK) err = weights_fit(c, &intercept);
    if (err == OK) points_give(c, intercept);
    return err;
}

enum err points_train(const struct train_rows *rows, const struct tabular_options *options,
                      struct pool *pool, struct progress *progress, struct points *out,
                      struct fault *fault) {
    if (rows->target->task != TASK_BINARY) {
        return fault_set(fault, ERR_INPUT, "train.points_binary", rows->target->name);
    }
    struct points points;
    enum err err = points_take(rows->frame->features, rows->frame->feature_count, &points);
    if (err != OK) return err;
    struct carding c = {.rows = rows,
                        .options = options,
                        .pool = pool,
                        .progress = progress,
                        .fault = fault,
                        .points = &points};
    err = card_make(&c);
    bins_close(&c.bins);
    memory_give(c.used);
    memory_give(c.target);
    memory_give(c.cells);
    memory_give(c.woe);
    if (err != OK)
        points_close(&points);
    else
        *out = points;
    return err;
}

// ---- adding up ------------------------------

struct adding {
    const struct points *points;
    const struct frame *frame;
    double *out;
};

static void add_rows(void *ctx, size_t index, uint32_t worker) {
    const struct adding *a = ctx;
    const struct points *points = a->points;
    (void)worker;
    uint64_t first = (uint64_t)index * TASK_ROWS, end = first + TASK_ROWS;
    if (end > a->frame->rows) end = a->frame->rows;
    for (uint64_t i = first; i < end; i++) a->out[i] = points->base;
    for (uint32_t f = 0; f < points->count; f++) {
        const struct points_feature *feature = &points->features[f];
        if (feature->bin_count == 0) continue;
        for (uint64_t i = first; i < end; i++) {
            uint32_t bin = points_bin_of(feature, &a->frame->features[f], a->frame->values[f][i]);
            a->out[i] += feature->bins[bin].points;
        }
    }
    for (uint64_t i = first; i < end; i++) {
        a->out[i] = (points->offset - a->out[i]) / points->factor;
    }
}

void points_predict(const struct points *points, const struct frame *frame, struct pool *pool,
                    double *out) {
    struct adding adding = {points, frame, out};
    pool_run(pool, (frame->rows + TASK_ROWS - 1) / TASK_ROWS, add_rows, &adding);
}

double points_predict_row(const struct points *points, const struct feature *about,
                          const float *values) {
    double sum = points->base;
    for (uint32_t f = 0; f < points->count; f++) {
        const struct points_feature *feature = &points->features[f];
        if (feature->bin_count == 0) continue;
        sum += feature->bins[points_bin_of(feature, &about[f], values[f])].points;
    }
    return (points->offset - sum) / points->factor;
}

// ---- writing it down ------------------------------

static void bin_write(const struct points_feature *feature, const struct feature *about,
                      uint32_t at, struct json_writer *out) {
    const struct points_bin *bin = &feature->bins[at];
    bool missing = at == feature->bin_count;
    json_open_object(out);
    if (missing) {
        json_set_bool(out, "missing", true);
    } else if (about->kind == FEATURE_CATEGORY) {
        json_put_name(out, "categories");
        json_open_array(out);
        for (uint32_t c = 0; c < about->category_count; c++) {
            if (feature->group[c] == at) json_put_text(out, about->categories[c]);
        }
        json_close_array(out);
    } else {
        if (at > 0) json_set_number(out, "from", (double)feature->cuts[at - 1]);
        if (at + 1 < feature->bin_count) json_set_number(out, "below", (double)feature->cuts[at]);
    }
    json_set_number(out, "negative", bin->negative);
    json_set_number(out, "positive", bin->positive);
    json_set_number(out, "woe", bin->woe);
    json_set_i64(out, "points", bin->points);
    json_close_object(out);
}

void points_write(const struct points *points, const struct feature *features,
                  const struct tabular_options *options, struct json_writer *out) {
    json_put_name(out, "points");
    json_open_object(out);
    json_set_i64(out, "base", points->base);
    json_set_number(out, "at", options->points_base);
    json_set_number(out, "odds", options->points_odds);
    json_set_number(out, "double", options->points_double);
    json_put_name(out, "features");
    json_open_array(out);
    for (uint32_t f = 0; f < points->count; f++) {
        const struct points_feature *feature = &points->features[f];
        if (feature->bin_count == 0) continue;
        json_open_object(out);
        json_set_text(out, "feature", features[f].name);
        json_set_number(out, "information", feature->information);
        json_set_number(out, "weight", feature->weight);
        json_put_name(out, "bins");
        json_open_array(out);
        for (uint32_t b = 0; b <= feature->bin_count; b++) bin_write(feature, &features[f], b, out);
        json_close_array(out);
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
}
