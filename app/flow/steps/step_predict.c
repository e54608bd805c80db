// Predict a whole file: its columns again with the predictions behind them as CSV, or one JSON line
// for each row.
//   inputs  model, source (csv or json lines) or table
//   options intake (how to read the source), contributions, format ("csv", "jsonl"),
//           times (survival: where to tell it)
//   out     predictions
// For CSV a table with the added columns is made first (out/work, removed at the end): so names are
// kept apart and cells written in one place, the export.
// A JSON line: {"value": class or number, "probability" of the positive class (binary),
// "probabilities": {class: …} (several), "survival": [{"time", "probability"}] (of the
// relative risk, which is the value), "contributions": {column: …}, "base"}; the last two where
// they were asked for, of the class that is told.
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "data/intake/intake.h"
#include "flow/steps/forecast.h"
#include "flow/steps/step_predict.h"

enum {
    BATCH_ARENA_BYTES = 256 << 20,
    LINES_BYTES = 16 << 20, // kept before they are written; a line stays far below
};

struct predicting {
    struct step_context *context;
    const struct tabular_model *model;
    struct tabular_about about;
    struct asking asking;
    struct table *table;
    const struct schema *schema;
    struct schema output;
    int32_t *columns; // (asked) of the input
    bool contributions;
    struct cells cells; // of LIMIT_BATCH_ROWS rows
    struct times times; // survival
    double *out;        // (LIMIT_BATCH_ROWS, K)
    double *shares;     // (LIMIT_BATCH_ROWS, K, F + 1) or NULL
    struct batch_builder *builder;
    struct table_writer *writer;
    struct buf scratch, lines;
    int lines_fd;       // JSON lines; -1: a table
    struct arena *cell; // scratch of one cell
};

enum err model_of_file(const char *path, struct tabular_model **out, struct fault *fault) {
    struct file_map map;
    enum err err = file_map(path, &map, fault);
    if (err != OK) return err;
    err = tabular_load((struct str){(const char *)map.data, map.size}, out, fault);
    file_unmap(&map);
    return err;
}

// Columns that the model knows get the model's types, whatever a guess would say.
enum err source_for_model(struct step_context *context, const struct asking *asking,
                          const char *source, const char *table, const char *faults) {
    struct intake_options told;
    struct intake_guess guess;
    const struct json *node = json_member(step_options(context), "intake");
    enum err err = intake_options_read(node, context->arena, &told, context->fault);
    if (err == OK) err = intake_look(source, &told, 0, context->arena, &guess, context->fault);
    if (err != OK) return err;
    for (uint32_t i = 0; i < guess.options.column_count; i++) {
        struct intake_column *column = &guess.options.columns[i];
        struct str name = column->rename.size ? column->rename : column->name;
        for (uint32_t a = 0; a < asking->count; a++) {
            const struct asked *asked = &asking->items[a];
            if (!str_equal(asked->name, name)) continue;
            column->type_told = true;
            column->skip = false;
            // What is prepared is read as it is written, by its preparation.
            bool known = !asked->step && column_type_from_name(asked->type, &column->type);
            if (!known) column->type = COLUMN_TEXT;
            // A whole number in training may come with a fraction now.
            if (column->type == COLUMN_INTEGER) column->type = COLUMN_NUMBER;
        }
    }
    guess.options.threads = step_threads(context);
    struct intake_result result = {0};
    err = intake_run(source, &guess.options, table, faults, context->progress, context->arena,
                     &result, context->fault);
    if (err == OK) json_set_u64(context->summary, "fault_count", result.fault_count);
    return err;
}

static enum err columns_match(struct predicting *p) {
    p->columns = ARENA_ARRAY(p->context->arena, int32_t, p->asking.count);
    if (!p->columns) return ERR_MEMORY;
    for (uint32_t i = 0; i < p->asking.count; i++) {
        struct str name = p->asking.items[i].name;
        p->columns[i] = schema_find(p->schema, name);
        if (p->columns[i] >= 0) continue;
        return fault_set(p->context->fault, ERR_INPUT, "predict.missing_column", name);
    }
    return OK;
}

