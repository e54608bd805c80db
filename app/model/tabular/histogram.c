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
