// Personal data in text: the scan. Places where something may begin are found 16 bytes at a time;
// at each the finders are asked, the most specific first. What stands beside decides only among
// ASCII letters and digits, so that an identifier glued to Chinese characters is found like any
// other.
#include <string.h>

#include "base/buf.h"
#include "data/detect/finders_private.h"
#include "data/detect/fold_private.h"
#include "data/detect/identifier_private.h"
#include "data/detect/tagger_private.h"

struct scan {
    struct view view;
    uint32_t kinds;
    struct personal_hit *hits;
    size_t room, count;
    size_t at;     // where to look on
    bool thorough; // no short cut for numbers far from any word
    // What is_bare last found: no letter in here, and one at the end (or the text's).
    size_t bare_from, bare_to;
};

// Takes a hit; `anchor` is where it was found. What may contain other kinds (an address of mail;
// one of the web is not even looked for) hides them only where it is wanted itself.
static void scan_add(struct scan *scan, const struct personal_hit *hit, size_t anchor) {
    bool wanted = scan->kinds & PERSONAL_BIT(hit->kind);
    if (!wanted && hit->kind == PERSONAL_EMAIL) {
        uint32_t bytes;
        (void)fold_at(scan->view.text, anchor, &bytes);
        scan->at = anchor + bytes;
        return;
    }
    if (wanted) {
        if (scan->count < scan->room) scan->hits[scan->count] = *hit;
        scan->count++;
    }
    scan->at = scan->view.least = hit->start + hit->size;
    scan->view.last = hit->kind;
}

// ---- digits ------------------------------------------------------------------------------------

static bool is_byte_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_byte_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static uint32_t bytes3(struct str text, size_t at) {
    if (text.size - at < 3) return 0;
    const uint8_t *byte = (const uint8_t *)text.data + at;
    return (uint32_t)byte[0] << 16 | (uint32_t)byte[1] << 8 | byte[2];
}

// Whether a number of up to four digits before a character of several bytes at `end` may be more
// than a number: an age, a date, an angle, or it goes on.
static bool may_mean_wide(struct str text, size_t end, size_t size) {
    uint32_t next = bytes3(text, end);
    uint8_t first = (uint8_t)text.data[end];
    if (first >= 0xE4 && first <= 0xE9) {
        bool age = next == 0xE5B281 || next == 0xE591A8;  // 岁 周
        bool date = next == 0xE5B9B4 || next == 0xE69C88; // 年 月
        bool angle = next == 0xE5BAA6;                    // 度
        if (date) return (size == 4 || size <= 2) && birth_is_near(text, end);
        return (age && size >= 2) || angle;
    }
    if (next == 0xEFBC89) return size >= 3; // ）: an area code
    // ， 。 、 （ ； ” “ 》 《
    return next != 0xEFBC8C && next != 0xE38082 && next != 0xE38081 && next != 0xEFBC88 &&
           next != 0xEFBC9B && next != 0xE2809C && next != 0xE2809D && next != 0xE3808B &&
           next != 0xE3808A;
}

// Behind a sign at `at` more digits follow, but too few for anything and nothing after them:
// "47-65平", "30, 12".
static bool ends_soon(struct str text, size_t at, size_t size) {
    enum { DIGITS_LEAST = 7 }; // of the shortest number that a sign may stand in
    size_t end = at;
    while (end < text.size && end - at < 8 && is_byte_digit(text.data[end])) end++;
    if (end == at || size + end - at >= DIGITS_LEAST) return false;
    if (end == text.size) return true;
    uint8_t next = (uint8_t)text.data[end];
    if (next >= 0xE4 && next <= 0xE9) {
        uint32_t word = bytes3(text, end);
        return word != 0xE5B281 && word != 0xE591A8 && word != 0xE5B9B4 && word != 0xE69C88 &&
               word != 0xE5BAA6 && word != 0xE697A5 && word != 0xE58FB7; // 岁 周 年 月 度 日 号
    }
    return next == ',' || next == ';' || next == '(' || next == '%' || next == '"' || next == ':';
}

