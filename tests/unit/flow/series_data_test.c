// Tables as series: long and wide, gaps and doubles, times in parts; the plan kept and read back,
// and damaged plans refused.
#include "check.h"
#include "flow/steps/series_profile.h"

static struct arena *arena;
static struct json *wish;
static struct frame_warning warnings[FRAME_WARNINGS_MAX];

// ---- a table at hand --------------------------------------------------------------------------

struct made {
    struct field fields[8];
    struct schema schema;
    struct batch_builder *builder;
    struct batch batch;
};

static bool made_open(struct made *made, const char *const *names, const enum column_type *types,
                      uint32_t count) {
    *made = (struct made){.schema = {made->fields, count}};
    for (uint32_t i = 0; i < count; i++) {
        made->fields[i] = (struct field){str_of(names[i]), types[i], COLUMN_PLAIN};
    }
    return batch_builder_open(&made->schema, &made->builder) == OK;
}

static enum err learn(struct made *made, const char *text, struct series_data *out,
                      struct table_frame *told, struct fault *fault) {
    made->batch = batch_builder_view(made->builder);
    struct series_source source = {.schema = &made->schema, .batch = &made->batch};
    json_close(wish);
    wish = NULL;
    *fault = (struct fault){0};
    *told = (struct table_frame){.warnings = warnings};
    enum err err = json_parse(str_of(text), &wish, fault);
    if (err != OK) return err;
    return series_learn(&source, wish, STR("flow"), arena, NULL, out, told, fault);
}

static const char *const long_names[] = {"when", "road", "flow", "rain", "kind"};
static const enum column_type long_types[] = {COLUMN_TIME, COLUMN_TEXT, COLUMN_NUMBER,
                                              COLUMN_NUMBER, COLUMN_TEXT};

// 400 hours of two roads; hour 100 is missing, hour 200 of road b stands twice.
static bool long_make(struct made *made) {
    bool right = made_open(made, long_names, long_types, 5);
    for (uint32_t hour = 0; right && hour < 400; hour++) {
        for (uint32_t road = 0; hour != 100 && road < 2; road++) {
            for (uint32_t again = 0; again < (hour == 200 && road == 1 ? 2 : 1); again++) {
                batch_set_integer(made->builder, 0, 1704067200 + 3600 * (int64_t)hour);
                right = batch_set_text(made->builder, 1, road ? STR("b") : STR("a")) == OK && right;
                batch_set_number(made->builder, 2, hour + 1000.0 * road + 50 * again);
                if (hour % 7) batch_set_number(made->builder, 3, hour / 10.0);
                right =
                    batch_set_text(made->builder, 4, hour % 2 ? STR("odd") : STR("even")) == OK &&
                    right;
                batch_row_end(made->builder);
            }
        }
    }
    return right;
}

static const char long_wish[] =
    "{\"time\":\"when\",\"id\":\"road\",\"horizons\":[3,1,1],\"known\":[\"kind\"],"
    "\"graph\":[[\"a\",\"b\",0.5],[1,0],[0,0,1]]}";

static void long_tables(void) {
    struct made made;
    struct series_data data;
    struct table_frame told;
    struct fault fault;
    REQUIRE(long_make(&made));
    REQUIRE(learn(&made, long_wish, &data, &told, &fault) == OK);
    CHECK_EQ(data.grid.clock.step_s, 3600);
    CHECK_EQ(data.grid.clock.steps, 400);
    CHECK_EQ(data.plan.series_count, 2);
    CHECK_EQ(data.plan.horizon_count, 2); // sorted, once each
    CHECK_EQ(data.plan.horizons[0], 1);
    CHECK_EQ(data.plan.season, 24);
    CHECK_EQ(data.plan.cycle, 0); // two weeks are no four
    CHECK_EQ(data.duplicates, 1);
    CHECK_EQ(data.filled, 2);
    CHECK_EQ(data.plan.edge_count, 2); // none to itself
    CHECK(isnan(series_value(&data.grid, 0, 100)));
    CHECK_NEAR((double)series_value(&data.grid, 1, 200), 1225, 1e-3); // the mean of both
    CHECK_EQ(data.plan.column_count, 2);
    CHECK(data.plan.columns[0].known && data.plan.columns[0].category);
    CHECK_NEAR((double)data.grid.columns[0][401], 1, 0); // "odd" of road b's second hour
    CHECK(isnan(data.grid.columns[1][0]));
    batch_builder_close(made.builder);
}

