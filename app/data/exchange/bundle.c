#include "data/exchange/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/tar.h"

enum { CHUNK_BYTES = 1 << 20, FILE_MODE = 0644 };
static const struct str MANIFEST = {"manifest.json", 13}, SIGNATURE = {"signature.json", 14};

static bool path_is_good(struct str path) {
    if (path.size == 0 || path.size > LIMIT_MEMBER_PATH_BYTES || path.data[0] == '/') return false;
    for (size_t i = 0; i < path.size; i++) {
        char c = path.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (!c || !strchr("._/-", c))) return false;
        if (c == '.' && i + 1 < path.size && path.data[i + 1] == '.') return false;
    }
    return !str_equal(path, MANIFEST) && !str_equal(path, SIGNATURE);
}

// ---- writing ------------------------------------------------------------------------------------

static enum err member_write(struct json_writer *out, const struct bundle_member *member,
                             struct progress *progress, struct fault *fault) {
    struct hash hash;
    uint64_t bytes;
    char hex[SHA256_HEX_SIZE];
    if (!path_is_good(str_of(member->path))) {
        return fault_set(fault, ERR_INPUT, "bundle.bad_path", str_of(member->path));
    }
    enum err err = file_hash(member->file, progress, &hash, &bytes, fault);
    if (err != OK) return err;
    hash_hex(&hash, hex);
    json_open_object(out);
    json_set_text(out, "path", str_of(member->path));
    json_set_text(out, "kind", str_of(member->kind));
    json_set_u64(out, "bytes", bytes);
    json_set_text(out, "sha256", str_of(hex));
    json_close_object(out);
    return OK;
}

static enum err manifest_make(const struct bundle_content *content, struct buf *text,
                              struct progress *progress, struct fault *fault) {
    struct json_writer out = json_writer_of(text);
    if (content->member_count == 0 || content->member_count > LIMIT_BUNDLE_MEMBERS) {
        return fault_set(fault, ERR_LIMIT, "bundle.too_large", content->name);
    }
    json_open_object(&out);
    json_set_u64(&out, "bundle", 1);
    json_set_text(&out, "name", content->name);
    if (content->about.size) {
        buf_add_char(text, ',');
        buf_add_str(text, content->about);
    }
    json_put_name(&out, "members");
    json_open_array(&out);
    enum err err = OK;
    for (uint32_t i = 0; i < content->member_count && err == OK; i++) {
        err = member_write(&out, &content->members[i], progress, fault);
    }
    json_close_array(&out);
    json_close_object(&out);
    buf_add_char(text, '\n');
    if (err == OK && buf_err(text) != OK) {
        err = fault_set(fault, buf_err(text), "bundle.too_large", content->name);
    }
    return err;
}

struct output {
    int fd;
    struct fault *fault;
};

static enum err output_write(void *ctx, const void *data, size_t size) {
    struct output *output = ctx;
    return file_write_all(output->fd, data, size, output->fault);
}

static enum err text_put(struct tar_writer *tar, struct str path, struct str text) {
    enum err err = tar_write_entry(tar, path, text.size, FILE_MODE, 0);
    return err == OK ? tar_write_data(tar, text.data, text.size) : err;
}

static enum err file_put(struct tar_writer *tar, const struct bundle_member *member,
                         struct fault *fault) {
    struct file_map map;
    enum err err = file_map(member->file, &map, fault);
    if (err != OK) return err;
    err = tar_write_entry(tar, str_of(member->path), map.size, FILE_MODE, 0);
    for (size_t at = 0; at < map.size && err == OK;) {
        size_t part = map.size - at < CHUNK_BYTES ? map.size - at : CHUNK_BYTES;
        err = tar_write_data(tar, map.data + at, part);
        at += part;
    }
    if (err == OK && map.size == 0) err = tar_write_data(tar, "", 0);
    file_unmap(&map);
    return err;
}

static enum err bundle_put(int fd, const struct bundle_content *content, struct str manifest,
                           struct str signature, struct fault *fault) {
    struct output output = {fd, fault};
    struct tar_writer tar = {.write = output_write, .ctx = &output};
    enum err err = text_put(&tar, MANIFEST, manifest);
    if (err == OK) err = text_put(&tar, SIGNATURE, signature);
    for (uint32_t i = 0; i < content->member_count && err == OK; i++) {
        err = file_put(&tar, &content->members[i], fault);
    }
    return err == OK ? tar_write_end(&tar) : err;
}

