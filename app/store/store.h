// The store: everything the box remembers, in one folder.
//
//   DIR/state/   LMDB: records in tables, the audit chain among them
//   DIR/blobs/   content-addressed files, named by SHA-256 ("ab/abcdef…"), read-only once there
//   DIR/temp/    blobs being written; emptied at start
//   DIR/jobs/    one folder for each job; DIR/uploads/ what is not yet whole; DIR/exports/ CSV for
//                downloads: flow/ owns what is inside, none of it is in a backup
//   DIR/keys/, DIR/tls/   secrets, mode 0600 (base/ and server/ own them)
//   DIR/backups/, DIR/quarantine/   copies of the state, and what one took the place of: keep.h
//   DIR/lock     held by the one process that may write
//
// Caveats first. One process writes at a time: a second store_open on the same folder gives
// ERR_BUSY "store.in_use". One thread writes: store_write hands a function to it and waits;
// functions that wait together share one transaction and one sync (each in a nested transaction, so
// that one's failure undoes only its own work). When store_write returns OK the change has been
// synced. A pointer read in a transaction is valid until that transaction ends: copy out before.
// Read transactions are short; never wait for anything inside one. Any thread may read and call
// store_write. Depends on base/.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/fault.h"
#include "base/str.h"

enum store_table {
    TABLE_META,         // "schema" -> version; "next/TABLE" -> the next id
    TABLE_PERSON,       // id
    TABLE_SESSION,      // SHA-256 of the cookie's secret
    TABLE_TOKEN,        // id
    TABLE_UPLOAD,       // id
    TABLE_DATASET,      // id
    TABLE_RECIPE,       // id
    TABLE_RELEASE,      // id
    TABLE_MODEL,        // id
    TABLE_JOB,          // id
    TABLE_LINEAGE,      // id
    TABLE_BLOB,         // SHA-256
    TABLE_AUDIT,        // sequence number
    TABLE_SETTING,      // name
    TABLE_INDEX,        // secondary keys: "person/name/NAME" -> id, "release/hash/HEX" -> id, …
    TABLE_REVISION,     // dataset's id, revision's number: 16 bytes
    TABLE_KEY,          // id
    TABLE_POLICY,       // version
    TABLE_MEMBER,       // a person's id
    TABLE_LEDGER,       // sequence number
    TABLE_USAGE,        // a kind's letter and numbers: see allocation/usage.c
    TABLE_VOUCHER,      // id
    TABLE_RESERVATION,  // id
    TABLE_ENDPOINT,     // id
    TABLE_SERVED,       // a kind's letter and numbers: see flow/record.h
    TABLE_SEARCH,       // id
    TABLE_PILOT,        // id: one run of a pilot
    TABLE_LANGUAGE,     // id: a language model
    TABLE_LANGUAGE_USE, // day, tenant, person, model: see flow/models/language_usage.c
    TABLE_COUNT
};
const char *store_table_name(enum store_table table);
// Of all records that flow/records.c writes, where each version's change is told; other tables have
// their own in schema.c. Raising it makes older programs leave the state alone.
enum { RECORD_VERSION = 18 };

struct store;
struct store_txn;

struct store_options {
    uint64_t map_bytes; // the most the state may grow to; 0: 16 GiB (sparse, costs nothing)
    bool read_only;     // beside a running server: for check
    // A state that a newer version wrote while it was tried gives way to the copy from before it,
    // if the trial was not confirmed (keep.h): for a machine that returned by itself.
    bool take_back;
    // Without LMDB's lock file: readers and the writer of this process exclude each other, and no
    // second process may look. Chosen by itself where the system has no robust mutexes.
    bool alone;
};

// Opens DIR, making it if absent, takes the lock, verifies the meta record, migrates forward in one
// transaction if the schema or a record's version is older, after a copy "before-VERSION" of it
// (ERR_INPUT "store.too_new", detail: the version that wrote it, if newer), empties temp/.
// A damaged database gives ERR_CORRUPT "store.damaged" and changes nothing. *out: store_close.
enum err store_open(const char *dir, const struct store_options *options, struct store **out,
                    struct fault *fault) MUST_USE;
void store_close(struct store *store);
const char *store_dir(const struct store *store);
// Lets go of the pages of the state that this process has looked at, where they are many. They stay
// in the system's cache and come back at the next look. One thread, now and then.
void store_trim(struct store *store);
// The sentence for an error of a function here that has no fault of its own: "store.full",
// "store.record_damaged", "store.failed", "store.limit", "base.no_memory"; others are left as they
// are. Returns err.
enum err store_explain(enum err err, struct fault *fault);

// ---- records -------------------------------------------------------------------------------
// Keys: ids are big-endian u64, so that they scan in order; other keys are bytes as given (at most
// 200). Values are records: a checked envelope (kind, version, size, CRC-32C) around fields written
// and read in one fixed order. Reading a broken envelope gives ERR_CORRUPT "store.record_damaged".

