// Personal data in text. Digits are found 16 bytes at a time, gathered into groups, and windows of
// whole groups are held against what each kind allows; of overlapping windows the longest wins.
// What stands beside decides only among ASCII letters and digits, so that an identifier glued to
// Chinese characters is found like any other.
#include <string.h>

#include "data/detect/detect.h"
#include "data/detect/digits_private.h"
#include "data/detect/identifier_private.h"
#include "data/detect/tagger_private.h"

// ---- what stands beside ------------------------------------------------------------------------

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// The letters directly before `start`, as they stand; *mixed if a digit or _ stands before them.
static struct str letters_before(struct str text, size_t start, bool *mixed) {
    size_t at = start;
    while (at > 0 && start - at < 16 && is_letter(text.data[at - 1])) at--;
    *mixed = at > 0 && (is_digit(text.data[at - 1]) || text.data[at - 1] == '_' ||
                        is_letter(text.data[at - 1]));
    return (struct str){text.data + at, start - at};
}

static bool folded_is(struct str s, const char *word) {
    if (strlen(word) != s.size) return false;
    for (size_t i = 0; i < s.size; i++) {
        if ((s.data[i] | 0x20) != word[i]) return false;
    }
    return true;
}

// Letters in front of a number that say "call this", so that the number still counts.
static bool is_contact_word(struct str word) {
    static const char *const words[] = {"tel", "phone",   "mobile",  "mob",    "cell",     "call",
                                        "ph",  "sms",     "wechat",  "weixin", "vx",       "wx",
                                        "v",   "qq",      "t",       "m",      "p",        "hp",
                                        "mp",  "contact", "no",      "id",     "whatsapp", "alipay",
                                        "zfb", "card",    "account", "acct",   "bank",     "fax"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (folded_is(word, words[i])) return true;
    }
    return false;
}

static bool is_glued_to_code(struct str text, size_t start, size_t end) {
    bool mixed;
    struct str before = letters_before(text, start, &mixed);
    if (mixed || (before.size > 0 && !is_contact_word(before))) return true;
    size_t at = end;
    while (at < text.size && at - end < 16 && is_letter(text.data[at])) at++;
    bool letters = at > end;
    return (letters && before.size > 0) || (at < text.size && letters && is_digit(text.data[at])) ||
           (at < text.size && text.data[at] == '_');
}

// Part of a decimal number, or an amount of money.
static bool is_number(struct str text, size_t start, size_t end) {
    if (start >= 2 && text.data[start - 1] == '.' && is_digit(text.data[start - 2])) return true;
    if (end + 1 < text.size && text.data[end] == '.' && is_digit(text.data[end + 1])) return true;
    struct str before = {text.data, start};
    struct str after = {text.data + end, text.size - end};
    return str_ends(before, STR("¥")) || str_ends(before, STR("￥")) ||
           str_ends(before, STR("$")) || str_starts(after, STR("元"));
}

// "订单号：" and the like directly before: a number of a thing, not of a person.
static bool is_thing_number(struct str text, size_t start) {
    static const char *const words[] = {"单号", "订单", "流水号", "批号", "批次",
                                        "条码", "货号", "序列号", "编号", "运单"};
    struct str before = {text.data, start};
    for (bool again = true; again;) {
        again = false;
        static const char *const signs[] = {" ", ":", "：", "=", "#", "为", "是", "　", "\""};
        for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
            if (!str_ends(before, str_of(signs[i]))) continue;
            before.size -= strlen(signs[i]);
            again = true;
        }
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_ends(before, str_of(words[i]))) return true;
    }
    return false;
}

// A word for a bank card within 48 bytes (16 Chinese characters) on either side.
static bool is_card_context(struct str text, size_t start, size_t end) {
    size_t from = start > 48 ? start - 48 : 0;
    size_t to = text.size - end > 48 ? end + 48 : text.size;
    static const char *const words[] = {"卡", "账号", "帐号", "账户", "card", "Card", "CARD"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t size = strlen(words[i]);
        if (memmem(text.data + from, start - from, words[i], size) ||
            memmem(text.data + end, to - end, words[i], size)) {
            return true;
        }
    }
    return false;
}

// ---- windows of groups -------------------------------------------------------------------------

enum { WINDOW_DIGITS = CARD_DIGITS_MOST + 4 };

