// The file as it is, unpacked while it is read, decoded to UTF-8. Memory is fixed: one piece of the
// file and one unpacked piece.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/assert.h"
#include "data/intake/intake_private.h"

struct source {
    int fd;                    // -1: of a member
    struct zip_stream *member; // else the file's
    enum intake_packing packing;
    uint64_t file_bytes, bytes_read;
    struct str path; // the caller's, for faults
    uint8_t *in;     // piece of the file
    size_t in_at, in_size;
    bool in_ended;   // nothing more to read from the file
    bool frame_open; // within a gzip member or zstd frame
    bool any_frame;  // at least one was begun
    z_stream gzip;
    bool gzip_made;
    ZSTD_DStream *zstd;
    char *raw; // unpacked, undecoded piece
    bool raw_ended, decoded_ended;
    uint64_t bytes_decoded;
    struct decoder decoder;
};

static voidpf zlib_take(voidpf ctx, uInt count, uInt size) {
    (void)ctx;
    size_t bytes;
    return __builtin_mul_overflow((size_t)count, (size_t)size, &bytes) ? NULL : memory_take(bytes);
}

static void zlib_give(voidpf ctx, voidpf memory) {
    (void)ctx;
    memory_give(memory);
}

static enum err read_file(struct source *source, void *out, size_t room, size_t *out_size,
                          struct fault *fault) {
    if (source->member) {
        size_t size;
        enum err err = zip_stream_read(source->member, out, room, &size, fault);
        if (err) return err;
        *out_size = size;
        source->bytes_read = zip_stream_packed(source->member);
        source->in_ended = size == 0;
        return OK;
    }
    ssize_t got;
    do got = read(source->fd, out, room);
    while (got < 0 && errno == EINTR);
    if (got < 0) return fault_errno(fault, errno, source->path);
    *out_size = (size_t)got;
    source->bytes_read += (uint64_t)got;
    source->in_ended = got == 0;
    return OK;
}

// Reads the next piece of the file if the last is used up.
static enum err refill(struct source *source, struct fault *fault) {
    if (source->in_at < source->in_size || source->in_ended) return OK;
    source->in_at = source->in_size = 0;
    return read_file(source, source->in, PIECE_BYTES, &source->in_size, fault);
}

// A file that is not packed needs no buffer between, once its first piece is used up.
static enum err read_direct(struct source *source, char *out, size_t room, size_t *out_size,
                            struct fault *fault) {
    enum err err = OK;
    if (!source->in_ended) err = read_file(source, out, room, out_size, fault);
    source->raw_ended = source->in_ended;
    return err;
}

static enum intake_packing packing_of(const uint8_t *at, size_t size) {
    if (size >= 3 && at[0] == 0x1F && at[1] == 0x8B && at[2] == 8) return PACKING_GZIP;
    if (size >= 4 && at[0] == 0x28 && at[1] == 0xB5 && at[2] == 0x2F && at[3] == 0xFD) {
        return PACKING_ZSTD;
    }
    return PACKING_NONE;
}

static enum err open_packing(struct source *source, struct fault *fault) {
    if (source->packing == PACKING_GZIP) {
        source->gzip.zalloc = zlib_take;
        source->gzip.zfree = zlib_give;
        source->gzip_made = inflateInit2(&source->gzip, 15 + 16) == Z_OK; // gzip only
        if (!source->gzip_made) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    }
    if (source->packing == PACKING_ZSTD) {
        source->zstd = ZSTD_createDStream();
        if (!source->zstd) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    }
    return OK;
}

static enum err open_file(struct source *source, const char *path, struct fault *fault) {
    struct stat about = {0};
    source->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (source->fd < 0 || fstat(source->fd, &about) != 0) {
        return fault_errno(fault, errno, source->path);
    }
    source->file_bytes = about.st_size > 0 ? (uint64_t)about.st_size : 0;
    return OK;
}

static enum err open_member(struct source *source, const struct zip *zip,
                            const struct zip_member *member, struct fault *fault) {
    source->file_bytes = member->packed;
    return zip_stream_open(zip, member, &source->member, fault);
}

// Of a file, or of a member of an archive.
static enum err open_any(const char *path, const struct zip *zip, const struct zip_member *member,
                         enum intake_packing packing, struct source **out, struct fault *fault) {
    struct source *source = memory_take(sizeof *source);
    if (!source) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    source->fd = -1;
    source->path = zip ? member->name : str_of(path);
    source->in = memory_take(PIECE_BYTES);
    source->raw = memory_take(PIECE_BYTES);
    enum err err = zip ? open_member(source, zip, member, fault) : open_file(source, path, fault);
    if (!err && (!source->in || !source->raw)) {
        err = fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    }
    if (!err) err = refill(source, fault);
    if (!err) {
        source->packing =
            packing != PACKING_GUESS ? packing : packing_of(source->in, source->in_size);
        err = open_packing(source, fault);
    }
    if (err) {
        source_close(source);
        return err;
    }
    *out = source;
    return OK;
}

enum err source_open(const char *path, enum intake_packing packing, struct source **out,
                     struct fault *fault) {
    return open_any(path, NULL, NULL, packing, out, fault);
}

enum err source_open_member(const struct zip *zip, const struct zip_member *member,
                            enum intake_packing packing, struct source **out, struct fault *fault) {
    return open_any(NULL, zip, member, packing, out, fault);
}

struct str source_head(const struct source *source) {
    return (struct str){(const char *)source->in + source->in_at, source->in_size - source->in_at};
}

