// The linear kernels' code: a file defines KERNELS, the name of the table, and includes this.
#pragma once

#include <stdint.h>
#include <string.h>

#include "model/tabular/linear_kernel_private.h"

#ifndef KERNELS // compiled alone, to check that it can be
#define KERNELS linear_lanes
extern const struct linear_kernels linear_lanes;
#endif

typedef float eight_f __attribute__((vector_size(32)));
typedef double eight_d __attribute__((vector_size(64)));
typedef int64_t eight_i __attribute__((vector_size(64)));

static void add(double *margin, const float *x, size_t count, double mean, double weight_scale,
                double missing) {
    for (size_t i = 0; i < count; i += 8) {
        eight_f narrow;
        eight_d sum;
        memcpy(&narrow, x + i, sizeof(narrow));
        memcpy(&sum, margin + i, sizeof(sum));
        eight_d value = __builtin_convertvector(narrow, eight_d);
        eight_i there = value == value;
        eight_d part = (value - mean) * weight_scale;
        eight_d absent = (eight_d){0} + missing;
        sum += (eight_d)(((eight_i)part & there) | ((eight_i)absent & ~there));
        memcpy(margin + i, &sum, sizeof(sum));
    }
}

static double total(const eight_d *lanes) {
    double low = ((*lanes)[0] + (*lanes)[1]) + ((*lanes)[2] + (*lanes)[3]);
    double high = ((*lanes)[4] + (*lanes)[5]) + ((*lanes)[6] + (*lanes)[7]);
    return low + high;
}

static void dot(const double *residual, const float *x, size_t count, double mean, double *out,
                double *out_missing) {
    eight_d sum = {0}, missing = {0};
    for (size_t i = 0; i < count; i += 8) {
        eight_f narrow;
        eight_d r;
        memcpy(&narrow, x + i, sizeof(narrow));
        memcpy(&r, residual + i, sizeof(r));
        eight_d value = __builtin_convertvector(narrow, eight_d);
        eight_i there = value == value;
        eight_d part = r * (value - mean);
        sum += (eight_d)((eight_i)part & there);
        missing += (eight_d)((eight_i)r & ~there);
    }
    *out = total(&sum);
    *out_missing = total(&missing);
}

const struct linear_kernels KERNELS = {add, dot};
