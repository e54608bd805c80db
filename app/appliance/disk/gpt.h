// The partition table of a disk (GPT): read with every check, changed in memory, written as two
// copies so that a cut at any point leaves one that is whole. Sectors of 512 and of 4,096 bytes.
// Depends on base/ and zlib's CRC-32. Any thread; a table belongs to one at a time.
// Source: UEFI specification 2.10, chapter 5.
#pragma once

#include "appliance/disk/block.h"
#include "base/str.h"

enum {
    GUID_BYTES = 16,
    GUID_TEXT_SIZE = 37,
    GPT_PARTITIONS = 128, // entries of a table, used or not
    GPT_NAME_UNITS = 36,  // of UTF-16
    GPT_ALIGN_BYTES = 1 << 20,
};

struct guid {
    uint8_t bytes[GUID_BYTES]; // as it lies on the disk: the first three groups little-endian
};
// "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", letters of either case; false if it is none.
bool guid_read(struct str text, struct guid *out);
void guid_text(const struct guid *guid, char out[static GUID_TEXT_SIZE]); // small letters
struct guid guid_random(void);                                            // version 4
bool guid_equal(const struct guid *one, const struct guid *other);
// Types of partitions (UEFI, GRUB, the discoverable partitions of systemd).
extern const struct guid GUID_BIOS_BOOT, GUID_ESP, GUID_BASIC_DATA, GUID_LINUX_DATA;

struct gpt_partition {
    struct guid type;     // all zero: the entry is free
    struct guid id;       // PARTUUID
    uint64_t first, last; // sectors, both its own
    uint64_t attributes;
    uint16_t name[GPT_NAME_UNITS]; // UTF-16, ends with the first 0
};
struct gpt {
    struct guid disk;
    uint32_t sector_bytes;
    uint64_t sectors;                                // of the device
    struct gpt_partition partitions[GPT_PARTITIONS]; // entry i is partition number i + 1
    // Findings of gpt_read: which copy was broken, or not at the device's end (a disk image on a
    // larger disk). gpt_write mends both.
    bool first_broken, second_broken, second_elsewhere;
};

// ERR_NOT_FOUND "appliance.no_partition_table"; ERR_CORRUPT "appliance.partition_table_damaged" if
// both copies are broken or partitions overlap or lie beyond the device.
enum err gpt_read(const struct block *disk, struct gpt *out, struct fault *fault) MUST_USE;
// An empty table with a new GUID for the whole device. ERR_INPUT "appliance.disk_too_small".
enum err gpt_make(const struct block *disk, struct gpt *out, struct fault *fault) MUST_USE;
// Writes the second copy, then the first, each synced; the boot code in the first sector stays.
enum err gpt_write(const struct block *disk, const struct gpt *gpt, struct fault *fault) MUST_USE;
// Tells the kernel of one more partition (number 1 up) of a disk that is in use; fine on a file.
enum err gpt_announce(const struct block *disk, const struct gpt *gpt, uint32_t number,
                      struct fault *fault) MUST_USE;

// The partition's number, 0 if there is none.
uint32_t gpt_find_id(const struct gpt *gpt, const struct guid *id);
uint32_t gpt_find_name(const struct gpt *gpt, const char *name);
bool gpt_used(const struct gpt_partition *partition);
uint64_t gpt_offset(const struct gpt *gpt, uint32_t number); // bytes
uint64_t gpt_bytes(const struct gpt *gpt, uint32_t number);
// The name in ASCII, '?' for other letters; out has GPT_NAME_UNITS + 1 bytes.
void gpt_name(const struct gpt_partition *partition, char out[static GPT_NAME_UNITS + 1]);
void gpt_name_set(struct gpt_partition *partition, const char *name); // cut after 36 letters
// A partition with a new GUID behind all others, over the rest of the disk in whole MiB. It gets
// the first free entry. ERR_FULL "appliance.no_room_for_data" if that is less than `least_bytes`.
enum err gpt_append(struct gpt *gpt, const struct guid *type, const char *name,
                    uint64_t least_bytes, uint32_t *out_number, struct fault *fault) MUST_USE;
