#include "base/crypto.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/assert.h"
#include "base/crypto_private.h"

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4).
const uint32_t SHA256_ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turn(uint32_t x, int bits) {
    return x >> bits | x << (32 - bits);
}

static uint32_t load_be32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void store_be32(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

void sha256_blocks_portable(uint32_t state[static 8], const uint8_t *blocks, size_t count) {
    for (; count > 0; count--, blocks += 64) {
        uint32_t w[64];
        for (int i = 0; i < 16; i++) w[i] = load_be32(blocks + 4 * i);
        for (int i = 16; i < 64; i++) {
            uint32_t s0 = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3;
            uint32_t s1 = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10;
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        for (int i = 0; i < 64; i++) {
            uint32_t s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
            uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + SHA256_ROUND[i] + w[i];
            uint32_t s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22);
            uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + t1;
            d = c, c = b, b = a, a = t1 + t2;
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d;
        state[4] += e, state[5] += f, state[6] += g, state[7] += h;
    }
}

// The best path for this CPU, found once. Two threads that race find the same.
static sha256_blocks_fn *blocks_best(void) {
    static _Atomic(sha256_blocks_fn *) chosen;
    sha256_blocks_fn *best = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (best) return best;
#ifdef __x86_64__
    best = sha256_blocks_shani();
#endif
#ifdef __aarch64__
    best = sha256_blocks_armsha();
#endif
    if (!best) best = sha256_blocks_portable;
    atomic_store_explicit(&chosen, best, memory_order_relaxed);
    return best;
}

void sha256_start(struct sha256 *ctx) {
    static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(ctx->state, first, sizeof first);
    ctx->size_bytes = 0;
    ctx->block_used = 0;
}

static void add_with(sha256_blocks_fn *blocks, struct sha256 *ctx, const void *data, size_t size) {
    const uint8_t *from = data;
    if (size == 0) return;
    ctx->size_bytes += size;
    if (ctx->block_used > 0) {
        size_t part = sizeof ctx->block - ctx->block_used;
        if (part > size) part = size;
        memcpy(ctx->block + ctx->block_used, from, part);
        ctx->block_used += part;
        from += part;
        size -= part;
        if (ctx->block_used < sizeof ctx->block) return;
        blocks(ctx->state, ctx->block, 1);
        ctx->block_used = 0;
    }
    if (size >= 64) {
        blocks(ctx->state, from, size / 64);
        from += size / 64 * 64;
        size %= 64;
    }
    if (size > 0) memcpy(ctx->block, from, size);
    ctx->block_used = size;
}

static struct hash finish_with(sha256_blocks_fn *blocks, struct sha256 *ctx) {
    uint64_t size_bits = ctx->size_bytes * 8;
    ctx->block[ctx->block_used++] = 0x80;
    if (ctx->block_used > 56) {
        memset(ctx->block + ctx->block_used, 0, sizeof ctx->block - ctx->block_used);
        blocks(ctx->state, ctx->block, 1);
        ctx->block_used = 0;
    }
    memset(ctx->block + ctx->block_used, 0, 56 - ctx->block_used);
    store_be32(ctx->block + 56, (uint32_t)(size_bits >> 32));
    store_be32(ctx->block + 60, (uint32_t)size_bits);
    blocks(ctx->state, ctx->block, 1);
    struct hash hash;
    for (int i = 0; i < 8; i++) store_be32(hash.bytes + 4 * i, ctx->state[i]);
    bytes_wipe(ctx, sizeof *ctx);
    return hash;
}

void sha256_add(struct sha256 *ctx, const void *data, size_t size) {
    add_with(blocks_best(), ctx, data, size);
}

struct hash sha256_finish(struct sha256 *ctx) {
    return finish_with(blocks_best(), ctx);
}

struct hash sha256_of(const void *data, size_t size) {
    struct sha256 ctx;
    sha256_start(&ctx);
    sha256_add(&ctx, data, size);
    return sha256_finish(&ctx);
}

struct hash sha256_reference(const void *data, size_t size) {
    struct sha256 ctx;
    sha256_start(&ctx);
    add_with(sha256_blocks_portable, &ctx, data, size);
    return finish_with(sha256_blocks_portable, &ctx);
}

// ---- hashes as values ------------------------------------------------------------------------

bool bytes_equal(const void *a, const void *b, size_t size) {
    const volatile uint8_t *left = a, *right = b;
    uint8_t differences = 0;
    for (size_t i = 0; i < size; i++) differences = (uint8_t)(differences | (left[i] ^ right[i]));
    return differences == 0;
}

bool hash_equal(const struct hash *a, const struct hash *b) {
    return bytes_equal(a->bytes, b->bytes, sizeof a->bytes);
}

static void hex_write(const uint8_t *data, size_t size, char *out) {
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = "0123456789abcdef"[data[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[data[i] & 15];
    }
    out[2 * size] = '\0';
}

static bool hex_read(struct str hex, uint8_t *out, size_t size) {
    if (hex.size != 2 * size) return false;
    for (size_t i = 0; i < 2 * size; i++) {
        char c = hex.data[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return false;
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | digit : digit << 4);
    }
    return true;
}

void hash_hex(const struct hash *hash, char out[static SHA256_HEX_SIZE]) {
    hex_write(hash->bytes, sizeof hash->bytes, out);
}

bool hash_from_hex(struct str hex, struct hash *out) {
    struct hash hash;
    if (!hex_read(hex, hash.bytes, sizeof hash.bytes)) return false;
    *out = hash;
    return true;
}

void bytes_wipe(void *data, size_t size) {
    memset(data, 0, size);
    __asm__ volatile("" : : "r"(data) : "memory");
}

// ---- keyed hashes ----------------------------------------------------------------------------

void hmac_key_set(struct hmac_key *key, struct str secret) {
    uint8_t block[64] = {0};
    if (secret.size > sizeof block) {
        struct hash hash = sha256_of(secret.data, secret.size);
        memcpy(block, hash.bytes, sizeof hash.bytes);
    } else if (secret.size > 0) {
        memcpy(block, secret.data, secret.size);
    }
    for (size_t i = 0; i < sizeof block; i++) block[i] ^= 0x36;
    sha256_start(&key->inner);
    sha256_add(&key->inner, block, sizeof block);
    for (size_t i = 0; i < sizeof block; i++) block[i] ^= 0x36 ^ 0x5c;
    sha256_start(&key->outer);
    sha256_add(&key->outer, block, sizeof block);
    bytes_wipe(block, sizeof block);
}

struct hash hmac_with(const struct hmac_key *key, struct str message) {
    struct sha256 ctx = key->inner;
    sha256_add(&ctx, message.data, message.size);
    struct hash inner = sha256_finish(&ctx);
    ctx = key->outer;
    sha256_add(&ctx, inner.bytes, sizeof inner.bytes);
    return sha256_finish(&ctx);
}

struct hash hmac_sha256(struct str key, struct str message) {
    struct hmac_key absorbed;
    hmac_key_set(&absorbed, key);
    struct hash hash = hmac_with(&absorbed, message);
    bytes_wipe(&absorbed, sizeof absorbed);
    return hash;
}

// ---- random ----------------------------------------------------------------------------------

void random_bytes(void *out, size_t size) {
    uint8_t *at = out;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR) continue;
        cy_assert(got > 0);
        at += got;
        size -= (size_t)got;
    }
}

void random_code(char *out, size_t size) {
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    _Static_assert(sizeof letters - 1 == 32, "five bits choose a letter without bias");
    random_bytes(out, size);
    for (size_t i = 0; i < size; i++) out[i] = letters[(uint8_t)out[i] & 31];
    out[size] = '\0';
}

void short_code_make(char out[static SHORT_CODE_SIZE]) {
    char letters[SHORT_CODE_LETTERS + 1];
    random_code(letters, SHORT_CODE_LETTERS);
    for (int i = 0; i < 3; i++) {
        memcpy(out + 5 * i, letters + 4 * i, 4);
        out[5 * i + 4] = i < 2 ? '-' : '\0';
    }
    bytes_wipe(letters, sizeof letters);
}

bool short_code_is_one(struct str text) {
    if (text.size != SHORT_CODE_SIZE - 1) return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= '2' && c <= '9');
        if (i % 5 == 4 ? c != '-' : !letter) return false;
    }
    return true;
}

