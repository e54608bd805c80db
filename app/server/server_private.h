// The inside of the server: what its files share.
//
//   server.c      opens everything, prints the banner, waits for a signal
//   listen.c      address, socket        loop.c        epoll, deadlines, accepting
//   connection.c  bytes in and out       request.c     one request from head to answer
//   route.c       finding a route        routes.c      the table of all routes
//   respond.c     heads of answers       assets.c      the embedded pages
//   transfer.c    uploads, downloads     events.c      the event stream
//   workers.c     threads that may wait  metrics.c     what is counted
//   answers.c     answers over time      openai_error.c  as OpenAI's clients read errors
//   keeper.c      the way to PID 1 of the appliance
//
// Threads. Each loop is one thread and owns its connections and their requests. What may wait for
// the disk or takes long runs as a task on a worker; while it does, the worker owns the request and
// the loop does not touch it. The task comes back through the loop's inbox. A connection that dies
// meanwhile is kept until then. Shared and locked: the workers' queue, each loop's inbox, the table
// of addresses. Everything else is read-only after the start or atomic.
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/call.h"
#include "base/limits.h"
#include "flow/flow.h"
#include "people/people.h"
#include "server/http_private.h"
#include "server/tls_private.h"
#include "store/store.h"

enum {
    SERVER_LOOPS_MAX = 4,
    // A browser opens six; an office of a hundred stays far below.
    SERVER_CONNECTIONS_MAX = 1024,
    // One address may not take all. This machine itself is not counted: a relay may run on it.
    SERVER_ADDRESS_CONNECTIONS_MAX = 128,
    SERVER_HANDSHAKE_MS = 10 * 1000,
    SERVER_HEAD_MS = 10 * 1000,  // from the first byte of a request to its empty line
    SERVER_IDLE_MS = 60 * 1000,  // between two requests
    SERVER_STALL_MS = 30 * 1000, // an answer of which nothing is taken
    SERVER_BODY_MS = 30 * 1000,  // in each such time a body must bring on SERVER_BODY_BYTES
    SERVER_BODY_BYTES = 16 * 1024,
    SERVER_LINGER_MS = 2 * 1000, // for a refused client to read why
    SERVER_ARENA_BYTES = 32 << 20,
    SERVER_ANSWER_BYTES = 32 << 20,
    SERVER_QUEUE_MAX = 512, // tasks that wait for a worker; beyond: 503 server.busy
    SERVER_ROUTES_MAX = 192,
    SERVER_SECRET_BYTES_MAX = 128, // of a cookie or bearer token; longer ones fit nobody
};

// ---- tasks (workers.c) --------------------------------------------------------------------------

struct loop;
// Each class has its own share of the workers, so that neither sign-ins (PBKDF2) nor a slow disk
// can hold all of them.
enum task_class { TASK_CALL, TASK_COSTLY, TASK_TRANSFER, TASK_CLASS_COUNT };
struct task {
    struct task *next;
    struct loop *loop;
    enum task_class class;
    void (*run)(struct task *task);  // on a worker
    void (*done)(struct task *task); // on the loop
};
struct workers;
enum err workers_open(uint32_t thread_count, struct workers **out) MUST_USE;
void workers_close(struct workers *workers); // finishes what is queued
// ERR_BUSY if the queue is full. From then until done() the task's owner leaves it alone.
enum err workers_give(struct workers *workers, struct task *task) MUST_USE;

// ---- routes -------------------------------------------------------------------------------------

struct server;
struct request;
enum route_kind {
    ROUTE_FLOW,     // call.flow
    ROUTE_PEOPLE,   // call.people
    ROUTE_OWN,      // call.own: the server's own
    ROUTE_DOWNLOAD, // call.download, then the file
    ROUTE_UPLOAD,   // the body goes to flow_upload_add
    ROUTE_EVENTS,   // the event stream
    ROUTE_ANSWER,   // call.answer, then what comes of it
    ROUTE_BACKUP,   // the folder as an archive
};
enum route_speed {
    ROUTE_FAST,   // at most some reads of the store: runs on the loop
    ROUTE_SLOW,   // writes, or takes more than a millisecond: runs on a worker
    ROUTE_COSTLY, // passwords: few at a time
};
struct route {
    enum http_method method;
    const char *path; // "/api/v1/datasets/{id}/revisions/{number}/rows"
    uint32_t roles;   // any of these; 0: everybody, signed in or not
    enum route_kind kind;
    enum route_speed speed;
    uint16_t status;   // of success
    uint64_t body_max; // bytes; 0: none is taken
    union {
        enum err (*flow)(struct flow *flow, struct call *call);
        enum err (*people)(struct people *people, struct call *call);
        enum err (*own)(struct server *server, struct request *request);
        enum err (*download)(struct flow *flow, struct call *call, struct flow_download *out);
        enum err (*answer)(struct flow *flow, struct call *call, const struct flow_waker *waker,
                           struct flow_answer **out);
    } call;
};
extern const struct route routes[];
extern const size_t route_count;
extern const struct route rescue_routes[]; // what is left while the data cannot be opened
extern const size_t rescue_route_count;

