// Detect: personal data in any text. Identifiers are found by their digits and letters, their
// check digits and the words beside them; names, addresses and institutions by a tagger. What
// is glued to Chinese characters, full-width, spaced or split by a line is found like any
// other. Depends on base/ and regions/. Pure functions, any thread; the same text gives the
// same hits everywhere.
//
// When you add a kind: its name in kind.c, messages "personal.NAME" and "mask.NAME", the word
// that stands for it (conceal.c), its test.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

// Named in every report, so that a later reader knows what was looked for. Change a rule, change
// this too.
#define DETECT_RULES "personal-4"

enum personal_kind {
    PERSONAL_ID, // resident identity number of 18 or 15 places; cards of Hong Kong, Macao, Taiwan
    PERSONAL_MOBILE, // mainland mobile number, +86 allowed
    PERSONAL_CARD,   // bank card, 13-19 digits, Luhn
    PERSONAL_EMAIL,
    PERSONAL_USCC,         // unified social credit code, 18 places, or an organisation code in it
    PERSONAL_LANDLINE,     // area code and number, 400 and 800 numbers
    PERSONAL_PASSPORT,     // Chinese passports
    PERSONAL_PERMIT,       // travel permits of Hong Kong, Macao, Taiwan
    PERSONAL_PLATE,        // vehicle plates
    PERSONAL_OFFICER,      // military officer's card
    PERSONAL_INSURANCE,    // medical or social insurance number, by the words beside it
    PERSONAL_MRN,          // admission, outpatient and record numbers, by the words beside them
    PERSONAL_WECHAT,       //
    PERSONAL_QQ,           //
    PERSONAL_URL,          //
    PERSONAL_IP,           // IPv4 and IPv6
    PERSONAL_MAC,          //
    PERSONAL_IMEI,         // Luhn
    PERSONAL_VIN,          // vehicle identification number, check digit
    PERSONAL_COORDINATES,  // longitude and latitude
    PERSONAL_BIRTH,        // a date of birth, by the words beside it
    PERSONAL_AGE,          // an age over 89
    PERSONAL_NAME,         // a person
    PERSONAL_ADDRESS,      //
    PERSONAL_ORGANISATION, // an institution
    PERSONAL_KIND_COUNT
};
// Sets of kinds: bit k stands for enum personal_kind k.
#define PERSONAL_BIT(kind) (UINT32_C(1) << (kind))
#define PERSONAL_ALL (PERSONAL_BIT(PERSONAL_KIND_COUNT) - 1)
// What only the tagger finds; it is slower by two orders of magnitude.
#define PERSONAL_TAGGED                                             \
    (PERSONAL_BIT(PERSONAL_NAME) | PERSONAL_BIT(PERSONAL_ADDRESS) | \
     PERSONAL_BIT(PERSONAL_ORGANISATION))
#define PERSONAL_IDENTIFIERS (PERSONAL_ALL & ~PERSONAL_TAGGED)
// What a check digit or a form that nothing else has proves.
#define PERSONAL_CERTAIN                                                                        \
    (PERSONAL_BIT(PERSONAL_ID) | PERSONAL_BIT(PERSONAL_MOBILE) | PERSONAL_BIT(PERSONAL_CARD) |  \
     PERSONAL_BIT(PERSONAL_EMAIL) | PERSONAL_BIT(PERSONAL_USCC) | PERSONAL_BIT(PERSONAL_IMEI) | \
     PERSONAL_BIT(PERSONAL_VIN))
// Beside kinds: of names, addresses and institutions rather one too many than one missed.
#define PERSONAL_PRIVACY (UINT32_C(1) << 31)
// Kinds that carry a check digit: what passes it is hardly ever anything else.
#define PERSONAL_CHECKED                                                                     \
    (PERSONAL_BIT(PERSONAL_ID) | PERSONAL_BIT(PERSONAL_CARD) | PERSONAL_BIT(PERSONAL_USCC) | \
     PERSONAL_BIT(PERSONAL_IMEI) | PERSONAL_BIT(PERSONAL_VIN))

const char *personal_kind_name(enum personal_kind kind); // "id", "mobile", …
bool personal_kind_from_name(struct str name, enum personal_kind *out);

struct personal_hit {
    uint32_t start, size; // bytes
    enum personal_kind kind;
    uint8_t confidence; // 1..100: 100 has a check digit or stands as nothing else can
};
// Finds personal data of the wanted kinds. Hits do not overlap and come in order. Returns their
// number; at most hits_room are stored.
size_t personal_scan(struct str text, uint32_t kinds, struct personal_hit *hits, size_t hits_room);
// Personal data that is the whole text, white space around it aside; *out untouched if it is not.
// Where one kind alone is asked for, that stands for the word beside the number.
bool personal_whole(struct str text, uint32_t kinds, enum personal_kind *out);

// What the tagger was taught, as a file; its first lines say on what, under which licences.
struct str detect_weights(void);
