#include "appliance/disk/fat.h"

#include <string.h>

#include "base/str.h"

// Offsets of the boot sector's and a folder entry's fields.
enum {
    AT_SECTOR_BYTES = 11,
    AT_CLUSTER_SECTORS = 13,
    AT_RESERVED = 14,
    AT_TABLES = 16,
    AT_ROOT_ENTRIES = 17,
    AT_SECTORS_16 = 19,
    AT_TABLE_SECTORS_16 = 22,
    AT_SECTORS_32 = 32,
    AT_TABLE_SECTORS_32 = 36,
    AT_ROOT_CLUSTER = 44,
    AT_BACKUP_BOOT = 50,
    AT_SERIAL_16 = 39,
    AT_SERIAL_32 = 67,
    AT_MARK = 510,
    ENTRY_BYTES = 32,
    SHORT_NAME_BYTES = 11,
    ATTRIBUTE_FOLDER = 0x10,
    ATTRIBUTE_LABEL = 0x08, // of long names too
    CLUSTERS_12_MAX = 4084,
    CLUSTERS_16_MAX = 65524,
};

static uint32_t get_le(const uint8_t *at, int size) {
    uint32_t value = 0;
    for (int i = size - 1; i >= 0; i--) value = value << 8 | at[i];
    return value;
}

static enum err damaged(const struct fat *fat, struct fault *fault) {
    return fault_set(fault, ERR_CORRUPT, "appliance.fat_damaged", str_of(fat->block->path));
}

// ---- opening ------------------------------------------------------------------------------------

static bool is_power(uint32_t value) {
    return value != 0 && (value & (value - 1)) == 0;
}

// Fills all from a boot sector; false if it is none.
static bool boot_take(const uint8_t *boot, struct fat *fat) {
    uint32_t sector = get_le(boot + AT_SECTOR_BYTES, 2), per = boot[AT_CLUSTER_SECTORS];
    uint32_t reserved = get_le(boot + AT_RESERVED, 2), tables = boot[AT_TABLES];
    uint64_t sectors = get_le(boot + AT_SECTORS_16, 2);
    uint64_t table = get_le(boot + AT_TABLE_SECTORS_16, 2);
    bool wide = table == 0;
    if (sectors == 0) sectors = get_le(boot + AT_SECTORS_32, 4);
    if (wide) table = get_le(boot + AT_TABLE_SECTORS_32, 4);
    if (get_le(boot + AT_MARK, 2) != 0xAA55 || !is_power(sector) || sector < 512 || sector > 4096 ||
        !is_power(per) || reserved == 0 || tables == 0 || tables > 4 || table == 0) {
        return false;
    }
    fat->sector_bytes = sector;
    fat->cluster_bytes = sector * per;
    fat->root_entries = get_le(boot + AT_ROOT_ENTRIES, 2);
    fat->table = (uint64_t)reserved * sector;
    fat->root = fat->table + tables * table * sector;
    uint64_t root_bytes =
        ((uint64_t)fat->root_entries * ENTRY_BYTES + sector - 1) / sector * sector;
    fat->data = fat->root + root_bytes;
    if (sectors * sector <= fat->data || (fat->root_entries == 0) != wide) return false;
    uint64_t clusters = (sectors * sector - fat->data) / fat->cluster_bytes;
    if (clusters == 0 || clusters > 0x0FFFFFF5) return false;
    fat->clusters = (uint32_t)clusters;
    fat->root_cluster = wide ? get_le(boot + AT_ROOT_CLUSTER, 4) : 0;
    fat->bits = wide ? 32 : clusters <= CLUSTERS_12_MAX ? 12 : 16;
    if (!wide && clusters > CLUSTERS_16_MAX) return false;
    // The table must have a place for each cluster.
    return ((uint64_t)fat->clusters + 2) * fat->bits <= table * sector * 8;
}

