// Another program run to its end: what it printed, bounded, within a time. For the commands of a
// cluster's engine and the like, never for jobs. Depends on base/ only. Any thread; it blocks.
#pragma once

#include "base/buf.h"
#include "base/fault.h"

struct command_said {
    struct buf out, err; // the caller opens them with their caps; what is beyond is thrown away
    bool cut;            // something was
    int status;          // exit status; 128 + the signal that ended it
};
// argv[0] is looked for along PATH; standard input is empty; descriptors of ours stay here.
// `extra`, if not NULL, is one more "NAME=VALUE" of its environment. OK whatever its status;
// ERR_NOT_FOUND "command.missing" (detail: its name), ERR_BUSY "command.slow" after `timeout_ms`
// (it is killed), ERR_IO.
enum err command_run(const char *const *argv, const char *extra, int timeout_ms,
                     struct command_said *said, struct fault *fault) MUST_USE;
