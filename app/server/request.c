// One request: from its head to its answer. The order of the checks matters: who it is and what
// they may comes before anything is done with the body.
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/memory.h"
#include "server/server_private.h"

enum {
    KEEP_BYTES = 64 * 1024, // a spare request keeps buffers up to this
    FIELDS_BYTES_MAX = 4096,
};

// ---- life ---------------------------------------------------------------------------------------

static struct request *request_take(struct loop *loop) {
    struct request *request = loop->spare;
    if (request) {
        loop->spare = request->next;
        request->next = NULL;
        return request;
    }
    request = memory_take(sizeof *request);
    if (!request) return NULL;
    if (arena_open(SERVER_ARENA_BYTES, &request->arena) != OK) {
        memory_give(request);
        return NULL;
    }
    buf_open(&request->body, SERVER_ANSWER_BYTES);
    buf_open(&request->out, SERVER_ANSWER_BYTES);
    buf_open(&request->fields, FIELDS_BYTES_MAX);
    return request;
}

void request_free(struct request *request) {
    json_close(request->json);
    buf_close(&request->body);
    buf_close(&request->out);
    buf_close(&request->fields);
    arena_close(request->arena);
    memory_give(request);
}

static void buf_recycle(struct buf *buf) {
    if (buf->room > KEEP_BYTES) {
        buf_close(buf);
    } else {
        buf_clear(buf);
    }
}

void request_close(struct request *request) {
    struct loop *loop = request->connection->loop;
    if (loop->spare) { // one is enough: the next request takes it at once
        request_free(request);
        return;
    }
    json_close(request->json);
    arena_reset(request->arena);
    // Passwords and secrets come this way.
    if (request->body.size) bytes_wipe(request->body.data, request->body.size);
    buf_recycle(&request->body);
    buf_recycle(&request->out);
    buf_recycle(&request->fields);
    bytes_wipe(request->secret_text, request->secret.size);
    memset(request, 0, offsetof(struct request, arena));
    loop->spare = request;
}

static struct request *request_start(struct connection *connection) {
    struct request *request = request_take(connection->loop);
    if (!request) {
        connection_close(connection);
        return NULL;
    }
    request->server = connection->loop->server;
    request->connection = connection;
    request->task.loop = connection->loop;
    request->started_us = clock_monotonic_us();
    request->writer = json_writer_of(&request->out);
    request->call =
        (struct call){.arena = request->arena, .out = &request->writer, .fault = &request->fault};
    request->call.query = request->query;
    connection->request = request;
    return request;
}

// ---- refusing -----------------------------------------------------------------------------------

uint16_t status_of(enum err err, const char *code) {
    switch (err) {
    case OK: return 200;
    case ERR_INPUT: return 400;
    case ERR_LIMIT: return 413;
    case ERR_MEMORY: return 503;
    case ERR_FULL: return 507;
    case ERR_NOT_FOUND: return 404;
    case ERR_CONFLICT: return 409;
    case ERR_DENIED: return 403;
    case ERR_CANCELLED: return 408;
    case ERR_PAUSED: return 503;
    case ERR_BUSY:
        if (strcmp(code, "people.locked") == 0) return 429;
        return strcmp(code, "server.busy") == 0 ? 503 : 423;
    case ERR_IO:
    case ERR_CORRUPT: return 500;
    }
    return 500;
}

static void answer_fault(struct request *request, uint16_t status) {
    buf_clear(&request->out);
    request->packed = false;
    if (path_is_openai(request->head.path)) {
        status = openai_status(status, &request->fault);
        openai_error(&request->out, status, &request->fault);
    } else {
        struct json_writer writer = json_writer_of(&request->out);
        json_open_object(&writer);
        json_put_name(&writer, "error");
        json_put_fault(&writer, &request->fault);
        if (request->call.findings.size) {
            json_set_raw(&writer, "findings", request->call.findings);
        }
        json_close_object(&writer);
    }
    if (request->head_out) { // of a stream: its status has been told
        answer_fail_late(request);
        return;
    }
    request->status = status;
    request->content_type = "application/json";
    if (status == 423 || status == 429 || status == 503) {
        uint64_t seconds = 1;
        if (!str_to_u64(str_of(request->fault.detail), &seconds)) seconds = 1;
        buf_printf(&request->fields, "Retry-After: %llu\r\n", (unsigned long long)seconds);
    }
    respond_out(request);
}

