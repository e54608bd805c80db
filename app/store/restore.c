// The restore: everything goes into a folder beside the wanted one, is held against the archive's
// manifest and then against the store's own check, and only then takes the wanted name.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "store/archive_private.h"

struct restore {
    char folder[LIMIT_PATH_BYTES]; // "DIR.restoring"
    struct tar_reader tar;
    int manifest; // ours, of what was unpacked
    struct progress *progress;
    struct fault *fault;
    bool has_state, has_manifest;
    char piece[ARCHIVE_PIECE_BYTES];
};

// ---- one entry -------------------------------------------------------------------------------

static enum err read_failed(struct restore *restore, enum err err) {
    const char *code = err == ERR_CORRUPT ? "backup.cut_short" : "base.file_failed";
    return fault_set(restore->fault, err, code, STR("backup"));
}

// Makes the folders on the way to a file of the archive.
static enum err make_way(struct restore *restore, const char *path) {
    char folder[LIMIT_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    if (!str_copy(folder, sizeof folder, (struct str){path, (size_t)(slash - path)})) {
        return fault_set(restore->fault, ERR_LIMIT, "base.path_too_long", str_of(path));
    }
    return folder_make(folder, restore->fault);
}

static enum err copy_out(struct restore *restore, int fd, struct hash *out) {
    struct sha256 sha256;
    sha256_start(&sha256);
    for (;;) {
        size_t size;
        if (progress_cancelled(restore->progress)) return ERR_CANCELLED;
        enum err err = tar_read_data(&restore->tar, restore->piece, sizeof restore->piece, &size);
        if (err != OK) return read_failed(restore, err);
        if (size == 0) break;
        sha256_add(&sha256, restore->piece, size);
        err = file_write_all(fd, restore->piece, size, restore->fault);
        if (err != OK) return err;
        if (restore->progress) {
            atomic_fetch_add_explicit(&restore->progress->done, size, memory_order_relaxed);
        }
    }
    *out = sha256_finish(&sha256);
    return OK;
}

static enum err unpack_file(struct restore *restore, const struct tar_entry *entry) {
    char path[LIMIT_PATH_BYTES];
    struct str name = str_of(entry->path);
    struct hash hash, promised;
    bool blob = archive_blob_hash(name, &promised);
    enum err err = path_join(path, sizeof path, restore->folder, entry->path);
    if (err != OK) return fault_set(restore->fault, err, "base.path_too_long", name);
    err = make_way(restore, path);
    if (err != OK) return err;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, blob ? 0400 : 0600);
    if (fd < 0) {
        // A path that stands twice is no archive of ours.
        if (errno == EEXIST) {
            return fault_set(restore->fault, ERR_INPUT, "backup.path_refused", name);
        }
        return fault_errno(restore->fault, errno, str_of(path));
    }
    err = copy_out(restore, fd, &hash);
    close(fd);
    if (err == OK && blob && !hash_equal(&hash, &promised)) {
        err = fault_set(restore->fault, ERR_CORRUPT, "backup.wrong_content", name);
    }
    if (err != OK) return err;
    return manifest_add(restore->manifest, &hash, entry->size, name, restore->fault);
}

static enum err check_format(struct restore *restore, const struct tar_entry *entry,
                             const char *archive_path) {
    struct str wanted = STR(ARCHIVE_FORMAT);
    char content[16];
    size_t size = 0;
    enum err err = OK;
    bool fits = str_is(str_of(entry->path), ARCHIVE_FORMAT_PATH) && entry->size == wanted.size;
    if (fits) err = tar_read_data(&restore->tar, content, wanted.size, &size);
    if (err != OK) return read_failed(restore, err);
    if (!fits || !str_equal((struct str){content, size}, wanted)) {
        return fault_set(restore->fault, ERR_INPUT, "backup.not_an_archive", str_of(archive_path));
    }
    struct hash hash = sha256_of(content, size);
    return manifest_add(restore->manifest, &hash, size, str_of(entry->path), restore->fault);
}

// ---- the manifest ----------------------------------------------------------------------------

// The path in the line of our manifest that holds the byte `at`.
static enum err blame(struct restore *restore, uint64_t at) {
    char text[512];
    uint64_t from = at > 256 ? at - 256 : 0;
    ssize_t got = pread(restore->manifest, text, sizeof text - 1, (off_t)from);
    struct str path = STR(ARCHIVE_MANIFEST);
    if (got > 0 && at - from < (uint64_t)got) {
        size_t start = (size_t)(at - from), end = start;
        while (start > 0 && text[start - 1] != '\n') start--;
        while (end < (size_t)got && text[end] != '\n') end++;
        struct str rest, line = {text + start, end - start};
        (void)str_cut(line, ' ', &rest);
        (void)str_cut(rest, ' ', &path);
    }
    return fault_set(restore->fault, ERR_CORRUPT, "backup.wrong_content", path);
}

// The archive's manifest must be, byte by byte, what we have written down ourselves.
static enum err compare_manifest(struct restore *restore) {
    char ours[4096];
    uint64_t at = 0;
    for (;;) {
        size_t size;
        enum err err = tar_read_data(&restore->tar, restore->piece, sizeof ours, &size);
        if (err != OK) return read_failed(restore, err);
        size_t have = 0;
        while (have < sizeof ours) {
            ssize_t got =
                pread(restore->manifest, ours + have, sizeof ours - have, (off_t)(at + have));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return fault_errno(restore->fault, errno, STR(ARCHIVE_MANIFEST));
            if (got == 0) break;
            have += (size_t)got;
        }
        size_t same = 0;
        while (same < size && same < have && ours[same] == restore->piece[same]) same++;
        if (same < size || same < have) return blame(restore, at + same);
        if (size == 0) return OK;
        at += size;
    }
}