struct window {
    struct str text;
    const struct digit_group *first;
    uint32_t groups;
    uint8_t digit[WINDOW_DIGITS + 1];
    uint32_t count;
    bool lines; // a line break within
    bool mixed; // more than one sort of gap
};

static size_t window_start(const struct window *window) {
    return window->first->start;
}

static size_t window_end(const struct window *window) {
    return window->first[window->groups - 1].end;
}

// One character a group: its number of digits, or * for any.
static bool window_shape(const struct window *window, uint32_t from, const char *sizes) {
    uint32_t group = from;
    for (; *sizes; sizes++, group++) {
        if (group >= window->groups) return false;
        if (*sizes != '*' && window->first[group].count != (uint32_t)(*sizes - '0')) return false;
    }
    return group == window->groups;
}

static bool window_singles(const struct window *window, uint32_t from) {
    for (uint32_t i = from; i < window->groups; i++) {
        if (window->first[i].count != 1) return false;
    }
    return !window->mixed;
}

// All groups of one size, the last one not larger: "1101 0119 9001 0112 37".
static bool window_even(const struct window *window) {
    uint8_t size = window->first[0].count;
    for (uint32_t i = 1; i + 1 < window->groups; i++) {
        if (window->first[i].count != size) return false;
    }
    return !window->mixed && window->first[window->groups - 1].count <= size;
}

static bool is_id(const struct window *window, uint32_t *end) {
    uint8_t digit[RESIDENT_ID_DIGITS];
    const struct digit_group *last = &window->first[window->groups - 1];
    bool with_x = window->count == RESIDENT_ID_DIGITS - 1 && last->x_end;
    if (window->count != RESIDENT_ID_DIGITS && !with_x) {
        bool old = window->groups == 1 && window->count == RESIDENT_ID_OLD_DIGITS &&
                   resident_id_old_valid(window->digit) &&
                   !is_glued_to_code(window->text, window_start(window), window_end(window)) &&
                   !is_number(window->text, window_start(window), window_end(window)) &&
                   !is_thing_number(window->text, window_start(window));
        if (old) *end = last->end;
        return old;
    }
    memcpy(digit, window->digit, RESIDENT_ID_DIGITS);
    if (with_x) digit[RESIDENT_ID_DIGITS - 1] = 10;
    if (!resident_id_valid(digit)) return false;
    bool shaped = window->groups <= 2 || window_even(window) || window_shape(window, 0, "68*") ||
                  window_shape(window, 0, "644*") || window_shape(window, 0, "3344*") ||
                  window_shape(window, 0, "33444") || window_shape(window, 0, "6424*") ||
                  window_shape(window, 0, "6422*") || window_shape(window, 0, "6831") ||
                  window_shape(window, 0, "2224224") || window_shape(window, 0, "222844");
    if (!shaped) return false;
    *end = with_x ? last->x_end : last->end;
    return true;
}

static bool is_mobile(const struct window *window, uint32_t *start) {
    const uint8_t *digit = window->digit;
    uint32_t extra = window->count - MOBILE_DIGITS, from = 0;
    if (window->count < MOBILE_DIGITS || window->lines || extra == 1 || extra == 3 || extra > 4) {
        return false;
    }
    if (extra == 2 && !(digit[0] == 8 && digit[1] == 6)) return false;
    if (extra == 4 && !(!digit[0] && !digit[1] && digit[2] == 8 && digit[3] == 6)) return false;
    if (!mobile_valid(digit + extra)) return false;
    *start = (uint32_t)window_start(window);
    if (extra && window->first[0].count == extra) from = 1;
    uint32_t left = window->groups - from;
    bool shaped = (left == 1) || window_shape(window, from, "344") ||
                  window_shape(window, from, "38") || window_shape(window, from, "74") ||
                  window_shape(window, from, "335") || window_shape(window, from, "443") ||
                  (left == MOBILE_DIGITS && window_singles(window, from));
    // +86 glued to the first of several groups: "+86138 1234 5678".
    if (extra && !from) {
        shaped = left == 1 || (window->groups == 3 && window->first[1].count == 4 &&
                               window->first[2].count == 4);
    }
    struct str text = window->text;
    if (extra && *start > 0 && text.data[*start - 1] == '+') *start -= 1;
    if (extra && *start > 2 && memcmp(text.data + *start - 3, "＋", 3) == 0) *start -= 3;
    size_t end = window_end(window);
    return shaped && !is_glued_to_code(text, window_start(window), end) &&
           !is_number(text, window_start(window), end) &&
           !is_thing_number(text, window_start(window));
}

