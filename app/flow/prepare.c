// See prepare.h: reading a preparation, and a model's features by the columns they come from.
#include "flow/prepare.h"

#include <math.h>
#include <string.h>

static const struct prepare_kind *const kinds[] = {&prepare_calendar, &prepare_molecule};

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
    if (node && !json_is_null(node) && !json_is_array(steps)) {
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

bool prepare_fill(const struct prepare_step *step, struct str text, struct arena *scratch,
                  float *const *columns, uint64_t row) {
    text = str_trim(text);
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

enum err asking_of_model(const struct tabular_about *about, struct arena *arena, struct asking *out,
                         struct fault *fault) {
    struct preparation preparation;
    enum err err = preparation_of_text(about->preparation, arena, &preparation, fault);
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
                float *const *values, uint64_t row) {
    if (!asked->step) return feature_of_text(asked->feature, text, &values[asked->first][row]);
    return prepare_fill(asked->step, text, scratch, values + asked->first, row);
}

void asked_cell(const struct asked *asked, const struct column *column, uint32_t row,
                struct buf *text, struct arena *scratch, float *const *values, uint64_t to) {
    if (!asked->step) {
        values[asked->first][to] = feature_of_cell(asked->feature, column, row, text);
        return;
    }
    (void)prepare_fill(asked->step, cell_text(column, row, text), scratch, values + asked->first,
                       to);
}