struct route_match {
    const struct route *route; // NULL: none
    bool path_known;           // there is a route for another method
    uint64_t id, number;
    struct str word; // as sent
};
struct route_match route_find(const struct route *table, size_t count, enum http_method method,
                              struct str path);
// "GET, HEAD, POST": what the path takes.
void route_allow(const struct route *table, size_t count, struct str path, struct buf *out);

// ---- one request --------------------------------------------------------------------------------

struct connection;
struct transfer;
struct request {
    struct task task;     // first: a task is a request
    struct request *next; // of the loop's spare ones
    struct server *server;
    struct connection *connection;
    const struct route *route; // NULL: pages, or nothing found
    struct http_head head;     // texts point into the arena
    struct call call;
    struct str secret; // of cookie or bearer token; points to secret_text
    bool by_cookie;
    struct json *json;
    struct json_writer writer;
    struct fault fault;
    enum err err;
    uint16_t status;
    const char *content_type;
    uint64_t started_us;
    bool packed;                // `out` is gzip
    struct task news;           // something of `answer` may be taken
    _Atomic bool news_posted;   // it is on its way
    struct flow_answer *answer; // NULL: none (any more)
    bool head_out, abandoned;   // of an answer
    // From here on nothing is cleared for the next request: what is read has been written before.
    struct arena *arena;
    struct buf body;   // what was sent
    struct buf out;    // what a handler writes
    struct buf fields; // further head fields, each with CR LF
    struct call_query query[HTTP_QUERY_MAX];
    struct flow_download download;
    char secret_text[SERVER_SECRET_BYTES_MAX];
    char name_text[LIMIT_NAME_BYTES + 1]; // the actor's name, of an event stream
};

// The head stands in `head`: routes, checks who it is and what they may, then takes the body or
// answers. Sets the connection's next state.
void request_begin(struct connection *connection, struct str head);
// The whole body is there.
void request_run(struct request *request);
// Ends with an error of the server's own.
void request_refuse(struct request *request, uint16_t status, const char *code, const char *detail);
// Gives `err` and the request's fault as an answer.
void request_fail(struct request *request, enum err err);
// Who a secret belongs to, without waiting; that they were here is written by a worker.
enum err request_who(struct request *request);
void request_close(struct request *request); // its memory goes to the loop's spare ones
void request_free(struct request *request);
// The bytes of the head could not be read at all.
void request_begin_bad(struct connection *connection, struct http_fault fault);
uint16_t status_of(enum err err, const char *code);
// openai_error.c: an error of a path below /v1, its status and body.
bool path_is_openai(struct str path);
uint16_t openai_status(uint16_t status, const struct fault *fault);
void openai_error(struct buf *out, uint16_t status, const struct fault *fault);

// ---- answers (respond.c, assets.c) --------------------------------------------------------------

enum { SIZE_UNKNOWN = -1 };
// Starts the answer's head in the connection's out; `size` -1: chunked.
void respond_head(struct request *request, uint16_t status, const char *content_type, int64_t size);
// Head and body from request->out, packed where it pays.
void respond_out(struct request *request);
// The same from bytes that outlive the connection.
void respond_bytes(struct request *request, uint16_t status, const char *content_type,
                   struct str bytes);
void respond_asset(struct request *request); // by request->head.path; index.html where none fits
// Packs request->out by gzip if the client takes it and it is worth it. On the thread that made it.
void respond_pack(struct request *request);

// ---- connections --------------------------------------------------------------------------------

enum connection_state {
    CONNECTION_NEW,       // nothing has been said
    CONNECTION_HANDSHAKE, // TLS
    CONNECTION_HEAD,      // waits for, or reads, a head
    CONNECTION_BODY,      // reads a body into memory
    CONNECTION_WORK,      // a worker has the request
    CONNECTION_UPLOAD,    // reads a body into a transfer
    CONNECTION_WRITE,     // writes `out` and `tail`
    CONNECTION_SEND,      // the same with a transfer that brings on more
    CONNECTION_EVENTS,    // an event stream
    CONNECTION_ANSWER,    // an answer that comes over time
    CONNECTION_LINGER,    // has answered for the last time; swallows what still comes
};
enum next { NEXT_AGAIN, NEXT_READ, NEXT_WRITE, NEXT_PARK, NEXT_CLOSE };

