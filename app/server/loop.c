// One event loop: accepts, runs its connections when they can go on, looks once a second for those
// that are late, and takes back what workers have done.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "server/server_private.h"

enum {
    EVENTS_AT_ONCE = 128,
    ACCEPTS_AT_ONCE = 32,
    TICK_US = 1000 * 1000,
    FLUSH_US = 250 * 1000,      // event streams: at most four messages a second and job
    STOP_US = 10 * 1000 * 1000, // running requests get this long at the end
};

// ---- what epoll watches -------------------------------------------------------------------------

static bool watch_listener(struct loop *loop) {
    // EXCLUSIVE: a new connection wakes one loop, not all.
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = loop->server};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->server->listen_fd, &event) != 0)
        return false;
    loop->listening = true;
    return true;
}

static void unwatch_listener(struct loop *loop) {
    if (loop->listening) epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, loop->server->listen_fd, NULL);
    loop->listening = false;
}

void loop_watch(struct connection *connection, uint32_t events) {
    if (connection->watched && connection->armed == events) return;
    struct epoll_event event = {.events = events, .data.ptr = connection};
    int operation = connection->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(connection->loop->epoll_fd, operation, connection->fd, &event) == 0) {
        connection->watched = true;
        connection->armed = events;
    } else {
        // Without events it would hang for ever: let its deadline be now.
        connection->deadline_us = connection->loop->now_us;
    }
}

void loop_again(struct connection *connection) {
    if (connection->in_again) return;
    connection->in_again = true;
    connection->next_again = connection->loop->again;
    connection->loop->again = connection;
}

// ---- the inbox ----------------------------------------------------------------------------------

void loop_wake(struct loop *loop) {
    uint64_t one = 1;
    ssize_t written = write(loop->wake_fd, &one, sizeof one);
    (void)written; // full means that it is awake already
}

void loop_post(struct loop *loop, struct task *task) {
    pthread_mutex_lock(&loop->lock);
    bool first = loop->inbox == NULL;
    task->next = NULL;
    if (first) {
        loop->inbox = task;
    } else {
        loop->inbox_last->next = task;
    }
    loop->inbox_last = task;
    pthread_mutex_unlock(&loop->lock);
    if (first) loop_wake(loop);
}

static void inbox_empty(struct loop *loop) {
    uint64_t count;
    ssize_t got = read(loop->wake_fd, &count, sizeof count);
    (void)got;
    pthread_mutex_lock(&loop->lock);
    struct task *task = loop->inbox;
    loop->inbox = loop->inbox_last = NULL;
    pthread_mutex_unlock(&loop->lock);
    while (task) {
        struct task *next = task->next;
        task->done(task);
        task = next;
    }
}

// ---- accepting ----------------------------------------------------------------------------------

static void address_of(const struct sockaddr_storage *from, uint8_t out[static 16]) {
    memset(out, 0, 16);
    if (from->ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, from, sizeof v6);
        memcpy(out, &v6.sin6_addr, 16);
    } else {
        struct sockaddr_in v4;
        memcpy(&v4, from, sizeof v4);
        out[10] = out[11] = 0xFF;
        memcpy(out + 12, &v4.sin_addr, 4);
    }
}

// Room for a newcomer: the connection of this loop that has been idle for longest has to go.
static bool make_room(struct loop *loop) {
    struct connection *oldest = NULL;
    for (struct connection *c = loop->connections; c; c = c->next) {
        bool idle = c->state == CONNECTION_NEW || c->state == CONNECTION_HANDSHAKE ||
                    c->state == CONNECTION_LINGER ||
                    (c->state == CONNECTION_HEAD && c->in_size == 0);
        if (idle && (!oldest || c->deadline_us < oldest->deadline_us)) oldest = c;
    }
    if (oldest) connection_close(oldest);
    return oldest != NULL;
}

static void accept_one(struct loop *loop, int fd, const struct sockaddr_storage *from) {
    struct server *server = loop->server;
    uint8_t address[16];
    address_of(from, address);
    bool full = atomic_load(&server->connections) >= SERVER_CONNECTIONS_MAX && !make_room(loop);
    uint32_t most =
        address_is_local(address) ? SERVER_CONNECTIONS_MAX : server->address_connections_max;
    if (full || !addresses_enter(&server->addresses, address, most)) {
        atomic_fetch_add(&server->metrics.refused, 1);
        close(fd);
        return;
    }
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct connection *connection = connection_open(loop, fd, address);
    if (!connection) {
        addresses_leave(&server->addresses, address);
        close(fd);
        return;
    }
    atomic_fetch_add(&server->metrics.accepted, 1);
}

static void accept_some(struct loop *loop) {
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        struct sockaddr_storage from = {0};
        socklen_t size = sizeof from;
        int fd = accept4(loop->server->listen_fd, (struct sockaddr *)&from, &size,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return;
            // No more descriptors or memory: the waiting connection would wake us without end.
            log_event(LOG_WARN, "server.accept_failed", "errno=%d", errno);
            unwatch_listener(loop);
            return;
        }
        accept_one(loop, fd, &from);
    }
}

// ---- time ---------------------------------------------------------------------------------------

