// The backup: a snapshot of the state, then the blobs that this snapshot names, then the secrets.
// Blobs do not change and no sweep runs meanwhile, so only the snapshot must be taken at one
// moment.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/archive_private.h"

struct backup {
    struct store *store;
    bool borrowed;
    char folder[LIMIT_PATH_BYTES]; // DIR/temp/backup-RANDOM: snapshot and manifest
    int hold;                      // keeps sweeps away
    int manifest;
    struct store *snapshot;
    struct tar_writer tar;
    struct progress *progress;
    struct fault *fault;
    char piece[ARCHIVE_PIECE_BYTES];
};

// ---- the format ------------------------------------------------------------------------------

enum err manifest_add(int fd, const struct hash *hash, uint64_t size, struct str path,
                      struct fault *fault) {
    char hex[SHA256_HEX_SIZE];
    struct buf line;
    buf_open(&line, 1024);
    hash_hex(hash, hex);
    buf_add_text(&line, hex);
    buf_add_char(&line, ' ');
    buf_add_u64(&line, size);
    buf_add_char(&line, ' ');
    buf_add_str(&line, path);
    buf_add_char(&line, '\n');
    enum err err = buf_err(&line);
    if (err == OK)
        err = file_write_all(fd, line.data, line.size, fault);
    else
        err = fault_set(fault, err, "base.no_memory", STR_NONE);
    buf_close(&line);
    return err;
}

bool archive_blob_hash(struct str path, struct hash *out) {
    struct str folder, rest, name;
    if (!str_is(str_cut(path, '/', &rest), "blobs")) return false;
    folder = str_cut(rest, '/', &name);
    return folder.size == 2 && str_starts(name, folder) && hash_from_hex(name, out);
}

static bool secret_path_fits(struct str path) {
    struct str rest, part = str_cut(path, '/', &rest);
    if (!str_is(part, "keys") && !str_is(part, "tls")) return false;
    int depth = 0;
    while (rest.size > 0) {
        part = str_cut(rest, '/', &rest);
        if (part.size == 0 || part.data[0] == '.' || ++depth > ARCHIVE_DEPTH_MAX) return false;
        for (size_t i = 0; i < part.size; i++) {
            unsigned char c = (unsigned char)part.data[i];
            if (c <= ' ' || c == 0x7f || c == '\\') return false;
        }
    }
    return depth > 0 && path.data[path.size - 1] != '/';
}

bool archive_path_fits(struct str path) {
    struct hash hash;
    if (path.size == 0 || path.size > TAR_PATH_BYTES_MAX) return false;
    return str_is(path, ARCHIVE_FORMAT_PATH) || str_is(path, ARCHIVE_MANIFEST) ||
           str_is(path, "state/data.mdb") || archive_blob_hash(path, &hash) ||
           secret_path_fits(path);
}

// ---- entries ---------------------------------------------------------------------------------

static enum err tar_failed(struct backup *backup, enum err err, struct str path) {
    if (err == ERR_LIMIT) return fault_set(backup->fault, err, "backup.path_too_long", path);
    return fault_set(backup->fault, err, "base.file_failed", path);
}

// Streams `size` bytes of an open file as one entry. ERR_CORRUPT if the file is shorter.
static enum err add_open_file(struct backup *backup, int fd, uint64_t size, struct str path,
                              uint32_t mode, struct hash *out) {
    struct sha256 sha256;
    sha256_start(&sha256);
    enum err err = tar_write_entry(&backup->tar, path, size, mode, clock_now_ms());
    if (err != OK) return tar_failed(backup, err, path);
    for (uint64_t left = size; left > 0;) {
        if (progress_cancelled(backup->progress)) return ERR_CANCELLED;
        size_t wanted = left < ARCHIVE_PIECE_BYTES ? (size_t)left : ARCHIVE_PIECE_BYTES;
        ssize_t got = read(fd, backup->piece, wanted);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fault_errno(backup->fault, errno, path);
        if (got == 0) return ERR_CORRUPT;
        sha256_add(&sha256, backup->piece, (size_t)got);
        err = tar_write_data(&backup->tar, backup->piece, (size_t)got);
        if (err != OK) return tar_failed(backup, err, path);
        left -= (uint64_t)got;
        if (backup->progress) {
            atomic_fetch_add_explicit(&backup->progress->done, (uint64_t)got, memory_order_relaxed);
        }
    }
    *out = sha256_finish(&sha256);
    return OK;
}

