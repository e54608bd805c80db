// Which encoding a sample is in. Marks and NUL bytes decide for UTF-16, validity for UTF-8. GB18030
// and Big5 overlap in nearly every byte, so both readings are made and judged by how many of their
// characters are frequent ones: real text has half of them among the 776 of text_frequent, a wrong
// reading some five in a hundred.
#include "base/text_private.h"

// Wide text without a mark: spaces, digits, commas and line ends have a NUL on one side.
static enum encoding guess_wide(const uint8_t *at, size_t size, double *confidence) {
    size_t even = 0, odd = 0, wide_ends = 0, ends = 0;
    for (size_t i = 0; i + 1 < size; i += 2) {
        if (at[i] == 0 && at[i + 1] != 0) even++;
        if (at[i + 1] == 0 && at[i] != 0) odd++;
        bool end = at[i] == '\n' || at[i + 1] == '\n';
        ends += end;
        wide_ends += end && (at[i] == 0 || at[i + 1] == 0);
    }
    // Lines that end in a single byte: a NUL in other text.
    if (ends > 0 && wide_ends == 0) return ENCODING_UNKNOWN;
    size_t pairs = size / 2;
    if (pairs == 0 || even + odd < 1 + pairs / 50) return ENCODING_UNKNOWN;
    bool big = even > odd;
    size_t more = big ? even : odd, less = big ? odd : even;
    if (less * 10 > more) return ENCODING_UNKNOWN;
    *confidence = 0.9;
    return big ? ENCODING_UTF16BE : ENCODING_UTF16LE;
}

bool character_frequent(uint32_t c) {
    uint32_t low = 0, high = text_frequent_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (text_frequent[middle] < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low < text_frequent_count && text_frequent[low] == c;
}

struct reading {
    size_t characters; // not ASCII
    size_t invalid, frequent, strange;
    double score; // per character, about -1 to 1
};

// Private use, compatibility forms and rare blocks: what a wrong reading is full of.
static bool strange(uint32_t c) {
    return (c >= 0xE000 && c <= 0xF8FF) || (c >= 0x3400 && c <= 0x4DBF) || c >= 0x20000 ||
           (c >= 0x2500 && c <= 0x259F);
}

static struct reading read_as(enum encoding encoding, const uint8_t *at, size_t size, bool whole) {
    struct reading reading = {0};
    for (size_t i = 0; i < size;) {
        uint32_t c, mark;
        size_t step = text_step(encoding, at + i, size - i, &c, &mark);
        if (step == 0) {
            if (whole) reading.invalid++;
            break;
        }
        i += step;
        if (c < 0x80) continue;
        reading.characters++;
        if (c == TEXT_INVALID)
            reading.invalid++;
        else if (character_frequent(c))
            reading.frequent++;
        else if (strange(c))
            reading.strange++;
    }
    if (reading.characters > 0) {
        double n = (double)reading.characters;
        reading.score = ((double)reading.frequent - 2.0 * (double)reading.strange -
                         8.0 * (double)reading.invalid) /
                        n;
    }
    return reading;
}

// Bytes above 7F that stand alone among ASCII letters: é, ü, ñ of western Europe.
static bool looks_western(const uint8_t *at, size_t size) {
    size_t lone = 0, high = 0;
    for (size_t i = 0; i < size; i++) {
        if (at[i] < 0x80) continue;
        high++;
        bool before = i > 0 && at[i - 1] >= 0x80, after = i + 1 < size && at[i + 1] >= 0x80;
        lone += !before && !after && at[i] >= 0xA0;
    }
    return lone * 10 >= high * 9;
}

static enum encoding guess_chinese(const uint8_t *at, size_t size, bool whole, double *confidence) {
    struct reading gb = read_as(ENCODING_GB18030, at, size, whole);
    struct reading big5 = read_as(ENCODING_BIG5, at, size, whole);
    struct reading utf8 = read_as(ENCODING_UTF8, at, size, whole);
    double best = gb.score > big5.score ? gb.score : big5.score;
    // Wide Chinese without a mark has few NUL bytes, but as anything else it makes no sense.
    for (int encoding = ENCODING_UTF16LE; encoding <= ENCODING_UTF16BE; encoding++) {
        struct reading wide = read_as((enum encoding)encoding, at, size, whole);
        if (wide.score > 0.2 && wide.score > best + 0.2) {
            *confidence = 0.8;
            return (enum encoding)encoding;
        }
    }
    // UTF-8 with a few damaged places: few of its characters are invalid, and more fit.
    if (utf8.characters > 0 && utf8.invalid * 20 < utf8.characters) {
        *confidence = 0.8;
        return ENCODING_UTF8;
    }
    if (best < 0.1 && looks_western(at, size)) {
        *confidence = 0.5;
        return ENCODING_LATIN1;
    }
    double apart = gb.score > big5.score ? gb.score - big5.score : big5.score - gb.score;
    *confidence = apart > 0.5 ? 0.95 : 0.45 + apart;
    // In doubt GB18030: it is the national standard, and what a short sample most likely is.
    if (big5.score > gb.score + 0.02) return ENCODING_BIG5;
    if (gb.invalid * 5 > gb.characters) {
        *confidence = 0.2;
        return ENCODING_LATIN1;
    }
    return ENCODING_GB18030;
}

enum encoding encoding_guess(struct str sample, bool whole, double *confidence) {
    const uint8_t *at = (const uint8_t *)sample.data;
    size_t size = sample.size;
    *confidence = 1.0;
    if (size >= 3 && at[0] == 0xEF && at[1] == 0xBB && at[2] == 0xBF) return ENCODING_UTF8;
    if (size >= 2 && at[0] == 0xFF && at[1] == 0xFE) return ENCODING_UTF16LE;
    if (size >= 2 && at[0] == 0xFE && at[1] == 0xFF) return ENCODING_UTF16BE;
    enum encoding wide = guess_wide(at, size, confidence);
    if (wide != ENCODING_UNKNOWN) return wide;
    size_t valid = utf8_valid_prefix(sample);
    bool cut = false; // in the middle of its last character
    if (!whole && valid < size && size - valid < 4) {
        uint32_t c, mark;
        cut = text_step(ENCODING_UTF8, at + valid, size - valid, &c, &mark) == 0;
    }
    if (valid == size || cut) {
        *confidence = 0.99;
        return ENCODING_UTF8;
    }
    return guess_chinese(at, size, whole, confidence);
}
