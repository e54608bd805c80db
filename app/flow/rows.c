// Rows of a table as JSON, a page at a time. Cells of direct columns, and cells in which personal
// data is found, are hidden unless asked for (which leaves a trace).
#include "base/file.h"
#include "data/cleanse/cleanse.h"
#include "flow/flow_private.h"

enum { CELL_SHOWN_BYTES = 4096 }; // of one cell on a page; the whole is in the download

#define HIDDEN STR("•••")

static bool hides(const struct rows_page *page, uint32_t column, struct str text) {
    if (page->reveal) return false;
    const struct revision_column *known = &page->columns[column];
    // A treated direct column holds pseudonyms: they are what may be seen.
    if (known->role == COLUMN_DIRECT && !treatment_conceals(known->treatment)) return true;
    struct personal_hit hit;
    return personal_scan(text, PERSONAL_IDENTIFIERS, &hit, 1) > 0;
}

static struct str cut(struct str text) {
    if (text.size <= CELL_SHOWN_BYTES) return text;
    size_t keep = CELL_SHOWN_BYTES;
    while (keep > 0 && ((unsigned char)text.data[keep] & 0xC0) == 0x80) keep--;
    return (struct str){text.data, keep};
}

static enum err row_write(struct json_writer *out, const struct batch *batch, uint32_t row,
                          const struct rows_page *page, struct buf *scratch) {
    json_open_array(out);
    for (uint32_t i = 0; i < page->column_count; i++) {
        if (!column_valid(&batch->columns[i], row)) {
            json_put_null(out);
            continue;
        }
        buf_clear(scratch);
        column_write(scratch, &batch->columns[i], row);
        struct str text = buf_str(scratch);
        json_put_text(out, hides(page, i, text) ? HIDDEN : cut(text));
    }
    json_close_array(out);
    return buf_err(scratch);
}

static enum err page_write(struct call *call, struct table *table, const struct rows_page *page,
                           struct arena *arena) {
    struct buf scratch;
    buf_open(&scratch, 2 * LIMIT_CELL_BYTES);
    uint64_t total = table_rows(table);
    uint64_t left = page->first < total ? total - page->first : 0;
    uint64_t end = page->first + (left < page->size ? left : page->size);
    enum err err = OK;
    for (uint64_t row = page->first; row < end && err == OK;) {
        struct batch batch;
        arena_reset(arena);
        err = table_batch(table, table_batch_of_row(table, row), arena, &batch, call->fault);
        for (; err == OK && row < end && row - batch.first_row < batch.row_count; row++) {
            err = row_write(call->out, &batch, (uint32_t)(row - batch.first_row), page, &scratch);
        }
    }
    buf_close(&scratch);
    return err;
}

enum err rows_write(struct call *call, const char *table_path, const struct rows_page *page) {
    struct table *table;
    struct arena *arena;
    enum err err = table_open(table_path, &table, call->fault);
    if (err != OK) return err;
    if (table_schema(table)->count != page->column_count) {
        table_close(table);
        return fault_set(call->fault, ERR_CORRUPT, "table.damaged", STR_NONE);
    }
    err = arena_open(SCRATCH_BYTES, &arena);
    if (err != OK) {
        table_close(table);
        return err;
    }
    struct json_writer *out = call->out;
    json_open_object(out);
    json_put_name(out, "columns");
    view_columns(out, page->columns, page->column_count);
    json_put_name(out, "rows");
    json_open_array(out);
    err = page_write(call, table, page, arena);
    json_close_array(out);
    json_set_u64(out, "total", table_rows(table));
    json_set_bool(out, "hidden", !page->reveal);
    json_close_object(out);
    arena_close(arena);
    table_close(table);
    return err == OK ? answer_end(call) : err;
}