static enum err add_file(struct backup *backup, const char *from, struct str path) {
    struct stat about;
    struct hash hash;
    enum err err = OK;
    int fd = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return fault_errno(backup->fault, errno, str_of(from));
    if (fstat(fd, &about) != 0) err = fault_errno(backup->fault, errno, str_of(from));
    uint64_t size = err == OK ? (uint64_t)about.st_size : 0;
    if (err == OK) err = add_open_file(backup, fd, size, path, 0600, &hash);
    if (err == ERR_CORRUPT) err = fault_set(backup->fault, ERR_IO, "base.file_failed", path);
    if (err == OK) err = manifest_add(backup->manifest, &hash, size, path, backup->fault);
    close(fd);
    return err;
}

static enum err add_format(struct backup *backup) {
    struct str content = STR(ARCHIVE_FORMAT), path = STR(ARCHIVE_FORMAT_PATH);
    enum err err = tar_write_entry(&backup->tar, path, content.size, 0600, clock_now_ms());
    if (err == OK) err = tar_write_data(&backup->tar, content.data, content.size);
    if (err != OK) return tar_failed(backup, err, path);
    struct hash hash = sha256_of(content.data, content.size);
    return manifest_add(backup->manifest, &hash, content.size, path, backup->fault);
}

static enum err add_blob(struct backup *backup, const struct blob_entry *entry) {
    char name[BLOB_NAME_SIZE], path[LIMIT_PATH_BYTES];
    blob_name(&entry->hash, name);
    struct str hex = str_of(strrchr(name, '/') + 1);
    struct hash hash;
    struct stat about;
    enum err err = store_path(backup->store, name, path, sizeof path);
    if (err != OK) return fault_set(backup->fault, err, "base.path_too_long", str_of(name));
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0 || (uint64_t)about.st_size != entry->size) {
        if (fd >= 0) close(fd);
        return fault_set(backup->fault, ERR_CORRUPT, "backup.blob_damaged", hex);
    }
    err = add_open_file(backup, fd, entry->size, str_of(name), 0400, &hash);
    close(fd);
    if (err == ERR_CORRUPT || (err == OK && !hash_equal(&hash, &entry->hash))) {
        return fault_set(backup->fault, ERR_CORRUPT, "backup.blob_damaged", hex);
    }
    if (err != OK) return err;
    return manifest_add(backup->manifest, &hash, entry->size, str_of(name), backup->fault);
}

