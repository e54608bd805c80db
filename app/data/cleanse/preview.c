// Before and after side by side: rows and columns keep their places while a recipe runs, so the
// first rows of the table are simply written down twice.
#include "data/cleanse/run_private.h"

enum {
    // Operators that must have seen everything see this much of the table for a preview.
    PREVIEW_OBSERVED_ROWS = 100 * 1000,
    PREVIEW_ROWS_MOST = 1000,
    // One cell of a preview; longer ones are cut at a character and end in an ellipsis.
    PREVIEW_CELL_BYTES = 2000,
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

struct preview {
    struct json_writer writer;
    struct buf scratch;
};

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
    json_close_object(out);
}

static enum err preview_take(void *ctx, struct run *run, struct part *part, uint32_t slot) {
    (void)slot;
    struct preview *preview = ctx;
    for (uint32_t row = 0; row < part->row_count; row++) write_row(preview, run, part, row);
    return buf_err(preview->writer.out);
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
    if (err == OK) {
        json_open_object(&preview.writer);
        write_columns(&preview.writer, &run.bound);
        json_put_name(&preview.writer, "rows");
        json_open_array(&preview.writer);
        struct sink sink = {NULL, preview_take, &preview};
        err = run_pass(&run, rows, &sink);
        json_close_array(&preview.writer);
        json_close_object(&preview.writer);
        if (err == OK && buf_err(out) != OK) {
            err = fault_set(fault, buf_err(out), "cleanse.preview_too_large", STR_NONE);
        }
    }
    buf_close(&preview.scratch);
    run_close(&run);
    return err;
}
