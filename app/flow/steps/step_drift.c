// Drift: are new rows like those the model was trained on?
//   inputs  model, source (csv or json lines) or table
//   options intake (how to read the source)
//   out     drift.json: what tabular_drift_write gives, and "without": the columns the rows lack;
//           of a forecast what series_drift gives
// Where the target is among the columns (of survival the event too) the model is judged on the new
// rows as well. A column that is not there counts as missing. A target made out of two dates is
// made of the new rows' own.
#include <math.h>

#include "base/file.h"
#include "flow/steps/dates_target.h"
#include "flow/steps/forecast.h"
#include "flow/steps/frame_target.h"
#include "flow/steps/series_drift.h"
#include "flow/steps/step_predict.h"

enum { BATCH_ARENA_BYTES = 256 << 20 };

struct drifting {
    struct step_context *context;
    const struct tabular_model *model;
    struct tabular_about about;
    struct asking asking;
    struct series_data series; // of a forecast
    bool is_series;
    struct tabular_drift *drift;
    int32_t *columns;   // (asking.count); -1: not there
    int32_t target;     // -1: not there
    int32_t event;      // of survival
    struct cells cells; // of LIMIT_BATCH_ROWS rows
    double *out;        // (LIMIT_BATCH_ROWS, K)
    double *truth;      // (LIMIT_BATCH_ROWS)
    uint8_t *seen;      // (LIMIT_BATCH_ROWS) the event
    struct buf scratch;
    struct arena *cell;
};

static enum err rooms_take(struct drifting *d, const struct schema *schema) {
    struct arena *arena = d->context->arena;
    const struct tabular_about *about = &d->about;
    d->columns = ARENA_ARRAY(arena, int32_t, (size_t)d->asking.count + 1);
    d->out = ARENA_ARRAY(arena, double, (size_t)LIMIT_BATCH_ROWS * about->outputs);
    d->truth = ARENA_ARRAY(arena, double, LIMIT_BATCH_ROWS);
    d->seen = ARENA_ARRAY(arena, uint8_t, LIMIT_BATCH_ROWS);
    if (!d->columns || !d->out || !d->truth || !d->seen) return ERR_MEMORY;
    enum err err =
        cells_take(about->features, about->feature_count, LIMIT_BATCH_ROWS, arena, &d->cells);
    if (err != OK) return err;
    for (uint32_t i = 0; i < d->asking.count; i++) {
        d->columns[i] = schema_find(schema, d->asking.items[i].name);
    }
    bool survival = about->task == TASK_SURVIVAL;
    d->target = schema_find(schema, about->target);
    d->event = survival && about->event_name.size ? schema_find(schema, about->event_name) : -1;
    if (survival && d->event < 0) d->target = -1; // a time alone tells nothing
    return OK;
}

// The answer as the model counts it, NaN where it is not known.
static double truth_of(struct drifting *d, const struct batch *batch, uint32_t row) {
    const struct column *column = &batch->columns[d->target];
    if (!column_valid(column, row)) return NAN;
    if (d->event >= 0) {
        const struct column *event = &batch->columns[d->event];
        bool read = column_valid(event, row) &&
                    frame_event_read(d->about.event_value, event, row, &d->scratch, &d->seen[row]);
        if (!read) return NAN;
    }
    if (!task_has_classes(d->about.task)) {
        return column->type == COLUMN_TEXT ? (double)NAN : column_number(column, row);
    }
    struct str word = str_trim(cell_text(column, row, &d->scratch));
    for (uint32_t k = 0; k < d->about.class_count; k++) {
        if (str_equal(d->about.classes[k], word)) return k;
    }
    return NAN;
}

