#include "data/intake/scan_private.h"

size_t csv_scan_reference(const struct dialect *dialect, enum scan_state *state, const char *text,
                          size_t size, uint32_t base, uint32_t *out) {
    enum scan_state now = *state;
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        bool quote = dialect->has_quote && c == dialect->quote;
        if (now == SCAN_QUOTED) {
            if (quote) now = SCAN_QUOTE_SEEN;
        } else if (now == SCAN_QUOTE_SEEN && quote) {
            now = SCAN_QUOTED;
        } else if (now == SCAN_FIELD_START && quote) {
            now = SCAN_QUOTED;
        } else if (c == dialect->delimiter || c == dialect->newline) {
            out[count++] = base + (uint32_t)i;
            now = SCAN_FIELD_START;
        } else {
            now = SCAN_UNQUOTED;
        }
    }
    *state = now;
    return count;
}

#if defined(__x86_64__)
#include <emmintrin.h>

static inline uint64_t mask16(__m128i a, __m128i b, __m128i c, __m128i d) {
    return (uint64_t)(uint32_t)_mm_movemask_epi8(a) |
           (uint64_t)(uint32_t)_mm_movemask_epi8(b) << 16 |
           (uint64_t)(uint32_t)_mm_movemask_epi8(c) << 32 |
           (uint64_t)(uint32_t)_mm_movemask_epi8(d) << 48;
}

size_t csv_scan_sse2(const struct dialect *dialect, enum scan_state *state, const char *text,
                     size_t size, uint32_t base, uint32_t *out) {
    const __m128i quote = _mm_set1_epi8(dialect->quote);
    const __m128i delimiter = _mm_set1_epi8(dialect->delimiter);
    const __m128i newline = _mm_set1_epi8(dialect->newline);
    struct scan_masks masks = masks_of(*state);
    uint32_t *to = out;
    size_t at = 0;
    for (; size - at >= 64; at += 64) {
        __m128i in[4], is_end[4];
        for (int i = 0; i < 4; i++) {
            in[i] = _mm_loadu_si128((const __m128i *)(const void *)(text + at + 16 * i));
            is_end[i] =
                _mm_or_si128(_mm_cmpeq_epi8(in[i], delimiter), _mm_cmpeq_epi8(in[i], newline));
        }
        uint64_t quotes = 0, ends;
        if (dialect->has_quote) {
            quotes = mask16(_mm_cmpeq_epi8(in[0], quote), _mm_cmpeq_epi8(in[1], quote),
                            _mm_cmpeq_epi8(in[2], quote), _mm_cmpeq_epi8(in[3], quote));
        }
        uint64_t separators = mask16(is_end[0], is_end[1], is_end[2], is_end[3]);
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

size_t csv_scan(const struct dialect *dialect, enum scan_state *state, const char *text,
                size_t size, uint32_t base, uint32_t *out) {
    if (__builtin_cpu_supports("avx2")) {
        return csv_scan_avx2(dialect, state, text, size, base, out);
    }
    return csv_scan_sse2(dialect, state, text, size, base, out);
}
#else
size_t csv_scan(const struct dialect *dialect, enum scan_state *state, const char *text,
                size_t size, uint32_t base, uint32_t *out) {
    return csv_scan_reference(dialect, state, text, size, base, out);
}
#endif
