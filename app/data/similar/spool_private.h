// The units of kept texts one after another: in memory up to a bound, then in a scratch file
// without a name, which is gone when it is closed. Depends on base/. One thread at a time.
#pragma once

#include "base/buf.h"
#include "base/fault.h"
#include "base/limits.h"

struct spool {
    char folder[LIMIT_PATH_BYTES]; // "" : all stays in memory
    size_t memory_most;            // before the file is used
    int file;                      // -1: none yet
    uint64_t written;              // bytes in the file
    struct buf held;               // what follows them
    char *read;                    // what was read from the file
    size_t read_bytes;
};
enum err spool_open(struct spool *spool, const char *folder, size_t memory_most,
                    struct fault *fault) MUST_USE;
void spool_close(struct spool *spool);
// *offset: where it begins, for spool_read.
enum err spool_add(struct spool *spool, struct str bytes, uint64_t *offset) MUST_USE;
// Valid until the next call.
enum err spool_read(struct spool *spool, uint64_t offset, size_t size, struct str *out) MUST_USE;
