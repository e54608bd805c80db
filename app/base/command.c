#include "base/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

extern char **environ;

enum { ENVIRONMENT_MAX = 1024, PIECE_BYTES = 16 * 1024, END_POLL_MS = 5 };

struct running {
    pid_t pid;
    int out, err; // our ends; -1: closed
};

static enum err spawn(const char *const *argv, char *const *environment, const int out[2],
                      const int err_pipe[2], pid_t *pid, struct fault *fault) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGXFSZ);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, err_pipe[1], 2);
    // posix_spawn takes argv as if it wrote there; it does not.
    char *const *words = (char *const *)(uintptr_t)argv;
    int error = posix_spawnp(pid, argv[0], &actions, &attributes, words, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error == ENOENT || error == EACCES) {
        return fault_set(fault, ERR_NOT_FOUND, "command.missing", str_of(argv[0]));
    }
    return error ? fault_errno(fault, error, str_of(argv[0])) : OK;
}

static enum err start(const char *const *argv, const char *extra, struct running *running,
                      struct fault *fault) {
    char *environment[ENVIRONMENT_MAX];
    size_t count = 0;
    for (char **at = environ; *at && count < ENVIRONMENT_MAX - 2; at++) environment[count++] = *at;
    if (extra) environment[count++] = (char *)(uintptr_t)extra;
    environment[count] = NULL;
    int out[2], err_pipe[2];
    if (pipe2(out, O_CLOEXEC) != 0) return fault_errno(fault, errno, STR("pipe"));
    if (pipe2(err_pipe, O_CLOEXEC) != 0) {
        int error = errno;
        close(out[0]);
        close(out[1]);
        return fault_errno(fault, error, STR("pipe"));
    }
    enum err err = spawn(argv, environment, out, err_pipe, &running->pid, fault);
    close(out[1]);
    close(err_pipe[1]);
    running->out = out[0];
    running->err = err_pipe[0];
    if (err != OK) {
        close(out[0]);
        close(err_pipe[0]);
    }
    return err;
}

// False at the end of what it says.
static bool take(int fd, struct buf *into, bool *cut) {
    char piece[PIECE_BYTES];
    ssize_t got = read(fd, piece, sizeof piece);
    if (got < 0 && errno == EINTR) return true;
    if (got <= 0) return false;
    size_t room = into->cap_bytes - into->size, size = (size_t)got;
    if (size > room) {
        *cut = true;
        size = room;
    }
    buf_add(into, piece, size);
    return true;
}

static int left_ms(uint64_t until_us) {
    uint64_t now_us = clock_monotonic_us();
    return now_us >= until_us ? 0 : (int)((until_us - now_us) / 1000) + 1;
}

// True if both pipes have come to their end in time.
static bool listen_to(struct running *running, uint64_t until_us, struct command_said *said) {
    while (running->out >= 0 || running->err >= 0) {
        struct pollfd fds[2] = {{.fd = running->out, .events = POLLIN},
                                {.fd = running->err, .events = POLLIN}};
        int wait = left_ms(until_us);
        if (wait == 0) return false;
        if (poll(fds, 2, wait) < 0 && errno != EINTR) return false;
        if (fds[0].revents && !take(running->out, &said->out, &said->cut)) {
            close(running->out);
            running->out = -1;
        }
        if (fds[1].revents && !take(running->err, &said->err, &said->cut)) {
            close(running->err);
            running->err = -1;
        }
    }
    return true;
}

// Its end within the time; killed where that is over.
static bool wait_for(pid_t pid, bool in_time, uint64_t until_us, int *status) {
    while (in_time) {
        pid_t got = waitpid(pid, status, WNOHANG);
        if (got == pid) return true;
        if (got < 0 && errno != EINTR) return false;
        in_time = left_ms(until_us) > 0;
        if (in_time) poll(NULL, 0, END_POLL_MS);
    }
    kill(pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR) {
    }
    return false;
}

enum err command_run(const char *const *argv, const char *extra, int timeout_ms,
                     struct command_said *said, struct fault *fault) {
    struct running running;
    int status = 0;
    uint64_t until_us = clock_monotonic_us() + (uint64_t)timeout_ms * 1000;
    enum err err = start(argv, extra, &running, fault);
    if (err != OK) return err;
    said->cut = false;
    bool ended = wait_for(running.pid, listen_to(&running, until_us, said), until_us, &status);
    if (running.out >= 0) close(running.out);
    if (running.err >= 0) close(running.err);
    if (!ended) return fault_set(fault, ERR_BUSY, "command.slow", str_of(argv[0]));
    said->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (buf_err(&said->out) != OK) return ERR_MEMORY;
    return buf_err(&said->err);
}