bool short_code_fits(const char *code, struct str typed) {
    char plain[SHORT_CODE_SIZE] = {0}, wanted[SHORT_CODE_SIZE] = {0};
    size_t count = 0, at = 0;
    for (size_t i = 0; i < typed.size; i++) {
        char c = typed.data[i];
        if (c == '-' || c == ' ') continue;
        if (count == SHORT_CODE_LETTERS) return false;
        plain[count++] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    for (const char *c = code; *c; c++) {
        if (*c != '-') wanted[at++] = *c;
    }
    return bytes_equal(plain, wanted, SHORT_CODE_LETTERS) && count == SHORT_CODE_LETTERS;
}

// ---- passwords -------------------------------------------------------------------------------

enum { PASSWORD_ROUNDS = 600000, PASSWORD_ROUNDS_MAX = 10000000, SALT_BYTES = 16 };

static _Atomic uint32_t rounds_for_test;

void password_rounds_for_test(uint32_t rounds) {
    atomic_store(&rounds_for_test, rounds);
}

static uint32_t rounds_now(void) {
    uint32_t rounds = atomic_load_explicit(&rounds_for_test, memory_order_relaxed);
    return rounds ? rounds : PASSWORD_ROUNDS;
}

// HMAC of a message of 32 bytes costs two blocks once the key is absorbed; the rounds keep their
// blocks padded and touch only the state, which is what makes 600,000 of them affordable.
// Block number `index` (from 1) of what PBKDF2 derives.
static struct hash pbkdf2_block(const struct hmac_key *key, struct str salt, uint32_t index,
                                uint32_t rounds) {
    sha256_blocks_fn *blocks = blocks_best();
    uint8_t number[4];
    store_be32(number, index);
    struct sha256 ctx = key->inner;
    sha256_add(&ctx, salt.data, salt.size);
    sha256_add(&ctx, number, sizeof number);
    struct hash inner = sha256_finish(&ctx);
    ctx = key->outer;
    sha256_add(&ctx, inner.bytes, sizeof inner.bytes);
    struct hash last = sha256_finish(&ctx), result = last;

    uint8_t block[64] = {0};
    block[32] = 0x80;
    store_be32(block + 60, (64 + 32) * 8);
    memcpy(block, last.bytes, sizeof last.bytes);
    for (uint32_t round = 1; round < rounds; round++) {
        const struct sha256 *const halves[2] = {&key->inner, &key->outer};
        for (int half = 0; half < 2; half++) {
            uint32_t state[8];
            memcpy(state, halves[half]->state, sizeof state);
            blocks(state, block, 1);
            for (int i = 0; i < 8; i++) store_be32(block + 4 * i, state[i]);
        }
        for (int i = 0; i < SHA256_BYTES; i++) result.bytes[i] ^= block[i];
    }
    bytes_wipe(block, sizeof block);
    return result;
}

void pbkdf2_sha256_fill(struct str password, struct str salt, uint32_t rounds, uint8_t *out,
                        size_t size) {
    struct hmac_key key;
    cy_assert(rounds >= 1);
    hmac_key_set(&key, password);
    for (uint32_t index = 1; size > 0; index++) {
        struct hash block = pbkdf2_block(&key, salt, index, rounds);
        size_t part = size < sizeof block.bytes ? size : sizeof block.bytes;
        memcpy(out, block.bytes, part);
        out += part;
        size -= part;
        bytes_wipe(&block, sizeof block);
    }
    bytes_wipe(&key, sizeof key);
}

struct hash pbkdf2_sha256(struct str password, struct str salt, uint32_t rounds) {
    struct hash result;
    pbkdf2_sha256_fill(password, salt, rounds, result.bytes, sizeof result.bytes);
    return result;
}

void password_store(struct str password, char out[static PASSWORD_STORED_SIZE]) {
    uint8_t salt[SALT_BYTES];
    uint32_t rounds = rounds_now();
    random_bytes(salt, sizeof salt);
    struct hash hash =
        pbkdf2_sha256(password, (struct str){(const char *)salt, sizeof salt}, rounds);
    char salt_hex[2 * SALT_BYTES + 1], hash_text[SHA256_HEX_SIZE];
    hex_write(salt, sizeof salt, salt_hex);
    hash_hex(&hash, hash_text);
    int size =
        snprintf(out, PASSWORD_STORED_SIZE, "pbkdf2-sha256$%u$%s$%s", rounds, salt_hex, hash_text);
    cy_assert(size > 0 && size < PASSWORD_STORED_SIZE);
}

bool password_check(struct str password, struct str stored) {
    uint8_t salt[SALT_BYTES] = {0};
    struct hash want = {{0}};
    uint64_t rounds = 0;
    struct str rest;
    bool good = str_is(str_cut(stored, '$', &rest), "pbkdf2-sha256");
    good = str_to_u64(str_cut(rest, '$', &rest), &rounds) && good;
    good = hex_read(str_cut(rest, '$', &rest), salt, sizeof salt) && good;
    good = hash_from_hex(rest, &want) && good;
    good = rounds >= 1 && rounds <= PASSWORD_ROUNDS_MAX && good;
    if (!good) rounds = rounds_now();
    struct hash got =
        pbkdf2_sha256(password, (struct str){(const char *)salt, sizeof salt}, (uint32_t)rounds);
    return hash_equal(&got, &want) && good;
}
