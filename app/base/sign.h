// Signatures: ECDSA over P-256 with SHA-256, deterministic (RFC 6979): the same key and hash give
// the same bytes. Keys travel as PEM (PKCS#8 or SEC1 in, SEC1 and SubjectPublicKeyInfo out), as
// openssl writes them. Stands on Mbed TLS. Any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/err.h"

enum { SIGN_SECRET_BYTES = 32, SIGN_PUBLIC_BYTES = 65, SIGNATURE_BYTES = 64 };

struct verify_key {
    uint8_t point[SIGN_PUBLIC_BYTES]; // uncompressed: 04 x y
};
struct sign_key {
    uint8_t secret[SIGN_SECRET_BYTES];
    struct verify_key open;
};

enum err sign_key_make(struct sign_key *out) MUST_USE;
// ERR_INPUT if it is no private (or public) key on P-256.
enum err sign_key_read(struct str pem, struct sign_key *out) MUST_USE;
enum err verify_key_read(struct str pem, struct verify_key *out) MUST_USE;
enum err sign_key_write(const struct sign_key *key, struct buf *pem) MUST_USE;
enum err verify_key_write(const struct verify_key *key, struct buf *pem) MUST_USE;
// r and s, each 32 bytes, big-endian.
enum err sign_hash(const struct sign_key *key, const struct hash *hash,
                   uint8_t out[static SIGNATURE_BYTES]) MUST_USE;
bool verify_hash(const struct verify_key *key, const struct hash *hash,
                 const uint8_t signature[static SIGNATURE_BYTES]) MUST_USE;
