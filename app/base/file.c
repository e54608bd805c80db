#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/memory.h"

enum { COPY_PIECE_BYTES = 1 << 20 };

enum err path_join(char *out, size_t out_size, const char *folder, const char *name) {
    int size = snprintf(out, out_size, "%s/%s", folder, name);
    return size < 0 || (size_t)size >= out_size ? ERR_LIMIT : OK;
}

// The folder that holds `path`: everything before its last '/', or ".".
static bool parent_of(const char *path, char *out, size_t out_size) {
    const char *slash = strrchr(path, '/');
    if (!slash) return str_copy(out, out_size, STR("."));
    size_t size = slash == path ? 1 : (size_t)(slash - path);
    return str_copy(out, out_size, (struct str){path, size});
}

enum err folder_make(const char *path, struct fault *fault) {
    char part[LIMIT_PATH_BYTES];
    if (!str_copy(part, sizeof part, str_of(path))) {
        return fault_set(fault, ERR_LIMIT, "base.path_too_long", str_of(path));
    }
    if (mkdir(part, 0700) == 0) return OK; // the usual case: only the last one is new
    for (char *at = part + 1; part[0]; at++) {
        if (*at != '/' && *at != '\0') continue;
        char kept = *at;
        *at = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST) {
            return fault_errno(fault, errno, str_of(part));
        }
        *at = kept;
        if (kept == '\0') break;
    }
    struct stat about;
    if (stat(path, &about) != 0) return fault_errno(fault, errno, str_of(path));
    if (!S_ISDIR(about.st_mode)) {
        return fault_set(fault, ERR_CONFLICT, "base.not_a_folder", str_of(path));
    }
    return OK;
}

// Works on descriptors, so that a folder renamed meanwhile cannot lead elsewhere. Takes `folder`.
static int remove_inside(int folder) {
    DIR *list = fdopendir(folder);
    if (!list) {
        close(folder);
        return errno;
    }
    int failed = 0;
    for (struct dirent *entry; !failed && (entry = readdir(list));) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (unlinkat(folder, name, 0) == 0) continue;
        if (errno != EISDIR && errno != EPERM) {
            failed = errno;
            break;
        }
        int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        failed = inner < 0 ? errno : remove_inside(inner);
        if (!failed && unlinkat(folder, name, AT_REMOVEDIR) != 0) failed = errno;
    }
    closedir(list);
    return failed;
}

enum err folder_remove(const char *path, struct fault *fault) {
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) return errno == ENOENT ? OK : fault_errno(fault, errno, str_of(path));
    int failed = remove_inside(folder);
    if (!failed && rmdir(path) != 0) failed = errno;
    return failed ? fault_errno(fault, failed, str_of(path)) : OK;
}

enum err folder_sync(const char *path, struct fault *fault) {
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return fault_errno(fault, errno, str_of(path));
    int failed = fsync(folder) != 0 ? errno : 0;
    close(folder);
    return failed ? fault_errno(fault, failed, str_of(path)) : OK;
}

bool file_exists(const char *path) {
    struct stat about;
    return stat(path, &about) == 0;
}

enum err file_size(const char *path, uint64_t *out_bytes, struct fault *fault) {
    struct stat about;
    if (stat(path, &about) != 0) return fault_errno(fault, errno, str_of(path));
    *out_bytes = (uint64_t)about.st_size;
    return OK;
}

enum err file_read(const char *path, struct buf *out, struct fault *fault) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fault_errno(fault, errno, str_of(path));
    enum err err = OK;
    for (;;) {
        size_t left = out->cap_bytes - out->size;
        size_t piece = left < 65536 ? left : 65536;
        char *to = buf_reserve(out, piece ? piece : 1);
        if (!to) {
            err = fault_set(fault, buf_err(out), "base.file_too_large", str_of(path));
            break;
        }
        ssize_t size = read(fd, to, piece ? piece : 1);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) err = fault_errno(fault, errno, str_of(path));
        if (size <= 0) break;
        out->size += (size_t)size;
    }
    close(fd);
    return err;
}