// The same behind blanks: only what goes on with digits, with large letters, with the name of a
// month, or with the words above.
static bool may_mean_apart(struct str text, size_t at, size_t size) {
    for (int blanks = 0; blanks < 12 && at < text.size; blanks++) {
        char c = text.data[at];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') break;
        at++;
    }
    if (at >= text.size) return false;
    char next = text.data[at], behind = at + 1 < text.size ? text.data[at + 1] : ' ';
    if (is_byte_digit(next)) return !ends_soon(text, at, size);
    if ((uint8_t)next >= 0x80) return (uint8_t)next == 0xC2 || may_mean_wide(text, at, size);
    bool large = next >= 'A' && next <= 'Z' && !(behind >= 'a' && behind <= 'z');
    bool month = size <= 2 && is_byte_letter(next) && memchr("jfmasond", next | 0x20, 8) &&
                 birth_is_near(text, at);
    bool dash =
        next == '-' && (behind == ' ' || is_byte_digit(behind) || (behind >= 'A' && behind <= 'Z'));
    return large || month || dash || (next == '(' && size >= 3);
}

static bool is_byte_hex(char c) {
    return is_byte_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

// "19th", "5mg", "3D": digits and a few letters that nothing goes on from.
static bool is_short_word(struct str text, size_t end, size_t size) {
    size_t at = end;
    bool small = true;
    for (; at < text.size && is_byte_letter(text.data[at]); at++) small &= text.data[at] >= 'a';
    if (size + at - end > 5 || at == text.size) return false;
    unsigned char after = (unsigned char)text.data[at];
    if (after >= 0x80) return after >= 0xE4 && after <= 0xE9;
    unsigned char next = at + 1 < text.size ? (unsigned char)text.data[at + 1] : 'A';
    if (after == ' ') return (small && text.data[end] != 'x') || (next >= 'a' && next <= 'z');
    return after == ',' || after == ';' || after == ')' ||
           (after == '.' && (next == ' ' || next == '\n' || next == '\r'));
}

// The same before an ASCII character.
static bool may_mean_narrow(struct str text, size_t end, size_t size) {
    char sign = text.data[end], next = end + 1 < text.size ? text.data[end + 1] : ' ';
    bool on = is_byte_digit(next) || (uint8_t)next == 0xEF;
    switch (sign) {
    case ' ':
    case '\t':
    case '\n':
    case '\r': return may_mean_apart(text, end + 1, size);
    case '-':
    case '/':
        if (size <= 3 && text.data[end - size] != '0' && ends_soon(text, end + 1, size))
            return false;
        return on || is_byte_letter(next) || (uint8_t)next >= 0x80 || next == ' ';
    case '.': return on;
    case ')': return size >= 2;
    case ',': // "January 1, 1990"
        return size <= 2 && next == ' ' && end + 2 < text.size && is_byte_digit(text.data[end + 2]);
    case '\\':
    case '<': return next == 'n' || next == 'b';
    case ':': {
        size_t at = end + 1;
        while (at < text.size && at - end < 6 && is_byte_hex(text.data[at])) at++;
        return at < text.size && text.data[at] == ':';
    }
    case '\v':
    case '\f':
    case '_':
    case '@':
    case '\'': return true;
    default: return is_byte_letter(sign) && !is_short_word(text, end, size);
    }
}

// A number that may be an age over 89: years or a blank behind it, or a word or sign before it.
static bool may_be_age(struct str text, size_t at, size_t end) {
    uint32_t before = at >= 3 ? bytes3(text, at - 3) : 0, after = bytes3(text, end);
    char sign = at > 0 ? text.data[at - 1] : ':', next = end < text.size ? text.data[end] : ' ';
    // 岁 周 多 余 几
    if (after == 0xE5B281 || after == 0xE591A8 || after == 0xE5A49A || after == 0xE4BD99 ||
        after == 0xE587A0 || (next | 0x20) == 'y' || next == '-')
        return true;
    if (sign == ':' || sign == '=') return true;
    if (next == ' ' && end + 1 < text.size) {
        uint32_t word = bytes3(text, end + 1);
        if ((text.data[end + 1] | 0x20) == 'y' || word == 0xE5B281 || word == 0xE591A8) return true;
    }
    if (sign == ' ' && at >= 2) {
        char last = text.data[at - 2] | 0x20; // aged, age
        if (last == 'd' || last == 'e' || text.data[at - 2] == ':') return true;
        before = at >= 4 ? bytes3(text, at - 4) : 0;
    }
    // 龄 ： 为 是 年 寿 约
    return before == 0xE9BE84 || before == 0xEFBC9A || before == 0xE4B8BA || before == 0xE698AF ||
           before == 0xE5B9B4 || before == 0xE5AFBF || before == 0xE7BAA6;
}

// The bytes of a decimal number with one or two places behind the point, which ends at `end`; 0 if
// it may be more: a date, an address, an angle, a telephone number.
static size_t plain_decimal(struct str text, size_t at, size_t end) {
    size_t point = end, last = end + 1;
    if (point + 1 >= text.size || text.data[point] != '.' || point - at > 3) return 0;
    while (last < text.size && last - point < 4 && is_byte_digit(text.data[last])) last++;
    if (last - point < 2 || last - point > 3) return 0;
    uint8_t before = at > 0 ? (uint8_t)text.data[at - 1] : ' ';
    bool part = before == '.' || before == '_' || before == ':' || is_byte_digit((char)before) ||
                is_byte_letter((char)before);
    if (part) return 0;
    if (last == text.size) return last - at;
    uint8_t wide = (uint8_t)text.data[last];
    if (wide >= 0xE4 && wide <= 0xE9) return bytes3(text, last) == 0xE5BAA6 ? 0 : last - at; // 度
    char after = text.data[last];
    bool ends = after == ',' || after == '\n' || after == '\r' || after == '\t' || after == '|' ||
                after == '%' || after == ';';
    return ends ? last - at : 0;
}

// "H1N1病毒", "G20峰会": a few letters and digits between characters that go on with nothing.
static bool is_short_code(struct str text, size_t at, size_t end) {
    size_t start = at;
    while (start > 0 && at - start < 5 &&
           (is_byte_letter(text.data[start - 1]) || is_byte_digit(text.data[start - 1]))) {
        start--;
    }
    if (end - start > 4 || end == text.size || start == 0) return false;
    uint8_t before = (uint8_t)text.data[start - 1], after = (uint8_t)text.data[end];
    if (before < 0x80 || after < 0xE4 || after > 0xE9) return false;
    uint32_t word = bytes3(text, end);
    return word != 0xE5B281 && word != 0xE591A8; // 岁 周
}

// Most digits in real text are years, ages, doses and prices. The bytes of a short run of ASCII
// digits that can be nothing else; else 0.
static size_t plain_number(struct str text, size_t at) {
    size_t end = at, size;
    while (end < text.size && is_byte_digit(text.data[end])) end++;
    size = end - at;
    if (size == 0 || size > 4) return 0;
    size_t decimal = plain_decimal(text, at, end);
    if (decimal) return decimal;
    char before = at > 0 ? text.data[at - 1] : ' ';
    if (is_byte_letter(before) && is_short_code(text, at, end)) return size;
    if (is_byte_letter(before) || before == '_' || before == '+') return 0;
    if (before == '-' && at > 1 && is_byte_letter(text.data[at - 2])) return 0;
    if ((before == '(' && size >= 2) || (uint8_t)before == 0xB7) return 0; // area codes, plates
    // 京A·1234学, 京A 1234挂
    size_t sign = at;
    for (int signs = 0; signs < 3 && sign > 0 && !is_byte_letter(text.data[sign - 1]); signs++)
        sign--;
    bool plate = sign > 1 && sign < at && text.data[sign - 1] <= 'Z' &&
                 is_byte_letter(text.data[sign - 1]) && (uint8_t)text.data[sign - 2] >= 0x80;
    if (plate) return 0;
    bool old = (size == 2 && text.data[at] == '9') || (size == 3 && text.data[at] == '1');
    if (old && may_be_age(text, at, end)) return 0;
    // "：1234", "号1234": a short number that a word may claim.
    bool claimed = size >= 3 && at >= 3 &&
                   (bytes3(text, at - 3) == 0xEFBC9A || bytes3(text, at - 3) == 0xE58FB7 ||
                    before == ':' || before == '#' ||
                    (before == ' ' && at >= 2 &&
                     (text.data[at - 2] == ':' || text.data[at - 2] == '#' ||
                      (at >= 4 && bytes3(text, at - 4) == 0xE58FB7))));
    if (end < text.size) {
        bool wide = (uint8_t)text.data[end] >= 0x80;
        if (wide ? may_mean_wide(text, end, size) : may_mean_narrow(text, end, size)) return 0;
    }
    bool year = size == 4 && (text.data[at] == '1' || text.data[at] == '2') && before == ' ';
    return claimed && !year ? 0 : size;
}

// The run of digits at the anchor and what stands beside it.
struct number {
    size_t at, end;
    uint32_t size;
    uint32_t before, after; // characters
    bool joined;            // a hyphen and a letter stand before it
    bool follows;           // another group of digits stands behind a gap
    bool spread;            // the first of several groups
    bool code;              // letters touch it or stand near enough to make a code with it
};

static void number_read(const struct view *view, size_t at, struct number *out) {
    struct str text = view->text;
    uint32_t bytes;
    *out = (struct number){.at = at, .end = at};
    while (fold_digit(fold_at(text, out->end, &bytes))) {
        out->end += bytes;
        out->size++;
    }
    out->before = fold_before(text, view->least, at, &bytes);
    size_t earlier = at;
    for (int blanks = 0; blanks < 2; blanks++) {
        uint32_t c = fold_before(text, view->least, earlier, &bytes);
        if (!fold_blank(c) && !fold_dash(c) && !fold_line(c)) break;
        earlier -= bytes;
    }
    out->after = fold_at(text, out->end, &bytes);
    size_t behind = out->end;
    out->code = fold_letter(out->before) || fold_letter(out->after);
    if (out->code) return;
    // "E 1234 5678", "9111 0108 MA01": a letter behind one gap, on either side.
    if (gap_read(text, &behind) != GAP_END) {
        uint32_t c = fold_at(text, behind, &bytes);
        out->spread = out->follows = fold_digit(c);
        out->code = c >= 'A' && c <= 'Z';
        // A letter further on, behind more digits of the same code.
        for (int groups = 0; !out->code && groups < 17 && fold_digit(c); groups++) {
            while (fold_digit(c = fold_at(text, behind, &bytes))) behind += bytes;
            if (fold_letter(c)) out->code = true;
            if (gap_read(text, &behind) == GAP_END) break;
            c = fold_at(text, behind, &bytes);
            out->code |= c >= 'A' && c <= 'Z';
        }
    }
    uint32_t c = fold_before(text, view->least, earlier, &bytes);
    if (earlier < at) out->code |= c >= 'A' && c <= 'Z';
    out->joined = fold_dash(out->before) && fold_letter(c);
    out->spread &= earlier == at || !fold_digit(c);
}

// Digits that are the beginning of an address of mail belong to it: "13812345678@example.com".
static bool mail_ahead(const struct view *view, const struct number *number,
                       struct personal_hit *hit) {
    uint32_t c = number->after, bytes, count = 0;
    size_t at = number->end;
    while (count < 48 && (fold_alnum(c) || c == '.' || c == '_' || c == '-' || c == '+')) {
        (void)fold_at(view->text, at, &bytes);
        at += bytes;
        c = fold_at(view->text, at, &bytes);
        count++;
    }
    return c == '@' && find_email(view, at, hit);
}

// Identifiers of digits alone that begin with the group at the anchor. A later window that overlaps
// and is longer wins: the first group is then no part of it.
static bool digits_at(const struct view *view, size_t at, struct personal_hit *hit) {
    struct digit_group groups[GROUPS_MOST];
    struct personal_hit later;
    uint32_t count = digit_groups_read(view->text, at, groups);
    uint32_t used = find_digits(view, groups, count, hit);
    for (uint32_t k = 1; k < used; k++) {
        if (find_digits(view, groups + k, count - k, &later) && later.size > hit->size)
            return false;
    }
    return used > 0;
}

static bool may_be_angle(const struct number *number) {
    uint32_t after = number->after;
    return number->size <= 3 && (after == '.' || after == 0xB0 || after == 0xBA || after == 0x5EA6);
}

// Letters and digits that a sign of an address follows, or as many as a network card's have.
static bool may_be_address(const struct view *view, const struct number *number) {
    enum { PLACES = 12 };
    struct str text = view->text;
    size_t start = number->at, end = number->at;
    uint32_t bytes, count = 0, c;
    while (count <= PLACES && fold_hex(c = fold_at(text, end, &bytes))) {
        end += bytes;
        count++;
    }
    if (c == '.' || c == ':' || c == ' ' || fold_dash(c)) return true;
    while (count <= PLACES && fold_hex(fold_before(text, view->least, start, &bytes))) {
        start -= bytes;
        count++;
    }
    return count == PLACES;
}

static bool may_be_phone(const struct number *number, char first) {
    if (first == '1' || first == '9') return false; // no area, no number of a place
    return first == '0' || first == '4' || first == '8' || number->size >= 3;
}

// A letter or a sign before it, or 使, 领 on either side.
static bool may_be_plate(const struct number *number) {
    uint32_t c = number->before, after = number->after;
    return fold_letter(c) || fold_blank(c) || fold_dash(c) || fold_line(c) || c == '.' ||
           c == 0xB7 || c == 0x2022 || c == 0x30FB || c == 0x4F7F || c == 0x9886 ||
           after == 0x4F7F || after == 0x9886 ||
           (c > 0x4E00 && (number->size == 4 || number->size == 5) && after != 0x5E74);
}

// A short number is named only by what stands directly before it, or in brackets behind.
static bool may_be_named(const struct number *number) {
    uint32_t c = number->before;
    if (number->size >= 5 || number->code || number->joined || c == '_') return true;
    if (number->size < 3 && !number->spread) return false;
    if (number->size == 4 && number->after == 0x5E74) return false; // a year
    return c == ':' || c == '#' || c == '=' || c == 0x53F7 || c == 0x7801 || c == 0x4E3A ||
           c == 0x662F || c == '.' || c == ')' || number->after == '(' || number->spread ||
           (fold_blank(c) && number->size == 3);
}

// Neither letters nor Chinese near enough to say what the number is: a table of numbers.
static bool is_bare(struct scan *scan, const struct number *number) {
    enum { BEFORE = 96, BEHIND = 160 }; // a token, the same in pieces, and the words beside them
    struct str text = scan->view.text;
    if (is_listed(&scan->view, number->at)) return false; // what the hit before says counts
    size_t from = number->at > BEFORE ? number->at - BEFORE : 0;
    size_t to = text.size - number->end > BEHIND ? number->end + BEHIND : text.size;
    if (from < scan->bare_from || from > scan->bare_to) {
        scan->bare_from = from;
        scan->bare_to = word_find(text, from);
    }
    return to <= scan->bare_to;
}

// Of such numbers only what stands by its own form.
static bool bare_test(const struct view *view, const struct number *number, char first,
                      struct personal_hit *hit) {
    size_t at = number->at;
    uint32_t size = number->size, after = number->after;
    bool parts = size <= 4 && (after == '.' || after == ':' || fold_dash(after));
    if (parts && (find_ip(view, at, hit) || find_mac(view, at, hit))) return true;
    if ((size >= 11 || number->follows) && digits_at(view, at, hit)) return true;
    if ((first == '0' || first == '4' || first == '8') && find_landline(view, at, hit)) return true;
    return may_be_angle(number) && find_coordinates(view, at, hit);
}

static bool digit_test(struct scan *scan, const struct number *number, struct personal_hit *hit) {
    const struct view *view = &scan->view;
    size_t at = number->at;
    uint32_t bytes, size = number->size;
    char first = (char)fold_at(view->text, at, &bytes);
    if (mail_ahead(view, number, hit)) return true;
    if (!scan->thorough && is_bare(scan, number)) return bare_test(view, number, first, hit);
    bool parts = number->after == '.' || number->after == ':' || fold_dash(number->after);
    if (size <= 4 && (parts || (number->code && may_be_address(view, number)))) {
        if (find_ip(view, at, hit) || find_mac(view, at, hit)) return true;
    }
    bool code = number->code;
    struct personal_hit other;
    bool short_letters = number->size >= 6 && number->size <= 9;
    if (short_letters && find_identity(view, at, hit)) return true;
    if (code && find_code(view, at, hit)) {
        // A resident ID that ends with X may pass for an organisation's code too.
        bool person = hit->kind == PERSONAL_USCC && digits_at(view, at, &other) &&
                      other.kind == PERSONAL_ID && other.confidence == 100;
        if (person) *hit = other;
        return true;
    }
    if ((size >= 11 || number->follows) && digits_at(view, at, hit)) return true;
    if (size <= 7 && may_be_plate(number) && find_plate(view, at, hit)) return true;
    if (may_be_phone(number, first) && find_landline(view, at, hit)) return true;
    if (may_be_angle(number) && find_coordinates(view, at, hit)) return true;
    if ((size <= 2 || size == 4 || size == 8) && find_birth(view, at, hit)) return true;
    if ((size == 2 || size == 3) && find_age(view, at, hit)) return true;
    if (size == 12 && find_mac(view, at, hit)) return true;
    return may_be_named(number) && find_labelled(view, at, hit);
}

static bool is_digits(struct str text, size_t at, uint32_t count) {
    if (text.size - at < count) return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_byte_digit(text.data[at + i])) return false;
    }
    return true;
}

