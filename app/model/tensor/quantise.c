// Floats into blocks of quants. Q8_0, Q4_0 and Q5_0 have one way to be rounded, which other
// programs use too, so that their bytes are equal. For Q4_K and Q6_K scales are searched for the
// least squared error: each sub-block's by least squares over a few divisions of its range, then
// the codes that its super-block's scale allows.
#include <math.h>

#include "base/assert.h"
#include "model/tensor/tensor_private.h"

enum { SUPER = 256, Q4K_SUBS = 8, Q4K_SUB = 32, Q6K_SUBS = 16, Q6K_SUB = 16 };

// Four at a time, as every processor can.
typedef float four __attribute__((vector_size(16)));
typedef int32_t four_i __attribute__((vector_size(16)));

static inline four four_at(const float *x) {
    four v;
    memcpy(&v, x, sizeof v);
    return v;
}

static inline four four_where(four_i chosen, four a, four b) {
    return (four)(((four_i)a & chosen) | ((four_i)b & ~chosen));
}

// The nearest whole number within bounds, ties to even: beyond 2^23 floats have no fractions.
static inline four four_round(four v, float least, float most) {
    const four low = {least, least, least, least}, high = {most, most, most, most};
    v = four_where(v > low, v, low);
    v = four_where(v < high, v, high);
    return (v + 0x1.8p23f) - 0x1.8p23f;
}

static inline float four_sum(four v) {
    return (v[0] + v[1]) + (v[2] + v[3]);
}

static void put_half(uint8_t *at, float value) {
    uint16_t half = tensor_to_f16(value);
    memcpy(at, &half, sizeof half);
}

// The nearest whole number within bounds.
static int code_of(float value, int least, int most) {
    float whole = rintf(value);
    if (!(whole > (float)least)) return least;
    return whole < (float)most ? (int)whole : most;
}

static void quantise_q8_0(const float *x, uint8_t *out) {
    float most = 0;
    for (int i = 0; i < TENSOR_BLOCK; i++) most = fmaxf(most, fabsf(x[i]));
    float scale = most / 127, factor = scale != 0 ? 1 / scale : 0;
    put_half(out, scale);
    for (int i = 0; i < TENSOR_BLOCK; i++) out[2 + i] = (uint8_t)(int8_t)roundf(x[i] * factor);
}

static float farthest_of(const float *x) { // from zero
    float most = 0, farthest = 0;
    for (int i = 0; i < TENSOR_BLOCK; i++) {
        if (fabsf(x[i]) > most) {
            most = fabsf(x[i]);
            farthest = x[i];
        }
    }
    return farthest;
}

// The value farthest from zero becomes -8.
static void quantise_q4_0(const float *x, uint8_t *out) {
    float scale = farthest_of(x) / -8, factor = scale != 0 ? 1 / scale : 0;
    put_half(out, scale);
    for (int i = 0; i < 16; i++) {
        int low = (int)(x[i] * factor + 8.5f), high = (int)(x[i + 16] * factor + 8.5f);
        out[2 + i] = (uint8_t)((low < 15 ? low : 15) | (high < 15 ? high : 15) << 4);
    }
}

// The value farthest from zero becomes -16; the fifth bits of all stand together.
static void quantise_q5_0(const float *x, uint8_t *out) {
    float scale = farthest_of(x) / -16, factor = scale != 0 ? 1 / scale : 0;
    uint32_t fifth = 0;
    put_half(out, scale);
    memset(out + 6, 0, TENSOR_BLOCK / 2);
    for (int i = 0; i < TENSOR_BLOCK; i++) {
        int code = (int)(x[i] * factor + 16.5f);
        if (code > 31) code = 31;
        fifth |= (uint32_t)(code >> 4) << i;
        out[6 + i % 16] |= (uint8_t)((code & 15) << (i / 16 * 4));
    }
    memcpy(out + 2, &fifth, sizeof fifth);
}

// ---- Q4_K: x = scale * q - least, q from 0 to 15, least not negative --------------------------

struct line {
    float scale, least;
};

