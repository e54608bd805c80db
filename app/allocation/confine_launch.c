// Starting an attempt: clone3 straight into its cgroup, with a handle of the process in the same
// call; where clone3 is refused (an old kernel, a container's filter) fork, and the child joins its
// cgroup before anything else.
// The child of a bare clone3 shares our memory, on a stack of its own, until it becomes its
// program, and this thread stands still that long: to copy the page tables of a service that holds
// many jobs takes longer than all else here. The C library does not know of it. Hence only system
// calls there, and no write to what is not the child's; those that the library makes for all
// threads at once (setuid and the like) go by syscall().
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocation/confine_private.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/memory.h"

enum { NICE = 10, STACK_BYTES = 32 * 1024 };

struct birth_stack {
    _Alignas(16) char bytes[STACK_BYTES];
};

struct birth {
    const struct confine *confine;
    const struct confine_limits *limits;
    const struct confine_spawn *spawn;
    int folder_fd; // of the cgroup; -1: none
    int join_fd;   // its cgroup.procs, for a child that is not born there; -1: none
    bool affinity; // by mask, as no cpuset does it
    char **environment;
};

// ---- in the child: system calls only ------------------------------------------------------------
static bool limit_set(int what, uint64_t value) {
    if (value == 0) return true;
    struct rlimit limit = {value, value};
    return setrlimit(what, &limit) == 0;
}

static bool limits_enter(const struct birth *birth) {
    const struct confine_limits *limits = birth->limits;
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none); // a core would hold people's data
    setpriority(PRIO_PROCESS, 0, NICE);
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) { // the service is the last to go
        ssize_t written = write(fd, "500", 3);
        (void)written;
        close(fd);
    }
    if (birth->affinity &&
        syscall(SYS_sched_setaffinity, 0, sizeof limits->cpus.bits, limits->cpus.bits) != 0) {
        return false;
    }
    return limit_set(RLIMIT_CPU, limits->cpu_seconds) &&
           limit_set(RLIMIT_FSIZE, limits->file_bytes);
}

static bool user_enter(const struct confine_setup *setup) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
    if (!setup->job_uid || geteuid() != 0) return true;
    uint32_t uid = setup->job_uid, gid = setup->job_gid ? setup->job_gid : setup->job_uid;
    return syscall(SYS_setgroups, 0, NULL) == 0 && syscall(SYS_setresgid, gid, gid, gid) == 0 &&
           syscall(SYS_setresuid, uid, uid, uid) == 0;
}

_Noreturn static void child_run(const void *ctx) {
    const struct birth *birth = ctx;
    if (birth->join_fd >= 0 && write(birth->join_fd, "0", 1) != 1) _exit(CONFINE_EXIT_FAILED);
    setsid(); // a Ctrl-C at the terminal is for the service alone
    if (!limits_enter(birth)) _exit(CONFINE_EXIT_FAILED);
    for (int number = 1; number < 32; number++) signal(number, SIG_DFL);
    if (birth->spawn->prepare) birth->spawn->prepare(birth->spawn->ctx);
    if (!user_enter(&birth->confine->setup)) _exit(CONFINE_EXIT_FAILED);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(birth->spawn->argv[0], birth->spawn->argv, birth->environment);
    // While we wait for it the kernel does not kill it for memory, it refuses.
    _exit(errno == ENOMEM ? CONFINE_EXIT_NO_MEMORY : CONFINE_EXIT_NO_EXEC);
}

// ---- in the parent ------------------------------------------------------------------------------
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || \
    !(defined(__x86_64__) || defined(__aarch64__))
// The sanitizers must see each fork, and know each stack: it counts as refused there.
static long clone3_run(struct clone_args *args, void (*child)(const void *), const void *ctx) {
    (void)args, (void)child, (void)ctx;
    return -ENOSYS;
}
#else
// In the child nothing of the caller's frame is there but what the registers hold.
static long clone3_run(struct clone_args *args, void (*child)(const void *), const void *ctx) {
#ifdef __x86_64__
    long result;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "mov %[ctx], %%rdi\n\t"
                     "call *%[child]\n\t"
                     "hlt\n"
                     "1:"
                     : "=a"(result)
                     : "0"((long)SYS_clone3), "D"(args),
                       "S"(sizeof *args), [child] "r"(child), [ctx] "r"(ctx)
                     : "rcx", "r11", "memory", "cc");
    return result;
#else
    register long number __asm__("x8") = SYS_clone3;
    register long first __asm__("x0") = (long)(uintptr_t)args;
    register long second __asm__("x1") = sizeof *args;
    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x0, %[ctx]\n\t"
                     "blr %[child]\n\t"
                     "brk #1\n"
                     "1:"
                     : "+r"(first)
                     : "r"(number), "r"(second), [child] "r"(child), [ctx] "r"(ctx)
                     : "memory", "cc", "x30");
    return first;
