// The encrypted partition's header: what is made here opens with cryptsetup and the other way
// round, whatever is damaged never gives a wrong key, and a cut at any moment leaves it openable.
#include "appliance/disk/luks.h"

#include <stdlib.h>
#include <unistd.h>

#include "appliance/disk/mapper.h"
#include "base/crypto.h"
#include "check.h"
#include "support/block_cut.h"
#include "support/scratch.h"

enum { MIB = 1 << 20, DISK_MIB = 8, HEADER = 592, MATERIAL = 64 * 4000, EVERY = 15 };

static char path[256], key_path[256];
static struct block disk;
static struct luks luks, again;
static struct luks_key key, got;
static struct fault fault;
static int slot;

static const struct luks_secret passphrase = {LUKS_PASSPHRASE, {"right horse", 11}, 1};
static const struct luks_secret stick = {LUKS_STICK, {"bytes\0of a stick", 16}, 2};
static const struct luks_secret other = {LUKS_PASSPHRASE, {"wrong donkey", 12}, 1};

static bool disk_new(void) {
    fault = (struct fault){0};
    block_close(&disk);
    scratch_write(path, "", 0);
    return truncate(path, (off_t)DISK_MIB * MIB) == 0 &&
           block_open(path, BLOCK_WRITE, &disk, &fault) == OK;
}

static bool disk_made(void) {
    const struct luks_secret secrets[] = {passphrase, stick};
    return disk_new() && luks_make(&disk, secrets, 2, &luks, &key, &fault) == OK;
}

static enum err opens(const struct luks_secret *secret, unsigned roles) {
    fault = (struct fault){0};
    memset(&got, 0, sizeof got);
    return luks_open(&disk, &luks, secret->text, roles, &got, &slot, &fault);
}

static bool same_key(void) {
    return memcmp(&got, &key, sizeof key) == 0;
}

static bool have_cryptsetup(void) {
    return system("command -v cryptsetup >/dev/null") == 0;
}

