// The passes of sampler_private.h, eight logits at a time: a file defines KERNELS, the name of the
// table, and includes this.
#pragma once

#include <math.h>
#include <string.h>

#include "model/language/sampler_private.h"

#ifndef KERNELS // compiled alone, to check that it can be
#define KERNELS sampler_lanes
extern const struct sampler_kernels sampler_lanes;
#endif

typedef float eight __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t eight_bits __attribute__((vector_size(32), aligned(4), may_alias));

// Macros, because a function of such vectors has another ABI without AVX.
#define ALL(v) ((eight){v, v, v, v, v, v, v, v})
#define CHOOSE(which, a, b) ((eight)(((which) & (eight_bits)(a)) | (~(which) & (eight_bits)(b))))

// exp of what is not above 0, to 2 units in the last place; 0 below -87 and for what is no number.
// x = n·ln 2 + r with |r| ≤ ln 2 / 2, exp(r) by its series.
static inline __attribute__((always_inline)) void exp_eight(eight *at) {
    eight x = *at;
    eight_bits known = x >= ALL(-87.0f);
    x = CHOOSE(known, x, ALL(0));
    eight n = x * ALL(1.44269504f) + ALL(12582912.0f); // the nearest whole number, in its low bits
    eight_bits whole = (eight_bits)n - (eight_bits)ALL(12582912.0f);
    n -= ALL(12582912.0f);
    eight r = x - n * ALL(0.693359375f) + n * ALL(2.12194440e-4f);
    eight y = ALL(1.0f / 720) * r + ALL(1.0f / 120);
    y = y * r + ALL(1.0f / 24);
    y = y * r + ALL(1.0f / 6);
    y = y * r + ALL(0.5f);
    y = y * r + ALL(1.0f);
    y = y * r + ALL(1.0f);
    eight scaled = (eight)((eight_bits)y + (whole << 23));
    *at = CHOOSE(known, scaled, ALL(0));
}

// A block that may be cut short, whole.
static inline const float *block_at(const float *logits, uint32_t count, uint32_t at,
                                    float room[SAMPLER_BLOCK]) {
    if (count - at >= SAMPLER_BLOCK) return logits + at;
    for (uint32_t i = 0; i < SAMPLER_BLOCK; i++) {
        room[i] = at + i < count ? logits[at + i] : -INFINITY;
    }
    return room;
}

static void maxima(const float *logits, uint32_t count, float *out) {
    float room[SAMPLER_BLOCK];
    for (uint32_t at = 0; at < count; at += SAMPLER_BLOCK) {
        const float *block = block_at(logits, count, at, room);
        eight best = ALL(-INFINITY);
        for (uint32_t i = 0; i < SAMPLER_BLOCK; i += 8) {
            eight x = *(const eight *)(const void *)(block + i);
            best = CHOOSE(x > best, x, best);
        }
        float one = -INFINITY;
        for (uint32_t i = 0; i < 8; i++) one = best[i] > one ? best[i] : one;
        out[at / SAMPLER_BLOCK] = one;
    }
}

static void masses(const float *logits, uint32_t count, float best, float scale, float *out) {
    float room[SAMPLER_BLOCK];
    for (uint32_t at = 0; at < count; at += SAMPLER_BLOCK) {
        const float *block = block_at(logits, count, at, room);
        eight sum = ALL(0);
        for (uint32_t i = 0; i < SAMPLER_BLOCK; i += 8) {
            eight x = *(const eight *)(const void *)(block + i);
            x = (x - ALL(best)) * ALL(scale);
            exp_eight(&x);
            sum += x;
        }
        float one = 0;
        for (uint32_t i = 0; i < 8; i++) one += sum[i];
        out[at / SAMPLER_BLOCK] = one;
    }
}

const struct sampler_kernels KERNELS = {.maxima = maxima, .masses = masses};
