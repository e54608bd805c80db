// Split search: numbers by one scan with missing values on either side; categories in the order of
// their gradient statistic, which holds the best subset for a convex loss (Fisher 1958).

#include "model/tabular/search_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Few categories are tried one against the rest; more are sorted, with a prior that keeps rare ones
// from looking extreme (values as in LightGBM's cat_smooth and cat_l2).
enum { ONE_AGAINST_REST_MAX = 4 };
static const double category_smooth = 10, category_l2 = 10;
// Of the least Hessian of a side, in cells.
#define LEAST_TOLERANCE 1e-7
// Below this a gain is rounding noise.
static const double gain_least = 1e-6;

// The weight of least loss within the bounds.
static double weight_of(const struct search_node *n, double g, double h) {
    const struct search_limits *limits = n->limits;
    double weight = h + n->l2 > 0 ? -g / (h + n->l2) : 0;
    return weight < limits->lower ? limits->lower : weight > limits->upper ? limits->upper : weight;
}

// What a weight takes off the loss, twice; with the free weight G² / (H + λ).
static double worth_of(const struct search_node *n, double g, double h, double weight) {
    return -(2 * g * weight + (h + n->l2) * weight * weight);
}

static struct search_node sums_of(uint64_t total, const struct search_limits *limits, double l2) {
    struct search_node n = {.limits = limits, .total = total, .l2 = l2};
    n.gradient = cell_gradient(total) * limits->per_gradient;
    n.hessian = cell_hessian(total) * limits->per_hessian;
    n.parent = limits->bounded
                   ? worth_of(&n, n.gradient, n.hessian, weight_of(&n, n.gradient, n.hessian))
                   : n.gradient * n.gradient / (n.hessian + l2);
    // Compared as whole numbers: a side that has just enough is not refused for a rounding error.
    n.least = limits->per_hessian > 0
                  ? ceil(limits->min_child_weight / limits->per_hessian - LEAST_TOLERANCE)
                  : 0;
    return n;
}

static double bounded_gain(const struct search_node *n, double g, double h, double rest_g,
                           double rest_h) {
    double left = weight_of(n, g, h), right = weight_of(n, rest_g, rest_h);
    if (n->limits->way * (right - left) < 0) return 0;
    return worth_of(n, g, h, left) + worth_of(n, rest_g, rest_h, right) - n->parent;
}

// The gain of putting `left` to the left; 0 if a side is too light.
static inline double gain_of(const struct search_node *n, uint64_t left) {
    double g = cell_gradient(left) * n->limits->per_gradient;
    double h = cell_hessian(left) * n->limits->per_hessian;
    double rest_g = n->gradient - g, rest_h = n->hessian - h;
    double cells = cell_hessian(left), rest_cells = cell_hessian(n->total) - cells;
    if (cells < n->least || rest_cells < n->least || left == 0) return 0;
    if (n->limits->bounded) return bounded_gain(n, g, h, rest_g, rest_h);
    double a = h + n->l2, b = rest_h + n->l2;
    // One division instead of two.
    return a > 0 && b > 0 ? (g * g * b + rest_g * rest_g * a) / (a * b) - n->parent : 0;
}

static bool left_is_heavier(uint64_t left, uint64_t total) {
    return cell_hessian(left) * 2 >= cell_hessian(total);
}

static uint32_t best_plainly(const struct search_node *n, const uint64_t *left, uint32_t count,
                             double *out_gain) {
    uint32_t best = 0;
    *out_gain = 0;
    for (uint32_t i = 0; i < count; i++) {
        double gain = gain_of(n, left[i]);
        if (gain <= *out_gain) continue;
        *out_gain = gain;
        best = i;
    }
    return best;
}

const struct search_kernels search_reference = {best_plainly};

const struct search_kernels *search_kernels(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return &search_avx2;
#endif
    return &search_reference;
}

// All left sides there are, in order: up to each bin, missing values on the right and then on the
// left. An empty bin has the same two sides as the bin before.
static void search_number(const uint64_t *cells, const struct search_node *n,
                          const struct feature_bins *feature, struct split *best) {
    uint64_t left[2 * BINS_CELLS + 4], missing = cells[feature->value_bins], sum = 0;
    uint8_t bins[BINS_CELLS];
    // Without missing values the last bin splits nothing off.
    uint32_t ends = missing ? feature->value_bins : feature->value_bins - 1, count = 0;
    for (uint32_t bin = 0; bin < ends; bin++) {
        sum += cells[bin];
        left[count] = sum;
        bins[count] = (uint8_t)bin;
        count += cells[bin] != 0 || bin == 0;
    }
    uint32_t sides = missing ? 2 : 1;
    for (uint32_t i = count; missing && i-- > 0;) {
        left[2 * i + 1] = left[i] + missing;
        left[2 * i] = left[i];
    }
    count *= sides;
    memset(left + count, 0, 4 * sizeof(*left));
    // Of two bins there is one split: no need of four.
    bool plain = n->limits->bounded || count < 4;
    const struct search_kernels *kernels = plain ? &search_reference : search_kernels();
    uint32_t at = kernels->best(n, left, count, &best->gain);
    if (best->gain == 0) return;
    best->bin = bins[at / sides];
    best->left = left[at];
    best->missing_left = missing ? at % 2 : left_is_heavier(left[at], n->total);
}

