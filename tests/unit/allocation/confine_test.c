// What holds on any machine: the fall-backs, with and without root, and what is safe at every
// level. Enforcement by cgroups needs a kernel of its own: tests/boot/confine.c.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocation/capacity.h"
#include "allocation/confine_private.h"
#include "base/clock.h"
#include "base/memory.h"
#include "check.h"

static char program[4096];

// ---- what a child does; it is this program again ------------------------------------------------
// Its memory and that of a child of its own, told apart by a byte.
static void grow(size_t bytes, int byte) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) memset(memory, byte, bytes);
}

static int child_looks(void) {
    struct rlimit core, cpu, file;
    getrlimit(RLIMIT_CORE, &core);
    getrlimit(RLIMIT_CPU, &cpu);
    getrlimit(RLIMIT_FSIZE, &file);
    const char *mark = getenv("COURTYARD_JOB");
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    return (core.rlim_max == 0) | (cpu.rlim_cur == 1000) << 1 | (file.rlim_cur == 1 << 20) << 2 |
           (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) << 3 |
           (getpriority(PRIO_PROCESS, 0) >= 10) << 4 | (getsid(0) == getpid()) << 5 |
           (mark && strcmp(mark, "7.3") == 0) << 6 | (CPU_COUNT(&set) == 1) << 7;
}

static int child_main(const char *what) {
    if (strcmp(what, "look") == 0) return child_looks();
    if (strcmp(what, "true") == 0) return 0;
    if (strcmp(what, "uid") == 0) return getuid() == 4321 && getgid() == 4322 ? 0 : 1;
    if (strcmp(what, "deaf") == 0) signal(SIGTERM, SIG_IGN);
    if (strcmp(what, "tree") == 0) {
        // A child, and a grandchild that leaves the session and is orphaned.
        if (fork() == 0) pause();
        if (fork() == 0) {
            if (fork() == 0) {
                setsid();
                grow(16 << 20, 1);
                pause();
            }
            _exit(0);
        }
        grow(16 << 20, 1);
    }
    if (strcmp(what, "leave") == 0) { // ends, and leaves a child behind
        if (fork() == 0) {
            setsid();
            pause();
        }
        return 0;
    }
    if (strcmp(what, "share") == 0) {
        grow(32 << 20, 1);
        for (int i = 0; i < 3; i++) {
            if (fork() == 0) pause();
        }
    }
    for (;;) pause();
}

// ---- helpers ------------------------------------------------------------------------------------
static enum err launch(struct confine *confine, struct confine_attempt *attempt,
                       const struct confine_limits *limits, const char *what) {
    static struct confine_limits usual = {
        .memory_bytes = 1 << 30, .processes = 64, .cpu_weight = 100};
    char word[32];
    snprintf(word, sizeof word, "%s", what);
    char *argv[] = {program, (char[]){"confined"}, word, NULL};
    struct confine_spawn spawn = {.argv = argv};
    *attempt = (struct confine_attempt){.tenant = 5, .job = 7, .attempt = 3, .events_fd = -1};
    return confine_launch(confine, attempt, limits ? limits : &usual, &spawn, NULL);
}

static int end_of(const struct confine_attempt *attempt) {
    int status = -1;
    while (waitpid(attempt->pid, &status, 0) < 0 && errno == EINTR) continue;
    return status;
}

