// What a program says that is run once more: its own fault, and what stands for one that told none.
// The program is this test itself, by what its first argument names.
#include "appliance/program.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

static const struct fault told = {
    .code = "base.disk_full", .row = 7, .column = 3, .detail = "/data/\"备份\"\\\n/courtyard.tar"};

static int program_main(const char *what) {
    struct fault fault = told;
    if (strcmp(what, "done") == 0) return 0;
    if (strcmp(what, "fails") == 0) program_fault_tell(&told);
    if (strcmp(what, "long") == 0) {
        memset(fault.detail, 1, sizeof fault.detail - 1);
        program_fault_tell(&fault);
    }
    if (strcmp(what, "usage") == 0) {
        strcpy(fault.code, "cli.failed");
        program_fault_tell(&fault);
    }
    if (strcmp(what, "nonsense") == 0 && write(atoi(getenv(PROGRAM_FAULT_FD)), "{\"co", 4) != 4) {
        return 0;
    }
    if (strcmp(what, "told_first") == 0) {
        program_fault_tell(&told);
        raise(SIGKILL);
    }
    if (strcmp(what, "killed") == 0) raise(SIGKILL);
    while (strcmp(what, "waits") == 0) pause();
    return 1;
}

static enum err run(const char *what, const struct progress *progress, struct fault *fault) {
    const char *const argv[] = {"courtyard", what, NULL};
    const struct program program = {.path = "/proc/self/exe"};
    *fault = (struct fault){0};
    return program_run(&program, argv, progress, fault);
}

static void the_fault_is_the_programs_own(void) {
    struct fault fault;
    CHECK_EQ(run("fails", NULL, &fault), ERR_IO);
    CHECK_STR(fault.code, told.code);
    CHECK_STR(fault.detail, told.detail);
    CHECK_EQ(fault.row, told.row);
    CHECK_EQ(fault.column, told.column);
    CHECK_EQ(run("told_first", NULL, &fault), ERR_IO);
    CHECK_STR(fault.code, told.code);
    CHECK_EQ(run("long", NULL, &fault), ERR_IO);
    CHECK_STR(fault.code, told.code);
    CHECK_EQ(strlen(fault.detail), sizeof fault.detail - 1);
}

static void one_that_told_none_is_told_by_its_name(void) {
    static const char *const all[] = {"killed", "nonsense", "usage", "silent"};
    struct fault fault;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        CHECK_EQ(run(all[i], NULL, &fault), ERR_IO);
        CHECK_STR(fault.code, "appliance.backup_failed");
        CHECK_STR(fault.detail, all[i]);
    }
}

static void one_that_is_not_there_too(void) {
    const struct program absent = {.path = "/proc/self/absent"};
    const char *const argv[] = {"courtyard", "restore", NULL};
    struct fault fault = {0};
    CHECK_EQ(program_run(&absent, argv, NULL, &fault), ERR_IO);
    CHECK_STR(fault.code, "appliance.backup_failed");
    CHECK_STR(fault.detail, "restore");
}

static void one_that_succeeds_or_is_stopped_tells_nothing(void) {
    struct fault fault;
    struct progress progress = {0};
    CHECK_EQ(run("done", &progress, &fault), OK);
    CHECK_STR(fault.code, "");
    atomic_store(&progress.cancel, 1);
    CHECK_EQ(run("waits", &progress, &fault), ERR_CANCELLED);
    CHECK_STR(fault.code, "");
}

// The pipe's own descriptors may be the one that the program is given.
static void it_is_heard_whichever_descriptors_are_free(void) {
    struct fault fault;
    int kept[4] = {-1, -1, -1, -1};
    for (int fd = 0; fd < 4; fd += 3) {
        kept[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 64);
        close(fd);
        CHECK_EQ(run("fails", NULL, &fault), ERR_IO);
        CHECK_STR(fault.code, told.code);
    }
    for (int fd = 0; fd < 4; fd++) {
        if (kept[fd] >= 0) CHECK_EQ(dup2(kept[fd], fd), fd);
        if (kept[fd] >= 0) close(kept[fd]);
    }
}

int main(int argc, char **argv) {
    if (argc > 1) return program_main(argv[1]);
    CHECK_RUN(one_that_is_not_there_too);
    if (getenv("COURTYARD_EMULATOR")) return check_done(); // the system runs no program of ours
    CHECK_RUN(the_fault_is_the_programs_own);
    CHECK_RUN(one_that_told_none_is_told_by_its_name);
    CHECK_RUN(one_that_succeeds_or_is_stopped_tells_nothing);
    CHECK_RUN(it_is_heard_whichever_descriptors_are_free);
    return check_done();
}
