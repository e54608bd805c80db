// Bins: each feature's values as small integers, so that a tree looks at bytes, not floats.
// Cuts are quantiles of a sample; a value v of a number lies in bin count(cuts <= v), so that
// "v < cuts[b]" and "bin <= b" say the same. A category has a bin of its own; the rarest share one
// when there are too many. Missing values have the bin after the last.
// They stand twice: row-major, the bytes of a row together and padded to `stride`, for histograms;
// and column-major for splitting, which looks at one column of many rows (measured: reading that
// one byte out of the row costs more than half as much as the histogram). Shapes: N rows of the
// side that trains, F features of the frame, U features worth using. Cost: about 5 ns per value and
// thread. Bits do not depend on threads.
// Where many columns are nearly always in one bin (the bits of a fingerprint, indicators), those
// are sparse: instead of bytes a row lists the histogram cells of their other, unusual bins, and of
// the usual one a node's histogram holds what is left of the node's sum. The trees are the same.
#pragma once

#include "model/tabular/tabular.h"

enum {
    BINS_MAX = 255,           // of values; with the missing one a bin is one byte
    BINS_CELLS = 256,         // histogram cells kept per feature
    BINS_SAMPLE = 128 * 1024, // values looked at to choose cuts; below it they are exact quantiles
    BINS_SPARSE_LEAST = 32,   // fewer sparse columns aren't worth a list (measured)
};

struct feature_bins {
    uint32_t feature;    // index in the frame
    uint32_t value_bins; // bins of values; bin `value_bins` is for missing ones
    bool is_category;
    bool is_sparse;
    uint8_t usual;          // the bin that most rows of the sample are in
    float unusual_share;    // of the sample: not in that bin
    uint32_t cell;          // of a histogram: where its value_bins + 1 cells begin
    float cuts[BINS_CELLS]; // (value_bins - 1), rising, then +infinity; unused for categories
    uint8_t *category_bin;  // (category_count); value_bins for a category not seen
};

struct bins {
    struct feature_bins *features; // (U)
    uint32_t count;                // U; a column that does not vary is left out
    uint32_t dense;                // D: those of U that are not sparse
    uint32_t *dense_columns;       // (D): which they are
    uint32_t stride;               // bytes of a row: D rounded up to 4
    uint8_t *cells;                // (N, stride) of the dense
    uint64_t *unusual_first;       // (N + 1) into `unusual`; NULL if no column is sparse
    uint32_t *unusual;             // cells of a histogram, rising within a row
    size_t hist_cells;             // of a histogram: BINS_CELLS for each of stride, then the sparse
    uint8_t *columns;              // (U, N)
    uint64_t rows;                 // N
    uint8_t *category_bytes;       // what category_bin points into
    bool borrowed;                 // features belong to another
};

// Chooses bins from the rows listed (or the first `count` if rows is NULL) and fills the cells.
// bins_max: 2..255. ERR_MEMORY, ERR_CANCELLED.
enum err bins_make(const struct frame *frame, const uint32_t *rows, uint64_t count,
                   uint32_t bins_max, struct pool *pool, struct progress *progress,
                   struct bins *out) MUST_USE;
// Other rows in the same bins, `columns` only; `out` borrows `like`'s features and must be closed
// before it.
enum err bins_like(const struct bins *like, const struct frame *frame, const uint32_t *rows,
                   uint64_t count, struct pool *pool, struct progress *progress,
                   struct bins *out) MUST_USE;
void bins_close(struct bins *bins);
