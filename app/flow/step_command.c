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

#include "base/clock.h"
#include "base/file.h"
#include "flow/child.h"
#include "flow/steps_private.h"
#include "flow/work_folder.h"

enum {
    WAIT_MS = 500,
    DISK_EVERY_MS = 2000,
    KILL_AFTER_MS = 5000, // from SIGTERM
    EXIT_PAUSED = 75,
    TAIL_BYTES = 4096,
    ENVIRONMENT_MAX = 24,
};

struct command {
    struct step_context *context;
    struct sandbox sandbox;
    char work[LIMIT_PATH_BYTES];
    char **argv, *environment[ENVIRONMENT_MAX];
    uint32_t environment_count;
    uint64_t disk_bytes;
    int64_t checkpoint_ms;
    pid_t pid;
    int start_errno; // 0: it has begun
    int status;
    bool pause_told, disk_full;
    uint64_t ended_us, looked_us; // told to end; its disk was looked at
};

// ---- reading ------------------------------------------------------------------------------------
static char *text_copy(struct arena *arena, struct str text) {
    char *copy = arena_take(arena, text.size + 1);
    if (copy) memcpy(copy, text.data, text.size);
    return copy;
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
    return OK;
}

static void environment_add(struct command *command, const char *name, struct str value) {
    struct str title = str_of(name);
    char *text = arena_take(command->context->arena, title.size + value.size + 2);
    if (!text || command->environment_count + 1 >= ENVIRONMENT_MAX) return;
    memcpy(text, title.data, title.size);
    text[title.size] = '=';
    memcpy(text + title.size + 1, value.data, value.size);
    command->environment[command->environment_count++] = text;
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
}

// ---- starting -----------------------------------------------------------------------------------
// In the child, which shares our memory until it has become the program.
_Noreturn static void program_become(struct command *command) {
    struct rlimit file = {command->disk_bytes, command->disk_bytes};
    for (int number = 1; number < 32; number++) signal(number, SIG_DFL);
    setpgid(0, 0);
    bool ready = (command->disk_bytes == 0 || setrlimit(RLIMIT_FSIZE, &file) == 0) &&
                 chdir(command->work) == 0 &&
                 sandbox_enter(&command->sandbox, command->work, NULL, 0) &&
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

static enum err program_start(struct command *command) {
    struct fault *fault = command->context->fault;
    fcntl(CHILD_LOCK_FD, F_SETFD, FD_CLOEXEC); // the folder's lock is ours
    command->start_errno = 0;
    command->pid = vfork();
    if (command->pid == 0) program_become(command);
    if (command->pid < 0) return fault_errno(fault, errno, STR("vfork"));
    if (command->start_errno == 0) return OK;
    waitpid(command->pid, NULL, 0);
    bool absent = command->start_errno == ENOENT || command->start_errno == EACCES;
    return fault_set(fault, ERR_INPUT, absent ? "command.no_program" : "command.not_started",
                     absent ? str_of(command->argv[0]) : str_of(strerror(command->start_errno)));
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
    kill(-command->pid, SIGKILL);
}

// What we were told goes on to the program itself: how its children end is its own affair, until
// all of them are killed.
static void word_pass_on(struct command *command) {
    const struct progress *progress = command->context->progress;
    if (command->checkpoint_ms > 0 && progress_paused(progress) && !command->pause_told) {
        command->pause_told = true;
        kill(command->pid, SIGUSR1);
    }
    if (!progress_cancelled(progress)) return;
    if (!command->ended_us) {
        command->ended_us = clock_monotonic_us();
        kill(command->pid, SIGTERM);
    } else if (since_ms(command->ended_us) >= KILL_AFTER_MS) {
        kill(-command->pid, SIGKILL);
    }
}

// SIGCHLD is blocked and waited for; the other signals are the child main's, which notes them.
static void program_watch(struct command *command) {
    const struct timespec wait = {.tv_nsec = WAIT_MS * 1000000L};
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    for (;;) {
        pid_t got = waitpid(command->pid, &command->status, WNOHANG);
        if (got == command->pid || (got < 0 && errno != EINTR)) break;
        word_pass_on(command);
        disk_watch(command);
        sigtimedwait(&child, NULL, &wait);
    }
    kill(-command->pid, SIGKILL); // what it left behind
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

static enum err program_judge(struct command *command) {
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
    if (command->ended_us) return ERR_CANCELLED;
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
    err = program_start(&command);
    if (err != OK) return err;
    program_watch(&command);
    err = program_judge(&command);
    return err == OK ? work_pack(context, command.work) : err;
}
