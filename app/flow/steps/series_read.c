// Rows into a regular grid: the first pass collects times, series and texts, the second puts every
// value where its time and series say.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "flow/steps/series_data.h"

enum {
    DAY_S = 86400,
    NUMBERING_ROWS_MIN = 20, // fewer whole numbers may rise by chance
    STAMPS_FIRST = 4096,
    STAMPS_MAX = 64 << 20, // rows: 512 MB
};

struct reading {
    const struct series_source *source;
    struct series_data *data;
    struct arena *arena, *batch_arena;
    struct progress *progress;
    struct fault *fault;
    struct table_frame *warnings; // learning; NULL: recalling
    int32_t time[SERIES_TIME_PARTS], id, value, holiday;
    int32_t *wide;    // (S) columns of the series of a wide table; -1: not there
    int32_t *columns; // (C)
    struct words ids;
    struct words *words; // (C)
    bool *broken;        // (C) an integer column that does not only rise
    int64_t *risen;      // (C)
    int64_t *stamps;     // times, as they come
    uint64_t stamp_count, stamp_room, row;
    uint8_t *seen; // (S, T): values of the cell so far
    struct buf scratch;
};

static enum err no_memory(struct reading *r) {
    return fault_set(r->fault, ERR_MEMORY, "train.no_memory", STR_NONE);
}

static void warn(struct reading *r, const char *code, struct str detail) {
    struct table_frame *to = r->warnings;
    if (!to || to->warning_count == FRAME_WARNINGS_MAX) return;
    to->warnings[to->warning_count++] = (struct frame_warning){code, detail};
}

static enum err column_find(struct reading *r, struct str name, int32_t *out) {
    int32_t found = schema_find(r->source->schema, name);
    const char *code = r->warnings ? "train.unknown_column" : "predict.missing_column";
    if (found < 0) return fault_set(r->fault, ERR_INPUT, code, name);
    if (r->warnings && r->source->schema->fields[found].role == COLUMN_DIRECT) {
        return fault_set(r->fault, ERR_INPUT, "train.direct_column", name);
    }
    *out = found;
    return OK;
}

static enum err each_batch(struct reading *r, table_visit *visit) {
    r->row = 0;
    if (r->source->batch) return visit(r, r->source->batch);
    return table_each(r->source->table, r->batch_arena, visit, r, r->progress, PHASE_READ,
                      r->fault);
}

// ---- one row ----------------------------------------------------------------------------------

static bool whole_of(const struct column *column, uint32_t row, int64_t *out) {
    if (column->type == COLUMN_TEXT) return integer_parse(str_trim(column_text(column, row)), out);
    double value = column_number(column, row);
    if (!(fabs(value) < 1e6)) return false;
    *out = (int64_t)value;
    return true;
}

static bool parts_time(const struct reading *r, const struct batch *batch, uint32_t row,
                       int64_t *out) {
    int64_t part[SERIES_TIME_PARTS] = {0}, days;
    for (uint32_t i = 0; i < r->data->time_count; i++) {
        const struct column *column = &batch->columns[r->time[i]];
        if (!column_valid(column, row) || !whole_of(column, row, &part[i])) return false;
    }
    char text[80];
    int size = snprintf(text, sizeof text, "%04lld-%lld-%lld", (long long)part[0],
                        (long long)part[1], (long long)part[2]);
    if (size < 0 || !date_parse((struct str){text, (size_t)size}, &days)) return false;
    *out = days * 86400 + part[3] * 3600 + part[4] * 60;
    return part[3] >= 0 && part[3] < 25 && part[4] >= 0 && part[4] < 60;
}

// False where the row has no time that can be read.
static bool time_of(const struct reading *r, const struct batch *batch, uint32_t row,
                    int64_t *out) {
    const struct series_data *data = r->data;
    if (data->time_count == 0) {
        *out = data->grid.clock.start_s + (int64_t)(r->row + row) * data->plan.step_s;
        return true;
    }
    if (data->time_count > 1) return parts_time(r, batch, row, out);
    const struct column *column = &batch->columns[r->time[0]];
    if (!column_valid(column, row)) return false;
    if (column->type == COLUMN_TEXT) {
        struct str text = str_trim(column_text(column, row));
        int64_t days;
        if (time_parse(text, out)) return true;
        if (!date_parse(text, &days)) return false;
        *out = days * 86400;
        return true;
    }
    if (column->type != COLUMN_TIME && column->type != COLUMN_DATE) return false;
    *out = column->integers[row] * (column->type == COLUMN_DATE ? 86400 : 1);
    return true;
}

