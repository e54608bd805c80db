// The same as csv_scan_sse2 with registers twice as wide; called only where the CPU has them.
#include <immintrin.h>

#include "data/intake/scan_private.h"

static inline uint64_t mask32(__m256i low, __m256i high) {
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(low) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

size_t csv_scan_avx2(const struct dialect *dialect, enum scan_state *state, const char *text,
                     size_t size, uint32_t base, uint32_t *out) {
    const __m256i quote = _mm256_set1_epi8(dialect->quote);
    const __m256i delimiter = _mm256_set1_epi8(dialect->delimiter);
    const __m256i newline = _mm256_set1_epi8(dialect->newline);
    struct scan_masks masks = masks_of(*state);
    uint32_t *to = out;
    size_t at = 0;
    for (; size - at >= 64; at += 64) {
        __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)(text + at));
        __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(text + at + 32));
        uint64_t quotes = 0, ends;
        if (dialect->has_quote) {
            quotes = mask32(_mm256_cmpeq_epi8(low, quote), _mm256_cmpeq_epi8(high, quote));
        }
        uint64_t separators = mask32(
            _mm256_or_si256(_mm256_cmpeq_epi8(low, delimiter), _mm256_cmpeq_epi8(low, newline)),
            _mm256_or_si256(_mm256_cmpeq_epi8(high, delimiter), _mm256_cmpeq_epi8(high, newline)));
        if (scan_block(&masks, quotes, separators, &ends)) {
            to = put_positions(to, ends, base + (uint32_t)at);
            continue;
        }
        enum scan_state now = state_of(masks);
        to += csv_scan_reference(dialect, &now, text + at, 64, base + (uint32_t)at, to);
        masks = masks_of(now);
    }
    *state = state_of(masks);
    to += csv_scan_reference(dialect, state, text + at, size - at, base + (uint32_t)at, to);
    return (size_t)(to - out);
}