struct connection {
    struct connection *previous, *next; // of the loop's list
    struct connection *next_again;      // of the loop's list of those with more to do
    bool in_again;
    struct loop *loop; // NULL once dead
    int fd;
    uint32_t armed; // what epoll watches for
    bool watched;   // epoll knows it
    enum connection_state state;
    bool last;   // close after this answer
    bool gone;   // closed; kept for the worker that has its request
    bool broken; // TLS failed: no good-bye
    struct tls_session tls;
    uint64_t deadline_us;
    uint64_t progress_mark; // body bytes at the last deadline
    char *in;               // decrypted, not yet used: in[in_at..in_size)
    size_t in_at, in_size, in_room;
    struct http_scan scan;
    struct buf out; // head, or all of a small answer
    size_t out_at;
    struct str tail; // body that is not copied
    size_t tail_at;
    uint64_t body_left; // of an upload or a body
    bool want_continue; // "100 Continue" stands in out
    struct request *request;
    struct transfer *transfer;
    uint64_t event_seen_us; // last write of an event stream
    uint8_t address[16];    // IPv6 or mapped IPv4
    bool counted;           // in the table of addresses
};
struct connection *connection_open(struct loop *loop, int fd, const uint8_t address[static 16]);
void connection_run(struct connection *connection); // until it has to wait; may close it
void connection_close(struct connection *connection);
// What a closed one still holds, once no worker has it; the task that was waited for calls this.
void connection_release(struct connection *connection);
// Answered for the last time (nothing more is read) or ready for the next request.
void connection_next(struct connection *connection);
// After an answer's bytes stand in out and tail.
void connection_answer(struct connection *connection, bool last);
void connection_deadline(struct connection *connection, uint32_t after_ms);
// Writes what stands in out and tail. NEXT_AGAIN: all of it went.
enum next connection_flush(struct connection *connection);
// Reads decrypted bytes straight into `room`, what lies in `in` first. NEXT_AGAIN: *out_size > 0.
enum next connection_take(struct connection *connection, void *room, size_t size, size_t *out_size);
// Called by the loop each second for one whose deadline has passed.
void connection_late(struct connection *connection);

// ---- loops --------------------------------------------------------------------------------------

struct loop {
    struct server *server;
    pthread_t thread;
    bool started;
    int epoll_fd, wake_fd;
    struct tls tls;
    struct connection *connections, *again;
    struct connection *dead; // freed at the end of this turn: an event for one may be on its way
    struct request *spare;   // for the next request, with its memory
    char date[40];           // of date_second, for the Date field
    int64_t date_second;
    uint32_t connection_count;
    uint32_t event_streams;
    uint64_t now_us;
    uint64_t ticked_us, flushed_us;
    bool listening; // the listening socket is in epoll
    bool stopping;
    uint64_t stop_us;
    pthread_mutex_t lock; // protects what stands below, `stop` excepted
    struct task *inbox, *inbox_last;
    uint64_t changed[256]; // jobs whose change has not been told to event streams
    uint32_t changed_count;
    bool changed_lost; // there were more
    _Atomic uint32_t stop;
    bool touching; // one such task is under way
};
enum err loop_start(struct loop *loop, struct server *server, struct fault *fault) MUST_USE;
void loop_stop(struct loop *loop); // asks; loop_join waits
void loop_join(struct loop *loop);
void loop_close(struct loop *loop);                   // after loop_join
void loop_post(struct loop *loop, struct task *task); // a task that is done; any thread
void loop_wake(struct loop *loop);
void loop_again(struct connection *connection); // run it once more before waiting
void loop_watch(struct connection *connection, uint32_t events);

// ---- event streams, transfers -------------------------------------------------------------------

void events_begin(struct request *request);
enum next events_step(struct connection *connection);
// A job changed: any thread, returns at once.
void events_changed(struct server *server, uint64_t job_id);
// Tells this loop's streams what has changed; on the loop.
void events_flush(struct loop *loop);

// answers.c: of request->answer, made by the route's handler.
enum err answer_ask(struct request *request) MUST_USE; // on the worker
void answer_begin(struct request *request);
enum next answer_step(struct connection *connection);
// What failed is told as the last event of its stream; request->out: an error as an object.
void answer_fail_late(struct request *request);
void answer_late(struct connection *connection);
// The client is gone. True: the connection is released later.
bool answer_abandon(struct connection *connection);

