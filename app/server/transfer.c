// Uploads and downloads of any size in constant memory: two pieces each. While a worker writes or
// reads one, the loop fills or sends the other; when both are taken, the connection is not watched,
// and TCP holds the client back.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "server/transfer_private.h"

static struct transfer *transfer_open(struct request *request) {
    struct transfer *transfer = memory_take(sizeof *transfer);
    if (!transfer) return NULL;
    transfer->fd = -1;
    transfer->pieces[0].data = memory_take(TRANSFER_PIECE_BYTES);
    transfer->pieces[1].data = memory_take(TRANSFER_PIECE_BYTES);
    if (!transfer->pieces[0].data || !transfer->pieces[1].data) {
        transfer_close(transfer);
        return NULL;
    }
    transfer->request = request;
    transfer->connection = request->connection;
    transfer->task.loop = request->connection->loop;
    transfer->task.class = TASK_TRANSFER;
    request->connection->transfer = transfer;
    return transfer;
}

void transfer_close(struct transfer *transfer) {
    if (!transfer) return;
    if (transfer->fd >= 0) close(transfer->fd);
    memory_give(transfer->pieces[0].data);
    memory_give(transfer->pieces[1].data);
    if (transfer->stream) backup_forget(transfer->stream);
    memory_give(transfer);
}

bool transfer_busy(const struct transfer *transfer) {
    if (!transfer || !transfer->busy) return false;
    // The backup's thread is always busy; while a piece is being sent, the client is waited for.
    return !transfer->stream || !transfer->ready;
}

// A transfer may always wait for a worker: connections bound how many there are.
static void give(struct transfer *transfer, void (*run)(struct task *),
                 void (*done)(struct task *)) {
    transfer->task.run = run;
    transfer->task.done = done;
    transfer->busy = true;
    enum err err = workers_give(transfer->request->server->workers, &transfer->task);
    cy_assert(err == OK);
}

static void drop(struct connection *connection) {
    transfer_close(connection->transfer);
    connection->transfer = NULL;
}

// ---- uploads ------------------------------------------------------------------------------------

static void upload_done(struct task *task);

static void upload_open_run(struct task *task) {
    struct transfer *transfer = (struct transfer *)task;
    struct request *request = transfer->request;
    const struct call *call = &request->call;
    uint64_t offset = 0;
    transfer->err = call_query_u64(call, "offset", 0, INT64_MAX, 0, &offset);
    if (transfer->err == OK) {
        transfer->err =
            request->server->back.upload_begin(request->server->flow, &call->actor, call->id,
                                               offset, &transfer->upload, &request->fault);
    }
}

static void upload_add_run(struct task *task) {
    struct transfer *transfer = (struct transfer *)task;
    struct piece *piece = &transfer->pieces[!transfer->filling];
    if (transfer->err == OK && piece->size) {
        transfer->err = transfer->request->server->back.upload_add(
            transfer->upload, piece->data, piece->size, &transfer->request->fault);
    }
    piece->size = 0;
}

// The last of it: what is left, the end, and the upload as it now stands for the answer.
static void upload_end_run(struct task *task) {
    struct transfer *transfer = (struct transfer *)task;
    struct request *request = transfer->request;
    upload_add_run(task);
    uint64_t received = 0;
    // What came before a failure is kept all the same.
    struct fault end_fault = {0};
    const struct server_back *back = &request->server->back;
    enum err err = back->upload_end(transfer->upload, &received, &end_fault);
    transfer->upload = NULL;
    if (transfer->err == OK && err != OK) {
        transfer->err = err;
        request->fault = end_fault;
    }
    if (transfer->err == OK && !transfer->abandoned) {
        request->status = request->route->status;
        request->content_type = "application/json";
        transfer->err = back->upload_show(request->server->flow, &request->call);
    }
}

// Hands the piece that was filled to a worker.
static void upload_hand_over(struct transfer *transfer, bool end) {
    transfer->filling = !transfer->filling;
    give(transfer, end ? upload_end_run : upload_add_run, upload_done);
}

