// Confinement: opening, what an attempt uses, stopping and ending it. The parts: confine_private.h.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "allocation/confine_private.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"

_Static_assert(CONFINE_CHECKPOINT_SIGNAL == SIGUSR1, "the number promised in the header");

const char *confine_level_name(enum confine_level level) {
    return level == CONFINE_CGROUP ? "cgroup" : level == CONFINE_LIMITS ? "limits" : "none";
}

const char *confine_part_name(enum confine_part part) {
    static const char *const names[CONFINE_PARTS] = {"cpu", "memory", "pids",  "cpuset",
                                                     "io",  "kill",   "birth", "devices"};
    for (uint32_t i = 0; i < CONFINE_PARTS; i++) {
        if (part == 1u << i) return names[i];
    }
    return "";
}

struct confine *confine_open(const struct confine_setup *setup) {
    struct confine *confine = memory_take(sizeof *confine);
    if (!confine) return NULL;
    if (setup) confine->setup = *setup;
    confine->base_filter = -1;
    confine->level = process_start((int)getpid()) ? CONFINE_LIMITS : CONFINE_NONE;
    if (tree_arrange(confine)) {
        confine->level = CONFINE_CGROUP;
        tree_sweep(confine);
    } else {
        confine->jobs[0] = '\0';
        confine->subreaper = prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
    }
    return confine;
}

void confine_close(struct confine *confine) {
    if (!confine) return;
    if (confine->jobs[0]) tree_return(confine);
    if (confine->base_filter >= 0) close(confine->base_filter);
    memory_give(confine->processes);
    memory_give(confine);
}

enum confine_level confine_level(const struct confine *confine) {
    return confine ? confine->level : CONFINE_NONE;
}

uint32_t confine_parts(const struct confine *confine) {
    return confine ? confine->parts : 0;
}

// ---- what an attempt uses -----------------------------------------------------------------------
void leader_put(struct confine *confine, int pid) {
    if (pid > 1 && confine->leader_count < LEADERS_MAX) {
        confine->leaders[confine->leader_count++] = pid;
    }
}

static void leader_drop(struct confine *confine, int pid) {
    for (uint32_t i = 0; i < confine->leader_count; i++) {
        if (confine->leaders[i] != pid) continue;
        confine->leaders[i] = confine->leaders[--confine->leader_count];
        return;
    }
}

void events_open(const struct confine *confine, struct confine_attempt *attempt) {
    char path[CGROUP_PATH_SIZE], byte;
    if (!attempt_folder(confine, attempt, "memory.events", path)) return;
    attempt->events_fd = open(path, O_RDONLY | O_CLOEXEC);
    // What has not been read yet is news to poll.
    if (attempt->events_fd >= 0 && pread(attempt->events_fd, &byte, 1, 0) < 0) {
        close(attempt->events_fd);
        attempt->events_fd = -1;
    }
}

// What it was started with. A tenant's own weight, if it had one, comes with its next attempt.
static void weight_adopt(struct confine *confine, struct confine_attempt *attempt) {
    char path[CGROUP_PATH_SIZE], line[32];
    uint64_t weight;
    if (!attempt_folder(confine, attempt, "cpu.weight", path)) return;
    if (!kernel_line(path, line, sizeof line) || !str_to_u64(str_of(line), &weight)) return;
    attempt->weight = weight <= WEIGHT_MAX ? (uint32_t)weight : 0;
    share_put(confine, attempt);
}

void confine_adopt(struct confine *confine, struct confine_attempt *attempt, int pid,
                   uint64_t memory_bytes) {
    char folder[CGROUP_PATH_SIZE];
    attempt->adopted = true;
    attempt->level = CONFINE_CGROUP;
    if (!attempt_folder(confine, attempt, "", folder) || !file_exists(folder)) {
        attempt->level = confine ? CONFINE_LIMITS : CONFINE_NONE;
    }
    attempt->memory_bytes = memory_bytes;
    attempt->pidfd = -1;
    if (attempt->weight == 0) weight_adopt(confine, attempt);
    if (attempt->events_fd < 0) events_open(confine, attempt);
    if (pid <= 1 || pid == attempt->pid) return;
    attempt->pid = pid;
    attempt->start = process_start(pid);
    if (confine) leader_put(confine, pid);
}