static struct str text_of(struct reading *r, const struct column *column, uint32_t row) {
    if (!column_valid(column, row)) return STR_NONE;
    if (column->type == COLUMN_TEXT) return str_trim(column_text(column, row));
    buf_clear(&r->scratch);
    column_write(&r->scratch, column, row);
    return buf_str(&r->scratch);
}

static int64_t sorted_find(const struct str *names, uint32_t count, struct str name) {
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = str_compare(names[middle], name);
        if (order == 0) return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

// ---- first pass -------------------------------------------------------------------------------

static enum err stamp_add(struct reading *r, int64_t time_s) {
    if (r->stamp_count == r->stamp_room) {
        uint64_t room = r->stamp_room ? r->stamp_room * 2 : STAMPS_FIRST;
        if (room > STAMPS_MAX) return fault_set(r->fault, ERR_LIMIT, "series.too_large", STR_NONE);
        void *grown =
            memory_resize(r->stamps, r->stamp_room * sizeof *r->stamps, room * sizeof *r->stamps);
        if (!grown) return no_memory(r);
        r->stamps = grown;
        r->stamp_room = room;
    }
    r->stamps[r->stamp_count++] = time_s;
    return OK;
}

static void column_look(struct reading *r, uint32_t c, const struct column *column, uint32_t rows) {
    for (uint32_t row = 0; row < rows; row++) {
        if (column->type == COLUMN_TEXT && !r->words[c].over) {
            struct str text = text_of(r, column, row);
            if (text.size) words_add(&r->words[c], text);
        }
        if (column->type != COLUMN_INTEGER || r->broken[c]) continue;
        int64_t value = column_valid(column, row) ? column->integers[row] : INT64_MIN;
        r->broken[c] = (r->row + row > 0 && value <= r->risen[c]) || value == INT64_MIN;
        r->risen[c] = value;
    }
}

static enum err first_pass(void *ctx, const struct batch *batch) {
    struct reading *r = ctx;
    for (uint32_t row = 0; row < batch->row_count; row++) {
        int64_t time_s;
        if (!time_of(r, batch, row, &time_s)) {
            r->data->without_time++;
            continue;
        }
        enum err err = stamp_add(r, time_s);
        if (err != OK) return err;
        if (r->id < 0 || !r->warnings) continue;
        struct str id = text_of(r, &batch->columns[r->id], row);
        if (id.size) words_add(&r->ids, id);
    }
    for (uint32_t c = 0; r->warnings && c < r->data->plan.column_count; c++) {
        column_look(r, c, &batch->columns[r->columns[c]], batch->row_count);
        if (r->words[c].no_memory) return no_memory(r);
    }
    r->row += batch->row_count;
    if (r->ids.no_memory) return no_memory(r);
    return buf_err(&r->scratch);
}

// ---- second pass ------------------------------------------------------------------------------

static void value_put(struct reading *r, uint64_t cell, double value) {
    if (isnan(value) || fabs(value) > 3e38) return;
    float *to = &r->data->grid.values[cell];
    uint8_t seen = r->seen[cell];
    if (seen) r->data->duplicates++;
    double mean = seen ? (double)*to + (value - (double)*to) / (seen + 1) : value;
    *to = (float)mean;
    if (seen < UINT8_MAX) r->seen[cell]++;
}

static double number_of(const struct column *column, uint32_t row) {
    double value = NAN;
    if (!column_valid(column, row)) return NAN;
    if (column->type != COLUMN_TEXT) return column_number(column, row);
    return number_parse(str_trim(column_text(column, row)), &value) ? value : (double)NAN;
}

// "None", "no", 0 and nothing mark no holiday.
static bool marks_holiday(struct str text) {
    static const char *const none[] = {"",   "0",     "None",  "none",  "no", "No",
                                       "NO", "false", "False", "FALSE", "N",  "n",
                                       "否", "无",    "不是",  "工作日"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        if (str_is(text, none[i])) return false;
    }
    return text.size > 0;
}

static enum err series_of(struct reading *r, const struct batch *batch, uint32_t row,
                          int64_t *out) {
    const struct series_plan *plan = &r->data->plan;
    *out = 0;
    if (r->id < 0) return OK;
    struct str id = text_of(r, &batch->columns[r->id], row);
    *out = -1;
    if (id.size == 0) return OK;
    *out = sorted_find(plan->names, plan->series_count, id);
    if (*out >= 0) return OK;
    return fault_set(r->fault, ERR_INPUT, "series.unknown_id", id);
}

static void row_put(struct reading *r, const struct batch *batch, uint32_t row, uint32_t step,
                    uint32_t series) {
    struct series_data *data = r->data;
    uint64_t steps = data->grid.clock.steps;
    if (!data->wide) {
        value_put(r, series * steps + step, number_of(&batch->columns[r->value], row));
    }
    for (uint32_t s = 0; data->wide && s < data->plan.series_count; s++) {
        if (r->wide[s] < 0) continue;
        value_put(r, s * steps + step, number_of(&batch->columns[r->wide[s]], row));
    }
    for (uint32_t c = 0; c < data->plan.column_count; c++) {
        float *to = &data->grid.columns[c][(data->grid.shared ? 0 : series * steps) + step];
        if (!isnan(*to)) continue; // the first row of a time tells
        *to = feature_of_cell(&data->columns[c], &batch->columns[r->columns[c]], row, &r->scratch);
    }
    if (r->holiday >= 0 && marks_holiday(text_of(r, &batch->columns[r->holiday], row))) {
        data->grid.holiday[step] = 1;
    }
}

static enum err second_pass(void *ctx, const struct batch *batch) {
    struct reading *r = ctx;
    enum err err = OK;
    for (uint32_t row = 0; row < batch->row_count && err == OK; row++) {
        int64_t time_s, series = 0;
        uint32_t step;
        if (!time_of(r, batch, row, &time_s)) continue;
        if (!series_step_of(&r->data->grid.clock, time_s, &step)) continue;
        err = series_of(r, batch, row, &series);
        if (err == OK && series >= 0) row_put(r, batch, row, step, (uint32_t)series);
    }
    r->row += batch->row_count;
    return err == OK ? buf_err(&r->scratch) : err;
}

// ---- the grid ---------------------------------------------------------------------------------

static void missing_set(float *values, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) values[i] = NAN;
}