struct key {
    uint8_t bytes[208];
    size_t size;
};
struct key key_of_id(uint64_t id);
struct key key_of_str(struct str name); // cy_asserts size <= 200
uint64_t key_id(struct str key);        // of an 8-byte key

// Writes fields; little-endian, explicit. Errors stick in the buf.
struct record_writer {
    struct buf *out;
};
void record_put_u64(struct record_writer *writer, uint64_t value);
void record_put_i64(struct record_writer *writer, int64_t value);
void record_put_number(struct record_writer *writer, double value);
void record_put_str(struct record_writer *writer, struct str value);
void record_put_hash(struct record_writer *writer, const struct hash *value);

// Reads fields in the same order. The first read beyond the end or of a wrong kind makes `broken`
// true for good and every read give zero: check once at the end with record_end.
struct record_reader {
    struct str rest;
    uint16_t version; // what the writer's kind had when it was written
    bool broken;
};
uint64_t record_get_u64(struct record_reader *reader);
int64_t record_get_i64(struct record_reader *reader);
double record_get_number(struct record_reader *reader);
struct str record_get_str(struct record_reader *reader); // points into the record
struct hash record_get_hash(struct record_reader *reader);
enum err record_end(const struct record_reader *reader) MUST_USE; // ERR_CORRUPT if broken
// Fields of any kind from here to the end, and nothing else. Reads them.
bool record_fields_fit(struct record_reader *reader);

// ---- reading -------------------------------------------------------------------------------
enum err store_read_begin(struct store *store, struct store_txn **out) MUST_USE;
void store_read_end(struct store_txn *txn);
// Opens the record's envelope: *out reads its fields, valid until the transaction ends.
// ERR_NOT_FOUND (no fault text) if absent.
enum err store_get(struct store_txn *txn, enum store_table table, struct key key,
                   struct record_reader *out) MUST_USE;
// Walks keys from `from` (inclusive; size 0: from the very start or end) upwards or downwards while
// visit returns true. A damaged record ends it with ERR_CORRUPT.
enum err store_scan(struct store_txn *txn, enum store_table table, struct key from, bool downwards,
                    bool (*visit)(void *ctx, struct str key, struct record_reader *record),
                    void *ctx) MUST_USE;
// The greatest key. ERR_NOT_FOUND: the table is empty.
enum err store_last(struct store_txn *txn, enum store_table table, struct key *out) MUST_USE;
uint64_t store_count(struct store_txn *txn, enum store_table table);
// A number of this opening of this store that no other opening in this process has.
uint64_t store_life(const struct store_txn *txn);

// ---- writing -------------------------------------------------------------------------------
// Runs change(txn, ctx) on the writer thread and waits for the commit. What `change` returns is
// returned; anything but OK leaves the store as it was. It may read in its txn too, and must not
// block or call store_write. ERR_FULL before it runs when only the room kept for deletions is left.
enum err store_write(struct store *store, enum err (*change)(struct store_txn *txn, void *ctx),
                     void *ctx) MUST_USE;
// The same for a change that gives room back, or that whoever is to give room back cannot do
// without (signing in, the end of a job): on a full disk it may use what room.c keeps for it.
enum err store_write_freeing(struct store *store,
                             enum err (*change)(struct store_txn *txn, void *ctx),
                             void *ctx) MUST_USE;
enum err store_put(struct store_txn *txn, enum store_table table, struct key key, uint16_t version,
                   const struct buf *fields) MUST_USE;
enum err store_delete(struct store_txn *txn, enum store_table table, struct key key) MUST_USE;
enum err store_next_id(struct store_txn *txn, enum store_table table, uint64_t *out) MUST_USE;

// Entries of TABLE_INDEX: a name that begins with a table's ("release/hash/HEX"), of at most 200
// bytes, leads to an id of that table. store_check tells of entries that lead nowhere.
enum err index_put(struct store_txn *txn, struct str name, uint64_t id) MUST_USE;
enum err index_get(struct store_txn *txn, struct str name, uint64_t *out) MUST_USE;
enum err index_delete(struct store_txn *txn, struct str name) MUST_USE;

// ---- audit ---------------------------------------------------------------------------------
// Who did what, in a chain: each record holds the SHA-256 of the one before, so that nothing can be
// altered or taken out unseen. Append inside the transaction that makes the change.
struct audit_entry {
    uint64_t sequence; // filled by the store, from 1 without gaps
    int64_t time_ms;   // filled by the store
    struct str actor;  // a person's sign-in name, "system", or "NAME@console"
    struct str action; // "dataset.import", "session.open", "release.approve", …
    struct str object; // "dataset/12"
    struct str result; // "ok", "denied", "failed"
    struct str detail; // short, never data
    struct hash previous, own;
};
enum err audit_append(struct store_txn *txn, const struct audit_entry *entry) MUST_USE;
// Newest first from `before` (0: the newest). Entries' strings live until visit returns.
enum err audit_scan(struct store_txn *txn, uint64_t before,
                    bool (*visit)(void *ctx, const struct audit_entry *entry), void *ctx) MUST_USE;