// A name no column has yet: "prediction", "prediction_2", …
static struct str free_name(struct predicting *p, const char *prefix, struct str rest) {
    struct arena *arena = p->context->arena;
    size_t room = LIMIT_NAME_BYTES + 1;
    char *name = arena_take(arena, room);
    if (!name) return STR_NONE;
    for (unsigned i = 1;; i++) {
        char number[16] = "";
        if (i > 1) snprintf(number, sizeof number, "_%u", i);
        size_t fixed = strlen(prefix) + strlen(number);
        size_t keep = rest.size < LIMIT_NAME_BYTES - fixed ? rest.size : LIMIT_NAME_BYTES - fixed;
        while (keep < rest.size && keep > 0 && ((unsigned char)rest.data[keep] & 0xC0) == 0x80) {
            keep--; // never in the middle of a character
        }
        snprintf(name, room, "%s%.*s%s", prefix, (int)keep, rest.size ? rest.data : "", number);
        if (schema_find(&p->output, str_of(name)) < 0) return str_of(name);
    }
}

static enum err output_field(struct predicting *p, const char *prefix, struct str rest,
                             enum column_type type) {
    struct str name = free_name(p, prefix, rest);
    if (!name.data) return ERR_MEMORY;
    if (p->output.count == LIMIT_COLUMNS) {
        return fault_set(p->context->fault, ERR_LIMIT, "table.too_many_columns", STR_NONE);
    }
    p->output.fields[p->output.count++] = (struct field){name, type, COLUMN_PLAIN};
    return OK;
}

// Input columns, prediction, probability (binary; points of a scorecard) or one per class, then the
// contributions.
static enum err output_schema(struct predicting *p) {
    struct arena *arena = p->context->arena;
    p->output.fields = ARENA_ARRAY(arena, struct field, LIMIT_COLUMNS);
    if (!p->output.fields) return ERR_MEMORY;
    for (uint32_t i = 0; i < p->schema->count; i++) p->output.fields[i] = p->schema->fields[i];
    p->output.count = p->schema->count;
    const struct tabular_about *about = &p->about;
    bool number = !task_has_classes(about->task);
    enum err err = output_field(p, "prediction", STR_NONE, number ? COLUMN_NUMBER : COLUMN_TEXT);
    if (err == OK && about->task == TASK_BINARY) {
        err = output_field(p, "probability", STR_NONE, COLUMN_NUMBER);
    }
    if (err == OK && about->learner == LEARNER_POINTS) {
        err = output_field(p, "points", STR_NONE, COLUMN_INTEGER);
    }
    for (uint32_t k = 0; err == OK && about->task == TASK_CLASSES && k < about->class_count; k++) {
        err = output_field(p, "probability_", about->classes[k], COLUMN_NUMBER);
    }
    for (uint32_t i = 0; err == OK && i < p->times.count; i++) {
        char time[40];
        (void)snprintf(time, sizeof time, "%.10g", p->times.items[i]);
        err = output_field(p, "survival_", str_of(time), COLUMN_NUMBER);
    }
    if (err != OK || !p->contributions) return err;
    for (uint32_t i = 0; err == OK && i < p->asking.count; i++) {
        err = output_field(p, "contribution_", p->asking.items[i].name, COLUMN_NUMBER);
    }
    return err == OK ? output_field(p, "contribution_base", STR_NONE, COLUMN_NUMBER) : err;
}

static enum err rooms_take(struct predicting *p) {
    struct arena *arena = p->context->arena;
    const struct tabular_about *about = &p->about;
    p->out = ARENA_ARRAY(arena, double, (size_t)LIMIT_BATCH_ROWS * about->outputs);
    if (!p->out) return ERR_MEMORY;
    enum err err =
        cells_take(about->features, about->feature_count, LIMIT_BATCH_ROWS, arena, &p->cells);
    if (err != OK) return err;
    if (!p->contributions) return OK;
    size_t each = (size_t)about->outputs * (about->feature_count + 1);
    p->shares = arena_take_array(arena, (size_t)LIMIT_BATCH_ROWS * each, sizeof(double));
    return p->shares ? OK : ERR_MEMORY;
}

static int64_t points_of_row(const struct predicting *p, uint32_t row) {
    int64_t sum = tabular_points_base(p->model);
    for (uint32_t f = 0; f < p->about.feature_count; f++) {
        sum += tabular_points_of(p->model, f, p->cells.values[f][row]);
    }
    return sum;
}

