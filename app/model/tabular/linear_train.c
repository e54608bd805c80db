// Fitting the linear model. One evaluation of the loss goes over blocks of rows: margins from the
// features, residuals from the margins, the gradient from residuals and features. Blocks are dealt
// to a fixed number of shares, each with a gradient of its own, added up in order: the result does
// not depend on the number of threads.

#include <math.h>
#include <string.h>

#include "model/tabular/linear_kernel_private.h"
#include "model/tabular/linear_lists_private.h"
#include "model/tabular/loss_private.h"

enum { SHARES_MAX = 64, BLOCK_ROWS_MAX = LINEAR_LOGISTIC_ROWS, BLOCK_ROWS_LEAST = 64 };
static const size_t block_values = 64 * 1024;    // floats of a block: half a second-level cache
static const size_t share_bytes_max = 64u << 20; // all shares' gradients

struct fitting {
    const struct train_rows *rows;
    struct truth truth;
    struct loss_shape shape;
    struct linear *linear;
    struct pool *pool;
    struct progress *progress;
    const struct loss *loss;
    struct loss_start start;
    struct cox *cox;   // survival
    bool margins_only; // this pass fills cox's margins
    double total_weight;
    double l2;
    struct linear_lists lists; // the sparse columns
    uint8_t *finite;           // (F): numbers without a missing value among the rows
    uint32_t *plain;           // (plain_count): those of them that are no lists
    uint32_t *dense;           // (dense_count): the others whose values a block holds
    uint32_t *texts;           // (text_count)
    uint32_t plain_count, dense_count, text_count;
    uint32_t block_rows, shares;
    size_t size;                // parameters: K * W weights, then K intercepts
    float *values;              // (threads, plain_count + dense_count, block_rows)
    const float **plain_values; // (threads, plain_count): a block's, where they stand
    double *margins;            // (threads, K, block_rows): then residuals
    double *share_gradient;     // (shares, size)
    double *share_loss;         // (shares)
    const double *x;            // where the loss is evaluated
};

// ---- what is known of each column beforehand ------------------------------

static struct truth truth_of(const struct train_rows *rows) {
    return (struct truth){rows->target->values, rows->weight, rows->target->event, rows->train,
                          rows->train_count};
}

static float value_of(const struct train_rows *rows, uint32_t f, uint64_t i) {
    return rows->frame->values[f][rows->train ? rows->train[i] : i];
}

// Of `total` weight `seen` is of numbers; they have this mean and sum of squares about it.
struct moments {
    double total, seen, mean, spread;
    bool finite;
};

static struct moments moments_weighed(const struct train_rows *rows, uint32_t f) {
    struct truth truth = truth_of(rows);
    struct moments m = {.finite = true};
    for (uint64_t i = 0; i < rows->train_count; i++) {
        double value = (double)value_of(rows, f, i), weight = truth_weight(&truth, i);
        m.total += weight;
        m.finite &= isfinite(value) != 0;
        if (!isfinite(value) || weight == 0) continue;
        m.seen += weight;
        double delta = value - m.mean;
        m.mean += delta * weight / m.seen;
        m.spread += weight * delta * (value - m.mean);
    }
    return m;
}

// Some rows at a time, about the mean so far; put together as Chan, Golub and LeVeque did (1983).
static struct moments moments_of(const struct train_rows *rows, uint32_t f) {
    enum { SOME = 1024 };
    struct moments m = {.total = (double)rows->train_count};
    float values[SOME];
    for (uint64_t first = 0; first < rows->train_count; first += SOME) {
        uint64_t left = rows->train_count - first;
        uint32_t count = left < SOME ? (uint32_t)left : SOME;
        const float *x = rows->frame->values[f] + first;
        if (rows->train || count % 8) {
            for (uint32_t i = 0; i < count; i++) values[i] = value_of(rows, f, first + i);
            for (uint32_t i = count; i % 8; i++) values[i] = NAN;
            x = values;
        }
        double seen, sum, square;
        double about = m.seen > 0 ? m.mean : isfinite(x[0]) ? (double)x[0] : 0;
        linear_kernels()->measure(x, (count + 7) & ~7u, about, &seen, &sum, &square);
        if (seen == 0) continue;
        double delta = about + sum / seen - m.mean, both = m.seen + seen;
        m.spread += square - sum * sum / seen + delta * delta * m.seen * seen / both;
        m.mean += delta * seen / both;
        m.seen = both;
    }
    m.finite = m.seen == m.total;
    return m;
}

