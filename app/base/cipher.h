// Encryption. AES-SIV (RFC 5297): authenticated, and safe without a nonce: the same text under the
// same key gives the same bytes and nothing else shows. With a nonce as the last of the associated
// texts nothing shows at all; a nonce used twice costs no more than that equality.
// FF1 (NIST SP 800-38G): digits encrypted to as many digits. Both stand on Mbed TLS's AES, which
// uses the processor's instructions. A key is read-only once set; any thread.
#pragma once

#include <mbedtls/aes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { SIV_TAG_BYTES = 16, SIV_KEY_BYTES = 64, SIV_TEXTS_MOST = 16 };

struct siv_key {
    mbedtls_aes_context mac, counter;
    uint8_t whole[16], partial[16]; // CMAC's subkeys K1 and K2
};
// `size` is 64 (AES-256, what we use) or 32 (AES-128, for published vectors).
void siv_key_set(struct siv_key *key, const uint8_t *secret, size_t size);
// Writes SIV_TAG_BYTES + text.size bytes.
void siv_seal(const struct siv_key *key, const struct str *associated, size_t associated_count,
              struct str text, uint8_t *out);
// Writes sealed.size - SIV_TAG_BYTES bytes; false, and zeros in out, if the bytes were not sealed
// with this key and these associated texts.
bool siv_open(const struct siv_key *key, const struct str *associated, size_t associated_count,
              struct str sealed, uint8_t *out) __attribute__((warn_unused_result));

// Digits as values 0-9. Below a million values (six digits) nothing is safe: FF1_DIGITS_LEAST.
enum { FF1_DIGITS_LEAST = 6, FF1_DIGITS_MOST = 56, FF1_TWEAK_MOST = 64 };
struct ff1_key {
    mbedtls_aes_context aes;
};
// `size` is 16, 24 or 32 bytes.
void ff1_key_set(struct ff1_key *key, const uint8_t *secret, size_t size);
// In place. What is encrypted under one tweak says nothing of what is under another.
void ff1_encrypt(const struct ff1_key *key, struct str tweak, uint8_t *digits, size_t count);
// One block of the bare cipher, in place: for what is smaller than FF1 takes.
void ff1_block(const struct ff1_key *key, uint8_t block[static 16]);
void ff1_decrypt(const struct ff1_key *key, struct str tweak, uint8_t *digits, size_t count);
