// Enforcement by cgroup v2, measured: this program is PID 1 of a guest that tests/boot/confine
// starts, with nothing else in it. It mounts what it needs, has confine.h do its work as the
// service does, and looks at the kernel's own numbers. Its children are itself with the argument
// `confined`.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "allocation/confine_private.h"
#include "base/clock.h"
#include "base/file.h"
#include "check.h"
#include "support/small_program.h"

#define ROOT "/sys/fs/cgroup"
enum { SERVICE_USER = 1000, LAUNCHES = 1000, MEASURED_MS = 3000, MEASURED_MS_MAX = 20000 };
static struct confine *confine;

// ---- what the kernel says -----------------------------------------------------------------------
// The file's text, valid until the next but three calls; "" if it cannot be read.
static const char *text_of(const char *format, ...) {
    static char texts[4][4096];
    static unsigned turn;
    char path[1024], *text = texts[turn++ % 4];
    va_list values;
    va_start(values, format);
    vsnprintf(path, sizeof path, format, values);
    va_end(values);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof texts[0] - 1) : 0;
    text[size > 0 ? size : 0] = '\0';
    if (fd >= 0) close(fd);
    return text;
}

static uint64_t number_in(const char *text, const char *name) {
    const char *at = strstr(text, name);
    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static uint64_t cpu_us(const struct confine_attempt *attempt) {
    char path[CGROUP_PATH_SIZE];
    if (!attempt_folder(confine, attempt, "cpu.stat", path)) return 0;
    return number_in(text_of("%s", path), "usage_usec ");
}

static bool folder_is_there(const struct confine_attempt *attempt) {
    char path[CGROUP_PATH_SIZE];
    return attempt_folder(confine, attempt, "", path) && access(path, F_OK) == 0;
}

static unsigned folders_below(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 ? (unsigned)info.st_nlink - 2 : 0; // as the kernel counts them
}

static unsigned files_open(void) {
    unsigned count = 0;
    for (int fd = 0; fd < 2048; fd++) count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

// ---- children -----------------------------------------------------------------------------------
static void burn(void) {
    for (volatile uint64_t i = 0;; i++) continue;
}

static void hog(void) {
    for (;;) {
        enum { STEP = 1 << 20 };
        void *memory = mmap(NULL, STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) _exit(9);
        memset(memory, 1, STEP);
    }
}

static int fork_all_one_can(void) {
    int count = 0;
    while (count < 100 && fork() != -1) {
        if (getppid() != 1) pause(); // a child
        count++;
    }
    return count;
}

static bool opens(const char *path) {
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

static int look_at_devices(void) {
    bool made = mknod("/made", S_IFCHR | 0600, makedev(1, 11)) == 0;
    if (made) unlink("/made");
    return opens("/dev/null") | opens("/dev/zero") << 1 | opens("/dev/urandom") << 2 |
           opens("/dev/kmsg") << 3 | made << 4;
}

static int launch_as(struct confine *by, struct confine_attempt *attempt,
                     const struct confine_limits *limits, const char *what) {
    char program[] = "/init", word[] = "confined", name[32];
    snprintf(name, sizeof name, "%s", what);
    char *argv[] = {program, word, name, NULL};
    struct fault fault = {0};
    enum err err =
        confine_launch(by, attempt, limits, &(struct confine_spawn){.argv = argv}, &fault);
    if (err != OK) printf("launch: %s %s\n", fault.code, fault.detail);
    return err;
}

static int end_of(const struct confine_attempt *attempt) {
    int status = -1;
    while (waitpid(attempt->pid, &status, 0) < 0 && errno == EINTR) continue;
    return status;
}

// A service with Delegate=yes: alone in a cgroup that is its own, without root.
static int be_a_service(void) {
    struct confine *own = confine_open(NULL);
    struct confine_attempt attempt = {.tenant = 1, .job = 1, .attempt = 1, .events_fd = -1};
    struct confine_limits limits = {.memory_bytes = 24 << 20, .processes = 16, .cpu_weight = 100};
    struct confine_usage usage = {0};
    int wrong = confine_level(own) != CONFINE_CGROUP;
    wrong |= ((confine_parts(own) & CONFINE_PART_DEVICES) != 0) << 1; // not without root
    wrong |= (strstr(text_of("/proc/self/cgroup"), "/service/core\n") == NULL) << 2;
    if (wrong || launch_as(own, &attempt, &limits, "hogs") != OK) return wrong | 1 << 3;
    wrong |= (attempt.level != CONFINE_CGROUP || attempt.devices_apart) << 4;
    wrong |= (WTERMSIG(end_of(&attempt)) != SIGKILL) << 5;
    confine_finish(own, &attempt, &usage);
    wrong |= !usage.memory_ran_out << 6;
    confine_close(own);
    if (strstr(text_of("/proc/self/cgroup"), "/service\n") == NULL) wrong |= 1 << 7;
    return wrong;
}

static int child_main(const char *what) {
    if (strcmp(what, "burn") == 0) burn();
    if (strcmp(what, "forks") == 0) return fork_all_one_can();
    if (strcmp(what, "devices") == 0) return look_at_devices();
    if (strcmp(what, "service") == 0) return be_a_service();
    if (strcmp(what, "true") == 0) return 0;
    if (strcmp(what, "cpus") == 0) {
        cpu_set_t set;
        sched_getaffinity(0, sizeof set, &set);
        return (CPU_ISSET(0, &set) != 0) | (CPU_ISSET(1, &set) != 0) << 1;
    }
    for (int i = 0; strcmp(what, "many") == 0 && i < 30; i++) {
        if (fork() != 0) continue;
        setsid(); // out of the session, but not out of the cgroup
        pause();
    }
    if (strcmp(what, "hogs") == 0) {
        for (int i = 0; i < 2; i++) {
            if (fork() == 0) pause();
        }
        hog();
    }
    for (;;) pause();
}

// ---- helpers ------------------------------------------------------------------------------------
static struct confine_limits usual(void) {
    return (struct confine_limits){
        .memory_bytes = 64 << 20, .processes = 64, .cpu_weight = 100, .devices_apart = true};
}

static struct confine_attempt attempt_of(uint64_t tenant, uint64_t job) {
    return (struct confine_attempt){.tenant = tenant, .job = job, .attempt = 1, .events_fd = -1};
}

static bool started(struct confine_attempt *attempt, const struct confine_limits *limits,
                    const char *what) {
    return CHECK(launch_as(confine, attempt, limits, what) == OK) &&
           CHECK_EQ(attempt->level, CONFINE_CGROUP);
}

static void ended(struct confine_attempt *attempt, struct confine_usage *usage) {
    close(attempt->pidfd);
    confine_finish(confine, attempt, usage);
    CHECK(!folder_is_there(attempt));
}

static void killed(struct confine_attempt *attempt) {
    confine_kill(confine, attempt);
    CHECK_EQ(WTERMSIG(end_of(attempt)), SIGKILL);
    ended(attempt, NULL);
}

static void orphans_gone(void) {
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
}

// What the runner does once a second.
static void tidy_up(void) {
    confine->ticked_us = 0;
    confine_tick(confine);
    CHECK(!confine_wants_tick(confine));
}

static void sleep_ms(unsigned ms) {
    for (uint64_t end = clock_monotonic_us() + ms * 1000ull; clock_monotonic_us() < end;) {
        usleep(10000);
    }
}

// ---- tests --------------------------------------------------------------------------------------
static void the_level_is_full_and_the_tree_stands(void) {
    CHECK_STR(confine_level_name(confine_level(confine)), "cgroup");
    for (uint32_t i = 0; i < CONFINE_PARTS; i++) {
        if (!(confine_parts(confine) & 1u << i)) CHECK_STR("missing", confine_part_name(1u << i));
    }
    CHECK_STR(text_of("/proc/self/cgroup"), "0::/core\n");
    CHECK_STR(text_of(ROOT "/core/cpu.weight"), "1000\n");
    CHECK_STR(text_of(ROOT "/core/memory.min"), "16777216\n");
    CHECK_EQ(folders_below(ROOT "/jobs"), 0); // what it probed with is gone
    CHECK(strstr(text_of("/proc/mounts"), "nsdelegate") != NULL);
    CHECK(strstr(text_of("/proc/mounts"), "memory_recursiveprot") != NULL);
}

// The emulator loses time to other work on its machine, and the kernel books what was lost on
// whoever ran, to make up for it later: measured on and on until what was used since the start is
// right, at most for the time given.
static bool in_time(uint64_t from_us, double value, double least, double most) {
    uint64_t passed_ms = (clock_monotonic_us() - from_us) / 1000;
    if (passed_ms < MEASURED_MS) return false;
    return (value >= least && value <= most) || passed_ms >= MEASURED_MS_MAX;
}

// All on one processor, so that nothing depends on how the kernel spreads them.
static void processors_are_shared_by_weight(void) {
    enum { HEAVY, HEAVY_TOO, LIGHT, COUNT };
    struct confine_attempt a[COUNT] = {attempt_of(1, 1), attempt_of(1, 2), attempt_of(2, 3)};
    uint64_t before[COUNT], from_us;
    double used[COUNT], tenants = 0, jobs = 0;
    for (int i = 0; i < COUNT; i++) {
        struct confine_limits limits = usual();
        limits.tenant_weight = i == LIGHT ? 100 : 300;
        limits.cpu_weight = i == HEAVY ? 200 : 100;
        limits.exclusive = true;
        limits.cpus.bits[0] = 2;
        REQUIRE(started(&a[i], &limits, "burn"));
    }
    sleep_ms(500);
    for (int i = 0; i < COUNT; i++) before[i] = cpu_us(&a[i]);
    from_us = clock_monotonic_us();
    do {
        sleep_ms(500);
        for (int i = 0; i < COUNT; i++) used[i] = (double)(cpu_us(&a[i]) - before[i] + 1);
        tenants = (used[HEAVY] + used[HEAVY_TOO]) / used[LIGHT];
        jobs = used[HEAVY] / used[HEAVY_TOO];
    } while (!in_time(from_us, tenants, 2.85, 3.15));
    printf("tenants of weight 300:100 got %.2f:1, jobs of 200:100 in the first %.2f:1 (%.1f s)\n",
           tenants, jobs, (double)(clock_monotonic_us() - from_us) / 1e6);
    CHECK(tenants >= 2.7);
    CHECK(tenants <= 3.3);
    CHECK(jobs >= 1.7);
    CHECK(jobs <= 2.3);
    for (int i = 0; i < COUNT; i++) killed(&a[i]);
}

static void a_processor_is_capped(void) {
    struct confine_attempt attempt = attempt_of(1, 20);
    struct confine_limits limits = usual();
    double share;
    limits.cpu_max_milli = 200;
    REQUIRE(started(&attempt, &limits, "burn"));
    sleep_ms(300);
    uint64_t before = cpu_us(&attempt), from_us = clock_monotonic_us();
    do {
        sleep_ms(500);
        share = 100.0 * (double)(cpu_us(&attempt) - before);
        share /= (double)(clock_monotonic_us() - from_us);
    } while (!in_time(from_us, share, 19, 21));
    printf("cpu.max of 20 %%: %.1f %% (%.1f s)\n", share,
           (double)(clock_monotonic_us() - from_us) / 1e6);
    CHECK(share >= 18);
    CHECK(share <= 22);
    killed(&attempt);
}

static void a_tenants_weight_is_that_of_what_it_runs(void) {
    struct confine_attempt a = attempt_of(9, 25), b = attempt_of(9, 26),
                           adopted = attempt_of(9, 26);
    struct confine_limits limits = usual();
    REQUIRE(started(&a, &limits, "sleep"));
    CHECK_STR(text_of(ROOT "/jobs/9/cpu.weight"), "100\n");
    limits.cpu_weight = 250;
    REQUIRE(started(&b, &limits, "sleep"));
    CHECK_STR(text_of(ROOT "/jobs/9/cpu.weight"), "350\n");
    killed(&a);
    CHECK_STR(text_of(ROOT "/jobs/9/cpu.weight"), "250\n");
    confine_adopt(confine, &adopted, b.pid, limits.memory_bytes); // as one more, for this test
    CHECK_STR(text_of(ROOT "/jobs/9/cpu.weight"), "500\n");
    killed(&b);
    CHECK_STR(text_of(ROOT "/jobs/9/cpu.weight"), "250\n");
    confine_finish(confine, &adopted, NULL);
}

static void out_of_memory_ends_the_whole_job_and_nothing_else(void) {
    struct confine_attempt attempt = attempt_of(1, 30), neighbour = attempt_of(1, 31);
    struct confine_limits limits = usual();
    struct confine_usage usage = {0};
    limits.memory_bytes = 24 << 20;
    REQUIRE(started(&neighbour, &limits, "sleep") && started(&attempt, &limits, "hogs"));
    struct pollfd news = {.fd = attempt.events_fd, .events = POLLPRI};
    CHECK(attempt.events_fd >= 0);
    bool told = false;
    for (int i = 0; i < 100 && !told; i++) {
        poll(&news, 1, 200);
        told = news.revents && confine_memory_ran_out(confine, &attempt);
    }
    CHECK(told);
    CHECK_EQ(WTERMSIG(end_of(&attempt)), SIGKILL);
    char path[CGROUP_PATH_SIZE];
    REQUIRE(attempt_folder(confine, &attempt, "cgroup.events", path));
    for (int i = 0; i < 100 && !strstr(text_of("%s", path), "populated 0"); i++) usleep(10000);
    CHECK(strstr(text_of("%s", path), "populated 0") != NULL); // its children went with it
    ended(&attempt, &usage);
    CHECK(usage.memory_ran_out);
    CHECK(usage.cpu_us > 0);
    CHECK(usage.memory_peak_bytes <= 24 << 20);
    CHECK(usage.memory_peak_bytes >= 20 << 20);
    CHECK(waitpid(neighbour.pid, NULL, WNOHANG) == 0);
    CHECK(!confine_memory_ran_out(confine, &neighbour));
    CHECK(confine_memory_bytes(confine, &neighbour) > 0);
    killed(&neighbour);
    orphans_gone();
}

static void processes_are_counted(void) {
    struct confine_attempt attempt = attempt_of(1, 40);
    struct confine_limits limits = usual();
    limits.processes = 8;
    REQUIRE(started(&attempt, &limits, "forks"));
    CHECK_EQ(WEXITSTATUS(end_of(&attempt)), 7);
    ended(&attempt, NULL); // the children it left are killed
    orphans_gone();
}

static void processors_are_exclusive(void) {
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        struct confine_attempt attempt = attempt_of(1, 50 + cpu);
        struct confine_limits limits = usual();
        limits.exclusive = true;
        limits.cpus.bits[0] = 1u << cpu;
        REQUIRE(started(&attempt, &limits, "cpus"));
        CHECK_EQ(WEXITSTATUS(end_of(&attempt)), 1 << cpu);
        ended(&attempt, NULL);
    }
}

static void what_runs_moves_to_other_processors(void) {
    struct confine_attempt attempt = attempt_of(1, 58);
    struct confine_limits limits = usual();
    struct confine_cpus cpus = {.bits = {2}};
    char path[CGROUP_PATH_SIZE];
    REQUIRE(started(&attempt, &limits, "sleep"));
    REQUIRE(attempt_folder(confine, &attempt, "cpuset.cpus.effective", path));
    CHECK_STR(text_of("%s", path), "0-1\n");
    confine_move(confine, &attempt, &cpus);
    CHECK_STR(text_of("%s", path), "1\n");
    cpus.bits[0] = 3;
    confine_move(confine, &attempt, &cpus);
    CHECK_STR(text_of("%s", path), "0-1\n");
    confine_kill(confine, &attempt);
    end_of(&attempt);
    ended(&attempt, NULL);
}

static void a_device_not_allotted_is_refused(void) {
    struct confine_attempt attempt = attempt_of(1, 60);
    struct confine_limits limits = usual();
    struct confine_device device;
    CHECK_EQ(look_at_devices(), 31); // here, outside
    REQUIRE(started(&attempt, &limits, "devices"));
    CHECK(attempt.devices_apart);
    CHECK_EQ(WEXITSTATUS(end_of(&attempt)), 7);
    ended(&attempt, NULL);
    REQUIRE(confine_device_of("/dev/kmsg", &device));
    limits.devices = &device;
    limits.device_count = 1;
    attempt = attempt_of(1, 61);
    REQUIRE(started(&attempt, &limits, "devices"));
    CHECK(attempt.devices_apart);
    CHECK_EQ(WEXITSTATUS(end_of(&attempt)), 31);
    ended(&attempt, NULL);
    device.block = true; // of the same numbers, but another device
    attempt = attempt_of(1, 62);
    REQUIRE(started(&attempt, &limits, "devices"));
    CHECK_EQ(WEXITSTATUS(end_of(&attempt)), 7);
    ended(&attempt, NULL);
}

static void a_kill_leaves_none(void) {
    struct confine_attempt attempt = attempt_of(1, 70);
    struct confine_limits limits = usual();
    char path[CGROUP_PATH_SIZE];
    REQUIRE(started(&attempt, &limits, "many"));
    REQUIRE(attempt_folder(confine, &attempt, "pids.current", path));
    for (int i = 0; i < 500 && number_in(text_of("%s", path), "") != 31; i++) usleep(10000);
    CHECK_EQ(number_in(text_of("%s", path), ""), 31);
    uint64_t from_us = clock_monotonic_us();
    killed(&attempt);
    printf("31 processes in 31 sessions killed and their folder removed in %.1f ms\n",
           (clock_monotonic_us() - from_us) / 1e3);
    CHECK(number_in(text_of(ROOT "/jobs/cgroup.events"), "populated ") == 0);
    orphans_gone();
}

static void a_refused_clone_is_made_up_for_by_fork(void) {
    struct confine_attempt attempt = attempt_of(3, 80);
    struct confine_limits limits = usual();
    struct confine_usage usage = {0};
    limits.memory_bytes = 24 << 20;
    confine->parts &= ~(unsigned)CONFINE_PART_BIRTH;
    REQUIRE(started(&attempt, &limits, "hogs"));
    confine->parts |= CONFINE_PART_BIRTH;
    CHECK(attempt.pidfd >= 0);
    CHECK_EQ(WTERMSIG(end_of(&attempt)), SIGKILL);
    ended(&attempt, &usage);
    CHECK(usage.memory_ran_out);
    orphans_gone();
}

static void a_crash_leaves_nothing_that_stays(void) {
    struct confine_attempt attempt = attempt_of(4, 90), adopted = attempt_of(4, 90);
    struct confine_limits limits = usual();
    REQUIRE(started(&attempt, &limits, "sleep"));
    CHECK(mkdir(ROOT "/jobs/4/91.1", 0755) == 0); // of attempts that ended while nobody looked
    CHECK(mkdir(ROOT "/jobs/6", 0755) == 0);
    CHECK(mkdir(ROOT "/jobs/6/92.2", 0755) == 0);
    CHECK(mkdir(ROOT "/jobs/6/92.2/inner", 0755) == 0);
    struct confine *next = confine_open(NULL); // the service started anew, in `core` already
    REQUIRE(next);
    CHECK_EQ(confine_level(next), CONFINE_CGROUP);
    CHECK_EQ(folders_below(ROOT "/jobs"), 1);
    CHECK_EQ(folders_below(ROOT "/jobs/4"), 1);
    confine_adopt(next, &adopted, attempt.pid, limits.memory_bytes);
    CHECK_EQ(adopted.level, CONFINE_CGROUP);
    CHECK(adopted.events_fd >= 0);
    CHECK(confine_memory_bytes(next, &adopted) > 0);
    confine_kill(next, &adopted);
    end_of(&attempt);
    confine_finish(next, &adopted, NULL);
    confine_finish(confine, &attempt, NULL);
    tidy_up();
    CHECK_EQ(folders_below(ROOT "/jobs"), 0);
    next->jobs[0] = '\0'; // its end is not that of the tree
    confine_close(next);
}

static void a_service_without_root_may_too(void) {
    static const char *const files[] = {"", "cgroup.procs", "cgroup.subtree_control",
                                        "cgroup.threads"};
    char path[256];
    REQUIRE(mkdir(ROOT "/service", 0755) == 0);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, ROOT "/service/%s", files[i]);
        CHECK(chown(path, SERVICE_USER, SERVICE_USER) == 0);
    }
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(ROOT "/service/cgroup.procs", O_WRONLY);
        if (write(fd, "0", 1) != 1 || setgid(SERVICE_USER) || setuid(SERVICE_USER)) _exit(255);
        execl("/init", "/init", "confined", "service", (char *)NULL);
        _exit(254);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    CHECK_EQ(WEXITSTATUS(status), 0);
    CHECK(WIFEXITED(status));
    orphans_gone();
    for (int i = 0; i < 100 && rmdir(ROOT "/service") != 0; i++) usleep(10000);
    CHECK(access(ROOT "/service", F_OK) != 0);
}

