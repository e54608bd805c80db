// Signs that the test side is easier than life: the same entity or the same row on both sides, test
// rows older than what trained, a column that is only filled once the answer is known.

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/tabular/judge_parts_private.h"

// A group of rows told apart by a cell being filled counts from here on.
enum { LEAK_ROWS_LEAST = 10 };
static const double leak_pure = 0.99; // nearly all of one class
static const double leak_base = 0.9;  // a class as common as this is no news
static const double leak_cover = 0.5; // and most of that class is in the group
static const double leak_r2 = 0.5;    // of a number, by being filled alone
static const double backwards = 0.05; // share of test rows older than the newest that trained

void put_warning(struct json_writer *out, const char *code, struct str detail) {
    json_open_object(out);
    json_set_text(out, "code", str_of(code));
    json_set_text(out, "detail", detail);
    json_close_object(out);
}

// ---- the same on both sides ------------------------------

struct sided {
    uint64_t key;
    uint32_t tests; // 0: trains or validates
};

static int compare_sided(const void *a, const void *b) {
    const struct sided *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->tests < y->tests ? -1 : x->tests > y->tests;
}

// Test rows whose key is also that of a row which trained or validated.
static enum err shared_rows(const uint64_t *keys, const uint8_t *side, uint64_t rows,
                            uint64_t *out) {
    struct sided *list = memory_take(rows * sizeof(*list) + 1);
    if (!list) return ERR_MEMORY;
    uint64_t count = 0, shared = 0;
    for (uint64_t i = 0; i < rows; i++) {
        if (side[i] != SIDE_NONE) list[count++] = (struct sided){keys[i], side[i] == SIDE_TEST};
    }
    qsort(list, count, sizeof(*list), compare_sided);
    for (uint64_t i = 0; i < count;) {
        uint64_t first = i;
        while (i < count && list[i].key == list[first].key) i++;
        if (list[first].tests) continue; // nobody trained on it
        for (uint64_t k = first; k < i; k++) shared += list[k].tests;
    }
    memory_give(list);
    *out = shared;
    return OK;
}

static void warn_count(struct json_writer *out, const char *code, struct str column,
                       uint64_t count) {
    char text[400];
    int size = column.size
                   ? snprintf(text, sizeof text, "%.*s: %" PRIu64,
                              (int)(column.size < 300 ? column.size : 300), column.data, count)
                   : snprintf(text, sizeof text, "%" PRIu64, count);
    put_warning(out, code, (struct str){text, (size_t)size});
}

// ---- time ------------------------------

// Test rows older than the newest row that trained, where the split does not go by time.
static void warn_backwards(const struct judging *j, const struct tabular_judge *wish,
                           const uint8_t *side, uint64_t rows) {
    double newest = -INFINITY;
    uint64_t tests = 0, older = 0;
    for (uint64_t i = 0; i < rows; i++) {
        if (side[i] == SIDE_TRAIN && wish->time[i] > newest) newest = wish->time[i];
    }
    for (uint64_t i = 0; i < rows; i++) {
        if (side[i] != SIDE_TEST || isnan(wish->time[i])) continue;
        tests++;
        older += wish->time[i] < newest;
    }
    if (tests == 0 || (double)older < backwards * (double)tests) return;
    put_warning(j->out, "train.time_backwards", wish->time_name);
}

// ---- filled only after the outcome ------------------------------

static bool filling_tells_class(const struct frame *frame, uint32_t f, const uint8_t *side,
                                const struct tabular_target *target) {
    uint64_t counts[2][TABULAR_CLASSES_MAX] = {{0}}, rows[2] = {0};
    for (uint64_t i = 0; i < frame->rows; i++) {
        if (side[i] != SIDE_TRAIN) continue;
        bool filled = !isnan(frame->values[f][i]);
        counts[filled][(uint32_t)target->values[i]]++;
        rows[filled]++;
    }
    if (rows[0] < LEAK_ROWS_LEAST || rows[1] < LEAK_ROWS_LEAST) return false;
    double all = (double)(rows[0] + rows[1]);
    for (int g = 0; g < 2; g++) {
        for (uint32_t k = 0; k < target->class_count; k++) {
            double here = (double)counts[g][k], of_class = here + (double)counts[!g][k];
            bool pure = here >= leak_pure * (double)rows[g];
            if (pure && of_class <= leak_base * all && here >= leak_cover * of_class) return true;
        }
    }
    return false;
}

static bool filling_tells_number(const struct frame *frame, uint32_t f, const uint8_t *side,
                                 const struct tabular_target *target) {
    double rows[2] = {0}, sum[2] = {0}, first = NAN, square = 0;
    for (uint64_t i = 0; i < frame->rows; i++) {
        if (side[i] != SIDE_TRAIN) continue;
        if (isnan(first)) first = target->values[i]; // keeps the squares small
        bool filled = !isnan(frame->values[f][i]);
        double y = target->values[i] - first;
        rows[filled]++;
        sum[filled] += y;
        square += y * y;
    }
    if (rows[0] < LEAK_ROWS_LEAST || rows[1] < LEAK_ROWS_LEAST) return false;
    double total = sum[0] + sum[1], all = rows[0] + rows[1];
    double spread = square - total * total / all;
    double between = sum[0] * sum[0] / rows[0] + sum[1] * sum[1] / rows[1] - total * total / all;
    return spread > 0 && between >= leak_r2 * spread;
}

enum err judge_leaks(const struct judging *judging, const struct frame *frame,
                     const struct tabular_judge *wish, const uint8_t *side, const uint64_t *keys) {
    const struct tabular_target *target = judging->target;
    bool classes = target->task == TASK_BINARY || target->task == TASK_CLASSES;
    uint64_t shared = 0;
    enum err err = OK;
    if (wish->entity) {
        err = shared_rows(wish->entity, side, frame->rows, &shared);
        if (err == OK && shared > 0) {
            warn_count(judging->out, "train.same_entity_both_sides", wish->entity_name, shared);
        }
    }
    if (err == OK) err = shared_rows(keys, side, frame->rows, &shared);
    if (err == OK && shared > 0) {
        warn_count(judging->out, "train.duplicates_both_sides", STR_NONE, shared);
    }
    if (wish->time && !wish->time_splits) warn_backwards(judging, wish, side, frame->rows);
    for (uint32_t f = 0; f < frame->feature_count && err == OK; f++) {
        bool tells = classes ? filling_tells_class(frame, f, side, target)
                     : target->task == TASK_REGRESSION
                         ? filling_tells_number(frame, f, side, target)
                         : false;
        if (tells) put_warning(judging->out, "train.filled_after", frame->features[f].name);
        if (progress_cancelled(judging->progress)) err = ERR_CANCELLED;
    }
    return err;
}
