// The rows a forecast learns from, for another learner: what courtyard train makes of a table and a
// wish, as plain binary files. Usage: series_rows TABLE WISH.json TARGET FOLDER [TEST_MILLI]
//   FOLDER/about.json  {"rows","features":[…],"horizons":[…],"cut"}
//   FOLDER/x           (F, rows) float32, column by column, missing NaN
//   FOLDER/y           (rows) float64: the values
//   FOLDER/place       (rows, 4) uint32: origin, target step, index of the horizon, whether every
//                      simple rule has a value (those rows are judged)
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "flow/steps/series_rows.h"

static struct frame_warning warnings[FRAME_WARNINGS_MAX];

static bool put(const char *folder, const char *name, const void *data, size_t size) {
    char path[LIMIT_PATH_BYTES];
    if (path_join(path, sizeof path, folder, name) != OK) return false;
    return file_write(path, (struct str){data, size}, NULL) == OK;
}

static bool judged(const struct series_data *data, const struct series_rows *rows, uint64_t row) {
    for (int rule = 0; rule < SERIES_RULE_COUNT; rule++) {
        if (!series_has_rule(&data->plan, rule)) continue;
        if (isnan(series_rule(&data->plan, &data->grid, rule, rows->series[row], rows->origin[row],
                              data->plan.horizons[rows->horizon[row]]))) {
            return false;
        }
    }
    return true;
}

static bool columns_put(const struct series_rows *rows, const char *folder) {
    char path[LIMIT_PATH_BYTES];
    if (path_join(path, sizeof path, folder, "x") != OK) return false;
    FILE *out = fopen(path, "wb");
    bool done = out != NULL;
    for (uint32_t f = 0; done && f < rows->frame.feature_count; f++) {
        done = fwrite(rows->values[f], sizeof(float), rows->frame.rows, out) == rows->frame.rows;
    }
    return out && fclose(out) == 0 && done;
}

static bool about_put(const struct series_data *data, const struct series_rows *rows, uint32_t cut,
                      const char *folder) {
    struct buf text;
    buf_open(&text, 1 << 20);
    struct json_writer out = json_writer_of(&text);
    json_open_object(&out);
    json_set_u64(&out, "rows", rows->frame.rows);
    json_set_u64(&out, "cut", cut);
    json_put_name(&out, "features");
    json_open_array(&out);
    for (uint32_t f = 0; f < rows->frame.feature_count; f++) {
        json_put_text(&out, rows->features[f].name);
    }
    json_close_array(&out);
    json_put_name(&out, "horizons");
    json_open_array(&out);
    for (uint32_t h = 0; h < data->plan.horizon_count; h++) {
        json_put_u64(&out, data->plan.horizons[h]);
    }
    json_close_array(&out);
    json_close_object(&out);
    bool done = buf_err(&text) == OK && put(folder, "about.json", text.data, text.size);
    buf_close(&text);
    return done;
}

static bool rows_put(struct series_data *data, struct arena *arena, uint64_t test_milli,
                     const char *folder) {
    struct series_rows rows;
    uint32_t steps = data->grid.clock.steps;
    uint32_t cut = steps - 1 - (uint32_t)((steps * test_milli + 999) / 1000);
    series_rules_choose(&data->plan, &data->grid, cut);
    if (series_rows_make(data, arena, NULL, &rows) != OK) return false;
    uint32_t *place = memory_take(rows.frame.rows * 4 * sizeof *place + 1);
    for (uint64_t i = 0; place && i < rows.frame.rows; i++) {
        place[4 * i] = rows.origin[i];
        place[4 * i + 1] = (uint32_t)series_target_step(data, &rows, i);
        place[4 * i + 2] = rows.horizon[i];
        place[4 * i + 3] = judged(data, &rows, i);
    }
    bool done = place && columns_put(&rows, folder) && about_put(data, &rows, cut, folder) &&
                put(folder, "place", place, rows.frame.rows * 4 * sizeof *place) &&
                put(folder, "y", rows.truth, rows.frame.rows * sizeof *rows.truth);
    memory_give(place);
    series_rows_close(&rows);
    return done;
}

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    struct arena *arena;
    struct table *table;
    struct json *wish;
    struct series_data data;
    struct fault fault = {0};
    struct table_frame told = {.warnings = warnings};
    if (arena_open((size_t)2 << 30, &arena) != OK || table_open(argv[1], &table, &fault) != OK ||
        json_parse_file(argv[2], &wish, &fault) != OK) {
        fprintf(stderr, "series_rows: %s %s\n", fault.code, fault.detail);
        return 1;
    }
    struct series_source source = {.schema = table_schema(table), .table = table};
    enum err err = series_learn(&source, wish, str_of(argv[3]), arena, NULL, &data, &told, &fault);
    if (err != OK ||
        !rows_put(&data, arena, argc > 5 ? strtoull(argv[5], NULL, 10) : 200, argv[4])) {
        fprintf(stderr, "series_rows: %s %s\n", fault.code, fault.detail);
        return 1;
    }
    json_close(wish);
    table_close(table);
    arena_close(arena);
    return 0;
}
