// See prepare.h: reading a preparation, and a model's features by the columns they come from.
#include "flow/steps/prepare.h"

#include <math.h>
#include <string.h>

static const struct prepare_kind *const kinds[] = {&prepare_calendar, &prepare_molecule,
                                                   &prepare_grams};

static const struct prepare_kind *kind_find(struct str name) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (str_is(name, kinds[i]->name)) return kinds[i];
    }
    return NULL;
}

enum err prepare_feature(struct prepare_step *step, struct arena *arena, const char *name,
                         const char *type) {
    size_t tail = strlen(name), size = step->column.size + 1 + tail;
    char *text = arena_take(arena, size + 1);
    if (!text) return ERR_MEMORY;
    memcpy(text, step->column.data, step->column.size);
    text[step->column.size] = ':';
    memcpy(text + step->column.size + 1, name, tail);
    step->features[step->feature_count++] = (struct feature){
        .name = {text, size}, .kind = FEATURE_NUMBER, .type = str_of(type), .made = true};
    return OK;
}

static enum err step_read(const struct json *node, struct arena *arena, struct prepare_step *out,
                          struct fault *fault) {
    struct str name = json_member_text(node, "kind"), column = json_member_text(node, "column");
    struct prepare_step step = {.kind = kind_find(name)};
    if (!step.kind) return fault_set(fault, ERR_INPUT, "prepare.unknown_kind", name);
    if (column.size == 0) {
        return fault_set(fault, ERR_INPUT, "prepare.bad_option", STR("column"));
    }
    char *copy = arena_take(arena, column.size + 1);
    if (!copy) return ERR_MEMORY;
    memcpy(copy, column.data, column.size);
    step.column = (struct str){copy, column.size};
    enum err err = step.kind->open(node, arena, &step, fault);
    if (err == OK) *out = step;
    return err;
}

enum err preparation_read(const struct json *node, struct arena *arena, struct preparation *out,
                          struct fault *fault) {
    struct preparation made = {0};
    const struct json *steps = json_member(node, "steps");
    size_t count = json_count(steps);
    bool dates_alone = !steps && json_is_object(json_member(node, "target"));
    if (node && !json_is_null(node) && !json_is_array(steps) && !dates_alone) {
        return fault_set(fault, ERR_INPUT, "prepare.bad_option", STR("steps"));
    }
    if (count > PREPARE_STEPS_MAX) {
        return fault_set(fault, ERR_LIMIT, "prepare.too_many", STR_NONE);
    }
    made.steps = ARENA_ARRAY(arena, struct prepare_step, count);
    if (!made.steps) return ERR_MEMORY;
    for (const struct json *item = json_first(steps); item; item = json_next(item)) {
        struct prepare_step *step = &made.steps[made.step_count];
        enum err err = step_read(item, arena, step, fault);
        if (err != OK) return err;
        if (preparation_of_column(&made, step->column)) {
            return fault_set(fault, ERR_INPUT, "prepare.column_twice", step->column);
        }
        made.step_count++;
    }
    *out = made;
    return OK;
}

const struct prepare_step *preparation_of_column(const struct preparation *preparation,
                                                 struct str column) {
    for (uint32_t i = 0; i < preparation->step_count; i++) {
        if (str_equal(preparation->steps[i].column, column)) return &preparation->steps[i];
    }
    return NULL;
}

// ---- rows of features, as they are read -------------------------------------------------------

enum err cells_take(const struct feature *features, uint32_t count, uint64_t rows,
                    struct arena *arena, struct cells *out) {
    struct cells cells = {.arena = arena, .feature_count = count};
    bool texts = false;
    for (uint32_t f = 0; f < count; f++) texts = texts || features[f].kind == FEATURE_TEXT;
    cells.values = ARENA_ARRAY(arena, float *, count);
    if (texts) cells.texts = ARENA_ARRAY(arena, struct text_rows, count);
    if (texts) cells.sparse = ARENA_ARRAY(arena, struct sparse, count);
    if (!cells.values || (texts && (!cells.texts || !cells.sparse))) return ERR_MEMORY;
    for (uint32_t f = 0; f < count; f++) {
        cells.values[f] = ARENA_ARRAY(arena, float, rows);
        if (!cells.values[f]) return ERR_MEMORY;
        if (features[f].kind != FEATURE_TEXT) continue;
        struct text_rows *text = &cells.texts[f];
        text->from = ARENA_ARRAY(arena, uint64_t, rows);
        text->count = ARENA_ARRAY(arena, uint32_t, rows);
        if (!text->from || !text->count) return ERR_MEMORY;
        for (uint64_t i = 0; i < rows; i++) cells.values[f][i] = NAN;
    }
    *out = cells;
    return OK;
}

void cells_clear(struct cells *cells) {
    for (uint32_t f = 0; cells->texts && f < cells->feature_count; f++) cells->texts[f].used = 0;
}

struct frame cells_frame(const struct cells *cells, const struct feature *features, uint64_t rows) {
    for (uint32_t f = 0; cells->texts && f < cells->feature_count; f++) {
        const struct text_rows *text = &cells->texts[f];
        cells->sparse[f] = (struct sparse){text->from, text->count, text->bucket, text->weight};
    }
    return (struct frame){.rows = rows,
                          .feature_count = cells->feature_count,
                          .features = features,
                          .values = (const float *const *)cells->values,
                          .sparse = cells->sparse};
}

