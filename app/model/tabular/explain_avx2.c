// See explain_lanes_private.h.
#define KERNELS explain_avx2
#include "model/tabular/explain_lanes_private.h"