static unsigned files_open(void) {
    unsigned count = 0;
    for (int fd = 0; fd < 1024; fd++) count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void finish(struct confine *confine, struct confine_attempt *attempt) {
    close(attempt->pidfd);
    confine_finish(confine, attempt, NULL);
    CHECK_EQ(attempt->events_fd, -1);
}

static bool any_of_the_job(struct confine *confine, const struct confine_attempt *attempt,
                           size_t *out) {
    struct confine_attempt all = *attempt;
    *out = 0;
    processes_look(confine, UINT64_MAX);
    processes_memory(confine, &all);
    for (size_t i = 0; i < confine->process_count; i++) {
        *out += confine->processes[i].member && !confine->processes[i].zombie;
    }
    return *out > 0;
}

// Until the job has that many processes, at most some seconds.
static bool comes_to(struct confine *confine, const struct confine_attempt *attempt, size_t want) {
    size_t count = 0;
    for (int i = 0; i < 1000; i++) {
        any_of_the_job(confine, attempt, &count);
        if (count == want) return true;
        usleep(5000);
    }
    return CHECK_EQ(count, want);
}

// ---- tests --------------------------------------------------------------------------------------
static void capacity_is_sane(void) {
    struct allocation_capacity whole, kept;
    allocation_capacity_read(0, &whole);
    allocation_capacity_read(1 << 20, &kept);
    CHECK(whole.cpu_milli >= 1); // a quota may be a part of a processor
    CHECK(whole.memory_bytes > (64u << 20));
    CHECK_EQ(whole.memory_bytes - kept.memory_bytes, 1 << 20);
    allocation_capacity_read(UINT64_MAX, &kept);
    CHECK_EQ(kept.memory_bytes, 0);
}

static void an_attempt_runs_at_any_level(void) {
    struct confine *confine = confine_open(NULL);
    struct confine_attempt attempt;
    REQUIRE(confine);
    unsigned files = files_open();
    CHECK(strlen(confine_level_name(confine_level(confine))) > 0);
    for (uint32_t i = 0; i < CONFINE_PARTS; i++) CHECK(confine_part_name(1u << i)[0]);
    REQUIRE(launch(confine, &attempt, NULL, "true") == OK);
    CHECK(attempt.pidfd >= 0);
    CHECK_EQ(end_of(&attempt), 0);
    finish(confine, &attempt);
    CHECK_EQ(files_open(), files);
    confine_close(confine);
}

static void without_a_confine_jobs_run_all_the_same(void) {
    struct confine_attempt attempt;
    CHECK_EQ(confine_level(NULL), CONFINE_NONE);
    CHECK_EQ(confine_parts(NULL), 0);
    REQUIRE(launch(NULL, &attempt, NULL, "true") == OK);
    CHECK_EQ(confine_memory_bytes(NULL, &attempt), 0);
    CHECK_EQ(end_of(&attempt), 0);
    finish(NULL, &attempt);
    confine_kill(NULL, &(struct confine_attempt){.pidfd = -1});
    confine_tick(NULL);
}

static void a_child_is_within_its_limits(void) {
    struct confine *confine = confine_open(NULL);
    struct confine_attempt attempt;
    struct confine_limits limits = {.memory_bytes = 64 << 20,
                                    .processes = 16,
                                    .cpu_weight = 100,
                                    .cpu_seconds = 1000,
                                    .file_bytes = 1 << 20,
                                    .exclusive = true};
    cpu_set_t set;
    REQUIRE(confine && sched_getaffinity(0, sizeof set, &set) == 0);
    int last = 0;
    for (int i = 0; i < CPU_SETSIZE; i++) last = CPU_ISSET(i, &set) ? i : last;
    limits.cpus.bits[last / 64] = 1ull << (last % 64);
    REQUIRE(launch(confine, &attempt, &limits, "look") == OK);
    int status = end_of(&attempt);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0xff);
    finish(confine, &attempt);
    // A processor that is not there: it may not run anywhere else instead.
    limits.cpus = (struct confine_cpus){0};
    limits.cpus.bits[CONFINE_CPUS_MAX / 64 - 1] = 1ull << 63;
    if (launch(confine, &attempt, &limits, "true") == OK) {
        CHECK_EQ(WEXITSTATUS(end_of(&attempt)), CONFINE_EXIT_FAILED);
        finish(confine, &attempt);
    }
    confine_close(confine);
}

static void a_program_that_is_not_there_is_told(void) {
    struct confine *confine = confine_open(NULL);
    struct confine_attempt attempt = {.job = 1, .attempt = 1, .events_fd = -1};
    struct confine_limits limits = {.memory_bytes = 1 << 26, .processes = 16, .cpu_weight = 100};
    char path[] = "/nowhere/at/all";
    char *argv[] = {path, NULL};
    REQUIRE(confine_launch(confine, &attempt, &limits, &(struct confine_spawn){.argv = argv},
                           NULL) == OK);
    CHECK_EQ(WEXITSTATUS(end_of(&attempt)), CONFINE_EXIT_NO_EXEC);
    finish(confine, &attempt);
    confine_close(confine);
}

static void the_whole_job_is_killed(void) {
    struct confine *confine = confine_open(NULL);
    struct confine_attempt attempt;
    REQUIRE(launch(confine, &attempt, NULL, "tree") == OK);
    if (attempt.level != CONFINE_LIMITS) CHECK_SKIP("the kernel holds the job together here");
    comes_to(confine, &attempt, 3);
    // The orphan's memory counts.
    uint64_t bytes = 0;
    for (int i = 0; i < 400 && bytes < 32 << 20; i++, usleep(5000)) {
        confine->looked_us = 0;
        bytes = confine_memory_bytes(confine, &attempt);
    }
    CHECK(bytes >= 32 << 20);
    confine_kill(confine, &attempt);
    CHECK_EQ(WTERMSIG(end_of(&attempt)), SIGKILL);
    finish(confine, &attempt);
    comes_to(confine, &attempt, 0);
    bool reaped = false;
    for (int i = 0; i < 400 && !reaped; i++, usleep(5000)) {
        confine->ticked_us = confine->looked_us = 0;
        confine_tick(confine);
        siginfo_t any;
        reaped = waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
    }
    CHECK(reaped); // no zombie of it is left
    confine_close(confine);
}

