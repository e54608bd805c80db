// A forecast's profile: what it keeps of values and errors against plain sums over them, how far
// stretches of training lie from all of it, and that it comes back from its text as it went.
#include <math.h>

#include "check.h"
#include "flow/steps/series_profile.h"

enum { STEPS = 480, ROADS = 2 };
static struct arena *arena;
static struct str names[] = {STR("a"), STR("b")}, kinds[] = {STR("dry"), STR("wet")};
static struct series_column columns[] = {{.name = STR("rain")},
                                         {.name = STR("kind"), .category = true}};
static struct feature features[] = {
    {.name = STR("rain")}, {.name = STR("kind"), .categories = kinds, .category_count = 2}};
static uint32_t horizons[] = {1, 24};
static float values[ROADS * STEPS], rain[ROADS * STEPS], kind[ROADS * STEPS];
static float *column_values[] = {rain, kind};

// Road b is higher; now and then a value is missing; it rains in the second half only.
static struct series_data data_make(void) {
    for (uint32_t i = 0; i < ROADS * STEPS; i++) {
        uint32_t step = i % STEPS;
        values[i] = (float)(100 * check_uniform() + (i >= STEPS ? 1000 : 0));
        if (check_below(10) == 0) values[i] = NAN;
        rain[i] = step < STEPS / 2 ? 0 : (float)(1 + check_uniform());
        kind[i] = step < STEPS / 2 ? 0 : 1;
    }
    values[STEPS - 1] = 50; // the last step is known
    return (struct series_data){
        .plan = {.step_s = 3600,
                 .timed = true,
                 .season = 24,
                 .horizons = horizons,
                 .horizon_count = 2,
                 .names = names,
                 .series_count = ROADS,
                 .columns = columns,
                 .column_count = 2},
        .grid = {.clock = {.start_s = 1704067200, .step_s = 3600, .steps = STEPS, .timed = true},
                 .series = ROADS,
                 .values = values,
                 .columns = column_values},
        .target = STR("flow"),
        .columns = features};
}

struct forecasts {
    struct series_rows rows;
    struct series_backtest test;
};

// One forecast for each road, horizon and origin from step 240 on.
static struct forecasts forecasts_make(void) {
    struct forecasts made = {.test = {.first = 0, .cuts = {240}, .cut_count = 1}};
    uint64_t rows = (uint64_t)ROADS * 2 * (STEPS - 240), i = 0;
    struct series_rows *to = &made.rows;
    to->frame.rows = rows;
    to->truth = ARENA_ARRAY(arena, double, rows);
    to->anchor = ARENA_ARRAY(arena, double, rows);
    to->origin = ARENA_ARRAY(arena, uint32_t, rows);
    to->series = ARENA_ARRAY(arena, uint16_t, rows);
    to->horizon = ARENA_ARRAY(arena, uint8_t, rows);
    made.test.predicted = ARENA_ARRAY(arena, double, rows);
    for (int l = 0; l < SERIES_LEVELS; l++) {
        made.test.low[l] = ARENA_ARRAY(arena, float, rows);
        made.test.high[l] = ARENA_ARRAY(arena, float, rows);
    }
    for (uint32_t origin = 240; origin < STEPS; origin++) {
        for (uint32_t k = 0; k < ROADS * 2; k++, i++) {
            to->origin[i] = origin;
            to->series[i] = (uint16_t)(k / 2);
            to->horizon[i] = (uint8_t)(k % 2);
            to->truth[i] = 100 * check_uniform();
            to->anchor[i] = 100 * check_uniform();
            made.test.predicted[i] = check_below(20) ? 100 * check_uniform() : (double)NAN;
            for (int l = 0; l < SERIES_LEVELS; l++) {
                made.test.low[l][i] = (float)(made.test.predicted[i] - 20 * (l + 1));
                made.test.high[l][i] = (float)(made.test.predicted[i] + 20 * (l + 1));
            }
        }
    }
    return made;
}

