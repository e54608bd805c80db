// The console on a real terminal line: a pseudo terminal stands for the serial port, its other end
// is a small VT100. Keys go in, the screen comes out, requests are taken; the line may be slow, go
// away and come back.
#include "appliance/console/console.h"

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include "appliance/console/keys_private.h"
#include "base/clock.h"
#include "base/text.h"
#include "check.h"
#include "support/console_texts.h"
#include "support/vt100.h"

static struct console *console;
static struct console_view view;
static struct vt100 vt;
static int master = -1;
static int64_t now = 1000;
static char path[64];

static bool line_begin(void) {
    master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) return false;
    return ptsname_r(master, path, sizeof path) == 0;
}

// Turns the loop, and reads what the line says, until nothing more comes.
static void turn(void) {
    char bytes[4096];
    for (int quiet = 0; quiet < 3;) {
        ssize_t n = 0;
        (void)console_run(console, now);
        struct pollfd fd = {.fd = master, .events = POLLIN};
        if (master >= 0 && poll(&fd, 1, 20) > 0) n = read(master, bytes, sizeof bytes);
        if (n > 0) vt100_feed(&vt, bytes, (size_t)n);
        quiet = n > 0 ? 0 : quiet + 1;
    }
}

static void keys_send(const char *bytes) {
    for (; *bytes; bytes++) {
        if (write(master, bytes, 1) != 1) abort();
        turn();
    }
}

static const char *shown(void) {
    static char text[VT_ROWS * (VT_COLUMNS * 4 + 1) + 1];
    size_t size = 0;
    for (int row = 0; row < vt.rows; row++) {
        for (int column = 0; column < vt.columns; column++) {
            if (vt.cells[row][column]) size += utf8_put(text + size, vt.cells[row][column]);
        }
        text[size++] = '\n';
    }
    text[size] = '\0';
    return text;
}

// The kernel hands on what goes through a terminal when it comes to it.
static bool shows(const char *text) {
    for (int i = 0; i < 300 && !strstr(shown(), text); i++) {
        usleep(10000);
        turn();
    }
    return check_that(strstr(shown(), text) != NULL, __FILE__, __LINE__, "no \"%s\" on\n%s", text,
                      shown());
}

static void view_fill(void) {
    view = (struct console_view){.version = "1.2.3",
                                 .zone_minutes = 480,
                                 .addresses = {"192.168.1.10"},
                                 .address_count = 1,
                                 .port = 443,
                                 .data = DATA_MOUNTED,
                                 .disk_bytes = 500000000000,
                                 .disk_free_bytes = 410000000000};
    settings_default(&view.settings);
    view.service.state = SERVICE_READY;
}

static bool begin(void) {
    struct console_options options = {
        .serial = path, .language = "zh-CN", .texts = console_texts()};
    clock_set_for_test(1795742999000);
    vt100_open(&vt, 80, 24);
    view_fill();
    if (!line_begin() || console_open(&options, &console, NULL) != OK) return false;
    console_show(console, &view);
    turn();
    return true;
}

static void end(void) {
    console_close(console);
    if (master >= 0) close(master);
    master = -1;
    clock_set_for_test(0);
}

static void a_person_sets_the_network_over_a_serial_line(void) {
    struct console_request request;
    REQUIRE(begin());
    shows("https://192.168.1.10/");
    shows("正常，可用 410 GB");
    struct pollfd fd = {.fd = console_fd(console), .events = POLLIN};
    CHECK_EQ(poll(&fd, 1, 0), 0); // nothing to do: the loop sleeps
    CHECK_EQ(write(master, "\r", 1), 1);
    CHECK_EQ(poll(&fd, 1, 5000), 1); // a key wakes it
    turn();
    shows("恢复出厂设置");
    keys_send("1\x1B[C\x1B[B10.1.2.3\r\r10.1.2.1\r");
    CHECK(!console_take(console, &request));
    keys_send("\r");
    REQUIRE(console_take(console, &request));
    CHECK_EQ(request.what, CONSOLE_NETWORK);
    CHECK_EQ(request.settings.prefix, 24);
    CHECK(!console_take(console, &request));
    struct fault fault = {.code = "appliance.failed", .detail = "eth0"};
    console_outcome(console, CONSOLE_NETWORK, &fault);
    turn();
    shows("机器无法完成：eth0");
    CHECK_EQ(vt.errors, 0);
    CHECK_EQ(vt.clears, 1); // painted once, then by differences
    end();
}

