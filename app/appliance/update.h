// An update of the appliance: one signed file that carries the image of a slot.
//
//   a POSIX tar: manifest.json | signature.json | slot.img.zst (or slot.img)
//   manifest.json   {"update":1,"product","architecture","version","build","from","image":{"path",
//                   "bytes","sha256"},"unpacked":{"bytes","sha256"}}
//   signature.json  base/sign.h's signature_write of the manifest
//
// Every byte of the file is accounted for: the manifest by the signature, the image by the
// manifest, all else because there is only one way to write it. The same content and key give the
// same bytes. Depends on base/ and zstd. Constant memory to read, the image's size to write; any
// thread.
#pragma once

#include "appliance/sealed.h"
#include "base/fault.h"
#include "base/sign.h"
#include "base/thread.h"
#include "base/version.h"

enum {
    UPDATE_ARCHITECTURE_BYTES = 15,
    UPDATE_BUILD_BYTES = 64,
    UPDATE_IMAGE_BYTES_MAX = 1 << 30,
    UPDATE_MANIFEST_BYTES = 16 * 1024,
};
extern const char UPDATE_PRODUCT[]; // "courtyard-appliance"

struct update_about {
    char architecture[UPDATE_ARCHITECTURE_BYTES + 1]; // "x86_64", "aarch64"
    char version[VERSION_BYTES_MAX + 1];
    char build[UPDATE_BUILD_BYTES + 1]; // of the program, for people
    char from[VERSION_BYTES_MAX + 1];   // the least version that may be updated
    bool packed;
    uint64_t member_bytes, image_bytes;
    struct hash member, image; // as it lies in the file, and unpacked
    struct verify_key signer;
};
struct update_content {
    const char *image; // a slot as a file: FAT, with version.txt that says VERSION ARCHITECTURE
    const char *version, *architecture;
    const char *build; // NULL: the first digits of the image's SHA-256
    const char *from;  // NULL: "0.0.0"
};
// Writes a new file, whole or not at all. ERR_INPUT "appliance.bad_slot_image" (detail: the path),
// "appliance.bad_version", "appliance.image_other_version" (detail: what version.txt says).
enum err update_write(const char *path, const struct update_content *content,
                      const struct sign_key *key, struct progress *progress,
                      struct fault *fault) MUST_USE;
// Reads all of it. `from` NULL: signed by whomever. ERR_INPUT "appliance.no_update",
// "appliance.update_unknown"; ERR_CORRUPT "appliance.update_signature", "appliance.update_damaged";
// ERR_DENIED "appliance.update_other_signer" (detail: the signer's fingerprint).
enum err update_show(const char *path, const struct verify_key *from, struct update_about *out,
                     struct progress *progress, struct fault *fault) MUST_USE;

// The same in steps: the signature and what the manifest says; then every byte of the file; then
// the image, from its start, as often as wanted.
struct update_file {
    struct sealed sealed; // its path is the caller's and must outlive it
    struct update_about about;
};
enum err update_open(const char *path, const struct verify_key *from, struct update_file *out,
                     struct fault *fault) MUST_USE;
enum err update_check(struct update_file *file, struct progress *progress,
                      struct fault *fault) MUST_USE;
void update_close(struct update_file *file);

struct image_reader {
    struct update_file *file;
    uint64_t left; // of the member
    uint64_t done; // of the image
    struct sha256 member, image;
    void *zstd;
    uint8_t *packed; // a piece of the member
    size_t packed_size, packed_at;
    bool frame_open;
};
enum err image_open(struct update_file *file, struct image_reader *out,
                    struct fault *fault) MUST_USE;
// Fills `out` unless the image ends before; *out_size 0 at its end, when all its bytes were what
// the manifest says: ERR_CORRUPT "appliance.update_damaged" otherwise.
enum err image_read(struct image_reader *reader, void *out, size_t size, size_t *out_size,
                    struct fault *fault) MUST_USE;
void image_close(struct image_reader *reader);
