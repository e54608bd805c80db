#include "base/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/number_private.h"

// Longer text is no number: an exact double's decimal form has at most 1077 characters.
enum { NUMBER_BYTES_MAX = 1100 };

// w * 10^q as the nearest double, ties to even, by one or two 64-bit multiplications with the
// leading bits of 5^q. False where that cannot decide: then the slow way must.
// Source: Lemire 2021, "Number parsing at a gigabyte per second".
static bool scaled(uint64_t w, int64_t q, double *out) {
    if (w == 0 || q < NUMBER_POWER_MIN) {
        *out = 0;
        return w == 0; // a tiny number: the slow way rounds it
    }
    if (q > NUMBER_POWER_MAX) return false;
    const uint64_t *power = number_powers[q - NUMBER_POWER_MIN];
    int zeros = __builtin_clzll(w);
    w <<= zeros;
    unsigned __int128 product = (unsigned __int128)w * power[0];
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    if ((high & 0x1FF) == 0x1FF) { // the next bits might carry into those that are kept
        uint64_t more = (uint64_t)((unsigned __int128)w * power[1] >> 64);
        low += more;
        if (low < more) high++;
        if (low == UINT64_MAX && (q < -27 || q > 55)) return false;
    }
    int top = (int)(high >> 63);
    uint64_t mantissa = high >> (top + 9); // 54 bits: one more than a double has
    int64_t exponent = (((152170 + 65536) * q) >> 16) + 63 + top - zeros + 1023;
    if (exponent <= 0) return false; // subnormal
    // Exactly between two doubles: only then round down to even.
    if (low <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 && mantissa << (top + 9) == high) {
        mantissa &= ~UINT64_C(1);
    }
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    if (mantissa >= UINT64_C(1) << 53) {
        mantissa = UINT64_C(1) << 52;
        exponent++;
    }
    if (exponent >= 0x7FF) return false; // too large for a double
    uint64_t bits = (mantissa & ~(UINT64_C(1) << 52)) | (uint64_t)exponent << 52;
    memcpy(out, &bits, sizeof bits);
    return true;
}

struct decimal {
    bool negative;
    bool cut;         // digits beyond the nineteenth were left out of `digits`
    uint64_t digits;  // the first 19 significant ones
    int64_t exponent; // of ten, for `digits`
};

static bool digit(char c) {
    return c >= '0' && c <= '9';
}

// Eight digits at once, all or nothing: neighbours are joined to pairs, pairs to fours, fours to
// eights within one word.
static bool eight_digits(const char *at, uint64_t *out) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t word;
    memcpy(&word, at, sizeof word);
    uint64_t over = word + UINT64_C(0x4646464646464646);
    uint64_t zeroed = word - UINT64_C(0x3030303030303030);
    if ((over | zeroed) & UINT64_C(0x8080808080808080)) return false;
    word = zeroed * 10 + (zeroed >> 8);
    word = ((word & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x000F424000000064) +
            (word >> 16 & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x0000271000000001)) >>
           32;
    *out = word;
    return true;
#else
    (void)at, (void)out;
    return false;
#endif
}

// Reads [+-]digits[.digits][e[+-]digits], the whole of it.
static bool scan(struct str s, struct decimal *out) {
    const char *at = s.data, *end = s.data + s.size;
    struct decimal decimal = {0};
    if (at < end && (*at == '-' || *at == '+')) decimal.negative = *at++ == '-';
    uint64_t digits = 0, eight;
    int significant = 0; // how many digits are in `digits`, without leading zeros
    bool point = false;
    size_t digit_count = 0;
    for (; at < end; at++) {
        if (*at == '.' && !point) {
            point = true;
            continue;
        }
        if (significant <= 11 && end - at >= 8 && eight_digits(at, &eight)) {
            digits = digits * 100000000 + eight;
            significant += significant || eight ? 8 : 0; // zeros in front of it cost only room
            digit_count += 8;
            decimal.exponent -= point ? 8 : 0;
            at += 7;
            continue;
        }
        if (!digit(*at)) break;
        digit_count++;
        if (significant < 19) {
            digits = digits * 10 + (uint64_t)(*at - '0');
            significant += significant || *at != '0';
            decimal.exponent -= point;
        } else {
            decimal.cut |= *at != '0';
            decimal.exponent += !point;
        }
    }
    if (digit_count == 0) return false;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        bool minus = at < end && *at == '-';
        if (at < end && (*at == '-' || *at == '+')) at++;
        if (at == end) return false;
        int64_t power = 0;
        for (; at < end && digit(*at); at++) {
            if (power < 100000) power = power * 10 + (*at - '0');
        }
        decimal.exponent += minus ? -power : power;
    }
    if (at != end) return false;
    decimal.digits = digits;
    *out = decimal;
    return true;
}

