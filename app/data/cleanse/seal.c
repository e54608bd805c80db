// Sealing: what a key opens again. A sealed value is text that survives files, databases and
// letters, in which no detector sees anything: only capital consonants between two brackets that
// hardly any text has.
//   ⟦ header | key's mark | [nonce] | AES-SIV ⟧    each byte two of sixteen letters
// The header says whether a nonce follows. Sealed is one byte for the type the value had in its
// column, then the value.
#include "data/cleanse/seal_private.h"

#include <string.h>

#include "base/assert.h"

static const char letters[] = "GHJKLMNPQRSTVWXZ";
#define OPENING "⟦"
#define CLOSING "⟧"
enum {
    BRACKET_BYTES = 3,
    HEADER_SAME = 0x10,  // version 1, no nonce
    HEADER_FRESH = 0x11, // version 1, a nonce
    NONCE_BYTES = 12,
    OVERHEAD_BYTES = 1 + SEAL_MARK_BYTES + NONCE_BYTES + SIV_TAG_BYTES,
};
static const struct str label = {"courtyard seal 1", 16};

void seal_key_set(struct seal_key *key, const struct hash *secret) {
    struct str whole = {(const char *)secret->bytes, sizeof secret->bytes};
    struct hash parts[2] = {hmac_sha256(whole, STR("courtyard seal 1 mac")),
                            hmac_sha256(whole, STR("courtyard seal 1 counter"))};
    _Static_assert(sizeof parts == SIV_KEY_BYTES, "two keys of AES-256");
    siv_key_set(&key->siv, (const uint8_t *)parts, sizeof parts);
    bytes_wipe(parts, sizeof parts);
    struct hash nonces = hmac_sha256(whole, STR("courtyard seal 1 nonces"));
    hmac_key_set(&key->nonces, (struct str){(const char *)nonces.bytes, sizeof nonces.bytes});
    bytes_wipe(&nonces, sizeof nonces);
    struct hash mark = hmac_sha256(whole, STR("courtyard seal 1 mark"));
    memcpy(key->mark, mark.bytes, sizeof key->mark);
}

// ---- letters ------------------------------------------------------------------------------------

static void letters_add(struct buf *out, const uint8_t *bytes, size_t size) {
    char *to = buf_reserve(out, 2 * size);
    if (!to) return;
    for (size_t i = 0; i < size; i++) {
        to[2 * i] = letters[bytes[i] >> 4];
        to[2 * i + 1] = letters[bytes[i] & 15];
    }
    out->size += 2 * size;
}

// The value of a letter, large or small; -1 for anything else.
static int letter_value(char c) {
    if (c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
    const char *found = c ? strchr(letters, c) : NULL;
    return found ? (int)(found - letters) : -1;
}

static bool letters_read(struct str text, uint8_t *out) {
    for (size_t i = 0; i < text.size; i++) {
        int value = letter_value(text.data[i]);
        if (value < 0) return false;
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | value : value << 4);
    }
    return true;
}

// ---- sealing ------------------------------------------------------------------------------------

static void nonce_make(const struct seal_key *key, const struct seal_spot *spot,
                       uint8_t out[static NONCE_BYTES]) {
    uint8_t where[16];
    for (int i = 0; i < 8; i++) where[i] = (uint8_t)(spot->row >> 8 * i);
    for (int i = 0; i < 4; i++) where[8 + i] = (uint8_t)(spot->column >> 8 * i);
    for (int i = 0; i < 4; i++) where[12 + i] = (uint8_t)(spot->nth >> 8 * i);
    struct hash hash = hmac_with(&key->nonces, (struct str){(const char *)where, sizeof where});
    memcpy(out, hash.bytes, NONCE_BYTES);
}