static int run(const char *format, ...) {
    char command[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(command, sizeof command, format, values);
    va_end(values);
    return system(command);
}

static void what_is_made_opens(void) {
    REQUIRE(disk_made());
    REQUIRE(luks_read(&disk, &again, &fault) == OK);
    CHECK_BYTES(&again, sizeof again, &luks, sizeof luks);
    CHECK_EQ(opens(&passphrase, EVERY), OK);
    CHECK(same_key());
    CHECK_EQ(slot, 0);
    CHECK_EQ(opens(&stick, EVERY), OK);
    CHECK(same_key());
    CHECK_EQ(slot, 2);
    CHECK_EQ(opens(&other, EVERY), ERR_DENIED);
    CHECK_STR(fault.code, "appliance.wrong_key");
    CHECK_EQ(opens(&stick, 1 << LUKS_PASSPHRASE), ERR_DENIED);
    CHECK(luks_has(&luks, LUKS_STICK) && !luks_has(&luks, LUKS_RECOVERY));
    CHECK(strlen(luks.uuid) == 36 && luks.uuid[14] == '4');
}

// The keys of two disks differ, and so do the bytes of two slots of one secret.
static void nothing_repeats(void) {
    REQUIRE(disk_made());
    struct luks_key first = key;
    uint8_t salt[LUKS_SALT_BYTES];
    memcpy(salt, luks.slots[0].salt, sizeof salt);
    REQUIRE(disk_made());
    CHECK(memcmp(&first, &key, sizeof key) != 0);
    CHECK(memcmp(salt, luks.slots[0].salt, sizeof salt) != 0);
    uint64_t zeros = 0;
    uint8_t bytes[4096];
    for (uint64_t at = 4096; at < LUKS_DATA_BYTES; at += sizeof bytes) {
        REQUIRE(block_read(&disk, at, bytes, sizeof bytes, &fault) == OK);
        zeros += bytes[0] == 0 && memcmp(bytes, bytes + 1, sizeof bytes - 1) == 0;
    }
    CHECK_EQ(zeros, 0); // free slots look like filled ones
}

static void cryptsetup_opens_it(void) {
    if (!have_cryptsetup()) CHECK_SKIP("cryptsetup is not installed");
    REQUIRE(disk_made());
    CHECK_EQ(run("cryptsetup luksDump %s | grep -q 'Payload offset:.*4096'", path), 0);
    CHECK_EQ(run("cryptsetup luksUUID %s | grep -qx %s", path, luks.uuid), 0);
    CHECK_EQ(
        run("printf 'right horse' | cryptsetup open --test-passphrase --key-file - -S 0 %s", path),
        0);
    CHECK(run("printf 'wrong donkey' | cryptsetup open --test-passphrase --key-file - %s 2>&1 |"
              " grep -q 'No key available'",
              path) == 0);
    scratch_write(key_path, stick.text.data, stick.text.size);
    CHECK_EQ(run("cryptsetup open --test-passphrase --key-file %s -S 2 %s", key_path, path), 0);
    REQUIRE(luks_set(&disk, &luks, &key, 0, &other, &fault) == OK);
    CHECK_EQ(
        run("printf 'wrong donkey' | cryptsetup open --test-passphrase --key-file - -S 1 %s", path),
        0);
    CHECK_EQ(run("printf 'right horse' | cryptsetup open --test-passphrase --key-file - %s"
                 " 2>/dev/null",
                 path) != 0,
             1);
    // What it writes into the header is read here.
    scratch_write(key_path, "a third one", 11);
    REQUIRE(run("printf 'wrong donkey' | cryptsetup luksAddKey -q --pbkdf-force-iterations 1000"
                " --key-file - -S 7 %s %s",
                path, key_path) == 0);
    const struct luks_secret third = {LUKS_FOREIGN, {"a third one", 11}, 0};
    REQUIRE(luks_read(&disk, &luks, &fault) == OK);
    CHECK_EQ(opens(&third, 1 << LUKS_FOREIGN), OK);
    CHECK(same_key() && slot == 7);
}

static void what_cryptsetup_makes_opens(void) {
    static const int bits[] = {256, 512};
    if (!have_cryptsetup()) CHECK_SKIP("cryptsetup is not installed");
    for (int i = 0; i < 2; i++) {
        REQUIRE(disk_new());
        memset(key.bytes, 0, sizeof key.bytes);
        for (int n = 0; n < bits[i] / 8; n++) key.bytes[n] = (uint8_t)check_random();
        scratch_write(key_path, key.bytes, (size_t)bits[i] / 8);
        REQUIRE(run("printf 'right horse' | cryptsetup luksFormat -q --type luks1 --key-file -"
                    " --cipher aes-xts-plain64 --hash sha256 --key-size %d"
                    " --pbkdf-force-iterations 1000 --master-key-file %s %s",
                    bits[i], key_path, path) == 0);
        REQUIRE(luks_read(&disk, &luks, &fault) == OK);
        CHECK_EQ(luks.key_bytes, bits[i] / 8);
        CHECK_EQ(opens(&passphrase, EVERY), OK);
        CHECK(same_key());
        CHECK_EQ(opens(&other, EVERY), ERR_DENIED);
    }
    REQUIRE(disk_new());
    REQUIRE(run("printf 'right horse' | cryptsetup luksFormat -q --type luks2 --key-file -"
                " --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --luks2-keyslots-size 1m %s",
                path) == 0);
    CHECK_EQ(luks_read(&disk, &luks, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "appliance.luks_unknown");
}

static void put_be(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (24 - 8 * i));
}

// A disk made of hashes, whose key an independent reader of the format worked out; cryptsetup 2.6.1
// opens it and shows the same key.
static void a_fixed_disk_opens(void) {
    static const uint8_t digest[LUKS_DIGEST_BYTES] = {0x21, 0x81, 0xf6, 0x91, 0x5b, 0xf8, 0x2b,
                                                      0x25, 0x4c, 0xd9, 0x0a, 0xc5, 0xfb, 0xbf,
                                                      0x10, 0x19, 0x95, 0xb3, 0xfe, 0x60};
    static const char want[] = "b8188f79601493a478466f81a29fb99fcd6e76adb95af5f5ea5e83ca3176267a"
                               "e384596a9b8e9bbd42aad2a162a1240b3f8f3381c5f5f5e02a82fb79517e339d";
    uint8_t header[LUKS_HEADER_BYTES] = {'L', 'U', 'K', 'S', 0xBA, 0xBE, 0, 1};
    struct hash salt = sha256_of("salt", 4), digest_salt = sha256_of("digest salt", 11);
    memcpy(header + 8, "aes", 3);
    memcpy(header + 40, "xts-plain64", 11);
    memcpy(header + 72, "sha256", 6);
    put_be(header + 104, 4096);
    put_be(header + 108, 64);
    memcpy(header + 112, digest, sizeof digest);
    memcpy(header + 132, digest_salt.bytes, sizeof digest_salt.bytes);
    put_be(header + 164, 1000);
    memcpy(header + 168, "01234567-89ab-4cde-8f01-23456789abcd", 36);
    for (uint32_t i = 0; i < LUKS_SLOTS; i++) {
        uint8_t *at = header + 208 + (size_t)i * 48;
        put_be(at, i == 3 ? 0x00AC71F3 : 0x0000DEAD);
        put_be(at + 4, i == 3 ? 1000 : 0);
        if (i == 3) memcpy(at + 8, salt.bytes, sizeof salt.bytes);
        put_be(at + 40, 8 + 504 * i);
        put_be(at + 44, 4000);
    }
    REQUIRE(disk_new());
    REQUIRE(block_write(&disk, 0, header, sizeof header, &fault) == OK);
    for (uint32_t i = 0; i < MATERIAL / SHA256_BYTES; i++) {
        uint8_t number[4];
        put_be(number, i);
        struct hash hash = sha256_of(number, sizeof number);
        uint64_t at = (8 + 504 * 3) * 512 + (uint64_t)i * SHA256_BYTES;
        REQUIRE(block_write(&disk, at, hash.bytes, sizeof hash.bytes, &fault) == OK);
    }
    REQUIRE(luks_read(&disk, &luks, &fault) == OK);
    CHECK_EQ(opens(&passphrase, EVERY), OK);
    CHECK_EQ(slot, 3);
    char hex[2 * LUKS_KEY_BYTES + 1];
    for (size_t i = 0; i < LUKS_KEY_BYTES; i++) {
        snprintf(hex + 2 * i, 3, "%02x", got.bytes[i]);
    }
    CHECK_STR(hex, want);
}

static void a_secret_gives_way_to_a_new_one(void) {
    REQUIRE(disk_made());
    uint8_t before[4096], after[4096];
    REQUIRE(block_read(&disk, luks.slots[0].offset, before, sizeof before, &fault) == OK);
    REQUIRE(luks_set(&disk, &luks, &key, 0, &other, &fault) == OK);
    REQUIRE(block_read(&disk, luks.slots[0].offset, after, sizeof after, &fault) == OK);
    CHECK(memcmp(before, after, sizeof before) != 0);
    REQUIRE(luks_read(&disk, &again, &fault) == OK);
    CHECK_BYTES(&again, sizeof again, &luks, sizeof luks);
    CHECK_EQ(opens(&other, EVERY), OK);
    CHECK(same_key() && slot == 1);
    CHECK_EQ(opens(&passphrase, EVERY), ERR_DENIED);
    REQUIRE(luks_set(&disk, &luks, &key, 1, &passphrase, &fault) == OK); // and back
    CHECK_EQ(opens(&passphrase, EVERY), OK);
    CHECK_EQ(opens(&other, EVERY), ERR_DENIED);
    CHECK_EQ(opens(&stick, EVERY), OK);
    REQUIRE(luks_unset(&disk, &luks, LUKS_STICK, &fault) == OK);
    CHECK_EQ(opens(&stick, EVERY), ERR_DENIED);
    CHECK_EQ(luks_unset(&disk, &luks, LUKS_PASSPHRASE, &fault), ERR_CONFLICT);
    CHECK_EQ(opens(&passphrase, EVERY), OK);
}

// Both slots of a role are filled when the power goes off before the old one is destroyed.
static bool both_filled(void) {
    for (uint64_t steps = 0;; steps++) {
        if (!disk_made()) return false;
        block_cut_after(steps, check_random);
        enum err err = luks_set(&disk, &luks, &key, 0, &other, &fault);
        (void)block_cut_end();
        fault = (struct fault){0};
        if (err == OK || luks_read(&disk, &luks, &fault) != OK) return false;
        if (luks.slots[0].active && luks.slots[1].active) return true;
    }
}

static void two_slots_of_a_role(void) {
    const struct luks_secret third = {LUKS_PASSPHRASE, {"third mule", 10}, 1};
    for (int opened = 0; opened < 3; opened++) {
        REQUIRE(both_filled());
        CHECK_EQ(opens(&other, EVERY), OK);
        REQUIRE(luks_set(&disk, &luks, &key, opened, &third, &fault) == OK);
        CHECK_EQ(opens(&third, EVERY), OK);
        CHECK_EQ(opens(&passphrase, EVERY), ERR_DENIED);
        CHECK_EQ(opens(&other, EVERY), ERR_DENIED);
    }
}

// No flipped bit gives a key that is none; damage to a slot's bytes is told as a wrong secret.
static void damage_never_gives_a_wrong_key(void) {
    REQUIRE(disk_made());
    struct luks whole = luks;
    unsigned opened = 0, refused = 0;
    for (uint64_t at = 0; at < HEADER; at++) {
        uint8_t byte = whole.header[at] ^ (uint8_t)(1u << check_random() % 8);
        REQUIRE(block_write(&disk, at, &byte, 1, &fault) == OK);
        enum err err = luks_read(&disk, &luks, NULL);
        // Rounds that would take hours are the header's own; not here.
        bool quick = luks.slots[0].rounds < 1000 && luks.digest_rounds < 10000;
        if (err == OK) err = quick ? opens(&passphrase, 1 << LUKS_PASSPHRASE) : ERR_LIMIT;
        opened += err == OK;
        refused += err != OK;
        CHECK(err != OK || memcmp(got.bytes, key.bytes, luks.key_bytes) == 0);
        REQUIRE(block_write(&disk, at, &whole.header[at], 1, &fault) == OK);
    }
    CHECK(opened > 100 && refused > 100); // padding and the other slots; all else
    luks = whole;
    for (int i = 0; i < 40; i++) {
        uint64_t at = luks.slots[0].offset + check_random() % MATERIAL;
        scratch_flip(path, at, 1);
        CHECK_EQ(opens(&passphrase, EVERY), ERR_DENIED);
        CHECK_EQ(opens(&stick, EVERY), OK);
        scratch_flip(path, at, 1);
    }
    CHECK_EQ(opens(&passphrase, EVERY), OK);
}

static void cut_short(void) {
    REQUIRE(disk_made());
    static const uint64_t sizes[] = {2 * MIB, 2 * MIB - 1, 100000, 4096, 1024, 1023, 6, 0};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        REQUIRE(truncate(path, (off_t)sizes[i]) == 0);
        block_close(&disk);
        REQUIRE(block_open(path, BLOCK_WRITE, &disk, &fault) == OK);
        enum err want = sizes[i] < LUKS_HEADER_BYTES ? ERR_NOT_FOUND : ERR_CORRUPT;
        CHECK_EQ(luks_read(&disk, &again, NULL), want);
    }
    REQUIRE(truncate(path, 3 * MIB) == 0);
    block_close(&disk);
    REQUIRE(block_open(path, BLOCK_WRITE, &disk, &fault) == OK);
    CHECK_EQ(luks_make(&disk, &passphrase, 1, &luks, &key, &fault), ERR_INPUT);
}

