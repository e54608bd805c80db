// The loops of the linear learner over one feature of a block of rows, and the logistic loss of the
// block; count is a multiple of 8. Eight lanes of doubles whatever the processor, added up in a
// fixed order: the bits are the same.
#pragma once

#include <stddef.h>

enum { LINEAR_LOGISTIC_ROWS = 4096 }; // eight products of so many factors up to 2 stay finite

enum { LINEAR_TOGETHER = 4 }; // features without missing values go so many at a time

struct linear_kernels {
    // margin += by[0] * x[0] + … of LINEAR_TOGETHER features, each value finite.
    void (*add_finite)(double *margin, const float *const *x, const double *by, size_t count);
    // The sums of residual * x of LINEAR_TOGETHER features, each value finite.
    void (*dot_finite)(const double *residual, const float *const *x, size_t count, double *out);
    // Of the finite ones: how many, and the sums of x - about and of its square.
    void (*measure)(const float *x, size_t count, double about, double *out_seen, double *out_sum,
                    double *out_square);
    // margin += weight * z, z = (x - mean) * scale, or `missing` where x is NaN.
    void (*add)(double *margin, const float *x, size_t count, double mean, double weight_scale,
                double missing);
    // The sum of residual * (x - mean) where x is no NaN, and of residual where it is.
    void (*dot)(const double *residual, const float *x, size_t count, double mean, double *out,
                double *out_missing);
    // Margins become derivatives of the logistic loss, p - target; returns the sum of losses. At
    // most LINEAR_LOGISTIC_ROWS, targets 0 or 1. To about 1e-15 of each.
    double (*logistic)(double *margin, const double *target, size_t count);
};
extern const struct linear_kernels linear_reference;
#if defined(__x86_64__)
extern const struct linear_kernels linear_avx2;
#endif
const struct linear_kernels *linear_kernels(void);
