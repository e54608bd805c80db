// Histograms of quantised gradients, and splitting a node's rows in two: the two loops in which
// training spends its time. Plain C: a cell's address decides the speed, and vectors have no way to
// add into scattered cells faster than one by one (measured: gather and scatter lose).
//   hist    (hist_cells) of 64 bits, see bins_private.h and gradient_private.h
//   entries (count) rows of one node, rising
// Cost: about .4 ns per row and dense feature, 1 ns per unusual value of the sparse.
#pragma once

#include "model/tabular/bins_private.h"
#include "model/tabular/gradient_private.h"

// Adds the rows of `entries` into hist, but for the usual bins of sparse columns, which stay 0.
void histogram_add(uint64_t *hist, const struct bins *bins, const struct entry *entries,
                   size_t count);
// Gives the usual bins of the sparse among columns from..to what is left of the rows' sum.
void histogram_settle(uint64_t *hist, const struct bins *bins, uint32_t from, uint32_t to,
                      uint64_t total);
// Both in one, the plain way: for tests.
void histogram_reference(uint64_t *hist, const struct bins *bins, const struct entry *entries,
                         size_t count);
// All cells that anything is added to become 0.
void histogram_clear(uint64_t *hist, const struct bins *bins);

// Which side each bin goes to: 1 left, 0 right. Of a number, the bins up to `bin` go left, but
// `missing` where `missing_left` says.
struct side_table {
    uint32_t column; // of the cells
    uint8_t left[BINS_CELLS];
    bool is_set;
    uint8_t bin, missing, missing_left;
};
// Keeps the order. Entries that go left end up at the front of `entries`, the others in `right`
// (room for count); returns how many went left. What stands behind them in both is lost.
size_t entries_split(struct entry *entries, size_t count, const struct bins *bins,
                     const struct side_table *table, struct entry *right);

// Kernels for numbers; column is the table's. All give the same.
struct split_kernels {
    size_t (*split)(struct entry *entries, size_t count, const uint8_t *column,
                    const struct side_table *table, struct entry *right);
};
extern const struct split_kernels split_reference; // takes sets, too
#if defined(__x86_64__)
extern const struct split_kernels split_avx512; // AVX2 gathers slower than plain C looks up
#endif
const struct split_kernels *split_kernels(void);
