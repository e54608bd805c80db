#include "flow/steps/work_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/tar.h"
#include "base/text.h"
#include "data/intake/intake.h"
#include "flow/steps/steps_private.h"

enum { PIECE_BYTES = 128 * 1024, MODE_OWN = 0700, MODE_PASS = 0711 };

// ---- making it ----------------------------------------------------------------------------------
static bool hand_over(int folder, const char *name, const struct sandbox *sandbox) {
    if (!sandbox->uid) return true;
    return fchownat(folder, name, sandbox->uid, sandbox->gid, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum err inside_make(int work, const char *name, const struct sandbox *sandbox,
                            struct fault *fault) {
    if (mkdirat(work, name, MODE_OWN) == 0 && hand_over(work, name, sandbox)) return OK;
    return errno == EEXIST ? OK : fault_errno(fault, errno, str_of(name));
}

static enum err piece_write(void *ctx, const void *data, size_t size) {
    return file_write_all(*(int *)ctx, data, size, NULL);
}

static enum err bytes_copy(const char *from, int to, struct fault *fault) {
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    char *piece = fd >= 0 ? memory_take(PIECE_BYTES) : NULL;
    enum err err = OK;
    if (!piece) err = fault_errno(fault, errno, str_of(from));
    while (err == OK) {
        ssize_t size = read(fd, piece, PIECE_BYTES);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) err = fault_errno(fault, errno, str_of(from));
        if (size <= 0) break;
        err = file_write_all(to, piece, (size_t)size, fault);
    }
    memory_give(piece);
    if (fd >= 0) close(fd);
    return err;
}

static enum err table_write(const char *from, int to, struct fault *fault) {
    struct table *table;
    enum err err = table_open(from, &table, fault);
    if (err != OK) return err;
    err = table_export(table, EXPORT_CSV, piece_write, &to, NULL, fault);
    table_close(table);
    return err;
}

static enum err input_put(struct step_context *context, const struct sandbox *sandbox, int work,
                          const struct json *input) {
    struct fault *fault = context->fault;
    struct str title = json_name(input), path = json_text(input);
    struct str name = STR("table.csv");
    bool table = str_is(title, "table");
    if (!table && !str_starts(title, STR("file:"))) return OK;
    if (!table) name = (struct str){title.data + 5, title.size - 5};
    char from[LIMIT_PATH_BYTES], to[LIMIT_NAME_BYTES + 1];
    if (!str_copy(from, sizeof from, path) || !str_copy(to, sizeof to, name)) return ERR_LIMIT;
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(work, to, flags, MODE_OWN);
    if (fd < 0 && errno == EEXIST) return OK; // kept of an earlier attempt
    if (fd < 0) return fault_errno(fault, errno, name);
    enum err err = table ? table_write(from, fd, fault) : bytes_copy(from, fd, fault);
    close(fd);
    if (err == OK && !hand_over(work, to, sandbox)) err = fault_errno(fault, errno, name);
    return err;
}

static enum err inside_fill(struct step_context *context, const struct sandbox *sandbox, int work) {
    enum err err = inside_make(work, "out", sandbox, context->fault);
    const struct json *inputs = json_member(context->spec, "inputs");
    for (const struct json *one = json_first(inputs); one && err == OK; one = json_next(one)) {
        err = input_put(context, sandbox, work, one);
    }
    return err;
}

enum err work_make(struct step_context *context, const struct sandbox *sandbox, bool keep,
                   char out[static LIMIT_PATH_BYTES]) {
    enum err err = path_join(out, LIMIT_PATH_BYTES, context->folder, "work");
    if (err == OK && mkdir(out, MODE_OWN) != 0) {
        if (errno != EEXIST) return fault_errno(context->fault, errno, str_of(out));
        if (!keep) err = folder_remove(out, context->fault);
        if (err == OK && !keep && mkdir(out, MODE_OWN) != 0) err = ERR_IO;
    }
    if (err != OK) return err;
    // Another user passes through the folders above, and sees nothing in them.
    bool ours = !sandbox->uid || chmod(context->folder, MODE_PASS) == 0;
    if (!ours || !hand_over(AT_FDCWD, out, sandbox)) {
        return fault_errno(context->fault, errno, str_of(out));
    }
    int work = open(out, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (work < 0) return fault_errno(context->fault, errno, str_of(out));
    err = inside_fill(context, sandbox, work);
    close(work);
    return err;
}

// ---- walking it ---------------------------------------------------------------------------------
struct walk {
    char path[LIMIT_PATH_BYTES]; // below where it began
    uint32_t seen;
    void *ctx;
    // Of each plain file; `folder` and `name` are where it lies. False ends the walk.
    bool (*file)(struct walk *walk, int folder, const char *name, const struct stat *info);
};

// Takes `folder`.
static bool walk_folder(struct walk *walk, int folder, size_t used, int depth) {
    DIR *list = fdopendir(folder);
    bool on = true;
    const struct dirent *entry;
    if (!list) {
        close(folder);
        return true;
    }
    while (on && (entry = readdir(list)) != NULL) {
        struct stat info;
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (walk->seen++ >= WORK_SEEN_MAX) on = false;
        if (!on || fstatat(dirfd(list), name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
        int size =
            snprintf(walk->path + used, sizeof walk->path - used, "%s%s", used ? "/" : "", name);
        if (size <= 0 || (size_t)size >= sizeof walk->path - used) continue;
        if (S_ISDIR(info.st_mode) && depth < WORK_DEPTH_MAX) {
            int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
            int inner = openat(dirfd(list), name, flags);
            if (inner >= 0) on = walk_folder(walk, inner, used + (size_t)size, depth + 1);
        } else {
            on = walk->file(walk, dirfd(list), name, &info);
        }
        walk->path[used] = '\0';
    }
    closedir(list);
    return on;
}

static void walk_begin(struct walk *walk, const char *path) {
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder >= 0) walk_folder(walk, folder, 0, 0);
}

static bool bytes_add(struct walk *walk, int folder, const char *name, const struct stat *info) {
    uint64_t *bytes = walk->ctx;
    (void)folder, (void)name;
    *bytes += (uint64_t)info->st_blocks * 512;
    return true;
}

uint64_t work_bytes(const char *work) {
    uint64_t bytes = 0;
    struct walk walk = {.ctx = &bytes, .file = bytes_add};
    walk_begin(&walk, work);
    return bytes;
}

// ---- keeping what it made -----------------------------------------------------------------------
struct packing {
    struct step_context *context;
    struct tar_writer tar;
    char path[LIMIT_PATH_BYTES];
    int fd; // -1: nothing has been packed yet
    char *piece;
    uint64_t files, bytes, left_out;
    enum err err;
};

static enum err packing_open(struct packing *packing) {
    if (packing->fd >= 0) return OK;
    enum err err = step_output(packing->context, WORK_OUTPUT, packing->path);
    if (err != OK) return err;
    packing->fd = open(packing->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    packing->piece = memory_take(PIECE_BYTES);
    if (packing->fd < 0 || !packing->piece) {
        return fault_errno(packing->context->fault, errno, str_of(packing->path));
    }
    packing->tar = (struct tar_writer){.write = piece_write, .ctx = &packing->fd};
    return OK;
}

// Exactly `size` bytes go in: one that was cut meanwhile ends in zeros.
static enum err content_add(struct packing *packing, int fd, uint64_t size) {
    enum err err = OK;
    while (size > 0 && err == OK) {
        size_t want = size < PIECE_BYTES ? (size_t)size : PIECE_BYTES;
        ssize_t got = read(fd, packing->piece, want);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            memset(packing->piece, 0, want);
            got = (ssize_t)want;
        }
        err = tar_write_data(&packing->tar, packing->piece, (size_t)got);
        size -= (uint64_t)got;
    }
    return err;
}

static void listed_add(struct packing *packing, struct str path, uint64_t size) {
    struct json_writer *out = packing->context->summary;
    if (packing->files == 0) {
        json_put_name(out, "list");
        json_open_array(out);
    }
    if (packing->files >= WORK_LISTED_MAX) return;
    json_open_object(out);
    json_set_text(out, "name", path);
    json_set_u64(out, "bytes", size);
    json_close_object(out);
}

static bool file_pack(struct walk *walk, int folder, const char *name, const struct stat *info) {
    struct packing *packing = walk->ctx;
    struct str path = str_of(walk->path);
    bool fits = S_ISREG(info->st_mode) && path.size <= TAR_PATH_BYTES_MAX &&
                packing->files < WORK_FILES_MAX && utf8_valid(path);
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = fits ? openat(folder, name, flags) : -1;
    struct stat now;
    if (fd < 0 || fstat(fd, &now) != 0 || !S_ISREG(now.st_mode)) {
        packing->left_out++;
        if (fd >= 0) close(fd);
        return true;
    }
    uint64_t size = (uint64_t)now.st_size;
    enum err err = packing_open(packing);
    if (err == OK) err = tar_write_entry(&packing->tar, path, size, 0644, now.st_mtime * 1000);
    if (err == OK) err = content_add(packing, fd, size);
    close(fd);
    if (err == OK) listed_add(packing, path, size);
    packing->files += err == OK;
    packing->bytes += size;
    packing->err = err;
    return err == OK;
}

enum err work_pack(struct step_context *context, const char *work) {
    struct packing packing = {.context = context, .fd = -1};
    struct walk walk = {.ctx = &packing, .file = file_pack};
    char path[LIMIT_PATH_BYTES];
    enum err err = path_join(path, sizeof path, work, "out");
    if (err != OK) return err;
    walk_begin(&walk, path);
    if (packing.files > 0) json_close_array(context->summary);
    err = packing.err;
    if (err == OK && packing.fd >= 0) err = tar_write_end(&packing.tar);
    if (packing.fd >= 0) close(packing.fd);
    memory_give(packing.piece);
    json_set_u64(context->summary, "files", packing.files);
    json_set_u64(context->summary, "bytes", packing.bytes);
    json_set_u64(context->summary, "left_out", packing.left_out);
    return err == OK ? OK : fault_set(context->fault, err, "command.not_kept", STR_NONE);
}
