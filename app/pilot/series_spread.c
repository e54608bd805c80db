// Intervals: sorted residuals, and the quantile that holds for one more.
#include <math.h>
#include <stdlib.h>

#include "pilot/series.h"

enum { BAND_RESIDUALS_MIN = 200 }; // fewer say little of a band's 2.5 % tails

struct residual {
    double predicted, error; // truth - predicted
};

static int by_predicted(const void *a, const void *b) {
    const struct residual *x = a, *y = b;
    return x->predicted < y->predicted ? -1 : x->predicted > y->predicted;
}

static int by_error(const void *a, const void *b) {
    const struct residual *x = a, *y = b;
    return x->error < y->error ? -1 : x->error > y->error;
}

// A new error lies at or below the k-th of n with probability k / (n + 1).
static void quantiles(struct residual *rows, uint64_t count, double *low, double *high) {
    qsort(rows, count, sizeof *rows, by_error);
    for (uint32_t l = 0; l < SERIES_LEVELS; l++) {
        double tail = (1 - series_levels[l]) / 2, places = (double)count + 1;
        double below = floor(tail * places), above = ceil((1 - tail) * places);
        uint64_t first = below < 1 ? 0 : (uint64_t)below - 1;
        uint64_t last = above > (double)count ? count - 1 : (uint64_t)above - 1;
        low[l] = rows[first].error;
        high[l] = rows[last].error;
    }
}

enum err series_spread_fit(const double *predicted, const double *truth, uint64_t count,
                           struct series_spread *out) {
    *out = (struct series_spread){.bands = 1};
    if (count == 0) return OK;
    struct residual *rows = memory_take(count * sizeof *rows);
    if (!rows) return ERR_MEMORY;
    for (uint64_t i = 0; i < count; i++) {
        rows[i] = (struct residual){predicted[i], truth[i] - predicted[i]};
    }
    qsort(rows, count, sizeof *rows, by_predicted);
    uint64_t bands = count / BAND_RESIDUALS_MIN;
    out->bands = bands < 1 ? 1 : bands > SERIES_BAND_COUNT ? SERIES_BAND_COUNT : (uint32_t)bands;
    uint64_t edges[SERIES_BAND_COUNT + 1] = {0};
    for (uint32_t b = 0; b < out->bands; b++) {
        edges[b + 1] = count * (b + 1) / out->bands;
        if (b + 1 < out->bands) out->upper[b] = rows[edges[b + 1] - 1].predicted;
    }
    for (uint32_t b = 0; b < out->bands; b++) {
        quantiles(rows + edges[b], edges[b + 1] - edges[b], out->low[b], out->high[b]);
    }
    memory_give(rows);
    return OK;
}

uint32_t series_band(const struct series_spread *spread, double predicted) {
    uint32_t band = 0;
    while (band + 1 < spread->bands && predicted > spread->upper[band]) band++;
    return band;
}
