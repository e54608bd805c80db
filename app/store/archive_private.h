// What a backup archive holds, for the writer (backup.c) and the reader (restore.c). In this order:
//
//   courtyard-backup        "1\n", the format's version
//   state/data.mdb          a snapshot of the state
//   blobs/ab/abcdef…        every blob the snapshot names
//   keys/…, tls/…           secrets, mode 0600
//   manifest                a line for each of the above: SHA-256, size, path
//
// Both hold a manifest of their own in a file as they go: memory stays constant.
#pragma once

#include "base/tar.h"
#include "store/store_private.h"

#define ARCHIVE_FORMAT_PATH "courtyard-backup"
#define ARCHIVE_FORMAT "1\n"
#define ARCHIVE_MANIFEST "manifest"

enum { ARCHIVE_PIECE_BYTES = 256 << 10, ARCHIVE_DEPTH_MAX = 4 };

// Appends "HEX SIZE PATH\n" to the file.
enum err manifest_add(int fd, const struct hash *hash, uint64_t size, struct str path,
                      struct fault *fault) MUST_USE;
// A path that may stand in an archive, and nothing else: no "..", no absolute path, known folders.
bool archive_path_fits(struct str path);
// The hash a blob's path promises; false if it is no blob's path.
bool archive_blob_hash(struct str path, struct hash *out);