#endif
}
#endif

// The child runs `child` on `stack`, which is ours again once this returns its pid; -1 with errno.
static long clone_into(int folder_fd, int *out_pidfd, struct birth_stack *stack,
                       void (*child)(const void *), const void *ctx) {
    struct clone_args args;
    memset(&args, 0, sizeof args);
    args.flags = CLONE_PIDFD | CLONE_VM | CLONE_VFORK;
    if (folder_fd >= 0) args.flags |= (uint64_t)CLONE_INTO_CGROUP;
    args.pidfd = (uint64_t)(uintptr_t)out_pidfd;
    args.exit_signal = SIGCHLD;
    args.stack = (uint64_t)(uintptr_t)stack->bytes;
    args.stack_size = sizeof stack->bytes;
    args.cgroup = folder_fd >= 0 ? (unsigned)folder_fd : 0;
    long result = clone3_run(&args, child, ctx);
    if (result >= 0) return result;
    errno = (int)-result;
    return -1;
}

static void end_at_once(const void *ctx) {
    (void)ctx;
    _exit(0);
}

bool birth_probe(int folder_fd) {
    struct birth_stack stack;
    int pidfd = -1, status = 0;
    long pid = clone_into(folder_fd, &pidfd, &stack, end_at_once, NULL);
    if (pid < 0) return false;
    while (waitpid((pid_t)pid, &status, 0) < 0 && errno == EINTR) continue;
    close(pidfd);
    return true;
}

// No memory and no process to be had are no refusals: fork would fail as well.
static bool refused(int error) {
    return error != EAGAIN && error != ENOMEM;
}

