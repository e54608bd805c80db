// The linear kernels for processors with AVX2.

#define KERNELS linear_avx2
#include "model/tabular/linear_lanes_private.h"
