#include "base/text.h"

#include <string.h>

static const char *const names[ENCODING_COUNT] = {
    [ENCODING_UNKNOWN] = "unknown",  [ENCODING_UTF8] = "utf-8",
    [ENCODING_UTF16LE] = "utf-16le", [ENCODING_UTF16BE] = "utf-16be",
    [ENCODING_GB18030] = "gb18030",  [ENCODING_BIG5] = "big5",
    [ENCODING_LATIN1] = "latin1",
};

static const struct {
    const char *name;
    enum encoding encoding;
} aliases[] = {
    {"utf8", ENCODING_UTF8},       {"utf-16", ENCODING_UTF16LE}, {"gbk", ENCODING_GB18030},
    {"gb2312", ENCODING_GB18030},  {"cp936", ENCODING_GB18030},  {"gb-18030", ENCODING_GB18030},
    {"big5-hkscs", ENCODING_BIG5}, {"cp950", ENCODING_BIG5},     {"iso-8859-1", ENCODING_LATIN1},
    {"latin-1", ENCODING_LATIN1},  {"ascii", ENCODING_UTF8},
};

const char *encoding_name(enum encoding encoding) {
    return (unsigned)encoding < ENCODING_COUNT ? names[encoding] : names[ENCODING_UNKNOWN];
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_word(struct str s, const char *word) {
    size_t size = strlen(word);
    if (s.size != size) return false;
    for (size_t i = 0; i < size; i++) {
        if (lower(s.data[i] == '_' ? '-' : s.data[i]) != word[i]) return false;
    }
    return true;
}

enum encoding encoding_from_name(struct str name) {
    name = str_trim(name);
    for (int encoding = ENCODING_UTF8; encoding < ENCODING_COUNT; encoding++) {
        if (same_word(name, names[encoding])) return (enum encoding)encoding;
    }
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        if (same_word(name, aliases[i].name)) return aliases[i].encoding;
    }
    return ENCODING_UNKNOWN;
}

