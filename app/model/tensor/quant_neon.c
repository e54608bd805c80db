// Quantised products on ARMv8.0: pairs of products in 16 bits, as any two of signed bytes fit.
#include <arm_neon.h>

static inline int32x4_t dot_of(int32x4_t sums, int8x16_t a, int8x16_t b) {
    int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
    int16x8_t high = vmull_high_s8(a, b);
    return vaddq_s32(sums, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
}

#include "model/tensor/lanes_neon_private.h"

void quant_product_neon(const struct matrix *w, const struct rows *x, float *y, size_t y_stride,
                        uint32_t first, uint32_t last) {
    quant_product(w, x, y, y_stride, first, last);
}
