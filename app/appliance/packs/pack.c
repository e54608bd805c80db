#include "appliance/packs/pack.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "appliance/disk/squashfs.h"
#include "appliance/packs/pack_private.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/tar.h"

enum { LINKS_MAX = 8 };
static const struct str IMAGE = {PACK_IMAGE_NAME, sizeof PACK_IMAGE_NAME - 1};
static const char BEGINNING[] = "{\"pack\":";
static const struct sealed_words WORDS = {
    .none = "appliance.no_pack",
    .signature = "appliance.pack_signature",
    .other_signer = "appliance.pack_other_signer",
    .damaged = "appliance.pack_damaged",
};

static enum err damaged(const struct pack_file *file, struct fault *fault) {
    return fault_set(fault, ERR_CORRUPT, WORDS.damaged, str_of(file->sealed.path));
}

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("pack"));
}

static enum err unknown(struct fault *fault) {
    return fault_set(fault, ERR_INPUT, "appliance.pack_unknown", STR_NONE);
}

// ---- names --------------------------------------------------------------------------------------
void pack_file_name(const struct pack_about *about, char out[static PACK_FILE_NAME_BYTES]) {
    snprintf(out, PACK_FILE_NAME_BYTES, "%s-%s.pack", about->name, about->version);
}

static bool letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool name_good(struct str name, const char *also, bool capitals) {
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool plain = letter_or_digit(c) && (capitals || c < 'A' || c > 'Z');
        if (!plain && (i == 0 || !c || !strchr(also, c))) return false;
    }
    return name.size > 0;
}

enum err pack_about_check(const struct pack_about *about, struct fault *fault) {
    if (!name_good(str_of(about->name), "-", false)) {
        return fault_set(fault, ERR_INPUT, "appliance.pack_name", str_of(about->name));
    }
    if (!name_good(str_of(about->version), "._+", true)) {
        return fault_set(fault, ERR_INPUT, "appliance.pack_version", str_of(about->version));
    }
    bool machine =
        strcmp(about->architecture, "x86_64") == 0 || strcmp(about->architecture, "aarch64") == 0;
    if (!machine) {
        return fault_set(fault, ERR_INPUT, "appliance.pack_architecture",
                         str_of(about->architecture));
    }
    for (const char *at = about->vendor; *at; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            return fault_set(fault, ERR_INPUT, "appliance.pack_vendor", str_of(about->vendor));
        }
    }
    if (about->vendor[0]) return OK;
    return fault_set(fault, ERR_INPUT, "appliance.pack_vendor", STR_NONE);
}

// ---- paths --------------------------------------------------------------------------------------
static bool path_good(struct str path) {
    uint32_t depth = 0;
    if (path.size == 0 || path.size > PACK_PATH_BYTES_MAX) return false;
    for (size_t i = 0; i < path.size; i++) {
        unsigned char c = (unsigned char)path.data[i];
        if (c < ' ' || c == 0x7f || c == '\\') return false;
    }
    for (struct str rest = path; rest.data;) {
        const char *slash = memchr(rest.data, '/', rest.size);
        struct str name = {rest.data, slash ? (size_t)(slash - rest.data) : rest.size};
        if (name.size == 0 || str_is(name, ".") || str_is(name, "..")) return false;
        rest = slash ? (struct str){slash + 1, rest.size - name.size - 1} : STR_NONE;
        depth++;
    }
    return depth < SQUASHFS_DEPTH_MAX;
}

// The entry of that path; else, with *folder, whether one lies below it.
static const struct pack_entry *entry_find(const struct pack_entry *entries, uint32_t count,
                                           struct str path, bool *folder) {
    *folder = false;
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (str_compare(entries[middle].path, path) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < count && str_equal(entries[low].path, path)) return &entries[low];
    for (; low < count && str_starts(entries[low].path, path) && !*folder; low++) {
        *folder = entries[low].path.data[path.size] == '/';
    }
    return NULL;
}

static bool is_folder(const struct pack_entry *entries, uint32_t count, struct str path) {
    bool folder = path.size == 0; // the pack itself
    return folder || (!entry_find(entries, count, path, &folder) && folder);
}

// Where a link leads, from the pack's root, by its letters alone: all on the way must be folders,
// for a link there would lead ".." elsewhere. False if it leaves the pack.
static bool target_path(const struct pack_entry *entries, uint32_t count,
                        const struct pack_entry *link, char out[static PACK_PATH_BYTES_MAX + 1],
                        size_t *out_size) {
    size_t size = link->path.size;
    while (size > 0 && link->path.data[size - 1] != '/') size--;
    if (size > 0) size--; // without the slash
    memcpy(out, link->path.data, size);
    for (struct str rest = link->target; rest.data;) {
        const char *slash = memchr(rest.data, '/', rest.size);
        struct str name = {rest.data, slash ? (size_t)(slash - rest.data) : rest.size};
        rest = slash ? (struct str){slash + 1, rest.size - name.size - 1} : STR_NONE;
        // No name: an absolute path, or two slashes.
        if (name.size == 0 || !is_folder(entries, count, (struct str){out, size})) return false;
        if (str_is(name, ".")) continue;
        if (str_is(name, "..")) {
            if (size == 0) return false;
            while (size > 0 && out[size - 1] != '/') size--;
            if (size > 0) size--;
            continue;
        }
        if (size + 1 + name.size > PACK_PATH_BYTES_MAX) return false;
        if (size > 0) out[size++] = '/';
        memcpy(out + size, name.data, name.size);
        size += name.size;
    }
    *out_size = size;
    return true;
}

