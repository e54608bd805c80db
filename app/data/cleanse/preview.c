// Before and after side by side: rows and columns keep their places while a recipe runs, so the
// first rows of the table are simply written down twice.
#include <string.h>

#include "data/cleanse/run_private.h"

enum {
    // Operators that must have seen everything see this much of the table for a preview.
    PREVIEW_OBSERVED_ROWS = 100 * 1000,
    PREVIEW_ROWS_MOST = 1000,
    // One cell of a preview; longer ones are cut at a character and end in an ellipsis.
    PREVIEW_CELL_BYTES = 2000,
    // Of so many cells it is told which line changed them; each is looked at after every line.
    PREVIEW_WATCHED_CELLS = 200 * 1000,
};

static void write_cell(struct json_writer *out, const struct column *column, uint32_t row,
                       struct buf *scratch) {
    if (!column_valid(column, row)) {
        json_put_null(out);
        return;
    }
    buf_clear(scratch);
    column_write(scratch, column, row);
    struct str text = buf_str(scratch);
    if (text.size > PREVIEW_CELL_BYTES) {
        size_t keep = PREVIEW_CELL_BYTES;
        while (keep > 0 && ((uint8_t)text.data[keep] & 0xC0) == 0x80) keep--;
        scratch->size = keep;
        buf_add_text(scratch, "…");
        text = buf_str(scratch);
    }
    json_put_text(out, text);
}

static void write_columns(struct json_writer *out, const struct bound_recipe *bound) {
    json_put_name(out, "columns");
    json_open_array(out);
    for (uint32_t i = 0; i < bound->after.count; i++) {
        const struct plan_column *before = &bound->before.columns[i];
        const struct plan_column *after = &bound->after.columns[i];
        json_open_object(out);
        json_set_text(out, "name", before->name);
        json_set_text(out, "type", str_of(column_type_name(before->type)));
        json_set_text(out, "type_after", str_of(column_type_name(after->type)));
        json_set_text(out, "role", str_of(column_role_name(after->role)));
        json_set_text(out, "treatment", str_of(treatment_name(after->treatment)));
        json_set_bool(out, "removed", after->removed);
        json_close_object(out);
    }
    json_close_array(out);
}

// ---- which line changed a cell -----------------------------------------------------------------

struct preview {
    struct json_writer writer;
    struct buf scratch;
    const struct run *run;
    uint64_t *marks; // (rows, columns): of the cell as it was last seen; NULL: nobody looks
    uint32_t *lines; // (rows, columns): the last line that changed it; 0: none
};

// FNV-1a over the written value; 0 for a missing one. Two values of one mark would only leave a
// line out of a preview.
static uint64_t cell_mark(const struct column *column, uint32_t row, struct buf *scratch) {
    if (!column_valid(column, row)) return 0;
    buf_clear(scratch);
    column_write(scratch, column, row);
    uint64_t mark = 14695981039346656037u;
    for (size_t i = 0; i < scratch->size; i++) {
        mark = (mark ^ (uint8_t)scratch->data[i]) * 1099511628211u;
    }
    return mark | 1;
}

// Parts hold different rows, so that threads never meet here.
static void preview_watch(void *ctx, const struct part *part, uint32_t step) {
    struct preview *preview = ctx;
    const struct bound *bound = &preview->run->bound.steps[step];
    struct buf scratch;
    buf_open(&scratch, LIMIT_CELL_BYTES);
    for (uint32_t row = 0; row < part->row_count; row++) {
        for (uint32_t i = 0; i < part->column_count; i++) {
            size_t cell = (size_t)(part->first_row + row) * part->column_count + i;
            uint64_t *mark = &preview->marks[cell];
            if (*mark == UINT64_MAX) *mark = cell_mark(&part->before[i], row, &scratch);
            uint64_t now = cell_mark(&part->columns[i], row, &scratch);
            if (now != *mark) preview->lines[cell] = bound->line->number;
            *mark = now;
        }
    }
    buf_close(&scratch);
}

static enum err watch_open(struct preview *preview, struct run *run, uint32_t rows) {
    size_t cells = (size_t)rows * run->bound.before.count;
    preview->run = run;
    if (cells > PREVIEW_WATCHED_CELLS) return OK;
    preview->marks = ARENA_ARRAY(run->arena, uint64_t, cells + 1);
    preview->lines = ARENA_ARRAY(run->arena, uint32_t, cells + 1);
    if (!preview->marks || !preview->lines) return ERR_MEMORY;
    memset(preview->marks, 0xFF, cells * sizeof *preview->marks); // not seen yet
    run->watch = preview_watch;
    run->watch_ctx = preview;
    return OK;
}

static void write_lines(struct preview *preview, const struct part *part, uint32_t row) {
    if (!preview->marks) return;
    const uint32_t *lines = &preview->lines[(size_t)(part->first_row + row) * part->column_count];
    json_put_name(&preview->writer, "lines");
    json_open_array(&preview->writer);
    for (uint32_t i = 0; i < part->column_count; i++) json_put_u64(&preview->writer, lines[i]);
    json_close_array(&preview->writer);
}

// ---- rows --------------------------------------------------------------------------------------