enum err bundle_write(const char *path, const struct bundle_content *content,
                      const struct sign_key *key, struct progress *progress, struct fault *fault) {
    struct buf manifest, signature;
    uint8_t bytes[SIGNATURE_BYTES];
    buf_open(&manifest, LIMIT_MANIFEST_BYTES);
    buf_open(&signature, SIGNATURE_TEXT_BYTES);
    enum err err = manifest_make(content, &manifest, progress, fault);
    if (err == OK) {
        struct hash hash = sha256_of(manifest.data, manifest.size);
        err = sign_hash(key, &hash, bytes);
        signature_write(&signature, &key->open, bytes);
        if (err != OK) err = fault_set(fault, err, "bundle.bad_key", STR_NONE);
    }
    int fd = -1;
    if (err == OK) {
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0) err = fault_errno(fault, errno, str_of(path));
    }
    if (err == OK) {
        err = bundle_put(fd, content, buf_str(&manifest), buf_str(&signature), fault);
        if (err == OK && fsync(fd) != 0) err = fault_errno(fault, errno, str_of(path));
    }
    if (fd >= 0) {
        close(fd);
        if (err != OK) (void)unlink(path);
    }
    buf_close(&manifest);
    buf_close(&signature);
    return err;
}

// ---- verifying ----------------------------------------------------------------------------------

// The bundle is written once more, to a function that holds every byte against the file's; what
// members contain is read from the file and hashed instead.
struct check {
    int fd;
    uint64_t echo; // bytes of a member that were read already
    uint8_t *chunk;
    struct progress *progress;
};

static enum err check_write(void *ctx, const void *data, size_t size) {
    struct check *check = ctx;
    uint8_t own[4 * TAR_BLOCK_BYTES];
    const uint8_t *want = data;
    if (check->echo > 0) {
        check->echo -= size;
        return OK;
    }
    while (size > 0) {
        size_t part = size < sizeof own ? size : sizeof own;
        enum err err = file_read_all(check->fd, own, part);
        if (err != OK) return err;
        if (memcmp(own, want, part) != 0) return ERR_CORRUPT;
        want += part;
        size -= part;
    }
    return OK;
}

static enum err member_check(struct check *check, struct tar_writer *tar, struct str path,
                             uint64_t bytes, const struct hash *want) {
    struct sha256 context;
    sha256_start(&context);
    enum err err = tar_write_entry(tar, path, bytes, FILE_MODE, 0);
    for (uint64_t left = bytes; left > 0 && err == OK;) {
        size_t part = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
        err = file_read_all(check->fd, check->chunk, part);
        if (err != OK) break;
        sha256_add(&context, check->chunk, part);
        check->echo = part;
        err = tar_write_data(tar, check->chunk, part);
        left -= part;
        if (check->progress) check->progress->done += part;
        if (progress_cancelled(check->progress)) err = ERR_CANCELLED;
    }
    if (err == OK && bytes == 0) err = tar_write_data(tar, "", 0);
    if (err != OK) return err;
    struct hash hash = sha256_finish(&context);
    return hash_equal(&hash, want) ? OK : ERR_CORRUPT;
}

// The two first entries, read as they are.
static enum err head_read(int fd, struct buf *manifest, struct buf *signature) {
    struct tar_reader reader = {.fd = fd};
    struct tar_entry entry;
    struct buf *const wanted[2] = {manifest, signature};
    const struct str names[2] = {MANIFEST, SIGNATURE};
    for (int i = 0; i < 2; i++) {
        enum err err = tar_read_entry(&reader, &entry);
        if (err != OK) return err;
        if (!str_equal(str_of(entry.path), names[i])) return ERR_CORRUPT;
        if (entry.size > wanted[i]->cap_bytes) return ERR_CORRUPT;
        size_t got = 0;
        char *to = buf_reserve(wanted[i], (size_t)entry.size + 1);
        if (!to) return ERR_MEMORY;
        while (wanted[i]->size < entry.size && err == OK) {
            err = tar_read_data(&reader, to + wanted[i]->size, (size_t)entry.size - wanted[i]->size,
                                &got);
            if (err == OK && got == 0) err = ERR_CORRUPT;
            if (err == OK) wanted[i]->size += got;
        }
        if (err != OK) return err;
    }
    return OK;
}

static enum err signature_check(struct str manifest, struct str text, const struct verify_key *from,
                                struct verify_key *signer, struct fault *fault) {
    uint8_t signature[SIGNATURE_BYTES];
    struct hash hash = sha256_of(manifest.data, manifest.size);
    if (!signature_read(text, signer, signature) || !verify_hash(signer, &hash, signature)) {
        return fault_set(fault, ERR_CORRUPT, "bundle.bad_signature", STR_NONE);
    }
    if (from && !bytes_equal(from->point, signer->point, sizeof from->point)) {
        char name[FINGERPRINT_SIZE];
        verify_key_fingerprint(signer, name);
        return fault_set(fault, ERR_DENIED, "bundle.other_signer", str_of(name));
    }
    return OK;
}

