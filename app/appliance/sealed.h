// A signed file of the appliance: an update (update.h), a pack of libraries (pack.h).
//
//   a POSIX tar: manifest.json | signature.json | one large member
//   signature.json  base/sign.h's signature_write of the manifest
//
// The manifest says what the member must be; all else is so because there is only one way to write
// it. Depends on base/. Constant memory but for the manifest; any thread.
#pragma once

#include "base/buf.h"
#include "base/fault.h"
#include "base/sign.h"

// What a kind of file says of itself, as codes of sentences.
struct sealed_words {
    const char *none;         // it is no such file; detail: the path
    const char *signature;    // the signature is wrong
    const char *other_signer; // detail: the signer's fingerprint
    const char *damaged;      // detail: the path
};

struct sealed {
    int fd;
    const char *path; // the caller's, must outlive it
    const struct sealed_words *words;
    uint64_t bytes; // of the file
    uint64_t member_offset, member_bytes;
    struct verify_key signer;
    struct buf manifest, signature;
    struct buf head; // all that stands before the member
};
// The manifest's signature is right and, unless `from` is NULL, that key's. ERR_INPUT words->none;
// ERR_CORRUPT words->signature, words->damaged; ERR_DENIED words->other_signer.
enum err sealed_open(const char *path, const struct sealed_words *words, size_t manifest_bytes_max,
                     const struct verify_key *from, struct sealed *out,
                     struct fault *fault) MUST_USE;
void sealed_close(struct sealed *file);
// What the manifest says of the member; after it sealed_read and sealed_check can be called.
enum err sealed_member(struct sealed *file, struct str name, uint64_t bytes) MUST_USE;
// Bytes of the file from `offset` on. ERR_CORRUPT words->damaged if it ends before.
enum err sealed_read(const struct sealed *file, uint64_t offset, void *out, size_t size,
                     struct fault *fault) MUST_USE;
// Everything around the member, byte by byte.
enum err sealed_check(const struct sealed *file, struct fault *fault) MUST_USE;

// All that stands before the member, signed. ERR_INPUT "bundle.bad_key"; ERR_MEMORY.
enum err sealed_head(struct str manifest, struct str member, uint64_t member_bytes,
                     const struct sign_key *key, struct buf *head, struct fault *fault) MUST_USE;
// What stands behind it: zeros, this many.
size_t sealed_tail_bytes(uint64_t member_bytes);
