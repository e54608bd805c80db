// Hashes, keyed hashes, random bytes, password hashing. SHA-256 is our own, with a SHA-NI path and
// a portable one (Mbed TLS is 4 x slower, measured); the rest stands on it or on Mbed TLS. Any
// thread; a context belongs to one thread at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { SHA256_BYTES = 32, SHA256_HEX_SIZE = 65 };

struct hash {
    uint8_t bytes[SHA256_BYTES];
};

struct sha256 {
    uint32_t state[8];
    uint64_t size_bytes;
    uint8_t block[64];
    size_t block_used;
};

void sha256_start(struct sha256 *ctx);
void sha256_add(struct sha256 *ctx, const void *data, size_t size);
struct hash sha256_finish(struct sha256 *ctx);
struct hash sha256_of(const void *data, size_t size);
// The plain C path, whatever the CPU: the reference tests compare with.
struct hash sha256_reference(const void *data, size_t size);

bool hash_equal(const struct hash *a, const struct hash *b); // in constant time
void hash_hex(const struct hash *hash, char out[static SHA256_HEX_SIZE]);
bool hash_from_hex(struct str hex, struct hash *out); // 64 lower-case digits, else false

struct hash hmac_sha256(struct str key, struct str message);
// For very many messages under one key (pseudonyms): the key is absorbed once.
struct hmac_key {
    struct sha256 inner, outer;
};
void hmac_key_set(struct hmac_key *key, struct str secret);
struct hash hmac_with(const struct hmac_key *key, struct str message);

// From the kernel (getrandom); cannot fail after boot, aborts if it does.
void random_bytes(void *out, size_t size);
// `size` random characters of [a-z2-9] without l and o, NUL-terminated: out has size + 1 bytes.
void random_code(char *out, size_t size);
// What a person reads off one screen and types at another: "xxxx-xxxx-xxxx" of these letters.
enum { SHORT_CODE_LETTERS = 12, SHORT_CODE_SIZE = 15 }; // with its NUL; 60 bits
void short_code_make(char out[static SHORT_CODE_SIZE]);
bool short_code_is_one(struct str text); // it has that form
// As typed: any case, with or without the dashes. In constant time.
bool short_code_fits(const char *code, struct str typed);
bool bytes_equal(const void *a, const void *b, size_t size); // in constant time
void bytes_wipe(void *data, size_t size);                    // not optimised away

// PBKDF2-HMAC-SHA256 (RFC 8018): from a password and a salt `size` bytes, of which each
// 32 cost all the rounds.
void pbkdf2_sha256_fill(struct str password, struct str salt, uint32_t rounds, uint8_t *out,
                        size_t size);

// PBKDF2-HMAC-SHA256, 600,000 rounds (OWASP 2023), 16-byte salt. The stored form is one string,
// "pbkdf2-sha256$600000$SALT$HASH" in hex, at most PASSWORD_STORED_SIZE with its NUL.
enum { PASSWORD_STORED_SIZE = 160 };
void password_store(struct str password, char out[static PASSWORD_STORED_SIZE]);
// True if it fits. Takes the same time for a stored form that is malformed.
bool password_check(struct str password, struct str stored);
