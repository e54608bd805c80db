#include "appliance/disk/gpt.h"

#include <errno.h>
#include <linux/blkpg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/assert.h"
#include "base/crypto.h"
#include "base/memory.h"

// Offsets of a header's and an entry's fields (UEFI 2.10, tables 5.5 and 5.6).
enum {
    HEADER_BYTES = 92,
    AT_REVISION = 8,
    AT_HEADER_BYTES = 12,
    AT_HEADER_CRC = 16,
    AT_OWN = 24,
    AT_OTHER = 32,
    AT_FIRST_USABLE = 40,
    AT_LAST_USABLE = 48,
    AT_DISK = 56,
    AT_ENTRIES = 72,
    AT_ENTRY_COUNT = 80,
    AT_ENTRY_BYTES = 84,
    AT_ENTRIES_CRC = 88,
    ENTRY_BYTES = 128,
    ENTRIES_BYTES = GPT_PARTITIONS * ENTRY_BYTES,
    // The protective MBR's only partition.
    AT_MBR = 446,
    MBR_TYPE_GPT = 0xEE,
};
static const char SIGNATURE[8] = "EFI PART";
static const uint32_t REVISION = 0x00010000;

const struct guid GUID_BIOS_BOOT = {"Hah!IdontNeedEFI"};
const struct guid GUID_ESP = {{0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00,
                               0xa0, 0xc9, 0x3e, 0xc9, 0x3b}};
const struct guid GUID_BASIC_DATA = {{0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44, 0x87, 0xc0,
                                      0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7}};
const struct guid GUID_LINUX_DATA = {{0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79,
                                      0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4}};

static void put_le(uint8_t *at, uint64_t value, int size) {
    for (int i = 0; i < size; i++, value >>= 8) at[i] = (uint8_t)value;
}

static uint64_t get_le(const uint8_t *at, int size) {
    uint64_t value = 0;
    for (int i = size - 1; i >= 0; i--) value = value << 8 | at[i];
    return value;
}

// ---- GUIDs --------------------------------------------------------------------------------------

// Where the bytes of the text stand on the disk.
static const uint8_t GUID_ORDER[GUID_BYTES] = {3, 2, 1,  0,  5,  4,  7,  6,
                                               8, 9, 10, 11, 12, 13, 14, 15};

bool guid_read(struct str text, struct guid *out) {
    struct guid guid;
    size_t at = 0;
    if (text.size != GUID_TEXT_SIZE - 1) return false;
    for (int i = 0; i < GUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            if (text.data[at++] != '-') return false;
        }
        unsigned value = 0;
        for (int half = 0; half < 2; half++) {
            char c = text.data[at++];
            int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
            if (digit < 0) return false;
            value = value << 4 | (unsigned)digit;
        }
        guid.bytes[GUID_ORDER[i]] = (uint8_t)value;
    }
    *out = guid;
    return true;
}

void guid_text(const struct guid *guid, char out[static GUID_TEXT_SIZE]) {
    size_t at = 0;
    for (int i = 0; i < GUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out[at++] = '-';
        snprintf(out + at, GUID_TEXT_SIZE - at, "%02x", guid->bytes[GUID_ORDER[i]]);
        at += 2;
    }
}

struct guid guid_random(void) {
    struct guid guid;
    random_bytes(guid.bytes, sizeof guid.bytes);
    guid.bytes[7] = (uint8_t)((guid.bytes[7] & 0x0F) | 0x40); // version 4
    guid.bytes[8] = (uint8_t)((guid.bytes[8] & 0x3F) | 0x80); // RFC 9562's variant
    return guid;
}

bool guid_equal(const struct guid *one, const struct guid *other) {
    return memcmp(one->bytes, other->bytes, GUID_BYTES) == 0;
}

// ---- geometry -----------------------------------------------------------------------------------

static uint64_t entries_sectors(const struct gpt *gpt) {
    return ENTRIES_BYTES / gpt->sector_bytes;
}

// The first sector a partition may have, and the last.
static uint64_t first_usable(const struct gpt *gpt) {
    return 2 + entries_sectors(gpt);
}