// Every number of a header that no program makes.
static void absurd_headers(void) {
    static const struct {
        int at;
        uint32_t value;
    } wrong[] = {{104, 0},          {104, 0xFFFFFFFF},
                 {108, 0},          {108, 48},
                 {108, 0x80000040}, {164, 0},
                 {164, 0xFFFFFFFF}, {208, 1},
                 {208 + 4, 0},      {208 + 4, 0xFFFFFFFF},
                 {208 + 40, 0},     {208 + 40, 0xFFFFFFFF},
                 {208 + 40, 4096},  {208 + 40, 513},
                 {208 + 44, 0},     {208 + 44, 4001},
                 {208 + 88, 1},     {4, 0xBABE0000},
                 {208 + 48 * 7, 7}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        REQUIRE(disk_made());
        const uint8_t bytes[4] = {(uint8_t)(wrong[i].value >> 24), (uint8_t)(wrong[i].value >> 16),
                                  (uint8_t)(wrong[i].value >> 8), (uint8_t)wrong[i].value};
        REQUIRE(block_write(&disk, (uint64_t)wrong[i].at, bytes, 4, &fault) == OK);
        enum err err = luks_read(&disk, &again, &fault);
        check_that(err == ERR_CORRUPT || err == ERR_INPUT, __FILE__, __LINE__, "%zu: %d", i, err);
    }
}

