// Gradients of the loss per row, and their quantised form that histograms add up.
// Everything here works on one piece of at most GRADIENT_ROWS rows whose arrays may be read and
// written up to the next multiple of 16. Every lane does the same operations in the same order on
// any processor and nothing is contracted, so that the bits are the same everywhere.
//
// A row's gradient g and Hessian h become whole numbers of 16 bits by rounding at random from a
// seed: unbiased, so that sums over many rows keep the precision single rows lose. A histogram cell
// holds both sums in one 64-bit integer, g in the upper half; the scales are chosen so that no sum
// over any rows of the tree can overflow its half. Whole numbers add up the same in any order:
// that is why threads cannot change a tree.
// Source of the idea: Shi et al. 2022, "Quantized training of gradient boosting decision trees".
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { GRADIENT_ROWS = 16 * 1024 };

struct gradient_sums {
    double absolute, largest; // of |g|
    double hessian, hessian_largest;
};
struct gradient_scale {
    float gradient, hessian; // whole numbers per unit
};
// One row in a node's list.
struct entry {
    uint32_t row;
    uint32_t packed; // g in the upper 16 bits (signed), h in the lower
};

// What a histogram cell adds for a row, and what it holds.
static inline uint64_t cell_of(uint32_t packed) {
    return ((uint64_t)(int64_t)((int32_t)packed >> 16) << 32) + (packed & 0xFFFF);
}
static inline double cell_gradient(uint64_t cell) {
    return (double)(int32_t)(cell >> 32);
}
static inline double cell_hessian(uint64_t cell) {
    return (double)(uint32_t)cell;
}

// All arrays (count), padded to 16. Kernels of one instruction set; the plain C ones are the
// reference.
struct gradient_kernels {
    // Logistic loss: g = p - y, h = max(p (1 - p), 1e-16), p = 1 / (1 + exp(-score)).
    void (*logistic)(const float *score, const float *target, size_t count, float *g, float *h);
    // Softmax: score, g, h are (K) arrays `stride` floats apart; target is the class.
    // h = max(K / (K - 1) p (1 - p), 1e-16).
    void (*softmax)(const float *score, const float *target, uint32_t classes, size_t stride,
                    size_t count, float *g, float *h);
    // Poisson with a log link: g = m - y, h = max(m, 1e-16), m = exp(score).
    void (*poisson)(const float *score, const float *target, size_t count, float *g, float *h);
    // Entries for rows first, first + 1, …; returns the sum of their cells.
    uint64_t (*quantise)(const float *g, const float *h, size_t count, struct gradient_scale scale,
                         uint32_t seed, uint32_t first, struct entry *out);
};
extern const struct gradient_kernels gradient_reference;
#if defined(__x86_64__)
extern const struct gradient_kernels gradient_avx2;
#endif
const struct gradient_kernels *gradient_kernels(void); // the best for this processor

struct gradient_sums gradient_sum(const float *g, const float *h, size_t count);
// Scales for `rows` rows whose sums are given.
struct gradient_scale gradient_scale_of(const struct gradient_sums *sums, uint64_t rows);
// Zeroes g and h of the rows a tree does not sample; a row stays in with probability `share`.
void gradient_sample(float *g, float *h, size_t count, double share, uint64_t seed, uint64_t first);
