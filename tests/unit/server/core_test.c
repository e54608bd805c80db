// The server's core over real sockets and TLS, with stand-ins for what lies below it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <mbedtls/ssl.h>
#include <netinet/in.h>
#include <psa/crypto.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "check.h"
#include "server/server_private.h"

static struct server *server;
static char dir[] = "/tmp/courtyard-core-XXXXXX";
static char file_path[128];

// ---- stand-ins ----------------------------------------------------------------------------------

static enum err who(struct people *people, struct str secret, struct arena *arena,
                    struct actor *out) {
    (void)people;
    (void)arena;
    uint32_t roles = 0;
    if (str_is(secret, "data-secret")) roles = ROLE_DATA;
    if (str_is(secret, "audit-secret")) roles = ROLE_AUDIT;
    if (!roles) return ERR_DENIED;
    *out = (struct actor){.person_id = 7, .name = STR("li"), .roles = roles};
    return OK;
}

static _Atomic uint32_t touches;

static enum err look(struct people *people, struct str secret, struct arena *arena,
                     struct actor *out, bool *due) {
    *due = str_is(secret, "data-secret");
    return who(people, secret, arena, out);
}

static enum err who_slowly(struct people *people, struct str secret, struct arena *arena,
                           struct actor *out) {
    usleep(1000000); // the disk
    touches++;
    return who(people, secret, arena, out);
}

struct upload {
    int unused;
};
static struct upload upload;
static struct sha256 upload_hash;
static _Atomic uint64_t upload_bytes, upload_ends;
static _Atomic uint32_t upload_delay_us;

static enum err upload_begin_fake(struct flow *flow, const struct actor *actor, uint64_t id,
                                  uint64_t offset, struct upload **out, struct fault *fault) {
    (void)flow;
    if (actor->person_id != 7 || id != 3) return fault_set(fault, ERR_NOT_FOUND, "x.no", STR_NONE);
    if (offset != upload_bytes) return fault_set(fault, ERR_CONFLICT, "upload.offset", STR_NONE);
    if (offset == 0) sha256_start(&upload_hash);
    *out = &upload;
    return OK;
}

static enum err upload_add_fake(struct upload *given, const void *data, size_t size,
                                struct fault *fault) {
    (void)fault;
    cy_assert(given == &upload);
    if (upload_delay_us) usleep(upload_delay_us);
    sha256_add(&upload_hash, data, size);
    upload_bytes += size;
    return OK;
}

static enum err upload_end_fake(struct upload *given, uint64_t *out, struct fault *fault) {
    (void)given;
    (void)fault;
    *out = upload_bytes;
    upload_ends++;
    return OK;
}

static enum err upload_show_fake(struct flow *flow, struct call *call) {
    (void)flow;
    json_open_object(call->out);
    json_set_u64(call->out, "received", upload_bytes);
    json_close_object(call->out);
    return OK;
}

static enum err job_show_fake(struct flow *flow, struct call *call) {
    (void)flow;
    json_open_object(call->out);
    json_set_u64(call->out, "id", call->id);
    json_close_object(call->out);
    return call->id == 13 ? ERR_DENIED : OK;
}

enum { BACKUP_BYTES = 3 << 20 };
static enum err backup_fake(struct store *store, struct str actor,
                            enum err (*write)(void *, const void *, size_t), void *ctx,
                            struct fault *fault) {
    (void)store;
    CHECK_TEXT(actor, "li");
    (void)fault;
    char block[1000];
    memset(block, 'b', sizeof block);
    enum err err = OK;
    for (size_t i = 0; err == OK && i < BACKUP_BYTES / sizeof block; i++) {
        err = write(ctx, block, sizeof block);
    }
    return err;
}

static enum err own_health(struct server *given, struct request *request) {
    (void)given;
    json_open_object(&request->writer);
    json_set_text(&request->writer, "status", STR("ok"));
    json_close_object(&request->writer);
    return OK;
}

static enum err own_echo(struct server *given, struct request *request) {
    (void)given;
    if (request->call.body) json_write(&request->out, request->call.body);
    return OK;
}

