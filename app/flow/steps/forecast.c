// From the recent past to forecasts, for the file's way and the call's way alike.
#include "flow/steps/forecast.h"

#include <math.h>
#include <string.h>

#include "base/file.h"

// ---- forecasts --------------------------------------------------------------------------------

static bool has_news(const struct series_grid *grid, uint32_t series, int64_t origin) {
    return !isnan(series_value(grid, series, origin)) ||
           !isnan(series_value(grid, series, origin - 1));
}

struct made {
    struct forecast *items;
    float **values; // (F)(rows)
    double *out;    // (rows)
    uint32_t count, features;
};

static enum err made_take(const struct series_data *data, struct arena *arena, struct made *made) {
    size_t rows = (size_t)data->plan.series_count * data->plan.horizon_count;
    made->features = series_features(&data->plan, NULL);
    made->items = ARENA_ARRAY(arena, struct forecast, rows);
    made->out = ARENA_ARRAY(arena, double, rows);
    made->values = ARENA_ARRAY(arena, float *, made->features);
    if (!made->items || !made->out || !made->values) return ERR_MEMORY;
    for (uint32_t f = 0; f < made->features; f++) {
        made->values[f] = ARENA_ARRAY(arena, float, rows);
        if (!made->values[f]) return ERR_MEMORY;
    }
    return OK;
}

static void series_put(const struct series_data *data, struct made *made, uint32_t series,
                       int64_t origin, float *scratch) {
    const struct series_plan *plan = &data->plan;
    series_fill(plan, &data->grid, series, (uint32_t)origin, scratch);
    for (uint32_t h = 0; h < plan->horizon_count; h++) {
        uint32_t row = made->count++;
        for (uint32_t f = 0; f < made->features; f++) {
            made->values[f][row] = scratch[(size_t)h * made->features + f];
        }
        made->items[row] = (struct forecast){
            .value = (double)series_anchor(plan, &data->grid, series, (uint32_t)origin, h),
            .series = plan->names[series],
            .step = (uint64_t)origin + plan->horizons[h],
            .horizon = plan->horizons[h]};
    }
}

static void spread_put(const struct series_data *data, struct forecast *forecast, uint32_t h) {
    const struct series_spread *spread = &data->spread[h];
    uint32_t band = series_band(spread, forecast->value);
    for (uint32_t l = 0; l < SERIES_LEVELS; l++) {
        forecast->low[l] = forecast->value + spread->low[band][l];
        forecast->high[l] = forecast->value + spread->high[band][l];
    }
}

enum err forecast_make(const struct tabular_model *model, const struct series_data *data,
                       uint32_t threads, struct arena *arena, struct forecast **out,
                       uint32_t *count, uint32_t *silent, struct fault *fault) {
    const struct series_plan *plan = &data->plan;
    struct made made = {0};
    struct tabular_about about = tabular_about(model);
    int64_t origin = series_last(&data->grid);
    enum err err = made_take(data, arena, &made);
    float *scratch = ARENA_ARRAY(arena, float, (size_t)plan->horizon_count *made.features + 1);
    if (err != OK || !scratch) {
        return fault_set(fault, ERR_MEMORY, "predict.no_memory", STR_NONE);
    }
    *silent = 0;
    for (uint32_t s = 0; s < plan->series_count; s++) {
        if (has_news(&data->grid, s, origin)) {
            series_put(data, &made, s, origin, scratch);
        } else {
            ++*silent;
        }
    }
    if (made.count == 0) return fault_set(fault, ERR_INPUT, "series.all_silent", STR_NONE);
    struct frame frame = {.rows = made.count,
                          .feature_count = made.features,
                          .features = about.features,
                          .values = (const float *const *)made.values};
    err = tabular_predict(model, &frame, threads, made.out, NULL);
    if (err != OK) return fault_set(fault, err, "predict.no_memory", STR_NONE);
    for (uint32_t i = 0; i < made.count; i++) {
        made.items[i].value += made.out[i] * plan->scales[i % plan->horizon_count];
        spread_put(data, &made.items[i], i % plan->horizon_count);
    }
    *out = made.items;
    *count = made.count;
    return OK;
}

static void one_write(struct json_writer *out, const struct series_data *data,
                      const struct forecast *forecast) {
    char text[24];
    series_time_write(data, forecast->step, text);
    json_open_object(out);
    json_set_text(out, "series", forecast->series);
    json_set_text(out, "time", str_of(text));
    json_set_u64(out, "horizon", forecast->horizon);
    json_set_number(out, "value", forecast->value);
    json_set_number(out, "low_80", forecast->low[0]);
    json_set_number(out, "high_80", forecast->high[0]);
    json_set_number(out, "low_95", forecast->low[1]);
    json_set_number(out, "high_95", forecast->high[1]);
    json_close_object(out);
}

