#include "appliance/work_private.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum err work_start(struct work *work, const char *name,
                    enum err (*run)(void *ctx, struct progress *progress, struct fault *fault),
                    void *ctx, struct fault *fault) {
    if (work->child > 0) return fault_set(fault, ERR_BUSY, "appliance.busy", str_of(work->name));
    if (!work->shared) {
        void *shared = mmap(NULL, sizeof *work->shared, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED) return fault_errno(fault, errno, STR_NONE);
        work->shared = shared;
    }
    *work->shared = (struct work_shared){.err = ERR_IO};
    pid_t pid = fork();
    if (pid < 0) return fault_errno(fault, errno, STR_NONE);
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        work->shared->err = run(ctx, &work->shared->progress, &work->shared->fault);
        _exit(work->shared->err != OK);
    }
    work->child = pid;
    work->name = name;
    return OK;
}

void work_cancel(struct work *work) {
    if (work->child > 0) atomic_store(&work->shared->progress.cancel, 1);
}

bool work_ended(struct work *work, pid_t pid, int status) {
    if (pid <= 0 || pid != work->child) return false;
    work->child = 0;
    if (WIFSIGNALED(status) && !work->shared->fault.code[0]) {
        work->shared->err =
            fault_set(&work->shared->fault, ERR_IO, "appliance.work_died", str_of(work->name));
    }
    return true;
}