static uint64_t last_usable(const struct gpt *gpt) {
    return gpt->sectors - 2 - entries_sectors(gpt);
}

static enum err geometry_take(const struct block *disk, struct gpt *gpt, struct fault *fault) {
    memset(gpt, 0, sizeof *gpt);
    gpt->sector_bytes = disk->sector_bytes;
    gpt->sectors = disk->bytes / disk->sector_bytes;
    cy_assert(gpt->sector_bytes == 512 || gpt->sector_bytes == 4096);
    // Both copies and a sector between them.
    if (gpt->sectors >= 2 * entries_sectors(gpt) + 4) return OK;
    return fault_set(fault, ERR_INPUT, "appliance.disk_too_small", str_of(disk->path));
}

bool gpt_used(const struct gpt_partition *partition) {
    static const struct guid none;
    return !guid_equal(&partition->type, &none);
}

// Within the disk, and no two over one another.
static bool partitions_fit(const struct gpt *gpt) {
    for (int i = 0; i < GPT_PARTITIONS; i++) {
        const struct gpt_partition *one = &gpt->partitions[i];
        if (!gpt_used(one)) continue;
        if (one->first > one->last || one->first < first_usable(gpt) ||
            one->last > last_usable(gpt)) {
            return false;
        }
        for (int j = 0; j < i; j++) {
            const struct gpt_partition *other = &gpt->partitions[j];
            if (gpt_used(other) && one->first <= other->last && other->first <= one->last) {
                return false;
            }
        }
    }
    return true;
}

// ---- reading ------------------------------------------------------------------------------------

struct copy {
    struct guid disk;
    uint64_t other; // where the other copy's header is
    struct gpt_partition partitions[GPT_PARTITIONS];
};

static uint32_t header_crc(const uint8_t *header, uint32_t size) {
    static const uint8_t zeros[4];
    uLong crc = crc32(0, header, AT_HEADER_CRC);
    crc = crc32(crc, zeros, sizeof zeros);
    return (uint32_t)crc32(crc, header + AT_HEADER_CRC + 4, size - AT_HEADER_CRC - 4);
}

static void entry_get(const uint8_t *at, struct gpt_partition *out) {
    memcpy(out->type.bytes, at, GUID_BYTES);
    memcpy(out->id.bytes, at + 16, GUID_BYTES);
    out->first = get_le(at + 32, 8);
    out->last = get_le(at + 40, 8);
    out->attributes = get_le(at + 48, 8);
    for (int i = 0; i < GPT_NAME_UNITS; i++) {
        out->name[i] = (uint16_t)get_le(at + 56 + 2 * i, 2);
    }
}

// One copy, whose header is in sector `own`. ERR_NOT_FOUND if no header is there at all.
static enum err copy_read(const struct block *disk, uint64_t own, uint8_t *entries,
                          struct copy *out) {
    uint8_t header[BLOCK_SECTOR_BYTES_MAX];
    uint32_t sector = disk->sector_bytes;
    enum err err = block_read(disk, own * sector, header, sector, NULL);
    if (err != OK) return err;
    if (memcmp(header, SIGNATURE, sizeof SIGNATURE) != 0) return ERR_NOT_FOUND;
    uint32_t size = (uint32_t)get_le(header + AT_HEADER_BYTES, 4);
    if (get_le(header + AT_REVISION, 4) != REVISION || size < HEADER_BYTES || size > sector ||
        get_le(header + AT_HEADER_CRC, 4) != header_crc(header, size) ||
        get_le(header + AT_OWN, 8) != own) {
        return ERR_CORRUPT;
    }
    uint64_t at = get_le(header + AT_ENTRIES, 8);
    uint64_t count = get_le(header + AT_ENTRY_COUNT, 4);
    if (count == 0 || count > GPT_PARTITIONS || get_le(header + AT_ENTRY_BYTES, 4) != ENTRY_BYTES ||
        at > disk->bytes / sector) {
        return ERR_CORRUPT;
    }
    size_t bytes = (size_t)count * ENTRY_BYTES;
    err = block_read(disk, at * sector, entries, bytes, NULL);
    if (err != OK) return err;
    if (get_le(header + AT_ENTRIES_CRC, 4) != crc32(0, entries, (uInt)bytes)) return ERR_CORRUPT;
    memset(out, 0, sizeof *out);
    memcpy(out->disk.bytes, header + AT_DISK, GUID_BYTES);
    out->other = get_le(header + AT_OTHER, 8);
    for (size_t i = 0; i < count; i++) entry_get(entries + i * ENTRY_BYTES, &out->partitions[i]);
    return OK;
}

