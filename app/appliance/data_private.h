// The data partition: found, made, checked, mounted at /data. What takes long is a child of PID 1
// (mke2fs, e2fsck), so each step ends with data_ended.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"

enum data_state {
    DATA_NONE,     // its disk has not been seen yet
    DATA_CHECKING, // e2fsck runs
    DATA_MAKING,   // mke2fs runs
    DATA_MOUNTED,
    DATA_UNMOUNTED, // by data_unmount
    DATA_BROKEN,    // e2fsck could not mend it: see fault
};

enum { DISK_NAME_BYTES = 32, PARTUUID_SIZE = 37 };

struct data {
    enum data_state state;
    char disk[DISK_NAME_BYTES];      // "vda", "nvme0n1"
    char partition[DISK_NAME_BYTES]; // "vda5", "nvme0n1p5"
    char esp[DISK_NAME_BYTES];       // the boot partition and the two slots
    char slot[2][DISK_NAME_BYTES];
    pid_t child;
    int pass;    // of the check: first what is safe, then whatever it takes
    bool mended; // the check found something and could mend it
    bool fresh;  // made at this start
    struct fault fault;
};

// Looks for the disk with the boot partition of that PARTUUID. True once it is there.
bool data_find(struct data *data, const char *partuuid);
// Begins: finds the data partition on that disk or makes it, then checks or makes its file system.
void data_begin(struct data *data);
// A child of PID 1 ended. True if it was ours; the state has moved on.
bool data_ended(struct data *data, pid_t pid, int status);
// From now on whatever is on it counts as nothing: a start that finds it half erased makes it anew.
// False with data->fault if the partition table cannot be written.
bool data_forget(struct data *data);
// Makes it anew, empty, whatever is on it. Only while it is not mounted.
void data_erase(struct data *data);
// Everything on disk, then let go of. False while something still uses it.
bool data_unmount(struct data *data);
