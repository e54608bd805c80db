// Splits rows by time: what tests comes after what trained.

#include <math.h>

#include "model/measure/measure.h"

// Row numbers by rising time, unknown ones first. *out belongs to the caller.
static enum err by_time(const double *time, uint64_t rows, uint32_t **out) {
    if (rows > UINT32_MAX) return ERR_LIMIT;
    double *known = memory_take(rows * sizeof(*known) + 1);
    uint32_t *order = memory_take(rows * sizeof(*order) + 1);
    enum err err = known && order ? OK : ERR_MEMORY;
    for (uint64_t i = 0; err == OK && i < rows; i++) {
        known[i] = isnan(time[i]) ? -INFINITY : time[i];
    }
    if (err == OK) err = order_by_score(known, rows, order);
    memory_give(known);
    if (err == OK)
        *out = order;
    else
        memory_give(order);
    return err;
}

static bool same_time(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

// The first place at or after `at` where a new time begins.
static uint64_t new_time(const double *time, const uint32_t *order, uint64_t rows, uint64_t at) {
    while (at > 0 && at < rows && same_time(time[order[at]], time[order[at - 1]])) at++;
    return at;
}

static void fill(const uint32_t *order, uint64_t from, uint64_t to, enum split_side value,
                 uint8_t *side) {
    for (uint64_t i = from; i < to; i++) side[order[i]] = (uint8_t)value;
}

enum err split_time(const double *time, uint64_t rows, uint32_t test_milli, uint32_t validate_milli,
                    uint8_t *side) {
    if ((uint64_t)test_milli + validate_milli >= 1000) return ERR_INPUT;
    uint32_t *order;
    enum err err = by_time(time, rows, &order);
    if (err != OK) return err;
    uint64_t tests = (rows * test_milli + 500) / 1000;
    uint64_t validates = (rows * validate_milli + 500) / 1000;
    uint64_t test = new_time(time, order, rows, rows - tests);
    uint64_t validate = new_time(time, order, rows, rows - tests - validates);
    if (validate > test) validate = test;
    fill(order, 0, validate, SIDE_TRAIN, side);
    fill(order, validate, test, SIDE_VALIDATE, side);
    fill(order, test, rows, SIDE_TEST, side);
    memory_give(order);
    return OK;
}

enum err split_rolling(const double *time, uint64_t rows, uint32_t folds, uint32_t fold,
                       uint32_t validate_milli, uint8_t *side) {
    cy_assert(fold < folds);
    if (validate_milli >= 1000) return ERR_INPUT;
    uint32_t *order;
    enum err err = by_time(time, rows, &order);
    if (err != OK) return err;
    uint64_t test = new_time(time, order, rows, rows * (fold + 1) / (folds + 1));
    uint64_t end = new_time(time, order, rows, rows * (fold + 2) / (folds + 1));
    uint64_t validates = (test * validate_milli + 500) / 1000;
    uint64_t validate = new_time(time, order, rows, test - validates);
    if (validate > test) validate = test;
    fill(order, 0, validate, SIDE_TRAIN, side);
    fill(order, validate, test, SIDE_VALIDATE, side);
    fill(order, test, end, SIDE_TEST, side);
    fill(order, end, rows, SIDE_NONE, side);
    memory_give(order);
    return OK;
}