void upload_begin(struct request *request);
enum next upload_step(struct connection *connection);
void download_begin(struct request *request); // request->download says which file
enum next send_step(struct connection *connection);
void backup_begin(struct request *request);
// The connection is gone; what has come of an upload is kept. False: nothing is running, the
// connection may be released now; true: the transfer releases it.
bool transfer_abandon(struct connection *connection);
void transfer_close(struct transfer *transfer);
bool transfer_busy(const struct transfer *transfer); // waits for a worker, not for the client

// ---- what is counted (metrics.c) ----------------------------------------------------------------

enum { METRIC_STATUSES = 32, METRIC_BUCKETS = 12 };
struct metrics {
    _Atomic uint64_t requests[SERVER_ROUTES_MAX + 1][METRIC_STATUSES]; // last: pages, unknown paths
    _Atomic uint64_t buckets[METRIC_BUCKETS], duration_us;
    _Atomic uint64_t handshakes, handshakes_failed, accepted, refused, late;
    _Atomic uint64_t received_bytes, sent_bytes, requests_total;
};
void metrics_request(struct server *server, const struct request *request);
enum err metrics_write(struct server *server, struct buf *out) MUST_USE;

// ---- the server ---------------------------------------------------------------------------------

enum { ADDRESSES_MAX = SERVER_CONNECTIONS_MAX };
struct addresses {
    pthread_mutex_t lock; // protects all
    struct {
        uint8_t bytes[16];
        uint32_t count;
    } entries[ADDRESSES_MAX];
    uint32_t used;
};
bool addresses_enter(struct addresses *addresses, const uint8_t address[static 16], uint32_t most);
void addresses_leave(struct addresses *addresses, const uint8_t address[static 16]);
bool address_is_local(const uint8_t address[static 16]);
void address_write(const uint8_t address[static 16], char out[static 64]);

// What the core asks of the layers below, so that its tests can stand in for them. The functions of
// the headers of people/, flow/ and store/ but for the first argument.
struct server_back {
    enum err (*look)(struct people *people, struct str secret, struct arena *arena,
                     struct actor *out, bool *out_due);
    enum err (*who)(struct people *people, struct str secret, struct arena *arena,
                    struct actor *out);
    enum err (*upload_begin)(struct flow *flow, const struct actor *actor, uint64_t id,
                             uint64_t offset, struct upload **out, struct fault *fault);
    enum err (*upload_add)(struct upload *upload, const void *data, size_t size,
                           struct fault *fault);
    enum err (*upload_end)(struct upload *upload, uint64_t *out_received, struct fault *fault);
    enum err (*upload_show)(struct flow *flow, struct call *call);
    enum err (*job_show)(struct flow *flow, struct call *call);
    void (*metrics)(struct flow *flow, struct buf *out);
    // Notes in the audit chain who takes it, then store_backup_stream.
    enum err (*backup)(struct store *store, struct str actor,
                       enum err (*write)(void *ctx, const void *data, size_t size), void *ctx,
                       struct fault *fault);
};

struct server {
    const struct route *routes;
    size_t route_count;
    const char *dir;
    struct store *store;
    struct people *people;
    struct flow *flow;
    struct keeper *keeper;   // NULL but on the appliance: keeper_private.h
    struct reread *reread;   // records, after an unclean shutdown: reread_private.h
    struct nightly *nightly; // copies of the state: nightly_private.h
    // Why nothing can be served but the pages, which say so: on the appliance, where nobody could
    // read it elsewhere. Every call of the API but the rescue's gets it with 503. "": all is well.
    struct fault unfit;
    struct rescue *rescue; // what is offered then: rescue_private.h
    struct server_back back;
    struct tls_identity identity;
    int listen_fd;
    uint16_t port;
    struct loop loops[SERVER_LOOPS_MAX];
    uint32_t loop_count;
    struct workers *workers;
    struct metrics metrics;
    struct addresses addresses;
    uint32_t address_connections_max;
    _Atomic uint32_t connections;
    _Atomic uint32_t backups; // running now: at most one
    bool core_open;
    _Atomic bool serving; // events may be told
    int64_t started_ms;
};
// The part without store, people, flow and the listening socket, which the caller has filled in:
// certificate, loops, workers. On error all of it is closed again.
enum err server_core_open(struct server *server, uint32_t loops, struct fault *fault) MUST_USE;
// Finishes what runs and joins all threads. From then on events_changed has no effect, but may
// still be called until server_core_close, which gives everything back (and stops first, if need
// be).
void server_core_stop(struct server *server);
void server_core_close(struct server *server);

// `address`: "0.0.0.0:8443", "[::]:0", ":8443"; for port 0 the kernel chooses.
// ERR_INPUT "server.bad_address", ERR_BUSY "server.port_in_use", ERR_DENIED "server.port_denied".
enum err listen_open(const char *address, int *out_fd, uint16_t *out_port,
                     struct fault *fault) MUST_USE;
