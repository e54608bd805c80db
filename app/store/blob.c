// Blobs: files named by what is in them.
//
//   temp/RANDOM ── write, hash ── fsync ── rename ──> blobs/ab/abcdef… ── blob_register (a record)
//
// What a person deletes to make room goes at once (blob_drop), not when it is old: the store knows
// which blobs of this process have been renamed and wait for their record, and leaves those alone.
//
// The rename always happens, also onto a file of the same content: it makes that file young again,
// so that a sweep, which looks at age and record together under the same mutex, leaves it alone.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/store_private.h"

enum { BLOB_PIECE_BYTES = 256 << 10, BLOB_VERSION = 1, TEMP_NAME_LETTERS = 16 };

struct blob_writer {
    struct store *store;
    int fd;
    uint64_t size;
    struct sha256 sha256;
    size_t held; // bytes of `piece` not yet written
    char path[LIMIT_PATH_BYTES];
    char piece[BLOB_PIECE_BYTES];
};

void blob_name(const struct hash *hash, char out[static BLOB_NAME_SIZE]) {
    char hex[SHA256_HEX_SIZE];
    hash_hex(hash, hex);
    snprintf(out, BLOB_NAME_SIZE, "blobs/%.2s/%s", hex, hex);
}

// ---- renamed, and not yet named by a record; blob_mutex is held ---------------------------------

// Whoever has not registered it by then never will: such files are a sweep's.
static const int64_t PENDING_US = (int64_t)24 * 3600 * 1000000;

static void pending_add(struct store *store, const struct hash *hash) {
    int64_t now = (int64_t)clock_monotonic_us();
    for (size_t i = 0; i < BLOB_PENDING_MAX; i++) {
        struct blob_pending *place = &store->pending[i];
        if (place->since_us && now - place->since_us < PENDING_US) continue;
        *place = (struct blob_pending){*hash, now > 0 ? now : 1};
        return;
    }
    store->pending_lost_us = now > 0 ? now : 1;
}

static void pending_remove(struct store *store, const struct hash *hash) {
    for (size_t i = 0; i < BLOB_PENDING_MAX; i++) {
        struct blob_pending *place = &store->pending[i];
        if (!place->since_us || !hash_equal(&place->hash, hash)) continue;
        place->since_us = 0;
        return;
    }
}

static bool pending_has(const struct store *store, const struct hash *hash) {
    int64_t now = (int64_t)clock_monotonic_us();
    if (store->pending_lost_us && now - store->pending_lost_us < PENDING_US) return true;
    for (size_t i = 0; i < BLOB_PENDING_MAX; i++) {
        const struct blob_pending *place = &store->pending[i];
        if (place->since_us && hash_equal(&place->hash, hash)) return true;
    }
    return false;
}

// ---- into the folder -------------------------------------------------------------------------

// Takes the synced file at `from` to its name. It may be there already.
static enum err settle(struct store *store, const char *from, const struct hash *hash,
                       struct fault *fault) {
    char name[BLOB_NAME_SIZE], path[LIMIT_PATH_BYTES], folder[LIMIT_PATH_BYTES];
    blob_name(hash, name);
    enum err err = store_path(store, name, path, sizeof path);
    if (err != OK) return fault_set(fault, err, "base.path_too_long", str_of(store->dir));
    size_t folder_size = strlen(path) - (SHA256_HEX_SIZE - 1) - 1;
    (void)str_copy(folder, sizeof folder, (struct str){path, folder_size});
    if (mkdir(folder, 0700) == 0) {
        char above[LIMIT_PATH_BYTES];
        (void)str_copy(above, sizeof above, (struct str){folder, folder_size - 3});
        err = folder_sync(above, fault);
    } else if (errno != EEXIST) {
        err = fault_errno(fault, errno, str_of(folder));
    }
    if (err != OK) return err;
    // A blob is never written again.
    if (chmod(from, 0400) != 0) return fault_errno(fault, errno, str_of(from));
    pthread_mutex_lock(&store->blob_mutex);
    pending_add(store, hash);
    err = file_rename(from, path, fault);
    pthread_mutex_unlock(&store->blob_mutex);
    return err;
}

