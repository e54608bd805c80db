// See sampler_lanes_private.h.
#define KERNELS sampler_kernels_avx2
#include "model/language/sampler_lanes_private.h"
