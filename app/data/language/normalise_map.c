// Single characters: what each becomes, and how it counts for its neighbours.
#include <string.h>

#include "base/text.h"
#include "base/unicode.h"
#include "data/language/normalise_private.h"

// The place of `c` in a table of rows of `columns` numbers, sorted by the first; -1.
#define FIND_ROW(table, count, c)                                       \
    __extension__({                                                     \
        uint32_t low_ = 0, high_ = (count);                             \
        while (low_ < high_) {                                          \
            uint32_t middle_ = low_ + (high_ - low_) / 2;               \
            if ((table)[middle_][0] < (c))                              \
                low_ = middle_ + 1;                                     \
            else                                                        \
                high_ = middle_;                                        \
        }                                                               \
        low_ < (count) && (table)[low_][0] == (c) ? (int64_t)low_ : -1; \
    })

static bool has_form(uint32_t c) {
    return (c >= 0x2E80 && c <= 0x2FDF) || (c >= 0xF900 && c <= 0xFAFF) ||
           (c >= 0x1D400 && c <= 0x1D7FF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_blank(uint32_t c) {
    return c == ' ' || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

bool ends_line(uint32_t c, uint32_t flags) {
    if (c == '\n' || c == '\r') return true;
    if (!(flags & NORMALISE_LINES)) return false;
    return c == 0x0B || c == 0x0C || c == 0x85 || c == 0x2028 || c == 0x2029;
}

int removable(uint32_t c, uint32_t before) {
    if (c < 0x20) return c != '\t' && c != '\n' && c != '\r';
    if (c >= 0x7F && c < 0xA0) return 1;
    switch (c) {
    case 0x00AD:
    case 0x061C:
    case 0x180E:
    case 0x200B:
    case 0x200E:
    case 0x200F:
    case 0x2060:
    case 0xFEFF: return 2;
    case 0x200C:
    case 0x200D: {
        // Behind ASCII or a Chinese character a joiner has no use.
        bool plain = before < 0x80 || (before >= 0x3000 && before <= 0x9FFF);
        return plain ? 2 : 0;
    }
    default: break;
    }
    bool turns = (c >= 0x202A && c <= 0x202E) || (c >= 0x2061 && c <= 0x2064) ||
                 (c >= 0x2066 && c <= 0x206F) || (c >= 0xFFF9 && c <= 0xFFFB);
    return turns ? 2 : 0;
}

uint32_t repeat_limit(uint32_t c) {
    switch (c) {
    case 0xFF0C:
    case 0xFF1B:
    case 0xFF1A:
    case 0x3001: return 1;
    case ',':
    case ';':
    case ':':
    case 0x2026:
    case 0x2014: return 2;
    case '!':
    case '?':
    case '~':
    case '.':
    case '-':
    case '=':
    case '*':
    case '#':
    case '_':
    case '+':
    case 0xFF01:
    case 0xFF1F:
    case 0xFF5E:
    case 0x3002:
    case 0x00B7:
    case 0x2022: return 3;
    default: return 0;
    }
}

uint32_t narrow_sign(uint32_t c, bool *strict) {
    if (c < 0xFF01 || c > 0xFF5E) return 0;
    uint32_t narrow = c - 0xFF01 + '!';
    bool letter = (narrow >= '0' && narrow <= '9') || (narrow >= 'A' && narrow <= 'Z') ||
                  (narrow >= 'a' && narrow <= 'z');
    if (letter) return 0;
    *strict = strchr(",;:?!()", (int)narrow) != NULL;
    return narrow;
}

uint32_t wide_mark(uint32_t c) {
    return strchr(",;:?!", (int)c) ? c - '!' + 0xFF01 : 0;
}

// ---- neighbours ---------------------------------------------------------------------------------

static bool han(uint32_t c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || c == 0x3005 ||
           c == 0x3007 || (c >= 0x2E80 && c <= 0x2FDF) || (c >= 0xF900 && c <= 0xFAFF) ||
           (c >= 0x20000 && c <= 0x3FFFF);
}

bool wide_script(uint32_t c) {
    return han(c) || (c >= 0x3041 && c <= 0x30FF && c != 0x30FB) || (c >= 0x31F0 && c <= 0x31FF) ||
           (c >= 0xFF66 && c <= 0xFF9F) || (c >= 0x3220 && c <= 0x3247) ||
           (c >= 0x3280 && c <= 0x32B0);
}

static enum around around_ascii(uint32_t c) {
    if (c >= '0' && c <= '9') return AROUND_DIGIT;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return AROUND_LATIN;
    if (c == '\n' || c == '\r') return AROUND_END;
    if (c == ' ') return AROUND_BLANK;
    return c && strchr("#$%&*+-./<=>@[\\]^_`{|}~", (int)c) ? AROUND_SIGN : AROUND_OTHER;
}

enum around around_of(uint32_t c) {
    if (c < 0x80) return around_ascii(c);
    if (c >= 0xFF10 && c <= 0xFF19) return AROUND_DIGIT;
    if ((c >= 0xFF21 && c <= 0xFF3A) || (c >= 0xFF41 && c <= 0xFF5A)) return AROUND_LATIN;
    if (c >= 0x2488 && c <= 0x249B) return AROUND_DIGIT; // ⒈ becomes 1.
    if (han(c)) return AROUND_HAN;
    if ((c >= 0x3220 && c <= 0x3229) || (c >= 0x3280 && c <= 0x3289)) return AROUND_OPEN; // （一）
    if (is_blank(c)) return AROUND_BLANK;
    if (c >= 0x1D400 && c <= 0x1D7FF) return c >= 0x1D7CE ? AROUND_DIGIT : AROUND_LATIN;
    if ((c >= 0xC0 && c <= 0x24F && c != 0xD7 && c != 0xF7) || (c >= 0x1E00 && c <= 0x1EFF) ||
        (c >= 0xFB00 && c <= 0xFB06) || c == 0x212A || c == 0x212B) {
        return AROUND_LATIN;
    }
    switch (c) {
    case 0xFF08:
    case 0x3008:
    case 0x300A:
    case 0x300C:
    case 0x300E:
    case 0x3010:
    case 0x201C:
    case 0x2018: return AROUND_OPEN;
    case 0xFF09:
    case 0x3009:
    case 0x300B:
    case 0x300D:
    case 0x300F:
    case 0x3011:
    case 0x201D:
    case 0x2019: return AROUND_CLOSE;
    default: return AROUND_OTHER;
    }
}

// ---- mapping ------------------------------------------------------------------------------------

// Half-width katakana FF61..FF9D; FF9E and FF9F are marks.
static const uint16_t katakana[] = {
    0x3002, 0x300C, 0x300D, 0x3001, 0x30FB, 0x30F2, 0x30A1, 0x30A3, 0x30A5, 0x30A7, 0x30A9,
    0x30E3, 0x30E5, 0x30E7, 0x30C3, 0x30FC, 0x30A2, 0x30A4, 0x30A6, 0x30A8, 0x30AA, 0x30AB,
    0x30AD, 0x30AF, 0x30B1, 0x30B3, 0x30B5, 0x30B7, 0x30B9, 0x30BB, 0x30BD, 0x30BF, 0x30C1,
    0x30C4, 0x30C6, 0x30C8, 0x30CA, 0x30CB, 0x30CC, 0x30CD, 0x30CE, 0x30CF, 0x30D2, 0x30D5,
    0x30D8, 0x30DB, 0x30DE, 0x30DF, 0x30E0, 0x30E1, 0x30E2, 0x30E4, 0x30E6, 0x30E8, 0x30E9,
    0x30EA, 0x30EB, 0x30EC, 0x30ED, 0x30EF, 0x30F3, 0x3099, 0x309A,
};

uint32_t mapped(uint32_t c, uint32_t flags, enum normalise_change *change) {
    *change = CHANGE_WIDTH;
    if (flags & NORMALISE_LETTERS) {
        if (c >= 0xFF10 && c <= 0xFF19) return c - 0xFF10 + '0';
        if (c >= 0xFF21 && c <= 0xFF3A) return c - 0xFF21 + 'A';
        if (c >= 0xFF41 && c <= 0xFF5A) return c - 0xFF41 + 'a';
    }
    bool width = (flags & NORMALISE_WIDTH) == NORMALISE_WIDTH;
    if (width && c >= 0xFF61 && c <= 0xFF9F) return katakana[c - 0xFF61];
    if ((flags & NORMALISE_COMPATIBILITY) && has_form(c)) {
        *change = CHANGE_COMPATIBILITY;
        int64_t row = FIND_ROW(normalise_forms, normalise_form_count, c);
        if (row >= 0) return normalise_forms[row][1];
    }
    return c;
}

static size_t in_brackets(uint32_t number, char out[static 16]) {
    size_t size = 0;
    out[size++] = '(';
    if (number >= 10) out[size++] = (char)('0' + number / 10);
    out[size++] = (char)('0' + number % 10);
    out[size++] = ')';
    return size;
}

static size_t circled(uint32_t c, char out[static 16]) {
    static const char *const numbers[] = {"（一）", "（二）", "（三）", "（四）", "（五）",
                                          "（六）", "（七）", "（八）", "（九）", "（十）"};
    if (c >= 0x2460 && c <= 0x2473) return in_brackets(c - 0x245F, out);
    if (c >= 0x2474 && c <= 0x2487) return in_brackets(c - 0x2473, out);
    if (c >= 0x2776 && c <= 0x277F) return in_brackets(c - 0x2775, out);
    if (c >= 0x2780 && c <= 0x2789) return in_brackets(c - 0x277F, out);
    if (c >= 0x278A && c <= 0x2793) return in_brackets(c - 0x2789, out);
    if (c >= 0x2488 && c <= 0x249B) { // 1. to 20.
        size_t size = in_brackets(c - 0x2487, out);
        memmove(out, out + 1, size - 1);
        out[size - 2] = '.';
        return size - 1;
    }
    uint32_t i = c >= 0x3220 && c <= 0x3229   ? c - 0x3220
                 : c >= 0x3280 && c <= 0x3289 ? c - 0x3280
                                              : 10;
    if (i == 10) return 0;
    size_t size = strlen(numbers[i]);
    memcpy(out, numbers[i], size);
    return size;
}

size_t mapped_many(uint32_t c, uint32_t flags, char out[static 16]) {
    static const char *const ligatures[] = {"ff", "fi", "fl", "ffi", "ffl", "st", "st"};
    if ((flags & NORMALISE_COMPATIBILITY) && c >= 0xFB00 && c <= 0xFB06) {
        size_t size = strlen(ligatures[c - 0xFB00]);
        memcpy(out, ligatures[c - 0xFB00], size);
        return size;
    }
    return flags & NORMALISE_CIRCLED ? circled(c, out) : 0;
}

// ---- composition --------------------------------------------------------------------------------

enum { L_FIRST = 0x1100, V_FIRST = 0x1161, T_FIRST = 0x11A7, S_FIRST = 0xAC00 };
enum { L_COUNT = 19, V_COUNT = 21, T_COUNT = 28, S_COUNT = L_COUNT * V_COUNT * T_COUNT };

static bool syllable(uint32_t c) {
    return c >= S_FIRST && c < S_FIRST + S_COUNT;
}

uint8_t mark_class(uint32_t c) {
    if (c < 0x300 || c > 0xFFFF) return 0;
    int64_t row = FIND_ROW(normalise_marks, normalise_mark_count, c);
    return row < 0 ? 0 : (uint8_t)normalise_marks[row][1];
}

bool composes_back(uint32_t c) {
    if (c < 0x300 || c > 0xFFFF) return false;
    if (c >= V_FIRST && c < V_FIRST + V_COUNT) return true;
    if (c > T_FIRST && c < T_FIRST + T_COUNT) return true;
    return FIND_ROW(normalise_marks, normalise_mark_count, c) >= 0;
}

// Of the basic plane, into parts of it: ideographs of plane 2 are compatibility forms here.
static uint32_t parts_of(uint32_t c, uint32_t parts[2]) {
    uint32_t count = c <= 0xFFFF ? unicode_decompose(c, parts) : 0;
    return count && parts[0] <= 0xFFFF ? count : 0;
}

bool decomposes_alone(uint32_t c) {
    uint32_t parts[2], count = c < 0x340 || syllable(c) ? 0 : parts_of(c, parts);
    return count == 1 || (count == 2 && unicode_pair(parts[0], parts[1]) != c);
}

// Canonical parts of c, all the way down, appended to out.
static size_t decompose(uint32_t c, uint32_t *out, size_t count, size_t room) {
    uint32_t tails[4], parts[2];
    size_t tail_count = 0;
    for (uint32_t n; tail_count < 4 && (n = parts_of(c, parts)) > 0; c = parts[0]) {
        if (n == 2) tails[tail_count++] = parts[1];
    }
    if (count < room) out[count++] = c;
    while (tail_count > 0 && count < room) out[count++] = tails[--tail_count];
    return count;
}

static void sort_marks(uint32_t *segment, size_t count) {
    for (size_t i = 1; i < count; i++) {
        uint8_t rank = mark_class(segment[i]);
        for (size_t k = i; k > 0 && rank && mark_class(segment[k - 1]) > rank; k--) {
            uint32_t swap = segment[k];
            segment[k] = segment[k - 1];
            segment[k - 1] = swap;
        }
    }
}

size_t compose(uint32_t segment[static SEGMENT_MAX * 2], size_t count) {
    uint32_t parts[SEGMENT_MAX * 4];
    size_t part_count = 0;
    for (size_t i = 0; i < count; i++) {
        part_count = decompose(segment[i], parts, part_count, SEGMENT_MAX * 4);
    }
    sort_marks(parts, part_count);
    size_t out = 0, starter = SIZE_MAX;
    uint8_t last = 0; // class of what stands last behind the starter
    for (size_t i = 0; i < part_count && out < SEGMENT_MAX * 2; i++) {
        uint8_t rank = mark_class(parts[i]);
        bool blocked = starter == SIZE_MAX || (out > starter + 1 && (last >= rank || rank == 0));
        uint32_t composed = blocked ? 0 : unicode_pair(segment[starter], parts[i]);
        if (composed) {
            segment[starter] = composed;
            continue;
        }
        if (rank == 0) starter = out;
        last = rank;
        segment[out++] = parts[i];
    }
    return out;
}