static void tick(struct loop *loop) {
    loop->ticked_us = loop->now_us;
    if (!loop->listening && !loop->stopping) (void)watch_listener(loop);
    struct connection *next;
    for (struct connection *c = loop->connections; c; c = next) {
        next = c->next;
        if (loop->now_us >= c->deadline_us) connection_late(c);
    }
}

// Closes what is idle and stops accepting; the rest gets STOP_US to finish.
static void begin_stop(struct loop *loop) {
    loop->stopping = true;
    loop->stop_us = loop->now_us + STOP_US;
    unwatch_listener(loop);
    struct connection *next;
    for (struct connection *c = loop->connections; c; c = next) {
        next = c->next;
        c->last = true;
        bool idle = c->state == CONNECTION_NEW || c->state == CONNECTION_HANDSHAKE ||
                    c->state == CONNECTION_HEAD || c->state == CONNECTION_EVENTS ||
                    c->state == CONNECTION_LINGER;
        if (idle) connection_close(c);
    }
}

static bool stop_now(struct loop *loop) {
    if (!loop->stopping) return false;
    if (!loop->connections) return true;
    if (loop->now_us < loop->stop_us) return false;
    struct connection *next;
    for (struct connection *c = loop->connections; c; c = next) {
        next = c->next;
        connection_close(c);
    }
    return loop->connections == NULL; // those a worker holds come back through the inbox
}

static int wait_ms(struct loop *loop) {
    if (loop->again) return 0;
    pthread_mutex_lock(&loop->lock);
    bool told = loop->changed_count > 0 && loop->event_streams > 0;
    pthread_mutex_unlock(&loop->lock);
    if (told) {
        uint64_t due = loop->flushed_us + FLUSH_US;
        return due > loop->now_us ? (int)((due - loop->now_us) / 1000 + 1) : 0;
    }
    // Nobody there: sleep until somebody comes.
    if (!loop->connections && loop->listening) return -1;
    uint64_t due = loop->ticked_us + TICK_US;
    return due > loop->now_us ? (int)((due - loop->now_us) / 1000 + 1) : 0;
}

// ---- the loop itself ----------------------------------------------------------------------------

static void handle(struct loop *loop, const struct epoll_event *event) {
    if (event->data.ptr == loop) {
        inbox_empty(loop);
        return;
    }
    if (event->data.ptr == loop->server) {
        accept_some(loop);
        return;
    }
    struct connection *connection = event->data.ptr;
    if (connection->gone) return;
    if (connection->armed == 0) {
        // Nothing was asked for, so this is the end of the client.
        connection_close(connection);
        return;
    }
    connection->tls.drained = false;
    connection_run(connection);
}

static void bury(struct loop *loop) {
    while (loop->dead) {
        struct connection *connection = loop->dead;
        loop->dead = connection->next;
        memory_give(connection);
    }
}

static void run_again(struct loop *loop) {
    struct connection *connection = loop->again;
    loop->again = NULL;
    while (connection) {
        struct connection *next = connection->next_again;
        connection->in_again = false;
        connection->next_again = NULL;
        connection_run(connection);
        connection = next;
    }
}

static void *loop_main(void *argument) {
    struct loop *loop = argument;
    struct epoll_event events[EVENTS_AT_ONCE];
    while (!stop_now(loop)) {
        int count = epoll_wait(loop->epoll_fd, events, EVENTS_AT_ONCE, wait_ms(loop));
        loop->now_us = clock_monotonic_us();
        for (int i = 0; i < count; i++) handle(loop, &events[i]);
        run_again(loop);
        if (atomic_load(&loop->stop) && !loop->stopping) begin_stop(loop);
        if (loop->now_us - loop->flushed_us >= FLUSH_US) events_flush(loop);
        if (loop->now_us - loop->ticked_us >= TICK_US) tick(loop);
        bury(loop);
    }
    bury(loop);
    return NULL;
}

enum err loop_start(struct loop *loop, struct server *server, struct fault *fault) {
    *loop = (struct loop){.server = server, .epoll_fd = -1, .wake_fd = -1};
    pthread_mutex_init(&loop->lock, NULL);
    enum err err = tls_open(&loop->tls, &server->identity, fault);
    if (err != OK) return err;
    loop->now_us = loop->ticked_us = loop->flushed_us = clock_monotonic_us();
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = loop};
    if (loop->epoll_fd < 0 || loop->wake_fd < 0 ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) != 0 ||
        !watch_listener(loop)) {
        return fault_errno(fault, errno, STR("epoll"));
    }
    if (pthread_create(&loop->thread, NULL, loop_main, loop) != 0) {
        return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    }
    loop->started = true;
    return OK;
}

void loop_stop(struct loop *loop) {
    atomic_store(&loop->stop, 1);
    loop_wake(loop);
}

void loop_join(struct loop *loop) {
    if (loop->started) pthread_join(loop->thread, NULL);
    loop->started = false;
}

void loop_close(struct loop *loop) {
    if (loop->wake_fd >= 0) inbox_empty(loop); // what the last workers have done
    if (loop->epoll_fd >= 0) close(loop->epoll_fd);
    if (loop->wake_fd >= 0) close(loop->wake_fd);
    while (loop->spare) {
        struct request *request = loop->spare;
        loop->spare = request->next;
        request_free(request);
    }
    tls_close(&loop->tls);
    pthread_mutex_destroy(&loop->lock);
}
