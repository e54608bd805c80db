#include "data/detect/digits_private.h"

#include <string.h>

#include "data/detect/fold_private.h"

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

// The first of sixteen places that may begin something (see anchor_find), and a few that look like
// it; 16 if there is none. Fewer operations are worth more here than exactness.
static uint32_t block_first(const char *data) {
    bytes16 first = load16(data), second = load16(data + 1), third = load16(data + 2);
    bytes16 narrow = (bytes16)((first - '.') < 13) | (bytes16)(first == '@'); // . / 0 to 9 :
    bytes16 pair = (bytes16)(((first | 0x20) - 'v') < 2) & (bytes16)(((second | 0x20) - 'w') < 2);
    bytes16 hyphen = (bytes16)(first == '-') & (bytes16)(load16(data + 3) == '-');
    bytes16 sign = (bytes16)((third - 0x8E) < 13) | (bytes16)(third == 0xA0);
    bytes16 wide_w = (bytes16)(second == 0xBD) & (bytes16)(third == 0x97);
    bytes16 wide = (bytes16)(first == 0xEF) & (((bytes16)(second == 0xBC) & sign) | wide_w);
    bytes16 word =
        (bytes16)(first == 0xE5) & (((bytes16)(second == 0xBE) & (bytes16)(third == 0xAE)) |
                                    ((bytes16)(second == 0xB9) & (bytes16)(third == 0xB4)) |
                                    ((bytes16)(second == 0xB2) & (bytes16)(third == 0x81)));
    words2 any = (words2)(narrow | pair | hyphen | wide | word);
    if ((any[0] | any[1]) == 0) return 16;
    // Eight bits a place, the first one lowest.
    return (uint32_t)(any[0] ? __builtin_ctzll(any[0]) : 64 + __builtin_ctzll(any[1])) / 8;
}

// Sixteen places of which one may begin 生, 诞, born, birth, DOB or a full-width letter.
static bool block_says_birth(const char *data) {
    bytes16 first = load16(data), second = load16(data + 1), third = load16(data + 2);
    bytes16 small = first | 0x20, next = second | 0x20;
    bytes16 sheng = (bytes16)(first == 0xE7) & (bytes16)(second == 0x94) & (bytes16)(third == 0x9F);
    bytes16 dan = (bytes16)(first == 0xE8) & (bytes16)(second == 0xAF) & (bytes16)(third == 0x9E);
    bytes16 born = (bytes16)(small == 'b') & ((bytes16)(next == 'o') | (bytes16)(next == 'i'));
    bytes16 dob = (bytes16)(small == 'd') &
                  ((bytes16)(next == 'o') | (bytes16)(second == '.') | (bytes16)(next == 'a'));
    bytes16 wide = (bytes16)(first == 0xEF) & (bytes16)(second == 0xBD);
    words2 any = (words2)(sheng | dan | born | dob | wide);
    return (any[0] | any[1]) != 0;
}

bool birth_is_near(struct str text, size_t at) {
    enum { BEFORE = 64, BEHIND = 64 }; // the word is nearer; a date has thirty bytes at most
    size_t from = at > BEFORE ? at - BEFORE : 0;
    size_t to = text.size - at > BEHIND ? at + BEHIND : text.size;
    for (; from < to; from += 16) {
        if (from + 18 > text.size) return true; // the end of the text: let the finder look
        if (block_says_birth(text.data + from)) return true;
    }
    return false;
}

// ww, wx, vx.
static enum anchor letters_at(const uint8_t *byte, size_t left) {
    uint8_t first = byte[0] | 0x20, second = left > 1 ? byte[1] | 0x20 : 0;
    if (second == 'x') return ANCHOR_X;
    return first == 'w' && second == 'w' ? ANCHOR_W : ANCHOR_NONE;
}

