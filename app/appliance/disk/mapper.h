// The kernel's device mapper, spoken to over /dev/mapper/control: an encrypted partition becomes a
// device /dev/dm-N that reads and writes it in the clear. The modules dm-mod, dm-crypt and xts must
// be loaded. Needs root. Depends on base/. Any thread.
// Source: Linux, Documentation/admin-guide/device-mapper/dm-crypt.rst and linux/dm-ioctl.h.
#pragma once

#include "appliance/disk/luks.h"

enum { MAPPER_TABLE_BYTES = 512, MAPPER_NODE_BYTES = 32 };

// What dm-crypt is told: cipher, the key in hex, offset of the numbering, device, first sector. To
// be wiped by the caller. False if it does not fit.
bool mapper_table(const struct luks *luks, const struct luks_key *key, const char *device,
                  char out[static MAPPER_TABLE_BYTES]);
// Makes "dm-N" over `device`, a whole partition of `bytes`. One of that name that is there already
// goes first. ERR_IO "appliance.no_mapper" (detail: the step).
enum err mapper_open(const char *name, const char *device, uint64_t bytes, const struct luks *luks,
                     const struct luks_key *key, char node[static MAPPER_NODE_BYTES],
                     struct fault *fault) MUST_USE;
// Which "dm-N" has that name. ERR_NOT_FOUND.
enum err mapper_find(const char *name, char node[static MAPPER_NODE_BYTES],
                     struct fault *fault) MUST_USE;
// Lets go of it; the kernel wipes the key. Fine if there is none. ERR_BUSY while it is in use.
enum err mapper_close(const char *name, struct fault *fault) MUST_USE;
