// The inside of crypto: the block functions that the dispatch chooses from, and PBKDF2 with open
// parameters, for tests against published vectors. Only crypto*.c and their tests include this.
#pragma once

#include "base/crypto.h"

// Mixes `count` blocks of 64 bytes into the state.
typedef void sha256_blocks_fn(uint32_t state[static 8], const uint8_t *blocks, size_t count);

// Plain C, any CPU.
void sha256_blocks_portable(uint32_t state[static 8], const uint8_t *blocks, size_t count);
// The path by instructions this CPU may have; NULL if it has them not. Each is compiled for its own
// architecture only.
#ifdef __x86_64__
sha256_blocks_fn *sha256_blocks_shani(void);
#endif
#ifdef __aarch64__
sha256_blocks_fn *sha256_blocks_armsha(void);
#endif

extern const uint32_t SHA256_ROUND[64];

// RFC 8018 PBKDF2 with HMAC-SHA256 for an output of one block (32 bytes). rounds >= 1.
struct hash pbkdf2_sha256(struct str password, struct str salt, uint32_t rounds);

// Fewer rounds for what is stored from now on, so that tests of sign-in take no minutes under an
// emulator. 0: the real number again.
void password_rounds_for_test(uint32_t rounds);
