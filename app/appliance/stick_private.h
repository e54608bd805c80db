// A stick or disk that a person has put in: any file system on another disk than ours that can be
// written, mounted at /stick while something is copied. Depends on base/.
#pragma once

#include "base/fault.h"

#define STICK_FOLDER "/stick"

// Mounts the first partition (or whole disk) of FAT, exFAT or ext4 that is not on `own_disk`
// ("sda") but on `wanted`; "": on whichever. ERR_NOT_FOUND "appliance.no_stick".
enum err stick_mount(const char *own_disk, const char *wanted, struct fault *fault) MUST_USE;
// All of it on the stick, then let go of.
enum err stick_unmount(struct fault *fault) MUST_USE;
