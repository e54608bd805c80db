// Gradients: the reference kernels, which kernels to take, sums and scales.

#include "model/tabular/gradient_private.h"

#include <math.h>

#include "model/measure/measure.h"

#define LANES 4
#define KERNELS gradient_reference
#include "model/tabular/gradient_lanes_private.h"

const struct gradient_kernels *gradient_kernels(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return &gradient_avx2;
#endif
    return &gradient_reference;
}

// Four running sums hide the latency of addition; their order is fixed by the row.
struct gradient_sums gradient_sum(const float *g, const float *h, size_t count) {
    double absolute[4] = {0}, hessian[4] = {0};
    float largest[4] = {0}, hessian_largest[4] = {0};
    for (size_t i = 0; i < count; i++) {
        float size = fabsf(g[i]);
        absolute[i & 3] += (double)size;
        hessian[i & 3] += (double)h[i];
        if (size > largest[i & 3]) largest[i & 3] = size;
        if (h[i] > hessian_largest[i & 3]) hessian_largest[i & 3] = h[i];
    }
    struct gradient_sums sums = {0};
    for (unsigned k = 0; k < 4; k++) {
        sums.absolute += absolute[k];
        sums.hessian += hessian[k];
        sums.largest = fmax(sums.largest, (double)largest[k]);
        sums.hessian_largest = fmax(sums.hessian_largest, (double)hessian_largest[k]);
    }
    return sums;
}

// Rounding adds less than one per row, so a sum stays below scale * (sum of sizes) + rows. The
// factor keeps the float rounding of the scale and of products on the safe side. Where all Hessians
// are equal a whole scale makes them exact, so that they count rows.
struct gradient_scale gradient_scale_of(const struct gradient_sums *sums, uint64_t rows) {
    const double safe = 0.999;
    double room = 2147483647.0 - (double)rows, room_h = 4294967295.0 - (double)rows;
    struct gradient_scale scale = {0, 0};
    if (sums->absolute > 0) {
        double by_sum = room / sums->absolute, by_row = 32766.0 / sums->largest;
        scale.gradient = (float)(safe * fmin(by_sum, by_row));
    }
    if (sums->hessian > 0) {
        double by_sum = room_h / sums->hessian, by_row = 32766.0 / sums->hessian_largest;
        double best = safe * fmin(by_sum, by_row);
        if (sums->hessian_largest == 1) best = floor(best);
        scale.hessian = (float)best;
    }
    return scale;
}

void gradient_sample(float *g, float *h, size_t count, double share, uint64_t seed,
                     uint64_t first) {
    uint64_t keep = (uint64_t)(share * 0x1p32);
    for (size_t i = 0; i < count; i++) {
        if (seed_mix(seed ^ (first + i) * 0x9E3779B97F4A7C15u) >> 32 >= keep) g[i] = h[i] = 0;
    }
}
