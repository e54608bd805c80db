// Dates of birth, by the words beside them, and ages over 89.
#include <string.h>

#include "data/detect/finders_private.h"
#include "data/detect/fold_private.h"
#include "data/detect/identifier_private.h"

enum { AGE_LEAST = 90, AGE_MOST = 130 };

struct date {
    size_t start, end;
    unsigned year, month, day; // 0: not said
};

static uint32_t number_take(struct str text, size_t *at, uint32_t most, unsigned *out) {
    uint32_t count = 0, bytes, c;
    unsigned value = 0;
    size_t place = *at;
    while (fold_digit(c = fold_at(text, place, &bytes))) {
        if (count == most) return 0;
        value = value * 10 + (c - '0');
        place += bytes;
        count++;
    }
    if (count == 0) return 0;
    *at = place;
    *out = value;
    return count;
}

// Chinese numerals: 〇 and 零 are 0; 十 is 10. -1: none.
static int numeral_at(struct str text, size_t at, uint32_t *bytes) {
    static const char digits[] = "〇一二三四五六七八九十";
    struct str all = {digits, sizeof digits - 1};
    uint32_t c = fold_at(text, at, bytes), size;
    if (c == 0x96F6 || c == 0x25CB) return 0; // 零 ○
    int value = 0;
    for (size_t i = 0; i < all.size; i += size, value++) {
        if (fold_at(all, i, &size) == c) return value;
    }
    return -1;
}

// A month or a day in words: 三, 十二, 二十, 廿三, 三十一, 初八; 正, 冬 and 腊 of the moon's months.
static bool word_take(struct str text, size_t *at, unsigned *out) {
    static const char *const moons[] = {"正", "冬", "腊"};
    static const unsigned months[] = {1, 11, 12};
    uint32_t bytes;
    size_t place = *at;
    for (size_t i = 0; i < 3; i++) {
        if (!fold_takes(text, at, moons[i])) continue;
        *out = months[i];
        return true;
    }
    bool twenty = fold_takes(text, &place, "廿");
    if (!twenty) (void)fold_takes(text, &place, "初");
    int first = numeral_at(text, place, &bytes);
    if (first > 0) place += bytes;
    unsigned value = (twenty ? 20 : 0) + (first > 0 ? (unsigned)first : 0);
    if (!twenty && first <= 0) return false;
    int next = numeral_at(text, place, &bytes);
    if (!twenty && first < 10 && next == 10) { // 二十
        value *= 10;
        place += bytes;
        next = numeral_at(text, place, &bytes);
    }
    if (value % 10 == 0 && next > 0 && next < 10) {
        value += (unsigned)next;
        place += bytes;
    }
    *at = place;
    *out = value;
    return value <= 31;
}

static bool part_take(struct str text, size_t *at, unsigned *out) {
    return number_take(text, at, 2, out) || word_take(text, at, out);
}

static bool date_plausible(const struct date *date) {
    if (date->year && (date->year < BIRTH_YEAR_LEAST || date->year > BIRTH_YEAR_MOST)) return false;
    return date->month >= 1 && date->month <= 12 && date->day <= 31;
}

// The sign between the parts of a date: one of -/. or the word, with blanks around it.
static bool part_sign(struct str text, size_t *at, const char *word, uint32_t *sign) {
    size_t place = fold_skip(text, *at, 2);
    uint32_t bytes, c = fold_at(text, place, &bytes);
    if (word && fold_takes(text, &place, word)) {
        c = 0x5E74;
    } else if (fold_dash(c) || c == '/' || c == '.') {
        c = fold_dash(c) ? '-' : c;
        place += bytes;
    } else {
        return false;
    }
    if (*sign && c != *sign) return false;
    *sign = c;
    *at = fold_skip(text, place, 2);
    return true;
}

// What follows 年: 1月1日, 三月十二日, 8月. The year is known.
static bool date_behind_year(struct str text, size_t at, struct date *out) {
    at = fold_skip(text, at, 2);
    if (!part_take(text, &at, &out->month) || !fold_takes(text, &at, "月")) return false;
    out->end = at;
    size_t behind = fold_skip(text, at, 2);
    if (part_take(text, &behind, &out->day)) {
        size_t word = fold_skip(text, behind, 1);
        bool day = fold_takes(text, &word, "日") || fold_takes(text, &word, "号");
        out->end = day ? word : behind;
    }
    return date_plausible(out);
}