static bool true_start(struct confine_attempt *attempt, bool confined) {
    char program[] = "/tmp/true", *argv[] = {program, NULL};
    struct confine_limits limits = usual();
    struct confine_spawn spawn = {.argv = argv};
    if (confined) return confine_launch(confine, attempt, &limits, &spawn, NULL) == OK;
    attempt->pid = fork();
    if (attempt->pid == 0) {
        execv(program, argv);
        _exit(1);
    }
    return attempt->pid > 0;
}

// Two at a time.
static double launches_a_second(unsigned count, bool confined, unsigned *out_good) {
    struct confine_attempt slots[2];
    uint64_t from_us = clock_monotonic_us();
    for (unsigned i = 0; i < count + 2; i++) {
        struct confine_attempt *slot = &slots[i % 2];
        if (i >= 2) {
            int status = end_of(slot);
            *out_good += status == 0;
            if (status != 0) printf("launch %u ended with status 0x%x\n", i - 2, (unsigned)status);
            if (confined) close(slot->pidfd);
            if (confined) confine_finish(confine, slot, NULL);
        }
        *slot = attempt_of(1 + i % 3, 1000 + i);
        if (i < count && !true_start(slot, confined)) break;
    }
    return count * 1e6 / (double)(clock_monotonic_us() - from_us);
}