static void what_a_job_leaves_behind_is_killed_at_its_end(void) {
    struct confine *confine = confine_open(NULL);
    struct confine_attempt attempt;
    REQUIRE(launch(confine, &attempt, NULL, "leave") == OK);
    CHECK_EQ(end_of(&attempt), 0);
    if (attempt.level == CONFINE_LIMITS) comes_to(confine, &attempt, 1);
    finish(confine, &attempt);
    if (attempt.level == CONFINE_LIMITS) comes_to(confine, &attempt, 0);
    confine_close(confine);
}

static void pages_shared_in_a_job_count_once_where_it_matters(void) {
    struct confine *confine = confine_open(NULL);
    struct confine_attempt attempt;
    struct confine_limits limits = {.memory_bytes = 64 << 20, .processes = 16, .cpu_weight = 100};
    REQUIRE(launch(confine, &attempt, &limits, "share") == OK);
    if (attempt.level == CONFINE_LIMITS) {
        comes_to(confine, &attempt, 4);
        confine->looked_us = 0;
        uint64_t bytes = confine_memory_bytes(confine, &attempt);
        CHECK(bytes >= 32 << 20); // 4 × 32 MiB by the sum of residents
#ifndef __SANITIZE_THREAD__       // whose shadow memory is more than that
        CHECK(bytes < 64 << 20 || access("/proc/self/smaps_rollup", R_OK) != 0);
#endif
    }
    confine_kill(confine, &attempt);
    end_of(&attempt);
    finish(confine, &attempt);
    confine_close(confine);
}

// Until the process ignores SIGTERM.
static bool is_deaf(int pid) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    for (int i = 0; i < 1000; i++, usleep(10000)) {
        unsigned long long ignored = 0;
        FILE *status = fopen(path, "re");
        while (status && fgets(line, sizeof line, status)) {
            if (sscanf(line, "SigIgn: %llx", &ignored) == 1) break;
        }
        if (status) fclose(status);
        if (ignored >> (SIGTERM - 1) & 1) return true;
    }
    return false;
}

static void stopping_goes_by_steps(void) {
    struct confine *confine = confine_open(NULL);
    struct confine_attempt attempt;
    REQUIRE(launch(confine, &attempt, NULL, "deaf") == OK);
    struct pollfd end = {.fd = attempt.pidfd, .events = POLLIN};
    struct confine_stop stop = {.asked_us = 1000000, .checkpoint_ms = 0, .grace_ms = 500};
    REQUIRE(is_deaf(attempt.pid));
    CHECK(!confine_stop_step(confine, &attempt, &stop, 1000000));
    CHECK(!confine_stop_step(confine, &attempt, &stop, 1499999));
    CHECK_EQ(poll(&end, 1, 50), 0);
    CHECK(confine_stop_step(confine, &attempt, &stop, 1500000));
    CHECK_EQ(WTERMSIG(end_of(&attempt)), SIGKILL);
    CHECK(confine_stop_step(confine, &attempt, &stop, 1600000)); // again does no harm
    finish(confine, &attempt);
    // SIGTERM alone, and first of all the checkpoint's signal.
    for (int by_checkpoint = 0; by_checkpoint < 2; by_checkpoint++) {
        REQUIRE(launch(confine, &attempt, NULL, "wait") == OK);
        stop = (struct confine_stop){
            .asked_us = 1000000, .checkpoint_ms = by_checkpoint ? 500 : 0, .grace_ms = 500};
        CHECK(!confine_stop_step(confine, &attempt, &stop, 1000000));
        CHECK_EQ(WTERMSIG(end_of(&attempt)), by_checkpoint ? SIGUSR1 : SIGTERM);
        finish(confine, &attempt);
    }
    REQUIRE(launch(confine, &attempt, NULL, "wait") == OK);
    stop = (struct confine_stop){.asked_us = 1000000}; // no grace at all
    CHECK(confine_stop_step(confine, &attempt, &stop, 1000000));
    CHECK_EQ(WTERMSIG(end_of(&attempt)), SIGKILL);
    finish(confine, &attempt);
    confine_close(confine);
}

