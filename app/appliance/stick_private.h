// A stick or disk that a person has put in: any file system on another disk than ours that can be
// written, mounted at /stick while something is copied. Depends on base/.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/fault.h"

#define STICK_FOLDER "/stick"
enum { STICK_KIND_BYTES = 8 };

// Mounts the first partition (or whole disk) of FAT, exFAT or ext4 that is not on `own_disk`
// ("sda") but on `wanted`; "": on whichever. ERR_NOT_FOUND "appliance.no_stick".
enum err stick_mount(const char *own_disk, const char *wanted, struct fault *fault) MUST_USE;
// All of it on the stick, then let go of.
enum err stick_unmount(struct fault *fault) MUST_USE;
// The same file system of `disk` as stick_mount would take, at `folder`, where nothing is written:
// for a process with mounts of its own. `kind`: "vfat", "exfat", "ext4". False: there is none.
bool stick_look(const char *disk, const char *folder, char kind[static STICK_KIND_BYTES]);
// Whether a disk ("sdb") or partition hangs on a USB socket; whether it is a card in a reader.
bool stick_on_usb(const char *name);
bool stick_in_reader(const char *name);
// "sdb" and "sdb1" belong to the disk "sdb", "sdba" does not; "nvme0n1p2" to "nvme0n1".
bool stick_on_disk(const char *name, const char *disk);