static enum err row_write(struct predicting *p, const struct batch *batch, uint32_t row) {
    const struct tabular_about *about = &p->about;
    struct batch_builder *builder = p->builder;
    uint32_t at = 0;
    enum err err = OK;
    for (; at < p->schema->count && err == OK; at++) {
        err = batch_set_cell(builder, at, &batch->columns[at], row);
    }
    const double *out = p->out + (size_t)row * about->outputs;
    uint32_t class = predicted_class(about, out, 0.5);
    if (!task_has_classes(about->task)) {
        batch_set_number(builder, at++, out[0]);
    } else if (err == OK) {
        err = batch_set_text(builder, at++, about->classes[class]);
    }
    if (about->task == TASK_BINARY) batch_set_number(builder, at++, out[0]);
    for (uint32_t i = 0; i < p->times.count; i++) {
        batch_set_number(builder, at++, tabular_survival(p->model, out[0], p->times.items[i]));
    }
    if (about->learner == LEARNER_POINTS) batch_set_integer(builder, at++, points_of_row(p, row));
    for (uint32_t k = 0; about->task == TASK_CLASSES && k < about->outputs; k++) {
        batch_set_number(builder, at++, out[k]);
    }
    if (p->shares) { // of the class that was predicted
        size_t width = about->feature_count + 1;
        size_t which = about->outputs == 1 ? 0 : class;
        const double *shares = p->shares + ((size_t)row * about->outputs + which) * width;
        for (uint32_t i = 0; i < p->asking.count; i++) {
            const struct asked *asked = &p->asking.items[i];
            double sum = 0;
            for (uint32_t f = 0; f < asked->count; f++) sum += shares[asked->first + f];
            batch_set_number(builder, at++, sum);
        }
        batch_set_number(builder, at++, shares[width - 1]);
    }
    batch_row_end(builder);
    return err;
}

static void line_write(struct predicting *p, uint32_t row) {
    const struct tabular_about *about = &p->about;
    const double *out = p->out + (size_t)row * about->outputs;
    uint32_t class = predicted_class(about, out, 0.5);
    struct json_writer line = json_writer_of(&p->lines);
    json_open_object(&line);
    if (!task_has_classes(about->task))
        json_set_number(&line, "value", out[0]);
    else
        json_set_text(&line, "value", about->classes[class]);
    if (about->task == TASK_BINARY) json_set_number(&line, "probability", out[0]);
    if (about->task == TASK_SURVIVAL) survival_put(&line, p->model, out[0], &p->times);
    if (about->task == TASK_CLASSES) {
        json_put_name(&line, "probabilities");
        json_open_object(&line);
        for (uint32_t k = 0; k < about->outputs; k++) {
            json_put_name_str(&line, about->classes[k]);
            json_put_number(&line, out[k]);
        }
        json_close_object(&line);
    }
    if (p->shares) {
        size_t width = about->feature_count + 1, which = about->outputs == 1 ? 0 : class;
        const double *shares = p->shares + ((size_t)row * about->outputs + which) * width;
        json_put_name(&line, "contributions");
        json_open_object(&line);
        for (uint32_t f = 0; f < about->feature_count; f++) {
            json_put_name_str(&line, about->features[f].name);
            json_put_number(&line, shares[f]);
        }
        json_close_object(&line);
        json_set_number(&line, "base", shares[about->feature_count]);
    }
    json_close_object(&line);
    buf_add_char(&p->lines, '\n');
}

static enum err lines_flush(struct predicting *p) {
    enum err err = buf_err(&p->lines);
    if (err == OK) {
        err = file_write_all(p->lines_fd, p->lines.data, p->lines.size, p->context->fault);
    }
    buf_clear(&p->lines);
    return err;
}

static enum err lines_predicted(struct predicting *p, uint32_t rows, uint64_t *first_row) {
    enum err err = OK;
    for (uint32_t row = 0; row < rows && err == OK; row++) {
        line_write(p, row);
        if (p->lines.size > LINES_BYTES) err = lines_flush(p);
    }
    *first_row += rows;
    return err == OK ? lines_flush(p) : err;
}