// strtod needs a closing NUL; it is correctly rounded in musl and glibc.
static bool parse_slowly(struct str s, double *out) {
    char text[NUMBER_BYTES_MAX + 1];
    if (!str_copy(text, sizeof text, s)) return false;
    double value = strtod(text, NULL);
    if (isinf(value)) return false;
    *out = value;
    return true;
}

bool number_parse(struct str s, double *out) {
    s = str_trim(s);
    struct decimal decimal;
    if (s.size > NUMBER_BYTES_MAX || !scan(s, &decimal)) return false;
    static const double tens[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    double value;
    int64_t power = decimal.exponent;
    if (decimal.digits <= UINT64_C(1) << 53 && power >= -22 && power <= 22 && !decimal.cut) {
        // Both are exact doubles, so one rounding is right (Clinger 1990).
        value = (double)decimal.digits;
        value = power < 0 ? value / tens[-power] : value * tens[power];
    } else {
        double next;
        if (!scaled(decimal.digits, power, &value)) return parse_slowly(s, out);
        // With digits left out the truth lies between digits and digits + 1.
        if (decimal.cut && (!scaled(decimal.digits + 1, power, &next) || next != value)) {
            return parse_slowly(s, out);
        }
    }
    *out = decimal.negative ? -value : value;
    return true;
}

bool integer_parse(struct str s, int64_t *out) {
    s = str_trim(s);
    const char *at = s.data, *end = s.data + s.size;
    bool negative = false;
    if (at < end && (*at == '-' || *at == '+')) negative = *at++ == '-';
    while (end - at > 1 && *at == '0') at++;
    if (at == end || end - at > 19) return false;
    uint64_t value = 0, eight;
    while (end - at >= 8 && eight_digits(at, &eight)) {
        value = value * 100000000 + eight;
        at += 8;
    }
    for (; at < end; at++) {
        if (!digit(*at)) return false;
        value = value * 10 + (uint64_t)(*at - '0'); // 19 digits fit in 64 bits
    }
    if (value > (uint64_t)INT64_MAX + (negative ? 1 : 0)) return false;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

// --- dates ---------------------------------------------------------------------------------------

// One or two digits (or exactly `exactly`); moves *at behind them.
static bool take_digits(struct str s, size_t *at, size_t least, size_t most, unsigned *out) {
    unsigned value = 0;
    size_t count = 0;
    while (count < most && *at < s.size && digit(s.data[*at])) {
        value = value * 10 + (unsigned)(s.data[(*at)++] - '0');
        count++;
    }
    *out = value;
    return count >= least;
}

static bool take_text(struct str s, size_t *at, struct str text) {
    if (!str_starts((struct str){s.data + *at, s.size - *at}, text)) return false;
    *at += text.size;
    return true;
}

static bool real_date(unsigned year, unsigned month, unsigned day, int64_t *out) {
    static const uint8_t days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1000 || year > 9999 || month < 1 || month > 12 || day < 1) return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > days[month] + (month == 2 && leap ? 1u : 0u)) return false;
    *out = days_from_civil(year, month, day);
    return true;
}

// A date at *at; moves *at behind it.
static bool take_date(struct str s, size_t *at, int64_t *out) {
    unsigned year, month, day;
    if (!take_digits(s, at, 4, 4, &year)) return false;
    if (*at < s.size && digit(s.data[*at])) { // 20261123
        return take_digits(s, at, 2, 2, &month) && take_digits(s, at, 2, 2, &day) &&
               !(*at < s.size && digit(s.data[*at])) && real_date(year, month, day, out);
    }
    if (take_text(s, at, STR("年"))) {
        return take_digits(s, at, 1, 2, &month) && take_text(s, at, STR("月")) &&
               take_digits(s, at, 1, 2, &day) &&
               (take_text(s, at, STR("日")) || take_text(s, at, STR("号"))) &&
               real_date(year, month, day, out);
    }
    if (*at == s.size) return false;
    char separator = s.data[*at];
    if (separator != '-' && separator != '/' && separator != '.') return false;
    ++*at;
    if (!take_digits(s, at, 1, 2, &month)) return false;
    if (*at == s.size || s.data[*at] != separator) return false;
    ++*at;
    return take_digits(s, at, 1, 2, &day) && real_date(year, month, day, out);
}

bool date_parse(struct str s, int64_t *out_days) {
    s = str_trim(s);
    size_t at = 0;
    int64_t days;
    if (!take_date(s, &at, &days) || at != s.size) return false;
    *out_days = days;
    return true;
}

