// Frames on a socket: whole however they are cut, refused where they lie, kept while nobody reads.
#include "flow/steps/talk.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static bool pair(int fds[static 2]) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0;
}

static void frames_come_whole_however_they_are_cut(void) {
    int fds[2];
    struct talk a, b;
    struct buf bytes;
    REQUIRE(pair(fds));
    talk_open(&a, fds[0]);
    talk_open(&b, fds[1]);
    buf_open(&bytes, 1 << 20);
    uint64_t sizes[64];
    for (int i = 0; i < 64; i++) {
        sizes[i] = check_below(i % 8 == 0 ? 9000 : 40);
        static char text[9000];
        memset(text, 'a' + i % 26, sizes[i]);
        talk_put(&a, (struct str){text, sizes[i]});
    }
    int got = 0;
    while (got < 64) {
        // By pieces of any size, as a socket may.
        size_t left = a.out.size - a.out_at, cut = 1 + check_below(700);
        if (cut > left) cut = left;
        if (cut) {
            CHECK_EQ(send(fds[0], a.out.data + a.out_at, cut, 0), (ssize_t)cut);
            a.out_at += cut;
        }
        REQUIRE(talk_read(&b));
        struct str text;
        while (talk_take(&b, &text) == OK) {
            CHECK_EQ(text.size, sizes[got]);
            for (size_t i = 0; i < text.size; i++) CHECK(text.data[i] == 'a' + got % 26);
            got++;
        }
    }
    talk_close(&a);
    CHECK(!talk_read(&b)); // the other side has gone
    talk_close(&b);
    buf_close(&bytes);
}

static void a_length_that_lies_is_refused(void) {
    int fds[2];
    struct talk b;
    struct str text;
    REQUIRE(pair(fds));
    talk_open(&b, fds[1]);
    CHECK_EQ(write(fds[0], "\xff\xff\xff\x7f{}", 6), 6);
    CHECK(talk_read(&b));
    CHECK_EQ(talk_take(&b, &text), ERR_INPUT);
    talk_close(&b);
    close(fds[0]);
}

static void what_is_not_read_waits_and_then_comes(void) {
    int fds[2];
    struct talk a, b;
    struct str text;
    static char frame[64 << 10];
    REQUIRE(pair(fds));
    talk_open(&a, fds[0]);
    talk_open(&b, fds[1]);
    for (int i = 0; i < 100; i++) talk_put(&a, (struct str){frame, sizeof frame});
    CHECK(talk_write(&a));
    CHECK(talk_waits(&a));
    int got = 0;
    for (int turn = 0; turn < 10000 && got < 100; turn++) {
        REQUIRE(talk_read(&b));
        while (talk_take(&b, &text) == OK) got++;
        REQUIRE(talk_write(&a));
    }
    CHECK(got == 100 && !talk_waits(&a));
    talk_close(&b);
    talk_put(&a, STR("{}"));
    CHECK(!talk_write(&a)); // nobody is there: no signal, but said
    talk_close(&a);
}

static void found_in_a_folder_of_any_length(void) {
    char folder[700];
    const char *tmp = getenv("TMPDIR");
    int size = snprintf(folder, sizeof folder, "%s/talk-%d-", tmp ? tmp : "/tmp", (int)getpid());
    memset(folder + size, 'x', 200); // longer than a socket's name may be
    folder[size + 200] = '\0';
    REQUIRE(mkdir(folder, 0700) == 0);
    CHECK(talk_connect(folder) < 0);
    int listener = talk_listen(folder);
    REQUIRE(listener >= 0);
    int fd = talk_connect(folder);
    CHECK(fd >= 0);
    close(listener);
    CHECK(talk_connect(folder) < 0); // a name that nobody listens to any more
    listener = talk_listen(folder);
    CHECK(listener >= 0);
    close(listener);
    close(fd);
    char path[720];
    snprintf(path, sizeof path, "%s/serve", folder);
    CHECK(unlink(path) == 0 && rmdir(folder) == 0);
}

int main(void) {
    CHECK_RUN(frames_come_whole_however_they_are_cut);
    CHECK_RUN(a_length_that_lies_is_refused);
    CHECK_RUN(what_is_not_read_waits_and_then_comes);
    CHECK_RUN(found_in_a_folder_of_any_length);
    return check_done();
}
