// The inside of the store: the environment, the writer's queue, the reader gate, and what the files
// of this folder share. Nothing outside app/store and its tests includes this. Tables' on-disk
// numbers and the schema's version live in schema.c; when you add a table, also: its name and
// number there, a migration that makes it, and its line in store.h.
#pragma once

#include <lmdb.h>
#include <pthread.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/thread.h"
#include "base/version.h"
#include "store/store.h"

enum {
    STORE_KEY_BYTES_MAX = 200,
    // kind u16, version u16, size u32, CRC-32C u32; see record.c.
    RECORD_HEAD_BYTES = 12,
    // What one change may read and keep in its transaction.
    TXN_ARENA_BYTES = 256 << 20,
    // Changes that share one commit: bounds how long the first of them waits for the others.
    GROUP_CHANGES_MAX = 256,
    // Blobs that are finished and not yet named by a record: more than jobs end at one time.
    BLOB_PENDING_MAX = 256,
    // Read transactions at the same time, of all processes.
    READERS_MAX = 512,
};

// Where LMDB has no lock file (see store_options.alone) its writer does not know the readers, and
// would reuse pages they still look at. The gate lets many readers or one writer in. A reader waits
// for a waiting writer only a moment, so that neither a second read in one thread nor a stream of
// short reads can lock anybody out.
struct gate {
    pthread_mutex_t mutex; // protects the three below
    pthread_cond_t changed;
    uint32_t readers;
    bool writing, writer_waits;
};
void gate_open(struct gate *gate);
void gate_close(struct gate *gate);
void gate_read_begin(struct gate *gate);
void gate_read_end(struct gate *gate);
void gate_write_begin(struct gate *gate);
void gate_write_end(struct gate *gate);

// Blobs that a change has named, for what is to be done once it is committed. What finds no place
// here is left to a sweep.
enum { BLOB_NOTES_MAX = 32 };
struct blob_notes {
    struct hash registered[BLOB_NOTES_MAX], dropped[BLOB_NOTES_MAX];
    uint32_t registered_count, dropped_count;
};

// One store_write that waits, on its caller's stack.
struct change_request {
    enum err (*change)(struct store_txn *txn, void *ctx);
    void *ctx;
    bool freeing; // may use the room that is kept for it
    struct blob_notes notes;
    enum err err;
    bool done;
    pthread_cond_t finished;
    struct change_request *next;
};

struct store {
    char dir[LIMIT_PATH_BYTES];
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    int lock_fd; // -1 beside a running server
    bool read_only, alone;
    char newer[VERSION_BYTES_MAX + 1]; // of the program whose state ours must not touch; "": none
    uint64_t life;                     // of this opening, see store_life
    void *map;                         // of the state, as store_trim found it; its caller's alone
    struct gate gate;
    uint64_t room_bytes; // kept ahead in data.mdb, see room.c; 0: not for this one
    uint64_t room_end;   // offset up to which its blocks are allocated; the writer's, as the next
    bool room_refused;   // the file system allocates nothing ahead
    int readers_fd;      // of lock.mdb: closing it would drop LMDB's locks; -1: none
    struct arena *arena; // the writer thread's: copies of records read in a change

    pthread_mutex_t mutex; // protects the queue, `stopping` and `users`
    pthread_cond_t arrived, left;
    struct change_request *first, *last;
    bool stopping, writer_runs;
    uint32_t users; // backups that borrow this environment
    pthread_t writer;

    pthread_mutex_t blob_mutex; // one rename into blobs/ or one removal from it at a time
    // Blobs renamed and not yet registered, each as often as it was; protected by blob_mutex.
    struct blob_pending {
        struct hash hash;
        int64_t since_us; // 0: a free place
    } pending[BLOB_PENDING_MAX];
    int64_t pending_lost_us; // when one last found no place; 0: never
    struct store *next_open; // the process' list of open stores, see open.c
    bool was_closed;         // cleanly, before this opening
    bool usable;             // wholly open: may be borrowed; protected as the list is
};

struct store_txn {
    struct store *store;
    MDB_txn *mdb;
    struct arena *arena;      // copies of what a change reads; NULL in a read transaction
    struct blob_notes *notes; // of a change
    enum err err;             // the first error of LMDB's that spoils a write transaction
};

enum err store_err(int lmdb_code) MUST_USE;
// A commit's error; tells a full disk from a broken one (LMDB says EIO for a short write).
enum err store_commit_err(const struct store *store, int lmdb_code) MUST_USE;

// ---- open.c ----------------------------------------------------------------------------------
// The store this process has open on the same folder, kept from closing until store_return; NULL.
struct store *store_borrow(const char *dir);
void store_return(struct store *store);
// "DIR/name"; ERR_LIMIT when it does not fit.
enum err store_path(const struct store *store, const char *name, char *out,
                    size_t out_size) MUST_USE;

// The state in `folder`, at rest and nobody else's, for reading: no lock, no schema check.
enum err snapshot_open(const char *folder, struct store **out, struct fault *fault) MUST_USE;