// To a file or folder of the pack, through at most LINKS_MAX links.
static bool link_good(const struct pack_entry *entries, uint32_t count,
                      const struct pack_entry *link) {
    for (int i = 0; i < LINKS_MAX; i++) {
        char text[PACK_PATH_BYTES_MAX + 1];
        size_t size;
        bool folder;
        struct str target = link->target;
        if (target.size > PACK_PATH_BYTES_MAX || memchr(target.data, 0, target.size) ||
            !target_path(entries, count, link, text, &size)) {
            return false;
        }
        if (size == 0) return true; // the pack itself
        link = entry_find(entries, count, (struct str){text, size}, &folder);
        if (!link) return folder;
        if (link->target.size == 0) return true;
    }
    return false;
}

enum err pack_entries_check(const struct pack_entry *entries, uint32_t count, struct fault *fault) {
    uint64_t bytes = 0;
    if (count == 0) return fault_set(fault, ERR_INPUT, "appliance.pack_empty", STR_NONE);
    for (uint32_t i = 0; i < count; i++) {
        if (!path_good(entries[i].path)) {
            return fault_set(fault, ERR_INPUT, "appliance.pack_path", entries[i].path);
        }
        if (i > 0 && str_compare(entries[i - 1].path, entries[i].path) >= 0) {
            bool same = str_equal(entries[i - 1].path, entries[i].path);
            if (!same) return unknown(fault);
            return fault_set(fault, ERR_INPUT, "appliance.pack_twice", entries[i].path);
        }
        if (entries[i].bytes > PACK_BYTES_MAX - bytes) {
            return fault_set(fault, ERR_LIMIT, "appliance.pack_large", entries[i].path);
        }
        bytes += entries[i].bytes;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (entries[i].target.size && !link_good(entries, count, &entries[i])) {
            return fault_set(fault, ERR_INPUT, "appliance.pack_link", entries[i].path);
        }
    }
    return OK;
}

// ---- the manifest -------------------------------------------------------------------------------
static bool entry_take(const struct json *node, struct pack_entry *out) {
    const struct json *bytes = json_member(node, "bytes"), *link = json_member(node, "link");
    out->path = json_member_text(node, "path");
    out->target = json_text(link);
    if (link) return out->target.size > 0 && json_count(node) == 2;
    out->executable = json_member_bool(node, "executable", false);
    return json_count(node) == 4 && json_u64(bytes, &out->bytes) &&
           json_is_bool(json_member(node, "executable")) &&
           hash_from_hex(json_member_text(node, "sha256"), &out->hash);
}

static enum err entries_take(struct pack_file *file, const struct json *files,
                             struct fault *fault) {
    size_t count = json_count(files);
    if (!json_is_array(files)) return unknown(fault);
    if (count > PACK_FILES_MAX) {
        return fault_set(fault, ERR_LIMIT, "appliance.pack_files", STR_NONE);
    }
    file->entries = memory_take((count + 1) * sizeof *file->entries);
    if (!file->entries) return no_memory(fault);
    for (const struct json *node = json_first(files); node; node = json_next(node)) {
        struct pack_entry *entry = &file->entries[file->about.files];
        if (!entry_take(node, entry)) return unknown(fault);
        file->about.files++;
        file->about.bytes += entry->bytes;
    }
    return pack_entries_check(file->entries, file->about.files, fault);
}

static enum err manifest_take(struct pack_file *file, struct fault *fault) {
    struct pack_about *about = &file->about;
    if (json_parse(buf_str(&file->sealed.manifest), &file->manifest, NULL) != OK) {
        return unknown(fault);
    }
    const struct json *root = file->manifest;
    bool good =
        json_member_u64(root, "pack", 0) == PACK_FORMAT && json_count(root) == 6 &&
        str_copy(about->name, sizeof about->name, json_member_text(root, "name")) &&
        str_copy(about->vendor, sizeof about->vendor, json_member_text(root, "vendor")) &&
        str_copy(about->version, sizeof about->version, json_member_text(root, "version")) &&
        str_copy(about->architecture, sizeof about->architecture,
                 json_member_text(root, "architecture"));
    if (!good) return unknown(fault);
    enum err err = pack_about_check(about, fault);
    return err == OK ? entries_take(file, json_member(root, "files"), fault) : err;
}

