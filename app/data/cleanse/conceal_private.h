// How one piece of personal data is concealed: partly by stars (138****5678), by a pseudonym that
// is the same for the same thing, by a word for its kind, sealed so that a key opens it again, by
// another value of the same form, by something broader, or taken away. Depends on base/, the
// detector's kinds and the cleanse headers; a struct conceal is read-only while parts run, any
// thread.
#pragma once

#include "base/buf.h"
#include "base/crypto.h"
#include "data/cleanse/cleanse.h"
#include "data/cleanse/seal_private.h"
#include "data/regions/regions.h"

enum how {
    HOW_MASK,
    HOW_PSEUDONYM,
    HOW_REPLACE,
    HOW_ENCRYPT,
    HOW_FORMAT,
    HOW_GENERALISE,
    HOW_REMOVE,
    HOW_COUNT
};

enum {
    KIND_UNKNOWN = PERSONAL_KIND_COUNT, // a value whose kind is not known
    PSEUDONYM_LETTERS = 16,             // 64 bits: one collision in 6 billion values, by chance
    STARS_MOST = 16,                    // how long a value was is nobody's business
};

// How broad: what a line of mask says, 0 where it does not.
struct broader {
    uint32_t width;          // of bands: 5 gives 35-39
    double round;            // numbers to multiples of it
    uint32_t digits;         // first characters that stay, of a postcode say
    enum region_level level; // of places
};
struct conceal {
    enum how how;
    bool equal_hidden; // sealed values: the same value differs from place to place
    struct hmac_key key;
    struct seal_key seal;
    struct ff1_key form;
    struct broader broader;
};
// What is to be concealed and where it stands.
struct piece {
    unsigned kind; // enum personal_kind, or KIND_UNKNOWN
    struct str text;
    struct seal_spot spot;
};

void conceal_start(struct conceal *conceal, enum how how, const struct hash *key);
// Appends what stands for the piece.
void conceal_write(const struct conceal *conceal, const struct piece *piece, struct buf *out);
// The kind a column's values are of, by the column's name ("身份证号", "patient_name"): a kind or
// KIND_UNKNOWN.
unsigned kind_of_column(struct str name);
// The kind of one value of such a column: what it is by its own digits goes first.
unsigned kind_of_value(unsigned column_kind, struct str value);

// ---- pseudonyms (conceal_pseudonym.c) -----------------------------------------------------------

// A word for the kind, "_" and 16 capital letters of the keyed hash of what the text means:
// "姓名_QWGTMHKZXRPLNJSV". There are no digits and no vowels in it, so that it is never taken for an
// identifier or a word, and capital letters only, so that a database that ignores case keeps them
// apart. Written full-width, in groups or with spaces, the same thing has the same pseudonym; the
// 15 digits of an old resident ID have that of its 18 digits.
void pseudonym_write(const struct hmac_key *key, unsigned kind, struct str text, struct buf *out);
// What is hashed: how a thing is written taken away, what it is left.
void meaning_write(unsigned kind, struct str text, struct buf *out);

// ---- stars (conceal_stars.c) --------------------------------------------------------------------

// Each kind shows what one may know of it: a plate its city, an address its city, a name its
// surname, an institution its sort, an age over 89 only that it is.
void stars_write(unsigned kind, struct str text, struct buf *out);
// Bytes of an address that name its province and city: "广东省深圳市" of "广东省深圳市南山区…"; 0 if it
// begins with neither.
size_t address_city_bytes(struct str address);
// Bytes of a name that are its surname (two characters for 欧阳 and the like).
size_t surname_bytes(struct str name);

// ---- the same form (conceal_format.c) -----------------------------------------------------------

// Another value of the same form: digits for digits, letters for letters, a date for a date; never
// a real identifier, as the detector's rules have it. One value, one outcome; there is no way back
// without the key, and none is offered with it.
void format_write(const struct ff1_key *key, unsigned kind, struct str text, struct buf *out);

// ---- broader (conceal_broader.c) ----------------------------------------------------------------

void broader_write(const struct broader *broader, unsigned kind, struct str text, struct buf *out);
// "35-39" for 37 in bands of 5.
void band_write(int64_t value, uint32_t width, struct buf *out);