static bool is_letter(uint8_t byte) {
    return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

// The same of three bytes.
static enum anchor wide_at(const uint8_t *byte, size_t left) {
    if (byte[0] == 0xE5) {
        if (byte[1] == 0xBE && byte[2] == 0xAE) return ANCHOR_WEI;
        if (byte[1] == 0xB9 && byte[2] == 0xB4) return ANCHOR_YEAR;
        return byte[1] == 0xB2 && byte[2] == 0x81 ? ANCHOR_SUI : ANCHOR_NONE;
    }
    if (byte[1] == 0xBD) return byte[2] == 0x97 ? ANCHOR_W : ANCHOR_NONE;
    if (byte[1] != 0xBC) return ANCHOR_NONE;
    if (byte[2] >= 0x90 && byte[2] <= 0x99) return ANCHOR_DIGIT;
    if (byte[2] == 0x9A) return ANCHOR_COLON;
    // A full-width letter behind the dot.
    bool letter = left > 5 && byte[3] == 0xEF &&
                  ((byte[4] == 0xBC && byte[5] >= 0xA1 && byte[5] <= 0xBA) ||
                   (byte[4] == 0xBD && byte[5] >= 0x81 && byte[5] <= 0x9A));
    if (byte[2] == 0x8E) return letter ? ANCHOR_DOT : ANCHOR_NONE;
    return byte[2] == 0xA0 ? ANCHOR_AT : ANCHOR_NONE;
}

enum anchor anchor_at(struct str text, size_t at) {
    const uint8_t *byte = (const uint8_t *)text.data + at;
    size_t left = text.size - at;
    if (byte[0] >= '0' && byte[0] <= '9') return ANCHOR_DIGIT;
    if (byte[0] == '@') return ANCHOR_AT;
    if (byte[0] == ':') return ANCHOR_COLON;
    if (byte[0] == '.') return left > 1 && is_letter(byte[1]) ? ANCHOR_DOT : ANCHOR_NONE;
    if ((byte[0] | 0x20) == 'w' || (byte[0] | 0x20) == 'v') return letters_at(byte, left);
    if (byte[0] == '-') return left > 3 && byte[3] == '-' ? ANCHOR_HYPHEN : ANCHOR_NONE;
    if (left < 3 || (byte[0] != 0xEF && byte[0] != 0xE5)) return ANCHOR_NONE;
    return wide_at(byte, left);
}

size_t anchor_find(struct str text, size_t from) {
    size_t at = from;
    while (at + 19 <= text.size) {
        uint32_t first = block_first(text.data + at);
        at += first;
        if (first < 16 && anchor_at(text, at) != ANCHOR_NONE) return at;
        at += first < 16;
    }
    while (at < text.size && anchor_at(text, at) == ANCHOR_NONE) at++;
    return at;
}

size_t word_find(struct str text, size_t from) {
    size_t at = from;
    for (; at + 16 <= text.size; at += 16) {
        bytes16 byte = load16(text.data + at);
        words2 any = (words2)((bytes16)(((byte | 0x20) - 'a') < 26) | (bytes16)(byte >= 0x80));
        if (any[0]) return at + (size_t)__builtin_ctzll(any[0]) / 8;
        if (any[1]) return at + 8 + (size_t)__builtin_ctzll(any[1]) / 8;
    }
    while (at < text.size && !fold_letter((uint8_t)text.data[at]) && (uint8_t)text.data[at] < 0x80)
        at++;
    return at;
}

size_t anchor_find_plain(struct str text, size_t from) {
    size_t at = from;
    while (at < text.size && anchor_at(text, at) == ANCHOR_NONE) at++;
    return at;
}

// The sign of a gap at `at`: blanks, dashes, dots and line breaks.
static enum gap sign_at(struct str text, size_t at, uint32_t *bytes) {
    uint32_t character = fold_at(text, at, bytes);
    if (character == 0 || character == ',' || fold_alnum(character)) return GAP_END;
    if (fold_blank(character) || character == 0xAD) return GAP_SPACE;
    if (fold_dash(character)) return GAP_HYPHEN;
    if (character == '.' || character == 0xB7 || character == 0x2022) return GAP_DOT;
    // A line break as other formats write it.
    static const char *const breaks[] = {"\\r\\n", "\\n", "<br>", "<br/>", "<br />"};
    for (size_t i = 0; (character == '\\' || character == '<') && i < 5; i++) {
        size_t end = at;
        if (!fold_takes(text, &end, breaks[i])) continue;
        *bytes = (uint32_t)(end - at);
        return GAP_LINE;
    }
    if (!fold_line(character)) return GAP_END;
    bool pair = character == '\r' && at + 1 < text.size && text.data[at + 1] == '\n';
    if (pair) *bytes = 2;
    return GAP_LINE;
}

// Blanks with at most one hyphen, dot or line break among them. Moves *at behind them.
enum gap gap_read(struct str text, size_t *at) {
    enum { SIGNS_MOST = 3, SIGNS_MOST_AT_LINE = 12 }; // the next line may be indented
    enum gap gap = GAP_END;
    size_t next = *at;
    for (int signs = 0; signs < (gap == GAP_LINE ? SIGNS_MOST_AT_LINE : SIGNS_MOST); signs++) {
        uint32_t bytes;
        enum gap sign = sign_at(text, next, &bytes);
        if (sign == GAP_END) break;
        if (sign == GAP_SPACE) {
            if (gap == GAP_END) gap = GAP_SPACE;
        } else if (gap != GAP_END && gap != GAP_SPACE) {
            return GAP_END;
        } else {
            gap = sign;
        }
        next += bytes;
    }
    if (gap != GAP_END) *at = next;
    return gap;
}

// An X that may be the last place of a resident ID: at once or behind a gap.
static uint32_t x_read(struct str text, size_t at) {
    for (int behind_gap = 0; behind_gap < 2; behind_gap++) {
        uint32_t bytes, after;
        uint32_t character = fold_at(text, at, &bytes);
        if (character == 'X' || character == 'x') {
            return fold_alnum(fold_at(text, at + bytes, &after)) ? 0 : (uint32_t)at + bytes;
        }
        enum gap gap = gap_read(text, &at);
        if (gap == GAP_END || gap == GAP_DOT) break;
    }
    return 0;
}

uint32_t digit_groups_read(struct str text, size_t at, struct digit_group *groups) {
    uint32_t count = 0, total = 0;
    while (count < GROUPS_MOST && total <= GROUPS_DIGITS) {
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
        total += group->count;
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
