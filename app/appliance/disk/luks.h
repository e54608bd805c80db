// The encryption of the data partition: a header of LUKS version 1 before the encrypted bytes, so
// that any Linux with cryptsetup opens the disk when the box itself is broken. Version 1 and not 2:
// its header is binary and 592 bytes long; what version 2 adds (JSON, Argon2, a second copy) is
// more to read wrongly than it gives to a box that asks for its passphrase once a start.
//
// A volume key of 64 random bytes encrypts the partition (AES-256 in XTS mode, the sector's number
// as tweak). Eight slots hold the same key, each under a secret of its own: PBKDF2-SHA256 makes a
// key of the secret, and that encrypts the volume key spread over 256,000 bytes (the anti-forensic
// splitter), of which none may be missing: overwriting any of it destroys the slot.
//
// A change is made so that a power cut at any moment leaves a header that opens as before or as
// after it: first the slot's bytes, then, when they have been read back, the header that names
// them; a slot goes the other way round for its bytes must be gone first. Slots 0 to 5 lie in the
// header's first sector, which a disk writes as a whole; the rest is left alone.
//
// Works on a block device or a plain file; depends on base/ and Mbed TLS's AES. Any thread; a
// device belongs to one at a time. Keys are wiped from memory here; the caller wipes his own.
// Source: Clemens Fruhwirth, "LUKS On-Disk Format Specification", version 1.2.3.
#pragma once

#include "appliance/disk/block.h"
#include "base/str.h"

enum {
    LUKS_KEY_BYTES = 64,
    LUKS_SLOTS = 8,
    LUKS_SALT_BYTES = 32,
    LUKS_DIGEST_BYTES = 20,
    LUKS_UUID_SIZE = 37,
    LUKS_HEADER_BYTES = 1024,             // whole sectors
    LUKS_DATA_BYTES = 2 << 20,            // from here on, in what is made here
    LUKS_ROUNDS_LEAST = 600 * 1000,       // for what people choose (OWASP 2023)
    LUKS_ROUNDS_RANDOM = 1000,            // for what is random: nothing is gained by more
    LUKS_ROUNDS_MOST = 200 * 1000 * 1000, // a header that wants more would never open
};

// Whose secret a slot is for: two slots each, so that a new one stands before the old one goes.
// A slot that another program filled is tried with what is typed.
enum luks_role { LUKS_PASSPHRASE, LUKS_STICK, LUKS_RECOVERY, LUKS_FOREIGN };

struct luks_slot {
    bool active;
    uint32_t rounds;
    uint8_t salt[LUKS_SALT_BYTES];
    uint64_t offset; // of its bytes, from the beginning of the device
};
struct luks {
    uint8_t header[LUKS_HEADER_BYTES]; // as it lies on the disk
    uint32_t key_bytes;                // 64, or 32 of what was made elsewhere
    uint8_t digest[LUKS_DIGEST_BYTES], digest_salt[LUKS_SALT_BYTES];
    uint32_t digest_rounds;
    uint64_t data_offset; // of the encrypted bytes
    char uuid[LUKS_UUID_SIZE];
    struct luks_slot slots[LUKS_SLOTS];
};
struct luks_key {
    uint8_t bytes[LUKS_KEY_BYTES];
};
struct luks_secret {
    enum luks_role role;
    struct str text;
    uint32_t rounds;
};

// How many rounds this machine does in about a second; at least LUKS_ROUNDS_LEAST.
uint32_t luks_rounds_measured(void);

// ERR_NOT_FOUND (no fault) if there is no header; ERR_CORRUPT "appliance.luks_damaged", ERR_INPUT
// "appliance.luks_unknown" for other ciphers and versions (detail: the path).
enum err luks_read(const struct block *block, struct luks *out, struct fault *fault) MUST_USE;
// Makes a new header with a new key and a slot for each secret; nothing of what was on the device
// counts any more. Until the last write there is no header on it. At most one secret a role.
enum err luks_make(const struct block *block, const struct luks_secret *secrets, size_t count,
                   struct luks *out, struct luks_key *out_key, struct fault *fault) MUST_USE;
// Tries a secret on all slots, or only on those of `role` (and foreign ones) if `*role` is given.
// ERR_DENIED "appliance.wrong_key".
enum err luks_open(const struct block *block, const struct luks *luks, struct str secret,
                   unsigned roles, struct luks_key *out_key, int *out_slot,
                   struct fault *fault) MUST_USE;
// Gives the role this secret, in place of the one it had. `opened` is the slot that the key came
// from. ERR_IO "appliance.luks_not_kept" if what was written does not come back: all is as before.
enum err luks_set(const struct block *block, struct luks *luks, const struct luks_key *key,
                  int opened, const struct luks_secret *secret, struct fault *fault) MUST_USE;
// Destroys the role's slots. ERR_CONFLICT "appliance.luks_last" if no other would be left.
enum err luks_unset(const struct block *block, struct luks *luks, enum luks_role role,
                    struct fault *fault) MUST_USE;
// Whatever is there: header and all slots are overwritten, and nothing opens it ever again.
enum err luks_destroy(const struct block *block, struct fault *fault) MUST_USE;

enum luks_role luks_role_of(int slot);
bool luks_has(const struct luks *luks, enum luks_role role);