static enum err damaged(struct fault *fault, enum err err, struct str what) {
    if (err != ERR_CORRUPT && err != ERR_LIMIT) return err;
    return fault_set(fault, ERR_CORRUPT, "bundle.damaged", what);
}

static enum err members_check(struct check *check, struct tar_writer *tar,
                              const struct json *manifest, struct bundle_info *info,
                              struct fault *fault) {
    const struct json *list = json_member(manifest, "members");
    if (json_member_u64(manifest, "bundle", 0) != 1 || !json_is_array(list)) {
        return fault_set(fault, ERR_INPUT, "bundle.unknown_version", STR_NONE);
    }
    for (const struct json *node = json_first(list); node; node = json_next(node)) {
        struct str path = json_member_text(node, "path");
        uint64_t bytes = json_member_u64(node, "bytes", UINT64_MAX);
        struct hash hash;
        bool good = path_is_good(path) && bytes <= INT64_MAX &&
                    hash_from_hex(json_member_text(node, "sha256"), &hash);
        enum err err = good ? member_check(check, tar, path, bytes, &hash) : ERR_CORRUPT;
        if (err != OK) return damaged(fault, err, path);
        info->members++;
    }
    return OK;
}

static enum err body_check(struct check *check, struct str manifest, struct str signature,
                           struct bundle_info *info, struct fault *fault) {
    struct json *root = NULL;
    struct tar_writer tar = {.write = check_write, .ctx = check};
    enum err err = json_parse(manifest, &root, fault);
    if (err != OK) return err;
    err = damaged(fault, text_put(&tar, MANIFEST, manifest), MANIFEST);
    if (err == OK) err = damaged(fault, text_put(&tar, SIGNATURE, signature), SIGNATURE);
    if (err == OK) err = members_check(check, &tar, root, info, fault);
    json_close(root);
    if (err != OK) return err;
    // The end, and nothing behind it.
    uint8_t more;
    err = tar_write_end(&tar);
    if (err == OK && read(check->fd, &more, 1) != 0) err = ERR_CORRUPT;
    return damaged(fault, err, STR_NONE);
}

static enum err verify_open(int fd, const char *path, const struct verify_key *from,
                            struct buf *manifest, struct bundle_info *info,
                            struct progress *progress, struct fault *fault) {
    struct buf signature;
    buf_open(&signature, SIGNATURE_TEXT_BYTES);
    enum err err = head_read(fd, manifest, &signature);
    if (err == ERR_CORRUPT || err == ERR_NOT_FOUND) {
        err = fault_set(fault, ERR_INPUT, "bundle.not_a_bundle", str_of(path));
    }
    if (err == OK) {
        err = signature_check(buf_str(manifest), buf_str(&signature), from, &info->signer, fault);
    }
    struct check check = {.fd = fd, .progress = progress};
    if (err == OK && lseek(fd, 0, SEEK_SET) != 0) err = fault_errno(fault, errno, str_of(path));
    if (err == OK) {
        check.chunk = memory_take(CHUNK_BYTES);
        if (!check.chunk) err = ERR_MEMORY;
    }
    if (err == OK) err = body_check(&check, buf_str(manifest), buf_str(&signature), info, fault);
    memory_give(check.chunk);
    buf_close(&signature);
    return err;
}

enum err bundle_verify(const char *path, const struct verify_key *from, struct buf *manifest,
                       struct bundle_info *out, struct progress *progress, struct fault *fault) {
    struct bundle_info info = {0};
    struct buf text;
    enum err err = file_size(path, &info.bytes, fault);
    if (err != OK) return err;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fault_errno(fault, errno, str_of(path));
    buf_open(&text, LIMIT_MANIFEST_BYTES + 1);
    progress_set(progress, PHASE_HASH, 0, info.bytes);
    err = verify_open(fd, path, from, &text, &info, progress, fault);
    close(fd);
    if (err == OK && manifest) {
        buf_add_str(manifest, buf_str(&text));
        err = buf_err(manifest);
    }
    if (err == OK) *out = info;
    buf_close(&text);
    if (err == ERR_MEMORY) return fault_set(fault, err, "base.no_memory", STR("bundle"));
    if (err == ERR_IO) return fault_set(fault, err, "bundle.damaged", str_of(path));
    if (err == ERR_CANCELLED) return fault_set(fault, err, "cleanse.cancelled", STR_NONE);
    return err;
}
