// What uploads, downloads and the backup share: see transfer.c and backup.c.
#pragma once

#include "base/assert.h"
#include "server/server_private.h"

enum { TRANSFER_PIECE_BYTES = 256 * 1024 };

struct piece {
    char *data;
    size_t size;
};

struct transfer {
    struct task task; // first: a task is a transfer
    struct request *request;
    struct connection *connection;
    struct piece pieces[2];
    unsigned filling; // index of the loop's piece (upload) or of the worker's (download)
    bool busy;        // a worker has the task
    bool opened;
    _Atomic bool abandoned; // nobody waits for the answer
    enum err err;
    struct upload *upload; // between flow_upload_begin and _end
    int fd;                // of a download
    uint64_t offset, left;
    bool ready;            // a piece has been read
    struct backup *stream; // of a backup
};

struct backup;
enum next backup_step(struct connection *connection);
bool backup_abandon(struct connection *connection);
void backup_forget(struct backup *backup);
