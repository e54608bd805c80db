#include "base/rest.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

enum { PIECE_BYTES = 16 * 1024, LENGTH_UNKNOWN = -1 };

// ---- reading -----------------------------------------------------------------------------------

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool name_is(struct str name, const char *lower_name) {
    if (name.size != strlen(lower_name)) return false;
    for (size_t i = 0; i < name.size; i++) {
        if (lower(name.data[i]) != lower_name[i]) return false;
    }
    return true;
}

// "HTTP/1.1 200 OK": 0 if it is none.
static int status_of(struct str line) {
    if (!str_starts(line, STR("HTTP/1.1 ")) && !str_starts(line, STR("HTTP/1.0 "))) return 0;
    if (line.size < 12 || (line.size > 12 && line.data[12] != ' ')) return 0;
    uint64_t status;
    return str_to_u64((struct str){line.data + 9, 3}, &status) && status >= 100 ? (int)status : 0;
}

// One line of the head; false if it makes the answer unreadable.
static bool field_take(struct str line, int64_t *length) {
    if (!line.size || !memchr(line.data, ':', line.size)) return false;
    struct str value, name = str_cut(line, ':', &value);
    uint64_t number;
    if (name_is(name, "transfer-encoding")) return false;
    if (!name_is(name, "content-length")) return true;
    if (*length != LENGTH_UNKNOWN || !str_to_u64(str_trim(value), &number)) return false;
    if (number > (uint64_t)1 << 40) return false;
    *length = (int64_t)number;
    return true;
}

static bool head_take(struct str head, int *status, int64_t *length) {
    struct str rest = head, line = str_trim(str_cut(rest, '\n', &rest));
    *status = status_of(line);
    *length = LENGTH_UNKNOWN;
    if (*status < 200) return false; // none of those that come before another was asked for
    while (rest.size) {
        if (!field_take(str_trim(str_cut(rest, '\n', &rest)), length)) return false;
    }
    return true;
}

enum rest_part rest_read(struct str bytes, bool closed, struct rest_answer *out) {
    size_t look = bytes.size < REST_HEAD_BYTES ? bytes.size : REST_HEAD_BYTES;
    const char *end = look ? memmem(bytes.data, look, "\r\n\r\n", 4) : NULL;
    if (!end) return closed || look == REST_HEAD_BYTES ? REST_BAD : REST_MORE;
    size_t head = (size_t)(end - bytes.data);
    int status;
    int64_t length;
    if (!head_take((struct str){bytes.data, head}, &status, &length)) return REST_BAD;
    struct str body = {bytes.data + head + 4, bytes.size - head - 4};
    if (status == 204 || status == 304) length = 0;
    if (length == LENGTH_UNKNOWN && !closed) return REST_MORE;
    if (length != LENGTH_UNKNOWN && body.size < (uint64_t)length) {
        return closed ? REST_BAD : REST_MORE;
    }
    // slurmrestd puts a "Connection: Close" after the body: no more was asked, no more is read.
    if (length != LENGTH_UNKNOWN) body.size = (size_t)length;
    *out = (struct rest_answer){status, body};
    return REST_WHOLE;
}

// ---- asking ------------------------------------------------------------------------------------

static enum err wait_for(int fd, short events, uint64_t until_us) {
    for (;;) {
        uint64_t now_us = clock_monotonic_us();
        if (now_us >= until_us) return ERR_BUSY;
        struct pollfd one = {.fd = fd, .events = events};
        int got = poll(&one, 1, (int)((until_us - now_us) / 1000) + 1);
        if (got > 0) return OK;
        if (got < 0 && errno != EINTR) return ERR_IO;
    }
}

static int connect_to(const char *path) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (!str_copy(at.sun_path, sizeof at.sun_path, str_of(path))) return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (connect(fd, (const struct sockaddr *)&at, sizeof at) == 0) return fd;
    close(fd);
    return -1;
}

static enum err send_all(int fd, struct str text, uint64_t until_us) {
    while (text.size) {
        ssize_t sent = send(fd, text.data, text.size, MSG_NOSIGNAL);
        if (sent >= 0) {
            text = (struct str){text.data + sent, text.size - (size_t)sent};
            continue;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return ERR_IO;
        enum err err = wait_for(fd, POLLOUT, until_us);
        if (err != OK) return err;
    }
    return OK;
}

static enum err read_all(int fd, struct buf *into, uint64_t until_us, struct rest_answer *out) {
    char piece[PIECE_BYTES];
    for (;;) {
        enum err err = wait_for(fd, POLLIN, until_us);
        if (err != OK) return err;
        ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got < 0) return ERR_IO;
        if ((size_t)got > into->cap_bytes - into->size) return ERR_LIMIT;
        buf_add(into, piece, (size_t)got);
        err = buf_err(into);
        if (err != OK) return err;
        enum rest_part part = rest_read(buf_str(into), got == 0, out);
        if (part == REST_WHOLE) return OK;
        if (part == REST_BAD) return got == 0 ? ERR_IO : ERR_INPUT;
    }
}

enum err rest_ask(const struct rest_question *question, struct buf *into, struct rest_answer *out) {
    uint64_t until_us = clock_monotonic_us() + (uint64_t)question->timeout_ms * 1000;
    struct buf head;
    buf_clear(into);
    buf_open(&head, REST_HEAD_BYTES);
    buf_printf(&head,
               "%s %s HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
               "Connection: close\r\n",
               question->method, question->target);
    if (question->body.size) {
        buf_printf(&head, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                   question->body.size);
    }
    buf_add_text(&head, "\r\n");
    enum err err = buf_err(&head);
    int fd = err == OK ? connect_to(question->socket) : -1;
    if (err == OK && fd < 0) err = ERR_NOT_FOUND;
    if (err == OK) err = send_all(fd, buf_str(&head), until_us);
    if (err == OK) err = send_all(fd, question->body, until_us);
    if (err == OK) err = read_all(fd, into, until_us, out);
    if (fd >= 0) close(fd);
    buf_close(&head);
    return err;
}
