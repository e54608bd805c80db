// What holds on any machine, whatever it allows: the level is one of three, calls are safe at each,
// and memory of this process is seen.
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocation/allocation.h"
#include "base/memory.h"
#include "check.h"

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

static void memory_of_a_process_is_seen(void) {
    struct confine *confine = confine_open();
    enum { GROWN = 48 << 20 };
    uint64_t before = confine_memory_bytes(confine, 1, 1, getpid());
    char *memory = memory_take(GROWN);
    REQUIRE(memory);
    memset(memory, 1, GROWN);
    uint64_t after = confine_memory_bytes(confine, 1, 1, getpid());
    CHECK(before > 0);
    CHECK(after >= before + GROWN / 2);
    memory_give(memory);
    CHECK_EQ(confine_memory_bytes(confine, 1, 1, 0), 0);
    confine_close(confine);
}

static void an_attempt_runs_at_any_level(void) {
    struct confine *confine = confine_open();
    struct confine_limits limits = {64 << 20, 100, 16};
    CHECK(strlen(confine_level_name(confine_level(confine))) > 0);
    CHECK_EQ(confine_prepare(confine, 7, 1, &limits), 0);
    pid_t pid = fork();
    if (pid == 0) {
        confine_enter(confine, 7, 1, &limits);
        _exit(nice(0) >= 10 ? 0 : 1); // the service goes first
    }
    int status = -1;
    waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(!confine_finish(confine, 7, 1));
    confine_close(confine);
    CHECK_EQ(confine_level(NULL), CONFINE_NONE);
}

int main(void) {
    CHECK_RUN(capacity_is_sane);
    CHECK_RUN(memory_of_a_process_is_seen);
    CHECK_RUN(an_attempt_runs_at_any_level);
    return check_done();
}
