// A text as units: letters and digits, small, in their usual width.
#include <string.h>

#include "base/text.h"
#include "data/similar/similar_private.h"

// What a character beyond ASCII counts as; 0: it is no letter and no digit.
static uint32_t wide_unit(uint32_t c) {
    if (c >= 0x4E00 && c <= 0x9FFF) return c;
    if (c >= 0xFF01 && c <= 0xFF5E) {
        c -= 0xFEE0;
        if (c >= 'A' && c <= 'Z') return c + 32;
        bool keep = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        return keep ? c : 0;
    }
    if (c < 0xC0) return c == 0xAA || c == 0xB5 || c == 0xBA ? c : 0;
    if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9) ||
        (c >= 0x410 && c <= 0x42F)) {
        return c + 32;
    }
    bool sign = c == 0xD7 || c == 0xF7 || (c >= 0x2000 && c <= 0x2BFF) ||
                (c >= 0x2E00 && c <= 0x2E7F) || (c >= 0x3000 && c <= 0x3004) ||
                (c >= 0x3008 && c <= 0x3020) || (c >= 0x302A && c <= 0x303F) || c == 0x30FB ||
                (c >= 0xD800 && c <= 0xF8FF) || (c >= 0xFE00 && c <= 0xFE6F) ||
                (c >= 0xFF5F && c <= 0xFF65) || (c >= 0xFFE0 && c <= 0xFFFF) ||
                (c >= 0x1F000 && c <= 0x1FAFF) || c >= 0xE0000;
    return sign ? 0 : c;
}

static bool is_latin(uint32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 0xC0 && c <= 0x24F);
}

static inline uint32_t next_unit(struct str text, size_t *at) {
    const uint8_t *bytes = (const uint8_t *)text.data + *at;
    uint32_t c = bytes[0];
    if (c < 0x80) {
        ++*at;
        if (c >= 'A' && c <= 'Z') return c + 32;
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : 0;
    }
    // E4 to E9 followed by anything that continues is nearly always a Chinese character.
    if (c >= 0xE4 && c <= 0xE9 && text.size - *at > 2 && (bytes[1] & 0xC0) == 0x80 &&
        (bytes[2] & 0xC0) == 0x80) {
        *at += 3;
        c = (c & 15) << 12 | (bytes[1] & 63u) << 6 | (bytes[2] & 63u);
        return c >= 0x4E00 ? c : wide_unit(c);
    }
    return wide_unit(utf8_next(text, at));
}

struct letters {
    size_t latin, others;
};

// Writes all units, counts letters; returns the bytes written.
static size_t write_characters(struct str text, char *to, struct letters *letters) {
    size_t size = 0;
    for (size_t at = 0; at < text.size;) {
        size_t start = at;
        uint32_t c = next_unit(text, &at);
        if (!c) continue;
        if (c >= 0x4E00 && c <= 0x9FFF) {
            letters->others++;
            memcpy(to + size, text.data + start, 3);
            size += 3;
            continue;
        }
        if (is_latin(c)) {
            letters->latin++;
        } else if (c < '0' || c > '9') {
            letters->others++;
        }
        if (c < 0x80) {
            to[size++] = (char)c;
        } else {
            size += utf8_put(to + size, c);
        }
    }
    return size;
}

static size_t write_words(struct str text, char *to) {
    size_t size = 0;
    bool gap = false;
    for (size_t at = 0; at < text.size;) {
        uint32_t c = next_unit(text, &at);
        if (!c) {
            gap = true;
            continue;
        }
        if (gap && size) to[size++] = ' ';
        gap = false;
        size += utf8_put(to + size, c);
    }
    return size;
}

bool units_write(struct str text, enum similar_unit unit, struct buf *out) {
    // A character grows by a byte at most (a capital of another script), a word by its blank.
    char *to = buf_reserve(out, text.size * 2 + 8);
    if (!to) return false;
    struct letters letters = {0};
    size_t size = unit == SIMILAR_WORDS ? 0 : write_characters(text, to, &letters);
    // Words where nearly all letters are Latin ones.
    bool words =
        unit == SIMILAR_WORDS || (unit == SIMILAR_AUTO && letters.latin > 10 * letters.others);
    out->size += words ? write_words(text, to) : size;
    return words;
}
