#include "support/fat_writer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512, ROOT_ENTRIES = 64, TABLE_SECTORS = 12, ENTRY = 32 };
enum { TABLE_AT = SECTOR, ROOT_AT = (1 + TABLE_SECTORS) * SECTOR };
enum { DATA_AT = ROOT_AT + ROOT_ENTRIES * ENTRY };

static void put_le(uint8_t *at, size_t value, int size) {
    for (int i = 0; i < size; i++) at[i] = (uint8_t)(value >> 8 * i);
}

static void boot_fill(uint8_t *boot, size_t size) {
    memcpy(boot, "\xEB\x3C\x90MKFS    ", 11);
    put_le(boot + 11, SECTOR, 2);
    boot[13] = 1;
    put_le(boot + 14, 1, 2);
    boot[16] = 1;
    put_le(boot + 17, ROOT_ENTRIES, 2);
    put_le(boot + 19, size / SECTOR, 2);
    boot[21] = 0xF8;
    put_le(boot + 22, TABLE_SECTORS, 2);
    boot[38] = 0x29;
    put_le(boot + 39, 0x01020304, 4);
    memcpy(boot + 43, "COURTYARD  FAT12   ", 19);
    boot[510] = 0x55;
    boot[511] = 0xAA;
}

static void table_set(uint8_t *out, unsigned cluster, unsigned value) {
    uint8_t *at = out + TABLE_AT + cluster * 3 / 2;
    unsigned both = at[0] | (unsigned)at[1] << 8;
    both = cluster % 2 ? (both & 0x00F) | value << 4 : (both & 0xF000) | value;
    put_le(at, both, 2);
}

// A chain of clusters for `size` bytes; its first.
static unsigned chain_make(uint8_t *out, unsigned *free_cluster, size_t size) {
    unsigned first = *free_cluster, count = (unsigned)((size + SECTOR - 1) / SECTOR);
    for (unsigned i = 0; i < count; i++) {
        table_set(out, first + i, i + 1 == count ? 0xFFF : first + i + 1);
    }
    *free_cluster += count;
    return count ? first : 0;
}

static void entry_put(uint8_t *folder, const char *name, bool is_folder, unsigned cluster,
                      size_t size) {
    uint8_t *entry = folder;
    while (entry[0]) entry += ENTRY;
    memcpy(entry, name, 11);
    entry[11] = is_folder ? 0x10 : 0x20;
    put_le(entry + 26, cluster, 2);
    put_le(entry + 28, size, 4);
}

static uint8_t *cluster_at(uint8_t *out, unsigned cluster) {
    return out + DATA_AT + (size_t)(cluster - 2) * SECTOR;
}

// The folder's entries, made when they are not there.
static uint8_t *folder_need(uint8_t *out, unsigned *free_cluster, const char *name) {
    uint8_t *root = out + ROOT_AT;
    if (!name) return root;
    for (uint8_t *entry = root; entry[0]; entry += ENTRY) {
        if (memcmp(entry, name, 11) == 0) {
            return cluster_at(out, (unsigned)(entry[26] | entry[27] << 8));
        }
    }
    unsigned cluster = chain_make(out, free_cluster, SECTOR);
    entry_put(root, name, true, cluster, 0);
    return cluster_at(out, cluster);
}

void fat_writer_make(uint8_t *out, size_t size, const struct fat_writer_file *files, int count) {
    unsigned free_cluster = 2;
    if (size % SECTOR != 0 || size > FAT_WRITER_BYTES_MAX) abort();
    memset(out, 0, size);
    boot_fill(out, size);
    memcpy(out + TABLE_AT, "\xF8\xFF\xFF", 3);
    for (int i = 0; i < count; i++) {
        uint8_t *folder = folder_need(out, &free_cluster, files[i].folder);
        unsigned cluster = chain_make(out, &free_cluster, files[i].size);
        if (DATA_AT + (size_t)free_cluster * SECTOR > size) abort();
        entry_put(folder, files[i].name, false, cluster, files[i].size);
        if (files[i].size) memcpy(cluster_at(out, cluster), files[i].data, files[i].size);
    }
}
