// How many children a second: the launcher with all it does for an attempt (limits, environment,
// session, pidfd, cgroup where the machine allows it, the end), beside bare fork and exec and
// posix_spawn of the same program, which ends at once. One at a time and two at a time; rounds of
// each in turn, medians.
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocation/confine.h"
#include "base/clock.h"
#include "support/scratch.h"
#include "support/small_program.h"

enum { ROUNDS = 7, LAUNCHES = 400, SLOTS_MAX = 2 };
enum way { CONFINED, FORKED, SPAWNED, WAYS };
static const char *const names[WAYS] = {"confine_launch", "fork + exec", "posix_spawn"};
static struct confine *confine;
static char *program[2];

static bool start(enum way way, uint64_t job, struct confine_attempt *out) {
    *out = (struct confine_attempt){.tenant = 1, .job = job, .attempt = 1, .events_fd = -1};
    if (way == CONFINED) {
        struct confine_limits limits = {
            .memory_bytes = 64 << 20, .processes = 16, .cpu_weight = 100, .devices_apart = true};
        struct confine_spawn spawn = {.argv = program};
        return confine_launch(confine, out, &limits, &spawn, NULL) == OK;
    }
    if (way == SPAWNED) {
        pid_t pid;
        bool done = posix_spawn(&pid, program[0], NULL, NULL, program, environ) == 0;
        out->pid = pid;
        return done;
    }
    out->pid = fork();
    if (out->pid == 0) {
        execv(program[0], program);
        _exit(1);
    }
    return out->pid > 0;
}

static double rate(enum way way, unsigned slots) {
    static uint64_t job = 1;
    struct confine_attempt running[SLOTS_MAX];
    uint64_t from_us = clock_monotonic_us();
    for (unsigned i = 0; i < LAUNCHES + slots; i++) {
        struct confine_attempt *slot = &running[i % slots];
        int status = -1;
        if (i >= slots) {
            waitpid(slot->pid, &status, 0);
            if (status != 0) return 0;
            if (way == CONFINED) close(slot->pidfd);
            if (way == CONFINED) confine_finish(confine, slot, NULL);
        }
        if (i < LAUNCHES && !start(way, job++, slot)) return 0;
    }
    return LAUNCHES * 1e6 / (double)(clock_monotonic_us() - from_us);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void) {
    static double rates[WAYS][ROUNDS];
    program[0] = (char *)(uintptr_t)scratch_path(scratch_folder(), "true");
    if (!small_program_write(program[0])) program[0] = (char *)(uintptr_t) "/bin/true";
    confine = confine_open(NULL);
    printf("level %s; children a second, median of %d rounds of %d\n",
           confine_level_name(confine_level(confine)), ROUNDS, LAUNCHES);
    printf("what | ours | fork + exec | posix_spawn | ours to fork + exec\n");
    for (unsigned slots = 1; slots <= SLOTS_MAX; slots++) {
        for (int round = 0; round < ROUNDS; round++) {
            for (enum way way = 0; way < WAYS; way++) {
                rates[way][round] = rate(way, slots);
                if (rates[way][round] > 0) continue;
                printf("%s failed\n", names[way]);
                return 1;
            }
        }
        for (enum way way = 0; way < WAYS; way++) {
            qsort(rates[way], ROUNDS, sizeof(double), by_value);
        }
        double ours = rates[CONFINED][ROUNDS / 2], forked = rates[FORKED][ROUNDS / 2];
        printf("%u at a time | %.0f | %.0f | %.0f | %.2f\n", slots, ours, forked,
               rates[SPAWNED][ROUNDS / 2], ours / forked);
    }
    confine_close(confine);
    return 0;
}