// The number behind `name` in a flat file such as memory.events, one "name number" a line.
static bool member_number(const struct confine *confine, const struct confine_attempt *attempt,
                          const char *member, const char *name, uint64_t *out) {
    char path[CGROUP_PATH_SIZE];
    if (!attempt_folder(confine, attempt, member, path)) return false;
    struct buf text;
    buf_open(&text, 16 * 1024);
    bool found = false;
    struct str rest = file_read(path, &text, NULL) == OK ? buf_str(&text) : STR_NONE;
    while (rest.size > 0 && !found) {
        struct str value, line = str_cut(rest, '\n', &rest);
        struct str title = str_cut(line, ' ', &value);
        found = name[0] ? str_is(title, name) && str_to_u64(value, out) : str_to_u64(line, out);
    }
    buf_close(&text);
    return found;
}

uint64_t confine_memory_bytes(struct confine *confine, const struct confine_attempt *attempt) {
    uint64_t bytes;
    if (member_number(confine, attempt, "memory.current", "", &bytes)) return bytes;
    return confine && attempt->pid > 1 ? processes_memory(confine, attempt) : 0;
}

bool confine_memory_ran_out(struct confine *confine, const struct confine_attempt *attempt) {
    uint64_t count = 0;
    char byte;
    // Read anew, so that poll sleeps until the next.
    if (attempt->events_fd >= 0 && pread(attempt->events_fd, &byte, 1, 0) < 0) return false;
    return member_number(confine, attempt, "memory.events", "oom_kill", &count) && count > 0;
}

void confine_move(struct confine *confine, const struct confine_attempt *attempt,
                  const struct confine_cpus *cpus) {
    char folder[CGROUP_PATH_SIZE];
    if (!confine || attempt->pid <= 1) return;
    bool set =
        (confine->parts & CONFINE_PART_CPUSET) && attempt_folder(confine, attempt, "", folder);
    int fd = set ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0) {
        processes_move(confine, attempt, cpus);
        return;
    }
    struct buf text;
    buf_open(&text, 16 * 1024);
    cpus_text(cpus, &text);
    if (buf_err(&text) == OK) value_write(fd, "cpuset.cpus", text.data);
    buf_close(&text);
    close(fd);
}

// ---- the end ------------------------------------------------------------------------------------
static void signal_send(const struct confine_attempt *attempt, int number) {
    if (attempt->pidfd >= 0) {
        syscall(SYS_pidfd_send_signal, attempt->pidfd, number, NULL, 0);
    } else if (attempt->pid > 1 && attempt->start &&
               process_start(attempt->pid) == attempt->start) {
        kill(attempt->pid, number);
    }
}

// Without cgroup.kill (before Linux 5.14): frozen, so that none can fork away, then one by one.
static void folder_kill_each(const char *folder) {
    char path[CGROUP_PATH_SIZE];
    struct buf text;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    value_write(fd, "cgroup.freeze", "1");
    buf_open(&text, 1 << 20);
    if (path_join(path, sizeof path, folder, "cgroup.procs") == OK &&
        file_read(path, &text, NULL) == OK) {
        struct str rest = buf_str(&text);
        uint64_t pid;
        while (rest.size > 0) {
            if (str_to_u64(str_cut(rest, '\n', &rest), &pid) && pid > 1 && pid < INT32_MAX) {
                kill((int)pid, SIGKILL);
            }
        }
    }
    buf_close(&text);
    value_write(fd, "cgroup.freeze", "0");
    close(fd);
}