// Writes the best quants on a line, as floats; returns the squared error.
static float line_quantise(const float *x, struct line line, float *quants) {
    float factor = line.scale > 0 ? 1 / line.scale : 0;
    four error = {0};
    for (int i = 0; i < Q4K_SUB; i += 4) {
        four v = four_at(x + i), q = four_round((v + line.least) * factor, 0, 15);
        four rest = v - (q * line.scale - line.least);
        memcpy(quants + i, &q, sizeof q);
        error += rest * rest;
    }
    return four_sum(error);
}

// The line through (quant, x) with the least squared error.
static struct line line_fit(const float *x, const float *quants) {
    four q4 = {0}, qq4 = {0}, sum4 = {0}, qx4 = {0};
    for (int i = 0; i < Q4K_SUB; i += 4) {
        four v = four_at(x + i), own = four_at(quants + i);
        q4 += own;
        qq4 += own * own;
        sum4 += v;
        qx4 += own * v;
    }
    float q = four_sum(q4), qq = four_sum(qq4), sum = four_sum(sum4), qx = four_sum(qx4);
    float determinant = Q4K_SUB * qq - q * q;
    struct line line = {0, 0};
    if (determinant > 0) {
        line.scale = (Q4K_SUB * qx - q * sum) / determinant;
        line.least = (q * qx - qq * sum) / determinant;
    }
    if (determinant <= 0 || line.least < 0) {
        line.least = 0;
        line.scale = qq > 0 ? qx / qq : 0;
    }
    if (line.scale < 0) line.scale = 0;
    return line;
}

static struct line line_search(const float *x) {
    enum { DIVISIONS = 8, TURNS = 2 };
    float low = 0, high = x[0];
    for (int i = 0; i < Q4K_SUB; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
    }
    struct line best = {0, -low};
    if (high <= low) return best;
    float quants[Q4K_SUB], least_error = INFINITY;
    for (int k = 0; k < DIVISIONS; k++) {
        struct line line = {(high - low) / (13.2f + 0.45f * (float)k), -low};
        for (int turn = 0; turn < TURNS; turn++) {
            float error = line_quantise(x, line, quants);
            if (error < least_error) {
                least_error = error;
                best = line;
            }
            line = line_fit(x, quants);
        }
        float error = line_quantise(x, line, quants);
        if (error < least_error) {
            least_error = error;
            best = line;
        }
    }
    return best;
}

struct k_super {
    float d, dmin;
    int scale[Q4K_SUBS], least[Q4K_SUBS]; // codes, 0 to 63
    float quants[SUPER];
};

static struct line line_of(const struct k_super *k, int scale, int least) {
    return (struct line){k->d * (float)scale, k->dmin * (float)least};
}

// The codes near the wanted line that lose the least.
static void codes_search(const float *x, struct line wanted, struct k_super *k, size_t sub) {
    int scale = k->d > 0 ? code_of(wanted.scale / k->d, 0, 63) : 0;
    int least = k->dmin > 0 ? code_of(wanted.least / k->dmin, 0, 63) : 0;
    float quants[Q4K_SUB], least_error = INFINITY;
    for (int s = scale - 1; s <= scale + 1; s++) {
        for (int m = least - 2; m <= least + 2; m++) {
            if (s < 0 || s > 63 || m < 0 || m > 63) continue;
            float error = line_quantise(x, line_of(k, s, m), quants);
            if (error >= least_error) continue;
            least_error = error;
            k->scale[sub] = s;
            k->least[sub] = m;
            memcpy(k->quants + sub * Q4K_SUB, quants, sizeof quants);
        }
    }
}

// The super-block's two scales by least squares, all codes and quants as they are.
static void supers_fit(const float *x, struct k_super *k) {
    double aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;
    for (size_t i = 0; i < SUPER; i++) {
        double a = k->scale[i / Q4K_SUB] * (double)k->quants[i], b = -k->least[i / Q4K_SUB];
        aa += a * a;
        ab += a * b;
        bb += b * b;
        ax += a * (double)x[i];
        bx += b * (double)x[i];
    }
    double determinant = aa * bb - ab * ab;
    if (determinant <= 1e-6 * aa * bb) return;
    float d = (float)((ax * bb - bx * ab) / determinant);
    float dmin = (float)((bx * aa - ax * ab) / determinant);
    if (d <= 0 || dmin <= 0) return;
    k->d = tensor_from_f16(tensor_to_f16(d));
    k->dmin = tensor_from_f16(tensor_to_f16(dmin));
}