static const struct series_part *part_of(const struct series_profile *profile,
                                         enum series_part_kind kind_wanted, uint32_t at) {
    for (uint32_t i = 0; i < profile->part_count; i++) {
        const struct series_part *part = &profile->parts[i];
        if (part->kind == kind_wanted && part->at == at) return part;
    }
    return NULL;
}

static void check_sums(const struct forecasts *made, const struct series_profile *profile) {
    for (uint8_t h = 0; h < 2; h++) {
        struct series_block want = {0}, got = {0};
        for (uint64_t i = 0; i < made->rows.frame.rows; i++) {
            double error = made->test.predicted[i] - made->rows.truth[i];
            if (made->rows.horizon[i] != h || isnan(error)) continue;
            want.rows++;
            want.absolute += fabs(error);
            want.square += error * error;
            want.signed_error += error;
            want.rule += fabs(made->rows.anchor[i] - made->rows.truth[i]);
            for (int l = 0; l < SERIES_LEVELS; l++) want.inside[l] += fabs(error) <= 20 * (l + 1);
        }
        for (uint32_t b = 0; b < profile->block_count; b++) {
            const struct series_block *block = &profile->blocks[h * profile->block_count + b];
            CHECK(block->rows > 0);
            got.rows += block->rows;
            got.absolute += block->absolute;
            got.square += block->square;
            got.signed_error += block->signed_error;
            got.rule += block->rule;
            for (int l = 0; l < SERIES_LEVELS; l++) got.inside[l] += block->inside[l];
        }
        CHECK_NEAR(got.rows, want.rows, 0);
        CHECK_NEAR(got.absolute, want.absolute, 1e-6);
        CHECK_NEAR(got.square, want.square, 1e-4);
        CHECK_NEAR(got.signed_error, want.signed_error, 1e-6);
        CHECK_NEAR(got.rule, want.rule, 1e-6);
        // Borders are kept as floats: one forecast may lie just on one.
        for (int l = 0; l < SERIES_LEVELS; l++) CHECK_NEAR(got.inside[l], want.inside[l], 1);
    }
}

static void a_profile_is_its_sums(void) {
    struct series_data data = data_make();
    struct forecasts made = forecasts_make();
    struct series_profile profile;
    REQUIRE(series_profile_make(&data, &made.rows, &made.test, arena, &profile) == OK);
    CHECK_EQ(profile.steps, STEPS);
    CHECK_EQ(profile.last_s, 1704067200 + 3600 * (STEPS - 1));
    CHECK_EQ(profile.part_count, 1 + 2 + ROADS);
    CHECK_EQ(profile.left_out, 0);
    for (uint32_t i = 0; i < profile.part_count; i++) {
        const struct series_part *part = &profile.parts[i];
        uint64_t all = part->of.missing, want = part->kind == SERIES_PART_SERIES ? 1 : ROADS;
        for (uint32_t b = 0; b < part->of.bins; b++) all += part->of.counts[b];
        CHECK_EQ(all, want * STEPS);
    }
    const struct series_part *b = part_of(&profile, SERIES_PART_SERIES, 1);
    double sum = 0;
    uint64_t count = 0;
    for (uint32_t t = 0; t < STEPS; t++) {
        if (isnan(values[STEPS + t])) continue;
        sum += (double)values[STEPS + t];
        count++;
    }
    REQUIRE(b != NULL);
    CHECK_EQ(b->of.missing, STEPS - count);
    CHECK_NEAR(b->mean, sum / (double)count, 1e-9);
    CHECK_TEXT(series_part_name(&data, b), "b");
    CHECK_TEXT(series_part_name(&data, &profile.parts[0]), "flow");
    CHECK_EQ(profile.block_count, (STEPS - 240) / 24); // a day each
    check_sums(&made, &profile);
}

