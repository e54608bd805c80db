// A bundle: one file that carries a release or a model between boxes, signed, so that who receives
// it by a memory stick knows from whom it is and that not a byte was changed.
//
//   a POSIX tar: manifest.json | signature.json | the members in the manifest's order
//   manifest.json   {"bundle":1,"name",…,"members":[{"path","kind","bytes","sha256"}]}: what the
//                   members are, and all else a receiver must know; made by whoever packs
//   signature.json  {"algorithm":"ecdsa-p256-sha256","public_key","signature"} of the manifest
//
// Every byte of the file is accounted for: the manifest by the signature, the members by the
// manifest, all else (headers, padding, the end) because there is only one way to write it. The
// same content and key give the same bytes. Depends on base/. Constant memory; any thread.
#pragma once

#include "base/buf.h"
#include "base/fault.h"
#include "base/sign.h"
#include "base/thread.h"

enum {
    LIMIT_BUNDLE_MEMBERS = 1000,
    LIMIT_MANIFEST_BYTES = 16 << 20,
    LIMIT_MEMBER_PATH_BYTES = 100,
};

struct bundle_member {
    const char *path; // within the bundle: [A-Za-z0-9._/-], no "..", not absolute
    const char *kind; // "data", "report", "recipe", …
    const char *file; // where it lies now
};
struct bundle_content {
    struct str name;
    struct str about; // further members of the manifest as JSON, "\"rows\":3,…"; may be empty
    const struct bundle_member *members;
    uint32_t member_count;
};
// Writes a new file, whole or not at all. ERR_LIMIT "bundle.too_large", ERR_INPUT
// "bundle.bad_path".
enum err bundle_write(const char *path, const struct bundle_content *content,
                      const struct sign_key *key, struct progress *progress,
                      struct fault *fault) MUST_USE;

struct bundle_info {
    struct verify_key signer;
    uint32_t members;
    uint64_t bytes; // of the file
};
// Reads all of it. `from` NULL: by whomever. *manifest (may be NULL) is appended to only if all is
// well. ERR_INPUT "bundle.not_a_bundle"; ERR_CORRUPT "bundle.damaged" (detail: the member),
// "bundle.bad_signature"; ERR_DENIED "bundle.other_signer".
enum err bundle_verify(const char *path, const struct verify_key *from, struct buf *manifest,
                       struct bundle_info *out, struct progress *progress,
                       struct fault *fault) MUST_USE;
