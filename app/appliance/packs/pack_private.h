// What the files of packs share: reading (pack.c), making (pack_make.c), mounting (pack_mount.c).
// Depends on base/; the structures belong to whoever calls; any thread, but for mounting, which is
// PID 1's child's.
#pragma once

#include "appliance/packs/packs.h"

#define PACK_IMAGE_NAME "pack.squashfs" // the large member
enum { PACK_FORMAT = 1, PACK_CHUNK_BYTES = 1 << 20 };

// By `about` and `entries`: head, tail and image_bytes. The caller closes head and tail. ERR_INPUT
// "appliance.pack_twice", ERR_LIMIT "appliance.pack_files", ERR_MEMORY.
enum err pack_layout(struct pack_file *file, struct fault *fault) MUST_USE;

// ---- mounting -----------------------------------------------------------------------------------
enum { PACK_MOUNT_BYTES = 128 };
// As packs_own's; by a loop device. ERR_IO "appliance.pack_not_mounted".
enum err pack_mount(const struct packs_own *own, int fd, uint64_t offset, uint64_t bytes,
                    const char *where, struct fault *fault) MUST_USE;
void pack_unmount(const char *where);