static long fork_into(struct birth *birth, int *out_pidfd) {
    if (birth->folder_fd >= 0) {
        birth->join_fd = openat(birth->folder_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
        if (birth->join_fd < 0) return -1;
    }
    pid_t pid = fork();
    if (pid == 0) child_run(birth);
    int error = errno;
    if (pid > 0) *out_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (birth->join_fd >= 0) close(birth->join_fd);
    birth->join_fd = -1;
    errno = error;
    return pid;
}

// The child is made while all signals wait: none of our handlers may run there. 0 or an errno.
static int child_make(struct birth *birth, bool by_clone, struct confine_attempt *attempt) {
    int pidfd = -1, error = ENOSYS;
    long pid = -1;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (by_clone) {
        struct birth_stack stack;
        pid = clone_into(birth->folder_fd, &pidfd, &stack, child_run, birth);
        error = errno;
    }
    if (pid < 0 && refused(error)) {
        pid = fork_into(birth, &pidfd);
        error = errno;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) return error;
    attempt->pid = (int)pid;
    attempt->pidfd = pidfd;
    attempt->start = process_start(attempt->pid);
    return 0;
}

// Empty without a processor in it.
void cpus_text(const struct confine_cpus *cpus, struct buf *out) {
    for (uint32_t i = 0; i < CONFINE_CPUS_MAX; i++) {
        uint32_t first = i;
        while (i < CONFINE_CPUS_MAX && (cpus->bits[i / 64] >> (i % 64) & 1)) i++;
        if (i == first) continue;
        buf_printf(out, out->size ? ",%u" : "%u", first);
        if (i - first > 1) buf_printf(out, "-%u", i - 1);
    }
    buf_add_char(out, '\0');
}

static bool number_write(int fd, const char *name, uint64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return value_write(fd, name, text);
}

static bool processors_write(const struct confine *confine, int fd,
                             const struct confine_limits *limits) {
    bool done = number_write(fd, "cpu.weight", limits->cpu_weight);
    if (limits->cpu_max_milli) { // microseconds of each tenth of a second
        char text[64];
        snprintf(text, sizeof text, "%" PRIu64 " 100000", (uint64_t)limits->cpu_max_milli * 100);
        done = value_write(fd, "cpu.max", text) && done;
    }
    if (limits->exclusive && (confine->parts & CONFINE_PART_CPUSET)) {
        struct buf text;
        buf_open(&text, 16 * 1024);
        cpus_text(&limits->cpus, &text);
        done = buf_err(&text) == OK && value_write(fd, "cpuset.cpus", text.data) && done;
        buf_close(&text);
    }
    return done;
}

static bool devices_set(const struct confine *confine, int fd,
                        const struct confine_limits *limits) {
    if (!limits->devices_apart || !(confine->parts & CONFINE_PART_DEVICES)) return false;
    if (limits->device_count == 0) return filter_attach(confine->base_filter, fd);
    int filter = filter_load(limits->devices, limits->device_count);
    if (filter < 0) return false;
    bool done = filter_attach(filter, fd);
    close(filter); // the folder holds it
    return done;
}

static bool tenant_make(const struct confine *confine, uint64_t tenant, uint32_t weight) {
    char folder[CGROUP_PATH_SIZE];
    if (!tenant_folder(confine, tenant, folder)) return false;
    bool fresh = mkdir(folder, 0755) == 0;
    if (!fresh && errno != EEXIST) return false;
    if (!fresh && weight == 0) return true;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    bool done = !fresh || value_write(fd, "cgroup.subtree_control", confine->controllers);
    if (weight) done = number_write(fd, "cpu.weight", weight) && done;
    close(fd);
    return done;
}

// The folder with all its limits; its descriptor, or -1.
static int folder_make_for(struct confine *confine, struct confine_attempt *attempt,
                           const struct confine_limits *limits) {
    char folder[CGROUP_PATH_SIZE];
    if (!tenant_make(confine, attempt->tenant, limits->tenant_weight) ||
        !attempt_folder(confine, attempt, "", folder) || mkdir(folder, 0755) != 0) {
        return -1; // one that is there already may have been killed: never use it again
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -1;
    value_write(fd, "memory.swap.max", "0"); // absent without swap accounting
    bool done = number_write(fd, "memory.max", limits->memory_bytes) &&
                value_write(fd, "memory.oom.group", "1") &&
                number_write(fd, "pids.max", limits->processes) &&
                processors_write(confine, fd, limits);
    if (limits->io_weight && (confine->parts & CONFINE_PART_IO)) {
        number_write(fd, "io.weight", limits->io_weight); // absent without a scheduler that weighs
    }
    if (!done) {
        close(fd);
        return -1;
    }
    attempt->devices_apart = devices_set(confine, fd, limits);
    attempt->weight = limits->tenant_weight ? 0 : limits->cpu_weight;
    share_put(confine, attempt);
    events_open(confine, attempt);
    return fd;
}

// Our environment and the job's mark; NULL without memory. Give it back with memory_give.
static char **environment_make(char *mark) {
    size_t count = 0;
    while (environ && environ[count]) count++;
    char **list = memory_take((count + 2) * sizeof *list);
    if (!list) return NULL;
    for (size_t i = 0; i < count; i++) list[i] = environ[i];
    list[count] = mark;
    return list;
}

static void attempt_begin(const struct confine *confine, struct confine_attempt *attempt,
                          const struct confine_limits *limits) {
    attempt->level = confine_level(confine);
    attempt->devices_apart = attempt->adopted = false;
    attempt->pid = 0;
    attempt->pidfd = attempt->events_fd = -1;
    attempt->start = attempt->weight = 0;
    attempt->memory_bytes = limits->memory_bytes;
}

static int folder_prepare(struct confine *confine, struct confine_attempt *attempt,
                          const struct confine_limits *limits) {
    int fd = folder_make_for(confine, attempt, limits);
    if (fd >= 0) return fd;
    log_event(LOG_WARN, "confine.folder_failed", "job=%" PRIu64 " errno=%d", attempt->job, errno);
    confine_finish(confine, attempt, NULL);
    attempt->level = CONFINE_LIMITS;
    return -1;
}

enum err confine_launch(struct confine *confine, struct confine_attempt *attempt,
                        const struct confine_limits *limits, const struct confine_spawn *spawn,
                        struct fault *fault) {
    static const struct confine nothing = {.base_filter = -1};
    char mark[MARK_SIZE];
    attempt_mark(attempt, mark);
    attempt_begin(confine, attempt, limits);
    struct birth birth = {
        .confine = confine ? confine : &nothing,
        .limits = limits,
        .spawn = spawn,
        .folder_fd = -1,
        .join_fd = -1,
        .environment = environment_make(mark),
    };
    if (!birth.environment) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    if (attempt->level == CONFINE_CGROUP) {
        birth.folder_fd = folder_prepare(confine, attempt, limits);
    }
    birth.affinity = limits->exclusive && !(attempt->level == CONFINE_CGROUP &&
                                            (birth.confine->parts & CONFINE_PART_CPUSET));
    bool by_clone = birth.folder_fd < 0 || (birth.confine->parts & CONFINE_PART_BIRTH);
    int error = child_make(&birth, by_clone, attempt);
    if (birth.folder_fd >= 0) close(birth.folder_fd);
    memory_give(birth.environment);
    if (error != 0) {
        confine_finish(confine, attempt, NULL);
        return fault_errno(fault, error, STR("clone"));
    }
    if (confine) leader_put(confine, attempt->pid);
    return OK;
}