void source_close(struct source *source) {
    if (!source) return;
    zip_stream_close(source->member);
    if (source->gzip_made) inflateEnd(&source->gzip);
    ZSTD_freeDStream(source->zstd);
    if (source->fd >= 0) close(source->fd);
    memory_give(source->in);
    memory_give(source->raw);
    memory_give(source);
}

enum intake_packing source_packing(const struct source *source) {
    return source->packing;
}

uint64_t source_file_bytes(const struct source *source) {
    return source->file_bytes;
}

uint64_t source_bytes_read(const struct source *source) {
    return source->bytes_read;
}

uint64_t source_bytes_decoded(const struct source *source) {
    return source->bytes_decoded;
}

uint64_t source_invalid(const struct source *source) {
    return source->decoder.invalid_count;
}

static enum err damaged(const struct source *source, struct fault *fault) {
    uint64_t at = source->bytes_read - (source->in_size - source->in_at);
    return fault_at(fault, ERR_INPUT, "intake.packing_damaged", 0, at + 1, STR_NONE);
}

// Bytes after the last gzip member: zeros (padding of tapes) are fine.
static bool only_zeros(const struct source *source) {
    for (size_t i = source->in_at; i < source->in_size; i++) {
        if (source->in[i] != 0) return false;
    }
    return true;
}

static enum err step_gzip(struct source *source, char *out, size_t room, size_t *out_size,
                          struct fault *fault) {
    z_stream *gzip = &source->gzip;
    if (!source->frame_open) {
        if (source->any_frame && only_zeros(source)) {
            source->in_at = source->in_size;
            return OK;
        }
        if (inflateReset(gzip) != Z_OK) return damaged(source, fault);
        source->frame_open = source->any_frame = true;
    }
    gzip->next_in = source->in + source->in_at;
    gzip->avail_in = (uInt)(source->in_size - source->in_at);
    gzip->next_out = (Bytef *)out;
    gzip->avail_out = (uInt)room;
    int status = inflate(gzip, Z_NO_FLUSH);
    source->in_at = source->in_size - gzip->avail_in;
    *out_size = room - gzip->avail_out;
    if (status == Z_MEM_ERROR) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    if (status == Z_STREAM_END)
        source->frame_open = false;
    else if (status != Z_OK && status != Z_BUF_ERROR)
        return damaged(source, fault);
    return OK;
}

static enum err step_zstd(struct source *source, char *out, size_t room, size_t *out_size,
                          struct fault *fault) {
    ZSTD_inBuffer from = {source->in, source->in_size, source->in_at};
    ZSTD_outBuffer to = {out, room, 0};
    size_t status = ZSTD_decompressStream(source->zstd, &to, &from);
    if (ZSTD_isError(status)) return damaged(source, fault);
    source->in_at = from.pos;
    source->frame_open = status != 0;
    *out_size = to.pos;
    return OK;
}

enum err source_raw(struct source *source, char *out, size_t room, size_t *out_size,
                    struct fault *fault) {
    *out_size = 0;
    if (room > PIECE_BYTES) room = PIECE_BYTES;
    while (!source->raw_ended && *out_size == 0) {
        bool direct = source->packing == PACKING_NONE && source->in_at == source->in_size;
        enum err err =
            direct ? read_direct(source, out, room, out_size, fault) : refill(source, fault);
        if (err) return err;
        if (direct) continue;
        size_t in_left = source->in_size - source->in_at;
        if (source->packing == PACKING_NONE) {
            *out_size = in_left < room ? in_left : room;
            memcpy(out, source->in + source->in_at, *out_size);
            source->in_at += *out_size;
            continue;
        }
        // Output may still be held inside the library when the input is used up.
        if (in_left > 0 || source->frame_open) {
            err = source->packing == PACKING_GZIP ? step_gzip(source, out, room, out_size, fault)
                                                  : step_zstd(source, out, room, out_size, fault);
            if (err) return err;
        }
        if (*out_size == 0 && source->in_ended && source->in_at == source->in_size) {
            source->raw_ended = true;
            if (source->frame_open) return damaged(source, fault);
        }
    }
    return OK;
}

void source_decode(struct source *source, enum encoding encoding) {
    decoder_start(&source->decoder, encoding);
}

enum err source_text(struct source *source, char *out, size_t room, size_t *out_size,
                     struct fault *fault) {
    cy_assert(room >= SOURCE_ROOM_MIN);
    size_t most = (room - 8) / 3, raw_size;
    *out_size = 0;
    struct decoder *decoder = &source->decoder;
    if (decoder->encoding == ENCODING_UTF8 && decoder->started && decoder->held_size == 0 &&
        !source->decoded_ended) {
        // Valid UTF-8 is read to where it belongs; what is not goes the way of all others.
        enum err err = source_raw(source, out, most, &raw_size, fault);
        if (err) return err;
        size_t valid = utf8_valid_prefix((struct str){out, raw_size});
        memcpy(source->raw, out + valid, raw_size - valid);
        decoder->bytes_in += valid;
        source->decoded_ended = raw_size == 0;
        *out_size = valid + decoder_run(decoder, (struct str){source->raw, raw_size - valid},
                                        raw_size == 0, out + valid);
    }
    while (*out_size == 0 && !source->decoded_ended) {
        enum err err = source_raw(source, source->raw, most, &raw_size, fault);
        if (err) return err;
        source->decoded_ended = raw_size == 0;
        *out_size =
            decoder_run(&source->decoder, (struct str){source->raw, raw_size}, raw_size == 0, out);
    }
    source->bytes_decoded += *out_size;
    return OK;
}
