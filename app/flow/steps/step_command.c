// A person's own program as a step. This process stays outside the fence (sandbox.h): it makes the
// folder, starts the program behind the fence, passes on what it is told, watches time and disk,
// and keeps what lies in out/ at the end. Code 0 is done; code 75 (EX_TEMPFAIL) after SIGUSR1 says
// that it has kept its state in its folder and goes on from there at the next start; all else has
// failed.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "allocation/devices.h"
#include "base/clock.h"
#include "base/file.h"
#include "flow/steps/child.h"
#include "flow/steps/steps_private.h"
#include "flow/steps/work_folder.h"

enum {
    WAIT_MS = 500,
    DISK_EVERY_MS = 2000,
    KILL_AFTER_MS = 3000, // from SIGTERM: before the runner kills us
    EXIT_PAUSED = 75,
    TAIL_BYTES = 4096,
    ENVIRONMENT_MAX = 24,
    PROCESSES_OF_USER = 8192,
    OWN_MAX = 32, // "COURTYARD_RANK=…"
    NODES_MAX = DEVICES_MAX * DEVICE_NODES_MAX,
};

struct command {
    struct step_context *context;
    struct sandbox sandbox;
    char work[LIMIT_PATH_BYTES];
    char **argv, *environment[ENVIRONMENT_MAX];
    uint32_t environment_count;
    const char **nodes; // (node_count) of the accelerators it has
    uint32_t node_count;
    uint64_t disk_bytes;
    int64_t checkpoint_ms;
    bool lease, restartable;
    uint32_t members, alive;
    pid_t pids[COMMAND_MEMBERS_MAX]; // 0: has ended
    char rank[OWN_MAX];              // of the one that is being started, in its environment
    volatile int start_errno;        // 0: it has begun
    int status;                      // of the first that failed, else of one that did not
    bool failed, pause_told, dropped, disk_full;
    uint64_t ended_us, looked_us; // told to end; its disk was looked at
};

// ---- reading ------------------------------------------------------------------------------------
static char *text_copy(struct arena *arena, struct str text) {
    char *copy = arena_take(arena, text.size + 1);
    if (copy) memcpy(copy, text.data, text.size);
    return copy;
}

static enum err devices_read(struct command *command) {
    struct arena *arena = command->context->arena;
    const struct json *list = json_member(command->context->spec, "devices");
    command->nodes = ARENA_ARRAY(arena, const char *, NODES_MAX);
    if (!command->nodes) return ERR_MEMORY;
    for (const struct json *one = json_first(list); one; one = json_next(one)) {
        const struct json *node = json_first(one);
        for (; node && command->node_count < NODES_MAX; node = json_next(node)) {
            const char *path = text_copy(arena, json_text(node));
            if (!path) return ERR_MEMORY;
            command->nodes[command->node_count++] = path;
        }
    }
    return OK;
}

static enum err command_read(struct command *command) {
    struct step_context *context = command->context;
    const struct json *options = step_options(context), *list = json_member(options, "command");
    size_t count = json_count(list), at = 0;
    if (!json_is_array(list) || count == 0) {
        return fault_set(context->fault, ERR_INPUT, "call.missing", STR("command"));
    }
    command->argv = ARENA_ARRAY(context->arena, char *, count + 1);
    if (!command->argv) return ERR_MEMORY;
    for (const struct json *one = json_first(list); one; one = json_next(one)) {
        command->argv[at] = text_copy(context->arena, json_text(one));
        if (!command->argv[at++]) return ERR_MEMORY;
    }
    command->disk_bytes = json_member_u64(options, "disk_bytes", 0);
    command->checkpoint_ms = (int64_t)json_member_u64(options, "checkpoint_ms", 0);
    command->lease = json_member_bool(options, "lease", false);
    command->restartable = json_member_bool(options, "restartable", false);
    uint64_t members = json_member_u64(context->spec, "members", 1);
    command->members = members <= COMMAND_MEMBERS_MAX ? (uint32_t)members : COMMAND_MEMBERS_MAX;
    return devices_read(command);
}

static void environment_add(struct command *command, const char *name, struct str value) {
    struct str title = str_of(name);
    char *text = arena_take(command->context->arena, title.size + value.size + 2);
    if (!text || command->environment_count + 2 >= ENVIRONMENT_MAX) return;
    memcpy(text, title.data, title.size);
    text[title.size] = '=';
    memcpy(text + title.size + 1, value.data, value.size);
    command->environment[command->environment_count++] = text;
}

static void environment_numbers(struct command *command, const char *name, const char *option) {
    char text[32];
    const struct json *value = json_member(command->context->spec, option);
    uint64_t number;
    if (!value || !json_u64(value, &number)) return;
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    environment_add(command, name, str_of(text));
}

// The accelerators' own nodes, one behind the other.
static void environment_devices(struct command *command) {
    struct buf text;
    buf_open(&text, NODES_MAX * DEVICE_PATH_BYTES);
    const struct json *list = json_member(command->context->spec, "devices");
    for (const struct json *one = json_first(list); one; one = json_next(one)) {
        if (text.size) buf_add_char(&text, ',');
        buf_add_str(&text, json_text(json_first(one)));
    }
    if (text.size) environment_add(command, "COURTYARD_DEVICES", buf_str(&text));
    buf_close(&text);
}

