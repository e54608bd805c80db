// Copies of the state that the box keeps of itself, for the day its database is broken: a folder
// each below DIR/backups, with data.mdb (a compact copy of one moment) and `about` (what it is, and
// data.mdb's SHA-256). A copy is made beside its name, looked at page by page and record by record,
// synced, and only then renamed: whatever bears a name was good when it got it.
//
// A copy holds the state alone, neither blobs nor keys/ and tls/: those stay where they are and are
// never changed, only removed. Hard links to blobs, or copies of keys, would bring back what people
// were told is gone for good. So after keep_recover a record may name a blob that was removed since
// (it is counted, and store_check tells each). Against a lost disk store_backup helps, not this.
//
// keep_recover never deletes: the state before, the jobs, uploads and exports that belong to it and
// the blobs that only it names go to DIR/quarantine/NAME. A power cut leaves the old state or, once
// DIR/recovering is written, a way that the next store_open goes to its end.
//
// Any thread; one keep_make or keep_prune of a folder at a time.
#pragma once

#include "base/version.h"
#include "store/store.h"

enum {
    KEEP_NAME_BYTES = 96,           // with its NUL
    KEEP_LIST_MAX = 64,             // copies looked at; beyond it the oldest are passed over
    KEEP_RESERVE_BYTES = 256 << 20, // free space that a copy of our own wish leaves
    KEEP_DAYS = 7,                  // nightly copies kept,
    KEEP_WEEKS = 4,                 // and of the weeks before, one each
    KEEP_WISHED = 3,                // newest of those made on a person's wish
    KEEP_BEFORE_DAYS = 14,          // one of before an update, once that is confirmed
    KEEP_BEFORE_BYTES = 16 << 20,   // free space that such a one leaves
};
#define KEEP_NIGHTLY "nightly-" // YYYYMMDD
#define KEEP_WISH "wish-"       // YYYYMMDD-HHMMSS
#define KEEP_BEFORE "before-"   // VERSION: made before that version brought the state up
enum { KEEP_STAMP_BYTES = 16 };
void keep_stamp(int64_t time_ms, char out[static KEEP_STAMP_BYTES]); // "20261127-043000", UTC

struct kept {
    char name[KEEP_NAME_BYTES];
    uint64_t number; // counted up from copy to copy: the order, whatever the clock said
    int64_t made_ms;
    uint64_t bytes; // of data.mdb
    struct hash hash;
    char version[VERSION_BYTES_MAX + 1]; // of the program that made it; "": it does not tell
    bool whole;                          // `about` is there and data.mdb as long as it says
};
// Newest first, by number: a clock that was set back misorders nothing. A folder without a good
// `about` is listed as not whole.
enum err keep_list(const char *dir, struct kept *out, size_t room, size_t *out_count,
                   struct fault *fault) MUST_USE;
// One of them. ERR_NOT_FOUND "backup.no_copy", ERR_CORRUPT "backup.copy_bad" if it is not whole.
enum err keep_look(const char *dir, const char *name, struct kept *out,
                   struct fault *fault) MUST_USE;
// A copy of the open store's state under `name`, in place of one of that name. ERR_FULL
// "backup.no_room" (detail: bytes needed) unless `reserve` bytes would still be free; ERR_CORRUPT
// "backup.copy_bad" when the copy does not pass. Costs a walk through the state and twice
// through the copy.
enum err keep_make(struct store *store, const char *name, uint64_t reserve, struct kept *out,
                   struct fault *fault) MUST_USE;
// Removes nightly copies and wished ones that are too many, and old ones of before updates; never
// `spared`.
enum err keep_prune(const char *dir, const char *spared, struct fault *fault) MUST_USE;
// This version stays: what was kept from before it goes some time from now, and no return to an
// older version takes it back by itself. Fine if nothing was kept.
enum err keep_confirm(const char *dir, struct fault *fault) MUST_USE;
// Of copies made on `days` (since 1970; newest first, so descending unless a clock was set back):
// the first KEEP_DAYS, and of the others the oldest of its week (from Monday) for the newest
// KEEP_WEEKS weeks.
void keep_choose(const int64_t *days, size_t count, bool *out_keep);

// What a recovery did; it stands in DIR/recovered until recovery_forget.
struct recovery {
    char copy[KEEP_NAME_BYTES];
    char quarantine[KEEP_NAME_BYTES]; // below DIR/quarantine
    char why[KEEP_NAME_BYTES];        // "wish", "damaged", "trial"
    uint64_t blobs_moved;             // into the quarantine: no record names them now
    uint64_t blobs_missing;           // named, and removed since
};
// Puts the copy in the state's place. `name` NULL or "newest": that of keep_newest_good. The store
// must not be open: ERR_BUSY "store.in_use".
// ERR_NOT_FOUND "backup.no_copy", ERR_CORRUPT "backup.copy_bad", ERR_FULL "backup.no_room".
enum err keep_recover(const char *dir, const char *name, const char *why, struct recovery *out,
                      struct fault *fault) MUST_USE;
// The newest copy that passes its check, those of before an update left out. ERR_NOT_FOUND
// "backup.no_copy".
enum err keep_newest_good(const char *dir, struct kept *out, struct fault *fault) MUST_USE;
// What was recovered and not yet noted. ERR_NOT_FOUND (no fault) if nothing was.
enum err recovery_read(const char *dir, struct recovery *out) MUST_USE;
enum err recovery_forget(const char *dir, struct fault *fault) MUST_USE;