static enum err grid_take(struct reading *r) {
    struct series_data *data = r->data;
    struct series_grid *grid = &data->grid;
    uint64_t steps = grid->clock.steps, cells = steps * data->plan.series_count;
    grid->series = data->plan.series_count;
    grid->shared = data->wide || grid->series == 1;
    uint64_t column_cells = grid->shared ? steps : cells;
    if (cells + column_cells * data->plan.column_count > series_cells_max) {
        return fault_set(r->fault, ERR_LIMIT, "series.too_large", STR_NONE);
    }
    grid->values = ARENA_ARRAY(r->arena, float, cells);
    grid->columns = ARENA_ARRAY(r->arena, float *, data->plan.column_count + 1);
    r->seen = memory_take(cells + 1);
    if (!grid->values || !grid->columns || !r->seen) return no_memory(r);
    missing_set(grid->values, cells);
    for (uint32_t c = 0; c < data->plan.column_count; c++) {
        grid->columns[c] = ARENA_ARRAY(r->arena, float, column_cells);
        if (!grid->columns[c]) return no_memory(r);
        missing_set(grid->columns[c], column_cells);
    }
    if (r->holiday < 0) return OK;
    grid->holiday = ARENA_ARRAY(r->arena, uint8_t, steps);
    return grid->holiday ? OK : no_memory(r);
}

// A day that is marked at one of its steps is a holiday in all of them.
static void holidays_spread(struct series_data *data) {
    struct series_grid *grid = &data->grid;
    if (!grid->holiday) return;
    for (uint64_t first = 0; first < grid->clock.steps;) {
        int64_t day = series_time_of(&grid->clock, first) / 86400;
        uint64_t next = first;
        uint8_t marked = 0;
        for (; next < grid->clock.steps; next++) {
            if (series_time_of(&grid->clock, next) / 86400 != day) break;
            marked |= grid->holiday[next];
        }
        if (marked) memset(grid->holiday + first, 1, next - first);
        first = next;
    }
}

static enum err clock_settle(struct reading *r) {
    struct series_data *data = r->data;
    struct series_clock *clock = &data->grid.clock;
    if (data->time_count == 0) {
        if (r->row > UINT32_MAX || r->row == 0) {
            return fault_set(r->fault, ERR_INPUT, "series.one_time", STR_NONE);
        }
        *clock = (struct series_clock){clock->start_s, data->plan.step_s, (uint32_t)r->row,
                                       data->plan.timed};
        return OK;
    }
    bool told = data->plan.step_s > 0;
    enum err err = series_clock_find(r->stamps, r->stamp_count, data->plan.step_s, data->phase_s,
                                     clock, &data->off, r->fault);
    if (err != OK) return err;
    data->plan.step_s = clock->step_s;
    if (!told) data->phase_s = ((clock->start_s % clock->step_s) + clock->step_s) % clock->step_s;
    return OK;
}

