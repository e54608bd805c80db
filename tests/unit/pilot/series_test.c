// Series: the clock behind times, features by hand, nothing of the future in them, the spread.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "pilot/series.h"

enum { STEPS = 800, HOUR_S = 3600 };
// 2024-03-01 00:00, a Friday.
static const int64_t start_s = 1709251200;

static struct arena *arena;

static void clocks(void) {
    struct series_clock clock;
    struct fault fault = {0};
    uint64_t off;
    int64_t gaps[] = {900, 0, 300, 600, 1500, 300}; // unsorted, one twice, one missing
    REQUIRE(series_clock_find(gaps, 6, 0, 0, &clock, &off, &fault) == OK);
    CHECK_EQ(clock.step_s, 300);
    CHECK_EQ(clock.start_s, 0);
    CHECK_EQ(clock.steps, 6);
    CHECK_EQ(off, 0);
    uint32_t step;
    CHECK(series_step_of(&clock, 1499, &step) && step == 4);
    CHECK(!series_step_of(&clock, -1, &step) && !series_step_of(&clock, 1800, &step));
    int64_t wild[] = {0, 7, 31, 44, 103, 120, 177, 301};
    CHECK_EQ(series_clock_find(wild, 8, 0, 0, &clock, &off, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "series.irregular_times");
    REQUIRE(series_clock_find(wild, 8, 60, 0, &clock, &off, NULL) == OK); // told: they fall into it
    CHECK_EQ(clock.steps, 6);
    fault = (struct fault){0};
    int64_t once[] = {5, 5};
    CHECK_EQ(series_clock_find(once, 2, 0, 0, &clock, &off, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "series.one_time");
    int64_t far[] = {0, 1, 2, 1000000000000};
    fault = (struct fault){0};
    CHECK_EQ(series_clock_find(far, 4, 0, 0, &clock, &off, &fault), ERR_LIMIT);
}

static void seasons(void) {
    uint32_t season, cycle;
    series_season_guess(&(struct series_clock){0, HOUR_S, 5000, true}, &season, &cycle);
    CHECK(season == 24 && cycle == 168);
    series_season_guess(&(struct series_clock){0, 300, 2016, true}, &season, &cycle);
    CHECK(season == 288 && cycle == 0); // one week is no four
    series_season_guess(&(struct series_clock){0, 86400, 300, true}, &season, &cycle);
    CHECK(season == 7 && cycle == 0);
    series_season_guess(&(struct series_clock){0, 1, 5000, false}, &season, &cycle);
    CHECK(season == 1 && cycle == 0);
}

// Two series, the second three times the first, of a day's season; a past and a known column.
static uint32_t horizons[] = {1, 3, 30};
static uint8_t rules[3];
static double scales[3];
static struct series_column columns[] = {{STR("rain"), false, false}, {STR("price"), true, false}};
static struct series_edge edges[] = {{1, 0, 2}, {0, 1, 1}};

static bool world_make(struct series_plan *plan, struct series_grid *grid) {
    *plan = (struct series_plan){.step_s = HOUR_S,
                                 .timed = true,
                                 .season = 24,
                                 .cycle = 168,
                                 .weekly = true,
                                 .yearly = true,
                                 .horizons = horizons,
                                 .rules = rules,
                                 .scales = scales,
                                 .horizon_count = 3,
                                 .series_count = 2,
                                 .by_series = true,
                                 .columns = columns,
                                 .column_count = 2,
                                 .holiday = true,
                                 .edges = edges,
                                 .edge_count = 2};
    *grid = (struct series_grid){.clock = {start_s, HOUR_S, STEPS, true}, .series = 2};
    grid->values = ARENA_ARRAY(arena, float, 2 * STEPS);
    grid->columns = ARENA_ARRAY(arena, float *, 2);
    grid->holiday = ARENA_ARRAY(arena, uint8_t, STEPS);
    if (!grid->values || !grid->columns || !grid->holiday) return false;
    for (int c = 0; c < 2; c++) {
        grid->columns[c] = ARENA_ARRAY(arena, float, 2 * STEPS);
        for (int i = 0; grid->columns[c] && i < 2 * STEPS; i++) {
            grid->columns[c][i] = (float)(c * 10000 + i);
        }
    }
    for (int t = 0; t < STEPS; t++) {
        grid->values[t] = (float)(100 * (t % 24) + t);
        grid->values[STEPS + t] = 3 * grid->values[t];
        grid->holiday[t] = t / 24 == 25;
    }
    grid->values[597] = NAN;
    return grid->columns[0] && grid->columns[1] && series_edges_settle(plan, arena) == OK;
}

static float value_of(const struct series_plan *plan, const float *row, const char *name) {
    struct series_feature features[80];
    uint32_t count = series_features(plan, features);
    for (uint32_t f = 0; f < count; f++) {
        if (strcmp(features[f].name, name) == 0) return row[f];
    }
    printf("no feature %s\n", name);
    CHECK(false);
    return NAN;
}

#define IS(row, name, want) CHECK_NEAR((double)value_of(&plan, (row), (name)), (double)(want), 1e-3)

static void by_hand(void) {
    struct series_plan plan;
    struct series_grid grid;
    REQUIRE(world_make(&plan, &grid));
    uint32_t width = series_features(&plan, NULL);
    float *rows = ARENA_ARRAY(arena, float, 3 * width);
    REQUIRE(rows && width < 80);
    series_fill(&plan, &grid, 0, 599, rows); // 599 is 23:00 of a day; 597 is missing
    const float *far = rows + 2 * width;     // the target is 629, 05:00 of the day after next
    IS(rows, "lag:0", 2300 + 599);
    IS(rows, "lag:1", 2200 + 598);
    CHECK(isnan(value_of(&plan, rows, "lag:2")));
    IS(rows, "change:1", 101);
    IS(rows, "change:24", 24);
    IS(rows, "change:168", 168);
    IS(rows, "mean:3", (2899 + 2798) / 2.0);
    IS(rows, "least:3", 2798);
    IS(rows, "largest:6", 2899);
    IS(rows, "spread:3", 50.5);
    IS(rows, "neighbours:0", 3 * 2899);
    IS(rows, "neighbours_mean:3", 2899 + 2798 + 2697); // it has the value
    IS(rows, "now:rain", 599);
    IS(rows, "mean:rain", 596.5);
    IS(rows, "series", 0);
    IS(rows, "horizon", 1);
    IS(far, "horizon", 30);
    IS(far, "lag:0", 2899);
    IS(rows, "hour", 0);
    IS(far, "hour", 5);
    IS(rows, "holiday", 1); // day 25 begins with step 600
    IS(far, "holiday", 0);
    IS(rows, "weekday", 1); // 2024-03-26, a Tuesday
    IS(rows, "weekend", 0);
    IS(rows, "month", 3);
    IS(rows, "season:1", 0 + 576);
    IS(rows, "season:2", 0 + 552);
    IS(far, "season:1", 500 + 581); // two days before the target, the newest that is known
    IS(far, "season:2", 500 + 557);
    IS(far, "cycle:1", 500 + 461);
    IS(far, "season_shifted", 500 + 461 + 168);
    IS(rows, "then:price", 10000 + 600);
    series_fill(&plan, &grid, 1, 0, rows); // nothing before
    IS(rows, "lag:0", 0);
    CHECK(isnan(value_of(&plan, rows, "lag:1")) && isnan(value_of(&plan, rows, "season:1")));
    IS(rows, "series", 1);
    IS(rows, "neighbours:0", 0);
    CHECK_EQ(series_history(&plan), 2 * 168 + 1);
    CHECK_NEAR((double)series_rule(&plan, &grid, SERIES_RULE_LAST, 1, 599, 3), 3 * 2899.0, 1e-3);
    CHECK_NEAR((double)series_rule(&plan, &grid, SERIES_RULE_SEASON, 0, 599, 1), 576.0, 1e-3);
    CHECK_NEAR((double)series_rule(&plan, &grid, SERIES_RULE_CYCLE, 0, 599, 30), 961.0, 1e-3);
    CHECK_EQ(series_last(&grid), STEPS - 1);
    series_rules_choose(&plan, &grid, STEPS - 1); // a day's shape that rises by one a step
    CHECK_EQ(plan.rules[0], SERIES_RULE_SEASON);
    CHECK_EQ(plan.rules[2], SERIES_RULE_SEASON);
    CHECK_NEAR(plan.scales[0], 48, 1); // 24 of the one, 72 of the other
    CHECK_NEAR(plan.scales[2], 96, 1); // two seasons back
    CHECK_NEAR((double)series_anchor(&plan, &grid, 0, 599, 0), 576, 1e-3);
    CHECK_NEAR((double)series_anchor(&plan, &grid, 0, 620, 0), 461 - 8 + 2100, 1e-3);
}

// Whatever comes after the origin, the rows are the same; only what is known ahead may tell.
static void no_future(void) {
    struct series_plan plan;
    struct series_grid grid;
    REQUIRE(world_make(&plan, &grid));
    uint32_t width = series_features(&plan, NULL), cells = 3 * width;
    float *before = ARENA_ARRAY(arena, float, cells), *after = ARENA_ARRAY(arena, float, cells);
    REQUIRE(before && after);
    for (uint32_t origin = 0; origin < STEPS; origin += 13) {
        for (uint32_t s = 0; s < 2; s++) {
            struct series_grid changed;
            struct series_plan same;
            REQUIRE(world_make(&same, &changed));
            for (uint32_t t = origin + 1; t < STEPS; t++) {
                changed.values[t] = changed.values[STEPS + t] = -1e6f;
                changed.columns[0][t] = changed.columns[0][STEPS + t] = NAN;
            }
            series_fill(&plan, &grid, s, origin, before);
            series_fill(&same, &changed, s, origin, after);
            CHECK(memcmp(before, after, cells * sizeof *before) == 0);
            if (origin + 1 >= STEPS) continue;
            changed.columns[1][s * STEPS + origin + 1] = -7;
            series_fill(&same, &changed, s, origin, after);
            CHECK_NEAR((double)value_of(&same, after, "then:price"), -7, 0);
        }
    }
}

// Errors of ±size/10: the bands of large forecasts are wide, and hold about what they promise.
static void spreads(void) {
    enum { COUNT = 20000 };
    double *predicted = ARENA_ARRAY(arena, double, COUNT),
           *truth = ARENA_ARRAY(arena, double, COUNT);
    REQUIRE(predicted && truth);
    uint64_t state = 7;
    for (int i = 0; i < COUNT; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        double u = (double)(state >> 40) / (1 << 24);
        state = state * 6364136223846793005u + 1442695040888963407u;
        double e = (double)(state >> 40) / (1 << 24) * 2 - 1;
        predicted[i] = 10 + 90 * u;
        truth[i] = predicted[i] * (1 + e / 10);
    }
    struct series_spread spread;
    REQUIRE(series_spread_fit(predicted, truth, COUNT / 2, &spread) == OK);
    CHECK_EQ(spread.bands, SERIES_BAND_COUNT);
    CHECK(spread.high[4][1] > 3 * spread.high[0][1] && spread.low[4][1] < 3 * spread.low[0][1]);
    for (int l = 0; l < SERIES_LEVELS; l++) {
        uint32_t inside = 0;
        for (int i = COUNT / 2; i < COUNT; i++) {
            uint32_t b = series_band(&spread, predicted[i]);
            inside += truth[i] >= predicted[i] + spread.low[b][l] &&
                      truth[i] <= predicted[i] + spread.high[b][l];
        }
        CHECK_NEAR(inside / (COUNT / 2.0), series_levels[l], 0.015);
    }
    double few_truth[] = {1, 2, 3, 4}, few[] = {0, 0, 0, 0};
    REQUIRE(series_spread_fit(few, few_truth, 4, &spread) == OK);
    CHECK_EQ(spread.bands, 1);
    CHECK_NEAR(spread.low[0][1], 1, 0); // the least and the largest, for want of more
    CHECK_NEAR(spread.high[0][1], 4, 0);
}

int main(void) {
    if (arena_open((size_t)64 << 20, &arena) != OK) return 1;
    CHECK_RUN(clocks);
    CHECK_RUN(seasons);
    CHECK_RUN(by_hand);
    CHECK_RUN(no_future);
    CHECK_RUN(spreads);
    arena_close(arena);
    return check_done();
}
