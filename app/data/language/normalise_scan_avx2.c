// Where to look closer, 32 bytes at a time. A byte's class is a bit of a table's row: the row by
// its low half, the bit by its high half. The plain loop in normalise_scan.c says what it must
// give.
#include <immintrin.h>

#include "data/language/normalise_private.h"

static inline __m256i table(const uint8_t row[static 16]) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)row));
}

// FF where the class's bit is set, for bytes below 80; 0 for others, as a shuffle does.
static inline __m256i has_class(__m256i rows, __m256i bytes, __m256i bit) {
    __m256i row = _mm256_shuffle_epi8(rows, _mm256_and_si256(bytes, _mm256_set1_epi8((char)0x8F)));
    return _mm256_cmpeq_epi8(_mm256_and_si256(row, bit), bit);
}

size_t look_next_avx2(const struct look *look, const uint8_t *data, size_t at, size_t size) {
    const __m256i bits =
        _mm256_setr_epi8(1, 2, 4, 8, 16, 32, 64, (char)128, 1, 2, 4, 8, 16, 32, 64, (char)128, 1, 2,
                         4, 8, 16, 32, 64, (char)128, 1, 2, 4, 8, 16, 32, 64, (char)128);
    const __m256i half = _mm256_set1_epi8(0x0F), top = _mm256_set1_epi8((char)0x80);
    const __m256i always = table(look->low[0]), repeated = table(look->low[1]);
    const __m256i blank = table(look->low[2]), behind = table(look->low[3]);
    const __m256i high = table(look->high);
    for (; size - at >= 32; at += 32) {
        __m256i now = _mm256_loadu_si256((const __m256i *)(const void *)(data + at));
        __m256i before = _mm256_loadu_si256((const __m256i *)(const void *)(data + at - 1));
        __m256i bit = _mm256_shuffle_epi8(bits, _mm256_and_si256(_mm256_srli_epi16(now, 4), half));
        __m256i bit_before =
            _mm256_shuffle_epi8(bits, _mm256_and_si256(_mm256_srli_epi16(before, 4), half));
        __m256i above = _mm256_xor_si256(now, top); // a shuffle by it sees only bytes from 80 on
        __m256i found = _mm256_or_si256(has_class(always, now, bit), has_class(high, above, bit));
        __m256i same = _mm256_cmpeq_epi8(now, before);
        found = _mm256_or_si256(found, _mm256_and_si256(has_class(repeated, now, bit), same));
        __m256i blanks =
            _mm256_and_si256(has_class(blank, now, bit), has_class(blank, before, bit_before));
        found = _mm256_or_si256(found, blanks);
        __m256i marks = has_class(behind, now, bit);
        unsigned mask = (unsigned)_mm256_movemask_epi8(found);
        mask |= (unsigned)_mm256_movemask_epi8(marks) & (unsigned)_mm256_movemask_epi8(before);
        if (mask) return at + (size_t)__builtin_ctz(mask);
    }
    return look_next_plain(look, data, at, size);
}