static void wishes_refused(void) {
    static const struct {
        const char *wish, *code;
    } bad[] = {
        {"{\"time\":\"when\",\"horizons\":[]}", "series.bad_wish"},
        {"{\"time\":[\"when\",\"road\"],\"horizons\":[1]}", "series.bad_wish"},
        {"{\"time\":\"when\",\"horizons\":[99999]}", "series.bad_wish"},
        {"{\"id\":\"road\",\"horizons\":[1]}", "series.bad_wish"},
        {"{\"time\":\"nobody\",\"horizons\":[1]}", "train.unknown_column"},
        {"{\"time\":\"when\",\"id\":\"road\",\"horizons\":[1],\"graph\":[[\"a\",\"c\"]]}",
         "series.bad_edge"},
        {"{\"time\":\"when\",\"id\":\"road\",\"horizons\":[1],\"graph\":[[0,2,1]]}",
         "series.bad_edge"},
        {"{\"time\":\"when\",\"id\":\"road\",\"horizons\":[500]}", "series.too_few_steps"},
        {"{\"time\":\"road\",\"horizons\":[1]}", "series.one_time"},
    };
    struct made made;
    struct series_data data;
    struct table_frame told;
    struct fault fault;
    REQUIRE(long_make(&made));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(learn(&made, bad[i].wish, &data, &told, &fault) == ERR_INPUT);
        CHECK_STR(fault.code, bad[i].code);
    }
    batch_builder_close(made.builder);
}

// A column a sensor, no times; a person says what a step is and when it began.
static void wide_tables(void) {
    static const char *const names[] = {"s1", "s2", "note"};
    static const enum column_type types[] = {COLUMN_NUMBER, COLUMN_INTEGER, COLUMN_TEXT};
    struct made made;
    struct series_data data;
    struct table_frame told;
    struct fault fault;
    REQUIRE(made_open(&made, names, types, 3));
    for (uint32_t i = 0; i < 1000; i++) {
        batch_set_number(made.builder, 0, i);
        if (i != 7) batch_set_integer(made.builder, 1, 2 * (int64_t)i);
        batch_row_end(made.builder);
    }
    REQUIRE(learn(&made,
                  "{\"wide\":true,\"horizons\":[3],\"step\":300,\"start\":\"2012-03-01 00:00\"}",
                  &data, &told, &fault) == OK);
    CHECK_EQ(data.plan.series_count, 2);
    CHECK_TEXT(data.plan.names[1], "s2");
    CHECK_EQ(data.plan.season, 288);
    CHECK_EQ(data.filled, 1);
    char text[24];
    series_time_write(&data, 288, text);
    CHECK_STR(text, "2012-03-02 00:00:00");
    REQUIRE(learn(&made, "{\"values\":[\"s2\"],\"horizons\":[3]}", &data, &told, &fault) == OK);
    CHECK_EQ(data.plan.series_count, 1);
    CHECK(!data.plan.timed && data.plan.season == 1);
    series_time_write(&data, 288, text);
    CHECK_STR(text, "289");
    batch_builder_close(made.builder);
}

static void times_in_parts(void) {
    static const char *const names[] = {"year", "month", "day", "hour", "flow"};
    static const enum column_type types[] = {COLUMN_INTEGER, COLUMN_INTEGER, COLUMN_INTEGER,
                                             COLUMN_INTEGER, COLUMN_NUMBER};
    struct made made;
    struct series_data data;
    struct table_frame told;
    struct fault fault;
    REQUIRE(made_open(&made, names, types, 5));
    for (uint32_t i = 0; i < 24 * 29; i++) {
        int64_t parts[] = {2024, 2, i / 24 + 1, i % 24};
        for (uint32_t c = 0; c < 4; c++) batch_set_integer(made.builder, c, parts[c]);
        batch_set_number(made.builder, 4, i);
        batch_row_end(made.builder);
    }
    batch_set_integer(made.builder, 0, 2023); // 2023-02-30 is no day
    for (uint32_t c = 1; c < 4; c++) batch_set_integer(made.builder, c, c == 2 ? 30 : 2);
    batch_row_end(made.builder);
    REQUIRE(learn(&made, "{\"time\":[\"year\",\"month\",\"day\",\"hour\"],\"horizons\":[1]}", &data,
                  &told, &fault) == OK);
    CHECK_EQ(data.grid.clock.steps, 24 * 29);
    CHECK_EQ(data.without_time, 1);
    CHECK_EQ(data.plan.cycle, 168);
    char text[24];
    series_time_write(&data, 24 * 28, text);
    CHECK_STR(text, "2024-02-29 00:00:00");
    batch_builder_close(made.builder);
}

