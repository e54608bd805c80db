#include "data/detect/digits_private.h"

#include <string.h>

// Full-width ASCII, U+FF01 to U+FF5E, is EF BC 81 to EF BD 9E.
static bool wide_at(struct str text, size_t at, uint8_t third) {
    return at + 2 < text.size && (uint8_t)text.data[at] == 0xEF &&
           (uint8_t)text.data[at + 1] == 0xBC && (uint8_t)text.data[at + 2] == third;
}

bool digit_at(struct str text, size_t at, uint8_t *value, uint32_t *bytes) {
    if (at >= text.size) return false;
    uint8_t first = (uint8_t)text.data[at];
    if (first >= '0' && first <= '9') {
        *value = first - '0';
        *bytes = 1;
        return true;
    }
    if (first != 0xEF || at + 2 >= text.size || (uint8_t)text.data[at + 1] != 0xBC) return false;
    uint8_t third = (uint8_t)text.data[at + 2];
    if (third < 0x90 || third > 0x99) return false;
    *value = third - 0x90;
    *bytes = 3;
    return true;
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

static bytes16 load16(const char *data) {
    bytes16 loaded;
    memcpy(&loaded, data, sizeof loaded);
    return loaded;
}

static bool block_has_none(const char *data) {
    bytes16 first = load16(data), second = load16(data + 1), third = load16(data + 2);
    bytes16 narrow = (bytes16)((first - '0') < 10) | (bytes16)(first == '@');
    bytes16 wide = (bytes16)(first == 0xEF) & (bytes16)(second == 0xBC) &
                   ((bytes16)((third - 0x90) < 10) | (bytes16)(third == 0xA0));
    words2 any = (words2)(narrow | wide);
    return (any[0] | any[1]) == 0;
}

size_t digit_or_at_find(struct str text, size_t from) {
    size_t at = from;
    // The block that ends this loop holds what is looked for, or the text ends there.
    while (at + 18 <= text.size && block_has_none(text.data + at)) at += 16;
    for (; at < text.size; at++) {
        uint8_t value;
        uint32_t bytes;
        if (text.data[at] == '@' || wide_at(text, at, 0xA0)) return at;
        if (digit_at(text, at, &value, &bytes)) return at;
    }
    return text.size;
}

static uint32_t space_bytes(struct str text, size_t at) {
    if (at >= text.size) return 0;
    const uint8_t *byte = (const uint8_t *)text.data + at;
    if (byte[0] == ' ' || byte[0] == '\t') return 1;
    if (at + 1 < text.size && byte[0] == 0xC2 && byte[1] == 0xA0) return 2; // no-break space
    if (at + 2 >= text.size) return 0;
    if (byte[0] == 0xE3 && byte[1] == 0x80 && byte[2] == 0x80) return 3; // ideographic space
    return byte[0] == 0xE2 && byte[1] == 0x80 && byte[2] >= 0x80 && byte[2] <= 0x8B ? 3 : 0;
}

static uint32_t hyphen_bytes(struct str text, size_t at) {
    if (at >= text.size) return 0;
    if (text.data[at] == '-') return 1;
    if (wide_at(text, at, 0x8D)) return 3;
    if (at + 2 >= text.size) return 0;
    const uint8_t *byte = (const uint8_t *)text.data + at;
    bool dash = byte[0] == 0xE2 && byte[1] == 0x80 && byte[2] >= 0x90 && byte[2] <= 0x95;
    bool minus = byte[0] == 0xE2 && byte[1] == 0x88 && byte[2] == 0x92;
    return dash || minus ? 3 : 0;
}

// Up to three signs: spaces, at most one hyphen or one line break. Moves *at behind them.
static enum gap gap_read(struct str text, size_t *at) {
    enum gap gap = GAP_END;
    size_t next = *at;
    for (int signs = 0; signs < 3; signs++) {
        uint32_t bytes = space_bytes(text, next);
        if (bytes) {
            if (gap == GAP_END) gap = GAP_SPACE;
        } else if ((bytes = hyphen_bytes(text, next)) != 0) {
            if (gap == GAP_HYPHEN || gap == GAP_LINE) return GAP_END;
            gap = GAP_HYPHEN;
        } else if (next < text.size && (text.data[next] == '\n' || text.data[next] == '\r')) {
            if (gap == GAP_HYPHEN || gap == GAP_LINE) return GAP_END;
            bool pair =
                text.data[next] == '\r' && next + 1 < text.size && text.data[next + 1] == '\n';
            bytes = pair ? 2 : 1;
            gap = GAP_LINE;
        } else {
            break;
        }
        next += bytes;
    }
    if (gap != GAP_END) *at = next;
    return gap;
}

static bool letter_or_digit_at(struct str text, size_t at) {
    uint8_t value;
    uint32_t bytes;
    if (digit_at(text, at, &value, &bytes)) return true;
    if (at >= text.size) return false;
    uint8_t folded = (uint8_t)text.data[at] | 0x20;
    return folded >= 'a' && folded <= 'z';
}

// An X that may be the last place of a resident ID: at once or behind one space or hyphen.
static uint32_t x_read(struct str text, size_t at) {
    uint32_t gap = space_bytes(text, at);
    if (!gap) gap = hyphen_bytes(text, at);
    for (int behind_gap = 0; behind_gap < 2; behind_gap++, at += gap) {
        bool narrow = at < text.size && (text.data[at] == 'X' || text.data[at] == 'x');
        bool wide = wide_at(text, at, 0xB8) ||
                    (at + 2 < text.size && memcmp(text.data + at, "\xEF\xBD\x98", 3) == 0);
        uint32_t bytes = narrow ? 1 : wide ? 3 : 0;
        if (bytes) return letter_or_digit_at(text, at + bytes) ? 0 : (uint32_t)at + bytes;
    }
    return 0;
}

uint32_t digit_groups_read(struct str text, size_t at, struct digit_group *groups) {
    uint32_t count = 0;
    while (count < GROUPS_MOST) {
        struct digit_group *group = &groups[count++];
        *group = (struct digit_group){.start = (uint32_t)at};
        uint8_t value;
        uint32_t bytes;
        while (digit_at(text, at, &value, &bytes)) {
            if (group->count < GROUP_DIGITS) group->digit[group->count] = value;
            if (group->count <= GROUP_DIGITS) group->count++;
            at += bytes;
        }
        group->end = (uint32_t)at;
        group->x_end = x_read(text, at);
        group->gap = gap_read(text, &at);
        if (group->gap == GAP_END) break;
        if (!digit_at(text, at, &value, &bytes)) {
            group->gap = GAP_END;
            break;
        }
    }
    return count;
}
