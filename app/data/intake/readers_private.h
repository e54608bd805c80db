// Readers: what makes records of CSV or lines of JSON out of a file's text, piece by piece, in
// memory that does not grow with the file. Used by feed.c. Depends on the source. One thread.
#pragma once

#include "data/intake/intake_private.h"

enum {
    // Text a reader holds at once; a paragraph, a file that is one row, a row of an HTML table is
    // shorter.
    READER_WINDOW_BYTES = 8 << 20,
};
// A piece of UTF-8 text that grows at its end and is eaten from its front.
struct window {
    struct source *source; // the caller's
    char *data;
    size_t at, size, room; // room grows up to READER_WINDOW_BYTES
    bool ended;
};
enum err window_open(struct source *source, struct window *out, struct fault *fault) MUST_USE;
void window_close(struct window *window);
// Reads until there are `least` bytes more than before, the source ends or the window is full.
enum err window_more(struct window *window, size_t least, struct fault *fault) MUST_USE;
static inline struct str window_text(const struct window *window) {
    return (struct str){window->data + window->at, window->size - window->at};
}
static inline bool window_full(const struct window *window) {
    return window->size - window->at > READER_WINDOW_BYTES - 4 * SOURCE_ROOM_MIN;
}

// One field of CSV (',' and '"'), quoted if it must be or if `quoted`: an empty one that stands
// alone in its record would be a blank line.
void field_put(struct buf *out, struct str text, bool quoted);

// One array of objects, or an object with one inside, as JSON Lines.
struct json_items;
enum err json_items_open(struct source *source, struct json_items **out,
                         struct fault *fault) MUST_USE;
void json_items_close(struct json_items *items);
enum err json_items_next(struct json_items *items, struct buf *out, bool *out_ended,
                         struct fault *fault) MUST_USE;

// Text as records: a paragraph (blank lines between) or all of it is one, with "text" as header;
// of many members of an archive, with "source_file" as second column, lines too. `names`: (count)
// of them; NULL: the one source.
struct text_parts;
enum err text_parts_open(const struct zip *zip, const uint32_t *members, uint32_t count,
                         struct source *source, enum intake_rows rows, enum encoding encoding,
                         struct text_parts **out, struct fault *fault) MUST_USE;
void text_parts_close(struct text_parts *parts);
enum err text_parts_next(struct text_parts *parts, struct buf *out, bool *out_ended,
                         struct fault *fault) MUST_USE;
uint64_t text_parts_packed(const struct text_parts *parts);

// One table of an HTML file (or of Excel's XML of 2003) as records; a file without tables as lines
// of text with "text" as header. `table`: from 1; 0: the one with most cells in the window's head.
struct html_rows;
enum err html_rows_open(struct source *source, uint32_t table, uint32_t width,
                        struct html_rows **out, struct fault *fault) MUST_USE;
void html_rows_close(struct html_rows *rows);
enum err html_rows_next(struct html_rows *rows, struct buf *out, bool *out_ended,
                        struct fault *fault) MUST_USE;
uint32_t html_rows_table(const struct html_rows *rows);  // the one that is read; 0: none
uint32_t html_rows_tables(const struct html_rows *rows); // how many the head has
