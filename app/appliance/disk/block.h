// Positioned reading and writing of a block device: a disk or one of its partitions. A plain file
// stands for one, so that all that writes disks can be tested without any. Depends on base/. A
// device belongs to one thread at a time. Every write goes through a hook that tests set to cut the
// power between two of them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

enum { BLOCK_PATH_BYTES = 512, BLOCK_SECTOR_BYTES = 512, BLOCK_SECTOR_BYTES_MAX = 4096 };

struct block {
    int fd; // -1: closed
    uint64_t bytes;
    uint32_t sector_bytes; // the smallest piece that is written at once: 512 or 4096
    char path[BLOCK_PATH_BYTES];
};
enum block_mode {
    BLOCK_READ,
    BLOCK_WRITE,
    BLOCK_ALONE, // to write, and nobody else has it: a mounted disk is ERR_BUSY
};
// ERR_NOT_FOUND "appliance.no_disk", ERR_BUSY "appliance.disk_in_use", ERR_DENIED
// "appliance.disk_read_only" (detail: the path); ERR_IO.
enum err block_open(const char *path, enum block_mode mode, struct block *out,
                    struct fault *fault) MUST_USE;
void block_close(struct block *block);
// All of it; ERR_CORRUPT "appliance.beyond_disk" past the device's end, ERR_IO
// "appliance.disk_read" or "appliance.disk_write".
enum err block_read(const struct block *block, uint64_t offset, void *out, size_t size,
                    struct fault *fault) MUST_USE;
enum err block_write(const struct block *block, uint64_t offset, const void *data, size_t size,
                     struct fault *fault) MUST_USE;
// Returns when all that was written is on the disk.
enum err block_sync(const struct block *block, struct fault *fault) MUST_USE;
// What is read next comes from the disk, not from memory; after a block_sync.
void block_forget(const struct block *block);
// Whether two paths are the same device or file.
bool block_same(const struct block *one, const struct block *other);

// For tests: takes the place of writing and syncing while it is set; NULL: none.
struct block_hook {
    int (*write)(void *ctx, int fd, const void *data, size_t size, uint64_t offset); // 0 or errno
    int (*sync)(void *ctx, int fd);
    void *ctx;
};
void block_hook_set(const struct block_hook *hook);