// 1990年1月1日, 1990-01-01, 1990/1/1, 1990.01, 19900101
static bool date_from_year(struct str text, size_t at, struct date *out) {
    uint32_t sign = 0, count;
    *out = (struct date){.start = at};
    size_t place = at;
    count = number_take(text, &place, 8, &out->year);
    if (count == 8) {
        out->day = out->year % 100;
        out->month = out->year / 100 % 100;
        out->year /= 10000;
        out->end = place;
        return out->day > 0 && date_plausible(out);
    }
    if (count == 2 && fold_takes(text, &place, "年")) { // 85年3月12日生
        out->year += 1900;
        return date_behind_year(text, place, out);
    }
    if (count != 4 || !part_sign(text, &place, "年", &sign)) return false;
    if (sign == 0x5E74) return date_behind_year(text, place, out);
    if (!number_take(text, &place, 2, &out->month)) return false;
    out->end = place;
    if (part_sign(text, &place, NULL, &sign)) {
        if (!number_take(text, &place, 2, &out->day)) return false; // 1990.01. and nothing
        out->end = place;
    }
    return date_plausible(out);
}

// 5月20日
static bool date_from_month(struct str text, size_t at, struct date *out) {
    *out = (struct date){.start = at};
    size_t place = at;
    if (!number_take(text, &place, 2, &out->month) || !fold_takes(text, &place, "月")) return false;
    if (!number_take(text, &place, 2, &out->day)) return false;
    if (!fold_takes(text, &place, "日") && !fold_takes(text, &place, "号")) return false;
    out->end = place;
    return out->day > 0 && date_plausible(out);
}

static bool month_name(struct str text, size_t *at, unsigned *month) {
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};
    uint32_t width;
    if (!fold_letter(fold_at(text, *at, &width))) return false;
    for (unsigned i = 0; i < 12; i++) {
        size_t place = *at;
        char brief[4] = {names[i][0], names[i][1], names[i][2], '\0'};
        bool found = fold_takes(text, &place, names[i]) ||
                     (i == 8 && fold_takes(text, &place, "sept")) ||
                     fold_takes(text, &place, brief);
        uint32_t bytes;
        if (!found || fold_letter(fold_at(text, place, &bytes))) continue;
        *month = i + 1;
        (void)fold_takes(text, &place, ".");
        *at = fold_skip(text, place, 2);
        return true;
    }
    return false;
}

// 1 January 1990, 1st Jan. 1990; 05/12/1990 with the year last.
static bool date_from_day(struct str text, size_t at, struct date *out) {
    *out = (struct date){.start = at};
    size_t place = at;
    uint32_t sign = 0;
    if (!number_take(text, &place, 2, &out->day)) return false;
    size_t named = place;
    static const char *const ends[] = {"st", "nd", "rd", "th"};
    for (size_t i = 0; i < 4; i++) {
        if (fold_takes(text, &named, ends[i])) break;
    }
    named = fold_skip(text, named, 2);
    if (month_name(text, &named, &out->month)) {
        (void)fold_takes(text, &named, ",");
        named = fold_skip(text, named, 2);
        place = named;
    } else {
        if (!part_sign(text, &place, NULL, &sign) || !number_take(text, &place, 2, &out->month)) {
            return false;
        }
        if (!part_sign(text, &place, NULL, &sign)) return false;
        if (out->month > 12) {
            unsigned day = out->month;
            out->month = out->day;
            out->day = day;
        }
    }
    if (number_take(text, &place, 4, &out->year) != 4) return false;
    out->end = place;
    return out->day > 0 && date_plausible(out);
}

