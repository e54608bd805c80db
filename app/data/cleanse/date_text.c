// Dates inside text, as people write them.
#include <string.h>

#include "base/clock.h"
#include "data/cleanse/date_private.h"

// ---- numbers and signs --------------------------------------------------------------------------

// The value of the digit at `at`, ASCII or full-width, and its bytes; -1 if there is none.
static int digit_at(struct str text, size_t at, size_t *bytes) {
    if (at >= text.size) return -1;
    uint8_t c = (uint8_t)text.data[at];
    *bytes = 1;
    if (c >= '0' && c <= '9') return c - '0';
    if (c != 0xEF || at + 3 > text.size || (uint8_t)text.data[at + 1] != 0xBC) return -1;
    uint8_t last = (uint8_t)text.data[at + 2];
    *bytes = 3;
    return last >= 0x90 && last <= 0x99 ? last - 0x90 : -1;
}

// 〇一二三四五六七八九 and 十 as 10; -1 for anything else. All have three bytes.
static int han_at(struct str text, size_t at) {
    static const char *const signs[] = {"〇", "一", "二", "三", "四", "五",
                                        "六", "七", "八", "九", "十", "零"};
    if (at + 3 > text.size || (uint8_t)text.data[at] < 0xE3) return -1;
    for (int i = 0; i < 12; i++) {
        if (memcmp(text.data + at, signs[i], 3) == 0) return i == 11 ? 0 : i;
    }
    return -1;
}

// A year by its four digits, a month or day as it is spoken: 十二, 二十, 三十一.
static bool han_read(struct str text, size_t *at, struct date_number *number, uint32_t *value) {
    uint32_t sum = 0, last = 0;
    bool tens = false;
    *number = (struct date_number){.start = *at, .han = true};
    for (int sign; (sign = han_at(text, *at)) >= 0; *at += 3) {
        if (++number->digits > 4 || (tens && sign == 10)) return false;
        if (sign == 10) {
            sum = 10 * (number->digits == 1 ? 1 : last);
            tens = true;
            last = 0;
        } else {
            last = tens ? (uint32_t)sign : last * 10 + (uint32_t)sign;
        }
    }
    number->size = *at - number->start;
    *value = sum + last;
    // 十 within a year, or three signs without it, is no number of a calendar.
    bool good = number->digits == 4 ? !tens : tens || number->digits == 1;
    if (tens && number->digits == 3) number->digits = 2;
    return good;
}

static bool digit_before(struct str text, size_t at) {
    size_t bytes;
    if (at >= 1 && text.data[at - 1] >= '0' && text.data[at - 1] <= '9') return true;
    if (at >= 3 && han_at(text, at) >= 0 && han_at(text, at - 3) >= 0) return true;
    return at >= 3 && digit_at(text, at - 3, &bytes) >= 0 && bytes == 3;
}

// A whole run of digits, at most eight, or of Chinese ones.
static bool number_read(struct str text, size_t *at, struct date_number *number, uint32_t *value) {
    size_t bytes, start = *at;
    if (han_at(text, start) >= 0) return han_read(text, at, number, value);
    int digit;
    *number = (struct date_number){.start = start};
    *value = 0;
    while ((digit = digit_at(text, *at, &bytes)) >= 0) {
        if (++number->digits > 8) return false;
        number->wide = bytes == 3;
        *value = *value * 10 + (uint32_t)digit;
        *at += bytes;
    }
    number->size = *at - start;
    return number->digits > 0;
}

static bool sign_read(struct str text, size_t *at, const char *sign) {
    size_t size = strlen(sign);
    if (*at + size > text.size || memcmp(text.data + *at, sign, size) != 0) return false;
    *at += size;
    return true;
}

static void space_skip(struct str text, size_t *at) {
    while (sign_read(text, at, " ") || sign_read(text, at, "　")) {
    }
}

// A character of the calendar, with spaces around it.
static bool word_read(struct str text, size_t *at, const char *word) {
    size_t next = *at;
    space_skip(text, &next);
    if (!sign_read(text, &next, word)) return false;
    space_skip(text, &next);
    *at = next;
    return true;
}

static const char *separator_read(struct str text, size_t *at) {
    static const char *const signs[] = {"-", "/", ".", "－", "／", "．"};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (sign_read(text, at, signs[i])) return signs[i];
    }
    return NULL;
}

// ---- dates --------------------------------------------------------------------------------------

struct reading {
    struct str text;
    struct date_found found;
    uint32_t year, month, day;
};

