// Answers that come over time: the request waits without a thread until flow wakes its loop, takes
// what there is, and closes the answer when the client has gone.
#include <stddef.h>

#include "server/server_private.h"

enum { PING_MS = 15 * 1000 };

static struct request *request_of_news(struct task *task) {
    return (struct request *)(void *)((char *)task - offsetof(struct request, news));
}

static void news_done(struct task *task) {
    struct request *request = request_of_news(task);
    struct connection *connection = request->connection;
    atomic_store(&request->news_posted, false);
    if (connection->gone) {
        if (request->abandoned) connection_release(connection);
        return;
    }
    // Before the worker has brought the request back there is nothing to do: it looks itself.
    if (connection->state == CONNECTION_ANSWER) connection_run(connection);
}

// A thread of flow's.
static void on_wake(void *ctx) {
    struct request *request = ctx;
    if (atomic_exchange(&request->news_posted, true)) return;
    loop_post(request->news.loop, &request->news);
}

enum err answer_ask(struct request *request) {
    request->news.loop = request->task.loop;
    request->news.done = news_done;
    struct flow_waker waker = {on_wake, request};
    return request->route->call.answer(request->server->flow, &request->call, &waker,
                                       &request->answer);
}

void answer_begin(struct request *request) {
    struct connection *connection = request->connection;
    connection->state = CONNECTION_ANSWER;
    connection_deadline(connection, PING_MS);
}

static void stream_put(struct request *request) {
    struct connection *connection = request->connection;
    if (!request->head_out) {
        connection->last = true; // the stream ends with the connection
        buf_add_text(&request->fields, "Cache-Control: no-store\r\n");
        respond_head(request, 200, "text/event-stream; charset=utf-8", SIZE_UNKNOWN);
        request->head_out = true;
    }
    buf_add_str(&connection->out, buf_str(&request->out));
    buf_clear(&request->out);
    connection_deadline(connection, PING_MS);
}

void answer_fail_late(struct request *request) {
    struct connection *connection = request->connection;
    buf_add_text(&connection->out, "data: ");
    buf_add_str(&connection->out, buf_str(&request->out));
    buf_add_text(&connection->out, "\n\n");
    buf_clear(&request->out);
    connection_answer(connection, true);
}

static void answer_end(struct request *request) {
    if (request->err != OK) {
        request_fail(request, request->err);
    } else if (request->head_out) {
        connection_answer(request->connection, true);
    } else {
        request->status = request->route->status;
        request->content_type = "application/json";
        respond_out(request);
    }
}

// A client has nothing to say here, but its end must be seen.
static enum next watch_client(struct connection *connection) {
    char nowhere[512];
    size_t got = 0;
    enum next next = connection_take(connection, nowhere, sizeof nowhere, &got);
    if (next == NEXT_AGAIN) connection->last = true; // what it says is lost
    return next;
}

enum next answer_step(struct connection *connection) {
    struct request *request = connection->request;
    enum next next = connection_flush(connection);
    if (next != NEXT_AGAIN) return next;
    if (request->answer) {
        bool streams = flow_answer_streams(request->answer);
        enum flow_answer_state state =
            flow_answer_take(request->answer, &request->out, &request->err, &request->fault);
        if (state == FLOW_ANSWER_WAITS) return watch_client(connection);
        if (streams && state != FLOW_ANSWER_FAILED) stream_put(request);
        if (buf_err(&connection->out) != OK) return NEXT_CLOSE;
        if (state == FLOW_ANSWER_MORE) return NEXT_AGAIN;
        flow_answer_close(request->answer);
        request->answer = NULL;
    }
    if (atomic_load(&request->news_posted)) return NEXT_PARK; // it still refers to the request
    answer_end(request);
    return NEXT_AGAIN;
}

void answer_late(struct connection *connection) {
    struct request *request = connection->request;
    if (connection->out.size > connection->out_at) { // nothing of it was taken
        connection_close(connection);
        return;
    }
    if (request->head_out) buf_add_text(&connection->out, ": ping\n\n");
    connection_deadline(connection, PING_MS);
    connection_run(connection);
}

bool answer_abandon(struct connection *connection) {
    struct request *request = connection->request;
    if (!request || request->abandoned) return false;
    flow_answer_close(request->answer);
    request->answer = NULL;
    request->abandoned = atomic_load(&request->news_posted);
    return request->abandoned;
}
