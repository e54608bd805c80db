// The packs of driver libraries (pack.h) of this box: kept on the data partition, looked at and
// mounted whenever the service is about to start and after one was added. A child of PID 1 does it,
// for it reads every byte of them; nobody waits for it, and a pack that fails is told of and
// nothing more. What is mounted is read-only, without devices and set-uid bits, at
// /opt/packs/NAME, and so seen by the service and by its jobs. Depends on base/. One thread.
#pragma once

#include "appliance/modules_private.h"
#include "appliance/packs/pack.h"
#include "appliance/work_private.h"
#include "base/json.h"

#define PACKS_FOLDER "/data/appliance/packs"
#define PACKS_MOUNTS "/opt/packs"
enum {
    PACKS_MAX = 16,
    PACKS_ROOM_BYTES = 64 << 20, // that stay free on the disk
};

struct pack_view {
    char file[PACK_FILE_NAME_BYTES]; // NAME-VERSION.pack
    struct pack_about about;         // all zero if it could not be read
    bool mounted;
    struct fault fault; // why not
    uint64_t inode, bytes;
    int64_t at_ns; // when it was installed
};
struct packs_seen {
    uint32_t count;
    struct pack_view all[PACKS_MAX]; // the newest first
};

// Where and how; tests have their own.
struct packs_own {
    const char *folder, *mounts, *architecture;
    const struct verify_key *key; // whose packs are taken; NULL: nobody's
    struct modules *modules;      // NULL: what is needed is there
    // Mounts `bytes` of `fd` from `offset` on, in place of what is mounted there.
    enum err (*mount)(const struct packs_own *own, int fd, uint64_t offset, uint64_t bytes,
                      const char *where, struct fault *fault);
    void (*unmount)(const char *where);
};

// Opens, checks and mounts what lies in the folder and was not mounted `before`, which may be
// `out`. Of two with one name the one that was installed last counts; others of that name are
// removed once it is mounted. Half-written files are removed too.
void packs_look(const struct packs_own *own, const struct packs_seen *before,
                struct packs_seen *out, struct progress *progress);
// A copy of the pack at `path` into the folder, whole and checked or not at all; it is mounted by
// the next look. What pack_open and pack_check give; ERR_INPUT "appliance.pack_other_architecture";
// ERR_LIMIT "appliance.pack_many", "appliance.pack_room" (detail: "12.5 MB", what it takes);
// ERR_DENIED "appliance.no_update_key".
enum err packs_add(const struct packs_own *own, const char *path, struct progress *progress,
                   struct fault *fault) MUST_USE;
// A pack of this machine, as far as its head says: for packs on sticks.
enum err pack_fits(const struct packs_own *own, const struct pack_about *about,
                   struct fault *fault) MUST_USE;

// ---- in PID 1 -----------------------------------------------------------------------------------
struct packs {
    struct packs_seen seen, *shared;
    struct packs_own own; // for the child
    struct verify_key key;
    struct work work;
    bool due;
};
void packs_due(struct packs *packs);
// Begins what is due. `key` NULL: this system takes none.
void packs_run(struct packs *packs, const struct verify_key *key, struct modules *modules);
bool packs_looking(const struct packs *packs);
// A child of PID 1 ended. True if it was ours.
bool packs_ended(struct packs *packs, pid_t pid, int status);
// Unmounted and erased. ERR_NOT_FOUND "appliance.no_such_pack"; ERR_BUSY "appliance.busy".
enum err packs_remove(struct packs *packs, struct str file, struct fault *fault) MUST_USE;
// None is mounted any more, so that the data can be let go of. False while the child still reads.
bool packs_away(struct packs *packs);
void packs_write(const struct packs *packs, struct json_writer *out);
void packs_own_default(struct packs_own *out, const struct verify_key *key,
                       struct modules *modules);
