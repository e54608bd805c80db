// See sampler_lanes_private.h.
#define KERNELS sampler_kernels_plain
#include "model/language/sampler_lanes_private.h"

float sampler_exp(float x) {
    eight all = ALL(x);
    exp_eight(&all);
    return all[0];
}

const struct sampler_kernels *sampler_kernels_for_cpu(void) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) return &sampler_kernels_avx2;
#endif
    return &sampler_kernels_plain;
}
