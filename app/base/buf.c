#include "base/buf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void buf_open(struct buf *buf, size_t cap_bytes) {
    *buf = (struct buf){.cap_bytes = cap_bytes};
}

void buf_close(struct buf *buf) {
    memory_give(buf->data);
    buf_open(buf, buf->cap_bytes);
}

void buf_clear(struct buf *buf) {
    buf->size = 0;
    buf->err = OK;
}

char *buf_reserve(struct buf *buf, size_t size) {
    if (buf->err != OK) return NULL;
    if (size > buf->cap_bytes || buf->size > buf->cap_bytes - size) {
        buf->err = ERR_LIMIT;
        return NULL;
    }
    size_t need = buf->size + size;
    if (need > buf->room || !buf->data) {
        size_t room = buf->room ? buf->room : 256;
        while (room < need) room *= 2;
        if (room > buf->cap_bytes) room = buf->cap_bytes > need ? buf->cap_bytes : need;
        char *data = memory_resize(buf->data, buf->size, room);
        if (!data) {
            buf->err = ERR_MEMORY;
            return NULL;
        }
        buf->data = data;
        buf->room = room;
    }
    return buf->data + buf->size;
}

void buf_add(struct buf *buf, const void *data, size_t size) {
    char *to = buf_reserve(buf, size);
    if (!to || size == 0) return;
    memcpy(to, data, size);
    buf->size += size;
}

void buf_add_str(struct buf *buf, struct str s) {
    buf_add(buf, s.data, s.size);
}

void buf_add_text(struct buf *buf, const char *c_string) {
    buf_add(buf, c_string, strlen(c_string));
}

void buf_add_char(struct buf *buf, char c) {
    buf_add(buf, &c, 1);
}

void buf_add_u64(struct buf *buf, uint64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    buf_add(buf, digits + at, sizeof digits - at);
}

void buf_add_i64(struct buf *buf, int64_t value) {
    if (value < 0) buf_add_char(buf, '-');
    buf_add_u64(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void buf_add_double(struct buf *buf, double value) {
    if (isnan(value)) {
        buf_add_text(buf, "NaN");
        return;
    }
    if (isinf(value)) {
        buf_add_text(buf, value < 0 ? "-inf" : "inf");
        return;
    }
    if (value == 0) {
        buf_add_text(buf, "0");
        return;
    }
    if (fabs(value) < 1e15 && value == floor(value)) {
        buf_add_i64(buf, (int64_t)value);
        return;
    }
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    buf_add_text(buf, text);
}

void buf_printf(struct buf *buf, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    char *to = size < 0 ? NULL : buf_reserve(buf, (size_t)size + 1);
    if (to) {
        vsnprintf(to, (size_t)size + 1, format, again);
        buf->size += (size_t)size;
    }
    va_end(again);
    va_end(args);
}

struct str buf_str(const struct buf *buf) {
    return (struct str){buf->data, buf->size};
}

enum err buf_err(const struct buf *buf) {
    return buf->err;
}
