// Weights of the file's form into groups of 16 rows.
#include "model/tensor/pack_private.h"

enum pack_form pack_form_of(enum tensor_type type) {
    switch (type) {
    case TENSOR_Q4_0: return PACK_Q4;
    case TENSOR_Q4_1: return PACK_Q4M;
    case TENSOR_Q5_0:
    case TENSOR_Q5_1: return PACK_Q5M;
    case TENSOR_Q8_0:
    case TENSOR_IQ4_NL: return PACK_Q8;
    case TENSOR_Q4_K: return PACK_Q4K;
    case TENSOR_Q5_K: return PACK_Q5K;
    case TENSOR_Q6_K: return PACK_Q6K;
    case TENSOR_Q3_K: return PACK_Q3K;
    case TENSOR_Q2_K: return PACK_Q2K;
    default: return PACK_NONE;
    }
}

size_t pack_group_bytes(const struct matrix *w) {
    size_t blocks = w->columns / TENSOR_BLOCK, supers = blocks / PACK_SUPER;
    switch (pack_form_of(w->type)) {
    case PACK_Q4: return blocks * PACK_Q4_BYTES;
    case PACK_Q4M: return blocks * PACK_Q4M_BYTES;
    case PACK_Q5M: return blocks * PACK_Q5M_BYTES;
    case PACK_Q8: return blocks * PACK_Q8_BYTES;
    case PACK_Q4K: return supers * PACK_Q4K_BYTES;
    case PACK_Q5K: return supers * PACK_Q5K_BYTES;
    case PACK_Q6K: return supers * PACK_Q6K_BYTES;
    case PACK_Q3K: return supers * PACK_Q3K_BYTES;
    case PACK_Q2K: return supers * PACK_Q2K_BYTES;
    default: return 0;
    }
}

size_t pack_bytes(const struct matrix *w) {
    return (pack_group_bytes(w) * matrix_groups(w) + 63) / 64 * 64;
}

// ---- blocks of one row -----------------------------------------------------------------------

// Puts 4 bytes of row r into vector v.
static void put(uint8_t *vectors, size_t v, size_t r, const void *four) {
    memcpy(vectors + 64 * v + 4 * r, four, 4);
}

static void put_half(uint8_t *halves, size_t r, const uint8_t *half) {
    memcpy(halves + 2 * r, half, 2);
}

static uint32_t word_at(const uint8_t *at) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

// Q4_0 and Q4_1 have their nibbles as the packed form has them.
static void pack_q4(uint8_t *out, const uint8_t *row, size_t blocks, size_t r, size_t halves) {
    for (size_t b = 0; b < blocks; b++) {
        for (size_t h = 0; h < halves; h++) put_half(out + 32 * h, r, row + 2 * h);
        for (size_t v = 0; v < 4; v++) put(out + 32 * halves, v, r, row + 2 * halves + 4 * v);
        out += 32 * halves + 256;
        row += 2 * halves + 16;
    }
}

// Fifth bits of 32 weights, in the weights' order: bit v of byte (r, j) is column 4 v + j.
static void put_fifths(uint8_t *out, uint32_t bits, size_t r) {
    uint8_t fifths[4];
    for (size_t j = 0; j < 4; j++) { // every fourth bit from j on, moved together
        uint32_t word = bits >> j & 0x11111111;
        word = (word | word >> 3) & 0x03030303;
        word = (word | word >> 6) & 0x000F000F;
        fifths[j] = (uint8_t)(word | word >> 12);
    }
    put(out, 0, r, fifths);
}

// Q5_0 has no least but a middle: its weights begin at -16 scales, which a half holds exactly.
static void pack_q5m(uint8_t *out, enum tensor_type type, const uint8_t *row, size_t blocks,
                     size_t r) {
    bool own = type == TENSOR_Q5_1;
    const size_t bytes = tensor_form_of(type)->block_bytes, bits = own ? 4 : 2;
    for (size_t b = 0; b < blocks; b++, out += PACK_Q5M_BYTES, row += bytes) {
        uint16_t scale, least;
        memcpy(&scale, row, sizeof scale);
        memcpy(&least, row + 2, sizeof least);
        if (!own) least = tensor_to_f16(-16 * tensor_from_f16(scale));
        put_half(out, r, row);
        put_half(out + 32, r, (const uint8_t *)&least);
        for (size_t v = 0; v < 4; v++) put(out + 64, v, r, row + bits + 4 + 4 * v);
        put_fifths(out + 320, word_at(row + bits), r);
    }
}

