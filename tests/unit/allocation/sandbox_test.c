// The fence by itself: a child puts it up and tries what it must not reach. What a whole program
// tries behind it: tests/api/commands.test.mjs.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocation/sandbox.h"
#include "base/file.h"
#include "check.h"

enum { NOBODY = 65534 };
static char folder[256], inside[300], outside[300];
static struct sandbox sandbox;

// One bit for each thing that went as it must not, or did not go as it must.
enum {
    NOT_UP = 1 << 0,
    READ_OUTSIDE = 1 << 1,
    WROTE_OUTSIDE = 1 << 2,
    NOT_INSIDE = 1 << 3,
    SIGNALLED = 1 << 4,
    TRACED = 1 << 5,
    SOCKET = 1 << 6,
    NO_SYSTEM = 1 << 7,
};
static int tries(void) {
    int found = 0, fd;
    if (!sandbox_enter(&sandbox, inside, NULL, 0)) return NOT_UP;
    if (open(outside, O_RDONLY) >= 0) found |= READ_OUTSIDE;
    if (open(outside, O_WRONLY) >= 0 || truncate(outside, 0) == 0) found |= WROTE_OUTSIDE;
    if (chdir(inside) != 0 || (fd = open("new", O_WRONLY | O_CREAT, 0600)) < 0) found |= NOT_INSIDE;
    if (kill(getppid(), 0) == 0) found |= SIGNALLED;
    if (ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0) found |= TRACED;
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_INET6, SOCK_DGRAM, 0) >= 0) {
        found |= SOCKET;
    }
    if (open("/etc/passwd", O_RDONLY) < 0) found |= NO_SYSTEM;
    return found;
}

static int found_by_a_child(void) {
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) _exit(tries());
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void nothing_gets_through(void) {
    const char *lack = sandbox_lacks(&sandbox);
    if (lack) {
        printf("no fence here: %s\n", lack);
        return;
    }
    CHECK_EQ(found_by_a_child(), 0);
}

// What keeps it in is the fence and not the test: with an older Landlock's rules signals go out.
static void a_lesser_fence_is_seen(void) {
    if (sandbox_lacks(&sandbox) || geteuid() != 0) return;
    struct sandbox whole = sandbox;
    sandbox.uid = sandbox.gid = 0;
    sandbox.landlock = 1;
    CHECK_EQ(found_by_a_child() & (SIGNALLED | WROTE_OUTSIDE), SIGNALLED | WROTE_OUTSIDE);
    sandbox = whole;
}

static void what_is_missing_is_said(void) {
    struct sandbox one = {.uid = geteuid() == 0 ? NOBODY : 0, .landlock = 6, .filter = true};
    CHECK(sandbox_lacks(&one) == NULL);
    one.filter = false;
    CHECK_STR(sandbox_lacks(&one), "filter");
    one.landlock = 0;
    CHECK_STR(sandbox_lacks(&one), "landlock");
    one = (struct sandbox){.landlock = 5, .filter = true};
    CHECK_STR(sandbox_lacks(&one), geteuid() == 0 ? "user" : "signals");
}

static void system_folders_are_inside(void) {
    CHECK(!sandbox_outside("/usr"));
    CHECK(!sandbox_outside("/etc/ssl"));
    CHECK(!sandbox_outside("/no/such/folder"));
    CHECK(sandbox_outside(folder));
}

int main(void) {
    if (getenv("COURTYARD_EMULATOR")) return check_done(); // the kernel's, not the emulator's
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/sandbox-XXXXXX",
             base && strlen(base) < 200 ? base : "/tmp");
    sandbox_probe(NOBODY, NOBODY, &sandbox);
    bool made = mkdtemp(folder) != NULL && chmod(folder, 0711) == 0;
    snprintf(inside, sizeof inside, "%s/inside", folder);
    snprintf(outside, sizeof outside, "%s/outside", folder);
    made = made && mkdir(inside, 0700) == 0 && file_write(outside, STR("kept"), NULL) == OK &&
           chmod(outside, 0666) == 0 && (geteuid() != 0 || chown(inside, NOBODY, NOBODY) == 0);
    if (!made) return 1;
    CHECK_RUN(what_is_missing_is_said);
    CHECK_RUN(system_folders_are_inside);
    CHECK_RUN(nothing_gets_through);
    CHECK_RUN(a_lesser_fence_is_seen);
    if (folder_remove(folder, NULL) != OK) return 1;
    return check_done();
}
