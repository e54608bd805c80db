// Packets between the server and PID 1, see appliance/service_private.h for their form.
#include "server/keeper_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "server/rescue_private.h"
#include "server/server_private.h"

enum { PACKET_BYTES = 64 * 1024, ALIVE_MS = 5000, ANSWER_MS = 60000 };

struct pulse {
    struct task task; // first
    struct keeper *keeper;
};
struct keeper {
    int fd, ends; // the socket; an eventfd that ends the thread
    uint64_t answer_ms;
    struct server *server;
    pthread_t thread;
    bool started;
    struct pulse pulses[SERVER_LOOPS_MAX];
    atomic_uint beats;    // loops that have gone round since they were asked
    pthread_mutex_t lock; // protects what follows
    pthread_cond_t came;
    uint64_t asked;      // the number of the last request
    struct json *answer; // to it; NULL: not yet
    bool busy, gone;
    char packet[PACKET_BYTES];
};

// Waits by the clock that goes evenly: the other one is set while its answer is waited for.
static void condition_open(pthread_cond_t *condition) {
    pthread_condattr_t evenly;
    pthread_condattr_init(&evenly);
    pthread_condattr_setclock(&evenly, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &evenly);
    pthread_condattr_destroy(&evenly);
}

enum err keeper_open(struct keeper **out, struct fault *fault) {
    const char *name = getenv("COURTYARD_APPLIANCE_FD");
    uint64_t fd;
    *out = NULL;
    if (!name || !str_to_u64(str_of(name), &fd) || fd < 3 || fd > 1023) return OK;
    if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) != 0) return OK; // jobs do not inherit it
    struct keeper *keeper = memory_take(sizeof *keeper);
    if (!keeper) return fault_errno(fault, ENOMEM, STR_NONE);
    keeper->fd = (int)fd;
    keeper->ends = eventfd(0, EFD_CLOEXEC);
    const char *wait = getenv("COURTYARD_APPLIANCE_WAIT_MS");
    keeper->answer_ms = ANSWER_MS;
    if (wait) (void)str_to_u64(str_of(wait), &keeper->answer_ms);
    pthread_mutex_init(&keeper->lock, NULL);
    condition_open(&keeper->came);
    *out = keeper;
    return OK;
}