static enum err batch_add(void *ctx, const struct batch *batch) {
    struct drifting *d = ctx;
    cells_clear(&d->cells);
    for (uint32_t i = 0; i < d->asking.count; i++) {
        const struct asked *asked = &d->asking.items[i];
        for (uint32_t row = 0; row < batch->row_count; row++) {
            arena_reset(d->cell);
            if (d->columns[i] >= 0) {
                asked_cell(asked, &batch->columns[d->columns[i]], row, &d->scratch, d->cell,
                           &d->cells, row);
            } else {
                (void)asked_text(asked, STR_NONE, d->cell, &d->cells, row); // missing
            }
        }
    }
    for (uint32_t row = 0; d->target >= 0 && row < batch->row_count; row++) {
        d->truth[row] = truth_of(d, batch, row);
    }
    if (d->cells.no_memory) return ERR_MEMORY;
    struct frame frame = cells_frame(&d->cells, d->about.features, batch->row_count);
    enum err err = tabular_predict(d->model, &frame, step_threads(d->context), d->out, NULL);
    if (err != OK) return err;
    return tabular_drift_add(d->drift, &frame, d->out, d->target >= 0 ? d->truth : NULL,
                             d->event >= 0 ? d->seen : NULL);
}

static enum err batches_add(struct drifting *d, struct table *table) {
    struct arena *arena;
    enum err err = arena_open(BATCH_ARENA_BYTES, &arena);
    if (err != OK) return err;
    err = table_each(table, arena, batch_add, d, d->context->progress, PHASE_PREDICT,
                     d->context->fault);
    arena_close(arena);
    return err;
}

static void without_write(struct drifting *d, struct json_writer *out) {
    json_put_name(out, "without");
    json_open_array(out);
    for (uint32_t i = 0; i < d->asking.count; i++) {
        if (d->columns[i] < 0) json_put_text(out, d->asking.items[i].name);
    }
    json_close_array(out);
}

// What the job's line says: the widest drift of a column, and of the prediction.
static void summary_write(struct json_writer *out, const struct json *report) {
    const struct json *most = NULL;
    double psi = -1;
    const struct json *column = json_first(json_member(report, "columns"));
    for (; column; column = json_next(column)) {
        double here = json_member_number(column, "psi", -1);
        if (here > psi) psi = here, most = column;
    }
    json_set_u64(out, "rows", json_member_u64(report, "rows", 0));
    if (most) json_set_text(out, "column", json_member_text(most, "name"));
    if (most) json_set_number(out, "psi", psi);
    const struct json *prediction = json_member(report, "prediction");
    if (prediction) {
        json_set_number(out, "prediction_psi", json_member_number(prediction, "psi", NAN));
    }
    struct str verdict = json_member_text(json_member(report, "forecast"), "verdict");
    if (verdict.size) json_set_text(out, "verdict", verdict);
}

static enum err report_keep(struct drifting *d, struct buf *text) {
    char path[LIMIT_PATH_BYTES];
    struct json *report = NULL;
    enum err err = buf_err(text);
    if (err == OK) err = step_output(d->context, "drift.json", path);
    if (err == OK) err = json_parse(buf_str(text), &report, d->context->fault);
    if (err == OK) err = file_write(path, buf_str(text), d->context->fault);
    if (err == OK) summary_write(d->context->summary, report);
    json_close(report);
    return err;
}

static enum err rows_measure(struct drifting *d, struct table *table, struct json_writer *out) {
    buf_open(&d->scratch, LIMIT_CELL_BYTES);
    enum err err = rooms_take(d, table_schema(table));
    if (err == OK) err = arena_open(PREPARE_SCRATCH_BYTES, &d->cell);
    if (err == OK) err = tabular_drift_open(d->model, &d->drift);
    if (err == OK) err = batches_add(d, table);
    if (err == OK) {
        without_write(d, out);
        err = tabular_drift_write(d->drift, step_threads(d->context), out);
    }
    tabular_drift_close(d->drift);
    if (d->cell) arena_close(d->cell);
    buf_close(&d->scratch);
    return err;
}