// Whether all values are finite.
static bool measure_number(const struct train_rows *rows, uint32_t f, struct linear_term *term) {
    struct moments m = rows->weight ? moments_weighed(rows, f) : moments_of(rows, f);
    double deviation = m.seen > 0 && m.spread > 0 ? sqrt(m.spread / m.seen) : 0;
    // A deviation of a constant's rounding is none.
    bool varies = deviation > 1e-9 * fabs(m.mean) && isfinite(deviation);
    term->mean = isfinite(m.mean) ? m.mean : 0;
    term->scale = varies ? 1 / deviation : 0;
    term->missing_share = 1 - m.seen / (m.total > 0 ? m.total : 1);
    return m.finite && isfinite(m.mean);
}

struct measuring {
    const struct train_rows *rows;
    struct linear *linear;
    double *category_share; // (W)
    uint8_t *finite;        // (F)
    const struct truth *truth;
    double total_weight;
};

// A row's buckets of a text, by the row's place among those that train.
static uint32_t text_of(const struct train_rows *rows, uint32_t f, uint64_t i,
                        const uint32_t **out_bucket, const float **out_weight) {
    const struct sparse *text = &rows->frame->sparse[f];
    uint64_t row = rows->train ? rows->train[i] : i;
    *out_bucket = text->bucket + text->from[row];
    *out_weight = text->weight + text->from[row];
    return text->count[row];
}

static void measure_text(const struct measuring *m, uint32_t f, double *share) {
    for (uint64_t i = 0; i < m->rows->train_count; i++) {
        const uint32_t *bucket;
        const float *weight;
        uint32_t count = text_of(m->rows, f, i, &bucket, &weight);
        double one = truth_weight(m->truth, i) / m->total_weight;
        for (uint32_t at = 0; at < count; at++) share[bucket[at]] += one * (double)weight[at];
    }
}

static void measure_feature(void *ctx, size_t index, uint32_t worker) {
    const struct measuring *m = ctx;
    (void)worker;
    struct linear_term *term = &m->linear->terms[index];
    double *share = m->category_share + term->first;
    if (term->width) {
        measure_text(m, (uint32_t)index, share);
        return;
    }
    if (!term->is_category) {
        m->finite[index] = measure_number(m->rows, (uint32_t)index, term);
        return;
    }
    for (uint64_t i = 0; i < m->rows->train_count; i++) {
        float value = value_of(m->rows, (uint32_t)index, i);
        bool known = value >= 0 && value < (float)term->categories;
        share[known ? (uint32_t)value : term->categories] +=
            truth_weight(m->truth, i) / m->total_weight;
    }
}

// ---- one block ------------------------------

// The block's columns side by side, infinities as missing; padded to eight rows with missing.
// `plain` tells where each plain one's stand: in place if they can; padded with zeros.
static void load_block(const struct fitting *f, uint64_t first, uint32_t count, uint32_t padded,
                       float *values, const float **plain) {
    for (uint32_t p = 0; p < f->plain_count; p++, values += f->block_rows) {
        plain[p] = values;
        if (!f->rows->train && count == padded) {
            plain[p] = f->rows->frame->values[f->plain[p]] + first;
            continue;
        }
        for (uint32_t i = 0; i < count; i++) values[i] = value_of(f->rows, f->plain[p], first + i);
        for (uint32_t i = count; i < padded; i++) values[i] = 0;
    }
    for (uint32_t d = 0; d < f->dense_count; d++) {
        float *out = values + (size_t)d * f->block_rows;
        for (uint32_t i = 0; i < count; i++) {
            float value = value_of(f->rows, f->dense[d], first + i);
            out[i] = isfinite(value) ? value : NAN;
        }
        for (uint32_t i = count; i < padded; i++) out[i] = NAN;
    }
}

static void add_text(const struct fitting *f, uint32_t feature, uint64_t first, uint32_t count,
                     const double *weights, double *margin) {
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t *bucket;
        const float *weight;
        uint32_t size = text_of(f->rows, feature, first + i, &bucket, &weight);
        double sum = 0;
        for (uint32_t at = 0; at < size; at++) sum += weights[bucket[at]] * (double)weight[at];
        margin[i] += sum;
    }
}

