// One array of objects as JSON Lines: only brackets and strings are looked at, the lines themselves
// are checked when they are parsed. White space between tokens is left out.
#include "data/intake/readers_private.h"

struct json_items {
    struct window window;
    uint32_t depth, items_depth; // of brackets; of the array's items, 0: not found yet
    bool in_string, escaped, any;
    char before; // the last byte that is neither blank nor within a string
};

enum err json_items_open(struct source *source, struct json_items **out, struct fault *fault) {
    struct json_items *items = memory_take(sizeof *items);
    if (!items) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    *items = (struct json_items){0};
    enum err err = window_open(source, &items->window, fault);
    if (err)
        json_items_close(items);
    else
        *out = items;
    return err;
}

void json_items_close(struct json_items *items) {
    if (!items) return;
    window_close(&items->window);
    memory_give(items);
}

// Looks for the array: the first one whose first item is an object. Its depth counts brackets of
// both kinds, so that {"data":[{…}]} and {"a":{"rows":[{…}]}} are found alike.
static void seek(struct json_items *items, char c, char before) {
    if (c == '{' && before == '[') items->items_depth = items->depth + 1;
}

static void step(struct json_items *items, char c, struct buf *out) {
    if (items->in_string) {
        if (items->items_depth && items->depth >= items->items_depth) buf_add_char(out, c);
        if (items->escaped)
            items->escaped = false;
        else if (c == '\\')
            items->escaped = true;
        else if (c == '"')
            items->in_string = false;
        return;
    }
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') return;
    if (items->items_depth == 0) seek(items, c, items->before);
    bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';
    items->in_string = c == '"';
    items->depth += opens;
    bool within = items->items_depth && items->depth >= items->items_depth;
    if (within) buf_add_char(out, c);
    if (closes && items->depth > 0) {
        if (items->items_depth && items->depth == items->items_depth) {
            buf_add_char(out, '\n');
            items->any = true;
        }
        items->depth--;
        if (items->items_depth && items->depth + 1 < items->items_depth) {
            items->items_depth = UINT32_MAX; // the array is over; what follows is skipped
        }
    }
    items->before = c;
}

enum err json_items_next(struct json_items *items, struct buf *out, bool *out_ended,
                         struct fault *fault) {
    struct window *window = &items->window;
    enum err err = window_more(window, 64 << 10, fault);
    if (err) return err;
    struct str text = window_text(window);
    size_t start = out->size;
    for (size_t i = 0; i < text.size; i++) {
        step(items, text.data[i], out);
        if (out->size - start > READER_WINDOW_BYTES) {
            return fault_set(fault, ERR_LIMIT, "json_lines.too_long", STR_NONE);
        }
    }
    window->at = window->size;
    *out_ended = window->ended;
    if (*out_ended && !items->any) return fault_set(fault, ERR_INPUT, "json.no_rows", STR_NONE);
    return buf_err(out) ? fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE) : OK;
}
