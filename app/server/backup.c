// The data folder as one archive, streamed while the server runs. The store writes it piece by
// piece on a thread of its own, which waits until the client has taken the last one. One at a time.
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "server/transfer_private.h"

enum {
    FRAME_HEAD_BYTES = 16, // "40000\r\n" of a chunk
    FRAME_TAIL_BYTES = 2,
    BACKUP_PIECE_BYTES = 256 * 1024,
};

struct backup;
struct backup_end {
    struct task task; // first
    struct backup *backup;
};
struct backup {
    struct task task; // first: tells the loop that a piece stands ready
    // That it is over. One of its own: the other may still lie in the inbox.
    struct backup_end end;
    struct connection *connection;
    struct server *server;
    char actor[LIMIT_NAME_BYTES + 1]; // who takes it
    pthread_t thread;
    pthread_mutex_t lock; // protects what follows
    pthread_cond_t taken;
    bool ready;     // a piece stands there, the loop's until it is taken
    bool over;      // the thread posts no more
    bool posted;    // the task lies in the inbox, where it must not be put twice
    bool cancelled; // the client is gone
    enum err err;
    bool chunked;
    char piece[FRAME_HEAD_BYTES + BACKUP_PIECE_BYTES + FRAME_TAIL_BYTES];
    size_t size; // of the piece's payload
    struct str framed;
};

// Puts the chunk's frame around the payload.
static void frame(struct backup *backup) {
    char *payload = backup->piece + FRAME_HEAD_BYTES;
    backup->framed = (struct str){payload, backup->size};
    if (!backup->chunked) return;
    char head[FRAME_HEAD_BYTES];
    int size = snprintf(head, sizeof head, "%zx\r\n", backup->size);
    memcpy(payload - size, head, (size_t)size);
    memcpy(payload + backup->size, "\r\n", 2);
    backup->framed = (struct str){payload - size, backup->size + (size_t)size + 2};
}

// Hands the piece to the loop and waits until it has gone.
static enum err hand_over(struct backup *backup) {
    if (backup->size == 0) return OK;
    frame(backup);
    pthread_mutex_lock(&backup->lock);
    backup->ready = true;
    bool cancelled = backup->cancelled;
    if (!cancelled && !backup->posted) {
        backup->posted = true;
        loop_post(backup->task.loop, &backup->task);
    }
    while (backup->ready && !backup->cancelled) pthread_cond_wait(&backup->taken, &backup->lock);
    cancelled = backup->cancelled;
    pthread_mutex_unlock(&backup->lock);
    backup->size = 0;
    return cancelled ? ERR_CANCELLED : OK;
}

static enum err backup_write(void *ctx, const void *data, size_t size) {
    struct backup *backup = ctx;
    const char *from = data;
    while (size > 0) {
        size_t room = BACKUP_PIECE_BYTES - backup->size;
        size_t part = size < room ? size : room;
        memcpy(backup->piece + FRAME_HEAD_BYTES + backup->size, from, part);
        backup->size += part;
        from += part;
        size -= part;
        if (backup->size == BACKUP_PIECE_BYTES) {
            enum err err = hand_over(backup);
            if (err != OK) return err;
        }
    }
    return OK;
}

static void *backup_main(void *argument) {
    struct backup *backup = argument;
    struct fault fault = {0};
    const struct server *server = backup->server;
    struct str actor = str_of(backup->actor);
    enum err err = server->back.backup(server->store, actor, backup_write, backup, &fault);
    if (err == OK) err = hand_over(backup);
    log_event(err == OK ? LOG_INFO : LOG_WARN, "server.backup", "err=%s code=%s", err_name(err),
              fault.code);
    pthread_mutex_lock(&backup->lock);
    backup->err = err;
    backup->over = true;
    pthread_mutex_unlock(&backup->lock);
    // The loop joins this thread; after this line it touches nothing.
    loop_post(backup->task.loop, &backup->end.task);
    return NULL;
}

static void piece_done(struct task *task) {
    struct backup *backup = (struct backup *)task;
    pthread_mutex_lock(&backup->lock);
    backup->posted = false;
    pthread_mutex_unlock(&backup->lock);
    connection_run(backup->connection); // nothing if it is gone
}