// The runner's own test, as a service that is alone in its cgroup: the kernel kills, the job tells.
static void the_runner_tells_that_memory_ran_out(void) {
    if (access("/runner", X_OK) != 0) CHECK_SKIP("tests/unit/flow/runner_test.c is not compiled");
    REQUIRE(mkdir(ROOT "/service", 0755) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(ROOT "/service/cgroup.procs", O_WRONLY);
        setenv("COURTYARD_TEST", "memory_beyond_the_limit", 1);
        if (write(fd, "0", 1) != 1) _exit(255);
        execl("/runner", "/runner", (char *)NULL);
        _exit(254);
    }
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
    orphans_gone();
    for (int i = 0; i < 100 && rmdir(ROOT "/service") != 0; i++) usleep(10000);
    CHECK(access(ROOT "/service", F_OK) != 0); // and left no folder in it
}

static void a_thousand_launches_leave_nothing_behind(void) {
    unsigned good = 0, plain = 0, files = files_open();
    REQUIRE(small_program_write("/tmp/true"));
    double confined = launches_a_second(LAUNCHES, true, &good);
    double forked = launches_a_second(LAUNCHES / 4, false, &plain);
    printf("%d launches, each with a cgroup of its own: %.0f jobs/s; fork and exec alone: %.0f\n",
           LAUNCHES, confined, forked);
    CHECK_EQ(good, LAUNCHES);
    CHECK_EQ(plain, LAUNCHES / 4);
    CHECK_EQ(files_open(), files);
    tidy_up();
    CHECK_EQ(folders_below(ROOT "/jobs"), 0);
}

