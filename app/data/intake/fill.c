// Cuts the text into chunks of whole records. Where a chunk ends depends on the file alone, so the
// table is the same whatever number of threads parses the chunks.
#include <string.h>

#include "base/assert.h"
#include "data/intake/intake_private.h"

static const struct dialect lines = {.delimiter = '\n', .newline = '\n'};

static const struct dialect *dialect_of(const struct filler *filler) {
    return filler->plan->format == FORMAT_JSON_LINES ? &lines : &filler->plan->dialect;
}

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
}

// More than RECORD_BYTES_MAX without an end.
static enum err too_long(const struct filler *filler, struct fault *fault) {
    switch (filler->plan->format) {
    case FORMAT_JSON_LINES: return fault_set(fault, ERR_LIMIT, "json_lines.too_long", STR_NONE);
    case FORMAT_TEXT: return fault_set(fault, ERR_LIMIT, "text.line_too_long", STR_NONE);
    default: return fault_set(fault, ERR_LIMIT, "csv.record_too_long", STR_NONE);
    }
}

static enum err grow_text(struct chunk *chunk, size_t room, struct fault *fault) {
    room += TEXT_SLACK;
    if (room <= chunk->room) return OK;
    if (room < 2 * chunk->room) room = 2 * chunk->room;
    char *text = memory_resize(chunk->text, chunk->size, room);
    if (!text) return no_memory(fault);
    memset(text + chunk->size, 0, room - chunk->size);
    chunk->text = text;
    chunk->room = room;
    return OK;
}

// Scans text[from..size) and adds what ends there.
static enum err scan_on(struct chunk *chunk, const struct dialect *dialect, enum scan_state *state,
                        size_t from, size_t to, struct fault *fault) {
    while (from < to) {
        size_t piece = to - from < DECODE_BYTES ? to - from : DECODE_BYTES;
        if (chunk->end_room - chunk->end_count < piece + SCAN_SLACK) {
            size_t room = chunk->end_room + chunk->end_room / 2 + piece + SCAN_SLACK;
            uint32_t *ends =
                memory_resize(chunk->ends, chunk->end_count * sizeof *ends, room * sizeof *ends);
            if (!ends) return no_memory(fault);
            chunk->ends = ends;
            chunk->end_room = room;
        }
        chunk->end_count += csv_scan(dialect, state, chunk->text + from, piece, (uint32_t)from,
                                     chunk->ends + chunk->end_count);
        from += piece;
    }
    return OK;
}

// Index behind the last end that ends a record; 0 if there is none.
static size_t whole_ends(const struct chunk *chunk, char newline) {
    size_t count = chunk->end_count;
    while (count > 0 && chunk->text[chunk->ends[count - 1]] != newline) count--;
    return count;
}

// A quote was opened in the last record and never closed: that record's first line is read without
// quotes, and what follows it anew.
static enum err close_quote(struct filler *filler, struct chunk *chunk, enum scan_state *state,
                            struct fault *fault) {
    const struct dialect *dialect = dialect_of(filler);
    struct dialect plain = *dialect;
    plain.has_quote = false;
    if (++filler->unclosed > UNCLOSED_QUOTES_MAX) {
        return fault_set(fault, ERR_INPUT, "csv.too_many_unclosed_quotes", STR_NONE);
    }
    chunk->end_count = whole_ends(chunk, dialect->newline);
    size_t start = chunk->end_count ? chunk->ends[chunk->end_count - 1] + (size_t)1 : 0;
    const char *newline = memchr(chunk->text + start, dialect->newline, chunk->size - start);
    if (!newline && !filler->source_ended) return too_long(filler, fault);
    size_t next = newline ? (size_t)(newline - chunk->text) + 1 : chunk->size;
    *state = SCAN_FIELD_START;
    enum err err = scan_on(chunk, &plain, state, start, next, fault);
    if (err || !newline) return err;
    *state = SCAN_FIELD_START;
    return scan_on(chunk, dialect, state, next, chunk->size, fault);
}

