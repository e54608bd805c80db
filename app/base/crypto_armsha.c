// SHA-256 by the cryptographic extension of ARMv8, for Kunpeng and Phytium.
// Source: Arm Architecture Reference Manual, SHA256H, SHA256H2, SHA256SU0, SHA256SU1.
#include <arm_neon.h>
#include <sys/auxv.h>

#include "base/crypto_private.h"

enum { HWCAP_HAS_SHA2 = 1 << 6 };

static void one_block(uint32x4_t *abcd, uint32x4_t *efgh, const uint8_t *block) {
    const uint32x4_t saved_abcd = *abcd, saved_efgh = *efgh;
    uint32x4_t w[4];
    for (int i = 0; i < 4; i++) {
        w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(block + 16 * i)));
    }
    for (int i = 0; i < 16; i++) {
        uint32x4_t sum = vaddq_u32(w[i & 3], vld1q_u32(&SHA256_ROUND[4 * i]));
        uint32x4_t before = *abcd;
        *abcd = vsha256hq_u32(*abcd, *efgh, sum);
        *efgh = vsha256h2q_u32(*efgh, before, sum);
        if (i < 12) {
            uint32x4_t part = vsha256su0q_u32(w[i & 3], w[(i + 1) & 3]);
            w[i & 3] = vsha256su1q_u32(part, w[(i + 2) & 3], w[(i + 3) & 3]);
        }
    }
    *abcd = vaddq_u32(*abcd, saved_abcd);
    *efgh = vaddq_u32(*efgh, saved_efgh);
}

static void blocks_armsha(uint32_t state[static 8], const uint8_t *blocks, size_t count) {
    uint32x4_t abcd = vld1q_u32(&state[0]), efgh = vld1q_u32(&state[4]);
    for (; count > 0; count--, blocks += 64) one_block(&abcd, &efgh, blocks);
    vst1q_u32(&state[0], abcd);
    vst1q_u32(&state[4], efgh);
}

sha256_blocks_fn *sha256_blocks_armsha(void) {
    return getauxval(AT_HWCAP) & HWCAP_HAS_SHA2 ? blocks_armsha : NULL;
}
