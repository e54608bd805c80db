// A table as CSV, as JSON Lines, or its text as lines.
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "data/intake/intake_private.h"
#include "data/intake/readers_private.h"

enum { EXPORT_PIECE_BYTES = 256 << 10 };

// `alone`: the only cell of its record, which must not look like a blank line. Blanks at an end are
// cut off by some readers unless quotes hold them.
static void put_cell(struct buf *out, struct str text, bool alone) {
    bool blank = text.size && (text.data[0] == ' ' || text.data[text.size - 1] == ' ');
    field_put(out, text, blank || (alone && text.size == 0));
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

static void put_object(struct buf *out, const struct schema *schema, const struct batch *batch,
                       uint32_t row) {
    struct json_writer json = json_writer_of(out);
    json_open_object(&json);
    for (uint32_t i = 0; i < schema->count; i++) {
        const struct column *column = &batch->columns[i];
        json_put_name_str(&json, schema->fields[i].name);
        if (!column_valid(column, row)) {
            json_put_null(&json);
        } else if (column->type == COLUMN_TEXT) {
            json_put_text(&json, column_text(column, row));
        } else {
            struct buf cell;
            buf_open(&cell, 256);
            column_write(&cell, column, row);
            if (column->type == COLUMN_DATE || column->type == COLUMN_TIME)
                json_put_text(&json, buf_str(&cell));
            else
                json_put_raw(&json, buf_str(&cell));
            buf_close(&cell);
        }
    }
    json_close_object(&json);
    buf_add_char(out, '\n');
}

static void put_line(struct buf *out, const struct column *column, uint32_t row) {
    struct str text = column_valid(column, row) ? column_text(column, row) : STR_NONE;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '\r' && i + 1 < text.size && text.data[i + 1] == '\n') continue;
        buf_add_char(out, c == '\n' || c == '\r' ? ' ' : c);
    }
    buf_add_char(out, '\n');
}

static enum err text_column(const struct schema *schema, uint32_t *out, struct fault *fault) {
    uint32_t found = UINT32_MAX;
    for (uint32_t i = 0; i < schema->count; i++) {
        if (schema->fields[i].type != COLUMN_TEXT) continue;
        if (str_is(schema->fields[i].name, "text")) {
            *out = i;
            return OK;
        }
        if (found != UINT32_MAX) {
            return fault_set(fault, ERR_INPUT, "export.which_text", schema->fields[i].name);
        }
        found = i;
    }
    if (found == UINT32_MAX) return fault_set(fault, ERR_INPUT, "export.which_text", STR_NONE);
    *out = found;
    return OK;
}

bool export_format_of(const char *path, enum export_format *out) {
    static const struct {
        const char *ending;
        enum export_format format;
    } known[] = {{".csv", EXPORT_CSV},
                 {".jsonl", EXPORT_JSON_LINES},
                 {".ndjson", EXPORT_JSON_LINES},
                 {".txt", EXPORT_TEXT}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (!str_ends(str_of(path), str_of(known[i].ending))) continue;
        *out = known[i].format;
        return true;
    }
    return false;
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

static void put_header(struct buf *out, const struct schema *schema, enum export_format format) {
    if (format == EXPORT_CSV_MARK) buf_add_text(out, "\xEF\xBB\xBF");
    if (format != EXPORT_CSV && format != EXPORT_CSV_MARK) return;
    for (uint32_t i = 0; i < schema->count; i++) {
        if (i > 0) buf_add_char(out, ',');
        put_cell(out, schema->fields[i].name, false);
    }
    buf_add_text(out, "\r\n");
}

enum err table_export(struct table *table, enum export_format format,
                      enum err (*write)(void *ctx, const void *data, size_t size), void *ctx,
                      struct progress *progress, struct fault *fault) {
    const struct schema *schema = table_schema(table);
    uint32_t text = 0;
    if (format == EXPORT_TEXT) {
        enum err wrong = text_column(schema, &text, fault);
        if (wrong) return wrong;
    }
    struct arena *arena;
    struct buf out;
    enum err err = arena_open(1 << 20, &arena);
    if (err) return fault_set(fault, err, "base.no_memory", STR_NONE);
    // One row is at most as long as a batch's text, each byte escaped by six.
    buf_open(&out, EXPORT_PIECE_BYTES + ((size_t)64 << 20));
    put_header(&out, schema, format);
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
            if (format == EXPORT_JSON_LINES)
                put_object(&out, schema, &batch, row);
            else if (format == EXPORT_TEXT)
                put_line(&out, &batch.columns[text], row);
            else
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
