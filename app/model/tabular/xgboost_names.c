// Names of categories in XGBoost's JSON, which it keeps since version 3.1: in "cats", for each
// feature the categories by code, texts as offsets into bytes or numbers.
//   {"enc":[{"offsets":[0,1,3],"values":[99,98,97]}, {"type":15,"values":[5,7]}, …], …}
// XGBoost 3.3 writes texts beyond ASCII cut short. Such names are no reason to refuse the trees:
// the codes then stand for them, as where there are none.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/tabular/xgboost_private.h"

static enum err wrong(struct xgboost_reading *r) {
    return fault_set(r->fault, ERR_CORRUPT, "model.xgboost_count", STR("cats"));
}

// One name by code: the bytes between two offsets, each from -128 to 127 or to 255.
static struct str text_of(struct xgboost_reading *r, const struct xgboost_list *offsets,
                          const struct xgboost_list *bytes, uint32_t code, bool *bad) {
    char text[1024];
    double first = offsets->items[code], last = offsets->items[code + 1];
    if (last - first > (double)sizeof text) return STR_NONE;
    size_t size = 0;
    for (uint32_t i = (uint32_t)first; i < (uint32_t)last; i++) {
        text[size++] = (char)(int)bytes->items[i];
    }
    struct str name = {text, size};
    return utf8_valid(name) ? model_text(r->model, name, bad) : STR_NONE;
}

static struct str number_of(struct xgboost_reading *r, double value, bool *bad) {
    char text[40];
    int size = snprintf(text, sizeof text, "%.9g", value);
    return model_text(r->model, (struct str){text, (size_t)size}, bad);
}

static bool offsets_fit(const struct xgboost_list *offsets, const struct xgboost_list *bytes) {
    double before = 0;
    for (uint32_t i = 0; i < offsets->count; i++) {
        double at = offsets->items[i];
        if (!(at >= before && at <= bytes->count) || at != floor(at)) return false;
        before = at;
    }
    for (uint32_t i = 0; i < bytes->count; i++) {
        if (!(bytes->items[i] >= -128 && bytes->items[i] <= 255)) return false;
    }
    return true;
}

static enum err feature_read(struct xgboost_reading *r, struct xgboost_names *out) {
    struct xgboost_list *offsets = &r->lists[0], *values = &r->lists[1];
    bool bad = false;
    enum err err = OK;
    offsets->count = values->count = 0;
    for (json_text_open(&r->text, '{'); err == OK && json_text_more(&r->text);) {
        struct str name = json_text_name(&r->text);
        if (str_is(name, "offsets"))
            err = xgboost_list_read(r, offsets);
        else if (str_is(name, "values"))
            err = xgboost_list_read(r, values);
        else
            json_text_skip(&r->text);
    }
    if (err != OK) return err;
    bool texts = offsets->count > 0;
    uint32_t count = texts ? offsets->count - 1 : values->count;
    if (texts && !offsets_fit(offsets, values)) return wrong(r);
    if (count == 0 || count > TABULAR_CATEGORIES_MAX) return OK;
    out->items = ARENA_ARRAY(r->model->arena, struct str, count);
    if (!out->items) return ERR_MEMORY;
    for (uint32_t code = 0; code < count; code++) {
        out->items[code] = texts ? text_of(r, offsets, values, code, &bad)
                                 : number_of(r, values->items[code], &bad);
    }
    out->count = count;
    return bad ? ERR_MEMORY : OK;
}

static enum err features_read(struct xgboost_reading *r) {
    struct arena *arena = r->model->arena;
    uint32_t room = 0;
    enum err err = OK;
    r->name_count = 0;
    for (json_text_open(&r->text, '['); err == OK && json_text_more(&r->text);) {
        if (r->name_count == MODEL_FEATURES_MAX) return wrong(r);
        if (r->name_count == room) {
            uint32_t wider = room ? 2 * room : 64;
            struct xgboost_names *moved = ARENA_ARRAY(arena, struct xgboost_names, wider);
            if (!moved) return ERR_MEMORY;
            if (room) memcpy(moved, r->names, room * sizeof(*moved));
            r->names = moved;
            room = wider;
        }
        struct xgboost_names *names = &r->names[r->name_count++];
        *names = (struct xgboost_names){0};
        if (json_text_peek(&r->text) == 'n')
            json_text_skip(&r->text); // null: no categories
        else
            err = feature_read(r, names);
    }
    return err;
}

enum err xgboost_names_read(struct xgboost_reading *r) {
    enum err err = OK;
    for (json_text_open(&r->text, '{'); err == OK && json_text_more(&r->text);) {
        if (str_is(json_text_name(&r->text), "enc"))
            err = features_read(r);
        else
            json_text_skip(&r->text);
    }
    return err == OK && r->text.bad ? xgboost_text_fault(r) : err;
}

struct coded {
    struct str name;
    uint32_t code;
};

static int name_order(const void *a, const void *b) {
    const struct coded *x = a, *y = b;
    return str_compare(x->name, y->name);
}

enum err xgboost_names_take(struct xgboost_reading *r, uint32_t f, uint32_t least,
                            bool *out_taken) {
    struct feature *feature = &r->model->features[f];
    *out_taken = false;
    if (f >= r->name_count || r->names[f].count == 0 || r->names[f].count < least) return OK;
    uint32_t count = r->names[f].count;
    struct coded *sorted = memory_take(count * sizeof(*sorted));
    uint32_t *codes = ARENA_ARRAY(r->model->arena, uint32_t, count);
    bool fit = true;
    if (!sorted || !codes) {
        memory_give(sorted);
        return ERR_MEMORY;
    }
    for (uint32_t c = 0; c < count; c++) sorted[c] = (struct coded){r->names[f].items[c], c};
    qsort(sorted, count, sizeof(*sorted), name_order);
    for (uint32_t i = 0; i < count; i++) {
        fit &= sorted[i].name.size > 0 &&
               (i == 0 || str_compare(sorted[i - 1].name, sorted[i].name) < 0);
        codes[i] = sorted[i].code;
    }
    for (uint32_t i = 0; fit && i < count; i++) r->names[f].items[i] = sorted[i].name;
    if (fit) {
        feature->categories = r->names[f].items;
        feature->category_count = count;
        r->names[f].codes = codes;
    }
    memory_give(sorted);
    *out_taken = fit;
    return OK;
}
