// The way in to recoding: what is asked for must be possible at all.
#include "base/assert.h"
#include "data/anonymity/anonymity_private.h"

const char *recode_mode_name(enum recode_mode mode) {
    static const char *const names[RECODE_MODE_COUNT] = {"local", "strict", "optimal"};
    return names[mode];
}

void recoding_close(struct recoding *recoding) {
    memory_give(recoding->levels);
    *recoding = (struct recoding){0};
}

// All rows in one class: if that does not do, nothing does.
static enum err check_possible(const struct coded_table *table, const struct anonymity_goal *goal,
                               const struct guard *guard, struct fault *fault) {
    if (table->rows < goal->k) {
        return fault_set(fault, ERR_INPUT, "anonymity.too_few_rows", STR_NONE);
    }
    if (!guard->needed) return OK;
    struct class_counts counts;
    if (class_counts_open(guard, &counts) != OK) {
        return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("anonymity"));
    }
    for (uint32_t i = 0; i < guard->column_count; i++) {
        for (uint64_t row = 0; row < table->rows; row++) {
            class_counts_add(&counts, i, table->sensitive[i].codes[row], 1);
        }
    }
    counts.rows = (uint32_t)table->rows;
    bool held = guard_holds(guard, &counts);
    class_counts_close(&counts);
    return held ? OK : fault_set(fault, ERR_INPUT, "anonymity.never_diverse", STR_NONE);
}

static enum err recode_once(const struct coded_table *table, const struct anonymity_goal *goal,
                            enum recode_mode mode, const struct guard *guard, struct pool *pool,
                            struct progress *progress, struct recoding *out) {
    if (mode == RECODE_OPTIMAL) return recode_optimal(table, goal, guard, progress, out);
    return recode_local(table, goal, mode == RECODE_STRICT, guard, pool, progress, out);
}

// How far a class lies from the rows that are left; they may lie otherwise than all rows did.
static enum err farthest(const struct coded_table *table, const struct recoding *recoding,
                         double *out) {
    struct risk risk;
    enum err err = risk_measure(table, recoding, 1, &risk);
    *out = 0;
    for (uint32_t i = 0; err == OK && i < risk.sensitive_count; i++) {
        if (risk.sensitive[i].distance > *out) *out = risk.sensitive[i].distance;
    }
    return err;
}

// Where rows are dropped, t is asked of what remains: what overshoots is asked for more strictly
// again, and at last without dropping.
static enum err recode_until_near(const struct coded_table *table, struct anonymity_goal goal,
                                  enum recode_mode mode, struct guard guard, struct pool *pool,
                                  struct progress *progress, struct recoding *out) {
    enum { TRIES = 4 };
    double far;
    for (int i = 0;; i++) {
        if (i == TRIES) {
            goal.suppress_most = 0;
            guard.t = goal.t;
        }
        out->suppressed = 0;
        enum err err = recode_once(table, &goal, mode, &guard, pool, progress, out);
        if (err != OK || goal.t >= 1 || out->suppressed == 0) return err;
        err = farthest(table, out, &far);
        if (err != OK || far <= goal.t + GUARD_GRACE) return err;
        guard.t -= (far - goal.t) * 1.5;
    }
}

static enum err recode_checked(const struct coded_table *table, const struct anonymity_goal *goal,
                               enum recode_mode mode, const struct guard *guard, struct pool *pool,
                               struct progress *progress, struct recoding *out,
                               struct fault *fault) {
    enum err err = check_possible(table, goal, guard, fault);
    if (err != OK) return err;
    out->levels = memory_take((size_t)table->rows * table->quasi_count);
    if (!out->levels) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("anonymity"));
    err = recode_until_near(table, *goal, mode, *guard, pool, progress, out);
    if (err == OK) return OK;
    recoding_close(out);
    if (err == ERR_CANCELLED) return fault_set(fault, err, "cleanse.cancelled", STR_NONE);
    if (err == ERR_INPUT) return fault_set(fault, err, "anonymity.too_few_rows", STR_NONE);
    return fault_set(fault, err, "base.no_memory", STR("anonymity"));
}

enum err recode(const struct coded_table *table, const struct anonymity_goal *goal,
                enum recode_mode mode, struct pool *pool, struct progress *progress,
                struct recoding *out, struct fault *fault) {
    cy_assert(table->quasi_count <= LIMIT_QUASI && table->sensitive_count <= LIMIT_SENSITIVE);
    if (table->quasi_count == 0) return fault_set(fault, ERR_INPUT, "anonymity.no_quasi", STR_NONE);
    if (table->rows == 0) return fault_set(fault, ERR_INPUT, "anonymity.too_few_rows", STR_NONE);
    if (table->rows >= UINT32_MAX) {
        return fault_set(fault, ERR_LIMIT, "anonymity.too_many_rows", STR_NONE);
    }
    struct recoding made = {.rows = table->rows, .quasi_count = table->quasi_count};
    struct pool *own_pool = NULL;
    struct guard guard = {0};
    struct log_table *logs = memory_take(sizeof *logs);
    enum err err = logs ? OK : ERR_MEMORY;
    if (err == OK && !pool) err = pool_open(1, &own_pool);
    if (err == OK) {
        log_table_fill(logs);
        err = guard_open(table, NULL, goal, logs, &guard);
    }
    if (err != OK) {
        err = fault_set(fault, err, "base.no_memory", STR("anonymity"));
    } else {
        err = recode_checked(table, goal, mode, &guard, pool ? pool : own_pool, progress, &made,
                             fault);
    }
    guard_close(&guard);
    if (own_pool) pool_close(own_pool);
    memory_give(logs);
    if (err == OK) *out = made;
    return err;
}
