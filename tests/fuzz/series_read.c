// Rows as series. First byte even: a wish (JSON, the first line) and a table of five columns (the
// lines behind it, cells between '|', in types the byte chooses): what is learnt is kept as a model
// keeps it, comes back the same, and reads the same rows as the recent past. Odd: the rest is a
// model's preparation, read back or refused; 255: the profile in one, likewise.
#include "flow/steps/series_profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COLUMNS = 5, ROWS_MAX = 3000 };
static struct arena *arena;
static struct frame_warning warnings[FRAME_WARNINGS_MAX];

static void cell_put(struct batch_builder *builder, uint32_t column, enum column_type type,
                     struct str cell) {
    int64_t whole;
    double number;
    if (cell.size == 0) return; // missing
    switch (type) {
    case COLUMN_TEXT:
        if (utf8_valid(cell) && batch_set_text(builder, column, cell) != OK) abort();
        break;
    case COLUMN_TIME:
        if (time_parse(cell, &whole)) batch_set_integer(builder, column, whole);
        break;
    case COLUMN_DATE:
        if (date_parse(cell, &whole)) batch_set_integer(builder, column, whole);
        break;
    case COLUMN_INTEGER:
        if (integer_parse(cell, &whole)) batch_set_integer(builder, column, whole);
        break;
    case COLUMN_NUMBER:
        if (number_parse(cell, &number)) batch_set_number(builder, column, number);
        break;
    case COLUMN_BOOLEAN:
    case COLUMN_TYPE_COUNT: break;
    }
}

// Times far apart make grids that only cost time.
static bool is_near(struct str cell) {
    int64_t time_s, days;
    if (date_parse(cell, &days)) return days >= 19723 && days < 19813; // 90 days from 2024 on
    return !time_parse(cell, &time_s) || (time_s >= 1704067200 && time_s < 1711843200);
}

static void rows_fill(struct batch_builder *builder, const struct schema *schema, struct str text) {
    for (uint32_t row = 0; text.size > 0 && row < ROWS_MAX; row++) {
        struct str line = str_cut(text, '\n', &text);
        for (uint32_t c = 0; c < schema->count; c++) {
            struct str cell = str_cut(line, '|', &line);
            if (c > 0 || is_near(cell)) cell_put(builder, c, schema->fields[c].type, cell);
        }
        batch_row_end(builder);
        if (batch_builder_full(builder)) break;
    }
}

static void plan_write(struct series_data *data, struct buf *out) {
    data->spread = ARENA_ARRAY(arena, struct series_spread, data->plan.horizon_count);
    if (!data->spread) abort();
    for (uint32_t h = 0; h < data->plan.horizon_count; h++) {
        data->spread[h] = (struct series_spread){.bands = 2, .upper = {7}, .low = {{-1, -2}}};
    }
    struct json_writer writer = json_writer_of(out);
    json_open_object(&writer);
    json_put_name(&writer, "series");
    series_write(&writer, data);
    json_close_object(&writer);
}

// Kept in a model and read back: the same again, and the same rows are its past.
static void comes_back(const struct series_source *source, struct series_data *data) {
    struct series_data back;
    struct buf text, again;
    struct fault fault = {0};
    bool is_series = false;
    buf_open(&text, LIMIT_JSON_BYTES);
    buf_open(&again, LIMIT_JSON_BYTES);
    struct tabular_about about = {.task = TASK_REGRESSION};
    about.features = series_frame_features(data, arena, &about.feature_count);
    if (!about.features) abort();
    plan_write(data, &text);
    about.preparation = buf_str(&text);
    if (buf_err(&text) == OK) {
        if (series_recall(&about, arena, &back, &is_series, &fault) != OK || !is_series) abort();
        enum err err = series_history_read(source, &back, arena, NULL, &fault);
        if ((err == OK) != (fault.code[0] == '\0')) abort();
        plan_write(&back, &again);
        if (again.size != text.size || memcmp(again.data, text.data, text.size)) abort();
    }
    buf_close(&again);
    buf_close(&text);
}

static void learn(uint8_t types, struct str text) {
    static const char *const names[COLUMNS] = {"when", "road", "flow", "rain", "kind"};
    static const enum column_type first[] = {COLUMN_TIME, COLUMN_TEXT, COLUMN_DATE, COLUMN_INTEGER};
    const enum column_type all[COLUMNS] = {first[types / 2 % 4], COLUMN_TEXT, COLUMN_NUMBER,
                                           types & 8 ? COLUMN_TEXT : COLUMN_INTEGER, COLUMN_TEXT};
    struct field fields[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) fields[c] = (struct field){str_of(names[c]), all[c], 0};
    struct schema schema = {fields, COLUMNS};
    struct batch_builder *builder;
    struct json *wish = NULL;
    struct str rows, line = str_cut(text, '\n', &rows);
    struct series_data data;
    struct table_frame told = {.warnings = warnings};
    struct fault fault = {0};
    if (json_parse(line, &wish, NULL) != OK) return;
    if (batch_builder_open(&schema, &builder) != OK) abort();
    rows_fill(builder, &schema, rows);
    struct batch batch = batch_builder_view(builder);
    struct series_source source = {.schema = &schema, .batch = &batch};
    enum err err = batch.row_count == 0 ? ERR_INPUT
                                        : series_learn(&source, wish, STR("flow"), arena, NULL,
                                                       &data, &told, &fault);
    if (batch.row_count > 0 && (err == OK) != (fault.code[0] == '\0')) abort();
    if (err == OK) comes_back(&source, &data);
    batch_builder_close(builder);
    json_close(wish);
}

static void recall(struct str text) {
    static const struct feature feature = {.name = {"x", 1}, .type = {"number", 6}};
    struct tabular_about about = {
        .task = TASK_REGRESSION, .features = &feature, .feature_count = 1, .preparation = text};
    struct series_data data;
    struct fault fault = {0};
    bool is_series = false;
    enum err err = series_recall(&about, arena, &data, &is_series, &fault);
    if (err != OK && err != ERR_CORRUPT && err != ERR_MEMORY) abort();
}

static void profile(struct str text) {
    static struct str names[] = {STR("a"), STR("b")};
    static struct series_column columns[] = {{.name = STR("rain")},
                                             {.name = STR("kind"), .category = true}};
    static struct feature features[] = {{.category_count = 0}, {.category_count = 2}};
    static uint32_t horizons[] = {1, 3};
    struct series_data data = {.plan = {.horizons = horizons,
                                        .horizon_count = 2,
                                        .names = names,
                                        .series_count = 2,
                                        .columns = columns,
                                        .column_count = 2},
                               .columns = features};
    struct series_profile read, again;
    struct json *node = NULL;
    if (json_parse(text, &node, NULL) != OK) return;
    if (series_profile_read(node, &data, arena, &read)) {
        struct buf kept;
        struct json *back = NULL;
        buf_open(&kept, LIMIT_JSON_BYTES);
        struct json_writer out = json_writer_of(&kept);
        series_profile_write(&out, &data, &read);
        bool whole = buf_err(&kept) == OK && json_parse(buf_str(&kept), &back, NULL) == OK;
        if (!whole || !series_profile_read(back, &data, arena, &again)) abort();
        if (again.part_count != read.part_count) abort();
        json_close(back);
        buf_close(&kept);
    }
    json_close(node);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    if (!arena && arena_open((size_t)1 << 30, &arena) != OK) abort();
    arena_reset(arena);
    struct str text = {(const char *)data + 1, size - 1};
    if (data[0] == 255)
        profile(text);
    else if (data[0] & 1)
        recall(text);
    else
        learn(data[0], text);
    return 0;
}
