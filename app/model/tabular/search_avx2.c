// The gains of four splits at once. Every lane does what search_best_plainly does, in the same
// order.

#include <string.h>

#include "model/tabular/search_private.h"

typedef double four_d __attribute__((vector_size(32)));
typedef int64_t four_i __attribute__((vector_size(32)));
typedef uint64_t four_u __attribute__((vector_size(32)));

enum { LANES = 4 };

// Whole numbers become doubles by standing in the fraction of 2^52.
static const uint64_t whole_bits = 0x4330000000000000u, sign = 0x80000000u;
static const double whole = 0x1p52, whole_signed = 0x1p52 + 0x1p31;

static uint32_t best_of(const struct search_node *n, const uint64_t *left, uint32_t count,
                        double *out_gain) {
    const double total = cell_hessian(n->total);
    four_d best = {0}, none = {0};
    four_i at = {0}, place = {0, 1, 2, 3};
    for (uint32_t i = 0; i < count; i += LANES) {
        four_u cell;
        memcpy(&cell, left + i, sizeof(cell));
        four_d cells = (four_d)((cell & 0xFFFFFFFFu) | whole_bits) - whole;
        four_d g = (four_d)(((cell >> 32) ^ sign) | whole_bits) - whole_signed;
        g = g * n->limits->per_gradient;
        four_d h = cells * n->limits->per_hessian;
        four_d rest_g = n->gradient - g, rest_h = n->hessian - h, rest_cells = total - cells;
        four_d a = h + n->l2, b = rest_h + n->l2;
        four_d gain = (g * g * b + rest_g * rest_g * a) / (a * b) - n->parent;
        four_i may = (cells >= n->least) & (rest_cells >= n->least) & (cell != 0);
        may &= (a > none) & (b > none) & (gain > best);
        best = (four_d)(((four_i)gain & may) | ((four_i)best & ~may));
        at = (place & may) | (at & ~may);
        place += LANES;
    }
    uint32_t lane = 0;
    for (uint32_t k = 1; k < LANES; k++) {
        if (best[k] > best[lane] || (best[k] == best[lane] && at[k] < at[lane])) lane = k;
    }
    *out_gain = best[lane];
    return (uint32_t)at[lane];
}

const struct search_kernels search_avx2 = {best_of};