static void a_number_used_again_is_left_alone(void) {
    struct confine *confine = confine_open(NULL);
    struct confine_attempt attempt;
    REQUIRE(launch(confine, &attempt, NULL, "wait") == OK);
    struct confine_attempt earlier = attempt; // of another job that had this process id
    earlier.job = 8;
    earlier.level = CONFINE_LIMITS;
    earlier.start -= 1;
    earlier.pidfd = -1;
    confine_kill(confine, &earlier);
    struct pollfd end = {.fd = attempt.pidfd, .events = POLLIN};
    CHECK_EQ(poll(&end, 1, 50), 0);
    confine_kill(confine, &attempt);
    end_of(&attempt);
    finish(confine, &attempt);
    confine_close(confine);
}

static void an_adopted_attempt_is_watched_and_killed(void) {
    struct confine *confine = confine_open(NULL);
    struct confine_attempt attempt,
        adopted = {.tenant = 5, .job = 7, .attempt = 3, .events_fd = -1};
    REQUIRE(launch(confine, &attempt, NULL, "wait") == OK);
    confine_adopt(confine, &adopted, 0, 1 << 30);
    confine_adopt(confine, &adopted, attempt.pid, 1 << 30);
    CHECK_EQ(adopted.level, attempt.level);
    CHECK_EQ(adopted.start, attempt.start);
    CHECK(confine_memory_bytes(confine, &adopted) > 0);
    confine_kill(confine, &adopted);
    CHECK_EQ(WTERMSIG(end_of(&attempt)), SIGKILL);
    confine_finish(confine, &adopted, NULL);
    finish(confine, &attempt);
    confine_close(confine);
}

static void jobs_run_as_another_user(void) {
    if (geteuid() != 0) CHECK_SKIP("only root can become another user");
    struct confine_setup setup = {.job_uid = 4321, .job_gid = 4322};
    struct confine *confine = confine_open(&setup);
    struct confine_attempt attempt;
    char shell[] = "/bin/sh", option[] = "-c";
    char text[] = "test $(id -u) = 4321 && test $(id -g) = 4322 && test \"$(id -G)\" = 4322";
    char *argv[] = {shell, option, text, NULL};
    struct confine_limits limits = {.memory_bytes = 1 << 30, .processes = 64, .cpu_weight = 100};
    attempt = (struct confine_attempt){.job = 1, .attempt = 1, .events_fd = -1};
    REQUIRE(confine_launch(confine, &attempt, &limits, &(struct confine_spawn){.argv = argv},
                           NULL) == OK);
    CHECK_EQ(end_of(&attempt), 0);
    finish(confine, &attempt);
    confine_close(confine);
}

// All of it once more without root: in a child that has given it up.
static void tests_of_the_fall_backs(void) {
    CHECK_RUN(an_attempt_runs_at_any_level);
    CHECK_RUN(without_a_confine_jobs_run_all_the_same);
    CHECK_RUN(a_child_is_within_its_limits);
    CHECK_RUN(a_program_that_is_not_there_is_told);
    CHECK_RUN(the_whole_job_is_killed);
    CHECK_RUN(what_a_job_leaves_behind_is_killed_at_its_end);
    CHECK_RUN(pages_shared_in_a_job_count_once_where_it_matters);
    CHECK_RUN(stopping_goes_by_steps);
    CHECK_RUN(a_number_used_again_is_left_alone);
    CHECK_RUN(an_adopted_attempt_is_watched_and_killed);
}

static void the_same_without_root(void) {
    if (geteuid() != 0) CHECK_SKIP("we are not root: that was it");
    if (syscall(SYS_faccessat, AT_FDCWD, program, X_OK) != 0) return;
    pid_t pid = fork();
    if (pid == 0) {
        // The program may lie where only root comes: it is run by its descriptor.
        int fd = open(program, O_RDONLY);
        snprintf(program, sizeof program, "/proc/self/fd/%d", fd);
        bool done = fd >= 0 && syscall(SYS_setgroups, 0, NULL) == 0 && setgid(65534) == 0 &&
                    setuid(65534) == 0;
        if (!done) _exit(2);
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); // as of a process that has been so from its start
        check.passed = check.failed = check.skipped = 0;
        tests_of_the_fall_backs();
        _exit(check.failed > 0 || check.passed < 10);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
}

int main(int count, char **arguments) {
    if (count == 3 && strcmp(arguments[1], "confined") == 0) return child_main(arguments[2]);
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    program[size > 0 ? size : 0] = '\0';
    const char *emulator = getenv("COURTYARD_EMULATOR");
    if (emulator) { // the emulator is the process: it has neither our limits nor our memory
        CHECK_RUN(capacity_is_sane);
        return check_done();
    }
    CHECK_RUN(capacity_is_sane);
    tests_of_the_fall_backs();
    CHECK_RUN(jobs_run_as_another_user);
    CHECK_RUN(the_same_without_root);
    return check_done();
}
