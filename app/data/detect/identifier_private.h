// Which digit strings can be an identifier: regions, real dates, check digits, issuers of cards.
// Digits come as values 0-9 (10 for the X of a resident ID), not as characters. Pure functions, any
// thread; depends on base/ only. The rules are versioned: change one, change DETECT_RULES too.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RESIDENT_ID_DIGITS = 18,
    RESIDENT_ID_OLD_DIGITS = 15,
    MOBILE_DIGITS = 11,
    CARD_DIGITS_LEAST = 13,
    CARD_DIGITS_MOST = 19,
    // Nobody alive was born before, nor was any number issued; the upper end keeps the answer
    // independent of the clock.
    BIRTH_YEAR_LEAST = 1880,
    BIRTH_YEAR_MOST = 2049,
};

// GB 11643-1999: region, birth date, sequence, check digit (ISO 7064 MOD 11-2). Includes the
// permits of residents from Hong Kong, Macao and Taiwan (81, 82, 83) and of foreigners (9).
bool resident_id_valid(const uint8_t digit[static RESIDENT_ID_DIGITS]);
// The check digit for the first 17: 0-10.
uint8_t resident_id_check_digit(const uint8_t digit[static RESIDENT_ID_DIGITS - 1]);
// The form issued until 1999: region, two-digit year, no check digit.
bool resident_id_old_valid(const uint8_t digit[static RESIDENT_ID_OLD_DIGITS]);
bool mobile_valid(const uint8_t digit[static MOBILE_DIGITS]);
// ISO/IEC 7812-1, annex B.
bool luhn_valid(const uint8_t *digit, size_t count);
// Luhn and an issuer and length that exist. `context`: a word nearby says that it is a card; then
// rarer lengths and issuers count too.
bool card_valid(const uint8_t *digit, size_t count, bool context);
