// What is counted, as Prometheus text.
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/server_private.h"

static const uint16_t statuses[] = {200, 201, 202, 204, 206, 304, 308, 400, 401,
                                    403, 404, 405, 408, 409, 411, 413, 414, 416,
                                    423, 429, 431, 500, 501, 503, 505, 507};
enum { STATUS_COUNT = sizeof statuses / sizeof statuses[0] };
_Static_assert((int)STATUS_COUNT < (int)METRIC_STATUSES,
               "room for one more, what none of these is");

static const uint32_t bucket_us[METRIC_BUCKETS] = {100,   250,   500,    1000,   2500,    5000,
                                                   10000, 50000, 100000, 500000, 1000000, 5000000};

void metrics_request(struct server *server, const struct request *request) {
    struct metrics *metrics = &server->metrics;
    size_t route = request->route ? (size_t)(request->route - server->routes) : SERVER_ROUTES_MAX;
    size_t status = 0;
    while (status < STATUS_COUNT && statuses[status] != request->status) status++;
    uint64_t took_us = clock_monotonic_us() - request->started_us;
    size_t bucket = 0;
    while (bucket < METRIC_BUCKETS && took_us > bucket_us[bucket]) bucket++;
    atomic_fetch_add_explicit(&metrics->requests[route][status], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metrics->requests_total, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metrics->duration_us, took_us, memory_order_relaxed);
    if (bucket < METRIC_BUCKETS) {
        atomic_fetch_add_explicit(&metrics->buckets[bucket], 1, memory_order_relaxed);
    }
}

static void put(struct buf *out, const char *name, const char *type, const char *help,
                uint64_t value) {
    buf_printf(out, "# HELP courtyard_%s %s\n# TYPE courtyard_%s %s\ncourtyard_%s %llu\n", name,
               help, name, type, name, (unsigned long long)value);
}

static void put_requests(struct server *server, struct buf *out) {
    buf_add_text(out, "# HELP courtyard_http_requests_total Requests answered.\n"
                      "# TYPE courtyard_http_requests_total counter\n");
    for (size_t r = 0; r <= SERVER_ROUTES_MAX; r++) {
        if (r >= server->route_count && r < SERVER_ROUTES_MAX) continue;
        bool page = r == SERVER_ROUTES_MAX;
        for (size_t s = 0; s <= STATUS_COUNT; s++) {
            uint64_t count = atomic_load(&server->metrics.requests[r][s]);
            if (count == 0) continue;
            buf_printf(out,
                       "courtyard_http_requests_total{method=\"%s\",route=\"%s\",status=\"%u\"}"
                       " %llu\n",
                       page ? "GET" : http_method_name(server->routes[r].method),
                       page ? "pages" : server->routes[r].path, s < STATUS_COUNT ? statuses[s] : 0U,
                       (unsigned long long)count);
        }
    }
}

static void put_durations(struct server *server, struct buf *out) {
    const struct metrics *metrics = &server->metrics;
    uint64_t sum = 0, total = atomic_load(&metrics->requests_total);
    buf_add_text(out, "# HELP courtyard_http_request_seconds Head read to answer sent.\n"
                      "# TYPE courtyard_http_request_seconds histogram\n");
    for (size_t b = 0; b < METRIC_BUCKETS; b++) {
        sum += atomic_load(&metrics->buckets[b]);
        buf_add_text(out, "courtyard_http_request_seconds_bucket{le=\"");
        buf_add_double(out, bucket_us[b] / 1e6);
        buf_printf(out, "\"} %llu\n", (unsigned long long)sum);
    }
    if (total < sum) total = sum; // counted meanwhile
    buf_printf(out, "courtyard_http_request_seconds_bucket{le=\"+Inf\"} %llu\n",
               (unsigned long long)total);
    buf_add_text(out, "courtyard_http_request_seconds_sum ");
    buf_add_double(out, (double)atomic_load(&metrics->duration_us) / 1e6);
    buf_printf(out, "\ncourtyard_http_request_seconds_count %llu\n", (unsigned long long)total);
}

// The second number of /proc/self/statm, in pages.
static uint64_t resident_bytes(void) {
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t size = read(fd, text, sizeof text);
    close(fd);
    struct str rest;
    uint64_t pages = 0;
    (void)str_cut((struct str){text, size > 0 ? (size_t)size : 0}, ' ', &rest);
    if (!str_to_u64(str_cut(rest, ' ', &rest), &pages)) return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

enum err metrics_write(struct server *server, struct buf *out) {
    struct metrics *metrics = &server->metrics;
    put_requests(server, out);
    put_durations(server, out);
    put(out, "connections", "gauge", "Open connections.", atomic_load(&server->connections));
    put(out, "connections_total", "counter", "Connections taken.", atomic_load(&metrics->accepted));
    put(out, "connections_refused_total", "counter", "Connections over a limit.",
        atomic_load(&metrics->refused));
    put(out, "connections_late_total", "counter", "Connections closed for being slow.",
        atomic_load(&metrics->late));
    put(out, "tls_handshakes_total", "counter", "TLS handshakes done.",
        atomic_load(&metrics->handshakes));
    put(out, "tls_handshakes_failed_total", "counter", "TLS handshakes that failed.",
        atomic_load(&metrics->handshakes_failed));
    put(out, "received_bytes_total", "counter", "Bytes received on closed connections.",
        atomic_load(&metrics->received_bytes));
    put(out, "sent_bytes_total", "counter", "Bytes sent on closed connections.",
        atomic_load(&metrics->sent_bytes));
    put(out, "resident_bytes", "gauge", "Memory of the server's process.", resident_bytes());
    put(out, "start_time_seconds", "gauge", "When the server started, since 1970.",
        (uint64_t)(server->started_ms / 1000));
    if (server->back.metrics) server->back.metrics(server->flow, out);
    return buf_err(out);
}
