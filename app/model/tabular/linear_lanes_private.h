// The linear kernels' code: a file defines KERNELS, the name of the table, and includes this.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "model/tabular/linear_kernel_private.h"

#ifndef KERNELS // compiled alone, to check that it can be
#define KERNELS linear_lanes
extern const struct linear_kernels linear_lanes;
#endif

// Comparisons are of floats: those of vectors wider than the processor's compile to one by one.
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
        eight_i there = __builtin_convertvector(narrow == narrow, eight_i);
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
        eight_i there = __builtin_convertvector(narrow == narrow, eight_i);
        eight_d part = r * (value - mean);
        sum += (eight_d)((eight_i)part & there);
        missing += (eight_d)((eight_i)r & ~there);
    }
    *out = total(&sum);
    *out_missing = total(&missing);
}

_Static_assert(LINEAR_TOGETHER == 4, "four features");

static inline __attribute__((always_inline)) void widen(eight_d *out, const float *from) {
    eight_f narrow;
    memcpy(&narrow, from, sizeof(narrow));
    *out = __builtin_convertvector(narrow, eight_d);
}

static void add_finite(double *margin, const float *const *x, const double *by, size_t count) {
    for (size_t i = 0; i < count; i += 8) {
        eight_d sum, a, b, c, d;
        memcpy(&sum, margin + i, sizeof(sum));
        widen(&a, x[0] + i);
        widen(&b, x[1] + i);
        widen(&c, x[2] + i);
        widen(&d, x[3] + i);
        sum += (a * by[0] + b * by[1]) + (c * by[2] + d * by[3]);
        memcpy(margin + i, &sum, sizeof(sum));
    }
}

static void dot_finite(const double *residual, const float *const *x, size_t count, double *out) {
    eight_d a = {0}, b = {0}, c = {0}, d = {0};
    for (size_t i = 0; i < count; i += 8) {
        eight_d r, value;
        memcpy(&r, residual + i, sizeof(r));
        widen(&value, x[0] + i);
        a += r * value;
        widen(&value, x[1] + i);
        b += r * value;
        widen(&value, x[2] + i);
        c += r * value;
        widen(&value, x[3] + i);
        d += r * value;
    }
    out[0] = total(&a);
    out[1] = total(&b);
    out[2] = total(&c);
    out[3] = total(&d);
}

static void measure(const float *x, size_t count, double about, double *out_seen, double *out_sum,
                    double *out_square) {
    eight_d seen = {0}, sum = {0}, square = {0}, one = seen + 1.0;
    for (size_t i = 0; i < count; i += 8) {
        eight_f narrow;
        memcpy(&narrow, x + i, sizeof(narrow));
        eight_d value = __builtin_convertvector(narrow, eight_d);
        eight_f none = narrow - narrow; // of what is infinite or no number it is none
        eight_i there = __builtin_convertvector(none == none, eight_i);
        eight_d off = (eight_d)((eight_i)(value - about) & there);
        seen += (eight_d)((eight_i)one & there);
        sum += off;
        square += off * off;
    }
    *out_seen = total(&seen);
    *out_sum = total(&sum);
    *out_square = total(&square);
}

// e^x for x <= 0, by whole powers of 2 and Taylor's series of what is left, |r| <= ln 2 / 2.
static inline __attribute__((always_inline)) void exp_of(eight_d *x_inout) {
    const double to_whole = 6755399441055744.0; // 1.5 * 2^52: adding it rounds to a whole number
    eight_d x = *x_inout, least = (eight_d){0} - 708.0;
    eight_i below = x < least;
    x = (eight_d)(((eight_i)least & below) | ((eight_i)x & ~below));
    eight_d shifted = x * 1.4426950408889634 + to_whole;
    eight_i whole = (eight_i)shifted - 0x4338000000000000;
    eight_d n = shifted - to_whole;
    eight_d r = x - n * 6.93147180369123816490e-01;
    r = r - n * 1.90821492927058770002e-10;
    eight_d p = r * (1.0 / 6227020800) + 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    *x_inout = p * (eight_d)((whole + 1023) << 52);
}

// With e = exp(-|m|): p is 1 / (1 + e) or e / (1 + e), the loss log(1 + e) + max(m, 0) - y m. The
// logarithm of a product is that of all its factors.
static double logistic(double *margin, const double *target, size_t count) {
    eight_d product = (eight_d){0} + 1.0, rest = {0}, none = {0};
    for (size_t i = 0; i < count; i += 8) {
        eight_d m, y;
        memcpy(&m, margin + i, sizeof(m));
        memcpy(&y, target + i, sizeof(y));
        eight_i above = m > none;
        eight_d e = (eight_d)(((eight_i)(none - m) & above) | ((eight_i)m & ~above));
        exp_of(&e);
        eight_d factor = e + 1.0;
        eight_d part = (eight_d)(((eight_i)(none + 1.0) & above) | ((eight_i)e & ~above));
        product *= factor;
        rest += (eight_d)((eight_i)m & above) - y * m;
        m = part / factor - y;
        memcpy(margin + i, &m, sizeof(m));
    }
    double sum = total(&rest);
    for (unsigned k = 0; k < 8; k++) sum += log(product[k]);
    return sum;
}

const struct linear_kernels KERNELS = {add_finite, dot_finite, measure, add, dot, logistic};