static void an_escape_is_told_from_a_sequence_by_time(void) {
    REQUIRE(begin());
    keys_send("\r");
    shows("恢复出厂设置");
    keys_send("\x1B");
    shows("恢复出厂设置"); // not yet
    now += KEYS_ESCAPE_MS;
    turn();
    shows("https://192.168.1.10/");
    end();
}

static void the_language_changes_on_the_screen(void) {
    struct console_request request;
    REQUIRE(begin());
    keys_send("l");
    shows("410 GB of 500 GB free");
    REQUIRE(console_take(console, &request));
    CHECK_STR(request.settings.language, "en");
    snprintf(view.settings.language, sizeof view.settings.language, "en");
    console_show(console, &view);
    turn();
    shows("410 GB of 500 GB free");
    snprintf(view.settings.language, sizeof view.settings.language, "zh-CN"); // by the page
    console_show(console, &view);
    turn();
    shows("可用 410 GB");
    end();
}

static void another_terminal_gets_the_whole_screen(void) {
    REQUIRE(begin());
    vt100_open(&vt, 80, 24); // it was plugged in later
    keys_send("\f");
    shows("https://192.168.1.10/");
    vt100_open(&vt, 80, 24);
    now += 60000;
    keys_send(" "); // the first key after a while does it too
    shows("https://192.168.1.10/");
    CHECK_EQ(vt.errors, 0);
    end();
}

static void a_line_that_nobody_reads_holds_nothing_up(void) {
    REQUIRE(begin());
    for (int i = 0; i < 3000; i++) { // the pseudo terminal's buffer is long full
        view.disk_free_bytes = (uint64_t)(i % 400 + 50) * 1000000000;
        console_show(console, &view);
        snprintf(view.settings.hostname, sizeof view.settings.hostname, "box-%d", i);
        CHECK(console_run(console, now) > now);
    }
    turn();
    shows("box-2998"); // and in the end the last state is there
    CHECK_EQ(vt.errors, 0);
    end();
}

static void a_line_goes_and_comes_back(void) {
    REQUIRE(begin());
    close(master);
    master = -1;
    turn();
    now += 5000;
    turn(); // its device does not exist
    CHECK(line_begin());
    vt100_open(&vt, 80, 24);
    now += 5000;
    turn();
    if (strstr(shown(), "192.168.1.10")) { // the same name was free again
        keys_send("\r");
        shows("恢复出厂设置");
    }
    end();
}

static void the_line_is_given_back_as_it_was(void) {
    struct termios before, raw, after;
    REQUIRE(line_begin());
    int slave = open(path, O_RDWR | O_NOCTTY);
    REQUIRE(slave >= 0 && tcgetattr(slave, &before) == 0);
    struct console_options options = {.serial = path, .language = "en", .texts = console_texts()};
    view_fill();
    vt100_open(&vt, 80, 24);
    REQUIRE(console_open(&options, &console, NULL) == OK);
    now += 5000;
    turn();
    CHECK_EQ(tcgetattr(slave, &raw), 0);
    CHECK((raw.c_lflag & (ECHO | ICANON | ISIG)) == 0);
    CHECK(vt.cursor_hidden);
    console_close(console);
    console = NULL;
    char bytes[256];
    ssize_t n = read(master, bytes, sizeof bytes);
    CHECK(n > 0);
    if (n > 0) vt100_feed(&vt, bytes, (size_t)n);
    CHECK(!vt.cursor_hidden);
    CHECK_EQ(tcgetattr(slave, &after), 0);
    CHECK_EQ(after.c_lflag, before.c_lflag);
    close(slave);
    end();
}

static void no_device_is_no_fault(void) {
    struct console_options options = {.framebuffer = "/nowhere/fb0",
                                      .keyboard = "/nowhere/tty1",
                                      .serial = "/dev/null",
                                      .language = "en",
                                      .texts = console_texts()};
    struct console_request request;
    REQUIRE(console_open(&options, &console, NULL) == OK);
    for (int i = 0; i < 10; i++) {
        now += 3000;
        CHECK(console_run(console, now) > now);
    }
    CHECK(!console_take(console, &request));
    end();
    console_close(NULL);
}

int main(void) {
    CHECK_RUN(a_person_sets_the_network_over_a_serial_line);
    CHECK_RUN(an_escape_is_told_from_a_sequence_by_time);
    CHECK_RUN(the_language_changes_on_the_screen);
    CHECK_RUN(another_terminal_gets_the_whole_screen);
    CHECK_RUN(a_line_that_nobody_reads_holds_nothing_up);
    CHECK_RUN(a_line_goes_and_comes_back);
    CHECK_RUN(the_line_is_given_back_as_it_was);
    CHECK_RUN(no_device_is_no_fault);
    return check_done();
}