enum err fat_open(const struct block *block, uint64_t offset, struct fat *out,
                  struct fault *fault) {
    uint8_t boot[512];
    struct fat fat = {.block = block, .offset = offset};
    enum err err = block_read(block, offset, boot, sizeof boot, fault);
    if (err != OK) return err;
    if (!boot_take(boot, &fat)) {
        return fault_set(fault, ERR_INPUT, "appliance.no_fat", str_of(block->path));
    }
    *out = fat;
    return OK;
}

// ---- chains -------------------------------------------------------------------------------------

static bool is_cluster(const struct fat *fat, uint32_t cluster) {
    return cluster >= 2 && cluster - 2 < fat->clusters;
}

static uint64_t cluster_offset(const struct fat *fat, uint32_t cluster) {
    return fat->offset + fat->data + (uint64_t)(cluster - 2) * fat->cluster_bytes;
}

// The cluster that follows; no cluster (is_cluster false) at the chain's end.
static enum err chain_next(const struct fat *fat, uint32_t *cluster, struct fault *fault) {
    uint8_t bytes[4];
    uint64_t at = (uint64_t)*cluster * fat->bits / 8;
    size_t size = fat->bits == 32 ? 4 : 2;
    enum err err = block_read(fat->block, fat->offset + fat->table + at, bytes, size, fault);
    if (err != OK) return err;
    uint32_t value = get_le(bytes, (int)size);
    if (fat->bits == 12) value = *cluster % 2 ? value >> 4 : value & 0xFFF;
    *cluster = fat->bits == 32 ? value & 0x0FFFFFFF : value;
    return OK;
}

// ---- folders ------------------------------------------------------------------------------------

// "GRUBENV" as a folder has it: eight letters and three, filled with blanks. False if too long.
static bool short_name(struct str name, char out[static SHORT_NAME_BYTES]) {
    struct str ending, stem = str_cut(name, '.', &ending);
    if (stem.size == 0 || stem.size > 8 || ending.size > 3) return false;
    memset(out, ' ', SHORT_NAME_BYTES);
    memcpy(out, stem.data, stem.size);
    if (ending.size > 0) memcpy(out + 8, ending.data, ending.size);
    return true;
}

enum looked { LOOK_ON, LOOK_FOUND, LOOK_END };

static enum looked entries_look(const uint8_t *entries, size_t size, const char *name,
                                struct fat_file *out) {
    for (size_t at = 0; at + ENTRY_BYTES <= size; at += ENTRY_BYTES) {
        const uint8_t *entry = entries + at;
        if (entry[0] == 0) return LOOK_END;
        if (entry[11] & ATTRIBUTE_LABEL || memcmp(entry, name, SHORT_NAME_BYTES) != 0) continue;
        out->first_cluster = get_le(entry + 20, 2) << 16 | get_le(entry + 26, 2);
        out->bytes = get_le(entry + 28, 4);
        out->folder = entry[11] & ATTRIBUTE_FOLDER;
        return LOOK_FOUND;
    }
    return LOOK_ON;
}

static enum err place_look(const struct fat *fat, uint64_t at, uint64_t size, const char *name,
                           struct fat_file *out, enum looked *looked, struct fault *fault) {
    uint8_t entries[512];
    for (*looked = LOOK_ON; size > 0 && *looked == LOOK_ON;) {
        size_t piece = size < sizeof entries ? (size_t)size : sizeof entries;
        enum err err = block_read(fat->block, at, entries, piece, fault);
        if (err != OK) return err;
        *looked = entries_look(entries, piece, name, out);
        at += piece;
        size -= piece;
    }
    return OK;
}

// `folder` NULL: the root.
static enum err folder_look(const struct fat *fat, const struct fat_file *folder, const char *name,
                            struct fat_file *out, struct fault *fault) {
    enum looked looked = LOOK_ON;
    enum err err = OK;
    if (!folder && fat->bits != 32) {
        uint64_t size = (uint64_t)fat->root_entries * ENTRY_BYTES;
        err = place_look(fat, fat->offset + fat->root, size, name, out, &looked, fault);
    } else {
        uint32_t cluster = folder ? folder->first_cluster : fat->root_cluster;
        for (uint32_t i = 0; err == OK && looked == LOOK_ON && is_cluster(fat, cluster); i++) {
            if (i > fat->clusters) return damaged(fat, fault);
            err = place_look(fat, cluster_offset(fat, cluster), fat->cluster_bytes, name, out,
                             &looked, fault);
            if (err == OK) err = chain_next(fat, &cluster, fault);
        }
    }
    return err == OK && looked != LOOK_FOUND ? ERR_NOT_FOUND : err;
}