static enum err grid_fill(struct reading *r) {
    enum err err = grid_take(r);
    if (err == OK) err = each_batch(r, second_pass);
    if (err != OK) return err;
    struct series_data *data = r->data;
    uint64_t cells = (uint64_t)data->grid.clock.steps * data->grid.series;
    data->filled = 0;
    for (uint64_t i = 0; i < cells; i++) data->filled += isnan(data->grid.values[i]) != 0;
    data->rows = r->row;
    holidays_spread(data);
    return OK;
}

// ---- which columns ----------------------------------------------------------------------------

static bool listed(const struct json *names, struct str name) {
    for (const struct json *item = json_first(names); item; item = json_next(item)) {
        if (str_equal(json_text(item), name)) return true;
    }
    return false;
}

static bool is_number(enum column_type type) {
    return type == COLUMN_NUMBER || type == COLUMN_INTEGER;
}

static bool taken(const struct reading *r, uint32_t column) {
    if ((int32_t)column == r->id || (int32_t)column == r->value || (int32_t)column == r->holiday) {
        return true;
    }
    for (uint32_t i = 0; i < r->data->time_count; i++) {
        if ((int32_t)column == r->time[i]) return true;
    }
    return false;
}

static enum err places_find(struct reading *r) {
    const struct series_data *data = r->data;
    enum err err = OK;
    r->id = r->value = r->holiday = -1;
    for (uint32_t i = 0; i < data->time_count && err == OK; i++) {
        err = column_find(r, data->time[i], &r->time[i]);
    }
    if (err == OK && data->id.size) err = column_find(r, data->id, &r->id);
    if (err == OK && data->holiday.size) err = column_find(r, data->holiday, &r->holiday);
    if (err == OK && !data->wide) err = column_find(r, data->target, &r->value);
    return err;
}

// A wide table's series: those told, or all numbers that are nothing else.
static enum err wide_learn(struct reading *r, const struct json *wish) {
    const struct schema *schema = r->source->schema;
    struct series_plan *plan = &r->data->plan;
    const struct json *values = json_member(wish, "values");
    plan->names = ARENA_ARRAY(r->arena, struct str, schema->count);
    r->wide = ARENA_ARRAY(r->arena, int32_t, schema->count);
    if (!plan->names || !r->wide) return no_memory(r);
    for (const struct json *item = json_first(values); item; item = json_next(item)) {
        int32_t column = 0;
        enum err err = column_find(r, json_text(item), &column);
        if (err != OK) return err;
    }
    for (uint32_t i = 0; i < schema->count; i++) {
        struct str name = schema->fields[i].name;
        if (taken(r, i) || listed(json_member(wish, "past"), name) ||
            listed(json_member(wish, "known"), name)) {
            continue;
        }
        bool wanted = json_first(values) ? listed(values, name)
                                         : is_number(schema->fields[i].type) &&
                                               schema->fields[i].role != COLUMN_DIRECT;
        if (!wanted) continue;
        r->wide[plan->series_count] = (int32_t)i;
        plan->names[plan->series_count++] = name;
    }
    if (plan->series_count > 0 && plan->series_count <= SERIES_MAX) return OK;
    return fault_set(r->fault, ERR_INPUT, "series.no_series", STR_NONE);
}

static enum err column_add(struct reading *r, uint32_t column, bool known) {
    struct series_plan *plan = &r->data->plan;
    const struct field *field = &r->source->schema->fields[column];
    if (plan->column_count == SERIES_COLUMNS_MAX) {
        return fault_set(r->fault, ERR_LIMIT, "series.too_many_columns", STR_NONE);
    }
    uint32_t c = plan->column_count++;
    r->columns[c] = (int32_t)column;
    plan->columns[c] =
        (struct series_column){field->name, known, feature_kind_of(field->type) != FEATURE_NUMBER};
    r->data->columns[c] = (struct feature){.name = field->name,
                                           .kind = feature_kind_of(field->type),
                                           .type = str_of(column_type_name(field->type))};
    bool bad =
        field->type == COLUMN_TEXT && words_open(r->arena, CATEGORIES_MAX, &r->words[c]) != OK;
    return bad ? no_memory(r) : OK;
}

