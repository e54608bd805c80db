// The one door: HTTPS, the API, sessions, the embedded pages, server-sent events. An own epoll loop
// with Mbed TLS non-blocking; a pool of workers for what may block. Depends on everything below.
#pragma once

#include <stdbool.h>

#include "base/fault.h"

struct server_options {
    const char *dir;     // the data folder
    const char *listen;  // "127.0.0.1:8443", "[::]:8443"; NULL: 0.0.0.0:8443
    const char *program; // path of this binary
    bool quiet;          // no banner
};
// Opens store, people and flow, makes the certificate at the first start, prints address,
// certificate fingerprint and, while setup is needed, the one-time code; serves until SIGINT or
// SIGTERM, then ends cleanly: running requests are finished, jobs go on and are adopted at the next
// start.
enum err server_run(const struct server_options *options, struct fault *fault) MUST_USE;