static enum err builder_flush(struct predicting *p, uint64_t *first_row) {
    if (batch_builder_rows(p->builder) == 0) return OK;
    struct batch view = batch_builder_view(p->builder);
    view.first_row = *first_row;
    *first_row += view.row_count;
    enum err err = table_writer_add(p->writer, &view, p->context->fault);
    batch_builder_clear(p->builder);
    return err;
}

static enum err batch_predict(struct predicting *p, const struct batch *batch,
                              uint64_t *first_row) {
    cells_clear(&p->cells);
    for (uint32_t i = 0; i < p->asking.count; i++) {
        const struct column *column = &batch->columns[p->columns[i]];
        for (uint32_t row = 0; row < batch->row_count; row++) {
            arena_reset(p->cell);
            asked_cell(&p->asking.items[i], column, row, &p->scratch, p->cell, &p->cells, row);
        }
    }
    if (p->cells.no_memory) return ERR_MEMORY;
    struct frame frame = cells_frame(&p->cells, p->about.features, batch->row_count);
    enum err err = tabular_predict(p->model, &frame, step_threads(p->context), p->out, p->shares);
    if (err == OK && p->lines_fd >= 0) return lines_predicted(p, batch->row_count, first_row);
    for (uint32_t row = 0; row < batch->row_count && err == OK; row++) {
        if (batch_builder_full(p->builder)) err = builder_flush(p, first_row);
        if (err == OK) err = row_write(p, batch, row);
    }
    return err == OK ? builder_flush(p, first_row) : err;
}

static enum err batches_predict(struct predicting *p) {
    struct arena *arena;
    enum err err = arena_open(BATCH_ARENA_BYTES, &arena);
    if (err != OK) return err;
    uint64_t first_row = 0;
    uint32_t count = table_batches(p->table);
    for (uint32_t i = 0; i < count && err == OK; i++) {
        struct batch batch;
        arena_reset(arena);
        if (progress_cancelled(p->context->progress)) {
            err = ERR_CANCELLED;
            break;
        }
        if (p->context->progress) {
            progress_set(p->context->progress, PHASE_PREDICT, first_row, table_rows(p->table));
        }
        err = table_batch(p->table, i, arena, &batch, p->context->fault);
        if (err == OK) err = batch_predict(p, &batch, &first_row);
    }
    arena_close(arena);
    return err;
}

static enum err output_table(struct predicting *p, const char *path) {
    struct fault *fault = p->context->fault;
    enum err err = columns_match(p);
    if (err == OK) err = output_schema(p);
    if (err == OK) err = rooms_take(p);
    if (err == OK) err = batch_builder_open(&p->output, &p->builder);
    if (err == OK) err = table_writer_open(path, &p->output, &p->writer, fault);
    if (err == OK) {
        err = batches_predict(p);
        if (err == OK) {
            err = table_writer_finish(p->writer, fault);
        } else {
            table_writer_abandon(p->writer);
        }
    }
    if (p->builder) batch_builder_close(p->builder);
    return err == ERR_MEMORY ? fault_set(fault, err, "predict.no_memory", STR_NONE) : err;
}

static enum err output_lines(struct predicting *p) {
    char path[LIMIT_PATH_BYTES];
    struct fault *fault = p->context->fault;
    enum err err = step_output(p->context, "predictions", path);
    if (err == OK) err = columns_match(p);
    if (err == OK) err = rooms_take(p);
    if (err != OK)
        return err == ERR_MEMORY ? fault_set(fault, err, "predict.no_memory", STR_NONE) : err;
    p->lines_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (p->lines_fd < 0) return fault_errno(fault, errno, str_of(path));
    buf_open(&p->lines, 2 * LINES_BYTES);
    err = batches_predict(p);
    buf_close(&p->lines);
    close(p->lines_fd);
    return err;
}

