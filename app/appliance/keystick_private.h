// The stick that opens the data: a file courtyard-UUID.key of 64 random bytes on a FAT file system
// of a USB stick or card, UUID being that of the encrypted partition's header. It is mounted for as
// long as it is read or written and no longer. `cryptsetup open --key-file` takes the same file.
// Depends on base/. For a child of PID 1: it waits for the stick.
#pragma once

#include <stdint.h>

#include "base/fault.h"

enum { KEYSTICK_BYTES = 64 };

// Looks on every stick but `own_disk` ("sda"), on which the system lies. ERR_NOT_FOUND
// "appliance.no_key_stick".
enum err keystick_read(const char *own_disk, const char *uuid, uint8_t out[static KEYSTICK_BYTES],
                       struct fault *fault) MUST_USE;
// Whether there is one that could take a key. ERR_NOT_FOUND "appliance.no_stick_for_key".
enum err keystick_there(const char *own_disk, struct fault *fault) MUST_USE;
// Onto the first stick that can be written, and read back from it. ERR_NOT_FOUND
// "appliance.no_stick_for_key", ERR_IO "appliance.key_stick_bad".
enum err keystick_write(const char *own_disk, const char *uuid,
                        const uint8_t key[static KEYSTICK_BYTES], struct fault *fault) MUST_USE;
