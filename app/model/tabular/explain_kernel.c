// See explain_lanes_private.h.
#define KERNELS explain_plain
#include "model/tabular/explain_lanes_private.h"
