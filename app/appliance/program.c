#include "appliance/program.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"

enum {
    LOOK_US = 100 * 1000,
    // A fault in JSON, every byte of it escaped; less than a pipe takes at once, so that it is
    // written whole and read when the program has ended.
    TOLD_BYTES_MAX = 4000,
    FAULT_FD = 3, // in the program
};

static void child_exec(const struct program *program, const char *const argv[], int told) {
    char number[16];
    (void)dup2(2, 1);
    snprintf(number, sizeof number, "%d", FAULT_FD);
    // dup2 onto itself would keep the flag that closes it.
    bool heard = told == FAULT_FD ? fcntl(told, F_SETFD, 0) == 0 : dup2(told, FAULT_FD) >= 0;
    if (!heard || setenv(PROGRAM_FAULT_FD, number, 1) != 0) _exit(126);
    umask(0077);
    uint32_t user = program->user;
    if (user && (setgroups(0, NULL) || setgid(user) || setuid(user))) _exit(126);
    execv(program->path, (char *const *)(uintptr_t)argv);
    _exit(127);
}

static void fault_hear(int fd, struct fault *out) {
    char text[TOLD_BYTES_MAX];
    struct json *told = NULL;
    ssize_t size = read(fd, text, sizeof text);
    if (size <= 0 || json_parse((struct str){text, (size_t)size}, &told, NULL) != OK) return;
    json_read_fault(told, out);
    json_close(told);
}

enum err program_run(const struct program *program, const char *const argv[],
                     const struct progress *progress, struct fault *fault) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return fault_errno(fault, errno, STR_NONE);
    pid_t pid = fork();
    int error = errno;
    if (pid == 0) child_exec(program, argv, ends[1]);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return fault_errno(fault, error, STR_NONE);
    }
    int status = 0;
    bool stopped = false;
    while (waitpid(pid, &status, WNOHANG) != pid) {
        if (progress_cancelled(progress) && !stopped) stopped = kill(pid, SIGTERM) == 0;
        (void)usleep(LOOK_US);
    }
    struct fault heard = {0};
    fault_hear(ends[0], &heard);
    close(ends[0]);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return OK;
    if (stopped) return ERR_CANCELLED;
    if (heard.code[0] && fault && !fault->code[0]) *fault = heard;
    return fault_set(fault, ERR_IO, "appliance.backup_failed", str_of(argv[1]));
}

void program_fault_tell(const struct fault *fault) {
    const char *name = getenv(PROGRAM_FAULT_FD);
    uint64_t fd;
    struct buf text;
    if (!name || !str_to_u64(str_of(name), &fd) || fd < 3 || fd > 1023) return;
    if (!fault->code[0] || str_starts(str_of(fault->code), STR("cli."))) return;
    buf_open(&text, TOLD_BYTES_MAX);
    struct json_writer out = json_writer_of(&text);
    json_put_fault(&out, fault);
    // Who does not listen any more misses nothing but this.
    if (buf_err(&text) == OK) (void)!write((int)fd, text.data, text.size);
    buf_close(&text);
}
