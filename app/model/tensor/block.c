// Blocks of quantised weights into one plain form. Sources: the layouts of ggml's documentation of
// GGUF's types; each reader says its own.
#include "base/assert.h"
#include "model/tensor/tensor_private.h"

static const int8_t iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113};

static void both(float pair[2], float value) {
    pair[0] = pair[1] = value;
}

// 16 bytes: the low nibbles are weights 0 to 15, the high ones 16 to 31.
static void nibbles(int8_t quants[TENSOR_BLOCK], const uint8_t *bytes, int offset) {
    for (int i = 0; i < 16; i++) {
        quants[i] = (int8_t)((bytes[i] & 15) - offset);
        quants[i + 16] = (int8_t)((bytes[i] >> 4) - offset);
    }
}

// The fifth bits, one for each weight.
static void fifth_bits(int8_t quants[TENSOR_BLOCK], const uint8_t bits[4], int offset) {
    for (int i = 0; i < TENSOR_BLOCK; i++) {
        int high = (bits[i / 8] >> i % 8 & 1) << 4;
        quants[i] = (int8_t)((quants[i] | high) - offset);
    }
}

// scale f16, [least f16], [fifth bits 4], quants
static void unpack_simple(enum tensor_type type, const uint8_t *at, struct plain_block *out) {
    bool least = type == TENSOR_Q4_1 || type == TENSOR_Q5_1;
    both(out->scale, tensor_from_f16(half_at(at)));
    both(out->least, least ? tensor_from_f16(half_at(at + 2)) : 0);
    at += least ? 4 : 2;
    switch (type) {
    case TENSOR_Q8_0: memcpy(out->quants, at, TENSOR_BLOCK); break;
    case TENSOR_Q4_0: nibbles(out->quants, at, 8); break;
    case TENSOR_Q4_1: nibbles(out->quants, at, 0); break;
    case TENSOR_IQ4_NL:
        nibbles(out->quants, at, 0);
        for (int i = 0; i < TENSOR_BLOCK; i++) out->quants[i] = iq4_levels[out->quants[i]];
        break;
    default: // Q5_0, Q5_1
        nibbles(out->quants, at + 4, 0);
        fifth_bits(out->quants, at, least ? 0 : 16);
    }
}

// scales 16 (scale in the low nibble, least in the high one), quants 64 of 2 bits, d, dmin f16
static void unpack_q2(const uint8_t *at, size_t sub, struct plain_block *out) {
    const uint8_t *quants = at + 16 + sub / 4 * 32;
    float d = tensor_from_f16(half_at(at + 80)), dmin = tensor_from_f16(half_at(at + 82));
    for (size_t h = 0; h < 2; h++) {
        uint8_t scale = at[sub * 2 + h];
        out->scale[h] = d * (float)(scale & 15);
        out->least[h] = -dmin * (float)(scale >> 4);
    }
    for (int i = 0; i < TENSOR_BLOCK; i++) out->quants[i] = quants[i] >> sub % 4 * 2 & 3;
}

int q3_scale(const uint8_t *super, size_t i) {
    const uint8_t *scales = super + 96;
    int low = i < 8 ? scales[i] & 15 : scales[i - 8] >> 4;
    return (low | (scales[8 + i % 4] >> i / 4 * 2 & 3) << 4) - 32;
}

// third bits 32, quants 64 of 2 bits, scales 12 (16 of 6 bits, less 32), d f16
static void unpack_q3(const uint8_t *at, size_t sub, struct plain_block *out) {
    const uint8_t *quants = at + 32 + sub / 4 * 32;
    float d = tensor_from_f16(half_at(at + 108));
    for (size_t h = 0; h < 2; h++) {
        out->scale[h] = d * (float)q3_scale(at, sub * 2 + h);
        out->least[h] = 0;
    }
    for (int i = 0; i < TENSOR_BLOCK; i++) {
        int low = quants[i] >> sub % 4 * 2 & 3;
        out->quants[i] = (int8_t)(low - (at[i] >> sub & 1 ? 0 : 4));
    }
}