// January 1, 1990, seen from its day: the month stands before.
static bool date_behind_month(const struct view *view, size_t at, struct date *out) {
    struct str text = view->text;
    size_t start = at;
    uint32_t bytes, letters = 0;
    for (int signs = 0; signs < 2; signs++) {
        uint32_t c = fold_before(text, view->least, start, &bytes);
        if (fold_blank(c) || c == '.') start -= bytes;
    }
    while (letters < 9 && fold_letter(fold_before(text, view->least, start, &bytes))) {
        start -= bytes;
        letters++;
    }
    *out = (struct date){.start = start};
    size_t place = start;
    if (letters < 3 || !month_name(text, &place, &out->month) || place != at) return false;
    if (!number_take(text, &place, 2, &out->day)) return false;
    static const char *const ends[] = {"st", "nd", "rd", "th"};
    for (size_t i = 0; i < 4; i++) {
        if (fold_takes(text, &place, ends[i])) break;
    }
    (void)fold_takes(text, &place, ",");
    place = fold_skip(text, place, 2);
    if (number_take(text, &place, 4, &out->year) != 4) return false;
    out->end = place;
    return out->day > 0 && date_plausible(out);
}

// Right behind a date: 1990年1月1日出生, (生), born.
static bool birth_follows(struct str text, size_t at) {
    static const char *const words[] = {"出生", "生于", "生人", "诞生", "born", "的生日"};
    static const char *const others[] = {"生效", "生产", "生成", "生病", "生活"};
    at = fold_skip(text, at, 1);
    uint32_t bytes, c = fold_at(text, at, &bytes);
    if (c == '(' || c == ',') at = fold_skip(text, at + bytes, 1);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        size_t place = at;
        if (fold_takes(text, &place, others[i])) return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t place = at;
        if (fold_takes(text, &place, words[i])) return true;
    }
    size_t place = at;
    if (!fold_takes(text, &place, "生")) return false;
    c = fold_at(text, place, &bytes);
    return bytes == 0 || c < 0x80 || c == 0x3002 || c == 0x3001; // the sentence goes no further
}

// Whether the words beside a date make it one of birth. `whole`: its year is said.
static bool is_birth(const struct view *view, const struct date *date, bool whole,
                     struct personal_hit *hit) {
    struct str text = view->text;
    bool follows = birth_follows(text, date->end);
    struct context context;
    context_read(text, date->start, date->end, &context);
    const struct context_word *word = NULL;
    bool before = context_nearest(&context, &word) == LABEL_BIRTH && word->clear;
    bool direct = context_says(&context, LABEL_BIRTH);
    if (!whole && !direct) return false; // 5月20日 only as "生日：5月20日"
    if (!before && !follows && !context_follows(&context, LABEL_BIRTH)) return false;
    hit_set(hit, PERSONAL_BIRTH, date->start, date->end, direct ? 98 : follows ? 95 : 80);
    return true;
}

bool find_birth(const struct view *view, size_t at, struct personal_hit *hit) {
    struct str text = view->text;
    struct date date;
    if (!birth_is_near(text, at)) return false; // most dates
    bool whole = date_from_year(text, at, &date) || date_from_day(text, at, &date) ||
                 date_behind_month(view, at, &date);
    if (!whole && !date_from_month(text, at, &date)) return false;
    uint32_t bytes, c = fold_at(text, date.end, &bytes);
    if (fold_digit(c) || fold_digit(fold_before(text, view->least, date.start, &bytes)))
        return false;
    return is_birth(view, &date, whole, hit);
}

bool find_birth_in_words(const struct view *view, size_t at, struct personal_hit *hit) {
    struct str text = view->text;
    struct date date = {.start = at};
    uint32_t bytes, more;
    unsigned scale = 1;
    for (int digits = 0; digits < 4; digits++, scale *= 10) {
        (void)fold_before(text, view->least, date.start, &bytes);
        if (bytes != 3) return false;
        date.start -= bytes;
        int value = numeral_at(text, date.start, &more);
        if (value < 0 || value > 9) return false;
        date.year += (unsigned)value * scale;
    }
    if (!birth_is_near(text, at)) return false;
    if (!date_behind_year(text, at + 3, &date)) return false;
    return is_birth(view, &date, true, hit);
}

// ---- ages --------------------------------------------------------------------------------------

// 90多岁, 九十余岁, 90来岁: somewhat over.
static bool vague_take(struct str text, size_t *at) {
    return fold_takes(text, at, "多") || fold_takes(text, at, "余") || fold_takes(text, at, "几") ||
           fold_takes(text, at, "来");
}

