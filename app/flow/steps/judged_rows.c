#include "flow/steps/judged_rows.h"

#include <math.h>

#include "base/file.h"

#define PREDICTIONS_BYTES ((size_t)1 << 30)

// Quotes where CSV wants them.
static void text_put(struct buf *out, struct str text) {
    bool quoted = false;
    for (size_t i = 0; i < text.size && !quoted; i++) {
        char c = text.data[i];
        quoted = c == ',' || c == '"' || c == '\n' || c == '\r';
    }
    if (!quoted) {
        buf_add_str(out, text);
        return;
    }
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"') buf_add_char(out, '"');
        buf_add_char(out, text.data[i]);
    }
    buf_add_char(out, '"');
}

static void number_put(struct buf *out, double value) {
    buf_add_char(out, ',');
    if (isfinite(value)) buf_printf(out, "%.9g", value);
}

static enum err written(struct step_context *context, struct buf *text) {
    char path[LIMIT_PATH_BYTES];
    enum err err = buf_err(text);
    if (err != OK) err = fault_set(context->fault, err, "train.no_memory", STR_NONE);
    if (err == OK) err = step_output(context, "predictions.csv", path);
    if (err == OK) err = file_write_quick(path, buf_str(text), context->fault);
    return err;
}

// ---- rows of a table ----------------------------------------------------------------------------

struct telling {
    const struct table_frame *frame;
    struct tabular_about about;
    const uint8_t *side;
    const double *predicted; // (rows, K)
    struct buf text;
    uint64_t at; // the frame's next row
};

static void head_put(struct telling *t) {
    buf_add_text(&t->text, "row,side,truth");
    if (t->about.task == TASK_SURVIVAL) buf_add_text(&t->text, ",event");
    buf_add_text(&t->text, ",value");
    if (t->about.task == TASK_BINARY) buf_add_text(&t->text, ",probability");
    for (uint32_t k = 0; t->about.task == TASK_CLASSES && k < t->about.outputs; k++) {
        struct buf name;
        buf_open(&name, LIMIT_CELL_BYTES);
        buf_add_text(&name, "probability:");
        buf_add_str(&name, t->about.classes[k]);
        buf_add_char(&t->text, ',');
        text_put(&t->text, buf_str(&name));
        buf_close(&name);
    }
    buf_add_char(&t->text, '\n');
}

static void row_put(struct telling *t, uint64_t row) {
    static const char *const sides[] = {"train", "validate", "test", "none"};
    const struct tabular_target *target = &t->frame->target;
    const double *values = t->predicted + t->at * t->about.outputs;
    buf_add_u64(&t->text, row);
    buf_printf(&t->text, ",%s", sides[t->side[t->at]]);
    if (task_has_classes(t->about.task)) {
        buf_add_char(&t->text, ',');
        text_put(&t->text, target->classes[(uint32_t)target->values[t->at]]);
        buf_add_char(&t->text, ',');
        text_put(&t->text, target->classes[predicted_class(&t->about, values, 0.5)]);
        for (uint32_t k = 0; k < t->about.outputs; k++) number_put(&t->text, values[k]);
    } else {
        number_put(&t->text, target->values[t->at]);
        if (target->event) buf_printf(&t->text, ",%u", target->event[t->at]);
        number_put(&t->text, values[0]);
    }
    buf_add_char(&t->text, '\n');
    t->at++;
}

static enum err rows_put(struct telling *t, struct step_context *context, struct table *table) {
    struct arena *arena;
    enum err err = arena_open((size_t)256 << 20, &arena);
    if (err != OK) return err;
    for (uint32_t b = 0; b < table_batches(table) && err == OK; b++) {
        struct batch batch;
        arena_reset(arena);
        err = table_batch(table, b, arena, &batch, context->fault);
        for (uint32_t row = 0; err == OK && row < batch.row_count; row++) {
            if (!frame_row_counts(&t->frame->needs, &batch, row, NULL)) continue;
            row_put(t, batch.first_row + row + 1);
        }
    }
    arena_close(arena);
    return err;
}

enum err judged_rows_write(struct step_context *context, struct table *table,
                           const struct table_frame *frame, const struct tabular_model *model,
                           const uint8_t *side, const double *predicted) {
    struct telling t = {
        .frame = frame, .about = tabular_about(model), .side = side, .predicted = predicted};
    buf_open(&t.text, PREDICTIONS_BYTES);
    head_put(&t);
    enum err err = rows_put(&t, context, table);
    if (err == OK) err = written(context, &t.text);
    buf_close(&t.text);
    return err;
}

// ---- a backtest ---------------------------------------------------------------------------------

enum err judged_series_write(struct step_context *context, const struct series_data *data,
                             const struct series_rows *rows,
                             const struct series_backtest *backtest) {
    struct buf text;
    char time[24];
    buf_open(&text, PREDICTIONS_BYTES);
    buf_add_text(&text, "series,origin,time,horizon,truth,value,low_80,high_80,low_95,high_95\n");
    for (uint64_t i = backtest->first; i < rows->frame.rows; i++) {
        if (isnan(backtest->predicted[i])) continue;
        text_put(&text, data->plan.names[rows->series[i]]);
        series_time_write(data, rows->origin[i], time);
        buf_printf(&text, ",%s", time);
        series_time_write(data, series_target_step(data, rows, i), time);
        buf_printf(&text, ",%s,%u", time, data->plan.horizons[rows->horizon[i]]);
        number_put(&text, rows->truth[i]);
        number_put(&text, backtest->predicted[i]);
        for (uint32_t l = 0; l < SERIES_LEVELS; l++) {
            number_put(&text, (double)backtest->low[l][i]);
            number_put(&text, (double)backtest->high[l][i]);
        }
        buf_add_char(&text, '\n');
    }
    enum err err = written(context, &text);
    buf_close(&text);
    return err;
}
