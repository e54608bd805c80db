#include "model/language/stream.h"

#include <string.h>

#include "base/text.h"

enum { HELD_BYTES_MAX = 1 << 20 };

void text_stream_open(struct text_stream *stream, const struct str *stops, uint32_t count) {
    *stream = (struct text_stream){.stops = stops, .stop_count = count, .stopped_by = -1};
    buf_open(&stream->held, HELD_BYTES_MAX);
}

// How many bytes a character that begins with this byte has; 1: none begins so.
static size_t character_size(uint8_t byte) {
    return byte >= 0xF0 && byte <= 0xF4  ? 4
           : byte >= 0xE0 && byte < 0xF0 ? 3
           : byte >= 0xC2 && byte < 0xE0 ? 2
                                         : 1;
}

// Up to where all characters are whole; what is behind may become one with the next bytes.
static size_t whole_size(struct str text) {
    size_t at = text.size;
    for (size_t back = 1; back <= 3 && back <= text.size; back++) {
        uint8_t byte = (uint8_t)text.data[text.size - back];
        if ((byte & 0xC0) == 0x80) continue;
        if (character_size(byte) > back) at = text.size - back;
        break;
    }
    return at;
}

static void text_put(struct str text, struct buf *out) {
    for (size_t at = 0; at < text.size;) {
        struct str rest = {text.data + at, text.size - at};
        size_t valid = utf8_valid_prefix(rest);
        buf_add(out, rest.data, valid);
        at += valid;
        if (valid == rest.size) return;
        (void)utf8_next(text, &at);
        buf_add_text(out, "\xEF\xBF\xBD");
    }
}

// The stop text that ends first, so that how the bytes came makes no difference: where it begins,
// or the size of what is held.
static size_t stop_find(struct text_stream *stream, struct str held) {
    size_t start = held.size, end = SIZE_MAX;
    for (uint32_t i = 0; i < stream->stop_count; i++) {
        struct str stop = stream->stops[i];
        const char *at = stop.size ? memmem(held.data, held.size, stop.data, stop.size) : NULL;
        if (!at) continue;
        size_t from = (size_t)(at - held.data), to = from + stop.size;
        if (to > end || (to == end && from > start)) continue;
        start = from;
        end = to;
        stream->stopped_by = (int32_t)i;
    }
    return start;
}

// Where the longest end of what is held begins that begins a stop text.
static size_t maybe_find(const struct text_stream *stream, struct str held) {
    size_t first = held.size;
    for (uint32_t i = 0; i < stream->stop_count; i++) {
        struct str stop = stream->stops[i];
        size_t most = stop.size ? stop.size - 1 : 0;
        size_t at = held.size > most ? held.size - most : 0;
        while (at < first && memcmp(held.data + at, stop.data, held.size - at) != 0) at++;
        if (at < first) first = at;
    }
    return first;
}

bool text_stream_put(struct text_stream *stream, struct str bytes, struct buf *out) {
    if (stream->stopped_by >= 0) return true;
    buf_add_str(&stream->held, bytes);
    struct str held = buf_str(&stream->held);
    size_t stop = stop_find(stream, held);
    if (stream->stopped_by >= 0) {
        text_put((struct str){held.data, stop}, out);
        buf_clear(&stream->held);
        return true;
    }
    size_t sure = maybe_find(stream, held), whole = whole_size(held);
    if (whole < sure) sure = whole;
    text_put((struct str){held.data, sure}, out);
    memmove(stream->held.data, held.data + sure, held.size - sure);
    stream->held.size -= sure;
    return false;
}

void text_stream_end(struct text_stream *stream, struct buf *out) {
    if (stream->stopped_by < 0) text_put(buf_str(&stream->held), out);
    buf_close(&stream->held);
}