// The end of 12:30 or 12:30:45 at `at`, nothing but a sign behind it; 0 if it is none.
static size_t time_end(struct str text, size_t at) {
    size_t end = at;
    for (uint32_t part = 0; part < 3; part++) {
        if (!is_digits(text, end, 2)) return 0;
        end += 2;
        if (part > 0 && (end == text.size || text.data[end] != ':')) break;
        if (part < 2 && (end == text.size || text.data[end++] != ':')) return 0;
    }
    char next = end < text.size ? text.data[end] : ',';
    return next == ',' || next == '\n' || next == '\r' || next == '"' || next == '\t' ? end : 0;
}

// The end of 2023-05-12 at `at`, with a time behind it or not, in a table or at the end of a line;
// 0 if it is none.
static size_t stamp_end(struct str text, size_t at) {
    if (text.size - at < 10 || (text.data[at + 4] != '-' && text.data[at + 4] != '/')) return 0;
    bool shaped = (is_digits(text, at, 2) && is_digits(text, at + 2, 2)) &&
                  text.data[at + 7] == text.data[at + 4] && is_digits(text, at + 5, 2) &&
                  is_digits(text, at + 8, 2);
    bool year = (text.data[at] == '1' && text.data[at + 1] == '9') ||
                (text.data[at] == '2' && text.data[at + 1] == '0');
    if (!shaped || !year || text.data[at + 5] > '1' || text.data[at + 8] > '3') return 0;
    size_t end = at + 10;
    if (end == text.size) return end;
    char next = text.data[end];
    if (next == ' ' || next == 'T') return time_end(text, end + 1);
    return next == ',' || next == '\n' || next == '\r' || next == '"' || next == '\t' ? end : 0;
}