static enum err add_blobs(struct backup *backup) {
    struct blob_batch *batch = memory_take(sizeof *batch);
    if (!batch) return fault_set(backup->fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    enum err err;
    do {
        err = store_explain(blob_batch_read(backup->snapshot, batch), backup->fault);
        for (size_t i = 0; i < batch->count && err == OK; i++) {
            err = add_blob(backup, &batch->entries[i]);
        }
    } while (err == OK && batch->next.size > 0);
    memory_give(batch);
    return err;
}

// The files below DIR/name, name being "keys", "tls" or a folder below them.
static enum err add_folder(struct backup *backup, const char *name, int depth) {
    char path[LIMIT_PATH_BYTES], below[LIMIT_PATH_BYTES];
    struct stat about;
    enum err err = store_path(backup->store, name, path, sizeof path);
    if (err != OK) return fault_set(backup->fault, err, "base.path_too_long", str_of(name));
    DIR *list = opendir(path);
    if (!list) return errno == ENOENT ? OK : fault_errno(backup->fault, errno, str_of(path));
    for (struct dirent *entry; err == OK && (entry = readdir(list));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        err = path_join(below, sizeof below, name, entry->d_name);
        if (err == OK) err = store_path(backup->store, below, path, sizeof path);
        if (err != OK || !secret_path_fits(str_of(below))) {
            err = fault_set(backup->fault, ERR_INPUT, "backup.path_refused", str_of(below));
        } else if (lstat(path, &about) != 0) {
            err = fault_errno(backup->fault, errno, str_of(below));
        } else if (S_ISDIR(about.st_mode) && depth < ARCHIVE_DEPTH_MAX) {
            err = add_folder(backup, below, depth + 1);
        } else if (S_ISREG(about.st_mode)) {
            err = add_file(backup, path, str_of(below));
        } else {
            err = fault_set(backup->fault, ERR_INPUT, "backup.path_refused", str_of(below));
        }
    }
    closedir(list);
    return err;
}

static enum err add_manifest(struct backup *backup) {
    struct hash hash;
    struct stat about;
    if (fstat(backup->manifest, &about) != 0 || lseek(backup->manifest, 0, SEEK_SET) != 0) {
        return fault_errno(backup->fault, errno, STR(ARCHIVE_MANIFEST));
    }
    enum err err = add_open_file(backup, backup->manifest, (uint64_t)about.st_size,
                                 STR(ARCHIVE_MANIFEST), 0600, &hash);
    return err == ERR_CORRUPT
               ? fault_set(backup->fault, ERR_IO, "base.file_failed", STR(ARCHIVE_MANIFEST))
               : err;
}

// ---- the snapshot ----------------------------------------------------------------------------

static void no_tell(void *ctx, const struct fault *finding) {
    (void)ctx;
    (void)finding;
}

// The folder's disk is what is full, or the file that cannot be written: not the database.
static enum err copy_failed(const struct store *store, int code, const char *copy,
                            struct fault *fault) {
    enum err err = store_commit_err(store, code);
    if (err == ERR_FULL) return fault_errno(fault, ENOSPC, str_of(copy));
    if (err == ERR_IO && code > 0) return fault_errno(fault, code, str_of(copy)); // an errno
    return store_explain(err, fault);
}

enum err state_copy(struct store *store, const char *folder, struct fault *fault) {
    char copy[LIMIT_PATH_BYTES];
    enum err err = path_join(copy, sizeof copy, folder, "data.mdb");
    if (err != OK) return fault_set(fault, err, "base.path_too_long", STR_NONE);
    if (store->alone) gate_read_begin(&store->gate);
    int code = mdb_env_copy2(store->env, folder, MDB_CP_COMPACT);
    if (code != 0 && unlink(copy) == 0 && code != ENOSPC)
        code = mdb_env_copy2(store->env, folder, 0);
    if (store->alone) gate_read_end(&store->gate);
    if (code != 0) return copy_failed(store, code, copy, fault);
    return chmod(copy, 0600) == 0 ? OK : fault_errno(fault, errno, str_of(copy));
}

static enum err snapshot_take(struct backup *backup) {
    char copy[LIMIT_PATH_BYTES];
    enum err err = path_join(copy, sizeof copy, backup->folder, "data.mdb");
    if (err != OK) return fault_set(backup->fault, err, "base.path_too_long", STR_NONE);
    err = state_copy(backup->store, backup->folder, backup->fault);
    if (err != OK) return err;
    uint64_t findings = 0;
    err = pages_check(copy, 0, NULL, no_tell, NULL, &findings);
    if (err == ERR_CORRUPT || (err == OK && findings > 0)) {
        return fault_set(backup->fault, ERR_CORRUPT, "store.damaged", STR("state"));
    }
    if (err != OK) return store_explain(err, backup->fault);
    return snapshot_open(backup->folder, &backup->snapshot, backup->fault);
}

static enum err prepare(struct backup *backup, const char *dir) {
    char name[] = "temp/backup-0123456789ab", path[LIMIT_PATH_BYTES];
    enum err err = OK;
    backup->store = store_borrow(dir);
    backup->borrowed = backup->store != NULL;
    if (!backup->borrowed) {
        struct store_options options = {.read_only = true};
        err = store_open(dir, &options, &backup->store, backup->fault);
    }
    if (err != OK) return err;
    if (blob_hold(backup->store->dir, true, true, &backup->hold) != OK) {
        return fault_set(backup->fault, ERR_IO, "base.file_failed", STR("sweep.lock"));
    }
    random_code(name + 12, 12);
    err = store_path(backup->store, name, backup->folder, sizeof backup->folder);
    if (err == OK) err = path_join(path, sizeof path, backup->folder, ARCHIVE_MANIFEST);
    if (err != OK) return fault_set(backup->fault, err, "base.path_too_long", str_of(dir));
    err = folder_make(backup->folder, backup->fault);
    if (err != OK) return err;
    backup->manifest = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (backup->manifest < 0) return fault_errno(backup->fault, errno, str_of(path));
    return snapshot_take(backup);
}

// What there will be to copy, for the progress.
static uint64_t total_bytes(struct backup *backup) {
    struct blob_batch *batch = memory_take(sizeof *batch);
    uint64_t total = 0;
    if (!batch) return 0;
    do {
        if (blob_batch_read(backup->snapshot, batch) != OK) break;
        for (size_t i = 0; i < batch->count; i++) total += batch->entries[i].size;
    } while (batch->next.size > 0);
    memory_give(batch);
    return total;
}

static void clean_up(struct backup *backup) {
    store_close(backup->snapshot);
    if (backup->manifest >= 0) close(backup->manifest);
    // What stays behind is removed when the store is opened the next time.
    if (backup->folder[0]) (void)!folder_remove(backup->folder, NULL);
    if (backup->hold >= 0) close(backup->hold);
    if (backup->borrowed)
        store_return(backup->store);
    else
        store_close(backup->store);
    memory_give(backup);
}

enum err store_backup_stream(const char *dir,
                             enum err (*write)(void *ctx, const void *data, size_t size), void *ctx,
                             struct progress *progress, struct fault *fault) {
    char state[LIMIT_PATH_BYTES];
    struct backup *backup = memory_take(sizeof *backup);
    if (!backup) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    backup->hold = backup->manifest = -1;
    backup->tar = (struct tar_writer){.write = write, .ctx = ctx};
    backup->progress = progress;
    backup->fault = fault;
    enum err err = prepare(backup, dir);
    if (err == OK) {
        uint64_t bytes = 0;
        err = path_join(state, sizeof state, backup->folder, "data.mdb");
        if (err == OK) err = file_size(state, &bytes, fault);
        progress_set(progress, PHASE_COPY, 0, bytes + total_bytes(backup));
    }
    if (err == OK) err = add_format(backup);
    if (err == OK) err = add_file(backup, state, STR("state/data.mdb"));
    if (err == OK) err = add_blobs(backup);
    if (err == OK) err = add_folder(backup, "keys", 0);
    if (err == OK) err = add_folder(backup, "tls", 0);
    if (err == OK) err = add_manifest(backup);
    if (err == OK) {
        err = tar_write_end(&backup->tar);
        if (err != OK) err = tar_failed(backup, err, STR(ARCHIVE_MANIFEST));
    }
    clean_up(backup);
    return err;
}

// ---- into a file -----------------------------------------------------------------------------

struct file_target {
    int fd;
    struct fault *fault;
};

static enum err write_to_file(void *ctx, const void *data, size_t size) {
    struct file_target *target = ctx;
    return file_write_all(target->fd, data, size, target->fault);
}

enum err store_backup(const char *dir, const char *archive_path, struct progress *progress,
                      struct fault *fault) {
    char temp[LIMIT_PATH_BYTES];
    int size = snprintf(temp, sizeof temp, "%s.part", archive_path);
    if (size < 0 || (size_t)size >= sizeof temp) {
        return fault_set(fault, ERR_LIMIT, "base.path_too_long", str_of(archive_path));
    }
    if (file_exists(archive_path)) {
        return fault_set(fault, ERR_CONFLICT, "base.file_exists", str_of(archive_path));
    }
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return fault_errno(fault, errno, str_of(temp));
    struct file_target target = {fd, fault};
    enum err err = store_backup_stream(dir, write_to_file, &target, progress, fault);
    if (err == OK && fsync(fd) != 0) err = fault_errno(fault, errno, str_of(temp));
    close(fd);
    if (err == OK) err = file_rename(temp, archive_path, fault);
    if (err != OK) unlink(temp);
    return err;
}
