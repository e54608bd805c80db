// One connection: a small state machine that runs until it has to wait for the client or a worker.
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "server/server_private.h"

enum {
    TURNS_MAX = 32, // then the others of the loop have their turn
    IN_BYTES_FIRST = 4 * 1024,
    IN_BYTES_MAX = HTTP_HEAD_BYTES_MAX + 1024,
    OUT_BYTES_MAX = 1 << 20,
    READ_BODY_BYTES = 64 * 1024,
};

// ---- life ---------------------------------------------------------------------------------------

void connection_deadline(struct connection *connection, uint32_t after_ms) {
    connection->deadline_us = connection->loop->now_us + (uint64_t)after_ms * 1000;
}

struct connection *connection_open(struct loop *loop, int fd, const uint8_t address[static 16]) {
    struct connection *connection = memory_take(sizeof *connection);
    if (!connection) return NULL;
    connection->loop = loop;
    connection->fd = fd;
    connection->state = CONNECTION_NEW;
    memcpy(connection->address, address, 16);
    buf_open(&connection->out, OUT_BYTES_MAX);
    connection_deadline(connection, SERVER_HANDSHAKE_MS);
    connection->next = loop->connections;
    if (loop->connections) loop->connections->previous = connection;
    loop->connections = connection;
    loop->connection_count++;
    atomic_fetch_add(&loop->server->connections, 1);
    loop_watch(connection, EPOLLIN);
    return connection;
}

void connection_release(struct connection *connection) {
    struct loop *loop = connection->loop;
    if (connection->request) request_close(connection->request);
    transfer_close(connection->transfer);
    buf_close(&connection->out);
    memory_give(connection->in);
    connection->request = NULL;
    connection->transfer = NULL;
    connection->in = NULL;
    if (connection->previous) {
        connection->previous->next = connection->next;
    } else {
        loop->connections = connection->next;
    }
    if (connection->next) connection->next->previous = connection->previous;
    loop->connection_count--;
    connection->next = loop->dead;
    loop->dead = connection;
}

void connection_close(struct connection *connection) {
    if (connection->gone) return;
    struct server *server = connection->loop->server;
    connection->gone = true;
    connection->deadline_us = UINT64_MAX;
    if (connection->state == CONNECTION_EVENTS) connection->loop->event_streams--;
    if (!connection->broken) tls_notify(&connection->tls);
    atomic_fetch_add(&server->metrics.received_bytes, connection->tls.received);
    atomic_fetch_add(&server->metrics.sent_bytes, connection->tls.sent);
    tls_session_close(&connection->tls);
    close(connection->fd);
    connection->fd = -1;
    addresses_leave(&server->addresses, connection->address);
    atomic_fetch_sub(&server->connections, 1);
    if (connection->transfer) {
        if (transfer_abandon(connection)) return;
    } else if (connection->state == CONNECTION_WORK) {
        return;
    } else if (connection->state == CONNECTION_ANSWER && answer_abandon(connection)) {
        return;
    }
    connection_release(connection);
}

// ---- bytes --------------------------------------------------------------------------------------

static enum next next_of(struct connection *connection, enum tls_step step) {
    switch (step) {
    case TLS_DONE: return NEXT_AGAIN;
    case TLS_READ: return NEXT_READ;
    case TLS_WRITE: return NEXT_WRITE;
    case TLS_FAILED: connection->broken = true; return NEXT_CLOSE;
    case TLS_ENDED: return NEXT_CLOSE;
    }
    return NEXT_CLOSE;
}

static enum next write_some(struct connection *connection, struct str bytes, size_t *at) {
    while (*at < bytes.size) {
        size_t sent = 0;
        enum tls_step step = tls_write(&connection->tls, bytes.data + *at, bytes.size - *at, &sent);
        if (step != TLS_DONE) return next_of(connection, step);
        *at += sent;
    }
    return NEXT_AGAIN;
}

enum next connection_flush(struct connection *connection) {
    enum next next = write_some(connection, buf_str(&connection->out), &connection->out_at);
    if (next != NEXT_AGAIN) return next;
    buf_clear(&connection->out);
    connection->out_at = 0;
    next = write_some(connection, connection->tail, &connection->tail_at);
    if (next != NEXT_AGAIN) return next;
    connection->tail = STR_NONE;
    connection->tail_at = 0;
    return NEXT_AGAIN;
}

enum next connection_take(struct connection *connection, void *room, size_t size,
                          size_t *out_size) {
    size_t there = connection->in_size - connection->in_at;
    if (there > 0) {
        if (size > there) size = there;
        memcpy(room, connection->in + connection->in_at, size);
        connection->in_at += size;
        *out_size = size;
        return NEXT_AGAIN;
    }
    return next_of(connection, tls_read(&connection->tls, room, size, out_size));
}

