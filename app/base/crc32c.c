#include "base/crc32c.h"

#include <pthread.h>
#include <string.h>

enum { POLYNOMIAL = (int)0x82F63B78 }; // 0x1EDC6F41 with its bits reversed

// Made at first use.
static uint32_t slices[8][256];
static pthread_once_t slices_once = PTHREAD_ONCE_INIT;

static void slices_make(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) ? (uint32_t)POLYNOMIAL : 0);
        }
        slices[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (int slice = 1; slice < 8; slice++) {
            uint32_t crc = slices[slice - 1][byte];
            slices[slice][byte] = (crc >> 8) ^ slices[0][crc & 0xFF];
        }
    }
}

static uint64_t load_u64(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

// Eight bytes a step ("slicing by 8", Kounavis and Berry 2005).
uint32_t crc32c_reference(uint32_t before, const void *data, size_t size) {
    pthread_once(&slices_once, slices_make);
    const uint8_t *at = data;
    uint32_t crc = ~before;
    for (; size >= 8; size -= 8, at += 8) {
        uint64_t word = load_u64(at) ^ crc;
        crc = slices[7][word & 0xFF] ^ slices[6][word >> 8 & 0xFF] ^ slices[5][word >> 16 & 0xFF] ^
              slices[4][word >> 24 & 0xFF] ^ slices[3][word >> 32 & 0xFF] ^
              slices[2][word >> 40 & 0xFF] ^ slices[1][word >> 48 & 0xFF] ^ slices[0][word >> 56];
    }
    for (; size > 0; size--, at++) crc = (crc >> 8) ^ slices[0][(crc ^ *at) & 0xFF];
    return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

// The instruction has a latency of 3 and a throughput of 1: three independent streams of STREAM
// bytes keep it busy. Their CRCs are joined by multiplying with x^(8*STREAM) modulo the polynomial,
// which `shift` does by four table look-ups.
enum { STREAM = 1024 };
static uint32_t shift[4][256];
static pthread_once_t shift_once = PTHREAD_ONCE_INIT;

// crc after `STREAM` zero bytes, without the inversions: linear in crc.
static uint32_t after_zeros(uint32_t crc) {
    for (int i = 0; i < STREAM; i++) crc = (crc >> 8) ^ slices[0][crc & 0xFF];
    return crc;
}

static void shift_make(void) {
    pthread_once(&slices_once, slices_make);
    uint32_t of_bit[32];
    for (int bit = 0; bit < 32; bit++) of_bit[bit] = after_zeros(1u << bit);
    for (int byte = 0; byte < 4; byte++) {
        for (int value = 0; value < 256; value++) {
            uint32_t sum = 0;
            for (int bit = 0; bit < 8; bit++) {
                if (value >> bit & 1) sum ^= of_bit[byte * 8 + bit];
            }
            shift[byte][value] = sum;
        }
    }
}

static uint32_t shifted(uint32_t crc) {
    return shift[0][crc & 0xFF] ^ shift[1][crc >> 8 & 0xFF] ^ shift[2][crc >> 16 & 0xFF] ^
           shift[3][crc >> 24];
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t before, const uint8_t *at,
                                                               size_t size) {
    uint64_t crc = (uint32_t)~before;
    if (size >= 3 * STREAM) pthread_once(&shift_once, shift_make);
    for (; size >= 3 * STREAM; size -= 3 * STREAM, at += 3 * STREAM) {
        uint64_t second = 0, third = 0;
        for (size_t i = 0; i < STREAM; i += 8) {
            crc = _mm_crc32_u64(crc, load_u64(at + i));
            second = _mm_crc32_u64(second, load_u64(at + STREAM + i));
            third = _mm_crc32_u64(third, load_u64(at + 2 * STREAM + i));
        }
        crc = shifted(shifted((uint32_t)crc) ^ (uint32_t)second) ^ (uint32_t)third;
    }
    for (; size >= 8; size -= 8, at += 8) crc = _mm_crc32_u64(crc, load_u64(at));
    uint32_t rest = (uint32_t)crc;
    for (; size > 0; size--, at++) rest = _mm_crc32_u8(rest, *at);
    return ~rest;
}

uint32_t crc32c(uint32_t before, const void *data, size_t size) {
    if (__builtin_cpu_supports("sse4.2")) return crc32c_sse42(before, data, size);
    return crc32c_reference(before, data, size);
}
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_acle.h>
#include <sys/auxv.h>

__attribute__((target("+crc"))) static uint32_t crc32c_armv8(uint32_t before, const uint8_t *at,
                                                             size_t size) {
    uint32_t crc = ~before;
    for (; size >= 8; size -= 8, at += 8) crc = __crc32cd(crc, load_u64(at));
    for (; size > 0; size--, at++) crc = __crc32cb(crc, *at);
    return ~crc;
}

uint32_t crc32c(uint32_t before, const void *data, size_t size) {
    const unsigned long hwcap_crc32 = 1ul << 7;
    if (getauxval(AT_HWCAP) & hwcap_crc32) return crc32c_armv8(before, data, size);
    return crc32c_reference(before, data, size);
}
#else
uint32_t crc32c(uint32_t before, const void *data, size_t size) {
    return crc32c_reference(before, data, size);
}
#endif