static void add_text_gradient(const struct fitting *f, uint32_t feature, uint64_t first,
                              uint32_t count, const double *residual, double *gradient) {
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t *bucket;
        const float *weight;
        uint32_t size = text_of(f->rows, feature, first + i, &bucket, &weight);
        for (uint32_t at = 0; at < size; at++) {
            gradient[bucket[at]] += residual[i] * (double)weight[at];
        }
    }
}

static void add_feature(const struct linear_term *term, const float *values, const double *weights,
                        uint32_t padded, double *margin) {
    weights += term->first;
    if (!term->is_category) {
        linear_kernels()->add(margin, values, padded, term->mean, weights[0] * term->scale,
                              weights[1]);
        return;
    }
    for (uint32_t i = 0; i < padded; i++) {
        bool known = values[i] >= 0 && values[i] < (float)term->categories;
        margin[i] += weights[known ? (uint32_t)values[i] : term->categories];
    }
}

static void add_gradient(const struct linear_term *term, const float *values,
                         const double *residual, uint32_t padded, double *gradient) {
    gradient += term->first;
    if (!term->is_category) {
        double sum, missing;
        linear_kernels()->dot(residual, values, padded, term->mean, &sum, &missing);
        gradient[0] += sum * term->scale;
        gradient[1] += missing;
        return;
    }
    for (uint32_t i = 0; i < padded; i++) {
        bool known = values[i] >= 0 && values[i] < (float)term->categories;
        gradient[known ? (uint32_t)values[i] : term->categories] += residual[i];
    }
}

// Margins become residuals (the loss's derivatives by them, times the row's weight); returns the
// sum of losses.
static double to_residuals(const struct fitting *f, uint64_t first, uint32_t count, uint32_t padded,
                           double *margin) {
    const struct loss *loss = f->loss;
    uint32_t outputs = f->linear->outputs;
    size_t stride = f->block_rows;
    double sum = 0, base = f->start.base[0], scale = 1 / f->start.unit;
    bool together = loss->rows && !f->truth.weight;
    if (together) {
        double target[BLOCK_ROWS_MAX];
        for (uint32_t i = 0; i < count; i++) target[i] = truth_value(&f->truth, first + i);
        sum = loss->rows(target, margin, count);
    }
    for (uint32_t i = 0; i < count && !together; i++) {
        double y = truth_value(&f->truth, first + i), weight = truth_weight(&f->truth, first + i);
        if (loss->standardised) y = (y - base) * scale;
        if (loss->whole)
            margin[i] = cox_derivatives(f->cox, first + i).first;
        else
            sum += weight * loss->row(&f->shape, y, margin + i, stride);
        for (uint32_t k = 0; f->truth.weight && k < outputs; k++) margin[k * stride + i] *= weight;
    }
    for (uint32_t k = 0; k < outputs; k++) {
        for (uint32_t i = count; i < padded; i++) margin[k * stride + i] = 0;
    }
    return sum;
}

// Some plain features, the last again where there are fewer: places in `plain`.
static uint32_t take_plain(const struct fitting *f, const float *const *plain, uint32_t from,
                           const float *x[static LINEAR_TOGETHER]) {
    uint32_t left = f->plain_count - from;
    for (uint32_t k = 0; k < LINEAR_TOGETHER; k++) x[k] = plain[from + (k < left ? k : left - 1)];
    return left < LINEAR_TOGETHER ? left : LINEAR_TOGETHER;
}

// The means' part of them is a constant; returns it.
static double plain_base(const struct fitting *f, const double *weights) {
    double base = 0;
    for (uint32_t p = 0; p < f->plain_count; p++) {
        const struct linear_term *term = &f->linear->terms[f->plain[p]];
        base -= weights[term->first] * term->scale * term->mean;
    }
    return base;
}

static void add_plain(const struct fitting *f, const float *const *plain, const double *weights,
                      uint32_t padded, double *margin) {
    for (uint32_t p = 0; p < f->plain_count; p += LINEAR_TOGETHER) {
        const float *x[LINEAR_TOGETHER];
        double by[LINEAR_TOGETHER] = {0};
        uint32_t some = take_plain(f, plain, p, x);
        for (uint32_t k = 0; k < some; k++) {
            const struct linear_term *term = &f->linear->terms[f->plain[p + k]];
            by[k] = weights[term->first] * term->scale;
        }
        linear_kernels()->add_finite(margin, x, by, padded);
    }
}

