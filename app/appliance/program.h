// The program run once more, as the service's user, for what PID 1's children leave to it: making
// an archive, restoring one, putting a copy of the database back. When it fails it hands its fault
// to whoever runs it, through a pipe whose descriptor PROGRAM_FAULT_FD names in its environment:
// one JSON object as json_put_fault writes it, nothing when all is done. Its sentences go to
// standard error, and so to the log, besides. Depends on base/. Owns nothing; any thread.
#pragma once

#include "base/fault.h"
#include "base/thread.h"

#define PROGRAM_FAULT_FD "COURTYARD_FAULT_FD"

struct program {
    const char *path; // of the binary
    uint32_t user;    // and group, which it runs as; 0: ours
};
// argv ends in NULL; waits for the end. Stopped by the progress: SIGTERM, then ERR_CANCELLED.
// ERR_IO with the program's own fault, or, where it told none (it was killed, or is not there),
// "appliance.backup_failed" (detail: argv[1]).
enum err program_run(const struct program *program, const char *const argv[],
                     const struct progress *progress, struct fault *fault) MUST_USE;
// The other side: tells the fault to whoever wants to hear it. What only a command line says (codes
// "cli.…") is not told.
void program_fault_tell(const struct fault *fault);
