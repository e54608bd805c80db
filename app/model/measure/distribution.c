// How values are spread, and how far one spread lies from another: the population stability index.

#include <math.h>
#include <stdlib.h>

#include "model/measure/measure.h"

uint32_t distribution_bin(const struct distribution *of, bool category, double value) {
    if (isnan(value) || of->bins == 0) return UINT32_MAX;
    if (category) {
        return value >= 0 && value < (double)of->bins ? (uint32_t)value : UINT32_MAX;
    }
    uint32_t low = 0, high = of->bins - 1; // how many edges are at or below the value
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (value >= (double)of->edges[middle])
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void distribution_count(struct distribution *of, bool category, double value) {
    uint32_t bin = distribution_bin(of, category, value);
    if (bin == UINT32_MAX)
        of->missing++;
    else
        of->counts[bin]++;
}

static int compare_float(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

uint32_t distribution_edges(float *values, uint64_t count, float *edges) {
    uint32_t found = 0;
    qsort(values, count, sizeof(*values), compare_float);
    for (uint32_t b = 1; b < DISTRIBUTION_RANGES && count > 0; b++) {
        float edge = values[count * b / DISTRIBUTION_RANGES];
        bool rises = found == 0 || edge > edges[found - 1];
        if (rises && edge > values[0]) edges[found++] = edge;
    }
    return found;
}

static double share_of(uint64_t count, uint64_t rows) {
    return rows > 0 ? (double)count / (double)rows : 0;
}

static uint64_t rows_of(const struct distribution *of) {
    uint64_t rows = of->missing;
    for (uint32_t b = 0; b < of->bins; b++) rows += of->counts[b];
    return rows;
}

static double psi_term(uint64_t before, uint64_t rows_before, uint64_t now, uint64_t rows_now) {
    double expected = fmax(share_of(before, rows_before), drift_share_least);
    double actual = fmax(share_of(now, rows_now), drift_share_least);
    return (actual - expected) * log(actual / expected);
}

double distribution_psi(const struct distribution *before, const struct distribution *now) {
    uint64_t rows_before = rows_of(before), rows_now = rows_of(now);
    if (rows_before == 0 || rows_now == 0) return NAN;
    double psi = psi_term(before->missing, rows_before, now->missing, rows_now);
    for (uint32_t b = 0; b < before->bins; b++) {
        psi += psi_term(before->counts[b], rows_before, now->counts[b], rows_now);
    }
    return psi;
}

void distribution_write(struct json_writer *out, const struct distribution *before,
                        const struct distribution *now, const struct str *categories) {
    uint64_t rows_before = rows_of(before), rows_now = rows_of(now);
    json_put_name(out, "bins");
    json_open_array(out);
    for (uint32_t b = 0; b < before->bins; b++) {
        json_open_object(out);
        if (categories) json_set_text(out, "category", categories[b]);
        if (!categories && b > 0) json_set_number(out, "from", (double)before->edges[b - 1]);
        if (!categories && b + 1 < before->bins) {
            json_set_number(out, "to", (double)before->edges[b]);
        }
        json_set_number(out, "before", share_of(before->counts[b], rows_before));
        json_set_number(out, "now", share_of(now->counts[b], rows_now));
        json_close_object(out);
    }
    json_close_array(out);
    json_put_name(out, "missing");
    json_open_object(out);
    json_set_number(out, "before", share_of(before->missing, rows_before));
    json_set_number(out, "now", share_of(now->missing, rows_now));
    json_close_object(out);
}

const char *distribution_level(double psi) {
    return psi < drift_moderate ? "stable" : psi < drift_large ? "moderate" : "large";
}
