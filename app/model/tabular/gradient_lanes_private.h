// The gradient kernels' code for LANES floats at a time: a file defines LANES and KERNELS, the name
// of the table, and includes this. Depends on gradient_private.h. See there for what is promised.
#pragma once

#include <stdint.h>
#include <string.h>

#include "model/tabular/gradient_private.h"

#ifndef LANES // compiled alone, to check that it can be
#define LANES 4
#define KERNELS gradient_lanes
extern const struct gradient_kernels gradient_lanes;
#endif

typedef float lanes_f __attribute__((vector_size(LANES * 4)));
typedef int32_t lanes_i __attribute__((vector_size(LANES * 4)));
typedef uint32_t lanes_u __attribute__((vector_size(LANES * 4)));

#define LANES_INLINE static inline __attribute__((always_inline))

LANES_INLINE void lanes_load(lanes_f *out, const float *from) {
    memcpy(out, from, sizeof(*out));
}

LANES_INLINE void lanes_store(float *to, const lanes_f *value) {
    memcpy(to, value, sizeof(*value));
}

// *x = max(*x, least), lane by lane; NaN stays out of here.
LANES_INLINE void lanes_at_least(lanes_f *x, float least) {
    lanes_f floor = *x - *x + least;
    lanes_i below = *x < floor;
    *x = (lanes_f)(((lanes_i)floor & below) | ((lanes_i)*x & ~below));
}

// e^x for |x| <= 87, to about 1 unit in the last place. Source: Cephes expf (Moshier).
LANES_INLINE void lanes_exp(lanes_f *x_inout) {
    lanes_f x = *x_inout;
    lanes_at_least(&x, -87.0f);
    x = -x;
    lanes_at_least(&x, -87.0f);
    x = -x;
    const float to_whole = 12582912.0f; // 1.5 * 2^23: adding it rounds to a whole number
    lanes_f shifted = x * 1.44269504f + to_whole;
    lanes_i whole = (lanes_i)shifted - 0x4B400000;
    lanes_f n = shifted - to_whole;
    lanes_f r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    lanes_f p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    *x_inout = p * (lanes_f)((whole + 127) << 23);
}

static void logistic(const float *score, const float *target, size_t count, float *g, float *h) {
    for (size_t i = 0; i < count; i += LANES) {
        lanes_f s, y;
        lanes_load(&s, score + i);
        lanes_load(&y, target + i);
        s = -s;
        lanes_exp(&s);
        lanes_f p = 1.0f / (1.0f + s);
        lanes_f gradient = p - y, hessian = p * (1.0f - p);
        lanes_at_least(&hessian, 1e-16f);
        lanes_store(g + i, &gradient);
        lanes_store(h + i, &hessian);
    }
}

static void softmax(const float *score, const float *target, uint32_t classes, size_t stride,
                    size_t count, float *g, float *h) {
    float factor = (float)classes / (float)(classes - 1);
    for (size_t i = 0; i < count; i += LANES) {
        lanes_f top, y, sum = {0};
        lanes_load(&top, score + i);
        lanes_load(&y, target + i);
        for (uint32_t k = 1; k < classes; k++) {
            lanes_f s;
            lanes_load(&s, score + k * stride + i);
            lanes_i above = s > top;
            top = (lanes_f)(((lanes_i)s & above) | ((lanes_i)top & ~above));
        }
        for (uint32_t k = 0; k < classes; k++) {
            lanes_f s;
            lanes_load(&s, score + k * stride + i);
            s = s - top;
            lanes_exp(&s);
            sum += s;
            lanes_store(g + k * stride + i, &s);
        }
        for (uint32_t k = 0; k < classes; k++) {
            lanes_f p;
            lanes_load(&p, g + k * stride + i);
            p = p / sum;
            lanes_f mine = y - y + (float)k;
            lanes_f one = y - y + 1.0f;
            lanes_i is_mine = mine == y;
            lanes_f gradient = p - (lanes_f)((lanes_i)one & is_mine);
            lanes_f hessian = p * (1.0f - p) * factor;
            lanes_at_least(&hessian, 1e-16f);
            lanes_store(g + k * stride + i, &gradient);
            lanes_store(h + k * stride + i, &hessian);
        }
    }
}

static void poisson(const float *score, const float *target, size_t count, float *g, float *h) {
    for (size_t i = 0; i < count; i += LANES) {
        lanes_f mean, y;
        lanes_load(&mean, score + i);
        lanes_load(&y, target + i);
        lanes_exp(&mean);
        lanes_f gradient = mean - y;
        lanes_at_least(&mean, 1e-16f);
        lanes_store(g + i, &gradient);
        lanes_store(h + i, &mean);
    }
}

// Random bits of a row: the finalizer of MurmurHash3. Rounds v + u down, u of 256 even steps in
// [0, 1). Adding 32768 first makes v positive, because converting cuts towards zero, and rounds it
// to such a step, so that adding u is exact: a whole v stays what it is.
static uint64_t quantise(const float *g, const float *h, size_t count, struct gradient_scale scale,
                         uint32_t seed, uint32_t first, struct entry *out) {
    lanes_i sum_g = {0}, sum_h = {0}; // a piece's 16 bits each have room
    lanes_u step;
    for (unsigned k = 0; k < LANES; k++) step[k] = k;
    for (size_t i = 0; i < count; i += LANES) {
        lanes_u bits = (step + (first + (uint32_t)i)) * 0x9E3779B9u + seed;
        bits ^= bits >> 16;
        bits *= 0x85EBCA6Bu;
        bits ^= bits >> 13;
        bits *= 0xC2B2AE35u;
        bits ^= bits >> 16;
        lanes_f gradient, hessian;
        lanes_load(&gradient, g + i);
        lanes_load(&hessian, h + i);
        lanes_f up_g = __builtin_convertvector((lanes_i)(bits & 0xFFu), lanes_f) * 0x1p-8f;
        lanes_f up_h = __builtin_convertvector((lanes_i)(bits >> 24), lanes_f) * 0x1p-8f;
        gradient = gradient * scale.gradient + 32768.0f + up_g;
        hessian = hessian * scale.hessian + 32768.0f + up_h;
        lanes_i whole_g = __builtin_convertvector(gradient, lanes_i) - 32768;
        lanes_i whole_h = __builtin_convertvector(hessian, lanes_i) - 32768;
        lanes_u packed = ((lanes_u)whole_g << 16) | (lanes_u)whole_h;
        lanes_u row = step + (first + (uint32_t)i);
        for (unsigned k = 0; k < LANES; k++) out[i + k] = (struct entry){row[k], packed[k]};
        if (i + LANES > count) break; // what is behind the rows doesn't count
        sum_g += whole_g;
        sum_h += whole_h;
    }
    uint64_t total = 0;
    for (unsigned k = 0; k < LANES; k++) {
        total += ((uint64_t)(int64_t)sum_g[k] << 32) + (uint64_t)(int64_t)sum_h[k];
    }
    for (size_t i = count / LANES * LANES; i < count; i++) total += cell_of(out[i].packed);
    return total;
}

const struct gradient_kernels KERNELS = {logistic, softmax, poisson, quantise};