static enum err sync_file(int fd, const char *path, struct fault *fault) {
    return fsync(fd) == 0 ? OK : fault_errno(fault, errno, str_of(path));
}

// ---- writing ---------------------------------------------------------------------------------

enum err blob_begin(struct store *store, struct blob_writer **out, struct fault *fault) {
    struct blob_writer *writer = memory_take(sizeof *writer);
    if (!writer) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    char name[5 + TEMP_NAME_LETTERS + 1] = "temp/";
    random_code(name + 5, TEMP_NAME_LETTERS);
    enum err err = store_path(store, name, writer->path, sizeof writer->path);
    if (err != OK) err = fault_set(fault, err, "base.path_too_long", str_of(store->dir));
    if (err == OK) {
        writer->fd = open(writer->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (writer->fd < 0) err = fault_errno(fault, errno, str_of(writer->path));
    }
    if (err != OK) {
        memory_give(writer);
        return err;
    }
    writer->store = store;
    sha256_start(&writer->sha256);
    *out = writer;
    return OK;
}

static enum err write_held(struct blob_writer *writer, struct fault *fault) {
    enum err err = file_write_all(writer->fd, writer->piece, writer->held, fault);
    writer->held = 0;
    return err;
}

enum err blob_add(struct blob_writer *writer, const void *data, size_t size, struct fault *fault) {
    const char *at = data;
    sha256_add(&writer->sha256, data, size);
    writer->size += size;
    while (size > 0) {
        if (writer->held == 0 && size >= BLOB_PIECE_BYTES) {
            return file_write_all(writer->fd, at, size, fault);
        }
        size_t part = BLOB_PIECE_BYTES - writer->held;
        if (part > size) part = size;
        memcpy(writer->piece + writer->held, at, part);
        writer->held += part;
        at += part;
        size -= part;
        if (writer->held < BLOB_PIECE_BYTES) break;
        enum err err = write_held(writer, fault);
        if (err != OK) return err;
    }
    return OK;
}

enum err blob_finish(struct blob_writer *writer, struct hash *out, uint64_t *out_size,
                     struct fault *fault) {
    enum err err = write_held(writer, fault);
    if (err == OK) err = sync_file(writer->fd, writer->path, fault);
    struct hash hash = sha256_finish(&writer->sha256);
    if (err == OK) err = settle(writer->store, writer->path, &hash, fault);
    if (err != OK) {
        blob_abandon(writer);
        return err;
    }
    *out = hash;
    *out_size = writer->size;
    close(writer->fd);
    memory_give(writer);
    return OK;
}

void blob_abandon(struct blob_writer *writer) {
    if (!writer) return;
    close(writer->fd);
    unlink(writer->path);
    memory_give(writer);
}

enum err blob_take_file(struct store *store, const char *path, struct progress *progress,
                        struct hash *out, uint64_t *out_size, struct fault *fault) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return fault_errno(fault, errno, str_of(path));
    struct stat about;
    struct hash hash;
    uint64_t size;
    enum err err = OK;
    if (fstat(fd, &about) != 0)
        err = fault_errno(fault, errno, str_of(path));
    else if (!S_ISREG(about.st_mode))
        err = fault_errno(fault, EINVAL, str_of(path));
    if (err == OK) {
        progress_set(progress, PHASE_HASH, 0, (uint64_t)about.st_size);
        err = file_hash_rest(fd, path, progress, &hash, &size, fault);
    }
    if (err == OK) err = sync_file(fd, path, fault);
    close(fd);
    if (err == OK) err = settle(store, path, &hash, fault);
    if (err != OK) return err;
    *out = hash;
    *out_size = size;
    return OK;
}

// ---- records ---------------------------------------------------------------------------------

static struct key blob_key(const struct hash *hash) {
    return key_of_str((struct str){(const char *)hash->bytes, sizeof hash->bytes});
}

enum err blob_read_record(struct record_reader *record, uint64_t *out_size,
                          uint64_t *out_references) {
    uint64_t size = record_get_u64(record), references = record_get_u64(record);
    enum err err = record_end(record);
    if (err != OK) return err;
    *out_size = size;
    *out_references = references;
    return OK;
}

