// Signatures: ECDSA over P-256 with SHA-256, deterministic (RFC 6979): the same key and hash give
// the same bytes. Keys travel as PEM (PKCS#8 or SEC1 in, SEC1 and SubjectPublicKeyInfo out), as
// openssl writes them. Stands on Mbed TLS. Any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/err.h"

enum {
    SIGN_SECRET_BYTES = 32,
    SIGN_PUBLIC_BYTES = 65,
    SIGNATURE_BYTES = 64,
    SIGNATURE_TEXT_BYTES = 512, // room for signature_write's
    FINGERPRINT_SIZE = 20,
};

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

// A signature and whose it is as a file of an archive; there is one way to write it:
// {"algorithm":"ecdsa-p256-sha256","public_key","signature"} in small hexadecimal digits.
void signature_write(struct buf *out, const struct verify_key *signer,
                     const uint8_t signature[static SIGNATURE_BYTES]);
// False unless it is what signature_write writes, to the last byte; says nothing of whether it is
// right.
bool signature_read(struct str text, struct verify_key *signer,
                    uint8_t out[static SIGNATURE_BYTES]) MUST_USE;
// A short name for a key: the first 16 hexadecimal digits of its SHA-256 in groups of four.
void verify_key_fingerprint(const struct verify_key *key, char out[static FINGERPRINT_SIZE]);