// Columns that help: known ahead as told, past ones as told or, in a long table, all that are left.
static enum err columns_learn(struct reading *r, const struct json *wish) {
    const struct schema *schema = r->source->schema;
    const struct json *known = json_member(wish, "known"), *past = json_member(wish, "past");
    const struct json *lists[] = {known, past};
    r->columns = ARENA_ARRAY(r->arena, int32_t, SERIES_COLUMNS_MAX);
    r->words = ARENA_ARRAY(r->arena, struct words, SERIES_COLUMNS_MAX);
    r->broken = ARENA_ARRAY(r->arena, bool, SERIES_COLUMNS_MAX);
    r->risen = ARENA_ARRAY(r->arena, int64_t, SERIES_COLUMNS_MAX);
    r->data->columns = ARENA_ARRAY(r->arena, struct feature, SERIES_COLUMNS_MAX);
    r->data->plan.columns = ARENA_ARRAY(r->arena, struct series_column, SERIES_COLUMNS_MAX);
    if (!r->columns || !r->words || !r->broken || !r->risen || !r->data->columns ||
        !r->data->plan.columns) {
        return no_memory(r);
    }
    for (int i = 0; i < 2; i++) {
        for (const struct json *item = json_first(lists[i]); item; item = json_next(item)) {
            int32_t column = 0;
            enum err err = column_find(r, json_text(item), &column);
            if (err == OK) err = column_add(r, (uint32_t)column, i == 0);
            if (err != OK) return err;
        }
    }
    for (uint32_t i = 0; !past && !r->data->wide && i < schema->count; i++) {
        enum column_type type = schema->fields[i].type;
        if (taken(r, i) || type == COLUMN_DATE || type == COLUMN_TIME ||
            listed(known, schema->fields[i].name)) {
            continue;
        }
        if (schema->fields[i].role == COLUMN_DIRECT) {
            warn(r, "train.direct_left_out", schema->fields[i].name);
            continue;
        }
        enum err err = column_add(r, i, false);
        if (err != OK) return err;
    }
    return OK;
}

// Texts become categories; a column of too many, and one that numbers the rows, is left out.
static void columns_settle(struct reading *r) {
    struct series_plan *plan = &r->data->plan;
    uint32_t kept = 0;
    for (uint32_t c = 0; c < plan->column_count; c++) {
        bool text = plan->columns[c].category, whole = str_is(r->data->columns[c].type, "integer");
        const char *why = NULL;
        if (text && r->words[c].over) why = "train.column_left_out";
        if (whole && !r->broken[c] && r->row >= NUMBERING_ROWS_MIN) {
            why = "train.row_number_left_out";
        }
        if (why) {
            warn(r, why, plan->columns[c].name);
            continue;
        }
        if (text) {
            words_sort(&r->words[c]);
            r->data->columns[c].categories = r->words[c].items;
            r->data->columns[c].category_count = r->words[c].count;
        }
        plan->columns[kept] = plan->columns[c];
        r->data->columns[kept] = r->data->columns[c];
        r->columns[kept++] = r->columns[c];
    }
    plan->column_count = kept;
}

static enum err names_settle(struct reading *r) {
    struct series_plan *plan = &r->data->plan;
    if (!r->data->wide && r->id < 0) {
        plan->names = &r->data->target;
        plan->series_count = 1;
    }
    if (r->id >= 0) {
        if (r->ids.over) return fault_set(r->fault, ERR_LIMIT, "series.too_many", STR_NONE);
        if (r->ids.count == 0) return fault_set(r->fault, ERR_INPUT, "series.no_series", STR_NONE);
        words_sort(&r->ids);
        plan->names = r->ids.items;
        plan->series_count = r->ids.count;
    }
    plan->by_series = plan->series_count > 1 && plan->series_count <= CATEGORIES_MAX;
    plan->holiday = r->holiday >= 0;
    return OK;
}

static void seasons_settle(struct series_plan *plan, const struct series_clock *clock,
                           const struct json *wish) {
    uint32_t season, cycle;
    series_season_guess(clock, &season, &cycle);
    if (!json_member(wish, "season")) plan->season = season;
    if (!json_member(wish, "season") && !json_member(wish, "cycle")) plan->cycle = cycle;
    if (plan->season < 1) plan->season = 1;
    int64_t span_s = (int64_t)clock->steps * clock->step_s;
    plan->weekly = clock->timed && clock->step_s <= DAY_S && span_s >= 28 * (int64_t)DAY_S;
    plan->yearly = clock->timed && span_s >= 500 * (int64_t)DAY_S;
    if (plan->season == 1 || plan->cycle <= plan->season || plan->cycle % plan->season) {
        plan->cycle = 0;
    }
}