// Nothing of the service's own environment goes on but the mark by which its processes are found.
static void environment_make(struct command *command) {
    static const char path[] = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";
    char text[LIMIT_PATH_BYTES + 16];
    const char *mark = getenv("COURTYARD_JOB");
    struct str work = str_of(command->work);
    environment_add(command, "PATH", STR(path));
    environment_add(command, "HOME", work);
    environment_add(command, "LANG", STR("C.UTF-8"));
    environment_add(command, "TMPDIR", work);
    environment_add(command, "COURTYARD_JOB", str_of(mark ? mark : ""));
    snprintf(text, sizeof text, "%s/out", command->work);
    environment_add(command, "COURTYARD_OUT", str_of(text));
    snprintf(text, sizeof text, "%u", step_threads(command->context));
    environment_add(command, "COURTYARD_THREADS", str_of(text));
    environment_add(command, "OMP_NUM_THREADS", str_of(text));
    uint64_t memory = json_member_u64(command->context->spec, "memory_bytes", 0);
    snprintf(text, sizeof text, "%llu", (unsigned long long)memory);
    environment_add(command, "COURTYARD_MEMORY_BYTES", str_of(text));
    snprintf(text, sizeof text, "%u", command->members);
    environment_add(command, "COURTYARD_MEMBERS", str_of(text));
    environment_numbers(command, "COURTYARD_TASK", "task");
    environment_numbers(command, "COURTYARD_TASKS", "tasks");
    environment_devices(command);
    command->environment[command->environment_count++] = command->rank;
}

// ---- the members --------------------------------------------------------------------------------
// `group`: what they have started, too.
static void members_signal(const struct command *command, int number, bool group) {
    for (uint32_t i = 0; i < command->members; i++) {
        pid_t pid = command->pids[i];
        if (pid > 0) kill(group ? -pid : pid, number);
    }
}

// Takes one that has ended; false: none has. What it has left behind goes.
static bool members_reap(struct command *command, int options) {
    int status;
    pid_t pid = waitpid(-1, &status, options);
    if (pid < 0 && errno == ECHILD) command->alive = 0;
    if (pid <= 0) return false;
    for (uint32_t i = 0; i < command->members; i++) {
        if (command->pids[i] != pid) continue;
        bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        kill(-pid, SIGKILL);
        command->pids[i] = 0;
        command->alive--;
        if (!command->failed) command->status = status;
        command->failed = command->failed || !well;
    }
    return true;
}