static void the_end_is_as_the_beginning(void) {
    confine_close(confine);
    confine = NULL;
    CHECK_STR(text_of("/proc/self/cgroup"), "0::/\n");
    CHECK_EQ(access(ROOT "/core", F_OK), -1);
    CHECK_EQ(access(ROOT "/jobs", F_OK), -1);
}

static void mounts(void) {
    static const char *const folders[] = {"/proc", "/sys", "/dev", "/tmp"};
    for (size_t i = 0; i < 4; i++) mkdir(folders[i], 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    int console = open("/dev/console", O_RDWR);
    for (int fd = 0; console >= 0 && fd < 3; fd++) dup2(console, fd);
    setvbuf(stdout, NULL, _IOLBF, 0);
}

int main(int count, char **arguments) {
    if (count == 3 && strcmp(arguments[1], "confined") == 0) return child_main(arguments[2]);
    if (getpid() != 1) {
        fprintf(stderr, "this is PID 1 of a guest: tests/boot/confine starts it\n");
        return 2;
    }
    mounts();
    confine = confine_open(&(struct confine_setup){.core_memory_bytes = 16 << 20});
    CHECK_RUN(the_level_is_full_and_the_tree_stands);
    CHECK_RUN(processors_are_shared_by_weight);
    CHECK_RUN(a_processor_is_capped);
    CHECK_RUN(a_tenants_weight_is_that_of_what_it_runs);
    CHECK_RUN(out_of_memory_ends_the_whole_job_and_nothing_else);
    CHECK_RUN(processes_are_counted);
    CHECK_RUN(processors_are_exclusive);
    CHECK_RUN(what_runs_moves_to_other_processors);
    CHECK_RUN(a_device_not_allotted_is_refused);
    CHECK_RUN(a_kill_leaves_none);
    CHECK_RUN(a_refused_clone_is_made_up_for_by_fork);
    CHECK_RUN(a_crash_leaves_nothing_that_stays);
    CHECK_RUN(a_service_without_root_may_too);
    CHECK_RUN(the_runner_tells_that_memory_ran_out);
    CHECK_RUN(a_thousand_launches_leave_nothing_behind);
    CHECK_RUN(the_end_is_as_the_beginning);
    int status = check_done();
    printf("up %.1f s, status %d\n", clock_monotonic_us() / 1e6, status);
    fflush(stdout);
    tcdrain(1);
    reboot(RB_POWER_OFF);
    for (;;) pause();
}
