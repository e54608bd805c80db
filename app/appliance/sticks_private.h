// Which sticks are plugged in, and what lies on each: backups, updates, packs. A child of PID 1
// with mounts of its own looks, reading only, whenever a disk comes or goes; what it found last is
// kept. Nothing may write to a stick meanwhile: the kernel mounts a file system for one or the
// other. Depends on base/.
#pragma once

#include "appliance/packs/packs.h"
#include "appliance/stick_private.h"
#include "appliance/update.h"
#include "appliance/upkeep_private.h"
#include "base/json.h"

enum {
    STICKS_MAX = 4,
    STICK_BACKUPS_MAX = 24, // the newest
    STICK_UPDATES_MAX = 4,
    STICK_PACKS_MAX = 4,
    STICK_NAME_BYTES = 128,        // of an update or pack; those with longer names are passed over
    STICK_LOOK_MS_MAX = 60 * 1000, // a look that takes longer is no longer waited for
};

struct stick_update {
    char name[STICK_NAME_BYTES];
    struct update_about about; // all zero if it could not be read
    bool older;                // than the version that runs
    struct fault fault;        // code "": it could be installed, if its bytes are whole
};
struct stick_pack {
    char name[STICK_NAME_BYTES];
    struct pack_about about; // all zero if it could not be read
    struct fault fault;      // code "": it could be added, if its bytes are whole
};
struct stick {
    char disk[32], model[64], kind[STICK_KIND_BYTES]; // kind "": no file system that is read
    uint64_t bytes, free_bytes;                       // of the disk; in the file system
    uint32_t backup_count, backup_all, update_count, pack_count;
    struct backup_about backups[STICK_BACKUPS_MAX]; // the newest first
    struct stick_update
        updates[STICK_UPDATES_MAX];           // those without a fault first, the highest first
    struct stick_pack packs[STICK_PACKS_MAX]; // those without a fault first, by name
};
struct sticks {
    uint32_t count;
    struct stick all[STICKS_MAX];
};

struct sticks_watch {
    struct sticks seen, *shared;
    pid_t child;     // that looks; 0: none
    int64_t due_ms;  // when to look; 0: nothing is due
    int64_t from_ms; // when the child began
};
// What an update and a pack must fit; NULL of `key`: this system takes none.
struct sticks_own {
    const char *disk; // ours: "sda"
    const char *version, *architecture;
    const struct verify_key *key;
};

// A look at `at_ms` (monotonic), or at once if that is past; an earlier wish for one gives way, so
// that a stick has time to settle.
void sticks_due(struct sticks_watch *watch, int64_t at_ms);
// Begins what is due; `may`: nobody uses a stick. When to call again.
int64_t sticks_run(struct sticks_watch *watch, const struct sticks_own *own, bool may,
                   int64_t now_ms);
// A child of PID 1 ended. True if it was ours.
bool sticks_ended(struct sticks_watch *watch, pid_t pid, int status);
bool sticks_looking(const struct sticks_watch *watch, int64_t now_ms);
// What lies in a folder, into the members of *out from backups on. Reads the head of each update
// and pack.
void stick_read(const char *folder, const struct sticks_own *own, struct stick *out);
// The array of them.
void sticks_write(const struct sticks *sticks, struct json_writer *out);
void backups_write(const struct backup_about *backups, uint32_t count, struct json_writer *out);