// All of the file system but the files' bytes.
static enum err image_make(struct pack_file *file, struct fault *fault) {
    uint32_t count = file->about.files;
    size_t at = 0;
    struct squashfs_entry *entries = memory_take((count + 1) * sizeof *entries);
    if (!entries) return no_memory(fault);
    for (uint32_t i = 0; i < count; i++) {
        const struct pack_entry *from = &file->entries[i];
        entries[i] = (struct squashfs_entry){.path = from->path,
                                             .target = from->target,
                                             .bytes = from->bytes,
                                             .executable = from->executable};
    }
    enum err err = squashfs_make(entries, count, &file->head, &file->tail, &at);
    memory_give(entries);
    if (err == OK) {
        file->image_bytes = file->head.size + file->about.bytes + file->tail.size;
    } else if (err == ERR_MEMORY) {
        err = no_memory(fault);
    } else if (err == ERR_CONFLICT) {
        err = fault_set(fault, ERR_INPUT, "appliance.pack_twice", file->entries[at].path);
    } else {
        err = fault_set(fault, ERR_LIMIT, "appliance.pack_files", STR_NONE);
    }
    return err;
}

enum err pack_layout(struct pack_file *file, struct fault *fault) {
    buf_open(&file->head, SQUASHFS_HEAD_BYTES);
    buf_open(&file->tail, SQUASHFS_TAIL_BYTES_MAX);
    return image_make(file, fault);
}

// ---- opening ------------------------------------------------------------------------------------
enum err pack_open(const char *path, const struct verify_key *from, struct pack_file *out,
                   struct fault *fault) {
    struct pack_file file = {0};
    enum err err = sealed_open(path, &WORDS, PACK_MANIFEST_BYTES_MAX, from, &file.sealed, fault);
    if (err != OK) return err;
    file.about.signer = file.sealed.signer;
    if (!str_starts(buf_str(&file.sealed.manifest), STR(BEGINNING))) {
        err = fault_set(fault, ERR_INPUT, WORDS.none, str_of(path));
    }
    if (err == OK) err = manifest_take(&file, fault);
    if (err == OK) err = pack_layout(&file, fault);
    if (err == OK) {
        err = sealed_member(&file.sealed, IMAGE, file.image_bytes);
        if (err != OK) err = no_memory(fault);
    }
    if (err == OK) {
        *out = file;
    } else {
        pack_close(&file);
    }
    return err;
}

void pack_close(struct pack_file *file) {
    sealed_close(&file->sealed);
    json_close(file->manifest);
    memory_give(file->entries);
    buf_close(&file->head);
    buf_close(&file->tail);
}

bool pack_is_one(const char *path) {
    char begin[sizeof BEGINNING - 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return false;
    bool one = pread(fd, begin, sizeof begin, TAR_BLOCK_BYTES) == (ssize_t)sizeof begin &&
               memcmp(begin, BEGINNING, sizeof begin) == 0;
    close(fd);
    return one;
}

// ---- checking -----------------------------------------------------------------------------------
// Bytes that must be these.
static enum err same(const struct pack_file *file, uint64_t offset, const struct buf *wanted,
                     uint8_t *chunk, struct fault *fault) {
    for (size_t at = 0; at < wanted->size;) {
        size_t piece = wanted->size - at < PACK_CHUNK_BYTES ? wanted->size - at : PACK_CHUNK_BYTES;
        enum err err = sealed_read(&file->sealed, offset + at, chunk, piece, fault);
        if (err != OK) return err;
        if (memcmp(chunk, wanted->data + at, piece) != 0) return damaged(file, fault);
        at += piece;
    }
    return OK;
}

static enum err file_same(const struct pack_file *file, const struct pack_entry *entry,
                          uint64_t offset, uint8_t *chunk, struct progress *progress,
                          struct fault *fault) {
    struct sha256 sum;
    sha256_start(&sum);
    for (uint64_t left = entry->bytes; left > 0;) {
        size_t piece = left < PACK_CHUNK_BYTES ? (size_t)left : PACK_CHUNK_BYTES;
        enum err err = sealed_read(&file->sealed, offset, chunk, piece, fault);
        if (err != OK) return err;
        if (progress_cancelled(progress)) {
            return fault_set(fault, ERR_CANCELLED, "appliance.cancelled", STR_NONE);
        }
        sha256_add(&sum, chunk, piece);
        offset += piece;
        left -= piece;
        if (progress) progress->done += piece;
    }
    struct hash hash = sha256_finish(&sum);
    return hash_equal(&hash, &entry->hash) ? OK : damaged(file, fault);
}

enum err pack_check(const struct pack_file *file, struct progress *progress, struct fault *fault) {
    uint64_t offset = file->sealed.member_offset;
    progress_set(progress, PHASE_HASH, 0, file->about.bytes);
    enum err err = sealed_check(&file->sealed, fault);
    if (err != OK) return err;
    uint8_t *chunk = memory_take_unset(PACK_CHUNK_BYTES);
    if (!chunk) return no_memory(fault);
    err = same(file, offset, &file->head, chunk, fault);
    offset += file->head.size;
    for (uint32_t i = 0; i < file->about.files && err == OK; i++) {
        const struct pack_entry *entry = &file->entries[i];
        if (entry->target.size) continue;
        err = file_same(file, entry, offset, chunk, progress, fault);
        offset += entry->bytes;
    }
    if (err == OK) err = same(file, offset, &file->tail, chunk, fault);
    memory_give(chunk);
    return err;
}
