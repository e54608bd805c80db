// What making copies (keep.c), looking at a state at rest (state.c) and recovering (recover.c)
// share.
#pragma once

#include "store/keep.h"
#include "store/store_private.h"

#define KEEP_FOLDER "backups"
#define KEEP_ABOUT "about"
#define KEEP_CONFIRMED "confirmed" // in a copy of before an update: there is no way back by itself
#define QUARANTINE_FOLDER "quarantine"
#define RECOVERING "recovering" // a recovery has begun: its lines say what is to be done
#define RECOVERED "recovered"   // and was done

// ---- state.c ---------------------------------------------------------------------------------
// The state in `folder`, at rest and nobody else's while it is looked at: every page, and the
// envelope of every record in the tables that this program knows. ERR_CORRUPT "store.damaged".
enum err state_check(const char *folder, struct progress *progress, struct fault *fault) MUST_USE;
// For reading, without a lock. *out: mdb_env_close.
enum err state_open(const char *folder, MDB_env **out, struct fault *fault) MUST_USE;

// ---- formats.c -------------------------------------------------------------------------------
enum formats_fit {
    FORMATS_SAME,
    FORMATS_RENAMED, // another version wrote it, in our formats
    FORMATS_OLDER,   // a table or a record's version is not ours yet
    FORMATS_NEWER,   // we could misread it
};
struct formats {
    enum formats_fit fit;
    char version[VERSION_BYTES_MAX + 1]; // of the program that wrote it last; "": before the mark
};
// ERR_CORRUPT: there is no schema, or the mark cannot be read.
enum err formats_read(MDB_txn *txn, MDB_dbi meta, struct formats *out) MUST_USE;
enum err formats_of_state(const char *folder, struct formats *out, struct fault *fault) MUST_USE;
enum err formats_write(struct store_txn *txn) MUST_USE;

// ---- keep.c ----------------------------------------------------------------------------------
// "DIR/backups/NAME" or "DIR/backups/NAME/FILE"; ERR_INPUT "backup.bad_name".
enum err keep_path(const char *dir, const char *name, const char *file, char *out, size_t out_size,
                   struct fault *fault) MUST_USE;
// The copy passes: its bytes are what `about` says, and state_check finds nothing.
// ERR_NOT_FOUND "backup.no_copy", ERR_CORRUPT "backup.copy_bad".
enum err keep_verify(const char *dir, const char *name, struct kept *out,
                     struct fault *fault) MUST_USE;
// "key value" lines, at most 4 KiB. The value of `key`, or none.
struct str keep_line(struct str text, const char *key);
// Enough room below `dir` for `bytes` more and `reserve`? ERR_FULL "backup.no_room".
enum err keep_room(const char *dir, uint64_t bytes, uint64_t reserve, struct fault *fault) MUST_USE;

// ---- recover.c -------------------------------------------------------------------------------
// Ends a recovery that a power cut stopped, or clears away what one that never began has left. The
// folder's lock is held and the state not open.
enum err recovery_settle(const char *dir, struct fault *fault) MUST_USE;
// The copy of before `version` takes the place of what that version wrote. The folder's lock is
// held and the state not open. ERR_NOT_FOUND (no fault) if there is none that we can read, or if
// that version has been confirmed.
enum err recovery_take_back(const char *dir, const char *version, struct fault *fault) MUST_USE;

// ---- open.c ----------------------------------------------------------------------------------
// DIR/lock; ERR_BUSY "store.in_use". *out: close it.
enum err lock_take(const char *dir, int *out_fd, struct fault *fault) MUST_USE;