static double super_error(const float *x, const struct k_super *k) {
    double error = 0;
    for (size_t i = 0; i < SUPER; i++) {
        struct line line = line_of(k, k->scale[i / Q4K_SUB], k->least[i / Q4K_SUB]);
        double rest = (double)(x[i] - (line.scale * k->quants[i] - line.least));
        error += rest * rest;
    }
    return error;
}

static void super_write(const struct k_super *k, uint8_t *out) {
    uint8_t *scales = out + 4, *quants = out + 16;
    put_half(out, k->d);
    put_half(out + 2, k->dmin);
    for (size_t j = 0; j < 4; j++) {
        int scale = k->scale[j + 4], least = k->least[j + 4];
        scales[j] = (uint8_t)(k->scale[j] | (scale >> 4) << 6);
        scales[j + 4] = (uint8_t)(k->least[j] | (least >> 4) << 6);
        scales[j + 8] = (uint8_t)((scale & 15) | (least & 15) << 4);
    }
    for (size_t i = 0; i < SUPER / 2; i++) {
        size_t from = i / 32 * 64 + i % 32;
        quants[i] = (uint8_t)((int)k->quants[from] | (int)k->quants[from + 32] << 4);
    }
}

static void quantise_q4_k(const float *x, uint8_t *out) {
    struct line lines[Q4K_SUBS];
    float scale = 0, least = 0;
    for (size_t sub = 0; sub < Q4K_SUBS; sub++) {
        lines[sub] = line_search(x + sub * Q4K_SUB);
        scale = fmaxf(scale, lines[sub].scale);
        least = fmaxf(least, lines[sub].least);
    }
    struct k_super best = {0}, next = {.d = tensor_from_f16(tensor_to_f16(scale / 63)),
                                       .dmin = tensor_from_f16(tensor_to_f16(least / 63))};
    double least_error = INFINITY;
    for (int turn = 0; turn < 3; turn++) {
        for (size_t sub = 0; sub < Q4K_SUBS; sub++) {
            codes_search(x + sub * Q4K_SUB, lines[sub], &next, sub);
        }
        double error = super_error(x, &next);
        if (turn == 0 || error < least_error) {
            least_error = error;
            best = next;
        }
        supers_fit(x, &next);
    }
    super_write(&best, out);
}

// ---- Q6_K: x = scale * q, q from -32 to 31 ----------------------------------------------------

static float sub_quantise(const float *x, float scale, float *quants) {
    float factor = scale != 0 ? 1 / scale : 0;
    four error = {0};
    for (int i = 0; i < Q6K_SUB; i += 4) {
        four v = four_at(x + i), q = four_round(v * factor, -32, 31);
        four rest = v - q * scale;
        memcpy(quants + i, &q, sizeof q);
        error += rest * rest;
    }
    return four_sum(error);
}

static float sub_fit(const float *x, const float *quants) {
    four qq = {0}, qx = {0};
    for (int i = 0; i < Q6K_SUB; i += 4) {
        four own = four_at(quants + i);
        qq += own * own;
        qx += own * four_at(x + i);
    }
    return four_sum(qq) > 0 ? four_sum(qx) / four_sum(qq) : 0;
}

static float sub_search(const float *x) {
    enum { DIVISIONS = 10 };
    float farthest = 0, best = 0, least_error = INFINITY;
    for (int i = 0; i < Q6K_SUB; i++) {
        if (fabsf(x[i]) > fabsf(farthest)) farthest = x[i];
    }
    float quants[Q6K_SUB];
    for (int k = 0; k < DIVISIONS; k++) {
        sub_quantise(x, -farthest / (30.6f + 0.2f * (float)k), quants);
        float scale = sub_fit(x, quants), error = sub_quantise(x, scale, quants);
        if (error < least_error) {
            least_error = error;
            best = scale;
        }
    }
    return best;
}

struct six_super {
    float d;
    int code[Q6K_SUBS]; // -128 to 127
    float quants[SUPER];
};