void request_refuse(struct request *request, uint16_t status, const char *code,
                    const char *detail) {
    request->fault = (struct fault){0};
    enum err ignored = fault_set(&request->fault, ERR_INPUT, code, str_of(detail));
    (void)ignored;
    answer_fault(request, status);
}

void request_fail(struct request *request, enum err err) {
    if (request->fault.code[0] == '\0') {
        // A function that fails without a word: the kind of error is all there is to say.
        char code[FAULT_CODE_SIZE];
        snprintf(code, sizeof code, "err.%s", err_name(err));
        str_copy(request->fault.code, sizeof request->fault.code, str_of(code));
    }
    uint16_t status = status_of(err, request->fault.code);
    if (status >= 500) {
        log_event(LOG_ERROR, "server.request_failed", "route=%s err=%s code=%s",
                  request->route ? request->route->path : "-", err_name(err), request->fault.code);
    }
    answer_fault(request, status);
}

void request_begin_bad(struct connection *connection, struct http_fault fault) {
    struct request *request = request_start(connection);
    if (!request) return;
    connection->last = true;
    request_refuse(request, fault.status, fault.code, "");
}

static void refuse_method(struct request *request, bool known) {
    buf_add_text(&request->fields, "Allow: ");
    if (known) {
        route_allow(request->server->routes, request->server->route_count, request->head.path,
                    &request->fields);
    } else {
        buf_add_text(&request->fields, "GET, HEAD");
    }
    buf_add_text(&request->fields, "\r\n");
    request_refuse(request, 405, "server.bad_method", "");
}

// ---- who is it ----------------------------------------------------------------------------------

static void secret_find(struct request *request) {
    struct str bearer = STR("Bearer ");
    if (str_starts(request->head.authorization, bearer)) {
        request->secret = (struct str){request->head.authorization.data + bearer.size,
                                       request->head.authorization.size - bearer.size};
        request->secret = str_trim(request->secret);
    } else {
        request->secret = http_cookie(request->head.cookie, "courtyard");
        request->by_cookie = request->secret.size > 0;
    }
    if (request->secret.size > sizeof request->secret_text) request->secret = STR_NONE;
    if (request->secret.size == 0) return;
    memcpy(request->secret_text, request->secret.data, request->secret.size);
    request->secret.data = request->secret_text;
}

struct touch {
    struct task task; // first
    struct server *server;
    struct arena *arena;
    struct str secret; // in the arena
};

static void touch_run(struct task *task) {
    struct touch *touch = (struct touch *)task;
    struct actor actor;
    (void)!touch->server->back.who(touch->server->people, touch->secret, touch->arena, &actor);
}

static void touch_done(struct task *task) {
    struct touch *touch = (struct touch *)task;
    touch->task.loop->touching = false;
    arena_close(touch->arena);
}

// Once a minute and session the store is written; a loop must not wait for that. One at a time: the
// next request asks again.
static void touch_later(struct request *request) {
    struct loop *loop = request->connection->loop;
    struct arena *arena = NULL;
    if (loop->touching || arena_open(64 * 1024, &arena) != OK) return;
    struct touch *touch = ARENA_NEW(arena, struct touch);
    char *secret = arena_take(arena, request->secret.size);
    if (touch && secret) {
        memcpy(secret, request->secret.data, request->secret.size);
        *touch = (struct touch){.server = request->server, .arena = arena};
        touch->secret = (struct str){secret, request->secret.size};
        touch->task.loop = loop;
        touch->task.class = TASK_CALL;
        touch->task.run = touch_run;
        touch->task.done = touch_done;
        loop->touching = workers_give(request->server->workers, &touch->task) == OK;
    }
    if (!loop->touching) arena_close(arena);
}

