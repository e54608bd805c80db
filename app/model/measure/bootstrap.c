// Percentile bootstrap by counts. A resample gives each row a count from Poisson(1), four rows out
// of one 64-bit draw; metrics then run over the rows in place. Resamples are independent, so
// threads share them out and the result does not depend on how.

#include "model/measure/measure.h"

#include <math.h>
#include <stdlib.h>

// Rows times resamples that take about a second on two cores.
static const uint64_t work_max = 200u * 1000 * 1000;

uint32_t bootstrap_resamples(uint64_t rows) {
    uint64_t fit = work_max / (rows ? rows : 1);
    if (fit > BOOTSTRAP_RESAMPLES) return BOOTSTRAP_RESAMPLES;
    return fit < 100 ? 100 : (uint32_t)fit;
}

// P(count <= k) of Poisson(1) in parts of 65536, for k = 0 to 7; more than 8 happens once in 10^6.
static const uint32_t poisson_cdf[8] = {24109, 48219, 60273, 64292, 65296, 65497, 65531, 65535};

struct resampling {
    const struct bootstrap_metric *metric;
    uint64_t rows, seed;
    uint8_t *weight;      // (threads, rows)
    const uint8_t *count; // (65536): Poisson count of a 16-bit draw
    double *value;        // (resamples, metric_count)
    struct progress *progress;
};

static void resample(void *ctx, size_t index, uint32_t worker) {
    const struct resampling *r = ctx;
    if (progress_cancelled(r->progress)) return;
    uint8_t *weight = r->weight + worker * r->rows;
    struct draw draw = {seed_mix(r->seed) + index * 0xD1342543DE82EF95u};
    uint64_t i = 0;
    for (; i + 4 <= r->rows; i += 4) {
        uint64_t bits = draw_next(&draw);
        weight[i] = r->count[bits & 65535];
        weight[i + 1] = r->count[bits >> 16 & 65535];
        weight[i + 2] = r->count[bits >> 32 & 65535];
        weight[i + 3] = r->count[bits >> 48];
    }
    uint64_t bits = draw_next(&draw);
    for (; i < r->rows; i++, bits >>= 16) weight[i] = r->count[bits & 65535];
    r->metric->compute(r->metric->ctx, weight, r->rows, r->value + index * r->metric->metric_count);
}

static int compare_double(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

// Linear interpolation between the sorted values (type 7 of Hyndman and Fan).
static double quantile(const double *sorted, uint32_t count, double share) {
    double at = share * (count - 1);
    uint32_t low = (uint32_t)at;
    uint32_t high = low + 1 < count ? low + 1 : low;
    return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

static struct interval interval_of(double value, const double *values, uint32_t stride,
                                   uint32_t resamples, double *sorted) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < resamples; i++) {
        double v = values[(size_t)i * stride];
        if (!isnan(v)) sorted[count++] = v;
    }
    if (count == 0) return (struct interval){value, NAN, NAN};
    qsort(sorted, count, sizeof(*sorted), compare_double);
    return (struct interval){value, quantile(sorted, count, 0.025), quantile(sorted, count, 0.975)};
}

static void poisson_table(uint8_t *count) {
    uint8_t k = 0;
    for (uint32_t draw = 0; draw < 65536; draw++) {
        while (k < 8 && draw >= poisson_cdf[k]) k++;
        count[draw] = k;
    }
}

enum err bootstrap(const struct bootstrap_metric *metric, uint64_t rows, uint32_t resamples,
                   uint64_t seed, struct pool *pool, struct progress *progress,
                   struct interval *out) {
    cy_assert(metric->metric_count <= BOOTSTRAP_METRICS_MAX);
    enum err err = ERR_MEMORY;
    uint32_t metrics = metric->metric_count;
    struct resampling r = {.metric = metric, .rows = rows, .seed = seed, .progress = progress};
    uint8_t *count = memory_take(65536);
    r.count = count;
    r.weight = memory_take(pool_threads(pool) * rows + 1);
    r.value = memory_take((size_t)resamples * metrics * sizeof(*r.value) + 1);
    double *sorted = memory_take(resamples * sizeof(*sorted) + 1);
    double *plain = memory_take(metrics * sizeof(*plain) + 1);
    if (!count || !r.weight || !r.value || !sorted || !plain) goto done;
    poisson_table(count);
    for (uint64_t i = 0; i < rows; i++) r.weight[i] = 1;
    metric->compute(metric->ctx, r.weight, rows, plain);
    pool_run(pool, resamples, resample, &r);
    err = progress_cancelled(progress) ? ERR_CANCELLED : OK;
    for (uint32_t m = 0; err == OK && m < metrics; m++) {
        out[m] = interval_of(plain[m], r.value + m, metrics, resamples, sorted);
    }
done:
    memory_give(plain);
    memory_give(sorted);
    memory_give(r.value);
    memory_give(r.weight);
    memory_give(count);
    return err;
}
