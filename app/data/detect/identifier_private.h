// Which digit strings can be an identifier: regions, real dates, check digits, issuers of
// cards. Digits come as values 0-9 (10 for the X of a resident ID), not as characters. Pure
// functions, any thread; depends on base/ and regions/. The rules are versioned: change one,
// change DETECT_RULES too.
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
    USCC_PLACES = 18,
    ORGANISATION_PLACES = 9,
    VIN_PLACES = 17,
    TAIWAN_ID_PLACES = 10,
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
// Hong Kong: one or two letters, six digits, a check digit (A for ten), eight or nine in all.
bool hong_kong_id_valid(const char *code, size_t count);
// Taiwan: a letter for the place, 1 or 2 (8 or 9 of foreigners), seven digits, a check digit.
bool taiwan_id_valid(const char code[static TAIWAN_ID_PLACES]);
bool mobile_valid(const uint8_t digit[static MOBILE_DIGITS]);
// ISO/IEC 7812-1, annex B.
bool luhn_valid(const uint8_t *digit, size_t count);
// Luhn and an issuer and length that exist. `context`: a word nearby says that it is a card; then
// rarer lengths and issuers count too.
bool card_valid(const uint8_t *digit, size_t count, bool context);

// Whether the county of an ID (its first six digits) was ever issued; of a foreigner, the province.
bool resident_id_region_issued(const uint8_t *digit);
// Unified social credit codes as values 0-30; UINT8_MAX for a character that has none.
uint8_t uscc_value(uint32_t character);
bool uscc_valid(const uint8_t value[static USCC_PLACES]);       // registrar, province, check digit
bool uscc_inner_valid(const uint8_t value[static USCC_PLACES]); // of the organisation code in it
bool organisation_code_valid(const char code[static ORGANISATION_PLACES]); // GB 11714-1997
bool vin_shaped(const char code[static VIN_PLACES]);
bool vin_valid(const char code[static VIN_PLACES]); // with its check digit
bool imei_type_plausible(const uint8_t digit[static 15]);
bool province_exists(unsigned province); // the first two digits of a division