// Reads until the chunk is full and holds a whole record, or the source ends.
static enum err read_on(struct filler *filler, struct chunk *chunk, enum scan_state *state,
                        struct fault *fault) {
    const struct dialect *dialect = dialect_of(filler);
    const size_t piece_room = 3 * (size_t)DECODE_BYTES + 8;
    while (!filler->source_ended) {
        bool record = whole_ends(chunk, dialect->newline) > 0;
        if (chunk->size >= CHUNK_BYTES && record) break;
        if (chunk->size >= RECORD_BYTES_MAX) break;
        if (progress_cancelled(filler->progress)) {
            return fault_set(fault, ERR_CANCELLED, "intake.cancelled", STR_NONE);
        }
        enum err err = grow_text(chunk, chunk->size + piece_room + 1, fault);
        if (err) return err;
        size_t got;
        err = feed_text(filler->feed, chunk->text + chunk->size, piece_room, &got, fault);
        if (err) return err;
        filler->source_ended = got == 0;
        size_t from = chunk->size;
        chunk->size += got;
        err = scan_on(chunk, dialect, state, from, chunk->size, fault);
        if (err) return err;
    }
    return OK;
}

// The last record of the file may have no newline: it gets one.
static enum err finish(struct filler *filler, struct chunk *chunk, enum scan_state *state,
                       struct fault *fault) {
    const struct dialect *dialect = dialect_of(filler);
    size_t ends = whole_ends(chunk, dialect->newline);
    size_t start = ends ? chunk->ends[ends - 1] + (size_t)1 : 0;
    if (start == chunk->size) return OK;
    enum err err = grow_text(chunk, chunk->size + 1, fault);
    if (err) return err;
    chunk->text[chunk->size++] = dialect->newline;
    err = scan_on(chunk, dialect, state, chunk->size - 1, chunk->size, fault);
    while (!err && *state == SCAN_QUOTED) err = close_quote(filler, chunk, state, fault);
    return err;
}

static enum err hold(struct filler *filler, const char *text, size_t size, struct fault *fault) {
    if (size > filler->held_room) {
        char *held = memory_take(size + size / 2);
        if (!held) return no_memory(fault);
        memory_give(filler->held);
        filler->held = held;
        filler->held_room = size + size / 2;
    }
    if (size) memcpy(filler->held, text, size);
    filler->held_size = size;
    return OK;
}

enum err filler_next(struct filler *filler, struct chunk *chunk, struct fault *fault) {
    const struct dialect *dialect = dialect_of(filler);
    enum scan_state state = SCAN_FIELD_START;
    chunk->size = chunk->end_count = 0;
    chunk->first = !filler->started;
    filler->started = true;
    enum err err = grow_text(chunk, filler->held_size + 1, fault);
    if (err) return err;
    if (filler->held_size) memcpy(chunk->text, filler->held, filler->held_size);
    chunk->size = filler->held_size;
    filler->held_size = 0;
    err = scan_on(chunk, dialect, &state, 0, chunk->size, fault);
    if (!err) err = read_on(filler, chunk, &state, fault);
    if (err) return err;
    if (filler->source_ended) err = finish(filler, chunk, &state, fault);
    while (!err && whole_ends(chunk, dialect->newline) == 0 && chunk->size > 0) {
        if (state != SCAN_QUOTED) {
            err = too_long(filler, fault);
        } else {
            err = close_quote(filler, chunk, &state, fault);
        }
    }
    if (err) return err;
    uint64_t invalid = feed_invalid(filler->feed);
    bool new_invalid = invalid != filler->invalid_before;
    chunk->has_invalid = new_invalid || filler->held_invalid;
    filler->held_invalid = new_invalid;
    filler->invalid_before = invalid;
    chunk->bytes_read = feed_bytes_read(filler->feed);
    chunk->end_count = whole_ends(chunk, dialect->newline);
    size_t size = chunk->end_count ? chunk->ends[chunk->end_count - 1] + (size_t)1 : 0;
    err = hold(filler, chunk->text + size, chunk->size - size, fault);
    chunk->size = size;
    return err;
}