// ---- backup.c --------------------------------------------------------------------------------
// Copies the state of one moment to folder/data.mdb, which must be absent, while others write. The
// compact copy leaves free pages out; it refuses a state that lost pages, which a plain copy takes
// along.
enum err state_copy(struct store *store, const char *folder, struct fault *fault) MUST_USE;

// ---- audit.c ---------------------------------------------------------------------------------
struct chain_walk; // chain.h
// As chain_walk: the next `most` entries, in a transaction of their own.
enum err audit_walk(struct store_txn *txn, uint64_t most, struct chain_walk *walk,
                    struct fault *fault) MUST_USE;

// ---- write.c ---------------------------------------------------------------------------------
enum err writer_start(struct store *store) MUST_USE;
void writer_stop(struct store *store); // finishes what waits
// Runs one change on this thread, for the time before the writer runs.
enum err write_directly(struct store *store, enum err (*change)(struct store_txn *txn, void *ctx),
                        void *ctx) MUST_USE;

// ---- room.c ----------------------------------------------------------------------------------
// For one that may write, once its environment in `folder` is open. Never fails.
void room_open(struct store *store, const char *folder);
// After a commit, on the thread that made it: takes room ahead again where there is any.
void room_keep(struct store *store);
// Whether an ordinary change would take what is kept for deletions. Outside of a transaction, on
// the thread that writes.
bool room_is_short(struct store *store);

// ---- schema.c --------------------------------------------------------------------------------
enum { SCHEMA_VERSION = 2 };
struct migration {
    uint64_t to; // makes version `to` out of `to - 1`
    enum err (*run)(struct store_txn *txn);
};
uint16_t table_kind(enum store_table table); // the number on the disk, never reused
bool table_of_name(struct str name, enum store_table *out);
bool table_keys_are_ids(enum store_table table);
uint16_t table_newest(enum store_table table); // version of records that this program writes
enum err schema_read(struct store_txn *txn, uint64_t *out) MUST_USE;
enum err schema_write(struct store_txn *txn, uint64_t version) MUST_USE;
// Runs what is missing up to `target`, in order. ERR_CORRUPT if a step is missing.
enum err schema_migrate(struct store_txn *txn, const struct migration *steps, size_t count,
                        uint64_t target) MUST_USE;
// The program's own steps.
enum err schema_bring_up(struct store_txn *txn) MUST_USE;

// ---- record.c --------------------------------------------------------------------------------
// Opens an envelope; ERR_CORRUPT if kind, size or checksum do not fit.
enum err record_open(uint16_t kind, struct str key, struct str value,
                     struct record_reader *out) MUST_USE;
// Fills `head` for these fields under this key.
void record_seal(uint16_t kind, uint16_t version, struct str key, struct str fields,
                 uint8_t head[static RECORD_HEAD_BYTES]);

// ---- blob.c ----------------------------------------------------------------------------------
enum { BLOB_NAME_SIZE = 6 + 3 + SHA256_HEX_SIZE }; // "blobs/ab/abcdef…" with its NUL
void blob_name(const struct hash *hash, char out[static BLOB_NAME_SIZE]);
// Held shared by a backup, alone by a sweep: no blob a backup still wants is removed. ERR_BUSY if
// `wait` is false and somebody holds it the other way. *out_fd: close it.
enum err blob_hold(const char *dir, bool shared, bool wait, int *out_fd) MUST_USE;

// After the commit, on any thread: files of dropped blobs go, unless they are named again, may be
// about to be, or a backup reads.
void blob_notes_settle(struct store *store, const struct blob_notes *notes);

enum err blob_read_record(struct record_reader *record, uint64_t *out_size,
                          uint64_t *out_references) MUST_USE;
// The blobs' records, so many at a time, each batch in a short read transaction of its own.
enum { BLOB_BATCH = 256 };
struct blob_entry {
    struct hash hash;
    uint64_t size;
};
struct blob_batch {
    struct blob_entry entries[BLOB_BATCH];
    size_t count;
    struct key next; // where to go on; size 0: from the start, and after a read: that was the end
};
enum err blob_batch_read(struct store *store, struct blob_batch *batch) MUST_USE;

// ---- pages.c ---------------------------------------------------------------------------------
// Looks at every page of a state as it lies on the disk, without LMDB, which trusts what it reads;
// tells "store.page_damaged" with the page's number for each that cannot be. `txn_id` names the
// transaction whose pages are meant (its reader must be open), 0 the newest of a file at rest.
// ERR_CORRUPT if the head pages themselves make no sense (told too); ERR_CONFLICT, nothing told, if
// the transaction's head page was overwritten before it could be read: begin another one.
enum err pages_check(const char *data_path, uint64_t txn_id, struct progress *progress,
                     void (*tell)(void *ctx, const struct fault *finding), void *ctx,
                     uint64_t *out_findings) MUST_USE;
// The file is as long as its head pages say: no reader can be killed by a page that is not there.
bool pages_file_is_whole(const char *data_path);
// The newest transaction that the file's head pages name; false if they make no sense.
bool pages_newest_txn(const char *data_path, uint64_t *out);