void confine_kill(struct confine *confine, const struct confine_attempt *attempt) {
    char folder[CGROUP_PATH_SIZE];
    if (attempt_folder(confine, attempt, "", folder)) {
        int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        bool done = fd >= 0 && value_write(fd, "cgroup.kill", "1");
        if (fd >= 0) close(fd);
        if (!done) folder_kill_each(folder);
        return;
    }
    signal_send(attempt, SIGKILL);
    if (confine && attempt->pid > 1) processes_kill(confine, attempt);
}

bool confine_stop_step(struct confine *confine, const struct confine_attempt *attempt,
                       struct confine_stop *stop, uint64_t now_us) {
    enum { ASKED, CHECKPOINTING, TERMINATING, KILLED };
    uint64_t passed_ms = now_us > stop->asked_us ? (now_us - stop->asked_us) / 1000 : 0;
    if (stop->stage == ASKED && stop->checkpoint_ms > 0) {
        signal_send(attempt, CONFINE_CHECKPOINT_SIGNAL);
        stop->stage = CHECKPOINTING;
    }
    if (stop->stage < TERMINATING && passed_ms >= stop->checkpoint_ms) {
        if (stop->grace_ms > 0) signal_send(attempt, SIGTERM);
        stop->stage = TERMINATING;
    }
    if (stop->stage == TERMINATING && passed_ms >= (uint64_t)stop->checkpoint_ms + stop->grace_ms) {
        confine_kill(confine, attempt);
        stop->stage = KILLED;
    }
    return stop->stage == KILLED;
}

static void usage_read(struct confine *confine, const struct confine_attempt *attempt,
                       struct confine_usage *out) {
    member_number(confine, attempt, "cpu.stat", "usage_usec", &out->cpu_us);
    member_number(confine, attempt, "memory.peak", "", &out->memory_peak_bytes); // Linux 5.19
    out->memory_ran_out = confine_memory_ran_out(confine, attempt);
}

// The last of the killed takes a moment to go.
static void folder_wait_gone(const char *folder) {
    for (int i = 0; i < FINISH_TRIES && !tree_remove(folder); i++) {
        nanosleep(&(struct timespec){.tv_nsec = FINISH_WAIT_US * 1000}, NULL);
    }
}

void confine_finish(struct confine *confine, struct confine_attempt *attempt,
                    struct confine_usage *out) {
    char folder[CGROUP_PATH_SIZE];
    struct confine_usage usage = {0};
    if (attempt_folder(confine, attempt, "", folder)) {
        usage_read(confine, attempt, &usage);
        if (!tree_remove(folder)) { // somebody is still in it
            confine_kill(confine, attempt);
            folder_wait_gone(folder);
        }
        share_drop(confine, attempt);
        attempt->weight = 0;
        confine->leftover = true; // the tenant's folder: the next attempt may want it at once
    } else if (confine && (attempt->pid > 1 || attempt->adopted) &&
               orphans_there(confine, attempt)) {
        processes_kill(confine, attempt);
        confine->leftover = true; // zombies, for us to reap
    }
    if (confine) leader_drop(confine, attempt->pid);
    if (attempt->events_fd >= 0) close(attempt->events_fd);
    attempt->events_fd = -1;
    if (out) *out = usage;
}

bool confine_wants_tick(const struct confine *confine) {
    return confine && confine->leftover;
}

void confine_tick(struct confine *confine) {
    if (!confine) return;
    uint64_t now_us = clock_monotonic_us();
    if (now_us - confine->ticked_us < TICK_EVERY_US) return;
    confine->ticked_us = now_us;
    if (confine->jobs[0] && confine->leftover) {
        tree_sweep(confine);
    } else {
        confine->leftover = false;
    }
    if (!confine->subreaper && getpid() != 1) return;
    processes_look(confine, now_us > LOOK_AGE_US ? now_us - LOOK_AGE_US : 0);
    orphans_reap(confine);
}