struct ranked {
    double statistic;
    uint32_t bin;
};

static int compare_ranked(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    if (x->statistic != y->statistic) return x->statistic < y->statistic ? -1 : 1;
    return x->bin < y->bin ? -1 : x->bin > y->bin;
}

static void keep_set(struct split *best, double gain, uint64_t left, const struct ranked *ranked,
                     uint32_t from, uint32_t to) {
    best->gain = gain;
    best->left = left;
    memset(best->set, 0, sizeof(best->set));
    for (uint32_t i = from; i < to; i++) {
        best->set[ranked[i].bin / 32] |= (uint32_t)1 << ranked[i].bin % 32;
    }
}

// Missing values take part as a category of their own.
static void search_category(const uint64_t *cells, uint64_t total,
                            const struct feature_bins *feature, const struct search_limits *limits,
                            struct split *best) {
    struct ranked ranked[BINS_CELLS];
    bool each_alone = feature->value_bins <= ONE_AGAINST_REST_MAX;
    struct search_node n = sums_of(total, limits, limits->l2 + (each_alone ? 0 : category_l2));
    uint32_t present = 0;
    for (uint32_t bin = 0; bin <= feature->value_bins; bin++) {
        if (cells[bin] == 0) continue;
        double g = cell_gradient(cells[bin]) * limits->per_gradient;
        double h = cell_hessian(cells[bin]) * limits->per_hessian;
        ranked[present++] = (struct ranked){each_alone ? 0 : g / (h + category_smooth), bin};
    }
    if (!each_alone) qsort(ranked, present, sizeof(*ranked), compare_ranked);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < present; i++) {
        uint32_t from = each_alone ? i : 0;
        sum = each_alone ? cells[ranked[i].bin] : sum + cells[ranked[i].bin];
        double gain = gain_of(&n, sum);
        if (gain > best->gain) keep_set(best, gain, sum, ranked, from, i + 1);
    }
    if (best->gain == 0) return;
    uint32_t absent = feature->value_bins;
    best->missing_left = cells[absent] ? best->set[absent / 32] >> absent % 32 & 1
                                       : left_is_heavier(best->left, total);
    // A category that is not in this node goes where missing values go.
    for (uint32_t bin = 0; best->missing_left && bin <= feature->value_bins; bin++) {
        if (cells[bin] == 0) best->set[bin / 32] |= (uint32_t)1 << bin % 32;
    }
}

struct split search_column(const uint64_t *cells, uint64_t total,
                           const struct feature_bins *feature, uint32_t column,
                           const struct search_limits *limits) {
    struct split best = {.gain = 0, .column = column, .is_set = feature->is_category};
    if (feature->is_category) {
        search_category(cells, total, feature, limits, &best);
    } else {
        struct search_node n = sums_of(total, limits, limits->l2);
        search_number(cells, &n, feature, &best);
    }
    if (best.gain < gain_least) best.gain = 0;
    if (best.gain > 0 && limits->bounded) {
        struct search_node n = sums_of(total, limits, limits->l2);
        double g = cell_gradient(best.left) * limits->per_gradient;
        double h = cell_hessian(best.left) * limits->per_hessian;
        double left = weight_of(&n, g, h), right = weight_of(&n, n.gradient - g, n.hessian - h);
        best.middle = left + (right - left) / 2;
    }
    return best;
}

void split_sides(const struct split *split, const struct feature_bins *feature,
                 struct side_table *out) {
    out->column = split->column;
    for (uint32_t bin = 0; bin < BINS_CELLS; bin++) {
        bool in_set = split->set[bin / 32] >> bin % 32 & 1;
        out->left[bin] = split->is_set ? in_set : bin <= split->bin;
    }
    out->left[feature->value_bins] = split->missing_left;
    out->is_set = split->is_set;
    out->bin = (uint8_t)split->bin;
    out->missing = (uint8_t)feature->value_bins;
    out->missing_left = split->missing_left;
}