// A date, with its time, of which no word makes anything more: tables are full of them, and the end
// of one is no part of the number in the next cell. The bytes to pass over, 0 if it is none.
static size_t plain_stamp(struct str text, size_t at) {
    char before = at > 0 ? text.data[at - 1] : ',';
    bool first = before == ',' || before == '\n' || before == '"' || before == '\t';
    if (!first && before != ' ') return 0;
    size_t end = stamp_end(text, at);
    if (!end) return 0;
    struct context context;
    context_read(text, at, end, &context);
    return context.labels == 0 && !birth_is_near(text, at) ? end - at : 0;
}

static void scan_digit(struct scan *scan) {
    size_t plain = plain_number(scan->view.text, scan->at);
    if (!plain) plain = plain_stamp(scan->view.text, scan->at);
    if (plain) {
        scan->at += plain;
        return;
    }
    struct number number;
    struct personal_hit hit;
    number_read(&scan->view, scan->at, &number);
    if (digit_test(scan, &number, &hit)) {
        scan_add(scan, &hit, scan->at);
    } else {
        scan->at = number.end;
    }
}

// ---- the scan ----------------------------------------------------------------------------------

// Hexadecimal places or another colon on both sides of a colon.
static bool is_in_address(const struct view *view, size_t at) {
    uint32_t own, bytes;
    (void)fold_at(view->text, at, &own);
    uint32_t after = fold_at(view->text, at + own, &bytes);
    return fold_hex(after) || after == ':';
}