// Makes room behind what is there and reads into it.
static enum next read_more(struct connection *connection) {
    size_t there = connection->in_size - connection->in_at;
    if (connection->in_at > 0) {
        if (there) memmove(connection->in, connection->in + connection->in_at, there);
        connection->in_at = 0;
        connection->in_size = there;
    }
    if (there == connection->in_room) {
        size_t room = there ? IN_BYTES_MAX : IN_BYTES_FIRST;
        char *in = there < IN_BYTES_MAX ? memory_resize(connection->in, there, room) : NULL;
        if (!in) return NEXT_CLOSE;
        connection->in = in;
        connection->in_room = room;
    }
    size_t got = 0;
    enum tls_step step =
        tls_read(&connection->tls, connection->in + there, connection->in_room - there, &got);
    if (step != TLS_DONE) return next_of(connection, step);
    if (there == 0) connection_deadline(connection, SERVER_HEAD_MS);
    connection->in_size += got;
    return NEXT_AGAIN;
}

// ---- the first bytes ----------------------------------------------------------------------------

// Somebody typed http:// : says where to go instead, as far as that can be told.
static enum next answer_plainly(struct connection *connection) {
    char in[4096], out[HTTP_LINE_BYTES_MAX + 1024];
    ssize_t got = recv(connection->fd, in, sizeof in, MSG_DONTWAIT);
    struct http_scan scan = {0};
    struct http_head head;
    struct http_fault fault;
    struct buf answer = {.data = out, .room = sizeof out, .cap_bytes = sizeof out};
    struct str bytes = {in, got > 0 ? (size_t)got : 0};
    bool whole = http_scan(&scan, bytes, &fault) == HTTP_WHOLE;
    if (whole && http_parse((struct str){in, scan.at}, &head, &fault) && head.host.data &&
        (head.method == HTTP_GET || head.method == HTTP_HEAD)) {
        buf_printf(&answer, "HTTP/1.1 308 Permanent Redirect\r\nLocation: https://%.*s%.*s\r\n",
                   STR_ARG(head.host), STR_ARG(head.target));
    } else {
        buf_add_text(&answer, "HTTP/1.1 400 Bad Request\r\n");
    }
    buf_add_text(&answer, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 63\r\n"
                          "Connection: close\r\n\r\n"
                          "This port speaks HTTPS: put https:// in front of the address.\r\n");
    if (buf_err(&answer) == OK) {
        ssize_t sent = send(connection->fd, out, answer.size, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)sent; // a courtesy
    }
    shutdown(connection->fd, SHUT_WR);
    connection->state = CONNECTION_LINGER;
    connection_deadline(connection, SERVER_LINGER_MS);
    return NEXT_AGAIN;
}

