// Confinement by cgroup v2: below our own cgroup two folders, `core` (this process) and `jobs`, one
// folder in `jobs` for each attempt. A fresh folder per attempt: after one cgroup.kill the kernel
// kills every later process at birth that starts in the same folder.
// Without the right to do so: rlimits and nice in the child, memory watched by the parent.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "allocation/allocation_private.h"
#include "base/file.h"
#include "base/memory.h"

struct confine {
    enum confine_level level;
    char jobs[CGROUP_PATH_SIZE]; // the folder of the attempts; "" without cgroups
};

const char *confine_level_name(enum confine_level level) {
    return level == CONFINE_CGROUP ? "cgroup" : level == CONFINE_LIMITS ? "limits" : "none";
}

// Kernel files take their value in one write. Async-signal-safe.
static bool value_write(const char *path, const char *value) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    size_t size = strlen(value);
    bool done = write(fd, value, size) == (ssize_t)size;
    close(fd);
    return done;
}

static bool member_write(const char *folder, const char *name, const char *value) {
    char path[CGROUP_PATH_SIZE];
    return path_join(path, sizeof path, folder, name) == OK && value_write(path, value);
}

static bool text_read(const char *path, struct buf *out) {
    return file_read(path, out, NULL) == OK;
}

// Where cgroup2 is mounted, from /proc/self/mounts: "cgroup2 /sys/fs/cgroup cgroup2 rw,…".
static bool mount_find(char *out, size_t out_size) {
    struct buf text;
    buf_open(&text, 1 << 20);
    bool found = false;
    if (text_read("/proc/self/mounts", &text)) {
        struct str rest = buf_str(&text);
        while (rest.size > 0 && !found) {
            struct str line = str_cut(rest, '\n', &rest), after;
            str_cut(line, ' ', &after);
            struct str where = str_cut(after, ' ', &after);
            struct str kind = str_cut(after, ' ', &after);
            found = str_is(kind, "cgroup2") && str_copy(out, out_size, where);
        }
    }
    buf_close(&text);
    return found;
}

bool cgroup_own(char folder[static CGROUP_PATH_SIZE], char root[static CGROUP_PATH_SIZE]) {
    if (!mount_find(root, CGROUP_PATH_SIZE)) return false;
    struct buf text;
    buf_open(&text, 64 * 1024);
    bool found = false;
    if (text_read("/proc/self/cgroup", &text)) {
        struct str rest = buf_str(&text);
        while (rest.size > 0 && !found) {
            struct str line = str_cut(rest, '\n', &rest);
            if (!str_starts(line, STR("0::/"))) continue;
            struct str own = {line.data + 3, line.size - 3};
            if (own.size == 1) own.size = 0; // the root itself
            int size = snprintf(folder, CGROUP_PATH_SIZE, "%s%.*s", root, STR_ARG(own));
            found = size > 0 && size < CGROUP_PATH_SIZE;
        }
    }
    buf_close(&text);
    return found;
}

// Only a cgroup that holds this process alone may be rearranged: a login session is not ours.
static bool alone_in(const char *folder) {
    char path[CGROUP_PATH_SIZE], line[64], own[32];
    snprintf(own, sizeof own, "%d", (int)getpid());
    return path_join(path, sizeof path, folder, "cgroup.procs") == OK &&
           kernel_line(path, line, sizeof line) && strcmp(line, own) == 0;
}

static bool controllers_there(const char *folder) {
    char path[CGROUP_PATH_SIZE], line[512];
    if (path_join(path, sizeof path, folder, "cgroup.controllers") != OK) return false;
    if (!kernel_line(path, line, sizeof line)) return false;
    return strstr(line, "memory") && strstr(line, "pids") && strstr(line, "cpu");
}

static bool folder_there(const char *path) {
    return mkdir(path, 0755) == 0 || errno == EEXIST;
}

static bool cgroups_arrange(struct confine *confine) {
    char own[CGROUP_PATH_SIZE], root[CGROUP_PATH_SIZE], core[CGROUP_PATH_SIZE];
    static const char wanted[] = "+cpu +memory +pids";
    if (!cgroup_own(own, root) || !controllers_there(own) || !alone_in(own)) return false;
    if (path_join(core, sizeof core, own, "core") != OK || !folder_there(core)) return false;
    if (path_join(confine->jobs, sizeof confine->jobs, own, "jobs") != OK) return false;
    if (!member_write(core, "cgroup.procs", "0")) {
        rmdir(core);
        return false;
    }
    bool done = member_write(own, "cgroup.subtree_control", wanted) &&
                folder_there(confine->jobs) &&
                member_write(confine->jobs, "cgroup.subtree_control", wanted);
    if (!done) { // back to where we were
        member_write(own, "cgroup.procs", "0");
        rmdir(confine->jobs);
        rmdir(core);
        return false;
    }
    member_write(core, "cpu.weight", "1000");
    return true;
}

