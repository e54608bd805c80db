// Identifiers of digits alone. Windows of whole groups are held against what each kind allows; of
// the windows that begin with a group the longest wins.
#include <string.h>

#include "data/detect/finders_private.h"
#include "data/detect/fold_private.h"
#include "data/detect/identifier_private.h"

enum { WINDOW_DIGITS = CARD_DIGITS_MOST + 4 };

struct window {
    struct str text;
    size_t least;
    const struct digit_group *first;
    uint32_t groups;
    uint8_t digit[WINDOW_DIGITS + 1];
    uint32_t count;
    uint32_t lines; // line breaks within
    bool dots;      // a dot within
    bool mixed;     // more than one sort of gap, line breaks aside
    bool known;     // the context was read
    struct context context;
};

static size_t window_start(const struct window *window) {
    return window->first->start;
}

static size_t window_end(const struct window *window) {
    return window->first[window->groups - 1].end;
}

static const struct context *window_context(struct window *window) {
    if (!window->known) {
        context_read(window->text, window_start(window), window_end(window), &window->context);
    }
    window->known = true;
    return &window->context;
}

// ---- what stands beside ------------------------------------------------------------------------

// Letters in front of a number that say "call this", so that the number still counts.
static bool is_contact_word(const char *word) {
    static const char *const words[] = {
        "tel",    "phone",   "mobile", "mob",  "cell",   "call",    "ph",   "sms",      "wechat",
        "weixin", "vx",      "wx",     "v",    "qq",     "t",       "m",    "p",        "hp",
        "mp",     "contact", "no",     "id",   "card",   "account", "acct", "whatsapp", "alipay",
        "zfb",    "bank",    "fax",    "idno", "idcard", "imei",    "uscc", "sfz",      "sj",
        "dh",     "cardno",  "ip",     "ipv",  "mac",    "bssid",   "is",   "at"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(word, words[i]) == 0) return true;
    }
    return false;
}

bool is_behind_code(struct str text, size_t least, size_t start, bool *letters) {
    size_t at = start;
    uint32_t bytes, count = 0, character;
    char word[17];
    while (count < 16 && fold_letter(character = fold_before(text, least, at, &bytes))) {
        word[15 - count++] = (char)fold_lower(character);
        at -= bytes;
    }
    word[16] = '\0';
    *letters = count > 0;
    character = fold_before(text, least, at, &bytes);
    if (fold_alnum(character) || character == '_') return true;
    return count > 0 && !is_contact_word(word + 16 - count);
}

// A number that letters, digits or an underscore make part of a longer code.
static bool is_glued(const struct window *window) {
    struct str text = window->text;
    bool before;
    if (is_behind_code(text, window->least, window_start(window), &before)) return true;
    size_t at = window_end(window);
    uint32_t bytes, letters = 0, character;
    while (letters < 16 && fold_letter(character = fold_at(text, at, &bytes))) {
        letters++;
        at += bytes;
    }
    character = fold_at(text, at, &bytes);
    return (letters && before) || (letters && fold_digit(character)) || character == '_';
}

bool is_number(struct str text, size_t start, size_t end) {
    uint32_t bytes, next;
    uint32_t before = fold_before(text, 0, start, &bytes);
    if (before == '.' && fold_digit(fold_before(text, 0, start - bytes, &next))) return true;
    if (before == 0xA5 || before == 0xFFE5 || before == '$') return true;
    uint32_t after = fold_at(text, end, &bytes);
    if (after == '.' && fold_digit(fold_at(text, end + bytes, &next))) return true;
    return after == 0x5143 || after == '%'; // 元
}

// Stands alone, and directly before it no word says that it is the number of a thing.
static bool is_free(struct window *window) {
    return !is_glued(window) &&
           !is_number(window->text, window_start(window), window_end(window)) &&
           !context_says(window_context(window), LABEL_THING);
}

// ---- shapes ------------------------------------------------------------------------------------

// One character a group: its number of digits, or * for any.
static bool window_shape(const struct window *window, uint32_t from, const char *sizes) {
    uint32_t group = from;
    for (; *sizes; sizes++, group++) {
        if (group >= window->groups) return false;
        if (*sizes != '*' && window->first[group].count != (uint32_t)(*sizes - '0')) return false;
    }
    return group == window->groups;
}

static bool window_shaped(const struct window *window, uint32_t from, const char *const *shapes) {
    for (; *shapes; shapes++) {
        if (window_shape(window, from, *shapes)) return true;
    }
    return false;
}

// All groups of one size, the last one not larger: "1101 0119 9001 0112 37", "1 1 0 1 …".
static bool window_even(const struct window *window, uint32_t from) {
    uint8_t size = window->first[from].count;
    for (uint32_t i = from + 1; i + 1 < window->groups; i++) {
        if (window->first[i].count != size) return false;
    }
    return window->first[window->groups - 1].count <= size;
}

// One number with a line break in it and nothing else.
static bool window_split(const struct window *window) {
    return window->groups == 2 && window->lines == 1;
}

