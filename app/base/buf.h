// A growing byte buffer with a cap it is born with. Owns its bytes (buf_close gives them back).
// Errors are sticky: after the first failed append everything is ignored and buf_err tells, so a
// writer checks once at its end. Not shared between threads.
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct buf {
    char *data;
    size_t size;
    size_t room;
    size_t cap_bytes; // never grows beyond this: ERR_LIMIT
    enum err err;
};

void buf_open(struct buf *buf, size_t cap_bytes); // takes no memory yet
void buf_close(struct buf *buf);                  // leaves an empty buf with the same cap
void buf_clear(struct buf *buf);                  // size 0, keeps the memory
void buf_add(struct buf *buf, const void *data, size_t size);
void buf_add_str(struct buf *buf, struct str s);
void buf_add_text(struct buf *buf, const char *c_string);
void buf_add_char(struct buf *buf, char c);
void buf_add_u64(struct buf *buf, uint64_t value); // decimal
void buf_add_i64(struct buf *buf, int64_t value);
// Shortest decimal that reads back as the same double ("0.1", "1e+300"); NaN and infinities as
// "NaN", "inf", "-inf".
void buf_add_double(struct buf *buf, double value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Room for `size` more bytes to be filled by the caller, who then adds to buf->size; NULL on error.
char *buf_reserve(struct buf *buf, size_t size);
// The bytes so far; valid until the next append.
struct str buf_str(const struct buf *buf);
enum err buf_err(const struct buf *buf) MUST_USE;