void forecast_write(struct json_writer *out, const struct series_data *data,
                    const struct forecast *forecasts, uint32_t count, uint32_t silent) {
    char text[24];
    series_time_write(data, (uint64_t)series_last(&data->grid), text);
    json_set_text(out, "origin", str_of(text));
    json_set_i64(out, "step_s", data->plan.step_s);
    json_set_u64(out, "silent", silent);
    json_put_name(out, "forecasts");
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) one_write(out, data, &forecasts[i]);
    json_close_array(out);
}

// ---- what is asked for ------------------------------------------------------------------------

static void asked_add(struct asking *asking, struct str name, const char *type) {
    asking->items[asking->count++] = (struct asked){.name = name, .type = str_of(type)};
}

enum err forecast_asking(const struct series_data *data, struct arena *arena, struct asking *out) {
    const struct series_plan *plan = &data->plan;
    uint32_t room = SERIES_TIME_PARTS + 3 + plan->series_count + plan->column_count;
    *out = (struct asking){.items = ARENA_ARRAY(arena, struct asked, room)};
    if (!out->items) return ERR_MEMORY;
    for (uint32_t i = 0; i < data->time_count; i++) asked_add(out, data->time[i], "text");
    if (data->id.size) asked_add(out, data->id, "text");
    if (data->holiday.size) asked_add(out, data->holiday, "text");
    if (!data->wide) asked_add(out, data->target, "number");
    for (uint32_t s = 0; data->wide && s < plan->series_count; s++) {
        asked_add(out, plan->names[s], "number");
    }
    for (uint32_t c = 0; c < plan->column_count; c++) {
        out->items[out->count++] =
            (struct asked){.name = plan->columns[c].name, .type = data->columns[c].type};
    }
    return OK;
}

// ---- rows of a call ---------------------------------------------------------------------------

// False: the value is an object or a list.
static bool cell_read(const struct json *node, struct buf *scratch, struct str *out) {
    buf_clear(scratch);
    *out = STR_NONE;
    if (!node || json_is_null(node)) return true;
    if (json_is_string(node)) {
        *out = json_text(node);
        return true;
    }
    if (json_is_bool(node)) {
        *out = json_bool(node, false) ? STR("true") : STR("false");
        return true;
    }
    if (!json_is_number(node)) return false;
    buf_add_double(scratch, json_number(node, NAN));
    *out = buf_str(scratch);
    return buf_err(scratch) == OK;
}

static const struct json *member_named(const struct json *row, struct str name) {
    for (const struct json *m = json_first(row); m; m = json_next(m)) {
        if (str_equal(json_name(m), name)) return m;
    }
    return NULL;
}

static enum err row_read(struct forecast_rows *rows, const struct json *row, uint32_t number,
                         struct buf *scratch, struct fault *fault) {
    if (!json_is_object(row)) {
        return fault_at(fault, ERR_INPUT, "predict.not_a_row", number, 0, STR_NONE);
    }
    if (batch_builder_full(rows->builder)) {
        return fault_set(fault, ERR_LIMIT, "predict.too_many_rows", STR_NONE);
    }
    for (uint32_t i = 0; i < rows->schema.count; i++) {
        struct str name = rows->schema.fields[i].name, text;
        if (!cell_read(member_named(row, name), scratch, &text)) {
            return fault_at(fault, ERR_INPUT, "predict.wrong_type", number, i + 1, name);
        }
        if (!text.size) continue;
        enum err err = batch_set_text(rows->builder, i, text);
        if (err != OK) return fault_set(fault, err, "predict.no_memory", STR_NONE);
    }
    batch_row_end(rows->builder);
    return OK;
}

// Twice asked for (the holiday as a column that helps, say) is one column.
static enum err schema_make(const struct series_data *data, struct arena *arena,
                            struct schema *out) {
    struct asking asking;
    enum err err = forecast_asking(data, arena, &asking);
    if (err != OK) return err;
    out->fields = ARENA_ARRAY(arena, struct field, asking.count);
    if (!out->fields) return ERR_MEMORY;
    for (uint32_t i = 0; i < asking.count; i++) {
        if (schema_find(out, asking.items[i].name) >= 0) continue;
        out->fields[out->count++] = (struct field){asking.items[i].name, COLUMN_TEXT, COLUMN_PLAIN};
    }
    return OK;
}

enum err forecast_rows_read(const struct json *list, const struct series_data *data,
                            struct arena *arena, struct forecast_rows *out, struct fault *fault) {
    size_t count = json_count(list);
    *out = (struct forecast_rows){0};
    if (!json_is_array(list) || count == 0) {
        return fault_set(fault, ERR_INPUT, "call.missing", STR("rows"));
    }
    if (count > FORECAST_ROWS_MAX) {
        return fault_set(fault, ERR_LIMIT, "predict.too_many_rows", STR_NONE);
    }
    enum err err = schema_make(data, arena, &out->schema);
    if (err == OK) err = batch_builder_open(&out->schema, &out->builder);
    if (err != OK) return fault_set(fault, err, "predict.no_memory", STR_NONE);
    struct buf scratch;
    buf_open(&scratch, 64);
    uint32_t number = 0;
    for (const struct json *row = json_first(list); row && err == OK; row = json_next(row)) {
        err = row_read(out, row, ++number, &scratch, fault);
    }
    buf_close(&scratch);
    if (err == OK) out->batch = batch_builder_view(out->builder);
    return err;
}