static uint32_t month_days(uint32_t year, uint32_t month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

static bool accept(struct reading *reading, size_t end) {
    size_t bytes;
    uint32_t day = reading->found.day.size ? reading->day : 15;
    if (reading->year < 1800 || reading->year > 2200) return false;
    if (reading->month < 1 || reading->month > 12 || day < 1) return false;
    if (day > month_days(reading->year, reading->month)) return false;
    // No part of a longer number: 10.2023.5.12, 2023.5.12.7.
    bool more = end + 1 < reading->text.size && memchr("./-", reading->text.data[end], 3) &&
                digit_at(reading->text, end + 1, &bytes) >= 0;
    if (digit_at(reading->text, end, &bytes) >= 0 || more) return false;
    reading->found.size = end - reading->found.start;
    reading->found.days = days_from_civil(reading->year, reading->month, day);
    return true;
}

static bool read_compact(struct reading *reading, uint32_t value, size_t end) {
    struct date_found *found = &reading->found;
    size_t start = found->year.start, each = found->year.wide ? 3 : 1;
    found->compact = true;
    bool wide = found->year.wide;
    found->year = (struct date_number){start, 4 * each, 4, wide, false};
    found->month = (struct date_number){start + 4 * each, 2 * each, 2, wide, false};
    found->day = (struct date_number){start + 6 * each, 2 * each, 2, wide, false};
    reading->year = value / 10000;
    reading->month = value / 100 % 100;
    reading->day = value % 100;
    // A code with letters in front is no date; nor is a number of another century.
    char before = start > 0 ? (char)(reading->text.data[start - 1] | 0x20) : ' ';
    return !(before >= 'a' && before <= 'z') && reading->year >= 1900 && reading->year < 2100 &&
           accept(reading, end);
}

// Behind a year of two or four digits: 年M月[D日].
static bool read_calendar(struct reading *reading, size_t at) {
    struct date_found *found = &reading->found;
    if (!number_read(reading->text, &at, &found->month, &reading->month)) return false;
    if (found->month.digits > 2) return false;
    space_skip(reading->text, &at);
    if (!sign_read(reading->text, &at, "月")) return false;
    size_t end = at, next = at;
    struct date_number day;
    space_skip(reading->text, &next);
    if (number_read(reading->text, &next, &day, &reading->day) && day.digits <= 2) {
        space_skip(reading->text, &next);
        if (sign_read(reading->text, &next, "日") || sign_read(reading->text, &next, "号")) {
            found->day = day;
            end = next;
        }
    }
    return accept(reading, end);
}

// Behind a year of four digits and a sign: M[sign D].
static bool read_signed(struct reading *reading, size_t at, const char *sign) {
    struct date_found *found = &reading->found;
    if (!number_read(reading->text, &at, &found->month, &reading->month)) return false;
    if (found->month.digits > 2) return false;
    size_t next = at;
    struct date_number day;
    if (sign_read(reading->text, &next, sign) &&
        number_read(reading->text, &next, &day, &reading->day) && day.digits <= 2) {
        found->day = day;
        return accept(reading, next);
    }
    return *sign == '-' && found->month.digits == 2 && accept(reading, at);
}

// Day and month before the year, told apart by what they can be: 12/25/2023, 25.12.2023.
static bool read_reversed(struct reading *reading, size_t at, const char *sign, uint32_t first) {
    struct date_found *found = &reading->found;
    struct date_number one = found->year, two;
    uint32_t second;
    if (!number_read(reading->text, &at, &two, &second) || two.digits > 2) return false;
    if (!sign_read(reading->text, &at, sign)) return false;
    if (!number_read(reading->text, &at, &found->year, &reading->year)) return false;
    if (found->year.digits != 4) return false;
    bool day_first = first > 12;
    found->month = day_first ? two : one;
    found->day = day_first ? one : two;
    reading->month = day_first ? second : first;
    reading->day = day_first ? first : second;
    return accept(reading, at);
}

// 5月12日 of the year told.
static bool read_yearless(struct reading *reading, size_t at, int64_t year) {
    struct date_found *found = &reading->found;
    found->month = found->year;
    found->year = (struct date_number){0};
    reading->month = reading->year;
    if (!number_read(reading->text, &at, &found->day, &reading->day)) return false;
    if (found->day.digits > 2) return false;
    space_skip(reading->text, &at);
    if (!sign_read(reading->text, &at, "日") && !sign_read(reading->text, &at, "号")) return false;
    reading->year = (uint32_t)year;
    if (reading->month == 2 && reading->day == 29) reading->year = 2000;
    return accept(reading, at);
}

static bool read_at(struct reading *reading, size_t at, int64_t year) {
    struct date_found *found = &reading->found;
    uint32_t value;
    *found = (struct date_found){.start = at};
    if (!number_read(reading->text, &at, &found->year, &value)) return false;
    uint8_t digits = found->year.digits;
    if (digits == 8) return read_compact(reading, value, at);
    size_t next = at;
    reading->year = value;
    if ((digits == 4 || (digits == 2 && !found->year.han)) &&
        word_read(reading->text, &next, "年")) {
        if (digits == 2) reading->year += value < 50 ? 2000 : 1900;
        return read_calendar(reading, next);
    }
    if (digits <= 2 && word_read(reading->text, &next, "月")) {
        return read_yearless(reading, next, year);
    }
    const char *sign = separator_read(reading->text, &next);
    if (!sign || found->year.han) return false;
    if (digits == 4) return read_signed(reading, next, sign);
    return digits <= 2 && read_reversed(reading, next, sign, value);
}

bool date_find(struct str text, size_t from, int64_t year, struct date_found *out) {
    struct reading reading = {.text = text};
    for (size_t at = from; at < text.size; at++) {
        size_t bytes;
        if (digit_at(text, at, &bytes) < 0 && han_at(text, at) < 0) continue;
        bool within = digit_before(text, at) ||
                      (at >= 2 && text.data[at - 1] == '.' && digit_before(text, at - 1));
        if (!within && read_at(&reading, at, year)) {
            *out = reading.found;
            return true;
        }
    }
    return false;
}

// ---- writing ------------------------------------------------------------------------------------

static void han_write(struct buf *out, const struct date_number *number, uint64_t value) {
    static const char *const signs[] = {"〇", "一", "二", "三", "四", "五", "六", "七", "八", "九"};
    if (number->digits == 4) {
        for (uint64_t unit = 1000; unit; unit /= 10) buf_add_text(out, signs[value / unit % 10]);
        return;
    }
    if (value >= 20) buf_add_text(out, signs[value / 10 % 10]);
    if (value >= 10) buf_add_text(out, "十");
    if (value % 10) buf_add_text(out, signs[value % 10]);
}

// In at least so many digits.
static void number_write(struct buf *out, const struct date_number *number, int least,
                         uint64_t value) {
    char digits[24];
    int count = 0;
    if (number->han) {
        han_write(out, number, value);
        return;
    }
    for (; value || count < least; value /= 10) digits[count++] = (char)(value % 10);
    while (count-- > 0) {
        char wide[3] = {(char)0xEF, (char)0xBC, (char)(0x90 + digits[count])};
        if (number->wide) {
            buf_add(out, wide, sizeof wide);
        } else {
            buf_add_char(out, (char)('0' + digits[count]));
        }
    }
}

// Whether a month or day below ten has a zero in front: where one stands, or where all have two
// digits between signs. 12月12日 becomes 1月11日, 2023-12-12 becomes 2024-01-11.
static bool is_padded(struct str text, const struct date_found *found) {
    const struct date_number *numbers[2] = {&found->month, &found->day};
    bool zero = false, all = true;
    for (int i = 0; i < 2; i++) {
        size_t bytes;
        if (numbers[i]->size == 0) continue;
        zero |= numbers[i]->digits == 2 && digit_at(text, numbers[i]->start, &bytes) == 0;
        all &= numbers[i]->digits == 2;
    }
    bool words = memmem(text.data + found->start, found->size, "月", 3) != NULL;
    return zero || (all && !words);
}

void date_write_shifted(struct str text, const struct date_found *found, int64_t days,
                        struct buf *out) {
    int64_t year;
    unsigned month, day;
    civil_from_days(found->days + days, &year, &month, &day);
    if (found->year.digits == 2) year %= 100;
    const struct date_number *numbers[3] = {&found->year, &found->month, &found->day};
    uint64_t values[3] = {(uint64_t)year, month, day};
    int least = is_padded(text, found) ? 2 : 1;
    size_t at = found->start, end = found->start + found->size;
    while (at < end) {
        int which = -1;
        for (int i = 0; i < 3; i++) {
            if (numbers[i]->size && numbers[i]->start == at) which = i;
        }
        if (which < 0) {
            buf_add_char(out, text.data[at++]);
        } else {
            number_write(out, numbers[which], which ? least : numbers[0]->digits, values[which]);
            at += numbers[which]->size;
        }
    }
}
