// The linear kernels in plain C, and which ones to take.

#define KERNELS linear_reference
#include "model/tabular/linear_lanes_private.h"

const struct linear_kernels *linear_kernels(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return &linear_avx2;
#endif
    return &linear_reference;
}
