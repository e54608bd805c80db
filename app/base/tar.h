// POSIX tar (ustar, with pax headers for sizes beyond 8 GiB): the little of it that archives need,
// regular files only. A writer hands its bytes to a function in order; a reader reads a file from
// its start. Both keep constant memory. One thread at a time.
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "base/str.h"

enum { TAR_BLOCK_BYTES = 512, TAR_PATH_BYTES_MAX = 100 };

struct tar_writer {
    enum err (*write)(void *ctx, const void *data, size_t size);
    void *ctx;
    uint64_t left;    // of the open entry
    uint64_t padding; // after it
};
// Opens an entry of exactly `size` bytes; the one before must be complete. ERR_LIMIT for a path of
// more than TAR_PATH_BYTES_MAX.
enum err tar_write_entry(struct tar_writer *writer, struct str path, uint64_t size, uint32_t mode,
                         int64_t time_ms) MUST_USE;
enum err tar_write_data(struct tar_writer *writer, const void *data, size_t size) MUST_USE;
enum err tar_write_end(struct tar_writer *writer) MUST_USE;

struct tar_reader {
    int fd;
    uint64_t left, padding; // of the open entry
};
struct tar_entry {
    char path[TAR_PATH_BYTES_MAX + 1];
    uint64_t size;
};
// Goes to the next entry, passing what was not read of this one. ERR_NOT_FOUND at the archive's
// end, ERR_CORRUPT for a broken header, an end without the closing blocks, or anything that is no
// plain file.
enum err tar_read_entry(struct tar_reader *reader, struct tar_entry *out) MUST_USE;
// Up to `size` bytes of the entry; *out_size 0 at its end.
enum err tar_read_data(struct tar_reader *reader, void *out, size_t size,
                       size_t *out_size) MUST_USE;
