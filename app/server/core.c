// What server_run and the core's tests share: certificate, socket, workers and loops.
#include <sys/resource.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/thread.h"
#include "server/server_private.h"

enum { WORKERS_MIN = 6, WORKERS_MAX = 16 };

// Each connection is a descriptor; the usual soft limit is 1024.
static void raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

enum err server_core_open(struct server *server, uint32_t loops, struct fault *fault) {
    cy_assert(server->route_count <= SERVER_ROUTES_MAX && loops <= SERVER_LOOPS_MAX);
    server->core_open = true;
    server->started_ms = clock_now_ms();
    if (server->address_connections_max == 0) {
        server->address_connections_max = SERVER_ADDRESS_CONNECTIONS_MAX;
    }
    pthread_mutex_init(&server->addresses.lock, NULL);
    raise_descriptors();
    enum err err = tls_identity_open(&server->identity, server->dir, fault);
    uint32_t workers = 2 * thread_count_usable();
    if (workers < WORKERS_MIN) workers = WORKERS_MIN;
    if (workers > WORKERS_MAX) workers = WORKERS_MAX;
    if (err == OK) err = workers_open(workers, &server->workers);
    for (uint32_t i = 0; err == OK && i < loops; i++) {
        server->loop_count = i + 1;
        err = loop_start(&server->loops[i], server, fault);
    }
    if (err != OK) server_core_close(server);
    return err;
}

void server_core_stop(struct server *server) {
    for (uint32_t i = 0; i < server->loop_count; i++) {
        if (server->loops[i].started) loop_stop(&server->loops[i]);
    }
    for (uint32_t i = 0; i < server->loop_count; i++) loop_join(&server->loops[i]);
    workers_close(server->workers);
    server->workers = NULL;
}

void server_core_close(struct server *server) {
    if (!server->core_open) return;
    server->core_open = false;
    server_core_stop(server);
    for (uint32_t i = 0; i < server->loop_count; i++) loop_close(&server->loops[i]);
    server->loop_count = 0;
    tls_identity_close(&server->identity);
    pthread_mutex_destroy(&server->addresses.lock);
}
