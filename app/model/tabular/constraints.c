// Constraints from the options' JSON, by the names of the frame's columns.

#include "model/tabular/constraints_private.h"

bool constraints_monotone_fit(const struct json *node) {
    if (!json_is_object(node)) return false;
    for (const struct json *m = json_first(node); m; m = json_next(m)) {
        int64_t way;
        if (!json_i64(m, &way) || way < -1 || way > 1) return false;
    }
    return true;
}

bool constraints_interactions_fit(const struct json *node) {
    if (!json_is_array(node) || json_count(node) > INTERACTION_SETS_MAX) return false;
    for (const struct json *set = json_first(node); set; set = json_next(set)) {
        if (!json_is_array(set)) return false;
        for (const struct json *name = json_first(set); name; name = json_next(name)) {
            if (!json_is_string(name)) return false;
        }
    }
    return true;
}

static enum err feature_of(const struct frame *frame, struct str name, uint32_t *out,
                           struct fault *fault) {
    for (uint32_t f = 0; f < frame->feature_count; f++) {
        if (!str_equal(frame->features[f].name, name)) continue;
        *out = f;
        return OK;
    }
    return fault_set(fault, ERR_INPUT, "train.unknown_column", name);
}

static enum err take_monotone(const struct frame *frame, const struct json *node,
                              enum tabular_task task, struct constraints *out,
                              struct fault *fault) {
    out->monotone = memory_take(frame->feature_count + 1);
    if (!out->monotone) return ERR_MEMORY;
    for (const struct json *m = json_first(node); m; m = json_next(m)) {
        uint32_t f = 0;
        enum err err = feature_of(frame, json_name(m), &f, fault);
        if (err != OK) return err;
        int8_t way = (int8_t)json_number(m, 0);
        if (way != 0 && frame->features[f].kind == FEATURE_CATEGORY) {
            return fault_set(fault, ERR_INPUT, "train.monotone_category", json_name(m));
        }
        if (way != 0 && task == TASK_CLASSES) {
            return fault_set(fault, ERR_INPUT, "train.monotone_classes", json_name(m));
        }
        out->monotone[f] = way;
    }
    return OK;
}

static enum err take_sets(const struct frame *frame, const struct json *node,
                          struct constraints *out, struct fault *fault) {
    out->sets = memory_take((frame->feature_count + 1) * sizeof(*out->sets));
    if (!out->sets) return ERR_MEMORY;
    uint64_t bit = 1;
    for (const struct json *set = json_first(node); set; set = json_next(set), bit <<= 1) {
        for (const struct json *name = json_first(set); name; name = json_next(name)) {
            uint32_t f = 0;
            enum err err = feature_of(frame, json_text(name), &f, fault);
            if (err != OK) return err;
            out->sets[f] |= bit;
        }
    }
    return OK;
}

enum err constraints_take(const struct frame *frame, const struct tabular_options *options,
                          enum tabular_task task, struct constraints *out, struct fault *fault) {
    struct constraints made = {0};
    enum err err = OK;
    if (options->monotone && json_first(options->monotone)) {
        err = take_monotone(frame, options->monotone, task, &made, fault);
    }
    if (err == OK && options->interactions && json_first(options->interactions)) {
        err = take_sets(frame, options->interactions, &made, fault);
    }
    if (err == OK)
        *out = made;
    else
        constraints_close(&made);
    return err;
}

void constraints_close(struct constraints *constraints) {
    memory_give(constraints->monotone);
    memory_give(constraints->sets);
    *constraints = (struct constraints){0};
}
