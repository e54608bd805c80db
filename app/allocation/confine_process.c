// Watching by /proc, where no cgroup holds a job together. A process belongs to a job if it is in
// the session of the job's first process, descends from one that belongs, or, once orphaned,
// carries the job's mark in its environment. A process that hides from all three is not found:
// that is what cgroups are for. Process ids are used again by the kernel: a first process is known
// by its start time too, and a signal goes by a handle whose start time has been looked at once
// more.
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "allocation/confine_private.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"

enum { KILL_ROUNDS = 40, KILL_PAUSE_US = 500, ENVIRONMENT_BYTES = 256 * 1024 };

// /proc/PID/stat: "PID (NAME) STATE PARENT GROUP SESSION …", the start time is field 22. The name
// may hold anything: what counts begins behind the last ')'.
static bool process_parse(struct str text, struct process *out) {
    const char *close = memrchr(text.data, ')', text.size);
    if (!close) return false;
    struct str rest = {close + 1, text.size - (size_t)(close + 1 - text.data)};
    rest = str_trim(rest);
    uint64_t value = 0;
    for (int field = 3; field <= 22; field++) {
        struct str word = str_cut(rest, ' ', &rest);
        if (field == 3) out->zombie = str_is(word, "Z") || str_is(word, "X");
        if (field != 4 && field != 6 && field != 22) continue;
        if (!str_to_u64(word, &value)) return false;
        if (field == 4) out->parent = (int)value;
        if (field == 6) out->session = (int)value;
    }
    out->start = value;
    return true;
}

static bool process_read(int pid, struct buf *text, struct process *out) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    buf_clear(text);
    *out = (struct process){.pid = pid};
    return file_read(path, text, NULL) == OK && process_parse(buf_str(text), out);
}

uint64_t process_start(int pid) {
    struct buf text;
    struct process process;
    buf_open(&text, 4096);
    bool there = pid > 0 && process_read(pid, &text, &process);
    buf_close(&text);
    return there ? process.start : 0;
}

// /proc lists them by number; one out of turn would only be missed.
static bool process_put(struct confine *confine, const struct process *process) {
    size_t count = confine->process_count;
    if (count > 0 && confine->processes[count - 1].pid >= process->pid) return true;
    if (confine->process_count == confine->process_room) {
        size_t room = confine->process_room ? confine->process_room * 2 : 256;
        if (room > PROCESSES_SEEN_MAX) return false;
        struct process *more = memory_resize(
            confine->processes, confine->process_room * sizeof *more, room * sizeof *more);
        if (!more) return false;
        confine->processes = more;
        confine->process_room = room;
    }
    confine->processes[confine->process_count++] = *process;
    return true;
}

void processes_look(struct confine *confine, uint64_t oldest_us) {
    if (confine->looked_us && confine->looked_us >= oldest_us) return;
    confine->looked_us = clock_monotonic_us();
    confine->process_count = 0;
    DIR *list = opendir("/proc");
    if (!list) return;
    struct buf text;
    buf_open(&text, 4096);
    const struct dirent *entry;
    while ((entry = readdir(list)) != NULL) {
        uint64_t pid;
        struct process process;
        if (!str_to_u64(str_of(entry->d_name), &pid) || pid > INT32_MAX) continue;
        if (!process_read((int)pid, &text, &process)) continue;
        if (!process_put(confine, &process)) break;
    }
    buf_close(&text);
    closedir(list);
}

// ---- who belongs --------------------------------------------------------------------------------
void attempt_mark(const struct confine_attempt *attempt, char out[static MARK_SIZE]) {
    snprintf(out, MARK_SIZE, "COURTYARD_JOB=%" PRIu64 ".%" PRIu32, attempt->job, attempt->attempt);
}

