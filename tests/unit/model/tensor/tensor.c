#include "model/tensor/tensor.h"

#include "check.h"

static void halves_round_to_the_nearest(void) {
    for (uint32_t i = 0; i < 65536; i++) {
        float value = tensor_from_f16((uint16_t)i);
        if (!isnan(value)) CHECK_EQ(tensor_to_f16(value), i);
        value = tensor_from_bf16((uint16_t)i);
        if (!isnan(value)) CHECK_EQ(tensor_to_bf16(value), i);
    }
    CHECK_EQ(tensor_to_f16(65519.99f), 0x7BFF);
    CHECK_EQ(tensor_to_f16(65520), 0x7C00);
    CHECK_EQ(tensor_to_f16(-INFINITY), 0xFC00);
    CHECK_EQ(tensor_to_f16(0x1p-25f), 0);
    CHECK_EQ(tensor_to_f16(0x1.8p-24f), 2);
    CHECK_EQ(tensor_to_f16(1 + 0x1p-11f), 0x3C00);
    CHECK_EQ(tensor_to_f16(1 + 0x3p-11f), 0x3C02);
    CHECK(isnan(tensor_from_f16(tensor_to_f16(NAN))));
    CHECK(isnan(tensor_from_bf16(tensor_to_bf16(NAN))));
    CHECK_EQ(tensor_to_bf16(1 + 0x1p-8f), 0x3F80);
    CHECK_EQ(tensor_to_bf16(1 + 0x3p-8f), 0x3F82);
}

int main(void) {
    CHECK_RUN(halves_round_to_the_nearest);
    return check_done();
}