static bool packet_send(struct keeper *keeper, struct str packet) {
    // One that reads no more must not hold up who tells it something.
    ssize_t sent = send(keeper->fd, packet.data, packet.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent == (ssize_t)packet.size;
}

// The one-time code that stands on the screen; NULL: none.
static const char *code_of(const struct server *server) {
    if (server->unfit.code[0]) return rescue_code(server->rescue);
    return server->people ? people_setup_code(server->people) : NULL;
}

// ---- signs of life ------------------------------------------------------------------------------
static void pulse_run(struct task *task) {
    (void)task; // never on a worker: it is posted as done
}

static void pulse_done(struct task *task) {
    struct keeper *keeper = ((struct pulse *)task)->keeper;
    if (atomic_fetch_sub(&keeper->beats, 1) == 1) {
        (void)packet_send(keeper, code_of(keeper->server)
                                      ? STR("{\"is\":\"alive\",\"setup\":true}")
                                      : STR("{\"is\":\"alive\",\"setup\":false}"));
    }
}

// Each loop is to come by; when the last one has, PID 1 hears of it. One that hangs keeps us
// silent.
static void pulses_post(struct keeper *keeper) {
    unsigned none = 0, all = keeper->server->loop_count;
    if (!atomic_compare_exchange_strong(&keeper->beats, &none, all)) return;
    for (unsigned i = 0; i < all; i++) {
        keeper->pulses[i] = (struct pulse){
            .task = {.run = pulse_run, .done = pulse_done, .loop = &keeper->server->loops[i]},
            .keeper = keeper};
        loop_post(&keeper->server->loops[i], &keeper->pulses[i].task);
    }
}

// ---- answers ------------------------------------------------------------------------------------
// False when PID 1 has closed its end.
static bool packet_read(struct keeper *keeper) {
    ssize_t size = recv(keeper->fd, keeper->packet, sizeof keeper->packet, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    struct json *packet = NULL;
    if (size > 0 && json_parse((struct str){keeper->packet, (size_t)size}, &packet, NULL) != OK) {
        return true;
    }
    pthread_mutex_lock(&keeper->lock);
    if (size <= 0) keeper->gone = true;
    if (packet && keeper->busy && !keeper->answer &&
        json_member_u64(packet, "id", 0) == keeper->asked) {
        keeper->answer = packet;
        packet = NULL;
    }
    pthread_cond_broadcast(&keeper->came);
    pthread_mutex_unlock(&keeper->lock);
    json_close(packet);
    return size > 0;
}

// What PID 1 answered before it told us to end still goes to who asked.
static void rest_read(struct keeper *keeper) {
    struct pollfd come = {.fd = keeper->fd, .events = POLLIN};
    while (poll(&come, 1, 0) > 0 && packet_read(keeper)) continue;
}

static void *keeper_main(void *argument) {
    struct keeper *keeper = argument;
    struct pollfd fds[] = {{.fd = keeper->fd, .events = POLLIN},
                           {.fd = keeper->ends, .events = POLLIN}};
    for (;;) {
        int ready = poll(fds, 2, ALIVE_MS);
        if (fds[1].revents) {
            rest_read(keeper);
            return NULL;
        }
        if (ready == 0) pulses_post(keeper);
        if (ready > 0 && fds[0].revents && !packet_read(keeper)) fds[0].fd = -1;
    }
}

static void ready_send(struct keeper *keeper) {
    struct buf packet;
    buf_open(&packet, PACKET_BYTES);
    struct json_writer out = json_writer_of(&packet);
    const struct server *server = keeper->server;
    const char *code = code_of(server);
    json_open_object(&out);
    json_set_text(&out, "is", STR("ready"));
    json_set_text(&out, "unfit", str_of(server->unfit.code));
    json_set_text(&out, "fingerprint", str_of(keeper->server->identity.fingerprint));
    json_set_text(&out, "code", str_of(code ? code : ""));
    json_close_object(&out);
    if (buf_err(&packet) == OK) (void)packet_send(keeper, buf_str(&packet));
    buf_close(&packet);
}

enum err keeper_start(struct keeper *keeper, struct server *server, struct fault *fault) {
    if (!keeper) return OK;
    keeper->server = server;
    ready_send(keeper);
    int error = pthread_create(&keeper->thread, NULL, keeper_main, keeper);
    if (error) return fault_errno(fault, error, STR_NONE);
    keeper->started = true;
    return OK;
}

void keeper_tell_fault(struct keeper *keeper, const struct fault *why) {
    if (!keeper) return;
    struct buf packet;
    buf_open(&packet, PACKET_BYTES);
    struct json_writer out = json_writer_of(&packet);
    json_open_object(&out);
    json_set_text(&out, "is", STR("fault"));
    json_set_text(&out, "code", str_of(why->code));
    json_set_text(&out, "detail", str_of(why->detail));
    json_close_object(&out);
    if (buf_err(&packet) == OK) (void)packet_send(keeper, buf_str(&packet));
    buf_close(&packet);
}

// ---- asking -------------------------------------------------------------------------------------
// One question at a time; the others wait for their turn.
static struct json *answer_wait(struct keeper *keeper, struct str request) {
    struct buf packet;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(keeper->answer_ms / 1000);
    until.tv_nsec += (long)(keeper->answer_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    buf_open(&packet, PACKET_BYTES);
    pthread_mutex_lock(&keeper->lock);
    int error = 0;
    while (keeper->busy && !keeper->gone && !error) {
        error = pthread_cond_timedwait(&keeper->came, &keeper->lock, &until);
    }
    struct json *answer = NULL;
    if (!keeper->busy && !keeper->gone) {
        keeper->busy = true;
        buf_printf(&packet, "{\"id\":%" PRIu64 ",%.*s}", ++keeper->asked, STR_ARG(request));
        bool sent = buf_err(&packet) == OK && packet_send(keeper, buf_str(&packet));
        while (sent && !keeper->answer && !keeper->gone && !error) {
            error = pthread_cond_timedwait(&keeper->came, &keeper->lock, &until);
        }
        answer = keeper->answer;
        keeper->answer = NULL;
        keeper->busy = false;
        pthread_cond_broadcast(&keeper->came);
    }
    pthread_mutex_unlock(&keeper->lock);
    buf_close(&packet);
    return answer;
}

enum err keeper_ask(struct keeper *keeper, struct str request, struct buf *out,
                    struct fault *fault) {
    if (!keeper) return fault_set(fault, ERR_NOT_FOUND, "server.no_appliance", STR_NONE);
    struct json *answer = answer_wait(keeper, request);
    if (!answer) return fault_set(fault, ERR_BUSY, "server.appliance_silent", STR_NONE);
    const struct json *told = json_member(answer, "fault");
    enum err err = OK;
    if (told) {
        struct fault what = {0};
        json_read_fault(told, &what);
        if (fault) *fault = what;
        err = strcmp(what.code, "appliance.busy") == 0 ? ERR_BUSY : ERR_INPUT;
    } else {
        json_write(out, json_member(answer, "answer"));
    }
    json_close(answer);
    return err;
}

void keeper_stop(struct keeper *keeper) {
    uint64_t one = 1;
    if (!keeper || !keeper->started) return;
    if (write(keeper->ends, &one, sizeof one) != (ssize_t)sizeof one) return;
    pthread_join(keeper->thread, NULL);
    keeper->started = false;
    pthread_mutex_lock(&keeper->lock);
    keeper->gone = true;
    pthread_cond_broadcast(&keeper->came);
    pthread_mutex_unlock(&keeper->lock);
}

void keeper_close(struct keeper *keeper) {
    if (!keeper) return;
    keeper_stop(keeper);
    close(keeper->ends);
    close(keeper->fd);
    pthread_mutex_destroy(&keeper->lock);
    pthread_cond_destroy(&keeper->came);
    memory_give(keeper);
}
