// Differentially private counts. The discrete Laplace distribution is sampled exactly from random
// bits with whole numbers only: no floating point whose last bits could betray a count (Mironov
// 2012), and the same bits give the same noise on any machine.
// Source: Canonne, Kamath, Steinke 2020, "The discrete Gaussian for differential privacy",
// algorithms 1 and 2; Hay et al. 2010 for consistency.
#include "data/anonymity/anonymity.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

// ---- bits ---------------------------------------------------------------------------------------

void noise_from_box(struct noise *out) {
    *out = (struct noise){.keyed = false};
}

void noise_from_key(struct noise *out, const struct hash *key, struct str label) {
    *out = (struct noise){.keyed = true};
    struct hash derived =
        hmac_sha256((struct str){(const char *)key->bytes, sizeof key->bytes}, label);
    hmac_key_set(&out->key, (struct str){(const char *)derived.bytes, sizeof derived.bytes});
    bytes_wipe(&derived, sizeof derived);
}

static uint8_t next_byte(struct noise *noise) {
    if (noise->left == 0) {
        if (noise->keyed) {
            uint8_t counter[8];
            for (int i = 0; i < 8; i++) counter[i] = (uint8_t)(noise->counter >> (8 * i));
            noise->counter++;
            struct hash block =
                hmac_with(&noise->key, (struct str){(const char *)counter, sizeof counter});
            memcpy(noise->bytes, block.bytes, sizeof noise->bytes);
        } else {
            random_bytes(noise->bytes, sizeof noise->bytes);
        }
        noise->left = sizeof noise->bytes;
    }
    return noise->bytes[--noise->left];
}

// Uniform below `bound` (at least 1): bytes are drawn again until they fall within.
static uint64_t below(struct noise *noise, uint64_t bound) {
    uint64_t mask = bound - 1;
    for (int shift = 1; shift < 64; shift *= 2) mask |= mask >> shift;
    for (;;) {
        uint64_t value = 0;
        for (uint64_t room = mask; room; room >>= 8) value = value << 8 | next_byte(noise);
        value &= mask;
        if (value < bound) return value;
    }
}

// True with the chance numerator/denominator, at most 1.
static bool chance(struct noise *noise, uint64_t numerator, uint64_t denominator) {
    return below(noise, denominator) < numerator;
}

// ---- the distribution ---------------------------------------------------------------------------

// True with the chance exp(-numerator/denominator), for a quotient of at most 1: the length of a
// run of ever rarer heads is odd with just that chance.
static bool chance_exp_small(struct noise *noise, uint64_t numerator, uint64_t denominator) {
    uint64_t k = 1;
    // chance(numerator / (denominator * k)) as two draws: one in k, and the quotient.
    while (chance(noise, 1, k) && chance(noise, numerator, denominator)) k++;
    return k % 2 == 1;
}

int64_t noise_laplace(struct noise *noise, uint32_t numerator, uint32_t denominator) {
    cy_assert(numerator > 0 && denominator > 0);
    // The scale is t/s: here 1/epsilon = denominator/numerator.
    uint64_t s = numerator, t = denominator;
    for (;;) {
        uint64_t u = below(noise, t);
        if (!chance_exp_small(noise, u, t)) continue;
        uint64_t v = 0;
        while (v < UINT32_MAX && chance_exp_small(noise, 1, 1)) v++;
        uint64_t size = (u + t * v) / s;
        bool negative = below(noise, 2) == 1;
        if (negative && size == 0) continue; // 0 would count twice
        return negative ? -(int64_t)size : (int64_t)size;
    }
}

void noise_counts(struct noise *noise, uint32_t numerator, uint32_t denominator, int64_t *counts,
                  uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        counts[i] += noise_laplace(noise, numerator, denominator);
        if (counts[i] < 0) counts[i] = 0;
    }
}

// ---- consistency --------------------------------------------------------------------------------

static int falling(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left > right ? -1 : left < right;
}

// The projection onto counts that are not negative and add up: all move by the same shift, those
// that would fall below 0 stay there. The shift is found over the counts in falling order.
void noise_consistent(int64_t *counts, uint64_t count, int64_t total) {
    if (count == 0) return;
    if (total < 0) total = 0;
    int64_t *sorted = memory_take((size_t)count * sizeof *sorted);
    if (!sorted) return; // the counts are good as they are
    memcpy(sorted, counts, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, falling);
    int64_t sum = 0, shift = 0, spare = 0;
    for (uint64_t kept = 1; kept <= count; kept++) {
        sum += sorted[kept - 1];
        int64_t over = sum - total, by = over / (int64_t)kept;
        if (over % (int64_t)kept < 0) by--;
        if (kept > 1 && sorted[kept - 1] - by <= 0) break;
        shift = by;
        spare = over - by * (int64_t)kept; // 0 … kept - 1: so many lose one more
    }
    memory_give(sorted);
    for (uint64_t i = 0; i < count; i++) {
        int64_t moved = counts[i] - shift;
        if (moved > 0 && spare > 0) {
            moved--;
            spare--;
        }
        counts[i] = moved > 0 ? moved : 0;
    }
}
