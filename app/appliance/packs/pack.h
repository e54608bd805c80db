// A pack: a vendor's driver libraries for the appliance in one signed file.
//
//   sealed.h's file of manifest.json | signature.json | pack.squashfs
//   manifest.json   {"pack":1,"name","vendor","version","architecture","files":[…]}, in the order
//                   of their paths, each {"path","bytes","executable","sha256"} or {"path","link"}
//   pack.squashfs   disk/squashfs.h's of those files
//
// Why a file system in the file, mounted through a loop device, and no folder of unpacked files:
// a pack is there or not, also after a cut; nothing can be added to what it holds; it lies on the
// disk once; and it cannot be written to, whoever tries. Why no dm-verity: reading all of it once
// at the start (0.7 s of the processor for a GB with SHA-NI, measured; in a child of PID 1 that
// nobody waits for) needs no tree of hashes and no further driver.
//
// Every byte is accounted for: the manifest by the signature, the files by the manifest, all else
// because it is made again from the manifest and compared. So no set-uid bits, devices, owners or
// names that lead out of it can be in a pack that opens. The same folder, words and key give the
// same bytes. Depends on base/. Memory: a few MB, whatever the size. Any thread.
#pragma once

#include "appliance/sealed.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/sign.h"
#include "base/thread.h"

enum {
    PACK_NAME_BYTES = 31,
    PACK_VENDOR_BYTES = 64,
    PACK_VERSION_BYTES = 31,
    PACK_ARCHITECTURE_BYTES = 15,
    PACK_FILE_NAME_BYTES = PACK_NAME_BYTES + PACK_VERSION_BYTES + 8,
    PACK_FILES_MAX = 4096, // and links; the largest driver known has some 400
    PACK_PATH_BYTES_MAX = 200,
    PACK_MANIFEST_BYTES_MAX = 2 << 20,
};
#define PACK_BYTES_MAX ((uint64_t)4 << 30) // of its files: goes onto a stick of FAT, nearly

struct pack_about {
    char name[PACK_NAME_BYTES + 1];       // a-z 0-9 -, a letter or digit first: a folder's name
    char vendor[PACK_VENDOR_BYTES + 1];   // for people
    char version[PACK_VERSION_BYTES + 1]; // A-Z a-z 0-9 . _ +, a letter or digit first
    char architecture[PACK_ARCHITECTURE_BYTES + 1]; // "x86_64", "aarch64"
    uint32_t files;                                 // and links
    uint64_t bytes;                                 // of them
    struct verify_key signer;
};
// NAME-VERSION.pack, as packs are called where they are kept.
void pack_file_name(const struct pack_about *about, char out[static PACK_FILE_NAME_BYTES]);

struct pack_entry {
    struct str path,
        target; // target: of a link, where it leads from its own folder; size 0: a file
    uint64_t bytes;
    bool executable;
    struct hash hash;
};
// ERR_INPUT with the fault of what a manifest may not hold: "appliance.pack_path" (detail: the
// path), "appliance.pack_link" (a link that leads out of it or nowhere), "appliance.pack_twice",
// "appliance.pack_unknown"; ERR_LIMIT "appliance.pack_files", "appliance.pack_large". `entries` in
// the order of str_compare of their paths.
enum err pack_entries_check(const struct pack_entry *entries, uint32_t count,
                            struct fault *fault) MUST_USE;
enum err pack_about_check(const struct pack_about *about, struct fault *fault) MUST_USE;

// ---- making -------------------------------------------------------------------------------------
struct pack_content {
    const char *folder; // all that lies in it, and what its links lead to within it
    const char *name, *vendor, *version, *architecture;
};
// A new file, whole or not at all. What pack_about_check and pack_entries_check give (ERR_INPUT);
// ERR_INPUT "appliance.pack_kind" (detail: the path of what is neither file, folder nor link),
// "appliance.pack_changed" (of a file that was written to meanwhile), "appliance.pack_empty".
enum err pack_write(const char *path, const struct pack_content *content,
                    const struct sign_key *key, struct pack_about *about, struct progress *progress,
                    struct fault *fault) MUST_USE;

// ---- reading ------------------------------------------------------------------------------------
struct pack_file {
    struct sealed sealed; // its path is the caller's and must outlive it
    struct pack_about about;
    struct json *manifest;
    struct pack_entry *entries;
    struct buf head, tail; // of the file system
    uint64_t image_bytes;
};
// The signature and what the manifest says. `from` NULL: signed by whomever. ERR_INPUT
// "appliance.no_pack", and as pack_entries_check; ERR_CORRUPT "appliance.pack_signature",
// "appliance.pack_damaged"; ERR_DENIED "appliance.pack_other_signer".
enum err pack_open(const char *path, const struct verify_key *from, struct pack_file *out,
                   struct fault *fault) MUST_USE;
// Every byte of it.
enum err pack_check(const struct pack_file *file, struct progress *progress,
                    struct fault *fault) MUST_USE;
void pack_close(struct pack_file *file);
// Whether a file says that it is one, right or wrong: its first member's first bytes.
bool pack_is_one(const char *path);