// Where the dates tell nothing (all began too recently, say) the rows stay as they are.
static enum err rows_date(struct drifting *d, const struct dates_target *dates,
                          struct table **table) {
    char path[LIMIT_PATH_BYTES];
    struct fault ignored = {0};
    struct table *with;
    struct dates_told told;
    enum err err = step_output(d->context, "dated", path);
    if (err != OK) return err;
    (void)!file_remove(path, NULL); // of a start before this one
    err =
        dates_target_table(dates, d->about.target, str_equal(d->about.event_name, dates->end),
                           *table, path, d->context->arena, d->context->progress, &told, &ignored);
    if (err != OK) return err == ERR_INPUT ? OK : err;
    err = table_open(path, &with, d->context->fault);
    (void)!file_remove(path, NULL); // it stays mapped
    if (err != OK) return err;
    table_close(*table);
    *table = with;
    return OK;
}

// The rows, with the target where the model's is made out of two dates that they have.
static enum err rows_open(struct drifting *d, const char *path, struct table **out) {
    struct dates_target dates;
    struct json *node = NULL;
    bool dated = false;
    enum err err = table_open(path, out, d->context->fault);
    if (err != OK || d->about.preparation.size == 0) return err;
    err = json_parse(d->about.preparation, &node, d->context->fault);
    if (err == OK) err = dates_target_read(node, &dates, &dated, d->context->fault);
    const struct schema *schema = table_schema(*out);
    if (err == OK && dated && schema_find(schema, dates.start) >= 0 &&
        schema_find(schema, dates.end) >= 0) {
        dates.as_of_told = false; // that was of the rows learned from
        err = rows_date(d, &dates, out);
    }
    json_close(node);
    if (err != OK) table_close(*out);
    return err;
}

static enum err measure(struct drifting *d, const char *path) {
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    json_open_object(&out);
    enum err err;
    if (d->is_series) {
        err = series_drift(d->context, d->model, &d->series, path, &out);
    } else {
        struct table *table;
        err = rows_open(d, path, &table);
        if (err == OK) {
            err = rows_measure(d, table, &out);
            table_close(table);
        }
    }
    json_close_object(&out);
    if (err == OK) err = report_keep(d, &text);
    buf_close(&text);
    return err;
}

static enum err drift_of(struct drifting *d) {
    struct step_context *context = d->context;
    const char *source;
    char table[LIMIT_PATH_BYTES], faults[LIMIT_PATH_BYTES];
    struct str given = json_member_text(json_member(context->spec, "inputs"), "table");
    enum err err =
        series_recall(&d->about, context->arena, &d->series, &d->is_series, context->fault);
    if (err != OK) return err;
    if (!(d->is_series ? d->series.profile != NULL : tabular_has_profile(d->model))) {
        return fault_set(context->fault, ERR_INPUT, "drift.no_profile", STR_NONE);
    }
    err = d->is_series ? forecast_asking(&d->series, context->arena, &d->asking)
                       : asking_of_model(&d->about, context->arena, &d->asking, context->fault);
    if (err == OK && given.size) {
        return str_copy(table, sizeof table, given) ? measure(d, table) : ERR_LIMIT;
    }
    if (err == OK) err = step_input(context, "source", &source);
    if (err == OK) err = step_output(context, "input", table);
    if (err == OK) err = step_output(context, "faults.jsonl", faults);
    if (err == OK) err = source_for_model(context, &d->asking, source, table, faults);
    if (err == OK) err = measure(d, table);
    (void)!file_remove(table, NULL);
    return err;
}

enum err step_drift(struct step_context *context) {
    const char *path;
    struct tabular_model *model;
    enum err err = step_input(context, "model", &path);
    if (err == OK) err = model_of_file(path, &model, context->fault);
    if (err != OK) return err;
    struct drifting d = {.context = context, .model = model, .about = tabular_about(model)};
    err = drift_of(&d);
    tabular_close(model);
    return err;
}
