// Types of tensors, and their smallest parts.
#include <string.h>

#include "model/tensor/tensor.h"

static const struct tensor_form forms[] = {
    [TENSOR_F32] = {"F32", 1, 4},         [TENSOR_F16] = {"F16", 1, 2},
    [TENSOR_Q4_0] = {"Q4_0", 32, 18},     [TENSOR_Q4_1] = {"Q4_1", 32, 20},
    [TENSOR_Q5_0] = {"Q5_0", 32, 22},     [TENSOR_Q5_1] = {"Q5_1", 32, 24},
    [TENSOR_Q8_0] = {"Q8_0", 32, 34},     [TENSOR_Q2_K] = {"Q2_K", 256, 84},
    [TENSOR_Q3_K] = {"Q3_K", 256, 110},   [TENSOR_Q4_K] = {"Q4_K", 256, 144},
    [TENSOR_Q5_K] = {"Q5_K", 256, 176},   [TENSOR_Q6_K] = {"Q6_K", 256, 210},
    [TENSOR_IQ4_NL] = {"IQ4_NL", 32, 18}, [TENSOR_I8] = {"I8", 1, 1},
    [TENSOR_I16] = {"I16", 1, 2},         [TENSOR_I32] = {"I32", 1, 4},
    [TENSOR_I64] = {"I64", 1, 8},         [TENSOR_F64] = {"F64", 1, 8},
    [TENSOR_BF16] = {"BF16", 1, 2},
};

const struct tensor_form *tensor_form_of(uint32_t type) {
    static const struct tensor_form unknown = {NULL, 1, 0};
    if (type >= sizeof forms / sizeof *forms || !forms[type].name) return &unknown;
    return &forms[type];
}

bool tensor_computes(uint32_t type) {
    return tensor_form_of(type)->name && (type < TENSOR_I8 || type == TENSOR_BF16);
}

uint64_t tensor_bytes(uint32_t type, uint64_t count) {
    const struct tensor_form *form = tensor_form_of(type);
    return count / form->block * form->block_bytes;
}

// ---- halves ----------------------------------------------------------------------------------

float tensor_from_f16(uint16_t value) {
    uint32_t sign = (uint32_t)(value & 0x8000) << 16, rest = value & 0x7FFF, bits;
    float out;
    if (rest >= 0x7C00) { // infinite, or no number
        bits = sign | 0x7F800000 | (rest & 0x3FF) << 13;
    } else if (rest >= 0x400) {
        bits = sign | (rest + ((127 - 15) << 10)) << 13;
    } else { // a multiple of 2^-24
        out = (float)rest * 0x1p-24f;
        memcpy(&bits, &out, sizeof bits);
        bits |= sign;
    }
    memcpy(&out, &bits, sizeof out);
    return out;
}

uint16_t tensor_to_f16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000, rest = bits & 0x7FFFFFFF;
    if (rest > 0x7F800000) return (uint16_t)(sign | 0x7E00);
    if (rest >= 0x477FF000) return (uint16_t)(sign | 0x7C00); // rounds beyond 65504
    if (rest < 0x38800000) {                                  // below 2^-14
        float scaled;
        memcpy(&scaled, &rest, sizeof scaled);
        scaled = scaled * 0x1p24f + 0x1p23f; // the sum rounds to a whole number, ties to even
        memcpy(&rest, &scaled, sizeof rest);
        return (uint16_t)(sign | (rest & 0x7FF));
    }
    rest += 0xFFF + (rest >> 13 & 1);
    return (uint16_t)(sign | ((rest >> 13) - ((127 - 15) << 10)));
}

float tensor_from_bf16(uint16_t value) {
    uint32_t bits = (uint32_t)value << 16;
    float out;
    memcpy(&out, &bits, sizeof out);
    return out;
}

uint16_t tensor_to_bf16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}