struct confine *confine_open(void) {
    struct confine *confine = memory_take(sizeof *confine);
    if (!confine) return NULL;
    struct rlimit core;
    confine->level = getrlimit(RLIMIT_CORE, &core) == 0 ? CONFINE_LIMITS : CONFINE_NONE;
    if (cgroups_arrange(confine)) {
        confine->level = CONFINE_CGROUP;
    } else {
        confine->jobs[0] = '\0';
    }
    return confine;
}

void confine_close(struct confine *confine) {
    if (!confine) return;
    if (confine->jobs[0]) rmdir(confine->jobs); // stays while jobs run in it
    memory_give(confine);
}

enum confine_level confine_level(const struct confine *confine) {
    return confine ? confine->level : CONFINE_NONE;
}

static bool attempt_folder(const struct confine *confine, uint64_t job, uint32_t attempt,
                           const char *member, char out[static CGROUP_PATH_SIZE]) {
    if (!confine || !confine->jobs[0]) return false;
    int size = snprintf(out, CGROUP_PATH_SIZE, "%s/%" PRIu64 ".%" PRIu32 "%s%s", confine->jobs, job,
                        attempt, member[0] ? "/" : "", member);
    return size > 0 && size < CGROUP_PATH_SIZE;
}

int confine_prepare(struct confine *confine, uint64_t job, uint32_t attempt,
                    const struct confine_limits *limits) {
    char folder[CGROUP_PATH_SIZE], value[32];
    if (!attempt_folder(confine, job, attempt, "", folder)) return 0;
    if (!folder_there(folder)) return -1;
    snprintf(value, sizeof value, "%" PRIu64, limits->memory_bytes);
    bool done = member_write(folder, "memory.max", value);
    member_write(folder, "memory.swap.max", "0"); // absent without swap accounting
    done = member_write(folder, "memory.oom.group", "1") && done;
    snprintf(value, sizeof value, "%" PRIu32, limits->processes);
    done = member_write(folder, "pids.max", value) && done;
    snprintf(value, sizeof value, "%" PRIu32, limits->cpu_weight);
    done = member_write(folder, "cpu.weight", value) && done;
    return done ? 0 : -1;
}

void confine_enter(struct confine *confine, uint64_t job, uint32_t attempt,
                   const struct confine_limits *limits) {
    (void)limits; // the cgroup's are set by confine_prepare; memory otherwise by the parent
    char path[CGROUP_PATH_SIZE];
    if (attempt_folder(confine, job, attempt, "cgroup.procs", path)) value_write(path, "0");
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none); // a core would hold people's data
    setpriority(PRIO_PROCESS, 0, 10);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    value_write("/proc/self/oom_score_adj", "500"); // the service is the last to go
}

static bool memory_ran_out(const struct confine *confine, uint64_t job, uint32_t attempt) {
    char path[CGROUP_PATH_SIZE];
    if (!attempt_folder(confine, job, attempt, "memory.events", path)) return false;
    struct buf text;
    buf_open(&text, 4096);
    bool ran_out = false;
    if (text_read(path, &text)) {
        struct str rest = buf_str(&text);
        while (rest.size > 0) {
            struct str value, line = str_cut(rest, '\n', &rest);
            struct str name = str_cut(line, ' ', &value);
            uint64_t count;
            if (str_is(name, "oom_kill") && str_to_u64(value, &count)) ran_out = count > 0;
        }
    }
    buf_close(&text);
    return ran_out;
}

bool confine_finish(struct confine *confine, uint64_t job, uint32_t attempt) {
    char folder[CGROUP_PATH_SIZE];
    if (!attempt_folder(confine, job, attempt, "", folder)) return false;
    bool ran_out = memory_ran_out(confine, job, attempt);
    member_write(folder, "cgroup.kill", "1");
    // The folder can go once the last process has been reaped, a moment after the kill.
    for (int i = 0; i < 50 && rmdir(folder) != 0 && errno == EBUSY; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    return ran_out;
}

// Anonymous and shared memory, swapped out or not: pages of mapped files can always be dropped and
// do not count. "RssAnon:      1234 kB".
static uint64_t status_memory(int pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    struct buf text;
    buf_open(&text, 64 * 1024);
    uint64_t sum = 0;
    if (text_read(path, &text)) {
        struct str rest = buf_str(&text);
        while (rest.size > 0) {
            struct str value, line = str_cut(rest, '\n', &rest);
            struct str name = str_cut(line, ':', &value);
            if (!str_is(name, "RssAnon") && !str_is(name, "RssShmem") && !str_is(name, "VmSwap")) {
                continue;
            }
            struct str unit;
            uint64_t kib;
            if (str_to_u64(str_cut(str_trim(value), ' ', &unit), &kib)) sum += kib * 1024;
        }
    }
    buf_close(&text);
    return sum;
}

uint64_t confine_memory_bytes(struct confine *confine, uint64_t job, uint32_t attempt, int pid) {
    char path[CGROUP_PATH_SIZE], line[64];
    uint64_t bytes;
    if (attempt_folder(confine, job, attempt, "memory.current", path) &&
        kernel_line(path, line, sizeof line) && str_to_u64(str_of(line), &bytes)) {
        return bytes;
    }
    return pid > 0 ? status_memory(pid) : 0;
}