// Less the means' part, which settle_plain takes off.
static void dot_plain(const struct fitting *f, const float *const *plain, const double *residual,
                      uint32_t padded, double *gradient) {
    for (uint32_t p = 0; p < f->plain_count; p += LINEAR_TOGETHER) {
        const float *x[LINEAR_TOGETHER];
        double sums[LINEAR_TOGETHER];
        uint32_t some = take_plain(f, plain, p, x);
        linear_kernels()->dot_finite(residual, x, padded, sums);
        for (uint32_t k = 0; k < some; k++) {
            gradient[f->linear->terms[f->plain[p + k]].first] += sums[k];
        }
    }
}

static void settle_plain(const struct fitting *f, double residuals, double *gradient) {
    for (uint32_t p = 0; p < f->plain_count; p++) {
        const struct linear_term *term = &f->linear->terms[f->plain[p]];
        double *out = gradient + term->first;
        *out = (*out - residuals * term->mean) * term->scale;
    }
}

// The margins of a block's rows, from its values.
static void to_margins(const struct fitting *f, uint64_t first, uint32_t count,
                       const float *const *plain, const float *values, uint32_t padded,
                       double *margins) {
    const struct linear *linear = f->linear;
    const double *intercepts = f->x + (size_t)linear->width * linear->outputs;
    for (uint32_t k = 0; k < linear->outputs; k++) {
        double *margin = margins + (size_t)k * f->block_rows;
        const double *weights = f->x + (size_t)k * linear->width;
        double start = intercepts[k] + plain_base(f, weights);
        if (f->lists.count > 0) start += f->lists.base[k];
        for (uint32_t i = 0; i < padded; i++) margin[i] = start;
        add_plain(f, plain, weights, padded, margin);
        for (uint32_t d = 0; d < f->dense_count; d++) {
            add_feature(&linear->terms[f->dense[d]], values + (size_t)d * f->block_rows, weights,
                        padded, margin);
        }
        for (uint32_t t = 0; t < f->text_count; t++) {
            uint32_t c = f->texts[t];
            add_text(f, c, first, count, weights + linear->terms[c].first, margin);
        }
        if (f->lists.count > 0) {
            const double *scaled = f->lists.scaled + (size_t)k * linear->width;
            linear_lists_add(&f->lists, scaled, first, count, margin);
        }
    }
}

static double run_block(const struct fitting *f, uint64_t first, uint32_t count, uint32_t worker,
                        double *gradient) {
    const struct linear *linear = f->linear;
    uint32_t padded = (count + 7) & ~7u;
    size_t columns = f->plain_count + f->dense_count;
    float *values = f->values + (size_t)worker * columns * f->block_rows;
    const float **plain = f->plain_values + (size_t)worker * f->plain_count;
    double *margins = f->margins + (size_t)worker * linear->outputs * f->block_rows;
    load_block(f, first, count, padded, values, plain);
    values += (size_t)f->plain_count * f->block_rows;
    if (!f->loss->whole || f->margins_only) {
        to_margins(f, first, count, plain, values, padded, margins);
    }
    if (f->margins_only) {
        memcpy(cox_margins(f->cox) + first, margins, count * sizeof(double));
        return 0;
    }
    double loss = to_residuals(f, first, count, padded, margins);
    for (uint32_t k = 0; k < linear->outputs; k++) {
        const double *residual = margins + (size_t)k * f->block_rows;
        double *out = gradient + (size_t)k * linear->width;
        double *intercept = gradient + (size_t)linear->width * linear->outputs + k;
        dot_plain(f, plain, residual, padded, out);
        for (uint32_t d = 0; d < f->dense_count; d++) {
            add_gradient(&linear->terms[f->dense[d]], values + (size_t)d * f->block_rows, residual,
                         padded, out);
        }
        for (uint32_t t = 0; t < f->text_count; t++) {
            uint32_t c = f->texts[t];
            add_text_gradient(f, c, first, count, residual, out + linear->terms[c].first);
        }
        if (f->lists.count > 0) linear_lists_gather(&f->lists, residual, first, count, out);
        for (uint32_t i = 0; i < count; i++) *intercept += residual[i];
    }
    return loss;
}