// Half a year's rain is half the training's: an index as large as that is nothing new for a
// stretch of so many steps; even values lie near all their stretches.
static void stretches_of_training(void) {
    struct series_data data = data_make();
    struct forecasts made = forecasts_make();
    struct series_profile profile;
    REQUIRE(series_profile_make(&data, &made.rows, &made.test, arena, &profile) == OK);
    const struct series_part *wet = part_of(&profile, SERIES_PART_COLUMN, 1);
    const struct series_part *even = part_of(&profile, SERIES_PART_SERIES, 0);
    REQUIRE(wet && even);
    CHECK_EQ(wet->stretches, 4); // 16 of 30 steps; 32 would be of 15
    // Half of them each in training, all of one kind in each half: two terms of the index.
    double want = (1 - 0.5) * log(1 / 0.5) + (1e-4 - 0.5) * log(1e-4 / 0.5);
    CHECK_NEAR(series_part_usual(&profile, wet, STEPS / 2), want, 1e-9);
    CHECK_NEAR(series_part_usual(&profile, wet, STEPS * 4), want, 1e-9); // longer: of a half
    CHECK_NEAR(series_part_usual(&profile, wet, 1), want, 1e-9);
    double half = series_part_usual(&profile, even, STEPS / 2);
    double short_one = series_part_usual(&profile, even, STEPS / 16);
    CHECK(half < 0.15 && short_one > half);
    CHECK(isnan(series_part_usual(&profile, &(struct series_part){0}, 10)));
    struct series_part now = *wet; // the second half is like the most different one of training
    uint64_t counts[3] = {0};
    now.of.counts = counts;
    now.of.missing = 0;
    CHECK(isnan(series_part_count(&data, &now, STEPS / 2, STEPS)));
    CHECK_EQ(counts[0], 0);
    CHECK_EQ(counts[1], ROADS * STEPS / 2);
    CHECK_NEAR(distribution_psi(&wet->of, &now.of), want, 1e-9);
}

static void blocks_by_length(void) {
    struct series_plan plan = {.season = 24, .horizons = horizons, .horizon_count = 2};
    CHECK_EQ(series_block_count(&plan, 100, 100), 1);
    CHECK_EQ(series_block_count(&plan, 100, 130), 1);
    CHECK_EQ(series_block_count(&plan, 0, 24 * 5), 5);
    CHECK_EQ(series_block_count(&plan, 0, 24 * 500), SERIES_BLOCKS_MAX);
    plan.season = 1; // the farthest horizon's length then
    CHECK_EQ(series_block_count(&plan, 0, 24 * 5), 5);
}

// What finds no room in the model's file is counted.
static void too_many_series(void) {
    enum { MANY = 1000 };
    struct series_data data = data_make();
    struct forecasts made = forecasts_make();
    struct series_profile profile;
    data.grid.series = data.plan.series_count = MANY;
    data.grid.values = ARENA_ARRAY(arena, float, (size_t)MANY *STEPS);
    data.plan.names = ARENA_ARRAY(arena, struct str, MANY);
    data.plan.column_count = 0;
    REQUIRE(data.grid.values && data.plan.names);
    for (uint32_t i = 0; i < MANY * STEPS; i++) data.grid.values[i] = (float)check_uniform();
    REQUIRE(series_profile_make(&data, &made.rows, &made.test, arena, &profile) == OK);
    CHECK_EQ(profile.parts[0].kind, SERIES_PART_TARGET);
    CHECK_EQ(profile.part_count + profile.left_out, MANY + 1);
    CHECK(profile.part_count > 300 && profile.left_out > 300);
}

static bool text_of(const struct series_data *data, const struct series_profile *profile,
                    struct buf *out) {
    struct json_writer writer = json_writer_of(out);
    series_profile_write(&writer, data, profile);
    return buf_err(out) == OK;
}

static bool back_of(struct str text, const struct series_data *data, struct series_profile *out) {
    struct json *node = NULL;
    if (json_parse(text, &node, NULL) != OK) return false;
    bool right = series_profile_read(node, data, arena, out);
    json_close(node);
    return right;
}