enum err request_who(struct request *request) {
    struct server *server = request->server;
    bool due = false;
    enum err err = server->back.look(server->people, request->secret, request->arena,
                                     &request->call.actor, &due);
    if (err == OK && due) touch_later(request);
    return err;
}

// A page of another origin may make a browser send a form here, but not with its own Origin hidden.
static bool origin_fits(const struct http_head *head) {
    if (!head->origin.data) return true;
    struct str https = STR("https://");
    return str_starts(head->origin, https) &&
           str_equal((struct str){head->origin.data + https.size, head->origin.size - https.size},
                     head->host);
}

// False: refused already.
static bool actor_check(struct request *request) {
    uint32_t roles = request->route->roles;
    // Without its data the box knows nobody.
    bool knows = request->secret.size && !request->server->unfit.code[0];
    enum err err = knows ? request_who(request) : ERR_DENIED;
    if (err != OK) request->call.actor = (struct actor){0};
    if (err != OK && err != ERR_DENIED && err != ERR_NOT_FOUND) {
        request_fail(request, err);
        return false;
    }
    if (roles && err != OK) {
        buf_add_text(&request->fields, "WWW-Authenticate: Bearer\r\n");
        request_refuse(request, 401, "server.not_signed_in", "");
        return false;
    }
    if (roles && roles != ROLE_ANYONE_SIGNED_IN && !(request->call.actor.roles & roles)) {
        request_refuse(request, 403, "server.role_needed", "");
        return false;
    }
    if (request->route->method != HTTP_GET) {
        if (request->by_cookie && err == OK && !str_is(request->head.courtyard, "1")) {
            request_refuse(request, 403, "server.no_csrf_header", "");
            return false;
        }
        if ((request->by_cookie || !roles) && !origin_fits(&request->head)) {
            request_refuse(request, 403, "server.foreign_origin", "");
            return false;
        }
    }
    return true;
}

// ---- what is asked ------------------------------------------------------------------------------

static bool query_take(struct request *request) {
    char *room = arena_take(request->arena, request->head.query.size + 1);
    if (room &&
        http_query_parse(request->head.query, room, request->query, &request->call.query_count)) {
        return true;
    }
    request_refuse(request, 400, "server.bad_query", "");
    return false;
}

static bool word_take(struct request *request, struct str word) {
    if (!word.data) return true;
    char *room = arena_take(request->arena, word.size + 1);
    if (room && http_decode(word, false, room, &request->call.word.size)) {
        request->call.word.data = room;
        return true;
    }
    request_refuse(request, 400, "server.bad_request_line", "");
    return false;
}

static bool body_check(struct request *request) {
    const struct route *route = request->route;
    uint64_t size = request->head.content_length;
    if (route->kind == ROUTE_UPLOAD && !request->head.has_length) {
        request_refuse(request, 411, "server.length_required", "");
        return false;
    }
    if (size > route->body_max) {
        char most[24];
        snprintf(most, sizeof most, "%llu", (unsigned long long)route->body_max);
        request_refuse(request, 413,
                       route->body_max ? "server.body_too_large" : "server.body_not_taken", most);
        return false;
    }
    return true;
}