enum err fat_find(const struct fat *fat, const char *path, struct fat_file *out,
                  struct fault *fault) {
    struct str rest = str_of(path);
    struct fat_file found = {.folder = true};
    bool below = false;
    do {
        char name[SHORT_NAME_BYTES];
        struct str part = str_cut(rest, '/', &rest);
        struct fat_file next;
        enum err err = ERR_NOT_FOUND;
        if (found.folder && short_name(part, name)) {
            err = folder_look(fat, below ? &found : NULL, name, &next, fault);
        }
        if (err == ERR_NOT_FOUND) {
            return fault_set(fault, err, "appliance.no_file_on_disk", str_of(path));
        }
        if (err != OK) return err;
        found = next;
        below = true;
    } while (rest.data);
    *out = found;
    return OK;
}

// ---- files --------------------------------------------------------------------------------------

enum err fat_read(const struct fat *fat, const struct fat_file *file, void *out, size_t size,
                  size_t *out_size, struct fault *fault) {
    size_t want = size < file->bytes ? size : file->bytes, got = 0;
    uint32_t cluster = file->first_cluster;
    while (got < want) {
        if (!is_cluster(fat, cluster)) return damaged(fat, fault);
        size_t piece = want - got < fat->cluster_bytes ? want - got : fat->cluster_bytes;
        enum err err = block_read(fat->block, cluster_offset(fat, cluster), (uint8_t *)out + got,
                                  piece, fault);
        got += piece;
        if (err == OK && got < want) err = chain_next(fat, &cluster, fault);
        if (err != OK) return err;
    }
    *out_size = got;
    return OK;
}

enum err fat_place(const struct fat *fat, const struct fat_file *file, size_t size,
                   uint64_t *out_offset, struct fault *fault) {
    uint32_t cluster = file->first_cluster;
    if (file->bytes < size || !is_cluster(fat, cluster)) return damaged(fat, fault);
    for (uint64_t seen = fat->cluster_bytes; seen < size; seen += fat->cluster_bytes) {
        uint32_t next = cluster;
        enum err err = chain_next(fat, &next, fault);
        if (err != OK) return err;
        if (next != cluster + 1 || !is_cluster(fat, next)) return damaged(fat, fault);
        cluster = next;
    }
    *out_offset = cluster_offset(fat, file->first_cluster);
    return OK;
}

static enum err serial_put(const struct block *block, uint64_t at, size_t field, uint32_t serial,
                           struct fault *fault) {
    uint8_t boot[BLOCK_SECTOR_BYTES_MAX];
    enum err err = block_read(block, at, boot, block->sector_bytes, fault);
    if (err != OK || get_le(boot + AT_MARK, 2) != 0xAA55) return err;
    for (int i = 0; i < 4; i++) boot[field + (size_t)i] = (uint8_t)(serial >> 8 * i);
    return block_write(block, at, boot, block->sector_bytes, fault);
}

enum err fat_serial_set(const struct block *block, uint64_t offset, uint32_t serial,
                        struct fault *fault) {
    uint8_t boot[512];
    struct fat fat;
    enum err err = fat_open(block, offset, &fat, fault);
    if (err == OK) err = block_read(block, offset, boot, sizeof boot, fault);
    if (err != OK) return err;
    size_t field = fat.bits == 32 ? AT_SERIAL_32 : AT_SERIAL_16;
    uint32_t backup = fat.bits == 32 ? get_le(boot + AT_BACKUP_BOOT, 2) : 0;
    err = serial_put(block, offset, field, serial, fault);
    if (err == OK && backup > 0 && backup * fat.sector_bytes < fat.table) {
        err = serial_put(block, offset + backup * fat.sector_bytes, field, serial, fault);
    }
    return err;
}