static void copy_take(struct gpt *gpt, const struct copy *copy) {
    gpt->disk = copy->disk;
    memcpy(gpt->partitions, copy->partitions, sizeof gpt->partitions);
}

// The first copy where it is whole, the second one otherwise. `copy` and `entries` are room.
static enum err copies_read(const struct block *disk, struct gpt *gpt, struct copy *copy,
                            uint8_t *entries) {
    uint64_t end = gpt->sectors - 1;
    enum err first = copy_read(disk, 1, entries, copy);
    if (first == OK) {
        copy_take(gpt, copy);
        uint64_t other = copy->other;
        gpt->second_elsewhere = other != end;
        gpt->second_broken =
            other > end || other < 2 || copy_read(disk, other, entries, copy) != OK;
        return OK;
    }
    enum err second = copy_read(disk, end, entries, copy);
    if (second != OK) {
        return first == ERR_NOT_FOUND && second == ERR_NOT_FOUND ? ERR_NOT_FOUND : ERR_CORRUPT;
    }
    copy_take(gpt, copy);
    gpt->first_broken = true;
    return OK;
}

enum err gpt_read(const struct block *disk, struct gpt *out, struct fault *fault) {
    enum err err = geometry_take(disk, out, fault);
    if (err != OK) return err;
    struct copy *copy = memory_take(sizeof *copy);
    uint8_t *entries = memory_take(ENTRIES_BYTES);
    err = copy && entries ? copies_read(disk, out, copy, entries) : ERR_MEMORY;
    memory_give(copy);
    memory_give(entries);
    if (err == OK && !partitions_fit(out)) err = ERR_CORRUPT;
    struct str path = str_of(disk->path);
    if (err == ERR_MEMORY) return fault_set(fault, err, "base.no_memory", path);
    if (err == ERR_NOT_FOUND) return fault_set(fault, err, "appliance.no_partition_table", path);
    if (err == ERR_CORRUPT) {
        return fault_set(fault, err, "appliance.partition_table_damaged", path);
    }
    return err;
}

enum err gpt_make(const struct block *disk, struct gpt *out, struct fault *fault) {
    enum err err = geometry_take(disk, out, fault);
    if (err == OK) out->disk = guid_random();
    return err;
}

// ---- writing ------------------------------------------------------------------------------------

static void entry_put(uint8_t *at, const struct gpt_partition *partition) {
    if (!gpt_used(partition)) return; // all zero
    memcpy(at, partition->type.bytes, GUID_BYTES);
    memcpy(at + 16, partition->id.bytes, GUID_BYTES);
    put_le(at + 32, partition->first, 8);
    put_le(at + 40, partition->last, 8);
    put_le(at + 48, partition->attributes, 8);
    for (int i = 0; i < GPT_NAME_UNITS; i++) put_le(at + 56 + 2 * i, partition->name[i], 2);
}