// The finished table as CSV, by the step that does just that.
static enum err output_csv(struct step_context *context, const char *table) {
    struct buf spec, summary;
    buf_open(&spec, 64 * 1024);
    buf_open(&summary, 64 * 1024);
    struct json_writer out = json_writer_of(&spec), inner = json_writer_of(&summary);
    json_open_object(&out);
    json_put_name(&out, "inputs");
    json_open_object(&out);
    json_set_text(&out, "table", str_of(table));
    json_close_object(&out);
    json_close_object(&out);
    json_open_object(&inner);
    struct json *node = NULL;
    enum err err = json_parse(buf_str(&spec), &node, context->fault);
    if (err == OK) {
        struct step_context export = *context;
        export.spec = node;
        export.summary = &inner;
        err = step_export(&export);
    }
    json_close(node);
    buf_close(&spec);
    buf_close(&summary);
    char from[LIMIT_PATH_BYTES], to[LIMIT_PATH_BYTES];
    if (err == OK) err = step_output(context, "export", from);
    if (err == OK) err = step_output(context, "predictions", to);
    return err == OK ? file_rename(from, to, context->fault) : err;
}

static enum err predict(struct step_context *context, const struct tabular_model *model,
                        const struct asking *asking, const char *table_path, const char *work) {
    struct predicting p = {.context = context,
                           .model = model,
                           .about = tabular_about(model),
                           .asking = *asking,
                           .lines_fd = -1};
    const struct json *options = step_options(context);
    bool lines = str_is(json_member_text(options, "format"), "jsonl");
    p.contributions = json_member_bool(options, "contributions", false);
    enum err err = times_read(json_member(options, "times"), &p.about, &p.times, context->fault);
    if (err == OK) err = table_open(table_path, &p.table, context->fault);
    if (err != OK) return err;
    p.schema = table_schema(p.table);
    buf_open(&p.scratch, LIMIT_CELL_BYTES);
    err = arena_open(PREPARE_SCRATCH_BYTES, &p.cell);
    if (err == OK) err = lines ? output_lines(&p) : output_table(&p, work);
    if (err == OK) json_set_u64(context->summary, "rows", table_rows(p.table));
    if (p.cell) arena_close(p.cell);
    buf_close(&p.scratch);
    table_close(p.table);
    return err == OK && !lines ? output_csv(context, work) : err;
}

// A model of series forecasts; any other predicts each row.
struct way {
    struct series_data series;
    bool is_series;
    struct asking asking;
};

static enum err way_find(struct step_context *context, const struct tabular_about *about,
                         struct way *out) {
    enum err err =
        series_recall(about, context->arena, &out->series, &out->is_series, context->fault);
    if (err != OK) return err;
    if (out->is_series) return forecast_asking(&out->series, context->arena, &out->asking);
    return asking_of_model(about, context->arena, &out->asking, context->fault);
}

static enum err way_go(struct step_context *context, const struct tabular_model *model,
                       struct way *way, const char *table, const char *work) {
    if (!way->is_series) return predict(context, model, &way->asking, table, work);
    bool lines = false;
    enum err err = forecast_table(context, model, &way->series, table, work, &lines);
    return err == OK && !lines ? output_csv(context, work) : err;
}

enum err step_predict(struct step_context *context) {
    const char *model_path, *source;
    char table[LIMIT_PATH_BYTES], faults[LIMIT_PATH_BYTES], work[LIMIT_PATH_BYTES];
    struct tabular_model *model = NULL;
    struct json_writer *summary = context->summary;
    enum err err = step_input(context, "model", &model_path);
    if (err == OK) err = step_output(context, "input", table);
    if (err == OK) err = step_output(context, "faults.jsonl", faults);
    if (err == OK) err = step_output(context, "work", work);
    if (err == OK) err = model_of_file(model_path, &model, context->fault);
    if (err != OK) return err;
    struct tabular_about about = tabular_about(model);
    struct way way = {0};
    struct str given = json_member_text(json_member(context->spec, "inputs"), "table");
    err = way_find(context, &about, &way);
    if (err == OK && given.size) {
        err = str_copy(table, sizeof table, given) ? OK : ERR_LIMIT;
        if (err == OK) err = way_go(context, model, &way, table, work);
    } else if (err == OK) {
        err = step_input(context, "source", &source);
        if (err == OK) err = source_for_model(context, &way.asking, source, table, faults);
        if (err == OK) err = way_go(context, model, &way, table, work);
        (void)!file_remove(table, NULL);
    }
    json_set_text(summary, "target", about.target);
    (void)!file_remove(work, NULL);
    tabular_close(model);
    return err;
}