// ---- starting -----------------------------------------------------------------------------------
// In the child, which shares our memory until it has become the program.
_Noreturn static void program_become(struct command *command) {
    struct rlimit file = {command->disk_bytes, command->disk_bytes};
    struct rlimit processes = {PROCESSES_OF_USER, PROCESSES_OF_USER};
    for (int number = 1; number < 32; number++) signal(number, SIG_DFL);
    setpgid(0, 0);
    // Where no cgroup counts its processes, its user's are.
    if (command->sandbox.uid) setrlimit(RLIMIT_NPROC, &processes);
    bool ready =
        (command->disk_bytes == 0 || setrlimit(RLIMIT_FSIZE, &file) == 0) &&
        chdir(command->work) == 0 &&
        sandbox_enter(&command->sandbox, command->work, command->nodes, command->node_count) &&
        prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
    if (!ready) {
        command->start_errno = errno ? errno : EPERM;
        _exit(1);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvpe(command->argv[0], command->argv, command->environment);
    command->start_errno = errno;
    _exit(1);
}

static enum err member_start(struct command *command, uint32_t rank) {
    struct fault *fault = command->context->fault;
    command->start_errno = 0;
    snprintf(command->rank, sizeof command->rank, "COURTYARD_RANK=%u", rank);
    pid_t pid = vfork();
    if (pid == 0) program_become(command);
    if (pid < 0) return fault_errno(fault, errno, STR("vfork"));
    command->pids[rank] = pid;
    command->alive++;
    int error = command->start_errno;
    if (error == 0) return OK;
    bool absent = error == ENOENT || error == EACCES;
    return fault_set(fault, ERR_INPUT, absent ? "command.no_program" : "command.not_started",
                     absent ? str_of(command->argv[0]) : str_of(strerror(error)));
}

// All of them, or none goes on.
static enum err members_start(struct command *command) {
    enum err err = OK;
    fcntl(CHILD_LOCK_FD, F_SETFD, FD_CLOEXEC); // the folder's lock is ours
    for (uint32_t i = 0; i < command->members && err == OK; i++) err = member_start(command, i);
    if (err == OK) return OK;
    members_signal(command, SIGKILL, true);
    while (command->alive > 0) members_reap(command, 0);
    return err;
}

// ---- watching -----------------------------------------------------------------------------------
static uint64_t since_ms(uint64_t begin_us) {
    return (clock_monotonic_us() - begin_us) / 1000;
}

static void disk_watch(struct command *command) {
    if (command->disk_bytes == 0 || since_ms(command->looked_us) < DISK_EVERY_MS) return;
    command->looked_us = clock_monotonic_us();
    if (work_bytes(command->work) <= command->disk_bytes) return;
    command->disk_full = true;
    members_signal(command, SIGKILL, true);
}

// What we were told goes on to the program itself: how its children end is its own affair, until
// all of them are killed.
static void word_pass_on(struct command *command) {
    const struct progress *progress = command->context->progress;
    bool pause = progress_paused(progress) && !command->pause_told;
    if (command->checkpoint_ms > 0 && pause) {
        command->pause_told = true;
        members_signal(command, SIGUSR1, false);
    }
    // One that is begun anew has nothing to keep.
    command->dropped = command->dropped || (command->restartable && progress_paused(progress));
    if (!progress_cancelled(progress) && !(command->dropped && !command->pause_told)) return;
    if (!command->ended_us) {
        command->ended_us = clock_monotonic_us();
        members_signal(command, SIGTERM, false);
    } else if (since_ms(command->ended_us) >= KILL_AFTER_MS) {
        members_signal(command, SIGKILL, true);
    }
}

// Until all have ended; where one fails the others go with it, unless all of them are giving way.
// SIGCHLD is blocked and waited for; the other signals are the child main's, which notes them.
static void members_watch(struct command *command) {
    const struct timespec wait = {.tv_nsec = WAIT_MS * 1000000L};
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    while (command->alive > 0) {
        while (command->alive > 0 && members_reap(command, WNOHANG)) continue;
        if (command->alive == 0) break;
        if (command->failed && !command->pause_told) members_signal(command, SIGKILL, true);
        word_pass_on(command);
        disk_watch(command);
        sigtimedwait(&child, NULL, &wait);
    }
}

// ---- how it ended -------------------------------------------------------------------------------
// The last line that it wrote to its log and that holds anything.
static struct str last_words(const char *folder, char tail[static TAIL_BYTES]) {
    char path[LIMIT_PATH_BYTES];
    struct str words = STR("-");
    if (path_join(path, sizeof path, folder, "log") != OK) return words;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return words;
    off_t end = lseek(fd, 0, SEEK_END), from = end > TAIL_BYTES ? end - TAIL_BYTES : 0;
    ssize_t size = pread(fd, tail, TAIL_BYTES, from);
    close(fd);
    struct str rest = {tail, size > 0 ? (size_t)size : 0};
    while (rest.size > 0) {
        struct str line = str_trim(str_cut(rest, '\n', &rest));
        if (line.size > 0) words = line;
    }
    return words;
}

static enum err command_judge(struct command *command) {
    struct step_context *context = command->context;
    char number[16], tail[TAIL_BYTES];
    int status = command->status;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    bool gave_way = command->pause_told &&
                    (code == EXIT_PAUSED || (WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1));
    snprintf(number, sizeof number, "%llu", (unsigned long long)(command->disk_bytes >> 20));
    if (command->disk_full) {
        return fault_set(context->fault, ERR_LIMIT, "command.disk_limit", str_of(number));
    }
    if (command->dropped && !command->pause_told && !progress_cancelled(context->progress)) {
        return ERR_PAUSED;
    }
    if (command->ended_us && !command->lease) return ERR_CANCELLED;
    if (command->ended_us) return OK; // a lease ends whenever it is ended
    if (gave_way) return ERR_PAUSED;
    if (WIFEXITED(status) && code == 0) return OK;
    if (WIFEXITED(status)) {
        return fault_at(context->fault, ERR_INPUT, "command.failed", (uint64_t)code, 0,
                        last_words(context->folder, tail));
    }
    return fault_at(context->fault, ERR_INPUT, "command.killed", (uint64_t)WTERMSIG(status), 0,
                    last_words(context->folder, tail));
}

static enum err sandbox_find(struct command *command) {
    const struct json *spec = command->context->spec;
    uint64_t uid = json_member_u64(spec, "uid", 0), gid = json_member_u64(spec, "gid", 0);
    sandbox_probe((uint32_t)uid, (uint32_t)gid, &command->sandbox);
    const char *lack = sandbox_lacks(&command->sandbox);
    return lack ? fault_set(command->context->fault, ERR_DENIED, "command.no_fence", str_of(lack))
                : OK;
}

enum err step_command(struct step_context *context) {
    struct command command = {.context = context, .looked_us = clock_monotonic_us()};
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    enum err err = command_read(&command);
    if (err == OK) err = sandbox_find(&command);
    if (err == OK) {
        err = work_make(context, &command.sandbox, command.checkpoint_ms > 0, command.work);
    }
    if (err != OK) return err;
    environment_make(&command);
    err = members_start(&command);
    if (err != OK) return err;
    members_watch(&command);
    err = command_judge(&command);
    return err == OK ? work_pack(context, command.work) : err;
}