static enum err put_record(struct store_txn *txn, const struct hash *hash, uint64_t size,
                           uint64_t references) {
    struct buf fields;
    buf_open(&fields, 64);
    struct record_writer writer = {&fields};
    record_put_u64(&writer, size);
    record_put_u64(&writer, references);
    enum err err = store_put(txn, TABLE_BLOB, blob_key(hash), BLOB_VERSION, &fields);
    buf_close(&fields);
    return err;
}

static bool batch_one(void *ctx, struct str key, struct record_reader *record) {
    struct blob_batch *batch = ctx;
    if (batch->count == BLOB_BATCH) {
        batch->next = key_of_str(key);
        return false;
    }
    struct blob_entry *entry = &batch->entries[batch->count];
    uint64_t references;
    if (key.size == sizeof entry->hash.bytes &&
        blob_read_record(record, &entry->size, &references) == OK) {
        memcpy(entry->hash.bytes, key.data, key.size);
        batch->count++;
    }
    return true;
}

enum err blob_batch_read(struct store *store, struct blob_batch *batch) {
    struct store_txn *txn;
    struct key from = batch->next;
    enum err err = store_read_begin(store, &txn);
    if (err != OK) return err;
    batch->count = 0;
    batch->next = (struct key){0};
    err = store_scan(txn, TABLE_BLOB, from, false, batch_one, batch);
    store_read_end(txn);
    return err;
}

enum err blob_register(struct store_txn *txn, const struct hash *hash, uint64_t size) {
    struct record_reader record;
    uint64_t size_before = size, references = 0;
    enum err err = store_get(txn, TABLE_BLOB, blob_key(hash), &record);
    if (err == OK) err = blob_read_record(&record, &size_before, &references);
    if (err != OK && err != ERR_NOT_FOUND) return err;
    if (size_before != size) return ERR_CORRUPT;
    err = put_record(txn, hash, size, references + 1);
    struct blob_notes *notes = txn->notes;
    if (err == OK && notes && notes->registered_count < BLOB_NOTES_MAX) {
        notes->registered[notes->registered_count++] = *hash;
    }
    return err;
}

enum err blob_forget(struct store_txn *txn, const struct hash *hash) {
    struct record_reader record;
    uint64_t size, references;
    enum err err = store_get(txn, TABLE_BLOB, blob_key(hash), &record);
    if (err == OK) err = blob_read_record(&record, &size, &references);
    if (err != OK) return err;
    if (references > 1) return put_record(txn, hash, size, references - 1);
    return store_delete(txn, TABLE_BLOB, blob_key(hash));
}

enum err blob_drop(struct store_txn *txn, const struct hash *hash) {
    enum err err = blob_forget(txn, hash);
    struct blob_notes *notes = txn->notes;
    if (err == OK && notes && notes->dropped_count < BLOB_NOTES_MAX) {
        notes->dropped[notes->dropped_count++] = *hash;
    }
    return err;
}

enum err blob_size(struct store_txn *txn, const struct hash *hash, uint64_t *out) {
    struct record_reader record;
    uint64_t size, references;
    enum err err = store_get(txn, TABLE_BLOB, blob_key(hash), &record);
    if (err == OK) err = blob_read_record(&record, &size, &references);
    if (err == OK) *out = size;
    return err;
}

enum err blob_path(struct store *store, const struct hash *hash, char *out, size_t out_size,
                   struct fault *fault) {
    char name[BLOB_NAME_SIZE], path[LIMIT_PATH_BYTES];
    blob_name(hash, name);
    enum err err = store_path(store, name, path, sizeof path);
    if (err != OK || strlen(path) >= out_size) {
        return fault_set(fault, ERR_LIMIT, "base.path_too_long", str_of(store->dir));
    }
    if (!file_exists(path)) {
        return fault_set(fault, ERR_NOT_FOUND, "blob.missing", str_of(strrchr(name, '/') + 1));
    }
    (void)str_copy(out, out_size, str_of(path));
    return OK;
}

// ---- sweeping --------------------------------------------------------------------------------

enum err blob_hold(const char *dir, bool shared, bool wait, int *out_fd) {
    char path[LIMIT_PATH_BYTES];
    enum err err = path_join(path, sizeof path, dir, "sweep.lock");
    if (err != OK) return err;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return ERR_IO;
    int how = (shared ? LOCK_SH : LOCK_EX) | (wait ? 0 : LOCK_NB);
    int code;
    do code = flock(fd, how);
    while (code != 0 && errno == EINTR);
    if (code != 0) {
        err = errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO;
        close(fd);
        return err;
    }
    *out_fd = fd;
    return OK;
}

