// The words beside a number that say what it is: "住院号", "QQ", "订单". Read once for a place in
// the text, 16 Chinese characters (48 bytes) to either side. Depends on base/ only; pure, any
// thread.
//
// When you add a word: in context_table.py, then run it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { CONTEXT_BYTES = 48 };

enum label {
    LABEL_NONE,
    LABEL_ID,
    LABEL_PHONE,
    LABEL_CARD,
    LABEL_USCC,
    LABEL_ORGCODE,
    LABEL_PASSPORT,
    LABEL_PERMIT,
    LABEL_PLATE,
    LABEL_OFFICER,
    LABEL_INSURANCE,
    LABEL_MRN,
    LABEL_WECHAT,
    LABEL_QQ,
    LABEL_MAIL,
    LABEL_URL,
    LABEL_IP,
    LABEL_MAC,
    LABEL_IMEI,
    LABEL_VIN,
    LABEL_PLACE, // coordinates
    LABEL_BIRTH,
    LABEL_AGE,
    LABEL_DATE,    // any other date
    LABEL_THING,   // orders, lots, parcels, invoices, drugs: a number of no person
    LABEL_VERSION, // what looks like an address of a network
    LABEL_MACAO,   // makes eight digits an identity card
    LABEL_COUNT
};
_Static_assert(LABEL_COUNT <= 32, "a set of labels is a word");

struct context_word {
    enum label label;
    uint16_t distance; // bytes between the word and the number
    bool direct;       // nothing but signs and words like 为 between them
    bool clear;        // no end of a sentence and no other number between them
};
struct context {
    struct context_word before, after; // the nearest; LABEL_NONE where there is none
    uint32_t labels;                   // of all words on either side: bit l stands for label l
};

// The table of words, those of one first character together and the longest first; and where they
// stand: open addressing by the hash of the first character, count 0 where nothing is.
struct context_entry {
    const char *text; // lower case
    uint8_t size;     // bytes
    uint8_t label;
};
struct context_slot {
    uint32_t key; // the bytes of a Chinese character, or one letter
    uint16_t first, count;
};
enum { CONTEXT_SLOTS = 1024 };
extern const struct context_entry context_entries[];
extern const struct context_slot context_slots[CONTEXT_SLOTS];

void context_read(struct str text, size_t start, size_t end, struct context *out);
// The same in two steps: the second one adds to the first.
void context_read_before(struct str text, size_t start, struct context *out);
void context_read_behind(struct str text, size_t end, struct context *out);
// The label of the nearest word in front, LABEL_NONE if there is none; *word may be NULL.
enum label context_nearest(const struct context *context, const struct context_word **word);
// The nearest word in front has this label and stands directly before the number.
bool context_says(const struct context *context, enum label label);
// The nearest word in front stands directly before the number and has another label than this one.
bool context_claims(const struct context *context, enum label but);
// Any word on either side has this label.
bool context_has(const struct context *context, enum label label);
// A word of this label stands directly behind the number: "12345678(QQ)".
bool context_follows(const struct context *context, enum label label);
