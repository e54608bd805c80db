// The two slots of the appliance, each a partition that holds one FAT file system with a kernel, an
// initramfs and version.txt ("0.1.0 x86_64"): which one runs, which is booted next, whether the
// other could be; and updates into the one that does not run. Nothing is mounted for it. A slot
// whose first sector is zero is unusable: it is made so before a slot is written and put right at
// the end. Depends on base/. One thread at a time; writing a slot takes seconds to minutes.
#pragma once

#include "appliance/disk/block.h"
#include "appliance/disk/grubenv.h"
#include "appliance/update.h"
#include "base/version.h"

struct slots {
    struct block esp, slot[SLOTS];
    enum slot running;
    uint64_t grubenv_offset; // on the ESP
};
// The paths of the three partitions. ERR_NOT_FOUND, ERR_INPUT "appliance.no_fat", …
enum err slots_open(const char *esp, const char *a, const char *b, enum slot running,
                    struct slots *out, struct fault *fault) MUST_USE;
void slots_close(struct slots *slots);
// "courtyard.slot=a" among the words of the kernel line; false without it.
bool slots_running(struct str kernel_line, enum slot *out);

struct slot_about {
    bool usable;
    char version[VERSION_BYTES_MAX + 1], architecture[UPDATE_ARCHITECTURE_BYTES + 1];
};
// What version.txt says; not usable if there is none, or no file system.
void slot_look(const struct block *slot, uint64_t offset, struct slot_about *out);

struct slots_status {
    struct grubenv env;
    bool confirmed; // the running slot is the one that is booted
    struct slot_about about[SLOTS];
};
enum err slots_status(const struct slots *slots, struct slots_status *out,
                      struct fault *fault) MUST_USE;
// The running slot has passed its health checks: it is booted from now on. Writes only if that is
// not so already.
enum err slots_confirm(const struct slots *slots, struct fault *fault) MUST_USE;
// No trial at the next start.
enum err slots_withdraw(const struct slots *slots, struct fault *fault) MUST_USE;
// What became of the newest update of the history, if that is known now and not in it yet: its slot
// runs ("confirm"), or it was tried and the other one runs again ("return"). To be asked once this
// start has passed its health checks.
enum err slots_note(const struct slots *slots, const char *history, struct fault *fault) MUST_USE;

struct update_wish {
    const char *path;             // the update file
    const struct verify_key *key; // who must have signed it
    const char *architecture;     // of this machine
    const char *version;          // that runs
    bool downgrade;               // an older version is wanted
    const char *history;          // a file for history_add; NULL: none
};
// Checks all of the update, writes it into the slot that does not run, reads it back, and lets the
// next start try it. Interrupted at any point, the running slot and what is booted are as before.
// *out (may be NULL) is filled once the signature is right, whatever follows. ERR_BUSY
// "appliance.update_unconfirmed" while this start has not passed its health checks; ERR_INPUT
// "appliance.update_other_architecture", "…_too_large", "…_too_far"; ERR_CONFLICT
// "appliance.update_older" unless `downgrade`; what update_open and update_check give; ERR_IO.
enum err update_apply(const struct slots *slots, const struct update_wish *wish,
                      struct update_about *out, struct progress *progress,
                      struct fault *fault) MUST_USE;