static void write_row(struct preview *preview, const struct run *run, const struct part *part,
                      uint32_t row) {
    struct json_writer *out = &preview->writer;
    const struct plan *plan = &run->bound.after;
    json_open_object(out);
    json_put_name(out, "before");
    json_open_array(out);
    for (uint32_t i = 0; i < part->column_count; i++) {
        write_cell(out, &part->before[i], row, &preview->scratch);
    }
    json_close_array(out);
    uint32_t gone = part->gone[row];
    if (gone) {
        const struct bound *bound = &run->bound.steps[(gone >> 16) - 1];
        json_set_null(out, "after");
        json_set_text(out, "reason", str_of(bound->reasons[gone & 0xFFFF].code));
        json_set_u64(out, "line", bound->line->number);
        json_close_object(out);
        return;
    }
    json_put_name(out, "after");
    json_open_array(out);
    for (uint32_t i = 0; i < part->column_count; i++) {
        if (plan->columns[i].removed) {
            json_put_null(out);
        } else {
            write_cell(out, &part->columns[i], row, &preview->scratch);
        }
    }
    json_close_array(out);
    write_lines(preview, part, row);
    json_close_object(out);
}

static enum err preview_take(void *ctx, struct run *run, struct part *part, uint32_t slot) {
    (void)slot;
    struct preview *preview = ctx;
    for (uint32_t row = 0; row < part->row_count; row++) write_row(preview, run, part, row);
    return buf_err(preview->writer.out);
}

// ---- counts ------------------------------------------------------------------------------------

static void write_counts_head(struct json_writer *out, const struct schema *schema) {
    json_put_name(out, "columns");
    json_open_array(out);
    for (uint32_t i = 0; i < schema->count; i++) {
        json_open_object(out);
        json_set_text(out, "name", schema->fields[i].name);
        json_set_text(out, "type", str_of(column_type_name(schema->fields[i].type)));
        json_close_object(out);
    }
    json_close_array(out);
}

// Rows of the batch, up to PREVIEW_ROWS_MOST of all; returns how many there are so far.
static uint64_t write_counts(struct preview *preview, const struct schema *schema,
                             const struct batch *batch, uint64_t before) {
    struct json_writer *out = &preview->writer;
    for (uint32_t row = 0; row < batch->row_count && before + row < PREVIEW_ROWS_MOST; row++) {
        json_open_array(out);
        for (uint32_t i = 0; i < schema->count; i++) {
            write_cell(out, &batch->columns[i], row, &preview->scratch);
        }
        json_close_array(out);
    }
    return before + batch->row_count;
}

// The rows that a line puts in the place of all others.
static enum err write_shaped(struct preview *preview, struct run *run) {
    struct bound *shaper = run_shaper(run);
    struct json_writer *out = &preview->writer;
    struct schema schema;
    struct batch_builder *builder;
    uint64_t total = 0, rows = table_rows(run->table);
    if (!shaper) return OK;
    enum err err = run_schema(run, &schema);
    if (err == OK) err = batch_builder_open(&schema, &builder);
    if (err != OK) return err;
    json_put_name(out, "counts");
    json_open_object(out);
    write_counts_head(out, &schema);
    json_put_name(out, "rows");
    json_open_array(out);
    do {
        batch_builder_clear(builder);
        err = shaper->operator->rows(shaper, builder);
        if (err != OK || batch_builder_rows(builder) == 0) break;
        struct batch batch = batch_builder_view(builder);
        total = write_counts(preview, &schema, &batch, total);
    } while (true);
    json_close_array(out);
    json_set_u64(out, "total", total);
    json_set_u64(out, "rows_seen", rows < PREVIEW_OBSERVED_ROWS ? rows : PREVIEW_OBSERVED_ROWS);
    if (shaper->operator->members) shaper->operator->members(shaper, out);
    json_close_object(out);
    batch_builder_close(builder);
    return err;
}

enum err cleanse_preview(const char *table_path, const struct recipe *recipe,
                         const struct cleanse_options *options, uint32_t rows, struct buf *out,
                         struct fault *fault) {
    struct run run;
    if (rows == 0 || rows > PREVIEW_ROWS_MOST) rows = PREVIEW_ROWS_MOST;
    enum err err = run_open(table_path, recipe, options, NULL, &run, fault);
    if (err != OK) return err;
    struct preview preview = {.writer = json_writer_of(out)};
    buf_open(&preview.scratch, LIMIT_CELL_BYTES + 8);
    err = run_observe(&run, PREVIEW_OBSERVED_ROWS);
    if (err == OK && watch_open(&preview, &run, rows) != OK) {
        err = fault_set(fault, ERR_MEMORY, "base.no_memory", STR("cleanse"));
    }
    if (err == OK) {
        json_open_object(&preview.writer);
        write_columns(&preview.writer, &run.bound);
        json_put_name(&preview.writer, "rows");
        json_open_array(&preview.writer);
        struct sink sink = {NULL, preview_take, &preview};
        err = run_pass(&run, rows, &sink);
        json_close_array(&preview.writer);
        if (err == OK && write_shaped(&preview, &run) != OK) {
            err = fault_set(fault, ERR_MEMORY, "base.no_memory", STR("cleanse"));
        }
        json_close_object(&preview.writer);
        if (err == OK && buf_err(out) != OK) {
            err = fault_set(fault, buf_err(out), "cleanse.preview_too_large", STR_NONE);
        }
    }
    buf_close(&preview.scratch);
    run_close(&run);
    return err;
}