// Twice the room; what was there stays in the arena, all in all no more than what is used.
static bool text_grow(struct text_rows *text, struct arena *arena, uint64_t need) {
    uint64_t room = text->room ? text->room : 1024;
    while (room < need) room *= 2;
    uint32_t *bucket = ARENA_ARRAY(arena, uint32_t, room);
    float *weight = ARENA_ARRAY(arena, float, room);
    if (!bucket || !weight) return false;
    if (text->used > 0) {
        memcpy(bucket, text->bucket, text->used * sizeof(*bucket));
        memcpy(weight, text->weight, text->used * sizeof(*weight));
    }
    text->bucket = bucket;
    text->weight = weight;
    text->room = room;
    return true;
}

static void text_fill(const struct prepare_step *step, struct str text, struct arena *scratch,
                      struct cells *cells, uint32_t feature, uint64_t row) {
    struct text_rows *rows = &cells->texts[feature];
    struct gram *grams = NULL;
    uint32_t count = 0;
    enum err err = text.size ? step->kind->grams(step, text, scratch, &grams, &count) : OK;
    bool fits =
        rows->used + count <= rows->room || text_grow(rows, cells->arena, rows->used + count);
    if (err != OK || !fits) {
        cells->no_memory = true;
        count = 0;
    }
    rows->from[row] = rows->used;
    rows->count[row] = count;
    for (uint32_t i = 0; i < count; i++, rows->used++) {
        rows->bucket[rows->used] = grams[i].bucket;
        rows->weight[rows->used] = grams[i].weight;
    }
}

bool prepare_fill(const struct prepare_step *step, struct str text, struct arena *scratch,
                  struct cells *cells, uint32_t first, uint64_t row) {
    float *const *columns = cells->values + first;
    text = str_trim(text);
    if (step->kind->grams) {
        text_fill(step, text, scratch, cells, first, row);
        return true;
    }
    if (text.size && step->kind->fill(step, text, scratch, columns, row)) return true;
    for (uint32_t f = 0; f < step->feature_count; f++) columns[f][row] = NAN;
    return text.size == 0;
}

// ---- what a model asks for --------------------------------------------------------------------

static bool made_by(const struct prepare_step *step, const struct tabular_about *about,
                    uint32_t first) {
    if (about->feature_count - first < step->feature_count) return false;
    for (uint32_t f = 0; f < step->feature_count; f++) {
        if (!str_equal(step->features[f].name, about->features[first + f].name)) return false;
    }
    return true;
}

static const struct prepare_step *step_at(const struct preparation *preparation,
                                          const struct tabular_about *about, uint32_t first) {
    for (uint32_t i = 0; i < preparation->step_count; i++) {
        const struct prepare_step *step = &preparation->steps[i];
        if (step->feature_count && made_by(step, about, first)) return step;
    }
    return NULL;
}

static enum err preparation_of_text(struct str text, struct arena *arena, struct preparation *out,
                                    struct fault *fault) {
    struct json *node;
    *out = (struct preparation){0};
    if (text.size == 0) return OK;
    enum err err = json_parse(text, &node, fault);
    if (err != OK) return err;
    err = preparation_read(node, arena, out, fault);
    json_close(node);
    return err;
}

bool preparation_is_series(struct str preparation) {
    return str_starts(preparation, STR("{\"series\":"));
}

enum err asking_of_model(const struct tabular_about *about, struct arena *arena, struct asking *out,
                         struct fault *fault) {
    struct preparation preparation = {0};
    enum err err = preparation_is_series(about->preparation)
                       ? OK
                       : preparation_of_text(about->preparation, arena, &preparation, fault);
    if (err != OK) return err;
    struct asking made = {.items = ARENA_ARRAY(arena, struct asked, about->feature_count)};
    if (!made.items) return ERR_MEMORY;
    uint32_t used = 0;
    for (uint32_t f = 0; f < about->feature_count;) {
        const struct feature *feature = &about->features[f];
        const struct prepare_step *step = step_at(&preparation, about, f);
        struct asked *asked = &made.items[made.count++];
        *asked = (struct asked){.name = step ? step->column : feature->name,
                                .type = step ? str_of(step->kind->type) : feature->type,
                                .feature = feature,
                                .step = step,
                                .first = f,
                                .count = step ? step->feature_count : 1};
        f += asked->count;
        used += step != NULL;
    }
    if (used != preparation.step_count) {
        return fault_set(fault, ERR_CORRUPT, "model.damaged", STR_NONE);
    }
    *out = made;
    return OK;
}

bool asked_text(const struct asked *asked, struct str text, struct arena *scratch,
                struct cells *cells, uint64_t row) {
    if (asked->step) return prepare_fill(asked->step, text, scratch, cells, asked->first, row);
    return feature_of_text(asked->feature, text, &cells->values[asked->first][row]);
}

void asked_cell(const struct asked *asked, const struct column *column, uint32_t row,
                struct buf *text, struct arena *scratch, struct cells *cells, uint64_t to) {
    if (asked->step) {
        struct str cell = cell_text(column, row, text);
        (void)prepare_fill(asked->step, cell, scratch, cells, asked->first, to);
        return;
    }
    cells->values[asked->first][to] = feature_of_cell(asked->feature, column, row, text);
}