// ---- the whole -------------------------------------------------------------------------------

static enum err unpack_all(struct restore *restore, const char *archive_path) {
    struct tar_entry entry;
    enum err err = tar_read_entry(&restore->tar, &entry);
    if (err == ERR_CORRUPT || err == ERR_NOT_FOUND) {
        return fault_set(restore->fault, ERR_INPUT, "backup.not_an_archive", str_of(archive_path));
    }
    if (err != OK) return read_failed(restore, err);
    err = check_format(restore, &entry, archive_path);
    while (err == OK) {
        err = tar_read_entry(&restore->tar, &entry);
        if (err == ERR_NOT_FOUND) break;
        if (err != OK) return read_failed(restore, err);
        struct str path = str_of(entry.path);
        if (!archive_path_fits(path) || restore->has_manifest ||
            str_is(path, ARCHIVE_FORMAT_PATH)) {
            return fault_set(restore->fault, ERR_INPUT, "backup.path_refused", path);
        }
        if (str_is(path, "state/data.mdb")) restore->has_state = true;
        restore->has_manifest = str_is(path, ARCHIVE_MANIFEST);
        err = restore->has_manifest ? compare_manifest(restore) : unpack_file(restore, &entry);
    }
    if (err != ERR_NOT_FOUND) return err;
    if (restore->has_state && restore->has_manifest) return OK;
    return fault_set(restore->fault, ERR_CORRUPT, "backup.cut_short", str_of(archive_path));
}

struct first_finding {
    struct fault fault;
};

static void keep_first(void *ctx, const struct fault *finding) {
    struct first_finding *first = ctx;
    if (first->fault.code[0] == '\0') first->fault = *finding;
}

// Opens what was unpacked, which brings an older schema up, and lets the store check itself.
static enum err check_all(struct restore *restore) {
    struct store *store;
    struct first_finding first = {0};
    uint64_t findings = 0;
    enum err err = store_open(restore->folder, NULL, &store, restore->fault);
    if (err != OK) return err;
    err = store_check(store, restore->progress, keep_first, &first, &findings);
    store_close(store);
    if (err != OK) return store_explain(err, restore->fault);
    if (findings == 0) return OK;
    return fault_set(restore->fault, ERR_CORRUPT, "backup.check_failed", str_of(first.fault.code));
}

static enum err folder_absent_or_empty(const char *path, struct fault *fault) {
    DIR *list = opendir(path);
    if (!list && errno == ENOENT) return OK;
    if (!list && errno != ENOTDIR) return fault_errno(fault, errno, str_of(path));
    bool empty = list != NULL;
    for (struct dirent *entry; empty && (entry = readdir(list));) {
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    if (list) closedir(list);
    return empty ? OK : fault_set(fault, ERR_CONFLICT, "backup.not_empty", str_of(path));
}

// Every file and folder of the disk that holds `path`: many small ones at once are cheaper so.
static enum err sync_all(const char *path, struct fault *fault) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fault_errno(fault, errno, str_of(path));
    int failed = syncfs(fd) != 0 ? errno : 0;
    close(fd);
    return failed ? fault_errno(fault, failed, str_of(path)) : OK;
}

static enum err prepare(struct restore *restore, const char *archive_path, const char *dir) {
    char path[LIMIT_PATH_BYTES];
    struct stat about;
    enum err err;
    struct str plain = str_of(dir);
    while (plain.size > 1 && plain.data[plain.size - 1] == '/') plain.size--;
    int size = snprintf(restore->folder, sizeof restore->folder, "%.*s.restoring", STR_ARG(plain));
    if (size < 0 || (size_t)size >= sizeof restore->folder) {
        return fault_set(restore->fault, ERR_LIMIT, "base.path_too_long", plain);
    }
    // Looked at again by the rename at the end, which takes the place of an empty folder only.
    err = folder_absent_or_empty(dir, restore->fault);
    if (err != OK) return err;
    restore->tar.fd = open(archive_path, O_RDONLY | O_CLOEXEC);
    if (restore->tar.fd < 0) return fault_errno(restore->fault, errno, str_of(archive_path));
    if (fstat(restore->tar.fd, &about) == 0) {
        progress_set(restore->progress, PHASE_COPY, 0, (uint64_t)about.st_size);
    }
    err = folder_remove(restore->folder, restore->fault);
    if (err == OK) err = folder_make(restore->folder, restore->fault);
    if (err != OK) return err;
    err = path_join(path, sizeof path, restore->folder, ARCHIVE_MANIFEST);
    if (err != OK) return fault_set(restore->fault, err, "base.path_too_long", plain);
    restore->manifest = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (restore->manifest < 0) return fault_errno(restore->fault, errno, str_of(path));
    // Its work done, it needs no name.
    unlink(path);
    return OK;
}

enum err store_restore(const char *archive_path, const char *dir, struct progress *progress,
                       struct fault *fault) {
    struct restore *restore = memory_take(sizeof *restore);
    if (!restore) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    restore->tar.fd = restore->manifest = -1;
    restore->progress = progress;
    restore->fault = fault;
    enum err err = prepare(restore, archive_path, dir);
    bool made = restore->manifest >= 0;
    if (err == OK) err = unpack_all(restore, archive_path);
    if (err == OK) err = check_all(restore);
    if (err == OK) err = sync_all(restore->folder, fault);
    if (err == OK) err = file_rename(restore->folder, dir, fault);
    if (restore->tar.fd >= 0) close(restore->tar.fd);
    if (restore->manifest >= 0) close(restore->manifest);
    if (err != OK && made) (void)!folder_remove(restore->folder, NULL);
    memory_give(restore);
    return err;
}
