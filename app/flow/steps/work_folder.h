// The folder a person's own program works in: JOB/work, with `out` for what is to be kept. The
// program may have put anything there, links and pipes among it: it is walked
// by descriptors, no link is followed, and only plain files are read. The job's own process.
#pragma once

#include "allocation/sandbox.h"
#include "base/limits.h"
#include "flow/flow.h"

enum {
    WORK_DEPTH_MAX = 16,
    WORK_FILES_MAX = 10000, // kept of one job
    WORK_LISTED_MAX = 100,  // of those, named in the job's summary
    WORK_SEEN_MAX = 200000, // looked at when its size is taken
    COMMAND_MEMBERS_MAX = 64,
};
#define WORK_OUTPUT "output.tar"

// Makes JOB/work with the inputs "file:NAME" and "table" in it; of an earlier attempt's nothing
// stays unless `keep`. Whose program it is owns it all. *out: its path.
enum err work_make(struct step_context *context, const struct sandbox *sandbox, bool keep,
                   char out[static LIMIT_PATH_BYTES]) MUST_USE;
// What lies there on the disk.
uint64_t work_bytes(const char *work);
// Packs `out`, if it holds a file, into JOB/out/output.tar and tells of it in the summary: "files",
// "bytes", "left_out" (names too long, too many, no plain files) and "list", the first of them.
enum err work_pack(struct step_context *context, const char *work) MUST_USE;
