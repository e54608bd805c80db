// The gradient kernels for processors with AVX2. FMA stays unused: bits must not depend on it.

#define LANES 8
#define KERNELS gradient_avx2
#include "model/tabular/gradient_lanes_private.h"
