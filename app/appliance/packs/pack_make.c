// Making a pack of a folder: its files are found, put in order, hashed, then written.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/disk/squashfs.h"
#include "appliance/packs/pack_private.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/tar.h"

enum { TEXT_BYTES_MAX = 4 << 20 }; // of all paths and targets

struct maker {
    const struct pack_content *content;
    struct pack_file file; // without a sealed file
    struct arena *texts;
    int folder;
    struct progress *progress;
    struct fault *fault;
};

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("pack"));
}

static enum err of_path(struct maker *maker, enum err err, const char *code, struct str path) {
    return fault_set(maker->fault, err, code, path);
}

// ---- finding ------------------------------------------------------------------------------------
static enum err link_read(struct maker *maker, struct pack_entry *entry) {
    char target[PACK_PATH_BYTES_MAX + 2];
    ssize_t size = readlinkat(maker->folder, entry->path.data, target, sizeof target);
    if (size < 0) return fault_errno(maker->fault, errno, entry->path);
    if (size == 0 || size > PACK_PATH_BYTES_MAX) {
        return of_path(maker, ERR_INPUT, "appliance.pack_link", entry->path);
    }
    char *text = arena_take(maker->texts, (size_t)size);
    if (!text) return no_memory(maker->fault);
    memcpy(text, target, (size_t)size);
    entry->target = (struct str){text, (size_t)size};
    return OK;
}

static enum err folder_read(struct maker *maker, struct str below, uint32_t depth);