// By the real clock: files know no other. A rename makes a file young, whatever its content's age.
static int64_t age_now_ms(const struct timespec *since) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)(now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

// Removes one file if it is old and no record names it. `name` is its 64 digits.
static enum err sweep_file(struct store *store, int folder, const char *name, int64_t age_ms,
                           uint64_t *removed) {
    struct hash hash;
    struct stat about;
    struct store_txn *txn;
    struct record_reader record;
    if (!hash_from_hex(str_of(name), &hash)) return OK;
    pthread_mutex_lock(&store->blob_mutex);
    enum err err = OK;
    bool old = fstatat(folder, name, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
               age_now_ms(&about.st_ctim) >= age_ms;
    // The records are read after the age, so that a blob registered meanwhile is seen.
    if (old) err = store_read_begin(store, &txn);
    if (old && err == OK) {
        err = store_get(txn, TABLE_BLOB, blob_key(&hash), &record);
        store_read_end(txn);
        if (err == ERR_NOT_FOUND && unlinkat(folder, name, 0) == 0) ++*removed;
        if (err == ERR_NOT_FOUND) err = OK;
    }
    pthread_mutex_unlock(&store->blob_mutex);
    return err;
}

// blob_mutex is held.
static void drop_file(struct store *store, const struct hash *hash) {
    struct store_txn *txn;
    struct record_reader record;
    char name[BLOB_NAME_SIZE], path[LIMIT_PATH_BYTES];
    if (pending_has(store, hash) || store_read_begin(store, &txn) != OK) return;
    enum err err = store_get(txn, TABLE_BLOB, blob_key(hash), &record);
    store_read_end(txn);
    blob_name(hash, name);
    if (err != ERR_NOT_FOUND || store_path(store, name, path, sizeof path) != OK) return;
    (void)!unlink(path);
}

void blob_notes_settle(struct store *store, const struct blob_notes *notes) {
    int hold = -1;
    if (notes->registered_count + notes->dropped_count == 0) return;
    bool alone = notes->dropped_count && blob_hold(store->dir, false, false, &hold) == OK;
    pthread_mutex_lock(&store->blob_mutex);
    for (uint32_t i = 0; i < notes->registered_count; i++) {
        pending_remove(store, &notes->registered[i]);
    }
    for (uint32_t i = 0; i < notes->dropped_count && alone; i++) {
        drop_file(store, &notes->dropped[i]);
    }
    pthread_mutex_unlock(&store->blob_mutex);
    if (hold >= 0) close(hold);
}

static enum err sweep_folder(struct store *store, int folder, int64_t age_ms, uint64_t *removed) {
    DIR *list = fdopendir(folder);
    if (!list) {
        close(folder);
        return ERR_IO;
    }
    enum err err = OK;
    for (struct dirent *entry; err == OK && (entry = readdir(list));) {
        if (entry->d_name[0] == '.') continue;
        err = sweep_file(store, folder, entry->d_name, age_ms, removed);
    }
    closedir(list);
    return err;
}

enum err store_sweep(struct store *store, int64_t age_ms, uint64_t *out_removed) {
    char blobs[LIMIT_PATH_BYTES];
    int hold;
    enum err err = store->read_only ? ERR_DENIED : store_path(store, "blobs", blobs, sizeof blobs);
    uint64_t removed = 0;
    if (err != OK) return err;
    err = blob_hold(store->dir, false, false, &hold);
    if (err == ERR_BUSY) {
        *out_removed = 0;
        return OK;
    }
    if (err != OK) return err;
    DIR *list = opendir(blobs);
    if (!list) err = ERR_IO;
    for (struct dirent *entry; err == OK && (entry = readdir(list));) {
        if (entry->d_name[0] == '.') continue;
        int folder = openat(dirfd(list), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder >= 0) err = sweep_folder(store, folder, age_ms, &removed);
    }
    if (list) closedir(list);
    close(hold);
    if (err == OK) *out_removed = removed;
    return err;
}
