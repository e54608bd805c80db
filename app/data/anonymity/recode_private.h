// The inside of local recoding: the engine (read-only while workers run, but for the records and
// levels of a worker's own class) and what each worker has for itself. Depends on
// anonymity_private.h.
#pragma once

#include <string.h>

#include "data/anonymity/anonymity_private.h"

enum {
    // Classes of up to so many rows are solved once with every policy.
    ENOUGH_ROWS = 4096,
    // Classes become tasks of their own from here on; smaller ones are not worth it.
    TASK_ROWS_LEAST = 256,
    // Rows looked at for those nearest to a remainder, and how many may be sought.
    NEAR_ROWS = 4096,
    NEAR_MOST = 256,
};

struct child {
    uint32_t place, code, rows; // number among siblings; a leaf below it; records below it
};
struct task {
    uint32_t from, to;
    uint64_t budget, suppressed;
    double loss;
    uint8_t levels[LIMIT_QUASI];
};
// What one worker has: the class it is at, and room.
struct recoder {
    uint8_t levels[LIMIT_QUASI]; // of the class
    uint64_t budget;             // rows of it that may be dropped
    uint64_t suppressed;
    uint32_t policy;
    bool trying;        // policies are being tried further up
    struct task *tasks; // collects tasks instead of solving; NULL: solves
    uint32_t task_count;
    uint64_t *slots[LIMIT_QUASI];        // (widest): zero but while counting
    uint64_t *others[LIMIT_QUASI];       // (widest): the same
    struct child *children[LIMIT_QUASI]; // (widest)
    uint32_t child_count[LIMIT_QUASI];
    uint32_t *nexts, *ends; // (widest of all columns)
    uint8_t *kept;          // (ENOUGH_ROWS, quasi_count): levels of the best policy so far
    uint32_t *kept_rows;    // (ENOUGH_ROWS)
    struct class_counts class_counts;
};
struct engine {
    const struct coded_table *table;
    const struct guard *guard;
    struct log_table *logs;
    struct progress *progress;
    uint32_t k, quasi_count, sensitive_count, stride;
    bool strict;
    uint32_t *records;              // (rows, stride): codes, sensitive values, row
    uint32_t *places[LIMIT_QUASI];  // (level_count - 1, leaf_count)
    uint32_t *fanouts[LIMIT_QUASI]; // (node_count): children
    double *losses[LIMIT_QUASI];    // (node_count)
    uint8_t *levels;                // (rows, quasi_count): the output
    uint32_t task_rows;
    struct task *tasks;
    struct recoder *recoders; // (recoder_count)
    uint32_t recoder_count;
};
enum err engine_open(const struct coded_table *table, const struct anonymity_goal *goal,
                     bool strict, const struct guard *guard, struct pool *pool,
                     struct progress *progress, uint8_t *levels, struct engine *out) MUST_USE;
void engine_close(struct engine *engine);

static inline uint32_t *engine_record(const struct engine *engine, uint32_t at) {
    return engine->records + (size_t)at * engine->stride;
}
static inline uint32_t engine_row(const struct engine *engine, uint32_t at) {
    return engine_record(engine, at)[engine->stride - 1];
}
static inline uint8_t *engine_levels(const struct engine *engine, uint32_t at) {
    return engine->levels + (size_t)engine_row(engine, at) * engine->quasi_count;
}
// For each leaf of the column: the number of its node at `level` among its siblings.
static inline const uint32_t *engine_places(const struct engine *engine, uint32_t column,
                                            uint32_t level) {
    size_t leaves = engine->table->quasi[column].hierarchy->leaf_count;
    return engine->places[column] + level * leaves;
}
static inline double engine_loss(const struct engine *engine, uint32_t column, uint32_t level,
                                 uint32_t code) {
    return engine
        ->losses[column][hierarchy_node(engine->table->quasi[column].hierarchy, level, code)];
}
static inline uint32_t engine_fanout(const struct engine *engine, uint32_t column, uint32_t level,
                                     uint32_t code) {
    return engine
        ->fanouts[column][hierarchy_node(engine->table->quasi[column].hierarchy, level, code)];
}
static inline void engine_swap(const struct engine *engine, uint32_t a, uint32_t b) {
    uint32_t *left = engine_record(engine, a), *right = engine_record(engine, b);
    for (uint32_t i = 0; i < engine->stride; i++) {
        uint32_t word = left[i];
        left[i] = right[i];
        right[i] = word;
    }
}

// After a partition along the column (records of the same child together; those of too small
// children from *rest on, up to `to`): what to do with the rest, which is smaller than k or may not
// stay. Rows of a sibling join it (*rest moves down) or it is to be dropped (*end = *rest). False:
// the split is not possible.
bool complete_rest(const struct engine *engine, const struct recoder *own, uint32_t column,
                   uint32_t from, uint32_t *rest, uint32_t *end, uint32_t to) MUST_USE;
// The same where l or t are asked for: children that do not hold them join the rest, and siblings
// until the rest holds them too.
bool guard_parts(const struct engine *engine, struct recoder *own, uint32_t column, uint32_t from,
                 uint32_t *rest, uint32_t *end, uint32_t to) MUST_USE;
// Where the run of records that are below the same child ends.
uint32_t run_end(const struct engine *engine, const struct recoder *own, uint32_t column,
                 uint32_t from, uint32_t to);
// What a row of the class loses, over all columns.
double row_loss(const struct engine *engine, const struct recoder *own, const uint32_t *record);
