#include "flow/steps/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"

enum { READ_BYTES = 64 << 10, HEAD_BYTES = 4 };

void talk_open(struct talk *talk, int fd) {
    *talk = (struct talk){.fd = fd};
    buf_open(&talk->in, 2 * (size_t)TALK_BYTES_MAX);
    buf_open(&talk->out, 4 * (size_t)TALK_BYTES_MAX);
}

void talk_close(struct talk *talk) {
    if (talk->fd >= 0) close(talk->fd);
    talk->fd = -1;
    buf_close(&talk->in);
    buf_close(&talk->out);
    talk->in_at = talk->out_at = 0;
}

bool talk_read(struct talk *talk) {
    struct buf *in = &talk->in;
    if (talk->in_at > 0) { // what was taken makes room
        in->size -= talk->in_at;
        memmove(in->data, in->data + talk->in_at, in->size);
        talk->in_at = 0;
    }
    while (in->size < TALK_BYTES_MAX) {
        char *room = buf_reserve(in, READ_BYTES);
        if (!room) return false;
        ssize_t got = recv(talk->fd, room, READ_BYTES, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno == EAGAIN;
        if (got == 0) return false;
        in->size += (size_t)got;
    }
    return true;
}

enum err talk_take(struct talk *talk, struct str *out) {
    size_t there = talk->in.size - talk->in_at;
    if (there < HEAD_BYTES) return ERR_NOT_FOUND;
    const uint8_t *head = (const uint8_t *)talk->in.data + talk->in_at;
    size_t size =
        (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    if (size > TALK_BYTES_MAX - HEAD_BYTES) return ERR_INPUT;
    if (there < HEAD_BYTES + size) return ERR_NOT_FOUND;
    *out = (struct str){(const char *)head + HEAD_BYTES, size};
    talk->in_at += HEAD_BYTES + size;
    return OK;
}

void talk_put(struct talk *talk, struct str frame) {
    if (frame.size > TALK_BYTES_MAX - HEAD_BYTES) {
        talk->out.err = ERR_LIMIT;
        return;
    }
    for (int shift = 0; shift < 32; shift += 8) {
        buf_add_char(&talk->out, (char)(uint8_t)(frame.size >> shift));
    }
    buf_add_str(&talk->out, frame);
}

bool talk_waits(const struct talk *talk) {
    return talk->out_at < talk->out.size;
}

bool talk_write(struct talk *talk) {
    if (buf_err(&talk->out) != OK) return false;
    while (talk_waits(talk)) {
        ssize_t sent = send(talk->fd, talk->out.data + talk->out_at, talk->out.size - talk->out_at,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return errno == EAGAIN;
        talk->out_at += (size_t)sent;
    }
    buf_clear(&talk->out);
    talk->out_at = 0;
    return true;
}

// By the folder's descriptor, whose name in /proc is short.
static int address_of(const char *folder, struct sockaddr_un *out, int *out_folder) {
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -1;
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/serve", fd);
    *out_folder = fd;
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int talk_listen(const char *folder) {
    struct sockaddr_un address;
    int folder_fd = -1, fd = address_of(folder, &address, &folder_fd);
    if (fd >= 0) {
        unlink(address.sun_path); // of an attempt before
        if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4) != 0) {
            close(fd);
            fd = -1;
        }
    }
    if (folder_fd >= 0) close(folder_fd);
    return fd;
}

int talk_connect(const char *folder) {
    struct sockaddr_un address;
    int folder_fd = -1, fd = address_of(folder, &address, &folder_fd);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        fd = -1;
    }
    if (folder_fd >= 0) close(folder_fd);
    return fd;
}

bool talk_listens(const char *folder) {
    char path[LIMIT_PATH_BYTES];
    return path_join(path, sizeof path, folder, "serve") == OK && file_exists(path);
}