// Its environment as it was at its start: strings with a closing NUL each.
static bool carries(int pid, const char *mark) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    struct buf text;
    buf_open(&text, ENVIRONMENT_BYTES);
    bool found = false;
    if (file_read(path, &text, NULL) == OK) {
        struct str rest = buf_str(&text);
        while (rest.size > 0 && !found) found = str_is(str_cut(rest, '\0', &rest), mark);
    }
    buf_close(&text);
    return found;
}

static const struct process *process_find(const struct confine *confine, int pid) {
    size_t low = 0, high = confine->process_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (confine->processes[middle].pid == pid) return &confine->processes[middle];
        if (confine->processes[middle].pid < pid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static bool is_leader(const struct confine *confine, int pid) {
    for (uint32_t i = 0; i < confine->leader_count; i++) {
        if (confine->leaders[i] == pid) return true;
    }
    return false;
}

static void descendants_mark(struct confine *confine) {
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < confine->process_count; i++) {
            struct process *process = &confine->processes[i];
            if (process->member) continue;
            const struct process *parent = process_find(confine, process->parent);
            process->member = parent && parent->member;
            more = more || process->member;
        }
    }
}

// Marks the members among the processes last looked at; true if there is one.
static bool members_mark(struct confine *confine, const struct confine_attempt *attempt) {
    char mark[MARK_SIZE];
    attempt_mark(attempt, mark);
    int self = (int)getpid();
    const struct process *leader = process_find(confine, attempt->pid);
    // Its number may be somebody else's by now; then so is the session of that number.
    bool reused = leader && attempt->start && leader->start != attempt->start;
    bool any = false;
    for (size_t i = 0; i < confine->process_count; i++) {
        struct process *process = &confine->processes[i];
        process->member = false;
        if (process->pid == self || process->pid == 1) continue;
        if (attempt->pid > 1 && !reused) {
            process->member = process->pid == attempt->pid || process->session == attempt->pid;
        }
        bool orphan = process->parent == self || (attempt->adopted && process->parent == 1);
        if (!process->member && orphan && !process->zombie && !is_leader(confine, process->pid)) {
            process->member = carries(process->pid, mark);
        }
        any = any || process->member;
    }
    if (any) descendants_mark(confine);
    return any;
}

// ---- memory -------------------------------------------------------------------------------------
// Adds up lines such as "RssAnon:      1234 kB" of /proc/PID/NAME; false if it cannot be read.
static bool lines_sum(int pid, const char *name, const char *const *wanted, uint64_t *sum) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    struct buf text;
    buf_open(&text, 64 * 1024);
    bool done = file_read(path, &text, NULL) == OK && text.size > 0;
    struct str rest = buf_str(&text);
    while (done && rest.size > 0) {
        struct str value, unit, line = str_cut(rest, '\n', &rest);
        struct str title = str_cut(line, ':', &value);
        uint64_t kib;
        for (size_t i = 0; wanted[i]; i++) {
            if (!str_is(title, wanted[i])) continue;
            if (str_to_u64(str_cut(str_trim(value), ' ', &unit), &kib)) *sum += kib * 1024;
        }
    }
    buf_close(&text);
    return done;
}

uint64_t processes_memory(struct confine *confine, const struct confine_attempt *attempt) {
    static const char *const whole[] = {"RssAnon", "RssShmem", "VmSwap", NULL};
    static const char *const shared[] = {"Pss_Anon", "Pss_Shmem", "SwapPss", NULL};
    uint64_t sum = 0, exact = 0;
    size_t members = 0;
    bool readable = true;
    uint64_t now_us = clock_monotonic_us();
    processes_look(confine, now_us > LOOK_AGE_US ? now_us - LOOK_AGE_US : 0);
    if (!members_mark(confine, attempt)) return 0;
    for (size_t i = 0; i < confine->process_count; i++) {
        const struct process *process = &confine->processes[i];
        if (!process->member || process->zombie) continue;
        members++;
        lines_sum(process->pid, "status", whole, &sum);
    }
    if (members < 2 || sum <= attempt->memory_bytes) return sum;
    // Only now is it worth the walk through their page tables.
    for (size_t i = 0; i < confine->process_count && readable; i++) {
        const struct process *process = &confine->processes[i];
        if (!process->member || process->zombie) continue;
        readable = lines_sum(process->pid, "smaps_rollup", shared, &exact);
    }
    return readable ? exact : sum;
}