static enum err entry_add(struct maker *maker, struct str below, const char *name, uint32_t depth) {
    struct stat info;
    size_t name_size = strlen(name), size = below.size + (below.size > 0) + name_size;
    char *text = arena_take(maker->texts, size + 1);
    if (!text) return no_memory(maker->fault);
    memcpy(text, below.data ? below.data : "", below.size);
    if (below.size > 0) text[below.size] = '/';
    memcpy(text + size - name_size, name, name_size);
    struct str path = {text, size};
    if (size > PACK_PATH_BYTES_MAX) return of_path(maker, ERR_INPUT, "appliance.pack_path", path);
    if (fstatat(maker->folder, text, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        return fault_errno(maker->fault, errno, path);
    }
    if (S_ISDIR(info.st_mode)) return folder_read(maker, path, depth + 1);
    if (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) {
        return of_path(maker, ERR_INPUT, "appliance.pack_kind", path);
    }
    if (maker->file.about.files == PACK_FILES_MAX) {
        return of_path(maker, ERR_LIMIT, "appliance.pack_files", STR_NONE);
    }
    struct pack_entry *entry = &maker->file.entries[maker->file.about.files++];
    *entry = (struct pack_entry){.path = path};
    if (S_ISLNK(info.st_mode)) return link_read(maker, entry);
    entry->bytes = (uint64_t)info.st_size;
    entry->executable = (info.st_mode & S_IXUSR) != 0;
    return OK;
}

static enum err folder_read(struct maker *maker, struct str below, uint32_t depth) {
    const char *path = below.size ? below.data : ".";
    if (depth >= SQUASHFS_DEPTH_MAX) {
        return of_path(maker, ERR_INPUT, "appliance.pack_path", below);
    }
    int fd = openat(maker->folder, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        int why = errno;
        if (fd >= 0) close(fd);
        return fault_errno(maker->fault, why, below);
    }
    enum err err = OK;
    for (const struct dirent *entry; err == OK && (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        err = entry_add(maker, below, entry->d_name, depth);
    }
    closedir(dir);
    return err;
}

static int by_path(const void *one, const void *other) {
    return str_compare(((const struct pack_entry *)one)->path,
                       ((const struct pack_entry *)other)->path);
}

// ---- files --------------------------------------------------------------------------------------
// Reads a file's bytes; `to`: a descriptor they are written to, or -1.
static enum err file_stream(struct maker *maker, const struct pack_entry *entry, uint8_t *chunk,
                            int to, struct hash *out) {
    struct sha256 sum;
    uint64_t left = entry->bytes;
    enum err err = OK;
    int fd = openat(maker->folder, entry->path.data, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return fault_errno(maker->fault, errno, entry->path);
    sha256_start(&sum);
    while (err == OK && left > 0) {
        ssize_t got = read(fd, chunk, left < PACK_CHUNK_BYTES ? (size_t)left : PACK_CHUNK_BYTES);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) err = fault_errno(maker->fault, errno, entry->path);
        if (got <= 0) break; // shorter than it was
        if (progress_cancelled(maker->progress)) err = ERR_CANCELLED;
        left -= (uint64_t)got;
        sha256_add(&sum, chunk, (size_t)got);
        if (err == OK && to >= 0) err = file_write_all(to, chunk, (size_t)got, maker->fault);
        if (maker->progress) maker->progress->done += (uint64_t)got;
    }
    close(fd);
    *out = sha256_finish(&sum);
    if (err == OK && left > 0) {
        err = of_path(maker, ERR_INPUT, "appliance.pack_changed", entry->path);
    }
    return err;
}

static enum err files_hash(struct maker *maker, uint8_t *chunk) {
    enum err err = OK;
    struct pack_file *file = &maker->file;
    for (uint32_t i = 0; i < file->about.files; i++) file->about.bytes += file->entries[i].bytes;
    progress_set(maker->progress, PHASE_HASH, 0, file->about.bytes);
    for (uint32_t i = 0; i < file->about.files && err == OK; i++) {
        struct pack_entry *entry = &file->entries[i];
        if (!entry->target.size) err = file_stream(maker, entry, chunk, -1, &entry->hash);
    }
    return err;
}

static enum err files_write(struct maker *maker, uint8_t *chunk, int to) {
    enum err err = OK;
    const struct pack_file *file = &maker->file;
    progress_set(maker->progress, PHASE_WRITE, 0, file->about.bytes);
    for (uint32_t i = 0; i < file->about.files && err == OK; i++) {
        const struct pack_entry *entry = &file->entries[i];
        struct hash hash;
        if (entry->target.size) continue;
        err = file_stream(maker, entry, chunk, to, &hash);
        if (err == OK && !hash_equal(&hash, &entry->hash)) {
            err = of_path(maker, ERR_INPUT, "appliance.pack_changed", entry->path);
        }
    }
    return err;
}

// ---- the whole ----------------------------------------------------------------------------------
static void manifest_make(const struct pack_file *file, struct buf *text) {
    struct json_writer out = json_writer_of(text);
    const struct pack_about *about = &file->about;
    json_open_object(&out);
    json_set_u64(&out, "pack", PACK_FORMAT);
    json_set_text(&out, "name", str_of(about->name));
    json_set_text(&out, "vendor", str_of(about->vendor));
    json_set_text(&out, "version", str_of(about->version));
    json_set_text(&out, "architecture", str_of(about->architecture));
    json_put_name(&out, "files");
    json_open_array(&out);
    for (uint32_t i = 0; i < about->files; i++) {
        const struct pack_entry *entry = &file->entries[i];
        char hex[SHA256_HEX_SIZE];
        json_open_object(&out);
        json_set_text(&out, "path", entry->path);
        if (entry->target.size) {
            json_set_text(&out, "link", entry->target);
        } else {
            hash_hex(&entry->hash, hex);
            json_set_u64(&out, "bytes", entry->bytes);
            json_set_bool(&out, "executable", entry->executable);
            json_set_text(&out, "sha256", str_of(hex));
        }
        json_close_object(&out);
    }
    json_close_array(&out);
    json_close_object(&out);
    buf_add_char(text, '\n');
}

static enum err about_fill(struct maker *maker) {
    const struct pack_content *content = maker->content;
    struct pack_about *about = &maker->file.about;
    if (!str_copy(about->name, sizeof about->name, str_of(content->name))) {
        return of_path(maker, ERR_INPUT, "appliance.pack_name", str_of(content->name));
    }
    if (!str_copy(about->version, sizeof about->version, str_of(content->version))) {
        return of_path(maker, ERR_INPUT, "appliance.pack_version", str_of(content->version));
    }
    if (!content->vendor[0] ||
        !str_copy(about->vendor, sizeof about->vendor, str_of(content->vendor))) {
        return of_path(maker, ERR_INPUT, "appliance.pack_vendor", str_of(content->vendor));
    }
    if (!str_copy(about->architecture, sizeof about->architecture, str_of(content->architecture))) {
        return of_path(maker, ERR_INPUT, "appliance.pack_architecture",
                       str_of(content->architecture));
    }
    return pack_about_check(about, maker->fault);
}

static enum err content_read(struct maker *maker, uint8_t *chunk) {
    struct pack_file *file = &maker->file;
    enum err err = folder_read(maker, STR_NONE, 0);
    if (err != OK) return err;
    qsort(file->entries, file->about.files, sizeof *file->entries, by_path);
    err = pack_entries_check(file->entries, file->about.files, maker->fault);
    if (err == OK) err = files_hash(maker, chunk);
    return err == OK ? pack_layout(file, maker->fault) : err;
}

static enum err pack_put(struct maker *maker, const char *path, const struct buf *front,
                         uint8_t *chunk) {
    static const uint8_t zeros[3 * TAR_BLOCK_BYTES];
    struct pack_file *file = &maker->file;
    struct fault *fault = maker->fault;
    struct file_stream stream;
    if (file_exists(path)) return fault_set(fault, ERR_CONFLICT, "base.file_exists", str_of(path));
    enum err err = file_stream_open(path, &stream, fault);
    if (err != OK) return err;
    err = file_write_all(stream.fd, front->data, front->size, fault);
    if (err == OK) err = file_write_all(stream.fd, file->head.data, file->head.size, fault);
    if (err == OK) err = files_write(maker, chunk, stream.fd);
    if (err == OK) err = file_write_all(stream.fd, file->tail.data, file->tail.size, fault);
    size_t end = sealed_tail_bytes(file->image_bytes);
    if (err == OK) err = file_write_all(stream.fd, zeros, end, fault);
    if (err == OK) {
        err = file_stream_keep(&stream, fault);
    } else {
        file_stream_drop(&stream);
    }
    return err;
}

static enum err pack_make(struct maker *maker, const char *path, const struct sign_key *key,
                          uint8_t *chunk) {
    struct buf manifest, front;
    enum err err = content_read(maker, chunk);
    if (err != OK) return err;
    buf_open(&manifest, PACK_MANIFEST_BYTES_MAX);
    buf_open(&front, PACK_MANIFEST_BYTES_MAX + 8 * TAR_BLOCK_BYTES);
    manifest_make(&maker->file, &manifest);
    err = buf_err(&manifest);
    if (err == ERR_LIMIT) err = of_path(maker, err, "appliance.pack_files", STR_NONE);
    if (err == OK) {
        err = sealed_head(buf_str(&manifest), STR(PACK_IMAGE_NAME), maker->file.image_bytes, key,
                          &front, maker->fault);
    }
    if (err == OK) err = pack_put(maker, path, &front, chunk);
    buf_close(&manifest);
    buf_close(&front);
    return err;
}

enum err pack_write(const char *path, const struct pack_content *content,
                    const struct sign_key *key, struct pack_about *about, struct progress *progress,
                    struct fault *fault) {
    struct maker maker = {.content = content, .progress = progress, .fault = fault};
    enum err err = about_fill(&maker);
    if (err != OK) return err;
    maker.folder = open(content->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (maker.folder < 0) return fault_errno(fault, errno, str_of(content->folder));
    uint8_t *chunk = memory_take_unset(PACK_CHUNK_BYTES);
    maker.file.entries = memory_take(PACK_FILES_MAX * sizeof *maker.file.entries);
    err = arena_open(TEXT_BYTES_MAX, &maker.texts);
    if (err != OK) maker.texts = NULL;
    if (err == OK && chunk && maker.file.entries) {
        err = pack_make(&maker, path, key, chunk);
    } else {
        err = no_memory(fault);
    }
    if (err == ERR_MEMORY) err = no_memory(fault);
    if (err == ERR_CANCELLED) err = fault_set(fault, err, "appliance.cancelled", STR_NONE);
    if (err == OK) {
        *about = maker.file.about;
        about->signer = key->open;
    }
    buf_close(&maker.file.head);
    buf_close(&maker.file.tail);
    memory_give(maker.file.entries);
    memory_give(chunk);
    arena_close(maker.texts);
    close(maker.folder);
    return err;
}