static void serve_route(struct request *request, const struct route_match *match) {
    struct connection *connection = request->connection;
    request->route = match->route;
    request->call.id = match->id;
    request->call.number = match->number;
    secret_find(request);
    if (!actor_check(request) || !query_take(request) || !word_take(request, match->word) ||
        !body_check(request)) {
        return;
    }
    if (request->route->kind == ROUTE_UPLOAD) {
        upload_begin(request);
        return;
    }
    if (connection->body_left == 0) {
        request_run(request);
        return;
    }
    if (request->head.expects_continue && connection->in_at == connection->in_size) {
        buf_add_text(&connection->out, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    connection->state = CONNECTION_BODY;
    connection->progress_mark = connection->body_left;
    connection_deadline(connection, SERVER_BODY_MS);
}

static bool is_api(struct str path) {
    return str_starts(path, STR("/api/")) || str_starts(path, STR("/v1/")) ||
           str_is(path, "/api") || str_is(path, "/v1") || str_is(path, "/healthz") ||
           str_is(path, "/metrics");
}

void request_begin(struct connection *connection, struct str head) {
    struct request *request = request_start(connection);
    if (!request) return;
    char *copy = arena_take(request->arena, head.size);
    struct http_fault fault = {503, "base.no_memory"};
    if (!copy || !http_parse((struct str){memcpy(copy, head.data, head.size), head.size},
                             &request->head, &fault)) {
        connection->last = true;
        request_refuse(request, fault.status, fault.code, "");
        return;
    }
    connection->body_left = request->head.content_length;
    if (request->head.close || connection->loop->stopping) connection->last = true;
    const struct server *server = request->server;
    enum http_method method = request->head.method;
    struct route_match match =
        route_find(server->routes, server->route_count, method, request->head.path);
    if (match.route) {
        serve_route(request, &match);
    } else if ((match.path_known && !server->unfit.code[0]) ||
               (method != HTTP_GET && method != HTTP_HEAD && !is_api(request->head.path))) {
        refuse_method(request, match.path_known);
    } else if (is_api(request->head.path) && server->unfit.code[0]) {
        request_refuse(request, 503, server->unfit.code, server->unfit.detail);
    } else if (is_api(request->head.path)) {
        request_refuse(request, 404, "server.no_such_path", "");
    } else {
        respond_asset(request);
    }
}

// ---- running it ---------------------------------------------------------------------------------

static enum err handle(struct request *request) {
    const struct route *route = request->route;
    switch (route->kind) {
    case ROUTE_FLOW: return route->call.flow(request->server->flow, &request->call);
    case ROUTE_PEOPLE: return route->call.people(request->server->people, &request->call);
    case ROUTE_OWN: return route->call.own(request->server, request);
    case ROUTE_DOWNLOAD:
        return route->call.download(request->server->flow, &request->call, &request->download);
    case ROUTE_ANSWER: return answer_ask(request);
    case ROUTE_UPLOAD:
    case ROUTE_EVENTS:
    case ROUTE_BACKUP: break; // these have their own ways
    }
    return OK;
}

// On a worker or, for fast routes, on the loop.
static void execute(struct request *request) {
    request->status = request->route->status;
    request->content_type = "application/json";
    request->err = OK;
    if (request->body.size) {
        request->err = json_parse(buf_str(&request->body), &request->json, &request->fault);
        request->call.body = request->json;
        request->call.body_text = buf_str(&request->body);
    }
    if (request->err == OK) request->err = handle(request);
    if (request->err == OK) request->err = buf_err(&request->out);
    if (request->err == OK) respond_pack(request);
}

static void finish(struct request *request) {
    if (request->err != OK) {
        request_fail(request, request->err);
    } else if (request->route->kind == ROUTE_DOWNLOAD) {
        download_begin(request);
    } else if (request->answer) {
        answer_begin(request);
    } else {
        respond_out(request);
    }
}

static void task_run(struct task *task) {
    execute((struct request *)task);
}

static void task_done(struct task *task) {
    struct request *request = (struct request *)task;
    struct connection *connection = request->connection;
    if (connection->gone) {
        if (!answer_abandon(connection)) connection_release(connection);
        return;
    }
    finish(request);
    connection_run(connection);
}

void request_run(struct request *request) {
    struct connection *connection = request->connection;
    if (request->route->kind == ROUTE_EVENTS) {
        events_begin(request);
        return;
    }
    if (request->route->kind == ROUTE_BACKUP) {
        backup_begin(request);
        return;
    }
    if (request->route->speed == ROUTE_FAST) {
        execute(request);
        finish(request);
        return;
    }
    request->task.class = request->route->speed == ROUTE_COSTLY ? TASK_COSTLY : TASK_CALL;
    request->task.run = task_run;
    request->task.done = task_done;
    connection->state = CONNECTION_WORK;
    if (workers_give(request->server->workers, &request->task) != OK) {
        request_refuse(request, 503, "server.busy", "");
    }
}