// d, dmin f16, 12 bytes of 8 scales and 8 leasts of 6 bits
void k_scales(const uint8_t *super, size_t sub, int *scale, int *least) {
    const uint8_t *s = super + 4;
    if (sub < 4) {
        *scale = s[sub] & 63;
        *least = s[sub + 4] & 63;
    } else {
        *scale = (s[sub + 4] & 15) | (s[sub - 4] >> 6) << 4;
        *least = s[sub + 4] >> 4 | (s[sub] >> 6) << 4;
    }
}

static void scales_of_k(const uint8_t *at, size_t sub, struct plain_block *out) {
    int scale, least;
    k_scales(at, sub, &scale, &least);
    both(out->scale, tensor_from_f16(half_at(at)) * (float)scale);
    both(out->least, -tensor_from_f16(half_at(at + 2)) * (float)least);
}

// as above, quants 128: of each 32 bytes the low nibbles are one sub-block, the high ones the next
static void unpack_q4k(const uint8_t *at, size_t sub, struct plain_block *out) {
    const uint8_t *quants = at + 16 + sub / 2 * 32;
    scales_of_k(at, sub, out);
    for (int i = 0; i < TENSOR_BLOCK; i++) out->quants[i] = quants[i] >> sub % 2 * 4 & 15;
}

// the same with 32 bytes of fifth bits before the quants
static void unpack_q5k(const uint8_t *at, size_t sub, struct plain_block *out) {
    const uint8_t *high = at + 16, *quants = at + 48 + sub / 2 * 32;
    scales_of_k(at, sub, out);
    for (int i = 0; i < TENSOR_BLOCK; i++) {
        int low = quants[i] >> sub % 2 * 4 & 15;
        out->quants[i] = (int8_t)(low | (high[i] >> sub & 1) << 4);
    }
}

// low nibbles 128, high pairs 64, scales 16 of a signed byte, d f16
static void unpack_q6(const uint8_t *at, size_t sub, struct plain_block *out) {
    const uint8_t *low = at + sub / 4 * 64 + sub % 2 * 32, *high = at + 128 + sub / 4 * 32;
    float d = tensor_from_f16(half_at(at + 208));
    for (size_t h = 0; h < 2; h++) {
        out->scale[h] = d * (float)(int8_t)at[192 + sub * 2 + h];
        out->least[h] = 0;
    }
    for (int i = 0; i < TENSOR_BLOCK; i++) {
        int nibble = low[i] >> sub % 4 / 2 * 4 & 15, pair = high[i] >> sub % 4 * 2 & 3;
        out->quants[i] = (int8_t)((nibble | pair << 4) - 32);
    }
}

void block_unpack(enum tensor_type type, const uint8_t *row, size_t index,
                  struct plain_block *out) {
    const struct tensor_form *form = tensor_form_of(type);
    const uint8_t *at = row + index / (form->block / TENSOR_BLOCK) * form->block_bytes;
    size_t sub = index % (form->block / TENSOR_BLOCK);
    switch (type) {
    case TENSOR_Q2_K: unpack_q2(at, sub, out); break;
    case TENSOR_Q3_K: unpack_q3(at, sub, out); break;
    case TENSOR_Q4_K: unpack_q4k(at, sub, out); break;
    case TENSOR_Q5_K: unpack_q5k(at, sub, out); break;
    case TENSOR_Q6_K: unpack_q6(at, sub, out); break;
    default: unpack_simple(type, at, out);
    }
}

void tensor_dequantise(enum tensor_type type, const void *data, size_t count, float *out) {
    cy_assert(tensor_computes(type) && count % tensor_form_of(type)->block == 0);
    const uint8_t *bytes = data;
    if (type == TENSOR_F32) {
        memcpy(out, data, count * sizeof *out);
    } else if (type == TENSOR_F16) {
        for (size_t i = 0; i < count; i++) out[i] = tensor_from_f16(half_at(bytes + 2 * i));
    } else if (type == TENSOR_BF16) {
        for (size_t i = 0; i < count; i++) out[i] = tensor_from_bf16(half_at(bytes + 2 * i));
    } else {
        for (size_t b = 0; b < count / TENSOR_BLOCK; b++, out += TENSOR_BLOCK) {
            struct plain_block block;
            block_unpack(type, bytes, b, &block);
            for (int i = 0; i < TENSOR_BLOCK; i++) {
                out[i] = block.scale[i / 16] * (float)block.quants[i] + block.least[i / 16];
            }
        }
    }
}