uint32_t utf8_next(struct str s, size_t *at) {
    size_t i = *at;
    const uint8_t *p = (const uint8_t *)s.data + i;
    size_t left = s.size - i;
    if (p[0] < 0x80) {
        *at = i + 1;
        return p[0];
    }
    if (p[0] >= 0xC2 && p[0] <= 0xDF && left >= 2 && (p[1] & 0xC0) == 0x80) {
        *at = i + 2;
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    }
    if ((p[0] & 0xF0) == 0xE0 && left >= 3 && (p[1] & 0xC0) == 0x80 && (p[2] & 0xC0) == 0x80) {
        uint32_t c = (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
        if (c >= 0x800 && (c < 0xD800 || c > 0xDFFF)) {
            *at = i + 3;
            return c;
        }
    }
    if (p[0] >= 0xF0 && p[0] <= 0xF4 && left >= 4 && (p[1] & 0xC0) == 0x80 &&
        (p[2] & 0xC0) == 0x80 && (p[3] & 0xC0) == 0x80) {
        uint32_t c = (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
                     (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
        if (c >= 0x10000 && c <= 0x10FFFF) {
            *at = i + 4;
            return c;
        }
    }
    *at = i + 1;
    return 0xFFFD;
}

size_t utf8_put(char out[static 4], uint32_t c) {
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = 0xFFFD;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

size_t utf8_count(struct str s) {
    size_t count = 0;
    for (size_t i = 0; i < s.size; i++) count += ((uint8_t)s.data[i] & 0xC0) != 0x80;
    return count;
}

// A character is valid if utf8_next takes more than one byte for it, or one below 80.
static size_t valid_prefix_plain(struct str s, size_t at) {
    while (at < s.size) {
        if ((uint8_t)s.data[at] < 0x80) {
            uint64_t word;
            if (s.size - at >= 8 &&
                (memcpy(&word, s.data + at, 8), (word & UINT64_C(0x8080808080808080)) == 0)) {
                at += 8;
            } else {
                at++;
            }
            continue;
        }
        size_t next = at;
        (void)utf8_next(s, &next);
        if (next == at + 1) return at;
        at = next;
    }
    return at;
}

#if defined(__x86_64__)
#include <immintrin.h>

// Finds errors 32 bytes at a time by three look-ups on pairs of half bytes. Returns a position at
// or before the first error, on a character's border: the plain path goes on from there.
// Source: Keiser and Lemire 2021, "Validating UTF-8 in less than one instruction per byte".
enum {
    TOO_SHORT = 1 << 0,      // a lead not followed by a continuation
    TOO_LONG = 1 << 1,       // ASCII followed by a continuation
    OVERLONG_3 = 1 << 2,     // E0 followed by 80..9F
    TOO_LARGE = 1 << 3,      // F4 followed by 90..BF, F5.. by anything
    SURROGATE = 1 << 4,      // ED followed by A0..BF
    OVERLONG_2 = 1 << 5,     // C0, C1
    TOO_LARGE_1000 = 1 << 6, // F5.. followed by 80..8F; also:
    OVERLONG_4 = 1 << 6,     // F0 followed by 80..8F
    TWO_CONTINUATIONS = 1 << 7,
    CARRY = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS,
};

#define LOOKUP(...) _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))
#define B(x) (char)(x)

__attribute__((target("avx2"))) static inline __m256i pair_errors(__m256i input, __m256i before1) {
    const __m256i first_high = LOOKUP(
        TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
        B(TWO_CONTINUATIONS), B(TWO_CONTINUATIONS), B(TWO_CONTINUATIONS), B(TWO_CONTINUATIONS),
        TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE,
        TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4);
    const __m256i first_low = LOOKUP(
        B(CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4), B(CARRY | OVERLONG_2), B(CARRY), B(CARRY),
        B(CARRY | TOO_LARGE), B(CARRY | TOO_LARGE | TOO_LARGE_1000),
        B(CARRY | TOO_LARGE | TOO_LARGE_1000), B(CARRY | TOO_LARGE | TOO_LARGE_1000),
        B(CARRY | TOO_LARGE | TOO_LARGE_1000), B(CARRY | TOO_LARGE | TOO_LARGE_1000),
        B(CARRY | TOO_LARGE | TOO_LARGE_1000), B(CARRY | TOO_LARGE | TOO_LARGE_1000),
        B(CARRY | TOO_LARGE | TOO_LARGE_1000), B(CARRY | TOO_LARGE | TOO_LARGE_1000 | SURROGATE),
        B(CARRY | TOO_LARGE | TOO_LARGE_1000), B(CARRY | TOO_LARGE | TOO_LARGE_1000));
    const __m256i second_high = LOOKUP(
        TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
        B(TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4),
        B(TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE),
        B(TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE),
        B(TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE), TOO_SHORT, TOO_SHORT,
        TOO_SHORT, TOO_SHORT);
    const __m256i half = _mm256_set1_epi8(0x0F);
    __m256i before1_high = _mm256_and_si256(_mm256_srli_epi16(before1, 4), half);
    __m256i input_high = _mm256_and_si256(_mm256_srli_epi16(input, 4), half);
    __m256i a = _mm256_shuffle_epi8(first_high, before1_high);
    __m256i b = _mm256_shuffle_epi8(first_low, _mm256_and_si256(before1, half));
    __m256i c = _mm256_shuffle_epi8(second_high, input_high);
    return _mm256_and_si256(_mm256_and_si256(a, b), c);
}

// The vector whose bytes stand `n` before those of input.
#define BEFORE(input, previous, n) \
    _mm256_alignr_epi8((input), _mm256_permute2x128_si256((previous), (input), 0x21), 16 - (n))

__attribute__((target("avx2"))) static size_t valid_prefix_avx2(struct str s) {
    const __m256i top = _mm256_set1_epi8(B(0x80));
    __m256i previous = _mm256_setzero_si256();
    size_t at = 0;
    for (; s.size - at >= 32; at += 32) {
        __m256i input = _mm256_loadu_si256((const __m256i *)(const void *)(s.data + at));
        __m256i before1 = BEFORE(input, previous, 1);
        __m256i errors = pair_errors(input, before1);
        // Third and fourth bytes must be continuations, which pair_errors marked as two in a row.
        __m256i before2 = BEFORE(input, previous, 2), before3 = BEFORE(input, previous, 3);
        __m256i third = _mm256_subs_epu8(before2, _mm256_set1_epi8(0xE0 - 0x80));
        __m256i fourth = _mm256_subs_epu8(before3, _mm256_set1_epi8(0xF0 - 0x80));
        __m256i must = _mm256_and_si256(_mm256_or_si256(third, fourth), top);
        errors = _mm256_xor_si256(errors, must);
        if (!_mm256_testz_si256(errors, errors)) break;
        previous = input;
    }
    // Back to the border of the character that may have begun in the last good block.
    size_t back = 0;
    while (back < 3 && at > back && ((uint8_t)s.data[at - back - 1] & 0xC0) == 0x80) back++;
    if (at > back && (uint8_t)s.data[at - back - 1] >= 0xC0)
        back++;
    else
        back = 0;
    return at - back;
}

size_t utf8_valid_prefix(struct str s) {
    size_t at = s.size >= 64 && __builtin_cpu_supports("avx2") ? valid_prefix_avx2(s) : 0;
    return valid_prefix_plain(s, at);
}
#else
size_t utf8_valid_prefix(struct str s) {
    return valid_prefix_plain(s, 0);
}
#endif

bool utf8_valid(struct str s) {
    return utf8_valid_prefix(s) == s.size;
}

void text_fold(struct str s, struct buf *out) {
    size_t at = 0;
    while (at < s.size) {
        uint32_t c = utf8_next(s, &at);
        if (c == 0x3000) c = ' ';
        if (c >= 0xFF01 && c <= 0xFF5E) c -= 0xFF01 - '!';
        if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
        char bytes[4];
        buf_add(out, bytes, utf8_put(bytes, c));
    }
}