// Between the commas, tabs or bars of a table: a line break there ends a number.
static bool in_table(const struct window *window) {
    uint32_t bytes;
    uint32_t before = fold_before(window->text, 0, window_start(window), &bytes);
    uint32_t after = fold_at(window->text, window_end(window), &bytes);
    const char *signs = ",\t|;";
    return (before && before < 0x80 && strchr(signs, (int)before)) ||
           (after && after < 0x80 && strchr(signs, (int)after));
}

// ---- the kinds ---------------------------------------------------------------------------------

static bool is_id_old(struct window *window) {
    if (window->count != RESIDENT_ID_OLD_DIGITS || !resident_id_old_valid(window->digit)) {
        return false;
    }
    static const char *const shapes[] = {"663", "645", "6423", "62223", NULL};
    const struct context *context = window_context(window);
    bool says = context_has(context, LABEL_ID);
    bool whole = window->groups == 1;
    bool grouped = !window->dots && !window->mixed &&
                   (window_shaped(window, 0, shapes) || window_even(window, 0));
    if (!whole && !grouped && !window_split(window)) return false;
    if (!says && (!whole || !resident_id_region_issued(window->digit))) return false;
    return is_free(window) && !context_says(context, LABEL_IMEI);
}

static bool is_id(struct window *window, struct personal_hit *hit) {
    uint8_t digit[RESIDENT_ID_DIGITS];
    const struct digit_group *last = &window->first[window->groups - 1];
    bool with_x = window->count == RESIDENT_ID_DIGITS - 1 && last->x_end;
    if (window->count == RESIDENT_ID_OLD_DIGITS) {
        if (!is_id_old(window)) return false;
        unsigned sure = context_has(window_context(window), LABEL_ID) ? 95 : 80;
        hit_set(hit, PERSONAL_ID, window_start(window), last->end, sure);
        return true;
    }
    if (window->count != RESIDENT_ID_DIGITS && !with_x) return false;
    memcpy(digit, window->digit, RESIDENT_ID_DIGITS);
    if (with_x) digit[RESIDENT_ID_DIGITS - 1] = 10;
    if (window->dots || window->lines > 1 || !resident_id_valid(digit)) return false;
    hit_set(hit, PERSONAL_ID, window_start(window), with_x ? last->x_end : last->end,
            resident_id_region_issued(digit) ? 100 : 85);
    return true;
}

static bool is_uscc(struct window *window, struct personal_hit *hit) {
    if (window->count != USCC_PLACES || window->dots || window->lines > 1) return false;
    if (!uscc_valid(window->digit) || is_glued(window)) return false;
    bool says = context_has(window_context(window), LABEL_USCC);
    bool regular = !window->mixed && (window->groups <= 2 || window_even(window, 0));
    if (!says && !(regular && uscc_inner_valid(window->digit))) return false;
    if (context_says(&window->context, LABEL_THING)) return false;
    hit_set(hit, PERSONAL_USCC, window_start(window), window_end(window), 100);
    return true;
}

// 13812345678个, 13800138000mol: a number of something.
static bool is_counted(const struct window *window) {
    static const char *const units[] = {"人次", "人民币", "立方", "平方", "mol", "mg",
                                        "ml",   "kg",     "bp",   "iu",   "kb",  "bytes"};
    uint32_t bytes;
    size_t end = window_end(window), at = end;
    if (fold_takes(window->text, &at, "个")) {
        uint32_t c = fold_at(window->text, at, &bytes);
        return c != 0x4EBA && c != 0x4F53; // 个人 个体
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        at = end;
        if (fold_takes(window->text, &at, units[i])) return true;
    }
    return false;
}

// What stands before the digits of a mobile number and belongs to it: "+", "(+86)", "(86)".
static size_t country_start(const struct window *window, size_t start, bool country) {
    static const char *const forms[] = {"(+86)", "(86)", "(0086)", "+86)"};
    uint32_t bytes;
    if (country) {
        uint32_t before = fold_before(window->text, window->least, start, &bytes);
        return before == '+' ? start - bytes : start;
    }
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        size_t at = start, places = strlen(forms[i]);
        bool same = true;
        for (uint32_t gap = 0; gap < 2; gap++) {
            uint32_t before = fold_before(window->text, window->least, at, &bytes);
            if (fold_blank(before) || fold_dash(before)) at -= bytes;
        }
        for (size_t k = places; k > 0 && same; k--) {
            same = fold_before(window->text, window->least, at, &bytes) == (uint8_t)forms[i][k - 1];
            at -= bytes;
        }
        if (same) return at;
    }
    return start;
}

static bool mobile_shaped(const struct window *window, uint32_t from, bool country_glued) {
    static const char *const shapes[] = {"344", "38",  "74",  "335",  "443",   "56", "65",
                                         "353", "434", "326", "3224", "33311", NULL};
    uint32_t left = window->groups - from;
    // "+86138 1234 5678": the country is glued to the first of several groups.
    if (country_glued) return left == 1 || (left == 3 && window_shape(window, from, "*44"));
    if (left == 1 || window_shaped(window, from, shapes)) return true;
    return left > 2 && window_even(window, from) && window->first[from].count <= 3;
}

