// Sealed values inside text and columns: written by mask how=encrypt, opened by unmask. Depends on
// base/. A key is read-only once set; any thread.
#pragma once

#include "base/buf.h"
#include "base/cipher.h"
#include "base/crypto.h"
#include "base/limits.h"
#include "data/cleanse/cleanse.h"

struct seal_key {
    struct siv_key siv;
    struct hmac_key nonces;
    uint8_t mark[SEAL_MARK_BYTES]; // tells which key sealed; says nothing of the key
};
// Where a value stands: with it the same value is sealed otherwise at every place.
struct seal_spot {
    uint64_t row;
    uint32_t column, nth;
};
struct seal_found {
    size_t start, size;
    uint8_t mark[SEAL_MARK_BYTES];
};

void seal_key_set(struct seal_key *key, const struct hash *secret);
// Appends the value sealed. fresh NULL: the same value gives the same letters, under one key.
// `type`: enum column_type of the column it comes from, COLUMN_TEXT within text.
void seal_write(const struct seal_key *key, const struct seal_spot *fresh, uint8_t type,
                struct str value, struct buf *out);
// The next sealed value at or after `from`, whoever sealed it; false if there is none.
bool seal_find(struct str text, size_t from, struct seal_found *out);
// Appends the value of a token that seal_find has found. ERR_NOT_FOUND if another key sealed it or
// it was changed.
enum err seal_open(const struct seal_key *key, struct str token, uint8_t *type,
                   struct buf *out) MUST_USE;
