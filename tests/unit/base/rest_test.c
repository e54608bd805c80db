// Answers over a unix socket, as they should be and as nobody should send them.
#include "base/rest.h"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "check.h"

static struct rest_answer answer;

static enum rest_part part_of(const char *text, bool closed) {
    answer = (struct rest_answer){0};
    return rest_read(str_of(text), closed, &answer);
}

static void reads_an_answer(void) {
    CHECK_EQ(part_of("HTTP/1.1 200 OK\r\ncontent-LENGTH: 3\r\nX: y\r\n\r\nabc", false), REST_WHOLE);
    CHECK_EQ(answer.status, 200);
    CHECK_TEXT(answer.body, "abc");
    // What slurmrestd puts after it is not part of it.
    CHECK_EQ(part_of("HTTP/1.1 500 E\r\nContent-Length: 3\r\n\r\nabcConnection: Close\r\n", false),
             REST_WHOLE);
    CHECK_TEXT(answer.body, "abc");
    CHECK_EQ(part_of("HTTP/1.1 404\r\nA: b\r\n\r\nto the end", true), REST_WHOLE);
    CHECK_TEXT(answer.body, "to the end");
    CHECK_EQ(part_of("HTTP/1.1 204 None\r\nA: b\r\n\r\n", false), REST_WHOLE);
    CHECK_EQ(answer.body.size, 0);
}

static void waits_for_the_rest(void) {
    const char *whole = "HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
    for (size_t size = 0; size < strlen(whole); size++) {
        CHECK_EQ(rest_read((struct str){whole, size}, false, &answer), REST_MORE);
        CHECK_EQ(rest_read((struct str){whole, size}, true, &answer), REST_BAD);
    }
    CHECK_EQ(part_of("HTTP/1.1 200 OK\r\nA: b\r\n\r\nno length", false), REST_MORE);
}

static void refuses_what_is_no_answer(void) {
    static const char *const texts[] = {
        "garbage\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 099 X\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK(part_of(texts[i], false) == REST_BAD);
    }
    static char long_head[REST_HEAD_BYTES + 100];
    memset(long_head, 'a', sizeof long_head - 1);
    CHECK_EQ(part_of(long_head, false), REST_BAD);
}

// ---- a service ---------------------------------------------------------------------------------

struct service {
    char path[64];
    int fd;
    const char *says; // NULL: nothing, and stays
    char heard[4096];
    pthread_t thread;
};

static void *serve(void *ctx) {
    struct service *service = ctx;
    int fd = accept(service->fd, NULL, NULL);
    if (fd < 0) return NULL;
    size_t size = 0;
    while (!strstr(service->heard, "END") && size < sizeof service->heard - 1) {
        ssize_t got = read(fd, service->heard + size, sizeof service->heard - 1 - size);
        if (got <= 0) break;
        size += (size_t)got;
    }
    if (service->says) {
        for (const char *at = service->says; *at; at++) (void)!write(fd, at, 1);
    } else {
        (void)!read(fd, service->heard, 1); // until the other end goes
    }
    close(fd);
    return NULL;
}

static bool service_open(struct service *service, const char *says) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    *service = (struct service){.says = says};
    snprintf(service->path, sizeof service->path, "/tmp/rest_test-%d", (int)getpid());
    strncpy(at.sun_path, service->path, sizeof at.sun_path - 1);
    unlink(service->path);
    service->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return bind(service->fd, (const struct sockaddr *)&at, sizeof at) == 0 &&
           listen(service->fd, 4) == 0 &&
           pthread_create(&service->thread, NULL, serve, service) == 0;
}

static void service_close(struct service *service) {
    pthread_join(service->thread, NULL);
    close(service->fd);
    unlink(service->path);
}

static enum err ask(const char *path, struct buf *into, int timeout_ms) {
    struct rest_question question = {.socket = path,
                                     .method = "POST",
                                     .target = "/job",
                                     .body = STR("{}END"),
                                     .timeout_ms = timeout_ms};
    return rest_ask(&question, into, &answer);
}

static void asks_and_hears(void) {
    struct service service;
    struct buf into;
    buf_open(&into, 1000);
    REQUIRE(service_open(&service, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
    CHECK_EQ(ask(service.path, &into, 10000), OK);
    CHECK_EQ(answer.status, 200);
    CHECK_TEXT(answer.body, "hi");
    service_close(&service);
    CHECK(strstr(service.heard, "POST /job HTTP/1.1\r\n") == service.heard);
    CHECK(strstr(service.heard, "\r\nContent-Length: 5\r\n\r\n{}END"));
    CHECK_EQ(ask(service.path, &into, 10000), ERR_NOT_FOUND); // nobody there any more
    buf_close(&into);
}

static void bad_services_are_told_apart(void) {
    static const struct {
        const char *says;
        enum err err;
    } table[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhi", ERR_IO},
        {"", ERR_IO},
        {"no answer at all\r\n\r\n", ERR_INPUT},
        {"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n"
         "01234567890123456789012345678901234567890123456789012345678901234567890123456789",
         ERR_LIMIT},
        {NULL, ERR_BUSY},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct service service;
        struct buf into;
        buf_open(&into, 80);
        REQUIRE(service_open(&service, table[i].says));
        uint64_t began_us = clock_monotonic_us();
        CHECK_EQ(ask(service.path, &into, table[i].says ? 10000 : 200), table[i].err);
        CHECK(clock_monotonic_us() - began_us < 9000000);
        service_close(&service);
        buf_close(&into);
    }
}

int main(void) {
    signal(SIGPIPE, SIG_IGN); // the service writes on after it has been refused
    CHECK_RUN(reads_an_answer);
    CHECK_RUN(waits_for_the_rest);
    CHECK_RUN(refuses_what_is_no_answer);
    CHECK_RUN(asks_and_hears);
    CHECK_RUN(bad_services_are_told_apart);
    return check_done();
}
