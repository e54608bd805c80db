// Packed weights into panels of signed bytes.
#include "model/tensor/unpack_private.h"

enum { VECTORS = 4 * 64 };

static void scales_read(const uint8_t *at, float out[TENSOR_GROUP], float factor) {
    for (size_t r = 0; r < TENSOR_GROUP; r++) {
        out[r] = factor * tensor_from_f16(half_at(at + 2 * r));
    }
}

static void nibbles_read(const uint8_t *at, int offset, int8_t out[2 * VECTORS]) {
    for (size_t i = 0; i < VECTORS; i++) {
        out[i] = (int8_t)((at[i] & 15) - offset);
        out[i + VECTORS] = (int8_t)((at[i] >> 4) - offset);
    }
}

static void pairs_read(const uint8_t *at, int8_t out[2 * VECTORS]) {
    for (size_t v = 0; v < 8; v++) {
        const uint8_t *pairs = at + v / 4 * 64;
        for (size_t i = 0; i < 64; i++) out[64 * v + i] = (int8_t)(pairs[i] >> v % 4 * 2 & 3);
    }
}

// Adds what stands beside nibbles or pairs, the `place` lowest bits: `width` bits of each weight,
// those of vector v from bit v * width on of the byte v / span of 64 apart.
static void bits_add(const uint8_t *at, size_t width, size_t place, int offset,
                     int8_t out[2 * VECTORS]) {
    size_t span = 8 / width;
    for (size_t v = 0; v < 8; v++) {
        const uint8_t *bits = at + v / span * 64;
        size_t shift = v % span * width;
        for (size_t i = 0; i < 64; i++) {
            int high = bits[i] >> shift & ((1 << width) - 1);
            out[64 * v + i] = (int8_t)((out[64 * v + i] | high << place) - offset);
        }
    }
}

static void k_read(const uint8_t *super, size_t sub, struct signed_block *out) {
    const uint8_t *at = super + 64 + sub / 2 * 48;
    float d[TENSOR_GROUP], dmin[TENSOR_GROUP];
    scales_read(super, d, 1);
    scales_read(super + 32, dmin, -1);
    for (size_t r = 0; r < TENSOR_GROUP; r++) {
        int first = at[sub % 2 * 16 + r], high = at[32 + r] >> sub % 2 * 4 & 15;
        out->scale[0][r] = d[r] * (float)(first & 63);
        out->least[0][r] = dmin[r] * (float)(first >> 6 | high << 2);
    }
}

static void signed_scales_read(const uint8_t *super, size_t sub, struct signed_block *out) {
    float d[TENSOR_GROUP];
    scales_read(super, d, 1);
    for (size_t k = 0; k < 2; k++) {
        for (size_t r = 0; r < TENSOR_GROUP; r++) {
            out->scale[k][r] = d[r] * (float)(int8_t)super[32 + 16 * (2 * sub + k) + r];
        }
    }
}

static void q2k_read(const uint8_t *super, size_t sub, struct signed_block *out) {
    float d[TENSOR_GROUP], dmin[TENSOR_GROUP];
    scales_read(super, d, 1);
    scales_read(super + 32, dmin, -1);
    for (size_t k = 0; k < 2; k++) {
        for (size_t r = 0; r < TENSOR_GROUP; r++) {
            uint8_t both = super[64 + 16 * (2 * sub + k) + r];
            out->scale[k][r] = d[r] * (float)(both & 15);
            out->least[k][r] = dmin[r] * (float)(both >> 4);
        }
    }
    pairs_read(super + 320 + 128 * sub, out->quants);
}

static void block_read(enum pack_form form, const uint8_t *group, size_t b,
                       struct signed_block *out) {
    size_t super = b / PACK_SUPER, sub = b % PACK_SUPER;
    const uint8_t *at;
    switch (form) {
    case PACK_Q4:
        at = group + b * PACK_Q4_BYTES;
        scales_read(at, out->scale[0], 1);
        nibbles_read(at + 32, 8, out->quants);
        break;
    case PACK_Q4M:
    case PACK_Q5M:
        at = group + b * (form == PACK_Q4M ? PACK_Q4M_BYTES : PACK_Q5M_BYTES);
        scales_read(at, out->scale[0], 1);
        scales_read(at + 32, out->least[0], 1);
        nibbles_read(at + 64, 0, out->quants);
        if (form == PACK_Q5M) bits_add(at + 64 + VECTORS, 1, 4, 0, out->quants);
        break;
    case PACK_Q8:
        at = group + b * PACK_Q8_BYTES;
        scales_read(at, out->scale[0], 1);
        memcpy(out->quants, at + 32, sizeof out->quants);
        break;
    case PACK_Q4K:
        at = group + super * PACK_Q4K_BYTES;
        k_read(at, sub, out);
        nibbles_read(at + 256 + 256 * sub, 0, out->quants);
        break;
    case PACK_Q5K:
        at = group + super * PACK_Q5K_BYTES;
        k_read(at, sub, out);
        nibbles_read(at + 256 + 320 * sub, 0, out->quants);
        bits_add(at + 256 + 320 * sub + VECTORS, 1, 4, 0, out->quants);
        break;
    case PACK_Q6K:
        at = group + super * PACK_Q6K_BYTES;
        signed_scales_read(at, sub, out);
        nibbles_read(at + 288 + 384 * sub, 0, out->quants);
        bits_add(at + 288 + 384 * sub + VECTORS, 2, 4, 32, out->quants);
        break;
    case PACK_Q3K:
        at = group + super * PACK_Q3K_BYTES;
        signed_scales_read(at, sub, out);
        pairs_read(at + 288 + 192 * sub, out->quants);
        bits_add(at + 288 + 192 * sub + 128, 1, 2, 4, out->quants);
        break;
    case PACK_Q2K: q2k_read(group + super * PACK_Q2K_BYTES, sub, out); break;
    case PACK_NONE: break;
    }
}

static void file_read(const struct matrix *w, uint32_t group, size_t b, struct signed_block *out) {
    size_t bytes = tensor_bytes(w->type, w->columns);
    for (uint32_t r = 0; r < TENSOR_GROUP; r++) {
        uint32_t row = group * TENSOR_GROUP + r;
        struct plain_block plain = {0};
        if (row < w->rows) {
            block_unpack(w->type, (const uint8_t *)w->data + row * bytes, b, &plain);
        }
        for (size_t v = 0; v < 8; v++)
            memcpy(out->quants + 64 * v + 4 * r, plain.quants + 4 * v, 4);
        for (size_t k = 0; k < 2; k++) {
            out->scale[k][r] = plain.scale[k];
            out->least[k][r] = plain.least[k];
        }
    }
}

bool signed_halves(const struct matrix *w) {
    return !w->packed || pack_halves(pack_form_of(w->type));
}

void signed_unpack(const struct matrix *w, uint32_t group, size_t first, size_t count,
                   struct signed_block *out) {
    const uint8_t *packed = (const uint8_t *)w->packed + group * pack_group_bytes(w);
    for (size_t b = 0; b < count; b++) {
        memset(out[b].least, 0, sizeof out[b].least);
        if (w->packed) {
            block_read(pack_form_of(w->type), packed, first + b, &out[b]);
        } else {
            file_read(w, group, first + b, &out[b]);
        }
    }
}