// ---- processors ---------------------------------------------------------------------------------
static void process_move(int pid, const struct confine_cpus *cpus) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *list = opendir(path);
    if (!list) return;
    const struct dirent *entry;
    while ((entry = readdir(list)) != NULL) {
        uint64_t thread;
        if (!str_to_u64(str_of(entry->d_name), &thread) || thread > INT32_MAX) continue;
        syscall(SYS_sched_setaffinity, (pid_t)thread, sizeof cpus->bits, cpus->bits);
    }
    closedir(list);
}

void processes_move(struct confine *confine, const struct confine_attempt *attempt,
                    const struct confine_cpus *cpus) {
    processes_look(confine, UINT64_MAX);
    if (!members_mark(confine, attempt)) return;
    for (size_t i = 0; i < confine->process_count; i++) {
        const struct process *process = &confine->processes[i];
        if (process->member && !process->zombie) process_move(process->pid, cpus);
    }
}

// ---- the end ------------------------------------------------------------------------------------
static void process_kill(const struct process *process) {
    int fd = (int)syscall(SYS_pidfd_open, process->pid, 0);
    if (fd < 0) {
        if (errno == ENOSYS) kill(process->pid, SIGKILL);
        return;
    }
    if (process_start(process->pid) == process->start) {
        syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
    }
    close(fd);
}

bool processes_kill(struct confine *confine, const struct confine_attempt *attempt) {
    for (int round = 0; round < KILL_ROUNDS; round++) {
        bool alive = false;
        processes_look(confine, UINT64_MAX);
        if (!members_mark(confine, attempt)) return true;
        for (size_t i = 0; i < confine->process_count; i++) {
            const struct process *process = &confine->processes[i];
            if (!process->member || process->zombie) continue;
            alive = true;
            process_kill(process);
        }
        if (!alive) return true;
        nanosleep(&(struct timespec){.tv_nsec = KILL_PAUSE_US * 1000}, NULL);
    }
    return false;
}

// True if a list of children names one that is no running attempt's first process, or cannot be
// read.
static bool stranger_in(const struct confine *confine, const char *path) {
    struct buf text;
    buf_open(&text, 1 << 20);
    bool found = file_read(path, &text, NULL) != OK;
    struct str rest = buf_str(&text);
    while (!found && rest.size > 0) {
        uint64_t pid;
        struct str word = str_cut(rest, ' ', &rest);
        found = str_to_u64(word, &pid) && pid < INT32_MAX && !is_leader(confine, (int)pid);
    }
    buf_close(&text);
    return found;
}

bool orphans_there(const struct confine *confine, const struct confine_attempt *attempt) {
    if (!confine->subreaper || attempt->adopted) return true;
    // The children of a process that ends become ours: a job that is gone has left none.
    DIR *list = opendir("/proc/self/task");
    if (!list) return true;
    bool found = false;
    const struct dirent *entry;
    while (!found && (entry = readdir(list)) != NULL) {
        char path[128];
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/self/task/%.32s/children", entry->d_name);
        found = stranger_in(confine, path);
    }
    closedir(list);
    return found;
}

// Children of ours that we did not start ourselves: orphans of jobs. Those of our own session were
// started by another part of this process and are its to reap.
void orphans_reap(struct confine *confine) {
    int self = (int)getpid(), session = (int)getsid(0);
    if (!confine->subreaper && self != 1) return;
    for (size_t i = 0; i < confine->process_count; i++) {
        const struct process *process = &confine->processes[i];
        if (!process->zombie || process->parent != self || process->session == session) continue;
        if (!is_leader(confine, process->pid)) waitpid(process->pid, NULL, WNOHANG);
    }
}