static void run_share(void *ctx, size_t index, uint32_t worker) {
    struct fitting *f = ctx;
    uint64_t rows = f->rows->train_count;
    uint64_t blocks = (rows + f->block_rows - 1) / f->block_rows;
    uint64_t from = blocks * index / f->shares, to = blocks * (index + 1) / f->shares;
    double *gradient = f->share_gradient + index * f->size, loss = 0;
    memset(gradient, 0, f->size * sizeof(double));
    for (uint64_t b = from; b < to && !progress_cancelled(f->progress); b++) {
        uint64_t first = b * f->block_rows, left = rows - first;
        uint32_t count = left < f->block_rows ? (uint32_t)left : f->block_rows;
        loss += run_block(f, first, count, worker, gradient);
    }
    const struct linear *linear = f->linear;
    const double *residuals = gradient + (size_t)linear->width * linear->outputs;
    for (uint32_t k = 0; k < linear->outputs; k++) {
        double *out = gradient + (size_t)k * linear->width;
        settle_plain(f, residuals[k], out);
        if (f->lists.count > 0) linear_lists_settle(&f->lists, linear, residuals[k], out);
    }
    f->share_loss[index] = loss;
}

static enum err compute(void *ctx, const double *x, double *out_value, double *gradient) {
    struct fitting *f = ctx;
    f->x = x;
    if (f->lists.count > 0) linear_lists_at(&f->lists, f->linear, x);
    if (f->cox) { // all rows' margins before the first residual
        f->margins_only = true;
        pool_run(f->pool, f->shares, run_share, f);
        f->margins_only = false;
        if (progress_cancelled(f->progress)) return ERR_CANCELLED;
        cox_run(f->cox, f->pool);
    }
    pool_run(f->pool, f->shares, run_share, f);
    if (progress_cancelled(f->progress)) return ERR_CANCELLED;
    double loss = f->cox ? cox_loss(f->cox) : 0, per_row = 1 / f->total_weight;
    for (uint32_t s = 0; s < f->shares; s++) loss += f->share_loss[s];
    loss *= per_row;
    size_t weights = (size_t)f->linear->width * f->linear->outputs;
    for (size_t i = 0; i < f->size; i++) {
        double sum = 0;
        for (uint32_t s = 0; s < f->shares; s++) sum += f->share_gradient[s * f->size + i];
        gradient[i] = sum * per_row;
        if (i >= weights) continue;
        gradient[i] += f->l2 * x[i];
        loss += 0.5 * f->l2 * x[i] * x[i];
    }
    *out_value = loss;
    return OK;
}

// ---- the fit ------------------------------

static void start_at(const struct fitting *f, double *x) {
    uint32_t outputs = f->linear->outputs;
    double *intercept = x + (size_t)f->linear->width * outputs;
    for (uint32_t k = 0; k < outputs && !f->loss->standardised; k++) {
        intercept[k] = f->start.base[k];
    }
}

// A standardised target: back to its units.
static void finish(const struct fitting *f, const double *x, const double *category_share) {
    struct linear *linear = f->linear;
    size_t weights = (size_t)linear->width * linear->outputs;
    double unit = f->start.unit, base = f->loss->standardised ? f->start.base[0] : 0;
    for (size_t i = 0; i < weights; i++) linear->weights[i] = x[i] * unit;
    for (uint32_t k = 0; k < linear->outputs; k++) {
        linear->intercept[k] = x[weights + k] * unit + base;
    }
    linear_set_base(linear, category_share);
}

// Which columns are lists, texts, and the others.
static enum err deal_columns(struct fitting *f) {
    const struct linear *linear = f->linear;
    f->dense = memory_take(linear->features * sizeof(*f->dense) + 1);
    f->plain = memory_take(linear->features * sizeof(*f->plain) + 1);
    f->texts = memory_take(linear->features * sizeof(*f->texts) + 1);
    enum err err = linear_lists_make(f->rows, linear, f->pool, &f->lists);
    if (!f->dense || !f->plain || !f->texts) return ERR_MEMORY;
    for (uint32_t c = 0; err == OK && c < linear->features; c++) {
        if (linear->terms[c].width)
            f->texts[f->text_count++] = c;
        else if (!linear_is_listed(&f->lists, c) && f->finite[c])
            f->plain[f->plain_count++] = c;
        else if (!linear_is_listed(&f->lists, c))
            f->dense[f->dense_count++] = c;
    }
    return err;
}