static void header_fill(uint8_t *header, const struct gpt *gpt, uint64_t own, uint64_t other,
                        uint64_t entries_at, uint32_t entries_crc) {
    memset(header, 0, gpt->sector_bytes);
    memcpy(header, SIGNATURE, sizeof SIGNATURE);
    put_le(header + AT_REVISION, REVISION, 4);
    put_le(header + AT_HEADER_BYTES, HEADER_BYTES, 4);
    put_le(header + AT_OWN, own, 8);
    put_le(header + AT_OTHER, other, 8);
    put_le(header + AT_FIRST_USABLE, first_usable(gpt), 8);
    put_le(header + AT_LAST_USABLE, last_usable(gpt), 8);
    memcpy(header + AT_DISK, gpt->disk.bytes, GUID_BYTES);
    put_le(header + AT_ENTRIES, entries_at, 8);
    put_le(header + AT_ENTRY_COUNT, GPT_PARTITIONS, 4);
    put_le(header + AT_ENTRY_BYTES, ENTRY_BYTES, 4);
    put_le(header + AT_ENTRIES_CRC, entries_crc, 4);
    put_le(header + AT_HEADER_CRC, header_crc(header, HEADER_BYTES), 4);
}

// Entries before their header: a header that stands says that its entries do.
static enum err copy_write(const struct block *disk, const struct gpt *gpt, bool second,
                           const uint8_t *entries, struct fault *fault) {
    uint8_t header[BLOCK_SECTOR_BYTES_MAX];
    uint64_t end = gpt->sectors - 1, sector = gpt->sector_bytes;
    uint64_t own = second ? end : 1, entries_at = second ? end - entries_sectors(gpt) : 2;
    header_fill(header, gpt, own, second ? 1 : end, entries_at,
                (uint32_t)crc32(0, entries, ENTRIES_BYTES));
    enum err err = block_write(disk, entries_at * sector, entries, ENTRIES_BYTES, fault);
    if (err == OK) err = block_write(disk, own * sector, header, sector, fault);
    return err == OK ? block_sync(disk, fault) : err;
}

// One partition over all the disk, for those who know no GPT; boot code and what is flagged in it
// stay as they are.
static enum err protective_write(const struct block *disk, const struct gpt *gpt,
                                 struct fault *fault) {
    uint8_t block[BLOCK_SECTOR_BYTES_MAX], old[BLOCK_SECTOR_BYTES_MAX];
    enum err err = block_read(disk, 0, old, gpt->sector_bytes, fault);
    if (err != OK) return err;
    memcpy(block, old, gpt->sector_bytes);
    uint8_t *entry = block + AT_MBR;
    uint8_t flag = entry[4] == MBR_TYPE_GPT ? entry[0] : 0;
    uint64_t size = gpt->sectors - 1;
    memset(entry, 0, 512 - AT_MBR - 2);
    entry[0] = flag;
    entry[2] = 2; // head 0, sector 2
    entry[4] = MBR_TYPE_GPT;
    memset(entry + 5, 0xFF, 3);
    put_le(entry + 8, 1, 4);
    put_le(entry + 12, size > UINT32_MAX ? UINT32_MAX : size, 4);
    block[510] = 0x55;
    block[511] = 0xAA;
    if (memcmp(block, old, gpt->sector_bytes) == 0) return OK;
    err = block_write(disk, 0, block, gpt->sector_bytes, fault);
    return err == OK ? block_sync(disk, fault) : err;
}

enum err gpt_write(const struct block *disk, const struct gpt *gpt, struct fault *fault) {
    cy_assert(gpt->sector_bytes == disk->sector_bytes);
    cy_assert(gpt->sectors == disk->bytes / disk->sector_bytes);
    cy_assert(partitions_fit(gpt));
    uint8_t *entries = memory_take(ENTRIES_BYTES);
    if (!entries) return fault_set(fault, ERR_MEMORY, "base.no_memory", str_of(disk->path));
    for (int i = 0; i < GPT_PARTITIONS; i++) {
        entry_put(entries + i * ENTRY_BYTES, &gpt->partitions[i]);
    }
    enum err err = copy_write(disk, gpt, true, entries, fault);
    if (err == OK) err = copy_write(disk, gpt, false, entries, fault);
    if (err == OK) err = protective_write(disk, gpt, fault);
    memory_give(entries);
    return err;
}

