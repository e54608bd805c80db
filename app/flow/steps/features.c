#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "flow/steps/steps_private.h"

#define SECONDS_PER_DAY 86400.0

enum feature_kind feature_kind_of(enum column_type type) {
    return type == COLUMN_TEXT ? FEATURE_CATEGORY : FEATURE_NUMBER;
}

int64_t category_find(const struct feature *feature, struct str text) {
    uint32_t low = 0, high = feature->category_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = str_compare(feature->categories[middle], text);
        if (order == 0) return middle;
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return -1;
}

static bool boolean_of_text(struct str text, float *out) {
    static const struct {
        const char *word;
        float value;
    } words[] = {{"true", 1}, {"false", 0}, {"1", 1},  {"0", 0},
                 {"yes", 1},  {"no", 0},    {"是", 1}, {"否", 0}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!str_is(text, words[i].word)) continue;
        *out = words[i].value;
        return true;
    }
    return false;
}

bool feature_of_text(const struct feature *feature, struct str text, float *out) {
    text = str_trim(text);
    if (text.size == 0) {
        *out = NAN;
        return true;
    }
    if (feature->kind == FEATURE_CATEGORY) {
        int64_t index = category_find(feature, text);
        *out = index < 0 ? NAN : (float)index;
        return true;
    }
    int64_t whole;
    double number;
    if (str_is(feature->type, "date")) {
        if (!date_parse(text, &whole)) return false;
        *out = (float)whole;
        return true;
    }
    if (str_is(feature->type, "time")) {
        if (!time_parse(text, &whole)) return false;
        *out = (float)((double)whole / SECONDS_PER_DAY);
        return true;
    }
    if (str_is(feature->type, "boolean")) return boolean_of_text(text, out);
    if (!number_parse(text, &number) || !isfinite((float)number)) return false;
    *out = (float)number;
    return true;
}

// Numbers, whole or not, and booleans stand for one another; dates and times only for themselves.
static bool counts_as(struct str type, enum column_type column) {
    if (column == COLUMN_DATE || column == COLUMN_TIME) {
        return str_is(type, column_type_name(column));
    }
    return column != COLUMN_TEXT && !str_is(type, "date") && !str_is(type, "time");
}

struct str cell_text(const struct column *column, uint32_t row, struct buf *scratch) {
    if (!column_valid(column, row)) return STR_NONE;
    if (column->type == COLUMN_TEXT) return column_text(column, row);
    buf_clear(scratch);
    column_write(scratch, column, row);
    return buf_str(scratch);
}

float feature_of_cell(const struct feature *feature, const struct column *column, uint32_t row,
                      struct buf *scratch) {
    if (!column_valid(column, row)) return NAN;
    if (feature->kind == FEATURE_NUMBER && counts_as(feature->type, column->type)) {
        double value = column_number(column, row);
        if (column->type == COLUMN_TIME) value /= SECONDS_PER_DAY;
        return (float)value;
    }
    float value;
    return feature_of_text(feature, cell_text(column, row, scratch), &value) ? value : NAN;
}

void feature_put(struct json_writer *out, const struct feature *feature, float value) {
    char text[24];
    if (isnan(value)) {
        json_put_null(out);
    } else if (feature->kind == FEATURE_CATEGORY) {
        bool known = value >= 0 && value < (float)feature->category_count;
        json_put_text(out, known ? feature->categories[(uint32_t)value] : STR_NONE);
    } else if (str_is(feature->type, "date")) {
        date_write((int64_t)floor((double)value), text);
        json_put_text(out, str_of(text));
    } else if (str_is(feature->type, "time")) {
        time_write((int64_t)rint((double)value * SECONDS_PER_DAY), text);
        json_put_text(out, str_of(text));
    } else if (str_is(feature->type, "boolean")) {
        json_put_bool(out, value >= 0.5f);
    } else {
        json_put_number(out, (double)value);
    }
}

// ---- words ------------------------------------------------------------------------------------

enum err words_open(struct arena *arena, uint32_t most, struct words *out) {
    uint32_t slot_count = 16;
    while (slot_count < most * 2) slot_count *= 2;
    struct words words = {.arena = arena, .most = most, .slot_count = slot_count};
    words.items = ARENA_ARRAY(arena, struct str, most);
    words.slots = ARENA_ARRAY(arena, uint32_t, slot_count);
    if (!words.items || !words.slots) return ERR_MEMORY;
    *out = words;
    return OK;
}

void words_add(struct words *words, struct str text) {
    if (words->over || words->no_memory) return;
    uint64_t hash = str_hash(text);
    uint32_t at = (uint32_t)(hash ^ hash >> 32) & (words->slot_count - 1);
    for (; words->slots[at]; at = (at + 1) & (words->slot_count - 1)) {
        if (str_equal(words->items[words->slots[at] - 1], text)) return;
    }
    if (words->count == words->most) {
        words->over = true;
        return;
    }
    char *copy = arena_take(words->arena, text.size + 1);
    if (!copy) {
        words->no_memory = true;
        return;
    }
    if (text.size) memcpy(copy, text.data, text.size);
    words->items[words->count++] = (struct str){copy, text.size};
    words->slots[at] = words->count;
}

static int word_order(const void *a, const void *b) {
    const struct str *left = a, *right = b;
    return str_compare(*left, *right);
}

void words_sort(struct words *words) {
    qsort(words->items, words->count, sizeof words->items[0], word_order);
}

uint32_t predicted_class(const struct tabular_about *about, const double *row, double threshold) {
    if (about->outputs == 1) return row[0] >= threshold ? 1 : 0;
    uint32_t best = 0;
    for (uint32_t k = 1; k < about->outputs; k++) {
        if (row[k] > row[best]) best = k;
    }
    return best;
}

enum err times_read(const struct json *node, const struct tabular_about *about, struct times *out,
                    struct fault *fault) {
    struct times times = {.count = about->time_count};
    for (uint32_t i = 0; i < times.count; i++) times.items[i] = about->times[i];
    if (node && !json_is_null(node)) {
        if (about->task == TASK_SURVIVAL && about->time_count == 0) {
            return fault_set(fault, ERR_INPUT, "predict.no_baseline", STR_NONE);
        }
        bool right = json_is_array(node) && json_count(node) <= TABULAR_TIMES_MAX &&
                     about->task == TASK_SURVIVAL;
        double last = -1;
        times.count = 0;
        for (const struct json *item = json_first(node); right && item; item = json_next(item)) {
            double time = json_number(item, NAN);
            right = time > last && isfinite(time) && time >= 0;
            times.items[times.count++] = last = time;
        }
        if (!right) {
            char most[12];
            snprintf(most, sizeof most, "%d", TABULAR_TIMES_MAX);
            return fault_set(fault, ERR_INPUT, "predict.bad_times", str_of(most));
        }
    }
    *out = times;
    return OK;
}

void survival_put(struct json_writer *out, const struct tabular_model *model, double risk,
                  const struct times *times) {
    json_put_name(out, "survival");
    json_open_array(out);
    for (uint32_t i = 0; i < times->count; i++) {
        json_open_object(out);
        json_set_number(out, "time", times->items[i]);
        json_set_number(out, "probability", tabular_survival(model, risk, times->items[i]));
        json_close_object(out);
    }
    json_close_array(out);
}
