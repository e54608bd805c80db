// Reading zip archives, ZIP64 among them, stored and deflated: the central directory says what
// there is, each member's own header must agree, sizes and CRC-32 are checked while it is read.
// Members are never written anywhere by their names; names that lead out of the archive are left
// out. What unpacks to far more than it should is refused (ZIP_RATIO_MAX). Depends on base/ and
// zlib. One thread an archive.
#pragma once

#include "base/fault.h"
#include "base/memory.h"
#include "base/str.h"

enum {
    // Members of an archive, and the bytes of the list of them.
    ZIP_MEMBERS_MAX = 100 * 1000,
    ZIP_DIRECTORY_BYTES_MAX = 64 << 20,
    // Unpacked bytes for each packed one, once a member has unpacked to ZIP_RATIO_FREE_BYTES:
    // tables reach some 50, deflate itself ends at 1032.
    ZIP_RATIO_MAX = 400,
    ZIP_RATIO_FREE_BYTES = 64 << 20,
};
// Unpacked bytes of one member, whatever its ratio.
#define ZIP_MEMBER_BYTES_MAX ((uint64_t)64 << 30)

struct zip_member {
    struct str name; // UTF-8, '/' between folders; in the arena
    uint64_t header; // where its own header begins
    uint64_t packed, size;
    uint32_t crc;
    uint16_t method;
    bool encrypted, folder;
};
struct zip {
    int fd; // the caller's
    uint64_t file_bytes, directory;
    struct zip_member *members; // (count)
    uint32_t count;
    uint32_t left_out; // members whose names lead out of the archive
};

bool zip_begins(const uint8_t *at, size_t size); // do these bytes look like a zip's?
// ERR_INPUT "zip.damaged", "zip.overlap"; ERR_LIMIT "zip.too_many_members". *out in the arena.
enum err zip_open(int fd, struct arena *arena, struct zip **out, struct fault *fault) MUST_USE;
// Ignores case and takes '\' as '/'; -1: none.
int32_t zip_find(const struct zip *zip, struct str name);

struct zip_stream;
// ERR_INPUT "zip.encrypted", "zip.method", "zip.damaged" (detail: the member).
enum err zip_stream_open(const struct zip *zip, const struct zip_member *member,
                         struct zip_stream **out, struct fault *fault) MUST_USE;
// *out_size 0 at the end, when size and CRC were right.
enum err zip_stream_read(struct zip_stream *stream, void *out, size_t room, size_t *out_size,
                         struct fault *fault) MUST_USE;
uint64_t zip_stream_packed(const struct zip_stream *stream); // bytes read so far
void zip_stream_close(struct zip_stream *stream);