static void a_cut_while_it_is_made(void) {
    const struct luks_secret secrets[] = {passphrase, stick};
    unsigned none = 0;
    uint64_t steps = 0;
    for (bool off = true; off; steps++) {
        REQUIRE(disk_new());
        block_cut_after(steps, check_random);
        enum err made = luks_make(&disk, secrets, 2, &luks, &key, &fault);
        off = block_cut_end();
        CHECK_EQ(made == OK, !off);
        fault = (struct fault){0};
        enum err err = luks_read(&disk, &luks, &fault);
        none += err == ERR_NOT_FOUND;
        CHECK(err == OK || err == ERR_NOT_FOUND);
        if (err == OK) CHECK(opens(&passphrase, EVERY) == OK && opens(&stick, EVERY) == OK);
    }
    CHECK(none > 10);
}

// Before, after or, between two steps, both: one of them always opens it, and the stick does.
static void a_cut_while_it_is_changed(void) {
    unsigned before = 0, after = 0;
    for (int turn = 0; turn < 3; turn++) {
        uint64_t steps = 0;
        for (bool off = true; off; steps++) {
            REQUIRE(disk_made());
            block_cut_after(steps, check_random);
            enum err set = luks_set(&disk, &luks, &key, 0, &other, &fault);
            off = block_cut_end();
            CHECK_EQ(set == OK, !off);
            REQUIRE(luks_read(&disk, &luks, &fault) == OK);
            bool old = opens(&passphrase, EVERY) == OK && same_key();
            bool new = opens(&other, EVERY) == OK &&same_key();
            CHECK(old || new);
            CHECK(opens(&stick, EVERY) == OK && same_key());
            before += old;
            after += new;
        }
    }
    CHECK(before > 10 && after > 10);
}

