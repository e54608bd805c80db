// Files and folders. Everything that must survive a power cut is written temp -> fsync -> rename ->
// fsync of the folder. Paths are C strings inside the data folder or from the command line.
// Any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/fault.h"
#include "base/str.h"
#include "base/thread.h"

// Joins "folder/name" into out; ERR_LIMIT when it does not fit.
enum err path_join(char *out, size_t out_size, const char *folder, const char *name) MUST_USE;
// Makes the folder (mode 0700) and its parents; fine if it is there.
enum err folder_make(const char *path, struct fault *fault) MUST_USE;
// Removes the folder with all in it; fine if it is absent. Does not follow links.
enum err folder_remove(const char *path, struct fault *fault) MUST_USE;
enum err folder_sync(const char *path, struct fault *fault) MUST_USE;

bool file_exists(const char *path);
enum err file_size(const char *path, uint64_t *out_bytes, struct fault *fault) MUST_USE;
// Appends the whole file to `out` (bounded by the buf's cap: ERR_LIMIT "base.file_too_large").
enum err file_read(const char *path, struct buf *out, struct fault *fault) MUST_USE;
// Replaces the file as a whole or not at all; on return it is on the disk. Mode 0600.
enum err file_write(const char *path, struct str content, struct fault *fault) MUST_USE;
// The same in place and without the disk: a reader may find a part of it, or nothing.
enum err file_write_quick(const char *path, struct str content, struct fault *fault) MUST_USE;
// file_write of several pieces in a row.
enum err file_write_parts(const char *path, const struct str *parts, size_t count,
                          struct fault *fault) MUST_USE;
// A file written piece by piece (file_write_all to `fd`) that takes the place of `path`, which must
// outlive it, when it is whole. Until file_stream_keep the bytes are in a file beside it, which
// file_stream_drop removes; after a keep, whatever it gave, there is nothing left to drop.
struct file_stream {
    const char *path;
    char *temp; // NULL: closed
    int fd;
};
enum err file_stream_open(const char *path, struct file_stream *out, struct fault *fault) MUST_USE;
enum err file_stream_keep(struct file_stream *stream, struct fault *fault) MUST_USE;
void file_stream_drop(struct file_stream *stream);
enum err file_rename(const char *from, const char *to, struct fault *fault) MUST_USE;
enum err file_remove(const char *path, struct fault *fault) MUST_USE; // fine if absent
// Copies by copy_file_range or read/write, fsyncs the copy.
enum err file_copy(const char *from, const char *to, struct fault *fault) MUST_USE;
// Reads all of `size`, going on after partial reads and signals. ERR_IO; ERR_CORRUPT if the file
// ends before.
enum err file_read_all(int fd, void *out, size_t size) MUST_USE;
// Writes all of it, going on after partial writes and signals.
enum err file_write_all(int fd, const void *data, size_t size, struct fault *fault) MUST_USE;
// SHA-256 and size of a whole file, streamed; `progress` counts its bytes (PHASE_HASH).
enum err file_hash(const char *path, struct progress *progress, struct hash *out,
                   uint64_t *out_bytes, struct fault *fault) MUST_USE;
// The same of what is left to read from `fd`; only adds to progress->done. `path` is for faults.
enum err file_hash_rest(int fd, const char *path, struct progress *progress, struct hash *out,
                        uint64_t *out_bytes, struct fault *fault) MUST_USE;
// Free bytes of the disk that holds `path`.
enum err disk_free(const char *path, uint64_t *out_bytes, struct fault *fault) MUST_USE;

// A file mapped for reading; the bytes live until file_unmap. An empty file maps to size 0.
struct file_map {
    const uint8_t *data;
    size_t size;
};
enum err file_map(const char *path, struct file_map *out, struct fault *fault) MUST_USE;
void file_unmap(struct file_map *map);
// Pages that lie wholly within [from, from + bytes) of it take no memory of this process any more;
// who reads them again reads the file again.
void file_map_forget(const struct file_map *map, const void *from, size_t bytes);
