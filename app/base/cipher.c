#include "base/cipher.h"

#include <string.h>

#include "base/assert.h"
#include "base/crypto.h"

enum { BLOCK = 16 };

static void encrypt_block(const mbedtls_aes_context *aes, const uint8_t *in, uint8_t *out) {
    // Mbed TLS takes a pointer to what it does not change.
    union {
        const mbedtls_aes_context *kept;
        mbedtls_aes_context *given;
    } context = {.kept = aes};
    int failed = mbedtls_aes_crypt_ecb(context.given, MBEDTLS_AES_ENCRYPT, in, out);
    cy_assert(failed == 0);
}

static void key_set(mbedtls_aes_context *aes, const uint8_t *secret, size_t size) {
    mbedtls_aes_init(aes);
    int failed = mbedtls_aes_setkey_enc(aes, secret, (unsigned)size * 8);
    cy_assert(failed == 0);
}

static void mix(uint8_t *into, const uint8_t *from, size_t size) {
    for (size_t i = 0; i < size; i++) into[i] ^= from[i];
}

// ---- CMAC and S2V -------------------------------------------------------------------------------

// Times x in GF(2^128).
static void twice(uint8_t block[static BLOCK]) {
    unsigned carry = block[0] >> 7;
    for (int i = 0; i < BLOCK - 1; i++) block[i] = (uint8_t)(block[i] << 1 | block[i + 1] >> 7);
    block[BLOCK - 1] = (uint8_t)(block[BLOCK - 1] << 1 ^ (carry ? 0x87 : 0));
}

// NIST SP 800-38B. `last`, if not NULL, is mixed into the 16 bytes that end the text.
static void cmac(const struct siv_key *key, struct str text, const uint8_t *last,
                 uint8_t out[static BLOCK]) {
    uint8_t state[BLOCK] = {0}, block[BLOCK];
    size_t at = 0, mixed = last ? text.size - BLOCK : text.size;
    while (text.size - at > BLOCK) {
        memcpy(block, text.data + at, BLOCK);
        for (size_t i = 0; i < BLOCK; i++) {
            if (at + i >= mixed) block[i] ^= last[at + i - mixed];
        }
        mix(state, block, BLOCK);
        encrypt_block(&key->mac, state, state);
        at += BLOCK;
    }
    size_t left = text.size - at;
    memset(block, 0, sizeof block);
    if (left) memcpy(block, text.data + at, left);
    for (size_t i = 0; i < left; i++) {
        if (at + i >= mixed) block[i] ^= last[at + i - mixed];
    }
    if (left < BLOCK) block[left] = 0x80;
    mix(block, left < BLOCK ? key->partial : key->whole, BLOCK);
    mix(state, block, BLOCK);
    encrypt_block(&key->mac, state, out);
}

static void s2v(const struct siv_key *key, const struct str *associated, size_t count,
                struct str text, uint8_t out[static BLOCK]) {
    static const char zero[BLOCK];
    uint8_t sum[BLOCK], one[BLOCK];
    cmac(key, (struct str){zero, BLOCK}, NULL, sum);
    for (size_t i = 0; i < count; i++) {
        twice(sum);
        cmac(key, associated[i], NULL, one);
        mix(sum, one, BLOCK);
    }
    if (text.size >= BLOCK) {
        cmac(key, text, sum, out);
        return;
    }
    twice(sum);
    if (text.size) mix(sum, (const uint8_t *)text.data, text.size);
    sum[text.size] ^= 0x80;
    cmac(key, (struct str){(const char *)sum, BLOCK}, NULL, out);
}

void siv_key_set(struct siv_key *key, const uint8_t *secret, size_t size) {
    cy_assert(size == 32 || size == SIV_KEY_BYTES);
    key_set(&key->mac, secret, size / 2);
    key_set(&key->counter, secret + size / 2, size / 2);
    memset(key->whole, 0, BLOCK);
    encrypt_block(&key->mac, key->whole, key->whole);
    twice(key->whole);
    memcpy(key->partial, key->whole, BLOCK);
    twice(key->partial);
}

// ---- SIV ----------------------------------------------------------------------------------------

static void count_up(uint8_t counter[static BLOCK]) {
    for (int i = BLOCK - 1; i >= 0 && ++counter[i] == 0; i--) {
    }
}

static void counter_mode(const struct siv_key *key, const uint8_t *tag, const uint8_t *in,
                         uint8_t *out, size_t size) {
    uint8_t counter[BLOCK], stream[BLOCK];
    memcpy(counter, tag, BLOCK);
    counter[8] &= 0x7F;
    counter[12] &= 0x7F;
    for (size_t at = 0; at < size; at += BLOCK) {
        encrypt_block(&key->counter, counter, stream);
        count_up(counter);
        size_t part = size - at < BLOCK ? size - at : BLOCK;
        for (size_t i = 0; i < part; i++) out[at + i] = in[at + i] ^ stream[i];
    }
    bytes_wipe(stream, sizeof stream);
}

void siv_seal(const struct siv_key *key, const struct str *associated, size_t associated_count,
              struct str text, uint8_t *out) {
    cy_assert(associated_count <= SIV_TEXTS_MOST);
    uint8_t tag[BLOCK];
    s2v(key, associated, associated_count, text, tag);
    memcpy(out, tag, BLOCK);
    counter_mode(key, tag, (const uint8_t *)text.data, out + BLOCK, text.size);
}

