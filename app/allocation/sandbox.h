// The fence around a program that is not ours: what a person's own job may reach. It is put up by
// the process itself just before exec, and nothing it starts can take it down:
//   Landlock   reads and runs what lies in the system's folders, writes in its own folder alone;
//              traces no process outside; from ABI 6 (Linux 6.12) on sends no signal outside
//   user       another than the service's, where the service is root and was given one
//   seccomp    opens no socket to a network (and, without a user of its own, none at all)
// Together they must keep it from the store, the keys, other jobs and the service; where the
// machine gives less, sandbox_lacks says what, and the caller runs no such program. Depends on
// base/ only.
// Caveats: two jobs of one user can send each other signals where Landlock is older than ABI 6. One
// that has an accelerator can say which of its user's processes the kernel is to end first when
// memory runs out (/proc/PID/oom_score_adj).
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sandbox {
    uint32_t uid, gid; // whose it runs as; 0: ours
    uint32_t landlock; // its ABI; 0: none
    bool filter;       // seccomp takes filters
};
// What this machine gives now. `uid` and `gid` count where we are root.
void sandbox_probe(uint32_t uid, uint32_t gid, struct sandbox *out);
// NULL: it holds. Else what is missing, the last part of a message's key: "user" (we are root and
// no user for jobs was named), "landlock", "signals" (Landlock too old without such a user),
// "filter".
const char *sandbox_lacks(const struct sandbox *sandbox);
// False if `path` lies where every such program may read.
bool sandbox_outside(const char *path);

// In a child before exec: system calls only, and no memory. `folder` is where it may write (a path
// that it may reach as its user), `devices` (device_count) what it may open beside the base ones;
// with any of them it may write in /proc too what its user may.
// False: it must not run.
bool sandbox_enter(const struct sandbox *sandbox, const char *folder, const char *const *devices,
                   uint32_t device_count);
