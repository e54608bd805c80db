// The event stream: jobs that changed, told to those who may see them. A change is noted by number
// only; what is sent is read from flow at most four times a second, so a hasty job costs no more.
#include <string.h>

#include "server/server_private.h"

enum {
    PING_MS = 15 * 1000,
    PENDING_BYTES_MAX = 256 * 1024, // a client that leaves this much unread is dropped
};

void events_changed(struct server *server, uint64_t job_id) {
    for (uint32_t i = 0; i < server->loop_count; i++) {
        struct loop *loop = &server->loops[i];
        enum { CHANGED_MAX = sizeof loop->changed / sizeof loop->changed[0] };
        pthread_mutex_lock(&loop->lock);
        uint32_t at = 0;
        while (at < loop->changed_count && loop->changed[at] != job_id) at++;
        bool first = loop->changed_count == 0;
        if (at < CHANGED_MAX) {
            loop->changed[at] = job_id;
            if (at == loop->changed_count) loop->changed_count++;
        } else {
            loop->changed_lost = true;
        }
        pthread_mutex_unlock(&loop->lock);
        if (first) loop_wake(loop);
    }
}

// What a stream keeps of its request must not lie in the arena, which is emptied for each message.
static bool keep_actor(struct request *request) {
    struct actor *actor = &request->call.actor;
    if (!str_copy(request->name_text, sizeof request->name_text, actor->name)) return false;
    actor->name = str_of(request->name_text);
    arena_reset(request->arena);
    request->head = (struct http_head){0};
    request->call.query_count = 0;
    request->call.word = STR_NONE;
    return true;
}

void events_begin(struct request *request) {
    struct connection *connection = request->connection;
    connection->last = true; // the stream ends with the connection
    buf_add_text(&request->fields, "Cache-Control: no-store\r\n");
    respond_head(request, 200, "text/event-stream; charset=utf-8", SIZE_UNKNOWN);
    if (request->head.method == HTTP_HEAD) {
        connection_answer(connection, true);
        return;
    }
    if (!keep_actor(request)) {
        connection_answer(connection, true);
        return;
    }
    buf_add_text(&connection->out, "retry: 3000\n\n");
    metrics_request(request->server, request);
    connection->state = CONNECTION_EVENTS;
    connection->loop->event_streams++;
    connection_deadline(connection, PING_MS);
}

// A sign-out or a role taken away ends the stream at the next ping.
static bool still_welcome(struct request *request) {
    return request_who(request) == OK && keep_actor(request);
}

enum next events_step(struct connection *connection) {
    struct loop *loop = connection->loop;
    if (loop->now_us >= connection->deadline_us) {
        if (connection->out.size > 0 || !still_welcome(connection->request)) return NEXT_CLOSE;
        buf_add_text(&connection->out, ": ping\n\n");
        connection_deadline(connection, PING_MS);
    }
    enum next next = connection_flush(connection);
    if (next != NEXT_AGAIN) return next;
    char nowhere[512]; // a client has nothing to say here, but its end must be seen
    size_t got;
    return connection_take(connection, nowhere, sizeof nowhere, &got);
}

static void tell(struct connection *connection, uint64_t job_id) {
    struct request *request = connection->request;
    struct call *call = &request->call;
    buf_clear(&request->out);
    request->writer = json_writer_of(&request->out);
    request->fault = (struct fault){0};
    arena_reset(request->arena);
    call->id = job_id;
    if (request->server->back.job_show(request->server->flow, call) != OK) return; // not theirs
    if (buf_err(&request->out) != OK) return;
    buf_add_text(&connection->out, "event: job\ndata: ");
    buf_add_str(&connection->out, buf_str(&request->out));
    buf_add_text(&connection->out, "\n\n");
}

void events_flush(struct loop *loop) {
    uint64_t changed[sizeof loop->changed / sizeof loop->changed[0]];
    pthread_mutex_lock(&loop->lock);
    uint32_t count = loop->changed_count;
    bool lost = loop->changed_lost;
    memcpy(changed, loop->changed, count * sizeof changed[0]);
    loop->changed_count = 0;
    loop->changed_lost = false;
    pthread_mutex_unlock(&loop->lock);
    if (count == 0) return;
    loop->flushed_us = loop->now_us;
    struct connection *next;
    for (struct connection *c = loop->connections; c; c = next) {
        next = c->next;
        if (c->state != CONNECTION_EVENTS || c->gone) continue;
        // Told of a part only, a page would show what is no longer so: it comes back and asks anew.
        bool slow = c->out.size - c->out_at > PENDING_BYTES_MAX;
        if (lost || slow) {
            connection_close(c);
            continue;
        }
        for (uint32_t i = 0; i < count; i++) tell(c, changed[i]);
        if (buf_err(&c->out) != OK) {
            connection_close(c);
        } else {
            connection_run(c);
        }
    }
}