static double six_quantise(const float *x, const float *scales, struct six_super *s) {
    double error = 0;
    for (size_t sub = 0; sub < Q6K_SUBS; sub++) {
        const float *own = x + sub * Q6K_SUB;
        int near = s->d != 0 ? code_of(scales[sub] / s->d, -128, 127) : 0;
        float quants[Q6K_SUB], least = INFINITY;
        for (int code = near - 1; code <= near + 1; code++) {
            if (code < -128 || code > 127) continue;
            float lost = sub_quantise(own, s->d * (float)code, quants);
            if (lost >= least) continue;
            least = lost;
            s->code[sub] = code;
            memcpy(s->quants + sub * Q6K_SUB, quants, sizeof quants);
        }
        error += (double)least;
    }
    return error;
}

static void six_fit(const float *x, struct six_super *s) {
    double qq = 0, qx = 0;
    for (size_t i = 0; i < SUPER; i++) {
        double own = s->code[i / Q6K_SUB] * (double)s->quants[i];
        qq += own * own;
        qx += own * (double)x[i];
    }
    if (qq > 0) s->d = tensor_from_f16(tensor_to_f16((float)(qx / qq)));
}

static void six_write(const struct six_super *s, uint8_t *out) {
    memset(out, 0, 210);
    for (size_t i = 0; i < SUPER; i++) {
        size_t half = i / 128, quarter = i % 128 / 32, l = i % 32;
        int q = (int)s->quants[i] + 32;
        out[half * 64 + quarter % 2 * 32 + l] |= (uint8_t)((q & 15) << quarter / 2 * 4);
        out[128 + half * 32 + l] |= (uint8_t)(q >> 4 << quarter * 2);
    }
    for (size_t sub = 0; sub < Q6K_SUBS; sub++) out[192 + sub] = (uint8_t)s->code[sub];
    put_half(out + 208, s->d);
}

static void quantise_q6_k(const float *x, uint8_t *out) {
    float scales[Q6K_SUBS], farthest = 0;
    for (size_t sub = 0; sub < Q6K_SUBS; sub++) {
        scales[sub] = sub_search(x + sub * Q6K_SUB);
        if (fabsf(scales[sub]) > fabsf(farthest)) farthest = scales[sub];
    }
    struct six_super best = {0}, next = {.d = tensor_from_f16(tensor_to_f16(farthest / -128))};
    double least_error = INFINITY;
    for (int turn = 0; turn < 3; turn++) {
        double error = six_quantise(x, scales, &next);
        if (turn == 0 || error < least_error) {
            least_error = error;
            best = next;
        }
        six_fit(x, &next);
    }
    six_write(&best, out);
}

// ---- all types -------------------------------------------------------------------------------

bool tensor_quantises(uint32_t type) {
    return type == TENSOR_F32 || type == TENSOR_F16 || type == TENSOR_BF16 || type == TENSOR_Q8_0 ||
           type == TENSOR_Q4_0 || type == TENSOR_Q5_0 || type == TENSOR_Q4_K || type == TENSOR_Q6_K;
}

void tensor_quantise(enum tensor_type type, const float *x, size_t count, void *out) {
    const struct tensor_form *form = tensor_form_of(type);
    cy_assert(tensor_quantises(type) && count % form->block == 0);
    uint8_t *to = out;
    if (type == TENSOR_F32) {
        memcpy(out, x, count * sizeof *x);
        return;
    }
    for (size_t i = 0; i < count; i += form->block, to += form->block_bytes) {
        uint16_t half;
        switch (type) {
        case TENSOR_Q8_0: quantise_q8_0(x + i, to); break;
        case TENSOR_Q4_0: quantise_q4_0(x + i, to); break;
        case TENSOR_Q5_0: quantise_q5_0(x + i, to); break;
        case TENSOR_Q4_K: quantise_q4_k(x + i, to); break;
        case TENSOR_Q6_K: quantise_q6_k(x + i, to); break;
        default:
            half = type == TENSOR_F16 ? tensor_to_f16(x[i]) : tensor_to_bf16(x[i]);
            memcpy(to, &half, sizeof half);
        }
    }
}
