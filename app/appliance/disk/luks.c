// LUKS version 1, read and written.
#include "appliance/disk/luks.h"

#include <mbedtls/aes.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/memory.h"

// The header: numbers are big-endian.
enum {
    AT_VERSION = 6,
    AT_CIPHER = 8,
    AT_MODE = 40,
    AT_HASH = 72,
    AT_DATA = 104, // sectors of 512 bytes
    AT_KEY_BYTES = 108,
    AT_DIGEST = 112,
    AT_DIGEST_SALT = 132,
    AT_DIGEST_ROUNDS = 164,
    AT_UUID = 168,
    AT_SLOTS = 208,
    SLOT_BYTES = 48,
    SLOT_ROUNDS = 4,
    SLOT_SALT = 8,
    SLOT_OFFSET = 40, // sectors
    SLOT_STRIPES = 44,
    NAME_BYTES = 32,
    SECTOR = 512,
    STRIPES = 4000,
    SLOT_ALIGN_BYTES = 4096,
    OWN_SLOTS = 6, // in the first sector
    DIGEST_ROUNDS = 1000,
    MEASURE_ROUNDS = 100 * 1000,
    DESTROY_BYTES = 16 << 20, // more than any header there is
    PIECE_BYTES = 32 * 1024,
};
static const uint8_t MAGIC[6] = {'L', 'U', 'K', 'S', 0xBA, 0xBE};
static const uint32_t ACTIVE = 0x00AC71F3, INACTIVE = 0x0000DEAD;

