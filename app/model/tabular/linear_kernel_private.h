// The two loops of the linear learner over one feature of a block of rows; count is a multiple of
// 8. Eight lanes of doubles whatever the processor, added up in a fixed order: the bits are the
// same.
#pragma once

#include <stddef.h>

struct linear_kernels {
    // margin += weight * z, z = (x - mean) * scale, or `missing` where x is NaN.
    void (*add)(double *margin, const float *x, size_t count, double mean, double weight_scale,
                double missing);
    // The sum of residual * (x - mean) where x is no NaN, and of residual where it is.
    void (*dot)(const double *residual, const float *x, size_t count, double mean, double *out,
                double *out_missing);
};
extern const struct linear_kernels linear_reference;
#if defined(__x86_64__)
extern const struct linear_kernels linear_avx2;
#endif
const struct linear_kernels *linear_kernels(void);