static bool is_mobile(struct window *window, struct personal_hit *hit) {
    const uint8_t *digit = window->digit;
    if (window->count < MOBILE_DIGITS || window->count > MOBILE_DIGITS + 4) return false;
    uint32_t extra = window->count - MOBILE_DIGITS, from = 0;
    if (extra == 1 || extra == 3 || !mobile_valid(digit + extra)) return false;
    if (extra == 2 && !(digit[0] == 8 && digit[1] == 6)) return false;
    if (extra == 4 && !(!digit[0] && !digit[1] && digit[2] == 8 && digit[3] == 6)) return false;
    if (extra && window->first[0].count == extra) from = 1;
    bool shaped = !window->lines && mobile_shaped(window, from, extra && !from);
    bool split = window->lines == 1 && window->groups - from == 2;
    if (window->mixed && window->groups > from + 2 && from == 0) shaped = false;
    if (split) shaped = context_has(window_context(window), LABEL_PHONE) || extra;
    const struct context *context = shaped ? window_context(window) : NULL;
    if (!shaped || !is_free(window)) return false;
    if (!context_has(context, LABEL_PHONE) && is_counted(window)) return false;
    // A number of eleven places that another word claims.
    bool other = context_says(context, LABEL_MRN) || context_says(context, LABEL_INSURANCE) ||
                 context_says(context, LABEL_OFFICER);
    if (other) return false;
    size_t start = country_start(window, window_start(window), extra > 0);
    hit_set(hit, PERSONAL_MOBILE, start, window_end(window), window->groups > from + 1 ? 90 : 95);
    return true;
}

static bool is_card(struct window *window, struct personal_hit *hit) {
    static const char *const shapes[] = {"4444", "4444*", "465", "6*", "88", "883", "466", NULL};
    if (window->count < CARD_DIGITS_LEAST || window->count > CARD_DIGITS_MOST || window->dots) {
        return false;
    }
    if (!luhn_valid(window->digit, window->count)) return false;
    const struct context *context = window_context(window);
    bool says = context_has(context, LABEL_CARD);
    bool regular = !window->mixed && (window_shaped(window, 0, shapes) || window_even(window, 0));
    bool shaped = window->groups == 1 || (window->lines == 0 && regular) || window_split(window) ||
                  (window->lines == 1 && regular) || (says && !window->mixed);
    if (!shaped || window->lines > 1) return false;
    if (window->lines && in_table(window) && !context_says(context, LABEL_CARD)) return false;
    if (!card_valid(window->digit, window->count, says) || !is_free(window)) return false;
    if (context_says(context, LABEL_IMEI)) return false;
    hit_set(hit, PERSONAL_CARD, window_start(window), window_end(window), says ? 100 : 90);
    return true;
}

static bool is_imei(struct window *window, struct personal_hit *hit) {
    static const char *const shapes[] = {"2661", "6261", "861", "663", "555", NULL};
    if (window->count < 15 || window->count > 16 || window->dots || window->lines > 1) return false;
    const struct context *context = window_context(window);
    enum label label = context_nearest(context, NULL);
    bool says = label == LABEL_IMEI || context_follows(context, LABEL_IMEI);
    bool luhn = window->count == 15 && luhn_valid(window->digit, 15);
    bool typed = imei_type_plausible(window->digit);
    if (!says && !(luhn && typed && window->groups == 1)) return false;
    if (says && !luhn && !(context_says(context, LABEL_IMEI) && (typed || window->count == 16))) {
        return false;
    }
    bool shaped = window->groups == 1 || window_shaped(window, 0, shapes) ||
                  window_even(window, 0) || window_split(window);
    if (!shaped || !is_free(window)) return false;
    hit_set(hit, PERSONAL_IMEI, window_start(window), window_end(window),
            says ? (luhn ? 100 : 80) : 60);
    return true;
}

static bool window_test(struct window *window, struct personal_hit *hit) {
    if (window->count < MOBILE_DIGITS) return false;
    window->known = false;
    return is_id(window, hit) || is_uscc(window, hit) || is_card(window, hit) ||
           is_mobile(window, hit) || is_imei(window, hit);
}

uint32_t find_digits(const struct view *view, const struct digit_group *groups, uint32_t count,
                     struct personal_hit *hit) {
    struct window window = {.text = view->text, .least = view->least, .first = groups};
    uint32_t best = 0;
    enum gap sort = GAP_END;
    for (uint32_t i = 0; i < count; i++) {
        enum gap gap = i > 0 ? groups[i - 1].gap : GAP_END;
        window.lines += gap == GAP_LINE;
        window.dots |= gap == GAP_DOT;
        window.mixed |= gap != GAP_END && gap != GAP_LINE && sort != GAP_END && gap != sort;
        if (gap != GAP_END && gap != GAP_LINE) sort = gap;
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
