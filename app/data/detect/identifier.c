#include "data/detect/identifier_private.h"

#include <string.h>

#include "data/regions/regions.h"

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

bool province_exists(unsigned province) {
    return region_issued(province * 10000);
}

// A county that was issued, or at least its city was: no list of withdrawn codes is complete.
static bool region_plausible(unsigned region) {
    unsigned province = region / 10000;
    if (province == 71 || (province >= 81 && province <= 83)) return true;
    if (region_issued(region)) return true;
    if (!province_exists(province)) return false;
    unsigned city = region / 100 % 100;
    // A municipality has the parts 01 to 03, a province 90 for what it governs directly.
    if (province == 11 || province == 12 || province == 31 || province == 50) {
        return city >= 1 && city <= 3;
    }
    return city == 90 || region_issued(region / 100 * 100);
}

bool resident_id_region_issued(const uint8_t *digit) {
    unsigned region = number_of(digit, 6);
    return region_issued(digit[0] == 9 ? region / 1000 % 100 * 10000 : region);
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

bool hong_kong_id_valid(const char *code, size_t count) {
    // Weights 9 to 1 from the left; a missing first letter counts as 36, A as 10.
    unsigned sum = count == 8 ? 36 * 9 : 0, weight = (unsigned)count;
    if (count < 8 || count > 9) return false;
    for (size_t i = 0; i < count; i++, weight--) {
        bool letter = code[i] >= 'A' && code[i] <= 'Z';
        if (!letter && (code[i] < '0' || code[i] > '9')) return false;
        sum += (unsigned)(letter ? code[i] - 'A' + 10 : code[i] - '0') * weight;
    }
    return sum % 11 == 0;
}

bool taiwan_id_valid(const char code[static TAIWAN_ID_PLACES]) {
    static const uint8_t place[] = {10, 11, 12, 13, 14, 15, 16, 17, 34, 18, 19, 20, 21, // A to M
                                    22, 35, 23, 24, 25, 26, 27, 28, 29, 32, 30, 31, 33};
    if (code[0] < 'A' || code[0] > 'Z') return false;
    if (code[1] != '1' && code[1] != '2' && code[1] != '8' && code[1] != '9') return false;
    unsigned letter = place[code[0] - 'A'], sum = letter / 10 + letter % 10 * 9;
    for (unsigned i = 1; i < TAIWAN_ID_PLACES; i++) {
        if (code[i] < '0' || code[i] > '9') return false;
        sum += (unsigned)(code[i] - '0') * (i < 9 ? 9 - i : 1);
    }
    return sum % 10 == 0;
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

// ---- organisations -----------------------------------------------------------------------------

// GB 32100-2015: digits and letters without I, O, S, V, Z.
static const char uscc_alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";

uint8_t uscc_value(uint32_t character) {
    const char *place =
        character > 0 && character < 0x80 ? strchr(uscc_alphabet, (int)character) : NULL;
    return place ? (uint8_t)(place - uscc_alphabet) : UINT8_MAX;
}

bool uscc_valid(const uint8_t value[static USCC_PLACES]) {
    unsigned sum = 0, weight = 1;
    for (size_t i = 0; i < USCC_PLACES; i++) {
        if (value[i] > 30 || (i >= 2 && i < 8 && value[i] > 9)) return false;
        if (i < USCC_PLACES - 1) sum += value[i] * weight;
        weight = weight * 3 % 31;
    }
    char registrar = uscc_alphabet[value[0]];
    bool registered = (value[0] >= 1 && value[0] <= 9) || registrar == 'A' || registrar == 'N' ||
                      registrar == 'Y';
    unsigned region = number_of(value + 2, 6);
    bool placed = region == 100000 || province_exists(region / 10000);
    return registered && placed && value[1] != 0 && value[17] == (31 - sum % 31) % 31;
}

bool organisation_code_valid(const char code[static ORGANISATION_PLACES]) {
    static const uint8_t weight[] = {3, 7, 9, 10, 5, 8, 4, 2};
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof weight; i++) {
        bool digit = code[i] >= '0' && code[i] <= '9';
        if (!digit && !(code[i] >= 'A' && code[i] <= 'Z')) return false;
        sum += (unsigned)(digit ? code[i] - '0' : code[i] - 'A' + 10) * weight[i];
    }
    unsigned check = (11 - sum % 11) % 11;
    return code[8] == (check == 10 ? 'X' : (char)('0' + check));
}

bool uscc_inner_valid(const uint8_t value[static USCC_PLACES]) {
    char code[ORGANISATION_PLACES];
    for (size_t i = 0; i < sizeof code; i++) code[i] = uscc_alphabet[value[8 + i]];
    return organisation_code_valid(code);
}

// ---- things that belong to somebody ------------------------------------------------------------

// ISO 3779 and its check digit in the ninth place (49 CFR 565.15, GB 16735-2019).
bool vin_shaped(const char code[static VIN_PLACES]) {
    for (size_t i = 0; i < VIN_PLACES; i++) {
        bool digit = code[i] >= '0' && code[i] <= '9';
        bool letter = code[i] >= 'A' && code[i] <= 'Z';
        if (!digit && (!letter || code[i] == 'I' || code[i] == 'O' || code[i] == 'Q')) return false;
    }
    return true;
}

bool vin_valid(const char code[static VIN_PLACES]) {
    static const uint8_t weight[] = {8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2};
    static const uint8_t value[] = {1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, // A to M
                                    5, 0, 7, 0, 9, 2, 3, 4, 5, 6, 7, 8, 9};
    if (!vin_shaped(code)) return false;
    unsigned sum = 0;
    for (size_t i = 0; i < VIN_PLACES; i++) {
        bool digit = code[i] <= '9';
        sum += (unsigned)(digit ? code[i] - '0' : value[code[i] - 'A']) * weight[i];
    }
    return code[8] == (sum % 11 == 10 ? 'X' : (char)('0' + sum % 11));
}

// Type allocation codes begin with the body that gave them out; nearly all phones sold in China
// have one of TAF (86) or BABT (35).
bool imei_type_plausible(const uint8_t digit[static 15]) {
    unsigned body = number_of(digit, 2);
    return body == 35 || body == 86;
}
