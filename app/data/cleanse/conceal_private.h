// How one piece of personal data is concealed: masked (138****5678), replaced by a pseudonym that
// is the same for the same thing, replaced by a word for its kind, or taken away. Depends on base/
// and the cleanse headers; a struct conceal is read-only while parts run, any thread.
#pragma once

#include "base/buf.h"
#include "base/crypto.h"
#include "data/cleanse/cleanse.h"

enum how { HOW_MASK, HOW_PSEUDONYM, HOW_REPLACE, HOW_REMOVE };

enum {
    KIND_UNKNOWN = PERSONAL_KIND_COUNT, // a value whose kind is not known: a name, say
    PSEUDONYM_DIGITS = 16,              // 64 bits: one collision in 6 billion values, by chance
    PSEUDONYM_SIZE = PSEUDONYM_DIGITS + 2,
};

struct conceal {
    enum how how;
    struct hmac_key key;
};

void conceal_start(struct conceal *conceal, enum how how, const struct hash *key);
// Appends what stands for `text`, which is of the kind (enum personal_kind, or KIND_UNKNOWN).
void conceal_write(const struct conceal *conceal, unsigned kind, struct str text, struct buf *out);
// "P-" and 16 hexadecimal digits of the keyed hash of what the text means: an ID written full-width
// or in groups has the same pseudonym as written plainly.
void pseudonym_write(const struct hmac_key *key, unsigned kind, struct str text, struct buf *out);