static void scan_sign(struct scan *scan, enum anchor anchor) {
    const struct view *view = &scan->view;
    struct personal_hit hit;
    bool found = false, urls = scan->kinds & PERSONAL_BIT(PERSONAL_URL);
    switch (anchor) {
    case ANCHOR_AT: found = find_email(view, scan->at, &hit); break;
    case ANCHOR_W: found = urls && find_url(view, scan->at, &hit); break;
    case ANCHOR_COLON:
        found = (urls && find_url(view, scan->at, &hit)) ||
                (is_in_address(view, scan->at) &&
                 (find_ip(view, scan->at, &hit) || find_mac(view, scan->at, &hit))) ||
                find_wechat(view, scan->at, &hit);
        break;
    case ANCHOR_HYPHEN: found = find_mac(view, scan->at, &hit); break;
    case ANCHOR_WEI:
    case ANCHOR_X: found = find_wechat(view, scan->at, &hit); break;
    case ANCHOR_YEAR: found = find_birth_in_words(view, scan->at, &hit); break;
    case ANCHOR_DOT: found = urls && find_domain(view, scan->at, &hit); break;
    default: found = find_age(view, scan->at, &hit); break;
    }
    if (found) {
        scan_add(scan, &hit, scan->at);
        return;
    }
    uint32_t bytes;
    (void)fold_at(view->text, scan->at, &bytes);
    scan->at += bytes;
}

