// The layout is that of PKWARE's APPNOTE.TXT 6.3.9, sections 4.3 and 4.5.
#include "data/intake/zip_private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/text.h"

enum {
    END_BYTES = 22,
    END_COMMENT_MAX = 65535,
    END64_BYTES = 56,
    LOCATOR_BYTES = 20,
    CENTRAL_BYTES = 46,
    LOCAL_BYTES = 30,
    PIECE_BYTES = 128 << 10,
    METHOD_STORED = 0,
    METHOD_DEFLATED = 8,
    FLAG_ENCRYPTED = 1,
    FLAG_SIZES_BEHIND = 8,
    FLAG_UTF8 = 1 << 11,
};

static uint16_t u16(const uint8_t *at) {
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t u32(const uint8_t *at) {
    return (uint32_t)u16(at) | (uint32_t)u16(at + 2) << 16;
}

static uint64_t u64(const uint8_t *at) {
    return (uint64_t)u32(at) | (uint64_t)u32(at + 4) << 32;
}

static enum err damaged(struct str detail, struct fault *fault) {
    return fault_set(fault, ERR_INPUT, "zip.damaged", detail);
}

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
}

// Exactly `size` bytes from `from` on.
static enum err read_at(int fd, uint64_t from, void *out, size_t size, struct fault *fault) {
    uint8_t *to = out;
    while (size > 0) {
        ssize_t got = pread(fd, to, size, (off_t)from);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fault_errno(fault, errno, STR("zip"));
        if (got == 0) return damaged(STR_NONE, fault);
        to += got, from += (uint64_t)got, size -= (size_t)got;
    }
    return OK;
}

bool zip_begins(const uint8_t *at, size_t size) {
    if (size < 4 || at[0] != 'P' || at[1] != 'K') return false;
    return (at[2] == 3 && at[3] == 4) || (at[2] == 5 && at[3] == 6) || (at[2] == 7 && at[3] == 8);
}

// --- the central directory -----------------------------------------------------------------------

struct directory {
    uint64_t offset, size, count;
};

// ZIP64: a locator in front of the end record tells where the larger one is.
static enum err read_end64(int fd, uint64_t end, struct directory *out, struct fault *fault) {
    uint8_t locator[LOCATOR_BYTES], record[END64_BYTES];
    if (end < LOCATOR_BYTES) return damaged(STR_NONE, fault);
    enum err err = read_at(fd, end - LOCATOR_BYTES, locator, sizeof locator, fault);
    if (err) return err;
    if (u32(locator) != 0x07064b50) return damaged(STR_NONE, fault);
    uint64_t at = u64(locator + 8);
    if (at > end || end - at < END64_BYTES) return damaged(STR_NONE, fault);
    err = read_at(fd, at, record, sizeof record, fault);
    if (err) return err;
    if (u32(record) != 0x06064b50) return damaged(STR_NONE, fault);
    *out = (struct directory){u64(record + 48), u64(record + 40), u64(record + 32)};
    return OK;
}

// The end record stands at the file's end, before a comment of any bytes.
static enum err find_end(int fd, uint64_t file_bytes, struct directory *out, struct fault *fault) {
    uint64_t most = END_BYTES + END_COMMENT_MAX;
    size_t size = (size_t)(file_bytes < most ? file_bytes : most);
    if (size < END_BYTES) return damaged(STR_NONE, fault);
    uint8_t *tail = memory_take(size);
    if (!tail) return no_memory(fault);
    enum err err = read_at(fd, file_bytes - size, tail, size, fault);
    bool found = false;
    for (size_t at = size - END_BYTES + 1; !err && !found && at-- > 0;) {
        const uint8_t *end = tail + at;
        if (u32(end) != 0x06054b50 || at + END_BYTES + u16(end + 20) > size) continue;
        found = true;
        *out = (struct directory){u32(end + 16), u32(end + 12), u16(end + 10)};
        if (out->offset == UINT32_MAX || out->size == UINT32_MAX || out->count == UINT16_MAX) {
            uint64_t where = file_bytes - size + at;
            if (read_end64(fd, where, out, NULL) && out->offset == UINT32_MAX) found = false;
        }
    }
    memory_give(tail);
    if (!err && !found) err = damaged(STR_NONE, fault);
    return err;
}