// Whoever can write the folder could make a whole new chain: an auditor who keeps the head's hash
// elsewhere can tell.
// Walks the whole chain. ERR_CORRUPT "audit.broken" (row: the first sequence that does not fit).
enum err audit_verify(struct store_txn *txn, uint64_t *out_count, struct hash *out_head,
                      struct fault *fault) MUST_USE;

// ---- blobs ---------------------------------------------------------------------------------
struct blob_writer;
// A blob goes temp -> fsync -> rename -> blob_register in the transaction that refers to it. What
// was renamed but never registered is swept by store_sweep.
enum err blob_begin(struct store *store, struct blob_writer **out, struct fault *fault) MUST_USE;
enum err blob_add(struct blob_writer *writer, const void *data, size_t size,
                  struct fault *fault) MUST_USE;
enum err blob_finish(struct blob_writer *writer, struct hash *out, uint64_t *out_size,
                     struct fault *fault) MUST_USE; // frees the writer, error or not
void blob_abandon(struct blob_writer *writer);
// Takes a finished file on the same disk into the blobs by rename (hashing it first). `progress` of
// base/thread.h may be NULL.
struct progress;
enum err blob_take_file(struct store *store, const char *path, struct progress *progress,
                        struct hash *out, uint64_t *out_size, struct fault *fault) MUST_USE;
// Counts references: each register is undone by one forget.
enum err blob_register(struct store_txn *txn, const struct hash *hash, uint64_t size) MUST_USE;
// Takes one reference back; when none is left, the file goes at a later sweep.
enum err blob_forget(struct store_txn *txn, const struct hash *hash) MUST_USE;
// The same for what a person deletes to make room: the file goes before store_write returns, if
// nobody is about to name it again and no backup reads; else at a later sweep too.
enum err blob_drop(struct store_txn *txn, const struct hash *hash) MUST_USE;
// How large a registered blob is. ERR_NOT_FOUND if no record names it.
enum err blob_size(struct store_txn *txn, const struct hash *hash, uint64_t *out) MUST_USE;
// The file of a blob, for mapping or for a child process. ERR_NOT_FOUND "blob.missing" if the file
// is not there, whatever the records say.
enum err blob_path(struct store *store, const struct hash *hash, char *out, size_t out_size,
                   struct fault *fault) MUST_USE;
// Removes files no record names and that are older than `age_ms`: give a job the time it needs
// between finishing a blob and registering it. Does nothing while a backup reads.
enum err store_sweep(struct store *store, int64_t age_ms, uint64_t *out_removed) MUST_USE;

// ---- the whole -----------------------------------------------------------------------------
// Verifies every record, index, blob (size and hash) and the audit chain; calls tell() once for
// each finding (codes store.page_damaged, store.record_damaged, store.index_dangling,
// store.mode_open, blob.missing, blob.wrong_content, audit.broken). `secrets` too: file modes.
// *out_findings counts them.
enum err store_check(struct store *store, struct progress *progress,
                     void (*tell)(void *ctx, const struct fault *finding), void *ctx,
                     uint64_t *out_findings) MUST_USE;
// Whether it had been closed cleanly when it was opened, or was made then.
bool store_was_closed(const struct store *store);
// Reads every record once, for a thread that has time: each table in order, in short read
// transactions with a pause after each. fits() says whether a record decodes; tell() is called for
// each that does not, or whose envelope is broken ("store.record_damaged", detail "job/12", of keys
// that are no ids "index/#" and 16 digits of the key's SHA-256), and once for a table of which a
// page cannot be read ("store.damaged"). Then the audit chain, in the same way ("audit.broken", as
// audit_verify; once). *out_records and *out_findings count, also when cancelled.
struct store_reread {
    bool (*fits)(void *ctx, enum store_table table, struct str key, struct record_reader *record);
    void (*tell)(void *ctx, const struct fault *finding);
    void *ctx;
    struct progress *progress; // `done` counts records; may be NULL
};
enum err store_reread(struct store *store, const struct store_reread *how, uint64_t *out_records,
                      uint64_t *out_findings) MUST_USE;
// A whole copy while the server runs: one archive file (POSIX tar: state, the blobs that state
// names, keys, tls and a manifest with hashes), written as a whole or not at all, mode 0600. It
// holds the secrets of keys/ and tls/: whoever has the archive is the box, so keep it as you keep
// the box. jobs/ and what is being uploaded are not in it. Sizes to many GB in constant memory;
// DIR/temp needs room for a copy of the state. May be called in the process that has the store
// open.
enum err store_backup(const char *dir, const char *archive_path, struct progress *progress,
                      struct fault *fault) MUST_USE;
// The same as a stream: write() is called with pieces in order.
enum err store_backup_stream(const char *dir,
                             enum err (*write)(void *ctx, const void *data, size_t size), void *ctx,
                             struct progress *progress, struct fault *fault) MUST_USE;
// Unpacks into an absent or empty folder, verifies all, leaves nothing half-done on error.
enum err store_restore(const char *archive_path, const char *dir, struct progress *progress,
                       struct fault *fault) MUST_USE;