static void pack_q8(uint8_t *out, enum tensor_type type, const uint8_t *row, size_t blocks,
                    size_t r) {
    const struct tensor_form *form = tensor_form_of(type);
    for (size_t b = 0; b < blocks; b++, out += PACK_Q8_BYTES) {
        const uint8_t *at = row + b * form->block_bytes;
        struct plain_block plain;
        const void *quants = at + 2;
        if (type != TENSOR_Q8_0) {
            block_unpack(type, row, b, &plain);
            quants = plain.quants;
        }
        put_half(out, r, at);
        for (size_t v = 0; v < 8; v++) put(out + 32, v, r, (const uint8_t *)quants + 4 * v);
    }
}

// Two blocks whose nibbles share bytes become two with nibbles of their own.
static void pack_k_pair(uint8_t *first_out, uint8_t *second_out, const uint8_t *quants, size_t r) {
    const uint32_t low = 0x0F0F0F0F;
    for (size_t v = 0; v < 4; v++) {
        uint32_t a = word_at(quants + 4 * v), b = word_at(quants + 16 + 4 * v);
        uint32_t first = (a & low) | (b & low) << 4, second = (a >> 4 & low) | (b & ~low);
        put(first_out, v, r, &first);
        put(second_out, v, r, &second);
    }
}

static void pack_k_scales(uint8_t *out, const uint8_t *super, size_t r) {
    put_half(out, r, super);
    put_half(out + 32, r, super + 2);
    for (size_t pair = 0; pair < 4; pair++) {
        uint8_t *scales = out + 64 + 48 * pair;
        int scale[2], least[2];
        for (size_t i = 0; i < 2; i++) k_scales(super, 2 * pair + i, &scale[i], &least[i]);
        for (size_t i = 0; i < 2; i++) {
            scales[16 * i + r] = (uint8_t)(scale[i] | (least[i] & 3) << 6);
        }
        scales[32 + r] = (uint8_t)(least[0] >> 2 | least[1] >> 2 << 4);
    }
}

static void pack_q4k(uint8_t *out, const uint8_t *row, size_t supers, size_t r) {
    for (size_t s = 0; s < supers; s++, out += PACK_Q4K_BYTES, row += 144) {
        uint8_t *to = out + 256;
        pack_k_scales(out, row, r);
        for (size_t pair = 0; pair < 4; pair++, to += 512) {
            pack_k_pair(to, to + 256, row + 16 + 32 * pair, r);
        }
    }
}

static void pack_q5k(uint8_t *out, const uint8_t *row, size_t supers, size_t r) {
    for (size_t s = 0; s < supers; s++, out += PACK_Q5K_BYTES, row += 176) {
        uint8_t *to = out + 256;
        pack_k_scales(out, row, r);
        for (size_t pair = 0; pair < 4; pair++, to += 640) {
            pack_k_pair(to, to + 320, row + 48 + 32 * pair, r);
            for (size_t i = 0; i < 2; i++) {
                uint32_t bits = 0;
                for (size_t c = 0; c < TENSOR_BLOCK; c++) {
                    bits |= (uint32_t)(row[16 + c] >> (2 * pair + i) & 1) << c;
                }
                put_fifths(to + 320 * i + 256, bits, r);
            }
        }
    }
}

// Pairs of bits of a block's 32 weights, bits 2 `pair` of a byte each, into two vectors.
static void put_pairs(uint8_t *out, const uint8_t *pairs, size_t pair, size_t r) {
    const uint32_t two = 0x03030303;
    for (size_t h = 0; h < 2; h++) {
        uint32_t word = 0;
        for (size_t k = 0; k < 4; k++) {
            word |= (word_at(pairs + 16 * h + 4 * k) >> 2 * pair & two) << 2 * k;
        }
        put(out, h, r, &word);
    }
}

