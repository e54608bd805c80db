// See histogram_private.h. Rows come in rising order but far apart deep in a tree; asking for a row
// a dozen ahead hides the wait for memory.

#include "model/tabular/histogram_private.h"

#include <string.h>

enum { AHEAD = 12, BLOCK_ROWS = 4096, BLOCK_COLUMNS = 32 };

// Four columns' cells, one byte of `four` each. Indices are as wide as addresses: narrower ones
// cost the compiler an instruction more for each cell.
static inline void add_four(uint64_t *h, size_t four, uint64_t add) {
    h[four & 255] += add;
    h[BINS_CELLS + (four >> 8 & 255)] += add;
    h[2 * BINS_CELLS + (four >> 16 & 255)] += add;
    h[3 * BINS_CELLS + (four >> 24 & 255)] += add;
}

// Columns from..to of the entries' rows; both multiples of 4.
static void add_columns(uint64_t *hist, const struct bins *bins, uint32_t from, uint32_t to,
                        const struct entry *entries, size_t count) {
    const uint8_t *cells = bins->cells + from;
    size_t stride = bins->stride, width = to - from;
    uint64_t *first = hist + (size_t)from * BINS_CELLS;
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count) {
            const uint8_t *ahead = cells + entries[i + AHEAD].row * stride;
            __builtin_prefetch(ahead);
            __builtin_prefetch(ahead + width - 1);
        }
        const uint8_t *row = cells + entries[i].row * stride;
        uint64_t add = cell_of(entries[i].packed);
        uint64_t *h = first;
        size_t u = 0;
        for (; u + 8 <= width; u += 8) {
            uint64_t eight;
            memcpy(&eight, row + u, sizeof(eight));
            add_four(h, eight, add);
            add_four(h + 4 * BINS_CELLS, eight >> 32, add);
            h += 8 * BINS_CELLS;
        }
        if (u < width) {
            uint32_t four;
            memcpy(&four, row + u, sizeof(four));
            add_four(h, four, add);
        }
    }
}

static void add_unusual(uint64_t *hist, const struct bins *bins, const struct entry *entries,
                        size_t count) {
    const uint64_t *first = bins->unusual_first;
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count) __builtin_prefetch(bins->unusual + first[entries[i + AHEAD].row]);
        const uint32_t *cell = bins->unusual + first[entries[i].row];
        const uint32_t *end = bins->unusual + first[entries[i].row + 1];
        uint64_t add = cell_of(entries[i].packed);
        for (; cell < end; cell++) hist[*cell] += add;
    }
}

// Wide rows go block by block of columns, so that the cells written to stay in the near caches.
void histogram_add(uint64_t *hist, const struct bins *bins, const struct entry *entries,
                   size_t count) {
    for (size_t first = 0; first < count; first += BLOCK_ROWS) {
        size_t rows = count - first < BLOCK_ROWS ? count - first : BLOCK_ROWS;
        for (uint32_t from = 0; from < bins->stride; from += BLOCK_COLUMNS) {
            uint32_t to = from + BLOCK_COLUMNS < bins->stride ? from + BLOCK_COLUMNS : bins->stride;
            add_columns(hist, bins, from, to, entries + first, rows);
        }
    }
    if (bins->unusual) add_unusual(hist, bins, entries, count);
}

void histogram_settle(uint64_t *hist, const struct bins *bins, uint32_t from, uint32_t to,
                      uint64_t total) {
    for (uint32_t u = from; u < to; u++) {
        const struct feature_bins *feature = &bins->features[u];
        if (!feature->is_sparse) continue;
        uint64_t *cells = hist + feature->cell, rest = total;
        for (uint32_t b = 0; b <= feature->value_bins; b++) rest -= cells[b];
        cells[feature->usual] = rest;
    }
}

void histogram_reference(uint64_t *hist, const struct bins *bins, const struct entry *entries,
                         size_t count) {
    for (uint32_t u = 0; u < bins->count; u++) {
        const uint8_t *column = bins->columns + (size_t)u * bins->rows;
        uint64_t *cells = hist + bins->features[u].cell;
        for (size_t i = 0; i < count; i++) {
            cells[column[entries[i].row]] += cell_of(entries[i].packed);
        }
    }
}

void histogram_clear(uint64_t *hist, const struct bins *bins) {
    size_t dense = (size_t)bins->stride * BINS_CELLS;
    for (uint32_t d = 0; d < bins->stride; d++) {
        uint32_t bin = d < bins->dense ? bins->features[bins->dense_columns[d]].value_bins : 0;
        memset(hist + (size_t)d * BINS_CELLS, 0, (bin + 1) * sizeof(*hist));
    }
    memset(hist + dense, 0, (bins->hist_cells - dense) * sizeof(*hist));
}

static size_t split(struct entry *entries, size_t count, const uint8_t *column,
                    const struct side_table *table, struct entry *right) {
    size_t to_left = 0, to_right = 0;
    for (size_t i = 0; i < count; i++) {
        struct entry entry = entries[i];
        size_t left = table->left[column[entry.row]];
        entries[to_left] = entry; // at most i: never overtakes what is to be read
        right[to_right] = entry;
        to_left += left;
        to_right += 1 - left;
    }
    return to_left;
}

const struct split_kernels split_reference = {split};

const struct split_kernels *split_kernels(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) {
        return &split_avx512;
    }
#endif
    return &split_reference;
}

size_t entries_split(struct entry *entries, size_t count, const struct bins *bins,
                     const struct side_table *table, struct entry *right) {
    const uint8_t *column = bins->columns + (size_t)table->column * bins->rows;
    const struct split_kernels *kernels = table->is_set ? &split_reference : split_kernels();
    return kernels->split(entries, count, column, table, right);
}
