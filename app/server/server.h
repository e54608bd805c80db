// The one door: HTTPS, the API, sessions, the embedded pages, server-sent events. An own epoll loop
// with Mbed TLS non-blocking; a pool of workers for what may block. Depends on everything below.
#pragma once

#include <stdbool.h>

#include "base/call.h"
#include "base/fault.h"

struct flow;
struct people;

struct server_options {
    const char *dir;     // the data folder
    const char *listen;  // "127.0.0.1:8443", "[::]:8443"; NULL: 0.0.0.0:8443
    const char *program; // path of this binary
    const char *executor, *slurm_partition, *slurm_socket; // as in flow.h
    bool commands;                                         // people's own programs as jobs: flow.h
    uint32_t job_uid, job_gid;                             // whose they run as; 0: ours
    bool quiet;                                            // no banner
};
// Opens store, people and flow, makes the certificate at the first start, prints address,
// certificate fingerprint and, while setup is needed, the one-time code; serves until SIGINT or
// SIGTERM, then ends cleanly: running requests are finished, jobs go on and are adopted at the next
// start.
enum err server_run(const struct server_options *options, struct fault *fault) MUST_USE;

// One operation of the API from the console, by the same route table and without a connection: who
// can open the data folder may do all; the audit chain names them as NAME@console. Operations that
// belong to a connection (sign-in, uploads, events) give ERR_INPUT "server.not_on_console".
struct console_call {
    struct flow *flow;
    struct people *people;
    struct str name;   // who asks
    struct str method; // "GET"
    struct str path;   // "/api/v1/datasets?page=2"
    const struct json *body;
};
// The answer goes to `out`; where it is a file, its path (in the arena) to *out_path instead.
enum err server_console_call(const struct console_call *asked, struct arena *arena,
                             struct json_writer *out, struct str *out_path,
                             struct fault *fault) MUST_USE;