// A name that is not marked as UTF-8 is mostly GBK where it is not ASCII (Windows in China).
static enum err decode_name(struct str raw, struct arena *arena, struct str *out) {
    char *name = arena_take(arena, 3 * raw.size + 8);
    if (!name) return ERR_MEMORY;
    size_t size = raw.size;
    if (utf8_valid(raw)) {
        memcpy(name, raw.data, raw.size);
    } else {
        struct decoder decoder;
        decoder_start(&decoder, ENCODING_GB18030);
        size = decoder_run(&decoder, raw, true, name);
    }
    for (size_t i = 0; i < size; i++) {
        if (name[i] == '\\') name[i] = '/';
        if ((uint8_t)name[i] < ' ') name[i] = '_';
    }
    *out = (struct str){name, size};
    return OK;
}

// Nameless, absolute, with a drive letter, or with a ".." in it.
static bool leads_out(struct str name) {
    if (name.size == 0 || name.data[0] == '/') return true;
    if (name.size > 1 && name.data[1] == ':') return true;
    while (name.size > 0) {
        struct str part = str_cut(name, '/', &name);
        if (str_is(part, "..")) return true;
    }
    return false;
}

// Sizes and place as the ZIP64 field has them, where the entry itself says "see there".
static void read_extra64(const uint8_t *extra, size_t size, struct zip_member *member) {
    while (size >= 4) {
        size_t length = u16(extra + 2);
        if (length > size - 4) return;
        const uint8_t *at = extra + 4, *end = at + length;
        if (u16(extra) == 1) {
            uint64_t *const fields[] = {&member->size, &member->packed, &member->header};
            for (int i = 0; i < 3; i++) {
                if (*fields[i] != UINT32_MAX || end - at < 8) continue;
                *fields[i] = u64(at);
                at += 8;
            }
            return;
        }
        extra += 4 + length, size -= 4 + length;
    }
}

static enum err read_member(const uint8_t *at, size_t left, struct arena *arena,
                            struct zip_member *out, size_t *out_size, struct fault *fault) {
    if (left < CENTRAL_BYTES || u32(at) != 0x02014b50) return damaged(STR_NONE, fault);
    size_t name = u16(at + 28), extra = u16(at + 30), comment = u16(at + 32);
    *out_size = CENTRAL_BYTES + name + extra + comment;
    if (*out_size > left) return damaged(STR_NONE, fault);
    *out = (struct zip_member){
        .header = u32(at + 42),
        .packed = u32(at + 20),
        .size = u32(at + 24),
        .crc = u32(at + 16),
        .method = u16(at + 10),
        .encrypted = u16(at + 8) & FLAG_ENCRYPTED,
    };
    read_extra64(at + CENTRAL_BYTES + name, extra, out);
    struct str raw = {(const char *)at + CENTRAL_BYTES, name};
    if (decode_name(raw, arena, &out->name)) return no_memory(fault);
    out->folder = name > 0 && out->name.data[out->name.size - 1] == '/';
    return OK;
}

// Members must lie before the directory, and all together not be larger than it leaves room for:
// such that share bytes unpack to a thousand times what they should.
static enum err check_places(const struct zip *zip, struct fault *fault) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < zip->count; i++) {
        const struct zip_member *member = &zip->members[i];
        if (member->header > zip->directory || member->packed > zip->directory) {
            return damaged(member->name, fault);
        }
        sum += LOCAL_BYTES + member->packed;
    }
    return sum > zip->directory ? fault_set(fault, ERR_INPUT, "zip.overlap", STR_NONE) : OK;
}

static enum err read_directory(struct zip *zip, const struct directory *directory,
                               struct arena *arena, struct fault *fault) {
    uint8_t *list = memory_take((size_t)directory->size + 1);
    zip->members = ARENA_ARRAY(arena, struct zip_member, directory->count + 1);
    if (!list || !zip->members) {
        memory_give(list);
        return no_memory(fault);
    }
    enum err err = read_at(zip->fd, directory->offset, list, (size_t)directory->size, fault);
    size_t at = 0;
    for (uint64_t i = 0; i < directory->count && !err; i++) {
        struct zip_member member;
        size_t size = 0;
        err = read_member(list + at, (size_t)directory->size - at, arena, &member, &size, fault);
        if (err) break;
        at += size;
        if (leads_out(member.name))
            zip->left_out++;
        else
            zip->members[zip->count++] = member;
    }
    memory_give(list);
    return err ? err : check_places(zip, fault);
}