// HH:MM[:SS[.fraction]][Z], or HH时MM分[SS秒].
static bool take_clock(struct str s, size_t *at, int64_t *out) {
    unsigned hour, minute, second = 0;
    if (!take_digits(s, at, 1, 2, &hour)) return false;
    if (take_text(s, at, STR("时"))) {
        if (!take_digits(s, at, 1, 2, &minute) || !take_text(s, at, STR("分"))) return false;
        if (*at < s.size && (!take_digits(s, at, 1, 2, &second) || !take_text(s, at, STR("秒")))) {
            return false;
        }
    } else {
        if (!take_text(s, at, STR(":")) || !take_digits(s, at, 2, 2, &minute)) return false;
        if (take_text(s, at, STR(":"))) {
            if (!take_digits(s, at, 2, 2, &second)) return false;
            if (take_text(s, at, STR("."))) {
                size_t start = *at;
                while (*at < s.size && digit(s.data[*at])) ++*at;
                if (*at == start) return false;
            }
        }
        (void)take_text(s, at, STR("Z"));
    }
    if (hour > 23 || minute > 59 || second > 59) return false;
    *out = (int64_t)hour * 3600 + minute * 60 + second;
    return true;
}

bool time_parse(struct str s, int64_t *out_seconds) {
    s = str_trim(s);
    size_t at = 0;
    int64_t days, seconds;
    if (!take_date(s, &at, &days) || at == s.size) return false;
    bool letter = s.data[at] == 'T', space = s.data[at] == ' ';
    if (letter) at++;
    while (space && at < s.size && s.data[at] == ' ') at++;
    // Chinese dates may be followed by the hour at once; digits after digits may not.
    if (!letter && !space && digit(s.data[at - 1])) return false;
    if (!take_clock(s, &at, &seconds) || at != s.size) return false;
    *out_seconds = days * 86400 + seconds;
    return true;
}

// What follows a clock of twelve hours: 12 AM is midnight, 12 PM noon.
static bool take_half(struct str s, size_t *at, int64_t *seconds) {
    if (*at == s.size) return true;
    while (*at < s.size && s.data[*at] == ' ') ++*at;
    bool late = take_text(s, at, STR("PM")) || take_text(s, at, STR("pm"));
    if (!late && !take_text(s, at, STR("AM")) && !take_text(s, at, STR("am"))) return false;
    int64_t hour = *seconds / 3600;
    if (hour < 1 || hour > 12) return false;
    *seconds += ((late ? 12 : 0) - (hour == 12 ? 12 : 0)) * 3600;
    return true;
}

bool month_first_parse(struct str s, int64_t *out_seconds, bool *out_clock, bool *out_sure) {
    s = str_trim(s);
    size_t at = 0;
    unsigned year, month, day;
    int64_t days, seconds = 0;
    if (!take_digits(s, &at, 1, 2, &month) || !take_text(s, &at, STR("/")) ||
        !take_digits(s, &at, 1, 2, &day) || !take_text(s, &at, STR("/")) ||
        !take_digits(s, &at, 4, 4, &year) || !real_date(year, month, day, &days)) {
        return false;
    }
    bool clock = at < s.size;
    if (clock && s.data[at] != ' ') return false;
    while (at < s.size && s.data[at] == ' ') at++;
    if (clock && (!take_clock(s, &at, &seconds) || !take_half(s, &at, &seconds))) return false;
    if (at != s.size) return false;
    *out_seconds = days * 86400 + seconds;
    *out_clock = clock;
    *out_sure = day > 12;
    return true;
}

static char *put_digits(char *out, unsigned value, int count) {
    for (int i = count - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + count;
}

void date_write(int64_t days, char out[static 16]) {
    // Years outside 0000-9999 cannot come from date_parse, but from arithmetic on a table's cells:
    // they are shown as the nearest day that has four digits.
    const int64_t least = -719528, most = 2932896; // 0000-01-01, 9999-12-31
    if (days < least) days = least;
    if (days > most) days = most;
    int64_t year;
    unsigned month, day;
    civil_from_days(days, &year, &month, &day);
    char *at = put_digits(out, (unsigned)year, 4);
    *at++ = '-';
    at = put_digits(at, month, 2);
    *at++ = '-';
    at = put_digits(at, day, 2);
    *at = '\0';
}

void time_write(int64_t seconds, char out[static 24]) {
    int64_t days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) rest += 86400, days--;
    date_write(days, out);
    char *at = out + 10;
    *at++ = ' ';
    at = put_digits(at, (unsigned)(rest / 3600), 2);
    *at++ = ':';
    at = put_digits(at, (unsigned)(rest / 60 % 60), 2);
    *at++ = ':';
    at = put_digits(at, (unsigned)(rest % 60), 2);
    *at = '\0';
}