static bool is_card(const struct window *window) {
    if (window->lines || window->mixed || window->count > CARD_DIGITS_MOST) return false;
    size_t start = window_start(window), end = window_end(window);
    bool shaped = window->groups == 1 || window_shape(window, 0, "4444") ||
                  window_shape(window, 0, "4444*") || window_shape(window, 0, "465") ||
                  window_shape(window, 0, "6*") || window_singles(window, 0);
    if (!shaped || !luhn_valid(window->digit, window->count)) return false;
    return card_valid(window->digit, window->count, is_card_context(window->text, start, end)) &&
           !is_glued_to_code(window->text, start, end) && !is_number(window->text, start, end) &&
           !is_thing_number(window->text, start);
}

static bool window_test(const struct window *window, struct personal_hit *hit) {
    uint32_t start = (uint32_t)window_start(window), end = (uint32_t)window_end(window);
    if (window->count < MOBILE_DIGITS) return false;
    if (is_id(window, &end)) {
        hit->kind = PERSONAL_ID;
    } else if (is_card(window)) {
        hit->kind = PERSONAL_CARD;
    } else if (is_mobile(window, &start)) {
        hit->kind = PERSONAL_MOBILE;
    } else {
        return false;
    }
    hit->start = start;
    hit->size = end - start;
    hit->confidence = hit->kind == PERSONAL_MOBILE ? 95 : 100;
    return true;
}

// The longest hit among the windows that begin with groups[0]; returns its groups, 0 if none.
static uint32_t longest_from(struct str text, const struct digit_group *groups, uint32_t count,
                             struct personal_hit *hit) {
    struct window window = {.text = text, .first = groups};
    uint32_t best = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            enum gap gap = groups[i - 1].gap;
            window.lines |= gap == GAP_LINE;
            window.mixed |= gap != GAP_LINE && i > 1 && gap != groups[0].gap;
        }
        if (groups[i].count > WINDOW_DIGITS - window.count) break;
        // A group longer than is kept fails above once anything stands before it, here alone.
        if (groups[i].count > GROUP_DIGITS) break;
        memcpy(window.digit + window.count, groups[i].digit, groups[i].count);
        window.count += groups[i].count;
        window.groups = i + 1;
        if (window_test(&window, hit)) best = i + 1;
    }
    return best;
}

// ---- e-mail ------------------------------------------------------------------------------------

static bool is_local(char c) {
    return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-';
}

// End of the domain that begins at `at`: labels with dots, the last one letters; 0 if none.
static size_t domain_end(struct str text, size_t at) {
    size_t end = 0, label = at;
    bool dotted = false, letters = true;
    for (size_t i = at; i <= text.size && i - at <= 254; i++) {
        char c = i < text.size ? text.data[i] : '\0';
        if (is_letter(c)) continue;
        if (is_digit(c) || (c == '-' && i > label)) {
            letters = false;
            continue;
        }
        size_t size = i - label;
        if (size == 0 || size > 63) break;
        if (dotted && letters && size >= 2 && size <= 24) end = i;
        if (c != '.') break;
        dotted = true;
        letters = true;
        label = i + 1;
    }
    return end;
}

// An e-mail address around the @ at `at` that does not reach before `least`.
static bool email_around(struct str text, size_t at, size_t least, struct personal_hit *hit) {
    size_t sign = text.data[at] == '@' ? 1 : 3;
    size_t start = at;
    while (start > least && at - start < 64 && is_local(text.data[start - 1])) start--;
    while (start < at && (text.data[start] == '.' || text.data[start] == '-')) start++;
    if (start == at || text.data[at - 1] == '.') return false;
    size_t end = domain_end(text, at + sign);
    if (!end) return false;
    *hit = (struct personal_hit){
        .kind = PERSONAL_EMAIL,
        .start = (uint32_t)start,
        .size = (uint32_t)(end - start),
        .confidence = 100,
    };
    return true;
}