static void profiles_come_back(void) {
    struct series_data data = data_make();
    struct forecasts made = forecasts_make();
    struct series_profile profile, back;
    struct buf text, again;
    uint32_t refused = 0;
    buf_open(&text, 1 << 20);
    buf_open(&again, 1 << 20);
    REQUIRE(series_profile_make(&data, &made.rows, &made.test, arena, &profile) == OK);
    REQUIRE(text_of(&data, &profile, &text) && back_of(buf_str(&text), &data, &back));
    REQUIRE(text_of(&data, &back, &again));
    CHECK_BYTES(again.data, again.size, text.data, text.size);
    CHECK(text.size < 8000);
    check_sums(&made, &profile);
    for (uint32_t i = 0; i < 5000; i++) { // any byte may be wrong: refused or read, never more
        size_t at = check_below(text.size);
        char was = text.data[at];
        text.data[at] = "0129-[]{},:\"ae"[check_below(14)];
        refused += !back_of(buf_str(&text), &data, &back);
        text.data[at] = was;
    }
    CHECK(refused > 1000);
    buf_close(&text);
    buf_close(&again);
}

static void strangers_are_refused(void) {
    static const char *const bad[] = {
        "{}",
        "{\"last_s\":1,\"steps\":0,\"parts\":[],\"backtest\":[[1,1,1,1,1,1,1],[1,1,1,1,1,1,1]]}",
        "{\"last_s\":1,\"steps\":9,\"parts\":[],\"backtest\":[[1,1,1,1,1,1,1]]}", // of one horizon
        "{\"last_s\":1,\"steps\":9,\"parts\":[],\"backtest\":[[1,1,1,1,1,1],[1,1,1,1,1,1,1]]}",
        "{\"last_s\":1,\"steps\":9,\"parts\":[],\"backtest\":[[1,-1,1,1,1,1,1],[1,1,1,1,1,1,1]]}",
        "{\"last_s\":1,\"steps\":9,\"parts\":[{\"series\":2,\"edges\":[],\"counts\":[1]}],"
        "\"backtest\":[[1,1,1,1,1,1,1],[1,1,1,1,1,1,1]]}",
        "{\"last_s\":1,\"steps\":9,\"parts\":[{\"target\":0,\"edges\":[2,1],\"counts\":[1,1,1]}],"
        "\"backtest\":[[1,1,1,1,1,1,1],[1,1,1,1,1,1,1]]}",
        "{\"last_s\":1,\"steps\":9,\"parts\":[{\"target\":0,\"edges\":[1,2],\"counts\":[1,1]}],"
        "\"backtest\":[[1,1,1,1,1,1,1],[1,1,1,1,1,1,1]]}",
        "{\"last_s\":1,\"steps\":9,\"parts\":[{\"column\":1,\"edges\":[],\"counts\":[1]}],"
        "\"backtest\":[[1,1,1,1,1,1,1],[1,1,1,1,1,1,1]]}", // two kinds
    };
    struct series_data data = data_make();
    struct series_profile out;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(!back_of(str_of(bad[i]), &data, &out));
    }
    CHECK(
        back_of(STR("{\"last_s\":1,\"steps\":9,\"parts\":[{\"target\":0,\"edges\":[1,2],\"counts\":"
                    "[1,1,1]}],\"backtest\":[[1,1,1,-1,1,1,1],[1,1,1,1,1,1,1]]}"),
                &data, &out));
}

int main(void) {
    if (arena_open((size_t)512 << 20, &arena) != OK) return 1;
    CHECK_RUN(a_profile_is_its_sums);
    CHECK_RUN(stretches_of_training);
    CHECK_RUN(blocks_by_length);
    CHECK_RUN(too_many_series);
    CHECK_RUN(profiles_come_back);
    CHECK_RUN(strangers_are_refused);
    arena_close(arena);
    return check_done();
}