static void backup_over(struct task *task) {
    struct backup *backup = ((struct backup_end *)task)->backup;
    struct connection *connection = backup->connection;
    pthread_join(backup->thread, NULL);
    atomic_store(&backup->server->backups, 0);
    connection->transfer->busy = false;
    if (connection->gone) {
        connection_release(connection);
    } else {
        connection_run(connection);
    }
}

void backup_forget(struct backup *backup) {
    pthread_cond_destroy(&backup->taken);
    pthread_mutex_destroy(&backup->lock);
    memory_give(backup);
}

enum next backup_step(struct connection *connection) {
    struct transfer *transfer = connection->transfer;
    struct backup *backup = transfer->stream;
    pthread_mutex_lock(&backup->lock);
    if (transfer->ready) { // what was handed out has been sent
        transfer->ready = false;
        backup->ready = false;
        pthread_cond_signal(&backup->taken);
    }
    bool ready = backup->ready, over = backup->over;
    pthread_mutex_unlock(&backup->lock);
    if (ready) {
        connection->tail = backup->framed;
        connection->tail_at = 0;
        transfer->ready = true;
        return NEXT_AGAIN;
    }
    if (!over || transfer->busy) return NEXT_PARK;
    if (backup->err != OK) return NEXT_CLOSE; // cut short: the client sees no last chunk
    if (backup->chunked) buf_add_text(&connection->out, "0\r\n\r\n");
    transfer_close(transfer);
    connection->transfer = NULL;
    connection->state = CONNECTION_WRITE;
    return NEXT_AGAIN;
}

bool backup_abandon(struct connection *connection) {
    struct backup *backup = connection->transfer->stream;
    pthread_mutex_lock(&backup->lock);
    backup->cancelled = true;
    pthread_cond_signal(&backup->taken);
    pthread_mutex_unlock(&backup->lock);
    return connection->transfer->busy;
}

static struct backup *backup_open(struct request *request) {
    struct backup *backup = memory_take(sizeof *backup);
    if (!backup) return NULL;
    backup->connection = request->connection;
    backup->server = request->server;
    (void)str_copy(backup->actor, sizeof backup->actor, request->call.actor.name);
    backup->task.loop = request->connection->loop;
    backup->task.done = piece_done;
    backup->end.task.loop = backup->task.loop;
    backup->end.task.done = backup_over;
    backup->end.backup = backup;
    backup->chunked = !request->head.minor_zero;
    pthread_mutex_init(&backup->lock, NULL);
    pthread_cond_init(&backup->taken, NULL);
    return backup;
}

static void backup_head(struct request *request) {
    struct connection *connection = request->connection;
    struct buf *fields = &request->fields;
    buf_add_text(fields, "Cache-Control: no-store\r\n"
                         "Content-Disposition: attachment; filename=\"courtyard-backup.tar\"\r\n");
    if (request->head.minor_zero) {
        connection->last = true;
    } else {
        buf_add_text(fields, "Transfer-Encoding: chunked\r\n");
    }
    respond_head(request, 200, "application/x-tar", SIZE_UNKNOWN);
    connection_answer(connection, false);
}

void backup_begin(struct request *request) {
    struct connection *connection = request->connection;
    if (request->head.method == HTTP_HEAD) {
        backup_head(request);
        return;
    }
    if (atomic_exchange(&request->server->backups, 1) != 0) {
        request_refuse(request, 423, "server.backup_running", "");
        return;
    }
    struct transfer *transfer = memory_take(sizeof *transfer);
    struct backup *backup = backup_open(request);
    if (transfer && backup) {
        *transfer = (struct transfer){
            .fd = -1, .request = request, .connection = connection, .stream = backup, .busy = true};
        connection->transfer = transfer;
        if (pthread_create(&backup->thread, NULL, backup_main, backup) == 0) {
            backup_head(request);
            connection->state = CONNECTION_SEND;
            return;
        }
        connection->transfer = NULL;
    }
    if (backup) backup_forget(backup);
    memory_give(transfer);
    atomic_store(&request->server->backups, 0);
    request_refuse(request, 503, "base.no_memory", "");
}
