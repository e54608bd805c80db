// Standard input by lines.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/cli_private.h"

enum { READ_BYTES = 1 << 16 };

struct reading {
    const struct line_taker *taker;
    struct buf line; // what there is of it so far
    bool cut;
    struct fault *fault;
};

static enum err line_end(struct reading *r) {
    struct str line = buf_str(&r->line);
    if (r->cut) { // not within a character
        size_t tail = line.size < 4 ? line.size : 4;
        line.size -= tail;
        line.size += utf8_valid_prefix((struct str){line.data + line.size, tail});
    }
    if (line.size > 0 && line.data[line.size - 1] == '\r') line.size--;
    enum err err = r->taker->line(r->taker->ctx, line, r->cut, r->fault);
    buf_clear(&r->line);
    r->cut = false;
    return err == OK ? buf_err(r->taker->out) : err;
}

static enum err part_take(struct reading *r, const char *data, size_t size) {
    enum err err = OK;
    while (size > 0 && err == OK) {
        const char *end = memchr(data, '\n', size);
        size_t part = end ? (size_t)(end - data) : size;
        size_t room = r->taker->most_bytes - r->line.size, kept = part < room ? part : room;
        buf_add(&r->line, data, kept);
        r->cut |= kept < part;
        err = buf_err(&r->line);
        if (end && err == OK) err = line_end(r);
        data += part + (end != NULL);
        size -= part + (end != NULL);
    }
    return err;
}

static enum err out_flush(struct reading *r) {
    struct str out = buf_str(r->taker->out);
    enum err err = out.size ? file_write_all(STDOUT_FILENO, out.data, out.size, r->fault) : OK;
    buf_clear(r->taker->out);
    return err;
}

enum err lines_of_input(const struct line_taker *taker, struct fault *fault) {
    struct reading r = {.taker = taker, .fault = fault};
    char *data = memory_take(READ_BYTES);
    enum err err = data ? OK : ERR_MEMORY;
    buf_open(&r.line, taker->most_bytes);
    while (err == OK) {
        ssize_t size = read(STDIN_FILENO, data, READ_BYTES);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) err = fault_set(fault, ERR_IO, "cli.input_read", str_of(strerror(errno)));
        if (size <= 0) break;
        err = part_take(&r, data, (size_t)size);
        enum err flushed = out_flush(&r); // the lines before one that cannot be answered, too
        if (err == OK) err = flushed;
    }
    if (err == OK && (r.line.size || r.cut)) err = line_end(&r);
    if (err == OK) err = out_flush(&r);
    buf_close(&r.line);
    memory_give(data);
    return err;
}