// Digits that are part of an e-mail address belong to it: "13812345678@example.com".
static void email_swallows(struct str text, size_t least, struct personal_hit *hit) {
    size_t at = hit->start + hit->size;
    size_t most = text.size - at > 64 ? at + 64 : text.size;
    while (at < most && is_local(text.data[at])) at++;
    bool sign = at < text.size && (text.data[at] == '@' ||
                                   (text.size - at >= 3 && memcmp(text.data + at, "＠", 3) == 0));
    struct personal_hit email;
    if (!sign || !email_around(text, at, least, &email)) return;
    if (email.start < hit->start + hit->size) *hit = email;
}

// ---- the scan ----------------------------------------------------------------------------------

struct scan {
    struct str text;
    uint32_t kinds;
    struct personal_hit *hits;
    size_t room, count;
    size_t at;     // where to look on
    size_t behind; // end of the last hit: the next one begins here or later
};

static void scan_add(struct scan *scan, const struct personal_hit *hit) {
    if (scan->kinds & PERSONAL_BIT(hit->kind)) {
        if (scan->count < scan->room) scan->hits[scan->count] = *hit;
        scan->count++;
    }
    scan->at = scan->behind = hit->start + hit->size;
}

// Takes the groups that hang together at scan->at; leaves scan->at behind what is dealt with.
static void scan_groups(struct scan *scan) {
    struct digit_group groups[GROUPS_MOST];
    uint32_t count = digit_groups_read(scan->text, scan->at, groups);
    bool more = groups[count - 1].gap != GAP_END;
    uint32_t digits = 0;
    for (uint32_t i = 0; i < count; i++) digits += groups[i].count;
    // The last groups of a cut run are left for the next call, which sees what follows them.
    uint32_t starts = more ? count / 2 : count;
    if (digits < MOBILE_DIGITS && !more) starts = 0;
    for (uint32_t i = 0; i < starts; i++) {
        struct personal_hit hit, later;
        uint32_t used = longest_from(scan->text, groups + i, count - i, &hit);
        if (!used) continue;
        for (uint32_t k = i + 1; k < i + used && k < starts; k++) {
            if (longest_from(scan->text, groups + k, count - k, &later) && later.size > hit.size) {
                used = 0;
                break;
            }
        }
        if (!used) continue;
        email_swallows(scan->text, scan->behind, &hit);
        scan_add(scan, &hit);
        return;
    }
    scan->at = starts < count && more ? groups[starts].start : groups[count - 1].end;
}

// Most digits in real text are ages, doses and prices. Where a short run of ASCII digits ends
// without a sign that could go on with it, the bytes of the run; else 0.
static size_t short_number(struct str text, size_t at) {
    size_t end = at;
    while (end < text.size && is_digit(text.data[end])) end++;
    if (end == at || end - at >= MOBILE_DIGITS) return 0;
    if (end == text.size) return end - at;
    uint8_t next = (uint8_t)text.data[end];
    bool may_go_on = next == ' ' || next == '-' || next == '\t' || next == '\n' || next == '\r' ||
                     next == 0xC2 || next == 0xE2 || next == 0xE3 || next == 0xEF;
    return may_go_on ? 0 : end - at;
}

size_t personal_scan(struct str text, uint32_t kinds, struct personal_hit *hits, size_t hits_room) {
    struct scan scan = {.text = text, .kinds = kinds, .hits = hits, .room = hits_room};
    while ((scan.at = digit_or_at_find(text, scan.at)) < text.size) {
        struct personal_hit hit;
        uint8_t value;
        uint32_t bytes;
        size_t number = short_number(text, scan.at);
        if (number) {
            scan.at += number;
        } else if (digit_at(text, scan.at, &value, &bytes)) {
            scan_groups(&scan);
        } else if (email_around(text, scan.at, scan.behind, &hit)) {
            scan_add(&scan, &hit);
        } else {
            scan.at++;
        }
    }
    if (kinds & PERSONAL_TAGGED) return tagger_add(text, kinds, hits, scan.count, hits_room);
    return scan.count;
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

bool personal_whole(struct str text, uint32_t kinds, enum personal_kind *out) {
    struct personal_hit hits[4]; // the tagger needs some to sort out
    struct str trimmed = trim_wide(text);
    if (personal_scan(trimmed, kinds, hits, 4) != 1) return false;
    if (hits[0].start != 0 || hits[0].size != trimmed.size) return false;
    *out = hits[0].kind;
    return true;
}