static enum err take_scratch(struct fitting *f) {
    const struct linear *linear = f->linear;
    uint32_t threads = pool_threads(f->pool), features = f->plain_count + f->dense_count;
    if (features == 0) features = 1;
    size_t rows = block_values / (features > linear->outputs ? features : linear->outputs) & ~7u;
    rows = rows > BLOCK_ROWS_MAX ? BLOCK_ROWS_MAX : rows;
    f->block_rows = rows < BLOCK_ROWS_LEAST ? BLOCK_ROWS_LEAST : (uint32_t)rows;
    size_t shares = share_bytes_max / (f->size * sizeof(double));
    f->shares = shares > SHARES_MAX ? SHARES_MAX : shares < 1 ? 1 : (uint32_t)shares;
    f->values = memory_take((size_t)threads * features * f->block_rows * sizeof(float));
    f->plain_values = memory_take((size_t)threads * features * sizeof(*f->plain_values));
    f->margins = memory_take((size_t)threads * linear->outputs * f->block_rows * sizeof(double));
    f->share_gradient = memory_take(f->shares * f->size * sizeof(double));
    f->share_loss = memory_take(f->shares * sizeof(double));
    return f->values && f->plain_values && f->margins && f->share_gradient && f->share_loss
               ? OK
               : ERR_MEMORY;
}

static enum err fit(struct fitting *f, const struct tabular_options *options, double *x, double *l1,
                    double *category_share) {
    for (uint64_t i = 0; i < f->truth.count; i++) f->total_weight += truth_weight(&f->truth, i);
    if (f->total_weight == 0) f->total_weight = 1;
    f->finite = memory_take(f->linear->features + 1);
    if (!f->finite) return ERR_MEMORY;
    struct measuring measuring = {f->rows,   f->linear, category_share,
                                  f->finite, &f->truth, f->total_weight};
    pool_run(f->pool, f->linear->features, measure_feature, &measuring);
    enum err err = deal_columns(f);
    if (err == OK) err = take_scratch(f);
    if (err == OK) err = f->loss->start(&f->shape, &f->truth, &f->start);
    if (err == OK && f->loss->whole) err = cox_open(&f->truth, &f->cox);
    if (err != OK) return err;
    f->l2 = options->alpha * (1 - options->l1_share);
    size_t weights = (size_t)f->linear->width * f->linear->outputs;
    for (size_t i = 0; i < weights; i++) l1[i] = options->alpha * options->l1_share;
    start_at(f, x);
    struct objective objective = {.compute = compute,
                                  .ctx = f,
                                  .size = f->size,
                                  .l1 = options->l1_share > 0 ? l1 : NULL,
                                  .first_step = f->loss->step};
    err = minimise(&objective, x, LINEAR_STEPS_MAX, linear_gradient_small, &f->linear->iterations);
    if (err == OK) finish(f, x, category_share);
    return err;
}

enum err linear_train(const struct train_rows *rows, const struct tabular_options *options,
                      struct pool *pool, struct progress *progress, struct linear *out,
                      struct fault *fault) {
    uint32_t outputs = rows->target->task == TASK_CLASSES ? rows->target->class_count : 1;
    struct linear linear = {0};
    enum err err = linear_take(rows->frame->features, rows->frame->feature_count, outputs, &linear);
    if (err == ERR_LIMIT) return fault_set(fault, err, "train.too_wide", STR("16777216"));
    if (err != OK) return err;
    struct fitting f = {.rows = rows,
                        .truth = truth_of(rows),
                        .shape = {outputs, options->quantile},
                        .linear = &linear,
                        .pool = pool,
                        .progress = progress,
                        .loss = loss_of(rows->target->task, options->loss)};
    f.size = ((size_t)linear.width + 1) * outputs;
    double *x = memory_take(f.size * sizeof(double)), *l1 = memory_take(f.size * sizeof(double));
    double *category_share = memory_take(linear.width * sizeof(double) + 1);
    err = x && l1 && category_share ? OK : ERR_MEMORY;
    if (err == OK) err = fit(&f, options, x, l1, category_share);
    cox_close(f.cox);
    memory_give(category_share);
    memory_give(l1);
    memory_give(x);
    memory_give(f.share_loss);
    memory_give(f.share_gradient);
    memory_give(f.margins);
    memory_give(f.plain_values);
    memory_give(f.values);
    memory_give(f.finite);
    memory_give(f.plain);
    memory_give(f.texts);
    memory_give(f.dense);
    linear_lists_close(&f.lists);
    if (err != OK)
        linear_close(&linear);
    else
        *out = linear;
    return err;
}
