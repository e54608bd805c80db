#include "appliance/disk/block.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct block_hook *hook; // set by tests alone, before any thread

void block_hook_set(const struct block_hook *given) {
    hook = given;
}

static enum err open_failed(struct fault *fault, int error_number, const char *path) {
    struct str detail = str_of(path);
    switch (error_number) {
    case ENOENT:
    case ENXIO:
    case ENODEV: return fault_set(fault, ERR_NOT_FOUND, "appliance.no_disk", detail);
    case EBUSY: return fault_set(fault, ERR_BUSY, "appliance.disk_in_use", detail);
    case EROFS:
    case EACCES:
    case EPERM: return fault_set(fault, ERR_DENIED, "appliance.disk_read_only", detail);
    default: return fault_errno(fault, error_number, detail);
    }
}

// What a device says about itself; a plain file has sectors of 512 bytes.
static enum err block_ask(struct block *block, bool write, struct fault *fault) {
    struct stat about;
    off_t end = lseek(block->fd, 0, SEEK_END);
    if (end < 0 || fstat(block->fd, &about) != 0) {
        return fault_errno(fault, errno, str_of(block->path));
    }
    block->bytes = (uint64_t)end;
    block->sector_bytes = BLOCK_SECTOR_BYTES;
    if (!S_ISBLK(about.st_mode)) return OK;
    int sector = 0, read_only = 0;
    if (ioctl(block->fd, BLKSSZGET, &sector) != 0 || ioctl(block->fd, BLKROGET, &read_only) != 0) {
        return fault_errno(fault, errno, str_of(block->path));
    }
    if (write && read_only) {
        return fault_set(fault, ERR_DENIED, "appliance.disk_read_only", str_of(block->path));
    }
    if (sector != BLOCK_SECTOR_BYTES && sector != BLOCK_SECTOR_BYTES_MAX) {
        return fault_set(fault, ERR_INPUT, "appliance.sector_size", str_of(block->path));
    }
    block->sector_bytes = (uint32_t)sector;
    return OK;
}

enum err block_open(const char *path, enum block_mode mode, struct block *out,
                    struct fault *fault) {
    struct block block = {.fd = -1};
    struct stat about;
    if (!str_copy(block.path, sizeof block.path, str_of(path))) {
        return fault_set(fault, ERR_LIMIT, "base.path_too_long", str_of(path));
    }
    if (stat(path, &about) != 0) return open_failed(fault, errno, path);
    if (!S_ISBLK(about.st_mode) && !S_ISREG(about.st_mode)) {
        return fault_set(fault, ERR_NOT_FOUND, "appliance.no_disk", str_of(path));
    }
    int flags = O_CLOEXEC | (mode == BLOCK_READ ? O_RDONLY : O_RDWR);
    // On a device alone: there the flag asks for a claim that no file system holds.
    if (mode == BLOCK_ALONE && S_ISBLK(about.st_mode)) flags |= O_EXCL;
    block.fd = open(path, flags);
    if (block.fd < 0) return open_failed(fault, errno, path);
    enum err err = block_ask(&block, mode != BLOCK_READ, fault);
    if (err != OK) {
        close(block.fd);
        return err;
    }
    *out = block;
    return OK;
}

void block_close(struct block *block) {
    if (block->fd >= 0) close(block->fd);
    block->fd = -1;
}

static enum err range_check(const struct block *block, uint64_t offset, size_t size,
                            struct fault *fault) {
    if (offset <= block->bytes && size <= block->bytes - offset) return OK;
    return fault_set(fault, ERR_CORRUPT, "appliance.beyond_disk", str_of(block->path));
}

enum err block_read(const struct block *block, uint64_t offset, void *out, size_t size,
                    struct fault *fault) {
    uint8_t *at = out;
    enum err err = range_check(block, offset, size, fault);
    while (err == OK && size > 0) {
        ssize_t got = pread(block->fd, at, size, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            err = fault_set(fault, ERR_IO, "appliance.disk_read", str_of(block->path));
            break;
        }
        at += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return err;
}

static int write_all(int fd, const uint8_t *at, size_t size, uint64_t offset) {
    while (size > 0) {
        ssize_t put = pwrite(fd, at, size, (off_t)offset);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return put < 0 ? errno : EIO;
        at += put;
        offset += (uint64_t)put;
        size -= (size_t)put;
    }
    return 0;
}

enum err block_write(const struct block *block, uint64_t offset, const void *data, size_t size,
                     struct fault *fault) {
    enum err err = range_check(block, offset, size, fault);
    if (err != OK) return err;
    int failed = hook ? hook->write(hook->ctx, block->fd, data, size, offset)
                      : write_all(block->fd, data, size, offset);
    if (failed == 0) return OK;
    return fault_set(fault, ERR_IO, "appliance.disk_write", str_of(block->path));
}

enum err block_sync(const struct block *block, struct fault *fault) {
    int failed = hook ? hook->sync(hook->ctx, block->fd) : fsync(block->fd);
    if (failed == 0) return OK;
    return fault_set(fault, ERR_IO, "appliance.disk_write", str_of(block->path));
}

void block_forget(const struct block *block) {
    // Neither can be asked whether it worked; a device without buffers has nothing to forget.
    (void)posix_fadvise(block->fd, 0, 0, POSIX_FADV_DONTNEED);
    (void)ioctl(block->fd, BLKFLSBUF, 0);
}

bool block_same(const struct block *one, const struct block *other) {
    struct stat a, b;
    if (fstat(one->fd, &a) != 0 || fstat(other->fd, &b) != 0) return false;
    if (S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode)) return a.st_rdev == b.st_rdev;
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}