static void upload_finish(struct connection *connection) {
    struct transfer *transfer = connection->transfer;
    struct request *request = transfer->request;
    enum err err = transfer->err;
    drop(connection);
    if (err != OK) {
        request_fail(request, err);
    } else {
        respond_out(request);
    }
}

static void upload_done(struct task *task) {
    struct transfer *transfer = (struct transfer *)task;
    struct connection *connection = transfer->connection;
    transfer->busy = false;
    if (!transfer->upload) { // refused at the start, or ended
        if (connection->gone) {
            connection_release(connection);
            return;
        }
        upload_finish(connection);
    } else if (connection->gone) {
        upload_hand_over(transfer, true);
        return;
    } else if (transfer->err != OK) {
        connection->state = CONNECTION_WORK;
        transfer->pieces[transfer->filling].size = 0;
        upload_hand_over(transfer, true);
    } else if (connection->state == CONNECTION_WORK && !transfer->opened) {
        transfer->opened = true;
        connection->state = CONNECTION_UPLOAD;
        connection->progress_mark = connection->body_left;
        connection_deadline(connection, SERVER_BODY_MS);
        if (transfer->request->head.expects_continue && connection->in_at == connection->in_size) {
            buf_add_text(&connection->out, "HTTP/1.1 100 Continue\r\n\r\n");
        }
    }
    connection_run(connection);
}

void upload_begin(struct request *request) {
    struct transfer *transfer = transfer_open(request);
    if (!transfer) {
        request_refuse(request, 503, "base.no_memory", "");
        return;
    }
    request->connection->state = CONNECTION_WORK;
    give(transfer, upload_open_run, upload_done);
}

enum next upload_step(struct connection *connection) {
    struct transfer *transfer = connection->transfer;
    enum next next = connection_flush(connection); // "100 Continue"
    if (next != NEXT_AGAIN) return next;
    struct piece *piece = &transfer->pieces[transfer->filling];
    while (connection->body_left > 0 && piece->size < TRANSFER_PIECE_BYTES) {
        size_t room = TRANSFER_PIECE_BYTES - piece->size, got = 0;
        if (room > connection->body_left) room = (size_t)connection->body_left;
        next = connection_take(connection, piece->data + piece->size, room, &got);
        if (next != NEXT_AGAIN) return next;
        piece->size += got;
        connection->body_left -= got;
    }
    if (transfer->busy) return NEXT_PARK;
    bool end = connection->body_left == 0;
    if (end) connection->state = CONNECTION_WORK;
    upload_hand_over(transfer, end);
    return NEXT_AGAIN;
}

// ---- downloads ----------------------------------------------------------------------------------

static void download_done(struct task *task);

static void download_run(struct task *task) {
    struct transfer *transfer = (struct transfer *)task;
    struct piece *piece = &transfer->pieces[transfer->filling];
    size_t want =
        transfer->left < TRANSFER_PIECE_BYTES ? (size_t)transfer->left : TRANSFER_PIECE_BYTES;
    piece->size = 0;
    while (piece->size < want) {
        ssize_t got = pread(transfer->fd, piece->data + piece->size, want - piece->size,
                            (off_t)(transfer->offset + piece->size));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            // The head is out already: all that can be done is not to pretend it is whole.
            transfer->err = ERR_IO;
            return;
        }
        piece->size += (size_t)got;
    }
    transfer->offset += piece->size;
    transfer->left -= piece->size;
}

static void download_done(struct task *task) {
    struct transfer *transfer = (struct transfer *)task;
    struct connection *connection = transfer->connection;
    transfer->busy = false;
    transfer->ready = true;
    if (connection->gone) {
        connection_release(connection);
        return;
    }
    connection_run(connection);
}

// Name as RFC 6266 wants it: an ASCII form for old clients, the true one in UTF-8.
static void disposition(struct buf *out, const char *name) {
    buf_add_text(out, "Content-Disposition: attachment; filename=\"");
    for (const char *c = name; *c; c++) {
        bool plain = *c >= 0x20 && *c < 0x7F && *c != '"' && *c != '\\' && *c != '/';
        buf_add_char(out, plain ? *c : '_');
    }
    buf_add_text(out, "\"; filename*=UTF-8''");
    for (const char *c = name; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || *c == '.' || *c == '-' || *c == '_';
        if (plain) {
            buf_add_char(out, *c);
        } else {
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)*c);
        }
    }
    buf_add_text(out, "\r\n");
}