static uint32_t get_be(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_be(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static struct str bytes_of(const uint8_t *bytes, size_t size) {
    return (struct str){(const char *)bytes, size};
}

static size_t material_bytes(const struct luks *luks) {
    return (size_t)luks->key_bytes * STRIPES; // a multiple of SECTOR, as 4000 * 32 is
}

enum luks_role luks_role_of(int slot) {
    return slot < OWN_SLOTS ? (enum luks_role)(slot / 2) : LUKS_FOREIGN;
}

bool luks_has(const struct luks *luks, enum luks_role role) {
    for (int i = 0; i < LUKS_SLOTS; i++) {
        if (luks_role_of(i) == role && luks->slots[i].active) return true;
    }
    return false;
}

uint32_t luks_rounds_measured(void) {
    uint8_t key[LUKS_KEY_BYTES];
    uint64_t from = clock_monotonic_us();
    pbkdf2_sha256_fill(STR("measure"), STR("of the machine's speed"), MEASURE_ROUNDS, key,
                       sizeof key);
    uint64_t took = clock_monotonic_us() - from + 1;
    uint64_t rounds = (uint64_t)MEASURE_ROUNDS * 1000 * 1000 / took;
    if (rounds < LUKS_ROUNDS_LEAST) return LUKS_ROUNDS_LEAST;
    return rounds < LUKS_ROUNDS_MOST ? (uint32_t)rounds : LUKS_ROUNDS_MOST;
}

// ---- the header ---------------------------------------------------------------------------------
static bool name_is(const uint8_t *field, const char *name) {
    size_t size = strlen(name);
    return memcmp(field, name, size) == 0 && field[size] == 0;
}

static bool uuid_read(const uint8_t *field, char out[static LUKS_UUID_SIZE]) {
    for (size_t i = 0; i + 1 < LUKS_UUID_SIZE; i++) {
        uint8_t c = field[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash ? c != '-' : !hex) return false;
        out[i] = (char)c;
    }
    out[LUKS_UUID_SIZE - 1] = '\0';
    return field[LUKS_UUID_SIZE - 1] == 0;
}

static bool rounds_sane(uint32_t rounds) {
    return rounds >= 1 && rounds <= LUKS_ROUNDS_MOST;
}

// Every slot's bytes lie behind the header, before the data, and apart from the others'.
static bool places_sane(const struct luks *luks) {
    size_t size = material_bytes(luks);
    for (int i = 0; i < LUKS_SLOTS; i++) {
        uint64_t at = luks->slots[i].offset;
        if (at < LUKS_HEADER_BYTES || at + size > luks->data_offset) return false;
        for (int other = 0; other < i; other++) {
            uint64_t its = luks->slots[other].offset;
            if (at < its + size && its < at + size) return false;
        }
    }
    return true;
}

static bool slots_parse(struct luks *luks) {
    for (int i = 0; i < LUKS_SLOTS; i++) {
        const uint8_t *at = luks->header + AT_SLOTS + i * SLOT_BYTES;
        struct luks_slot *slot = &luks->slots[i];
        uint32_t state = get_be(at);
        if ((state != ACTIVE && state != INACTIVE) || get_be(at + SLOT_STRIPES) != STRIPES) {
            return false;
        }
        slot->active = state == ACTIVE;
        slot->rounds = get_be(at + SLOT_ROUNDS);
        slot->offset = (uint64_t)get_be(at + SLOT_OFFSET) * SECTOR;
        memcpy(slot->salt, at + SLOT_SALT, LUKS_SALT_BYTES);
        if (slot->active && !rounds_sane(slot->rounds)) return false;
    }
    return places_sane(luks);
}

static bool header_parse(struct luks *luks, uint64_t device_bytes) {
    const uint8_t *header = luks->header;
    luks->data_offset = (uint64_t)get_be(header + AT_DATA) * SECTOR;
    luks->digest_rounds = get_be(header + AT_DIGEST_ROUNDS);
    memcpy(luks->digest, header + AT_DIGEST, LUKS_DIGEST_BYTES);
    memcpy(luks->digest_salt, header + AT_DIGEST_SALT, LUKS_SALT_BYTES);
    return uuid_read(header + AT_UUID, luks->uuid) && luks->data_offset < device_bytes &&
           rounds_sane(luks->digest_rounds) && slots_parse(luks);
}

enum err luks_read(const struct block *block, struct luks *out, struct fault *fault) {
    struct luks luks;
    memset(&luks, 0, sizeof luks);
    if (block->bytes < LUKS_HEADER_BYTES) return ERR_NOT_FOUND;
    enum err err = block_read(block, 0, luks.header, sizeof luks.header, fault);
    if (err != OK) return err;
    const uint8_t *header = luks.header;
    if (memcmp(header, MAGIC, sizeof MAGIC) != 0) return ERR_NOT_FOUND;
    luks.key_bytes = get_be(header + AT_KEY_BYTES);
    bool known = header[AT_VERSION] == 0 && header[AT_VERSION + 1] == 1 &&
                 name_is(header + AT_CIPHER, "aes") && name_is(header + AT_MODE, "xts-plain64") &&
                 name_is(header + AT_HASH, "sha256") &&
                 (luks.key_bytes == LUKS_KEY_BYTES || luks.key_bytes == LUKS_KEY_BYTES / 2);
    if (!known) return fault_set(fault, ERR_INPUT, "appliance.luks_unknown", str_of(block->path));
    if (!header_parse(&luks, block->bytes)) {
        return fault_set(fault, ERR_CORRUPT, "appliance.luks_damaged", str_of(block->path));
    }
    *out = luks;
    return OK;
}

// What the struct says of a slot into the header's bytes.
static void slot_put(struct luks *luks, int place) {
    const struct luks_slot *slot = &luks->slots[place];
    uint8_t *at = luks->header + AT_SLOTS + place * SLOT_BYTES;
    put_be(at, slot->active ? ACTIVE : INACTIVE);
    put_be(at + SLOT_ROUNDS, slot->rounds);
    memcpy(at + SLOT_SALT, slot->salt, LUKS_SALT_BYTES);
    put_be(at + SLOT_OFFSET, (uint32_t)(slot->offset / SECTOR));
    put_be(at + SLOT_STRIPES, STRIPES);
}

static void digest_of(const struct luks *luks, const struct luks_key *key,
                      uint8_t out[static LUKS_DIGEST_BYTES]) {
    pbkdf2_sha256_fill(bytes_of(key->bytes, luks->key_bytes),
                       bytes_of(luks->digest_salt, LUKS_SALT_BYTES), luks->digest_rounds, out,
                       LUKS_DIGEST_BYTES);
}

static void uuid_make(char out[static LUKS_UUID_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    uint8_t random[LUKS_UUID_SIZE];
    random_bytes(random, sizeof random);
    for (size_t i = 0; i + 1 < LUKS_UUID_SIZE; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        out[i] = dash ? '-' : digits[random[i] % 16];
    }
    out[14] = '4'; // version and variant
    out[19] = digits[8 + random[19] % 4];
    out[LUKS_UUID_SIZE - 1] = '\0';
}

static void header_make(struct luks *luks, const struct luks_key *key) {
    uint8_t *header = luks->header;
    uint64_t each = (uint64_t)LUKS_KEY_BYTES * STRIPES, at = SLOT_ALIGN_BYTES;
    memset(luks, 0, sizeof *luks);
    luks->key_bytes = LUKS_KEY_BYTES;
    luks->data_offset = LUKS_DATA_BYTES;
    luks->digest_rounds = DIGEST_ROUNDS;
    random_bytes(luks->digest_salt, LUKS_SALT_BYTES);
    digest_of(luks, key, luks->digest);
    uuid_make(luks->uuid);
    memcpy(header, MAGIC, sizeof MAGIC);
    header[AT_VERSION + 1] = 1;
    memcpy(header + AT_CIPHER, "aes", sizeof "aes");
    memcpy(header + AT_MODE, "xts-plain64", sizeof "xts-plain64");
    memcpy(header + AT_HASH, "sha256", sizeof "sha256");
    put_be(header + AT_DATA, LUKS_DATA_BYTES / SECTOR);
    put_be(header + AT_KEY_BYTES, LUKS_KEY_BYTES);
    memcpy(header + AT_DIGEST, luks->digest, LUKS_DIGEST_BYTES);
    memcpy(header + AT_DIGEST_SALT, luks->digest_salt, LUKS_SALT_BYTES);
    put_be(header + AT_DIGEST_ROUNDS, DIGEST_ROUNDS);
    memcpy(header + AT_UUID, luks->uuid, LUKS_UUID_SIZE);
    for (int i = 0; i < LUKS_SLOTS; i++) {
        luks->slots[i].offset = at;
        slot_put(luks, i);
        at += (each + SLOT_ALIGN_BYTES - 1) / SLOT_ALIGN_BYTES * SLOT_ALIGN_BYTES;
    }
    cy_assert(at <= LUKS_DATA_BYTES && places_sane(luks));
}

static enum err not_kept(const struct block *block, struct fault *fault) {
    return fault_set(fault, ERR_IO, "appliance.luks_not_kept", str_of(block->path));
}

// The header's first sector, in which all that changes is; read back from the disk.
static enum err header_write(const struct block *block, const struct luks *luks,
                             struct fault *fault) {
    uint8_t again[SECTOR];
    enum err err = block_write(block, 0, luks->header, SECTOR, fault);
    if (err == OK) err = block_sync(block, fault);
    if (err != OK) return err;
    block_forget(block);
    err = block_read(block, 0, again, sizeof again, fault);
    if (err == OK && memcmp(again, luks->header, sizeof again) != 0) err = not_kept(block, fault);
    return err;
}

// ---- a slot's bytes -----------------------------------------------------------------------------
// Each 32 bytes of `stripe` become the hash of their number and themselves.
static void diffuse(uint8_t *stripe, size_t size) {
    for (uint32_t i = 0; (size_t)i * SHA256_BYTES < size; i++) {
        uint8_t number[4];
        struct sha256 ctx;
        put_be(number, i);
        sha256_start(&ctx);
        sha256_add(&ctx, number, sizeof number);
        sha256_add(&ctx, stripe + (size_t)i * SHA256_BYTES, SHA256_BYTES);
        struct hash hash = sha256_finish(&ctx);
        memcpy(stripe + (size_t)i * SHA256_BYTES, hash.bytes, SHA256_BYTES);
        bytes_wipe(&hash, sizeof hash);
        bytes_wipe(&ctx, sizeof ctx);
    }
}

// The state after all stripes but the last; key_bytes is a multiple of 32.
static void stripes_mix(const uint8_t *material, size_t key_bytes, uint8_t *state) {
    memset(state, 0, key_bytes);
    for (size_t stripe = 0; stripe + 1 < STRIPES; stripe++) {
        for (size_t i = 0; i < key_bytes; i++) state[i] ^= material[stripe * key_bytes + i];
        diffuse(state, key_bytes);
    }
}

static void split(const struct luks_key *key, size_t key_bytes, uint8_t *material) {
    uint8_t state[LUKS_KEY_BYTES], *last = material + (STRIPES - 1) * key_bytes;
    random_bytes(material, (STRIPES - 1) * key_bytes);
    stripes_mix(material, key_bytes, state);
    for (size_t i = 0; i < key_bytes; i++) last[i] = state[i] ^ key->bytes[i];
    bytes_wipe(state, sizeof state);
}

static void merge(const uint8_t *material, size_t key_bytes, struct luks_key *key) {
    uint8_t state[LUKS_KEY_BYTES];
    const uint8_t *last = material + (STRIPES - 1) * key_bytes;
    stripes_mix(material, key_bytes, state);
    memset(key->bytes, 0, sizeof key->bytes);
    for (size_t i = 0; i < key_bytes; i++) key->bytes[i] = state[i] ^ last[i];
    bytes_wipe(state, sizeof state);
}

// In place, as the disk's own sectors are, counted from the slot's first.
static void material_crypt(const struct luks *luks, const struct luks_slot *slot, struct str secret,
                           int mode, uint8_t *material) {
    uint8_t derived[LUKS_KEY_BYTES];
    mbedtls_aes_xts_context xts;
    unsigned bits = luks->key_bytes * 8;
    pbkdf2_sha256_fill(secret, bytes_of(slot->salt, LUKS_SALT_BYTES), slot->rounds, derived,
                       luks->key_bytes);
    mbedtls_aes_xts_init(&xts);
    int failed = mode == MBEDTLS_AES_ENCRYPT ? mbedtls_aes_xts_setkey_enc(&xts, derived, bits)
                                             : mbedtls_aes_xts_setkey_dec(&xts, derived, bits);
    for (size_t sector = 0; failed == 0 && sector < material_bytes(luks) / SECTOR; sector++) {
        uint8_t number[16] = {0};
        for (int i = 0; i < 4; i++) number[i] = (uint8_t)(sector >> 8 * i);
        uint8_t *at = material + sector * SECTOR;
        failed = mbedtls_aes_crypt_xts(&xts, mode, SECTOR, number, at, at);
    }
    cy_assert(failed == 0);     // only wrong sizes fail
    mbedtls_aes_xts_free(&xts); // wipes
    bytes_wipe(derived, sizeof derived);
}

static enum err material_take(const struct luks *luks, uint8_t **out, struct fault *fault) {
    *out = memory_take(material_bytes(luks));
    return *out ? OK : fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
}

static void material_give(const struct luks *luks, uint8_t *material) {
    if (material) bytes_wipe(material, material_bytes(luks));
    memory_give(material);
}

// ---- opening ------------------------------------------------------------------------------------
static enum err slot_open(const struct block *block, const struct luks *luks, int place,
                          struct str secret, struct luks_key *out, struct fault *fault) {
    const struct luks_slot *slot = &luks->slots[place];
    uint8_t *material, digest[LUKS_DIGEST_BYTES];
    struct luks_key key = {{0}};
    enum err err = material_take(luks, &material, fault);
    if (err != OK) return err;
    err = block_read(block, slot->offset, material, material_bytes(luks), fault);
    if (err == OK) {
        material_crypt(luks, slot, secret, MBEDTLS_AES_DECRYPT, material);
        merge(material, luks->key_bytes, &key);
        digest_of(luks, &key, digest);
        if (!bytes_equal(digest, luks->digest, sizeof digest)) err = ERR_DENIED;
    }
    if (err == OK) *out = key;
    bytes_wipe(&key, sizeof key);
    material_give(luks, material);
    return err;
}

enum err luks_open(const struct block *block, const struct luks *luks, struct str secret,
                   unsigned roles, struct luks_key *out_key, int *out_slot, struct fault *fault) {
    for (int i = 0; i < LUKS_SLOTS; i++) {
        if (!luks->slots[i].active || !(roles >> luks_role_of(i) & 1)) continue;
        enum err err = slot_open(block, luks, i, secret, out_key, fault);
        if (err == OK) *out_slot = i;
        if (err != ERR_DENIED) return err;
    }
    return fault_set(fault, ERR_DENIED, "appliance.wrong_key", STR_NONE);
}

// ---- changing -----------------------------------------------------------------------------------
// The slot's bytes, on the disk and read back, before any header names them.
static enum err slot_fill(const struct block *block, struct luks *luks, int place,
                          const struct luks_key *key, const struct luks_secret *secret,
                          struct fault *fault) {
    struct luks_slot *slot = &luks->slots[place];
    struct luks_key again = {{0}};
    uint8_t *material;
    enum err err = material_take(luks, &material, fault);
    if (err != OK) return err;
    slot->rounds = secret->rounds;
    random_bytes(slot->salt, LUKS_SALT_BYTES);
    split(key, luks->key_bytes, material);
    material_crypt(luks, slot, secret->text, MBEDTLS_AES_ENCRYPT, material);
    err = block_write(block, slot->offset, material, material_bytes(luks), fault);
    material_give(luks, material);
    if (err == OK) err = block_sync(block, fault);
    if (err != OK) return err;
    block_forget(block);
    err = slot_open(block, luks, place, secret->text, &again, fault);
    bytes_wipe(&again, sizeof again);
    if (err == OK) slot->active = true;
    return err == ERR_DENIED ? not_kept(block, fault) : err;
}

static enum err range_overwrite(const struct block *block, uint64_t at, uint64_t size, bool random,
                                struct fault *fault) {
    uint8_t bytes[PIECE_BYTES] = {0};
    enum err err = OK;
    for (uint64_t end = at + size; at < end && err == OK; at += sizeof bytes) {
        size_t part = end - at < sizeof bytes ? (size_t)(end - at) : sizeof bytes;
        if (random) random_bytes(bytes, part);
        err = block_write(block, at, bytes, part, fault);
    }
    return err == OK ? block_sync(block, fault) : err;
}

static enum err slot_destroy(const struct block *block, struct luks *luks, int place,
                             struct fault *fault) {
    struct luks_slot *slot = &luks->slots[place];
    enum err err = range_overwrite(block, slot->offset, material_bytes(luks), true, fault);
    if (err != OK) return err;
    slot->active = false;
    slot->rounds = 0;
    memset(slot->salt, 0, sizeof slot->salt);
    slot_put(luks, place);
    return header_write(block, luks, fault);
}

enum err luks_make(const struct block *block, const struct luks_secret *secrets, size_t count,
                   struct luks *out, struct luks_key *out_key, struct fault *fault) {
    struct luks luks;
    struct luks_key key;
    cy_assert(count > 0);
    if (block->bytes < 2 * (uint64_t)LUKS_DATA_BYTES) {
        return fault_set(fault, ERR_INPUT, "appliance.disk_too_small", str_of(block->path));
    }
    random_bytes(key.bytes, sizeof key.bytes);
    header_make(&luks, &key);
    // What is not a slot of ours now looks like one that was.
    enum err err = range_overwrite(block, 0, LUKS_HEADER_BYTES, false, fault);
    if (err == OK) {
        err = range_overwrite(block, LUKS_HEADER_BYTES, LUKS_DATA_BYTES - LUKS_HEADER_BYTES, true,
                              fault);
    }
    for (size_t i = 0; err == OK && i < count; i++) {
        int place = 2 * (int)secrets[i].role;
        cy_assert(secrets[i].role < LUKS_FOREIGN && !luks.slots[place].active);
        err = slot_fill(block, &luks, place, &key, &secrets[i], fault);
        slot_put(&luks, place);
    }
    // The second sector without the first is no header yet.
    if (err == OK) {
        err = block_write(block, SECTOR, luks.header + SECTOR, LUKS_HEADER_BYTES - SECTOR, fault);
    }
    if (err == OK) err = block_sync(block, fault);
    if (err == OK) err = header_write(block, &luks, fault);
    if (err == OK) {
        *out = luks;
        *out_key = key;
    }
    bytes_wipe(&key, sizeof key);
    return err;
}

enum err luks_set(const struct block *block, struct luks *luks, const struct luks_key *key,
                  int opened, const struct luks_secret *secret, struct fault *fault) {
    int place = 2 * (int)secret->role, old = place + 1;
    cy_assert(secret->role < LUKS_FOREIGN);
    if (luks->slots[place].active && (!luks->slots[old].active || place == opened)) {
        place = old;
        old = 2 * (int)secret->role;
    }
    // Both are filled when the power went off between two steps: the one that opened stays till
    // the new one stands.
    enum err err = OK;
    if (luks->slots[place].active) err = slot_destroy(block, luks, place, fault);
    struct luks_slot before = luks->slots[place];
    if (err == OK) err = slot_fill(block, luks, place, key, secret, fault);
    if (err != OK) {
        luks->slots[place] = before;
        return err;
    }
    slot_put(luks, place);
    err = header_write(block, luks, fault);
    if (err == OK && luks->slots[old].active) err = slot_destroy(block, luks, old, fault);
    return err;
}

enum err luks_unset(const struct block *block, struct luks *luks, enum luks_role role,
                    struct fault *fault) {
    bool other = false;
    cy_assert(role < LUKS_FOREIGN);
    for (int i = 0; i < LUKS_SLOTS; i++) {
        other |= luks->slots[i].active && luks_role_of(i) != role;
    }
    if (!other) return fault_set(fault, ERR_CONFLICT, "appliance.luks_last", STR_NONE);
    enum err err = OK;
    for (int i = 0; i < LUKS_SLOTS && err == OK; i++) {
        if (!luks->slots[i].active || luks_role_of(i) != role) continue;
        err = slot_destroy(block, luks, i, fault);
    }
    return err;
}

enum err luks_destroy(const struct block *block, struct fault *fault) {
    struct luks luks;
    uint64_t size = LUKS_DATA_BYTES;
    enum err err = luks_read(block, &luks, NULL);
    if (err == OK) size = luks.data_offset;
    if (err == ERR_CORRUPT || err == ERR_INPUT) size = DESTROY_BYTES; // wherever its slots lie
    if (size > DESTROY_BYTES) size = DESTROY_BYTES;
    if (size > block->bytes) size = block->bytes;
    err = range_overwrite(block, 0, size, true, fault);
    return err == OK ? range_overwrite(block, 0, size, false, fault) : err;
}