enum err gpt_announce(const struct block *disk, const struct gpt *gpt, uint32_t number,
                      struct fault *fault) {
    struct stat about;
    if (fstat(disk->fd, &about) != 0) return fault_errno(fault, errno, str_of(disk->path));
    if (!S_ISBLK(about.st_mode)) return OK;
    struct blkpg_partition partition = {.start = (long long)gpt_offset(gpt, number),
                                        .length = (long long)gpt_bytes(gpt, number),
                                        .pno = (int)number};
    struct blkpg_ioctl_arg request = {
        .op = BLKPG_ADD_PARTITION, .datalen = sizeof partition, .data = &partition};
    // The kernel may have seen it by itself: the same place and size is no failure.
    if (ioctl(disk->fd, BLKPG, &request) == 0 || errno == EBUSY) return OK;
    return fault_errno(fault, errno, str_of(disk->path));
}

// ---- partitions ---------------------------------------------------------------------------------

uint32_t gpt_find_id(const struct gpt *gpt, const struct guid *id) {
    for (uint32_t i = 0; i < GPT_PARTITIONS; i++) {
        const struct gpt_partition *one = &gpt->partitions[i];
        if (gpt_used(one) && guid_equal(&one->id, id)) return i + 1;
    }
    return 0;
}

uint32_t gpt_find_name(const struct gpt *gpt, const char *name) {
    char own[GPT_NAME_UNITS + 1];
    for (uint32_t i = 0; i < GPT_PARTITIONS; i++) {
        if (!gpt_used(&gpt->partitions[i])) continue;
        gpt_name(&gpt->partitions[i], own);
        if (strcmp(own, name) == 0) return i + 1;
    }
    return 0;
}

static const struct gpt_partition *numbered(const struct gpt *gpt, uint32_t number) {
    cy_assert(number >= 1 && number <= GPT_PARTITIONS && gpt_used(&gpt->partitions[number - 1]));
    return &gpt->partitions[number - 1];
}

uint64_t gpt_offset(const struct gpt *gpt, uint32_t number) {
    return numbered(gpt, number)->first * gpt->sector_bytes;
}

uint64_t gpt_bytes(const struct gpt *gpt, uint32_t number) {
    const struct gpt_partition *partition = numbered(gpt, number);
    return (partition->last - partition->first + 1) * gpt->sector_bytes;
}

void gpt_name(const struct gpt_partition *partition, char out[static GPT_NAME_UNITS + 1]) {
    int i = 0;
    for (; i < GPT_NAME_UNITS && partition->name[i]; i++) {
        uint16_t unit = partition->name[i];
        out[i] = unit >= ' ' && unit < 127 ? (char)unit : '?';
    }
    out[i] = '\0';
}

void gpt_name_set(struct gpt_partition *partition, const char *name) {
    memset(partition->name, 0, sizeof partition->name);
    for (int i = 0; i < GPT_NAME_UNITS && name[i]; i++) partition->name[i] = (uint8_t)name[i];
}

enum err gpt_append(struct gpt *gpt, const struct guid *type, const char *name,
                    uint64_t least_bytes, uint32_t *out_number, struct fault *fault) {
    uint64_t align = GPT_ALIGN_BYTES / gpt->sector_bytes, first = align;
    uint32_t number = 0;
    for (uint32_t i = GPT_PARTITIONS; i-- > 0;) {
        const struct gpt_partition *one = &gpt->partitions[i];
        if (!gpt_used(one)) number = i + 1;
        if (gpt_used(one) && one->last >= first) first = one->last + 1;
    }
    first = (first + align - 1) / align * align;
    uint64_t end = (last_usable(gpt) + 1) / align * align; // the sector behind it
    uint64_t sectors = end > first ? end - first : 0;
    if (number == 0 || sectors == 0 || sectors < least_bytes / gpt->sector_bytes) {
        return fault_set(fault, ERR_FULL, "appliance.no_room_for_data", STR_NONE);
    }
    struct gpt_partition *partition = &gpt->partitions[number - 1];
    *partition =
        (struct gpt_partition){.type = *type, .id = guid_random(), .first = first, .last = end - 1};
    gpt_name_set(partition, name);
    *out_number = number;
    return OK;
}
