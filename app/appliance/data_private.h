// The data partition: found, made, checked, mounted at /data. What takes long is a child of PID 1
// (mke2fs, e2fsck), so each step ends with data_ended.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "appliance/vault_private.h"
#include "base/fault.h"

enum data_state {
    DATA_NONE,     // its disk has not been seen yet
    DATA_CHECKING, // e2fsck runs
    DATA_MAKING,   // mke2fs runs
    DATA_MOUNTED,
    DATA_UNMOUNTED, // by data_unmount
    DATA_BROKEN,    // e2fsck could not mend it: see fault
    DATA_LOCKED,    // encrypted, and nobody has opened it yet; see fault for what was tried
    DATA_OPENING,   // what was typed, or a stick, is tried
    DATA_CHOOSING,  // to be made encrypted: a passphrase or a stick is waited for
    DATA_STATES
};

enum { DISK_NAME_BYTES = 32, PARTUUID_SIZE = 37 };

struct data {
    enum data_state state;
    char disk[DISK_NAME_BYTES];      // "vda", "nvme0n1"
    char partition[DISK_NAME_BYTES]; // "vda5", "nvme0n1p5"
    char device[DISK_NAME_BYTES];    // with the file system: the partition, or "dm-0" over it
    char esp[DISK_NAME_BYTES];       // the boot partition and the two slots
    char slot[2][DISK_NAME_BYTES];
    pid_t child;
    int pass;    // of the check: first what is safe, then whatever it takes
    bool mended; // the check found something and could mend it
    bool fresh;  // made at this start
    bool encrypted;
    unsigned roles;      // who opens it: 1 << LUKS_PASSPHRASE …
    bool sticks_changed; // something has been plugged in: tried as a key
    struct vault vault;
    struct fault change; // what came of the last change of keys; vault.task says which
    bool changed;        // until it is told
    char recovery[VAULT_RECOVERY_BYTES]; // to be shown until it is noted; "": none
    struct fault fault;
};

// Looks for the disk with the boot partition of that PARTUUID. True once it is there.
bool data_find(struct data *data, const char *partuuid);
// Begins: finds the data partition on that disk or makes it, then checks or makes its file system.
// What is made is encrypted as `wanted` says, unless a reset or an installation has left another
// choice with the partition; then it waits for a passphrase or a stick (DATA_CHOOSING).
void data_begin(struct data *data, enum encryption wanted);
// A stick that came is tried. To be called in the loop.
void data_run(struct data *data, int64_t now_ms);
// What was typed opens it, or a fresh one is to be made with it. ERR_CONFLICT
// "appliance.not_locked"
// in other states; what vault_begin gives. What came of it shows in state and fault.
enum err data_unlock(struct data *data, const char *typed, int64_t now_ms,
                     struct fault *fault) MUST_USE;
// Changes who opens it, by what was typed or ("") by the stick. ERR_CONFLICT
// "appliance.not_encrypted".
enum err data_keys(struct data *data, enum vault_task task, const char *typed, const char *fresh,
                   int64_t now_ms, struct fault *fault) MUST_USE;
// The recovery code has been written down: it is forgotten.
void data_noted(struct data *data);
// A child of PID 1 ended. True if it was ours; the state has moved on.
bool data_ended(struct data *data, pid_t pid, int status, int64_t now_ms);
// From now on whatever is on it counts as nothing: a start that finds it half erased makes it
// anew.
// It is to be made as `wanted` says. False with data->fault if the partition table cannot be
// written.
bool data_forget(struct data *data, enum encryption wanted);
// The name that a partition has until it is made.
const char *data_name(enum encryption wanted);
// A check may leave a file system in order with nothing in it. That is not a new box, which would
// ask for its first person: then the partition is let go of and the state is broken.
bool data_emptied(struct data *data);

// Makes it anew, as data_forget was told, empty, whatever is on it. Only while it is not mounted.
void data_erase(struct data *data);
// Everything on disk, then let go of. False while something still uses it.
bool data_unmount(struct data *data);