enum err zip_open(int fd, struct arena *arena, struct zip **out, struct fault *fault) {
    struct stat about;
    struct directory directory = {0};
    struct zip *zip = ARENA_NEW(arena, struct zip);
    if (!zip) return no_memory(fault);
    if (fstat(fd, &about) != 0) return fault_errno(fault, errno, STR("zip"));
    *zip = (struct zip){.fd = fd, .file_bytes = (uint64_t)about.st_size};
    enum err err = find_end(fd, zip->file_bytes, &directory, fault);
    if (err) return err;
    if (directory.count > ZIP_MEMBERS_MAX || directory.size > ZIP_DIRECTORY_BYTES_MAX) {
        return fault_set(fault, ERR_LIMIT, "zip.too_many_members", STR_NONE);
    }
    if (directory.offset > zip->file_bytes || directory.size > zip->file_bytes - directory.offset) {
        return damaged(STR_NONE, fault);
    }
    zip->directory = directory.offset;
    err = read_directory(zip, &directory, arena, fault);
    if (!err) *out = zip;
    return err;
}

static char folded(char c) {
    if (c == '\\') return '/';
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool same_name(struct str a, struct str b) {
    if (a.size != b.size) return false;
    for (size_t i = 0; i < a.size; i++) {
        if (folded(a.data[i]) != folded(b.data[i])) return false;
    }
    return true;
}

int32_t zip_find(const struct zip *zip, struct str name) {
    for (uint32_t i = 0; i < zip->count; i++) {
        if (same_name(zip->members[i].name, name)) return (int32_t)i;
    }
    return -1;
}

// --- one member ----------------------------------------------------------------------------------

struct zip_stream {
    const struct zip *zip;
    const struct zip_member *member;
    uint64_t at, packed_left, size; // next byte of the file; what is left; what came out
    uint32_t crc;
    uint8_t *piece;
    size_t piece_at, piece_size;
    z_stream inflater;
    bool inflater_made, ended;
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

// The member's own header must tell the same as the directory.
static enum err check_header(struct zip_stream *stream, struct fault *fault) {
    const struct zip_member *member = stream->member;
    uint8_t header[LOCAL_BYTES];
    enum err err = read_at(stream->zip->fd, member->header, header, sizeof header, fault);
    if (err) return err;
    uint16_t flags = u16(header + 6);
    bool sizes_there = !(flags & FLAG_SIZES_BEHIND) && u32(header + 18) != UINT32_MAX &&
                       u32(header + 22) != UINT32_MAX;
    if (u32(header) != 0x04034b50 || u16(header + 8) != member->method) {
        return damaged(member->name, fault);
    }
    if (sizes_there && (u32(header + 14) != member->crc || u32(header + 18) != member->packed ||
                        u32(header + 22) != member->size)) {
        return damaged(member->name, fault);
    }
    if (member->encrypted || (flags & FLAG_ENCRYPTED)) {
        return fault_set(fault, ERR_INPUT, "zip.encrypted", member->name);
    }
    if (member->method != METHOD_STORED && member->method != METHOD_DEFLATED) {
        return fault_set(fault, ERR_INPUT, "zip.method", member->name);
    }
    stream->at = member->header + LOCAL_BYTES + u16(header + 26) + u16(header + 28);
    if (stream->at > stream->zip->directory ||
        member->packed > stream->zip->directory - stream->at ||
        (member->method == METHOD_STORED && member->packed != member->size)) {
        return damaged(member->name, fault);
    }
    return OK;
}

enum err zip_stream_open(const struct zip *zip, const struct zip_member *member,
                         struct zip_stream **out, struct fault *fault) {
    struct zip_stream *stream = memory_take(sizeof *stream);
    if (!stream) return no_memory(fault);
    *stream = (struct zip_stream){.zip = zip, .member = member, .packed_left = member->packed};
    stream->crc = (uint32_t)crc32(0, NULL, 0);
    enum err err = check_header(stream, fault);
    if (!err && member->size > ZIP_MEMBER_BYTES_MAX) {
        err = fault_set(fault, ERR_LIMIT, "zip.too_large", member->name);
    }
    if (!err) {
        stream->piece = memory_take(PIECE_BYTES);
        stream->inflater.zalloc = zlib_take;
        stream->inflater.zfree = zlib_give;
        stream->inflater_made = stream->piece && inflateInit2(&stream->inflater, -15) == Z_OK;
        if (!stream->inflater_made) err = no_memory(fault);
    }
    if (err) {
        zip_stream_close(stream);
        return err;
    }
    *out = stream;
    return OK;
}

void zip_stream_close(struct zip_stream *stream) {
    if (!stream) return;
    if (stream->inflater_made) inflateEnd(&stream->inflater);
    memory_give(stream->piece);
    memory_give(stream);
}

uint64_t zip_stream_packed(const struct zip_stream *stream) {
    return stream->member->packed - stream->packed_left;
}

static enum err refill(struct zip_stream *stream, struct fault *fault) {
    if (stream->piece_at < stream->piece_size || stream->packed_left == 0) return OK;
    size_t size = stream->packed_left < PIECE_BYTES ? (size_t)stream->packed_left : PIECE_BYTES;
    enum err err = read_at(stream->zip->fd, stream->at, stream->piece, size, fault);
    if (err) return err;
    stream->at += size, stream->packed_left -= size;
    stream->piece_at = 0, stream->piece_size = size;
    return OK;
}

static enum err step_stored(struct zip_stream *stream, void *out, size_t room, size_t *out_size) {
    size_t left = stream->piece_size - stream->piece_at;
    *out_size = left < room ? left : room;
    memcpy(out, stream->piece + stream->piece_at, *out_size);
    stream->piece_at += *out_size;
    stream->ended = *out_size == 0;
    return OK;
}

static enum err step_deflated(struct zip_stream *stream, void *out, size_t room, size_t *out_size,
                              struct fault *fault) {
    z_stream *inflater = &stream->inflater;
    if (room > UINT32_MAX) room = UINT32_MAX;
    inflater->next_in = stream->piece + stream->piece_at;
    inflater->avail_in = (uInt)(stream->piece_size - stream->piece_at);
    inflater->next_out = out;
    inflater->avail_out = (uInt)room;
    int status = inflate(inflater, Z_NO_FLUSH);
    stream->piece_at = stream->piece_size - inflater->avail_in;
    *out_size = room - inflater->avail_out;
    if (status == Z_MEM_ERROR) return no_memory(fault);
    bool used_up = stream->piece_at == stream->piece_size && stream->packed_left == 0;
    if (status == Z_STREAM_END) {
        stream->ended = true;
    } else if ((status != Z_OK && status != Z_BUF_ERROR) || (used_up && *out_size == 0)) {
        return damaged(stream->member->name, fault);
    }
    return OK;
}

static enum err check_growth(const struct zip_stream *stream, struct fault *fault) {
    const struct zip_member *member = stream->member;
    if (stream->size > member->size) return damaged(member->name, fault);
    uint64_t packed = zip_stream_packed(stream) + 1;
    if (stream->size > ZIP_RATIO_FREE_BYTES && stream->size / packed > ZIP_RATIO_MAX) {
        return fault_set(fault, ERR_LIMIT, "zip.bomb", member->name);
    }
    return OK;
}

enum err zip_stream_read(struct zip_stream *stream, void *out, size_t room, size_t *out_size,
                         struct fault *fault) {
    *out_size = 0;
    while (!stream->ended && *out_size == 0 && room > 0) {
        enum err err = refill(stream, fault);
        if (!err) {
            err = stream->member->method == METHOD_STORED
                      ? step_stored(stream, out, room, out_size)
                      : step_deflated(stream, out, room, out_size, fault);
        }
        if (err) return err;
        stream->crc = (uint32_t)crc32(stream->crc, out, (uInt)*out_size);
        stream->size += *out_size;
        err = check_growth(stream, fault);
        if (err) return err;
        bool wrong = stream->size != stream->member->size || stream->crc != stream->member->crc;
        if (stream->ended && wrong) return damaged(stream->member->name, fault);
    }
    return OK;
}
