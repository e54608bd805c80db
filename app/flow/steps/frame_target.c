// See frame_target.h.
#include "flow/steps/frame_target.h"

#include <math.h>

static enum err find(const struct schema *schema, struct str name, int32_t *out,
                     struct fault *fault) {
    *out = -1;
    if (!name.size) return OK;
    *out = schema_find(schema, name);
    return *out >= 0 ? OK : fault_set(fault, ERR_INPUT, "train.unknown_column", name);
}

enum err frame_columns_find(const struct frame_wish *wish, const struct schema *schema,
                            struct frame_columns *out, struct fault *fault) {
    struct frame_columns found = {0};
    enum err err = find(schema, wish->weight, &found.weight, fault);
    if (err == OK) err = find(schema, wish->event, &found.event, fault);
    if (err == OK) *out = found;
    return err;
}

enum err frame_columns_take(struct frame_columns *columns, struct arena *arena, size_t rows) {
    if (columns->weight >= 0) columns->weights = ARENA_ARRAY(arena, double, rows);
    if (columns->event >= 0) columns->events = ARENA_ARRAY(arena, uint8_t, rows);
    bool whole =
        (columns->weights || columns->weight < 0) && (columns->events || columns->event < 0);
    return whole ? OK : ERR_MEMORY;
}

static struct str word_of(const struct column *column, uint32_t row, struct buf *scratch) {
    if (column->type == COLUMN_TEXT) return str_trim(column_text(column, row));
    buf_clear(scratch);
    column_write(scratch, column, row);
    return buf_str(scratch);
}

bool frame_event_read(struct str positive, const struct column *column, uint32_t row,
                      struct buf *scratch, uint8_t *out) {
    static const struct feature boolean = {.kind = FEATURE_NUMBER, .type = {"boolean", 7}};
    struct str word = word_of(column, row, scratch);
    float value = NAN;
    if (positive.size) {
        *out = str_equal(word, positive);
        return true;
    }
    if (!feature_of_text(&boolean, word, &value) || isnan(value)) return false;
    *out = value > 0;
    return true;
}

enum err frame_columns_fill(struct frame_columns *columns, const struct frame_wish *wish,
                            const struct batch *batch, uint32_t row, uint64_t at,
                            struct buf *scratch, struct fault *fault) {
    if (columns->weights) {
        const struct column *column = &batch->columns[columns->weight];
        bool number = column->type == COLUMN_INTEGER || column->type == COLUMN_NUMBER;
        double weight = number ? column_number(column, row) : NAN;
        if (!(weight >= 0) || !isfinite(weight)) {
            return fault_at(fault, ERR_INPUT, "train.bad_weight", at + 1, 0, wish->weight);
        }
        columns->weights[at] = weight;
    }
    if (columns->events) {
        const struct column *column = &batch->columns[columns->event];
        if (!frame_event_read(wish->positive, column, row, scratch, &columns->events[at])) {
            return fault_at(fault, ERR_INPUT, "train.bad_event", at + 1, 0, wish->event);
        }
        columns->event_seen |= columns->events[at] != 0;
    }
    return OK;
}

static enum err bad(struct fault *fault, const char *option) {
    return fault_set(fault, ERR_INPUT, "train.bad_option", str_of(option));
}

static enum err class_weights_settle(const struct json *node, struct arena *arena,
                                     struct tabular_target *target, struct fault *fault) {
    if (!node || json_is_null(node)) return OK;
    if (!task_has_classes(target->task)) return bad(fault, "class_weights");
    if (json_is_string(node)) {
        target->balanced = str_is(json_text(node), "balanced");
        return target->balanced ? OK : bad(fault, "class_weights");
    }
    double *weights = ARENA_ARRAY(arena, double, target->class_count);
    if (!weights) return fault_set(fault, ERR_MEMORY, "train.no_memory", STR_NONE);
    if (!json_is_object(node)) return bad(fault, "class_weights");
    for (uint32_t k = 0; k < target->class_count; k++) weights[k] = 1;
    for (const struct json *m = json_first(node); m; m = json_next(m)) {
        uint32_t k = 0;
        double weight = json_number(m, NAN);
        while (k < target->class_count && !str_equal(target->classes[k], json_name(m))) k++;
        if (k == target->class_count) {
            return fault_set(fault, ERR_INPUT, "train.no_such_class", json_name(m));
        }
        if (!(weight >= 1e-6 && weight <= 1e6)) return bad(fault, "class_weights");
        weights[k] = weight;
    }
    target->class_weight = weights;
    return OK;
}

static enum err times_settle(const struct json *node, struct arena *arena,
                             struct tabular_target *target, struct fault *fault) {
    size_t count = json_count(node);
    if (!node || json_is_null(node) || (json_is_array(node) && count == 0)) return OK;
    bool right = json_is_array(node) && count <= TABULAR_TIMES_MAX;
    if (!right || target->task != TASK_SURVIVAL) return bad(fault, "times");
    double *times = ARENA_ARRAY(arena, double, count), last = -1;
    if (!times) return fault_set(fault, ERR_MEMORY, "train.no_memory", STR_NONE);
    uint32_t at = 0;
    for (const struct json *item = json_first(node); item; item = json_next(item)) {
        double time = json_number(item, NAN);
        if (!(time > last) || !isfinite(time)) return bad(fault, "times");
        times[at++] = last = time;
    }
    target->times = times;
    target->time_count = at;
    return OK;
}

enum err frame_wishes_settle(const struct frame_wish *wish, struct arena *arena,
                             struct tabular_target *target, struct fault *fault) {
    enum err err = class_weights_settle(wish->class_weights, arena, target, fault);
    return err == OK ? times_settle(wish->times, arena, target, fault) : err;
}
