// The inside of crypto: the block functions that the dispatch chooses from, and PBKDF2 with open
// parameters, for tests against published vectors. Only crypto*.c and their tests include this.
#pragma once

#include "base/crypto.h"

// Mixes `count` blocks of 64 bytes into the state.
typedef void sha256_blocks_fn(uint32_t state[static 8], const uint8_t *blocks, size_t count);

// Plain C, any CPU.
void sha256_blocks_portable(uint32_t state[static 8], const uint8_t *blocks, size_t count);
// The path for this CPU's instructions; NULL where it has none (or the build is for another
// architecture). crypto_shani.c on x86-64, crypto_armv8.c on aarch64.
sha256_blocks_fn *sha256_blocks_shani(void);
sha256_blocks_fn *sha256_blocks_armv8(void);

extern const uint32_t SHA256_ROUND[64];

// RFC 8018 PBKDF2 with HMAC-SHA256 for an output of one block (32 bytes). rounds >= 1.
struct hash pbkdf2_sha256(struct str password, struct str salt, uint32_t rounds);