void seal_write(const struct seal_key *key, const struct seal_spot *fresh, uint8_t type,
                struct str value, struct buf *out) {
    char small[256];
    uint8_t head[1 + SEAL_MARK_BYTES + NONCE_BYTES], sealed_small[256 + SIV_TAG_BYTES];
    size_t head_bytes = 1 + SEAL_MARK_BYTES, size = 1 + value.size;
    struct buf work;
    buf_open(&work, 4 * (size_t)LIMIT_CELL_BYTES);
    char *plain = small;
    uint8_t *sealed = sealed_small;
    if (size > sizeof small) {
        plain = buf_reserve(&work, 2 * size + SIV_TAG_BYTES);
        if (!plain) {
            out->err = buf_err(&work);
            return;
        }
        sealed = (uint8_t *)plain + size;
    }
    plain[0] = (char)type;
    if (value.size) memcpy(plain + 1, value.data, value.size);
    head[0] = fresh ? HEADER_FRESH : HEADER_SAME;
    memcpy(head + 1, key->mark, SEAL_MARK_BYTES);
    if (fresh) {
        nonce_make(key, fresh, head + head_bytes);
        head_bytes += NONCE_BYTES;
    }
    struct str with[2] = {label, {(const char *)head, head_bytes}};
    siv_seal(&key->siv, with, 2, (struct str){plain, size}, sealed);
    buf_add_text(out, OPENING);
    letters_add(out, head, head_bytes);
    letters_add(out, sealed, size + SIV_TAG_BYTES);
    buf_add_text(out, CLOSING);
    bytes_wipe(plain, size);
    buf_close(&work);
}

// ---- opening ------------------------------------------------------------------------------------

bool seal_find(struct str text, size_t from, struct seal_found *out) {
    while (from < text.size) {
        const char *at = memmem(text.data + from, text.size - from, OPENING, BRACKET_BYTES);
        if (!at) return false;
        size_t start = (size_t)(at - text.data), end = start + BRACKET_BYTES;
        while (end < text.size && letter_value(text.data[end]) >= 0) end++;
        size_t count = end - start - BRACKET_BYTES;
        bool closed = text.size - end >= BRACKET_BYTES &&
                      memcmp(text.data + end, CLOSING, BRACKET_BYTES) == 0;
        uint8_t header = 0;
        if (closed && count % 2 == 0 && count >= 2 * (OVERHEAD_BYTES - NONCE_BYTES + 1)) {
            (void)letters_read((struct str){text.data + start + BRACKET_BYTES, 2}, &header);
        }
        bool fits =
            header == HEADER_SAME || (header == HEADER_FRESH && count >= 2 * (OVERHEAD_BYTES + 1));
        if (fits) {
            *out = (struct seal_found){.start = start, .size = end + BRACKET_BYTES - start};
            struct str mark = {text.data + start + BRACKET_BYTES + 2, 2 * SEAL_MARK_BYTES};
            return letters_read(mark, out->mark);
        }
        from = start + BRACKET_BYTES;
    }
    return false;
}

enum err seal_open(const struct seal_key *key, struct str token, uint8_t *type, struct buf *out) {
    struct str inner = {token.data + BRACKET_BYTES, token.size - 2 * (size_t)BRACKET_BYTES};
    size_t size = inner.size / 2;
    struct buf work;
    buf_open(&work, 4 * (size_t)LIMIT_CELL_BYTES);
    uint8_t *bytes = (uint8_t *)buf_reserve(&work, 2 * size);
    enum err err = buf_err(&work);
    if (err == OK) {
        bool read = letters_read(inner, bytes);
        cy_assert(read);
        size_t head = 1 + SEAL_MARK_BYTES + (bytes[0] == HEADER_FRESH ? NONCE_BYTES : 0);
        struct str with[2] = {label, {(const char *)bytes, head}};
        struct str sealed = {(const char *)bytes + head, size - head};
        uint8_t *plain = bytes + size;
        size_t plain_size = sealed.size - SIV_TAG_BYTES;
        if (memcmp(bytes + 1, key->mark, SEAL_MARK_BYTES) != 0 ||
            !siv_open(&key->siv, with, 2, sealed, plain)) {
            err = ERR_NOT_FOUND;
        } else {
            *type = plain[0];
            buf_add(out, plain + 1, plain_size - 1);
            bytes_wipe(plain, plain_size);
        }
    }
    buf_close(&work);
    return err;
}
