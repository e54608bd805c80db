#include "data/intake/readers_private.h"

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
}

enum err window_open(struct source *source, struct window *out, struct fault *fault) {
    enum { ROOM_FIRST = 256 << 10 };
    *out = (struct window){.source = source, .data = memory_take(ROOM_FIRST), .room = ROOM_FIRST};
    return out->data ? OK : no_memory(fault);
}

void window_close(struct window *window) {
    memory_give(window->data);
    window->data = NULL;
}

enum err window_more(struct window *window, size_t least, struct fault *fault) {
    size_t left = window->size - window->at;
    if (window->at > 0) memmove(window->data, window->data + window->at, left);
    window->at = 0;
    window->size = left;
    while (!window->ended && !window_full(window) && window->size < left + least) {
        if (window->room - window->size < window->room / 4 && window->room < READER_WINDOW_BYTES) {
            char *data = memory_resize(window->data, window->size, 2 * window->room);
            if (!data) return no_memory(fault);
            window->data = data;
            window->room *= 2;
        }
        size_t room = window->room - window->size, got;
        enum err err = source_text(window->source, window->data + window->size, room, &got, fault);
        if (err) return err;
        window->ended = got == 0;
        window->size += got;
    }
    return OK;
}

void field_put(struct buf *out, struct str text, bool quoted) {
    for (size_t i = 0; i < text.size && !quoted; i++) {
        char c = text.data[i];
        quoted = c == '"' || c == ',' || c == '\n' || c == '\r';
    }
    if (!quoted) {
        buf_add_str(out, text);
        return;
    }
    buf_add_char(out, '"');
    while (text.size > 0) {
        const char *at = memchr(text.data, '"', text.size);
        size_t size = at ? (size_t)(at - text.data) + 1 : text.size;
        buf_add(out, text.data, size);
        if (at) buf_add_char(out, '"');
        text.data += size, text.size -= size;
    }
    buf_add_char(out, '"');
}
