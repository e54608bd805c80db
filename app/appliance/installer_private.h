// From the stick onto a disk of the machine: all that the stick starts from is copied onto another
// disk, which is empty but for it afterwards; the data partition is made there at its first start.
// A cut at any point leaves a disk that starts nothing, or one that is whole. Depends on base/. One
// thread at a time; it takes minutes on a stick.
#pragma once

#include "appliance/disk/gpt.h"
#include "appliance/disk/grubenv.h"
#include "base/thread.h"

enum {
    INSTALL_NAME_BYTES = 64,
    INSTALL_DISKS = 32,
    // The least that is left for data.
    INSTALL_DATA_BYTES = 1 << 30,
};

struct install_disk {
    char path[BLOCK_PATH_BYTES];   // "/dev/sda"
    char name[INSTALL_NAME_BYTES]; // what its maker calls it; may be empty
    uint64_t bytes;
    bool removable;
    struct fault why; // it cannot be installed on; no code: it can
};
struct install_wish {
    const char *source, *target; // whole disks
    enum slot running;           // on the source
    const char *data_name;       // of the partition that its first start makes; NULL: none yet
};
// The disks of the machine but the wish's source, by name, and whether each could be its target;
// how many. `sys` and `dev` are "/sys/block" and "/dev".
uint32_t installer_disks(const char *sys, const char *dev, const struct install_wish *wish,
                         struct install_disk out[static INSTALL_DISKS]);

// Whether it can be done; writes nothing. ERR_INPUT "appliance.not_an_appliance" (of the source),
// "appliance.install_same_disk", "appliance.disk_too_small", "appliance.sector_size"; what
// block_open gives.
enum err installer_check(const struct install_wish *wish, struct fault *fault) MUST_USE;
// Does it, destroying what is on the target. The copy starts from the slot that runs here; a slot
// that is unusable here gets the one that runs. ERR_CANCELLED, ERR_IO; what installer_check gives.
enum err installer_run(const struct install_wish *wish, struct progress *progress,
                       struct fault *fault) MUST_USE;