enum err file_read_all(int fd, void *out, size_t size) {
    uint8_t *at = out;
    while (size > 0) {
        ssize_t got = read(fd, at, size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return ERR_IO;
        if (got == 0) return ERR_CORRUPT;
        at += got;
        size -= (size_t)got;
    }
    return OK;
}

static enum err write_all(int fd, const void *data, size_t size, struct str path,
                          struct fault *fault) {
    const char *at = data;
    while (size > 0) {
        ssize_t written = write(fd, at, size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fault_errno(fault, errno, path);
        at += written;
        size -= (size_t)written;
    }
    return OK;
}

enum err file_write_all(int fd, const void *data, size_t size, struct fault *fault) {
    return write_all(fd, data, size, STR_NONE, fault);
}

// ---- whole or not at all ------------------------------------------------------------------------

enum err file_stream_open(const char *path, struct file_stream *out, struct fault *fault) {
    struct stat about;
    *out = (struct file_stream){path, NULL, -1};
    // What is no file, such as a device, is not to be replaced by one.
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) {
        if (S_ISDIR(about.st_mode)) return fault_errno(fault, EISDIR, str_of(path));
        return fault_set(fault, ERR_INPUT, "base.not_a_file", str_of(path));
    }
    char *temp = memory_take(LIMIT_PATH_BYTES);
    if (!temp) return fault_errno(fault, ENOMEM, str_of(path));
    int size = snprintf(temp, LIMIT_PATH_BYTES, "%s.%ld.new", path, (long)gettid());
    if (size < 0 || size >= LIMIT_PATH_BYTES) {
        memory_give(temp);
        return fault_set(fault, ERR_LIMIT, "base.path_too_long", str_of(path));
    }
    out->fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out->fd < 0) {
        int failed = errno;
        memory_give(temp);
        return fault_errno(fault, failed, str_of(path));
    }
    out->temp = temp;
    return OK;
}

enum err file_stream_keep(struct file_stream *stream, struct fault *fault) {
    int failed = fsync(stream->fd) != 0 ? errno : 0;
    if (close(stream->fd) != 0 && !failed) failed = errno;
    stream->fd = -1;
    enum err err = failed ? fault_errno(fault, failed, str_of(stream->path))
                          : file_rename(stream->temp, stream->path, fault);
    if (err == OK) {
        memory_give(stream->temp);
        stream->temp = NULL;
    }
    file_stream_drop(stream);
    return err;
}

void file_stream_drop(struct file_stream *stream) {
    if (!stream->temp) return;
    if (stream->fd >= 0) close(stream->fd);
    unlink(stream->temp);
    memory_give(stream->temp);
    *stream = (struct file_stream){stream->path, NULL, -1};
}

enum err file_write_parts(const char *path, const struct str *parts, size_t count,
                          struct fault *fault) {
    struct file_stream stream;
    enum err err = file_stream_open(path, &stream, fault);
    for (size_t i = 0; err == OK && i < count; i++) {
        err = write_all(stream.fd, parts[i].data, parts[i].size, str_of(path), fault);
    }
    if (err == OK) err = file_stream_keep(&stream, fault);
    file_stream_drop(&stream);
    return err;
}

enum err file_write(const char *path, struct str content, struct fault *fault) {
    return file_write_parts(path, &content, 1, fault);
}

enum err file_write_quick(const char *path, struct str content, struct fault *fault) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return fault_errno(fault, errno, str_of(path));
    enum err err = write_all(fd, content.data, content.size, str_of(path), fault);
    close(fd);
    return err;
}

enum err file_rename(const char *from, const char *to, struct fault *fault) {
    char folder[LIMIT_PATH_BYTES];
    if (!parent_of(to, folder, sizeof folder)) {
        return fault_set(fault, ERR_LIMIT, "base.path_too_long", str_of(to));
    }
    if (rename(from, to) != 0) return fault_errno(fault, errno, str_of(to));
    return folder_sync(folder, fault);
}

enum err file_remove(const char *path, struct fault *fault) {
    if (unlink(path) != 0 && errno != ENOENT) return fault_errno(fault, errno, str_of(path));
    return OK;
}

static enum err copy_bytes(int from, int to, struct str path, struct fault *fault) {
    ssize_t size;
    do {
        size = copy_file_range(from, NULL, to, NULL, COPY_PIECE_BYTES, 0);
    } while (size > 0 || (size < 0 && errno == EINTR));
    if (size == 0) return OK;
    if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) {
        return fault_errno(fault, errno, path);
    }
    char *piece = memory_take(COPY_PIECE_BYTES);
    if (!piece) return fault_errno(fault, ENOMEM, path);
    enum err err = OK;
    while (err == OK) {
        size = read(from, piece, COPY_PIECE_BYTES);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) err = fault_errno(fault, errno, path);
        if (size <= 0) break;
        err = write_all(to, piece, (size_t)size, path, fault);
    }
    memory_give(piece);
    return err;
}

