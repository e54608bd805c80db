// The little of a FAT file system (12, 16 or 32 bits) that the appliance needs without mounting
// one: a file is found by its short name and read from its beginning, and told where it lies on the
// disk, so that GRUB's environment block is overwritten in place. What is read is hostile: every
// chain is bounded. Depends on base/. Any thread.
// Source: Microsoft, "FAT: General Overview of On-Disk Format", 1.03.
#pragma once

#include "appliance/disk/block.h"

struct fat {
    const struct block *block; // must outlive it
    uint64_t offset;           // of the file system on it, bytes
    uint32_t sector_bytes, cluster_bytes;
    uint32_t bits;                   // 12, 16 or 32
    uint64_t table, root, data;      // offsets from the file system's start
    uint32_t root_entries;           // of 12 and 16 bits
    uint32_t root_cluster, clusters; // of 32 bits; how many there are
};
struct fat_file {
    uint32_t first_cluster, bytes;
    bool folder;
};

// ERR_INPUT "appliance.no_fat" (detail: the device's path): no such file system there; ERR_IO.
enum err fat_open(const struct block *block, uint64_t offset, struct fat *out,
                  struct fault *fault) MUST_USE;
// `path` is of short names in capitals, "GRUB/GRUBENV". ERR_NOT_FOUND "appliance.no_file_on_disk"
// (detail: the path), ERR_CORRUPT "appliance.fat_damaged".
enum err fat_find(const struct fat *fat, const char *path, struct fat_file *out,
                  struct fault *fault) MUST_USE;
// The first bytes of a file, at most `size`.
enum err fat_read(const struct fat *fat, const struct fat_file *file, void *out, size_t size,
                  size_t *out_size, struct fault *fault) MUST_USE;
// Where the first `size` bytes of a file lie on the device; ERR_CORRUPT "appliance.fat_damaged" if
// they are not in one piece.
enum err fat_place(const struct fat *fat, const struct fat_file *file, size_t size,
                   uint64_t *out_offset, struct fault *fault) MUST_USE;
// Gives the file system another volume serial number.
enum err fat_serial_set(const struct block *block, uint64_t offset, uint32_t serial,
                        struct fault *fault) MUST_USE;