// ---- both ways --------------------------------------------------------------------------------

static enum err opened(struct reading *r) {
    buf_open(&r->scratch, LIMIT_CELL_BYTES);
    return arena_open((size_t)256 << 20, &r->batch_arena) == OK ? OK : no_memory(r);
}

static void closed(struct reading *r) {
    buf_close(&r->scratch);
    arena_close(r->batch_arena);
    memory_give(r->stamps);
    memory_give(r->seen);
}

static enum err learn(struct reading *r, const struct json *wish) {
    struct series_data *data = r->data;
    struct str value = json_member_text(wish, "value");
    if (value.size) data->target = value;
    enum err err = opened(r);
    if (err == OK) err = series_wish_read(wish, r->arena, data, r->fault);
    if (err == OK) err = places_find(r);
    if (err == OK && data->wide) err = wide_learn(r, wish);
    if (err == OK) err = columns_learn(r, wish);
    if (err == OK && words_open(r->arena, SERIES_MAX, &r->ids) != OK) err = no_memory(r);
    if (err == OK && !data->time_count && data->plan.step_s == 0) data->plan.step_s = 1;
    if (err == OK) err = each_batch(r, first_pass);
    if (err == OK) err = clock_settle(r);
    if (err == OK) err = names_settle(r);
    if (err != OK) return err;
    columns_settle(r);
    seasons_settle(&data->plan, &data->grid.clock, wish);
    err = series_graph_read(json_member(wish, "graph"), r->arena, &data->plan, r->fault);
    if (err == OK) err = grid_fill(r);
    if (err != OK) return err;
    if (data->grid.clock.steps < series_least(&data->plan)) {
        char needed[24];
        snprintf(needed, sizeof needed, "%u", series_least(&data->plan));
        return fault_set(r->fault, ERR_INPUT, "series.too_few_steps", str_of(needed));
    }
    return OK;
}

enum err series_learn(const struct series_source *source, const struct json *wish,
                      struct str target, struct arena *arena, struct progress *progress,
                      struct series_data *out, struct table_frame *warnings, struct fault *fault) {
    *out = (struct series_data){.target = target};
    struct reading r = {.source = source,
                        .data = out,
                        .arena = arena,
                        .progress = progress,
                        .fault = fault,
                        .warnings = warnings};
    enum err err = learn(&r, wish);
    closed(&r);
    return err == ERR_MEMORY ? no_memory(&r) : err;
}

static enum err recall_columns(struct reading *r) {
    struct series_data *data = r->data;
    struct series_plan *plan = &data->plan;
    r->columns = ARENA_ARRAY(r->arena, int32_t, plan->column_count + 1);
    r->wide = ARENA_ARRAY(r->arena, int32_t, plan->series_count + 1);
    if (!r->columns || !r->wide) return no_memory(r);
    enum err err = OK;
    for (uint32_t c = 0; c < plan->column_count && err == OK; c++) {
        err = column_find(r, plan->columns[c].name, &r->columns[c]);
    }
    uint32_t there = 0;
    for (uint32_t s = 0; s < plan->series_count && data->wide; s++) {
        r->wide[s] = schema_find(r->source->schema, plan->names[s]);
        there += r->wide[s] >= 0;
    }
    if (err == OK && data->wide && there == 0) err = column_find(r, plan->names[0], &r->wide[0]);
    return err;
}

enum err series_history_read(const struct series_source *source, struct series_data *data,
                             struct arena *arena, struct progress *progress, struct fault *fault) {
    struct reading r = {
        .source = source, .data = data, .arena = arena, .progress = progress, .fault = fault};
    enum err err = opened(&r);
    if (err == OK) err = places_find(&r);
    if (err == OK) err = recall_columns(&r);
    if (err == OK) err = each_batch(&r, first_pass);
    if (err == OK) err = clock_settle(&r);
    if (err == OK) err = grid_fill(&r);
    closed(&r);
    if (err != OK) return err == ERR_MEMORY ? no_memory(&r) : err;
    if (series_last(&data->grid) + 1 >= (int64_t)series_history(&data->plan)) return OK;
    char needed[24];
    snprintf(needed, sizeof needed, "%u", series_history(&data->plan));
    return fault_set(fault, ERR_INPUT, "series.too_short", str_of(needed));
}