enum err file_copy(const char *from, const char *to, struct fault *fault) {
    struct file_stream target;
    int source = open(from, O_RDONLY | O_CLOEXEC);
    if (source < 0) return fault_errno(fault, errno, str_of(from));
    enum err err = file_stream_open(to, &target, fault);
    if (err == OK) err = copy_bytes(source, target.fd, str_of(to), fault);
    close(source);
    if (err == OK) err = file_stream_keep(&target, fault);
    file_stream_drop(&target);
    return err;
}

enum err disk_free(const char *path, uint64_t *out_bytes, struct fault *fault) {
    struct statvfs about;
    if (statvfs(path, &about) != 0) return fault_errno(fault, errno, str_of(path));
    *out_bytes = (uint64_t)about.f_bavail * about.f_frsize;
    return OK;
}

enum err file_map(const char *path, struct file_map *out, struct fault *fault) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fault_errno(fault, errno, str_of(path));
    struct stat about;
    void *data = MAP_FAILED;
    int failed = 0;
    if (fstat(fd, &about) != 0)
        failed = errno;
    else if (!S_ISREG(about.st_mode))
        failed = S_ISDIR(about.st_mode) ? EISDIR : EINVAL;
    else if (about.st_size > 0) {
        data = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) failed = errno;
    }
    close(fd);
    if (failed) return fault_errno(fault, failed, str_of(path));
    bool empty = about.st_size == 0;
    *out = (struct file_map){empty ? NULL : data, empty ? 0 : (size_t)about.st_size};
    return OK;
}

void file_map_forget(const struct file_map *map, const void *from, size_t bytes) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)from;
    uintptr_t first = (start + page - 1) & ~(page - 1), last = (start + bytes) & ~(page - 1);
    cy_assert(start >= (uintptr_t)map->data && bytes <= map->size);
    cy_assert(start - (uintptr_t)map->data <= map->size - bytes);
    // The map is private and never written to: what is dropped is the file's.
    if (first < last) madvise((void *)first, last - first, MADV_DONTNEED);
}

void file_unmap(struct file_map *map) {
    if (map->data) munmap((void *)(uintptr_t)map->data, map->size);
    *map = (struct file_map){NULL, 0};
}

// ---- hashing ------------------------------------------------------------------------------------

enum { HASH_PIECE_BYTES = 1 << 20 };

static enum err hash_pieces(int fd, struct sha256 *sha, void *piece, struct progress *progress,
                            uint64_t *bytes) {
    for (;;) {
        if (progress_cancelled(progress)) return ERR_CANCELLED;
        ssize_t size = read(fd, piece, HASH_PIECE_BYTES);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return ERR_IO;
        if (size == 0) return OK;
        sha256_add(sha, piece, (size_t)size);
        *bytes += (uint64_t)size;
        if (!progress) continue;
        atomic_fetch_add_explicit(&progress->done, (uint64_t)size, memory_order_relaxed);
    }
}

enum err file_hash_rest(int fd, const char *path, struct progress *progress, struct hash *out,
                        uint64_t *out_bytes, struct fault *fault) {
    uint64_t bytes = 0;
    struct sha256 sha;
    sha256_start(&sha);
    void *piece = memory_take(HASH_PIECE_BYTES);
    if (!piece) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    enum err err = hash_pieces(fd, &sha, piece, progress, &bytes);
    if (err == ERR_IO) err = fault_errno(fault, errno, str_of(path));
    memory_give(piece);
    if (err != OK) return err;
    *out = sha256_finish(&sha);
    *out_bytes = bytes;
    return OK;
}

enum err file_hash(const char *path, struct progress *progress, struct hash *out,
                   uint64_t *out_bytes, struct fault *fault) {
    uint64_t total = 0;
    enum err err = file_size(path, &total, fault);
    if (err != OK) return err;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fault_errno(fault, errno, str_of(path));
    progress_set(progress, PHASE_HASH, 0, total);
    err = file_hash_rest(fd, path, progress, out, out_bytes, fault);
    close(fd);
    return err;
}
