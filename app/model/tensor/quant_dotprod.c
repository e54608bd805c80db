// Quantised products with ARMv8.2's dot instruction.
#include <arm_neon.h>

static inline int32x4_t dot_of(int32x4_t sums, int8x16_t a, int8x16_t b) {
    return vdotq_s32(sums, a, b);
}

#include "model/tensor/lanes_neon_private.h"

void quant_product_dotprod(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                           uint32_t first, uint32_t last) {
    quant_product(w, x, y, y_stride, first, last);
}
