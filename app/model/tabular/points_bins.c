// Coarse bins for a points scorecard. Fine bins stand in a row, numbers by value and categories by
// their rate of positives; neighbours are merged until the rest all differ. See points_private.h.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/tabular/points_private.h"

// χ² with one degree of freedom at 5 %; the least share of rows of a bin; bins of a column at most.
static const double chi_square_least = 3.841, share_least = 0.05;
static const double rows_drawn = 10; // of the mean rate, counted with every bin
enum { BINS_WANTED = 8 };

struct run { // neighbours that became one bin: fine bins first..last of the row
    double negative, positive;
    uint32_t first, last;
};
struct merging {
    struct run runs[BINS_CELLS];
    uint32_t count;
    double rows;
};

static double rate_of(const struct run *run) {
    double rows = run->negative + run->positive;
    return rows > 0 ? run->positive / rows : 0;
}

static double chi_square(const struct run *a, const struct run *b) {
    double na = a->negative + a->positive, nb = b->negative + b->positive, rows = na + nb;
    double positive = a->positive + b->positive, negative = rows - positive;
    if (na == 0 || nb == 0 || positive == 0 || negative == 0) return 0;
    double off = a->positive * b->negative - b->positive * a->negative;
    return off * off * rows / (na * nb * positive * negative);
}

static void merge(struct merging *m, uint32_t at) { // at and at + 1
    struct run *run = &m->runs[at];
    run->negative += run[1].negative;
    run->positive += run[1].positive;
    run->last = run[1].last;
    m->count--;
    memmove(run + 1, run + 2, (m->count - at - 1) * sizeof(*run));
}

// Pools neighbours whose rates run against the direction (pool adjacent violators).
static void make_monotone(struct merging *m) {
    double mean_rate = 0, mean_place = 0, both = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        double weight = (m->runs[i].negative + m->runs[i].positive) / m->rows;
        mean_rate += weight * rate_of(&m->runs[i]);
        mean_place += weight * i;
        both += weight * i * rate_of(&m->runs[i]);
    }
    bool rising = both >= mean_rate * mean_place;
    for (uint32_t i = 0; i + 1 < m->count;) {
        double step = rate_of(&m->runs[i + 1]) - rate_of(&m->runs[i]);
        if (rising ? step > 0 : step < 0) {
            i++;
            continue;
        }
        merge(m, i);
        i = i > 0 ? i - 1 : 0;
    }
}

static bool too_small(const struct merging *m, const struct run *run) {
    return run->negative + run->positive < share_least * m->rows || run->negative == 0 ||
           run->positive == 0;
}

// The pair that differs least among all, or among those with a bin that is too small.
static uint32_t closest_pair(const struct merging *m, bool small_only, double *out) {
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i + 1 < m->count; i++) {
        bool small = too_small(m, &m->runs[i]) || too_small(m, &m->runs[i + 1]);
        double differ = chi_square(&m->runs[i], &m->runs[i + 1]);
        if ((small_only && !small) || (best != UINT32_MAX && differ >= *out)) continue;
        best = i;
        *out = differ;
    }
    return best;
}

static void merge_alike(struct merging *m) {
    double differ = 0;
    for (uint32_t at; (at = closest_pair(m, true, &differ)) != UINT32_MAX;) merge(m, at);
    for (uint32_t at; (at = closest_pair(m, false, &differ)) != UINT32_MAX;) {
        if (differ >= chi_square_least && m->count <= BINS_WANTED) break;
        merge(m, at);
    }
}

struct ranked {
    double rate;
    uint32_t bin;
};

static int compare_ranked(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    if (x->rate != y->rate) return x->rate < y->rate ? -1 : 1;
    return x->bin < y->bin ? -1 : x->bin > y->bin;
}

// Fine bins in their row: `order` (value_bins). Categories by rate, drawn to the mean where rare.
static void line_up(const struct points_counts *fine, const struct feature_bins *bins,
                    uint32_t *order) {
    struct ranked ranked[BINS_CELLS];
    double negative = 0, positive = 0;
    for (uint32_t b = 0; b < bins->value_bins; b++) {
        negative += fine[b].negative;
        positive += fine[b].positive;
    }
    double mean = negative + positive > 0 ? positive / (negative + positive) : 0;
    for (uint32_t b = 0; b < bins->value_bins; b++) {
        double rows = fine[b].negative + fine[b].positive + 1;
        ranked[b] = (struct ranked){bins->is_category ? (fine[b].positive + mean) / rows : b, b};
    }
    qsort(ranked, bins->value_bins, sizeof(*ranked), compare_ranked);
    for (uint32_t b = 0; b < bins->value_bins; b++) order[b] = ranked[b].bin;
}

// Each bin's rates are drawn to the mean by a few rows, so that a handful of missing values does
// not weigh more than it can show; an empty bin weighs nothing.
static void weigh(struct points_feature *out, double negatives, double positives) {
    double drawn = rows_drawn / (negatives + positives);
    out->information = 0;
    if (negatives == 0 || positives == 0) return;
    for (uint32_t b = 0; b <= out->bin_count; b++) {
        struct points_bin *bin = &out->bins[b];
        double positive = bin->positive / positives, negative = bin->negative / negatives;
        bin->woe = log((positive + drawn) / (negative + drawn));
        out->information += (positive - negative) * bin->woe;
    }
}

void points_coarse(const struct points_counts *fine, const struct feature_bins *bins,
                   uint32_t category_count, bool monotone, struct points_feature *out) {
    struct merging m = {.count = 0};
    uint32_t order[BINS_CELLS];
    line_up(fine, bins, order);
    double negatives = fine[bins->value_bins].negative, positives = fine[bins->value_bins].positive;
    for (uint32_t i = 0; i < bins->value_bins; i++) {
        const struct points_counts *cell = &fine[order[i]];
        m.runs[m.count++] = (struct run){cell->negative, cell->positive, i, i};
        m.rows += cell->negative + cell->positive;
        negatives += cell->negative;
        positives += cell->positive;
    }
    if (monotone && !bins->is_category && m.count > 1) make_monotone(&m);
    merge_alike(&m);
    out->bin_count = m.count;
    out->bins[m.count] = (struct points_bin){.negative = fine[bins->value_bins].negative,
                                             .positive = fine[bins->value_bins].positive};
    if (bins->is_category) memset(out->group, (int)m.count, category_count);
    for (uint32_t r = 0; r < m.count; r++) {
        const struct run *run = &m.runs[r];
        out->bins[r] = (struct points_bin){.negative = run->negative, .positive = run->positive};
        if (!bins->is_category) {
            if (r + 1 < m.count) out->cuts[r] = bins->cuts[run->last];
            continue;
        }
        for (uint32_t c = 0; c < category_count; c++) {
            if (bins->category_bin[c] >= bins->value_bins) continue;
            for (uint32_t i = run->first; i <= run->last; i++) {
                if (order[i] == bins->category_bin[c]) out->group[c] = (uint8_t)r;
            }
        }
    }
    weigh(out, negatives, positives);
}
