// A table as CSV.
#include <string.h>

#include "base/buf.h"
#include "data/intake/intake_private.h"

enum { EXPORT_PIECE_BYTES = 256 << 10 };

// Quotes only what needs them. `alone`: the only cell of its record, which must not look like a
// blank line.
static void put_cell(struct buf *out, struct str text, bool alone) {
    bool quotes = alone && text.size == 0;
    if (text.size && (text.data[0] == ' ' || text.data[text.size - 1] == ' ')) quotes = true;
    for (size_t i = 0; i < text.size && !quotes; i++) {
        char c = text.data[i];
        quotes = c == '"' || c == ',' || c == '\n' || c == '\r';
    }
    if (!quotes) {
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

static void put_row(struct buf *out, const struct batch *batch, uint32_t columns, uint32_t row) {
    for (uint32_t i = 0; i < columns; i++) {
        const struct column *column = &batch->columns[i];
        if (i > 0) buf_add_char(out, ',');
        if (column->type == COLUMN_TEXT && column_valid(column, row)) {
            put_cell(out, column_text(column, row), columns == 1);
        } else if (columns == 1 && !column_valid(column, row)) {
            put_cell(out, STR_NONE, true);
        } else {
            column_write(out, column, row);
        }
    }
    buf_add_text(out, "\r\n");
}

static enum err hand_on(struct buf *out, size_t least,
                        enum err (*write)(void *ctx, const void *data, size_t size), void *ctx,
                        struct fault *fault) {
    enum err err = buf_err(out);
    if (err) return fault_set(fault, err, "base.no_memory", STR_NONE);
    if (out->size < least) return OK;
    err = write(ctx, out->data, out->size);
    buf_clear(out);
    return err;
}

enum err table_export_csv(struct table *table, bool byte_order_mark,
                          enum err (*write)(void *ctx, const void *data, size_t size), void *ctx,
                          struct progress *progress, struct fault *fault) {
    const struct schema *schema = table_schema(table);
    struct arena *arena;
    struct buf out;
    enum err err = arena_open(1 << 20, &arena);
    if (err) return fault_set(fault, err, "base.no_memory", STR_NONE);
    // One row is at most as long as a batch's text, doubled by quotes.
    buf_open(&out, EXPORT_PIECE_BYTES + ((size_t)64 << 20));
    if (byte_order_mark) buf_add_text(&out, "\xEF\xBB\xBF");
    for (uint32_t i = 0; i < schema->count; i++) {
        if (i > 0) buf_add_char(&out, ',');
        put_cell(&out, schema->fields[i].name, false);
    }
    buf_add_text(&out, "\r\n");
    progress_set(progress, PHASE_WRITE, 0, table_rows(table));
    for (uint32_t b = 0; b < table_batches(table) && !err; b++) {
        struct batch batch;
        if (progress_cancelled(progress)) {
            err = fault_set(fault, ERR_CANCELLED, "intake.cancelled", STR_NONE);
            break;
        }
        arena_reset(arena);
        err = table_batch(table, b, arena, &batch, fault);
        for (uint32_t row = 0; !err && row < batch.row_count; row++) {
            put_row(&out, &batch, schema->count, row);
            err = hand_on(&out, EXPORT_PIECE_BYTES, write, ctx, fault);
        }
        if (!err) {
            progress_set(progress, PHASE_WRITE, batch.first_row + batch.row_count,
                         table_rows(table));
        }
    }
    if (!err) err = hand_on(&out, 1, write, ctx, fault);
    buf_close(&out);
    arena_close(arena);
    return err;
}
