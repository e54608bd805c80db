#include "appliance/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/tar.h"

enum { FILE_MODE = 0644 };
static const struct str MANIFEST = {"manifest.json", 13}, SIGNATURE = {"signature.json", 14};

static enum err damaged(const struct sealed *file, struct fault *fault) {
    return fault_set(fault, ERR_CORRUPT, file->words->damaged, str_of(file->path));
}

// ---- what stands around the member --------------------------------------------------------------
static enum err to_buf(void *ctx, const void *data, size_t size) {
    buf_add(ctx, data, size);
    return OK;
}

static void text_put(struct tar_writer *tar, struct str path, struct str text) {
    enum err err = tar_write_entry(tar, path, text.size, FILE_MODE, 0);
    if (err == OK) err = tar_write_data(tar, text.data, text.size);
    cy_assert(err == OK);
}

static void head_make(struct buf *head, struct str manifest, struct str signature,
                      struct str member, uint64_t member_bytes) {
    struct tar_writer tar = {.write = to_buf, .ctx = head};
    text_put(&tar, MANIFEST, manifest);
    text_put(&tar, SIGNATURE, signature);
    enum err err = tar_write_entry(&tar, member, member_bytes, FILE_MODE, 0);
    cy_assert(err == OK);
}

// Zeros to the next block, and two blocks of them.
size_t sealed_tail_bytes(uint64_t member_bytes) {
    size_t padding = (TAR_BLOCK_BYTES - (size_t)(member_bytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
    return padding + (size_t)(2 * TAR_BLOCK_BYTES);
}

enum err sealed_head(struct str manifest, struct str member, uint64_t member_bytes,
                     const struct sign_key *key, struct buf *head, struct fault *fault) {
    uint8_t bytes[SIGNATURE_BYTES];
    struct buf signature;
    struct hash hash = sha256_of(manifest.data, manifest.size);
    enum err err = sign_hash(key, &hash, bytes);
    if (err != OK) return fault_set(fault, err, "bundle.bad_key", STR_NONE);
    buf_open(&signature, SIGNATURE_TEXT_BYTES);
    signature_write(&signature, &key->open, bytes);
    err = buf_err(&signature);
    if (err == OK) {
        head_make(head, manifest, buf_str(&signature), member, member_bytes);
        err = buf_err(head);
    }
    buf_close(&signature);
    return err;
}

// ---- opening ------------------------------------------------------------------------------------
static enum err entry_read(struct tar_reader *reader, struct str name, struct buf *out) {
    struct tar_entry entry;
    size_t got = 0;
    enum err err = tar_read_entry(reader, &entry);
    if (err != OK) return err;
    if (!str_equal(str_of(entry.path), name) || entry.size >= out->cap_bytes) return ERR_CORRUPT;
    char *to = buf_reserve(out, (size_t)entry.size + 1);
    if (!to) return ERR_MEMORY;
    err = tar_read_data(reader, to, (size_t)entry.size, &got);
    if (err == OK && got != entry.size) err = ERR_CORRUPT;
    if (err == OK) out->size = got;
    return err;
}

static enum err signature_check(struct sealed *file, const struct verify_key *from,
                                struct fault *fault) {
    uint8_t signature[SIGNATURE_BYTES];
    struct verify_key *signer = &file->signer;
    struct hash hash = sha256_of(file->manifest.data, file->manifest.size);
    if (!signature_read(buf_str(&file->signature), signer, signature) ||
        !verify_hash(signer, &hash, signature)) {
        return fault_set(fault, ERR_CORRUPT, file->words->signature, STR_NONE);
    }
    if (from && !bytes_equal(from->point, signer->point, sizeof from->point)) {
        char name[FINGERPRINT_SIZE];
        verify_key_fingerprint(signer, name);
        return fault_set(fault, ERR_DENIED, file->words->other_signer, str_of(name));
    }
    return OK;
}

static enum err texts_read(struct sealed *file, const struct verify_key *from,
                           struct fault *fault) {
    struct tar_reader reader = {.fd = file->fd};
    enum err err = entry_read(&reader, MANIFEST, &file->manifest);
    if (err == OK) err = entry_read(&reader, SIGNATURE, &file->signature);
    if (err == ERR_MEMORY) return fault_set(fault, err, "base.no_memory", STR_NONE);
    if (err == ERR_IO) return damaged(file, fault);
    if (err != OK) return fault_set(fault, ERR_INPUT, file->words->none, str_of(file->path));
    return signature_check(file, from, fault);
}

enum err sealed_open(const char *path, const struct sealed_words *words, size_t manifest_bytes_max,
                     const struct verify_key *from, struct sealed *out, struct fault *fault) {
    struct sealed file = {.path = path, .words = words};
    struct stat info;
    // Not blocking: what is given may be a pipe.
    file.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file.fd < 0) return fault_errno(fault, errno, str_of(path));
    if (fstat(file.fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(file.fd);
        return fault_set(fault, ERR_INPUT, words->none, str_of(path));
    }
    file.bytes = (uint64_t)info.st_size;
    buf_open(&file.manifest, manifest_bytes_max + 1);
    buf_open(&file.signature, SIGNATURE_TEXT_BYTES);
    buf_open(&file.head, manifest_bytes_max + 8 * TAR_BLOCK_BYTES);
    enum err err = texts_read(&file, from, fault);
    if (err == OK) {
        *out = file;
    } else {
        sealed_close(&file);
    }
    return err;
}

void sealed_close(struct sealed *file) {
    close(file->fd);
    buf_close(&file->manifest);
    buf_close(&file->signature);
    buf_close(&file->head);
}

enum err sealed_member(struct sealed *file, struct str name, uint64_t bytes) {
    head_make(&file->head, buf_str(&file->manifest), buf_str(&file->signature), name, bytes);
    file->member_bytes = bytes;
    file->member_offset = file->head.size;
    return buf_err(&file->head);
}

// ---- reading ------------------------------------------------------------------------------------
enum err sealed_read(const struct sealed *file, uint64_t offset, void *out, size_t size,
                     struct fault *fault) {
    uint8_t *at = out;
    while (size > 0) {
        ssize_t got = pread(file->fd, at, size, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fault_errno(fault, errno, str_of(file->path));
        if (got == 0) return damaged(file, fault);
        at += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return OK;
}

enum err sealed_check(const struct sealed *file, struct fault *fault) {
    uint8_t own[TAR_BLOCK_BYTES];
    static const uint8_t zeros[TAR_BLOCK_BYTES];
    uint64_t end = file->member_offset + file->member_bytes;
    size_t tail = sealed_tail_bytes(file->member_bytes);
    if (file->bytes != end + tail) return damaged(file, fault);
    for (size_t at = 0; at < file->head.size; at += sizeof own) {
        enum err err = sealed_read(file, at, own, sizeof own, fault);
        if (err != OK) return err;
        if (memcmp(own, file->head.data + at, sizeof own) != 0) return damaged(file, fault);
    }
    for (size_t at = 0; at < tail; at += sizeof own) {
        size_t piece = tail - at < sizeof own ? tail - at : sizeof own;
        enum err err = sealed_read(file, end + at, own, piece, fault);
        if (err != OK) return err;
        if (memcmp(own, zeros, piece) != 0) return damaged(file, fault);
    }
    return OK;
}