bool siv_open(const struct siv_key *key, const struct str *associated, size_t associated_count,
              struct str sealed, uint8_t *out) {
    if (sealed.size < SIV_TAG_BYTES) return false;
    const uint8_t *bytes = (const uint8_t *)sealed.data;
    size_t size = sealed.size - SIV_TAG_BYTES;
    uint8_t tag[BLOCK];
    counter_mode(key, bytes, bytes + SIV_TAG_BYTES, out, size);
    s2v(key, associated, associated_count, (struct str){(const char *)out, size}, tag);
    if (bytes_equal(tag, bytes, BLOCK)) return true;
    bytes_wipe(out, size);
    return false;
}

// ---- FF1 ----------------------------------------------------------------------------------------

typedef unsigned __int128 wide;

void ff1_key_set(struct ff1_key *key, const uint8_t *secret, size_t size) {
    key_set(&key->aes, secret, size);
}

void ff1_block(const struct ff1_key *key, uint8_t block[static BLOCK]) {
    encrypt_block(&key->aes, block, block);
}

static wide number_of(const uint8_t *digits, size_t count) {
    wide value = 0;
    for (size_t i = 0; i < count; i++) value = value * 10 + digits[i];
    return value;
}

static void number_put(uint8_t *digits, size_t count, wide value) {
    for (size_t i = count; i-- > 0; value /= 10) digits[i] = (uint8_t)(value % 10);
}

static wide power_of_ten(size_t exponent) {
    wide value = 1;
    while (exponent-- > 0) value *= 10;
    return value;
}

struct ff1_round {
    const struct ff1_key *key;
    uint8_t first[BLOCK]; // the cipher of P, which all rounds share
    struct str tweak;
    size_t number_bytes; // b
    size_t output_bytes; // d, at most a block for FF1_DIGITS_MOST digits
};

static void be32_put(uint8_t *at, size_t value) {
    for (int i = 3; i >= 0; i--, value >>= 8) at[i] = (uint8_t)value;
}

static void rounds_start(struct ff1_round *round, const struct ff1_key *key, struct str tweak,
                         size_t count) {
    cy_assert(count >= FF1_DIGITS_LEAST && count <= FF1_DIGITS_MOST);
    cy_assert(tweak.size <= FF1_TWEAK_MOST);
    size_t left = count / 2, right = count - left;
    // Bits that hold `right` digits: log2(10) is just under 3.3220.
    size_t bits = 0;
    for (wide most = power_of_ten(right) - 1; most; most >>= 1) bits++;
    *round = (struct ff1_round){.key = key, .tweak = tweak, .number_bytes = (bits + 7) / 8};
    round->output_bytes = 4 * ((round->number_bytes + 3) / 4) + 4;
    cy_assert(round->output_bytes <= BLOCK);
    uint8_t block[BLOCK] = {1, 2, 1, 0, 0, 10, 10, (uint8_t)left};
    be32_put(block + 8, count);
    be32_put(block + 12, tweak.size);
    encrypt_block(&key->aes, block, round->first);
}

// The number that round `index` adds to the other half.
static wide round_value(const struct ff1_round *round, unsigned index, wide half) {
    uint8_t text[FF1_TWEAK_MOST + 2 * BLOCK] = {0}, state[BLOCK];
    size_t bytes = round->number_bytes;
    size_t size = (round->tweak.size + 1 + bytes + BLOCK - 1) / BLOCK * BLOCK;
    if (round->tweak.size) memcpy(text, round->tweak.data, round->tweak.size);
    text[size - bytes - 1] = (uint8_t)index;
    for (size_t i = 0; i < bytes; i++, half >>= 8) text[size - 1 - i] = (uint8_t)half;
    memcpy(state, round->first, BLOCK);
    for (size_t at = 0; at < size; at += BLOCK) {
        mix(state, text + at, BLOCK);
        encrypt_block(&round->key->aes, state, state);
    }
    wide value = 0;
    for (size_t i = 0; i < round->output_bytes; i++) value = value << 8 | state[i];
    return value;
}

enum { FF1_ROUNDS = 10 };

void ff1_encrypt(const struct ff1_key *key, struct str tweak, uint8_t *digits, size_t count) {
    struct ff1_round round;
    rounds_start(&round, key, tweak, count);
    size_t left = count / 2, right = count - left;
    wide a = number_of(digits, left), b = number_of(digits + left, right);
    wide sizes[2] = {power_of_ten(left), power_of_ten(right)};
    for (unsigned i = 0; i < FF1_ROUNDS; i++) {
        wide modulus = sizes[i % 2];
        wide c = (a + round_value(&round, i, b) % modulus) % modulus;
        a = b;
        b = c;
    }
    number_put(digits, left, a);
    number_put(digits + left, right, b);
}

void ff1_decrypt(const struct ff1_key *key, struct str tweak, uint8_t *digits, size_t count) {
    struct ff1_round round;
    rounds_start(&round, key, tweak, count);
    size_t left = count / 2, right = count - left;
    wide a = number_of(digits, left), b = number_of(digits + left, right);
    wide sizes[2] = {power_of_ten(left), power_of_ten(right)};
    for (unsigned i = FF1_ROUNDS; i-- > 0;) {
        wide modulus = sizes[i % 2];
        wide c = (b + modulus - round_value(&round, i, a) % modulus) % modulus;
        b = a;
        a = c;
    }
    number_put(digits, left, a);
    number_put(digits + left, right, b);
}