static void a_cut_while_a_slot_goes(void) {
    uint64_t steps = 0;
    for (bool off = true; off; steps++) {
        REQUIRE(disk_made());
        block_cut_after(steps, check_random);
        enum err err = luks_unset(&disk, &luks, LUKS_STICK, &fault);
        off = block_cut_end();
        CHECK_EQ(err == OK, !off);
        REQUIRE(luks_read(&disk, &luks, &fault) == OK);
        CHECK(opens(&passphrase, EVERY) == OK && same_key());
        if (steps > 1 && !off) CHECK_EQ(opens(&stick, EVERY), ERR_DENIED);
    }
}

static void destroyed_is_destroyed(void) {
    REQUIRE(disk_made());
    struct luks before = luks;
    REQUIRE(luks_destroy(&disk, &fault) == OK);
    CHECK_EQ(luks_read(&disk, &again, &fault), ERR_NOT_FOUND);
    uint8_t bytes[4096];
    for (uint64_t at = 0; at < LUKS_DATA_BYTES; at += sizeof bytes) {
        REQUIRE(block_read(&disk, at, bytes, sizeof bytes, &fault) == OK);
        CHECK(bytes[0] == 0 && memcmp(bytes, bytes + 1, sizeof bytes - 1) == 0);
    }
    // Not even with the header kept elsewhere.
    REQUIRE(block_write(&disk, 0, before.header, sizeof before.header, &fault) == OK);
    CHECK_EQ(opens(&passphrase, EVERY), ERR_DENIED);
    CHECK_EQ(opens(&stick, EVERY), ERR_DENIED);
}

static void what_the_kernel_is_told(void) {
    char table[MAPPER_TABLE_BYTES];
    REQUIRE(disk_made());
    memset(key.bytes, 0xA5, sizeof key.bytes);
    REQUIRE(mapper_table(&luks, &key, "/dev/vda5", table));
    CHECK_EQ(strlen(table), strlen("aes-xts-plain64  0 /dev/vda5 4096") + 128);
    CHECK(strncmp(table, "aes-xts-plain64 a5a5a5", 22) == 0);
    CHECK(strstr(table, "a5 0 /dev/vda5 4096") != NULL);
    char name[MAPPER_TABLE_BYTES];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CHECK(!mapper_table(&luks, &key, name, table));
}

static void rounds_suit_the_machine(void) {
    CHECK(luks_rounds_measured() >= LUKS_ROUNDS_LEAST);
}

int main(void) {
    const char *folder = scratch_folder();
    disk.fd = -1;
    snprintf(path, sizeof path, "%s", scratch_path(folder, "disk"));
    snprintf(key_path, sizeof key_path, "%s", scratch_path(folder, "key"));
    CHECK_RUN(what_is_made_opens);
    CHECK_RUN(nothing_repeats);
    CHECK_RUN(cryptsetup_opens_it);
    CHECK_RUN(what_cryptsetup_makes_opens);
    CHECK_RUN(a_fixed_disk_opens);
    CHECK_RUN(a_secret_gives_way_to_a_new_one);
    CHECK_RUN(two_slots_of_a_role);
    CHECK_RUN(damage_never_gives_a_wrong_key);
    CHECK_RUN(cut_short);
    CHECK_RUN(absurd_headers);
    CHECK_RUN(a_cut_while_it_is_made);
    CHECK_RUN(a_cut_while_it_is_changed);
    CHECK_RUN(a_cut_while_a_slot_goes);
    CHECK_RUN(destroyed_is_destroyed);
    CHECK_RUN(what_the_kernel_is_told);
    CHECK_RUN(rounds_suit_the_machine);
    block_close(&disk);
    return check_done();
}