// Behind a number: 岁, 周岁, years old. Returns the end, 0 if there is none.
static size_t years_end(struct str text, size_t at) {
    static const char *const words[] = {"周岁",      "岁",       "years old", "year old",
                                        "years-old", "year-old", "yrs old",   "years of age",
                                        "y/o",       "yo"};
    at = fold_skip(text, at, 1);
    if (!fold_takes(text, &at, "-")) (void)vague_take(text, &at);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t place = at;
        uint32_t bytes;
        if (!fold_takes(text, &place, words[i])) continue;
        if (i > 1 && fold_letter(fold_at(text, place, &bytes))) continue;
        return place;
    }
    return 0;
}

// 90岁以上, 80-90岁: a group of people, not one.
static bool is_range(const struct view *view, size_t start, size_t end) {
    static const char *const words[] = {"以上", "以下", "及以", "以内", "左右的老", "+"};
    uint32_t bytes, c = fold_before(view->text, view->least, start, &bytes);
    if (fold_dash(c) || c == '~' || c == 0x81F3 || c == 0x301C) { // 至
        if (fold_digit(fold_before(view->text, view->least, start - bytes, &bytes))) return true;
        c = fold_before(view->text, view->least, start - bytes, &bytes);
        if (c == 0x5C81) return true; // 80岁至90岁
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t place = end;
        if (fold_takes(view->text, &place, words[i])) return true;
    }
    return false;
}

// 九十二, 一百零三, 一百 before 岁.
static bool find_age_in_words(const struct view *view, size_t at, struct personal_hit *hit) {
    struct str text = view->text;
    uint32_t bytes, size, count = 0;
    size_t start = at;
    if (fold_before(text, view->least, start, &bytes) == 0x5468) start -= bytes; // 周岁
    (void)fold_before(text, view->least, start, &bytes);
    size_t vague = start - bytes;
    if (vague_take(text, &vague)) start -= bytes;
    size_t last = start;
    for (; count < 5; count++) {
        uint32_t c = fold_before(text, view->least, start, &bytes);
        if (c != 0x767E && numeral_at(text, start - bytes, &size) < 0) break; // 百
        start -= bytes;
    }
    size_t place = start;
    bool nineties = fold_takes(text, &place, "九十");
    bool hundred = !nineties && fold_takes(text, &place, "一百");
    if (hundred && !fold_takes(text, &place, "零")) (void)fold_takes(text, &place, "〇");
    int ones = numeral_at(text, place, &size);
    if (ones > 0 && ones < 10) place += size;
    (void)fold_at(text, at, &bytes);
    if ((!nineties && !hundred) || place != last || is_range(view, start, at + bytes)) return false;
    hit_set(hit, PERSONAL_AGE, start, at + bytes, 90);
    return true;
}

bool find_age(const struct view *view, size_t at, struct personal_hit *hit) {
    struct str text = view->text;
    if (anchor_at(text, at) == ANCHOR_SUI) return find_age_in_words(view, at, hit);
    unsigned age = 0;
    size_t place = at;
    uint32_t bytes, more, c = fold_before(text, view->least, at, &bytes);
    if (fold_digit(c) || c == '.' || c == '_') return false;
    if (!number_take(text, &place, 3, &age) || age < AGE_LEAST || age > AGE_MOST) return false;
    size_t years = years_end(text, place);
    if (is_range(view, at, years ? years : place)) return false;
    if (years) {
        hit_set(hit, PERSONAL_AGE, at, years, 95);
        return true;
    }
    struct context context;
    c = fold_at(text, place, &bytes);
    if (fold_alnum(c) || c == '%' || c == '/' || fold_dash(c) || c == 0x6708 || c == 0x5929 ||
        c == '_' || c == ':') {
        return false; // 月 天
    }
    if (c == '.' && fold_digit(fold_at(text, place + bytes, &more))) return false;
    context_read(text, at, place, &context);
    if (!context_says(&context, LABEL_AGE)) return false;
    hit_set(hit, PERSONAL_AGE, at, place, 90);
    return true;
}