static enum err own_large(struct server *given, struct request *request) {
    (void)given;
    json_open_array(&request->writer);
    for (uint64_t i = 0; i < 40000; i++) json_put_u64(&request->writer, i);
    json_close_array(&request->writer);
    return OK;
}

static enum err own_fail(struct server *given, struct request *request) {
    (void)given;
    return fault_at(&request->fault, ERR_INPUT, "csv.unclosed_quote", 3, 2, STR("x"));
}

static enum err file_fake(struct flow *flow, struct call *call, struct flow_download *out) {
    (void)flow;
    (void)call;
    *out = (struct flow_download){.name = "数据.csv", .content_type = "text/csv"};
    str_copy(out->path, sizeof out->path, str_of(file_path));
    return OK;
}

static const struct route table[] = {
    {HTTP_GET, "/healthz", 0, ROUTE_OWN, ROUTE_FAST, 200, 0, {.own = own_health}},
    {HTTP_GET, "/api/v1/in", 31, ROUTE_OWN, ROUTE_FAST, 200, 0, {.own = own_health}},
    {HTTP_POST, "/api/v1/echo", ROLE_DATA, ROUTE_OWN, ROUTE_SLOW, 201, 5000, {.own = own_echo}},
    {HTTP_GET, "/api/v1/large", 0, ROUTE_OWN, ROUTE_SLOW, 200, 0, {.own = own_large}},
    {HTTP_GET, "/api/v1/fail", 0, ROUTE_OWN, ROUTE_SLOW, 200, 0, {.own = own_fail}},
    {HTTP_DELETE, "/api/v1/in/{id}", 31, ROUTE_OWN, ROUTE_FAST, 204, 0, {.own = own_echo}},
    {HTTP_PUT, "/api/v1/uploads/{id}", ROLE_DATA, ROUTE_UPLOAD, ROUTE_SLOW, 200, UINT64_MAX, {0}},
    {HTTP_GET,
     "/api/v1/file",
     ROLE_DATA,
     ROUTE_DOWNLOAD,
     ROUTE_SLOW,
     200,
     0,
     {.download = file_fake}},
    {HTTP_GET, "/api/v1/events", 31, ROUTE_EVENTS, ROUTE_FAST, 200, 0, {0}},
    {HTTP_GET, "/api/v1/backup", ROLE_AUDIT, ROUTE_BACKUP, ROUTE_SLOW, 200, 0, {0}},
};

// ---- a client -----------------------------------------------------------------------------------

struct client {
    int fd;
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    struct buf in; // bytes not yet used
    int status;
    struct buf head, body;
    char field[512]; // of client_field
};

static int client_send(void *ctx, const unsigned char *data, size_t size) {
    ssize_t sent = send(((struct client *)ctx)->fd, data, size, MSG_NOSIGNAL);
    return sent < 0 ? MBEDTLS_ERR_SSL_INTERNAL_ERROR : (int)sent;
}

static int client_receive(void *ctx, unsigned char *data, size_t size) {
    ssize_t got = recv(((struct client *)ctx)->fd, data, size, 0);
    return got < 0 ? MBEDTLS_ERR_SSL_INTERNAL_ERROR : (int)got;
}

static int client_random(void *ctx, unsigned char *out, size_t size) {
    (void)ctx;
    random_bytes(out, size);
    return 0;
}

