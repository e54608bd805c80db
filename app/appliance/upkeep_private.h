// Keeping the data and getting it back: backups beside the data and on a stick, restoring one,
// erasing everything. Each `run` is work in a child of PID 1 (work_private.h). The archive is that
// of `courtyard backup`, written and read by the program as the service's user.
#pragma once

#include "base/fault.h"
#include "base/thread.h"
#include "base/version.h"

#define BACKUP_FOLDER "/data/backup"
enum { BACKUP_PATH_BYTES = 256 };

struct backup_about {
    char name[96]; // of the file
    int64_t at_ms; // since 1970, UTC
    uint64_t bytes;
    char
        version[VERSION_BYTES_MAX + 1]; // of the program that made it; "" if its name does not tell
};

struct upkeep {
    char disk[32];                // ours, so that a stick is another
    bool stick;                   // to it or from it; else BACKUP_FOLDER
    char wanted[32];              // the disk that is the stick: "sdb"; "": whichever
    char copy[32];                // of the database, made by the service: goes before the others
    char name[BACKUP_PATH_BYTES]; // of the archive (or update) on it, without a folder; "": the
                                  // newest
    char partition[32];           // to erase: "sda5"
    bool encrypted;               // its keys are all there is to erase
};

// The archives of a folder, the newest first, and *all: how many there are. One that is gone
// meanwhile, or that has another name, does not count.
uint32_t backups_list(const char *folder, struct backup_about *out, uint32_t most, uint32_t *all);
// When an archive was made and by which version, by its name (without a folder). False if it is no
// archive's name. courtyard-YYYYMMDD-HHMMSS-VERSION.tar; the version may be left out.
bool backup_name_read(struct str name, struct backup_about *out);

// Both leave the archive's name in upkeep->name, of the child's own.
// A new archive courtyard-YYYYMMDD-HHMMSS-VERSION.tar; of those beside the data the two newest
// stay. ERR_IO with what the program could not do ("base.disk_full"; program.h);
// ERR_LIMIT "appliance.stick_full", "appliance.stick_fat" (detail: "12.5 MB", what it takes).
enum err backup_run(void *upkeep, struct progress *progress, struct fault *fault) MUST_USE;
// Into a new folder, which takes the data's place when it is whole; what was there goes to
// /data/quarantine, in place of what was there before it. The service must be stopped.
// ERR_NOT_FOUND "appliance.no_backup". With `copy`, the database alone goes back to it, and what
// was there goes to quarantine/ in the data folder (`courtyard recover`).
enum err restore_run(void *upkeep, struct progress *progress, struct fault *fault) MUST_USE;
// The newest copies in the data folder's backups/, made at night or on a wish, newest first (a
// nightly one as if made when its day began); how many. Whether they are good, the program finds
// when one is wanted.
enum { UPKEEP_COPIES = 5 };
uint32_t copies_list(const char *data, char out[static UPKEEP_COPIES][32]);
// After a power cut in the middle of restoring: what was to take the data's place does, or what was
// there comes back. Before the service's first start.
void upkeep_settle(void);
// Every byte of the partition becomes zero; of an encrypted one the keys, which is the same to
// whoever reads it and done at once. It must not be mounted.
enum err erase_run(void *upkeep, struct progress *progress, struct fault *fault) MUST_USE;