static enum next step_new(struct connection *connection) {
    enum { TLS_HANDSHAKE_RECORD = 0x16 };
    uint8_t first;
    ssize_t got = recv(connection->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR ? NEXT_READ : NEXT_CLOSE;
    if (got == 0) return NEXT_CLOSE;
    if (first != TLS_HANDSHAKE_RECORD) return answer_plainly(connection);
    struct loop *loop = connection->loop;
    if (tls_session_open(&connection->tls, &loop->tls, connection->fd) != OK) return NEXT_CLOSE;
    connection->state = CONNECTION_HANDSHAKE;
    return NEXT_AGAIN;
}

static enum next step_handshake(struct connection *connection) {
    struct metrics *metrics = &connection->loop->server->metrics;
    enum tls_step step = tls_handshake(&connection->tls);
    if (step == TLS_DONE) {
        atomic_fetch_add(&metrics->handshakes, 1);
        connection_next(connection);
        return NEXT_AGAIN;
    }
    if (step == TLS_FAILED || step == TLS_ENDED) {
        atomic_fetch_add(&metrics->handshakes_failed, 1);
    }
    return next_of(connection, step);
}

// ---- requests -----------------------------------------------------------------------------------

void connection_next(struct connection *connection) {
    connection->state = CONNECTION_HEAD;
    connection->scan = (struct http_scan){0};
    bool begun = connection->in_at < connection->in_size;
    connection_deadline(connection, begun ? SERVER_HEAD_MS : SERVER_IDLE_MS);
}

static enum next step_head(struct connection *connection) {
    if (connection->in_at < connection->in_size) {
        struct str bytes = {connection->in + connection->in_at,
                            connection->in_size - connection->in_at};
        struct http_fault fault;
        enum http_found found = http_scan(&connection->scan, bytes, &fault);
        if (found == HTTP_BAD) {
            request_begin_bad(connection, fault);
            return NEXT_AGAIN;
        }
        if (found == HTTP_WHOLE) {
            connection->in_at += connection->scan.at;
            request_begin(connection, (struct str){bytes.data, connection->scan.at});
            return NEXT_AGAIN;
        }
    }
    return read_more(connection);
}

static enum next step_body(struct connection *connection) {
    enum next next = connection_flush(connection); // "100 Continue"
    if (next != NEXT_AGAIN) return next;
    struct request *request = connection->request;
    size_t size =
        connection->body_left < READ_BODY_BYTES ? (size_t)connection->body_left : READ_BODY_BYTES;
    char *room = buf_reserve(&request->body, size);
    if (!room) {
        request_refuse(request, 503, "base.no_memory", "");
        return NEXT_AGAIN;
    }
    size_t got = 0;
    next = connection_take(connection, room, size, &got);
    if (next != NEXT_AGAIN) return next;
    request->body.size += got;
    connection->body_left -= got;
    if (connection->body_left == 0) request_run(request);
    return NEXT_AGAIN;
}

void connection_answer(struct connection *connection, bool last) {
    // What is left of a body is not read: after that nobody could tell where a request begins.
    if (last || connection->body_left > 0) connection->last = true;
    connection->state = CONNECTION_WRITE;
    connection->progress_mark = connection->tls.sent;
    connection_deadline(connection, SERVER_STALL_MS);
}

static enum next begin_linger(struct connection *connection) {
    tls_notify(&connection->tls);
    shutdown(connection->fd, SHUT_WR);
    connection->state = CONNECTION_LINGER;
    connection_deadline(connection, SERVER_LINGER_MS);
    return NEXT_AGAIN;
}

static enum next step_write(struct connection *connection) {
    if (connection->state == CONNECTION_SEND) return send_step(connection);
    enum next next = connection_flush(connection);
    if (next != NEXT_AGAIN) return next;
    metrics_request(connection->loop->server, connection->request);
    request_close(connection->request);
    connection->request = NULL;
    if (connection->last) return begin_linger(connection);
    connection_next(connection);
    return NEXT_AGAIN;
}

// Swallows what the client still sends, so that it reads our answer before it sees the end.
static enum next step_linger(struct connection *connection) {
    char nowhere[16 * 1024];
    ssize_t got = recv(connection->fd, nowhere, sizeof nowhere, MSG_DONTWAIT);
    if (got > 0) return NEXT_AGAIN;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? NEXT_READ : NEXT_CLOSE;
}

static enum next step(struct connection *connection) {
    switch (connection->state) {
    case CONNECTION_NEW: return step_new(connection);
    case CONNECTION_HANDSHAKE: return step_handshake(connection);
    case CONNECTION_HEAD: return step_head(connection);
    case CONNECTION_BODY: return step_body(connection);
    case CONNECTION_WORK: return NEXT_PARK;
    case CONNECTION_UPLOAD: return upload_step(connection);
    case CONNECTION_WRITE:
    case CONNECTION_SEND: return step_write(connection);
    case CONNECTION_EVENTS: return events_step(connection);
    case CONNECTION_ANSWER: return answer_step(connection);
    case CONNECTION_LINGER: return step_linger(connection);
    }
    return NEXT_CLOSE;
}

void connection_run(struct connection *connection) {
    if (connection->gone) return;
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        switch (step(connection)) {
        case NEXT_AGAIN: break;
        case NEXT_READ: loop_watch(connection, EPOLLIN); return;
        case NEXT_WRITE: loop_watch(connection, EPOLLOUT); return;
        case NEXT_PARK: loop_watch(connection, 0); return;
        case NEXT_CLOSE: connection_close(connection); return;
        }
    }
    loop_again(connection);
}

// ---- late ---------------------------------------------------------------------------------------

static void late_body(struct connection *connection) {
    uint64_t got = connection->progress_mark - connection->body_left;
    if (got >= SERVER_BODY_BYTES || transfer_busy(connection->transfer)) {
        connection->progress_mark = connection->body_left;
        connection_deadline(connection, SERVER_BODY_MS);
    } else {
        connection_close(connection);
    }
}

static void late_write(struct connection *connection) {
    if (connection->tls.sent != connection->progress_mark || transfer_busy(connection->transfer)) {
        connection->progress_mark = connection->tls.sent;
        connection_deadline(connection, SERVER_STALL_MS);
    } else {
        connection_close(connection);
    }
}

void connection_late(struct connection *connection) {
    if (connection->gone || connection->state == CONNECTION_WORK) return;
    if (connection->state == CONNECTION_EVENTS) {
        connection_run(connection); // says that it is still there, or closes
        return;
    }
    if (connection->state == CONNECTION_ANSWER) {
        answer_late(connection);
        return;
    }
    bool waiting = connection->state == CONNECTION_HEAD && connection->in_at == connection->in_size;
    if (!waiting) atomic_fetch_add(&connection->loop->server->metrics.late, 1);
    switch (connection->state) {
    case CONNECTION_BODY:
    case CONNECTION_UPLOAD: late_body(connection); return;
    case CONNECTION_WRITE:
    case CONNECTION_SEND: late_write(connection); return;
    case CONNECTION_HEAD:
        if (!waiting) {
            request_begin_bad(connection, (struct http_fault){408, "server.too_slow"});
            connection_run(connection);
            return;
        }
        break;
    default: break;
    }
    connection_close(connection);
}