static int dial(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(server->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct timeval wait = {.tv_sec = 15};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    CHECK_EQ(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static bool client_open(struct client *client, mbedtls_ssl_protocol_version version) {
    *client = (struct client){.fd = dial()};
    buf_open(&client->in, 64 << 20);
    buf_open(&client->head, 64 << 10);
    buf_open(&client->body, 64 << 20);
    mbedtls_ssl_init(&client->ssl);
    mbedtls_ssl_config_init(&client->config);
    mbedtls_ssl_config_defaults(&client->config, MBEDTLS_SSL_IS_CLIENT,
                                MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_rng(&client->config, client_random, NULL);
    mbedtls_ssl_conf_authmode(&client->config, MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_min_tls_version(&client->config, version);
    mbedtls_ssl_conf_max_tls_version(&client->config, version);
    mbedtls_ssl_setup(&client->ssl, &client->config);
    mbedtls_ssl_set_hostname(&client->ssl, "localhost");
    mbedtls_ssl_set_bio(&client->ssl, client, client_send, client_receive, NULL);
    return CHECK_EQ(mbedtls_ssl_handshake(&client->ssl), 0);
}

static void client_close(struct client *client) {
    mbedtls_ssl_close_notify(&client->ssl);
    mbedtls_ssl_free(&client->ssl);
    mbedtls_ssl_config_free(&client->config);
    close(client->fd);
    buf_close(&client->in);
    buf_close(&client->head);
    buf_close(&client->body);
}

static bool client_write(struct client *client, const void *data, size_t size) {
    const unsigned char *at = data;
    while (size > 0) {
        int sent = mbedtls_ssl_write(&client->ssl, at, size);
        if (sent <= 0) return false;
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool client_fill(struct client *client) {
    char *room = buf_reserve(&client->in, 16384);
    int got;
    do {
        got = mbedtls_ssl_read(&client->ssl, (unsigned char *)room, 16384);
    } while (got == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET);
    if (got <= 0) return false;
    client->in.size += (size_t)got;
    return true;
}

static void drop_front(struct buf *buf, size_t size) {
    memmove(buf->data, buf->data + size, buf->size - size);
    buf->size -= size;
}

static const char *client_field(struct client *client, const char *name) {
    char *value = client->field, want[64];
    snprintf(want, sizeof want, "\r\n%s: ", name);
    buf_add_char(&client->head, '\0');
    client->head.size--;
    const char *at = strstr(client->head.data, want);
    if (!at) return NULL;
    at += strlen(want);
    str_copy(value, sizeof client->field, (struct str){at, strcspn(at, "\r")});
    return value;
}

// One answer; `bodiless` for HEAD.
static bool client_answer(struct client *client, bool bodiless) {
    const char *end = NULL;
    buf_clear(&client->head);
    buf_clear(&client->body);
    client->status = 0;
    while (client->in.size < 4 ||
           !(end = memmem(client->in.data, client->in.size, "\r\n\r\n", 4))) {
        if (!client_fill(client)) return false;
    }
    size_t size = (size_t)(end - client->in.data) + 4;
    buf_add(&client->head, client->in.data, size);
    drop_front(&client->in, size);
    client->status = (int)strtol(client->head.data + 9, NULL, 10);
    const char *length = client_field(client, "Content-Length");
    const char *coding = length ? NULL : client_field(client, "Transfer-Encoding");
    size_t want = length && !bodiless ? strtoull(length, NULL, 10) : 0;
    while (client->in.size < want) {
        if (!client_fill(client)) return false;
    }
    buf_add(&client->body, client->in.data, want);
    drop_front(&client->in, want);
    for (bool more = coding && !bodiless; more;) {
        const char *line;
        while (!(line = memmem(client->in.data, client->in.size, "\r\n", 2))) {
            if (!client_fill(client)) return false;
        }
        size_t chunk = strtoull(client->in.data, NULL, 16);
        drop_front(&client->in, (size_t)(line - client->in.data) + 2);
        while (client->in.size < chunk + 2) {
            if (!client_fill(client)) return false;
        }
        buf_add(&client->body, client->in.data, chunk);
        drop_front(&client->in, chunk + 2);
        more = chunk > 0;
    }
    return true;
}

static int ask(struct client *client, const char *text) {
    if (!client_write(client, text, strlen(text)) || !client_answer(client, false)) return -1;
    return client->status;
}

#define DATA "Host: localhost\r\nAuthorization: Bearer data-secret\r\n"

// ---- tests --------------------------------------------------------------------------------------

static void answers_over_both_versions(void) {
    struct client client;
    REQUIRE(client_open(&client, MBEDTLS_SSL_VERSION_TLS1_3));
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(ask(&client, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
        CHECK_TEXT(client.body, "{\"status\":\"ok\"}");
    }
    CHECK_STR(client_field(&client, "X-Content-Type-Options"), "nosniff");
    CHECK_STR(client_field(&client, "Cache-Control"), "no-store");
    client_close(&client);
    REQUIRE(client_open(&client, MBEDTLS_SSL_VERSION_TLS1_2));
    CHECK_EQ(ask(&client, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    CHECK_EQ(ask(&client, "HEAD /healthz HTTP/1.0\r\n\r\n"), -1); // no body follows HEAD
    client_close(&client);
}

static void keeps_the_order_of_pipelined_requests(void) {
    struct client client;
    REQUIRE(client_open(&client, MBEDTLS_SSL_VERSION_TLS1_3));
    char text[8192];
    int size = 0;
    for (int i = 0; i < 20; i++) {
        size += snprintf(text + size, sizeof text - size,
                         "POST /api/v1/echo HTTP/1.1\r\n" DATA "Content-Length: 4\r\n\r\n%04d"
                         "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
                         i + 1000);
    }
    REQUIRE(client_write(&client, text, (size_t)size));
    for (int i = 0; i < 20; i++) {
        char want[16];
        snprintf(want, sizeof want, "%d", i + 1000);
        REQUIRE(client_answer(&client, false));
        CHECK_EQ(client.status, 201);
        CHECK_TEXT(client.body, want);
        REQUIRE(client_answer(&client, false));
        CHECK_TEXT(client.body, "{\"status\":\"ok\"}");
    }
    client_close(&client);
}

static int ask_once(const char *text, const char *error) {
    struct client client;
    if (!client_open(&client, MBEDTLS_SSL_VERSION_TLS1_3)) return -1;
    int status = ask(&client, text);
    if (error && !CHECK(memmem(client.body.data, client.body.size, error, strlen(error)))) {
        fprintf(stderr, "%.*s\n", STR_ARG(buf_str(&client.body)));
    }
    client_close(&client);
    return status;
}

static void refuses_before_the_body(void) {
    // Each announces a body that never comes; the answer comes all the same.
    CHECK_EQ(ask_once("POST /api/v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
                      "server.not_signed_in"),
             401);
    CHECK_EQ(ask_once("POST /api/v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
                      "Authorization: Bearer wrong\r\n\r\n",
                      "server.not_signed_in"),
             401);
    CHECK_EQ(ask_once("POST /api/v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
                      "Authorization: Bearer audit-secret\r\n\r\n",
                      "server.role_needed"),
             403);
    CHECK_EQ(ask_once("POST /api/v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
                      "Cookie: courtyard=data-secret\r\n\r\n",
                      "server.no_csrf_header"),
             403);
    CHECK_EQ(ask_once("POST /api/v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
                      "Cookie: courtyard=data-secret\r\nX-Courtyard: 1\r\n"
                      "Origin: https://evil\r\n\r\n",
                      "server.foreign_origin"),
             403);
    CHECK_EQ(ask_once("POST /api/v1/echo HTTP/1.1\r\n" DATA "Content-Length: 5001\r\n\r\n",
                      "server.body_too_large"),
             413);
    CHECK_EQ(ask_once("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
                      "server.body_not_taken"),
             413);
    CHECK_EQ(ask_once("PUT /api/v1/uploads/3 HTTP/1.1\r\n" DATA "\r\n", "server.length_required"),
             411);
    CHECK_EQ(
        ask_once("PUT /api/v1/uploads/4 HTTP/1.1\r\n" DATA "Content-Length: 9\r\n\r\n", "x.no"),
        404);
}

static void speaks_of_its_errors(void) {
    struct client client;
    REQUIRE(client_open(&client, MBEDTLS_SSL_VERSION_TLS1_3));
    CHECK_EQ(ask(&client, "GET /api/v1/nothing HTTP/1.1\r\nHost: a\r\n\r\n"), 404);
    CHECK_EQ(ask(&client, "PUT /api/v1/in HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
    CHECK_STR(client_field(&client, "Allow"), "GET, HEAD");
    CHECK_EQ(ask(&client, "OPTIONS /api/v1/echo HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
    CHECK_STR(client_field(&client, "Allow"), "POST");
    CHECK_EQ(ask(&client, "GET /api/v1/in/0 HTTP/1.1\r\nHost: a\r\n\r\n"), 404);
    CHECK_EQ(ask(&client, "DELETE /api/v1/in/9 HTTP/1.1\r\n" DATA "\r\n"), 204);
    CHECK_EQ(ask(&client, "GET /api/v1/fail?a=%00 HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    CHECK_EQ(ask(&client, "GET /api/v1/fail HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
    CHECK_TEXT(client.body, "{\"error\":{\"code\":\"csv.unclosed_quote\",\"row\":3,\"column\":2,"
                            "\"detail\":\"x\"}}");
    CHECK_EQ(ask(&client, "POST /api/v1/echo HTTP/1.1\r\n" DATA "Content-Length: 2\r\n\r\n{]"),
             400);
    CHECK_EQ(ask(&client, "GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n"), 400);
    CHECK_STR(client_field(&client, "Connection"), "close");
    client_close(&client);
}

static void packs_large_answers(void) {
    struct client client;
    REQUIRE(client_open(&client, MBEDTLS_SSL_VERSION_TLS1_3));
    CHECK_EQ(ask(&client, "GET /api/v1/large HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    size_t plain = client.body.size;
    CHECK(plain > 200000);
    CHECK(!client_field(&client, "Content-Encoding"));
    CHECK_EQ(ask(&client, "GET /api/v1/large HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n"),
             200);
    CHECK_STR(client_field(&client, "Content-Encoding"), "gzip");
    CHECK(client.body.size < plain / 2);
    client_close(&client);
}

static void takes_uploads_in_pieces(void) {
    enum { SIZE = 5 << 20, CUT = 2 << 20 };
    char *data = malloc(SIZE), head[256];
    REQUIRE(data);
    for (size_t i = 0; i < SIZE; i++) data[i] = (char)check_random();
    upload_bytes = upload_ends = 0;
    struct client client;
    REQUIRE(client_open(&client, MBEDTLS_SSL_VERSION_TLS1_3));
    snprintf(head, sizeof head,
             "PUT /api/v1/uploads/3?offset=0 HTTP/1.1\r\n" DATA
             "Content-Length: %d\r\nExpect: 100-continue\r\n\r\n",
             SIZE);
    REQUIRE(client_write(&client, head, strlen(head)));
    REQUIRE(client_answer(&client, true));
    CHECK_EQ(client.status, 100);
    REQUIRE(client_write(&client, data, CUT));
    client_close(&client); // a cut connection: what came is kept
    for (int i = 0; i < 500 && upload_ends == 0; i++) usleep(10000);
    CHECK_EQ(upload_ends, 1);
    CHECK_EQ(upload_bytes, CUT);
    REQUIRE(client_open(&client, MBEDTLS_SSL_VERSION_TLS1_3));
    snprintf(head, sizeof head,
             "PUT /api/v1/uploads/3?offset=%d HTTP/1.1\r\n" DATA "Content-Length: %d\r\n\r\n", CUT,
             SIZE - CUT);
    REQUIRE(client_write(&client, head, strlen(head)));
    REQUIRE(client_write(&client, data + CUT, SIZE - CUT));
    REQUIRE(client_answer(&client, false));
    CHECK_EQ(client.status, 200);
    struct hash got = sha256_finish(&upload_hash), want = sha256_of(data, SIZE);
    CHECK(hash_equal(&got, &want));
    CHECK_EQ(ask(&client, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    CHECK_EQ(ask(&client,
                 "PUT /api/v1/uploads/3?offset=1 HTTP/1.1\r\n" DATA "Content-Length: 3\r\n\r\nabc"),
             409);
    client_close(&client);
    free(data);
}

static void *slow_upload(void *argument) {
    (void)argument;
    enum { SIZE = 3 << 20 };
    struct client client;
    char head[256], *data = calloc(1, SIZE);
    if (data && client_open(&client, MBEDTLS_SSL_VERSION_TLS1_3)) {
        snprintf(head, sizeof head,
                 "PUT /api/v1/uploads/3?offset=0 HTTP/1.1\r\n" DATA "Content-Length: %d\r\n\r\n",
                 SIZE);
        CHECK(client_write(&client, head, strlen(head)) && client_write(&client, data, SIZE) &&
              client_answer(&client, false));
        CHECK_EQ(client.status, 200);
        client_close(&client);
    }
    free(data);
    return NULL;
}

static void noting_a_session_delays_nobody(void) {
    struct client client;
    REQUIRE(client_open(&client, MBEDTLS_SSL_VERSION_TLS1_3));
    usleep(1100000);
    uint32_t before = touches;
    uint64_t start = clock_monotonic_us();
    for (int i = 0; i < 50; i++) {
        CHECK_EQ(ask(&client, "GET /api/v1/in HTTP/1.1\r\n" DATA "\r\n"), 200);
    }
    CHECK(clock_monotonic_us() - start < 900000);
    for (int i = 0; i < 300 && touches == before; i++) usleep(10000);
    CHECK_EQ(touches, before + 1); // one at a time
    client_close(&client);
}

static void a_slow_disk_stalls_nobody_else(void) {
    upload_bytes = upload_ends = 0;
    upload_delay_us = 300000;
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, slow_upload, NULL) == 0);
    struct client client;
    unsigned served = 0;
    if (client_open(&client, MBEDTLS_SSL_VERSION_TLS1_3)) {
        for (; upload_ends == 0; served++) {
            if (!CHECK_EQ(ask(&client, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 200)) break;
            usleep(1000);
        }
        client_close(&client);
    }
    pthread_join(thread, NULL);
    upload_delay_us = 0;
    // The disk takes 3.6 seconds in 12 pieces; a loop that waited for it would serve a few each.
    CHECK(served > 200);
}

static void hands_out_files(void) {
    enum { SIZE = 1 << 20 };
    char *data = malloc(SIZE);
    REQUIRE(data);
    for (size_t i = 0; i < SIZE; i++) data[i] = (char)check_random();
    int fd = open(file_path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    REQUIRE(write(fd, data, SIZE) == SIZE);
    close(fd);
    struct client client;
    REQUIRE(client_open(&client, MBEDTLS_SSL_VERSION_TLS1_3));
    CHECK_EQ(ask(&client, "GET /api/v1/file HTTP/1.1\r\n" DATA "\r\n"), 200);
    CHECK_BYTES(client.body.data, client.body.size, data, SIZE);
    CHECK(strstr(client_field(&client, "Content-Disposition"), "%E6%95%B0"));
    char etag[64], text[512];
    str_copy(etag, sizeof etag, str_of(client_field(&client, "ETag")));
    CHECK_EQ(ask(&client, "GET /api/v1/file HTTP/1.1\r\n" DATA "Range: bytes=300000-\r\n\r\n"),
             206);
    CHECK_BYTES(client.body.data, client.body.size, data + 300000, SIZE - 300000);
    snprintf(text, sizeof text,
             "GET /api/v1/file HTTP/1.1\r\n" DATA "Range: bytes=0-9\r\nIf-Range: %s\r\n\r\n", etag);
    CHECK_EQ(ask(&client, text), 206);
    CHECK_EQ(client.body.size, 10);
    CHECK_EQ(ask(&client, "GET /api/v1/file HTTP/1.1\r\n" DATA
                          "Range: bytes=0-9\r\nIf-Range: \"old\"\r\n\r\n"),
             200);
    CHECK_EQ(ask(&client, "GET /api/v1/file HTTP/1.1\r\n" DATA "Range: bytes=9999999-\r\n\r\n"),
             416);
    REQUIRE(client_write(&client, "HEAD /api/v1/file HTTP/1.1\r\n" DATA "\r\n",
                         strlen("HEAD /api/v1/file HTTP/1.1\r\n" DATA "\r\n")));
    REQUIRE(client_answer(&client, true));
    CHECK_STR(client_field(&client, "Content-Length"), "1048576");
    CHECK_EQ(ask(&client, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    client_close(&client);
    free(data);
}

static void tells_of_jobs(void) {
    struct client client;
    REQUIRE(client_open(&client, MBEDTLS_SSL_VERSION_TLS1_3));
    REQUIRE(client_write(&client, "GET /api/v1/events HTTP/1.1\r\n" DATA "\r\n",
                         strlen("GET /api/v1/events HTTP/1.1\r\n" DATA "\r\n")));
    REQUIRE(client_answer(&client, true));
    CHECK_EQ(client.status, 200);
    events_changed(server, 13); // not theirs
    for (int i = 0; i < 100; i++) events_changed(server, 5);
    uint64_t start = clock_monotonic_us();
    while (!memmem(client.in.data, client.in.size, "data: {\"id\":5}\n\n", 16)) {
        REQUIRE(client_fill(&client));
    }
    CHECK(clock_monotonic_us() - start < 2000000);
    CHECK(!memmem(client.in.data, client.in.size, "13", 2));
    client_close(&client);
    events_changed(server, 6);
}

static void streams_a_backup(void) {
    struct client client, second;
    const char *text = "GET /api/v1/backup HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
                       "audit-secret\r\n\r\n";
    REQUIRE(client_open(&client, MBEDTLS_SSL_VERSION_TLS1_3));
    CHECK_EQ(ask(&client, text), 200);
    CHECK_EQ(client.body.size, BACKUP_BYTES / 1000 * 1000);
    CHECK_EQ(ask(&client, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    // One that is cut leaves room for the next.
    REQUIRE(client_write(&client, text, strlen(text)));
    REQUIRE(client_open(&second, MBEDTLS_SSL_VERSION_TLS1_3));
    REQUIRE(client_fill(&client));
    client_close(&client);
    int status = 0;
    for (int i = 0; i < 200 && status != 200; i++) {
        status = ask(&second, text);
        if (status != 200) CHECK_EQ(status, 423);
        usleep(10000);
    }
    CHECK_EQ(status, 200);
    client_close(&second);
}

static void answers_plain_http_with_a_hint(void) {
    char answer[2048] = "";
    int fd = dial();
    const char *text = "GET /x?y=1 HTTP/1.1\r\nHost: box:8443\r\n\r\n";
    REQUIRE(send(fd, text, strlen(text), 0) > 0);
    REQUIRE(recv(fd, answer, sizeof answer - 1, MSG_WAITALL) > 0);
    CHECK(strstr(answer, "308") && strstr(answer, "Location: https://box:8443/x?y=1\r\n"));
    close(fd);
    fd = dial();
    REQUIRE(send(fd, "rubbish\r\n\r\n", 11, 0) > 0);
    memset(answer, 0, sizeof answer);
    REQUIRE(recv(fd, answer, sizeof answer - 1, MSG_WAITALL) > 0);
    CHECK(strstr(answer, "400") && strstr(answer, "https://"));
    close(fd);
}

static double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void silent_clients_cost_nothing(void) {
    enum { SILENT = 300 };
    int fds[SILENT];
    for (int i = 0; i < SILENT; i++) fds[i] = dial();
    usleep(300000);
    double before = cpu_seconds();
    usleep(2000000);
    CHECK(cpu_seconds() - before < 0.1);
    struct client client;
    uint64_t start = clock_monotonic_us();
    REQUIRE(client_open(&client, MBEDTLS_SSL_VERSION_TLS1_3));
    CHECK_EQ(ask(&client, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    CHECK(clock_monotonic_us() - start < 1000000);
    client_close(&client);
    for (int i = 0; i < SILENT; i++) close(fds[i]);
}

static void counts_connections_of_an_address(void) {
    static struct addresses addresses = {.lock = PTHREAD_MUTEX_INITIALIZER};
    static const uint8_t a[16] = {[10] = 0xFF, [11] = 0xFF, [12] = 10, [15] = 1};
    static const uint8_t b[16] = {[0] = 0x20, [1] = 1, [15] = 1}, c[16] = {[0] = 0x20, [1] = 1};
    CHECK(!address_is_local(a));
    for (int i = 0; i < 5; i++) CHECK(addresses_enter(&addresses, a, 5));
    CHECK(!addresses_enter(&addresses, a, 5));
    for (int i = 0; i < 5; i++) CHECK(addresses_enter(&addresses, i % 2 ? b : c, 5));
    CHECK(!addresses_enter(&addresses, b, 5)); // one subnet is one client
    addresses_leave(&addresses, a);
    CHECK(addresses_enter(&addresses, a, 5));
    for (int i = 0; i < 5; i++) {
        addresses_leave(&addresses, a);
        addresses_leave(&addresses, b);
    }
    CHECK_EQ(addresses.used, 0);
}

static void says_why_it_cannot_start(void) {
    struct fault fault = {0};
    char address[64];
    int fd;
    uint16_t port;
    snprintf(address, sizeof address, "127.0.0.1:%u", server->port);
    CHECK_EQ(listen_open(address, &fd, &port, &fault), ERR_BUSY);
    CHECK_STR(fault.code, "server.port_in_use");
    static const char *const wrong[] = {"", "127.0.0.1", "127.0.0.1:", "a:1", "[::1:1", ":99999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        fault = (struct fault){0};
        CHECK_EQ(listen_open(wrong[i], &fd, &port, &fault), ERR_INPUT);
    }
}

static void open_and_close_in_circles(void) {
    struct client client;
    for (int i = 0; i < 30; i++) {
        REQUIRE(
            client_open(&client, i % 2 ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2));
        if (i % 3 == 0) CHECK_EQ(ask(&client, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
        // Gone while a worker has the request.
        if (i % 3 == 1) {
            const char *text = "GET /api/v1/large HTTP/1.1\r\nHost: a\r\n\r\n";
            CHECK(client_write(&client, text, strlen(text)));
            struct linger hard = {.l_onoff = 1};
            setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        }
        client_close(&client);
    }
    for (int i = 0; i < 300 && server->connections > 0; i++) usleep(10000);
    CHECK_EQ(server->connections, 0);
    CHECK_EQ(server->addresses.used, 0);
}

int main(void) {
    struct fault fault = {0};
    log_level_set(LOG_WARN);
    if (!mkdtemp(dir) || !(server = calloc(1, sizeof *server))) return 1;
    snprintf(file_path, sizeof file_path, "%s/file", dir);
    server->routes = table;
    server->route_count = sizeof table / sizeof table[0];
    server->dir = dir;
    server->back = (struct server_back){.look = look,
                                        .who = who_slowly,
                                        .upload_begin = upload_begin_fake,
                                        .upload_add = upload_add_fake,
                                        .upload_end = upload_end_fake,
                                        .upload_show = upload_show_fake,
                                        .job_show = job_show_fake,
                                        .backup = backup_fake};
    if (listen_open("127.0.0.1:0", &server->listen_fd, &server->port, &fault) != OK ||
        server_core_open(server, 2, &fault) != OK) {
        fprintf(stderr, "%s %s\n", fault.code, fault.detail);
        return 1;
    }
    CHECK_RUN(answers_over_both_versions);
    CHECK_RUN(keeps_the_order_of_pipelined_requests);
    CHECK_RUN(refuses_before_the_body);
    CHECK_RUN(speaks_of_its_errors);
    CHECK_RUN(packs_large_answers);
    CHECK_RUN(takes_uploads_in_pieces);
    CHECK_RUN(noting_a_session_delays_nobody);
    CHECK_RUN(a_slow_disk_stalls_nobody_else);
    CHECK_RUN(hands_out_files);
    CHECK_RUN(tells_of_jobs);
    CHECK_RUN(streams_a_backup);
    CHECK_RUN(answers_plain_http_with_a_hint);
    CHECK_RUN(silent_clients_cost_nothing);
    CHECK_RUN(counts_connections_of_an_address);
    CHECK_RUN(says_why_it_cannot_start);
    CHECK_RUN(open_and_close_in_circles);
    server_core_close(server);
    close(server->listen_fd);
    free(server);
    char path[192];
    static const char *const files[] = {"file", "tls/key.pem", "tls/certificate.pem", "tls", ""};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        (void)remove(path);
    }
    return check_done();
}