static size_t scan_run(struct scan *scan) {
    struct str text = scan->view.text;
    while ((scan->at = anchor_find(text, scan->at)) < text.size) {
        enum anchor anchor = anchor_at(text, scan->at);
        if (anchor == ANCHOR_DIGIT) {
            scan_digit(scan);
        } else {
            scan_sign(scan, anchor);
        }
    }
    return scan->count;
}

size_t personal_scan(struct str text, uint32_t kinds, struct personal_hit *hits, size_t hits_room) {
    struct scan scan = {.view = {.text = text}, .kinds = kinds, .hits = hits, .room = hits_room};
    size_t count = scan_run(&scan);
    return kinds & PERSONAL_TAGGED ? tagger_add(text, kinds, hits, count, hits_room) : count;
}

size_t personal_scan_plain(struct str text, uint32_t kinds, struct personal_hit *hits,
                           size_t hits_room) {
    struct scan scan = {
        .view = {.text = text}, .kinds = kinds, .hits = hits, .room = hits_room, .thorough = true};
    return scan_run(&scan);
}

static struct str trim_wide(struct str s) {
    for (;;) {
        struct str before = s;
        s = str_trim(s);
        if (str_starts(s, STR("　"))) s.data += 3, s.size -= 3;
        if (str_ends(s, STR("　"))) s.size -= 3;
        if (s.size == before.size) return s;
    }
}

