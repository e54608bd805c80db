#include "data/detect/identifier_private.h"

static unsigned number_of(const uint8_t *digit, size_t count) {
    unsigned value = 0;
    for (size_t i = 0; i < count; i++) value = value * 10 + digit[i];
    return value;
}

static bool date_real(unsigned year, unsigned month, unsigned day) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < BIRTH_YEAR_LEAST || year > BIRTH_YEAR_MOST) return false;
    if (month < 1 || month > 12 || day < 1) return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

static bool province_exists(unsigned province) {
    // GB/T 2260: by tens the last province of each great region; 71 is Taiwan.
    static const uint8_t last[] = {0, 15, 23, 37, 46, 54, 65, 71};
    unsigned tens = province / 10;
    bool first = province % 10 >= 1 || province == 50; // Chongqing stands before its region's first
    return tens >= 1 && tens <= 7 && first && province <= last[tens];
}

// GB/T 2260 with withdrawn codes: a municipality has the parts 01-03, a province the cities 01-20,
// the prefectures and leagues 21-53 and 90 for what it governs directly.
static bool region_plausible(unsigned region) {
    unsigned province = region / 10000, city = region / 100 % 100;
    if (province >= 81 && province <= 83) return region % 10000 == 0;
    if (!province_exists(province)) return false;
    if (province == 71) return true;
    bool municipality = province == 11 || province == 12 || province == 31 || province == 50;
    if (municipality) return city >= 1 && city <= 3;
    return (city >= 1 && city <= 53) || city == 90;
}

uint8_t resident_id_check_digit(const uint8_t digit[static RESIDENT_ID_DIGITS - 1]) {
    static const uint8_t weight[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof weight; i++) sum += (unsigned)digit[i] * weight[i];
    return (uint8_t)((12 - sum % 11) % 11);
}

bool resident_id_valid(const uint8_t digit[static RESIDENT_ID_DIGITS]) {
    for (size_t i = 0; i < RESIDENT_ID_DIGITS - 1; i++) {
        if (digit[i] > 9) return false;
    }
    unsigned region = number_of(digit, 6);
    // A foreigner's permit: 9, then the province that issued it, then a nationality.
    bool placed =
        digit[0] == 9 ? province_exists(number_of(digit + 1, 2)) : region_plausible(region);
    return placed &&
           date_real(number_of(digit + 6, 4), number_of(digit + 10, 2), number_of(digit + 12, 2)) &&
           digit[17] == resident_id_check_digit(digit);
}

bool resident_id_old_valid(const uint8_t digit[static RESIDENT_ID_OLD_DIGITS]) {
    for (size_t i = 0; i < RESIDENT_ID_OLD_DIGITS; i++) {
        if (digit[i] > 9) return false;
    }
    unsigned region = number_of(digit, 6);
    return region < 700000 && region_plausible(region) && region % 100 != 0 &&
           date_real(1900 + number_of(digit + 6, 2), number_of(digit + 8, 2),
                     number_of(digit + 10, 2));
}

bool mobile_valid(const uint8_t digit[static MOBILE_DIGITS]) {
    if (digit[0] != 1 || digit[1] < 3 || digit[1] > 9) return false;
    for (size_t i = 2; i < MOBILE_DIGITS; i++) {
        if (digit[i] > 9) return false;
    }
    return true;
}

bool luhn_valid(const uint8_t *digit, size_t count) {
    unsigned sum = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned value = digit[count - 1 - i];
        if (value > 9) return false;
        if (i % 2 == 1) value = value * 2 > 9 ? value * 2 - 9 : value * 2;
        sum += value;
    }
    return count > 0 && sum % 10 == 0;
}

// Issuer ranges by the first four digits. Bit n of `lengths`: cards of n digits exist.
struct issuer {
    uint16_t first, last;
    uint32_t lengths;
};
#define BIT(n) (1u << (n))
static const struct issuer issuers[] = {
    {2221, 2720, BIT(16)},                               // Mastercard
    {3400, 3499, BIT(15)},                               // American Express
    {3700, 3799, BIT(15)},                               //
    {3528, 3589, BIT(16)},                               // JCB
    {4000, 4999, BIT(16) | BIT(18) | BIT(19)},           // Visa, and Chinese debit cards on it
    {5100, 5599, BIT(16) | BIT(19)},                     // Mastercard
    {6000, 6099, BIT(16) | BIT(17) | BIT(18) | BIT(19)}, // Discover, older Chinese debit cards
    {6200, 6299, BIT(16) | BIT(17) | BIT(18) | BIT(19)}, // UnionPay
    {6400, 6599, BIT(16)},                               // Discover
    {6858, 6858, BIT(16) | BIT(18)},                     // older Chinese debit cards
    {6907, 6907, BIT(15) | BIT(16) | BIT(18)},           //
    {9558, 9559, BIT(19)},                               // ICBC, ABC
};

bool card_valid(const uint8_t *digit, size_t count, bool context) {
    if (count < CARD_DIGITS_LEAST || count > CARD_DIGITS_MOST) return false;
    if (!luhn_valid(digit, count)) return false;
    // Diners Club (14) and Visa's first cards (13) are so rare, and numbers of that length so
    // common, that only a word nearby makes them cards.
    if (context) return digit[0] >= 2 && digit[0] != 7 && digit[0] != 8;
    unsigned prefix = number_of(digit, 4);
    for (size_t i = 0; i < sizeof issuers / sizeof issuers[0]; i++) {
        if (prefix >= issuers[i].first && prefix <= issuers[i].last) {
            return (issuers[i].lengths & BIT(count)) != 0;
        }
    }
    return false;
}