void forecast_rows_close(struct forecast_rows *rows) {
    if (rows->builder) batch_builder_close(rows->builder);
    rows->builder = NULL;
}

// ---- a file -----------------------------------------------------------------------------------

static enum err lines_write(struct step_context *context, const struct series_data *data,
                            const struct forecast *forecasts, uint32_t count) {
    char path[LIMIT_PATH_BYTES];
    struct buf text;
    buf_open(&text, (size_t)256 << 20);
    for (uint32_t i = 0; i < count; i++) {
        struct json_writer out = json_writer_of(&text);
        one_write(&out, data, &forecasts[i]);
        buf_add_char(&text, '\n');
    }
    enum err err = buf_err(&text);
    if (err == OK) err = step_output(context, "predictions", path);
    if (err == OK) err = file_write(path, buf_str(&text), context->fault);
    buf_close(&text);
    return err;
}

static enum err forecast_row(struct batch_builder *builder, const struct series_data *data,
                             const struct forecast *forecast) {
    char text[24];
    uint32_t at = 0;
    series_time_write(data, forecast->step, text);
    enum err err = batch_set_text(builder, at++, forecast->series);
    if (err == OK) err = batch_set_text(builder, at++, str_of(text));
    batch_set_integer(builder, at++, forecast->horizon);
    batch_set_number(builder, at++, forecast->value);
    for (uint32_t l = 0; l < SERIES_LEVELS; l++) {
        batch_set_number(builder, at++, forecast->low[l]);
        batch_set_number(builder, at++, forecast->high[l]);
    }
    batch_row_end(builder);
    return err;
}

static enum err rows_write(const struct series_data *data, const struct forecast *forecasts,
                           uint32_t count, const char *path, struct fault *fault) {
    struct field fields[] = {
        {STR("series"), COLUMN_TEXT, COLUMN_PLAIN},
        {STR("time"), COLUMN_TEXT, COLUMN_PLAIN},
        {STR("horizon"), COLUMN_INTEGER, COLUMN_PLAIN},
        {STR("value"), COLUMN_NUMBER, COLUMN_PLAIN},
        {STR("low_80"), COLUMN_NUMBER, COLUMN_PLAIN},
        {STR("high_80"), COLUMN_NUMBER, COLUMN_PLAIN},
        {STR("low_95"), COLUMN_NUMBER, COLUMN_PLAIN},
        {STR("high_95"), COLUMN_NUMBER, COLUMN_PLAIN},
    };
    struct schema schema = {fields, sizeof fields / sizeof *fields};
    struct batch_builder *builder;
    struct table_writer *writer;
    enum err err = batch_builder_open(&schema, &builder);
    if (err != OK) return err;
    err = table_writer_open(path, &schema, &writer, fault);
    if (err != OK) {
        batch_builder_close(builder);
        return err;
    }
    uint64_t first_row = 0;
    for (uint32_t i = 0; i < count && err == OK; i++) {
        err = forecast_row(builder, data, &forecasts[i]);
        if (err != OK || (i + 1 < count && !batch_builder_full(builder))) continue;
        struct batch batch = batch_builder_view(builder);
        batch.first_row = first_row;
        first_row += batch.row_count;
        err = table_writer_add(writer, &batch, fault);
        batch_builder_clear(builder);
    }
    if (err == OK) {
        err = table_writer_finish(writer, fault);
    } else {
        table_writer_abandon(writer);
    }
    batch_builder_close(builder);
    return err;
}

enum err forecast_table(struct step_context *context, const struct tabular_model *model,
                        struct series_data *data, const char *path, const char *work, bool *lines) {
    struct table *table;
    enum err err = table_open(path, &table, context->fault);
    if (err != OK) return err;
    struct series_source source = {.schema = table_schema(table), .table = table};
    struct forecast *forecasts = NULL;
    uint32_t count = 0, silent = 0;
    err = series_history_read(&source, data, context->arena, context->progress, context->fault);
    if (err == OK) {
        err = forecast_make(model, data, step_threads(context), context->arena, &forecasts, &count,
                            &silent, context->fault);
    }
    *lines = str_is(json_member_text(step_options(context), "format"), "jsonl");
    if (err == OK && *lines) err = lines_write(context, data, forecasts, count);
    if (err == OK && !*lines) err = rows_write(data, forecasts, count, work, context->fault);
    if (err == OK) {
        json_set_u64(context->summary, "rows", count);
        json_set_u64(context->summary, "silent", silent);
        json_set_bool(context->summary, "forecast", true);
    }
    table_close(table);
    return err;
}
