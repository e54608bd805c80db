#include "base/command.h"

#include "base/clock.h"
#include "check.h"

static struct command_said said;
static struct fault fault;

static enum err run(const char *script, int timeout_ms) {
    const char *const argv[] = {"sh", "-c", script, NULL};
    fault = (struct fault){0};
    buf_close(&said.out);
    buf_close(&said.err);
    buf_open(&said.out, 1000);
    buf_open(&said.err, 1000);
    return command_run(argv, "EXTRA=here", timeout_ms, &said, &fault);
}

static void says_and_ends(void) {
    REQUIRE(run("echo out $EXTRA; echo err >&2; exit 3", 10000) == OK);
    CHECK_TEXT(buf_str(&said.out), "out here\n");
    CHECK_TEXT(buf_str(&said.err), "err\n");
    CHECK_EQ(said.status, 3);
    CHECK(!said.cut);
    REQUIRE(run("cat; kill -9 $$", 10000) == OK); // nothing to read
    CHECK_EQ(said.status, 128 + 9);
}

static void what_is_too_much_is_cut(void) {
    REQUIRE(run("head -c 200000 /dev/zero; head -c 200000 /dev/zero >&2", 10000) == OK);
    CHECK(said.cut);
    CHECK_EQ(said.out.size, 1000);
    CHECK_EQ(said.err.size, 1000);
    CHECK_EQ(said.status, 0);
}

static void a_slow_one_is_killed(void) {
    uint64_t began_us = clock_monotonic_us();
    CHECK_EQ(run("exec sleep 30", 200), ERR_BUSY);
    CHECK_STR(fault.code, "command.slow");
    CHECK(clock_monotonic_us() - began_us < 10000000);
    // One that closes its outputs and stays is slow too.
    CHECK_EQ(run("exec sleep 30 >&- 2>&-", 200), ERR_BUSY);
}

static void an_absent_one_is_told(void) {
    const char *const argv[] = {"no-such-command-here", NULL};
    fault = (struct fault){0};
    CHECK_EQ(command_run(argv, NULL, 1000, &said, &fault), ERR_NOT_FOUND);
    CHECK_STR(fault.code, "command.missing");
    CHECK_STR(fault.detail, "no-such-command-here");
}

int main(void) {
    CHECK_RUN(says_and_ends);
    CHECK_RUN(what_is_too_much_is_cut);
    CHECK_RUN(a_slow_one_is_killed);
    CHECK_RUN(an_absent_one_is_told);
    buf_close(&said.out);
    buf_close(&said.err);
    return check_done();
}
