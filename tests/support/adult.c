#include "support/adult.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "data/anonymity/anonymity_private.h"

static const char *const names[ADULT_COLUMNS] = {
    "sex",       "age",        "race",         "marital-status", "education", "native-country",
    "workclass", "occupation", "salary-class",
};

static const char *data_folder(void) {
    const char *given = getenv("COURTYARD_DATA");
    return given ? given : "../shared/data";
}

static bool read_tree(struct adult *adult, int column) {
    char path[512];
    snprintf(path, sizeof path, "%s/privacy/hierarchies/%s.csv", data_folder(), names[column]);
    struct buf text;
    struct fault fault = {0};
    buf_open(&text, 1 << 20);
    bool good = file_exists(path) && file_read(path, &text, &fault) == OK &&
                hierarchy_read(adult->arena, buf_str(&text), &adult->trees[column], &fault) == OK;
    buf_close(&text);
    return good;
}

static bool read_row(struct adult *adult, struct str line, struct name_map *maps) {
    for (int column = 0; column < ADULT_COLUMNS; column++) {
        struct str cell = str_cut(line, ';', &line);
        uint32_t leaf = name_map_find(&maps[column], adult->trees[column].names, cell);
        if (leaf == UINT32_MAX) return false;
        adult->codes[column][adult->rows] = leaf;
    }
    adult->rows++;
    return true;
}

static bool read_rows(struct adult *adult, struct str text) {
    struct name_map maps[ADULT_COLUMNS];
    for (int column = 0; column < ADULT_COLUMNS; column++) {
        const struct hierarchy *tree = &adult->trees[column];
        adult->codes[column] = ARENA_ARRAY(adult->arena, uint32_t, 40000);
        if (!adult->codes[column] || name_map_open(&maps[column], tree->leaf_count) != OK) abort();
        for (uint32_t leaf = 0; leaf < tree->leaf_count; leaf++) {
            (void)name_map_put(&maps[column], tree->names, tree->names[leaf], leaf);
        }
    }
    (void)str_cut(text, '\n', &text);
    bool good = true;
    while (text.size && good) good = read_row(adult, str_trim(str_cut(text, '\n', &text)), maps);
    for (int column = 0; column < ADULT_COLUMNS; column++) name_map_close(&maps[column]);
    return good;
}

bool adult_open(struct adult *out) {
    *out = (struct adult){0};
    char path[512];
    snprintf(path, sizeof path, "%s/privacy/adult_arx.csv", data_folder());
    if (!file_exists(path)) return false;
    if (arena_open(64 << 20, &out->arena) != OK) abort();
    bool good = true;
    for (int column = 0; column < ADULT_COLUMNS && good; column++) good = read_tree(out, column);
    struct buf text;
    struct fault fault = {0};
    buf_open(&text, 8 << 20);
    good = good && file_read(path, &text, &fault) == OK && read_rows(out, buf_str(&text));
    buf_close(&text);
    if (!good) adult_close(out);
    return good;
}

void adult_close(struct adult *adult) {
    arena_close(adult->arena);
    adult->arena = NULL;
}

struct coded_table adult_table(const struct adult *adult, uint32_t quasi_count) {
    struct coded_table table = {.rows = adult->rows, .quasi_count = quasi_count};
    for (uint32_t i = 0; i < quasi_count; i++) {
        table.quasi[i] = (struct quasi){adult->codes[i], &adult->trees[i]};
    }
    return table;
}

bool adult_grow(const struct adult *adult, uint64_t rows, struct adult *out) {
    *out = *adult;
    out->rows = rows;
    if (arena_open((size_t)rows * ADULT_COLUMNS * 4 + (1 << 20), &out->arena) != OK) return false;
    uint64_t random = 88172645463325252u;
    for (int column = 0; column < ADULT_COLUMNS; column++) {
        out->codes[column] = ARENA_ARRAY(out->arena, uint32_t, rows);
        if (!out->codes[column]) abort();
    }
    for (uint64_t row = 0; row < rows; row++) {
        for (int column = 0; column < ADULT_COLUMNS; column++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            // A quarter of the cells comes from another row, so that combinations are new.
            uint64_t from = random >> 62 ? row : random >> 20;
            out->codes[column][row] = adult->codes[column][from % adult->rows];
        }
    }
    return true;
}
