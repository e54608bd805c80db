// A squashfs 4.0 file system as it is written here: nothing packed, everything root's and of no
// time, files one behind the other in the order given. So all that is not a file's bytes follows
// from the list of files: whoever has the list makes it again and compares, and never has to read a
// squashfs that came from elsewhere.
//
//   head (superblock) | the files' bytes | tail (inodes, folders, owners; zeros to PAGE bytes)
//
// Format: Linux, fs/squashfs/squashfs_fs.h and Documentation/filesystems/squashfs.rst. Depends on
// base/. Any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

enum {
    SQUASHFS_HEAD_BYTES = 96,
    SQUASHFS_PAGE_BYTES = 4096,       // the image is a multiple of it
    SQUASHFS_NODES_MAX = 8192,        // files, links and folders
    SQUASHFS_NAME_BYTES_MAX = 255,    // of one name
    SQUASHFS_DEPTH_MAX = 24,          // folders in folders
    SQUASHFS_TAIL_BYTES_MAX = 8 << 20 // of 4,096 files of 4 GiB together: 0.5 MiB
};

struct squashfs_entry {
    struct str path;   // "lib/libcuda.so.1"; the folders on the way are made
    struct str target; // of a link; size 0: a file
    uint64_t bytes;    // of a file
    bool executable;   // 0755, else 0644
};

// `entries` in the order of str_compare of their paths, which have names of 1 to
// SQUASHFS_NAME_BYTES_MAX bytes between single slashes. Appends to `head` and `tail`, which begin
// empty; the caller closes both. ERR_CONFLICT with *at the number of an entry whose path is another
// one's or leads through a file; ERR_LIMIT; ERR_MEMORY.
enum err squashfs_make(const struct squashfs_entry *entries, size_t count, struct buf *head,
                       struct buf *tail, size_t *at) MUST_USE;