// Head of the answer and what part of the file follows. False: answered already.
static bool download_head(struct request *request, const struct stat *info,
                          struct transfer *transfer) {
    struct buf *fields = &request->fields;
    char etag[48];
    const struct flow_download *download = &request->download;
    uint64_t whole = (uint64_t)info->st_size;
    uint64_t begin = download->part ? download->offset : 0;
    uint64_t size = download->part ? download->size : whole, first = 0, count = size;
    if (begin > whole || size > whole - begin) { // shorter than what was said of it
        request_refuse(request, 500, "server.file_missing", "");
        return false;
    }
    snprintf(etag, sizeof etag, "\"%llx-%llx-%llx\"", (unsigned long long)info->st_ino,
             (unsigned long long)(begin + size), (unsigned long long)info->st_mtime);
    buf_printf(fields, "ETag: %s\r\nAccept-Ranges: bytes\r\nCache-Control: no-store\r\n", etag);
    bool same = !request->head.if_range.data || str_is(request->head.if_range, etag);
    enum http_range range = HTTP_RANGE_NONE;
    if (same) range = http_range_parse(request->head.range, size, &first, &count);
    if (range == HTTP_RANGE_OUTSIDE) {
        buf_printf(fields, "Content-Range: bytes */%llu\r\n", (unsigned long long)size);
        request_refuse(request, 416, "server.bad_range", "");
        return false;
    }
    if (range == HTTP_RANGE_PART) {
        buf_printf(fields, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)first,
                   (unsigned long long)(first + count - 1), (unsigned long long)size);
    }
    disposition(fields, request->download.name);
    respond_head(request, range == HTTP_RANGE_PART ? 206 : 200, request->download.content_type,
                 (int64_t)count);
    transfer->offset = begin + first;
    transfer->left = count;
    return true;
}

void download_begin(struct request *request) {
    struct connection *connection = request->connection;
    struct stat info;
    int fd = open(request->download.path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        if (fd >= 0) close(fd);
        log_event(LOG_ERROR, "server.file_missing", "route=%s", request->route->path);
        request_refuse(request, 500, "server.file_missing", "");
        return;
    }
    struct transfer *transfer = transfer_open(request);
    if (!transfer) {
        close(fd);
        request_refuse(request, 503, "base.no_memory", "");
        return;
    }
    transfer->fd = fd;
    if (!download_head(request, &info, transfer)) {
        drop(connection);
        return;
    }
    connection_answer(connection, false);
    if (request->head.method == HTTP_HEAD || transfer->left == 0) {
        drop(connection);
        return;
    }
    connection->state = CONNECTION_SEND;
    give(transfer, download_run, download_done);
}

// Sends the piece that is ready and has the next one read meanwhile.
enum next send_step(struct connection *connection) {
    enum next next = connection_flush(connection);
    if (next != NEXT_AGAIN) return next;
    struct transfer *transfer = connection->transfer;
    if (transfer->stream) return backup_step(connection);
    if (transfer->busy) return NEXT_PARK;
    if (transfer->err != OK) return NEXT_CLOSE;
    if (!transfer->ready) { // the last piece has gone
        drop(connection);
        connection->state = CONNECTION_WRITE;
        return NEXT_AGAIN;
    }
    struct piece *piece = &transfer->pieces[transfer->filling];
    connection->tail = (struct str){piece->data, piece->size};
    connection->tail_at = 0;
    transfer->ready = false;
    transfer->filling = !transfer->filling;
    if (transfer->left > 0) give(transfer, download_run, download_done);
    return NEXT_AGAIN;
}

bool transfer_abandon(struct connection *connection) {
    struct transfer *transfer = connection->transfer;
    transfer->abandoned = true;
    if (transfer->stream) return backup_abandon(connection);
    if (transfer->busy) return true;
    if (transfer->upload) {
        upload_hand_over(transfer, true);
        return true;
    }
    return false;
}