// ---- the plan in a model's file ---------------------------------------------------------------

static bool plan_text(struct series_data *data, struct buf *out) {
    data->spread = ARENA_ARRAY(arena, struct series_spread, data->plan.horizon_count);
    if (!data->spread) return false;
    for (uint32_t h = 0; h < data->plan.horizon_count; h++) {
        data->spread[h] = (struct series_spread){.bands = 2, .upper = {7}, .low = {{-1, -2}}};
    }
    if (!data->profile) {
        static float edges[] = {1, 2.5f};
        static uint64_t counts[] = {4, 5, 6};
        static struct series_part part = {
            .of = {3, edges, counts, 1}, .mean = 2, .usual = {0.5}, .stretches = 1};
        static struct series_block blocks[SERIES_HORIZONS_MAX] = {{.rows = 3, .absolute = 7}};
        static struct series_profile profile = {
            .last_s = 9, .steps = 400, .parts = &part, .part_count = 1, .blocks = blocks};
        profile.block_count = 1;
        data->profile = &profile;
    }
    struct json_writer writer = json_writer_of(out);
    json_open_object(&writer);
    json_put_name(&writer, "series");
    series_write(&writer, data);
    json_close_object(&writer);
    return buf_err(out) == OK;
}

static void plans_come_back(void) {
    struct made made;
    struct series_data data, back;
    struct table_frame told;
    struct fault fault = {0};
    struct buf text, again;
    bool is_series;
    buf_open(&text, 1 << 20);
    buf_open(&again, 1 << 20);
    REQUIRE(long_make(&made) && learn(&made, long_wish, &data, &told, &fault) == OK);
    struct tabular_about about = {.task = TASK_REGRESSION};
    about.features = series_frame_features(&data, arena, &about.feature_count);
    REQUIRE(about.features && plan_text(&data, &text));
    about.preparation = buf_str(&text);
    REQUIRE(series_recall(&about, arena, &back, &is_series, &fault) == OK && is_series);
    REQUIRE(plan_text(&back, &again));
    CHECK_BYTES(again.data, again.size, text.data, text.size);
    CHECK(back.profile && back.profile != data.profile);
    struct series_source source = {.schema = &made.schema, .batch = &made.batch};
    REQUIRE(series_history_read(&source, &back, arena, NULL, &fault) == OK);
    CHECK_EQ(series_last(&back.grid), 399);
    CHECK_NEAR((double)series_value(&back.grid, 1, 399), 1399, 0);
    batch_builder_close(made.builder);
    buf_close(&text);
    buf_close(&again);
}

// Any byte may be wrong: refused or read, never more.
static void damaged_plans(void) {
    struct made made;
    struct series_data data, back;
    struct table_frame told;
    struct fault fault = {0};
    struct buf text;
    uint32_t refused = 0;
    buf_open(&text, 1 << 20);
    REQUIRE(long_make(&made) && learn(&made, long_wish, &data, &told, &fault) == OK);
    struct tabular_about about = {.task = TASK_REGRESSION};
    about.features = series_frame_features(&data, arena, &about.feature_count);
    REQUIRE(about.features && plan_text(&data, &text));
    about.preparation = buf_str(&text);
    for (uint32_t i = 0; i < 3000; i++) {
        size_t at = 10 + check_below(text.size - 10);
        char was = text.data[at];
        bool is_series;
        text.data[at] = "0129-[]{},:\"ae"[check_below(14)];
        fault = (struct fault){0};
        enum err err = series_recall(&about, arena, &back, &is_series, &fault);
        refused += err == ERR_CORRUPT;
        CHECK(err == OK || err == ERR_CORRUPT);
        text.data[at] = was;
    }
    CHECK(refused > 500);
    batch_builder_close(made.builder);
    buf_close(&text);
}

int main(void) {
    if (arena_open((size_t)512 << 20, &arena) != OK) return 1;
    CHECK_RUN(long_tables);
    CHECK_RUN(wishes_refused);
    CHECK_RUN(wide_tables);
    CHECK_RUN(times_in_parts);
    CHECK_RUN(plans_come_back);
    CHECK_RUN(damaged_plans);
    json_close(wish);
    arena_close(arena);
    return check_done();
}