// A text that is one hit from `before` on and nothing else there.
static bool is_one_hit(struct str text, size_t before, uint32_t kinds, enum personal_kind *out) {
    struct personal_hit hits[4]; // the tagger needs some to sort out
    if (personal_scan(text, kinds, hits, 4) != 1) return false;
    if (hits[0].start != before || hits[0].start + hits[0].size != text.size) return false;
    *out = hits[0].kind;
    return true;
}

bool personal_whole(struct str text, uint32_t kinds, enum personal_kind *out) {
    static const char *const words[PERSONAL_KIND_COUNT] = {[PERSONAL_ID] = "身份证号：",
                                                           [PERSONAL_CARD] = "卡号：",
                                                           [PERSONAL_USCC] = "组织机构代码：",
                                                           [PERSONAL_LANDLINE] = "电话：",
                                                           [PERSONAL_PASSPORT] = "护照号：",
                                                           [PERSONAL_PERMIT] = "通行证号：",
                                                           [PERSONAL_PLATE] = "车牌号：",
                                                           [PERSONAL_OFFICER] = "军官证号：",
                                                           [PERSONAL_INSURANCE] = "医保号：",
                                                           [PERSONAL_MRN] = "住院号：",
                                                           [PERSONAL_WECHAT] = "微信号：",
                                                           [PERSONAL_QQ] = "QQ：",
                                                           [PERSONAL_IP] = "IP：",
                                                           [PERSONAL_MAC] = "MAC：",
                                                           [PERSONAL_IMEI] = "IMEI：",
                                                           [PERSONAL_VIN] = "VIN：",
                                                           [PERSONAL_COORDINATES] = "坐标：",
                                                           [PERSONAL_BIRTH] = "出生日期：",
                                                           [PERSONAL_AGE] = "年龄："};
    struct str trimmed = trim_wide(text);
    if (is_one_hit(trimmed, 0, kinds, out)) return true;
    if (kinds == 0 || (kinds & (kinds - 1)) != 0) return false;
    // One kind alone is asked for: that is the word beside the number.
    const char *word = words[__builtin_ctz(kinds)];
    char room[320];
    struct buf named = {.data = room, .room = sizeof room, .cap_bytes = sizeof room};
    if (!word || trimmed.size > 256) return false;
    buf_add_text(&named, word);
    buf_add_str(&named, trimmed);
    return buf_err(&named) == OK && is_one_hit(buf_str(&named), strlen(word), kinds, out);
}