static void pack_q6_block(uint8_t *out, const uint8_t *super, size_t block, size_t r) {
    const uint32_t low = 0x0F0F0F0F;
    const uint8_t *nibbles = super + block / 4 * 64 + block % 2 * 32;
    uint32_t shift = (uint32_t)(block % 4 / 2 * 4);
    for (size_t v = 0; v < 4; v++) {
        uint32_t a = word_at(nibbles + 4 * v) >> shift & low;
        uint32_t b = word_at(nibbles + 16 + 4 * v) >> shift & low, word = a | b << 4;
        put(out, v, r, &word);
    }
    put_pairs(out + 256, super + 128 + block / 4 * 32, block % 4, r);
}

static void pack_q6k(uint8_t *out, const uint8_t *row, size_t supers, size_t r) {
    for (size_t s = 0; s < supers; s++, out += PACK_Q6K_BYTES, row += 210) {
        put_half(out, r, row + 208);
        for (size_t i = 0; i < 16; i++) out[32 + 16 * i + r] = row[192 + i];
        for (size_t b = 0; b < PACK_SUPER; b++) pack_q6_block(out + 288 + 384 * b, row, b, r);
    }
}

static void pack_q3k(uint8_t *out, const uint8_t *row, size_t supers, size_t r) {
    for (size_t s = 0; s < supers; s++, out += PACK_Q3K_BYTES, row += 110) {
        put_half(out, r, row + 108);
        for (size_t i = 0; i < 16; i++) out[32 + 16 * i + r] = (uint8_t)q3_scale(row, i);
        for (size_t b = 0; b < PACK_SUPER; b++) {
            uint8_t *to = out + 288 + 192 * b;
            uint32_t thirds = 0;
            put_pairs(to, row + 32 + b / 4 * 32, b % 4, r);
            for (size_t v = 0; v < 8; v++) thirds |= (word_at(row + 4 * v) >> b & 0x01010101) << v;
            put(to + 128, 0, r, &thirds);
        }
    }
}

static void pack_q2k(uint8_t *out, const uint8_t *row, size_t supers, size_t r) {
    for (size_t s = 0; s < supers; s++, out += PACK_Q2K_BYTES, row += 84) {
        put_half(out, r, row + 80);
        put_half(out + 32, r, row + 82);
        for (size_t i = 0; i < 16; i++) out[64 + 16 * i + r] = row[i];
        for (size_t b = 0; b < PACK_SUPER; b++) {
            put_pairs(out + 320 + 128 * b, row + 16 + b / 4 * 32, b % 4, r);
        }
    }
}

// ---- groups ----------------------------------------------------------------------------------

static void pack_row(const struct matrix *w, uint8_t *group, uint32_t row, size_t r) {
    const uint8_t *data = (const uint8_t *)w->data + row * tensor_bytes(w->type, w->columns);
    size_t blocks = w->columns / TENSOR_BLOCK;
    switch (pack_form_of(w->type)) {
    case PACK_Q4: pack_q4(group, data, blocks, r, 1); break;
    case PACK_Q4M: pack_q4(group, data, blocks, r, 2); break;
    case PACK_Q5M: pack_q5m(group, w->type, data, blocks, r); break;
    case PACK_Q8: pack_q8(group, w->type, data, blocks, r); break;
    case PACK_Q4K: pack_q4k(group, data, blocks / PACK_SUPER, r); break;
    case PACK_Q5K: pack_q5k(group, data, blocks / PACK_SUPER, r); break;
    case PACK_Q6K: pack_q6k(group, data, blocks / PACK_SUPER, r); break;
    case PACK_Q3K: pack_q3k(group, data, blocks / PACK_SUPER, r); break;
    case PACK_Q2K: pack_q2k(group, data, blocks / PACK_SUPER, r); break;
    case PACK_NONE: break;
    }
}

void pack_groups(const struct matrix *w, void *packed, uint32_t first, uint32_t last) {
    size_t bytes = pack_group_bytes(w);
    for (uint32_t g = first; g < last; g++) {
        uint8_t *group = (uint8_t *)packed + g * bytes;
        uint32_t from = g * TENSOR_GROUP, rows = w->rows - from;
        if (rows < TENSOR_GROUP) memset(group, 0, bytes);
        for (uint32_t r = 0; r < TENSOR_GROUP && r < rows; r++) pack_row(w, group, from + r, r);
    }
}
